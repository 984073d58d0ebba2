/*
 * areas: what /proc says of an area, before fork, behind it, and when the child has stored to some of its pages.
 *
 * Shows:  an address space is a list of areas with rights and backing; and which of an area's pages are shared and which are
 *         somebody's own, as /proc/self/maps and smaps have them.
 * Rows:   M11, M27.
 * Counts: in the 8 pages: 6 demand_zero (the parent), 2 cow_copy (the child). (textbook)
 */
#include "rt.h"

enum { PAGES = 8, WRITTEN = 6, CHANGED = 2 };

/* A page of text at a time: what /proc says of one process is longer. */
static char text[8 * PAGE];

static void read_file(const char *path)
{
    long fd = must(path, open(path, O_RDONLY, 0)), got;
    size_t length = 0;
    while ((got = read((int)fd, text + length, sizeof text - 1 - length)) > 0)
        length += (size_t)got;
    text[length] = 0;
    close((int)fd);
}

static int begins(const char *at, const char *with)
{
    return memcmp(at, with, strlen(with)) == 0;
}

/* Prints what the rest of the line at `at` says behind `key`, without the spaces between. */
static void show_line(const char *at, const char *key)
{
    at += strlen(key);
    while (*at == ' ')
        at++;
    int length = 0;
    while (at[length] != '\n')
        length++;
    printf(" %s %.*s", key, length, at);
}

/* Prints the rights of the area that begins at `area`, and what smaps says of its pages. */
static void show_area(const char *when, const char *area)
{
    char start[24];
    static const char *const keys[] = { "Rss:", "Shared_Dirty:", "Private_Dirty:", "Anonymous:" };
    read_file("/proc/self/smaps");
    size_t length = format_to(start, sizeof start, "%lx-", (unsigned long)area);
    const char *at = text;
    while (*at && memcmp(at, start, length) != 0) {
        while (*at && *at++ != '\n')
            ;
    }
    while (*at && *at != ' ')
        at++;
    printf("%s: %.*s", when, 4, at + 1);
    for (size_t key = 0; *at && key < sizeof keys / sizeof *keys;) {
        while (*at && *at++ != '\n')
            ;
        if (begins(at, keys[key]))
            show_line(at, keys[key++]);
    }
    printf("\n");
}

int main(void)
{
    /* A page that may not be touched on each side keeps the area by itself. */
    char *area = map_private(PAGES + 2) + PAGE;
    mprotect(area - PAGE, PAGE, PROT_NONE);
    mprotect(area + PAGES * PAGE, PAGE, PROT_NONE);
    write_pages(area, WRITTEN, 'p');
    show_area("parent, before fork", area);

    int go[2];
    must("pipe2", pipe2(go, 0));
    long child = must("fork", fork());
    if (child == 0) {
        show_area("child, behind fork", area);
        write_pages(area, CHANGED, 'c');
        show_area("child, 2 pages stored to", area);
        /* Until the parent has looked. */
        char nothing;
        close(go[1]);
        read(go[0], &nothing, 1);
        exit(0);
    }
    sleep_ms(50);
    show_area("parent, meanwhile", area);
    close(go[0]);
    close(go[1]);
    wait_for(child);
    show_area("parent, child gone", area);
    return 0;
}
