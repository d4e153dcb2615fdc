//! The Runtime API to our own bootstrap: HTTP/1.1 with `Content-Length` bodies on one end of a socket pair.
//!
//! The bootstrap sends a response and the next `next` in one write. An answer that nobody awaits is kept back until
//! the next invocation goes out, so that a warm invocation costs one write and one read on each side.

use std::io::{self, Write as _};

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

use super::stream::{CONTENT_TYPE, Chunked, MODE_HEADER, MODE_STREAMING};
use super::{Answer, Body, Call, Endpoint, Headers, NotACall};
use crate::invocation::RESPONSE_BYTES_MAX;

pub(crate) struct Direct {
    stream: UnixStream,
    input: BytesMut,
    output: Vec<u8>,
    /// A body too large to keep: what is still to come, and its whole length.
    skipping: Option<Skipping>,
    /// Inside of a body that comes as it is written.
    streaming: Option<Chunked>,
}

struct Skipping {
    endpoint: Endpoint,
    left: u64,
    length: u64,
}

impl Direct {
    pub(crate) fn new(stream: UnixStream) -> Direct {
        Direct {
            stream,
            input: BytesMut::with_capacity(READ_BYTES),
            output: Vec::new(),
            skipping: None,
            streaming: None,
        }
    }

    pub(crate) async fn call(&mut self) -> io::Result<Call> {
        loop {
            if let Some(call) = self.parse()? {
                return Ok(call);
            }
            // INVARIANT: `input` is bounded by HEAD_BYTES_MAX plus RESPONSE_BYTES_MAX; `parse` refuses or skips more.
            self.input.reserve(READ_BYTES);
            if self.stream.read_buf(&mut self.input).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    pub(crate) async fn invoke(&mut self, headers: &Headers, payload: &Bytes) -> io::Result<()> {
        let output = &mut self.output;
        output.extend_from_slice(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n");
        for (name, value) in headers {
            output.extend_from_slice(name.as_bytes());
            output.extend_from_slice(b": ");
            output.extend_from_slice(value.as_bytes());
            output.extend_from_slice(b"\r\n");
        }
        write!(output, "Content-Length: {}\r\n\r\n", payload.len())?;
        if payload.len() <= COPIED_BYTES_MAX {
            output.extend_from_slice(payload);
            return self.flush().await;
        }
        self.flush().await?;
        self.stream.write_all(payload).await
    }

    pub(crate) async fn answer(&mut self, answer: Answer) -> io::Result<()> {
        let (status, body) = (answer.status(), answer.body());
        let length = body.len();
        write!(
            self.output,
            "HTTP/1.1 {status} Answer\r\nContent-Length: {length}\r\n\r\n{body}"
        )?;
        if self.input.is_empty() {
            self.flush().await
        } else {
            Ok(())
        }
    }

    async fn flush(&mut self) -> io::Result<()> {
        let written = self.stream.write_all(&self.output).await;
        self.output.clear();
        written
    }

    /// One whole call out of `input`, or `None` if it is not all there.
    fn parse(&mut self) -> io::Result<Option<Call>> {
        if let Some(streaming) = &mut self.streaming {
            let call = streaming.next(&mut self.input)?;
            if matches!(call, Some(Call::StreamEnd { .. })) {
                self.streaming = None;
            }
            return Ok(call);
        }
        if let Some(skipping) = &mut self.skipping {
            let gone = skipping.left.min(self.input.len() as u64);
            skipping.left -= gone;
            let _ = self
                .input
                .split_to(usize::try_from(gone).expect("at most the length of a buffer"));
            if skipping.left > 0 {
                return Ok(None);
            }
            let Skipping {
                endpoint, length, ..
            } = self.skipping.take().expect("matched above");
            return Ok(Some(endpoint.with_body(Body::TooLarge(length), None)));
        }
        let Some(head_length) = find(&self.input, b"\r\n\r\n").map(|at| at + 4) else {
            return if self.input.len() > HEAD_BYTES_MAX {
                Err(malformed("head too long"))
            } else {
                Ok(None)
            };
        };
        let head = Head::parse(&self.input[..head_length])?;
        if let (Some(content_type), Endpoint::Response(request_id)) =
            (&head.streamed_as, &head.endpoint)
        {
            let call = Call::Streaming {
                request_id: request_id.clone(),
                content_type: content_type.clone(),
            };
            self.streaming = Some(Chunked::Size);
            let _ = self.input.split_to(head_length);
            return Ok(Some(call));
        }
        let body_length = head.content_length;
        if body_length > RESPONSE_BYTES_MAX as u64 {
            self.skipping = Some(Skipping {
                endpoint: head.endpoint,
                left: body_length,
                length: body_length,
            });
            let _ = self.input.split_to(head_length);
            return self.parse();
        }
        let body_length = usize::try_from(body_length).expect("at most RESPONSE_BYTES_MAX");
        if self.input.len() < head_length + body_length {
            return Ok(None);
        }
        let _ = self.input.split_to(head_length);
        // A small body is copied so that its reply does not keep the whole read buffer alive.
        let body = self.input.split_to(body_length);
        let body = if body_length <= READ_BYTES {
            Bytes::copy_from_slice(&body)
        } else {
            body.freeze()
        };
        Ok(Some(
            head.endpoint
                .with_body(Body::Complete(body), head.user_agent),
        ))
    }
}

struct Head {
    endpoint: Endpoint,
    content_length: u64,
    user_agent: Option<String>,
    /// What a body is that comes as it is written.
    streamed_as: Option<String>,
}

impl Head {
    fn parse(bytes: &[u8]) -> io::Result<Head> {
        let text = std::str::from_utf8(bytes).map_err(|_| malformed("head is not UTF-8"))?;
        let mut lines = text.split("\r\n");
        let mut request = lines.next().unwrap_or("").split(' ');
        let (method, path) = (request.next().unwrap_or(""), request.next().unwrap_or(""));
        let endpoint = Endpoint::parse(method, path).map_err(|reason| match reason {
            NotACall::NotFound => malformed("unknown path"),
            NotACall::MethodNotAllowed => malformed("wrong method"),
        })?;
        let mut head = Head {
            endpoint,
            content_length: 0,
            user_agent: None,
            streamed_as: None,
        };
        let mut content_type = CONTENT_TYPE;
        let mut is_streamed = false;
        for (name, value) in lines.filter_map(|line| line.split_once(':')) {
            if name.eq_ignore_ascii_case("content-length") {
                head.content_length = value
                    .trim()
                    .parse()
                    .map_err(|_| malformed("content-length is no number"))?;
            } else if name.eq_ignore_ascii_case("user-agent") {
                head.user_agent = Some(value.trim().to_owned());
            } else if name.eq_ignore_ascii_case("content-type") {
                content_type = value.trim();
            } else if name.eq_ignore_ascii_case(MODE_HEADER) {
                is_streamed = value.trim().eq_ignore_ascii_case(MODE_STREAMING);
            }
        }
        head.streamed_as = is_streamed.then(|| content_type.to_owned());
        Ok(head)
    }
}

fn find<const N: usize>(haystack: &[u8], needle: &[u8; N]) -> Option<usize> {
    haystack.windows(N).position(|window| window == needle)
}

fn malformed(reason: &str) -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        format!("the bootstrap sent a malformed request: {reason}"),
    )
}

const READ_BYTES: usize = 16 * 1024;
const HEAD_BYTES_MAX: usize = 16 * 1024;
/// Payloads up to this size share one write with their head.
const COPIED_BYTES_MAX: usize = 64 * 1024;
