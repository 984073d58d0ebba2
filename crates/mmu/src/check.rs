//! Finding accesses that a stale TLB entry served (`--check tlb`).
//!
//! A TLB may be stale, and the program's fences are all that forbids it. So whoever asks for the check has the page table
//! read anew behind each access that a TLB allowed, and compared with what the TLB said. It changes nothing that the program
//! can see, and counts nothing. An entry that denies what the table would allow is not reported: a fault that was not needed
//! is the handler's to find out.

use crate::mmu::TlbEntry;
use crate::walk::{is_canonical, pte_address};
use crate::{Access, Asid, PhysAddr, Ppn, Pte, PteFlags, Ram, Satp, View, VirtAddr, Vpn};

/// Whether stale entries are looked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum StaleUses {
    /// They are not.
    #[default]
    Ignored,
    /// They are, on every access, which is slow.
    Reported,
}

/// An access that a TLB entry served otherwise than the page table would have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StaleUse {
    /// What was accessed.
    pub va: VirtAddr,
    /// How.
    pub access: Access,
    /// In which address space.
    pub asid: Asid,
    /// The instruction that did, or that the supervisor was asked by when it did.
    pub pc: VirtAddr,
    /// The PTE as the TLB has it, G inherited.
    pub cached: Pte,
    /// The PTE that a walk would end at now: a leaf, one that is not valid, or one that leads nowhere.
    pub current: Pte,
}

/// How many are kept; a program that has one often has millions.
const MOST: usize = 1000;

/// What was found, and where the hart is.
#[derive(Clone, Debug, Default)]
pub(crate) struct Checker {
    /// The instruction that was fetched last.
    pub(crate) pc: VirtAddr,
    found: Vec<StaleUse>,
    total: u64,
}

/// An access that a TLB allowed.
pub(crate) struct Served {
    pub(crate) va: VirtAddr,
    pub(crate) access: Access,
    pub(crate) view: View,
    pub(crate) at: PhysAddr,
    pub(crate) entry: TlbEntry,
}

impl Checker {
    /// Compares what a TLB allowed with what the page table says.
    pub(crate) fn check(&mut self, ram: &Ram, satp: Satp, served: &Served) {
        let Served { va, access, view, at, entry } = *served;
        let Reading { pte, frame } = read(ram, satp, va);
        // A walk would trap for want of these, or set them.
        let needed = if access == Access::Store { PteFlags::A.union(PteFlags::D) } else { PteFlags::A };
        let agrees = frame.is_some_and(|frame| PhysAddr(frame.base().0 | va.offset()) == at)
            && view.permits(access, pte.flags())
            && pte.has(needed);
        if !agrees {
            self.total += 1;
            if self.found.len() < MOST {
                let cached = Pte::leaf(entry.ppn, entry.flags);
                self.found.push(StaleUse { va, access, asid: satp.asid, pc: self.pc, cached, current: pte });
            }
        }
    }

    pub(crate) fn take(&mut self) -> (Vec<StaleUse>, u64) {
        (std::mem::take(&mut self.found), std::mem::take(&mut self.total))
    }
}

/// What a walk would find, without what it does.
struct Reading {
    /// The PTE that it ends at.
    pte: Pte,
    /// The frame of the address, where that is a leaf that may be used.
    frame: Option<Ppn>,
}

fn read(ram: &Ram, satp: Satp, va: VirtAddr) -> Reading {
    let mut last = Reading { pte: Pte::EMPTY, frame: None };
    if !is_canonical(va, satp.mode) {
        return last;
    }
    let mut table = satp.root;
    for level in (0..satp.mode.levels()).rev() {
        // A pointer to where no RAM is leads nowhere, and so does one in the lowest table.
        let Some(pte) = ram.read_u64(pte_address(table, va, level)).map(Pte) else { break };
        last.pte = pte;
        if !pte.is_valid() || pte.is_reserved() {
            break;
        }
        if pte.is_leaf() {
            last.frame = frame_at(pte, va.vpn(), level);
            break;
        }
        table = pte.ppn();
    }
    last
}

/// Returns the frame to which a leaf at `level` maps a page; `None` where a superpage is not aligned.
fn frame_at(pte: Pte, vpn: Vpn, level: u32) -> Option<Ppn> {
    let low = (1u64 << (level * crate::walk::VPN_BITS)) - 1;
    let ppn = pte.frame_in_range(vpn, level)?;
    (ppn.0 & low == 0).then_some(Ppn(ppn.0 | vpn.0 & low))
}
