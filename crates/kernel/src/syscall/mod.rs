//! System calls: one table declares them all, one function serves them.
//!
//! A call returns a value, an errno, or a [`Continuation`] when it must wait. The kernel resumes the continuation when
//! the task is woken; the ECALL itself is not repeated, so a call is counted once and does nothing twice.

mod allocate;
mod anonymous;
mod args;
mod attributes;
mod classes;
mod compare;
mod copy;
mod creds;
mod creds_types;
mod epoll;
mod event_types;
mod exec;
mod fcntl;
mod file;
mod file_types;
mod futex;
pub(crate) mod hwprobe;
mod inotify;
mod io_signal;
mod ipc_types;
mod limits;
mod lock;
mod memory;
mod mlock;
mod mount;
mod mqueue;
mod msg;
mod names;
mod open;
mod path;
mod pidfd;
mod poll;
mod posix_timer;
mod prctl;
mod prctl_types;
mod priority;
mod process;
mod process_vm;
mod rseq;
mod sched;
mod sched_policy;
mod sched_types;
mod sem;
mod shm;
mod show;
mod signal;
mod socket;
mod socket_names;
mod socket_types;
mod system;
mod table;
mod task_types;
mod terminal;
mod thread;
mod time;
mod timex;
mod transfer;
mod types;
mod xattr;

pub use args::{UserPtr, UserValue};
pub use classes::{CLASSES, is_known};
pub(crate) use limits::MOST_FDS;
pub use names::UNSUPPORTED;
pub(crate) use names::name_of;
pub(crate) use pidfd::open_pidfd;
pub(crate) use rseq::{ALIGNMENT as RSEQ_ALIGNMENT, FEATURE_BYTES as RSEQ_FEATURE_BYTES};
pub use show::{CallResult, Restart};
pub(crate) use show::{describe_signal, exit_with, quoted};
pub(crate) use system::{HostNames, RELEASE, VERSION};
pub use table::{SYSCALLS, Syscall};
pub(crate) use time::CLOCK_TICKS;
pub(crate) use timex::ClockDiscipline;

use crate::account::SyscallCount;
use crate::ctx::Ctx;
use crate::fs::{LeaseWait, OpenId};
use crate::inject::Target;
use crate::task::{TRAP_NS, WaitKey};
use crate::{Errno, Pid, Reg};

/// What a system call comes to.
pub type SysResult = Result<u64, Flow>;

/// Why a system call did not return a value to the guest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Flow {
    /// Returned to the guest as `-errno` in `a0`.
    Errno(Errno),
    /// The same for a failure that the user asked for.
    Injected(Errno),
    /// The task sleeps and holds this.
    Block(Continuation),
    /// `a0` must not be written: the task has ended, or has another program.
    NoReturn,
}

impl From<Errno> for Flow {
    fn from(errno: Errno) -> Self {
        Self::Errno(errno)
    }
}

/// A system call in the middle of its work, and what it waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Continuation {
    /// `nanosleep` and `clock_nanosleep`.
    Sleep(time::Sleep),
    /// `wait4` and `waitid`.
    Wait(process::Wait),
    /// `vfork`: until the child gives the address space back.
    Vfork(Pid),
    /// Reading from a pipe.
    Read(transfer::Read),
    /// Writing to a pipe.
    Write(transfer::Write),
    /// `sendfile`, `copy_file_range`, `splice` and `tee`.
    Copy(copy::Copy),
    /// `openat` of a FIFO.
    OpenFifo(open::OpenFifo),
    /// `openat` and `truncate` of a file with a lease on it, to be made again once that is given back.
    LeaseBreak(LeaseWait),
    /// `fcntl` and `flock` waiting for a lock.
    Lock(lock::Request),
    /// A call on a socket.
    Socket(Box<socket::SocketCall>),
    /// `ppoll` and `pselect6`.
    Poll(poll::Poll),
    /// `epoll_pwait` and `epoll_pwait2`.
    Epoll(epoll::EpollWait),
    /// `semop` and `semtimedop`.
    Semaphores(sem::SemaphoreWait),
    /// `msgsnd` or `msgrcv`.
    Message(msg::MessageWait),
    /// `mq_timedsend` or `mq_timedreceive`.
    Queue(mqueue::QueueWait),
    /// `futex` waiting.
    Futex(futex::Wait),
    /// `futex_waitv`.
    FutexVector(futex::vector::Wait),
    /// `futex` waiting for a lock.
    FutexLock(futex::lock::Wait),
    /// `rt_sigtimedwait`.
    SignalWait(signal::SignalWait),
    /// `rt_sigsuspend` and `pause`: until a signal is taken.
    Suspend,
    /// A call that has done nothing and is to be made again, once the signal that its caller has just got is taken.
    Again,
}

impl Continuation {
    /// Goes on where the call stopped.
    fn resume(self, ctx: &mut Ctx<'_>) -> SysResult {
        match self {
            Self::Sleep(sleep) => sleep.run(ctx),
            Self::Wait(wait) => wait.run(ctx),
            Self::Vfork(child) => thread::vfork_wait(ctx, child),
            Self::Read(read) => read.run(ctx),
            Self::Write(write) => write.run(ctx),
            Self::Copy(copy) => copy.run(ctx),
            Self::OpenFifo(opening) => opening.run(ctx),
            Self::Lock(request) => request.run(ctx),
            Self::Socket(call) => call.run(ctx),
            Self::Poll(poll) => poll.run(ctx),
            Self::Epoll(wait) => wait.run(ctx),
            Self::Semaphores(wait) => wait.resume(ctx),
            Self::Message(wait) => wait.resume(ctx),
            Self::Queue(wait) => wait.resume(ctx),
            Self::Futex(wait) => wait.resume(ctx),
            Self::FutexVector(wait) => wait.resume(ctx),
            Self::FutexLock(wait) => wait.resume(ctx),
            Self::SignalWait(wait) => wait.run(ctx),
            // Only a handler ends it, and then it is not resumed.
            Self::Suspend => Err(Flow::Block(Self::Suspend)),
            // [`resume`] knows the call.
            Self::Again | Self::LeaseBreak(_) => Err(Flow::Block(self)),
        }
    }

    fn keys(&self, ctx: &Ctx<'_>) -> Vec<WaitKey> {
        match self {
            // Who wakes a futex, a semaphore or a queue has its waiters by name.
            Self::Sleep(_)
            | Self::Semaphores(_)
            | Self::Message(_)
            | Self::Queue(_)
            | Self::Futex(_)
            | Self::FutexVector(_)
            | Self::FutexLock(_)
            | Self::SignalWait(_)
            | Self::Suspend
            | Self::Again => Vec::new(),
            Self::Wait(_) => vec![WaitKey::ChildOf(ctx.pid)],
            Self::Vfork(child) => vec![WaitKey::VforkDone(*child)],
            Self::Read(read) => read.key().into_iter().collect(),
            Self::Write(write) => write.key().into_iter().collect(),
            Self::Copy(copy) => copy.key().into_iter().collect(),
            Self::OpenFifo(opening) => vec![opening.key()],
            Self::LeaseBreak(lease) => vec![WaitKey::File(lease.wait)],
            Self::Lock(request) => vec![request.key(ctx)],
            Self::Socket(call) => call.key().into_iter().collect(),
            Self::Poll(poll) => poll.keys(ctx),
            Self::Epoll(wait) => vec![wait.key()],
        }
    }

    fn deadline_ns(&self) -> Option<u64> {
        match self {
            Self::Sleep(sleep) => sleep.deadline_ns(),
            Self::Read(read) => read.deadline_ns(),
            Self::LeaseBreak(lease) => lease.deadline_ns,
            Self::Socket(call) => call.deadline_ns(),
            Self::Poll(poll) => poll.deadline_ns(),
            Self::Epoll(wait) => wait.deadline_ns(),
            Self::Semaphores(wait) => wait.deadline_ns(),
            Self::Queue(wait) => wait.deadline_ns(),
            Self::Futex(wait) => wait.deadline_ns(),
            Self::FutexVector(wait) => wait.deadline_ns(),
            Self::FutexLock(wait) => wait.deadline_ns(),
            Self::SignalWait(wait) => wait.deadline_ns(),
            _ => None,
        }
    }

    /// Says what becomes of the call when a signal interrupts it (signal(7), "Interruption of system calls").
    pub(crate) fn restart(&self) -> Restart {
        match self {
            // Bytes that are in the pipe would go in twice.
            Self::Write(write) if write.done() > 0 => Restart::Never,
            Self::Copy(copy) if copy.done() > 0 => Restart::Never,
            Self::Vfork(_) | Self::Epoll(_) | Self::SignalWait(_) | Self::Semaphores(_) => Restart::Never,
            Self::Poll(_) | Self::Suspend | Self::Message(_) => Restart::WithoutHandler,
            Self::Sleep(sleep) => sleep.restart(),
            Self::Socket(call) => call.restart(),
            Self::Futex(wait) if wait.deadline_ns().is_some() => Restart::WithTimeLeft,
            Self::FutexLock(_) => Restart::Always,
            Self::Futex(_)
            | Self::FutexVector(_)
            | Self::Wait(_)
            | Self::Read(_)
            | Self::Write(_)
            | Self::Copy(_)
            | Self::Lock(_)
            | Self::LeaseBreak(_)
            | Self::OpenFifo(_)
            | Self::Queue(_)
            | Self::Again => Restart::IfAsked,
        }
    }

    /// Tells whether a signal cuts the wait short. One that ends the process does so with every call.
    fn is_interruptible(&self) -> bool {
        !matches!(self, Self::Vfork(_))
    }

    /// Returns the descriptions that the call works on: they stay open while the call sleeps, even if another process that
    /// shares the descriptor table closes them.
    fn opens(&self) -> Vec<OpenId> {
        match self {
            Self::Read(read) => vec![read.open()],
            Self::Write(write) => vec![write.open()],
            Self::Copy(copy) => copy.opens(),
            Self::OpenFifo(opening) => vec![opening.open()],
            Self::Lock(request) => vec![request.open()],
            Self::Socket(call) => call.opens(),
            Self::Poll(poll) => poll.opens(),
            Self::Epoll(wait) => vec![wait.open()],
            Self::Queue(wait) => vec![wait.open()],
            Self::Sleep(_)
            | Self::Wait(_)
            | Self::Vfork(_)
            | Self::Semaphores(_)
            | Self::Message(_)
            | Self::Futex(_)
            | Self::FutexVector(_)
            | Self::FutexLock(_)
            | Self::SignalWait(_)
            | Self::LeaseBreak(_)
            | Self::Suspend
            | Self::Again => Vec::new(),
        }
    }

    /// Says what the call waits for.
    pub fn describe(&self) -> String {
        match self {
            Self::Sleep(_) => "a timer".to_owned(),
            Self::Wait(_) => "a child to end".to_owned(),
            Self::Vfork(child) => format!("its vfork child {child} to exec or exit"),
            Self::Read(_) => "data in a pipe".to_owned(),
            Self::Write(_) => "room in a pipe".to_owned(),
            Self::Copy(_) => "data or room to copy".to_owned(),
            Self::OpenFifo(_) => "the other end of a FIFO".to_owned(),
            Self::Lock(_) => "a file lock".to_owned(),
            Self::LeaseBreak(_) => "a lease to be given back".to_owned(),
            Self::Socket(call) => call.describe().to_owned(),
            Self::Poll(_) | Self::Epoll(_) => "a descriptor to be ready".to_owned(),
            Self::Semaphores(_) => "a semaphore".to_owned(),
            Self::Message(wait) => wait.describe().to_owned(),
            Self::Queue(wait) => wait.describe().to_owned(),
            Self::Futex(wait) => wait.describe(),
            Self::FutexVector(_) => "one of several futexes".to_owned(),
            Self::FutexLock(wait) => wait.describe(),
            Self::SignalWait(_) | Self::Suspend | Self::Again => "a signal".to_owned(),
        }
    }
}

/// A call that sleeps: what it is in the middle of, and which call it is.
#[derive(Clone, Debug)]
pub struct Suspended {
    /// What is left to do.
    pub continuation: Continuation,
    /// Which call it is.
    pub call: Call,
}

/// A call that was made and has not returned yet.
#[derive(Clone, Debug)]
pub struct Call {
    /// Its row.
    pub row: &'static Syscall,
    /// Its argument registers.
    pub arguments: Arguments,
    /// When it trapped, in virtual nanoseconds.
    pub(crate) trapped_ns: u64,
    /// What strace has to print again when the call has ended; nothing where nobody watches.
    pub(crate) remembered: Vec<String>,
    /// What [`Shower::noted`](show::Shower) is when the call has ended.
    pub(crate) noted: Vec<u64>,
}

/// The argument registers of a call, `a0` to `a5`.
pub type Arguments = [u64; 6];

/// What calls are counted as whose numbers mean nothing to Linux.
const NO_CALL: (u64, &str) = (u64::MAX, "unknown");

/// Serves the ECALL that the current task trapped with.
pub(crate) fn serve(ctx: &mut Ctx<'_>) {
    let registers = ctx.harts.registers(ctx.hart);
    let number = registers[usize::from(Reg::A7.0)];
    let arguments = std::array::from_fn(|index| registers[usize::from(Reg::argument(index).0)]);
    // The task goes on behind the ECALL, which does not retire.
    let next = ctx.harts.pc(ctx.hart).wrapping_add(4);
    ctx.harts.set_pc(ctx.hart, next);
    let Some(row) = table::find(number) else {
        ctx.kernel.note_unknown(ctx.hart, ctx.tid, number);
        show::unknown(ctx, number, arguments);
        let (number, name) = names::unsupported(number).map_or(NO_CALL, |name| (number, name));
        count(ctx, number, name, |entry| {
            entry.calls += 1;
            entry.errors += 1;
        });
        ctx.harts.set_register(ctx.hart, Reg::A0, errno_value(Errno::ENOSYS));
        return;
    };
    let trapped_ns = ctx.now_ns().saturating_sub(TRAP_NS);
    let mut call = Call { row, arguments, trapped_ns, remembered: Vec::new(), noted: Vec::new() };
    show::enter(ctx, &mut call);
    count(ctx, row.number, row.name, |entry| entry.calls += 1);
    let result = match strike(ctx, row) {
        // The one call that returns no errno: the break stays where it is.
        Some(_) if row.name == "brk" => (row.run)(ctx, Arguments::default()),
        Some(errno) => Err(Flow::Injected(errno)),
        None => (row.run)(ctx, arguments),
    };
    finish(ctx, result, call);
}

/// Returns the errno with which a call is made to fail, if it is. Whether a clone is a fork, it finds out itself.
fn strike(ctx: &mut Ctx<'_>, row: &Syscall) -> Option<Errno> {
    let injections = &mut ctx.kernel.injections;
    if injections.is_empty() {
        return None;
    }
    injections.strike(match row.name {
        "execve" | "execveat" => Target::Exec,
        name => Target::Call(name),
    })
}

/// Goes on with a call that slept.
pub(crate) fn resume(ctx: &mut Ctx<'_>, suspended: Suspended) {
    let Suspended { continuation, call } = suspended;
    let opens = continuation.opens();
    let result = match continuation {
        Continuation::Again | Continuation::LeaseBreak(_) => (call.row.run)(ctx, call.arguments),
        continuation => continuation.resume(ctx),
    };
    finish(ctx, result, call);
    // Only now: what sleeps again has taken a hold of its own.
    release_opens(ctx, opens);
}

/// Gives up a call that slept and starts anew, or whose task ends.
pub(crate) fn abandon(ctx: &mut Ctx<'_>, suspended: Suspended) {
    let opens = suspended.continuation.opens();
    match suspended.continuation {
        Continuation::Futex(_) | Continuation::FutexVector(_) | Continuation::FutexLock(_) => {
            ctx.kernel.futexes.remove(ctx.tid)
        }
        Continuation::Semaphores(_) => ctx.kernel.leave_semaphores(ctx.tid),
        Continuation::Message(_) => ctx.kernel.leave_message_queues(ctx.tid),
        Continuation::Queue(wait) => wait.abandon(ctx),
        Continuation::Sleep(sleep) => sleep.abandon(ctx),
        Continuation::OpenFifo(opening) => opening.abandon(ctx),
        Continuation::Lock(_) => ctx.kernel.fs.stop_waiting_for_lock(ctx.tid),
        _ => {}
    }
    release_opens(ctx, opens);
}

fn release_opens(ctx: &mut Ctx<'_>, opens: Vec<OpenId>) {
    ctx.with_fs(|fs, env| opens.into_iter().for_each(|open| fs.close(env, open)));
    ctx.wake_files();
}

fn finish(ctx: &mut Ctx<'_>, result: SysResult, call: Call) {
    // Watchers of files hear of calls that wake nobody else.
    ctx.wake_files();
    let is_injected = matches!(result, Err(Flow::Injected(_)));
    let value = match result {
        Ok(value) => value,
        Err(Flow::Errno(errno) | Flow::Injected(errno)) => {
            count(ctx, call.row.number, call.row.name, |entry| entry.errors += 1);
            errno_value(errno)
        }
        Err(Flow::Block(continuation)) => {
            for open in continuation.opens() {
                ctx.kernel.fs.hold_open(open);
            }
            let suspended = Suspended { continuation, call };
            let is_interruptible = suspended.continuation.is_interruptible();
            if ctx.has_fatal_signal() || is_interruptible && ctx.has_signal() {
                ctx.interrupt_call(suspended);
            } else {
                let (keys, deadline) =
                    (suspended.continuation.keys(ctx), suspended.continuation.deadline_ns());
                ctx.task_mut().continuation = Some(suspended);
                ctx.block(keys, deadline);
            }
            return;
        }
        Err(Flow::NoReturn) => return,
    };
    ctx.harts.set_register(ctx.hart, Reg::A0, value);
    count_time(ctx, &call);
    show::exit(ctx, &call, if is_injected { CallResult::Injected(value) } else { result_of(value) });
    if ctx.yield_after_call {
        ctx.kernel.preempt(ctx.harts, ctx.hart);
    }
}

/// Ends a call that a signal interrupted and that is not started again.
pub(crate) fn finish_interrupted(ctx: &mut Ctx<'_>, suspended: Suspended) {
    let errno = match &suspended.continuation {
        // What is written is written.
        Continuation::Write(write) if write.done() > 0 => {
            let done = write.done();
            finish(ctx, Ok(done), suspended.call.clone());
            abandon(ctx, suspended);
            return;
        }
        Continuation::Socket(call) if call.done().is_some() => {
            let done = call.done().ok_or(Errno::EINTR.into());
            finish(ctx, done, suspended.call.clone());
            abandon(ctx, suspended);
            return;
        }
        Continuation::Copy(copy) if copy.done() > 0 => {
            let done = copy.finish(ctx);
            finish(ctx, done, suspended.call.clone());
            abandon(ctx, suspended);
            return;
        }
        Continuation::Sleep(sleep) => sleep.interrupted(ctx).err().unwrap_or(Errno::EINTR),
        Continuation::Wait(wait) => wait.interrupted(ctx),
        Continuation::Poll(poll) => {
            poll.store_remaining(ctx);
            Errno::EINTR
        }
        _ => Errno::EINTR,
    };
    let row = suspended.call.row;
    count(ctx, row.number, row.name, |entry| entry.errors += 1);
    count_time(ctx, &suspended.call);
    ctx.harts.set_register(ctx.hart, Reg::A0, errno_value(errno));
    show_interrupted(ctx, &suspended);
    abandon(ctx, suspended);
}

/// Logs the end of a call that a signal interrupts, as strace sees it: before the signal is taken.
pub(crate) fn show_interrupted(ctx: &mut Ctx<'_>, suspended: &Suspended) {
    let result = match suspended.continuation.restart() {
        Restart::Never => CallResult::Errno(Errno::EINTR.number()),
        restart => CallResult::Interrupted(restart),
    };
    show::exit(ctx, &suspended.call, result);
}

/// Reads back what `a0` says.
fn result_of(value: u64) -> CallResult {
    match value as i64 {
        errno @ -4095..0 => CallResult::Errno(-errno as i32),
        _ => CallResult::Value(value),
    }
}

/// Returns what `a0` holds for an errno.
fn errno_value(errno: Errno) -> u64 {
    i64::from(-errno.number()) as u64
}

fn count_time(ctx: &mut Ctx<'_>, call: &Call) {
    let took_ns = ctx.now_ns().saturating_sub(call.trapped_ns);
    count(ctx, call.row.number, call.row.name, |entry| entry.ns += took_ns);
}

fn count(ctx: &mut Ctx<'_>, number: u64, name: &'static str, add: impl Fn(&mut SyscallCount)) {
    add(ctx.kernel.hart_account(ctx.hart).syscalls.of(number, name));
    if let Some(process) = ctx.kernel.tasks.process_mut(ctx.pid) {
        add(process.account.syscalls.of(number, name));
    }
}
