//! The argument types of clone, clone3 and futex, whose meaning depends on each other.

use super::args::{Arg, Timespec, UserPtr, UserValue};
use super::show::{
    Bytes, Element, Out, Shower, When, follow, follow_array, hex, hex_quoted, pointer, show_flags,
    show_signal,
};
use super::{Arguments, CallResult};
use tine_mmu::VirtAddr;

const CLONE_PIDFD: u64 = 0x1000;
const CLONE_SETTLS: u64 = 0x8_0000;
const CLONE_PARENT_SETTID: u64 = 0x10_0000;
const CLONE_CHILD_CLEARTID: u64 = 0x20_0000;
const CLONE_CHILD_SETTID: u64 = 0x100_0000;
/// `CSIGNAL`: the exit signal that stands among the flags of clone.
const CSIGNAL: u64 = 0xff;

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

/// Prints the flags of clone3, which are more than 32 bits.
fn clone3_flags(flags: u64) -> String {
    const MORE: [(u32, &str); 2] = [(1, "CLONE_CLEAR_SIGHAND"), (2, "CLONE_INTO_CGROUP")];
    let more = (flags >> 32) as u32;
    match (flags as u32, more) {
        (low, 0) => show_flags(low, "0", &CLONE_NAMES),
        (0, more) => show_flags(more, "0", &MORE),
        (low, more) => format!("{}|{}", show_flags(low, "0", &CLONE_NAMES), show_flags(more, "0", &MORE)),
    }
}

/// The flags word of clone: `CLONE_*` above the low byte, which holds the exit signal. strace shows the stack before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct CloneArg(pub u64);

impl Arg for CloneArg {
    fn from_register(raw: u64) -> Self {
        Self(raw)
    }

    fn show(raw: u64, shower: &mut Shower<'_>) -> String {
        let stack = pointer(shower.arguments[1]);
        let signal = raw & CSIGNAL;
        let flags = match (raw & !CSIGNAL, signal) {
            (0, signal) => show_signal(signal as u32),
            (flags, 0) => show_flags(flags, "0", &CLONE_NAMES),
            (flags, signal) => {
                format!("{}|{}", show_flags(flags, "0", &CLONE_NAMES), show_signal(signal as u32))
            }
        };
        format!("child_stack={stack}, flags={flags}")
    }
}

/// An argument of clone behind the flags, which say whether it means anything. The stack is shown with the flags.
#[derive(Clone, Copy, Debug)]
pub(super) struct CloneRest(u64);

impl Arg for CloneRest {
    fn when(arguments: &Arguments) -> When {
        const SHOWN: u64 =
            CLONE_PARENT_SETTID | CLONE_PIDFD | CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID | CLONE_SETTLS;
        if arguments[0] & SHOWN == 0 { When::Entry } else { When::ExitIfAny }
    }

    fn from_register(raw: u64) -> Self {
        Self(raw)
    }

    fn show(raw: u64, shower: &mut Shower<'_>) -> String {
        let flags = shower.arguments[0];
        match shower.index {
            2 if flags & (CLONE_PARENT_SETTID | CLONE_PIDFD) != 0 => {
                format!("parent_tid={}", Out::<i32>::show(raw, shower))
            }
            3 if flags & CLONE_SETTLS != 0 => format!("tls={}", pointer(raw)),
            4 if flags & (CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID) != 0 => {
                format!("child_tidptr={}", pointer(raw))
            }
            _ => String::new(),
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
        show_flags(raw, "0", &CLONE_NAMES)
    }
}

impl From<CloneRest> for u64 {
    fn from(argument: CloneRest) -> Self {
        argument.0
    }
}

impl From<CloneRest> for VirtAddr {
    fn from(argument: CloneRest) -> Self {
        Self(argument.0)
    }
}

impl<T> From<CloneRest> for UserPtr<T> {
    fn from(argument: CloneRest) -> Self {
        Self::new(VirtAddr(argument.0))
    }
}

/// The address of a `struct clone_args`; the next argument is its size.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clone3Ptr(pub VirtAddr);

impl Clone3Ptr {
    const SHOWN_BYTES: usize = 64;

    /// Reads what is shown: flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls.
    fn words(raw: u64, shower: &mut Shower<'_>) -> Option<[u64; 8]> {
        if shower.arguments[1] < Self::SHOWN_BYTES as u64 {
            return None;
        }
        shower.whole(VirtAddr(raw), Self::SHOWN_BYTES).map(|bytes| <[u64; 8]>::from_bytes(&bytes))
    }

    /// Prints what later versions of the struct have: pids that are asked for, a control group, and what nobody knows yet.
    fn later_fields(raw: u64, shower: &mut Shower<'_>) -> Vec<String> {
        const KNOWN_BYTES: u64 = 88;
        const MOST_BYTES: u64 = 4096;
        const PIDS: u64 = 32;
        let size = shower.arguments[1].min(MOST_BYTES);
        let word = |shower: &mut Shower<'_>, at: u64| match shower.whole(VirtAddr(raw) + at, 8) {
            Some(bytes) if at + 8 <= size => Bytes(&bytes).u64(0),
            _ => 0,
        };
        let [pids, count, group] = [64, 72, 80].map(|at| word(shower, at));
        let mut parts = Vec::new();
        if pids != 0 || count != 0 {
            let pids = if count > PIDS { pointer(pids) } else { follow_array::<i32>(pids, count, shower) };
            parts.push(format!("set_tid={pids}, set_tid_size={count}"));
        }
        if group != 0 {
            parts.push(format!("cgroup={group}"));
        }
        let unknown = size.saturating_sub(KNOWN_BYTES) as usize;
        if let Some(bytes) = shower.whole(VirtAddr(raw) + KNOWN_BYTES, unknown)
            && bytes.iter().any(|byte| *byte != 0)
        {
            let shown = hex_quoted(&bytes[..unknown.min(shower.limit)], unknown > shower.limit);
            parts.push(format!("/* bytes {KNOWN_BYTES}..{} */ {shown}", size - 1));
        }
        parts
    }

    /// Prints what the call has stored where the struct says.
    fn stored(raw: u64, shower: &mut Shower<'_>) -> String {
        let Some([flags, pidfd, _, parent_tid, ..]) = Self::words(raw, shower) else { return String::new() };
        let mut parts = Vec::new();
        if flags & CLONE_PIDFD != 0 {
            parts.push(format!("pidfd={}", follow::<i32>(pidfd, shower)));
        }
        if flags & CLONE_PARENT_SETTID != 0 {
            parts.push(format!("parent_tid={}", follow::<i32>(parent_tid, shower)));
        }
        if parts.is_empty() { String::new() } else { format!(" => {{{}}}", parts.join(", ")) }
    }
}

impl Arg for Clone3Ptr {
    fn when(_: &Arguments) -> When {
        When::Both
    }

    fn from_register(raw: u64) -> Self {
        Self(VirtAddr(raw))
    }

    fn show(raw: u64, shower: &mut Shower<'_>) -> String {
        match shower.result {
            Some(CallResult::Value(_)) => return Self::stored(raw, shower),
            Some(_) => return String::new(),
            None => {}
        }
        let Some([flags, pidfd, child_tid, parent_tid, signal, stack, size, tls]) = Self::words(raw, shower)
        else {
            return pointer(raw);
        };
        let mut parts = vec![format!("flags={}", clone3_flags(flags))];
        let mut add = |needed: u64, name: &str, address: u64| {
            if flags & needed != 0 {
                parts.push(format!("{name}={}", pointer(address)));
            }
        };
        add(CLONE_PIDFD, "pidfd", pidfd);
        add(CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID, "child_tid", child_tid);
        add(CLONE_PARENT_SETTID, "parent_tid", parent_tid);
        parts.push(format!("exit_signal={}", show_signal(signal as u32)));
        parts.push(format!("stack={}, stack_size={}", pointer(stack), hex(size)));
        if flags & CLONE_SETTLS != 0 {
            parts.push(format!("tls={}", pointer(tls)));
        }
        parts.extend(Self::later_fields(raw, shower));
        format!("{{{}}}", parts.join(", "))
    }
}

/// The operation of futex: a command, and two flags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FutexOp(u32);

impl FutexOp {
    pub(super) const WAIT: u32 = 0;
    pub(super) const WAKE: u32 = 1;
    const FD: u32 = 2;
    pub(super) const REQUEUE: u32 = 3;
    pub(super) const CMP_REQUEUE: u32 = 4;
    pub(super) const WAKE_OP: u32 = 5;
    pub(super) const LOCK_PI: u32 = 6;
    pub(super) const UNLOCK_PI: u32 = 7;
    pub(super) const TRYLOCK_PI: u32 = 8;
    pub(super) const WAIT_REQUEUE_PI: u32 = 11;
    pub(super) const CMP_REQUEUE_PI: u32 = 12;
    pub(super) const LOCK_PI2: u32 = 13;
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

    /// Tells whether there is such a command.
    const fn is_known(self) -> bool {
        (self.command() as usize) < Self::NAMES.len()
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
        matches!(
            self.command(),
            Self::WAIT | Self::LOCK_PI | Self::WAIT_BITSET | Self::WAIT_REQUEUE_PI | Self::LOCK_PI2
        )
    }

    /// Returns how many arguments mean something, the timeout or second count being the fourth.
    const fn arguments(self) -> usize {
        match self.command() {
            Self::WAKE => 3,
            Self::WAIT => 4,
            Self::LOCK_PI | Self::LOCK_PI2 => 4,
            Self::UNLOCK_PI | Self::TRYLOCK_PI => 2,
            Self::FD => 3,
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
        let Some(name) = Self::NAMES.get(operation.command() as usize) else {
            return format!("{raw:#x} /* FUTEX_??? */");
        };
        let scope = if operation.is_private() { "_PRIVATE" } else { "" };
        let clock = if operation.is_realtime() { "|FUTEX_CLOCK_REALTIME" } else { "" };
        format!("FUTEX_{name}{scope}{clock}")
    }
}

/// The value of futex, which locks do not look at.
#[derive(Clone, Copy, Debug)]
pub(super) struct FutexValue(u32);

impl Arg for FutexValue {
    fn from_register(raw: u64) -> Self {
        Self(raw as u32)
    }

    fn show(raw: u64, shower: &mut Shower<'_>) -> String {
        match FutexOp(shower.arguments[1] as u32).command() {
            FutexOp::LOCK_PI | FutexOp::UNLOCK_PI | FutexOp::TRYLOCK_PI | FutexOp::LOCK_PI2 => String::new(),
            _ => (raw as u32).to_string(),
        }
    }
}

impl From<FutexValue> for u32 {
    fn from(value: FutexValue) -> Self {
        value.0
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
            3 if operation.has_timeout() => follow::<Timespec>(raw, shower),
            3 | 4 if operation.command() == FutexOp::WAKE_BITSET => String::new(),
            4 if operation.command() == FutexOp::WAIT_BITSET => String::new(),
            3 if operation.is_known() => (raw as u32).to_string(),
            3 => hex(raw),
            5 if operation.command() == FutexOp::WAKE_OP => wake_operation(raw as u32),
            5 if operation.command() == FutexOp::CMP_REQUEUE => (raw as u32).to_string(),
            5 if raw as u32 == u32::MAX => "FUTEX_BITSET_MATCH_ANY".to_owned(),
            5 => hex((raw as u32).into()),
            _ => pointer(raw),
        }
    }
}

/// Prints what `FUTEX_OP(op, oparg, cmp, cmparg)` encodes.
fn wake_operation(encoded: u32) -> String {
    const OPERATIONS: [&str; 5] =
        ["FUTEX_OP_SET", "FUTEX_OP_ADD", "FUTEX_OP_OR", "FUTEX_OP_ANDN", "FUTEX_OP_XOR"];
    const COMPARISONS: [&str; 6] = [
        "FUTEX_OP_CMP_EQ",
        "FUTEX_OP_CMP_NE",
        "FUTEX_OP_CMP_LT",
        "FUTEX_OP_CMP_LE",
        "FUTEX_OP_CMP_GT",
        "FUTEX_OP_CMP_GE",
    ];
    let name = |names: &[&str], number: u32, what: &str, shift: u32| match names.get(number as usize) {
        Some(name) => format!("{name}<<{shift}"),
        None => format!("{}<<{shift} /* {what}??? */", hex(number.into())),
    };
    let shift = if encoded >> 28 & 8 != 0 { "FUTEX_OP_OPARG_SHIFT<<28|" } else { "" };
    let operation = name(&OPERATIONS, encoded >> 28 & 7, "FUTEX_OP_", 28);
    let comparison = name(&COMPARISONS, encoded >> 24 & 0xf, "FUTEX_OP_CMP_", 24);
    let (argument, compared) = (hex((encoded >> 12 & 0xfff).into()), hex((encoded & 0xfff).into()));
    format!("{shift}{operation}|{argument}<<12|{comparison}|{compared}")
}

/// A `struct futex_waitv`: a word, and what is expected there.
pub(super) struct Waiter;

impl Element for Waiter {
    const BYTES: usize = 24;

    fn show(bytes: Bytes<'_>, shower: &mut Shower<'_>) -> String {
        let (value, word, flags) = (hex(bytes.u64(0)), pointer(bytes.u64(8)), bytes.u32(16));
        let reserved = match bytes.u32(20) {
            0 => String::new(),
            reserved => format!(", __reserved={reserved:#x}"),
        };
        format!("{{val={value}, uaddr={word}, flags={}{reserved}}}", Futex2Flags::show(flags.into(), shower))
    }
}

/// `FUTEX2_*`: the size of a word among flags.
#[derive(Clone, Copy, Debug)]
pub(super) struct Futex2Flags(u32);

impl Arg for Futex2Flags {
    fn from_register(raw: u64) -> Self {
        Self(raw as u32)
    }

    fn show(raw: u64, _: &mut Shower<'_>) -> String {
        const SIZES: [&str; 4] = ["FUTEX2_SIZE_U8", "FUTEX2_SIZE_U16", "FUTEX2_SIZE_U32", "FUTEX2_SIZE_U64"];
        let size = SIZES[(raw & 3) as usize];
        match raw as u32 & !3 {
            0 => size.to_owned(),
            flags => {
                let flags = show_flags(flags, "0", &[(4, "FUTEX2_NUMA"), (128, "FUTEX2_PRIVATE")]);
                // Beside the size, unknown bits need no comment.
                format!("{size}|{}", flags.split(' ').next().unwrap_or_default())
            }
        }
    }
}

impl From<Futex2Flags> for u32 {
    fn from(flags: Futex2Flags) -> Self {
        flags.0
    }
}
