//! The argument types of the calls about objects that one waits for.

use super::args::{Arg, UserValue, pointer};
use super::show::Shower;
use super::types::{choice, flag_set, show_flags};
use crate::fs::{EpollEvent, EpollFlags};
use tine_mmu::VirtAddr;

flag_set! {
    /// `EFD_*` of eventfd2.
    EventfdFlags("0") {
        0x1 = "EFD_SEMAPHORE",
        0x80000 = "EFD_CLOEXEC",
        0x800 = "EFD_NONBLOCK",
    }
    /// `EPOLL_*` of epoll_create1.
    EpollCreateFlags("0") {
        0x80000 = "EPOLL_CLOEXEC",
    }
}

choice! {
    /// `EPOLL_CTL_*`.
    EpollCtl("EPOLL_CTL_") {
        1 = "EPOLL_CTL_ADD",
        2 = "EPOLL_CTL_DEL",
        3 = "EPOLL_CTL_MOD",
    }
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
    format!("{{events={events}, data={{u32={}, u64={}}}}}", event.data as u32, event.data)
}

/// Where epoll_ctl finds its event; the operation says whether it looks.
#[derive(Clone, Copy, Debug)]
pub(super) struct EpollEventPtr(pub VirtAddr);

impl Arg for EpollEventPtr {
    fn from_register(raw: u64) -> Self {
        Self(VirtAddr(raw))
    }

    fn show(raw: u64, shower: &mut Shower<'_>) -> String {
        let bytes = shower.bytes(VirtAddr(raw), EpollEvent::SIZE);
        if shower.arguments[1] as u32 == EpollCtl::DELETE || bytes.len() < EpollEvent::SIZE {
            return pointer(raw);
        }
        show_epoll_event(&EpollEvent::from_bytes(&bytes))
    }
}

/// Where a wait for an epoll instance stores its events; its result says how many.
#[derive(Clone, Copy, Debug)]
pub(super) struct EpollEvents(pub VirtAddr);

impl Arg for EpollEvents {
    const FILLED_BY_CALL: bool = true;

    fn from_register(raw: u64) -> Self {
        Self(VirtAddr(raw))
    }

    fn show(raw: u64, shower: &mut Shower<'_>) -> String {
        /// strace's limit for the elements of an array.
        const SHOWN: usize = 32;
        let Some(Ok(count)) = shower.result else { return pointer(raw) };
        let bytes = shower.bytes(VirtAddr(raw), (count as usize).min(SHOWN) * EpollEvent::SIZE);
        let events = bytes.chunks_exact(EpollEvent::SIZE).map(EpollEvent::from_bytes);
        let mut events: Vec<String> = events.map(|event| show_epoll_event(&event)).collect();
        if count as usize > SHOWN {
            events.push("...".to_owned());
        }
        format!("[{}]", events.join(", "))
    }
}
