//! Comparing every count with guest RAM.

use super::frames::FrameKind;
use super::{Memory, PageSize, TASK_END};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use tine_mmu::{PhysAddr, Ppn, PteFlags, Ram, Vpn};

/// Something that is not as it must be; a defect of the kernel, never of a guest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation(String);

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Who holds each frame, as the page tables, the page cache and the kernel itself say.
#[derive(Default)]
struct Holders {
    ptes: BTreeMap<Ppn, BTreeSet<PhysAddr>>,
    /// Leaves of huge pages, by their heads.
    huge: BTreeMap<Ppn, BTreeSet<PhysAddr>>,
    others: BTreeMap<Ppn, u32>,
}

impl Memory {
    /// Compares the frame table with the page tables in guest RAM, the page cache and the areas.
    ///
    /// It reads everything: tests call it after each step, a run at its end.
    ///
    /// # Errors
    /// The first [`Violation`] found: a frame whose counts or reverse map differ from what holds it, a PTE outside its
    /// area or with more rights than it, a writable PTE on a page with other owners, a figure that does not add up.
    pub fn check_invariants(&self, ram: &Ram) -> Result<(), Violation> {
        let mut holders = Holders::default();
        holders.others.insert(self.frames.zero_page(), 1);
        for (_, _, ppn) in self.cache.pages() {
            *holders.others.entry(ppn).or_default() += 1;
        }
        for ppn in self.frames.set_aside_now() {
            *holders.others.entry(ppn).or_default() += 1;
        }
        for (mm, space) in self.spaces.iter() {
            self.check_space(ram, &mut holders, space)
                .map_err(|violation| Violation(format!("mm {mm}: {violation}")))?;
        }
        self.check_frames(&holders)?;
        self.check_fresh_frames(ram)?;
        self.check_file_holders()
    }

    fn check_space(
        &self,
        ram: &Ram,
        holders: &mut Holders,
        space: &super::AddressSpace,
    ) -> Result<(), Violation> {
        let tables = space.table.tables(ram);
        ensure(tables.len() as u64 == space.table.frames(), || "page-table frames are miscounted".into())?;
        for table in tables {
            *holders.others.entry(table).or_default() += 1;
        }
        let (mut anon, mut file, mut shared_memory, mut huge) = (0, 0, 0, 0);
        for leaf in space.table.leaves(ram, Vpn(0)..TASK_END) {
            let is_reachable = !space.table.is_withheld(ram, leaf.start());
            for (slot, pte) in leaf.populated(ram) {
                let (vpn, ppn) = (slot.vpn, pte.ppn());
                let leaves = match slot.size {
                    PageSize::Base => &mut holders.ptes,
                    PageSize::Huge => &mut holders.huge,
                };
                huge += u64::from(slot.size == PageSize::Huge);
                let shares_table = self.frames.references(slot.at.ppn()) > 1;
                let is_new = leaves.entry(ppn).or_default().insert(slot.at);
                ensure(is_new || shares_table, || format!("page {vpn}: mapped twice"))?;
                let is_private = self.frames.kind(ppn) == FrameKind::Anon;
                ensure(!(shares_table && is_reachable && is_private && pte.has(PteFlags::W)), || {
                    format!("page {vpn}: writable in a table that others have too")
                })?;
                let vma = space.vmas.find(vpn).ok_or_else(|| Violation(format!("page {vpn}: no area")))?;
                let kind = self.frames.kind(ppn);
                match kind {
                    FrameKind::Anon => anon += slot.size.pages(),
                    FrameKind::PageCache => file += 1,
                    FrameKind::SharedMemory => shared_memory += 1,
                    FrameKind::Zero | FrameKind::KernelData => {}
                    FrameKind::Free | FrameKind::PageTable | FrameKind::Pool => {
                        return Err(Violation(format!("page {vpn}: maps a frame that is {kind:?}")));
                    }
                }
                ensure(slot.pages().end <= vma.end, || format!("page {vpn}: a huge page leaves its area"))?;
                ensure(pte.is_valid() != vma.prot.is_empty(), || {
                    format!("page {vpn}: valid against its area")
                })?;
                let writable = pte.is_valid() && pte.has(PteFlags::W);
                let owned = self.frames.is_claimed(ppn, slot.size) || vma.sharing == super::Sharing::Shared;
                ensure(!writable || owned, || {
                    format!("page {vpn}: writable, but its frame has other owners")
                })?;
                let allowed = vma.leaf_flags().unwrap_or_default() | PteFlags::W;
                let rights = pte.flags() & (PteFlags::R | PteFlags::X);
                ensure(!pte.is_valid() || allowed.contains(rights), || {
                    format!("page {vpn}: more rights than its area")
                })?;
                ensure(!writable || vma.prot.contains(super::Prot::WRITE), || {
                    format!("page {vpn}: writable against its area")
                })?;
            }
        }
        ensure(space.table.deposits() == huge, || "not one table is put by for each huge page".into())?;
        let resident = space.table.resident();
        ensure(
            (resident.anon, resident.file, resident.shared_memory) == (anon, file, shared_memory),
            || format!("resident figures {resident:?} should be {anon}, {file}, {shared_memory}"),
        )?;
        space.vmas.check().map_err(Violation)
    }

    fn check_frames(&self, holders: &Holders) -> Result<(), Violation> {
        self.check_huge(holders)?;
        let pieces =
            self.frames.huge.heads().flat_map(|head| (0..PageSize::Huge.pages()).map(move |i| head + i));
        let held: BTreeSet<Ppn> =
            holders.ptes.keys().chain(holders.others.keys()).copied().chain(pieces).collect();
        let used: BTreeSet<Ppn> = self.frames.used().collect();
        if let Some(leaked) = used.symmetric_difference(&held).next() {
            return Err(Violation(format!(
                "frame {leaked}: in use by the table or by a holder, not by both"
            )));
        }
        for ppn in used {
            let nobody = BTreeSet::new();
            let ptes = holders.ptes.get(&ppn).unwrap_or(&nobody);
            let others = holders.others.get(&ppn).copied().unwrap_or(0);
            let (references, maps) = self.frames.own_counts(ppn);
            ensure(maps as usize == ptes.len(), || {
                format!("frame {ppn}: {maps} maps, should be {}", ptes.len())
            })?;
            ensure(references == maps + others, || {
                format!("frame {ppn}: {references} references, should be {}", maps + others)
            })?;
            let exact =
                self.frames.kind(ppn) == FrameKind::Zero || self.frames.mapped_by(ppn).iter().eq(ptes);
            ensure(exact, || format!("frame {ppn}: its reverse map is wrong"))?;
        }
        Ok(())
    }

    /// Nobody clears a free frame that is said to be fresh before it is given out.
    fn check_fresh_frames(&self, ram: &Ram) -> Result<(), Violation> {
        let stale = self.frames.fresh().find(|&ppn| ram.frame(ppn).iter().any(|&byte| byte != 0));
        stale.map_or(Ok(()), |ppn| {
            Err(Violation(format!("frame {ppn}: free and said to be zeros, and is not")))
        })
    }

    /// Each huge page is held by the leaves that map it, and that of zeros by the kernel too; those of its pieces add up.
    fn check_huge(&self, holders: &Holders) -> Result<(), Violation> {
        let nobody = BTreeSet::new();
        let of_zeros = self.frames.huge_zero_page;
        let known: BTreeSet<Ppn> = self.frames.huge.heads().collect();
        let held: BTreeSet<Ppn> = holders.huge.keys().copied().chain(of_zeros).collect();
        ensure(known == held, || format!("huge pages {known:?} should be {held:?}"))?;
        let mut mapped = 0;
        for head in known {
            let leaves = holders.huge.get(&head).unwrap_or(&nobody);
            let references = leaves.len() as u32 + u32::from(of_zeros == Some(head));
            let pieces = (0..PageSize::Huge.pages()).map(|index| head + index);
            let of_pieces: usize =
                pieces.filter_map(|piece| holders.ptes.get(&piece)).map(BTreeSet::len).sum();
            let counts = (references, leaves.len() as u32, of_pieces as u32);
            ensure(self.frames.huge.counts(head) == counts, || {
                format!("huge page {head}: counts {:?} should be {counts:?}", self.frames.huge.counts(head))
            })?;
            ensure(self.frames.huge.mapped_by(head).iter().eq(leaves), || {
                format!("huge page {head}: its reverse map is wrong")
            })?;
            mapped += u64::from(of_zeros != Some(head));
        }
        let gauge = self.frames.gauges().anon_huge;
        ensure(gauge == mapped, || format!("{gauge} huge pages are mapped, should be {mapped}"))
    }

    /// The page cache knows exactly the areas that map each file.
    fn check_file_holders(&self) -> Result<(), Violation> {
        let mut areas = BTreeMap::new();
        for (mm, space) in self.spaces.iter() {
            for file in space.vmas.iter().filter_map(super::Vma::file) {
                *areas.entry((file, mm)).or_insert(0) += 1;
            }
        }
        let known = self.cache.mapped_areas();
        ensure(areas == known, || format!("areas of files {known:?} should be {areas:?}"))
    }
}

fn ensure(holds: bool, violation: impl FnOnce() -> String) -> Result<(), Violation> {
    if holds { Ok(()) } else { Err(Violation(violation())) }
}
