/*
 * vmstat [all]: what copy-on-write costs, as the machine itself has counted it.
 *
 * Shows:  a child stores to 8 of 16 pages that it shares, and /proc/vmstat counts its faults. With "all" it prints the lines
 *         that tell of faults and copies: in Tine the same figures as in tine run --stats. Linux has no lines cow_….
 * Rows:   M22.
 * Counts: 8 cow_copy for the pages, and those of the stack and of the buffer. Nothing faults after the last look. (textbook)
 */
#include "rt.h"

enum { PAGES = 16, WRITTEN = 8 };

static char text[2 * PAGE] __attribute__((aligned(4096)));

static void read_vmstat(void)
{
    /* The buffer's own faults come before the counts are taken. */
    write_pages(text, sizeof text / PAGE, 0);
    long fd = must("open", open("/proc/vmstat", O_RDONLY, 0)), length = 0, got;
    while ((got = read((int)fd, text + length, sizeof text - 1 - length)) > 0)
        length += got;
    text[length] = 0;
    close((int)fd);
}

/* Returns the end of the line at `at`. */
static char *line_end(char *at)
{
    while (*at && *at != '\n')
        at++;
    return at;
}

static int begins(const char *at, const char *with)
{
    return memcmp(at, with, strlen(with)) == 0;
}

static long count_of(const char *key)
{
    for (char *at = text; *at; at = line_end(at) + 1)
        if (begins(at, key)) {
            char *end = line_end(at);
            *end = 0;
            long count = parse_long(at + strlen(key));
            *end = '\n';
            return count;
        }
    return 0;
}

int main(int argc, char **argv)
{
    char *pages = map_private(PAGES);
    read_vmstat();
    long before = count_of("pgfault ");
    write_pages(pages, PAGES, 'p');

    long child = must("fork", fork());
    if (child == 0) {
        write_pages(pages, WRITTEN, 'c');
        exit(0);
    }
    wait_for(child);
    read_vmstat();
    long faults = count_of("pgfault ") - before;
    printf("%d pages written, and then %d of them by a child: %d faults are counted, or more: %s\n", PAGES, WRITTEN,
           PAGES, faults >= PAGES ? "yes" : "no");

    int all = argc > 1 && strcmp(argv[1], "all") == 0;
    for (char *at = text; all && *at; at = line_end(at) + 1)
        if (begins(at, "pgfault ") || begins(at, "pgreuse ") || begins(at, "cow_"))
            write(1, at, (size_t)(line_end(at) + 1 - at));
    return 0;
}
