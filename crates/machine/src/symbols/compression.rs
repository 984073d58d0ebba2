//! Sections that were compressed to save room (gABI, "Section Compression").

use flate2::read::ZlibDecoder;
use ruzstd::decoding::StreamingDecoder;
use std::io::Read;

/// Length of the header of a compressed section, `Elf64_Chdr`.
const HEADER: usize = 24;
/// `ELFCOMPRESS_ZLIB`.
const ZLIB: u32 = 1;
/// `ELFCOMPRESS_ZSTD`.
const ZSTD: u32 = 2;
/// A section that claims to be longer than this is taken for damaged: the largest programs' have some hundred MiB.
const LONGEST: u64 = 1 << 30;

/// Returns what a compressed section holds; `None` when it is damaged, or compressed in a way that the ABI does not know.
pub(super) fn expand(section: &[u8]) -> Option<Vec<u8>> {
    let (header, data) = section.split_at_checked(HEADER)?;
    let kind = u32::from_le_bytes(header[..4].try_into().ok()?);
    let len_bytes = u64::from_le_bytes(header[8..16].try_into().ok()?);
    if len_bytes > LONGEST {
        return None;
    }
    let mut bytes = Vec::new();
    match kind {
        ZLIB => ZlibDecoder::new(data).take(len_bytes).read_to_end(&mut bytes).ok()?,
        ZSTD => StreamingDecoder::new(data).ok()?.take(len_bytes).read_to_end(&mut bytes).ok()?,
        _ => return None,
    };
    (bytes.len() as u64 == len_bytes).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn section(kind: u32, len_bytes: u64, data: &[u8]) -> Vec<u8> {
        let header = [u64::from(kind), len_bytes, 1].map(u64::to_le_bytes).concat();
        [header, data.to_vec()].concat()
    }

    /// 300 letters as zlib(1) and zstd(1) packed them.
    const PACKED: [(u32, &[u8]); 2] = [
        (ZLIB, b"\x78\xda\x4b\x4c\x1c\x05\xc4\x02\x00\xd8\xa8\x71\xad"),
        (ZSTD, b"\x28\xb5\x2f\xfd\x04\x58\x4d\x00\x00\x10\x61\x61\x01\x00\x27\x2a\xc0\x02\xc7\xcf\xcf\xb9"),
    ];

    #[test]
    fn both_ways_of_the_abi_are_read() {
        for (kind, data) in PACKED {
            assert_eq!(expand(&section(kind, 300, data)), Some(vec![b'a'; 300]), "{kind}");
        }
    }

    #[test]
    fn what_is_damaged_has_no_contents() {
        for (kind, data) in PACKED {
            for len_bytes in [301, LONGEST + 1, u64::MAX] {
                assert_eq!(expand(&section(kind, len_bytes, data)), None, "{kind}");
            }
            assert_eq!(expand(&section(kind, 300, &data[..5])), None, "{kind}");
            assert_eq!(expand(&section(3, 300, data)), None);
        }
        assert_eq!(expand(&[1; 23]), None);
    }
}
