//! The commands of fcntl(2) about signals for input and output, and the sending of these.

use super::SysResult;
use super::args::UserPtr;
use super::file_types::FcntlCommand;
use crate::ctx::Ctx;
use crate::fs::{IoOwner, IoSignal, OpenId, OwnerId};
use crate::task::signal::Room;
use crate::task::{Signal, SignalFields, SignalInfo};
use crate::{Errno, Kernel, Pid};
use tine_mmu::VirtAddr;

/// `F_OWNER_TID`, `F_OWNER_PID` and `F_OWNER_PGRP`.
const OWNER_KINDS: [fn(Pid) -> OwnerId; 3] = [OwnerId::Task, OwnerId::Process, OwnerId::Group];

/// Does one of the commands.
pub(super) fn fcntl(ctx: &mut Ctx<'_>, open: OpenId, command: FcntlCommand, argument: u64) -> SysResult {
    match command {
        FcntlCommand::SETOWN => {
            let number = argument as i32;
            let pid = Pid(number.checked_abs().ok_or(Errno::EINVAL)?);
            let id = if number < 0 { OwnerId::Group(pid) } else { OwnerId::Process(pid) };
            set_owner(ctx, open, id)
        }
        FcntlCommand::GETOWN => Ok(match owner(ctx, open) {
            Some(OwnerId::Task(pid) | OwnerId::Process(pid)) => pid.0 as u64,
            Some(OwnerId::Group(pid)) => i64::from(-pid.0) as u64,
            None => 0,
        }),
        FcntlCommand::SETOWN_EX => {
            let [kind, number] = ctx.read(UserPtr::<[i32; 2]>::new(VirtAddr(argument)))?;
            let kind = usize::try_from(kind).ok().and_then(|kind| OWNER_KINDS.get(kind));
            let id = kind.ok_or(Errno::EINVAL)?(Pid(number));
            set_owner(ctx, open, id)
        }
        FcntlCommand::GETOWN_EX => {
            let words = match owner(ctx, open) {
                Some(OwnerId::Task(pid)) => [0, pid.0],
                Some(OwnerId::Process(pid)) => [1, pid.0],
                Some(OwnerId::Group(pid)) => [2, pid.0],
                // As Linux says it: the task 0.
                None => [0, 0],
            };
            ctx.write(UserPtr::<[i32; 2]>::new(VirtAddr(argument)), words)?;
            Ok(0)
        }
        FcntlCommand::GETOWNER_UIDS => {
            let owner = ctx.kernel.fs.io_owner(open);
            let users = owner.map_or([0, 0], |owner| [owner.real_user, owner.effective_user]);
            ctx.write(UserPtr::<[u32; 2]>::new(VirtAddr(argument)), users)?;
            Ok(0)
        }
        FcntlCommand::SETSIG => {
            let signal = match argument {
                0 => None,
                number => Some(Signal::new(number).ok_or(Errno::EINVAL)?),
            };
            ctx.kernel.fs.set_io_signal(open, signal);
            Ok(0)
        }
        FcntlCommand::GETSIG => {
            Ok(ctx.kernel.fs.io_signal(open).map_or(0, |signal| u64::from(signal.number())))
        }
        _ => Err(Errno::EINVAL.into()),
    }
}

/// Returns who owns a description, if he is still there.
fn owner(ctx: &Ctx<'_>, open: OpenId) -> Option<OwnerId> {
    ctx.kernel.fs.io_owner(open).map(|owner| owner.id).filter(|id| exists(ctx.kernel, *id))
}

fn exists(kernel: &Kernel, id: OwnerId) -> bool {
    match id {
        OwnerId::Task(pid) => kernel.tasks.task(pid).is_some(),
        OwnerId::Process(pid) => kernel.tasks.process(pid).is_some(),
        OwnerId::Group(group) => kernel.tasks.processes().any(|(_, process)| process.group == group),
    }
}

/// Makes somebody the owner of a description; number 0 leaves it without one.
///
/// # Errors
/// `ESRCH`.
fn set_owner(ctx: &mut Ctx<'_>, open: OpenId, id: OwnerId) -> SysResult {
    let (OwnerId::Task(pid) | OwnerId::Process(pid) | OwnerId::Group(pid)) = id;
    if pid.0 != 0 && !exists(ctx.kernel, id) {
        return Err(Errno::ESRCH.into());
    }
    let user = ctx.credentials().user;
    let owner = IoOwner { id, real_user: user.real, effective_user: user.effective };
    ctx.kernel.fs.set_io_owner(open, (pid.0 != 0).then_some(owner));
    Ok(0)
}

impl Kernel {
    /// Sends the owner of a description the signal that he asked for, or SIGIO when that one cannot be queued (Linux 6.12
    /// fs/fcntl.c send_sigio_to_task).
    pub(crate) fn send_io_signal(&mut self, told: IoSignal) {
        let may_tell =
            |pid: &Pid| self.tasks.credentials(*pid).is_some_and(|target| told.owner.may_tell(target));
        let targets: Vec<Pid> = match told.owner.id {
            OwnerId::Task(pid) | OwnerId::Process(pid) => vec![pid],
            OwnerId::Group(group) => {
                let members = self.tasks.processes().filter(|(_, process)| process.group == group);
                members.map(|(pid, _)| pid).collect()
            }
        };
        for pid in targets.into_iter().filter(may_tell).collect::<Vec<_>>() {
            let room = |signal: &Signal| self.queue_room(pid, *signal) == Room::Left;
            let info = match told.signal.filter(room) {
                None => SignalInfo::of_kernel(told.reason.usual_signal()),
                Some(signal) => SignalInfo {
                    signal,
                    code: told.reason.code(),
                    fields: SignalFields::Poll(u64::from(told.reason.band()), told.fd.0),
                },
            };
            match told.owner.id {
                OwnerId::Task(_) => self.send_to_task(pid, info),
                OwnerId::Process(_) | OwnerId::Group(_) => self.send_to_process(pid, info),
            }
        }
    }
}
