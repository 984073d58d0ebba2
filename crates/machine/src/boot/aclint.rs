//! Timer and software interrupts of M-mode (RISC-V ACLINT specification, MTIMER and MSWI, laid out as SiFive's CLINT).

use tine_hart::Interrupt;

const MSIP: u64 = 0;
const MTIMECMP: u64 = 0x4000;
const MTIME: u64 = 0xbff8;
const MSIP_BYTES: u64 = 4;
const MTIMECMP_BYTES: u64 = 8;

/// The registers of each hart.
#[derive(Clone, Debug)]
pub(super) struct Aclint {
    software: Vec<bool>,
    deadlines: Vec<u64>,
}

/// What a register is.
#[derive(Clone, Copy)]
enum Register {
    Software(usize),
    /// A deadline, and the first of its bytes that is meant.
    Deadline(usize, usize),
    /// The time, likewise.
    Time(usize),
}

/// What a store asks of whoever keeps the time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stored {
    /// Nothing.
    Here,
    /// Set the time.
    Time(u64),
}

impl Aclint {
    pub(super) const BASE: u64 = 0x200_0000;
    pub(super) const BYTES: u64 = 0x1_0000;

    pub(super) fn new(harts: usize) -> Self {
        Self { software: vec![false; harts], deadlines: vec![u64::MAX; harts] }
    }

    /// Returns when the hart's timer interrupt becomes pending.
    pub(super) fn deadline(&self, hart: usize) -> u64 {
        self.deadlines[hart]
    }

    /// Returns the interrupts that are pending for a hart at a time.
    pub(super) fn lines(&self, hart: usize, now_ns: u64) -> u64 {
        let software = if self.software[hart] { Interrupt::MachineSoftware.mask() } else { 0 };
        let timer = if now_ns >= self.deadlines[hart] { Interrupt::MachineTimer.mask() } else { 0 };
        software | timer
    }

    fn register(&self, offset: u64, len: usize) -> Option<Register> {
        let harts = self.software.len() as u64;
        // 64-bit registers may be accessed by halves.
        let wide =
            |offset: u64| matches!((offset % 8, len), (0, 4 | 8) | (4, 4)).then_some((offset % 8) as usize);
        match offset {
            _ if offset < MSIP + MSIP_BYTES * harts => (len == 4 && offset.is_multiple_of(4))
                .then_some(Register::Software((offset / MSIP_BYTES) as usize)),
            MTIMECMP.. if offset < MTIMECMP + MTIMECMP_BYTES * harts => {
                let hart = (offset - MTIMECMP) / MTIMECMP_BYTES;
                Some(Register::Deadline(hart as usize, wide(offset)?))
            }
            MTIME.. if offset < MTIME + 8 => Some(Register::Time(wide(offset)?)),
            _ => None,
        }
    }

    pub(super) fn load(&self, offset: u64, len: usize, now_ns: u64) -> Option<u64> {
        Some(match self.register(offset, len)? {
            Register::Software(hart) => self.software[hart].into(),
            Register::Deadline(hart, byte) => self.deadlines[hart] >> (8 * byte),
            Register::Time(byte) => now_ns >> (8 * byte),
        })
    }

    pub(super) fn store(&mut self, offset: u64, len: usize, value: u64, now_ns: u64) -> Option<Stored> {
        let merge = |old: u64, byte: usize| {
            let mask = if len == 8 { u64::MAX } else { 0xffff_ffff << (8 * byte) };
            old & !mask | value << (8 * byte) & mask
        };
        match self.register(offset, len)? {
            Register::Software(hart) => self.software[hart] = value & 1 == 1,
            Register::Deadline(hart, byte) => self.deadlines[hart] = merge(self.deadlines[hart], byte),
            Register::Time(byte) => return Some(Stored::Time(merge(now_ns, byte))),
        }
        Some(Stored::Here)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_is_written_whole_or_by_halves() {
        let mut aclint = Aclint::new(2);
        assert_eq!(aclint.store(MTIMECMP + 8, 8, 0x1_0000_0002, 0), Some(Stored::Here));
        assert_eq!(aclint.load(MTIMECMP + 12, 4, 0), Some(1));
        aclint.store(MTIMECMP + 12, 4, 0, 0).unwrap();
        assert_eq!((aclint.deadline(0), aclint.deadline(1)), (u64::MAX, 2));
        assert_eq!((aclint.lines(1, 1), aclint.lines(1, 2)), (0, Interrupt::MachineTimer.mask()));
    }

    #[test]
    fn only_what_is_there_answers() {
        let mut aclint = Aclint::new(1);
        for (offset, len) in [(4, 4), (0, 8), (0, 1), (MTIMECMP + 8, 8), (MTIMECMP + 2, 4), (MTIME + 8, 8)] {
            assert_eq!(aclint.load(offset, len, 0), None, "{len} at {offset:#x}");
            assert_eq!(aclint.store(offset, len, 0, 0), None);
        }
        assert_eq!(aclint.load(MTIME, 8, 7), Some(7));
        assert_eq!(aclint.store(MTIME + 4, 4, 1, 7), Some(Stored::Time(0x1_0000_0007)));
        aclint.store(MSIP, 4, 3, 0).unwrap();
        assert_eq!(
            (aclint.load(MSIP, 4, 0), aclint.lines(0, 0)),
            (Some(1), Interrupt::MachineSoftware.mask())
        );
    }
}
