// Signals and timers: actions, masks, what comes with a signal, calls that signals interrupt, clocks.
#include "trace.h"
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/timex.h>
#include <time.h>

struct action {void *handler; unsigned long flags; uint64_t mask;};

static void taker(int signal) {}

static void giver(int signal) { CALL(write, 4, "given", 5); }

static uint64_t *set(uint64_t bits) { return COPY(uint64_t, {bits}); }
#define BIT(signal) (1UL << ((signal) - 1))

static void actions(void) {
    struct action *act = room(sizeof *act), *old = room(sizeof *old);
    act->handler = SIG_IGN;
    CALL(rt_sigaction, SIGUSR1, act, old, 8L);
    *act = (struct action){(void *)0x12345678, SA_RESTART | SA_SIGINFO | SA_ONSTACK | SA_NODEFER, BIT(SIGINT) | BIT(SIGTERM) | BIT(34)};
    CALL(rt_sigaction, SIGUSR2, act, NULL, 8L);
    *act = (struct action){SIG_DFL, SA_NOCLDSTOP | SA_NOCLDWAIT | SA_RESETHAND, ~0UL};
    CALL(rt_sigaction, SIGUSR2, act, old, 8L);
    act->flags = 0x04000000 | 0x40 | 0x800 | 0x1;
    act->mask = ~(BIT(SIGCHLD) | BIT(SIGKILL));
    CALL(rt_sigaction, SIGUSR2, act, old, 8L);
    act->flags = 0x2000;
    CALL(rt_sigaction, 64, act, old, 8L);
    CALL(rt_sigaction, 33, NULL, old, 8L);
    CALL(rt_sigaction, 32, NULL, old, 8L);
    CALL(rt_sigaction, SIGKILL, act, NULL, 8L);
    CALL(rt_sigaction, 65, act, NULL, 8L);
    CALL(rt_sigaction, 0, NULL, NULL, 8L);
    CALL(rt_sigaction, SIGUSR1, act, NULL, 4L);
    CALL(rt_sigaction, SIGUSR1, NOWHERE, NULL, 8L);
    CALL(rt_sigaction, SIGUSR1, NULL, NOWHERE, 8L);
    *act = (struct action){SIG_DFL};
    CALL(rt_sigaction, SIGUSR1, act, NULL, 8L);
    CALL(rt_sigaction, SIGUSR2, act, NULL, 8L);
    CALL(rt_sigprocmask, SIG_BLOCK, set(BIT(SIGUSR1) | BIT(SIGUSR2) | BIT(40)), old, 8L);
    CALL(rt_sigprocmask, SIG_SETMASK, set(~0UL), old, 8L);
    CALL(rt_sigprocmask, SIG_UNBLOCK, set(~0UL), old, 8L);
    CALL(rt_sigprocmask, SIG_BLOCK, NULL, old, 8L);
    CALL(rt_sigprocmask, 7, set(0), NULL, 8L);
    CALL(rt_sigprocmask, SIG_BLOCK, set(1), NULL, 4L);
    CALL(rt_sigprocmask, SIG_BLOCK, NOWHERE, NULL, 8L);
    CALL(rt_sigprocmask, SIG_BLOCK, NULL, NOWHERE, 8L);
    stack_t *stack = COPY(stack_t, {.ss_sp = AREA + 0x80000, .ss_size = 0x4000});
    CALL(sigaltstack, stack, room(24));
    CALL(sigaltstack, NULL, room(24));
    stack->ss_flags = SS_DISABLE;
    CALL(sigaltstack, stack, room(24));
    stack->ss_flags = 1 << 31;
    CALL(sigaltstack, stack, NULL);
    stack->ss_flags = 8;
    CALL(sigaltstack, stack, NULL);
    stack->ss_flags = 0;
    stack->ss_size = 5;
    CALL(sigaltstack, stack, NULL);
    CALL(sigaltstack, NOWHERE, NULL);
    CALL(sigaltstack, NULL, NULL);
}

static void coming(void) {
    pid_t pid = getpid();
    CALL(rt_sigprocmask, SIG_BLOCK, set(BIT(SIGUSR1) | BIT(SIGUSR2) | BIT(40)), NULL, 8L);
    void *info = room(128);
    CALL(kill, pid, 0);
    CALL(kill, pid, 99);
    CALL(kill, pid, SIGUSR1);
    CALL(tgkill, pid, pid, SIGUSR2);
    CALL(tkill, pid, 40);
    CALL(tgkill, pid, -1, SIGUSR2);
    CALL(rt_sigpending, info, 8L);
    CALL(rt_sigpending, NOWHERE, 8L);
    CALL(rt_sigpending, info, 9L);
    CALL(rt_sigtimedwait, set(BIT(SIGUSR1)), info, NULL, 8L);
    CALL(rt_sigtimedwait, set(BIT(SIGUSR2)), info, COPY(struct timespec, {1, 500}), 8L);
    CALL(rt_sigtimedwait, set(BIT(40)), NULL, COPY(struct timespec, {0, 0}), 8L);
    CALL(rt_sigtimedwait, set(BIT(40)), info, COPY(struct timespec, {0, 1000}), 8L);
    CALL(rt_sigtimedwait, set(BIT(40)), info, COPY(struct timespec, {0, -1}), 8L);
    CALL(rt_sigtimedwait, NOWHERE, info, NULL, 8L);
    siginfo_t *sent = room(128);
    sent->si_signo = SIGUSR1;
    sent->si_code = SI_QUEUE;
    sent->si_pid = pid;
    sent->si_uid = 0;
    sent->si_value.sival_int = 77;
    CALL(rt_sigqueueinfo, pid, SIGUSR1, sent);
    CALL(rt_sigtimedwait, set(BIT(SIGUSR1)), info, NULL, 8L);
    sent->si_value.sival_ptr = (void *)0x123456789a;
    CALL(rt_tgsigqueueinfo, pid, pid, SIGUSR1, sent);
    CALL(rt_sigtimedwait, set(BIT(SIGUSR1)), info, NULL, 8L);
    CALL(rt_sigqueueinfo, pid, SIGUSR1, NOWHERE);
    sent->si_code = -77;
    CALL(rt_sigqueueinfo, pid, SIGUSR1, sent);
    CALL(rt_sigtimedwait, set(BIT(SIGUSR1)), info, NULL, 8L);
    CALL(signalfd4, -1, set(BIT(SIGUSR1) | BIT(SIGUSR2)), 8L, SFD_CLOEXEC | SFD_NONBLOCK);
    CALL(signalfd4, 3, set(BIT(SIGUSR1)), 8L, 0);
    CALL(signalfd4, 3, set(BIT(SIGUSR1)), 4L, 0);
    CALL(signalfd4, -1, set(0), 8L, 0x1);
    CALL(read, 3, info, 128L);
    CALL(close, 3);
    struct action *act = COPY(struct action, {taker, 0, BIT(SIGUSR2)});
    CALL(rt_sigaction, SIGUSR1, act, NULL, 8L);
    CALL(rt_sigprocmask, SIG_SETMASK, set(0), NULL, 8L);
    CALL(kill, pid, SIGUSR1);
    CALL(rt_sigqueueinfo, pid, SIGUSR1, sent);
    act->handler = SIG_IGN;
    CALL(rt_sigaction, SIGUSR1, act, NULL, 8L);
    CALL(kill, pid, SIGUSR1);
    // Ignored by default.
    CALL(kill, pid, SIGURG);
    CALL(kill, pid, SIGCONT);
}

static void alarm_after_us(long us) {
    CALL(setitimer, ITIMER_REAL, COPY(struct itimerval, {{0, 0}, {0, us}}), NULL);
}

static void interrupted(void) {
    struct action *act = COPY(struct action, {taker});
    CALL(rt_sigaction, SIGALRM, act, NULL, 8L);
    struct timespec *left = room(16), *second = COPY(struct timespec, {100, 0});
    char *buffer = room(64);
    CALL(pipe2, room(8), 0);
    for (int again = 0; again < 2; again++) {
        alarm_after_us(300000);
        CALL(rt_sigsuspend, set(BIT(SIGUSR2)), 8L);
        alarm_after_us(300000);
        CALL(rt_sigtimedwait, set(BIT(SIGUSR2)), NULL, NULL, 8L);
        alarm_after_us(300000);
        CALL(ppoll, room(8), 0, NULL, NULL, 8L);
        alarm_after_us(300000);
        CALL(epoll_create1, 0);
        CALL(epoll_pwait, 5, room(12), 1, -1, NULL, 8L);
        CALL(close, 5);
        act->flags = SA_RESTART;
        if (again == 0)
            CALL(rt_sigaction, SIGALRM, act, NULL, 8L);
    }
    act->flags = 0;
    CALL(rt_sigaction, SIGALRM, act, NULL, 8L);
    alarm_after_us(300000);
    CALL(read, 3, buffer, 10);
    alarm_after_us(300000);
    CALL(wait4, -1, NULL, 0, NULL);
    // A handler after which the read starts again, and that gives it something to read.
    *act = (struct action){giver, SA_RESTART};
    CALL(rt_sigaction, SIGALRM, act, NULL, 8L);
    alarm_after_us(300000);
    CALL(read, 3, buffer, 10);
    CALL(close, 3);
    CALL(close, 4);
}

static void clocks(void) {
    void *to = room(64);
    CALL(clock_getres, CLOCK_MONOTONIC, to);
    CALL(clock_getres, CLOCK_REALTIME_COARSE, NULL);
    CALL(clock_getres, CLOCK_THREAD_CPUTIME_ID, to);
    CALL(clock_getres, 99, to);
    CALL(clock_gettime, CLOCK_TAI, NOWHERE);
    CALL(clock_gettime, -1, to);
    CALL(clock_gettime, 10, to);
    CALL(clock_gettime, (~1U << 3) | 2, NOWHERE);
    CALL(clock_settime, CLOCK_MONOTONIC, COPY(struct timespec, {1, 2}));
    CALL(clock_settime, CLOCK_REALTIME, COPY(struct timespec, {1, -2}));
    CALL(clock_settime, CLOCK_REALTIME, NULL);
    CALL(gettimeofday, NOWHERE, NULL);
    CALL(gettimeofday, NULL, to);
    CALL(settimeofday, COPY(struct timeval, {1, 2000000}), NULL);
    CALL(nanosleep, COPY(struct timespec, {0, 1000}), to);
    CALL(nanosleep, COPY(struct timespec, {0, 1000000000}), to);
    CALL(nanosleep, COPY(struct timespec, {-1, 0}), NULL);
    CALL(nanosleep, NULL, NULL);
    CALL(clock_nanosleep, CLOCK_MONOTONIC, 0, COPY(struct timespec, {0, 10}), NULL);
    CALL(clock_nanosleep, CLOCK_REALTIME, TIMER_ABSTIME, COPY(struct timespec, {5, 10}), to);
    CALL(clock_nanosleep, CLOCK_THREAD_CPUTIME_ID, 2, COPY(struct timespec, {0, 10}), to);
    CALL(getitimer, ITIMER_REAL, to);
    CALL(getitimer, ITIMER_VIRTUAL, NOWHERE);
    CALL(getitimer, 9, to);
    CALL(setitimer, ITIMER_PROF, COPY(struct itimerval, {{1, 2}, {0, 0}}), to);
    CALL(setitimer, ITIMER_REAL, COPY(struct itimerval, {{0, 0}, {0, 1000000}}), to);
    CALL(setitimer, ITIMER_REAL, NOWHERE, to);
    CALL(setitimer, 7, NULL, to);
    struct sigevent *event = room(sizeof *event);
    event->sigev_notify = SIGEV_NONE;
    CALL(timer_create, CLOCK_MONOTONIC, event, room(4));
    event->sigev_notify = SIGEV_SIGNAL;
    event->sigev_signo = SIGUSR1;
    event->sigev_value.sival_int = 7;
    CALL(timer_create, CLOCK_REALTIME, event, room(4));
    CALL(timer_create, CLOCK_PROCESS_CPUTIME_ID, NULL, room(4));
    event->sigev_value.sival_ptr = (void *)0x123456789a;
    event->sigev_notify = SIGEV_THREAD_ID;
    CALL(timer_create, CLOCK_BOOTTIME, event, room(4));
    event->sigev_notify = 77;
    CALL(timer_create, CLOCK_BOOTTIME, event, room(4));
    CALL(timer_create, CLOCK_REALTIME, NULL, NOWHERE);
    CALL(timer_create, CLOCK_REALTIME, NOWHERE, room(4));
    CALL(timer_settime, 0, 0, COPY(struct itimerspec, {{0, 0}, {1000, 0}}), to);
    CALL(timer_settime, 1, TIMER_ABSTIME, COPY(struct itimerspec, {{1, 0}, {2000000000, 0}}), NULL);
    CALL(timer_settime, 0, 2, COPY(struct itimerspec, {{0, 0}, {0, 0}}), NULL);
    CALL(timer_settime, 77, 0, NOWHERE, NULL);
    CALL(timer_gettime, 77, to);
    CALL(timer_getoverrun, 0);
    CALL(timer_getoverrun, 77);
    CALL(timer_delete, 0);
    CALL(timer_delete, 0);
    CALL(timer_gettime, 0, NOWHERE);
    CALL(timerfd_create, CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    CALL(timerfd_create, CLOCK_BOOTTIME, 0x1);
    CALL(timerfd_create, 77, 0);
    CALL(timerfd_settime, 3, TFD_TIMER_ABSTIME, COPY(struct itimerspec, {{0, 0}, {1, 5}}), to);
    CALL(timerfd_settime, 3, 0, COPY(struct itimerspec, {{0, 0}, {0, 0}}), NULL);
    CALL(timerfd_settime, 3, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET | 4, COPY(struct itimerspec, {{0, 0}, {1, 5}}), NULL);
    CALL(timerfd_settime, 99, 0, NOWHERE, NULL);
    CALL(timerfd_gettime, 3, to);
    CALL(timerfd_gettime, 99, to);
    CALL(read, 3, to, 8);
    CALL(close, 3);
    CALL(eventfd2, 5, EFD_CLOEXEC | EFD_NONBLOCK | EFD_SEMAPHORE);
    CALL(eventfd2, 0, 0x40);
    CALL(read, 3, to, 8);
    CALL(close, 3);
}

// A child that dies of a signal that its own instruction causes.
static void dies(int how) {
    int *status = room(4);
    if (CALL(clone, SIGCHLD, 0L, NULL, NULL, NULL) == 0) {
        switch (how) {
        case 0: *(volatile int *)NULL = 1; break;
        case 1: *(volatile int *)0x1234 = 1; break;
        case 2: CALL(mprotect, AREA + 0x90000, 4096L, PROT_READ); ((volatile char *)AREA)[0x90123] = 1; break;
        case 3: asm volatile("unimp"); break;
        case 4: asm volatile("ebreak"); break;
        case 5: CALL(tgkill, getpid(), getpid(), SIGABRT); break;
        case 6: CALL(kill, getpid(), SIGTERM); break;
        case 7: CALL(kill, getpid(), SIGKILL); break;
        case 8: CALL(tgkill, getpid(), getpid(), 50); break;
        case 9: {
            char *page = mmap((void *)0x11000000, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, memfd_create("empty", 0), 0);
            *(volatile char *)page = 1;
            break;
        }
        }
        CALL(exit, 0);
    }
    CALL(wait4, -1, status, 0, NULL);
}

static void stops(void) {
    int *status = room(4);
    pid_t child = CALL(clone, SIGCHLD, 0L, NULL, NULL, NULL);
    if (child == 0) {
        CALL(kill, getpid(), SIGSTOP);
        CALL(exit_group, 7);
    }
    CALL(wait4, child, status, WUNTRACED, NULL);
    CALL(kill, child, SIGCONT);
    CALL(wait4, child, status, 0, NULL);
}

int main(void) {
    begin();
    actions();
    coming();
    interrupted();
    clocks();
    // When a child's end is told depends on who runs first: it is told at the end.
    CALL(rt_sigprocmask, SIG_BLOCK, set(BIT(SIGCHLD)), NULL, 8L);
    for (int how = 0; how < 10; how++)
        dies(how);
    stops();
    CALL(rt_sigprocmask, SIG_SETMASK, set(0), NULL, 8L);
    return 0;
}
