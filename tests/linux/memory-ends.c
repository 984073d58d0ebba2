/* Memory runs out: which process is ended, and that the others go on with what they had. */
#include "probe.h"

#define MIB (1ul << 20)

static int children[2];
static void adjust(int value)
{
    char text[16];
    int fd = open("/proc/self/oom_score_adj", O_WRONLY);
    write(fd, text, sprintf(text, "%d", value));
    close(fd);
}
/* Fills so much memory and says so; then waits to be asked whether it is still what it was. */
static pid_t keeper(size_t len, int adj, int fds[2])
{
    int up[2], down[2];
    pipe(up);
    pipe(down);
    pid_t pid = fork();
    if (pid == 0) {
        char c;
        adjust(adj);
        close(down[1]);
        char *p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        memset(p, 'k', len);
        write(up[1], "r", 1);
        read(down[0], &c, 1);
        for (size_t i = 0; i < len; i += 4097)
            if (p[i] != 'k')
                _exit(2);
        _exit(0);
    }
    close(up[1]);
    close(down[0]);
    char c;
    read(up[0], &c, 1);
    close(up[0]);
    fds[0] = down[1];
    return pid;
}
static const char *ended(pid_t pid)
{
    int status;
    waitpid(pid, &status, 0);
    return WIFSIGNALED(status) ? strsignal(WTERMSIG(status)) : WEXITSTATUS(status) ? "exit, not 0" : "exit 0";
}
/* Touches memory until it has it all, by stores of its own or by a call. */
static pid_t hog(int by_call, int adj)
{
    pid_t pid = fork();
    if (pid == 0) {
        adjust(adj);
        size_t len = 1ul << 35;
        char *p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        int zero = open("/dev/zero", O_RDONLY);
        for (size_t at = 0; at < len; at += MIB)
            if (by_call)
                read(zero, p + at, MIB);
            else
                for (size_t page = at; page < at + MIB; page += 4096)
                    p[page] = 1;
        _exit(0);
    }
    return pid;
}
/* Has much memory and a file in memory that grows until there is none: by writes, or by reserving pages. */
static pid_t filler(int reserves)
{
    pid_t pid = fork();
    if (pid == 0) {
        size_t len = 64 * MIB;
        char *p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        memset(p, 'f', len);
        int fd = memfd_create("filled", 0);
        for (size_t at = 0; at < 1ul << 35; at += MIB)
            if (reserves ? fallocate(fd, 0, at, MIB) < 0 : pwrite(fd, p, MIB, at) < 0)
                _exit(errno == ENOSPC ? 3 : 4);
        _exit(0);
    }
    return pid;
}
int main(void)
{
    int fd;
    pid_t kept = keeper(16 * MIB, 0, &fd);
    printf("a hog that stores: %s\n", ended(hog(0, 0)));
    printf("a hog that calls: %s\n", ended(hog(1, 0)));
    close(fd);
    printf("who had a little all the time: %s\n", ended(kept));

    kept = keeper(16 * MIB, 1000, &fd);
    pid_t greedy = hog(0, 0);
    printf("who had a little and offered to end: %s\n", ended(kept));
    printf("the hog, then: %s\n", ended(greedy));
    close(fd);

    kept = keeper(64 * MIB, -1000, &fd);
    greedy = hog(0, -500);
    printf("a hog that would rather not end: %s\n", ended(greedy));
    close(fd);
    printf("who must never end: %s\n", ended(kept));

    printf("a hog that fills a file in memory: %s\n", ended(filler(0)));
    printf("a hog that reserves a file in memory: %s\n", ended(filler(1)));

    char c = 0;
    char text[32] = "";
    fd = open("/proc/self/oom_score_adj", O_RDONLY);
    read(fd, text, sizeof text - 1);
    printf("oom_score_adj at the end: %s", text);
    return 0;
}
