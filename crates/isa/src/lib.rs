//! The instructions of RV64GC and of further extensions: how each is encoded, what its operands are and how it is written.
//!
//! ```text
//!   bits ──decode──▶ Insn { op, rd, rs1, … } ──▶ executed by `tine-hart`
//!                        │
//!                        └─────disassemble─────▶ text, as GNU objdump prints it
//! ```
//!
//! Principles:
//! - An instruction is declared once, as a row of the table in `insns.rs`. Decoder, disassembler and tests read
//!   that table; whoever executes [`Op`] matches on it without a wildcard, so that a new row breaks the build
//!   until it is executed.
//! - A compressed instruction is another spelling of a base instruction. It has no row: `compressed.rs` expands it.
//! - Which extensions a hart has is said by an [`Isa`]; what it lacks does not decode for it.
//! - Nothing here has state or knows of memory.

mod compressed;
mod csr;
mod decode;
mod encode;
mod extension;
mod format;
mod insn;
mod insns;
mod isa;
mod listing;
mod register;
mod spelling;
mod table;
mod text;

pub use csr::{CsrName, csr_name};
pub use decode::decode;
pub use extension::Extension;
pub use format::{Format, Memory};
pub use insn::Insn;
pub use insns::Op;
pub use isa::{Isa, IsaError};
pub use listing::Listing;
pub use register::{f_name, x_name};
pub use table::Encoding;
pub use text::{Symbol, Symbols, Text};
