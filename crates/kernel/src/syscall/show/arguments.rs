//! Arguments that are printed in a way of their own, some of them as other arguments or the result have it.

use super::{Pointee, STATX_MASKS, Shower, When, follow, hex, pointer, show_flags};
use crate::syscall::args::{Arg, Timespec, UserPtr};
use crate::syscall::types::{AccessFlags, AtFlags, InBuffer, MapFlags, OutBuffer, PathPtr};
use crate::syscall::{Arguments, CallResult};
use std::marker::PhantomData;
use tine_mmu::VirtAddr;

/// The flags of statx: how fresh the answer is to be stands before the others.
#[derive(Clone, Copy, Debug)]
pub(in crate::syscall) struct StatxFlags(u32);

impl Arg for StatxFlags {
    fn from_register(raw: u64) -> Self {
        Self(raw as u32)
    }

    fn show(raw: u64, shower: &mut Shower<'_>) -> String {
        const SYNC_TYPE: u64 = 0x6000;
        let sync = match raw & SYNC_TYPE {
            0 => "AT_STATX_SYNC_AS_STAT",
            0x2000 => "AT_STATX_FORCE_SYNC",
            0x4000 => "AT_STATX_DONT_SYNC",
            _ => "AT_STATX_FORCE_SYNC|AT_STATX_DONT_SYNC",
        };
        match raw & !SYNC_TYPE {
            0 => sync.to_owned(),
            // Beside the first name, unknown bits need no comment.
            flags => {
                let flags = AtFlags::show(flags, shower);
                format!("{sync}|{}", flags.split(' ').next().unwrap_or_default())
            }
        }
    }
}

impl From<StatxFlags> for AtFlags {
    fn from(flags: StatxFlags) -> Self {
        Self(flags.0)
    }
}

impl From<AccessFlags> for AtFlags {
    fn from(flags: AccessFlags) -> Self {
        Self(flags.0)
    }
}

/// Declares an argument that is a number and printed in a way of its own.
macro_rules! printed {
    ($($(#[$doc:meta])* $name:ident as $type:ty = |$raw:ident, $shower:ident| $print:expr;)*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Copy, Debug)]
            pub(in crate::syscall) struct $name($type);

            impl Arg for $name {
                fn from_register(raw: u64) -> Self {
                    Self(<$type as Arg>::from_register(raw))
                }

                fn show($raw: u64, $shower: &mut Shower<'_>) -> String {
                    $print
                }
            }

            impl From<$name> for $type {
                fn from(argument: $name) -> Self {
                    argument.0
                }
            }
        )*
    };
}

printed! {
    /// A number in hexadecimal.
    Hex as u64 = |raw, _shower| hex(raw);
    /// A number of 32 bits in hexadecimal.
    Hex32 as u32 = |raw, _shower| hex((raw as u32).into());
    /// An address in hexadecimal, which is 0 where others are `NULL`.
    HexAddress as VirtAddr = |raw, _shower| hex(raw);
    /// A length that the kernel takes for signed and strace does not.
    Len as i64 = |raw, _shower| raw.to_string();
    /// The same, of which the kernel takes the low half.
    ShortLen as i32 = |raw, _shower| raw.to_string();
    /// The flags of mmap: above them, the size of huge pages.
    MapArg as MapFlags = |raw, shower| {
        const SHIFT: u32 = 26;
        const SIZE: u64 = 0x3f << SHIFT;
        let flags = MapFlags::show(raw & !SIZE, shower);
        match (raw & SIZE) >> SHIFT {
            0 => flags,
            size => format!("{flags}|{size}<<MAP_HUGE_SHIFT"),
        }
    };
    /// A string that is no path, and so is shortened.
    NamePtr as PathPtr = |raw, shower| shower.short_string(VirtAddr(raw));
    /// The value of an attribute: a NUL at its end is left out.
    AttributeValue as InBuffer = |raw, shower| {
        const XATTR_SIZE_MAX: u64 = 1 << 16;
        match shower.arguments[shower.index + 1] {
            len @ ..=XATTR_SIZE_MAX => shower.text_buffer(VirtAddr(raw), len as usize),
            _ => pointer(raw),
        }
    };
    /// `STATX_*`: what statx is asked for.
    StatxMask as u32 = |raw, _shower| show_flags(raw as u32, "0", &STATX_MASKS);
    /// Where mremap moves to, if its flags let it.
    RemapTarget as VirtAddr = |raw, shower| {
        const MREMAP_MAYMOVE: u64 = 1;
        const FIXED_OR_DONTUNMAP: u64 = 2 | 4;
        let flags = shower.arguments[3];
        let is_used = flags & MREMAP_MAYMOVE != 0 && flags & FIXED_OR_DONTUNMAP != 0;
        if is_used { pointer(raw) } else { String::new() }
    };
    /// `SYS_RISCV_FLUSH_ICACHE_*`, which are 64 bits wide.
    FlushFlags as u64 = |raw, _shower| match raw {
        0 => "0".to_owned(),
        1 => "SYS_RISCV_FLUSH_ICACHE_LOCAL".to_owned(),
        other => format!("{other:#x} /* SYS_RISCV_FLUSH_ICACHE_??? */"),
    };
    /// The hart of membarrier, if its flags name one.
    BarrierHart as i32 = |raw, shower| {
        if shower.arguments[1] & 1 != 0 { (raw as i32).to_string() } else { String::new() }
    };
}

/// Where a sleep says what was left of it: known only when it was interrupted.
#[derive(Clone, Copy, Debug)]
pub(in crate::syscall) struct Remaining(UserPtr<Timespec>);

impl Arg for Remaining {
    fn when(_: &Arguments) -> When {
        When::Exit
    }

    fn from_register(raw: u64) -> Self {
        Self(UserPtr::new(VirtAddr(raw)))
    }

    fn show(raw: u64, shower: &mut Shower<'_>) -> String {
        match shower.result {
            Some(CallResult::Interrupted(_)) => follow::<Timespec>(raw, shower),
            _ => pointer(raw),
        }
    }
}

impl From<Remaining> for UserPtr<Timespec> {
    fn from(remaining: Remaining) -> Self {
        remaining.0
    }
}

/// What wait4 stores when it tells of a child.
pub(in crate::syscall) struct IfChild<T>(PhantomData<T>);

impl<T: Pointee> Pointee for IfChild<T> {
    fn show(at: VirtAddr, shower: &mut Shower<'_>) -> Option<String> {
        match shower.result {
            Some(CallResult::Value(1..)) => T::show(at, shower),
            _ => None,
        }
    }
}

/// What mq_open reads where it may make a queue: `O_CREAT` is in the second argument.
pub(in crate::syscall) struct IfCreated<T>(PhantomData<T>);

impl<T: Pointee> Pointee for IfCreated<T> {
    fn show(at: VirtAddr, shower: &mut Shower<'_>) -> Option<String> {
        const O_CREAT: u64 = 0x40;
        if shower.arguments[1] & O_CREAT == 0 { Some(String::new()) } else { T::show(at, shower) }
    }
}

/// A buffer that getrandom fills: every byte is shown as a number.
#[derive(Clone, Copy, Debug)]
pub(in crate::syscall) struct RandomBytes(VirtAddr);

impl Arg for RandomBytes {
    fn when(_: &Arguments) -> When {
        When::Exit
    }

    fn from_register(raw: u64) -> Self {
        Self(VirtAddr(raw))
    }

    fn show(raw: u64, shower: &mut Shower<'_>) -> String {
        match shower.result {
            Some(CallResult::Value(len)) => shower.hex_buffer(VirtAddr(raw), len as usize),
            _ => pointer(raw),
        }
    }
}

impl From<RandomBytes> for OutBuffer {
    fn from(buffer: RandomBytes) -> Self {
        Self(buffer.0)
    }
}

/// The value of an attribute that is asked for: a NUL at its end is left out.
#[derive(Clone, Copy, Debug)]
pub(in crate::syscall) struct OutAttributeValue(VirtAddr);

impl Arg for OutAttributeValue {
    fn when(_: &Arguments) -> When {
        When::Exit
    }

    fn from_register(raw: u64) -> Self {
        Self(VirtAddr(raw))
    }

    fn show(raw: u64, shower: &mut Shower<'_>) -> String {
        match shower.result {
            Some(CallResult::Value(len)) if shower.arguments[3] > 0 => {
                shower.text_buffer(VirtAddr(raw), len as usize)
            }
            _ => pointer(raw),
        }
    }
}

impl From<OutAttributeValue> for OutBuffer {
    fn from(buffer: OutAttributeValue) -> Self {
        Self(buffer.0)
    }
}

/// The names of the attributes that there are. Nothing is written where no room is given: how much it takes is asked for.
#[derive(Clone, Copy, Debug)]
pub(in crate::syscall) struct OutAttributeNames(VirtAddr);

impl Arg for OutAttributeNames {
    fn when(_: &Arguments) -> When {
        When::Exit
    }

    fn from_register(raw: u64) -> Self {
        Self(VirtAddr(raw))
    }

    fn show(raw: u64, shower: &mut Shower<'_>) -> String {
        if shower.arguments[2] > 0 { OutBuffer::show(raw, shower) } else { pointer(raw) }
    }
}

impl From<OutAttributeNames> for OutBuffer {
    fn from(buffer: OutAttributeNames) -> Self {
        Self(buffer.0)
    }
}

/// A buffer that getcwd fills with a path and its NUL.
#[derive(Clone, Copy, Debug)]
pub(in crate::syscall) struct PathBuffer(VirtAddr);

impl Arg for PathBuffer {
    fn when(_: &Arguments) -> When {
        When::Exit
    }

    fn from_register(raw: u64) -> Self {
        Self(VirtAddr(raw))
    }

    fn show(raw: u64, shower: &mut Shower<'_>) -> String {
        if shower.failed() { pointer(raw) } else { shower.string(VirtAddr(raw)) }
    }
}

impl From<PathBuffer> for OutBuffer {
    fn from(buffer: PathBuffer) -> Self {
        Self(buffer.0)
    }
}
