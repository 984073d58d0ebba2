/*
 * cow-batch: stores that come in swarms, and stores that are few and far between.
 *
 * Shows:  what a batch of copies wins and what it wastes. Run it twice and compare: `tine run --stats --cow-batch 16 @cow-batch`
 *         and without. The first child writes every page: a fault copies 16 pages that are all needed. The second one writes
 *         one page of 16: the other 15 are copied in vain. With `--cow-prealloc 256` the copies find their frames in a pool.
 * Rows:   M9.
 * Counts: in the 256 pages, without a batch: 256 cow_copy (first child), 16 cow_copy (second child). With --cow-batch=16:
 *         16 cow_copy and 240 pages copied around in each child; 240 copied in vain. (textbook)
 */
#include "rt.h"

enum { PAGES = 256, WINDOW = 16 };

/* Lets a child write every page of `step`, and tells how many pages it changed. */
static void child_writes(const char *name, char *memory, long step)
{
    long child = must("fork", fork());
    if (child == 0) {
        for (long page = 0; page < PAGES; page += step)
            write_pages(memory + page * PAGE, 1, 'c');
        printf("%s child: %ld of %d pages are its own\n", name, count_pages(memory, PAGES, 'c'), PAGES);
        exit(0);
    }
    wait_for(child);
}

int main(void)
{
    /* A window more than is used, so that the pages can begin where a window does. */
    char *memory = map_private(PAGES + WINDOW);
    memory += -(unsigned long)memory % (WINDOW * PAGE);
    write_pages(memory, PAGES, 'p');
    child_writes("dense", memory, 1);
    child_writes("sparse", memory, WINDOW);
    printf("parent: its %ld pages are as they were\n", count_pages(memory, PAGES, 'p'));
    return 0;
}
