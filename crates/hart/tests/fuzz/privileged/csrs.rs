//! The CSRs that programs access, and how far Spike's agree with these.

pub(super) const SIE: u16 = 0x104;
pub(super) const STVEC: u16 = 0x105;
pub(super) const SSTATUS: u16 = 0x100;
pub(super) const SCOUNTEREN: u16 = 0x106;
pub(super) const SENVCFG: u16 = 0x10a;
pub(super) const SEPC: u16 = 0x141;
pub(super) const SCAUSE: u16 = 0x142;
pub(super) const STVAL: u16 = 0x143;
pub(super) const STIMECMP: u16 = 0x14d;
pub(super) const SATP: u16 = 0x180;
pub(super) const MSTATUS: u16 = 0x300;
const MISA: u16 = 0x301;
pub(super) const MEDELEG: u16 = 0x302;
pub(super) const MIDELEG: u16 = 0x303;
pub(super) const MIE: u16 = 0x304;
pub(super) const MTVEC: u16 = 0x305;
/// Of the advanced interrupt architecture; Spike names it beside `mip`.
const MVIP: u16 = 0x309;
pub(super) const MCOUNTEREN: u16 = 0x306;
pub(super) const MENVCFG: u16 = 0x30a;
pub(super) const MCOUNTINHIBIT: u16 = 0x320;
pub(super) const MEPC: u16 = 0x341;
pub(super) const MCAUSE: u16 = 0x342;
pub(super) const MTVAL: u16 = 0x343;
pub(super) const MIP: u16 = 0x344;
pub(super) const PMPCFG0: u16 = 0x3a0;
pub(super) const PMPADDR0: u16 = 0x3b0;
/// What neither has.
pub(super) const RESERVED: u16 = 0x7ff;

/// The exceptions that both let be delegated.
pub(super) const DELEGABLE: u64 = 0xb3fe;
/// `menvcfg.STCE`: `stimecmp` makes the supervisor's timer interrupt pending, and nothing else does.
pub(super) const STCE: u64 = 1 << 63;
/// Entry 4 allows everything, and those below it are off.
pub(super) const OPEN_PMP: u64 = 0x1f << 32;

/// Every CSR of RV64GC with S-mode that is accessed more often than other numbers.
pub(super) const ALL: &[u16] = &[
    0x001, 0x002, 0x003, SSTATUS, SIE, STVEC, SCOUNTEREN, SENVCFG, 0x140, SEPC, SCAUSE, STVAL, 0x144,
    STIMECMP, SATP, MSTATUS, MISA, MEDELEG, MIDELEG, MIE, MTVEC, MCOUNTEREN, MENVCFG, 0x340, MEPC, MCAUSE,
    MTVAL, MIP, 0x3a2, 0x3b8, 0x3b9, 0x3ba, 0x3bf, 0xb00, 0xb02, 0xb03, 0xc00, 0xc01, 0xc02, 0xc03, 0xc1f,
    0xf11, 0xf12, 0xf13, 0xf14, 0xf15,
];

/// Returns which bits of a CSR may be written at random; `None` where Spike and this hart differ in whether it exists.
pub(super) fn writable(number: u16) -> Option<u64> {
    Some(match number {
        // Triggers, which are not here.
        0x5a8 | 0x7a0..=0x7af => return None,
        // Writing has no effect here, and extensions go away there.
        MISA => 0,
        // Causes of extensions that are not here can be delegated there.
        MEDELEG => DELEGABLE,
        // There is no FIOM there, as no fence orders less than everything; and what comes of the reserved CBIE is free.
        MENVCFG => 0x2000_0000_0000_00d0,
        SENVCFG => 0xd0,
        // The cycles and the instructions.
        MCOUNTINHIBIT => 0b101,
        // What is protected stays what visits made it; which events there are is free.
        PMPCFG0 | 0x3b0..=0x3b4 | 0x321..=0x33f => 0,
        _ => u64::MAX,
    })
}

/// Tells whether what is read is the same on Spike: not its own identity, `time`, and what events were counted.
pub(super) fn is_compared(number: u16) -> bool {
    !matches!(number, MVIP | 0xf12 | 0x321..=0x33f | 0xb03..=0xb1f | 0xc01 | 0xc03..=0xc1f)
}
