/*
 * pipe-rules: what a reader and a writer of a pipe may rely on.
 *
 * pipe(7): end of file, SIGPIPE and EPIPE, short reads, capacity, blocking and O_NONBLOCK.
 */
#include "rt.h"

static int ends[2];

static void new_pipe(int flags)
{
    close(ends[0]);
    close(ends[1]);
    must("pipe2", pipe2(ends, flags));
}

static void short_reads(void)
{
    char text[16];
    new_pipe(0);
    write(ends[1], "abc", 3);
    write(ends[1], "defgh", 5);
    long first = read(ends[0], text, 2);
    long second = read(ends[0], text + 2, sizeof text - 2);
    printf("two writes of 3 and 5, read 2: %ld, read 14: %ld \"%.*s\"\n", first, second,
           (int)(first + second), text);
}

static void end_of_file(void)
{
    char text[16];
    new_pipe(0);
    write(ends[1], "last", 4);
    close(ends[1]);
    long first = read(ends[0], text, sizeof text);
    long second = read(ends[0], text, sizeof text);
    long third = read(ends[0], text, sizeof text);
    printf("writer closed: read %ld, then %ld, then %ld\n", first, second, third);
}

/* A reader that inherited the write end keeps the pipe from ending. */
static void inherited_end(void)
{
    new_pipe(0);
    long child = must("fork", fork());
    if (child == 0) {
        close(ends[0]);
        sleep_ms(50);
        write(ends[1], "x", 1);
        exit(0);
    }
    char c;
    close(ends[1]);
    long first = read(ends[0], &c, 1);
    printf("the child's end counts: read %ld, then %ld when it has gone\n", first, read(ends[0], &c, 1));
    wait_for(child);
}

static void no_reader(void)
{
    new_pipe(0);
    close(ends[0]);
    long child = must("fork", fork());
    if (child == 0) {
        write(ends[1], "x", 1);
        exit(0);
    }
    printf("no reader: the writer dies of signal %d\n", WTERMSIG(wait_for(child)));
    on_signal(SIGPIPE, SIG_IGN, 0);
    printf("no reader, SIGPIPE ignored: %s\n", errno_name(write(ends[1], "x", 1)));
}

static void full_and_empty(void)
{
    static char block[4096];
    char c;
    long total = 0, result;
    new_pipe(O_NONBLOCK);
    printf("empty, O_NONBLOCK: %s\n", errno_name(read(ends[0], &c, 1)));
    while ((result = write(ends[1], block, sizeof block)) > 0)
        total += result;
    printf("full after %ld bytes: %s\n", total, errno_name(result));
    read(ends[0], block, sizeof block);
    show("after reading one block: write a block", write(ends[1], block, sizeof block));
    show("  and one byte more", write(ends[1], block, 1));
}

/* More than fits: the writer sleeps until the reader has made room, and every byte arrives once. */
static void flow(void)
{
    enum { BYTES = 300000 };
    static unsigned char sent[BYTES], got[7000];
    new_pipe(0);
    long child = must("fork", fork());
    if (child == 0) {
        for (long i = 0; i < BYTES; i++)
            sent[i] = (unsigned char)(i * 7 + i / 251);
        close(ends[0]);
        long written = write(ends[1], sent, BYTES);
        exit(written == BYTES ? 0 : 1);
    }
    close(ends[1]);
    long at = 0, wrong = 0, n;
    while ((n = read(ends[0], got, sizeof got)) > 0)
        for (long i = 0; i < n; i++, at++)
            wrong += got[i] != (unsigned char)(at * 7 + at / 251);
    printf("one write of %d bytes: %ld arrived, %ld of them wrong, status %d\n", BYTES, at, wrong,
           exit_status_of(child));
}

static void errors(void)
{
    int *nowhere = unmapped();
    char c;
    new_pipe(0);
    show("read the write end", read(ends[1], &c, 1));
    show("write the read end", write(ends[0], &c, 1));
    show("lseek", lseek(ends[0], 0, SEEK_CUR));
    show("pread", pread(ends[0], &c, 1, 0));
    show("read of 0 bytes from an empty pipe", read(ends[0], &c, 0));
    show("pipe2 with an unknown flag", pipe2(ends, 1));
    show("pipe2 with a bad address", pipe2(nowhere, 0));
    write(ends[1], "k", 1);
    show("read to a bad address", read(ends[0], nowhere, 1));
    show("  and the byte is still there", read(ends[0], &c, 1));
}

int main(void)
{
    ends[0] = ends[1] = -1;
    short_reads();
    end_of_file();
    inherited_end();
    no_reader();
    full_and_empty();
    flow();
    errors();
    return 0;
}
