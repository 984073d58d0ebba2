/*
 * residency: which pages of a mapping are there, and what MADV_DONTNEED takes away.
 *
 * mincore(2), madvise(2). A private page that goes comes back as zeros or as the file has it; a shared one
 * keeps its contents.
 */
#include "rt.h"

enum { PAGES = 8 };

static void show_resident(const char *what, char *at)
{
    unsigned char resident[PAGES];
    must("mincore", mincore(at, PAGES * PAGE, resident));
    printf("%s: ", what);
    for (int i = 0; i < PAGES; i++)
        printf("%d", resident[i] & 1);
    printf("\n");
}

static void drop(char *at, long pages)
{
    must("madvise", madvise(at, (size_t)(pages * PAGE), MADV_DONTNEED));
}

static void private_memory(void)
{
    char *at = map_private(PAGES);
    show_resident("private memory, untouched", at);
    at[1 * PAGE] = 'x';
    at[5 * PAGE] = 'x';
    show_resident("two pages written        ", at);
    drop(at, 4);
    show_resident("first half dropped       ", at);
    printf("  reads %d where it was dropped, %c elsewhere\n", at[1 * PAGE], at[5 * PAGE]);
}

static void shared_memory(void)
{
    char *at = map_shared(PAGES);
    write_pages(at, 4, 's');
    show_resident("shared memory, 4 written ", at);
    drop(at, PAGES);
    show_resident("dropped, and still there ", at);
    printf("  holds %ld of 4\n", count_pages(at, 4, 's'));
}

static void private_file(void)
{
    int fd = make_file("file.txt", "file");
    char *at = (char *)must("mmap", mmap(0, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0));
    memcpy(at, "mine", 4);
    printf("private file: \"%.*s\"", 4, at);
    drop(at, 1);
    printf(", dropped: \"%.*s\"\n", 4, at);
    unlink("file.txt");
}

/* What the child drops is the child's. */
static void after_fork(void)
{
    char *at = map_private(PAGES);
    write_pages(at, PAGES, 'p');
    long child = must("fork", fork());
    if (child == 0) {
        drop(at, PAGES);
        printf("child dropped all: zeros in %ld\n", count_pages(at, PAGES, 0));
        exit(0);
    }
    wait_for(child);
    printf("parent has its data in %ld\n", count_pages(at, PAGES, 'p'));
}

static void errors(void)
{
    unsigned char resident[PAGES];
    char *at = map_private(PAGES);
    show("mincore at an odd address", mincore(at + 1, PAGE, resident));
    show("mincore to a bad address", mincore(at, PAGE, unmapped()));
    show("madvise at an odd address", madvise(at + 1, PAGE, MADV_DONTNEED));
    show("madvise with unknown advice", madvise(at, PAGE, 9999));
    show("madvise of nothing", madvise(at, 0, MADV_DONTNEED));
    munmap(at + PAGE, PAGE);
    write_pages(at + 2 * PAGE, 1, 'x');
    show("mincore across a hole", mincore(at, 3 * PAGE, resident));
    show("madvise across a hole", madvise(at, 3 * PAGE, MADV_DONTNEED));
    show("  the page behind the hole is dropped all the same", at[2 * PAGE]);
}

int main(void)
{
    private_memory();
    shared_memory();
    private_file();
    after_fork();
    errors();
    return 0;
}
