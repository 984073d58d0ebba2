//! The kernel's state, and the loop that serves one trap at a time.

mod run;

use crate::account::{Account, ProcessRecord};
use crate::ctx::Ctx;
use crate::event::{Event, Interest, What};
use crate::fs::{Fs, Grant};
use crate::inject::{Injection, Injections};
use crate::ipc::Ipc;
use crate::mm::{Fences, Memory, OutOfMemory};
use crate::syscall::{self, ClockDiscipline, HostNames};
use crate::task::{
    Futexes, INTERLEAVE, Scheduler, SignalInfo, TRAP_NS, TaskState, TaskTable, Vdso, WaitKey, WaitStatus,
};
use crate::{
    Errno, GrantId, HartId, Harts, Host, InstructionSet, Interrupt, MemoryPolicy, MmId, Pid, Site, Trap,
};
use std::collections::{BTreeMap, BTreeSet};
use tine_mmu::Ram;

/// The supervisor's own process: it has no task, adopts orphans and reaps them at once.
pub const INIT: Pid = Pid(1);

/// What the kernel is told when it is made.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How many harts there are.
    pub harts: u32,
    /// Decides everything random: other scheduling orders, AT_RANDOM, getrandom.
    pub seed: u64,
    /// What the clock says when the machine starts, in seconds since 1970.
    pub epoch_s: u64,
    /// The most processes there may be at once, init not counted.
    pub max_processes: u32,
    /// Instructions after which the run is given up.
    pub max_instructions: Option<u64>,
    /// Which instructions the harts have.
    pub isa: InstructionSet,
    /// Which events to log.
    pub interest: Interest,
    /// How much of a string events of system calls have, and how many elements of an array.
    pub string_limit: usize,
    /// The files of the host that the guest sees.
    pub grants: Vec<Grant>,
    /// What is made to fail.
    pub injections: Vec<Injection>,
}

impl Settings {
    /// Returns what the clock says when the machine starts, in nanoseconds since 1970.
    pub(crate) const fn epoch_ns(&self) -> u64 {
        self.epoch_s * 1_000_000_000
    }
}

/// Why there can be no such kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BootError {
    /// There is no frame for what every machine needs.
    #[error("memory is too little for an empty machine")]
    OutOfMemory,
    /// A grant cannot be mounted.
    #[error("grant {} cannot be mounted: {errno}", grant.0)]
    Grant {
        /// Which one.
        grant: GrantId,
        /// Why.
        errno: Errno,
    },
}

impl From<OutOfMemory> for BootError {
    fn from(_: OutOfMemory) -> Self {
        Self::OutOfMemory
    }
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Every process has ended; this is how the program did.
    Ended(WaitStatus),
    /// No task can ever run again: each waits for what cannot come.
    Deadlock(Vec<Stuck>),
    /// The instruction limit was reached.
    InstructionLimit(u64),
}

/// A task that can never run again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stuck {
    /// The task.
    pub task: Pid,
    /// Name of its program.
    pub command: String,
    /// What it waits for.
    pub waits_for: String,
}

/// The supervisor.
pub struct Kernel {
    /// Frames, page cache and address spaces.
    pub memory: Memory,
    /// Inodes, open files and pipes.
    pub fs: Fs,
    /// Tasks and processes.
    pub tasks: TaskTable,
    /// Run queue and clocks.
    pub sched: Scheduler,
    /// What it was told.
    pub settings: Settings,
    /// System V objects.
    pub(crate) ipc: Ipc,
    /// Who waits for which futex.
    pub futexes: Futexes,
    pub(crate) vdso: Vdso,
    /// What the time of day is ahead of the time since the machine started.
    pub(crate) wall_offset_ns: u64,
    /// What programs have said of the time of day.
    pub(crate) discipline: ClockDiscipline,
    /// The timers that follow the running of a process: whose, who made them, their numbers.
    pub(crate) cpu_timers: BTreeSet<(Pid, Pid, i32)>,
    /// The tasks that sleep by the clock of a process, behind that process, or by the clock of a task of it.
    pub(crate) cpu_sleepers: BTreeSet<(Pid, Pid)>,
    pub(crate) program: Option<Pid>,
    pub(crate) program_end: Option<WaitStatus>,
    ended: Vec<ProcessRecord>,
    pub(crate) hart_accounts: Vec<Account>,
    retired_seen: Vec<u64>,
    events: Vec<Event>,
    unknown_calls: BTreeSet<u64>,
    /// Signals that processes ignore, while somebody watches signals: a tracer sees them too.
    unheard: BTreeMap<Pid, Vec<SignalInfo>>,
    /// Paths that programs asked for and did not find.
    pub(crate) missed: BTreeSet<Vec<u8>>,
    /// What the machine is called.
    pub(crate) host_names: HostNames,
    /// The system calls that are made to fail.
    pub(crate) injections: Injections,
}

impl Kernel {
    /// Returns the failures that were asked for and did not come about, each with how many of its kind there were.
    pub fn unmet_injections(&self) -> Vec<(Injection, u64)> {
        self.injections.unmet().chain(self.memory.injections().unmet()).collect()
    }

    /// Makes a kernel with an empty machine: no process but init.
    ///
    /// # Errors
    /// [`BootError`] when there is no memory for it, or a grant cannot be mounted.
    pub fn new(
        ram: &mut Ram,
        host: &mut dyn Host,
        policy: MemoryPolicy,
        settings: Settings,
    ) -> Result<Self, BootError> {
        let mut memory = Memory::new(ram, policy)?;
        if settings.interest.contains(Interest::COPY) {
            memory.keep_ledger();
        }
        let wall_offset_ns = settings.epoch_s * 1_000_000_000;
        let vdso = Vdso::load(ram, &mut memory, &settings.isa, wall_offset_ns)?;
        let fs = Fs::new(settings.seed, settings.epoch_ns());
        let harts = settings.harts;
        let injections = Injections::of(&settings.injections, |target| !target.is_of_memory());
        let mut kernel = Self {
            memory,
            vdso,
            wall_offset_ns,
            discipline: ClockDiscipline::default(),
            cpu_timers: BTreeSet::new(),
            cpu_sleepers: BTreeSet::new(),
            fs,
            tasks: TaskTable::default(),
            ipc: Ipc::default(),
            futexes: Futexes::default(),
            sched: Scheduler::new(harts, settings.seed),
            settings,
            program: None,
            program_end: None,
            ended: Vec::new(),
            hart_accounts: vec![Account::default(); harts as usize],
            retired_seen: vec![0; harts as usize],
            events: Vec::new(),
            unknown_calls: BTreeSet::new(),
            unheard: BTreeMap::new(),
            missed: BTreeSet::new(),
            host_names: HostNames::default(),
            injections,
        };
        let (epoch_ns, grants) = (kernel.settings.epoch_ns(), kernel.settings.grants.clone());
        kernel
            .with_fs(ram, host, INIT, epoch_ns, |fs, env| fs.mount_all(env, &grants))
            .map_err(|(grant, errno)| BootError::Grant { grant, errno })?;
        kernel.create_init();
        Ok(kernel)
    }

    /// Serves the machine until the end of a time quantum, or until something else is to be looked at than the task that has
    /// trapped: each trap where somebody wants that, or there are several harts.
    ///
    /// # Returns
    /// How the run ended, once it has.
    pub fn step(&mut self, harts: &mut dyn Harts, host: &mut dyn Host) -> Option<Outcome> {
        self.give_idle_harts_work(harts);
        let Some(hart) = self.sched.busy_hart() else { return self.nothing_runs() };
        let now_ns = self.sched.hart(hart).now_ns;
        if self.next_timer_ns().is_some_and(|next| next <= now_ns) {
            self.fire_timers(now_ns);
        }
        let mut ctx = Ctx::new(self, harts, host, hart);
        if !ctx.kernel.sched.hart(hart).in_user && ctx.give_way() {
            return None;
        }
        if ctx.kernel.sched.hart(hart).in_user && (ctx.has_signal() || ctx.process().job.is_stopped()) {
            // Another hart sent or took it: here it takes an interrupt to be looked at.
            ctx.interrupt(Interrupt::Software);
        }
        if ctx.kernel.sched.hart(hart).in_user || ctx.prepare_return() {
            ctx.run_user();
            while ctx.goes_straight_back() {
                ctx.run_user();
            }
        }
        let limit = self.settings.max_instructions?;
        (self.retired() >= limit).then_some(Outcome::InstructionLimit(limit))
    }

    /// Returns how many instructions all harts have retired.
    fn retired(&self) -> u64 {
        self.retired_seen.iter().sum()
    }

    fn run_watched(&mut self, harts: &mut dyn Harts, hart: HartId, budget: u64) -> Option<Trap> {
        let slot = self.sched.hart(hart);
        let (mut time_ns, pid) = (slot.now_ns, slot.current?);
        let events = &mut self.events;
        // Short stretches, so that the log stays short. With several harts they are no longer than this anyway.
        harts.run_watched(hart, budget.min(INTERLEAVE), &mut |retired| {
            events.push(Event { time_ns, hart, pid, what: What::Instruction(retired), site: None });
            time_ns += 1;
        })
    }

    /// How many instructions `hart` may retire before something else must be looked at.
    fn budget(&self, hart: HartId, pid: Pid) -> u64 {
        let slot = self.sched.hart(hart);
        let mut until = slot.slice_end_ns;
        if let Some(timer) = self.next_timer_ns() {
            until = until.min(timer);
        }
        let mut budget = until.saturating_sub(slot.now_ns);
        if self.sched.hart_count() > 1 {
            budget = budget.min(INTERLEAVE);
        }
        if let Some(left) = self.cpu_timer_budget(pid) {
            budget = budget.min(left);
        }
        if let Some(limit) = self.settings.max_instructions {
            budget = budget.min(limit - self.retired());
        }
        budget.max(1)
    }

    /// Returns when the next sleep ends or the next timer expires, if one ever does.
    fn next_timer_ns(&self) -> Option<u64> {
        match (self.sched.next_timer_ns(), self.fs.next_timer_ns()) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        }
    }

    fn fire_timers(&mut self, now_ns: u64) {
        for task in self.sched.expired(now_ns) {
            self.wake_task(task);
        }
        self.fire_alarms(now_ns);
        if self.fs.next_timer_ns().is_some_and(|next| next <= now_ns) {
            self.fs.expire_timers(now_ns);
            self.wake_files();
        }
    }

    fn timer_is_due(&self, hart: HartId) -> bool {
        let slot = self.sched.hart(hart);
        let timer = self.next_timer_ns();
        slot.now_ns >= slot.slice_end_ns || timer.is_some_and(|deadline| slot.now_ns >= deadline)
    }

    fn nothing_runs(&mut self) -> Option<Outcome> {
        if let Some(deadline) = self.next_timer_ns() {
            self.sched.idle_until(deadline);
            self.fire_timers(deadline);
            return None;
        }
        match self.program_end {
            // What is left waits for what cannot come; the program itself is done.
            Some(end) => Some(Outcome::Ended(end)),
            None => Some(Outcome::Deadlock(self.stuck())),
        }
    }

    fn stuck(&self) -> Vec<Stuck> {
        let describe = |(task, state): (Pid, &crate::task::Task)| Stuck {
            task,
            command: self.command_of(state.process),
            waits_for: match &state.continuation {
                _ if state.state == TaskState::Stopped => "SIGCONT".to_owned(),
                Some(suspended) => suspended.continuation.describe(),
                None => "nothing".to_owned(),
            },
        };
        self.tasks.tasks().map(describe).collect()
    }

    fn command_of(&self, pid: Pid) -> String {
        self.tasks
            .process(pid)
            .map_or_else(String::new, |process| String::from_utf8_lossy(&process.command).into_owned())
    }

    fn give_idle_harts_work(&mut self, harts: &mut dyn Harts) {
        if !self.sched.has_ready() {
            return;
        }
        for hart in self.sched.idle_harts() {
            let tasks = &self.tasks;
            let allowed = |tid| tasks.task(tid).is_some_and(|task| task.may_run_on(hart));
            if let Some(task) = self.sched.dequeue(allowed) {
                self.switch_to(harts, hart, task);
            }
        }
    }

    /// Puts `task` on an idle hart.
    pub(crate) fn switch_to(&mut self, harts: &mut dyn Harts, hart: HartId, tid: Pid) {
        let Some(task) = self.tasks.task_mut(tid) else { return };
        task.state = TaskState::Running;
        if let Some(rseq) = &mut task.rseq {
            rseq.is_stale = true;
        }
        harts.load(hart, &task.context);
        let (pid, rules) = (task.process, task.scheduling);
        let (slice_ns, latest_ns) = (self.sched.slice_ns(rules), self.sched.latest_ns());
        let several = self.sched.hart_count() > 1;
        let slot = self.sched.hart_mut(hart);
        if several {
            // A hart that idled cannot run a task before the moment at which another hart made it ready.
            slot.now_ns = slot.now_ns.max(latest_ns.saturating_sub(INTERLEAVE));
        }
        (slot.since_ns, slot.slice_end_ns) = (slot.now_ns, slot.now_ns + slice_ns);
        slot.current = Some(tid);
        let from = slot.previous.replace(tid);
        // A vfork child may have limits of its own in its parent's memory.
        if let Some(mm) = self.limit_memory(tid) {
            self.activate(harts, hart, mm);
        }
        if from != Some(tid) {
            self.hart_accounts[hart.0 as usize].switches += 1;
            if let Some(process) = self.tasks.process_mut(pid) {
                process.account.switches += 1;
            }
            self.log(Interest::SWITCH, hart, tid, || What::Switch { from });
        }
    }

    /// Has the memory of a task's process obey that task's limits, and returns it.
    pub(crate) fn limit_memory(&mut self, tid: Pid) -> Option<MmId> {
        let task = self.tasks.task(tid)?;
        let process = self.tasks.process(task.process)?;
        let (mm, limits) = (process.mm?, process.rlimits.of_memory(&task.credentials));
        self.memory.space_mut(mm).limits = limits;
        Some(mm)
    }

    /// Points `hart` at an address space.
    pub(crate) fn activate(&mut self, harts: &mut dyn Harts, hart: HartId, mm: MmId) {
        let activation = self.memory.activate(mm, hart);
        if let Some(fence) = activation.fence {
            harts.sfence_vma(hart, fence);
        }
        harts.set_satp(hart, activation.root, activation.asid);
    }

    /// Takes the current task off `hart` and saves its registers. A hart in user mode is interrupted first.
    pub(crate) fn leave_hart(&mut self, harts: &mut dyn Harts, hart: HartId) {
        if self.sched.hart(hart).in_user {
            let trap = harts.interrupt(hart, Interrupt::Software);
            self.enter_trap(hart, &trap);
        }
        let Some(tid) = self.sched.hart_mut(hart).current.take() else { return };
        self.collect_counters(harts, hart, tid);
        if let Some(task) = self.tasks.task_mut(tid) {
            task.context = harts.save(hart);
        }
    }

    /// Charges for a trap that the current task of `hart` has taken, and logs it.
    fn enter_trap(&mut self, hart: HartId, trap: &Trap) {
        let slot = self.sched.hart_mut(hart);
        slot.in_user = false;
        slot.now_ns += TRAP_NS;
        let Some(tid) = slot.current else { return };
        if let Some(task) = self.tasks.task_mut(tid) {
            task.usage.system_ns += TRAP_NS;
            let pid = task.process;
            if let Some(process) = self.tasks.process_mut(pid) {
                process.usage.system_ns += TRAP_NS;
            }
        }
        let Trap { cause, stval, sepc, spp } = *trap;
        self.log(Interest::TRAP, hart, tid, || What::Trap { cause, scause: trap.scause(), stval, sepc, spp });
    }

    /// Takes the current task off `hart` and puts it at the end of the run queue.
    pub(crate) fn preempt(&mut self, harts: &mut dyn Harts, hart: HartId) {
        let Some(tid) = self.sched.hart(hart).current else { return };
        self.leave_hart(harts, hart);
        if let Some(task) = self.tasks.task_mut(tid) {
            task.state = TaskState::Ready;
            self.sched.enqueue(tid);
        }
    }

    /// Moves what `hart` counted to the process that ran there.
    pub(crate) fn collect_counters(&mut self, harts: &mut dyn Harts, hart: HartId, tid: Pid) {
        let counted = harts.take_counters(hart);
        self.hart_accounts[hart.0 as usize].tlb += counted;
        let pid = self.tasks.task(tid).map(|task| task.process);
        if let Some(process) = pid.and_then(|pid| self.tasks.process_mut(pid)) {
            process.account.tlb += counted;
        }
    }

    /// Moves what every hart has counted since the last switch, so that the accounts are complete.
    pub fn collect_all(&mut self, harts: &mut dyn Harts) {
        for hart in (0..self.sched.hart_count()).map(HartId) {
            let slot = self.sched.hart(hart);
            if let Some(tid) = slot.current {
                self.collect_counters(harts, hart, tid);
            }
        }
    }

    fn count_retired(&mut self, hart: HartId, retired: u64) {
        let delta = retired - self.retired_seen[hart.0 as usize];
        self.sched.hart_mut(hart).now_ns += delta;
        self.retired_seen[hart.0 as usize] = retired;
        self.hart_accounts[hart.0 as usize].retired += delta;
        let Some(tid) = self.sched.hart(hart).current else { return };
        let Some(task) = self.tasks.task_mut(tid) else { return };
        let pid = task.process;
        task.usage.user_ns += delta;
        if let Some(process) = self.tasks.process_mut(pid) {
            process.account.retired += delta;
            process.usage.user_ns += delta;
        }
        self.fire_cpu_timers(pid);
    }

    /// Executes the fences that a change of `mm` owes: here, and on the harts that may hold its ASID.
    pub(crate) fn settle(&mut self, harts: &mut dyn Harts, hart: HartId, mm: MmId, fences: Fences) {
        let Some(targets) = self.memory.fence_targets(mm, &fences) else { return };
        let task = self.sched.hart(hart).current.unwrap_or(INIT);
        for fence in fences.for_asid(targets.asid) {
            for target in targets.harts.iter() {
                let remote = (target != hart).then_some(target);
                match remote {
                    None => harts.sfence_vma(hart, fence),
                    Some(target) => {
                        harts.remote_sfence_vma(hart, target, fence);
                        // Where nobody runs, what the fence removed is on the account of who sent it.
                        let there = self.sched.hart(target).current.unwrap_or(task);
                        self.collect_counters(harts, target, there);
                    }
                }
                self.log(Interest::FENCE, hart, task, || What::Fence { fence, remote });
            }
        }
    }

    /// Makes a waiting task ready.
    pub(crate) fn wake_task(&mut self, tid: Pid) {
        if self.sched.wake(tid)
            && let Some(task) = self.tasks.task_mut(tid)
        {
            task.state = TaskState::Ready;
            let task = &*task;
            self.sched.end_long_slice(tid, |hart| task.may_run_on(hart));
        }
    }

    /// Makes every task ready that waits for `key`.
    pub(crate) fn wake(&mut self, key: WaitKey) {
        for task in self.sched.waiters(key) {
            self.wake_task(task);
        }
    }

    /// Logs an event if somebody wants its kind.
    pub(crate) fn log(&mut self, kind: Interest, hart: HartId, pid: Pid, what: impl FnOnce() -> What) {
        if self.settings.interest.contains(kind) {
            self.push_event(hart, pid, what(), None);
        }
    }

    /// Logs an event that somebody wants.
    pub(crate) fn push_event(&mut self, hart: HartId, pid: Pid, what: What, site: Option<Box<Site>>) {
        let time_ns = self.sched.hart(hart).now_ns;
        self.events.push(Event { time_ns, hart, pid, what, site });
    }

    /// Counts the TLB entries that fences have removed on all harts.
    pub(crate) fn flushed_entries(&mut self, harts: &mut dyn Harts) -> u64 {
        self.collect_all(harts);
        self.hart_accounts.iter().map(|account| account.tlb.flushed_entries).sum()
    }

    /// Notes a system call that Tine does not have; it is told once.
    pub(crate) fn note_unknown(&mut self, hart: HartId, tid: Pid, number: u64) {
        if self.unknown_calls.insert(number) {
            let name = syscall::name_of(number);
            self.log(Interest::UNKNOWN, hart, tid, || What::UnknownSyscall { number, name });
        }
    }

    /// Keeps an ignored signal for the trace, if somebody wants signals; each is kept once.
    pub(crate) fn note_unheard(&mut self, pid: Pid, info: SignalInfo) {
        if self.settings.interest.contains(Interest::SIGNAL) {
            let held = self.unheard.entry(pid).or_default();
            if held.iter().all(|other| other.signal != info.signal) {
                held.push(info);
            }
        }
    }

    /// Tells whether there is an ignored signal that no trace shows yet.
    pub(crate) fn has_unheard(&self) -> bool {
        !self.unheard.is_empty()
    }

    /// Takes the signals that a process has ignored since the last call.
    pub(crate) fn take_unheard(&mut self, pid: Pid) -> Vec<SignalInfo> {
        self.unheard.remove(&pid).unwrap_or_default()
    }

    /// Takes the events logged since the last call.
    pub fn take_events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }

    /// Keeps the record of a process that is gone.
    pub(crate) fn record(&mut self, record: ProcessRecord) {
        self.ended.push(record);
    }

    /// Returns every process there was, lowest number first: those gone, and those that still live.
    pub fn processes(&self) -> Vec<ProcessRecord> {
        let living =
            self.tasks.processes().filter(|(pid, _)| *pid != INIT).map(|(pid, process)| process.record(pid));
        let mut all: Vec<_> = self.ended.iter().cloned().chain(living).collect();
        all.sort_by_key(|record| record.pid);
        all
    }

    /// Returns what each hart did.
    pub fn harts(&self) -> &[Account] {
        &self.hart_accounts
    }

    /// Returns a hart's account to add to.
    pub(crate) fn hart_account(&mut self, hart: HartId) -> &mut Account {
        &mut self.hart_accounts[hart.0 as usize]
    }
}
