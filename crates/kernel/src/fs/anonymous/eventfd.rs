//! Counters that one can wait for (eventfd(2); Linux 6.12 fs/eventfd.c).

use super::Anonymous;
use crate::Errno;
use crate::fs::flags::{OpenFlags, PollEvents};
use crate::fs::{Fs, OpenId};

/// What every read and write moves: one 64-bit number.
pub(super) const BYTES: usize = size_of::<u64>();
/// The largest count.
const MAX: u64 = u64::MAX - 1;

/// How much a read takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventfdKind {
    /// The whole count.
    Counter,
    /// One (`EFD_SEMAPHORE`).
    Semaphore,
}

/// A counter.
#[derive(Clone, Copy, Debug)]
pub(in crate::fs) struct Eventfd {
    count: u64,
    kind: EventfdKind,
}

impl Eventfd {
    /// Returns what a read of `len` bytes gets; `None` while the count is 0.
    ///
    /// # Errors
    /// `EINVAL` when there is no room for the number.
    pub(super) fn peek(&self, len: usize) -> Result<Option<Vec<u8>>, Errno> {
        if len < BYTES {
            return Err(Errno::EINVAL);
        }
        Ok((self.count > 0).then(|| self.taken().to_le_bytes().to_vec()))
    }

    /// Returns what it holds.
    pub(super) const fn count(&self) -> u64 {
        self.count
    }

    const fn taken(&self) -> u64 {
        match self.kind {
            EventfdKind::Counter => self.count,
            EventfdKind::Semaphore => 1,
        }
    }

    /// Takes what [`Eventfd::peek`] has shown.
    pub(super) const fn consume(&mut self) {
        self.count -= self.taken();
    }

    /// Adds the number in `bytes`; `None` when the count would become too large.
    ///
    /// # Errors
    /// `EINVAL` when it is no number, or the one that no count can be.
    pub(super) fn add(&mut self, bytes: &[u8]) -> Result<Option<()>, Errno> {
        let number = bytes.first_chunk().copied().map(u64::from_le_bytes).ok_or(Errno::EINVAL)?;
        if number == u64::MAX {
            return Err(Errno::EINVAL);
        }
        let sum = self.count.checked_add(number).filter(|sum| *sum <= MAX);
        self.count = sum.unwrap_or(self.count);
        Ok(sum.map(|_| ()))
    }

    /// Returns what `/proc` says of it.
    pub(super) fn info(&self) -> String {
        let semaphore = u8::from(self.kind == EventfdKind::Semaphore);
        format!("eventfd-count: {:16x}\neventfd-id: 1\neventfd-semaphore: {semaphore}\n", self.count)
    }

    pub(super) fn poll(&self) -> PollEvents {
        let mut events = PollEvents::empty();
        events.set(PollEvents::IN, self.count > 0);
        events.set(PollEvents::OUT, self.count < MAX);
        events
    }
}

impl Fs {
    /// Opens a counter (eventfd2(2)). Of `flags`, `O_NONBLOCK` counts.
    pub fn eventfd(&mut self, count: u32, kind: EventfdKind, flags: OpenFlags, now_ns: u64) -> OpenId {
        self.open_anonymous(Anonymous::Eventfd(Eventfd { count: u64::from(count), kind }), flags, now_ns)
    }
}
