# commits: an instruction of each kind that a commit log has something to say of, in all three modes.
#
# What it does is decided by the architecture alone, so that Spike's log of it is the same.

  .file "commits.S"
  .text
  .globl _start
_start:
  # Registers that were not written are those of the machine's own start.
  li a0, 0
  li a1, 0
  # No timer of M-mode is pending.
  li t0, 0x2004000
  li t1, -1
  sd t1, 0(t0)

  # Registers of M-mode, and views of them.
  la t0, machine_trap
  csrw mtvec, t0
  csrw mscratch, t0
  csrrs t1, mscratch, x0
  csrrc t1, mscratch, t1
  csrwi mepc, 6
  li t0, 1 << 8 # an ECALL of U-mode is the supervisor's
  csrw medeleg, t0
  li t0, 0x222
  csrw mideleg, t0
  csrw mie, t0
  csrwi sie, 2
  li t0, 1 << 11
  csrw mie, t0
  csrwi mcounteren, 7
  csrwi scounteren, 5
  csrw mcycle, t0
  csrr t0, mcycle
  csrwi mcountinhibit, 0
  csrsi mstatus, 2
  csrci sstatus, 2

  # One region for everything, and a locked one that keeps its address and the one below it.
  li t0, -1
  csrw pmpaddr2, t0
  csrw pmpaddr0, x0
  li t0, 0x1f8800
  csrw pmpcfg0, t0
  csrw pmpaddr0, t0
  csrw pmpaddr1, t0
  csrw pmpaddr63, t0
  csrw pmpcfg2, x0
  csrw pmpcfg14, t0

  # Memory: all widths, atomics whose operands are lost, an SC that fails.
  la s0, data
  li t0, 0x8877665544332211
  sd t0, 0(s0)
  sw t0, 8(s0)
  sh t0, 12(s0)
  sb t0, 14(s0)
  lb t1, 7(s0)
  lbu t1, 7(s0)
  lh t1, 6(s0)
  lhu t1, 6(s0)
  lw t1, 4(s0)
  lwu t1, 4(s0)
  ld t1, 0(s0)
  amoadd.d t0, t0, (s0)
  amoswap.w x0, t0, (s0)
  amomin.w t1, t0, (s0)
  mv s1, s0
  amomaxu.d s1, t0, (s1)
  lr.d t1, (s0)
  sc.d t1, t0, (s0)
  sc.w t1, t0, (s0)
  sc.w x0, t0, (s0)
  lr.w x0, (s0)
  sc.w x0, t0, (s0)

  # Floating point, first dirty by a load, then clean and dirty by what it raises.
  li t0, 1 << 13
  csrs mstatus, t0
  fld fa0, 0(s0)
  li t0, 3
  fcvt.d.l fa1, t0
  li t0, 10
  fcvt.d.l fa0, t0
  csrc mstatus, t0
  li t0, 1 << 13
  csrc mstatus, t0
  fdiv.d fa2, fa0, fa1
  fdiv.d f0, fa0, fa1
  csrc mstatus, t0
  fcvt.wu.d t1, fa2
  fcvt.w.d x0, fa2
  csrc mstatus, t0
  fsgnj.d fa3, fa1, fa1
  csrc mstatus, t0
  csrwi fflags, 0
  csrwi frm, 2
  csrwi fcsr, 0
  csrr t1, fcsr
  csrsi fcsr, 0
  fcvt.s.d fa3, fa2
  feq.s t1, fa3, fa3
  fsd fa2, 16(s0)
  fsw fa3, 24(s0)
  fclass.d t1, fa2

  # Interrupts that software makes pending, all of them masked.
  li t0, 0x222
  csrc sie, t0
  csrci sip, 2
  li t0, 0x200
  csrs mip, t0
  csrc mip, t0
  li t0, 0x20
  csrs mip, t0
  csrc mip, t0

  # An identity map of the first gigabyte of RAM for S-mode, and of the next one for U-mode.
  la s2, root
  li t0, 0x80000 << 10 | 0xcf # V R W X A D
  sd t0, 16(s2)
  li t0, 0x80000 << 10 | 0xdf # and U
  sd t0, 24(s2)
  srli t0, s2, 12
  li t1, 8 << 60
  or t0, t0, t1
  csrw satp, t0
  li t1, 3 << 60 # there is no such mode
  or t0, t0, t1
  csrw satp, t0
  sfence.vma
  li t0, 3 << 11
  csrc mstatus, t0
  li t0, 1 << 11
  csrs mstatus, t0
  la t0, supervisor
  csrw mepc, t0
  mret

supervisor:
  la t0, supervisor_trap
  csrw stvec, t0
  csrw sscratch, t0
  csrw scause, t0
  csrw stval, t0
  la t0, user
  li t1, 0x40000000
  add t0, t0, t1
  csrw sepc, t0
  li t0, 0x100
  csrc sstatus, t0
  sret

user:
  auipc t0, 0
  ld t1, 0(t0)
  amoor.w t1, x0, (t0)
  fence rw, rw
  fence.i
  rdcycle x0
  ecall

  .balign 4
supervisor_trap:
  csrr t0, scause
  csrr t0, sepc
  ecall

  .balign 4
machine_trap:
  csrr t0, mcause
  csrr t1, mtval
  addi a0, t0, -9
  slli a0, a0, 1
  ori a0, a0, 1
  la t0, tohost
  sd a0, 0(t0)
1:j 1b

  .data
  .balign 4096
root: .fill 512, 8, 0
data: .fill 16, 8, 0
  .globl tohost, fromhost
  .balign 64
tohost: .dword 0
  .balign 64
fromhost: .dword 0
