/* What advice does with pages that are shared, huge or a segment's, and what is counted of it. */
#include "probe.h"
#include <sys/resource.h>
#include <sys/shm.h>

#define PAGE 4096UL
#define HUGE (512 * PAGE)
#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif

static long faults(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_minflt;
}

static long reads(volatile char *at, int pages)
{
    long before = faults();
    for (int i = 0; i < pages; i++)
        (void)at[i * PAGE];
    return faults() - before;
}

static long writes(volatile char *at, int pages, char value)
{
    long before = faults();
    for (int i = 0; i < pages; i++)
        at[i * PAGE] = value;
    return faults() - before;
}

static long smaps(const void *at, const char *key)
{
    FILE *file = fopen("/proc/self/smaps", "r");
    char line[512], rights[8];
    unsigned long from, to;
    long found = -1;
    int inside = 0;
    while (fgets(line, sizeof line, file)) {
        if (sscanf(line, "%lx-%lx %4s", &from, &to, rights) == 3 && line[0] > 'Z' | line[0] < 'A')
            inside = (unsigned long)at >= from && (unsigned long)at < to;
        else if (inside && strncmp(line, key, strlen(key)) == 0)
            found = atol(line + strlen(key) + 1);
    }
    fclose(file);
    return found;
}

static long vmstat(const char *key)
{
    FILE *file = fopen("/proc/vmstat", "r");
    char name[64];
    long value, found = -1;
    while (fscanf(file, "%63s %ld", name, &value) == 2)
        if (strcmp(name, key) == 0)
            found = value;
    fclose(file);
    return found;
}

/* Maps huge pages at a place where they can be. */
static char *huge(int count)
{
    char *at = mmap(NULL, (count + 1) * HUGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    at = (char *)(((unsigned long)at + HUGE - 1) & -HUGE);
    mmap(at, count * HUGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    madvise(at, count * HUGE, MADV_HUGEPAGE);
    return at;
}

static void giving_up(void)
{
    puts("-- MADV_FREE of huge pages");
    char *p = huge(1);
    writes(p, 512, 1);
    TRY(madvise(p, HUGE, MADV_FREE));
    printf("whole: %ld kB huge, %ld kB given up\n", smaps(p, "AnonHugePages"), smaps(p, "LazyFree"));
    printf("stored to: %ld faults, %ld kB given up\n", writes(p, 512, 2), smaps(p, "LazyFree"));
    long split = vmstat("thp_split_page"), unmapped = vmstat("thp_split_pmd");
    TRY(madvise(p, HUGE / 2, MADV_FREE));
    printf("half: %ld kB huge, %ld kB given up\n", smaps(p, "AnonHugePages"), smaps(p, "LazyFree"));
    printf("split: page +%ld, mapping +%ld\n", vmstat("thp_split_page") - split, vmstat("thp_split_pmd") - unmapped);
    printf("stored to: %ld faults\n", writes(p, 512, 3));
    IN_CHILD(printf("child: %ld faults\n", writes(p, 512, 4)));
    printf("parent: %ld faults, first %d\n", writes(p, 512, 5), p[0]);

    p = huge(1);
    writes(p, 512, 1);
    IN_CHILD({
        madvise(p, HUGE, MADV_FREE);
        printf("shared: %ld kB huge, %ld kB given up\n", smaps(p, "AnonHugePages"), smaps(p, "LazyFree"));
    });
}

static void edges(void)
{
    puts("-- huge pages cut, moved and collapsed");
    char *p = huge(2);
    writes(p, 1024, 1);
    TRY(madvise(p, HUGE / 2, MADV_DONTNEED));
    printf("%ld kB huge, reading takes %ld faults\n", smaps(p, "AnonHugePages"), reads(p, 1024));
    TRY(madvise(p, HUGE, MADV_COLLAPSE));
    printf("%ld kB huge, writing takes %ld faults\n", smaps(p, "AnonHugePages"), writes(p, 1024, 2));
    TRY(mprotect(p + PAGE, PAGE, PROT_READ));
    printf("%ld kB huge around the page\n", smaps(p + 2 * PAGE, "AnonHugePages"));
    TRY(mprotect(p + PAGE, PAGE, PROT_READ | PROT_WRITE));
    printf("writing takes %ld faults\n", writes(p, 1024, 3));
    char *to = huge(2);
    mremap(p + HUGE, HUGE, HUGE, MREMAP_MAYMOVE | MREMAP_FIXED, to);
    printf("moved to where it can be: %ld kB huge\n", smaps(to, "AnonHugePages"));
    char *odd = to + HUGE + PAGE;
    mremap(to, HUGE - PAGE, HUGE - PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, odd);
    printf("a part moved to where it cannot: %ld kB huge, first %d\n", smaps(odd, "AnonHugePages"), *odd);

    p = huge(1);
    TRY(madvise(p, HUGE, MADV_COLLAPSE));
    TRY(madvise(p + PAGE, HUGE - PAGE, MADV_COLLAPSE));
    madvise(p, HUGE, MADV_NOHUGEPAGE);
    TRY(madvise(p, HUGE, MADV_COLLAPSE));
    reads(p, 512);
    madvise(p, HUGE, MADV_HUGEPAGE);
    TRY(madvise(p, HUGE, MADV_COLLAPSE));
    printf("zeros: %ld kB resident\n", smaps(p, "Rss"));
}

static void holes(void)
{
    puts("-- MADV_REMOVE");
    char *s = mmap(NULL, 64 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    writes(s, 64, 1);
    long before = smaps(s, "Rss");
    TRY(madvise(s, 16 * PAGE, MADV_REMOVE));
    printf("%ld kB less\n", before - smaps(s, "Rss"));
    printf("hole: %ld faults, first %d, rest: %ld faults\n", reads(s, 16), s[0], reads(s + 16 * PAGE, 48));
    IN_CHILD({
        madvise(s, 64 * PAGE, MADV_REMOVE);
        s[PAGE] = 2;
    });
    printf("a child's hole: %d %d %d\n", s[0], s[PAGE], s[20 * PAGE]);
    int fd = open("/tmp/advice", O_RDWR | O_CREAT | O_TRUNC, 0600);
    ftruncate(fd, 8 * PAGE);
    char *f = mmap(NULL, 8 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    char *own = mmap(NULL, 8 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    writes(f, 8, 'f');
    writes(own, 4, 'o');
    reads(own, 8);
    TRY(madvise(f, 8 * PAGE, MADV_REMOVE));
    printf("shared %d, private written %d, private read %d\n", f[0], own[0], own[5 * PAGE]);
    struct stat status;
    fstat(fd, &status);
    printf("%ld blocks of %ld bytes\n", (long)status.st_blocks, (long)status.st_size);
    unlink("/tmp/advice");
}

static void segments(void)
{
    puts("-- a System V segment");
    int id = shmget(IPC_PRIVATE, 16 * PAGE, 0600);
    char *first = shmat(id, NULL, 0);
    printf("written: %ld faults\n", writes(first, 16, 1));
    char *second = shmat(id, NULL, SHM_RDONLY);
    printf("read elsewhere: %ld faults\n", reads(second, 16));
    IN_CHILD(printf("child: %ld faults\n", reads(first, 16)));
    shmctl(id, IPC_RMID, NULL);
}

static void uses(void)
{
    puts("-- clear_refs");
    int fd = open("/proc/self/clear_refs", O_WRONLY);
    char *p = mmap(NULL, 16 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    writes(p, 16, 1);
    printf("used: %ld kB\n", smaps(p, "Referenced"));
    TRY(write(fd, "1", 1));
    printf("used: %ld kB\n", smaps(p, "Referenced"));
    long read = reads(p, 8);
    printf("%ld faults, used: %ld kB\n", read, smaps(p, "Referenced"));
    TRY(write(fd, "3", 1));
    printf("used: %ld kB\n", smaps(p, "Referenced"));
    TRY(write(fd, "2", 1));
    printf("used: %ld kB\n", smaps(p, "Referenced"));
    TRY(write(fd, "6", 1));
    TRY(write(fd, "x", 1));
}

int main(void)
{
    /* What counting itself touches. */
    smaps(main, "Rss");
    vmstat("pgfault");
    faults();
    giving_up();
    edges();
    holes();
    segments();
    uses();
}
