//! A slab: values in slots, found by small typed numbers that are used again after a value was removed.

use std::marker::PhantomData;
use std::ops::{Index, IndexMut};

/// A typed slot number.
pub(crate) trait Key: Copy {
    /// Wraps a slot number.
    fn from_slot(slot: u32) -> Self;
    /// Returns the slot number.
    fn slot(self) -> usize;
}

/// Declares the key of a slab.
macro_rules! key {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u32);

        impl $crate::fs::slab::Key for $name {
            fn from_slot(slot: u32) -> Self {
                Self(slot)
            }
            fn slot(self) -> usize {
                self.0 as usize
            }
        }
    };
}
pub(crate) use key;

/// Values by key. A key is only ever held by somebody who keeps its value alive, so looking one up cannot fail.
#[derive(Clone, Debug)]
pub(crate) struct Slab<K, T> {
    slots: Vec<Option<T>>,
    free: Vec<u32>,
    key: PhantomData<K>,
}

impl<K: Key, T> Slab<K, T> {
    /// Makes an empty slab.
    pub(crate) const fn new() -> Self {
        Self { slots: Vec::new(), free: Vec::new(), key: PhantomData }
    }

    /// Stores `value` and returns its key.
    pub(crate) fn insert(&mut self, value: T) -> K {
        match self.free.pop() {
            Some(slot) => {
                self.slots[slot as usize] = Some(value);
                K::from_slot(slot)
            }
            None => {
                self.slots.push(Some(value));
                K::from_slot((self.slots.len() - 1) as u32)
            }
        }
    }

    /// Takes the value of `key` out.
    pub(crate) fn remove(&mut self, key: K) -> T {
        let value = self.slots[key.slot()].take().expect("a key that somebody holds");
        self.free.push(key.slot() as u32);
        value
    }

    /// Returns every value with its key.
    pub(super) fn iter(&self) -> impl Iterator<Item = (K, &T)> {
        (0..).map(K::from_slot).zip(&self.slots).filter_map(|(key, slot)| Some((key, slot.as_ref()?)))
    }

    /// Returns every value, to change.
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.slots.iter_mut().flatten()
    }

    /// Returns how many values there are.
    pub(crate) fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }
}

impl<K: Key, T> Default for Slab<K, T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<K: Key, T> Index<K> for Slab<K, T> {
    type Output = T;

    fn index(&self, key: K) -> &T {
        self.slots[key.slot()].as_ref().expect("a key that somebody holds")
    }
}

impl<K: Key, T> IndexMut<K> for Slab<K, T> {
    fn index_mut(&mut self, key: K) -> &mut T {
        self.slots[key.slot()].as_mut().expect("a key that somebody holds")
    }
}
