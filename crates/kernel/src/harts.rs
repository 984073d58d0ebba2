//! What the kernel needs of the processors it runs on.
//!
//! The kernel owns this trait, so that its tests drive it with a scripted CPU and no interpreter. It reaches user memory
//! only through [`Harts::copy_in`] and its siblings (S-mode accesses through the hart's own MMU with `sstatus.SUM` set), and
//! changes mappings only by writing PTEs into [`Harts::ram`] and executing [`Harts::sfence_vma`].

use crate::HartId;
use tine_mmu::{Access, Asid, Fence, MmuCounters, Ppn, Privilege, Ram, VirtAddr};

/// An integer register, by the number that instructions use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reg(pub u8);

impl Reg {
    /// Return address.
    pub const RA: Self = Self(1);
    /// Stack pointer.
    pub const SP: Self = Self(2);
    /// Thread pointer.
    pub const TP: Self = Self(4);
    /// First argument and return value.
    pub const A0: Self = Self(10);
    /// System-call number.
    pub const A7: Self = Self(17);

    /// Returns the register of the system-call argument with this index.
    pub const fn argument(index: usize) -> Self {
        Self(Self::A0.0 + index as u8)
    }
}

/// The user-mode registers of a task that is not on a hart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserContext {
    /// Integer registers; `x[0]` is 0.
    pub x: [u64; 32],
    /// Floating-point registers, NaN-boxed where they hold singles.
    pub f: [u64; 32],
    /// Floating-point control and status register.
    pub fcsr: u32,
    /// Where the task goes on.
    pub pc: u64,
}

/// An interrupt that the supervisor takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interrupt {
    /// Another hart has something for the task that runs here: a signal.
    Software,
    /// A time slice is over, or a timer has fired.
    Timer,
}

/// Why a trap was taken: the exception codes of `scause` that can reach the supervisor here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// An interrupt: no instruction caused the trap.
    Interrupt(Interrupt),
    /// ECALL from U-mode.
    SystemCall,
    /// EBREAK.
    Breakpoint,
    /// An encoding that means nothing, or means nothing to U-mode.
    IllegalInstruction,
    /// An address that the access may not have.
    Misaligned(Access),
    /// Physical memory that is not there.
    AccessFault(Access),
    /// No translation, or one that forbids the access.
    PageFault(Access),
}

impl Cause {
    /// Decodes `scause`. A code that U-mode cannot raise reads as an illegal instruction.
    pub const fn from_scause(scause: u64) -> Self {
        match scause {
            SOFTWARE => Self::Interrupt(Interrupt::Software),
            TIMER => Self::Interrupt(Interrupt::Timer),
            0 => Self::Misaligned(Access::Fetch),
            1 => Self::AccessFault(Access::Fetch),
            3 => Self::Breakpoint,
            4 => Self::Misaligned(Access::Load),
            5 => Self::AccessFault(Access::Load),
            6 => Self::Misaligned(Access::Store),
            7 => Self::AccessFault(Access::Store),
            8 => Self::SystemCall,
            12 => Self::PageFault(Access::Fetch),
            13 => Self::PageFault(Access::Load),
            15 => Self::PageFault(Access::Store),
            _ => Self::IllegalInstruction,
        }
    }
}

/// `scause` of the supervisor software interrupt.
const SOFTWARE: u64 = 1 << 63 | 1;
/// `scause` of the supervisor timer interrupt.
const TIMER: u64 = 1 << 63 | 5;

/// A set of harts, of which there are at most 64.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HartSet(u64);

impl HartSet {
    /// Adds a hart.
    pub const fn insert(&mut self, hart: HartId) {
        self.0 |= 1 << hart.0;
    }

    /// Takes all harts out.
    pub const fn clear(&mut self) {
        self.0 = 0;
    }

    /// Returns the harts, lowest number first.
    pub fn iter(self) -> impl Iterator<Item = HartId> {
        let rest = |rest: &u64| Some(rest & (rest - 1)).filter(|rest| *rest != 0);
        std::iter::successors(Some(self.0).filter(|all| *all != 0), rest)
            .map(|rest| HartId(rest.trailing_zeros()))
    }
}

/// A trap that was taken into S-mode: the CSRs as the hart set them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trap {
    /// What happened; [`Trap::scause`] has it as the hart encodes it.
    pub cause: Cause,
    /// Address or instruction bits that go with the cause.
    pub stval: u64,
    /// The pc of the instruction that trapped.
    pub sepc: u64,
    /// The privilege that trapped (`sstatus.SPP`).
    pub spp: Privilege,
}

impl Trap {
    /// Returns `scause` (Privileged ISA, "Supervisor Cause Register").
    pub const fn scause(&self) -> u64 {
        match self.cause {
            Cause::Interrupt(Interrupt::Software) => SOFTWARE,
            Cause::Interrupt(Interrupt::Timer) => TIMER,
            Cause::Misaligned(Access::Fetch) => 0,
            Cause::AccessFault(Access::Fetch) => 1,
            Cause::IllegalInstruction => 2,
            Cause::Breakpoint => 3,
            Cause::Misaligned(Access::Load) => 4,
            Cause::AccessFault(Access::Load) => 5,
            Cause::Misaligned(Access::Store) => 6,
            Cause::AccessFault(Access::Store) => 7,
            Cause::SystemCall => 8,
            Cause::PageFault(Access::Fetch) => 12,
            Cause::PageFault(Access::Load) => 13,
            Cause::PageFault(Access::Store) => 15,
        }
    }
}

/// An instruction that has retired.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetiredInstruction {
    /// Where it is.
    pub pc: VirtAddr,
    /// Its encoding; a compressed one in the low half.
    pub bits: u32,
    /// The first byte of data that it accessed, where it accesses data.
    pub address: Option<VirtAddr>,
}

/// A supervisor access to user memory that faulted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CopyFault {
    /// Bytes that were copied before the fault.
    pub done: usize,
    /// The address that faulted.
    pub at: VirtAddr,
    /// Whether a load or a store was tried.
    pub access: Access,
}

/// The processors and the memory that they share.
pub trait Harts {
    /// Returns how many harts there are.
    fn count(&self) -> u32;

    /// Returns guest RAM, as the supervisor's direct map reaches it.
    fn ram(&mut self) -> &mut Ram;

    /// Returns the integer registers of the task on `hart`.
    fn registers(&self, hart: HartId) -> &[u64; 32];

    /// Reads an integer register of the task on `hart`.
    fn register(&self, hart: HartId, reg: Reg) -> u64 {
        self.registers(hart)[usize::from(reg.0)]
    }

    /// Writes an integer register of the task on `hart`; `x0` stays 0.
    fn set_register(&mut self, hart: HartId, reg: Reg, value: u64);

    /// Returns the pc to which `hart` will return (`sepc`).
    fn pc(&self, hart: HartId) -> u64;

    /// Sets the pc to which `hart` will return.
    fn set_pc(&mut self, hart: HartId, pc: u64);

    /// Returns the user registers of `hart`.
    fn save(&self, hart: HartId) -> UserContext;

    /// Replaces the user registers of `hart`.
    fn load(&mut self, hart: HartId, context: &UserContext);

    /// Returns to U-mode (SRET) if the hart is in S-mode, and runs until it traps or has retired exactly `budget`
    /// instructions; `None` when the budget is used up and the hart is still in U-mode.
    fn run(&mut self, hart: HartId, budget: u64) -> Option<Trap>;

    /// Runs like [`Harts::run`] and tells the watcher of every instruction that retires. A processor that has none, such as a
    /// scripted one, has nothing to tell.
    fn run_watched(
        &mut self,
        hart: HartId,
        budget: u64,
        _watch: &mut dyn FnMut(RetiredInstruction),
    ) -> Option<Trap> {
        self.run(hart, budget)
    }

    /// Takes a supervisor interrupt on a hart that is in U-mode.
    fn interrupt(&mut self, hart: HartId, interrupt: Interrupt) -> Trap;

    /// Returns how many instructions `hart` has retired since it was made.
    fn retired(&self, hart: HartId) -> u64;

    /// Sets what `rdtime` reads on `hart` now, in nanoseconds.
    fn set_time(&mut self, hart: HartId, now_ns: u64);

    /// Takes what `hart` counted since the last call, and starts again from zero.
    fn take_counters(&mut self, hart: HartId) -> MmuCounters;

    /// Copies user memory in as S-mode with SUM set: the same TLB, walk and faults as a guest load.
    ///
    /// # Errors
    /// [`CopyFault`] with the bytes done before the fault.
    fn copy_in(&mut self, hart: HartId, from: VirtAddr, to: &mut [u8]) -> Result<(), CopyFault>;

    /// Copies to user memory as S-mode with SUM set: the same TLB, walk and faults as a guest store.
    ///
    /// # Errors
    /// [`CopyFault`] with the bytes done before the fault.
    fn copy_out(&mut self, hart: HartId, to: VirtAddr, from: &[u8]) -> Result<(), CopyFault>;

    /// Replaces the aligned word at `at` by `new` if it holds `old`, and returns what it held.
    ///
    /// # Errors
    /// [`CopyFault`] when the word cannot be written.
    fn compare_exchange(&mut self, hart: HartId, at: VirtAddr, old: u32, new: u32) -> Result<u32, CopyFault>;

    /// Writes `satp`, which flushes nothing, as the ISA says, and drops the hart's LR reservation.
    fn set_satp(&mut self, hart: HartId, root: Ppn, asid: Asid);

    /// Executes SFENCE.VMA on `hart`.
    fn sfence_vma(&mut self, hart: HartId, fence: Fence);

    /// Sends `fence` from `hart` to `target` (a remote fence: counted on `hart`, done on `target`).
    fn remote_sfence_vma(&mut self, hart: HartId, target: HartId, fence: Fence);

    /// Executes FENCE.I on every hart, after code was changed.
    fn fence_i(&mut self);
}
