//! Pipes, as pipe(7) describes them and Linux 6.12 fs/pipe.c fills them.
//!
//! A pipe is a ring of page-sized buffers, 16 unless resized. A write first tries to put its odd bytes (its length modulo the
//! page size) behind those of the newest buffer, if they fit there whole; everything else goes into fresh buffers. So
//! 1000-byte writes fill a pipe at 64,000 bytes, and a write of up to `PIPE_BUF` bytes is never split.

use super::OpenFlags;
use super::wait::{Stop, Wait};
use crate::Errno;
use std::collections::VecDeque;
use tine_mmu::PAGE_SIZE;

super::slab::key! {
    /// A pipe in [`super::Fs`].
    PipeId
}

const PAGE: usize = PAGE_SIZE as usize;
pub(super) const DEFAULT_BUFFERS: usize = 16;
/// What a user's pipes have who has many (`PIPE_MIN_DEF_BUFFERS`).
pub(super) const FEWEST_BUFFERS: usize = 2;

/// The most that a pipe can be made to hold: its bytes are the host's memory.
const MAX_BUFFERS: usize = 1 << 12;

/// Whether writes into a pipe stay apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    /// A stream of bytes.
    Stream,
    /// Each write is a packet, or several when it is longer than a page (pipe2(2), `O_DIRECT`).
    Packets,
}

impl Framing {
    /// Returns how a description with these flags writes.
    pub(super) const fn of(flags: OpenFlags) -> Self {
        if flags.contains(OpenFlags::DIRECT) { Self::Packets } else { Self::Stream }
    }
}

/// Returns how many pages a pipe has that holds so much: a power of two (`round_pipe_size`).
///
/// # Errors
/// `EINVAL` when no pipe can be so large.
pub(super) fn pages(len_bytes: u32) -> Result<usize, Errno> {
    if len_bytes > 1 << 31 {
        return Err(Errno::EINVAL);
    }
    Ok((len_bytes as usize).div_ceil(PAGE).next_power_of_two())
}

/// One page of the ring. What was read stays in place until the whole page has been, as in Linux.
#[derive(Clone, Debug)]
struct Buffer {
    bytes: Vec<u8>,
    read: usize,
    framing: Framing,
}

/// A pipe's contents and how many descriptions have each end open.
#[derive(Clone, Debug)]
pub(super) struct Pipe {
    buffers: VecDeque<Buffer>,
    max_buffers: usize,
    pub(super) readers: u32,
    pub(super) writers: u32,
    /// How often each end was opened: whoever waits for the other end sees that it was there, even if it is gone again.
    pub(super) readers_seen: u64,
    pub(super) writers_seen: u64,
    /// The user on whose account it is.
    pub(super) user: u32,
}

impl Pipe {
    /// Makes an empty pipe of so many pages that nobody has open.
    pub(super) const fn new(user: u32, max_buffers: usize) -> Self {
        Self {
            user,
            buffers: VecDeque::new(),
            max_buffers,
            readers: 0,
            writers: 0,
            readers_seen: 0,
            writers_seen: 0,
        }
    }

    /// Notes that a description has ends open.
    pub(super) fn open(&mut self, flags: OpenFlags) {
        self.readers += u32::from(flags.is_readable());
        self.writers += u32::from(flags.is_writable());
        self.readers_seen += u64::from(flags.is_readable());
        self.writers_seen += u64::from(flags.is_writable());
    }

    /// Notes that a description has them open no more. What nobody can read any more is gone with the last.
    pub(super) fn close(&mut self, flags: OpenFlags) {
        self.readers -= u32::from(flags.is_readable());
        self.writers -= u32::from(flags.is_writable());
        if self.readers == 0 && self.writers == 0 {
            self.buffers.clear();
            self.max_buffers = DEFAULT_BUFFERS;
        }
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

    /// Returns how many bytes there is room for.
    pub(super) fn room(&self) -> usize {
        self.max_buffers.saturating_sub(self.buffers.len()) * PAGE
    }

    /// Returns the capacity in pages.
    pub(super) const fn max_buffers(&self) -> usize {
        self.max_buffers
    }

    /// Returns the capacity in bytes (`F_GETPIPE_SZ`).
    pub(super) const fn capacity(&self) -> usize {
        self.max_buffers * PAGE
    }

    /// Sets the capacity to at least `len_bytes`: a power of two of pages (`F_SETPIPE_SZ`).
    ///
    /// # Errors
    /// `EINVAL` when no pipe can be so large, `ENOMEM` when this one cannot, `EBUSY` when the contents would not fit.
    pub(super) fn resize(&mut self, len_bytes: u32) -> Result<usize, Errno> {
        let buffers = pages(len_bytes)?;
        if buffers < self.buffers.len() {
            return Err(Errno::EBUSY);
        }
        if buffers > MAX_BUFFERS {
            return Err(Errno::ENOMEM);
        }
        self.max_buffers = buffers;
        Ok(self.capacity())
    }

    /// Returns up to `len` bytes from the front without consuming them. They end with the first packet.
    pub(super) fn peek(&self, len: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(len.min(self.len()));
        for buffer in &self.buffers {
            let unread = &buffer.bytes[buffer.read..];
            bytes.extend_from_slice(&unread[..unread.len().min(len - bytes.len())]);
            if buffer.framing == Framing::Packets {
                break;
            }
        }
        bytes
    }

    /// Drops `len` bytes from the front, which [`Pipe::peek`] has returned. What is left of a packet goes with them.
    pub(super) fn consume(&mut self, mut len: usize) {
        while let Some(front) = self.buffers.front_mut().filter(|_| len > 0) {
            let take = len.min(front.bytes.len() - front.read);
            front.read += take;
            len -= take;
            match front.framing {
                Framing::Stream if front.read < front.bytes.len() => break,
                Framing::Packets if len == 0 => {
                    self.buffers.pop_front();
                    break;
                }
                _ => self.buffers.pop_front(),
            };
        }
    }

    /// Appends as much of `bytes` as fits and returns how much that was.
    pub(super) fn append(&mut self, bytes: &[u8], framing: Framing) -> usize {
        let odd = bytes.len() % PAGE;
        let mut done = 0;
        if let Some(newest) = self.buffers.back_mut()
            && framing == Framing::Stream
            && newest.framing == Framing::Stream
            && newest.bytes.len() + odd <= PAGE
        {
            newest.bytes.extend_from_slice(&bytes[..odd]);
            done = odd;
        }
        for page in bytes[done..].chunks(PAGE) {
            if self.is_full() {
                break;
            }
            self.buffers.push_back(Buffer { bytes: page.to_vec(), read: 0, framing });
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
