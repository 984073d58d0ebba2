/*
 * cow-tutorial: one name, two values: the first example of every course on fork.
 *
 * Shows:  after fork, parent and child read the same frames; the first store of either to a page gives it
 *         a copy of its own, so neither sees what the other wrote.
 * Rows:   M1, M29.
 * Counts: fork shares 2 pages of .data, 4 of the heap, and the stack. The child stores to 1 page of .data and 2
 *         of the heap: 3 cow_copy. The parent then stores to the same three, which nobody shares with it any
 *         more: 3 cow_reuse. The stack page is one cow_copy for who stores to it first (--fork-order) and one
 *         cow_reuse for the other. 3 pages are never copied. (textbook)
 */
#include "rt.h"

static volatile char data[2 * PAGE] __attribute__((aligned(4096))) = { 1 };

int main(void)
{
    volatile char p = 'p'; /* volatile: on the stack, not in registers, which fork does not share */
    volatile int number = 11;
    char *heap = grow_heap(4);
    write_pages(data, 2, 'p');
    write_pages(heap, 4, 'p');

    long child = must("fork", fork());
    if (child == 0) {
        p = 'c';
        write_pages(data, 1, 'c');
        write_pages(heap, 2, 'c');
        printf("p = %c , number = %d\n", p, number);
        exit(0);
    }
    wait_for(child); /* fixes the order of the two lines */
    number = 14;
    write_pages(data, 1, 'P');
    write_pages(heap, 2, 'P');
    printf("p = %c , number = %d\n", p, number);
    return 0;
}
