//! Physical memory protection: what M-mode lets the others, and itself where it locks an entry, do with physical addresses
//! (Privileged ISA, "Physical Memory Protection").
//!
//! Entries are as fine as four bytes. A hart with all entries off keeps S-mode and U-mode from everything.
//!
//! Nothing of this is in a TLB entry. What does not go through the host shortcut is checked on each access; the shortcut
//! has slots for those pages only of which every byte may be accessed. So a hit there pays nothing.

use crate::{Access, PhysAddr, Privilege};

/// How many entries there are.
pub const PMP_ENTRIES: usize = 16;

const R: u8 = 1 << 0;
const W: u8 = 1 << 1;
const X: u8 = 1 << 2;
const A_SHIFT: u32 = 3;
const A: u8 = 3 << A_SHIFT;
const L: u8 = 1 << 7;

const OFF: u8 = 0;
const TOR: u8 = 1;
const NA4: u8 = 2;

/// `pmpaddr` holds bits 55 to 2 of an address.
const ADDRESS_BITS: u32 = 54;

/// The addresses that an entry which is on matches, and what it says of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Region {
    first: u64,
    /// One past the last byte.
    end: u64,
    config: u8,
}

impl Region {
    fn allows(self, privilege: Privilege, access: Access) -> bool {
        let needed = match access {
            Access::Fetch => X,
            Access::Load => R,
            Access::Store => W,
        };
        // What is not locked does not bind M-mode.
        privilege == Privilege::Machine && self.config & L == 0 || self.config & needed != 0
    }
}

/// The PMP registers of a hart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pmp {
    config: [u8; PMP_ENTRIES],
    address: [u64; PMP_ENTRIES],
    /// The entries that are on, in the order in which they match.
    regions: Vec<Region>,
    /// Whether M-mode may do everything.
    machine_is_free: bool,
    /// Whether S-mode and U-mode may.
    others_are_free: bool,
}

impl Pmp {
    /// As after a reset: every entry off.
    pub(crate) fn new() -> Self {
        let (config, address) = ([0; PMP_ENTRIES], [0; PMP_ENTRIES]);
        let mut pmp =
            Self { config, address, regions: Vec::new(), machine_is_free: false, others_are_free: false };
        pmp.derive();
        pmp
    }

    /// As a machine-mode program leaves it that does not want to protect anything: one entry that allows everything.
    pub(crate) fn open() -> Self {
        let mut pmp = Self::new();
        pmp.config[0] = A | R | W | X;
        pmp.address[0] = (1 << ADDRESS_BITS) - 1;
        pmp.derive();
        pmp
    }

    /// Returns `pmpcfgN`: the configuration of eight entries.
    pub fn config(&self, register: u16) -> u64 {
        let first = usize::from(register) * 4;
        let bytes = std::array::from_fn(|i| self.config.get(first + i).copied().unwrap_or(0));
        u64::from_le_bytes(bytes)
    }

    /// Returns `pmpaddrN`; 0 of an entry that there is not.
    pub fn address(&self, entry: u16) -> u64 {
        self.address.get(usize::from(entry)).copied().unwrap_or(0)
    }

    pub(crate) fn set_config(&mut self, register: u16, value: u64) {
        let first = usize::from(register) * 4;
        for (config, new) in self.config.iter_mut().skip(first).zip(value.to_le_bytes()) {
            if *config & L == 0 {
                *config = legal(new);
            }
        }
        self.derive();
    }

    /// Tells whether `pmpaddrN` can be written: there is such an entry, and no lock holds it.
    pub fn may_set_address(&self, entry: u16) -> bool {
        let entry = usize::from(entry);
        // A locked entry holds the address below it too where that is where its range starts.
        let holds_the_one_below = |config: &u8| config & L != 0 && mode(*config) == TOR;
        let is_free = self.config.get(entry).is_some_and(|config| config & L == 0);
        is_free && !self.config.get(entry + 1).is_some_and(holds_the_one_below)
    }

    pub(crate) fn set_address(&mut self, entry: u16, value: u64) {
        if self.may_set_address(entry) {
            self.address[usize::from(entry)] = value & ((1 << ADDRESS_BITS) - 1);
            self.derive();
        }
    }

    /// Works out regions and shortcuts anew.
    fn derive(&mut self) {
        self.regions = (0..PMP_ENTRIES).filter_map(|entry| self.region(entry)).collect();
        let all = |region: &Region| {
            region.first == 0
                && region.end >> (ADDRESS_BITS + 2) != 0
                && region.config & (R | W | X) == R | W | X
        };
        self.others_are_free = self.regions.first().is_some_and(all);
        // Regions that bind nobody in M-mode still have edges, which no access may cross.
        let is_unlocked = |region: &Region| region.config & L == 0;
        let has_no_edges = self.regions.is_empty() || self.others_are_free;
        self.machine_is_free = has_no_edges && self.regions.iter().all(is_unlocked);
    }

    fn region(&self, entry: usize) -> Option<Region> {
        let (config, address) = (self.config[entry], self.address[entry]);
        let (first, end) = match mode(config) {
            OFF => return None,
            TOR => {
                let below = entry.checked_sub(1).map_or(0, |below| self.address[below]);
                (below << 2, address << 2)
            }
            NA4 => (address << 2, (address << 2) + 4),
            _ => {
                // The ones at the end say how large the region is, the rest where it is.
                let size = 8u64 << address.trailing_ones();
                let first = (address << 2) & !(size - 1);
                (first, first + size)
            }
        };
        (first < end).then_some(Region { first, end, config })
    }

    /// Tells whether an access to so many bytes is allowed: the first entry that matches any of them must match all, and
    /// allow it; where none does, M-mode may and the others may not ("Priority and Matching Logic").
    #[inline]
    pub(crate) fn allows(&self, privilege: Privilege, access: Access, at: PhysAddr, len: u64) -> bool {
        let is_free = match privilege {
            Privilege::Machine => self.machine_is_free,
            Privilege::Supervisor | Privilege::User => self.others_are_free,
        };
        is_free || self.regions_allow(privilege, access, at, len)
    }

    #[cold]
    fn regions_allow(&self, privilege: Privilege, access: Access, at: PhysAddr, len: u64) -> bool {
        let end = at.0.saturating_add(len);
        let touches = |region: &&Region| at.0 < region.end && region.first < end;
        match self.regions.iter().find(touches) {
            Some(region) => region.first <= at.0 && end <= region.end && region.allows(privilege, access),
            None => privilege == Privilege::Machine,
        }
    }
}

fn mode(config: u8) -> u8 {
    (config & A) >> A_SHIFT
}

/// Returns the configuration that a write leaves: W without R is reserved and becomes neither, as Spike has it.
fn legal(config: u8) -> u8 {
    let config = config & (L | A | X | W | R);
    if config & R == 0 { config & !W } else { config }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RWX: u8 = R | W | X;
    const NAPOT: u8 = A;

    fn pmp(entries: &[(u8, u64)]) -> Pmp {
        let mut pmp = Pmp::new();
        for (entry, &(config, address)) in (0..).zip(entries) {
            pmp.set_address(entry, address);
            let register = entry / 8 * 2;
            let shift = entry % 8 * 8;
            pmp.set_config(register, pmp.config(register) | u64::from(config) << shift);
        }
        pmp
    }

    #[track_caller]
    fn check(pmp: &Pmp, privilege: Privilege, access: Access, at: u64, len: u64, expected: bool) {
        assert_eq!(
            pmp.allows(privilege, access, PhysAddr(at), len),
            expected,
            "{access:?} of {len} at {at:#x}"
        );
    }

    use Access::{Fetch, Load, Store};
    use Privilege::{Machine, Supervisor, User};

    #[test]
    fn with_all_entries_off_only_machine_mode_has_memory() {
        let pmp = pmp(&[]);
        check(&pmp, Machine, Store, 0x8000_0000, 8, true);
        check(&pmp, Supervisor, Load, 0x8000_0000, 8, false);
        check(&pmp, User, Fetch, 0x8000_0000, 4, false);
        check(&Pmp::open(), User, Store, u64::MAX >> 8, 1, true);
    }

    #[test]
    fn the_first_entry_that_matches_decides() {
        // 0x1000..0x2000 may be read; everything may be done below 0x10000.
        let pmp = pmp(&[(NAPOT | R, 0x1000 >> 2 | 0x1ff), (TOR << A_SHIFT | RWX, 0x10000 >> 2)]);
        // The second entry's range starts at the first one's address register.
        check(&pmp, User, Load, 0x1000, 8, true);
        check(&pmp, User, Store, 0x1ff8, 8, false);
        check(&pmp, User, Store, 0x2000, 8, true);
        check(&pmp, User, Load, 0x1ffc, 8, false);
        check(&pmp, User, Load, 0x800, 8, false);
        check(&pmp, Machine, Store, 0x1000, 8, true);
    }

    #[test]
    fn four_bytes_are_the_finest_region() {
        let pmp = pmp(&[(NA4 << A_SHIFT | R, 0x2004 >> 2)]);
        check(&pmp, User, Load, 0x2004, 4, true);
        check(&pmp, User, Load, 0x2004, 8, false);
        check(&pmp, User, Load, 0x2000, 4, false);
        check(&pmp, User, Load, 0x2000, 8, false);
        // Not locked, it binds M-mode in this one way: who matches must match all bytes.
        check(&pmp, Machine, Store, 0x2004, 4, true);
        check(&pmp, Machine, Store, 0x2000, 8, false);
        check(&pmp, Machine, Store, 0x2008, 8, true);
    }

    #[test]
    fn a_locked_entry_binds_machine_mode_and_stays() {
        let mut pmp = pmp(&[(0, 0x1000 >> 2), (TOR << A_SHIFT | R | L, 0x2000 >> 2)]);
        check(&pmp, Machine, Store, 0x1800, 8, false);
        check(&pmp, Machine, Load, 0x1800, 8, true);
        check(&pmp, Machine, Store, 0x2000, 8, true);
        pmp.set_address(0, 0);
        pmp.set_address(1, 0);
        pmp.set_config(0, 0);
        assert_eq!((pmp.address(0), pmp.address(1)), (0x400, 0x800));
        assert_eq!(pmp.config(0), u64::from(TOR << A_SHIFT | R | L) << 8);
    }

    #[test]
    fn a_write_leaves_what_exists() {
        let mut pmp = Pmp::new();
        pmp.set_config(0, 0x7f62);
        assert_eq!(pmp.config(0), 0x1f00, "W without R, and the reserved bits, are dropped");
        pmp.set_address(3, u64::MAX);
        assert_eq!(pmp.address(3), u64::MAX >> 10);
        pmp.set_address(16, 1);
        pmp.set_config(4, 0x1f);
        assert_eq!((pmp.address(16), pmp.config(4)), (0, 0), "there are sixteen entries");
    }

    #[test]
    fn all_ones_match_everything() {
        let mut pmp = Pmp::new();
        pmp.set_address(0, u64::MAX);
        pmp.set_config(0, u64::from(NAPOT | RWX));
        check(&pmp, User, Store, 0, 8, true);
        check(&pmp, User, Store, (1 << 56) - 8, 8, true);
    }
}
