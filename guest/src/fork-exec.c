/*
 * fork-exec: how every shell runs a command, and why fork may be lazy.
 *
 * Shows:  between fork and exec the child touches a page or two of its stack; exec then drops its whole
 *         share of the parent's memory. Of 128 pages written by the parent none is ever copied.
 * Rows:   M7, M18, M28.
 * Counts: in the 128 pages: 128 demand_zero, 0 cow_copy; after the child has gone the parent's stores are
 *         128 cow_reuse. (textbook)
 */
#include "rt.h"

enum { PAGES = 128 };

/* What the child becomes: it has a new address space, and the process is the same. */
static int new_program(int argc, char **argv)
{
    printf("new program: %d arguments, the last is \"%s\"; same process: %s\n", argc, argv[argc - 1],
           getpid() == parse_long(argv[1]) ? "yes" : "no");
    return 7;
}

int main(int argc, char **argv, char **envp)
{
    if (argc > 1)
        return new_program(argc, argv);
    char *memory = map_private(PAGES);
    write_pages(memory, PAGES, 'p');
    printf("parent: %d pages written, fork\n", PAGES);

    long child = must("fork", fork());
    if (child == 0) {
        char pid[20];
        format_to(pid, sizeof pid, "%ld", getpid());
        char *arguments[] = { argv[0], pid, "hello", 0 };
        execve("/proc/self/exe", arguments, envp);
        exit(127);
    }
    printf("parent: the new program returned %d\n", exit_status_of(child));
    write_pages(memory, PAGES, 'q');
    printf("parent: %ld pages written again\n", count_pages(memory, PAGES, 'q'));
    return 0;
}
