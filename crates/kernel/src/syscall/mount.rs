//! mount(2) and umount2(2).

use super::SysResult;
use super::file_types::{MountArg, UmountFlags};
use super::types::{DirFd, PathPtr};
use crate::Errno;
use crate::ctx::Ctx;
use crate::fs::{AT_FDCWD, LookupFlags, MountFlags, PATH_MAX, Unmount};

impl Ctx<'_> {
    /// Reads a string of mount(2), which may be none (`strndup_user`).
    ///
    /// # Errors
    /// `EFAULT`; `EINVAL` for one that is too long.
    fn mount_string(&mut self, at: PathPtr) -> Result<Vec<u8>, Errno> {
        if at.0.0 == 0 { Ok(Vec::new()) } else { self.read_string(at.0, PATH_MAX, Errno::EINVAL) }
    }
}

/// `mount(2)`: a new tmpfs, or another use of what is mounted.
pub(super) fn mount(
    ctx: &mut Ctx<'_>,
    source: PathPtr,
    target: PathPtr,
    kind: PathPtr,
    flags: MountArg,
    data: PathPtr,
) -> SysResult {
    let kind = ctx.mount_string(kind)?;
    let source = ctx.mount_string(source)?;
    let options = ctx.mount_string(data)?;
    let target = ctx.read_path(target.0)?;
    let forbidden = MountFlags::from_bits_truncate(flags.0);
    ctx.at_path(DirFd(AT_FDCWD), &target, |fs, env, at| match flags.0 {
        bits if bits & MountArg::REMOUNT != 0 => fs.remount(env, at, forbidden, &options),
        bits if bits & (MountArg::BIND | MountArg::MOVE) != 0 => Err(Errno::ENOSYS),
        bits if bits & MountArg::PROPAGATION != 0 => fs.set_propagation(env, at),
        _ => match kind.as_slice() {
            b"tmpfs" | b"ramfs" => fs.mount_new(env, at, &source, forbidden, &options),
            b"" => Err(Errno::EINVAL),
            b"proc" | b"sysfs" | b"devtmpfs" | b"devpts" | b"overlay" => Err(Errno::ENOSYS),
            _ => Err(Errno::ENODEV),
        },
    })?;
    Ok(0)
}

/// `umount2(2)`.
pub(super) fn umount2(ctx: &mut Ctx<'_>, target: PathPtr, flags: UmountFlags) -> SysResult {
    let UmountFlags(bits) = flags;
    let both = UmountFlags::FORCE | UmountFlags::DETACH;
    if bits & !UmountFlags::ALL != 0 || bits & UmountFlags::EXPIRE != 0 && bits & both != 0 {
        return Err(Errno::EINVAL.into());
    }
    let how = match bits {
        bits if bits & UmountFlags::DETACH != 0 => Unmount::Detach,
        bits if bits & UmountFlags::EXPIRE != 0 => Unmount::Expire,
        _ => Unmount::Idle,
    };
    let mut look_up = LookupFlags::empty();
    look_up.set(LookupFlags::NOFOLLOW, bits & UmountFlags::NOFOLLOW != 0);
    let target = ctx.read_path(target.0)?;
    ctx.at_path(DirFd(AT_FDCWD), &target, |fs, env, at| fs.unmount(env, at, look_up, how))?;
    Ok(0)
}
