/*
 * tmpfs: file systems in memory that may fill up: size=, nr_blocks= and nr_inodes=, what statfs says of them, and what a
 * store finds that has no page left.
 *
 * tmpfs(5), mount(2), statfs(2), fallocate(2).
 */
#include "probe.h"
#include <setjmp.h>
#include <sys/mount.h>
#include <sys/vfs.h>

#define AT "/tmp/full"

static sigjmp_buf back;

static void on_bus(int signal)
{
    (void)signal;
    siglongjmp(back, 1);
}

static void state(const char *what)
{
    struct statfs fs;
    statfs(AT, &fs);
    printf("%s: blocks %lu, free %lu, available %lu, files %lu, free %lu\n", what, fs.f_blocks, fs.f_bfree, fs.f_bavail,
           fs.f_files, fs.f_ffree);
}

/* Leaves out what every tmpfs has. */
static void show_options(char *options)
{
    options[strcspn(options, " ")] = 0;
    char *common = strstr(options, ",inode64");
    if (common != NULL)
        *common = 0;
    printf("options %s\n", options);
}

static void options(void)
{
    char line[512];
    FILE *mounts = fopen("/proc/mounts", "r");
    while (fgets(line, sizeof line, mounts))
        if (strstr(line, " " AT " "))
            show_options(strstr(line, "size="));
    fclose(mounts);
}

static int make(const char *name)
{
    return open(name, O_CREAT | O_RDWR, 0600);
}

static void pages(void)
{
    static char bytes[100000];
    TRY(mount("it", AT, "tmpfs", 0, "size=40k,nr_inodes=20"));
    options();
    state("empty");
    int fd = make(AT "/a");
    TRY(write(fd, bytes, 10000));
    state("10000 bytes");
    TRY(pwrite(fd, bytes, 1, 100000));
    state("a hole and a byte");
    TRY(write(fd, bytes, sizeof bytes));
    state("full");
    TRY(write(fd, bytes, 1));
    TRY(write(fd, bytes, 4096));
    TRY(pwrite(fd, bytes, 100, 100));
    TRY(ftruncate(fd, 5000));
    state("cut");
    TRY(fallocate(fd, 0, 8192, 8192));
    TRY(fallocate(fd, 0, 0, 100000));
    state("allocated");
    int other = make(AT "/b");
    TRY(ftruncate(other, 10 * 4096));
    char *map = mmap(NULL, 10 * 4096, PROT_READ | PROT_WRITE, MAP_SHARED, other, 0);
    signal(SIGBUS, on_bus);
    volatile int stored = 0;
    if (sigsetjmp(back, 1) == 0)
        for (; stored < 10; stored++)
            map[stored * 4096] = 1;
    printf("stored to %d pages\n", stored);
    state("stored");
    volatile int loaded = 0;
    if (sigsetjmp(back, 1) == 0)
        for (; loaded < 10; loaded++)
            *(volatile char *)(map + loaded * 4096);
    printf("loaded from %d pages\n", loaded);
    TRY(read(other, bytes, sizeof bytes));
    TRY(unlink(AT "/a"));
    state("unlinked, but open");
    close(fd);
    state("closed");
    map[9 * 4096] = 1;
    state("stored again");
    char *own = mmap(NULL, 10 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, other, 0);
    own[0] = 1;
    state("copied");
    munmap(own, 10 * 4096);
    TRY(mkdir(AT "/directory", 0700));
    TRY(symlink("short", AT "/short"));
    state("a directory and a link");
    TRY(mount("it", AT, "tmpfs", MS_REMOUNT, "size=4k"));
    TRY(mount("it", AT, "tmpfs", MS_REMOUNT, "size=80k"));
    state("remounted");
    munmap(map, 10 * 4096);
    close(other);
    TRY(umount(AT));
}

static void files(void)
{
    TRY(mount("it", AT, "tmpfs", 0, "nr_inodes=4,nr_blocks=3,mode=755,uid=3"));
    options();
    state("empty");
    close(make(AT "/a"));
    TRY(mkdir(AT "/b", 0700));
    TRY(link(AT "/a", AT "/c"));
    state("three names");
    TRY(link(AT "/a", AT "/d"));
    TRY(symlink("x", AT "/d"));
    TRY(make(AT "/d"));
    TRY(mkdir(AT "/d", 0700));
    TRY(rename(AT "/a", AT "/d"));
    TRY(unlink(AT "/c"));
    state("a name less");
    TRY(mkfifo(AT "/c", 0600));
    TRY(umount(AT));
}

int main(void)
{
    TRY(mkdir(AT, 0755));
    pages();
    files();
    TRY(mount("it", AT, "tmpfs", 0, "size=0,nr_inodes=0"));
    options();
    state("without limit");
    TRY(umount(AT));
    TRY(mount("it", AT, "tmpfs", 0, "size=5000,nr_inodes=1k"));
    options();
    state("5000 bytes");
    TRY(umount(AT));
    const char *wrong[] = {"size", "size=", "size=x", "size=4q", "size=4k4", "nr_inodes=1x", "nr_blocks=-1", "size=10%%%", "size=-4k"};
    for (int i = 0; i < 9; i++) {
        printf("%s\n", wrong[i]);
        if (TRY(mount("it", AT, "tmpfs", 0, wrong[i])) == 0)
            umount(AT);
    }
    TRY(rmdir(AT));
    return 0;
}
