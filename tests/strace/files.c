// Files: names, modes, flags, status, attributes, locks, copies.
#include "trace.h"
#include <linux/fs.h>
#include <linux/falloc.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/uio.h>
#include <sys/xattr.h>
#include <termios.h>

static void names(void) {
    CALL(chdir, text("/tmp"));
    CALL(mkdirat, AT_FDCWD, text("dir"), 0755);
    CALL(chdir, text("dir"));
    CALL(mkdirat, AT_FDCWD, text("sub"), 01777);
    CALL(mkdirat, AT_FDCWD, text("sub"), 0);
    CALL(umask, 027);
    CALL(umask, 022);
    CALL(umask, 0);
    CALL(umask, 022);
    CALL(openat, AT_FDCWD, text("file"), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    CALL(write, 3, text("hello, world\n\t\"quoted\" and more than thirty-two bytes"), 52);
    CALL(write, 3, "\0\1\2\0033\377\177\e[0m", 12);
    CALL(write, 3, text("12345678901234567890123456789012"), 32);
    CALL(write, 3, text("123456789012345678901234567890123"), 33);
    CALL(write, 3, NULL, 0);
    CALL(write, 3, NULL, 5);
    CALL(write, 3, NOWHERE, 5);
    CALL(write, 99, text("x"), 1);
    CALL(lseek, 3, 0, SEEK_SET);
    CALL(lseek, 3, -4, SEEK_END);
    CALL(lseek, 3, 0, SEEK_DATA);
    CALL(lseek, 3, 0, SEEK_HOLE);
    CALL(lseek, 3, -1, SEEK_SET);
    CALL(lseek, 3, 0, 9);
    char *buffer = room(256);
    CALL(lseek, 3, 0, SEEK_SET);
    CALL(read, 3, buffer, 13);
    CALL(read, 3, buffer, 100);
    CALL(read, 3, buffer, 100);
    CALL(read, 3, buffer, 100);
    CALL(read, 3, NOWHERE, 100);
    CALL(read, 3, buffer, 0);
    CALL(pread64, 3, buffer, 5, 7L);
    CALL(pwrite64, 3, buffer, 5, 0x100000000L);
    CALL(pread64, 3, buffer, 5, -1L);
    struct iovec *vector = room(3 * sizeof *vector);
    vector[0] = (struct iovec){text("first "), 6};
    vector[1] = (struct iovec){NULL, 0};
    vector[2] = (struct iovec){text("and a third part that is longer than shown"), 42};
    CALL(writev, 3, vector, 3);
    CALL(pwritev, 3, vector, 3, 0L, 0L);
    CALL(pwritev2, 3, vector, 3, 0L, 0L, 0x12);
    CALL(pwritev2, 3, vector, 1, -1L, 0L, 1);
    CALL(preadv, 3, vector, 3, 0L, 0L);
    CALL(preadv, 3, vector, 3, 1000L, 0L);
    CALL(preadv2, 3, vector, 3, 2L, 0L, 0);
    CALL(readv, 3, vector, 0);
    CALL(readv, 3, NOWHERE, 2);
    CALL(readv, 3, vector, -1);
    CALL(ftruncate, 3, 20L);
    CALL(ftruncate, 3, -1L);
    CALL(truncate, text("file"), 10L);
    CALL(truncate, text("missing"), 10L);
    CALL(fallocate, 3, 0, 0L, 4096L);
    CALL(fallocate, 3, FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE, 0L, 4096L);
    CALL(fallocate, 3, 0x100, 0L, 4096L);
    CALL(fallocate, 3, FALLOC_FL_KEEP_SIZE, -1L, 4096L);
    CALL(linkat, AT_FDCWD, text("file"), AT_FDCWD, text("link"), 0);
    CALL(linkat, 3, text(""), AT_FDCWD, text("other"), AT_EMPTY_PATH | AT_SYMLINK_FOLLOW);
    CALL(linkat, 3, text(""), AT_FDCWD, text("other"), 1);
    CALL(symlinkat, text("file"), AT_FDCWD, text("soft"));
    CALL(symlinkat, NOWHERE, AT_FDCWD, text("soft"));
    CALL(readlinkat, AT_FDCWD, text("soft"), buffer, 100);
    CALL(readlinkat, AT_FDCWD, text("soft"), buffer, 2);
    CALL(readlinkat, AT_FDCWD, text("file"), buffer, 100);
    CALL(readlinkat, AT_FDCWD, text("soft"), buffer, -1);
    CALL(getcwd, buffer, 256L);
    CALL(getcwd, buffer, 2L);
    CALL(getcwd, NULL, 256L);
    CALL(renameat2, AT_FDCWD, text("link"), AT_FDCWD, text("moved"), 0);
    CALL(renameat2, AT_FDCWD, text("moved"), AT_FDCWD, text("file"), RENAME_NOREPLACE);
    CALL(renameat2, AT_FDCWD, text("moved"), AT_FDCWD, text("sub"), RENAME_EXCHANGE);
    CALL(renameat2, 99, text("moved"), -1, text("sub"), 0x13);
    CALL(mknodat, AT_FDCWD, text("fifo"), S_IFIFO | 0600, 0);
    CALL(mknodat, AT_FDCWD, text("node"), S_IFCHR | 0600, 0x103);
    CALL(mknodat, AT_FDCWD, text("plain"), S_IFREG | 0600, 0x103);
    CALL(mknodat, AT_FDCWD, text("none"), 0600, 0);
    CALL(mknodat, AT_FDCWD, text("odd"), S_IFDIR | 0600, 0);
    CALL(unlinkat, AT_FDCWD, text("moved"), AT_REMOVEDIR);
    CALL(unlinkat, AT_FDCWD, text("sub"), 0);
    CALL(unlinkat, AT_FDCWD, text("missing"), 0x1);
    CALL(faccessat, AT_FDCWD, text("file"), R_OK | W_OK);
    CALL(faccessat, AT_FDCWD, text("file"), F_OK);
    CALL(faccessat, AT_FDCWD, text("file"), X_OK);
    CALL(faccessat, AT_FDCWD, text("file"), 010);
    CALL(faccessat, -5, text("file"), 7);
    CALL(faccessat2, AT_FDCWD, text("file"), R_OK, AT_EACCESS);
    CALL(faccessat2, AT_FDCWD, text("file"), 0, AT_SYMLINK_NOFOLLOW | AT_EACCESS | AT_EMPTY_PATH | 1);
    CALL(fchmodat, AT_FDCWD, text("file"), 04755);
    CALL(fchmodat2, AT_FDCWD, text("soft"), 0644, AT_SYMLINK_NOFOLLOW);
    CALL(fchmodat2, AT_FDCWD, text("file"), 0644, 0x4);
    CALL(fchmod, 3, 0);
    CALL(fchmod, 3, 0644);
    CALL(fchmod, 99, 0177777);
    CALL(fchown, 3, 0, -1);
    CALL(fchownat, AT_FDCWD, text("soft"), 1000, 1000, AT_SYMLINK_NOFOLLOW);
    CALL(fchownat, AT_FDCWD, text("missing"), -1, 0, 0);
    CALL(fchdir, 3);
    CALL(fchdir, 99);
    CALL(chdir, NOWHERE);
    CALL(chdir, NULL);
    char *deep = room(5000);
    memset(deep, 'a', 4990);
    CALL(chdir, deep);
    deep[300] = 0;
    CALL(chdir, deep);
}

static void flags(void) {
    int flags[] = {O_RDONLY, O_WRONLY | O_APPEND, O_RDWR | O_NONBLOCK, O_RDONLY | O_DIRECTORY, O_PATH, O_RDONLY | O_NOFOLLOW,
                   O_RDONLY | O_NOATIME, O_WRONLY | O_SYNC, O_WRONLY | O_DSYNC, O_RDWR | O_ASYNC, O_RDONLY | O_NOCTTY | O_LARGEFILE,
                   3, O_WRONLY | O_CREAT | O_EXCL, O_RDONLY | 0x40000000, O_RDONLY | O_PATH | O_CLOEXEC | O_DIRECTORY};
    for (unsigned i = 0; i < sizeof flags / sizeof *flags; i++)
        close(CALL(openat, AT_FDCWD, text("file"), flags[i], 0600));
    close(CALL(openat, AT_FDCWD, text("."), O_RDWR | O_TMPFILE, 0600));
    close(CALL(openat, AT_FDCWD, text("file"), O_WRONLY | O_DIRECT));
    CALL(openat, 99, text("file"), O_RDONLY);
    CALL(openat, AT_FDCWD, NULL, O_RDONLY | O_CREAT, 07777);
    CALL(dup, 3);
    CALL(dup, 99);
    CALL(dup3, 3, 10, O_CLOEXEC);
    CALL(dup3, 3, 3, 0);
    CALL(dup3, 3, 11, 0x1);
    CALL(close_range, 10, 20, 0);
    CALL(close_range, 100, -1, 4);
    CALL(close_range, 4, 3, 2 | 8);
    CALL(pipe2, room(8), O_CLOEXEC | O_NONBLOCK);
    CALL(pipe2, room(8), 0);
    CALL(pipe2, NOWHERE, 0);
    CALL(pipe2, NULL, O_DIRECT);
    CALL(pipe2, room(8), 0x4);
    CALL(close_range, 4, 20, 0);
    CALL(openat, AT_FDCWD, text("."), O_RDONLY | O_DIRECTORY);
    char *entries = room(4096);
    CALL(getdents64, 4, entries, 4096);
    CALL(getdents64, 4, entries, 4096);
    CALL(getdents64, 4, entries, 1);
    CALL(getdents64, 3, entries, 4096);
    CALL(close, 4);
    CALL(close, 4);
}

static void control(void) {
    CALL(fcntl, 3, F_DUPFD, 20);
    CALL(fcntl, 3, F_DUPFD_CLOEXEC, 20);
    CALL(fcntl, 20, F_GETFD);
    CALL(fcntl, 21, F_GETFD);
    CALL(fcntl, 20, F_SETFD, FD_CLOEXEC);
    CALL(fcntl, 20, F_SETFD, 0);
    CALL(fcntl, 20, F_SETFD, 6);
    CALL(fcntl, 20, F_GETFL);
    CALL(fcntl, 20, F_SETFL, O_RDWR | O_APPEND | O_NONBLOCK);
    CALL(fcntl, 20, F_GETFL);
    CALL(fcntl, 20, F_SETFL, O_RDWR);
    CALL(fcntl, 99, F_GETFL);
    struct flock *lock = COPY(struct flock, {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 10});
    CALL(fcntl, 3, F_SETLK, lock);
    CALL(fcntl, 3, F_GETLK, lock);
    CALL(fcntl, 3, F_OFD_GETLK, COPY(struct flock, {.l_type = F_RDLCK, .l_whence = SEEK_END, .l_start = -5}));
    CALL(fcntl, 3, F_OFD_SETLK, COPY(struct flock, {.l_type = F_UNLCK, .l_whence = SEEK_CUR}));
    CALL(fcntl, 3, F_SETLKW, COPY(struct flock, {.l_type = F_UNLCK}));
    CALL(fcntl, 3, F_SETLK, COPY(struct flock, {.l_type = 9, .l_whence = 7}));
    CALL(fcntl, 3, F_GETLK, NOWHERE);
    CALL(fcntl, 3, F_SETLK, NULL);
    CALL(fcntl, 3, F_GETPIPE_SZ);
    CALL(fcntl, 3, F_GET_SEALS);
    CALL(fcntl, 3, F_ADD_SEALS, F_SEAL_WRITE);
    CALL(fcntl, 3, 9999, 5);
    CALL(fcntl, 99, F_NOTIFY, 0x80000000 | 1);
    CALL(fcntl, 99, F_SETLEASE, F_WRLCK);
    CALL(fcntl, 99, F_SETOWN, 77);
    CALL(fcntl, 99, F_SETOWN, -77);
    CALL(fcntl, 99, F_SETSIG, SIGIO);
    CALL(fcntl, 99, F_SETPIPE_SZ, 4096);
    CALL(pipe2, room(8), 0);
    CALL(fcntl, 4, F_GETPIPE_SZ);
    CALL(fcntl, 4, F_SETPIPE_SZ, 8192);
    CALL(fcntl, 4, F_GETFL);
    CALL(fcntl, 5, F_GETFL);
    CALL(close, 4);
    CALL(close, 5);
    CALL(memfd_create, text("sealed"), MFD_ALLOW_SEALING);
    CALL(fcntl, 4, F_GET_SEALS);
    CALL(fcntl, 4, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW);
    CALL(fcntl, 4, F_GET_SEALS);
    CALL(fcntl, 4, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_FUTURE_WRITE);
    CALL(close, 4);
    CALL(flock, 3, LOCK_EX | LOCK_NB);
    CALL(flock, 3, LOCK_SH);
    CALL(flock, 3, LOCK_UN);
    CALL(flock, 3, 0x40);
    CALL(flock, 99, LOCK_EX | LOCK_SH);
    int *number = room(4);
    CALL(ioctl, 3, FIONREAD, number);
    CALL(ioctl, 3, FIONBIO, number);
    CALL(ioctl, 3, FIOCLEX);
    CALL(ioctl, 3, FIONCLEX);
    CALL(ioctl, 3, FIOCLEX, 5);
    CALL(ioctl, 3, TCGETS, room(64));
    CALL(ioctl, 3, TIOCGWINSZ, room(8));
    CALL(ioctl, 3, TIOCGPGRP, number);
    CALL(ioctl, 3, 0x12345678, 0x55);
    CALL(ioctl, 3, 0x1234, NULL);
    CALL(ioctl, 99, TCSETS, room(64));
    CALL(ioctl, 99, TIOCSWINSZ, room(8));
    CALL(ioctl, 99, FS_IOC_GETFLAGS, number);
    CALL(ioctl, 99, FICLONE, 3);
    CALL(ioctl, 99, TIOCSCTTY, 1);
    CALL(ioctl, 99, TCFLSH, TCIOFLUSH);
    CALL(ioctl, 99, TCXONC, TCOON);
    CALL(ioctl, 99, TCSBRK, 1);
    CALL(ioctl, 99, TIOCSPGRP, number);
    CALL(ioctl, 99, TIOCSPTLCK, number);
    CALL(ioctl, 99, FIONBIO, NOWHERE);
}

static void status(void) {
    void *to = room(512);
    CALL(fstat, 1, NOWHERE);
    CALL(fstat, 99, to);
    CALL(newfstatat, AT_FDCWD, text("file"), to, 0);
    CALL(newfstatat, AT_FDCWD, text("soft"), to, AT_SYMLINK_NOFOLLOW);
    CALL(newfstatat, AT_FDCWD, text("fifo"), to, AT_NO_AUTOMOUNT);
    CALL(newfstatat, AT_FDCWD, text("node"), to, 0);
    CALL(newfstatat, 3, text(""), to, AT_EMPTY_PATH);
    CALL(newfstatat, AT_FDCWD, text("missing"), to, 0x8000);
    CALL(newfstatat, AT_FDCWD, text("/dev/null"), to, 0);
    CALL(fstat, 3, to);
    CALL(statx, AT_FDCWD, text("missing"), AT_STATX_SYNC_TYPE, 0, to);
    CALL(statx, AT_FDCWD, text("missing"), AT_STATX_FORCE_SYNC | AT_SYMLINK_NOFOLLOW, STATX_TYPE | STATX_MODE, to);
    CALL(statx, 99, text("missing"), AT_STATX_DONT_SYNC, STATX_ALL, to);
    CALL(statx, AT_FDCWD, text("file"), 1, 0x80000000, to);
    CALL(statx, AT_FDCWD, text("file"), 0, STATX_MNT_ID | STATX_BTIME, NOWHERE);
    CALL(statfs, text("missing"), to);
    CALL(fstatfs, 99, to);
    CALL(fstatfs, 3, NOWHERE);
    struct timespec *times = room(32);
    times[0] = (struct timespec){1000000000, 123456789};
    times[1] = (struct timespec){1500000000, 0};
    CALL(utimensat, AT_FDCWD, text("file"), times, 0);
    times[0].tv_nsec = UTIME_OMIT;
    times[1].tv_nsec = UTIME_NOW;
    CALL(utimensat, 3, NULL, times, 0);
    CALL(utimensat, AT_FDCWD, text("soft"), NULL, AT_SYMLINK_NOFOLLOW);
    CALL(utimensat, AT_FDCWD, text("missing"), NOWHERE, 0);
    times[0].tv_nsec = -1;
    CALL(utimensat, AT_FDCWD, text("file"), times, 0x10);
    CALL(setxattr, text("file"), text("user.name"), text("value"), 5L, 0);
    CALL(setxattr, text("file"), text("user.zero"), text("value"), 6L, XATTR_CREATE);
    CALL(lsetxattr, text("file"), text("user.name"), text("value"), 5L, XATTR_CREATE);
    CALL(fsetxattr, 3, text("user.other"), NULL, 0L, XATTR_REPLACE);
    CALL(fsetxattr, 3, text("bad"), NULL, 0L, 0x14);
    CALL(getxattr, text("file"), text("user.name"), to, 100L);
    CALL(getxattr, text("file"), text("user.name"), NULL, 0L);
    CALL(lgetxattr, text("file"), text("user.name"), to, 2L);
    CALL(fgetxattr, 3, text("user.none"), to, 100L);
    CALL(listxattr, text("file"), to, 100L);
    CALL(llistxattr, text("file"), NULL, 0L);
    CALL(flistxattr, 3, to, 1L);
    CALL(flistxattr, 3, to, 0L);
    CALL(fgetxattr, 3, text("user.name"), to, 0L);
    CALL(removexattr, text("file"), text("user.name"));
    CALL(removexattr, text("file"), text("user.zero"));
    CALL(listxattr, text("file"), to, 0L);
    CALL(listxattr, text("file"), to, 100L);
    CALL(removexattr, text("file"), text("user.name"));
    CALL(lremovexattr, text("file"), text("user.name"));
    CALL(fremovexattr, 3, text("user.zero"));
}

static void copies(void) {
    CALL(openat, AT_FDCWD, text("copy"), O_RDWR | O_CREAT | O_TRUNC, 0600);
    CALL(lseek, 3, 0L, SEEK_SET);
    CALL(sendfile, 4, 3, NULL, 5L);
    long *offset = COPY(long, {2});
    CALL(sendfile, 4, 3, offset, 3L);
    *offset = 0;
    CALL(copy_file_range, 3, offset, 4, NULL, 4L, 0);
    CALL(copy_file_range, 3, NULL, 4, COPY(long, {20}), 4L, 0);
    CALL(copy_file_range, 3, NULL, 99, NULL, 4L, 1);
    CALL(pipe2, room(8), 0);
    *offset = 0;
    CALL(splice, 3, offset, 6, NULL, 10L, SPLICE_F_MOVE);
    CALL(splice, 5, NULL, 4, NULL, 4L, SPLICE_F_NONBLOCK | SPLICE_F_MORE);
    CALL(splice, 5, offset, 4, NULL, 4L, 0x20);
    CALL(tee, 5, 6, 4L, SPLICE_F_NONBLOCK);
    struct iovec *vector = COPY(struct iovec, {text("spliced"), 7});
    CALL(vmsplice, 6, vector, 1L, SPLICE_F_GIFT);
    CALL(vmsplice, 99, vector, 1L, 0);
    CALL(close_range, 4, 20, 0);
    CALL(fsync, 3);
    CALL(fdatasync, 99);
    CALL(sync_file_range, 3, 0L, 10L, SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_BEFORE);
    CALL(sync_file_range, 3, 0L, 10L, 8);
    CALL(fadvise64, 3, 0L, 0L, POSIX_FADV_SEQUENTIAL);
    CALL(fadvise64, 3, 1L, 2L, 77);
    CALL(readahead, 3, 0L, 4096L);
    CALL(syncfs, 3);
    CALL(sync);
}

int main(void) {
    begin();
    names();
    flags();
    control();
    status();
    copies();
    return 0;
}
