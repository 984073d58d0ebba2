//! Host memory that holds guest RAM: the one room of this crate with `unsafe`.
#![expect(unsafe_code, reason = "aligned accesses of the host shortcut need one comparison, not two")]

use crate::PAGE_SIZE;
use memmap2::{MmapMut, MmapOptions};
use std::io;
use std::ops::{Deref, DerefMut};

/// Zeroed host memory of whole pages, of which only what is written costs anything.
pub(super) struct HostMemory {
    // Invariant: the length is a multiple of PAGE_SIZE.
    bytes: MmapMut,
}

impl HostMemory {
    /// Maps `len` bytes. The host is not asked to reserve them: guests often own far more memory than they touch.
    ///
    /// # Errors
    /// When the host refuses, or `len` is not a whole number of pages.
    pub(super) fn new(len: usize) -> io::Result<Self> {
        if !(len as u64).is_multiple_of(PAGE_SIZE) {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        Ok(Self { bytes: MmapOptions::new().len(len).no_reserve_swap().map_anon()? })
    }

    /// Tells whether `N` bytes at `offset` are inside, given that `offset` is a multiple of `N`, which divides a page.
    #[inline(always)]
    fn holds<const N: usize>(&self, offset: u64) -> bool {
        const { assert!(N.is_power_of_two() && N as u64 <= PAGE_SIZE) };
        offset.is_multiple_of(N as u64) && offset < self.bytes.len() as u64
    }

    /// Reads `N` bytes at an offset that is a multiple of `N`; `None` elsewhere.
    #[inline(always)]
    pub(super) fn load<const N: usize>(&self, offset: u64) -> Option<[u8; N]> {
        if !self.holds::<N>(offset) {
            return None;
        }
        // SAFETY: `offset` is below the length. Both are multiples of N (the length because N divides PAGE_SIZE), so
        // `offset + N` is at most the length. Bytes have no alignment.
        Some(unsafe { self.bytes.as_ptr().add(offset as usize).cast::<[u8; N]>().read() })
    }

    /// Writes `N` bytes at an offset that is a multiple of `N`; `None`, and nothing written, elsewhere.
    #[inline(always)]
    pub(super) fn store<const N: usize>(&mut self, offset: u64, value: [u8; N]) -> Option<()> {
        if !self.holds::<N>(offset) {
            return None;
        }
        // SAFETY: as in `load`; the borrow is exclusive.
        unsafe { self.bytes.as_mut_ptr().add(offset as usize).cast::<[u8; N]>().write(value) };
        Some(())
    }
}

impl Deref for HostMemory {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

impl DerefMut for HostMemory {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.bytes
    }
}
