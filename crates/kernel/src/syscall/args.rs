//! Arguments of system calls: how each type is read from its register, and how strace prints it.

use super::Arguments;
use super::show::{Shower, When, pointer};
use crate::{Fd, Pid};
use std::marker::PhantomData;
use tine_mmu::VirtAddr;

/// A type that an argument register can hold.
pub(super) trait Arg: Sized {
    /// Tells when it can be printed.
    fn when(_: &Arguments) -> When {
        When::Entry
    }

    /// Reads the argument from its register. The kernel looks at the bits that the C type has, and at no others.
    fn from_register(raw: u64) -> Self;

    /// Returns numbers in memory, when the call begins, that it may change and that are printed when it has ended.
    fn note(_raw: u64, _shower: &mut Shower<'_>) -> Vec<u64> {
        Vec::new()
    }

    /// Prints the argument as strace does.
    fn show(raw: u64, shower: &mut Shower<'_>) -> String;
}

/// A value that user memory can hold.
pub trait UserValue: Sized {
    /// Its size in bytes.
    const SIZE: usize;

    /// Reads it from `SIZE` bytes.
    fn from_bytes(bytes: &[u8]) -> Self;

    /// Returns its `SIZE` bytes.
    fn to_bytes(&self) -> Vec<u8>;
}

macro_rules! integers {
    ($($type:ty),*) => {
        $(
            impl UserValue for $type {
                const SIZE: usize = size_of::<$type>();

                fn from_bytes(bytes: &[u8]) -> Self {
                    let mut value = [0; Self::SIZE];
                    value.copy_from_slice(bytes);
                    Self::from_le_bytes(value)
                }

                fn to_bytes(&self) -> Vec<u8> {
                    self.to_le_bytes().to_vec()
                }
            }

            impl Arg for $type {
                fn from_register(raw: u64) -> Self {
                    raw as Self
                }

                fn show(raw: u64, _: &mut Shower<'_>) -> String {
                    (raw as Self).to_string()
                }
            }
        )*
    };
}

integers!(i32, u32, i64, u64);

impl<T: UserValue + Copy + Default, const N: usize> UserValue for [T; N] {
    const SIZE: usize = T::SIZE * N;

    fn from_bytes(bytes: &[u8]) -> Self {
        let mut values = [T::default(); N];
        for (value, chunk) in values.iter_mut().zip(bytes.chunks_exact(T::SIZE)) {
            *value = T::from_bytes(chunk);
        }
        values
    }

    fn to_bytes(&self) -> Vec<u8> {
        self.iter().flat_map(UserValue::to_bytes).collect()
    }
}

/// A pointer that the program passed: the address of a `T`, or NULL.
#[derive(Debug)]
pub struct UserPtr<T> {
    at: VirtAddr,
    of: PhantomData<T>,
}

impl<T> Clone for UserPtr<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for UserPtr<T> {}

impl<T> PartialEq for UserPtr<T> {
    fn eq(&self, other: &Self) -> bool {
        self.at == other.at
    }
}

impl<T> Eq for UserPtr<T> {}

impl<T> UserPtr<T> {
    /// Makes a pointer from an address.
    pub const fn new(at: VirtAddr) -> Self {
        Self { at, of: PhantomData }
    }

    /// Returns the address.
    pub const fn address(self) -> VirtAddr {
        self.at
    }

    /// Tells whether the program passed NULL.
    pub const fn is_null(self) -> bool {
        self.at.0 == 0
    }
}

impl<T> Arg for UserPtr<T> {
    fn from_register(raw: u64) -> Self {
        Self::new(VirtAddr(raw))
    }

    fn show(raw: u64, _: &mut Shower<'_>) -> String {
        pointer(raw)
    }
}

impl Arg for VirtAddr {
    fn from_register(raw: u64) -> Self {
        Self(raw)
    }

    fn show(raw: u64, _: &mut Shower<'_>) -> String {
        pointer(raw)
    }
}

impl Arg for Fd {
    fn from_register(raw: u64) -> Self {
        Self(raw as i32)
    }

    fn show(raw: u64, _: &mut Shower<'_>) -> String {
        (raw as i32).to_string()
    }
}

impl Arg for Pid {
    fn from_register(raw: u64) -> Self {
        Self(raw as i32)
    }

    fn show(raw: u64, _: &mut Shower<'_>) -> String {
        (raw as i32).to_string()
    }
}

/// Declares a struct of 64-bit words as the kernel's headers have it.
macro_rules! words {
    ($($(#[$doc:meta])* $name:ident [$count:literal] { $($(#[$field_doc:meta])* $field:ident = $index:literal,)* })*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
            pub(super) struct $name {
                $($(#[$field_doc])* pub(super) $field: i64,)*
            }

            impl UserValue for $name {
                const SIZE: usize = 8 * $count;

                fn from_bytes(bytes: &[u8]) -> Self {
                    let words = <[i64; $count]>::from_bytes(bytes);
                    Self { $($field: words[$index],)* }
                }

                fn to_bytes(&self) -> Vec<u8> {
                    let mut words = [0_i64; $count];
                    $(words[$index] = self.$field;)*
                    words.to_bytes()
                }
            }
        )*
    };
}

words! {
    /// `struct timespec`.
    Timespec[2] {
        /// Seconds.
        seconds = 0,
        /// Nanoseconds, 0 to 999,999,999.
        nanoseconds = 1,
    }
    /// `struct timeval`.
    Timeval[2] {
        /// Seconds.
        seconds = 0,
        /// Microseconds, 0 to 999,999.
        microseconds = 1,
    }
    /// `struct itimerval`.
    Itimer[4] {
        /// Seconds between expiries.
        interval_s = 0,
        /// Microseconds between expiries, beside the seconds.
        interval_us = 1,
        /// Seconds to the next expiry.
        left_s = 2,
        /// Microseconds to the next expiry, beside the seconds.
        left_us = 3,
    }
    /// `struct itimerspec`.
    Itimerspec[4] {
        /// Seconds between expiries.
        interval_s = 0,
        /// Nanoseconds between expiries, beside the seconds.
        interval_ns = 1,
        /// Seconds to the next expiry.
        value_s = 2,
        /// Nanoseconds to the next expiry, beside the seconds.
        value_ns = 3,
    }
    /// `struct rlimit64`.
    Rlimit[2] {
        /// Soft limit; -1 is no limit.
        current = 0,
        /// Hard limit; -1 is no limit.
        maximum = 1,
    }
    /// `struct tms`, in clock ticks.
    Tms[4] {
        /// User time.
        user = 0,
        /// System time.
        system = 1,
        /// User time of children that were waited for.
        children_user = 2,
        /// System time of children that were waited for.
        children_system = 3,
    }
    /// `struct rusage`: two timevals and fourteen longs. Tine keeps those of them that Linux keeps and that can differ
    /// from zero here.
    Rusage[18] {
        /// User time, seconds.
        user_s = 0,
        /// User time, microseconds.
        user_us = 1,
        /// System time, seconds.
        system_s = 2,
        /// System time, microseconds.
        system_us = 3,
        /// Largest resident set in KiB.
        max_rss_kib = 4,
        /// Minor faults.
        minor_faults = 8,
        /// Major faults.
        major_faults = 9,
        /// Voluntary context switches.
        voluntary_switches = 16,
        /// Involuntary context switches.
        involuntary_switches = 17,
    }
}
