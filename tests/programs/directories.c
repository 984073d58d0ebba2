/*
 * directories: mkdir, getdents64, and how directories refuse to be files.
 *
 * getdents64(2), mkdir(2), rmdir(2), open(2).
 */
#include "rt.h"

struct linux_dirent64 {
    uint64_t d_ino;
    int64_t d_off;
    uint16_t d_reclen;
    uint8_t d_type;
    char d_name[];
};

enum { MOST = 16 };

/* Entries come in any order, so they are sorted: "name type". */
struct listing {
    char lines[MOST][32];
    int count;
};

static void add_sorted(struct listing *list, const struct linux_dirent64 *entry)
{
    char line[32];
    format_to(line, sizeof line, "%s(%d)", entry->d_name, entry->d_type);
    int at = list->count++;
    while (at > 0 && strcmp(list->lines[at - 1], line) > 0) {
        memcpy(list->lines[at], list->lines[at - 1], sizeof line);
        at--;
    }
    memcpy(list->lines[at], line, sizeof line);
}

/* Reads with a buffer of `room` bytes: a small one takes several calls, and must give the same. */
static void list(const char *path, size_t room)
{
    static char buffer[1024] __attribute__((aligned(8)));
    struct listing list = { .count = 0 };
    int fd = (int)must("open", open(path, O_RDONLY | O_DIRECTORY, 0));
    long bytes;
    while ((bytes = must("getdents64", getdents64(fd, buffer, room))) > 0) {
        for (long at = 0; at < bytes;) {
            const struct linux_dirent64 *entry = (const void *)(buffer + at);
            add_sorted(&list, entry);
            at += entry->d_reclen;
        }
    }
    printf("%s:", path);
    for (int i = 0; i < list.count; i++)
        printf(" %s", list.lines[i]);
    printf("\n");
    close(fd);
}

int main(void)
{
    must("mkdir", mkdir("zoo", 0755));
    list("zoo", 1024);
    must("mkdir", mkdir("zoo/yak", 0755));
    close(make_file("zoo/ape", "1"));
    close(make_file("zoo/cat", "2"));
    close(make_file("zoo/a-longer-name", "3"));
    list("zoo", 1024);
    list("zoo", 64);

    char tiny[8];
    int fd = (int)must("open", open("zoo", O_RDONLY, 0));
    show("getdents64 with 8 bytes", getdents64(fd, tiny, sizeof tiny));
    show("read a directory", read(fd, tiny, 1));
    close(fd);
    fd = (int)must("open", open("zoo/ape", O_RDONLY, 0));
    show("getdents64 of a file", getdents64(fd, tiny, sizeof tiny));
    close(fd);
    show("open a directory for writing", open("zoo", O_RDWR, 0));
    show("open a file with O_DIRECTORY", open("zoo/ape", O_RDONLY | O_DIRECTORY, 0));
    show("open below a file", open("zoo/ape/x", O_RDONLY, 0));
    show("open what is not there", open("zoo/dog", O_RDONLY, 0));
    show("mkdir again", mkdir("zoo", 0755));
    show("mkdir in nothing", mkdir("no/zoo", 0755));
    show("rmdir when full", rmdir("zoo"));
    show("rmdir of a file", rmdir("zoo/ape"));
    show("unlink a directory", unlink("zoo/yak"));

    must("unlink", unlink("zoo/cat"));
    must("rmdir", rmdir("zoo/yak"));
    list("zoo", 1024);
    unlink("zoo/ape");
    unlink("zoo/a-longer-name");
    must("rmdir", rmdir("zoo"));
    show("rmdir again", rmdir("zoo"));
    return 0;
}
