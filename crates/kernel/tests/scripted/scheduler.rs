//! The scheduler alone, under random operations: every task is in exactly one place.

use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use std::collections::{BTreeMap, BTreeSet};
use tine_kernel::task::{Scheduler, WaitKey};
use tine_kernel::{HartId, Pid};

/// Tasks that take part; each begins in the run queue.
const TASKS: i32 = 6;

#[derive(Clone, Debug)]
enum Operation {
    /// The head of the run queue gets an idle hart.
    Dispatch,
    /// The task on a hart goes back to the run queue.
    Preempt(u32),
    /// The task on a hart waits for children of some of the tasks, until a deadline if there is one.
    Sleep(u32, BTreeSet<i32>, Option<u64>),
    /// Somebody has what waiters for a key want.
    Wake(i32),
    /// Time passes to the next deadline.
    Idle,
}

fn operation(harts: u32) -> impl Strategy<Value = Operation> {
    let keys = || prop::collection::btree_set(1..=TASKS, 0..3);
    // Deadlines that are over, that are near, and that never come.
    let deadline = prop::option::of(prop_oneof![0..2_000_u64, Just(i64::MAX as u64), Just(u64::MAX)]);
    prop_oneof![
        4 => Just(Operation::Dispatch),
        1 => (0..harts).prop_map(Operation::Preempt),
        3 => (0..harts, keys(), deadline).prop_map(|(hart, keys, deadline)| Operation::Sleep(hart, keys, deadline)),
        2 => (1..=TASKS).prop_map(Operation::Wake),
        1 => Just(Operation::Idle),
    ]
}

/// What a sleeping task waits for.
type Wait = (BTreeSet<i32>, Option<u64>);

/// The scheduler and what is known of it: who runs, who waits, and that everybody else is ready.
struct Model {
    scheduler: Scheduler,
    waits: BTreeMap<Pid, Wait>,
}

impl Model {
    fn new(harts: u32, seed: u64) -> Self {
        let mut scheduler = Scheduler::new(harts, seed);
        (1..=TASKS).for_each(|task| scheduler.enqueue(Pid(task)));
        Self { scheduler, waits: BTreeMap::new() }
    }

    fn running(&self) -> BTreeSet<Pid> {
        (0..self.scheduler.hart_count())
            .filter_map(|hart| self.scheduler.hart(HartId(hart)).current)
            .collect()
    }

    fn wake(&mut self, woken: &[Pid]) {
        for task in woken {
            assert!(self.scheduler.wake(*task), "{task} waits");
            assert!(!self.scheduler.wake(*task), "{task} is ready once");
            self.waits.remove(task);
        }
    }

    fn apply(&mut self, operation: Operation) {
        match operation {
            Operation::Dispatch => {
                let Some(hart) = self.scheduler.idle_harts().first().copied() else { return };
                let before = self.running();
                if let Some(task) = self.scheduler.dequeue(|_| true) {
                    assert!(
                        !before.contains(&task) && !self.waits.contains_key(&task),
                        "{task} is in two places"
                    );
                    self.scheduler.hart_mut(hart).current = Some(task);
                }
            }
            Operation::Preempt(hart) => {
                if let Some(task) = self.scheduler.hart_mut(HartId(hart)).current.take() {
                    self.scheduler.enqueue(task);
                }
            }
            Operation::Sleep(hart, keys, deadline) => {
                if let Some(task) = self.scheduler.hart_mut(HartId(hart)).current.take() {
                    let wanted = keys.iter().map(|pid| WaitKey::ChildOf(Pid(*pid))).collect();
                    self.scheduler.sleep(task, wanted, deadline);
                    self.waits.insert(task, (keys, deadline));
                }
            }
            Operation::Wake(key) => {
                let expected: Vec<_> = self
                    .waits
                    .iter()
                    .filter(|(_, (keys, _))| keys.contains(&key))
                    .map(|(task, _)| *task)
                    .collect();
                assert_eq!(self.scheduler.waiters(WaitKey::ChildOf(Pid(key))), expected);
                self.wake(&expected);
            }
            Operation::Idle => {
                let Some(deadline) = self.scheduler.next_timer_ns() else { return };
                self.scheduler.idle_until(deadline);
                let due = self.scheduler.expired(deadline);
                assert!(!due.is_empty());
                self.wake(&due);
            }
        }
    }

    /// The next timer is the earliest deadline of those who wait, but for deadlines that never come.
    fn check(&self) {
        let deadlines = self.waits.values().filter_map(|(_, deadline)| *deadline);
        assert_eq!(
            self.scheduler.next_timer_ns(),
            deadlines.filter(|deadline| *deadline < i64::MAX as u64).min()
        );
        let ready = TASKS as usize - self.running().len() - self.waits.len();
        assert_eq!(self.scheduler.has_ready(), ready > 0);
        let furthest = self.scheduler.busy_hart().map(|hart| self.scheduler.hart(hart).now_ns);
        let busy = (0..self.scheduler.hart_count()).map(|hart| self.scheduler.hart(HartId(hart)));
        let clocks = busy.filter(|slot| slot.current.is_some()).map(|slot| slot.now_ns);
        assert_eq!(furthest, clocks.min());
    }

    /// Wakes everybody and counts who comes out of the run queue.
    fn drain(mut self) {
        let waiting: Vec<_> = self.waits.keys().copied().collect();
        self.wake(&waiting);
        let mut seen = self.running();
        while let Some(task) = self.scheduler.dequeue(|_| true) {
            assert!(seen.insert(task), "{task} was queued twice");
        }
        assert_eq!(seen, (1..=TASKS).map(Pid).collect(), "a task is lost");
        assert_eq!(self.scheduler.next_timer_ns(), None);
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(0),
        ..ProptestConfig::default()
    })]

    #[test]
    fn no_task_is_lost_or_in_two_places(
        seed in 0..4_u64,
        (harts, operations) in (1..4_u32).prop_flat_map(|harts| (Just(harts), prop::collection::vec(operation(harts), 1..80))),
    ) {
        let mut model = Model::new(harts, seed);
        for operation in operations {
            model.apply(operation);
            model.check();
        }
        model.drain();
    }
}
