//! A session of Live Tail: told as soon as something is logged.

use std::io::{self, Read};

use serde_json::Value;
use ureq::BodyReader;

/// AWS: a message of an event stream has at most 24 MiB.
const MESSAGE_BYTES_MAX: usize = 24 << 20;
/// Lengths of the message and of its headers, and the checksum of both.
const PRELUDE_BYTES: usize = 12;
/// The checksum behind the payload.
const CHECKSUM_BYTES: usize = 4;

/// Messages of a session that tell of nothing, one a second, after which somebody should look all the same: it does not
/// tell of a group that was deleted and made again.
const SILENT_MESSAGES_MAX: usize = 15;

/// An open session; dropping it ends it.
pub struct LiveTail<R = BodyReader<'static>> {
    reader: R,
}

impl<R: Read> LiveTail<R> {
    pub fn of(reader: R) -> Self {
        Self { reader }
    }

    /// Waits until the session has begun, or something was logged since the last time, or it has told of nothing for some
    /// seconds.
    ///
    /// - `false`: the session is over.
    pub fn wait(&mut self) -> bool {
        for _ in 0..SILENT_MESSAGES_MAX {
            let Ok(payload) = self.message() else {
                return false;
            };
            let told: Value = serde_json::from_slice(&payload).unwrap_or_default();
            let has_begun = told.get("sessionId").is_some();
            let events = told["sessionResults"].as_array();
            let has_more = told["sessionMetadata"]["sampled"] == true;
            if has_begun || has_more || events.is_some_and(|events| !events.is_empty()) {
                return true;
            }
        }
        true
    }

    /// The payload of the next message.
    ///
    /// Source: Smithy, "Amazon Event Stream Specification". TCP has checked the bytes.
    fn message(&mut self) -> io::Result<Vec<u8>> {
        let mut prelude = [0; PRELUDE_BYTES];
        self.reader.read_exact(&mut prelude)?;
        let length = |at: usize| {
            let bytes = prelude[at..at + 4].try_into().unwrap_or_default();
            usize::try_from(u32::from_be_bytes(bytes)).unwrap_or(usize::MAX)
        };
        let (whole, headers) = (length(0), length(4));
        let rest = whole.checked_sub(PRELUDE_BYTES);
        let payload = rest.and_then(|rest| rest.checked_sub(headers)?.checked_sub(CHECKSUM_BYTES));
        let (Some(rest), Some(payload)) = (rest, payload) else {
            return Err(io::ErrorKind::InvalidData.into());
        };
        if whole > MESSAGE_BYTES_MAX {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let mut message = vec![0; rest];
        self.reader.read_exact(&mut message)?;
        message.drain(..headers);
        message.truncate(payload);
        Ok(message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A message with a header, and checksums that nobody looks at.
    fn message(payload: &str) -> Vec<u8> {
        let headers = b"\x03:ab\x07\x00\x01c";
        let whole = PRELUDE_BYTES + headers.len() + payload.len() + CHECKSUM_BYTES;
        let mut message = Vec::new();
        for length in [whole, headers.len()] {
            let length = u32::try_from(length).expect("it is short");
            message.extend(length.to_be_bytes());
        }
        message.extend([0; CHECKSUM_BYTES]);
        message.extend(headers);
        message.extend(payload.as_bytes());
        message.extend([0; CHECKSUM_BYTES]);
        message
    }

    #[test]
    fn a_session_tells_of_its_beginning_of_events_and_of_its_end() {
        let stream = [
            "{}",
            r#"{"sessionId":"s"}"#,
            r#"{"sessionMetadata":{"sampled":false},"sessionResults":[]}"#,
            r#"{"sessionMetadata":{"sampled":false},"sessionResults":[{"message":"m"}]}"#,
            r#"{"message":"Session has timed out."}"#,
        ];
        let stream: Vec<u8> = stream.into_iter().flat_map(message).collect();
        let mut tail = LiveTail::of(stream.as_slice());
        assert_eq!([tail.wait(), tail.wait(), tail.wait()], [true, true, false]);
    }

    #[test]
    fn a_long_silence_ends_the_wait_and_not_the_session() {
        let silence = message(r#"{"sessionMetadata":{"sampled":false},"sessionResults":[]}"#);
        let stream = silence.repeat(SILENT_MESSAGES_MAX + 1);
        let mut tail = LiveTail::of(stream.as_slice());
        assert_eq!([tail.wait(), tail.wait()], [true, false]);
    }

    #[test]
    fn what_is_no_stream_of_events_ends_the_session() {
        for bytes in [&b"HTTP/1.1 is no message"[..], &[0; 64], &[0xff; 64], b""] {
            assert!(!LiveTail::of(bytes).wait());
        }
    }
}
