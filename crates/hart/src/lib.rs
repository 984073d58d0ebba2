//! A RISC-V hart: registers, CSRs, privilege, traps and two engines that execute.
//!
//! ```text
//!   Hart::run ──▶ engine: plain │ threaded ──▶ fetch ▶ decode ▶ execute ──▶ Mmu ──▶ Ram
//!       ▲                                                    │
//!       └── Stop: budget used up, or a trap taken ◀──────────┘
//! ```
//!
//! Principles:
//! - A trap does what the privileged ISA says and nothing else. Where the supervisor is [`Supervisor::Native`], `run` then
//!   returns to its caller, who is the supervisor; where it is guest code, execution continues at `mtvec` or `stvec`.
//! - Both engines leave the same state and the same counts wherever they stop. The plain one is obviously right.
//! - A [`Hart`] is plain data. What harts share besides RAM is in [`Shared`].
//! - A [`Supervisor::Native`] is what it would be under firmware that delegates every trap to it: there is no M-mode then.

mod alu;
mod bitmanip;
mod bytes;
mod commit;
mod csr;
mod device;
mod exec;
mod float;
mod hart;
mod plain;
mod reservation;
mod run;
mod supervise;
#[cfg(optimized)]
mod threaded;
mod trace;
mod trap;

pub use commit::commit_line;
pub use csr::{Counters, Csrs, FpState, Mstatus, PageFaults, PerfEvent};
pub use device::DeviceAccess;
pub use hart::{Hart, Instructions, Misaligned, Supervisor, Traps};
pub use reservation::Reservations;
pub use run::{Engine, Shared, Stop};
pub use trace::{Before, Observer, Retired};
pub use trap::{Cause, Exception, Interrupt};
