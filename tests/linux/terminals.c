/* A terminal made by posix_openpt: its line discipline, its session, its signals and its end. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

static const char *error(long result) {
    return result < 0 ? strerrorname_np(errno) : "ok";
}

static void show(const char *what, const char *bytes, long len) {
    printf("%s:", what);
    if (len < 0) {
        printf(" %s", strerrorname_np(errno));
    }
    for (long i = 0; i < len; i++) {
        if (bytes[i] >= ' ' && bytes[i] < 127) {
            printf("%c", bytes[i]);
        } else {
            printf("\\%02x", (unsigned char)bytes[i]);
        }
    }
    printf("\n");
}

static void get(const char *what, int fd) {
    char bytes[8192];
    show(what, bytes, read(fd, bytes, sizeof bytes));
}

static int ready(int fd) {
    struct pollfd one = {.fd = fd, .events = POLLIN | POLLOUT};
    poll(&one, 1, 0);
    return one.revents;
}

static int pair(int *slave) {
    int master = posix_openpt(O_RDWR | O_NOCTTY);
    grantpt(master);
    unlockpt(master);
    *slave = open(ptsname(master), O_RDWR | O_NOCTTY);
    return master;
}

static void modes(void) {
    int slave, master = pair(&slave);
    struct termios t;
    tcgetattr(slave, &t);
    printf("modes %x %x %x %x\n", t.c_iflag, t.c_oflag, t.c_cflag, t.c_lflag);
    struct stat st;
    fstat(slave, &st);
    printf("slave %o %u:%u\n", st.st_mode, major(st.st_rdev), st.st_rdev ? 0 : 1);
    fstat(master, &st);
    printf("master %u:%u\n", major(st.st_rdev), minor(st.st_rdev));
    printf("tty %d %d, seek %s\n", isatty(slave), isatty(master), error(lseek(slave, 0, SEEK_SET)));
    write(master, "hello\nworld\r\n", 13);
    get("line", slave);
    get("line", slave);
    get("echo", master);
    write(slave, "a\tb\n", 4);
    get("shown", master);
    write(master, "ab\177c\n", 5);
    get("erased", slave);
    get("echo", master);
    write(master, "one two\027three\n", 14);
    get("word erased", slave);
    get("echo", master);
    write(master, "gone\025kept\n", 10);
    get("line killed", slave);
    get("echo", master);
    write(master, "a\026\003b\n", 5);
    get("literal", slave);
    get("echo", master);
    write(master, "part", 4);
    printf("half a line: %x\n", ready(slave));
    write(master, "\004", 1);
    printf("ended: %x\n", ready(slave));
    get("part", slave);
    write(master, "\004", 1);
    get("end of file", slave);
    get("echo", master);
    tcgetattr(slave, &t);
    t.c_lflag &= ~(ICANON | ECHO);
    t.c_iflag &= ~ICRNL;
    t.c_oflag &= ~OPOST;
    write(master, "typed", 5);
    get("echo", master);
    tcsetattr(slave, TCSANOW, &t);
    write(master, "\r\177", 2);
    get("raw", slave);
    write(slave, "x\n", 2);
    get("raw output", master);
    t.c_cc[VMIN] = 0;
    tcsetattr(slave, TCSANOW, &t);
    get("nothing", slave);
    write(master, "dropped", 7);
    tcflush(slave, TCIFLUSH);
    int count = -1;
    ioctl(slave, FIONREAD, &count);
    printf("after flush %d\n", count);
    cfmakeraw(&t);
    t.c_cc[VMIN] = 3;
    tcsetattr(slave, TCSANOW, &t);
    write(master, "ab", 2);
    printf("two of three: %x\n", ready(slave) & POLLIN);
    write(master, "c", 1);
    printf("three of three: %x\n", ready(slave) & POLLIN);
    close(slave);
    printf("without slave: %x\n", ready(master));
    get("master", master);
    close(master);
    int flags = O_RDWR | O_NOCTTY | O_NONBLOCK;
    master = posix_openpt(flags);
    printf("locked: %s\n", error(open(ptsname(master), O_RDWR)));
    printf("never opened: %x\n", ready(master));
    get("master", master);
    close(master);
}

static void hang_up(void) {
    int slave, master = pair(&slave);
    close(master);
    printf("hung up: %x\n", ready(slave));
    get("slave", slave);
    printf("write: %s\n", error(write(slave, "x", 1)));
    struct termios t;
    printf("tcgetattr: %s\n", error(tcgetattr(slave, &t)));
    close(slave);
}

static volatile sig_atomic_t seen[65];
static void handler(int signal) { seen[signal]++; }

static void session(void) {
    int slave, master = pair(&slave), told[2];
    pipe(told);
    printf("no terminal: %s\n", error(open("/dev/tty", O_RDWR)));
    printf("tcgetpgrp: %s\n", error(tcgetpgrp(slave)));
    fflush(stdout);
    pid_t leader = fork();
    if (leader == 0) {
        close(master);
        printf("not a leader: %s\n", error(ioctl(slave, TIOCSCTTY, 0)));
        setsid();
        printf("TIOCSCTTY: %s\n", error(ioctl(slave, TIOCSCTTY, 0)));
        printf("foreground %d, session %d\n", tcgetpgrp(slave) == getpid(), tcgetsid(slave) == getpid());
        int tty = open("/dev/tty", O_RDWR);
        printf("/dev/tty is a terminal: %d\n", isatty(tty));
        for (int s = 1; s < 32; s++) {
            if (s == SIGINT || s == SIGWINCH || s == SIGQUIT || s == SIGTSTP) {
                struct sigaction action = {.sa_handler = handler};
                sigaction(s, &action, NULL);
            }
        }
        fflush(stdout);
        write(told[1], "r", 1);
        char byte;
        while (seen[SIGINT] + seen[SIGQUIT] + seen[SIGTSTP] < 3) {
            printf("read: %s\n", error(read(slave, &byte, 1)));
        }
        printf("INT %d QUIT %d TSTP %d\n", seen[SIGINT], seen[SIGQUIT], seen[SIGTSTP]);
        fflush(stdout);
        write(told[1], "s", 1);
        while (!seen[SIGWINCH]) {
            usleep(1000);
        }
        struct winsize size;
        ioctl(slave, TIOCGWINSZ, &size);
        printf("window %d x %d\n", size.ws_row, size.ws_col);
        fflush(stdout);
        pid_t background = fork();
        if (background == 0) {
            setpgid(0, 0);
            read(slave, &byte, 1);
            _exit(1);
        }
        int status;
        waitpid(background, &status, WUNTRACED);
        printf("background read: %d by %s\n", WIFSTOPPED(status), sigabbrev_np(WSTOPSIG(status)));
        signal(SIGTTOU, SIG_IGN);
        printf("tcsetpgrp: %s\n", error(tcsetpgrp(slave, background)));
        write(told[1], "t", 1);
        kill(background, SIGCONT);
        waitpid(background, &status, 0);
        printf("in the foreground it reads: %d\n", WIFEXITED(status));
        printf("no such group: %s\n", error(tcsetpgrp(slave, 30000)));
        tcsetpgrp(slave, getpid());
        signal(SIGTTOU, SIG_DFL);
        background = fork();
        if (background == 0) {
            setpgid(0, 0);
            struct termios t;
            tcgetattr(slave, &t);
            tcsetattr(slave, TCSANOW, &t);
            _exit(write(slave, "w", 1));
        }
        waitpid(background, &status, WUNTRACED);
        printf("background tcsetattr: %d by %s\n", WIFSTOPPED(status), sigabbrev_np(WSTOPSIG(status)));
        fflush(stdout);
        kill(background, SIGKILL);
        waitpid(background, &status, 0);
        struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};
        sigaction(SIGHUP, &action, NULL);
        write(told[1], "u", 1);
        while (!seen[SIGHUP]) {
            usleep(1000);
        }
        printf("HUP\n");
        printf("/dev/tty after: %s\n", error(open("/dev/tty", O_RDWR)));
        fflush(stdout);
        _exit(7);
    }
    close(slave);
    char byte;
    const char *keys[] = {"\003", "\034", "\032"};
    read(told[0], &byte, 1);
    for (int i = 0; i < 3; i++) {
        usleep(20000);
        write(master, keys[i], 1);
    }
    read(told[0], &byte, 1);
    struct winsize size = {.ws_row = 30, .ws_col = 100};
    ioctl(master, TIOCSWINSZ, &size);
    read(told[0], &byte, 1);
    usleep(20000);
    write(master, "go\n", 3);
    read(told[0], &byte, 1);
    close(master);
    int status;
    waitpid(leader, &status, 0);
    printf("leader exited %d\n", WEXITSTATUS(status));
}

int main(void) {
    alarm(60);
    modes();
    hang_up();
    session();
    return 0;
}
