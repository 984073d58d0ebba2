/*
 * lent-memory: two processes in one address space, and translations that must not outlive a change of it.
 *
 * One process stores to a page without pause. The other takes the right to write away, or forks: from the moment at
 * which its call returns, no store may reach the old page any more, on whichever CPU the first one runs.
 * clone(2) "CLONE_VM", mprotect(2), fork(2).
 */
#include "rt.h"

static volatile long *page; /* private: the counter that one process raises */
static volatile long *stop; /* shared, so that no fork moves it */

static __attribute__((noreturn)) void store_without_pause(void)
{
    while (!*stop)
        ++*page;
    exit(0);
}

/* Starts `life` in a process that runs in this one's memory, on a stack of its own. */
static long lend_memory(void (*life)(void))
{
    char *stack = map_private(1) + PAGE;
#if defined(__riscv)
    register long a0 asm("a0") = CLONE_VM | SIGCHLD, a7 asm("a7") = __NR_clone;
    register char *a1 asm("a1") = stack;
    register long a2 asm("a2") = 0, a3 asm("a3") = 0, a4 asm("a4") = 0;
    asm volatile("ecall\n\tbnez a0, 1f\n\tjalr %6\n1:"
                 : "+r"(a0)
                 : "r"(a1), "r"(a2), "r"(a3), "r"(a4), "r"(a7), "r"(life)
                 : "memory", "ra");
    return a0;
#elif defined(__x86_64__)
    register long r10 asm("r10") = 0, r8 asm("r8") = 0;
    long result = __NR_clone;
    asm volatile("syscall\n\ttest %%rax, %%rax\n\tjnz 1f\n\tcall *%6\n1:"
                 : "+a"(result)
                 : "D"(CLONE_VM | SIGCHLD), "S"(stack), "d"(0), "r"(r10), "r"(r8), "r"(life)
                 : "memory", "rcx", "r11");
    return result;
#endif
}

static long begin(void)
{
    page = (volatile long *)map_private(1);
    *stop = 0;
    long storing = must("clone", lend_memory(store_without_pause));
    while (*page == 0)
        sched_yield();
    return storing;
}

/* Looks at the page for a while, during which the storing process runs. */
static int changes(void)
{
    long before = *page;
    for (int i = 0; i < 8; i++) {
        for (int j = 0; j < 1000; j++)
            if (*page != before)
                return 1;
        sched_yield();
    }
    return 0;
}

static int end(long storing)
{
    *stop = 1;
    return exit_status_of(storing);
}

int main(void)
{
    stop = (volatile long *)map_shared(1);

    long storing = begin();
    must("mprotect", mprotect((void *)page, PAGE, PROT_READ));
    printf("after mprotect the page %s\n", changes() ? "still changes" : "stays as it is");
    printf("the storing process ended with %d\n", end(storing));

    storing = begin();
    long child = must("fork", fork());
    if (child == 0)
        exit(changes());
    printf("after fork the child's page %s\n", exit_status_of(child) ? "still changes" : "stays as it is");
    for (long before = *page; *page == before;)
        sched_yield();
    printf("the parent's page goes on changing\n");
    printf("the storing process ended with %d\n", end(storing));
    return 0;
}
