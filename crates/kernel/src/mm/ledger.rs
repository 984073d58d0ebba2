//! Every copy of a frame since somebody asked: what was copied for whom, and how much of it changed before the copy died.
//!
//! A copy's bytes are kept as they were made, so that the memory of the host holds each copied page twice. Without a
//! ledger nothing of this happens.

use super::frames::FrameKind;
use crate::MmId;
use std::collections::BTreeMap;
use tine_mmu::{PAGE_SIZE, Ppn, Ram, Vpn};

/// A copy's number, from 0 in the order in which they were made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CopyId(pub usize);

/// Why a frame was copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CopyReason {
    /// It was to be written.
    Store,
    /// A fork gave the child a copy at once.
    Fork,
}

/// A frame that was copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameCopy {
    /// Its number.
    pub id: CopyId,
    /// The address space that the copy is for.
    pub mm: MmId,
    /// The page that it is mapped at.
    pub vpn: Vpn,
    /// The frame that was copied.
    pub from: Ppn,
    /// What that frame was used for: only a private page can have been shared by a fork.
    pub source: FrameKind,
    /// The copy.
    pub to: Ppn,
    /// Why it was made.
    pub reason: CopyReason,
}

/// What whoever copies a frame knows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Copied {
    pub(super) mm: MmId,
    pub(super) vpn: Vpn,
    pub(super) from: Ppn,
    pub(super) to: Ppn,
    pub(super) reason: CopyReason,
}

/// What became of a copy.
#[derive(Clone, Copy, Debug)]
enum Fate {
    /// It is in use.
    Alive(Ppn),
    /// Its frame is free again; so many of its bytes were other than when it was made.
    Dead { changed_bytes: u64 },
}

/// A copy that is in use, as it was when it was made.
#[derive(Clone, Debug)]
struct Original {
    id: CopyId,
    bytes: Box<[u8; PAGE_SIZE as usize]>,
}

/// The list of copies.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    fates: Vec<Fate>,
    originals: BTreeMap<Ppn, Original>,
    fresh: Vec<FrameCopy>,
}

impl Ledger {
    /// Notes a copy that has just been made.
    pub(super) fn note(&mut self, ram: &Ram, copied: Copied, source: FrameKind) {
        let Copied { mm, vpn, from, to, reason } = copied;
        let id = CopyId(self.fates.len());
        self.fates.push(Fate::Alive(to));
        self.originals.insert(to, Original { id, bytes: Box::new(*ram.frame(to)) });
        self.fresh.push(FrameCopy { id, mm, vpn, from, source, to, reason });
    }

    /// Closes the account of a frame that is about to be freed.
    pub(super) fn close(&mut self, ram: &Ram, freed: Ppn) {
        if let Some(original) = self.originals.remove(&freed) {
            let changed_bytes = original.changed_bytes(ram, freed);
            self.fates[original.id.0] = Fate::Dead { changed_bytes };
        }
    }

    /// Returns how many bytes of a copy were other than when it was made, as it died or else as it is now; 0 for no copy.
    pub fn changed_bytes(&self, ram: &Ram, id: CopyId) -> u64 {
        match self.fates.get(id.0) {
            Some(Fate::Dead { changed_bytes }) => *changed_bytes,
            Some(Fate::Alive(ppn)) => {
                self.originals.get(ppn).map_or(0, |original| original.changed_bytes(ram, *ppn))
            }
            None => 0,
        }
    }

    /// Takes the copies noted since the last call.
    pub(crate) fn take_fresh(&mut self) -> Vec<FrameCopy> {
        std::mem::take(&mut self.fresh)
    }
}

impl Original {
    fn changed_bytes(&self, ram: &Ram, ppn: Ppn) -> u64 {
        let now = ram.frame(ppn);
        self.bytes.iter().zip(now).filter(|(then, now)| then != now).count() as u64
    }
}
