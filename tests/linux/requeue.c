/*
 * requeue: waiters that are moved from a futex to a lock (FUTEX_WAIT_REQUEUE_PI, FUTEX_CMP_REQUEUE_PI), and who refuses them.
 *
 * futex(2).
 */
#include "probe.h"
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <time.h>

static _Atomic unsigned word, lock, other_lock;
static _Atomic int had, ended;

static long futex(void *at, int op, unsigned value, void *timeout, void *second, unsigned value3)
{
    return syscall(SYS_futex, at, op | FUTEX_PRIVATE_FLAG, value, timeout, second, value3);
}

static unsigned own(void)
{
    return syscall(SYS_gettid);
}

static void *waiter(void *argument)
{
    long result = futex(&word, FUTEX_WAIT_REQUEUE_PI, 0, argument, &lock, 0);
    const char *told = result == 0 ? "woken without the lock" : strerrorname_np(errno);
    if (result == 0 && (lock & FUTEX_TID_MASK) == own()) {
        told = "woken with the lock";
        had++;
        usleep(20000);
        futex(&lock, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0);
    }
    ended++;
    return (void *)told;
}

static void start(pthread_t *threads, int count, void *timeout)
{
    for (int i = 0; i < count; i++)
        pthread_create(threads + i, NULL, waiter, timeout);
    settle();
}

static void join(pthread_t *threads, int count)
{
    for (int i = 0; i < count; i++)
    {
        void *told;
        pthread_join(threads[i], &told);
        printf("waiter: %s\n", (char *)told);
    }
}

static void on_signal(int signal)
{
    (void)signal;
}

int main(void)
{
    pthread_t threads[4];
    TRY(futex(&word, FUTEX_WAIT_REQUEUE_PI, 1, NULL, &lock, 0));
    TRY(futex(&word, FUTEX_WAIT_REQUEUE_PI, 0, NULL, &word, 0));
    TRY(futex(&word, FUTEX_WAIT_REQUEUE_PI, 0, NULL, (char *)&lock + 1, 0));
    TRY(futex(&word, FUTEX_CMP_REQUEUE_PI, 1, (void *)1, &lock, 1));
    TRY(futex(&word, FUTEX_CMP_REQUEUE_PI, 2, (void *)1, &lock, 0));
    TRY(futex(&word, FUTEX_CMP_REQUEUE_PI, 0, (void *)1, &lock, 0));
    TRY(futex(&word, FUTEX_CMP_REQUEUE_PI, 1, (void *)-1L, &lock, 0));
    TRY(futex(&word, FUTEX_CMP_REQUEUE_PI, 1, (void *)1, &word, 0));
    TRY(futex(&word, FUTEX_CMP_REQUEUE_PI, 1, (void *)1, &lock, 0));

    struct timespec soon;
    clock_gettime(CLOCK_MONOTONIC, &soon);
    soon.tv_nsec += 30000000;
    if (soon.tv_nsec >= 1000000000) {
        soon.tv_sec++;
        soon.tv_nsec -= 1000000000;
    }
    TRY(futex(&word, FUTEX_WAIT_REQUEUE_PI, 0, &soon, &lock, 0));

    puts("a free lock goes to the first");
    start(threads, 1, NULL);
    TRY(futex(&word, FUTEX_WAKE, 1, NULL, NULL, 0));
    TRY(futex(&word, FUTEX_REQUEUE, 0, (void *)1, &other_lock, 0));
    TRY(futex(&word, FUTEX_CMP_REQUEUE_PI, 1, 0, &other_lock, 0));
    TRY(futex(&word, FUTEX_CMP_REQUEUE_PI, 1, 0, &lock, 0));
    join(threads, 1);
    printf("lock %x, had %d\n", lock, had);

    puts("others wait for it in turn");
    start(threads, 4, NULL);
    TRY(futex(&word, FUTEX_CMP_REQUEUE_PI, 1, (void *)2, &lock, 0));
    usleep(200000);
    printf("ended %d\n", ended);
    TRY(futex(&word, FUTEX_CMP_REQUEUE_PI, 1, (void *)INT_MAX, &lock, 0));
    join(threads, 4);
    printf("lock %x, had %d\n", lock, had);

    puts("a lock that is held");
    TRY(futex(&lock, FUTEX_LOCK_PI, 0, NULL, NULL, 0));
    start(threads, 2, NULL);
    TRY(futex(&word, FUTEX_CMP_REQUEUE_PI, 1, (void *)INT_MAX, &lock, 0));
    settle();
    printf("waiters %d, had %d\n", (lock & FUTEX_WAITERS) != 0, had);
    TRY(futex(&lock, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0));
    join(threads, 2);
    printf("lock %x, had %d\n", lock, had);

    puts("a time that is over once it waits for the lock");
    TRY(futex(&lock, FUTEX_LOCK_PI, 0, NULL, NULL, 0));
    clock_gettime(CLOCK_MONOTONIC, &soon);
    soon.tv_sec += 1;
    start(threads, 1, &soon);
    TRY(futex(&word, FUTEX_CMP_REQUEUE_PI, 1, (void *)INT_MAX, &lock, 0));
    join(threads, 1);
    TRY(futex(&lock, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0));
    printf("lock %x\n", lock);

    puts("signals");
    signal(SIGUSR1, on_signal);
    start(threads, 1, NULL);
    pthread_kill(threads[0], SIGUSR1);
    settle();
    word = 1;
    pthread_kill(threads[0], SIGUSR1);
    join(threads, 1);
    word = 0;
    TRY(futex(&lock, FUTEX_LOCK_PI, 0, NULL, NULL, 0));
    start(threads, 1, NULL);
    word = 1;
    TRY(futex(&word, FUTEX_CMP_REQUEUE_PI, 1, (void *)INT_MAX, &lock, 1));
    pthread_kill(threads[0], SIGUSR1);
    join(threads, 1);
    TRY(futex(&lock, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0));
    word = 0;

    puts("a plain waiter");
    if (fork() == 0) {
        alarm(2);
        pthread_create(threads, NULL, waiter, NULL);
        settle();
        futex(&word, FUTEX_WAIT, 0, &(struct timespec){0, 1000000}, NULL, 0);
        _exit(0);
    }
    wait(NULL);
    TRY(futex(&word, FUTEX_CMP_REQUEUE, 0, (void *)1, &lock, 0));
    return 0;
}
