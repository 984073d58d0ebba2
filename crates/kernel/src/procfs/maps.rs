//! What `/proc/<pid>` says of a process's memory.

use crate::mm::{AreaRole, Backing, Prot, Sharing, Vma};
use crate::task::Process;
use crate::{Kernel, MmId};
use std::fmt::Write;

impl Kernel {
    pub(super) fn maps_text(&self, process: &Process) -> String {
        let Some(mm) = process.mm else { return String::new() };
        let mut text = String::new();
        for vma in self.memory.maps(mm) {
            self.write_area(&mut text, mm, vma);
        }
        text
    }

    /// Writes the line of one area.
    pub(super) fn write_area(&self, text: &mut String, mm: MmId, vma: &Vma) {
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
        let _ = if name.is_empty() { writeln!(text, "{head}") } else { writeln!(text, "{head:<73}{name}") };
    }
}
