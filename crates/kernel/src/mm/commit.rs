//! Promised memory: what processes were told that they may use, touched or not (`Committed_AS`), and whether they may be
//! told so of more (Linux 6.12 Documentation/mm/overcommit-accounting.rst).

use super::address_space::Reserve;
use super::frames::FrameKind;
use super::{Memory, Vma};
use crate::{MmId, Overcommit};

/// A parameter of `/proc/sys/vm` about promised memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommitParameter {
    /// `overcommit_memory`: [`Overcommit`] by its number.
    Mode,
    /// `overcommit_ratio`: how much of memory may be promised, in percent.
    Ratio,
    /// `overcommit_kbytes`: how much may be promised, in place of a ratio.
    Kbytes,
    /// `admin_reserve_kbytes`: how much of that only the superuser may have.
    AdminReserve,
    /// `user_reserve_kbytes`: how much at most one process leaves for the others.
    UserReserve,
}

/// What may be promised (`vm.overcommit_*`).
#[derive(Clone, Copy, Debug)]
pub(super) struct CommitRules {
    mode: Overcommit,
    ratio_percent: u64,
    /// Takes the place of the ratio when it is not 0.
    kib: u64,
    admin_reserve_kib: u64,
    user_reserve_kib: u64,
}

impl CommitRules {
    /// Makes the rules of a machine that has so many free pages at its start (Linux 6.12 mm/mmap.c `init_admin_reserve`,
    /// `init_user_reserve`).
    pub(super) fn new(mode: Overcommit, free_pages: u64) -> Self {
        const MOST_FOR_ADMIN_KIB: u64 = 8 << 10;
        const MOST_FOR_USER_KIB: u64 = 128 << 10;
        let part = kib(free_pages) / 32;
        Self {
            mode,
            ratio_percent: 50,
            kib: 0,
            admin_reserve_kib: part.min(MOST_FOR_ADMIN_KIB),
            user_reserve_kib: part.min(MOST_FOR_USER_KIB),
        }
    }
}

const fn kib(pages: u64) -> u64 {
    pages << 2
}

const fn pages(kib: u64) -> u64 {
    kib >> 2
}

impl Memory {
    /// Tells whether `more` pages may be promised to a process (Linux 6.12 mm/util.c `__vm_enough_memory`).
    pub fn may_promise(&self, mm: MmId, more: u64) -> bool {
        match self.commit.mode {
            Overcommit::Always => true,
            Overcommit::Heuristic => more <= self.frames.gauges().total,
            Overcommit::Never => {
                let space = self.spaces.get(mm);
                let for_admin = match space.limits.reserve {
                    Reserve::Kept => pages(self.commit.admin_reserve_kib),
                    Reserve::Usable => 0,
                };
                let for_others = (space.vmas.pages().total / 32).min(pages(self.commit.user_reserve_kib));
                self.promised_pages() + more + for_admin + for_others < self.promise_limit_pages()
            }
        }
    }

    /// Tells whether so many pages may be promised for each of several areas, one after the other.
    pub(super) fn may_promise_all(&self, mm: MmId, mut areas: impl Iterator<Item = u64>) -> bool {
        match self.commit.mode {
            Overcommit::Never => self.may_promise(mm, areas.sum()),
            Overcommit::Always | Overcommit::Heuristic => areas.all(|pages| self.may_promise(mm, pages)),
        }
    }

    /// Returns how many pages are promised: areas that count, shared memory, and files that are nowhere but in memory.
    pub fn promised_pages(&self) -> u64 {
        let areas: u64 = self.spaces.iter().map(|(_, space)| space.vmas.pages().promised).sum();
        areas + self.frames.count(FrameKind::SharedMemory) + self.cache.unfilled_promises()
    }

    /// Returns how many pages may be promised under [`Overcommit::Never`] (`CommitLimit`).
    pub fn promise_limit_pages(&self) -> u64 {
        match self.commit.kib {
            0 => {
                let total = u128::from(self.frames.gauges().total);
                u64::try_from(total * u128::from(self.commit.ratio_percent) / 100).unwrap_or(u64::MAX)
            }
            kib => pages(kib),
        }
    }

    /// Returns a parameter.
    pub fn commit_parameter(&self, parameter: CommitParameter) -> u64 {
        match parameter {
            CommitParameter::Mode => self.commit.mode.number(),
            CommitParameter::Ratio => self.commit.ratio_percent,
            CommitParameter::Kbytes => self.commit.kib,
            CommitParameter::AdminReserve => self.commit.admin_reserve_kib,
            CommitParameter::UserReserve => self.commit.user_reserve_kib,
        }
    }

    /// Sets a parameter, and tells whether it can have the value. Ratio and kbytes take each other's place.
    #[must_use = "the value may make no sense"]
    pub fn set_commit_parameter(&mut self, parameter: CommitParameter, value: u64) -> bool {
        let rules = &mut self.commit;
        match parameter {
            CommitParameter::Mode => match Overcommit::from_number(value) {
                Some(mode) => rules.mode = mode,
                None => return false,
            },
            CommitParameter::Ratio => (rules.ratio_percent, rules.kib) = (value, 0),
            CommitParameter::Kbytes => (rules.ratio_percent, rules.kib) = (0, value),
            CommitParameter::AdminReserve => rules.admin_reserve_kib = value,
            CommitParameter::UserReserve => rules.user_reserve_kib = value,
        }
        true
    }

    /// Tells whether `MAP_NORESERVE` means something: not where every promise counts.
    pub fn may_waive_promises(&self) -> bool {
        self.commit.mode != Overcommit::Never
    }
}

/// Whether the pages of an area count as promised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Promise {
    /// They do not: no store makes one of them private (yet).
    None,
    /// They do (Linux: `VM_ACCOUNT`).
    Counted,
    /// They never will (Linux: `VM_NORESERVE`).
    Waived,
}

impl Promise {
    /// Returns what becomes of the promise when mprotect(2) makes the area writable, or not (Linux 6.12 mm/mprotect.c
    /// `mprotect_fixup`).
    pub(super) fn after_protect(self, vma: &Vma, becomes_writable: bool) -> Self {
        match self {
            Self::None if becomes_writable && vma.counts_when_writable() => Self::Counted,
            // Nothing of it was ever used.
            Self::Counted if !becomes_writable && vma.file().is_none() && !vma.had_private_write => {
                Self::None
            }
            _ => self,
        }
    }
}
