//! Calls that replace the program.

use super::path::{AT_EMPTY_PATH, AT_SYMLINK_NOFOLLOW, check_flags, lookup_flags};
use super::types::{AtFlags, DirFd, PathPtr};
use super::{Flow, SysResult, show};
use crate::ctx::Ctx;
use crate::fs::{AT_FDCWD, FileType, LookupFlags, Node, OnExec};
use crate::task::ExecRequest;
use crate::{Errno, Fd};
use tine_mmu::VirtAddr;

/// `execve(2)`: ELF programs, with an interpreter or without, and scripts that name theirs.
pub(super) fn execve(ctx: &mut Ctx<'_>, path: PathPtr, argv: VirtAddr, envp: VirtAddr) -> SysResult {
    let name = ctx.read_path(path.0)?;
    let node = ctx.node_at(DirFd(AT_FDCWD), &name, LookupFlags::empty())?;
    let file = File { node, name, name_vanishes: false, by_descriptor: false };
    file.execute(ctx, "execve", argv, envp)
}

/// `execveat(2)`.
pub(super) fn execveat(
    ctx: &mut Ctx<'_>,
    dir: DirFd,
    path: PathPtr,
    argv: VirtAddr,
    envp: VirtAddr,
    flags: AtFlags,
) -> SysResult {
    let path = ctx.read_path(path.0)?;
    if path.is_empty() && flags.0 & AT_EMPTY_PATH == 0 {
        return Err(Errno::ENOENT.into());
    }
    check_flags(flags, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)?;
    let node = ctx.node_at(dir, &path, lookup_flags(flags))?;
    if ctx.kernel.fs.file_type(node) == FileType::Symlink {
        return Err(Errno::ELOOP.into());
    }
    let file = if dir.0 == AT_FDCWD || path.starts_with(b"/") {
        File { node, name: path, name_vanishes: false, by_descriptor: false }
    } else {
        let mut name = format!("/dev/fd/{}", dir.0).into_bytes();
        let by_descriptor = path.is_empty();
        if !path.is_empty() {
            name.push(b'/');
            name.extend(path);
        }
        let name_vanishes = ctx.kernel.fs.on_exec(ctx.files(), Fd(dir.0))? == OnExec::Close;
        File { node, name, name_vanishes, by_descriptor }
    };
    file.execute(ctx, "execveat", argv, envp)
}

/// A file that was found, and what the program is to know it by.
struct File {
    node: Node,
    name: Vec<u8>,
    name_vanishes: bool,
    by_descriptor: bool,
}

impl File {
    fn execute(self, ctx: &mut Ctx<'_>, call: &'static str, argv: VirtAddr, envp: VirtAddr) -> SysResult {
        ctx.check_exec_limit()?;
        // Like Linux, a file that nobody may execute is refused before its arguments are read.
        ctx.program_file(self.node)?;
        let strings = ctx.read_program_strings(argv, envp)?;
        let Self { node, name, name_vanishes, by_descriptor } = self;
        ctx.execute(ExecRequest { node, name, name_vanishes, by_descriptor, strings })?;
        show::exit_with(ctx, call, "0");
        Err(Flow::NoReturn)
    }
}
