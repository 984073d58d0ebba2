/*
 * waits: what waitid and wait4 tell, and process groups and sessions.
 *
 * waitid(2), wait4(2), setpgid(2), setsid(2), getpgid(2), getsid(2).
 */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void say(const char *what, long result)
{
    if (result < 0)
        printf("%s: %s\n", what, strerrorname_np(errno));
    else
        printf("%s: %ld\n", what, result);
    fflush(stdout);
}

static pid_t child_that(int what)
{
    pid_t child = fork();
    if (child == 0) {
        if (what < 256)
            _exit(what);
        if (what == 256)
            for (;;)
                pause();
        raise(what - 256);
        _exit(0);
    }
    return child;
}

static long wait_id(int type, id_t id, siginfo_t *info, int options)
{
    memset(info, 0x55, sizeof *info);
    return syscall(SYS_waitid, type, id, info, options, NULL);
}

static void tell(const char *what, long result, siginfo_t *info, pid_t child)
{
    if (result < 0)
        printf("%s: %s\n", what, strerrorname_np(errno));
    else
        printf("%s: %ld signo %d code %d child %d status %d uid %d errno %d\n", what, result, info->si_signo,
               info->si_code, info->si_pid == child ? 1 : info->si_pid == 0 ? 0 : 2, info->si_status, info->si_uid,
               info->si_errno);
    fflush(stdout);
}

static void ids(void)
{
    siginfo_t info;
    pid_t child = child_that(256);
    tell("running, WNOHANG", wait_id(P_ALL, 0, &info, WEXITED | WNOHANG), &info, child);
    tell("no options", wait_id(P_ALL, 0, &info, 0), &info, child);
    tell("WNOHANG alone", wait_id(P_ALL, 0, &info, WNOHANG), &info, child);
    tell("unknown option", wait_id(P_ALL, 0, &info, WEXITED | 0x100), &info, child);
    tell("unknown type", wait_id(9, 0, &info, WEXITED), &info, child);
    tell("P_PID 0", wait_id(P_PID, 0, &info, WEXITED | WNOHANG), &info, child);
    tell("P_PID negative", wait_id(P_PID, -1, &info, WEXITED | WNOHANG), &info, child);
    tell("P_PGID 0", wait_id(P_PGID, 0, &info, WEXITED | WNOHANG), &info, child);
    tell("P_PGID negative", wait_id(P_PGID, -1, &info, WEXITED | WNOHANG), &info, child);
    tell("P_PGID of nobody", wait_id(P_PGID, 30000, &info, WEXITED | WNOHANG), &info, child);
    tell("a stranger", wait_id(P_PID, getppid(), &info, WEXITED | WNOHANG), &info, child);
    tell("__WCLONE", wait_id(P_ALL, 0, &info, WEXITED | WNOHANG | __WCLONE), &info, child);
    tell("__WALL", wait_id(P_ALL, 0, &info, WEXITED | WNOHANG | __WALL), &info, child);
    kill(child, SIGSTOP);
    tell("stopped, WNOWAIT", wait_id(P_PID, child, &info, WSTOPPED | WNOWAIT), &info, child);
    tell("stopped", wait_id(P_PID, child, &info, WSTOPPED | WEXITED), &info, child);
    tell("told already", wait_id(P_PID, child, &info, WSTOPPED | WNOHANG), &info, child);
    kill(child, SIGCONT);
    tell("continued, WNOWAIT", wait_id(P_PID, child, &info, WCONTINUED | WNOWAIT), &info, child);
    tell("continued", wait_id(P_PID, child, &info, WCONTINUED), &info, child);
    tell("told already", wait_id(P_PID, child, &info, WCONTINUED | WNOHANG), &info, child);
    kill(child, SIGSTOP);
    kill(child, SIGKILL);
    tell("killed, not asked", wait_id(P_PID, child, &info, WCONTINUED), &info, child);
    tell("killed", wait_id(P_PID, child, &info, WEXITED), &info, child);
    tell("nobody", wait_id(P_ALL, 0, &info, WEXITED), &info, child);
    child = child_that(3);
    say("no siginfo", syscall(SYS_waitid, P_PID, child, NULL, WEXITED, NULL));
    child = child_that(4);
    struct rusage usage;
    memset(&usage, 0x55, sizeof usage);
    say("bad siginfo", syscall(SYS_waitid, P_PID, child, 8, WEXITED, &usage));
    say("gone all the same", syscall(SYS_waitid, P_PID, child, NULL, WEXITED, NULL));
    child = child_that(256 + SIGABRT);
    struct rlimit none = {0, 0};
    tell("aborted", wait_id(P_ALL, 0, &info, WEXITED), &info, child);
    /* a clone without a signal */
    child = syscall(SYS_clone, 0, 0, 0, 0, 0);
    if (child == 0)
        _exit(6);
    tell("no signal, not asked", wait_id(P_ALL, 0, &info, WEXITED), &info, child);
    tell("no signal, __WCLONE", wait_id(P_ALL, 0, &info, WEXITED | __WCLONE), &info, child);
    signal(SIGUSR2, SIG_IGN);
    child = syscall(SYS_clone, SIGUSR2, 0, 0, 0, 0);
    if (child == 0)
        _exit(7);
    tell("SIGUSR2, __WALL", wait_id(P_ALL, 0, &info, WEXITED | __WALL), &info, child);
}

static void four(void)
{
    int status = -1;
    pid_t child = child_that(256);
    say("wait4, bad options", syscall(SYS_wait4, child, &status, 0x20, NULL));
    say("wait4, WEXITED", syscall(SYS_wait4, child, &status, WEXITED, NULL));
    say("wait4, INT_MIN", syscall(SYS_wait4, 0x80000000, &status, WNOHANG, NULL));
    say("wait4, running", syscall(SYS_wait4, child, &status, WNOHANG, NULL));
    printf("untouched %d\n", status);
    say("wait4, group", syscall(SYS_wait4, 0, &status, WNOHANG, NULL));
    say("wait4, no group", syscall(SYS_wait4, -30000, &status, WNOHANG, NULL));
    kill(child, SIGSTOP);
    printf("stopped: %d", waitpid(child, &status, WUNTRACED) == child);
    printf(" %x\n", status);
    kill(child, SIGCONT);
    printf("continued: %d", waitpid(child, &status, WCONTINUED) == child);
    printf(" %x\n", status);
    kill(child, SIGTERM);
    printf("killed: %d", wait4(-getpgid(0), &status, 0, NULL) == child);
    printf(" %x\n", status);
    child = child_that(9);
    say("bad status", syscall(SYS_wait4, child, 8, 0, NULL));
    say("reaped all the same", syscall(SYS_wait4, child, NULL, 0, NULL));
}

static void groups(void)
{
    int ready[2], go[2];
    char c;
    pipe(ready);
    pipe(go);
    say("setpgid, negative", setpgid(0, -1));
    say("setpgid, nobody", setpgid(30000, 0));
    say("setpgid, the parent", setpgid(getppid(), 0));
    say("getpgid, nobody", getpgid(30000));
    say("getpgid, negative", getpgid(-1));
    say("getsid, nobody", getsid(30000));
    pid_t child = fork();
    if (child == 0) {
        read(go[0], &c, 1);
        execl("/proc/self/exe", "waits", "wait", NULL);
        _exit(99);
    }
    say("into its own", setpgid(child, child));
    printf("its own: %d\n", getpgid(child) == child);
    say("back", setpgid(child, getpgid(0)));
    say("into no group", setpgid(child, 30000));
    write(go[1], "x", 1);
    struct timespec little = {0, 100000000};
    nanosleep(&little, NULL);
    say("after exec", setpgid(child, child));
    kill(child, SIGKILL);
    nanosleep(&little, NULL);
    say("a zombie", setpgid(child, child));
    printf("group of a zombie: %d\n", getpgid(child) == getpgid(0));
    waitpid(child, NULL, 0);
    child = fork();
    if (child == 0) {
        printf("setsid: %d\n", setsid() == getpid());
        say("again", setsid());
        printf("leads: %d %d\n", getpgid(0) == getpid(), getsid(0) == getpid());
        say("a leader moves", setpgid(0, 0));
        say("to its parent's group", setpgid(0, getpgid(getppid())));
        pid_t grandchild = fork();
        if (grandchild == 0) {
            say("own group", setpgid(0, 0));
            say("setsid as a group's leader", setsid());
            fflush(stdout);
            _exit(0);
        }
        waitpid(grandchild, NULL, 0);
        fflush(stdout);
        _exit(0);
    }
    waitpid(child, NULL, 0);
    child = fork();
    if (child == 0) {
        setsid();
        write(ready[1], "x", 1);
        read(go[0], &c, 1);
        _exit(0);
    }
    read(ready[0], &c, 1);
    say("a child of another session", setpgid(child, child));
    say("join it", setpgid(0, child));
    printf("its session: %d\n", getsid(child) == child);
    write(go[1], "x", 1);
    waitpid(child, NULL, 0);
}

static volatile int caught;

static void on_signal(int number)
{
    caught = number;
}

static void polls(void)
{
    struct timespec zero = {0, 0}, time = {0, 50000000};
    struct pollfd p[2] = {{0, POLLIN, 0}};
    struct rlimit limit, small;
    getrlimit(RLIMIT_NOFILE, &limit);
    small = limit;
    small.rlim_cur = 1;
    setrlimit(RLIMIT_NOFILE, &small);
    say("more than may be open", syscall(SYS_ppoll, p, 2, &zero, NULL, 0));
    setrlimit(RLIMIT_NOFILE, &limit);
    int ends[2];
    pipe(ends);
    p[0].fd = ends[0];
    signal(SIGALRM, on_signal);
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM};
    alarm(1);
    struct timespec long_time = {5, 0};
    say("interrupted", syscall(SYS_ppoll, p, 1, &long_time, NULL, 0));
    printf("time left: %d\n", long_time.tv_sec == 3 || long_time.tv_sec == 4);
    fd_set set;
    FD_ZERO(&set);
    FD_SET(ends[0], &set);
    alarm(1);
    long_time = (struct timespec){5, 0};
    say("select, interrupted", syscall(SYS_pselect6, ends[0] + 1, &set, NULL, NULL, &long_time, NULL));
    printf("set kept: %d, time left %d\n", FD_ISSET(ends[0], &set) != 0, long_time.tv_sec < 5);
    say("select, bad mask size", syscall(SYS_pselect6, 0, NULL, NULL, NULL, &zero, (long[]){(long)&set, 4}));
    say("select, no mask", syscall(SYS_pselect6, 0, NULL, NULL, NULL, &zero, (long[]){0, 4}));
    say("select, bad set", syscall(SYS_pselect6, 8, 8, NULL, NULL, &zero, NULL));
    say("poll, bad mask", syscall(SYS_ppoll, p, 1, &zero, 8, 8));
    say("select, bad time", syscall(SYS_pselect6, 0, NULL, NULL, NULL, 8, NULL));
}

/* Who has ended and was not waited for still has what it had. */
static void zombies(void)
{
    pid_t child = fork();
    if (child == 0) {
        struct sched_param param = {7};
        sched_setscheduler(0, SCHED_FIFO, &param);
        _exit(0);
    }
    siginfo_t info;
    waitid(P_PID, child, &info, WEXITED | WNOWAIT);
    struct sched_param param;
    say("zombie's policy", sched_getscheduler(child));
    say("zombie's parameter", sched_getparam(child, &param));
    printf("%d\n", param.sched_priority);
    waitpid(child, NULL, 0);
    say("nobody's policy", sched_getscheduler(child));
}

static void on_alarm(int signal)
{
    (void)signal;
}

static void interrupted(int flags)
{
    siginfo_t info;
    struct sigaction action = {.sa_handler = on_alarm, .sa_flags = flags};
    sigaction(SIGALRM, &action, NULL);
    pid_t child = fork();
    if (child == 0) {
        usleep(100000);
        _exit(7);
    }
    memset(&info, 0xff, sizeof info);
    ualarm(20000, 0);
    say("interrupted", waitid(P_PID, child, &info, WEXITED));
    printf("signal %d, code %d, pid %s, status %d, errno %d\n", info.si_signo, info.si_code,
           info.si_pid == child ? "the child's" : info.si_pid == 0 ? "0" : "other", info.si_status, info.si_errno);
    ualarm(20000, 0);
    say("interrupted at a bad address", waitid(P_PID, child, (void *)8, WEXITED | WNOWAIT));
    waitpid(child, NULL, 0);
}

int main(int argc, char **argv)
{
    if (argc > 1)
        for (;;)
            pause();
    setvbuf(stdout, NULL, _IOLBF, 0);
    setpgid(0, 0);
    ids();
    four();
    groups();
    polls();
    zombies();
    interrupted(0);
    interrupted(SA_RESTART);
    return 0;
}
