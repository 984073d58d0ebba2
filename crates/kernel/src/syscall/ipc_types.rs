//! The argument types of the calls about System V objects, and the structs that they share (include/uapi/linux/ipc.h).

use super::args::Arg;
use super::show::{Shower, When, pointer};
use super::types::flag_set;
use super::{Arguments, CallResult};
use crate::Errno;
use crate::creds::Credentials;
use crate::ctx::Ctx;
use crate::ipc::{CREATE, EXCLUSIVE, PRIVATE, Permissions};
use tine_mmu::VirtAddr;

/// A key; it is printed as strace does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct IpcKey(pub i32);

impl Arg for IpcKey {
    fn from_register(raw: u64) -> Self {
        Self(raw as i32)
    }

    fn show(raw: u64, _: &mut Shower<'_>) -> String {
        if raw as i32 == PRIVATE { "IPC_PRIVATE".to_owned() } else { format!("{:#x}", raw as u32) }
    }
}

/// Flags above the rights of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct IpcFlags(pub u32);

impl Arg for IpcFlags {
    fn from_register(raw: u64) -> Self {
        Self(raw as u32)
    }

    fn show(raw: u64, _: &mut Shower<'_>) -> String {
        let raw = raw as u32;
        let names = [(CREATE, "IPC_CREAT|"), (EXCLUSIVE, "IPC_EXCL|")];
        let names: String =
            names.into_iter().filter(|(flag, _)| raw & flag != 0).map(|(_, name)| name).collect();
        format!("{names}{:#03o}", raw & !(CREATE | EXCLUSIVE)).replace("0o", "0")
    }
}

flag_set! {
    /// The flags of msgsnd and msgrcv.
    MessageQueueFlags("0", "MSG_???") {
        0o10000 = "MSG_NOERROR",
        0o20000 = "MSG_EXCEPT",
        0o40000 = "MSG_COPY",
        0o4000 = "IPC_NOWAIT",
    }
}

/// A message to send: its type, and as much text as the next argument says.
#[derive(Clone, Copy, Debug)]
pub(super) struct InMessage(VirtAddr);

impl Arg for InMessage {
    fn from_register(raw: u64) -> Self {
        Self(VirtAddr(raw))
    }

    fn show(raw: u64, shower: &mut Shower<'_>) -> String {
        let len = shower.arguments[shower.index + 1];
        show_message(raw, len, shower)
    }
}

impl From<InMessage> for VirtAddr {
    fn from(message: InMessage) -> Self {
        message.0
    }
}

/// Where a message is received; the result says how long its text is.
#[derive(Clone, Copy, Debug)]
pub(super) struct OutMessage(VirtAddr);

impl Arg for OutMessage {
    fn when(_: &Arguments) -> When {
        When::Exit
    }

    fn from_register(raw: u64) -> Self {
        Self(VirtAddr(raw))
    }

    fn show(raw: u64, shower: &mut Shower<'_>) -> String {
        match shower.result {
            Some(CallResult::Value(len)) => show_message(raw, len, shower),
            _ => pointer(raw),
        }
    }
}

impl From<OutMessage> for VirtAddr {
    fn from(message: OutMessage) -> Self {
        message.0
    }
}

/// Prints a `struct msgbuf`.
fn show_message(raw: u64, len: u64, shower: &mut Shower<'_>) -> String {
    const KIND_BYTES: u64 = 8;
    match shower.whole(VirtAddr(raw), KIND_BYTES as usize) {
        Some(bytes) => {
            let text = shower.buffer(VirtAddr(raw.wrapping_add(KIND_BYTES)), len as usize);
            format!("{{mtype={}, mtext={text}}}", super::show::Bytes(&bytes).i64(0))
        }
        None => pointer(raw),
    }
}

/// What shmctl, semctl and msgctl do. `IPC_64` changes nothing here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct IpcCommand(pub u32);

impl IpcCommand {
    pub(super) const RMID: u32 = 0;
    pub(super) const SET: u32 = 1;
    pub(super) const STAT: u32 = 2;
    pub(super) const INFO: u32 = 3;
    pub(super) const SHM_LOCK: u32 = 11;
    pub(super) const SHM_UNLOCK: u32 = 12;
    pub(super) const SHM_STAT: u32 = 13;
    pub(super) const SHM_INFO: u32 = 14;
    pub(super) const SHM_STAT_ANY: u32 = 15;
    pub(super) const MSG_STAT: u32 = 11;
    pub(super) const MSG_INFO: u32 = 12;
    pub(super) const MSG_STAT_ANY: u32 = 13;
    pub(super) const SEM_GETPID: u32 = 11;
    pub(super) const SEM_GETVAL: u32 = 12;
    pub(super) const SEM_GETALL: u32 = 13;
    pub(super) const SEM_GETNCNT: u32 = 14;
    pub(super) const SEM_GETZCNT: u32 = 15;
    pub(super) const SEM_SETVAL: u32 = 16;
    pub(super) const SEM_SETALL: u32 = 17;
    pub(super) const SEM_STAT: u32 = 18;
    pub(super) const SEM_INFO: u32 = 19;
    pub(super) const SEM_STAT_ANY: u32 = 20;
}

impl Arg for IpcCommand {
    fn from_register(raw: u64) -> Self {
        Self(raw as u32)
    }

    fn show(raw: u64, _: &mut Shower<'_>) -> String {
        match raw as u32 {
            Self::RMID => "IPC_RMID".to_owned(),
            Self::SET => "IPC_SET".to_owned(),
            Self::STAT => "IPC_STAT".to_owned(),
            Self::INFO => "IPC_INFO".to_owned(),
            other => other.to_string(),
        }
    }
}

/// What `IPC_SET` changes.
#[derive(Clone, Copy, Debug)]
pub(super) struct IpcChange {
    user: u32,
    group: u32,
    mode: u32,
}

impl IpcChange {
    /// Changes permissions, if `who` may.
    ///
    /// # Errors
    /// `EPERM`; `EINVAL` for ids that nobody has.
    pub(super) fn apply(self, permissions: &mut Permissions, who: &Credentials) -> Result<(), Errno> {
        permissions.check_control(who)?;
        if self.user == u32::MAX || self.group == u32::MAX {
            return Err(Errno::EINVAL);
        }
        (permissions.user, permissions.group) = (self.user, self.group);
        permissions.mode = permissions.mode & !0o777 | self.mode & 0o777;
        Ok(())
    }
}

impl Permissions {
    /// Returns the bytes of a `struct ipc64_perm`.
    pub(super) fn to_bytes(&self, id: i32) -> Vec<u8> {
        let words = [
            self.key as u32,
            self.user,
            self.group,
            self.maker,
            self.maker_group,
            self.mode,
            id as u32 >> 15,
        ];
        let mut bytes: Vec<u8> = words.into_iter().flat_map(u32::to_le_bytes).collect();
        bytes.resize(48, 0);
        bytes
    }
}

impl Ctx<'_> {
    /// Reads what a `struct shmid_ds`, `semid_ds` or `msqid_ds` begins with.
    ///
    /// # Errors
    /// `EFAULT`.
    pub(super) fn read_ipc_change(&mut self, at: VirtAddr) -> Result<IpcChange, Errno> {
        let mut bytes = [0; 24];
        self.read_bytes(at, &mut bytes).map_err(|_| Errno::EFAULT)?;
        let word = |at: usize| u32::from_le_bytes(std::array::from_fn(|index| bytes[at + index]));
        Ok(IpcChange { user: word(4), group: word(8), mode: word(20) })
    }

    /// Returns the time of day in whole seconds.
    pub(crate) fn wall_clock_s(&self) -> u64 {
        self.wall_clock_ns() / 1_000_000_000
    }
}
