/*
 * on-request: does what its first argument says, for the tests of the command line.
 *
 * Without an argument it says so and ends. wait(2), signal(7), pipe(7), environ(7).
 */
#include "rt.h"

static void show_arguments_and_environment(char **argv, char **envp)
{
    for (long i = 0; argv[i]; i++)
        printf("argument %ld: %s\n", i, argv[i]);
    for (long i = 0; envp[i]; i++)
        printf("variable: %s\n", envp[i]);
}

static void copy_stdin_to_stdout_and_stderr(void)
{
    char text[256];
    long bytes;
    while ((bytes = must("read", read(0, text, sizeof text))) > 0) {
        must("write", write(1, text, bytes));
        must("write", write(2, text, bytes));
    }
}

/* Reads from a pipe of which it holds the only writing end: nobody can ever write. */
static void wait_for_ever(void)
{
    int ends[2];
    char byte;
    must("pipe2", pipe2(ends, 0));
    read(ends[0], &byte, 1);
}

static void fork_until_it_fails(void)
{
    long children = 0, child;
    while ((child = fork()) > 0)
        children++;
    if (child == 0) {
        sleep_ms(1000);
        exit(0);
    }
    printf("%ld children, then %s\n", children, errno_name(child));
}

/*
 * Writes memory, gives it up, stores to the first pages again, and then writes as much again elsewhere: what was given up has to
 * leave, and nothing else. madvise(2) MADV_FREE.
 */
static void give_up(long mib)
{
    enum { KEPT = 16 };
    long pages = mib * (MIB / PAGE);
    char *first = map_private(pages);
    CALL3(__NR_madvise, first, pages * PAGE, MADV_NOHUGEPAGE);
    write_pages(first, pages, 'x');
    must("madvise", CALL3(__NR_madvise, first, pages * PAGE, MADV_FREE));
    write_pages(first, KEPT, 'y');
    char *second = map_private(pages);
    write_pages(second, pages, 'z');
    long left = count_pages(first, pages, 0), there = count_pages(first, pages, 'x');
    printf("stored to again: %ld of %d, written later: all %s\n", count_pages(first, pages, 'y'), KEPT,
           count_pages(second, pages, 'z') == pages ? "there" : "lost");
    printf("of the rest some left: %s, and no other bytes are there: %s\n", left > 0 ? "yes" : "no",
           left + there == pages - KEPT ? "yes" : "no");
}

#if defined(__riscv)
/* Tries an operation on a cache block in a child: 0 where it is allowed, else 128 + SIGILL. */
#define TRY_BLOCK(operation)                                                                                           \
    do {                                                                                                               \
        long child = must("fork", fork());                                                                             \
        if (child == 0) {                                                                                              \
            register char *at __asm__("a0") = block;                                                                   \
            __asm__ volatile(".option push; .option arch, +zicbom, +zicboz; " operation " (%0); .option pop"         \
                             : : "r"(at) : "memory");                                                                \
            exit(block[5]);                                                                                            \
        }                                                                                                              \
        printf("%s: %d\n", operation, exit_status_of(child));                                                        \
    } while (0)
#else
#define TRY_BLOCK(operation) printf("%s: not on this processor\n", operation)
#endif

/* What user mode may do with cache blocks; the fifth byte is what is left of "x". */
static void operate_on_cache_blocks(void)
{
    static char block[64] __attribute__((aligned(64))) = "xxxxxxxx";
    (void)block;
    TRY_BLOCK("cbo.zero");
    TRY_BLOCK("cbo.clean");
    TRY_BLOCK("cbo.flush");
    TRY_BLOCK("cbo.inval");
}

int main(int argc, char **argv, char **envp)
{
    const char *request = argc > 1 ? argv[1] : "nothing";
    if (strcmp(request, "nothing") == 0)
        printf("nothing was requested\n");
    else if (strcmp(request, "show") == 0)
        show_arguments_and_environment(argv, envp);
    else if (strcmp(request, "copy") == 0)
        copy_stdin_to_stdout_and_stderr();
    else if (strcmp(request, "exit") == 0)
        return (int)parse_long(argv[2]);
    else if (strcmp(request, "die") == 0)
        kill(getpid(), (int)parse_long(argv[2]));
    else if (strcmp(request, "wait") == 0)
        wait_for_ever();
    else if (strcmp(request, "give-up") == 0)
        give_up(parse_long(argv[2]));
    else if (strcmp(request, "cache-blocks") == 0)
        operate_on_cache_blocks();
    else if (strcmp(request, "fork") == 0)
        fork_until_it_fails();
    else if (strcmp(request, "unknown") == 0)
        printf("system call 9999: %s\n", errno_name(CALL0(9999)));
    else if (strcmp(request, "spin") == 0)
        for (;;)
            ;
    return 0;
}
