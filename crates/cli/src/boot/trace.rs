//! `tine boot --trace`: instructions and traps, a line each.

use crate::events::{instruction, privilege};
use crate::failure::Failure;
use crate::output::Output;
use clap::ValueEnum;
use std::path::Path;
use tine_machine::Hart;
use tine_machine::boot::{Cause, Observer, Retired, commit_line};

/// What lines look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum TraceFormat {
    /// For people.
    Text,
    /// Each instruction as the commit log of Spike has it (spike --log-commits), to compare the two.
    Spike,
}

/// What is traced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Kinds {
    instructions: bool,
    traps: bool,
}

impl Kinds {
    /// Reads kinds with commas between; `None` where one is not known, or none is named.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut kinds = Self::default();
        for part in text.split(',') {
            match part {
                "insn" => kinds.instructions = true,
                "trap" => kinds.traps = true,
                _ => return None,
            }
        }
        Some(kinds)
    }
}

/// Writes what it observes.
pub(super) struct BootTrace {
    kinds: Kinds,
    format: TraceFormat,
    output: Output,
}

impl BootTrace {
    /// Opens the trace that options ask for.
    ///
    /// # Errors
    /// When the file cannot be created, or the format has no lines for a kind.
    pub(super) fn open(kinds: Kinds, format: TraceFormat, file: Option<&Path>) -> Result<Self, Failure> {
        if format == TraceFormat::Spike && kinds.traps {
            return Err(Failure::tine("Spike's commit log has no lines for traps")
                .hint("--trace insn --trace-format spike"));
        }
        Ok(Self { kinds, format, output: Output::open("--trace-file", file)? })
    }

    pub(super) fn finish(self) -> Result<(), Failure> {
        self.output.finish()
    }
}

impl Observer for BootTrace {
    fn retired(&mut self, hart: &Hart, retired: &Retired) {
        let Retired { pc, bits, address, .. } = retired;
        match self.format {
            _ if !self.kinds.instructions => {}
            TraceFormat::Spike => self.output.line(&commit_line(hart, retired)),
            TraceFormat::Text => {
                let data = address.map_or(String::new(), |address| format!("  [{address}]"));
                let text = instruction(*pc, *bits);
                self.output.line(&format!("hart {}  insn {:x}:  {text}{data}", hart.id, pc.0));
            }
        }
    }

    fn trapped(&mut self, hart: &Hart, cause: Cause, tval: u64) {
        if self.kinds.traps {
            let from = privilege(hart.privilege);
            let what = match cause {
                Cause::Exception(exception) => exception.name(),
                Cause::Interrupt(interrupt) => interrupt.name(),
            };
            self.output.line(&format!(
                "hart {}  trap {what} (tval {tval:#x}) at {} in {from}-mode",
                hart.id, hart.pc
            ));
        }
    }
}
