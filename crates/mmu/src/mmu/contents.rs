//! What the TLBs hold, for people and tests to look at.

use super::Mmu;
use crate::tlb::Translation;
use crate::{Asid, PhysAddr, Ppn, PteFlags, VirtAddr, Vpn};

/// One of a hart's TLBs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TlbName {
    /// The first level for instructions.
    L1i,
    /// The first level for data.
    L1d,
    /// The second level.
    L2,
}

/// A valid entry of a TLB.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TlbEntry {
    /// Where it is.
    pub tlb: TlbName,
    /// The first base page that it translates.
    pub vpn: Vpn,
    /// The first frame.
    pub ppn: Ppn,
    /// The level of the leaf: 0 for a base page, 1 for 2 MiB, 2 for 1 GiB.
    pub level: u32,
    /// The permissions as the walk left them.
    pub flags: PteFlags,
    /// The address space; without meaning where G is set.
    pub asid: Asid,
}

impl TlbEntry {
    pub(crate) fn of(tlb: TlbName, entry: &Translation) -> Self {
        let (vpn, ppn, level) = (entry.vpn(), entry.ppn(), entry.level());
        Self { tlb, vpn, ppn, level, flags: entry.flags(), asid: entry.asid() }
    }
}

impl Mmu {
    /// Lists every valid entry: by TLB, then by set, the least recently used first.
    pub fn entries(&self) -> Vec<TlbEntry> {
        let Self { itlb, dtlb, l2, .. } = self;
        let second = l2.iter().flat_map(|l2| l2.by_use(|_, used| used));
        let of = |tlb| move |entry| TlbEntry::of(tlb, entry);
        let first = itlb.by_use().map(of(TlbName::L1i)).chain(dtlb.by_use().map(of(TlbName::L1d)));
        first.chain(second.map(of(TlbName::L2))).collect()
    }

    /// Returns where the load or store of an address that has just been done went, which changes and counts nothing; `None`
    /// for an address that the data TLB does not hold.
    pub fn translated(&self, va: VirtAddr) -> Option<PhysAddr> {
        if !self.translates(self.data_view) {
            return Some(PhysAddr(va.0));
        }
        let index = self.dtlb.lookup(va.vpn(), self.satp.asid)?;
        Some(self.dtlb.entry(index).translate(va))
    }
}
