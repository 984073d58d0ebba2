//! Calls about memory.

use super::mlock::check_may_lock;
use super::types::{Advice as AdviceArg, MapFlags, MsyncFlags, Prot as ProtArg, RemapFlags};
use super::{Flow, SysResult};
use crate::creds::Capabilities;
use crate::ctx::Ctx;
use crate::fs::{Mappable, OpenId, Seals};
use crate::mm::{
    Advice, Backing, FileMapping, HugeAdvice, LOWEST, Lock, MapBacking, MapRequest, OnFork, Placement, Prot,
    Remains, RemapRequest, Sharing, Vma,
};
use crate::{Errno, Fd};
use std::sync::Arc;
use tine_mmu::{PAGE_SIZE, VirtAddr, Vpn};

const MAP_TYPE: u32 = 0xf;
const MAP_SHARED: u32 = 1;
const MAP_PRIVATE: u32 = 2;
const MAP_SHARED_VALIDATE: u32 = 3;
/// Private memory that the kernel may drop; it never does here.
const MAP_DROPPABLE: u32 = 8;
const MAP_FIXED: u32 = 0x10;
const MAP_ANONYMOUS: u32 = 0x20;
const MAP_GROWSDOWN: u32 = 0x100;
const MAP_STACK: u32 = 0x20000;
const MAP_LOCKED: u32 = 0x2000;
const MAP_NORESERVE: u32 = 0x4000;
const MAP_POPULATE: u32 = 0x8000;
const MAP_NONBLOCK: u32 = 0x1_0000;
const MAP_HUGETLB: u32 = 0x4_0000;
const MAP_HUGE_SHIFT: u32 = 26;
const MAP_HUGE_MASK: u32 = 0x3f;
const MAP_FIXED_NOREPLACE: u32 = 0x10_0000;
/// The flags that `MAP_SHARED_VALIDATE` accepts (Linux 6.12 include/linux/mman.h `LEGACY_MAP_MASK`).
const KNOWN_TO_VALIDATE: u32 = 0x7c07_f933;
const PROT_GROWSDOWN: u32 = 0x0100_0000;
const PROT_GROWSUP: u32 = 0x0200_0000;

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
    let open = if has(MAP_ANONYMOUS) { None } else { Some(open_for_use(ctx, fd)?) };
    if has(MAP_HUGETLB) {
        // The sizes that there are: the usual one, 2 MiB and 1 GiB (`hstate_sizelog`).
        let is_size = matches!(flags.0 >> MAP_HUGE_SHIFT & MAP_HUGE_MASK, 0 | 21 | 30);
        return Err(if open.is_none() && is_size { Errno::ENOMEM } else { Errno::EINVAL }.into());
    }
    if len == 0 {
        return Err(Errno::EINVAL.into());
    }
    if has(MAP_LOCKED) {
        check_may_lock(ctx)?;
    }
    let fixed = has(MAP_FIXED | MAP_FIXED_NOREPLACE);
    if fixed && at.vpn() < LOWEST && !ctx.credentials().can(Capabilities::SYS_RAWIO) {
        return Err(Errno::EPERM.into());
    }
    let prot = Prot::from_bits_truncate(prot.0);
    let kind = flags.0 & MAP_TYPE;
    let sharing = match (kind, open) {
        (MAP_SHARED, _) => Sharing::Shared,
        (MAP_SHARED_VALIDATE, Some(_)) if flags.0 & !KNOWN_TO_VALIDATE != 0 => {
            return Err(Errno::EOPNOTSUPP.into());
        }
        (MAP_SHARED_VALIDATE, Some(_)) => Sharing::Shared,
        (MAP_PRIVATE, _) | (MAP_DROPPABLE, None) => Sharing::Private,
        _ => return Err(Errno::EINVAL.into()),
    };
    let (backing, may) = match open {
        None => (MapBacking::Anonymous, Prot::all()),
        Some(open) => file_backing(ctx, open, offset, prot, sharing)?,
    };
    if has(MAP_GROWSDOWN) && (open.is_some() || sharing == Sharing::Shared) {
        return Err(Errno::EINVAL.into());
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
        populate: has(MAP_POPULATE) && !has(MAP_NONBLOCK),
        grows_down: has(MAP_GROWSDOWN),
        no_reserve: has(MAP_NORESERVE) && ctx.kernel.memory.may_waive_promises() || kind == MAP_DROPPABLE,
        lock: if has(MAP_LOCKED) { Lock::Locked } else { Lock::Unlocked },
        on_fork: if kind == MAP_DROPPABLE { OnFork::Wipe } else { OnFork::Inherit },
        huge: if has(MAP_STACK) { HugeAdvice::Refused } else { HugeAdvice::None },
    };
    if let (true, MapBacking::File(mapping)) = (request.populate, &request.backing) {
        let (file, first) = (mapping.file, mapping.first_page);
        // What cannot be had is had when it is touched, or fails then.
        let _: Result<(), Errno> =
            ctx.with_fs(|fs, env| fs.fetch(env, file, first..first.saturating_add(len / PAGE_SIZE + 1)));
    }
    let mm = ctx.mm();
    let at = ctx.memory(mm, |memory, work| memory.map(work, mm, request))?;
    ctx.write_back_later();
    Ok(at.0)
}

/// Returns what a descriptor has open for more than its path.
fn open_for_use(ctx: &Ctx<'_>, fd: Fd) -> Result<OpenId, Errno> {
    ctx.file_of(fd)?;
    ctx.open_of(fd)
}

/// Returns what an open file maps, and the rights that its access mode allows.
fn file_backing(
    ctx: &mut Ctx<'_>,
    open: OpenId,
    offset: u64,
    prot: Prot,
    sharing: Sharing,
) -> Result<(MapBacking, Prot), Flow> {
    let flags = ctx.kernel.fs.status_flags(open);
    let mut may = Prot::all();
    if sharing == Sharing::Shared && !flags.is_writable() {
        may.remove(Prot::WRITE);
    }
    if !flags.is_readable() || !may.contains(prot) {
        return Err(Errno::EACCES.into());
    }
    let mappable = ctx.kernel.fs.mappable(open)?;
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

/// `remap_file_pages(2)`: shows other pages of the file in a part of a shared mapping, as mmap does (Linux 6.12 mm/mmap.c).
pub(super) fn remap_file_pages(
    ctx: &mut Ctx<'_>,
    at: VirtAddr,
    len: u64,
    prot: ProtArg,
    page: u64,
    _flags: MapFlags,
) -> SysResult {
    let (start, pages) = (at.vpn(), len / PAGE_SIZE);
    if prot.0 != 0 || pages == 0 || page.checked_add(pages).is_none() {
        return Err(Errno::EINVAL.into());
    }
    let mm = ctx.mm();
    let areas = ctx.kernel.memory.space(mm).areas();
    // Linux does not know an area whose file was opened for reading alone as shared here.
    let is_shared = |vma: &&Vma| vma.sharing == Sharing::Shared && vma.may.contains(Prot::WRITE);
    let vma = areas.find(start).filter(is_shared).ok_or(Errno::EINVAL)?.clone();
    let Backing::File(mapping) = vma.backing else { return Err(Errno::EINVAL.into()) };
    let end = start.0.checked_add(pages).ok_or(Errno::EINVAL)?;
    // Neighbours that show the same file do as well as one area.
    let range = start..Vpn(end);
    let same_file = areas.overlapping(range.clone()).all(|other| other.file() == Some(mapping.file));
    if !areas.covers(range) || !same_file {
        return Err(Errno::EINVAL.into());
    }
    let request = MapRequest {
        placement: Placement::Fixed(start.base()),
        prot: vma.prot,
        may: vma.may,
        sharing: Sharing::Shared,
        backing: MapBacking::File(FileMapping { first_page: page, ..mapping }),
        populate: true,
        lock: vma.lock,
        ..MapRequest::anonymous(pages * PAGE_SIZE, vma.prot)
    };
    ctx.memory(mm, |memory, work| memory.map(work, mm, request))?;
    Ok(0)
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

/// `mremap(2)`.
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
    const MREMAP_DONTUNMAP: u32 = 4;
    let has = |flag| flags.0 & flag != 0;
    if flags.0 & !(MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP) != 0 {
        return Err(Errno::EINVAL.into());
    }
    let request = RemapRequest {
        at,
        old_len_bytes: old_len,
        new_len_bytes: new_len,
        may_move: has(MREMAP_MAYMOVE),
        placement: match () {
            () if has(MREMAP_FIXED) => Placement::Fixed(to),
            () if has(MREMAP_DONTUNMAP) && to.0 != 0 => Placement::Hint(to),
            () => Placement::Anywhere,
        },
        remains: if has(MREMAP_DONTUNMAP) { Remains::Area } else { Remains::Nothing },
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

/// `mprotect(2)`.
pub(super) fn mprotect(ctx: &mut Ctx<'_>, at: VirtAddr, len: u64, prot: ProtArg) -> SysResult {
    /// `PROT_SEM`: for atomic operations, as all memory is.
    const PROT_SEM: u32 = 8;
    let grows = prot.0 & (PROT_GROWSDOWN | PROT_GROWSUP);
    if grows == PROT_GROWSDOWN | PROT_GROWSUP || at.offset() != 0 {
        return Err(Errno::EINVAL.into());
    }
    if len == 0 {
        return Ok(0);
    }
    let len = len.checked_next_multiple_of(PAGE_SIZE).ok_or(Errno::ENOMEM)?;
    let end = at.0.checked_add(len).ok_or(Errno::ENOMEM)?;
    let prot = Prot::from_bits(prot.0 & !(grows | PROT_SEM)).ok_or(Errno::EINVAL)?;
    let start = if grows == 0 { at } else { growing_start(ctx, at, VirtAddr(end), grows)? };
    let mm = ctx.mm();
    ctx.memory(mm, |memory, work| memory.protect(work, mm, start, end - start.0, prot))?;
    Ok(0)
}

/// Returns where a change begins that goes down to the first page of an area which grows there (`PROT_GROWSDOWN`).
///
/// # Errors
/// `ENOMEM` where there is no area, `EINVAL` for one that does not grow; none grows upwards.
fn growing_start(ctx: &Ctx<'_>, at: VirtAddr, end: VirtAddr, grows: u32) -> Result<VirtAddr, Errno> {
    let areas = ctx.kernel.memory.space(ctx.mm()).areas();
    let vma = areas.overlapping(at.vpn()..end.vpn()).next().ok_or(Errno::ENOMEM)?;
    match grows {
        PROT_GROWSDOWN if vma.grows_down => Ok(vma.start.base()),
        PROT_GROWSUP if vma.start > at.vpn() => Err(Errno::ENOMEM),
        _ => Err(Errno::EINVAL),
    }
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
    ctx.kernel.memory.sync(ctx.mm(), at, len, flags.0 & MS_INVALIDATE != 0)?;
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

/// `madvise(2)`. Hints, among them those about merging, core dumps and swap, change nothing, for there are none of these.
/// What is unknown is `EINVAL`.
pub(super) fn madvise(ctx: &mut Ctx<'_>, at: VirtAddr, len: u64, advice: AdviceArg) -> SysResult {
    let advice = Advice::from_number(advice.0 as i32).ok_or(Errno::EINVAL)?;
    let mm = ctx.mm();
    if matches!(advice, Advice::PopulateRead | Advice::PopulateWrite) {
        ctx.bring_in(mm, at, len);
    }
    ctx.memory(mm, |memory, work| memory.advise(work, mm, at, len, advice))?;
    if advice == Advice::Remove {
        for (file, bytes) in
            ctx.kernel.memory.shown_files(mm, at.vpn()..(at + len).page_ceil().ok_or(Errno::EINVAL)?.vpn())
        {
            let cut = ctx.with_fs(|fs, env| fs.punch_hole(env, file, bytes))?;
            ctx.unmap_truncated(cut);
        }
    }
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
