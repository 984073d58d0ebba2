/*
 * doc-shared-variable: a course text's example of copy-on-write, with a sleeping parent.
 *
 * Shows:  the child's store to a variable that fork shared stays in the child. In the original the parent's
 *         first line came before or after the child's, as the scheduler liked; here the child waits for its
 *         turn, so that the order is always the same.
 * Rows:   M1, M28, M29.
 * Counts: one fork, and one stack page that both write: a cow_copy for the first, a cow_reuse for the other.
 *         (textbook)
 */
#include "rt.h"

int main(void)
{
    volatile int shared_variable = 10;
    int turn[2];
    must("pipe2", pipe2(turn, 0));
    long pid = fork();

    if (pid < 0) {
        printf("Fork failed: %s\n", errno_text(pid));
        return 1;
    } else if (pid == 0) {
        char go;
        read(turn[0], &go, 1);
        printf("Child process: shared_variable = %d\n", shared_variable);
        shared_variable = 20;
        printf("Child process: shared_variable is now %d\n", shared_variable);
    } else {
        printf("Parent process: shared_variable = %d\n", shared_variable);
        write(turn[1], "g", 1);
        sleep_ms(1000); /* the child changes its variable meanwhile */
        printf("Parent process: shared_variable is still %d\n", shared_variable);
        wait_for(pid);
    }
    return 0;
}
