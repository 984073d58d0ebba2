/*
 * system: what a task says of itself and others: kcmp, timer slack, names of the machine, init, namespaces that it may not
 * make, advice about the memory of another process.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CALL(call)                                                                                \
    do {                                                                                          \
        errno = 0;                                                                                \
        long result = call;                                                                       \
        if (result < 0)                                                                           \
            printf("%s: %s\n", #call, strerrorname_np(errno));                                    \
        else                                                                                      \
            printf("%s: %ld\n", #call, result);                                                   \
        fflush(stdout);                                                                           \
    } while (0)

static long kcmp(pid_t first, pid_t second, int kind, long a, long b)
{
    return syscall(SYS_kcmp, first, second, kind, a, b);
}

static long differ(long order)
{
    /* which of two is the first is not for programs to know */
    return order == 2 ? 1 : order;
}

static int idle(void *unused)
{
    for (;;)
        pause();
}

static char stack[16384];

static void compare(void)
{
    pid_t self = getpid();
    int copy = dup(1), other = open("/dev/null", O_RDONLY);
    pid_t child = fork();
    if (child == 0)
        idle(NULL);
    pid_t sharer = clone(idle, stack + sizeof stack, CLONE_VM | CLONE_FILES | CLONE_FS | CLONE_SIGHAND | SIGCHLD, NULL);
    CALL(kcmp(self, self, 0, 1, copy));
    CALL(differ(kcmp(self, self, 0, 1, other)));
    CALL(kcmp(self, child, 0, 1, 1));
    CALL(kcmp(self, self, 0, 1, 99));
    for (int kind = 1; kind <= 6; kind++) {
        CALL(differ(kcmp(self, child, kind, 0, 0)));
        CALL(kcmp(self, sharer, kind, 0, 0));
    }
    CALL(kcmp(self, self, 8, 0, 0));
    CALL(kcmp(self, 30000, 1, 0, 0));
    CALL(kcmp(1, 1, 1, 0, 0));
    kill(child, SIGKILL);
    kill(sharer, SIGKILL);
    wait(NULL);
    wait(NULL);
}

static void slack(void)
{
    CALL(prctl(PR_GET_TIMERSLACK));
    CALL(prctl(PR_SET_TIMERSLACK, 70000));
    fflush(stdout);
    if (fork() == 0) {
        CALL(prctl(PR_GET_TIMERSLACK));
        CALL(prctl(PR_SET_TIMERSLACK, 80000));
        CALL(prctl(PR_SET_TIMERSLACK, 0));
        CALL(prctl(PR_GET_TIMERSLACK));
        _exit(0);
    }
    wait(NULL);
    CALL(prctl(PR_SET_TIMERSLACK, 0));
    CALL(prctl(PR_GET_TIMERSLACK));
}

static void show(const char *path)
{
    char text[100];
    int fd = open(path, O_RDONLY);
    ssize_t len = read(fd, text, sizeof text);
    close(fd);
    printf("%s: %.*s", path, (int)len, text);
    fflush(stdout);
}

static void names(void)
{
    struct utsname names;
    char longest[65];
    memset(longest, 'x', sizeof longest);
    CALL(sethostname("one", 3));
    CALL(setdomainname("example.org", 11));
    uname(&names);
    printf("%s %s\n", names.nodename, names.domainname);
    show("/proc/sys/kernel/hostname");
    show("/proc/sys/kernel/domainname");
    CALL(sethostname(longest, 65));
    CALL(sethostname(longest, -1));
    CALL(sethostname((char *)8, 3));
    CALL(sethostname(longest, 64));
    uname(&names);
    printf("%zu\n", strlen(names.nodename));
    int fd = open("/proc/sys/kernel/hostname", O_WRONLY);
    CALL(write(fd, "two\nthree", 9));
    close(fd);
    uname(&names);
    printf("%s\n", names.nodename);
}

static void init(void)
{
    struct sched_param ordinary = {0};
    long head, len;
    CALL(sched_getscheduler(1));
    CALL(sched_getparam(1, &ordinary));
    CALL(sched_setscheduler(1, 99, &ordinary));
    CALL(syscall(SYS_get_robust_list, 1, &head, &len));
    CALL(syscall(SYS_get_robust_list, 30000, &head, &len));
}

static void latest(void)
{
    struct timespec never = {9223372036 - 30l * 365 * 24 * 3600, 1}, end = {9223372036, 0}, past = {-1, 0};
    CALL(clock_settime(CLOCK_REALTIME, &end));
    never.tv_sec++;
    CALL(clock_settime(CLOCK_REALTIME, &never));
    CALL(clock_settime(CLOCK_REALTIME, &past));
}

static long advise(int fd, void *at, size_t len, int count, int advice, unsigned flags)
{
    struct iovec vector[2] = {{at, len}, {at, len}};
    return syscall(SYS_process_madvise, fd, vector, count, advice, flags);
}

static void advice(void)
{
    char *page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memset(page, 1, 8192);
    munmap(page + 4096, 4096);
    pid_t child = fork();
    if (child == 0)
        idle(NULL);
    int fd = syscall(SYS_pidfd_open, child, 0);
    CALL(advise(fd, page, 4096, 1, MADV_COLD, 0));
    CALL(advise(fd, page, 4096, 2, MADV_PAGEOUT, 0));
    CALL(advise(fd, page, 4096, 2, MADV_WILLNEED, 0));
    CALL(advise(fd, page, 4096, 0, MADV_COLD, 0));
    CALL(advise(fd, page, 4096, 1, MADV_HUGEPAGE, 0));
    CALL(advise(fd, page, 4096, 1, MADV_COLD, 1));
    CALL(advise(fd, page + 1, 4096, 1, MADV_COLD, 0));
    CALL(advise(fd, page, 4096, 2000, MADV_COLD, 0));
    CALL(advise(1, page, 4096, 1, MADV_COLD, 0));
    CALL(advise(-1, page, 4096, 1, MADV_COLD, 0));
    kill(child, SIGKILL);
    wait(NULL);
    CALL(advise(fd, page, 4096, 1, MADV_COLD, 0));
}

static void others(void)
{
    long head, len;
    fflush(stdout);
    pid_t parent = getpid();
    int pidfd = syscall(SYS_pidfd_open, parent, 0);
    char *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (fork() == 0) {
        setresgid(1000, 1000, 1000);
        setresuid(1000, 1000, 1000);
        CALL(kcmp(getpid(), parent, 1, 0, 0));
        CALL(syscall(SYS_get_robust_list, parent, &head, &len));
        CALL(sethostname("one", 3));
        CALL(advise(pidfd, page, 4096, 1, MADV_COLD, 0));
        CALL(syscall(SYS_clone, CLONE_NEWNS | SIGCHLD, 0, 0, 0, 0));
        CALL(syscall(SYS_clone, CLONE_NEWPID | CLONE_NEWNET | SIGCHLD, 0, 0, 0, 0));
        CALL(unshare(CLONE_NEWUTS));
        CALL(unshare(CLONE_NEWNS | CLONE_FILES));
        _exit(0);
    }
    wait(NULL);
}

int main(void)
{
    compare();
    slack();
    names();
    init();
    latest();
    advice();
    others();
    return 0;
}
