//! Processes and programs: what they are ([`table`]), who runs ([`sched`]), and how they are made ([`fork`]), given a
//! program ([`exec`]), told something ([`signal`], [`deliver`]), stopped ([`stop`]), ended ([`exit`]) and waited for ([`wait`]).

mod aslr;
mod by_pid;
mod clock;
pub(crate) mod clone;
mod cpu_time;
mod deliver;
pub(crate) mod elf;
mod exec;
mod exit;
mod fork;
pub(crate) mod frame;
pub(crate) mod futex;
mod handlers;
mod identity;
mod load;
mod oom;
mod pids;
mod posix_timers;
mod priority;
mod rlimits;
pub(crate) mod robust;
mod rseq;
mod sched;
mod script;
pub(crate) mod signal;
mod stack;
mod stop;
mod table;
mod timers;
mod vdso;
mod wait;

pub(crate) use clock::{COARSE_NS, Clock, CpuClock, CpuOwner, Precision};
pub(crate) use clone::{CloneFlags, CloneRequest};
pub use elf::{ElfError, Image};
pub use exec::{ExecError, Program};
pub(crate) use exec::{ExecRequest, ProgramStrings};
pub use futex::{FutexKey, Futexes};
pub use handlers::{Handlers, HandlersId};
pub(crate) use oom::Rescue;
pub use pids::{PID_MAX, PidNumbers};
pub(crate) use posix_timers::Notice;
pub use posix_timers::PosixTimers;
pub(crate) use priority::MOST_URGENT;
pub use priority::{Policy, Scheduling};
pub use rlimits::{Resource, Rlimit, Rlimits, UNLIMITED};
pub use rseq::Rseq;
pub(crate) use sched::NEVER_NS;
pub use sched::{INTERLEAVE, SLICE_NS, Scheduler, TRAP_NS, WaitKey};
pub(crate) use signal::SI_MESGQ;
pub use signal::{
    Action, Handler, Pending, SI_KERNEL, SI_TKILL, SI_USER, Signal, SignalFields, SignalInfo, SignalSet,
};
pub use stop::JobState;
pub use table::{
    AlternateStack, Dumpable, Process, Task, TaskState, TaskTable, Transfers, Usage, WaitStatus,
};
pub(crate) use timers::IntervalClock;
pub use timers::{IntervalTimer, IntervalTimers};
pub(crate) use vdso::Vdso;
pub(crate) use wait::{Child, Selector, WCONTINUED, WEXITED, WSTOPPED};
