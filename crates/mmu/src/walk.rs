//! The page-table walk, step by step as the manual numbers it (Privileged ISA, "Virtual Address Translation Process",
//! with the sizes of "Sv39: Page-Based 39-bit Virtual-Memory System").

use crate::tlb::Translation;
use crate::{
    Access, AdUpdate, MemoryFaultKind, MmuCounters, PAGE_SHIFT, PhysAddr, Ppn, Pte, PteFlags, Ram, Satp,
    View, VirtAddr, Vpn,
};

/// Levels of an Sv39 page table.
pub(crate) const LEVELS: u32 = 3;
/// log2 of the entries of a table, which is also the bits of one part of a VPN.
pub(crate) const VPN_BITS: u32 = 9;

const PTE_BYTES: u64 = 8;
const VA_BITS: u32 = LEVELS * VPN_BITS + PAGE_SHIFT;

/// What is being translated, for whom.
#[derive(Clone, Copy)]
pub(crate) struct Target {
    pub(crate) va: VirtAddr,
    pub(crate) access: Access,
    pub(crate) view: View,
}

/// Walks the page table at `satp.root` and returns the translation that it found and allows.
///
/// # Errors
/// The exception that the access raises.
pub(crate) fn walk(
    ram: &mut Ram,
    satp: Satp,
    ad_update: AdUpdate,
    target: Target,
    counters: &mut MmuCounters,
) -> Result<Translation, MemoryFaultKind> {
    let Target { va, access, view } = target;
    counters.walks += 1;

    // Before step 1: bits 63 to 39 must all equal bit 38.
    if !is_canonical(va) {
        return Err(MemoryFaultKind::Page);
    }

    // Step 1. `table` is the manual's `a`, `level` its `i`.
    let mut table = satp.root;
    let mut level = LEVELS - 1;
    let mut global = PteFlags::empty();

    loop {
        // Step 2. A PTE that is not in RAM violates a PMA check.
        let at = pte_address(table, va, level);
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
        let page = Translation::new(va.vpn(), level, pte.ppn(), pte.flags() | global, satp.asid);
        if page.ppn() != pte.ppn() {
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

/// Tells whether bits 63 to 39 all equal bit 38.
fn is_canonical(va: VirtAddr) -> bool {
    let unused = u64::BITS - VA_BITS;
    (va.0 << unused).cast_signed() >> unused == va.0.cast_signed()
}

/// Returns the address of the entry for `va` in a table of `level`.
fn pte_address(table: Ppn, va: VirtAddr, level: u32) -> PhysAddr {
    let Vpn(vpn) = va.vpn();
    let index = vpn >> (level * VPN_BITS) & ((1 << VPN_BITS) - 1);
    table.base() + index * PTE_BYTES
}
