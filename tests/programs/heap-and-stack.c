/*
 * heap-and-stack: the two areas of a process that grow.
 *
 * brk(2); the stack grows by itself down to its limit (getrlimit(2), RLIMIT_STACK, 8 MiB as a rule).
 */
#include "rt.h"

static void heap(void)
{
    char *start = grow_heap(4);
    printf("brk is at the end: %d, new memory is zero: %ld of 4 pages\n", brk(0) == (long)(start + 4 * PAGE),
           count_pages(start, 4, 0));
    write_pages(start, 4, 'h');
    brk(start + 2 * PAGE);
    printf("shrunk, then grown again: ");
    brk(start + 4 * PAGE);
    printf("%ld pages kept, %ld are zero\n", count_pages(start, 4, 'h'), count_pages(start, 4, 0));
    printf("below the start of the heap: refused, brk unchanged: %d\n",
           brk((void *)PAGE) == (long)(start + 4 * PAGE));
    printf("absurdly large: refused, brk unchanged: %d\n",
           brk((void *)(1L << 62)) == (long)(start + 4 * PAGE));
    brk(start + 100);
    start[99] = 'x';
    printf("brk need not be a multiple of a page: %d\n", brk(0) == (long)(start + 100));

    long child = must("fork", fork());
    if (child == 0) {
        brk(start);
        exit(0);
    }
    wait_for(child);
    printf("the child's brk is the child's: %d\n", brk(0) == (long)(start + 100));

    child = must("fork", fork());
    if (child == 0) {
        brk(start);
        start[0] = 'x';
        exit(0);
    }
    printf("memory given back cannot be written: status %d\n", exit_status_of(child));
}

/* Uses a page of stack per call, and returns how deep it went. */
static __attribute__((noinline)) long descend(long pages)
{
    volatile char frame[PAGE];
    frame[0] = (char)pages;
    long deeper = pages > 1 ? descend(pages - 1) : 0;
    return deeper + (frame[0] == (char)pages);
}

static void stack(void)
{
    printf("stack: %ld pages deep, all of them right\n", descend(1000));
    long child = must("fork", fork());
    if (child == 0)
        exit(descend(1500) == 1500 ? 0 : 1);
    printf("stack of the child: status %d, and of the parent: %ld\n", exit_status_of(child), descend(1000));
    child = must("fork", fork());
    if (child == 0)
        exit((int)descend(1L << 40)); /* without end */
    printf("beyond the limit: status %d\n", exit_status_of(child));
}

int main(void)
{
    heap();
    stack();
    return 0;
}
