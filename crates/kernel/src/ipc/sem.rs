//! Sets of semaphores (semget(2), semop(2), semctl(2); Linux 6.12 ipc/sem.c).
//!
//! The operations of a call are done all or none. A call that has to wait stands in the queue of its set; whoever changes
//! the set does what the queue now allows, the oldest first, so that nobody who comes later can take it away.

use super::{Object, Permissions};
use crate::{Errno, Kernel, Pid};
use std::collections::{BTreeMap, VecDeque};

/// The highest value (`SEMVMX`), and the most that an exit gives back (`SEMAEM`).
pub(crate) const HIGHEST: i32 = 32767;

/// One operation of semop(2): `struct sembuf`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Operation {
    /// Which semaphore.
    pub index: u16,
    /// What is added to it; 0 waits until it is 0.
    pub change: i16,
    /// `IPC_NOWAIT`, `SEM_UNDO`.
    pub flags: u16,
}

impl Operation {
    /// `IPC_NOWAIT`: fail where it would wait.
    pub(crate) const NO_WAIT: u16 = 0o4000;
    /// `SEM_UNDO`: the end of the process takes it back.
    pub(crate) const UNDO: u16 = 0x1000;

    const fn is_undone(self) -> bool {
        self.flags & Self::UNDO != 0
    }
}

/// A semaphore.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Semaphore {
    /// Its value, 0 to [`HIGHEST`].
    pub value: i32,
    /// Who changed it last; 0 is nobody.
    pub last: Pid,
}

/// A call that waits.
#[derive(Clone, Debug)]
pub(crate) struct Waiting {
    /// Who waits.
    pub task: Pid,
    /// Its process.
    pub process: Pid,
    /// What it wants done.
    pub operations: Vec<Operation>,
}

/// What comes of trying a call's operations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Attempt {
    /// They are done.
    Done,
    /// The operation with this number has to wait.
    Waits(usize),
}

/// A set.
#[derive(Clone, Debug)]
pub(crate) struct SemaphoreSet {
    /// Who may use it.
    pub permissions: Permissions,
    /// Its semaphores.
    pub semaphores: Vec<Semaphore>,
    /// When it was last used, in seconds since 1970; 0 is never.
    pub used_s: u64,
    /// When it was last changed by semctl(2).
    pub changed_s: u64,
    /// What the ends of processes add to each semaphore.
    pub undo: BTreeMap<Pid, Vec<i32>>,
    /// Who waits, the oldest first.
    pub queue: VecDeque<Waiting>,
}

impl Object for SemaphoreSet {
    fn permissions(&self) -> &Permissions {
        &self.permissions
    }

    fn permissions_mut(&mut self) -> &mut Permissions {
        &mut self.permissions
    }
}

impl SemaphoreSet {
    /// Makes a set of semaphores that are 0.
    pub(crate) fn new(permissions: Permissions, count: usize, now_s: u64) -> Self {
        Self {
            permissions,
            semaphores: vec![Semaphore { value: 0, last: Pid(0) }; count],
            used_s: 0,
            changed_s: now_s,
            undo: BTreeMap::new(),
            queue: VecDeque::new(),
        }
    }

    /// Does all operations, or none of them (perform_atomic_semop). Their semaphores exist.
    ///
    /// # Errors
    /// `ERANGE` for a value, or an amount to take back, that is too high.
    pub(crate) fn attempt(&mut self, process: Pid, operations: &[Operation]) -> Result<Attempt, Errno> {
        let mut after = self.semaphores.clone();
        let none = || vec![0; self.semaphores.len()];
        let mut undo = self.undo.get(&process).cloned().unwrap_or_else(none);
        for (number, operation) in operations.iter().enumerate() {
            let semaphore = &mut after[usize::from(operation.index)];
            let change = i32::from(operation.change);
            let value = semaphore.value + change;
            if change == 0 && value != 0 || value < 0 {
                return Ok(Attempt::Waits(number));
            }
            if value > HIGHEST {
                return Err(Errno::ERANGE);
            }
            if operation.is_undone() {
                let back = &mut undo[usize::from(operation.index)];
                *back -= change;
                if !(-HIGHEST - 1..=HIGHEST).contains(back) {
                    return Err(Errno::ERANGE);
                }
            }
            *semaphore = Semaphore { value, last: process };
        }
        self.semaphores = after;
        if operations.iter().any(|operation| operation.is_undone()) {
            self.undo.insert(process, undo);
        }
        Ok(Attempt::Done)
    }

    /// Does what the queue allows, and returns whose calls have ended, and how.
    pub(crate) fn serve_queue(&mut self) -> Vec<(Pid, Result<(), Errno>)> {
        let mut ended = Vec::new();
        let mut next = 0;
        while let Some(waiting) = self.queue.get(next).cloned() {
            let result = match self.attempt(waiting.process, &waiting.operations) {
                Ok(Attempt::Waits(at)) if waiting.operations[at].flags & Operation::NO_WAIT == 0 => {
                    next += 1;
                    continue;
                }
                Ok(Attempt::Waits(_)) => Err(Errno::EAGAIN),
                Ok(Attempt::Done) => Ok(()),
                Err(errno) => Err(errno),
            };
            self.queue.remove(next);
            ended.push((waiting.task, result));
            if result.is_ok() && waiting.operations.iter().any(|operation| operation.change != 0) {
                // An older one may go on now.
                next = 0;
            }
        }
        ended
    }

    /// Counts those who wait for a semaphore to rise, or to become 0 (`count_semcnt`).
    pub(crate) fn waiting_for(&self, index: usize, zero: bool) -> u64 {
        let mut copy = self.clone();
        let waits = |waiting: &&Waiting| match copy.attempt(waiting.process, &waiting.operations) {
            Ok(Attempt::Waits(at)) => {
                let operation = waiting.operations[at];
                usize::from(operation.index) == index && (operation.change == 0) == zero
            }
            _ => false,
        };
        self.queue.iter().filter(waits).count() as u64
    }

    /// Gives back what a process that has ended took (`exit_sem`).
    fn undo(&mut self, process: Pid) -> bool {
        let Some(undo) = self.undo.remove(&process) else { return false };
        for (semaphore, back) in self.semaphores.iter_mut().zip(undo) {
            if back != 0 {
                let value = (semaphore.value + back).clamp(0, HIGHEST);
                *semaphore = Semaphore { value, last: process };
            }
        }
        true
    }
}

/// A semaphore that a task waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AwaitedSemaphore {
    /// The number of its set.
    pub set: i32,
    /// Its index in there.
    pub index: u16,
    /// Its value.
    pub value: i32,
    /// What the task wants added to it; 0 waits until it is 0.
    pub change: i16,
    /// Who changed it last; 0 is nobody.
    pub last: Pid,
}

impl Kernel {
    /// Returns the semaphore that a task waits for, if it does.
    pub fn awaited_semaphore(&self, task: Pid) -> Option<AwaitedSemaphore> {
        let waiting = |set: &SemaphoreSet| set.queue.iter().find(|waiting| waiting.task == task).cloned();
        let (id, set, waiting) =
            self.ipc.semaphores.iter().find_map(|(id, set)| Some((id, set, waiting(set)?)))?;
        let Ok(Attempt::Waits(at)) = set.clone().attempt(waiting.process, &waiting.operations) else {
            return None;
        };
        let Operation { index, change, .. } = waiting.operations[at];
        let Semaphore { value, last } = *set.semaphores.get(usize::from(index))?;
        Some(AwaitedSemaphore { set: id, index, value, change, last })
    }

    /// Wakes those whose calls on semaphores have ended.
    pub(crate) fn finish_semaphore_calls(&mut self, ended: Vec<(Pid, Result<(), Errno>)>) {
        for (task, result) in ended {
            self.ipc.finished.insert(task, result);
            self.wake_task(task);
        }
    }

    /// Takes back what a process has done to semaphores with `SEM_UNDO`.
    pub(crate) fn undo_semaphores(&mut self, process: Pid, now_s: u64) {
        let mut ended = Vec::new();
        for set in self.ipc.semaphores.iter_mut() {
            if set.undo(process) {
                set.used_s = now_s;
                ended.extend(set.serve_queue());
            }
        }
        self.finish_semaphore_calls(ended);
    }

    /// Takes a task out of every queue.
    pub(crate) fn leave_semaphores(&mut self, task: Pid) {
        self.ipc.finished.remove(&task);
        for set in self.ipc.semaphores.iter_mut() {
            set.queue.retain(|waiting| waiting.task != task);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::creds::Credentials;

    const ONE: Pid = Pid(1);
    const TWO: Pid = Pid(2);

    fn set(count: usize) -> SemaphoreSet {
        SemaphoreSet::new(Permissions::new(0, 0o600, Credentials::of_kernel()), count, 0)
    }

    fn add(index: u16, change: i16) -> Operation {
        Operation { index, change, flags: Operation::UNDO }
    }

    #[test]
    fn all_is_done_or_nothing() {
        let mut set = set(2);
        assert_eq!(set.attempt(ONE, &[add(0, 2), add(1, -1)]), Ok(Attempt::Waits(1)));
        assert_eq!(set.semaphores[0].value, 0);
        assert_eq!(set.attempt(ONE, &[add(0, HIGHEST as i16), add(0, 1)]), Err(Errno::ERANGE));
        assert_eq!(set.attempt(ONE, &[add(0, 2), add(0, -1), add(1, 0)]), Ok(Attempt::Done));
        assert_eq!((set.semaphores[0].value, set.semaphores[0].last), (1, ONE));
    }

    #[test]
    fn the_oldest_is_served_first_and_may_let_others_go_on() {
        let mut set = set(2);
        for (task, operations) in
            [(1, vec![add(0, -1), add(1, 1)]), (2, vec![add(0, -1)]), (3, vec![add(1, -1)])]
        {
            set.queue.push_back(Waiting { task: Pid(task), process: Pid(task), operations });
        }
        assert_eq!((set.waiting_for(0, false), set.waiting_for(0, true)), (2, 0));
        set.attempt(TWO, &[add(0, 1)]).unwrap();
        assert_eq!(set.serve_queue(), [(Pid(1), Ok(())), (Pid(3), Ok(()))]);
        assert_eq!(set.queue.len(), 1);
    }

    #[test]
    fn an_end_takes_back_what_it_can() {
        let mut set = set(1);
        set.attempt(ONE, &[add(0, 5)]).unwrap();
        set.attempt(TWO, &[add(0, -3)]).unwrap();
        assert!(set.undo(ONE));
        assert_eq!(set.semaphores[0].value, 0);
        assert!(set.undo(TWO) && !set.undo(TWO));
        assert_eq!(set.semaphores[0].value, 3);
    }
}
