//! Descriptions on the way from one process to another (unix(7), `SCM_RIGHTS`).
//!
//! A description in a packet has a reference that is counted as *in flight* too. Sockets can be sent through each other, so
//! that all their references are in flight and nobody can ever receive them: when closing something leaves a description
//! with no other references, those that no process can reach are found and their queues emptied (Linux 6.12
//! net/unix/garbage.c).

use super::{SocketId, Stage};
use crate::Errno;
use crate::fs::inode::InodeKind;
use crate::fs::open::Left;
use crate::fs::{Env, Fs, Node, OpenId};
use std::collections::BTreeSet;

/// The most descriptions that one message passes along (`SCM_MAX_FD`).
pub(super) const MAX_RIGHTS: usize = 253;
/// The most descriptions that are on the way in the whole machine.
const MAX_IN_FLIGHT: u32 = 65_536;

impl Fs {
    /// Puts descriptions on their way.
    pub(super) fn send_off(&mut self, rights: &[OpenId]) {
        for open in rights {
            self.opens[*open].references += 1;
            self.opens[*open].in_flight += 1;
            self.in_flight += 1;
        }
    }

    /// Takes descriptions off their way. Their references are the caller's.
    pub(super) fn land(&mut self, rights: &[OpenId]) {
        for open in rights {
            self.opens[*open].in_flight -= 1;
            self.in_flight -= 1;
        }
    }

    /// Checks that so many descriptions may be sent.
    ///
    /// # Errors
    /// `EINVAL` for too many at once, `ETOOMANYREFS` when too many are on the way already.
    pub(super) fn check_rights(&self, rights: &[OpenId]) -> Result<(), Errno> {
        match rights.len() {
            0 => Ok(()),
            count if count > MAX_RIGHTS => Err(Errno::EINVAL),
            _ if self.in_flight >= MAX_IN_FLIGHT => Err(Errno::ETOOMANYREFS),
            _ => Ok(()),
        }
    }

    /// Lets go of what was in packets that nobody will receive.
    ///
    /// # Returns
    /// [`Left::InMessages`] when that left something that perhaps nobody can reach.
    pub(in crate::fs) fn drop_rights(&mut self, env: &mut Env<'_>) -> Left {
        let mut left = Left::Nothing;
        while let Some(open) = self.sockets.dropped.pop() {
            self.land(&[open]);
            if self.let_go(env, open) == Left::InMessages {
                left = Left::InMessages;
            }
        }
        left
    }

    /// Empties the queues of sockets that are on their way to nobody.
    pub(in crate::fs) fn collect_rights(&mut self) {
        let sockets: Vec<_> =
            self.opens.iter().filter_map(|(open, _)| Some((open, self.socket_in(open)?))).collect();
        let is_held = |open: OpenId| self.opens[open].references > self.opens[open].in_flight;
        let held = sockets.iter().filter(|(open, _)| is_held(*open)).map(|(_, id)| *id);
        let reached = self.reachable(held.collect());
        for (_, id) in sockets.into_iter().filter(|(_, id)| !reached.contains(id)) {
            self.sockets.empty(id);
        }
    }

    /// Returns the sockets that can be received through others, these included.
    fn reachable(&self, from: Vec<SocketId>) -> BTreeSet<SocketId> {
        let mut reached = BTreeSet::new();
        let mut next = from;
        while let Some(id) = next.pop() {
            if !reached.insert(id) {
                continue;
            }
            let socket = &self.sockets[id];
            if let Stage::Listening(listener) = &socket.stage {
                next.extend(&listener.ready);
            }
            let passed = socket.queue.iter().flat_map(|packet| &packet.rights);
            next.extend(passed.filter_map(|open| self.socket_in(*open)));
        }
        reached
    }

    /// Returns the socket that a description has open.
    pub(in crate::fs) fn socket_in(&self, open: OpenId) -> Option<SocketId> {
        let Node::Inode(inode) = self.opens[open].node else { return None };
        match self.inodes[inode].kind {
            InodeKind::Socket(id) => Some(id),
            _ => None,
        }
    }
}
