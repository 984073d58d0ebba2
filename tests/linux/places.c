/* Where paths lead: chroot, openat2, mounting and unmounting, names of the machine, parameters of pipes. */
#include "probe.h"
#include <linux/openat2.h>
#include <sys/inotify.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/utsname.h>

static char text[4096];

static void show_cwd(void)
{
    long got = syscall(SYS_getcwd, text, sizeof text);
    text[text[0] == '(' ? strlen("(unreachable)") : sizeof text - 1] = 0;
    printf("cwd %s\n", got < 0 ? strerrorname_np(errno) : text);
    fflush(stdout);
}

static void roots(void)
{
    mkdir("jail", 0755);
    mkdir("jail/in", 0755);
    close(open("jail/file", O_CREAT | O_WRONLY, 0600));
    symlink("/file", "jail/in/link");
    symlink("/../../file", "jail/in/up");
    TRY(chroot("jail/file"));
    TRY(chroot("nowhere"));
    IN_CHILD({
        int out = open("/", O_RDONLY);
        TRY(chroot("jail"));
        show_cwd();
        TRY(chdir("/in"));
        show_cwd();
        TRY(access("/file", F_OK));
        TRY(access("link", F_OK));
        TRY(access("up", F_OK));
        TRY(access("../../../file", F_OK));
        TRY(access("/jail", F_OK));
        TRY(chdir("../.."));
        show_cwd();
        TRY(fchdir(out));
        show_cwd();
        TRY(access("proc", F_OK));
        IN_CHILD({
            TRY(access("/file", F_OK));
            setresuid(1000, 1000, 1000);
            TRY(chroot("/in"));
        });
    });
    TRY(access("jail", F_OK));
}

static int open2(int at, const char *path, unsigned long flags, unsigned long mode, unsigned long resolve)
{
    struct open_how how = { flags, mode, resolve };
    int fd = syscall(SYS_openat2, at, path, &how, sizeof how);
    if (fd >= 0)
        close(fd);
    return fd < 0 ? -1 : 0;
}

static void bounds(void)
{
    int at = open("jail", O_RDONLY);
    struct { struct open_how how; unsigned long more; } large = { { O_RDONLY, 0, 0 }, 0 };
    TRY(open2(at, "in/link", O_RDONLY, 0, 0));
    TRY(open2(at, "in/link", O_RDONLY, 0, RESOLVE_IN_ROOT));
    TRY(open2(at, "in/up", O_RDONLY, 0, RESOLVE_IN_ROOT));
    TRY(open2(at, "/file", O_RDONLY, 0, RESOLVE_IN_ROOT));
    TRY(open2(at, "../file", O_RDONLY, 0, RESOLVE_IN_ROOT));
    TRY(open2(at, "in/link", O_RDONLY, 0, RESOLVE_BENEATH));
    TRY(open2(at, "/file", O_RDONLY, 0, RESOLVE_BENEATH));
    TRY(open2(at, "..", O_RDONLY, 0, RESOLVE_BENEATH));
    TRY(open2(at, "in/../file", O_RDONLY, 0, RESOLVE_BENEATH));
    TRY(open2(at, "in/link", O_RDONLY, 0, RESOLVE_NO_SYMLINKS));
    TRY(open2(at, "in/link", O_PATH | O_NOFOLLOW, 0, RESOLVE_NO_SYMLINKS));
    TRY(open2(at, "file", O_RDONLY, 0, RESOLVE_NO_SYMLINKS));
    TRY(open2(AT_FDCWD, "/proc/self/exe", O_RDONLY, 0, RESOLVE_NO_MAGICLINKS));
    TRY(open2(AT_FDCWD, "/proc/self/cwd", O_RDONLY, 0, RESOLVE_BENEATH));
    TRY(open2(AT_FDCWD, "/proc/self/comm", O_RDONLY, 0, RESOLVE_NO_MAGICLINKS));
    TRY(open2(AT_FDCWD, "/proc/self/comm", O_RDONLY, 0, RESOLVE_NO_XDEV));
    TRY(open2(at, "file", O_RDONLY, 0, RESOLVE_NO_XDEV | RESOLVE_CACHED));
    TRY(open2(at, "file", O_RDONLY, 0, RESOLVE_BENEATH | RESOLVE_IN_ROOT));
    TRY(open2(at, "file", O_RDONLY, 0, 1 << 9));
    TRY(open2(at, "file", O_RDONLY, 0600, 0));
    TRY(open2(at, "made", O_CREAT | O_WRONLY, 0600, 0));
    TRY(open2(at, "made", O_CREAT | O_WRONLY, 010600, 0));
    TRY(open2(at, "made", O_CREAT | O_WRONLY, 0600, RESOLVE_CACHED));
    TRY(open2(at, "file", O_PATH | O_WRONLY, 0, 0));
    TRY(open2(at, "file", 1ul << 31, 0, 0));
    TRY(open2(at, "file", 1ul << 40, 0, 0));
    TRY(open2(-1, "file", O_RDONLY, 0, 0));
    TRY(syscall(SYS_openat2, at, "file", &large, 8));
    TRY(syscall(SYS_openat2, at, "file", &large, sizeof large) >= 0);
    large.more = 1;
    TRY(syscall(SYS_openat2, at, "file", &large, sizeof large));
    TRY(syscall(SYS_openat2, at, "file", &large, 5000));
    TRY(syscall(SYS_openat2, at, "file", (void *)8, sizeof large.how));
}

static void show_flags(const char *path)
{
    struct statfs figures;
    statfs(path, &figures);
    printf("%s: type %#lx, flags %#lx\n", path, (long)figures.f_type, (long)figures.f_flags & 0xf);
    fflush(stdout);
}

static void mounts(void)
{
    struct stat before, after;
    mkdir("mnt", 0755);
    close(open("mnt/below", O_CREAT | O_WRONLY, 0600));
    stat("mnt", &before);
    TRY(mount("none", "nowhere", "tmpfs", 0, NULL));
    TRY(mount("none", "jail/file", "tmpfs", 0, NULL));
    TRY(mount("none", "mnt", "nosuchfs", 0, NULL));
    TRY(mount("none", "mnt", NULL, 0, NULL));
    TRY(mount("none", "mnt", "tmpfs", 0, "mode=xyz"));
    TRY(mount("none", "mnt", "tmpfs", 0, "size=1m,mode=0700,uid=5,gid=6"));
    stat("mnt", &after);
    printf("another device %d, mode %o, owner %d:%d\n", before.st_dev != after.st_dev, after.st_mode, after.st_uid, after.st_gid);
    TRY(access("mnt/below", F_OK));
    int fd = open("mnt/file", O_CREAT | O_RDWR, 0644);
    TRY(rmdir("mnt"));
    TRY(rename("mnt", "mnt2"));
    TRY(link("mnt/file", "file"));
    TRY(rename("mnt/file", "file"));
    TRY(umount("mnt"));
    TRY(mount(NULL, "mnt", NULL, MS_REMOUNT | MS_RDONLY, NULL));
    close(fd);
    TRY(mount(NULL, "mnt", NULL, MS_REMOUNT | MS_RDONLY, NULL));
    show_flags("mnt");
    TRY(open("mnt/file", O_WRONLY));
    TRY(open("mnt/new", O_WRONLY | O_CREAT, 0600));
    TRY(open("mnt/file", O_RDONLY | O_CREAT, 0600) >= 0);
    TRY(mkdir("mnt/d", 0700));
    TRY(mkdir("mnt/file", 0700));
    TRY(unlink("mnt/file"));
    TRY(chmod("mnt/file", 0600));
    TRY(chown("mnt/file", 1, 1));
    TRY(truncate("mnt/file", 0));
    TRY(utimensat(AT_FDCWD, "mnt/file", NULL, 0));
    TRY(access("mnt/file", W_OK));
    TRY(access("mnt/file", R_OK));
    closefrom(5);
    TRY(umount2("mnt", MNT_EXPIRE | MNT_FORCE));
    TRY(umount2("mnt", 64));
    TRY(umount2("mnt", MNT_EXPIRE));
    TRY(umount2("mnt", MNT_EXPIRE));
    TRY(access("mnt/below", F_OK));
    TRY(umount("mnt"));
    TRY(mount("none", "mnt", "tmpfs", MS_NOEXEC | MS_NODEV, NULL));
    show_flags("mnt");
    mknod("mnt/null", S_IFCHR | 0666, 1 << 8 | 3);
    TRY(open("mnt/null", O_RDONLY));
    symlink("/proc/self/exe", "mnt/exe");
    close(open("mnt/script", O_CREAT | O_WRONLY, 0755));
    TRY(execl("mnt/script", "script", NULL));
    int in = inotify_init1(IN_NONBLOCK);
    inotify_add_watch(in, "mnt/script", IN_OPEN);
    fd = open("mnt/script", O_RDONLY);
    read(in, text, sizeof text);
    TRY(umount("mnt"));
    TRY(umount2("mnt", MNT_DETACH));
    TRY(access("mnt/below", F_OK));
    TRY(fchmod(fd, 0700));
    close(fd);
    long got = read(in, text, sizeof text);
    for (char *at = text; at < text + got; at += 16)
        printf("told %#x\n", ((struct inotify_event *)at)->mask);
    IN_CHILD({
        setresuid(1000, 1000, 1000);
        TRY(mount("none", "mnt", "tmpfs", 0, NULL));
        TRY(umount("mnt"));
    });
}

static void names(void)
{
    struct utsname name;
    TRY(sethostname("somewhere", 9));
    TRY(setdomainname("example", 7));
    uname(&name);
    printf("%s %s\n", name.nodename, name.domainname);
    TRY(sethostname("x", 65));
    TRY(sethostname("x", -1));
    TRY(sethostname((char *)8, 4));
    FILE *file = fopen("/proc/sys/kernel/hostname", "r");
    printf("%s", fgets(text, sizeof text, file));
    fclose(file);
    IN_CHILD({
        setresuid(1000, 1000, 1000);
        TRY(sethostname("y", 1));
    });
}

static void set(const char *path, const char *value)
{
    int fd = open(path, O_RDWR);
    errno = 0;
    long done = write(fd, value, strlen(value));
    printf("%s = %s: %s", path, value, done < 0 ? strerrorname_np(errno) : "ok");
    long got = pread(fd, text, sizeof text - 1, 0);
    text[got < 0 ? 0 : got] = 0;
    printf(", now %s", text);
    fflush(stdout);
    close(fd);
}

static int one[2], two[2], three[2];

static void pipes(void)
{
    set("/proc/sys/fs/pipe-max-size", "5000");
    set("/proc/sys/fs/pipe-max-size", "100");
    set("/proc/sys/fs/pipe-user-pages-soft", "20");
    set("/proc/sys/fs/lease-break-time", "x");
    IN_CHILD({
        setresuid(1000, 1000, 1000);
        pipe(one);
        TRY(fcntl(one[0], F_GETPIPE_SZ));
        TRY(fcntl(one[0], F_SETPIPE_SZ, 8192));
        TRY(fcntl(one[0], F_SETPIPE_SZ, -1));
    });
    set("/proc/sys/fs/pipe-max-size", "1048576");
    IN_CHILD({
        setresuid(1000, 1000, 1000);
        pipe(one);
        pipe(two);
        TRY(fcntl(one[0], F_GETPIPE_SZ));
        TRY(fcntl(two[0], F_GETPIPE_SZ));
        TRY(fcntl(two[0], F_SETPIPE_SZ, 32768));
    });
    set("/proc/sys/fs/pipe-user-pages-hard", "20");
    IN_CHILD({
        setresuid(1000, 1000, 1000);
        TRY(pipe(one));
        TRY(pipe(two));
        TRY(pipe(three));
        TRY(pipe(three));
    });
}

int main(void)
{
    char folder[] = "/tmp/places-XXXXXX";
    mkdtemp(folder);
    chmod(folder, 0755);
    rename(folder, "/tmp/places");
    chdir("/tmp/places");
    roots();
    bounds();
    mounts();
    names();
    pipes();
    return 0;
}
