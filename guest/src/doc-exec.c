/*
 * doc-exec: a course text's pattern of fork, exec and wait, with its two checks.
 *
 * Shows:  what happens when exec succeeds and when it does not: exit(127) tells the parent that the program
 *         was not found. The original executes `ls -l`; this one executes itself, and then nothing.
 * Rows:   M7, M18, M29.
 * Counts: two forks; only stack pages are copied. (textbook)
 */
#include "rt.h"

static void run(const char *program, char **arguments, char **environment)
{
    long pid = fork();
    if (pid < 0) {
        printf("fork: %s\n", errno_text(pid));
        exit(1);
    }
    if (pid == 0) {
        long error = execve(program, arguments, environment);
        /* exec returned, so it failed */
        printf("execve: %s\n", errno_text(error));
        exit(127);
    } else {
        printf("status %d\n", exit_status_of(pid));
    }
}

int main(int argc, char **argv, char **envp)
{
    if (argc > 1) {
        printf("%s %s, run by exec\n", argv[0], argv[1]);
        return 0;
    }
    char *arguments[] = { "ls", "-l", 0 };
    run("/proc/self/exe", arguments, envp);
    run("/no/such/ls", arguments, envp);
    return 0;
}
