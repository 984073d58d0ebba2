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
//!   returns to its caller, who is the supervisor; where it is guest code, execution continues at `stvec`.
//! - Both engines leave the same state and the same counts wherever they stop. The plain one is obviously right.
//! - A [`Hart`] is plain data. What harts share besides RAM is in [`Shared`].
//! - There is no M-mode: every trap is delegated to S-mode.

mod alu;
mod bitmanip;
mod bytes;
mod csr;
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

pub use csr::{FpState, Sstatus, SupervisorCsrs};
pub use hart::{Hart, Instructions, Supervisor};
pub use reservation::Reservations;
pub use run::{Engine, Shared, Stop};
pub use trace::{Observer, Retired};
pub use trap::{Cause, Exception, Interrupt};
