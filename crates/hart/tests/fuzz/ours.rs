//! A program on the hart.

use crate::image::{BASE, Image};
use crate::program::first;
use tine_hart::{Engine, FpState, Hart, Observer, Retired, Shared, Stop, Supervisor, commit_line};
use tine_isa::Isa;
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
        let mut hart = Hart::new(0, Mmu::new(MmuConfig::default()), Supervisor::Guest);
        hart.isa = Isa::ALL;
        hart.csrs.mstatus.set_fp(FpState::Dirty);
        hart.pc = VirtAddr(image.start);
        let mut ram = Ram::new(RAM_BYTES).expect("a megabyte");
        ram.write(PhysAddr(BASE), &image.bytes).expect("the image fits");
        Self { hart, ram, shared: Shared::new(engine) }
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
        let stop = self.hart.run(&mut self.ram, &mut self.shared, instructions);
        // Programs do not trap.
        if stop == Stop::Budget && self.hart.traps.exceptions == 0 {
            Ok(())
        } else {
            Err(format!("{stop:?}: {:?}", self.hart.csrs))
        }
    }

    fn step(&mut self) -> Result<(), String> {
        let pc = self.hart.pc.0;
        self.run_for(1).map_err(|error| {
            let mut code = [0; 4];
            let text = self.ram.read(PhysAddr(pc), &mut code).and_then(|()| first(code));
            let text = text.map(|(insn, _)| insn.at(pc).to_string());
            format!("{pc:#x}: {text:?}: {error}")
        })
    }

    /// Executes one instruction and returns its line of the commit log.
    pub(crate) fn step_logged(&mut self) -> Result<String, String> {
        let mut line = LastLine::default();
        let Self { hart, ram, shared } = self;
        let stop = hart.run_traced(ram, shared, 1, &mut line);
        line.0.ok_or_else(|| format!("{stop:?}: {:?}", hart.csrs))
    }
}

/// The line of the instruction that retired last.
#[derive(Default)]
struct LastLine(Option<String>);

impl Observer for LastLine {
    fn retired(&mut self, hart: &Hart, retired: &Retired) {
        self.0 = Some(commit_line(hart, retired));
    }
}
