/*
 * fd-offsets: descriptor, open file description, inode.
 *
 * Shows:  a descriptor is an entry of the process's own table; the file offset is in the open file
 *         description that the entry names. fork and dup copy the entry and share the description, so they
 *         share the offset; close removes an entry only; open makes a new description.
 * Rows:   M15.
 * Counts: two forks; after each the parent copies its stack page and the child reuses it. read(2) then stores
 *         to a page that is writable already. (textbook)
 */
#include "rt.h"

static void read_three(const char *who, int fd)
{
    char text[4] = { 0 };
    must("read", read(fd, text, 3));
    printf("%s: \"%s\"\n", who, text);
}

int main(void)
{
    int fd = make_file("letters.txt", "abcdefghijklmnopqrstuvwxyz");

    long child = must("fork", fork());
    if (child == 0) {
        read_three("child reads three letters", fd);
        exit(0);
    }
    wait_for(child);
    read_three("parent goes on where the child stopped", fd);

    child = must("fork", fork());
    if (child == 0) {
        close(fd);
        printf("child closed its descriptor, and reads: %s\n", errno_name(read(fd, 0, 0)));
        exit(0);
    }
    wait_for(child);
    read_three("parent's descriptor is still open", fd);

    int copy = (int)must("dup", dup(fd));
    read_three("dup shares the offset", copy);
    close(fd);
    read_three("and survives the close of the first", copy);

    int again = (int)must("open", open("letters.txt", O_RDONLY, 0));
    read_three("open starts at the beginning", again);
    lseek(copy, 23, SEEK_SET);
    read_three("lseek moves one description", copy);
    read_three("and not the other", again);
    unlink("letters.txt");
    return 0;
}
