//! One request to a collector, over HTTP/1.1 or gRPC.
//!
//! Source: OTLP specification 1.x, "OTLP/HTTP Response" and "OTLP/gRPC"; gRPC over HTTP/2.

use std::time::Duration;

use bytes::{Buf as _, Bytes};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use hyper::{Request, Response, Uri};
use hyper_util::rt::{TokioExecutor, TokioIo};
use stepwell_telemetry::otlp::{Partial, Signal, gzip};
use tokio::net::TcpStream;

use super::{OtlpExport, OtlpProtocol};

/// Largest answer that is read.
const ANSWER_BYTES_MAX: usize = 256 << 10;

/// Longest pause that a collector may ask for.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(30);

/// Where telemetry goes.
#[derive(Debug, Clone)]
pub(crate) struct Collector {
    authority: String,
    host: String,
    port: u16,
    /// Without a slash at its end.
    path: String,
    headers: HeaderMap,
    protocol: OtlpProtocol,
    timeout: Duration,
    compresses: bool,
}

/// What became of a request.
#[derive(Debug)]
pub(crate) enum Sent {
    /// Taken, perhaps but for a part.
    Taken(Partial),
    /// The same request may go well later.
    Later(String, Option<Duration>),
    /// It never will.
    Refused(String),
}

type Broken = Box<dyn std::error::Error + Send + Sync>;

impl Collector {
    /// Errors: an endpoint or a header that cannot be, in words.
    pub(crate) fn new(export: &OtlpExport) -> Result<Collector, String> {
        let endpoint = &export.endpoint;
        let uri: Uri = endpoint
            .parse()
            .map_err(|error| format!("the OTLP endpoint {endpoint:?} is no URL: {error}"))?;
        if uri.scheme_str() == Some("https") {
            return Err(format!(
                "the OTLP endpoint {endpoint:?} is https, and Stepwell speaks no TLS: let an OpenTelemetry Collector on this machine send it on"
            ));
        }
        let authority = uri.authority().filter(|_| uri.scheme_str() == Some("http"));
        let authority = authority.ok_or_else(|| {
            format!("the OTLP endpoint {endpoint:?} must be as in http://127.0.0.1:4318")
        })?;
        let mut headers = HeaderMap::new();
        for (name, value) in &export.headers {
            let wrong = || format!("the OTLP header {name:?} cannot be sent");
            let name: HeaderName = name.parse().map_err(|_| wrong())?;
            headers.append(name, HeaderValue::from_str(value).map_err(|_| wrong())?);
        }
        let host = authority
            .host()
            .trim_start_matches('[')
            .trim_end_matches(']');
        Ok(Collector {
            authority: authority.as_str().to_string(),
            host: host.to_string(),
            port: authority.port_u16().unwrap_or(80),
            path: uri.path().trim_end_matches('/').to_string(),
            headers,
            protocol: export.protocol,
            timeout: export.timeout,
            compresses: export.compresses,
        })
    }

    /// Sends a request of the signal; `message` is protobuf.
    pub(crate) async fn send(&self, signal: Signal, message: Vec<u8>) -> Sent {
        let exchanged = async {
            match self.protocol {
                OtlpProtocol::HttpProtobuf => self.post(signal, message).await,
                OtlpProtocol::Grpc => self.call(signal, message).await,
            }
        };
        match tokio::time::timeout(self.timeout, exchanged).await {
            Ok(Ok(sent)) => sent,
            Ok(Err(error)) => Sent::Later(
                format!("{} cannot be reached: {error}", self.authority),
                None,
            ),
            Err(_) => {
                let reason = format!(
                    "{} did not answer within {:?}",
                    self.authority, self.timeout
                );
                Sent::Later(reason, None)
            }
        }
    }

    async fn connect(&self) -> std::io::Result<TokioIo<TcpStream>> {
        let stream = TcpStream::connect((self.host.as_str(), self.port)).await?;
        stream.set_nodelay(true)?;
        Ok(TokioIo::new(stream))
    }

    async fn post(&self, signal: Signal, message: Vec<u8>) -> Result<Sent, Broken> {
        let mut request = Request::post(format!("{}{}", self.path, signal.path()))
            .header("host", &self.authority)
            .header("content-type", "application/x-protobuf");
        let body = if self.compresses {
            request = request.header("content-encoding", "gzip");
            gzip(&message)
        } else {
            message
        };
        let mut request = request.body(Full::new(Bytes::from(body)))?;
        request.headers_mut().extend(self.headers.clone());
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(self.connect().await?).await?;
        let exchanged = async move { read_whole(sender.send_request(request).await?).await };
        let (status, headers, body, _) = alongside(exchanged, connection).await?;
        if (200..300).contains(&status) {
            return Ok(Sent::Taken(
                signal.decode_response(&body).unwrap_or_default(),
            ));
        }
        let reason = format!("{} answered {status}: {}", self.authority, told(&body));
        if matches!(status, 429 | 502 | 503 | 504) {
            return Ok(Sent::Later(reason, retry_after(&headers)));
        }
        Ok(Sent::Refused(reason))
    }

    async fn call(&self, signal: Signal, message: Vec<u8>) -> Result<Sent, Broken> {
        let uri = format!("http://{}{}", self.authority, signal.method());
        let mut request = Request::post(uri)
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .header("grpc-timeout", format!("{}m", self.timeout.as_millis()));
        let packed = if self.compresses {
            request = request.header("grpc-encoding", "gzip");
            gzip(&message)
        } else {
            message
        };
        let mut body = Vec::with_capacity(packed.len() + 5);
        body.push(u8::from(self.compresses));
        body.extend(u32::try_from(packed.len())?.to_be_bytes());
        body.extend(packed);
        let mut request = request.body(Full::new(Bytes::from(body)))?;
        request.headers_mut().extend(self.headers.clone());
        let handshake =
            hyper::client::conn::http2::handshake(TokioExecutor::new(), self.connect().await?);
        let (mut sender, connection) = handshake.await?;
        let exchanged = async move { read_whole(sender.send_request(request).await?).await };
        let (status, headers, body, trailers) = alongside(exchanged, connection).await?;
        if status != 200 {
            return Ok(Sent::Later(
                format!("{} answered {status}", self.authority),
                None,
            ));
        }
        // An answer without a message has its status in the head.
        let all = trailers.as_ref().unwrap_or(&headers);
        let text = |name: &str| all.get(name).and_then(|value| value.to_str().ok());
        match text("grpc-status") {
            Some("0") => {
                let message = body.get(5..).unwrap_or_default();
                Ok(Sent::Taken(
                    signal.decode_response(message).unwrap_or_default(),
                ))
            }
            code => {
                let message = text("grpc-message").unwrap_or_default();
                let reason = format!(
                    "{} answered {}: {message}",
                    self.authority,
                    code.unwrap_or("no status")
                );
                // Cancelled, deadline, exhausted, aborted, out of range, unavailable, data loss.
                let is_retryable = matches!(
                    code,
                    None | Some("1" | "4" | "8" | "10" | "11" | "14" | "15")
                );
                match is_retryable {
                    true => Ok(Sent::Later(reason, None)),
                    false => Ok(Sent::Refused(reason)),
                }
            }
        }
    }
}

type Whole = (u16, HeaderMap, Bytes, Option<HeaderMap>);

async fn read_whole(response: Response<hyper::body::Incoming>) -> Result<Whole, Broken> {
    let status = response.status().as_u16();
    let headers = response.headers().clone();
    let collected = Limited::new(response.into_body(), ANSWER_BYTES_MAX)
        .collect()
        .await?;
    let trailers = collected.trailers().cloned();
    let mut body = collected.aggregate();
    let body = body.copy_to_bytes(body.remaining());
    Ok((status, headers, body, trailers))
}

/// Drives the connection until the exchange is done.
async fn alongside<T>(
    exchanged: impl Future<Output = Result<T, Broken>>,
    connection: impl Future<Output = hyper::Result<()>>,
) -> Result<T, Broken> {
    let mut exchanged = std::pin::pin!(exchanged);
    tokio::select! {
        done = &mut exchanged => done,
        // A connection that has ended may have left its answer behind.
        _ = connection => exchanged.await,
    }
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds: u64 = headers.get("retry-after")?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds).min(RETRY_AFTER_MAX))
}

/// The beginning of what a collector says.
fn told(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(&body[..body.len().min(200)]).into_owned();
    text.chars().filter(|c| !c.is_control()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_that_cannot_be_is_refused_in_words() {
        let told = |endpoint: &str| OtlpExport::to(endpoint).check().expect_err("it cannot be");
        assert!(told("https://otlp.example").contains("speaks no TLS"));
        assert!(told("localhost:4318").contains("must be as in"));
        assert!(told("a b").contains("is no URL"));
        let mut export = OtlpExport::to("http://[::1]:4318/base/");
        export
            .headers
            .push(("x-key".to_string(), "a\nb".to_string()));
        assert!(
            export
                .check()
                .expect_err("a header")
                .contains("\"x-key\" cannot be sent")
        );
        export.headers.clear();
        let collector = Collector::new(&export).expect("it can be");
        assert_eq!((collector.host.as_str(), collector.port), ("::1", 4318));
        assert_eq!(collector.path, "/base");
    }
}
