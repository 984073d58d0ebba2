//! Privileged programs, each event of which Spike logs and the hart must have too: an instruction that retires, with its
//! privilege, encoding, address, and what it wrote to registers and CSRs; or a trap, with its cause, address and value.

mod assembler;
mod body;
mod csrs;
mod log;
mod mutants;
mod program;

use crate::image::{BASE, elf};
use crate::oracles::{insist, spike};
use log::{Event, Register, events};
use mutants::Defect;
pub(crate) use program::Privileged;
use program::{Kind, MSIP, MTIMECMP, PAGE, RAM_BYTES};
use std::fmt::Write;
use tine_hart::{
    Cause, DeviceAccess, Engine, Hart, Interrupt, Misaligned, Observer, Retired, Shared, Stop, Supervisor,
};
use tine_isa::{Isa, Op};
use tine_mmu::{AdUpdate, Mmu, MmuConfig, PhysAddr, Privilege, Protection, Ram, VirtAddr};

/// What every hart has, for Spike.
const SPIKE_ISA: &str = "zicntr_zihpm_zba_zbb_zbc_zbs_zicond_zicbom_zicbop_zicboz_zawrs_zfa_zfhmin_\
zihintpause_zihintntl_svinval_svnapot_svadu_sstc";

impl Kind {
    fn spike_isa(self) -> String {
        match self {
            Kind::Usual => format!("rv64gc_zcb_{SPIKE_ISA}"),
            Kind::Misaligned => format!("rv64gc_zcb_zicclsm_{SPIKE_ISA}"),
            Kind::WithoutHalves => format!("rv64g_{SPIKE_ISA}"),
        }
    }

    fn isa(self) -> Isa {
        match self {
            Kind::Usual | Kind::Misaligned => Isa::ALL,
            Kind::WithoutHalves => {
                "rv64g_zba_zbb_zbc_zbs_zicond_zicbom_zicbop_zicboz_zawrs_zfa_zfhmin_zihintpause_zihintntl_svinval"
                    .parse()
                    .expect("an ISA string")
            }
        }
    }
}

/// A limit for Spike, which counts each trap as thousands of instructions: who reads its log ends it sooner.
const ENOUGH: u64 = 1 << 40;

/// More events than any program has.
const LONGEST: usize = 1 << 18;

/// Where nothing else of a program is: for reading CSRs out.
const PEEK_AT: u64 = BASE + RAM_BYTES - PAGE;

/// How many items a program has.
pub(crate) const ITEMS: usize = 200;

/// A machine out of reset, with a program in its memory.
struct Machine {
    hart: Hart,
    ram: Ram,
    shared: Shared,
    defect: Option<Defect>,
}

/// What became of an instruction.
#[derive(Default)]
struct Seen {
    retired: Option<Retired>,
    trap: Option<(Cause, u64)>,
}

impl Observer for Seen {
    fn retired(&mut self, _hart: &Hart, retired: &Retired) {
        self.retired = Some(*retired);
    }

    fn trapped(&mut self, _hart: &Hart, cause: Cause, tval: u64) {
        self.trap = Some((cause, tval));
    }
}

impl Machine {
    fn new(program: &Privileged, engine: Engine) -> Self {
        let config =
            MmuConfig { protection: Protection::Reset, ad_update: AdUpdate::Svade, ..MmuConfig::default() };
        let mut hart = Hart::new(0, Mmu::new(config), Supervisor::Guest);
        hart.isa = program.kind.isa();
        if program.kind != Kind::Misaligned {
            hart.misaligned = Misaligned::Traps;
        }
        hart.pc = VirtAddr(BASE);
        // What Spike's boot ROM leaves.
        (hart.x[5], hart.x[11]) = (BASE, 0x1020);
        hart.instructions.machine = 5;
        let mut ram = Ram::new(RAM_BYTES).expect("two megabytes");
        ram.write(PhysAddr(BASE), &program.bytes).expect("the program fits");
        Self { hart, ram, shared: Shared::new(engine), defect: None }
    }

    /// Executes one instruction, or takes one trap.
    fn step(&mut self) -> Result<Seen, String> {
        let mut seen = Seen::default();
        match self.hart.run_traced(&mut self.ram, &mut self.shared, 1, &mut seen) {
            Stop::Budget => {}
            Stop::Device(access) => self.serve(&access, Some(&mut seen)),
            stop => return Err(format!("{stop:?} at {:#x}", self.hart.pc.0)),
        }
        Ok(seen)
    }

    /// Goes on for so many instructions and traps.
    fn run(&mut self, events: u64) -> Result<(), String> {
        let passed = |hart: &Hart| hart.retired() + hart.traps.exceptions + hart.traps.interrupts;
        let end = passed(&self.hart) + events;
        while passed(&self.hart) < end {
            let left = end - passed(&self.hart);
            match self.hart.run(&mut self.ram, &mut self.shared, left) {
                Stop::Budget => {}
                Stop::Device(access) => self.serve(&access, None),
                stop => return Err(format!("{stop:?} at {:#x}", self.hart.pc.0)),
            }
        }
        Ok(())
    }

    /// Takes what is stored to the ACLINT: an interrupt of software, and one of a timer that is always or never due.
    fn serve(&mut self, access: &DeviceAccess, observer: Option<&mut dyn Observer>) {
        let line = match access.at.0 {
            MSIP => Some((Interrupt::MachineSoftware, access.stored.is_some_and(|value| value[0] & 1 == 1))),
            MTIMECMP => Some((Interrupt::MachineTimer, access.stored == Some([0; 8]))),
            _ => None,
        };
        self.hart.finish(access, line.map(|_| [0; 8]), observer);
        if let Some((interrupt, up)) = line {
            let others = self.hart.csrs.lines & !interrupt.mask();
            self.hart.csrs.lines = if up { others | interrupt.mask() } else { others };
        }
    }

    /// Returns what M-mode would read from a CSR.
    fn peek(&mut self, number: u16) -> Option<u64> {
        let mut hart = self.hart.clone();
        // An interrupt would come first.
        match number {
            csrs::SIE | csrs::MIE => {
                (hart.csrs.mip, hart.csrs.lines, hart.csrs.stimecmp) = (0, 0, u64::MAX);
            }
            _ => hart.csrs.mie = 0,
        }
        hart.privilege = Privilege::Machine;
        hart.pc = VirtAddr(PEEK_AT);
        let read = crate::program::insn(Op::Csrrs, 1, 0, 0, number.into()).encode();
        self.ram.write(PhysAddr(PEEK_AT), &read.to_le_bytes())?;
        let mut seen = Seen::default();
        _ = hart.run_traced(&mut self.ram, &mut self.shared, 1, &mut seen);
        seen.retired.map(|_| hart.x[1])
    }
}

/// What the log says that the registers hold.
struct Shadow {
    x: [u64; 32],
    f: [u64; 32],
}

/// Returns what Spike logs of a program, but the loop at its end.
///
/// # Errors
/// Spike cannot be started, or stops before.
fn recorded(name: &str, program: &Privileged) -> Result<Vec<Event>, String> {
    let (elf, isa) = (elf(&program.bytes), program.kind.spike_isa());
    let is_end = |event: &Event| matches!(event, Event::Commit { pc, .. } if *pc == program.end);
    let ask = || {
        let mut log = events(spike(name, &isa, RAM_BYTES, &elf, ENOUGH)?, BASE).take(LONGEST);
        let recorded: Vec<_> = log.by_ref().take_while(|event| !is_end(event)).collect();
        // Nothing of it is left where it ended before.
        Ok((recorded, log.next().is_some()))
    };
    match insist(ask, |(_, has_ended)| *has_ended)? {
        (recorded, true) => Ok(recorded),
        (recorded, false) => {
            Err(format!("spike's log has {} events, and the end is not among them", recorded.len()))
        }
    }
}

/// Compares a program with Spike event by event, and the engines with each other; returns how many events there were.
pub(crate) fn check(program: &Privileged) -> Result<u64, String> {
    let log = recorded("privileged", program)?;
    let mut machine = Machine::new(program, Engine::Plain);
    let compared = compare(&mut machine, log.into_iter()).map_err(|(_, difference)| difference)?;
    let mut threaded = Machine::new(program, Engine::Threaded);
    threaded.run(compared)?;
    let same = machine.hart.x == threaded.hart.x
        && machine.hart.f == threaded.hart.f
        && machine.hart.csrs == threaded.hart.csrs
        && machine.hart.pc == threaded.hart.pc
        && machine.hart.mmu.counters() == threaded.hart.mmu.counters();
    if same { Ok(compared) } else { Err("the engines differ".to_owned()) }
}

/// Takes a step for each event, and returns how many are the same: all, or those before the first that differs.
fn compare(machine: &mut Machine, log: impl Iterator<Item = Event>) -> Result<u64, (u64, String)> {
    let mut shadow = Shadow { x: machine.hart.x, f: machine.hart.f };
    let mut compared = 0;
    for event in log {
        let (pc, privilege) = (machine.hart.pc.0, machine.hart.privilege);
        let stepped = match machine.defect {
            Some(defect) => machine.step_with(defect),
            None => machine.step(),
        };
        let seen = stepped.map_err(|stop| (compared, stop))?;
        if let Some(mut difference) = differs(machine, &mut shadow, &event, &seen, pc, privilege) {
            // User mode sees code at other addresses.
            let mut code = [0; 4];
            _ = machine.ram.read(PhysAddr(if pc < BASE { pc + program::USER_OFFSET } else { pc }), &mut code);
            let code = Isa::ALL.decode(u32::from_le_bytes(code)).map(|insn| insn.at(pc).to_string());
            _ = write!(
                difference,
                "\nafter {compared} events: {privilege:?} at {pc:#x}: {}\nours: {:x?} {:x?}\nspike: {event:x?}\nmstatus {:x}",
                code.unwrap_or_default(),
                seen.retired.map(|retired| (retired.bits, retired.address)),
                seen.trap,
                machine.hart.csrs.mstatus.bits(),
            );
            return Err((compared, difference));
        }
        compared += 1;
    }
    Ok(compared)
}

/// Returns what of an event is not the same, the hart having taken its step.
fn differs(
    machine: &mut Machine,
    shadow: &mut Shadow,
    event: &Event,
    seen: &Seen,
    pc: u64,
    privilege: Privilege,
) -> Option<String> {
    match event {
        Event::Trap { cause, epc, tval } => {
            let Some((ours, our_tval)) = seen.trap else { return Some("only Spike traps".to_owned()) };
            let same = (ours.code(), pc, our_tval) == (*cause, *epc, *tval);
            (!same).then(|| "another trap".to_owned())
        }
        Event::Commit { privilege: theirs, pc: their_pc, bits, registers, address } => {
            let Some(retired) = seen.retired else { return Some("only Spike does not trap".to_owned()) };
            if (privilege as u64, pc, u64::from(retired.bits)) != (*theirs, *their_pc, *bits) {
                return Some("another instruction".to_owned());
            }
            let block = retired.insn.op == Op::CboZero;
            let ours = retired.address.map(|va| if block { va.0 & !63 } else { va.0 });
            if address.is_some() && ours != *address {
                return Some("another address".to_owned());
            }
            for &(register, value) in registers {
                match register {
                    Register::X(x) => shadow.x[x] = value,
                    Register::F(f) => shadow.f[f] = value,
                    Register::Csr(number) if !csrs::is_compared(number) => {}
                    Register::Csr(number) => {
                        let ours = machine.peek(number);
                        if ours != Some(value) {
                            return Some(format!("CSR {number:#x} is {ours:x?}, in Spike {value:#x}"));
                        }
                    }
                }
            }
            let differ =
                |ours: &[u64; 32], theirs: &[u64; 32]| (0..32).find(|&index| ours[index] != theirs[index]);
            let hart = &machine.hart;
            let x =
                differ(&hart.x, &shadow.x).map(|x| format!("x{x}: {:#x}, not {:#x}", hart.x[x], shadow.x[x]));
            let f =
                differ(&hart.f, &shadow.f).map(|f| format!("f{f}: {:#x}, not {:#x}", hart.f[f], shadow.f[f]));
            x.or(f)
        }
    }
}
