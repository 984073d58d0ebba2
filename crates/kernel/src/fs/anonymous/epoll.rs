//! Descriptors that are watched together (epoll(7); Linux 6.12 fs/eventpoll.c).
//!
//! ```text
//!   Fs::wakes ──Listeners: wait ──▶ watchers──▶ Epoll::ready, in the order in which things happened ──▶ epoll_wait(2)
//! ```
//! Nothing is scanned: a wake-up puts the watched descriptors that listen for it into the ready list of their instance. What
//! is there is polled when it is asked for, and goes out of the list when it was a false alarm, when it was told of and is
//! edge-triggered or one-shot; else it goes to the end of the list, so that no descriptor starves another.

use super::Anonymous;
use crate::fs::flags::{EpollFlags, OpenFlags, PollEvents};
use crate::fs::inode::{InodeId, InodeKind};
use crate::fs::wait::Wait;
use crate::fs::{Device, Env, Fs, OpenId, Processes};
use crate::{Errno, Fd};
use std::collections::{BTreeMap, BTreeSet};

/// How deep instances may watch one another (`EP_MAX_NESTS`).
const MAX_NESTS: usize = 4;

/// What is watched: a descriptor's number and what it named when it was added. The same file can be watched by two numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Watched {
    open: OpenId,
    fd: Fd,
}

/// An instance, and one of those that it watches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::fs) struct Watcher {
    epoll: InodeId,
    watched: Watched,
}

/// Who hears of a wake-up.
pub(in crate::fs) type Listeners = BTreeMap<Wait, BTreeSet<Watcher>>;

/// What a program asks of one descriptor, or is told of it (`struct epoll_event`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EpollEvent {
    /// Events, and how to tell of them.
    pub events: EpollFlags,
    /// The program's own word.
    pub data: u64,
}

/// What epoll_ctl(2) is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EpollOp {
    /// `EPOLL_CTL_ADD`.
    Add(EpollEvent),
    /// `EPOLL_CTL_DEL`.
    Delete,
    /// `EPOLL_CTL_MOD`.
    Modify(EpollEvent),
}

#[derive(Clone, Debug)]
struct Item {
    event: EpollEvent,
    /// Its place in the ready list.
    ready: Option<u64>,
    /// Where it is a listener.
    waits: Vec<Wait>,
}

/// An instance.
#[derive(Clone, Debug, Default)]
pub(in crate::fs) struct Epoll {
    items: BTreeMap<Watched, Item>,
    /// What may be ready, by place, the oldest first.
    ready: BTreeMap<u64, Watched>,
    next_place: u64,
}

impl Epoll {
    /// Puts an item at the end of the ready list, if it is not in it.
    fn enqueue(&mut self, watched: Watched) {
        let Some(item) = self.items.get_mut(&watched) else { return };
        if item.ready.is_none() {
            item.ready = Some(self.next_place);
            self.ready.insert(self.next_place, watched);
            self.next_place += 1;
        }
    }

    /// Takes an item out of the ready list.
    fn dequeue(&mut self, watched: Watched) {
        let place = self.items.get_mut(&watched).and_then(|item| item.ready.take());
        if let Some(place) = place {
            self.ready.remove(&place);
        }
    }
}

/// What a wait has found: to be told, then to be committed.
#[derive(Clone, Debug)]
pub struct EpollReport {
    told: Vec<(Watched, EpollEvent)>,
    false_alarms: Vec<Watched>,
}

impl EpollReport {
    /// Returns the events to tell, in order.
    pub fn events(&self) -> impl Iterator<Item = EpollEvent> {
        self.told.iter().map(|(_, event)| *event)
    }
}

impl Fs {
    /// Opens an instance that watches nothing (epoll_create1(2)).
    pub fn epoll(&mut self, now_ns: u64) -> OpenId {
        self.open_anonymous(Anonymous::Epoll(Epoll::default()), OpenFlags::empty(), now_ns)
    }

    /// Returns the inode of the instance that is open; `None` when it is something else.
    pub fn epoll_of(&self, open: OpenId) -> Option<InodeId> {
        match self.anonymous(self.opens[open].node)? {
            (inode, Anonymous::Epoll(_)) => Some(inode),
            _ => None,
        }
    }

    /// Returns what an instance watches: the descriptor's number when it was added, what it named, and the events.
    pub fn epoll_watches(&self, open: OpenId) -> Vec<(Fd, OpenId, EpollFlags)> {
        let instance = self.epoll_of(open).and_then(|inode| self.epoll_ref(inode));
        let items = instance.into_iter().flat_map(|instance| &instance.items);
        items.map(|(watched, item)| (watched.fd, watched.open, item.event.events)).collect()
    }

    fn epoll_ref(&self, epoll: InodeId) -> Option<&Epoll> {
        match &self.inodes[epoll].kind {
            InodeKind::Anonymous(Anonymous::Epoll(epoll)) => Some(epoll),
            _ => None,
        }
    }

    fn epoll_mut(&mut self, epoll: InodeId) -> Option<&mut Epoll> {
        match self.object_mut(epoll)? {
            Anonymous::Epoll(epoll) => Some(epoll),
            _ => None,
        }
    }

    /// Changes what an instance watches (epoll_ctl(2)).
    ///
    /// # Errors
    /// `EPERM` for what has no notion of readiness, `EINVAL` for the instance itself, for what is none, for no operation, and
    /// for flags that do not go with `EPOLLEXCLUSIVE`; `EEXIST`, `ENOENT`, `ELOOP`.
    pub fn epoll_control(
        &mut self,
        env: &Env<'_>,
        open: OpenId,
        fd: Fd,
        target: OpenId,
        op: Option<EpollOp>,
    ) -> Result<(), Errno> {
        if !self.can_poll(target) {
            return Err(Errno::EPERM);
        }
        let epoll = self.epoll_of(open).filter(|_| open != target).ok_or(Errno::EINVAL)?;
        let op = op.ok_or(Errno::EINVAL)?;
        let inner = self.epoll_of(target);
        match op {
            EpollOp::Modify(event) if event.events.contains(EpollFlags::EXCLUSIVE) => {
                return Err(Errno::EINVAL);
            }
            EpollOp::Add(event)
                if event.events.contains(EpollFlags::EXCLUSIVE)
                    && (inner.is_some() || !EpollFlags::WITH_EXCLUSIVE.contains(event.events)) =>
            {
                return Err(Errno::EINVAL);
            }
            _ => {}
        }
        if let (EpollOp::Add(_), Some(inner)) = (op, inner) {
            self.check_nesting(epoll, inner)?;
        }
        let watched = Watched { open: target, fd };
        let known = self.epoll_ref(epoll).and_then(|it| it.items.get(&watched)).map(|item| item.event.events);
        match (op, known) {
            (EpollOp::Add(_), Some(_)) => return Err(Errno::EEXIST),
            (EpollOp::Delete | EpollOp::Modify(_), None) => return Err(Errno::ENOENT),
            (EpollOp::Modify(_), Some(events)) if events.contains(EpollFlags::EXCLUSIVE) => {
                return Err(Errno::EINVAL);
            }
            (EpollOp::Add(event), None) => {
                self.listen(env.processes, Watcher { epoll, watched }, event, None);
            }
            (EpollOp::Delete, Some(_)) => self.forget_watched(Watcher { epoll, watched }),
            (EpollOp::Modify(event), Some(_)) => {
                let ready = self.stop_listening(Watcher { epoll, watched }).and_then(|item| item.ready);
                self.listen(env.processes, Watcher { epoll, watched }, event, ready);
            }
        }
        Ok(())
    }

    /// Tells whether a file has a notion of readiness (`file_can_poll`).
    fn can_poll(&self, open: OpenId) -> bool {
        let node = self.opens[open].node;
        match self.kind(node) {
            Some(InodeKind::Regular(_) | InodeKind::Directory(_) | InodeKind::Symlink(_)) | None => false,
            Some(InodeKind::Special(..) | InodeKind::SocketName) => false,
            Some(InodeKind::Device(device)) => {
                matches!(device, Device::Random | Device::Urandom)
            }
            Some(InodeKind::Queue(_)) => true,
            Some(InodeKind::Fifo(_) | InodeKind::NamedFifo(_) | InodeKind::Console(_)) => true,
            Some(InodeKind::Anonymous(_) | InodeKind::Socket(_) | InodeKind::Terminal(..)) => true,
        }
    }

    /// Refuses circles of instances, and chains that are too long (`ep_loop_check`).
    ///
    /// # Errors
    /// `ELOOP`.
    fn check_nesting(&self, outer: InodeId, inner: InodeId) -> Result<(), Errno> {
        let below = self.chain_below(inner, outer, &mut BTreeMap::new())?;
        let above = self.chain_above(outer, &mut BTreeMap::new());
        if above + 1 + below > MAX_NESTS { Err(Errno::ELOOP) } else { Ok(()) }
    }

    /// Returns how many instances are watched one through another below `epoll`. `known` holds the answers for those that
    /// were passed.
    ///
    /// # Errors
    /// `ELOOP` when `forbidden` is one of them.
    fn chain_below(
        &self,
        epoll: InodeId,
        forbidden: InodeId,
        known: &mut BTreeMap<InodeId, usize>,
    ) -> Result<usize, Errno> {
        if epoll == forbidden {
            return Err(Errno::ELOOP);
        }
        if let Some(answer) = known.get(&epoll) {
            return Ok(*answer);
        }
        let mut longest = 0;
        let watched = self.epoll_ref(epoll).into_iter().flat_map(|epoll| epoll.items.keys());
        for next in watched.filter_map(|watched| self.epoll_of(watched.open)) {
            longest = longest.max(1 + self.chain_below(next, forbidden, known)?);
        }
        known.insert(epoll, longest);
        Ok(longest)
    }

    /// Returns how many instances watch one another above `epoll`. There is no circle among those that are there.
    fn chain_above(&self, epoll: InodeId, known: &mut BTreeMap<InodeId, usize>) -> usize {
        if let Some(answer) = known.get(&epoll) {
            return *answer;
        }
        let watchers = self.listeners.get(&Wait::Readable(epoll)).into_iter().flatten();
        let longest = watchers.map(|watcher| 1 + self.chain_above(watcher.epoll, known)).max().unwrap_or(0);
        known.insert(epoll, longest);
        longest
    }

    /// Has an instance hear of a description, and looks at once whether there is something to tell. `ready` is the place in
    /// the ready list that it has already.
    fn listen(&mut self, processes: &dyn Processes, watcher: Watcher, event: EpollEvent, ready: Option<u64>) {
        let Watcher { epoll, watched } = watcher;
        let event = EpollEvent { events: event.events | EpollFlags::ALWAYS, ..event };
        let interest = event.events.poll_events();
        let sides = PollEvents::IN | PollEvents::RDNORM | PollEvents::OUT | PollEvents::WRNORM;
        let mut waits = self.poll_waits(processes, watched.open);
        // Who asks for neither side still hears of ends and errors, which come by both.
        waits.retain(|wait| interest.intersects(wait.announces()) || !interest.intersects(sides));
        for wait in &waits {
            self.listeners.entry(*wait).or_default().insert(watcher);
        }
        self.opens[watched.open].watchers.insert(watcher);
        let is_ready = self.poll(processes, watched.open).intersects(interest);
        let Some(instance) = self.epoll_mut(epoll) else { return };
        instance.items.insert(watched, Item { event, ready, waits });
        if is_ready {
            instance.enqueue(watched);
            self.wakes.push(Wait::Readable(epoll));
        }
    }

    /// Takes an item out of its instance, which does not hear of it any more. Its place in the ready list stays taken.
    fn stop_listening(&mut self, watcher: Watcher) -> Option<Item> {
        let item = self.epoll_mut(watcher.epoll)?.items.remove(&watcher.watched)?;
        self.unlist(watcher, &item);
        Some(item)
    }

    fn unlist(&mut self, watcher: Watcher, item: &Item) {
        self.opens[watcher.watched.open].watchers.remove(&watcher);
        for wait in &item.waits {
            if let Some(listeners) = self.listeners.get_mut(wait) {
                listeners.remove(&watcher);
                if listeners.is_empty() {
                    self.listeners.remove(wait);
                }
            }
        }
    }

    /// Ends watching.
    fn forget_watched(&mut self, watcher: Watcher) {
        let place = self.stop_listening(watcher).and_then(|item| item.ready);
        if let (Some(place), Some(instance)) = (place, self.epoll_mut(watcher.epoll)) {
            instance.ready.remove(&place);
        }
    }

    /// Ends all watching of a description that nobody refers to any more.
    pub(in crate::fs) fn unwatch(&mut self, open: OpenId) {
        for watcher in std::mem::take(&mut self.opens[open].watchers) {
            self.forget_watched(watcher);
        }
    }

    /// Ends all watching by an instance that is gone.
    pub(super) fn drop_epoll(&mut self, epoll: InodeId, instance: Epoll) {
        for (watched, item) in instance.items {
            self.unlist(Watcher { epoll, watched }, &item);
        }
    }

    /// Puts what the wake-ups so far are about into the ready lists; that wakes who waits for an instance, or watches it
    /// (`ep_poll_callback`). Of the instances that watch with `EPOLLEXCLUSIVE`, those behind the first in which somebody sleeps
    /// do not hear of it.
    pub(in crate::fs) fn tell_epolls(&mut self, has_sleepers: impl Fn(Wait) -> bool) {
        let mut next = 0;
        while let Some(wait) = self.wakes.get(next).copied() {
            next += 1;
            let watchers: Vec<Watcher> = self.listeners.get(&wait).into_iter().flatten().copied().collect();
            let mut is_taken = false;
            for Watcher { epoll, watched } in watchers {
                let Some(instance) = self.epoll_mut(epoll) else { continue };
                let events =
                    instance.items.get(&watched).map_or(EpollFlags::empty(), |item| item.event.events);
                let is_exclusive = events.contains(EpollFlags::EXCLUSIVE);
                if events.poll_events().is_empty() || is_exclusive && is_taken {
                    continue;
                }
                instance.enqueue(watched);
                self.wakes.push(Wait::Readable(epoll));
                is_taken |= is_exclusive && has_sleepers(Wait::Readable(epoll));
            }
        }
    }

    /// Returns what `/proc` says of an instance: a line for each descriptor that it watches (Linux 6.12 fs/eventpoll.c
    /// ep_show_fdinfo).
    pub(super) fn epoll_info(&self, epoll: &Epoll) -> String {
        let line = |(watched, item): (&Watched, &Item)| {
            let file = &self.opens[watched.open];
            let (events, data) = (item.event.events.bits(), item.event.data);
            let device = self.mount_of(file.node).map_or(0, |mount| mount.number());
            format!(
                "tfd: {:8} events: {events:8x} data: {data:16x}  pos:{} ino:{:x} sdev:{device:x}\n",
                watched.fd.0,
                file.position,
                self.ino(file.node)
            )
        };
        epoll.items.iter().map(line).collect()
    }

    /// Returns whether an instance has something to tell (`__ep_eventpoll_poll`).
    pub(super) fn poll_epoll(&self, processes: &dyn Processes, epoll: &Epoll) -> PollEvents {
        let is_ready = |watched: &Watched| !self.ready_events(processes, epoll, *watched).is_empty();
        if epoll.ready.values().any(is_ready) {
            PollEvents::IN | PollEvents::RDNORM
        } else {
            PollEvents::empty()
        }
    }

    fn ready_events(&self, processes: &dyn Processes, epoll: &Epoll, watched: Watched) -> PollEvents {
        let interest =
            epoll.items.get(&watched).map_or(PollEvents::empty(), |item| item.event.events.poll_events());
        if interest.is_empty() { interest } else { self.poll(processes, watched.open) & interest }
    }

    /// Looks for up to `max` events to tell. They stay in the ready list until [`Fs::epoll_commit`].
    pub fn epoll_begin(&self, processes: &dyn Processes, epoll: InodeId, max: usize) -> EpollReport {
        let mut report = EpollReport { told: Vec::new(), false_alarms: Vec::new() };
        let Some(instance) = self.epoll_ref(epoll) else { return report };
        for watched in instance.ready.values().copied() {
            if report.told.len() == max {
                break;
            }
            let events = self.ready_events(processes, instance, watched);
            if events.is_empty() {
                report.false_alarms.push(watched);
            } else if let Some(item) = instance.items.get(&watched) {
                let event = EpollEvent { events: EpollFlags::of(events), data: item.event.data };
                report.told.push((watched, event));
            }
        }
        report
    }

    /// Takes note that the first `told` events of a report have reached the program (`ep_send_events`).
    pub fn epoll_commit(&mut self, epoll: InodeId, report: &EpollReport, told: usize) {
        let Some(instance) = self.epoll_mut(epoll) else { return };
        for watched in &report.false_alarms {
            instance.dequeue(*watched);
        }
        for (watched, _) in &report.told[..told] {
            instance.dequeue(*watched);
            let Some(item) = instance.items.get_mut(watched) else { continue };
            if item.event.events.contains(EpollFlags::ONESHOT) {
                item.event.events &= EpollFlags::PRIVATE;
            } else if !item.event.events.contains(EpollFlags::ET) {
                // Level-triggered: it is told of again until it is found not ready.
                instance.enqueue(*watched);
            }
        }
    }
}
