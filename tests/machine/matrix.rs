//! What may not change anything, and what may: engines, seeds and numbers of harts.

use crate::support::{Job, Run, expected, guest_names};
use tine_machine::{Engine, Interest};

const SEEDS: [u64; 2] = [0, 7];
const HARTS: [u32; 2] = [1, 4];

/// Runs a guest with everything that happens written down.
fn watched(name: &str, harts: u32, seed: u64, engine: Engine) -> Run {
    Job::guest(name).harts(harts).seed(seed).engine(engine).watching(Interest::COLD).run()
}

/// Output, every event with its time, and every count are the same for both engines, and so for two runs of one.
#[test]
fn engines_agree_and_runs_repeat() {
    for name in guest_names() {
        for (harts, seed) in HARTS.into_iter().flat_map(|harts| SEEDS.map(|seed| (harts, seed))) {
            let threaded = watched(&name, harts, seed, Engine::Threaded);
            let what = format!("{name} on {harts} harts, seed {seed}");
            assert!(threaded == watched(&name, harts, seed, Engine::Plain), "{what}: the engines differ");
            assert!(threaded == watched(&name, harts, seed, Engine::Threaded), "{what}: two runs differ");
            assert_eq!(threaded.stdout(), expected("guest/expected", &name), "{what}");
            assert_eq!(threaded.report.machine.get("sfence.all"), 0, "{what}: everything was flushed");
        }
    }
}

/// Another seed schedules otherwise, and the counts show it.
#[test]
fn a_seed_chooses_another_order() {
    let run = |seed| watched("fork-many", 1, seed, Engine::default());
    assert_ne!(run(0).events, run(7).events);
    assert_ne!(run(7).events, run(8).events);
}

/// Four processes on four harts run at the same time: each hart executes, and changes of one address space are told to the
/// harts on which it ran before.
#[test]
fn four_harts_share_the_work_and_tell_each_other() {
    let report = watched("prefork", 4, 0, Engine::default()).report;
    assert_eq!(report.harts.len(), 4);
    for (hart, counts) in report.harts.iter().enumerate() {
        assert!(counts.get("instructions.user") > 0, "hart {hart} never ran");
        assert!(counts.get("sched.switches") > 0, "hart {hart} was given no task");
    }
    assert!(report.machine.get("sfence.remote") > 0, "the master ran on several harts and forked on one");
    let alone = watched("prefork", 1, 0, Engine::default()).report;
    assert_eq!(alone.machine.get("sfence.remote"), 0, "there is nobody to tell");
}
