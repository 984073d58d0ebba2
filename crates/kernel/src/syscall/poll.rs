//! Waiting for one of many descriptors: ppoll(2) and pselect6(2).

use super::args::{Timespec, UserPtr};
use super::signal::read_mask;
use super::{Continuation, Flow, SysResult};
use crate::ctx::Ctx;
use crate::fs::{OpenId, PollEvents};
use crate::task::WaitKey;
use crate::{Errno, Fd};
use tine_mmu::VirtAddr;

/// Size of `struct pollfd`: descriptor, events that are wanted, events that came.
const POLLFD_BYTES: u64 = 8;
/// Where the events that came stand in it.
const REVENTS_AT: u64 = 6;

/// A descriptor that is watched.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Watched {
    /// Its index in the array, or its bit in the three sets taken as one.
    place: usize,
    /// What it has open; nothing for a number that is no descriptor.
    open: Option<OpenId>,
    wanted: PollEvents,
}

/// Where the answer goes.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Answer {
    /// Into the array of `struct pollfd`.
    Array { at: VirtAddr, len: usize },
    /// Into the sets for reading, writing and exceptional conditions, of so many words each.
    Sets { at: [VirtAddr; 3], words: usize },
}

/// A call that watches descriptors and has not returned yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Poll {
    watched: Vec<Watched>,
    answer: Answer,
    deadline_ns: Option<u64>,
    timeout: UserPtr<Timespec>,
}

impl Poll {
    /// Returns when the call gives up, in virtual nanoseconds.
    pub(super) const fn deadline_ns(&self) -> Option<u64> {
        self.deadline_ns
    }

    /// Returns what would make a descriptor ready.
    pub(super) fn keys(&self, ctx: &Ctx<'_>) -> Vec<WaitKey> {
        let waits = self
            .opens()
            .into_iter()
            .flat_map(|open| ctx.look(|fs, processes| fs.poll_waits(processes, open)));
        waits.map(WaitKey::File).collect()
    }

    /// Returns the descriptions that are watched.
    pub(super) fn opens(&self) -> Vec<OpenId> {
        self.watched.iter().filter_map(|watched| watched.open).collect()
    }

    /// Returns as soon as a descriptor is ready or the time is over.
    pub(super) fn run(self, ctx: &mut Ctx<'_>) -> SysResult {
        let came: Vec<_> =
            self.watched.iter().map(|watched| (watched.place, self.events(ctx, watched))).collect();
        let is_over = self.deadline_ns.is_some_and(|deadline_ns| ctx.now_ns() >= deadline_ns);
        if !is_over && came.iter().all(|(_, events)| events.is_empty()) {
            return Err(Flow::Block(Continuation::Poll(self)));
        }
        self.store_remaining(ctx);
        restore_mask(ctx);
        match self.answer {
            Answer::Array { at, len } => store_array(ctx, at, len, &came),
            Answer::Sets { at, words } => store_sets(ctx, at, words, &came),
        }
    }

    fn events(&self, ctx: &Ctx<'_>, watched: &Watched) -> PollEvents {
        let poll = |open| ctx.look(|fs, processes| fs.poll(processes, open));
        watched.open.map_or(PollEvents::NVAL, |open| poll(open) & watched.wanted)
    }

    /// Says how much time was left, as Linux does where the program can see it.
    pub(super) fn store_remaining(&self, ctx: &mut Ctx<'_>) {
        if let Some(deadline_ns) = self.deadline_ns {
            let left = Timespec::from_ns(deadline_ns.saturating_sub(ctx.now_ns()));
            // A timeout in memory that cannot be written is no error (poll_select_finish).
            let _: Result<(), Errno> = ctx.write(self.timeout, left);
        }
    }
}

/// Stores the events of every element and returns how many have some.
fn store_array(ctx: &mut Ctx<'_>, at: VirtAddr, len: usize, came: &[(usize, PollEvents)]) -> SysResult {
    let mut events = vec![PollEvents::empty(); len];
    for (place, here) in came {
        events[*place] = *here;
    }
    for (index, here) in (0..).zip(&events) {
        let to = at + (index * POLLFD_BYTES + REVENTS_AT);
        ctx.write_bytes(to, &here.bits().to_le_bytes()).map_err(|_| Errno::EFAULT)?;
    }
    Ok(events.iter().filter(|here| !here.is_empty()).count() as u64)
}

/// Stores the three sets and returns how many bits are set.
fn store_sets(ctx: &mut Ctx<'_>, at: [VirtAddr; 3], words: usize, came: &[(usize, PollEvents)]) -> SysResult {
    let mut bits = vec![0_u64; 3 * words];
    for (place, _) in came.iter().filter(|(_, here)| !here.is_empty()) {
        bits[place / 64] |= 1 << (place % 64);
    }
    for (set, at) in at.into_iter().enumerate().filter(|(_, at)| at.0 != 0) {
        let bytes: Vec<u8> =
            bits[set * words..][..words].iter().flat_map(|word| word.to_le_bytes()).collect();
        ctx.write_bytes(at, &bytes).map_err(|_| Errno::EFAULT)?;
    }
    Ok(bits.iter().map(|word| u64::from(word.count_ones())).sum())
}

/// Reads the timeout and returns when it is over; never where there is none.
pub(super) fn deadline(ctx: &mut Ctx<'_>, timeout: UserPtr<Timespec>) -> Result<Option<u64>, Errno> {
    if timeout.is_null() {
        return Ok(None);
    }
    let wait_ns = ctx.read(timeout)?.to_ns()?;
    Ok(Some(ctx.now_ns().saturating_add(wait_ns)))
}

/// Goes back to the signal mask before [`set_mask`].
pub(super) fn restore_mask(ctx: &mut Ctx<'_>) {
    let task = ctx.task_mut();
    task.blocked = task.saved_blocked.take().unwrap_or(task.blocked);
}

/// Changes the signal mask for the length of the call.
pub(super) fn set_mask(ctx: &mut Ctx<'_>, mask: UserPtr<u64>, size: u64) -> Result<(), Errno> {
    if !mask.is_null() {
        let mask = read_mask(ctx, mask, size)?;
        let task = ctx.task_mut();
        task.saved_blocked = Some(std::mem::replace(&mut task.blocked, mask));
    }
    Ok(())
}

/// `ppoll(2)`.
pub(super) fn ppoll(
    ctx: &mut Ctx<'_>,
    fds: VirtAddr,
    count: u32,
    timeout: UserPtr<Timespec>,
    mask: UserPtr<u64>,
    size: u64,
) -> SysResult {
    let deadline_ns = deadline(ctx, timeout)?;
    if u64::from(count) > ctx.fd_limit() {
        return Err(Errno::EINVAL.into());
    }
    let mut watched = Vec::new();
    for index in 0..count as usize {
        let [fd, events] = ctx.read(UserPtr::<[i32; 2]>::new(fds + POLLFD_BYTES * index as u64))?;
        if fd >= 0 {
            let asked = PollEvents::from_bits_truncate(events as u16);
            let wanted = asked | PollEvents::ERR | PollEvents::HUP | PollEvents::NVAL;
            watched.push(Watched { place: index, open: ctx.open_of(Fd(fd)).ok(), wanted });
        }
    }
    set_mask(ctx, mask, size)?;
    let answer = Answer::Array { at: fds, len: count as usize };
    Poll { watched, answer, deadline_ns, timeout }.run(ctx)
}

/// `pselect6(2)`: `mask` points to a pointer to the signal mask and to its size.
pub(super) fn pselect6(
    ctx: &mut Ctx<'_>,
    count: i32,
    reading: VirtAddr,
    writing: VirtAddr,
    exceptional: VirtAddr,
    timeout: UserPtr<Timespec>,
    mask: UserPtr<[u64; 2]>,
) -> SysResult {
    let deadline_ns = deadline(ctx, timeout)?;
    // Bits beyond the descriptor table mean nothing.
    let room = ctx.kernel.fs.table_room(ctx.files());
    let count = usize::try_from(count).map_err(|_| Errno::EINVAL)?.min(room);
    let words = count.div_ceil(64);
    let wanted = [
        PollEvents::IN | PollEvents::RDNORM | PollEvents::HUP | PollEvents::ERR,
        PollEvents::OUT | PollEvents::WRNORM | PollEvents::ERR,
        PollEvents::PRI,
    ];
    let at = [reading, writing, exceptional];
    let mut watched = Vec::new();
    for (set, (at, wanted)) in at.into_iter().zip(wanted).enumerate().filter(|(_, (at, _))| at.0 != 0) {
        let mut bytes = vec![0; words * 8];
        ctx.read_bytes(at, &mut bytes).map_err(|_| Errno::EFAULT)?;
        for fd in (0..count).filter(|fd| bytes[fd / 8] >> (fd % 8) & 1 != 0) {
            let open = ctx.open_of(Fd(fd as i32))?;
            watched.push(Watched { place: set * words * 64 + fd, open: Some(open), wanted });
        }
    }
    if !mask.is_null() {
        let [mask, size] = ctx.read(mask)?;
        set_mask(ctx, UserPtr::new(VirtAddr(mask)), size)?;
    }
    Poll { watched, answer: Answer::Sets { at, words }, deadline_ns, timeout }.run(ctx)
}
