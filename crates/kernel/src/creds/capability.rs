//! Capabilities: the privileges of root, one by one (capabilities(7); Linux 6.12 include/uapi/linux/capability.h).

use bitflags::bitflags;

/// Declares the capabilities in the order of their numbers, each with what it allows here.
macro_rules! capabilities {
    ($($(#[$($doc:tt)*])* $name:ident = $number:literal;)*) => {
        bitflags! {
            /// A set of capabilities; `CAP_X` is bit X.
            #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
            pub struct Capabilities: u64 {
                $($(#[$($doc)*])* const $name = 1 << $number;)*
            }
        }
    };
}

capabilities! {
    /// Change the owner of any file.
    CHOWN = 0;
    /// Read, write and search whatever the permissions say.
    DAC_OVERRIDE = 1;
    /// Read files and search directories whatever the permissions say.
    DAC_READ_SEARCH = 2;
    /// Do with any file what its owner may.
    FOWNER = 3;
    /// Keep set-ID bits when a file changes, and set them for groups of others.
    FSETID = 4;
    /// Send signals to everybody.
    KILL = 5;
    /// Take any group.
    SETGID = 6;
    /// Take any user.
    SETUID = 7;
    /// Change the bounding set, the inheritable set and the secure bits.
    SETPCAP = 8;
    /// Make files immutable: there are none.
    LINUX_IMMUTABLE = 9;
    /// Bind the ports below 1024.
    NET_BIND_SERVICE = 10;
    /// Broadcast: there is nobody out there.
    NET_BROADCAST = 11;
    /// Administer the network.
    NET_ADMIN = 12;
    /// Use raw sockets.
    NET_RAW = 13;
    /// Lock more memory than the limit says.
    IPC_LOCK = 14;
    /// Use everybody's System V objects.
    IPC_OWNER = 15;
    /// Load kernel modules: there are none.
    SYS_MODULE = 16;
    /// Use raw input and output: there is none.
    SYS_RAWIO = 17;
    /// Change the root directory.
    SYS_CHROOT = 18;
    /// Look into everybody's processes.
    SYS_PTRACE = 19;
    /// Account for processes: nobody does.
    SYS_PACCT = 20;
    /// Everything that has no capability of its own.
    SYS_ADMIN = 21;
    /// Restart the machine.
    SYS_BOOT = 22;
    /// Raise priorities and change those of others.
    SYS_NICE = 23;
    /// Exceed and raise limits.
    SYS_RESOURCE = 24;
    /// Set the clock.
    SYS_TIME = 25;
    /// Configure terminals.
    SYS_TTY_CONFIG = 26;
    /// Make devices.
    MKNOD = 27;
    /// Take leases on every file.
    LEASE = 28;
    /// Write to the audit log: there is none.
    AUDIT_WRITE = 29;
    /// Configure auditing: there is none.
    AUDIT_CONTROL = 30;
    /// Give capabilities to files.
    SETFCAP = 31;
    /// Override mandatory access control: there is none.
    MAC_OVERRIDE = 32;
    /// Configure mandatory access control: there is none.
    MAC_ADMIN = 33;
    /// Read and clear the kernel's log.
    SYSLOG = 34;
    /// Set alarms that wake the machine.
    WAKE_ALARM = 35;
    /// Keep the machine awake.
    BLOCK_SUSPEND = 36;
    /// Read the audit log: there is none.
    AUDIT_READ = 37;
    /// Count performance events.
    PERFMON = 38;
    /// Load BPF programs: there are none.
    BPF = 39;
    /// Restore processes under chosen numbers.
    CHECKPOINT_RESTORE = 40;
}

impl Capabilities {
    /// What a change of the file-system user from or to root takes or gives (`CAP_FS_SET`).
    pub(super) const OF_FILES: Self = Self::CHOWN
        .union(Self::MKNOD)
        .union(Self::DAC_OVERRIDE)
        .union(Self::DAC_READ_SEARCH)
        .union(Self::FOWNER)
        .union(Self::FSETID)
        .union(Self::MAC_OVERRIDE)
        .union(Self::LINUX_IMMUTABLE);

    /// Returns the capability with this number.
    pub fn from_number(number: u64) -> Option<Self> {
        let bit = u32::try_from(number).ok().and_then(|number| 1_u64.checked_shl(number))?;
        Self::from_bits(bit)
    }
}

bitflags! {
    /// How much root means without capabilities (`SECBIT_*`), each with a lock above it.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct SecureBits: u32 {
        /// A program of root gets no capabilities for that.
        const NOROOT = 0x1;
        /// The lock of `NOROOT`.
        const NOROOT_LOCKED = 0x2;
        /// A change of users changes no capabilities.
        const NO_SETUID_FIXUP = 0x4;
        /// The lock of `NO_SETUID_FIXUP`.
        const NO_SETUID_FIXUP_LOCKED = 0x8;
        /// Giving up root keeps the permitted capabilities, up to the next exec.
        const KEEP_CAPS = 0x10;
        /// The lock of `KEEP_CAPS`.
        const KEEP_CAPS_LOCKED = 0x20;
        /// No capability becomes ambient.
        const NO_CAP_AMBIENT_RAISE = 0x40;
        /// The lock of `NO_CAP_AMBIENT_RAISE`.
        const NO_CAP_AMBIENT_RAISE_LOCKED = 0x80;
    }
}

impl SecureBits {
    /// Every lock (`SECURE_ALL_LOCKS`).
    pub(super) const LOCKS: Self = Self::NOROOT_LOCKED
        .union(Self::NO_SETUID_FIXUP_LOCKED)
        .union(Self::KEEP_CAPS_LOCKED)
        .union(Self::NO_CAP_AMBIENT_RAISE_LOCKED);
}

/// The capability sets of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CapabilitySets {
    /// What it may pass on to programs that take it.
    pub inheritable: Capabilities,
    /// What it may make effective.
    pub permitted: Capabilities,
    /// What counts.
    pub effective: Capabilities,
    /// What a program can give it at most.
    pub bounding: Capabilities,
    /// What every program without privileges of its own keeps.
    pub ambient: Capabilities,
}

impl CapabilitySets {
    /// What root begins with.
    pub const ALL: Self = Self {
        inheritable: Capabilities::empty(),
        permitted: Capabilities::all(),
        effective: Capabilities::all(),
        bounding: Capabilities::all(),
        ambient: Capabilities::empty(),
    };
}
