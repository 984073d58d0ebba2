//! Signals that are read (signalfd(2); Linux 6.12 fs/signalfd.c). The signals themselves are with the tasks: whoever reads
//! takes those that wait for the reading task.

use super::Anonymous;
use crate::Errno;
use crate::fs::flags::{OpenFlags, PollEvents};
use crate::fs::{Fs, OpenId, Processes};
use crate::task::SignalSet;

/// Size of `struct signalfd_siginfo`.
pub const SIGNALFD_INFO_BYTES: usize = 128;

/// Returns what a descriptor for `wanted` is ready for.
pub(super) fn poll(processes: &dyn Processes, wanted: SignalSet) -> PollEvents {
    if processes.held_signals().intersects(wanted) { PollEvents::IN } else { PollEvents::empty() }
}

impl Fs {
    /// Opens a descriptor for the signals in `wanted` (signalfd4(2)). Of `flags`, `O_NONBLOCK` counts.
    pub fn signalfd(&mut self, wanted: SignalSet, flags: OpenFlags, now_ns: u64) -> OpenId {
        self.open_anonymous(Anonymous::Signalfd(wanted), flags, now_ns)
    }

    /// Has a descriptor be for other signals.
    ///
    /// # Errors
    /// `EINVAL` when it is no such descriptor.
    pub fn set_signalfd(&mut self, open: OpenId, signals: SignalSet) -> Result<(), Errno> {
        let (inode, _) = self.anonymous(self.opens[open].node).ok_or(Errno::EINVAL)?;
        match self.object_mut(inode) {
            Some(Anonymous::Signalfd(wanted)) => *wanted = signals,
            _ => return Err(Errno::EINVAL),
        }
        Ok(())
    }
}
