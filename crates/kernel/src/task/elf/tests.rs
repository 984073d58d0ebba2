use super::*;
use proptest::prelude::*;

/// Offset of the second program header of [`program`].
const SECOND: usize = 64 + 56;

/// Makes a program of two segments: code with the headers in it, and data with 16 bytes in the file and 64 in memory.
fn program() -> Vec<u8> {
    let mut file = Vec::new();
    file.extend(b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0");
    file.extend([2u16, 243].map(u16::to_le_bytes).concat());
    file.extend(1u32.to_le_bytes());
    file.extend([0x10100u64, 64, u64::MAX].map(u64::to_le_bytes).concat());
    file.extend(5u32.to_le_bytes());
    file.extend([64u16, 56, 2, 64, u16::MAX, u16::MAX].map(u16::to_le_bytes).concat());
    file.extend([1u32, 5].map(u32::to_le_bytes).concat());
    file.extend([0u64, 0x10000, 0x10000, 0x110, 0x110, 0x1000].map(u64::to_le_bytes).concat());
    file.extend([1u32, 6].map(u32::to_le_bytes).concat());
    file.extend([0x110u64, 0x11110, 0x11110, 16, 64, 0x1000].map(u64::to_le_bytes).concat());
    file.resize(0x120, 0);
    file
}

fn patched(at: usize, bytes: &[u8]) -> Result<Image, ElfError> {
    let mut file = program();
    file[at..at + bytes.len()].copy_from_slice(bytes);
    Image::parse(&file)
}

#[test]
fn reads_what_the_kernel_needs_and_no_section_table() {
    // The section table of `program` lies nowhere.
    let image = Image::parse(&program()).unwrap();
    assert_eq!(image.placement, Placement::Fixed);
    assert_eq!(image.entry, VirtAddr(0x10100));
    assert_eq!(image.headers_at, Some(VirtAddr(0x10040)));
    assert_eq!(image.header_count, 2);
    assert_eq!(image.interpreter, None);
    assert!(!image.executable_stack);
    let data = image.segments[1];
    assert_eq!((data.at, data.offset), (VirtAddr(0x11110), 0x110));
    assert_eq!((data.file_bytes, data.memory_bytes), (16, 64));
    assert_eq!(data.flags, SegmentFlags::R | SegmentFlags::W);
    assert_eq!(data.range(), VirtAddr(0x11110)..VirtAddr(0x11150));
    assert_eq!(image.truncated_segment(0x120), None);
    assert_eq!(image.truncated_segment(0x11f), Some(&data));
}

#[test]
fn every_fault_has_its_own_error() {
    use ElfError::*;
    let at = VirtAddr(0x11110);
    let cases: &[(usize, &[u8], ElfError)] = &[
        (0, b"#!/b", NotElf),
        (4, &[1], Class(1)),
        (5, &[2], ByteOrder(2)),
        (5, &[0], ByteOrder(0)),
        (16, &[1], Type(1)),
        (18, &[62], Machine(62)),
        (24, &(1u64 << 38).to_le_bytes(), Entry(VirtAddr(1 << 38))),
        (32, &0xf0u64.to_le_bytes(), HeadersTruncated),
        (32, &u64::MAX.to_le_bytes(), HeadersTruncated),
        (54, &[55], HeaderSize(55)),
        (56, &[0], HeaderCount(0)),
        (56, &[74], HeaderCount(74)),
        (56, &[6], HeadersTruncated),
        (SECOND + 8, &0x111u64.to_le_bytes(), SegmentAlignment { index: 1, at, offset: 0x111 }),
        (SECOND + 16, &(1u64 << 38).to_le_bytes(), SegmentOutsideMemory { index: 1, at: VirtAddr(1 << 38) }),
        (SECOND + 32, &65u64.to_le_bytes(), SegmentSize { index: 1 }),
        (SECOND + 40, &u64::MAX.to_le_bytes(), SegmentOutsideMemory { index: 1, at }),
    ];
    for &(at, bytes, error) in cases {
        assert_eq!(patched(at, bytes), Err(error), "{bytes:x?} at {at}");
    }
}

#[test]
fn a_short_file_is_told_apart_from_a_foreign_one() {
    let file = program();
    assert_eq!(Image::parse(&[]), Err(ElfError::NotElf));
    assert_eq!(Image::parse(&file[..4]), Err(ElfError::ShortHeader(4)));
    assert_eq!(Image::parse(&file[..63]), Err(ElfError::ShortHeader(63)));
    assert_eq!(Image::parse(&file[..64]), Err(ElfError::HeadersTruncated));
}

#[test]
fn an_object_file_for_another_machine_is_named_by_its_machine() {
    assert_eq!(patched(16, &[1, 0, 62]), Err(ElfError::Machine(62)));
}

#[test]
fn the_interpreter_is_a_terminated_path() {
    let with_path = |offset: u64, len: u64, path: &[u8]| {
        let mut file = program();
        file[SECOND] = 3;
        file[SECOND + 8..SECOND + 16].copy_from_slice(&offset.to_le_bytes());
        file[SECOND + 32..SECOND + 40].copy_from_slice(&len.to_le_bytes());
        file[0x110..0x110 + path.len()].copy_from_slice(path);
        Image::parse(&file).map(|image| image.interpreter)
    };
    assert_eq!(with_path(0x110, 7, b"/lib/ld"), Err(ElfError::InterpreterPath));
    assert_eq!(with_path(0x110, 8, b"/lib/ld\0"), Ok(Some(b"/lib/ld".to_vec())));
    assert_eq!(with_path(0x110, 8, b"/lib\0xx\0"), Ok(Some(b"/lib".to_vec())));
    assert_eq!(with_path(0x110, 1, b"\0"), Err(ElfError::InterpreterPath));
    assert_eq!(with_path(0x110, 4097, b"/\0"), Err(ElfError::InterpreterPath));
    assert_eq!(with_path(0x119, 8, b"/lib/ld\0"), Err(ElfError::InterpreterTruncated));
    assert_eq!(with_path(u64::MAX, 8, b"/lib/ld\0"), Err(ElfError::InterpreterTruncated));
}

#[test]
fn only_a_stack_header_makes_the_stack_executable() {
    let stack = |flags: u32| {
        let header = [0x6474_e551u32, flags].map(u32::to_le_bytes).concat();
        patched(SECOND, &header).unwrap().executable_stack
    };
    assert!(stack(7));
    assert!(!stack(6));
}

#[test]
fn errno_is_what_linux_returns() {
    assert_eq!(ElfError::NotElf.errno(), Errno::ENOEXEC);
    assert_eq!(ElfError::InterpreterTruncated.errno(), Errno::EIO);
    assert_eq!(ElfError::NoSegment.errno(), Errno::EINVAL);
}

/// What a caller may rely on, whatever the file was.
fn check_promises(file: &[u8]) {
    let Ok(image) = Image::parse(file) else { return };
    assert!(!image.segments.is_empty());
    for segment in &image.segments {
        assert!(segment.file_bytes <= segment.memory_bytes);
        assert!(segment.range().start <= segment.range().end);
        assert!(segment.range().end <= VirtAddr(TASK_SIZE));
        assert!(segment.offset.checked_add(segment.file_bytes).is_some());
    }
    let _ = image.truncated_segment(file.len() as u64);
}

proptest! {
    #[test]
    fn any_bytes_are_judged_without_a_panic(file in proptest::collection::vec(any::<u8>(), 0..400)) {
        check_promises(&file);
    }

    #[test]
    fn a_damaged_program_keeps_the_promises(
        damage in proptest::collection::vec((0usize..0x120, any::<u8>()), 1..12),
        len in 0usize..=0x120,
    ) {
        let mut file = program();
        for (at, byte) in damage {
            file[at] = byte;
        }
        check_promises(&file);
        check_promises(&file[..len]);
    }
}
