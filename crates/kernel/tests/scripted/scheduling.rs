//! Time, harts and the order in which tasks run.

use crate::script::{DATA, Script, page, script};
use crate::world::{CHILD, FIRST, Setup, World, run, run_in};
use tine_kernel::task::{SLICE_NS, Signal};
use tine_kernel::{Outcome, WaitStatus};

const READ: u64 = 1;
const NANOSLEEP: u64 = 101;

/// Forks children that each sleep so many milliseconds and then print a letter; waits for all.
fn sleepers(millis: &[(u64, &str)]) -> Script {
    let forked = millis.iter().fold(script(), |steps, (ms, letter)| {
        steps.fork(
            script().string(page(1), letter).sleep_ns(ms * 1_000_000, DATA).write(1, page(1), 1).exit(0),
        )
    });
    millis.iter().fold(forked, |steps, _| steps.wait(0)).exit(0)
}

/// Forks children that each touch pages of their own, compute and print a letter; waits for all.
fn workers(count: u64, instructions: u64) -> Script {
    let forked = (0..count).fold(script(), |steps, index| {
        let letter = char::from(b'a' + index as u8).to_string();
        let work = script().string(page(1), &letter).store_all(2, index + 1, 1).compute(instructions);
        steps.fork(work.write(1, page(1), 1).exit(0))
    });
    (0..count).fold(forked, |steps, _| steps.wait(0)).exit(0)
}

fn sorted(text: &str) -> String {
    let mut letters: Vec<char> = text.chars().collect();
    letters.sort_unstable();
    letters.into_iter().collect()
}

#[test]
fn sleepers_wake_in_order_and_idle_time_is_skipped() {
    let world = run(sleepers(&[(30, "c"), (10, "a"), (20, "b")]));
    assert_eq!(world.output(), "abc");
    let (idle, now) = (world.kernel.sched.idle_ns(), world.kernel.sched.latest_ns());
    assert!((29_000_000..30_000_000).contains(&idle), "{idle} ns idle");
    assert!((30_000_000..30_100_000).contains(&now), "{now} ns passed");
}

#[test]
fn time_is_instructions_and_traps() {
    let mut world = World::new(Setup::default(), script().compute(1_000_000).exit(0));
    let Outcome::Ended(_) = world.run_to_outcome() else { panic!("it ends") };
    // The page fault of the first fetch, and the exit.
    let traps = 2 * tine_kernel::TRAP_NS;
    assert_eq!(world.record(FIRST).account.retired, 1_000_000);
    assert_eq!(world.kernel.sched.latest_ns(), 1_000_000 + traps);
}

#[test]
fn sleep_beyond_the_end_of_time_never_ends() {
    let longest = i64::MAX as u64 / 1_000_000_000 - 1;
    let century = script().store(DATA, longest).store(DATA + 8, 0).call(NANOSLEEP, [DATA.into()]);
    // Once it is possible; from then on there is no such time.
    let mut world = World::new(Setup::default(), century.clone().is(0).and(century).exit(0));
    let Outcome::Deadlock(stuck) = world.run_to_outcome() else { panic!("nothing can wake it") };
    assert_eq!(stuck[0].waits_for, "a timer");
    assert_eq!(world.calls(FIRST, "nanosleep"), (2, 0));
    let forever = script().store(DATA, i64::MAX as u64).call(NANOSLEEP, [DATA.into()]).exit(0);
    let mut world = World::new(Setup::default(), forever);
    assert!(matches!(world.run_to_outcome(), Outcome::Deadlock(_)));
}

#[test]
fn alarm_beyond_the_end_of_time_never_comes() {
    const SETITIMER: u64 = 103;
    const RT_SIGSUSPEND: u64 = 133;
    // No interval; the longest time there is.
    let armed =
        script().store(DATA + 16, i64::MAX as u64).call(SETITIMER, [0.into(), DATA.into(), 0.into()]).is(0);
    let waits = armed.call(RT_SIGSUSPEND, [page(1).into(), 8.into()]).exit(0);
    let mut world = World::new(Setup::default(), waits);
    let Outcome::Deadlock(stuck) = world.run_to_outcome() else { panic!("no signal can come") };
    assert_eq!(stuck[0].waits_for, "a signal");
    assert!(world.kernel.sched.latest_ns() < 1_000_000);
}

#[test]
fn slices_end_while_others_wait() {
    let slices = 5;
    let world = run(workers(2, slices * SLICE_NS));
    assert_eq!(world.output(), "ab");
    let switches = |pid| world.record(pid).account.switches;
    assert_eq!(switches(CHILD), slices + 1);
    assert_eq!(world.record(CHILD).account.retired / SLICE_NS, slices);
}

#[test]
fn number_of_harts_changes_time_and_nothing_else() {
    let work = workers(4, 2 * SLICE_NS);
    let one = run(work.clone());
    for harts in [2, 4] {
        let world = run_in(Setup { harts, ..Setup::default() }, work.clone());
        assert_eq!(sorted(&world.output()), "abcd");
        for pid in (3..7).map(tine_kernel::Pid) {
            assert_eq!(world.memory(pid), one.memory(pid));
            assert_eq!(world.record(pid).account.retired, one.record(pid).account.retired);
        }
        let (alone, together) = (one.kernel.sched.latest_ns(), world.kernel.sched.latest_ns());
        let perfect = alone / u64::from(harts);
        assert!((perfect..perfect * 11 / 10).contains(&together), "{harts} harts: {together} of {alone} ns");
    }
}

#[test]
fn seeds_change_order_and_not_results() {
    let work = workers(5, 2 * SLICE_NS);
    let with_seed = |seed| run_in(Setup { seed, ..Setup::default() }, work.clone());
    let worlds: Vec<World> = (0..6).map(with_seed).collect();
    assert!(worlds.iter().any(|world| world.output() != worlds[0].output()), "chance has no say");
    for world in &worlds {
        assert_eq!(sorted(&world.output()), "abcde");
        for pid in (3..8).map(tine_kernel::Pid) {
            assert_eq!(world.memory(pid).demand_zero, worlds[0].memory(pid).demand_zero);
            assert_eq!(world.status(pid), Some(WaitStatus::Exited(0)));
        }
    }
    // The same seed is the same run.
    assert_eq!(with_seed(3).kernel.processes(), worlds[3].kernel.processes());
    assert_eq!(with_seed(3).output(), worlds[3].output());
}

/// A parent takes the right to write from a page that a task of the same address space, on the other hart, has in its
/// TLB; then lets it store.
fn downgrade_under_a_sharer() -> Script {
    const CLONE_VM_SIGCHLD: u64 = 0x111;
    let child = script().store(DATA, 1).read(3, page(2), 8).is(8).store(DATA, 2).exit(0);
    script()
        .pipe(page(1))
        .clone_with(CLONE_VM_SIGCHLD, child)
        .sleep_ns(1_000_000, page(3))
        .load(DATA)
        .is(1)
        .mprotect(DATA, 1, READ)
        .is(0)
        .write(4, page(3), 8)
        .compute(1_000_000)
}

#[test]
fn remote_hart_is_told_of_a_downgrade() {
    let steps = downgrade_under_a_sharer().wait(u64::from(Signal::SIGSEGV.number())).load(DATA).is(1).exit(0);
    let world = run_in(Setup { harts: 2, ..Setup::default() }, steps.clone());
    assert_eq!(world.tlb(FIRST).sfence.remote, 1);
    assert_eq!(world.memory(CHILD).segv_accerr, 1);
    // A single hart tells nobody.
    assert_eq!(run(steps).total().tlb.sfence.remote, 0);
}

#[test]
fn without_the_remote_fence_a_stale_store_goes_through() {
    let steps = downgrade_under_a_sharer().wait(0).load(DATA).is(2).exit(0);
    let mut world = World::new(Setup { harts: 2, ..Setup::default() }, steps);
    world.harts.remote_fences_arrive = false;
    assert_eq!(world.run(), WaitStatus::Exited(0));
    assert_eq!(world.memory(CHILD).segv_accerr, 0);
}

#[test]
fn instruction_limit_is_exact() {
    let setup = Setup { max_instructions: Some(12_345), ..Setup::default() };
    let mut world = World::new(setup, workers(3, 1_000_000));
    assert_eq!(world.run_to_outcome(), Outcome::InstructionLimit(12_345));
    assert_eq!(world.total().retired, 12_345);
}
