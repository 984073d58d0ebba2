//! Signals: numbers, sets, dispositions and what waits to be taken (signal(7)).

use crate::Pid;
use std::collections::VecDeque;
use tine_mmu::VirtAddr;

/// A signal number, 1 to 64.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Signal(u8);

macro_rules! signals {
    ($($name:ident = $number:literal, $default:ident;)*) => {
        impl Signal {
            $(#[doc = concat!("`", stringify!($name), "`.")] pub const $name: Self = Self($number);)*

            /// Returns the name; real-time signals are `SIGRT_n`, as strace prints them.
            pub fn name(self) -> &'static str {
                match self.0 {
                    $($number => stringify!($name),)*
                    real_time => REAL_TIME[usize::from(real_time) - 32],
                }
            }

            /// Returns what happens where the program has set nothing (signal(7), "Standard signals").
            pub const fn default_action(self) -> DefaultAction {
                match self.0 {
                    $($number => DefaultAction::$default,)*
                    _ => DefaultAction::Terminate,
                }
            }
        }
    };
}

signals! {
    SIGHUP = 1, Terminate;
    SIGINT = 2, Terminate;
    SIGQUIT = 3, Core;
    SIGILL = 4, Core;
    SIGTRAP = 5, Core;
    SIGABRT = 6, Core;
    SIGBUS = 7, Core;
    SIGFPE = 8, Core;
    SIGKILL = 9, Terminate;
    SIGUSR1 = 10, Terminate;
    SIGSEGV = 11, Core;
    SIGUSR2 = 12, Terminate;
    SIGPIPE = 13, Terminate;
    SIGALRM = 14, Terminate;
    SIGTERM = 15, Terminate;
    SIGSTKFLT = 16, Terminate;
    SIGCHLD = 17, Ignore;
    SIGCONT = 18, Continue;
    SIGSTOP = 19, Stop;
    SIGTSTP = 20, Stop;
    SIGTTIN = 21, Stop;
    SIGTTOU = 22, Stop;
    SIGURG = 23, Ignore;
    SIGXCPU = 24, Core;
    SIGXFSZ = 25, Core;
    SIGVTALRM = 26, Terminate;
    SIGPROF = 27, Terminate;
    SIGWINCH = 28, Ignore;
    SIGIO = 29, Terminate;
    SIGPWR = 30, Terminate;
    SIGSYS = 31, Core;
}

const REAL_TIME: [&str; 33] = [
    "SIGRTMIN", "SIGRT_1", "SIGRT_2", "SIGRT_3", "SIGRT_4", "SIGRT_5", "SIGRT_6", "SIGRT_7", "SIGRT_8",
    "SIGRT_9", "SIGRT_10", "SIGRT_11", "SIGRT_12", "SIGRT_13", "SIGRT_14", "SIGRT_15", "SIGRT_16",
    "SIGRT_17", "SIGRT_18", "SIGRT_19", "SIGRT_20", "SIGRT_21", "SIGRT_22", "SIGRT_23", "SIGRT_24",
    "SIGRT_25", "SIGRT_26", "SIGRT_27", "SIGRT_28", "SIGRT_29", "SIGRT_30", "SIGRT_31", "SIGRT_32",
];

/// What a signal does where the program has set nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DefaultAction {
    /// Ends the process.
    Terminate,
    /// Ends the process and says that it dumped core.
    Core,
    /// Nothing.
    Ignore,
    /// Stops the process.
    Stop,
    /// Lets a stopped process go on.
    Continue,
}

impl Signal {
    /// Returns the signal with this number; `None` outside 1 to 64.
    pub const fn new(number: u64) -> Option<Self> {
        match number {
            1..=64 => Some(Self(number as u8)),
            _ => None,
        }
    }

    /// Returns the number.
    pub const fn number(self) -> u32 {
        self.0 as u32
    }

    /// Tells whether each sending counts: the signal is a real-time one.
    pub const fn queues(self) -> bool {
        self.0 >= 32
    }

    const fn bit(self) -> u64 {
        1 << (self.0 - 1)
    }
}

/// A set of signals, bit n-1 for signal n, as `sigset_t` has it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SignalSet(u64);

impl SignalSet {
    /// The signals that an instruction can cause (Linux 6.12 kernel/signal.c `SYNCHRONOUS_MASK`).
    pub const FAULTS: Self = Self(
        Signal::SIGSEGV.bit()
            | Signal::SIGBUS.bit()
            | Signal::SIGILL.bit()
            | Signal::SIGTRAP.bit()
            | Signal::SIGFPE.bit()
            | Signal::SIGSYS.bit(),
    );

    /// Makes a set from its bits; SIGKILL and SIGSTOP can be in no mask, so they are left out.
    pub const fn mask(bits: u64) -> Self {
        Self(bits & !(Signal::SIGKILL.bit() | Signal::SIGSTOP.bit()))
    }

    /// Makes a set from bits of any meaning.
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// Returns the bits.
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// Tells whether `signal` is in the set.
    pub const fn contains(self, signal: Signal) -> bool {
        self.0 & signal.bit() != 0
    }

    /// Makes the set of one signal.
    pub const fn only(signal: Signal) -> Self {
        Self(signal.bit())
    }

    /// Makes the set of the signals that are in either.
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Tells whether a signal is in both sets.
    pub const fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Returns the signals that are not in the set.
    pub const fn complement(self) -> Self {
        Self(!self.0)
    }

    /// Adds `signal`.
    pub const fn insert(&mut self, signal: Signal) {
        self.0 |= signal.bit();
    }

    /// Takes `signal` out.
    pub const fn remove(&mut self, signal: Signal) {
        self.0 &= !signal.bit();
    }

    /// Returns the signals in the set, lowest first.
    pub fn iter(self) -> impl Iterator<Item = Signal> {
        (1..=64).filter_map(Signal::new).filter(move |signal| self.contains(*signal))
    }
}

/// What the program wants done with a signal (sigaction(2)).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Action {
    /// `SIG_DFL`, `SIG_IGN` or the handler's address.
    pub handler: Handler,
    /// `sa_flags`.
    pub flags: u64,
    /// Signals blocked while the handler runs.
    pub mask: SignalSet,
}

/// `sa_handler`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Handler {
    /// `SIG_DFL`.
    #[default]
    Default,
    /// `SIG_IGN`.
    Ignore,
    /// A function of the program.
    Function(VirtAddr),
}

/// Where a signal came from (`siginfo_t`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignalInfo {
    /// Its number.
    pub signal: Signal,
    /// `si_code`.
    pub code: i32,
    /// The union's part that the code implies.
    pub fields: SignalFields,
}

/// The part of `siginfo_t` that depends on the source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignalFields {
    /// `kill(2)`, `tgkill(2)` and the kernel itself: `si_pid` and `si_uid`.
    Sender(Pid, u32),
    /// A trap: `si_addr`.
    Address(VirtAddr),
    /// The end of a child: `si_pid`, `si_uid` and `si_status`.
    Child(Pid, u32, i32),
    /// rt_sigqueueinfo(2): `si_pid`, `si_uid` and `si_value`, as the sender wrote them.
    Queued(Pid, u32, u64),
    /// A timer: `si_timerid`, `si_overrun` and `si_value`.
    Timer(i32, i32, u64),
    /// A descriptor that something happened to: `si_band` and `si_fd`.
    Poll(u64, i32),
}

/// `si_code`: sent by kill(2).
pub const SI_USER: i32 = 0;
/// `si_code`: a message has come into a queue (mq_notify(3)).
pub(crate) const SI_MESGQ: i32 = -3;
/// `si_code`: sent by a timer of timer_create(2).
pub(super) const SI_TIMER: i32 = -2;
/// Size of `siginfo_t`.
pub(crate) const INFO_BYTES: usize = 128;
/// `si_code`: sent by tgkill(2).
pub const SI_TKILL: i32 = -6;
/// `si_code`: sent by the kernel.
pub const SI_KERNEL: i32 = 0x80;
/// `si_code` of SIGSEGV: nothing is mapped there.
pub(super) const SEGV_MAPERR: i32 = 1;
/// `si_code` of SIGSEGV: the mapping forbids the access.
pub(super) const SEGV_ACCERR: i32 = 2;
/// `si_code` of SIGBUS: misaligned.
pub(super) const BUS_ADRALN: i32 = 1;
/// `si_code` of SIGBUS: beyond the end of the file.
pub(super) const BUS_ADRERR: i32 = 2;
/// `si_code` of SIGILL.
pub(super) const ILL_ILLOPC: i32 = 1;
/// `si_code` of SIGTRAP.
pub(super) const TRAP_BRKPT: i32 = 1;
/// `si_code` of SIGCHLD: the child exited.
pub(super) const CLD_EXITED: i32 = 1;
/// `si_code` of SIGCHLD: a signal killed the child.
pub(super) const CLD_KILLED: i32 = 2;
/// `si_code` of SIGCHLD: a signal killed the child, with a core dump.
pub(super) const CLD_DUMPED: i32 = 3;

/// `si_code` of SIGCHLD: the child stopped.
pub(super) const CLD_STOPPED: i32 = 5;
/// `si_code` of SIGCHLD: the child goes on.
pub(super) const CLD_CONTINUED: i32 = 6;

/// Whether one more signal may be queued (`RLIMIT_SIGPENDING`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Room {
    /// It may.
    Left,
    /// There are too many.
    Full,
}

/// Signals that were sent and not yet taken. A standard signal is held once; real-time signals queue.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pending {
    queue: VecDeque<SignalInfo>,
}

impl Pending {
    /// Adds a signal. One that is held already is added again only if it queues and there is room.
    pub fn push(&mut self, info: SignalInfo, room: Room) {
        if let SignalFields::Timer(id, ..) = info.fields {
            // Its place was taken when the timer was made. One that waits already is told of another expiry.
            let same =
                |held: &&mut SignalInfo| matches!(held.fields, SignalFields::Timer(other, ..) if other == id);
            match self.queue.iter_mut().find(same) {
                Some(SignalInfo { fields: SignalFields::Timer(_, overrun, _), .. }) => *overrun += 1,
                _ => self.queue.push_back(info),
            }
            return;
        }
        let queues = info.signal.queues() && room == Room::Left;
        if queues || !self.queue.iter().any(|held| held.signal == info.signal) {
            self.queue.push_back(info);
        }
    }

    /// Returns how many signals are held.
    pub fn len(&self) -> usize {
        self.queue.len()
    }

    /// Tells whether none is held.
    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Takes the fault that is delivered before everything else: the instruction that the task is at caused it (Linux 6.12
    /// kernel/signal.c dequeue_synchronous_signal).
    pub fn take_fault(&mut self, blocked: SignalSet) -> Option<SignalInfo> {
        let is_fault = |info: &SignalInfo| info.code > 0 && SignalSet::FAULTS.contains(info.signal);
        let index = self.queue.iter().position(|info| !blocked.contains(info.signal) && is_fault(info))?;
        self.queue.remove(index)
    }

    /// Takes the oldest of the signals in `wanted` that are delivered first: those that faults have, then the lowest number
    /// (Linux 6.12 kernel/signal.c next_signal).
    pub fn take(&mut self, wanted: SignalSet) -> Option<SignalInfo> {
        let held = self.queue.iter().enumerate().filter(|(_, info)| wanted.contains(info.signal));
        let order = |signal: Signal| (!SignalSet::FAULTS.contains(signal), signal);
        let (index, _) = held.min_by_key(|(index, info)| (order(info.signal), *index))?;
        self.queue.remove(index)
    }

    /// Tells whether a signal outside `blocked` is held.
    pub fn any(&self, blocked: SignalSet) -> bool {
        self.queue.iter().any(|info| !blocked.contains(info.signal))
    }

    /// Returns the signals that are held.
    pub fn set(&self) -> SignalSet {
        self.queue.iter().fold(SignalSet::default(), |mut set, info| {
            set.insert(info.signal);
            set
        })
    }

    /// Forgets every held signal that is unwanted.
    pub fn discard(&mut self, unwanted: impl Fn(Signal) -> bool) {
        self.queue.retain(|info| !unwanted(info.signal));
    }
}

impl SignalInfo {
    /// Makes a signal that the kernel sends.
    pub const fn of_kernel(signal: Signal) -> Self {
        Self { signal, code: SI_KERNEL, fields: SignalFields::Sender(Pid(0), 0) }
    }

    /// Makes the signal of a trap at `at`.
    pub const fn fault(signal: Signal, code: i32, at: VirtAddr) -> Self {
        Self { signal, code, fields: SignalFields::Address(at) }
    }

    /// Encodes a `siginfo_t` (Linux 6.12 include/uapi/asm-generic/siginfo.h).
    pub(crate) fn to_bytes(self) -> [u8; INFO_BYTES] {
        let mut bytes = [0; INFO_BYTES];
        let mut put = |at: usize, value: &[u8]| bytes[at..at + value.len()].copy_from_slice(value);
        put(0, &self.signal.number().to_le_bytes());
        put(8, &self.code.to_le_bytes());
        match self.fields {
            SignalFields::Sender(pid, uid) => {
                put(16, &pid.0.to_le_bytes());
                put(20, &uid.to_le_bytes());
            }
            SignalFields::Address(at) => put(16, &at.0.to_le_bytes()),
            SignalFields::Child(pid, uid, status) => {
                put(16, &pid.0.to_le_bytes());
                put(20, &uid.to_le_bytes());
                put(24, &status.to_le_bytes());
            }
            SignalFields::Queued(pid, uid, value) => {
                put(16, &pid.0.to_le_bytes());
                put(20, &uid.to_le_bytes());
                put(24, &value.to_le_bytes());
            }
            SignalFields::Poll(band, fd) => {
                put(16, &band.to_le_bytes());
                put(24, &fd.to_le_bytes());
            }
            SignalFields::Timer(id, overrun, value) => {
                put(16, &id.to_le_bytes());
                put(20, &overrun.to_le_bytes());
                put(24, &value.to_le_bytes());
            }
        }
        bytes
    }

    /// Decodes what rt_sigqueueinfo(2) is given for `signal`.
    pub(crate) fn queued(signal: Signal, bytes: &[u8; INFO_BYTES]) -> Self {
        let word = |at: usize| u32::from_le_bytes(std::array::from_fn(|index| bytes[at + index]));
        let value = u64::from(word(24)) | u64::from(word(28)) << 32;
        Self {
            signal,
            code: word(8) as i32,
            fields: SignalFields::Queued(Pid(word(16) as i32), word(20), value),
        }
    }
}
