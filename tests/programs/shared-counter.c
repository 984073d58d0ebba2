/*
 * shared-counter: processes count together in shared memory, with the atomic instructions.
 *
 * RISC-V "A" extension: amoadd.w, amoadd.d, amoswap.w, lr.w/sc.w.
 */
#include "rt.h"

enum { PROCESSES = 4, ROUNDS = 1000 };

struct counters {
    int added; /* one AMO each */
    long added_long;
    int compared;     /* load-reserved, store-conditional until it works */
    int lock, locked; /* an ordinary addition under a spin lock */
};

static void count(struct counters *shared)
{
    for (int i = 0; i < ROUNDS; i++) {
        __atomic_fetch_add(&shared->added, 1, __ATOMIC_SEQ_CST);
        __atomic_fetch_add(&shared->added_long, 1L << 32, __ATOMIC_SEQ_CST);
        int seen = shared->compared;
        while (!__atomic_compare_exchange_n(&shared->compared, &seen, seen + 1, 0, __ATOMIC_SEQ_CST,
                                            __ATOMIC_SEQ_CST))
            ;
        while (__atomic_exchange_n(&shared->lock, 1, __ATOMIC_ACQUIRE))
            sched_yield();
        shared->locked++;
        __atomic_store_n(&shared->lock, 0, __ATOMIC_RELEASE);
    }
}

int main(void)
{
    struct counters *shared = (struct counters *)map_shared(1);
    for (int i = 0; i < PROCESSES; i++) {
        if (must("fork", fork()) == 0) {
            count(shared);
            exit(0);
        }
    }
    for (int i = 0; i < PROCESSES; i++)
        exit_status_of(-1);
    printf("%d processes counted to %d: add %d, add double %ld, compare and swap %d, lock %d\n", PROCESSES,
           PROCESSES * ROUNDS, shared->added, shared->added_long >> 32, shared->compared, shared->locked);
    return 0;
}
