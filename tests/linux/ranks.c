/*
 * ranks: who gives the hart to a task that has become more urgent, and when.
 *
 * sched_setparam(2), sched_setscheduler(2), sched_setaffinity(2), sched(7).
 */
#include "probe.h"
#include <sched.h>

static volatile int *ran;

/* Starts a child on this hart that notes that it ran. */
static pid_t start(void)
{
    pid_t child = fork();
    if (child == 0) {
        for (;;)
            *ran = 1, pause();
    }
    return child;
}

static void finish(pid_t child)
{
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    *ran = 0;
}

static int become(pid_t who, int policy, int priority)
{
    return sched_setscheduler(who, policy, &(struct sched_param){priority});
}

int main(void)
{
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(0, &one);
    ran = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    *ran = 0;
    TRY(sched_setaffinity(0, sizeof one, &one));
    TRY(become(0, SCHED_FIFO, 10));

    pid_t child = start();
    TRY(*ran);
    TRY(sched_setparam(child, &(struct sched_param){20}));
    TRY(*ran);
    finish(child);

    child = start();
    TRY(sched_setparam(child, &(struct sched_param){10}));
    TRY(*ran);
    sched_yield();
    TRY(*ran);
    finish(child);

    child = start();
    TRY(become(child, SCHED_RR, 5));
    TRY(*ran);
    TRY(become(0, SCHED_FIFO, 4));
    TRY(*ran);
    finish(child);

    child = start();
    TRY(become(child, SCHED_OTHER, 0));
    sched_yield();
    TRY(*ran);
    TRY(become(child, SCHED_FIFO, 30));
    TRY(*ran);
    finish(child);
}
