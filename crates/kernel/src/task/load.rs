//! Mapping a program and its interpreter into a new address space (Linux 6.12 fs/binfmt_elf.c load_elf_binary).
//!
//! ```text
//!   stack, lowered by up to 1 GiB
//!   mmap base ─▶ interpreter, vDSO, a static-pie program, then what mmap(2) places
//!                heap
//!                position-independent program, raised by up to 1 GiB from two thirds of user memory
//!                program at the addresses that it was linked at, then its heap
//! ```

use super::aslr::Offsets;
use super::elf::{Image, Placement as ImagePlacement, Segment, SegmentFlags};
use super::exec::ProgramStrings;
use super::stack::{ProgramFacts, RANDOM_BYTES, Strings};
use super::vdso::{DATA_PAGES, Vdso};
use crate::creds::ProgramCredentials;
use crate::ctx::Ctx;
use crate::fs::Node;
use crate::mm::{FileMapping, Layout, MapBacking, MapRequest, Placement, Prot, TASK_SIZE, Work};
use crate::{Errno, FileId, MemoryCounters, MmId, UserContext};
use std::sync::Arc;
use tine_mmu::{PAGE_SIZE, VirtAddr};

/// Room that the stack gets beyond its strings at once (`stack_expand`).
const STACK_EXPAND: u64 = 128 << 10;
/// Where a position-independent program with an interpreter is put (`ELF_ET_DYN_BASE`: two thirds of user memory).
const PIE_BASE: u64 = (TASK_SIZE / 3 * 2) & !(PAGE_SIZE - 1);

/// An ELF file that can be mapped.
#[derive(Debug)]
pub(crate) struct Loadable {
    /// The file.
    pub node: Node,
    /// Its contents.
    pub file: FileId,
    /// Its headers.
    pub image: Image,
}

/// Everything that a new program begins with.
#[derive(Debug)]
pub(crate) struct Executable {
    /// The program.
    pub image: Loadable,
    /// The program that loads it (`PT_INTERP`).
    pub interpreter: Option<Loadable>,
    /// The name under which it was asked for (`AT_EXECFN`).
    pub name: Vec<u8>,
    /// What it is told.
    pub strings: ProgramStrings,
}

/// An address space that holds a new program's strings and nothing else.
#[derive(Debug)]
pub(super) struct Fresh {
    /// The address space.
    pub mm: MmId,
    strings: Strings,
    /// How far everything moves; `None` without randomisation.
    offsets: Option<Offsets>,
}

impl Ctx<'_> {
    /// Makes an address space with a stack that holds the strings.
    pub(super) fn new_memory(&mut self, program: &Executable) -> Result<Fresh, Errno> {
        let randomizes = self.kernel.memory.policy().randomizes_layout && !self.process().keeps_layout();
        let offsets = randomizes.then(|| Offsets::draw(self.kernel.fs.random()));
        let top = VirtAddr(TASK_SIZE - offsets.map_or(0, |offsets| offsets.stack_bytes));
        let strings = Strings::new(top, &program.name, &program.strings);
        let mm = self.create_memory()?;
        let limits = self.process().rlimits.of_memory(self.credentials());
        let space = self.kernel.memory.space_mut(mm);
        space.limits = limits;
        space.layout.mmap_base = match offsets {
            Some(Offsets { mmap_bytes, .. }) => {
                Layout::mmap_base_for(limits.stack_bytes, Offsets::MAX_STACK_BYTES, mmap_bytes)
            }
            None => Layout::mmap_base_for(limits.stack_bytes, 0, 0),
        };
        let filled = self.memory(mm, |memory, work| {
            let filled_bytes = top.0 - strings.start.page_floor().0;
            let len_bytes = (filled_bytes + STACK_EXPAND).min(limits.stack_bytes).max(filled_bytes);
            let mut prot = Prot::READ | Prot::WRITE;
            prot.set(Prot::EXEC, program.image.image.executable_stack);
            let request = MapRequest {
                placement: Placement::Fixed(VirtAddr(top.0 - len_bytes)),
                grows_down: true,
                ..MapRequest::anonymous(len_bytes, prot)
            };
            memory.map(work, mm, request)?;
            memory.poke(work, mm, strings.start, &strings.bytes).map_err(|_| Errno::ENOMEM)
        });
        filled.inspect_err(|_| self.kernel.drop_memory(self.harts, self.hart, self.pid, mm))?;
        Ok(Fresh { mm, strings, offsets })
    }

    fn create_memory(&mut self) -> Result<MmId, Errno> {
        let mut counters = MemoryCounters::default();
        let mut work = Work::supervisor(self.harts.ram(), &mut counters);
        let created = self.kernel.memory.create(&mut work);
        debug_assert!(work.finish().is_empty(), "an address space that nobody ran in owes no fence");
        let mm = created.map_err(|_| Errno::ENOMEM)?;
        if let Some(before) = self.process().mm {
            let thp_disabled = self.kernel.memory.space(before).thp_disabled;
            self.kernel.memory.space_mut(mm).thp_disabled = thp_disabled;
        }
        Ok(mm)
    }

    /// Maps the program and its interpreter, fills the stack and points the task at the first instruction.
    pub(super) fn start_image(
        &mut self,
        fresh: &Fresh,
        program: &Executable,
        given: &ProgramCredentials,
    ) -> Result<(), Errno> {
        let Fresh { mm, strings, offsets } = fresh;
        let (mm, image) = (*mm, &program.image.image);
        let bias = self.place_program(mm, program, *offsets)?;
        let mut layout = self.map_image(mm, &program.image, bias)?;
        layout.start_brk = heap_start(layout.brk, program, *offsets);
        layout.brk = layout.start_brk;
        let entry = image.entry + bias;
        let (interpreter_base, start) = match &program.interpreter {
            None => (VirtAddr(0), entry),
            Some(interpreter) => self.map_interpreter(mm, interpreter)?,
        };
        layout.vdso = self.map_vdso(mm)?;

        let mut random = [0; RANDOM_BYTES];
        self.kernel.fs.random().fill(&mut random);
        let lowered = strings.start.0 - offsets.map_or(0, |offsets| offsets.stack_pointer_bytes);
        let random_at = VirtAddr((lowered & !15) - RANDOM_BYTES as u64);
        let facts = ProgramFacts {
            headers_at: image.headers_at.map_or(VirtAddr(0), |at| at + bias),
            header_count: image.header_count,
            interpreter: interpreter_base,
            entry,
            vdso: layout.vdso,
            hwcap: self.kernel.settings.isa.hwcap(),
            given,
        };
        let (sp, words) = strings.tables(&facts, random_at);
        self.kernel.memory.space_mut(mm).auxv = strings.auxiliary_vector_in(&words).to_vec();
        self.write_bytes(random_at, &random).map_err(|_| Errno::EFAULT)?;
        let words: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        self.write_bytes(sp, &words).map_err(|_| Errno::EFAULT)?;

        layout.start_stack = sp;
        layout.arg_start = strings.start;
        layout.env_start = strings.environment.first().copied().unwrap_or(strings.path);
        layout.arg_end = layout.env_start;
        layout.env_end = strings.path;
        self.kernel.memory.space_mut(mm).layout = layout;

        let mut context = UserContext { pc: start.0, ..UserContext::default() };
        context.x[usize::from(crate::Reg::SP.0)] = sp.0;
        self.harts.load(self.hart, &context);
        Ok(())
    }

    /// Decides where the program goes, and returns its load bias.
    fn place_program(
        &mut self,
        mm: MmId,
        program: &Executable,
        offsets: Option<Offsets>,
    ) -> Result<u64, Errno> {
        let image = &program.image.image;
        let align_down = |at: u64| at & !(image.alignment() - 1);
        match (image.placement, &program.interpreter) {
            (ImagePlacement::Fixed, _) => Ok(0),
            (ImagePlacement::Relocatable, Some(_)) => {
                let base = PIE_BASE + offsets.map_or(0, |offsets| offsets.program_bytes);
                self.find_room(mm, image, Placement::FixedNoReplace(VirtAddr(align_down(base))))
            }
            (ImagePlacement::Relocatable, None) => {
                let bias = self.find_room(mm, image, Placement::Anywhere)?;
                let base = image.span().start.page_floor() + bias;
                let aligned = VirtAddr(align_down(base.0));
                if aligned == base {
                    return Ok(bias);
                }
                self.find_room(mm, image, Placement::FixedNoReplace(aligned))
            }
        }
    }

    /// Finds room for all of an image at once, as its segments keep their distances, and returns the load bias.
    fn find_room(&mut self, mm: MmId, image: &Image, placement: Placement) -> Result<u64, Errno> {
        let first = image.span().start.page_floor();
        let len_bytes = image.span().end.0 - first.0;
        let request = MapRequest { placement, ..MapRequest::anonymous(len_bytes, Prot::empty()) };
        let at = self.memory(mm, |memory, work| {
            let at = memory.map(work, mm, request)?;
            memory.unmap(work, mm, at, len_bytes)?;
            Ok::<_, Errno>(at)
        })?;
        Ok(at.0.wrapping_sub(first.0))
    }

    /// Maps the interpreter; returns its load bias and where it starts (`load_elf_interp`).
    fn map_interpreter(&mut self, mm: MmId, interpreter: &Loadable) -> Result<(VirtAddr, VirtAddr), Errno> {
        let image = &interpreter.image;
        let bias = match image.placement {
            ImagePlacement::Fixed => 0,
            ImagePlacement::Relocatable => self.find_room(mm, image, Placement::Anywhere)?,
        };
        self.map_image(mm, interpreter, bias)?;
        Ok((VirtAddr(bias), image.entry + bias))
    }

    /// Maps the vDSO behind its data, and returns where it is (Linux 6.12 arch/riscv/kernel/vdso.c `__setup_additional_pages`).
    fn map_vdso(&mut self, mm: MmId) -> Result<VirtAddr, Errno> {
        const DATA_BYTES: u64 = DATA_PAGES * PAGE_SIZE;
        let request = |file, name: &str, placement, len_bytes, prot| {
            let mapping = FileMapping { file, first_page: 0, name: Arc::from(name), inode: 0, device: 0 };
            MapRequest {
                placement,
                backing: MapBacking::File(mapping),
                ..MapRequest::anonymous(len_bytes, prot)
            }
        };
        let Vdso { file, data, .. } = self.kernel.vdso;
        let room = request(data, "[vvar]", Placement::Anywhere, DATA_BYTES + PAGE_SIZE, Prot::READ);
        self.memory(mm, |memory, work| {
            let at = memory.map(work, mm, MapRequest { may: Prot::READ, ..room })?;
            let code = Placement::Fixed(at + DATA_BYTES);
            memory.map(work, mm, request(file, "[vdso]", code, PAGE_SIZE, Prot::READ | Prot::EXEC))
        })
    }

    /// Maps the segments, and returns the layout with what they say of it.
    fn map_image(&mut self, mm: MmId, loadable: &Loadable, bias: u64) -> Result<Layout, Errno> {
        let mut layout = self.kernel.memory.space(mm).layout;
        layout.start_code = VirtAddr(u64::MAX);
        for segment in &loadable.image.segments {
            self.map_segment(mm, loadable, segment, bias)?;
            let start = segment.at + bias;
            let (file_end, memory_end) = (start + segment.file_bytes, start + segment.memory_bytes);
            if segment.flags.contains(SegmentFlags::X) {
                layout.start_code = layout.start_code.min(start);
                layout.end_code = layout.end_code.max(file_end);
            }
            layout.start_data = layout.start_data.max(start);
            layout.end_data = layout.end_data.max(file_end);
            layout.brk = layout.brk.max(memory_end);
        }
        layout.brk = layout.brk.page_ceil().ok_or(Errno::ENOMEM)?;
        Ok(layout)
    }

    /// Maps one segment: its file part, then zeros up to its size in memory (`elf_load`).
    fn map_segment(
        &mut self,
        mm: MmId,
        loadable: &Loadable,
        segment: &Segment,
        bias: u64,
    ) -> Result<(), Errno> {
        let mut prot = Prot::empty();
        prot.set(Prot::READ, segment.flags.contains(SegmentFlags::R));
        prot.set(Prot::WRITE, segment.flags.contains(SegmentFlags::W));
        prot.set(Prot::EXEC, segment.flags.contains(SegmentFlags::X));
        let at = segment.at + bias;
        let (start, file_end) = (at.page_floor(), at + segment.file_bytes);
        let memory_end = at + segment.memory_bytes;
        let mut zeros_from = start;
        if segment.file_bytes > 0 {
            let first_page = segment.offset / PAGE_SIZE;
            let backing = MapBacking::File(self.file_mapping(loadable.node, loadable.file, first_page));
            let request = MapRequest {
                placement: Placement::Fixed(start),
                backing,
                ..MapRequest::anonymous(file_end.0 - start.0, prot)
            };
            self.memory(mm, |memory, work| memory.map(work, mm, request))?;
            zeros_from = file_end.page_ceil().ok_or(Errno::ENOMEM)?;
            if memory_end > file_end && segment.flags.contains(SegmentFlags::W) {
                // The rest of the last file page is the beginning of .bss (padzero).
                let tail = zeros_from.0 - file_end.0;
                self.write_bytes(file_end, &vec![0; tail as usize]).map_err(|_| Errno::EFAULT)?;
            }
        }
        let memory_end = memory_end.page_ceil().ok_or(Errno::ENOMEM)?;
        if memory_end > zeros_from {
            // Zeros can be written, whatever the segment says (`vm_brk_flags`).
            let request = MapRequest {
                placement: Placement::Fixed(zeros_from),
                ..MapRequest::anonymous(memory_end.0 - zeros_from.0, prot | Prot::READ | Prot::WRITE)
            };
            self.memory(mm, |memory, work| memory.map(work, mm, request))?;
        }
        Ok(())
    }
}

/// Returns where the heap begins for a program that ends at `end`.
fn heap_start(end: VirtAddr, program: &Executable, offsets: Option<Offsets>) -> VirtAddr {
    let Some(offsets) = offsets else { return end };
    let is_static_pie =
        program.image.image.placement == ImagePlacement::Relocatable && program.interpreter.is_none();
    // A static-pie program lies among the mappings: there is no room for its heap behind it.
    let base = if is_static_pie { VirtAddr(PIE_BASE) } else { end + PAGE_SIZE };
    base + offsets.heap_bytes
}
