/* What is told of files: inotify, F_NOTIFY, SIGIO, leases. */
#include "probe.h"
#include <poll.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <utime.h>

static int in;

static void show_mask(unsigned mask)
{
    static const struct { unsigned bit; const char *name; } names[] = {
        { IN_ACCESS, "ACCESS" }, { IN_MODIFY, "MODIFY" }, { IN_ATTRIB, "ATTRIB" }, { IN_CLOSE_WRITE, "CLOSE_WRITE" },
        { IN_CLOSE_NOWRITE, "CLOSE_NOWRITE" }, { IN_OPEN, "OPEN" }, { IN_MOVED_FROM, "MOVED_FROM" }, { IN_MOVED_TO, "MOVED_TO" },
        { IN_CREATE, "CREATE" }, { IN_DELETE, "DELETE" }, { IN_DELETE_SELF, "DELETE_SELF" }, { IN_MOVE_SELF, "MOVE_SELF" },
        { IN_UNMOUNT, "UNMOUNT" }, { IN_Q_OVERFLOW, "Q_OVERFLOW" }, { IN_IGNORED, "IGNORED" }, { IN_ISDIR, "ISDIR" },
    };
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++)
        if (mask & names[i].bit)
            printf(" %s", names[i].name);
}

/* Prints what has been told. Cookies are shown as whether they are there. */
static void told(const char *what)
{
    char bytes[65536];
    ssize_t got;
    printf("%s:\n", what);
    while ((got = read(in, bytes, sizeof bytes)) > 0)
        for (char *at = bytes; at < bytes + got;) {
            struct inotify_event *event = (void *)at;
            printf("  %d", event->wd);
            show_mask(event->mask);
            printf("%s len %u %s\n", event->cookie ? " cookie" : "", event->len, event->len ? event->name : "");
            at += sizeof *event + event->len;
        }
}

static void files(void)
{
    char byte;
    mkdir("d", 0755);
    in = inotify_init1(IN_NONBLOCK);
    TRY(inotify_add_watch(in, "d", IN_ALL_EVENTS));
    int fd = open("d/a", O_CREAT | O_RDWR | O_TRUNC, 0644);
    told("create");
    write(fd, "xy", 2);
    write(fd, "z", 1);
    pread(fd, &byte, 1, 0);
    pread(fd, &byte, 1, 100);
    told("write twice, read");
    TRY(inotify_add_watch(in, "d/a", IN_ALL_EVENTS));
    fchmod(fd, 0600);
    ftruncate(fd, 1);
    futimens(fd, NULL);
    close(fd);
    told("file and directory watched");
    link("d/a", "d/b");
    told("link");
    unlink("d/b");
    told("unlink of one of two names");
    rename("d/a", "d/c");
    told("rename");
    fd = open("d/c", O_RDONLY);
    told("open");
    unlink("d/c");
    told("unlink while open");
    read(fd, &byte, 1);
    close(fd);
    told("use and close of what has no name");
    mkdir("d/sub", 0755);
    rmdir("d/sub");
    told("subdirectory");
    symlink("nowhere", "d/s");
    mkfifo("d/f", 0600);
    told("symlink and fifo");
    fd = open("d/s2", O_CREAT | O_WRONLY, 0600);
    close(fd);
    rename("d/s2", "d/s");
    told("rename over another");
    fd = open("d", O_RDONLY | O_DIRECTORY);
    close(fd);
    told("open of the directory");
    mkdir("e", 0755);
    TRY(inotify_add_watch(in, "e", IN_MOVED_TO | IN_MOVED_FROM | IN_MOVE_SELF));
    rename("d/s", "e/t");
    told("rename to another directory");
    rename("e", "e2");
    told("rename of the directory");
    unlink("e2/t");
    rmdir("e2");
    told("rmdir of a watched directory");
}

static void manners(void)
{
    close(in);
    in = inotify_init1(IN_NONBLOCK);
    int fd = open("m", O_CREAT | O_RDWR, 0644);
    TRY(inotify_add_watch(in, "m", 0));
    TRY(inotify_add_watch(in, "m", IN_MASK_ADD | IN_MASK_CREATE | IN_OPEN));
    TRY(inotify_add_watch(in, "nowhere", IN_OPEN));
    TRY(inotify_add_watch(in, "m", IN_ONLYDIR | IN_OPEN));
    TRY(inotify_add_watch(fd, "m", IN_OPEN));
    TRY(inotify_add_watch(-1, "m", IN_OPEN));
    TRY(inotify_add_watch(in, (char *)8, IN_OPEN));
    int watch = TRY(inotify_add_watch(in, "m", IN_MODIFY));
    TRY(inotify_add_watch(in, "m", IN_MASK_CREATE | IN_OPEN));
    TRY(inotify_add_watch(in, "m", IN_MASK_ADD | IN_OPEN) == watch);
    write(fd, "x", 1);
    close(open("m", O_RDONLY));
    told("modify and open");
    TRY(inotify_add_watch(in, "m", IN_ONESHOT | IN_OPEN) == watch);
    close(open("m", O_RDONLY));
    close(open("m", O_RDONLY));
    told("once");
    TRY(inotify_rm_watch(in, watch));
    watch = inotify_add_watch(in, "m", IN_OPEN);
    TRY(inotify_rm_watch(in, watch));
    TRY(inotify_rm_watch(in, 77));
    TRY(inotify_rm_watch(fd, 1));
    told("removed");
    mkdir("x", 0755);
    inotify_add_watch(in, "x", IN_ALL_EVENTS | IN_EXCL_UNLINK);
    int gone = open("x/g", O_CREAT | O_RDWR, 0600);
    unlink("x/g");
    write(gone, "x", 1);
    close(gone);
    told("without what is unlinked");
    char small[8];
    close(open("x/h", O_CREAT | O_RDWR, 0600));
    int waiting;
    TRY(ioctl(in, FIONREAD, &waiting));
    printf("%d bytes\n", waiting);
    TRY(read(in, small, sizeof small));
    struct pollfd poll_in = { in, POLLIN };
    TRY(poll(&poll_in, 1, 0));
    told("rest");
    TRY(read(in, small, sizeof small));
    TRY(poll(&poll_in, 1, 0));
    TRY(write(in, "x", 1));
    TRY(inotify_init1(1));
    close(fd);
}

static volatile int signals, signal_fd, signal_code, signal_band;

static void hear(int number, siginfo_t *info, void *context)
{
    signals++;
    signal_code = info->si_code;
    signal_fd = info->si_fd;
    signal_band = info->si_band;
}

static void heard(const char *what, int fd)
{
    printf("%s: %d signals", what, signals);
    if (signals)
        printf(", code %d, band %#x, its fd %d", signal_code, signal_code == SI_KERNEL ? 0 : signal_band, signal_fd == fd);
    printf("\n");
    fflush(stdout);
    signals = 0;
}

static void listen_to(int number)
{
    struct sigaction action = { .sa_sigaction = hear, .sa_flags = SA_SIGINFO };
    sigaction(number, &action, NULL);
}

static void owners(void)
{
    int pipes[2], pair[2];
    struct f_owner_ex owner;
    pipe(pipes);
    listen_to(SIGIO);
    listen_to(SIGRTMIN + 1);
    TRY(fcntl(pipes[0], F_GETOWN));
    TRY(fcntl(pipes[0], F_GETSIG));
    TRY(fcntl(pipes[0], F_SETOWN, 999999));
    TRY(fcntl(pipes[0], F_SETOWN, -999999));
    TRY(fcntl(pipes[0], F_SETSIG, 65));
    TRY(fcntl(pipes[0], F_SETOWN, getpid()));
    TRY(fcntl(pipes[0], F_GETOWN) == getpid());
    TRY(fcntl(pipes[0], F_GETOWN_EX, &owner));
    printf("type %d, own %d\n", owner.type, owner.pid == getpid());
    TRY(fcntl(pipes[0], F_GETFL) & O_ASYNC);
    write(pipes[1], "x", 1);
    heard("owner alone", pipes[0]);
    TRY(fcntl(pipes[0], F_SETFL, O_ASYNC));
    TRY((fcntl(pipes[0], F_GETFL) & O_ASYNC) != 0);
    write(pipes[1], "x", 1);
    heard("O_ASYNC", pipes[0]);
    TRY(fcntl(pipes[0], F_SETSIG, SIGRTMIN + 1));
    TRY(fcntl(pipes[0], F_GETSIG) == SIGRTMIN + 1);
    write(pipes[1], "x", 1);
    heard("with a signal of its own", pipes[0]);
    close(pipes[1]);
    heard("end of the pipe", pipes[0]);
    owner.type = F_OWNER_PGRP;
    owner.pid = getpgrp();
    TRY(fcntl(pipes[0], F_SETOWN_EX, &owner));
    TRY(fcntl(pipes[0], F_GETOWN) == -getpgrp());
    owner.type = F_OWNER_TID;
    owner.pid = gettid();
    TRY(fcntl(pipes[0], F_SETOWN_EX, &owner));
    TRY(fcntl(pipes[0], F_GETOWN) == gettid());
    owner.type = 7;
    TRY(fcntl(pipes[0], F_SETOWN_EX, &owner));
    TRY(fcntl(pipes[0], F_SETOWN, 0));
    TRY(fcntl(pipes[0], F_GETOWN));
    socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
    fcntl(pair[0], F_SETOWN, getpid());
    fcntl(pair[0], F_SETSIG, SIGRTMIN + 1);
    fcntl(pair[0], F_SETFL, O_ASYNC);
    signals = 0;
    write(pair[1], "x", 1);
    heard("socket", pair[0]);
    listen_to(SIGURG);
    send(pair[1], "u", 1, MSG_OOB);
    heard("urgent data", pair[0]);
    fcntl(pair[0], F_SETSIG, 0);
    send(pair[1], "v", 1, MSG_OOB);
    heard("urgent data, no signal chosen", pair[0]);
    int file = open("plain", O_CREAT | O_RDWR, 0600);
    fcntl(file, F_SETFL, O_ASYNC);
    TRY(fcntl(file, F_GETFL) & O_ASYNC);
    unsigned long hint = 3;
    TRY(fcntl(file, F_SET_RW_HINT, &hint));
    hint = 0;
    TRY(fcntl(file, F_GET_RW_HINT, &hint));
    printf("hint %lu\n", hint);
    hint = 9;
    TRY(fcntl(file, F_SET_RW_HINT, &hint));
}

static void directories(void)
{
    mkdir("n", 0755);
    int fd = open("n", O_RDONLY);
    int file = open("plain", O_RDONLY);
    fcntl(fd, F_SETSIG, SIGRTMIN + 1);
    TRY(fcntl(file, F_NOTIFY, DN_CREATE));
    TRY(fcntl(fd, F_NOTIFY, DN_CREATE));
    close(open("n/a", O_CREAT | O_RDWR, 0600));
    heard("create once", fd);
    close(open("n/b", O_CREAT | O_RDWR, 0600));
    heard("and no more", fd);
    TRY(fcntl(fd, F_NOTIFY, DN_RENAME | DN_DELETE | DN_MODIFY | DN_ATTRIB | DN_MULTISHOT));
    rename("n/a", "n/c");
    heard("rename", fd);
    chmod("n/c", 0644);
    heard("chmod", fd);
    truncate("n/c", 10);
    heard("truncate", fd);
    rename("n/c", "c");
    heard("rename away", fd);
    unlink("n/b");
    heard("unlink", fd);
    TRY(fcntl(fd, F_NOTIFY, 0));
    mkdir("n/d", 0700);
    rmdir("n/d");
    heard("ended", fd);
    close(fd);
}

static void leases(void)
{
    int fd = open("lease", O_CREAT | O_RDWR, 0600);
    TRY(fcntl(fd, F_GETLEASE));
    TRY(fcntl(fd, F_SETLEASE, F_RDLCK));
    TRY(fcntl(fd, F_SETLEASE, F_UNLCK));
    TRY(fcntl(fd, F_SETLEASE, F_WRLCK));
    TRY(fcntl(fd, F_GETLEASE));
    fcntl(fd, F_SETSIG, SIGRTMIN + 1);
    signals = 0;
    TRY(open("lease", O_RDONLY | O_NONBLOCK));
    heard("opened", fd);
    TRY(fcntl(fd, F_GETLEASE));
    TRY(fcntl(fd, F_SETLEASE, F_UNLCK));
    int reader = TRY(open("lease", O_RDONLY | O_NONBLOCK)) ;
    TRY(fcntl(fd, F_SETLEASE, F_WRLCK));
    close(fd);
    TRY(fcntl(reader, F_SETLEASE, F_WRLCK));
    TRY(fcntl(reader, F_SETLEASE, F_RDLCK));
    TRY(open("lease", O_WRONLY | O_NONBLOCK));
    TRY(fcntl(reader, F_GETLEASE));
    TRY(fcntl(reader, F_SETLEASE, F_UNLCK));
    TRY(fcntl(reader, F_SETLEASE, F_RDLCK));
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        close(reader);
        int writer = open("lease", O_WRONLY | O_TRUNC);
        printf("opened after the lease: %d\n", writer >= 0);
        fflush(stdout);
        _exit(0);
    }
    while (fcntl(reader, F_GETLEASE) == F_RDLCK)
        usleep(1000);
    settle();
    printf("giving it back\n");
    fflush(stdout);
    fcntl(reader, F_SETLEASE, F_UNLCK);
    waitpid(child, NULL, 0);
    int directory = open(".", O_RDONLY);
    TRY(fcntl(directory, F_SETLEASE, F_RDLCK));
}

int main(void)
{
    char folder[] = "/tmp/notify-XXXXXX";
    chdir(mkdtemp(folder));
    files();
    manners();
    owners();
    directories();
    leases();
    return 0;
}
