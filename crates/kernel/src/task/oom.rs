//! Memory runs out: one process is ended so that the others go on (Linux 6.12 mm/oom_kill.c).

use super::{Process, Signal, SignalInfo};
use crate::ctx::Ctx;
use crate::event::{FrameNeed, Interest, MemoryShortage, MemoryUser, What};
use crate::kernel::INIT;
use crate::mm::{AreaRole, Backing, Fences, Work};
use crate::{Kernel, MmId, Pid};
use tine_mmu::VirtAddr;

/// The `oom_score_adj` of a process that is never ended for its memory.
pub(crate) const NEVER_ENDED: i16 = -1000;
/// How many pages of files leave at once for what needs more than one.
const ROOM_PAGES: u64 = 256;
/// How many processes a report names.
const USERS_TOLD: usize = 8;

/// What to do about what found no frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "it is to be tried again, or its process to end"]
pub(crate) enum Rescue {
    /// Try it again: somebody else gave frames back.
    Retry,
    /// Nothing: its process ends.
    Ends,
}

impl Kernel {
    /// Returns how much a process weighs when one must end, in pages: what it has resident and its page tables, plus what its
    /// `oom_score_adj` adds (`oom_badness`). `None` for one that is never ended, and for one that has no memory of its own.
    pub(crate) fn oom_points(&self, pid: Pid, process: &Process) -> Option<i64> {
        let mm = process.mm.filter(|_| pid != INIT && process.oom_score_adj != NEVER_ENDED)?;
        let parents = self.tasks.process(process.parent).and_then(|parent| parent.mm);
        if parents == Some(mm) {
            // A vfork child: what it has is its parent's.
            return None;
        }
        let usage = self.memory.usage(mm);
        let total = self.memory.frames().gauges().total as i64;
        let own = (usage.resident.total() + usage.page_tables) as i64;
        Some(own + i64::from(process.oom_score_adj) * (total / 1000))
    }

    /// Tells whether a process is about to end by a signal that nothing stops.
    fn is_killed(&self, process: &Process) -> bool {
        let waits = |tid: &Pid| {
            self.tasks.task(*tid).is_some_and(|task| task.pending.set().contains(Signal::SIGKILL))
        };
        process.end.is_some()
            || process.pending.set().contains(Signal::SIGKILL)
            || process.tasks.iter().any(waits)
    }

    /// Chooses the process that weighs most; of several, the one that came last (`select_bad_process`).
    fn choose_victim(&self) -> Option<Pid> {
        let candidates = self.tasks.processes().filter(|(_, process)| !self.is_killed(process));
        let weighed = candidates.filter_map(|(pid, process)| Some((self.oom_points(pid, process)?, pid)));
        weighed.max().map(|(_, pid)| pid)
    }

    fn memory_user(&self, pid: Pid, process: &Process) -> Option<MemoryUser> {
        let usage = self.memory.usage(process.mm?);
        Some(MemoryUser {
            pid,
            command: String::from_utf8_lossy(&process.command).into_owned(),
            size_pages: usage.size,
            resident: usage.resident,
            page_tables: usage.page_tables,
            oom_score_adj: process.oom_score_adj,
        })
    }

    /// Returns who uses memory, the one that uses most first.
    fn memory_users(&self) -> Vec<MemoryUser> {
        let processes = self.tasks.processes();
        let mut users: Vec<_> =
            processes.filter_map(|(pid, process)| self.memory_user(pid, process)).collect();
        users.sort_by_key(|user| (std::cmp::Reverse(user.resident.total() + user.page_tables), user.pid));
        users.truncate(USERS_TOLD);
        users
    }

    /// Returns the name of the area at an address, as `maps` has it.
    pub(crate) fn mapping_name(&self, mm: MmId, at: VirtAddr) -> String {
        let space = self.memory.space(mm);
        let name = space.areas().find(at.vpn()).map(|vma| match (&vma.backing, space.role(vma)) {
            (Backing::File(file), _) => file.name.to_string(),
            (_, AreaRole::Heap) => "[heap]".to_owned(),
            (_, AreaRole::Stack) => "[stack]".to_owned(),
            (_, AreaRole::Other) => "anonymous memory".to_owned(),
        });
        name.unwrap_or_else(|| "no mapping".to_owned())
    }
}

impl Ctx<'_> {
    /// Ends the process that weighs most, and every other that runs in its memory, and takes back their private pages at once
    /// (`out_of_memory`, `oom_kill_process`, `oom_reap_task_mm`).
    pub(crate) fn relieve_memory(&mut self, need: FrameNeed) -> Rescue {
        if self.kernel.is_killed(self.process()) {
            // It needs nothing more than to end.
            return Rescue::Ends;
        }
        let victim = self.kernel.choose_victim();
        self.tell_shortage(need, victim, false);
        let Some(victim) = victim else { return Rescue::Ends };
        let Some(victims) = self.kernel.tasks.process(victim).and_then(|process| process.mm) else {
            return Rescue::Ends;
        };
        let processes = self.kernel.tasks.processes();
        let sharers: Vec<Pid> =
            processes.filter(|(_, process)| process.mm == Some(victims)).map(|(pid, _)| pid).collect();
        self.kernel.memory.count_oom_kill();
        for pid in &sharers {
            self.kernel.send_to_process(*pid, SignalInfo::of_kernel(Signal::SIGKILL));
        }
        if sharers.contains(&self.pid) {
            return Rescue::Ends;
        }
        self.reap(victim, victims);
        Rescue::Retry
    }

    /// Makes room for what has failed since there were so many `shortages`: clean pages of files leave, and at last the process
    /// that weighs most ends. There is nothing to do where frames were left all the time: what was tried was refused, or made to
    /// fail ([`crate::inject`]). Frames may be free again, for what had been done was undone.
    pub(crate) fn make_room(&mut self, need: FrameNeed, shortages: u64) -> Rescue {
        match () {
            () if self.kernel.memory.frames().shortages() == shortages => Rescue::Ends,
            () if self.reclaim(ROOM_PAGES) > 0 => Rescue::Retry,
            () => self.relieve_memory(need),
        }
    }

    /// Takes the private pages of processes that are about to end, on the account of one of them.
    fn reap(&mut self, victim: Pid, mm: MmId) {
        let mut counters = crate::MemoryCounters::default();
        let mut work = Work::supervisor(self.harts.ram(), &mut counters);
        self.kernel.memory.reap(&mut work, mm);
        let fences: Fences = work.finish();
        if let Some(process) = self.kernel.tasks.process_mut(victim) {
            process.account.memory += &counters;
        }
        self.kernel.hart_account(self.hart).memory += &counters;
        self.kernel.settle(self.harts, self.hart, mm, fences);
    }

    /// Tells who asked for a frame in vain, and who ends of it.
    pub(crate) fn tell_shortage(&mut self, need: FrameNeed, victim: Option<Pid>, injected: bool) {
        if !self.kernel.settings.interest.contains(Interest::SHORTAGE) {
            return;
        }
        let pc = self.harts.pc(self.hart);
        let kernel = &*self.kernel;
        let victim = victim.and_then(|pid| kernel.memory_user(pid, kernel.tasks.process(pid)?));
        let shortage = MemoryShortage {
            command: String::from_utf8_lossy(self.name()).into_owned(),
            need,
            injected,
            pc,
            frames: kernel.memory.frames().gauges(),
            victim,
            users: kernel.memory_users(),
        };
        self.log(Interest::SHORTAGE, || What::OutOfMemory(Box::new(shortage)));
    }
}
