//! The argument types of prctl, whose meaning depends on its first.

use super::Arguments;
use super::args::Arg;
use super::show::{
    Address, Hex, Shower, SignalNumber, When, follow_filled, hex, pointer, show_flags, show_signal,
};
use super::types::{choice, flag_set};
use crate::creds::{Capabilities, SecureBits};
use tine_mmu::VirtAddr;

choice! {
    /// `PR_*` of prctl.
    PrctlOption("PR_???") {
        1 = "PR_SET_PDEATHSIG",
        2 = "PR_GET_PDEATHSIG",
        3 = "PR_GET_DUMPABLE",
        4 = "PR_SET_DUMPABLE",
        5 = "PR_GET_UNALIGN",
        6 = "PR_SET_UNALIGN",
        7 = "PR_GET_KEEPCAPS",
        8 = "PR_SET_KEEPCAPS",
        9 = "PR_GET_FPEMU",
        10 = "PR_SET_FPEMU",
        11 = "PR_GET_FPEXC",
        12 = "PR_SET_FPEXC",
        13 = "PR_GET_TIMING",
        14 = "PR_SET_TIMING",
        15 = "PR_SET_NAME",
        16 = "PR_GET_NAME",
        19 = "PR_GET_ENDIAN",
        20 = "PR_SET_ENDIAN",
        21 = "PR_GET_SECCOMP",
        22 = "PR_SET_SECCOMP",
        23 = "PR_CAPBSET_READ",
        24 = "PR_CAPBSET_DROP",
        25 = "PR_GET_TSC",
        26 = "PR_SET_TSC",
        27 = "PR_GET_SECUREBITS",
        28 = "PR_SET_SECUREBITS",
        29 = "PR_SET_TIMERSLACK",
        30 = "PR_GET_TIMERSLACK",
        31 = "PR_TASK_PERF_EVENTS_DISABLE",
        32 = "PR_TASK_PERF_EVENTS_ENABLE",
        33 = "PR_MCE_KILL",
        34 = "PR_MCE_KILL_GET",
        35 = "PR_SET_MM",
        36 = "PR_SET_CHILD_SUBREAPER",
        37 = "PR_GET_CHILD_SUBREAPER",
        38 = "PR_SET_NO_NEW_PRIVS",
        39 = "PR_GET_NO_NEW_PRIVS",
        40 = "PR_GET_TID_ADDRESS",
        41 = "PR_SET_THP_DISABLE",
        42 = "PR_GET_THP_DISABLE",
        43 = "PR_MPX_ENABLE_MANAGEMENT",
        44 = "PR_MPX_DISABLE_MANAGEMENT",
        45 = "PR_SET_FP_MODE",
        46 = "PR_GET_FP_MODE",
        47 = "PR_CAP_AMBIENT",
        50 = "PR_SVE_SET_VL",
        51 = "PR_SVE_GET_VL",
        52 = "PR_GET_SPECULATION_CTRL",
        53 = "PR_SET_SPECULATION_CTRL",
        54 = "PR_PAC_RESET_KEYS",
        55 = "PR_SET_TAGGED_ADDR_CTRL",
        56 = "PR_GET_TAGGED_ADDR_CTRL",
        57 = "PR_SET_IO_FLUSHER",
        58 = "PR_GET_IO_FLUSHER",
        59 = "PR_SET_SYSCALL_USER_DISPATCH",
        60 = "PR_PAC_SET_ENABLED_KEYS",
        61 = "PR_PAC_GET_ENABLED_KEYS",
        62 = "PR_SCHED_CORE",
        63 = "PR_SME_SET_VL",
        64 = "PR_SME_GET_VL",
        65 = "PR_SET_MDWE",
        66 = "PR_GET_MDWE",
        67 = "PR_SET_MEMORY_MERGE",
        68 = "PR_GET_MEMORY_MERGE",
        69 = "PR_RISCV_V_SET_CONTROL",
        70 = "PR_RISCV_V_GET_CONTROL",
        71 = "PR_RISCV_SET_ICACHE_FLUSH_CTX",
        72 = "PR_PPC_GET_DEXCR",
        73 = "PR_PPC_SET_DEXCR",
        74 = "PR_GET_SHADOW_STACK_STATUS",
        75 = "PR_SET_SHADOW_STACK_STATUS",
        76 = "PR_LOCK_SHADOW_STACK_STATUS",
        0x5356_4d41 = "PR_SET_VMA",
        0x5961_6d61 = "PR_SET_PTRACER",
    }
}

/// Declares the options: constant, number, and how the other arguments are printed.
macro_rules! options {
    ($($name:ident = $number:literal, $shape:expr;)*) => {
        impl PrctlOption {
            $(pub(super) const $name: u32 = $number;)*

            /// Returns how the other arguments are printed.
            fn shape(number: u64) -> Shape {
                match number as u32 {
                    $($number => $shape,)*
                    other => Shape::of_others(other),
                }
            }
        }
    };
}

/// How the arguments after the option are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    /// There are none.
    Nothing,
    /// A number.
    Number,
    /// This many numbers.
    Numbers(usize),
    /// A signal.
    Signal,
    /// Where a signal is stored.
    OutSignal,
    /// Where a number is stored.
    OutNumber,
    /// Where an address is stored.
    OutAddress,
    /// A name.
    Name,
    /// Where a name is stored.
    OutName,
    /// Whether the process may be looked at.
    Dumpable,
    /// A capability.
    Capability,
    /// What to do with an ambient capability, and which.
    Ambient,
    /// Secure bits.
    SecureBits,
    /// What a misaligned access does.
    Unaligned,
    /// A process that may look at this one.
    Tracer,
    /// What of memory may be both written and executed, and three numbers.
    WriteExecute,
    /// What an area of memory is called.
    AreaName,
    /// Whatever they are.
    Unknown,
}

impl Shape {
    /// Returns how the arguments of options that Tine does not have are printed.
    const fn of_others(number: u32) -> Self {
        const SET_UNALIGN: u32 = 6;
        const SET_MDWE: u32 = 65;
        const GET_MDWE: u32 = 66;
        const SET_MEMORY_MERGE: u32 = 67;
        const GET_MEMORY_MERGE: u32 = 68;
        match number {
            SET_UNALIGN => Self::Unaligned,
            SET_MDWE => Self::WriteExecute,
            GET_MDWE | SET_MEMORY_MERGE | GET_MEMORY_MERGE => Self::Numbers(4),
            _ => Self::Unknown,
        }
    }
}

options! {
    SET_PDEATHSIG = 1, Shape::Signal;
    GET_PDEATHSIG = 2, Shape::OutSignal;
    GET_DUMPABLE = 3, Shape::Nothing;
    SET_DUMPABLE = 4, Shape::Dumpable;
    GET_KEEPCAPS = 7, Shape::Nothing;
    SET_KEEPCAPS = 8, Shape::Number;
    GET_TIMING = 13, Shape::Nothing;
    SET_TIMING = 14, Shape::Number;
    SET_NAME = 15, Shape::Name;
    GET_NAME = 16, Shape::OutName;
    GET_SECCOMP = 21, Shape::Nothing;
    SET_SECCOMP = 22, Shape::Unknown;
    CAPBSET_READ = 23, Shape::Capability;
    CAPBSET_DROP = 24, Shape::Capability;
    GET_SECUREBITS = 27, Shape::Nothing;
    SET_SECUREBITS = 28, Shape::SecureBits;
    SET_TIMERSLACK = 29, Shape::Number;
    GET_TIMERSLACK = 30, Shape::Nothing;
    SET_MM = 35, Shape::Unknown;
    SET_CHILD_SUBREAPER = 36, Shape::Number;
    GET_CHILD_SUBREAPER = 37, Shape::OutNumber;
    SET_NO_NEW_PRIVS = 38, Shape::Numbers(4);
    GET_NO_NEW_PRIVS = 39, Shape::Numbers(4);
    GET_TID_ADDRESS = 40, Shape::OutAddress;
    SET_THP_DISABLE = 41, Shape::Numbers(4);
    GET_THP_DISABLE = 42, Shape::Numbers(4);
    CAP_AMBIENT = 47, Shape::Ambient;
    SET_VMA = 0x5356_4d41, Shape::AreaName;
    SET_PTRACER = 0x5961_6d61, Shape::Tracer;
}

/// An argument after the option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PrctlArg(pub u64);

impl Arg for PrctlArg {
    fn when(arguments: &Arguments) -> When {
        match PrctlOption::shape(arguments[0]) {
            Shape::OutSignal | Shape::OutNumber | Shape::OutAddress | Shape::OutName => When::ExitIfAny,
            _ => When::Entry,
        }
    }

    fn from_register(raw: u64) -> Self {
        Self(raw)
    }

    fn show(raw: u64, shower: &mut Shower<'_>) -> String {
        match (PrctlOption::shape(shower.arguments[0]), shower.index) {
            (Shape::Unknown, _) => Hex::show(raw, shower),
            (Shape::Numbers(count), index) if index <= count => raw.to_string(),
            (Shape::Ambient, 1) => match raw {
                1 => "PR_CAP_AMBIENT_IS_SET".to_owned(),
                2 => "PR_CAP_AMBIENT_RAISE".to_owned(),
                3 => "PR_CAP_AMBIENT_LOWER".to_owned(),
                4 => "PR_CAP_AMBIENT_CLEAR_ALL".to_owned(),
                other => format!("{other:#x} /* PR_CAP_AMBIENT_??? */"),
            },
            (Shape::Ambient, 2) if matches!(shower.arguments[1], 1..=3) => capability(raw),
            (Shape::Ambient, _) => hex(raw),
            (Shape::WriteExecute, 1) => WriteExecute::show(raw, shower),
            (Shape::WriteExecute, _) => raw.to_string(),
            (Shape::AreaName, 1) if raw == 0 => "PR_SET_VMA_ANON_NAME".to_owned(),
            (Shape::AreaName, 1) => format!("{raw:#x} /* PR_SET_VMA_??? */"),
            (Shape::AreaName, _) if shower.arguments[1] != 0 => hex(raw),
            (Shape::AreaName, 2) => pointer(raw),
            (Shape::AreaName, 3) => raw.to_string(),
            (Shape::AreaName, _) => shower.short_string(VirtAddr(raw)),
            (Shape::Nothing, _) | (_, 2..) => String::new(),
            (Shape::Signal, _) => show_signal(raw as u32),
            (Shape::Capability, _) => capability(raw),
            (Shape::SecureBits, _) => secure_bits(raw),
            (Shape::Unaligned, _) => Unaligned::show(raw, shower),
            (Shape::Tracer, _) if raw == u64::MAX => "PR_SET_PTRACER_ANY".to_owned(),
            (Shape::Tracer, _) => raw.to_string(),
            (Shape::Dumpable, _) => match raw {
                0 => "SUID_DUMP_DISABLE".to_owned(),
                1 => "SUID_DUMP_USER".to_owned(),
                2 => "SUID_DUMP_ROOT".to_owned(),
                other => format!("{other:#x} /* SUID_DUMP_??? */"),
            },
            (Shape::OutName, _) if shower.failed() => pointer(raw),
            (Shape::Name | Shape::OutName, _) => {
                // The kernel keeps that much of a name (TASK_COMM_LEN).
                shower.limit = shower.limit.min(15);
                shower.short_string(VirtAddr(raw))
            }
            (Shape::OutSignal, _) => follow_filled::<SignalNumber>(raw, shower),
            (Shape::OutNumber, _) => follow_filled::<u32>(raw, shower),
            (Shape::OutAddress, _) => follow_filled::<Address>(raw, shower),
            (Shape::Number | Shape::Numbers(_), _) => raw.to_string(),
        }
    }
}

flag_set! {
    /// `PR_UNALIGN_*`.
    Unaligned("0") {
        1 = "PR_UNALIGN_NOPRINT",
        2 = "PR_UNALIGN_SIGBUS",
    }
    /// `PR_MDWE_*`.
    WriteExecute("0") {
        1 = "PR_MDWE_REFUSE_EXEC_GAIN",
        2 = "PR_MDWE_NO_INHERIT",
    }
}

fn capability(number: u64) -> String {
    let name = Capabilities::from_number(number).and_then(|set| set.iter_names().next());
    name.map_or_else(|| format!("{number:#x} /* CAP_??? */"), |(name, _)| format!("CAP_{name}"))
}

pub(super) fn secure_bits(bits: u64) -> String {
    let names: Vec<(u32, String)> =
        SecureBits::all().iter_names().map(|(name, bit)| (bit.bits(), format!("SECBIT_{name}"))).collect();
    let names: Vec<(u32, &str)> = names.iter().map(|(bit, name)| (*bit, name.as_str())).collect();
    show_flags(bits, "0", &names)
}
