# receiver: is interrupted by what comes in at the serial port and sends it back, until a full stop.
#
# It counts while it waits for the first line, and sleeps while it waits for the others. Its exit code is 0.

  .file "receiver.S"
  .equ UART, 0x10000000
  .equ PLIC, 0xc000000
  .equ SOURCE, 10

  .text
  .globl _start
_start:
  la t0, handler
  csrw mtvec, t0
  li s0, UART
  li s1, PLIC
  li s2, 0 # lines
  li t0, 1
  sw t0, 4 * SOURCE(s1) # the source's priority
  li t1, PLIC + 0x2000
  li t0, 1 << SOURCE
  sw t0, 0(t1) # enabled for M-mode of hart 0
  li s3, PLIC + 0x200000
  sw x0, 0(s3) # from priority 1 on
  li t0, 1
  sb t0, 1(s0) # interrupt when something was received
  li t0, 1 << 11
  csrw mie, t0
  csrsi mstatus, 8

1:addi s4, s4, 1
  beqz s2, 1b
2:wfi
  j 2b

  .balign 4
handler:
  lw s5, 4(s3) # claim
3:lbu t0, 5(s0)
  andi t0, t0, 1
  beqz t0, 4f
  lbu t0, 0(s0)
  sb t0, 0(s0)
  li t1, '.'
  beq t0, t1, end
  li t1, '\n'
  bne t0, t1, 3b
  addi s2, s2, 1
  j 3b
4:sw s5, 4(s3) # complete
  mret

end:
  li t0, 1
  la t1, tohost
  sd t0, 0(t1)
5:j 5b

  .data
  .balign 64
  .globl tohost, fromhost
tohost: .dword 0
  .balign 64
fromhost: .dword 0
