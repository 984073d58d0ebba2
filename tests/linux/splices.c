/*
 * splices: splice(2) from sockets into pipes, and what ends it.
 */
#include "probe.h"
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

static int ends[2];

static void get(const char *what, int from, size_t len, unsigned flags)
{
    char bytes[100] = {0};
    errno = 0;
    long moved = splice(from, NULL, ends[1], NULL, len, flags);
    printf("%s: ", what);
    if (moved < 0) {
        printf("%s\n", strerrorname_np(errno));
        return;
    }
    printf("%ld", moved);
    if (moved > 0 && moved < 100) {
        read(ends[0], bytes, moved);
        printf(" \"%s\"", bytes);
    }
    printf("\n");
}

static void tcp(int *client, int *server)
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

static void udp(int *client, int *server)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    *server = socket(AF_INET, SOCK_DGRAM, 0);
    bind(*server, (void *)&at, len);
    getsockname(*server, (void *)&at, &len);
    *client = socket(AF_INET, SOCK_DGRAM, 0);
    connect(*client, (void *)&at, len);
}

static void later(int to, const char *text)
{
    if (fork() == 0) {
        settle();
        write(to, text, strlen(text));
        _exit(0);
    }
}

static void stream(const char *name, int client, int server)
{
    loff_t offset = 0;
    char big[8192];
    printf("%s\n", name);
    write(client, "hello", 5);
    settle();
    get("part", server, 3, 0);
    get("rest", server, 30, 0);
    later(client, "late");
    get("waits", server, 30, 0);
    wait(NULL);
    fcntl(server, F_SETFL, O_NONBLOCK);
    get("nonblocking, nothing", server, 30, 0);
    write(client, "soon", 4);
    settle();
    get("nonblocking, something", server, 30, SPLICE_F_NONBLOCK);
    fcntl(server, F_SETFL, 0);
    TRY(splice(server, &offset, ends[1], NULL, 10, 0));
    write(client, "ab", 2);
    write(client, "cd", 2);
    settle();
    get("two writes", server, 30, SPLICE_F_MOVE);
    memset(big, 'x', sizeof big);
    fcntl(ends[1], F_SETPIPE_SZ, 4096);
    write(client, big, sizeof big);
    settle();
    get("more than the pipe holds", server, sizeof big, 0);
    fcntl(ends[1], F_SETFL, O_WRONLY | O_NONBLOCK);
    get("the pipe is full", server, 10, 0);
    get("the pipe is full and will not do", server, 10, SPLICE_F_NONBLOCK);
    fcntl(ends[1], F_SETFL, O_WRONLY);
    printf("drained %ld\n", (long)read(ends[0], big, sizeof big));
    get("the rest", server, sizeof big, 0);
    printf("drained %ld\n", (long)read(ends[0], big, sizeof big));
    fcntl(ends[1], F_SETPIPE_SZ, 65536);
    shutdown(client, SHUT_WR);
    settle();
    get("the end", server, 30, 0);
    get("the end again", server, 30, 0);
    close(client);
    close(server);
}

static void messages(const char *name, int client, int server)
{
    printf("%s\n", name);
    write(client, "hello", 5);
    write(client, "world", 5);
    settle();
    get("part of a message", server, 3, 0);
    get("the next", server, 30, 0);
    later(client, "late");
    get("waits", server, 30, 0);
    wait(NULL);
    fcntl(server, F_SETFL, O_NONBLOCK);
    get("nonblocking", server, 30, 0);
    close(client);
    close(server);
}

int main(void)
{
    int pair[2];
    signal(SIGPIPE, SIG_IGN);
    pipe(ends);
    tcp(&pair[0], &pair[1]);
    stream("tcp", pair[0], pair[1]);
    socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
    stream("unix", pair[0], pair[1]);
    udp(&pair[0], &pair[1]);
    messages("udp", pair[0], pair[1]);
    socketpair(AF_UNIX, SOCK_DGRAM, 0, pair);
    messages("unix datagrams", pair[0], pair[1]);
    socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair);
    messages("unix packets", pair[0], pair[1]);
    int idle = socket(AF_INET, SOCK_STREAM, 0);
    get("not connected", idle, 10, 0);
    listen(idle, 1);
    get("listening", idle, 10, 0);
    close(idle);
    idle = socket(AF_UNIX, SOCK_STREAM, 0);
    get("not connected", idle, 10, 0);
    return 0;
}
