//! One HTTP/1.1 request to an endpoint.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::Request;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::Failure;

/// How long a call may take, from the connection to the last byte that is read of the reply.
const PATIENCE: Duration = Duration::from_secs(30);

/// Largest reply that is read.
const REPLY_BYTES_MAX: usize = 256 << 10;

/// `http://HOST[:PORT]`, perhaps with a path.
#[derive(Debug, Clone)]
pub(crate) struct Endpoint {
    /// `HOST[:PORT]`, as the `Host` header has it.
    authority: String,
    host: String,
    port: u16,
    /// Begins with `/`.
    path: String,
    /// Path and query.
    target: String,
}

impl Endpoint {
    pub(crate) fn parse(url: &str) -> Option<Endpoint> {
        let uri: hyper::Uri = url.parse().ok()?;
        let authority = uri
            .authority()
            .filter(|_| uri.scheme_str() == Some("http"))?;
        Some(Endpoint {
            authority: authority.as_str().to_string(),
            host: authority
                .host()
                .trim_start_matches('[')
                .trim_end_matches(']')
                .to_string(),
            port: authority.port_u16().unwrap_or(80),
            path: uri.path().to_string(),
            target: uri
                .path_and_query()
                .map_or_else(|| "/".to_string(), ToString::to_string),
        })
    }

    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    pub(crate) fn authority(&self) -> &str {
        &self.authority
    }
}

/// A request to the endpoint.
pub(crate) struct Post {
    pub(crate) content_type: &'static str,
    /// `X-Amz-Target`.
    pub(crate) target: Option<&'static str>,
    pub(crate) body: String,
}

/// A reply.
pub(crate) struct Reply {
    pub(crate) status: u16,
    /// Empty where only the head was read.
    pub(crate) body: Bytes,
}

/// How much of a reply matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reads {
    /// The status alone: a body that is large or slow, or never ends, changes nothing.
    Head,
    All,
}

pub(crate) async fn post(
    endpoint: &Endpoint,
    post: &Post,
    headers: &[(&'static str, String)],
) -> Result<Reply, Failure> {
    let mut request = Request::post(&endpoint.path)
        .header("host", &endpoint.authority)
        .header("content-type", post.content_type);
    if let Some(target) = post.target {
        request = request.header("x-amz-target", target);
    }
    for (name, value) in headers {
        request = request.header(*name, value);
    }
    let request = request.body(Full::new(Bytes::from(post.body.clone())));
    send(endpoint, request, PATIENCE, Reads::All).await
}

/// - `headers`: names and values, beside `host`.
/// - `patience`: until all is there that is read of the reply.
pub(crate) async fn call(
    endpoint: &Endpoint,
    method: &str,
    headers: &[(&str, &str)],
    body: &str,
    patience: Duration,
    reads: Reads,
) -> Result<Reply, Failure> {
    let mut request = Request::builder()
        .method(method)
        .uri(&endpoint.target)
        .header("host", &endpoint.authority);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Full::new(Bytes::from(body.to_string())));
    send(endpoint, request, patience, reads).await
}

async fn send(
    endpoint: &Endpoint,
    request: Result<Request<Full<Bytes>>, hyper::http::Error>,
    patience: Duration,
    reads: Reads,
) -> Result<Reply, Failure> {
    let request = request.map_err(|error| Failure {
        code: "InvalidRequest".to_string(),
        message: format!(
            "no request can be made for http://{}: {error}",
            endpoint.authority
        ),
        is_retryable: false,
    })?;
    match tokio::time::timeout(patience, exchange(endpoint, request, reads)).await {
        Ok(Ok(reply)) => Ok(reply),
        Ok(Err(cause)) => Err(unreached(format!(
            "the endpoint http://{} cannot be reached: {cause}",
            endpoint.authority
        ))),
        Err(_) => Err(unreached(format!(
            "the endpoint http://{} did not answer within {} seconds",
            endpoint.authority,
            patience.as_secs()
        ))),
    }
}

async fn exchange(
    endpoint: &Endpoint,
    request: Request<Full<Bytes>>,
    reads: Reads,
) -> Result<Reply, Box<dyn std::error::Error + Send + Sync>> {
    let stream = TcpStream::connect((endpoint.host.as_str(), endpoint.port)).await?;
    stream.set_nodelay(true)?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let sent = async move {
        let response = sender.send_request(request).await?;
        let status = response.status().as_u16();
        if reads == Reads::Head {
            let body = Bytes::new();
            return Ok(Reply { status, body });
        }
        let body = Limited::new(response.into_body(), REPLY_BYTES_MAX);
        let body = body.collect().await?.to_bytes();
        Ok::<_, Box<dyn std::error::Error + Send + Sync>>(Reply { status, body })
    };
    let mut sent = std::pin::pin!(sent);
    tokio::select! {
        reply = &mut sent => reply,
        // A connection that has ended may have left its reply behind.
        _ = connection => sent.await,
    }
}

fn unreached(message: String) -> Failure {
    Failure {
        code: "EndpointUnreachable".to_string(),
        message,
        is_retryable: true,
    }
}
