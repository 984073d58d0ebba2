/*
 * stop-continue: what wait4 reports of a child that is stopped and continued.
 *
 * wait(2), WUNTRACED and WCONTINUED.
 */
#include "rt.h"

int main(void)
{
    long child = must("fork", fork());
    if (child == 0) {
        for (;;)
            sleep_ms(1000);
    }
    int status;
    kill((int)child, SIGSTOP);
    long waited = waitpid((int)child, &status, WUNTRACED);
    printf("SIGSTOP: the child %d, status %x\n", waited == child, (unsigned)status);
    kill((int)child, SIGCONT);
    waited = waitpid((int)child, &status, WCONTINUED);
    printf("SIGCONT: the child %d, status %x\n", waited == child, (unsigned)status);
    kill((int)child, SIGSTOP);
    waitpid((int)child, &status, WUNTRACED);
    kill((int)child, SIGKILL);
    printf("SIGKILL ends a stopped process: status %x\n", (unsigned)wait_for(child));
    return 0;
}
