//! The argument types of the calls about objects that one waits for.

use super::args::{Arg, UserValue};
use super::show::{Bytes, Element, Shower, When, follow, follow_array, pointer, show_flags};
use super::types::{choice, flag_set};
use super::{Arguments, CallResult};
use crate::fs::{EpollEvent, EpollFlags};
use tine_mmu::VirtAddr;

flag_set! {
    /// `TFD_*` of timerfd_create.
    TimerfdFlags("0") {
        0x80000 = "TFD_CLOEXEC",
        0x800 = "TFD_NONBLOCK",
        0x1 = "TFD_TIMER_ABSTIME",
        0x2 = "TFD_TIMER_CANCEL_ON_SET",
    }
    /// `TFD_TIMER_*` of timerfd_settime.
    TimerfdSetFlags("0") {
        0x80000 = "TFD_CLOEXEC",
        0x800 = "TFD_NONBLOCK",
        0x1 = "TFD_TIMER_ABSTIME",
        0x2 = "TFD_TIMER_CANCEL_ON_SET",
    }
    /// `SFD_*` of signalfd4.
    SignalfdFlags("0") {
        0x80000 = "SFD_CLOEXEC",
        0x800 = "SFD_NONBLOCK",
    }
    /// `PIDFD_*` of pidfd_open.
    PidfdFlags("0") {
        0x800 = "PIDFD_NONBLOCK",
        0x80 = "PIDFD_THREAD",
    }
    /// `PIDFD_SIGNAL_*` of pidfd_send_signal.
    PidfdSignalFlags("0") {
        0x1 = "PIDFD_SIGNAL_THREAD",
        0x2 = "PIDFD_SIGNAL_THREAD_GROUP",
        0x4 = "PIDFD_SIGNAL_PROCESS_GROUP",
    }
    /// `EFD_*` of eventfd2.
    EventfdFlags("0") {
        0x1 = "EFD_SEMAPHORE",
        0x80000 = "EFD_CLOEXEC",
        0x800 = "EFD_NONBLOCK",
    }
    /// `IN_*` of inotify_init1.
    InotifyFlags("0") {
        0x80000 = "IN_CLOEXEC",
        0x800 = "IN_NONBLOCK",
    }
    /// `IN_*` of inotify_add_watch.
    InotifyMask("0") {
        0x1 = "IN_ACCESS",
        0x2 = "IN_MODIFY",
        0x4 = "IN_ATTRIB",
        0x8 = "IN_CLOSE_WRITE",
        0x10 = "IN_CLOSE_NOWRITE",
        0x20 = "IN_OPEN",
        0x40 = "IN_MOVED_FROM",
        0x80 = "IN_MOVED_TO",
        0x100 = "IN_CREATE",
        0x200 = "IN_DELETE",
        0x400 = "IN_DELETE_SELF",
        0x800 = "IN_MOVE_SELF",
        0x2000 = "IN_UNMOUNT",
        0x4000 = "IN_Q_OVERFLOW",
        0x8000 = "IN_IGNORED",
        0x0100_0000 = "IN_ONLYDIR",
        0x0200_0000 = "IN_DONT_FOLLOW",
        0x0400_0000 = "IN_EXCL_UNLINK",
        0x1000_0000 = "IN_MASK_CREATE",
        0x2000_0000 = "IN_MASK_ADD",
        0x4000_0000 = "IN_ISDIR",
        0x8000_0000 = "IN_ONESHOT",
    }
    /// `EPOLL_*` of epoll_create1.
    EpollCreateFlags("0") {
        0x80000 = "EPOLL_CLOEXEC",
    }
}

choice! {
    /// `EPOLL_CTL_*`.
    EpollCtl("EPOLL_CTL_???") {
        1 = "EPOLL_CTL_ADD",
        2 = "EPOLL_CTL_DEL",
        3 = "EPOLL_CTL_MOD",
    }
}

impl TimerfdSetFlags {
    pub(super) const ABSOLUTE: u32 = 1;
    pub(super) const CANCEL_ON_SET: u32 = 2;
}

impl EpollCtl {
    pub(super) const ADD: u32 = 1;
    pub(super) const DELETE: u32 = 2;
    pub(super) const MODIFY: u32 = 3;
}

/// `struct epoll_event`: 32 bits of events and 64 of data, each at its natural place, since only x86-64 packs them.
impl UserValue for EpollEvent {
    const SIZE: usize = 16;

    fn from_bytes(bytes: &[u8]) -> Self {
        let [events, data] = <[u64; 2]>::from_bytes(bytes);
        Self { events: EpollFlags::from_bits_retain(events as u32), data }
    }

    fn to_bytes(&self) -> Vec<u8> {
        [u64::from(self.events.bits()), self.data].to_bytes()
    }
}

fn show_epoll_event(event: &EpollEvent) -> String {
    /// The names of `EPOLL*` in strace's order.
    const NAMES: [(u32, &str); 15] = [
        (0x1, "EPOLLIN"),
        (0x2, "EPOLLPRI"),
        (0x4, "EPOLLOUT"),
        (0x40, "EPOLLRDNORM"),
        (0x80, "EPOLLRDBAND"),
        (0x100, "EPOLLWRNORM"),
        (0x200, "EPOLLWRBAND"),
        (0x400, "EPOLLMSG"),
        (0x8, "EPOLLERR"),
        (0x10, "EPOLLHUP"),
        (0x2000, "EPOLLRDHUP"),
        (1 << 28, "EPOLLEXCLUSIVE"),
        (1 << 29, "EPOLLWAKEUP"),
        (1 << 30, "EPOLLONESHOT"),
        (1 << 31, "EPOLLET"),
    ];
    let events = show_flags(event.events.bits(), "0", &NAMES);
    let data = if event.data == 0 { "0".to_owned() } else { format!("{:#x}", event.data) };
    format!("{{events={events}, data={data}}}")
}

impl Element for EpollEvent {
    const BYTES: usize = Self::SIZE;

    fn show(bytes: Bytes<'_>, _: &mut Shower<'_>) -> String {
        show_epoll_event(&Self::from_bytes(bytes.0))
    }
}

/// Where epoll_ctl finds its event; the operation says whether it looks.
#[derive(Clone, Copy, Debug)]
pub(super) struct EpollEventPtr(pub VirtAddr);

impl Arg for EpollEventPtr {
    fn from_register(raw: u64) -> Self {
        Self(VirtAddr(raw))
    }

    fn show(raw: u64, shower: &mut Shower<'_>) -> String {
        match shower.arguments[1] as u32 {
            EpollCtl::DELETE => pointer(raw),
            _ => follow::<EpollEvent>(raw, shower),
        }
    }
}

/// Where a wait for an epoll instance stores its events; its result says how many.
#[derive(Clone, Copy, Debug)]
pub(super) struct EpollEvents(pub VirtAddr);

impl Arg for EpollEvents {
    fn when(_: &Arguments) -> When {
        When::Exit
    }

    fn from_register(raw: u64) -> Self {
        Self(VirtAddr(raw))
    }

    fn show(raw: u64, shower: &mut Shower<'_>) -> String {
        match shower.result {
            Some(CallResult::Value(count)) => follow_array::<EpollEvent>(raw, count, shower),
            _ => pointer(raw),
        }
    }
}
