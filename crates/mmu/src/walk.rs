//! The page-table walk, step by step as the manual numbers it (Privileged ISA, "Virtual Address Translation Process",
//! with the sizes of Sv39, Sv48 and Sv57).

use crate::tlb::Translation;
use crate::{
    Access, AdUpdate, MemoryFaultKind, MmuCounters, PAGE_SHIFT, PhysAddr, Pmp, Ppn, Privilege, Pte, PteFlags,
    Ram, Satp, SatpMode, View, VirtAddr, Vpn,
};

/// The most levels that a page table has: those of Sv57.
pub(crate) const LEVELS: u32 = SatpMode::Sv57.levels();
/// log2 of the entries of a table, which is also the bits of one part of a VPN.
pub(crate) const VPN_BITS: u32 = 9;

const PTE_BYTES: u64 = 8;

/// What is being translated, for whom.
#[derive(Clone, Copy)]
pub(crate) struct Target {
    pub(crate) va: VirtAddr,
    /// How many bytes from there, all of one page.
    pub(crate) len: u64,
    pub(crate) access: Access,
    pub(crate) view: View,
}

/// Where a walk starts, and what binds it on its way.
#[derive(Clone, Copy)]
pub(crate) struct Root<'a> {
    pub(crate) satp: Satp,
    pub(crate) pmp: &'a Pmp,
    pub(crate) ad_update: AdUpdate,
}

/// Walks the page table at `satp.root` and returns the translation that it found and allows.
///
/// # Errors
/// The exception that the access raises.
pub(crate) fn walk(
    ram: &mut Ram,
    Root { satp, pmp, ad_update }: Root<'_>,
    target: Target,
    counters: &mut MmuCounters,
) -> Result<Translation, MemoryFaultKind> {
    let Target { va, access, view, .. } = target;
    counters.walks += 1;

    // Before step 1: the bits above those that are translated must all equal the highest of them.
    if !is_canonical(va, satp.mode) {
        return Err(MemoryFaultKind::Page);
    }

    // Step 1. `table` is the manual's `a`, `level` its `i`.
    let mut table = satp.root;
    let mut level = satp.mode.levels() - 1;
    let mut global = PteFlags::empty();

    loop {
        // Step 2. A PTE that is not in RAM violates a PMA check; S-mode must be able to read it.
        let at = pte_address(table, va, level);
        let may = |access| pmp.allows(Privilege::Supervisor, access, at, PTE_BYTES);
        if !may(Access::Load) {
            return Err(MemoryFaultKind::Access);
        }
        let pte = Pte(ram.read_u64(at).ok_or(MemoryFaultKind::Access)?);
        counters.walk_reads += 1;

        // Step 3.
        if !pte.is_valid() || pte.is_reserved() {
            return Err(MemoryFaultKind::Page);
        }
        // A global non-leaf makes everything below it global ("Addressing and Memory Protection").
        global |= pte.flags() & PteFlags::G;

        // Step 4.
        if !pte.is_leaf() {
            level = level.checked_sub(1).ok_or(MemoryFaultKind::Page)?;
            table = pte.ppn();
            continue;
        }

        // Step 5: a superpage must be aligned to its size.
        let ppn = pte.frame_in_range(va.vpn(), level).ok_or(MemoryFaultKind::Page)?;
        let page = Translation::new(va.vpn(), level, ppn, pte.flags() | global, satp.asid);
        if page.ppn() != ppn {
            return Err(MemoryFaultKind::Page);
        }

        // Steps 6 and 8. Step 7 is about shadow stacks, which are not implemented.
        if !view.permits(access, pte.flags()) {
            return Err(MemoryFaultKind::Page);
        }

        // Step 9. Nothing else runs between the read of the PTE and this write, so the comparison cannot fail.
        let used = match access {
            Access::Fetch | Access::Load => PteFlags::A,
            Access::Store => PteFlags::A | PteFlags::D,
        };
        if !pte.has(used) {
            match ad_update {
                AdUpdate::Svade => return Err(MemoryFaultKind::Page),
                AdUpdate::Svadu if !may(Access::Store) => return Err(MemoryFaultKind::Access),
                AdUpdate::Svadu => {
                    ram.write_u64(at, pte.with(used).0).ok_or(MemoryFaultKind::Access)?;
                    counters.ad_updates += 1;
                }
            }
        }

        // Step 10.
        return Ok(page.with(used));
    }
}

/// Tells whether the bits that a mode does not translate all equal the highest one that it does.
pub(crate) fn is_canonical(va: VirtAddr, mode: SatpMode) -> bool {
    let unused = u64::BITS - (mode.levels() * VPN_BITS + PAGE_SHIFT);
    (va.0 << unused).cast_signed() >> unused == va.0.cast_signed()
}

/// Returns the address of the entry for `va` in a table of `level`.
pub(crate) fn pte_address(table: Ppn, va: VirtAddr, level: u32) -> PhysAddr {
    let Vpn(vpn) = va.vpn();
    let index = vpn >> (level * VPN_BITS) & ((1 << VPN_BITS) - 1);
    table.base() + index * PTE_BYTES
}
