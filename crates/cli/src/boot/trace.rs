//! `tine boot --trace`: instructions and traps, a line each.

use crate::events::{instruction, privilege};
use crate::failure::Failure;
use crate::output::Output;
use tine_machine::Hart;
use tine_machine::boot::{Cause, Observer, Retired};

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
    output: Output,
}

impl BootTrace {
    pub(super) fn new(kinds: Kinds, output: Output) -> Self {
        Self { kinds, output }
    }

    pub(super) fn finish(self) -> Result<(), Failure> {
        self.output.finish()
    }
}

impl Observer for BootTrace {
    fn retired(&mut self, hart: &Hart, Retired { pc, bits, address, .. }: &Retired) {
        if self.kinds.instructions {
            let data = address.map_or(String::new(), |address| format!("  [{address}]"));
            let text = instruction(*pc, *bits);
            self.output.line(&format!("hart {}  insn {:x}:  {text}{data}", hart.id, pc.0));
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
