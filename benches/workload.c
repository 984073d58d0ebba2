/*
 * workload KIND [COUNT [PAGES]]: one thing, again and again. The benches time it, and any other Linux can run it too.
 */
#include "rt.h"

/* Arithmetic in registers: a generator (Marsaglia, "Xorshift RNGs") whose every step waits for the one before. */
static unsigned long compute(long count)
{
    unsigned long state = 88172645463325252;
    for (long i = 0; i < count; i++) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
    }
    return state;
}

/* A load and a store in one page, `count` times. */
static unsigned long touch(volatile unsigned long *words, long count)
{
    for (long i = 0; i < count; i++)
        words[i % (PAGE / 8)] += i;
    return words[0];
}

/* One load from each page in turn, `count` in all. */
static unsigned long stride(const volatile char *at, long pages, long count)
{
    unsigned long sum = 0;
    for (long page = 0, i = 0; i < count; i++) {
        sum += at[page * PAGE];
        if (++page == pages)
            page = 0;
    }
    return sum;
}

static unsigned long call(long count)
{
    unsigned long sum = 0;
    for (long i = 0; i < count; i++)
        sum += getppid();
    return sum;
}

/* Children, one after the other, that write the first `written` pages and end. */
static void fork_children(long count, char *memory, long written)
{
    for (long i = 0; i < count; i++) {
        long child = must("fork", fork());
        if (child == 0) {
            write_pages(memory, written, 'c');
            exit(0);
        }
        wait_for(child);
    }
}

/* Children that become this program anew, and end at once. */
static void exec_children(long count)
{
    char *arguments[] = { "workload", "nothing", 0 };
    char *environment[] = { 0 };
    for (long i = 0; i < count; i++) {
        long child = must("vfork", vfork());
        if (child == 0) {
            execve("/proc/self/exe", arguments, environment);
            exit(127);
        }
        must("exec", -exit_status_of(child));
    }
}

int main(int argc, char **argv)
{
    const char *kind = argc > 1 ? argv[1] : "nothing";
    long count = argc > 2 ? parse_long(argv[2]) : 0;
    long pages = argc > 3 ? parse_long(argv[3]) : 1;
    unsigned long result = 0;
    if (strcmp(kind, "nothing") == 0)
        return 0;
    char *memory = map_private(pages);
    write_pages(memory, pages, 'p');
    if (strcmp(kind, "compute") == 0)
        result = compute(count);
    else if (strcmp(kind, "touch") == 0)
        result = touch((volatile unsigned long *)memory, count);
    else if (strcmp(kind, "stride") == 0)
        result = stride(memory, pages, count);
    else if (strcmp(kind, "call") == 0)
        result = call(count);
    else if (strcmp(kind, "fork") == 0)
        fork_children(count, memory, 0);
    else if (strcmp(kind, "copy") == 0)
        fork_children(count, memory, pages);
    else if (strcmp(kind, "exec") == 0)
        exec_children(count);
    else
        return 2;
    printf("%s %ld: %lx\n", kind, count, result);
    return 0;
}
