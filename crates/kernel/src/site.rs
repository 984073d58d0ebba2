//! Where in a program something happened: the facts from which a name and a source line can be found.

use crate::MmId;
use crate::mm::Place;
use tine_mmu::VirtAddr;

/// Where a program was when something happened. The kernel reads no symbols; whoever shows the event does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    /// The address space.
    pub mm: MmId,
    /// The instruction, or the one behind the ECALL for what a system call did.
    pub pc: u64,
    /// Whether `pc` is that of the next instruction.
    pub is_after_call: bool,
    /// What the instruction belongs to.
    pub code: Option<Place>,
    /// The registers `x0` to `x31`.
    pub registers: [u64; 32],
    /// What the address that the event is about belongs to.
    pub data: Option<Place>,
    /// That address.
    pub at: VirtAddr,
}
