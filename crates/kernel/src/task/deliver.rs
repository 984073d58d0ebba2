//! Sending and taking signals (Linux 6.12 kernel/signal.c).

use crate::ctx::Ctx;
use crate::event::{Interest, What};
use crate::kernel::INIT;
use crate::mm::Fault;
use crate::syscall::{self, Suspended};
use crate::task::signal::{
    BUS_ADRALN, BUS_ADRERR, DefaultAction, ILL_ILLOPC, SEGV_ACCERR, SEGV_MAPERR, TRAP_BRKPT,
};
use crate::task::{Action, Handler, Signal, SignalInfo, SignalSet, Task, WaitStatus, frame};
use crate::{Cause, Kernel, Pid, Reg, Trap};
use tine_mmu::VirtAddr;

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
        let Some(process) =
            self.tasks.process_mut(pid).filter(|process| pid != INIT && process.end.is_none())
        else {
            return;
        };
        let tasks = process.tasks.clone();
        process.pending.push(info);
        self.prepare_signal(pid, info.signal);
        self.notice(pid, info.signal, &tasks);
    }

    /// Sends a signal to one task.
    pub(crate) fn send_to_task(&mut self, tid: Pid, info: SignalInfo) {
        let Some(task) = self.tasks.task_mut(tid) else { return };
        task.pending.push(info);
        let pid = task.process;
        self.prepare_signal(pid, info.signal);
        self.notice(pid, info.signal, &[tid]);
    }

    /// Drops a signal that nobody wants, and wakes a sleeper that must take it.
    fn notice(&mut self, pid: Pid, signal: Signal, tasks: &[Pid]) {
        let Some(process) = self.tasks.process(pid) else { return };
        let ignored = process.ignores(signal);
        let deaf = |task: &Task| task.blocked.contains(signal) && !task.awaited.contains(signal);
        let blocked = |tid: &Pid| self.tasks.task(*tid).is_none_or(deaf);
        // A blocked signal is kept even when it is ignored now: that may change before it is unblocked.
        let taker = tasks.iter().copied().find(|tid| !blocked(tid));
        match taker {
            Some(tid) if !ignored => self.wake_task(tid),
            Some(_) => {
                if let Some(process) = self.tasks.process_mut(pid) {
                    process.pending.discard(|held| held == signal);
                }
                for tid in tasks {
                    if let Some(task) = self.tasks.task_mut(*tid) {
                        task.pending.discard(|held| held == signal);
                    }
                }
            }
            None => {}
        }
    }
}

impl crate::task::Process {
    /// Tells whether `signal` would do nothing.
    fn ignores(&self, signal: Signal) -> bool {
        match self.action(signal).handler {
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
        let unheard = self.task().blocked.contains(info.signal) || self.process().ignores(info.signal);
        if unheard {
            self.process_mut().actions.remove(&info.signal);
            let blocked = self.task().blocked.bits();
            self.task_mut().blocked = SignalSet::mask(blocked & !(1 << (info.signal.number() - 1)));
        }
        self.task_mut().pending.push(info);
    }

    /// Tells whether a signal waits to be taken.
    pub(crate) fn has_signal(&self) -> bool {
        let blocked = self.task().blocked;
        self.task().pending.any(blocked) || self.process().pending.any(blocked)
    }

    /// Keeps a call that was about to sleep until its signal has been looked at.
    pub(crate) fn interrupt_call(&mut self, suspended: Suspended) {
        let task = self.task_mut();
        task.awaited = SignalSet::default();
        task.interrupted = Some(suspended);
    }

    /// Takes the signals that wait, until one has a handler or ends the process.
    pub(crate) fn deliver_signals(&mut self) {
        let blocked = self.task().blocked;
        while let Some(info) = self.next_signal(blocked) {
            let action = self.process().action(info.signal);
            match action.handler {
                Handler::Ignore => {}
                Handler::Default => {
                    if let Some(status) = fatal_status(info.signal) {
                        self.log_signal(&info);
                        self.exit_process(status);
                        return;
                    }
                    if info.signal.default_action() == DefaultAction::Stop {
                        self.log_signal(&info);
                        self.stop_process(info.signal);
                        return;
                    }
                }
                Handler::Function(handler) => {
                    self.log_signal(&info);
                    self.run_handler(handler, &action, &info);
                    return;
                }
            }
        }
        // Nothing took notice: the call sleeps on as if there had been no signal.
        if let Some(suspended) = self.task_mut().interrupted.take() {
            syscall::resume(self, suspended);
        }
    }

    fn next_signal(&mut self, blocked: SignalSet) -> Option<SignalInfo> {
        let own = self.task_mut().pending.take(blocked);
        own.or_else(|| self.process_mut().pending.take(blocked))
    }

    fn log_signal(&mut self, info: &SignalInfo) {
        self.log(Interest::SIGNAL, || What::Signal { name: info.signal.name(), info: info.describe() });
    }

    /// Drops held signals that have just become unwanted (sigaction(2): setting SIG_IGN discards them).
    pub(crate) fn forget_ignored(&mut self, signal: Signal) {
        if self.process().ignores(signal) {
            self.process_mut().pending.discard(|held| held == signal);
            self.task_mut().pending.discard(|held| held == signal);
        }
    }

    /// Ends a process whose signal frame cannot be read back (Linux 6.12 arch/riscv/kernel/signal.c badframe).
    pub(crate) fn force_bad_frame(&mut self) {
        self.force_signal(SignalInfo::sent(Signal::SIGSEGV, crate::task::SI_KERNEL, Pid(0)));
    }

    fn run_handler(&mut self, handler: VirtAddr, action: &Action, info: &SignalInfo) {
        if let Some(suspended) = self.task_mut().interrupted.take() {
            if action.flags & SA_RESTART != 0 && suspended.continuation.restarts() {
                let ecall = self.harts.pc(self.hart).wrapping_sub(4);
                self.harts.set_pc(self.hart, ecall);
                self.harts.set_register(self.hart, Reg::A0, suspended.arguments[0]);
                syscall::abandon(self, suspended);
            } else {
                syscall::finish_interrupted(self, suspended);
            }
        }
        if frame::push(self, handler, action, info).is_err() {
            // No room for the frame: the signal that says so cannot be caught (force_sigsegv).
            self.process_mut().actions.remove(&Signal::SIGSEGV);
            self.log_signal(info);
            self.exit_process(WaitStatus::Killed { signal: Signal::SIGSEGV, core: true });
            return;
        }
        let mut blocked = self.task().blocked.bits() | action.mask.bits();
        if action.flags & SA_NODEFER == 0 {
            blocked |= 1 << (info.signal.number() - 1);
        }
        self.task_mut().blocked = SignalSet::mask(blocked);
        if action.flags & SA_RESETHAND != 0 {
            self.process_mut().actions.remove(&info.signal);
        }
    }
}

/// Returns how a process ends that leaves `signal` to its default; `None` when it does not end.
fn fatal_status(signal: Signal) -> Option<WaitStatus> {
    match signal.default_action() {
        DefaultAction::Terminate => Some(WaitStatus::Killed { signal, core: false }),
        DefaultAction::Core => Some(WaitStatus::Killed { signal, core: true }),
        DefaultAction::Ignore | DefaultAction::Continue | DefaultAction::Stop => None,
    }
}
