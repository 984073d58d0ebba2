/*
 * A library whose lines, inlined functions and stack frames the tests of crates/machine/src/symbols look for. Made by
 *   riscv64-linux-gnu-gcc -O1 -g1 -shared -fPIC -nostdlib -ffile-prefix-map=$PWD=. -Wl,--build-id=none lines.c -o lines.so
 */
extern void callee(int *value);

static inline __attribute__((always_inline)) void inner(int *value)
{
    *value += 7;
}

void outer(int *value)
{
    inner(value);
    callee(value);
    *value += 1;
}
