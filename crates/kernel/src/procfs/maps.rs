//! What `/proc/<pid>` says of a process's memory.

use crate::mm::{AreaRole, Backing, FileMapping, Prot, Sharing, Vma};
use crate::task::Process;
use crate::{Kernel, MmId};
use std::borrow::Cow;
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

    /// Returns the path of a mapped file as it is now: its name may have changed, or be gone, since it was mapped.
    fn mapped_path<'a>(&self, mapping: &'a FileMapping) -> Cow<'a, str> {
        const GONE: &str = " (deleted)";
        match self.fs.path_of_file(mapping.file) {
            Some(path) => String::from_utf8_lossy(&path).into_owned().into(),
            None if mapping.name.ends_with(GONE) => Cow::from(mapping.name.as_ref()),
            None => format!("{}{GONE}", mapping.name).into(),
        }
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
        let path;
        let (offset, device, inode, name) = match &vma.backing {
            Backing::File(file) if vma.is_special() => (0, 0, 0, file.name.as_ref()),
            Backing::File(file) => {
                path = self.mapped_path(file);
                (file.first_page << 12, file.device, file.inode, path.as_ref())
            }
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
