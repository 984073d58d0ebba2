//! The texts of `/proc`, in Linux's format and with true values (proc(5)).

use crate::ctx::Ctx;
use crate::fs::{PidFile, ProcFile, ProcNode};
use crate::mm::{AreaRole, Backing, Layout, Prot, Sharing, Usage};
use crate::syscall::{CLOCK_TICKS, RELEASE, VERSION};
use crate::task::{Handler, Process, SignalSet, TaskState};
use crate::{Kernel, Pid};
use std::fmt::Write;
use std::ops::Range;
use tine_mmu::VirtAddr;

const NS_PER_S: u64 = 1_000_000_000;
const PAGE_KIB: u64 = 4;

impl Ctx<'_> {
    /// Composes the text of a file of `/proc`; `None` when its process is gone.
    pub(crate) fn proc_text(&mut self, node: ProcNode) -> Option<Vec<u8>> {
        let now_ns = self.now_ns();
        match node {
            ProcNode::File(file) => Some(self.kernel.system_text(file, now_ns).into_bytes()),
            ProcNode::ProcessFile(pid, file) => {
                let process = self.kernel.tasks.process(pid)?;
                match file {
                    PidFile::Cmdline => Some(self.strings_of(pid, |layout| layout.arg_start..layout.arg_end)),
                    PidFile::Comm => Some([&process.command[..], b"\n"].concat()),
                    PidFile::Environ => Some(self.strings_of(pid, |layout| layout.env_start..layout.env_end)),
                    PidFile::Limits => Some(process.rlimits.text().into_bytes()),
                    PidFile::Maps => Some(self.kernel.maps_text(process).into_bytes()),
                    PidFile::Stat => Some(self.kernel.stat_text(pid, process).into_bytes()),
                    PidFile::Statm => Some(self.kernel.statm_text(process).into_bytes()),
                    PidFile::Status => Some(self.kernel.status_text(pid, process).into_bytes()),
                }
            }
            _ => None,
        }
    }

    /// Reads the strings that a program began with out of the process's memory.
    fn strings_of(&mut self, pid: Pid, place: impl FnOnce(&Layout) -> Range<VirtAddr>) -> Vec<u8> {
        let Some(mm) = self.kernel.tasks.process(pid).and_then(|process| process.mm) else {
            return Vec::new();
        };
        let Range { start, end } = place(&self.kernel.memory.space(mm).layout);
        let mut bytes = vec![0; (end.0 - start.0) as usize];
        let got = self.kernel.memory.inspect(self.harts.ram(), mm, start, &mut bytes);
        bytes.truncate(got);
        bytes
    }
}

impl Kernel {
    fn usage_of(&self, process: &Process) -> Usage {
        process.mm.map(|mm| self.memory.usage(mm)).unwrap_or_default()
    }

    fn system_text(&self, file: ProcFile, now_ns: u64) -> String {
        let gauges = self.memory.frames().gauges();
        match file {
            ProcFile::Cpuinfo => (0..self.sched.hart_count())
                .map(|hart| {
                    format!("processor\t: {hart}\nhart\t\t: {hart}\nisa\t\t: rv64imafdc_zicntr_zicsr_zifencei\nmmu\t\t: sv39\n\n")
                })
                .collect(),
            ProcFile::Filesystems => "nodev\tproc\nnodev\ttmpfs\n".to_owned(),
            ProcFile::Loadavg => {
                let running = self.tasks.tasks().filter(|(_, task)| matches!(task.state, TaskState::Ready | TaskState::Running)).count();
                let last = self.tasks.tasks().map(|(tid, _)| tid.0).max().unwrap_or(0);
                format!("0.00 0.00 0.00 {running}/{} {last}\n", self.tasks.task_count())
            }
            ProcFile::Meminfo => {
                let line = |name: &str, frames: u64| format!("{:<16}{:>8} kB\n", format!("{name}:"), frames * PAGE_KIB);
                let free = gauges.total - gauges.in_use;
                [
                    line("MemTotal", gauges.total),
                    line("MemFree", free),
                    line("MemAvailable", free),
                    line("Buffers", 0),
                    line("Cached", gauges.page_cache),
                    line("SwapCached", 0),
                    line("SwapTotal", 0),
                    line("SwapFree", 0),
                    line("PageTables", gauges.page_table),
                ]
                .concat()
            }
            ProcFile::Mounts => "tmpfs / tmpfs rw,noatime 0 0\nproc /proc proc rw,noatime 0 0\n".to_owned(),
            ProcFile::Stat => self.machine_stat_text(),
            ProcFile::Uptime => {
                let seconds = |ns: u64| format!("{}.{:02}", ns / NS_PER_S, ns % NS_PER_S / (NS_PER_S / 100));
                format!("{} {}\n", seconds(now_ns), seconds(self.sched.idle_ns()))
            }
            ProcFile::Version => format!("Linux version {RELEASE} ({VERSION})\n"),
            ProcFile::Vmstat => {
                let total = self.memory_totals();
                let mut text = String::new();
                for (key, value) in [
                    ("nr_free_pages", gauges.total - gauges.in_use),
                    ("nr_page_table_pages", gauges.page_table),
                    ("nr_file_pages", gauges.page_cache),
                    ("pgfault", total.faults),
                    ("pgmajfault", 0),
                    ("pgreuse", total.cow_reuse),
                    ("cow_fault", total.cow_faults),
                    ("cow_copies", total.pages_copied),
                ] {
                    let _ = writeln!(text, "{key} {value}");
                }
                text
            }
        }
    }

    fn machine_stat_text(&self) -> String {
        let ticks = |ns: u64| ns / (NS_PER_S / CLOCK_TICKS);
        let line = |name: String, accounts: &[&crate::Account]| {
            let user: u64 = accounts.iter().map(|account| account.retired).sum();
            format!("{name} {} 0 0 {} 0 0 0 0 0 0\n", ticks(user), ticks(self.sched.idle_ns()))
        };
        let all: Vec<_> = self.harts().iter().collect();
        let mut text = line("cpu ".to_owned(), &all);
        for (index, account) in all.iter().enumerate() {
            text.push_str(&line(format!("cpu{index}"), &[account]));
        }
        let switches: u64 = all.iter().map(|account| account.switches).sum();
        let processes = self.processes().len();
        let _ = write!(text, "ctxt {switches}\nbtime {}\nprocesses {processes}\n", self.settings.epoch_s);
        text
    }

    fn maps_text(&self, process: &Process) -> String {
        let Some(mm) = process.mm else { return String::new() };
        let mut text = String::new();
        for vma in self.memory.maps(mm) {
            let bit = |prot, letter| if vma.prot.contains(prot) { letter } else { '-' };
            let rights = [
                bit(Prot::READ, 'r'),
                bit(Prot::WRITE, 'w'),
                bit(Prot::EXEC, 'x'),
                if vma.sharing == Sharing::Shared { 's' } else { 'p' },
            ];
            let (offset, device, inode, name) = match &vma.backing {
                Backing::File(file) => (file.first_page << 12, file.device, file.inode, file.name.as_ref()),
                Backing::Anonymous => (
                    0,
                    0,
                    0,
                    match self.memory.space(mm).role(vma) {
                        AreaRole::Heap => "[heap]",
                        AreaRole::Stack => "[stack]",
                        AreaRole::Other => "",
                    },
                ),
            };
            let rights: String = rights.iter().collect();
            let (major, minor) = (device >> 8 & 0xfff, device & 0xff | device >> 12 & 0xfff00);
            let head = format!(
                "{:08x}-{:08x} {rights} {offset:08x} {major:02x}:{minor:02x} {inode} ",
                vma.start.base(),
                vma.end.base()
            );
            // Names begin in column 74, as seq_pad puts them.
            let _ =
                if name.is_empty() { writeln!(text, "{head}") } else { writeln!(text, "{head:<73}{name}") };
        }
        text
    }

    fn state_of(&self, pid: Pid) -> (char, &'static str) {
        match self.tasks.task(pid).map(|task| &task.state) {
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

    fn stat_text(&self, pid: Pid, process: &Process) -> String {
        let usage = self.usage_of(process);
        let layout = process.mm.map(|mm| self.memory.space(mm).layout).unwrap_or_default();
        let ticks = |ns: u64| ns / (NS_PER_S / CLOCK_TICKS);
        let (own, children) = (process.own_usage(), process.children_usage);
        let sets = SignalSets::of(self, pid, process);
        let exit_signal = process.exit_signal.map_or(0, |signal| signal.number());
        let fields: [u64; 43] = [
            own.minor_faults,
            children.minor_faults,
            0,
            0,
            ticks(own.user_ns),
            ticks(own.system_ns),
            ticks(children.user_ns),
            ticks(children.system_ns),
            20,
            0,
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
            0,
            0,
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
        let command = String::from_utf8_lossy(&process.command);
        let (state, _) = self.state_of(pid);
        let (parent, group, session) = (process.parent, process.group, process.session);
        let mut text = format!("{pid} ({command}) {state} {parent} {group} {session} 0 -1 4194304");
        for value in fields {
            let _ = write!(text, " {value}");
        }
        text.push('\n');
        text
    }

    fn statm_text(&self, process: &Process) -> String {
        let usage = self.usage_of(process);
        let resident = usage.resident;
        let shared = resident.file + resident.shared_memory;
        format!(
            "{} {} {shared} {} 0 {} 0\n",
            usage.size,
            resident.total(),
            usage.code,
            usage.data + usage.stack
        )
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
    fn of(kernel: &Kernel, pid: Pid, process: &Process) -> Self {
        let task = kernel.tasks.task(pid);
        let mut sets = Self {
            pending: task.map(|task| task.pending.set()).unwrap_or_default(),
            shared_pending: process.pending.set(),
            blocked: task.map(|task| task.blocked).unwrap_or_default(),
            ignored: SignalSet::default(),
            caught: SignalSet::default(),
        };
        for (signal, action) in &process.actions {
            match action.handler {
                Handler::Default => {}
                Handler::Ignore => sets.ignored.insert(*signal),
                Handler::Function(_) => sets.caught.insert(*signal),
            }
        }
        sets
    }
}

impl Kernel {
    /// Composes `/proc/<pid>/status`. What Tine has no notion of is left out.
    fn status_text(&self, pid: Pid, process: &Process) -> String {
        let usage = self.usage_of(process);
        let sets = SignalSets::of(self, pid, process);
        let (letter, state) = self.state_of(pid);
        let mut text = String::new();
        let mut line = |name: &str, value: &str| {
            let _ = writeln!(text, "{name}:\t{value}");
        };
        line("Name", &String::from_utf8_lossy(&process.command));
        line("Umask", &format!("{:04o}", self.fs.umask(process.work_dir)));
        line("State", &format!("{letter} ({state})"));
        line("Tgid", &pid.to_string());
        line("Ngid", "0");
        line("Pid", &pid.to_string());
        line("PPid", &process.parent.to_string());
        line("TracerPid", "0");
        line("Uid", "0\t0\t0\t0");
        line("Gid", "0\t0\t0\t0");
        line("FDSize", "64");
        line("Groups", " ");
        if process.mm.is_some() {
            let mut kib = |name: &str, pages: u64| line(name, &format!("{:>8} kB", pages * PAGE_KIB));
            kib("VmPeak", usage.peak_size);
            kib("VmSize", usage.size);
            kib("VmLck", 0);
            kib("VmPin", 0);
            kib("VmHWM", usage.resident.peak);
            kib("VmRSS", usage.resident.total());
            kib("RssAnon", usage.resident.anon);
            kib("RssFile", usage.resident.file);
            kib("RssShmem", usage.resident.shared_memory);
            kib("VmData", usage.data);
            kib("VmStk", usage.stack);
            kib("VmExe", usage.code);
            kib("VmLib", 0);
            kib("VmPTE", usage.page_tables);
            kib("VmSwap", 0);
        }
        line("THP_enabled", if process.thp_disabled { "0" } else { "1" });
        line("Threads", &self.thread_count(pid, process).to_string());
        let mut set = |name: &str, set: SignalSet| line(name, &format!("{:016x}", set.bits()));
        set("SigPnd", sets.pending);
        set("ShdPnd", sets.shared_pending);
        set("SigBlk", sets.blocked);
        set("SigIgn", sets.ignored);
        set("SigCgt", sets.caught);
        line("voluntary_ctxt_switches", &process.usage.voluntary_switches.to_string());
        line("nonvoluntary_ctxt_switches", &process.usage.involuntary_switches.to_string());
        text
    }

    fn memory_totals(&self) -> crate::MemoryCounters {
        self.harts().iter().fold(crate::MemoryCounters::default(), |mut sum, account| {
            sum += account.memory;
            sum
        })
    }
}
