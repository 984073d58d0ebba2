/*
 * file-status: what fstat and statx say of a file, a directory and a pipe.
 *
 * fstat(2), statx(2), inode(7).
 */
#include "rt.h"

static void show_status(const char *what, int fd)
{
    struct stat s;
    struct statx x;
    must("fstat", fstat(fd, &s));
    must("statx", statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &x));
    printf("%s: mode %lo, uid %d, gid %d, links %ld, size %ld\n", what, (unsigned long)s.st_mode,
           (int)s.st_uid, (int)s.st_gid, (long)s.st_nlink, S_ISDIR(s.st_mode) ? -1L : (long)s.st_size);
    printf(
        "  statx agrees: type and mode %d, owner %d, links %d, size %d, inode %d; has the basic fields %d\n",
        x.stx_mode == s.st_mode, x.stx_uid == s.st_uid && x.stx_gid == s.st_gid, x.stx_nlink == s.st_nlink,
        (long)x.stx_size == (long)s.st_size, x.stx_ino == (unsigned long)s.st_ino,
        (x.stx_mask & STATX_BASIC_STATS) == STATX_BASIC_STATS);
}

int main(void)
{
    int fd = make_file("file.txt", "twelve bytes");
    int same = (int)must("open", open("file.txt", O_RDONLY, 0));
    int other = make_file("other.txt", "");
    int ends[2];
    struct stat a, b, c;

    show_status("file", fd);
    fstat(fd, &a);
    fstat(same, &b);
    fstat(other, &c);
    printf("opened twice, one inode: %d; another file, another inode: %d; one device: %d\n",
           a.st_ino == b.st_ino, a.st_ino != c.st_ino, a.st_dev == b.st_dev && b.st_dev == c.st_dev);
    lseek(fd, 0, SEEK_END);
    write(fd, "!", 1);
    show_status("after a write", fd);
    unlink("file.txt");
    fstat(fd, &a);
    printf("unlinked: links %ld\n", (long)a.st_nlink);

    mkdir("folder", 0700);
    int folder = (int)must("open", open("folder", O_RDONLY, 0));
    fstat(folder, &a);
    printf("folder: mode %o, a directory %d\n", a.st_mode, S_ISDIR(a.st_mode));
    pipe2(ends, 0);
    fstat(ends[0], &a);
    printf("pipe: mode %o, a fifo %d\n", a.st_mode, S_ISFIFO(a.st_mode));

    struct statx x;
    show("statx of what is not there", statx(AT_FDCWD, "file.txt", 0, STATX_BASIC_STATS, &x));
    show("statx of a bad descriptor", statx(99, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &x));
    show("fstat of a bad descriptor", fstat(99, &a));
    show("fstat to a bad address", fstat(other, unmapped()));
    unlink("other.txt");
    rmdir("folder");
    return 0;
}
