//! Terminals: pairs of a master and a slave (pty(7)), in `/dev/pts` (Linux 6.12 drivers/tty/pty.c, tty_io.c, tty_jobctrl.c).
//!
//! ```text
//!   program ── slave /dev/pts/N ── Discipline ── master ── whoever opened /dev/ptmx
//!                 reads lines ◀── edits, echoes ◀── types
//!                 writes ──▶ processes newlines ──▶ reads what is shown
//! ```
//!
//! A terminal can control one session. Who that is, and which process group of it is in the foreground, is kept here; what
//! the processes may do with it is decided where they are known (`syscall/terminal.rs`).

mod discipline;
mod termios;

use super::device::Device;
use super::inode::{InodeId, InodeKind};
use super::namespace::Vacant;
use super::permission::Creation;
use super::wait::{Stop, Wait};
use super::{Env, Fs, Node, OpenFlags, OpenId, PollEvents, makedev};
use crate::task::Signal;
use crate::{Errno, Pid};
use discipline::Discipline;
use std::collections::BTreeSet;
pub use termios::{LocalModes, Termios};

super::slab::key! {
    /// A terminal in [`Fs`].
    TtyId
}

/// The most terminals there can be at once (`kernel.pty.max`).
const MOST: u32 = 4096;

/// Rows, columns, and both in pixels (`struct winsize`).
pub type WindowSize = [u16; 4];

/// An end of a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TtyEnd {
    /// Where characters are typed and shown.
    Master,
    /// What programs take for their terminal.
    Slave,
}

/// A terminal.
#[derive(Clone, Debug)]
pub(super) struct Tty {
    discipline: Discipline,
    window: WindowSize,
    /// The N of `/dev/pts/N`.
    index: u32,
    /// The inode of the slave, which is held while the terminal lives.
    slave: InodeId,
    /// Whether the slave may not be opened yet (`TIOCSPTLCK`).
    is_locked: bool,
    has_master: bool,
    /// Descriptions that have the slave open.
    slaves: u32,
    slave_was_open: bool,
    /// The session that it controls.
    session: Option<Pid>,
    /// The process group in the foreground.
    foreground: Option<Pid>,
}

/// Who is to get a signal of a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TtySignal {
    /// Every process of a group.
    Group(Pid, Signal),
    /// One process.
    Process(Pid, Signal),
}

impl Tty {
    /// Tells whether the slave can still be used: the master is open.
    const fn is_hung_up(&self) -> bool {
        !self.has_master
    }

    /// Tells whether the master has nothing more to expect: the slave was open and is no more.
    const fn is_left(&self) -> bool {
        self.slave_was_open && self.slaves == 0
    }
}

impl Fs {
    /// Makes a terminal, whose slave gets a name in `/dev/pts`, and returns its master (`/dev/ptmx`).
    ///
    /// # Errors
    /// `ENOSPC` when there are too many.
    pub(super) fn make_tty(&mut self, env: &mut Env<'_>) -> Result<Node, Errno> {
        const SLAVE_PERMISSIONS: u32 = 0o600;
        let taken: BTreeSet<u32> = self.ttys.iter().map(|(_, tty)| tty.index).collect();
        let index = (0..MOST).find(|index| !taken.contains(index)).ok_or(Errno::ENOSPC)?;
        let id = self.ttys.insert(Tty {
            discipline: Discipline::new(),
            window: [0; 4],
            index,
            slave: self.root,
            is_locked: true,
            has_master: true,
            slaves: 0,
            slave_was_open: false,
            session: None,
            foreground: None,
        });
        let name = Vacant { directory: self.pts, name: index.to_string().into_bytes() };
        let kind = InodeKind::Terminal(id, TtyEnd::Slave);
        let slave = self.make_for(env, &name, kind, SLAVE_PERMISSIONS)?;
        self.inodes[slave].holders += 1;
        self.ttys[id].slave = slave;
        Ok(Node::Inode(self.new_inode(
            InodeKind::Terminal(id, TtyEnd::Master),
            0o666,
            Creation::by_root(env.now_ns),
        )))
    }

    /// Lets go of an end whose inode is gone: without master the slave is hung up and loses its name, without both the
    /// terminal is no more.
    pub(super) fn drop_tty(&mut self, env: &mut Env<'_>, id: TtyId, end: TtyEnd) {
        if end == TtyEnd::Slave {
            self.ttys.remove(id);
            return;
        }
        let tty = &mut self.ttys[id];
        tty.has_master = false;
        let slave = tty.slave;
        if let Some(leader) = tty.session {
            self.tty_signals.push(TtySignal::Process(leader, Signal::SIGHUP));
            self.tty_signals.push(TtySignal::Process(leader, Signal::SIGCONT));
        }
        self.wakes.extend([Wait::TtyTyped(id), Wait::TtyRoom(id)]);
        self.remove_all_names(slave, env.now_ns);
        self.inodes[slave].holders -= 1;
        self.collect(env, slave);
    }

    /// Returns the terminal that a description is an end of.
    pub fn tty(&self, open: OpenId) -> Option<(TtyId, TtyEnd)> {
        self.tty_at(self.opens[open].node)
    }

    pub(super) fn tty_at(&self, node: Node) -> Option<(TtyId, TtyEnd)> {
        match node {
            Node::Inode(inode) => match self.inodes[inode].kind {
                InodeKind::Terminal(id, end) => Some((id, end)),
                _ => None,
            },
            Node::Proc(_) => None,
        }
    }

    /// Returns the device number of an end.
    pub(crate) fn tty_device(&self, id: TtyId, end: TtyEnd) -> u64 {
        const PTMX: u64 = makedev(5, 2);
        const FIRST_SLAVE_MAJOR: u32 = 136;
        match end {
            TtyEnd::Master => PTMX,
            TtyEnd::Slave => makedev(FIRST_SLAVE_MAJOR, self.ttys[id].index),
        }
    }

    /// Returns what opening a file of terminals really opens: a fresh master for `/dev/ptmx`, the terminal of the caller's
    /// session for `/dev/tty`. A slave may become the terminal of the session that the caller leads.
    ///
    /// # Errors
    /// `ENXIO` for `/dev/tty` without a terminal, `EIO` for a slave that is locked or hung up, `ENOSPC`.
    pub(super) fn open_terminal(
        &mut self,
        env: &mut Env<'_>,
        node: Node,
        flags: OpenFlags,
    ) -> Result<Node, Errno> {
        if flags.contains(OpenFlags::PATH) {
            return Ok(node);
        }
        let caller = env.processes.caller();
        let session = env.processes.session(caller);
        match self.device(node) {
            Some(Device::Ptmx) => return self.make_tty(env),
            Some(Device::Tty) => {
                let id = session.and_then(|session| self.tty_of_session(session)).ok_or(Errno::ENXIO)?;
                return Ok(Node::Inode(self.ttys[id].slave));
            }
            _ => {}
        }
        if let Some((id, TtyEnd::Slave)) = self.tty_at(node) {
            let tty = &self.ttys[id];
            if tty.is_locked || tty.is_hung_up() {
                return Err(Errno::EIO);
            }
            let is_free = tty.session.is_none() && session == Some(caller);
            if !flags.contains(OpenFlags::NOCTTY) && is_free && self.tty_of_session(caller).is_none() {
                self.control_tty(id, caller, env.processes.group(caller).unwrap_or(caller));
            }
        }
        Ok(node)
    }

    /// Counts a description of an end that was opened, or closed.
    pub(super) fn count_slave(&mut self, id: TtyId, change: i32) {
        let tty = &mut self.ttys[id];
        tty.slaves = tty.slaves.saturating_add_signed(change);
        tty.slave_was_open = true;
        if tty.is_left() {
            self.wakes.push(Wait::TtyShown(id));
        }
    }

    /// Returns the terminal that controls a session.
    pub fn tty_of_session(&self, session: Pid) -> Option<TtyId> {
        let mut ttys = self.ttys.iter();
        ttys.find(|(_, tty)| tty.session == Some(session) && !tty.is_hung_up()).map(|(id, _)| id)
    }

    /// Makes a terminal control a session, with `group` in the foreground.
    pub fn control_tty(&mut self, id: TtyId, session: Pid, group: Pid) {
        let tty = &mut self.ttys[id];
        (tty.session, tty.foreground) = (Some(session), Some(group));
    }

    /// Returns the session that a terminal controls, and the process group in its foreground.
    pub fn tty_session(&self, id: TtyId) -> (Option<Pid>, Option<Pid>) {
        (self.ttys[id].session, self.ttys[id].foreground)
    }

    /// Frees the terminal of a session whose leader ends or gives it up: its foreground is hung up (`disassociate_ctty`).
    pub fn leave_tty(&mut self, session: Pid) {
        let owned = self.ttys.iter().find(|(_, tty)| tty.session == Some(session)).map(|(id, _)| id);
        let Some(id) = owned else { return };
        let tty = &mut self.ttys[id];
        tty.session = None;
        if let Some(group) = tty.foreground.take() {
            self.tty_signals.push(TtySignal::Group(group, Signal::SIGHUP));
            self.tty_signals.push(TtySignal::Group(group, Signal::SIGCONT));
        }
    }

    /// Takes the signals that terminals have sent since the last call.
    #[must_use = "somebody pressed a key"]
    pub fn take_tty_signals(&mut self) -> Vec<TtySignal> {
        std::mem::take(&mut self.tty_signals)
    }

    /// Begins a read at one end.
    ///
    /// # Errors
    /// `EIO` from a master whose slave is gone, `EAGAIN`; a wait for something typed or shown.
    pub(super) fn read_tty(
        &self,
        id: TtyId,
        end: TtyEnd,
        len: usize,
        flags: OpenFlags,
    ) -> Result<Vec<u8>, Stop> {
        let tty = &self.ttys[id];
        let wait = match end {
            TtyEnd::Master if !tty.discipline.output.is_empty() => {
                return Ok(tty.discipline.output.iter().copied().take(len).collect());
            }
            TtyEnd::Master if tty.is_left() => return Err(Errno::EIO.into()),
            TtyEnd::Master => Wait::TtyShown(id),
            TtyEnd::Slave if tty.is_hung_up() => return Ok(Vec::new()),
            TtyEnd::Slave if tty.discipline.satisfies(len) => return Ok(tty.discipline.peek(len)),
            TtyEnd::Slave => Wait::TtyTyped(id),
        };
        if end == TtyEnd::Slave && flags.contains(OpenFlags::NONBLOCK) {
            let typed = tty.discipline.peek(len);
            return if typed.is_empty() { Err(Errno::EAGAIN.into()) } else { Ok(typed) };
        }
        if flags.contains(OpenFlags::NONBLOCK) { Err(Errno::EAGAIN.into()) } else { Err(wait.into()) }
    }

    /// Returns when a read that waits for something typed ends with what there is (`VTIME`), if it has waited since `began_ns`.
    pub fn typing_deadline_ns(&self, id: TtyId, began_ns: u64) -> Option<u64> {
        self.ttys[id].discipline.deadline_ns(began_ns)
    }

    /// Returns up to `len` bytes that were typed, be they fewer than a read waits for.
    pub fn typed(&self, id: TtyId, len: usize) -> Vec<u8> {
        self.ttys[id].discipline.peek(len)
    }

    /// Takes what a read at one end has got.
    pub(super) fn consume_tty(&mut self, id: TtyId, end: TtyEnd, len: usize) {
        let discipline = &mut self.ttys[id].discipline;
        match end {
            TtyEnd::Master => drop(discipline.output.drain(..len)),
            TtyEnd::Slave => discipline.consume(len),
        }
        self.wakes.push(Wait::TtyRoom(id));
    }

    /// Writes at one end: types, or shows. Returns how much was taken.
    ///
    /// # Errors
    /// `EIO` to a slave without master, `EAGAIN`; a wait for room.
    pub(super) fn write_tty(
        &mut self,
        (id, end): (TtyId, TtyEnd),
        bytes: &[u8],
        flags: OpenFlags,
        uptime_ns: u64,
    ) -> Result<usize, Stop> {
        let tty = &mut self.ttys[id];
        let done = match end {
            TtyEnd::Slave if tty.is_hung_up() => return Err(Errno::EIO.into()),
            TtyEnd::Slave => tty.discipline.write(bytes),
            TtyEnd::Master => {
                let mut done = 0;
                while done < bytes.len() && tty.discipline.has_room() {
                    let signal = tty.discipline.receive(bytes[done]);
                    let sent = signal.zip(tty.foreground);
                    self.tty_signals.extend(sent.map(|(signal, group)| TtySignal::Group(group, signal)));
                    done += 1;
                }
                tty.discipline.typed_ns = uptime_ns;
                self.wakes.push(Wait::TtyTyped(id));
                // START may have let the output go.
                self.wakes.push(Wait::TtyRoom(id));
                done
            }
        };
        self.wakes.push(Wait::TtyShown(id));
        match done {
            0 if bytes.is_empty() => Ok(0),
            0 if flags.contains(OpenFlags::NONBLOCK) => Err(Errno::EAGAIN.into()),
            0 => Err(Wait::TtyRoom(id).into()),
            done => Ok(done),
        }
    }

    /// Returns what an end is ready for.
    pub(super) fn poll_tty(&self, id: TtyId, end: TtyEnd) -> PollEvents {
        let tty = &self.ttys[id];
        let readable = PollEvents::IN | PollEvents::RDNORM;
        let writable = PollEvents::OUT | PollEvents::WRNORM;
        let mut events = PollEvents::empty();
        match end {
            TtyEnd::Slave if tty.is_hung_up() => {
                return readable | writable | PollEvents::ERR | PollEvents::HUP;
            }
            TtyEnd::Slave => {
                events.set(readable, tty.discipline.is_readable());
                events.set(writable, tty.discipline.is_writable());
            }
            TtyEnd::Master => {
                events.set(readable, !tty.discipline.output.is_empty());
                events.set(writable, tty.discipline.has_room());
                events.set(PollEvents::HUP, tty.is_left());
            }
        }
        events
    }

    /// Returns what would change the answer of [`Fs::poll_tty`].
    pub(super) fn tty_waits(id: TtyId, end: TtyEnd) -> Vec<Wait> {
        match end {
            TtyEnd::Master => vec![Wait::TtyShown(id), Wait::TtyRoom(id)],
            TtyEnd::Slave => vec![Wait::TtyTyped(id), Wait::TtyRoom(id)],
        }
    }

    /// Returns how many bytes a read at one end would find (`FIONREAD`).
    pub(super) fn tty_readable(&self, id: TtyId, end: TtyEnd) -> usize {
        let discipline = &self.ttys[id].discipline;
        if end == TtyEnd::Master { discipline.output.len() } else { discipline.readable() }
    }

    /// Returns how many bytes wait to be shown (`TIOCOUTQ`).
    pub fn tty_unread(&self, id: TtyId) -> usize {
        self.ttys[id].discipline.output.len()
    }

    /// Tells whether requests to an end fail with `EIO`.
    pub fn tty_is_dead(&self, id: TtyId, end: TtyEnd) -> bool {
        end == TtyEnd::Slave && self.ttys[id].is_hung_up()
    }

    /// Returns the modes of a terminal.
    pub fn termios(&self, id: TtyId) -> Termios {
        self.ttys[id].discipline.termios
    }

    /// Sets the modes of a terminal, and forgets what was typed if `flushes` (`TCSETSF`).
    pub fn set_termios(&mut self, id: TtyId, termios: Termios, flushes: bool) {
        let discipline = &mut self.ttys[id].discipline;
        if flushes {
            discipline.flush_input();
        }
        discipline.set_termios(termios);
        self.wakes.extend([Wait::TtyTyped(id), Wait::TtyRoom(id)]);
    }

    /// Forgets what was typed, or written and not shown yet (`TCFLSH`).
    pub fn flush_tty(&mut self, id: TtyId, input: bool, output: bool) {
        let discipline = &mut self.ttys[id].discipline;
        if input {
            discipline.flush_input();
        }
        if output {
            discipline.output.clear();
        }
        self.wakes.push(Wait::TtyRoom(id));
    }

    /// Holds the output up, or lets it go (`TCXONC`).
    pub fn stop_tty(&mut self, id: TtyId, stops: bool) {
        self.ttys[id].discipline.is_stopped = stops;
        self.wakes.push(Wait::TtyRoom(id));
    }

    /// Returns the size of a terminal's window.
    pub fn window(&self, id: TtyId) -> WindowSize {
        self.ttys[id].window
    }

    /// Sets the size of a terminal's window, and tells the foreground when it has changed.
    pub fn set_window(&mut self, id: TtyId, size: WindowSize) {
        let tty = &mut self.ttys[id];
        if std::mem::replace(&mut tty.window, size) != size {
            let group = tty.foreground;
            self.tty_signals.extend(group.map(|group| TtySignal::Group(group, Signal::SIGWINCH)));
        }
    }

    /// Returns the N of `/dev/pts/N` (`TIOCGPTN`).
    pub fn tty_index(&self, id: TtyId) -> u32 {
        self.ttys[id].index
    }

    /// Tells whether the slave may not be opened yet (`TIOCGPTLCK`).
    pub fn tty_is_locked(&self, id: TtyId) -> bool {
        self.ttys[id].is_locked
    }

    /// Lets the slave be opened, or not (`TIOCSPTLCK`).
    pub fn lock_tty(&mut self, id: TtyId, is_locked: bool) {
        self.ttys[id].is_locked = is_locked;
    }

    /// Opens the slave of a master (`TIOCGPTPEER`).
    ///
    /// # Errors
    /// `EIO` when it is locked.
    pub fn open_peer(&mut self, id: TtyId, flags: OpenFlags) -> Result<OpenId, Errno> {
        let tty = &self.ttys[id];
        if tty.is_locked {
            return Err(Errno::EIO);
        }
        Ok(self.describe(Node::Inode(tty.slave), flags.kept()))
    }
}
