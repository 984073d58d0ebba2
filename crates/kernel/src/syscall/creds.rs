//! Calls about who a task is (credentials(7), capabilities(7)). Each is about the calling task only.

use super::SysResult;
use super::args::UserPtr;
use super::creds_types::{CapabilityHeader, Id};
use crate::creds::{Capabilities, Credentials, IdKind, Ids};
use crate::ctx::Ctx;
use crate::{Errno, Pid};
use tine_mmu::VirtAddr;

/// The most supplementary groups (`NGROUPS_MAX`).
const MOST_GROUPS: u32 = 65536;

fn take(ctx: &mut Ctx<'_>, after: Credentials) -> SysResult {
    ctx.take_credentials(after);
    Ok(0)
}

/// `getuid(2)`.
pub(super) fn getuid(ctx: &mut Ctx<'_>) -> SysResult {
    Ok(u64::from(ctx.credentials().user.real))
}

/// `geteuid(2)`.
pub(super) fn geteuid(ctx: &mut Ctx<'_>) -> SysResult {
    Ok(u64::from(ctx.credentials().user.effective))
}

/// `getgid(2)`.
pub(super) fn getgid(ctx: &mut Ctx<'_>) -> SysResult {
    Ok(u64::from(ctx.credentials().group.real))
}

/// `getegid(2)`.
pub(super) fn getegid(ctx: &mut Ctx<'_>) -> SysResult {
    Ok(u64::from(ctx.credentials().group.effective))
}

/// `setuid(2)`.
pub(super) fn setuid(ctx: &mut Ctx<'_>, uid: Id) -> SysResult {
    let after = ctx.credentials().set_id(IdKind::User, uid.0)?;
    take(ctx, after)
}

/// `setgid(2)`.
pub(super) fn setgid(ctx: &mut Ctx<'_>, gid: Id) -> SysResult {
    let after = ctx.credentials().set_id(IdKind::Group, gid.0)?;
    take(ctx, after)
}

/// `setreuid(2)`.
pub(super) fn setreuid(ctx: &mut Ctx<'_>, real: Id, effective: Id) -> SysResult {
    let after = ctx.credentials().set_real_effective(IdKind::User, real.given(), effective.given())?;
    take(ctx, after)
}

/// `setregid(2)`.
pub(super) fn setregid(ctx: &mut Ctx<'_>, real: Id, effective: Id) -> SysResult {
    let after = ctx.credentials().set_real_effective(IdKind::Group, real.given(), effective.given())?;
    take(ctx, after)
}

/// `setresuid(2)`.
pub(super) fn setresuid(ctx: &mut Ctx<'_>, real: Id, effective: Id, saved: Id) -> SysResult {
    let after = ctx.credentials().set_three(IdKind::User, [real, effective, saved].map(Id::given))?;
    take(ctx, after)
}

/// `setresgid(2)`.
pub(super) fn setresgid(ctx: &mut Ctx<'_>, real: Id, effective: Id, saved: Id) -> SysResult {
    let after = ctx.credentials().set_three(IdKind::Group, [real, effective, saved].map(Id::given))?;
    take(ctx, after)
}

type OutId = UserPtr<u32>;

fn store_ids(ctx: &mut Ctx<'_>, ids: Ids, to: [OutId; 3]) -> SysResult {
    for (id, to) in [ids.real, ids.effective, ids.saved].into_iter().zip(to) {
        ctx.write(to, id)?;
    }
    Ok(0)
}

/// `getresuid(2)`.
pub(super) fn getresuid(ctx: &mut Ctx<'_>, real: OutId, effective: OutId, saved: OutId) -> SysResult {
    store_ids(ctx, ctx.credentials().user, [real, effective, saved])
}

/// `getresgid(2)`.
pub(super) fn getresgid(ctx: &mut Ctx<'_>, real: OutId, effective: OutId, saved: OutId) -> SysResult {
    store_ids(ctx, ctx.credentials().group, [real, effective, saved])
}

/// `setfsuid(2)`: returns the one before, whether it changes or not.
pub(super) fn setfsuid(ctx: &mut Ctx<'_>, uid: Id) -> SysResult {
    let before = ctx.credentials().user.fs;
    let after = ctx.credentials().set_fs_id(IdKind::User, uid.0);
    ctx.take_credentials(after);
    Ok(u64::from(before))
}

/// `setfsgid(2)`: returns the one before, whether it changes or not.
pub(super) fn setfsgid(ctx: &mut Ctx<'_>, gid: Id) -> SysResult {
    let before = ctx.credentials().group.fs;
    let after = ctx.credentials().set_fs_id(IdKind::Group, gid.0);
    ctx.take_credentials(after);
    Ok(u64::from(before))
}

/// `getgroups(2)`: how many there are, when `count` is 0.
pub(super) fn getgroups(ctx: &mut Ctx<'_>, count: i32, to: VirtAddr) -> SysResult {
    let groups = &ctx.credentials().groups;
    let (count, bytes) = match count {
        ..0 => return Err(Errno::EINVAL.into()),
        0 => return Ok(groups.len() as u64),
        _ if groups.len() > count as usize => return Err(Errno::EINVAL.into()),
        _ => (groups.len(), groups.iter().flat_map(|group| group.to_le_bytes()).collect::<Vec<_>>()),
    };
    ctx.write_bytes(to, &bytes).map_err(|_| Errno::EFAULT)?;
    Ok(count as u64)
}

/// `setgroups(2)`.
pub(super) fn setgroups(ctx: &mut Ctx<'_>, count: u32, from: VirtAddr) -> SysResult {
    if !ctx.credentials().can(Capabilities::SETGID) {
        return Err(Errno::EPERM.into());
    }
    if count > MOST_GROUPS {
        return Err(Errno::EINVAL.into());
    }
    let mut bytes = vec![0; 4 * count as usize];
    ctx.read_bytes(from, &mut bytes).map_err(|_| Errno::EFAULT)?;
    let words = bytes.chunks_exact(4).map(|word| u32::from_le_bytes([word[0], word[1], word[2], word[3]]));
    let after = ctx.credentials().set_groups(words.collect())?;
    take(ctx, after)
}

/// Reads a `struct __user_cap_header_struct`: how many words its version has for each set, and whom it is about.
///
/// # Errors
/// `EFAULT`; `EINVAL` for an unknown version, after the newest was stored there.
fn read_header(ctx: &mut Ctx<'_>, header: CapabilityHeader) -> Result<(usize, Pid), Errno> {
    let at = UserPtr::<[u32; 2]>::new(header.0);
    let [version, pid] = ctx.read(at)?;
    match CapabilityHeader::words_of(version) {
        Some(words) => Ok((words, Pid(pid as i32))),
        None => {
            ctx.write(UserPtr::new(header.0), CapabilityHeader::NEWEST)?;
            Err(Errno::EINVAL)
        }
    }
}

/// `capget(2)`.
pub(super) fn capget(ctx: &mut Ctx<'_>, header: CapabilityHeader, to: VirtAddr) -> SysResult {
    let header = read_header(ctx, header);
    if to.0 == 0 {
        // A question for the newest version.
        return match header {
            Ok(_) | Err(Errno::EINVAL) => Ok(0),
            Err(errno) => Err(errno.into()),
        };
    }
    let (words, pid) = header?;
    let pid = match pid.0 {
        ..0 => return Err(Errno::EINVAL.into()),
        0 => ctx.tid,
        _ => pid,
    };
    let sets = ctx.kernel.tasks.credentials(pid).ok_or(Errno::ESRCH)?.capabilities;
    let sets = [sets.effective, sets.permitted, sets.inheritable].map(|set| set.bits());
    let words = (0..words).flat_map(|word| sets.map(|set| (set >> (32 * word)) as u32));
    let bytes: Vec<u8> = words.flat_map(u32::to_le_bytes).collect();
    ctx.write_bytes(to, &bytes).map_err(|_| Errno::EFAULT)?;
    Ok(0)
}

/// `capset(2)`: changes nobody's but the caller's.
pub(super) fn capset(ctx: &mut Ctx<'_>, header: CapabilityHeader, from: VirtAddr) -> SysResult {
    let (words, pid) = read_header(ctx, header)?;
    if pid.0 != 0 && pid != ctx.tid {
        return Err(Errno::EPERM.into());
    }
    let mut sets = [0_u64; 3];
    for word in 0..words {
        let read: [u32; 3] = ctx.read(UserPtr::new(from + 12 * word as u64))?;
        for (set, part) in sets.iter_mut().zip(read) {
            *set |= u64::from(part) << (32 * word);
        }
    }
    let [effective, permitted, inheritable] = sets.map(Capabilities::from_bits_truncate);
    let after = ctx.credentials().set_capabilities(effective, permitted, inheritable)?;
    take(ctx, after)
}
