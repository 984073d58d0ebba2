//! A program on the hart, and the lines that Spike's commit log would have for it.

use crate::image::{BASE, Image};
use crate::program::{access_bytes, first};
use std::fmt::Write;
use tine_hart::{Engine, FpState, Hart, Shared, Stop, Supervisor};
use tine_isa::{Format, Insn, Isa, Memory, Op};
use tine_mmu::{Mmu, MmuConfig, PhysAddr, Ram, VirtAddr};

const RAM_BYTES: u64 = 1 << 20;

/// A bare machine with an image in its memory.
pub(crate) struct Bare {
    pub(crate) hart: Hart,
    pub(crate) ram: Ram,
    shared: Shared,
}

impl Bare {
    pub(crate) fn new(image: &Image, engine: Engine) -> Self {
        let mut hart = Hart::new(0, Mmu::new(MmuConfig::default()), Supervisor::Native);
        hart.isa = Isa::ALL;
        hart.csrs.mstatus.set_fp(FpState::Dirty);
        hart.pc = VirtAddr(image.start);
        let mut ram = Ram::new(RAM_BYTES).expect("a megabyte");
        ram.write(PhysAddr(BASE), &image.bytes).expect("the image fits");
        Self { hart, ram, shared: Shared::new(engine) }
    }

    fn read<const N: usize>(&self, at: u64) -> [u8; N] {
        let mut bytes = [0; N];
        self.ram.read(PhysAddr(at), &mut bytes).expect("programs stay in memory");
        bytes
    }

    /// Executes up to the image's end and returns how many instructions that took.
    pub(crate) fn run(&mut self, image: &Image) -> Result<u64, String> {
        let before = self.hart.retired();
        while self.hart.pc.0 != image.end {
            self.step()?;
        }
        Ok(self.hart.retired() - before)
    }

    /// Executes exactly so many instructions.
    pub(crate) fn run_for(&mut self, instructions: u64) -> Result<(), String> {
        match self.hart.run(&mut self.ram, &mut self.shared, instructions) {
            Stop::Budget => Ok(()),
            stop => Err(format!("{stop:?}: {:?}", self.hart.csrs)),
        }
    }

    fn step(&mut self) -> Result<(), String> {
        let pc = self.hart.pc.0;
        self.run_for(1).map_err(|error| {
            let text = first(self.read(pc)).map(|(insn, _)| insn.at(pc).to_string());
            format!("{pc:#x}: {text:?}: {error}")
        })
    }

    /// Executes one instruction and returns its line of the commit log.
    pub(crate) fn step_logged(&mut self) -> Result<String, String> {
        let pc = self.hart.pc.0;
        let (insn, bits) = first(self.read(pc)).ok_or_else(|| format!("{pc:#x}: no instruction"))?;
        let base = self.hart.x[usize::from(insn.rs1)];
        let accrued = self.hart.fcsr & 0x1f;
        let can_raise = !matches!(insn.op.format(), Format::Csr | Format::CsrImm);
        if can_raise {
            // What it raises shows only where it was not raised before.
            self.hart.fcsr &= !0x1f;
        }
        self.step()?;
        let raised = if can_raise { self.hart.fcsr & 0x1f } else { 0 };
        if can_raise {
            self.hart.fcsr |= accrued;
        }
        let mut line = format!("core   0: 3 {pc:#018x} ");
        let width = 2 + 2 * usize::from(insn.len);
        _ = write!(line, "({bits:#0width$x})");
        self.log_registers(&insn, raised, &mut line);
        self.log_memory(&insn, base, &mut line);
        Ok(line)
    }

    /// Registers in the order of Spike's map: by number, and of equal numbers x before f before CSRs.
    fn log_registers(&self, insn: &Insn, raised: u32, line: &mut String) {
        let hart = &self.hart;
        let mut written = Vec::new();
        if writes_x(insn) && insn.rd != 0 {
            written.push((u16::from(insn.rd) << 4, format!("x{:<2}", insn.rd), hart.x[usize::from(insn.rd)]));
        }
        if writes_f(insn) {
            written.push((
                u16::from(insn.rd) << 4 | 1,
                format!("f{:<2}", insn.rd),
                hart.f[usize::from(insn.rd)],
            ));
        }
        let is_csr = matches!(insn.op.format(), Format::Csr | Format::CsrImm);
        let writes_csr = is_csr && (insn.rs1 != 0 || matches!(insn.op, Op::Csrrw | Op::Csrrwi));
        let (fflags, frm) = (u64::from(hart.fcsr & 0x1f), u64::from(hart.fcsr >> 5));
        if raised != 0 || writes_csr && matches!(insn.imm, 1 | 3) {
            written.push((1 << 4 | 4, "c1_fflags".to_owned(), fflags));
        }
        if writes_csr && matches!(insn.imm, 2 | 3) {
            written.push((2 << 4 | 4, "c2_frm".to_owned(), frm));
        }
        written.sort();
        for (_, name, value) in written {
            _ = write!(line, " {name} {value:#018x}");
        }
    }

    fn log_memory(&self, insn: &Insn, base: u64, line: &mut String) {
        if insn.op == Op::CboZero {
            let block = base & !63;
            for at in block..block + 64 {
                _ = write!(line, " mem {at:#018x} {:#04x}", self.read::<1>(at)[0]);
            }
            return;
        }
        let is_atomic = matches!(insn.op.format(), Format::Lr | Format::Amo);
        let at = if is_atomic { base } else { base.wrapping_add(insn.imm as u64) };
        let bytes = access_bytes(insn.op);
        let stored = || {
            let value = u64::from_le_bytes(self.read(at)) & u64::MAX >> (64 - 8 * bytes);
            format!(" mem {at:#018x} {value:#0width$x}", width = 2 + 2 * bytes)
        };
        match (insn.op.format(), insn.op.memory()) {
            (Format::CacheBlock, _) | (_, Memory::None) => {}
            (Format::Amo, _) => _ = write!(line, " mem {at:#018x}{}", stored()),
            (_, Memory::Load) => _ = write!(line, " mem {at:#018x}"),
            (_, Memory::Store) => line.push_str(&stored()),
        }
    }
}

fn writes_x(insn: &Insn) -> bool {
    matches!(
        insn.op.format(),
        Format::R
            | Format::Unary
            | Format::I
            | Format::Shift
            | Format::ShiftW
            | Format::Load
            | Format::Jalr
            | Format::U
            | Format::J
            | Format::Csr
            | Format::CsrImm
            | Format::Lr
            | Format::Amo
            | Format::FCompare
            | Format::FToInt
            | Format::FMoveToInt
    )
}

fn writes_f(insn: &Insn) -> bool {
    matches!(
        insn.op.format(),
        Format::FLoad
            | Format::Fma
            | Format::FArith
            | Format::FBinary
            | Format::FConvert
            | Format::FFromInt
            | Format::FMoveFromInt
            | Format::FLiteral
    )
}
