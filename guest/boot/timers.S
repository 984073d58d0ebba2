# timers: the machine's timer wakes M-mode, and the supervisor's, which it gives to S-mode, wakes that; no time is lost.
#
# The exit code says which step went wrong; 0 is none.

  .text
  .globl _start
_start:
  li gp, 1
  la t0, machine
  csrw mtvec, t0
  # 100,000 ns from now.
  li s0, 0x2000000
  li t0, 0xbff8
  add s1, s0, t0
  ld s2, 0(s1)
  li t0, 100000
  add s2, s2, t0
  li t0, 0x4000
  add t0, s0, t0
  sd s2, 0(t0)
  li t0, 0x80 # MTIE
  csrw mie, t0
  csrsi mstatus, 8
1:wfi
  beqz s3, 1b
  # The interrupt was taken at its time or the instant after.
  ld t0, 0(s1)
  sub t0, t0, s2
  li t1, 100
  bgeu t0, t1, fail

  # Everything may be done by S-mode; its timer's interrupt is its own; stimecmp exists.
  li gp, 2
  li t0, -1
  csrw pmpaddr0, t0
  li t0, 0x1f
  csrw pmpcfg0, t0
  csrwi mcounteren, 2
  li t0, 1 << 63
  csrw menvcfg, t0
  li t0, 0x20
  csrw mideleg, t0
  csrw mie, zero
  li t0, 3 << 11
  csrc mstatus, t0
  li t0, 1 << 11
  csrs mstatus, t0
  la t0, supervisor_code
  csrw mepc, t0
  mret

supervisor_code:
  la t0, supervisor
  csrw stvec, t0
  rdtime s2
  li t0, 50000
  add s2, s2, t0
  csrw stimecmp, s2
  li t0, 0x20 # STIE
  csrw sie, t0
  li s3, 0
  csrsi sstatus, 2
1:wfi
  beqz s3, 1b
  li gp, 3
  rdtime t0
  sub t0, t0, s2
  li t1, 100
  bgeu t0, t1, fail
  li gp, 0
fail:
  slli gp, gp, 1
  ori gp, gp, 1
  la t0, tohost
  sd gp, 0(t0)
1:j 1b

  .balign 4
machine:
  csrr t0, mcause
  li t1, 1 << 63 | 7
  bne t0, t1, fail
  li s3, 1
  csrw mie, zero
  mret

  .balign 4
supervisor:
  csrr t0, scause
  li t1, 1 << 63 | 5
  bne t0, t1, fail
  li s3, 1
  csrw sie, zero
  sret

  .data
  .balign 8
  .globl tohost, fromhost
tohost: .dword 0
  .balign 64
fromhost: .dword 0
