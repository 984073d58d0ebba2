//! Working directories and file-creation masks: what `CLONE_FS` shares (Linux 6.12 include/linux/fs_struct.h).

use super::flags::PERMISSION_BITS;
use super::{AccessMode, At, Env, FdTableId, Fs, Node, Processes};
use crate::creds::Capabilities;
use crate::{Errno, Fd};

super::slab::key! {
    /// A task's working directory and umask in [`Fs`].
    WorkDirId
}

/// `AT_FDCWD`: the descriptor that stands for the working directory.
pub const AT_FDCWD: i32 = -100;

/// A working directory and a umask.
#[derive(Clone, Debug)]
pub(super) struct WorkDir {
    cwd: Node,
    /// Where absolute paths start (chroot(2)).
    root: Node,
    umask: u32,
    users: u32,
}

impl Fs {
    /// Makes a working directory at `/` with umask 022 and one user.
    pub fn new_work_dir(&mut self) -> WorkDirId {
        let root = self.root();
        self.hold(root);
        self.hold(root);
        self.work_dirs.insert(WorkDir { cwd: root, root, umask: 0o022, users: 1 })
    }

    /// Adds a user (`CLONE_FS`).
    pub fn share_work_dir(&mut self, id: WorkDirId) {
        self.work_dirs[id].users += 1;
    }

    /// Returns how many tasks use it.
    pub fn work_dir_users(&self, id: WorkDirId) -> u32 {
        self.work_dirs[id].users
    }

    /// Copies it, as fork does.
    pub fn fork_work_dir(&mut self, id: WorkDirId) -> WorkDirId {
        let copy = WorkDir { users: 1, ..self.work_dirs[id].clone() };
        self.hold(copy.cwd);
        self.hold(copy.root);
        self.work_dirs.insert(copy)
    }

    /// Returns one of the caller's own: the same, or a copy when others use it too (unshare(2)).
    pub fn unshare_work_dir(&mut self, id: WorkDirId) -> WorkDirId {
        if self.work_dirs[id].users == 1 {
            return id;
        }
        self.work_dirs[id].users -= 1;
        self.fork_work_dir(id)
    }

    /// Removes a user; with the last one the directory is let go.
    pub fn release_work_dir(&mut self, env: &mut Env<'_>, id: WorkDirId) {
        self.work_dirs[id].users -= 1;
        if self.work_dirs[id].users == 0 {
            let WorkDir { cwd, root, .. } = self.work_dirs.remove(id);
            self.release(env, cwd);
            self.release(env, root);
            self.dissolve_detached(env);
        }
    }

    /// Returns the working directory.
    pub fn cwd(&self, id: WorkDirId) -> Node {
        self.work_dirs[id].cwd
    }

    /// Changes the working directory (chdir(2)).
    ///
    /// # Errors
    /// `ENOTDIR`; `EACCES` for who may not search it.
    pub fn chdir(&mut self, env: &mut Env<'_>, id: WorkDirId, directory: Node) -> Result<(), Errno> {
        if !self.is_directory(directory) {
            return Err(Errno::ENOTDIR);
        }
        self.permission(env.processes, directory, AccessMode::EXECUTE)?;
        self.hold(directory);
        let before = std::mem::replace(&mut self.work_dirs[id].cwd, directory);
        self.release(env, before);
        self.dissolve_detached(env);
        Ok(())
    }

    /// Changes where absolute paths start (chroot(2)).
    ///
    /// # Errors
    /// `ENOTDIR`; `EACCES` for who may not search it, `EPERM` for who may not change it at all.
    pub fn chroot(&mut self, env: &mut Env<'_>, id: WorkDirId, directory: Node) -> Result<(), Errno> {
        if !self.is_directory(directory) {
            return Err(Errno::ENOTDIR);
        }
        self.permission(env.processes, directory, AccessMode::EXECUTE)?;
        if !env.credentials().can(Capabilities::SYS_CHROOT) {
            return Err(Errno::EPERM);
        }
        self.hold(directory);
        let before = std::mem::replace(&mut self.work_dirs[id].root, directory);
        self.release(env, before);
        Ok(())
    }

    /// Returns where the absolute paths of who uses a working directory start.
    pub fn root_of(&self, id: WorkDirId) -> Node {
        self.work_dirs[id].root
    }

    /// Returns where the caller's absolute paths start.
    pub(super) fn own_root(&self, processes: &dyn Processes) -> Node {
        processes.work_dir(processes.caller_task()).map_or(self.root(), |id| self.root_of(id))
    }

    /// Returns a path as the caller sees it, from his root; `None` for what does not lie below it.
    pub(super) fn path_below_root(&self, processes: &dyn Processes, path: Vec<u8>) -> Option<Vec<u8>> {
        let root = self.own_root(processes);
        if root == self.root() || !path.starts_with(b"/") {
            return Some(path);
        }
        let root = self.path_of(root);
        match path.strip_prefix(root.as_slice())? {
            [] => Some(b"/".to_vec()),
            rest if rest.starts_with(b"/") => Some(rest.to_vec()),
            _ => None,
        }
    }

    /// Returns permissions less what the umask forbids.
    pub fn mask(&self, id: WorkDirId, permissions: u32) -> u32 {
        permissions & PERMISSION_BITS & !self.work_dirs[id].umask
    }

    /// Returns the file mode creation mask.
    pub fn umask(&self, id: WorkDirId) -> u32 {
        self.work_dirs[id].umask
    }

    /// Replaces the file mode creation mask and returns the one before (umask(2)).
    pub fn set_umask(&mut self, id: WorkDirId, umask: u32) -> u32 {
        std::mem::replace(&mut self.work_dirs[id].umask, umask & 0o777)
    }

    /// Decides where the look-up of a path starts: `/`, the working directory, or what `dirfd` has open.
    ///
    /// # Errors
    /// `EBADF` when a relative path needs `dirfd` and it is not open.
    pub fn start<'a>(
        &self,
        table: FdTableId,
        work_dir: WorkDirId,
        dirfd: Fd,
        path: &'a [u8],
    ) -> Result<At<'a>, Errno> {
        let base = match dirfd {
            _ if path.starts_with(b"/") => self.root_of(work_dir),
            Fd(AT_FDCWD) => self.cwd(work_dir),
            fd => self.node(self.fd(table, fd)?),
        };
        Ok(At { base, path })
    }
}
