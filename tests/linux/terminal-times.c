/*
 * terminal-times: raw reads from a terminal that end by their count (VMIN), by their time (VTIME), or by whichever comes first.
 *
 * termios(3), "Canonical and noncanonical mode".
 */
#include "probe.h"
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <sys/time.h>
#include <time.h>

static int master, slave;


static void modes(int min, int time)
{
    struct termios raw;
    tcgetattr(slave, &raw);
    cfmakeraw(&raw);
    raw.c_cc[VMIN] = min;
    raw.c_cc[VTIME] = time;
    tcsetattr(slave, TCSANOW, &raw);
}

static void nap(long ms)
{
    struct timespec span = {ms / 1000, ms % 1000 * 1000000};
    nanosleep(&span, NULL);
}

/* Types one letter after each gap, in another process. */
static pid_t typist(const char *letters, const int *gaps)
{
    pid_t child = fork();
    if (child == 0) {
        for (int i = 0; letters[i] != 0; i++) {
            nap(gaps[i]);
            write(master, letters + i, 1);
        }
        _exit(0);
    }
    return child;
}

static void get(const char *what, int len)
{
    char bytes[64] = {0};
    struct timespec before, after;
    struct pollfd one = {.fd = slave, .events = POLLIN};
    poll(&one, 1, 0);
    clock_gettime(CLOCK_MONOTONIC, &before);
    long got = read(slave, bytes, len);
    clock_gettime(CLOCK_MONOTONIC, &after);
    long ms = (after.tv_sec - before.tv_sec) * 1000 + (after.tv_nsec - before.tv_nsec) / 1000000;
    printf("%s: poll %x, then ", what, one.revents);
    if (got < 0)
        printf("%s", strerrorname_np(errno));
    else
        printf("%ld \"%s\"", got, bytes);
    printf(" after %ld tenths\n", (ms + 50) / 100);
}

static void on_alarm(int signal)
{
    (void)signal;
}

int main(void)
{
    master = posix_openpt(O_RDWR | O_NOCTTY);
    grantpt(master);
    unlockpt(master);
    slave = open(ptsname(master), O_RDWR | O_NOCTTY);

    modes(0, 0);
    get("MIN 0, TIME 0", 9);
    write(master, "ab", 2);
    get("MIN 0, TIME 0 with two", 9);

    modes(0, 3);
    get("MIN 0, TIME 3", 9);
    write(master, "ab", 2);
    get("MIN 0, TIME 3 with two", 9);
    waitpid(typist("c", (int[]){100}), NULL, 0);
    get("MIN 0, TIME 3 with one typed before", 9);
    pid_t child = typist("d", (int[]){100});
    get("MIN 0, TIME 3 with one to come", 9);
    waitpid(child, NULL, 0);

    modes(3, 0);
    child = typist("efgh", (int[]){100, 100, 100, 100});
    get("MIN 3, TIME 0", 9);
    waitpid(child, NULL, 0);
    nap(20);
    tcflush(slave, TCIFLUSH);
    child = typist("ij", (int[]){0, 200});
    get("MIN 3, TIME 0, one asked", 1);
    waitpid(child, NULL, 0);
    tcflush(slave, TCIFLUSH);

    modes(4, 3);
    child = typist("kl", (int[]){200, 100});
    get("MIN 4, TIME 3, two in time", 9);
    waitpid(child, NULL, 0);
    child = typist("mnop", (int[]){500, 100, 100, 100});
    get("MIN 4, TIME 3, four in time", 9);
    waitpid(child, NULL, 0);
    write(master, "q", 1);
    get("MIN 4, TIME 3, one there", 9);
    child = typist("rs", (int[]){100, 100});
    get("MIN 4, TIME 3, two asked", 2);
    waitpid(child, NULL, 0);

    fcntl(slave, F_SETFL, O_NONBLOCK);
    get("nonblocking, nothing", 9);
    write(master, "t", 1);
    get("nonblocking, one", 9);
    modes(0, 3);
    get("nonblocking, MIN 0, TIME 3", 9);
    fcntl(slave, F_SETFL, 0);

    signal(SIGALRM, on_alarm);
    siginterrupt(SIGALRM, 1);
    modes(0, 9);
    struct itimerval alarm = {.it_value.tv_usec = 200000};
    setitimer(ITIMER_REAL, &alarm, NULL);
    get("interrupted", 9);

    /* What has come is read, though it is too little. */
    for (int restarts = 0; restarts < 2; restarts++) {
        siginterrupt(SIGALRM, !restarts);
        modes(5, 0);
        child = typist("uv", (int[]){0, 0});
        setitimer(ITIMER_REAL, &alarm, NULL);
        get("MIN 5, interrupted after two", 9);
        waitpid(child, NULL, 0);
        child = typist("wxyz0", (int[]){0, 0, 300, 0, 0});
        setitimer(ITIMER_REAL, &alarm, NULL);
        get("MIN 5, interrupted before the third", 9);
        waitpid(child, NULL, 0);
        modes(1, 0);
        get("the rest", 9);
    }

    child = fork();
    if (child == 0) {
        nap(200);
        close(master);
        _exit(0);
    }
    close(master);
    get("hung up", 9);
    waitpid(child, NULL, 0);
    return 0;
}
