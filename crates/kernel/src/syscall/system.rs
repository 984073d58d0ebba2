//! Calls about the system as a whole.

use super::SysResult;
use super::types::{InBuffer, OutBuffer, RandomFlags};
use crate::Errno;
use crate::creds::Capabilities;
use crate::ctx::Ctx;
use tine_mmu::{PAGE_SIZE, VirtAddr};

/// What uname(2) and `/proc/version` say.
pub(crate) const RELEASE: &str = "6.12.0-tine";
/// The `version` field of uname(2).
pub(crate) const VERSION: &str = "#1 SMP Tine";

/// Bytes of each name, without the NUL (`__NEW_UTS_LEN`).
const NAME_BYTES: usize = 64;

/// What the machine is called, and may be called otherwise.
#[derive(Clone, Debug)]
pub(crate) struct HostNames {
    /// The `nodename` field of uname(2).
    pub(crate) host: Vec<u8>,
    /// The `domainname` field.
    pub(crate) domain: Vec<u8>,
}

impl Default for HostNames {
    fn default() -> Self {
        Self { host: b"tine".to_vec(), domain: b"(none)".to_vec() }
    }
}

/// `uname(2)`.
pub(super) fn uname(ctx: &mut Ctx<'_>, to: VirtAddr) -> SysResult {
    const FIELD_BYTES: usize = NAME_BYTES + 1;
    let HostNames { host, domain } = &ctx.kernel.host_names;
    let fields: [&[u8]; 6] =
        [b"Linux", host.as_slice(), RELEASE.as_bytes(), VERSION.as_bytes(), b"riscv64", domain.as_slice()];
    let mut bytes = vec![0; FIELD_BYTES * fields.len()];
    for (field, text) in bytes.chunks_exact_mut(FIELD_BYTES).zip(fields) {
        field[..text.len()].copy_from_slice(text);
    }
    ctx.write_bytes(to, &bytes).map_err(|_| Errno::EFAULT)?;
    Ok(0)
}

/// Reads a name that the caller may give the machine.
///
/// # Errors
/// `EPERM`, `EINVAL` for a length that no name has, `EFAULT`.
fn read_name(ctx: &mut Ctx<'_>, name: VirtAddr, len: i32) -> Result<Vec<u8>, Errno> {
    if !ctx.credentials().can(Capabilities::SYS_ADMIN) {
        return Err(Errno::EPERM);
    }
    let len = usize::try_from(len).ok().filter(|len| *len <= NAME_BYTES).ok_or(Errno::EINVAL)?;
    let mut bytes = vec![0; len];
    ctx.read_bytes(name, &mut bytes).map_err(|_| Errno::EFAULT)?;
    bytes.truncate(bytes.iter().position(|byte| *byte == 0).unwrap_or(len));
    Ok(bytes)
}

/// `sethostname(2)`.
pub(super) fn sethostname(ctx: &mut Ctx<'_>, name: InBuffer, len: i32) -> SysResult {
    ctx.kernel.host_names.host = read_name(ctx, name.0, len)?;
    Ok(0)
}

/// `setdomainname(2)`.
pub(super) fn setdomainname(ctx: &mut Ctx<'_>, name: InBuffer, len: i32) -> SysResult {
    ctx.kernel.host_names.domain = read_name(ctx, name.0, len)?;
    Ok(0)
}

/// `personality(2)`: `ADDR_NO_RANDOMIZE` is obeyed, everything else is only kept.
pub(super) fn personality(ctx: &mut Ctx<'_>, persona: u32) -> SysResult {
    const ASK: u32 = u32::MAX;
    let process = ctx.process_mut();
    let before = process.personality;
    if persona != ASK {
        process.personality = persona;
    }
    Ok(u64::from(before))
}

/// `sysinfo(2)`: `struct sysinfo` with a unit of one byte.
pub(super) fn sysinfo(ctx: &mut Ctx<'_>, to: VirtAddr) -> SysResult {
    const BYTES: usize = 112;
    let gauges = ctx.kernel.memory.frames().gauges();
    let (total, free) = (gauges.total * PAGE_SIZE, (gauges.total - gauges.in_use) * PAGE_SIZE);
    let mut bytes = [0; BYTES];
    let mut put = |at: usize, value: &[u8]| bytes[at..at + value.len()].copy_from_slice(value);
    put(0, &(ctx.now_ns() / 1_000_000_000).to_le_bytes());
    put(32, &total.to_le_bytes());
    put(40, &free.to_le_bytes());
    put(80, &(ctx.kernel.tasks.task_count() as u16).to_le_bytes());
    put(104, &1_u32.to_le_bytes());
    ctx.write_bytes(to, &bytes).map_err(|_| Errno::EFAULT)?;
    Ok(0)
}

/// `getrandom(2)`: the run's own generator, fixed by `--seed`.
pub(super) fn getrandom(ctx: &mut Ctx<'_>, buffer: OutBuffer, len: u64, flags: RandomFlags) -> SysResult {
    const KNOWN: u32 = 7;
    /// `GRND_RANDOM` and `GRND_INSECURE` contradict each other.
    const CONTRADICTION: u32 = 6;
    if flags.0 & !KNOWN != 0 || flags.0 & CONTRADICTION == CONTRADICTION {
        return Err(Errno::EINVAL.into());
    }
    let mut done = 0;
    let len = len.min(i32::MAX as u64);
    while done < len {
        let mut bytes = vec![0; (len - done).min(PAGE_SIZE) as usize];
        ctx.kernel.fs.random().fill(&mut bytes);
        match ctx.write_bytes(buffer.0 + done, &bytes) {
            Ok(()) => done += bytes.len() as u64,
            Err(copied) if done + copied as u64 > 0 => return Ok(done + copied as u64),
            Err(_) => return Err(Errno::EFAULT.into()),
        }
    }
    Ok(done)
}
