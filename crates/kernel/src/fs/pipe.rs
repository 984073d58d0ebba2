//! Pipes, as pipe(7) describes them and Linux 6.12 fs/pipe.c fills them.
//!
//! A pipe is a ring of page-sized buffers, 16 unless resized. A write first tries to put its odd bytes (its length modulo the
//! page size) behind those of the newest buffer, if they fit there whole; everything else goes into fresh buffers. So
//! 1000-byte writes fill a pipe at 64,000 bytes, and a write of up to `PIPE_BUF` bytes is never split.

use super::wait::{Stop, Wait};
use crate::Errno;
use std::collections::VecDeque;
use tine_mmu::PAGE_SIZE;

super::slab::key! {
    /// A pipe in [`super::Fs`].
    PipeId
}

const PAGE: usize = PAGE_SIZE as usize;
const DEFAULT_BUFFERS: usize = 16;

/// One page of the ring. What was read stays in place until the whole page has been, as in Linux.
#[derive(Clone, Debug)]
struct Buffer {
    bytes: Vec<u8>,
    read: usize,
}

/// A pipe's contents and how many descriptions have each end open.
#[derive(Clone, Debug)]
pub(super) struct Pipe {
    buffers: VecDeque<Buffer>,
    max_buffers: usize,
    pub(super) readers: u32,
    pub(super) writers: u32,
}

impl Pipe {
    /// Makes an empty pipe that nobody has open.
    pub(super) const fn new() -> Self {
        Self { buffers: VecDeque::new(), max_buffers: DEFAULT_BUFFERS, readers: 0, writers: 0 }
    }

    /// Returns how many bytes can be read (`FIONREAD`).
    pub(super) fn len(&self) -> usize {
        self.buffers.iter().map(|buffer| buffer.bytes.len() - buffer.read).sum()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.buffers.is_empty()
    }

    pub(super) fn is_full(&self) -> bool {
        self.buffers.len() >= self.max_buffers
    }

    /// Returns the capacity in bytes (`F_GETPIPE_SZ`).
    pub(super) const fn capacity(&self) -> usize {
        self.max_buffers * PAGE
    }

    /// Sets the capacity to at least `len_bytes`: a power of two of pages (`F_SETPIPE_SZ`).
    ///
    /// # Errors
    /// `EINVAL` when no pipe can be so large, `EBUSY` when the contents would not fit.
    pub(super) fn resize(&mut self, len_bytes: u32) -> Result<usize, Errno> {
        if len_bytes > 1 << 31 {
            return Err(Errno::EINVAL);
        }
        let buffers = (len_bytes as usize).div_ceil(PAGE).next_power_of_two();
        if buffers < self.buffers.len() {
            return Err(Errno::EBUSY);
        }
        self.max_buffers = buffers;
        Ok(self.capacity())
    }

    /// Returns up to `len` bytes from the front without consuming them.
    pub(super) fn peek(&self, len: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(len.min(self.len()));
        for buffer in &self.buffers {
            let unread = &buffer.bytes[buffer.read..];
            bytes.extend_from_slice(&unread[..unread.len().min(len - bytes.len())]);
        }
        bytes
    }

    /// Drops `len` bytes from the front, which [`Pipe::peek`] has returned.
    pub(super) fn consume(&mut self, mut len: usize) {
        while let Some(front) = self.buffers.front_mut() {
            let take = len.min(front.bytes.len() - front.read);
            front.read += take;
            len -= take;
            if front.read < front.bytes.len() {
                break;
            }
            self.buffers.pop_front();
        }
    }

    /// Appends as much of `bytes` as fits and returns how much that was.
    pub(super) fn append(&mut self, bytes: &[u8]) -> usize {
        let odd = bytes.len() % PAGE;
        let mut done = 0;
        if let Some(newest) = self.buffers.back_mut()
            && newest.bytes.len() + odd <= PAGE
        {
            newest.bytes.extend_from_slice(&bytes[..odd]);
            done = odd;
        }
        for page in bytes[done..].chunks(PAGE) {
            if self.is_full() {
                break;
            }
            self.buffers.push_back(Buffer { bytes: page.to_vec(), read: 0 });
            done += page.len();
        }
        done
    }

    /// Decides what a read that found the pipe empty does: end of file is `Ok`.
    pub(super) fn read_empty(&self, id: PipeId, nonblocking: bool) -> Result<(), Stop> {
        match (self.writers, nonblocking) {
            (0, _) => Ok(()),
            (_, true) => Err(Errno::EAGAIN.into()),
            (_, false) => Err(Wait::PipeReadable(id).into()),
        }
    }

    /// Decides what a write that found no room does.
    pub(super) fn write_full(id: PipeId, nonblocking: bool) -> Stop {
        if nonblocking { Errno::EAGAIN.into() } else { Wait::PipeWritable(id).into() }
    }
}
