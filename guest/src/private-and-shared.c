/*
 * private-and-shared: what fork does to mappings made with mmap.
 *
 * Shows:  MAP_PRIVATE means a copy of one's own at the first store, for anonymous memory and for a file, which
 *         is never changed. MAP_SHARED means one set of frames for all: both sides of a fork see every store,
 *         and so does the file.
 * Rows:   M26.
 * Counts: in each of the four mappings of 8 pages the child stores to every page: 8 cow_copy (private
 *         anonymous), 0 cow (shared anonymous), 8 file_write_private (private file), 8 shared (shared file);
 *         no page of a shared mapping is ever counted as copy-on-write. (textbook)
 */
#include "rt.h"

enum { PAGES = 8 };

static const char path[] = "pages.txt";

static char *map_file(int fd, int sharing)
{
    return (char *)must("mmap", mmap(0, PAGES * PAGE, PROT_READ | PROT_WRITE, sharing, fd, 0));
}

static long pages_of_file(int fd, char value)
{
    long same = 0;
    for (long i = 0; i < PAGES; i++) {
        char c;
        must("pread", pread(fd, &c, 1, i * PAGE));
        same += c == value;
    }
    return same;
}

int main(void)
{
    int fd = make_file(path, "");
    must("ftruncate", ftruncate(fd, PAGES * PAGE));
    for (long i = 0; i < PAGES; i++)
        must("pwrite", pwrite(fd, "f", 1, i * PAGE));

    char *private_memory = map_private(PAGES);
    char *shared_memory = map_shared(PAGES);
    char *private_file = map_file(fd, MAP_PRIVATE);
    write_pages(private_memory, PAGES, 'p');
    write_pages(shared_memory, PAGES, 'p');

    long child = must("fork", fork());
    if (child == 0) {
        write_pages(private_memory, PAGES, 'c');
        write_pages(shared_memory, PAGES, 'c');
        write_pages(private_file, PAGES, 'c');
        exit(0);
    }
    wait_for(child);
    printf("private memory: the parent sees %ld of the child's %d stores\n",
           count_pages(private_memory, PAGES, 'c'), PAGES);
    printf("shared memory:  the parent sees %ld of the child's %d stores\n",
           count_pages(shared_memory, PAGES, 'c'), PAGES);
    printf("private file:   the parent sees %ld of the child's %d stores, the file has %ld\n",
           count_pages(private_file, PAGES, 'c'), PAGES, pages_of_file(fd, 'c'));

    char *shared_file = map_file(fd, MAP_SHARED);
    child = must("fork", fork());
    if (child == 0) {
        write_pages(shared_file, PAGES, 'c');
        must("msync", msync(shared_file, PAGES * PAGE, MS_SYNC));
        exit(0);
    }
    wait_for(child);
    printf("shared file:    the parent sees %ld of the child's %d stores, the file has %ld\n",
           count_pages(shared_file, PAGES, 'c'), PAGES, pages_of_file(fd, 'c'));
    unlink(path);
    return 0;
}
