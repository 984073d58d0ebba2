//! Character devices of `/dev`, and the three streams of the console.

use super::flags::makedev;

/// A character device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Device {
    /// `/dev/null`: empty, and swallows what is written (null(4)).
    Null,
    /// `/dev/zero`: zeros without end.
    Zero,
    /// `/dev/full`: zeros without end, and no space to write (full(4)).
    Full,
    /// `/dev/random`: as `/dev/urandom` since Linux 5.6.
    Random,
    /// `/dev/urandom`: bytes of the run's generator (random(4)).
    Urandom,
    /// `/dev/tty`: the terminal of the caller's session; without one, opening it gives ENXIO (tty(4)).
    Tty,
    /// `/dev/ptmx`: opening it makes a terminal (pts(4)).
    Ptmx,
}

impl Device {
    /// Every device: its name in `/dev` and its permissions.
    pub(super) const ALL: [(Self, &'static str, u32); 7] = [
        (Self::Null, "null", 0o666),
        (Self::Zero, "zero", 0o666),
        (Self::Full, "full", 0o666),
        (Self::Random, "random", 0o666),
        (Self::Urandom, "urandom", 0o666),
        (Self::Tty, "tty", 0o666),
        (Self::Ptmx, "ptmx", 0o666),
    ];

    /// Returns the device with a number.
    pub(super) fn numbered(number: u64) -> Option<Self> {
        Self::ALL.into_iter().map(|(device, ..)| device).find(|device| device.number() == number)
    }

    /// Returns the device number (Linux 6.12 Documentation/admin-guide/devices.txt).
    pub const fn number(self) -> u64 {
        match self {
            Self::Null => makedev(1, 3),
            Self::Zero => makedev(1, 5),
            Self::Full => makedev(1, 7),
            Self::Random => makedev(1, 8),
            Self::Urandom => makedev(1, 9),
            Self::Tty => makedev(5, 0),
            Self::Ptmx => makedev(5, 2),
        }
    }
}

/// A stream between the first process and the host. Guests see a pipe: fstat(2) says so, and it cannot be seeked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Console {
    /// Standard input.
    Stdin,
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}
