// futex(2) with locks, futex_waitv(2): who is next, errors, owners that die.
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { LOCK = 6, UNLOCK = 7, TRY = 8, LOCK2 = 13, PRIVATE = 128, REALTIME = 256 };
static const char *error(long result) { return result == -1 ? strerrorname_np(errno) : "ok"; }
static volatile unsigned word, other;
static long futex(volatile unsigned *at, int op, unsigned value, void *timeout, void *second, unsigned value3) {
    return syscall(SYS_futex, at, op, value, timeout, second, value3);
}
static volatile int started, order[4], taken;
static int gettid_(void) { return (int)syscall(SYS_gettid); }

static void *locker(void *arg) {
    int *tid = arg;
    *tid = gettid_();
    started++;
    long result = futex(&word, LOCK | PRIVATE, 0, NULL, NULL, 0);
    order[taken++] = result == 0 && (word & 0x3fffffff) == *tid ? *tid : -1;
    futex(&word, UNLOCK | PRIVATE, 0, NULL, NULL, 0);
    return NULL;
}
static void *dying(void *arg) {
    (void)arg;
    word = gettid_();
    started++;
    usleep(50000);
    return NULL;
}
static volatile int handled;
static void on_usr1(int sig) { handled = sig; }
static pthread_t main_thread;
static void *interrupts(void *arg) {
    (void)arg;
    word = gettid_();
    started++;
    usleep(30000);
    pthread_kill(main_thread, SIGUSR1);
    usleep(30000);
    futex(&word, UNLOCK | PRIVATE, 0, NULL, NULL, 0);
    return NULL;
}
static void *plain_waiter(void *arg) {
    (void)arg;
    futex(&other, 0 | PRIVATE, 0, NULL, NULL, 0);
    return NULL;
}
static void wait_started(int n) { while (started < n) usleep(1000); usleep(20000); }

struct waitv { unsigned long value, at; unsigned flags, reserved; };
static volatile unsigned words[3];
static void *wake_second(void *arg) {
    (void)arg;
    usleep(30000);
    words[1] = 1;
    futex(&words[1], 1 | PRIVATE, 1, NULL, NULL, 0);
    return NULL;
}
static void vector(const char *name, struct waitv *v, unsigned n, unsigned flags, void *timeout, int clock) {
    errno = 0;
    long result = syscall(449, v, n, flags, timeout, clock);
    printf("waitv %s: %ld %s\n", name, result, error(result));
}

int main(void) {
    pthread_t threads[3];
    int tids[3], me = gettid_();
    main_thread = pthread_self();
    printf("lock %s", error(futex(&word, LOCK, 0, NULL, NULL, 0)));
    printf(" mine %d\n", word == me);
    printf("again %s\n", error(futex(&word, LOCK, 0, NULL, NULL, 0)));
    printf("try %s\n", error(futex(&word, TRY, 0, NULL, NULL, 0)));
    printf("unlock %s %u\n", error(futex(&word, UNLOCK, 0, NULL, NULL, 0)), word);
    printf("unlock again %s\n", error(futex(&word, UNLOCK, 0, NULL, NULL, 0)));
    printf("try %s", error(futex(&word, TRY, 0, NULL, NULL, 0)));
    printf(" mine %d\n", word == me);
    word = 1 << 20;
    printf("nobody's %s\n", error(futex(&word, LOCK, 0, NULL, NULL, 0)));
    printf("unlock nobody's %s\n", error(futex(&word, UNLOCK, 0, NULL, NULL, 0)));
    word = 0;
    printf("odd %s\n", error(futex((void *)((char *)&word + 1), LOCK, 0, NULL, NULL, 0)));
    printf("NULL %s\n", error(futex(NULL, LOCK | PRIVATE, 0, NULL, NULL, 0)));
    word = 0x40000000;
    printf("died %s", error(futex(&word, LOCK, 0, NULL, NULL, 0)));
    printf(" %d\n", word == (0x40000000 | me));
    word = me;
    for (int i = 0; i < 3; i++) {
        pthread_create(&threads[i], NULL, locker, &tids[i]);
        wait_started(i + 1);
    }
    printf("waiters bit %d\n", word == (0x80000000u | me));
    printf("wake %s\n", error(futex(&word, 1 | PRIVATE, 1, NULL, NULL, 0)));
    printf("unlock %s\n", error(futex(&word, UNLOCK | PRIVATE, 0, NULL, NULL, 0)));
    for (int i = 0; i < 3; i++) pthread_join(threads[i], NULL);
    printf("in order %d %d %d, word %u\n", order[0] == tids[0], order[1] == tids[1], order[2] == tids[2], word);
    struct timespec past = {1, 0}, bad = {0, 1000000000}, now;
    word = getppid();
    printf("timeout %s", error(futex(&word, LOCK, 0, &past, NULL, 0)));
    printf(" bit %d\n", word == (0x80000000u | getppid()));
    printf("bad timeout %s\n", error(futex(&word, LOCK, 0, &bad, NULL, 0)));
    printf("LOCK with a clock %s\n", error(futex(&word, LOCK | REALTIME, 0, &past, NULL, 0)));
    printf("LOCK2 %s\n", error(futex(&word, LOCK2, 0, &past, NULL, 0)));
    printf("LOCK2 with a clock %s\n", error(futex(&word, LOCK2 | REALTIME, 0, &past, NULL, 0)));
    printf("TRY with a clock %s\n", error(futex(&word, TRY | REALTIME, 0, &past, NULL, 0)));
    clock_gettime(CLOCK_REALTIME, &now);
    now.tv_nsec += 20000000;
    if (now.tv_nsec >= 1000000000) now.tv_nsec -= 1000000000, now.tv_sec++;
    printf("later %s\n", error(futex(&word, LOCK, 0, &now, NULL, 0)));
    started = 0;
    pthread_create(&threads[0], NULL, dying, NULL);
    wait_started(1);
    printf("of one who dies %s", error(futex(&word, LOCK | PRIVATE, 0, NULL, NULL, 0)));
    printf(" mine %d, died %d\n", (word & 0x3fffffff) == me, !!(word & 0x40000000));
    pthread_join(threads[0], NULL);
    started = 0;
    struct sigaction act = {.sa_handler = on_usr1};
    sigaction(SIGUSR1, &act, NULL);
    pthread_create(&threads[0], NULL, interrupts, NULL);
    wait_started(1);
    printf("interrupted %s", error(futex(&word, LOCK | PRIVATE, 0, NULL, NULL, 0)));
    printf(" handled %d mine %d\n", handled == SIGUSR1, (word & 0x3fffffff) == me);
    pthread_join(threads[0], NULL);
    pthread_create(&threads[0], NULL, plain_waiter, NULL);
    usleep(30000);
    printf("lock where one waits %s\n", error(futex(&other, TRY | PRIVATE, 0, NULL, NULL, 0)));
    other = me;
    printf("unlock where one waits %s\n", error(futex(&other, UNLOCK | PRIVATE, 0, NULL, NULL, 0)));
    futex(&other, 1 | PRIVATE, 1, NULL, NULL, 0);
    pthread_join(threads[0], NULL);
    printf("FD %s\n", error(futex(&word, 2, 0, NULL, NULL, 0)));
    printf("99 %s\n", error(futex(&word, 99, 0, NULL, NULL, 0)));

    struct waitv v[3], w[3];
    for (int i = 0; i < 3; i++) v[i] = (struct waitv){0, (long)&words[i], 2 | PRIVATE, 0};
    vector("flags", v, 3, 1, NULL, 0);
    vector("none", v, 0, 0, NULL, 0);
    vector("129", v, 129, 0, NULL, 0);
    vector("NULL", NULL, 3, 0, NULL, 0);
    vector("at 8", (void *)8, 3, 0, NULL, 0);
    vector("clock 2", v, 3, 0, &past, 2);
    vector("clock 2, no timeout", (memcpy(w, v, sizeof v), w[0].value = 1, w), 3, 0, NULL, 2);
    vector("timeout", v, 3, 0, &past, 0);
    vector("monotonic", v, 3, 0, &(struct timespec){0, 1}, 1);
    vector("bad timeout", v, 3, 0, &bad, 1);
    memcpy(w, v, sizeof v); w[1].flags = 0; vector("no size", w, 3, 0, NULL, 0);
    memcpy(w, v, sizeof v); w[1].flags = 3; vector("64 bits", w, 3, 0, NULL, 0);
    memcpy(w, v, sizeof v); w[1].flags = 2 | 4; vector("numa", w, 3, 0, NULL, 0);
    memcpy(w, v, sizeof v); w[1].reserved = 1; vector("reserved", w, 3, 0, NULL, 0);
    memcpy(w, v, sizeof v); w[1].value = 1ul << 32; vector("large value", w, 3, 0, NULL, 0);
    memcpy(w, v, sizeof v); w[1].at++; vector("odd", w, 3, 0, NULL, 0);
    memcpy(w, v, sizeof v); w[1].at = 0; vector("word at 0", w, 3, 0, NULL, 0);
    memcpy(w, v, sizeof v); w[2].value = 7; vector("other value", w, 3, 0, NULL, 0);
    pthread_create(&threads[0], NULL, wake_second, NULL);
    vector("woken", v, 3, 0, NULL, 0);
    pthread_join(threads[0], NULL);
    printf("none left %s %ld\n", "", futex(&words[0], 1 | PRIVATE, 9, NULL, NULL, 0));
    return 0;
}
