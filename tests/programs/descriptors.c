/*
 * descriptors: the table of a process, number by number.
 *
 * dup(2), fcntl(2), close(2): a new descriptor is the lowest one that is free.
 */
#include "rt.h"

static const char *flag(int fd)
{
    long flags = fcntl(fd, F_GETFD, 0);
    return flags < 0 ? errno_name(flags) : flags == FD_CLOEXEC ? "FD_CLOEXEC" : "none";
}

int main(void)
{
    /* Relative to the first: the program may have been started with more than three open. */
    int first = make_file("file.txt", "abc");
    int second = (int)dup(first), third = (int)dup(second);
    close(second);
    show("dup gives the lowest free number", dup(first) == second);
    show("F_DUPFD from 100 up", fcntl(first, F_DUPFD, 100));
    show("F_DUPFD from 100 up again", fcntl(first, F_DUPFD, 100));
    show("F_DUPFD_CLOEXEC from 200 up", fcntl(first, F_DUPFD_CLOEXEC, 200));
    printf("  its flag: %s\n", flag(200));

    show("dup3 onto a free number", dup3(first, 300, 0));
    printf("  its flag: %s\n", flag(300));
    show("dup3 onto an open one", dup3(first, 300, O_CLOEXEC));
    printf("  its flag: %s, and that of a dup of it: %s\n", flag(300), flag((int)dup(300)));
    show("dup3 onto itself", dup3(first, first, 0));
    show("dup3 of nothing", dup3(999, 5, 0));
    show("dup3 with an unknown flag", dup3(first, 5, 1));
    show("dup3 onto a number too large", dup3(first, 1 << 30, 0));

    fcntl(third, F_SETFD, FD_CLOEXEC);
    printf("F_SETFD belongs to the descriptor: %s and %s\n", flag(third), flag(first));
    show("F_GETFL, the access mode", fcntl(first, F_GETFL, 0) & O_ACCMODE);
    fcntl(third, F_SETFL, O_APPEND);
    show("F_SETFL belongs to the description", (fcntl(first, F_GETFL, 0) & O_APPEND) != 0);

    long child = must("fork", fork());
    if (child == 0) {
        close(first);
        close(third);
        printf("child closed two: %s, %s\n", flag(first), flag(third));
        exit(0);
    }
    wait_for(child);
    printf("parent still has them: %s, %s\n", flag(first), flag(third));
    show("close of nothing", close(999));
    show("dup of -1", dup(-1));
    show("fcntl with an unknown command", fcntl(first, 9999, 0));
    unlink("file.txt");
    return 0;
}
