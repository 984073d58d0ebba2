//! ioctl(2) on sockets: their queues, and the one interface, `lo` (netdevice(7); Linux 6.12 net/core/dev_ioctl.c).

use crate::Errno;
use crate::ctx::Ctx;
use crate::fs::{Domain, LOOPBACK_INDEX, OpenId};
use crate::syscall::SysResult;
use crate::syscall::args::UserPtr;
use tine_mmu::VirtAddr;

const SIOCINQ: u32 = 0x541b;
const SIOCOUTQ: u32 = 0x5411;
const SIOCATMARK: u32 = 0x8905;
const SIOCGIFNAME: u32 = 0x8910;
const SIOCGIFCONF: u32 = 0x8912;
const SIOCGIFFLAGS: u32 = 0x8913;
const SIOCGIFADDR: u32 = 0x8915;
const SIOCGIFBRDADDR: u32 = 0x8919;
const SIOCGIFNETMASK: u32 = 0x891b;
const SIOCGIFMETRIC: u32 = 0x891d;
const SIOCGIFMTU: u32 = 0x8921;
const SIOCGIFHWADDR: u32 = 0x8927;
const SIOCGIFINDEX: u32 = 0x8933;
const SIOCGIFTXQLEN: u32 = 0x8942;

/// Size of `struct ifreq`: a name of 16 bytes, and 24 whose meaning the request decides.
const IFREQ_BYTES: usize = 40;
const NAME_BYTES: usize = 16;
const LOOPBACK: &[u8; 3] = b"lo\0";
/// `IFF_UP | IFF_LOOPBACK | IFF_RUNNING`.
const LOOPBACK_FLAGS: u16 = 0x49;
const LOOPBACK_MTU: u32 = 65_536;
/// `ARPHRD_LOOPBACK`.
const LOOPBACK_TYPE: u16 = 772;

/// Serves a request for a socket.
pub(in crate::syscall) fn ioctl(
    ctx: &mut Ctx<'_>,
    open: OpenId,
    request: u32,
    argument: VirtAddr,
) -> SysResult {
    let count = match request {
        SIOCINQ => ctx.kernel.fs.unreceived_bytes(open)?,
        SIOCOUTQ => ctx.kernel.fs.unsent_bytes(open)?,
        SIOCATMARK => usize::from(ctx.kernel.fs.is_at_mark(open)?),
        SIOCGIFCONF => return list(ctx, argument),
        SIOCGIFNAME..=SIOCGIFTXQLEN => return describe(ctx, open, request, argument),
        _ => return Err(Errno::ENOTTY.into()),
    };
    ctx.write(UserPtr::new(argument), i32::try_from(count).unwrap_or(i32::MAX))?;
    Ok(0)
}

/// Returns an IPv4 address as `struct sockaddr_in` has it.
fn inet(address: [u8; 4]) -> Vec<u8> {
    [&(Domain::Inet as u16).to_le_bytes()[..], &[0; 2], &address, &[0; 8]].concat()
}

fn loopback(rest: &[u8]) -> Vec<u8> {
    let mut bytes = LOOPBACK.to_vec();
    bytes.resize(NAME_BYTES, 0);
    bytes.extend_from_slice(rest);
    bytes.resize(IFREQ_BYTES, 0);
    bytes
}

/// `SIOCGIFCONF`: the interfaces that have an IPv4 address, in `struct ifconf`.
fn list(ctx: &mut Ctx<'_>, argument: VirtAddr) -> SysResult {
    let [len, to] = ctx.read(UserPtr::<[u64; 2]>::new(argument))?;
    let mut told = IFREQ_BYTES as i32;
    if to != 0 {
        if (len as i32) < told {
            told = 0;
        } else {
            ctx.write_bytes(VirtAddr(to), &loopback(&inet([127, 0, 0, 1]))).map_err(|_| Errno::EFAULT)?;
        }
    }
    ctx.write(UserPtr::new(argument), told)?;
    Ok(0)
}

/// Answers what one asks of an interface by its name, or for its name.
fn describe(ctx: &mut Ctx<'_>, open: OpenId, request: u32, argument: VirtAddr) -> SysResult {
    let mut asked = vec![0; IFREQ_BYTES];
    ctx.read_bytes(argument, &mut asked).map_err(|_| Errno::EFAULT)?;
    let is_named = asked.starts_with(LOOPBACK);
    let is_numbered = asked[NAME_BYTES..NAME_BYTES + 4] == LOOPBACK_INDEX.to_le_bytes();
    let is_inet = ctx.kernel.fs.socket_spec(open)?.domain == Domain::Inet;
    let answer = match request {
        SIOCGIFNAME if is_numbered => LOOPBACK_INDEX.to_le_bytes().to_vec(),
        _ if !is_named => return Err(Errno::ENODEV.into()),
        SIOCGIFFLAGS => LOOPBACK_FLAGS.to_le_bytes().to_vec(),
        SIOCGIFADDR if is_inet => inet([127, 0, 0, 1]),
        SIOCGIFBRDADDR if is_inet => inet([0; 4]),
        SIOCGIFNETMASK if is_inet => inet([255, 0, 0, 0]),
        SIOCGIFMETRIC => vec![0; 4],
        SIOCGIFMTU => LOOPBACK_MTU.to_le_bytes().to_vec(),
        SIOCGIFHWADDR => LOOPBACK_TYPE.to_le_bytes().to_vec(),
        SIOCGIFINDEX => LOOPBACK_INDEX.to_le_bytes().to_vec(),
        SIOCGIFTXQLEN => 1000_u32.to_le_bytes().to_vec(),
        _ => return Err(Errno::ENOTTY.into()),
    };
    ctx.write_bytes(argument, &loopback(&answer)).map_err(|_| Errno::EFAULT)?;
    Ok(0)
}
