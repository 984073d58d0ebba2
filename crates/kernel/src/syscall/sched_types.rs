//! The argument types of the calls about priorities and policies.

use super::args::Arg;
use super::show::{Bytes, Pointee, Shower, When, pointer, show_flags};
use super::{Arguments, CallResult};
use crate::Errno;
use tine_mmu::VirtAddr;

/// `SCHED_*`, with or without `SCHED_RESET_ON_FORK`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PolicyArg(pub i32);

impl PolicyArg {
    /// `SCHED_RESET_ON_FORK`.
    pub(super) const RESET_ON_FORK: i32 = 0x4000_0000;
}

impl PolicyArg {
    /// Returns the name of a policy; strace knows none with `SCHED_RESET_ON_FORK`.
    pub(super) fn name(raw: i32) -> Option<&'static str> {
        const NAMES: [&str; 8] = [
            "SCHED_OTHER",
            "SCHED_FIFO",
            "SCHED_RR",
            "SCHED_BATCH",
            "SCHED_ISO",
            "SCHED_IDLE",
            "SCHED_DEADLINE",
            "SCHED_EXT",
        ];
        NAMES.get(usize::try_from(raw).ok()?).copied()
    }

    /// Prints the policy as strace does.
    fn text(raw: i32) -> String {
        Self::name(raw).map_or_else(|| format!("{raw:#x} /* SCHED_??? */"), str::to_owned)
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

impl SchedAttr {
    const FLAGS: [(u32, &str); 7] = [
        (1, "SCHED_FLAG_RESET_ON_FORK"),
        (2, "SCHED_FLAG_RECLAIM"),
        (4, "SCHED_FLAG_DL_OVERRUN"),
        (8, "SCHED_FLAG_KEEP_POLICY"),
        (Self::KEEP_PARAMS, "SCHED_FLAG_KEEP_PARAMS"),
        (0x20, "SCHED_FLAG_UTIL_CLAMP_MIN"),
        (0x40, "SCHED_FLAG_UTIL_CLAMP_MAX"),
    ];
    const KEEP_POLICY_OR_PARAMS: u32 = 0x18;
    const KEEP_PARAMS: u32 = 0x10;

    /// Prints the fields that there are in `size` bytes, and of them those that count: what a call is to keep does not.
    fn fields(bytes: Bytes<'_>, size: u32, is_set: bool) -> String {
        let flags = bytes.u32(8);
        let mut text = format!("size={}", bytes.u32(0));
        if size < Self::FIRST_BYTES as u32 {
            return text;
        }
        if !is_set || bytes.i32(4) < 0 || flags & Self::KEEP_POLICY_OR_PARAMS == 0 {
            text.push_str(&format!(", sched_policy={}", PolicyArg::text(bytes.i32(4))));
        }
        text.push_str(&format!(", sched_flags={}", show_flags(bytes.u64(8), "0", &Self::FLAGS)));
        if !is_set || flags & Self::KEEP_PARAMS == 0 {
            let (nice, priority) = (bytes.i32(16), bytes.u32(20));
            let [runtime, deadline, period] = [24, 32, 40].map(|at| bytes.u64(at));
            text.push_str(&format!(
                ", sched_nice={nice}, sched_priority={priority}, sched_runtime={runtime}, \
                 sched_deadline={deadline}, sched_period={period}"
            ));
        }
        if size >= Self::BYTES as u32 {
            let (least, most) = (bytes.u32(48), bytes.u32(52));
            text.push_str(&format!(", sched_util_min={least}, sched_util_max={most}"));
        }
        text
    }
}

/// A `struct sched_attr` that sched_getattr fills in; the third argument says how much there is room for.
impl Pointee for SchedAttr {
    fn show(at: VirtAddr, shower: &mut Shower<'_>) -> Option<String> {
        let room = (shower.arguments[2] as u32).min(Self::BYTES as u32);
        let bytes = shower.whole(at, room as usize).filter(|_| room > 0)?;
        let size = Bytes(&bytes).u32(0);
        let more = if size > Self::BYTES as u32 { ", ..." } else { "" };
        Some(format!("{{{}{more}}}", Self::fields(Bytes(&bytes), size, false)))
    }
}

/// A `struct sched_attr` that sched_setattr reads; of one that is too large, the call stores the size that it takes.
#[derive(Clone, Copy, Debug)]
pub(super) struct GivenSchedAttr(VirtAddr);

impl Arg for GivenSchedAttr {
    fn when(_: &Arguments) -> When {
        When::Both
    }

    fn from_register(raw: u64) -> Self {
        Self(VirtAddr(raw))
    }

    fn show(raw: u64, shower: &mut Shower<'_>) -> String {
        const MOST: u32 = SchedAttr::BYTES as u32;
        const FIRST: u32 = SchedAttr::FIRST_BYTES as u32;
        let Some(size) = shower.whole(VirtAddr(raw), 4).map(|bytes| Bytes(&bytes).u32(0)) else {
            return if shower.result.is_none() { pointer(raw) } else { String::new() };
        };
        match shower.result {
            None => {
                let size = if size == 0 { FIRST } else { size };
                let looked_at = if size < FIRST { 4 } else { size.min(MOST) };
                let Some(bytes) = shower.whole(VirtAddr(raw), looked_at as usize) else {
                    return pointer(raw);
                };
                let more = if size > MOST { ", ..." } else { "" };
                format!("{{{}{more}}}", SchedAttr::fields(Bytes(&bytes), size.min(MOST), true))
            }
            Some(CallResult::Errno(number)) if number == Errno::E2BIG.number() => {
                format!(" => {{size={size}}}")
            }
            Some(_) => String::new(),
        }
    }
}

impl From<GivenSchedAttr> for VirtAddr {
    fn from(argument: GivenSchedAttr) -> Self {
        argument.0
    }
}
