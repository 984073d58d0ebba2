/*
 * cow-storm [MIB [CHILDREN]]: a large process forks, and then everybody writes everywhere.
 *
 * Shows:  the worst case of copy-on-write: fork is cheap, and the bill comes page by page. Each child takes a
 *         full copy while the parent still holds the original, so the peak is (CHILDREN + 1) times MIB.
 * Rows:   M8, M10 (give --mem less than the peak).
 * Counts: for the default, 16 MiB and 1 child: 4096 demand_zero, 4096 cow_copy (child), 4096 cow_reuse
 *         (parent). For N children alive together: N times 4096 cow_copy. (textbook)
 */
#include "rt.h"

/* Waits until the parent closes the other end, so that all children are alive together. */
static void wait_for_start(const int start[2])
{
    char nothing;
    close(start[1]);
    read(start[0], &nothing, 1);
}

int main(int argc, char **argv)
{
    long mib = argc > 1 ? parse_long(argv[1]) : 16;
    long children = argc > 2 ? parse_long(argv[2]) : 1;
    long pages = mib * (MIB / PAGE);
    char *memory = map_private(pages);
    write_pages(memory, pages, 'p');
    printf("parent: %ld MiB written, %ld pages\n", mib, pages);

    int start[2];
    must("pipe2", pipe2(start, 0));
    for (long i = 0; i < children; i++) {
        if (must("fork", fork()) == 0) {
            wait_for_start(start);
            write_pages(memory, pages, 'c');
            exit(count_pages(memory, pages, 'c') == pages ? 0 : 1);
        }
    }
    close(start[0]);
    close(start[1]); /* off they go */
    long good = 0;
    for (long i = 0; i < children; i++)
        good += exit_status_of(-1) == 0;
    printf("children: %ld of %ld wrote every page\n", good, children);
    printf("parent: %ld pages still hold its own data\n", count_pages(memory, pages, 'p'));
    write_pages(memory, pages, 'q');
    printf("parent: wrote every page again, as the only owner\n");
    return 0;
}
