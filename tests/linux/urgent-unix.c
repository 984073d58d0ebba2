/*
 * urgent-unix: urgent data of AF_UNIX streams: where reads end, what is read aside and inline, marks, signals, refusals.
 *
 * unix(7), send(2), sockatmark(3).
 */
#include "probe.h"
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

static int ends[2];

static void told(int signal)
{
    write(1, "SIGURG\n", 7);
}

static void fresh(void)
{
    close(ends[0]), close(ends[1]);
    socketpair(AF_UNIX, SOCK_STREAM, 0, ends);
    fcntl(ends[1], F_SETOWN, getpid());
}

static void state(void)
{
    struct pollfd polled = {ends[1], POLLIN | POLLPRI | POLLRDBAND};
    int mark = -1, waiting = -1;
    poll(&polled, 1, 0);
    ioctl(ends[1], SIOCATMARK, &mark), ioctl(ends[1], FIONREAD, &waiting);
    printf("  poll %x, mark %d, %d bytes\n", polled.revents, mark, waiting);
    fflush(stdout);
}

static void get(const char *how, int flags, size_t len)
{
    char text[32] = "";
    struct iovec vector = {text, len};
    struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1};
    errno = 0;
    int n = recvmsg(ends[1], &message, flags | MSG_DONTWAIT);
    if (n < 0)
        printf("  %s: %s\n", how, strerrorname_np(errno));
    else
        printf("  %s: %d '%.*s', flags %x\n", how, n, n, text, message.msg_flags & ~MSG_CMSG_CLOEXEC);
    fflush(stdout);
}

static void put(const char *text, int flags)
{
    printf("send %s%s: ", text, flags & MSG_OOB ? ", the last byte urgent" : "");
    fflush(stdout);
    errno = 0;
    int n = send(ends[0], text, strlen(text), flags | MSG_NOSIGNAL);
    if (n < 0)
        printf("%s\n", strerrorname_np(errno));
    else
        printf("%d\n", n);
    fflush(stdout);
}

#define READ get("read", 0, 32)
#define ASIDE get("aside", MSG_OOB, 32)
#define PEEK get("peek", MSG_PEEK, 32)

int main(void)
{
    signal(SIGURG, told);
    fresh();
    put("abc", 0), put("xyz", MSG_OOB), state(), PEEK, get("peek aside", MSG_OOB | MSG_PEEK, 32), READ, state(), PEEK;
    ASIDE, ASIDE, state(), PEEK, READ, state();

    printf("the later one counts\n");
    put("1", MSG_OOB), put("2", MSG_OOB), state(), READ, state(), ASIDE, READ;

    printf("left out\n");
    put("ab", MSG_OOB), put("cd", 0), PEEK, READ, state(), PEEK, READ, READ, state();

    printf("read aside first\n");
    put("ab", MSG_OOB), put("cd", 0), ASIDE, state(), PEEK, READ, state(), READ, state();

    printf("two marks\n");
    put("a", MSG_OOB), ASIDE, put("b", MSG_OOB), state(), PEEK, READ, state();
    put("xa", MSG_OOB), ASIDE, put("yb", MSG_OOB), put("z", 0), state(), READ, READ, READ, state();

    printf("byte by byte\n");
    put("pqr", MSG_OOB), put("st", 0);
    for (int i = 0; i < 5; i++)
        get("one", 0, 1), state();
    put("pqr", MSG_OOB), put("st", 0), get("all", MSG_WAITALL, 5), get("all", MSG_WAITALL, 5);

    printf("inline\n");
    int on = 1;
    TRY(setsockopt(ends[1], SOL_SOCKET, SO_OOBINLINE, &on, sizeof on));
    put("ab", MSG_OOB), put("cd", 0), ASIDE, PEEK, READ, state(), PEEK, READ, READ, state();
    on = 0, setsockopt(ends[1], SOL_SOCKET, SO_OOBINLINE, &on, sizeof on);
    put("e", MSG_OOB), READ, state(), ASIDE, READ;

    printf("ends\n");
    fresh();
    put("f", MSG_OOB), close(ends[0]), state(), READ, state(), ASIDE, READ;
    fresh();
    put("gh", MSG_OOB), close(ends[0]), ASIDE, READ, READ, state();
    fresh();
    put("ij", MSG_OOB), READ, ASIDE, TRY(shutdown(ends[1], SHUT_RD)), put("k", MSG_OOB), state(), READ;
    fresh();
    send(ends[1], "l", 1, MSG_OOB), recv(ends[0], &on, 1, MSG_OOB), close(ends[0]), READ;
    socketpair(AF_UNIX, SOCK_STREAM, 0, ends);
    send(ends[1], "lm", 2, MSG_OOB), recv(ends[0], &on, 1, MSG_OOB), close(ends[0]), READ;

    printf("a sleeping reader\n");
    fresh();
    fflush(stdout);
    if (fork() == 0) {
        settle();
        send(ends[0], "n", 1, MSG_OOB);
        settle();
        send(ends[0], "o", 1, 0);
        _exit(0);
    }
    char byte = 0;
    signal(SIGURG, SIG_IGN);
    TRY(recv(ends[1], &byte, 1, 0)), printf("%c\n", byte);
    wait(NULL);

    int pair[2];
    TRY(send(ends[0], "", 0, MSG_OOB));
    socketpair(AF_UNIX, SOCK_DGRAM, 0, pair);
    TRY(send(pair[0], "a", 1, MSG_OOB)), TRY(recv(pair[1], &byte, 1, MSG_OOB | MSG_DONTWAIT)), TRY(ioctl(pair[1], SIOCATMARK, &on)), TRY(on);
    socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair);
    TRY(send(pair[0], "a", 1, MSG_OOB)), TRY(recv(pair[1], &byte, 1, MSG_OOB | MSG_DONTWAIT));
}
