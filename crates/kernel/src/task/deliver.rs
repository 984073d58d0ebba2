//! Sending and taking signals (Linux 6.12 kernel/signal.c).

use crate::ctx::Ctx;
use crate::event::{Interest, What};
use crate::fs::Wait;
use crate::kernel::INIT;
use crate::mm::Fault;
use crate::syscall::{self, Restart, Suspended};
use crate::task::signal::{
    BUS_ADRALN, BUS_ADRERR, DefaultAction, ILL_ILLOPC, Room, SEGV_ACCERR, SEGV_MAPERR, TRAP_BRKPT,
};
use crate::task::{Action, Dumpable, Handler, Resource, Signal, SignalInfo, SignalSet, WaitStatus, frame};
use crate::{Cause, Kernel, Pid, Reg, Trap};
use tine_mmu::{PAGE_SIZE, VirtAddr};

/// `SA_RESTART`: a call that the handler interrupted starts again.
const SA_RESTART: u64 = 0x1000_0000;
/// `SA_NODEFER`: the signal itself is not blocked while its handler runs.
const SA_NODEFER: u64 = 0x4000_0000;
/// `SA_RESETHAND`: the handler serves once.
const SA_RESETHAND: u64 = 0x8000_0000;

impl Fault {
    /// Returns the signal that a failed user access becomes; `None` when no frame was left, which kills.
    pub(crate) fn signal_info(self, at: VirtAddr) -> Option<SignalInfo> {
        match self {
            Self::MapErr => Some(SignalInfo::fault(Signal::SIGSEGV, SEGV_MAPERR, at)),
            Self::AccErr => Some(SignalInfo::fault(Signal::SIGSEGV, SEGV_ACCERR, at)),
            Self::Bus => Some(SignalInfo::fault(Signal::SIGBUS, BUS_ADRERR, at)),
            Self::Oom => None,
            // Who takes a fault has read the page, or has been told why not.
            Self::Missing { .. } => Some(SignalInfo::fault(Signal::SIGBUS, BUS_ADRERR, at)),
        }
    }
}

impl SignalInfo {
    /// Makes the signal of an exception (Linux 6.12 arch/riscv/kernel/traps.c).
    pub(crate) fn of_trap(trap: &Trap) -> Self {
        let pc = VirtAddr(trap.sepc);
        match trap.cause {
            Cause::Breakpoint => Self::fault(Signal::SIGTRAP, TRAP_BRKPT, pc),
            Cause::Misaligned(_) => Self::fault(Signal::SIGBUS, BUS_ADRALN, pc),
            Cause::AccessFault(_) => Self::fault(Signal::SIGSEGV, SEGV_ACCERR, pc),
            Cause::IllegalInstruction | Cause::Interrupt(_) | Cause::SystemCall | Cause::PageFault(_) => {
                Self::fault(Signal::SIGILL, ILL_ILLOPC, pc)
            }
        }
    }
}

impl Kernel {
    /// Sends a signal to a process as a whole.
    pub(crate) fn send_to_process(&mut self, pid: Pid, info: SignalInfo) {
        // Init takes no signal: it has no task that could.
        let Some(process) = self.tasks.process(pid).filter(|process| pid != INIT && process.end.is_none())
        else {
            return;
        };
        let Some(first) = process.tasks.first().copied() else { return };
        self.prepare_signal(pid, info.signal);
        if self.is_unwanted(pid, first, info.signal) {
            self.note_unheard(pid, info);
            return;
        }
        let room = self.queue_room(pid, info.signal);
        if let Some(process) = self.tasks.process_mut(pid) {
            process.pending.push(info, room);
        }
        self.announce_signal(pid);
        self.wake_taker(pid, info.signal);
    }

    /// Sends a signal to every process of a group.
    pub(crate) fn send_to_group(&mut self, group: Pid, info: SignalInfo) {
        let members = self.tasks.processes().filter(|(_, process)| process.group == group);
        for pid in members.map(|(pid, _)| pid).collect::<Vec<_>>() {
            self.send_to_process(pid, info);
        }
    }

    /// Sends a signal to one task.
    pub(crate) fn send_to_task(&mut self, tid: Pid, info: SignalInfo) {
        let Some(pid) = self.tasks.task(tid).map(|task| task.process) else { return };
        self.prepare_signal(pid, info.signal);
        if self.is_unwanted(pid, tid, info.signal) {
            self.note_unheard(pid, info);
            return;
        }
        let room = self.queue_room(pid, info.signal);
        if let Some(task) = self.tasks.task_mut(tid) {
            task.pending.push(info, room);
        }
        self.announce_signal(pid);
        if self.hears(tid, info.signal) {
            self.wake_task(tid);
        }
    }

    /// Wakes who reads signals from a descriptor, or watches one.
    fn announce_signal(&mut self, pid: Pid) {
        self.fs.announce(Wait::Signals(pid));
        self.wake_files();
    }

    /// Tells whether a process may be sent one more of `signal`. The limit is for all processes of a user.
    pub(crate) fn queue_room(&self, pid: Pid, signal: Signal) -> Room {
        if !signal.queues() {
            return Room::Left;
        }
        let held = self.queued_signals(pid);
        let limit = self.tasks.process(pid).map(|process| process.rlimits.current(Resource::PendingSignals));
        if limit.is_some_and(|limit| held < limit) { Room::Left } else { Room::Full }
    }

    /// Returns how many signals are queued for the processes of a process's user (`SigQ` of `/proc/<pid>/status`).
    pub(crate) fn queued_signals(&self, pid: Pid) -> u64 {
        let user = self.tasks.user_of(pid);
        let processes = self.tasks.processes().filter(|(other, _)| self.tasks.user_of(*other) == user);
        let tasks = self.tasks.tasks().filter(|(_, task)| self.tasks.user_of(task.process) == user);
        let held = processes.map(|(_, process)| process.pending.len()).sum::<usize>()
            + tasks.map(|(_, task)| task.pending.len()).sum::<usize>();
        held as u64
    }

    fn blocks(&self, tid: Pid, signal: Signal) -> bool {
        self.tasks.task(tid).is_none_or(|task| task.blocked.contains(signal))
    }

    /// Tells whether a task takes a signal, by a handler or by waiting for it.
    fn hears(&self, tid: Pid, signal: Signal) -> bool {
        self.tasks
            .task(tid)
            .is_some_and(|task| !task.blocked.contains(signal) || task.awaited.contains(signal))
    }

    /// Tells whether a signal is not even held: it would do nothing. A blocked one is held although it is ignored now, for
    /// that may change before it is unblocked.
    pub(super) fn is_unwanted(&self, pid: Pid, tid: Pid, signal: Signal) -> bool {
        self.tasks.ignores(pid, signal) && !self.blocks(tid, signal)
    }

    /// Wakes a task that can take a signal of its process.
    fn wake_taker(&mut self, pid: Pid, signal: Signal) {
        let Some(process) = self.tasks.process(pid) else { return };
        if let Some(taker) = process.tasks.iter().copied().find(|tid| self.hears(*tid, signal)) {
            self.wake_task(taker);
        }
    }

    /// Finds takers anew for the signals of a process, when one that could have taken them has ended or blocks them now
    /// (retarget_shared_pending).
    pub(crate) fn retarget_signals(&mut self, pid: Pid) {
        let held = self.tasks.process(pid).map(|process| process.pending.set()).unwrap_or_default();
        for signal in held.iter() {
            self.wake_taker(pid, signal);
        }
    }
}

impl crate::task::TaskTable {
    /// Tells whether `signal` would do nothing to a process.
    pub(crate) fn ignores(&self, pid: Pid, signal: Signal) -> bool {
        match self.action(pid, signal).handler {
            Handler::Ignore => true,
            Handler::Default => {
                matches!(signal.default_action(), DefaultAction::Ignore | DefaultAction::Continue)
            }
            Handler::Function(_) => false,
        }
    }
}

impl Ctx<'_> {
    /// Sends the task a signal that it cannot escape: where it is blocked or ignored, the default action is taken
    /// (force_sig_info).
    pub(crate) fn force_signal(&mut self, info: SignalInfo) {
        let unheard =
            self.task().blocked.contains(info.signal) || self.kernel.tasks.ignores(self.pid, info.signal);
        if unheard {
            self.kernel.tasks.set_action(self.pid, info.signal, Action::default());
            self.task_mut().blocked.remove(info.signal);
        }
        self.task_mut().pending.push(info, Room::Left);
    }

    /// Tells whether a signal waits to be taken.
    pub(crate) fn has_signal(&self) -> bool {
        let blocked = self.task().blocked;
        self.task().pending.any(blocked) || self.process().pending.any(blocked)
    }

    /// Tells whether a signal waits that ends the process, as far as that is known before it is taken.
    pub(crate) fn has_fatal_signal(&self) -> bool {
        let held = self.task().pending.set().iter().chain(self.process().pending.set().iter());
        let mut open = held.filter(|signal| !self.task().blocked.contains(*signal));
        open.any(|signal| {
            self.kernel.tasks.action(self.pid, signal).handler == Handler::Default
                && signal.default_action() == DefaultAction::Terminate
        })
    }

    /// Tells whether SIGKILL waits for the task.
    pub(crate) fn is_killed(&self) -> bool {
        let held = [self.task().pending.set(), self.process().pending.set()];
        held.iter().any(|set| set.contains(Signal::SIGKILL))
    }

    /// Replaces the task's mask. Signals of the process that it does not take any more go to another task.
    pub(crate) fn set_blocked(&mut self, blocked: SignalSet) {
        self.task_mut().blocked = blocked;
        if self.process().tasks.len() > 1 {
            self.kernel.retarget_signals(self.pid);
        }
    }

    /// Keeps a call that was about to sleep until its signal has been looked at.
    pub(crate) fn interrupt_call(&mut self, suspended: Suspended) {
        let task = self.task_mut();
        task.awaited = SignalSet::default();
        task.interrupted = Some(suspended);
    }

    /// Takes the signals that wait. Each that has a handler gets a frame on top of the last, so that the handler of the last
    /// one taken runs first; one that ends or stops the process is the last.
    pub(crate) fn deliver_signals(&mut self) {
        for info in self.kernel.take_unheard(self.pid) {
            self.log_signal(&info);
        }
        while let Some(info) = self.next_signal() {
            let action = self.kernel.tasks.action(self.pid, info.signal);
            match action.handler {
                Handler::Ignore => self.log_signal(&info),
                Handler::Default => {
                    if let Some(status) = self.fatal_status(info.signal) {
                        // SIGKILL leaves nothing to be seen but the end.
                        if info.signal != Signal::SIGKILL {
                            self.log_interrupted();
                            self.log_signal(&info);
                        }
                        self.exit_process(status);
                        return;
                    }
                    self.log_signal(&info);
                    if info.signal.default_action() == DefaultAction::Stop && self.may_stop(info.signal) {
                        self.stop_process(info.signal);
                        return;
                    }
                }
                Handler::Function(handler) => {
                    if self.run_handler(handler, &action, &info).is_err() {
                        return;
                    }
                }
            }
        }
        // Nothing took notice: the call sleeps on as if there had been no signal.
        if let Some(suspended) = self.task_mut().interrupted.take() {
            syscall::resume(self, suspended);
        }
    }

    /// Takes the signal that is delivered next: SIGKILL before every other, then faults, then the task's own before those of
    /// the process.
    fn next_signal(&mut self) -> Option<SignalInfo> {
        if self.task().pending.is_empty() && self.process().pending.is_empty() {
            return None;
        }
        let blocked = self.task().blocked;
        let kill = self.take_signal(SignalSet::only(Signal::SIGKILL));
        let fault = kill.or_else(|| self.task_mut().pending.take_fault(blocked));
        fault.or_else(|| self.take_signal(blocked.complement()))
    }

    /// Takes one of `wanted`, the task's own before those of the process.
    pub(crate) fn take_signal(&mut self, wanted: SignalSet) -> Option<SignalInfo> {
        let own = self.task_mut().pending.take(wanted);
        let mut info = own.or_else(|| self.process_mut().pending.take(wanted))?;
        self.restart_timer(&mut info);
        Some(info)
    }

    fn log_signal(&mut self, info: &SignalInfo) {
        let shown = || What::Signal { name: info.signal.name(), info: syscall::describe_signal(info) };
        self.log(Interest::SIGNAL, shown);
    }

    /// Logs the end of a call that the signal which is being taken has interrupted.
    fn log_interrupted(&mut self) {
        if let Some(suspended) = self.task_mut().interrupted.take() {
            syscall::show_interrupted(self, &suspended);
            self.task_mut().interrupted = Some(suspended);
        }
    }

    /// Drops held signals that have just become unwanted (sigaction(2): setting SIG_IGN discards them).
    pub(crate) fn forget_ignored(&mut self, signal: Signal) {
        if self.kernel.tasks.ignores(self.pid, signal) {
            self.kernel.discard_pending(self.pid, |held| held == signal);
        }
    }

    /// Sends SIGSEGV for user memory that the kernel needs and cannot have: a signal frame that cannot be read back (Linux 6.12
    /// arch/riscv/kernel/signal.c badframe), an area of restartable sequences.
    pub(crate) fn force_bad_frame(&mut self) {
        self.force_signal(SignalInfo::of_kernel(Signal::SIGSEGV));
    }

    /// Makes the task run a handler next.
    ///
    /// # Errors
    /// [`Ended`] when there is no room for the frame of SIGSEGV itself. Any other signal is lost, and SIGSEGV says so, which
    /// a handler on another stack may take (Linux 6.12 kernel/signal.c `force_sigsegv`).
    fn run_handler(&mut self, handler: VirtAddr, action: &Action, info: &SignalInfo) -> Result<(), Ended> {
        if let Some(suspended) = self.task_mut().interrupted.take() {
            let restart = suspended.continuation.restart();
            let is_asked = action.flags & SA_RESTART != 0 && restart == Restart::IfAsked;
            if is_asked || restart == Restart::Always {
                syscall::show_interrupted(self, &suspended);
                let ecall = self.harts.pc(self.hart).wrapping_sub(4);
                self.harts.set_pc(self.hart, ecall);
                self.harts.set_register(self.hart, Reg::A0, suspended.call.arguments[0]);
                syscall::abandon(self, suspended);
            } else {
                syscall::finish_interrupted(self, suspended);
            }
        }
        self.log_signal(info);
        if action.flags & SA_RESETHAND != 0 {
            let once = Action { handler: Handler::Default, ..*action };
            self.kernel.tasks.set_action(self.pid, info.signal, once);
        }
        if self.refresh_rseq().is_err() || frame::push(self, handler, action, info).is_err() {
            let lost_room = SignalInfo::of_kernel(Signal::SIGSEGV);
            if info.signal != Signal::SIGSEGV {
                self.force_signal(lost_room);
                return Ok(());
            }
            self.log_signal(&lost_room);
            let core = self.dumps_core();
            self.exit_process(WaitStatus::Killed { signal: Signal::SIGSEGV, core });
            return Err(Ended);
        }
        let mut blocked = self.task().blocked.bits() | action.mask.bits();
        if action.flags & SA_NODEFER == 0 {
            blocked |= 1 << (info.signal.number() - 1);
        }
        self.set_blocked(SignalSet::mask(blocked));
        Ok(())
    }

    /// Returns how the process ends that leaves `signal` to its default; `None` when it does not end.
    fn fatal_status(&self, signal: Signal) -> Option<WaitStatus> {
        match signal.default_action() {
            DefaultAction::Terminate => Some(WaitStatus::Killed { signal, core: false }),
            DefaultAction::Core => Some(WaitStatus::Killed { signal, core: self.dumps_core() }),
            DefaultAction::Ignore | DefaultAction::Continue | DefaultAction::Stop => None,
        }
    }

    /// Tells whether the process's end by a signal counts as one with a core dump: where the limit has room for one, and the
    /// process's memory is no secret (Linux 6.12 fs/coredump.c `do_coredump`). No file is written.
    pub(crate) fn dumps_core(&self) -> bool {
        let process = self.process();
        process.dumpable == Dumpable::Yes && process.rlimits.current(Resource::Core) >= PAGE_SIZE
    }
}

/// The process has ended.
struct Ended;
