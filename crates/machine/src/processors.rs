//! The harts as the kernel sees them: [`Harts`] over `tine-hart`.

use crate::Config;
use tine_hart::{Csrs, FpState, Hart, Mstatus, Observer, Retired, Shared, Stop, Supervisor};
use tine_kernel::{Cause, CopyFault, HartId, Harts, Interrupt, Reg, RetiredInstruction, Trap, UserContext};
use tine_mmu::{Access, Asid, Fence, Mmu, MmuConfig, MmuCounters, Ppn, Privilege, Ram, Satp, VirtAddr};

/// Every hart, and what they share.
pub(crate) struct Processors {
    pub(crate) harts: Vec<Hart>,
    pub(crate) remote_fences: RemoteFences,
    ram: Ram,
    shared: Shared,
}

/// What becomes of a fence that one hart sends to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RemoteFences {
    /// It is executed there before the sender goes on.
    Delivered,
    /// It is lost.
    Dropped,
}

impl Processors {
    /// Makes the harts that `config` asks for.
    pub(crate) fn new(config: &Config, ram: Ram) -> Self {
        let hart = |id: u32| {
            let mmu = Mmu::new(MmuConfig {
                tlb: config.tlb,
                stale_uses: config.stale_uses,
                ad_update: config.policy.ad_update,
                // Each hart replaces at random on its own.
                seed: config.seed.wrapping_add(u64::from(id)),
                ..MmuConfig::default()
            });
            let mut hart = Hart::new(u64::from(id), mmu, Supervisor::Native);
            hart.isa = config.isa;
            // User programs may zero cache blocks and do nothing else with them (Linux 6.12
            // arch/riscv/kernel/cpufeature.c riscv_user_isa_enable), which says nothing where Zicboz is not there.
            hart.csrs.senvcfg = Csrs::CBZE;
            // The supervisor may reach user memory, as Linux may between user_access_begin and _end.
            hart.csrs.mstatus.set(Mstatus::SUM, true);
            hart.csrs.mstatus.set(Mstatus::SPP, false);
            hart.csrs.mstatus.set_fp(FpState::Initial);
            hart
        };
        Self {
            harts: (0..config.harts).map(hart).collect(),
            remote_fences: RemoteFences::Delivered,
            ram,
            shared: Shared::new(config.engine),
        }
    }

    /// Returns guest RAM, to look at.
    pub(crate) fn ram_to_read(&self) -> &Ram {
        &self.ram
    }

    fn hart_mut(&mut self, hart: HartId) -> &mut Hart {
        &mut self.harts[hart.0 as usize]
    }

    fn hart(&self, hart: HartId) -> &Hart {
        &self.harts[hart.0 as usize]
    }

    /// Has a hart return to user mode and run.
    fn in_user_mode(
        &mut self,
        hart: HartId,
        run: impl FnOnce(&mut Hart, &mut Ram, &mut Shared) -> Stop,
    ) -> Option<Trap> {
        let running = &mut self.harts[hart.0 as usize];
        if running.privilege == Privilege::Supervisor {
            running.sret();
        }
        match run(running, &mut self.ram, &mut self.shared) {
            Stop::Trap => Some(self.trap(hart)),
            Stop::Budget => None,
            // Only guest code as supervisor makes a run end so.
            Stop::Device(_) | Stop::Wait | Stop::Watched => None,
        }
    }

    /// Reads the trap that a hart has just taken out of its CSRs.
    fn trap(&self, hart: HartId) -> Trap {
        let csrs = &self.hart(hart).csrs;
        let spp = if csrs.mstatus.has(Mstatus::SPP) { Privilege::Supervisor } else { Privilege::User };
        Trap { cause: Cause::from_scause(csrs.scause), stval: csrs.stval, sepc: csrs.sepc.0, spp }
    }
}

/// Passes on what a hart tells of its instructions.
struct Watch<'a>(&'a mut dyn FnMut(RetiredInstruction));

impl Observer for Watch<'_> {
    fn retired(&mut self, _: &Hart, &Retired { pc, bits, address, .. }: &Retired) {
        (self.0)(RetiredInstruction { pc, bits, address });
    }
}

fn copy_fault(fault: tine_mmu::CopyFault) -> CopyFault {
    CopyFault { done: fault.done, at: fault.fault.at, access: fault.fault.access }
}

impl Harts for Processors {
    fn count(&self) -> u32 {
        self.harts.len() as u32
    }

    fn ram(&mut self) -> &mut Ram {
        &mut self.ram
    }

    fn registers(&self, hart: HartId) -> &[u64; 32] {
        &self.hart(hart).x
    }

    fn set_register(&mut self, hart: HartId, reg: Reg, value: u64) {
        if reg.0 != 0 {
            self.hart_mut(hart).x[usize::from(reg.0)] = value;
        }
    }

    fn pc(&self, hart: HartId) -> u64 {
        self.hart(hart).csrs.sepc.0
    }

    fn set_pc(&mut self, hart: HartId, pc: u64) {
        self.hart_mut(hart).csrs.set_sepc(pc);
    }

    fn save(&self, hart: HartId) -> UserContext {
        let hart = self.hart(hart);
        UserContext { x: hart.x, f: hart.f, fcsr: hart.fcsr, pc: hart.csrs.sepc.0 }
    }

    fn load(&mut self, hart: HartId, context: &UserContext) {
        let hart = self.hart_mut(hart);
        (hart.x, hart.f, hart.fcsr) = (context.x, context.f, context.fcsr);
        hart.x[0] = 0;
        hart.csrs.set_sepc(context.pc);
    }

    fn run(&mut self, hart: HartId, budget: u64) -> Option<Trap> {
        self.in_user_mode(hart, |running, ram, shared| running.run(ram, shared, budget))
    }

    fn run_watched(
        &mut self,
        hart: HartId,
        budget: u64,
        watch: &mut dyn FnMut(RetiredInstruction),
    ) -> Option<Trap> {
        let observer = &mut Watch(watch);
        self.in_user_mode(hart, |running, ram, shared| running.run_traced(ram, shared, budget, observer))
    }

    fn interrupt(&mut self, hart: HartId, interrupt: Interrupt) -> Trap {
        self.hart_mut(hart).interrupt(match interrupt {
            Interrupt::Software => tine_hart::Interrupt::Software,
            Interrupt::Timer => tine_hart::Interrupt::Timer,
        });
        self.trap(hart)
    }

    fn retired(&self, hart: HartId) -> u64 {
        self.hart(hart).retired()
    }

    fn set_time(&mut self, hart: HartId, now_ns: u64) {
        self.hart_mut(hart).set_time_ns(now_ns);
    }

    fn take_counters(&mut self, hart: HartId) -> MmuCounters {
        self.hart_mut(hart).mmu.take_counters()
    }

    fn copy_in(&mut self, hart: HartId, from: VirtAddr, to: &mut [u8]) -> Result<(), CopyFault> {
        self.harts[hart.0 as usize].copy_in(&mut self.ram, from, to).map_err(copy_fault)
    }

    fn copy_out(&mut self, hart: HartId, to: VirtAddr, from: &[u8]) -> Result<(), CopyFault> {
        self.harts[hart.0 as usize].copy_out(&mut self.ram, &mut self.shared, to, from).map_err(copy_fault)
    }

    fn compare_exchange(&mut self, hart: HartId, at: VirtAddr, old: u32, new: u32) -> Result<u32, CopyFault> {
        let hart = &mut self.harts[hart.0 as usize];
        let done = hart.compare_exchange(&mut self.ram, &mut self.shared, at, old, new);
        done.map_err(|fault| CopyFault { done: 0, at: fault.at, access: Access::Store })
    }

    fn set_satp(&mut self, hart: HartId, root: Ppn, asid: Asid) {
        self.hart_mut(hart).set_satp(Satp::sv39(root, asid));
    }

    fn sfence_vma(&mut self, hart: HartId, fence: Fence) {
        self.hart_mut(hart).mmu.fence(fence);
    }

    fn remote_sfence_vma(&mut self, hart: HartId, target: HartId, fence: Fence) {
        self.hart_mut(hart).mmu.count_remote_fences(1);
        if self.remote_fences == RemoteFences::Delivered {
            self.hart_mut(target).mmu.shoot_down(fence);
        }
    }

    fn fence_i(&mut self) {
        // Decoded code follows every store to its frame, so there is nothing left to make visible.
    }
}
