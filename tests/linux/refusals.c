/*
 * refusals: which error comes first where a call is wrong in several ways, and what errors leave behind.
 *
 * sendfile(2), waitid(2), execveat(2), select(2), timer_create(2), statx(2), socket(7), ipv6(7), mmap(2), adjtimex(2),
 * ioctl_ficlone(2), pidfd_send_signal(2).
 */
#include "probe.h"
#include <limits.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timex.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <time.h>

static void files(void)
{
    off_t offset = 0;
    TRY(sendfile(99, 98, (off_t *)8, 1));
    TRY(sendfile(99, 98, &offset, 1));
    TRY(syscall(SYS_execveat, AT_FDCWD, "", NULL, NULL, 0x4000));
    TRY(syscall(SYS_execveat, AT_FDCWD, "/missing", NULL, NULL, 0x4000));
    TRY(syscall(SYS_execveat, AT_FDCWD, (void *)8, NULL, NULL, 0x4000));
    TRY(syscall(SYS_execveat, 99, "x", NULL, NULL, 0x4000));
    struct statx stx;
    unsigned masks[] = {0, STATX_BASIC_STATS, STATX_BTIME, STATX_ALL, STATX_TYPE, STATX_MNT_ID, 0x4000};
    int fd = open("/tmp/refusals", O_CREAT | O_RDWR, 0600);
    for (int i = 0; i < 7; i++) {
        memset(&stx, 0, sizeof stx);
        TRY(statx(fd, "", AT_EMPTY_PATH, masks[i], &stx));
        printf("%x: mask %x, born %d, mount %d, attributes %llx\n", masks[i], stx.stx_mask, stx.stx_btime.tv_sec != 0,
               stx.stx_mnt_id != 0, (unsigned long long)stx.stx_attributes);
    }
    statx(AT_FDCWD, "/tmp", 0, STATX_ALL, &stx);
    printf("/tmp: mask %x, attributes %llx\n", stx.stx_mask, (unsigned long long)stx.stx_attributes);
    statx(AT_FDCWD, "/proc/self/status", 0, STATX_ALL, &stx);
    printf("/proc/self/status: mask %x, attributes %llx\n", stx.stx_mask, (unsigned long long)stx.stx_attributes);
    int pipes[2];
    pipe(pipes);
    statx(pipes[0], "", AT_EMPTY_PATH, STATX_ALL, &stx);
    printf("pipe: mask %x, attributes %llx\n", stx.stx_mask, (unsigned long long)stx.stx_attributes);
    unlink("/tmp/refusals");
    TRY(mmap(NULL, 4096, PROT_READ, ~0, fd, 0) == MAP_FAILED ? -1 : 0);
    TRY(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | 13 << 26, -1, 0) == MAP_FAILED ? -1 : 0);
    TRY(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0) == MAP_FAILED ? -1 : 0);
    TRY(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | 21 << 26, -1, 0) == MAP_FAILED ? -1 : 0);
    close(fd);
}

static void children(void)
{
    siginfo_t info;
    memset(&info, 0xff, sizeof info);
    TRY(syscall(SYS_waitid, 9, 1, &info, WEXITED, NULL));
    printf("left %d %d %d\n", info.si_signo, info.si_code, info.si_errno);
    TRY(syscall(SYS_waitid, 9, 1, (void *)8, WEXITED, NULL));
    TRY(syscall(SYS_waitid, P_ALL, 1, (void *)8, 0, NULL));
    TRY(syscall(SYS_waitid, P_ALL, 1, (void *)8, WEXITED, NULL));
    memset(&info, 0xff, sizeof info);
    TRY(waitid(P_ALL, 1, &info, WEXITED));
    printf("left %d %d %d %d\n", info.si_signo, info.si_code, info.si_pid, info.si_status);
    TRY(syscall(SYS_waitid, P_PIDFD, 99, (void *)8, WEXITED, NULL));
    TRY(syscall(SYS_waitid, P_PIDFD, 99, NULL, WEXITED, NULL));
}

static void sets(void)
{
    struct timeval now = {0};
    fd_set set;
    FD_ZERO(&set);
    FD_SET(63, &set);
    TRY(select(64, &set, NULL, NULL, &now));
    FD_ZERO(&set);
    FD_SET(64, &set);
    TRY(select(65, &set, NULL, NULL, &now));
    printf("kept %d\n", FD_ISSET(64, &set) != 0);
    dup2(0, 70);
    FD_ZERO(&set);
    FD_SET(127, &set);
    TRY(select(128, &set, NULL, NULL, &now));
    FD_ZERO(&set);
    FD_SET(128, &set);
    TRY(select(129, &set, NULL, NULL, &now));
    close(70);
    FD_ZERO(&set);
    FD_SET(127, &set);
    TRY(select(128, &set, NULL, NULL, &now));
    IN_CHILD({
        TRY(select(128, &set, NULL, NULL, &now));
        dup2(0, 300);
        FD_ZERO(&set);
        FD_SET(511, &set);
        TRY(select(512, &set, NULL, NULL, &now));
        fflush(stdout);
        if (fork() == 0) {
            TRY(select(512, &set, NULL, NULL, &now));
            fflush(stdout);
            _exit(0);
        }
        wait(NULL);
    });
}

static void timers(void)
{
    int id = -1;
    struct sigevent wrong = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = 65};
    TRY(syscall(SYS_timer_create, CLOCK_MONOTONIC, NULL, &id));
    printf("first %d\n", id);
    TRY(syscall(SYS_timer_create, CLOCK_MONOTONIC, &wrong, &id));
    TRY(syscall(SYS_timer_create, CLOCK_MONOTONIC, NULL, &id));
    printf("after a wrong event %d\n", id);
    TRY(syscall(SYS_timer_create, CLOCK_MONOTONIC, NULL, (void *)8));
    TRY(syscall(SYS_timer_create, CLOCK_MONOTONIC, NULL, &id));
    printf("after a wrong place %d\n", id);
    TRY(syscall(SYS_timer_create, CLOCK_MONOTONIC, (void *)8, &id));
    TRY(syscall(SYS_timer_create, 77, NULL, &id));
    TRY(syscall(SYS_timer_create, CLOCK_MONOTONIC, NULL, &id));
    printf("after wrong pointers %d\n", id);
    /* a signal that nobody takes, as often as can be, leaves time for other things */
    struct sigevent quiet = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGCONT};
    TRY(syscall(SYS_timer_create, CLOCK_MONOTONIC, &quiet, &id));
    struct itimerspec often = {{0, 1}, {0, 1}};
    TRY(syscall(SYS_timer_settime, id, 0, &often, NULL));
    usleep(20000);
    TRY(syscall(SYS_timer_delete, id));
}

static void sockets(void)
{
    int value = -1;
    socklen_t len = sizeof value;
    int tcp = socket(AF_INET, SOCK_STREAM, 0), six = socket(AF_INET6, SOCK_STREAM, 0);
    TRY(setsockopt(tcp, SOL_SOCKET, SO_BINDTODEVICE, "lo", 3));
    TRY(setsockopt(tcp, SOL_SOCKET, SO_BINDTODEVICE, "eth7", 5));
    char name[IFNAMSIZ] = "";
    len = sizeof name;
    TRY(getsockopt(tcp, SOL_SOCKET, SO_BINDTODEVICE, name, &len));
    printf("%s %d\n", name, len);
    TRY(setsockopt(tcp, SOL_SOCKET, SO_BINDTODEVICE, "", 0));
    len = sizeof name;
    TRY(getsockopt(tcp, SOL_SOCKET, SO_BINDTODEVICE, name, &len));
    printf("%d\n", len);
    len = sizeof value;
    TRY(getsockopt(six, IPPROTO_IPV6, IPV6_V6ONLY, &value, &len));
    printf("only %d\n", value);
    value = 1;
    TRY(setsockopt(six, IPPROTO_IPV6, IPV6_V6ONLY, &value, 4));
    value = 5;
    TRY(getsockopt(six, IPPROTO_IPV6, IPV6_V6ONLY, &value, &len));
    printf("only %d\n", value);
    struct sockaddr_in nobody = {.sin_family = AF_INET};
    char byte;
    struct sockaddr_in from;
    len = -1;
    int udp = socket(AF_INET, SOCK_DGRAM, 0);
    TRY(recvfrom(udp, &byte, 1, MSG_DONTWAIT, (void *)&from, &len));
    int pair[2];
    socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
    write(pair[0], "x", 1);
    TRY(recvfrom(pair[1], &byte, 1, 0, (void *)&from, &len));
    write(pair[0], "x", 1);
    TRY(recvfrom(pair[1], &byte, 1, 0, (void *)8, &len));
}

static void clocks(void)
{
    struct timex tx = {0};
    TRY(adjtimex(&tx));
    printf("offset %ld freq %ld maxerror %d esterror %d status %x constant %ld precision %ld tolerance %ld tick %ld tai %d\n",
           tx.offset, tx.freq, tx.maxerror > 0, tx.esterror > 0, tx.status, tx.constant, tx.precision, tx.tolerance, tx.tick,
           tx.tai);
    TRY(adjtimex((void *)8));
    tx.modes = ADJ_TICK, tx.tick = 8999;
    TRY(adjtimex(&tx));
    tx.tick = 10001;
    TRY(adjtimex(&tx));
    tx.modes = ADJ_FREQUENCY | ADJ_ESTERROR | ADJ_MAXERROR | ADJ_TIMECONST | ADJ_STATUS;
    tx.freq = 600 << 16, tx.esterror = -5, tx.maxerror = 70, tx.constant = 3, tx.status = STA_PLL;
    TRY(adjtimex(&tx));
    printf("freq %ld esterror %ld maxerror %d status %x constant %ld tick %ld\n", tx.freq, tx.esterror, tx.maxerror >= 70,
           tx.status, tx.constant, tx.tick);
    tx.modes = ADJ_NANO;
    TRY(adjtimex(&tx));
    printf("status %x\n", tx.status);
    tx.modes = ADJ_SETOFFSET, tx.time.tv_usec = 1000000;
    TRY(adjtimex(&tx));
    tx.modes = 0x8000;
    TRY(adjtimex(&tx));
    tx.modes = ADJ_OFFSET_SINGLESHOT, tx.offset = 0;
    TRY(adjtimex(&tx));
    tx.modes = 0;
    TRY(clock_adjtime(CLOCK_REALTIME, &tx));
    TRY(clock_adjtime(CLOCK_MONOTONIC, &tx));
    TRY(clock_adjtime(77, &tx));
    IN_CHILD({
        setresuid(1000, 1000, 1000);
        TRY(adjtimex(&tx));
        tx.modes = ADJ_STATUS;
        TRY(adjtimex(&tx));
        tx.modes = ADJ_OFFSET_SS_READ;
        TRY(adjtimex(&tx));
        tx.modes = ADJ_OFFSET_SINGLESHOT;
        TRY(adjtimex(&tx));
    });
    tx.modes = ADJ_STATUS | ADJ_MICRO | ADJ_TICK | ADJ_FREQUENCY, tx.status = STA_UNSYNC, tx.tick = 10000, tx.freq = 0;
    TRY(adjtimex(&tx));
}

static void clones(void)
{
    int pair[2];
    pipe(pair);
    int one = memfd_create("one", 0), two = memfd_create("two", 0), directory = open("/tmp", O_RDONLY), null = open("/dev/null", O_RDWR);
    int reads = open("/proc/self/exe", O_RDONLY);
    int fds[] = {one, two, directory, null, pair[0], reads, 99};
    const char *names[] = {"memory", "memory", "directory", "null", "pipe", "program", "nothing"};
    for (int i = 0; i < 7; i++) {
        printf("%s: ", names[i]);
        TRY(ioctl(one, 0x40049409, fds[i]));
    }
    TRY(ioctl(directory, 0x40049409, one));
    TRY(ioctl(one, 0x4020940d, 8));
    long range[4] = {two};
    TRY(ioctl(one, 0x4020940d, range));
    int entropy = 0;
    TRY(ioctl(open("/dev/urandom", O_RDONLY), 0x80045200, &entropy));
    printf("entropy %d\n", entropy);
    TRY(ioctl(null, 0x80045200, &entropy));
}

static void signals(void)
{
    char name[30];
    fflush(stdout);
    pid_t child = fork();
    if (child == 0)
        for (;;)
            pause();
    sprintf(name, "/proc/%d", child);
    int fd = open(name, O_DIRECTORY);
    TRY(syscall(SYS_pidfd_send_signal, fd, 0, NULL, 0));
    TRY(syscall(SYS_pidfd_send_signal, open("/proc", O_DIRECTORY), 0, NULL, 0));
    TRY(syscall(SYS_pidfd_send_signal, open("/tmp", O_DIRECTORY), 0, NULL, 0));
    TRY(syscall(SYS_pidfd_send_signal, fd, SIGKILL, NULL, 0));
    waitpid(child, NULL, 0);
    TRY(syscall(SYS_pidfd_send_signal, fd, 0, NULL, 0));
}

/* Groups without a process, files without such a page, pieces that no memory holds. */
static void bounds(void)
{
    TRY(setpgid(-1, 0));
    TRY(setpgid(0, -1));
    int file = open("/tmp/bounds", O_RDWR | O_CREAT | O_TRUNC, 0600), reader = open("/tmp/bounds", O_RDONLY);
    ftruncate(file, 8192);
    TRY(mmap(NULL, 8192, PROT_READ, MAP_SHARED, file, 0x7ffffffffffff000));
    CAN(mmap(NULL, 4096, PROT_READ, MAP_SHARED, file, 0x7fffffffffffe000));
    char *seen = mmap(NULL, 4096, PROT_READ, MAP_SHARED, reader, 0), *own = mmap(NULL, 4096, PROT_READ, MAP_SHARED, file, 0);
    TRY(remap_file_pages(seen, 4096, 0, 1, 0));
    TRY(remap_file_pages(own, 4096, 0, 1, 0));
    struct iovec pieces[] = {{"ab", 2}, {(void *)8, LONG_MAX}};
    TRY(writev(file, pieces, 2));
    pieces[1].iov_len = 1;
    TRY(writev(file, pieces, 2));
    unlink("/tmp/bounds");
}

int main(void)
{
    bounds();
    clocks();
    clones();
    signals();
    files();
    children();
    sets();
    timers();
    sockets();
    return 0;
}
