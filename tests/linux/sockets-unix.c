/* AF_UNIX as programs see it: pairs, names, backlogs, ends, errors, limits. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include <linux/sockios.h>

static int pipes;
static void on_pipe(int s) { (void)s; pipes++; }

static const char *err(long r) { static char b[8][64]; static int i; char *p = b[i++ & 7];
    if (r < 0) snprintf(p, 64, "-1 %s", strerrorname_np(errno)); else snprintf(p, 64, "%ld", r);
    return p; }
#define T(...) printf("%-58s %s\n", #__VA_ARGS__, err((long)(__VA_ARGS__)))

static void show_poll(const char *name, int fd)
{
    struct pollfd p = { fd, POLLIN | POLLOUT | POLLPRI | POLLRDHUP | POLLRDNORM | POLLWRNORM | POLLWRBAND, 0 };
    int r = poll(&p, 1, 0);
    printf("poll %-20s %d %#x\n", name, r, p.revents);
}

static struct sockaddr_un addr(const char *path)
{
    struct sockaddr_un a = { .sun_family = AF_UNIX };
    strcpy(a.sun_path, path);
    return a;
}
#define SA(x) (struct sockaddr *)&(x), sizeof(x)

static void show_name(const char *what, int (*f)(int, struct sockaddr *, socklen_t *), int fd)
{
    struct sockaddr_un a;
    socklen_t len = sizeof a;
    memset(&a, 0x7f, sizeof a);
    int r = f(fd, (struct sockaddr *)&a, &len);
    if (r < 0) { printf("%s: %s\n", what, err(r)); return; }
    printf("%s: family %d len %d", what, a.sun_family, len);
    if (len > 2) { if (a.sun_path[0]) printf(" path %s", a.sun_path); else printf(" abstract %.*s", (int)len - 3, a.sun_path + 1); }
    puts("");
}

static int fill(int fd, int size)
{
    static char b[300000];
    int n = 0, r;
    while ((r = send(fd, b, size, MSG_DONTWAIT)) > 0) n += r;
    return n;
}

static void pairs(int type)
{
    int sv[2]; char b[100];
    printf("== pair of type %d\n", type);
    T(socketpair(AF_UNIX, type, 0, sv));
    show_name("getsockname", getsockname, sv[0]);
    show_name("getpeername", getpeername, sv[0]);
    show_poll("fresh", sv[0]);
    T(send(sv[0], "hello", 5, 0));
    T(send(sv[0], "world", 5, 0));
    show_poll("with data", sv[1]);
    int n = -1;
    T(ioctl(sv[1], FIONREAD, &n)); printf("FIONREAD %d\n", n);
    T(ioctl(sv[0], SIOCOUTQ, &n)); printf("SIOCOUTQ %d\n", n);
    T(recv(sv[1], b, 3, MSG_PEEK));
    T(recv(sv[1], b, 3, MSG_TRUNC | MSG_PEEK));
    T(recv(sv[1], b, 3, 0)); printf("%.3s\n", b);
    T(recv(sv[1], b, 100, 0)); printf("%.7s\n", b);
    T(recv(sv[1], b, 100, MSG_DONTWAIT));
    T(recv(sv[1], b, 100, MSG_DONTWAIT));
    T(send(sv[0], "", 0, 0));
    T(recv(sv[1], b, 100, MSG_DONTWAIT));
    T(recv(sv[1], b, 100, MSG_DONTWAIT | MSG_OOB));
    T(write(sv[0], "x", 1)); T(read(sv[1], b, 0)); T(read(sv[1], b, 1));
    T(lseek(sv[0], 0, SEEK_SET)); T(pread(sv[0], b, 1, 0)); T(ftruncate(sv[0], 1));
    printf("fill by 1: %d\n", fill(sv[0], 1)); while (recv(sv[1], b, 100, MSG_DONTWAIT) > 0);
    printf("fill by 1000: %d\n", fill(sv[0], 1000)); show_poll("full", sv[0]);
    static char big[300000]; while (recv(sv[1], big, sizeof big, MSG_DONTWAIT) > 0);
    printf("fill by 20000: %d\n", fill(sv[0], 20000)); while (recv(sv[1], big, sizeof big, MSG_DONTWAIT) > 0);
    T(send(sv[0], big, 213000, MSG_DONTWAIT)); while (recv(sv[1], big, sizeof big, MSG_DONTWAIT) > 0);
    T(send(sv[0], big, 300000, MSG_DONTWAIT)); while (recv(sv[1], big, sizeof big, MSG_DONTWAIT) > 0);
    T(shutdown(sv[0], 3)); T(shutdown(sv[0], SHUT_WR));
    show_poll("shut for writing", sv[0]); show_poll("its peer", sv[1]);
    T(send(sv[0], "x", 1, 0)); printf("signals %d\n", pipes);
    T(send(sv[0], "x", 1, MSG_NOSIGNAL)); printf("signals %d\n", pipes);
    T(recv(sv[1], b, 1, MSG_DONTWAIT));
    T(send(sv[1], "back", 4, 0)); T(recv(sv[0], b, 10, 0));
    T(send(sv[1], "lost", 4, 0));
    T(close(sv[0]));
    show_poll("peer closed unread", sv[1]);
    T(recv(sv[1], b, 10, MSG_DONTWAIT)); T(recv(sv[1], b, 10, MSG_DONTWAIT));
    T(send(sv[1], "x", 1, MSG_NOSIGNAL)); T(send(sv[1], "x", 1, MSG_NOSIGNAL));
    show_name("getpeername", getpeername, sv[1]);
    T(close(sv[1]));
}

static void listening(int type)
{
    char b[10];
    printf("== connections of type %d\n", type);
    unlink("sock");
    umask(027);
    int l = socket(AF_UNIX, type, 0), c = socket(AF_UNIX, type, 0);
    struct sockaddr_un a = addr("sock");
    T(connect(c, SA(a)));
    T(listen(l, 1));
    T(bind(l, SA(a))); T(bind(l, SA(a))); T(bind(c, SA(a)));
    struct stat st; stat("sock", &st); printf("mode %o size %ld nlink %d\n", st.st_mode, (long)st.st_size, (int)st.st_nlink);
    T(open("sock", O_RDWR)); T(connect(c, SA(a)));
    T(accept(l, 0, 0)); show_poll("bound", l);
    T(listen(l, 1)); show_poll("listening", l); T(accept4(l, 0, 0, SOCK_NONBLOCK | 1));
    fcntl(l, F_SETFL, O_NONBLOCK); T(accept(l, 0, 0));
    T(connect(c, SA(a))); T(connect(c, SA(a))); T(connect(l, SA(a)));
    show_poll("listening", l); show_poll("connected", c);
    show_name("client getsockname", getsockname, c); show_name("client getpeername", getpeername, c);
    T(write(c, "early", 5));
    int s = accept4(l, 0, 0, SOCK_CLOEXEC | SOCK_NONBLOCK);
    printf("accepted %s flags %x %x\n", err(s > 0), fcntl(s, F_GETFL), fcntl(s, F_GETFD));
    show_name("server getsockname", getsockname, s); show_name("server getpeername", getpeername, s);
    T(read(s, b, 10)); T(read(s, b, 10));
    struct ucred u; socklen_t len = sizeof u;
    T(getsockopt(s, SOL_SOCKET, SO_PEERCRED, &u, &len)); printf("%d %d %d %d\n", u.pid == getpid(), u.uid, u.gid, len);
    T(getsockopt(l, SOL_SOCKET, SO_PEERCRED, &u, &len)); printf("%d %d %d\n", u.pid == getpid(), u.uid, u.gid);
    T(sendto(c, "x", 1, 0, SA(a)));
    struct sockaddr_un from; len = sizeof from; T(recvfrom(s, b, 10, 0, (void *)&from, &len)); printf("len %d\n", len);
    int n = 0, q[10]; for (; n < 5; n++) { q[n] = socket(AF_UNIX, type | SOCK_NONBLOCK, 0); if (connect(q[n], SA(a)) < 0) { printf("after %d: %s\n", n, err(-1)); break; } }
    T(close(l)); show_poll("not accepted", q[0]); T(read(q[0], b, 1)); T(write(q[0], "x", 1));
    T(connect(q[4 > n ? n : 4], SA(a)));
    T(shutdown(s, SHUT_RDWR)); show_poll("shut", s); show_poll("its peer", c); T(read(c, b, 1)); T(write(c, "x", 1));
    for (int i = 0; i <= n; i++) close(q[i]);
    close(c); close(s); unlink("sock");
}

static void datagrams(void)
{
    puts("== datagrams");
    unlink("one"); unlink("two");
    int one = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0), two = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0), three = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    struct sockaddr_un a = addr("one"), b = addr("two"), from; socklen_t len; char d[100];
    T(send(one, "x", 1, 0)); T(sendto(one, "x", 1, 0, SA(a))); T(listen(one, 1)); T(accept(one, 0, 0));
    T(bind(one, SA(a))); T(bind(two, SA(b)));
    show_poll("fresh", three);
    T(sendto(two, "from two", 8, 0, SA(a))); T(sendto(three, "from three", 10, 0, SA(a)));
    len = sizeof from; T(recvfrom(one, d, 100, 0, (void *)&from, &len)); printf("%.8s from %s len %d\n", d, from.sun_path, len);
    len = sizeof from; T(recvfrom(one, d, 4, MSG_TRUNC, (void *)&from, &len)); printf("%.4s len %d\n", d, len);
    T(connect(one, SA(b))); T(sendto(three, "x", 1, 0, SA(a))); T(connect(three, SA(a)));
    T(send(one, "to two", 6, 0)); T(recv(two, d, 100, 0)); show_poll("connected", one); show_poll("two", two);
    int n = 0; while (sendto(three, "x", 1, 0, SA(b)) == 1) n++; printf("three sent %d: %s\n", n, err(-1));
    T(send(one, "x", 1, 0)); show_poll("one", one);
    T(connect(three, SA(b))); show_poll("three", three); T(recv(two, d, 1, 0)); show_poll("three", three);
    struct sockaddr none = { .sa_family = AF_UNSPEC }; T(connect(one, &none, sizeof none)); T(send(one, "x", 1, 0));
    T(close(two)); T(send(three, "x", 1, 0)); T(send(three, "x", 1, 0)); T(sendto(three, "x", 1, 0, SA(b)));
    T(unlink("two")); T(sendto(three, "x", 1, 0, SA(b)));
    int s = socket(AF_UNIX, SOCK_STREAM, 0); T(connect(s, SA(a))); close(s);
    T(shutdown(one, SHUT_RD)); T(sendto(three, "x", 1, 0, SA(a))); T(recv(one, d, 1, 0)); show_poll("shut", one);
    close(one); close(three); unlink("one");
}

static void names(void)
{
    puts("== names");
    int s = socket(AF_UNIX, SOCK_STREAM, 0), t = socket(AF_UNIX, SOCK_STREAM, 0), d = socket(AF_UNIX, SOCK_DGRAM, 0);
    struct sockaddr_un a = { .sun_family = AF_UNIX, .sun_path = "\0name" };
    T(bind(s, (void *)&a, 2 + 5)); show_name("getsockname", getsockname, s);
    T(bind(t, (void *)&a, 2 + 5)); T(bind(d, (void *)&a, 2 + 5)); T(bind(t, (void *)&a, 2 + 6)); show_name("getsockname", getsockname, t);
    T(connect(t, (void *)&a, 7)); close(t); t = socket(AF_UNIX, SOCK_STREAM, 0);
    T(listen(s, 5)); T(connect(t, (void *)&a, 7)); show_name("getpeername", getpeername, t); close(s); close(t); close(d);
    s = socket(AF_UNIX, SOCK_STREAM, 0);
    T(bind(s, (void *)&a, 2)); struct sockaddr_un o; socklen_t len = sizeof o; getsockname(s, (void *)&o, &len); printf("autobind len %d first %d\n", len, o.sun_path[0]); T(bind(s, (void *)&a, 2));
    T(bind(s, (void *)&a, 1)); T(bind(s, (void *)&a, 111)); T(bind(s, (void *)&a, 200)); T(bind(s, (void *)&a, -1)); T(bind(s, (void *)8, 20)); a.sun_family = 77; T(bind(s, (void *)&a, 20));
    close(s); s = socket(AF_UNIX, SOCK_STREAM, 0);
    a = addr("nodir/x"); T(bind(s, SA(a))); T(connect(s, SA(a))); a = addr("/"); T(bind(s, SA(a))); T(connect(s, SA(a)));
    a = addr("/dev/null"); T(bind(s, SA(a))); T(connect(s, SA(a))); a = addr("/dev/null/x"); T(bind(s, SA(a))); T(connect(s, SA(a)));
    a = addr("x/"); T(bind(s, SA(a)));
    memset(a.sun_path, 'x', 108); T(bind(s, SA(a))); len = sizeof o; memset(&o, 0, sizeof o); getsockname(s, (void *)&o, &len); printf("len %d\n", len); 
    char path[120] = { 0 }; memset(path, 'x', 108); T(unlink(path));
    T(getsockname(s, (void *)&o, 0)); T(getsockname(s, 0, &len)); len = -1; T(getsockname(s, (void *)&o, &len)); len = 1; T(getsockname(s, (void *)&o, &len)); printf("len %d\n", len);
    T(getsockname(-1, (void *)&o, &len)); T(getsockname(0, (void *)&o, &len)); T(getpeername(s, (void *)&o, &len));
    close(s);
}

static void numbers(void)
{
    puts("== numbers");
    int sv[2];
    T(socket(0, SOCK_STREAM, 0)); T(socket(46, SOCK_STREAM, 0)); T(socket(-1, 1, 0)); T(socket(AF_UNIX, 0, 0)); T(socket(AF_UNIX, 4, 0)); T(socket(AF_UNIX, 75, 0)); T(socket(AF_UNIX, 11, 0)); T(socket(AF_UNIX, 1, 5)); T(socket(AF_UNIX, 1, 1) > 0);
    T(socket(AF_UNIX, 1 | 0x100, 0)); T(socketpair(AF_INET, 1, 0, sv)); T(socketpair(AF_UNIX, 1, 0, (int *)8)); T(socketpair(0, 1, 0, sv)); T(socketpair(AF_UNIX, 75, 0, sv)); T(socketpair(AF_UNIX, 1, 6, sv)); T(socketpair(AF_UNIX, SOCK_RAW, 0, sv));
    int v; socklen_t len = 4; T(getsockopt(sv[0], SOL_SOCKET, SO_TYPE, &v, &len)); printf("type %d\n", v);
    T(socket(AF_INET, SOCK_RAW, 0)); T(socket(AF_INET, SOCK_STREAM, 17)); T(socket(AF_INET, SOCK_DGRAM, 6)); T(socket(AF_INET, SOCK_STREAM, 1)); T(socket(AF_INET, SOCK_SEQPACKET, 0)); T(socket(AF_INET, 1, 300)); T(socket(AF_INET, 1, -1)); T(socket(AF_INET, SOCK_RDM, 0)); T(socket(AF_INET, SOCK_STREAM, 200)); T(socket(AF_INET6, SOCK_STREAM, 17));
    T(listen(-1, 1)); T(listen(0, 1)); T(accept(-1, 0, 0)); T(accept(0, 0, 0)); T(connect(-1, 0, 0)); T(connect(0, (void *)8, 8)); T(connect(0, 0, 0)); T(send(0, "", 0, 0)); T(shutdown(0, 0)); T(shutdown(-1, 0));
    T(getsockopt(0, 0, 0, 0, 0)); T(setsockopt(-1, 0, 0, 0, 0));
}

int main(void)
{
    setvbuf(stdout, 0, _IOLBF, 0);
    signal(SIGPIPE, on_pipe);
    int null = open("/dev/null", O_RDWR); dup2(null, 0); close(null);
    pairs(SOCK_STREAM); pairs(SOCK_DGRAM); pairs(SOCK_SEQPACKET);
    listening(SOCK_STREAM); listening(SOCK_SEQPACKET);
    datagrams(); names(); numbers();
    return 0;
}
