//! The time line against another way to look: at every step the frame table and the page tables are walked, and what a sample
//! says of its moment must be what was found there.

use crate::support::Job;
use std::collections::{BTreeMap, BTreeSet};
use tine_machine::mm::{FrameKind, MappedPage, PageSize};
use tine_machine::timeline::{Happening, MOST_SAMPLES, Recorder, Sample, Timeline, Usage};
use tine_machine::{Event, EventSink, ForkMode, Guest, INIT, MemoryPolicy, Pid, Report, Thp, WaitStatus};

/// What a walk found at a moment.
#[derive(Clone, Debug, Default)]
struct Found {
    in_use: u64,
    shared: u64,
    usages: BTreeMap<Pid, (u64, u64)>,
}

#[derive(Default)]
struct Walker {
    recorder: Recorder,
    found: BTreeMap<u64, Found>,
    most: u64,
    walks: bool,
}

impl Walker {
    fn walk(guest: Guest<'_>) -> Found {
        let mut seen = BTreeSet::new();
        let mut shared = BTreeSet::new();
        let mut usages = BTreeMap::new();
        for (pid, process) in guest.kernel.tasks.processes().filter(|(pid, _)| *pid != INIT) {
            let Some(mm) = process.mm else { continue };
            if !seen.insert(mm) {
                continue;
            }
            let pages = guest.pages(mm);
            let of_others = |page: &&MappedPage| {
                page.kind == FrameKind::Anon && guest.kernel.memory.frames().references(page.ppn) > 1
                    || page.kind == FrameKind::Anon && page.size == PageSize::Base && page.maps > 1
            };
            let resident = pages.iter().filter(|page| page.kind != FrameKind::Zero).count() as u64;
            shared.extend(pages.iter().filter(of_others).map(|page| page.ppn));
            usages.insert(pid, (resident, pages.iter().filter(of_others).count() as u64));
        }
        let in_use = guest.kernel.memory.frames().used().count() as u64;
        Found { in_use, shared: shared.len() as u64, usages }
    }
}

impl EventSink for Walker {
    fn event(&mut self, event: &Event, guest: Guest<'_>) {
        self.recorder.event(event, guest);
    }

    fn step(&mut self, guest: Guest<'_>) {
        self.recorder.step(guest);
        if self.walks {
            let found = Self::walk(guest);
            self.most = self.most.max(found.in_use);
            self.found.insert(guest.kernel.sched.latest_ns(), found);
        }
    }
}

/// Runs a guest with a recorder, which it returns with what walks found.
#[track_caller]
fn record(job: Job, walks: bool) -> (Timeline, BTreeMap<u64, Found>, Report) {
    let mut walker = Walker { walks, ..Walker::default() };
    let mut timeline = None;
    let report = job.watching(Recorder::INTEREST).run_with(&mut walker, |walker, guest| {
        timeline = Some(std::mem::take(&mut walker.recorder).finish(guest));
    });
    (timeline.unwrap(), walker.found, report)
}

/// The last sample is what the report says, and the parts add up to the whole.
#[track_caller]
fn check_totals(name: &str, timeline: &Timeline, report: &Report) {
    let last = timeline.samples.last().unwrap();
    let [in_use, peak, shared] =
        ["frames.in_use", "frames.peak", "cow.pages_shared"].map(|key| report.gauges.get(key));
    let copied = report.machine.get("cow.pages_copied");
    assert_eq!((last.in_use, last.shared, last.copied), (in_use, shared, copied), "{name}");
    assert_eq!(timeline.samples.iter().map(|sample| sample.most).max(), Some(peak), "{name}: peak");
    assert_eq!(timeline.lanes.len(), report.processes.len(), "{name}");
    for (lane, process) in timeline.lanes.iter().zip(&report.processes) {
        assert_eq!((lane.pid.0, lane.copied), (process.pid, process.counts.get("cow.pages_copied")));
        assert_eq!(lane.ended.map(|(_, status)| status), process.end, "{name}: pid {}", lane.pid);
    }
    let forks = timeline.marks.iter().filter(|mark| matches!(mark.what, Happening::Fork { .. })).count();
    let counted = report.machine.get("fork.fork") + report.machine.get("fork.vfork");
    assert_eq!(forks as u64, counted, "{name}");
    let exits = timeline.marks.iter().filter(|mark| matches!(mark.what, Happening::Exit { .. })).count();
    assert_eq!(exits, report.processes.iter().filter(|process| process.end.is_some()).count(), "{name}");
}

#[test]
fn every_sample_is_what_a_walk_finds_at_its_moment() {
    let linux = MemoryPolicy::LINUX;
    let odf = MemoryPolicy { fork: ForkMode::Odf, ..linux.clone() };
    let eager = MemoryPolicy { fork: ForkMode::Eager, ..linux.clone() };
    let huge = MemoryPolicy { thp: Thp::Always, ..linux.clone() };
    let storm = Job::guest("cow-storm").arguments(["1", "2"]);
    let jobs = [
        ("storm", storm.clone().policy(&linux)),
        ("storm, odf", storm.clone().policy(&odf)),
        ("storm, eager", storm.clone().policy(&eager)),
        ("storm, two harts", storm.policy(&linux).harts(2)),
        ("huge pages", Job::guest("huge-pages").policy(&huge)),
        ("vfork", Job::guest("vfork-shares").policy(&linux)),
        ("pipeline", Job::guest("pipeline").policy(&linux)),
        ("threads", Job::guest("threads").policy(&linux)),
    ];
    for (name, job) in jobs {
        let (timeline, found, report) = record(job, true);
        check_totals(name, &timeline, &report);
        for Sample { time_ns, in_use, most, shared, .. } in &timeline.samples {
            let walked = &found[time_ns];
            assert_eq!((*in_use, *shared), (walked.in_use, walked.shared), "{name} at {time_ns} ns");
            assert!(most >= in_use, "{name} at {time_ns} ns");
        }
        for lane in &timeline.lanes {
            assert!(!lane.points.is_empty(), "{name}: pid {}", lane.pid);
            for point in &lane.points {
                let Usage { resident, shared, .. } = point.usage;
                let walked = found[&point.time_ns].usages.get(&lane.pid).copied().unwrap_or_default();
                assert_eq!((resident, shared), walked, "{name}: pid {} at {} ns", lane.pid, point.time_ns);
            }
        }
        if timeline.stretch_ns == 1 {
            // Every change is there: between two samples nothing was other than at the first.
            for pair in timeline.samples.windows(2) {
                for (time_ns, walked) in found.range(pair[0].time_ns..pair[1].time_ns) {
                    assert_eq!(walked.in_use, pair[0].in_use, "{name} at {time_ns} ns");
                }
            }
        }
    }
}

#[test]
fn a_long_run_keeps_its_peak_and_its_totals_in_few_samples() {
    let (timeline, _, report) = record(Job::guest("cow-storm").policy(&MemoryPolicy::LINUX), false);
    check_totals("storm", &timeline, &report);
    assert!(timeline.stretch_ns > 1 && timeline.stretch_ns.is_power_of_two(), "{}", timeline.stretch_ns);
    assert!((MOST_SAMPLES / 4..=MOST_SAMPLES).contains(&timeline.samples.len()));
    let stretches: Vec<_> =
        timeline.samples.iter().map(|sample| sample.time_ns / timeline.stretch_ns).collect();
    let (last, others) = stretches.split_last().unwrap();
    assert!(others.is_sorted_by(|a, b| a < b) && others.last() <= Some(last));
}

#[test]
fn processes_are_born_and_die_where_their_events_say() {
    let (timeline, ..) = record(Job::guest("fork-exec").policy(&MemoryPolicy::LINUX), false);
    let [parent, child] = &timeline.lanes[..] else { panic!("{:?}", timeline.lanes) };
    assert_eq!((parent.began_ns, child.parent), (0, parent.pid));
    let marks: Vec<_> = timeline.marks.iter().map(|mark| (mark.pid, &mark.what)).collect();
    let [(_, Happening::Exec { .. }), fork, exec, exit, end] = &marks[..] else { panic!("{marks:?}") };
    assert_eq!(*fork, (parent.pid, &Happening::Fork { kind: "fork", child: child.pid }));
    assert!(exec.0 == child.pid && matches!(exec.1, Happening::Exec { .. }), "{exec:?}");
    assert_eq!([exit.0, end.0], [child.pid, parent.pid]);
    let Some((ended_ns, WaitStatus::Exited(7))) = child.ended else { panic!("{child:?}") };
    assert!(child.began_ns < ended_ns && timeline.marks[1].time_ns == child.began_ns);
}
