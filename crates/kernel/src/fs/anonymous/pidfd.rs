//! Descriptors of processes (pidfd_open(2); Linux 6.12 fs/pidfs.c). A number can be used again; a descriptor stays with the
//! process that it was made for.

use super::Anonymous;
use crate::Pid;
use crate::fs::flags::{OpenFlags, PollEvents};
use crate::fs::inode::{InodeId, InodeKind};
use crate::fs::permission::Creation;
use crate::fs::wait::Wait;
use crate::fs::{Fs, Node, OpenId};

/// What a descriptor stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PidfdKind {
    /// A process.
    Process,
    /// A task alone (`PIDFD_THREAD`).
    Task,
}

/// What has become of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Life {
    /// It lives.
    Living,
    /// It has ended, and somebody may wait for it.
    Ended,
    /// It is gone.
    Reaped,
}

/// A descriptor of a process.
#[derive(Clone, Copy, Debug)]
pub(in crate::fs) struct Pidfd {
    pid: Pid,
    kind: PidfdKind,
    life: Life,
}

impl Pidfd {
    /// Returns whom it stands for.
    pub(super) const fn pid(&self) -> Pid {
        self.pid
    }

    /// Returns what `/proc` says of it; number -1 stands for who is gone.
    pub(super) fn info(&self) -> String {
        let pid = if self.life == Life::Reaped { Pid(-1) } else { self.pid };
        format!("Pid:\t{pid}\nNSpid:\t{pid}\n")
    }

    pub(super) fn poll(&self) -> PollEvents {
        let readable = PollEvents::IN | PollEvents::RDNORM;
        match self.life {
            Life::Living => PollEvents::empty(),
            Life::Ended => readable,
            Life::Reaped => readable | PollEvents::HUP,
        }
    }
}

impl Fs {
    /// Opens a process that lives, or has ended and was not waited for. All descriptors of one process are of one inode.
    pub fn pidfd(&mut self, pid: Pid, kind: PidfdKind, life: Life, flags: OpenFlags, now_ns: u64) -> OpenId {
        let inode = match self.pidfds.get(&(pid, kind)) {
            Some(inode) => *inode,
            None => {
                let object = InodeKind::Anonymous(Anonymous::Pidfd(Pidfd { pid, kind, life }));
                let inode = self.new_inode(object, 0o700, Creation::by_root(now_ns));
                self.pidfds.insert((pid, kind), inode);
                inode
            }
        };
        let kept = flags & (OpenFlags::NONBLOCK | OpenFlags::EXCL);
        self.describe(Node::Inode(inode), OpenFlags::RDWR | kept)
    }

    /// Returns whom a descriptor stands for, unless it is no such descriptor.
    pub fn pid_of(&self, open: OpenId) -> Option<(Pid, PidfdKind, Life)> {
        match self.anonymous(self.opens[open].node)? {
            (_, Anonymous::Pidfd(pidfd)) => Some((pidfd.pid, pidfd.kind, pidfd.life)),
            _ => None,
        }
    }

    /// Takes note that a process or task has ended, or is gone.
    pub fn pid_changed(&mut self, pid: Pid, kind: PidfdKind, life: Life) {
        let Some(inode) = self.pidfds.get(&(pid, kind)).copied() else { return };
        if let Some(Anonymous::Pidfd(pidfd)) = self.object_mut(inode) {
            pidfd.life = life;
            self.wakes.push(Wait::Readable(inode));
        }
        if life == Life::Reaped {
            // Whoever has the number next is somebody else.
            self.pidfds.remove(&(pid, kind));
        }
    }

    /// Forgets a descriptor that nobody has open any more.
    pub(super) fn drop_pidfd(&mut self, inode: InodeId, pidfd: &Pidfd) {
        let key = (pidfd.pid, pidfd.kind);
        if self.pidfds.get(&key) == Some(&inode) {
            self.pidfds.remove(&key);
        }
    }
}
