//! Writes lives from the events of a run.

use super::{Beginning, Descriptor, Ending, Life, Segment};
use crate::symbols::{Symbols, base_name};
use crate::{EventSink, Guest};
use std::collections::BTreeMap;
use tine_kernel::fs::OnExec;
use tine_kernel::mm::{AreaRole, FrameKind, MappedPage, PageSize, Prot, Sharing, SurveyedArea};
use tine_kernel::{Event, FaultKind, FileId, INIT, Interest, MmId, Pid, What};
use tine_mmu::Ppn;

/// How a process came by a private frame. What is not known is its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    Inherited,
    Copied,
    Reused,
}

/// The lives of a run, on their way into a list.
#[derive(Default)]
pub struct Collector {
    lives: Vec<Life>,
    /// The life that each process leads now.
    current: BTreeMap<Pid, usize>,
    /// How each address space came by its private frames.
    sources: BTreeMap<MmId, BTreeMap<Ppn, Source>>,
    /// The processes of threads.
    processes: BTreeMap<Pid, Pid>,
    symbols: Symbols,
}

impl Collector {
    /// The events that it needs.
    pub const INTEREST: Interest = Interest::FORK
        .union(Interest::EXEC)
        .union(Interest::EXIT)
        .union(Interest::FAULT)
        .union(Interest::COPY)
        .union(Interest::SITE)
        .union(Interest::REMAINS);

    /// Ends the lives that the run ended, and returns all in the order in which they began.
    pub fn finish(mut self, guest: Guest<'_>) -> Vec<Life> {
        for (pid, life) in self.current.clone() {
            let mm = guest.address_space(pid);
            let Some(mm) = mm.filter(|mm| !self.is_borrowed(guest, pid, *mm)) else { continue };
            let areas = guest.kernel.memory.survey(guest.ram, mm);
            let program = guest.kernel.memory.program_file(mm);
            self.lives[life].segments = Some(self.segments(guest, mm, program, &areas));
        }
        self.lives
    }

    /// Tells whether a process lives in the memory of the one that made it.
    fn is_borrowed(&self, guest: Guest<'_>, pid: Pid, mm: MmId) -> bool {
        let parent = guest.kernel.tasks.process(pid).map(|process| process.parent);
        parent.and_then(|parent| guest.address_space(parent)) == Some(mm)
    }

    fn process_of(&self, task: Pid) -> Pid {
        self.processes.get(&task).copied().unwrap_or(task)
    }

    fn begin(&mut self, guest: Guest<'_>, pid: Pid, began: Beginning) {
        let process = guest.kernel.tasks.process(pid);
        let life = Life {
            pid,
            parent: process.map_or(INIT, |process| process.parent),
            command: process
                .map_or(String::new(), |process| String::from_utf8_lossy(&process.command).into_owned()),
            began,
            descriptors: descriptors(guest, pid),
            ended: Ending::RunEnd,
            segments: None,
        };
        self.current.insert(pid, self.lives.len());
        self.lives.push(life);
    }

    fn forked(&mut self, guest: Guest<'_>, child: Pid) {
        let Some(mm) = guest.address_space(child).filter(|mm| !self.is_borrowed(guest, child, *mm)) else {
            return;
        };
        let sources = self.sources.entry(mm).or_default();
        for page in guest.pages(mm).into_iter().filter(|page| page.kind == FrameKind::Anon) {
            // An eager fork has told already what it copied.
            sources.entry(page.ppn).or_insert(Source::Inherited);
        }
    }

    fn faulted(&mut self, mm: MmId, kind: FaultKind, new: Ppn) {
        let sources = self.sources.entry(mm).or_default();
        let head = Ppn(new.0 - new.0 % PageSize::Huge.pages());
        let whole = (0..PageSize::Huge.pages()).map(|index| head + index);
        match kind {
            FaultKind::CowCopy | FaultKind::FileWritePrivate => {
                sources.insert(new, Source::Copied);
            }
            FaultKind::CowReuse => {
                sources.insert(new, Source::Reused);
            }
            FaultKind::HugeReuse => sources.extend(whole.map(|ppn| (ppn, Source::Reused))),
            FaultKind::DemandZero | FaultKind::ZeroPageWrite => {
                sources.remove(&new);
            }
            FaultKind::HugeDemandZero => whole.for_each(|ppn| {
                sources.remove(&ppn);
            }),
            _ => {}
        }
    }

    fn segments(
        &mut self,
        guest: Guest<'_>,
        mm: MmId,
        program: Option<FileId>,
        areas: &[SurveyedArea],
    ) -> Vec<Segment> {
        let sources = self.sources.remove(&mm).unwrap_or_default();
        let mut segments = Vec::<Segment>::new();
        for area in areas {
            let (name, is_shared_mapping) = (name(guest, program, area), area.sharing == Sharing::Shared);
            let is_same = |segment: &Segment| {
                (&segment.name, segment.prot, segment.is_shared_mapping)
                    == (&name, area.prot, is_shared_mapping)
            };
            let index = segments.iter().position(is_same).unwrap_or_else(|| {
                segments.push(Segment::empty(name, area.prot, is_shared_mapping));
                segments.len() - 1
            });
            segments[index].add(area, &sources);
        }
        segments
    }
}

impl Segment {
    fn empty(name: String, prot: Prot, is_shared_mapping: bool) -> Self {
        Self {
            name,
            prot,
            is_shared_mapping,
            pages: 0,
            shared: 0,
            copied: 0,
            reused: 0,
            kept: 0,
            own: 0,
            untouched: 0,
        }
    }

    fn add(&mut self, area: &SurveyedArea, sources: &BTreeMap<Ppn, Source>) {
        let pages = area.range.end.0 - area.range.start.0;
        self.pages += pages;
        self.untouched += pages - area.pages.len() as u64;
        for page in &area.pages {
            *self.column(page, sources) += 1;
        }
    }

    fn column(&mut self, page: &MappedPage, sources: &BTreeMap<Ppn, Source>) -> &mut u64 {
        match sources.get(&page.ppn) {
            _ if page.kind != FrameKind::Anon || page.maps > 1 => &mut self.shared,
            None => &mut self.own,
            Some(Source::Inherited) => &mut self.kept,
            Some(Source::Copied) => &mut self.copied,
            Some(Source::Reused) => &mut self.reused,
        }
    }
}

impl EventSink for Collector {
    fn event(&mut self, event: &Event, guest: Guest<'_>) {
        let pid = self.process_of(event.pid);
        match &event.what {
            What::Fork { kind: "thread", child, .. } => {
                self.processes.insert(*child, pid);
            }
            What::Fork { kind, child, .. } => {
                let Some(site) = event.site.as_deref() else { return };
                let at = self.symbols.locate(guest, site);
                self.forked(guest, *child);
                self.begin(guest, *child, Beginning::Fork { kind, at: Box::new(at) });
            }
            What::Exec { path } => {
                let began = match self.current.get(&pid) {
                    Some(life) => {
                        self.lives[*life].ended = Ending::Exec;
                        Beginning::Exec { path: path.clone() }
                    }
                    None => Beginning::Program,
                };
                self.begin(guest, pid, began);
            }
            What::Copy(copy) => {
                self.sources.entry(copy.mm).or_default().insert(copy.to, Source::Copied);
            }
            What::Fault { kind, new, .. } => {
                let Some(site) = event.site.as_deref() else { return };
                self.faulted(site.mm, *kind, *new);
            }
            What::Remains { mm, program, areas } => {
                let segments = self.segments(guest, *mm, *program, areas);
                if let Some(life) = self.current.get(&pid) {
                    self.lives[*life].segments = Some(segments);
                }
            }
            What::Exit { status } => {
                let lives = guest.kernel.tasks.process(pid).is_some_and(|process| process.end.is_none());
                if !lives && let Some(life) = self.current.get(&pid) {
                    self.lives[*life].ended = Ending::Exit(*status);
                }
            }
            _ => {}
        }
    }
}

fn descriptors(guest: Guest<'_>, pid: Pid) -> Vec<Descriptor> {
    let (fs, tasks) = (&guest.kernel.fs, &guest.kernel.tasks);
    let Some(table) = tasks.task(pid).map(|task| task.files) else { return Vec::new() };
    let descriptor = |number: tine_kernel::Fd| {
        let open = fs.fd(table, number).ok()?;
        let name = String::from_utf8_lossy(&fs.path_of(fs.node(open))).into_owned();
        let closes_on_exec = fs.on_exec(table, number) == Ok(OnExec::Close);
        Some(Descriptor { number: number.0, name, closes_on_exec })
    };
    fs.fds(table).into_iter().filter_map(descriptor).collect()
}

/// Says in words what an area is.
fn name(guest: Guest<'_>, program: Option<FileId>, area: &SurveyedArea) -> String {
    let Some(place) = &area.place else { return "?".to_owned() };
    let Some(file) = &place.file else {
        return match place.area {
            AreaRole::Heap => "heap",
            AreaRole::Stack => "stack",
            AreaRole::Other => "[anon]",
        }
        .to_owned();
    };
    let is_elf = guest.file_head(file.file).is_some_and(|head| head.starts_with(b"\x7fELF"));
    let file_name = base_name(&file.name);
    let part = match area.prot {
        _ if !is_elf && file.is_mapped => return file_name.to_owned(),
        _ if !is_elf => return "[anon]".to_owned(),
        _ if !file.is_mapped => "bss",
        prot if prot.contains(Prot::EXEC) => "text",
        prot if prot.contains(Prot::WRITE) => "data",
        _ => "constants",
    };
    match program == Some(file.file) {
        true => part.to_owned(),
        false => format!("{part} of {file_name}"),
    }
}
