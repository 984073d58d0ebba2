//! `--check tlb`: says which accesses stale TLB entries served.

use crate::failure::Failure;
use crate::report::counted;
use std::io::Write;
use tine_machine::{Access, StaleUse};

/// How many are told of one by one.
const SHOWN: usize = 20;

/// Reports the accesses, if there are any, with the hart of each and how many there were in all.
///
/// # Errors
/// When there are some.
pub(crate) fn report((found, total): &(Vec<(u64, StaleUse)>, u64)) -> Result<(), Failure> {
    if *total == 0 {
        return Ok(());
    }
    let text: String = found.iter().take(SHOWN).map(|(hart, stale)| line(*hart, stale)).collect();
    // Where stderr is closed, the exit code is all that can be said.
    let _ = anstream::stderr().write_all(text.as_bytes());
    let count = counted(*total, "access");
    Err(Failure::tine(format!("stale TLB entries served {count}"))
        .hint("a change of a page table takes SFENCE.VMA on every hart that may have used the old one"))
}

fn line(hart: u64, stale: &StaleUse) -> String {
    let StaleUse { va, access, asid, pc, cached, current } = stale;
    let what = match access {
        Access::Fetch => "fetch from",
        Access::Load => "load from",
        Access::Store => "store to",
    };
    format!(
        "tine: stale TLB entry: {what} {va} at {pc} on hart {hart}, ASID {}: PTE {:#x} in the TLB, {:#x} in the table\n",
        asid.0, cached.0, current.0
    )
}
