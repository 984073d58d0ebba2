/*
 * copies: sendfile, copy_file_range, splice, tee, vmsplice, preadv2, pwritev2.
 *
 * sendfile(2), copy_file_range(2), splice(2), tee(2), vmsplice(2), readv(2).
 */
#include "probe.h"
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/uio.h>

static char bytes[70000] __attribute__((aligned(4096)));
static int file, out, reader, writer, ends[2], others[2];

static long at(int fd)
{
    return lseek(fd, 0, SEEK_CUR);
}

static int held(int pipe)
{
    int n = 0;
    ioctl(pipe, FIONREAD, &n);
    return n;
}

static void drain(int pipe)
{
    int flags = fcntl(pipe, F_GETFL);
    fcntl(pipe, F_SETFL, flags | O_NONBLOCK);
    while (read(pipe, bytes, sizeof bytes) > 0)
        ;
    fcntl(pipe, F_SETFL, flags);
}

static void send(void)
{
    off_t offset = 2, negative = -1;
    TRY(sendfile(out, file, &offset, 3));
    TRY(offset), TRY(at(file)), TRY(at(out));
    TRY(sendfile(out, file, NULL, 100));
    TRY(at(file)), TRY(at(out));
    TRY(sendfile(out, file, NULL, 100));
    TRY(sendfile(out, file, &negative, 1));
    TRY(sendfile(out, file, (void *)8, 1));
    TRY(sendfile(out, 99, NULL, 1));
    TRY(sendfile(99, file, NULL, 1));
    TRY(sendfile(reader, file, NULL, 1));
    TRY(sendfile(out, writer, NULL, 1));
    TRY(sendfile(out, ends[0], NULL, 1));
    TRY(sendfile(out, ends[0], &offset, 1));
    int dir = open(".", O_RDONLY), append = open("append", O_CREAT | O_WRONLY | O_APPEND, 0600);
    TRY(sendfile(out, dir, NULL, 1));
    TRY(sendfile(append, file, NULL, 1));
    TRY(sendfile(out, file, NULL, -1));
    lseek(file, 0, SEEK_SET);
    TRY(sendfile(ends[1], file, NULL, 4));
    TRY(held(ends[0]));
    TRY(ftruncate(out, 100000));
    lseek(out, 0, SEEK_SET);
    fcntl(ends[1], F_SETFL, O_NONBLOCK);
    TRY(sendfile(ends[1], out, NULL, 100000));
    TRY(sendfile(ends[1], out, NULL, 100000));
    fcntl(ends[1], F_SETFL, 0);
    drain(ends[0]);
    offset = 0;
    TRY(sendfile(ends[1], out, &offset, 100000));
    TRY(offset);
    drain(ends[0]);
    TRY(sendfile(out, open("/dev/zero", O_RDONLY), NULL, 10));
    TRY(sendfile(open("/dev/null", O_WRONLY), file, NULL, 10));
    ftruncate(out, 0);
    lseek(out, 0, SEEK_SET);
    close(dir), close(append);
}

static void ranges(void)
{
    off_t from = 1, to = 5, far = 0x7fffffffffffffff, negative = -1;
    TRY(copy_file_range(file, &from, out, &to, 4, 0));
    TRY(from), TRY(to), TRY(at(file)), TRY(at(out));
    lseek(file, 0, SEEK_SET);
    TRY(copy_file_range(file, NULL, out, NULL, 100, 0));
    TRY(at(file)), TRY(at(out));
    TRY(copy_file_range(file, NULL, out, NULL, 100, 0));
    TRY(copy_file_range(file, &from, out, &to, 1, 1));
    TRY(copy_file_range(file, &from, ends[1], NULL, 1, 0));
    TRY(copy_file_range(ends[0], NULL, out, NULL, 1, 0));
    TRY(copy_file_range(writer, NULL, out, NULL, 1, 0));
    TRY(copy_file_range(file, NULL, reader, NULL, 1, 0));
    TRY(copy_file_range(99, NULL, out, NULL, 1, 0));
    TRY(copy_file_range(file, (void *)8, out, NULL, 1, 0));
    TRY(copy_file_range(file, &far, out, NULL, 2, 0));
    TRY(copy_file_range(file, &negative, out, NULL, 2, 0));
    from = 0, to = 2;
    TRY(copy_file_range(file, &from, file, &to, 4, 0));
    to = 20;
    TRY(copy_file_range(file, &from, file, &to, 4, 0));
    int dir = open(".", O_RDONLY), append = open("append", O_WRONLY | O_APPEND);
    TRY(copy_file_range(dir, NULL, out, NULL, 1, 0));
    TRY(copy_file_range(file, NULL, append, NULL, 1, 0));
    TRY(copy_file_range(file, NULL, out, NULL, 0, 0));
    TRY(copy_file_range(file, NULL, open("/dev/null", O_WRONLY), NULL, 1, 0));
    close(dir), close(append);
    ftruncate(file, 10);
}

static void splices(void)
{
    loff_t offset = 3, negative = -1;
    TRY(splice(file, &offset, ends[1], NULL, 4, 0));
    TRY(offset), TRY(held(ends[0]));
    TRY(tee(ends[0], others[1], 3, 0));
    TRY(held(ends[0])), TRY(held(others[0]));
    TRY(splice(ends[0], NULL, others[1], NULL, 100, 0));
    TRY(held(ends[0])), TRY(held(others[0]));
    offset = 1;
    ftruncate(out, 0);
    TRY(splice(others[0], NULL, out, &offset, 100, 0));
    TRY(offset);
    TRY(pread(out, bytes, 20, 0));
    bytes[8] = 0;
    printf("%s\n", bytes + 1);
    TRY(splice(ends[0], NULL, out, NULL, 10, SPLICE_F_NONBLOCK));
    TRY(splice(ends[0], NULL, others[1], NULL, 10, SPLICE_F_NONBLOCK));
    TRY(tee(ends[0], others[1], 10, SPLICE_F_NONBLOCK));
    TRY(splice(file, NULL, out, NULL, 10, 0));
    TRY(splice(ends[0], NULL, ends[1], NULL, 10, 0));
    TRY(tee(ends[0], ends[1], 10, 0));
    TRY(tee(file, ends[1], 10, 0));
    TRY(tee(ends[1], others[1], 10, 0));
    TRY(tee(ends[0], others[1], 10, 16));
    TRY(tee(99, others[1], 0, 0));
    TRY(splice(ends[0], &offset, out, NULL, 10, 0));
    TRY(splice(file, &negative, ends[1], NULL, 10, 0));
    TRY(splice(file, (void *)8, ends[1], NULL, 10, 0));
    TRY(splice(99, NULL, ends[1], NULL, 10, 0));
    TRY(splice(99, NULL, ends[1], NULL, 0, 0));
    TRY(splice(file, NULL, ends[1], NULL, 10, 32));
    TRY(splice(writer, NULL, ends[1], NULL, 10, 0));
    TRY(splice(file, NULL, ends[0], NULL, 10, 0));
    int append = open("append", O_WRONLY | O_APPEND);
    write(ends[1], "x", 1);
    TRY(splice(ends[0], NULL, append, NULL, 10, 0));
    close(append);
    lseek(file, 10, SEEK_SET);
    TRY(splice(file, NULL, ends[1], NULL, 10, 0));
    drain(ends[0]);
    struct iovec pieces[2] = { { "abc", 3 }, { "de", 2 } }, room[1] = { { bytes, 10 } };
    TRY(vmsplice(ends[1], pieces, 2, 0));
    TRY(vmsplice(ends[0], room, 1, 0));
    bytes[5] = 0;
    printf("%s\n", bytes);
    TRY(vmsplice(ends[0], room, 1, SPLICE_F_NONBLOCK));
    TRY(vmsplice(file, pieces, 2, 0));
    TRY(vmsplice(file, pieces, 0, 0));
    TRY(vmsplice(99, pieces, 2, 0));
    TRY(vmsplice(ends[1], pieces, 2, 16));
    TRY(vmsplice(ends[1], pieces, 1025, 0));
    TRY(vmsplice(ends[1], (void *)8, 1, 0));
    pieces[0] = (struct iovec){ bytes, sizeof bytes };
    TRY(vmsplice(ends[1], pieces, 1, 0));
    TRY(vmsplice(ends[1], pieces, 1, SPLICE_F_NONBLOCK));
    drain(ends[0]);
    /* The reader of a pipe waits for its writer. */
    pid_t child = fork();
    if (child == 0) {
        settle();
        write(ends[1], "late", 4);
        _exit(0);
    }
    ftruncate(out, 0);
    lseek(out, 0, SEEK_SET);
    TRY(splice(ends[0], NULL, out, NULL, 100, 0));
    waitpid(child, NULL, 0);
    signal(SIGPIPE, SIG_IGN);
    close(others[0]);
    write(ends[1], "x", 1);
    TRY(splice(ends[0], NULL, others[1], NULL, 100, 0));
    TRY(tee(ends[0], others[1], 100, 0));
    lseek(file, 0, SEEK_SET);
    TRY(sendfile(others[1], file, NULL, 1));
    drain(ends[0]);
}

static void vectors(void)
{
    pipe(ends);
    struct iovec two[2] = { { "AB", 2 }, { "CD", 2 } }, in[2] = { { bytes, 3 }, { bytes + 3, 5 } };
    ftruncate(out, 0);
    lseek(out, 0, SEEK_SET);
    TRY(pwritev(out, two, 2, 1));
    TRY(at(out));
    TRY(preadv(out, in, 2, 2));
    TRY(preadv(out, in, 2, -1));
    TRY(pwritev(out, two, 2, -5));
    TRY(preadv(ends[0], in, 2, 0));
    TRY(pwritev2(out, two, 2, -1, 0));
    TRY(at(out));
    TRY(preadv2(out, in, 2, -1, 0));
    TRY(at(out));
    TRY(preadv2(out, in, 2, -2, 0));
    TRY(pwritev2(out, two, 2, 0, RWF_APPEND));
    TRY(lseek(out, 0, SEEK_END));
    TRY(pwritev2(out, two, 1, 0, RWF_DSYNC | RWF_SYNC));
    TRY(preadv2(out, in, 2, 0, RWF_NOWAIT));
    TRY(pwritev2(out, two, 2, 0, RWF_NOWAIT));
    TRY(preadv2(out, in, 2, 0, RWF_HIPRI));
    TRY(preadv2(out, in, 2, 0, 0x40000000));
    TRY(preadv2(writer, in, 2, 0, 0x40000000));
    TRY(preadv2(ends[0], in, 2, -1, RWF_NOWAIT));
    TRY(preadv2(ends[0], in, 2, 0, 0));
    TRY(pwritev2(ends[1], two, 2, -1, RWF_NOWAIT));
    TRY(preadv2(ends[0], in, 2, -1, RWF_NOWAIT));
    TRY(preadv2(99, in, 2, -1, 0));
    TRY(preadv2(writer, in, 2, -1, 0));
    TRY(preadv2(out, in, -1, -1, 0));
    TRY(preadv(out, in, 1025, 0));
    in[0].iov_len = -1;
    TRY(preadv(out, in, 2, 0));
    int append = open("append", O_WRONLY | O_APPEND);
    ftruncate(append, 6);
    TRY(pwritev(append, two, 2, 0));
    TRY(lseek(append, 0, SEEK_END));
    TRY(pwritev2(append, two, 2, 0, 0x20));
    TRY(pwritev2(append, two, 2, 0, 0x20 | RWF_APPEND));
    TRY(lseek(append, 0, SEEK_END));
    TRY(posix_fadvise(ends[0], 0, 0, 0)), TRY(posix_fadvise(file, 0, 0, 9)), TRY(posix_fadvise(file, 0, -1, 0));
    TRY(readahead(file, 0, 10)), TRY(readahead(writer, 0, 10)), TRY(readahead(ends[0], 0, 10)), TRY(readahead(99, 0, 1));
    TRY(readahead(open(".", O_RDONLY), 0, 1));
    TRY(sync_file_range(file, 0, 10, 7)), TRY(sync_file_range(file, 0, 10, 8)), TRY(sync_file_range(file, -1, 10, 1));
    TRY(sync_file_range(ends[0], 0, 1, 1)), TRY(sync_file_range(99, 0, 1, 8)), TRY(sync_file_range(file, 0, -1, 1));
    TRY(syncfs(file)), TRY(syncfs(99)), TRY(syncfs(ends[0])), TRY(fdatasync(ends[0])), TRY(fsync(file));
}

int main(void)
{
    file = open("file", O_RDWR | O_CREAT, 0600);
    write(file, "0123456789", 10);
    lseek(file, 0, SEEK_SET);
    out = open("out", O_RDWR | O_CREAT, 0600);
    reader = open("file", O_RDONLY);
    writer = open("file", O_WRONLY);
    pipe(ends), pipe(others);
    send();
    ranges();
    splices();
    vectors();
    return 0;
}
