/*
 * fork-tree: five generations of processes, each with its own idea of one page.
 *
 * A page is shared by processes that are parents, children, cousins; each writes it while others hold it.
 */
#include "rt.h"

enum { GENERATIONS = 5 };

/* Becomes the root of a tree; returns how many processes of it saw their own data and no other. */
static int grow(volatile char *path, int generation)
{
    int right = 1;
    if (generation == GENERATIONS)
        return right;
    for (int branch = 0; branch < 2; branch++) {
        long child = must("fork", fork());
        if (child == 0) {
            path[generation] = (char)('a' + branch);
            int below = grow(path, generation + 1);
            exit(path[generation] == 'a' + branch ? below : 0);
        }
        right += exit_status_of(child);
        right -= path[generation] != 0; /* a child's letter must not be here */
    }
    return right;
}

int main(void)
{
    char *path = map_private(1);
    int right = grow(path, 0);
    printf("%d of %d processes were right\n", right, (2 << GENERATIONS) - 1);
    return 0;
}
