//! Requests to terminals, and what background processes may do with theirs (ioctl_tty(2); Linux 6.12
//! drivers/tty/tty_io.c tty_ioctl, tty_jobctrl.c).

use super::args::UserPtr;
use super::{Continuation, Flow, SysResult};
use crate::ctx::Ctx;
use crate::fs::{LocalModes, OnExec, OpenFlags, OpenId, Termios, TtyEnd, TtyId};
use crate::task::{Signal, SignalInfo};
use crate::{Errno, Pid};
use tine_mmu::VirtAddr;

/// What `struct termios2` has beyond `struct termios`: the speed in either direction. There is no line that could have one.
const SPEEDS: [u32; 2] = [38400; 2];

/// Serves a request that only terminals know.
pub(super) fn request(ctx: &mut Ctx<'_>, open: OpenId, request: u32, argument: VirtAddr) -> SysResult {
    const TCGETS: u32 = 0x5401;
    const TCSETS: u32 = 0x5402;
    const TCSETSW: u32 = 0x5403;
    const TCSETSF: u32 = 0x5404;
    const TCSBRK: u32 = 0x5409;
    const TCXONC: u32 = 0x540a;
    const TCFLSH: u32 = 0x540b;
    const TIOCSCTTY: u32 = 0x540e;
    const TIOCGPGRP: u32 = 0x540f;
    const TIOCSPGRP: u32 = 0x5410;
    const TIOCOUTQ: u32 = 0x5411;
    const TIOCGWINSZ: u32 = 0x5413;
    const TIOCSWINSZ: u32 = 0x5414;
    const TIOCNOTTY: u32 = 0x5422;
    const TIOCGETD: u32 = 0x5424;
    const TCSBRKP: u32 = 0x5425;
    const TIOCGSID: u32 = 0x5429;
    const TIOCGPTPEER: u32 = 0x5441;
    const TIOCGPTN: u32 = 0x8004_5430;
    const TIOCSPTLCK: u32 = 0x4004_5431;
    const TIOCGPTLCK: u32 = 0x8004_5439;
    const TCGETS2: u32 = 0x802c_542a;
    const TCSETS2: u32 = 0x402c_542b;
    const TCSETSW2: u32 = 0x402c_542c;
    const TCSETSF2: u32 = 0x402c_542d;
    let (tty, end) = ctx.kernel.fs.tty(open).ok_or(Errno::ENOTTY)?;
    if ctx.kernel.fs.tty_is_dead(tty, end) {
        return Err(Errno::EIO.into());
    }
    match request {
        TCGETS => store(ctx, argument, &ctx.kernel.fs.termios(tty).bytes())?,
        TCGETS2 => {
            let mut bytes = ctx.kernel.fs.termios(tty).bytes().to_vec();
            bytes.extend(SPEEDS.iter().flat_map(|speed| speed.to_le_bytes()));
            store(ctx, argument, &bytes)?;
        }
        TCSETS | TCSETSW | TCSETSF | TCSETS2 | TCSETSW2 | TCSETSF2 => {
            check_foreground(ctx, tty, end, Signal::SIGTTOU)?;
            let mut bytes = [0; Termios::SIZE];
            ctx.read_bytes(argument, &mut bytes).map_err(|_| Errno::EFAULT)?;
            let flushes = matches!(request, TCSETSF | TCSETSF2);
            ctx.kernel.fs.set_termios(tty, Termios::from_bytes(&bytes), flushes);
        }
        // What is written is with the other side: there is nothing to wait for.
        TCSBRK | TCSBRKP => check_foreground(ctx, tty, end, Signal::SIGTTOU)?,
        TCXONC => {
            check_foreground(ctx, tty, end, Signal::SIGTTOU)?;
            match argument.0 {
                0 | 1 => ctx.kernel.fs.stop_tty(tty, argument.0 == 0),
                // To stop and start the other side's typing would be to type here.
                2 | 3 => {}
                _ => return Err(Errno::EINVAL.into()),
            }
        }
        TCFLSH => {
            check_foreground(ctx, tty, end, Signal::SIGTTOU)?;
            let (input, output) = match argument.0 {
                0 => (true, false),
                1 => (false, true),
                2 => (true, true),
                _ => return Err(Errno::EINVAL.into()),
            };
            ctx.kernel.fs.flush_tty(tty, input, output);
        }
        TIOCSCTTY => take(ctx, tty, end)?,
        TIOCNOTTY => give_up(ctx, tty)?,
        TIOCGPGRP => {
            let (_, foreground) = own(ctx, tty, end)?;
            ctx.write(UserPtr::new(argument), foreground.map_or(0, |group| group.0))?;
        }
        TIOCGSID => {
            let (session, _) = own(ctx, tty, end)?;
            ctx.write(UserPtr::new(argument), session.0)?;
        }
        TIOCSPGRP => {
            check_foreground(ctx, tty, end, Signal::SIGTTOU)?;
            let group = Pid(ctx.read(UserPtr::<i32>::new(argument))?);
            set_foreground(ctx, tty, end, group)?;
        }
        TIOCOUTQ => {
            let count = ctx.kernel.fs.tty_unread(tty);
            ctx.write(UserPtr::new(argument), count as i32)?;
        }
        TIOCGWINSZ => {
            let size = ctx.kernel.fs.window(tty);
            store(ctx, argument, &size.map(u16::to_le_bytes).concat())?;
        }
        TIOCSWINSZ => {
            let mut bytes = [0; 8];
            ctx.read_bytes(argument, &mut bytes).map_err(|_| Errno::EFAULT)?;
            let size =
                std::array::from_fn(|index| u16::from_le_bytes([bytes[2 * index], bytes[2 * index + 1]]));
            ctx.kernel.fs.set_window(tty, size);
        }
        TIOCGETD => ctx.write(UserPtr::new(argument), 0_i32)?,
        TIOCGPTN if end == TtyEnd::Master => {
            let index = ctx.kernel.fs.tty_index(tty);
            ctx.write(UserPtr::new(argument), index)?;
        }
        TIOCSPTLCK if end == TtyEnd::Master => {
            let lock = ctx.read(UserPtr::<i32>::new(argument))?;
            ctx.kernel.fs.lock_tty(tty, lock != 0);
        }
        TIOCGPTLCK if end == TtyEnd::Master => {
            let is_locked = ctx.kernel.fs.tty_is_locked(tty);
            ctx.write(UserPtr::new(argument), i32::from(is_locked))?;
        }
        TIOCGPTPEER if end == TtyEnd::Master => {
            let flags = OpenFlags::from_bits_truncate(argument.0 as u32);
            return open_peer(ctx, tty, flags);
        }
        _ => return Err(Errno::ENOTTY.into()),
    }
    ctx.wake_files();
    Ok(0)
}

fn store(ctx: &mut Ctx<'_>, to: VirtAddr, bytes: &[u8]) -> Result<(), Errno> {
    ctx.write_bytes(to, bytes).map_err(|_| Errno::EFAULT)
}

/// Stops a caller in the background of its own terminal: its group gets `signal`, and the call starts again once it goes on
/// (`__tty_check_change`).
///
/// # Errors
/// `EIO` when nobody could bring the group back: it is orphaned, or ignores SIGTTIN.
pub(super) fn check_foreground(
    ctx: &mut Ctx<'_>,
    tty: TtyId,
    end: TtyEnd,
    signal: Signal,
) -> Result<(), Flow> {
    let (session, foreground) = ctx.kernel.fs.tty_session(tty);
    let (own_session, group) = (ctx.process().session, ctx.process().group);
    if end == TtyEnd::Master || session != Some(own_session) || foreground.is_none_or(|it| it == group) {
        return Ok(());
    }
    let is_ignored = ctx.task().blocked.contains(signal) || ctx.kernel.tasks.ignores(ctx.pid, signal);
    if is_ignored {
        return if signal == Signal::SIGTTIN { Err(Errno::EIO.into()) } else { Ok(()) };
    }
    if ctx.kernel.is_orphaned(group, None) {
        return Err(Errno::EIO.into());
    }
    ctx.kernel.send_to_group(group, SignalInfo::of_kernel(signal));
    Err(Flow::Block(Continuation::Again))
}

/// Checks that the caller may read a terminal, or write to one that minds.
pub(super) fn check_transfer(ctx: &mut Ctx<'_>, open: OpenId, signal: Signal) -> Result<(), Flow> {
    let Some((tty, end)) = ctx.kernel.fs.tty(open) else { return Ok(()) };
    let minds = signal == Signal::SIGTTIN || ctx.kernel.fs.termios(tty).local.contains(LocalModes::TOSTOP);
    if minds { check_foreground(ctx, tty, end, signal) } else { Ok(()) }
}

/// Returns the session and the foreground of the caller's own terminal. A master answers for its slave.
///
/// # Errors
/// `ENOTTY` when it is not the caller's.
fn own(ctx: &Ctx<'_>, tty: TtyId, end: TtyEnd) -> Result<(Pid, Option<Pid>), Errno> {
    let (session, foreground) = ctx.kernel.fs.tty_session(tty);
    match session {
        Some(session) if end == TtyEnd::Master || session == ctx.process().session => {
            Ok((session, foreground))
        }
        _ => Err(Errno::ENOTTY),
    }
}

/// `TIOCSCTTY`: makes the terminal that of the caller's session.
fn take(ctx: &mut Ctx<'_>, tty: TtyId, end: TtyEnd) -> Result<(), Errno> {
    let (pid, session, group) = (ctx.pid, ctx.process().session, ctx.process().group);
    let (owner, _) = ctx.kernel.fs.tty_session(tty);
    if end == TtyEnd::Slave && session == pid && owner == Some(session) {
        return Ok(());
    }
    let has_another = ctx.kernel.fs.tty_of_session(session).is_some();
    if end == TtyEnd::Master || session != pid || has_another || owner.is_some() {
        return Err(Errno::EPERM);
    }
    ctx.kernel.fs.control_tty(tty, session, group);
    Ok(())
}

/// `TIOCNOTTY`: the leader gives the terminal up for its session.
fn give_up(ctx: &mut Ctx<'_>, tty: TtyId) -> Result<(), Errno> {
    let session = ctx.process().session;
    if ctx.kernel.fs.tty_session(tty).0 != Some(session) {
        return Err(Errno::ENOTTY);
    }
    if session == ctx.pid {
        ctx.kernel.fs.leave_tty(session);
    }
    Ok(())
}

/// `TIOCSPGRP`.
fn set_foreground(ctx: &mut Ctx<'_>, tty: TtyId, end: TtyEnd, group: Pid) -> Result<(), Errno> {
    let (session, _) = own(ctx, tty, end)?;
    if session != ctx.process().session {
        return Err(Errno::ENOTTY);
    }
    if group.0 < 0 {
        return Err(Errno::EINVAL);
    }
    let mut members = ctx.kernel.tasks.processes().filter(|(_, process)| process.group == group);
    let (_, member) = members.next().ok_or(Errno::ESRCH)?;
    if member.session != session {
        return Err(Errno::EPERM);
    }
    drop(members);
    ctx.kernel.fs.control_tty(tty, session, group);
    Ok(())
}

/// `TIOCGPTPEER`.
fn open_peer(ctx: &mut Ctx<'_>, tty: TtyId, flags: OpenFlags) -> SysResult {
    let (files, limit) = (ctx.files(), ctx.fd_limit());
    let fd = ctx.kernel.fs.lowest_fd(files, crate::Fd(0), limit)?;
    let on_exec = if flags.contains(OpenFlags::CLOEXEC) { OnExec::Close } else { OnExec::Keep };
    let open = ctx.kernel.fs.open_peer(tty, flags)?;
    ctx.kernel.fs.put_fd(files, fd, open, on_exec);
    Ok(fd.0 as u64)
}
