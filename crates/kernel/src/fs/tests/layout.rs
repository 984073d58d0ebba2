//! The bytes of `struct stat` and `struct statx`, field by field at the offsets that the ABI's C declarations give.

use super::*;

const SAMPLE: Stat = Stat {
    dev: makedev(0, 21),
    ino: 0x1122_3344_5566,
    file_type: FileType::Regular,
    permissions: 0o4755,
    nlink: 3,
    uid: 4,
    gid: 5,
    rdev: makedev(0x123, 0x4_5678),
    size: 6_000_000_000,
    blocks: 7,
    times: Times {
        accessed_ns: 1_000_000_001,
        modified_ns: 2_000_000_002,
        changed_ns: 3_000_000_003,
        born_ns: 4_000_000_004,
    },
};

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap())
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap())
}

#[test]
fn struct_stat_is_laid_out_as_riscv64_expects() {
    let bytes = SAMPLE.stat_bytes();
    assert_eq!(u64_at(&bytes, 0), 21, "st_dev");
    assert_eq!(u64_at(&bytes, 8), 0x1122_3344_5566, "st_ino");
    assert_eq!(u32_at(&bytes, 16), 0o10_4755, "st_mode");
    assert_eq!([20, 24, 28].map(|at| u32_at(&bytes, at)), [3, 4, 5], "st_nlink, st_uid, st_gid");
    assert_eq!(u64_at(&bytes, 32), 0x4561_2378, "st_rdev");
    assert_eq!(u64_at(&bytes, 48), 6_000_000_000, "st_size");
    assert_eq!(u32_at(&bytes, 56), 4096, "st_blksize");
    assert_eq!(u64_at(&bytes, 64), 7, "st_blocks");
    assert_eq!([72, 80, 88, 96, 104, 112].map(|at| u64_at(&bytes, at)), [1, 1, 2, 2, 3, 3], "times");
    assert_eq!(u64_at(&bytes, 120), 0);
}

#[test]
fn struct_statx_is_laid_out_as_its_manual_page_says() {
    let place = MountPlace { mount: 23, is_root: true, knows_birth: true };
    let bytes = SAMPLE.statx_bytes(place, u32::MAX >> 1);
    assert_eq!([0, 4].map(|at| u32_at(&bytes, at)), [0x4fff, 4096], "stx_mask, stx_blksize");
    assert_eq!([8, 56].map(|at| u64_at(&bytes, at)), [0x2000, 0x2000], "stx_attributes, stx_attributes_mask");
    assert_eq!([16, 20, 24].map(|at| u32_at(&bytes, at)), [3, 4, 5], "stx_nlink, stx_uid, stx_gid");
    assert_eq!(u32_at(&bytes, 28), 0o10_4755, "stx_mode, 16 bits, and padding");
    assert_eq!(u64_at(&bytes, 32), 0x1122_3344_5566, "stx_ino");
    assert_eq!([40, 48].map(|at| u64_at(&bytes, at)), [6_000_000_000, 7], "stx_size, stx_blocks");
    let time = |at| (u64_at(&bytes, at), u32_at(&bytes, at + 8));
    assert_eq!([64, 80, 96, 112].map(time), [(1, 1), (4, 4), (3, 3), (2, 2)], "atime, btime, ctime, mtime");
    assert_eq!([128, 132].map(|at| u32_at(&bytes, at)), [0x123, 0x4_5678], "stx_rdev");
    assert_eq!([136, 140].map(|at| u32_at(&bytes, at)), [0, 21], "stx_dev");
    assert_eq!(u64_at(&bytes, 144), (1 << 31) + 23, "stx_mnt_id");
    let bytes = SAMPLE.statx_bytes(place, 0x7ff);
    assert_eq!(
        (u32_at(&bytes, 0), u64_at(&bytes, 80), u64_at(&bytes, 144)),
        (0x17ff, 0, 23),
        "what nobody asked for"
    );
}

#[test]
fn struct_statfs_is_laid_out_as_riscv64_expects() {
    let mut world = World::new();
    let mut figures = |path| {
        let node = world.find(path).unwrap();
        world.with(|fs, env| fs.statfs(env, node))
    };
    let (tmp, proc) = (figures("/tmp"), figures("/proc"));
    assert_eq!((tmp.magic, tmp.blocks, tmp.free_blocks), (0x0102_1994, FRAMES, FRAMES));
    assert_eq!(proc.magic, 0x9fa0);
    let bytes =
        StatFs { magic: 1, blocks: 2, free_blocks: 3, files: 4, free_files: 5, flags: MountFlags::RDONLY }
            .bytes();
    let words: Vec<u64> = (0..15).map(|index| u64_at(&bytes, 8 * index)).collect();
    assert_eq!(words[..5], [1, 4096, 2, 3, 3], "f_type, f_bsize, f_blocks, f_bfree, f_bavail");
    assert_eq!(words[5..7], [4, 5], "f_files, f_ffree");
    assert_eq!(words[8..10], [255, 4096], "f_namelen, f_frsize");
    world.file("/f", "x");
    assert_eq!(world.with(|fs, env| fs.statfs(env, fs.root())).free_blocks, FRAMES - 1);
}
