//! Writes the time line as a run goes on.

use super::{Happening, Lane, MOST_SAMPLES, Mark, Point, Sample, Timeline, Usage};
use crate::{EventSink, Guest};
use std::collections::{BTreeMap, BTreeSet};
use tine_kernel::{Event, INIT, Interest, Pid, WaitStatus, What};

/// What is looked at after every step, because it costs nothing: as long as this stays, so does the rest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Glance {
    in_use: u64,
    shared: u64,
    copied: u64,
    faults: u64,
}

/// A sample with the memory of every process.
#[derive(Clone, Debug)]
struct Moment {
    sample: Sample,
    usages: Vec<(Pid, Usage)>,
}

/// A run, on its way into a time line.
#[derive(Default)]
pub struct Recorder {
    moments: Vec<Moment>,
    /// Samples of the same `time_ns >> shift` are one.
    shift: u32,
    glance: Option<Glance>,
    /// The most frames that were ever in use.
    peak: u64,
    /// Whether the step that goes on has a mark, which is a change too.
    is_marked: bool,
    marks: Vec<Mark>,
    began: BTreeMap<Pid, u64>,
    ended: BTreeMap<Pid, (u64, WaitStatus)>,
    /// The processes of threads.
    processes: BTreeMap<Pid, Pid>,
}

impl Recorder {
    /// The events that it needs.
    pub const INTEREST: Interest =
        Interest::FORK.union(Interest::EXEC).union(Interest::EXIT).union(Interest::EACH_TRAP);

    /// Ends the time line with the end of the run.
    pub fn finish(mut self, guest: Guest<'_>) -> Timeline {
        self.keep(guest);
        let mut points = BTreeMap::<Pid, Vec<Point>>::new();
        for Moment { sample, usages } in &self.moments {
            for (pid, usage) in usages {
                let points = points.entry(*pid).or_default();
                if points.last().is_none_or(|last| last.usage != *usage) {
                    points.push(Point { time_ns: sample.time_ns, usage: *usage });
                }
            }
        }
        let lanes = guest.kernel.processes().into_iter().map(|record| Lane {
            pid: record.pid,
            parent: record.parent,
            command: record.command,
            began_ns: self.began.get(&record.pid).copied().unwrap_or_default(),
            ended: self.ended.get(&record.pid).copied(),
            copied: record.account.memory.pages_copied,
            points: points.remove(&record.pid).unwrap_or_default(),
        });
        Timeline {
            lanes: lanes.collect(),
            samples: self.moments.iter().map(|moment| moment.sample).collect(),
            stretch_ns: 1 << self.shift,
            marks: self.marks,
        }
    }

    /// Takes a sample, instead of the last one if that is of the same moment.
    fn keep(&mut self, guest: Guest<'_>) {
        let glance = glance(guest);
        let gauges = guest.kernel.memory.frames().gauges();
        let mut sample = Sample {
            time_ns: guest.kernel.sched.latest_ns(),
            in_use: glance.in_use,
            most: if gauges.peak > self.peak { gauges.peak } else { glance.in_use },
            shared: guest.kernel.memory.shared_frames(guest.ram),
            copied: glance.copied,
        };
        if let Some(last) = self.moments.pop_if(|last| last.sample.time_ns == sample.time_ns) {
            sample.most = sample.most.max(last.sample.most);
        }
        (self.glance, self.peak) = (Some(glance), gauges.peak);
        self.moments.push(Moment { sample, usages: usages(guest) });
    }

    /// Makes stretches longer until half the room for samples is free.
    fn thin_out(&mut self) {
        while self.moments.len() > MOST_SAMPLES / 2 {
            self.shift += 1;
            let shift = self.shift;
            self.moments.dedup_by(|later, first| {
                let is_one = first.sample.time_ns >> shift == later.sample.time_ns >> shift;
                if is_one {
                    first.sample.most = first.sample.most.max(later.sample.most);
                }
                is_one
            });
        }
    }

    fn process_of(&self, task: Pid) -> Pid {
        self.processes.get(&task).copied().unwrap_or(task)
    }

    fn mark(&mut self, event: &Event, what: Happening) {
        self.is_marked = true;
        self.marks.push(Mark { time_ns: event.time_ns, pid: self.process_of(event.pid), what });
    }
}

impl EventSink for Recorder {
    fn event(&mut self, event: &Event, guest: Guest<'_>) {
        match &event.what {
            What::Fork { kind: "thread", child, .. } => {
                self.processes.insert(*child, self.process_of(event.pid));
            }
            What::Fork { kind, child, .. } => {
                self.began.insert(*child, event.time_ns);
                self.mark(event, Happening::Fork { kind, child: *child });
            }
            What::Exec { path } => self.mark(event, Happening::Exec { path: path.clone() }),
            What::Exit { status } => {
                let pid = self.process_of(event.pid);
                let lives = guest.kernel.tasks.process(pid).is_some_and(|process| process.end.is_none());
                if !lives && !self.ended.contains_key(&pid) {
                    self.ended.insert(pid, (event.time_ns, *status));
                    self.mark(event, Happening::Exit { status: *status });
                }
            }
            _ => {}
        }
    }

    fn step(&mut self, guest: Guest<'_>) {
        let now = glance(guest);
        let peak = guest.kernel.memory.frames().gauges().peak;
        let is_marked = std::mem::take(&mut self.is_marked);
        if self.glance == Some(now) && self.peak == peak && !is_marked {
            return;
        }
        let time_ns = guest.kernel.sched.latest_ns();
        match self.moments.last_mut().map(|last| &mut last.sample) {
            Some(last) if last.time_ns != time_ns && last.time_ns >> self.shift == time_ns >> self.shift => {
                let most = if peak > self.peak { peak } else { now.in_use };
                last.most = last.most.max(most);
                (self.glance, self.peak) = (Some(now), peak);
            }
            _ => self.keep(guest),
        }
        if self.moments.len() >= MOST_SAMPLES {
            self.thin_out();
        }
    }
}

fn glance(guest: Guest<'_>) -> Glance {
    let gauges = guest.kernel.memory.frames().gauges();
    let counters = guest.kernel.harts().iter().map(|account| account.memory);
    let (copied, faults) = counters.fold((0, 0), |(copied, faults), counters| {
        (copied + counters.pages_copied, faults + counters.faults)
    });
    Glance { in_use: gauges.in_use, shared: gauges.mapped_by_several, copied, faults }
}

/// Returns the memory of every process that lives, each memory once.
fn usages(guest: Guest<'_>) -> Vec<(Pid, Usage)> {
    let memory = &guest.kernel.memory;
    let mut seen = BTreeSet::new();
    let living = guest.kernel.tasks.processes().filter(|(pid, _)| *pid != INIT);
    let living = living.filter_map(|(pid, process)| Some((pid, process, process.mm?)));
    living
        .map(|(pid, process, mm)| {
            let is_first = seen.insert(mm);
            let count = |pages: &dyn Fn() -> u64| if is_first { pages() } else { 0 };
            let usage = Usage {
                resident: count(&|| memory.usage(mm).resident.total()),
                shared: count(&|| memory.shared_pages(guest.ram, mm)),
                copied: process.account.memory.pages_copied,
            };
            (pid, usage)
        })
        .collect()
}
