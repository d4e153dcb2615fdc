//! Task tokens: opaque text that names one attempt of one task and proves that we wrote it.

use stepwell_asl::Entropy;

use crate::execution::FrameId;

/// Names an attempt: the fence of a completion.
///
/// The text is lower-case hex of version, shard-local execution number, frame, attempt and a check
/// value derived from the execution's seed; a token that was not handed out does not verify.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TaskToken {
    pub execution: u64,
    pub frame: FrameId,
    pub attempt: u32,
    check: [u8; 16],
}

const VERSION: u8 = 1;
const BYTES: usize = 1 + 8 + 4 + 4 + 16;

impl TaskToken {
    /// The token of an attempt of an execution with this `seed`.
    pub fn issue(execution: u64, frame: FrameId, attempt: u32, seed: &[u8; 32]) -> TaskToken {
        let fence = (u64::from(frame.0) << 32) | u64::from(attempt);
        // The stream of event ids uses small numbers; tokens use the complement so that they never meet.
        let drawn = Entropy::derive(seed, !fence).draw();
        TaskToken {
            execution,
            frame,
            attempt,
            check: drawn[..16].try_into().expect("sixteen bytes of thirty-two"),
        }
    }

    /// Reads a token's text; `None` if it is not one of ours.
    pub fn parse(text: &str) -> Option<TaskToken> {
        if text.len() != BYTES * 2 || !text.is_ascii() {
            return None;
        }
        let mut bytes = [0u8; BYTES];
        for (index, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&text[index * 2..index * 2 + 2], 16).ok()?;
        }
        if bytes[0] != VERSION {
            return None;
        }
        Some(TaskToken {
            execution: u64::from_be_bytes(bytes[1..9].try_into().ok()?),
            frame: FrameId(u32::from_be_bytes(bytes[9..13].try_into().ok()?)),
            attempt: u32::from_be_bytes(bytes[13..17].try_into().ok()?),
            check: bytes[17..].try_into().ok()?,
        })
    }

    /// Whether the token was issued under `seed`.
    pub fn verifies(&self, seed: &[u8; 32]) -> bool {
        *self == TaskToken::issue(self.execution, self.frame, self.attempt, seed)
    }
}

impl std::fmt::Display for TaskToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{VERSION:02x}{:016x}{:08x}{:08x}",
            self.execution, self.frame.0, self.attempt
        )?;
        self.check
            .iter()
            .try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}
