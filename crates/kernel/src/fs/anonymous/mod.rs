//! Objects that only descriptors name (Linux 6.12 fs/anon_inodes.c): counters, timers, signals, processes, and instances that
//! watch other descriptors.
//!
//! Each is a value in its inode; a file here says what reading, writing and polling mean for one of them.

mod epoll;
mod eventfd;
mod inotify;
mod pidfd;
mod signalfd;
mod timerfd;

pub use epoll::{EpollEvent, EpollOp, EpollReport};
pub(super) use epoll::{Listeners, Watcher};
pub use eventfd::EventfdKind;
pub use pidfd::{Life, PidfdKind};
pub use signalfd::SIGNALFD_INFO_BYTES;
pub use timerfd::{OnClockSet, TimeBase, TimerSetting};

use super::flags::{OpenFlags, PollEvents};
use super::inode::{InodeId, InodeKind};
use super::permission::Creation;
use super::wait::{Stop, Wait};
use super::{Env, Fs, Node, OpenId, Processes, ReadSource};
use crate::task::SignalSet;
use crate::{Errno, Pid};
use epoll::Epoll;
use eventfd::Eventfd;
use inotify::Inotify;
use pidfd::Pidfd;
use timerfd::Timerfd;

/// An object of the kernel without a name.
#[derive(Clone, Debug)]
pub(super) enum Anonymous {
    /// A counter that one can wait for (eventfd(2)).
    Eventfd(Eventfd),
    /// Descriptors that are watched together (epoll(7)).
    Epoll(Epoll),
    /// Files whose fate is told (inotify(7)).
    Inotify(Inotify),
    /// A timer that one can wait for (timerfd_create(2)).
    Timerfd(Timerfd),
    /// Signals that are read (signalfd(2)).
    Signalfd(SignalSet),
    /// A process (pidfd_open(2)).
    Pidfd(Pidfd),
}

impl Anonymous {
    /// Returns the name that `/proc` shows in brackets.
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::Eventfd(_) => "eventfd",
            Self::Epoll(_) => "eventpoll",
            Self::Inotify(_) => "inotify",
            Self::Timerfd(_) => "timerfd",
            Self::Signalfd(_) => "signalfd",
            Self::Pidfd(_) => "pidfd",
        }
    }

    /// Returns what would change the answer of poll(2) for the object in `inode`.
    pub(super) fn waits(&self, processes: &dyn Processes, inode: InodeId) -> Vec<Wait> {
        match self {
            Self::Eventfd(_) => vec![Wait::Readable(inode), Wait::Writable(inode)],
            Self::Epoll(_) | Self::Inotify(_) | Self::Timerfd(_) | Self::Pidfd(_) => {
                vec![Wait::Readable(inode)]
            }
            Self::Signalfd(_) => vec![Wait::Signals(processes.caller())],
        }
    }
}

/// What an object without a name is about, for whoever waits at it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ObjectFacts {
    /// A counter, and what it holds.
    Counter(u64),
    /// A timer.
    Timer,
    /// Signals that are read.
    Signals(SignalSet),
    /// A process, or a task.
    Process(Pid),
    /// Files whose fate is told.
    Watched(Vec<Node>),
}

/// Tells a task that would have to wait so, or that it does not want to.
fn wait_unless_nonblocking(flags: OpenFlags, wait: Wait) -> Stop {
    if flags.contains(OpenFlags::NONBLOCK) { Errno::EAGAIN.into() } else { wait.into() }
}

impl Fs {
    /// Opens a new object.
    fn open_anonymous(&mut self, object: Anonymous, flags: OpenFlags, now_ns: u64) -> OpenId {
        let node =
            Node::Inode(self.new_inode(InodeKind::Anonymous(object), 0o600, Creation::by_root(now_ns)));
        self.describe(node, OpenFlags::RDWR | flags & OpenFlags::NONBLOCK)
    }

    /// Returns the object without a name that `node` is.
    pub(super) fn anonymous(&self, node: Node) -> Option<(InodeId, &Anonymous)> {
        match (node, self.kind(node)?) {
            (Node::Inode(inode), InodeKind::Anonymous(object)) => Some((inode, object)),
            _ => None,
        }
    }

    /// Returns what the object without a name that `node` is is about; `None` for what has one, and for an epoll instance.
    pub fn object_facts(&self, node: Node) -> Option<ObjectFacts> {
        Some(match self.anonymous(node)?.1 {
            Anonymous::Eventfd(eventfd) => ObjectFacts::Counter(eventfd.count()),
            Anonymous::Timerfd(_) => ObjectFacts::Timer,
            Anonymous::Signalfd(wanted) => ObjectFacts::Signals(*wanted),
            Anonymous::Pidfd(pidfd) => ObjectFacts::Process(pidfd.pid()),
            Anonymous::Inotify(inotify) => ObjectFacts::Watched(inotify.watched()),
            Anonymous::Epoll(_) => return None,
        })
    }

    fn object_mut(&mut self, inode: InodeId) -> Option<&mut Anonymous> {
        match &mut self.inodes[inode].kind {
            InodeKind::Anonymous(object) => Some(object),
            _ => None,
        }
    }

    /// Begins a read of up to `len` bytes, as [`Fs::read_begin`] does.
    pub(super) fn read_anonymous(
        &mut self,
        env: &Env<'_>,
        inode: InodeId,
        flags: OpenFlags,
        len: usize,
    ) -> Result<ReadSource, Stop> {
        let bytes = match self.object_mut(inode) {
            Some(Anonymous::Eventfd(counter)) => counter.peek(len)?,
            Some(Anonymous::Inotify(instance)) => instance.peek(len)?,
            Some(Anonymous::Timerfd(_)) => self.read_timerfd(env, inode, len)?,
            Some(Anonymous::Signalfd(wanted)) => {
                let wanted = *wanted;
                if len < SIGNALFD_INFO_BYTES {
                    return Err(Errno::EINVAL.into());
                }
                if !env.processes.held_signals().intersects(wanted) {
                    return Err(wait_unless_nonblocking(flags, Wait::Signals(env.processes.caller())));
                }
                return Ok(ReadSource::Signals(wanted));
            }
            Some(Anonymous::Epoll(_) | Anonymous::Pidfd(_)) | None => return Err(Errno::EINVAL.into()),
        };
        match bytes {
            Some(bytes) => Ok(ReadSource::Bytes(bytes)),
            None => Err(wait_unless_nonblocking(flags, Wait::Readable(inode))),
        }
    }

    /// Takes note that `len` bytes of a read have arrived.
    pub(super) fn commit_anonymous(&mut self, inode: InodeId, len: usize) {
        match self.object_mut(inode) {
            Some(Anonymous::Eventfd(counter)) if len == eventfd::BYTES => {
                counter.consume();
                self.wakes.push(Wait::Writable(inode));
            }
            Some(Anonymous::Inotify(instance)) => instance.consume(len),
            Some(Anonymous::Timerfd(timer)) if len == timerfd::BYTES => timer.consume(),
            _ => {}
        }
    }

    /// Writes to an object, as [`Fs::write`] does.
    pub(super) fn write_anonymous(
        &mut self,
        inode: InodeId,
        flags: OpenFlags,
        bytes: &[u8],
    ) -> Result<usize, Stop> {
        match self.object_mut(inode) {
            Some(Anonymous::Eventfd(counter)) => {
                counter.add(bytes)?.ok_or_else(|| wait_unless_nonblocking(flags, Wait::Writable(inode)))?
            }
            _ => return Err(Errno::EINVAL.into()),
        }
        self.wakes.push(Wait::Readable(inode));
        Ok(eventfd::BYTES)
    }

    /// Returns what an object is ready for.
    pub(super) fn poll_anonymous(&self, processes: &dyn Processes, object: &Anonymous) -> PollEvents {
        match object {
            Anonymous::Eventfd(counter) => counter.poll(),
            Anonymous::Epoll(epoll) => self.poll_epoll(processes, epoll),
            Anonymous::Inotify(instance) => instance.poll(),
            Anonymous::Timerfd(timer) => timer.poll(),
            Anonymous::Signalfd(wanted) => signalfd::poll(processes, *wanted),
            Anonymous::Pidfd(pidfd) => pidfd.poll(),
        }
    }

    /// Composes what `/proc/<pid>/fdinfo` says of an object.
    pub(in crate::fs) fn object_info(&self, env: &Env<'_>, inode: InodeId, object: &Anonymous) -> String {
        match object {
            Anonymous::Eventfd(counter) => counter.info(),
            Anonymous::Epoll(epoll) => self.epoll_info(epoll),
            Anonymous::Inotify(instance) => self.inotify_info(inode, instance),
            Anonymous::Timerfd(timer) => timer.info(env),
            Anonymous::Signalfd(wanted) => format!("sigmask:\t{:016x}\n", wanted.bits()),
            Anonymous::Pidfd(pidfd) => pidfd.info(),
        }
    }

    /// Lets go of what an object refers to, when nobody has it open any more.
    pub(super) fn drop_anonymous(&mut self, inode: InodeId, object: Anonymous) {
        match object {
            Anonymous::Eventfd(_) | Anonymous::Signalfd(_) => {}
            Anonymous::Epoll(epoll) => self.drop_epoll(inode, epoll),
            Anonymous::Inotify(instance) => self.drop_inotify(inode, instance),
            Anonymous::Timerfd(_) => self.forget_timer(inode),
            Anonymous::Pidfd(pidfd) => self.drop_pidfd(inode, &pidfd),
        }
    }
}
