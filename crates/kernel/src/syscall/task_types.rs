//! The argument types of clone, clone3 and futex, whose meaning depends on each other.

use super::args::{Arg, UserValue, pointer};
use super::show::Shower;
use super::types::show_flags;
use crate::task::Signal;
use tine_mmu::VirtAddr;

/// The names of the flags of clone and clone3.
const CLONE_NAMES: [(u32, &str); 24] = [
    (0x100, "CLONE_VM"),
    (0x200, "CLONE_FS"),
    (0x400, "CLONE_FILES"),
    (0x800, "CLONE_SIGHAND"),
    (0x1000, "CLONE_PIDFD"),
    (0x2000, "CLONE_PTRACE"),
    (0x4000, "CLONE_VFORK"),
    (0x8000, "CLONE_PARENT"),
    (0x10000, "CLONE_THREAD"),
    (0x20000, "CLONE_NEWNS"),
    (0x40000, "CLONE_SYSVSEM"),
    (0x80000, "CLONE_SETTLS"),
    (0x100000, "CLONE_PARENT_SETTID"),
    (0x200000, "CLONE_CHILD_CLEARTID"),
    (0x400000, "CLONE_DETACHED"),
    (0x800000, "CLONE_UNTRACED"),
    (0x1000000, "CLONE_CHILD_SETTID"),
    (0x2000000, "CLONE_NEWCGROUP"),
    (0x4000000, "CLONE_NEWUTS"),
    (0x8000000, "CLONE_NEWIPC"),
    (0x10000000, "CLONE_NEWUSER"),
    (0x20000000, "CLONE_NEWPID"),
    (0x40000000, "CLONE_NEWNET"),
    (0x80000000, "CLONE_IO"),
];

/// The flags word of clone: `CLONE_*` above the low byte, which holds the exit signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct CloneArg(pub u64);

impl Arg for CloneArg {
    fn from_register(raw: u64) -> Self {
        Self(raw)
    }

    fn show(raw: u64, _: &mut Shower<'_>) -> String {
        let flags = show_flags(raw as u32 & !0xff, "", &CLONE_NAMES);
        match (Signal::new(raw & 0xff), flags.is_empty()) {
            (None, true) => "0".to_owned(),
            (None, false) => flags,
            (Some(signal), true) => signal.name().to_owned(),
            (Some(signal), false) => format!("{flags}|{}", signal.name()),
        }
    }
}

/// The flags of unshare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct UnshareFlags(pub u64);

impl Arg for UnshareFlags {
    fn from_register(raw: u64) -> Self {
        Self(raw)
    }

    fn show(raw: u64, _: &mut Shower<'_>) -> String {
        show_flags(raw as u32, "0", &CLONE_NAMES)
    }
}

/// The address of a `struct clone_args`; the next argument is its size.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clone3Ptr(pub VirtAddr);

impl Arg for Clone3Ptr {
    fn from_register(raw: u64) -> Self {
        Self(VirtAddr(raw))
    }

    fn show(raw: u64, shower: &mut Shower<'_>) -> String {
        const SHOWN_BYTES: usize = 64;
        let bytes = shower.bytes(VirtAddr(raw), SHOWN_BYTES);
        if bytes.len() < SHOWN_BYTES {
            return pointer(raw);
        }
        let [flags, _, child_tid, parent_tid, signal, stack, size, tls] = <[u64; 8]>::from_bytes(&bytes);
        let flags = show_flags(flags as u32, "0", &CLONE_NAMES);
        let signal =
            Signal::new(signal).map_or_else(|| signal.to_string(), |signal| signal.name().to_owned());
        let [child_tid, parent_tid, stack, tls] = [child_tid, parent_tid, stack, tls].map(pointer);
        format!(
            "{{flags={flags}, child_tid={child_tid}, parent_tid={parent_tid}, exit_signal={signal}, \
             stack={stack}, stack_size={size:#x}, tls={tls}}}"
        )
    }
}

/// The operation of futex: a command, and two flags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FutexOp(u32);

impl FutexOp {
    pub(super) const WAIT: u32 = 0;
    pub(super) const WAKE: u32 = 1;
    pub(super) const REQUEUE: u32 = 3;
    pub(super) const CMP_REQUEUE: u32 = 4;
    pub(super) const WAKE_OP: u32 = 5;
    pub(super) const WAIT_BITSET: u32 = 9;
    pub(super) const WAKE_BITSET: u32 = 10;
    const PRIVATE: u32 = 128;
    const REALTIME: u32 = 256;
    /// The names of the commands, in order.
    const NAMES: [&str; 14] = [
        "WAIT",
        "WAKE",
        "FD",
        "REQUEUE",
        "CMP_REQUEUE",
        "WAKE_OP",
        "LOCK_PI",
        "UNLOCK_PI",
        "TRYLOCK_PI",
        "WAIT_BITSET",
        "WAKE_BITSET",
        "WAIT_REQUEUE_PI",
        "CMP_REQUEUE_PI",
        "LOCK_PI2",
    ];

    /// Returns the command without its flags.
    pub(super) const fn command(self) -> u32 {
        self.0 & !(Self::PRIVATE | Self::REALTIME)
    }

    /// Tells whether only this address space is meant.
    pub(super) const fn is_private(self) -> bool {
        self.0 & Self::PRIVATE != 0
    }

    /// Tells whether the timeout is a time of day.
    pub(super) const fn is_realtime(self) -> bool {
        self.0 & Self::REALTIME != 0
    }

    /// Tells whether the fourth argument is a timeout (futex_cmd_has_timeout).
    pub(super) const fn has_timeout(self) -> bool {
        matches!(self.command(), Self::WAIT | 6 | Self::WAIT_BITSET | 11 | 13)
    }

    /// Returns how many arguments mean something, the timeout or second count being the fourth.
    const fn arguments(self) -> usize {
        match self.command() {
            Self::WAKE => 3,
            Self::WAIT => 4,
            Self::REQUEUE => 5,
            _ => 6,
        }
    }
}

impl Arg for FutexOp {
    fn from_register(raw: u64) -> Self {
        Self(raw as u32)
    }

    fn show(raw: u64, _: &mut Shower<'_>) -> String {
        let operation = Self(raw as u32);
        let Some(name) = Self::NAMES.get(operation.command() as usize) else { return pointer(raw) };
        let scope = if operation.is_private() { "_PRIVATE" } else { "" };
        let clock = if operation.is_realtime() { "|FUTEX_CLOCK_REALTIME" } else { "" };
        format!("FUTEX_{name}{scope}{clock}")
    }
}

/// An argument of futex behind the value: what it means, and whether anything, the operation says.
#[derive(Clone, Copy, Debug)]
pub(super) struct FutexArg(pub u64);

impl Arg for FutexArg {
    fn from_register(raw: u64) -> Self {
        Self(raw)
    }

    fn show(raw: u64, shower: &mut Shower<'_>) -> String {
        let operation = FutexOp(shower.arguments[1] as u32);
        match shower.index {
            index if index >= operation.arguments() => String::new(),
            3 if !operation.has_timeout() => (raw as u32).to_string(),
            5 if raw as u32 == u32::MAX => "FUTEX_BITSET_MATCH_ANY".to_owned(),
            5 => format!("{:#x}", raw as u32),
            _ => pointer(raw),
        }
    }
}
