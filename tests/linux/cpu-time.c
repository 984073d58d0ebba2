/*
 * cpu-time: sleeps by clocks that move only while somebody runs, and waits for the children of one thread.
 *
 * clock_nanosleep(2), clock_getcpuclockid(3), wait4(2) __WNOTHREAD.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t caught;

static void on_signal(int number, siginfo_t *info, void *context)
{
    caught++;
}

static void catch(int number)
{
    struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO};
    sigaction(number, &action, NULL);
}

static long cpu_ms(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void spin_until(long ms)
{
    while (cpu_ms(CLOCK_PROCESS_CPUTIME_ID) < ms)
        for (volatile int i = 0; i < 20000; i++)
            ;
}

static void outcome(const char *what, pid_t child)
{
    int status;
    struct rusage usage;
    if (wait4(child, &status, 0, &usage) != child)
        printf("%s: wait4 %s\n", what, strerrorname_np(errno));
    else if (WIFSIGNALED(status))
        printf("%s: %s\n", what, sigabbrev_np(WTERMSIG(status)));
    else
        printf("%s: exit %d\n", what, WEXITSTATUS(status));
    fflush(stdout);
}

static void *burn(void *unused)
{
    spin_until(100000);
    return NULL;
}

static int sleep_by(clockid_t clock, int flags, long ms, struct timespec *left)
{
    struct timespec time = {ms / 1000, ms % 1000 * 1000000};
    return syscall(SYS_clock_nanosleep, clock, flags, &time, left) ? errno : 0;
}

static void say(const char *what, int error)
{
    printf("%s: %s\n", what, error ? strerrorname_np(error) : "0");
    fflush(stdout);
}

static void sleeps(void)
{
    struct timespec left = {7, 7};
    clockid_t clock;
    pthread_t thread;
    say("by the task's clock", sleep_by(CLOCK_THREAD_CPUTIME_ID, 0, 10, NULL));
    pthread_getcpuclockid(pthread_self(), &clock);
    say("by one's own clock", sleep_by(clock, 0, 10, NULL));
    say("until the past", sleep_by(CLOCK_PROCESS_CPUTIME_ID, TIMER_ABSTIME, 0, NULL));
    say("nobody's clock", sleep_by((~30000u << 3) | 2, 0, 10, NULL));
    struct timespec bad = {0, -1};
    syscall(SYS_clock_nanosleep, CLOCK_PROCESS_CPUTIME_ID, 0, &bad, NULL);
    say("no time", errno);
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        for (volatile long i = 0;; i++)
            ;
    }
    clock_getcpuclockid(child, &clock);
    long before = cpu_ms(clock);
    say("by the child's clock", sleep_by(clock, 0, 20, NULL));
    long slept = cpu_ms(clock) - before;
    printf("as long: %d\n", slept >= 19 && slept < 60);
    before = cpu_ms(clock);
    say("until a moment of it", sleep_by(clock, TIMER_ABSTIME, before + 10, NULL));
    printf("not before: %d\n", cpu_ms(clock) >= before + 10);
    catch(SIGALRM);
    struct itimerval soon = {.it_value.tv_usec = 20000};
    setitimer(ITIMER_REAL, &soon, NULL);
    say("interrupted", sleep_by(clock, 0, 100000, &left));
    printf("left: %d\n", left.tv_sec == 99);
    kill(child, SIGKILL);
    outcome("child", child);

    pthread_create(&thread, NULL, burn, NULL);
    before = cpu_ms(CLOCK_PROCESS_CPUTIME_ID);
    say("by the process's clock", sleep_by(CLOCK_PROCESS_CPUTIME_ID, 0, 20, NULL));
    slept = cpu_ms(CLOCK_PROCESS_CPUTIME_ID) - before;
    printf("as long: %d\n", slept >= 19 && slept < 60);
    pthread_getcpuclockid(thread, &clock);
    before = cpu_ms(clock);
    say("by a thread's clock", sleep_by(clock, 0, 10, NULL));
    slept = cpu_ms(clock) - before;
    printf("as long: %d\n", slept >= 9 && slept < 60);
}

static pid_t made;

static void *make_child(void *unused)
{
    made = fork();
    if (made == 0)
        _exit(4);
    pause();
    return NULL;
}

static void *make_and_end(void *unused)
{
    made = fork();
    if (made == 0)
        _exit(5);
    return NULL;
}

static void threads_children(void)
{
    pthread_t thread;
    int status;
    made = 0;
    pthread_create(&thread, NULL, make_child, NULL);
    while (made == 0)
        usleep(1000);
    say("a thread's child, __WNOTHREAD", waitpid(made, &status, __WNOTHREAD) < 0 ? errno : 0);
    printf("a thread's child: %d\n", waitpid(made, &status, 0) == made);
    made = 0;
    pthread_create(&thread, NULL, make_and_end, NULL);
    pthread_join(thread, NULL);
    usleep(50000);
    printf("that of one that has ended, __WNOTHREAD: %d\n", waitpid(made, &status, __WNOTHREAD) == made);
    made = fork();
    if (made == 0)
        _exit(6);
    printf("an own one, __WNOTHREAD: %d\n", waitpid(made, &status, __WNOTHREAD) == made);
}

int main(void)
{
    threads_children();
    sleeps();
    return 0;
}
