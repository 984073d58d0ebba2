/*
 * child-first: who runs first after fork decides how much is copied.
 *
 * Shows:  the child executes another program at once. If it runs first, it drops its share of the pages
 *         before the parent stores to them, and nothing is copied; if the parent runs first, it copies pages
 *         for a child that never wanted them. Compare --fork-order=child-first with parent-first.
 * Rows:   M6, M7.
 * Counts: in the 64 pages: child-first 64 cow_reuse, parent-first 64 cow_copy. (textbook)
 */
#include "rt.h"

enum { PAGES = 64 };

int main(int argc, char **argv, char **envp)
{
    if (argc > 1)
        return 42; /* the program that the child executes */
    char *memory = map_private(PAGES);
    write_pages(memory, PAGES, 'p');

    long child = must("fork", fork());
    if (child == 0) {
        char *arguments[] = { argv[0], "again", 0 };
        execve("/proc/self/exe", arguments, envp);
        exit(127);
    }
    write_pages(memory, PAGES, 'q');
    printf("parent wrote %ld pages; the child executed another program, status %d\n",
           count_pages(memory, PAGES, 'q'), exit_status_of(child));
    return 0;
}
