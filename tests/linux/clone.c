// clone(2), clone3(2), unshare(2): what is shared and what is copied, exit signals and the waits for them, errors.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static char stack[65536] __attribute__((aligned(16)));
static volatile int shared;
static int fds[2];
static void on_usr1(int sig) { (void)sig; shared += 100; }
static void on_usr2(int sig) { (void)sig; shared += 1000; }

static const char *error(long result) { return result < 0 ? strerrorname_np(errno) : "ok"; }

static int child_body(void *arg) {
    shared++;
    struct sigaction act = {.sa_handler = on_usr2};
    sigaction(SIGUSR1, &act, NULL);
    close(fds[0]);
    chdir("/proc");
    umask(0777);
    return (int)(long)arg;
}

static void sharing(int flags, const char *name) {
    struct sigaction act = {.sa_handler = on_usr1}, now;
    int status = 0;
    char where[100];
    shared = 0;
    chdir("/");
    umask(022);
    pipe(fds);
    sigaction(SIGUSR1, &act, NULL);
    int child = clone(child_body, stack + sizeof stack, flags, (void *)7);
    if (child < 0) {
        printf("%s: %s\n", name, error(child));
        return;
    }
    int got = waitpid(child, &status, __WALL);
    sigaction(SIGUSR1, NULL, &now);
    printf("%s: waited %d status %#x, memory %d, handlers %d, files %d, directory %s, umask %o\n", name, got == child, status,
           shared, now.sa_handler == on_usr2, fcntl(fds[0], F_GETFD) < 0, getcwd(where, sizeof where), umask(022));
    close(fds[0]);
    close(fds[1]);
}

static volatile int ended;
static int thread_body(void *arg) {
    (void)arg;
    chdir("/proc");
    close(fds[0]);
    shared = syscall(SYS_gettid) != getpid();
    ended = 1;
    syscall(SYS_exit, 0);
    return 0;
}

static void threads(int flags, const char *name) {
    int tid = -1;
    char where[100];
    pipe(fds);
    chdir("/");
    shared = 0;
    ended = 0;
    int result = clone(thread_body, stack + sizeof stack, flags | CLONE_CHILD_CLEARTID | CLONE_PARENT_SETTID, NULL, &tid, NULL, &tid);
    if (result < 0) {
        printf("%s: %s\n", name, error(result));
        return;
    }
    while (*(volatile int *)&tid) syscall(SYS_futex, &tid, 0, tid, NULL, NULL, 0);
    printf("%s: ended %d, a thread %d, directory %s, files %d\n", name, ended, shared, getcwd(where, sizeof where), fcntl(fds[0], F_GETFD) < 0);
    close(fds[0]);
    close(fds[1]);
}

static int quit(void *arg) { return (int)(long)arg; }
static volatile int got_signal;
static void on_end(int sig, siginfo_t *info, void *context) {
    (void)context;
    got_signal = sig * 1000 + info->si_code;
}

static void exit_signals(void) {
    struct sigaction act = {.sa_sigaction = on_end, .sa_flags = SA_SIGINFO};
    sigaction(SIGCHLD, &act, NULL);
    sigaction(SIGUSR2, &act, NULL);
    int signals[] = {0, SIGCHLD, SIGUSR2};
    for (int i = 0; i < 3; i++) {
        int status = -1;
        got_signal = 0;
        int child = clone(quit, stack + sizeof stack, signals[i], (void *)5);
        usleep(20000);
        errno = 0;
        int plain = waitpid(child, &status, WNOHANG);
        printf("exit signal %d: got %d; wait %d %s", signals[i], got_signal, plain == child, error(plain));
        errno = 0;
        int special = waitpid(child, &status, __WCLONE);
        printf("; __WCLONE %d %s", special == child, error(special));
        errno = 0;
        int all = waitpid(child, &status, __WALL | WNOHANG);
        printf("; __WALL %d %s; status %#x\n", all == child, error(all), status);
    }
    signal(SIGCHLD, SIG_DFL);
    signal(SIGUSR2, SIG_DFL);
}

static int parent_pid(void *arg) {
    *(volatile int *)arg = getppid();
    return 0;
}

static void parents(void) {
    volatile int *seen = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int status;
    fflush(stdout);
    pid_t child = fork();
    if (!child) {
        int sibling = clone(parent_pid, stack + sizeof stack, CLONE_PARENT | SIGCHLD, (void *)seen);
        int got = waitpid(sibling, &status, __WALL);
        seen[1] = got < 0 ? errno : 0;
        seen[2] = sibling;
        _exit(0);
    }
    waitpid(child, &status, 0);
    int got = waitpid(seen[2], &status, 0);
    printf("CLONE_PARENT: its parent is mine %d, no child of its maker %s, mine %d\n", seen[0] == getpid(), strerrorname_np(seen[1]), got == seen[2]);
    int parent_tid = 0, child_tid = 0;
    fflush(stdout);
    child = clone(quit, stack + sizeof stack, CLONE_PARENT_SETTID | CLONE_CHILD_SETTID | SIGCHLD, (void *)0, &parent_tid, NULL, &child_tid);
    waitpid(child, &status, 0);
    printf("set tid: parent %d child %d\n", parent_tid == child, child_tid);
}

static long clone3(struct clone_args *args, size_t size) { return syscall(SYS_clone3, args, size); }

static void try3(const char *name, struct clone_args args, size_t size) {
    fflush(stdout);
    errno = 0;
    long child = clone3(&args, size);
    if (child == 0) _exit(0);
    printf("clone3 %s: %s", name, error(child));
    if (child > 0) printf(" reaped %d", waitpid(child, NULL, __WALL) == child);
    printf("\n");
}

static void errors3(void) {
    pid_t tid = 30000, low = 0, two[2] = {30000, 30000};
    struct clone_args plain = {.exit_signal = SIGCHLD}, a;
    try3("plain", plain, sizeof plain);
    try3("64 bytes", plain, 64);
    try3("63 bytes", plain, 63);
    try3("0 bytes", plain, 0);
    try3("4097 bytes", plain, 4097);
    a = plain; a.exit_signal = 65; try3("signal 65", a, sizeof a);
    a = plain; a.exit_signal = 0x100; try3("signal 256", a, sizeof a);
    a = plain; a.flags = 0x11; try3("signal in flags", a, sizeof a);
    a = plain; a.flags = CLONE_DETACHED; try3("detached", a, sizeof a);
    a = plain; a.flags = 1ull << 40; try3("flag 40", a, sizeof a);
    a = plain; a.flags = CLONE_SIGHAND; try3("SIGHAND", a, sizeof a);
    a = plain; a.flags = CLONE_SIGHAND | CLONE_CLEAR_SIGHAND | CLONE_VM; try3("CLEAR_SIGHAND", a, sizeof a);
    a = plain; a.flags = CLONE_CLEAR_SIGHAND; try3("CLEAR_SIGHAND alone", a, sizeof a);
    a = plain; a.flags = CLONE_THREAD; a.exit_signal = 0; try3("THREAD", a, sizeof a);
    a = plain; a.flags = CLONE_THREAD | CLONE_VM | CLONE_SIGHAND; try3("THREAD with a signal", a, sizeof a);
    a = plain; a.flags = CLONE_PARENT; try3("PARENT with a signal", a, sizeof a);
    a = plain; a.stack = (long)stack; try3("stack without size", a, sizeof a);
    a = plain; a.stack_size = 4096; try3("size without stack", a, sizeof a);
    a = plain; a.stack = -8; a.stack_size = 4; try3("stack in the kernel", a, sizeof a);
    a = plain; a.set_tid = (long)&tid; try3("set_tid without size", a, sizeof a);
    a = plain; a.set_tid_size = 1; try3("set_tid_size without set_tid", a, sizeof a);
    a = plain; a.set_tid = (long)&tid; a.set_tid_size = 1; try3("set_tid", a, sizeof a);
    a = plain; a.set_tid = (long)&low; a.set_tid_size = 1; try3("set_tid 0", a, sizeof a);
    a = plain; a.set_tid = (long)two; a.set_tid_size = 2; try3("two", a, sizeof a);
    a = plain; a.set_tid = (long)two; a.set_tid_size = 33; try3("33", a, sizeof a);
    a = plain; a.set_tid = 8; a.set_tid_size = 1; try3("set_tid at 8", a, sizeof a);
    low = getpid();
    a = plain; a.set_tid = (long)&low; a.set_tid_size = 1; try3("my own number", a, sizeof a);
    a = plain; a.flags = CLONE_INTO_CGROUP; a.cgroup = 1000; try3("cgroup", a, sizeof a);
    printf("clone3 NULL: %s\n", error(clone3(NULL, sizeof plain)));
    printf("clone3 at 8: %s\n", error(clone3((void *)8, sizeof plain)));
    struct { struct clone_args args; long more; } longer = {plain, 0};
    longer.more = 1;
    printf("clone3 longer: %s\n", error(clone3(&longer.args, sizeof longer)));
    longer.more = 0;
    fflush(stdout);
    long child = clone3(&longer.args, sizeof longer);
    if (!child) _exit(0);
    printf("clone3 longer with zeros: %s\n", error(child));
    waitpid(child, NULL, 0);
}

static void legacy(const char *name, unsigned long flags) {
    fflush(stdout);
    long child = syscall(SYS_clone, flags, 0, NULL, 0, NULL);
    if (!child) _exit(0);
    printf("clone %s: %s\n", name, error(child));
    if (child > 0) waitpid(child, NULL, __WALL);
}

static void unshares(void) {
    int status;
    char where[100];
    pipe(fds);
    chdir("/");
    fflush(stdout);
    int child = syscall(SYS_clone, CLONE_FILES | CLONE_FS | SIGCHLD, 0, NULL, 0, NULL);
    if (!child) {
        int a = unshare(CLONE_FILES), b = unshare(CLONE_FS);
        close(fds[0]);
        chdir("/proc");
        _exit(a | b << 1);
    }
    waitpid(child, &status, 0);
    printf("unshare: status %d, descriptor there %d, directory %s\n", status, fcntl(fds[0], F_GETFD) == 0, getcwd(where, sizeof where));
    printf("unshare 0: %s\n", error(unshare(0)));
    printf("unshare VM|THREAD|SIGHAND: %s\n", error(unshare(CLONE_VM | CLONE_THREAD | CLONE_SIGHAND)));
    printf("unshare SYSVSEM: %s\n", error(unshare(CLONE_SYSVSEM)));
    printf("unshare PARENT: %s\n", error(unshare(CLONE_PARENT)));
    printf("unshare 1: %s\n", error(unshare(1)));
    child = clone(child_body, stack + sizeof stack, CLONE_VM | CLONE_SIGHAND | SIGCHLD, (void *)0);
    waitpid(child, &status, 0);
}

int main(void) {
    sharing(SIGCHLD, "fork");
    sharing(CLONE_VM | SIGCHLD, "VM");
    sharing(CLONE_VM | CLONE_SIGHAND | SIGCHLD, "VM SIGHAND");
    sharing(CLONE_FILES | SIGCHLD, "FILES");
    sharing(CLONE_FS | SIGCHLD, "FS");
    sharing(CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | SIGCHLD, "all");
    sharing(CLONE_VM | CLONE_VFORK | SIGCHLD, "vfork");
    sharing(CLONE_VM | CLONE_IO | CLONE_UNTRACED | CLONE_SYSVSEM, "no signal");
    threads(CLONE_VM | CLONE_SIGHAND | CLONE_THREAD, "thread");
    threads(CLONE_VM | CLONE_SIGHAND | CLONE_THREAD | CLONE_FS, "thread FS");
    threads(CLONE_VM | CLONE_SIGHAND | CLONE_THREAD | CLONE_FILES, "thread FILES");
    exit_signals();
    parents();
    errors3();
    legacy("THREAD", CLONE_THREAD | SIGCHLD);
    legacy("SIGHAND", CLONE_SIGHAND | SIGCHLD);
    legacy("THREAD|SIGHAND", CLONE_THREAD | CLONE_SIGHAND | SIGCHLD);
    legacy("NEWNS|FS", CLONE_NEWNS | CLONE_FS | SIGCHLD);
    legacy("DETACHED", CLONE_DETACHED | SIGCHLD);
    legacy("signal 127", 127);
    unshares();
    return 0;
}
