/*
 * exec-fails: exec returns only when it failed.
 *
 * Shows:  the child carries on after a failed exec, with its memory as it was, and must end itself: exit(127)
 *         by custom. A child that forgets it becomes a second copy of the parent.
 * Rows:   M18.
 * Counts: a failed exec drops nothing and copies nothing: the pages stay shared until the exit. (textbook)
 */
#include "rt.h"

static void try_exec(const char *path)
{
    long child = must("fork", fork());
    if (child == 0) {
        char *arguments[] = { (char *)path, 0 }, *environment[] = { 0 };
        long error = execve(path, arguments, environment);
        printf("child: exec of %s returned %s, so the child is still here\n", path, errno_name(error));
        exit(127);
    }
    printf("parent: the child's status is %d\n", exit_status_of(child));
}

int main(void)
{
    close(make_file("not-a-program", "This is a text.\n"));
    try_exec("no-such-program");
    try_exec("not-a-program"); /* it is there, and may not be executed */
    unlink("not-a-program");
    return 0;
}
