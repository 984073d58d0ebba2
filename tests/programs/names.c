/*
 * names: links, moves and removals, and what each refuses.
 *
 * path_resolution(7), rename(2), link(2), symlink(2), unlink(2), open(2), utimensat(2), chown(2), access(2).
 */
#include "rt.h"

#define UTIME_OMIT 0x3ffffffeL /* linux/stat.h has it only since 6.11 */

static long symlink(const char *target, const char *path) { return CALL3(__NR_symlinkat, target, AT_FDCWD, path); }
static long rename(const char *from, const char *to, unsigned flags)
{
    return CALL5(__NR_renameat2, AT_FDCWD, from, AT_FDCWD, to, flags);
}
static long link(const char *from, const char *to, int flags)
{
    return CALL5(__NR_linkat, AT_FDCWD, from, AT_FDCWD, to, flags);
}
static long readlink(const char *path, char *to, size_t bytes)
{
    return CALL4(__NR_readlinkat, AT_FDCWD, path, to, bytes);
}
static long access(const char *path, int mode) { return CALL3(__NR_faccessat, AT_FDCWD, path, mode); }

static unsigned links(const char *path)
{
    struct statx it;
    must("statx", statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, &it));
    return it.stx_nlink;
}

static char first(const char *path)
{
    char c = '?';
    int fd = (int)open(path, O_RDONLY, 0);
    read(fd, &c, 1);
    close(fd);
    return c;
}

/* For errors that rt.c has no name for. */
static void show_number(const char *what, long result)
{
    printf("%s: %ld\n", what, result);
}

static void symbolic(void)
{
    char text[8] = { 0 };
    make_file("file", "f");
    show("symlink", symlink("file", "link"));
    show("  again", symlink("file", "link"));
    show("  to nothing", symlink("", "other"));
    show("readlink, cut off", readlink("link", text, 2));
    printf("  \"%s\"\n", text);
    show("readlink of a file", readlink("file", text, sizeof text));
    show("readlink into nothing", readlink("link", text, 0));
    show_number("open with O_NOFOLLOW", open("link", O_RDONLY | O_NOFOLLOW, 0));
    show("open as a directory", open("link", O_RDONLY | O_DIRECTORY, 0));
    show("a slash after a file", open("link/", O_RDONLY, 0));
    symlink("loop", "loop");
    show_number("a loop", open("loop", O_RDONLY, 0));
    show_number("  with O_CREAT", open("loop", O_RDWR | O_CREAT, 0600));
    symlink("made", "dangling");
    show("a dangling link, O_EXCL", open("dangling", O_RDWR | O_CREAT | O_EXCL, 0600));
    close((int)must("a dangling link, O_CREAT", open("dangling", O_RDWR | O_CREAT, 0600)));
    show("  makes its target", access("made", 0));
    unlink("loop");
    unlink("dangling");
    unlink("made");
    unlink("link");
}

static void hard(void)
{
    mkdir("dir", 0755);
    show("link", link("file", "second", 0));
    printf("  names %d\n", (int)links("file"));
    show_number("link of a directory", link("dir", "third", 0));
    show("link over a name", link("file", "dir", 0));
    symlink("file", "soft");
    link("soft", "soft2", 0);
    printf("link of a link: names %d of it, %d of the file\n", (int)links("soft"), (int)links("file"));
    link("soft", "followed", AT_SYMLINK_FOLLOW);
    printf("  followed: names %d of it, %d of the file\n", (int)links("soft"), (int)links("file"));
    unlink("soft");
    unlink("soft2");
    unlink("followed");
    show("unlink a directory", unlink("dir"));
    show("rmdir a file", rmdir("file"));
    show("unlink with a slash", unlink("file/"));
    show("rmdir .", rmdir("dir/."));
    show("rmdir ..", rmdir("dir/.."));
}

static void moves(void)
{
    make_file("other", "o");
    show("rename over a file, NOREPLACE", rename("other", "second", 1));
    show("rename, EXCHANGE", rename("other", "second", 2));
    printf("  other has '%c', second has '%c', file has %d names\n", first("other"), first("second"), (int)links("file"));
    show("rename of one file's two names", rename("file", "other", 0));
    printf("  file has %d names still\n", (int)links("file"));
    show("rename both flags", rename("file", "other", 3));
    show("rename a file over a directory", rename("second", "dir", 0));
    show("rename a directory over a file", rename("dir", "second", 0));
    show("rename a directory into itself", rename("dir", "dir/sub", 0));
    mkdir("dir/sub", 0755);
    show("rename a directory over its parent", rename("dir/sub", "dir", 0));
    mkdir("empty", 0755);
    show("rename over an empty directory", rename("dir", "empty", 0));
    show("rename over a full one", rename("empty/sub", "empty", 0));
    show("rename with a slash after a file", rename("second", "third/", 0));
    show_number("rename .", rename("empty/.", "x", 0));
    printf("names of the directory that moved: %d\n", (int)links("empty"));
    show("exchange a file and a directory", rename("second", "empty/sub", 2));
    printf("  names of the parent now: %d\n", (int)links("empty"));
    unlink("empty/sub");
    rmdir("empty");
    rmdir("second");
    unlink("file");
    unlink("other");
}

static void unnamed(void)
{
    char path[32];
    int fd = (int)must("O_TMPFILE", open(".", O_RDWR | O_TMPFILE, 0600));
    write(fd, "t", 1);
    show("O_TMPFILE for reading only", open(".", O_RDONLY | O_TMPFILE, 0600));
    format_to(path, sizeof path, "/proc/self/fd/%d", fd);
    show("its first name", link(path, "named", AT_SYMLINK_FOLLOW));
    printf("  '%c', names %d\n", first("named"), (int)links("named"));
    unlink("named");
    show("none after the last is gone", link(path, "named", AT_SYMLINK_FOLLOW));
    close(fd);
    int secret = (int)must("O_TMPFILE", open(".", O_RDWR | O_TMPFILE | O_EXCL, 0600));
    format_to(path, sizeof path, "/proc/self/fd/%d", secret);
    show("never one with O_EXCL", link(path, "named", AT_SYMLINK_FOLLOW));
    close(secret);
}

static void attributes(void)
{
    struct stat it;
    int fd = make_file("file", "f");
    must("fchmod", CALL2(__NR_fchmod, fd, 0600));
    show("access W_OK", access("file", 2));
    show("access X_OK", access("file", 1));
    must("fchmodat", CALL3(__NR_fchmodat, AT_FDCWD, "file", 04711));
    show("access X_OK after chmod", access("file", 1));
    show("access with a bad mode", access("file", 8));
    fstat(fd, &it);
    printf("mode %o\n", it.st_mode);
    struct __kernel_timespec times[2] = { { 5, 6 }, { 7, 8 } };
    show("utimensat", CALL4(__NR_utimensat, AT_FDCWD, "file", times, 0));
    times[0].tv_nsec = UTIME_OMIT;
    times[1].tv_sec = 9;
    show("  by descriptor", CALL4(__NR_utimensat, fd, 0, times, 0));
    fstat(fd, &it);
    printf("times %ld.%ld %ld.%ld\n", (long)it.st_atime, (long)it.st_atime_nsec, (long)it.st_mtime,
           (long)it.st_mtime_nsec);
    times[1].tv_nsec = 1000000000;
    show("  with too many nanoseconds", CALL4(__NR_utimensat, fd, 0, times, 0));
    show("fchown to nobody in particular", CALL3(__NR_fchown, fd, -1, -1));
    show("fchownat with an unknown flag", CALL5(__NR_fchownat, AT_FDCWD, "file", -1, -1, 1));
    int path = (int)must("O_PATH", open("file", O_PATH, 0));
    show("O_PATH: fchmod", CALL2(__NR_fchmod, path, 0600));
    show("O_PATH: read", read(path, &it, 1));
    show("O_PATH: fstat", fstat(path, &it));
    show("O_PATH: F_GETFL", fcntl(path, F_GETFL, 0) == O_PATH);
    show("O_PATH: ftruncate", ftruncate(path, 0));
    show("advice of the wrong kind", CALL4(__NR_fadvise64, fd, 0, 0, 9));
    show("advice", CALL4(__NR_fadvise64, fd, 0, 0, 4));
    unlink("file");
}

int main(void)
{
    symbolic();
    hard();
    moves();
    unnamed();
    attributes();
    return 0;
}
