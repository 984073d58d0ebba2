/* Threads of glibc: pthreads(7), every line the same on each run. */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { TASKS = 8, ROUNDS = 2000 };

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static long guarded, turns;
static atomic_long counted;
static __thread long own = 40;
static pthread_barrier_t together;

static void *add(void *number)
{
    pthread_barrier_wait(&together);
    for (int i = 0; i < ROUNDS; i++) {
        pthread_mutex_lock(&mutex);
        guarded++;
        pthread_mutex_unlock(&mutex);
        counted++;
        if (i % 64 == 0) sched_yield();
    }
    own += (long)number;
    return (void *)own;
}

static void *take_turns(void *number)
{
    for (long turn = (long)number; turn < 100; turn += 2) {
        pthread_mutex_lock(&mutex);
        while (turns != turn) pthread_cond_wait(&changed, &mutex);
        turns++;
        pthread_cond_broadcast(&changed);
        pthread_mutex_unlock(&mutex);
    }
    return 0;
}

static void *die_with(void *robust)
{
    pthread_mutex_lock(robust);
    return 0;
}

static void robust_mutexes(void)
{
    pthread_mutexattr_t attributes;
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
    pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
    pthread_mutex_t *robust =
        mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pthread_mutex_init(robust, &attributes);
    pthread_t task;
    pthread_create(&task, 0, die_with, robust);
    pthread_join(task, 0);
    int first = pthread_mutex_lock(robust) == EOWNERDEAD;
    pthread_mutex_consistent(robust);
    pthread_mutex_unlock(robust);
    if (fork() == 0) {
        pthread_mutex_lock(robust);
        raise(SIGKILL);
    }
    wait(0);
    int second = pthread_mutex_lock(robust) == EOWNERDEAD;
    printf("owner died: thread %d, process %d\n", first, second);
}

static volatile sig_atomic_t taken;
static pthread_t taker;
static sem_t ready;

static void handler(int number)
{
    (void)number;
    taken = pthread_equal(pthread_self(), taker) ? 1 : 2;
}

static void *take_signal(void *nothing)
{
    sem_post(&ready);
    while (!taken) usleep(1000);
    return nothing;
}

static void *spin(void *nothing)
{
    while (taken != 4) continue;
    return nothing;
}

static void signals(void)
{
    sigset_t set;
    sem_init(&ready, 0, 0);
    signal(SIGUSR1, handler);
    pthread_create(&taker, 0, take_signal, 0);
    sem_wait(&ready);
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &set, 0);
    kill(getpid(), SIGUSR1);
    pthread_join(taker, 0);
    printf("process's signal taken by the thread that does not block it: %d\n", taken == 1);
    pthread_create(&taker, 0, take_signal, 0);
    sem_wait(&ready);
    taken = 0;
    pthread_kill(taker, SIGUSR1);
    pthread_join(taker, 0);
    printf("still blocked in the thread that inherits the mask: %d\n", taken == 0);
}

static void handler_in_spin(int number)
{
    (void)number;
    taken = 4;
}

static void signal_to_a_running_thread(void)
{
    sigset_t none;
    sigemptyset(&none);
    pthread_sigmask(SIG_SETMASK, &none, 0);
    signal(SIGUSR2, handler_in_spin);
    taken = 0;
    pthread_t task;
    pthread_create(&task, 0, spin, 0);
    usleep(2000);
    pthread_kill(task, SIGUSR2);
    pthread_join(task, 0);
    printf("running thread interrupted: %d\n", taken == 4);
}

static void *cancelled(void *nothing)
{
    for (;;) pause();
    return nothing;
}

static void timeouts(void)
{
    struct timespec at;
    clock_gettime(CLOCK_REALTIME, &at);
    at.tv_nsec += 5000000;
    if (at.tv_nsec >= 1000000000) at.tv_sec++, at.tv_nsec -= 1000000000;
    pthread_mutex_lock(&mutex);
    int waited = pthread_cond_timedwait(&changed, &mutex, &at) == ETIMEDOUT;
    pthread_mutex_unlock(&mutex);
    pthread_t task;
    void *value;
    pthread_create(&task, 0, cancelled, 0);
    usleep(1000);
    pthread_cancel(task);
    pthread_join(task, &value);
    printf("timed out %d, cancelled %d\n", waited, value == PTHREAD_CANCELED);
}

static void *fork_and_wait(void *nothing)
{
    (void)nothing;
    own = 7;
    pid_t child = fork();
    if (child == 0) _exit(own == 7 && getpid() == gettid() ? 3 : 4);
    int status;
    waitpid(child, &status, 0);
    return (void *)(long)WEXITSTATUS(status);
}

int main(void)
{
    setvbuf(stdout, 0, _IOLBF, 0);
    pthread_t tasks[TASKS];
    void *value;
    long sum = 0;
    pthread_barrier_init(&together, 0, TASKS);
    for (long i = 0; i < TASKS; i++) pthread_create(&tasks[i], 0, add, (void *)i);
    for (int i = 0; i < TASKS; i++) {
        pthread_join(tasks[i], &value);
        sum += (long)value;
    }
    printf("guarded %ld, counted %ld, thread-local %ld, own %ld\n", guarded, counted, sum, own);
    for (long i = 0; i < 2; i++) pthread_create(&tasks[i], 0, take_turns, (void *)i);
    for (int i = 0; i < 2; i++) pthread_join(tasks[i], 0);
    printf("turns %ld\n", turns);
    robust_mutexes();
    signals();
    signal_to_a_running_thread();
    timeouts();
    pthread_create(&tasks[0], 0, fork_and_wait, 0);
    pthread_join(tasks[0], &value);
    printf("child of a thread: %ld\n", (long)value);
    pthread_create(&tasks[0], 0, spin, 0);
    return 5;
}
