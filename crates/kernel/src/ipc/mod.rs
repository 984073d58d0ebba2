//! System V objects: segments of shared memory, sets of semaphores and queues of messages, which outlive those who made them
//! (sysvipc(7); Linux 6.12 ipc/util.c).
//!
//! An object is found by a number, which programs learn from its key. Numbers are a place in a table, below, and how often
//! places have been used again, above: the number of an object that is gone finds nobody. Places are used in turn.

mod limits;
mod msg;
mod sem;
mod shm;

pub(crate) use limits::IpcParameter;
pub(crate) use limits::Limits;
pub use msg::{AwaitedMessage, MessageNeed, Wanted};
pub(crate) use msg::{Message, MessageQueue, Receiver, Sender};
pub use sem::AwaitedSemaphore;
pub(crate) use sem::{Attempt, HIGHEST, Operation, Semaphore, SemaphoreSet, Waiting};
pub(crate) use shm::{Passage, Segment};

use crate::creds::{Capabilities, Credentials};
use crate::fs::QueuedMessage;
use crate::{Errno, Pid};
use std::collections::BTreeMap;

/// `IPC_PRIVATE`: the key of objects that are not found by it.
pub(crate) const PRIVATE: i32 = 0;
/// `IPC_CREAT`: make it unless there is one.
pub(crate) const CREATE: u32 = 0o1000;
/// `IPC_EXCL`: fail if there is one.
pub(crate) const EXCLUSIVE: u32 = 0o2000;
/// The most objects of a kind (`IPCMNI`).
pub(crate) const MOST_OBJECTS: usize = 1 << PLACE_BITS;

/// So many places at least are used before the first one is again (`ipc_min_cycle`).
const LEAST_ROUND: usize = 64;

const PLACE_BITS: u32 = 15;
/// The rights to read an object, for everybody.
pub(crate) const READ: u32 = 0o444;
/// The rights to change one.
pub(crate) const WRITE: u32 = 0o222;

/// Who may do what with an object (`struct kern_ipc_perm`).
#[derive(Clone, Debug)]
pub(crate) struct Permissions {
    /// By what it is found.
    pub key: i32,
    /// The user that it belongs to.
    pub user: u32,
    /// The group that it belongs to.
    pub group: u32,
    /// The user who made it.
    pub maker: u32,
    /// The group of who made it.
    pub maker_group: u32,
    /// Rights of user, group and others, and marks above.
    pub mode: u32,
}

impl Permissions {
    /// Makes the permissions of an object that `who` makes.
    pub(crate) fn new(key: i32, mode: u32, who: &Credentials) -> Self {
        let (user, group) = (who.user.effective, who.group.effective);
        Self { key, user, group, maker: user, maker_group: group, mode: mode & 0o777 }
    }

    /// Tells whether `who` has the rights that `wanted` names, in any of its three places (`ipcperms`).
    pub(crate) fn allow(&self, who: &Credentials, wanted: u32) -> bool {
        let wanted = wanted >> 6 | wanted >> 3 | wanted;
        let granted = if self.belongs_to(who) {
            self.mode >> 6
        } else if who.is_in_group(self.maker_group) || who.is_in_group(self.group) {
            self.mode >> 3
        } else {
            self.mode
        };
        wanted & !granted & 7 == 0 || who.can(Capabilities::IPC_OWNER)
    }

    /// Tells whether `who` owns or has made the object.
    pub(crate) const fn belongs_to(&self, who: &Credentials) -> bool {
        who.user.effective == self.user || who.user.effective == self.maker
    }

    /// Checks that `who` may remove the object or give it away (`ipcctl_obtain_check`).
    ///
    /// # Errors
    /// `EPERM`.
    pub(crate) const fn check_control(&self, who: &Credentials) -> Result<(), Errno> {
        if self.belongs_to(who) || who.can(Capabilities::SYS_ADMIN) { Ok(()) } else { Err(Errno::EPERM) }
    }
}

/// An object with permissions.
pub(crate) trait Object {
    /// Returns who may do what with it.
    fn permissions(&self) -> &Permissions;
    /// Returns the same to change.
    fn permissions_mut(&mut self) -> &mut Permissions;
}

/// Every object of a kind.
#[derive(Clone, Debug)]
pub(crate) struct Objects<T> {
    /// By place; each with how often places had been used again when it was made.
    places: BTreeMap<u32, (u32, T)>,
    sequence: u32,
    last_place: Option<u32>,
    /// The number that a program has chosen for the next one, or the first free one above.
    next_id: Option<i32>,
}

impl<T> Default for Objects<T> {
    fn default() -> Self {
        Self { places: BTreeMap::new(), sequence: 0, last_place: None, next_id: None }
    }
}

impl<T: Object> Objects<T> {
    /// Adds an object and returns its number.
    ///
    /// # Errors
    /// `ENOSPC` when there are `most`.
    pub(crate) fn insert(&mut self, object: T, most: usize) -> Result<i32, Errno> {
        if self.places.len() >= most.min(MOST_OBJECTS) {
            return Err(Errno::ENOSPC);
        }
        if let Some(id) = self.next_id.take() {
            let place = (place(id)?..MOST_OBJECTS as u32).find(|place| !self.places.contains_key(place));
            let (place, sequence) = (place.ok_or(Errno::ENOSPC)?, id as u32 >> PLACE_BITS);
            self.places.insert(place, (sequence, object));
            return Ok(number(place, sequence));
        }
        let end = (self.places.len() * 3 / 2).max(LEAST_ROUND).min(most) as u32;
        let next = self.last_place.map_or(0, |last| last + 1);
        let place = (next..end).chain(0..end).find(|place| !self.places.contains_key(place));
        let place = place.ok_or(Errno::ENOSPC)?;
        if self.last_place.is_some_and(|last| place <= last) {
            self.sequence = (self.sequence + 1) & 0xffff;
        }
        self.last_place = Some(place);
        self.places.insert(place, (self.sequence, object));
        Ok(number(place, self.sequence))
    }

    /// Returns the number of the object with this key.
    pub(crate) fn find(&self, key: i32) -> Option<i32> {
        self.iter().find(|(_, object)| object.permissions().key == key).map(|(id, _)| id)
    }

    /// Returns the object with this number.
    ///
    /// # Errors
    /// `EINVAL` when nothing is at its place, `EIDRM` when something else is.
    pub(crate) fn get(&self, id: i32) -> Result<&T, Errno> {
        let place = place(id)?;
        let (sequence, object) = self.places.get(&place).ok_or(Errno::EINVAL)?;
        if number(place, *sequence) == id { Ok(object) } else { Err(Errno::EIDRM) }
    }

    /// Returns the object with this number to change.
    ///
    /// # Errors
    /// As [`Objects::get`].
    pub(crate) fn get_mut(&mut self, id: i32) -> Result<&mut T, Errno> {
        self.get(id)?;
        self.places.get_mut(&place(id)?).map(|(_, object)| object).ok_or(Errno::EINVAL)
    }

    /// Returns the number of the object at a place.
    ///
    /// # Errors
    /// `EINVAL`.
    pub(crate) fn at(&self, index: i32) -> Result<i32, Errno> {
        let place = place(index)?;
        self.places.get(&place).map(|(sequence, _)| number(place, *sequence)).ok_or(Errno::EINVAL)
    }

    /// Takes an object out.
    pub(crate) fn remove(&mut self, id: i32) -> Option<T> {
        self.get(id).ok()?;
        self.places.remove(&place(id).ok()?).map(|(_, object)| object)
    }

    /// Returns each object with its number, lowest place first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (i32, &T)> {
        self.places.iter().map(|(place, (sequence, object))| (number(*place, *sequence), object))
    }

    /// Returns each object to change.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.places.values_mut().map(|(_, object)| object)
    }

    /// Returns how many objects there are.
    pub(crate) fn len(&self) -> usize {
        self.places.len()
    }

    /// Returns the highest place in use, 0 when there is none.
    pub(crate) fn highest(&self) -> u64 {
        self.places.last_key_value().map_or(0, |(place, _)| u64::from(*place))
    }
}

fn place(id: i32) -> Result<u32, Errno> {
    Ok(u32::try_from(id).map_err(|_| Errno::EINVAL)? & ((1 << PLACE_BITS) - 1))
}

const fn number(place: u32, sequence: u32) -> i32 {
    (sequence << PLACE_BITS | place) as i32 & i32::MAX
}

/// Every System V object of the machine.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ipc {
    /// Segments of shared memory.
    pub segments: Objects<Segment>,
    /// Sets of semaphores.
    pub semaphores: Objects<SemaphoreSet>,
    /// How many there may be, and of what size.
    pub limits: Limits,
    /// Queues of messages.
    pub queues: Objects<MessageQueue>,
    /// How calls on them ended whose tasks have slept.
    pub finished_messages: BTreeMap<Pid, Result<Option<Message>, Errno>>,
    /// The same of calls on POSIX queues: a receiver has a message, a sender is rid of one.
    pub finished_queue_calls: BTreeMap<Pid, Option<QueuedMessage>>,
    /// How calls on semaphores ended whose tasks have slept.
    pub finished: BTreeMap<Pid, Result<(), Errno>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Thing(Permissions);

    impl Object for Thing {
        fn permissions(&self) -> &Permissions {
            &self.0
        }

        fn permissions_mut(&mut self) -> &mut Permissions {
            &mut self.0
        }
    }

    fn thing(key: i32) -> Thing {
        Thing(Permissions::new(key, 0o640, Credentials::of_kernel()))
    }

    #[test]
    fn numbers_of_what_is_gone_find_nobody() {
        let mut things = Objects::default();
        assert_eq!(things.insert(thing(1), 9), Ok(0));
        assert_eq!(things.insert(thing(2), 9), Ok(1));
        assert!(things.remove(0).is_some());
        assert_eq!(things.get(0).err(), Some(Errno::EINVAL));
        for id in 2..LEAST_ROUND as i32 {
            assert_eq!(things.insert(thing(id + 1), 99), Ok(id));
            assert!(things.remove(id).is_some());
        }
        assert_eq!(things.insert(thing(99), 99), Ok(1 << PLACE_BITS));
        assert_eq!(things.get(0).err(), Some(Errno::EIDRM));
        assert_eq!((things.find(99), things.find(1)), (Some(1 << PLACE_BITS), None));
        assert_eq!((things.at(0), things.at(70)), (Ok(1 << PLACE_BITS), Err(Errno::EINVAL)));
    }

    #[test]
    fn a_number_may_be_chosen() {
        let mut things = Objects::default();
        assert_eq!(things.insert(thing(1), 9), Ok(0));
        things.next_id = Some(2 << PLACE_BITS);
        assert_eq!(things.insert(thing(2), 9), Ok(2 << PLACE_BITS | 1));
        assert_eq!(things.insert(thing(3), 9), Ok(2));
    }

    #[test]
    fn rights_are_those_of_the_first_that_fits() {
        let mut who = Credentials::ROOT;
        who.capabilities.effective = Capabilities::empty();
        let object = thing(1).0;
        assert!(object.allow(&who, READ | WRITE));
        who.user = crate::creds::Ids::of(5);
        assert!(object.allow(&who, READ) && !object.allow(&who, WRITE));
        who.group = crate::creds::Ids::of(5);
        assert!(!object.allow(&who, READ));
    }
}
