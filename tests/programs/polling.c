/*
 * polling: what ppoll and pselect6 say of pipes, and what ends their sleep.
 *
 * poll(2): events, POLLHUP, POLLERR, POLLNVAL, timeouts, EINTR, the signal mask; select(2): sets, EBADF.
 */
#include "rt.h"

#include <asm/poll.h>

static int ends[2];
static volatile int caught;

static long ppoll(struct pollfd *fds, unsigned count, const struct __kernel_timespec *time,
                  const unsigned long *mask)
{
    return CALL5(__NR_ppoll, fds, count, time, mask, sizeof *mask);
}

static void new_pipe(void)
{
    close(ends[0]);
    close(ends[1]);
    must("pipe2", pipe2(ends, O_NONBLOCK));
}

/* Asks once, without sleeping. */
static void now(const char *what, int fd, short events)
{
    struct pollfd fds = { fd, events, -1 };
    struct __kernel_timespec zero = { 0, 0 };
    long count = ppoll(&fds, 1, &zero, 0);
    printf("%s: %ld, events %x\n", what, count, fds.revents);
}

static void readiness(void)
{
    static char block[4096];
    new_pipe();
    now("empty pipe, read end", ends[0], POLLIN);
    now("empty pipe, write end", ends[1], POLLOUT | POLLIN);
    write(ends[1], "x", 1);
    now("a byte, read end", ends[0], POLLIN | POLLRDNORM);
    now("a byte, but nothing asked", ends[0], 0);
    while (write(ends[1], block, sizeof block) > 0)
        ;
    while (write(ends[1], "y", 1) > 0)
        ;
    now("full pipe, write end", ends[1], POLLOUT);
    close(ends[1]);
    now("no writer, bytes left", ends[0], POLLIN);
    while (read(ends[0], block, sizeof block) > 0)
        ;
    now("no writer, no bytes", ends[0], POLLIN);
    now("a closed descriptor", ends[1], POLLIN);
    now("a negative descriptor", -1, POLLIN);
    new_pipe();
    close(ends[0]);
    now("no reader", ends[1], POLLOUT);
    int file = make_file("f", "text");
    now("a file", file, POLLIN | POLLOUT);
    close(file);
    unlink("f");
}

static void several(void)
{
    struct __kernel_timespec zero = { 0, 0 };
    new_pipe();
    write(ends[1], "x", 1);
    struct pollfd fds[] = { { ends[0], POLLIN, 0 }, { -5, POLLIN, 7 }, { 99, 0, 0 }, { ends[1], POLLOUT, 0 } };
    long count = ppoll(fds, 4, &zero, 0);
    printf("four at once: %ld, events %x %x %x %x\n", count, fds[0].revents, fds[1].revents, fds[2].revents,
           fds[3].revents);
}

/* Forks a child that sleeps a little; true in the child. */
static int later(long *child)
{
    *child = must("fork", fork());
    if (*child == 0)
        sleep_ms(30);
    return *child == 0;
}

static void sleeping(void)
{
    struct __kernel_timespec short_time = { 0, 20 * 1000000 };
    long child;
    new_pipe();
    struct pollfd fds = { ends[0], POLLIN, 0 };
    show("20 ms pass", ppoll(&fds, 1, &short_time, 0));
    printf("  and are used up: %ld s %ld ns\n", (long)short_time.tv_sec, (long)short_time.tv_nsec);
    show("  nothing to watch", ppoll(0, 0, &(struct __kernel_timespec){ 0, 1000 }, 0));
    if (later(&child)) {
        write(ends[1], "x", 1);
        exit(0);
    }
    long count = ppoll(&fds, 1, 0, 0);
    printf("a child writes: %ld, events %x\n", count, fds.revents);
    wait_for(child);
    new_pipe();
    fds.fd = ends[0];
    if (later(&child))
        exit(0);
    close(ends[1]);
    count = ppoll(&fds, 1, 0, 0);
    printf("the last writer exits: %ld, events %x\n", count, fds.revents);
    wait_for(child);
}

/* sigset_t is a word of 64 bits on both machines, under different names. */
static long mask_signals(int how, const unsigned long *set, unsigned long *old)
{
    return sigprocmask(how, (const sigset_t *)set, (sigset_t *)old);
}

static void on_usr1(int signal)
{
    caught = signal;
}

static void signals(void)
{
    long child, self = getpid();
    new_pipe();
    struct pollfd fds = { ends[0], POLLIN, 0 };
    on_signal(SIGUSR1, on_usr1, SA_RESTART);
    if (later(&child)) {
        kill((int)self, SIGUSR1);
        exit(0);
    }
    long result = ppoll(&fds, 1, 0, 0);
    printf("a handler, SA_RESTART or not: %s, caught %d\n", errno_name(result), caught);
    wait_for(child);

    unsigned long usr1 = 1UL << (SIGUSR1 - 1), none = 0, before;
    caught = 0;
    mask_signals(SIG_BLOCK, &usr1, 0);
    kill((int)self, SIGUSR1);
    show("blocked, with a short timeout", ppoll(&fds, 1, &(struct __kernel_timespec){ 0, 1000 }, 0));
    result = ppoll(&fds, 1, 0, &none);
    mask_signals(SIG_BLOCK, 0, &before);
    printf("let in by the mask: %s, caught %d, blocked again %d\n", errno_name(result), caught,
           before == usr1);
    caught = 0;
    kill((int)self, SIGUSR1);
    write(ends[1], "x", 1);
    result = ppoll(&fds, 1, 0, &none);
    mask_signals(SIG_BLOCK, 0, &before);
    printf("ready before the signal: %ld, caught %d, blocked again %d\n", result, caught,
           before == usr1);
    mask_signals(SIG_UNBLOCK, &usr1, 0);
}

static void errors(void)
{
    struct pollfd fds = { 0, 0, 0 };
    show("a negative time", ppoll(&fds, 1, &(struct __kernel_timespec){ -1, 0 }, 0));
    show("too many nanoseconds", ppoll(&fds, 1, &(struct __kernel_timespec){ 0, 1000000000 }, 0));
    show("a bad address", ppoll(unmapped(), 1, &(struct __kernel_timespec){ 0, 0 }, 0));
    show("a bad mask size", CALL5(__NR_ppoll, &fds, 1, 0, &fds, 4));
}

static void selecting(void)
{
    unsigned long reads, writes;
    struct __kernel_timespec zero = { 0, 0 };
    new_pipe();
    int count = ends[1] + 1;
    reads = 1UL << ends[0] | 1UL << ends[1];
    writes = reads;
    show("select: an empty pipe", syscall(__NR_pselect6, count, (long)&reads, (long)&writes, 0, (long)&zero, 0));
    printf("  readable %d %d, writable %d %d\n", (int)(reads >> ends[0] & 1), (int)(reads >> ends[1] & 1),
           (int)(writes >> ends[0] & 1), (int)(writes >> ends[1] & 1));
    write(ends[1], "x", 1);
    reads = 1UL << ends[0];
    writes = 1UL << ends[1];
    show("select: a byte", syscall(__NR_pselect6, count, (long)&reads, (long)&writes, 0, (long)&zero, 0));
    reads = 1UL << 40;
    show("select: a closed descriptor", syscall(__NR_pselect6, 41, (long)&reads, 0, 0, (long)&zero, 0));
    show("select: beyond the count", syscall(__NR_pselect6, 40, (long)&reads, 0, 0, (long)&zero, 0));
    show("select: a negative count", syscall(__NR_pselect6, -1, 0, 0, 0, (long)&zero, 0));
}

int main(void)
{
    ends[0] = ends[1] = -1;
    readiness();
    several();
    sleeping();
    signals();
    errors();
    selecting();
    return 0;
}
