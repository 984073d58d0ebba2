/*
 * objects: timerfd, signalfd and pidfd, as events that one waits for.
 *
 * timerfd_create(2), signalfd(2), pidfd_open(2), pidfd_send_signal(2), pidfd_getfd(2), clone(2) CLONE_PIDFD, waitid(2) P_PIDFD.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void say(const char *what, long result)
{
    if (result < 0)
        printf("%s: %s\n", what, strerrorname_np(errno));
    else
        printf("%s: %ld\n", what, result);
}

static int events_of(int fd)
{
    struct pollfd p = {fd, POLLIN | POLLOUT, 0};
    poll(&p, 1, 0);
    return p.revents;
}

static void sleep_ms(long ms)
{
    nanosleep(&(struct timespec){ms / 1000, ms % 1000 * 1000000}, NULL);
}

static struct itimerspec spec(long value_ns, long interval_ns)
{
    return (struct itimerspec){{interval_ns / 1000000000, interval_ns % 1000000000},
                               {value_ns / 1000000000, value_ns % 1000000000}};
}

static void timers(void)
{
    uint64_t ticks = 0;
    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
    struct itimerspec set = spec(30000000, 20000000), old;
    say("off", read(fd, &ticks, 8));
    say("settime", timerfd_settime(fd, 0, &set, &old));
    printf("old %ld.%09ld\n", (long)old.it_value.tv_sec, old.it_value.tv_nsec);
    timerfd_gettime(fd, &old);
    printf("to go: %d, interval %ld\n", old.it_value.tv_nsec > 0 && old.it_value.tv_nsec <= 30000000,
           old.it_interval.tv_nsec);
    say("not yet", read(fd, &ticks, 8));
    printf("events %x\n", events_of(fd));
    sleep_ms(85);
    printf("events %x\n", events_of(fd));
    say("read", read(fd, &ticks, 8));
    printf("ticks %ld\n", (long)ticks);
    say("read again", read(fd, &ticks, 8));
    fcntl(fd, F_SETFL, 0);
    say("waits", read(fd, &ticks, 8));
    printf("ticks %ld\n", (long)ticks);
    set = spec(0, 0);
    timerfd_settime(fd, 0, &set, &old);
    printf("interval was %ld\n", old.it_interval.tv_nsec);
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    set.it_value = now;
    set.it_interval.tv_sec = 100;
    say("absolute, past", timerfd_settime(fd, TFD_TIMER_ABSTIME, &set, NULL));
    say("read", read(fd, &ticks, 8));
    printf("ticks %ld\n", (long)ticks);
    say("small buffer", read(fd, &ticks, 4));
    say("write", write(fd, &ticks, 8));
    say("seek", lseek(fd, 3, SEEK_SET));
    set = spec(1, 0);
    set.it_value.tv_nsec = 1000000000;
    say("bad nanoseconds", timerfd_settime(fd, 0, &set, NULL));
    set = spec(1, 0);
    say("bad flags", timerfd_settime(fd, 8, &set, NULL));
    say("no timer", timerfd_settime(1, 0, &set, NULL));
    say("not open", timerfd_settime(99, 0, &set, NULL));
    say("null", syscall(SYS_timerfd_settime, fd, 0, NULL, NULL));
    say("bad clock", timerfd_create(CLOCK_PROCESS_CPUTIME_ID, 0));
    say("bad create flags", timerfd_create(CLOCK_MONOTONIC, 1));
    close(fd);
    fd = timerfd_create(CLOCK_REALTIME, 0);
    set = spec(1000000, 0);
    say("cancel on set", timerfd_settime(fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &set, NULL));
    say("read", read(fd, &ticks, 8));
    timerfd_gettime(fd, &old);
    printf("left %ld\n", old.it_value.tv_nsec);
    close(fd);
    /* edge-triggered: once, until it is read */
    int epoll = epoll_create1(0);
    fd = timerfd_create(CLOCK_MONOTONIC, 0);
    set = spec(1000000, 1000000);
    timerfd_settime(fd, 0, &set, NULL);
    struct epoll_event event = {EPOLLIN | EPOLLET, {0}};
    epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
    say("edge", epoll_wait(epoll, &event, 1, 1000));
    say("no second edge", epoll_wait(epoll, &event, 1, 50));
    say("read", read(fd, &ticks, 8));
    printf("many: %d\n", ticks > 10);
    say("edge after the read", epoll_wait(epoll, &event, 1, 1000));
    close(fd);
    close(epoll);
}

static void signals(void)
{
    sigset_t mask;
    struct signalfd_siginfo info[3];
    sigemptyset(&mask);
    sigaddset(&mask, SIGUSR1);
    sigaddset(&mask, SIGCHLD);
    sigaddset(&mask, SIGRTMIN);
    sigaddset(&mask, SIGKILL);
    sigprocmask(SIG_BLOCK, &mask, NULL);
    int fd = signalfd(-1, &mask, SFD_NONBLOCK);
    say("nothing", read(fd, info, sizeof info));
    printf("events %x\n", events_of(fd));
    kill(getpid(), SIGUSR1);
    union sigval value = {.sival_int = 42};
    sigqueue(getpid(), SIGRTMIN, value);
    value.sival_int = 43;
    sigqueue(getpid(), SIGRTMIN, value);
    printf("events %x\n", events_of(fd));
    say("read two", read(fd, info, 2 * sizeof info[0] + 5));
    for (int n = 0; n < 2; n++)
        printf("signo %d code %d int %d self %d uid %d\n", info[n].ssi_signo, info[n].ssi_code, info[n].ssi_int,
               info[n].ssi_pid == (unsigned)getpid(), info[n].ssi_uid);
    say("read one", read(fd, info, sizeof info));
    printf("int %d\n", info[0].ssi_int);
    say("small buffer", read(fd, info, 100));
    say("write", write(fd, info, 128));
    fcntl(fd, F_SETFL, 0);
    pid_t child = fork();
    if (child == 0) {
        sleep_ms(20);
        _exit(7);
    }
    say("a child ends", read(fd, info, sizeof info));
    printf("signo %d code %d status %d child %d\n", info[0].ssi_signo, info[0].ssi_code, info[0].ssi_status,
           info[0].ssi_pid == (unsigned)child);
    waitpid(child, NULL, 0);
    /* another mask */
    sigemptyset(&mask);
    sigaddset(&mask, SIGUSR2);
    sigprocmask(SIG_BLOCK, &mask, NULL);
    kill(getpid(), SIGUSR2);
    printf("not asked: events %x\n", events_of(fd));
    say("changed", signalfd(fd, &mask, 0) == fd);
    printf("asked: events %x\n", events_of(fd));
    int epoll = epoll_create1(0);
    struct epoll_event event = {EPOLLIN, {0}};
    epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
    say("epoll", epoll_wait(epoll, &event, 1, 0));
    read(fd, info, sizeof info);
    child = fork();
    if (child == 0) {
        sleep_ms(20);
        kill(getppid(), SIGUSR2);
        _exit(0);
    }
    say("epoll waits", epoll_wait(epoll, &event, 1, 2000));
    read(fd, info, sizeof info);
    waitpid(child, NULL, 0);
    say("bad size", syscall(SYS_signalfd4, -1, &mask, 4, 0));
    say("bad flags", signalfd(-1, &mask, 1));
    say("bad descriptor", signalfd(99, &mask, 0));
    say("no signalfd", signalfd(0, &mask, 0));
    say("bad mask", syscall(SYS_signalfd4, -1, 8, 8, 0));
    close(fd);
    close(epoll);
}

static int pidfd_open(pid_t pid, unsigned flags)
{
    return syscall(SYS_pidfd_open, pid, flags);
}

static void pidfds(void)
{
    siginfo_t info;
    int ends[2];
    pipe(ends);
    pid_t child = fork();
    if (child == 0) {
        char c;
        close(ends[1]);
        read(ends[0], &c, 1);
        _exit(5);
    }
    int fd = pidfd_open(child, 0);
    printf("cloexec %d, flags %x\n", fcntl(fd, F_GETFD), fcntl(fd, F_GETFL));
    struct stat st, other;
    fstat(fd, &st);
    int second = pidfd_open(child, 0);
    fstat(second, &other);
    printf("mode %o, same inode %d\n", st.st_mode, st.st_ino == other.st_ino);
    close(second);
    char link[64], path[32];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    link[readlink(path, link, sizeof link - 1)] = 0;
    printf("link %s\n", link);
    printf("events %x\n", events_of(fd));
    say("read", read(fd, link, 8));
    say("signal 0", syscall(SYS_pidfd_send_signal, fd, 0, NULL, 0));
    say("bad signal", syscall(SYS_pidfd_send_signal, fd, 99, NULL, 0));
    say("bad flags", syscall(SYS_pidfd_send_signal, fd, 0, NULL, 3));
    say("not a pidfd", syscall(SYS_pidfd_send_signal, ends[0], 0, NULL, 0));
    memset(&info, 0, sizeof info);
    info.si_signo = SIGUSR2;
    say("another number", syscall(SYS_pidfd_send_signal, fd, SIGUSR1, &info, 0));
    info.si_signo = SIGUSR1;
    info.si_code = SI_USER;
    say("a pretender", syscall(SYS_pidfd_send_signal, fd, SIGUSR1, &info, 0));
    int copy = syscall(SYS_pidfd_getfd, fd, ends[0], 0);
    printf("getfd: cloexec %d\n", fcntl(copy, F_GETFD));
    say("getfd, closed there", syscall(SYS_pidfd_getfd, fd, 99, 0));
    say("getfd, flags", syscall(SYS_pidfd_getfd, fd, 0, 1));
    say("wait, not yet", waitid(P_PIDFD, fd, &info, WEXITED | WNOHANG));
    int hurried = pidfd_open(child, O_NONBLOCK);
    say("wait, nonblocking", waitid(P_PIDFD, hurried, &info, WEXITED));
    close(hurried);
    close(ends[1]);
    close(ends[0]);
    close(copy);
    struct pollfd p = {fd, POLLIN, 0};
    say("poll", poll(&p, 1, 2000));
    printf("events %x\n", p.revents);
    say("WNOWAIT", waitid(P_PIDFD, fd, &info, WEXITED | WNOWAIT));
    printf("child %d status %d\n", info.si_pid == child, info.si_status);
    say("signal to a zombie", syscall(SYS_pidfd_send_signal, fd, SIGTERM, NULL, 0));
    say("zombie opened", pidfd_open(child, 0) > 0);
    say("getfd of a zombie", syscall(SYS_pidfd_getfd, fd, 0, 0));
    say("wait", waitid(P_PIDFD, fd, &info, WEXITED));
    printf("events %x\n", events_of(fd));
    say("wait again", waitid(P_PIDFD, fd, &info, WEXITED));
    say("signal to nobody", syscall(SYS_pidfd_send_signal, fd, 0, NULL, 0));
    say("open nobody", pidfd_open(child, 0));
    say("open 0", pidfd_open(0, 0));
    say("open negative", pidfd_open(-5, 0));
    say("open flags", pidfd_open(getpid(), 1));
    say("wait for a pipe", waitid(P_PIDFD, 1, &info, WEXITED));
    say("wait for -1", waitid(P_PIDFD, -1, &info, WEXITED));
    close(fd);
    int made = -1;
    child = syscall(SYS_clone, CLONE_PIDFD | SIGCHLD, 0, &made, 0, 0);
    if (child == 0)
        _exit(9);
    printf("clone: cloexec %d\n", fcntl(made, F_GETFD));
    say("wait", waitid(P_PIDFD, made, &info, WEXITED));
    printf("status %d\n", info.si_status);
    say("with CLONE_PARENT_SETTID", syscall(SYS_clone, CLONE_PIDFD | CLONE_PARENT_SETTID | SIGCHLD, 0, &made, 0, 0));
    uint64_t args[11] = {CLONE_PIDFD, (uint64_t)&made, 0, 0, SIGCHLD};
    child = syscall(SYS_clone3, args, sizeof args);
    if (child == 0)
        _exit(11);
    say("clone3, wait", waitid(P_PIDFD, made, &info, WEXITED));
    printf("status %d\n", info.si_status);
    say("clone3, nowhere to store", (args[1] = 8, syscall(SYS_clone3, args, sizeof args)));
    say("nobody left", wait(NULL));
}

int main(void)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    timers();
    signals();
    pidfds();
    return 0;
}
