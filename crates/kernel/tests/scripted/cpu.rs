//! Harts whose instructions are steps of a script. What they do to memory goes through a real [`Mmu`], so TLBs, walks,
//! faults and counts are the machine's own.

use crate::script::{Script, Step, Value};
use tine_kernel::{Cause, CopyFault, HartId, Harts, Interrupt, Reg, Trap, UserContext};
use tine_mmu::{
    Access, Asid, Fence, MemoryFault, MemoryFaultKind, Mmu, MmuConfig, MmuCounters, Ppn, Privilege, Ram,
    Satp, Stamp, View, VirtAddr,
};

/// Where [`Step::Compute`] counts what it has done.
const PROGRESS: Reg = Reg(31);

struct ScriptedHart {
    context: UserContext,
    mmu: Mmu,
    retired: u64,
    reads_time_ns: u64,
}

/// Harts, the RAM that they share, and the meaning of the words that they fetch.
pub(crate) struct ScriptedHarts {
    harts: Vec<ScriptedHart>,
    ram: Ram,
    steps: Vec<Step>,
    /// `sstatus.SUM`: whether the supervisor may touch user memory.
    pub(crate) sum: bool,
    /// Traps taken, but for timers.
    pub(crate) traps: u64,
    /// Whether a fence that one hart sends to another is executed there.
    pub(crate) remote_fences_arrive: bool,
}

/// A step that trapped: cause and `stval`.
type Exception = (Cause, u64);

impl ScriptedHarts {
    pub(crate) fn new(count: u32, ram: Ram) -> Self {
        let hart = |id: u32| ScriptedHart {
            context: UserContext::default(),
            mmu: Mmu::new(MmuConfig { seed: id.into(), ..MmuConfig::default() }),
            retired: 0,
            reads_time_ns: 0,
        };
        Self {
            harts: (0..count).map(hart).collect(),
            ram,
            steps: Vec::new(),
            sum: true,
            traps: 0,
            remote_fences_arrive: true,
        }
    }

    /// Learns a script and returns its words: the low bits of a 4-byte instruction, then the step's number.
    pub(crate) fn learn(&mut self, script: &Script) -> Vec<u32> {
        let first = self.steps.len();
        self.steps.extend(script.steps.iter().cloned());
        (first..self.steps.len()).map(|index| (index as u32) << 2 | 0b11).collect()
    }

    fn hart(&self, hart: HartId) -> &ScriptedHart {
        &self.harts[hart.0 as usize]
    }

    fn hart_mut(&mut self, hart: HartId) -> &mut ScriptedHart {
        &mut self.harts[hart.0 as usize]
    }

    fn supervisor(&self) -> View {
        View { privilege: Privilege::Supervisor, sum: self.sum, mxr: false }
    }

    fn trap(&self, hart: HartId, cause: Cause, stval: u64) -> Trap {
        Trap { cause, stval, sepc: self.hart(hart).context.pc, spp: Privilege::User }
    }
}

impl ScriptedHart {
    fn register(&self, value: Value) -> u64 {
        match value {
            Value::Known(value) => value,
            Value::In(reg) => self.context.x[usize::from(reg.0)],
        }
    }

    /// Does the step at the pc, at most `budget` instructions of it, and returns how many retired.
    fn step(&mut self, ram: &mut Ram, steps: &[Step], budget: u64) -> Result<u64, Exception> {
        self.mmu.resume(ram, Privilege::User, View::USER, self.stamp());
        self.mmu.add_lookups(1, 0, 0);
        let pc = VirtAddr(self.context.pc);
        let word = self.mmu.fetch(ram, pc, self.stamp()).map_err(exception)?;
        let known = (word & 0b11 == 0b11).then(|| steps.get((word >> 2) as usize)).flatten();
        let step = known.ok_or((Cause::IllegalInstruction, word.into()))?;
        let (mut retired, mut next) = (1, pc + 4);
        match step {
            Step::Store(at, value) => {
                let bytes = self.register(*value).to_le_bytes();
                self.mmu.add_lookups(0, 0, 1);
                self.mmu.store(ram, *at, bytes, self.stamp()).map_err(exception)?;
            }
            Step::Load(at) => {
                self.mmu.add_lookups(0, 1, 0);
                let bytes = self.mmu.load(ram, *at, self.stamp()).map_err(exception)?;
                self.set(Reg::A0, u64::from_le_bytes(bytes));
            }
            Step::Compute(instructions) => {
                let done = self.register(PROGRESS.into());
                retired = (instructions - done).min(budget);
                let finished = done + retired == *instructions;
                self.set(PROGRESS, if finished { 0 } else { done + retired });
                next = if finished { next } else { pc };
            }
            Step::Call(number, arguments) => {
                for (index, value) in arguments.iter().enumerate() {
                    self.set(Reg::argument(index), self.register(*value));
                }
                self.set(Reg::A7, *number);
                return Err((Cause::SystemCall, 0));
            }
            Step::Keep(reg) => self.set(*reg, self.register(Reg::A0.into())),
            Step::Expect(expected) => {
                let found = self.register(Reg::A0.into());
                assert_eq!(found, *expected, "a0 is {found:#x}, not {expected:#x}, at {pc}");
            }
            Step::UnlessZeroSkip(skipped) => {
                if self.register(Reg::A0.into()) != 0 {
                    next = next + 4 * *skipped as u64;
                }
            }
            Step::Jump(to) => next = *to,
            Step::Raise(cause) => return Err((*cause, 0)),
        }
        self.context.pc = next.0;
        Ok(retired)
    }

    fn stamp(&self) -> Stamp {
        Stamp::at(self.retired)
    }

    fn set(&mut self, reg: Reg, value: u64) {
        self.context.x[usize::from(reg.0)] = value;
    }
}

fn exception(fault: MemoryFault) -> Exception {
    let cause = match fault.kind {
        MemoryFaultKind::Page => Cause::PageFault(fault.access),
        MemoryFaultKind::Access | MemoryFaultKind::Outside(_) => Cause::AccessFault(fault.access),
    };
    (cause, fault.at.0)
}

fn copy_fault(fault: tine_mmu::CopyFault) -> CopyFault {
    CopyFault { done: fault.done, at: fault.fault.at, access: fault.fault.access }
}

impl Harts for ScriptedHarts {
    fn count(&self) -> u32 {
        self.harts.len() as u32
    }

    fn ram(&mut self) -> &mut Ram {
        &mut self.ram
    }

    fn registers(&self, hart: HartId) -> &[u64; 32] {
        &self.hart(hart).context.x
    }

    fn set_register(&mut self, hart: HartId, reg: Reg, value: u64) {
        self.hart_mut(hart).set(reg, value);
    }

    fn pc(&self, hart: HartId) -> u64 {
        self.hart(hart).context.pc
    }

    fn set_pc(&mut self, hart: HartId, pc: u64) {
        self.hart_mut(hart).context.pc = pc;
    }

    fn save(&self, hart: HartId) -> UserContext {
        self.hart(hart).context.clone()
    }

    fn load(&mut self, hart: HartId, context: &UserContext) {
        self.hart_mut(hart).context = context.clone();
    }

    fn run(&mut self, hart: HartId, budget: u64) -> Option<Trap> {
        let running = &mut self.harts[hart.0 as usize];
        let end = running.retired + budget;
        while running.retired < end {
            match running.step(&mut self.ram, &self.steps, end - running.retired) {
                Ok(retired) => running.retired += retired,
                Err((cause, stval)) => {
                    self.traps += 1;
                    return Some(self.trap(hart, cause, stval));
                }
            }
        }
        None
    }

    fn interrupt(&mut self, hart: HartId, interrupt: Interrupt) -> Trap {
        self.trap(hart, Cause::Interrupt(interrupt), 0)
    }

    fn retired(&self, hart: HartId) -> u64 {
        self.hart(hart).retired
    }

    fn set_time(&mut self, hart: HartId, now_ns: u64) {
        let hart = self.hart_mut(hart);
        assert!(now_ns >= hart.reads_time_ns, "time goes back");
        hart.reads_time_ns = now_ns;
    }

    fn take_counters(&mut self, hart: HartId) -> MmuCounters {
        self.hart_mut(hart).mmu.take_counters()
    }

    fn copy_in(&mut self, hart: HartId, from: VirtAddr, to: &mut [u8]) -> Result<(), CopyFault> {
        let view = self.supervisor();
        let hart = &mut self.harts[hart.0 as usize];
        let now = hart.stamp();
        hart.mmu.copy_in(&mut self.ram, from, to, view, now).map_err(copy_fault)
    }

    fn copy_out(&mut self, hart: HartId, to: VirtAddr, from: &[u8]) -> Result<(), CopyFault> {
        let view = self.supervisor();
        let hart = &mut self.harts[hart.0 as usize];
        let now = hart.stamp();
        hart.mmu.copy_out(&mut self.ram, to, from, view, now).map_err(copy_fault)
    }

    fn compare_exchange(&mut self, hart: HartId, at: VirtAddr, old: u32, new: u32) -> Result<u32, CopyFault> {
        let view = self.supervisor();
        let hart = &mut self.harts[hart.0 as usize];
        let now = hart.stamp();
        let done = hart.mmu.compare_exchange(&mut self.ram, at, old, new, view, now);
        done.map_err(|fault| CopyFault { done: 0, at: fault.at, access: Access::Store })
    }

    fn set_satp(&mut self, hart: HartId, root: Ppn, asid: Asid) {
        self.hart_mut(hart).mmu.set_satp(Satp::sv39(root, asid));
    }

    fn sfence_vma(&mut self, hart: HartId, fence: Fence) {
        self.hart_mut(hart).mmu.fence(fence);
    }

    fn remote_sfence_vma(&mut self, hart: HartId, target: HartId, fence: Fence) {
        self.hart_mut(hart).mmu.count_remote_fences(1);
        if self.remote_fences_arrive {
            self.hart_mut(target).mmu.shoot_down(fence);
        }
    }

    fn fence_i(&mut self) {}
}
