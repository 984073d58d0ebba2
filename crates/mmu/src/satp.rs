//! The `satp` register (Privileged ISA, "Supervisor Address Translation and Protection (`satp`) Register").

use crate::{Asid, Ppn};

const MODE_SHIFT: u32 = 60;
const MODE_BARE: u64 = 0;
const MODE_SV39: u64 = 8;
const MODE_SV48: u64 = 9;
const MODE_SV57: u64 = 10;
const ASID_SHIFT: u32 = 44;
const PPN_MASK: u64 = (1 << ASID_SHIFT) - 1;

/// How S-mode and U-mode addresses are translated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum SatpMode {
    /// Not at all.
    #[default]
    Bare,
    /// By three levels of page table.
    Sv39,
    /// By four.
    Sv48,
    /// By five.
    Sv57,
}

impl SatpMode {
    /// Returns how many levels a page table has; none where nothing is translated.
    pub const fn levels(self) -> u32 {
        match self {
            Self::Bare => 0,
            Self::Sv39 => 3,
            Self::Sv48 => 4,
            Self::Sv57 => 5,
        }
    }
}

/// The value of `satp`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Satp {
    /// The translation scheme.
    pub mode: SatpMode,
    /// The current address space; all 16 bits are implemented.
    pub asid: Asid,
    /// The frame of the root page table.
    pub root: Ppn,
}

impl Satp {
    /// Makes the value that selects an Sv39 address space.
    pub const fn sv39(root: Ppn, asid: Asid) -> Self {
        Self { mode: SatpMode::Sv39, asid, root }
    }

    /// Decodes a write of the CSR; `None` when its MODE is not implemented, and then the write has no effect.
    pub const fn from_bits(bits: u64) -> Option<Self> {
        let mode = match bits >> MODE_SHIFT {
            MODE_BARE => SatpMode::Bare,
            MODE_SV39 => SatpMode::Sv39,
            MODE_SV48 => SatpMode::Sv48,
            MODE_SV57 => SatpMode::Sv57,
            _ => return None,
        };
        Some(Self { mode, asid: Asid((bits >> ASID_SHIFT) as u16), root: Ppn(bits & PPN_MASK) })
    }

    /// Encodes the value as a read of the CSR returns it.
    pub const fn bits(self) -> u64 {
        let mode = match self.mode {
            SatpMode::Bare => MODE_BARE,
            SatpMode::Sv39 => MODE_SV39,
            SatpMode::Sv48 => MODE_SV48,
            SatpMode::Sv57 => MODE_SV57,
        };
        mode << MODE_SHIFT | (self.asid.0 as u64) << ASID_SHIFT | self.root.0 & PPN_MASK
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_lie_where_the_manual_puts_them() {
        let satp = Satp::sv39(Ppn(0x8_0123), Asid(0xabcd));
        assert_eq!(satp.bits(), 0x8abc_d000_0008_0123);
        assert_eq!(Satp::from_bits(satp.bits()), Some(satp));
        assert_eq!(Satp::from_bits(0), Some(Satp::default()));
        for (mode, levels) in [(8, 3), (9, 4), (10, 5)] {
            let satp = Satp::from_bits(mode << 60).unwrap();
            assert_eq!((satp.mode.levels(), satp.bits()), (levels, mode << 60));
        }
    }

    #[test]
    fn a_mode_that_is_not_implemented_is_refused() {
        for mode in [1, 7, 11, 15] {
            assert_eq!(Satp::from_bits(mode << 60), None);
        }
    }
}
