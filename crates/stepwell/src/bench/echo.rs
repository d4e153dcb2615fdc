//! A loopback HTTP server that only answers: what the HTTP stack and the loopback give without Stepwell.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::header::HeaderValue;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

/// As many as the server has.
const WORKER_THREADS: usize = 2;
/// As the server's.
const HEADER_PATIENCE: Duration = Duration::from_secs(30);

/// A running echo. Dropping it ends it.
pub struct Echo {
    address: SocketAddr,
    _runtime: Runtime,
}

impl Echo {
    /// Reads every request whole and answers it with `answer_bytes` bytes and the headers of a Step Functions answer.
    pub fn start(answer_bytes: usize) -> anyhow::Result<Echo> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(WORKER_THREADS)
            .enable_all()
            .build()?;
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0"))?;
        let address = listener.local_addr()?;
        runtime.spawn(serve(listener, Bytes::from(vec![b'x'; answer_bytes])));
        Ok(Echo {
            address,
            _runtime: runtime,
        })
    }

    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }
}

async fn serve(listener: TcpListener, body: Bytes) {
    // A connection that cannot be accepted ends the echo, and with it the benchmark.
    while let Ok((stream, _)) = listener.accept().await {
        drop(stream.set_nodelay(true));
        let body = body.clone();
        tokio::spawn(async move {
            let service = service_fn(move |request| answer(request, body.clone()));
            let connection = hyper::server::conn::http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEADER_PATIENCE)
                .serve_connection(TokioIo::new(stream), service);
            // A client that has gone.
            drop(connection.await);
        });
    }
}

async fn answer(
    request: Request<Incoming>,
    body: Bytes,
) -> Result<Response<Full<Bytes>>, Infallible> {
    drop(request.into_body().collect().await);
    let mut response = Response::new(Full::new(body));
    let headers = response.headers_mut();
    let id = HeaderValue::from_static("00000000-0000-4000-8000-000000000000");
    headers.insert("x-amzn-requestid", id);
    let kind = HeaderValue::from_static("application/x-amz-json-1.0");
    headers.insert("content-type", kind);
    Ok(response)
}
