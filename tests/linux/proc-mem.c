/*
 * proc-mem: what reading and writing /proc/<pid>/mem does to memory that the process itself may not read or write, whose
 * copies it breaks, and what it refuses.
 *
 * proc_pid_mem(5), fork(2), mprotect(2).
 */
#include "probe.h"
#include <sys/resource.h>

enum { PAGE = 4096 };

static long faults(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_minflt;
}

static int memory_of(pid_t pid, int how)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/mem", pid);
    return open(path, how);
}

/* Prints what reading (or writing) a byte of `at` does, and what it costs. */
static void look(const char *what, int mem, char *at, int value)
{
    char byte = value;
    errno = 0;
    long before = faults();
    ssize_t n = value ? pwrite(mem, &byte, 1, (off_t)at) : pread(mem, &byte, 1, (off_t)at);
    long after = faults();
    printf("%s: %zd %s value %d, %ld faults\n", what, n, n < 0 ? strerrorname_np(errno) : "byte", byte, after - before);
    fflush(stdout);
}

static char *pages(int count, int rights, int flags, int fd)
{
    return mmap(NULL, count * PAGE, rights, flags, fd, 0);
}

static const char constant[2 * PAGE] __attribute__((aligned(4096))) = {1, 2, 3};

int main(void)
{
    int private = MAP_PRIVATE | MAP_ANONYMOUS, shared = MAP_SHARED | MAP_ANONYMOUS;
    int mem = memory_of(getpid(), O_RDWR), file = memfd_create("file", 0);
    ftruncate(file, 2 * PAGE), pwrite(file, "f", 1, 0);
    faults();

    char *own = pages(4, PROT_READ | PROT_WRITE, private, -1);
    own[0] = 5;
    look("own page", mem, own, 0);
    look("fresh page", mem, own + PAGE, 0);
    look("fresh page written", mem, own + PAGE, 6);
    look("another written", mem, own + 2 * PAGE, 7);
    printf("%d %d %d\n", own[0], own[PAGE], own[2 * PAGE]);

    mprotect(own, PAGE, PROT_READ);
    look("what may be read alone", mem, own, 8);
    long before = faults();
    printf("reads %d", own[0]);
    mprotect(own, PAGE, PROT_READ | PROT_WRITE), own[0]++;
    printf(", stored to for %ld faults\n", faults() - before);
    mprotect(own, PAGE, PROT_NONE);
    look("what nobody may touch", mem, own, 0);
    look("and writing to it", mem, own, 10);
    mprotect(own, PAGE, PROT_READ);
    printf("reads %d\n", own[0]);

    char *closed = pages(2, PROT_NONE, private, -1);
    look("never touched and closed", mem, closed, 0);
    look("and written", mem, closed + PAGE, 11);
    mprotect(closed, 2 * PAGE, PROT_READ);
    printf("reads %d %d\n", closed[0], closed[PAGE]);

    look("constants", mem, (char *)constant, 42);
    look("the page behind", mem, (char *)constant + PAGE, 43);
    printf("constants %d %d\n", *(volatile const char *)constant, *(volatile const char *)(constant + PAGE));

    char *common = pages(2, PROT_READ | PROT_WRITE, shared, -1), *view = pages(2, PROT_READ, MAP_SHARED, file);
    char *copy = pages(2, PROT_READ, MAP_PRIVATE, file);
    look("shared memory", mem, common, 12);
    mprotect(common, PAGE, PROT_READ);
    look("shared memory for reading", mem, common, 13);
    look("a view of a file", mem, view, 14);
    look("a private view of it", mem, copy, 15);
    printf("%d, file %d, copy %d\n", common[0], view[0], copy[0]);
    look("nothing", mem, NULL, 0);
    look("nothing, written", mem, (char *)8, 1);

    char many[3 * PAGE];
    munmap(own + 2 * PAGE, 2 * PAGE);
    TRY(pread(mem, many, 3 * PAGE, (off_t)own));
    TRY(pwrite(mem, many, 3 * PAGE, (off_t)(own + PAGE)));
    TRY(pread(mem, many, 0, 0));
    TRY(pread(mem, NULL, 1, (off_t)own));
    TRY(lseek(mem, 0, SEEK_END));
    TRY(lseek(mem, 0x1000, SEEK_SET));
    TRY(lseek(mem, 0x10, SEEK_CUR));
    lseek(mem, (off_t)own, SEEK_SET);
    TRY(read(mem, many, 5));
    TRY(write(mem, many, 7));
    TRY(lseek(mem, 0, SEEK_CUR) - (off_t)own);

    /* A child's pages are its own once they have been written from outside; the parent keeps what it has. */
    char *both = pages(2, PROT_READ | PROT_WRITE, private, -1);
    both[0] = 20, both[PAGE] = 21;
    int go[2], done[2];
    pipe(go), pipe(done);
    pid_t child = fork();
    if (child == 0) {
        char byte;
        read(go[0], &byte, 1);
        printf("child has %d %d\n", both[0], both[PAGE]);
        long start = faults();
        both[0]++, both[PAGE]++;
        printf("child stores: %ld faults\n", faults() - start);
        fflush(stdout);
        write(done[1], "d", 1);
        read(go[0], &byte, 1);
        _exit(0);
    }
    int others = memory_of(child, O_RDWR);
    look("child's page", others, both, 0);
    look("child's page written", others, both, 30);
    printf("parent has %d\n", both[0]);
    fflush(stdout);
    char byte;
    write(go[1], "g", 1), read(done[0], &byte, 1);
    look("child's page now", others, both + PAGE, 0);
    write(go[1], "g", 1), waitpid(child, NULL, 0);
    look("of one that has ended", others, both, 0);
    look("written to one that has ended", others, both, 1);
    TRY(memory_of(child, O_RDONLY));

    /* Users who may not look into a process. */
    int readable = open("/proc/self/mem", O_RDONLY);
    TRY(pwrite(readable, "x", 1, (off_t)both));
    pid_t victim = fork();
    if (victim == 0)
        for (;;)
            pause();
    IN_CHILD({
        char maps[64], environment[64];
        snprintf(maps, sizeof maps, "/proc/%d/maps", victim), snprintf(environment, sizeof environment, "/proc/%d/environ", victim);
        setgid(1000), setuid(1000);
        int target = memory_of(victim, O_RDONLY), error = errno;
        printf("mem %s\n", target < 0 ? strerrorname_np(error) : "open");
        printf("maps %s\n", open(maps, O_RDONLY) < 0 ? strerrorname_np(errno) : "open");
        printf("environ %s\n", open(environment, O_RDONLY) < 0 ? strerrorname_np(errno) : "open");
    });
    kill(victim, SIGKILL);
    waitpid(victim, NULL, 0);
}
