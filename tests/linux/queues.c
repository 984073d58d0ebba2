/*
 * queues: POSIX message queues (sizes, priorities, waiting in line, notification by signal and by thread, names and rights) and
 * System V message queues (types, turns, room, removal, MSG_COPY), and every refusal.
 *
 * mq_overview(7), mq_open(3), mq_notify(3), msgget(2), msgop(2), msgctl(2).
 */
#include "probe.h"
#include <limits.h>
#include <mqueue.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/syscall.h>
#include <time.h>

#define NAME "/tine-queue"

static int raw_open(const char *name, int flags, int mode, struct mq_attr *attr)
{
    return syscall(SYS_mq_open, name, flags, mode, attr);
}

static void show_attr(mqd_t q)
{
    struct mq_attr a;
    mq_getattr(q, &a);
    printf("flags %lo, %ld of %ld messages of %ld bytes\n", a.mq_flags, a.mq_curmsgs, a.mq_maxmsg, a.mq_msgsize);
}

static void show_file(mqd_t q)
{
    char text[100] = "";
    long got = pread(q, text, 99, 0);
    char *owner = strstr(text, "NOTIFY_PID:");
    printf("read %ld: %.*s, mine %d\n", got, (int)(owner - text), text, atoi(owner + 11) == getpid());
    struct stat st;
    fstat(q, &st);
    printf("mode %o size %ld\n", st.st_mode, (long)st.st_size);
}

static void names(void)
{
    TRY(raw_open("", O_CREAT | O_RDWR, 0600, NULL));
    TRY(raw_open("/a", O_CREAT | O_RDWR, 0600, NULL));
    TRY(raw_open("a/b", O_CREAT | O_RDWR, 0600, NULL));
    TRY(raw_open(".", O_RDONLY, 0, NULL));
    TRY(raw_open("..", O_RDONLY, 0, NULL));
    TRY(raw_open((char *)8, O_RDONLY, 0, NULL));
    TRY(raw_open("a", O_CREAT | O_RDWR, 0600, (void *)8));
    char longest[NAME_MAX + 3];
    memset(longest, 'x', sizeof longest);
    longest[NAME_MAX + 2] = 0;
    TRY(raw_open(longest, O_CREAT | O_RDWR, 0600, NULL));
    longest[NAME_MAX] = 0;
    CAN(raw_open(longest, O_CREAT | O_RDWR, 0600, NULL));
    TRY(syscall(SYS_mq_unlink, longest));
    TRY(syscall(SYS_mq_unlink, longest));
    TRY(syscall(SYS_mq_unlink, "a/b"));
    TRY(mq_open(NAME, O_RDWR));
    struct mq_attr sizes[] = {{0, 0, 10}, {0, 10, 0}, {0, -1, 10}, {0, 65537, 1}, {0, 1, (16 << 20) + 1}, {0, 65536, 16 << 20}};
    for (int i = 0; i < 6; i++)
        TRY(mq_open(NAME, O_CREAT | O_RDWR, 0600, &sizes[i]));
    umask(022);
    struct mq_attr large = {0, 11, 8192}, small = {0, 1, 1};
    struct rlimit none = {100, 100};
    mqd_t q = mq_open(NAME, O_CREAT | O_EXCL | O_RDWR, 0666, NULL);
    show_attr(q);
    show_file(q);
    printf("closed by exec %d\n", fcntl(q, F_GETFD));
    TRY(mq_open(NAME, O_CREAT | O_EXCL | O_RDWR, 0666, NULL));
    TRY(raw_open(NAME + 1, O_WRONLY | O_RDWR, 0, NULL));
    CAN(mq_open(NAME, O_CREAT | O_RDONLY, 0, NULL));
    IN_CHILD({
        setresgid(1000, 1000, 1000);
        setresuid(1000, 1000, 1000);
        TRY(mq_open(NAME, O_RDWR));
        CAN(mq_open(NAME, O_RDONLY));
        TRY(mq_unlink(NAME));
        TRY(mq_open(NAME "2", O_CREAT | O_RDWR, 0600, &large));
        setrlimit(RLIMIT_MSGQUEUE, &none);
        TRY(mq_open(NAME "2", O_CREAT | O_RDWR, 0600, &small));
    });
    IN_CHILD({
        setresuid(1001, 1001, 1001);
        int made = 0;
        char name[30];
        for (; made < 20; made++) {
            sprintf(name, NAME "-%d", made);
            if (mq_open(name, O_CREAT | O_RDWR, 0600, NULL) < 0)
                break;
        }
        printf("made %d: %s\n", made, strerrorname_np(errno));
        while (made--) {
            sprintf(name, NAME "-%d", made);
            mq_unlink(name);
        }
    });
    mq_close(q);
    TRY(mq_unlink(NAME));
    TRY(mq_unlink(NAME));
}

static long now_plus(struct timespec *ts, long ms)
{
    clock_gettime(CLOCK_REALTIME, ts);
    ts->tv_nsec += ms * 1000000;
    ts->tv_sec += ts->tv_nsec / 1000000000;
    ts->tv_nsec %= 1000000000;
    return 0;
}

static void messages(void)
{
    struct mq_attr attr = {0, 3, 8};
    mqd_t q = mq_open(NAME, O_CREAT | O_RDWR, 0600, &attr);
    mqd_t reader = mq_open(NAME, O_RDONLY | O_NONBLOCK), writer = mq_open(NAME, O_WRONLY | O_NONBLOCK);
    char text[9] = "";
    unsigned prio;
    show_attr(reader);
    TRY(mq_receive(reader, text, 8, &prio));
    TRY(mq_receive(writer, text, 8, &prio));
    TRY(mq_send(reader, "x", 1, 0));
    TRY(mq_send(writer, "123456789", 9, 0));
    TRY(mq_send(writer, "x", 1, 32768));
    TRY(mq_send(writer, (char *)8, 1, 0));
    TRY(mq_send(0, "x", 1, 0));
    TRY(mq_send(-1, "x", 1, 0));
    TRY(mq_send(writer, "low", 3, 1));
    TRY(mq_send(writer, "highest", 7, 32767));
    TRY(mq_send(writer, "", 0, 1));
    TRY(mq_send(writer, "more", 4, 1));
    struct pollfd fds[2] = {{reader, POLLIN | POLLOUT}, {writer, POLLIN | POLLOUT}};
    printf("ready %d: %x %x\n", poll(fds, 2, 0), fds[0].revents, fds[1].revents);
    show_attr(q);
    show_file(q);
    TRY(mq_receive(reader, text, 7, &prio));
    for (int i = 0; i < 3; i++) {
        memset(text, 0, 9);
        long got = mq_receive(reader, text, 8, &prio);
        printf("%ld bytes of %u: %s\n", got, prio, text);
    }
    printf("ready %d: %x %x\n", poll(fds, 2, 0), fds[0].revents, fds[1].revents);
    mq_send(q, "x", 1, 0);
    TRY(mq_receive(q, (char *)8, 8, NULL));
    TRY(mq_receive(reader, text, 8, NULL));
    struct timespec bad = {0, 1000000000}, past = {1, 0}, soon;
    TRY(mq_timedreceive(q, text, 8, NULL, &bad));
    TRY(mq_timedreceive(q, text, 8, NULL, &past));
    now_plus(&soon, 20);
    TRY(mq_timedreceive(q, text, 8, NULL, &soon));
    for (int i = 0; i < 3; i++)
        mq_send(q, "x", 1, i);
    now_plus(&soon, 20);
    TRY(mq_timedsend(q, "x", 1, 0, &soon));
    TRY(mq_timedsend(q, "x", 1, 0, &past));
    struct mq_attr set = {O_NONBLOCK}, wrong = {O_APPEND};
    TRY(mq_setattr(q, &wrong, NULL));
    TRY(mq_setattr(q, &set, &attr));
    show_attr(q);
    TRY(mq_send(q, "x", 1, 0));
    TRY(mq_setattr(0, &set, NULL));
    set.mq_flags = 0;
    mq_setattr(q, &set, NULL);
    TRY(write(q, "x", 1));
    mq_close(q), mq_close(reader), mq_close(writer);
    mq_unlink(NAME);
}

/* Those who wait are served in the order in which they came. */
static void turns(void)
{
    struct mq_attr attr = {0, 1, 8};
    mqd_t q = mq_open(NAME, O_CREAT | O_RDWR, 0600, &attr);
    fflush(stdout);
    for (int i = 1; i <= 3; i++)
        if (fork() == 0) {
            usleep(i * 20000);
            char text[8] = "";
            unsigned prio;
            long got = mq_receive(q, text, 8, &prio);
            printf("receiver %d has %ld bytes of %u: %c\n", i, got, prio, text[0]);
            fflush(stdout);
            _exit(0);
        }
    usleep(100000);
    struct mq_attr a;
    for (int i = 0; i < 3; i++) {
        mq_send(q, (char[]){'a' + i}, 1, i);
        usleep(10000);
    }
    while (wait(NULL) > 0)
        ;
    mq_send(q, "0", 1, 5);
    for (int i = 1; i <= 3; i++)
        if (fork() == 0) {
            usleep(i * 20000);
            mq_send(q, (char[]){'0' + i}, 1, i);
            _exit(0);
        }
    usleep(100000);
    for (int i = 0; i < 4; i++) {
        char text[8];
        unsigned prio;
        mq_receive(q, text, 8, &prio);
        printf("of %u: %c\n", prio, text[0]);
    }
    while (wait(NULL) > 0)
        ;
    mq_close(q);
    mq_unlink(NAME);
}

static volatile sig_atomic_t told;
static siginfo_t news;

static void on_news(int number, siginfo_t *info, void *context)
{
    news = *info;
    told++;
}

static void on_nothing(int number)
{
}

static void in_thread(union sigval value)
{
    told += value.sival_int;
}

static void notification(void)
{
    struct mq_attr attr = {0, 4, 8};
    char text[8];
    mqd_t q = mq_open(NAME, O_CREAT | O_RDWR, 0600, &attr);
    struct sigaction action = {.sa_sigaction = on_news, .sa_flags = SA_SIGINFO};
    sigaction(SIGUSR1, &action, NULL);
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1, .sigev_value.sival_int = 77};
    TRY(mq_notify(q, NULL));
    TRY(mq_notify(0, &event));
    TRY(mq_notify(q, &event));
    show_file(q);
    TRY(mq_notify(q, &event));
    IN_CHILD({
        TRY(mq_notify(q, &event));
        TRY(mq_notify(q, NULL));
        mq_send(q, "x", 1, 0);
    });
    printf("told %d: code %d value %d from a child %d\n", told, news.si_code, news.si_value.sival_int,
           news.si_pid != getpid());
    mq_send(q, "y", 1, 0);
    printf("only once: %d\n", told);
    mq_notify(q, &event);
    mq_send(q, "z", 1, 0);
    printf("not while it has messages: %d\n", told);
    for (int i = 0; i < 3; i++)
        mq_receive(q, text, 8, NULL);
    mq_send(q, "z", 1, 0);
    printf("then: %d\n", told);
    mq_receive(q, text, 8, NULL);
    /* who waits for the message has it, and nobody is told */
    mq_notify(q, &event);
    fflush(stdout);
    if (fork() == 0) {
        mq_receive(q, text, 8, NULL);
        _exit(0);
    }
    settle();
    mq_send(q, "z", 1, 0);
    wait(NULL);
    printf("received by somebody else: %d\n", told);
    /* closing any descriptor of the queue ends it */
    mqd_t other = mq_open(NAME, O_RDONLY);
    mq_close(other);
    mq_send(q, "z", 1, 0);
    printf("closed: %d\n", told);
    mq_receive(q, text, 8, NULL);
    /* the end of who is told, too */
    IN_CHILD(mq_notify(q, &event));
    TRY(mq_notify(q, &event));
    TRY(mq_notify(q, NULL));
    event.sigev_signo = 65;
    TRY(mq_notify(q, &event));
    event.sigev_signo = 0;
    TRY(mq_notify(q, &event));
    show_file(q);
    TRY(mq_notify(q, NULL));
    event.sigev_notify = SIGEV_NONE;
    TRY(mq_notify(q, &event));
    show_file(q);
    mq_send(q, "z", 1, 0);
    show_file(q);
    mq_receive(q, text, 8, NULL);
    event.sigev_notify = 9;
    TRY(mq_notify(q, &event));
    struct sigevent thread = {.sigev_notify = SIGEV_THREAD, .sigev_notify_function = in_thread, .sigev_value.sival_int = 100};
    TRY(mq_notify(q, &thread));
    show_file(q);
    mq_send(q, "z", 1, 0);
    for (int i = 0; told < 100 && i < 100; i++)
        usleep(10000);
    printf("a thread: %d\n", told);
    thread.sigev_signo = 0;
    TRY(syscall(SYS_mq_notify, q, &thread));
    mq_close(q);
    mq_unlink(NAME);
    TRY(mq_getattr(q, &attr));
}

static void interruption(void)
{
    struct mq_attr attr = {0, 1, 8};
    char text[8];
    mqd_t q = mq_open(NAME, O_CREAT | O_RDWR, 0600, &attr);
    signal(SIGALRM, on_nothing);
    siginterrupt(SIGALRM, 1);
    struct itimerval soon = {.it_value.tv_usec = 20000};
    setitimer(ITIMER_REAL, &soon, NULL);
    TRY(mq_receive(q, text, 8, NULL));
    siginterrupt(SIGALRM, 0);
    fflush(stdout);
    if (fork() == 0) {
        usleep(60000);
        mq_send(q, "x", 1, 0);
        _exit(0);
    }
    setitimer(ITIMER_REAL, &soon, NULL);
    TRY(mq_receive(q, text, 8, NULL));
    wait(NULL);
    int ep = epoll_create1(0);
    struct epoll_event event = {EPOLLIN | EPOLLOUT | EPOLLET};
    TRY(epoll_ctl(ep, EPOLL_CTL_ADD, q, &event));
    printf("events %d: %x\n", epoll_wait(ep, &event, 1, 0), event.events);
    printf("events %d\n", epoll_wait(ep, &event, 1, 0));
    mq_send(q, "x", 1, 0);
    printf("events %d: %x\n", epoll_wait(ep, &event, 1, 0), event.events);
    mq_unlink(NAME);
    mq_receive(q, text, 8, NULL);
    printf("without a name: %c\n", text[0]);
    show_file(q);
    mq_close(q);
}

struct message {
    long type;
    char text[100];
};

static long put(int id, long type, const char *text, int flags)
{
    struct message m = {type};
    strcpy(m.text, text);
    return msgsnd(id, &m, strlen(text), flags);
}

static long get(int id, long type, int flags)
{
    struct message m = {0};
    long got = msgrcv(id, &m, 99, type, flags);
    if (got < 0)
        printf("type %ld: %s\n", type, strerrorname_np(errno));
    else
        printf("type %ld: %ld bytes of %ld: %s\n", type, got, m.type, m.text);
    return got;
}

static pid_t in_background(long (*what)(int), int id, int order)
{
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        usleep(order * 20000);
        long result = what(id);
        fflush(stdout);
        _exit(result < 0 ? errno : 0);
    }
    return child;
}

static long get_any(int id)
{
    return get(id, 0, 0);
}

static long get_second(int id)
{
    return get(id, 2, 0);
}

static long get_short(int id)
{
    struct message m;
    return msgrcv(id, &m, 1, 0, 0);
}

static long put_long(int id)
{
    char text[99];
    memset(text, 'l', 60);
    text[60] = 0;
    return put(id, 1, text, 0);
}

static long put_short(int id)
{
    return put(id, 1, "s", 0);
}

static int status_of(pid_t child)
{
    int status;
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static void sysv(void)
{
    int id = msgget(IPC_PRIVATE, 0600);
    struct msqid_ds ds;
    TRY(msgctl(id, IPC_STAT, &ds));
    printf("mode %o, %lu messages, %lu of %lu bytes, never %d, last %d %d\n", ds.msg_perm.mode, ds.msg_qnum,
           ds.__msg_cbytes, ds.msg_qbytes, ds.msg_stime == 0 && ds.msg_rtime == 0, ds.msg_lspid, ds.msg_lrpid);
    TRY(put(id, 0, "x", 0));
    TRY(put(id, -1, "x", 0));
    TRY(msgsnd(id, (void *)8, 1, 0));
    TRY(msgsnd(id, (void *)8, 8193, 0));
    struct message one = {1, "x"};
    TRY(msgsnd(id, &one, 8193, 0));
    TRY(msgsnd(id, &one, -1, 0));
    TRY(msgsnd(-1, &one, 1, 0));
    TRY(msgsnd(id + 1, &one, 1, 0));
    TRY(msgrcv(id, &one, -1, 0, 0));
    TRY(msgrcv(-1, &one, 1, 0, 0));
    TRY(msgrcv(id, &one, 1, 0, IPC_NOWAIT));
    TRY(msgrcv(id, &one, 1, 0, MSG_COPY));
    TRY(msgrcv(id, &one, 1, 0, MSG_COPY | MSG_EXCEPT | IPC_NOWAIT));
    TRY(msgrcv(id, &one, 1, 0, MSG_COPY | IPC_NOWAIT));
    put(id, 5, "five", 0);
    put(id, 3, "three", 0);
    put(id, 4, "four", 0);
    put(id, 3, "three again", 0);
    put(id, LONG_MAX, "last", 0);
    get(id, 1, MSG_COPY | IPC_NOWAIT);
    get(id, 9, MSG_COPY | IPC_NOWAIT);
    TRY(msgrcv(id, &one, 3, 0, 0));
    TRY(msgrcv(id, &one, 3, 4, MSG_NOERROR));
    get(id, 7, IPC_NOWAIT);
    get(id, 5, MSG_EXCEPT | IPC_NOWAIT);
    get(id, -2, IPC_NOWAIT);
    get(id, -4, IPC_NOWAIT);
    get(id, LONG_MIN, IPC_NOWAIT);
    get(id, 0, IPC_NOWAIT);
    msgctl(id, IPC_STAT, &ds);
    printf("%lu messages, %lu bytes, by me %d %d\n", ds.msg_qnum, ds.__msg_cbytes, ds.msg_lspid == getpid(),
           ds.msg_lrpid == getpid());
    put(id, 1, "lost", 0);
    TRY(msgrcv(id, (void *)8, 99, 0, 0));
    msgctl(id, IPC_STAT, &ds);
    printf("%lu messages, %lu bytes\n", ds.msg_qnum, ds.__msg_cbytes);

    /* receivers in the order in which they came, each by what it wants */
    pid_t receivers[] = {in_background(get_second, id, 1), in_background(get_short, id, 2), in_background(get_any, id, 3)};
    usleep(100000);
    put(id, 1, "first", 0);
    usleep(20000);
    put(id, 2, "second", 0);
    for (int i = 0; i < 3; i++)
        printf("ended %s\n", strerrorname_np(status_of(receivers[i])));
    /* senders too, but for those whose message does not fit yet */
    ds.msg_qbytes = 80;
    TRY(msgctl(id, IPC_SET, &ds));
    put(id, 9, "01234567890123456789012345678901234567890123456789", 0);
    TRY(put(id, 1, "01234567890123456789012345678901234567890123456789", IPC_NOWAIT));
    pid_t senders[] = {in_background(put_long, id, 1), in_background(put_short, id, 2)};
    usleep(100000);
    printf("ended %s\n", strerrorname_np(status_of(senders[1])));
    msgctl(id, IPC_STAT, &ds);
    printf("%lu messages, %lu bytes\n", ds.msg_qnum, ds.__msg_cbytes);
    get(id, 0, 0);
    printf("ended %s\n", strerrorname_np(status_of(senders[0])));
    msgctl(id, IPC_STAT, &ds);
    printf("%lu messages, %lu bytes\n", ds.msg_qnum, ds.__msg_cbytes);
    put(id, 1, "", 0);
    get(id, 0, 0), get(id, 0, 0), get(id, 0, 0);
    /* as many empty messages as bytes */
    ds.msg_qbytes = 2;
    msgctl(id, IPC_SET, &ds);
    TRY(put(id, 1, "", IPC_NOWAIT));
    TRY(put(id, 1, "", IPC_NOWAIT));
    TRY(put(id, 1, "", IPC_NOWAIT));
    get(id, 0, 0), get(id, 0, 0);
    signal(SIGALRM, on_nothing);
    struct itimerval soon = {.it_value.tv_usec = 20000};
    setitimer(ITIMER_REAL, &soon, NULL);
    TRY(msgrcv(id, &one, 1, 0, 0));
    pid_t waits = in_background(get_short, id, 0);
    usleep(50000);
    TRY(msgctl(id, IPC_RMID, NULL));
    printf("removed: %s\n", strerrorname_np(status_of(waits)));
    TRY(msgctl(id, IPC_RMID, NULL));
    TRY(msgctl(id, IPC_STAT, &ds));
    TRY(put(id, 1, "x", 0));

    key_t key = 0x7469;
    TRY(msgget(key, 0600));
    id = msgget(key, IPC_CREAT | 0640);
    printf("the same %d\n", msgget(key, IPC_CREAT) == id);
    TRY(msgget(key, IPC_CREAT | IPC_EXCL));
    TRY(msgctl(id, 99, &ds));
    TRY(msgctl(id, IPC_STAT, (void *)8));
    TRY(msgctl(-1, IPC_STAT, &ds));
    msgctl(id, IPC_STAT, &ds);
    IN_CHILD({
        setresgid(1000, 1000, 1000);
        setresuid(1000, 1000, 1000);
        TRY(msgget(key, 0400));
        TRY(put(id, 1, "x", 0));
        TRY(get(id, 0, IPC_NOWAIT));
        struct msqid_ds mine;
        TRY(msgctl(id, IPC_STAT, &mine));
        TRY(msgctl(id, IPC_SET, &ds));
        TRY(msgctl(id, IPC_RMID, NULL));
    });
    waits = fork();
    if (waits == 0) {
        setresgid(1000, 1000, 1000);
        _exit(get(id, 0, 0) < 0 ? errno : 0);
    }
    settle();
    ds.msg_perm.uid = 1000;
    ds.msg_perm.mode = 0600;
    ds.msg_qbytes = 20000;
    TRY(msgctl(id, IPC_SET, &ds));
    put(id, 1, "x", 0);
    printf("still: %s\n", strerrorname_np(status_of(waits)));
    IN_CHILD({
        setresgid(1000, 1000, 1000);
        setresuid(1000, 1000, 1000);
        TRY(msgctl(id, IPC_SET, &ds));
        ds.msg_qbytes = 100;
        TRY(msgctl(id, IPC_SET, &ds));
    });
    struct msginfo info;
    TRY(msgctl(0, IPC_INFO, (void *)&info));
    printf("%d %d %d %d %d %d %d %d\n", info.msgpool, info.msgmap, info.msgmax, info.msgmnb, info.msgmni, info.msgssz,
           info.msgtql, info.msgseg);
    put(id, 1, "abc", 0);
    TRY(msgctl(0, MSG_INFO, (void *)&info));
    printf("%d queues, %d messages, %d bytes\n", info.msgpool, info.msgmap, info.msgtql);
    int place = msgctl(0, IPC_INFO, (void *)&info);
    printf("by place %d %lu\n", msgctl(place, MSG_STAT, &ds) == id, ds.msg_qnum);
    printf("by place %d\n", msgctl(place, MSG_STAT_ANY, &ds) == id);
    TRY(msgctl(place + 1, MSG_STAT, &ds));
    /* places are used in turn */
    int others[70];
    for (int i = 0; i < 70; i++) {
        others[i] = msgget(IPC_PRIVATE, 0600);
        msgctl(others[i], IPC_RMID, NULL);
        if (i % 10 == 0 || i > 60)
            printf("%d ", others[i]);
    }
    printf("\n");
    for (int i = 0; i < 70; i++)
        others[i] = msgget(IPC_PRIVATE, 0600);
    printf("%d %d %d\n", others[60], others[65], others[69]);
    TRY(msgctl(0, IPC_INFO, (void *)&info));
    for (int i = 0; i < 70; i++)
        msgctl(others[i], IPC_RMID, NULL);
    msgctl(id, IPC_RMID, NULL);
}

int main(void)
{
    names();
    messages();
    turns();
    notification();
    interruption();
    sysv();
    return 0;
}
