/*
 * What a freestanding program needs and C cannot say: its entry point and vfork.
 *
 * The x86-64 half exists so that the same sources can be run by the Linux kernel of an ordinary
 * computer, which says what is right where qemu-user cannot (it turns vfork into fork).
 */
#include <asm/unistd.h>

/* CLONE_VM | CLONE_VFORK | SIGCHLD: linux/sched.h is not made for the assembler. */
#define VFORK_FLAGS 0x4111

        .file   "start.S"                       /* not the name of a temporary file */
        .section .note.GNU-stack, "", @progbits
        .text
        .globl  _start, vfork
        .type   _start, @function
        .type   vfork, @function

#if defined(__riscv)

_start:
        .option push
        .option norelax                         /* gp cannot be used to compute gp */
        la      gp, __global_pointer$
        .option pop
        mv      fp, zero                        /* the outermost frame */
        mv      a0, sp                          /* argc, argv, envp and auxv lie at sp */
        andi    sp, sp, -16
        tail    start_c
        .size   _start, . - _start

/*
 * long vfork(void): the child runs on the parent's stack, so the return address must not be there.
 * It stays in ra, of which each of the two processes has its own.
 */
vfork:
        li      a0, VFORK_FLAGS
        li      a1, 0
        li      a2, 0
        li      a3, 0
        li      a4, 0
        li      a7, __NR_clone
        ecall
        ret
        .size   vfork, . - vfork

/*
 * long clone_thread(long flags, void *stack, int *parent_tid, void *tls, int *child_tid): on its new stack the
 * thread finds the function that it is to call, and the argument, and ends when that returns.
 */
        .section .text.clone_thread, "ax", @progbits
        .globl  clone_thread
        .type   clone_thread, @function
clone_thread:
        li      a7, __NR_clone
        ecall
        bnez    a0, 1f
        mv      fp, zero                        /* the outermost frame */
        ld      a5, 0(sp)
        ld      a0, 8(sp)
        jalr    a5
        li      a0, 0
        li      a7, __NR_exit
        ecall
1:      ret
        .size   clone_thread, . - clone_thread

#elif defined(__x86_64__)

_start:
        xor     %ebp, %ebp
        mov     %rsp, %rdi
        and     $-16, %rsp
        call    start_c

/* Here the return address does lie on the shared stack, and is carried across in rdi. */
vfork:
        pop     %rdi
        mov     $__NR_vfork, %eax
        syscall
        push    %rdi
        ret

/* Here the kernel wants the last two the other way round, and the fourth in r10. */
        .globl  clone_thread
clone_thread:
        mov     %r8, %r10
        mov     %rcx, %r8
        mov     $__NR_clone, %eax
        syscall
        test    %rax, %rax
        jnz     1f
        xor     %ebp, %ebp
        pop     %rax
        pop     %rdi
        call    *%rax
        xor     %edi, %edi
        mov     $__NR_exit, %eax
        syscall
1:      ret

/* Where a signal handler returns to. On RISC-V the kernel provides it (the vDSO). */
        .globl  restore_signal
restore_signal:
        mov     $__NR_rt_sigreturn, %eax
        syscall

#endif
