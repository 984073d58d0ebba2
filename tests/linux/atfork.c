/* pthread_atfork: the order of its handlers, and the lock that they carry across a fork from one of two threads. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_barrier_t held;
static char order[32];
static int steps;

static void note(char step)
{
    order[steps++] = step;
}

static void prepare_one(void) { note('a'); pthread_mutex_lock(&lock); }
static void parent_one(void) { note('b'); pthread_mutex_unlock(&lock); }
static void child_one(void) { note('c'); pthread_mutex_unlock(&lock); }
static void prepare_two(void) { note('A'); }
static void parent_two(void) { note('B'); }
static void child_two(void) { note('C'); }

static void *hold(void *unused)
{
    (void)unused;
    pthread_mutex_lock(&lock);
    pthread_barrier_wait(&held);
    usleep(20000);
    pthread_mutex_unlock(&lock);
    return 0;
}

/* Forks while another thread holds the lock; says whether the child could take it. */
static int child_takes_lock(void)
{
    pthread_t thread;
    pthread_barrier_init(&held, 0, 2);
    pthread_create(&thread, 0, hold, 0);
    pthread_barrier_wait(&held);
    steps = 0;
    pid_t child = fork();
    if (child == 0) {
        struct timespec until;
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_nsec += 50000000;
        until.tv_sec += until.tv_nsec / 1000000000;
        until.tv_nsec %= 1000000000;
        int failed = pthread_mutex_timedlock(&lock, &until);
        order[steps] = 0;
        printf("child: steps \"%s\", lock %s\n", order, failed ? "held" : "taken");
        fflush(stdout);
        _exit(failed != 0);
    }
    int status;
    waitpid(child, &status, 0);
    pthread_join(thread, 0);
    order[steps] = 0;
    printf("parent: steps \"%s\"\n", order);
    return status == 0;
}

int main(void)
{
    setvbuf(stdout, 0, _IONBF, 0);
    printf("without handlers: %d\n", child_takes_lock());
    pthread_atfork(prepare_one, parent_one, child_one);
    pthread_atfork(prepare_two, parent_two, child_two);
    printf("with handlers: %d\n", child_takes_lock());
    return 0;
}
