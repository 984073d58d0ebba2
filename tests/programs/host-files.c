/*
 * host-files: does with files what its arguments say, one after the other, for the tests of --root and --dir.
 *
 * Without an argument it says so and ends. Its exit status is the number of the first error. open(2), rename(2), mmap(2).
 */
#include "rt.h"

struct linux_dirent64 {
    uint64_t d_ino;
    int64_t d_off;
    uint16_t d_reclen;
    uint8_t d_type;
    char d_name[];
};

/* Ends with the number of an error. */
static long check(long result)
{
    if (result < 0)
        exit((int)-result);
    return result;
}

static void cat(const char *path)
{
    char text[256];
    long bytes;
    int fd = (int)check(open(path, O_RDONLY, 0));
    while ((bytes = check(read(fd, text, sizeof text))) > 0)
        check(write(1, text, bytes));
    close(fd);
}

/* In the order in which the directory has them. */
static void ls(const char *path)
{
    static char buffer[1024] __attribute__((aligned(8)));
    long bytes, count = 0;
    int fd = (int)check(open(path, O_RDONLY | O_DIRECTORY, 0));
    while ((bytes = check(getdents64(fd, buffer, sizeof buffer))) > 0)
        for (long at = 0; at < bytes;) {
            const struct linux_dirent64 *entry = (const void *)(buffer + at);
            printf(count++ ? " %s" : "%s", entry->d_name);
            at += entry->d_reclen;
        }
    printf("\n");
    close(fd);
}

static void write_text(const char *path, const char *text)
{
    int fd = (int)check(open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644));
    check(write(fd, text, strlen(text)));
    close(fd);
}

/* Changes the first byte by a store, and leaves the rest to the end of the process. */
static void store(const char *path, char byte)
{
    int fd = (int)check(open(path, O_RDWR, 0));
    char *page = (char *)check((long)mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
    *page = byte;
}

static void print_cwd(void)
{
    char path[256];
    check(getcwd(path, sizeof path));
    printf("%s\n", path);
}

int main(int argc, char **argv)
{
    if (argc < 2)
        printf("nothing was requested\n");
    for (char **at = argv + 1; at < argv + argc;) {
        const char *request = *at++;
        if (strcmp(request, "cwd") == 0)
            print_cwd();
        else if (strcmp(request, "cat") == 0)
            cat(*at++);
        else if (strcmp(request, "ls") == 0)
            ls(*at++);
        else if (strcmp(request, "mkdir") == 0)
            check(mkdir(*at++, 0755));
        else if (strcmp(request, "unlink") == 0)
            check(unlink(*at++));
        else if (strcmp(request, "write") == 0)
            write_text(at[0], at[1]), at += 2;
        else if (strcmp(request, "rename") == 0)
            check(CALL5(__NR_renameat2, AT_FDCWD, at[0], AT_FDCWD, at[1], 0)), at += 2;
        else if (strcmp(request, "store") == 0)
            store(at[0], *at[1]), at += 2;
    }
    return 0;
}
