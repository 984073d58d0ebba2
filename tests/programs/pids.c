/*
 * pids: the numbers of processes, seen by the first process that init starts.
 *
 * pid_namespaces(7), fork(2): pids are given in ascending order.
 */
#include "rt.h"

int main(void)
{
    printf("this process: pid %ld, thread %ld, parent %ld\n", getpid(), gettid(), getppid());
    for (int i = 0; i < 3; i++) {
        long child = must("fork", fork());
        if (child == 0) {
            printf("child: pid %ld, thread %ld, parent %ld\n", getpid(), gettid(), getppid());
            exit(0);
        }
        wait_for(child);
    }
    show("a signal to a process that was never there", kill(100, SIGTERM));
    show("a signal that does not exist", kill((int)getpid(), 65));
    return 0;
}
