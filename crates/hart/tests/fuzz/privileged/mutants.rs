//! Harts with a defect of the walk, of traps or of returns, each of which the comparison must notice.

use super::log::Event;
use super::program::{ADDRESS, PAGE, Privileged, RANDOM_VA, USER_OFFSET, random_entries};
use super::{Machine, Seen, compare, csrs, recorded};
use crate::image::BASE;
use tine_hart::{Cause, Engine, Exception, Hart, Interrupt, Mstatus};
use tine_isa::{Isa, Memory, Op};
use tine_mmu::{Access, Fence, PhysAddr, Privilege, View, VirtAddr};

/// How many events may pass before a defect is noticed: those of one seed in CI.
const BUDGET: u64 = 80_000;
const SEED: u64 = 1;

/// What is wrong with a hart, done to it from outside.
#[derive(Clone, Copy)]
pub(super) enum Defect {
    /// The walk takes an entry of some level for another.
    Reads(fn(pte: u64, level: u32, access: Access, view: View) -> u64),
    /// The walk does not write entries.
    ForgetsUse,
    /// Accesses are checked as if `mstatus` were another.
    Sees(fn(u64) -> u64),
    /// It leaves another state: given the instruction, what became of it, and the hart as it was and as it is.
    Leaves(fn(Op, &Seen, &Hart, &mut Hart)),
}

const V: u64 = 1;
const R: u64 = 1 << 1;
const W: u64 = 1 << 2;
const X: u64 = 1 << 3;
const U: u64 = 1 << 4;
const A: u64 = 1 << 6;
const D: u64 = 1 << 7;
const N: u64 = 1 << 63;

const fn is_leaf(pte: u64) -> bool {
    pte & (R | X) != 0
}

fn is_illegal(seen: &Seen) -> bool {
    code(seen) == Some(Exception::IllegalInstruction as u64)
}

/// Returns the code of the trap that was taken.
fn code(seen: &Seen) -> Option<u64> {
    seen.trap.map(|(cause, _)| cause.code())
}

/// Sets bits of an entry where a condition holds.
const fn with(pte: u64, bits: u64, condition: bool) -> u64 {
    if condition { pte | bits } else { pte }
}

const MUTANTS: [(&str, Defect); 28] = [
    (
        "superpages need no alignment",
        Defect::Reads(
            |pte, level, _, _| if is_leaf(pte) { pte & !(((1 << (9 * level)) - 1) << 10) } else { pte },
        ),
    ),
    ("V is not looked at", Defect::Reads(|pte, _, _, _| pte | V)),
    ("W without R is RW", Defect::Reads(|pte, _, _, _| with(pte, R, pte & W != 0))),
    (
        "X lets loads pass",
        Defect::Reads(|pte, _, access, _| with(pte, R, access == Access::Load && pte & X != 0)),
    ),
    (
        "R lets fetches pass",
        Defect::Reads(|pte, _, access, _| with(pte, X, access == Access::Fetch && pte & R != 0)),
    ),
    ("R lets stores pass", Defect::Reads(|pte, _, _, _| with(pte, W, pte & R != 0))),
    (
        "U-mode needs no U",
        Defect::Reads(|pte, _, _, view| with(pte, U, is_leaf(pte) && view.privilege == Privilege::User)),
    ),
    (
        "S-mode executes user pages",
        Defect::Reads(|pte, _, access, view| {
            if access == Access::Fetch && view.privilege == Privilege::Supervisor { pte & !U } else { pte }
        }),
    ),
    ("A is not asked for", Defect::Reads(|pte, _, _, _| with(pte, A, is_leaf(pte)))),
    ("D is not asked for", Defect::Reads(|pte, _, _, _| with(pte, D, is_leaf(pte)))),
    ("A and D are not written", Defect::ForgetsUse),
    ("PBMT is ignored", Defect::Reads(|pte, _, _, _| pte & !(3 << 61))),
    ("reserved bits are ignored", Defect::Reads(|pte, _, _, _| pte & !(0x7f << 54))),
    ("N is ignored", Defect::Reads(|pte, _, _, _| pte & !N)),
    (
        "tables may have A, D and U",
        Defect::Reads(|pte, _, _, _| if is_leaf(pte) { pte } else { pte & !(A | D | U) }),
    ),
    ("SUM is not needed", Defect::Sees(|status| status | Mstatus::SUM)),
    ("MXR is ignored", Defect::Sees(|status| status & !Mstatus::MXR)),
    ("TVM is ignored", Defect::Sees(|status| status & !Mstatus::TVM)),
    ("TSR is ignored", Defect::Sees(|status| status & !Mstatus::TSR)),
    (
        "mtval of what is illegal is 0",
        Defect::Leaves(|_, seen, _, after| {
            if is_illegal(seen) && after.privilege == Privilege::Machine {
                after.csrs.mtval = 0;
            }
        }),
    ),
    (
        "a trap leaves SIE",
        Defect::Leaves(|_, seen, before, after| {
            if seen.trap.is_some() {
                after.csrs.mstatus.set(Mstatus::SIE, before.csrs.mstatus.has(Mstatus::SIE));
            }
        }),
    ),
    (
        "SRET leaves SPP",
        Defect::Leaves(|op, seen, before, after| {
            if op == Op::Sret && seen.trap.is_none() {
                after.csrs.mstatus.set(Mstatus::SPP, before.csrs.mstatus.has(Mstatus::SPP));
            }
        }),
    ),
    ("TW is ignored", Defect::Sees(|status| status & !Mstatus::TW)),
    (
        "a misaligned target is not in mtval",
        Defect::Leaves(|_, seen, _, after| {
            if code(seen) == Some(0) && after.privilege == Privilege::Machine {
                after.csrs.mtval = 0;
            }
        }),
    ),
    (
        "the timer's interrupt comes before software's",
        Defect::Leaves(|_, seen, _, after| {
            let timer = Interrupt::MachineTimer;
            let enabled = after.pending_interrupts() & after.csrs.mie & timer.mask() != 0;
            if enabled && code(seen) == Some(Cause::Interrupt(Interrupt::MachineSoftware).code()) {
                after.csrs.mcause = Cause::Interrupt(timer).code();
            }
        }),
    ),
    (
        "vectored interrupts go to the base",
        Defect::Leaves(|_, seen, _, after| {
            if let Some((Cause::Interrupt(_), _)) = seen.trap {
                let is_machine = after.privilege == Privilege::Machine;
                let vectors = if is_machine { after.csrs.mtvec } else { after.csrs.stvec };
                after.pc = VirtAddr(vectors & !3);
            }
        }),
    ),
    (
        "the timer of M-mode is never due",
        Defect::Leaves(|_, _, _, after| after.csrs.lines &= !Interrupt::MachineTimer.mask()),
    ),
    (
        "the second page's fault is at the first byte",
        Defect::Leaves(|_, seen, _, after| {
            if let Some((Cause::Exception(Exception::LoadPageFault), tval)) = seen.trap
                && tval % PAGE == 0
                && after.privilege == Privilege::Machine
            {
                after.csrs.mtval = after.x[usize::from(ADDRESS)];
            }
        }),
    ),
];

impl Machine {
    /// Takes a step as a hart with a defect takes it.
    pub(super) fn step_with(&mut self, defect: Defect) -> Result<Seen, String> {
        let pc = self.hart.pc.0;
        let mut code = [0; 4];
        _ = self.ram.read(PhysAddr(if pc < BASE { pc + USER_OFFSET } else { pc }), &mut code);
        let insn = Isa::ALL.decode(u32::from_le_bytes(code));
        match defect {
            // M-mode writes entries, and walks to none.
            Defect::Reads(_) | Defect::ForgetsUse
                if self.hart.data_view().privilege == Privilege::Machine =>
            {
                self.step()
            }
            Defect::Reads(change) => {
                let access = match insn.map(|insn| insn.op.memory()) {
                    _ if pc >= RANDOM_VA => Access::Fetch,
                    None | Some(Memory::None) => return self.step(),
                    Some(Memory::Load) => Access::Load,
                    Some(Memory::Store) => Access::Store,
                };
                let view = self.hart.data_view();
                let before = self.change_entries(|pte, level| change(pte, level, access, view));
                let seen = self.step();
                for (at, was, read) in before {
                    // That it was used stays.
                    let used = self.ram.read_u64(at).unwrap_or(read) & !read & (A | D);
                    _ = self.ram.write_u64(at, was | used);
                }
                self.hart.mmu.fence(Fence::All);
                seen
            }
            Defect::ForgetsUse => {
                let before = self.change_entries(|pte, _| pte);
                let seen = self.step();
                for (at, was, _) in before {
                    _ = self.ram.write_u64(at, was);
                }
                self.hart.mmu.fence(Fence::All);
                seen
            }
            Defect::Sees(change) => {
                // What is read from and written to it is right.
                let status = [csrs::SSTATUS, csrs::MSTATUS].map(i32::from);
                if insn.is_none_or(|insn| status.contains(&insn.imm)) {
                    return self.step();
                }
                let right = self.hart.csrs.mstatus.bits();
                let wrong = change(right);
                self.hart.csrs.mstatus.write(wrong);
                let seen = self.step();
                let (after, changed) = (self.hart.csrs.mstatus.bits(), right ^ wrong);
                self.hart.csrs.mstatus.write(after & !changed | right & changed);
                seen
            }
            Defect::Leaves(change) => {
                let before = self.hart.clone();
                let seen = self.step()?;
                if let Some(insn) = insn {
                    change(insn.op, &seen, &before, &mut self.hart);
                }
                Ok(seen)
            }
        }
    }

    /// Changes the random entries of the tables, and returns where each is, what it was and what it is.
    fn change_entries(&mut self, change: impl Fn(u64, u32) -> u64) -> Vec<(PhysAddr, u64, u64)> {
        self.hart.mmu.fence(Fence::All);
        let mut entries = Vec::new();
        for (at, level) in random_entries() {
            let at = PhysAddr(at);
            let was = self.ram.read_u64(at).unwrap_or(0);
            let read = change(was, level);
            if read != was {
                _ = self.ram.write_u64(at, read);
            }
            entries.push((at, was, read));
        }
        entries
    }
}

#[test]
#[expect(clippy::print_stdout, reason = "how soon each is noticed is worth reading")]
fn privileged_mutants_are_noticed() {
    if crate::plan().is_none() {
        return;
    }
    let mut programs: Vec<(Privileged, Vec<Event>)> = Vec::new();
    let mut events = 0;
    while events < BUDGET {
        let program = Privileged::random(SEED + programs.len() as u64, super::ITEMS);
        let log = recorded("privileged-mutants", &program).unwrap();
        events += log.len() as u64;
        programs.push((program, log));
    }
    let notices = |defect: Defect| {
        let mut before = 0;
        for (program, log) in &programs {
            let mut machine = Machine::new(program, Engine::Plain);
            machine.defect = Some(defect);
            match compare(&mut machine, log.iter().cloned()) {
                Ok(compared) => before += compared,
                Err((compared, _)) => return Some(before + compared),
            }
        }
        None
    };
    let harmless =
        [Defect::Reads(|pte, _, _, _| pte), Defect::Sees(|status| status), Defect::Leaves(|_, _, _, _| ())];
    for defect in harmless {
        assert_eq!(notices(defect), None, "what does defects does not do harm by itself");
    }
    let mut missed = Vec::new();
    for (name, defect) in MUTANTS {
        match notices(defect) {
            Some(after) if after < BUDGET => println!("{after:>6} events: {name}"),
            _ => missed.push(name),
        }
    }
    assert!(missed.is_empty(), "not noticed within {BUDGET} events: {missed:?}");
}
