//! What processes want done with signals, in tables that processes may share (`CLONE_SIGHAND`; Linux's `sighand_struct`).

use super::signal::{Action, Handler, Signal};
use super::table::TaskTable;
use crate::Pid;
use crate::fs::slab::{self, Slab};
use std::collections::BTreeMap;

slab::key! {
    /// A table of actions in [`Handlers`].
    HandlersId
}

/// The actions of one table, and how many processes use it. A signal that is missing has the default.
#[derive(Clone, Debug, Default)]
struct Table {
    actions: BTreeMap<Signal, Action>,
    users: u32,
}

/// Every table of actions.
#[derive(Clone, Debug, Default)]
pub struct Handlers {
    tables: Slab<HandlersId, Table>,
}

impl Handlers {
    /// Makes an empty table with one user.
    pub fn create(&mut self) -> HandlersId {
        self.tables.insert(Table { users: 1, ..Table::default() })
    }

    /// Adds a user.
    pub fn share(&mut self, id: HandlersId) -> HandlersId {
        self.tables[id].users += 1;
        id
    }

    /// Copies a table, as fork does.
    pub fn fork(&mut self, id: HandlersId) -> HandlersId {
        let copy = Table { users: 1, ..self.tables[id].clone() };
        self.tables.insert(copy)
    }

    /// Returns a table of the caller's own: the same one, or a copy when others use it too.
    pub fn unshare(&mut self, id: HandlersId) -> HandlersId {
        if self.tables[id].users == 1 {
            return id;
        }
        self.tables[id].users -= 1;
        self.fork(id)
    }

    /// Removes a user; the table goes with the last.
    pub fn release(&mut self, id: HandlersId) {
        self.tables[id].users -= 1;
        if self.tables[id].users == 0 {
            self.tables.remove(id);
        }
    }

    /// Tells whether more than one process uses a table.
    pub fn is_shared(&self, id: HandlersId) -> bool {
        self.tables[id].users > 1
    }

    /// Sets every handler of a table back to the default; what is ignored stays so.
    pub fn reset(&mut self, id: HandlersId) {
        self.tables[id].actions.retain(|_, action| action.handler == Handler::Ignore);
    }
}

impl TaskTable {
    /// Returns what a process wants done with `signal`.
    pub fn action(&self, pid: Pid, signal: Signal) -> Action {
        let table = self.process(pid).map(|process| &self.handlers.tables[process.handlers]);
        table.and_then(|table| table.actions.get(&signal)).copied().unwrap_or_default()
    }

    /// Returns what a process wants done with the signals that it has set.
    pub fn actions(&self, pid: Pid) -> impl Iterator<Item = (Signal, Action)> {
        let table = self.process(pid).map(|process| &self.handlers.tables[process.handlers]);
        table.into_iter().flat_map(|table| table.actions.iter().map(|(signal, action)| (*signal, *action)))
    }

    /// Sets what a process, and whoever shares its table, wants done with `signal`.
    pub fn set_action(&mut self, pid: Pid, signal: Signal, action: Action) {
        if let Some(id) = self.process(pid).map(|process| process.handlers) {
            self.handlers.tables[id].actions.insert(signal, action);
        }
    }
}
