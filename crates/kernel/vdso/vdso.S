/* Where signal handlers return to: riscv64 has no restorer. The rest of the vDSO is `vdso.c`. */
    .text
    /* No unwind information: a debugger recognises the two instructions. */
    .globl __vdso_rt_sigreturn
    .type __vdso_rt_sigreturn, @function
__vdso_rt_sigreturn:
    li a7, 139
    ecall
    .size __vdso_rt_sigreturn, . - __vdso_rt_sigreturn
