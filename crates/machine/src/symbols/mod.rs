//! From an address in a process to a name and a line of source.
//!
//! ```text
//!   (process, pc) ──▶ area ──▶ file, offset ──▶ ELF: segment ──▶ address ──▶ .symtab/.dynsym: main+0x1e
//!        kernel's facts           the file as the guest has it               .debug_line:     main.c:12
//! ```
//!
//! Files are read where the guest reads them, never from the host. Whatever is damaged or missing gives no name.

mod backtrace;
mod compression;
mod object;
mod table;
#[cfg(test)]
mod tests;

pub use backtrace::Where;
pub use object::{SourceLine, SymbolPlace};
pub use table::{SymbolName, demangled, symbol_names};

use crate::Guest;
use object::{Line, Object};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use tine_kernel::mm::{AreaRole, FilePlace, Place};
use tine_kernel::{FileId, MmId};
use tine_mmu::VirtAddr;

/// A place in a program's code.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CodePlace {
    /// The address.
    pub pc: u64,
    /// The function, if there is a name for it.
    pub symbol: Option<SymbolPlace>,
    /// The innermost function of the source there: one that was inlined has no symbol of its own.
    pub function: Option<String>,
    /// The line, if the file has line tables.
    pub line: Option<SourceLine>,
    /// The path of the file that the code is in, if it is in one.
    pub file: Option<Arc<str>>,
}

impl CodePlace {
    /// Returns the name of the function, as the source has it.
    pub fn function(&self) -> Option<&str> {
        self.function.as_deref().or(self.symbol.as_ref().map(|symbol| symbol.name.as_str()))
    }
}

/// Writes a symbol as `main+0x1e`.
impl fmt::Display for SymbolPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.offset {
            0 => f.write_str(&self.name),
            offset => write!(f, "{}+{offset:#x}", self.name),
        }
    }
}

/// Writes a line as `main.c:12`, without the folder.
impl fmt::Display for SourceLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", base_name(&self.file), self.line)
    }
}

/// Returns the address at which a byte was linked, of the file or of the memory behind it.
fn address(object: &Object, place: &FilePlace) -> Option<u64> {
    match place.is_mapped {
        true => object.address_of(place.offset),
        false => object.address_behind(place.mapping_offset, place.offset),
    }
}

/// Returns the last part of a path.
pub fn base_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// A place, and what it was inlined into as far as that says more.
#[derive(Clone)]
struct Found {
    place: CodePlace,
    /// The nearest function around it whose source is in another file: a header says less than who includes it.
    around: Option<CodePlace>,
}

/// Every file that was asked for a name, read once.
#[derive(Default)]
pub struct Symbols {
    objects: BTreeMap<FileId, Option<Object>>,
    /// Places that were looked up before, by file and address there.
    known: BTreeMap<(FileId, u64), Found>,
}

impl Symbols {
    /// Returns the object of a file, read anew when the file is another than before.
    fn object(&mut self, guest: Guest<'_>, file: FileId) -> Option<&mut Object> {
        let head = guest.file_head(file);
        let is_current = match (self.objects.get(&file), &head) {
            (Some(Some(object)), Some(head)) => object.begins_with(head),
            // What is gone is remembered; what could not be read cannot be read now.
            (Some(_), None) => true,
            (Some(None), Some(_)) | (None, _) => false,
        };
        if !is_current {
            self.known.retain(|(of, _), _| *of != file);
            let is_elf = head.is_some_and(|head| head.starts_with(b"\x7fELF"));
            let object = is_elf.then(|| guest.file(file)).flatten().and_then(Object::parse);
            self.objects.insert(file, object);
        }
        self.objects.get_mut(&file)?.as_mut()
    }

    /// Names a place in code. `is_after_call` says that it is the instruction behind the one that is meant.
    pub fn code(
        &mut self,
        guest: Guest<'_>,
        pc: u64,
        code: Option<&Place>,
        is_after_call: bool,
    ) -> CodePlace {
        self.find(guest, pc, code, is_after_call).place
    }

    fn find(&mut self, guest: Guest<'_>, pc: u64, code: Option<&Place>, is_after_call: bool) -> Found {
        let alone = |place| Found { place, around: None };
        let unnamed = CodePlace { pc, symbol: None, function: None, line: None, file: None };
        let Some(file) = code.and_then(|place| place.file.as_ref()).filter(|file| file.is_mapped) else {
            return alone(unnamed);
        };
        let unnamed = CodePlace { file: Some(Arc::clone(&file.name)), ..unnamed };
        let Some(object) = self.object(guest, file.file) else { return alone(unnamed) };
        let Some(instruction) = object.address_of(file.offset) else { return alone(unnamed) };
        let key = (file.file, instruction << 1 | u64::from(is_after_call));
        if let Some(known) = self.known.get(&key) {
            let at = |place: CodePlace| CodePlace { pc, ..place };
            let Found { place, around } = known.clone();
            return Found { place: at(place), around: around.map(at) };
        }
        let Some(object) = self.objects.get_mut(&file.file).and_then(Option::as_mut) else {
            return alone(unnamed);
        };
        let mut symbol = object.symbol(instruction);
        if let Some(symbol) = symbol.as_mut().filter(|_| is_after_call) {
            symbol.offset += 1;
        }
        let lines = object.lines(instruction);
        let file_of = |line: &Line| line.line.as_ref().map(|line| line.file.clone());
        let innermost = lines.first().and_then(file_of);
        let around = lines.iter().find(|line| file_of(line).is_some_and(|file| Some(file) != innermost));
        let place = |line: Option<&Line>| {
            let Line { function, line } = line.cloned().unwrap_or(Line { function: None, line: None });
            CodePlace { symbol: symbol.clone(), function, line, ..unnamed.clone() }
        };
        let around = around.filter(|_| innermost.is_some()).map(|around| place(Some(around)));
        let found = Found { place: place(lines.first()), around };
        self.known.insert(key, found.clone());
        found
    }

    /// Names an address of data: the object that a program or library has there.
    pub fn data(&mut self, guest: Guest<'_>, place: &Place) -> Option<SymbolPlace> {
        let file = place.file.as_ref()?;
        let object = self.object(guest, file.file)?;
        object.symbol(address(object, file)?)
    }

    /// Says in words what an address belongs to: `heap`, `stack`, `.data of FILE`, `[anon]`.
    pub fn mapping(&mut self, guest: Guest<'_>, mm: MmId, place: Option<&Place>) -> String {
        let Some(place) = place else { return "?".to_owned() };
        match (place.area, &place.file) {
            (AreaRole::Heap, _) => "heap".to_owned(),
            (AreaRole::Stack, _) => "stack".to_owned(),
            (AreaRole::Other, None) => "[anon]".to_owned(),
            (AreaRole::Other, Some(file)) => self.section(guest, mm, file),
        }
    }

    fn section(&mut self, guest: Guest<'_>, mm: MmId, file: &FilePlace) -> String {
        let section = self.object(guest, file.file).and_then(|object| {
            let address = address(object, file)?;
            Some(object.section_name(address).unwrap_or(".bss").to_owned())
        });
        let name = base_name(&file.name);
        match section {
            Some(section) if guest.is_program(mm, file) => section,
            Some(section) => format!("{section} of {name}"),
            None if file.is_mapped => name.to_owned(),
            None => "[anon]".to_owned(),
        }
    }

    /// Names an address as traces print it: `main+0x1e`, or nothing.
    pub fn name(&mut self, guest: Guest<'_>, mm: MmId, at: VirtAddr) -> Option<SymbolPlace> {
        self.data(guest, &guest.place(mm, at)?)
    }
}
