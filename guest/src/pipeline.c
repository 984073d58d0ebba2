/*
 * pipeline: what a shell does for `produce | count`.
 *
 * Shows:  the shell makes a pipe and forks twice; each child puts its end of the pipe in the place of stdin or
 *         stdout before it executes its program, which knows nothing of it. The reader sees the end of file
 *         when the last writer has closed, so the shell must close its own ends too.
 * Rows:   M7, M15, M19.
 * Counts: two forks and two execs, few pages copied. (textbook)
 */
#include "rt.h"

static int produce(void)
{
    printf("one\ntwo\nthree\n");
    return 0;
}

static int count(void)
{
    char text[64];
    long bytes, lines = 0;
    while ((bytes = must("read", read(0, text, sizeof text))) > 0)
        for (long i = 0; i < bytes; i++)
            lines += text[i] == '\n';
    printf("count: %ld lines\n", lines);
    return 3;
}

/* Forks and executes this program as `name`, with `end` of the pipe as its descriptor `place`. */
static long start(char *name, int end, int place, char **environment)
{
    long child = must("fork", fork());
    if (child == 0) {
        must("dup3", dup3(end, place, 0)); /* the pipe's own descriptors are closed at exec */
        char *arguments[] = { name, 0 };
        execve("/proc/self/exe", arguments, environment);
        exit(127);
    }
    return child;
}

int main(int argc, char **argv, char **envp)
{
    if (argc == 1 && strcmp(argv[0], "produce") == 0)
        return produce();
    if (argc == 1 && strcmp(argv[0], "count") == 0)
        return count();
    int ends[2];
    must("pipe2", pipe2(ends, O_CLOEXEC));
    long producer = start("produce", ends[1], 1, envp);
    long counter = start("count", ends[0], 0, envp);
    close(ends[0]);
    close(ends[1]);
    int produced = exit_status_of(producer);
    printf("shell: produce returned %d, count returned %d\n", produced, exit_status_of(counter));
    return 0;
}
