//! The argument types of prctl, whose meaning depends on its first.

use super::Arguments;
use super::args::Arg;
use super::show::{
    Address, Hex, Shower, SignalNumber, When, follow_filled, pointer, show_flags, show_signal,
};
use super::types::PrctlOption;
use crate::creds::{Capabilities, SecureBits};
use tine_mmu::VirtAddr;

/// Declares the options: constant, number, and how the other arguments are printed.
macro_rules! options {
    ($($name:ident = $number:literal, $shape:expr;)*) => {
        impl PrctlOption {
            $(pub(super) const $name: u32 = $number;)*

            /// Returns how the other arguments are printed.
            fn shape(number: u64) -> Shape {
                match number as u32 {
                    $($number => $shape,)*
                    _ => Shape::Unknown,
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
    /// Whatever they are.
    Unknown,
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
    SET_VMA = 0x5356_4d41, Shape::Unknown;
    SET_PTRACER = 0x5961_6d61, Shape::Number;
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
            (Shape::Ambient, 2) if shower.arguments[1] != 4 => capability(raw),
            (Shape::Ambient, _) => raw.to_string(),
            (Shape::Nothing, _) | (_, 2..) => String::new(),
            (Shape::Signal, _) => show_signal(raw as u32),
            (Shape::Capability, _) => capability(raw),
            (Shape::SecureBits, _) => secure_bits(raw),
            (Shape::Dumpable, _) => match raw {
                0 => "SUID_DUMP_DISABLE".to_owned(),
                1 => "SUID_DUMP_USER".to_owned(),
                2 => "SUID_DUMP_ROOT".to_owned(),
                other => format!("{other:#x} /* SUID_DUMP_??? */"),
            },
            (Shape::OutName, _) if shower.failed() => pointer(raw),
            (Shape::Name | Shape::OutName, _) => shower.short_string(VirtAddr(raw)),
            (Shape::OutSignal, _) => follow_filled::<SignalNumber>(raw, shower),
            (Shape::OutNumber, _) => follow_filled::<u32>(raw, shower),
            (Shape::OutAddress, _) => follow_filled::<Address>(raw, shower),
            (Shape::Number | Shape::Numbers(_), _) => raw.to_string(),
        }
    }
}

fn capability(number: u64) -> String {
    let name = Capabilities::from_number(number).and_then(|set| set.iter_names().next());
    name.map_or_else(|| format!("{number:#x} /* CAP_??? */"), |(name, _)| format!("CAP_{name}"))
}

fn secure_bits(bits: u64) -> String {
    let names: Vec<(u32, String)> =
        SecureBits::all().iter_names().map(|(name, bit)| (bit.bits(), format!("SECBIT_{name}"))).collect();
    let names: Vec<(u32, &str)> = names.iter().map(|(bit, name)| (*bit, name.as_str())).collect();
    show_flags(bits as u32, "0", &names)
}
