//! Accesses of the hart: the fast ones that may find nothing, and the full ones that do everything.

use super::{Located, Mmu, Requester};
use crate::shortcut::Page;
use crate::walk::Target;
use crate::{
    Access, HostAddr, HostMemory, HostShortcut, Instant, MemoryFault, MemoryFaultKind, PAGE_SIZE, PhysAddr,
    Ppn, PteFlags, Ram, Stamp, VirtAddr,
};

/// Instructions are read in units of two bytes.
const PARCEL_BYTES: u64 = 2;

/// Where the bytes of an access lie: in one page or at the end of one and the beginning of another.
struct Span {
    first: PhysAddr,
    /// How many bytes lie in the first page.
    split: usize,
    second: Option<PhysAddr>,
}

impl Mmu {
    /// Returns the instant of a stamp, until [`Mmu::begin`], [`Mmu::resume`] or the supervisor comes next.
    #[inline(always)]
    pub const fn instant(&self, stamp: Stamp) -> Instant {
        self.clock.instant(stamp)
    }

    /// Returns the last stamp that is not after an instant.
    #[inline(always)]
    pub const fn stamp_of(&self, instant: Instant) -> Stamp {
        self.clock.stamp(instant)
    }

    /// Finds `N` aligned bytes that are loaded now through the shortcut: where they lie in [`Mmu::host`]. `None` says nothing
    /// but that [`Mmu::load`] must be asked.
    #[inline(always)]
    pub fn load_fast<const N: usize>(&mut self, va: VirtAddr, now: Instant) -> Option<HostAddr> {
        self.dtlb.read::<N>(va, now.0).map(HostAddr)
    }

    /// Finds `N` aligned bytes that are stored to now, as [`Mmu::load_fast`] does. Nobody need notice what is written there.
    #[inline(always)]
    pub fn store_fast<const N: usize>(&mut self, va: VirtAddr, now: Instant) -> Option<HostAddr> {
        self.dtlb.write::<N>(va, now.0).map(HostAddr)
    }

    /// As [`Mmu::load_fast`] for bytes that lie anywhere in one page.
    #[inline]
    pub fn load_fast_in_page<const N: usize>(&mut self, va: VirtAddr, now: Instant) -> Option<HostAddr> {
        if in_page(va, N) { self.load_fast::<1>(va, now) } else { None }
    }

    /// As [`Mmu::store_fast`] for bytes that lie anywhere in one page.
    #[inline]
    pub fn store_fast_in_page<const N: usize>(&mut self, va: VirtAddr, now: Instant) -> Option<HostAddr> {
        if in_page(va, N) { self.store_fast::<1>(va, now) } else { None }
    }

    /// Returns the host's memory that the shortcut for loads and stores leads into: all of the [`Ram`] that [`Mmu::resume`]
    /// was given last.
    #[inline]
    pub const fn host(&self) -> HostMemory {
        self.host
    }

    /// Translates the address of an instruction through the shortcut; `None` says nothing but that [`Mmu::translate`] or
    /// [`Mmu::fetch`] must be asked. It answers for the first two bytes: an instruction that crosses a page needs
    /// [`Mmu::fetch`].
    #[inline(always)]
    pub fn fetch_fast(&mut self, pc: VirtAddr, now: Instant) -> Option<PhysAddr> {
        self.itlb.read::<2>(pc, now.0).map(PhysAddr)
    }

    /// Translates an address for one access to `len` bytes that does not leave its page, such as an AMO.
    ///
    /// # Errors
    /// The exception that the access raises; the address is RAM otherwise.
    pub fn translate(
        &mut self,
        ram: &mut Ram,
        va: VirtAddr,
        len: u64,
        access: Access,
        stamp: Stamp,
    ) -> Result<PhysAddr, MemoryFault> {
        let instant = self.instant(stamp).0;
        match self.wake(va, access, instant) {
            Some(at) => Ok(at),
            None => self.translate_anew(ram, va, len, access, instant),
        }
    }

    /// Translates an address of which the shortcut remembers nothing, and has it remember.
    #[inline(never)]
    fn translate_anew(
        &mut self,
        ram: &mut Ram,
        va: VirtAddr,
        len: u64,
        access: Access,
        instant: u64,
    ) -> Result<PhysAddr, MemoryFault> {
        let view = match access {
            Access::Fetch => self.fetch_view,
            Access::Load | Access::Store => self.data_view,
        };
        let target = Target { va, len, access, view };
        let located = self.locate(ram, target, instant, Requester::Hart)?;
        self.remember(ram, target, located, instant);
        Ok(located.at)
    }

    /// Tells whether the hart may fetch all of a frame, as physical memory protection has it, so that instructions of it
    /// may be executed without asking for each.
    pub fn may_fetch_frame(&self, frame: Ppn) -> bool {
        self.pmp.allows(self.fetch_view.privilege, Access::Fetch, frame.base(), PAGE_SIZE)
    }

    /// Loads `N` bytes, aligned or not.
    ///
    /// # Errors
    /// The exception that the load raises.
    pub fn load<const N: usize>(
        &mut self,
        ram: &mut Ram,
        va: VirtAddr,
        stamp: Stamp,
    ) -> Result<[u8; N], MemoryFault> {
        if in_page(va, N) {
            let at = self.translate(ram, va, N as u64, Access::Load, stamp)?;
            let bytes = ram.bytes().get((at.0 - Ram::BASE.0) as usize..).and_then(<[u8]>::first_chunk);
            return bytes.copied().ok_or(not_ram(Access::Load, va));
        }
        let span = self.span(ram, va, N, Access::Load, stamp)?;
        let mut bytes = [0; N];
        let (head, tail) = bytes.split_at_mut(span.split);
        let done =
            ram.read(span.first, head).and_then(|()| span.second.map_or(Some(()), |at| ram.read(at, tail)));
        done.map(|()| bytes).ok_or(not_ram(Access::Load, va))
    }

    /// Stores bytes, aligned or not. Both pages are translated before anything is written.
    ///
    /// # Errors
    /// The exception that the store raises; nothing was written then.
    pub fn store<const N: usize>(
        &mut self,
        ram: &mut Ram,
        va: VirtAddr,
        value: [u8; N],
        stamp: Stamp,
    ) -> Result<(), MemoryFault> {
        let span = self.span(ram, va, N, Access::Store, stamp)?;
        let (head, tail) = value.split_at(span.split);
        let done =
            ram.write(span.first, head).and_then(|()| span.second.map_or(Some(()), |at| ram.write(at, tail)));
        done.ok_or(not_ram(Access::Store, va))
    }

    /// Fetches the instruction at `pc`, which is a multiple of 2: its 4 bytes, or its 2 with zeros above them
    /// (Unprivileged ISA, "Base Instruction-Length Encoding").
    ///
    /// # Errors
    /// The exception that the fetch raises.
    pub fn fetch(&mut self, ram: &mut Ram, pc: VirtAddr, stamp: Stamp) -> Result<u32, MemoryFault> {
        if let Some(checker) = &mut self.checker {
            checker.pc = pc;
        }
        let first = self.translate(ram, pc, PARCEL_BYTES, Access::Fetch, stamp)?;
        let low = parcel(ram, first).ok_or(not_ram(Access::Fetch, pc))?;
        if low & 0b11 != 0b11 {
            return Ok(u32::from(low));
        }
        let rest = pc + PARCEL_BYTES;
        let second = if rest.offset() == 0 {
            if self.translates(self.fetch_view) {
                self.counters.itlb.lookups += 1;
            }
            self.translate(ram, rest, PARCEL_BYTES, Access::Fetch, stamp.second())?
        } else {
            let second = first + PARCEL_BYTES;
            if !self.pmp.allows(self.fetch_view.privilege, Access::Fetch, second, PARCEL_BYTES) {
                return Err(not_ram(Access::Fetch, rest));
            }
            second
        };
        let high = parcel(ram, second).ok_or(not_ram(Access::Fetch, rest))?;
        Ok(u32::from(high) << 16 | u32::from(low))
    }

    /// Translates every page of an access, in order, and counts the look-up of the second.
    fn span(
        &mut self,
        ram: &mut Ram,
        va: VirtAddr,
        len: usize,
        access: Access,
        stamp: Stamp,
    ) -> Result<Span, MemoryFault> {
        let left = (PAGE_SIZE - va.offset()) as usize;
        let first = self.translate(ram, va, len.min(left) as u64, access, stamp)?;
        if len <= left {
            return Ok(Span { first, split: len, second: None });
        }
        if self.translates(self.data_view) {
            match access {
                Access::Store => self.counters.dtlb.stores += 1,
                Access::Fetch | Access::Load => self.counters.dtlb.loads += 1,
            }
        }
        let rest = (len - left) as u64;
        let second = self.translate(ram, va + left as u64, rest, access, stamp.second())?;
        Ok(Span { first, split: left, second: Some(second) })
    }

    /// Gives the page of a successful access a slot in the shortcut: for whatever all of it may be accessed for.
    fn remember(
        &mut self,
        ram: &Ram,
        Target { va, access, view, .. }: Target,
        located: Located,
        instant: u64,
    ) {
        if self.config.shortcut == HostShortcut::Off || self.checker.is_some() || ram.host() != self.host {
            return;
        }
        let Located { at, entry, flags } = located;
        let allows = |access| {
            flags.is_none_or(|flags| view.permits(access, flags))
                && self.pmp.allows(view.privilege, access, at.ppn().base(), PAGE_SIZE)
        };
        let is_clean = flags.is_some_and(|flags| !flags.contains(PteFlags::D));
        let page = Page {
            va,
            at: self.shortcut_target(access, at),
            entry,
            is_readable: allows(if access == Access::Fetch { access } else { Access::Load }),
            is_writable: access != Access::Fetch
                && !is_clean
                && !ram.notices_stores(at.ppn())
                && allows(Access::Store),
        };
        if !page.is_readable && !page.is_writable {
            return;
        }
        self.first_level(access).remember(&page, instant);
    }

    /// Returns where the shortcut for an access leads for a physical address.
    const fn shortcut_target(&self, access: Access, at: PhysAddr) -> u64 {
        match access {
            Access::Fetch => at.0,
            Access::Load | Access::Store => self.host.start.0.wrapping_add(at.0.wrapping_sub(Ram::BASE.0)),
        }
    }

    /// Translates an address whose slot sleeps, if the second level says of its page what it said before: then the first level
    /// misses and the second hits, and the access is allowed as it was. `None` says nothing but that [`Mmu::locate`] must be
    /// asked.
    fn wake(&mut self, va: VirtAddr, access: Access, stamp: u64) -> Option<PhysAddr> {
        let (slot_at, flags) = self.first_level(access).asleep(va, access)?;
        let l2 = self.l2.as_ref()?;
        let found = l2.lookup(va.vpn(), self.satp.asid)?;
        let page = *l2.entry(found);
        let at = page.translate(va);
        if page.flags() != flags || self.shortcut_target(access, at) != slot_at {
            return None;
        }
        self.count_miss(access, Requester::Hart);
        self.hit_second_level(found);
        let filled = self.first_level(access).wake(va, page, stamp);
        self.count_eviction(&filled);
        Some(at)
    }
}

/// Tells whether so many bytes from an address on lie in one page.
const fn in_page(va: VirtAddr, len: usize) -> bool {
    va.offset() + len as u64 <= PAGE_SIZE
}

/// Reads the two bytes of an instruction parcel.
fn parcel(ram: &Ram, at: PhysAddr) -> Option<u16> {
    let mut bytes = [0; 2];
    ram.read(at, &mut bytes)?;
    Some(u16::from_le_bytes(bytes))
}

const fn not_ram(access: Access, at: VirtAddr) -> MemoryFault {
    MemoryFault { kind: MemoryFaultKind::Access, access, at }
}
