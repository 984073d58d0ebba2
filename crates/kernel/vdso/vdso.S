/* The vDSO (vdso(7)): code that the supervisor maps into every program.
 *
 * `__vdso_rt_sigreturn` is where signal handlers return to: riscv64 has no restorer. The clocks are plain system calls:
 * virtual time has no page that user code could read it from, and a call that is made is a call that strace shows.
 */
#define CALL(name, number)      \
    .globl name;                \
    .type name, @function;      \
name:                           \
    .cfi_startproc;             \
    li a7, number;              \
    ecall;                      \
    ret;                        \
    .cfi_endproc;               \
    .size name, . - name

    .text
    /* No unwind information: a debugger recognises the two instructions. */
    .globl __vdso_rt_sigreturn
    .type __vdso_rt_sigreturn, @function
__vdso_rt_sigreturn:
    li a7, 139
    ecall
    .size __vdso_rt_sigreturn, . - __vdso_rt_sigreturn

    CALL(__vdso_gettimeofday, 169)
    CALL(__vdso_clock_gettime, 113)
    CALL(__vdso_clock_getres, 114)
    CALL(__vdso_flush_icache, 259)
