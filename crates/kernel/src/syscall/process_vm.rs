//! process_vm_readv(2), process_vm_writev(2) and process_madvise(2): memory of other processes (Linux 6.12
//! mm/process_vm_access.c, mm/madvise.c).

use super::args::UserPtr;
use super::pidfd::pid_of;
use super::types::Advice as AdviceArg;
use super::{Flow, SysResult};
use crate::creds::Capabilities;
use crate::ctx::Ctx;
use crate::mm::Advice;
use crate::{Errno, Fd, MmId, Pid};
use tine_mmu::{Access, PAGE_SIZE, VirtAddr};

/// The most ranges of one vector (`UIO_MAXIOV`).
const MOST_RANGES: u64 = 1024;
/// The most bytes of one call (`MAX_RW_COUNT`).
const MOST_BYTES: u64 = 0x7fff_f000;

/// A piece of memory that a vector names.
#[derive(Clone, Copy, Debug)]
struct Piece {
    at: VirtAddr,
    len: u64,
}

/// `process_vm_readv(2)`.
pub(super) fn process_vm_readv(
    ctx: &mut Ctx<'_>,
    pid: Pid,
    local: VirtAddr,
    local_count: u64,
    remote: VirtAddr,
    remote_count: u64,
    flags: u64,
) -> SysResult {
    transfer(ctx, pid, [(local, local_count), (remote, remote_count)], flags, Access::Load)
}

/// `process_vm_writev(2)`.
pub(super) fn process_vm_writev(
    ctx: &mut Ctx<'_>,
    pid: Pid,
    local: VirtAddr,
    local_count: u64,
    remote: VirtAddr,
    remote_count: u64,
    flags: u64,
) -> SysResult {
    transfer(ctx, pid, [(local, local_count), (remote, remote_count)], flags, Access::Store)
}

/// `process_madvise(2)`: as madvise, for the memory of the process that a descriptor stands for. Returns the bytes that the
/// advice was taken for.
///
/// # Errors
/// As madvise; `EINVAL` for flags and for advice that changes what is in the memory, `EBADF`, `ESRCH`, `EACCES` for a process
/// that the caller may not inspect, `EPERM` without `CAP_SYS_NICE`.
pub(super) fn process_madvise(
    ctx: &mut Ctx<'_>,
    fd: Fd,
    vector: VirtAddr,
    count: i32,
    advice: AdviceArg,
    flags: u32,
) -> SysResult {
    /// `MADV_WILLNEED`, `MADV_COLD`, `MADV_PAGEOUT`.
    const HARMLESS: [u32; 3] = [3, 20, 21];
    if flags != 0 {
        return Err(Errno::EINVAL.into());
    }
    let pieces = read_vector(ctx, vector, u64::from(count as u32))?;
    let (pid, _) = pid_of(ctx, fd)?;
    let advice = Advice::from_number(advice.0 as i32).filter(|_| HARMLESS.contains(&advice.0));
    let advice = advice.ok_or(Errno::EINVAL)?;
    let other = match inspected(ctx, pid) {
        Err(Flow::Errno(Errno::EPERM)) => return Err(Errno::EACCES.into()),
        found => found?,
    };
    if other != ctx.mm() && !ctx.credentials().can(Capabilities::SYS_NICE) {
        return Err(Errno::EPERM.into());
    }
    let mut done = 0;
    for Piece { at, len } in pieces {
        match ctx.memory(other, |memory, work| memory.advise(work, other, at, len, advice)) {
            Ok(()) => done += len,
            Err(errno) if done == 0 => return Err(errno.into()),
            Err(_) => break,
        }
    }
    Ok(done)
}

/// Copies between the caller's memory and another process's, which is accessed by `access`. What is copied before a page that
/// cannot be accessed counts.
///
/// # Errors
/// `EINVAL` for flags, too many ranges or too long ones; `EFAULT` when nothing could be copied; `ESRCH`; `EPERM` for a process
/// that the caller may not inspect.
fn transfer(
    ctx: &mut Ctx<'_>,
    pid: Pid,
    vectors: [(VirtAddr, u64); 2],
    flags: u64,
    access: Access,
) -> SysResult {
    if flags != 0 {
        return Err(Errno::EINVAL.into());
    }
    let [local, remote] = vectors;
    let mut local = read_vector(ctx, local.0, local.1)?;
    if local.is_empty() {
        return Ok(0);
    }
    let remote = read_vector(ctx, remote.0, remote.1)?;
    if remote.is_empty() {
        return Ok(0);
    }
    let other = inspected(ctx, pid)?;
    let mut done = 0;
    for mut from in remote {
        while from.len > 0 {
            let Some(to) = local.first_mut() else { return Ok(done) };
            let len = from.len.min(to.len).min(PAGE_SIZE - from.at.offset());
            let (here, there) = (to.at, from.at);
            (to.at, to.len, from.at, from.len) = (here + len, to.len - len, there + len, from.len - len);
            if to.len == 0 {
                local.remove(0);
            }
            match copy(ctx, other, here, there, len as usize, access) {
                Ok(()) => done += len,
                Err(errno) if done == 0 => return Err(errno.into()),
                Err(_) => return Ok(done),
            }
        }
    }
    Ok(done)
}

/// Copies bytes that lie in one page of the other process.
fn copy(
    ctx: &mut Ctx<'_>,
    other: MmId,
    here: VirtAddr,
    there: VirtAddr,
    len: usize,
    access: Access,
) -> Result<(), Errno> {
    let areas = ctx.kernel.memory.space(other).areas();
    if areas.find(there.vpn()).is_some_and(|vma| vma.is_raw_frames()) {
        return Err(Errno::EFAULT);
    }
    ctx.bring_in(other, there, len as u64);
    let mut bytes = vec![0; len];
    if access == Access::Store {
        ctx.read_bytes(here, &mut bytes).map_err(|_| Errno::EFAULT)?;
        ctx.memory(other, |memory, work| memory.poke(work, other, there, &bytes)).map_err(|_| Errno::EFAULT)
    } else {
        ctx.memory(other, |memory, work| {
            memory.peek(work, other, there, &mut bytes)?;
            memory.unshare(work, other, there)
        })
        .map_err(|_| Errno::EFAULT)?;
        ctx.write_bytes(here, &bytes).map_err(|_| Errno::EFAULT)
    }
}

/// Reads a vector, without its empty ranges.
fn read_vector(ctx: &mut Ctx<'_>, at: VirtAddr, count: u64) -> Result<Vec<Piece>, Errno> {
    if count > MOST_RANGES {
        return Err(Errno::EINVAL);
    }
    let mut pieces = Vec::new();
    let mut room = MOST_BYTES;
    for index in 0..count {
        let [base, len] = ctx.read(UserPtr::<[u64; 2]>::new(at + 16 * index))?;
        if len > i64::MAX as u64 {
            return Err(Errno::EINVAL);
        }
        let len = len.min(room);
        room -= len;
        if len > 0 {
            pieces.push(Piece { at: VirtAddr(base), len });
        }
    }
    Ok(pieces)
}

/// Returns the memory of a process that the caller may inspect.
fn inspected(ctx: &Ctx<'_>, pid: Pid) -> Result<MmId, Flow> {
    let process = ctx.kernel.tasks.process_of(pid).ok_or(Errno::ESRCH)?;
    let target = ctx.kernel.tasks.credentials(process).ok_or(Errno::ESRCH)?;
    if process != ctx.pid && !ctx.credentials().as_real_user().may_inspect(target) {
        return Err(Errno::EPERM.into());
    }
    ctx.kernel.tasks.process(process).and_then(|process| process.mm).ok_or(Flow::Errno(Errno::ESRCH))
}
