//! The frame that a signal handler finds on its stack (Linux 6.12 arch/riscv/kernel/signal.c, `struct rt_sigframe`).
//!
//! ```text
//!   sp ─▶ siginfo_t        128 bytes
//!         ucontext_t       uc_flags, uc_link, uc_stack, uc_sigmask, then at 176 the machine context:
//!                          pc, x1 … x31, then at 256 f0 … f31 and fcsr
//! ```
//! The frame is written through the hart's MMU, so that a stack page still shared after fork is copied by it.

use crate::ctx::Ctx;
use crate::task::signal::INFO_BYTES;
use crate::task::{Action, AlternateStack, SignalInfo, SignalSet};
use crate::{Errno, Reg, UserContext};
use tine_mmu::VirtAddr;

const STACK_AT: usize = INFO_BYTES + 16;
const SIGMASK_AT: usize = INFO_BYTES + 40;
const REGISTERS_AT: usize = INFO_BYTES + 176;
const FLOATS_AT: usize = REGISTERS_AT + 256;
const FCSR_AT: usize = FLOATS_AT + 256;
/// Size of the frame (`AT_MINSIGSTKSZ`).
pub(super) const FRAME_BYTES: usize = 1088;

/// `SA_ONSTACK`: the handler runs on the alternate stack.
const SA_ONSTACK: u64 = 0x0800_0000;
/// `SS_ONSTACK`: the task runs on its alternate stack now.
const SS_ONSTACK: u32 = 1;
/// `SS_DISABLE`: there is none.
const SS_DISABLE: u32 = 2;
/// `SS_AUTODISARM`: the stack is forgotten while a handler runs on it.
const SS_AUTODISARM: u32 = 1 << 31;
/// `MINSIGSTKSZ`: a smaller alternate stack is refused.
const LEAST_STACK_BYTES: u64 = 2048;
/// Size of `stack_t`: pointer, flags, size.
pub(crate) const STACK_BYTES: usize = 24;

impl AlternateStack {
    /// Tells whether a task with this stack pointer runs on it; one that is forgotten while it is in use never counts
    /// (on_sig_stack).
    const fn holds(&self, sp: u64) -> bool {
        self.flags & SS_AUTODISARM == 0 && self.contains(sp)
    }

    /// Encodes a `stack_t` for a task whose stack pointer is `sp`.
    pub(crate) fn saved_at(&self, sp: u64) -> [u8; STACK_BYTES] {
        let state = match self {
            Self { size: 0, .. } => SS_DISABLE,
            stack if stack.holds(sp) => SS_ONSTACK,
            _ => 0,
        };
        let mut bytes = [0; STACK_BYTES];
        bytes[..8].copy_from_slice(&self.base.to_le_bytes());
        bytes[8..12].copy_from_slice(&(self.flags | state).to_le_bytes());
        bytes[16..].copy_from_slice(&self.size.to_le_bytes());
        bytes
    }
}

impl Ctx<'_> {
    /// Sets the alternate stack from a `stack_t`, for a task whose stack pointer is `sp` (sigaltstack(2)).
    ///
    /// # Errors
    /// `EPERM` while the task runs on it, `EINVAL` for unknown flags, `ENOMEM` when it is too small for a frame.
    pub(crate) fn set_alternate_stack(&mut self, bytes: &[u8], sp: u64) -> Result<(), Errno> {
        let word = |at: usize| u64::from_le_bytes(std::array::from_fn(|index| bytes[at + index]));
        let (base, flags, size) = (word(0), word(8) as u32, word(16));
        let stack = self.task().alternate_stack;
        if stack.holds(sp) {
            return Err(Errno::EPERM);
        }
        let stack = match flags & !SS_AUTODISARM {
            SS_DISABLE => AlternateStack::default(),
            0 | SS_ONSTACK if size < LEAST_STACK_BYTES => return Err(Errno::ENOMEM),
            0 | SS_ONSTACK => AlternateStack { base, size, flags: flags & SS_AUTODISARM },
            _ => return Err(Errno::EINVAL),
        };
        self.task_mut().alternate_stack = stack;
        Ok(())
    }
}

/// Pushes a frame and points the task at its handler.
///
/// # Errors
/// `EFAULT` when the stack cannot be written.
pub(super) fn push(
    ctx: &mut Ctx<'_>,
    handler: VirtAddr,
    action: &Action,
    info: &SignalInfo,
) -> Result<(), Errno> {
    let hart = ctx.hart;
    let context = ctx.harts.save(hart);
    let sp = context.x[usize::from(Reg::SP.0)];
    let stack = ctx.task().alternate_stack;
    let switches = action.flags & SA_ONSTACK != 0 && stack.size > 0 && !stack.holds(sp);
    let top = if switches { stack.base.wrapping_add(stack.size) } else { sp };
    let frame = VirtAddr(top.wrapping_sub(FRAME_BYTES as u64) & !15);
    if stack.holds(sp) && !stack.holds(sp.wrapping_sub(FRAME_BYTES as u64)) {
        // It would run over the end of the alternate stack into whatever is there (get_sigframe).
        return Err(Errno::EFAULT);
    }
    // After rt_sigsuspend the handler returns to the mask from before the call.
    let blocked = ctx.task_mut().saved_blocked.take().unwrap_or(ctx.task().blocked);
    let bytes = encode(&context, blocked, stack.saved_at(sp), info);
    ctx.write_bytes(frame, &bytes).map_err(|_| Errno::EFAULT)?;
    let return_to = ctx.kernel.memory.space(ctx.mm()).layout.vdso + ctx.kernel.vdso.sigreturn;
    let set = |ctx: &mut Ctx<'_>, reg, value| ctx.harts.set_register(hart, reg, value);
    if stack.flags & SS_AUTODISARM != 0 {
        ctx.task_mut().alternate_stack = AlternateStack::default();
    }
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
    let sp = context.x[usize::from(Reg::SP.0)];
    ctx.harts.load(hart, &context);
    // A stack that cannot be set is left as it is (restore_altstack ignores errors).
    let _ = ctx.set_alternate_stack(&bytes[STACK_AT..STACK_AT + STACK_BYTES], sp);
    ctx.set_blocked(blocked);
    Ok(())
}

fn encode(context: &UserContext, blocked: SignalSet, stack: [u8; STACK_BYTES], info: &SignalInfo) -> Vec<u8> {
    let mut bytes = vec![0; FRAME_BYTES];
    let mut put = |at: usize, value: &[u8]| bytes[at..at + value.len()].copy_from_slice(value);
    put(0, &info.to_bytes());
    put(STACK_AT, &stack);
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
