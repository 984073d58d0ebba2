/* Which areas are one: what fork, rights, advice and limits leave of them in /proc/self/maps and smaps. */
#include "probe.h"
#include <sys/ipc.h>
#include <sys/shm.h>

#define PAGE 4096UL

static char *map(int pages, int prot, int flags)
{
    return mmap(NULL, pages * PAGE, prot, flags | MAP_ANONYMOUS, -1, 0);
}

static void touch(volatile char *at, int pages, char value)
{
    for (int i = 0; i < pages; i++)
        at[i * PAGE] = value;
}

/* Prints the areas that overlap a range, as pages from its beginning, with their rights. */
static void show(const char *what, char *at, int pages)
{
    FILE *maps = fopen("/proc/self/maps", "r");
    char line[512], rights[8];
    unsigned long from, to, begin = (unsigned long)at, end = begin + pages * PAGE;
    printf("%s:", what);
    while (fgets(line, sizeof line, maps)) {
        sscanf(line, "%lx-%lx %7s", &from, &to, rights);
        if (to <= begin || from >= end)
            continue;
        from = from < begin ? begin : from;
        to = to > end ? end : to;
        printf(" %lu+%lu %s", (from - begin) / PAGE, (to - from) / PAGE, rights);
    }
    printf("\n");
    fclose(maps);
    fflush(stdout);
}

static int lines_with(const char *word)
{
    FILE *maps = fopen("/proc/self/maps", "r");
    char line[512];
    int found = 0;
    while (fgets(line, sizeof line, maps))
        found += strstr(line, word) != NULL;
    fclose(maps);
    return found;
}

/* Prints a line of the paragraph about an area in smaps. */
static void print_smaps(const char *what, const void *at, const char *key)
{
    FILE *smaps = fopen("/proc/self/smaps", "r");
    char line[512], rights[8];
    unsigned long from, to;
    int inside = 0;
    while (fgets(line, sizeof line, smaps)) {
        if (sscanf(line, "%lx-%lx %4s", &from, &to, rights) == 3 && line[0] > 'Z' | line[0] < 'A')
            inside = (unsigned long)at >= from && (unsigned long)at < to;
        else if (inside && strncmp(line, key, strlen(key)) == 0)
            printf("%s: %s", what, line);
    }
    fclose(smaps);
    fflush(stdout);
}

static void merging(void)
{
    puts("-- areas that become one");
    char *a = map(8, PROT_READ | PROT_WRITE, MAP_PRIVATE);
    mprotect(a + 2 * PAGE, 2 * PAGE, PROT_READ);
    show("read-only in the middle", a, 8);
    mprotect(a + 2 * PAGE, 2 * PAGE, PROT_READ | PROT_WRITE);
    show("all may be written", a, 8);

    a = map(8, PROT_NONE, MAP_PRIVATE);
    mprotect(a, 2 * PAGE, PROT_READ | PROT_WRITE);
    touch(a, 2, 1);
    mprotect(a + 2 * PAGE, 2 * PAGE, PROT_READ | PROT_WRITE);
    show("untouched joins touched", a, 8);

    a = map(8, PROT_NONE, MAP_PRIVATE);
    mprotect(a + 2 * PAGE, 2 * PAGE, PROT_READ | PROT_WRITE);
    mprotect(a + 4 * PAGE, 2 * PAGE, PROT_READ);
    touch(a + 2 * PAGE, 2, 1);
    mprotect(a + 2 * PAGE, 2 * PAGE, PROT_READ);
    show("touched does not join untouched", a, 8);

    a = map(8, PROT_NONE, MAP_PRIVATE);
    mprotect(a, 2 * PAGE, PROT_READ | PROT_WRITE);
    mprotect(a + 4 * PAGE, 2 * PAGE, PROT_READ | PROT_WRITE);
    touch(a, 2, 1);
    touch(a + 4 * PAGE, 2, 1);
    mprotect(a + 2 * PAGE, 2 * PAGE, PROT_READ | PROT_WRITE);
    show("between two that were touched", a, 8);

    a = map(8, PROT_READ | PROT_WRITE, MAP_PRIVATE);
    touch(a, 8, 1);
    char *away = map(8, PROT_NONE, MAP_PRIVATE);
    mremap(a + 2 * PAGE, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, away + 2 * PAGE);
    show("a part has moved", a, 8);
    mremap(away + 2 * PAGE, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, a + 2 * PAGE);
    show("and come back", a, 8);
    mremap(a + 2 * PAGE, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, away);
    mremap(a, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, away + 2 * PAGE);
    show("side by side, in the other order", away, 8);
}

static void children(void)
{
    puts("-- a child's areas");
    char *a = map(8, PROT_NONE, MAP_PRIVATE);
    mprotect(a, 2 * PAGE, PROT_READ | PROT_WRITE);
    touch(a, 2, 1);
    IN_CHILD({
        mprotect(a + 2 * PAGE, 2 * PAGE, PROT_READ | PROT_WRITE);
        show("what is new stays apart from what fork brought", a, 8);
        touch(a + 2 * PAGE, 2, 2);
        mprotect(a + 4 * PAGE, 2 * PAGE, PROT_READ | PROT_WRITE);
        show("what is new joins what is new", a, 8);
    });
    mprotect(a + 2 * PAGE, 2 * PAGE, PROT_READ | PROT_WRITE);
    show("the parent's", a, 8);

    char *w = map(4, PROT_READ | PROT_WRITE, MAP_PRIVATE);
    touch(w, 4, 1);
    madvise(w + PAGE, PAGE, MADV_WIPEONFORK);
    madvise(w + 2 * PAGE, PAGE, MADV_DONTFORK);
    IN_CHILD({
        w[PAGE] = 2;
        madvise(w + PAGE, PAGE, MADV_KEEPONFORK);
        show("wiped and omitted", w, 4);
    });
    madvise(w, 4 * PAGE, MADV_KEEPONFORK);
    madvise(w, 4 * PAGE, MADV_DOFORK);
    show("the parent's", w, 4);

    char *end = sbrk(4 * PAGE) + 4 * PAGE;
    touch(end - 4 * PAGE, 4, 1);
    IN_CHILD({
        sbrk(4 * PAGE);
        printf("heaps after the child's has grown: %d\n", lines_with("[heap]"));
    });
    sbrk(4 * PAGE);
    printf("heaps after the parent's has grown: %d\n", lines_with("[heap]"));
}

static void flags(void)
{
    puts("-- flags");
    const char *key = "VmFlags";
    char *a = map(8, PROT_READ | PROT_WRITE, MAP_PRIVATE);
    print_smaps("plain", a, key);
    madvise(a, PAGE, MADV_SEQUENTIAL);
    madvise(a + PAGE, PAGE, MADV_RANDOM);
    madvise(a + 2 * PAGE, PAGE, MADV_DONTDUMP);
    madvise(a + 3 * PAGE, PAGE, MADV_NOHUGEPAGE);
    madvise(a + 4 * PAGE, PAGE, MADV_HUGEPAGE);
    mlock2(a + 5 * PAGE, PAGE, MLOCK_ONFAULT);
    show("advised", a, 8);
    for (int i = 0; i < 6; i++)
        print_smaps("advised", a + i * PAGE, key);
    madvise(a, 3 * PAGE, MADV_NORMAL);
    madvise(a, 3 * PAGE, MADV_DODUMP);
    show("advice taken back", a, 8);
    print_smaps("a stack", map(8, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_STACK), key);
    print_smaps("locked", map(8, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_LOCKED), key);
    print_smaps("not reserved", map(8, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE), key);
    print_smaps("shared", map(8, PROT_READ | PROT_WRITE, MAP_SHARED), key);
    int fd = open("/tmp/areas", O_RDONLY | O_CREAT, 0600);
    print_smaps("shared, of a file that is open for reading", mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0), key);
    printf("vvar %d, vdso %d\n", lines_with("[vvar]"), lines_with("[vdso]"));
}

static void names(void)
{
    puts("-- names of mapped files");
    int fd = open("/tmp/areas", O_RDWR | O_CREAT, 0600);
    mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 0);
    rename("/tmp/areas", "/tmp/areas.renamed");
    printf("renamed: %d\n", lines_with("/tmp/areas.renamed") > 0);
    unlink("/tmp/areas.renamed");
    printf("unlinked: %d\n", lines_with("/tmp/areas.renamed (deleted)") > 0);
    close(fd);
    printf("and closed: %d\n", lines_with("/tmp/areas.renamed (deleted)") > 0);
}

static void limit(void)
{
    puts("-- as many areas as there may be");
    int fd = open("/proc/sys/vm/max_map_count", O_RDWR);
    char before[32] = "", most[32];
    read(fd, before, sizeof before - 1);
    int had = lines_with("-"), done = 0;
    char *a = map(64, PROT_READ | PROT_WRITE, MAP_PRIVATE);
    pwrite(fd, most, sprintf(most, "%d", had + 20), 0);
    while (mprotect(a + (2 * done + 1) * PAGE, PAGE, PROT_READ) == 0)
        done++;
    printf("%s after %d pages, %d areas more\n", strerrorname_np(errno), done, lines_with("-") - had);
    TRY(mprotect(a + PAGE, PAGE, PROT_READ | PROT_WRITE));
    TRY(mprotect(a + PAGE, PAGE, PROT_READ));
    TRY(madvise(a + 60 * PAGE, PAGE, MADV_DONTFORK));
    TRY(mlock(a + 60 * PAGE, PAGE));
    TRY(munmap(a + 61 * PAGE, PAGE));
    TRY(munmap(a + 63 * PAGE, PAGE));
    CAN(map(1, PROT_READ, MAP_SHARED));
    CAN(map(1, PROT_READ, MAP_SHARED));
    printf("%d areas more\n", lines_with("-") - had);
    pwrite(fd, before, strlen(before), 0);
}

int main(void)
{
    setvbuf(stdout, malloc(1 << 16), _IOFBF, 1 << 16);
    lines_with("");
    merging();
    children();
    flags();
    names();
    limit();
}
