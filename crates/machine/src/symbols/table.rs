//! The names of an ELF file's functions and objects, by address.

use goblin::elf::header::ET_REL;
use goblin::elf::sym::{STB_GLOBAL, STT_FILE, STT_FUNC, STT_GNU_IFUNC, STT_OBJECT, STT_SECTION, STT_TLS};
use goblin::elf::{Elf, Sym};
use std::cmp::Reverse;

/// Symbols that lie one in another are looked through so far.
const MOST_NESTED: usize = 64;

/// A name for an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SymbolName {
    /// Where it begins.
    pub address: u64,
    /// How many bytes it is; 0 where the file does not say.
    pub size: u64,
    /// The name as the compiler wrote it.
    pub name: String,
}

/// Returns the symbols of a file by address, the best for each: those of `.symtab`, or of `.dynsym` where it was stripped.
pub fn symbol_names(elf: &Elf<'_>) -> Vec<SymbolName> {
    let named = |symbol: &Sym| {
        let kind = symbol.st_type();
        // In a program the values of thread-local symbols are no addresses.
        symbol.st_shndx != 0
            && !matches!(kind, STT_FILE | STT_SECTION)
            && (kind != STT_TLS || elf.header.e_type == ET_REL)
    };
    let of = |symbols: &goblin::elf::Symtab<'_>, names: &goblin::strtab::Strtab<'_>| {
        let symbols = symbols.iter().filter(named);
        symbols
            .filter_map(|symbol| Some((symbol, names.get_at(symbol.st_name)?.to_owned())))
            // `$x` and `$d` mark code and data for tools (RISC-V ELF psABI, "Mapping Symbols").
            .filter(|(_, name)| !name.is_empty() && !name.starts_with('$') && !name.starts_with(".L"))
            .collect::<Vec<_>>()
    };
    let mut symbols = of(&elf.syms, &elf.strtab);
    if symbols.is_empty() {
        symbols = of(&elf.dynsyms, &elf.dynstrtab);
    }
    symbols.sort_by(|(a, name_a), (b, name_b)| {
        (a.st_value, rank(a), name_a).cmp(&(b.st_value, rank(b), name_b))
    });
    symbols.dedup_by_key(|(symbol, _)| symbol.st_value);
    let name =
        |(symbol, name): (Sym, String)| SymbolName { address: symbol.st_value, size: symbol.st_size, name };
    symbols.into_iter().map(name).collect()
}

/// Orders the symbols of one address by how well they describe it, as objdump chooses among them.
fn rank(symbol: &Sym) -> impl Ord + use<> {
    let kind = symbol.st_type();
    let is_function = matches!(kind, STT_FUNC | STT_GNU_IFUNC);
    (!is_function, Reverse(symbol.st_size), kind != STT_OBJECT, symbol.st_bind() != STB_GLOBAL)
}

/// Finds the symbol in which an address lies. One without a size ends where the next begins, but not later than `end`, the
/// end of its section.
pub(super) fn containing(symbols: &[SymbolName], address: u64, end: u64) -> Option<&SymbolName> {
    let next = symbols.partition_point(|symbol| symbol.address <= address);
    let before = symbols[..next].iter().rev().take(MOST_NESTED);
    let mut nearest = before.clone().take(1).filter(|symbol| symbol.size == 0 && address < end);
    before
        .filter(|symbol| symbol.size > 0)
        .find(|symbol| address - symbol.address < symbol.size)
        .or_else(|| nearest.next())
}

/// Returns a name as its source has it: Rust's and C++'s compilers write types into it.
pub fn demangled(name: &str) -> String {
    if let Ok(rust) = rustc_demangle::try_demangle(name) {
        return format!("{rust:#}");
    }
    let cpp = name.starts_with("_Z").then(|| cpp_demangle::Symbol::new(name).ok()).flatten();
    // Parameters are left out: they make lines long and say little of the place.
    let options = cpp_demangle::DemangleOptions::new().no_params().no_return_type();
    cpp.and_then(|symbol| symbol.demangle_with_options(&options).ok()).unwrap_or_else(|| name.to_owned())
}
