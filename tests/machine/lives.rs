//! The lives of processes: which pages of each segment were shared, copied, reused and left alone, and which descriptors were
//! inherited.

use crate::support::Job;
use tine_machine::lives::{Beginning, Collector, Ending, Life, Segment};
use tine_machine::{Event, EventSink, ForkMode, Guest, MemoryPolicy, WaitStatus};

#[derive(Default)]
struct Watcher(Collector);

impl EventSink for Watcher {
    fn event(&mut self, event: &Event, guest: Guest<'_>) {
        self.0.event(event, guest);
    }
}

#[track_caller]
fn lives(job: Job) -> Vec<Life> {
    let mut watcher = Watcher::default();
    let mut lives = Vec::new();
    job.watching(Collector::INTEREST)
        .run_with(&mut watcher, |watcher, guest| lives = std::mem::take(&mut watcher.0).finish(guest));
    for segment in lives.iter().filter_map(|life| life.segments.as_ref()).flatten() {
        let Segment { shared, copied, reused, kept, own, untouched, .. } = segment;
        assert_eq!(shared + copied + reused + kept + own + untouched, segment.pages, "{segment:?}");
    }
    lives
}

/// Returns the figures of a segment: shared, copied, reused, kept, own, untouched.
#[track_caller]
fn figures(life: &Life, name: &str) -> [u64; 6] {
    let segments = life.segments.as_ref().expect("memory of its own");
    let segment = segments.iter().find(|segment| segment.name == name);
    let segment = segment.unwrap_or_else(|| panic!("{name}: {segments:?}"));
    [segment.shared, segment.copied, segment.reused, segment.kept, segment.own, segment.untouched]
}

/// The child stores to 1 of 4 pages of data, 2 of bss, 3 of the heap, and 4 and what is in use of the stack.
#[test]
fn each_segment_is_copied_as_it_is_written() {
    let lives = lives(Job::guest("segments"));
    let [parent, child] = &lives[..] else { panic!("{lives:?}") };
    assert!(matches!(child.began, Beginning::Fork { kind: "fork", .. }));
    assert_eq!(child.ended, Ending::Exit(WaitStatus::Exited(0)));
    assert_eq!(figures(child, "text"), [1, 0, 0, 0, 0, 0]);
    assert_eq!(figures(child, "data"), [3, 1, 0, 0, 0, 0]);
    assert_eq!(figures(child, "bss"), [2, 2, 0, 0, 0, 0]);
    assert_eq!(figures(child, "heap"), [1, 3, 0, 0, 0, 0]);
    // When the child ends, the parent has all pages, its own or as the only owner; it made them itself.
    assert_eq!(figures(parent, "bss"), [0, 0, 0, 0, 4, 0]);
    assert_eq!(figures(parent, "heap"), [0, 0, 0, 0, 4, 0]);
}

#[test]
fn an_eager_fork_has_copied_everything_beforehand() {
    let eager = MemoryPolicy { fork: ForkMode::Eager, ..MemoryPolicy::TEXTBOOK };
    let lives = lives(Job::guest("segments").policy(&eager));
    for (name, pages) in [("data", 4), ("bss", 4), ("heap", 4)] {
        assert_eq!(figures(&lives[1], name), [0, pages, 0, 0, 0, 0], "{name}");
    }
}

#[test]
fn exec_begins_another_life_with_the_descriptors_that_stay_open() {
    let lives = lives(Job::guest("fd-cloexec"));
    let [parent, child, program] = &lives[..] else { panic!("{lives:?}") };
    assert_eq!((&parent.began, &child.ended), (&Beginning::Program, &Ending::Exec));
    assert!(child.pid == program.pid && matches!(program.began, Beginning::Exec { .. }));
    let inherited = |life: &Life| -> Vec<_> {
        life.descriptors.iter().skip(3).map(|it| (it.number, it.name.clone(), it.closes_on_exec)).collect()
    };
    let secret = "/secret.txt".to_owned();
    assert_eq!(inherited(child), [(3, secret.clone(), false), (4, secret.clone(), true)]);
    assert_eq!(inherited(program), [(3, secret, false)]);
    // Of what it shared with its parent, the child wrote to one page of the stack before it gave everything up.
    let [_, copied, reused, ..] = figures(child, "stack");
    assert_eq!(copied + reused, 1);
    let own = |name| figures(program, name)[4];
    assert_eq!((own("stack"), figures(program, "text")), (1, [1, 0, 0, 0, 0, 0]));
}

#[test]
fn a_vfork_child_lives_in_its_parents_memory() {
    let lives = lives(Job::guest("vfork-shares"));
    let vforked = lives.iter().find(|life| matches!(life.began, Beginning::Fork { kind: "vfork", .. }));
    assert_eq!(vforked.map(|life| &life.segments), Some(&None));
}
