//! The texts of `/proc`, in Linux's format and with true values (proc(5)).

mod maps;
mod process;
mod system;

use crate::Pid;
use crate::ctx::Ctx;
use crate::fs::{PidFile, ProcNode};
use crate::mm::Layout;
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
