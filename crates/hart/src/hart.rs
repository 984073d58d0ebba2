//! A hart's state, and what traps do to it.

use crate::csr::{Sstatus, SupervisorCsrs};
use crate::reservation::Reservation;
use crate::trap::{Cause, Interrupt, Trap};
use tine_isa::Isa;
use tine_mmu::{Mmu, Privilege, Ram, Satp, View, VirtAddr};

/// Who handles the hart's traps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Supervisor {
    /// The caller of [`Hart::run`]: it returns after each trap, the hart being in S-mode.
    Native,
    /// Guest code at `stvec`: execution continues there.
    Guest,
}

/// Retired instructions by privilege.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Instructions {
    /// Retired in U-mode.
    pub user: u64,
    /// Retired in S-mode.
    pub supervisor: u64,
}

impl Instructions {
    pub(crate) fn retire(&mut self, privilege: Privilege, count: u64) {
        match privilege {
            Privilege::User => self.user += count,
            Privilege::Supervisor | Privilege::Machine => self.supervisor += count,
        }
    }
}

/// A hart: its registers, CSRs, MMU and counters. Plain data: a clone is a checkpoint.
#[derive(Clone)]
pub struct Hart {
    /// Which hart it is.
    pub id: u64,
    /// Which extensions it has. Harts that share [`Shared`](crate::Shared) have the same.
    pub isa: Isa,
    /// The integer registers; `x[0]` is 0 whenever no instruction is half done.
    pub x: [u64; 32],
    /// The floating-point registers; an f32 is NaN-boxed.
    pub f: [u64; 32],
    /// The address of the next instruction.
    pub pc: VirtAddr,
    /// Rounding mode and accrued exceptions, as the `fcsr` CSR holds them.
    pub fcsr: u32,
    /// The privilege level that executes.
    pub privilege: Privilege,
    /// The supervisor's CSRs but `satp`, which the MMU holds.
    pub csrs: SupervisorCsrs,
    /// Translation, its caches and their counters.
    pub mmu: Mmu,
    /// Who handles traps.
    pub supervisor: Supervisor,
    /// Retired instructions.
    pub instructions: Instructions,
    time_base_ns: u64,
    pub(crate) reservation: Option<Reservation>,
}

impl Hart {
    /// Makes a hart as it comes out of reset: in S-mode at address 0, untranslated.
    pub fn new(id: u64, mmu: Mmu, supervisor: Supervisor) -> Self {
        Self {
            id,
            isa: Isa::default(),
            x: [0; 32],
            f: [0; 32],
            pc: VirtAddr(0),
            fcsr: 0,
            privilege: Privilege::Supervisor,
            csrs: SupervisorCsrs::new(),
            mmu,
            supervisor,
            instructions: Instructions::default(),
            time_base_ns: 0,
            reservation: None,
        }
    }

    /// Returns how many instructions have retired: `instret`, and the position that TLB stamps count in.
    pub fn retired(&self) -> u64 {
        self.instructions.user + self.instructions.supervisor
    }

    /// Returns virtual time: one nanosecond passes per retired instruction.
    pub fn time_ns(&self) -> u64 {
        self.time_base_ns.wrapping_add(self.retired())
    }

    /// Sets virtual time: to charge for a trap, to idle, to follow another hart.
    pub fn set_time_ns(&mut self, now_ns: u64) {
        self.time_base_ns = now_ns.wrapping_sub(self.retired());
    }

    /// Takes a trap into S-mode ("Trap Entry" is what every privilege level does; see "Supervisor Status Register").
    pub(crate) fn enter_trap(&mut self, trap: Trap) {
        let Trap { cause, stval } = trap;
        self.csrs.sepc = self.pc;
        self.csrs.scause = cause.scause();
        self.csrs.stval = stval;
        let status = &mut self.csrs.sstatus;
        status.set(Sstatus::SPP, self.privilege == Privilege::Supervisor);
        status.set(Sstatus::SPIE, status.has(Sstatus::SIE));
        status.set(Sstatus::SIE, false);
        self.privilege = Privilege::Supervisor;
        let base = self.csrs.stvec & !3;
        let vectored = self.csrs.stvec & 3 == 1;
        self.pc = VirtAddr(match cause {
            Cause::Interrupt(interrupt) if vectored => base.wrapping_add(4 * interrupt as u64),
            _ => base,
        });
    }

    /// Takes an interrupt that the caller delivers, before the instruction at `pc`.
    pub fn interrupt(&mut self, interrupt: Interrupt) {
        self.enter_trap(Trap::interrupt(interrupt));
    }

    /// Asks for the most urgent interrupt that is pending, enabled and not masked by the privilege level.
    pub(crate) fn check_interrupts(&self) -> Result<(), Trap> {
        let pending = self.csrs.sip & self.csrs.sie;
        if pending == 0 || self.privilege == Privilege::Supervisor && !self.csrs.sstatus.has(Sstatus::SIE) {
            return Ok(());
        }
        let urgent = Interrupt::BY_PRIORITY.into_iter().find(|interrupt| pending & interrupt.mask() != 0);
        urgent.map_or(Ok(()), |interrupt| Err(Trap::interrupt(interrupt)))
    }

    /// Returns from a trap: SRET, as an instruction or by the native supervisor.
    pub fn sret(&mut self) {
        self.reservation = None;
        let status = &mut self.csrs.sstatus;
        let to = if status.has(Sstatus::SPP) { Privilege::Supervisor } else { Privilege::User };
        status.set(Sstatus::SIE, status.has(Sstatus::SPIE));
        status.set(Sstatus::SPIE, true);
        status.set(Sstatus::SPP, false);
        // `sepc` holds no odd address, whoever wrote it.
        self.pc = VirtAddr(self.csrs.sepc.0 & !1);
        self.privilege = to;
    }

    /// Writes `satp`, which flushes nothing, and drops the reservation.
    pub fn set_satp(&mut self, satp: Satp) {
        self.reservation = None;
        self.mmu.set_satp(satp);
    }

    /// Tells the MMU how this hart looks at memory now.
    pub(crate) fn resume_mmu(&mut self, ram: &Ram) {
        let data = self.data_view();
        self.mmu.resume(ram, self.privilege, data);
    }

    /// Returns how loads and stores see memory now.
    pub fn data_view(&self) -> View {
        let sstatus = self.csrs.sstatus;
        View { privilege: self.privilege, sum: sstatus.has(Sstatus::SUM), mxr: sstatus.has(Sstatus::MXR) }
    }
}
