/*
 * subreaper: an ancestor that asked for them is given orphans before init is.
 *
 * PR_SET_CHILD_SUBREAPER(2const), prctl(2).
 */
#include "rt.h"

int main(void)
{
    must("prctl", prctl(PR_SET_CHILD_SUBREAPER, 1));
    long reaper = getpid();
    long child = must("fork", fork());
    if (child == 0) {
        long parent = getpid();
        if (must("fork", fork()) != 0)
            exit(6); /* leaves the grandchild behind */
        while (getppid() == parent)
            sched_yield();
        exit(getppid() == reaper ? 7 : 1);
    }
    show("the child's status", exit_status_of(child));
    show("the orphan's status, 7 where its parent is the reaper", exit_status_of(-1));
    show("nobody is left", waitpid(-1, 0, 0));
    return 0;
}
