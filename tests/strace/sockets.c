// Sockets, messages, and waiting for descriptors: poll, select, epoll.
#include "trace.h"
#include <arpa/inet.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

static struct sockaddr_in *inet(const char *ip, int port) {
    struct sockaddr_in *address = COPY(struct sockaddr_in, {AF_INET, htons(port)});
    inet_pton(AF_INET, ip, &address->sin_addr);
    return address;
}

static void addresses(void) {
    int *fds = room(8);
    CALL(socket, AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CALL(socket, AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK, IPPROTO_UDP);
    CALL(socket, AF_UNIX, SOCK_SEQPACKET, 0);
    CALL(socket, AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    CALL(socket, AF_INET, SOCK_STREAM, IPPROTO_TCP);
    CALL(socket, 99, 0x123400 | 9, 77);
    CALL(socket, AF_INET, 0x77, IPPROTO_TCP);
    CALL(socket, AF_UNIX, SOCK_STREAM, 5);
    CALL(socketpair, AF_UNIX, SOCK_STREAM, 0, NOWHERE);
    CALL(socketpair, AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0, fds);
    CALL(bind, 3, inet("127.0.0.1", 4711), 16);
    CALL(bind, 3, inet("127.0.0.1", 4711), 3);
    CALL(bind, 3, NOWHERE, 16);
    CALL(bind, 3, NULL, 16);
    struct sockaddr_in6 *six = COPY(struct sockaddr_in6, {AF_INET6, htons(53), htonl(5), IN6ADDR_LOOPBACK_INIT, 0});
    CALL(bind, 4, six, 28);
    CALL(bind, 4, six, 24);
    struct sockaddr_un *un = room(sizeof *un);
    un->sun_family = AF_UNIX;
    strcpy(un->sun_path, "/tmp/a socket");
    CALL(bind, 5, un, 110);
    CALL(unlinkat, AT_FDCWD, text("/tmp/a socket"), 0);
    CALL(connect, 5, un, 12);
    memcpy(un->sun_path, "\0abstract\1name", 14);
    CALL(connect, 5, un, 16);
    CALL(connect, 5, un, 2);
    CALL(connect, 5, un, 300);
    CALL(connect, 5, un, -1);
    struct sockaddr_nl *netlink = COPY(struct sockaddr_nl, {AF_NETLINK, 0, 0, 0x11});
    CALL(bind, 6, netlink, 12);
    un->sun_family = 99;
    CALL(connect, 5, un, 20);
    un->sun_family = 0;
    CALL(connect, 7, un, 16);
    CALL(connect, 7, inet("127.0.0.1", 4712), 16);
    CALL(listen, 3, 5);
    CALL(listen, 99, -1);
    CALL(connect, 7, inet("127.0.0.1", 4711), 16);
    int *len = COPY(int, {16});
    void *to = room(128);
    CALL(getsockname, 3, to, len);
    *len = 5;
    CALL(getsockname, 3, to, len);
    CALL(getpeername, 3, to, len);
    *len = -1;
    CALL(getsockname, 3, to, len);
    CALL(getsockname, 3, NULL, NULL);
    *len = 128;
    CALL(getpeername, 7, to, len);
    CALL(getpeername, 99, to, NOWHERE);
    *len = 0;
    CALL(accept, 99, NOWHERE, len);
    *len = 7;
    CALL(accept4, 3, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    CALL(accept4, 3, to, len, 0x1);
    CALL(shutdown, 8, SHUT_WR);
    CALL(shutdown, 8, SHUT_RDWR);
    CALL(shutdown, 8, 7);
    CALL(shutdown, 99, SHUT_RD);
}

static void options(void) {
    int *one = COPY(int, {1}), *len = COPY(int, {4});
    void *to = room(256);
    CALL(setsockopt, 3, SOL_SOCKET, SO_REUSEADDR, one, 4);
    CALL(setsockopt, 3, SOL_SOCKET, SO_KEEPALIVE, one, 4);
    CALL(setsockopt, 3, SOL_SOCKET, SO_LINGER, COPY(struct linger, {1, 5}), 8);
    CALL(setsockopt, 3, SOL_SOCKET, SO_RCVTIMEO, COPY(struct timeval, {1, 500000}), 16);
    CALL(setsockopt, 3, SOL_SOCKET, SO_RCVTIMEO, COPY(struct timeval, {0, 0}), 16);
    CALL(setsockopt, 3, SOL_SOCKET, SO_SNDTIMEO, COPY(struct timeval, {0, 0}), 5);
    CALL(setsockopt, 3, SOL_SOCKET, SO_TYPE, one, 4);
    CALL(setsockopt, 3, SOL_SOCKET, 999, one, 4);
    CALL(setsockopt, 3, SOL_SOCKET, SO_REUSEADDR, one, 1);
    CALL(setsockopt, 3, SOL_SOCKET, SO_REUSEADDR, NOWHERE, 4);
    CALL(setsockopt, 3, SOL_SOCKET, SO_REUSEADDR, NULL, 4);
    CALL(setsockopt, 3, SOL_SOCKET, SO_REUSEADDR, one, -1);
    CALL(setsockopt, 7, SOL_TCP, TCP_NODELAY, one, 4);
    CALL(setsockopt, 7, SOL_TCP, TCP_KEEPIDLE, one, 4);
    CALL(setsockopt, 7, SOL_TCP, 999, one, 4);
    CALL(setsockopt, 7, SOL_IP, IP_TOS, one, 4);
    CALL(setsockopt, 4, SOL_IPV6, IPV6_V6ONLY, one, 4);
    CALL(setsockopt, 3, 999, 5, one, 4);
    CALL(setsockopt, 99, IPPROTO_UDP, 1, one, 4);
    CALL(getsockopt, 3, SOL_SOCKET, SO_TYPE, to, len);
    CALL(getsockopt, 3, SOL_SOCKET, SO_ERROR, to, len);
    CALL(getsockopt, 3, SOL_SOCKET, SO_DOMAIN, to, len);
    CALL(getsockopt, 3, SOL_SOCKET, SO_PROTOCOL, to, len);
    CALL(getsockopt, 3, SOL_SOCKET, SO_ACCEPTCONN, to, len);
    *len = 2;
    CALL(getsockopt, 3, SOL_SOCKET, SO_REUSEADDR, to, len);
    *len = 8;
    CALL(getsockopt, 3, SOL_SOCKET, SO_LINGER, to, len);
    *len = 100;
    CALL(getsockopt, 3, SOL_SOCKET, SO_RCVTIMEO, to, len);
    *len = 12;
    CALL(getsockopt, 5, SOL_SOCKET, SO_PEERCRED, to, len);
    *len = 4;
    CALL(getsockopt, 3, SOL_SOCKET, 999, to, len);
    CALL(getsockopt, 3, SOL_SOCKET, SO_TYPE, to, NULL);
    CALL(getsockopt, 3, SOL_SOCKET, SO_TYPE, NOWHERE, len);
    *len = -1;
    CALL(getsockopt, 3, SOL_SOCKET, SO_TYPE, to, len);
    *len = 4;
    CALL(getsockopt, 7, SOL_TCP, TCP_NODELAY, to, len);
    *len = 0;
    CALL(getsockopt, 7, SOL_TCP, TCP_NODELAY, to, len);
    CALL(close_range, 3, 20, 0);
}

static void messages(void) {
    char *buffer = room(128);
    CALL(socketpair, AF_UNIX, SOCK_STREAM, 0, room(8));
    CALL(socketpair, AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, room(8));
    CALL(sendto, 3, text("a message\n"), 10, 0, NULL, 0);
    CALL(sendto, 3, text("forty bytes of text that are not all shown"), 40, MSG_NOSIGNAL | MSG_DONTWAIT | MSG_MORE, NULL, 0);
    CALL(sendto, 5, text("a"), 1, MSG_OOB, inet("1.2.3.4", 5), 16);
    CALL(sendto, 5, text("a"), 1, 0, NULL, 0);
    CALL(sendto, 99, NOWHERE, 1, 0x80000000, NOWHERE, 16);
    CALL(recvfrom, 4, buffer, 5, MSG_PEEK, NULL, NULL);
    CALL(recvfrom, 4, buffer, 128, 0, NULL, NULL);
    int *len = COPY(int, {100});
    CALL(recvfrom, 6, buffer, 128, MSG_TRUNC, room(100), len);
    CALL(recvfrom, 6, buffer, 128, MSG_DONTWAIT | MSG_WAITALL, room(100), len);
    CALL(recvfrom, 99, NOWHERE, 128, 0, NULL, NULL);
    struct iovec *vector = room(2 * sizeof *vector);
    vector[0] = (struct iovec){text("one"), 3};
    vector[1] = (struct iovec){text("and two"), 7};
    struct msghdr *header = room(sizeof *header);
    header->msg_iov = vector;
    header->msg_iovlen = 2;
    CALL(sendmsg, 3, header, MSG_NOSIGNAL);
    struct {struct cmsghdr header; int fds[2];} *rights = room(64);
    rights->header = (struct cmsghdr){.cmsg_len = CMSG_LEN(8), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
    rights->fds[0] = 0;
    rights->fds[1] = 5;
    header->msg_control = rights;
    header->msg_controllen = CMSG_SPACE(8);
    CALL(sendmsg, 3, header, 0);
    header->msg_controllen = 4;
    CALL(sendmsg, 3, header, 0);
    header->msg_controllen = CMSG_SPACE(8);
    rights->fds[1] = 99;
    CALL(sendmsg, 3, header, 0);
    struct {struct cmsghdr header; int ids[3];} *creds = room(64);
    creds->header = (struct cmsghdr){.cmsg_len = CMSG_LEN(12), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_CREDENTIALS};
    creds->ids[0] = 0x7fffffff;
    header->msg_control = creds;
    header->msg_controllen = CMSG_SPACE(12);
    CALL(sendmsg, 3, header, 0);
    creds->header.cmsg_type = 77;
    CALL(sendmsg, 3, header, 0);
    struct sockaddr_un *un = COPY(struct sockaddr_un, {AF_UNIX, "/tmp/none"});
    header->msg_control = NULL;
    header->msg_controllen = 0;
    header->msg_name = un;
    header->msg_namelen = 110;
    CALL(sendmsg, 5, header, 0);
    CALL(sendmsg, 5, NOWHERE, 0);
    header->msg_iov = NOWHERE;
    CALL(sendmsg, 99, header, 0);
    memset(header, 0, sizeof *header);
    vector[0] = (struct iovec){buffer, 4};
    vector[1] = (struct iovec){buffer + 4, 100};
    header->msg_iov = vector;
    header->msg_iovlen = 2;
    header->msg_control = room(128);
    header->msg_controllen = 64;
    CALL(recvmsg, 4, header, 0);
    header->msg_controllen = 64;
    CALL(recvmsg, 4, header, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    CALL(recvmsg, 4, header, MSG_DONTWAIT);
    CALL(recvmsg, 99, NOWHERE, 0);
    struct mmsghdr *headers = room(3 * sizeof *headers);
    for (int i = 0; i < 2; i++)
        headers[i].msg_hdr = (struct msghdr){.msg_iov = COPY(struct iovec, {text("many"), 4}), .msg_iovlen = 1};
    CALL(sendmmsg, 5, headers, 2, MSG_DONTWAIT);
    CALL(sendmmsg, 99, headers, 2, 0);
    CALL(recvmmsg, 6, headers, 2, MSG_DONTWAIT, NULL);
    CALL(recvmmsg, 6, headers, 2, MSG_DONTWAIT | MSG_WAITFORONE, COPY(struct timespec, {1, 0}));
    CALL(close_range, 5, 20, 0);
}

static void waiting(void) {
    struct pollfd *fds = room(40 * sizeof *fds);
    struct timespec *zero = COPY(struct timespec, {0, 0});
    fds[0] = (struct pollfd){3, POLLIN | POLLOUT | POLLPRI | POLLRDHUP};
    fds[1] = (struct pollfd){4, POLLIN};
    fds[2] = (struct pollfd){99, POLLIN | 0x4000};
    fds[3] = (struct pollfd){-1, POLLIN};
    CALL(ppoll, fds, 1, zero, NULL, 8L);
    CALL(ppoll, fds, 4, NULL, NULL, 8L);
    CALL(ppoll, fds + 1, 1, zero, COPY(uint64_t, {1 << 13}), 8L);
    CALL(ppoll, NULL, 0, zero, NULL, 0L);
    CALL(ppoll, fds, 40, zero, NULL, 8L);
    CALL(ppoll, NOWHERE, 1, zero, NULL, 8L);
    CALL(ppoll, fds, -1, COPY(struct timespec, {-1, 0}), NOWHERE, 4L);
    struct select_mask {void *set; unsigned long size;} *mask = COPY(struct select_mask, {COPY(uint64_t, {1 << 13}), 8});
    fd_set *in = room(128), *out = room(128);
    FD_SET(3, in);
    FD_SET(4, in);
    FD_SET(4, out);
    CALL(pselect6, 5, in, out, NULL, NULL, NULL);
    FD_SET(3, in);
    CALL(pselect6, 5, in, NULL, in, zero, mask);
    CALL(pselect6, 0, NULL, NULL, NULL, zero, NULL);
    CALL(pselect6, 5, NOWHERE, NULL, NULL, zero, NULL);
    FD_SET(40, out);
    CALL(pselect6, 41, NULL, out, NULL, zero, NULL);
    CALL(pselect6, -1, in, out, in, COPY(struct timespec, {0, -5}), NULL);
    CALL(epoll_create1, EPOLL_CLOEXEC);
    CALL(epoll_create1, 0x5);
    CALL(epoll_ctl, 5, EPOLL_CTL_ADD, 3, COPY(struct epoll_event, {EPOLLIN | EPOLLOUT | EPOLLET, {.u32 = 3}}));
    CALL(epoll_ctl, 5, EPOLL_CTL_ADD, 4, COPY(struct epoll_event, {EPOLLIN | EPOLLONESHOT | EPOLLRDHUP, {.u64 = 0x123456789abc}}));
    CALL(epoll_ctl, 5, EPOLL_CTL_MOD, 4, COPY(struct epoll_event, {EPOLLPRI | 0x100, {.u64 = -1}}));
    CALL(epoll_ctl, 5, EPOLL_CTL_ADD, 4, NOWHERE);
    CALL(epoll_ctl, 5, EPOLL_CTL_DEL, 99, NULL);
    CALL(epoll_ctl, 5, 9, 3, COPY(struct epoll_event, {0}));
    void *events = room(12 * 16);
    CALL(epoll_pwait, 5, events, 8, 0, NULL, 8L);
    CALL(epoll_pwait, 5, events, 8, 0, COPY(uint64_t, {1 << 13}), 8L);
    CALL(epoll_pwait, 5, events, 0, -1, NULL, 8L);
    CALL(epoll_pwait, 99, NOWHERE, 1, -1, NOWHERE, 4L);
    CALL(epoll_pwait2, 5, events, 8, zero, NULL, 8L);
    CALL(epoll_pwait2, 5, events, 8, COPY(struct timespec, {0, 1000}), COPY(uint64_t, {1}), 8L);
    CALL(epoll_ctl, 5, EPOLL_CTL_DEL, 4, NULL);
    int *number = room(4);
    CALL(ioctl, 3, FIONREAD, number);
    *number = 1;
    CALL(ioctl, 3, FIONBIO, number);
    CALL(fcntl, 3, F_GETFL);
    CALL(shutdown, 3, SHUT_RDWR);
    CALL(read, 4, room(8), 8);
    CALL(write, 4, text("into nothing"), 12);
}

int main(void) {
    signal(SIGPIPE, SIG_IGN);
    begin();
    addresses();
    options();
    messages();
    waiting();
    return 0;
}
