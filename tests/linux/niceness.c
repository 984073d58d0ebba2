/*
 * niceness [MS]: how tasks that compute share a hart for so long, by niceness and policy. A machine with other things to do
 * needs more than the usual 30 ms: what Linux printed is of 2000.
 *
 * setpriority(2), sched(7).
 */
#include "probe.h"
#include <sched.h>
#include <sys/resource.h>

static long span_ms = 30;
/* 0 while everybody gets going, 1 while it counts, 2 when it is over. */
static volatile int *phase;

static long used_us(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_utime.tv_sec * 1000000 + usage.ru_utime.tv_usec;
}

struct kind {
    int nice, policy;
};

/* Computes, and says for how long it had the hart while that counted, in microseconds. */
static void compute(struct kind kind, int result)
{
    struct sched_param none = {0};
    setpriority(PRIO_PROCESS, 0, kind.nice);
    sched_setscheduler(0, kind.policy, &none);
    while (*phase == 0)
        ;
    long before = used_us();
    while (*phase == 1)
        ;
    long us = used_us() - before;
    write(result, &us, sizeof us);
    _exit(0);
}

/* Prints whether the first got between `least` and `most` tenths of what the second got. */
static void share(const char *what, struct kind one, struct kind other, long least, long most)
{
    int results[2][2];
    long us[2];
    struct kind kinds[2] = {one, other};
    *phase = 0;
    for (int i = 0; i < 2; i++) {
        pipe(results[i]);
        if (fork() == 0)
            compute(kinds[i], results[i][1]);
    }
    usleep(5000);
    *phase = 1;
    usleep(span_ms * 1000);
    *phase = 2;
    for (int i = 0; i < 2; i++)
        read(results[i][0], &us[i], sizeof us[i]);
    while (wait(NULL) > 0)
        ;
    long tenths = us[0] * 10 / (us[1] ? us[1] : 1);
    int fits = tenths >= least && tenths <= most;
    printf("%s: %s", what, fits ? "as it should be\n" : "");
    if (!fits)
        printf("%ld us and %ld us\n", us[0], us[1]);
    fflush(stdout);
}

int main(int count, char **arguments)
{
    if (count > 1)
        span_ms = atol(arguments[1]);
    phase = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    cpu_set_t first;
    CPU_ZERO(&first);
    CPU_SET(0, &first);
    sched_setaffinity(0, sizeof first, &first);
    struct kind plain = {0, SCHED_OTHER};
    share("equals", plain, plain, 6, 16);
    share("five steps", plain, (struct kind){5, SCHED_OTHER}, 24, 38);
    share("ten steps", plain, (struct kind){10, SCHED_OTHER}, 75, 115);
    share("idle", plain, (struct kind){0, SCHED_IDLE}, 150, 100000);
}
