//! `prctl(2)`: what a task says of itself, and of its process.

use super::SysResult;
use super::args::UserPtr;
use super::prctl_types::PrctlArg;
use super::prctl_types::PrctlOption;
use crate::Errno;
use crate::creds::{Capabilities, Credentials};
use crate::ctx::Ctx;
use crate::task::{Dumpable, Signal};
use tine_mmu::VirtAddr;

/// Size of a task's name, with its NUL (`TASK_COMM_LEN`).
const NAME_BYTES: usize = 16;

/// `prctl(2)`. What is not here is refused as by a kernel that was built without it, or for another processor.
pub(super) fn prctl(
    ctx: &mut Ctx<'_>,
    option: PrctlOption,
    a: PrctlArg,
    b: PrctlArg,
    c: PrctlArg,
    d: PrctlArg,
) -> SysResult {
    let (first, rest) = (a.0, [b.0, c.0, d.0]);
    match option.0 {
        PrctlOption::SET_PDEATHSIG => set_parent_death_signal(ctx, first),
        PrctlOption::GET_PDEATHSIG => {
            let signal = ctx.task().parent_death_signal.map_or(0, Signal::number);
            store(ctx, first, signal)
        }
        PrctlOption::GET_DUMPABLE => Ok(u64::from(ctx.process().dumpable == Dumpable::Yes)),
        PrctlOption::SET_DUMPABLE => {
            ctx.process_mut().dumpable = match first {
                0 => Dumpable::No,
                1 => Dumpable::Yes,
                _ => return Err(Errno::EINVAL.into()),
            };
            Ok(0)
        }
        PrctlOption::SET_NAME => set_name(ctx, VirtAddr(first)),
        PrctlOption::GET_NAME => {
            let mut name = ctx.name().to_vec();
            name.resize(NAME_BYTES, 0);
            ctx.write_bytes(VirtAddr(first), &name).map_err(|_| Errno::EFAULT)?;
            Ok(0)
        }
        // Statistical timing is the only kind there is.
        PrctlOption::GET_TIMING => Ok(0),
        PrctlOption::SET_TIMING if first == 0 => Ok(0),
        PrctlOption::GET_SECCOMP => Ok(0),
        PrctlOption::SET_TIMERSLACK => set_timer_slack(ctx, first),
        PrctlOption::GET_TIMERSLACK => Ok(ctx.task().timer_slack_ns),
        PrctlOption::SET_CHILD_SUBREAPER => {
            ctx.process_mut().is_subreaper = first != 0;
            Ok(0)
        }
        PrctlOption::GET_CHILD_SUBREAPER => {
            let is_subreaper = u32::from(ctx.process().is_subreaper);
            store(ctx, first, is_subreaper)
        }
        PrctlOption::SET_NO_NEW_PRIVS if first == 1 && rest == [0; 3] => {
            ctx.task_mut().credentials.no_new_privileges = true;
            Ok(0)
        }
        PrctlOption::GET_NO_NEW_PRIVS if first == 0 && rest == [0; 3] => {
            Ok(u64::from(ctx.credentials().no_new_privileges))
        }
        PrctlOption::GET_TID_ADDRESS => {
            let word = ctx.task().clear_child_tid;
            ctx.write(UserPtr::new(VirtAddr(first)), word)?;
            Ok(0)
        }
        PrctlOption::SET_THP_DISABLE if rest == [0; 3] => {
            ctx.process_mut().thp_disabled = first != 0;
            Ok(0)
        }
        PrctlOption::GET_THP_DISABLE if first == 0 && rest == [0; 3] => {
            Ok(u64::from(ctx.process().thp_disabled))
        }
        // As from a kernel that was built without them.
        PrctlOption::SET_SECCOMP | PrctlOption::SET_MM | PrctlOption::SET_VMA | PrctlOption::SET_PTRACER => {
            Err(Errno::EINVAL.into())
        }
        _ => of_capabilities(ctx, option, first, rest),
    }
}

/// The options about capabilities (Linux 6.12 security/commoncap.c `cap_task_prctl`).
fn of_capabilities(ctx: &mut Ctx<'_>, option: PrctlOption, first: u64, rest: [u64; 3]) -> SysResult {
    let who = ctx.credentials();
    let capability = Capabilities::from_number(first);
    let after = match option.0 {
        PrctlOption::CAPBSET_READ => {
            let bounding = who.capabilities.bounding;
            return Ok(u64::from(bounding.contains(capability.ok_or(Errno::EINVAL)?)));
        }
        PrctlOption::CAPBSET_DROP => who.drop_from_bounding(capability)?,
        PrctlOption::GET_KEEPCAPS => {
            return Ok(u64::from(who.secure.contains(crate::creds::SecureBits::KEEP_CAPS)));
        }
        PrctlOption::SET_KEEPCAPS => who.set_keep_capabilities(first)?,
        PrctlOption::GET_SECUREBITS => return Ok(u64::from(who.secure.bits())),
        PrctlOption::SET_SECUREBITS => who.set_secure_bits(first)?,
        PrctlOption::CAP_AMBIENT => return ambient(ctx, first, rest),
        _ => return Err(Errno::EINVAL.into()),
    };
    ctx.take_credentials(after);
    Ok(0)
}

/// `PR_CAP_AMBIENT`.
fn ambient(ctx: &mut Ctx<'_>, operation: u64, rest: [u64; 3]) -> SysResult {
    const IS_SET: u64 = 1;
    const RAISE: u64 = 2;
    const LOWER: u64 = 3;
    const CLEAR_ALL: u64 = 4;
    let who = ctx.credentials();
    let [number, others @ ..] = rest;
    let after: Credentials = match (operation, Capabilities::from_number(number)) {
        (CLEAR_ALL, _) if rest == [0; 3] => {
            let mut after = who.clone();
            after.capabilities.ambient = Capabilities::empty();
            after
        }
        (IS_SET, Some(capability)) if others == [0; 2] => {
            return Ok(u64::from(who.capabilities.ambient.contains(capability)));
        }
        (RAISE | LOWER, Some(capability)) if others == [0; 2] => {
            who.set_ambient(capability, operation == RAISE)?
        }
        _ => return Err(Errno::EINVAL.into()),
    };
    ctx.take_credentials(after);
    Ok(0)
}

fn store(ctx: &mut Ctx<'_>, at: u64, value: u32) -> SysResult {
    ctx.write(UserPtr::new(VirtAddr(at)), value)?;
    Ok(0)
}

fn set_parent_death_signal(ctx: &mut Ctx<'_>, number: u64) -> SysResult {
    ctx.task_mut().parent_death_signal = match number {
        0 => None,
        _ => Some(Signal::new(number).ok_or(Errno::EINVAL)?),
    };
    Ok(0)
}

/// Sets how late timers of the task may be, of which nothing here makes use; 0 is what the maker had.
fn set_timer_slack(ctx: &mut Ctx<'_>, slack_ns: u64) -> SysResult {
    let task = ctx.task_mut();
    if !task.scheduling.policy.is_real_time() {
        task.timer_slack_ns = if slack_ns as i64 <= 0 { task.default_timer_slack_ns } else { slack_ns };
    }
    Ok(0)
}

fn set_name(ctx: &mut Ctx<'_>, at: VirtAddr) -> SysResult {
    let mut name = Vec::new();
    while name.len() < NAME_BYTES - 1 {
        let mut byte = [0];
        ctx.read_bytes(at + name.len() as u64, &mut byte).map_err(|_| Errno::EFAULT)?;
        let [byte] = byte;
        if byte == 0 {
            break;
        }
        name.push(byte);
    }
    ctx.set_name(name);
    Ok(0)
}
