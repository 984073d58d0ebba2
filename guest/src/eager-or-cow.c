/*
 * eager-or-cow: a large process forks a child that changes little.
 *
 * Shows:  what copy-on-write saves. Run it twice and compare: `tine run --stats --fork eager @eager-or-cow` and without `--fork`.
 *         The program prints the same; the machine does not do the same.
 * Rows:   M3, M4.
 * Counts: in the 256 pages, with --fork=cow: 8 cow_copy, 248 pages never copied. With --fork=eager: 256 pages
 *         copied inside fork and no fault afterwards. (textbook)
 */
#include "rt.h"

enum { PAGES = 256, CHANGED = 8 };

int main(void)
{
    char *memory = map_private(PAGES);
    write_pages(memory, PAGES, 'p');

    long child = must("fork", fork());
    if (child == 0) {
        write_pages(memory, CHANGED, 'c');
        printf("child: changed %ld of %d pages, sees the parent's data in %ld\n",
               count_pages(memory, PAGES, 'c'), PAGES, count_pages(memory, PAGES, 'p'));
        exit(0);
    }
    wait_for(child);
    printf("parent: its %ld pages are as they were\n", count_pages(memory, PAGES, 'p'));
    return 0;
}
