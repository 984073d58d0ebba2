//! The argument types of the calls about priorities and policies.

use super::args::Arg;
use super::show::{Bytes, Pointee, Shower, show_flags};
use tine_mmu::VirtAddr;

/// `SCHED_*`, with or without `SCHED_RESET_ON_FORK`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PolicyArg(pub i32);

impl PolicyArg {
    /// `SCHED_RESET_ON_FORK`.
    pub(super) const RESET_ON_FORK: i32 = 0x4000_0000;
}

fn policy_name(number: u32) -> String {
    const NAMES: [&str; 8] = ["OTHER", "FIFO", "RR", "BATCH", "ISO", "IDLE", "DEADLINE", "EXT"];
    match NAMES.get(number as usize) {
        Some(name) => format!("SCHED_{name}"),
        None => format!("{number:#x} /* SCHED_??? */"),
    }
}

impl PolicyArg {
    /// Prints the policy as strace does.
    pub(super) fn text(raw: i32) -> String {
        let name = policy_name((raw & !Self::RESET_ON_FORK) as u32);
        if raw & Self::RESET_ON_FORK != 0 { format!("{name}|SCHED_RESET_ON_FORK") } else { name }
    }
}

impl Arg for PolicyArg {
    fn from_register(raw: u64) -> Self {
        Self(raw as i32)
    }

    fn show(raw: u64, _: &mut Shower<'_>) -> String {
        Self::text(raw as i32)
    }
}

/// An input-output priority: a class above a level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct IoPriority(pub u32);

impl IoPriority {
    /// Returns the class, 1 to 3, or 0 for none.
    pub(super) const fn class(self) -> u32 {
        self.0 >> 13 & 7
    }

    /// Returns the level in the class.
    pub(super) const fn level(self) -> u32 {
        self.0 & 7
    }
}

impl IoPriority {
    /// Prints class and level as strace does.
    pub(super) fn text(raw: u32) -> String {
        const CLASSES: [&str; 4] = ["NONE", "RT", "BE", "IDLE"];
        let (class, data) = (raw >> 13, raw & 0x1fff);
        match CLASSES.get(class as usize) {
            Some(name) => format!("IOPRIO_PRIO_VALUE(IOPRIO_CLASS_{name}, {data})"),
            None => format!("IOPRIO_PRIO_VALUE({class:#x} /* IOPRIO_CLASS_??? */, {data})"),
        }
    }
}

impl Arg for IoPriority {
    fn from_register(raw: u64) -> Self {
        Self(raw as u32)
    }

    fn show(raw: u64, _: &mut Shower<'_>) -> String {
        Self::text(raw as u32)
    }
}

/// A `struct sched_attr` (Linux 6.12 include/uapi/linux/sched/types.h).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct SchedAttr {
    /// `SCHED_*`.
    pub policy: u32,
    /// `SCHED_FLAG_*`.
    pub flags: u64,
    /// Niceness.
    pub nice: i32,
    /// Real-time priority.
    pub priority: u32,
    /// How long a task runs at least, in nanoseconds.
    pub runtime_ns: u64,
}

impl SchedAttr {
    /// Size of its first version.
    pub(super) const FIRST_BYTES: usize = 48;
    /// Size of the version that has utilisation clamps.
    pub(super) const BYTES: usize = 56;

    /// Reads it, after its size.
    pub(super) fn from_bytes(bytes: &[u8; Self::BYTES]) -> Self {
        let word = |at: usize| u32::from_le_bytes(std::array::from_fn(|index| bytes[at + index]));
        let long = |at: usize| u64::from_le_bytes(std::array::from_fn(|index| bytes[at + index]));
        Self {
            policy: word(4),
            flags: long(8),
            nice: word(16) as i32,
            priority: word(20),
            runtime_ns: long(24),
        }
    }

    /// Returns its bytes with `size` as its size.
    pub(super) fn to_bytes(self, size: u32) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        let mut put = |at: usize, value: &[u8]| bytes[at..at + value.len()].copy_from_slice(value);
        put(0, &size.to_le_bytes());
        put(4, &self.policy.to_le_bytes());
        put(8, &self.flags.to_le_bytes());
        put(16, &self.nice.to_le_bytes());
        put(20, &self.priority.to_le_bytes());
        put(24, &self.runtime_ns.to_le_bytes());
        bytes
    }
}

impl Pointee for SchedAttr {
    fn show(at: VirtAddr, shower: &mut Shower<'_>) -> Option<String> {
        const FLAGS: [(u32, &str); 7] = [
            (1, "SCHED_FLAG_RESET_ON_FORK"),
            (2, "SCHED_FLAG_RECLAIM"),
            (4, "SCHED_FLAG_DL_OVERRUN"),
            (8, "SCHED_FLAG_KEEP_POLICY"),
            (0x10, "SCHED_FLAG_KEEP_PARAMS"),
            (0x20, "SCHED_FLAG_UTIL_CLAMP_MIN"),
            (0x40, "SCHED_FLAG_UTIL_CLAMP_MAX"),
        ];
        let bytes = shower.whole(at, Self::FIRST_BYTES)?;
        let bytes = Bytes(&bytes);
        let flags = show_flags(bytes.u32(8), "0", &FLAGS);
        Some(format!(
            "{{size={}, sched_policy={}, sched_flags={flags}, sched_nice={}, sched_priority={}, \
             sched_runtime={}, sched_deadline={}, sched_period={}}}",
            bytes.u32(0),
            policy_name(bytes.u32(4)),
            bytes.i32(16),
            bytes.u32(20),
            bytes.u64(24),
            bytes.u64(32),
            bytes.u64(40)
        ))
    }
}
