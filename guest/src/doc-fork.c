/*
 * doc-fork: a course text's first example of fork.
 *
 * Shows:  one call, two returns, three branches. The parent waits, which the original left out, and each
 *         line ends with a newline.
 * Rows:   M28, M29.
 * Counts: one fork; only stack pages are copied. (textbook)
 */
#include "rt.h"

int main(void)
{
    /* fork returns twice, so from here on the code runs twice */
    long pid = fork();

    if (pid < 0) {
        printf("error!\n");
    } else if (pid == 0) {
        printf("This is the child process!\n");
        exit(0);
    } else {
        wait_for(pid);
        printf("This is the parent process! child process id = %ld\n", pid);
    }
    return 0;
}
