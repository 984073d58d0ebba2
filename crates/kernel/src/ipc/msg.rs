//! Queues of messages (msgget(2), msgop(2), msgctl(2); Linux 6.12 ipc/msg.c).
//!
//! A message goes straight to the receiver who has waited longest for one like it, and only else into the queue. Senders who
//! found no room stand in line as well: whoever makes room puts in what fits, the oldest first.

use super::{Object, Permissions};
use crate::{Errno, Kernel, Pid};
use std::collections::VecDeque;

/// A message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Message {
    /// Its type, at least 1.
    pub kind: i64,
    /// What is in it.
    pub text: Vec<u8>,
}

/// Which message a receiver wants (`convert_mode`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// The oldest.
    Any,
    /// The oldest of this type.
    Equal(i64),
    /// The oldest of another type (`MSG_EXCEPT`).
    Other(i64),
    /// The oldest of the lowest type up to this one.
    LowestUpTo(i64),
}

impl Wanted {
    const fn fits(self, kind: i64) -> bool {
        match self {
            Self::Any => true,
            Self::Equal(wanted) => kind == wanted,
            Self::Other(unwanted) => kind != unwanted,
            Self::LowestUpTo(most) => kind <= most,
        }
    }
}

/// A receiver.
#[derive(Clone, Debug)]
pub(crate) struct Receiver {
    /// Who receives.
    pub task: Pid,
    /// Its process.
    pub process: Pid,
    /// What it wants.
    pub wanted: Wanted,
    /// The longest message that it takes; a longer one is `E2BIG`.
    pub most_bytes: usize,
}

/// A sender who waits.
#[derive(Clone, Debug)]
pub(crate) struct Sender {
    /// Who sends.
    pub task: Pid,
    /// Its process.
    pub process: Pid,
    /// What it sends.
    pub message: Message,
}

/// What a task waits for at a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AwaitedMessage {
    /// The queue's identifier.
    pub queue: i32,
    /// Messages in it.
    pub messages: usize,
    /// Bytes of all of them.
    pub bytes: u64,
    /// The most bytes that there may be.
    pub most_bytes: u64,
    /// What would end the wait.
    pub need: MessageNeed,
    /// Who did last what would: sent, or received; 0 is nobody.
    pub last: Pid,
}

/// What would end a wait at a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageNeed {
    /// A message.
    Message(Wanted),
    /// Room for one of so many bytes.
    Room(usize),
}

/// How a call ended whose task has slept: a receiver has got a message, a sender is rid of one.
pub(crate) type Ended = (Pid, Result<Option<Message>, Errno>);

/// A queue.
#[derive(Clone, Debug)]
pub(crate) struct MessageQueue {
    /// Who may use it.
    pub permissions: Permissions,
    /// What is in it, the oldest first.
    pub messages: VecDeque<Message>,
    /// Bytes of all of them.
    pub bytes: u64,
    /// The most bytes, and the most messages.
    pub most_bytes: u64,
    /// When somebody sent last, in seconds since 1970; 0 is never.
    pub sent_s: u64,
    /// When somebody received.
    pub received_s: u64,
    /// When it was made or changed.
    pub changed_s: u64,
    /// Who sent last; 0 is nobody.
    pub last_sender: Pid,
    /// Who received last.
    pub last_receiver: Pid,
    /// Who waits for a message, the oldest first.
    pub receivers: VecDeque<Receiver>,
    /// Who waits for room, the oldest first.
    pub senders: VecDeque<Sender>,
}

impl Object for MessageQueue {
    fn permissions(&self) -> &Permissions {
        &self.permissions
    }

    fn permissions_mut(&mut self) -> &mut Permissions {
        &mut self.permissions
    }
}

impl MessageQueue {
    /// Makes an empty queue.
    pub(crate) fn new(permissions: Permissions, most_bytes: u64, now_s: u64) -> Self {
        Self {
            permissions,
            messages: VecDeque::new(),
            bytes: 0,
            most_bytes,
            sent_s: 0,
            received_s: 0,
            changed_s: now_s,
            last_sender: Pid(0),
            last_receiver: Pid(0),
            receivers: VecDeque::new(),
            senders: VecDeque::new(),
        }
    }

    /// Tells whether a message of `len` bytes has room (`msg_fits_inqueue`).
    pub(crate) fn has_room(&self, len: usize) -> bool {
        len as u64 + self.bytes <= self.most_bytes && (self.messages.len() as u64) < self.most_bytes
    }

    /// Gives a message to who waits for it, or puts it into the queue (`pipelined_send`). Returns whose calls have ended: those
    /// whose room it was too long for have failed.
    pub(crate) fn send(&mut self, process: Pid, message: Message, now_s: u64) -> Vec<Ended> {
        (self.last_sender, self.sent_s) = (process, now_s);
        let mut ended = Vec::new();
        while let Some(at) = self.receivers.iter().position(|one| one.wanted.fits(message.kind)) {
            let Some(receiver) = self.receivers.remove(at) else { break };
            if message.text.len() <= receiver.most_bytes {
                (self.last_receiver, self.received_s) = (receiver.process, now_s);
                ended.push((receiver.task, Ok(Some(message))));
                return ended;
            }
            ended.push((receiver.task, Err(Errno::E2BIG)));
        }
        self.bytes += message.text.len() as u64;
        self.messages.push_back(message);
        ended
    }

    /// Returns the place of the message that is wanted (`find_msg`).
    pub(crate) fn find(&self, wanted: Wanted) -> Option<usize> {
        let mut fitting = self.messages.iter().enumerate().filter(|(_, message)| wanted.fits(message.kind));
        match wanted {
            Wanted::LowestUpTo(_) => fitting.min_by_key(|(at, message)| (message.kind, *at)),
            _ => fitting.next(),
        }
        .map(|(at, _)| at)
    }

    /// Takes out the message at a place.
    pub(crate) fn take(&mut self, at: usize, process: Pid, now_s: u64) -> Option<Message> {
        let message = self.messages.remove(at)?;
        self.bytes -= message.text.len() as u64;
        (self.last_receiver, self.received_s) = (process, now_s);
        Some(message)
    }

    /// Lets senders put in what has room now (`ss_wakeup`). Returns whose calls have ended.
    pub(crate) fn serve_senders(&mut self, now_s: u64) -> Vec<Ended> {
        let mut ended = Vec::new();
        let mut next = 0;
        while let Some(sender) = self.senders.get(next) {
            if !self.has_room(sender.message.text.len()) {
                next += 1;
                continue;
            }
            let Some(Sender { task, process, message }) = self.senders.remove(next) else { break };
            ended.extend(self.send(process, message, now_s));
            ended.push((task, Ok(None)));
        }
        ended
    }

    /// Returns everybody who waits, each with the errno that its call fails with.
    pub(crate) fn fail_all(&mut self, errno: Errno) -> Vec<Ended> {
        let receivers = self.receivers.drain(..).map(|one| one.task);
        let tasks: Vec<Pid> = receivers.chain(self.senders.drain(..).map(|one| one.task)).collect();
        tasks.into_iter().map(|task| (task, Err(errno))).collect()
    }

    /// Ends the calls of receivers and senders who have the rights no more (`expunge_all` with `-EAGAIN`).
    pub(crate) fn fail_those(&mut self, has_lost: impl Fn(Pid, u32) -> bool) -> Vec<Ended> {
        let mut ended = Vec::new();
        self.receivers.retain(|one| {
            let lost = has_lost(one.task, super::READ);
            if lost {
                ended.push((one.task, Err(Errno::EACCES)));
            }
            !lost
        });
        self.senders.retain(|one| {
            let lost = has_lost(one.task, super::WRITE);
            if lost {
                ended.push((one.task, Err(Errno::EACCES)));
            }
            !lost
        });
        ended
    }
}

impl Kernel {
    /// Wakes those whose calls on message queues have ended.
    pub(crate) fn finish_message_calls(&mut self, ended: Vec<Ended>) {
        for (task, result) in ended {
            self.ipc.finished_messages.insert(task, result);
            self.wake_task(task);
        }
    }

    /// Takes a task out of every queue.
    pub(crate) fn leave_message_queues(&mut self, task: Pid) {
        self.ipc.finished_messages.remove(&task);
        for queue in self.ipc.queues.iter_mut() {
            queue.receivers.retain(|one| one.task != task);
            queue.senders.retain(|one| one.task != task);
        }
    }
}

impl Kernel {
    /// Returns what a task waits for at a queue of messages, if it does.
    pub fn awaited_message(&self, task: Pid) -> Option<AwaitedMessage> {
        self.ipc.queues.iter().find_map(|(queue, it)| {
            let receiver = it.receivers.iter().find(|receiver| receiver.task == task);
            let sender = it.senders.iter().find(|sender| sender.task == task);
            let (need, last) = match (receiver, sender) {
                (Some(receiver), _) => (MessageNeed::Message(receiver.wanted), it.last_sender),
                (_, Some(sender)) => (MessageNeed::Room(sender.message.text.len()), it.last_receiver),
                (None, None) => return None,
            };
            let (messages, bytes, most_bytes) = (it.messages.len(), it.bytes, it.most_bytes);
            Some(AwaitedMessage { queue, messages, bytes, most_bytes, need, last })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::creds::Credentials;

    const ME: Pid = Pid(2);

    fn queue(most_bytes: u64) -> MessageQueue {
        MessageQueue::new(Permissions::new(0, 0o600, Credentials::of_kernel()), most_bytes, 0)
    }

    fn message(kind: i64, len: usize) -> Message {
        Message { kind, text: vec![0; len] }
    }

    fn receiver(task: i32, wanted: Wanted, most_bytes: usize) -> Receiver {
        Receiver { task: Pid(task), process: Pid(task), wanted, most_bytes }
    }

    #[test]
    fn what_is_wanted_is_found() {
        let mut queue = queue(100);
        for kind in [5, 3, 4, 3] {
            assert!(queue.send(ME, message(kind, 1), 0).is_empty());
        }
        assert_eq!(queue.find(Wanted::Any), Some(0));
        assert_eq!(queue.find(Wanted::Equal(4)), Some(2));
        assert_eq!(queue.find(Wanted::Other(5)), Some(1));
        assert_eq!(queue.find(Wanted::LowestUpTo(9)), Some(1));
        assert_eq!(queue.find(Wanted::LowestUpTo(2)), None);
    }

    #[test]
    fn a_message_goes_to_the_first_who_has_room_for_it() {
        let mut queue = queue(100);
        queue.receivers.extend([
            receiver(7, Wanted::Equal(2), 9),
            receiver(8, Wanted::Any, 3),
            receiver(9, Wanted::Any, 9),
        ]);
        let ended = queue.send(ME, message(1, 5), 0);
        assert_eq!(ended, [(Pid(8), Err(Errno::E2BIG)), (Pid(9), Ok(Some(message(1, 5))))]);
        assert_eq!((queue.receivers.len(), queue.bytes, queue.last_receiver), (1, 0, Pid(9)));
    }

    #[test]
    fn room_goes_to_the_oldest_sender_whose_message_fits() {
        let mut queue = queue(10);
        queue.send(ME, message(1, 8), 0);
        for (task, len) in [(7, 9), (8, 2), (9, 1)] {
            let (task, process) = (Pid(task), Pid(task));
            queue.senders.push_back(Sender { task, process, message: message(1, len) });
        }
        assert_eq!(queue.serve_senders(0), [(Pid(8), Ok(None))]);
        assert_eq!(queue.take(0, ME, 0), Some(message(1, 8)));
        assert_eq!(queue.serve_senders(0), [(Pid(9), Ok(None))]);
        assert_eq!((queue.bytes, queue.messages.len(), queue.senders.len()), (3, 2, 1));
        assert_eq!(queue.fail_all(Errno::EIDRM), [(Pid(7), Err(Errno::EIDRM))]);
    }
}
