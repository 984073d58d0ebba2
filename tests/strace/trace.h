// What the probes of strace's text share: calls as they are, and memory at places that are always the same.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

// Numbers that the headers of the compiler may not have yet.
#ifndef SYS_riscv_flush_icache
#define SYS_riscv_flush_icache 259
#endif
#ifndef SYS_futex_waitv
#define SYS_futex_waitv 449
#endif
#ifndef SYS_futex_wake
#define SYS_futex_wake 454
#endif
#ifndef SYS_futex_wait
#define SYS_futex_wait 455
#endif
#ifndef SYS_riscv_hwprobe
#define SYS_riscv_hwprobe 258
#endif
#ifndef SYS_fchmodat2
#define SYS_fchmodat2 452
#endif

// Memory that the calls read and fill in, and an address where there is none.
#define AREA ((char *)0x7000000)
#define NOWHERE ((void *)0x6000000)

// Makes a call as it is written, without what the C library does around it.
#define CALL(name, ...) syscall(SYS_##name, ##__VA_ARGS__)

static char *next;

// Returns room for some bytes, which are 0 and stay where they are.
static void *room(size_t bytes) {
    char *at = next;
    next += (bytes + 63) / 64 * 64;
    return memset(at, 0, bytes);
}

// Returns a copy of a value in the area.
#define COPY(type, ...) ((type *)memcpy(room(sizeof(type)), &(type)__VA_ARGS__, sizeof(type)))

// Returns a copy of a string in the area.
static char *text(const char *string) { return strcpy(room(strlen(string) + 1), string); }

// Maps the area and makes the mark: a call that fails, before which everything is the C library's.
static void begin(void) {
    mmap(AREA, 0x100000, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    next = AREA;
    close(-4711);
}
