//! A response that comes as the handler writes it: handed on part by part, or gathered for a caller that wants it whole.

use bytes::{Bytes, BytesMut};
use tokio::time::{Instant, timeout_at};

use super::process::Exit;
use super::{Answered, Environment, Failure, LOOK_EVERY, Watched};
use crate::invocation::{RESPONSE_BYTES_MAX, STREAM_BYTES_MAX, StreamPart, StreamSink};
use crate::runtime_api::{Answer, Body, Call};

/// What a response is that came whole.
pub(super) const JSON: &str = "application/json";

/// Gives a response that came whole to a caller that takes it in parts.
pub(super) async fn hand_on(sink: Option<&StreamSink>, content_type: &str, payload: &Bytes) {
    let Some(sink) = sink else { return };
    let content_type = content_type.to_owned();
    sink.send(StreamPart::Start { content_type }).await;
    if !payload.is_empty() {
        sink.send(StreamPart::Data(payload.clone())).await;
    }
}

impl Environment {
    /// Waits for the caller to read, as long as the function may run.
    ///
    /// AWS: the function's timeout counts while its caller reads.
    async fn wait_for_room(&mut self, deadline: Instant, sink: &StreamSink) -> Result<(), Failure> {
        loop {
            let look_at = (Instant::now() + LOOK_EVERY).min(deadline);
            if timeout_at(look_at, sink.has_room()).await.is_ok() {
                return Ok(());
            }
            if !self.is_within_memory() {
                self.process.kill();
                return Err(Failure::out_of_memory(&self.request_id));
            }
            if Instant::now() >= deadline {
                return Err(self.timed_out());
            }
        }
    }

    /// The body behind [`Call::Streaming`], to its end; empty if a sink has it.
    pub(super) async fn stream(
        &mut self,
        deadline: Instant,
        sink: Option<&StreamSink>,
        content_type: String,
    ) -> Answered {
        let mut kept = BytesMut::new();
        let mut length: u64 = 0;
        let length_max = match sink {
            Some(_) => STREAM_BYTES_MAX,
            None => RESPONSE_BYTES_MAX as u64,
        };
        let mut part = sink.map(|_| StreamPart::Start { content_type });
        loop {
            if let (Some(sink), Some(part)) = (sink, part.take()) {
                self.wait_for_room(deadline, sink).await?;
                sink.send(part).await;
            }
            match self.watch(deadline).await {
                Watched::Call(Call::Chunk(bytes)) => {
                    length += bytes.len() as u64;
                    if length > length_max {
                        // The rest is not waited for, and the runtime would not end it.
                        self.process.kill();
                        return Err(Failure::over(length, length_max));
                    }
                    match sink {
                        Some(_) => part = Some(StreamPart::Data(bytes)),
                        None => kept.extend_from_slice(&bytes),
                    }
                }
                Watched::Call(Call::StreamEnd { error }) => {
                    // A runtime that is gone is seen by the next look at the wire.
                    let _ = self.wire.answer(Answer::Accepted).await;
                    return match error {
                        None => Ok(Ok(kept.freeze())),
                        Some(body) => Ok(Err(Failure::of_runtime(Body::Complete(body)))),
                    };
                }
                Watched::Call(_) => {
                    // Only the parts of the body can come here.
                    self.process.kill();
                    return Err(Failure::exit(&self.request_id, Exit::Signal(libc::SIGKILL)));
                }
                Watched::Ended(exit) => return Err(Failure::exit(&self.request_id, exit)),
                Watched::EndedUnread => {
                    let exit = self.process.end().await;
                    return Err(Failure::exit(&self.request_id, exit));
                }
                Watched::OutOfMemory => return Err(Failure::out_of_memory(&self.request_id)),
                Watched::Crowded => return Err(self.crowded()),
                Watched::TimedOut => return Err(self.timed_out()),
            }
        }
    }
}
