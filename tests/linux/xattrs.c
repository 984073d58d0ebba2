/*
 * xattrs: extended attributes of a tmpfs.
 *
 * xattr(7), setxattr(2), getxattr(2), listxattr(2), removexattr(2).
 */
#include "probe.h"
#include <sys/xattr.h>

static char value[70000], name[400];

static void list(const char *path)
{
    char names[1000];
    long len = llistxattr(path, names, sizeof names);
    printf("%s has", path);
    for (long at = 0; at < len; at += strlen(names + at) + 1)
        printf(" %s", names + at);
    printf(" (%ld)\n", len);
}

int main(void)
{
    int fd = open("file", O_RDWR | O_CREAT, 0644), path = open("file", O_PATH), ends[2];
    mkdir("dir", 0755), symlink("file", "link"), mkfifo("fifo", 0644), pipe(ends);
    TRY(setxattr("file", "user.one", "1234", 4, 0));
    TRY(setxattr("file", "user.one", "12345", 5, XATTR_CREATE));
    TRY(setxattr("file", "user.two", "12345", 5, XATTR_REPLACE));
    TRY(setxattr("file", "user.two", "", 0, XATTR_CREATE));
    TRY(setxattr("file", "user.one", "123456", 6, XATTR_REPLACE));
    TRY(setxattr("file", "user.one", "x", 1, 4));
    TRY(setxattr("file", "user.one", "x", 1, XATTR_CREATE | XATTR_REPLACE));
    TRY(setxattr("file", "user.three", "x", 1, XATTR_CREATE | XATTR_REPLACE));
    TRY(setxattr("file", "", "x", 1, 0)), TRY(setxattr("file", "user.", "x", 1, 0)), TRY(setxattr("file", "user", "x", 1, 0));
    TRY(setxattr("file", "other.x", "x", 1, 0)), TRY(setxattr("file", "system.x", "x", 1, 0));
    TRY(setxattr("file", "trusted.t", "x", 1, 0)), TRY(setxattr("file", "security.s", "x", 1, 0));
    TRY(setxattr("file", "security.capability", "x", 1, 0));
    memset(name, 'n', 399), memcpy(name, "user.", 5);
    name[256] = 0;
    TRY(setxattr("file", name, "x", 1, 0)), TRY(getxattr("file", name, value, 1)), TRY(removexattr("file", name));
    name[255] = 0;
    TRY(setxattr("file", name, "x", 1, 0)), TRY(removexattr("file", name));
    TRY(setxattr("file", "user.big", value, 65537, 0)), TRY(setxattr("file", "user.big", value, 65536, 0));
    TRY(removexattr("file", "user.big"));
    TRY(setxattr("file", "user.x", (void *)8, 1, 0)), TRY(setxattr("file", (void *)8, "x", 1, 0));
    TRY(setxattr("none", "user.x", "x", 1, 0)), TRY(setxattr("none", "", "x", 1, 0));
    TRY(getxattr("file", "user.one", value, 100)), TRY(getxattr("file", "user.one", value, 6)), TRY(getxattr("file", "user.one", value, 5));
    TRY(getxattr("file", "user.one", NULL, 0)), TRY(getxattr("file", "user.none", value, 9)), TRY(getxattr("file", "user.two", value, 9));
    TRY(getxattr("file", "other.x", value, 9)), TRY(getxattr("file", "user.one", (void *)8, 9)), TRY(getxattr("file", "trusted.t", value, 9));
    TRY(getxattr("file", "system.posix_acl_access", value, 9)), TRY(getxattr("file", "security.capability", value, 9));
    TRY(getxattr("file", "security.selinux", value, 9));
    list("file");
    TRY(listxattr("file", value, 3)), TRY(listxattr("file", NULL, 0)), TRY(listxattr("file", (void *)8, 500));
    TRY(fgetxattr(fd, "user.one", value, 9)), TRY(fgetxattr(path, "user.one", value, 9)), TRY(fsetxattr(fd, "user.f", "f", 1, 0));
    TRY(flistxattr(fd, NULL, 0)), TRY(fremovexattr(fd, "user.f")), TRY(fgetxattr(99, "user.one", value, 9));
    TRY(fsetxattr(99, "", "f", 1, 8)), TRY(fgetxattr(99, "", value, 1)), TRY(fremovexattr(99, ""));
    int reader = open("file", O_RDONLY);
    TRY(fsetxattr(reader, "user.r", "f", 1, 0)), TRY(removexattr("file", "user.r")), TRY(removexattr("file", "user.r"));
    TRY(setxattr("dir", "user.d", "x", 1, 0)), TRY(getxattr("dir", "user.d", value, 1));
    TRY(getxattr("link", "user.one", value, 9)), TRY(lgetxattr("link", "user.one", value, 9));
    TRY(lsetxattr("link", "user.one", "x", 1, 0)), TRY(lsetxattr("link", "trusted.l", "x", 1, 0)), TRY(lremovexattr("link", "user.one"));
    list("link");
    TRY(setxattr("fifo", "user.f", "x", 1, 0)), TRY(getxattr("fifo", "user.f", value, 1)), TRY(setxattr("fifo", "trusted.f", "x", 1, 0));
    TRY(setxattr("/proc/self/status", "user.f", "x", 1, 0)), TRY(getxattr("/proc/self/status", "user.f", value, 1)), TRY(getxattr("/proc/self/status", "trusted.f", value, 1));
    TRY(listxattr("/proc/self/status", value, 100)), TRY(getxattr("/proc/self/status", "system.posix_acl_access", value, 1));
    TRY(fgetxattr(ends[0], "user.f", value, 1)), TRY(flistxattr(ends[0], value, 100));
    TRY(setxattr("/dev/null", "user.f", "x", 1, 0)), TRY(getxattr("/dev/null", "user.f", value, 1));
    rename("file", "moved");
    list("moved");
    link("moved", "again");
    list("again");
    return 0;
}
