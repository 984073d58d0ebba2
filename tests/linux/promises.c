/* Promised memory: what counts in Committed_AS, and what the three modes of vm.overcommit_memory refuse. */
#include "probe.h"
#include <sys/resource.h>

#define MIB (1ul << 20)
#define PAGE 4096ul

/* Reads a figure of /proc/meminfo with calls alone: stdio would take memory itself. */
static long figure(const char *name)
{
    static char text[8192];
    int fd = open("/proc/meminfo", O_RDONLY);
    text[read(fd, text, sizeof text - 1)] = 0;
    close(fd);
    return atol(strstr(text, name) + strlen(name));
}
static long promised(void) { return figure("\nCommitted_AS:"); }

static long before;
static void say(const char *what)
{
    long now = promised();
    printf("%s: %+ld KiB\n", what, now - before);
    fflush(stdout);
    before = promised();
}
static int set(const char *name, const char *value)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/sys/vm/%s", name);
    int fd = open(path, O_WRONLY | O_TRUNC);
    int done = fd < 0 || write(fd, value, strlen(value)) < 0 ? -1 : 0;
    int error = errno;
    close(fd);
    errno = error;
    return done;
}
static long get(const char *name)
{
    char path[64], text[32] = "";
    snprintf(path, sizeof path, "/proc/sys/vm/%s", name);
    int fd = open(path, O_RDONLY);
    read(fd, text, sizeof text - 1);
    close(fd);
    return atol(text);
}
static char *map(size_t len, int prot, int flags) { return mmap(NULL, len, prot, flags | MAP_ANONYMOUS, -1, 0); }

static pid_t child(void)
{
    pid_t pid = fork();
    if (pid == 0)
        _exit(0);
    return pid;
}
static pid_t lent(void)
{
    pid_t pid = vfork();
    if (pid == 0)
        _exit(0);
    return pid;
}

static void counts(void)
{
    int rw = PROT_READ | PROT_WRITE;
    before = promised();
    char *p = map(8 * MIB, rw, MAP_PRIVATE);
    say("private, writable");
    p[0] = 1;
    say("its first page touched");
    mprotect(p, MIB, PROT_READ);
    say("1 MiB made read-only after a store");
    mprotect(p, MIB, rw);
    say("writable again");
    munmap(p, 2 * MIB);
    say("2 MiB unmapped");
    p = map(8 * MIB, PROT_READ, MAP_PRIVATE);
    say("private, read-only");
    mprotect(p + MIB, 2 * MIB, rw);
    say("2 MiB of it made writable");
    mprotect(p + MIB, MIB, PROT_NONE);
    say("1 MiB of that taken back, never touched");
    mmap(p, 4 * MIB, rw, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    say("4 MiB mapped over it");
    p = map(8 * MIB, rw, MAP_PRIVATE | MAP_NORESERVE);
    say("private, writable, NORESERVE");
    mprotect(p, MIB, PROT_READ);
    mprotect(p, MIB, rw);
    say("its rights taken and given back");
    p = map(8 * MIB, rw, MAP_SHARED);
    say("shared, writable");
    memset(p, 1, MIB);
    say("1 MiB of it touched");
    mprotect(p, 8 * MIB, PROT_READ);
    say("made read-only");
    munmap(p, 4 * MIB);
    say("half of it unmapped");
    munmap(p + 4 * MIB, 4 * MIB);
    say("all of it unmapped");
    p = map(8 * MIB, PROT_READ, MAP_SHARED);
    say("shared, read-only");
    p = map(8 * MIB, rw, MAP_SHARED | MAP_NORESERVE);
    say("shared, writable, NORESERVE");
    memset(p, 1, MIB);
    say("1 MiB of it touched");
    munmap(p, 8 * MIB);
    say("unmapped");
    p = map(4 * MIB, rw, MAP_PRIVATE);
    say("private, writable");
    p = mremap(p, 4 * MIB, 6 * MIB, MREMAP_MAYMOVE);
    say("grown to 6 MiB");
    p = mremap(p, 6 * MIB, 3 * MIB, 0);
    say("shrunk to 3 MiB");
    mremap(p, 3 * MIB, 3 * MIB, MREMAP_MAYMOVE | MREMAP_DONTUNMAP);
    say("moved, and left mapped");
    sbrk(2 * MIB);
    say("heap grown by 2 MiB");
    sbrk(-MIB);
    say("heap shrunk by 1 MiB");
    int fd = memfd_create("file", 0);
    ftruncate(fd, 8 * MIB);
    say("file in memory of 8 MiB");
    char *q = mmap(NULL, 8 * MIB, rw, MAP_SHARED, fd, 0);
    say("mapped shared");
    memset(q, 1, MIB);
    say("1 MiB of it touched");
    q = mmap(NULL, 8 * MIB, rw, MAP_PRIVATE, fd, 0);
    say("mapped private");
    mprotect(q, 8 * MIB, PROT_READ);
    say("made read-only: it might have been stored to");
    ftruncate(fd, 0);
    say("truncated");
    q = mmap(NULL, 8 * MIB, PROT_READ, MAP_PRIVATE, fd, 0);
    say("mapped private, read-only");
    mprotect(q, 8 * MIB, rw);
    say("made writable");
}
static void forks(void)
{
    char *p = map(16 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE);
    map(16 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE);
    map(16 * MIB, PROT_READ | PROT_WRITE, MAP_SHARED);
    int pipes[2][2];
    for (int kind = 0; kind < 3; kind++) {
        madvise(p, 16 * MIB, kind == 1 ? MADV_DONTFORK : MADV_DOFORK);
        madvise(p, 16 * MIB, kind == 2 ? MADV_WIPEONFORK : MADV_KEEPONFORK);
        pipe(pipes[0]);
        pipe(pipes[1]);
        before = promised();
        if (fork() == 0) {
            char c;
            write(pipes[0][1], "c", 1);
            read(pipes[1][0], &c, 1);
            _exit(0);
        }
        char c;
        read(pipes[0][0], &c, 1);
        long more = promised() - before;
        printf("fork with 16 MiB %s: it counts %s\n", kind == 0 ? "private" : kind == 1 ? "left out" : "wiped", more >= 16 << 10 && more < 18 << 10 ? "again" : more < 2 << 10 ? "once" : "oddly");
        write(pipes[1][1], "c", 1);
        wait(NULL);
        printf("after its end: %+ld KiB\n", promised() - before);
    }
}
static void modes(void)
{
    long total = figure("MemTotal:") << 10;
    int rw = PROT_READ | PROT_WRITE;
    TRY(get("overcommit_memory"));
    TRY(get("overcommit_ratio"));
    TRY(get("overcommit_kbytes"));
    TRY(set("overcommit_memory", "3"));
    TRY(set("overcommit_memory", "-1"));
    TRY(set("overcommit_memory", "x"));
    printf("CommitLimit is half of memory: %d\n", labs(figure("CommitLimit:") - figure("MemTotal:") / 2) < 8);
    TRY(set("overcommit_kbytes", "262144"));
    TRY(get("overcommit_ratio"));
    TRY(figure("CommitLimit:"));
    TRY(set("overcommit_ratio", "25"));
    TRY(get("overcommit_kbytes"));
    printf("CommitLimit is a quarter of memory: %d\n", labs(figure("CommitLimit:") - figure("MemTotal:") / 4) < 8);
    TRY(set("overcommit_ratio", "50"));

    puts("mode 0");
    CAN(map(total - 64 * MIB, rw, MAP_PRIVATE));
    CAN(map(total - 64 * MIB, rw, MAP_PRIVATE));
    CAN(map(2 * total, rw, MAP_PRIVATE));
    CAN(map(2 * total, rw, MAP_SHARED));
    CAN(map(2 * total, PROT_READ, MAP_PRIVATE));
    CAN(map(2 * total, rw, MAP_PRIVATE | MAP_NORESERVE));
    char *p = map(2 * total, PROT_NONE, MAP_PRIVATE);
    CAN(mprotect(p, 2 * total, rw));
    CAN(mprotect(p, total / 2, rw));
    CAN(mremap(p, 4096, 2 * total, MREMAP_MAYMOVE));
    CAN(sbrk(2 * total));
    CAN(child());

    puts("mode 1");
    TRY(set("overcommit_memory", "1"));
    CAN(map(2 * total, rw, MAP_PRIVATE));
    CAN(map(2 * total, rw, MAP_SHARED));
    CAN(mprotect(p, 2 * total, rw));
    CAN(sbrk(2 * total));
    CAN(sbrk(-2 * total));
}
static void strict(void)
{
    long total = figure("MemTotal:") << 10;
    int rw = PROT_READ | PROT_WRITE;
    TRY(set("overcommit_memory", "2"));
    char *p = map(total / 3, rw, MAP_PRIVATE);
    CAN(map(total / 3, rw, MAP_PRIVATE));
    CAN(map(total / 3, rw, MAP_PRIVATE | MAP_NORESERVE));
    CAN(map(total / 3, rw, MAP_SHARED));
    CAN(map(total / 3, PROT_READ, MAP_SHARED));
    char *q = map(total / 3, PROT_READ, MAP_PRIVATE);
    CAN(mprotect(q, total / 3, rw));
    CAN(mprotect(q, MIB, rw));
    CAN(mremap(q, MIB, total / 3, MREMAP_MAYMOVE));
    CAN(sbrk(total / 3));
    CAN(sbrk(MIB));
    CAN(mmap(p, total / 3, rw, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
    CAN(mremap(p, total / 3, total / 3, MREMAP_MAYMOVE | MREMAP_DONTUNMAP));
    CAN(child());
    madvise(p, total / 3, MADV_DONTFORK);
    CAN(child());
    madvise(p, total / 3, MADV_DOFORK);
    CAN(lent());
    CAN(mprotect(p, total / 3, PROT_READ));
    CAN(child());
    munmap(p, total / 3);
    CAN(map(total / 3, rw, MAP_PRIVATE));
}
int main(void)
{
    setbuf(stdout, NULL);
    IN_CHILD(counts());
    IN_CHILD(forks());
    IN_CHILD(modes());
    set("overcommit_memory", "0");
    IN_CHILD(strict());
    set("overcommit_memory", "0");
    IN_CHILD({
        setresuid(65534, 65534, 65534);
        TRY(set("overcommit_memory", "2"));
    });
    return 0;
}
