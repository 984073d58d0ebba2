//! A hart's state, and what traps do to it.

use crate::csr::{Csrs, Mstatus, PageFaults};
use crate::device::DeviceAccess;
use crate::reservation::Reservation;
use crate::trap::{Cause, Exception, Interrupt, Trap};
use tine_isa::Isa;
use tine_mmu::{Mmu, Privilege, Ram, Satp, View, VirtAddr};

/// Who handles the hart's traps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Supervisor {
    /// The caller of [`Hart::run`], in the place of an S-mode to which everything is delegated: `run` returns after each
    /// trap, the hart being in S-mode. There is no M-mode.
    Native,
    /// Guest code at `mtvec` and `stvec`: execution continues there.
    Guest,
}

/// What a load or store does whose address is not a multiple of its size.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Misaligned {
    /// The hart does it, as Linux and most hardware make programs believe.
    #[default]
    Supported,
    /// It traps as address-misaligned, before anything is translated.
    Traps,
}

/// Retired instructions by privilege.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Instructions {
    /// Retired in U-mode.
    pub user: u64,
    /// Retired in S-mode.
    pub supervisor: u64,
    /// Retired in M-mode.
    pub machine: u64,
}

impl Instructions {
    pub(crate) fn retire(&mut self, privilege: Privilege, count: u64) {
        match privilege {
            Privilege::User => self.user += count,
            Privilege::Supervisor => self.supervisor += count,
            Privilege::Machine => self.machine += count,
        }
    }
}

/// Traps by kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traps {
    /// Exceptions.
    pub exceptions: u64,
    /// Interrupts.
    pub interrupts: u64,
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
    /// The CSRs but `fcsr` and those that the MMU holds.
    pub csrs: Csrs,
    /// Translation, its caches and their counters.
    pub mmu: Mmu,
    /// Who handles traps.
    pub supervisor: Supervisor,
    /// What misaligned loads and stores do.
    pub misaligned: Misaligned,
    /// Retired instructions.
    pub instructions: Instructions,
    /// Traps taken.
    pub traps: Traps,
    /// Traps taken for page faults.
    pub page_faults: PageFaults,
    /// Whether WFI was executed, and no interrupt that is enabled has become pending since.
    pub(crate) waiting: bool,
    /// What the instruction at `pc` asks of a device.
    pub(crate) asked: Option<DeviceAccess>,
    time_base_ns: u64,
    pub(crate) reservation: Option<Reservation>,
}

impl Hart {
    /// Makes a hart as it comes out of reset: at address 0, untranslated; in M-mode, or in S-mode where that is native.
    pub fn new(id: u64, mmu: Mmu, supervisor: Supervisor) -> Self {
        let (privilege, csrs) = match supervisor {
            Supervisor::Native => (Privilege::Supervisor, Csrs::delegating()),
            Supervisor::Guest => (Privilege::Machine, Csrs::new()),
        };
        Self {
            id,
            isa: Isa::default(),
            x: [0; 32],
            f: [0; 32],
            pc: VirtAddr(0),
            fcsr: 0,
            privilege,
            csrs,
            mmu,
            supervisor,
            misaligned: Misaligned::default(),
            instructions: Instructions::default(),
            traps: Traps::default(),
            page_faults: PageFaults::default(),
            waiting: false,
            asked: None,
            time_base_ns: 0,
            reservation: None,
        }
    }

    /// Returns how many instructions have retired: the position that TLB stamps count in.
    pub fn retired(&self) -> u64 {
        let Instructions { user, supervisor, machine } = self.instructions;
        user + supervisor + machine
    }

    /// Returns virtual time: one nanosecond passes per retired instruction, and per trap that guest code handles.
    pub fn time_ns(&self) -> u64 {
        self.time_base_ns.wrapping_add(self.retired())
    }

    /// Sets virtual time: to charge for a trap, to idle, to follow another hart.
    pub fn set_time_ns(&mut self, now_ns: u64) {
        self.time_base_ns = now_ns.wrapping_sub(self.retired());
    }

    /// Takes a trap into the mode that handles it ("Machine Trap Delegation (`medeleg` and `mideleg`) Registers"; what is
    /// written is in "Machine Status Registers", "Privilege and Global Interrupt-Enable Stack").
    pub(crate) fn enter_trap(&mut self, trap: Trap) {
        let Trap { cause, tval, .. } = trap;
        self.count_trap(cause);
        if self.supervisor == Supervisor::Guest {
            // Time passes, or a handler that traps for ever would never see its timer. A native supervisor charges.
            self.time_base_ns = self.time_base_ns.wrapping_add(1);
        }
        let delegated = match cause {
            Cause::Exception(_) => self.csrs.medeleg,
            Cause::Interrupt(_) => self.csrs.mideleg,
        };
        // Nothing is handled in a mode below the one in which it happens.
        let to_supervisor = self.privilege < Privilege::Machine && delegated & cause.delegation_bit() != 0;
        let csrs = &mut self.csrs;
        let status = &mut csrs.mstatus;
        let vector = if to_supervisor {
            (csrs.sepc, csrs.scause, csrs.stval) = (self.pc, cause.code(), tval);
            status.set(Mstatus::SPP, self.privilege == Privilege::Supervisor);
            status.set(Mstatus::SPIE, status.has(Mstatus::SIE));
            status.set(Mstatus::SIE, false);
            self.privilege = Privilege::Supervisor;
            csrs.stvec
        } else {
            (csrs.mepc, csrs.mcause, csrs.mtval) = (self.pc, cause.code(), tval);
            status.set_mpp(self.privilege);
            status.set(Mstatus::MPIE, status.has(Mstatus::MIE));
            status.set(Mstatus::MIE, false);
            self.privilege = Privilege::Machine;
            csrs.mtvec
        };
        let (base, is_vectored) = (vector & !3, vector & 3 == 1);
        self.pc = VirtAddr(match cause {
            Cause::Interrupt(interrupt) if is_vectored => base.wrapping_add(4 * interrupt as u64),
            _ => base,
        });
    }

    fn count_trap(&mut self, cause: Cause) {
        match cause {
            Cause::Interrupt(_) => self.traps.interrupts += 1,
            Cause::Exception(exception) => {
                self.traps.exceptions += 1;
                match exception {
                    Exception::FetchPageFault => self.page_faults.fetch += 1,
                    Exception::LoadPageFault => self.page_faults.load += 1,
                    Exception::StorePageFault => self.page_faults.store += 1,
                    _ => {}
                }
            }
        }
    }

    /// Takes an interrupt that the caller delivers, before the instruction at `pc`.
    pub fn interrupt(&mut self, interrupt: Interrupt) {
        self.enter_trap(Trap::interrupt(interrupt));
    }

    /// Asks for the most urgent interrupt that is pending, enabled and not masked by the privilege level.
    pub(crate) fn check_interrupts(&self) -> Result<(), Trap> {
        if self.csrs.mie == 0 {
            return Ok(());
        }
        let pending = self.pending_interrupts() & self.csrs.mie;
        let status = self.csrs.mstatus;
        // "Machine Interrupt Registers": a mode's interrupts are taken below it always, in it where its bit says so, above
        // it never; and the machine's come before the supervisor's.
        let machine_takes = match self.privilege {
            Privilege::Machine => status.has(Mstatus::MIE),
            Privilege::Supervisor | Privilege::User => true,
        };
        let supervisor_takes = match self.privilege {
            Privilege::Machine => false,
            Privilege::Supervisor => status.has(Mstatus::SIE),
            Privilege::User => true,
        };
        let to_machine = if machine_takes { pending & !self.csrs.mideleg } else { 0 };
        let to_supervisor = if supervisor_takes { pending & self.csrs.mideleg } else { 0 };
        let candidates = if to_machine != 0 { to_machine } else { to_supervisor };
        let urgent = Interrupt::BY_PRIORITY.into_iter().find(|interrupt| candidates & interrupt.mask() != 0);
        urgent.map_or(Ok(()), |interrupt| Err(Trap::interrupt(interrupt)))
    }

    /// Tells whether the hart waits for an interrupt: it has executed WFI, and none that is enabled is pending.
    pub fn is_waiting(&mut self) -> bool {
        self.waiting &= self.pending_interrupts() & self.csrs.mie == 0;
        self.waiting
    }

    /// Returns the position at which the supervisor's timer will expire, where it is set and has not.
    pub(crate) fn timer_position(&self) -> Option<u64> {
        let csrs = &self.csrs;
        if !csrs.has_supervisor_timer() || csrs.mie & Interrupt::Timer.mask() == 0 {
            return None;
        }
        let left = csrs.stimecmp.checked_sub(self.time_ns()).filter(|&left| left > 0)?;
        self.retired().checked_add(left)
    }

    /// Returns from a trap: SRET, as an instruction or by the native supervisor.
    pub fn sret(&mut self) {
        let status = &mut self.csrs.mstatus;
        let to = status.spp();
        status.set(Mstatus::SIE, status.has(Mstatus::SPIE));
        status.set(Mstatus::SPIE, true);
        status.set(Mstatus::SPP, false);
        // `sepc` holds no odd address, whoever wrote it.
        self.trap_return(to, VirtAddr(self.csrs.sepc.0 & !1));
    }

    /// Returns from a trap into M-mode: MRET.
    pub(crate) fn mret(&mut self) {
        let status = &mut self.csrs.mstatus;
        let to = status.mpp();
        status.set(Mstatus::MIE, status.has(Mstatus::MPIE));
        status.set(Mstatus::MPIE, true);
        status.set_mpp(Privilege::User);
        self.trap_return(to, VirtAddr(self.csrs.mepc.0 & !1));
    }

    fn trap_return(&mut self, to: Privilege, pc: VirtAddr) {
        self.reservation = None;
        if to < Privilege::Machine {
            self.csrs.mstatus.set(Mstatus::MPRV, false);
        }
        self.pc = pc;
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
        self.mmu.resume(ram, self.privilege, data, self.stamp());
    }

    /// Returns how loads and stores see memory now.
    pub fn data_view(&self) -> View {
        let status = self.csrs.mstatus;
        let privilege = if status.has(Mstatus::MPRV) { status.mpp() } else { self.privilege };
        View { privilege, sum: status.has(Mstatus::SUM), mxr: status.has(Mstatus::MXR) }
    }
}
