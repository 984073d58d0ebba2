// Signals: order of delivery, stacked frames, alternate stacks, flags, restart rules, job control (signal(7), sigaction(2),
// sigaltstack(2), setpgid(2)).
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

static char order[256];
static int used;
static void note(int sig) { used += sprintf(order + used, "%d ", sig); }
static void noting(int sig) { note(sig); note(-sig); }
static void clear(void) { used = 0; order[0] = 0; }
static void set(int sig, void (*handler)(int), int flags) {
    struct sigaction act = {.sa_handler = handler, .sa_flags = flags};
    if (sigaction(sig, &act, NULL)) printf("sigaction %d: %s\n", sig, strerror(errno));
}

static void stacked(void) {
    sigset_t all, old;
    int signals[] = {SIGUSR2, SIGUSR1, SIGSEGV, SIGTERM, SIGRTMIN + 3, SIGRTMIN + 1};
    for (unsigned i = 0; i < sizeof signals / sizeof *signals; i++) set(signals[i], noting, 0);
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &old);
    for (unsigned i = 0; i < sizeof signals / sizeof *signals; i++) kill(getpid(), signals[i]);
    clear();
    sigprocmask(SIG_SETMASK, &old, NULL);
    printf("handlers, the last delivered first: %s\n", order);
    // Only SIGUSR1 and SIGUSR2, each blocked by the other's mask.
    struct sigaction act = {.sa_handler = noting};
    sigfillset(&act.sa_mask);
    for (unsigned i = 0; i < sizeof signals / sizeof *signals; i++) sigaction(signals[i], &act, NULL);
    sigprocmask(SIG_SETMASK, &all, &old);
    for (unsigned i = 0; i < sizeof signals / sizeof *signals; i++) kill(getpid(), signals[i]);
    clear();
    sigprocmask(SIG_SETMASK, &old, NULL);
    printf("with full masks: %s\n", order);
}

static int depth;
static void again(int sig) {
    note(sig);
    if (depth++ < 2) raise(sig);
    note(-sig);
}

static void flags(void) {
    struct sigaction old;
    clear();
    depth = 0;
    set(SIGUSR1, again, 0);
    raise(SIGUSR1);
    printf("deferred: %s\n", order);
    clear();
    depth = 0;
    set(SIGUSR1, again, SA_NODEFER);
    raise(SIGUSR1);
    printf("nodefer: %s\n", order);
    set(SIGUSR1, note, SA_RESETHAND | SA_NODEFER);
    raise(SIGUSR1);
    sigaction(SIGUSR1, NULL, &old);
    printf("resethand: default %d, flags %#x\n", old.sa_handler == SIG_DFL, old.sa_flags);
    struct { void *handler; unsigned long flags, mask; } act = {note, ~0ul, ~0ul}, back;
    printf("unknown flags %ld", syscall(SYS_rt_sigaction, SIGUSR1, &act, NULL, 8));
    syscall(SYS_rt_sigaction, SIGUSR1, NULL, &back, 8);
    printf(" kept as %#lx, mask %#lx\n", back.flags, back.mask);
    errno = 0;
    long result = syscall(SYS_rt_sigaction, SIGKILL, &act, NULL, 8);
    printf("sigaction KILL %ld %s\n", result, strerror(errno));
    result = syscall(SYS_rt_sigaction, SIGKILL, NULL, &back, 8);
    printf("read KILL %ld\n", result);
    result = syscall(SYS_rt_sigaction, SIGUSR1, NULL, &back, 16);
    printf("size %ld %s\n", result, strerror(errno));
    result = syscall(SYS_rt_sigaction, 65, NULL, &back, 8);
    printf("65 %ld %s\n", result, strerror(errno));
}

static char stack[65536];
static stack_t seen;
static int again_errno;
static void on_stack(int sig, siginfo_t *info, void *context) {
    ucontext_t *uc = context;
    char here;
    stack_t other = {.ss_sp = stack, .ss_size = 32768};
    sigaltstack(NULL, &seen);
    errno = 0;
    if (sigaltstack(&other, NULL)) again_errno = errno;
    printf("  on the alternate stack %d, flags %#x, uc flags %#x size %zu, setting it %s, code %d\n",
           &here >= stack && &here < stack + sizeof stack, seen.ss_flags, uc->uc_stack.ss_flags, uc->uc_stack.ss_size,
           strerror(again_errno), info->si_code);
    (void)sig;
}

static void altstack(void) {
    stack_t ss = {.ss_sp = stack, .ss_size = 65536}, old;
    struct sigaction act = {.sa_sigaction = on_stack, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    sigaction(SIGUSR1, &act, NULL);
    printf("set %d\n", sigaltstack(&ss, NULL));
    raise(SIGUSR1);
    again_errno = 0;
    ss.ss_flags = (int)(1u << 31);
    printf("autodisarm %d\n", sigaltstack(&ss, NULL));
    raise(SIGUSR1);
    sigaltstack(NULL, &old);
    printf("afterwards %#x %zu\n", old.ss_flags, old.ss_size);
    ss.ss_flags = 8;
    printf("flags 8: %d %s\n", sigaltstack(&ss, NULL), strerror(errno));
    ss.ss_flags = 0;
    ss.ss_size = 2047;
    printf("2047: %d %s\n", sigaltstack(&ss, NULL), strerror(errno));
    ss.ss_size = 2048;
    printf("2048: %d\n", sigaltstack(&ss, NULL));
    ss.ss_flags = SS_DISABLE;
    printf("disable: %d\n", sigaltstack(&ss, NULL));
    sigaltstack(NULL, &old);
    printf("afterwards %#x %zu\n", old.ss_flags, old.ss_size);
    errno = 0;
    printf("bad address: %d %s\n", sigaltstack((void *)8, NULL), strerror(errno));
}

static void segv_on_stack(int sig, siginfo_t *info, void *context) {
    (void)context;
    printf("  signal %d code %#x\n", sig, info->si_code);
    fflush(stdout);
    _exit(3);
}

static void status_of(const char *what, int status) {
    if (WIFEXITED(status)) printf("%s: exit %d\n", what, WEXITSTATUS(status));
    else if (WIFSIGNALED(status)) printf("%s: signal %d core %d\n", what, WTERMSIG(status), !!WCOREDUMP(status));
    else printf("%s: %#x\n", what, status);
}

static void in_child(const char *what, void (*body)(void)) {
    int status;
    fflush(stdout);
    pid_t child = fork();
    if (!child) {
        body();
        fflush(stdout);
        _exit(0);
    }
    waitpid(child, &status, 0);
    status_of(what, status);
}

static void lose_stack(void) {
    // A frame that cannot be written becomes SIGSEGV, which a handler on another stack may take.
    register long sp asm("sp");
    set(SIGUSR1, note, 0);
    asm volatile("mv s1, sp\n li sp, 8\n mv a0, %0\n li a1, 10\n li a7, 129\n ecall\n mv sp, s1" ::"r"((long)getpid()) : "s1", "a0", "a1", "a7", "memory");
    (void)sp;
}
static void lose_stack_caught(void) {
    stack_t ss = {.ss_sp = stack, .ss_size = 65536};
    sigaltstack(&ss, NULL);
    struct sigaction act = {.sa_sigaction = segv_on_stack, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    sigaction(SIGSEGV, &act, NULL);
    lose_stack();
}
static void die_abort(void) { abort(); }
static void die_abort_core(void) {
    struct rlimit limit = {RLIM_INFINITY, RLIM_INFINITY};
    setrlimit(RLIMIT_CORE, &limit);
    chdir("/nonexistent");
    abort();
}

static void handler_nothing(int sig) { (void)sig; }

static void restarts(void) {
    struct itimerval soon = {.it_value = {0, 20000}};
    int fds[2];
    for (int restart = 0; restart < 2; restart++) {
        set(SIGALRM, handler_nothing, restart ? SA_RESTART : 0);
        struct timespec time = {0, 60000000}, left = {9, 9};
        setitimer(ITIMER_REAL, &soon, NULL);
        int result = nanosleep(&time, &left);
        printf("nanosleep %d %s left %d\n", result, result ? strerror(errno) : "", left.tv_nsec > 0 && left.tv_nsec < 60000000);
        struct pollfd none = {-1, 0, 0};
        setitimer(ITIMER_REAL, &soon, NULL);
        result = poll(&none, 1, 60);
        printf("poll %d %s\n", result, result < 0 ? strerror(errno) : "");
        setitimer(ITIMER_REAL, &soon, NULL);
        struct timeval tv = {0, 60000};
        result = select(0, NULL, NULL, NULL, &tv);
        printf("select %d %s\n", result, result < 0 ? strerror(errno) : "");
        pipe(fds);
        pid_t child = fork();
        if (!child) {
            usleep(60000);
            write(fds[1], "x", 1);
            _exit(0);
        }
        char byte;
        setitimer(ITIMER_REAL, &soon, NULL);
        result = read(fds[0], &byte, 1);
        printf("read %d %s\n", result, result < 0 ? strerror(errno) : "");
        setitimer(ITIMER_REAL, &soon, NULL);
        result = waitpid(child, NULL, 0);
        printf("wait %s\n", result < 0 ? strerror(errno) : "child");
        if (result < 0) waitpid(child, NULL, 0);
        int word = 0;
        setitimer(ITIMER_REAL, &soon, NULL);
        struct timespec longer = {0, 60000000};
        result = syscall(SYS_futex, &word, 0, 0, &longer, NULL, 0);
        printf("futex with timeout %d %s\n", result, strerror(errno));
        sigset_t usr;
        sigemptyset(&usr);
        sigaddset(&usr, SIGUSR2);
        sigprocmask(SIG_BLOCK, &usr, NULL);
        setitimer(ITIMER_REAL, &soon, NULL);
        result = sigtimedwait(&usr, NULL, &longer);
        printf("sigtimedwait %d %s\n", result, strerror(errno));
        close(fds[0]);
        close(fds[1]);
    }
}

static void orphans(void) {
    // A child in a group of its own, in a session of its own, with a stopped grandchild: the group is orphaned by its end.
    int fds[2], status;
    char text[64] = "";
    pipe(fds);
    fflush(stdout);
    pid_t session = fork();
    if (!session) {
        setsid();
        pid_t leader = fork();
        if (!leader) {
            setpgid(0, 0);
            pid_t stopped = fork();
            if (!stopped) {
                clear();
                set(SIGHUP, note, 0);
                set(SIGCONT, note, 0);
                raise(SIGTSTP);
                dprintf(fds[1], "after the stop: %s", order);
                clear();
                raise(SIGTSTP);
                dprintf(fds[1], "and orphaned, SIGTSTP does nothing");
                _exit(0);
            }
            waitpid(stopped, &status, WUNTRACED);
            dprintf(fds[1], "stopped %d by %d; ", WIFSTOPPED(status), WSTOPSIG(status) == SIGTSTP);
            _exit(0);
        }
        waitpid(leader, &status, 0);
        _exit(0);
    }
    waitpid(session, &status, 0);
    close(fds[1]);
    while (read(fds[0], text, sizeof text - 1) > 0) {
        printf("%s", text);
        memset(text, 0, sizeof text);
    }
    printf("\n");
}

static void queue(void) {
    struct rlimit limit = {3, 3};
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGRTMIN);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, NULL);
    setrlimit(RLIMIT_SIGPENDING, &limit);
    union sigval value = {7};
    for (int i = 0; i < 5; i++) {
        errno = 0;
        int result = sigqueue(getpid(), SIGRTMIN, value);
        printf("sigqueue %d %s; ", result, strerror(errno));
    }
    errno = 0;
    printf("kill %d %s; ", kill(getpid(), SIGRTMIN), strerror(errno));
    printf("kill USR1 %d; ", kill(getpid(), SIGUSR1));
    int taken = 0;
    struct timespec zero = {0, 0};
    siginfo_t info;
    while (sigtimedwait(&set, &info, &zero) > 0) {
        printf("%d:%d ", info.si_signo == SIGRTMIN, info.si_code);
        taken++;
    }
    printf("taken %d\n", taken);
}

int main(void) {
    stacked();
    flags();
    altstack();
    in_child("no stack", lose_stack);
    in_child("no stack, but another", lose_stack_caught);
    in_child("abort", die_abort);
    in_child("abort with room for a core", die_abort_core);
    restarts();
    orphans();
    in_child("queue", queue);
    return 0;
}
