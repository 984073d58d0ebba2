/* TCP and UDP over the loopback as programs see them. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>
#include <linux/sockios.h>

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
static struct sockaddr_in at(const char *ip, int port) { struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(port) }; inet_pton(AF_INET, ip, &a.sin_addr); return a; }
static struct sockaddr_in6 at6(const char *ip, int port) { struct sockaddr_in6 a = { .sin6_family = AF_INET6, .sin6_port = htons(port) }; inet_pton(AF_INET6, ip, &a.sin6_addr); return a; }
#define SA(x) (struct sockaddr *)&(x), sizeof(x)
static int port_of(int fd) { struct sockaddr_in6 a; socklen_t l = sizeof a; getsockname(fd, (void *)&a, &l); return ntohs(a.sin6_port); }
static void show_name(const char *what, int (*f)(int, struct sockaddr *, socklen_t *), int fd)
{
    union { struct sockaddr_in a; struct sockaddr_in6 b; } u; socklen_t len = sizeof u; char s[64];
    int r = f(fd, (void *)&u, &len);
    if (r < 0) { printf("%s: %s\n", what, err(r)); return; }
    inet_ntop(u.a.sin_family, u.a.sin_family == AF_INET ? (void *)&u.a.sin_addr : (void *)&u.b.sin6_addr, s, sizeof s);
    int p = ntohs(u.a.sin_port);
    printf("%s: family %d len %d %s port %s\n", what, u.a.sin_family, len, s, !p ? "0" : p >= 32768 && p <= 60999 ? "ephemeral" : p < 10000 ? (char[]){ '0' + p / 1000, '0' + p / 100 % 10, '0' + p / 10 % 10, '0' + p % 10, 0 } : "?");
}
static int opt(int fd, int level, int name) { int v = -1; socklen_t l = 4; int r = getsockopt(fd, level, name, &v, &l); return r < 0 ? -errno : v; }
static int set(int fd, int level, int name, int v) { return setsockopt(fd, level, name, &v, 4); }
static int tcp(void) { return socket(AF_INET, SOCK_STREAM, 0); }
static int udp(void) { return socket(AF_INET, SOCK_DGRAM, 0); }
static void settle(void) { usleep(20000); }

static void stream(void)
{
    char b[100]; struct sockaddr_in a = at("127.0.0.1", 0), none = { .sin_family = AF_UNSPEC };
    puts("== tcp");
    int l = tcp(), c = tcp(), s;
    show_poll("fresh", c); show_name("getsockname", getsockname, c); show_name("getpeername", getpeername, c);
    T(recv(c, b, 1, MSG_DONTWAIT)); T(send(c, "x", 1, MSG_NOSIGNAL)); T(shutdown(c, SHUT_RD)); T(accept(c, 0, 0));
    close(c); c = tcp();
    T(bind(l, SA(a))); int port = port_of(l); a.sin_port = htons(port); show_name("bound", getsockname, l); T(bind(l, SA(a)));
    T(connect(c, SA(a))); show_poll("refused", c); printf("SO_ERROR %d\n", opt(c, SOL_SOCKET, SO_ERROR));
    T(listen(l, 1)); show_poll("listening", l); printf("ACCEPTCONN %d\n", opt(l, SOL_SOCKET, SO_ACCEPTCONN)); T(connect(l, SA(a))); T(recv(l, b, 1, 0)); T(send(l, b, 1, MSG_NOSIGNAL));
    T(connect(c, SA(a))); T(connect(c, SA(a))); show_name("client", getsockname, c); show_name("client peer", getpeername, c);
    settle(); show_poll("listening", l); show_poll("connected", c);
    T(send(c, "early", 5, 0));
    struct sockaddr_in from; socklen_t len = sizeof from; s = accept4(l, (void *)&from, &len, SOCK_NONBLOCK); printf("accepted %d len %d from client %d\n", s > 0, len, ntohs(from.sin_port) == port_of(c));
    show_name("server", getsockname, s); show_poll("server", s);
    int n; settle(); T(ioctl(s, FIONREAD, &n)); printf("%d\n", n); T(ioctl(c, SIOCOUTQ, &n)); printf("%d\n", n); T(ioctl(l, FIONREAD, &n)); T(ioctl(l, SIOCOUTQ, &n));
    T(recv(s, b, 3, MSG_PEEK)); T(recv(s, b, 100, 0)); T(recv(s, b, 100, 0));
    len = sizeof from; T(send(c, "x", 1, 0)); settle(); T(recvfrom(s, b, 100, 0, (void *)&from, &len)); printf("len %d\n", len);
    T(sendto(c, "y", 1, 0, SA(a))); settle(); T(read(s, b, 100));
    printf("sndbuf %d rcvbuf ok %d type %d protocol %d domain %d nodelay %d\n", opt(c, SOL_SOCKET, SO_SNDBUF) > 16384, opt(c, SOL_SOCKET, SO_RCVBUF) >= 131072, opt(c, SOL_SOCKET, SO_TYPE), opt(c, SOL_SOCKET, SO_PROTOCOL), opt(c, SOL_SOCKET, SO_DOMAIN), opt(c, IPPROTO_TCP, TCP_NODELAY));
    T(set(c, IPPROTO_TCP, TCP_NODELAY, 1)); printf("nodelay %d\n", opt(c, IPPROTO_TCP, TCP_NODELAY));
    puts("-- half close");
    T(shutdown(c, SHUT_WR)); settle(); show_poll("client", c); show_poll("server", s); T(read(s, b, 10)); T(send(c, "x", 1, MSG_NOSIGNAL)); T(send(s, "answer", 6, 0)); settle(); T(read(c, b, 10));
    T(close(s)); settle(); show_poll("client", c); T(read(c, b, 10)); T(read(c, b, 10)); show_name("client peer", getpeername, c); T(shutdown(c, SHUT_WR)); T(send(c, "x", 1, MSG_NOSIGNAL)); close(c);
    puts("-- close with unread data");
    c = tcp(); connect(c, SA(a)); s = accept(l, 0, 0); T(send(c, "unread", 6, 0)); T(send(s, "kept", 4, 0)); settle(); close(s); settle(); show_poll("client", c); T(read(c, b, 10)); T(read(c, b, 10)); T(read(c, b, 10)); T(send(c, "x", 1, MSG_NOSIGNAL)); printf("SO_ERROR %d\n", opt(c, SOL_SOCKET, SO_ERROR)); close(c);
    puts("-- write after the peer has closed");
    c = tcp(); connect(c, SA(a)); s = accept(l, 0, 0); close(s); settle(); show_poll("client", c); T(send(c, "x", 1, MSG_NOSIGNAL)); settle(); show_poll("client", c); T(send(c, "x", 1, MSG_NOSIGNAL)); T(send(c, "x", 1, MSG_NOSIGNAL)); T(read(c, b, 1)); printf("SO_ERROR %d\n", opt(c, SOL_SOCKET, SO_ERROR)); close(c);
    puts("-- linger");
    c = tcp(); connect(c, SA(a)); s = accept(l, 0, 0); struct linger g = { 1, 0 }; T(setsockopt(s, SOL_SOCKET, SO_LINGER, &g, sizeof g)); close(s); settle(); show_poll("client", c); T(read(c, b, 1)); T(read(c, b, 1)); close(c);
    puts("-- not blocking");
    c = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0); T(connect(c, SA(a))); settle(); show_poll("client", c); printf("SO_ERROR %d\n", opt(c, SOL_SOCKET, SO_ERROR)); T(connect(c, SA(a))); T(connect(c, SA(a))); T(recv(c, b, 1, 0)); close(c); s = accept(l, 0, 0); T(read(s, b, 1)); close(s);
    c = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0); struct sockaddr_in nobody = at("127.0.0.1", 1); T(connect(c, SA(nobody))); settle(); show_poll("client", c); printf("SO_ERROR %d\n", opt(c, SOL_SOCKET, SO_ERROR)); printf("SO_ERROR %d\n", opt(c, SOL_SOCKET, SO_ERROR)); T(connect(c, SA(nobody))); close(c);
    c = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0); T(connect(c, SA(nobody))); settle(); T(connect(c, SA(nobody))); T(connect(c, SA(nobody))); close(c);
    puts("-- listener closed");
    c = tcp(); T(connect(c, SA(a))); T(close(l)); settle(); show_poll("client", c); T(read(c, b, 1)); T(read(c, b, 1)); T(connect(c, SA(a))); close(c);
    puts("-- dissolve");
    l = tcp(); set(l, SOL_SOCKET, SO_REUSEADDR, 1); T(bind(l, SA(a))); T(listen(l, 5)); c = tcp(); connect(c, SA(a)); s = accept(l, 0, 0); T(connect(c, SA(none))); settle(); show_poll("client", c); show_poll("server", s); T(read(s, b, 1)); T(connect(c, SA(a))); close(c); close(s);
    puts("-- shut listener");
    T(shutdown(l, SHUT_WR)); show_poll("listener", l); T(shutdown(l, SHUT_RD)); show_poll("listener", l); T(accept(l, 0, 0)); T(listen(l, 1)); close(l);
}

static void errors(void)
{
    puts("== errors");
    struct sockaddr_in a = at("127.0.0.1", 0), far = at("8.8.8.8", 80), any = at("0.0.0.0", 0), multi = at("224.0.0.1", 80), broad = at("255.255.255.255", 80); struct sockaddr u = { .sa_family = AF_UNIX };
    int s = tcp();
    T(bind(s, SA(far))); T(bind(s, (void *)&a, 8)); T(bind(s, SA(u))); T(connect(s, SA(far))); T(connect(s, (void *)&a, 8)); T(connect(s, (void *)&a, 1)); T(connect(s, SA(u))); T(connect(s, SA(multi))); T(connect(s, SA(broad))); T(connect(s, SA(a)));
    T(setsockopt(s, 500, 1, &a, 4)); T(setsockopt(s, SOL_SOCKET, SO_OOBINLINE, &a, 0)); T(setsockopt(s, SOL_SOCKET, SO_OOBINLINE, (void *)8, 4)); T(setsockopt(s, IPPROTO_UDP, SO_OOBINLINE, &a, 4)); T(setsockopt(s, IPPROTO_IP, -1, &a, 4)); T(setsockopt(s, IPPROTO_TCP, -1, &a, 4)); T(setsockopt(s, SOL_SOCKET, 9999, &a, 4)); T(setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &a, -1)); T(set(s, SOL_SOCKET, SO_TYPE, 1)); T(set(s, SOL_SOCKET, SO_ERROR, 1));
    int v; socklen_t l = 4;
    T(getsockopt(s, 500, 1, &v, &l)); T(getsockopt(s, IPPROTO_UDP, SO_OOBINLINE, &v, &l)); T(getsockopt(s, IPPROTO_IP, -1, &v, &l)); T(getsockopt(s, IPPROTO_TCP, -1, &v, &l)); T(getsockopt(s, SOL_SOCKET, SO_OOBINLINE, (void *)8, &l)); T(getsockopt(s, SOL_SOCKET, SO_OOBINLINE, &v, (void *)8)); l = -1; T(getsockopt(s, SOL_SOCKET, SO_OOBINLINE, &v, &l)); l = 2; T(getsockopt(s, SOL_SOCKET, SO_TYPE, &v, &l)); printf("len %d\n", l); T(opt(s, SOL_SOCKET, 9999));
    struct timeval t = { 1, 500000 }, bad = { 1, 1000000 }, neg = { -1, 0 }, got; T(setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof t)); l = sizeof got; T(getsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &got, &l)); printf("%ld %ld\n", (long)got.tv_sec, (long)got.tv_usec); T(setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &bad, sizeof t)); T(setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &neg, sizeof t)); T(setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &t, 8));
    printf("buffers %d %d\n", opt(s, SOL_SOCKET, SO_SNDBUF), opt(s, SOL_SOCKET, SO_RCVBUF)); T(set(s, SOL_SOCKET, SO_SNDBUF, 1)); T(set(s, SOL_SOCKET, SO_RCVBUF, 1)); printf("buffers %d %d\n", opt(s, SOL_SOCKET, SO_SNDBUF), opt(s, SOL_SOCKET, SO_RCVBUF)); T(set(s, SOL_SOCKET, SO_SNDBUF, 10000000)); T(set(s, SOL_SOCKET, SO_RCVBUF, 5000)); printf("buffers %d %d\n", opt(s, SOL_SOCKET, SO_SNDBUF), opt(s, SOL_SOCKET, SO_RCVBUF));
    int names[] = { SO_DEBUG, SO_REUSEADDR, SO_TYPE, SO_ERROR, SO_DONTROUTE, SO_BROADCAST, SO_KEEPALIVE, SO_OOBINLINE, SO_NO_CHECK, SO_PRIORITY, SO_REUSEPORT, SO_PASSCRED, SO_RCVLOWAT, SO_SNDLOWAT, SO_ACCEPTCONN, SO_PROTOCOL, SO_DOMAIN, SO_MARK, SO_BUSY_POLL };
    for (unsigned i = 0; i < sizeof names / 4; i++) printf("%d=%d/%d ", names[i], opt(s, SOL_SOCKET, names[i]), set(s, SOL_SOCKET, names[i], 1) ? errno : 0); puts("");
    int tn[] = { TCP_NODELAY, TCP_MAXSEG, TCP_CORK, TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_KEEPCNT, TCP_SYNCNT, TCP_LINGER2, TCP_DEFER_ACCEPT, TCP_WINDOW_CLAMP, TCP_QUICKACK, TCP_USER_TIMEOUT, TCP_FASTOPEN };
    for (unsigned i = 0; i < sizeof tn / 4; i++) printf("%d=%d ", tn[i], opt(s, IPPROTO_TCP, tn[i])); puts("");
    int d = udp(); printf("udp buffers %d %d\n", opt(d, SOL_SOCKET, SO_SNDBUF), opt(d, SOL_SOCKET, SO_RCVBUF)); int x = socket(AF_UNIX, SOCK_STREAM, 0); printf("unix buffers %d %d\n", opt(x, SOL_SOCKET, SO_SNDBUF), opt(x, SOL_SOCKET, SO_RCVBUF)); T(set(x, IPPROTO_TCP, TCP_NODELAY, 1)); T(opt(x, IPPROTO_TCP, TCP_NODELAY)); close(x); close(d); close(s);
    int l1 = tcp(), l2 = tcp(); a = at("127.0.0.1", 0); T(bind(l1, SA(a))); a.sin_port = htons(port_of(l1)); T(bind(l2, SA(a))); any.sin_port = a.sin_port; T(bind(l2, SA(any))); struct sockaddr_in other = at("127.0.0.2", port_of(l1)); T(bind(l2, SA(other))); close(l1); close(l2);
    l1 = tcp(); l2 = tcp(); set(l1, SOL_SOCKET, SO_REUSEADDR, 1); set(l2, SOL_SOCKET, SO_REUSEADDR, 1); T(bind(l1, SA(a))); T(bind(l2, SA(a))); T(listen(l1, 1)); T(listen(l2, 1)); close(l2); l2 = tcp(); set(l2, SOL_SOCKET, SO_REUSEADDR, 1); T(bind(l2, SA(a))); close(l1); close(l2);
    l1 = tcp(); l2 = tcp(); set(l1, SOL_SOCKET, SO_REUSEPORT, 1); set(l2, SOL_SOCKET, SO_REUSEPORT, 1); T(bind(l1, SA(a))); T(bind(l2, SA(a))); T(listen(l1, 1)); T(listen(l2, 1)); close(l1); close(l2);
    l1 = tcp(); T(listen(l1, 5)); T(port_of(l1) >= 32768); T(listen(l1, 0)); close(l1);
    int sv[2]; socketpair(AF_UNIX, SOCK_STREAM, 0, sv); T(set(sv[0], SOL_SOCKET, SO_SNDBUF, 4096)); printf("%d\n", opt(sv[0], SOL_SOCKET, SO_SNDBUF)); static char big[100000]; T(send(sv[0], big, sizeof big, MSG_DONTWAIT)); close(sv[0]); close(sv[1]);
}

static void datagrams(void)
{
    puts("== udp");
    char b[100000]; struct sockaddr_in a = at("127.0.0.1", 0), from, none = { .sin_family = AF_UNSPEC }; socklen_t len;
    int s = udp(), c = udp();
    show_poll("fresh", s); T(recv(s, b, 1, MSG_DONTWAIT)); T(send(c, "x", 1, 0)); T(sendto(c, "x", 1, 0, SA(a))); T(listen(s, 1)); T(accept(s, 0, 0)); T(shutdown(s, SHUT_RD)); close(s); s = udp();
    T(bind(s, SA(a))); a.sin_port = htons(port_of(s)); T(sendto(c, "hello", 5, 0, SA(a))); show_name("sender", getsockname, c); T(sendto(c, "", 0, 0, SA(a))); T(sendto(c, "third", 5, 0, SA(a))); settle();
    int n; T(ioctl(s, FIONREAD, &n)); printf("%d\n", n); show_poll("receiver", s);
    len = sizeof from; T(recvfrom(s, b, 3, 0, (void *)&from, &len)); printf("len %d from sender %d\n", len, ntohs(from.sin_port) == port_of(c)); T(recv(s, b, 10, 0)); T(recv(s, b, 2, MSG_TRUNC)); T(recv(s, b, 2, MSG_DONTWAIT));
    T(sendto(c, b, 65507, 0, SA(a))); T(sendto(c, b, 65508, 0, SA(a))); settle(); T(recv(s, b, sizeof b, 0));
    T(connect(c, SA(a))); show_name("connected", getsockname, c); show_name("peer", getpeername, c); T(send(c, "x", 1, 0)); int d = udp(); struct sockaddr_in ca = at("127.0.0.1", port_of(c)); T(sendto(d, "lost", 4, 0, SA(ca))); settle(); T(recv(c, b, 1, MSG_DONTWAIT)); T(sendto(s, "heard", 5, 0, SA(ca))); settle(); T(recv(c, b, 10, MSG_DONTWAIT));
    T(close(s)); T(send(c, "x", 1, 0)); settle(); show_poll("refused", c); T(send(c, "x", 1, 0)); T(send(c, "x", 1, 0)); settle(); T(recv(c, b, 1, MSG_DONTWAIT)); T(recv(c, b, 1, MSG_DONTWAIT)); T(sendto(d, "x", 1, 0, SA(a))); settle(); T(recv(d, b, 1, MSG_DONTWAIT));
    T(connect(c, SA(none))); show_name("peer", getpeername, c); show_name("own", getsockname, c); T(send(c, "x", 1, 0)); T(send(c, "x", 1, MSG_OOB));
    struct sockaddr_in far = at("8.8.8.8", 80), broad = at("255.255.255.255", 80), unix_ = { .sin_family = AF_UNIX, .sin_port = 5 }; T(sendto(c, "x", 1, 0, SA(far))); T(connect(c, SA(far))); T(sendto(c, "x", 1, 0, SA(broad))); T(sendto(c, "x", 1, 0, SA(unix_))); T(sendto(c, "x", 1, 0, (void *)&a, 4));
    s = udp(); T(bind(s, SA(a))); int s2 = udp(); T(bind(s2, SA(a))); set(s, SOL_SOCKET, SO_REUSEADDR, 1); set(s2, SOL_SOCKET, SO_REUSEADDR, 1); T(bind(s2, SA(a))); T(sendto(c, "x", 1, 0, SA(a))); settle(); T(recv(s, b, 1, MSG_DONTWAIT)); T(recv(s2, b, 1, MSG_DONTWAIT)); close(s2);
    for (n = 0; n < 1000; n++) sendto(c, b, 1000, 0, SA(a)); settle(); for (n = 0; recv(s, b, 1000, MSG_DONTWAIT) > 0; n++); printf("kept %d of 1000\n", n);
    close(s); close(c); close(d);
}

static void v6(void)
{
    puts("== ipv6");
    char b[10]; struct sockaddr_in6 any = at6("::", 0), one = at6("::1", 0), mapped = at6("::ffff:127.0.0.1", 0), far = at6("2001:db8::1", 80); struct sockaddr_in a = at("127.0.0.1", 0);
    int l = socket(AF_INET6, SOCK_STREAM, 0); T(bind(l, SA(any))); T(listen(l, 5)); int port = port_of(l); show_name("bound", getsockname, l);
    one.sin6_port = mapped.sin6_port = a.sin_port = htons(port);
    int c = tcp(); T(connect(c, SA(a))); int s = accept(l, 0, 0); show_name("server", getsockname, s); show_name("server peer", getpeername, s); close(c); close(s);
    c = socket(AF_INET6, SOCK_STREAM, 0); T(connect(c, SA(one))); s = accept(l, 0, 0); show_name("server", getsockname, s); show_name("client", getsockname, c); close(c); close(s);
    c = socket(AF_INET6, SOCK_STREAM, 0); T(connect(c, SA(mapped))); s = accept(l, 0, 0); show_name("server", getsockname, s); show_name("client", getsockname, c); close(c); close(s);
    any.sin6_port = htons(port); c = socket(AF_INET6, SOCK_STREAM, 0); T(connect(c, SA(any))); show_name("peer", getpeername, c); close(c); s = accept(l, 0, 0); close(s);
    struct sockaddr_in zero = at("0.0.0.0", port); c = tcp(); T(connect(c, SA(zero))); show_name("peer", getpeername, c); close(c); s = accept(l, 0, 0); close(s);
    struct sockaddr_in five = at("127.0.0.5", port); c = tcp(); T(connect(c, SA(five))); show_name("client", getsockname, c); show_name("peer", getpeername, c); close(c); s = accept(l, 0, 0); close(s);
    int l4 = tcp(); T(bind(l4, SA(a))); close(l4); close(l);
    l = socket(AF_INET6, SOCK_STREAM, 0); printf("v6only %d\n", opt(l, IPPROTO_IPV6, IPV6_V6ONLY)); T(set(l, IPPROTO_IPV6, IPV6_V6ONLY, 1)); any.sin6_port = 0; T(bind(l, SA(any))); port = port_of(l); T(set(l, IPPROTO_IPV6, IPV6_V6ONLY, 0)); T(listen(l, 5)); a.sin_port = htons(port); c = tcp(); T(connect(c, SA(a))); close(c); l4 = tcp(); T(bind(l4, SA(a))); close(l4); close(l);
    c = socket(AF_INET6, SOCK_STREAM, 0); T(connect(c, SA(far))); T(connect(c, SA(a))); T(bind(c, SA(a))); T(bind(c, SA(far))); T(bind(c, (void *)&any, 20)); close(c);
    int u = socket(AF_INET6, SOCK_DGRAM, 0); any.sin6_port = 0; bind(u, SA(any)); a.sin_port = htons(port_of(u)); int d = udp(); T(sendto(d, "x", 1, 0, SA(a))); struct sockaddr_in6 from; socklen_t len = sizeof from; T(recvfrom(u, b, 10, 0, (void *)&from, &len)); char t[64]; printf("len %d from %s\n", len, inet_ntop(AF_INET6, &from.sin6_addr, t, sizeof t)); T(sendto(u, "y", 1, 0, SA(from))); T(recv(d, b, 10, 0)); close(u); close(d);
}

static void many(void)
{
    puts("== a stream through a fork");
    struct sockaddr_in a = at("127.0.0.1", 0); int l = tcp(); bind(l, SA(a)); listen(l, 1); a.sin_port = htons(port_of(l));
    static char big[300000]; long sum = 0, got = 0; int status;
    for (int i = 0; i < (int)sizeof big; i++) big[i] = i * 7;
    if (!fork()) { int c = tcp(); connect(c, SA(a)); for (int k = 0; k < 20; k++) if (send(c, big, sizeof big, 0) != sizeof big) _exit(1); char x[1]; shutdown(c, SHUT_WR); _exit(read(c, x, 1) == 1 ? 0 : 2); }
    int s = accept(l, 0, 0); char b[7777]; int n; while ((n = read(s, b, sizeof b)) > 0) { for (int i = 0; i < n; i++) sum += (unsigned char)b[i] ^ (unsigned char)((got + i) % sizeof big * 7); got += n; }
    printf("got %ld wrong %ld\n", got, sum); T(write(s, "x", 1)); close(s); wait(&status); printf("status %d\n", status); close(l);
    puts("== interfaces");
    struct ifaddrs *ifs, *i; T(getifaddrs(&ifs)); for (i = ifs; i; i = i->ifa_next) { char t[64] = ""; int f = i->ifa_addr->sa_family; if (f == AF_INET || f == AF_INET6) inet_ntop(f, f == AF_INET ? (void *)&((struct sockaddr_in *)i->ifa_addr)->sin_addr : (void *)&((struct sockaddr_in6 *)i->ifa_addr)->sin6_addr, t, sizeof t); if (!strcmp(i->ifa_name, "lo")) printf("%s family %d flags %x %s\n", i->ifa_name, f, i->ifa_flags, t); }
    printf("%u\n", if_nametoindex("lo")); char name[IF_NAMESIZE]; printf("%s\n", if_indextoname(1, name)); T(if_nametoindex("eth7"));
    int r = socket(AF_INET, SOCK_RAW, 1); printf("raw %s\n", r >= 0 || errno == EPERM ? "as allowed" : err(-1));
}

int main(void)
{
    setvbuf(stdout, 0, _IOLBF, 0);
    stream(); errors(); datagrams(); v6(); many();
    return 0;
}
