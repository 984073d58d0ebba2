/*
 * kernel-copies: system calls touch user memory as the user would.
 *
 * A read(2) into a page shared by fork breaks the sharing like a store; into memory that may not be written it
 * fails with EFAULT, after what could be copied. read(2), write(2), pipe(7).
 */
#include "rt.h"

static int ends[2];

static void fill(const char *text) { must("write", write(ends[1], text, strlen(text))); }

static void breaks_sharing(void)
{
    char *page = map_private(1);
    page[0] = 'p';
    long child = must("fork", fork());
    if (child == 0) {
        fill("c");
        must("read", read(ends[0], page, 1));
        printf("child: read(2) stored '%c'\n", page[0]);
        exit(0);
    }
    wait_for(child);
    printf("parent: its page holds '%c'\n", page[0]);
}

static void at_the_edge(void)
{
    char drained[16];
    char *pages = map_private(2);
    munmap(pages + PAGE, PAGE);
    char *edge = pages + PAGE - 4;

    fill("abcdefgh");
    show("read 4 bytes that just fit", read(ends[0], edge, 4));
    show("read beyond the edge", read(ends[0], pages + PAGE, 4));
    show("the 4 bytes are still in the pipe", read(ends[0], drained, sizeof drained));
    show("write 4 bytes that are just there", write(ends[1], edge, 4));
    show("write from beyond the edge", write(ends[1], pages + PAGE, 4));
    printf("the pipe holds \"%.*s\"\n", (int)read(ends[0], drained, sizeof drained), drained);
}

static void protected_memory(void)
{
    char *page = map_private(1);
    page[0] = 'r';
    mprotect(page, PAGE, PROT_READ);
    fill("xy");
    show("read into PROT_READ", read(ends[0], page, 1));
    show("write from PROT_READ", write(ends[1], page, 1));
    mprotect(page, PAGE, PROT_NONE);
    show("write from PROT_NONE", write(ends[1], page, 1));
    mprotect(page, PAGE, PROT_READ | PROT_WRITE);
    show("read into PROT_READ|PROT_WRITE", read(ends[0], page, 3));
    printf("what arrived is \"%.*s\"\n", 3, page);
}

static void bad_pointers(void)
{
    char *nowhere = unmapped();
    show("open", open(nowhere, O_RDONLY, 0));
    show("execve", execve(nowhere, 0, 0));
    show("getcwd", getcwd(nowhere, 100));
    show("uname", uname((struct new_utsname *)nowhere));
    long child = must("fork", fork());
    if (child == 0)
        exit(3);
    show("wait4 with a bad status pointer", waitpid((int)child, (int *)nowhere, 0) < 0);
    show("and the child is gone", waitpid((int)child, 0, 0));
}

int main(void)
{
    must("pipe2", pipe2(ends, 0));
    breaks_sharing();
    at_the_edge();
    protected_memory();
    bad_pointers();
    return 0;
}
