/* Waits for ever in the way that its argument names. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <mqueue.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/msg.h>
#include <sys/select.h>
#include <sys/sendfile.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

static char bytes[1 << 17];
static int ends[2];
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;

static int file(void)
{
    int fd = open("/tmp/file", O_RDWR | O_CREAT, 0600);
    ftruncate(fd, sizeof bytes);
    return fd;
}
static mqd_t queue(int mode)
{
    struct mq_attr size = {.mq_maxmsg = 2, .mq_msgsize = 16};
    return mq_open("/jobs", O_CREAT | mode, 0600, &size);
}
static pid_t sleeper(void)
{
    pid_t child = fork();
    if (child == 0)
        pause();
    return child;
}
static int pidfd(pid_t pid)
{
    return syscall(SYS_pidfd_open, pid, 0);
}
static sigset_t only(int signal)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, signal);
    sigprocmask(SIG_BLOCK, &set, NULL);
    return set;
}
static void *wait_for_condition(void *unused)
{
    pthread_mutex_lock(&mutex);
    pthread_cond_wait(&condition, &mutex);
    return unused;
}

static void mq_receive_wait(void) { mq_receive(queue(O_RDWR), bytes, 16, NULL); }
static void mq_send_wait(void)
{
    mqd_t full = queue(O_WRONLY);
    while (mq_send(full, "x", 1, 0) == 0)
        ;
}
static void msgrcv_wait(void) { msgrcv(msgget(4711, IPC_CREAT | 0600), bytes, 16, 7, 0); }
static void msgsnd_wait(void)
{
    int full = msgget(4711, IPC_CREAT | 0600);
    bytes[0] = 1;
    while (msgsnd(full, bytes, 8000, 0) == 0)
        ;
}
static void splice_wait(void) { splice(ends[0], NULL, file(), NULL, 100, 0); }
static void tee_wait(void)
{
    int to[2];
    pipe(to);
    tee(ends[0], to[1], 100, 0);
}
static void vmsplice_wait(void)
{
    struct iovec all = {bytes, sizeof bytes};
    while (vmsplice(ends[1], &all, 1, 0) > 0)
        ;
}
static void sendfile_wait(void)
{
    off_t from = 0;
    for (int fd = file(); sendfile(ends[1], fd, &from, sizeof bytes) >= 0; from = 0)
        ;
}
static void fifo_wait(void)
{
    mkfifo("/tmp/fifo", 0600);
    open("/tmp/fifo", O_WRONLY);
}
static void flock_wait(void)
{
    flock(file(), LOCK_EX);
    flock(file(), LOCK_EX);
}
static void record_wait(void)
{
    struct flock lock = {.l_type = F_WRLCK, .l_start = 10, .l_len = 5};
    int fd = file();
    fcntl(fd, F_SETLK, &lock);
    if (fork() == 0)
        fcntl(fd, F_SETLKW, &lock);
    wait(NULL);
}
static void waitid_wait(void)
{
    siginfo_t info;
    waitid(P_PIDFD, pidfd(sleeper()), &info, WEXITED);
}
static void stop_wait(void)
{
    siginfo_t info;
    waitid(P_PID, sleeper(), &info, WSTOPPED | WCONTINUED);
}
static void waitpid_wait(void)
{
    sleeper();
    waitpid(sleeper(), NULL, 0);
}
static void pidfd_wait(void)
{
    struct pollfd poll_of = {pidfd(sleeper()), POLLIN, 0};
    poll(&poll_of, 1, -1);
}
static void sigsuspend_wait(void)
{
    unsigned long all_but_one = ~(1ul << (SIGUSR1 - 1));
    syscall(SYS_rt_sigsuspend, &all_but_one, sizeof all_but_one);
}
static void select_wait(void) { select(0, NULL, NULL, NULL, NULL); }
static void epoll_wait_wait(void)
{
    struct epoll_event event;
    epoll_wait(epoll_create1(0), &event, 1, -1);
}
static void eventfd_wait(void) { read(eventfd(0, 0), bytes, 8); }
static void timerfd_wait(void) { read(timerfd_create(CLOCK_MONOTONIC, 0), bytes, 8); }
static void signalfd_wait(void)
{
    sigset_t set = only(SIGUSR1);
    read(signalfd(-1, &set, 0), bytes, 128);
}
static void inotify_wait(void)
{
    int fd = inotify_init();
    inotify_add_watch(fd, "/tmp", IN_CREATE);
    read(fd, bytes, 4096);
}
static void terminal_wait(void)
{
    int master = posix_openpt(O_RDWR);
    grantpt(master);
    unlockpt(master);
    read(open(ptsname(master), O_RDWR | O_NOCTTY), bytes, 1);
}
static void mutex_wait(void)
{
    pthread_mutex_lock(&mutex);
    pthread_mutex_lock(&mutex);
}
static void join_wait(void)
{
    pthread_t thread;
    pthread_create(&thread, NULL, wait_for_condition, NULL);
    pthread_join(thread, NULL);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*wait)(void);
    } ways[] = {
        {"mq_receive", mq_receive_wait}, {"mq_send", mq_send_wait}, {"msgrcv", msgrcv_wait},
        {"msgsnd", msgsnd_wait},         {"splice", splice_wait},   {"tee", tee_wait},
        {"vmsplice", vmsplice_wait},     {"sendfile", sendfile_wait}, {"fifo", fifo_wait},
        {"flock", flock_wait},           {"record", record_wait},   {"waitid", waitid_wait},
        {"stop", stop_wait},             {"waitpid", waitpid_wait}, {"pidfd", pidfd_wait},
        {"sigsuspend", sigsuspend_wait}, {"select", select_wait},   {"epoll", epoll_wait_wait},
        {"eventfd", eventfd_wait},       {"timerfd", timerfd_wait}, {"signalfd", signalfd_wait},
        {"inotify", inotify_wait},       {"terminal", terminal_wait}, {"mutex", mutex_wait},
        {"join", join_wait},
    };
    pipe(ends);
    for (unsigned i = 0; i < sizeof ways / sizeof *ways; i++)
        if (argc == 1)
            puts(ways[i].name);
        else if (strcmp(argv[1], ways[i].name) == 0)
            ways[i].wait();
    return argc > 1;
}
