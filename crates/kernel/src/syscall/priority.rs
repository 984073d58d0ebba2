//! Calls about niceness and input-output priorities, of a task, a process group or a user.

use super::SysResult;
use super::sched_types::IoPriority;
use super::types::{IoWhich, PriorityWhich};
use crate::creds::{Capabilities, Credentials};
use crate::ctx::Ctx;
use crate::kernel::INIT;
use crate::task::{Policy, Scheduling, Task};
use crate::{Errno, Pid};

/// Which tasks a call is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Whose {
    Task,
    Group,
    User,
}

/// Returns the tasks that a call names; `who` 0 stands for the caller, its group or its user.
fn targets(ctx: &Ctx<'_>, whose: Whose, who: i32) -> Vec<Pid> {
    let tasks = &ctx.kernel.tasks;
    let of = |wanted: &dyn Fn(&Task) -> bool| {
        tasks.tasks().filter(|(_, task)| wanted(task)).map(|(tid, _)| tid).collect()
    };
    match whose {
        Whose::Task => {
            let tid = if who == 0 { ctx.tid } else { Pid(who) };
            tasks.task(tid).map(|_| tid).into_iter().collect()
        }
        Whose::Group => {
            let group = if who == 0 { ctx.process().group } else { Pid(who) };
            of(&|task| tasks.process(task.process).is_some_and(|process| process.group == group))
        }
        Whose::User => {
            let user = if who == 0 { ctx.credentials().user.real } else { who as u32 };
            of(&|task| task.credentials.user.real == user)
        }
    }
}

fn whose_priority(which: PriorityWhich) -> Result<Whose, Errno> {
    match which.0 {
        0 => Ok(Whose::Task),
        1 => Ok(Whose::Group),
        2 => Ok(Whose::User),
        _ => Err(Errno::EINVAL),
    }
}

/// `getpriority(2)`, the system call: 20 less the niceness, of the most urgent task.
pub(super) fn getpriority(ctx: &mut Ctx<'_>, which: PriorityWhich, who: i32) -> SysResult {
    let whose = whose_priority(which)?;
    if whose == Whose::Task && who == INIT.0 {
        return Ok(20);
    }
    let tasks = &ctx.kernel.tasks;
    let found = targets(ctx, whose, who).into_iter().filter_map(|tid| tasks.task(tid));
    let most = found.map(|task| 20 - task.scheduling.nice).max().ok_or(Errno::ESRCH)?;
    Ok(most as u64)
}

/// `setpriority(2)`.
///
/// # Errors
/// `EINVAL`, `ESRCH`; `EPERM` for tasks of others, `EACCES` for less niceness than the limit allows. What can be changed is.
pub(super) fn setpriority(ctx: &mut Ctx<'_>, which: PriorityWhich, who: i32, nice: i32) -> SysResult {
    let whose = whose_priority(which)?;
    let nice = nice.clamp(-20, 19);
    if whose == Whose::Task && who == INIT.0 {
        // Init has no task whose niceness could matter.
        let may = ctx.credentials().may_schedule(Credentials::of_kernel());
        return if may { Ok(0) } else { Err(Errno::EPERM.into()) };
    }
    let mut result = Err(Errno::ESRCH);
    for tid in targets(ctx, whose, who) {
        match set_nice(ctx, tid, nice) {
            Err(errno) => result = Err(errno),
            Ok(()) if result == Err(Errno::ESRCH) => result = Ok(0),
            Ok(()) => {}
        }
    }
    Ok(result?)
}

fn set_nice(ctx: &mut Ctx<'_>, tid: Pid, nice: i32) -> Result<(), Errno> {
    let task = ctx.kernel.tasks.task(tid).ok_or(Errno::ESRCH)?;
    let process = ctx.kernel.tasks.process(task.process).ok_or(Errno::ESRCH)?;
    let who = ctx.credentials();
    if !who.may_schedule(&task.credentials) {
        return Err(Errno::EPERM);
    }
    let allowed = Scheduling::may_be_nice(nice, &process.rlimits) || who.can(Capabilities::SYS_NICE);
    if nice < task.scheduling.nice && !allowed {
        return Err(Errno::EACCES);
    }
    let scheduling = Scheduling { nice, ..task.scheduling };
    ctx.schedule(tid, scheduling);
    Ok(())
}

fn whose_io(which: IoWhich) -> Result<Whose, Errno> {
    match which.0 {
        1 => Ok(Whose::Task),
        2 => Ok(Whose::Group),
        3 => Ok(Whose::User),
        _ => Err(Errno::EINVAL),
    }
}

/// Returns the priority that a task has where it was given none (`__get_task_ioprio`).
fn effective_io(task: &Task) -> u16 {
    const CLASS: u32 = 13;
    let Scheduling { policy, nice, io_priority, .. } = task.scheduling;
    let class = match policy {
        _ if io_priority >> CLASS != 0 => return io_priority,
        Policy::Idle => 3,
        Policy::Fifo | Policy::RoundRobin => 1,
        Policy::Other | Policy::Batch => 2,
    };
    class << CLASS | ((nice + 20) / 5) as u16
}

/// `ioprio_get(2)`: of several tasks, the most urgent.
pub(super) fn ioprio_get(ctx: &mut Ctx<'_>, which: IoWhich, who: i32) -> SysResult {
    let whose = whose_io(which)?;
    let tasks = &ctx.kernel.tasks;
    let found = targets(ctx, whose, who).into_iter().filter_map(|tid| tasks.task(tid));
    let most = match whose {
        Whose::Task => found.map(|task| task.scheduling.io_priority).min(),
        Whose::Group | Whose::User => found.map(effective_io).min(),
    };
    Ok(u64::from(most.ok_or(Errno::ESRCH)?))
}

/// `ioprio_set(2)`: the priority is kept; no device is slow enough for it to matter.
///
/// # Errors
/// `EINVAL`, `ESRCH`; `EPERM` for the real-time class and for tasks of others.
pub(super) fn ioprio_set(ctx: &mut Ctx<'_>, which: IoWhich, who: i32, priority: IoPriority) -> SysResult {
    let urgent =
        ctx.credentials().can(Capabilities::SYS_ADMIN) || ctx.credentials().can(Capabilities::SYS_NICE);
    match (priority.class(), priority.level()) {
        (1, _) if !urgent => return Err(Errno::EPERM.into()),
        (1..=3, _) | (0, 0) => {}
        _ => return Err(Errno::EINVAL.into()),
    }
    let targets = targets(ctx, whose_io(which)?, who);
    if targets.is_empty() {
        return Err(Errno::ESRCH.into());
    }
    for tid in targets {
        let who = ctx.credentials().clone();
        let Some(task) = ctx.kernel.tasks.task_mut(tid) else { continue };
        let owner = task.credentials.user.real;
        let owns = owner == who.user.effective || owner == who.user.real;
        if !owns && !who.can(Capabilities::SYS_NICE) {
            return Err(Errno::EPERM.into());
        }
        task.scheduling.io_priority = priority.0 as u16;
    }
    Ok(0)
}
