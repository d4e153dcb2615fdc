//! Bodies in gzip. Source: RFC 1952.

use miniz_oxide::deflate::compress_to_vec;

/// How hard the compression tries: little, for telemetry is written once and read once.
const LEVEL: u8 = 3;

const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];

/// The bytes in gzip.
pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = HEADER.to_vec();
    packed.extend(compress_to_vec(bytes, LEVEL));
    packed.extend(crc32fast::hash(bytes).to_le_bytes());
    packed.extend((bytes.len() as u32).to_le_bytes());
    packed
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use flate2::read::GzDecoder;

    use super::*;

    #[test]
    fn what_was_packed_is_unpacked_by_others() {
        for text in ["", "a", &"telemetry ".repeat(10_000)] {
            let packed = gzip(text.as_bytes());
            let mut unpacked = String::new();
            let mut decoder = GzDecoder::new(&packed[..]);
            decoder.read_to_string(&mut unpacked).expect("it is gzip");
            assert_eq!(unpacked, text);
        }
    }
}
