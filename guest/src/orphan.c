/*
 * orphan: the dead that nobody waited for, and the living whose parent is dead.
 *
 * Shows:  a child that has exited stays as a zombie until it is waited for: signals still reach it, then they
 *         do not. A process whose parent exits is given to the nearest ancestor that reaps orphans, at last
 *         to pid 1; here the program makes itself that ancestor with PR_SET_CHILD_SUBREAPER.
 * Rows:   M28.
 * Counts: three forks, and few copies: only stack pages. A zombie holds no frame. (textbook)
 */
#include "rt.h"

static void zombie(void)
{
    long child = must("fork", fork());
    if (child == 0)
        exit(5);
    siginfo_t info;
    must("waitid", waitid(P_PID, (int)child, &info, WEXITED | WNOWAIT)); /* looks, and leaves it */
    printf("the child exited with status %d and is a zombie: kill says %s\n", info.si_status,
           errno_name(kill((int)child, 0)));
    wait_for(child);
    printf("waited for, it is gone: kill says %s\n", errno_name(kill((int)child, 0)));
}

static void orphan(void)
{
    must("prctl", prctl(PR_SET_CHILD_SUBREAPER, 1));
    long reaper = getpid();
    long child = must("fork", fork());
    if (child == 0) {
        long parent = getpid();
        if (must("fork", fork()) != 0)
            exit(0); /* leaves the grandchild behind */
        while (getppid() == parent)
            sched_yield();
        exit(getppid() == reaper ? 9 : 1);
    }
    printf("the child exited with status %d\n", exit_status_of(child));
    printf("the reaper waited for the orphan, which had it as its parent: status %d\n", exit_status_of(-1));
}

int main(void)
{
    zombie();
    orphan();
    return 0;
}
