//! Descriptor tables: small numbers that name open file descriptions (dup(2), fcntl(2)).

use super::{Env, Fs, OpenId};
use crate::{Errno, Fd};

super::slab::key! {
    /// A descriptor table in [`Fs`]; tasks made with `CLONE_FILES` share one.
    FdTableId
}

/// Whether exec closes a descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnExec {
    /// It stays open.
    Keep,
    /// It is closed (`FD_CLOEXEC`).
    Close,
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    open: OpenId,
    on_exec: OnExec,
}

/// A process's descriptors.
#[derive(Clone, Debug)]
pub(super) struct FdTable {
    slots: Vec<Option<Slot>>,
    /// Every slot below is taken.
    lowest: usize,
    users: u32,
}

impl FdTable {
    pub(super) fn get(&self, fd: Fd) -> Option<OpenId> {
        self.slot(fd).map(|slot| slot.open)
    }

    fn slot(&self, fd: Fd) -> Option<Slot> {
        usize::try_from(fd.0).ok().and_then(|index| *self.slots.get(index)?)
    }

    /// Returns every descriptor in ascending order.
    pub(super) fn fds(&self) -> impl Iterator<Item = Fd> {
        (0..).map(Fd).zip(&self.slots).filter_map(|(fd, slot)| slot.is_some().then_some(fd))
    }

    fn lowest_free(&self, minimum: usize) -> usize {
        let from = minimum.max(self.lowest);
        (from..self.slots.len())
            .find(|index| self.slots[*index].is_none())
            .unwrap_or(from.max(self.slots.len()))
    }

    fn put(&mut self, index: usize, slot: Slot) {
        if index >= self.slots.len() {
            self.slots.resize(index + 1, None);
        }
        self.slots[index] = Some(slot);
        if index == self.lowest {
            self.lowest += 1;
        }
    }

    /// Returns how many descriptors Linux would have room for in the table (fs/file.c `alloc_fdtable`): it grows with its
    /// highest descriptor, and does not shrink.
    const fn room(&self) -> usize {
        /// `NR_OPEN_DEFAULT`.
        const LEAST: usize = 64;
        const STEP: usize = 128;
        match self.slots.len() {
            ..=LEAST => LEAST,
            len => len.div_ceil(STEP).next_power_of_two() * STEP,
        }
    }

    fn take(&mut self, fd: Fd) -> Option<OpenId> {
        let index = usize::try_from(fd.0).ok()?;
        let slot = self.slots.get_mut(index)?.take()?;
        self.lowest = self.lowest.min(index);
        Some(slot.open)
    }
}

impl Fs {
    /// Makes an empty table with one user.
    pub fn new_table(&mut self) -> FdTableId {
        self.tables.insert(FdTable { slots: Vec::new(), lowest: 0, users: 1 })
    }

    /// Adds a user to a table (`CLONE_FILES`).
    pub fn share_table(&mut self, table: FdTableId) {
        self.tables[table].users += 1;
    }

    /// Copies a table, as fork does: the descriptions, and so the offsets, are shared.
    pub fn fork_table(&mut self, table: FdTableId) -> FdTableId {
        let mut copy = FdTable { users: 1, ..self.tables[table].clone() };
        // The room of what was closed is not copied (`sane_fdtable_size`).
        let used = copy.slots.iter().rposition(Option::is_some).map_or(0, |last| last + 1);
        copy.slots.truncate(used);
        for slot in copy.slots.iter().flatten() {
            self.opens[slot.open].references += 1;
        }
        self.tables.insert(copy)
    }

    /// Returns a table of the caller's own: the same one, or a copy when others use it too (exec, `CLOSE_RANGE_UNSHARE`).
    pub fn unshare_table(&mut self, table: FdTableId) -> FdTableId {
        if self.tables[table].users == 1 {
            return table;
        }
        self.tables[table].users -= 1;
        self.fork_table(table)
    }

    /// Removes a user from a table; the last one closes every descriptor.
    pub fn release_table(&mut self, env: &mut Env<'_>, table: FdTableId) {
        self.tables[table].users -= 1;
        if self.tables[table].users == 0 {
            for slot in self.tables.remove(table).slots.into_iter().flatten() {
                self.close_of(env, table, slot.open);
            }
        }
    }

    /// Returns what a descriptor has open.
    ///
    /// # Errors
    /// `EBADF` when it is not open.
    pub fn fd(&self, table: FdTableId, fd: Fd) -> Result<OpenId, Errno> {
        self.tables[table].get(fd).ok_or(Errno::EBADF)
    }

    /// Returns how many descriptors a table has room for before it grows.
    pub fn table_room(&self, table: FdTableId) -> usize {
        self.tables[table].room()
    }

    /// Returns every open descriptor in ascending order.
    pub fn fds(&self, table: FdTableId) -> Vec<Fd> {
        self.tables[table].fds().collect()
    }

    /// Returns the lowest descriptor that is free and not below `minimum`.
    ///
    /// # Errors
    /// `EMFILE` when it would not be below `limit` (`RLIMIT_NOFILE`).
    pub fn lowest_fd(&self, table: FdTableId, minimum: Fd, limit: u64) -> Result<Fd, Errno> {
        let index = self.tables[table].lowest_free(usize::try_from(minimum.0).map_err(|_| Errno::EINVAL)?);
        match i32::try_from(index) {
            Ok(fd) if (index as u64) < limit => Ok(Fd(fd)),
            _ => Err(Errno::EMFILE),
        }
    }

    /// Gives a free descriptor, from [`Fs::lowest_fd`], to a description. The description's reference goes to the table.
    pub fn put_fd(&mut self, table: FdTableId, fd: Fd, open: OpenId, on_exec: OnExec) {
        self.tables[table].put(fd.0 as usize, Slot { open, on_exec });
    }

    /// Closes a descriptor (close(2)).
    ///
    /// # Errors
    /// `EBADF` when it is not open.
    pub fn close_fd(&mut self, env: &mut Env<'_>, table: FdTableId, fd: Fd) -> Result<(), Errno> {
        let open = self.tables[table].take(fd).ok_or(Errno::EBADF)?;
        self.close_of(env, table, open);
        Ok(())
    }

    /// Lets go of what a descriptor of a table had open, and of the table's record locks on that file.
    fn close_of(&mut self, env: &mut Env<'_>, table: FdTableId, open: OpenId) {
        self.close_locks(table, open);
        self.forget_queue_notice(env, open);
        self.forget_directory(table, open);
        self.close(env, open);
    }

    /// Makes the lowest free descriptor not below `minimum` name what `fd` names (dup(2), `F_DUPFD`).
    ///
    /// # Errors
    /// `EBADF`; `EINVAL` when `minimum` is negative or not below `limit`; `EMFILE`.
    pub fn dup_fd(
        &mut self,
        table: FdTableId,
        fd: Fd,
        minimum: Fd,
        limit: u64,
        on_exec: OnExec,
    ) -> Result<Fd, Errno> {
        let open = self.fd(table, fd)?;
        if minimum.0 < 0 || minimum.0 as u64 >= limit {
            return Err(Errno::EINVAL);
        }
        let copy = self.lowest_fd(table, minimum, limit)?;
        self.opens[open].references += 1;
        self.put_fd(table, copy, open, on_exec);
        Ok(copy)
    }

    /// Makes descriptor `to` name what `from` names, closing it first if it was open (dup3(2)).
    ///
    /// # Errors
    /// `EINVAL` when they are equal; `EBADF` when `from` is not open or `to` is not below `limit`.
    pub fn dup_fd_to(
        &mut self,
        env: &mut Env<'_>,
        table: FdTableId,
        from: Fd,
        to: Fd,
        limit: u64,
        on_exec: OnExec,
    ) -> Result<Fd, Errno> {
        if from == to {
            return Err(Errno::EINVAL);
        }
        if to.0 < 0 || to.0 as u64 >= limit {
            return Err(Errno::EBADF);
        }
        let open = self.fd(table, from)?;
        self.opens[open].references += 1;
        let replaced = self.tables[table].take(to);
        self.put_fd(table, to, open, on_exec);
        if let Some(replaced) = replaced {
            self.close_of(env, table, replaced);
        }
        Ok(to)
    }

    /// Returns whether exec closes a descriptor (`F_GETFD`).
    ///
    /// # Errors
    /// `EBADF` when it is not open.
    pub fn on_exec(&self, table: FdTableId, fd: Fd) -> Result<OnExec, Errno> {
        self.tables[table].slot(fd).map(|slot| slot.on_exec).ok_or(Errno::EBADF)
    }

    /// Sets whether exec closes a descriptor (`F_SETFD`, `FIOCLEX`).
    ///
    /// # Errors
    /// `EBADF` when it is not open.
    pub fn set_on_exec(&mut self, table: FdTableId, fd: Fd, on_exec: OnExec) -> Result<(), Errno> {
        let open = self.fd(table, fd)?;
        self.tables[table].slots[fd.0 as usize] = Some(Slot { open, on_exec });
        Ok(())
    }

    /// Closes the descriptors that exec closes. The table must be the caller's own ([`Fs::unshare_table`]).
    pub fn close_on_exec(&mut self, env: &mut Env<'_>, table: FdTableId) {
        for fd in self.fds(table) {
            let slots = &mut self.tables[table];
            let closes = slots.slot(fd).is_some_and(|slot| slot.on_exec == OnExec::Close);
            if let Some(open) = closes.then(|| slots.take(fd)).flatten() {
                self.close_of(env, table, open);
            }
        }
    }
}
