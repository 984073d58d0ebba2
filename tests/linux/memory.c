// Memory calls and their errors: mmap(2), mprotect(2), mremap(2), madvise(2), mlock(2), mincore(2), msync(2),
// remap_file_pages(2), process_vm_readv(2), membarrier(2), pkeys(7).
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/membarrier.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE 4096ul
static const char *error(long result) { return result == -1 ? strerrorname_np(errno) : "ok"; }
static long faults(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_minflt;
}
static long locked_kib(void) {
    char line[256];
    long kib = -1;
    FILE *status = fopen("/proc/self/status", "r");
    while (fgets(line, sizeof line, status)) sscanf(line, "VmLck: %ld", &kib);
    fclose(status);
    return kib;
}
static char *map(size_t pages, int flags) {
    return mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, flags | MAP_ANONYMOUS, -1, 0);
}

static void mmaps(void) {
    int rw = open("file", O_RDWR | O_CREAT | O_TRUNC, 0600), ro = open("file", O_RDONLY), wo = open("file", O_WRONLY), dir = open(".", O_RDONLY);
    int fds[2], path = open("file", O_PATH);
    pipe(fds);
    ftruncate(rw, 4 * PAGE);
#define TRY(name, at, len, prot, flags, fd, off) do { \
        errno = 0; \
        void *got = (void *)syscall(SYS_mmap, at, len, prot, flags, fd, off); \
        printf("mmap %s: %s\n", name, error((long)got)); \
        if (got != MAP_FAILED && (len)) munmap(got, len); \
    } while (0)
    TRY("no length", 0, 0, 3, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    TRY("no type", 0, PAGE, 3, MAP_ANONYMOUS, -1, 0);
    TRY("type 3 anonymous", 0, PAGE, 3, MAP_SHARED_VALIDATE | MAP_ANONYMOUS, -1, 0);
    TRY("type 4", 0, PAGE, 3, 4 | MAP_ANONYMOUS, -1, 0);
    TRY("type 8", 0, PAGE, 3, 8 | MAP_ANONYMOUS, -1, 0);
    TRY("odd offset", 0, PAGE, 3, MAP_PRIVATE, ro, 1);
    TRY("bad fd", 0, PAGE, 3, MAP_PRIVATE, 999, 0);
    TRY("bad fd, no length", 0, 0, 3, MAP_PRIVATE, 999, 0);
    TRY("bad fd, no type", 0, PAGE, 3, 0, 999, 0);
    TRY("fd of a path", 0, PAGE, 3, MAP_PRIVATE, path, 0);
    TRY("pipe", 0, PAGE, 1, MAP_PRIVATE, fds[0], 0);
    TRY("directory", 0, PAGE, 1, MAP_PRIVATE, dir, 0);
    TRY("shared, written, read-only", 0, PAGE, 3, MAP_SHARED, ro, 0);
    TRY("shared read-only", 0, PAGE, 1, MAP_SHARED, ro, 0);
    TRY("private write-only", 0, PAGE, 1, MAP_PRIVATE, wo, 0);
    TRY("shared write-only", 0, PAGE, 2, MAP_SHARED, wo, 0);
    TRY("private, written, read-only", 0, PAGE, 3, MAP_PRIVATE, ro, 0);
    TRY("too long", 0, -1ul, 3, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    TRY("offset overflow", 0, 2 * PAGE, 1, MAP_PRIVATE, ro, -PAGE);
    TRY("offset large", 0, 2 * PAGE, 1, MAP_PRIVATE, ro, 1ul << 62);
    TRY("fixed odd", 0x10001, PAGE, 3, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    TRY("fixed in the kernel", -PAGE, PAGE, 3, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    TRY("fixed at 0", 0, PAGE, 3, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    TRY("fixed, no replace, at 1 page", PAGE, PAGE, 3, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    TRY("sync private", 0, PAGE, 1, MAP_PRIVATE | MAP_SYNC, ro, 0);
    TRY("sync validate", 0, PAGE, 1, MAP_SHARED_VALIDATE | MAP_SYNC, ro, 0);
    TRY("validate", 0, PAGE, 1, MAP_SHARED_VALIDATE, ro, 0);
    TRY("validate unknown", 0, PAGE, 1, MAP_SHARED_VALIDATE | 0x800000, ro, 0);
    TRY("shared unknown", 0, PAGE, 1, MAP_SHARED | 0x800000, ro, 0);
    TRY("unknown prot", 0, PAGE, 0x40, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    TRY("growsdown file", 0, PAGE, 1, MAP_PRIVATE | MAP_GROWSDOWN, ro, 0);
    TRY("growsdown shared", 0, PAGE, 1, MAP_SHARED | MAP_ANONYMOUS | MAP_GROWSDOWN, -1, 0);
    TRY("growsdown", 0, PAGE, 1, MAP_PRIVATE | MAP_ANONYMOUS | MAP_GROWSDOWN, -1, 0);
    TRY("locked", 0, PAGE, 1, MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED, -1, 0);
    TRY("huge", 0, 2 << 20, 3, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
    TRY("huge file", 0, 2 << 20, 3, MAP_PRIVATE | MAP_HUGETLB, rw, 0);
    TRY("beyond the end", 0, 16 * PAGE, 3, MAP_SHARED, rw, 8 * PAGE);
    char *p = map(1, MAP_PRIVATE);
    TRY("no replace", p, PAGE, 3, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    printf("munmap odd: %s\n", error(munmap(p + 1, PAGE)));
    printf("munmap nothing: %s\n", error(munmap(p, 0)));
    printf("munmap kernel: %s\n", error(munmap((void *)-PAGE, PAGE)));
    printf("munmap too long: %s\n", error(munmap(p, -1ul)));
    printf("munmap: %s\n", error(munmap(p, 1)));
    printf("munmap twice: %s\n", error(munmap(p, PAGE)));
    for (int fd = rw; fd <= path; fd++) close(fd);
}

static void mprotects(void) {
    char *p = map(4, MAP_PRIVATE);
    munmap(p + 2 * PAGE, PAGE);
    int ro = open("file", O_RDONLY);
    char *file = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, ro, 0);
    printf("mprotect odd: %s\n", error(mprotect(p + 1, PAGE, 1)));
    printf("mprotect odd, no length: %s\n", error(mprotect(p + 1, 0, 1)));
    printf("mprotect no length: %s\n", error(mprotect(p, 0, 1)));
    printf("mprotect no length, bad prot: %s\n", error(mprotect(p, 0, 0x100)));
    printf("mprotect bad prot: %s\n", error(mprotect(p, PAGE, 0x100)));
    printf("mprotect SEM: %s\n", error(mprotect(p, PAGE, 3 | 8)));
    printf("mprotect too long: %s\n", error(mprotect(p, -1ul, 1)));
    printf("mprotect over a hole: %s\n", error(mprotect(p, 4 * PAGE, 1)));
    printf("mprotect in a hole: %s\n", error(mprotect(p + 2 * PAGE, PAGE, 1)));
    printf("mprotect both ways: %s\n", error(mprotect(p, PAGE, 1 | PROT_GROWSDOWN | PROT_GROWSUP)));
    printf("mprotect GROWSDOWN: %s\n", error(mprotect(p, PAGE, 1 | PROT_GROWSDOWN)));
    printf("mprotect GROWSUP: %s\n", error(mprotect(p, PAGE, 1 | PROT_GROWSUP)));
    printf("mprotect stack GROWSDOWN: %s\n", error(mprotect((void *)((long)&p & -PAGE), PAGE, 3 | PROT_GROWSDOWN)));
    printf("mprotect read-only file: %s\n", error(mprotect(file, PAGE, 3)));
    printf("pkey_alloc: %s\n", error(syscall(SYS_pkey_alloc, 0, 0)));
    printf("pkey_free: %s\n", error(syscall(SYS_pkey_free, 1)));
    printf("pkey_mprotect -1: %s\n", error(syscall(SYS_pkey_mprotect, p, PAGE, 1, -1)));
    printf("pkey_mprotect 1: %s\n", error(syscall(SYS_pkey_mprotect, p, PAGE, 1, 1)));
    munmap(p, 4 * PAGE);
    munmap(file, PAGE);
    close(ro);
}

static void *remap(const char *name, void *at, size_t old, size_t new, int flags, void *to) {
    errno = 0;
    void *p = (void *)syscall(SYS_mremap, at, old, new, flags, to);
    printf("mremap %s: %s%s\n", name, error((long)p), p == MAP_FAILED ? "" : p == at ? ", in place" : p == to ? ", there" : ", elsewhere");
    return p;
}

static void mremaps(void) {
    char *p = map(8, MAP_PRIVATE), *q = map(8, MAP_PRIVATE), *hole = map(8, MAP_PRIVATE), *other;
    munmap(hole, 8 * PAGE);
    memset(p, 1, 8 * PAGE);
    remap("odd", p + 1, PAGE, PAGE, 0, NULL);
    remap("to nothing", p, PAGE, 0, 0, NULL);
    remap("flags 8", p, PAGE, PAGE, 8, NULL);
    remap("FIXED alone", p, PAGE, PAGE, MREMAP_FIXED, q);
    remap("FIXED odd", p, PAGE, PAGE, MREMAP_FIXED | MREMAP_MAYMOVE, q + 1);
    remap("FIXED overlap", p, 4 * PAGE, 4 * PAGE, MREMAP_FIXED | MREMAP_MAYMOVE, p + PAGE);
    remap("FIXED in the kernel", p, PAGE, PAGE, MREMAP_FIXED | MREMAP_MAYMOVE, (void *)-PAGE);
    remap("hole", hole, PAGE, PAGE, 0, NULL);
    remap("hole, shrink", hole, 2 * PAGE, PAGE, 0, NULL);
    remap("kernel", (void *)-PAGE, PAGE, PAGE, 0, NULL);
    remap("hole, grow", hole, PAGE, 2 * PAGE, MREMAP_MAYMOVE, NULL);
    remap("same", p, PAGE, PAGE, 0, NULL);
    remap("DONTUNMAP alone", p, PAGE, PAGE, MREMAP_DONTUNMAP, NULL);
    remap("DONTUNMAP resize", p, PAGE, 2 * PAGE, MREMAP_DONTUNMAP | MREMAP_MAYMOVE, NULL);
    other = remap("DONTUNMAP", p, 2 * PAGE, 2 * PAGE, MREMAP_DONTUNMAP | MREMAP_MAYMOVE, NULL);
    printf("  moved %d, left %d\n", other[PAGE], p[PAGE]);
    munmap(other, 2 * PAGE);
    p[PAGE] = 1;
    other = remap("DONTUNMAP FIXED", p, 2 * PAGE, 2 * PAGE, MREMAP_DONTUNMAP | MREMAP_MAYMOVE | MREMAP_FIXED, q);
    printf("  moved %d, left %d\n", q[PAGE], p[PAGE]);
    remap("old 0 private", p, 0, PAGE, MREMAP_MAYMOVE, NULL);
    remap("no room, stay", p + 4 * PAGE, PAGE, 4 * PAGE, 0, NULL);
    remap("over the end", p, 9 * 1024 * PAGE, 10 * 1024 * PAGE, MREMAP_MAYMOVE, NULL);
    char *s = map(2, MAP_SHARED);
    s[0] = 5;
    other = remap("old 0 shared", s, 0, PAGE, MREMAP_MAYMOVE, NULL);
    if (other != MAP_FAILED) printf("  the same memory %d\n", other[0] == 5 && (other[0] = 6) && s[0] == 6);
    remap("old 0 shared stay", s, 0, PAGE, 0, NULL);
    other = remap("too long", p, PAGE, 1ul << 40, MREMAP_MAYMOVE, NULL);
    char *shm = map(4, MAP_SHARED);
    shm[0] = 3;
    other = remap("shared DONTUNMAP", shm, 4 * PAGE, 4 * PAGE, MREMAP_DONTUNMAP | MREMAP_MAYMOVE, NULL);
    if (other != MAP_FAILED) printf("  both see it %d %d\n", other[0], shm[0]);
    remap("shrink", p, 4 * PAGE, PAGE, 0, NULL);
    munmap(p, 8 * PAGE);
    munmap(q, 8 * PAGE);
}

static void madvises(void) {
    char *p = map(4, MAP_PRIVATE), *s = map(4, MAP_SHARED);
    int ro = open("file", O_RDONLY), rw = open("file", O_RDWR);
    char *f = mmap(NULL, 4 * PAGE, PROT_READ, MAP_SHARED, ro, 0), *w = mmap(NULL, 4 * PAGE, 3, MAP_SHARED, rw, 0), *v = mmap(NULL, 4 * PAGE, 3, MAP_PRIVATE, rw, 0);
    char *l = map(2, MAP_PRIVATE);
    mlock(l, 2 * PAGE);
    int advice[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 26, 100, 101, 102, -1};
    for (unsigned i = 0; i < sizeof advice / sizeof *advice; i++) {
        printf("madvise %d:", advice[i]);
        memset(p, 1, 4 * PAGE);
        memset(s, 1, 4 * PAGE);
        printf(" private %s", error(madvise(p, PAGE, advice[i])));
        printf(" shared %s", error(madvise(s, PAGE, advice[i])));
        printf(" read-only file %s", error(madvise(f, PAGE, advice[i])));
        printf(" file %s", error(madvise(w, PAGE, advice[i])));
        printf(" private file %s", error(madvise(v, PAGE, advice[i])));
        printf(" locked %s", error(madvise(l, PAGE, advice[i])));
        printf(" nothing %s", error(madvise(p, 0, advice[i])));
        printf(" odd %s", error(madvise(p + 1, PAGE, advice[i])));
        printf(" wrap %s", error(madvise(p, -1ul, advice[i])));
        printf(" hole %s", error(madvise((void *)(1ul << 33), PAGE, advice[i])));
        if (advice[i] != 8 && advice[i] != 21) printf("; now %d %d", p[0], s[0]);
        printf("\n");
        madvise(p, PAGE, MADV_DOFORK);
        madvise(p, PAGE, MADV_KEEPONFORK);
    }
    w[0] = 9;
    printf("REMOVE file %s, then %d %d\n", error(madvise(w, PAGE, MADV_REMOVE)), w[0], f[0]);
    close(ro);
    close(rw);
}

static void locks(void) {
    char *p = map(8, MAP_PRIVATE), *none;
    long before;
    printf("mlock: %ld kB before\n", locked_kib());
    before = faults();
    printf("mlock %s", error(mlock(p + 100, PAGE)));
    printf(" faults %ld", faults() - before);
    printf(" locked %ld kB\n", locked_kib());
    printf("again %s, %ld kB\n", error(mlock(p, 2 * PAGE)), locked_kib());
    before = faults();
    printf("mlock2 ONFAULT %s", error(mlock2(p + 4 * PAGE, 2 * PAGE, MLOCK_ONFAULT)));
    printf(" faults %ld", faults() - before);
    printf(" locked %ld kB\n", locked_kib());
    printf("mlock2 2 %s\n", error(syscall(SYS_mlock2, p, PAGE, 2)));
    printf("mlock nothing %s\n", error(mlock(p, 0)));
    printf("mlock wrap %s\n", error(mlock(p, -PAGE)));
    printf("mlock hole %s\n", error(mlock((void *)(1ul << 33), PAGE)));
    munmap(p + 7 * PAGE, PAGE);
    printf("mlock into a hole %s, %ld kB\n", error(mlock(p + 6 * PAGE, 2 * PAGE)), locked_kib());
    none = mmap(NULL, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    printf("mlock PROT_NONE %s, %ld kB\n", error(mlock(none, PAGE)), locked_kib());
    int fd = open("file", O_RDWR);
    ftruncate(fd, PAGE);
    char *f = mmap(NULL, 2 * PAGE, 3, MAP_SHARED, fd, 0);
    printf("mlock beyond a file %s, %ld kB\n", error(mlock(f, 2 * PAGE)), locked_kib());
    printf("msync INVALIDATE %s\n", error(msync(f, PAGE, MS_INVALIDATE)));
    printf("munlock %s", error(munlock(p, 3 * PAGE)));
    printf(", %ld kB\n", locked_kib());
    printf("munlock hole %s\n", error(munlock((void *)(1ul << 33), PAGE)));
    fflush(stdout);
    int child = fork();
    if (!child) {
        printf("in a child %ld kB\n", locked_kib());
        fflush(stdout);
        _exit(0);
    }
    waitpid(child, NULL, 0);
    printf("mlockall 0 %s\n", error(mlockall(0)));
    printf("mlockall ONFAULT %s\n", error(mlockall(MCL_ONFAULT)));
    printf("mlockall 8 %s\n", error(mlockall(8)));
    printf("munlockall %s", error(munlockall()));
    printf(", %ld kB\n", locked_kib());
    printf("mlockall FUTURE %s", error(mlockall(MCL_FUTURE)));
    printf(", %ld kB\n", locked_kib());
    before = faults();
    char *q = map(4, MAP_PRIVATE);
    printf("mapped: faults %ld", faults() - before);
    printf(", %ld kB\n", locked_kib());
    before = faults();
    q = mremap(q, 4 * PAGE, 6 * PAGE, MREMAP_MAYMOVE);
    printf("grown: faults %ld", faults() - before);
    printf(", %ld kB\n", locked_kib());
    munlockall();
    printf("mlockall FUTURE|ONFAULT %s", error(mlockall(MCL_FUTURE | MCL_ONFAULT)));
    before = faults();
    q = map(4, MAP_PRIVATE);
    printf(": faults %ld", faults() - before);
    printf(", %ld kB\n", locked_kib());
    munlockall();
    q = map(4, MAP_PRIVATE | MAP_LOCKED);
    printf("MAP_LOCKED %ld kB\n", locked_kib());
    munmap(q, 2 * PAGE);
    printf("half unmapped %ld kB\n", locked_kib());
    munlockall();
    close(fd);
}

static void unprivileged(void) {
    // Without CAP_IPC_LOCK the limit holds.
    struct rlimit limit = {4 * PAGE, 4 * PAGE}, none = {0, 0};
    char *p = map(8, MAP_PRIVATE);
    setrlimit(RLIMIT_MEMLOCK, &limit);
    setuid(1000);
    printf("4 pages: %s", error(mlock(p, 4 * PAGE)));
    printf(", again %s", error(mlock(p, 4 * PAGE)));
    printf(", one more %s", error(mlock(p + 4 * PAGE, PAGE)));
    printf(", mlockall %s", error(mlockall(MCL_CURRENT)));
    printf(", future %s", error(mlockall(MCL_FUTURE)));
    printf(", mmap %s", error((long)map(1, MAP_PRIVATE)));
    printf(", locked mmap %s", error((long)map(1, MAP_PRIVATE | MAP_LOCKED)));
    printf(", grown %s\n", error((long)mremap(p, PAGE, 16 * PAGE, MREMAP_MAYMOVE)));
    munlockall();
    setrlimit(RLIMIT_MEMLOCK, &none);
    printf("no limit: mlock %s", error(mlock(p, PAGE)));
    printf(", mlockall %s", error(mlockall(MCL_CURRENT)));
    printf(", munlock %s", error(munlock(p, PAGE)));
    printf(", MAP_LOCKED %s", error((long)map(1, MAP_PRIVATE | MAP_LOCKED)));
    printf(", page 0 %s\n", error((long)mmap(NULL, PAGE, 3, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0)));
    fflush(stdout);
    _exit(0);
}

static void others(void) {
    char *p = map(4, MAP_PRIVATE);
    unsigned char vec[4];
    printf("mincore odd %s\n", error(mincore(p + 1, PAGE, vec)));
    printf("mincore nothing %s\n", error(mincore(p, 0, vec)));
    printf("mincore kernel %s\n", error(mincore((void *)-PAGE, PAGE, vec)));
    printf("mincore to 8 %s\n", error(mincore(p, PAGE, (void *)8)));
    printf("msync 8 %s\n", error(msync(p, PAGE, 8)));
    printf("msync both %s\n", error(msync(p, PAGE, MS_ASYNC | MS_SYNC)));
    printf("msync odd %s\n", error(msync(p + 1, PAGE, MS_SYNC)));
    printf("msync 0 %s\n", error(msync(p, PAGE, 0)));
    printf("msync hole %s\n", error(msync((void *)(1ul << 33), PAGE, MS_SYNC)));
    printf("msync wrap %s\n", error(msync(p, -1ul, MS_SYNC)));
    int fd = open("file", O_RDWR);
    ftruncate(fd, 4 * PAGE);
    char *f = mmap(NULL, 4 * PAGE, 3, MAP_SHARED, fd, 0);
    for (int i = 0; i < 4; i++) f[i * PAGE] = 'a' + i;
    printf("remap_file_pages %s", error(remap_file_pages(f, PAGE, 0, 2, 0)));
    printf(" %c%c\n", f[0], f[PAGE]);
    printf("remap_file_pages prot %s\n", error(remap_file_pages(f, PAGE, 1, 2, 0)));
    printf("remap_file_pages private %s\n", error(remap_file_pages(p, PAGE, 0, 2, 0)));
    printf("remap_file_pages nothing %s\n", error(remap_file_pages(f, 0, 0, 2, 0)));
    printf("remap_file_pages hole %s\n", error(remap_file_pages((void *)(1ul << 33), PAGE, 0, 0, 0)));
    printf("remap_file_pages two %s", error(remap_file_pages(f + 2 * PAGE, 2 * PAGE, 0, 0, 0)));
    printf(" %c%c\n", f[2 * PAGE], f[3 * PAGE]);
    char from[32] = "0123456789", to[32] = "";
    struct iovec local[2] = {{to, 4}, {to + 8, 4}}, remote = {from, 8}, bad = {(void *)8, 4}, many[2] = {{from, 3}, {(void *)8, 3}};
    printf("process_vm_readv %zd %s %s\n", process_vm_readv(getpid(), local, 2, &remote, 1, 0), to, to + 8);
    printf("process_vm_writev %zd %s\n", process_vm_writev(getpid(), local, 2, &(struct iovec){from + 1, 6}, 1, 0), from);
    printf("bad remote %s\n", error(process_vm_readv(getpid(), local, 2, &bad, 1, 0)));
    printf("partly %zd\n", process_vm_readv(getpid(), local, 2, many, 2, 0));
    printf("bad local %s\n", error(process_vm_readv(getpid(), &bad, 1, &remote, 1, 0)));
    printf("bad vector %s\n", error(process_vm_readv(getpid(), (void *)8, 1, &remote, 1, 0)));
    printf("bad remote vector %s\n", error(process_vm_readv(getpid(), local, 1, (void *)8, 1, 0)));
    printf("flags %s\n", error(process_vm_readv(getpid(), local, 1, &remote, 1, 1)));
    printf("1025 %s\n", error(process_vm_readv(getpid(), local, 1025, &remote, 1, 0)));
    printf("remote 1025 %s\n", error(process_vm_readv(getpid(), local, 1, &remote, 1025, 0)));
    printf("nobody %s\n", error(process_vm_readv(30000, local, 1, &remote, 1, 0)));
    printf("nobody, nothing %s\n", error(process_vm_readv(30000, local, 0, &remote, 1, 0)));
    fflush(stdout);
    int child = fork();
    if (!child) { pause(); _exit(0); }
    char *there = from;
    printf("of a child %zd %.4s\n", process_vm_writev(child, &(struct iovec){"abcd", 4}, 1, &(struct iovec){there, 4}, 1, 0), from);
    memset(to, 0, sizeof to);
    printf("back %zd %s\n", process_vm_readv(child, &(struct iovec){to, 4}, 1, &(struct iovec){there, 4}, 1, 0), to);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    for (int command = 0; command < 1 << 10; command = command ? command * 2 : 1) printf("membarrier %#x %s\n", command, command ? error(syscall(SYS_membarrier, command, 0, 0)) : "");
    printf("membarrier query %#lx\n", syscall(SYS_membarrier, 0, 0, 0));
    printf("membarrier flags %s\n", error(syscall(SYS_membarrier, 0, 1, 0)));
    printf("membarrier 3 %s\n", error(syscall(SYS_membarrier, 3, 0, 0)));
    long begin = syscall(SYS_brk, 0);
    printf("brk below %d kernel %d\n", syscall(SYS_brk, 4096) == begin, syscall(SYS_brk, -4096) == begin);
}

int main(void) {
    mmaps();
    mprotects();
    mremaps();
    madvises();
    locks();
    fflush(stdout);
    int child = fork();
    if (!child) unprivileged();
    waitpid(child, NULL, 0);
    others();
    return 0;
}
