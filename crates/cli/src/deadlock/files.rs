//! Waits at descriptors: for pipes, sockets, locks, and several at once.

use super::others::signals;
use tine_machine::fs::{FileType, Node, ObjectFacts, OpenFlags, OpenId, PollEvents};
use tine_machine::{Fd, Guest, MmId, Pid, VirtAddr};

/// More descriptors than this of a poll are summed up.
const MOST_SHOWN: usize = 8;
/// `FD_SETSIZE` words: select(2) takes no more descriptors than there are bits.
const MOST_SET_WORDS: u64 = 16;
/// `struct pollfd`.
const POLLFD_BYTES: u64 = 8;
/// `PATH_MAX`.
const MOST_PATH_BYTES: u64 = 4096;
/// The most elements of an array that are read.
const MOST_POLLED: u64 = 1024;

/// The end of a pipe that whoever waits at the other needs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Read,
    Write,
}

/// A task that waits, and the guest in which it does.
#[derive(Clone, Copy)]
pub(super) struct Waiter<'g> {
    pub(super) task: Pid,
    pub(super) guest: Guest<'g>,
}

impl Waiter<'_> {
    pub(super) fn open(&self, fd: Fd) -> Option<OpenId> {
        let task = self.guest.kernel.tasks.task(self.task)?;
        self.guest.kernel.fs.fd(task.files, fd).ok()
    }

    /// Returns the processes that have a file open in one of the ways that count, as `pid 2 (fd 3), pid 4 (fd 3)`, or `nobody`.
    fn holders(&self, node: Node, counts: impl Fn(OpenFlags) -> bool) -> String {
        let fs = &self.guest.kernel.fs;
        self.users(|theirs| fs.node(theirs) == node && counts(fs.status_flags(theirs)))
    }

    /// The same of those open files that count.
    fn users(&self, counts: impl Fn(OpenId) -> bool) -> String {
        let (fs, tasks) = (&self.guest.kernel.fs, &self.guest.kernel.tasks);
        let mut holders = Vec::new();
        for (pid, other) in tasks.tasks().filter(|(pid, other)| *pid == other.process) {
            for number in fs.fds(other.files) {
                let Ok(theirs) = fs.fd(other.files, number) else { continue };
                if counts(theirs) {
                    holders.push(format!("pid {pid} (fd {number})"));
                }
            }
        }
        match holders.is_empty() {
            true => "nobody".to_owned(),
            false => holders.join(", "),
        }
    }

    fn path(&self, node: Node) -> String {
        String::from_utf8_lossy(&self.guest.kernel.fs.path_of(node)).into_owned()
    }

    /// Names what a descriptor has open: `the pipe pipe:[5] (fd 3)`.
    fn thing(&self, fd: Fd, open: OpenId) -> String {
        let fs = &self.guest.kernel.fs;
        let node = fs.node(open);
        let path = self.path(node);
        let kind = match path.as_str() {
            path if path.starts_with("pipe:") => "the pipe ",
            path if path.starts_with("socket:") => "the socket ",
            path if path.starts_with("/dev/pts/") || path == "/dev/tty" => "the terminal ",
            _ if fs.file_type(node) == FileType::Fifo => "the FIFO ",
            _ if fs.queue_size(open).is_ok() => "the message queue ",
            _ => "",
        };
        let facts = fs.socket_facts(node);
        let name = facts.and_then(|facts| facts.name).map_or(String::new(), |name| format!(" at {name}"));
        format!("{kind}{path}{name} (fd {fd})")
    }

    /// Says who could make a descriptor readable or writable.
    fn who_could(&self, open: OpenId, needed: End) -> String {
        let fs = &self.guest.kernel.fs;
        let node = fs.node(open);
        if let Some(facts) = fs.socket_facts(node) {
            return match facts.peer {
                _ if facts.is_listening => "to which nobody connects".to_owned(),
                Some(peer) => format!("whose peer {} has open", self.holders(peer, |_| true)),
                None if facts.is_connected => "whose peer nobody has open".to_owned(),
                None => "which has no peer".to_owned(),
            };
        }
        if let Some(facts) = fs.object_facts(node) {
            return self.of_object(node, facts);
        }
        if let Some((terminal, end)) = fs.tty(open) {
            let is_other =
                |theirs: OpenId| fs.tty(theirs).is_some_and(|(id, its)| id == terminal && its != end);
            return format!("the other end of which {} has open", self.users(is_other));
        }
        match needed {
            End::Read => format!("which {} has open for reading", self.holders(node, OpenFlags::is_readable)),
            End::Write => {
                format!("which {} has open for writing", self.holders(node, OpenFlags::is_writable))
            }
        }
    }

    /// Says what an object without a name is about.
    fn of_object(&self, node: Node, facts: ObjectFacts) -> String {
        match facts {
            ObjectFacts::Counter(count) => {
                format!("which holds {count} and which {} has open", self.holders(node, |_| true))
            }
            ObjectFacts::Timer => "which is off".to_owned(),
            ObjectFacts::Signals(set) => match signals(set.bits()).as_slice() {
                [] => "which is for no signal".to_owned(),
                names => format!("which is for {}", names.join(" or ")),
            },
            ObjectFacts::Process(pid) => format!("which is for pid {pid} to end"),
            ObjectFacts::Watched(nodes) if nodes.is_empty() => "which watches nothing".to_owned(),
            ObjectFacts::Watched(nodes) => {
                let paths: Vec<_> = nodes.into_iter().take(MOST_SHOWN).map(|node| self.path(node)).collect();
                format!("which watches {}", paths.join(", "))
            }
        }
    }

    /// Says between which descriptors the task copies, and who could end the wait at those that are no files.
    pub(super) fn copying(&self, from: u64, to: u64) -> Option<String> {
        let (from, to) = (Fd(from as i32), Fd(to as i32));
        let side = |fd: Fd, needed: End| {
            let open = self.open(fd)?;
            let thing = self.thing(fd, open);
            let file = self.guest.kernel.fs.file_type(self.guest.kernel.fs.node(open)) == FileType::Regular;
            Some((thing, (!file).then(|| self.who_could(open, needed))))
        };
        let (from, to) = (side(from, End::Write)?, side(to, End::Read)?);
        let from = from.1.map_or(from.0.clone(), |who| format!("{}, {who},", from.0));
        let to = to.1.map_or(to.0.clone(), |who| format!("{}, {who}", to.0));
        Some(format!("to copy from {from} to {to}"))
    }

    /// Says for what at a POSIX message queue the task waits: somebody with it open for `needed`.
    pub(super) fn queue(&self, fd: u64, needed: End) -> Option<String> {
        let fd = Fd(fd as i32);
        let open = self.open(fd)?;
        let what = match needed {
            End::Write => "a message in",
            End::Read => "room in",
        };
        Some(format!("for {what} {}, {}", self.thing(fd, open), self.who_could(open, needed)))
    }

    /// Says which FIFO the task opens: nobody else does, at its other end.
    pub(super) fn fifo(&self, mm: MmId, path: u64, flags: u64) -> Option<String> {
        let bytes = (0..MOST_PATH_BYTES).map_while(|index| {
            let byte = self.guest.read::<1>(mm, VirtAddr(path.checked_add(index)?))?;
            (byte != [0]).then_some(byte[0])
        });
        let path = String::from_utf8_lossy(&bytes.collect::<Vec<_>>()).into_owned();
        let (own, other) = match OpenFlags::from_bits_truncate(flags as u32).is_writable() {
            true => ("writing", "reading"),
            false => ("reading", "writing"),
        };
        Some(format!("to open {path} for {own}, until somebody opens it for {other}"))
    }

    /// Says what a descriptor is that the task reads or writes, and who could end the wait at it: those who have it open for
    /// `needed`.
    pub(super) fn transfer(&self, fd: u64, needed: End) -> Option<String> {
        let fd = Fd(fd as i32);
        let open = self.open(fd)?;
        let verb = match needed {
            End::Read => "write",
            End::Write => "read",
        };
        Some(format!("to {verb} {}, {}", self.thing(fd, open), self.who_could(open, needed)))
    }

    /// Says at which socket the task waits for a connection, or for one to be accepted.
    pub(super) fn connection(&self, fd: u64, is_accept: bool) -> Option<String> {
        let fd = Fd(fd as i32);
        let thing = self.thing(fd, self.open(fd)?);
        Some(match is_accept {
            true => format!("for a connection to {thing}"),
            false => format!("for its connection by {thing} to be accepted"),
        })
    }

    /// Says for which lock on which file the task waits, and who has it.
    pub(super) fn lock(&self, fd: u64) -> Option<String> {
        let fd = Fd(fd as i32);
        let open = self.open(fd)?;
        let fs = &self.guest.kernel.fs;
        let thing = self.thing(fd, open);
        let Some((wanted, held)) = fs.awaited_lock(self.task) else {
            let holders: Vec<_> =
                fs.whole_lock_holders(open).iter().map(|pid| format!("pid {pid}")).collect();
            let holders = if holders.is_empty() { "nobody".to_owned() } else { holders.join(", ") };
            return Some(format!("for a lock on {thing}, which {holders} has"));
        };
        let bytes = |range: tine_machine::fs::ByteRange| match range.last {
            tine_machine::fs::ByteRange::LAST => format!("from byte {}", range.first),
            last => format!("on bytes {} to {last}", range.first),
        };
        Some(format!(
            "for a lock {} of {thing}; pid {} has one {}",
            bytes(wanted.range),
            held.pid,
            bytes(held.range)
        ))
    }

    /// Says for which of several descriptors the task waits: those of ppoll(2).
    pub(super) fn polled(&self, mm: MmId, array: u64, len: u64) -> Option<String> {
        let entries = (0..len.min(MOST_POLLED)).map_while(|index| {
            let at = array.checked_add(index * POLLFD_BYTES)?;
            let [a, b, c, d, low, high, ..] = self.guest.read::<8>(mm, VirtAddr(at))?;
            let events = PollEvents::from_bits_truncate(u16::from_le_bytes([low, high]));
            Some((Fd(i32::from_le_bytes([a, b, c, d])), events))
        });
        self.several(entries.filter(|(fd, _)| fd.0 >= 0).collect())
    }

    /// The same for pselect6(2), whose sets are for reading, writing and exceptions.
    pub(super) fn selected(&self, mm: MmId, count: u64, sets: [u64; 3]) -> Option<String> {
        let kinds = [PollEvents::IN, PollEvents::OUT, PollEvents::PRI];
        let mut wanted = Vec::new();
        for number in 0..count.min(MOST_SET_WORDS * 64) {
            let is_in = |set: &u64| {
                let at = set.checked_add(number / 64 * 8).filter(|_| *set != 0);
                let word = at.and_then(|at| self.guest.read(mm, VirtAddr(at))).map(u64::from_le_bytes);
                word.is_some_and(|word| word >> (number % 64) & 1 == 1)
            };
            let events = sets.iter().zip(kinds).filter(|(set, _)| is_in(set)).map(|(_, kind)| kind);
            let events = events.fold(PollEvents::empty(), PollEvents::union);
            if !events.is_empty() {
                wanted.push((Fd(number as i32), events));
            }
        }
        self.several(wanted)
    }

    /// The same for epoll_wait(2).
    pub(super) fn epoll(&self, fd: u64) -> Option<String> {
        let fd = Fd(fd as i32);
        let watches = self.guest.kernel.fs.epoll_watches(self.open(fd)?);
        let events = |bits: u32| PollEvents::from_bits_truncate(bits as u16);
        let watches = watches.into_iter().map(|(fd, open, flags)| (fd, Some(open), events(flags.bits())));
        Some(format!("at the epoll instance fd {fd} {}", self.list(watches.collect())))
    }

    fn several(&self, wanted: Vec<(Fd, PollEvents)>) -> Option<String> {
        let wanted = wanted.into_iter().map(|(fd, events)| (fd, self.open(fd), events)).collect::<Vec<_>>();
        Some(match wanted.is_empty() {
            true => "for a signal: it watches no descriptor".to_owned(),
            false => self.list(wanted),
        })
    }

    fn list(&self, wanted: Vec<(Fd, Option<OpenId>, PollEvents)>) -> String {
        let describe = |(fd, open, events): &(Fd, Option<OpenId>, PollEvents)| {
            let Some(open) = *open else { return format!("\n    fd {fd}, which is not open") };
            let reads = events.intersects(PollEvents::IN | PollEvents::RDNORM);
            let writes = events.intersects(PollEvents::OUT | PollEvents::WRNORM);
            let (what, needed) = match (reads, writes) {
                (true, true) => ("readable or writable", End::Write),
                (false, true) => ("writable", End::Read),
                (true, false) => ("readable", End::Write),
                (false, false) => ("in error", End::Write),
            };
            format!("\n    {} to be {what}, {}", self.thing(*fd, open), self.who_could(open, needed))
        };
        let shown: String = wanted.iter().take(MOST_SHOWN).map(describe).collect();
        let left_out = wanted.len().saturating_sub(MOST_SHOWN);
        let more = if left_out > 0 { format!("\n    and {left_out} more") } else { String::new() };
        match wanted.is_empty() {
            true => "for nothing: it watches no descriptor".to_owned(),
            false => format!("for{shown}{more}"),
        }
    }
}
