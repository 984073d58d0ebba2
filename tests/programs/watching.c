/*
 * watching: epoll instances and eventfd counters.
 *
 * epoll(7): level and edge triggered, one-shot, nested, order, what is forgotten when; epoll_ctl(2): errors;
 * eventfd(2): counter, semaphore, overflow.
 */
#include "rt.h"

#include <linux/eventpoll.h>

#ifndef EFD_SEMAPHORE
#define EFD_SEMAPHORE 1
#endif
#define EFD_NONBLOCK O_NONBLOCK

static volatile int caught;

/* As show(), with the numbers of those errors that the run-time has no name for. */
static void say(const char *what, long result)
{
    if (result < 0 && strcmp(errno_name(result), "another error") == 0)
        printf("%s: errno %ld\n", what, -result);
    else
        show(what, result);
}

static long eventfd(unsigned count, int flags)
{
    return CALL2(__NR_eventfd2, count, flags);
}

static int epoll_create(void)
{
    return (int)must("epoll_create1", CALL1(__NR_epoll_create1, 0));
}

static long control(int epoll, int op, int fd, unsigned events)
{
    struct epoll_event event = { events, (unsigned)fd | 7UL << 40 };
    return CALL4(__NR_epoll_ctl, epoll, op, fd, &event);
}

static long add(int epoll, int fd, unsigned events)
{
    return control(epoll, EPOLL_CTL_ADD, fd, events);
}

static long wait_ms(int epoll, struct epoll_event *events, int max, int ms)
{
    return syscall(__NR_epoll_pwait, epoll, (long)events, max, ms, 0, 8);
}

/* Asks without sleeping and prints which descriptors are told of, counted from `base`. */
static void now(const char *what, int epoll, int max, int base)
{
    struct epoll_event events[16];
    long count = wait_ms(epoll, events, max, 0);
    char text[128] = "";
    size_t at = 0;
    for (long n = 0; n < count; n++)
        at += format_to(text + at, sizeof text - at, " %d:%x", (int)(unsigned)events[n].data - base,
                        events[n].events);
    printf("%s: %s%ld%s\n", what, count < 0 ? errno_name(count) : "", count < 0 ? 0 : count, text);
}

static void ring(int fd)
{
    unsigned long one = 1;
    write(fd, &one, sizeof one);
}

static void drain(int fd)
{
    unsigned long count;
    read(fd, &count, sizeof count);
}

static void counters(void)
{
    unsigned long value = 5;
    int fd = (int)eventfd(3, EFD_NONBLOCK);
    say("write 5", write(fd, &value, 8));
    say("read", read(fd, &value, 8));
    printf("  the sum: %ld\n", (long)value);
    say("read again", read(fd, &value, 8));
    say("too small a buffer", read(fd, &value, 7));
    say("a larger one", (ring(fd), read(fd, (unsigned long[2]){ 0 }, 16)));
    value = ~0UL;
    say("the number that is none", write(fd, &value, 8));
    say("too few bytes", write(fd, &value, 4));
    value = ~0UL - 1;
    say("the largest", write(fd, &value, 8));
    value = 1;
    say("one more", write(fd, &value, 8));
    value = 0;
    say("nothing more", write(fd, &value, 8));
    say("seek", lseek(fd, 10, SEEK_SET));
    say("pread", pread(fd, &value, 8, 0));
    say("pwrite", pwrite(fd, &value, 8, 0));
    struct stat stat;
    fstat(fd, &stat);
    printf("mode %lo, size %ld\n", (long)stat.st_mode, (long)stat.st_size);
    close(fd);
    fd = (int)eventfd(2, EFD_SEMAPHORE | EFD_NONBLOCK);
    for (int n = 0; n < 3; n++) {
        value = 0;
        long result = read(fd, &value, 8);
        printf("semaphore: %s %ld\n", errno_name(result), (long)value);
    }
    close(fd);
    say("unknown flags", eventfd(0, 4));
    fd = (int)eventfd(0, 0);
    long child = must("fork", fork());
    if (child == 0) {
        sleep_ms(20);
        value = 9;
        write(fd, &value, 8);
        exit(0);
    }
    read(fd, &value, 8);
    printf("waited for: %ld\n", (long)value);
    wait_for(child);
    value = ~0UL - 1;
    write(fd, &value, 8);
    child = must("fork", fork());
    if (child == 0) {
        sleep_ms(20);
        drain(fd);
        exit(0);
    }
    value = 4;
    say("a write that waited for room", write(fd, &value, 8));
    wait_for(child);
    close(fd);
}

static void levels(void)
{
    int epoll = epoll_create(), base = epoll + 1;
    for (int n = 0; n < 4; n++)
        add(epoll, (int)eventfd(n != 2, 0), EPOLLIN);
    now("three of four", epoll, 16, base);
    now("one at a time", epoll, 1, base);
    now("one at a time", epoll, 1, base);
    now("one at a time", epoll, 1, base);
    now("one at a time", epoll, 1, base);
    drain(base);
    ring(base + 2);
    now("another three", epoll, 16, base);
    control(epoll, EPOLL_CTL_MOD, base + 1, EPOLLOUT);
    control(epoll, EPOLL_CTL_DEL, base + 3, 0);
    now("asked for room", epoll, 16, base);
    control(epoll, EPOLL_CTL_MOD, base + 1, 0);
    close(base + 2);
    now("nothing asked, one closed", epoll, 16, base);
    for (int fd = epoll; fd < base + 4; fd++)
        close(fd);
}

static void edges(void)
{
    int epoll = epoll_create(), ends[2], base = epoll;
    must("pipe2", pipe2(ends, O_NONBLOCK));
    add(epoll, ends[0], EPOLLIN | EPOLLET);
    now("nothing yet", epoll, 4, base);
    write(ends[1], "ab", 2);
    now("two bytes", epoll, 4, base);
    now("still there", epoll, 4, base);
    write(ends[1], "c", 1);
    now("one more", epoll, 4, base);
    char byte;
    read(ends[0], &byte, 1);
    now("one read", epoll, 4, base);
    control(epoll, EPOLL_CTL_MOD, ends[0], EPOLLIN | EPOLLET);
    now("asked anew", epoll, 4, base);
    add(epoll, ends[1], EPOLLOUT | EPOLLET | EPOLLONESHOT);
    now("room, once", epoll, 4, base);
    now("silent", epoll, 4, base);
    control(epoll, EPOLL_CTL_MOD, ends[1], EPOLLOUT | EPOLLONESHOT);
    now("asked anew", epoll, 4, base);
    close(ends[1]);
    now("no writer", epoll, 4, base);
    now("no writer still", epoll, 4, base);
    close(ends[0]);
    close(epoll);
}

static void references(void)
{
    int epoll = epoll_create(), counter = (int)eventfd(1, 0), base = epoll;
    int copy = (int)dup(counter);
    say("the same by two numbers", add(epoll, counter, EPOLLIN) | add(epoll, copy, EPOLLIN));
    now("both", epoll, 4, base);
    close(copy);
    now("one number is closed", epoll, 4, base);
    say("it cannot be taken out", control(epoll, EPOLL_CTL_DEL, copy, 0));
    long child = must("fork", fork());
    if (child == 0) {
        now("the child shares the instance", epoll, 1, base);
        say("and takes it out", control(epoll, EPOLL_CTL_DEL, counter, 0));
        exit(0);
    }
    wait_for(child);
    now("what is left", epoll, 4, base);
    close(counter);
    now("nothing", epoll, 4, base);
    close(epoll);
}

static void nesting(void)
{
    int counter = (int)eventfd(0, 0), inner = epoll_create(), outer = epoll_create(), base = counter;
    add(inner, counter, EPOLLIN);
    say("an instance in another", add(outer, inner, EPOLLIN | EPOLLET));
    say("in a circle", add(inner, outer, EPOLLIN));
    say("in itself", add(inner, inner, EPOLLIN));
    now("nothing", outer, 4, base);
    ring(counter);
    now("outer", outer, 4, base);
    now("outer again", outer, 4, base);
    now("inner", inner, 4, base);
    now("outer after it", outer, 4, base);
    ring(counter);
    now("outer", outer, 4, base);
    drain(counter);
    ring(counter);
    drain(counter);
    now("a false alarm", outer, 4, base);
    close(outer);
    close(inner);
    int below = counter, last = 0;
    for (int n = 0; n < 7; n++) {
        last = epoll_create();
        say("a chain", add(last, below, EPOLLIN));
        below = last;
    }
    for (int fd = counter; fd <= last; fd++)
        close(fd);
}

static void on_usr1(int signal)
{
    caught = signal;
}

static void sleeping(void)
{
    int epoll = epoll_create(), counter = (int)eventfd(0, 0);
    struct epoll_event event;
    add(epoll, counter, EPOLLIN);
    say("20 ms pass", wait_ms(epoll, &event, 1, 20));
    struct __kernel_timespec time = { 0, 1000000 };
    say("1 ms passes", syscall(__NR_epoll_pwait2, epoll, (long)&event, 1, (long)&time, 0, 8));
    time.tv_nsec = -1;
    say("a negative time", syscall(__NR_epoll_pwait2, epoll, (long)&event, 1, (long)&time, 0, 8));
    long self = getpid(), child = must("fork", fork());
    if (child == 0) {
        sleep_ms(20);
        ring(counter);
        exit(0);
    }
    say("a child rings", wait_ms(epoll, &event, 1, -1));
    wait_for(child);
    drain(counter);
    on_signal(SIGUSR1, on_usr1, SA_RESTART);
    child = must("fork", fork());
    if (child == 0) {
        sleep_ms(20);
        kill((int)self, SIGUSR1);
        exit(0);
    }
    say("a handler", wait_ms(epoll, &event, 1, -1));
    wait_for(child);
    printf("caught %d\n", caught);
    caught = 0;
    unsigned long usr1 = 1UL << (SIGUSR1 - 1), none = 0;
    sigprocmask(SIG_BLOCK, (const sigset_t *)&usr1, 0);
    kill((int)self, SIGUSR1);
    say("blocked", wait_ms(epoll, &event, 1, 1));
    say("let in", syscall(__NR_epoll_pwait, epoll, (long)&event, 1, -1, (long)&none, 8));
    printf("caught %d\n", caught);
    say("a bad mask size", syscall(__NR_epoll_pwait, epoll, (long)&event, 1, -1, (long)&none, 4));
    close(counter);
    close(epoll);
}

static void errors(void)
{
    int epoll = epoll_create(), counter = (int)eventfd(1, 0), file = make_file("f", "text");
    struct epoll_event event;
    say("unknown flags", CALL1(__NR_epoll_create1, 1));
    say("twice", add(epoll, counter, EPOLLIN) | add(epoll, counter, EPOLLIN));
    say("not there", control(epoll, EPOLL_CTL_MOD, epoll + 50, EPOLLIN));
    say("not watched", control(epoll, EPOLL_CTL_DEL, (int)eventfd(0, 0), 0));
    say("a file", add(epoll, file, EPOLLIN));
    say("no instance", add(counter, epoll, EPOLLIN));
    say("no operation", control(epoll, 9, counter, EPOLLIN));
    say("a bad address", CALL4(__NR_epoll_ctl, epoll, EPOLL_CTL_ADD, counter, unmapped()));
    say("no address to delete", CALL4(__NR_epoll_ctl, epoll, EPOLL_CTL_DEL, counter, 0));
    say("exclusive", add(epoll, counter, EPOLLIN | EPOLLEXCLUSIVE));
    say("changed to exclusive", control(epoll, EPOLL_CTL_MOD, counter, EPOLLIN | EPOLLEXCLUSIVE));
    say("changed from it", control(epoll, EPOLL_CTL_MOD, counter, EPOLLIN));
    control(epoll, EPOLL_CTL_DEL, counter, 0);
    say("exclusive and one-shot", add(epoll, counter, EPOLLIN | EPOLLEXCLUSIVE | EPOLLONESHOT));
    say("no events wanted", wait_ms(epoll, &event, 0, 0));
    say("fewer", wait_ms(epoll, &event, -1, 0));
    say("not open", wait_ms(epoll + 50, &event, 1, 0));
    say("no instance to wait for", wait_ms(counter, &event, 1, 0));
    add(epoll, counter, EPOLLIN);
    say("nowhere to tell", wait_ms(epoll, unmapped(), 1, 0));
    say("told all the same", wait_ms(epoll, &event, 1, 0));
    say("read an instance", read(epoll, &event, sizeof event));
    say("write an instance", write(epoll, &event, sizeof event));
    char link[64], path[] = "/proc/self/fd/x";
    path[14] = (char)('0' + epoll);
    long len = CALL4(__NR_readlinkat, AT_FDCWD, path, link, sizeof link);
    printf("link: %.*s\n", (int)len, link);
    say("opened by its link", open(path, O_RDWR, 0));
    close(file);
    unlink("f");
}

int main(void)
{
    counters();
    levels();
    edges();
    references();
    nesting();
    sleeping();
    errors();
    return 0;
}
