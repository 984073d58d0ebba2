/*
 * Prints what each F and D instruction does to chosen operands, for ../fp_vectors.rs.
 *
 * One line per instruction ("op NAME WORD CLASS") followed by one line per operand tuple:
 *   A B C : R0/F0 R1/F1 R2/F2 R3/F3 R4/F4
 * A, B and C are whole 64-bit registers (so an f32 may be badly NaN-boxed), Rn the destination register and Fn the
 * accrued flags under rounding mode n. CLASS says where operands and result live: f or x, result first.
 * The instruction's registers are always fa0 or a0 for the result, then fa1/a1, fa2 and fa3.
 */
#include <stdint.h>
#include <stdio.h>

typedef struct { uint64_t r; uint32_t flags; } result;
typedef result (*runner)(uint64_t a, uint64_t b, uint64_t c, unsigned rm, uint32_t *word);

/* Runs INSN between two labels, so that its encoding can be read back from memory. */
#define RUNNER(id, insn, out)                                                             \
    static result id(uint64_t a, uint64_t b, uint64_t c, unsigned rm, uint32_t *word) {   \
        result res;                                                                       \
        register uint64_t a1 asm("a1") = a;                                               \
        uint64_t flags, at;                                                               \
        asm volatile("fmv.d.x fa1, %[a]\n\tfmv.d.x fa2, %[b]\n\tfmv.d.x fa3, %[c]\n\t"    \
                     "fsrm %[rm]\n\tfsflags zero\n\tlla %[at], 1f\n\t"                    \
                     ".option push\n\t.option norvc\n1:\t" insn "\n\t.option pop\n\t"     \
                     "frflags %[flags]\n\t" out                                           \
                     : [r] "=&r"(res.r), [flags] "=&r"(flags), [at] "=&r"(at)             \
                     : [a] "r"(a1), [b] "r"(b), [c] "r"(c), [rm] "r"((uint64_t)rm)        \
                     : "a0", "fa0", "fa1", "fa2", "fa3", "memory");                       \
        res.flags = flags;                                                                \
        *word = *(volatile uint16_t *)at | (uint32_t)*(volatile uint16_t *)(at + 2) << 16; \
        return res;                                                                       \
    }
#define FROM_F "fmv.x.d %[r], fa0"
#define FROM_X "mv %[r], a0"

/* name, identifier, operands in assembly, class, source format of the operands */
#define ARITH(X, p)                                                                        \
    X("fadd." #p, fadd_##p, "fadd." #p " fa0, fa1, fa2", "fff", p)                         \
    X("fsub." #p, fsub_##p, "fsub." #p " fa0, fa1, fa2", "fff", p)                         \
    X("fmul." #p, fmul_##p, "fmul." #p " fa0, fa1, fa2", "fff", p)                         \
    X("fdiv." #p, fdiv_##p, "fdiv." #p " fa0, fa1, fa2", "fff", p)                         \
    X("fsqrt." #p, fsqrt_##p, "fsqrt." #p " fa0, fa1", "ff", p)                            \
    X("fmadd." #p, fmadd_##p, "fmadd." #p " fa0, fa1, fa2, fa3", "ffff", p)                \
    X("fmsub." #p, fmsub_##p, "fmsub." #p " fa0, fa1, fa2, fa3", "ffff", p)                \
    X("fnmadd." #p, fnmadd_##p, "fnmadd." #p " fa0, fa1, fa2, fa3", "ffff", p)             \
    X("fnmsub." #p, fnmsub_##p, "fnmsub." #p " fa0, fa1, fa2, fa3", "ffff", p)             \
    X("fsgnj." #p, fsgnj_##p, "fsgnj." #p " fa0, fa1, fa2", "fff", p)                      \
    X("fsgnjn." #p, fsgnjn_##p, "fsgnjn." #p " fa0, fa1, fa2", "fff", p)                   \
    X("fsgnjx." #p, fsgnjx_##p, "fsgnjx." #p " fa0, fa1, fa2", "fff", p)                   \
    X("fmin." #p, fmin_##p, "fmin." #p " fa0, fa1, fa2", "fff", p)                         \
    X("fmax." #p, fmax_##p, "fmax." #p " fa0, fa1, fa2", "fff", p)                         \
    X("feq." #p, feq_##p, "feq." #p " a0, fa1, fa2", "xff", p)                             \
    X("flt." #p, flt_##p, "flt." #p " a0, fa1, fa2", "xff", p)                             \
    X("fle." #p, fle_##p, "fle." #p " a0, fa1, fa2", "xff", p)                             \
    X("fclass." #p, fclass_##p, "fclass." #p " a0, fa1", "xf", p)                          \
    X("fcvt.w." #p, fcvt_w_##p, "fcvt.w." #p " a0, fa1", "xf", p)                          \
    X("fcvt.wu." #p, fcvt_wu_##p, "fcvt.wu." #p " a0, fa1", "xf", p)                       \
    X("fcvt.l." #p, fcvt_l_##p, "fcvt.l." #p " a0, fa1", "xf", p)                          \
    X("fcvt.lu." #p, fcvt_lu_##p, "fcvt.lu." #p " a0, fa1", "xf", p)                       \
    X("fcvt." #p ".w", fcvt_##p##_w, "fcvt." #p ".w fa0, a1", "fx", x)                     \
    X("fcvt." #p ".wu", fcvt_##p##_wu, "fcvt." #p ".wu fa0, a1", "fx", x)                  \
    X("fcvt." #p ".l", fcvt_##p##_l, "fcvt." #p ".l fa0, a1", "fx", x)                     \
    X("fcvt." #p ".lu", fcvt_##p##_lu, "fcvt." #p ".lu fa0, a1", "fx", x)
#define ALL(X)                                                                             \
    ARITH(X, s)                                                                            \
    ARITH(X, d)                                                                            \
    X("fcvt.s.d", fcvt_s_d, "fcvt.s.d fa0, fa1", "ff", d)                                  \
    X("fcvt.d.s", fcvt_d_s, "fcvt.d.s fa0, fa1", "ff", s)                                  \
    X("fmv.x.w", fmv_x_w, "fmv.x.w a0, fa1", "xf", s)                                      \
    X("fmv.w.x", fmv_w_x, "fmv.w.x fa0, a1", "fx", x)                                      \
    X("fmv.x.d", fmv_x_d, "fmv.x.d a0, fa1", "xf", d)                                      \
    X("fmv.d.x", fmv_d_x, "fmv.d.x fa0, a1", "fx", x)

/* The class is not known to the preprocessor: both ways out are emitted and the class picks one. */
#define DEFINE(name, id, insn, class, src) RUNNER(id##_f, insn, FROM_F) RUNNER(id##_x, insn, FROM_X)
ALL(DEFINE)

static const uint32_t edges_s[] = {
    0x00000000, 0x80000000, 0x00000001, 0x80000001, 0x007fffff, 0x807fffff, 0x00800000, 0x80800000, 0x00800001,
    0x3f800000, 0xbf800000, 0x3f7fffff, 0x3f800001, 0x3f000000, 0xbf000000, 0x3fc00000, 0xbfc00000, 0x40200000,
    0x4b800000, 0x4b000001, 0x4effffff, 0x4f000000, 0xcf000000, 0xcf000001, 0x4f7fffff, 0x4f800000, 0x5effffff,
    0x5f000000, 0xdf000000, 0x5f7fffff, 0x5f800000, 0x7f7fffff, 0xff7fffff, 0x7f800000, 0xff800000, 0x7fc00000,
    0xffc00000, 0x7f800001, 0xff800001, 0x7fffffff, 0x33800000, 0x34000000, 0x1fffffff, 0x20000000, 0x40490fdb,
};
static const uint64_t edges_d[] = {
    0x0000000000000000, 0x8000000000000000, 0x0000000000000001, 0x8000000000000001, 0x000fffffffffffff,
    0x800fffffffffffff, 0x0010000000000000, 0x8010000000000000, 0x0010000000000001, 0x3ff0000000000000,
    0xbff0000000000000, 0x3fefffffffffffff, 0x3ff0000000000001, 0x3fe0000000000000, 0xbfe0000000000000,
    0x3ff8000000000000, 0xbff8000000000000, 0x4004000000000000, 0x41dfffffffc00000, 0x41dfffffffe00000,
    0xc1e0000000000000, 0xc1e0000000100000, 0xc1e0000000200000, 0x41efffffffe00000, 0x41efffffffffffff,
    0x43dfffffffffffff, 0x43e0000000000000, 0xc3e0000000000000, 0xc3e0000000000001, 0x43efffffffffffff,
    0x43f0000000000000, 0x7fefffffffffffff, 0xffefffffffffffff, 0x7ff0000000000000, 0xfff0000000000000,
    0x7ff8000000000000, 0xfff8000000000000, 0x7ff0000000000001, 0xfff0000000000001, 0x7fffffffffffffff,
    0x3ca0000000000000, 0x3cb0000000000000, 0x47efffffe0000000, 0x47efffffefffffff, 0x47effffff0000000,
    0x3810000000000000, 0x380fffffffffffff, 0x36a0000000000000, 0x3690000000000000, 0x3690000000000001,
};
static const uint64_t edges_x[] = {
    0, 1, 2, 0x7fffffff, 0x80000000, 0xffffffff, 0x100000000, 0xffffffff80000000, 0xffffffffffffffff,
    0x7fffffffffffffff, 0x8000000000000000, 0x8000000000000001, 0x01000001, 0x01000003, 0x00ffffff,
    0x20000000000001, 0x20000000000003, 0x1fffffffffffff, 0xfffffffffffffbff, 0xfffffffffffffc00, 0x7fffff7fffffffff,
};
#define COUNT(a) (sizeof(a) / sizeof *(a))

/* A fixed xorshift: the file is the same whenever it is made. */
static uint64_t seed = 0x9e3779b97f4a7c15;
static uint64_t next(void) {
    seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
    return seed;
}

static uint64_t operand(char src, unsigned i) {
    uint64_t pick = next() % 8, edge = next() >> 8;
    if (src == 'x')
        return i < COUNT(edges_x) ? edges_x[i] : pick < 6 ? (uint64_t)((int64_t)next() >> next() % 60) : edges_x[edge % COUNT(edges_x)];
    if (src == 'd') {
        uint64_t v = edges_d[(i < COUNT(edges_d) ? i : edge) % COUNT(edges_d)];
        return i < COUNT(edges_d) || pick < 3 ? v : pick < 5 ? v ^ (next() & 3) : pick < 7 ? 0x3ff0000000000000 + (next() >> 11) * (next() & 1 ? 1 : -1) : next();
    }
    uint32_t v = edges_s[(i < COUNT(edges_s) ? i : edge) % COUNT(edges_s)];
    if (i >= COUNT(edges_s) && pick >= 3)
        v = pick < 5 ? v ^ (next() & 3) : pick < 7 ? 0x3f800000 + (next() >> 40) * (next() & 1 ? 1 : -1) : next();
    /* One in sixteen is not NaN-boxed. */
    return (i < COUNT(edges_s) || next() % 16 ? 0xffffffff00000000 : next() << 32) | v;
}

static void record(const char *name, const char *class, char src, runner from_f, runner from_x) {
    runner run = class[0] == 'x' ? from_x : from_f;
    unsigned arity = 0, n = 0;
    uint32_t word;
    while (class[arity + 1]) arity++;
    run(0, 0, 0, 0, &word);
    printf("op %s %08x %s\n", name, word, class);
    for (; n < (src == 'x' ? 32 : 60); n++) {
        /* The first operand runs through every edge; the others start elsewhere in the list. */
        uint64_t a = operand(src, n), b = arity > 1 ? operand(src, 1000) : 0, c = arity > 2 ? operand(src, 1000) : 0;
        if (n == 59 && arity == 2 && src == 's') a = 0xffffffff3f7fffff, b = 0xffffffff00800000;
        printf("%lx %lx %lx :", a, b, c);
        for (unsigned rm = 0; rm < 5; rm++) {
            result r = run(a, b, c, rm, &word);
            printf(" %lx/%x", r.r, r.flags);
        }
        printf("\n");
    }
}

int main(void) {
#define RECORD(name, id, insn, class, src) record(name, class, #src[0], id##_f, id##_x);
    ALL(RECORD)
}
