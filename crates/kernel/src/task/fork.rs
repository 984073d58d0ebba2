//! Making tasks: fork, vfork and threads (Linux 6.12 kernel/fork.c copy_process).

use super::clone::{CloneFlags, CloneRequest};
use crate::ctx::Ctx;
use crate::event::{FrameNeed, Interest, What};
use crate::fs::{FdTableId, OpenFlags, PidfdKind, WorkDirId};
use crate::inject::Target;
use crate::ipc::Passage;
use crate::policy::ForkOrder;
use crate::syscall::{self, Continuation, Flow, SysResult, UserPtr};
use crate::task::{Process, Rescue, Task};
use crate::{Errno, Fd, MmId, Origin, Pid, Reg};
use std::collections::BTreeSet;
use tine_mmu::VirtAddr;

impl Ctx<'_> {
    /// Makes a child process, or a task of this one.
    ///
    /// # Errors
    /// As [`CloneRequest::check`]; `EAGAIN` when there are too many processes, at all or of one user, `EEXIST` when the wanted number is taken,
    /// `ENOMEM` when so much may not be promised; where no frame is left, for a process that ends of it.
    pub(crate) fn clone_task(&mut self, request: CloneRequest) -> SysResult {
        request.check(self.credentials())?;
        let is_thread = request.has(CloneFlags::THREAD);
        if let Some(errno) = (!is_thread).then(|| self.kernel.injections.strike(Target::Fork)).flatten() {
            return Err(Flow::Injected(errno));
        }
        // Init is the supervisor's own and counts for nobody.
        let processes = self.kernel.tasks.process_count();
        let most = self.kernel.settings.max_processes as usize;
        if processes > most || self.kernel.tasks.task_count() >= most {
            return Err(Errno::EAGAIN.into());
        }
        self.check_task_limit()?;
        let child = match request.set_tid {
            Some(wanted) if self.kernel.tasks.is_free(wanted) => wanted,
            Some(_) => return Err(Errno::EEXIST.into()),
            None => self.kernel.tasks.next_pid().ok_or(Errno::EAGAIN)?,
        };
        let before = self.process().account.memory;
        let flushed_before = self.flushed_entries();
        let pidfd = self.reserve_pidfd(&request)?;
        let mm = self.child_memory(&request)?;
        let process = if is_thread { self.pid } else { child };
        let task = self.child_task(process, &request);
        if !is_thread {
            self.insert_child(child, mm, &request);
        }
        self.kernel.sched.set_rank(child, task.scheduling.priority);
        self.kernel.tasks.insert_task(child, task);
        if pidfd.is_some() {
            let kind = if is_thread { PidfdKind::Task } else { PidfdKind::Process };
            let flags = if is_thread { OpenFlags::EXCL } else { OpenFlags::empty() };
            // The number that was told: nobody has taken it since.
            syscall::open_pidfd(self, child, kind, flags)?;
        }

        let is_vfork = request.has(CloneFlags::VFORK);
        let kind = match (is_thread, is_vfork) {
            (true, _) => "thread",
            (false, true) => "vfork",
            (false, false) => "fork",
        };
        self.count_memory(|counters| match kind {
            "thread" => counters.threads += 1,
            "vfork" => counters.vforks += 1,
            _ => counters.forks += 1,
        });
        let after = self.process().account.memory;
        let pc = self.harts.pc(self.hart);
        let flushed = self.flushed_entries() - flushed_before;
        let site = self.call_site(VirtAddr(0));
        self.log_at(Interest::FORK, site, || What::Fork {
            kind,
            child,
            pc,
            ptes_copied: after.ptes_copied - before.ptes_copied,
            pt_frames: after.pt_frames_allocated - before.pt_frames_allocated,
            write_protected: after.pages_write_protected - before.pages_write_protected,
            tlb_entries_fenced: flushed,
        });

        if request.has(CloneFlags::PARENT_SETTID) {
            // The child exists already; like Linux, a bad address is not held against the call.
            let _ = self.write(request.parent_tid, child.0);
        }
        if is_vfork {
            self.kernel.sched.enqueue(child);
            return Err(Flow::Block(Continuation::Vfork(child)));
        }
        self.start_child(child, is_thread);
        Ok(child.0 as u64)
    }

    /// Counts the TLB entries that fences have removed, if somebody wants to hear of forks.
    fn flushed_entries(&mut self) -> u64 {
        let is_wanted = self.kernel.settings.interest.contains(Interest::FORK);
        if is_wanted { self.kernel.flushed_entries(self.harts) } else { 0 }
    }

    /// Tells the parent which descriptor the child will have (`CLONE_PIDFD`).
    ///
    /// # Errors
    /// `EMFILE`, `EFAULT`.
    fn reserve_pidfd(&mut self, request: &CloneRequest) -> Result<Option<Fd>, Errno> {
        if !request.has(CloneFlags::PIDFD) {
            return Ok(None);
        }
        let fd = self.kernel.fs.lowest_fd(self.files(), Fd(0), self.fd_limit())?;
        self.write(request.pidfd, fd.0)?;
        Ok(Some(fd))
    }

    fn child_memory(&mut self, request: &CloneRequest) -> Result<MmId, Errno> {
        let parent = self.mm();
        if request.has(CloneFlags::VM) {
            self.kernel.memory.share(parent);
            return Ok(parent);
        }
        loop {
            let shortages = self.kernel.memory.frames().shortages();
            if let Ok(child) = self.memory(parent, |memory, work| memory.fork(work, parent)) {
                self.kernel.pass_segments(child, self.pid, self.wall_clock_s(), Passage::Inherited);
                return Ok(child);
            }
            if self.make_room(FrameNeed::Fork, shortages) == Rescue::Ends {
                return Err(Errno::ENOMEM);
            }
        }
    }

    /// Makes the child's task: this one's registers, but for those that the request names.
    fn child_task(&mut self, process: Pid, request: &CloneRequest) -> Task {
        let (files, work_dir) = self.child_files(request);
        let mut context = self.harts.save(self.hart);
        context.x[usize::from(Reg::A0.0)] = 0;
        if request.stack != 0 {
            context.x[usize::from(Reg::SP.0)] = request.stack;
        }
        if request.has(CloneFlags::SETTLS) {
            context.x[usize::from(Reg::TP.0)] = request.tls;
        }
        let child_tid = |flag| if request.has(flag) { request.child_tid } else { 0 };
        let name = request.has(CloneFlags::THREAD).then(|| self.name().to_vec());
        Task {
            blocked: self.task().blocked,
            // A lent address space would be written by both (copy_process).
            alternate_stack: if request.has(CloneFlags::VM) && !request.has(CloneFlags::VFORK) {
                Default::default()
            } else {
                self.task().alternate_stack
            },
            set_child_tid: child_tid(CloneFlags::CHILD_SETTID),
            clear_child_tid: child_tid(CloneFlags::CHILD_CLEARTID),
            rseq: self.task().rseq.filter(|_| !request.has(CloneFlags::VM)),
            affinity: self.task().affinity,
            credentials: self.task().credentials.clone(),
            scheduling: self.task().scheduling.of_child(),
            timer_slack_ns: self.task().timer_slack_ns,
            default_timer_slack_ns: self.task().timer_slack_ns,
            vfork_parent: request.has(CloneFlags::VFORK).then_some(self.tid),
            name,
            ..Task::new(process, context, files, work_dir)
        }
    }

    /// Returns the child's descriptors and working directory: this task's, or copies.
    fn child_files(&mut self, request: &CloneRequest) -> (FdTableId, WorkDirId) {
        let (mut files, mut work_dir) = (self.files(), self.task().work_dir);
        let fs = &mut self.kernel.fs;
        if request.has(CloneFlags::FILES) {
            fs.share_table(files);
        } else {
            files = fs.fork_table(files);
        }
        if request.has(CloneFlags::FS) {
            fs.share_work_dir(work_dir);
        } else {
            work_dir = fs.fork_work_dir(work_dir);
        }
        (files, work_dir)
    }

    /// Adds a child process without its task.
    fn insert_child(&mut self, child: Pid, mm: MmId, request: &CloneRequest) {
        if let Some(exe) = self.process().exe {
            self.kernel.fs.hold_program(exe);
        }
        let (start_ns, command) = (self.now_ns(), self.name().to_vec());
        let before = self.process().handlers;
        let table = &mut self.kernel.tasks.handlers;
        let handlers =
            if request.has(CloneFlags::SIGHAND) { table.share(before) } else { table.fork(before) };
        if request.has(CloneFlags::CLEAR_SIGHAND) {
            table.reset(handlers);
        }
        let maker = self.process();
        let (parent, exit_signal) = if request.has(CloneFlags::PARENT) {
            (maker.parent, maker.exit_signal)
        } else {
            (self.pid, request.exit_signal)
        };
        let made_by = if request.has(CloneFlags::PARENT) { maker.made_by } else { self.tid };
        let process = Process {
            parent,
            made_by,
            children: BTreeSet::new(),
            tasks: Vec::new(),
            mm: Some(mm),
            handlers,
            pending: Default::default(),
            exit_signal,
            command,
            timers: Default::default(),
            posix_timers: Default::default(),
            origin: if request.has(CloneFlags::VFORK) { Origin::Vfork } else { Origin::Fork },
            account: Default::default(),
            usage: Default::default(),
            children_usage: Default::default(),
            transfers: Default::default(),
            start_ns,
            job: Default::default(),
            is_subreaper: false,
            end: None,
            has_execed: false,
            ..maker.clone()
        };
        if let Some(parent) = self.kernel.tasks.process_mut(parent) {
            parent.children.insert(child);
        }
        self.kernel.tasks.insert_process(child, process);
    }

    /// Puts a new task into the run queue: a forked child before its parent or behind it, a thread behind its maker.
    fn start_child(&mut self, child: Pid, is_thread: bool) {
        let by_policy = !is_thread && self.kernel.memory.policy().fork_order == ForkOrder::ChildFirst;
        let child_first = self.kernel.sched.coin().map_or(by_policy, |coin| coin || by_policy);
        if child_first {
            self.kernel.sched.enqueue_first(child);
            self.yield_after_call = true;
        } else {
            self.kernel.sched.enqueue(child);
        }
    }

    /// Does what a new child does before its first instruction: stores its number where clone was asked to.
    pub(crate) fn begin_child(&mut self) {
        let at = std::mem::take(&mut self.task_mut().set_child_tid);
        if at != 0 {
            let tid = self.tid.0;
            // Linux ignores a bad address here (schedule_tail).
            let _ = self.write(UserPtr::new(VirtAddr(at)), tid);
        }
    }
}
