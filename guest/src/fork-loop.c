/*
 * fork-loop [ROUNDS [PAGES]]: the same fork again and again.
 *
 * Shows:  every fork write-protects the parent's pages anew, and owes the TLB a fence for it: the parent's
 *         own stale writable entries are the danger, the child has none yet.
 * Rows:   M1, M2, M4.
 * Counts: for the default, 100 rounds of 16 pages: 100 forks, 100 times 16 pages write-protected, 1600
 *         cow_reuse and no cow_copy among them. The stack page adds one of either to each round. (textbook)
 */
#include "rt.h"

int main(int argc, char **argv)
{
    long rounds = argc > 1 ? parse_long(argv[1]) : 100;
    long pages = argc > 2 ? parse_long(argv[2]) : 16;
    char *memory = map_private(pages);
    write_pages(memory, pages, 'p');
    for (long i = 0; i < rounds; i++) {
        long child = must("fork", fork());
        if (child == 0)
            exit(0);
        wait_for(child);
        write_pages(memory, pages, 'q');
    }
    printf("%ld forks; after each the parent wrote its %ld pages again\n", rounds, pages);
    return 0;
}
