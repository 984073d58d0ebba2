//! Tine's supervisor: processes, copy-on-write memory, files and the Linux system-call interface.
//!
//! It runs natively, where a guest kernel would run in S-mode: a hart traps by the privileged specification and stops, the
//! kernel serves the trap, and the hart returns by SRET. It knows nothing of how an instruction executes: everything it
//! needs of the processors is the [`Harts`] trait.

mod counters;
mod errno;
mod ids;
pub mod mm;
mod policy;
mod task;

pub use counters::{FaultKind, MemoryCounters};
pub use errno::Errno;
pub use ids::{Fd, FileId, HartId, MmId, Pid};
pub use policy::{AdBits, ForkMode, ForkOrder, MemoryPolicy};
pub use task::elf::{ElfError, Image, Placement, Segment, SegmentFlags};
