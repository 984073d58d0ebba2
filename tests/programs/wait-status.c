/*
 * wait-status: what wait4 and waitid report of a child, for every way to end.
 *
 * wait(2); POSIX waitpid.
 */
#include "rt.h"

static long child_that_exits(int status)
{
    long child = must("fork", fork());
    if (child == 0)
        exit(status);
    return child;
}

static long child_that_sleeps(void)
{
    long child = must("fork", fork());
    if (child == 0) {
        for (;;)
            sleep_ms(1000);
    }
    return child;
}

/* The low 8 bits of the exit status are reported, and no others. */
static void exit_statuses(void)
{
    static const int statuses[] = { 0, 1, 42, 127, 128, 255, 256, 257, -1 };
    printf("exit:");
    for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++)
        printf(" %d->%x", statuses[i], (unsigned)wait_for(child_that_exits(statuses[i])));
    printf("\n");
}

/* Each signal that by default ends the process. For some the status may say "core dumped" (0x80). */
static void signals(void)
{
    static const int numbers[] = { SIGHUP,  SIGINT,    SIGKILL,   SIGUSR1, SIGUSR2, SIGPIPE, SIGALRM,
                                   SIGTERM, SIGSTKFLT, SIGVTALRM, SIGPROF, SIGIO,   SIGPWR };
    printf("killed:");
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        long child = child_that_sleeps();
        must("kill", kill((int)child, numbers[i]));
        printf(" %d->%x", numbers[i], (unsigned)wait_for(child));
    }
    printf("\n");
    printf("killed, with a core where allowed:");
    static const int with_core[] = { SIGQUIT, SIGILL,  SIGTRAP, SIGABRT, SIGBUS,
                                     SIGFPE,  SIGSEGV, SIGXCPU, SIGXFSZ, SIGSYS };
    for (size_t i = 0; i < sizeof with_core / sizeof with_core[0]; i++) {
        long child = child_that_sleeps();
        must("kill", kill((int)child, with_core[i]));
        printf(" %d->%d", with_core[i], WTERMSIG(wait_for(child)));
    }
    printf("\n");
}

/* Signals whose default action is to do nothing. */
static void ignored_signals(void)
{
    static const int numbers[] = { SIGCHLD, SIGURG, SIGWINCH, SIGCONT };
    long child = child_that_sleeps();
    int status;
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        must("kill", kill((int)child, numbers[i]));
    show("after SIGCHLD, SIGURG, SIGWINCH and SIGCONT, WNOHANG", waitpid((int)child, &status, WNOHANG));
    kill((int)child, SIGKILL);
    printf("after SIGKILL: status %x\n", (unsigned)wait_for(child));
}

static void no_child(void)
{
    int status = 77;
    show("no child", waitpid(-1, &status, 0));
    show("no child, WNOHANG", waitpid(-1, &status, WNOHANG));
    show("the status is untouched", status);
    long child = child_that_exits(0);
    show("not my child", waitpid((int)getpid(), &status, 0));
    wait_for(child);
    show("waited for twice", waitpid((int)child, &status, 0));
    show("unknown option", waitpid(-1, &status, 0x40));
}

static void print_info(const char *what, const siginfo_t *info)
{
    printf("%s: signo %d code %d status %d\n", what, info->si_signo, info->si_code, info->si_status);
}

static void waitid_information(void)
{
    siginfo_t info;
    long child = child_that_exits(9);
    must("waitid", waitid(P_PID, (int)child, &info, WEXITED | WNOWAIT));
    print_info("waitid WNOWAIT", &info);
    must("waitid", waitid(P_ALL, 0, &info, WEXITED));
    print_info("waitid again  ", &info);
    show("waitid a third time", waitid(P_ALL, 0, &info, WEXITED));
    child = child_that_sleeps();
    memset(&info, 0xff, sizeof info);
    must("waitid", waitid(P_PID, (int)child, &info, WEXITED | WNOHANG));
    printf("waitid WNOHANG, still running: pid %d signo %d\n", info.si_pid, info.si_signo);
    kill((int)child, SIGTERM);
    must("waitid", waitid(P_PID, (int)child, &info, WEXITED));
    print_info("waitid killed ", &info);
    show("waitid without WEXITED, WSTOPPED or WCONTINUED", waitid(P_ALL, 0, &info, WNOHANG));
}

int main(void)
{
    exit_statuses();
    signals();
    ignored_signals();
    no_child();
    waitid_information();
    return 0;
}
