//! What a row of the instruction table is, and what can be asked of it.

use crate::Extension;
use crate::format::{Format, Memory};
use crate::insns::{ENCODINGS, Op};

/// What distinguishes one instruction from all others, and how it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Encoding {
    /// The name that assemblers use.
    pub mnemonic: &'static str,
    /// Which operands there are, and where they are encoded.
    pub format: Format,
    /// The extension that defines the instruction.
    pub extension: Extension,
    /// The values of the bits that `mask` selects.
    pub matches: u32,
    /// The bits that are the same in every encoding of the instruction.
    pub mask: u32,
}

/// Emits [`Op`] and the encodings from rows of `Variant = "mnemonic", Format, match / mask;`, grouped by [`Extension`].
macro_rules! insn_table {
    ($(
        $(#[doc = $title:literal])*
        $extension:ident {$(
            $(#[$effect:meta])*
            $op:ident = $mnemonic:literal, $format:ident, $matches:literal / $mask:literal;
        )*}
    )*) => {
        /// The operation that an instruction performs, named after its mnemonic.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum Op {$($(
            $(#[$effect])*
            $op,
        )*)*}

        impl Op {
            /// Every operation, in the order of the table.
            pub const ALL: &[Op] = &[$($(Op::$op,)*)*];
        }

        /// Indexed by `Op as usize`.
        pub(crate) const ENCODINGS: &[Encoding] = &[$($(
            Encoding {
                mnemonic: $mnemonic,
                format: Format::$format,
                extension: Extension::$extension,
                matches: $matches,
                mask: $mask,
            },
        )*)*];
    };
}
pub(crate) use insn_table;

impl Op {
    /// Returns the row of the table that declares this operation.
    pub const fn encoding(self) -> &'static Encoding {
        &ENCODINGS[self as usize]
    }

    /// Returns the name that assemblers use.
    pub const fn mnemonic(self) -> &'static str {
        self.encoding().mnemonic
    }

    /// Returns which operands the instruction has.
    pub const fn format(self) -> Format {
        self.encoding().format
    }

    /// Returns the extension that defines the instruction.
    pub const fn extension(self) -> Extension {
        self.encoding().extension
    }

    /// Whether the instruction also needs the D extension, its own being there without D too.
    pub(crate) const fn needs_double(self) -> bool {
        matches!(
            self,
            Op::FliD
                | Op::FminmD
                | Op::FmaxmD
                | Op::FroundD
                | Op::FroundnxD
                | Op::FleqD
                | Op::FltqD
                | Op::FcvtmodWD
                | Op::FcvtDH
                | Op::FcvtHD
        )
    }

    /// Returns how the instruction accesses data memory.
    pub const fn memory(self) -> Memory {
        self.format().memory()
    }

    /// Returns how many bytes of data memory the instruction accesses, where its encoding says: of loads, stores and atomics.
    pub const fn access_bytes(self) -> Option<usize> {
        match self.format() {
            // The low two bits of funct3 are the logarithm of the size, in all of them.
            Format::Load | Format::FLoad | Format::Store | Format::FStore | Format::Lr | Format::Amo => {
                Some(1 << (self.encoding().matches >> 12 & 3))
            }
            _ => None,
        }
    }

    /// Whether the instruction that is executed next may be another one than the one that follows in memory, or
    /// may have to be fetched anew: control transfers, traps, and whatever changes how fetches behave.
    ///
    /// CSR instructions count: a write may change translation, privilege or which interrupts are taken, and a
    /// counter read needs the exact count of what retired before it.
    pub const fn ends_block(self) -> bool {
        match self.format() {
            Format::Branch | Format::J | Format::Jalr | Format::Csr | Format::CsrImm => true,
            // ECALL, EBREAK, SRET, MRET, WFI, WRS.*, FENCE.I and the fences without operands; then those with.
            Format::Bare | Format::Sfence => true,
            _ => false,
        }
    }
}
