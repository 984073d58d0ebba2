//! The scheduler: which task runs on which hart, who waits for what, and what time it is.
//!
//! Harts interleave deterministically: the hart whose clock is furthest behind runs next, the lowest number first. A
//! hart's clock advances by one nanosecond for each retired instruction and by [`TRAP_NS`] for each trap; an idle hart's
//! clock waits until it is given a task.

use super::priority::Scheduling;
use crate::fs::Wait;
use crate::random::Random;
use crate::{HartId, Pid};
use smallvec::SmallVec;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Virtual time charged for a trap, in nanoseconds.
pub const TRAP_NS: u64 = 250;
/// How long a task runs before the next ready one gets its hart: one tick of a 250 Hz kernel.
pub const SLICE_NS: u64 = 4_000_000;
/// How long a task with an ordinary policy runs at least on a machine with one hart, before one that wakes may take its place
/// (Linux 6.12 kernel/sched/fair.c `sysctl_sched_base_slice`, `RUN_TO_PARITY`).
const BASE_SLICE_NS: u64 = 700_000;
/// With several harts, how many instructions one runs before the others catch up.
pub const INTERLEAVE: u64 = 1_000;
/// A deadline that never comes: the end of Linux's clock, in the year 2262 (include/linux/ktime.h `KTIME_MAX`). Clocks that
/// jump to earlier deadlines alone cannot overflow.
pub(crate) const NEVER_NS: u64 = i64::MAX as u64;

/// Something that a task waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum WaitKey {
    /// Something in the file system: data, room, an end gone.
    File(Wait),
    /// A change of state of a child of this process.
    ChildOf(Pid),
    /// The address space that this vfork child borrowed.
    VforkDone(Pid),
}

/// A timer that expires at a time, whoever runs then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Alarm {
    /// The real-time interval timer of a process.
    Interval(Pid),
    /// A timer that a process made, by its number.
    Timer(Pid, i32),
}

/// What one hart is doing.
#[derive(Clone, Debug, Default)]
pub struct HartSlot {
    /// The task on it.
    pub current: Option<Pid>,
    /// The task that ran there last.
    pub previous: Option<Pid>,
    /// Whether it is in U-mode: its last run ended with its budget and not with a trap.
    pub in_user: bool,
    /// Its clock.
    pub now_ns: u64,
    /// When the current task was put there.
    pub since_ns: u64,
    /// When the current task has had its share.
    pub slice_end_ns: u64,
}

/// Run queue, waiters, timers and hart clocks.
#[derive(Clone, Debug)]
pub struct Scheduler {
    harts: Vec<HartSlot>,
    ready: VecDeque<Pid>,
    waiters: BTreeMap<WaitKey, BTreeSet<Pid>>,
    waiting: BTreeMap<Pid, Vec<WaitKey>>,
    timers: BTreeSet<(u64, Pid)>,
    alarms: BTreeSet<(u64, Alarm)>,
    deadlines: BTreeMap<Pid, u64>,
    /// The real-time priorities of the tasks that have one.
    ranks: BTreeMap<Pid, u32>,
    idle_ns: u64,
    chance: Option<Random>,
}

impl Scheduler {
    /// Makes a scheduler for `harts` harts. Seed 0 is strict round robin; any other seed varies the length of slices and
    /// the choice among ready tasks.
    pub fn new(harts: u32, seed: u64) -> Self {
        Self {
            harts: vec![HartSlot::default(); harts as usize],
            ready: VecDeque::new(),
            waiters: BTreeMap::new(),
            waiting: BTreeMap::new(),
            timers: BTreeSet::new(),
            alarms: BTreeSet::new(),
            deadlines: BTreeMap::new(),
            ranks: BTreeMap::new(),
            idle_ns: 0,
            chance: (seed != 0).then_some(Random::new(seed)),
        }
    }

    /// Returns a hart's slot.
    pub fn hart(&self, hart: HartId) -> &HartSlot {
        &self.harts[hart.0 as usize]
    }

    /// Returns a hart's slot to change.
    pub fn hart_mut(&mut self, hart: HartId) -> &mut HartSlot {
        &mut self.harts[hart.0 as usize]
    }

    /// Returns how many harts there are.
    pub fn hart_count(&self) -> u32 {
        self.harts.len() as u32
    }

    /// Returns the virtual time that passed with nothing runnable.
    pub fn idle_ns(&self) -> u64 {
        self.idle_ns
    }

    /// Returns the latest clock: the time that has passed in the machine.
    pub fn latest_ns(&self) -> u64 {
        self.harts.iter().map(|hart| hart.now_ns).max().unwrap_or(0)
    }

    /// Sets the real-time priority of a task; 0 is none. Where it is ready already, it takes its new place.
    pub fn set_rank(&mut self, task: Pid, priority: u32) {
        match priority {
            0 => self.ranks.remove(&task),
            _ => self.ranks.insert(task, priority),
        };
        if self.ready.contains(&task) {
            self.ready.retain(|ready| *ready != task);
            self.enqueue(task);
        }
    }

    /// Returns the real-time priority of a task; 0 is none.
    pub fn rank(&self, task: Pid) -> u32 {
        self.ranks.get(&task).copied().unwrap_or(0)
    }

    /// Puts a task into the run queue, behind its equals and those that outrank it.
    pub fn enqueue(&mut self, task: Pid) {
        if self.ranks.is_empty() {
            self.ready.push_back(task);
        } else {
            let rank = self.rank(task);
            let place = self.ready.iter().rposition(|ready| self.rank(*ready) >= rank).map_or(0, |at| at + 1);
            self.ready.insert(place, task);
            self.cut_slice(rank, |_| true);
        }
    }

    /// Puts a task into the run queue, before its equals.
    pub fn enqueue_first(&mut self, task: Pid) {
        let rank = self.rank(task);
        let place = self.ready.iter().position(|ready| self.rank(*ready) <= rank);
        self.ready.insert(place.unwrap_or(self.ready.len()), task);
    }

    /// Ends the slice of the least urgent task on a hart that is `allowed`, if one that has just become ready outranks it and
    /// none of those harts is idle.
    fn cut_slice(&mut self, rank: u32, allowed: impl Fn(HartId) -> bool) {
        let running = self.harts.iter().enumerate().filter(|(index, _)| allowed(HartId(*index as u32)));
        let lowest = running.min_by_key(|(_, slot)| slot.current.map(|task| self.rank(task)));
        let Some((index, task)) = lowest.and_then(|(index, slot)| Some((index, slot.current?))) else {
            return;
        };
        if self.rank(task) < rank {
            let slot = &mut self.harts[index];
            slot.slice_end_ns = slot.now_ns;
        }
    }

    /// Returns how long a task with an ordinary policy runs at least: the longer, the more harts there are
    /// (`get_update_sysctl_factor`).
    pub fn base_slice_ns(&self) -> u64 {
        BASE_SLICE_NS * (1 + u64::from(self.hart_count().min(8).ilog2()))
    }

    /// Ends a slice for a task that has woken: the one that has lasted longest on a hart that is `allowed`, unless one of those is
    /// idle or nobody has run long enough (`check_preempt_wakeup_fair`). A real-time priority gives way to higher ones alone, and
    /// to those at once.
    pub fn end_long_slice(&mut self, woken: Pid, allowed: impl Fn(HartId) -> bool) {
        let least_ns = self.base_slice_ns();
        if self.rank(woken) != 0 {
            self.cut_slice(self.rank(woken), allowed);
            return;
        }
        if self.idle_harts().into_iter().any(&allowed) {
            return;
        }
        let harts = (0..).map(HartId).zip(&self.harts).filter(|(hart, _)| allowed(*hart));
        let ran = harts.filter_map(|(hart, slot)| {
            let is_ordinary = slot.current.is_some_and(|task| !self.ranks.contains_key(&task));
            Some((slot.now_ns - slot.since_ns, hart)).filter(|(ran_ns, _)| is_ordinary && *ran_ns >= least_ns)
        });
        if let Some((_, hart)) = ran.max() {
            let slot = self.hart_mut(hart);
            slot.slice_end_ns = slot.slice_end_ns.min(slot.now_ns);
        }
    }

    /// Tells whether a task waits for a hart that gets its turn before `task`, or when that one gives way.
    pub fn has_rival(&self, task: Pid) -> bool {
        self.ready.front().is_some_and(|ready| self.rank(*ready) >= self.rank(task))
    }

    /// Tells whether a task waits for a hart that is more urgent than `task`.
    pub fn is_outranked(&self, task: Pid) -> bool {
        self.ready.front().is_some_and(|ready| self.rank(*ready) > self.rank(task))
    }

    /// Tells whether a task waits for a hart.
    pub fn has_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// Takes the task that runs next, of those that are allowed to.
    pub fn dequeue(&mut self, allowed: impl Fn(Pid) -> bool) -> Option<Pid> {
        let mut open = self.ready.iter().enumerate().filter(|(_, task)| allowed(**task));
        let (first, most_urgent) = open.next().map(|(index, task)| (index, self.rank(*task)))?;
        let ranks = &self.ranks;
        let open = open.filter(|(_, task)| ranks.get(task).copied().unwrap_or(0) == most_urgent);
        let index = match &mut self.chance {
            Some(chance) => {
                let others: Vec<usize> = open.map(|(index, _)| index).collect();
                // Where there is no choice, chance is not asked.
                let pick =
                    if others.is_empty() { 0 } else { chance.next_u64() as usize % (others.len() + 1) };
                pick.checked_sub(1).map_or(first, |other| others[other])
            }
            None => first,
        };
        self.ready.remove(index)
    }

    /// Returns how long the next slice is, of a task that gets a hart by these rules.
    pub fn slice_ns(&mut self, rules: Scheduling) -> u64 {
        rules.share_of(match &mut self.chance {
            Some(chance) => SLICE_NS / 1_000 + chance.next_u64() % SLICE_NS,
            None => SLICE_NS,
        })
    }

    /// Decides by chance whether a new child runs first; `None` for seed 0, which leaves it to the policy.
    pub fn coin(&mut self) -> Option<bool> {
        self.chance.as_mut().map(|chance| chance.next_u64() & 1 == 1)
    }

    /// Returns the hart that a task is on.
    pub fn hart_of(&self, task: Pid) -> Option<HartId> {
        let index = self.harts.iter().position(|slot| slot.current == Some(task))?;
        Some(HartId(index as u32))
    }

    /// Takes a task that is on no hart out of the run queue, and out of whatever it waits for.
    pub fn remove(&mut self, task: Pid) {
        self.stop_waiting(task);
        self.ranks.remove(&task);
        self.ready.retain(|ready| *ready != task);
    }

    /// Has a hart go on with its task under another number.
    pub fn rename(&mut self, hart: HartId, task: Pid) {
        if let Some(rank) = self.hart(hart).current.and_then(|before| self.ranks.remove(&before)) {
            self.ranks.insert(task, rank);
        }
        let slot = self.hart_mut(hart);
        (slot.current, slot.previous) = (Some(task), Some(task));
    }

    /// Returns the idle harts, those furthest behind first.
    pub fn idle_harts(&self) -> SmallVec<[HartId; 4]> {
        let idle = (0..).map(HartId).zip(&self.harts).filter(|(_, slot)| slot.current.is_none());
        let mut idle: SmallVec<[HartId; 4]> = idle.map(|(hart, _)| hart).collect();
        idle.sort_unstable_by_key(|&hart| (self.hart(hart).now_ns, hart));
        idle
    }

    /// Returns the busy hart that runs next: the one furthest behind.
    pub fn busy_hart(&self) -> Option<HartId> {
        let busy = (0..).map(HartId).zip(&self.harts).filter(|(_, slot)| slot.current.is_some());
        busy.map(|(hart, slot)| (slot.now_ns, hart)).min().map(|(_, hart)| hart)
    }

    /// Records that `task` waits for any of `keys`, or until `deadline_ns`.
    pub fn sleep(&mut self, task: Pid, keys: Vec<WaitKey>, deadline_ns: Option<u64>) {
        for key in &keys {
            self.waiters.entry(*key).or_default().insert(task);
        }
        self.waiting.insert(task, keys);
        if let Some(deadline) = deadline_ns {
            self.timers.insert((deadline, task));
            self.deadlines.insert(task, deadline);
        }
    }

    /// Makes a waiting task ready; a task that does not wait is left alone.
    pub fn wake(&mut self, task: Pid) -> bool {
        let waited = self.stop_waiting(task);
        if waited {
            self.enqueue(task);
        }
        waited
    }

    fn stop_waiting(&mut self, task: Pid) -> bool {
        let Some(keys) = self.waiting.remove(&task) else { return false };
        for key in keys {
            if let Some(waiters) = self.waiters.get_mut(&key) {
                waiters.remove(&task);
                if waiters.is_empty() {
                    self.waiters.remove(&key);
                }
            }
        }
        if let Some(deadline) = self.deadlines.remove(&task) {
            self.timers.remove(&(deadline, task));
        }
        true
    }

    /// Tells whether a task waits for `key`.
    pub fn has_waiters(&self, key: WaitKey) -> bool {
        self.waiters.contains_key(&key)
    }

    /// Returns the tasks that wait for `key`, lowest number first.
    pub fn waiters(&self, key: WaitKey) -> Vec<Pid> {
        self.waiters.get(&key).map(|tasks| tasks.iter().copied().collect()).unwrap_or_default()
    }

    /// Returns when the next sleep ends or the next alarm fires, if one ever does.
    #[inline]
    pub fn next_timer_ns(&self) -> Option<u64> {
        // As it is nearly always, and each trap asks.
        if self.timers.is_empty() && self.alarms.is_empty() {
            return None;
        }
        let sleep = self.timers.first().map(|(deadline, _)| *deadline);
        let alarm = self.alarms.first().map(|(deadline, _)| *deadline);
        let next = [sleep, alarm].into_iter().flatten().min();
        next.filter(|deadline| *deadline < NEVER_NS)
    }

    /// Moves an alarm from one time to another; `None` is no alarm.
    pub fn set_alarm(&mut self, alarm: Alarm, before_ns: Option<u64>, after_ns: Option<u64>) {
        if let Some(before) = before_ns {
            self.alarms.remove(&(before, alarm));
        }
        if let Some(after) = after_ns {
            self.alarms.insert((after, alarm));
        }
    }

    /// Returns the alarms that are due at `now_ns`, and since when.
    pub fn due_alarms(&self, now_ns: u64) -> Vec<(Alarm, u64)> {
        let due = self.alarms.iter().take_while(|(deadline, _)| *deadline <= now_ns);
        due.map(|(at, alarm)| (*alarm, *at)).collect()
    }

    /// Returns the tasks whose timers have fired at `now_ns`.
    pub fn expired(&self, now_ns: u64) -> Vec<Pid> {
        self.timers.iter().take_while(|(deadline, _)| *deadline <= now_ns).map(|(_, task)| *task).collect()
    }

    /// Lets an idle machine jump to `until_ns`.
    pub fn idle_until(&mut self, until_ns: u64) {
        self.idle_ns += until_ns.saturating_sub(self.latest_ns());
        for slot in &mut self.harts {
            slot.now_ns = slot.now_ns.max(until_ns);
        }
    }
}
