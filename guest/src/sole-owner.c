/*
 * sole-owner: a write fault on a page that has one owner left copies nothing.
 *
 * Shows:  a page that fork write-protected stays so when the other owner has gone, so the next store still
 *         faults; but then the frame has one owner, and the fault only makes it writable again.
 * Rows:   M2.
 * Counts: in the 64 pages: 64 demand_zero (parent, first), 64 cow_copy (child), 64 cow_reuse (parent, after
 *         the child's exit), no fault in the second pass of the parent. (textbook)
 */
#include "rt.h"

enum { PAGES = 64 };

int main(void)
{
    char *memory = map_private(PAGES);
    write_pages(memory, PAGES, 'p');

    long child = must("fork", fork());
    if (child == 0) {
        write_pages(memory, PAGES, 'c');
        exit(count_pages(memory, PAGES, 'c') == PAGES ? 0 : 1);
    }
    printf("child wrote %d shared pages, exit %d\n", PAGES, exit_status_of(child));
    printf("parent still has its own data in %ld pages\n", count_pages(memory, PAGES, 'p'));
    write_pages(memory, PAGES, 'q');
    printf("parent, now the only owner, wrote %d pages\n", PAGES);
    write_pages(memory, PAGES, 'r');
    printf("parent wrote them again\n");
    return 0;
}
