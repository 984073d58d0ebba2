# fences: maps a page to another frame, with the fence that this takes, or forgets it.
#
# The exit code is what it then finds there: 2, or 1 where it forgot (`forgotten-fence`, built with FORGET).

  .text
  .globl _start
_start:
  la t0, fail
  csrw mtvec, t0
  li t0, -1
  csrw pmpaddr0, t0
  li t0, 0x1f
  csrw pmpcfg0, t0

  # An identity map of the first gigabyte of RAM, and a page of our own at 0x40000000.
  la s0, root
  li t0, 0x80000 << 10 | 0xcf # V R W X A D
  sd t0, 16(s0)
  la t1, middle
  srli t1, t1, 2
  ori t1, t1, 1
  sd t1, 8(s0)
  la s1, middle
  la t1, lowest
  srli t1, t1, 2
  ori t1, t1, 1
  sd t1, 0(s1)
  la s2, lowest
  la s3, one
  srli s3, s3, 2
  ori s3, s3, 0xc7 # V R W A D
  la s4, two
  srli s4, s4, 2
  ori s4, s4, 0xc7
  sd s3, 0(s2)
  srli t0, s0, 12
  li t1, 8 << 60
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
  li s5, 0x40000000
  ld a0, 0(s5)
  sd s4, 0(s2)
#ifndef FORGET
  sfence.vma s5
#endif
  ld a0, 0(s5)
  j end
  .balign 4
fail:
  li a0, 99
end:
  slli a0, a0, 1
  ori a0, a0, 1
  la t0, tohost
  sd a0, 0(t0)
1:j 1b

  .data
  .balign 4096
root: .fill 512, 8, 0
middle: .fill 512, 8, 0
lowest: .fill 512, 8, 0
one: .fill 512, 8, 1
two: .fill 512, 8, 2
  .globl tohost, fromhost
tohost: .dword 0
  .balign 64
fromhost: .dword 0
