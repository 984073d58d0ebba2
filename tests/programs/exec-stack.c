/*
 * exec-stack: what execve leaves on the new program's stack, told by the program that finds it there.
 *
 * execve(2), getauxval(3); Linux 6.12 fs/binfmt_elf.c, create_elf_tables.
 */
#include "rt.h"

#include <linux/auxvec.h>
#include <linux/elf.h>

extern const char _start[];

/* The value of an entry of the auxiliary vector, which follows the environment; -1 where it has none. */
static long auxv(char **envp, long type)
{
    while (*envp)
        envp++;
    for (const long *entry = (const long *)(envp + 1); entry[0] != AT_NULL; entry += 2)
        if (entry[0] == type)
            return entry[1];
    return -1;
}

static void show_strings(const char *what, char **strings)
{
    printf("%s:", what);
    for (int i = 0; strings[i]; i++)
        printf(" [%s]", strings[i]);
    printf("\n");
}

static int tell(int argc, char **argv, char **envp)
{
    printf("argc %d\n", argc);
    show_strings("argv", argv);
    show_strings("envp", envp);
    printf("the stack pointer was a multiple of 16: %d\n", (long)(argv - 1) % 16 == 0);
    printf("the strings lie one behind the other: %d\n",
           argv[1] == argv[0] + strlen(argv[0]) + 1 && envp[1] == envp[0] + strlen(envp[0]) + 1);

    const Elf64_Phdr *headers = (const Elf64_Phdr *)auxv(envp, AT_PHDR);
    const Elf64_Ehdr *file = (const Elf64_Ehdr *)((const char *)headers - sizeof(Elf64_Ehdr));
    printf("AT_PHDR is behind a mapped ELF header: %d, AT_PHENT %ld, AT_PHNUM as the header says: %d\n",
           memcmp(file->e_ident, ELFMAG, SELFMAG) == 0, auxv(envp, AT_PHENT),
           auxv(envp, AT_PHNUM) == file->e_phnum);
    printf("AT_ENTRY is _start: %d, AT_BASE %ld, AT_FLAGS %ld\n", auxv(envp, AT_ENTRY) == (long)_start,
           auxv(envp, AT_BASE), auxv(envp, AT_FLAGS));
    printf("AT_PAGESZ %ld, AT_CLKTCK %ld, AT_SECURE %ld\n", auxv(envp, AT_PAGESZ), auxv(envp, AT_CLKTCK),
           auxv(envp, AT_SECURE));
    printf("AT_UID %ld, AT_EUID %ld, AT_GID %ld, AT_EGID %ld\n", auxv(envp, AT_UID), auxv(envp, AT_EUID),
           auxv(envp, AT_GID), auxv(envp, AT_EGID));
    printf("AT_EXECFN %s\n", (const char *)auxv(envp, AT_EXECFN));
    printf("AT_RANDOM points somewhere, AT_HWCAP is there: %d\n",
           auxv(envp, AT_RANDOM) > PAGE && auxv(envp, AT_HWCAP) != -1);
    return 0;
}

int main(int argc, char **argv, char **envp)
{
    if (argc > 2)
        return tell(argc, argv, envp);
    if (argv[0][0] == 0) {
        printf("no arguments: argc %d, argv[0] is empty, %s environment\n", argc, envp[0] ? "an" : "no");
        return 0;
    }
    char *arguments[] = { "name", "", "two words", "last", 0 };
    char *environment[] = { "HOME=/", "EMPTY=", 0 };
    long child = must("fork", fork());
    if (child == 0)
        exit((int)execve("/proc/self/exe", arguments, environment));
    printf("status %d\n", exit_status_of(child));
    child = must("fork", fork());
    if (child == 0)
        exit((int)execve("/proc/self/exe", 0, 0));
    printf("status %d\n", exit_status_of(child));
    return 0;
}
