//! A bare-metal program: an ELF file whose segments go to where they say in physical memory.

use goblin::container::{Container, Ctx, Endian};
use goblin::elf::header::header64::SIZEOF_EHDR;
use goblin::elf::header::{EI_CLASS, EI_DATA, ELFCLASS64, ELFDATA2LSB, EM_RISCV, ET_EXEC};
use goblin::elf::program_header::PT_LOAD;
use goblin::elf::{Elf, Header};
use std::ops::Range;
use thiserror::Error;
use tine_mmu::{PhysAddr, Ram};

/// Why a file is no image that can be booted.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ImageError {
    /// It does not begin as ELF files do.
    #[error("it is no ELF file")]
    NotElf,
    /// It is for another kind of machine.
    #[error("it is a {0}, and Tine boots riscv64 ELF files")]
    Foreign(&'static str),
    /// It is not linked to an address.
    #[error("it is not linked to an address: ELF type {0}")]
    Type(u16),
    /// It is damaged.
    #[error("it is damaged: {0}")]
    Damaged(String),
    /// A segment lies outside RAM.
    #[error("its segment at {first} to {last} is not in RAM, which is {ram_first} to {ram_last}")]
    Outside {
        /// The segment's first byte.
        first: PhysAddr,
        /// The segment's last byte.
        last: PhysAddr,
        /// The first byte of RAM.
        ram_first: PhysAddr,
        /// The last byte of RAM.
        ram_last: PhysAddr,
    },
    /// Two segments want the same memory.
    #[error("its segments at {0} and {1} overlap")]
    Overlap(PhysAddr, PhysAddr),
    /// Execution would begin where no instruction can be.
    #[error("its entry {0} is no address of an instruction in RAM")]
    Entry(PhysAddr),
    /// A mailbox of HTIF that no program can reach, or that has no place of its own.
    #[error("its symbol {symbol} is at {at}, which is no doubleword of RAM")]
    Mailbox {
        /// `tohost` or `fromhost`.
        symbol: &'static str,
        /// What it says.
        at: PhysAddr,
    },
    /// There is nothing in it.
    #[error("it has nothing to load")]
    Empty,
    /// It and the device tree do not fit into RAM together.
    #[error("it leaves no room for the device tree at the end of RAM")]
    NoRoomForTree,
}

/// A part of memory that the image fills.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Segment {
    at: PhysAddr,
    file: Range<usize>,
    memory_bytes: u64,
}

/// What there is to know of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BootImage {
    bytes: Vec<u8>,
    segments: Vec<Segment>,
    /// Where execution begins.
    pub entry: u64,
    /// `tohost` and `fromhost`, where the program has them.
    pub(super) tohost: Option<PhysAddr>,
    pub(super) fromhost: Option<PhysAddr>,
    /// `begin_signature` to `end_signature`, where the program has them.
    pub(super) signature: Option<Range<u64>>,
}

impl BootImage {
    /// Reads an ELF file.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub fn parse(bytes: Vec<u8>) -> Result<Self, ImageError> {
        if !bytes.starts_with(b"\x7fELF") {
            return Err(ImageError::NotElf);
        }
        let damaged = |error: goblin::error::Error| ImageError::Damaged(error.to_string());
        if bytes.len() < SIZEOF_EHDR {
            return Err(ImageError::Damaged("it ends in its header".to_owned()));
        }
        if bytes[EI_CLASS] != ELFCLASS64 {
            return Err(ImageError::Foreign("32-bit ELF file"));
        }
        if bytes[EI_DATA] != ELFDATA2LSB {
            return Err(ImageError::Foreign("big-endian ELF file"));
        }
        let header = Elf::parse_header(&bytes).map_err(damaged)?;
        if header.e_machine != EM_RISCV {
            return Err(ImageError::Foreign("program for another processor"));
        }
        if header.e_type != ET_EXEC {
            return Err(ImageError::Type(header.e_type));
        }
        let segments = segments(&bytes, &header)?;
        // Without symbols there is no HTIF and no signature, which is no reason not to boot.
        let symbols = Elf::parse(&bytes).map(|elf| Symbols::of(&elf)).unwrap_or_default();
        let Symbols { tohost, fromhost, begin_signature, end_signature } = symbols;
        Ok(Self {
            entry: header.e_entry,
            tohost: tohost.map(PhysAddr),
            fromhost: fromhost.map(PhysAddr),
            signature: begin_signature.zip(end_signature).map(|(begin, end)| begin..end),
            bytes,
            segments,
        })
    }

    /// Puts the image into RAM and returns where it ends.
    pub(super) fn load(&self, ram: &mut Ram) -> Result<PhysAddr, ImageError> {
        let end = self.load_segments(ram)?;
        let entry = PhysAddr(self.entry);
        if !entry.0.is_multiple_of(2) || !ram.contains(entry, 2) {
            return Err(ImageError::Entry(entry));
        }
        for (symbol, at) in [("tohost", self.tohost), ("fromhost", self.fromhost)] {
            if let Some(at) = at.filter(|at| !at.0.is_multiple_of(8) || !ram.contains(*at, 8)) {
                return Err(ImageError::Mailbox { symbol, at });
            }
        }
        Ok(end)
    }

    fn load_segments(&self, ram: &mut Ram) -> Result<PhysAddr, ImageError> {
        let mut end = Ram::BASE;
        for Segment { at, file, memory_bytes } in &self.segments {
            let outside = ImageError::Outside {
                first: *at,
                last: PhysAddr(at.0.saturating_add(memory_bytes - 1)),
                ram_first: Ram::BASE,
                ram_last: ram_end(ram) + u64::MAX,
            };
            if !ram.contains(*at, *memory_bytes) || at.0.checked_add(*memory_bytes).is_none() {
                return Err(outside);
            }
            // The rest is zero, as RAM is.
            ram.write(*at, &self.bytes[file.clone()]).ok_or(outside)?;
            end = end.max(*at + *memory_bytes);
        }
        Ok(end)
    }

    /// Makes an image of nothing but code at the beginning of RAM, with a mailbox.
    #[cfg(test)]
    pub(super) fn of_code(code: &[u32], tohost: PhysAddr) -> Self {
        let bytes: Vec<u8> = code.iter().flat_map(|word| word.to_le_bytes()).collect();
        let memory_bytes = bytes.len() as u64;
        let segments = vec![Segment { at: Ram::BASE, file: 0..bytes.len(), memory_bytes }];
        Self { bytes, segments, entry: Ram::BASE.0, tohost: Some(tohost), fromhost: None, signature: None }
    }
}

/// Returns the address behind the last byte of RAM.
pub(super) fn ram_end(ram: &Ram) -> PhysAddr {
    Ram::BASE + ram.frames() * tine_mmu::PAGE_SIZE
}

fn segments(bytes: &[u8], header: &Header) -> Result<Vec<Segment>, ImageError> {
    let context = Ctx::new(Container::Big, Endian::Little);
    let start = usize::try_from(header.e_phoff).unwrap_or(usize::MAX);
    let headers = goblin::elf::ProgramHeader::parse(bytes, start, usize::from(header.e_phnum), context)
        .map_err(|error| ImageError::Damaged(error.to_string()))?;
    let mut segments = Vec::new();
    for segment in headers.iter().filter(|segment| segment.p_type == PT_LOAD && segment.p_memsz > 0) {
        let cut = || ImageError::Damaged(format!("it ends within its segment at {:#x}", segment.p_paddr));
        let from = usize::try_from(segment.p_offset).map_err(|_| cut())?;
        let len = usize::try_from(segment.p_filesz.min(segment.p_memsz)).map_err(|_| cut())?;
        let file = from..from.checked_add(len).filter(|&end| end <= bytes.len()).ok_or_else(cut)?;
        segments.push(Segment { at: PhysAddr(segment.p_paddr), file, memory_bytes: segment.p_memsz });
    }
    segments.sort_by_key(|segment| segment.at);
    let overlap = segments.windows(2).find(|pair| pair[1].at.0 - pair[0].at.0 < pair[0].memory_bytes);
    match overlap {
        Some(pair) => Err(ImageError::Overlap(pair[0].at, pair[1].at)),
        None if segments.is_empty() => Err(ImageError::Empty),
        None => Ok(segments),
    }
}

/// The symbols that mean something to a host.
#[derive(Default)]
struct Symbols {
    tohost: Option<u64>,
    fromhost: Option<u64>,
    begin_signature: Option<u64>,
    end_signature: Option<u64>,
}

impl Symbols {
    fn of(elf: &Elf<'_>) -> Self {
        let mut symbols = Self::default();
        for symbol in elf.syms.iter().filter(|symbol| symbol.st_shndx != 0) {
            let slot = match elf.strtab.get_at(symbol.st_name) {
                Some("tohost") => &mut symbols.tohost,
                Some("fromhost") => &mut symbols.fromhost,
                Some("begin_signature") => &mut symbols.begin_signature,
                Some("end_signature") => &mut symbols.end_signature,
                _ => continue,
            };
            *slot = Some(symbol.st_value);
        }
        symbols
    }
}
