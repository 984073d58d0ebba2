//! Calls about signals.

use super::args::{Timespec, UserPtr, UserValue};
use super::types::{MaskHow, SignalArg};
use super::{Continuation, Flow, SysResult, show};
use crate::ctx::Ctx;
use crate::kernel::INIT;
use crate::task::signal::{INFO_BYTES, Room};
use crate::task::{Action, Handler, SI_TKILL, SI_USER, Signal, SignalInfo, SignalSet, frame};
use crate::{Errno, Pid, Reg};
use tine_mmu::VirtAddr;

/// Size of the kernel's `sigset_t`.
const SIGSET_BYTES: u64 = 8;
/// The `SA_*` flags that are kept; a program tells by it which there are (Linux 6.12 include/linux/signal_types.h
/// `UAPI_SA_FLAGS`).
const SA_KNOWN: u64 = 0xd800_0807;
/// `SIG_IGN`.
const SIG_IGN: u64 = 1;

fn check_size(size: u64) -> Result<(), Errno> {
    if size == SIGSET_BYTES { Ok(()) } else { Err(Errno::EINVAL) }
}

/// Reads a signal mask that holds for the length of a call.
///
/// # Errors
/// `EINVAL` for another size than the kernel's, `EFAULT`.
pub(super) fn read_mask(ctx: &mut Ctx<'_>, mask: UserPtr<u64>, size: u64) -> Result<SignalSet, Errno> {
    check_size(size)?;
    Ok(SignalSet::mask(ctx.read(mask)?))
}

/// Returns the signal to send: none for number 0, which only asks whether one could be sent.
pub(super) fn wanted(signal: SignalArg) -> Result<Option<Signal>, Errno> {
    match signal.0 {
        0 => Ok(None),
        number => Signal::new(u64::from(number)).map(Some).ok_or(Errno::EINVAL),
    }
}

/// Returns the signal that may be sent to a process; none for number 0 (Linux 6.12 kernel/signal.c `check_kill_permission`).
///
/// # Errors
/// `EINVAL` for no signal, `EPERM` for a process of somebody else. SIGCONT may go to every process of the session.
pub(super) fn permitted(ctx: &Ctx<'_>, target: Pid, signal: SignalArg) -> Result<Option<Signal>, Errno> {
    let signal = wanted(signal)?;
    let tasks = &ctx.kernel.tasks;
    let session = |pid| tasks.process(pid).map(|process| process.session);
    let allowed = target == ctx.pid
        || tasks.credentials(target).is_some_and(|target| ctx.credentials().may_signal(target))
        || signal == Some(Signal::SIGCONT) && session(target) == session(ctx.pid);
    if allowed { Ok(signal) } else { Err(Errno::EPERM) }
}

/// Sends a signal to a process, if the caller may.
fn send(ctx: &mut Ctx<'_>, target: Pid, signal: SignalArg) -> Result<(), Errno> {
    if let Some(signal) = permitted(ctx, target, signal)? {
        let info = ctx.own_signal(signal, SI_USER);
        ctx.kernel.send_to_process(target, info);
    }
    Ok(())
}

/// `kill(2)`.
pub(super) fn kill(ctx: &mut Ctx<'_>, pid: Pid, signal: SignalArg) -> SysResult {
    match pid.0 {
        1.. => {
            // The number of any of its tasks stands for a process.
            let process = ctx.kernel.tasks.process_of(pid).ok_or(Errno::ESRCH)?;
            send(ctx, process, signal)?;
        }
        0 => kill_group(ctx, ctx.process().group, signal)?,
        -1 => kill_all(ctx, signal)?,
        _ => kill_group(ctx, Pid(pid.0.checked_neg().ok_or(Errno::ESRCH)?), signal)?,
    }
    Ok(0)
}

/// Refuses to queue more signals than there may be; kill(2) loses count instead.
///
/// # Errors
/// `EAGAIN`.
pub(super) fn check_room(ctx: &Ctx<'_>, target: Pid, signal: Signal) -> Result<(), Errno> {
    let process = ctx.kernel.tasks.process_of(target).ok_or(Errno::ESRCH)?;
    match ctx.kernel.queue_room(process, signal) {
        Room::Left => Ok(()),
        Room::Full => Err(Errno::EAGAIN),
    }
}

/// Sends a signal to a process group. One success is enough.
fn kill_group(ctx: &mut Ctx<'_>, group: Pid, signal: SignalArg) -> Result<(), Errno> {
    let members = ctx.kernel.tasks.processes().filter(|(_, process)| process.group == group);
    let members: Vec<Pid> = members.map(|(pid, _)| pid).collect();
    let mut result = Err(Errno::ESRCH);
    for member in members {
        let sent = send(ctx, member, signal);
        result = result.or(sent);
    }
    result
}

/// Sends a signal to every process but init and the caller. That some belong to others is no error.
fn kill_all(ctx: &mut Ctx<'_>, signal: SignalArg) -> Result<(), Errno> {
    let caller = ctx.pid;
    let others = ctx.kernel.tasks.processes().map(|(pid, _)| pid);
    let others: Vec<Pid> = others.filter(|pid| *pid != INIT && *pid != caller).collect();
    if others.is_empty() {
        return Err(Errno::ESRCH);
    }
    others.into_iter().try_for_each(|other| match send(ctx, other, signal) {
        Err(Errno::EPERM) => Ok(()),
        result => result,
    })
}

/// `tkill(2)`.
pub(super) fn tkill(ctx: &mut Ctx<'_>, tid: Pid, signal: SignalArg) -> SysResult {
    if tid.0 <= 0 {
        return Err(Errno::EINVAL.into());
    }
    let process = ctx.kernel.tasks.process_of(tid).ok_or(Errno::ESRCH)?;
    if let Some(signal) = permitted(ctx, process, signal)? {
        check_room(ctx, process, signal)?;
        let info = ctx.own_signal(signal, SI_TKILL);
        ctx.kernel.send_to_task(tid, info);
    }
    Ok(0)
}

/// `tgkill(2)`.
pub(super) fn tgkill(ctx: &mut Ctx<'_>, group: Pid, tid: Pid, signal: SignalArg) -> SysResult {
    if group.0 <= 0 || tid.0 <= 0 {
        return Err(Errno::EINVAL.into());
    }
    if ctx.kernel.tasks.process_of(tid) != Some(group) {
        return Err(Errno::ESRCH.into());
    }
    tkill(ctx, tid, signal)
}

/// `rt_sigaction(2)`: the struct is `sa_handler`, `sa_flags`, `sa_mask`; riscv64 has no restorer.
pub(super) fn rt_sigaction(
    ctx: &mut Ctx<'_>,
    signal: SignalArg,
    new: VirtAddr,
    old: VirtAddr,
    size: u64,
) -> SysResult {
    check_size(size)?;
    let signal = Signal::new(u64::from(signal.0)).ok_or(Errno::EINVAL)?;
    if new.0 != 0 && matches!(signal, Signal::SIGKILL | Signal::SIGSTOP) {
        return Err(Errno::EINVAL.into());
    }
    let before = ctx.kernel.tasks.action(ctx.pid, signal);
    if new.0 != 0 {
        let [handler, flags, mask] = ctx.read(UserPtr::<[u64; 3]>::new(new))?;
        let handler = match handler {
            0 => Handler::Default,
            SIG_IGN => Handler::Ignore,
            at => Handler::Function(VirtAddr(at)),
        };
        let action = Action { handler, flags: flags & SA_KNOWN, mask: SignalSet::mask(mask) };
        ctx.kernel.tasks.set_action(ctx.pid, signal, action);
        ctx.forget_ignored(signal);
    }
    if old.0 != 0 {
        let handler = match before.handler {
            Handler::Default => 0,
            Handler::Ignore => SIG_IGN,
            Handler::Function(at) => at.0,
        };
        ctx.write(UserPtr::new(old), [handler, before.flags, before.mask.bits()])?;
    }
    Ok(0)
}

/// `rt_sigprocmask(2)`.
pub(super) fn rt_sigprocmask(
    ctx: &mut Ctx<'_>,
    how: MaskHow,
    new: UserPtr<u64>,
    old: UserPtr<u64>,
    size: u64,
) -> SysResult {
    check_size(size)?;
    let before = ctx.task().blocked.bits();
    if !new.is_null() {
        let set = ctx.read(new)?;
        let after = match how.0 {
            0 => before | set,
            1 => before & !set,
            2 => set,
            _ => return Err(Errno::EINVAL.into()),
        };
        ctx.set_blocked(SignalSet::mask(after));
    }
    ctx.write_optional(old, before)?;
    Ok(0)
}

/// `rt_sigpending(2)`.
pub(super) fn rt_sigpending(ctx: &mut Ctx<'_>, to: UserPtr<u64>, size: u64) -> SysResult {
    if size > SIGSET_BYTES {
        return Err(Errno::EINVAL.into());
    }
    let held = ctx.task().pending.set().bits() | ctx.process().pending.set().bits();
    let bytes = (held & ctx.task().blocked.bits()).to_bytes();
    ctx.write_bytes(to.address(), &bytes[..size as usize]).map_err(|_| Errno::EFAULT)?;
    Ok(0)
}

/// `rt_sigsuspend(2)`: waits for a signal under another mask.
pub(super) fn rt_sigsuspend(ctx: &mut Ctx<'_>, mask: UserPtr<u64>, size: u64) -> SysResult {
    let mask = read_mask(ctx, mask, size)?;
    let task = ctx.task_mut();
    task.saved_blocked = Some(std::mem::replace(&mut task.blocked, mask));
    Err(Flow::Block(Continuation::Suspend))
}

/// A wait for a signal that stays blocked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignalWait {
    wanted: SignalSet,
    info: VirtAddr,
    deadline_ns: Option<u64>,
}

impl SignalWait {
    /// Returns when the wait is given up.
    pub(super) fn deadline_ns(&self) -> Option<u64> {
        self.deadline_ns
    }

    /// Takes a wanted signal if one is held.
    pub(super) fn run(self, ctx: &mut Ctx<'_>) -> SysResult {
        ctx.task_mut().awaited = SignalSet::default();
        if let Some(info) = ctx.take_signal(self.wanted) {
            if self.info.0 != 0 {
                ctx.write_bytes(self.info, &info.to_bytes()).map_err(|_| Errno::EFAULT)?;
            }
            return Ok(u64::from(info.signal.number()));
        }
        if self.deadline_ns.is_some_and(|deadline| ctx.now_ns() >= deadline) {
            return Err(Errno::EAGAIN.into());
        }
        ctx.task_mut().awaited = self.wanted;
        Err(Flow::Block(Continuation::SignalWait(self)))
    }
}

/// `rt_sigtimedwait(2)`.
pub(super) fn rt_sigtimedwait(
    ctx: &mut Ctx<'_>,
    set: UserPtr<u64>,
    info: VirtAddr,
    timeout: UserPtr<Timespec>,
    size: u64,
) -> SysResult {
    check_size(size)?;
    let wanted = SignalSet::mask(ctx.read(set)?);
    let deadline_ns = match timeout.is_null() {
        true => None,
        false => Some(ctx.now_ns().saturating_add(ctx.read(timeout)?.to_ns()?)),
    };
    SignalWait { wanted, info, deadline_ns }.run(ctx)
}

/// Reads what rt_sigqueueinfo(2) sends; only a process to itself may pretend that the kernel or kill(2) sent it. Which signal
/// it is, the call says.
pub(super) fn read_info(ctx: &mut Ctx<'_>, target: Pid, info: VirtAddr) -> Result<[u8; INFO_BYTES], Errno> {
    let mut bytes = [0; INFO_BYTES];
    ctx.read_bytes(info, &mut bytes).map_err(|_| Errno::EFAULT)?;
    let code = SignalInfo::queued(Signal::SIGCONT, &bytes).code;
    if (code >= 0 || code == SI_TKILL) && target != ctx.pid { Err(Errno::EPERM) } else { Ok(bytes) }
}

/// `rt_sigqueueinfo(2)`.
pub(super) fn rt_sigqueueinfo(ctx: &mut Ctx<'_>, pid: Pid, signal: SignalArg, info: VirtAddr) -> SysResult {
    let bytes = read_info(ctx, pid, info)?;
    let process = ctx.kernel.tasks.process_of(pid).ok_or(Errno::ESRCH)?;
    if let Some(signal) = permitted(ctx, process, signal)? {
        check_room(ctx, process, signal)?;
        ctx.kernel.send_to_process(process, SignalInfo::queued(signal, &bytes));
    }
    Ok(0)
}

/// `rt_tgsigqueueinfo(2)`.
pub(super) fn rt_tgsigqueueinfo(
    ctx: &mut Ctx<'_>,
    group: Pid,
    tid: Pid,
    signal: SignalArg,
    info: VirtAddr,
) -> SysResult {
    if group.0 <= 0 || tid.0 <= 0 {
        return Err(Errno::EINVAL.into());
    }
    let bytes = read_info(ctx, group, info)?;
    if ctx.kernel.tasks.task(tid).is_none_or(|task| task.process != group) {
        return Err(Errno::ESRCH.into());
    }
    if let Some(signal) = permitted(ctx, group, signal)? {
        check_room(ctx, group, signal)?;
        ctx.kernel.send_to_task(tid, SignalInfo::queued(signal, &bytes));
    }
    Ok(0)
}

/// `sigaltstack(2)`.
pub(super) fn sigaltstack(ctx: &mut Ctx<'_>, new: VirtAddr, old: VirtAddr) -> SysResult {
    let sp = ctx.harts.register(ctx.hart, Reg::SP);
    let before = ctx.task().alternate_stack.saved_at(sp);
    if new.0 != 0 {
        let mut bytes = [0; frame::STACK_BYTES];
        ctx.read_bytes(new, &mut bytes).map_err(|_| Errno::EFAULT)?;
        ctx.set_alternate_stack(&bytes, sp)?;
    }
    if old.0 != 0 {
        ctx.write_bytes(old, &before).map_err(|_| Errno::EFAULT)?;
    }
    Ok(0)
}

/// `rt_sigreturn(2)`: goes back to where the handler interrupted.
pub(super) fn rt_sigreturn(ctx: &mut Ctx<'_>) -> SysResult {
    match frame::pop(ctx) {
        Ok(()) => show::signal_return(ctx),
        Err(_) => ctx.force_bad_frame(),
    }
    Err(Flow::NoReturn)
}
