//! The frame that a signal handler finds on its stack (Linux 6.12 arch/riscv/kernel/signal.c, `struct rt_sigframe`).
//!
//! ```text
//!   sp ─▶ siginfo_t        128 bytes
//!         ucontext_t       uc_flags, uc_link, uc_stack, uc_sigmask, then at 176 the machine context:
//!                          pc, x1 … x31, then at 256 f0 … f31 and fcsr
//! ```
//! The frame is written through the hart's MMU, so that a stack page still shared after fork is copied by it.

use crate::ctx::Ctx;
use crate::task::{SignalFields, SignalInfo, SignalSet};
use crate::{Errno, Reg, UserContext};
use tine_mmu::VirtAddr;

const INFO_BYTES: usize = 128;
const SIGMASK_AT: usize = INFO_BYTES + 40;
const REGISTERS_AT: usize = INFO_BYTES + 176;
const FLOATS_AT: usize = REGISTERS_AT + 256;
const FCSR_AT: usize = FLOATS_AT + 256;
/// Size of the frame: the kernel's `MINSIGSTKSZ` is made of it.
pub(super) const FRAME_BYTES: usize = 1088;

/// Pushes a frame and points the task at its handler.
///
/// # Errors
/// `EFAULT` when the stack cannot be written.
pub(super) fn push(ctx: &mut Ctx<'_>, handler: VirtAddr, info: &SignalInfo) -> Result<(), Errno> {
    let hart = ctx.hart;
    let context = ctx.harts.save(hart);
    let sp = context.x[usize::from(Reg::SP.0)];
    let frame = VirtAddr(sp.wrapping_sub(FRAME_BYTES as u64) & !15);
    // After rt_sigsuspend the handler returns to the mask from before the call.
    let blocked = ctx.task_mut().saved_blocked.take().unwrap_or(ctx.task().blocked);
    let bytes = encode(&context, blocked, info);
    ctx.write_bytes(frame, &bytes).map_err(|_| Errno::EFAULT)?;
    let return_to = ctx.kernel.memory.space(ctx.mm()).layout.vdso + ctx.kernel.vdso.sigreturn;
    let set = |ctx: &mut Ctx<'_>, reg, value| ctx.harts.set_register(hart, reg, value);
    set(ctx, Reg::RA, return_to.0);
    set(ctx, Reg::SP, frame.0);
    set(ctx, Reg::argument(0), u64::from(info.signal.number()));
    set(ctx, Reg::argument(1), frame.0);
    set(ctx, Reg::argument(2), frame.0 + INFO_BYTES as u64);
    ctx.harts.set_pc(hart, handler.0);
    Ok(())
}

/// Takes the frame at the stack pointer back: registers and mask are as they were before the handler.
///
/// # Errors
/// `EFAULT` when the frame cannot be read.
pub(crate) fn pop(ctx: &mut Ctx<'_>) -> Result<(), Errno> {
    let hart = ctx.hart;
    let frame = VirtAddr(ctx.harts.register(hart, Reg::SP));
    let mut bytes = vec![0; FRAME_BYTES];
    ctx.read_bytes(frame, &mut bytes).map_err(|_| Errno::EFAULT)?;
    let (context, blocked) = decode(&bytes);
    ctx.harts.load(hart, &context);
    ctx.task_mut().blocked = blocked;
    Ok(())
}

fn encode(context: &UserContext, blocked: SignalSet, info: &SignalInfo) -> Vec<u8> {
    let mut bytes = vec![0; FRAME_BYTES];
    let mut put = |at: usize, value: &[u8]| bytes[at..at + value.len()].copy_from_slice(value);
    put(0, &(info.signal.number()).to_le_bytes());
    put(8, &info.code.to_le_bytes());
    match info.fields {
        SignalFields::Sender(pid) => put(16, &pid.0.to_le_bytes()),
        SignalFields::Address(at) => put(16, &at.0.to_le_bytes()),
        SignalFields::Child(pid, status) => {
            put(16, &pid.0.to_le_bytes());
            put(24, &status.to_le_bytes());
        }
    }
    put(SIGMASK_AT, &blocked.bits().to_le_bytes());
    put(REGISTERS_AT, &context.pc.to_le_bytes());
    for (index, value) in context.x.iter().enumerate().skip(1) {
        put(REGISTERS_AT + 8 * index, &value.to_le_bytes());
    }
    for (index, value) in context.f.iter().enumerate() {
        put(FLOATS_AT + 8 * index, &value.to_le_bytes());
    }
    put(FCSR_AT, &context.fcsr.to_le_bytes());
    bytes
}

fn decode(bytes: &[u8]) -> (UserContext, SignalSet) {
    let word = |at: usize| u64::from_le_bytes(std::array::from_fn(|index| bytes[at + index]));
    let mut context =
        UserContext { pc: word(REGISTERS_AT), fcsr: word(FCSR_AT) as u32, ..UserContext::default() };
    for (index, value) in context.x.iter_mut().enumerate().skip(1) {
        *value = word(REGISTERS_AT + 8 * index);
    }
    for (index, value) in context.f.iter_mut().enumerate() {
        *value = word(FLOATS_AT + 8 * index);
    }
    (context, SignalSet::mask(word(SIGMASK_AT)))
}
