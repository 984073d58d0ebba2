//! Tine's supervisor: processes, copy-on-write memory, files and the Linux system-call interface.
//!
//! It runs natively, where a guest kernel would run in S-mode: a hart traps by the privileged specification and stops, the
//! kernel serves the trap, and the hart returns by SRET. It knows nothing of how an instruction executes: everything it
//! needs of the processors is the [`Harts`] trait.

mod account;
mod counters;
pub mod creds;
mod ctx;
mod errno;
mod event;
mod files;
pub mod fs;
mod harts;
mod host;
mod ids;
pub mod inject;
mod ipc;
mod isa;
mod kernel;
pub mod mm;
mod policy;
mod procfs;
mod random;
mod reclaim;
mod site;
mod start;
pub mod syscall;
pub mod task;

pub use account::{Account, Origin, ProcessRecord, SyscallCount, SyscallCounts};
pub use counters::{FaultKind, MemoryCounters};
pub use ctx::Ctx;
pub use errno::Errno;
pub use event::{Event, FrameNeed, Interest, MemoryShortage, MemoryUser, What};
pub use harts::{Cause, CopyFault, HartSet, Harts, Interrupt, Reg, RetiredInstruction, Trap, UserContext};
pub use host::{GrantId, Host, HostChange, HostKind, HostMetadata, HostPath, Stream};
pub use ids::{Fd, FileId, HartId, MmId, Pid};
pub use ipc::{AwaitedMessage, AwaitedSemaphore, MessageNeed, Wanted};
pub use isa::InstructionSet;
pub use kernel::{BootError, INIT, Kernel, Outcome, Settings, Stuck};
pub use policy::{ForkMode, ForkOrder, MemoryPolicy, Overcommit, SwitchValue, Thp, ThpCow};
pub use site::Site;
pub use start::InstalledFile;
pub use task::elf::{ElfError, Image, Placement, Segment, SegmentFlags};
pub use task::{ExecError, Program, TRAP_NS, WaitStatus};
