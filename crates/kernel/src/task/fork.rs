//! Making tasks: fork, vfork and clone (Linux 6.12 kernel/fork.c copy_process).

use crate::ctx::Ctx;
use crate::event::{Interest, What};
use crate::policy::ForkOrder;
use crate::syscall::{Continuation, Flow, SysResult, UserPtr};
use crate::task::{Process, Signal, Task, TaskState};
use crate::{Errno, MmId, Origin, Pid, Reg};
use std::collections::BTreeSet;
use tine_mmu::VirtAddr;

/// `CLONE_VM`: lend the address space instead of copying it.
const CLONE_VM: u64 = 0x100;
/// `CLONE_FILES`: share the descriptor table.
const CLONE_FILES: u64 = 0x400;
/// `CLONE_VFORK`: wait until the child gives the address space back.
const CLONE_VFORK: u64 = 0x4000;
/// `CLONE_SETTLS`: give the child this thread pointer.
const CLONE_SETTLS: u64 = 0x8_0000;
/// `CLONE_PARENT_SETTID`: store the child's number in the parent's memory.
const CLONE_PARENT_SETTID: u64 = 0x10_0000;
/// `CLONE_CHILD_CLEARTID`: clear a word when the child ends.
const CLONE_CHILD_CLEARTID: u64 = 0x20_0000;
/// `CLONE_CHILD_SETTID`: store the child's number in the child's memory.
const CLONE_CHILD_SETTID: u64 = 0x100_0000;
/// What Tine does. Threads and namespaces are not among it.
const SUPPORTED: u64 = CLONE_VM
    | CLONE_FILES
    | CLONE_VFORK
    | CLONE_SETTLS
    | CLONE_PARENT_SETTID
    | CLONE_CHILD_CLEARTID
    | CLONE_CHILD_SETTID;

/// What clone(2) is asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CloneRequest {
    /// `CLONE_*`; the low byte is the signal that the parent gets when the child ends.
    pub flags: u64,
    /// The child's stack pointer; 0 keeps the parent's.
    pub stack: u64,
    /// Where `CLONE_PARENT_SETTID` stores.
    pub parent_tid: UserPtr<i32>,
    /// The child's thread pointer.
    pub tls: u64,
    /// Where `CLONE_CHILD_SETTID` and `CLONE_CHILD_CLEARTID` store.
    pub child_tid: u64,
}

impl CloneRequest {
    fn has(&self, flag: u64) -> bool {
        self.flags & flag != 0
    }
}

impl Ctx<'_> {
    /// Makes a child process.
    ///
    /// # Errors
    /// `ENOSYS` for flags that Tine does not have, `EAGAIN` when there are too many processes, `ENOMEM` when page tables
    /// or descriptors cannot be had.
    pub(crate) fn clone_process(&mut self, request: CloneRequest) -> SysResult {
        if request.flags & !SUPPORTED & !0xff != 0 {
            return Err(Errno::ENOSYS.into());
        }
        // Init is the supervisor's own and counts for nobody.
        if self.kernel.tasks.process_count() > self.kernel.settings.max_processes as usize {
            return Err(Errno::EAGAIN.into());
        }
        let child = self.kernel.tasks.next_pid().ok_or(Errno::EAGAIN)?;
        let before = self.process().account.memory;
        let mm = self.child_memory(&request)?;
        self.insert_child(child, mm, &request);

        let kind = if request.has(CLONE_VFORK) { "vfork" } else { "fork" };
        self.count_memory(|counters| match kind {
            "vfork" => counters.vforks += 1,
            _ => counters.forks += 1,
        });
        let after = self.process().account.memory;
        let pc = self.harts.pc(self.hart);
        self.log(Interest::FORK, || What::Fork {
            kind,
            child,
            pc,
            ptes_copied: after.ptes_copied - before.ptes_copied,
            pt_frames: after.pt_frames_allocated - before.pt_frames_allocated,
            write_protected: after.pages_write_protected - before.pages_write_protected,
        });

        if request.has(CLONE_PARENT_SETTID) {
            // The child exists already; like Linux, a bad address is not held against the call.
            let _ = self.write(request.parent_tid, child.0);
        }
        if request.has(CLONE_VFORK) {
            self.kernel.sched.enqueue(child);
            return Err(Flow::Block(Continuation::Vfork(child)));
        }
        self.start_child(child);
        Ok(child.0 as u64)
    }

    fn child_memory(&mut self, request: &CloneRequest) -> Result<MmId, Errno> {
        let parent = self.mm();
        if request.has(CLONE_VM) {
            self.kernel.memory.share(parent);
            return Ok(parent);
        }
        self.memory(parent, |memory, work| memory.fork(work, parent)).map_err(|_| Errno::ENOMEM)
    }

    fn insert_child(&mut self, child: Pid, mm: MmId, request: &CloneRequest) {
        let mut context = self.harts.save(self.hart);
        context.x[usize::from(Reg::A0.0)] = 0;
        if request.stack != 0 {
            context.x[usize::from(Reg::SP.0)] = request.stack;
        }
        if request.has(CLONE_SETTLS) {
            context.x[usize::from(Reg::TP.0)] = request.tls;
        }
        let task = Task {
            process: child,
            context,
            state: TaskState::Ready,
            continuation: None,
            interrupted: None,
            blocked: self.task().blocked,
            awaited: Default::default(),
            saved_blocked: None,
            // A lent address space would be written by both (copy_process).
            alternate_stack: if request.has(CLONE_VM) && !request.has(CLONE_VFORK) {
                Default::default()
            } else {
                self.task().alternate_stack
            },
            pending: Default::default(),
            set_child_tid: if request.has(CLONE_CHILD_SETTID) { request.child_tid } else { 0 },
            clear_child_tid: if request.has(CLONE_CHILD_CLEARTID) { request.child_tid } else { 0 },
        };
        let table = self.files();
        let files = if request.has(CLONE_FILES) {
            self.kernel.fs.share_table(table);
            table
        } else {
            self.kernel.fs.fork_table(table)
        };
        let work_dir = self.kernel.fs.fork_work_dir(self.process().work_dir);
        if let Some(exe) = self.process().exe {
            self.kernel.fs.hold(exe);
        }
        let vfork_parent = request.has(CLONE_VFORK).then_some(self.tid);
        let start_ns = self.now_ns();
        let parent = self.process();
        let process = Process {
            parent: self.pid,
            children: BTreeSet::new(),
            tasks: vec![child],
            mm: Some(mm),
            files: Some(files),
            work_dir,
            actions: parent.actions.clone(),
            pending: Default::default(),
            exit_signal: Signal::new(request.flags & 0xff),
            vfork_parent,
            origin: if request.has(CLONE_VFORK) { Origin::Vfork } else { Origin::Fork },
            timers: Default::default(),
            account: Default::default(),
            usage: Default::default(),
            children_usage: Default::default(),
            start_ns,
            job: Default::default(),
            is_subreaper: false,
            end: None,
            has_execed: false,
            ..parent.clone()
        };
        self.process_mut().children.insert(child);
        self.kernel.tasks.insert(child, process, task);
    }

    /// Puts a forked child into the run queue, before its parent or behind it.
    fn start_child(&mut self, child: Pid) {
        let by_policy = self.kernel.memory.policy().fork_order == ForkOrder::ChildFirst;
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
