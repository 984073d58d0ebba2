/*
 * memory-files: memfd_create and seals; fallocate and holes; truncation under live mappings.
 *
 * memfd_create(2), fcntl(2), fallocate(2), lseek(2), mmap(2).
 */
#include "probe.h"
#include <setjmp.h>

static sigjmp_buf back;

static void on_fault(int number)
{
    siglongjmp(back, number);
}

/* Says what a byte is, or which signal looking at it gives. */
static int peek(volatile char *at)
{
    int number = sigsetjmp(back, 1);
    return number ? -number : *at;
}

static int poke(volatile char *at, char value)
{
    int number = sigsetjmp(back, 1);
    if (number)
        return -number;
    *at = value;
    return 0;
}

static void names(void)
{
    char link[100] = "", path[64], name[300];
    int fd = TRY(memfd_create("one", 0));
    sprintf(path, "/proc/self/fd/%d", fd);
    readlink(path, link, 99);
    printf("%s\n", link);
    struct stat s;
    fstat(fd, &s);
    printf("mode %o links %d size %ld\n", s.st_mode, (int)s.st_nlink, (long)s.st_size);
    TRY(fcntl(fd, F_GETFL)), TRY(fcntl(fd, F_GETFD)), TRY(fcntl(fd, F_GET_SEALS));
    TRY(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW));
    close(fd);
    fd = memfd_create("two", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    TRY(fcntl(fd, F_GETFD)), TRY(fcntl(fd, F_GET_SEALS));
    close(fd);
    fd = memfd_create("three", 8);
    fstat(fd, &s);
    TRY(s.st_mode), TRY(fcntl(fd, F_GET_SEALS)), TRY(fchmod(fd, 0755)), TRY(fchmod(fd, 0600));
    close(fd);
    memset(name, 'n', 299);
    name[299] = 0;
    TRY(memfd_create(name, 0));
    name[250] = 0;
    TRY(memfd_create(name, 0));
    name[249] = 0;
    CAN(memfd_create(name, 0));
    TRY(memfd_create((void *)8, 0));
    TRY(memfd_create("x", 0x20)), TRY(memfd_create("x", 8 | 16));
    CAN(memfd_create("", 0));
}

static void seals(void)
{
    char bytes[9000] = { 0 };
    int fd = memfd_create("sealed", MFD_ALLOW_SEALING);
    ftruncate(fd, 4096 + 100);
    TRY(fcntl(fd, F_ADD_SEALS, 64));
    TRY(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW));
    TRY(ftruncate(fd, 5000));
    TRY(pwrite(fd, bytes, 9000, 0));
    TRY(pwrite(fd, bytes, 200, 4096));
    TRY(pwrite(fd, bytes, 100, 4096));
    TRY(pwrite(fd, bytes, 9000, 4000));
    TRY(fallocate(fd, 0, 0, 10000));
    TRY(fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 10000));
    TRY(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK));
    TRY(ftruncate(fd, 10)), TRY(ftruncate(fd, 4196));
    char path[64];
    sprintf(path, "/proc/self/fd/%d", fd);
    TRY(open(path, O_RDWR | O_TRUNC));
    int reader = open(path, O_RDONLY);
    TRY(fcntl(reader, F_ADD_SEALS, F_SEAL_WRITE));
    char *shared = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    TRY(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE));
    TRY(fcntl(fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE));
    TRY(poke(shared, 'w'));
    TRY(pwrite(fd, bytes, 1, 0));
    CAN(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
    munmap(shared, 8192);
    TRY(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE));
    shared = (char *)CAN(mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0));
    TRY(mprotect(shared, 4096, PROT_READ | PROT_WRITE));
    char *private = (char *)CAN(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0));
    TRY(poke(private, 'p'));
    TRY(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096));
    TRY(fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL));
    TRY(fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL));
    TRY(fcntl(fd, F_GET_SEALS));
    int file = open("plain", O_RDWR | O_CREAT, 0600), ends[2];
    pipe(ends);
    TRY(fcntl(file, F_GET_SEALS)), TRY(fcntl(file, F_ADD_SEALS, F_SEAL_GROW));
    TRY(fcntl(ends[1], F_GET_SEALS)), TRY(fcntl(ends[1], F_ADD_SEALS, F_SEAL_GROW));
    fd = memfd_create("exec", MFD_ALLOW_SEALING);
    TRY(fcntl(fd, F_ADD_SEALS, 0x20)), TRY(fcntl(fd, F_GET_SEALS)), TRY(fchmod(fd, 0600)), TRY(fchmod(fd, 0711));
}

static long blocks(int fd)
{
    struct stat s;
    fstat(fd, &s);
    return s.st_blocks;
}

static long size(int fd)
{
    struct stat s;
    fstat(fd, &s);
    return s.st_size;
}

static void holes(void)
{
    int fd = open("holes", O_RDWR | O_CREAT | O_TRUNC, 0600), ends[2];
    int reader = open("holes", O_RDONLY), dir = open(".", O_RDONLY);
    pipe(ends);
    TRY(fallocate(fd, 0, 0, 10000)), TRY(blocks(fd)), TRY(size(fd));
    TRY(fallocate(fd, FALLOC_FL_KEEP_SIZE, 10000, 10000)), TRY(blocks(fd)), TRY(size(fd));
    TRY(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 4096, 4096)), TRY(blocks(fd));
    TRY(fallocate(fd, FALLOC_FL_PUNCH_HOLE, 0, 10));
    TRY(fallocate(fd, FALLOC_FL_ZERO_RANGE, 0, 10)), TRY(fallocate(fd, FALLOC_FL_COLLAPSE_RANGE, 0, 4096));
    TRY(fallocate(fd, FALLOC_FL_INSERT_RANGE, 0, 4096)), TRY(fallocate(fd, 0x100, 0, 4096));
    TRY(fallocate(fd, FALLOC_FL_UNSHARE_RANGE, 0, 4096)), TRY(fallocate(fd, 4, 0, 1));
    TRY(fallocate(fd, FALLOC_FL_COLLAPSE_RANGE | 1, 0, 4096)), TRY(fallocate(fd, FALLOC_FL_ZERO_RANGE | 1, 0, 10));
    TRY(fallocate(fd, 0, -1, 10)), TRY(fallocate(fd, 0, 0, 0)), TRY(fallocate(fd, 0, 0, -1));
    TRY(fallocate(fd, 0, 0x7fffffffffffffff, 1)), TRY(fallocate(fd, 0, 0, 1L << 62));
    TRY(fallocate(reader, 0, 0, 1)), TRY(fallocate(dir, 0, 0, 1)), TRY(fallocate(ends[1], 0, 0, 1));
    TRY(fallocate(ends[0], 0, 0, 1)), TRY(fallocate(99, 0, 0, 1)), TRY(fallocate(open("/dev/null", O_RDWR), 0, 0, 1));
    ftruncate(fd, 0);
    TRY(blocks(fd));
    ftruncate(fd, 1 << 20);
    TRY(blocks(fd));
    pwrite(fd, "data", 4, 0x5000), pwrite(fd, "data", 4, 0x6100), pwrite(fd, "data", 4, 0x20000);
    TRY(blocks(fd));
    TRY(lseek(fd, 0, SEEK_DATA)), TRY(lseek(fd, 0, SEEK_HOLE)), TRY(lseek(fd, 0x5001, SEEK_DATA));
    TRY(lseek(fd, 0x5001, SEEK_HOLE)), TRY(lseek(fd, 0x7000, SEEK_DATA)), TRY(lseek(fd, 0x20000, SEEK_HOLE));
    TRY(lseek(fd, 0x21000, SEEK_DATA)), TRY(lseek(fd, 0x21000, SEEK_HOLE)), TRY(lseek(fd, 1 << 20, SEEK_HOLE));
    TRY(lseek(fd, 1 << 20, SEEK_DATA)), TRY(lseek(fd, -1, SEEK_DATA)), TRY(lseek(fd, -1, SEEK_HOLE));
    TRY(lseek(dir, 0, SEEK_DATA)), TRY(lseek(ends[0], 0, SEEK_HOLE)), TRY(lseek(fd, 0, 9));
}

static void mappings(void)
{
    char bytes[3 * 4096];
    memset(bytes, 'a', sizeof bytes);
    int fd = open("mapped", O_RDWR | O_CREAT | O_TRUNC, 0600);
    write(fd, bytes, sizeof bytes);
    char *shared = mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    char *private = mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    poke(shared + 4096, 'b'), poke(private, 'p'), poke(private + 2 * 4096, 'q');
    TRY(ftruncate(fd, 4096 + 10));
    TRY(peek(shared + 4096)), TRY(peek(shared + 4096 + 10)), TRY(peek(shared + 2 * 4096)), TRY(peek(private + 2 * 4096));
    TRY(poke(shared + 4096 + 20, 'x'));
    TRY(ftruncate(fd, 3 * 4096));
    TRY(peek(shared + 4096 + 9)), TRY(peek(shared + 4096 + 10)), TRY(peek(shared + 4096 + 20));
    TRY(peek(shared + 2 * 4096)), TRY(peek(private + 2 * 4096)), TRY(peek(private));
    pwrite(fd, bytes, sizeof bytes, 0);
    poke(private + 4096, 'r');
    TRY(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 100, 2 * 4096));
    TRY(peek(shared + 99)), TRY(peek(shared + 100)), TRY(peek(shared + 4096)), TRY(peek(shared + 2 * 4096 + 99));
    TRY(peek(shared + 2 * 4096 + 100)), TRY(peek(private)), TRY(peek(private + 4096)), TRY(peek(private + 2 * 4096));
    TRY(blocks(fd));
    poke(shared + 4096, 'n');
    TRY(blocks(fd)), TRY(pread(fd, bytes, 1, 4096)), TRY(bytes[0]);
    TRY(msync(shared, 4096, MS_SYNC)), TRY(msync(shared + 1, 4096, MS_SYNC)), TRY(msync(shared, 4096, MS_SYNC | MS_ASYNC));
    TRY(msync(shared, 4096, 8));
    TRY(ftruncate(fd, 0));
    TRY(peek(shared)), TRY(peek(private)), TRY(poke(shared, 1));
    TRY(blocks(fd));
    close(fd);
}

/* A store to a shared mapping changes the file's times where it faults. */
static void times(void)
{
    int fd = memfd_create("times", 0);
    ftruncate(fd, 8192);
    char *shared = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    char *private = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    struct timespec past[2] = {{1000, 0}, {1000, 0}};
    struct stat st;
    const char *what[] = {"a private store", "a load", "a store", "another one to the page", "one to the next page"};
    for (int i = 0; i < 5; i++) {
        futimens(fd, past);
        switch (i) {
        case 0: private[4096] = 1; break;
        case 1: *(volatile char *)private; break;
        case 2: shared[0] = 1; break;
        case 3: shared[1] = 1; break;
        case 4: shared[4096] = 1; break;
        }
        fstat(fd, &st);
        printf("%s: modified %d\n", what[i], st.st_mtime != 1000);
    }
    munmap(shared, 8192), munmap(private, 8192);
    close(fd);
}

int main(void)
{
    signal(SIGBUS, on_fault);
    signal(SIGSEGV, on_fault);
    names();
    seals();
    holes();
    mappings();
    times();
    return 0;
}
