//! Random histories of several processes, compared with a model that knows no frames: only bytes.

use super::world::World;
use crate::mm::{
    Advice, Fault, MapBacking, MapRequest, OnFork, Placement, Prot, Remains, RemapRequest, Sharing,
};
use crate::{Errno, FileId, ForkMode, MemoryPolicy, MmId};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use std::collections::BTreeMap;
use std::ops::Range;
use tine_mmu::{PAGE_SIZE, VirtAddr};

/// Where the pages of the model are; they straddle two page tables.
const BASE: VirtAddr = VirtAddr(0x1000_0000 - 20 * PAGE_SIZE);
/// Pages that are mapped and unmapped; the heap follows.
const ARENA: usize = 40;
/// All pages.
const PAGES: usize = 48;
const FILE_PAGES: usize = 24;
const MOST_PROCESSES: usize = 4;
/// The bytes of a page that are looked at.
const OFFSETS: [u64; 3] = [0, 1777, PAGE_SIZE - 1];
const ZEROS: Contents = [0; OFFSETS.len()];

type Contents = [u8; OFFSETS.len()];

fn address(page: usize) -> VirtAddr {
    BASE + page as u64 * PAGE_SIZE
}

fn len(pages: &Range<usize>) -> u64 {
    pages.len() as u64 * PAGE_SIZE
}

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
    own: Option<Contents>,
    on_fork: OnFork,
}

#[derive(Clone, Debug)]
enum Kind {
    Anonymous(Sharing),
    File(Sharing, usize),
}

#[derive(Clone, Debug)]
enum Op {
    Map { pages: Range<usize>, prot: Prot, kind: Kind, populate: bool },
    Unmap(Range<usize>),
    Protect(Range<usize>, Prot),
    DontNeed(Range<usize>),
    OnFork(Range<usize>, OnFork),
    Move { from: Range<usize>, to: Range<usize> },
    Brk(usize),
    Store { page: usize, offset: usize, byte: u8 },
    StoreAll { pages: Range<usize>, byte: u8 },
    Load { page: usize, offset: usize },
    LoadAll,
    Fork,
    Exit,
    WriteFile { page: usize, byte: u8 },
    Truncate(usize),
}

fn pages(limit: usize) -> impl Strategy<Value = Range<usize>> {
    (0..limit, 1..12_usize).prop_map(move |(start, len)| start..(start + len).min(limit))
}

fn prot() -> impl Strategy<Value = Prot> {
    prop_oneof![
        4 => Just(Prot::READ | Prot::WRITE),
        2 => Just(Prot::READ),
        1 => Just(Prot::empty()),
        1 => Just(Prot::WRITE),
        1 => Just(Prot::EXEC),
    ]
}

fn sharing() -> impl Strategy<Value = Sharing> {
    prop_oneof![3 => Just(Sharing::Private), 1 => Just(Sharing::Shared)]
}

fn kind() -> impl Strategy<Value = Kind> {
    prop_oneof![
        sharing().prop_map(Kind::Anonymous),
        (sharing(), 0..FILE_PAGES).prop_map(|(sharing, first)| Kind::File(sharing, first)),
    ]
}

fn op() -> impl Strategy<Value = Op> {
    let on_fork = prop_oneof![Just(OnFork::Inherit), Just(OnFork::Omit), Just(OnFork::Wipe)];
    let map = (pages(ARENA), prot(), kind(), prop::bool::weighted(0.2));
    prop_oneof![
        6 => map.prop_map(|(pages, prot, kind, populate)| Op::Map { pages, prot, kind, populate }),
        2 => pages(ARENA).prop_map(Op::Unmap),
        3 => (pages(PAGES), prot()).prop_map(|(pages, prot)| Op::Protect(pages, prot)),
        2 => pages(PAGES).prop_map(Op::DontNeed),
        1 => (pages(ARENA), on_fork).prop_map(|(pages, on_fork)| Op::OnFork(pages, on_fork)),
        2 => (pages(ARENA), pages(ARENA)).prop_map(|(from, to)| Op::Move { from, to }),
        2 => (0..=PAGES - ARENA).prop_map(Op::Brk),
        8 => (0..PAGES, 0..OFFSETS.len(), 1..=255_u8)
            .prop_map(|(page, offset, byte)| Op::Store { page, offset, byte }),
        4 => (pages(PAGES), 1..=255_u8).prop_map(|(pages, byte)| Op::StoreAll { pages, byte }),
        4 => (0..PAGES, 0..OFFSETS.len()).prop_map(|(page, offset)| Op::Load { page, offset }),
        1 => Just(Op::LoadAll),
        3 => Just(Op::Fork),
        1 => Just(Op::Exit),
        2 => (0..FILE_PAGES, 1..=255_u8).prop_map(|(page, byte)| Op::WriteFile { page, byte }),
        1 => (0..=FILE_PAGES).prop_map(Op::Truncate),
    ]
}

/// The model beside the real thing.
struct Twin {
    world: World,
    file: FileId,
    objects: Vec<Vec<Contents>>,
    processes: BTreeMap<MmId, Vec<Option<Page>>>,
}

impl Twin {
    fn new(policy: MemoryPolicy) -> Self {
        let mut world = World::new(4096, policy);
        let file = world.file(FILE_PAGES as u64);
        let mm = world.spawn();
        let space = world.memory.space_mut(mm);
        space.layout.start_brk = address(ARENA);
        space.layout.brk = address(ARENA);
        // Looking for room makes it measure its gaps, which the checker then compares.
        world.map(mm, MapRequest::anonymous(PAGE_SIZE, Prot::READ));
        let contents = (0..FILE_PAGES).map(|page| [b'a' + (page % 26) as u8; OFFSETS.len()]).collect();
        Self { world, file, objects: vec![contents], processes: BTreeMap::from([(mm, vec![None; PAGES])]) }
    }

    fn page(&mut self, mm: MmId, page: usize) -> &mut Option<Page> {
        &mut self.processes.get_mut(&mm).unwrap()[page]
    }

    /// Returns what a load from a page must see.
    fn expected(&self, page: Option<Page>) -> Result<Contents, Fault> {
        let page = page.ok_or(Fault::MapErr)?;
        if !page.prot.intersects(Prot::READ | Prot::WRITE) {
            return Err(Fault::AccErr);
        }
        match (page.own, page.base) {
            (_, Base::Object(object, index)) if index >= self.objects[object].len() => Err(Fault::Bus),
            (Some(own), _) => Ok(own),
            (None, Base::Zeros) => Ok(ZEROS),
            (None, Base::Object(object, index)) => Ok(self.objects[object][index]),
        }
    }

    fn load(&mut self, mm: MmId, page: usize, offset: usize) {
        let expected = self.expected(self.processes[&mm][page]).map(|contents| contents[offset]);
        let at = address(page) + OFFSETS[offset];
        assert_eq!(self.world.load(mm, at), expected, "mm {mm} page {page} offset {offset}");
    }

    fn store(&mut self, mm: MmId, index: usize, offset: usize, byte: u8) {
        let expected = match self.processes[&mm][index] {
            Some(page) if !page.prot.contains(Prot::WRITE) => Err(Fault::AccErr),
            page => self.expected(page),
        };
        let at = address(index) + OFFSETS[offset];
        assert_eq!(self.world.store(mm, at, byte), expected.map(|_| ()), "mm {mm} page {index}");
        let (Ok(mut contents), Some(page)) = (expected, self.page(mm, index).as_mut()) else { return };
        contents[offset] = byte;
        match (page.sharing, page.base) {
            (Sharing::Shared, Base::Object(object, index)) => self.objects[object][index] = contents,
            _ => page.own = Some(contents),
        }
    }

    fn load_everything(&mut self) {
        for mm in self.processes.keys().copied().collect::<Vec<_>>() {
            for page in 0..PAGES {
                for offset in 0..OFFSETS.len() {
                    self.load(mm, page, offset);
                }
            }
        }
    }

    fn map(&mut self, mm: MmId, pages: Range<usize>, prot: Prot, kind: &Kind, populate: bool) {
        let placement = Placement::Fixed(address(pages.start));
        let anonymous = MapRequest { placement, populate, ..MapRequest::anonymous(len(&pages), prot) };
        let (request, sharing) = match *kind {
            Kind::Anonymous(sharing) => (MapRequest { sharing, ..anonymous }, sharing),
            Kind::File(sharing, first) => {
                let backing = MapBacking::File(self.world.mapping(self.file, first as u64));
                (MapRequest { sharing, backing, ..anonymous }, sharing)
            }
        };
        assert_eq!(self.world.map(mm, request), address(pages.start));
        let first_of = match *kind {
            Kind::Anonymous(Sharing::Private) => None,
            Kind::Anonymous(Sharing::Shared) => {
                self.objects.push(vec![ZEROS; pages.len()]);
                Some((self.objects.len() - 1, 0))
            }
            Kind::File(_, first) => Some((0, first)),
        };
        for (index, page) in pages.enumerate() {
            let base = first_of.map_or(Base::Zeros, |(object, first)| Base::Object(object, first + index));
            let mut page_now = Page { prot, sharing, base, own: None, on_fork: OnFork::Inherit };
            // Populating stores, where a store would make a private copy.
            if populate && sharing == Sharing::Private && prot.contains(Prot::WRITE) {
                page_now.own = self.expected(Some(page_now)).ok();
            }
            *self.page(mm, page) = Some(page_now);
        }
    }

    fn protect(&mut self, mm: MmId, pages: Range<usize>, prot: Prot) {
        let outcome = self
            .world
            .work(mm, |memory, work| memory.protect(work, mm, address(pages.start), len(&pages), prot));
        let hole = pages.clone().find(|&page| self.processes[&mm][page].is_none());
        assert_eq!(outcome, if hole.is_some() { Err(Errno::ENOMEM) } else { Ok(()) });
        for page in pages.start..hole.unwrap_or(pages.end) {
            self.page(mm, page).as_mut().unwrap().prot = prot;
        }
    }

    /// Gives advice, and tells whether it was about anything at all.
    fn advise(&mut self, mm: MmId, pages: &Range<usize>, advice: Advice) -> Result<(), Errno> {
        let (at, len) = (address(pages.start), len(pages));
        self.world.work(mm, |memory, work| memory.advise(work, mm, at, len, advice))
    }

    fn dont_need(&mut self, mm: MmId, pages: Range<usize>) {
        let outcome = self.advise(mm, &pages, Advice::DontNeed);
        let has_hole = pages.clone().any(|page| self.processes[&mm][page].is_none());
        assert_eq!(outcome, if has_hole { Err(Errno::ENOMEM) } else { Ok(()) });
        for page in pages {
            if let Some(page) = self.page(mm, page) {
                page.own = None;
            }
        }
    }

    fn set_on_fork(&mut self, mm: MmId, pages: Range<usize>, on_fork: OnFork) {
        // Where it does not suit, Linux stops at an area, and the model knows no areas.
        let suits = |page: Option<Page>| page.is_some_and(|page| page.base == Base::Zeros);
        if on_fork == OnFork::Wipe && !pages.clone().all(|page| suits(self.processes[&mm][page])) {
            return;
        }
        let outcome = self.advise(mm, &pages, Advice::OnFork(on_fork));
        let has_hole = pages.clone().any(|page| self.processes[&mm][page].is_none());
        assert_eq!(outcome, if has_hole { Err(Errno::ENOMEM) } else { Ok(()) });
        for page in pages {
            if let Some(page) = self.page(mm, page) {
                page.on_fork = on_fork;
            }
        }
    }

    fn move_pages(&mut self, mm: MmId, from: Range<usize>, to: Range<usize>) {
        let overlap = to.start < from.end && from.start < to.end;
        let request = RemapRequest {
            at: address(from.start),
            old_len_bytes: len(&from),
            new_len_bytes: len(&to),
            may_move: true,
            placement: Placement::Fixed(address(to.start)),
            remains: Remains::Nothing,
        };
        let outcome = self.world.work(mm, |memory, work| memory.remap(work, mm, request));
        if self.page(mm, from.start).is_none() {
            // Noticed before anything is changed.
            assert_eq!(outcome, Err(Errno::EFAULT));
            return;
        }
        if overlap {
            assert_eq!(outcome, Err(Errno::EINVAL));
            return;
        }
        for page in to.clone() {
            *self.page(mm, page) = None;
        }
        for page in from.start + to.len()..from.end {
            *self.page(mm, page) = None;
        }
        let kept = from.start..from.end.min(from.start + to.len());
        let moved: Vec<_> = kept.clone().map(|page| self.processes[&mm][page]).collect();
        if outcome == Err(Errno::EFAULT) {
            return;
        }
        assert_eq!(outcome, Ok(address(to.start)));
        for page in kept {
            *self.page(mm, page) = None;
        }
        let last = moved.last().copied().flatten().expect("what moves is mapped");
        for (index, page) in to.enumerate() {
            let beyond = (index + 1).saturating_sub(moved.len());
            *self.page(mm, page) = match last.base {
                _ if beyond == 0 => Some(moved[index].expect("what moves is mapped")),
                Base::Zeros => Some(Page { own: None, ..last }),
                Base::Object(object, at) => {
                    Some(Page { own: None, base: Base::Object(object, at + beyond), ..last })
                }
            };
        }
    }

    fn brk(&mut self, mm: MmId, pages: usize) {
        let old = ((self.world.memory.space(mm).layout.brk.0 - address(ARENA).0) / PAGE_SIZE) as usize;
        let new = address(ARENA + pages);
        assert_eq!(self.world.work(mm, |memory, work| memory.set_brk(work, mm, new)), new);
        let fresh = Page {
            prot: Prot::READ | Prot::WRITE,
            sharing: Sharing::Private,
            base: Base::Zeros,
            own: None,
            on_fork: OnFork::Inherit,
        };
        for page in old..pages {
            *self.page(mm, ARENA + page) = Some(fresh);
        }
        for page in pages..old {
            *self.page(mm, ARENA + page) = None;
        }
    }

    fn fork(&mut self, parent: MmId) {
        if self.processes.len() == MOST_PROCESSES {
            return;
        }
        let child = self.world.fork(parent);
        let mut pages = self.processes[&parent].clone();
        for page in &mut pages {
            match page.map(|page| page.on_fork) {
                Some(OnFork::Omit) => *page = None,
                Some(OnFork::Wipe) => page.as_mut().unwrap().own = None,
                _ => {}
            }
        }
        self.processes.insert(child, pages);
    }

    fn exit(&mut self, mm: MmId) {
        if self.processes.len() > 1 {
            self.world.exit(mm);
            self.processes.remove(&mm);
        }
    }

    fn write_file(&mut self, page: usize, byte: u8) {
        if page < self.objects[0].len() {
            let (cache, frames) = self.world.memory.cache_mut();
            let at = page as u64 * PAGE_SIZE + OFFSETS[1];
            assert_eq!(cache.write(&mut self.world.ram, frames, self.file, at, &[byte]), Ok(1));
            self.objects[0][page][1] = byte;
        }
    }

    fn truncate(&mut self, pages: usize) {
        self.world.truncate(self.file, pages as u64 * PAGE_SIZE);
        self.objects[0].resize(pages, ZEROS);
        for page in self.processes.values_mut().flatten().flatten() {
            if matches!(page.base, Base::Object(0, index) if index >= pages) {
                page.own = None;
            }
        }
    }

    fn step(&mut self, who: usize, op: Op) {
        let mm = *self.processes.keys().nth(who % self.processes.len()).unwrap();
        // An eager fork copies file pages that were touched; whether a later change of the file shows is not defined.
        let eager = self.world.memory.policy().fork == ForkMode::Eager;
        match op {
            Op::Map { kind: Kind::File(Sharing::Shared, _), .. } | Op::WriteFile { .. } | Op::Truncate(_)
                if eager => {}
            Op::Map { pages, prot, kind, populate } => self.map(mm, pages, prot, &kind, populate),
            Op::Unmap(pages) => {
                let (at, len) = (address(pages.start), len(&pages));
                self.world.work(mm, |memory, work| memory.unmap(work, mm, at, len)).unwrap();
                pages.for_each(|page| *self.page(mm, page) = None);
            }
            Op::Protect(pages, prot) => self.protect(mm, pages, prot),
            Op::DontNeed(pages) => self.dont_need(mm, pages),
            Op::OnFork(pages, on_fork) => self.set_on_fork(mm, pages, on_fork),
            Op::Move { from, to } => self.move_pages(mm, from, to),
            Op::Brk(pages) => self.brk(mm, pages),
            Op::Store { page, offset, byte } => self.store(mm, page, offset, byte),
            Op::StoreAll { pages, byte } => pages.for_each(|page| self.store(mm, page, 0, byte)),
            Op::Load { page, offset } => self.load(mm, page, offset),
            Op::LoadAll => self.load_everything(),
            Op::Fork => self.fork(mm),
            Op::Exit => self.exit(mm),
            Op::WriteFile { page, byte } => self.write_file(page, byte),
            Op::Truncate(pages) => self.truncate(pages),
        }
        self.world.check();
    }

    /// Compares everything, ends every process, and finds nothing held but the file and the zero page.
    fn finish(mut self) {
        self.load_everything();
        self.world.check();
        for mm in std::mem::take(&mut self.processes).into_keys() {
            self.world.exit(mm);
        }
        let gauges = self.world.memory.frames().gauges();
        let (cache, _) = self.world.memory.cache_mut();
        assert_eq!(gauges.in_use, 1 + cache.resident_pages(self.file));
        assert_eq!((gauges.zero_shared, gauges.shared, gauges.page_table), (0, 0, 0));
    }
}

fn check(policy: MemoryPolicy, history: Vec<(usize, Op)>) {
    let mut twin = Twin::new(policy);
    for (who, op) in history {
        twin.step(who, op);
    }
    twin.finish();
}

fn history() -> impl Strategy<Value = Vec<(usize, Op)>> {
    prop::collection::vec((0..MOST_PROCESSES, op()), 1..80)
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 64,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(39),
        ..ProptestConfig::default()
    })]

    #[test]
    fn linux_policy_shows_the_bytes_of_the_model(history in history()) {
        check(MemoryPolicy::LINUX, history);
    }

    #[test]
    fn textbook_policy_shows_the_bytes_of_the_model(history in history()) {
        check(MemoryPolicy::TEXTBOOK, history);
    }

    #[test]
    fn eager_fork_shows_the_bytes_of_the_model(history in history()) {
        check(MemoryPolicy { fork: ForkMode::Eager, ..MemoryPolicy::LINUX }, history);
    }
}
