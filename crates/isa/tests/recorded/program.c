// The program whose disassembly is program.txt:
//
//     riscv64-linux-gnu-gcc -O2 -nostdlib -static -fno-pic program.c -o program
//     riscv64-linux-gnu-objdump -d program | sed 1,3d > program.txt
//
// It has what makes objdump look symbols up: calls, branches, data addressed through
// gp, tp, lui and auipc; and a run of zeros that it skips.

static _Thread_local long per_thread = 3;
static long counter = 1;
static long history[1024];
static const double weights[] = {0.5, 0.25, 0.125};

__asm__(".globl _start\n"
        "_start:\n"
        ".option push\n"
        ".option norelax\n"
        "    la gp, __global_pointer$\n"
        ".option pop\n"
        "    ld a0, 0(sp)\n"
        "    call run\n"
        "    li a7, 93\n"
        "    ecall\n"
        "    unimp\n"
        "    lw a1, -2040(gp)\n"
        "    lui tp, 0x12\n"
        "    flw fa1, 12(tp)\n"
        "    sh a1, 12(tp)\n"
        ".rept 9\n"
        "    c.unimp\n"
        ".endr\n"
        "    jalr 8(a1)\n"
        ".balign 16\n");

__attribute__((noinline)) static double weighted(const long *values, int count) {
    double sum = 0;
    for (int i = 0; i < count; i++) {
        sum = sum + weights[i % 3] * (double)values[i];
    }
    return sum < 0 ? -sum : sum;
}

__attribute__((noinline)) static long atomics(long n) {
    long old = __atomic_fetch_add(&counter, n, __ATOMIC_SEQ_CST);
    long expected = old + n;
    __atomic_compare_exchange_n(&counter, &expected, n, 0, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    return old;
}

__attribute__((noinline)) static long classify(unsigned long x) {
    switch (x % 7) {
    case 0: return per_thread++;
    case 1: return (long)(x >> 3);
    case 2: return (int)(x * 10007);
    case 3: return x / 11;
    case 4: return (unsigned char)x;
    case 5: return -(long)x;
    default: return ~x;
    }
}

int run(long argc) {
    long digits = 0;
    for (long i = 0; i < argc; i++) {
        history[i & 1023] = classify(i) ^ atomics(i);
        digits += (i <= 0x12345) + (i != 0);
    }
    return (int)(weighted(history, 1024) + (float)digits);
}
