//! Reading, writing and seeking.
//!
//! A read has two halves, so that a buffer that cannot be written loses nothing: [`Fs::read_begin`] shows the bytes,
//! [`Fs::read_commit`] consumes as many as arrived. What the file system does not have itself (the host's input, a text of
//! `/proc`) it asks its caller for.

use super::device::{Console, Device};
use super::flags::{FileType, OpenFlags};
use super::inode::InodeKind;
use super::notify::NotifyMask;
use super::pipe::{Framing, Pipe};
use super::wait::{Stop, Wait};
use super::{Env, Fs, Node, OpenId, PidFile, ProcNode};
use crate::host::HostChange;
use crate::mm::Truncated;
use crate::task::SignalSet;
use crate::{Errno, FileId, Pid};
use tine_mmu::PAGE_SIZE;

/// Where in a file to read or write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Position {
    /// At the description's offset, which moves on.
    Current,
    /// At this offset; the description's own stays (pread(2)). With `O_APPEND`, writes go to the end all the same.
    At(u64),
    /// At this offset even with `O_APPEND` (`RWF_NOAPPEND`).
    Exactly(u64),
    /// At the end (`RWF_APPEND`).
    End,
}

/// Where the bytes of a read come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReadSource {
    /// Here they are: fewer than asked for when there are no more now, none at the end.
    Bytes(Vec<u8>),
    /// From the host's standard input.
    Console,
    /// From the signals of this set that wait for the calling task: at least one does.
    Signals(SignalSet),
    /// From the text of this place, which the caller composes and hands to [`Fs::read_text`].
    Proc(ProcNode),
    /// From the words about a process's pages, from this offset on.
    Pagemap(Pid, u64),
    /// From a process's memory at this address.
    Memory(Pid, u64),
}

/// Where the bytes of a write went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteTarget {
    /// So many of them are written. When these are not all, the caller writes the rest again, and gets to know why not.
    Done(usize),
    /// To the host: the caller writes them.
    Console(Console),
    /// To this place of `/proc`: the caller does what they say.
    Proc(ProcNode),
    /// To a process's memory at this address: the caller writes them, and says how many ([`Fs::advance`]).
    Memory(Pid, u64),
}

/// From where lseek(2) counts, and what it looks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seek {
    /// `SEEK_SET`.
    Start(i64),
    /// `SEEK_CUR`.
    Current(i64),
    /// `SEEK_END`.
    End(i64),
    /// `SEEK_DATA`: the first byte from here on that is no hole.
    Data(i64),
    /// `SEEK_HOLE`: the first hole from here on; the end of the file is one.
    Hole(i64),
}

impl Fs {
    /// Begins a read of up to `len` bytes. Nothing is consumed before [`Fs::read_commit`].
    ///
    /// # Errors
    /// `EBADF` when not open for reading, `EISDIR`, `ESPIPE` for an offset in a pipe, `EAGAIN`; a wait for a writer.
    pub fn read_begin(
        &mut self,
        env: &mut Env<'_>,
        open: OpenId,
        position: Position,
        len: usize,
    ) -> Result<ReadSource, Stop> {
        self.check_position(open, position)?;
        let file = &self.opens[open];
        if !file.flags.is_readable() {
            return Err(Errno::EBADF.into());
        }
        let offset = self.offset(open, position);
        let inode = match file.node {
            Node::Inode(inode) => inode,
            Node::Proc(place) => return self.read_proc(open, place, offset, len),
        };
        let bytes = match self.inodes[inode].kind {
            InodeKind::Regular(contents) => self.read_regular(env, contents, offset, len)?,
            InodeKind::Fifo(id) | InodeKind::NamedFifo(id) => {
                let pipe = &self.pipes[id];
                if len > 0 && pipe.is_empty() {
                    pipe.read_empty(id, file.flags.contains(OpenFlags::NONBLOCK))?;
                }
                pipe.peek(len)
            }
            InodeKind::Device(device) => self.read_device(device, len),
            InodeKind::Terminal(id, end) => self.read_tty(id, end, len, file.flags)?,
            InodeKind::Console(_) => return Ok(ReadSource::Console),
            InodeKind::Directory(_) => return Err(Errno::EISDIR.into()),
            InodeKind::Queue(ref queue) => window(queue.info().as_bytes(), offset, len),
            InodeKind::Anonymous(_) => return self.read_anonymous(env, inode, file.flags, len),
            // Sockets are read by their own call ([`super::socket`]).
            InodeKind::Symlink(_) | InodeKind::Special(..) | InodeKind::Socket(_) | InodeKind::SocketName => {
                return Err(Errno::EINVAL.into());
            }
        };
        Ok(ReadSource::Bytes(bytes))
    }

    /// Reads what is there; where memory cannot hold it all at once, less than was asked for.
    fn read_regular(
        &self,
        env: &mut Env<'_>,
        contents: FileId,
        offset: u64,
        len: usize,
    ) -> Result<Vec<u8>, Errno> {
        let end = offset.saturating_add(len as u64);
        let pages = offset / PAGE_SIZE..end.div_ceil(PAGE_SIZE);
        let mut readable = end;
        if let Err(errno) = self.fetch(env, contents, pages.clone()) {
            let missing = env.cache.missing(contents, pages).map_or(end, |missing| missing.start * PAGE_SIZE);
            readable = Some(missing).filter(|missing| *missing > offset).ok_or(errno)?;
        }
        env.cache.note_use(contents, offset..readable);
        Ok(env.cache.read(env.ram, contents, offset, (readable - offset) as usize))
    }

    fn read_device(&mut self, device: Device, len: usize) -> Vec<u8> {
        match device {
            Device::Null | Device::Tty | Device::Ptmx => Vec::new(),
            Device::Zero | Device::Full => vec![0; len],
            Device::Random | Device::Urandom => {
                let mut bytes = vec![0; len];
                self.random.fill(&mut bytes);
                bytes
            }
        }
    }

    /// Reading from the start composes the text anew; further on it goes on in the same text (Linux 6.12 fs/seq_file.c).
    fn read_proc(&self, open: OpenId, place: ProcNode, offset: u64, len: usize) -> Result<ReadSource, Stop> {
        match &self.opens[open].text {
            _ if place.file_type() == FileType::Directory => Err(Errno::EISDIR.into()),
            _ if let ProcNode::ProcessFile(subject, PidFile::Pagemap) = place => {
                Ok(ReadSource::Pagemap(subject.process(), offset))
            }
            _ if let ProcNode::ProcessFile(subject, PidFile::Mem) = place => {
                Ok(ReadSource::Memory(subject.process(), offset))
            }
            Some(text) if offset > 0 => Ok(ReadSource::Bytes(window(text, offset, len))),
            _ => Ok(ReadSource::Proc(place)),
        }
    }

    /// Goes on with a read that [`ReadSource::Proc`] stopped: keeps the text and returns the bytes asked for.
    pub fn read_text(&mut self, open: OpenId, position: Position, len: usize, text: Vec<u8>) -> Vec<u8> {
        let bytes = window(&text, self.offset(open, position), len);
        self.opens[open].text = Some(text);
        bytes
    }

    /// Ends a read of which `len` bytes have arrived: consumes them.
    pub fn read_commit(&mut self, open: OpenId, position: Position, len: usize) {
        if len > 0 {
            self.notify_open(open, NotifyMask::ACCESS);
        }
        if let Some(id) = self.open_pipe(open) {
            let pipe = &mut self.pipes[id];
            let was_full = pipe.is_full();
            pipe.consume(len);
            if was_full && !pipe.is_full() {
                self.wakes.push(Wait::PipeWritable(id));
            }
        } else if let Some((id, end)) = self.tty(open) {
            self.consume_tty(id, end, len);
        } else if let Node::Inode(inode) = self.opens[open].node
            && let InodeKind::Anonymous(_) = self.inodes[inode].kind
        {
            self.commit_anonymous(inode, len);
        } else if position == Position::Current {
            self.opens[open].position += len as u64;
        }
    }

    /// Writes `bytes`, which the caller has copied in.
    ///
    /// # Errors
    /// `EBADF` when not open for writing, `EPIPE` (the caller raises SIGPIPE) when a pipe has no reader, `EAGAIN`, `ENOSPC`,
    /// `EFBIG`, `EINVAL` in `/proc`, `ESPIPE` for an offset in a pipe; a wait for a reader.
    pub fn write(
        &mut self,
        env: &mut Env<'_>,
        open: OpenId,
        position: Position,
        bytes: &[u8],
    ) -> Result<WriteTarget, Stop> {
        self.check_position(open, position)?;
        let flags = self.opens[open].flags;
        if !flags.is_writable() {
            return Err(Errno::EBADF.into());
        }
        let inode = match self.opens[open].node {
            Node::Inode(inode) => inode,
            Node::Proc(ProcNode::ProcessFile(subject, PidFile::Mem)) => {
                return Ok(WriteTarget::Memory(subject.process(), self.offset(open, position)));
            }
            Node::Proc(place) => return Ok(WriteTarget::Proc(place)),
        };
        let done = match self.inodes[inode].kind {
            InodeKind::Regular(contents) => self.write_regular(env, open, position, contents, bytes)?,
            InodeKind::Fifo(_) | InodeKind::NamedFifo(_) if bytes.is_empty() => 0,
            InodeKind::Fifo(id) | InodeKind::NamedFifo(id) => {
                let pipe = &mut self.pipes[id];
                if pipe.readers == 0 {
                    return Err(Errno::EPIPE.into());
                }
                let done = pipe.append(bytes, Framing::of(flags));
                if done == 0 {
                    return Err(Pipe::write_full(id, flags.contains(OpenFlags::NONBLOCK)));
                }
                // At each arrival: an edge-triggered epoll instance tells of each.
                self.wakes.push(Wait::PipeReadable(id));
                done
            }
            InodeKind::Terminal(id, end) => self.write_tty((id, end), bytes, flags, env.uptime_ns)?,
            InodeKind::Device(Device::Full) => return Err(Errno::ENOSPC.into()),
            InodeKind::Device(_) => bytes.len(),
            InodeKind::Console(console) => return Ok(WriteTarget::Console(console)),
            InodeKind::Anonymous(_) => self.write_anonymous(inode, flags, bytes)?,
            InodeKind::Socket(_) | InodeKind::Queue(_) => return Err(Errno::EINVAL.into()),
            InodeKind::Directory(_)
            | InodeKind::Symlink(_)
            | InodeKind::Special(..)
            | InodeKind::SocketName => {
                return Err(Errno::EBADF.into());
            }
        };
        if done > 0 {
            self.notify_open(open, NotifyMask::MODIFY);
        }
        Ok(WriteTarget::Done(done))
    }

    /// Ends a write whose bytes the caller has put into place: the description's offset goes on.
    pub fn advance(&mut self, open: OpenId, position: Position, len: u64) {
        if position == Position::Current {
            self.opens[open].position += len;
        }
    }

    fn write_regular(
        &mut self,
        env: &mut Env<'_>,
        open: OpenId,
        position: Position,
        contents: FileId,
        bytes: &[u8],
    ) -> Result<usize, Errno> {
        if bytes.is_empty() {
            return Ok(0);
        }
        let offset = self.write_offset(env, open, position).unwrap_or(0);
        let room = (i64::MAX as u64).checked_sub(offset).filter(|room| *room > 0).ok_or(Errno::EFBIG)?;
        let len = bytes.len().min(usize::try_from(room).unwrap_or(usize::MAX));
        self.check_write(env, self.opens[open].node, contents, offset + len as u64)?;
        let bytes = &bytes[..len];
        let node = self.opens[open].node;
        // A page of which a part is written keeps the others.
        self.fetch(env, contents, offset / PAGE_SIZE..(offset + len as u64).div_ceil(PAGE_SIZE))?;
        self.change_on_host(env, node, |at| HostChange::Write { at, offset, bytes })?;
        let done =
            env.cache.write(env.ram, env.frames, contents, offset, bytes).map_err(|_| Errno::ENOSPC)?;
        self.note_written(env, node, contents, offset..offset + done as u64);
        self.drop_privileges(env.processes, self.opens[open].node);
        self.touch(self.opens[open].node, env.now_ns);
        if position == Position::Current {
            self.opens[open].position = offset + done as u64;
        }
        Ok(done)
    }

    /// Returns where in a regular file a write begins; `None` for what is none. With `O_APPEND` even pwrite(2) writes at the
    /// end, as its manual page confesses.
    pub fn write_offset(&self, env: &Env<'_>, open: OpenId, position: Position) -> Option<u64> {
        let file = &self.opens[open];
        let contents = self.regular(file.node)?;
        let appends = file.flags.contains(OpenFlags::APPEND);
        Some(match position {
            Position::End => env.cache.size(contents),
            Position::At(_) | Position::Current if appends => env.cache.size(contents),
            _ => self.offset(open, position),
        })
    }

    /// Refuses an offset in what has none.
    ///
    /// # Errors
    /// `ESPIPE`.
    pub fn check_position(&self, open: OpenId, position: Position) -> Result<(), Errno> {
        if position != Position::Current && !self.has_offset(open) {
            return Err(Errno::ESPIPE);
        }
        Ok(())
    }

    /// Tells whether a description is a stream: it has no offset, and a read returns what there is now.
    pub fn is_stream(&self, open: OpenId) -> bool {
        self.file_type(self.opens[open].node) == FileType::Fifo || self.tty(open).is_some()
    }

    /// Tells whether a description is a source of random bytes.
    pub fn is_random(&self, open: OpenId) -> bool {
        matches!(self.device(self.opens[open].node), Some(Device::Random | Device::Urandom))
    }

    fn has_offset(&self, open: OpenId) -> bool {
        let file_type = self.file_type(self.opens[open].node);
        !matches!(file_type, FileType::Fifo | FileType::Socket | FileType::Unknown)
            && self.tty(open).is_none()
    }

    fn offset(&self, open: OpenId, position: Position) -> u64 {
        match position {
            Position::Current => self.opens[open].position,
            Position::At(offset) | Position::Exactly(offset) => offset,
            // Only writes have it, and they know where that is.
            Position::End => 0,
        }
    }

    /// Moves a description's offset and returns it (lseek(2)).
    ///
    /// # Errors
    /// `EBADF` for `O_PATH`, `ESPIPE` for a pipe, `EINVAL` before the start, `ENXIO` for data or hole beyond the end.
    pub fn seek(&mut self, env: &Env<'_>, open: OpenId, seek: Seek) -> Result<u64, Errno> {
        let file = &self.opens[open];
        if file.flags.contains(OpenFlags::PATH) {
            return Err(Errno::EBADF);
        }
        if self.is_stream(open) || self.file_type(file.node) == FileType::Socket {
            return Err(Errno::ESPIPE);
        }
        if self.device(file.node).is_some() || self.file_type(file.node) == FileType::Unknown {
            // Devices without contents accept every seek and stay where they are (Linux 6.12 drivers/char/mem.c null_lseek).
            return Ok(0);
        }
        let size = self.regular(file.node).map(|contents| env.cache.size(contents));
        let position = match seek {
            Seek::Start(offset) => u64::try_from(offset).ok(),
            Seek::Current(offset) => file.position.checked_add_signed(offset),
            Seek::End(offset) => size.and_then(|size| size.checked_add_signed(offset)),
            Seek::Data(offset) | Seek::Hole(offset) => {
                let size = size.ok_or(Errno::EINVAL)?;
                let from = u64::try_from(offset).ok().filter(|from| *from < size).ok_or(Errno::ENXIO)?;
                let contents = self.regular(file.node).ok_or(Errno::EINVAL)?;
                Some(match seek {
                    Seek::Data(_) => env.cache.next_data(contents, from).ok_or(Errno::ENXIO)?,
                    _ => env.cache.next_hole(contents, from),
                })
            }
        };
        let position = position.filter(|position| *position <= i64::MAX as u64).ok_or(Errno::EINVAL)?;
        self.opens[open].position = position;
        Ok(position)
    }

    /// Sets a file's size (truncate(2), ftruncate(2)).
    ///
    /// # Errors
    /// `EISDIR` for a directory, `EINVAL` for what has no size, `ETXTBSY` for a running program.
    pub fn truncate(&mut self, env: &mut Env<'_>, node: Node, size: u64) -> Result<Truncated, Errno> {
        if self.is_directory(node) {
            return Err(Errno::EISDIR);
        }
        let contents = self.regular(node).ok_or(Errno::EINVAL)?;
        self.check_not_running(node)?;
        if size == 0 {
            self.skip_contents(node)
        } else {
            self.read_contents(env, node)?
        }
        self.check_resize(env, node, contents, size)?;
        self.change_on_host(env, node, |at| HostChange::SetSize { at, size_bytes: size })?;
        self.drop_privileges(env.processes, node);
        self.touch(node, env.now_ns);
        self.notify_change(node, NotifyMask::MODIFY);
        Ok(env.cache.set_size(env.ram, env.frames, contents, size))
    }

    /// Returns how many bytes a read would find (`FIONREAD`); `None` for what does not know the request.
    pub fn readable_bytes(&self, env: &Env<'_>, open: OpenId) -> Option<u64> {
        let file = &self.opens[open];
        if let Some((id, end)) = self.tty(open) {
            return Some(self.tty_readable(id, end) as u64);
        }
        if let Some(bytes) = self.inotify_readable(open) {
            return Some(bytes);
        }
        match (self.open_pipe(open), self.regular(file.node)) {
            (Some(pipe), _) => Some(self.pipes[pipe].len() as u64),
            (_, Some(contents)) => Some(env.cache.size(contents).saturating_sub(file.position)),
            _ => None,
        }
    }
}

/// Returns the part of a text that a read of `len` bytes at `offset` sees.
fn window(text: &[u8], offset: u64, len: usize) -> Vec<u8> {
    let from = usize::try_from(offset).map_or(text.len(), |from| from.min(text.len()));
    text[from..].iter().copied().take(len).collect()
}
