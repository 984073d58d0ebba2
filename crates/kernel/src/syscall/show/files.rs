//! What calls about files take and tell: modes, flags, attributes, directory entries.

use super::{Bytes, Element, Shower, When, hex, octal, pointer, quoted, show_flags};
use crate::syscall::args::Arg;
use crate::syscall::{Arguments, CallResult};
use tine_mmu::VirtAddr;

/// `O_*` of open, beside the access mode.
pub(in crate::syscall) const OPEN_FLAGS: [(u32, &str); 19] = [
    (0x40, "O_CREAT"),
    (0x80, "O_EXCL"),
    (0x100, "O_NOCTTY"),
    (0x200, "O_TRUNC"),
    (0x400, "O_APPEND"),
    (0x800, "O_NONBLOCK"),
    (0x10_1000, "O_SYNC"),
    (0x10_0000, "__O_SYNC"),
    (0x1000, "O_DSYNC"),
    (0x4000, "O_DIRECT"),
    (0x8000, "O_LARGEFILE"),
    (0x2_0000, "O_NOFOLLOW"),
    (0x4_0000, "O_NOATIME"),
    (0x8_0000, "O_CLOEXEC"),
    (0x20_0000, "O_PATH"),
    (0x41_0000, "O_TMPFILE"),
    (0x40_0000, "__O_TMPFILE"),
    (0x1_0000, "O_DIRECTORY"),
    (0x2000, "FASYNC"),
];

/// Prints the flags of open: the access mode is always there.
pub(in crate::syscall) fn open_flags(flags: u32) -> String {
    const ACCESS: [&str; 4] = ["O_RDONLY", "O_WRONLY", "O_RDWR", "O_ACCMODE"];
    let access = ACCESS[(flags & 3) as usize];
    match flags & !3 {
        0 => access.to_owned(),
        // Beside the access mode, unknown bits need no comment.
        flags if OPEN_FLAGS.iter().all(|(flag, _)| flags & flag != *flag) => format!("{access}|{flags:#x}"),
        flags => format!("{access}|{}", show_flags(flags, "0", &OPEN_FLAGS)),
    }
}

/// The mode of a file that a call may create; what says whether it does is the argument before.
#[derive(Clone, Copy, Debug)]
pub(in crate::syscall) struct CreateMode(u32);

impl Arg for CreateMode {
    fn from_register(raw: u64) -> Self {
        Self(raw as u32)
    }

    fn show(raw: u64, shower: &mut Shower<'_>) -> String {
        const O_CREAT: u64 = 0x40;
        const O_TMPFILE: u64 = 0x40_0000;
        let creates = shower.arguments[shower.index - 1] & (O_CREAT | O_TMPFILE) != 0;
        if creates { octal(raw as u32) } else { String::new() }
    }
}

impl From<CreateMode> for crate::syscall::types::Mode {
    fn from(mode: CreateMode) -> Self {
        Self(mode.0)
    }
}

/// Prints `st_mode`: the type by name, the permissions in octal.
fn file_mode(mode: u32) -> String {
    const TYPE: u32 = 0o170_000;
    const PERMISSIONS: u32 = 0o777;
    const SPECIAL: [(u32, &str); 3] = [(0o4000, "S_ISUID|"), (0o2000, "S_ISGID|"), (0o1000, "S_ISVTX|")];
    let kind = match mode & TYPE {
        0 => "",
        0o010_000 => "S_IFIFO|",
        0o020_000 => "S_IFCHR|",
        0o040_000 => "S_IFDIR|",
        0o060_000 => "S_IFBLK|",
        0o100_000 => "S_IFREG|",
        0o120_000 => "S_IFLNK|",
        0o140_000 => "S_IFSOCK|",
        _ => return octal(mode),
    };
    let special: String = SPECIAL.iter().filter(|(bit, _)| mode & bit != 0).map(|(_, name)| *name).collect();
    format!("{kind}{special}{}", octal(mode & PERMISSIONS))
}

/// A `struct stat`.
pub(in crate::syscall) struct StatStruct;

impl Element for StatStruct {
    const BYTES: usize = crate::fs::Stat::STAT_SIZE;

    fn show(bytes: Bytes<'_>, _: &mut Shower<'_>) -> String {
        const TYPE: u32 = 0o170_000;
        let (mode, device, size) = (bytes.u32(16), bytes.u64(32), bytes.i64(48));
        let what = match mode & TYPE {
            0o020_000 | 0o060_000 => format!("st_rdev={}", device_number(device)),
            _ => format!("st_size={size}"),
        };
        format!("{{st_mode={}, {what}, ...}}", file_mode(mode))
    }
}

/// Prints a device number.
fn device_number(device: u64) -> String {
    let major = device >> 8 & 0xfff | device >> 32 & 0xffff_f000;
    let minor = device & 0xff | device >> 12 & 0xffff_ff00;
    format!("makedev({}, {})", hex(major), hex(minor))
}

/// `STATX_*`.
pub(in crate::syscall) const STATX_MASKS: [(u32, &str); 18] = [
    (0xfff, "STATX_ALL"),
    (0x7ff, "STATX_BASIC_STATS"),
    (0x1, "STATX_TYPE"),
    (0x2, "STATX_MODE"),
    (0x4, "STATX_NLINK"),
    (0x8, "STATX_UID"),
    (0x10, "STATX_GID"),
    (0x20, "STATX_ATIME"),
    (0x40, "STATX_MTIME"),
    (0x80, "STATX_CTIME"),
    (0x100, "STATX_INO"),
    (0x200, "STATX_SIZE"),
    (0x400, "STATX_BLOCKS"),
    (0x800, "STATX_BTIME"),
    (0x1000, "STATX_MNT_ID"),
    (0x2000, "STATX_DIOALIGN"),
    (0x4000, "STATX_MNT_ID_UNIQUE"),
    (0x8000, "STATX_SUBVOL"),
];

/// A `struct statx`.
pub(in crate::syscall) struct StatxStruct;

impl Element for StatxStruct {
    const BYTES: usize = crate::fs::Stat::STATX_SIZE;

    fn show(bytes: Bytes<'_>, _: &mut Shower<'_>) -> String {
        let mask = show_flags(bytes.u32(0), "0", &STATX_MASKS);
        let attributes = show_flags(
            bytes.u64(8),
            "0",
            &[(0x10, "STATX_ATTR_IMMUTABLE"), (0x20, "STATX_ATTR_APPEND"), (0x2000, "STATX_ATTR_MOUNT_ROOT")],
        );
        let (mode, size) = (file_mode(bytes.u16(28).into()), bytes.u64(40));
        format!("{{stx_mask={mask}, stx_attributes={attributes}, stx_mode={mode}, stx_size={size}, ...}}")
    }
}

/// A `struct statfs`.
pub(in crate::syscall) struct StatFsStruct;

impl Element for StatFsStruct {
    const BYTES: usize = crate::fs::StatFs::SIZE;

    fn show(bytes: Bytes<'_>, _: &mut Shower<'_>) -> String {
        const ST_VALID: u32 = 0x20;
        const FLAGS: [(u32, &str); 11] = [
            (ST_VALID, "ST_VALID"),
            (0x1, "ST_RDONLY"),
            (0x2, "ST_NOSUID"),
            (0x4, "ST_NODEV"),
            (0x8, "ST_NOEXEC"),
            (0x10, "ST_SYNCHRONOUS"),
            (0x40, "ST_MANDLOCK"),
            (0x400, "ST_NOATIME"),
            (0x800, "ST_NODIRATIME"),
            (0x1000, "ST_RELATIME"),
            (0x2000, "ST_NOSYMFOLLOW"),
        ];
        let kind = match bytes.u64(0) {
            0x1cd1 => "DEVPTS_SUPER_MAGIC".to_owned(),
            0x9fa0 => "PROC_SUPER_MAGIC".to_owned(),
            0xef53 => "EXT2_SUPER_MAGIC".to_owned(),
            0x0102_1994 => "TMPFS_MAGIC".to_owned(),
            0x0904_1934 => "ANON_INODE_FS_MAGIC".to_owned(),
            0x5049_5045 => "PIPEFS_MAGIC".to_owned(),
            0x534f_434b => "SOCKFS_MAGIC".to_owned(),
            0x6265_6572 => "SYSFS_MAGIC".to_owned(),
            0x794c_7630 => "OVERLAYFS_SUPER_MAGIC".to_owned(),
            other => format!("{other:#x}"),
        };
        let [size, blocks, free, available, files, free_files] =
            [8, 16, 24, 32, 40, 48].map(|at| bytes.u64(at));
        let id = [56, 60].map(|at| bytes.u32(at)).map(|word| hex(word.into()));
        let (name_len, fragment) = (bytes.u64(64), bytes.u64(72));
        let flags = match bytes.u64(80) as u32 {
            flags if flags & ST_VALID != 0 => format!(", f_flags={}", show_flags(flags, "0", &FLAGS)),
            _ => String::new(),
        };
        format!(
            "{{f_type={kind}, f_bsize={size}, f_blocks={blocks}, f_bfree={free}, f_bavail={available}, \
             f_files={files}, f_ffree={free_files}, f_fsid={{val=[{}]}}, f_namelen={name_len}, \
             f_frsize={fragment}{flags}}}",
            id.join(", ")
        )
    }
}

/// The buffer of getdents64, of which strace counts the entries.
#[derive(Clone, Copy, Debug)]
pub(in crate::syscall) struct Entries(VirtAddr);

impl Arg for Entries {
    fn when(_: &Arguments) -> When {
        When::Exit
    }

    fn from_register(raw: u64) -> Self {
        Self(VirtAddr(raw))
    }

    fn show(raw: u64, shower: &mut Shower<'_>) -> String {
        const HEADER_BYTES: u64 = 19;
        const LENGTH_AT: usize = 16;
        let Some(CallResult::Value(filled)) = shower.result else { return pointer(raw) };
        let (mut at, mut count) = (0, 0);
        while at + HEADER_BYTES <= filled {
            let Some(bytes) = shower.whole(VirtAddr(raw.wrapping_add(at)), HEADER_BYTES as usize) else {
                break;
            };
            count += 1;
            match Bytes(&bytes).u16(LENGTH_AT) {
                0 => break,
                len => at += u64::from(len),
            }
        }
        let plural = if count == 1 { "entry" } else { "entries" };
        format!("{} /* {count} {plural} */", pointer(raw))
    }
}

impl From<Entries> for VirtAddr {
    fn from(entries: Entries) -> Self {
        entries.0
    }
}

/// A `struct utsname`.
pub(in crate::syscall) struct UtsName;

impl Element for UtsName {
    const BYTES: usize = 6 * 65;

    fn show(bytes: Bytes<'_>, _: &mut Shower<'_>) -> String {
        let field = |index: usize| {
            let bytes = &bytes.0[65 * index..][..65];
            let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
            quoted(&bytes[..end], usize::MAX)
        };
        format!("{{sysname={}, nodename={}, ...}}", field(0), field(1))
    }
}

/// A `struct sysinfo`.
pub(in crate::syscall) struct SysInfo;

impl Element for SysInfo {
    const BYTES: usize = 112;

    fn show(bytes: Bytes<'_>, shower: &mut Shower<'_>) -> String {
        let loads = bytes.part::<[u64; 3]>(8, shower);
        let [total, free, shared, buffers, swap, free_swap] =
            [32, 40, 48, 56, 64, 72].map(|at| bytes.u64(at));
        let (uptime, processes, high, free_high, unit) =
            (bytes.u64(0), bytes.u16(80), bytes.u64(88), bytes.u64(96), bytes.u32(104));
        format!(
            "{{uptime={uptime}, loads={loads}, totalram={total}, freeram={free}, sharedram={shared}, \
             bufferram={buffers}, totalswap={swap}, freeswap={free_swap}, procs={processes}, totalhigh={high}, \
             freehigh={free_high}, mem_unit={unit}}}"
        )
    }
}

/// A pair of riscv_hwprobe: key and value.
pub(in crate::syscall) struct ProbePair;

impl Element for ProbePair {
    const BYTES: usize = 16;

    fn show(bytes: Bytes<'_>, _: &mut Shower<'_>) -> String {
        const KEYS: [&str; 10] = [
            "MVENDORID",
            "MARCHID",
            "MIMPID",
            "BASE_BEHAVIOR",
            "IMA_EXT_0",
            "CPUPERF_0",
            "ZICBOZ_BLOCK_SIZE",
            "HIGHEST_VIRT_ADDRESS",
            "TIME_CSR_FREQ",
            "MISALIGNED_SCALAR_PERF",
        ];
        let key = bytes.i64(0);
        let name = usize::try_from(key).ok().and_then(|index| KEYS.get(index));
        let key = name.map_or_else(|| key.to_string(), |name| format!("RISCV_HWPROBE_KEY_{name}"));
        let value = hex(bytes.u64(8));
        format!("{{key={key}, value={value}}}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_name_the_type_and_the_special_bits() {
        assert_eq!(file_mode(0o100_644), "S_IFREG|0644");
        assert_eq!(file_mode(0o041_777), "S_IFDIR|S_ISVTX|0777");
        assert_eq!(file_mode(0o100_000), "S_IFREG|000");
        assert_eq!(file_mode(0o010_600), "S_IFIFO|0600");
    }

    #[test]
    fn open_flags_begin_with_the_access_mode() {
        assert_eq!(open_flags(0), "O_RDONLY");
        assert_eq!(open_flags(0x8_0000), "O_RDONLY|O_CLOEXEC");
        assert_eq!(open_flags(0x241), "O_WRONLY|O_CREAT|O_TRUNC");
        assert_eq!(open_flags(0x41_0002), "O_RDWR|O_TMPFILE");
        assert_eq!(open_flags(0x9_0800), "O_RDONLY|O_NONBLOCK|O_CLOEXEC|O_DIRECTORY");
    }

    #[test]
    fn device_numbers_are_made_of_two() {
        assert_eq!(device_number(0x0103), "makedev(0x1, 0x3)");
        assert_eq!(device_number(0x8800), "makedev(0x88, 0)");
    }
}
