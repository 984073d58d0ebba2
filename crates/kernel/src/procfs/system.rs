//! What `/proc` says of the machine as a whole.

use super::NS_PER_S;
use crate::Kernel;
use crate::fs::{MountRow, ProcFile};
use crate::syscall::{CLOCK_TICKS, RELEASE, VERSION};
use crate::task::{Task, TaskState};
use std::fmt::Write;
use tine_mmu::Ram;

impl Kernel {
    pub(super) fn system_text(&self, ram: &Ram, file: ProcFile, now_ns: u64) -> String {
        match file {
            ProcFile::Cpuinfo => (0..self.sched.hart_count()).map(|hart| self.hart_text(hart)).collect(),
            ProcFile::Filesystems => {
                "nodev\tsysfs\nnodev\ttmpfs\nnodev\tproc\nnodev\tpipefs\nnodev\tramfs\nnodev\tmqueue\n"
                    .to_owned()
            }
            ProcFile::Loadavg => {
                let running = self.running_tasks();
                let last = self.tasks.tasks().map(|(tid, _)| tid.0).max().unwrap_or(0);
                format!("0.00 0.00 0.00 {running}/{} {last}\n", self.tasks.task_count())
            }
            ProcFile::Locks => self.fs.locks_text(),
            ProcFile::Buddyinfo => self.buddyinfo_text(),
            ProcFile::Meminfo => self.meminfo_text(ram),
            ProcFile::Cmdline => "tine\n".to_owned(),
            ProcFile::Devices => "Character devices:\n  1 mem\n  5 /dev/tty\n\nBlock devices:\n".to_owned(),
            ProcFile::Diskstats => String::new(),
            ProcFile::Partitions => "major minor  #blocks  name\n\n".to_owned(),
            ProcFile::Stat => self.machine_stat_text(),
            ProcFile::Swaps => "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n".to_owned(),
            ProcFile::Uptime => {
                let seconds = |ns: u64| format!("{}.{:02}", ns / NS_PER_S, ns % NS_PER_S / (NS_PER_S / 100));
                format!("{} {}\n", seconds(now_ns), seconds(self.sched.idle_ns()))
            }
            ProcFile::Version => format!("Linux version {RELEASE} ({VERSION})\n"),
            ProcFile::Vmstat => self.vmstat_text(ram),
        }
    }

    /// Composes the paragraph of a hart in `cpuinfo` (Linux 6.12 arch/riscv/kernel/cpu.c c_show).
    fn hart_text(&self, hart: u32) -> String {
        let isa = self.settings.isa.text();
        format!(
            "processor\t: {hart}\nhart\t\t: {hart}\nisa\t\t: {isa}\nmmu\t\t: sv39\nmvendorid\t: 0x0\n\
             marchid\t\t: 0x0\nmimpid\t\t: 0x0\nhart isa\t: {isa}\n\n"
        )
    }

    fn running_tasks(&self) -> usize {
        let runs = |task: &Task| matches!(task.state, TaskState::Ready | TaskState::Running);
        self.tasks.tasks().filter(|(_, task)| runs(task)).count()
    }

    /// Composes `mounts` (fstab(5)).
    pub(super) fn system_mounts_text(&self) -> String {
        self.fs.mount_rows().iter().map(MountRow::line).collect()
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
        let running = self.running_tasks();
        let _ = write!(
            text,
            "intr 0\nctxt {switches}\nbtime {}\nprocesses {processes}\nprocs_running {running}\nprocs_blocked 0\n",
            self.settings.epoch_s
        );
        text
    }
}
