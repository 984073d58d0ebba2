/*
 * waits: waits for ever in the way that its first argument names, for the tests of deadlocks.
 *
 * Without an argument it says so and ends. Descriptors 3 and 4 are the ends of what is waited at, where there is one.
 */
#include "rt.h"

#include <linux/in.h>
#include <linux/sem.h>
#include <linux/poll.h>
#include <linux/eventpoll.h>

static int ends[2];
static char byte;
static unsigned words[2] = { 7, 8 };

static void make_pipe(void)
{
    must("pipe2", pipe2(ends, 0));
}

static void make_sockets(void)
{
    must("socketpair", CALL4(__NR_socketpair, 1, 1, 0, ends));
}

static void receive(void)
{
    make_sockets();
    CALL5(__NR_recvfrom, ends[0], &byte, 1, 0, 0);
}

static void receive_from_child(void)
{
    make_sockets();
    if (must("fork", fork()) == 0)
        CALL5(__NR_recvfrom, ends[1], &byte, 1, 0, 0);
    close(ends[1]);
    CALL5(__NR_recvfrom, ends[0], &byte, 1, 0, 0);
}

static void accept_one(void)
{
    struct sockaddr_in address = { .sin_family = 2, .sin_port = __builtin_bswap16(80) };
    address.sin_addr.s_addr = __builtin_bswap32(0x7f000001);
    int listener = (int)must("socket", CALL3(__NR_socket, 2, 1, 0));
    must("bind", CALL3(__NR_bind, listener, &address, sizeof address));
    must("listen", CALL2(__NR_listen, listener, 1));
    CALL4(__NR_accept4, listener, 0, 0, 0);
}

static void poll_two(void)
{
    make_pipe();
    struct pollfd watched[] = { { ends[0], POLLIN, 0 }, { -1, POLLIN, 0 } };
    CALL5(__NR_ppoll, watched, 2, 0, 0, 8);
}

static void select_one(void)
{
    make_pipe();
    unsigned long reads[16] = { 1UL << ends[0] };
    syscall(__NR_pselect6, ends[0] + 1, (long)reads, 0, 0, 0, 0);
}

static void wait_at_epoll(void)
{
    make_sockets();
    int epoll = (int)must("epoll_create1", CALL1(__NR_epoll_create1, 0));
    struct epoll_event event = { EPOLLIN, 1 };
    must("epoll_ctl", CALL4(__NR_epoll_ctl, epoll, EPOLL_CTL_ADD, ends[0], &event));
    CALL5(__NR_epoll_pwait, epoll, &event, 1, -1, 0);
}

static void take_semaphore(void)
{
    int set = (int)must("semget", CALL3(__NR_semget, 0, 2, 0600));
    struct sembuf give = { 1, 2, 0 }, take = { 1, -3, 0 };
    must("semop", CALL3(__NR_semop, set, &give, 1));
    CALL3(__NR_semop, set, &take, 1);
}

/* The child asks for what its parent has, and the parent waits for the child. */
static void lock_file(int whole)
{
    struct flock lock = { .l_type = F_WRLCK, .l_start = 10, .l_len = 5 };
    int file = (int)must("open", open("locked", O_RDWR | O_CREAT, 0600));
    must("lock", whole ? CALL2(__NR_flock, file, 2) : fcntl(file, F_SETLKW, (long)&lock));
    if (must("fork", fork()) == 0) {
        int again = (int)must("open", open("locked", O_RDWR, 0));
        if (whole)
            CALL2(__NR_flock, again, 2);
        else
            fcntl(again, F_SETLKW, (long)&lock);
    }
    CALL4(__NR_wait4, -1, 0, 0, 0);
}

static void suspend(unsigned long mask)
{
    CALL2(__NR_rt_sigsuspend, &mask, 8);
}

static void wait_for_signal(void)
{
    unsigned long set = 1UL << (SIGUSR1 - 1) | 1UL << (SIGTERM - 1);
    CALL4(__NR_rt_sigtimedwait, &set, 0, 0, 8);
}

static void wait_for_words(void)
{
    struct { unsigned long value, address; unsigned flags, reserved; } waits[] = {
        { 7, (unsigned long)&words[0], 2, 0 }, { 8, (unsigned long)&words[1], 2, 0 }
    };
    CALL5(__NR_futex_waitv, waits, 2, 0, 0, 0);
}

int main(int argc, char **argv)
{
    const char *how = argc > 1 ? argv[1] : "nothing";
    if (strcmp(how, "nothing") == 0)
        printf("nothing is waited for\n");
    else if (strcmp(how, "receive") == 0)
        receive();
    else if (strcmp(how, "receive-from-child") == 0)
        receive_from_child();
    else if (strcmp(how, "accept") == 0)
        accept_one();
    else if (strcmp(how, "poll") == 0)
        poll_two();
    else if (strcmp(how, "select") == 0)
        select_one();
    else if (strcmp(how, "epoll") == 0)
        wait_at_epoll();
    else if (strcmp(how, "semaphore") == 0)
        take_semaphore();
    else if (strcmp(how, "record-lock") == 0)
        lock_file(0);
    else if (strcmp(how, "whole-lock") == 0)
        lock_file(1);
    else if (strcmp(how, "suspend") == 0)
        suspend(1UL << (SIGUSR1 - 1));
    else if (strcmp(how, "signal") == 0)
        wait_for_signal();
    else if (strcmp(how, "words") == 0)
        wait_for_words();
    return 0;
}
