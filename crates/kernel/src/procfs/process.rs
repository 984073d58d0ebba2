//! What `/proc/<pid>` says of a process and its tasks.

use super::{NS_PER_S, PAGE_KIB, parse_number};
use crate::creds::{Capabilities, Ids};
use crate::ctx::Ctx;
use crate::fs::{Subject, TtyEnd};
use crate::kernel::INIT;
use crate::mm::{Usage, Vma};
use crate::syscall::CLOCK_TICKS;
use crate::task::{Handler, Process, Resource, SignalSet, TaskState};
use crate::{Errno, Kernel, Pid};
use std::fmt::Write;

impl Kernel {
    fn usage_of(&self, process: &Process) -> Usage {
        process.mm.map(|mm| self.memory.usage(mm)).unwrap_or_default()
    }

    /// Returns the name of a process's program, or that of a task with a name of its own.
    pub(super) fn name_of<'a>(&'a self, subject: Subject, process: &'a Process) -> &'a [u8] {
        let own = self.tasks.task(subject.number()).and_then(|task| task.name.as_deref());
        own.filter(|_| matches!(subject, Subject::Task(..))).unwrap_or(&process.command)
    }

    fn state_of(&self, tid: Pid) -> (char, &'static str) {
        match self.tasks.task(tid).map(|task| &task.state) {
            // The supervisor's own process has no task: what it does, it does at once.
            None if tid == INIT => ('S', "sleeping"),
            // Its first task at least has ended.
            None => ('Z', "zombie"),
            Some(TaskState::Stopped) => ('T', "stopped"),
            Some(TaskState::Blocked) => ('S', "sleeping"),
            Some(TaskState::Ready | TaskState::Running) => ('R', "running"),
        }
    }

    /// Returns how many tasks a process has. Its first counts as long as the process does.
    fn thread_count(&self, pid: Pid, process: &Process) -> u64 {
        process.tasks.len() as u64 + u64::from(self.tasks.task(pid).is_none())
    }

    pub(super) fn stat_text(&self, subject: Subject, process: &Process) -> String {
        let usage = self.usage_of(process);
        let layout = process.mm.map(|mm| self.memory.space(mm).layout).unwrap_or_default();
        let ticks = |ns: u64| ns / (NS_PER_S / CLOCK_TICKS);
        let (own, children) = (process.own_usage(), process.children_usage);
        let (pid, number) = (subject.process(), subject.number());
        let sets = SignalSets::of(self, number, process);
        let exit_signal = process.exit_signal.map_or(0, |signal| signal.number());
        let scheduling = self.tasks.task(number).map_or(process.scheduling, |task| task.scheduling);
        let is_real_time = scheduling.policy.is_real_time();
        let nice = i64::from(scheduling.nice);
        let priority = if is_real_time { -1 - i64::from(scheduling.priority) } else { 20 + nice };
        let terminal = self.fs.tty_of_session(process.session);
        let (tty, foreground) = terminal.map_or((0, Pid(-1)), |id| {
            (self.fs.tty_device(id, TtyEnd::Slave), self.fs.tty_session(id).1.unwrap_or(Pid(-1)))
        });
        let used: [u64; 8] = [
            own.minor_faults,
            children.minor_faults,
            own.major_faults,
            children.major_faults,
            ticks(own.user_ns),
            ticks(own.system_ns),
            ticks(children.user_ns),
            ticks(children.system_ns),
        ];
        let rest: [u64; 33] = [
            self.thread_count(pid, process),
            0,
            ticks(process.start_ns),
            usage.size * 4096,
            usage.resident.total(),
            u64::MAX,
            layout.start_code.0,
            layout.end_code.0,
            layout.start_stack.0,
            0,
            0,
            sets.pending.bits() & 0x7fff_ffff,
            sets.blocked.bits() & 0x7fff_ffff,
            sets.ignored.bits() & 0x7fff_ffff,
            sets.caught.bits() & 0x7fff_ffff,
            0,
            0,
            0,
            u64::from(exit_signal),
            0,
            u64::from(scheduling.priority),
            scheduling.policy as u64,
            0,
            0,
            0,
            layout.start_data.0,
            layout.end_data.0,
            layout.start_brk.0,
            layout.arg_start.0,
            layout.arg_end.0,
            layout.env_start.0,
            layout.env_end.0,
            process.end.map_or(0, |end| u64::from(end.word())),
        ];
        let command = String::from_utf8_lossy(self.name_of(subject, process));
        let (state, _) = self.state_of(number);
        let (parent, group, session) = (process.parent, process.group, process.session);
        let mut text =
            format!("{number} ({command}) {state} {parent} {group} {session} {tty} {foreground} 4194304");
        let words = |values: &[u64]| values.iter().map(|value| format!(" {value}")).collect::<String>();
        let _ = writeln!(text, "{} {priority} {nice}{}", words(&used), words(&rest));
        text
    }

    pub(super) fn statm_text(&self, process: &Process) -> String {
        let usage = self.usage_of(process);
        let resident = usage.resident;
        let shared = resident.file + resident.shared_memory;
        format!(
            "{} {} {shared} {} 0 {} 0\n",
            usage.size,
            resident.total(),
            usage.text,
            usage.data + usage.stack
        )
    }
}

impl Kernel {
    /// Composes `auxv`: the words that the program found behind its environment.
    pub(super) fn auxv_bytes(&self, process: &Process) -> Vec<u8> {
        let words = process.mm.map_or(&[][..], |mm| &self.memory.space(mm).auxv);
        words.iter().flat_map(|word| word.to_le_bytes()).collect()
    }

    /// Composes `io`. No device is read or written on a process's behalf: the host's files are read once, for everybody.
    pub(super) fn io_text(&self, process: &Process) -> String {
        let done = process.transfers;
        format!(
            "rchar: {}\nwchar: {}\nsyscr: {}\nsyscw: {}\nread_bytes: 0\nwrite_bytes: 0\ncancelled_write_bytes: 0\n",
            done.bytes_read, done.bytes_written, done.reads, done.writes
        )
    }

    /// Composes `oom_score`: what the process occupies in thousandths of memory (Linux 6.12 fs/proc/base.c
    /// `proc_oom_score`).
    pub(super) fn oom_score_text(&self, pid: Pid, process: &Process) -> String {
        let total = self.memory.frames().gauges().total as i64;
        let score = self.oom_points(pid, process).map_or(0, |points| (1000 + points * 1000 / total) * 2 / 3);
        format!("{score}\n")
    }
}

impl Ctx<'_> {
    /// Names a task of the caller's own process.
    ///
    /// # Errors
    /// `EINVAL` for a task of another process.
    pub(super) fn write_comm(&mut self, subject: Subject, bytes: &[u8]) -> Result<(), Errno> {
        const NAME_BYTES: usize = 15;
        if subject.process() != self.pid {
            return Err(Errno::EINVAL);
        }
        let end = bytes.iter().position(|byte| matches!(byte, 0 | b'\n')).unwrap_or(bytes.len());
        let name = bytes[..end.min(NAME_BYTES)].to_vec();
        if subject.number() == self.pid {
            self.process_mut().command = name;
        } else if let Some(task) = self.kernel.tasks.task_mut(subject.number()) {
            task.name = Some(name);
        }
        Ok(())
    }
}

impl Ctx<'_> {
    /// Forgets which pages of a process were used, or how many there were at most (Linux 6.12 fs/proc/task_mmu.c
    /// `clear_refs_write`).
    ///
    /// # Errors
    /// `EINVAL` for what is not to be forgotten, `ESRCH`.
    pub(super) fn clear_refs(&mut self, pid: Pid, bytes: &[u8]) -> Result<(), Errno> {
        const ALL: i64 = 1;
        const ANON: i64 = 2;
        const MAPPED: i64 = 3;
        // No PTE remembers stores apart from D: there is nothing to clear.
        const SOFT_DIRTY: i64 = 4;
        const PEAK_RESIDENT: i64 = 5;
        let what = parse_number(bytes)?;
        if !(ALL..=PEAK_RESIDENT).contains(&what) {
            return Err(Errno::EINVAL);
        }
        let process = self.kernel.tasks.process(pid).ok_or(Errno::ESRCH)?;
        let Some(mm) = process.mm else { return Ok(()) };
        let is_meant = |vma: &Vma| match what {
            ANON => vma.file().is_none(),
            MAPPED => vma.file().is_some(),
            _ => true,
        };
        match what {
            SOFT_DIRTY => {}
            PEAK_RESIDENT => self.kernel.memory.reset_peak(mm),
            _ => self.memory(mm, |memory, work| memory.forget_uses(work, mm, is_meant)),
        }
        Ok(())
    }
}

/// The signal sets that `stat` and `status` print.
struct SignalSets {
    pending: SignalSet,
    shared_pending: SignalSet,
    blocked: SignalSet,
    ignored: SignalSet,
    caught: SignalSet,
}

impl SignalSets {
    fn of(kernel: &Kernel, tid: Pid, process: &Process) -> Self {
        let task = kernel.tasks.task(tid);
        let mut sets = Self {
            pending: task.map(|task| task.pending.set()).unwrap_or_default(),
            shared_pending: process.pending.set(),
            blocked: task.map(|task| task.blocked).unwrap_or_default(),
            ignored: SignalSet::default(),
            caught: SignalSet::default(),
        };
        for (signal, action) in kernel.tasks.actions(kernel.tasks.process_of(tid).unwrap_or(tid)) {
            match action.handler {
                Handler::Default => {}
                Handler::Ignore => sets.ignored.insert(signal),
                Handler::Function(_) => sets.caught.insert(signal),
            }
        }
        sets
    }
}

impl Kernel {
    /// Composes `/proc/<pid>/status`. What Tine has no notion of is left out.
    pub(super) fn status_text(&self, subject: Subject, process: &Process) -> String {
        let usage = self.usage_of(process);
        let (pid, number) = (subject.process(), subject.number());
        let sets = SignalSets::of(self, number, process);
        let (letter, state) = self.state_of(number);
        let who = self.tasks.credentials(number).unwrap_or(&process.credentials);
        let ids = |ids: Ids| [ids.real, ids.effective, ids.saved, ids.fs].map(|id| id.to_string()).join("\t");
        let mut text = String::new();
        let mut line = |name: &str, value: &str| {
            let _ = writeln!(text, "{name}:\t{value}");
        };
        line("Name", &String::from_utf8_lossy(self.name_of(subject, process)));
        let task = self.tasks.task(number);
        if let Some(task) = task {
            line("Umask", &format!("{:04o}", self.fs.umask(task.work_dir)));
        }
        line("State", &format!("{letter} ({state})"));
        line("Tgid", &pid.to_string());
        line("Ngid", "0");
        line("Pid", &number.to_string());
        line("PPid", &process.parent.to_string());
        line("TracerPid", "0");
        line("Uid", &ids(who.user));
        line("Gid", &ids(who.group));
        line("FDSize", if task.is_some() { "64" } else { "0" });
        line("Groups", &format!("{} ", who.groups.iter().map(u32::to_string).collect::<Vec<_>>().join(" ")));
        line("NStgid", &pid.to_string());
        line("NSpid", &number.to_string());
        line("NSpgid", &process.group.to_string());
        line("NSsid", &process.session.to_string());
        line("Kthread", "0");
        if process.mm.is_some() {
            let mut kib = |name: &str, pages: u64| line(name, &format!("{:>8} kB", pages * PAGE_KIB));
            kib("VmPeak", usage.peak_size);
            kib("VmSize", usage.size);
            kib("VmLck", usage.locked);
            kib("VmPin", 0);
            kib("VmHWM", usage.resident.peak);
            kib("VmRSS", usage.resident.total());
            kib("RssAnon", usage.resident.anon);
            kib("RssFile", usage.resident.file);
            kib("RssShmem", usage.resident.shared_memory);
            kib("VmData", usage.data);
            kib("VmStk", usage.stack);
            kib("VmExe", usage.text);
            kib("VmLib", usage.code - usage.text);
            kib("VmPTE", usage.page_tables);
            kib("VmSwap", 0);
            kib("HugetlbPages", 0);
        }
        line("CoreDumping", "0");
        if let Some(mm) = process.mm {
            line("THP_enabled", if self.memory.space(mm).thp_disabled { "0" } else { "1" });
        }
        // No bit of an address is ignored.
        line("untag_mask", "0xffffffffffffffff");
        line("Threads", &self.thread_count(pid, process).to_string());
        let most = process.rlimits.current(Resource::PendingSignals);
        line("SigQ", &format!("{}/{most}", self.queued_signals(pid)));
        let mut set = |name: &str, set: SignalSet| line(name, &format!("{:016x}", set.bits()));
        set("SigPnd", sets.pending);
        set("ShdPnd", sets.shared_pending);
        set("SigBlk", sets.blocked);
        set("SigIgn", sets.ignored);
        set("SigCgt", sets.caught);
        let capabilities = who.capabilities;
        let mut set = |name: &str, set: Capabilities| line(name, &format!("{:016x}", set.bits()));
        set("CapInh", capabilities.inheritable);
        set("CapPrm", capabilities.permitted);
        set("CapEff", capabilities.effective);
        set("CapBnd", capabilities.bounding);
        set("CapAmb", capabilities.ambient);
        line("NoNewPrivs", &u8::from(who.no_new_privileges).to_string());
        line("Seccomp", "0");
        line("Seccomp_filters", "0");
        // What riscv's kernel says of itself.
        line("Speculation_Store_Bypass", "unknown");
        line("SpeculationIndirectBranch", "unsupported");
        let harts = self.sched.hart_count();
        let allowed =
            self.tasks.task(number).map_or(u64::MAX, |task| task.affinity) & (u64::MAX >> (64 - harts));
        line("Cpus_allowed", &format!("{allowed:x}"));
        line("Cpus_allowed_list", &ranges(allowed));
        line("Mems_allowed", "1");
        line("Mems_allowed_list", "0");
        line("voluntary_ctxt_switches", &process.usage.voluntary_switches.to_string());
        line("nonvoluntary_ctxt_switches", &process.usage.involuntary_switches.to_string());
        text
    }
}

/// Lists the bits of a mask as ranges: `0-2,5`.
fn ranges(mask: u64) -> String {
    let is_set = |bit: u32| bit < 64 && mask >> bit & 1 != 0;
    let mut parts = Vec::new();
    let mut bit = 0;
    while bit < 64 {
        if !is_set(bit) {
            bit += 1;
            continue;
        }
        let first = bit;
        while is_set(bit + 1) {
            bit += 1;
        }
        parts.push(if first == bit { format!("{first}") } else { format!("{first}-{bit}") });
        bit += 1;
    }
    parts.join(",")
}

#[cfg(test)]
mod tests {
    use super::ranges;

    #[test]
    fn masks_are_listed_as_ranges() {
        assert_eq!(ranges(0), "");
        assert_eq!(ranges(0b10_0111), "0-2,5");
        assert_eq!(ranges(1 << 63 | 1), "0,63");
        assert_eq!(ranges(u64::MAX), "0-63");
    }
}
