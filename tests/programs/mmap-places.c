/*
 * mmap-places: where mmap puts a mapping, and what it refuses.
 *
 * mmap(2), munmap(2), mprotect(2).
 */
#include "rt.h"

enum { ANONYMOUS = MAP_PRIVATE | MAP_ANONYMOUS, RW = PROT_READ | PROT_WRITE };

static void places(void)
{
    char *space = map_private(8); /* room to play in */
    munmap(space, 8 * PAGE);
    long at = mmap(space, PAGE, RW, ANONYMOUS, -1, 0);
    printf("a hint that is free is taken: %d\n", at == (long)space);
    at = mmap(space, PAGE, RW, ANONYMOUS, -1, 0);
    printf("a hint that is in use is not: %d\n", at > 0 && at != (long)space);
    munmap((char *)at, PAGE);
    at = mmap(space + 3 * PAGE + 5, PAGE, RW, ANONYMOUS, -1, 0);
    printf("an odd hint is rounded to a page: %d\n", at % PAGE == 0);

    space[0] = 'x';
    at = mmap(space, 2 * PAGE, RW, ANONYMOUS | MAP_FIXED, -1, 0);
    printf("MAP_FIXED replaces what was there: %d, reads %d\n", at == (long)space, space[0]);
    show("MAP_FIXED at an odd address", mmap(space + 1, PAGE, RW, ANONYMOUS | MAP_FIXED, -1, 0));
    show("MAP_FIXED_NOREPLACE over a mapping", mmap(space, PAGE, RW, ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0));
    char *first = map_private(1), *second = map_private(1);
    printf("the next mapping lies below the last: %d\n", second < first);
    printf("a length is rounded up to a page: %d\n", mmap(0, 1, RW, ANONYMOUS, -1, 0) % PAGE == 0);
}

static void refusals(int fd)
{
    char *at = map_private(4);
    show("length 0", mmap(0, 0, RW, ANONYMOUS, -1, 0));
    show("neither private nor shared", mmap(0, PAGE, RW, MAP_ANONYMOUS, -1, 0));
    show("a bad descriptor", mmap(0, PAGE, RW, MAP_PRIVATE, 999, 0));
    show("an odd offset", mmap(0, PAGE, RW, MAP_PRIVATE, fd, 1));
    show("far too long", mmap(0, 1UL << 62, RW, ANONYMOUS, -1, 0));
    show("shared and writable from a read-only descriptor", mmap(0, PAGE, RW, MAP_SHARED, fd, 0));
    show("munmap of length 0", munmap(at, 0));
    show("munmap at an odd address", munmap(at + 1, PAGE));
    show("munmap of a page", munmap(at + PAGE, PAGE));
    show("munmap of a hole", munmap(at + PAGE, PAGE));
    show("mprotect at an odd address", mprotect(at + 1, PAGE, PROT_READ));
    show("mprotect across a hole", mprotect(at, 4 * PAGE, PROT_READ));
    show("mprotect of length 0", mprotect(at, 0, PROT_READ));
}

int main(void)
{
    close(make_file("file.txt", "contents"));
    int fd = (int)must("open", open("file.txt", O_RDONLY, 0));
    places();
    refusals(fd);

    char *at = (char *)must("mmap", mmap(0, PAGE, PROT_READ, MAP_PRIVATE, fd, 0));
    close(fd);
    unlink("file.txt");
    printf("a file closed and unlinked stays mapped: \"%.*s\", then %d\n", 8, at, at[8]);
    return 0;
}
