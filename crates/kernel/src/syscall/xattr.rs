//! Calls about extended attributes (xattr(7)).

use super::SysResult;
use super::file_types::XattrFlags;
use super::types::{DirFd, InBuffer, OutBuffer, PathPtr};
use crate::ctx::Ctx;
use crate::fs::{AT_FDCWD, LookupFlags, Node, SetXattr, XATTR_NAME_MAX, XATTR_SIZE_MAX};
use crate::{Errno, Fd};
use tine_mmu::VirtAddr;

/// Longest list of names (`XATTR_LIST_MAX`).
const XATTR_LIST_MAX: usize = 65536;

/// Finds the file that a path leads to.
fn followed(ctx: &mut Ctx<'_>, path: PathPtr) -> Result<Node, Errno> {
    let path = ctx.read_path(path.0)?;
    ctx.node_at(DirFd(AT_FDCWD), &path, LookupFlags::empty())
}

/// Finds the file of a path, a symbolic link at its end included.
fn itself(ctx: &mut Ctx<'_>, path: PathPtr) -> Result<Node, Errno> {
    let path = ctx.read_path(path.0)?;
    ctx.node_at(DirFd(AT_FDCWD), &path, LookupFlags::NOFOLLOW)
}

/// Reads the name of an attribute: an empty or a long one is `ERANGE`.
fn read_name(ctx: &mut Ctx<'_>, name: PathPtr) -> Result<Vec<u8>, Errno> {
    let name = ctx.read_string(name.0, XATTR_NAME_MAX + 1, Errno::ERANGE)?;
    if name.is_empty() { Err(Errno::ERANGE) } else { Ok(name) }
}

/// What setxattr(2) was given, checked and copied in before the file is looked up.
struct ToSet {
    name: Vec<u8>,
    value: Vec<u8>,
    set: SetXattr,
}

fn read_to_set(
    ctx: &mut Ctx<'_>,
    name: PathPtr,
    value: InBuffer,
    len: u64,
    flags: XattrFlags,
) -> Result<ToSet, Errno> {
    let set = SetXattr::from_bits(flags.0).ok_or(Errno::EINVAL)?;
    let name = read_name(ctx, name)?;
    if len > XATTR_SIZE_MAX as u64 {
        return Err(Errno::E2BIG);
    }
    let mut bytes = vec![0; len as usize];
    ctx.read_bytes(value.0, &mut bytes).map_err(|_| Errno::EFAULT)?;
    Ok(ToSet { name, value: bytes, set })
}

fn set(ctx: &mut Ctx<'_>, node: Node, to_set: &ToSet) -> SysResult {
    ctx.with_fs(|fs, env| fs.set_xattr(env, node, &to_set.name, &to_set.value, to_set.set))?;
    Ok(0)
}

/// Stores a value, or says how long it is when there is no room for any.
fn store(ctx: &mut Ctx<'_>, bytes: &[u8], to: VirtAddr, room: u64) -> SysResult {
    if room > 0 {
        if bytes.len() as u64 > room {
            return Err(Errno::ERANGE.into());
        }
        ctx.write_bytes(to, bytes).map_err(|_| Errno::EFAULT)?;
    }
    Ok(bytes.len() as u64)
}

fn get(ctx: &mut Ctx<'_>, node: Node, name: &[u8], to: OutBuffer, room: u64) -> SysResult {
    let value = ctx.with_fs(|fs, env| fs.xattr(env, node, name).map(<[u8]>::to_vec))?;
    store(ctx, &value, to.0, room.min(XATTR_SIZE_MAX as u64))
}

fn list(ctx: &mut Ctx<'_>, node: Node, to: OutBuffer, room: u64) -> SysResult {
    let names = ctx.with_fs(|fs, env| fs.xattr_names(env, node));
    if names.len() > XATTR_LIST_MAX {
        return Err(Errno::E2BIG.into());
    }
    store(ctx, &names, to.0, room)
}

fn remove(ctx: &mut Ctx<'_>, node: Node, name: &[u8]) -> SysResult {
    ctx.with_fs(|fs, env| fs.remove_xattr(env, node, name))?;
    Ok(0)
}

/// `setxattr(2)`.
pub(super) fn setxattr(
    ctx: &mut Ctx<'_>,
    path: PathPtr,
    name: PathPtr,
    value: InBuffer,
    len: u64,
    flags: XattrFlags,
) -> SysResult {
    let to_set = read_to_set(ctx, name, value, len, flags)?;
    let node = followed(ctx, path)?;
    set(ctx, node, &to_set)
}

/// `lsetxattr(2)`.
pub(super) fn lsetxattr(
    ctx: &mut Ctx<'_>,
    path: PathPtr,
    name: PathPtr,
    value: InBuffer,
    len: u64,
    flags: XattrFlags,
) -> SysResult {
    let to_set = read_to_set(ctx, name, value, len, flags)?;
    let node = itself(ctx, path)?;
    set(ctx, node, &to_set)
}

/// `fsetxattr(2)`.
pub(super) fn fsetxattr(
    ctx: &mut Ctx<'_>,
    fd: Fd,
    name: PathPtr,
    value: InBuffer,
    len: u64,
    flags: XattrFlags,
) -> SysResult {
    let node = ctx.file_of(fd)?;
    let to_set = read_to_set(ctx, name, value, len, flags)?;
    set(ctx, node, &to_set)
}

/// `getxattr(2)`.
pub(super) fn getxattr(
    ctx: &mut Ctx<'_>,
    path: PathPtr,
    name: PathPtr,
    value: OutBuffer,
    len: u64,
) -> SysResult {
    let name = read_name(ctx, name)?;
    let node = followed(ctx, path)?;
    get(ctx, node, &name, value, len)
}

/// `lgetxattr(2)`.
pub(super) fn lgetxattr(
    ctx: &mut Ctx<'_>,
    path: PathPtr,
    name: PathPtr,
    value: OutBuffer,
    len: u64,
) -> SysResult {
    let name = read_name(ctx, name)?;
    let node = itself(ctx, path)?;
    get(ctx, node, &name, value, len)
}

/// `fgetxattr(2)`.
pub(super) fn fgetxattr(ctx: &mut Ctx<'_>, fd: Fd, name: PathPtr, value: OutBuffer, len: u64) -> SysResult {
    let node = ctx.file_of(fd)?;
    let name = read_name(ctx, name)?;
    get(ctx, node, &name, value, len)
}

/// `listxattr(2)`.
pub(super) fn listxattr(ctx: &mut Ctx<'_>, path: PathPtr, names: OutBuffer, len: u64) -> SysResult {
    let node = followed(ctx, path)?;
    list(ctx, node, names, len)
}

/// `llistxattr(2)`.
pub(super) fn llistxattr(ctx: &mut Ctx<'_>, path: PathPtr, names: OutBuffer, len: u64) -> SysResult {
    let node = itself(ctx, path)?;
    list(ctx, node, names, len)
}

/// `flistxattr(2)`.
pub(super) fn flistxattr(ctx: &mut Ctx<'_>, fd: Fd, names: OutBuffer, len: u64) -> SysResult {
    let node = ctx.file_of(fd)?;
    list(ctx, node, names, len)
}

/// `removexattr(2)`.
pub(super) fn removexattr(ctx: &mut Ctx<'_>, path: PathPtr, name: PathPtr) -> SysResult {
    let name = read_name(ctx, name)?;
    let node = followed(ctx, path)?;
    remove(ctx, node, &name)
}

/// `lremovexattr(2)`.
pub(super) fn lremovexattr(ctx: &mut Ctx<'_>, path: PathPtr, name: PathPtr) -> SysResult {
    let name = read_name(ctx, name)?;
    let node = itself(ctx, path)?;
    remove(ctx, node, &name)
}

/// `fremovexattr(2)`.
pub(super) fn fremovexattr(ctx: &mut Ctx<'_>, fd: Fd, name: PathPtr) -> SysResult {
    let node = ctx.file_of(fd)?;
    let name = read_name(ctx, name)?;
    remove(ctx, node, &name)
}
