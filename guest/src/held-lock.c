/*
 * held-lock [forever]: fork copies one thread, and the locks that others hold stay held.
 *
 * Shows:  a thread holds a lock while another one forks. In the child there is only the thread that forked; the lock's holder
 *         does not exist there, and nobody will ever open the lock. With "forever" the child waits for it all the same: the
 *         deadlock that Tine reports.
 * Rows:   M13.
 * Counts: one thread, one fork. (textbook)
 */
#include "rt.h"

static int lock;
static int is_held;

static void hold(void *unused)
{
    (void)unused;
    lock_within(&lock, 0);
    __atomic_store_n(&is_held, 1, __ATOMIC_RELEASE);
    futex(&is_held, FUTEX_WAKE_PRIVATE, 1, 0);
    sleep_ms(50);
    unlock(&lock);
}

int main(int argc, char **argv)
{
    long patience_ms = argc > 1 && strcmp(argv[1], "forever") == 0 ? 0 : 200;
    int tid;
    start_thread(hold, 0, &tid);
    while (!__atomic_load_n(&is_held, __ATOMIC_ACQUIRE))
        futex(&is_held, FUTEX_WAIT_PRIVATE, 0, 0);

    long child = must("fork", fork());
    if (child == 0)
        exit(lock_within(&lock, patience_ms) ? 0 : 1);
    wait_for_thread(&tid);
    printf("parent: the other thread has ended, and the lock is %s here\n", lock ? "held" : "open");
    printf("child: %s\n", exit_status_of(child) == 0 ? "got the lock" : "the lock stayed held: who holds it is not there");
    return 0;
}
