/*
 * forbidden-accesses: what a process may not touch kills it, and only it.
 *
 * signal(7): SIGSEGV (11), SIGBUS (7), SIGILL (4), SIGTRAP (5), reported as 128 + N. A child makes each access.
 */
#include "rt.h"

#if defined(__riscv)
#define ILLEGAL "unimp"
#define BREAKPOINT "ebreak"
#else
#define ILLEGAL "ud2"
#define BREAKPOINT "int3"
#endif

static const char constant[] = "a string in .rodata";

/* Tries one access in a child and prints how that ended. */
#define TRY(what, access)                                                                                    \
    do {                                                                                                     \
        long child = must("fork", fork());                                                                   \
        if (child == 0) {                                                                                    \
            access;                                                                                          \
            exit(0);                                                                                         \
        }                                                                                                    \
        printf("%s: %d\n", what, exit_status_of(child));                                                     \
    } while (0)

static void call(volatile void *code) { ((void (*)(void))code)(); }

int main(void)
{
    volatile char *none = (char *)must("mmap", mmap(0, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    volatile char *readable =
        (char *)must("mmap", mmap(0, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    volatile char *writable = map_private(1);
    volatile char *gone = unmapped();
    volatile char *kernel = (volatile char *)-PAGE, *non_canonical = (volatile char *)(1L << 62);
    *writable = 'w';

    TRY("read what may be read", (void)*readable);
    TRY("write what may be written", *writable = 'x');
    TRY("read a hole", (void)*gone);
    TRY("write a hole", *gone = 'x');
    TRY("read PROT_NONE", (void)*none);
    TRY("write PROT_READ", *readable = 'x');
    TRY("execute a page without PROT_EXEC", call(writable));
    TRY("write .rodata", *(volatile char *)constant = 'x');
    TRY("write .text", *(volatile char *)main = 'x');
    TRY("read a kernel address", (void)*kernel);
    TRY("read a non-canonical address", (void)*non_canonical);
    TRY("call a hole", call(gone));
    TRY("an illegal instruction", asm volatile(ILLEGAL));
    TRY("a breakpoint", asm volatile(BREAKPOINT));

    int fd = make_file("file.txt", "short");
    volatile char *file = (char *)must("mmap", mmap(0, 2 * PAGE, PROT_READ, MAP_SHARED, fd, 0));
    TRY("read a file's last page beyond its end", (void)file[PAGE - 1]);
    TRY("read a page beyond a file's end", (void)file[PAGE]);
    unlink("file.txt");

    mprotect((void *)writable, PAGE, PROT_READ);
    TRY("write after mprotect to PROT_READ", *writable = 'y');
    mprotect((void *)writable, PAGE, PROT_READ | PROT_WRITE);
    TRY("write after mprotect back", *writable = 'y');
    printf("the parent's byte was never changed: %c\n", *writable);
    return 0;
}
