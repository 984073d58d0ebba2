//! The texts of `/proc` and `/sys`, in Linux's format and with true values (proc(5)), and what is written to them.

mod debug;
mod fixed;
mod maps;
mod memory;
mod process;
mod settings;
mod smaps;
mod system;
mod sysvipc;
mod vmstat;

use crate::ctx::Ctx;
use crate::fs::{MountRow, PidFile, ProcNode, Subject};
use crate::mm::Layout;
use crate::task::Process;
use crate::{Errno, Pid};
use std::ops::Range;
use tine_mmu::{PAGE_SIZE, VirtAddr};

const NS_PER_S: u64 = 1_000_000_000;
const PAGE_KIB: u64 = 4;

impl Ctx<'_> {
    /// Composes the text of a file of `/proc` or `/sys`.
    ///
    /// # Errors
    /// `ESRCH` when its process is gone, `EINVAL` for what cannot be read.
    pub(crate) fn proc_text(&mut self, node: ProcNode) -> Result<Vec<u8>, Errno> {
        match node {
            ProcNode::File(file) => {
                let now_ns = self.now_ns();
                Ok(self.kernel.system_text(self.harts.ram(), file, now_ns).into_bytes())
            }
            ProcNode::Fixed(place) => {
                self.fixed_text(place.file().ok_or(Errno::EISDIR)?).map(String::into_bytes)
            }
            ProcNode::ProcessFile(subject, file) => self.process_text(subject, file),
            ProcNode::NetFile(_, file) => Ok(self.kernel.fs.net_text(file).into_bytes()),
            ProcNode::FdInfo(subject, fd) => {
                let table = self.kernel.tasks.task(subject.number()).map(|task| task.files);
                let open = self.kernel.fs.fd(table.ok_or(Errno::ENOENT)?, fd).map_err(|_| Errno::ENOENT)?;
                Ok(self.with_fs(|fs, env| fs.fd_info(env, open)).into_bytes())
            }
            _ => Err(Errno::EINVAL),
        }
    }

    fn process_text(&mut self, subject: Subject, file: PidFile) -> Result<Vec<u8>, Errno> {
        let pid = subject.process();
        let process = self.kernel.tasks.process(pid).ok_or(Errno::ESRCH)?;
        let kernel = &*self.kernel;
        // A task that has ended has no memory any more, though others of its process live on in it.
        let without_memory;
        let process = match kernel.tasks.task(subject.number()) {
            None if process.mm.is_some() => {
                without_memory = Process { mm: None, ..process.clone() };
                &without_memory
            }
            _ => process,
        };
        let text = match file {
            PidFile::Auxv => return Ok(kernel.auxv_bytes(process)),
            PidFile::Children => kernel.children_text(subject.number(), process),
            PidFile::Cgroup => "0::/\n".to_owned(),
            PidFile::Cmdline if process.mm.is_none() => return Ok(Vec::new()),
            PidFile::Cmdline => return Ok(self.command_line(pid)),
            PidFile::Comm => return Ok([kernel.name_of(subject, process), b"\n"].concat()),
            PidFile::CoredumpFilter if process.mm.is_none() => String::new(),
            PidFile::CoredumpFilter => format!("{:08x}\n", process.coredump_filter),
            PidFile::Environ => return Ok(self.strings_of(pid, |layout| layout.env_start..layout.env_end)),
            // There is one user namespace, in which everybody is who he is outside.
            PidFile::GidMap | PidFile::ProjidMap | PidFile::UidMap => {
                format!("{:10} {:10} {:10}\n", 0, 0, u32::MAX)
            }
            PidFile::Io => kernel.io_text(process),
            PidFile::Limits => process.rlimits.text(),
            // Nobody has logged in.
            PidFile::Loginuid | PidFile::Sessionid => u32::MAX.to_string(),
            PidFile::Maps => kernel.maps_text(process),
            PidFile::Mountinfo => kernel.fs.mount_rows().iter().map(MountRow::info_line).collect(),
            PidFile::Mounts => kernel.system_mounts_text(),
            PidFile::Mountstats => kernel.fs.mount_rows().iter().map(MountRow::stats_line).collect(),
            PidFile::OomAdj => format!("{}\n", process.oom_adj()),
            PidFile::OomScore => kernel.oom_score_text(pid, process),
            PidFile::OomScoreAdj => format!("{}\n", process.oom_score_adj),
            PidFile::ClearRefs | PidFile::Mem | PidFile::Pagemap => return Err(Errno::EINVAL),
            PidFile::Personality => format!("{:08x}\n", process.personality),
            PidFile::Setgroups => "allow\n".to_owned(),
            PidFile::Smaps => kernel.smaps_text(self.harts.ram(), process),
            PidFile::SmapsRollup => kernel.smaps_rollup_text(self.harts.ram(), process),
            PidFile::Stat => kernel.stat_text(subject, process),
            PidFile::Statm => kernel.statm_text(process),
            PidFile::Status => kernel.status_text(subject, process),
            PidFile::TimerslackNs => format!("{}\n", kernel.timer_slack_of(pid)),
            // The symbol where it sleeps, which only root may see, and which there is none of here.
            PidFile::Wchan => "0".to_owned(),
        };
        Ok(text.into_bytes())
    }

    /// Does what was written to a file of `/proc` or `/sys`, and returns how much of it was taken.
    ///
    /// # Errors
    /// `EPERM` for a parameter that is fixed, `EINVAL` for a value that makes no sense and for a file that takes nothing.
    pub(crate) fn proc_write(&mut self, node: ProcNode, bytes: &[u8]) -> Result<u64, Errno> {
        match node {
            ProcNode::ProcessFile(subject, PidFile::Comm) => self.write_comm(subject, bytes)?,
            ProcNode::ProcessFile(subject, PidFile::OomScoreAdj) => {
                self.write_oom_score_adj(subject.process(), bytes)?;
            }
            ProcNode::ProcessFile(subject, PidFile::OomAdj) => {
                self.write_oom_adj(subject.process(), bytes)?
            }
            ProcNode::ProcessFile(subject, PidFile::CoredumpFilter) => {
                self.write_coredump_filter(subject.process(), bytes)?;
            }
            ProcNode::ProcessFile(subject, PidFile::TimerslackNs) => {
                self.write_timer_slack(subject.process(), bytes)?;
            }
            // Each can be set once, and is.
            ProcNode::ProcessFile(_, PidFile::GidMap | PidFile::ProjidMap | PidFile::UidMap) => {
                return Err(Errno::EPERM);
            }
            ProcNode::ProcessFile(subject, PidFile::ClearRefs) => {
                self.clear_refs(subject.process(), bytes)?
            }
            ProcNode::Fixed(place) => self.write_fixed(place.file().ok_or(Errno::EISDIR)?, bytes)?,
            _ => return Err(Errno::EINVAL),
        }
        Ok(bytes.len() as u64)
    }

    /// Returns the arguments, or the name that the program has written over them and perhaps over the environment behind them
    /// (Linux 6.12 fs/proc/base.c `get_mm_cmdline`, `get_mm_proctitle`).
    fn command_line(&mut self, pid: Pid) -> Vec<u8> {
        let arguments = self.strings_of(pid, |layout| layout.arg_start..layout.arg_end);
        if arguments.last().is_none_or(|last| *last == 0) {
            return arguments;
        }
        let mut title = self.strings_of(pid, |layout| {
            let is_behind = layout.env_start == layout.arg_end && layout.env_end >= layout.env_start;
            let end = if is_behind { layout.env_end } else { layout.arg_end };
            layout.arg_start..end.min(layout.arg_start + PAGE_SIZE)
        });
        let end = title.iter().position(|byte| *byte == 0).map_or(title.len(), |zero| zero + 1);
        title.truncate(end);
        title
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

/// Reads a whole number as the kernel's parsers do: space around it does not count.
fn parse_number(bytes: &[u8]) -> Result<i64, Errno> {
    let text = std::str::from_utf8(bytes).map_err(|_| Errno::EINVAL)?;
    text.trim().parse().map_err(|_| Errno::EINVAL)
}
