/*
 * fault-counts: how many page faults a process takes, by its own account.
 *
 * getrusage(2), ru_minflt + ru_majflt. Only what does not depend on fault-around, huge pages or which mappings
 * fork copies is counted, so every policy with copy-on-write gives these numbers, and so does Linux.
 */
#include "rt.h"

enum { PAGES = 32 };

static __attribute__((noinline)) long faults(void)
{
    struct rusage usage;
    must("getrusage", getrusage(RUSAGE_SELF, &usage));
    return usage.ru_minflt + usage.ru_majflt;
}

static __attribute__((noinline)) long faults_of_writing(char *at, long pages, char value)
{
    long before = faults();
    write_pages(at, pages, value);
    return faults() - before;
}

static __attribute__((noinline)) long faults_of_reading(char *at, long pages)
{
    long before = faults();
    count_pages(at, pages, 0);
    return faults() - before;
}

/* Touches the stack and the code that measuring needs: after a fork their pages fault too. */
static void warm_up(void)
{
    static char scratch[PAGE];
    volatile char below[1024];
    for (size_t i = 0; i < sizeof below; i += 64)
        below[i] = 1;
    for (int i = 0; i < 2; i++) {
        faults_of_writing(scratch, 1, 'w');
        faults_of_reading(scratch, 1);
    }
}

static void fresh_memory(void)
{
    char *at = map_private(PAGES);
    show("write untouched pages", faults_of_writing(at, PAGES, 'a'));
    show("write them again", faults_of_writing(at, PAGES, 'b'));
    at = map_private(PAGES);
    show("read untouched pages", faults_of_reading(at, PAGES));
    show("read them again", faults_of_reading(at, PAGES));
    show("write them after that", faults_of_writing(at, PAGES, 'c'));
    madvise(at, PAGES * PAGE, MADV_DONTNEED);
    show("write them after MADV_DONTNEED", faults_of_writing(at, PAGES, 'd'));
    mprotect(at, PAGES * PAGE, PROT_READ);
    mprotect(at, PAGES * PAGE, PROT_READ | PROT_WRITE);
    show("write them after mprotect there and back", faults_of_writing(at, PAGES, 'e'));
    show("write untouched heap", faults_of_writing(grow_heap(PAGES), PAGES, 'f'));
    at = (char *)must("mmap", mmap(0, PAGES * PAGE, PROT_READ | PROT_WRITE,
                                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0));
    show("write pages that MAP_POPULATE made", faults_of_writing(at, PAGES, 'g'));
}

static void after_fork(void)
{
    char *at = map_private(PAGES), *shared = map_shared(PAGES);
    write_pages(at, PAGES, 'p');
    write_pages(shared, PAGES, 'p');
    warm_up();
    long child = must("fork", fork());
    if (child == 0) {
        warm_up();
        show("child reads shared pages", faults_of_reading(at, PAGES));
        show("child writes them", faults_of_writing(at, PAGES, 'c'));
        show("child writes them again", faults_of_writing(at, PAGES, 'd'));
        exit(0);
    }
    wait_for(child);
    warm_up();
    show("parent, sole owner, reads them", faults_of_reading(at, PAGES));
    show("parent, sole owner, writes them", faults_of_writing(at, PAGES, 'q'));
    show("parent writes them again", faults_of_writing(at, PAGES, 'r'));
    show("parent writes MAP_SHARED pages", faults_of_writing(shared, PAGES, 'q'));
}

static void kernel_writes(void)
{
    int fd = make_file("file.txt", "");
    must("ftruncate", ftruncate(fd, PAGES * PAGE));
    for (long i = 0; i < PAGES; i++)
        pwrite(fd, "f", 1, i * PAGE);
    char *at = map_private(PAGES);
    long before = faults();
    must("pread", pread(fd, at, PAGES * PAGE, 0));
    show("read(2) into untouched pages", faults() - before);
    show("write them after that", faults_of_writing(at, PAGES, 'w'));
    at = (char *)must("mmap", mmap(0, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0));
    show("write a private file mapping", faults_of_writing(at, PAGES, 'w'));
    unlink("file.txt");
}

int main(void)
{
    warm_up();
    fresh_memory();
    after_fork();
    kernel_writes();
    return 0;
}
