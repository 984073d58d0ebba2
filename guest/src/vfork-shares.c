/*
 * vfork-shares: the child borrows the parent's address space, and the parent waits.
 *
 * Shows:  after vfork the child's stores are the parent's: no page is shared "copy-on-write", none is copied.
 *         The parent runs again when the child has called exec or _exit, and finds what the child wrote.
 *         The same stores after fork stay in the child.
 * Rows:   M5.
 * Counts: in the 32 pages: vfork copies no PTE and protects no page, so 0 faults in the child and 0 in the
 *         parent afterwards. The fork after it: 32 cow_copy. (textbook)
 */
#include "rt.h"

enum { PAGES = 32 };

int main(void)
{
    char *memory = map_private(PAGES);
    volatile int number = 11;
    write_pages(memory, PAGES, 'p');

    long child = must("vfork", vfork());
    if (child == 0) {
        number = 14;
        write_pages(memory, PAGES, 'v');
        exit(0);
    }
    printf("vfork: the parent sees number = %d and %ld of the child's %d pages\n", number,
           count_pages(memory, PAGES, 'v'), PAGES);
    wait_for(child);

    child = must("fork", fork());
    if (child == 0) {
        number = 17;
        write_pages(memory, PAGES, 'f');
        exit(0);
    }
    wait_for(child);
    printf("fork:  the parent sees number = %d and %ld of the child's %d pages\n", number,
           count_pages(memory, PAGES, 'f'), PAGES);
    return 0;
}
