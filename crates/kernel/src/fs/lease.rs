//! Leases: promises to be told before somebody else opens a file (fcntl(2), "Leases"; Linux 6.12 fs/locks.c).
//!
//! Whoever opens a file against a lease waits. The holder is sent a signal, and has some time to give the lease back or to
//! lower it; then it is taken away.

use super::flags::{FileType, OpenFlags};
use super::inode::InodeId;
use super::io_signal::IoReason;
use super::lock::LockKind;
use super::wait::Wait;
use super::{AccessMode, At, Env, Fs, LookupFlags, Node, OpenId, Tunable};
use crate::creds::Capabilities;
use crate::{Errno, Fd};

const NS_PER_S: u64 = 1_000_000_000;

/// What the holder of a lease that is being broken may keep, and how long he has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Breaking {
    to: Option<LockKind>,
    /// By the machine's uptime; none for as long as he likes.
    deadline_ns: Option<u64>,
}

/// A lease: shared against those who write, exclusive against everybody.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lease {
    inode: InodeId,
    pub(super) open: OpenId,
    fd: Fd,
    pub(super) kind: LockKind,
    breaking: Option<Breaking>,
}

impl Lease {
    /// Tells whether somebody waits for it.
    pub(super) const fn is_breaking(&self) -> bool {
        self.breaking.is_some()
    }

    /// Returns what of it will be left.
    pub(super) fn target(&self) -> Option<LockKind> {
        self.breaking.map_or(Some(self.kind), |breaking| breaking.to)
    }
}

/// What an open(2) or truncate(2) against a lease waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeaseWait {
    /// What wakes it.
    pub wait: Wait,
    /// When the lease is taken away, by the machine's uptime.
    pub deadline_ns: Option<u64>,
}

impl Fs {
    /// Returns the lease of a description, or what will be left of it (`F_GETLEASE`).
    pub fn lease(&self, open: OpenId) -> Option<LockKind> {
        self.leases.iter().find(|lease| lease.open == open).and_then(Lease::target)
    }

    /// Takes a lease, changes it, or gives it back (`F_SETLEASE`).
    ///
    /// # Errors
    /// `EACCES` for who does not own the file, `EINVAL` for what is no regular file, `EAGAIN` when others have the file open
    /// so that there can be no such lease, and for giving back what is not held.
    pub fn set_lease(
        &mut self,
        env: &Env<'_>,
        open: OpenId,
        fd: Fd,
        kind: Option<LockKind>,
    ) -> Result<(), Errno> {
        let held = self.leases.iter().position(|lease| lease.open == open);
        let Some(kind) = kind else {
            let held = held.ok_or(Errno::EAGAIN)?;
            let lease = self.leases.remove(held);
            self.wakes.push(Wait::Lease(lease.inode));
            return Ok(());
        };
        let Node::Inode(inode) = self.node(open) else { return Err(Errno::EINVAL) };
        let who = env.credentials();
        if self.inodes[inode].uid != who.user.fs && !who.can(Capabilities::LEASE) {
            return Err(Errno::EACCES);
        }
        if self.inodes[inode].file_type() != FileType::Regular || self.tunable(Tunable::LeasesEnable) == 0 {
            return Err(Errno::EINVAL);
        }
        let is_in_the_way = |other: OpenId, flags: OpenFlags| match kind {
            LockKind::Shared => flags.is_writable(),
            LockKind::Exclusive => other != open && !flags.contains(OpenFlags::PATH),
        };
        let node = Node::Inode(inode);
        if self.opens.iter().any(|(other, file)| file.node == node && is_in_the_way(other, file.flags)) {
            return Err(Errno::EAGAIN);
        }
        let others = |lease: &Lease| lease.inode == inode && lease.open != open;
        if self
            .leases
            .iter()
            .any(|lease| others(lease) && (kind == LockKind::Exclusive || lease.is_breaking()))
        {
            return Err(Errno::EAGAIN);
        }
        match held {
            Some(held) => {
                self.leases[held].kind = kind;
                self.leases[held].breaking = None;
                self.wakes.push(Wait::Lease(inode));
            }
            None => self.leases.push(Lease { inode, open, fd, kind, breaking: None }),
        }
        self.claim_io(env.processes, open);
        Ok(())
    }

    /// Gives back the lease of a description that is closed for good.
    pub(super) fn drop_lease(&mut self, open: OpenId) {
        if let Some(held) = self.leases.iter().position(|lease| lease.open == open) {
            let lease = self.leases.remove(held);
            self.wakes.push(Wait::Lease(lease.inode));
        }
    }

    /// Breaks the leases in the way of an open(2): the caller opens the path once this returns nothing to wait for.
    ///
    /// # Errors
    /// `EAGAIN` with `O_NONBLOCK`. What a look-up gives is the answer of open(2) itself.
    pub fn break_leases_at(
        &mut self,
        env: &mut Env<'_>,
        at: At<'_>,
        flags: OpenFlags,
    ) -> Result<Option<LeaseWait>, Errno> {
        let fails_if_there = flags.contains(OpenFlags::CREAT | OpenFlags::EXCL);
        if self.leases.is_empty() || flags.contains(OpenFlags::PATH) || fails_if_there {
            return Ok(None);
        }
        let mut how = LookupFlags::empty();
        how.set(LookupFlags::NOFOLLOW, flags.contains(OpenFlags::NOFOLLOW));
        let Ok(node) = self.lookup(env, at, how) else { return Ok(None) };
        let changes = flags.is_writable() || flags.contains(OpenFlags::TRUNC);
        if self.permission(env.processes, node, flags.wanted_access()).is_err() {
            return Ok(None);
        }
        let mode = if changes { AccessMode::WRITE } else { AccessMode::READ };
        match self.break_leases(env, node, mode) {
            Some(_) if flags.contains(OpenFlags::NONBLOCK) => Err(Errno::EAGAIN),
            wait => Ok(wait),
        }
    }

    /// Breaks the leases on a file that are in the way of reading or writing it, and returns what to wait for.
    pub fn break_leases(&mut self, env: &Env<'_>, node: Node, mode: AccessMode) -> Option<LeaseWait> {
        let Node::Inode(inode) = node else { return None };
        let writes = mode.contains(AccessMode::WRITE);
        let to = (!writes).then_some(LockKind::Shared);
        let seconds = self.tunable(Tunable::LeaseBreakTime);
        let deadline_ns =
            (seconds > 0).then(|| env.uptime_ns.saturating_add(seconds.saturating_mul(NS_PER_S)));
        let mut told = Vec::new();
        for lease in self.leases.iter_mut().filter(|lease| lease.inode == inode) {
            let is_late = |breaking: Breaking| breaking.deadline_ns.is_some_and(|end| end <= env.uptime_ns);
            if let Some(breaking) = lease.breaking.filter(|breaking| is_late(*breaking)) {
                // What is left of it after that is decided below.
                lease.breaking = None;
                match breaking.to {
                    Some(kind) => lease.kind = kind,
                    None => {
                        told.push((lease.open, lease.fd, true));
                        continue;
                    }
                }
            }
            let is_in_the_way = writes || lease.kind == LockKind::Exclusive;
            let is_enough = |breaking: &Breaking| breaking.to.is_none() || to.is_some();
            if is_in_the_way && !lease.breaking.as_ref().is_some_and(is_enough) {
                lease.breaking = Some(Breaking { to, deadline_ns });
                told.push((lease.open, lease.fd, false));
            }
        }
        for (open, fd, is_over) in told {
            if is_over {
                self.drop_lease(open);
            } else {
                self.tell_owner(open, fd, IoReason::Message);
            }
        }
        let in_the_way =
            |lease: &&Lease| lease.inode == inode && (writes || lease.kind == LockKind::Exclusive);
        let deadlines = self.leases.iter().filter(in_the_way).filter_map(|lease| lease.breaking);
        let first = deadlines.map(|breaking| breaking.deadline_ns).reduce(|a, b| match (a, b) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        })?;
        Some(LeaseWait { wait: Wait::Lease(inode), deadline_ns: first })
    }
}
