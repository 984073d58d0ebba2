/*
 * shared-table: two processes with one descriptor table, and calls that sleep while it changes.
 *
 * clone(2): CLONE_FILES; close_range(2); signal(7): a write that has moved bytes is not restarted.
 */
#include "rt.h"

static long clone_files(void)
{
    return CALL5(__NR_clone, CLONE_FILES | SIGCHLD, 0, 0, 0, 0);
}

static long close_range(unsigned first, unsigned last, unsigned flags)
{
    return CALL3(__NR_close_range, first, last, flags);
}

static void on_usr1(int signal)
{
    (void)signal;
}

static void one_table(void)
{
    int file = make_file("f", "text");
    long child = must("clone", clone_files());
    if (child == 0) {
        int other = (int)dup(file);
        close(file);
        exit(other);
    }
    int other = exit_status_of(child);
    show("the child closed it here too", fcntl(file, F_GETFD, 0));
    show("the child's copy is open here", fcntl(other, F_GETFD, 0));
    close(other);
    unlink("f");
}

/* The reader's description stays open while it sleeps, whoever closes its descriptor. */
static void closed_under_a_reader(void)
{
    int ends[2];
    char c = '?';
    must("pipe2", pipe2(ends, 0));
    long child = must("clone", clone_files());
    if (child == 0) {
        sleep_ms(30);
        close(ends[0]);
        exit(write(ends[1], "k", 1) == 1 ? 0 : 1);
    }
    long got = read(ends[0], &c, 1);
    printf("closed under a reader: read %ld '%c', writer's status %d\n", got, c, exit_status_of(child));
    show("  and closed it is", read(ends[0], &c, 1));
    on_signal(SIGPIPE, SIG_IGN, 0);
    show("  with no reader left", write(ends[1], "x", 1));
    close(ends[1]);
}

static void ranges(void)
{
    int base = (int)must("F_DUPFD", fcntl(0, F_DUPFD, 20));
    for (int i = 1; i < 6; i++)
        fcntl(0, F_DUPFD, base + i);
    show("close_range 21 to 22", close_range(21, 22, 0));
    printf("  20 %s, 21 %s, 22 %s, 23 %s\n", errno_name(fcntl(20, F_GETFD, 0)), errno_name(fcntl(21, F_GETFD, 0)),
           errno_name(fcntl(22, F_GETFD, 0)), errno_name(fcntl(23, F_GETFD, 0)));
    show("close_range on exec, 23 to 24", close_range(23, 24, 4));
    printf("  flags %ld %ld %ld\n", fcntl(23, F_GETFD, 0), fcntl(24, F_GETFD, 0), fcntl(25, F_GETFD, 0));
    show("close_range backwards", close_range(5, 4, 0));
    show("close_range with an unknown flag", close_range(4, 5, 64));
    long child = must("clone", clone_files());
    if (child == 0) {
        close_range(20, ~0U, 2);
        exit(fcntl(25, F_GETFD, 0) < 0 ? 0 : 1);
    }
    printf("close_range on a table of its own: status %d, ", exit_status_of(child));
    show("here", fcntl(25, F_GETFD, 0));
    close_range(20, ~0U, 0);
}

static void interrupted_write(void)
{
    static char block[100000];
    int ends[2];
    long self = getpid();
    must("pipe2", pipe2(ends, 0));
    on_signal(SIGUSR1, on_usr1, SA_RESTART);
    long child = must("fork", fork());
    if (child == 0) {
        sleep_ms(30);
        kill((int)self, SIGUSR1);
        sleep_ms(30);
        exit(0);
    }
    show("a long write, interrupted", write(ends[1], block, sizeof block));
    long total = 0, got;
    close(ends[1]);
    wait_for(child);
    while ((got = read(ends[0], block, sizeof block)) > 0)
        total += got;
    printf("  and in the pipe were %ld bytes\n", total);
    close(ends[0]);
}

int main(void)
{
    one_table();
    closed_under_a_reader();
    ranges();
    interrupted_write();
    return 0;
}
