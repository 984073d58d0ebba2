/*
 * atfork: handlers around fork keep a child from inheriting a lock that nobody can open.
 *
 * Shows:  what pthread_atfork(3) is for. Before fork the caller takes the lock itself, so that no other thread can hold it in that
 *         moment; behind fork both processes open their copy of it. What "held-lock" ends in does not happen here.
 * Rows:   M14.
 * Counts: one thread, one fork. (textbook)
 */
#include "rt.h"

static int lock;
static int is_held;

static void prepare(void)
{
    lock_within(&lock, 0);
}

static void in_parent(void)
{
    unlock(&lock);
}

static void in_child(void)
{
    /* The only thread left has it, under the number of the one that forked. */
    unlock(&lock);
}

static long fork_with_handlers(void)
{
    prepare();
    long child = must("fork", fork());
    if (child == 0)
        in_child();
    else
        in_parent();
    return child;
}

static void hold(void *unused)
{
    (void)unused;
    lock_within(&lock, 0);
    __atomic_store_n(&is_held, 1, __ATOMIC_RELEASE);
    futex(&is_held, FUTEX_WAKE_PRIVATE, 1, 0);
    sleep_ms(50);
    unlock(&lock);
}

int main(void)
{
    int tid;
    start_thread(hold, 0, &tid);
    while (!__atomic_load_n(&is_held, __ATOMIC_ACQUIRE))
        futex(&is_held, FUTEX_WAIT_PRIVATE, 0, 0);

    long child = fork_with_handlers();
    if (child == 0)
        exit(lock_within(&lock, 200) ? 0 : 1);
    wait_for_thread(&tid);
    printf("child: %s\n", exit_status_of(child) == 0 ? "got the lock" : "the lock stayed held");
    return 0;
}
