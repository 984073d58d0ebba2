//! Guest RAM: one run of physical memory that starts at [`Ram::BASE`].
//!
//! Untouched RAM costs nothing: the host hands out zeroed pages when they are first written, and is not asked to reserve
//! them, because guests often own far more memory than they touch.
//!
//! One stretch of memory may be *watched*, as the mailbox through which a bare-metal program talks to its host: every write
//! to it is noticed.
//!
//! A frame from which instructions were decoded carries a *code mark*. Every write to a marked frame, by a hart or by
//! the supervisor, clears the mark and logs the frame, so that a block cache can drop what it decoded from there. Setting
//! a mark begins a new *code epoch*; whoever has a way to write frames without coming here (the host shortcut of an
//! [`Mmu`](crate::Mmu)) gives it up when the epoch has changed.

use crate::{HostAddr, PAGE_SIZE, PhysAddr, Ppn};
use memmap2::{Advice, MmapMut, MmapOptions};
use thiserror::Error;

/// Why guest RAM could not be made.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum RamError {
    /// The size is zero, not a multiple of the page size, or too large for the host.
    #[error("guest memory of {0} bytes cannot be had: give a multiple of 4096 that the host can hold")]
    Size(u64),
}

/// The memory of the host that holds a [`Ram`]. It is there, and readable and writable, for as long as that lives.
///
/// The provenance of `start` is exposed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HostMemory {
    /// Where the byte at [`Ram::BASE`] lies.
    pub start: HostAddr,
    /// How many bytes there are from there.
    pub len: u64,
}

/// Physical memory of the guest.
pub struct Ram {
    bytes: MmapMut,
    host: HostMemory,
    code: Vec<bool>,
    code_epoch: u64,
    rewritten: Vec<Ppn>,
    watched: Option<Watched>,
}

/// Memory that is watched, and what has been written of it since somebody asked.
struct Watched {
    at: PhysAddr,
    /// A bit for each byte.
    written: u8,
}

impl Watched {
    const BYTES: u64 = 8;

    fn notice(&mut self, at: PhysAddr, len: u64) {
        let written = (0..Self::BYTES).filter(|byte| (self.at.0 + byte).wrapping_sub(at.0) < len);
        self.written |= written.fold(0, |mask, byte| mask | 1 << byte);
    }
}

impl Ram {
    /// Where RAM begins, as on every common RISC-V board.
    pub const BASE: PhysAddr = PhysAddr(0x8000_0000);

    /// Allocates `len_bytes` of zeroed RAM.
    ///
    /// # Errors
    /// [`RamError::Size`] when the size is zero, not a multiple of the page size, or refused by the host.
    pub fn new(len_bytes: u64) -> Result<Self, RamError> {
        let refused = RamError::Size(len_bytes);
        match usize::try_from(len_bytes) {
            Ok(len) if len > 0 && len_bytes.is_multiple_of(PAGE_SIZE) && len_bytes <= 1 << 46 => {
                let mut bytes =
                    MmapOptions::new().len(len).no_reserve_swap().map_anon().map_err(|_| refused)?;
                // Guests that miss the TLB all the time would miss the host's as often. A host without large pages goes on.
                let _ = bytes.advise(Advice::HugePage);
                let start = HostAddr(bytes.as_mut_ptr().expose_provenance() as u64);
                let host = HostMemory { start, len: len_bytes };
                let code = vec![false; len / PAGE_SIZE as usize];
                Ok(Self { bytes, host, code, code_epoch: 0, rewritten: Vec::new(), watched: None })
            }
            _ => Err(refused),
        }
    }

    /// Returns the first frame.
    pub fn first(&self) -> Ppn {
        Self::BASE.ppn()
    }

    /// Returns how many frames there are.
    pub fn frames(&self) -> u64 {
        self.code.len() as u64
    }

    /// Tells whether the `len` bytes at `at` are RAM.
    pub fn contains(&self, at: PhysAddr, len: u64) -> bool {
        at.0.checked_sub(Self::BASE.0)
            .and_then(|from| from.checked_add(len))
            .is_some_and(|end| end <= self.bytes.len() as u64)
    }

    #[inline]
    fn index(&self, at: PhysAddr, len: u64) -> Option<usize> {
        self.contains(at, len).then(|| (at.0 - Self::BASE.0) as usize)
    }

    /// Reads `to.len()` bytes at `at`; `None` when they are not all RAM.
    #[must_use]
    pub fn read(&self, at: PhysAddr, to: &mut [u8]) -> Option<()> {
        let from = self.index(at, to.len() as u64)?;
        to.copy_from_slice(&self.bytes[from..from + to.len()]);
        Some(())
    }

    /// Writes `bytes` at `at`; `None`, and nothing written, when they are not all RAM.
    #[must_use]
    pub fn write(&mut self, at: PhysAddr, bytes: &[u8]) -> Option<()> {
        let start = self.index(at, bytes.len() as u64)?;
        self.bytes[start..start + bytes.len()].copy_from_slice(bytes);
        if let Some(watched) = &mut self.watched {
            watched.notice(at, bytes.len() as u64);
        }
        if !bytes.is_empty() {
            let last = at + (bytes.len() as u64 - 1);
            for frame in at.ppn().0..=last.ppn().0 {
                self.written(Ppn(frame));
            }
        }
        Some(())
    }

    /// Reads eight little-endian bytes; `None` outside RAM.
    #[must_use]
    #[inline]
    pub fn read_u64(&self, at: PhysAddr) -> Option<u64> {
        let bytes = self.bytes.get(self.index(at, 8)?..)?.first_chunk()?;
        Some(u64::from_le_bytes(*bytes))
    }

    /// Writes eight little-endian bytes; `None` outside RAM.
    #[must_use]
    #[inline]
    pub fn write_u64(&mut self, at: PhysAddr, value: u64) -> Option<()> {
        if self.watched.is_some() || !at.0.is_multiple_of(8) {
            return self.write(at, &value.to_le_bytes());
        }
        let start = self.index(at, 8)?;
        *self.bytes.get_mut(start..)?.first_chunk_mut()? = value.to_le_bytes();
        self.written(at.ppn());
        Some(())
    }

    /// Returns a frame's bytes.
    ///
    /// # Panics
    /// When `ppn` is not RAM: the caller owns the frame, so it is.
    pub fn frame(&self, ppn: Ppn) -> &[u8; PAGE_SIZE as usize] {
        let start = self.index(ppn.base(), PAGE_SIZE).expect("a frame of RAM");
        self.bytes[start..start + PAGE_SIZE as usize].try_into().expect("a page")
    }

    /// Returns a frame's bytes for writing, which kills the code decoded from it.
    ///
    /// # Panics
    /// When `ppn` is not RAM: the caller owns the frame, so it is.
    pub fn frame_mut(&mut self, ppn: Ppn) -> &mut [u8; PAGE_SIZE as usize] {
        let start = self.index(ppn.base(), PAGE_SIZE).expect("a frame of RAM");
        self.written(ppn);
        (&mut self.bytes[start..start + PAGE_SIZE as usize]).try_into().expect("a page")
    }

    /// Returns the bytes of two frames for writing.
    ///
    /// # Panics
    /// When either is not RAM, or both are one.
    pub fn two_frames_mut(&mut self, one: Ppn, other: Ppn) -> [&mut [u8; PAGE_SIZE as usize]; 2] {
        let ranges = [one, other].map(|ppn| {
            let start = self.index(ppn.base(), PAGE_SIZE).expect("a frame of RAM");
            start..start + PAGE_SIZE as usize
        });
        self.written(one);
        self.written(other);
        let frames = self.bytes.get_disjoint_mut(ranges).expect("two frames");
        frames.map(|frame| frame.try_into().expect("a page"))
    }

    /// Fills a frame with zeros.
    ///
    /// # Panics
    /// When `ppn` is not RAM.
    pub fn zero_frame(&mut self, ppn: Ppn) {
        self.frame_mut(ppn).fill(0);
    }

    /// Copies frame `from` over frame `to`.
    ///
    /// # Panics
    /// When either is not RAM.
    pub fn copy_frame(&mut self, from: Ppn, to: Ppn) {
        let source = self.index(from.base(), PAGE_SIZE).expect("a frame of RAM");
        let target = self.index(to.base(), PAGE_SIZE).expect("a frame of RAM");
        self.written(to);
        self.bytes.copy_within(source..source + PAGE_SIZE as usize, target);
    }

    /// Returns where in the host's memory it lies.
    #[inline]
    pub const fn host(&self) -> HostMemory {
        self.host
    }

    /// Returns every byte, [`Ram::BASE`] being the first.
    #[inline]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The same for writing, without looking at code marks: it is for bytes that a shortcut found, which has no way to a marked
    /// frame.
    #[inline]
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.bytes
    }

    /// Returns the number of a frame of RAM, from 0; for what is not RAM, one that no frame has.
    #[inline(always)]
    pub const fn number(&self, ppn: Ppn) -> usize {
        ppn.0.wrapping_sub(Self::BASE.ppn().0) as usize
    }

    /// Marks a frame as one from which instructions were decoded.
    ///
    /// # Panics
    /// When `ppn` is not RAM.
    pub fn mark_code(&mut self, ppn: Ppn) {
        let slot = self.number(ppn);
        if !self.code[slot] {
            self.code[slot] = true;
            self.code_epoch += 1;
        }
    }

    /// Tells whether a frame carries the code mark.
    ///
    /// # Panics
    /// When `ppn` is not RAM.
    pub fn is_code(&self, ppn: Ppn) -> bool {
        self.code[self.number(ppn)]
    }

    /// Watches the eight bytes at `at` from now on. Whoever runs must have begun to after this.
    ///
    /// Writes of whole frames are not noticed: only the supervisor makes them.
    pub fn watch(&mut self, at: PhysAddr) {
        self.watched = Some(Watched { at, written: 0 });
        self.code_epoch += 1;
    }

    /// Tells whether a watched byte was written since [`Ram::take_watched`] was called.
    pub fn has_watched(&self) -> bool {
        self.watched.as_ref().is_some_and(|watched| watched.written != 0)
    }

    /// Returns which of the watched bytes were written since the last call, a bit for each.
    pub fn take_watched(&mut self) -> u8 {
        self.watched.as_mut().map_or(0, |watched| std::mem::take(&mut watched.written))
    }

    /// Tells whether something must be done on each store to a frame, so that there may be no way around
    /// [`Ram::write`].
    pub(crate) fn notices_stores(&self, ppn: Ppn) -> bool {
        let is_watched =
            |watched: &Watched| (watched.at.ppn()..=(watched.at + (Watched::BYTES - 1)).ppn()).contains(&ppn);
        self.is_code(ppn) || self.watched.as_ref().is_some_and(is_watched)
    }

    /// Returns a number that changes whenever a frame becomes marked.
    pub fn code_epoch(&self) -> u64 {
        self.code_epoch
    }

    /// Takes the log of marked frames that were written since the last call.
    pub fn take_rewritten(&mut self) -> Vec<Ppn> {
        std::mem::take(&mut self.rewritten)
    }

    /// Tells whether a marked frame was written since [`Ram::take_rewritten`] was called.
    pub fn has_rewritten(&self) -> bool {
        !self.rewritten.is_empty()
    }

    fn written(&mut self, ppn: Ppn) {
        let slot = self.number(ppn);
        if self.code[slot] {
            self.code[slot] = false;
            self.rewritten.push(ppn);
        }
    }
}
