//! Streamed responses: what their head and their trailers say, and the chunked encoding of HTTP/1.1.
//!
//! Source: "Response streaming" in docs.aws.amazon.com/lambda/latest/dg/runtimes-custom.html.

use std::io;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::{Bytes, BytesMut};
use serde_json::json;

use super::Call;

/// AWS: the header that makes a response a streamed one, and its value.
pub(super) const MODE_HEADER: &str = "lambda-runtime-function-response-mode";
pub(super) const MODE_STREAMING: &str = "streaming";
/// AWS: trailers of a response that failed in the middle; the body is base64.
pub(super) const ERROR_TYPE_TRAILER: &str = "lambda-runtime-function-error-type";
pub(super) const ERROR_BODY_TRAILER: &str = "lambda-runtime-function-error-body";
/// AWS: what a body is that says nothing else.
pub(super) const CONTENT_TYPE: &str = "application/octet-stream";

/// Longest line of a chunk's size.
const SIZE_LINE_BYTES_MAX: usize = 256;
/// Trailers of one response together.
const TRAILER_BYTES_MAX: usize = 64 * 1024;

/// The error object of a response whose trailers are these; `None` if they tell of no error.
pub(super) fn error_of(error_type: Option<&str>, error_body: Option<&str>) -> Option<Bytes> {
    error_type.or(error_body)?;
    let body = error_body.and_then(|text| STANDARD.decode(text.trim()).ok());
    let text = match body {
        Some(body) => Bytes::from(body),
        None => {
            let name = error_type.unwrap_or("Runtime.Unknown");
            Bytes::from(json!({ "errorType": name, "errorMessage": "" }).to_string())
        }
    };
    Some(text)
}

/// The error object of a response that ended without its end.
pub(super) fn truncated() -> Bytes {
    let message = "the response stream broke off before its end";
    let body = json!({ "errorType": "Runtime.TruncatedResponse", "errorMessage": message });
    Bytes::from(body.to_string())
}

/// Where in a chunked body the reader is.
pub(super) enum Chunked {
    Size,
    Data {
        left: u64,
    },
    /// The line end behind a chunk's data.
    DataEnd,
    Trailers {
        error_type: Option<String>,
        error_body: Option<String>,
        bytes: usize,
    },
}

impl Chunked {
    /// The next part of the body out of `input`, or `None` if it is not all there.
    ///
    /// The part [`Call::StreamEnd`] is the last one.
    pub(super) fn next(&mut self, input: &mut BytesMut) -> io::Result<Option<Call>> {
        loop {
            match self {
                Chunked::Data { left } => {
                    if input.is_empty() {
                        return Ok(None);
                    }
                    let length = usize::try_from(*left)
                        .unwrap_or(usize::MAX)
                        .min(input.len());
                    *left -= length as u64;
                    if *left == 0 {
                        *self = Chunked::DataEnd;
                    }
                    return Ok(Some(Call::Chunk(Bytes::copy_from_slice(
                        &input.split_to(length),
                    ))));
                }
                Chunked::DataEnd => {
                    let Some(line) = line(input, 2)? else {
                        return Ok(None);
                    };
                    if !line.is_empty() {
                        return Err(malformed("a chunk is longer than its size"));
                    }
                    *self = Chunked::Size;
                }
                Chunked::Size => {
                    let Some(line) = line(input, SIZE_LINE_BYTES_MAX)? else {
                        return Ok(None);
                    };
                    let digits = line.split(';').next().unwrap_or_default().trim();
                    let left = u64::from_str_radix(digits, 16)
                        .map_err(|_| malformed("the size of a chunk is no number"))?;
                    *self = match left {
                        0 => Chunked::Trailers {
                            error_type: None,
                            error_body: None,
                            bytes: 0,
                        },
                        left => Chunked::Data { left },
                    };
                }
                Chunked::Trailers {
                    error_type,
                    error_body,
                    bytes,
                } => {
                    let Some(line) = line(input, TRAILER_BYTES_MAX - *bytes)? else {
                        return Ok(None);
                    };
                    if line.is_empty() {
                        let error = error_of(error_type.as_deref(), error_body.as_deref());
                        return Ok(Some(Call::StreamEnd { error }));
                    }
                    *bytes += line.len();
                    if let Some((name, value)) = line.split_once(':') {
                        match name.to_ascii_lowercase().as_str() {
                            ERROR_TYPE_TRAILER => *error_type = Some(value.trim().to_owned()),
                            ERROR_BODY_TRAILER => *error_body = Some(value.trim().to_owned()),
                            _ => {}
                        }
                    }
                }
            }
        }
    }
}

/// Takes a line off the input, without its end.
fn line(input: &mut BytesMut, bytes_max: usize) -> io::Result<Option<String>> {
    let Some(at) = input.windows(2).position(|window| window == b"\r\n") else {
        return match input.len() > bytes_max {
            true => Err(malformed("a line of a chunked body is too long")),
            false => Ok(None),
        };
    };
    if at > bytes_max {
        return Err(malformed("a line of a chunked body is too long"));
    }
    let line = input.split_to(at + 2);
    let text = std::str::from_utf8(&line[..at])
        .map_err(|_| malformed("a line of a chunked body is not UTF-8"))?;
    Ok(Some(text.to_owned()))
}

fn malformed(reason: &str) -> io::Error {
    let text = format!("the bootstrap sent a malformed response: {reason}");
    io::Error::new(io::ErrorKind::InvalidData, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The body in parts of `step` bytes, as what it is read as.
    fn read(body: &[u8], step: usize) -> Result<(Vec<u8>, Option<String>), String> {
        let mut state = Chunked::Size;
        let mut input = BytesMut::new();
        let mut data = Vec::new();
        for part in body.chunks(step) {
            input.extend_from_slice(part);
            while let Some(call) = state.next(&mut input).map_err(|error| error.to_string())? {
                match call {
                    Call::Chunk(bytes) => data.extend_from_slice(&bytes),
                    Call::StreamEnd { error } => {
                        let error = error.map(|body| String::from_utf8_lossy(&body).into_owned());
                        return Ok((data, error));
                    }
                    other => panic!("{other:?}"),
                }
            }
        }
        Err("not at its end".to_owned())
    }

    #[test]
    fn a_chunked_body_is_read_however_it_is_cut() {
        let body = b"5\r\nhello\r\nA;x=y\r\n, world\r\n!\r\n0\r\n\r\n";
        for step in 1..body.len() {
            assert_eq!(
                read(body, step),
                Ok((b"hello, world\r\n!".to_vec(), None)),
                "{step}"
            );
        }
    }

    #[test]
    fn trailers_tell_of_an_error() {
        let error = r#"{"errorType":"E","errorMessage":"m"}"#;
        let body = format!(
            "1\r\nx\r\n0\r\nLambda-Runtime-Function-Error-Type: E\r\nLambda-Runtime-Function-Error-Body: {}\r\n\r\n",
            STANDARD.encode(error)
        );
        assert_eq!(
            read(body.as_bytes(), 7),
            Ok((b"x".to_vec(), Some(error.to_owned())))
        );
        let body = "0\r\nLambda-Runtime-Function-Error-Type: E\r\n\r\n";
        let shown = Some(r#"{"errorType":"E","errorMessage":""}"#.to_owned());
        assert_eq!(read(body.as_bytes(), 99), Ok((Vec::new(), shown)));
    }

    #[test]
    fn a_malformed_body_is_an_error() {
        for body in ["x\r\n", "1\r\nxy\r\n", "\r\n", &"1".repeat(300)] {
            let read = read(body.as_bytes(), 1);
            assert!(
                read.as_ref()
                    .is_err_and(|error| error.contains("malformed")),
                "{body}: {read:?}"
            );
        }
    }
}
