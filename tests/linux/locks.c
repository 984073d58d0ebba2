/*
 * locks: record locks, locks of open file descriptions, flock.
 *
 * fcntl(2), flock(2).
 */
#include "probe.h"
#include <sys/file.h>

static int fd;

static struct flock range(int type, int whence, long start, long len)
{
    struct flock lock = { .l_type = type, .l_whence = whence, .l_start = start, .l_len = len };
    return lock;
}

static int set(int command, int type, int whence, long start, long len)
{
    struct flock lock = range(type, whence, start, len);
    return fcntl(fd, command, &lock);
}

static void get(int command, int type, long start, long len)
{
    struct flock lock = range(type, SEEK_SET, start, len);
    if (fcntl(fd, command, &lock) == -1)
        printf("get %d [%ld, %ld]: %s\n", type, start, len, strerrorname_np(errno));
    else if (lock.l_type == F_UNLCK)
        printf("get %d [%ld, %ld]: free\n", type, start, len);
    else
        printf("get %d [%ld, %ld]: type %d whence %d start %ld len %ld, %s\n", type, start, len, lock.l_type,
               lock.l_whence, (long)lock.l_start, (long)lock.l_len,
               lock.l_pid == getppid() ? "parent's" : lock.l_pid == -1 ? "a description's" : "another's");
}

static void on_alarm(int number)
{
    (void)number;
}

static void arguments(void)
{
    struct flock lock = range(F_WRLCK, 7, 0, 0);
    TRY(set(F_SETLK, F_WRLCK, 7, 0, 0));
    TRY(set(F_SETLK, 9, SEEK_SET, 0, 0));
    TRY(set(F_SETLK, F_WRLCK, SEEK_SET, -1, 0));
    TRY(set(F_SETLK, F_WRLCK, SEEK_SET, 5, -6));
    TRY(set(F_SETLK, F_WRLCK, SEEK_SET, 0x7fffffffffffffff, 2));
    TRY(set(F_SETLK, F_WRLCK, SEEK_SET, 0x7fffffffffffffff, 1));
    TRY(set(F_SETLK, F_UNLCK, SEEK_SET, 0, 0));
    lseek(fd, 4, SEEK_SET);
    TRY(set(F_SETLK, F_WRLCK, SEEK_CUR, 0x7ffffffffffffffe, 0));
    TRY(set(F_SETLK, F_WRLCK, SEEK_CUR, -5, 0));
    TRY(set(F_SETLK, F_WRLCK, SEEK_END, -11, 0));
    TRY(fcntl(fd, F_SETLK, (void *)8));
    TRY(fcntl(fd, F_GETLK, (void *)8));
    TRY(fcntl(99, F_SETLK, &lock));
    get(F_GETLK, F_UNLCK, 0, 0);
    get(F_OFD_GETLK, F_UNLCK, 0, 0);
    lock = range(F_WRLCK, SEEK_SET, 0, 0);
    lock.l_pid = 1;
    TRY(fcntl(fd, F_OFD_SETLK, &lock));
    TRY(fcntl(fd, F_OFD_GETLK, &lock));
    lock.l_pid = 0;
    int reader = open("file", O_RDONLY), writer = open("file", O_WRONLY), path = open("file", O_PATH);
    TRY(fcntl(reader, F_SETLK, &lock));
    TRY(fcntl(path, F_SETLK, &lock));
    TRY(fcntl(path, F_GETLK, &lock));
    TRY(flock(path, LOCK_SH));
    lock.l_type = F_RDLCK;
    TRY(fcntl(writer, F_SETLK, &lock));
    TRY(fcntl(reader, F_SETLK, &lock));
    close(reader), close(writer), close(path);
}

/* Locks split, merge and change their kind; another process sees them one at a time. */
static void ranges(void)
{
    TRY(set(F_SETLK, F_WRLCK, SEEK_SET, 0, 100));
    TRY(set(F_SETLK, F_UNLCK, SEEK_SET, 40, 20));
    TRY(set(F_SETLK, F_RDLCK, SEEK_SET, 70, 10));
    IN_CHILD({
        get(F_GETLK, F_WRLCK, 0, 0);
        get(F_GETLK, F_WRLCK, 40, 20);
        get(F_GETLK, F_WRLCK, 40, 21);
        get(F_GETLK, F_RDLCK, 70, 10);
        get(F_GETLK, F_WRLCK, 70, 10);
        get(F_GETLK, F_WRLCK, 80, 0);
        get(F_GETLK, F_WRLCK, 100, 0);
        get(F_OFD_GETLK, F_WRLCK, 0, 1);
        TRY(set(F_SETLK, F_WRLCK, SEEK_SET, 39, 1));
        TRY(set(F_SETLK, F_RDLCK, SEEK_SET, 70, 10));
        TRY(set(F_SETLK, F_WRLCK, SEEK_SET, 45, 5));
        TRY(set(F_SETLK, F_WRLCK, SEEK_SET, 45, 50));
    });
    TRY(set(F_SETLK, F_WRLCK, SEEK_SET, 40, 40));
    IN_CHILD(get(F_GETLK, F_WRLCK, 0, 0));
    TRY(set(F_SETLK, F_UNLCK, SEEK_SET, 0, 50));
    IN_CHILD(get(F_GETLK, F_WRLCK, 0, 0));
    TRY(set(F_SETLK, F_WRLCK, SEEK_SET, 200, 0));
    TRY(set(F_SETLK, F_WRLCK, SEEK_SET, 190, -10));
    IN_CHILD({
        get(F_GETLK, F_WRLCK, 100, 0);
        get(F_GETLK, F_WRLCK, 190, 0);
    });
    /* Closing any descriptor of the file ends them all. */
    close(open("file", O_RDONLY));
    IN_CHILD(get(F_GETLK, F_WRLCK, 0, 0));
    /* A child inherits none, and keeps none beyond its end. */
    TRY(set(F_SETLK, F_WRLCK, SEEK_SET, 0, 10));
    IN_CHILD({
        set(F_SETLK, F_UNLCK, SEEK_SET, 0, 10);
        TRY(set(F_SETLK, F_WRLCK, SEEK_SET, 20, 10));
    });
    IN_CHILD(get(F_GETLK, F_WRLCK, 0, 0));
    IN_CHILD(get(F_GETLK, F_WRLCK, 20, 10));
    set(F_SETLK, F_UNLCK, SEEK_SET, 0, 0);
}

static void waits(void)
{
    int ends[2];
    char letter = 0;
    pipe(ends);
    set(F_SETLK, F_WRLCK, SEEK_SET, 0, 10);
    pid_t child = fork();
    if (child == 0) {
        if (set(F_SETLKW, F_RDLCK, SEEK_SET, 5, 1) == 0)
            write(ends[1], "L", 1);
        _exit(0);
    }
    settle();
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    TRY(read(ends[0], &letter, 1));
    TRY(set(F_SETLK, F_UNLCK, SEEK_SET, 0, 5));
    settle();
    TRY(read(ends[0], &letter, 1));
    TRY(set(F_SETLK, F_RDLCK, SEEK_SET, 5, 5));
    waitpid(child, NULL, 0);
    TRY(read(ends[0], &letter, 1));

    /* Two that wait for each other. */
    set(F_SETLK, F_WRLCK, SEEK_SET, 0, 1);
    child = fork();
    if (child == 0) {
        set(F_SETLK, F_WRLCK, SEEK_SET, 20, 1);
        if (set(F_SETLKW, F_WRLCK, SEEK_SET, 0, 1) == 0)
            write(ends[1], "W", 1);
        _exit(0);
    }
    settle();
    TRY(set(F_SETLKW, F_WRLCK, SEEK_SET, 20, 1));
    TRY(set(F_SETLK, F_UNLCK, SEEK_SET, 0, 1));
    waitpid(child, NULL, 0);
    TRY(read(ends[0], &letter, 1));

    /* A signal ends the wait. */
    struct sigaction action = { .sa_handler = on_alarm };
    sigaction(SIGALRM, &action, NULL);
    set(F_SETLK, F_WRLCK, SEEK_SET, 0, 1);
    IN_CHILD({
        ualarm(20000, 0);
        TRY(set(F_SETLKW, F_WRLCK, SEEK_SET, 0, 1));
        int other = open("file", O_RDWR);
        ualarm(20000, 0);
        TRY(flock(other, LOCK_EX));
        int third = open("file", O_RDWR);
        ualarm(20000, 0);
        TRY(flock(third, LOCK_SH));
    });
    set(F_SETLK, F_UNLCK, SEEK_SET, 0, 0);
    close(ends[0]), close(ends[1]);
}

static void descriptions(void)
{
    int other = open("file", O_RDWR), copy = dup(fd);
    TRY(set(F_OFD_SETLK, F_WRLCK, SEEK_SET, 0, 10));
    struct flock lock = range(F_RDLCK, SEEK_SET, 5, 1);
    TRY(fcntl(copy, F_OFD_SETLK, &lock));
    lock = range(F_WRLCK, SEEK_SET, 0, 1);
    TRY(fcntl(other, F_OFD_SETLK, &lock));
    /* A process's own record lock conflicts with a description's. */
    TRY(set(F_SETLK, F_WRLCK, SEEK_SET, 0, 1));
    get(F_GETLK, F_WRLCK, 0, 1);
    get(F_OFD_GETLK, F_UNLCK, 0, 0);
    IN_CHILD(TRY(set(F_OFD_SETLK, F_WRLCK, SEEK_SET, 3, 1)));
    close(copy);
    TRY(fcntl(other, F_OFD_SETLK, &lock));
    TRY(set(F_OFD_SETLK, F_UNLCK, SEEK_SET, 0, 0));
    TRY(fcntl(other, F_OFD_SETLK, &lock));
    close(other);
    TRY(set(F_OFD_SETLK, F_WRLCK, SEEK_SET, 0, 10));
    set(F_OFD_SETLK, F_UNLCK, SEEK_SET, 0, 0);
}

static void whole_files(void)
{
    int other = open("file", O_RDONLY), copy = dup(fd), ends[2], status;
    TRY(flock(fd, 0));
    TRY(flock(fd, LOCK_SH | LOCK_EX));
    TRY(flock(fd, LOCK_NB));
    TRY(flock(99, LOCK_SH));
    TRY(flock(fd, 32 | LOCK_SH));
    TRY(flock(fd, LOCK_EX));
    TRY(flock(copy, LOCK_EX | LOCK_NB));
    TRY(flock(other, LOCK_SH | LOCK_NB));
    IN_CHILD(TRY(flock(fd, LOCK_SH)));
    TRY(flock(other, LOCK_SH | LOCK_NB));
    TRY(flock(fd, LOCK_EX | LOCK_NB));
    TRY(flock(other, LOCK_EX | LOCK_NB));
    TRY(flock(other, LOCK_UN));
    TRY(flock(other, LOCK_EX | LOCK_NB));
    close(other);
    TRY(flock(fd, LOCK_EX | LOCK_NB));
    close(copy);
    other = open("file", O_RDWR);
    TRY(flock(other, LOCK_EX | LOCK_NB));
    pid_t child = fork();
    if (child == 0)
        _exit(flock(other, LOCK_EX) == 0 ? 3 : 4);
    settle();
    TRY(flock(fd, LOCK_UN));
    waitpid(child, &status, 0);
    TRY(WEXITSTATUS(status));
    close(other);
    pipe(ends);
    TRY(flock(ends[0], LOCK_EX));
    fd = ends[1];
    TRY(set(F_SETLK, F_WRLCK, SEEK_SET, 0, 0));
    TRY(set(F_SETLK, F_RDLCK, SEEK_SET, 0, 0));
}

int main(void)
{
    fd = open("file", O_RDWR | O_CREAT, 0644);
    write(fd, "0123456789", 10);
    arguments();
    ranges();
    waits();
    descriptions();
    whole_files();
    return 0;
}
