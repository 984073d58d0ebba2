/*
 * huge-pages: four pages of 2 MiB, or 2,048 of 4 KiB, before and after fork.
 *
 * Shows:  where huge pages are to be had, one fault fills 2 MiB and one entry of the TLB covers it; fork copies one
 *         PTE for it. A child that writes splits it and copies page by page, or copies it whole; a parent that is
 *         alone again goes on with the whole.
 * Rows:   M20.
 * Counts: 2,048 demand_zero (parent), 512 cow_copy (child), 2,048 cow_reuse (parent). (textbook)
 *         4 huge_demand_zero, 1 huge_split and 511 cow_copy, 4 huge_reuse. (linux)
 *         4 huge_demand_zero, 1 huge_copy, 4 huge_reuse. (linux, --thp-cow copy)
 */
#include "rt.h"

enum { HUGE = 512, PAGES = 4 * HUGE, ROUNDS = 4 };

int main(void)
{
    char *memory = map_private(PAGES);
    write_pages(memory, PAGES, 'p');
    for (int round = 0; round < ROUNDS; round++)
        count_pages(memory, PAGES, 'p');
    printf("parent wrote %d pages and read each of them %d times\n", PAGES, ROUNDS);

    long child = must("fork", fork());
    if (child == 0) {
        write_pages(memory, HUGE, 'c');
        exit(count_pages(memory, PAGES, 'c') == HUGE ? 0 : 1);
    }
    printf("child wrote %d of them, exit %d\n", HUGE, exit_status_of(child));
    printf("parent still has its own data in %ld pages\n", count_pages(memory, PAGES, 'p'));
    write_pages(memory, PAGES, 'q');
    printf("parent, now the only owner, wrote %d pages\n", PAGES);
    return 0;
}
