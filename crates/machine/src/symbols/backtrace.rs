//! Who called: from the registers and the stack, by the frame tables that compilers write (`.eh_frame`).

use super::{CodePlace, Found, SymbolPlace, Symbols};
use crate::Guest;
use gimli::{CfaRule, Register, RegisterRule, UnwindTableRow};
use tine_kernel::{MmId, Site};
use tine_mmu::VirtAddr;

/// Callers that are looked for.
const DEPTH: usize = 32;
/// `ra`, the return address.
const RA: usize = 1;
/// `sp`, which is the frame's address in the caller.
const SP: usize = 2;

/// Where something happened in a program, and the caller that says more.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Where {
    /// The place itself.
    pub place: CodePlace,
    /// Where the place has no line of source: the nearest caller that has one, or else the nearest that is in the program
    /// itself and not in a library. Where it was inlined: the nearest function around it that is in another file of source.
    pub caller: Option<CodePlace>,
}

impl Where {
    /// Returns the place with a line of source, or the place itself.
    pub fn best(&self) -> &CodePlace {
        self.caller.as_ref().filter(|caller| caller.line.is_some()).unwrap_or(&self.place)
    }
}

impl Symbols {
    /// Names the place where an event happened, and its caller where that says more.
    pub fn locate(&mut self, guest: Guest<'_>, site: &Site) -> Where {
        let Found { place, around } = self.find(guest, site.pc, site.code.as_ref(), site.is_after_call);
        let is_program = |guest: Guest<'_>, pc: u64| {
            let place = guest.place(site.mm, VirtAddr(pc));
            place.and_then(|place| place.file).is_some_and(|file| guest.is_program(site.mm, &file))
        };
        if place.line.is_some() {
            return Where { place, caller: around };
        }
        let mut frame = Frame { mm: site.mm, pc: site.pc, registers: site.registers };
        let mut lookup_pc = if site.is_after_call { site.pc.wrapping_sub(1) } else { site.pc };
        let mut own = is_program(guest, lookup_pc).then(|| place.clone()).filter(|it| it.symbol.is_some());
        for depth in 0..DEPTH {
            let caller = self.caller(guest, &frame, lookup_pc);
            let leaf = || frame.caller_of_leaf(place.symbol.as_ref()).filter(|_| depth == 0);
            let Some(caller) = caller.or_else(leaf) else { break };
            frame = caller;
            lookup_pc = frame.pc.wrapping_sub(1);
            let code = guest.place(frame.mm, VirtAddr(lookup_pc));
            let named = self.code(guest, frame.pc, code.as_ref(), true);
            let same = |named: &CodePlace| {
                (named.symbol.as_ref()?.name == place.symbol.as_ref()?.name).then_some(())
            };
            if depth == 0 && same(&named).is_some() && named.file == place.file {
                // The register holds where a call of its own came back to, not its caller.
                break;
            }
            if named.line.is_some() {
                return Where { place, caller: Some(named) };
            }
            if own.is_none() && named.symbol.is_some() && is_program(guest, lookup_pc) {
                own = Some(named);
            }
        }
        let caller = own.filter(|own| *own != place);
        Where { place, caller }
    }

    /// Returns the frame of the function that called; `None` at the outermost, or where nothing says.
    fn caller(&mut self, guest: Guest<'_>, frame: &Frame, lookup_pc: u64) -> Option<Frame> {
        let file = guest.place(frame.mm, VirtAddr(lookup_pc))?.file.filter(|file| file.is_mapped)?;
        let object = self.object(guest, file.file)?;
        let caller = object.unwind(object.address_of(file.offset)?, |row| frame.caller(guest, row))?;
        // A stack that does not shrink would be walked for ever.
        let moves = caller.registers[SP] > frame.registers[SP] || caller.pc != frame.pc;
        (moves && caller.pc != 0).then_some(caller)
    }
}

/// A function that is being executed, as its caller will find it.
#[derive(Clone)]
struct Frame {
    mm: MmId,
    pc: u64,
    registers: [u64; 32],
}

impl Frame {
    /// Takes a function of which no table tells for one that calls no other: assembly such as memset.
    fn caller_of_leaf(&self, symbol: Option<&SymbolPlace>) -> Option<Self> {
        symbol?;
        Some(Self { pc: self.registers[RA], ..self.clone() })
    }

    /// Finds the caller's registers by a row of the frame table (DWARF 5, "Call Frame Information").
    fn caller(&self, guest: Guest<'_>, row: &UnwindTableRow<usize>) -> Option<Self> {
        let CfaRule::RegisterAndOffset { register, offset } = row.cfa() else { return None };
        let base = *self.registers.get(usize::from(register.0))?;
        let frame = base.wrapping_add_signed(*offset);
        let mut registers = self.registers;
        for (index, value) in registers.iter_mut().enumerate().skip(1) {
            let saved = |offset: &i64| frame.wrapping_add_signed(*offset);
            match row.register(Register(index as u16)) {
                Some(RegisterRule::Offset(offset)) => {
                    *value = u64::from_le_bytes(guest.read(self.mm, VirtAddr(saved(&offset)))?);
                }
                Some(RegisterRule::ValOffset(offset)) => *value = saved(&offset),
                Some(RegisterRule::Register(other)) => *value = *self.registers.get(usize::from(other.0))?,
                Some(RegisterRule::Undefined) if index == RA => return None,
                // Nothing is said of what a function does not save.
                _ => {}
            }
        }
        registers[SP] = frame;
        Some(Self { mm: self.mm, pc: registers[RA], registers })
    }
}
