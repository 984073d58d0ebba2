//! What `execve` reads of an ELF file: the header and the program headers, and nothing else.
//!
//! Sections are for linkers and debuggers: a kernel never looks at them, so a broken section table stops no program.
//! The checks, and the errno of each, are those of Linux 6.12 fs/binfmt_elf.c load_elf_binary. What Linux finds wrong
//! only after it has given up the old program (every `EINVAL` here) kills the process there; here it is known before.

use crate::Errno;
use crate::mm::TASK_SIZE;
use bitflags::bitflags;
use goblin::container::{Container, Ctx, Endian};
use goblin::elf::{Elf, ProgramHeader, header, program_header};
use std::ops::Range;
use thiserror::Error;
use tine_mmu::{PAGE_SIZE, VirtAddr};

/// The longest interpreter path, with its NUL (`PATH_MAX`).
const PATH_MAX: u64 = 4096;
/// Size of a 64-bit program header.
const PROGRAM_HEADER_BYTES: u16 = 56;
/// Linux reads the program headers only when they fit in one page.
const MAX_PROGRAM_HEADERS: u16 = (PAGE_SIZE / PROGRAM_HEADER_BYTES as u64) as u16;

bitflags! {
    /// What a segment's pages may be used for (`p_flags`).
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct SegmentFlags: u32 {
        /// Executed.
        const X = program_header::PF_X;
        /// Written.
        const W = program_header::PF_W;
        /// Read.
        const R = program_header::PF_R;
    }
}

/// A part of the file that is mapped (`PT_LOAD`), zero-filled from `file_bytes` to `memory_bytes`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Address of the first byte, before any load bias.
    pub at: VirtAddr,
    /// Offset of the first byte in the file; congruent to `at` modulo the page size.
    pub offset: u64,
    /// Bytes that come from the file.
    pub file_bytes: u64,
    /// Bytes in memory; never fewer than `file_bytes`.
    pub memory_bytes: u64,
    /// Alignment that the linker asked for, which a load bias must keep.
    pub align: u64,
    /// What the pages may be used for.
    pub flags: SegmentFlags,
}

impl Segment {
    /// Returns the addresses that the segment covers, before any load bias.
    pub fn range(&self) -> Range<VirtAddr> {
        self.at..self.at + self.memory_bytes
    }
}

/// Where a program wants to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placement {
    /// At the addresses that its headers name (`ET_EXEC`).
    Fixed,
    /// Anywhere: addresses are relative to a load bias (`ET_DYN`: static-pie programs and interpreters).
    Relocatable,
}

/// A program as its headers describe it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// Where the program may be put.
    pub placement: Placement,
    /// Address of the first instruction, before any load bias.
    pub entry: VirtAddr,
    /// The loadable segments in file order; at least one.
    pub segments: Vec<Segment>,
    /// Address of the program headers in memory (`AT_PHDR`), before any load bias; `None` when no segment maps them.
    pub headers_at: Option<VirtAddr>,
    /// Number of program headers (`AT_PHNUM`).
    pub header_count: u16,
    /// Path of the interpreter that is to load the program (`PT_INTERP`), without its NUL.
    pub interpreter: Option<Vec<u8>>,
    /// Whether the program asks for an executable stack (`PT_GNU_STACK`).
    pub executable_stack: bool,
}

/// Why a file cannot be executed.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum ElfError {
    /// The first four bytes are not ELF's.
    #[error("it is not an ELF program")]
    NotElf,
    /// The file ends within the ELF header.
    #[error("it ends within its ELF header, after {0} bytes")]
    ShortHeader(usize),
    /// `EI_CLASS` is not 64-bit.
    #[error("it is not a 64-bit program (ELF class {0})")]
    Class(u8),
    /// `EI_DATA` is not little-endian.
    #[error("it is not a little-endian program (ELF data encoding {0})")]
    ByteOrder(u8),
    /// `e_machine` is not RISC-V.
    #[error("it is not a RISC-V program (ELF machine {0})")]
    Machine(u16),
    /// `e_type` is neither `ET_EXEC` nor `ET_DYN`.
    #[error("it is not an executable (ELF type {0})")]
    Type(u16),
    /// `e_phentsize` is not the size of a 64-bit program header.
    #[error("its program headers are {0} bytes each, not 56")]
    HeaderSize(u16),
    /// `e_phnum` is zero or too large.
    #[error("it has {0} program headers, not 1 to 73")]
    HeaderCount(u16),
    /// The file ends before its program headers do.
    #[error("its program headers lie beyond its end")]
    HeadersTruncated,
    /// The interpreter's path is empty, too long or not terminated.
    #[error("its interpreter's path is empty, too long or not terminated")]
    InterpreterPath,
    /// The file ends before the interpreter's path does.
    #[error("its interpreter's path lies beyond its end")]
    InterpreterTruncated,
    /// No segment is to be loaded.
    #[error("it has no segment to load")]
    NoSegment,
    /// A segment has more bytes in the file than in memory.
    #[error("its segment {index} has more bytes in the file than in memory")]
    SegmentSize {
        /// Index of the program header.
        index: usize,
    },
    /// A segment's offset and address differ within the page, so that it cannot be mapped.
    #[error(
        "its segment {index} cannot be mapped: address {at} and file offset {offset:#x} differ within a page"
    )]
    SegmentAlignment {
        /// Index of the program header.
        index: usize,
        /// Its address.
        at: VirtAddr,
        /// Its offset in the file.
        offset: u64,
    },
    /// A segment ends beyond user memory.
    #[error("its segment {index} at {at} lies outside user memory, which ends at {end:#x}", end = TASK_SIZE)]
    SegmentOutsideMemory {
        /// Index of the program header.
        index: usize,
        /// Its address.
        at: VirtAddr,
    },
    /// The entry point is beyond user memory.
    #[error("its entry point {0} lies outside user memory, which ends at {end:#x}", end = TASK_SIZE)]
    Entry(VirtAddr),
}

impl ElfError {
    /// Returns the error of `execve(2)`.
    pub const fn errno(self) -> Errno {
        match self {
            Self::InterpreterTruncated => Errno::EIO,
            Self::NoSegment
            | Self::SegmentSize { .. }
            | Self::SegmentAlignment { .. }
            | Self::SegmentOutsideMemory { .. }
            | Self::Entry(_) => Errno::EINVAL,
            Self::NotElf
            | Self::ShortHeader(_)
            | Self::Class(_)
            | Self::ByteOrder(_)
            | Self::Machine(_)
            | Self::Type(_)
            | Self::HeaderSize(_)
            | Self::HeaderCount(_)
            | Self::HeadersTruncated
            | Self::InterpreterPath => Errno::ENOEXEC,
        }
    }

    /// Returns the error of `execve(2)` when this is wrong with the program's interpreter.
    pub const fn errno_of_interpreter(self) -> Errno {
        match self {
            Self::Type(_) => Errno::EINVAL,
            _ => match self.errno() {
                Errno::ENOEXEC => Errno::ELIBBAD,
                errno => errno,
            },
        }
    }
}

impl Image {
    /// Reads the headers of a program.
    ///
    /// # Errors
    /// [`ElfError`] when Linux would refuse to execute it.
    pub fn parse(file: &[u8]) -> Result<Self, ElfError> {
        let header = parse_header(file)?;
        let headers = parse_program_headers(file, &header)?;
        let interpreter = match headers.iter().find(|header| header.p_type == program_header::PT_INTERP) {
            Some(header) => Some(interpreter_path(file, header)?),
            None => None,
        };
        let loadable =
            headers.iter().enumerate().filter(|(_, header)| header.p_type == program_header::PT_LOAD);
        let segments =
            loadable.map(|(index, header)| segment(index, header)).collect::<Result<Vec<_>, _>>()?;
        if segments.is_empty() {
            return Err(ElfError::NoSegment);
        }
        // With an interpreter, that is where the process starts, and Linux does not look at the program's own entry.
        if interpreter.is_none() && header.e_entry >= TASK_SIZE {
            return Err(ElfError::Entry(VirtAddr(header.e_entry)));
        }
        let stack = headers.iter().rfind(|header| header.p_type == program_header::PT_GNU_STACK);
        Ok(Self {
            placement: if header.e_type == header::ET_EXEC {
                Placement::Fixed
            } else {
                Placement::Relocatable
            },
            entry: VirtAddr(header.e_entry),
            headers_at: headers_address(header.e_phoff, &segments),
            header_count: header.e_phnum,
            segments,
            interpreter,
            executable_stack: stack.is_some_and(|header| header.p_flags & program_header::PF_X != 0),
        })
    }

    /// Returns the addresses from the first segment's to the end of the last, before any load bias.
    pub fn span(&self) -> Range<VirtAddr> {
        let ranges = self.segments.iter().map(Segment::range);
        ranges.reduce(|a, b| a.start.min(b.start)..a.end.max(b.end)).unwrap_or_default()
    }

    /// Returns what a load bias must be a multiple of: the largest alignment that a segment asks for, and a page at least
    /// (Linux 6.12 fs/binfmt_elf.c `maximum_alignment`).
    pub fn alignment(&self) -> u64 {
        let alignments = self.segments.iter().map(|segment| segment.align);
        alignments.filter(|align| align.is_power_of_two()).fold(PAGE_SIZE, u64::max)
    }

    /// Returns the first segment whose bytes are not all in a file of `file_len` bytes.
    ///
    /// Linux maps such a program and lets it die of SIGBUS where the file ends.
    pub fn truncated_segment(&self, file_len: u64) -> Option<&Segment> {
        self.segments.iter().find(|segment| segment.offset + segment.file_bytes > file_len)
    }
}

fn parse_header(file: &[u8]) -> Result<header::Header, ElfError> {
    if !file.starts_with(header::ELFMAG) {
        return Err(ElfError::NotElf);
    }
    let short = ElfError::ShortHeader(file.len());
    let ident = file.first_chunk::<{ header::SIZEOF_IDENT }>().ok_or(short)?;
    if ident[header::EI_CLASS] != header::ELFCLASS64 {
        return Err(ElfError::Class(ident[header::EI_CLASS]));
    }
    if ident[header::EI_DATA] != header::ELFDATA2LSB {
        return Err(ElfError::ByteOrder(ident[header::EI_DATA]));
    }
    let header = Elf::parse_header(file).map_err(|_| short)?;
    if header.e_machine != header::EM_RISCV {
        return Err(ElfError::Machine(header.e_machine));
    }
    if !matches!(header.e_type, header::ET_EXEC | header::ET_DYN) {
        return Err(ElfError::Type(header.e_type));
    }
    Ok(header)
}

fn parse_program_headers(file: &[u8], header: &header::Header) -> Result<Vec<ProgramHeader>, ElfError> {
    if header.e_phentsize != PROGRAM_HEADER_BYTES {
        return Err(ElfError::HeaderSize(header.e_phentsize));
    }
    if !(1..=MAX_PROGRAM_HEADERS).contains(&header.e_phnum) {
        return Err(ElfError::HeaderCount(header.e_phnum));
    }
    let offset = usize::try_from(header.e_phoff).map_err(|_| ElfError::HeadersTruncated)?;
    // goblin adds to the offset unchecked.
    if offset > file.len() {
        return Err(ElfError::HeadersTruncated);
    }
    let context = Ctx::new(Container::Big, Endian::Little);
    ProgramHeader::parse(file, offset, usize::from(header.e_phnum), context)
        .map_err(|_| ElfError::HeadersTruncated)
}

fn interpreter_path(file: &[u8], header: &ProgramHeader) -> Result<Vec<u8>, ElfError> {
    if !(2..=PATH_MAX).contains(&header.p_filesz) {
        return Err(ElfError::InterpreterPath);
    }
    let end = header.p_offset.checked_add(header.p_filesz).ok_or(ElfError::InterpreterTruncated)?;
    let range = usize::try_from(header.p_offset).ok().zip(usize::try_from(end).ok());
    let path = range.and_then(|(start, end)| file.get(start..end)).ok_or(ElfError::InterpreterTruncated)?;
    let Some((0, _)) = path.split_last() else {
        return Err(ElfError::InterpreterPath);
    };
    // The kernel opens it as a C string.
    Ok(path.iter().copied().take_while(|&byte| byte != 0).collect())
}

fn segment(index: usize, header: &ProgramHeader) -> Result<Segment, ElfError> {
    let at = VirtAddr(header.p_vaddr);
    if header.p_filesz > header.p_memsz {
        return Err(ElfError::SegmentSize { index });
    }
    if at.0 >= TASK_SIZE || header.p_memsz > TASK_SIZE - at.0 {
        return Err(ElfError::SegmentOutsideMemory { index, at });
    }
    let ends_in_file_space = header.p_offset.checked_add(header.p_filesz).is_some();
    let congruent = header.p_offset % PAGE_SIZE == at.offset();
    // A segment without file bytes maps no part of the file.
    if header.p_filesz > 0 && !(congruent && ends_in_file_space) {
        return Err(ElfError::SegmentAlignment { index, at, offset: header.p_offset });
    }
    Ok(Segment {
        at,
        offset: header.p_offset,
        file_bytes: header.p_filesz,
        memory_bytes: header.p_memsz,
        align: header.p_align,
        flags: SegmentFlags::from_bits_truncate(header.p_flags),
    })
}

fn headers_address(offset: u64, segments: &[Segment]) -> Option<VirtAddr> {
    let holds_headers =
        |segment: &&Segment| offset.checked_sub(segment.offset).is_some_and(|from| from < segment.file_bytes);
    segments.iter().find(holds_headers).map(|segment| segment.at + (offset - segment.offset))
}

#[cfg(test)]
mod tests;
