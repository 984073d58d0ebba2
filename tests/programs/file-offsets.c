/*
 * file-offsets: what read, write, lseek, truncate and O_APPEND do to a regular file.
 *
 * open(2), lseek(2), pread(2), ftruncate(2), unlink(2).
 */
#include "rt.h"

static const char path[] = "file.txt";

static void show_text(const char *what, int fd)
{
    char text[64];
    long n = must("pread", pread(fd, text, sizeof text, 0));
    for (long i = 0; i < n; i++)
        if (text[i] == 0)
            text[i] = '.';
    printf("%s: %ld \"%.*s\"\n", what, n, (int)n, text);
}

static void offsets(void)
{
    int fd = make_file(path, "0123456789");
    char c[4];
    show("SEEK_SET 4", lseek(fd, 4, SEEK_SET));
    show("SEEK_CUR -1", lseek(fd, -1, SEEK_CUR));
    show("SEEK_END -2", lseek(fd, -2, SEEK_END));
    show("before the start", lseek(fd, -1, SEEK_SET));
    show("unknown whence", lseek(fd, 0, 99));
    show("the offset is still", lseek(fd, 0, SEEK_CUR));
    show("read 4 with 2 left", read(fd, c, 4));
    show("read 4 at the end", read(fd, c, 4));
    pwrite(fd, "ab", 2, 1);
    show("pwrite leaves the offset at", lseek(fd, 0, SEEK_CUR));
    show_text("after pwrite", fd);
    show("SEEK_SET past the end", lseek(fd, 14, SEEK_SET));
    show("read there", read(fd, c, 4));
    write(fd, "end", 3);
    show_text("a hole reads as zeros", fd);
    ftruncate(fd, 4);
    show_text("truncated", fd);
    ftruncate(fd, 6);
    show_text("grown again", fd);
    close(fd);
}

static void append(void)
{
    close(make_file(path, "one "));
    int fd = (int)must("open", open(path, O_RDWR | O_APPEND, 0));
    lseek(fd, 0, SEEK_SET);
    write(fd, "two ", 4);
    show("O_APPEND writes at the end and leaves the offset at", lseek(fd, 0, SEEK_CUR));
    long child = must("fork", fork());
    if (child == 0) {
        int again = (int)must("open", open(path, O_WRONLY | O_APPEND, 0));
        write(again, "three ", 6);
        exit(0);
    }
    wait_for(child);
    write(fd, "four", 4);
    show_text("two descriptions, none lost", fd);
    close(fd);
}

static void modes(void)
{
    char c = 'x';
    int fd = (int)must("open", open(path, O_RDONLY, 0));
    show("write to O_RDONLY", write(fd, &c, 1));
    show("ftruncate of O_RDONLY", ftruncate(fd, 0));
    close(fd);
    fd = (int)must("open", open(path, O_WRONLY | O_TRUNC, 0));
    show("read from O_WRONLY", read(fd, &c, 1));
    show("size after O_TRUNC", lseek(fd, 0, SEEK_END));
    close(fd);
    show("O_CREAT|O_EXCL on a file that is there", open(path, O_CREAT | O_EXCL | O_RDWR, 0644));
    show("close twice", close(fd));
}

/* A name can go while the file stays. */
static void unlinked(void)
{
    int fd = make_file(path, "still here");
    unlink(path);
    show("unlinked, open again", open(path, O_RDONLY, 0));
    show_text("through the old descriptor", fd);
    close(fd);
    show("unlink again", unlink(path));
}

int main(void)
{
    offsets();
    append();
    modes();
    unlinked();
    return 0;
}
