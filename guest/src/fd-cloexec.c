/*
 * fd-cloexec: descriptors leak through exec unless they are told not to.
 *
 * Shows:  a child inherits every descriptor, and so does the program that it executes: it can read a file that
 *         it never opened. FD_CLOEXEC (or O_CLOEXEC at open) closes a descriptor at exec, not at fork.
 * Rows:   M16.
 * Counts: fork and exec as in fork-exec. (textbook)
 */
#include "rt.h"

static void try(const char *what, int fd)
{
    char text[7] = { 0 };
    long result = read(fd, text, 6);
    if (result < 0)
        printf("  %s: %s\n", what, errno_name(result));
    else
        printf("  %s: open, reads \"%s\"\n", what, text);
}

int main(int argc, char **argv, char **envp)
{
    if (argc > 2) {
        printf("after exec:\n");
        try("plain descriptor", (int)parse_long(argv[1]));
        try("FD_CLOEXEC descriptor", (int)parse_long(argv[2]));
        return 0;
    }
    int leaks = make_file("secret.txt", "secretsecret");
    int closes = (int)must("open", open("secret.txt", O_RDONLY, 0));
    must("fcntl", fcntl(closes, F_SETFD, FD_CLOEXEC));

    long child = must("fork", fork());
    if (child == 0) {
        printf("after fork:\n");
        try("plain descriptor", leaks);
        try("FD_CLOEXEC descriptor", closes);
        char first[12], second[12];
        format_to(first, sizeof first, "%d", leaks);
        format_to(second, sizeof second, "%d", closes);
        char *arguments[] = { argv[0], first, second, 0 };
        execve("/proc/self/exe", arguments, envp);
        exit(127);
    }
    wait_for(child);
    unlink("secret.txt");
    return 0;
}
