//! Parameters of the file system that a program may set (`/proc/sys/fs`, proc_sys_fs(5)).

use super::{Fs, mqueue};
use crate::Errno;
use tine_mmu::PAGE_SIZE;

/// A parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tunable {
    /// `inotify/max_queued_events`: how many events wait in an inotify instance.
    InotifyEvents,
    /// `inotify/max_user_instances`.
    InotifyInstances,
    /// `inotify/max_user_watches`, of an instance.
    InotifyWatches,
    /// `lease-break-time`: seconds that the holder of a lease has to give it back; 0 is for ever.
    LeaseBreakTime,
    /// `leases-enable`: whether leases can be taken.
    LeasesEnable,
    /// `mqueue/msg_default`: how many messages fit into a queue whose maker does not say.
    MqueueDefaultMessages,
    /// `mqueue/msg_max`: how many may, unless the maker is privileged.
    MqueueMessages,
    /// `mqueue/msgsize_default`.
    MqueueDefaultBytes,
    /// `mqueue/msgsize_max`.
    MqueueBytes,
    /// `mqueue/queues_max`.
    MqueueQueues,
    /// `pipe-max-size`: bytes that a pipe of who has no privilege can hold.
    PipeMaxSize,
    /// `pipe-user-pages-hard`: pages of pipes beyond which a user gets no further ones; 0 is no limit.
    PipeUserPagesHard,
    /// `pipe-user-pages-soft`: pages of pipes beyond which a user's pipes are small; 0 is no limit.
    PipeUserPagesSoft,
}

/// The values of all of them.
#[derive(Clone, Debug)]
pub(super) struct Tunables([u64; 13]);

impl Default for Tunables {
    /// Makes Linux's values.
    fn default() -> Self {
        Self([16_384, 128, 8192, 45, 1, 10, 10, 8192, 8192, 256, 1 << 20, 0, 16_384])
    }
}

impl Fs {
    /// Returns the value of a parameter.
    pub const fn tunable(&self, tunable: Tunable) -> u64 {
        self.tunables.0[tunable as usize]
    }

    /// Sets a parameter.
    ///
    /// # Errors
    /// `EINVAL` for a value that it cannot have.
    pub fn set_tunable(&mut self, tunable: Tunable, value: i64) -> Result<(), Errno> {
        let value = u64::try_from(value).map_err(|_| Errno::EINVAL)?;
        let value = match tunable {
            // A power of two of pages (Linux 6.12 fs/pipe.c round_pipe_size).
            Tunable::PipeMaxSize if value > 1 << 31 => return Err(Errno::EINVAL),
            Tunable::PipeMaxSize => value.max(PAGE_SIZE).next_power_of_two(),
            // Linux 6.12 ipc/mq_sysctl.c.
            Tunable::MqueueDefaultMessages | Tunable::MqueueMessages
                if !(1..=mqueue::MOST_MESSAGES).contains(&value) =>
            {
                return Err(Errno::EINVAL);
            }
            Tunable::MqueueDefaultBytes | Tunable::MqueueBytes
                if !(128..=mqueue::MOST_BYTES).contains(&value) =>
            {
                return Err(Errno::EINVAL);
            }
            _ => value,
        };
        self.tunables.0[tunable as usize] = value;
        Ok(())
    }
}
