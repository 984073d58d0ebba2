//! What page-table frames know of themselves.

use crate::MmId;
use std::num::NonZeroU32;
use tine_mmu::Vpn;

/// What a frame of page-table entries knows of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TableRole {
    /// The address space that it belongs to.
    pub(super) space: MmId,
    /// The page that its first slot translates.
    pub(super) first: Vpn,
    /// How many of its slots are not empty.
    pub(super) populated: u16,
    /// What they map.
    pub(super) pages: TablePages,
    /// Whether no slot lets a store to private memory through, since on-demand fork has shared the table.
    pub(super) guarded: bool,
}

/// Resident pages that a leaf table maps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct TablePages {
    /// Private pages.
    pub(super) anon: u32,
    /// Pages of files.
    pub(super) file: u32,
    /// Pages of shared anonymous memory.
    pub(super) shared_memory: u32,
}

/// Where a page-table frame's row finds its [`TableRole`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TableIndex(NonZeroU32);

/// The roles of all page-table frames: beside the frame table, whose rows would be twice as long with them.
#[derive(Clone, Debug, Default)]
pub(super) struct TableRoles {
    roles: Vec<TableRole>,
    free: Vec<TableIndex>,
}

impl TableRoles {
    /// Keeps a role.
    pub(super) fn insert(&mut self, role: TableRole) -> TableIndex {
        if let Some(index) = self.free.pop() {
            *self.get_mut(index) = role;
            return index;
        }
        self.roles.push(role);
        let count = u32::try_from(self.roles.len()).ok().and_then(NonZeroU32::new);
        TableIndex(count.expect("one was just added, and 2^32 page tables would take 16 TiB"))
    }

    /// Forgets a role, and returns it.
    pub(super) fn remove(&mut self, index: TableIndex) -> TableRole {
        self.free.push(index);
        *self.get(index)
    }

    /// Returns a role.
    pub(super) fn get(&self, index: TableIndex) -> &TableRole {
        &self.roles[index.0.get() as usize - 1]
    }

    /// Returns a role to change.
    pub(super) fn get_mut(&mut self, index: TableIndex) -> &mut TableRole {
        &mut self.roles[index.0.get() as usize - 1]
    }
}
