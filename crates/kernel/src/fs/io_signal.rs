//! Signals that tell of input and output (fcntl(2), "Managing signals"; Linux 6.12 fs/fcntl.c send_sigio).
//!
//! A description has an owner, and a signal that its owner gets: SIGIO, or one that carries the descriptor. They serve whoever
//! asked with `O_ASYNC`, watches a directory (`F_NOTIFY`), or holds a lease. The file system records what is to be sent; the
//! kernel sends it ([`Fs::take_io_signals`]).

use super::flags::{OpenFlags, PollEvents};
use super::wait::Wait;
use super::{Fs, OpenId, Processes};
use crate::creds::Credentials;
use crate::task::Signal;
use crate::{Fd, Pid};
use std::collections::{BTreeMap, BTreeSet};

/// Who is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OwnerId {
    /// One task (`F_OWNER_TID`).
    Task(Pid),
    /// A process.
    Process(Pid),
    /// Every process of a group.
    Group(Pid),
}

impl OwnerId {
    /// Returns the number of the task, process or group.
    pub const fn pid(self) -> Pid {
        match self {
            Self::Task(pid) | Self::Process(pid) | Self::Group(pid) => pid,
        }
    }
}

/// The owner of a description, and as whom he was made the owner: that decides whether he may be sent a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IoOwner {
    /// Who is told.
    pub id: OwnerId,
    /// The real user of who made him the owner.
    pub real_user: u32,
    /// The effective one.
    pub effective_user: u32,
}

impl IoOwner {
    /// Tells whether a task with these credentials may be told (`sigio_perm`).
    pub fn may_tell(&self, target: &Credentials) -> bool {
        let users = [target.user.saved, target.user.real];
        self.effective_user == 0 || users.contains(&self.effective_user) || users.contains(&self.real_user)
    }
}

/// What has happened (`si_code` of SIGIO).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum IoReason {
    /// `POLL_IN`.
    Input = 1,
    /// `POLL_OUT`.
    Output = 2,
    /// `POLL_MSG`: a directory has changed, a lease is being broken.
    Message = 3,
    /// `POLL_PRI`: urgent data has come.
    Urgent = 5,
}

impl IoReason {
    /// Returns `si_code`.
    pub const fn code(self) -> i32 {
        self as i32
    }

    /// Returns `si_band`, the events of poll(2) that stand for it.
    pub const fn band(self) -> u16 {
        /// `POLLMSG`.
        const MSG: u16 = 0x400;
        /// `POLLRDBAND`.
        const RDBAND: u16 = 0x80;
        match self {
            Self::Input => PollEvents::IN.union(PollEvents::RDNORM).bits(),
            Self::Output => PollEvents::OUT.union(PollEvents::WRNORM).union(PollEvents::WRBAND).bits(),
            Self::Message => PollEvents::IN.union(PollEvents::RDNORM).bits() | MSG,
            Self::Urgent => PollEvents::PRI.bits() | RDBAND,
        }
    }

    /// Returns the signal that tells of it where no other was chosen.
    pub const fn usual_signal(self) -> Signal {
        match self {
            Self::Input | Self::Output | Self::Message => Signal::SIGIO,
            Self::Urgent => Signal::SIGURG,
        }
    }
}

/// A signal that is to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IoSignal {
    /// To whom.
    pub owner: IoOwner,
    /// Which one; the usual one, without particulars, where none was chosen.
    pub signal: Option<Signal>,
    /// The descriptor with which it was asked for; -1 where it need not be asked for.
    pub fd: Fd,
    /// Why.
    pub reason: IoReason,
}

/// Whether an owner is told of readiness.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Telling {
    /// He is.
    On,
    /// He is not.
    Off,
}

/// What a description has of all this.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct IoNotice {
    owner: Option<IoOwner>,
    signal: Option<Signal>,
    /// The descriptor with which `O_ASYNC` was set.
    fd: Option<Fd>,
}

/// The descriptions whose owners hear of wake-ups.
pub(super) type AsyncListeners = BTreeMap<Wait, BTreeSet<OpenId>>;

impl Fs {
    /// Returns the owner of a description (`F_GETOWN`).
    pub fn io_owner(&self, open: OpenId) -> Option<IoOwner> {
        self.opens[open].notice.owner
    }

    /// Sets the owner of a description (`F_SETOWN`).
    pub fn set_io_owner(&mut self, open: OpenId, owner: Option<IoOwner>) {
        self.opens[open].notice.owner = owner;
    }

    /// Makes the calling process the owner of a description that has none yet.
    pub(super) fn claim_io(&mut self, processes: &dyn Processes, open: OpenId) {
        let user = processes.credentials().user;
        let owner = IoOwner {
            id: OwnerId::Process(processes.caller()),
            real_user: user.real,
            effective_user: user.effective,
        };
        self.opens[open].notice.owner.get_or_insert(owner);
    }

    /// Returns the signal that the owner gets; none for SIGIO without particulars (`F_GETSIG`).
    pub fn io_signal(&self, open: OpenId) -> Option<Signal> {
        self.opens[open].notice.signal
    }

    /// Chooses the signal that the owner gets (`F_SETSIG`).
    pub fn set_io_signal(&mut self, open: OpenId, signal: Option<Signal>) {
        self.opens[open].notice.signal = signal;
    }

    /// Sets whether the owner of a description is told of its readiness (`O_ASYNC`), which was asked for with `fd`. It changes
    /// nothing for what is always ready.
    pub fn set_async(&mut self, processes: &dyn Processes, open: OpenId, fd: Fd, telling: Telling) {
        self.stop_telling(open);
        let tells = telling == Telling::On && self.can_tell(open);
        self.opens[open].flags.set(OpenFlags::ASYNC, tells);
        if tells {
            self.opens[open].notice.fd = Some(fd);
            for wait in self.poll_waits(processes, open) {
                self.async_listeners.entry(wait).or_default().insert(open);
            }
        }
    }

    /// Tells whether what is open can signal its readiness (`fasync`).
    fn can_tell(&self, open: OpenId) -> bool {
        self.open_pipe(open).is_some()
            || self.tty(open).is_some()
            || self.socket_of(open).is_ok()
            || self.inotify_of(open).is_some()
    }

    /// Ends telling of a description.
    pub(super) fn stop_telling(&mut self, open: OpenId) {
        if self.opens[open].notice.fd.take().is_some() {
            self.async_listeners.retain(|_, opens| {
                opens.remove(&open);
                !opens.is_empty()
            });
        }
    }

    /// Records the signals that the wake-ups so far are a reason for (`kill_fasync`).
    pub(super) fn tell_owners(&mut self) {
        if self.async_listeners.is_empty() {
            return;
        }
        let reason = |wait: &Wait| match wait.announces() {
            events if events.contains(PollEvents::IN) => Some(IoReason::Input),
            events if events.contains(PollEvents::OUT) => Some(IoReason::Output),
            _ => None,
        };
        let told: BTreeSet<(OpenId, IoReason)> = self
            .wakes
            .iter()
            .filter_map(|wait| Some((self.async_listeners.get(wait)?, reason(wait)?)))
            .flat_map(|(opens, reason)| opens.iter().map(move |open| (*open, reason)))
            .collect();
        for (open, reason) in told {
            if let Some(fd) = self.opens[open].notice.fd {
                self.tell_owner(open, fd, reason);
            }
        }
    }

    /// Records a SIGURG to the owner of each socket to which urgent data has come (`send_sigurg`), and the signal that he chose
    /// for readiness, if he wants to hear of that (`kill_fasync`).
    fn tell_urged(&mut self) {
        for socket in std::mem::take(&mut self.sockets.urged) {
            let opens = self.opens.iter().filter(|(open, _)| self.socket_of(*open) == Ok(socket));
            let notices: Vec<_> = opens.map(|(_, file)| file.notice).collect();
            for notice in notices {
                let Some(owner) = notice.owner else { continue };
                let urgent = IoSignal { owner, signal: None, fd: Fd(-1), reason: IoReason::Urgent };
                self.io_signals.push(urgent);
                if let (Some(fd), Some(_)) = (notice.fd, notice.signal) {
                    self.io_signals.push(IoSignal { fd, signal: notice.signal, ..urgent });
                }
            }
        }
    }

    /// Records a signal to the owner of a description.
    pub(super) fn tell_owner(&mut self, open: OpenId, fd: Fd, reason: IoReason) {
        let IoNotice { owner, signal, .. } = self.opens[open].notice;
        self.io_signals.extend(owner.map(|owner| IoSignal { owner, signal, fd, reason }));
    }

    /// Takes the signals that are to be sent.
    #[must_use = "their owners wait for them"]
    pub fn take_io_signals(&mut self) -> Vec<IoSignal> {
        self.tell_urged();
        std::mem::take(&mut self.io_signals)
    }
}
