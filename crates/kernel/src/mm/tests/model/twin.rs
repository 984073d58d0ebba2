//! The model: of each page its bytes, and nothing else. It does what a step says to itself and to the real thing, and compares.

use super::script::{Kind, Op, Step, Where};
use super::{ARENA, FILE_PAGES, MOST_TASKS, OFFSETS, PAGES, STACK, STACK_TOP, Setup};
use crate::mm::page_size::PageSize;
use crate::mm::tests::world::World;
use crate::mm::{
    Advice, Fault, MapBacking, MapRequest, OnFork, Placement, Prot, Remains, RemapRequest, Sharing,
};
use crate::{Errno, FileId, ForkMode, MmId};
use std::collections::BTreeMap;
use std::ops::Range;
use tine_mmu::{PAGE_SIZE, VirtAddr};

type Contents = [u8; OFFSETS];

/// What a page shows before it is written, or for ever if it is shared.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Base {
    Zeros,
    /// A page of an object: 0 is the file, the others are shared memory.
    Object(usize, usize),
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Page {
    prot: Prot,
    sharing: Sharing,
    base: Base,
    own: [Option<u8>; OFFSETS],
    on_fork: OnFork,
}

const NOTHING_OWN: [Option<u8>; OFFSETS] = [None; OFFSETS];
/// A page of heap or stack.
const FRESH: Page = Page {
    prot: Prot::READ.union(Prot::WRITE),
    sharing: Sharing::Private,
    base: Base::Zeros,
    own: NOTHING_OWN,
    on_fork: OnFork::Inherit,
};

/// The model beside the real thing.
pub(super) struct Twin {
    setup: Setup,
    world: World,
    file: FileId,
    objects: Vec<Vec<Contents>>,
    /// Whether a page of the file was stored to through a mapping since it was written back.
    dirty: Vec<bool>,
    spaces: BTreeMap<MmId, Vec<Option<Page>>>,
    /// Each task's address space: a vfork child has its parent's.
    tasks: Vec<MmId>,
}

impl Twin {
    pub(super) fn new(setup: &Setup) -> Self {
        let mut world = World::new(4096 * setup.pages.min(16), setup.policy.clone());
        world.check_every = setup.checked_every;
        let file = world.file(FILE_PAGES as u64 * setup.pages);
        world.memory.cache_mut().0.set_backed(file, FILE_PAGES as u64 * setup.pages * PAGE_SIZE);
        let letter = |at: u64| b'a' + (at / PAGE_SIZE % 26) as u8;
        let contents = (0..FILE_PAGES as u64)
            .map(|page| setup.offsets().map(|offset| letter(page * setup.pages * PAGE_SIZE + offset)));
        let objects = vec![contents.collect()];
        let (spaces, tasks) = (BTreeMap::new(), Vec::new());
        let mut twin = Self {
            setup: setup.clone(),
            world,
            file,
            objects,
            dirty: vec![false; FILE_PAGES],
            spaces,
            tasks,
        };
        let mm = twin.new_space();
        twin.tasks.push(mm);
        twin
    }

    /// Makes an address space as exec leaves it.
    fn new_space(&mut self) -> MmId {
        let mm = self.world.spawn();
        let heap = self.setup.address(ARENA);
        let layout = &mut self.world.memory.space_mut(mm).layout;
        (layout.start_brk, layout.brk) = (heap, heap);
        layout.mmap_base = VirtAddr(0x3_0000_0000);
        // Looking for room makes it measure its gaps, which the checker then compares.
        self.world.map(mm, MapRequest::anonymous(PAGE_SIZE, Prot::READ));
        self.spaces.insert(mm, vec![None; PAGES]);
        mm
    }

    fn page(&mut self, mm: MmId, page: usize) -> &mut Option<Page> {
        &mut self.spaces.get_mut(&mm).expect("a task has an address space")[page]
    }

    fn has_hole(&self, mm: MmId, pages: &Range<usize>) -> bool {
        pages.clone().any(|page| self.spaces[&mm][page].is_none())
    }

    /// Returns what a load from a page must see.
    fn expected(&self, page: Option<Page>) -> Result<Contents, Fault> {
        let page = page.ok_or(Fault::MapErr)?;
        if !page.prot.intersects(Prot::READ | Prot::WRITE) {
            return Err(Fault::AccErr);
        }
        let mut contents = match page.base {
            Base::Zeros => Contents::default(),
            Base::Object(object, index) => *self.objects[object].get(index).ok_or(Fault::Bus)?,
        };
        for (byte, own) in contents.iter_mut().zip(page.own) {
            *byte = own.unwrap_or(*byte);
        }
        Ok(contents)
    }

    /// Lets the stack grow down to a page that is touched, and returns the byte of it that is: its first, so that all of it is
    /// there afterwards.
    fn grow(&mut self, mm: MmId, page: usize, offset: usize) -> usize {
        let Some(top) = (page..PAGES).find(|&above| above >= STACK && self.spaces[&mm][above].is_some())
        else {
            return if page < STACK { offset } else { 0 };
        };
        if page < STACK {
            return offset;
        }
        (page..top).for_each(|page| *self.page(mm, page) = Some(FRESH));
        0
    }

    fn load(&mut self, mm: MmId, page: usize, offset: usize) {
        let offset = self.grow(mm, page, offset);
        let expected = self.expected(self.spaces[&mm][page]).map(|contents| contents[offset]);
        let at = self.setup.address(page) + self.setup.offsets()[offset];
        assert_eq!(self.world.load(mm, at), expected, "load: mm {mm} page {page} offset {offset}");
    }

    fn store(&mut self, mm: MmId, index: usize, offset: usize, byte: u8) {
        let offset = self.grow(mm, index, offset);
        let expected = match self.spaces[&mm][index] {
            Some(page) if !page.prot.contains(Prot::WRITE) => Err(Fault::AccErr),
            page => self.expected(page),
        };
        let at = self.setup.address(index) + self.setup.offsets()[offset];
        assert_eq!(self.world.store(mm, at, byte), expected.map(|_| ()), "store: mm {mm} page {index}");
        let beside = self.setup.beside(offset);
        let (Ok(mut contents), Some(page)) = (expected, self.page(mm, index).as_mut()) else { return };
        contents[offset] = byte;
        match (page.sharing, page.base) {
            (Sharing::Shared, Base::Object(object, index)) => {
                self.objects[object][index] = contents;
                if object == 0 {
                    self.dirty[index] = true;
                }
            }
            _ => beside.for_each(|other| page.own[other] = Some(contents[other])),
        }
    }

    fn load_everything(&mut self) {
        for mm in self.spaces.keys().copied().collect::<Vec<_>>() {
            for page in (0..PAGES)
                .filter(|&page| page < STACK || self.spaces[&mm][page].is_some())
                .collect::<Vec<_>>()
            {
                for offset in 0..OFFSETS {
                    self.load(mm, page, offset);
                }
            }
        }
    }

    /// Compares one byte of each page of everybody with the model. Nothing is touched.
    pub(super) fn compare(&self, offset: usize) {
        let within = self.setup.offsets()[offset];
        for (&mm, pages) in &self.spaces {
            for (index, &page) in pages.iter().enumerate() {
                if let Ok(contents) = self.expected(page) {
                    let seen = self.world.observe(mm, self.setup.address(index) + within);
                    assert_eq!(seen, Some(contents[offset]), "mm {mm} page {index} offset {offset}");
                }
            }
        }
    }

    fn map(&mut self, mm: MmId, pages: Range<usize>, prot: Prot, kind: Kind, place: Where, populate: bool) {
        let at = self.setup.address(pages.start);
        let placement = match place {
            Where::Fixed => Placement::Fixed(at),
            Where::NoReplace => Placement::FixedNoReplace(at),
            Where::Hint => Placement::Hint(at),
        };
        let len_bytes = self.setup.len(&pages);
        let anonymous = MapRequest { placement, populate, ..MapRequest::anonymous(len_bytes, prot) };
        let (request, sharing) = match kind {
            Kind::Anonymous(sharing) => (MapRequest { sharing, ..anonymous }, sharing),
            Kind::File(sharing, first) => {
                let mapping = self.world.mapping(self.file, first as u64 * self.setup.pages);
                (MapRequest { sharing, backing: MapBacking::File(mapping), ..anonymous }, sharing)
            }
        };
        let is_free = pages.clone().all(|page| self.spaces[&mm][page].is_none());
        let outcome = self.world.work(mm, |memory, work| memory.map(work, mm, request));
        match place {
            Where::NoReplace if !is_free => return assert_eq!(outcome, Err(Errno::EEXIST)),
            Where::Hint if !is_free => {
                let elsewhere = outcome.expect("there is room elsewhere");
                assert!(elsewhere.0 >= STACK_TOP.0, "{elsewhere} is where somebody else is");
                let gone = self.world.work(mm, |memory, work| memory.unmap(work, mm, elsewhere, len_bytes));
                return assert_eq!(gone, Ok(()));
            }
            _ => assert_eq!(outcome, Ok(at)),
        }
        let first_of = match kind {
            Kind::Anonymous(Sharing::Private) => None,
            Kind::Anonymous(Sharing::Shared) => {
                self.objects.push(vec![Contents::default(); pages.len()]);
                Some((self.objects.len() - 1, 0))
            }
            Kind::File(_, first) => Some((0, first)),
        };
        for (index, page) in pages.enumerate() {
            let base = first_of.map_or(Base::Zeros, |(object, first)| Base::Object(object, first + index));
            let fresh = Page { prot, sharing, base, own: NOTHING_OWN, on_fork: OnFork::Inherit };
            *self.page(mm, page) = Some(fresh);
            // Populating stores, where a store would make a private copy.
            if populate && sharing == Sharing::Private && prot.contains(Prot::WRITE) {
                self.make_own(mm, page);
            }
        }
    }

    /// Gives a process its own copy of a private page; tells whether there is such a page.
    fn make_own(&mut self, mm: MmId, page: usize) -> bool {
        let Ok(contents) = self.expected(self.spaces[&mm][page]) else { return false };
        if let Some(page) = self.page(mm, page).as_mut().filter(|page| page.sharing == Sharing::Private) {
            page.own = contents.map(Some);
        }
        true
    }

    fn stack(&mut self, mm: MmId, top: usize) {
        let all = STACK..PAGES;
        let (at, len_bytes) = (self.setup.address(STACK), self.setup.len(&all));
        self.world
            .work(mm, |memory, work| memory.unmap(work, mm, at, len_bytes))
            .expect("a whole number of pages");
        let stack = MapRequest {
            placement: Placement::Fixed(self.setup.address(top)),
            grows_down: true,
            ..MapRequest::anonymous(self.setup.len(&(top..PAGES)), FRESH.prot)
        };
        self.world.map(mm, stack);
        all.for_each(|page| *self.page(mm, page) = (page >= top).then_some(FRESH));
    }

    fn protect(&mut self, mm: MmId, pages: Range<usize>, prot: Prot) {
        let (at, len) = (self.setup.address(pages.start), self.setup.len(&pages));
        let outcome = self.world.work(mm, |memory, work| memory.protect(work, mm, at, len, prot));
        let hole = pages.clone().find(|&page| self.spaces[&mm][page].is_none());
        assert_eq!(outcome, if hole.is_some() { Err(Errno::ENOMEM) } else { Ok(()) });
        for page in pages.start..hole.unwrap_or(pages.end) {
            self.page(mm, page).as_mut().expect("there is no hole before").prot = prot;
        }
    }

    /// Gives advice, and tells what came of it.
    fn advise(&mut self, mm: MmId, pages: &Range<usize>, advice: Advice) -> Result<(), Errno> {
        let (at, len) = (self.setup.address(pages.start), self.setup.len(pages));
        self.world.work(mm, |memory, work| memory.advise(work, mm, at, len, advice))
    }

    /// Gives advice about pages of which all are done that there are, and does `change` to each.
    fn advise_each(&mut self, mm: MmId, pages: Range<usize>, advice: Advice, change: impl Fn(&mut Page)) {
        let outcome = self.advise(mm, &pages, advice);
        assert_eq!(outcome, if self.has_hole(mm, &pages) { Err(Errno::ENOMEM) } else { Ok(()) });
        for page in pages {
            self.page(mm, page).iter_mut().for_each(&change);
        }
    }

    fn set_on_fork(&mut self, mm: MmId, pages: Range<usize>, on_fork: OnFork) {
        // Where it does not suit, Linux stops at an area, and the model knows no areas.
        let suits = |page: Option<Page>| page.is_some_and(|page| page.base == Base::Zeros);
        if on_fork != OnFork::Wipe || pages.clone().all(|page| suits(self.spaces[&mm][page])) {
            self.advise_each(mm, pages, Advice::OnFork(on_fork), |page| page.on_fork = on_fork);
        }
    }

    /// Maps pages beforehand, up to the first that cannot be had.
    fn populate(&mut self, mm: MmId, pages: Range<usize>, advice: Advice) {
        let outcome = self.advise(mm, &pages, advice);
        for page in pages {
            let had = match (advice, self.spaces[&mm][page]) {
                (Advice::PopulateWrite, Some(found)) if !found.prot.contains(Prot::WRITE) => false,
                (Advice::PopulateWrite, _) => self.make_own(mm, page),
                (_, found) => self.expected(found).is_ok(),
            };
            if !had {
                return assert!(outcome.is_err(), "page {page} cannot be had");
            }
        }
        assert_eq!(outcome, Ok(()));
    }

    fn move_pages(&mut self, mm: MmId, from: Range<usize>, to: Range<usize>, leave: bool) {
        let overlap = to.start < from.end && from.start < to.end;
        let request = RemapRequest {
            at: self.setup.address(from.start),
            old_len_bytes: self.setup.len(&from),
            new_len_bytes: self.setup.len(&to),
            may_move: true,
            placement: Placement::Fixed(self.setup.address(to.start)),
            remains: if leave { Remains::Area } else { Remains::Nothing },
        };
        let outcome = self.world.work(mm, |memory, work| memory.remap(work, mm, request));
        // What is noticed before anything is changed.
        if leave && from.len() != to.len() {
            return assert_eq!(outcome, Err(Errno::EINVAL));
        }
        if self.page(mm, from.start).is_none() {
            return assert_eq!(outcome, Err(Errno::EFAULT));
        }
        if overlap {
            return assert_eq!(outcome, Err(Errno::EINVAL));
        }
        for page in to.clone().chain(from.start + to.len()..from.end) {
            *self.page(mm, page) = None;
        }
        if outcome == Err(Errno::EFAULT) {
            return;
        }
        assert_eq!(outcome, Ok(self.setup.address(to.start)));
        let kept = from.start..from.end.min(from.start + to.len());
        let moved: Vec<Page> =
            kept.clone().map(|page| self.spaces[&mm][page].expect("what moves is mapped")).collect();
        for (page, found) in kept.zip(&moved) {
            *self.page(mm, page) = leave.then_some(Page { own: NOTHING_OWN, ..*found });
        }
        let last = *moved.last().expect("something moves");
        for (index, page) in to.enumerate() {
            let beyond = (index + 1).saturating_sub(moved.len());
            *self.page(mm, page) = Some(match last.base {
                _ if beyond == 0 => moved[index],
                Base::Zeros => Page { own: NOTHING_OWN, ..last },
                Base::Object(object, at) => {
                    Page { own: NOTHING_OWN, base: Base::Object(object, at + beyond), ..last }
                }
            });
        }
    }

    fn brk(&mut self, mm: MmId, pages: usize) {
        let (old, heap) = (self.world.memory.space(mm).layout.brk, self.setup.address(ARENA));
        let old = ((old.0 - heap.0) / PAGE_SIZE / self.setup.pages) as usize;
        let new = heap + pages as u64 * self.setup.pages * PAGE_SIZE;
        assert_eq!(self.world.work(mm, |memory, work| memory.set_brk(work, mm, new)), new);
        (old..pages).for_each(|page| *self.page(mm, ARENA + page) = Some(FRESH));
        (pages..old).for_each(|page| *self.page(mm, ARENA + page) = None);
    }

    fn fork(&mut self, parent: MmId) {
        let child = self.world.fork(parent);
        let mut pages = self.spaces[&parent].clone();
        for page in &mut pages {
            match page.as_mut().map(|page| (page.on_fork, page)) {
                Some((OnFork::Omit, _)) => *page = None,
                Some((OnFork::Wipe, page)) => page.own = NOTHING_OWN,
                _ => {}
            }
        }
        self.spaces.insert(child, pages);
        self.tasks.push(child);
    }

    /// Lets one of its users leave an address space.
    fn leave(&mut self, mm: MmId) {
        self.world.exit(mm);
        if !self.tasks.contains(&mm) {
            self.spaces.remove(&mm);
        }
    }

    fn write_file(&mut self, page: usize, byte: u8) {
        if let Some(contents) = self.objects[0].get_mut(page) {
            contents[1] = byte;
            let (cache, frames) = self.world.memory.cache_mut();
            let at = page as u64 * self.setup.pages * PAGE_SIZE + self.setup.offsets()[1];
            assert_eq!(cache.write(&mut self.world.ram, frames, self.file, at, &[byte]), Ok(1));
            frames.mark_dirty(cache.page(self.file, at / PAGE_SIZE).unwrap());
        }
    }

    fn truncate(&mut self, pages: usize) {
        self.world.truncate(self.file, self.setup.len(&(0..pages)));
        self.objects[0].resize(pages, Contents::default());
        self.dirty.resize(pages, false);
        for page in self.spaces.values_mut().flatten().flatten() {
            if matches!(page.base, Base::Object(0, index) if index >= pages) {
                page.own = NOTHING_OWN;
            }
        }
    }

    /// Asks which pages of the file were stored to through mappings, as writing back to the host does.
    fn write_back(&mut self) {
        for (index, dirty) in self.dirty.iter_mut().enumerate() {
            let first = index as u64 * self.setup.pages;
            let mut found = false;
            for page in first..first + self.setup.pages {
                found |= self.world.write_back(self.file, page);
            }
            assert!(found || !*dirty, "page {index} of the file was stored to, and nobody knows");
            *dirty = false;
        }
    }

    pub(super) fn step(&mut self, step: Step) {
        let task = step.who % self.tasks.len();
        let mm = self.tasks[task];
        let has_room = self.tasks.len() < MOST_TASKS;
        // The stack is elsewhere: no range goes on from the heap into it.
        let within = |pages: Range<usize>| match pages.start {
            0..STACK => pages.start..pages.end.min(STACK),
            _ => pages,
        };
        // An eager fork copies file pages that were touched; whether a later change of the file shows is not defined.
        let eager = self.setup.policy.fork == ForkMode::Eager;
        match step.op {
            Op::Map { kind: Kind::File(Sharing::Shared, _), .. } | Op::WriteFile { .. } | Op::Truncate(_)
                if eager => {}
            Op::Map { pages, prot, kind, place, populate } => {
                self.map(mm, pages, prot, kind, place, populate);
            }
            Op::Stack(top) => self.stack(mm, top),
            Op::Unmap(pages) => {
                let (at, len) = (self.setup.address(pages.start), self.setup.len(&pages));
                let outcome = self.world.work(mm, |memory, work| memory.unmap(work, mm, at, len));
                assert_eq!(outcome, Ok(()));
                pages.for_each(|page| *self.page(mm, page) = None);
            }
            Op::Protect(pages, prot) => self.protect(mm, pages, prot),
            Op::DontNeed(pages) => {
                self.advise_each(mm, within(pages), Advice::DontNeed, |page| page.own = NOTHING_OWN);
            }
            Op::PopulateRead(pages) => self.populate(mm, pages, Advice::PopulateRead),
            Op::PopulateWrite(pages) => self.populate(mm, pages, Advice::PopulateWrite),
            Op::OnFork(pages, on_fork) => self.set_on_fork(mm, pages, on_fork),
            Op::Move { from, to, leave } => self.move_pages(mm, from, to, leave),
            Op::Brk(pages) => self.brk(mm, pages),
            Op::Store { page, offset, byte } => self.store(mm, page, offset, byte),
            Op::StoreAll { pages, byte } => pages.for_each(|page| self.store(mm, page, 0, byte)),
            Op::Load { page, offset } => self.load(mm, page, offset),
            Op::LoadAll => self.load_everything(),
            Op::Fork if has_room => self.fork(mm),
            Op::Vfork if has_room => {
                self.world.memory.share(mm);
                self.tasks.push(mm);
            }
            Op::Fork | Op::Vfork => {}
            Op::Exec => {
                self.tasks[task] = self.new_space();
                self.leave(mm);
            }
            Op::Exit if self.tasks.len() > 1 => {
                self.tasks.remove(task);
                self.leave(mm);
            }
            Op::Exit => {}
            Op::WriteFile { page, byte } => self.write_file(page, byte),
            Op::Truncate(pages) => self.truncate(pages),
            Op::WriteBack => self.write_back(),
            Op::Reclaim(pages) => {
                self.world.reclaim(pages as u64 * self.setup.pages);
                self.world.read_missing(self.file);
            }
        }
    }

    /// Compares everything, ends every process, and finds nothing held but the file, the zero pages and the pool.
    pub(super) fn finish(mut self) {
        self.load_everything();
        self.world.check_every = 1;
        self.world.check();
        let idle = self.world.memory.frames().gauges().pool;
        for mm in std::mem::take(&mut self.tasks) {
            self.world.exit(mm);
        }
        let gauges = self.world.memory.frames().gauges();
        let zeros = 1 + self.world.memory.frames().huge_zero_page.map_or(0, |_| PageSize::Huge.pages());
        let (cache, _) = self.world.memory.cache_mut();
        assert_eq!(
            gauges.in_use - gauges.pool,
            zeros + cache.resident_pages(self.file),
            "{idle} were in the pool"
        );
        assert_eq!((gauges.zero_shared, gauges.mapped_by_several, gauges.page_table), (0, 0, 0));
        assert_eq!(gauges.pool, self.setup.policy.cow_prealloc_frames);
    }
}
