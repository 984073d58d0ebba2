/*
 * exec-keeps: what a process keeps when it becomes another program.
 *
 * execve(2): the pid, the children, open descriptors with their offsets, ignored signals and the working
 * directory stay; memory and handlers go.
 */
#include "rt.h"

static char memory[PAGE];

static int after_exec(char **argv)
{
    char text[4] = { 0 };
    int fd = (int)parse_long(argv[1]);
    printf("same pid: %d\n", getpid() == parse_long(argv[2]));
    read(fd, text, 3);
    printf("the descriptor's offset: reads \"%s\"\n", text);
    printf("memory is the file's again: %d\n", memory[0]);
    kill((int)getpid(), SIGUSR1);
    printf("SIGUSR1 is still ignored\n");
    printf("the child of the former program: status %d\n", exit_status_of(-1));
    show("the file is still in the working directory", unlink("file.txt"));
    return 0;
}

int main(int argc, char **argv, char **envp)
{
    if (argc > 2)
        return after_exec(argv);
    int fd = make_file("file.txt", "abcdef");
    char three[3];
    read(fd, three, 3);
    memory[0] = 'x';
    on_signal(SIGUSR1, SIG_IGN, 0);
    long child = must("fork", fork());
    if (child == 0)
        exit(21);

    char number[12], pid[12];
    format_to(number, sizeof number, "%d", fd);
    format_to(pid, sizeof pid, "%ld", getpid());
    char *arguments[] = { argv[0], number, pid, 0 };
    return (int)must("execve", execve("/proc/self/exe", arguments, envp));
}
