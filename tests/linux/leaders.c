/*
 * leaders: a process whose first thread has ended: what /proc says of it and of the thread that lives on, signals, exec.
 *
 * pthread_exit(3), proc(5), execve(2).
 */
#include "probe.h"
#include <dirent.h>
#include <pthread.h>

static pthread_t first;

/* Prints where a link leads; only whether it does, where that depends on where the program was started. */
static void link_of(const char *whose, const char *name)
{
    char path[64], text[300];
    snprintf(path, sizeof path, "/proc/%s/%s", whose, name);
    ssize_t n = readlink(path, text, sizeof text);
    printf("%s: %s\n", path, n < 0 ? strerrorname_np(errno) : "leads somewhere");
}

static void file(const char *whose, const char *name)
{
    char path[64], text[100];
    snprintf(path, sizeof path, "/proc/%s/%s", whose, name);
    int fd = open(path, O_RDONLY);
    if (fd < 0) {
        printf("%s: %s\n", path, strerrorname_np(errno));
        return;
    }
    ssize_t n = read(fd, text, sizeof text);
    printf("%s: %s\n", path, n < 0 ? strerrorname_np(errno) : n > 0 ? "a text" : "nothing");
    close(fd);
}

static void entries(const char *whose, const char *name)
{
    char path[64];
    int count = 0;
    snprintf(path, sizeof path, "/proc/%s/%s", whose, name);
    DIR *directory = opendir(path);
    while (readdir(directory))
        count++;
    closedir(directory);
    printf("%s: %s\n", path, count > 2 ? "full" : "empty");
}

static void lines(const char *whose)
{
    static const char *const wanted[] = {"Umask", "State", "FDSize", "VmSize", "VmRSS", "Threads"};
    char path[64], line[300];
    snprintf(path, sizeof path, "/proc/%s/status", whose);
    FILE *status = fopen(path, "r");
    while (fgets(line, sizeof line, status))
        for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
            if (strncmp(line, wanted[i], strlen(wanted[i])) == 0)
                printf("  %s", i == 3 || i == 4 ? "memory\n" : line);
    fclose(status);
}

static void heard(int signal)
{
    write(1, "SIGUSR1 to the one that lives\n", 30);
}

static void *rest(void *unused)
{
    static const char *const whose[] = {"self", "thread-self"};
    static const char *const links[] = {"exe", "cwd", "root", "fd/0"};
    static const char *const files[] = {"auxv", "cmdline", "comm", "coredump_filter", "fdinfo/0", "limits", "maps",
                                        "mem", "oom_score_adj", "smaps", "stat", "statm", "status", "wchan"};
    pthread_join(first, NULL);
    settle();
    for (int i = 0; i < 2; i++) {
        for (size_t j = 0; j < sizeof links / sizeof *links; j++)
            link_of(whose[i], links[j]);
        for (size_t j = 0; j < sizeof files / sizeof *files; j++)
            file(whose[i], files[j]);
        entries(whose[i], "fd");
        lines(whose[i]);
    }
    /* That of the one that lives is as empty as what it began with. */
    file("self", "environ");
    entries("self", "task");
    TRY(open("/proc/self/exe", O_RDONLY));
    TRY(gettid() == getpid());
    signal(SIGUSR1, heard);
    TRY(kill(getpid(), SIGUSR1));
    char *const again[] = {"leaders", "again", NULL}, *const none[] = {NULL};
    TRY(execve("/proc/self/exe", again, none));
    execve("/proc/thread-self/exe", again, none);
    _exit(1);
}

int main(int count, char **arguments)
{
    if (count > 1) {
        printf("again: %d\n", gettid() == getpid());
        link_of("self", "exe"), lines("self");
        return 0;
    }
    first = pthread_self();
    pthread_t thread;
    pthread_create(&thread, NULL, rest, NULL);
    pthread_exit(NULL);
}
