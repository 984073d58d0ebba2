//! Calls about resource limits.

use super::SysResult;
use super::args::{Rlimit as RlimitWords, UserPtr};
use super::types::Resource as ResourceArg;
use crate::creds::Capabilities;
use crate::ctx::Ctx;
use crate::task::{Resource, Rlimit, SI_USER, Signal};
use crate::{Errno, Pid};

/// The most descriptors that a limit may allow (`fs.nr_open`).
pub(crate) const MOST_FDS: u64 = 1 << 20;

/// `getrlimit(2)`.
pub(super) fn getrlimit(ctx: &mut Ctx<'_>, resource: ResourceArg, to: UserPtr<RlimitWords>) -> SysResult {
    let limit = ctx.process().rlimits.get(known(resource)?);
    ctx.write(to, words(limit))?;
    Ok(0)
}

/// `setrlimit(2)`.
pub(super) fn setrlimit(ctx: &mut Ctx<'_>, resource: ResourceArg, from: UserPtr<RlimitWords>) -> SysResult {
    let limit = limit(ctx.read(from)?);
    ctx.set_limit(ctx.pid, known(resource)?, limit)?;
    Ok(0)
}

/// `prlimit64(2)`.
pub(super) fn prlimit64(
    ctx: &mut Ctx<'_>,
    pid: Pid,
    resource: ResourceArg,
    new: UserPtr<RlimitWords>,
    old: UserPtr<RlimitWords>,
) -> SysResult {
    let new = if new.is_null() { None } else { Some(limit(ctx.read(new)?)) };
    let tid = if pid.0 == 0 { ctx.tid } else { pid };
    let target = ctx.kernel.tasks.task(tid).ok_or(Errno::ESRCH)?;
    if tid != ctx.tid && !ctx.credentials().may_limit(&target.credentials) {
        return Err(Errno::EPERM.into());
    }
    let pid = target.process;
    let resource = known(resource)?;
    let before = ctx.kernel.tasks.process(pid).ok_or(Errno::ESRCH)?.rlimits.get(resource);
    if let Some(limit) = new {
        ctx.set_limit(pid, resource, limit)?;
    }
    ctx.write_optional(old, words(before))?;
    Ok(0)
}

fn known(resource: ResourceArg) -> Result<Resource, Errno> {
    Resource::from_number(resource.0).ok_or(Errno::EINVAL)
}

const fn words(limit: Rlimit) -> RlimitWords {
    RlimitWords { current: limit.current as i64, maximum: limit.maximum as i64 }
}

const fn limit(words: RlimitWords) -> Rlimit {
    Rlimit { current: words.current as u64, maximum: words.maximum as u64 }
}

impl Ctx<'_> {
    /// Sets the limits of a process.
    ///
    /// # Errors
    /// `EINVAL` for a soft limit above the hard one; `EPERM` for more descriptors than any process may have, and for a hard
    /// limit that only the privileged may raise.
    fn set_limit(&mut self, pid: Pid, resource: Resource, limit: Rlimit) -> Result<(), Errno> {
        if limit.current > limit.maximum {
            return Err(Errno::EINVAL);
        }
        if resource == Resource::OpenFiles && limit.maximum > MOST_FDS {
            return Err(Errno::EPERM);
        }
        let may_raise = self.credentials().can(Capabilities::SYS_RESOURCE);
        let process = self.kernel.tasks.process_mut(pid).ok_or(Errno::ESRCH)?;
        if limit.maximum > process.rlimits.get(resource).maximum && !may_raise {
            return Err(Errno::EPERM);
        }
        process.rlimits.set(resource, limit);
        if let Some(task) = process.tasks.first().copied() {
            self.kernel.limit_memory(task);
        }
        Ok(())
    }

    /// Returns the number that every descriptor stays below.
    pub(crate) fn fd_limit(&self) -> u64 {
        self.process().rlimits.current(Resource::OpenFiles)
    }

    /// Returns the size up to which a file may be written.
    pub(super) fn file_size_limit(&self) -> u64 {
        self.process().rlimits.current(Resource::FileSize)
    }

    /// Checks that a file may grow from one size to another (Linux 6.12 fs/attr.c inode_newsize_ok).
    ///
    /// # Errors
    /// `EFBIG`, and SIGXFSZ says so too.
    pub(super) fn check_growth(&mut self, from: u64, to: u64) -> Result<(), Errno> {
        if to > from && to > self.file_size_limit() {
            let info = self.own_signal(Signal::SIGXFSZ, SI_USER);
            self.kernel.send_to_task(self.tid, info);
            return Err(Errno::EFBIG);
        }
        Ok(())
    }
}
