# harts: every hart but the first waits for a software interrupt, counts itself and wakes the next; the first powers off.
#
# The signature is a word of each hart: its number and what the counter said when it came.

  .text
  .globl _start
_start:
  la t0, handler
  csrw mtvec, t0
  csrwi mie, 8 # MSIE
  li s0, 0x2000000
  la s1, count
  la s2, begin_signature
  beqz a0, first

  # Interrupts are off meanwhile, so that the one which comes before the WFI is not lost.
1:wfi
  csrr t1, mip
  andi t1, t1, 8
  beqz t1, 1b
  csrsi mstatus, 8 # MIE: here it is taken
  bnez s3, counted
  ebreak

first:
counted:
  li t1, 1
  amoadd.w t2, t1, (s1)
  slli t3, a0, 2
  add t3, t3, s2
  slli t4, a0, 16
  or t4, t4, t2
  sw t4, 0(t3)
  # Wake the next; the last wakes nobody.
  addi t3, a0, 1
  li t4, 4
  bge t3, t4, last
  slli t3, t3, 2
  add t3, t3, s0
  li t1, 1
  sw t1, 0(t3)
1:wfi
  j 1b

last:
  li t0, 0x100000
  li t1, 0x5555
  sw t1, 0(t0)
1:j 1b

  .balign 4
handler:
  slli t3, a0, 2
  add t3, t3, s0
  sw zero, 0(t3)
  li s3, 1
  mret

  .data
  .balign 8
count: .word 0
  .balign 16
  .globl begin_signature, end_signature
begin_signature: .word -1, -1, -1, -1
end_signature:
