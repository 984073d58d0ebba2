/*
 * queens [SIZE]: in how many ways so many queens stand on a board of their size and none attacks another. Branches and calls.
 */
#include "rt.h"

/* Bits of columns: those that are taken, and those that diagonals attack in this row. */
static long ways(unsigned columns, unsigned left, unsigned right, unsigned all)
{
    if (columns == all)
        return 1;
    long sum = 0;
    for (unsigned open = all & ~(columns | left | right); open != 0; open &= open - 1) {
        unsigned queen = open & -open;
        sum += ways(columns | queen, (left | queen) << 1, (right | queen) >> 1, all);
    }
    return sum;
}

int main(int argc, char **argv)
{
    long size = argc > 1 ? parse_long(argv[1]) : 11;
    printf("%ld queens: %ld ways\n", size, ways(0, 0, 0, (1u << size) - 1));
    return 0;
}
