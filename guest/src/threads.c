/*
 * threads: threads share one address space, and processes copy it.
 *
 * Shows:  a thread's stores are there for the others at once, and cost no copy; a child has what its parent had when it
 *         was made, and takes a copy for each page that it stores to.
 * Rows:   M12.
 * Counts: in the 16 pages: 16 demand_zero (the first thread), 16 cow_copy (the child), 16 cow_reuse (the second thread, after the
 *         child's exit). Two threads, one fork. (textbook)
 */
#include "rt.h"

enum { PAGES = 16 };

static char *memory;

static void write_all(void *value)
{
    write_pages(memory, PAGES, *(char *)value);
}

static void run_thread(char value)
{
    int tid;
    start_thread(write_all, &value, &tid);
    wait_for_thread(&tid);
}

int main(void)
{
    memory = map_private(PAGES);
    run_thread('a');
    printf("a thread wrote: %ld of %d pages have it here\n", count_pages(memory, PAGES, 'a'), PAGES);

    long child = must("fork", fork());
    if (child == 0) {
        write_pages(memory, PAGES, 'c');
        exit(0);
    }
    wait_for(child);
    printf("a child wrote: %ld of %d pages have it here\n", count_pages(memory, PAGES, 'c'), PAGES);

    run_thread('b');
    printf("another thread wrote: %ld of %d pages have it here\n", count_pages(memory, PAGES, 'b'), PAGES);
    return 0;
}
