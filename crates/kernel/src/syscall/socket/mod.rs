//! Calls on sockets: those that make, name, connect and steer them are here; `send.rs` and `receive.rs` move messages,
//! `header.rs` reads and writes `struct msghdr`, `ioctl.rs` tells
//! of queues and of the interface, `../socket_types.rs` says how strace prints it all.

mod header;
mod ioctl;
mod receive;
mod send;

use super::socket_types::*;
pub(super) use ioctl::ioctl as socket_ioctl;
pub(super) use receive::{readv as read_socket, recvfrom, recvmmsg, recvmsg};
pub(super) use send::{sendmmsg, sendmsg, sendto, writev as write_socket};

use super::args::UserPtr;
use super::show::Restart;
use super::{Continuation, Flow, SysResult};
use crate::ctx::Ctx;
use crate::fs::{Caller, Domain, Kind, MAX_ADDRESS, OnExec, OpenFlags, OpenId, Spec, Stop, Wait};
use crate::task::WaitKey;
use crate::{Errno, Fd};
use receive::Receive;
use send::Send;
use tine_mmu::VirtAddr;

/// `SOCK_NONBLOCK`, beside the type of a socket.
const SOCK_NONBLOCK: u32 = OpenFlags::NONBLOCK.bits();
/// `SOCK_CLOEXEC`.
const SOCK_CLOEXEC: u32 = OpenFlags::CLOEXEC.bits();
/// The most connections that may wait at a socket (`net.core.somaxconn`).
const MAX_BACKLOG: u32 = 4096;
/// How long a TCP connect(2) asks before it gives up: 1 + 2 + 4 + … seconds, for six retries.
const CONNECT_TIMEOUT_NS: u64 = 127_000_000_000;

/// A call on a socket that has not returned yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SocketCall {
    open: OpenId,
    operation: Operation,
    wait: Option<Wait>,
    /// When it gives up (`SO_RCVTIMEO`, `SO_SNDTIMEO`), in virtual nanoseconds.
    deadline_ns: Option<u64>,
    /// The other messages of sendmmsg(2) and recvmmsg(2).
    batch: Option<Batch>,
}

/// What a call on a socket does.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Operation {
    Accept { address: VirtAddr, len: VirtAddr, flags: OpenFlags },
    Connect { address: Vec<u8> },
    Send(Send),
    Receive(Receive),
}

/// Where a call with several messages is.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Batch {
    /// The first of its `struct mmsghdr`.
    at: VirtAddr,
    count: u32,
    done: u32,
    /// When recvmmsg(2) stops, as soon as a message came later.
    until_ns: Option<u64>,
}

impl Batch {
    /// Size of `struct mmsghdr`.
    const STEP: u64 = 64;
    /// Where it says how long the message was.
    const LEN_AT: u64 = 56;

    fn header(&self) -> VirtAddr {
        self.at + Self::STEP * u64::from(self.done)
    }
}

impl SocketCall {
    fn new(ctx: &Ctx<'_>, open: OpenId, operation: Operation) -> Result<Self, Errno> {
        let [receive, send] = ctx.kernel.fs.socket_timeouts(open)?;
        let spec = ctx.kernel.fs.socket_spec(open)?;
        let is_tcp = spec.domain != Domain::Unix && spec.kind == Kind::Stream;
        let timeout = match operation {
            Operation::Connect { .. } if is_tcp => send.or(Some(CONNECT_TIMEOUT_NS)),
            Operation::Connect { .. } | Operation::Send(_) => send,
            Operation::Accept { .. } | Operation::Receive(_) => receive,
        };
        let deadline_ns = timeout.map(|ns| ctx.now_ns().saturating_add(ns));
        Ok(Self { open, operation, wait: None, deadline_ns, batch: None })
    }

    /// Returns what the call waits for.
    pub(super) fn key(&self) -> Option<WaitKey> {
        self.wait.map(WaitKey::File)
    }

    /// Returns when the call gives up.
    pub(super) const fn deadline_ns(&self) -> Option<u64> {
        self.deadline_ns
    }

    /// Returns the descriptions that the call works on.
    pub(super) fn opens(&self) -> Vec<OpenId> {
        let passed = match &self.operation {
            Operation::Send(send) => send.rights(),
            _ => &[],
        };
        std::iter::once(self.open).chain(passed.iter().copied()).collect()
    }

    /// Says what becomes of the call when a signal interrupts it: with a time limit, which would begin again, it ends.
    pub(super) fn restart(&self) -> Restart {
        let is_timed = match self.operation {
            Operation::Connect { .. } => false,
            _ => self.deadline_ns.is_some(),
        };
        if is_timed || self.done().is_some() { Restart::Never } else { Restart::IfAsked }
    }

    /// Returns what the call has done already, if anything: then a signal ends it with that.
    pub(super) fn done(&self) -> Option<u64> {
        let done = match &self.operation {
            Operation::Send(send) => send.done(),
            Operation::Receive(receive) => receive.done(),
            Operation::Accept { .. } | Operation::Connect { .. } => 0,
        };
        match &self.batch {
            Some(batch) if batch.done > 0 => Some(batch.done.into()),
            _ => Some(done).filter(|done| *done > 0),
        }
    }

    /// Says what the call waits for.
    pub(super) const fn describe(&self) -> &'static str {
        match self.operation {
            Operation::Accept { .. } => "a connection to a socket",
            Operation::Connect { .. } => "a socket to accept its connection",
            Operation::Send(_) => "room in a socket",
            Operation::Receive(_) => "data in a socket",
        }
    }

    /// Goes on with the call until it is done or must wait.
    pub(super) fn run(mut self, ctx: &mut Ctx<'_>) -> SysResult {
        loop {
            let result = self.operation.step(ctx, self.open);
            ctx.wake_files();
            match result {
                Ok(value) => match self.next_message(ctx, value)? {
                    Some(result) => return Ok(result),
                    None => continue,
                },
                Err(Stop::Errno(errno)) => return self.done().ok_or(Flow::Errno(errno)),
                Err(Stop::Wait(wait)) => {
                    if self.deadline_ns.is_some_and(|deadline_ns| ctx.now_ns() >= deadline_ns) {
                        return self.give_up(ctx);
                    }
                    self.wait = Some(wait);
                    return Err(Flow::Block(Continuation::Socket(Box::new(self))));
                }
            }
        }
    }

    /// Ends a call whose time is over.
    fn give_up(self, ctx: &mut Ctx<'_>) -> SysResult {
        let errno = match self.operation {
            Operation::Connect { .. } => ctx.kernel.fs.connect_late(self.open),
            _ => Errno::EAGAIN,
        };
        ctx.wake_files();
        self.done().ok_or(Flow::Errno(errno))
    }

    /// Goes on to the next message of a batch.
    ///
    /// # Returns
    /// What the call returns, if this was the last.
    fn next_message(&mut self, ctx: &mut Ctx<'_>, value: u64) -> Result<Option<u64>, Errno> {
        let Some(batch) = &mut self.batch else { return Ok(Some(value)) };
        let told = ctx.write(UserPtr::new(batch.header() + Batch::LEN_AT), value as u32);
        if let Err(errno) = told {
            return if batch.done > 0 { Ok(Some(batch.done.into())) } else { Err(errno) };
        }
        batch.done += 1;
        let is_late = batch.until_ns.is_some_and(|until_ns| ctx.now_ns() >= until_ns);
        if batch.done == batch.count || is_late {
            return Ok(Some(batch.done.into()));
        }
        let header = batch.header();
        let next = match &self.operation {
            Operation::Send(send) => Send::message(ctx, self.open, header, send.flags()).map(Operation::Send),
            Operation::Receive(receive) => {
                Receive::message(ctx, self.open, header, receive.later_flags()).map(Operation::Receive)
            }
            _ => return Ok(Some(batch.done.into())),
        };
        match next {
            Ok(operation) => {
                self.operation = operation;
                Ok(None)
            }
            Err(_) => Ok(Some(batch.done.into())),
        }
    }
}

impl Operation {
    /// Does as much as can be done now.
    fn step(&mut self, ctx: &mut Ctx<'_>, open: OpenId) -> Result<u64, Stop> {
        match self {
            Self::Accept { address, len, flags } => accept_now(ctx, open, *address, *len, *flags),
            Self::Connect { address } => {
                let caller = ctx.socket_caller();
                ctx.with_fs(|fs, env| fs.connect(env, open, address, &caller))?;
                Ok(0)
            }
            Self::Send(send) => send.step(ctx, open),
            Self::Receive(receive) => receive.step(ctx, open),
        }
    }
}

impl Ctx<'_> {
    /// Returns who makes the call.
    pub(super) fn socket_caller(&self) -> Caller {
        Caller { pid: self.pid, work_dir: self.task().work_dir }
    }

    /// Returns the description of a socket.
    fn socket(&self, fd: Fd) -> Result<OpenId, Errno> {
        // A descriptor that is only a path is none at all.
        self.file_of(fd)?;
        let open = self.open_of(fd)?;
        self.kernel.fs.socket_of(open)?;
        Ok(open)
    }

    /// Reads an address that the program passes (Linux 6.12 net/socket.c move_addr_to_kernel).
    fn read_address(&mut self, at: VirtAddr, len: i32) -> Result<Vec<u8>, Errno> {
        let len = usize::try_from(len).ok().filter(|len| *len <= MAX_ADDRESS).ok_or(Errno::EINVAL)?;
        let mut bytes = vec![0; len];
        self.read_bytes(at, &mut bytes).map_err(|_| Errno::EFAULT)?;
        Ok(bytes)
    }

    /// Stores an address where there is room for as much as `len` points to, and there how long it is.
    fn write_address(&mut self, at: VirtAddr, len: VirtAddr, address: &[u8]) -> Result<(), Errno> {
        let room = self.read(UserPtr::<i32>::new(len))?;
        let room = usize::try_from(room).map_err(|_| Errno::EINVAL)?;
        let shown = &address[..address.len().min(room)];
        // Where there is nothing to be told, as of TCP, nobody looks where to.
        if !shown.is_empty() {
            self.write_bytes(at, shown).map_err(|_| Errno::EFAULT)?;
        }
        self.write(UserPtr::new(len), address.len() as i32)
    }
}

/// Splits what socket(2) calls a type into the type and the flags of the description.
fn split_kind(kind: u32) -> Result<(i32, OpenFlags), Errno> {
    const TYPE_MASK: u32 = 0xf;
    let flags = check_flags(kind & !TYPE_MASK)?;
    Ok(((kind & TYPE_MASK) as i32, flags))
}

fn check_flags(flags: u32) -> Result<OpenFlags, Errno> {
    if flags & !(SOCK_NONBLOCK | SOCK_CLOEXEC) != 0 {
        return Err(Errno::EINVAL);
    }
    Ok(OpenFlags::from_bits_truncate(flags))
}

fn on_exec(flags: OpenFlags) -> OnExec {
    if flags.contains(OpenFlags::CLOEXEC) { OnExec::Close } else { OnExec::Keep }
}

/// `socket(2)`.
pub(super) fn socket(
    ctx: &mut Ctx<'_>,
    domain: DomainArg,
    kind: KindArg,
    protocol: ProtocolArg,
) -> SysResult {
    let (kind, flags) = split_kind(kind.0)?;
    let spec = Spec::new(domain.0 as i32, kind, protocol.0)?;
    let files = ctx.files();
    let fd = ctx.kernel.fs.lowest_fd(files, Fd(0), ctx.fd_limit())?;
    let open = ctx.with_fs(|fs, env| fs.socket(env, spec, flags));
    ctx.kernel.fs.put_fd(files, fd, open, on_exec(flags));
    Ok(fd.0 as u64)
}

/// `socketpair(2)`.
pub(super) fn socketpair(
    ctx: &mut Ctx<'_>,
    domain: DomainArg,
    kind: KindArg,
    protocol: i32,
    fds: UserPtr<[i32; 2]>,
) -> SysResult {
    let (kind, flags) = split_kind(kind.0)?;
    let files = ctx.files();
    let first = ctx.kernel.fs.lowest_fd(files, Fd(0), ctx.fd_limit())?;
    let second = ctx.kernel.fs.lowest_fd(files, Fd(first.0 + 1), ctx.fd_limit())?;
    // As in Linux, the numbers are told before there are sockets behind them.
    ctx.write(fds, [first.0, second.0])?;
    let spec = Spec::new(domain.0 as i32, kind, protocol)?;
    let caller = ctx.socket_caller();
    let [one, other] = ctx.with_fs(|fs, env| fs.socket_pair(env, spec, flags, &caller))?;
    ctx.kernel.fs.put_fd(files, first, one, on_exec(flags));
    ctx.kernel.fs.put_fd(files, second, other, on_exec(flags));
    Ok(0)
}

/// `bind(2)`.
pub(super) fn bind(ctx: &mut Ctx<'_>, fd: Fd, address: AddressArg, len: i32) -> SysResult {
    let open = ctx.socket(fd)?;
    let address = ctx.read_address(address.0, len)?;
    let caller = ctx.socket_caller();
    ctx.with_fs(|fs, env| fs.bind(env, open, &address, &caller))?;
    Ok(0)
}

/// `listen(2)`.
pub(super) fn listen(ctx: &mut Ctx<'_>, fd: Fd, backlog: i32) -> SysResult {
    let open = ctx.socket(fd)?;
    let caller = ctx.socket_caller();
    // A negative number is a large one.
    let backlog = (backlog as u32).min(MAX_BACKLOG);
    ctx.with_fs(|fs, env| fs.listen_socket(env, open, backlog, &caller))?;
    ctx.wake_files();
    Ok(0)
}

/// `accept(2)`.
pub(super) fn accept(ctx: &mut Ctx<'_>, fd: Fd, address: OutAddress, len: LenInOut) -> SysResult {
    accept4(ctx, fd, address, len, SocketFlags(0))
}

/// `accept4(2)`.
pub(super) fn accept4(
    ctx: &mut Ctx<'_>,
    fd: Fd,
    address: OutAddress,
    len: LenInOut,
    flags: SocketFlags,
) -> SysResult {
    let flags = check_flags(flags.0)?;
    let open = ctx.open_of(fd)?;
    ctx.kernel.fs.lowest_fd(ctx.files(), Fd(0), ctx.fd_limit())?;
    ctx.socket(fd)?;
    let operation = Operation::Accept { address: address.0, len: len.0, flags };
    SocketCall::new(ctx, open, operation)?.run(ctx)
}

fn accept_now(
    ctx: &mut Ctx<'_>,
    open: OpenId,
    address: VirtAddr,
    len: VirtAddr,
    flags: OpenFlags,
) -> Result<u64, Stop> {
    let files = ctx.files();
    let fd = ctx.kernel.fs.lowest_fd(files, Fd(0), ctx.fd_limit())?;
    let accepted = ctx.with_fs(|fs, env| fs.accept(env, open, flags))?;
    if address.0 != 0 {
        let peer = ctx.kernel.fs.peer_address(accepted);
        let peer = peer.map_err(|_| Errno::ECONNABORTED);
        if let Err(errno) = peer.and_then(|peer| ctx.write_address(address, len, &peer)) {
            ctx.with_fs(|fs, env| fs.close(env, accepted));
            return Err(errno.into());
        }
    }
    ctx.kernel.fs.put_fd(files, fd, accepted, on_exec(flags));
    Ok(fd.0 as u64)
}

/// `connect(2)`.
pub(super) fn connect(ctx: &mut Ctx<'_>, fd: Fd, address: AddressArg, len: i32) -> SysResult {
    ctx.open_of(fd)?;
    let address = ctx.read_address(address.0, len)?;
    let open = ctx.socket(fd)?;
    SocketCall::new(ctx, open, Operation::Connect { address })?.run(ctx)
}

/// `getsockname(2)`.
pub(super) fn getsockname(ctx: &mut Ctx<'_>, fd: Fd, address: OutAddress, len: LenInOut) -> SysResult {
    let open = ctx.socket(fd)?;
    let name = ctx.kernel.fs.socket_address(open)?;
    ctx.write_address(address.0, len.0, &name)?;
    Ok(0)
}

/// `getpeername(2)`.
pub(super) fn getpeername(ctx: &mut Ctx<'_>, fd: Fd, address: OutAddress, len: LenInOut) -> SysResult {
    let open = ctx.socket(fd)?;
    let name = ctx.kernel.fs.peer_address(open)?;
    ctx.write_address(address.0, len.0, &name)?;
    Ok(0)
}

/// `shutdown(2)`.
pub(super) fn shutdown(ctx: &mut Ctx<'_>, fd: Fd, how: ShutHow) -> SysResult {
    let open = ctx.socket(fd)?;
    let result = ctx.kernel.fs.shutdown(open, how.0 as i32);
    ctx.wake_files();
    result?;
    Ok(0)
}

/// `setsockopt(2)`.
pub(super) fn setsockopt(
    ctx: &mut Ctx<'_>,
    fd: Fd,
    level: LevelArg,
    name: OptionArg,
    value: ValueIn,
    len: i32,
) -> SysResult {
    /// The longest value that an option has.
    const MAX_VALUE: usize = 128;
    let open = ctx.socket(fd)?;
    let len = usize::try_from(len).map_err(|_| Errno::EINVAL)?;
    let mut bytes = vec![0; len.min(MAX_VALUE)];
    ctx.read_bytes(value.0, &mut bytes).map_err(|_| Errno::EFAULT)?;
    ctx.kernel.fs.set_socket_option(open, level.0, name.0, &bytes)?;
    ctx.wake_files();
    Ok(0)
}

/// `getsockopt(2)`.
pub(super) fn getsockopt(
    ctx: &mut Ctx<'_>,
    fd: Fd,
    level: LevelArg,
    name: OptionArg,
    value: ValueOut,
    len: LenInOut,
) -> SysResult {
    let open = ctx.socket(fd)?;
    let len = UserPtr::<i32>::new(len.0);
    let room = usize::try_from(ctx.read(len)?).map_err(|_| Errno::EINVAL)?;
    let bytes = ctx.kernel.fs.socket_option(open, level.0, name.0)?;
    let told = bytes.len().min(room);
    ctx.write_bytes(value.0, &bytes[..told]).map_err(|_| Errno::EFAULT)?;
    ctx.write(len, told as i32)?;
    Ok(0)
}
