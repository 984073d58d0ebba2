/*
 * orphan: the dead that nobody waited for, and the living whose parent is dead.
 *
 * Shows:  a child that has exited stays as a zombie until it is waited for: signals still reach it, then they
 *         do not. A process whose parent exits is given to init, pid 1, which waits for it when it ends.
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
    int report[2];
    must("pipe2", pipe2(report, 0));
    long child = must("fork", fork());
    if (child == 0) {
        long parent = getpid();
        if (must("fork", fork()) != 0)
            exit(6); /* leaves the grandchild behind */
        while (getppid() == parent)
            sched_yield();
        long new_parent = getppid();
        write(report[1], &new_parent, sizeof new_parent);
        exit(7);
    }
    printf("the child exited with status %d and left an orphan\n", exit_status_of(child));
    long new_parent;
    must("read", read(report[0], &new_parent, sizeof new_parent));
    printf("the orphan's new parent has the pid %ld\n", new_parent);
    show("its grandparent can wait for it", waitpid(-1, 0, 0));
}

int main(void)
{
    zombie();
    orphan();
    return 0;
}
