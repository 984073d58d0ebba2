/*
 * hello: the smallest program that does something.
 *
 * Shows:  what a process costs before it does anything: every page that its start touched.
 * Rows:   M27 (the segments of a program).
 * Counts: no fork, so no copy and no reuse that comes from sharing with a child. (textbook)
 */
#include "rt.h"

int main(void)
{
    printf("Hello, world!\n");
    return 0;
}
