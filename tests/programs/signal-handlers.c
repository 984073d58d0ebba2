/*
 * signal-handlers: handlers of signals, and what they do to a system call that sleeps.
 *
 * signal(7), sigaction(2), "Interruption of system calls and library functions by signal handlers".
 */
#include "rt.h"

static volatile int calls, last;

static void note(int signal)
{
    calls++;
    last = signal;
}

static void show_calls(const char *what)
{
    printf("%s: %d calls, the last for signal %d\n", what, calls, last);
    calls = last = 0;
}

static void to_myself(int signal) { must("kill", kill((int)getpid(), signal)); }

static void handled(void)
{
    on_signal(SIGUSR1, note, 0);
    to_myself(SIGUSR1);
    to_myself(SIGUSR1);
    show_calls("two signals");
    on_signal(SIGUSR1, note, SA_RESETHAND);
    to_myself(SIGUSR1);
    show_calls("SA_RESETHAND");
    struct sigaction action = { 0 };
    must("sigaction", CALL4(__NR_rt_sigaction, SIGUSR1, 0, &action, sizeof(sigset_t)));
    printf("and the action is the default again: %d\n", action.sa_handler == SIG_DFL);
}

/* While a signal is blocked it is pending, once however often it was sent. */
static void blocked(void)
{
    sigset_t set = { 0 };
    *(unsigned long *)&set = 1UL << (SIGUSR1 - 1);
    on_signal(SIGUSR1, note, 0);
    sigprocmask(SIG_BLOCK, &set, 0);
    to_myself(SIGUSR1);
    to_myself(SIGUSR1);
    show_calls("blocked");
    sigprocmask(SIG_UNBLOCK, &set, 0);
    show_calls("unblocked");
}

/* A child of this process sends it SIGUSR1 while it reads from an empty pipe, then writes to the pipe. */
static void interrupted(const char *what, unsigned long flags)
{
    int ends[2];
    must("pipe2", pipe2(ends, 0));
    on_signal(SIGUSR1, note, flags);
    long child = must("fork", fork());
    if (child == 0) {
        sleep_ms(100);
        kill((int)getppid(), SIGUSR1);
        sleep_ms(100);
        write(ends[1], "late", 4);
        exit(0);
    }
    char text[8];
    long result = read(ends[0], text, sizeof text);
    show(what, result);
    show_calls("  the handler");
    wait_for(child);
}

static void of_children(void)
{
    on_signal(SIGCHLD, note, SA_RESTART);
    long child = must("fork", fork());
    if (child == 0)
        exit(0);
    wait_for(child);
    show_calls("SIGCHLD");
    on_signal(SIGCHLD, SIG_DFL, 0);
}

/* fork copies the handlers, and the variable that the child's handler changes is the child's. */
static void inherited(void)
{
    on_signal(SIGUSR2, note, 0);
    long child = must("fork", fork());
    if (child == 0) {
        to_myself(SIGUSR2);
        exit(calls);
    }
    printf("the child's handler ran: %d\n", exit_status_of(child));
    show_calls("in the parent");
}

static void refusals(void)
{
    struct sigaction ignore = { .sa_handler = SIG_IGN };
    show("SIGKILL cannot be ignored", sigaction(SIGKILL, &ignore));
    show("SIGSTOP cannot be ignored", sigaction(SIGSTOP, &ignore));
    show("there is no signal 65", sigaction(65, &ignore));
}

int main(void)
{
    handled();
    blocked();
    interrupted("a read that a handler interrupted", 0);
    interrupted("the same with SA_RESTART", SA_RESTART);
    of_children();
    inherited();
    refusals();
    return 0;
}
