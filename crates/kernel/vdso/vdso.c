/* What programs ask without entering the supervisor (vdso(7)): the time, and what the harts can do. Both are in the page of
 * data that the supervisor maps before this one, and `task/vdso.rs` fills.
 */
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>

#define PUBLIC __attribute__((visibility("default")))

enum { NS_PER_S = 1000000000, ANSWERS = 16 };

/* The page of data. Each word stands for itself, so that nobody can read a half of a change. */
extern const volatile struct {
    /* What the time of day is ahead of the counter `time`, which counts nanoseconds. */
    uint64_t wall_offset_ns;
    /* How often the coarse clocks move on. */
    uint64_t tick_ns;
    /* How exact the others are. */
    uint64_t resolution_ns;
    /* How many keys riscv_hwprobe(2) knows, and what all harts answer to them. */
    uint64_t answers;
    uint64_t answer[ANSWERS];
} vdso_data __attribute__((visibility("hidden")));

struct timespec {
    int64_t seconds, nanoseconds;
};

struct timeval {
    int64_t seconds, microseconds;
};

struct timezone {
    int32_t minutes_west, daylight_saving;
};

struct probe {
    int64_t key;
    uint64_t value;
};

enum clock { REALTIME, MONOTONIC, MONOTONIC_RAW = 4, REALTIME_COARSE, MONOTONIC_COARSE, BOOTTIME, TAI = 11 };

static long system_call(long number, long first, long second, long third, long fourth, long fifth) {
    register long a0 __asm__("a0") = first;
    register long a1 __asm__("a1") = second;
    register long a2 __asm__("a2") = third;
    register long a3 __asm__("a3") = fourth;
    register long a4 __asm__("a4") = fifth;
    register long a7 __asm__("a7") = number;
    __asm__ volatile("ecall" : "+r"(a0) : "r"(a1), "r"(a2), "r"(a3), "r"(a4), "r"(a7) : "memory");
    return a0;
}

static uint64_t uptime_ns(void) {
    uint64_t now;
    __asm__ volatile("rdtime %0" : "=r"(now)::"memory");
    return now;
}

static uint64_t wall_ns(void) {
    return vdso_data.wall_offset_ns + uptime_ns();
}

PUBLIC long __vdso_clock_gettime(int32_t clock, struct timespec *time) {
    uint64_t now;
    switch (clock) {
    case REALTIME:
    case TAI:
    case REALTIME_COARSE:
        now = wall_ns();
        break;
    case MONOTONIC:
    case BOOTTIME:
    case MONOTONIC_RAW:
    case MONOTONIC_COARSE:
        now = uptime_ns();
        break;
    default:
        return system_call(SYS_clock_gettime, clock, (long)time, 0, 0, 0);
    }
    /* Read for every clock, so that every clock touches the page, as under Linux. */
    uint64_t tick = vdso_data.tick_ns;
    if (clock == REALTIME_COARSE || clock == MONOTONIC_COARSE)
        now -= now % tick;
    time->seconds = now / NS_PER_S;
    time->nanoseconds = now % NS_PER_S;
    return 0;
}

PUBLIC long __vdso_gettimeofday(struct timeval *time, struct timezone *zone) {
    if (time != NULL) {
        uint64_t now = wall_ns();
        time->seconds = now / NS_PER_S;
        time->microseconds = now % NS_PER_S / 1000;
    }
    if (zone != NULL)
        *zone = (struct timezone){0};
    return 0;
}

PUBLIC long __vdso_clock_getres(int32_t clock, struct timespec *resolution) {
    uint64_t ns = vdso_data.resolution_ns;
    switch (clock) {
    case REALTIME_COARSE:
    case MONOTONIC_COARSE:
        ns = vdso_data.tick_ns;
        break;
    case REALTIME:
    case MONOTONIC:
    case MONOTONIC_RAW:
    case BOOTTIME:
    case TAI:
        break;
    default:
        return system_call(SYS_clock_getres, clock, (long)resolution, 0, 0, 0);
    }
    if (resolution != NULL)
        *resolution = (struct timespec){.nanoseconds = (int64_t)ns};
    return 0;
}

PUBLIC long __vdso_getcpu(unsigned *hart, unsigned *node, void *unused) {
    return system_call(SYS_getcpu, (long)hart, (long)node, (long)unused, 0, 0);
}

PUBLIC long __vdso_flush_icache(uintptr_t start, uintptr_t end, uintptr_t flags) {
    return system_call(259, (long)start, (long)end, (long)flags, 0, 0);
}

/* All harts are the same, so a set of them changes nothing. To be asked which harts there are is for the supervisor. */
PUBLIC long __vdso_riscv_hwprobe(struct probe *pairs, size_t count, size_t set_bytes, unsigned long *harts, unsigned flags) {
    if (flags != 0)
        return system_call(258, (long)pairs, (long)count, (long)set_bytes, (long)harts, flags);
    for (struct probe *pair = pairs; pair < pairs + count; pair++) {
        uint64_t key = (uint64_t)pair->key;
        if (key < vdso_data.answers) {
            pair->value = vdso_data.answer[key];
        } else {
            *pair = (struct probe){.key = -1};
        }
    }
    return 0;
}
