//! `application/vnd.amazon.eventstream`: messages of headers and a payload, each with two checksums.
//!
//! Source: Smithy, "Amazon Event Stream Specification".

/// `Content-Type` of a reply that is a stream of events.
pub const CONTENT_TYPE: &str = "application/vnd.amazon.eventstream";

/// Type of a header's value that is text.
const STRING: u8 = 7;

/// Length of the message, length of the headers, checksum of these two.
const PRELUDE_BYTES: usize = 12;

/// One event as a message.
///
/// - `event_type`: the member of the stream's shape, such as `PayloadChunk`.
/// - `content_type`: of the payload.
///
/// ```
/// use stepwell_api::event_stream::event;
/// let message = event("PayloadChunk", "application/octet-stream", b"hello");
/// assert_eq!(message[..4], u32::try_from(message.len()).expect("small").to_be_bytes());
/// ```
pub fn event(event_type: &str, content_type: &str, payload: &[u8]) -> Vec<u8> {
    message(
        &[
            (":event-type", event_type),
            (":content-type", content_type),
            (":message-type", "event"),
        ],
        payload,
    )
}

/// An error that ends a stream, as a message.
///
/// - `exception_type`: the member of the stream's shape, such as `SessionTimeoutException`.
pub fn exception(exception_type: &str, content_type: &str, payload: &[u8]) -> Vec<u8> {
    message(
        &[
            (":exception-type", exception_type),
            (":content-type", content_type),
            (":message-type", "exception"),
        ],
        payload,
    )
}

fn message(headers: &[(&str, &str)], payload: &[u8]) -> Vec<u8> {
    let mut head = Vec::new();
    for (name, value) in headers {
        let name_length = u8::try_from(name.len()).expect("the names of headers are ours");
        let value_length = u16::try_from(value.len()).expect("the values of headers are ours");
        head.push(name_length);
        head.extend_from_slice(name.as_bytes());
        head.push(STRING);
        head.extend_from_slice(&value_length.to_be_bytes());
        head.extend_from_slice(value.as_bytes());
    }
    let length = PRELUDE_BYTES + head.len() + payload.len() + 4;
    let mut message = Vec::with_capacity(length);
    for length in [length, head.len()] {
        let length = u32::try_from(length).expect("a payload is far below 4 GiB");
        message.extend_from_slice(&length.to_be_bytes());
    }
    message.extend_from_slice(&crc32fast::hash(&message).to_be_bytes());
    message.extend_from_slice(&head);
    message.extend_from_slice(payload);
    message.extend_from_slice(&crc32fast::hash(&message).to_be_bytes());
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A vector of the AWS SDKs' test suites: one header, `content-type: application/json`, and a JSON payload.
    #[test]
    fn a_message_is_that_of_the_specification() {
        let bytes = message(&[("content-type", "application/json")], b"{'foo':'bar'}");
        let expected = [
            0x00, 0x00, 0x00, 0x3d, 0x00, 0x00, 0x00, 0x20, 0x07, 0xfd, 0x83, 0x96, 0x0c,
        ];
        assert_eq!(bytes[..13], expected);
        assert_eq!(bytes[bytes.len() - 4..], [0x8d, 0x9c, 0x08, 0xb1]);
    }
}
