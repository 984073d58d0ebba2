//! Several tasks in one process: how they begin, wait for each other, take signals and end.

use crate::script::{DATA, HANDLER, Script, page, script};
use crate::world::{FIRST, Setup, World, run_in};
use tine_kernel::task::Signal;
use tine_kernel::{Errno, Outcome, WaitStatus};
use tine_mmu::VirtAddr;

/// `CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM`.
const THREAD: u64 = 0x5_0f00;
const CLEARTID: u64 = 0x20_0000;
const CLONE: u64 = 220;
const CLONE3: u64 = 435;
const FUTEX: u64 = 98;
const WAIT: u64 = 0;
const WAKE: u64 = 1;
const CMP_REQUEUE: u64 = 4;
const WAKE_OP: u64 = 5;
const WAIT_BITSET: u64 = 9;
const WAKE_BITSET: u64 = 10;
const PRIVATE: u64 = 128;
/// What the second task of the first process is called.
const SECOND_TASK: u64 = 3;

trait Threads {
    fn thread(self, body: Script) -> Self;
    fn wait_word(self, at: VirtAddr, value: u64) -> Self;
    fn exit_group(self, status: i32) -> Self;
}

impl Threads for Script {
    fn thread(self, body: Script) -> Self {
        self.clone_with(THREAD, body)
    }

    /// Waits for a word that holds `value`.
    fn wait_word(self, at: VirtAddr, value: u64) -> Self {
        self.call(FUTEX, [at.into(), WAIT.into(), value.into(), 0.into()])
    }

    fn exit_group(self, status: i32) -> Self {
        self.call(94, [status.into()])
    }
}

/// Runs a script on one hart and on four, and returns how it ended, the same on both.
fn run_anywhere(steps: &Script) -> (WaitStatus, World) {
    let world = |harts| {
        let mut world = World::new(Setup { harts, ..Setup::default() }, steps.clone());
        let status = world.run();
        (status, world)
    };
    let (alone, _) = world(1);
    let (together, world) = world(4);
    assert_eq!(alone, together);
    (alone, world)
}

#[test]
fn end_of_a_task_clears_its_word_and_wakes_who_waits() {
    let body = script().sleep_ns(1_000_000, page(3)).store(page(1), 5).exit(0);
    let steps = script()
        .store(DATA, 7)
        .call(CLONE, [(THREAD | CLEARTID).into(), 0.into(), 0.into(), 0.into(), DATA.into()])
        .if_zero(body)
        .wait_word(DATA, 7)
        .is(0)
        .load(DATA)
        .is(0)
        .load(page(1))
        .is(5)
        .exit(4);
    let (status, world) = run_anywhere(&steps);
    assert_eq!(status, WaitStatus::Exited(4));
    assert_eq!((world.memory(FIRST).threads, world.memory(FIRST).forks), (1, 0));
    assert_eq!(world.kernel.processes().len(), 1, "a thread is no process");
}

#[test]
fn any_task_ends_them_all_wherever_they_are() {
    let spinner = script().compute(1 << 40).exit(0);
    let sleeper = script().sleep_ns(1 << 50, page(3)).exit(0);
    let killer = script().sleep_ns(1_000_000, page(4)).exit_group(9);
    let steps = script().thread(spinner).thread(sleeper).thread(killer).wait_word(DATA, 0).exit(1);
    let (status, world) = run_anywhere(&steps);
    assert_eq!(status, WaitStatus::Exited(9));
    assert_eq!(world.memory(FIRST).threads, 3);
}

#[test]
fn fatal_signal_of_one_task_ends_them_all() {
    let steps = script().thread(script().store(VirtAddr(0), 1)).wait_word(DATA, 0).exit(1);
    let (status, _) = run_anywhere(&steps);
    assert_eq!(status, WaitStatus::Killed { signal: Signal::SIGSEGV, core: false });
}

#[test]
fn last_task_decides_how_the_process_ended() {
    let last = script().sleep_ns(1_000_000, page(3)).getpid().is(2).exit(2);
    let (status, _) = run_anywhere(&script().thread(last).exit(1));
    assert_eq!(status, WaitStatus::Exited(2));
}

#[test]
fn exec_in_a_thread_leaves_one_task_with_the_number_of_the_process() {
    for harts in [1, 4] {
        let exec = script().string(page(5), "/bin/next").exec(page(5)).exit(1);
        let steps =
            script().thread(script().compute(1 << 40).exit(0)).thread(exec).wait_word(DATA, 0).exit(1);
        let mut world = World::new(Setup { harts, ..Setup::default() }, steps);
        world.install("/bin/next", &script().getpid().is(2).call(178, []).is(2).exit(6));
        assert_eq!(world.run(), WaitStatus::Exited(6));
    }
}

#[test]
fn mutex_whose_owner_died_is_marked_and_its_waiter_woken() {
    let (head, entry) = (page(2), page(2) + 0x20);
    let (word, waiters) = (entry + 8, 0x8000_0000);
    let owner = script()
        .store(head, entry.0)
        .store(head + 8, 8)
        .store(head + 16, 0)
        .store(entry, head.0)
        .store(word, SECOND_TASK | waiters)
        .call(99, [head.into(), 24.into()])
        .is(0)
        .sleep_ns(2_000_000, page(3))
        .exit(0);
    let steps = script()
        .thread(owner)
        .sleep_ns(1_000_000, page(4))
        .wait_word(word, SECOND_TASK | waiters)
        .is(0)
        .load(word)
        .is(waiters | 0x4000_0000)
        .exit(0);
    assert_eq!(run_anywhere(&steps).0, WaitStatus::Exited(0));
}

#[test]
fn signal_goes_to_a_task_that_does_not_block_it() {
    let handler = script().store(DATA, 1).call(139, []);
    let taker = script().sleep_ns(1 << 40, page(3)).fails(Errno::EINTR).load(DATA).is(1).exit_group(5);
    let main = script()
        .sigaction(10, HANDLER.0, page(6))
        .thread(taker)
        .store(page(7), 1 << 9)
        .call(135, [0.into(), page(7).into(), 0.into(), 8.into()])
        .is(0)
        .sleep_ns(1_000_000, page(4))
        .kill(2, 10)
        .is(0)
        .wait_word(page(8), 0)
        .exit(1);
    assert_eq!(run_anywhere(&main.with_handler(handler)).0, WaitStatus::Exited(5));
}

#[test]
fn requeued_waiters_wait_for_the_other_word() {
    let (first, second) = (DATA, DATA + 64);
    let waiter = || script().wait_word(first, 0).is(0).exit(0);
    let steps = script()
        .thread(waiter())
        .thread(waiter())
        .thread(waiter())
        .sleep_ns(1_000_000, page(3))
        .call(FUTEX, [first.into(), CMP_REQUEUE.into(), 1.into(), 1.into(), second.into(), 1.into()])
        .fails(Errno::EAGAIN)
        .call(FUTEX, [first.into(), CMP_REQUEUE.into(), 1.into(), 1.into(), second.into(), 0.into()])
        .is(2)
        .call(FUTEX, [second.into(), WAKE.into(), 9.into()])
        .is(1)
        // `*second += 2`, and who waits there too if it was 0: nobody does any more.
        .call(FUTEX, [first.into(), WAKE_OP.into(), 1.into(), 1.into(), second.into(), 0x1000_2000.into()])
        .is(1)
        .load(second)
        .is(2)
        .exit(0);
    assert_eq!(run_anywhere(&steps).0, WaitStatus::Exited(0));
}

#[test]
fn waiters_hear_only_their_own_bits_and_scope() {
    let waiter = script()
        .call(FUTEX, [DATA.into(), (WAIT_BITSET | PRIVATE).into(), 0.into(), 0.into(), 0.into(), 2.into()])
        .is(0)
        .exit(0);
    let wake = |operation: u64, bits: u64| {
        [DATA.into(), operation.into(), 1.into(), 0.into(), 0.into(), bits.into()]
    };
    let steps = script()
        .thread(waiter)
        .sleep_ns(1_000_000, page(3))
        .call(FUTEX, wake(WAKE_BITSET | PRIVATE, 1))
        .is(0)
        .call(FUTEX, wake(WAKE_BITSET, 2))
        .is(0)
        .call(FUTEX, wake(WAKE_BITSET | PRIVATE, 6))
        .is(1)
        .exit(0);
    assert_eq!(run_anywhere(&steps).0, WaitStatus::Exited(0));
}

#[test]
fn futex_refuses_what_makes_no_sense() {
    let futex = |at: u64, operation: u64, value: u64, timeout: u64| {
        [at.into(), operation.into(), value.into(), timeout.into(), 0.into(), 0.into()]
    };
    let steps = script()
        .store(page(1), 0)
        .store(page(1) + 8, 1_000_000)
        .call(FUTEX, futex(DATA.0, WAIT, 1, 0))
        .fails(Errno::EAGAIN)
        .call(FUTEX, futex(DATA.0, WAIT, 0, page(1).0))
        .fails(Errno::ETIMEDOUT)
        .call(FUTEX, futex(DATA.0 + 1, WAIT, 0, 0))
        .fails(Errno::EINVAL)
        .call(FUTEX, futex(16, WAIT, 0, 0))
        .fails(Errno::EFAULT)
        .call(FUTEX, futex(DATA.0, WAIT_BITSET, 0, 0))
        .fails(Errno::EINVAL)
        .call(FUTEX, futex(DATA.0, 2, 0, 0))
        .fails(Errno::ENOSYS)
        .call(FUTEX, futex(DATA.0, WAIT | 256, 0, 0))
        .fails(Errno::ENOSYS)
        .exit(0);
    assert_eq!(run_anywhere(&steps).0, WaitStatus::Exited(0));
}

#[test]
fn clone_refuses_flags_that_contradict_each_other() {
    let refused = |steps: Script, flags: u64| steps.call(CLONE, [flags.into()]).fails(Errno::EINVAL);
    let steps = [0x1_0000, 0x1_0100, 0x800, 0x2000_0000].into_iter().fold(script(), refused);
    let steps = steps
        .call(CLONE3, [DATA.into(), 63.into()])
        .fails(Errno::EINVAL)
        .call(CLONE3, [DATA.into(), 4097.into()])
        .fails(Errno::E2BIG)
        .store(DATA, 0x40_0000)
        .call(CLONE3, [DATA.into(), 64.into()])
        .fails(Errno::EINVAL)
        .exit(0);
    assert_eq!(run_anywhere(&steps).0, WaitStatus::Exited(0));
}

#[test]
fn barrier_needs_its_registration() {
    let barrier = |steps: Script, command: u64| steps.call(283, [command.into(), 0.into(), 0.into()]);
    let steps = barrier(script(), 8).fails(Errno::EPERM);
    let steps = barrier(barrier(steps, 16).is(0), 8).is(0);
    assert_eq!(run_anywhere(&steps.exit(0)).0, WaitStatus::Exited(0));
}

#[test]
fn tasks_that_wait_for_each_other_are_a_deadlock() {
    let mut world =
        World::new(Setup::default(), script().thread(script().wait_word(DATA, 0)).wait_word(page(1), 0));
    let Outcome::Deadlock(stuck) = world.run_to_outcome() else { panic!("nobody can wake them") };
    assert_eq!(stuck.len(), 2);
    assert!(stuck.iter().all(|task| task.waits_for.starts_with("the futex at")), "{stuck:?}");
}

#[test]
fn affinity_keeps_a_task_on_its_hart() {
    let setup = Setup { harts: 4, ..Setup::default() };
    let on = |steps: Script, hart: u64| {
        steps
            .store(DATA, 1_u64 << hart)
            .call(122, [0.into(), 8.into(), DATA.into()])
            .is(0)
            .call(168, [page(1).into(), 0.into(), 0.into()])
            .load(page(1))
            .is(hart)
    };
    let steps = (0..4).fold(script().store(page(1), 0), on).exit(0);
    run_in(setup, steps);
}
