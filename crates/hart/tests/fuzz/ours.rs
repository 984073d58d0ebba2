//! A program on the hart.

use crate::image::{BASE, Image};
use crate::program::first;
use tine_hart::{Engine, FpState, Hart, Observer, Retired, Shared, Stop, Supervisor, commit_line};
use tine_isa::{Insn, Isa};
use tine_mmu::{Mmu, MmuConfig, PhysAddr, Ram, VirtAddr};

pub(crate) const RAM_BYTES: u64 = 1 << 20;

/// A bare machine with an image in its memory.
pub(crate) struct Bare {
    pub(crate) hart: Hart,
    pub(crate) ram: Ram,
    shared: Shared,
    defect: Option<Defect>,
}

/// What is wrong with a hart, done to it from outside: the hart itself has no defects to choose from.
#[derive(Clone, Copy)]
pub(crate) enum Defect {
    /// It executes another instruction, which like the right one transfers nowhere.
    Executes(fn(Insn, &Registers) -> Insn),
    /// It leaves other registers: those before are given, and those after are changed, with what was raised.
    Leaves(fn(&Insn, &Registers, &mut Hart, &mut Retired)),
}

/// The registers of a user program.
pub(crate) struct Registers {
    pub(crate) x: [u64; 32],
    pub(crate) f: [u64; 32],
    pub(crate) fcsr: u32,
}

impl Bare {
    pub(crate) fn new(image: &Image, engine: Engine) -> Self {
        let mut hart = Hart::new(0, Mmu::new(MmuConfig::default()), Supervisor::Guest);
        hart.isa = Isa::ALL;
        hart.csrs.mstatus.set_fp(FpState::Dirty);
        hart.pc = VirtAddr(image.start);
        let mut ram = Ram::new(RAM_BYTES).expect("a megabyte");
        ram.write(PhysAddr(BASE), &image.bytes).expect("the image fits");
        Self { hart, ram, shared: Shared::new(engine), defect: None }
    }

    pub(crate) fn with_defect(self, defect: Defect) -> Self {
        Self { defect: Some(defect), ..self }
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
        let retired = match self.defect {
            None => self.step_traced()?,
            Some(defect) => self.step_with(defect)?,
        };
        Ok(commit_line(&self.hart, &retired))
    }

    fn step_traced(&mut self) -> Result<Retired, String> {
        let mut last = Last::default();
        let Self { hart, ram, shared, .. } = self;
        let stop = hart.run_traced(ram, shared, 1, &mut last);
        last.0.ok_or_else(|| format!("{stop:?}: {:?}", hart.csrs))
    }

    fn step_with(&mut self, defect: Defect) -> Result<Retired, String> {
        let at = PhysAddr(self.hart.pc.0);
        let mut code = [0; 4];
        self.ram.read(at, &mut code).ok_or("there is no code")?;
        let Some((insn, bits)) = first(code) else { return self.step_traced() };
        let before = Registers { x: self.hart.x, f: self.hart.f, fcsr: self.hart.fcsr };
        match defect {
            Defect::Leaves(change) => {
                let mut retired = self.step_traced()?;
                change(&insn, &before, &mut self.hart, &mut retired);
                Ok(retired)
            }
            Defect::Executes(replace) => {
                let replaced = replace(insn, &before);
                if replaced == insn {
                    return self.step_traced();
                }
                // The encoder knows base instructions alone.
                self.ram.write(at, &replaced.encode().to_le_bytes()).ok_or("there is no code")?;
                let retired = self.step_traced()?;
                self.ram.write(at, &code).ok_or("there is no code")?;
                self.hart.pc = VirtAddr(at.0 + u64::from(insn.len));
                Ok(Retired { bits, insn, ..retired })
            }
        }
    }
}

/// The instruction that retired last.
#[derive(Default)]
struct Last(Option<Retired>);

impl Observer for Last {
    fn retired(&mut self, _hart: &Hart, retired: &Retired) {
        self.0 = Some(*retired);
    }
}
