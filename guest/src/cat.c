/*
 * cat [FILE]...: prints files, as a first look at /proc.
 *
 * Shows:  what the machine says of itself: tine run @cat /proc/self/maps, /proc/self/smaps, /proc/vmstat, /proc/meminfo.
 *         Without a file it prints its own name.
 * Rows:   M11.
 * Counts: no copies: nothing forks. (textbook)
 */
#include "rt.h"

static int print_file(const char *path)
{
    static char buffer[PAGE];
    long fd = open(path, O_RDONLY, 0), got;
    if (fd < 0) {
        printf("%s: %s\n", path, errno_text(fd));
        return 1;
    }
    while ((got = read((int)fd, buffer, sizeof buffer)) > 0)
        write(1, buffer, (size_t)got);
    close((int)fd);
    return got < 0;
}

int main(int argc, char **argv)
{
    int failed = argc < 2 && print_file("/proc/self/comm");
    for (int i = 1; i < argc; i++)
        failed |= print_file(argv[i]);
    return failed;
}
