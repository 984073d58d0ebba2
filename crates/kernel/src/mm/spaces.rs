//! All address spaces, by their handles.

use super::address_space::AddressSpace;
use crate::MmId;

/// A table of address spaces; the handle that was freed last is used next.
#[derive(Clone, Debug, Default)]
pub(super) struct Spaces {
    rows: Vec<Option<AddressSpace>>,
    unused: Vec<MmId>,
}

impl Spaces {
    /// Returns the handle that [`Self::insert`] will use.
    pub(super) fn next_id(&self) -> MmId {
        self.unused.last().copied().unwrap_or(MmId(self.rows.len() as u32))
    }

    /// Adds an address space under [`Self::next_id`].
    pub(super) fn insert(&mut self, space: AddressSpace) {
        match self.unused.pop() {
            Some(mm) => self.rows[mm.0 as usize] = Some(space),
            None => self.rows.push(Some(space)),
        }
    }

    /// Takes an address space out.
    pub(super) fn remove(&mut self, mm: MmId) -> AddressSpace {
        self.unused.push(mm);
        self.rows[mm.0 as usize].take().expect("an address space lives while it has a user")
    }

    /// Returns an address space, if it still has a user.
    pub(super) fn find(&self, mm: MmId) -> Option<&AddressSpace> {
        self.rows.get(mm.0 as usize)?.as_ref()
    }

    /// Returns an address space to change, if it still has a user.
    pub(super) fn find_mut(&mut self, mm: MmId) -> Option<&mut AddressSpace> {
        self.rows.get_mut(mm.0 as usize)?.as_mut()
    }

    pub(super) fn get(&self, mm: MmId) -> &AddressSpace {
        self.rows[mm.0 as usize].as_ref().expect("an address space lives while it has a user")
    }

    pub(super) fn get_mut(&mut self, mm: MmId) -> &mut AddressSpace {
        self.rows[mm.0 as usize].as_mut().expect("an address space lives while it has a user")
    }

    /// Returns two different address spaces.
    pub(super) fn pair_mut(&mut self, a: MmId, b: MmId) -> (&mut AddressSpace, &mut AddressSpace) {
        let [a, b] = self.rows.get_disjoint_mut([a.0 as usize, b.0 as usize]).expect("two different handles");
        let live = "an address space lives while it has a user";
        (a.as_mut().expect(live), b.as_mut().expect(live))
    }

    /// Returns every address space with its handle.
    pub(super) fn iter(&self) -> impl Iterator<Item = (MmId, &AddressSpace)> {
        (0..).map(MmId).zip(&self.rows).filter_map(|(mm, space)| Some((mm, space.as_ref()?)))
    }
}
