/*
 * urgent: out-of-band data of TCP: its mark, its signal, and how it is read.
 *
 * tcp(7), socket(7) SO_OOBINLINE, send(2) MSG_OOB, sockatmark(3), poll(2) POLLPRI, fcntl(2) F_SETOWN.
 */
#include "probe.h"
#include <netinet/in.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <sys/socket.h>

static volatile sig_atomic_t urged;

static void on_urgent(int signal)
{
    (void)signal;
    urged++;
}

static void pair(int *client, int *server)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    bind(listener, (void *)&at, len);
    listen(listener, 1);
    getsockname(listener, (void *)&at, &len);
    *client = socket(AF_INET, SOCK_STREAM, 0);
    connect(*client, (void *)&at, len);
    *server = accept(listener, NULL, NULL);
    close(listener);
}

static void state(const char *what, int fd)
{
    struct pollfd one = {.fd = fd, .events = POLLIN | POLLPRI | POLLRDBAND | POLLRDNORM};
    int mark = -1, unread = -1;
    poll(&one, 1, 20);
    ioctl(fd, SIOCATMARK, &mark);
    ioctl(fd, FIONREAD, &unread);
    fd_set except;
    FD_ZERO(&except);
    FD_SET(fd, &except);
    struct timeval now = {0};
    int exceptional = select(fd + 1, NULL, NULL, &except, &now);
    printf("%s: poll %x, at mark %d, unread %d, exceptional %d, urged %d\n", what, one.revents, mark, unread,
           exceptional, urged);
}

static void get(const char *what, int fd, int len, int flags)
{
    char bytes[64] = {0};
    long got = recv(fd, bytes, len, flags | MSG_DONTWAIT);
    if (got < 0)
        printf("%s: %s\n", what, strerrorname_np(errno));
    else
        printf("%s: %ld \"%s\"\n", what, got, bytes);
}

static void aside(void)
{
    int client, server;
    pair(&client, &server);
    TRY(fcntl(server, F_SETOWN, getpid()));
    get("nothing urgent", server, 1, MSG_OOB);
    state("nothing", server);
    TRY(send(client, "abc", 3, MSG_OOB));
    state("c is urgent", server);
    get("peek urgent", server, 1, MSG_OOB | MSG_PEEK);
    get("urgent of length 0", server, 0, MSG_OOB);
    get("urgent", server, 10, MSG_OOB);
    get("urgent again", server, 1, MSG_OOB);
    state("c was read", server);
    TRY(send(client, "de", 2, 0));
    get("up to the mark", server, 10, 0);
    state("at the mark", server);
    get("beyond", server, 10, 0);
    state("beyond", server);
    TRY(send(client, "X", 1, MSG_OOB));
    state("X alone", server);
    get("only X", server, 10, 0);
    get("X", server, 1, MSG_OOB);
    TRY(send(client, "12", 2, MSG_OOB));
    TRY(send(client, "34", 2, MSG_OOB));
    state("two were urgent", server);
    get("the later", server, 1, MSG_OOB);
    get("before it", server, 10, 0);
    get("then", server, 10, 0);
    TRY(send(client, "pq", 2, MSG_OOB));
    get("p", server, 1, 0);
    state("q is next", server);
    TRY(send(client, "rs", 2, 0));
    get("past what was urgent", server, 10, 0);
    get("too late", server, 1, MSG_OOB);
    state("past", server);
    TRY(send(client, "", 0, MSG_OOB));
    state("empty", server);
    close(client);
    close(server);
}

static void within(void)
{
    int client, server, one = 1;
    pair(&client, &server);
    urged = 0;
    fcntl(server, F_SETOWN, getpid());
    TRY(setsockopt(server, SOL_SOCKET, SO_OOBINLINE, &one, sizeof one));
    send(client, "ab!", 3, MSG_OOB);
    send(client, "cd", 2, 0);
    state("inline", server);
    get("not aside", server, 1, MSG_OOB);
    get("up to the mark", server, 10, 0);
    state("at the mark", server);
    get("the rest", server, 10, 0);
    state("after it", server);
    close(client);
    close(server);
}

static void others(void)
{
    int pair_of[2], client, server;
    socketpair(AF_UNIX, SOCK_DGRAM, 0, pair_of);
    TRY(send(pair_of[0], "x", 1, MSG_OOB));
    close(pair_of[0]);
    close(pair_of[1]);
    int udp = socket(AF_INET, SOCK_DGRAM, 0);
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(9)};
    TRY(sendto(udp, "x", 1, MSG_OOB, (void *)&at, sizeof at));
    TRY(recv(udp, &at, 1, MSG_OOB | MSG_DONTWAIT));
    close(udp);

    pair(&client, &server);
    send(client, "ab", 2, MSG_OOB);
    close(client);
    state("urgent, then closed", server);
    get("urgent", server, 1, MSG_OOB);
    get("the rest", server, 10, 0);
    get("the end", server, 10, 0);
    get("urgent at the end", server, 1, MSG_OOB);
    close(server);

    pair(&client, &server);
    int epoll = epoll_create1(0);
    struct epoll_event event = {.events = EPOLLPRI | EPOLLET};
    epoll_ctl(epoll, EPOLL_CTL_ADD, server, &event);
    event.events = 0;
    TRY(epoll_wait(epoll, &event, 1, 0));
    send(client, "z", 1, MSG_OOB);
    TRY(epoll_wait(epoll, &event, 1, 100));
    printf("events %x\n", event.events);
    close(epoll);
    close(client);
    close(server);
}

int main(void)
{
    signal(SIGURG, on_urgent);
    aside();
    within();
    others();
    return 0;
}
