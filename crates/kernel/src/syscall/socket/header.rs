//! `struct msghdr` and the control messages that it points to (cmsg(3); Linux 6.12 net/socket.c, net/core/scm.c).

use super::on_exec;
use crate::creds::Capabilities;
use crate::ctx::Ctx;
use crate::fs::{MAX_ADDRESS, MessageFlags, OnExec, OpenFlags, OpenId, Ucred};
use crate::syscall::args::UserPtr;
use crate::syscall::transfer::{MAX_PIECES, Piece, pieces};
use crate::{Errno, Fd, Pid};
use tine_mmu::VirtAddr;

/// Size of `struct cmsghdr`: length, level and type.
const CONTROL_HEADER: usize = 16;
/// The most bytes of control messages (`net.core.optmem_max`).
const MAX_CONTROL: u64 = 131_072;
const SOL_SOCKET: i32 = 1;
const SCM_RIGHTS: i32 = 1;
const SCM_CREDENTIALS: i32 = 2;

/// `struct msghdr`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    at: VirtAddr,
    /// Where the address is or goes.
    pub(super) name: VirtAddr,
    /// How long it is, or may be.
    pub(super) name_len: i32,
    vector: VirtAddr,
    count: u64,
    pub(super) control: VirtAddr,
    pub(super) control_len: u64,
}

impl Header {
    /// Where the length of the address stands.
    const NAME_LEN_AT: u64 = 8;
    /// Where the length of the control messages stands.
    const CONTROL_LEN_AT: u64 = 40;
    /// Where the flags stand.
    const FLAGS_AT: u64 = 48;

    /// Reads it (Linux 6.12 net/socket.c __copy_msghdr).
    ///
    /// # Errors
    /// `EFAULT`, `EINVAL` for a negative length, `EMSGSIZE` for too many pieces.
    pub(super) fn read(ctx: &mut Ctx<'_>, at: VirtAddr) -> Result<Self, Errno> {
        let [name, name_len, vector, count, control, control_len, _] =
            ctx.read(UserPtr::<[u64; 7]>::new(at))?;
        let name_len = if name == 0 { 0 } else { name_len as i32 };
        if name_len < 0 {
            return Err(Errno::EINVAL);
        }
        if count > MAX_PIECES as u64 {
            return Err(Errno::EMSGSIZE);
        }
        Ok(Self {
            at,
            name: VirtAddr(name),
            name_len: name_len.min(MAX_ADDRESS as i32),
            vector: VirtAddr(vector),
            count,
            control: VirtAddr(control),
            control_len,
        })
    }

    /// Reads the pieces of memory that the message is in.
    pub(super) fn pieces(&self, ctx: &mut Ctx<'_>) -> Result<Vec<Piece>, Errno> {
        pieces(ctx, self.vector, self.count as i32)
    }

    /// Stores what a receive says of the message (Linux 6.12 net/socket.c ____sys_recvmsg).
    pub(super) fn finish(
        &self,
        ctx: &mut Ctx<'_>,
        source: &[u8],
        flags: MessageFlags,
        control_len: u64,
    ) -> Result<(), Errno> {
        if self.name.0 != 0 {
            ctx.write_address(self.name, self.at + Self::NAME_LEN_AT, source)?;
        }
        ctx.write(UserPtr::new(self.at + Self::FLAGS_AT), flags.bits())?;
        ctx.write(UserPtr::new(self.at + Self::CONTROL_LEN_AT), control_len)
    }
}

/// What control messages pass along with a message.
#[derive(Debug, Default)]
pub(super) struct Passed {
    pub(super) rights: Vec<OpenId>,
    pub(super) claims: Option<Ucred>,
}

impl Passed {
    /// Reads control messages (Linux 6.12 net/core/scm.c __scm_send).
    ///
    /// # Errors
    /// `ENOBUFS` for too many bytes, `EFAULT`, `EINVAL` for one that is damaged or not known, `EBADF`, `EPERM` and `ESRCH` for
    /// credentials of somebody else.
    pub(super) fn read(ctx: &mut Ctx<'_>, header: &Header) -> Result<Self, Errno> {
        let mut passed = Self::default();
        if header.control_len > MAX_CONTROL {
            return Err(Errno::ENOBUFS);
        }
        let mut bytes = vec![0; header.control_len as usize];
        ctx.read_bytes(header.control, &mut bytes).map_err(|_| Errno::EFAULT)?;
        let mut rest = &bytes[..];
        while rest.len() >= CONTROL_HEADER {
            let len = u64::from_le_bytes(*rest.first_chunk().ok_or(Errno::EINVAL)?);
            let len = usize::try_from(len).unwrap_or(usize::MAX);
            if len < CONTROL_HEADER || len > rest.len() {
                return Err(Errno::EINVAL);
            }
            let words: Vec<i32> = rest[8..len]
                .chunks_exact(4)
                .map(|word| word.iter().rev().fold(0, |value, byte| value << 8 | i32::from(*byte)))
                .collect();
            rest = rest.get(len.next_multiple_of(8)..).unwrap_or_default();
            match words[..] {
                [SOL_SOCKET, SCM_RIGHTS, ref fds @ ..] => {
                    for fd in fds {
                        let open = ctx.open_of(Fd(*fd))?;
                        if ctx.kernel.fs.status_flags(open).contains(OpenFlags::PATH) {
                            return Err(Errno::EBADF);
                        }
                        passed.rights.push(open);
                    }
                }
                [SOL_SOCKET, SCM_CREDENTIALS, pid, uid, gid] => {
                    passed.claims = Some(check_claims(ctx, Pid(pid), uid as u32, gid as u32)?);
                }
                [SOL_SOCKET, ..] => return Err(Errno::EINVAL),
                _ => {}
            }
        }
        Ok(passed)
    }
}

/// Checks that a process may say that it is somebody (Linux 6.12 net/core/scm.c scm_check_creds).
fn check_claims(ctx: &Ctx<'_>, pid: Pid, uid: u32, gid: u32) -> Result<Ucred, Errno> {
    let who = &ctx.task().credentials;
    let is_known = (pid == ctx.pid || who.can(Capabilities::SYS_ADMIN))
        && (who.user.has(uid) || who.can(Capabilities::SETUID))
        && (who.group.has(gid) || who.can(Capabilities::SETGID));
    if !is_known {
        return Err(Errno::EPERM);
    }
    if pid != ctx.pid && ctx.kernel.tasks.process(pid).is_none() {
        return Err(Errno::ESRCH);
    }
    Ok(Ucred { pid, uid, gid })
}

/// Control messages that are being stored for a receiver.
#[derive(Debug)]
pub(super) struct Control {
    at: VirtAddr,
    room: usize,
    used: u64,
    /// `MSG_CTRUNC`, if something did not fit.
    pub(super) flags: MessageFlags,
}

impl Control {
    /// Begins at the room that a header gives.
    pub(super) fn new(header: &Header) -> Self {
        let room = if header.control.0 == 0 { 0 } else { header.control_len };
        let room = usize::try_from(room).unwrap_or(usize::MAX).min(i32::MAX as usize);
        Self { at: header.control, room, used: 0, flags: MessageFlags::empty() }
    }

    /// Returns how many bytes are stored.
    pub(super) const fn used(&self) -> u64 {
        self.used
    }

    fn store(&mut self, ctx: &mut Ctx<'_>, kind: i32, data: &[u8], len: usize) -> Result<(), Errno> {
        let head = [&(len as u64).to_le_bytes()[..], &SOL_SOCKET.to_le_bytes(), &kind.to_le_bytes()].concat();
        let bytes = [&head, &data[..len - CONTROL_HEADER]].concat();
        ctx.write_bytes(self.at, &bytes).map_err(|_| Errno::EFAULT)?;
        let taken = len.next_multiple_of(8).min(self.room);
        self.at = self.at + taken as u64;
        self.room -= taken;
        self.used += taken as u64;
        Ok(())
    }

    /// Stores who sent the message, or as much of it as there is room for (Linux 6.12 net/core/scm.c put_cmsg).
    pub(super) fn store_credentials(&mut self, ctx: &mut Ctx<'_>, who: Ucred) {
        let data = [&who.pid.0.to_le_bytes()[..], &who.uid.to_le_bytes(), &who.gid.to_le_bytes()].concat();
        let whole = CONTROL_HEADER + data.len();
        if self.room < CONTROL_HEADER {
            self.flags |= MessageFlags::CTRUNC;
            return;
        }
        if self.room < whole {
            self.flags |= MessageFlags::CTRUNC;
        }
        let len = whole.min(self.room);
        // Where the room is not there, the message is received without.
        let _: Result<(), Errno> = self.store(ctx, SCM_CREDENTIALS, &data, len);
    }

    /// Gives descriptors to descriptions that came along, as many as fit, and closes the others (Linux 6.12 net/core/scm.c
    /// scm_detach_fds).
    pub(super) fn store_rights(&mut self, ctx: &mut Ctx<'_>, rights: &[OpenId], flags: MessageFlags) {
        let closes =
            if flags.contains(MessageFlags::CMSG_CLOEXEC) { OpenFlags::CLOEXEC } else { OpenFlags::empty() };
        let fits = self.room.saturating_sub(CONTROL_HEADER) / 4;
        let mut fds = Vec::new();
        for open in rights.iter().take(fits) {
            match install(ctx, *open, on_exec(closes)) {
                Ok(fd) => fds.push(fd),
                Err(_) => break,
            }
        }
        if fds.len() < rights.len() {
            self.flags |= MessageFlags::CTRUNC;
        }
        close_all(ctx, &rights[fds.len()..]);
        if !fds.is_empty() {
            let data: Vec<u8> = fds.iter().flat_map(|fd| fd.0.to_le_bytes()).collect();
            let len = CONTROL_HEADER + data.len();
            let _: Result<(), Errno> = self.store(ctx, SCM_RIGHTS, &data, len);
        }
    }
}

/// Gives the lowest free descriptor to a description that came along.
fn install(ctx: &mut Ctx<'_>, open: OpenId, on_exec: OnExec) -> Result<Fd, Errno> {
    let files = ctx.files();
    let fd = ctx.kernel.fs.lowest_fd(files, Fd(0), ctx.fd_limit())?;
    ctx.kernel.fs.put_fd(files, fd, open, on_exec);
    Ok(fd)
}

/// Closes descriptions that came along and are not wanted.
pub(super) fn close_all(ctx: &mut Ctx<'_>, rights: &[OpenId]) {
    ctx.with_fs(|fs, env| rights.iter().for_each(|open| fs.close(env, *open)));
    ctx.wake_files();
}
