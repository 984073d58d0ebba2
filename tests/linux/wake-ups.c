/*
 * wake-ups: who has slept gets the hart back soon while others compute; of several epoll instances with EPOLLEXCLUSIVE, one.
 *
 * sched(7), epoll_ctl(2).
 */
#include "probe.h"
#include <sched.h>
#include <sys/epoll.h>
#include <sys/time.h>
#include <time.h>

static long now_ms(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static pid_t spinner(void)
{
    fflush(stdout);
    pid_t child = fork();
    if (child == 0)
        for (;;)
            ;
    return child;
}

/* Returns how many of four sleepers, each with an epoll instance of its own, hear of a byte in a pipe. */
static int woken(unsigned flags)
{
    int data[2], tell[2];
    pipe(data), pipe(tell);
    fcntl(tell[0], F_SETFL, O_NONBLOCK);
    fflush(stdout);
    pid_t children[4];
    for (int i = 0; i < 4; i++)
        if ((children[i] = fork()) == 0) {
            int ep = epoll_create1(0);
            struct epoll_event event = {EPOLLIN | flags};
            epoll_ctl(ep, EPOLL_CTL_ADD, data[0], &event);
            if (epoll_wait(ep, &event, 1, 1000) == 1)
                write(tell[1], "x", 1);
            _exit(0);
        }
    settle();
    write(data[1], "x", 1);
    settle();
    char told[9];
    int count = read(tell[0], told, 9);
    for (int i = 0; i < 4; i++) {
        kill(children[i], SIGKILL);
        waitpid(children[i], NULL, 0);
    }
    for (int i = 0; i < 2; i++)
        close(data[i]), close(tell[i]);
    return count;
}

int main(void)
{
    printf("woken: %d of 4\n", woken(0));
    printf("woken with EPOLLEXCLUSIVE: %d of 4\n", woken(EPOLLEXCLUSIVE));
    printf("woken with EPOLLEXCLUSIVE and EPOLLET: %d of 4\n", woken(EPOLLEXCLUSIVE | EPOLLET));
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(0, &one);
    sched_setaffinity(0, sizeof one, &one);
    pid_t spins = spinner();
    usleep(5000);
    long start = now_ms();
    for (int i = 0; i < 10; i++)
        usleep(5000);
    long took = now_ms() - start;
    printf("10 sleeps of 5 ms beside a task that computes: %s\n", took < 65 ? "soon over" : "late");
    kill(spins, SIGKILL);
    waitpid(spins, NULL, 0);
    return 0;
}
