//! Calls about memory.

use super::types::{Advice as AdviceArg, MapFlags, MsyncFlags, Prot as ProtArg, RemapFlags};
use super::{Flow, SysResult};
use crate::ctx::Ctx;
use crate::fs::{Mappable, OpenFlags, Seals};
use crate::mm::{Advice, FileMapping, MapBacking, MapRequest, Placement, Prot, RemapRequest, Sharing};
use crate::{Errno, Fd};
use std::sync::Arc;
use tine_mmu::{PAGE_SIZE, VirtAddr};

const MAP_TYPE: u32 = 0xf;
const MAP_SHARED: u32 = 1;
const MAP_PRIVATE: u32 = 2;
const MAP_SHARED_VALIDATE: u32 = 3;
const MAP_FIXED: u32 = 0x10;
const MAP_ANONYMOUS: u32 = 0x20;
const MAP_GROWSDOWN: u32 = 0x100;
const MAP_NORESERVE: u32 = 0x4000;
const MAP_POPULATE: u32 = 0x8000;
const MAP_HUGETLB: u32 = 0x4_0000;
const MAP_FIXED_NOREPLACE: u32 = 0x10_0000;

/// `brk(2)`, the system call: returns where the break is now.
pub(super) fn brk(ctx: &mut Ctx<'_>, to: VirtAddr) -> SysResult {
    let mm = ctx.mm();
    Ok(ctx.memory(mm, |memory, work| memory.set_brk(work, mm, to)).0)
}

/// `mmap(2)`. Huge pages are `ENOMEM`: none are reserved.
pub(super) fn mmap(
    ctx: &mut Ctx<'_>,
    at: VirtAddr,
    len: u64,
    prot: ProtArg,
    flags: MapFlags,
    fd: Fd,
    offset: u64,
) -> SysResult {
    let has = |flag| flags.0 & flag != 0;
    if !offset.is_multiple_of(PAGE_SIZE) {
        return Err(Errno::EINVAL.into());
    }
    let prot = Prot::from_bits_truncate(prot.0);
    let sharing = match flags.0 & MAP_TYPE {
        MAP_SHARED | MAP_SHARED_VALIDATE => Sharing::Shared,
        MAP_PRIVATE => Sharing::Private,
        _ => Sharing::Private,
    };
    let (backing, may) = match has(MAP_ANONYMOUS) {
        true => (MapBacking::Anonymous, Prot::all()),
        false => file_backing(ctx, fd, offset, prot, sharing)?,
    };
    if !matches!(flags.0 & MAP_TYPE, MAP_SHARED | MAP_PRIVATE | MAP_SHARED_VALIDATE) {
        return Err(Errno::EINVAL.into());
    }
    if has(MAP_HUGETLB) {
        return Err(Errno::ENOMEM.into());
    }
    let placement = match () {
        () if has(MAP_FIXED_NOREPLACE) => Placement::FixedNoReplace(at),
        () if has(MAP_FIXED) => Placement::Fixed(at),
        () if at.0 != 0 => Placement::Hint(at),
        () => Placement::Anywhere,
    };
    let request = MapRequest {
        placement,
        len_bytes: len,
        prot,
        may,
        sharing,
        backing,
        populate: has(MAP_POPULATE),
        grows_down: has(MAP_GROWSDOWN),
        no_reserve: has(MAP_NORESERVE),
    };
    let mm = ctx.mm();
    let at = ctx.memory(mm, |memory, work| memory.map(work, mm, request))?;
    ctx.write_back_later();
    Ok(at.0)
}

/// Returns what a descriptor maps, and the rights that its access mode allows.
fn file_backing(
    ctx: &mut Ctx<'_>,
    fd: Fd,
    offset: u64,
    prot: Prot,
    sharing: Sharing,
) -> Result<(MapBacking, Prot), Flow> {
    let open = ctx.open_of(fd)?;
    let flags = ctx.kernel.fs.status_flags(open);
    let mappable = ctx.kernel.fs.mappable(open)?;
    let mut may = Prot::all();
    if sharing == Sharing::Shared && !flags.is_writable() {
        may.remove(Prot::WRITE);
    }
    if !flags.is_readable() || !may.contains(prot) || flags.contains(OpenFlags::PATH) {
        return Err(Errno::EACCES.into());
    }
    let node = ctx.kernel.fs.node(open);
    if sharing == Sharing::Shared
        && ctx.kernel.fs.seals(node).is_ok_and(|seals| seals.intersects(Seals::WRITE | Seals::FUTURE_WRITE))
    {
        if prot.contains(Prot::WRITE) {
            return Err(Errno::EPERM.into());
        }
        may.remove(Prot::WRITE);
    }
    let file = match mappable {
        Mappable::Zeros => return Ok((MapBacking::Anonymous, may)),
        Mappable::File(file) => file,
    };
    Ok((MapBacking::File(ctx.file_mapping(node, file, offset / PAGE_SIZE)), may))
}

impl Ctx<'_> {
    /// Describes a mapping of a file.
    pub(crate) fn file_mapping(
        &mut self,
        node: crate::fs::Node,
        file: crate::FileId,
        first_page: u64,
    ) -> FileMapping {
        let stat = self.with_fs(|fs, env| fs.stat(env, node));
        let path = self.kernel.fs.path_of(node);
        let name = Arc::from(String::from_utf8_lossy(&path));
        FileMapping { file, first_page, name, inode: stat.ino, device: stat.dev }
    }
}

/// `mremap(2)`: `MREMAP_MAYMOVE` and `MREMAP_FIXED`. `MREMAP_DONTUNMAP` is `EINVAL`.
pub(super) fn mremap(
    ctx: &mut Ctx<'_>,
    at: VirtAddr,
    old_len: u64,
    new_len: u64,
    flags: RemapFlags,
    to: VirtAddr,
) -> SysResult {
    const MREMAP_MAYMOVE: u32 = 1;
    const MREMAP_FIXED: u32 = 2;
    if flags.0 & !(MREMAP_MAYMOVE | MREMAP_FIXED) != 0 {
        return Err(Errno::EINVAL.into());
    }
    let request = RemapRequest {
        at,
        old_len_bytes: old_len,
        new_len_bytes: new_len,
        may_move: flags.0 & MREMAP_MAYMOVE != 0,
        to: (flags.0 & MREMAP_FIXED != 0).then_some(to),
    };
    let mm = ctx.mm();
    let at = ctx.memory(mm, |memory, work| memory.remap(work, mm, request))?;
    ctx.write_back_later();
    Ok(at.0)
}

/// `munmap(2)`.
pub(super) fn munmap(ctx: &mut Ctx<'_>, at: VirtAddr, len: u64) -> SysResult {
    let mm = ctx.mm();
    ctx.memory(mm, |memory, work| memory.unmap(work, mm, at, len))?;
    ctx.write_back_later();
    Ok(0)
}

/// `mprotect(2)`. `PROT_GROWSDOWN` and `PROT_GROWSUP` are `EINVAL`.
pub(super) fn mprotect(ctx: &mut Ctx<'_>, at: VirtAddr, len: u64, prot: ProtArg) -> SysResult {
    let prot = Prot::from_bits(prot.0).ok_or(Errno::EINVAL)?;
    let mm = ctx.mm();
    ctx.memory(mm, |memory, work| memory.protect(work, mm, at, len, prot))?;
    Ok(0)
}

/// `msync(2)`: checks the range. The page cache is the file, except for one that the user lets the guest write.
pub(super) fn msync(ctx: &mut Ctx<'_>, at: VirtAddr, len: u64, flags: MsyncFlags) -> SysResult {
    const MS_ASYNC: u32 = 1;
    const MS_INVALIDATE: u32 = 2;
    const MS_SYNC: u32 = 4;
    let contradicts = flags.0 & MS_ASYNC != 0 && flags.0 & MS_SYNC != 0;
    if flags.0 & !(MS_ASYNC | MS_INVALIDATE | MS_SYNC) != 0 || contradicts {
        return Err(Errno::EINVAL.into());
    }
    ctx.kernel.memory.sync(ctx.mm(), at, len)?;
    ctx.write_back()?;
    Ok(0)
}

/// `mincore(2)`, so many pages at a time as their answers fill a page (Linux 6.12 mm/mincore.c): the range may be far longer
/// than memory.
pub(super) fn mincore(ctx: &mut Ctx<'_>, at: VirtAddr, len: u64, to: VirtAddr) -> SysResult {
    const CHUNK_PAGES: u64 = PAGE_SIZE;
    let mm = ctx.mm();
    let mut done = 0;
    loop {
        let chunk = (len - done).min(CHUNK_PAGES * PAGE_SIZE);
        let pages = ctx.kernel.memory.resident(ctx.harts.ram(), mm, at + done, chunk)?;
        let bytes: Vec<u8> = pages.into_iter().map(u8::from).collect();
        ctx.write_bytes(to + done / PAGE_SIZE, &bytes).map_err(|_| Errno::EFAULT)?;
        done += chunk;
        if done == len {
            return Ok(0);
        }
    }
}

/// `madvise(2)`: `MADV_DONTNEED`, `FREE`, `DONTFORK` and `DOFORK`, `WIPEONFORK` and `KEEPONFORK`, `POPULATE_READ` and
/// `POPULATE_WRITE`. Hints, among them those about huge pages, core dumps and swap, change nothing, for there are none of
/// these. `MADV_REMOVE`, `MERGEABLE`, `COLLAPSE` and all others are `EINVAL`.
pub(super) fn madvise(ctx: &mut Ctx<'_>, at: VirtAddr, len: u64, advice: AdviceArg) -> SysResult {
    let advice = Advice::from_number(advice.0 as i32).ok_or(Errno::EINVAL)?;
    let mm = ctx.mm();
    ctx.memory(mm, |memory, work| memory.advise(work, mm, at, len, advice))?;
    Ok(0)
}

/// `riscv_flush_icache(2)`: makes stores visible to instruction fetch on every hart.
pub(super) fn riscv_flush_icache(
    ctx: &mut Ctx<'_>,
    _start: VirtAddr,
    _end: VirtAddr,
    flags: u64,
) -> SysResult {
    const SYS_RISCV_FLUSH_ICACHE_LOCAL: u64 = 1;
    if flags & !SYS_RISCV_FLUSH_ICACHE_LOCAL != 0 {
        return Err(Errno::EINVAL.into());
    }
    ctx.harts.fence_i();
    Ok(0)
}
