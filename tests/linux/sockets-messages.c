/* Messages: descriptors and credentials that travel with them, control buffers that are too small, several at once, sleeping
 * and being interrupted, what a fault leaves behind. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const char *err(long r)
{
    static char b[8][64];
    static int i;
    char *p = b[i++ & 7];
    if (r < 0) snprintf(p, 64, "-1 %s", strerrorname_np(errno)); else snprintf(p, 64, "%ld", r);
    return p;
}
#define T(...) printf("%-66s %s\n", #__VA_ARGS__, err((long)(__VA_ARGS__)))

static volatile int signals;
static void on_signal(int s) { (void)s; signals++; }

/* Sends bytes with n descriptors, or with credentials where n is -1. */
static int send_with(int s, const char *bytes, int len, int n, const int *fds, struct ucred *u)
{
    char control[CMSG_SPACE(300 * sizeof(int))] = { 0 };
    struct iovec v = { (void *)bytes, len };
    struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1, .msg_control = control };
    struct cmsghdr *c = (void *)control;
    c->cmsg_level = SOL_SOCKET;
    if (u) {
        c->cmsg_type = SCM_CREDENTIALS;
        c->cmsg_len = CMSG_LEN(sizeof *u);
        m.msg_controllen = CMSG_SPACE(sizeof *u);
        memcpy(CMSG_DATA(c), u, sizeof *u);
    } else {
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(n * sizeof(int));
        m.msg_controllen = CMSG_SPACE(n * sizeof(int));
        memcpy(CMSG_DATA(c), fds, n * sizeof(int));
    }
    return sendmsg(s, &m, MSG_NOSIGNAL);
}

/* Receives with so much room for control messages, and says what came. Returns the first descriptor. */
static int receive(int s, int len, int room, int flags)
{
    char bytes[100], control[1000];
    struct iovec v = { bytes, len };
    struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1, .msg_control = room ? control : NULL, .msg_controllen = room };
    memset(control, 0x55, sizeof control);
    int r = recvmsg(s, &m, flags), first = -1;
    printf("  recvmsg %s flags %#x controllen %d", err(r), m.msg_flags, (int)m.msg_controllen);
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c && r >= 0; c = CMSG_NXTHDR(&m, c)) {
        printf(" [len %d type %d", (int)c->cmsg_len, c->cmsg_type);
        if (c->cmsg_type == SCM_RIGHTS) {
            int n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int), *fd = (void *)CMSG_DATA(c);
            printf(" %d fds%s", n, n && fcntl(fd[0], F_GETFD) ? " cloexec" : "");
            for (int i = 0; i < n; i++) { if (i == 0) first = fd[i]; else close(fd[i]); }
        } else if (c->cmsg_type == SCM_CREDENTIALS && c->cmsg_len >= CMSG_LEN(sizeof(struct ucred))) {
            struct ucred *u = (void *)CMSG_DATA(c);
            printf(" pid %s uid %d gid %d", u->pid == getpid() ? "own" : u->pid == 0 ? "0" : "other", u->uid, u->gid);
        }
        printf("]");
    }
    puts("");
    return first;
}

static void rights(int type)
{
    int sv[2], p[2], fd, many[300];
    printf("== descriptors, type %d\n", type);
    socketpair(AF_UNIX, type, 0, sv);
    T(pipe(p));
    T(send_with(sv[0], "a", 1, 1, p + 1, 0)); close(p[1]);
    fd = receive(sv[1], 10, 100, 0);
    T(write(fd, "through", 7)); close(fd);
    char b[10]; T(read(p[0], b, 10)); T(read(p[0], b, 10)); close(p[0]);
    fd = open("/dev/null", O_RDWR);
    T(send_with(sv[0], "a", 1, 1, &fd, 0)); close(receive(sv[1], 10, 100, MSG_CMSG_CLOEXEC));
    puts("-- not all fit");
    for (int i = 0; i < 300; i++) many[i] = fd;
    for (int room = 0; room <= 40; room += 4) { send_with(sv[0], "a", 1, 5, many, 0); int got = receive(sv[1], 10, room, 0); if (got >= 0) close(got); }
    puts("-- too many");
    T(send_with(sv[0], "a", 1, 253, many, 0)); T(send_with(sv[0], "a", 1, 254, many, 0)); receive(sv[1], 10, 0, 0);
    fd = dup(0); T(fd); close(fd);
    many[3] = 77; T(send_with(sv[0], "a", 1, 5, many, 0)); many[3] = -1; T(send_with(sv[0], "a", 1, 5, many, 0)); T(send_with(sv[0], "a", 1, 0, many, 0)); receive(sv[1], 10, 100, 0);
    puts("-- read drops them");
    T(send_with(sv[0], "a", 1, 1, many, 0)); T(read(sv[1], b, 10)); fd = dup(0); T(fd); close(fd);
    puts("-- peek");
    T(send_with(sv[0], "ab", 2, 2, many, 0)); fd = receive(sv[1], 1, 100, MSG_PEEK); close(fd); fd = receive(sv[1], 1, 100, 0); close(fd); receive(sv[1], 10, 100, MSG_DONTWAIT);
    puts("-- boundaries");
    T(send(sv[0], "1", 1, 0)); T(send_with(sv[0], "2", 1, 1, many, 0)); T(send(sv[0], "3", 1, 0)); T(send_with(sv[0], "4", 1, 1, many, 0));
    for (int i = 0; i < 4; i++) { fd = receive(sv[1], 10, 100, MSG_DONTWAIT); if (fd >= 0) close(fd); }
    T(send_with(sv[0], "", 0, 1, many, 0)); fd = receive(sv[1], 10, 100, MSG_DONTWAIT); if (fd >= 0) close(fd);
    close(many[0]); close(sv[0]); close(sv[1]);
}

static void credentials(int type)
{
    int sv[2], on = 1;
    struct ucred mine = { getpid(), 0, 0 }, other = { 1, 5, 6 }, nobody = { 99999, 0, 0 };
    printf("== credentials, type %d\n", type);
    socketpair(AF_UNIX, type, 0, sv);
    T(send_with(sv[0], "a", 1, 0, 0, &mine)); receive(sv[1], 10, 100, 0);
    T(send(sv[0], "b", 1, 0)); T(setsockopt(sv[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof on)); receive(sv[1], 10, 100, 0);
    T(send(sv[0], "c", 1, 0)); receive(sv[1], 10, 100, 0);
    T(send_with(sv[0], "d", 1, 0, 0, &other)); receive(sv[1], 10, 100, 0);
    T(send_with(sv[0], "e", 1, 0, 0, &nobody));
    T(send(sv[0], "f", 1, 0)); T(send_with(sv[0], "g", 1, 0, 0, &other)); receive(sv[1], 10, 100, MSG_DONTWAIT); receive(sv[1], 10, 100, MSG_DONTWAIT);
    for (int room = 0; room < 40; room += 8) { send(sv[0], "h", 1, 0); receive(sv[1], 10, room, 0); }
    int fd = dup(0); T(send_with(sv[0], "i", 1, 1, &fd, 0)); close(fd); close(receive(sv[1], 10, 100, 0));
    if (!fork()) { setgid(7); setuid(8); mine.pid = getpid(); T(send_with(sv[0], "j", 1, 0, 0, &mine)); T(send(sv[0], "k", 1, 0)); _exit(0); }
    wait(0); receive(sv[1], 10, 100, MSG_DONTWAIT);
    close(sv[0]); close(sv[1]);
}

static void control(void)
{
    int sv[2]; char buffer[64] = { 0 };
    puts("== control messages");
    socketpair(AF_UNIX, SOCK_STREAM, 0, sv);
    struct iovec v = { "x", 1 };
    struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1, .msg_control = buffer, .msg_controllen = 64 };
    struct cmsghdr *c = (void *)buffer;
    T(sendmsg(sv[0], &m, 0));
    c->cmsg_len = 65; T(sendmsg(sv[0], &m, 0)); c->cmsg_len = 15; T(sendmsg(sv[0], &m, 0));
    c->cmsg_len = 16; c->cmsg_level = SOL_SOCKET; c->cmsg_type = 99; T(sendmsg(sv[0], &m, 0)); c->cmsg_level = 99; m.msg_controllen = 16; T(sendmsg(sv[0], &m, 0));
    c->cmsg_level = SOL_SOCKET; c->cmsg_type = SCM_CREDENTIALS; c->cmsg_len = 20; m.msg_controllen = 24; T(sendmsg(sv[0], &m, 0));
    m.msg_controllen = 8; T(sendmsg(sv[0], &m, 0)); m.msg_controllen = 1 << 30; T(sendmsg(sv[0], &m, 0)); m.msg_controllen = 64; m.msg_control = (void *)8; T(sendmsg(sv[0], &m, 0));
    m.msg_controllen = 0; m.msg_iovlen = 1025; T(sendmsg(sv[0], &m, 0)); m.msg_iovlen = 1; m.msg_iov = (void *)8; T(sendmsg(sv[0], &m, 0)); m.msg_iov = &v; v.iov_len = -1; T(sendmsg(sv[0], &m, 0)); v.iov_len = 1;
    T(sendmsg(sv[0], (void *)8, 0)); T(recvmsg(sv[0], (void *)8, MSG_DONTWAIT)); m.msg_namelen = -1; T(sendmsg(sv[0], &m, 0)); m.msg_name = buffer; T(sendmsg(sv[0], &m, 0)); m.msg_namelen = 300; T(sendmsg(sv[0], &m, 0)); m.msg_namelen = 0; T(sendmsg(sv[0], &m, 0));
    close(sv[0]); close(sv[1]);
}

static void several(void)
{
    int sv[2]; char b[4][10];
    struct iovec v[4]; struct mmsghdr h[4]; memset(h, 0, sizeof h);
    puts("== several messages");
    socketpair(AF_UNIX, SOCK_DGRAM, 0, sv);
    for (int i = 0; i < 4; i++) { v[i] = (struct iovec){ "message" + i, 7 - i }; h[i].msg_hdr.msg_iov = v + i; h[i].msg_hdr.msg_iovlen = 1; }
    T(sendmmsg(sv[0], h, 4, 0)); printf("%d %d %d %d\n", h[0].msg_len, h[1].msg_len, h[2].msg_len, h[3].msg_len);
    T(sendmmsg(sv[0], h, 0, 0)); v[1].iov_base = (void *)8; T(sendmmsg(sv[0], h, 4, 0)); T(sendmmsg(sv[0], h + 1, 1, 0)); T(sendmmsg(sv[0], (void *)8, 1, 0));
    for (int i = 0; i < 4; i++) { v[i] = (struct iovec){ b[i], 5 }; }
    T(recvmmsg(sv[1], h, 3, 0, 0)); for (int i = 0; i < 3; i++) printf("%.*s %d %#x\n", h[i].msg_len, b[i], h[i].msg_len, h[i].msg_hdr.msg_flags);
    T(recvmmsg(sv[1], h, 4, MSG_WAITFORONE, 0)); T(recvmmsg(sv[1], h, 4, MSG_DONTWAIT, 0));
    struct timespec zero = { 0, 0 }, bad = { 0, -1 }; T(recvmmsg(sv[1], h, 4, 0, &bad)); send(sv[0], "x", 1, 0); T(recvmmsg(sv[1], h, 4, 0, &zero));
    send(sv[0], "x", 1, 0); if (!fork()) { usleep(20000); send(sv[0], "y", 1, 0); _exit(0); } T(recvmmsg(sv[1], h, 2, 0, 0)); wait(0);
    close(sv[0]); close(sv[1]);
}

static void sleeping(void)
{
    int sv[2]; char b[100]; static char big[500000]; int status;
    struct sigaction sa = { .sa_handler = on_signal }; struct itimerval soon = { .it_value = { 0, 20000 } };
    puts("== sleeping");
    socketpair(AF_UNIX, SOCK_STREAM, 0, sv);
    sigaction(SIGALRM, &sa, 0);
    setitimer(ITIMER_REAL, &soon, 0); T(recv(sv[1], b, 1, 0)); T(signals);
    setitimer(ITIMER_REAL, &soon, 0); T(send(sv[0], big, sizeof big, 0) < (long)sizeof big); T(signals);
    static char sink[500000]; while (recv(sv[1], sink, sizeof sink, MSG_DONTWAIT) > 0);
    sa.sa_flags = SA_RESTART; sigaction(SIGALRM, &sa, 0);
    if (!fork()) { usleep(60000); send(sv[0], "late", 4, 0); _exit(0); } setitimer(ITIMER_REAL, &soon, 0); T(recv(sv[1], b, 10, 0)); T(signals); wait(0);
    struct timeval t = { 0, 30000 }; T(setsockopt(sv[1], SOL_SOCKET, SO_RCVTIMEO, &t, sizeof t)); T(recv(sv[1], b, 1, 0)); T(read(sv[1], b, 1));
    setitimer(ITIMER_REAL, &soon, 0); T(recv(sv[1], b, 1, 0)); T(signals);
    T(setsockopt(sv[0], SOL_SOCKET, SO_SNDTIMEO, &t, sizeof t)); T(send(sv[0], big, sizeof big, 0) < (long)sizeof big); T(send(sv[0], big, sizeof big, 0)); while (recv(sv[1], sink, sizeof sink, MSG_DONTWAIT) > 0);
    t.tv_usec = 0; setsockopt(sv[1], SOL_SOCKET, SO_RCVTIMEO, &t, sizeof t); setsockopt(sv[0], SOL_SOCKET, SO_SNDTIMEO, &t, sizeof t);
    puts("-- all of it");
    if (!fork()) { for (int i = 0; i < 5; i++) { usleep(5000); send(sv[0], "abc", 3, 0); } _exit(0); }
    T(recv(sv[1], b, 12, MSG_WAITALL)); T(recv(sv[1], b, 12, 0)); wait(0);
    if (!fork()) { send(sv[0], "abc", 3, 0); shutdown(sv[0], SHUT_WR); _exit(0); } T(recv(sv[1], b, 12, MSG_WAITALL)); wait(0); close(sv[0]); close(sv[1]);
    socketpair(AF_UNIX, SOCK_STREAM, 0, sv); int low = 4; T(setsockopt(sv[1], SOL_SOCKET, SO_RCVLOWAT, &low, 4)); send(sv[0], "ab", 2, 0); if (!fork()) { usleep(20000); send(sv[0], "cdef", 4, 0); _exit(0); } T(recv(sv[1], b, 10, 0)); wait(0);
    puts("-- a writer that waits for its reader");
    if (!fork()) { close(sv[1]); _exit(send(sv[0], big, sizeof big, 0) == sizeof big ? 0 : 1); }
    close(sv[0]); long got = 0, r; usleep(10000); while ((r = recv(sv[1], sink, 10000, 0)) > 0) got += r; T(got); wait(&status); T(status); close(sv[1]);
    puts("-- a reader whose writer dies"); socketpair(AF_UNIX, SOCK_SEQPACKET, 0, sv); if (!fork()) { close(sv[1]); usleep(10000); _exit(0); } close(sv[0]); T(recv(sv[1], b, 10, 0)); wait(0); close(sv[1]);
    puts("-- killed by SIGPIPE"); socketpair(AF_UNIX, SOCK_STREAM, 0, sv); close(sv[1]); fflush(stdout); if (!fork()) { write(sv[0], "x", 1); _exit(0); } wait(&status); printf("%#x\n", status); close(sv[0]);
}

static void faults(void)
{
    int sv[2]; char b[100];
    puts("== faults");
    char *page = mmap(0, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); munmap(page + 4096, 4096); char *edge = page + 4096 - 3;
    memset(page, 'p', 4096);
    for (int type = SOCK_STREAM; type <= SOCK_DGRAM; type++) {
        socketpair(AF_UNIX, type, 0, sv);
        T(send(sv[0], edge, 6, 0)); T(recv(sv[1], b, 10, MSG_DONTWAIT)); T(send(sv[0], (void *)8, 6, 0)); T(recv(sv[1], b, 10, MSG_DONTWAIT));
        T(send(sv[0], "abcdef", 6, 0)); T(recv(sv[1], edge, 6, 0)); T(recv(sv[1], b, 10, MSG_DONTWAIT)); T(send(sv[0], "abcdef", 6, 0)); T(recv(sv[1], (void *)8, 6, 0)); T(recv(sv[1], b, 10, MSG_DONTWAIT));
        struct iovec v[3] = { { "ab", 2 }, { (void *)8, 0 }, { "cde", 3 } }; T(writev(sv[0], v, 3)); struct iovec w[2] = { { b, 3 }, { b + 10, 10 } }; T(readv(sv[1], w, 2)); printf("%.3s %.2s\n", b, b + 10);
        close(sv[0]); close(sv[1]);
    }
}

static void watching(void)
{
    int sv[2]; char b[10]; struct epoll_event e = { .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET }, got[4];
    puts("== watching");
    socketpair(AF_UNIX, SOCK_STREAM, 0, sv); int ep = epoll_create1(0); T(epoll_ctl(ep, EPOLL_CTL_ADD, sv[0], &e));
    T(epoll_wait(ep, got, 4, 0)); printf("%#x\n", got[0].events); T(epoll_wait(ep, got, 4, 0));
    for (int i = 0; i < 2; i++) { T(send(sv[1], "x", 1, 0)); T(epoll_wait(ep, got, 4, 0)); printf("%#x\n", got[0].events); T(epoll_wait(ep, got, 4, 0)); }
    T(recv(sv[0], b, 1, 0)); T(epoll_wait(ep, got, 4, 0)); T(shutdown(sv[1], SHUT_WR)); T(epoll_wait(ep, got, 4, 0)); printf("%#x\n", got[0].events); T(close(sv[1])); T(epoll_wait(ep, got, 4, 0)); printf("%#x\n", got[0].events); close(sv[0]);
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, sv)) return; if (!fork()) { usleep(10000); send(sv[1], "x", 1, 0); _exit(0); } fd_set r; FD_ZERO(&r); FD_SET(sv[0], &r); T(select(sv[0] + 1, &r, 0, 0, 0)); T(FD_ISSET(sv[0], &r)); struct pollfd p = { sv[0], POLLIN, 0 }; T(poll(&p, 1, -1)); wait(0);
    char link[64], path[64]; struct stat st; snprintf(path, 64, "/proc/self/fd/%d", sv[0]); int n = readlink(path, link, 63); fstat(sv[0], &st); link[n > 0 ? n : 0] = 0; char want[64]; snprintf(want, 64, "socket:[%lu]", (unsigned long)st.st_ino); printf("%s mode %o size %ld\n", strcmp(link, want) ? link : "as named", st.st_mode, (long)st.st_size); T(open(path, O_RDWR));
}

int main(void)
{
    setvbuf(stdout, 0, _IOLBF, 0);
    int null = open("/dev/null", O_RDWR); dup2(null, 0); close(null);
    rights(SOCK_STREAM); rights(SOCK_DGRAM); credentials(SOCK_STREAM); credentials(SOCK_DGRAM);
    control(); several(); sleeping(); faults(); watching();
    return 0;
}
