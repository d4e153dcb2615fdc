//! Bytes of hot rows: numbers that are as short as they are small, texts that are cut where others repeat them.

pub(crate) use stepwell_api::hex as hex_text;

/// Writes a packed value.
pub(crate) struct Packer(Vec<u8>);

impl Packer {
    /// A value that begins with its version.
    pub(crate) fn new(version: u8, capacity: usize) -> Packer {
        let mut bytes = Vec::with_capacity(capacity);
        bytes.push(version);
        Packer(bytes)
    }

    pub(crate) fn byte(&mut self, byte: u8) {
        self.0.push(byte);
    }

    /// Seven bits a byte, the lowest first.
    pub(crate) fn number(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.0.push(number.to_le_bytes()[0] | 0x80);
            number >>= 7;
        }
        self.0.push(number.to_le_bytes()[0]);
    }

    /// As [`Packer::number`], the sign in the lowest bit.
    pub(crate) fn signed(&mut self, number: i64) {
        self.number(((number << 1) ^ (number >> 63)).cast_unsigned());
    }

    /// Bytes whose number the reader knows.
    pub(crate) fn raw(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    pub(crate) fn text(&mut self, text: &str) {
        self.number(text.len() as u64);
        self.raw(text.as_bytes());
    }

    /// A text that often is a UUID.
    pub(crate) fn name(&mut self, name: &str) {
        match uuid_bytes(name) {
            Some(uuid) => {
                self.number(1);
                self.raw(&uuid);
            }
            None => {
                self.number((name.len() as u64) << 1);
                self.raw(name.as_bytes());
            }
        }
    }

    /// A value in postcard's format.
    pub(crate) fn postcard(self, value: &impl serde::Serialize) -> Packer {
        let written = postcard::to_extend(value, self.0);
        Packer(written.expect("rows have no shapes that postcard cannot write"))
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.0
    }
}

/// Reads what a [`Packer`] wrote; `None` from any method: the bytes are not such a value.
pub(crate) struct Unpacker<'v>(&'v [u8]);

impl<'v> Unpacker<'v> {
    /// - `bytes`: a value after its version.
    pub(crate) fn new(bytes: &'v [u8]) -> Unpacker<'v> {
        Unpacker(bytes)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    pub(crate) fn number(&mut self) -> Option<u64> {
        let mut number = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f).checked_shl(shift)?;
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }

    pub(crate) fn signed(&mut self) -> Option<i64> {
        let number = self.number()?;
        Some((number >> 1).cast_signed() ^ -(number & 1).cast_signed())
    }

    pub(crate) fn raw(&mut self, count: usize) -> Option<&'v [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    pub(crate) fn text(&mut self) -> Option<&'v str> {
        let count = usize::try_from(self.number()?).ok()?;
        std::str::from_utf8(self.raw(count)?).ok()
    }

    pub(crate) fn name(&mut self) -> Option<String> {
        let mark = self.number()?;
        if mark == 1 {
            return Some(uuid_text(self.raw(16)?.try_into().ok()?));
        }
        let count = usize::try_from(mark >> 1).ok()?;
        Some(std::str::from_utf8(self.raw(count)?).ok()?.to_string())
    }

    pub(crate) fn postcard<T: serde::Deserialize<'v>>(&mut self) -> Option<T> {
        let (value, rest) = postcard::take_from_bytes(self.0).ok()?;
        self.0 = rest;
        Some(value)
    }
}

/// Where a UUID's text has hyphens.
const HYPHENS: [usize; 4] = [8, 13, 18, 23];

/// The bytes of a UUID that is written in lower case, as this server writes them.
fn uuid_bytes(text: &str) -> Option<[u8; 16]> {
    let text: &[u8; 36] = text.as_bytes().try_into().ok()?;
    if HYPHENS.iter().any(|at| text[*at] != b'-') {
        return None;
    }
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let mut digits = (0..36).filter(|at| !HYPHENS.contains(at));
    let mut bytes = [0; 16];
    for byte in &mut bytes {
        let (high, low) = (digits.next()?, digits.next()?);
        *byte = digit(text[high])? << 4 | digit(text[low])?;
    }
    Some(bytes)
}

fn uuid_text(bytes: [u8; 16]) -> String {
    let mut text = hex_text(&bytes);
    HYPHENS.iter().for_each(|at| text.insert(*at, '-'));
    text
}

/// The bytes of twice as many digits in lower case.
pub(crate) fn hex_bytes<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digit = |digit: u8| match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    };
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if pairs.len() != N || !rest.is_empty() {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        *byte = digit(*high)? << 4 | digit(*low)?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_is_unpacked() {
        let numbers = [0, 1, 127, 128, 16_383, 16_384, u64::MAX - 1, u64::MAX];
        let signed = [0, -1, 1, i64::MIN, i64::MAX];
        let names = [
            "",
            "order-1",
            "8d1f3c5a-0000-4000-8000-0123456789ab",
            "8D1F3C5A-0000-4000-8000-0123456789AB",
            "8d1f3c5a-0000-4000-8000-0123456789a-",
        ];
        let mut packer = Packer::new(2, 0);
        numbers.iter().for_each(|number| packer.number(*number));
        signed.iter().for_each(|number| packer.signed(*number));
        names.iter().for_each(|name| packer.name(name));
        packer.text("ümläute");
        let bytes = packer.postcard(&Some(7u8)).into_bytes();
        let mut unpacker = Unpacker::new(&bytes[1..]);
        for number in numbers {
            assert_eq!(unpacker.number(), Some(number));
        }
        for number in signed {
            assert_eq!(unpacker.signed(), Some(number));
        }
        for name in names {
            assert_eq!(unpacker.name().as_deref(), Some(name));
        }
        assert_eq!(unpacker.text(), Some("ümläute"));
        assert_eq!(unpacker.postcard(), Some(Some(7u8)));
        assert!(unpacker.is_empty());
        assert_eq!(unpacker.number(), None);
    }

    #[test]
    fn a_hash_is_half_as_long() {
        let hash = "0123456789abcdef".repeat(4);
        let bytes = hex_bytes::<32>(&hash).expect("a hash");
        assert_eq!(hex_text(&bytes), hash);
        assert_eq!(hex_bytes::<32>(&hash.to_uppercase()), None);
        assert_eq!(hex_bytes::<32>("ab"), None);
    }
}
