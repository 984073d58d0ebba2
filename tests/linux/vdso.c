/*
 * vdso: what programs learn without a system call, and the faults of the page that they learn it from.
 *
 * vdso(7), clock_gettime(2), clock_getres(2), gettimeofday(2), settimeofday(2), mincore(2).
 */
#include "probe.h"
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>

static char *data, *code;

static long faults(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_minflt;
}

/* Prints how many faults a statement is worth. */
#define FAULTS(body)                                          \
    do {                                                      \
        long before_ = faults();                              \
        body;                                                 \
        long after_ = faults();                               \
        printf("%s: %ld faults\n", #body, after_ - before_);  \
        fflush(stdout);                                       \
    } while (0)

static void find(void)
{
    char line[256];
    FILE *maps = fopen("/proc/self/maps", "r");
    while (fgets(line, sizeof line, maps)) {
        char *start, *end, rights[5];
        sscanf(line, "%p-%p %4s", &start, &end, rights);
        if (strstr(line, "[vvar]"))
            data = start, printf("vvar %s %td pages\n", rights, (end - start) / 4096);
        if (strstr(line, "[vdso]"))
            code = start, printf("vdso %s, %td pages behind\n", rights, (start - data) / 4096);
    }
    fclose(maps);
}

static long long ns(struct timespec time)
{
    return time.tv_sec * 1000000000LL + time.tv_nsec;
}

/* Whether the two ways to read a clock agree: what is read later is not earlier, and not much later. */
static void compare(clockid_t clock)
{
    struct timespec first = {}, second = {}, third = {}, fine = {}, own = {};
    long called = syscall(SYS_clock_gettime, clock, &first), read = clock_gettime(clock, &second);
    syscall(SYS_clock_gettime, clock, &third);
    int ordered = ns(first) <= ns(second) && ns(second) <= ns(third) && ns(third) - ns(first) < 1000000000;
    printf("clock %d: %ld %ld %s\n", clock, called, read, ordered ? "in order" : "out of order");
    called = syscall(SYS_clock_getres, clock, &fine), read = clock_getres(clock, &own);
    printf("  exact to: %ld %ld %ld %s\n", called, read, own.tv_nsec, ns(fine) == ns(own) ? "both" : "differently");
    printf("  without a place: %d\n", clock_getres(clock, NULL));
}

int main(void)
{
    struct timespec now;
    struct timeval day = {.tv_sec = 2000000000, .tv_usec = 5};
    find();
    FAULTS(clock_gettime(CLOCK_MONOTONIC, &now));
    FAULTS(clock_gettime(CLOCK_REALTIME, &now));
    FAULTS(gettimeofday(&day, NULL));
    IN_CHILD(FAULTS(clock_gettime(CLOCK_MONOTONIC, &now)));
    for (clockid_t clock = CLOCK_REALTIME; clock <= CLOCK_TAI + 1; clock++)
        if (clock != CLOCK_REALTIME_ALARM && clock != CLOCK_BOOTTIME_ALARM)
            compare(clock);
    day = (struct timeval){.tv_sec = 2000000000, .tv_usec = 5};
    TRY(settimeofday(&day, NULL));
    gettimeofday(&day, NULL);
    TRY(day.tv_sec);
    TRY(clock_gettime(CLOCK_REALTIME_COARSE, &now));
    TRY(now.tv_sec == 2000000000 || now.tv_sec == 1999999999);

    /* The page is nobody's memory. */
    char bytes[16];
    unsigned char in[2] = {};
    struct iovec here = {bytes, sizeof bytes};
    TRY(process_vm_readv(getpid(), &here, 1, &(struct iovec){data, 16}, 1, 0));
    TRY(process_vm_readv(getpid(), &here, 1, &(struct iovec){code, 16}, 1, 0));
    TRY(memcmp(bytes, "\177ELF", 4));
    TRY(mincore(data, 8192, in));
    TRY(in[0]), TRY(in[1]);
    TRY(mprotect(data, 4096, PROT_READ | PROT_WRITE));
    TRY(mprotect(data, 4096, PROT_READ | PROT_EXEC));
    for (int page = 0; page < 2; page++) {
        fflush(stdout);
        pid_t child = fork();
        if (child == 0)
            _exit(((volatile char *)data)[page * 4096] & 0);
        int status;
        waitpid(child, &status, 0);
        printf("page %d: %s\n", page, WIFSIGNALED(status) ? strsignal(WTERMSIG(status)) : "can be read");
    }
}
