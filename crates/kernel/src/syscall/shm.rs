//! Calls about System V shared memory (shmget(2), shmop(2), shmctl(2); Linux 6.12 ipc/shm.c).

use super::SysResult;
use super::args::UserPtr;
use super::ipc_types::{IpcCommand, IpcFlags, IpcKey};
use crate::creds::Capabilities;
use crate::ctx::Ctx;
use crate::ipc::{CREATE, EXCLUSIVE, Object, PRIVATE, Permissions, READ, Segment, WRITE};
use crate::mm::{Backing, FileMapping, MapBacking, MapRequest, Placement, Prot, Sharing};
use crate::task::Resource;
use crate::{Errno, Pid};
use std::sync::Arc;
use tine_mmu::{PAGE_SHIFT, PAGE_SIZE, VirtAddr};

const SHM_HUGETLB: u32 = 0o4000;
const SHM_RDONLY: u32 = 0o10000;
const SHM_RND: u32 = 0o20000;
const SHM_REMAP: u32 = 0o40000;
const SHM_EXEC: u32 = 0o100000;

/// `shmget(2)`. Huge pages are `ENOMEM`: none are reserved.
///
/// # Errors
/// `ENOENT` where there is none with this key, `EEXIST` where there is one and must not be, `EINVAL` for a size that it has
/// not or that is 0, `EACCES`, `ENOSPC` for too many, `ENOMEM` for more than the machine has.
pub(super) fn shmget(ctx: &mut Ctx<'_>, key: IpcKey, len: u64, flags: IpcFlags) -> SysResult {
    let flags = flags.0;
    if key.0 != PRIVATE
        && let Some(id) = ctx.kernel.ipc.segments.find(key.0)
    {
        let segment = ctx.kernel.ipc.segments.get(id)?;
        return match () {
            () if flags & (CREATE | EXCLUSIVE) == CREATE | EXCLUSIVE => Err(Errno::EEXIST.into()),
            () if segment.len_bytes < len => Err(Errno::EINVAL.into()),
            () if !segment.permissions.allow(ctx.credentials(), flags) => Err(Errno::EACCES.into()),
            () => Ok(id as u64),
        };
    }
    if key.0 != PRIVATE && flags & CREATE == 0 {
        return Err(Errno::ENOENT.into());
    }
    let limits = &ctx.kernel.ipc.limits;
    if len == 0 || len > limits.segment_bytes {
        return Err(Errno::EINVAL.into());
    }
    let most = limits.segments as usize;
    let segments = ctx.kernel.ipc.segments.iter();
    let used: u64 = segments.map(|(_, segment)| segment.len_bytes.div_ceil(PAGE_SIZE)).sum();
    if used.saturating_add(len.div_ceil(PAGE_SIZE)) > limits.all_pages {
        return Err(Errno::ENOSPC.into());
    }
    if flags & SHM_HUGETLB != 0 || !ctx.kernel.memory.may_promise(ctx.mm(), len.div_ceil(PAGE_SIZE)) {
        return Err(Errno::ENOMEM.into());
    }
    if ctx.kernel.ipc.segments.len() >= most {
        return Err(Errno::ENOSPC.into());
    }
    let file = ctx.kernel.memory.cache_mut().0.create_segment(len);
    let segment = Segment {
        permissions: Permissions::new(key.0, flags, ctx.credentials()),
        file,
        len_bytes: len,
        attached_s: 0,
        detached_s: 0,
        changed_s: ctx.wall_clock_s(),
        maker: ctx.pid,
        last: Pid(0),
    };
    Ok(ctx.kernel.ipc.segments.insert(segment, most)? as u64)
}

/// `shmat(2)`.
///
/// # Errors
/// `EINVAL` for no such segment, a misaligned address, one where something is mapped unless it is to be replaced; `EIDRM`,
/// `EACCES`; as mmap.
pub(super) fn shmat(ctx: &mut Ctx<'_>, id: i32, at: VirtAddr, flags: IpcFlags) -> SysResult {
    let has = |flag| flags.0 & flag != 0;
    if id < 0 || at.0 == 0 && has(SHM_REMAP) {
        return Err(Errno::EINVAL.into());
    }
    let at = if has(SHM_RND) { VirtAddr(at.0 & !(PAGE_SIZE - 1)) } else { at };
    if at.offset() != 0 || at.0 == 0 && has(SHM_REMAP) {
        return Err(Errno::EINVAL.into());
    }
    let (mut prot, mut wanted) = (Prot::READ, READ);
    if !has(SHM_RDONLY) {
        (prot, wanted) = (prot | Prot::WRITE, wanted | WRITE);
    }
    if has(SHM_EXEC) {
        (prot, wanted) = (prot | Prot::EXEC, wanted | 0o111);
    }
    let segment = ctx.kernel.ipc.segments.get(id)?;
    if !segment.permissions.allow(ctx.credentials(), wanted) {
        return Err(Errno::EACCES.into());
    }
    let pages = segment.len_bytes.div_ceil(PAGE_SIZE);
    let mapping = FileMapping {
        file: segment.file,
        first_page: 0,
        name: Arc::from(format!("/SYSV{:08x} (deleted)", segment.permissions.key)),
        inode: id as u64,
        device: 1,
    };
    let placement = match () {
        () if at.0 == 0 => Placement::Anywhere,
        () if has(SHM_REMAP) => Placement::Fixed(at),
        () => Placement::FixedNoReplace(at),
    };
    let mut may = Prot::all();
    may.set(Prot::WRITE, !has(SHM_RDONLY));
    let request = MapRequest {
        placement,
        may,
        sharing: Sharing::Shared,
        backing: MapBacking::File(mapping),
        ..MapRequest::anonymous(pages << PAGE_SHIFT, prot)
    };
    let mm = ctx.mm();
    let at = ctx.memory(mm, |memory, work| memory.map(work, mm, request)).map_err(|errno| match errno {
        Errno::EEXIST => Errno::EINVAL,
        errno => errno,
    })?;
    let (pid, now_s) = (ctx.pid, ctx.wall_clock_s());
    let segment = ctx.kernel.ipc.segments.get_mut(id)?;
    (segment.last, segment.attached_s) = (pid, now_s);
    Ok(at.0)
}

/// `shmdt(2)`: unmaps what is left of the attachment that began at `at`.
///
/// # Errors
/// `EINVAL` where no segment is attached.
pub(super) fn shmdt(ctx: &mut Ctx<'_>, at: VirtAddr) -> SysResult {
    if at.offset() != 0 {
        return Err(Errno::EINVAL.into());
    }
    let mm = ctx.mm();
    let segments = &ctx.kernel.ipc.segments;
    let areas = ctx.kernel.memory.space(mm).areas().iter();
    let shown = areas.filter(|vma| vma.start >= at.vpn()).filter_map(|vma| match &vma.backing {
        Backing::File(mapping) if vma.start.0 - at.vpn().0 == mapping.first_page => {
            let (id, segment) = segments.iter().find(|(_, segment)| segment.file == mapping.file)?;
            Some((id, segment.file, segment.len_bytes, vma.start.base(), vma.len_bytes()))
        }
        _ => None,
    });
    let shown: Vec<_> = shown.collect();
    let &(id, file, len, ..) = shown.first().ok_or(Errno::EINVAL)?;
    let end = at.0.saturating_add(len.next_multiple_of(PAGE_SIZE));
    let (pid, now_s) = (ctx.pid, ctx.wall_clock_s());
    let segment = ctx.kernel.ipc.segments.get_mut(id)?;
    (segment.last, segment.detached_s) = (pid, now_s);
    for (_, other, _, start, len_bytes) in shown {
        if other == file && start.0 < end {
            ctx.memory(mm, |memory, work| memory.unmap(work, mm, start, len_bytes))?;
        }
    }
    Ok(0)
}

/// `shmctl(2)`. Nothing is swapped, so that a locked segment differs from others in nothing but its mark.
///
/// # Errors
/// `EINVAL` for no such segment or command, `EIDRM`, `EACCES`, `EPERM`, `EFAULT`.
pub(super) fn shmctl(ctx: &mut Ctx<'_>, id: i32, command: IpcCommand, at: VirtAddr) -> SysResult {
    if id < 0 {
        return Err(Errno::EINVAL.into());
    }
    match command.0 {
        IpcCommand::INFO => {
            let limits = &ctx.kernel.ipc.limits;
            let (most, bytes, pages) = (limits.segments, limits.segment_bytes, limits.all_pages);
            ctx.write(UserPtr::new(at), [bytes, 1, most, most, pages, 0, 0, 0, 0])?;
            Ok(ctx.kernel.ipc.segments.highest())
        }
        IpcCommand::SHM_INFO => {
            let segments = &ctx.kernel.ipc.segments;
            let cache = ctx.kernel.memory.cache();
            let total = segments.iter().map(|(_, it)| it.len_bytes.div_ceil(PAGE_SIZE)).sum();
            let resident = segments.iter().map(|(_, it)| cache.resident_pages(it.file)).sum();
            let (count, highest) = (segments.len() as u64, segments.highest());
            ctx.write(UserPtr::new(at), [count, total, resident, 0, 0, 0])?;
            Ok(highest)
        }
        IpcCommand::STAT | IpcCommand::SHM_STAT | IpcCommand::SHM_STAT_ANY => stat(ctx, id, command, at),
        IpcCommand::SET => {
            let change = ctx.read_ipc_change(at)?;
            let (who, now_s) = (ctx.credentials().clone(), ctx.wall_clock_s());
            let segment = ctx.kernel.ipc.segments.get_mut(id)?;
            change.apply(segment.permissions_mut(), &who)?;
            segment.changed_s = now_s;
            Ok(0)
        }
        IpcCommand::RMID => {
            ctx.kernel.ipc.segments.get(id)?.permissions.check_control(ctx.credentials())?;
            let segment = ctx.kernel.ipc.segments.get_mut(id)?;
            segment.permissions.mode |= Segment::DOOMED;
            segment.permissions.key = PRIVATE;
            let ram = ctx.harts.ram();
            ctx.kernel.free_doomed_segments(ram);
            Ok(0)
        }
        IpcCommand::SHM_LOCK | IpcCommand::SHM_UNLOCK => {
            let segment = ctx.kernel.ipc.segments.get(id)?;
            if !ctx.credentials().can(Capabilities::IPC_LOCK) {
                let none = ctx.process().rlimits.current(Resource::LockedMemory) == 0;
                if !segment.permissions.belongs_to(ctx.credentials())
                    || none && command.0 == IpcCommand::SHM_LOCK
                {
                    return Err(Errno::EPERM.into());
                }
            }
            let mode = &mut ctx.kernel.ipc.segments.get_mut(id)?.permissions.mode;
            match command.0 {
                IpcCommand::SHM_LOCK => *mode |= Segment::LOCKED,
                _ => *mode &= !Segment::LOCKED,
            }
            Ok(0)
        }
        _ => Err(Errno::EINVAL.into()),
    }
}

/// Stores a `struct shmid_ds`. By place, it returns the number of the segment there.
fn stat(ctx: &mut Ctx<'_>, id: i32, command: IpcCommand, at: VirtAddr) -> SysResult {
    let by_place = command.0 != IpcCommand::STAT;
    let id = if by_place { ctx.kernel.ipc.segments.at(id)? } else { id };
    let segment = ctx.kernel.ipc.segments.get(id)?;
    let anybody = command.0 == IpcCommand::SHM_STAT_ANY;
    if !anybody && !segment.permissions.allow(ctx.credentials(), READ) {
        return Err(Errno::EACCES.into());
    }
    let mut bytes = segment.permissions.to_bytes(id);
    for value in [segment.len_bytes, segment.attached_s, segment.detached_s, segment.changed_s] {
        bytes.extend(value.to_le_bytes());
    }
    bytes.extend(segment.maker.0.to_le_bytes());
    bytes.extend(segment.last.0.to_le_bytes());
    bytes.extend(ctx.kernel.attachments(segment).to_le_bytes());
    bytes.extend([0; 16]);
    ctx.write_bytes(at, &bytes).map_err(|_| Errno::EFAULT)?;
    Ok(if by_place { id as u64 } else { 0 })
}
