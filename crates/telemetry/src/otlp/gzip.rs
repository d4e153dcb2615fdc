//! Bodies in gzip. Source: RFC 1952.

use miniz_oxide::deflate::compress_to_vec;
use miniz_oxide::inflate::decompress_to_vec_with_limit;

use super::Malformed;

/// How hard the compression tries: little, for telemetry is written once and read once.
const LEVEL: u8 = 3;

const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
const HAS_CHECKSUM: u8 = 2;
const HAS_EXTRA: u8 = 4;
const HAS_NAME: u8 = 8;
const HAS_COMMENT: u8 = 16;

/// The bytes in gzip.
pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = HEADER.to_vec();
    packed.extend(compress_to_vec(bytes, LEVEL));
    packed.extend(crc32fast::hash(bytes).to_le_bytes());
    packed.extend((bytes.len() as u32).to_le_bytes());
    packed
}

/// The bytes that were put in gzip, in one member.
///
/// - Errors: no gzip, a checksum that does not match, or more than `bytes_max` bytes.
pub fn gunzip(packed: &[u8], bytes_max: usize) -> Result<Vec<u8>, Malformed> {
    let broken = |reason: &str| Malformed(format!("the body is no gzip: {reason}"));
    let cut = || broken("it is cut off");
    let (head, mut rest) = packed.split_at_checked(HEADER.len()).ok_or_else(cut)?;
    if head[..3] != HEADER[..3] {
        return Err(broken("it begins otherwise"));
    }
    let flags = head[3];
    if flags & HAS_EXTRA != 0 {
        let (length, after) = rest.split_at_checked(2).ok_or_else(cut)?;
        let length = usize::from(u16::from_le_bytes([length[0], length[1]]));
        rest = after.get(length..).ok_or_else(cut)?;
    }
    for has_text in [HAS_NAME, HAS_COMMENT] {
        if flags & has_text != 0 {
            let end = rest.iter().position(|byte| *byte == 0).ok_or_else(cut)?;
            rest = &rest[end + 1..];
        }
    }
    if flags & HAS_CHECKSUM != 0 {
        rest = rest.get(2..).ok_or_else(cut)?;
    }
    let (body, foot) = rest
        .split_at_checked(rest.len().saturating_sub(8))
        .ok_or_else(cut)?;
    let foot: [u8; 8] = foot.try_into().map_err(|_| cut())?;
    let bytes = decompress_to_vec_with_limit(body, bytes_max).map_err(|error| {
        if error.status == miniz_oxide::inflate::TINFLStatus::HasMoreOutput {
            return Malformed(format!("the body has more than {bytes_max} bytes unpacked"));
        }
        broken("its deflate stream is damaged")
    })?;
    let checksum = u32::from_le_bytes([foot[0], foot[1], foot[2], foot[3]]);
    if checksum != crc32fast::hash(&bytes) {
        return Err(broken("its checksum does not match"));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_packed_is_unpacked() {
        for text in ["", "a", &"telemetry ".repeat(10_000)] {
            let packed = gzip(text.as_bytes());
            for bytes_max in [text.len(), 1 << 20] {
                assert_eq!(gunzip(&packed, bytes_max), Ok(text.as_bytes().to_vec()));
            }
        }
        // With a name, as the program gzip writes it: `printf hello | gzip -n` has none, so the name is put in.
        let mut named = gzip(b"hello");
        named[3] = HAS_NAME;
        named.splice(10..10, *b"a.txt\0");
        assert_eq!(gunzip(&named, 10), Ok(b"hello".to_vec()));
    }

    #[test]
    fn a_bomb_and_every_damage_are_refused() {
        let packed = gzip(&vec![0; 10 << 20]);
        assert!(packed.len() < 100_000);
        let refused = gunzip(&packed, 1 << 20).expect_err("it is too large");
        assert!(
            refused.0.contains("more than 1048576 bytes"),
            "{}",
            refused.0
        );
        let packed = gzip(b"some text that is worth packing, text, text");
        for length in 0..packed.len() {
            gunzip(&packed[..length], 1 << 20).expect_err("it is cut");
        }
        for at in [0, 1, 2, 15, packed.len() - 8] {
            let mut damaged = packed.clone();
            damaged[at] ^= 0x55;
            gunzip(&damaged, 1 << 20).expect_err("it is damaged");
        }
    }
}
