//! Which extensions a hart has, and how an ISA string says it.
//!
//! Source: "ISA Extension Naming Conventions" of the unprivileged ISA.

use crate::Extension;
use std::fmt::{self, Display};
use std::str::FromStr;

/// A set of extensions: the instruction set of a hart.
///
/// ```
/// use tine_isa::{Extension, Isa};
///
/// let isa: Isa = "rv64gc_zba_zicond".parse().unwrap();
/// assert!(isa.contains(Extension::Zicond) && !isa.contains(Extension::Zbb));
/// assert_eq!(isa.to_string(), "rv64imafdc_zicntr_zicond_zicsr_zifencei_zba");
/// assert!("rv64gc_zvbb".parse::<Isa>().is_err());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Isa(u64);

impl Isa {
    /// What every hart has: the base, CSRs, the three counters and the privileged instructions.
    const LEAST: Isa = Isa::of(&[Extension::I, Extension::Zicntr, Extension::Zicsr, Extension::Privileged]);

    /// RV64GC.
    pub const RV64GC: Isa = Isa::LEAST.with(Isa::of(&[
        Extension::M,
        Extension::A,
        Extension::F,
        Extension::D,
        Extension::Zifencei,
        Extension::Zca,
        Extension::Zcd,
    ]));

    /// The bit-manipulation extension: Zba, Zbb and Zbs.
    const B: Isa = Isa::of(&[Extension::Zba, Extension::Zbb, Extension::Zbs]);

    /// Everything that there is.
    pub const ALL: Isa = Isa::of(Extension::ALL);

    const fn of(extensions: &[Extension]) -> Isa {
        let (mut bits, mut i) = (0, 0);
        while i < extensions.len() {
            bits |= 1 << extensions[i] as u64;
            i += 1;
        }
        Isa(bits)
    }

    const fn with(self, other: Isa) -> Isa {
        Isa(self.0 | other.0)
    }

    const fn includes(self, other: Isa) -> bool {
        self.0 & other.0 == other.0
    }

    /// Tells whether an extension is there.
    #[inline]
    #[must_use]
    pub const fn contains(self, extension: Extension) -> bool {
        self.0 >> extension as u64 & 1 != 0
    }

    /// Returns the extensions that have names, in canonical order.
    pub fn extensions(self) -> impl Iterator<Item = Extension> {
        let named = Extension::ALL.iter().copied().filter(|extension| !extension.name().is_empty());
        named.filter(move |&extension| self.contains(extension))
    }

    /// Returns the letters of the extensions that have one, `i` first.
    pub fn letters(self) -> impl Iterator<Item = char> {
        let c = Isa::of(&[Extension::Zca]).with(self.needs_compressed_doubles());
        let sets = [
            ('i', Isa::of(&[Extension::I])),
            ('m', Isa::of(&[Extension::M])),
            ('a', Isa::of(&[Extension::A])),
            ('f', Isa::of(&[Extension::F])),
            ('d', Isa::of(&[Extension::D])),
            ('c', c),
            ('b', Isa::B),
        ];
        sets.into_iter().filter(move |&(_, set)| self.includes(set)).map(|(letter, _)| letter)
    }

    /// Returns the bits of `misa.Extensions` that stand for [`Isa::letters`].
    #[must_use]
    pub fn misa_extensions(self) -> u64 {
        self.letters().map(|letter| 1 << (letter as u64 - 'a' as u64)).sum()
    }

    /// What C means beside Zca: Zcd where there is D.
    const fn needs_compressed_doubles(self) -> Isa {
        Isa::of(if self.contains(Extension::D) { &[Extension::Zcd] } else { &[] })
    }

    /// Returns what a letter stands for; `None` where it is no extension that there is.
    fn of_letter(letter: char) -> Option<Isa> {
        Some(match letter {
            'i' => Isa::LEAST,
            'm' => Isa::of(&[Extension::M]),
            'a' => Isa::of(&[Extension::A]),
            'f' => Isa::of(&[Extension::F]),
            'd' => Isa::of(&[Extension::D]),
            'g' => Isa(Isa::RV64GC.0 & !Isa::of(&[Extension::Zca, Extension::Zcd]).0),
            'c' => Isa::of(&[Extension::Zca]),
            'b' => Isa::B,
            _ => return None,
        })
    }

    /// Adds what the extensions that are there depend on. `has_c` says that the letter C was given.
    fn complete(mut self, has_c: bool) -> Isa {
        if self.contains(Extension::D) || self.contains(Extension::Zfa) || self.contains(Extension::Zfhmin) {
            self = self.with(Isa::of(&[Extension::F]));
        }
        if self.contains(Extension::Zcb) || self.contains(Extension::Zcd) {
            self = self.with(Isa::of(&[Extension::Zca]));
        }
        if has_c { self.with(self.needs_compressed_doubles()) } else { self }
    }
}

impl Default for Isa {
    /// RV64GC and B.
    fn default() -> Isa {
        Isa::RV64GC.with(Isa::B)
    }
}

impl Display for Isa {
    /// Writes the ISA string with every extension spelled out. B is spelled as the three that it stands for.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("rv64")?;
        for letter in self.letters().filter(|&letter| letter != 'b') {
            write!(f, "{letter}")?;
        }
        let implied = |extension| matches!(extension, Extension::Zca | Extension::Zcd);
        let has_c = self.letters().any(|letter| letter == 'c');
        for extension in self.extensions() {
            if extension.name().len() > 1 && !(has_c && implied(extension)) {
                write!(f, "_{}", extension.name())?;
            }
        }
        Ok(())
    }
}

/// What is wrong with an ISA string.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IsaError {
    /// It does not begin with `rv64i` or `rv64g`.
    Base,
    /// It names an extension that there is not.
    Unknown(String),
    /// What comes behind an extension's name is no version.
    Version(String),
}

impl Display for IsaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            IsaError::Base => f.write_str("it does not begin with rv64i or rv64g"),
            IsaError::Unknown(name) => write!(f, "there is no extension \"{name}\""),
            IsaError::Version(text) => write!(f, "\"{text}\" is no extension with its version"),
        }
    }
}

impl std::error::Error for IsaError {}

impl FromStr for Isa {
    type Err = IsaError;

    /// Reads an ISA string: `rv64gc_zba_zicond`, in either case.
    ///
    /// What an extension depends on need not be named. A version may follow each name (`rv64i2p1`, `_zba1p0`) and says
    /// nothing: there is one of each.
    fn from_str(text: &str) -> Result<Isa, IsaError> {
        let text = text.to_ascii_lowercase();
        let rest = text.strip_prefix("rv64").ok_or(IsaError::Base)?;
        if !rest.starts_with(['i', 'g']) {
            return Err(IsaError::Base);
        }
        let (mut isa, mut has_c) = (Isa::LEAST, false);
        for part in rest.split('_') {
            let mut rest = part;
            while let Some(first) = rest.chars().next() {
                if matches!(first, 'z' | 's' | 'x') {
                    isa = isa.with(multi_letter(rest)?);
                    break;
                }
                let named = Isa::of_letter(first).ok_or_else(|| IsaError::Unknown(first.to_string()))?;
                isa = isa.with(named);
                has_c |= first == 'c';
                rest = skip_version(&rest[first.len_utf8()..]);
            }
        }
        Ok(isa.complete(has_c))
    }
}

/// Reads an extension whose name has several letters, with its version if it has one.
fn multi_letter(text: &str) -> Result<Isa, IsaError> {
    let known = |name: &str| Extension::ALL.iter().find(|extension| extension.name() == name);
    if let Some(&extension) = known(text) {
        return Ok(Isa::of(&[extension]));
    }
    let end = text.trim_end_matches(|c: char| c.is_ascii_digit() || c == 'p').len();
    let (name, version) = text.split_at(end);
    match known(name) {
        Some(&extension) if skip_version(version).is_empty() => Ok(Isa::of(&[extension])),
        Some(_) => Err(IsaError::Version(text.to_owned())),
        None => Err(IsaError::Unknown(text.to_owned())),
    }
}

/// Returns what follows a version: digits, and perhaps `p` and more digits.
fn skip_version(text: &str) -> &str {
    let digits = |text: &str| text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let major = digits(text);
    let rest = &text[major..];
    match rest.strip_prefix('p') {
        Some(minor) if major > 0 && digits(minor) > 0 => &minor[digits(minor)..],
        _ => rest,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> String {
        text.parse::<Isa>().map_or_else(|error| error.to_string(), |isa| isa.to_string())
    }

    #[test]
    fn strings_are_read_as_the_naming_conventions_say() {
        let gc = "rv64imafdc_zicntr_zicsr_zifencei";
        for text in [
            "rv64gc",
            "RV64GC",
            "rv64imafdc_zicsr_zifencei",
            "rv64i2p1_m2p0_a2p1_f2p2_d2p2_c2p0_zicsr2p0_zifencei2p0",
        ] {
            assert_eq!(parsed(text), gc, "{text}");
        }
        assert_eq!(parsed("rv64gcb"), format!("{gc}_zba_zbb_zbs"));
        assert_eq!(parsed("rv64gc_zbs_zba_zbb"), format!("{gc}_zba_zbb_zbs"));
        assert_eq!(parsed("rv64gczba_zbs1p0"), format!("{gc}_zba_zbs"));
        assert_eq!(parsed("rv64i"), "rv64i_zicntr_zicsr");
    }

    #[test]
    fn what_an_extension_depends_on_comes_with_it() {
        assert_eq!(parsed("rv64id"), "rv64ifd_zicntr_zicsr");
        assert_eq!(parsed("rv64i_zfa_zcb"), "rv64ifc_zicntr_zicsr_zfa_zcb");
        assert!("rv64cid".parse::<Isa>().is_err());
        assert!("rv64icd".parse::<Isa>().unwrap().contains(Extension::Zcd), "C comes before D");
        assert!(!"rv64ifd_zca".parse::<Isa>().unwrap().contains(Extension::Zcd));
    }

    #[test]
    fn errors_name_what_is_wrong() {
        for (text, error) in [
            ("rv32gc", "it does not begin with rv64i or rv64g"),
            ("rv64", "it does not begin with rv64i or rv64g"),
            ("rv64gcv", "there is no extension \"v\""),
            ("rv64gc_zvbb", "there is no extension \"zvbb\""),
            ("rv64gc_zba1p", "\"zba1p\" is no extension with its version"),
        ] {
            assert_eq!(parsed(text), error, "{text}");
        }
    }

    #[test]
    fn every_set_reads_as_it_was_written() {
        for extension in Extension::ALL {
            let isa = Isa::RV64GC.with(Isa::of(&[*extension])).complete(true);
            assert_eq!(isa.to_string().parse(), Ok(isa), "{isa}");
        }
        assert_eq!(Isa::ALL.to_string().parse::<Isa>().map(|isa| isa.0), Ok(Isa::ALL.0));
    }

    #[test]
    fn misa_has_a_bit_for_each_letter() {
        assert_eq!(Isa::RV64GC.misa_extensions(), 0x112d);
        assert_eq!(Isa::default().misa_extensions(), 0x112f);
    }
}
