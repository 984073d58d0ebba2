/*
 * titles: /proc/<pid>/cmdline of programs that write over their arguments.
 *
 * proc_pid_cmdline(5).
 */
#include "probe.h"

static void show(const char *what)
{
    char line[8192];
    int fd = open("/proc/self/cmdline", O_RDONLY);
    ssize_t n = read(fd, line, sizeof line);
    close(fd);
    printf("%s: %zd ", what, n);
    for (ssize_t i = 0; i < n && i < 60; i++)
        putchar(line[i] ? line[i] : '|');
    puts("");
}

int main(int argc, char **argv, char **envp)
{
    if (argc == 1) {
        char *args[] = {"title", "second", "third", NULL}, *vars[] = {"FIRST=1", "OTHER=2", NULL};
        char *large[] = {"LARGE=1", NULL, NULL};
        IN_CHILD(execve("/proc/self/exe", args, vars));
        large[1] = malloc(6000);
        memset(large[1], 'L', 5999), large[1][5999] = 0;
        IN_CHILD(execve("/proc/self/exe", args, large));
        return 0;
    }
    char *end = argv[2] + strlen(argv[2]);
    show("as it was");
    strcpy(argv[0], "new");
    show("a shorter first");
    memset(argv[0], 'x', end - argv[0]);
    show("all but the last byte");
    *end = 'y';
    show("up to the environment");
    argv[0][4] = 0;
    show("cut");
    argv[0][4] = 'x';
    memset(envp[0], 'e', strlen(envp[0]) + 1);
    show("over a variable");
    memset(envp[1], 'E', strlen(envp[1]));
    show("over the other");
    *end = 0;
    show("the last byte is zero again");
}
