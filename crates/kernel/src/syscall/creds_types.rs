//! The argument types of the calls about credentials.

use super::CallResult;
use super::args::{Arg, UserValue};
use super::show::{Pointee, Shower, pointer, show_array};
use crate::creds::Capabilities;
use tine_mmu::VirtAddr;

/// A user or a group; -1 is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Id(pub u32);

impl Id {
    /// Returns it unless it is -1.
    pub(super) fn given(self) -> Option<u32> {
        (self.0 != u32::MAX).then_some(self.0)
    }
}

impl Arg for Id {
    fn from_register(raw: u64) -> Self {
        Self(raw as u32)
    }

    fn show(raw: u64, _: &mut Shower<'_>) -> String {
        Self(raw as u32).given().map_or_else(|| "-1".to_owned(), |id| id.to_string())
    }
}

impl From<Id> for u32 {
    fn from(id: Id) -> Self {
        id.0
    }
}

/// Supplementary groups; the first argument says how many, or how many there is room for.
pub(super) struct Groups;

impl Pointee for Groups {
    fn show(at: VirtAddr, shower: &mut Shower<'_>) -> Option<String> {
        const NGROUPS_MAX: u32 = 1 << 16;
        let given = shower.arguments[0] as u32;
        match shower.result {
            Some(CallResult::Value(count)) => show_array::<u32>(at, count, shower),
            _ if given > NGROUPS_MAX => None,
            _ => show_array::<u32>(at, given.into(), shower),
        }
    }
}

/// The address of a `struct __user_cap_header_struct`: a version and a pid.
#[derive(Clone, Copy, Debug)]
pub(super) struct CapabilityHeader(pub VirtAddr);

impl CapabilityHeader {
    const VERSIONS: [(u32, &'static str, usize); 3] = [
        (0x1998_0330, "_LINUX_CAPABILITY_VERSION_1", 1),
        (0x2007_1026, "_LINUX_CAPABILITY_VERSION_2", 2),
        (Self::NEWEST, "_LINUX_CAPABILITY_VERSION_3", 2),
    ];
    /// `_LINUX_CAPABILITY_VERSION_3`.
    pub(super) const NEWEST: u32 = 0x2008_0522;

    /// Returns how many words of 32 bits a version has for each set.
    pub(super) fn words_of(version: u32) -> Option<usize> {
        Self::VERSIONS.iter().find(|row| row.0 == version).map(|row| row.2)
    }
}

impl Arg for CapabilityHeader {
    fn from_register(raw: u64) -> Self {
        Self(VirtAddr(raw))
    }

    fn show(raw: u64, shower: &mut Shower<'_>) -> String {
        let bytes = shower.bytes(VirtAddr(raw), 8);
        if bytes.len() < 8 || raw == 0 {
            return pointer(raw);
        }
        let [version, pid] = <[u32; 2]>::from_bytes(&bytes);
        let name = Self::VERSIONS.iter().find(|row| row.0 == version).map(|row| row.1.to_owned());
        let name = name.unwrap_or_else(|| format!("{version:#x} /* _LINUX_CAPABILITY_VERSION_??? */"));
        format!("{{version={name}, pid={}}}", pid as i32)
    }
}

/// `struct __user_cap_data_struct`s: a low and, but for version 1, a high half of each set.
pub(super) struct CapabilitySets;

impl Pointee for CapabilitySets {
    fn show(at: VirtAddr, shower: &mut Shower<'_>) -> Option<String> {
        let header = shower.whole(VirtAddr(shower.arguments[0]), 4)?;
        let words = CapabilityHeader::words_of(u32::from_bytes(&header))?;
        let bytes = shower.whole(at, 12 * words)?;
        let mut sets = [0_u64; 3];
        for (index, word) in bytes.chunks_exact(4).enumerate() {
            sets[index % 3] |= u64::from(u32::from_bytes(word)) << (32 * (index / 3));
        }
        let [effective, permitted, inheritable] = sets.map(show_capabilities);
        Some(format!("{{effective={effective}, permitted={permitted}, inheritable={inheritable}}}"))
    }
}

/// Prints a capability set as strace does.
fn show_capabilities(bits: u64) -> String {
    let set = Capabilities::from_bits_truncate(bits);
    let mut parts: Vec<String> = set.iter_names().map(|(name, _)| format!("1<<CAP_{name}")).collect();
    // The high words of the sets are shown by themselves: bits of which none has a name need a comment.
    let (high, unknown) = (set.bits() >> 32, (bits & !Capabilities::all().bits()) >> 32);
    if unknown != 0 {
        let comment = if high == 0 { " /* CAP_??? */" } else { "" };
        parts.push(format!("{unknown:#x}{comment}"));
    }
    if parts.is_empty() { "0".to_owned() } else { parts.join("|") }
}
