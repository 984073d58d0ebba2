/*
 * looks: faults for memory that one process reads and writes in another's place, and who pays for them.
 *
 * process_vm_readv(2), process_vm_writev(2), fork(2).
 */
#include "probe.h"
#include <sys/resource.h>
#include <sys/uio.h>

enum { PAGE = 4096, PAGES = 8 };

static long faults(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_minflt;
}

static char buffer[PAGES * PAGE];

/* Prints what reading (or writing) all pages of `at` in `other` costs the caller. */
static void look(const char *what, pid_t other, char *at, int write)
{
    struct iovec here = {buffer, sizeof buffer}, there = {at, sizeof buffer};
    errno = 0;
    long before = faults();
    ssize_t n = write ? process_vm_writev(other, &here, 1, &there, 1, 0) : process_vm_readv(other, &here, 1, &there, 1, 0);
    long after = faults();
    printf("%s: %zd %s, %ld faults\n", what, n, n < 0 ? strerrorname_np(errno) : "bytes", after - before);
    fflush(stdout);
}

static char *pages(int rights, int flags)
{
    return mmap(NULL, PAGES * PAGE, rights, flags | MAP_ANONYMOUS, -1, 0);
}

static void fill(char *at, int with)
{
    for (int page = 0; page < PAGES; page++)
        at[page * PAGE] = with;
}

static long touch(char *at)
{
    long before = faults();
    fill(at, 9);
    return faults() - before;
}

int main(void)
{
    char *own = pages(PROT_READ | PROT_WRITE, MAP_PRIVATE), *fresh = pages(PROT_READ | PROT_WRITE, MAP_PRIVATE);
    char *shared = pages(PROT_READ | PROT_WRITE, MAP_SHARED), *quiet = pages(PROT_READ | PROT_WRITE, MAP_PRIVATE);
    pid_t me = getpid();
    faults(), fill(buffer, 1), fill(own, 1), fill(shared, 1), fill(quiet, 1);
    mprotect(quiet, PAGES * PAGE, PROT_READ);
    madvise(own, PAGES * PAGE, MADV_NOHUGEPAGE), madvise(fresh, PAGES * PAGE, MADV_NOHUGEPAGE);
    look("own pages", me, own, 0);
    look("fresh pages", me, fresh, 0);
    look("the same again", me, fresh, 0);
    look("writing to what was read", me, fresh, 1);
    look("writing to what may not be written", me, quiet, 1);

    int go[2], done[2];
    pipe(go), pipe(done);
    pid_t child = fork();
    if (child == 0) {
        char byte;
        for (int step = 0; step < 3; step++) {
            read(go[0], &byte, 1);
            printf("child's stores: %ld %ld %ld faults\n", touch(own), touch(fresh), touch(shared));
            fflush(stdout);
            write(done[1], "x", 1);
        }
        pause();
    }
    char byte;
    fill(buffer, 1);
    look("pages that a child has too", me, own, 0);
    look("the same again", me, own, 0);
    printf("stores to them: %ld faults\n", touch(own));
    fill(buffer, 2);
    look("the child's", child, own, 0);
    look("the child's again", child, own, 0);
    look("its shared memory", child, shared, 0);
    look("its fresh pages", child, fresh, 0);
    write(go[1], "x", 1), read(done[0], &byte, 1);
    look("after its stores", child, own, 0);
    look("writing to them", child, own, 1);
    write(go[1], "x", 1), read(done[0], &byte, 1);
    look("read-only ones", child, quiet, 0);
    look("the same again", child, quiet, 0);
    look("writing to read-only ones", child, quiet, 1);
    write(go[1], "x", 1), read(done[0], &byte, 1);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    look("one's own when the child is gone", me, quiet, 0);
    look("the same again", me, quiet, 0);
    printf("stores: %ld faults\n", touch(own));
}
