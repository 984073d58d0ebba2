//! Tasks and processes as data: what is known of each, and the table that holds them.
//!
//! A *task* is what a hart runs; a *process* is what a parent waits for. A living process has at least one task, and its
//! first had the process's number. That one may end before the others; the number stays the process's.

use super::by_pid::ByPid;
use super::handlers::{Handlers, HandlersId};
use super::pids::PidNumbers;
use super::posix_timers::PosixTimers;
use super::priority::Scheduling;
use super::rlimits::Rlimits;
use super::rseq::Rseq;
use super::signal::{Pending, Signal, SignalSet};
use super::stop::JobState;
use super::timers::IntervalTimers;
use crate::account::{Account, Origin};
use crate::creds::{Credentials, ROOT};
use crate::fs::{FdTableId, Node, WorkDirId};
use crate::syscall::Suspended;
use crate::{HartId, MmId, Pid, UserContext};
use std::collections::BTreeSet;

/// How a process ended, as wait(2) encodes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WaitStatus {
    /// It called exit with this status (the low 8 bits).
    Exited(u8),
    /// A signal ended it.
    Killed {
        /// Which.
        signal: Signal,
        /// Whether its default action is to dump core.
        core: bool,
    },
}

impl WaitStatus {
    /// Returns the word that wait4(2) stores.
    pub const fn word(self) -> u32 {
        match self {
            Self::Exited(code) => (code as u32) << 8,
            Self::Killed { signal, core } => signal.number() | if core { 0x80 } else { 0 },
        }
    }

    /// Returns the exit status that a shell reports.
    pub const fn shell_code(self) -> u8 {
        match self {
            Self::Exited(code) => code,
            Self::Killed { signal, .. } => 128 + signal.number() as u8,
        }
    }
}

/// Whether a task can run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TaskState {
    /// In the run queue.
    Ready,
    /// On a hart.
    Running,
    /// Waiting for what its continuation says.
    Blocked,
    /// Waiting for SIGCONT.
    Stopped,
}

/// How late timers may be, unless a task says otherwise.
const TIMER_SLACK_NS: u64 = 50_000;

/// A thread of execution.
#[derive(Clone, Debug)]
pub struct Task {
    /// The process it belongs to.
    pub process: Pid,
    /// Its descriptors.
    pub files: FdTableId,
    /// Its working directory and file mode creation mask.
    pub work_dir: WorkDirId,
    /// Its registers while it is on no hart.
    pub context: UserContext,
    /// Whether it can run.
    pub state: TaskState,
    /// The system call that it is in the middle of.
    pub continuation: Option<Suspended>,
    /// The call that a signal interrupted, until it is decided whether it starts again.
    pub interrupted: Option<Suspended>,
    /// Time that it has run, and its share of faults and switches.
    pub usage: Usage,
    /// Signals that it holds back.
    pub blocked: SignalSet,
    /// Blocked signals that it waits for (rt_sigtimedwait(2)).
    pub awaited: SignalSet,
    /// The mask to go back to when rt_sigsuspend(2) ends.
    pub saved_blocked: Option<SignalSet>,
    /// Where handlers that ask for it run (sigaltstack(2)).
    pub alternate_stack: AlternateStack,
    /// Signals sent to it alone.
    pub pending: Pending,
    /// Word in which it stores its number before its first instruction (clone(2), `CLONE_CHILD_SETTID`); 0 is none.
    pub set_child_tid: u64,
    /// Word to clear when it ends (set_tid_address(2)).
    pub clear_child_tid: u64,
    /// Head of the list of mutexes that it may die with (set_robust_list(2)); 0 is none.
    pub robust_list: u64,
    /// Its restartable sequences (rseq(2)).
    pub rseq: Option<Rseq>,
    /// The task that waits until this one gives its address space back (vfork).
    pub vfork_parent: Option<Pid>,
    /// The harts on which it may run, bit n for hart n (sched_setaffinity(2)).
    pub affinity: u64,
    /// A name of its own (prctl(2), `PR_SET_NAME`); the process's first task has the process's.
    pub name: Option<Vec<u8>>,
    /// Who it is, and what it may do.
    pub credentials: Credentials,
    /// How late its timers may be (prctl(2), `PR_SET_TIMERSLACK`).
    pub timer_slack_ns: u64,
    /// What that is set back to: what its maker had.
    pub default_timer_slack_ns: u64,
    /// How urgent it is.
    pub scheduling: Scheduling,
    /// Whether its user had too many tasks when it took them.
    pub exceeds_limit: bool,
    /// The signal that it gets when the task that made it ends (prctl(2), `PR_SET_PDEATHSIG`).
    pub parent_death_signal: Option<Signal>,
}

impl Task {
    /// Makes a task that is ready to run from `context`.
    pub fn new(process: Pid, context: UserContext, files: FdTableId, work_dir: WorkDirId) -> Self {
        Self {
            process,
            files,
            work_dir,
            context,
            state: TaskState::Ready,
            continuation: None,
            interrupted: None,
            usage: Usage::default(),
            blocked: SignalSet::default(),
            awaited: SignalSet::default(),
            saved_blocked: None,
            alternate_stack: Default::default(),
            pending: Pending::default(),
            set_child_tid: 0,
            clear_child_tid: 0,
            robust_list: 0,
            rseq: None,
            vfork_parent: None,
            affinity: u64::MAX,
            name: None,
            credentials: Credentials::ROOT,
            timer_slack_ns: TIMER_SLACK_NS,
            default_timer_slack_ns: TIMER_SLACK_NS,
            scheduling: Scheduling::default(),
            exceeds_limit: false,
            parent_death_signal: None,
        }
    }

    /// Tells whether the task may run on `hart`.
    pub fn may_run_on(&self, hart: HartId) -> bool {
        self.affinity >> hart.0 & 1 != 0
    }
}

/// An alternate signal stack.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AlternateStack {
    /// Its lowest address.
    pub base: u64,
    /// Its size in bytes; 0 is none.
    pub size: u64,
    /// `SS_AUTODISARM`, or 0.
    pub flags: u32,
}

impl AlternateStack {
    /// Tells whether a stack pointer is on it.
    pub const fn contains(&self, sp: u64) -> bool {
        sp > self.base && sp - self.base <= self.size
    }
}

/// What resource use getrusage(2) reports beside time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Instructions retired, one virtual nanosecond each.
    pub user_ns: u64,
    /// Time charged for traps.
    pub system_ns: u64,
    /// Resolved faults that did not wait. A process's own stand in its account.
    pub minor_faults: u64,
    /// Those that waited until a page of a file was read again. A process's own stand in its account.
    pub major_faults: u64,
    /// Largest resident set, in KiB.
    pub max_rss_kib: u64,
    /// Times that it gave up the hart by waiting.
    pub voluntary_switches: u64,
    /// Times that the hart was taken away.
    pub involuntary_switches: u64,
}

impl Usage {
    /// Returns how long it ran, in user mode and in the supervisor.
    pub const fn cpu_ns(&self) -> u64 {
        self.user_ns + self.system_ns
    }

    /// Adds a child's usage when it is waited for.
    pub fn absorb(&mut self, child: Self) {
        self.user_ns += child.user_ns;
        self.system_ns += child.system_ns;
        self.minor_faults += child.minor_faults;
        self.major_faults += child.major_faults;
        self.max_rss_kib = self.max_rss_kib.max(child.max_rss_kib);
        self.voluntary_switches += child.voluntary_switches;
        self.involuntary_switches += child.involuntary_switches;
    }
}

/// What a process has read and written (`/proc/<pid>/io`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Transfers {
    /// Bytes that it read.
    pub bytes_read: u64,
    /// Bytes that it wrote.
    pub bytes_written: u64,
    /// Calls that read.
    pub reads: u64,
    /// Calls that wrote.
    pub writes: u64,
}

/// Who may look at a process, and would find its core file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dumpable {
    /// Nobody but root.
    No,
    /// Who is like it.
    #[default]
    Yes,
}

/// A process.
#[derive(Clone, Debug)]
pub struct Process {
    /// Who made it, or init once that one is gone.
    pub parent: Pid,
    /// The task of the parent that made it.
    pub made_by: Pid,
    /// Its children, alive or waiting to be reaped.
    pub children: BTreeSet<Pid>,
    /// Its process group.
    pub group: Pid,
    /// Its session.
    pub session: Pid,
    /// Its living tasks, the oldest first.
    pub tasks: Vec<Pid>,
    /// Its memory; `None` once it has ended.
    pub mm: Option<MmId>,
    /// What it wants done with signals.
    pub handlers: HandlersId,
    /// Signals sent to the process as a whole.
    pub pending: Pending,
    /// The signal that its parent gets when it ends.
    pub exit_signal: Option<Signal>,
    /// Name of its program, at most 15 bytes.
    pub command: Vec<u8>,
    /// Its program's file; `None` before it has one and after it has ended.
    pub exe: Option<Node>,
    /// Its interval timers.
    pub timers: IntervalTimers,
    /// The timers that it made by number.
    pub posix_timers: PosixTimers,
    /// How it came to be.
    pub origin: Origin,
    /// What it did.
    pub account: Account,
    /// Resource use that is not in the account.
    pub usage: Usage,
    /// Resource use of the children that it waited for.
    pub children_usage: Usage,
    /// What it has read and written.
    pub transfers: Transfers,
    /// How much likelier than others it should be ended when memory runs out, -1000 to 1000 (`/proc/<pid>/oom_score_adj`).
    pub oom_score_adj: i16,
    /// When it began, in virtual nanoseconds.
    pub start_ns: u64,
    /// Whether it is stopped.
    pub job: JobState,
    /// Whether orphans among its descendants become its children (prctl(2), `PR_SET_CHILD_SUBREAPER`).
    pub is_subreaper: bool,
    /// How it ended: it is a zombie until somebody waits for it.
    pub end: Option<WaitStatus>,
    /// Whether it has replaced its program since it was made (setpgid(2) asks).
    pub has_execed: bool,
    /// What it may use at most.
    pub rlimits: Rlimits,
    /// Its execution domain (personality(2)).
    pub personality: u32,
    /// The credentials of its first task, once that one has ended.
    pub credentials: Credentials,
    /// The same of how that one got harts.
    pub scheduling: Scheduling,
    /// Whether others may look at it (prctl(2), `PR_SET_DUMPABLE`).
    pub dumpable: Dumpable,
    /// Which memory belongs into its core file (core(5), `/proc/<pid>/coredump_filter`). None is written.
    pub coredump_filter: u32,
    /// The commands of membarrier(2) that it has registered for.
    pub barriers: u32,
}

impl Process {
    /// What `coredump_filter` is at first: private and shared memory of no file, headers of ELF files, private huge pages.
    pub const COREDUMP_FILTER: u32 = 0x33;

    /// Returns [`Self::oom_score_adj`] on the scale from -17 to 15 (Linux 6.12 fs/proc/base.c `oom_adj_read`).
    pub const fn oom_adj(&self) -> i32 {
        let scaled = self.oom_score_adj as i32 * 17 / 1000;
        if scaled > 15 { 15 } else { scaled }
    }

    /// Tells whether its programs shall lie where they would without randomisation.
    pub const fn keeps_layout(&self) -> bool {
        const ADDR_NO_RANDOMIZE: u32 = 0x4_0000;
        self.personality & ADDR_NO_RANDOMIZE != 0
    }
}

/// Every task and process.
#[derive(Clone, Debug, Default)]
pub struct TaskTable {
    tasks: ByPid<Task>,
    processes: ByPid<Process>,
    /// What processes want done with signals.
    pub handlers: Handlers,
    /// The numbers that they get.
    pub numbers: PidNumbers,
}

impl TaskTable {
    /// Returns the next free number.
    pub fn next_pid(&mut self) -> Option<Pid> {
        let mut numbers = self.numbers;
        let pid = numbers.next(|pid| self.is_free(pid));
        self.numbers = numbers;
        pid
    }

    /// Tells whether nothing has this number.
    pub fn is_free(&self, pid: Pid) -> bool {
        !self.tasks.contains(pid) && !self.processes.contains(pid)
    }

    /// Adds a process that has no task yet, or never will: the supervisor's init.
    pub fn insert_process(&mut self, pid: Pid, process: Process) {
        self.processes.insert(pid, process);
    }

    /// Adds a task to its process.
    pub fn insert_task(&mut self, tid: Pid, task: Task) {
        if let Some(process) = self.processes.get_mut(task.process) {
            process.tasks.push(tid);
        }
        self.tasks.insert(tid, task);
    }

    /// Gives the only task of a process the process's number (Linux 6.12 fs/exec.c de_thread).
    pub fn make_leader(&mut self, tid: Pid) {
        let Some(task) = self.remove_task(tid) else { return };
        self.insert_task(task.process, task);
    }

    /// Returns a task.
    pub fn task(&self, tid: Pid) -> Option<&Task> {
        self.tasks.get(tid)
    }

    /// Returns a task to change.
    pub fn task_mut(&mut self, tid: Pid) -> Option<&mut Task> {
        self.tasks.get_mut(tid)
    }

    /// Returns a process.
    pub fn process(&self, pid: Pid) -> Option<&Process> {
        self.processes.get(pid)
    }

    /// Returns a process to change.
    pub fn process_mut(&mut self, pid: Pid) -> Option<&mut Process> {
        self.processes.get_mut(pid)
    }

    /// Returns every process, lowest number first.
    pub fn processes(&self) -> impl Iterator<Item = (Pid, &Process)> {
        self.processes.iter()
    }

    /// Returns how many processes there are, zombies included.
    pub fn process_count(&self) -> usize {
        self.processes.len()
    }

    /// Returns the credentials of a task or, by the number of its first task, of a process.
    pub fn credentials(&self, tid: Pid) -> Option<&Credentials> {
        let of_task = self.tasks.get(tid).map(|task| &task.credentials);
        of_task.or_else(|| self.processes.get(tid).map(|process| &process.credentials))
    }

    /// Returns the user that a process belongs to.
    pub fn user_of(&self, pid: Pid) -> u32 {
        self.credentials(pid).map_or(ROOT, |credentials| credentials.user.real)
    }

    /// Returns every task, lowest number first.
    pub fn tasks(&self) -> impl Iterator<Item = (Pid, &Task)> {
        self.tasks.iter()
    }

    /// Returns how many tasks there are.
    pub fn task_count(&self) -> usize {
        self.tasks.len()
    }

    /// Returns the process that a task's number stands for: its own, or the one that the task belongs to.
    pub fn process_of(&self, tid: Pid) -> Option<Pid> {
        let of_task = self.tasks.get(tid).map(|task| task.process);
        of_task.or_else(|| self.processes.contains(tid).then_some(tid))
    }

    /// Forgets a task that has ended.
    pub fn remove_task(&mut self, tid: Pid) -> Option<Task> {
        let task = self.tasks.remove(tid)?;
        if let Some(process) = self.processes.get_mut(task.process) {
            process.tasks.retain(|member| *member != tid);
        }
        Some(task)
    }

    /// Forgets a process that was waited for.
    pub fn remove_process(&mut self, pid: Pid) -> Option<Process> {
        let process = self.processes.remove(pid)?;
        self.handlers.release(process.handlers);
        Some(process)
    }
}
