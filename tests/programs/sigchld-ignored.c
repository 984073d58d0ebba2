/*
 * sigchld-ignored: a parent that ignores SIGCHLD has no zombies.
 *
 * sigaction(2), SIG_IGN and SA_NOCLDWAIT; wait(2), notes.
 */
#include "rt.h"

static void three_children(const char *what)
{
    int status;
    for (int i = 0; i < 3; i++)
        if (must("fork", fork()) == 0)
            exit(i);
    printf("%s: wait says %s when all three have gone\n", what, errno_name(waitpid(-1, &status, 0)));
}

int main(void)
{
    on_signal(SIGCHLD, SIG_IGN, 0);
    three_children("SIG_IGN");

    on_signal(SIGCHLD, SIG_DFL, SA_NOCLDWAIT);
    three_children("SA_NOCLDWAIT");

    /* The default action of SIGCHLD is to ignore it too, and yet the children stay to be waited for. */
    on_signal(SIGCHLD, SIG_DFL, 0);
    long child = must("fork", fork());
    if (child == 0)
        exit(4);
    printf("SIG_DFL: the child's status is %d\n", exit_status_of(child));
    return 0;
}
