//! POSIX message queues (mq_overview(7); Linux 6.12 ipc/mqueue.c): files of a file system of their own, seen at `/dev/mqueue`.
//!
//! A queue is a value in its inode. A message goes straight to the receiver who has waited longest, and only else into the
//! queue; a sender who found it full hands its message to who makes room. The calls are `syscall/mqueue.rs`.

use super::inode::InodeKind;
use super::path::{At, FinalLink};
use super::{AccessMode, Env, Fs, InodeId, Node, OpenFlags, OpenId, PollEvents, SocketId, Tunable, Wait};
use crate::creds::Capabilities;
use crate::task::Signal;
use crate::{Errno, Pid};
use std::cmp::Reverse;
use std::collections::{BTreeMap, VecDeque};

/// Priorities are below this one (`MQ_PRIO_MAX`).
pub const PRIORITIES: u32 = 32_768;
/// The most messages of a queue that the privileged make (`HARD_MSGMAX`).
pub(super) const MOST_MESSAGES: u64 = 65_536;
/// The most bytes of a message (`HARD_MSGSIZEMAX`).
pub(super) const MOST_BYTES: u64 = 16 << 20;
/// What a message (`struct msg_msg`), and a priority (`struct posix_msg_tree_node`), takes beside its text.
const OVERHEAD_BYTES: u64 = 48;
/// What fstat(2) says of the size of a queue (`FILENT_SIZE`).
pub(super) const FILE_BYTES: u64 = 80;
/// Bytes that tell who has asked for news by a socket which news it is (`NOTIFY_COOKIE_LEN`).
pub const COOKIE_BYTES: usize = 32;
/// The last of them: a message has come (`NOTIFY_WOKENUP`), or none will be told of (`NOTIFY_REMOVED`).
const WOKEN_UP: u8 = 1;
const REMOVED: u8 = 2;

/// How much fits into a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueSize {
    /// The most messages.
    pub messages: i64,
    /// The most bytes of each.
    pub bytes: i64,
}

impl QueueSize {
    /// Returns what a queue takes of `RLIMIT_MSGQUEUE`.
    const fn charge(self) -> u64 {
        let (messages, bytes) = (self.messages as u64, self.bytes as u64);
        let priorities = if messages < PRIORITIES as u64 { messages } else { PRIORITIES as u64 };
        messages * (OVERHEAD_BYTES + bytes) + priorities * OVERHEAD_BYTES
    }
}

/// A message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueuedMessage {
    /// The higher is received first.
    pub priority: u32,
    /// What is in it.
    pub text: Vec<u8>,
}

/// What is done when a message comes into an empty queue (`struct sigevent`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum QueueNotice {
    /// Nothing (`SIGEV_NONE`).
    Silent,
    /// A signal, with a word. One may ask for signal 0, which nobody is sent.
    Signal(Option<Signal>, u64),
    /// Bytes at a netlink socket, which a thread reads (`SIGEV_THREAD`). The description is held.
    Socket(OpenId, Vec<u8>),
}

impl QueueNotice {
    /// Returns `sigev_notify` and the signal, as reading the queue shows them.
    fn numbers(&self) -> (i32, i32) {
        match self {
            Self::Signal(signal, _) => (0, signal.map_or(0, |signal| signal.number() as i32)),
            Self::Silent => (1, 0),
            Self::Socket(..) => (2, 0),
        }
    }
}

/// A queue.
#[derive(Clone, Debug)]
pub(super) struct Queue {
    size: QueueSize,
    /// By priority, the highest first; the oldest of each first.
    messages: BTreeMap<Reverse<u32>, VecDeque<Vec<u8>>>,
    count: i64,
    bytes: u64,
    /// Who is told of the next message, and how.
    notice: Option<(Pid, QueueNotice)>,
    receivers: VecDeque<Pid>,
    senders: VecDeque<(Pid, QueuedMessage)>,
    /// The user whose limit it counts against.
    maker: u32,
}

impl Queue {
    const fn new(size: QueueSize, maker: u32) -> Self {
        Self {
            size,
            messages: BTreeMap::new(),
            count: 0,
            bytes: 0,
            notice: None,
            receivers: VecDeque::new(),
            senders: VecDeque::new(),
            maker,
        }
    }

    const fn is_full(&self) -> bool {
        self.count >= self.size.messages
    }

    fn push(&mut self, message: QueuedMessage) {
        self.count += 1;
        self.bytes += message.text.len() as u64;
        self.messages.entry(Reverse(message.priority)).or_default().push_back(message.text);
    }

    fn pop(&mut self) -> Option<QueuedMessage> {
        let mut first = self.messages.first_entry()?;
        let priority = first.key().0;
        let text = first.get_mut().pop_front()?;
        if first.get().is_empty() {
            first.remove();
        }
        self.count -= 1;
        self.bytes -= text.len() as u64;
        Some(QueuedMessage { priority, text })
    }

    /// Returns what the queue is ready for.
    pub(super) fn poll(&self) -> PollEvents {
        let mut events = PollEvents::empty();
        events.set(PollEvents::IN | PollEvents::RDNORM, self.count > 0);
        events.set(PollEvents::OUT | PollEvents::WRNORM, !self.is_full());
        events
    }

    /// Returns what reading the queue's file gives.
    pub(super) fn info(&self) -> String {
        let (owner, (kind, signal)) = match &self.notice {
            Some((owner, notice)) => (owner.0, notice.numbers()),
            None => (0, (0, 0)),
        };
        format!("QSIZE:{:<10} NOTIFY:{kind:<5} SIGNO:{signal:<5} NOTIFY_PID:{owner:<6}\n", self.bytes)
    }
}

/// What became of a message that was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SentTo {
    /// The task that waited for it has it.
    Receiver(Pid, QueuedMessage),
    /// The queue; a process is to be sent a signal with a word.
    Queue(Option<(Pid, Signal, u64)>),
    /// Nobody: the queue is full, and its sender waits in line or does not want to.
    Nobody,
}

/// Whether a call waits where it cannot go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patience {
    /// The task does.
    Waits(Pid),
    /// It does not.
    Fails,
}

impl Fs {
    /// Makes `/dev/mqueue`'s kind of file where a program creates one there by open(2) or mq_open(3).
    ///
    /// # Errors
    /// `ENOSPC` for more queues than there may be, `EINVAL` for sizes that no queue has, `EMFILE` beyond `limit_bytes` of the
    /// user's.
    fn new_queue(
        &self,
        env: &Env<'_>,
        size: Option<QueueSize>,
        limit_bytes: u64,
    ) -> Result<InodeKind, Errno> {
        let who = env.credentials();
        let is_privileged = who.can(Capabilities::SYS_RESOURCE);
        let queues = || self.inodes.iter().filter_map(|(_, inode)| inode.kind.queue());
        if queues().count() as u64 >= self.tunable(Tunable::MqueueQueues) && !is_privileged {
            return Err(Errno::ENOSPC);
        }
        let most = |tunable| self.tunable(tunable);
        let (most_messages, most_bytes) = match is_privileged {
            true => (MOST_MESSAGES, MOST_BYTES),
            false => (most(Tunable::MqueueMessages), most(Tunable::MqueueBytes)),
        };
        let size = match size {
            Some(size) => {
                let fits = |value: i64, most: u64| value > 0 && value as u64 <= most;
                if !fits(size.messages, most_messages) || !fits(size.bytes, most_bytes) {
                    return Err(Errno::EINVAL);
                }
                size
            }
            None => QueueSize {
                messages: most(Tunable::MqueueMessages).min(most(Tunable::MqueueDefaultMessages)) as i64,
                bytes: most(Tunable::MqueueBytes).min(most(Tunable::MqueueDefaultBytes)) as i64,
            },
        };
        let maker = who.user.real;
        let used: u64 = queues().filter(|queue| queue.maker == maker).map(|queue| queue.size.charge()).sum();
        if used.saturating_add(size.charge()) > limit_bytes {
            return Err(Errno::EMFILE);
        }
        Ok(InodeKind::Queue(Box::new(Queue::new(size, maker))))
    }

    /// Returns what open(2) makes in a directory.
    ///
    /// # Errors
    /// As [`Fs::new_queue`].
    pub(super) fn new_file(&self, env: &mut Env<'_>, directory: InodeId) -> Result<InodeKind, Errno> {
        if directory == self.mqueue {
            self.new_queue(env, None, u64::MAX)
        } else {
            Ok(InodeKind::Regular(env.cache.create()))
        }
    }

    /// Refuses names of what is no queue where queues are.
    ///
    /// # Errors
    /// `EPERM`.
    pub(super) fn check_queue_name(&self, directory: InodeId, kind: &InodeKind) -> Result<(), Errno> {
        if directory == self.mqueue && kind.queue().is_none() { Err(Errno::EPERM) } else { Ok(()) }
    }

    /// Opens a queue by its name without the slash (mq_open(3)); the caller has applied its umask to `permissions`.
    ///
    /// # Errors
    /// `EACCES` also for names with a slash, `ENOENT`, `EEXIST`; `EINVAL`, `ENOSPC`, `EMFILE` for what cannot be made.
    pub fn open_queue(
        &mut self,
        env: &mut Env<'_>,
        name: &[u8],
        flags: OpenFlags,
        permissions: u32,
        size: Option<QueueSize>,
        limit_bytes: u64,
    ) -> Result<OpenId, Errno> {
        let at = self.queue_place(name)?;
        let found = self.walk(env, at, FinalLink::Keep)?;
        let node = match found.node {
            Some(_) if flags.contains(OpenFlags::CREAT | OpenFlags::EXCL) => return Err(Errno::EEXIST),
            Some(node) => {
                let mode = flags.access_of_queue().ok_or(Errno::EINVAL)?;
                self.permission(env.processes, node, mode)?;
                node
            }
            None if !flags.contains(OpenFlags::CREAT) => return Err(Errno::ENOENT),
            None => {
                let vacant = self.vacant(env, found)?;
                let kind = self.new_queue(env, size, limit_bytes)?;
                Node::Inode(self.make_for(env, &vacant, kind, permissions)?)
            }
        };
        Ok(self.describe(node, flags.kept()))
    }

    /// Removes the name of a queue (mq_unlink(3)).
    ///
    /// # Errors
    /// `ENOENT`, `EACCES`, `EPERM`.
    pub fn unlink_queue(&mut self, env: &mut Env<'_>, name: &[u8]) -> Result<(), Errno> {
        let at = self.queue_place(name)?;
        self.unlink(env, at)
    }

    fn queue_place<'a>(&self, name: &'a [u8]) -> Result<At<'a>, Errno> {
        match name {
            b"." | b".." => Err(Errno::EACCES),
            _ if name.contains(&b'/') => Err(Errno::EACCES),
            _ => Ok(At { base: Node::Inode(self.mqueue), path: name }),
        }
    }

    fn queue_inode(&self, open: OpenId) -> Result<InodeId, Errno> {
        match self.opens[open].node {
            Node::Inode(inode) if self.inodes[inode].kind.queue().is_some() => Ok(inode),
            _ => Err(Errno::EBADF),
        }
    }

    fn queue(&self, open: OpenId) -> Result<&Queue, Errno> {
        self.inodes[self.queue_inode(open)?].kind.queue().ok_or(Errno::EBADF)
    }

    fn queue_mut(&mut self, open: OpenId) -> Result<(InodeId, &mut Queue), Errno> {
        let inode = self.queue_inode(open)?;
        Ok((inode, self.inodes[inode].kind.queue_mut().ok_or(Errno::EBADF)?))
    }

    /// Returns how much fits into a queue, and how many messages are in it.
    ///
    /// # Errors
    /// `EBADF` for what is no queue.
    pub fn queue_size(&self, open: OpenId) -> Result<(QueueSize, i64), Errno> {
        self.queue(open).map(|queue| (queue.size, queue.count))
    }

    /// Tells whether a call on a queue waits, by the flags of its description.
    pub fn queue_patience(&self, open: OpenId, task: Pid) -> Patience {
        let fails = self.opens[open].flags.contains(OpenFlags::NONBLOCK);
        if fails { Patience::Fails } else { Patience::Waits(task) }
    }

    /// Checks that a description may send, or receive, a message with room for `bytes`.
    ///
    /// # Errors
    /// `EBADF`; `EMSGSIZE` for a message that is too long, or room that is too small.
    pub fn check_queue_use(&self, open: OpenId, wanted: AccessMode, bytes: u64) -> Result<(), Errno> {
        let most = self.queue(open)?.size.bytes as u64;
        let flags = self.opens[open].flags;
        let (allowed, fits) = match wanted {
            AccessMode::WRITE => (flags.is_writable(), bytes <= most),
            _ => (flags.is_readable(), bytes >= most),
        };
        match () {
            () if !allowed => Err(Errno::EBADF),
            () if !fits => Err(Errno::EMSGSIZE),
            () => Ok(()),
        }
    }

    /// Sends a message, or stands in line with it.
    ///
    /// # Errors
    /// `EBADF` for what is no queue.
    pub fn send_to_queue(
        &mut self,
        env: &mut Env<'_>,
        open: OpenId,
        message: QueuedMessage,
        patience: Patience,
    ) -> Result<SentTo, Errno> {
        let (inode, queue) = self.queue_mut(open)?;
        if queue.is_full() {
            if let Patience::Waits(task) = patience {
                queue.senders.push_back((task, message));
            }
            return Ok(SentTo::Nobody);
        }
        if let Some(task) = queue.receivers.pop_front() {
            self.touch_queue(inode, env.now_ns);
            return Ok(SentTo::Receiver(task, message));
        }
        queue.push(message);
        let told = if queue.count == 1 { queue.notice.take() } else { None };
        self.touch_queue(inode, env.now_ns);
        self.wakes.push(Wait::Readable(inode));
        Ok(SentTo::Queue(match told {
            Some((owner, QueueNotice::Signal(Some(signal), value))) => Some((owner, signal, value)),
            Some((_, QueueNotice::Socket(socket, cookie))) => {
                self.tell_by_socket(env, socket, cookie, WOKEN_UP);
                None
            }
            Some((_, QueueNotice::Silent | QueueNotice::Signal(None, _))) | None => None,
        }))
    }

    /// Receives the first message, or stands in line for one. Says also whose message took its place.
    ///
    /// # Errors
    /// `EBADF` for what is no queue.
    pub fn receive_from_queue(
        &mut self,
        now_ns: u64,
        open: OpenId,
        patience: Patience,
    ) -> Result<Option<(QueuedMessage, Option<Pid>)>, Errno> {
        let (inode, queue) = self.queue_mut(open)?;
        let Some(message) = queue.pop() else {
            if let Patience::Waits(task) = patience {
                queue.receivers.push_back(task);
            }
            return Ok(None);
        };
        let sender = queue.senders.pop_front();
        let sent = sender.map(|(task, message)| {
            queue.push(message);
            task
        });
        self.touch_queue(inode, now_ns);
        if sent.is_none() {
            self.wakes.push(Wait::Writable(inode));
        }
        Ok(Some((message, sent)))
    }

    /// Takes a task out of the lines of a queue.
    pub fn leave_queue(&mut self, open: OpenId, task: Pid) {
        if let Ok((_, queue)) = self.queue_mut(open) {
            queue.receivers.retain(|waiting| *waiting != task);
            queue.senders.retain(|(waiting, _)| *waiting != task);
        }
    }

    /// Lets a process be told of the next message that comes into the empty queue; without a notice, no more (mq_notify(3)).
    ///
    /// # Errors
    /// `EBADF` for what is no queue, `EBUSY` where somebody is told already.
    pub fn set_queue_notice(
        &mut self,
        env: &mut Env<'_>,
        open: OpenId,
        owner: Pid,
        notice: Option<QueueNotice>,
    ) -> Result<(), Errno> {
        let (inode, queue) = self.queue_mut(open)?;
        match (notice, &queue.notice) {
            (Some(_), Some(_)) => return Err(Errno::EBUSY),
            (None, Some((registered, _))) if *registered == owner => self.drop_queue_notice(env, inode),
            (None, _) => return Ok(()),
            (Some(notice), None) => {
                if let QueueNotice::Socket(socket, _) = notice {
                    self.hold_open(socket);
                }
                let (_, queue) = self.queue_mut(open)?;
                queue.notice = Some((owner, notice));
            }
        }
        self.inodes[inode].times.accessed_ns = env.now_ns;
        self.inodes[inode].times.changed_ns = env.now_ns;
        Ok(())
    }

    /// Tells a process of no message any more that has closed a descriptor of the queue (`mqueue_flush_file`).
    pub(super) fn forget_queue_notice(&mut self, env: &mut Env<'_>, open: OpenId) {
        if let Ok(inode) = self.queue_inode(open)
            && let Some(Queue { notice: Some((owner, _)), .. }) = self.inodes[inode].kind.queue()
            && *owner == env.processes.caller()
        {
            self.drop_queue_notice(env, inode);
        }
    }

    fn drop_queue_notice(&mut self, env: &mut Env<'_>, inode: InodeId) {
        let notice = self.inodes[inode].kind.queue_mut().and_then(|queue| queue.notice.take());
        if let Some((_, QueueNotice::Socket(socket, cookie))) = notice {
            self.tell_by_socket(env, socket, cookie, REMOVED);
        }
    }

    fn tell_by_socket(&mut self, env: &mut Env<'_>, open: OpenId, mut cookie: Vec<u8>, what: u8) {
        if let Some(last) = cookie.last_mut() {
            *last = what;
        }
        if let Ok(socket) = self.socket_of(open) {
            self.sockets.tell_netlink(socket, cookie);
        }
        self.close(env, open);
    }

    /// Returns the netlink socket that a description is, to tell of messages by it.
    ///
    /// # Errors
    /// `ENOTSOCK`; `EINVAL` for a socket of another family.
    pub fn netlink_socket(&self, open: OpenId) -> Result<SocketId, Errno> {
        let socket = self.socket_of(open)?;
        if self.sockets.is_netlink(socket) { Ok(socket) } else { Err(Errno::EINVAL) }
    }

    fn touch_queue(&mut self, inode: InodeId, now_ns: u64) {
        let times = &mut self.inodes[inode].times;
        (times.accessed_ns, times.modified_ns, times.changed_ns) = (now_ns, now_ns, now_ns);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_priority_is_first_and_the_oldest_of_it() {
        let mut queue = Queue::new(QueueSize { messages: 4, bytes: 8 }, 0);
        for (priority, text) in [(1, b"a"), (9, b"b"), (1, b"c"), (9, b"d")] {
            queue.push(QueuedMessage { priority, text: text.to_vec() });
        }
        assert!(queue.is_full() && queue.bytes == 4);
        let order: Vec<u8> = std::iter::from_fn(|| queue.pop()).flat_map(|message| message.text).collect();
        assert_eq!(order, b"bdac");
        assert_eq!((queue.count, queue.bytes, queue.poll()), (0, 0, PollEvents::OUT | PollEvents::WRNORM));
    }

    #[test]
    fn a_queue_takes_what_linux_says_of_the_limit() {
        // Nine queues of the usual size fit into 819200 bytes.
        assert_eq!(QueueSize { messages: 10, bytes: 8192 }.charge(), 82_880);
    }
}
