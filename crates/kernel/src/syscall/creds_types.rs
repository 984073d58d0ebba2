//! The argument types of the calls about credentials.

use super::args::{Arg, UserValue, pointer};
use super::show::Shower;
use super::types::Out;
use crate::creds::Capabilities;
use std::marker::PhantomData;
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

/// Memory that the call reads.
#[derive(Clone, Copy, Debug)]
pub(super) struct Given;

/// In which direction an array goes.
pub(super) trait Direction {
    /// Whether the call fills it.
    const FILLED_BY_CALL: bool;
}

impl Direction for Given {
    const FILLED_BY_CALL: bool = false;
}

impl<T> Direction for Out<T> {
    const FILLED_BY_CALL: bool = true;
}

/// Supplementary groups; the argument before says how many, or how many there is room for.
#[derive(Clone, Copy, Debug)]
pub(super) struct GroupList<D> {
    pub(super) at: VirtAddr,
    direction: PhantomData<D>,
}

impl<D: Direction> Arg for GroupList<D> {
    const FILLED_BY_CALL: bool = D::FILLED_BY_CALL;

    fn from_register(raw: u64) -> Self {
        Self { at: VirtAddr(raw), direction: PhantomData }
    }

    fn show(raw: u64, shower: &mut Shower<'_>) -> String {
        const SHOWN: usize = 32;
        let given = shower.arguments[shower.index - 1] as u32;
        let count = match shower.result {
            Some(Ok(_)) if given == 0 => return pointer(raw),
            Some(Ok(count)) => count as usize,
            Some(Err(_)) => return pointer(raw),
            None => given as usize,
        };
        let bytes = shower.bytes(VirtAddr(raw), 4 * count.min(SHOWN));
        if bytes.len() < 4 * count.min(SHOWN) || raw == 0 {
            return pointer(raw);
        }
        let ids = bytes.chunks_exact(4).map(|word| u32::from_bytes(word).to_string());
        let more = (count > SHOWN).then(|| "...".to_owned());
        format!("[{}]", ids.chain(more).collect::<Vec<_>>().join(", "))
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

/// The address of `struct __user_cap_data_struct`s: a low and, but for version 1, a high half of each set.
#[derive(Clone, Copy, Debug)]
pub(super) struct CapabilityData<D> {
    pub(super) at: VirtAddr,
    direction: PhantomData<D>,
}

impl<D: Direction> Arg for CapabilityData<D> {
    const FILLED_BY_CALL: bool = D::FILLED_BY_CALL;

    fn from_register(raw: u64) -> Self {
        Self { at: VirtAddr(raw), direction: PhantomData }
    }

    fn show(raw: u64, shower: &mut Shower<'_>) -> String {
        let header = shower.bytes(VirtAddr(shower.arguments[0]), 4);
        let version = header.try_into().map_or(0, u32::from_le_bytes);
        let words = CapabilityHeader::words_of(version).unwrap_or(0);
        let bytes = shower.bytes(VirtAddr(raw), 12 * words);
        if raw == 0 || words == 0 || bytes.len() < 12 * words || matches!(shower.result, Some(Err(_))) {
            return pointer(raw);
        }
        let mut sets = [0_u64; 3];
        for (index, word) in bytes.chunks_exact(4).enumerate() {
            sets[index % 3] |= u64::from(u32::from_bytes(word)) << (32 * (index / 3));
        }
        let [effective, permitted, inheritable] = sets.map(show_capabilities);
        format!("{{effective={effective}, permitted={permitted}, inheritable={inheritable}}}")
    }
}

/// Prints a capability set as strace does.
fn show_capabilities(bits: u64) -> String {
    let set = Capabilities::from_bits_truncate(bits);
    let mut parts: Vec<String> = set.iter_names().map(|(name, _)| format!("1<<CAP_{name}")).collect();
    let unknown = bits & !Capabilities::all().bits();
    if unknown != 0 {
        parts.push(format!("{unknown:#x}"));
    }
    if parts.is_empty() { "0".to_owned() } else { parts.join("|") }
}
