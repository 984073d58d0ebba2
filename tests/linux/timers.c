/*
 * timers: a process's timers by number, and its clocks.
 *
 * timer_create(2), timer_settime(2), timer_getoverrun(2), clock_gettime(2), clock_getcpuclockid(3), clock_nanosleep(2).
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void say(const char *what, long result)
{
    if (result < 0)
        printf("%s: %s\n", what, strerrorname_np(errno));
    else
        printf("%s: %ld\n", what, result);
}

static long create(clockid_t clock, struct sigevent *event, int *id)
{
    return syscall(SYS_timer_create, clock, event, id);
}

static long set(int id, int flags, long value_ns, long interval_ns, struct itimerspec *old)
{
    struct itimerspec new = {{interval_ns / 1000000000, interval_ns % 1000000000},
                             {value_ns / 1000000000, value_ns % 1000000000}};
    return syscall(SYS_timer_settime, id, flags, &new, old);
}

static void sleep_ms(long ms)
{
    struct timespec t = {ms / 1000, ms % 1000 * 1000000};
    while (nanosleep(&t, &t) < 0)
        ;
}

static volatile int count, last_code, last_value, last_overrun;

static void on_signal(int number, siginfo_t *info, void *context)
{
    count++;
    last_code = info->si_code;
    last_value = info->si_value.sival_int;
    last_overrun = info->si_overrun;
}

static void by_signal(void)
{
    struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO};
    sigaction(SIGUSR1, &action, NULL);
    sigaction(SIGALRM, &action, NULL);
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1, .sigev_value.sival_int = 42};
    struct itimerspec old;
    int id = -1;
    say("create", create(CLOCK_MONOTONIC, &event, &id));
    say("set once", set(id, 0, 10000000, 0, &old));
    printf("was %ld %ld\n", (long)old.it_value.tv_sec, old.it_value.tv_nsec);
    sleep_ms(30);
    printf("count %d code %d value %d overrun %d\n", count, last_code, last_value, last_overrun);
    syscall(SYS_timer_gettime, id, &old);
    printf("off: %ld %ld\n", (long)old.it_value.tv_sec, old.it_value.tv_nsec);
    say("getoverrun", syscall(SYS_timer_getoverrun, id));
    /* periods while the signal is blocked are overruns */
    sigset_t mask;
    sigemptyset(&mask);
    sigaddset(&mask, SIGUSR1);
    sigprocmask(SIG_BLOCK, &mask, NULL);
    count = 0;
    set(id, 0, 10000000, 10000000, NULL);
    sleep_ms(55);
    syscall(SYS_timer_gettime, id, &old);
    printf("runs on: %d, interval %ld\n", old.it_value.tv_nsec > 0 && old.it_value.tv_nsec <= 10000000,
           old.it_interval.tv_nsec);
    sigprocmask(SIG_UNBLOCK, &mask, NULL);
    printf("count %d overrun %d\n", count, last_overrun >= 4);
    printf("getoverrun: %d\n", syscall(SYS_timer_getoverrun, id) == last_overrun);
    set(id, 0, 0, 5000, &old);
    printf("off, interval was %ld\n", old.it_interval.tv_nsec);
    syscall(SYS_timer_gettime, id, &old);
    printf("interval now %ld\n", old.it_interval.tv_nsec);
    /* ignored */
    signal(SIGUSR1, SIG_IGN);
    set(id, 0, 1000000, 1000000, NULL);
    sleep_ms(20);
    sigaction(SIGUSR1, &action, NULL);
    count = 0;
    sleep_ms(20);
    printf("it went on: %d\n", count > 10);
    say("delete", syscall(SYS_timer_delete, id));
    say("delete again", syscall(SYS_timer_delete, id));
    /* the default event */
    count = 0;
    create(CLOCK_REALTIME, NULL, &id);
    printf("number %d\n", id);
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    now.tv_sec -= 1;
    struct itimerspec past = {{0, 0}, now};
    say("absolute, past", syscall(SYS_timer_settime, id, TIMER_ABSTIME, &past, NULL));
    sleep_ms(5);
    printf("count %d value %d\n", count, last_value);
    /* not inherited */
    set(id, 0, 1000000000, 0, NULL);
    if (fork() == 0) {
        int other;
        say("in a child", syscall(SYS_timer_gettime, id, &old));
        create(CLOCK_REALTIME, NULL, &other);
        printf("first of the child: %d\n", other);
        fflush(stdout);
        _exit(0);
    }
    wait(NULL);
    syscall(SYS_timer_delete, id);
}

static void others(void)
{
    struct sigevent event = {.sigev_notify = SIGEV_NONE};
    struct itimerspec left;
    int id;
    say("to look at", create(CLOCK_MONOTONIC, &event, &id));
    set(id, 0, 10000000, 0, NULL);
    syscall(SYS_timer_gettime, id, &left);
    printf("to go %d\n", left.it_value.tv_nsec > 0);
    sleep_ms(15);
    syscall(SYS_timer_gettime, id, &left);
    printf("over: %ld\n", left.it_value.tv_nsec);
    syscall(SYS_timer_delete, id);
    /* by the time that the process runs */
    event = (struct sigevent){.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1, .sigev_value.sival_int = 7};
    count = 0;
    say("by process time", create(CLOCK_PROCESS_CPUTIME_ID, &event, &id));
    set(id, 0, 20000000, 0, NULL);
    sleep_ms(50);
    printf("asleep: %d\n", count);
    for (volatile long n = 0; !count && n < 4000000000; n++)
        ;
    printf("awake: %d value %d code %d\n", count, last_value, last_code);
    syscall(SYS_timer_delete, id);
    count = 0;
    say("by thread time", create(CLOCK_THREAD_CPUTIME_ID, &event, &id));
    set(id, 0, 5000000, 5000000, NULL);
    for (volatile long n = 0; count < 3 && n < 4000000000; n++)
        ;
    printf("three times: %d\n", count >= 3);
    syscall(SYS_timer_delete, id);
    event.sigev_notify = SIGEV_THREAD_ID;
    event._sigev_un._tid = gettid();
    count = 0;
    say("to a task", create(CLOCK_BOOTTIME, &event, &id));
    set(id, 0, 1000000, 0, NULL);
    sleep_ms(5);
    printf("count %d\n", count);
    syscall(SYS_timer_delete, id);
    /* taken by sigtimedwait */
    sigset_t mask;
    siginfo_t info;
    sigemptyset(&mask);
    sigaddset(&mask, SIGRTMIN);
    sigprocmask(SIG_BLOCK, &mask, NULL);
    event = (struct sigevent){.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN, .sigev_value.sival_int = 9};
    create(CLOCK_MONOTONIC, &event, &id);
    set(id, 0, 5000000, 5000000, NULL);
    sleep_ms(23);
    say("sigwaitinfo", sigwaitinfo(&mask, &info));
    printf("overrun %d value %d timer %d\n", info.si_overrun, info.si_value.sival_int, info.si_timerid == id);
    say("sigwaitinfo", sigwaitinfo(&mask, &info));
    printf("overrun %d\n", info.si_overrun);
    syscall(SYS_timer_delete, id);
}

static void timer_errors(void)
{
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = 0};
    struct itimerspec spec = {{0, 0}, {0, 0}};
    int id;
    say("no signal", create(CLOCK_REALTIME, &event, &id));
    event.sigev_signo = 65;
    say("too large", create(CLOCK_REALTIME, &event, &id));
    event.sigev_signo = SIGUSR1;
    event.sigev_notify = 3;
    say("no way to tell", create(CLOCK_REALTIME, &event, &id));
    event.sigev_notify = SIGEV_THREAD_ID;
    event._sigev_un._tid = 1;
    say("another's task", create(CLOCK_REALTIME, &event, &id));
    say("no clock", create(77, NULL, &id));
    say("coarse", create(CLOCK_REALTIME_COARSE, NULL, &id));
    say("raw", create(CLOCK_MONOTONIC_RAW, NULL, &id));
    say("bad event", create(CLOCK_REALTIME, (void *)8, &id));
    say("bad number", create(CLOCK_REALTIME, NULL, (void *)8));
    say("gettime, no timer", syscall(SYS_timer_gettime, 999, &spec));
    say("settime, no timer", syscall(SYS_timer_settime, 999, 0, &spec, NULL));
    say("getoverrun, no timer", syscall(SYS_timer_getoverrun, 999));
    create(CLOCK_REALTIME, NULL, &id);
    say("settime, nothing", syscall(SYS_timer_settime, id, 0, NULL, NULL));
    say("settime, nowhere", syscall(SYS_timer_settime, id, 0, 8, NULL));
    spec.it_value.tv_nsec = 1000000000;
    say("settime, bad", syscall(SYS_timer_settime, id, 0, &spec, NULL));
    spec.it_value.tv_nsec = 0;
    spec.it_interval.tv_nsec = -1;
    say("settime, bad interval", syscall(SYS_timer_settime, id, 0, &spec, NULL));
    say("gettime, nowhere", syscall(SYS_timer_gettime, id, 8));
    syscall(SYS_timer_delete, id);
}

static void *idle(void *arg)
{
    struct timespec t;
    clockid_t clock;
    pthread_getcpuclockid(*(pthread_t *)arg, &clock);
    say("another thread's clock", clock_gettime(clock, &t));
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    printf("a new thread has run little: %d\n", t.tv_sec == 0 && t.tv_nsec < 20000000);
    return NULL;
}

static void clocks(void)
{
    struct timespec t, u;
    clockid_t clock;
    for (int id = 0; id <= 12; id++) {
        if (id == CLOCK_REALTIME_ALARM || id == CLOCK_BOOTTIME_ALARM)
            continue;
        int result = syscall(SYS_clock_getres, id, &t);
        printf("clock %d: %s", id, result < 0 ? strerrorname_np(errno) : "");
        if (result == 0)
            printf("%ld.%09ld", (long)t.tv_sec, t.tv_nsec);
        printf(" gettime %d\n", (int)syscall(SYS_clock_gettime, id, &t));
    }
    say("own process", clock_getcpuclockid(0, &clock));
    say("gettime", clock_gettime(clock, &t));
    printf("has run: %d\n", t.tv_nsec > 0 || t.tv_sec > 0);
    say("parent", clock_getcpuclockid(getppid(), &clock));
    say("gettime", clock_gettime(clock, &t));
    say("nobody", clock_getcpuclockid(30000, &clock));
    say("user time", syscall(SYS_clock_gettime, (~0u << 3) | 1, &t));
    say("file clock", syscall(SYS_clock_gettime, (~0u << 3) | 3, &t));
    say("a process as a task", syscall(SYS_clock_gettime, (~(unsigned)getppid() << 3) | 6, &t));
    pthread_t self = pthread_self(), thread;
    fflush(stdout);
    pthread_create(&thread, NULL, idle, &self);
    pthread_join(thread, NULL);
    t = (struct timespec){0, 0};
    say("set monotonic", clock_settime(CLOCK_MONOTONIC, &t));
    say("set process time", clock_settime(CLOCK_PROCESS_CPUTIME_ID, &t));
    say("set process time by number", clock_settime((~0u << 3) | 2, &t));
    say("set coarse", clock_settime(CLOCK_REALTIME_COARSE, &t));
    say("set no clock", clock_settime(55, &t));
    t.tv_nsec = 1000000000;
    say("set bad time", clock_settime(CLOCK_REALTIME, &t));
    say("set from nowhere", syscall(SYS_clock_settime, CLOCK_REALTIME, 8));
    clock_gettime(CLOCK_REALTIME, &t);
    t.tv_sec += 1000;
    say("set", clock_settime(CLOCK_REALTIME, &t));
    clock_gettime(CLOCK_REALTIME, &u);
    printf("it is later: %d\n", u.tv_sec - t.tv_sec < 2 && u.tv_sec >= t.tv_sec);
    t.tv_sec -= 1000;
    clock_settime(CLOCK_REALTIME, &t);
    struct timeval tv = {t.tv_sec, 1000001};
    say("settimeofday, bad", settimeofday(&tv, NULL));
    tv.tv_usec = t.tv_nsec / 1000;
    say("settimeofday", settimeofday(&tv, NULL));
    say("nanosleep, negative", syscall(SYS_nanosleep, &(struct timespec){-1, 0}, NULL));
    say("nanosleep, nowhere", syscall(SYS_nanosleep, 8, NULL));
    int sleepers[] = {0, 1, 3, 4, 5, 6, 7, 11, 60};
    for (int n = 0; n < 9; n++) {
        t = (struct timespec){0, 1000000};
        int result = syscall(SYS_clock_nanosleep, sleepers[n], 0, &t, NULL);
        printf("sleep by %d: %s\n", sleepers[n], result < 0 ? strerrorname_np(errno) : "ends");
    }
    clock_gettime(CLOCK_MONOTONIC, &t);
    t.tv_nsec += 5000000;
    if (t.tv_nsec >= 1000000000)
        t.tv_sec++, t.tv_nsec -= 1000000000;
    say("until", clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL));
    clock_gettime(CLOCK_MONOTONIC, &u);
    printf("reached: %d\n", u.tv_sec > t.tv_sec || u.tv_nsec >= t.tv_nsec);
    say("restart_syscall", syscall(SYS_restart_syscall));
    /* a sleep until a time of day ends when the clock is set past it */
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        clock_gettime(CLOCK_REALTIME, &t);
        t.tv_sec += 500;
        _exit(clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &t, NULL));
    }
    sleep_ms(50);
    clock_gettime(CLOCK_REALTIME, &t);
    t.tv_sec += 1000;
    clock_settime(CLOCK_REALTIME, &t);
    int status;
    waitpid(child, &status, 0);
    printf("woken by the clock: %d\n", status);
    t.tv_sec -= 1000;
    clock_settime(CLOCK_REALTIME, &t);
    struct rusage whole, thread_usage;
    getrusage(RUSAGE_SELF, &whole);
    getrusage(RUSAGE_THREAD, &thread_usage);
    printf("the thread is part of the process: %d\n",
           thread_usage.ru_minflt <= whole.ru_minflt && thread_usage.ru_minflt > 0 && thread_usage.ru_nvcsw > 0);
}

int main(void)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    by_signal();
    others();
    timer_errors();
    clocks();
    return 0;
}
