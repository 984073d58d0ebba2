/*
 * doc-files: a course text's example of descriptors after fork.
 *
 * Shows:  the child changes its copy of the variable fd to 1 and writes to stdout; the parent's fd still names
 *         the file. The original needed a foobar.txt that was already there and did not wait.
 * Rows:   M15, M29.
 * Counts: one fork, and one stack page that both write: a cow_copy for the first, a cow_reuse for the other.
 *         (textbook)
 */
#include "rt.h"

int main(void)
{
    close(make_file("foobar.txt", "foobar\n"));
    char c[3];
    const char *s = "TestFs\n";
    volatile int fd = (int)must("open", open("foobar.txt", O_RDWR, 0));

    if (fork() == 0) {
        fd = 1; /* stdout */
        write(fd, s, 7);
        exit(0);
    }
    wait_for(-1);
    must("read", read(fd, c, 2));
    c[2] = '\0';
    printf("c = %s\n", c);
    unlink("foobar.txt");
    return 0;
}
