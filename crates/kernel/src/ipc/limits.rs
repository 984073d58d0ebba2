//! Limits of System V objects, which programs may change (`/proc/sys/kernel`, proc_sys_kernel(5); Linux 6.12 ipc/ipc_sysctl.c).

use super::{Ipc, MOST_OBJECTS};
use crate::Errno;

/// A parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IpcParameter {
    /// `msgmax`: the most bytes of a message.
    MessageBytes,
    /// `msgmnb`: the most bytes of a queue that nobody has changed.
    QueueBytes,
    /// `msgmni`: the most queues.
    Queues,
    /// `shmall`: the most pages of all segments.
    AllPages,
    /// `shmmax`: the most bytes of a segment.
    SegmentBytes,
    /// `shmmni`: the most segments.
    Segments,
    /// `sem`: the most semaphores of a set, of all, operations of a call, and sets.
    Semaphores,
    /// `msg_next_id`: the number of the next queue; -1 leaves it to the kernel.
    NextQueue,
    /// `shm_next_id`.
    NextSegment,
    /// `sem_next_id`.
    NextSet,
}

/// The limits.
#[derive(Clone, Debug)]
pub(crate) struct Limits {
    /// `msgmax`.
    pub message_bytes: u64,
    /// `msgmnb`.
    pub queue_bytes: u64,
    /// `msgmni`.
    pub queues: u64,
    /// `shmall`.
    pub all_pages: u64,
    /// `shmmax`.
    pub segment_bytes: u64,
    /// `shmmni`.
    pub segments: u64,
    /// `sem`: the most semaphores of a set.
    pub set_size: u64,
    /// The most semaphores.
    pub semaphores: u64,
    /// The most operations of a call.
    pub operations: u64,
    /// The most sets.
    pub sets: u64,
}

impl Default for Limits {
    /// Makes Linux's limits.
    fn default() -> Self {
        const UNLIMITED: u64 = u64::MAX - (1 << 24);
        Self {
            message_bytes: 8192,
            queue_bytes: 16_384,
            queues: 32_000,
            all_pages: UNLIMITED,
            segment_bytes: UNLIMITED,
            segments: 4096,
            set_size: 32_000,
            semaphores: 1_024_000_000,
            operations: 500,
            sets: 32_000,
        }
    }
}

impl Ipc {
    /// Returns what the file of a parameter says.
    pub(crate) fn parameter(&self, parameter: IpcParameter) -> String {
        let next = |id: Option<i32>| id.unwrap_or(-1).to_string();
        let limits = &self.limits;
        match parameter {
            IpcParameter::MessageBytes => limits.message_bytes.to_string(),
            IpcParameter::QueueBytes => limits.queue_bytes.to_string(),
            IpcParameter::Queues => limits.queues.to_string(),
            IpcParameter::AllPages => limits.all_pages.to_string(),
            IpcParameter::SegmentBytes => limits.segment_bytes.to_string(),
            IpcParameter::Segments => limits.segments.to_string(),
            IpcParameter::Semaphores => {
                let Limits { set_size, semaphores, operations, sets, .. } = limits;
                format!("{set_size}\t{semaphores}\t{operations}\t{sets}")
            }
            IpcParameter::NextQueue => next(self.queues.next_id),
            IpcParameter::NextSegment => next(self.segments.next_id),
            IpcParameter::NextSet => next(self.semaphores.next_id),
        }
    }

    /// Sets a parameter.
    ///
    /// # Errors
    /// `EINVAL` for a text that is no number, or one that it cannot have; `ERANGE` for too many sets.
    pub(crate) fn set_parameter(&mut self, parameter: IpcParameter, text: &[u8]) -> Result<(), Errno> {
        const MOST_INT: u64 = i32::MAX as u64;
        let text = std::str::from_utf8(text).map_err(|_| Errno::EINVAL)?;
        let words: Result<Vec<u64>, _> = text.split_whitespace().map(str::parse).collect();
        let words = words.map_err(|_| Errno::EINVAL)?;
        let value = |most: u64| match words[..] {
            [value, ..] if value <= most => Ok(value),
            _ => Err(Errno::EINVAL),
        };
        let limits = &mut self.limits;
        match parameter {
            IpcParameter::MessageBytes => limits.message_bytes = value(MOST_INT)?,
            IpcParameter::QueueBytes => limits.queue_bytes = value(MOST_INT)?,
            IpcParameter::Queues => limits.queues = value(MOST_OBJECTS as u64)?,
            IpcParameter::AllPages => limits.all_pages = value(u64::MAX)?,
            IpcParameter::SegmentBytes => limits.segment_bytes = value(u64::MAX)?,
            IpcParameter::Segments => limits.segments = value(MOST_OBJECTS as u64)?,
            IpcParameter::Semaphores => {
                // Those that are not given stay.
                let places =
                    [&mut limits.set_size, &mut limits.semaphores, &mut limits.operations, &mut limits.sets];
                if words.is_empty() || words.iter().any(|word| *word > MOST_INT) {
                    return Err(Errno::EINVAL);
                }
                if words.get(3).is_some_and(|sets| *sets > MOST_OBJECTS as u64) {
                    return Err(Errno::ERANGE);
                }
                places.into_iter().zip(words).for_each(|(place, word)| *place = word);
            }
            IpcParameter::NextQueue => self.queues.next_id = Some(value(MOST_INT)? as i32),
            IpcParameter::NextSegment => self.segments.next_id = Some(value(MOST_INT)? as i32),
            IpcParameter::NextSet => self.semaphores.next_id = Some(value(MOST_INT)? as i32),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_obeyed() {
        let mut ipc = Ipc::default();
        assert_eq!(ipc.parameter(IpcParameter::Semaphores), "32000\t1024000000\t500\t32000");
        assert_eq!(ipc.set_parameter(IpcParameter::Semaphores, b"250 32000\n"), Ok(()));
        assert_eq!(ipc.parameter(IpcParameter::Semaphores), "250\t32000\t500\t32000");
        assert_eq!(ipc.set_parameter(IpcParameter::Semaphores, b"1 2 3 32769"), Err(Errno::ERANGE));
        assert_eq!(ipc.set_parameter(IpcParameter::SegmentBytes, b"18446744073692774399"), Ok(()));
        for text in [&b"x"[..], b"", b"-1", b"32769"] {
            assert_eq!(ipc.set_parameter(IpcParameter::Queues, text), Err(Errno::EINVAL));
        }
        assert_eq!(ipc.parameter(IpcParameter::NextQueue), "-1");
        assert_eq!(ipc.set_parameter(IpcParameter::NextQueue, b"70\n"), Ok(()));
        assert_eq!(ipc.parameter(IpcParameter::NextQueue), "70");
    }
}
