//! Events: what the kernel did, and on request what the harts did, one value each, for every sink that shows it (text,
//! JSON lines, strace).
//!
//! The kernel prints nothing. It logs the events that somebody asked for ([`Interest`]), and the machine hands them on.

use crate::mm::{FrameCopy, FrameGauges, Resident, SurveyedArea};
use crate::task::Signal;
use crate::{Cause, FaultKind, FileId, HartId, MmId, Pid, RetiredInstruction, Site, WaitStatus};
use bitflags::bitflags;
use std::borrow::Cow;
use tine_mmu::{Access, Fence, Ppn, Privilege, VirtAddr};

bitflags! {
    /// Which kinds of event somebody wants.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct Interest: u32 {
        /// Every trap with its CSRs.
        const TRAP = 1 << 0;
        /// Page faults, resolved and failed.
        const FAULT = 1 << 1;
        /// SFENCE.VMA, local and remote.
        const FENCE = 1 << 2;
        /// `fork`, `vfork` and `clone`.
        const FORK = 1 << 3;
        /// `execve`.
        const EXEC = 1 << 4;
        /// Ends of tasks.
        const EXIT = 1 << 5;
        /// Changes of the running task on a hart.
        const SWITCH = 1 << 6;
        /// Signals sent and taken.
        const SIGNAL = 1 << 7;
        /// System calls with decoded arguments.
        const SYSCALL = 1 << 8;
        /// System calls that Tine does not have.
        const UNKNOWN = 1 << 9;
        /// Every instruction that retires.
        const INSTRUCTION = 1 << 10;
        /// Memory that ran out, and who had to end for it.
        const SHORTAGE = 1 << 11;
        /// Frames that were copied, each with how much of it changes: this keeps every copied page twice.
        const COPY = 1 << 12;
        /// No event: where in the program faults, forks and copies were.
        const SITE = 1 << 13;
        /// What address spaces held when they ended.
        const REMAINS = 1 << 14;
        /// No event: how the guest is after each trap, and not only after events and before something else runs.
        const EACH_TRAP = 1 << 15;
    }
}

impl Interest {
    /// Every kind but instructions, which only the slow run loop can tell of, copies, which take memory, and what is left of
    /// address spaces, which takes time.
    pub const COLD: Self = Self::all().difference(Self::INSTRUCTION.union(Self::COPY).union(Self::REMAINS));
}

/// Something that happened, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Virtual time in nanoseconds.
    pub time_ns: u64,
    /// The hart on which it happened.
    pub hart: HartId,
    /// The task that was running, or for which it was done.
    pub pid: Pid,
    /// What happened.
    pub what: What,
    /// Where the program was, for what it did to memory and if somebody asked ([`Interest::SITE`]).
    pub site: Option<Box<Site>>,
}

/// The things that can happen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// An instruction retired.
    Instruction(RetiredInstruction),
    /// A trap was taken into S-mode.
    Trap {
        /// Why.
        cause: Cause,
        /// `scause`.
        scause: u64,
        /// `stval`.
        stval: u64,
        /// `sepc`.
        sepc: u64,
        /// `sstatus.SPP`.
        spp: Privilege,
    },
    /// A page fault was resolved.
    Fault {
        /// What was done.
        kind: FaultKind,
        /// The address that faulted.
        at: VirtAddr,
        /// What the access wanted.
        access: Access,
        /// The instruction; in a system call the one behind the ECALL.
        pc: u64,
        /// The frame mapped before.
        old: Option<Ppn>,
        /// The frame mapped now.
        new: Ppn,
        /// How many owners the old frame had.
        owners: u32,
    },
    /// A page fault could not be resolved.
    FailedFault {
        /// The counter's name without its prefix, such as `segv_maperr`.
        reason: &'static str,
        /// The address that faulted.
        at: VirtAddr,
        /// What the access wanted.
        access: Access,
        /// The instruction.
        pc: u64,
    },
    /// A fence was executed.
    Fence {
        /// Its scope.
        fence: Fence,
        /// The other hart that was told, for a remote fence.
        remote: Option<HartId>,
    },
    /// A task was made.
    Fork {
        /// `fork`, `vfork` or `thread`.
        kind: &'static str,
        /// The new task.
        child: Pid,
        /// The instruction after the call.
        pc: u64,
        /// PTEs copied into the child's page table.
        ptes_copied: u64,
        /// Page-table frames allocated for the child.
        pt_frames: u64,
        /// PTEs write-protected.
        write_protected: u64,
        /// TLB entries that the fences removed.
        tlb_entries_fenced: u64,
    },
    /// A frame was copied.
    Copy(FrameCopy),
    /// The last user of an address space has left it: the process ended, or executes another program.
    Remains {
        /// The address space.
        mm: MmId,
        /// The file of its program.
        program: Option<FileId>,
        /// Its areas, as they were.
        areas: Vec<SurveyedArea>,
    },
    /// A program was loaded.
    Exec {
        /// Its path.
        path: String,
    },
    /// A task ended; the last of a process ends it.
    Exit {
        /// How.
        status: WaitStatus,
    },
    /// The first task of a process made way for another of its tasks, which executes a program under its number.
    Superseded {
        /// The number that the other one had.
        by: Pid,
    },
    /// A hart went over to another task, which is the event's task.
    Switch {
        /// The one that ran there before.
        from: Option<Pid>,
    },
    /// A signal was taken.
    Signal {
        /// Its name, such as `SIGSEGV`.
        name: &'static str,
        /// Its `siginfo_t` as strace prints it, braces included.
        info: String,
    },
    /// A signal stopped the task.
    Stop {
        /// Which one.
        signal: Signal,
    },
    /// A system call began.
    SyscallEnter {
        /// Its name.
        name: Cow<'static, str>,
        /// The arguments that are known before it runs.
        arguments: String,
        /// Whether these are all; otherwise the call fills in some, which are printed when it ends.
        is_complete: bool,
    },
    /// A system call ended.
    SyscallExit {
        /// Its name.
        name: Cow<'static, str>,
        /// The arguments that it filled in, with the separator before them.
        arguments: String,
        /// The result as strace prints it; `?` when it does not return.
        result: String,
    },
    /// A system call that Tine does not have was answered with ENOSYS.
    UnknownSyscall {
        /// Its number.
        number: u64,
        /// Its Linux name, or its number again.
        name: Cow<'static, str>,
    },
    /// No frame was left.
    OutOfMemory(Box<MemoryShortage>),
}

/// What a frame was needed for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FrameNeed {
    /// An access to memory.
    Access {
        /// The address.
        at: VirtAddr,
        /// What was tried there.
        access: Access,
        /// What is mapped there, by its name in `/proc/<pid>/maps`.
        mapping: String,
    },
    /// The page tables of a child, or its pages where they are copied.
    Fork,
    /// The page tables and the first stack of a program.
    Exec,
    /// The contents of a file in memory.
    File,
}

/// Something for which no frame was left, and what was done about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemoryShortage {
    /// Name of the program that needed it.
    pub command: String,
    /// What it was needed for.
    pub need: FrameNeed,
    /// Whether it was made to fail ([`crate::inject`]), though frames were left.
    pub injected: bool,
    /// The instruction.
    pub pc: u64,
    /// The frames by use; what had been done in vain is undone.
    pub frames: FrameGauges,
    /// The process that is ended; `None` when there is none that may be, so that the one that asked ends.
    pub victim: Option<MemoryUser>,
    /// Those that used most before.
    pub users: Vec<MemoryUser>,
}

/// What a process has of memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemoryUser {
    /// The process.
    pub pid: Pid,
    /// Name of its program.
    pub command: String,
    /// Pages that its areas cover.
    pub size_pages: u64,
    /// Resident pages.
    pub resident: Resident,
    /// Frames of page tables.
    pub page_tables: u64,
    /// What it weighs beside that, in thousandths of memory.
    pub oom_score_adj: i16,
}

impl What {
    /// Returns the kind that the event belongs to.
    pub const fn kind(&self) -> Interest {
        match self {
            Self::Instruction(_) => Interest::INSTRUCTION,
            Self::Trap { .. } => Interest::TRAP,
            Self::Fault { .. } | Self::FailedFault { .. } => Interest::FAULT,
            Self::Fence { .. } => Interest::FENCE,
            Self::Fork { .. } => Interest::FORK,
            Self::Copy(_) => Interest::COPY,
            Self::Remains { .. } => Interest::REMAINS,
            Self::Exec { .. } => Interest::EXEC,
            Self::Exit { .. } | Self::Superseded { .. } => Interest::EXIT,
            Self::Switch { .. } => Interest::SWITCH,
            Self::Signal { .. } | Self::Stop { .. } => Interest::SIGNAL,
            Self::SyscallEnter { .. } | Self::SyscallExit { .. } => Interest::SYSCALL,
            Self::UnknownSyscall { .. } => Interest::UNKNOWN,
            Self::OutOfMemory(_) => Interest::SHORTAGE,
        }
    }
}
