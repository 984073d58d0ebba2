//! Accesses to devices: loads and stores that go to a physical address where there is no RAM.
//!
//! The hart knows no device. Where guest code is the supervisor it stops before the instruction retires and says what it
//! asks for ([`DeviceAccess`]); whoever runs it asks the devices and gives the answer to [`Hart::finish`], which completes
//! the instruction or has it trap.

use crate::trap::Trap;
use crate::{Hart, Observer, Retired, Supervisor, bytes};
use tine_isa::{Format, Insn, Op};
use tine_mmu::{Access, MemoryFault, MemoryFaultKind, PhysAddr, VirtAddr};

/// What a load or store asks of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeviceAccess {
    /// Where: a multiple of the length.
    pub at: PhysAddr,
    /// How many bytes: 1, 2, 4 or 8.
    pub len: usize,
    /// The bytes of a store, in the low `len`; none of a load.
    pub stored: Option<[u8; 8]>,
    /// The address that the instruction names.
    pub address: VirtAddr,
    /// The instruction, and its encoding where it is traced.
    insn: Insn,
    pub(crate) bits: u32,
}

impl Hart {
    /// Keeps what an instruction asks of a device, if that is why it does not go on.
    pub(crate) fn note_device_access(&mut self, insn: &Insn, trap: &Trap) {
        if self.supervisor == Supervisor::Native {
            return;
        }
        let (Some(at), Some((len, access))) = (trap.outside, plain_access(insn.op)) else { return };
        let address = self.effective_address(insn);
        // What is misaligned, or partly RAM, is no business of a device: not even where its second part begins there.
        if address.0.is_multiple_of(len as u64) {
            let stored = (access == Access::Store).then(|| self.stored_by(insn).to_le_bytes());
            self.asked = Some(DeviceAccess { at, len, stored, address, insn: *insn, bits: 0 });
        }
    }

    /// Completes the instruction that asked for a device, with the bytes that a load receives in the low ones; `None`
    /// where no device is there or it refuses, which traps.
    ///
    /// `observer` is told what becomes of it.
    pub fn finish(
        &mut self,
        access: &DeviceAccess,
        answer: Option<[u8; 8]>,
        observer: Option<&mut dyn Observer>,
    ) {
        let DeviceAccess { insn, address, stored, bits, .. } = *access;
        let Some(bytes) = answer else {
            let access = if stored.is_some() { Access::Store } else { Access::Load };
            let fault = MemoryFault { kind: MemoryFaultKind::Access, access, at: address };
            let trap = Trap::from(fault);
            if let Some(observer) = observer {
                observer.trapped(self, trap.cause, trap.tval);
            }
            self.enter_trap(trap);
            return;
        };
        let before = self.before();
        let [b0, b1, b2, b3, ..] = bytes;
        match insn.op {
            Op::Lb => self.set_x(insn.rd, bytes::lb([b0])),
            Op::Lbu => self.set_x(insn.rd, bytes::lbu([b0])),
            Op::Lh => self.set_x(insn.rd, bytes::lh([b0, b1])),
            Op::Lhu => self.set_x(insn.rd, bytes::lhu([b0, b1])),
            Op::Lw => self.set_x(insn.rd, bytes::lw([b0, b1, b2, b3])),
            Op::Lwu => self.set_x(insn.rd, bytes::lwu([b0, b1, b2, b3])),
            Op::Ld => self.set_x(insn.rd, bytes::ld(bytes)),
            Op::Flh => self.set_f(insn.rd, bytes::flh([b0, b1])),
            Op::Flw => self.set_f(insn.rd, bytes::flw([b0, b1, b2, b3])),
            Op::Fld => self.set_f(insn.rd, bytes::ld(bytes)),
            _ => {}
        }
        let pc = self.pc;
        self.pc = self.pc + u64::from(insn.len);
        self.instructions.retire(self.privilege, 1);
        if let Some(observer) = observer {
            let stored = stored.map(u64::from_le_bytes);
            let retired = Retired { pc, bits, insn, address: Some(address), stored, raised: 0, before };
            observer.retired(self, &retired);
        }
    }
}

/// Returns the width of a load or store that a device can serve, and which of them it is. LR, SC and AMOs are not among
/// them: they work on RAM alone.
fn plain_access(op: Op) -> Option<(usize, Access)> {
    let access = match op.format() {
        Format::Load | Format::FLoad => Access::Load,
        Format::Store | Format::FStore => Access::Store,
        _ => return None,
    };
    Some((op.access_bytes()?, access))
}
