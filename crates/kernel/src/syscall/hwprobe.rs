//! What the harts can do, for programs that choose their code by it (Linux 6.12 Documentation/arch/riscv/hwprobe.rst).

use super::SysResult;
use super::args::UserPtr;
use crate::ctx::Ctx;
use crate::mm::TASK_SIZE;
use crate::{Errno, InstructionSet};
use tine_mmu::VirtAddr;

/// Size of `struct riscv_hwprobe`: a key and its value.
const PAIR_BYTES: u64 = 16;
/// What is stored in place of a key that is not known.
const UNKNOWN_KEY: i64 = -1;

/// `RISCV_HWPROBE_WHICH_CPUS`: the values are given, and the harts that have them asked for.
const WHICH_CPUS: u32 = 1;

/// `riscv_hwprobe(2)`: stores a value beside each key, or clears the harts from a set that have other values.
pub(super) fn riscv_hwprobe(
    ctx: &mut Ctx<'_>,
    pairs: VirtAddr,
    count: u64,
    set_bytes: u64,
    harts: VirtAddr,
    flags: u32,
) -> SysResult {
    if flags == WHICH_CPUS {
        return which_harts(ctx, pairs, count, set_bytes, harts);
    }
    if flags != 0 || (set_bytes == 0) != (harts.0 == 0) {
        return Err(Errno::EINVAL.into());
    }
    if harts.0 != 0 && !names_a_hart(ctx, harts, set_bytes)? {
        return Err(Errno::EINVAL.into());
    }
    for index in 0..count {
        let at = pairs + index * PAIR_BYTES;
        let key: i64 = ctx.read(UserPtr::new(at))?;
        let (key, value) = match value_of(&ctx.kernel.settings.isa, key) {
            Some(value) => (key, value),
            None => (UNKNOWN_KEY, 0),
        };
        ctx.write(UserPtr::new(at), [key, value as i64])?;
    }
    Ok(0)
}

/// Leaves in the set the harts that have at least what the pairs say; all harts are the same.
fn which_harts(ctx: &mut Ctx<'_>, pairs: VirtAddr, count: u64, set_bytes: u64, harts: VirtAddr) -> SysResult {
    /// As many bytes as the largest set that there is has.
    const MOST_BYTES: u64 = 8;
    if set_bytes == 0 || harts.0 == 0 {
        return Err(Errno::EINVAL.into());
    }
    let mut set = [0; MOST_BYTES as usize];
    let set_bytes = set_bytes.min(MOST_BYTES) as usize;
    ctx.read_bytes(harts, &mut set[..set_bytes]).map_err(|_| Errno::EFAULT)?;
    let online = u64::MAX >> (64 - u64::from(ctx.kernel.sched.hart_count()).min(64));
    let asked = match u64::from_le_bytes(set) {
        0 => online,
        set => set & online,
    };
    let mut all_have = true;
    for index in 0..count {
        let at = pairs + index * PAIR_BYTES;
        let [key, value]: [i64; 2] = ctx.read(UserPtr::new(at))?;
        match value_of(&ctx.kernel.settings.isa, key) {
            Some(actual) if is_set_of_bits(key) => all_have &= actual & value as u64 == value as u64,
            Some(actual) => all_have &= actual == value as u64,
            None => {
                ctx.write(UserPtr::new(at), [UNKNOWN_KEY, 0])?;
                all_have = false;
            }
        }
    }
    let left = if all_have { asked } else { 0 };
    ctx.write_bytes(harts, &left.to_le_bytes()[..set_bytes]).map_err(|_| Errno::EFAULT)?;
    Ok(0)
}

/// Tells whether a hart that has more than is asked for has what is asked for.
const fn is_set_of_bits(key: i64) -> bool {
    matches!(key, 3..=5)
}

/// Tells whether a set of harts names one that there is.
fn names_a_hart(ctx: &mut Ctx<'_>, set: VirtAddr, set_bytes: u64) -> Result<bool, Errno> {
    let count = u64::from(ctx.kernel.sched.hart_count());
    let mut bytes = vec![0; set_bytes.min(count.div_ceil(8)) as usize];
    ctx.read_bytes(set, &mut bytes).map_err(|_| Errno::EFAULT)?;
    Ok((0..count).any(|hart| bytes.get((hart / 8) as usize).is_some_and(|byte| byte & 1 << (hart % 8) != 0)))
}

/// Returns what every hart answers to the keys, which are numbered from zero.
pub(crate) fn answers(isa: &InstructionSet) -> Vec<u64> {
    (0..).map_while(|key| value_of(isa, key)).collect()
}

/// Returns what every hart answers to a key.
fn value_of(isa: &InstructionSet, key: i64) -> Option<u64> {
    const MVENDORID: i64 = 0;
    const MARCHID: i64 = 1;
    const MIMPID: i64 = 2;
    const BASE_BEHAVIOR: i64 = 3;
    const IMA_EXT_0: i64 = 4;
    const CPUPERF_0: i64 = 5;
    const ZICBOZ_BLOCK_SIZE: i64 = 6;
    const HIGHEST_VIRT_ADDRESS: i64 = 7;
    const TIME_CSR_FREQ: i64 = 8;
    const MISALIGNED_SCALAR_PERF: i64 = 9;
    /// `RISCV_HWPROBE_BASE_BEHAVIOR_IMA`.
    const IMA: u64 = 1;
    /// `RISCV_HWPROBE_MISALIGNED_SCALAR_FAST`: an access costs one instruction wherever it is.
    const FAST: u64 = 3;
    match key {
        MVENDORID | MARCHID | MIMPID => Some(0),
        BASE_BEHAVIOR => Some(IMA),
        IMA_EXT_0 => Some(isa.hwprobe_bits()),
        ZICBOZ_BLOCK_SIZE => Some(isa.zeroed_block_bytes()),
        CPUPERF_0 | MISALIGNED_SCALAR_PERF => Some(FAST),
        HIGHEST_VIRT_ADDRESS => Some(TASK_SIZE - 1),
        TIME_CSR_FREQ => Some(1_000_000_000),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_agree_with_the_instruction_set() {
        let value_of = |key| value_of(&InstructionSet::default(), key);
        assert_eq!(value_of(4), Some(0x2800_0000_0003), "F, D and C, and no extension beyond RV64GC");
        assert_eq!(value_of(7), Some((1 << 38) - 1), "Sv39 leaves user programs the lower half");
        assert_eq!(value_of(99), None);
        assert_eq!(value_of(-1), None);
    }
}
