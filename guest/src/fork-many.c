/*
 * fork-many [CHILDREN]: children pile up until fork says no.
 *
 * Shows:  fork can fail, and a program that does not look takes the error for a pid. Run it with --max-procs to
 *         see EAGAIN, with --mem to see ENOMEM.
 * Rows:   M4, M17.
 * Counts: for the default, 64 children: 64 forks, each with its own page tables, and hardly a copy, for nobody
 *         writes: all of them share the 16 pages. (textbook)
 */
#include "rt.h"

enum { PAGES = 16 };

int main(int argc, char **argv)
{
    long wanted = argc > 1 ? parse_long(argv[1]) : 64;
    long alive = 0, result = 0;
    char *memory = map_private(PAGES);
    write_pages(memory, PAGES, 'p');

    int hold[2];
    must("pipe2", pipe2(hold, 0));
    while (alive < wanted && (result = fork()) >= 0) {
        if (result == 0) {
            char nothing;
            close(hold[1]);
            read(hold[0], &nothing, 1); /* until the parent closes its end */
            exit(count_pages(memory, PAGES, 'p') == PAGES ? 0 : 1);
        }
        alive++;
    }
    printf("%ld children are alive together", alive);
    if (alive < wanted)
        printf("; the next fork failed: %s", errno_name(result));
    printf("\n");

    close(hold[0]);
    close(hold[1]);
    long good = 0;
    for (long i = 0; i < alive; i++)
        good += exit_status_of(-1) == 0;
    printf("%ld of them saw the parent's data and ended\n", good);
    return 0;
}
