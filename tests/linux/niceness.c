/*
 * niceness [MS]: how tasks that compute share a hart for so long, by niceness and policy. A machine with other things to do
 * needs more than the usual 300 ms: what Linux printed is of 2000.
 *
 * setpriority(2), sched(7).
 */
#include "probe.h"
#include <sched.h>
#include <sys/resource.h>
#include <sys/time.h>

static volatile int is_over;
static long span_ms = 300;

static void over(int signal)
{
    is_over = 1;
}

struct kind {
    int nice, policy;
};

/* Computes until its time is over, and says for how long it had the hart, in milliseconds. */
static long compute(struct kind kind, int ready, int result)
{
    struct sched_param none = {0};
    char byte;
    signal(SIGALRM, over);
    setpriority(PRIO_PROCESS, 0, kind.nice);
    sched_setscheduler(0, kind.policy, &none);
    read(ready, &byte, 1);
    struct itimerval end = {.it_value = {span_ms / 1000, span_ms % 1000 * 1000}};
    setitimer(ITIMER_REAL, &end, NULL);
    while (!is_over)
        ;
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    long ms = usage.ru_utime.tv_sec * 1000 + usage.ru_utime.tv_usec / 1000;
    write(result, &ms, sizeof ms);
    _exit(0);
}

/* Prints whether the first got between `least` and `most` tenths of what the second got. */
static void share(const char *what, struct kind one, struct kind other, long least, long most)
{
    int ready[2], results[2][2];
    long ms[2];
    struct kind kinds[2] = {one, other};
    pipe(ready);
    for (int i = 0; i < 2; i++) {
        pipe(results[i]);
        if (fork() == 0)
            compute(kinds[i], ready[0], results[i][1]);
    }
    settle();
    write(ready[1], "go", 2);
    for (int i = 0; i < 2; i++)
        read(results[i][0], &ms[i], sizeof ms[i]);
    while (wait(NULL) > 0)
        ;
    long tenths = ms[0] * 10 / (ms[1] ? ms[1] : 1);
    int fits = tenths >= least && tenths <= most;
    printf("%s: %s", what, fits ? "as it should be\n" : "");
    if (!fits)
        printf("%ld ms and %ld ms\n", ms[0], ms[1]);
    fflush(stdout);
}

int main(int count, char **arguments)
{
    if (count > 1)
        span_ms = atol(arguments[1]);
    cpu_set_t first;
    CPU_ZERO(&first);
    CPU_SET(0, &first);
    sched_setaffinity(0, sizeof first, &first);
    struct kind plain = {0, SCHED_OTHER};
    share("equals", plain, plain, 8, 12);
    share("five steps", plain, (struct kind){5, SCHED_OTHER}, 24, 38);
    share("ten steps", plain, (struct kind){10, SCHED_OTHER}, 75, 115);
    share("five steps the other way", (struct kind){-5, SCHED_OTHER}, plain, 24, 38);
    share("batch, five steps", plain, (struct kind){5, SCHED_BATCH}, 24, 38);
    share("idle", plain, (struct kind){0, SCHED_IDLE}, 150, 100000);
}
