// rseq(2): registration and its errors, the fields, and critical sections that preemption and signals abort.
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/rseq.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#define SIG 0xf1401073u
struct area { unsigned start, id; unsigned long cs; unsigned flags, node, mm, pad; };
struct section { unsigned version, flags; unsigned long start, length, abort; };
static struct area mine __attribute__((aligned(32)));
static const char *error(long result) { return result == -1 ? strerrorname_np(errno) : "ok"; }
static long rseq(void *at, unsigned len, int flags, unsigned sig) { return syscall(SYS_rseq, at, len, flags, sig); }

// Spins in a critical section until something aborts it; returns 1 then, 0 if it got through.
static long spin(volatile struct area *area, struct section *section, long rounds) {
    long aborted;
    asm volatile(
        "la t0, 1f\n sd t0, 8(%2)\n"
        "la t1, 2f\n sub t1, t1, t0\n sd t1, 16(%2)\n"
        "la t0, 3f\n sd t0, 24(%2)\n"
        "mv t2, %3\n"
        "sd %2, 8(%1)\n"
        "1: addi t2, t2, -1\n bnez t2, 1b\n"
        "2: li %0, 0\n j 4f\n"
        ".word 0xf1401073\n"
        "3: li %0, 1\n"
        "4:\n"
        : "=&r"(aborted) : "r"(area), "r"(section), "r"(rounds) : "t0", "t1", "t2", "memory");
    return aborted;
}

static volatile int handled;
static void on_alarm(int sig) { handled = sig; }
static struct section section __attribute__((aligned(32)));

static void in_child(const char *what, void (*body)(void)) {
    int status;
    fflush(stdout);
    pid_t child = fork();
    if (!child) {
        body();
        _exit(0);
    }
    waitpid(child, &status, 0);
    printf("%s: status %#x\n", what, status);
}
static void bad_signature(void) {
    rseq(&mine, 32, 0, SIG + 1);
    struct itimerval soon = {.it_value = {0, 1000}};
    signal(SIGALRM, on_alarm);
    setitimer(ITIMER_REAL, &soon, NULL);
    spin(&mine, &section, 1000000000);
}
static void bad_version(void) {
    rseq(&mine, 32, 0, SIG);
    section.version = 1;
    struct itimerval soon = {.it_value = {0, 1000}};
    signal(SIGALRM, on_alarm);
    setitimer(ITIMER_REAL, &soon, NULL);
    spin(&mine, &section, 1000000000);
}
static void bad_area(void) {
    void *at = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    printf("%s\n", error(rseq(at, 32, 0, SIG)));
    fflush(stdout);
    _exit(1);
}
static void forked(void) { _exit(mine.id == ~0u ? 1 : rseq(&mine, 32, 0, SIG) == -1 && errno == EBUSY ? 2 : 3); }

int main(void) {
    struct area *theirs = (void *)((char *)__builtin_thread_pointer() + __rseq_offset);
    printf("feature size %lu, alignment %lu\n", getauxval(27), getauxval(28));
    // A newer glibc has registered one.
    rseq(theirs, 32, 1, SIG);
    printf("unregister what is not: %s\n", error(rseq(&mine, 32, 1, SIG)));
    printf("flags 2: %s\n", error(rseq(&mine, 32, 2, SIG)));
    printf("31 bytes: %s\n", error(rseq(&mine, 31, 0, SIG)));
    printf("misaligned: %s\n", error(rseq((char *)&mine + 16, 32, 0, SIG)));
    printf("kernel: %s\n", error(rseq((void *)-4096, 32, 0, SIG)));
    mine.id = ~0u;
    printf("register: %s", error(rseq(&mine, 32, 0, SIG)));
    printf(", id %d\n", mine.id == (unsigned)sched_getcpu());
    printf("again: %s\n", error(rseq(&mine, 32, 0, SIG)));
    printf("other area: %s\n", error(rseq(theirs, 32, 0, SIG)));
    printf("other size: %s\n", error(rseq(&mine, 64, 0, SIG)));
    printf("other signature: %s\n", error(rseq(&mine, 32, 0, 1)));
    printf("flags 3: %s\n", error(rseq(&mine, 32, 3, SIG)));
    printf("unregister, other signature: %s\n", error(rseq(&mine, 32, 1, 1)));
    printf("unregister, other size: %s\n", error(rseq(&mine, 64, 1, SIG)));
    in_child("a child has it too", forked);
    printf("through: %ld, left alone %d\n", spin(&mine, &section, 10), mine.cs != 0);
    sched_yield();
    struct itimerval soon = {.it_value = {0, 20000}};
    signal(SIGALRM, on_alarm);
    setitimer(ITIMER_REAL, &soon, NULL);
    long aborted = spin(&mine, &section, 10000000000);
    printf("signal: aborted %ld, cleared %d\n", aborted, mine.cs == 0);
    // A child that spins too takes the hart away.
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(0, &one);
    sched_setaffinity(0, sizeof one, &one);
    fflush(stdout);
    pid_t child = fork();
    if (!child) for (volatile long n = 0;; n++);
    aborted = spin(&mine, &section, 10000000000);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    printf("preemption: aborted %ld\n", aborted);
    printf("unregister: %s", error(rseq(&mine, 32, 1, SIG)));
    printf(", id %d\n", (int)mine.id);
    in_child("bad signature", bad_signature);
    in_child("bad version", bad_version);
    in_child("bad area", bad_area);
    return 0;
}
