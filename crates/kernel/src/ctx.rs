//! What the kernel works with while it serves one task: the kernel, the harts, the host, and who is being served.
//!
//! User memory is reached here and nowhere else. A copy that faults is resolved as a user access would be, and goes on
//! where it stopped, so that `read(2)` into a copy-on-write page takes the same fault that a store takes.

use crate::event::{Interest, What};
use crate::fs::PATH_MAX;
use crate::mm::{Fault, FrameCopy, Memory, Resolved, TASK_SIZE, TakenBy, Work};
use crate::syscall::{self, UserPtr, UserValue};
use crate::task::{Process, Signal, SignalInfo, Task, TaskState, WaitKey};
use crate::{Errno, FaultKind, HartId, Harts, Host, Kernel, MemoryCounters, MmId, Pid, Site, Trap};
use tine_mmu::{Access, PAGE_SIZE, VirtAddr};

/// One task being served on one hart.
pub struct Ctx<'a> {
    /// The kernel.
    pub kernel: &'a mut Kernel,
    /// The processors.
    pub harts: &'a mut dyn Harts,
    /// The host's console.
    pub host: &'a mut dyn Host,
    /// The hart that trapped.
    pub hart: HartId,
    /// The task that is served.
    pub tid: Pid,
    /// Its process.
    pub pid: Pid,
    /// Whether the task gives way to the head of the run queue when its system call is done.
    pub(crate) yield_after_call: bool,
}

impl<'a> Ctx<'a> {
    /// Makes the context of the task that is current on `hart`.
    ///
    /// # Panics
    /// When the hart is idle: its caller has just run it.
    pub fn new(
        kernel: &'a mut Kernel,
        harts: &'a mut dyn Harts,
        host: &'a mut dyn Host,
        hart: HartId,
    ) -> Self {
        let tid = kernel.sched.hart(hart).current.expect("a busy hart");
        let pid = kernel.tasks.task(tid).expect("a task on a hart exists").process;
        Self { kernel, harts, host, hart, tid, pid, yield_after_call: false }
    }

    /// Returns the task.
    ///
    /// # Panics
    /// After the task has ended.
    pub fn task(&self) -> &Task {
        self.kernel.tasks.task(self.tid).expect("the served task exists")
    }

    /// Returns the task to change.
    ///
    /// # Panics
    /// After the task has ended.
    pub fn task_mut(&mut self) -> &mut Task {
        self.kernel.tasks.task_mut(self.tid).expect("the served task exists")
    }

    /// Returns the process.
    ///
    /// # Panics
    /// After the process was reaped.
    pub fn process(&self) -> &Process {
        self.kernel.tasks.process(self.pid).expect("the served process exists")
    }

    /// Returns the process to change.
    ///
    /// # Panics
    /// After the process was reaped.
    pub fn process_mut(&mut self) -> &mut Process {
        self.kernel.tasks.process_mut(self.pid).expect("the served process exists")
    }

    /// Returns the name of the task, as `/proc/<pid>/task/<tid>/comm` has it.
    pub fn name(&self) -> &[u8] {
        self.task().name.as_ref().unwrap_or(&self.process().command)
    }

    /// Names the task. Its process is known by the name of its first task.
    pub fn set_name(&mut self, name: Vec<u8>) {
        if self.tid == self.pid {
            self.process_mut().command = name;
        } else {
            self.task_mut().name = Some(name);
        }
    }

    /// Returns the process's address space.
    ///
    /// # Panics
    /// After the process gave it back.
    pub fn mm(&self) -> MmId {
        self.process().mm.expect("a running process has memory")
    }

    /// Returns the virtual time on this hart.
    pub fn now_ns(&self) -> u64 {
        self.kernel.sched.hart(self.hart).now_ns
    }

    /// Tells whether the served task is still the one on the hart.
    pub fn is_running(&self) -> bool {
        self.kernel.sched.hart(self.hart).current == Some(self.tid)
    }

    /// Logs an event if somebody wants its kind.
    pub fn log(&mut self, kind: Interest, what: impl FnOnce() -> What) {
        self.kernel.log(kind, self.hart, self.tid, what);
    }

    /// Makes every task ready that waits for `key`.
    pub fn wake(&mut self, key: WaitKey) {
        self.kernel.wake(key);
    }

    /// Does work on address spaces for this process: counts it, executes the fences it owes in `mm`, and logs its faults.
    pub fn memory<R>(&mut self, mm: MmId, operate: impl FnOnce(&mut Memory, &mut Work<'_>) -> R) -> R {
        let Kernel { memory, tasks, settings, hart_accounts, .. } = &mut *self.kernel;
        let hart = &mut hart_accounts[self.hart.0 as usize];
        let process = tasks.process_mut(self.pid).expect("the served process exists");
        let faults_before = process.account.memory.faults;
        let mut work =
            Work::supervisor(self.harts.ram(), &mut process.account.memory).on_hart(&mut hart.memory);
        work.faults = settings.interest.contains(Interest::FAULT).then(Vec::new);
        let result = operate(memory, &mut work);
        let Work { fences, faults, taken_by, .. } = work;
        let new_faults = process.account.memory.faults - faults_before;
        if let Some(task) = tasks.task_mut(self.tid) {
            task.usage.minor_faults += new_faults;
        }
        self.kernel.free_doomed_segments(self.harts.ram());
        self.kernel.settle(self.harts, self.hart, mm, fences);
        let copies = self.kernel.memory.take_copies();
        if faults.is_some() || !copies.is_empty() {
            self.log_work(faults, copies, taken_by);
        }
        result
    }

    /// Logs the faults and the copies of some work on an address space.
    #[cold]
    fn log_work(&mut self, faults: Option<Vec<Resolved>>, copies: Vec<FrameCopy>, taken_by: TakenBy) {
        for copy in copies {
            let here = |fault: &&Resolved| fault.at.vpn() == copy.vpn;
            let at = faults.iter().flatten().find(here).map_or(copy.vpn.base(), |fault| fault.at);
            let site = self.site(at, taken_by);
            self.log_at(Interest::COPY, site, || What::Copy(copy));
        }
        for fault in faults.into_iter().flatten() {
            self.log_fault(&fault, taken_by);
        }
    }

    /// Counts something for this process and this hart.
    pub(crate) fn count_memory(&mut self, add: impl Fn(&mut MemoryCounters)) {
        add(&mut self.process_mut().account.memory);
        add(&mut self.kernel.hart_account(self.hart).memory);
    }

    fn log_fault(&mut self, fault: &Resolved, taken_by: TakenBy) {
        let pc = self.harts.pc(self.hart);
        let Resolved { kind, at, access, old, new, owners, .. } = *fault;
        let site = self.site(at, taken_by);
        self.log_at(Interest::FAULT, site, || What::Fault { kind, at, access, pc, old, new, owners });
    }

    /// Logs an event with where it was, if somebody wants its kind.
    pub(crate) fn log_at(&mut self, kind: Interest, site: Option<Box<Site>>, what: impl FnOnce() -> What) {
        if self.kernel.settings.interest.contains(kind) {
            self.kernel.push_event(self.hart, self.tid, what(), site);
        }
    }

    /// Says where the program is in a system call that does something to `at`, if somebody wants to know.
    pub(crate) fn call_site(&self, at: VirtAddr) -> Option<Box<Site>> {
        self.site(at, TakenBy::Supervisor)
    }

    fn site(&self, at: VirtAddr, taken_by: TakenBy) -> Option<Box<Site>> {
        let is_wanted = self.kernel.settings.interest.contains(Interest::SITE);
        let mm = self.process().mm.filter(|_| is_wanted)?;
        let (pc, memory) = (self.harts.pc(self.hart), &self.kernel.memory);
        let is_after_call = taken_by == TakenBy::Supervisor;
        // The call ends where the next instruction begins, and there may be another function.
        let instruction = VirtAddr(if is_after_call { pc.wrapping_sub(1) } else { pc });
        Some(Box::new(Site {
            mm,
            pc,
            is_after_call,
            code: memory.place(mm, instruction),
            registers: self.harts.save(self.hart).x,
            data: memory.place(mm, at),
            at,
        }))
    }

    /// Resolves a page fault of this process.
    ///
    /// # Errors
    /// The [`Fault`] that it became.
    fn resolve(&mut self, at: VirtAddr, access: Access, taken_by: TakenBy) -> Result<FaultKind, Fault> {
        let mm = self.mm();
        let attempt = |ctx: &mut Self| {
            ctx.memory(mm, |memory, work| {
                work.taken_by = taken_by;
                memory.fault(work, mm, at, access).map(|resolved| resolved.kind)
            })
        };
        let result = self.resolve_fault(mm, at, attempt, access);
        if result == Ok(FaultKind::Shared) && access == Access::Store {
            let now_ns = self.wall_clock_ns();
            let vma = self.kernel.memory.space(mm).areas().find(at.vpn());
            if let Some((file, _)) = vma.and_then(|vma| vma.file_page(at.vpn())) {
                self.kernel.fs.note_store(file, now_ns);
            }
        }
        if let Err(fault) = result {
            let pc = self.harts.pc(self.hart);
            let site = self.site(at, taken_by);
            self.log_at(Interest::FAULT, site, || What::FailedFault { reason: fault.name(), at, access, pc });
        }
        result
    }

    /// Serves a page fault that user code took.
    pub(crate) fn user_fault(&mut self, stval: u64, access: Access) {
        let at = VirtAddr(stval);
        if let Err(fault) = self.resolve(at, access, TakenBy::User) {
            match fault.signal_info(at) {
                Some(info) => self.force_signal(info),
                None => self.force_signal(SignalInfo::of_kernel(Signal::SIGKILL)),
            }
        }
    }

    /// Sends the signal of a trap that is no fault of memory management.
    pub(crate) fn raise_trap_signal(&mut self, trap: &Trap) {
        self.force_signal(SignalInfo::of_trap(trap));
    }

    /// Repeats a copy until it is done or a fault cannot be resolved.
    ///
    /// # Errors
    /// The bytes that were done.
    fn copy(
        &mut self,
        at: VirtAddr,
        len: usize,
        mut step: impl FnMut(&mut dyn Harts, usize) -> Result<(), crate::CopyFault>,
    ) -> Result<(), usize> {
        let mut done = 0;
        let mut spurious_at = None;
        // access_ok: no part of the kernel's half, and no wrapping round.
        if at.0.checked_add(len as u64).is_none_or(|end| end > TASK_SIZE) {
            return Err(0);
        }
        while let Err(fault) = step(self.harts, done) {
            done += fault.done;
            match self.resolve(fault.at, fault.access, TakenBy::Supervisor) {
                // A page table that allows what the hart keeps refusing: only the hart's state can be the cause.
                Ok(FaultKind::Spurious) if spurious_at == Some(fault.at) => return Err(done),
                Ok(FaultKind::Spurious) => spurious_at = Some(fault.at),
                Ok(_) => {}
                Err(Fault::Oom) => {
                    self.force_signal(SignalInfo::of_kernel(Signal::SIGKILL));
                    return Err(done);
                }
                Err(_) => return Err(done),
            }
        }
        Ok(())
    }

    /// Copies user memory in.
    ///
    /// # Errors
    /// The bytes that were copied before the one that cannot be read.
    pub fn read_bytes(&mut self, from: VirtAddr, to: &mut [u8]) -> Result<(), usize> {
        let hart = self.hart;
        self.copy(from, to.len(), |harts, done| harts.copy_in(hart, from + done as u64, &mut to[done..]))
    }

    /// Copies to user memory.
    ///
    /// # Errors
    /// The bytes that were copied before the one that cannot be written.
    pub fn write_bytes(&mut self, to: VirtAddr, from: &[u8]) -> Result<(), usize> {
        let hart = self.hart;
        self.copy(to, from.len(), |harts, done| harts.copy_out(hart, to + done as u64, &from[done..]))
    }

    /// Replaces the aligned word at `at` by `new` if it holds `old`, and returns what it held.
    ///
    /// # Errors
    /// `EFAULT` when it cannot be written.
    pub fn compare_exchange(&mut self, at: VirtAddr, old: u32, new: u32) -> Result<u32, Errno> {
        let (hart, mut held) = (self.hart, old);
        let exchange = |harts: &mut dyn Harts, _| {
            held = harts.compare_exchange(hart, at, old, new)?;
            Ok(())
        };
        self.copy(at, size_of::<u32>(), exchange).map_err(|_| Errno::EFAULT)?;
        Ok(held)
    }

    /// Reads a value.
    ///
    /// # Errors
    /// `EFAULT` when a byte of it cannot be read.
    pub fn read<T: UserValue>(&mut self, from: UserPtr<T>) -> Result<T, Errno> {
        let mut bytes = vec![0; T::SIZE];
        self.read_bytes(from.address(), &mut bytes).map_err(|_| Errno::EFAULT)?;
        Ok(T::from_bytes(&bytes))
    }

    /// Writes a value.
    ///
    /// # Errors
    /// `EFAULT` when a byte of it cannot be written.
    pub fn write<T: UserValue>(&mut self, to: UserPtr<T>, value: T) -> Result<(), Errno> {
        self.write_bytes(to.address(), &value.to_bytes()).map_err(|_| Errno::EFAULT)
    }

    /// Writes a value where the program gave an address for it.
    ///
    /// # Errors
    /// `EFAULT` when a byte of it cannot be written.
    pub fn write_optional<T: UserValue>(&mut self, to: UserPtr<T>, value: T) -> Result<(), Errno> {
        if to.is_null() { Ok(()) } else { self.write(to, value) }
    }

    /// Reads a NUL-terminated string of at most `max` bytes, the NUL counted.
    ///
    /// # Errors
    /// `EFAULT` when it cannot be read; `too_long` when no NUL is found.
    pub fn read_string(&mut self, from: VirtAddr, max: usize, too_long: Errno) -> Result<Vec<u8>, Errno> {
        let mut string = Vec::new();
        while string.len() < max {
            let at = from + string.len() as u64;
            // Up to the end of the page: the next page may not be there, and need not be.
            let chunk = ((PAGE_SIZE - at.offset()) as usize).min(max - string.len());
            let mut bytes = vec![0; chunk];
            self.read_bytes(at, &mut bytes).map_err(|_| Errno::EFAULT)?;
            if let Some(end) = bytes.iter().position(|byte| *byte == 0) {
                string.extend_from_slice(&bytes[..end]);
                return Ok(string);
            }
            string.extend_from_slice(&bytes);
        }
        Err(too_long)
    }

    /// Reads a path.
    ///
    /// # Errors
    /// `EFAULT` when it cannot be read, `ENAMETOOLONG` past [`PATH_MAX`].
    pub fn read_path(&mut self, from: VirtAddr) -> Result<Vec<u8>, Errno> {
        self.read_string(from, PATH_MAX, Errno::ENAMETOOLONG)
    }

    /// Finishes what stands between the task and user mode: a system call that slept, and signals.
    ///
    /// # Returns
    /// Whether the task is still on the hart.
    pub(crate) fn prepare_return(&mut self) -> bool {
        if self.has_nothing_to_finish() {
            return true;
        }
        if self.process().job.is_stopped() {
            // A signal that another task took has stopped them all.
            self.stop_task();
            return false;
        }
        self.begin_child();
        if let Some(suspended) = self.task_mut().continuation.take() {
            syscall::resume(self, suspended);
        }
        if self.is_running() {
            self.deliver_signals();
        }
        while self.is_running() && self.has_stale_rseq() {
            if self.refresh_rseq().is_err() {
                self.force_bad_frame();
                self.deliver_signals();
            }
        }
        self.is_running()
    }

    /// Tells at little cost that nothing stands between the task and user mode, as after nearly every trap.
    pub(crate) fn has_nothing_to_finish(&self) -> bool {
        let (task, process) = (self.task(), self.process());
        !process.job.is_stopped()
            && process.pending.is_empty()
            && task.pending.is_empty()
            && task.set_child_tid == 0
            && task.continuation.is_none()
            && task.interrupted.is_none()
            && !self.has_stale_rseq()
            && !self.kernel.has_unheard()
    }

    /// Takes the task off the hart until one of `keys` is woken or the deadline passes.
    pub(crate) fn block(&mut self, keys: Vec<WaitKey>, deadline_ns: Option<u64>) {
        self.process_mut().usage.voluntary_switches += 1;
        self.task_mut().usage.voluntary_switches += 1;
        self.task_mut().state = TaskState::Blocked;
        self.kernel.leave_hart(self.harts, self.hart);
        self.kernel.sched.sleep(self.tid, keys, deadline_ns);
    }
}
