/*
 * fifos: mknod, opening FIFOs, packets, pipe sizes, reopening through /proc.
 *
 * fifo(7), pipe(7), mknod(2), open(2).
 */
#include "probe.h"
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>

static void kind(const char *path)
{
    struct stat s;
    if (lstat(path, &s) == 0)
        printf("%s: mode %o links %d rdev %x:%x size %ld\n", path, s.st_mode, (int)s.st_nlink,
               major(s.st_rdev), minor(s.st_rdev), (long)s.st_size);
}

static void nodes(void)
{
    umask(022);
    TRY(mknod("fifo", S_IFIFO | 0666, 0));
    TRY(mknod("fifo", S_IFIFO | 0666, 0));
    TRY(mknod("regular", 0777, 0));
    TRY(mknod("regular2", S_IFREG | 0644, 0));
    TRY(mknod("null", S_IFCHR | 0666, makedev(1, 3)));
    TRY(mknod("strange", S_IFCHR | 0600, makedev(240, 77)));
    TRY(mknod("block", S_IFBLK | 0600, makedev(7, 200)));
    TRY(mknod("socket", S_IFSOCK | 0600, 0));
    TRY(mknod("directory", S_IFDIR | 0755, 0));
    TRY(mknod("link", S_IFLNK | 0755, 0));
    TRY(mknod("none", 0050000, 0));
    TRY(mknod("no/fifo", S_IFIFO, 0));
    TRY(mknod("regular/fifo", S_IFIFO, 0));
    TRY(mknod("slash/", S_IFIFO, 0));
    TRY(mknod("", S_IFIFO, 0));
    TRY(mknod(".", S_IFIFO, 0));
    kind("fifo"), kind("regular"), kind("null"), kind("strange"), kind("block"), kind("socket");
    int null = TRY(open("null", O_RDWR));
    TRY(write(null, "abc", 3));
    TRY(read(null, (char[3]){ 0 }, 3));
    TRY(open("strange", O_RDONLY));
    TRY(open("socket", O_RDWR));
    TRY(link("fifo", "fifo2"));
    TRY(rename("fifo2", "fifo3"));
    kind("fifo3");
    TRY(unlink("fifo3"));
    TRY(truncate("fifo", 0));
    TRY(open("fifo", O_RDONLY | O_DIRECTORY));
    close(null);
}

static short events(int fd)
{
    struct pollfd p = { .fd = fd, .events = POLLIN | POLLOUT };
    poll(&p, 1, 0);
    return p.revents;
}

static void on_alarm(int number)
{
    (void)number;
}

static void opening(void)
{
    char bytes[16];
    TRY(open("fifo", O_WRONLY | O_NONBLOCK));
    int reader = TRY(open("fifo", O_RDONLY | O_NONBLOCK));
    TRY(events(reader));
    TRY(read(reader, bytes, 1));
    int writer = TRY(open("fifo", O_WRONLY | O_NONBLOCK));
    TRY(events(reader));
    TRY(events(writer));
    TRY(read(reader, bytes, 1));
    TRY(write(writer, "abc", 3));
    TRY(events(reader));
    close(writer);
    TRY(events(reader));
    TRY(read(reader, bytes, 16));
    TRY(events(reader));
    TRY(read(reader, bytes, 16));
    TRY(lseek(reader, 0, SEEK_SET));
    TRY(ftruncate(reader, 0));
    TRY(fsync(reader));
    close(reader);
    int both = TRY(open("fifo", O_RDWR));
    TRY(write(both, "left", 4));
    int n = 0;
    TRY((ioctl(both, FIONREAD, &n), n));
    close(both);
    reader = open("fifo", O_RDONLY | O_NONBLOCK);
    TRY(read(reader, bytes, 16));
    close(reader);
    /* A reader and a writer meet. */
    pid_t child = fork();
    if (child == 0) {
        int fd = open("fifo", O_WRONLY);
        write(fd, "met", 3);
        _exit(0);
    }
    reader = TRY(open("fifo", O_RDONLY));
    TRY(read(reader, bytes, 16));
    waitpid(child, NULL, 0);
    close(reader);
    child = fork();
    if (child == 0) {
        settle();
        /* One that comes and goes at once is enough. */
        close(open("fifo", O_RDONLY | O_NONBLOCK));
        _exit(0);
    }
    writer = TRY(open("fifo", O_WRONLY));
    waitpid(child, NULL, 0);
    signal(SIGPIPE, SIG_IGN);
    TRY(write(writer, "x", 1));
    TRY(events(writer));
    close(writer);
    struct sigaction action = { .sa_handler = on_alarm };
    sigaction(SIGALRM, &action, NULL);
    ualarm(20000, 0);
    TRY(open("fifo", O_WRONLY));
    ualarm(20000, 0);
    TRY(open("fifo", O_RDONLY));
    TRY(open("fifo", O_WRONLY | O_NONBLOCK));
    int path = TRY(open("fifo", O_PATH));
    TRY(open("fifo", O_WRONLY | O_NONBLOCK));
    close(path);
}

static void packets(void)
{
    int ends[2];
    char bytes[8192] = { 0 };
    TRY(pipe2(ends, 0x40000));
    TRY(pipe2(ends, O_DIRECT | O_NONBLOCK));
    TRY(fcntl(ends[0], F_GETFL));
    TRY(fcntl(ends[1], F_GETFL));
    TRY(write(ends[1], "first", 5));
    TRY(write(ends[1], "second", 6));
    TRY(write(ends[1], "", 0));
    int n = 0;
    TRY((ioctl(ends[0], FIONREAD, &n), n));
    TRY(read(ends[0], bytes, 100));
    TRY(read(ends[0], bytes, 3));
    TRY(read(ends[0], bytes, 3));
    TRY(write(ends[1], bytes, 5000));
    TRY(read(ends[0], bytes, 8192));
    TRY(read(ends[0], bytes, 8192));
    TRY(fcntl(ends[1], F_SETFL, O_NONBLOCK));
    TRY(write(ends[1], "ab", 2));
    TRY(write(ends[1], "cd", 2));
    TRY(read(ends[0], bytes, 100));
    int count = 0;
    fcntl(ends[1], F_SETFL, O_NONBLOCK | O_DIRECT);
    while (write(ends[1], "p", 1) == 1)
        count++;
    TRY(count);
    close(ends[0]), close(ends[1]);
}

static void sizes(void)
{
    int ends[2];
    char bytes[4096] = { 0 };
    pipe(ends);
    int file = open("regular", O_RDWR);
    TRY(fcntl(ends[0], F_GETPIPE_SZ));
    TRY(fcntl(ends[0], F_SETPIPE_SZ, 0));
    TRY(fcntl(ends[0], F_SETPIPE_SZ, 4097));
    TRY(fcntl(ends[0], F_SETPIPE_SZ, 1 << 20));
    TRY(fcntl(ends[0], F_SETPIPE_SZ, 0x80000001u));
    TRY(fcntl(ends[0], F_SETPIPE_SZ, -1));
    write(ends[1], bytes, 4096), write(ends[1], bytes, 4096);
    TRY(fcntl(ends[1], F_SETPIPE_SZ, 4096));
    TRY(fcntl(ends[1], F_SETPIPE_SZ, 8192));
    TRY(fcntl(file, F_GETPIPE_SZ));
    TRY(fcntl(file, F_SETPIPE_SZ, 4096));
    /* A pipe is opened again, with other flags. */
    char path[64];
    sprintf(path, "/proc/self/fd/%d", ends[0]);
    int again = TRY(open(path, O_RDONLY | O_NONBLOCK) > 0 ? open(path, O_WRONLY | O_NONBLOCK) > 0 : -1);
    (void)again;
    int reopened = open(path, O_RDONLY | O_NONBLOCK);
    TRY(fcntl(reopened, F_GETFL));
    TRY(read(reopened, bytes, 4096));
    TRY(read(reopened, bytes, 4096));
    TRY(read(reopened, bytes, 4096));
    sprintf(path, "/proc/self/fd/%d", file);
    int other = open(path, O_RDONLY);
    write(file, "hello", 5);
    TRY(read(other, bytes, 10));
    TRY(write(other, "x", 1));
    TRY(pread(ends[0], bytes, 1, 0));
    TRY(pwrite(ends[1], bytes, 1, 0));
    TRY(lseek(ends[0], 0, SEEK_CUR));
    TRY(fcntl(ends[0], F_GETFL));
    TRY(fcntl(file, F_SETFL, O_APPEND | O_NONBLOCK | O_CREAT | O_RDWR));
    TRY(fcntl(file, F_GETFL));
    TRY(fcntl(file, F_SETFL, O_DIRECT));
    TRY(fcntl(file, F_GETFL));
    TRY(fcntl(file, F_NOTIFY, 0));
    TRY(fcntl(file, 9999));
}

int main(void)
{
    nodes();
    opening();
    packets();
    sizes();
    return 0;
}
