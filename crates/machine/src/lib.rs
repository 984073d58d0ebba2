//! The machine: harts and supervisor joined. This is the library that a user embeds, and the one place where hart meets
//! kernel.
//!
//! ```text
//!   Config ──▶ Machine::new ──▶ Machine::run ──▶ Kernel::step ◀──▶ Processors (harts, RAM)
//!                                    │
//!                                    └──▶ EventSink: events as they happen; Machine::report: every count at the end
//! ```
//!
//! [`boot`] has the other machine: harts without a native supervisor, on which bare-metal programs run.

pub mod bill;
pub mod boot;
mod config;
mod cost;
mod guest;
pub mod lives;
mod machine;
mod processors;
mod report;
mod sabotage;
pub mod symbols;
pub mod timeline;

pub use config::Config;
pub use cost::{CostError, CostModel};
pub use guest::Guest;
pub use machine::{EventSink, LoadError, Machine, Program};
pub use report::{Counts, Process, Report, SCHEMA, Setting};
pub use tine_hart::{Engine, Hart, Mstatus};
pub use tine_kernel::*;
// The MMU has one of its own, which only harts see.
pub use tine_kernel::CopyFault;
pub use tine_mmu::*;

/// Takes the accesses that stale TLB entries served from every hart.
fn stale_uses(harts: &mut [Hart]) -> (Vec<(u64, StaleUse)>, u64) {
    let (mut found, mut total) = (Vec::new(), 0);
    for hart in harts {
        let (of_hart, count) = hart.mmu.take_stale_uses();
        found.extend(of_hart.into_iter().map(|stale| (hart.id, stale)));
        total += count;
    }
    (found, total)
}
