//! A table by process or task number.

use crate::Pid;
use std::collections::BTreeSet;

/// What is known of each process or task. A look-up is one step, however many there are: every trap makes dozens.
#[derive(Clone, Debug)]
pub(super) struct ByPid<T> {
    /// At the index that the number is. Boxed, so that a number that nobody has costs little.
    slots: Vec<Option<Box<T>>>,
    /// The numbers that are taken, for those who go through all.
    taken: BTreeSet<Pid>,
}

impl<T> Default for ByPid<T> {
    fn default() -> Self {
        Self { slots: Vec::new(), taken: BTreeSet::new() }
    }
}

impl<T> ByPid<T> {
    pub(super) fn get(&self, pid: Pid) -> Option<&T> {
        self.slots.get(index(pid)?)?.as_deref()
    }

    pub(super) fn get_mut(&mut self, pid: Pid) -> Option<&mut T> {
        self.slots.get_mut(index(pid)?)?.as_deref_mut()
    }

    pub(super) fn contains(&self, pid: Pid) -> bool {
        self.get(pid).is_some()
    }

    /// Adds an entry in the place of what the number had. The kernel alone chooses numbers: they are not negative.
    pub(super) fn insert(&mut self, pid: Pid, entry: T) {
        let Some(index) = index(pid) else { return };
        if index >= self.slots.len() {
            self.slots.resize_with(index + 1, || None);
        }
        self.slots[index] = Some(Box::new(entry));
        self.taken.insert(pid);
    }

    pub(super) fn remove(&mut self, pid: Pid) -> Option<T> {
        let entry = self.slots.get_mut(index(pid)?)?.take()?;
        self.taken.remove(&pid);
        Some(*entry)
    }

    pub(super) fn len(&self) -> usize {
        self.taken.len()
    }

    /// Returns every entry, lowest number first.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Pid, &T)> {
        self.taken.iter().filter_map(|pid| Some((*pid, self.get(*pid)?)))
    }
}

fn index(pid: Pid) -> Option<usize> {
    usize::try_from(pid.0).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_found_by_number_and_gone_through_in_order() {
        let mut table = ByPid::default();
        for number in [7, 2, 5] {
            table.insert(Pid(number), number * 10);
        }
        assert_eq!((table.get(Pid(5)), table.get(Pid(3)), table.get(Pid(8))), (Some(&50), None, None));
        assert_eq!(table.get(Pid(-1)), None);
        assert_eq!(table.remove(Pid(i32::MIN)), None);
        assert_eq!(table.remove(Pid(5)), Some(50));
        assert_eq!(table.remove(Pid(5)), None);
        table.insert(Pid(7), 1);
        let all: Vec<_> = table.iter().map(|(pid, entry)| (pid.0, *entry)).collect();
        assert_eq!((all, table.len()), (vec![(2, 20), (7, 1)], 2));
    }
}
