//! A session of Live Tail: told as soon as something is logged.

use std::{
    io::{self, Read},
    sync::mpsc::{self, Receiver},
    thread,
    time::Duration,
};

use serde_json::Value;

/// AWS: a message of an event stream has at most 24 MiB.
const MESSAGE_BYTES_MAX: usize = 24 << 20;
/// Lengths of the message and of its headers, and the checksum of both.
const PRELUDE_BYTES: usize = 12;
/// The checksum behind the payload.
const CHECKSUM_BYTES: usize = 4;

/// Messages of a session that tell of nothing, one a second, after which somebody should look all the same: it does not
/// tell of a group that was deleted and made again.
const SILENT_MESSAGES_MAX: usize = 15;

/// A session tells of something every second; without anything for so long its connection is dead.
const DEAD_AFTER: Duration = Duration::from_secs(30);

/// An open session; dropping it ends it with its next message.
pub struct LiveTail {
    messages: Receiver<Vec<u8>>,
    dead_after: Duration,
}

impl LiveTail {
    /// Reads a session's stream on a thread of its own: a connection whose other end has gone without a word may never
    /// give a byte again, nor an error.
    pub fn of(reader: impl Read + Send + 'static) -> Self {
        Self::with(reader, DEAD_AFTER)
    }

    fn with(mut reader: impl Read + Send + 'static, dead_after: Duration) -> Self {
        let (sender, messages) = mpsc::sync_channel(1);
        thread::spawn(move || {
            while let Ok(message) = message(&mut reader) {
                if sender.send(message).is_err() {
                    return;
                }
            }
        });
        Self {
            messages,
            dead_after,
        }
    }

    /// Waits until the session has begun, or something was logged since the last time, or it has told of nothing for some
    /// seconds.
    ///
    /// - `false`: the session is over, or its connection is dead.
    pub fn wait(&mut self) -> bool {
        for _ in 0..SILENT_MESSAGES_MAX {
            let Ok(payload) = self.messages.recv_timeout(self.dead_after) else {
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
}

/// The payload of the next message.
///
/// Source: Smithy, "Amazon Event Stream Specification". TCP has checked the bytes.
fn message(reader: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut prelude = [0; PRELUDE_BYTES];
    reader.read_exact(&mut prelude)?;
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
    reader.read_exact(&mut message)?;
    message.drain(..headers);
    message.truncate(payload);
    Ok(message)
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    /// The other end has gone without a word.
    struct Gone;

    impl Read for Gone {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            loop {
                thread::park();
            }
        }
    }

    #[test]
    fn a_connection_that_gives_nothing_any_more_ends_the_session() {
        let began = Cursor::new(message(r#"{"sessionId":"s"}"#));
        let mut tail = LiveTail::of(began.chain(Gone));
        assert!(tail.wait());
        tail.dead_after = Duration::ZERO;
        assert!(!tail.wait());
    }

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
        let mut tail = LiveTail::of(Cursor::new(stream));
        assert_eq!([tail.wait(), tail.wait(), tail.wait()], [true, true, false]);
    }

    #[test]
    fn a_long_silence_ends_the_wait_and_not_the_session() {
        let silence = message(r#"{"sessionMetadata":{"sampled":false},"sessionResults":[]}"#);
        let stream = silence.repeat(SILENT_MESSAGES_MAX + 1);
        let mut tail = LiveTail::of(Cursor::new(stream));
        assert_eq!([tail.wait(), tail.wait()], [true, false]);
    }

    #[test]
    fn what_is_no_stream_of_events_ends_the_session() {
        for bytes in [&b"HTTP/1.1 is no message"[..], &[0; 64], &[0xff; 64], b""] {
            assert!(!LiveTail::of(bytes).wait());
        }
    }
}
