/*
 * segments: text, data, BSS, heap and stack after fork.
 *
 * Shows:  which parts of a process are copied: the ones that are written, page by page. The text is never
 *         written, so both processes run the same frames for ever.
 * Rows:   M27.
 * Counts: the child stores to 1 of 4 .data pages, 2 of 4 .bss pages, 3 of 4 heap pages and 4 of 4 pages of an
 *         array on the stack: 10 cow_copy, and those of the stack page in use at the fork. No copy in .text
 *         or .rodata. (textbook)
 */
#include "rt.h"

enum { PAGES = 4 };

static volatile char data[PAGES * PAGE] __attribute__((aligned(4096))) = { 1 };
static volatile char bss[PAGES * PAGE] __attribute__((aligned(4096)));

static void report(const char *who, const volatile char *heap, const volatile char *stack)
{
    printf("%s: .data %ld, .bss %ld, heap %ld, stack %ld of %d pages are the child's\n", who,
           count_pages(data, PAGES, 'c'), count_pages(bss, PAGES, 'c'), count_pages(heap, PAGES, 'c'),
           count_pages(stack, PAGES, 'c'), PAGES);
}

int main(void)
{
    volatile char stack[PAGES * PAGE] __attribute__((aligned(4096)));
    char *heap = grow_heap(PAGES);
    write_pages(data, PAGES, 'p');
    write_pages(bss, PAGES, 'p');
    write_pages(heap, PAGES, 'p');
    write_pages(stack, PAGES, 'p');

    long child = must("fork", fork());
    if (child == 0) {
        write_pages(data, 1, 'c');
        write_pages(bss, 2, 'c');
        write_pages(heap, 3, 'c');
        write_pages(stack, 4, 'c');
        report("child ", heap, stack);
        exit(0);
    }
    wait_for(child);
    report("parent", heap, stack);
    return 0;
}
