//! Extended attributes (xattr(7); Linux 6.12 fs/xattr.c, and mm/shmem.c for what a tmpfs keeps).
//!
//! `user.` is for whoever may use the file, `trusted.` for the privileged; `system.` has nothing here.

use super::notify::NotifyMask;
use super::{AccessMode, Env, FileType, Fs, Node};
use crate::Errno;
use crate::creds::Capabilities;
use bitflags::bitflags;

/// Longest name, in bytes, its namespace included.
pub const XATTR_NAME_MAX: usize = 255;
/// Longest value, in bytes.
pub const XATTR_SIZE_MAX: usize = 65536;
/// Capabilities of a program.
const CAPABILITY: &[u8] = b"security.capability";
/// Names under which Linux keeps access control lists.
const ACCESS_LISTS: [&[u8]; 2] = [b"system.posix_acl_access", b"system.posix_acl_default"];
/// Names and values of all files together, which are the host's memory.
const MAX_BYTES: usize = 16 << 20;

bitflags! {
    /// What setxattr(2) asks of the attribute before it sets it.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct SetXattr: u32 {
        /// `XATTR_CREATE`: it must not be there.
        const CREATE = 1;
        /// `XATTR_REPLACE`: it must be there.
        const REPLACE = 2;
    }
}

/// What an attribute is looked at for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Purpose {
    Read,
    Change,
}

impl Fs {
    /// Checks that a file can have an attribute of this name, and that the caller may use it (Linux 6.12 fs/xattr.c
    /// xattr_permission, xattr_resolve_name; security/commoncap.c).
    ///
    /// # Errors
    /// `EPERM` or `ENODATA`, `EACCES`, `EINVAL` for a namespace alone, `EOPNOTSUPP` for an unknown one.
    fn check_xattr(&self, env: &Env<'_>, node: Node, name: &[u8], purpose: Purpose) -> Result<(), Errno> {
        let who = env.credentials();
        let not_here = if purpose == Purpose::Change { Errno::EPERM } else { Errno::ENODATA };
        let is_in_tree = matches!(node, Node::Inode(inode) if !self.inodes[inode].is_in_no_tree());
        let namespace = name.split(|byte| *byte == b'.').next().unwrap_or_default();
        match (namespace, purpose) {
            (b"trusted", _) if !who.can(Capabilities::SYS_ADMIN) => return Err(not_here),
            (b"user", _) => {
                if !matches!(self.file_type(node), FileType::Regular | FileType::Directory) {
                    return Err(not_here);
                }
                let mode = if purpose == Purpose::Change { AccessMode::WRITE } else { AccessMode::READ };
                self.permission(env.processes, node, mode)?;
            }
            (b"security", Purpose::Change) => {
                let needed = match name {
                    CAPABILITY => Capabilities::SETFCAP,
                    _ => Capabilities::SYS_ADMIN,
                };
                if !who.can(needed) {
                    return Err(Errno::EPERM);
                }
            }
            // No file has more than its mode says.
            (b"system", Purpose::Read) if is_in_tree && ACCESS_LISTS.contains(&name) => {
                return Err(Errno::ENODATA);
            }
            _ => {}
        }
        if !is_in_tree || !matches!(namespace, b"user" | b"trusted" | b"security") || namespace == name {
            return Err(Errno::EOPNOTSUPP);
        }
        if name.len() == namespace.len() + 1 { Err(Errno::EINVAL) } else { Ok(()) }
    }

    /// Sets an attribute (setxattr(2)).
    ///
    /// # Errors
    /// `EOPNOTSUPP` for an unknown namespace, `EPERM` for `user.` on what is neither file nor directory, `EEXIST`, `ENODATA`,
    /// `ENOSPC`; `EINVAL` for capabilities that are none.
    pub fn set_xattr(
        &mut self,
        env: &Env<'_>,
        node: Node,
        name: &[u8],
        value: &[u8],
        set: SetXattr,
    ) -> Result<(), Errno> {
        self.check_changeable(node)?;
        self.check_xattr(env, node, name, Purpose::Change)?;
        if name == CAPABILITY && !is_capability(value) {
            return Err(Errno::EINVAL);
        }
        let Node::Inode(inode) = node else { return Err(Errno::EOPNOTSUPP) };
        let file = &mut self.inodes[inode];
        let before = file.xattrs.get(name).map(|value| name.len() + value.len());
        match before {
            Some(_) if set.contains(SetXattr::CREATE) => return Err(Errno::EEXIST),
            None if set.contains(SetXattr::REPLACE) => return Err(Errno::ENODATA),
            _ => {}
        }
        let bytes = self.xattr_bytes - before.unwrap_or(0) + name.len() + value.len();
        if bytes > MAX_BYTES {
            return Err(Errno::ENOSPC);
        }
        self.xattr_bytes = bytes;
        file.xattrs.insert(name.to_vec(), value.to_vec());
        file.times.changed_ns = env.now_ns;
        self.notify_change(node, NotifyMask::ATTRIB);
        Ok(())
    }

    /// Returns the value of an attribute (getxattr(2)).
    ///
    /// # Errors
    /// `EOPNOTSUPP` for an unknown namespace, `ENODATA` when the file does not have it.
    pub fn xattr(&self, env: &Env<'_>, node: Node, name: &[u8]) -> Result<&[u8], Errno> {
        self.check_xattr(env, node, name, Purpose::Read)?;
        let Node::Inode(inode) = node else { return Err(Errno::EOPNOTSUPP) };
        self.inodes[inode].xattrs.get(name).map(Vec::as_slice).ok_or(Errno::ENODATA)
    }

    /// Returns the names of a file's attributes that the caller may know of, a NUL after each (listxattr(2)).
    pub fn xattr_names(&self, env: &Env<'_>, node: Node) -> Vec<u8> {
        let Node::Inode(inode) = node else { return Vec::new() };
        let sees_all = env.credentials().can(Capabilities::SYS_ADMIN);
        // Last name first, as in Linux (simple_xattr_list).
        let names = self.inodes[inode].xattrs.keys().rev();
        let names = names.filter(|name| sees_all || !name.starts_with(b"trusted."));
        names.flat_map(|name| name.iter().copied().chain([0])).collect()
    }

    /// Removes an attribute (removexattr(2)).
    ///
    /// # Errors
    /// `EOPNOTSUPP` for an unknown namespace, `EPERM` for `user.` on what is neither file nor directory, `ENODATA`.
    pub fn remove_xattr(&mut self, env: &Env<'_>, node: Node, name: &[u8]) -> Result<(), Errno> {
        self.check_changeable(node)?;
        self.check_xattr(env, node, name, Purpose::Change)?;
        let Node::Inode(inode) = node else { return Err(Errno::EOPNOTSUPP) };
        let file = &mut self.inodes[inode];
        let value = file.xattrs.remove(name).ok_or(Errno::ENODATA)?;
        file.times.changed_ns = env.now_ns;
        self.xattr_bytes -= name.len() + value.len();
        self.notify_change(node, NotifyMask::ATTRIB);
        Ok(())
    }
}

/// Tells whether a value is a `struct vfs_cap_data` of revision 2 or 3 (Linux 6.12 security/commoncap.c validheader).
fn is_capability(value: &[u8]) -> bool {
    let revision = value.get(3);
    matches!((value.len(), revision), (20, Some(2)) | (24, Some(3)))
}
