//! Pointer arguments, and what they lead to.

use super::{Shower, When, pointer};
use crate::syscall::args::{Arg, UserPtr};
use crate::syscall::{Arguments, CallResult};
use std::marker::PhantomData;
use tine_mmu::VirtAddr;

/// Something in user memory that strace prints where a pointer argument leads to it.
pub(in crate::syscall) trait Pointee {
    /// Prints what is at `at`; `None` when it cannot be read.
    fn show(at: VirtAddr, shower: &mut Shower<'_>) -> Option<String>;
}

/// A value of fixed size, of which arrays and structs are made.
pub(in crate::syscall) trait Element {
    /// Its size.
    const BYTES: usize;
    /// Whether brackets stand around it where a pointer leads to one.
    const IN_BRACKETS: bool = false;

    /// Prints it. `bytes` has the size of the element.
    fn show(bytes: Bytes<'_>, shower: &mut Shower<'_>) -> String;
}

impl<T: Element> Pointee for T {
    fn show(at: VirtAddr, shower: &mut Shower<'_>) -> Option<String> {
        let bytes = shower.whole(at, T::BYTES)?;
        let text = <T as Element>::show(Bytes(&bytes), shower);
        Some(if T::IN_BRACKETS { format!("[{text}]") } else { text })
    }
}

/// The bytes of a value in user memory, whose fields lie at known places.
#[derive(Clone, Copy, Debug)]
pub(in crate::syscall) struct Bytes<'a>(pub(in crate::syscall) &'a [u8]);

impl<'a> Bytes<'a> {
    fn array<const N: usize>(self, at: usize) -> [u8; N] {
        std::array::from_fn(|index| self.0.get(at + index).copied().unwrap_or(0))
    }

    /// Returns the 16-bit field at `at`.
    pub(in crate::syscall) fn u16(self, at: usize) -> u16 {
        u16::from_le_bytes(self.array(at))
    }

    /// Returns the 32-bit field at `at`.
    pub(in crate::syscall) fn u32(self, at: usize) -> u32 {
        u32::from_le_bytes(self.array(at))
    }

    /// Returns the signed 32-bit field at `at`.
    pub(in crate::syscall) fn i32(self, at: usize) -> i32 {
        self.u32(at) as i32
    }

    /// Returns the 64-bit field at `at`.
    pub(in crate::syscall) fn u64(self, at: usize) -> u64 {
        u64::from_le_bytes(self.array(at))
    }

    /// Returns the signed 64-bit field at `at`.
    pub(in crate::syscall) fn i64(self, at: usize) -> i64 {
        self.u64(at) as i64
    }

    /// Returns the `T` at `at`.
    pub(in crate::syscall) fn part<T: Element>(self, at: usize, shower: &mut Shower<'_>) -> String {
        <T as Element>::show(Bytes(self.0.get(at..).unwrap_or_default()), shower)
    }
}

/// Declares the types of pointer arguments. Functions take them as addresses or as pointers to what they read and write.
macro_rules! pointers {
    ($($(#[$doc:meta])* $name:ident = $when:ident;)*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Copy, Debug)]
            pub(in crate::syscall) struct $name<T>(VirtAddr, PhantomData<T>);

            impl<T: Pointee> Arg for $name<T> {
                fn when(_: &Arguments) -> When {
                    When::$when
                }

                fn from_register(raw: u64) -> Self {
                    Self(VirtAddr(raw), PhantomData)
                }

                fn show(raw: u64, shower: &mut Shower<'_>) -> String {
                    $name::<T>::text(raw, shower)
                }
            }

            impl<T> From<$name<T>> for VirtAddr {
                fn from(argument: $name<T>) -> Self {
                    argument.0
                }
            }

            impl<T, U> From<$name<T>> for UserPtr<U> {
                fn from(argument: $name<T>) -> Self {
                    Self::new(argument.0)
                }
            }
        )*
    };
}

pointers! {
    /// A pointer to what the call reads.
    In = Entry;
    /// A pointer to what the call fills in.
    Out = Exit;
    /// A pointer to what the call reads and changes.
    InOut = Both;
}

/// Prints what a pointer leads to: `NULL`, what is there, or the address when that cannot be read.
pub(in crate::syscall) fn follow<T: Pointee>(raw: u64, shower: &mut Shower<'_>) -> String {
    let shown = if raw == 0 { None } else { T::show(VirtAddr(raw), shower) };
    shown.unwrap_or_else(|| pointer(raw))
}

/// Prints what a call has filled in; the address alone when it failed.
pub(in crate::syscall) fn follow_filled<T: Pointee>(raw: u64, shower: &mut Shower<'_>) -> String {
    if shower.failed() { pointer(raw) } else { follow::<T>(raw, shower) }
}

impl<T: Pointee> In<T> {
    fn text(raw: u64, shower: &mut Shower<'_>) -> String {
        follow::<T>(raw, shower)
    }
}

impl<T: Pointee> Out<T> {
    fn text(raw: u64, shower: &mut Shower<'_>) -> String {
        follow_filled::<T>(raw, shower)
    }
}

impl<T: Pointee> InOut<T> {
    fn text(raw: u64, shower: &mut Shower<'_>) -> String {
        match shower.result {
            None => follow::<T>(raw, shower),
            Some(CallResult::Value(_)) if raw != 0 => format!(" => {}", follow::<T>(raw, shower)),
            Some(_) => String::new(),
        }
    }
}

/// Declares integers as strace prints them behind a pointer.
macro_rules! integer_elements {
    ($($type:ty = $read:ident;)*) => {
        $(
            impl Element for $type {
                const BYTES: usize = size_of::<$type>();
                const IN_BRACKETS: bool = true;

                fn show(bytes: Bytes<'_>, _: &mut Shower<'_>) -> String {
                    bytes.$read(0).to_string()
                }
            }
        )*
    };
}

integer_elements! {
    i32 = i32;
    u32 = u32;
    i64 = i64;
    u64 = u64;
}

impl<T: Element, const N: usize> Element for [T; N] {
    const BYTES: usize = T::BYTES * N;

    fn show(bytes: Bytes<'_>, shower: &mut Shower<'_>) -> String {
        let parts: Vec<_> = (0..N).map(|index| bytes.part::<T>(index * T::BYTES, shower)).collect();
        format!("[{}]", parts.join(", "))
    }
}

/// An address that stands in memory.
pub(in crate::syscall) struct Address;

impl Element for Address {
    const BYTES: usize = 8;
    const IN_BRACKETS: bool = true;

    fn show(bytes: Bytes<'_>, _: &mut Shower<'_>) -> String {
        pointer(bytes.u64(0))
    }
}

/// An array; argument `COUNT` of the call says of how many elements.
pub(in crate::syscall) struct Array<T, const COUNT: usize>(PhantomData<T>);

impl<T: Element, const COUNT: usize> Pointee for Array<T, COUNT> {
    fn show(at: VirtAddr, shower: &mut Shower<'_>) -> Option<String> {
        let count = shower.arguments[COUNT] as u32;
        show_array::<T>(at, count.into(), shower)
    }
}

/// Tells whether an array would not fit into memory behind an address.
pub(in crate::syscall) fn is_beyond_memory<T: Element>(at: u64, count: u64) -> bool {
    count.checked_mul(T::BYTES as u64).and_then(|bytes| at.checked_add(bytes)).is_none()
}

/// Prints `count` elements, the first of them by value.
pub(in crate::syscall) fn show_array<T: Element>(
    at: VirtAddr,
    count: u64,
    shower: &mut Shower<'_>,
) -> Option<String> {
    if is_beyond_memory::<T>(at.0, count) {
        return None;
    }
    let mut parts = Vec::new();
    for index in 0..count {
        if index == shower.limit as u64 {
            parts.push("...".to_owned());
            break;
        }
        let here = VirtAddr(at.0.wrapping_add(index.wrapping_mul(T::BYTES as u64)));
        match shower.whole(here, T::BYTES) {
            Some(bytes) => parts.push(<T as Element>::show(Bytes(&bytes), shower)),
            None if index == 0 => return None,
            None => {
                parts.push(format!("... /* {} */", pointer(here.0)));
                break;
            }
        }
    }
    Some(format!("[{}]", parts.join(", ")))
}

/// Prints the array that a pointer leads to.
pub(in crate::syscall) fn follow_array<T: Element>(raw: u64, count: u64, shower: &mut Shower<'_>) -> String {
    let shown = if raw == 0 { None } else { show_array::<T>(VirtAddr(raw), count, shower) };
    shown.unwrap_or_else(|| pointer(raw))
}
