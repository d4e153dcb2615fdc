//! What an expression may see: values, variables, the context object, and the moment's `now` and entropy.

use std::cell::{Cell, OnceCell};
use std::collections::BTreeMap;

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::Timestamp;

/// Variables visible to a state, by name without the `$`.
pub type Variables = BTreeMap<String, Value>;

/// Everything that the fields of one state can refer to.
///
/// - `input`: `$` of a JSONPath field (which value that is depends on the field) and `$states.input`.
/// - `context`: `$$` and `$states.context`.
/// - `result`: `$states.result`; only in `Output` and `Assign` of Task, Parallel and Map.
/// - `error_output`: `$states.errorOutput`; only in a catcher.
#[derive(Clone, Copy)]
pub struct Scope<'a> {
    pub input: &'a Value,
    pub context: &'a Value,
    pub variables: &'a Variables,
    pub result: Option<&'a Value>,
    pub error_output: Option<&'a Value>,
    pub now: Timestamp,
    pub entropy: &'a Entropy,
}

impl<'a> Scope<'a> {
    /// The same scope with another `$`.
    pub fn with_input(self, input: &'a Value) -> Scope<'a> {
        Scope { input, ..self }
    }
}

/// A stream of bytes derived from a seed: the same seed gives the same stream.
#[derive(Debug)]
pub struct Entropy {
    origin: ([u8; 32], u64),
    /// Hashed when it is first drawn from: few states draw at all.
    seed: OnceCell<[u8; 32]>,
    drawn: Cell<u64>,
}

impl Entropy {
    /// A stream for one step of one execution.
    ///
    /// - `seed`: 32 bytes fixed when the execution starts.
    /// - `event_id`: the history event that the evaluation belongs to, so that steps differ.
    pub fn derive(seed: &[u8; 32], event_id: u64) -> Entropy {
        Entropy {
            origin: (*seed, event_id),
            seed: OnceCell::new(),
            drawn: Cell::new(0),
        }
    }

    /// A stream that these texts alone decide.
    pub fn of_texts(texts: &[&str]) -> Entropy {
        let mut hash = Sha256::new();
        for text in texts {
            hash.update((text.len() as u64).to_be_bytes());
            hash.update(text);
        }
        Entropy {
            origin: ([0; 32], 0),
            seed: OnceCell::from(<[u8; 32]>::from(hash.finalize())),
            drawn: Cell::new(0),
        }
    }

    fn seed(&self) -> &[u8; 32] {
        self.seed.get_or_init(|| {
            let (seed, event_id) = &self.origin;
            let mut hash = Sha256::new();
            hash.update(seed);
            hash.update(event_id.to_be_bytes());
            hash.finalize().into()
        })
    }

    /// The next 32 bytes of the stream.
    pub fn draw(&self) -> [u8; 32] {
        let count = self.drawn.get();
        self.drawn.set(count + 1);
        let mut hash = Sha256::new();
        hash.update(self.seed());
        hash.update(count.to_be_bytes());
        hash.finalize().into()
    }

    /// The next number of the stream, uniform over all `u64`.
    pub fn draw_u64(&self) -> u64 {
        let bytes = self.draw();
        u64::from_be_bytes(bytes[..8].try_into().expect("eight bytes of thirty-two"))
    }

    /// The next number of the stream, uniform in `[0, 1)`.
    pub fn draw_unit(&self) -> f64 {
        (self.draw_u64() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// The next random (version 4) UUID of the stream, as lower-case text.
    pub fn draw_uuid(&self) -> String {
        let mut b: [u8; 16] = self.draw()[..16]
            .try_into()
            .expect("sixteen bytes of thirty-two");
        b[6] = (b[6] & 0x0f) | 0x40;
        b[8] = (b[8] & 0x3f) | 0x80;
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut text = String::with_capacity(36);
        for (at, byte) in b.iter().enumerate() {
            if matches!(at, 4 | 6 | 8 | 10) {
                text.push('-');
            }
            text.push(char::from(DIGITS[usize::from(byte >> 4)]));
            text.push(char::from(DIGITS[usize::from(byte & 15)]));
        }
        text
    }
}
