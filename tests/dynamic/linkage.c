/* What a program sees of how it was linked and loaded. Every line is the same under each way of linking but the first two. */
#define _GNU_SOURCE
#include <elf.h>
#include <errno.h>
#include <link.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/wait.h>
#include <unistd.h>

extern char _start[], _end[];
extern char **environ;
static __thread int thread_local = 41;
static int bss[3000];
static int constructed;

__attribute__((constructor)) static void construct(void) { constructed++; }

static int compare(const void *a, const void *b) { return *(const int *)a - *(const int *)b; }

static int count(struct dl_phdr_info *info, size_t size, void *objects)
{
    (void)size;
    (void)info;
    ++*(int *)objects;
    return 0;
}

int main(int argc, char **argv)
{
    int objects = 0;
    dl_iterate_phdr(count, &objects);
    printf("interpreter %s, more than program and vDSO %d\n", getauxval(AT_BASE) ? "yes" : "no", objects > 2);
    const ElfW(Phdr) *headers = (const void *)getauxval(AT_PHDR);
    const ElfW(Ehdr) *file = (const void *)((uintptr_t)headers & ~4095ul);
    printf("type %d\n", file->e_type);

    printf("arguments");
    for (int i = 1; i < argc; i++) printf(" [%s]", argv[i]);
    printf(", environment");
    for (char **e = environ; *e; e++) printf(" [%s]", *e);
    printf("\n");
    printf("entry %d, headers %lu of %lu bytes, page %lu\n", getauxval(AT_ENTRY) == (uintptr_t)_start, getauxval(AT_PHNUM) == file->e_phnum ? 1ul : 0ul,
           getauxval(AT_PHENT), getauxval(AT_PAGESZ));
    int zeros = 0;
    for (int i = 0; i < 3000; i++) zeros += bss[i] == 0;
    printf("constructed %d, thread-local %d, zeros %d\n", constructed, ++thread_local, zeros);

    int numbers[] = { 5, 3, 9, 1 };
    qsort(numbers, 4, sizeof *numbers, compare);
    printf("sorted %d %d %d %d, cosine %.6f\n", numbers[0], numbers[1], numbers[2], numbers[3], cos(argc));
    char *block = malloc(1 << 20);
    memset(block, 7, 1 << 20);
    printf("large block %d\n", block[(1 << 20) - 1]);
    free(block);

    fflush(stdout);
    pid_t child = fork();
    if (!child) {
        bss[1]++;
        _exit(thread_local + bss[1]);
    }
    int status;
    waitpid(child, &status, 0);
    printf("child exited with %d, own data %d\n", WEXITSTATUS(status), bss[1]);
    return 3;
}
