/*
 * workload KIND [COUNT [PAGES]]: one thing, again and again. The benches time it, and any other Linux can run it too.
 */
#include "rt.h"

/* Arithmetic in registers: a generator (Marsaglia, "Xorshift RNGs") whose every step waits for the one before. */
static unsigned long next_random(unsigned long state)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static const unsigned long seed = 88172645463325252;

static unsigned long compute(long count, volatile char *memory, long pages)
{
    (void)memory, (void)pages;
    unsigned long state = seed;
    for (long i = 0; i < count; i++)
        state = next_random(state);
    return state;
}

/* A conditional jump that goes either way. */
static unsigned long branch(long count, volatile char *memory, long pages)
{
    (void)memory, (void)pages;
    unsigned long state = seed, taken = 0;
    for (long i = 0; i < count; i++) {
        state = next_random(state);
        if (state & 1) {
            __asm__ volatile("" : "+r"(taken)); /* or it would be no jump */
            taken++;
        }
    }
    return taken;
}

/* A load and a store in one page. */
static unsigned long touch(long count, volatile char *memory, long pages)
{
    (void)pages;
    volatile unsigned long *words = (volatile unsigned long *)memory;
    for (long i = 0; i < count; i++)
        words[i % (PAGE / 8)] += i;
    return words[0];
}

/* One load from each page in turn. */
static unsigned long stride(long count, volatile char *memory, long pages)
{
    unsigned long sum = 0;
    for (long page = 0, i = 0; i < count; i++) {
        sum += memory[page * PAGE];
        if (++page == pages)
            page = 0;
    }
    return sum;
}

/* A load of eight bytes that are not aligned. */
static unsigned long misaligned(long count, volatile char *memory, long pages)
{
    (void)pages;
    struct __attribute__((packed)) word { volatile unsigned long value; };
    unsigned long sum = 0;
    for (long i = 0; i < count; i++)
        sum += ((struct word *)(memory + 1))[i % 64].value;
    return sum;
}

static unsigned long amo(long count, volatile char *memory, long pages)
{
    (void)pages;
    volatile unsigned long *words = (volatile unsigned long *)memory;
    for (long i = 0; i < count; i++)
        __atomic_fetch_add(&words[i % 64], i, __ATOMIC_SEQ_CST);
    return words[0];
}

/* A multiplication, an addition and a division of doubles, each waiting for the one before. */
static unsigned long floating(long count, volatile char *memory, long pages)
{
    (void)memory, (void)pages;
    double value = 0.5;
    for (long i = 0; i < count; i++)
        value = (value * 1.5 + 0.25) / 1.75;
    return (unsigned long)(value * 1000);
}

static unsigned long call(long count, volatile char *memory, long pages)
{
    (void)memory, (void)pages;
    unsigned long sum = 0;
    for (long i = 0; i < count; i++)
        sum += getppid();
    return sum;
}

/* Children, one after the other, that write the first `written` pages and end; the parent writes `rewritten` then. */
static unsigned long children(long count, volatile char *memory, long written, long rewritten)
{
    for (long i = 0; i < count; i++) {
        long child = must("fork", fork());
        if (child == 0) {
            write_pages(memory, written, 'c');
            exit(0);
        }
        wait_for(child);
        write_pages(memory, rewritten, 'p');
    }
    return 0;
}

static unsigned long fork_only(long count, volatile char *memory, long pages)
{
    (void)pages;
    return children(count, memory, 0, 0);
}

static unsigned long copy(long count, volatile char *memory, long pages)
{
    return children(count, memory, pages, 0);
}

static unsigned long reuse(long count, volatile char *memory, long pages)
{
    return children(count, memory, 0, pages);
}

/* A function of its own: what the compiler keeps on the stack, such as a caller's counter, the child would change too. */
static __attribute__((noinline)) long borrow_memory(void)
{
    long child = vfork();
    if (child == 0)
        exit(0);
    return child;
}

static unsigned long vfork_only(long count, volatile char *memory, long pages)
{
    (void)memory, (void)pages;
    for (long i = 0; i < count; i++)
        wait_for(must("vfork", borrow_memory()));
    return 0;
}

/* Children that become this program anew, and end at once. */
static unsigned long exec(long count, volatile char *memory, long pages)
{
    (void)memory, (void)pages;
    char *arguments[] = { "workload", "nothing", 0 };
    char *environment[] = { 0 };
    for (long i = 0; i < count; i++) {
        long child = must("fork", fork());
        if (child == 0) {
            execve("/proc/self/exe", arguments, environment);
            exit(127);
        }
        must("exec", -exit_status_of(child));
    }
    return 0;
}

static volatile unsigned long signals;

static void count_signal(int signal)
{
    (void)signal;
    signals++;
}

/* A signal to itself: kill, handler, return. */
static unsigned long signal_itself(long count, volatile char *memory, long pages)
{
    (void)memory, (void)pages;
    on_signal(SIGUSR1, count_signal, 0);
    for (long i = 0; i < count; i++)
        kill(getpid(), SIGUSR1);
    return signals;
}

/* Two processes that give way to each other. */
static unsigned long give_way(long count, volatile char *memory, long pages)
{
    (void)memory, (void)pages;
    long child = must("fork", fork());
    for (long i = 0; i < count; i++)
        sched_yield();
    if (child == 0)
        exit(0);
    wait_for(child);
    return 0;
}

/* A byte to a child and back. */
static unsigned long pipe(long count, volatile char *memory, long pages)
{
    (void)memory, (void)pages;
    int there[2], back[2];
    char byte = 0;
    must("pipe2", pipe2(there, 0));
    must("pipe2", pipe2(back, 0));
    long child = must("fork", fork());
    for (long i = 0; i < count; i++) {
        if (child == 0) {
            read(there[0], &byte, 1);
            write(back[1], &byte, 1);
        } else {
            write(there[1], &byte, 1);
            read(back[0], &byte, 1);
        }
    }
    if (child == 0)
        exit(0);
    wait_for(child);
    return byte;
}

/* So many children at once, who wait until they all may end. */
static unsigned long processes(long count, volatile char *memory, long pages)
{
    (void)memory, (void)pages;
    int ends[2];
    char byte;
    must("pipe2", pipe2(ends, 0));
    for (long i = 0; i < count; i++) {
        if (must("fork", fork()) == 0) {
            close(ends[1]);
            read(ends[0], &byte, 1);
            exit(0);
        }
    }
    close(ends[0]);
    close(ends[1]);
    for (long i = 0; i < count; i++)
        wait_for(-1);
    return 0;
}

/* So many areas with a permission of their own, each between two others. */
static unsigned long areas(long count, volatile char *memory, long pages)
{
    (void)memory, (void)pages;
    char *all = map_private(2 * count + 1);
    for (long i = 0; i < count; i++)
        must("mprotect", mprotect(all + (2 * i + 1) * PAGE, PAGE, PROT_READ));
    must("munmap", munmap(all, (2 * count + 1) * PAGE));
    return 0;
}

/* `pages` pages full of instructions, the last of each a return, all called in turn `count` times. */
static unsigned long code(long count, volatile char *memory, long pages)
{
    unsigned long sum = 0;
#ifdef __riscv
    const unsigned add_one = 0x00150513, go_back = 0x00008067; /* addi a0, a0, 1; ret */
    volatile unsigned *words = (volatile unsigned *)memory;
    for (long i = 0; i < pages * PAGE / 4; i++)
        words[i] = (i + 1) % (PAGE / 4) ? add_one : go_back;
    must("mprotect", mprotect((void *)memory, pages * PAGE, PROT_READ | PROT_EXEC));
    __asm__ volatile("fence.i" ::: "memory");
    for (long i = 0; i < count; i++)
        for (long page = 0; page < pages; page++)
            sum = ((unsigned long (*)(unsigned long))(memory + page * PAGE))(sum);
#else
    (void)count, (void)memory, (void)pages;
#endif
    return sum;
}

/* So many children that compute at once, each a million steps. */
static unsigned long crowd(long count, volatile char *memory, long pages)
{
    for (long i = 0; i < count; i++) {
        if (must("fork", fork()) == 0)
            exit(compute(1000000, memory, pages) == 0);
    }
    for (long i = 0; i < count; i++)
        wait_for(-1);
    return 0;
}

static const struct kind {
    const char *name;
    unsigned long (*run)(long count, volatile char *memory, long pages);
} kinds[] = {
    { "compute", compute }, { "branch", branch },         { "touch", touch },      { "stride", stride },
    { "misaligned", misaligned }, { "amo", amo },         { "floating", floating }, { "call", call },
    { "fork", fork_only },  { "vfork", vfork_only },      { "copy", copy },        { "reuse", reuse },
    { "exec", exec },       { "signal", signal_itself },  { "switch", give_way },  { "pipe", pipe },
    { "processes", processes }, { "areas", areas },       { "code", code },        { "crowd", crowd },
};

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "nothing";
    long count = argc > 2 ? parse_long(argv[2]) : 0;
    long pages = argc > 3 ? parse_long(argv[3]) : 1;
    if (strcmp(name, "nothing") == 0)
        return 0;
    for (unsigned i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (strcmp(name, kinds[i].name) != 0)
            continue;
        char *memory = map_private(pages);
        write_pages(memory, pages, 'p');
        printf("%s %ld: %lx\n", name, count, kinds[i].run(count, memory, pages));
        return 0;
    }
    return 2;
}
