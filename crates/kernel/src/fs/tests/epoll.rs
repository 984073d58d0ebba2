//! epoll instances without tasks: what goes into the ready list, in which order, and when it goes out again.

use super::*;
use crate::Fd;

const IN: EpollFlags = EpollFlags::IN;

/// A file system with an instance in it.
struct Watch {
    world: World,
    epoll: OpenId,
}

impl Watch {
    fn new() -> Self {
        let mut world = World::new();
        let epoll = world.fs.epoll(0);
        Self { world, epoll }
    }

    fn instance(&mut self) -> OpenId {
        self.world.fs.epoll(0)
    }

    fn eventfd(&mut self, count: u32) -> OpenId {
        self.world.fs.eventfd(count, EventfdKind::Counter, OpenFlags::NONBLOCK, 0)
    }

    fn control(&mut self, epoll: OpenId, fd: i32, target: OpenId, op: EpollOp) -> Result<(), Errno> {
        self.world.with(|fs, env| fs.epoll_control(env, epoll, Fd(fd), target, Some(op)))
    }

    /// Watches under a number, which is also the program's word.
    fn add(&mut self, fd: i32, target: OpenId, events: EpollFlags) -> Result<(), Errno> {
        self.control(self.epoll, fd, target, EpollOp::Add(EpollEvent { events, data: fd as u64 }))
    }

    fn ring(&mut self, counter: OpenId) {
        assert_eq!(self.world.write(counter, &1_u64.to_le_bytes()), Ok(8));
    }

    fn drain(&mut self, counter: OpenId) {
        assert_eq!(self.world.read(counter, 8).map(|bytes| bytes.len()), Ok(8));
    }

    /// Waits without sleeping and returns the words of those that are ready.
    fn wait(&mut self, max: usize) -> Vec<u64> {
        let epoll = self.world.fs.epoll_of(self.epoll).unwrap();
        let _ = self.world.fs.take_wakes(|_| false);
        let report = self.world.fs.epoll_begin(&self.world.processes, epoll, max);
        let words: Vec<u64> = report.events().map(|event| event.data).collect();
        self.world.fs.epoll_commit(epoll, &report, words.len());
        words
    }
}

#[test]
fn level_triggered_descriptors_take_turns() {
    let mut watch = Watch::new();
    for fd in [7, 8, 9] {
        let counter = watch.eventfd(1);
        watch.add(fd, counter, IN).unwrap();
    }
    assert_eq!(watch.wait(1), [7]);
    assert_eq!(watch.wait(1), [8]);
    assert_eq!(watch.wait(2), [9, 7]);
    assert_eq!(watch.wait(9), [8, 9, 7]);
}

#[test]
fn edge_triggered_descriptor_is_told_once_for_each_arrival() {
    let mut watch = Watch::new();
    let counter = watch.eventfd(0);
    watch.add(5, counter, IN | EpollFlags::ET).unwrap();
    assert!(watch.wait(1).is_empty());
    watch.ring(counter);
    watch.ring(counter);
    assert_eq!(watch.wait(1), [5]);
    assert!(watch.wait(1).is_empty(), "it is still readable, but nothing has happened");
    watch.ring(counter);
    assert_eq!(watch.wait(1), [5]);
}

#[test]
fn one_shot_descriptor_is_silent_until_it_is_asked_anew() {
    let mut watch = Watch::new();
    let counter = watch.eventfd(1);
    let events = IN | EpollFlags::ONESHOT;
    watch.add(5, counter, events).unwrap();
    assert_eq!(watch.wait(1), [5]);
    watch.ring(counter);
    assert!(watch.wait(1).is_empty());
    let again = EpollOp::Modify(EpollEvent { events, data: 6 });
    watch.control(watch.epoll, 5, counter, again).unwrap();
    assert_eq!(watch.wait(1), [6]);
}

#[test]
fn what_is_not_ready_any_more_leaves_the_list() {
    let mut watch = Watch::new();
    let counter = watch.eventfd(1);
    watch.add(5, counter, IN).unwrap();
    watch.drain(counter);
    assert!(watch.wait(1).is_empty());
    watch.ring(counter);
    assert_eq!(watch.wait(1), [5]);
}

#[test]
fn closing_the_last_reference_ends_the_watching() {
    let mut watch = Watch::new();
    let empty = watch.world.weight();
    let counter = watch.eventfd(1);
    watch.world.fs.hold_open(counter);
    watch.add(5, counter, IN).unwrap();
    watch.add(6, counter, IN).unwrap();
    watch.world.close(counter);
    assert_eq!(watch.wait(9), [5, 6], "another descriptor names it still");
    watch.world.close(counter);
    assert!(watch.wait(9).is_empty());
    assert_eq!(watch.world.weight(), empty);
    assert!(watch.world.fs.listeners.is_empty());
}

#[test]
fn an_instance_that_is_closed_listens_no_more() {
    let mut watch = Watch::new();
    let counter = watch.eventfd(1);
    watch.add(5, counter, IN).unwrap();
    watch.world.close(watch.epoll);
    assert_eq!(watch.world.fs.take_wakes(|_| false).len(), 1, "it was ready when it was added");
    watch.ring(counter);
    assert_eq!(watch.world.fs.take_wakes(|_| false).len(), 1, "the counter alone");
    assert!(watch.world.fs.listeners.is_empty());
}

#[test]
fn instances_can_be_watched_but_not_in_a_circle() {
    let mut watch = Watch::new();
    let (counter, inner) = (watch.eventfd(0), watch.instance());
    let event = EpollEvent { events: IN, data: 1 };
    watch.control(inner, 4, counter, EpollOp::Add(event)).unwrap();
    watch.add(5, inner, IN).unwrap();
    assert!(watch.wait(1).is_empty());
    watch.ring(counter);
    assert_eq!(watch.wait(1), [5], "the inner instance is readable");
    let circle = EpollOp::Add(event);
    assert_eq!(watch.control(inner, 6, watch.epoll, circle), Err(Errno::ELOOP));
    assert_eq!(watch.add(7, watch.epoll, IN), Err(Errno::EINVAL), "itself");
}

#[test]
fn at_most_five_instances_watch_one_another() {
    let mut watch = Watch::new();
    let counter = watch.eventfd(0);
    let event = EpollEvent { events: IN, data: 1 };
    let mut below = counter;
    for _ in 0..5 {
        let above = watch.instance();
        watch.control(above, 4, below, EpollOp::Add(event)).unwrap();
        below = above;
    }
    assert_eq!(watch.add(5, below, IN), Err(Errno::ELOOP));
}
