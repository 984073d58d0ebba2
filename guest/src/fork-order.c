/*
 * fork-order: fork returns twice, and wait says how the child ended.
 *
 * Shows:  0 in the child and the child's pid in the parent; children waited for in any order; the status of
 *         an exit and of a death by signal; ECHILD when there is none left.
 * Rows:   M28.
 * Counts: each child stores to little but its stack: a few cow_copy per fork. (textbook)
 */
#include "rt.h"

/* The child reports what it saw through a pipe, so that one process does all the printing. */
static void fork_returns_twice(void)
{
    int ends[2];
    must("pipe2", pipe2(ends, 0));
    long result = must("fork", fork());
    if (result == 0) {
        long mine[2] = { getpid(), getppid() };
        write(ends[1], mine, sizeof mine);
        exit(0);
    }
    long childs[2];
    must("read", read(ends[0], childs, sizeof childs));
    printf("fork returned 0 in the child and the child's pid in the parent: %s\n",
           result == childs[0] ? "yes" : "no");
    printf("the child's parent is this process: %s\n", childs[1] == getpid() ? "yes" : "no");
    wait_for(result);
}

static void print_status(const char *what, int status)
{
    if (WIFEXITED(status))
        printf("%s: exited with status %d\n", what, WEXITSTATUS(status));
    else
        printf("%s: killed by signal %d\n", what, WTERMSIG(status));
}

int main(void)
{
    fork_returns_twice();

    long third = must("fork", fork());
    if (third == 0)
        exit(3);
    long killed = must("fork", fork());
    if (killed == 0) {
        for (;;)
            sleep_ms(1000);
    }
    kill((int)killed, SIGKILL);
    print_status("second child, waited for first", wait_for(killed));
    print_status("first child", wait_for(third));

    int status;
    printf("a third wait: %s\n", errno_name(waitpid(-1, &status, 0)));
    return 0;
}
