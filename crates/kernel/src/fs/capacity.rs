//! How much pipes hold, and how many pages a user may have in them (pipe(7), "Pipe capacity").

use super::pipe::{DEFAULT_BUFFERS, FEWEST_BUFFERS, Pipe, PipeId, pages as pipe_pages};
use super::wait::{Stop, Wait};
use super::{Env, Fs, OpenId, Tunable};
use crate::Errno;
use crate::creds::Capabilities;
use tine_mmu::PAGE_SIZE;

/// Tells whether the caller may have no more pages in pipes than others (`pipe_is_unprivileged_user`).
fn is_unprivileged(env: &Env<'_>) -> bool {
    let who = env.credentials();
    !who.can(Capabilities::SYS_RESOURCE) && !who.can(Capabilities::SYS_ADMIN)
}

impl Fs {
    /// Makes a pipe on the caller's account: a small one where he has many (`alloc_pipe_info`).
    ///
    /// # Errors
    /// `ENFILE`.
    pub(super) fn new_pipe(&mut self, env: &Env<'_>) -> Result<PipeId, Errno> {
        let who = env.credentials();
        let user = who.user.real;
        let mut pages = DEFAULT_BUFFERS;
        let most = (self.tunable(Tunable::PipeMaxSize) / PAGE_SIZE) as usize;
        if pages > most && !who.can(Capabilities::SYS_RESOURCE) {
            pages = most;
        }
        if is_unprivileged(env) {
            let others = self.pipe_pages_of(user);
            if self.is_beyond(Tunable::PipeUserPagesSoft, others + pages) {
                pages = FEWEST_BUFFERS;
            }
            if self.is_beyond(Tunable::PipeUserPagesHard, others + pages) {
                return Err(Errno::ENFILE);
            }
        }
        Ok(self.pipes.insert(Pipe::new(user, pages)))
    }

    /// Returns how many pages the pipes of a user may fill.
    fn pipe_pages_of(&self, user: u32) -> usize {
        self.pipes.iter().filter(|(_, pipe)| pipe.user == user).map(|(_, pipe)| pipe.max_buffers()).sum()
    }

    fn is_beyond(&self, limit: Tunable, pages: usize) -> bool {
        let limit = self.tunable(limit);
        limit > 0 && pages as u64 > limit
    }

    /// Returns the pipe that a description is an end of.
    pub(super) fn open_pipe(&self, open: OpenId) -> Option<PipeId> {
        self.pipe_id(self.opens[open].node)
    }

    /// Returns a pipe's capacity in bytes (`F_GETPIPE_SZ`).
    ///
    /// # Errors
    /// `EBADF` when it is no pipe.
    pub fn pipe_capacity(&self, open: OpenId) -> Result<usize, Errno> {
        Ok(self.pipes[self.open_pipe(open).ok_or(Errno::EBADF)?].capacity())
    }

    /// Returns how many bytes a pipe has room for.
    ///
    /// # Errors
    /// `EBADF` when it is no pipe; a wait for room where there is none.
    pub fn pipe_room(&self, open: OpenId) -> Result<usize, Stop> {
        let id = self.open_pipe(open).ok_or(Errno::EBADF)?;
        let pipe = &self.pipes[id];
        if pipe.is_full() && pipe.readers > 0 { Err(Wait::PipeWritable(id).into()) } else { Ok(pipe.room()) }
    }

    /// Sets a pipe's capacity and returns it rounded up (`F_SETPIPE_SZ`).
    ///
    /// # Errors
    /// `EBADF` when it is no pipe, `EINVAL` when it is too much, `EPERM` when it is too much for who has no privilege, `EBUSY`
    /// when the contents would not fit.
    pub fn set_pipe_capacity(&mut self, env: &Env<'_>, open: OpenId, len_bytes: u32) -> Result<usize, Errno> {
        let id = self.open_pipe(open).ok_or(Errno::EBADF)?;
        let pages = pipe_pages(len_bytes)?;
        let (before, user) = (self.pipes[id].max_buffers(), self.pipes[id].user);
        if pages > before {
            let most = self.tunable(Tunable::PipeMaxSize);
            let is_large = pages as u64 * PAGE_SIZE > most;
            if is_large && !env.credentials().can(Capabilities::SYS_RESOURCE) {
                return Err(Errno::EPERM);
            }
            let total = self.pipe_pages_of(user) - before + pages;
            if is_unprivileged(env)
                && (self.is_beyond(Tunable::PipeUserPagesSoft, total)
                    || self.is_beyond(Tunable::PipeUserPagesHard, total))
            {
                return Err(Errno::EPERM);
            }
        }
        let was_full = self.pipes[id].is_full();
        let capacity = self.pipes[id].resize(len_bytes)?;
        if was_full && !self.pipes[id].is_full() {
            self.wakes.push(Wait::PipeWritable(id));
        }
        Ok(capacity)
    }
}
