//! One ELF file, as far as names, source lines and stack frames are asked of it.

use super::compression;
use super::table::{self, SymbolName, demangled};
use gimli::{
    BaseAddresses, DebugFrame, EhFrame, EhFrameHdr, EndianArcSlice, LittleEndian, SectionId, UnwindContext,
    UnwindSection, UnwindTableRow,
};
use goblin::elf::program_header::PT_LOAD;
use goblin::elf::section_header::{SHF_ALLOC, SHF_COMPRESSED, SHF_EXECINSTR, SHT_NOBITS};
use goblin::elf::{Elf, SectionHeader};
use std::borrow::Cow;
use std::sync::Arc;
use tine_mmu::PAGE_SIZE;

type Reader = EndianArcSlice<LittleEndian>;

/// A part of the file that is loaded.
#[derive(Clone, Copy, Debug)]
struct Segment {
    offset: u64,
    address: u64,
    len_bytes: u64,
    /// How much of it is in the file; the rest is zeros.
    file_len_bytes: u64,
}

/// A section that is loaded, or has to do with debugging.
#[derive(Clone, Debug)]
struct Section {
    name: String,
    address: u64,
    len_bytes: u64,
    /// Where it is in the file; empty for `.bss`, and for one that lies outside of the file.
    file: std::ops::Range<usize>,
    is_loaded: bool,
    is_code: bool,
    is_compressed: bool,
}

/// An ELF file that was read. Addresses are its own, as it was linked.
pub(super) struct Object {
    bytes: Vec<u8>,
    segments: Vec<Segment>,
    sections: Vec<Section>,
    symbols: Vec<SymbolName>,
    /// Line tables; read when first asked for, and none where there are none or they are damaged.
    lines: Option<Option<addr2line::Context<Reader>>>,
    /// The frame tables for debuggers.
    debug_frame: Vec<u8>,
}

/// A line of source.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SourceLine {
    /// The file, as the compiler was told.
    pub file: String,
    /// The line, from 1; 0 where the compiler gives none.
    pub line: u32,
}

/// A function with the line of source in it that an instruction belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// The function, if it has a name.
    pub(super) function: Option<String>,
    /// The line, if there is one.
    pub(super) line: Option<SourceLine>,
}

/// A function or object, and how far into it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SymbolPlace {
    /// Its name, demangled.
    pub name: String,
    /// Bytes from its beginning.
    pub offset: u64,
}

impl Object {
    /// Reads an ELF file; `None` when it is none, or is damaged.
    pub(super) fn parse(bytes: Vec<u8>) -> Option<Self> {
        let elf = Elf::parse(&bytes).ok()?;
        let loads = elf.program_headers.iter().filter(|header| header.p_type == PT_LOAD);
        let segments = loads
            .map(|header| Segment {
                offset: header.p_offset,
                address: header.p_vaddr,
                len_bytes: header.p_memsz,
                file_len_bytes: header.p_filesz,
            })
            .collect();
        let section = |header: &SectionHeader| Section {
            name: elf.shdr_strtab.get_at(header.sh_name).unwrap_or_default().to_owned(),
            address: header.sh_addr,
            len_bytes: header.sh_size,
            file: header
                .file_range()
                .filter(|_| header.sh_type != SHT_NOBITS)
                .filter(|range| range.start <= range.end && range.end <= bytes.len())
                .unwrap_or(0..0),
            is_loaded: header.sh_flags & u64::from(SHF_ALLOC) != 0,
            is_code: header.sh_flags & u64::from(SHF_EXECINSTR) != 0,
            is_compressed: header.sh_flags & u64::from(SHF_COMPRESSED) != 0,
        };
        let sections = elf.section_headers.iter().map(section).collect();
        let symbols = table::symbol_names(&elf);
        drop(elf);
        let mut object = Self { bytes, segments, sections, symbols, lines: None, debug_frame: Vec::new() };
        object.debug_frame =
            object.section(".debug_frame").map_or(Vec::new(), |(_, bytes)| bytes.into_owned());
        Some(object)
    }

    /// Tells whether the file still begins with `head`.
    pub(super) fn begins_with(&self, head: &[u8]) -> bool {
        self.bytes.starts_with(head)
    }

    /// Returns the address that a byte of the file is linked at; that of the memory behind what is in the file, too.
    pub(super) fn address_of(&self, offset: u64) -> Option<u64> {
        let segment = self.segments.iter().find(|segment| {
            offset.checked_sub(segment.offset).is_some_and(|within| within < segment.len_bytes)
        })?;
        segment.address.checked_add(offset - segment.offset)
    }

    /// Returns the address of memory behind a mapping of the file, which begins with the byte at `mapping_offset`: `offset` is
    /// where the byte would be if the file went on. A segment that is all zeros is no part of the mapping below it.
    pub(super) fn address_behind(&self, mapping_offset: u64, offset: u64) -> Option<u64> {
        let page = |offset: u64| offset & !(PAGE_SIZE - 1);
        let maps = |segment: &&Segment| {
            let end = segment.offset.checked_add(segment.file_len_bytes);
            page(segment.offset) <= mapping_offset && end.is_some_and(|end| mapping_offset < end)
        };
        self.address_of(offset).or_else(|| {
            let segment = self.segments.iter().rev().find(maps)?;
            segment.address.checked_add(offset.checked_sub(segment.offset)?)
        })
    }

    fn section_at(&self, address: u64) -> Option<&Section> {
        self.sections.iter().find(|section| {
            section.is_loaded
                && address.checked_sub(section.address).is_some_and(|within| within < section.len_bytes)
        })
    }

    /// Returns a section that is in the file, and what it holds.
    fn section(&self, name: &str) -> Option<(&Section, Cow<'_, [u8]>)> {
        let section = self.sections.iter().find(|section| section.name == name)?;
        let bytes = self.bytes.get(section.file.clone()).filter(|bytes| !bytes.is_empty())?;
        let bytes = match section.is_compressed {
            true => Cow::Owned(compression::expand(bytes)?),
            false => Cow::Borrowed(bytes),
        };
        Some((section, bytes))
    }

    /// Returns the name of the section that an address belongs to.
    pub(super) fn section_name(&self, address: u64) -> Option<&str> {
        self.section_at(address).map(|section| section.name.as_str()).filter(|name| !name.is_empty())
    }

    /// Returns the symbol that an address belongs to.
    pub(super) fn symbol(&self, address: u64) -> Option<SymbolPlace> {
        let end = self
            .section_at(address)
            .map_or(u64::MAX, |section| section.address.saturating_add(section.len_bytes));
        let symbol = table::containing(&self.symbols, address, end)?;
        Some(SymbolPlace { name: demangled(&symbol.name), offset: address - symbol.address })
    }

    /// Returns the functions and lines of source that an instruction belongs to: what was inlined there, the innermost first,
    /// and then the function itself. Empty where the file does not say.
    pub(super) fn lines(&mut self, address: u64) -> Vec<Line> {
        // No instruction is there, and the crate looks one byte further.
        if address == u64::MAX {
            return Vec::new();
        }
        if self.lines.is_none() {
            self.lines = Some(self.read_lines());
        }
        let Some(Some(lines)) = &self.lines else { return Vec::new() };
        let Ok(mut frames) = lines.find_frames(address).skip_all_loads() else { return Vec::new() };
        let mut found = Vec::new();
        while let Ok(Some(frame)) = frames.next() {
            let function = frame.function.as_ref().and_then(|function| function.raw_name().ok());
            let line = frame.location.and_then(|location| {
                Some(SourceLine { file: location.file?.to_owned(), line: location.line.unwrap_or_default() })
            });
            found.push(Line { function: function.as_deref().map(demangled), line });
        }
        found
    }

    fn read_lines(&self) -> Option<addr2line::Context<Reader>> {
        self.section(".debug_info")?;
        let section = |id: SectionId| -> Result<Reader, gimli::Error> {
            let bytes = self.section(id.name()).map_or(Cow::default(), |(_, bytes)| bytes);
            Ok(EndianArcSlice::new(Arc::from(bytes), LittleEndian))
        };
        addr2line::Context::from_dwarf(gimli::Dwarf::load(section).ok()?).ok()
    }

    /// Hands the rule by which the caller's registers are found, at an instruction, to `use_row`; `None` where the file does
    /// not say.
    pub(super) fn unwind<R>(
        &self,
        address: u64,
        use_row: impl FnOnce(&UnwindTableRow<usize>) -> Option<R>,
    ) -> Option<R> {
        let mut context = Box::new(UnwindContext::new());
        let row = match self.row_of_eh_frame(address, &mut context) {
            Some(row) => row,
            None => self.row_of_debug_frame(address, &mut context)?,
        };
        use_row(&row)
    }

    /// Looks into the tables that a program loads, to throw exceptions.
    fn row_of_eh_frame(
        &self,
        address: u64,
        context: &mut UnwindContext<usize>,
    ) -> Option<UnwindTableRow<usize>> {
        let (section, bytes) = self.section(".eh_frame")?;
        let frames = EhFrame::new(&bytes, LittleEndian);
        let mut bases = BaseAddresses::default().set_eh_frame(section.address);
        if let Some(text) = self.section_at(address).filter(|section| section.is_code) {
            bases = bases.set_text(text.address);
        }
        let index = self.section(".eh_frame_hdr");
        if let Some((header, _)) = &index {
            bases = bases.set_eh_frame_hdr(header.address);
        }
        let parsed =
            index.as_ref().and_then(|(_, bytes)| EhFrameHdr::new(bytes, LittleEndian).parse(&bases, 8).ok());
        let entry = match parsed.as_ref().and_then(|index| index.table()) {
            Some(table) => table.fde_for_address(&frames, &bases, address, EhFrame::cie_from_offset),
            None => frames.fde_for_address(&bases, address, EhFrame::cie_from_offset),
        };
        entry.ok()?.unwind_info_for_address(&frames, &bases, context, address).ok().cloned()
    }

    /// Looks into the tables for debuggers.
    fn row_of_debug_frame(
        &self,
        address: u64,
        context: &mut UnwindContext<usize>,
    ) -> Option<UnwindTableRow<usize>> {
        let mut frames = DebugFrame::new(&self.debug_frame, LittleEndian);
        frames.set_address_size(8);
        let bases = BaseAddresses::default();
        let entry = frames.fde_for_address(&bases, address, DebugFrame::cie_from_offset).ok()?;
        entry.unwind_info_for_address(&frames, &bases, context, address).ok().cloned()
    }
}
