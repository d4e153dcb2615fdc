//! Connections: how many there are, how long each may be slow, and when all of them have ended.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::Sleep;

use crate::streaming::ReplyBody;

/// Connections beyond the most that are allowed, so that probes are answered and everybody else is refused in words.
const SPARE_MAX: usize = 64;

/// A client must send its headers within this time, and its next request on a connection that it keeps.
const HEADER_PATIENCE: Duration = Duration::from_secs(30);

/// The same while there are more connections than are allowed.
const SPARE_PATIENCE: Duration = Duration::from_secs(5);

/// A client that takes nothing of its answer for this time does not read it.
const WRITE_PATIENCE: Duration = Duration::from_secs(60);

/// Bytes of the head of a request, and of the buffers of a connection.
const HEAD_BYTES_MAX: usize = 64 << 10;

/// The places of connections.
pub(crate) struct Connections {
    places: Arc<Semaphore>,
    spare: Arc<Semaphore>,
    most: usize,
}

/// Whether a request came on a connection that there is properly no place for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Own,
    /// The connection is one too many: only probes are answered.
    Spare,
}

impl Connections {
    pub(crate) fn new(most: usize) -> Connections {
        Connections {
            places: Arc::new(Semaphore::new(most)),
            spare: Arc::new(Semaphore::new(SPARE_MAX)),
            most,
        }
    }

    /// How many are open, and the most that may be.
    pub(crate) fn load(&self) -> (usize, usize) {
        let own = self.most - self.places.available_permits();
        (own + SPARE_MAX - self.spare.available_permits(), self.most)
    }

    /// Whether few places are left, so that connections should not be kept for a next request.
    fn are_scarce(&self) -> bool {
        self.places.available_permits() < self.most.div_ceil(10)
    }

    /// Returns once no connection is open. Call it only when none is accepted any more.
    pub(crate) async fn wait_until_none(&self) {
        for (places, all) in [(&self.places, self.most), (&self.spare, SPARE_MAX)] {
            let all = u32::try_from(all).unwrap_or(u32::MAX);
            // INVARIANT: nobody closes the semaphores.
            drop(places.acquire_many(all).await);
        }
    }

    /// A place, or one of the spare ones; waits where there is neither.
    async fn place(&self) -> Option<(Place, OwnedSemaphorePermit)> {
        tokio::select! {
            // One of its own, if there is one.
            biased;
            own = Arc::clone(&self.places).acquire_owned() => Some((Place::Own, own.ok()?)),
            spare = Arc::clone(&self.spare).acquire_owned() => Some((Place::Spare, spare.ok()?)),
        }
    }
}

/// Accepts connections until `stopping` says otherwise; then finishes those that are open.
///
/// - `answer`: to one request.
pub(crate) async fn serve<A, F>(
    listener: TcpListener,
    connections: Arc<Connections>,
    mut stopping: watch::Receiver<bool>,
    answer: A,
) where
    A: Fn(Request<Incoming>, SocketAddr, Place) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Response<ReplyBody>> + Send,
{
    loop {
        let accepted = tokio::select! {
            accepted = accept(&listener, &connections) => accepted,
            () = told_to_stop(&mut stopping) => return,
        };
        let Some((stream, peer, place, permit)) = accepted else {
            continue;
        };
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "could not set TCP_NODELAY");
        }
        let connections = Arc::clone(&connections);
        let answer = answer.clone();
        let mut stopping = stopping.clone();
        tokio::spawn(async move {
            let service = service_fn(move |request| {
                let answered = answer(request, peer, place);
                let connections = Arc::clone(&connections);
                async move {
                    let mut response = answered.await;
                    if place == Place::Spare || connections.are_scarce() {
                        response.headers_mut().insert(
                            hyper::header::CONNECTION,
                            hyper::header::HeaderValue::from_static("close"),
                        );
                    }
                    Ok::<_, Infallible>(response)
                }
            });
            let patience = match place {
                Place::Own => HEADER_PATIENCE,
                Place::Spare => SPARE_PATIENCE,
            };
            let connection = hyper::server::conn::http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(patience)
                .max_buf_size(HEAD_BYTES_MAX)
                .serve_connection(TokioIo::new(Patient::new(stream, WRITE_PATIENCE)), service);
            let mut connection = std::pin::pin!(connection);
            let ended = tokio::select! {
                ended = connection.as_mut() => ended,
                () = told_to_stop(&mut stopping) => {
                    connection.as_mut().graceful_shutdown();
                    connection.await
                }
            };
            if let Err(error) = ended {
                tracing::debug!(%error, "a connection ended badly");
            }
            drop(permit);
        });
    }
}

/// The next connection, with a place for it. One that finds none at all waits, and those behind it with it.
async fn accept(
    listener: &TcpListener,
    connections: &Connections,
) -> Option<(TcpStream, SocketAddr, Place, OwnedSemaphorePermit)> {
    match listener.accept().await {
        Ok((stream, peer)) => {
            let (place, permit) = connections.place().await?;
            Some((stream, peer, place, permit))
        }
        Err(error) => {
            // Out of descriptors, or a client that gave up: the listener itself goes on.
            tracing::warn!(%error, "could not accept a connection");
            tokio::time::sleep(Duration::from_millis(10)).await;
            None
        }
    }
}

/// Returns once the server is stopping.
async fn told_to_stop(stopping: &mut watch::Receiver<bool>) {
    drop(stopping.wait_for(|stopping| *stopping).await);
}

/// A stream that breaks off when its other end takes nothing for too long.
struct Patient<S> {
    stream: S,
    patience: Duration,
    /// Since a write could not go on.
    stalled: Option<Pin<Box<Sleep>>>,
}

impl<S> Patient<S> {
    fn new(stream: S, patience: Duration) -> Patient<S> {
        Patient {
            stream,
            patience,
            stalled: None,
        }
    }

    /// What a write gives: its result, or the end of the patience.
    fn or_broken<T>(
        &mut self,
        context: &mut Context<'_>,
        written: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        let stalled = self
            .stalled
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(self.patience)));
        ready!(stalled.as_mut().poll(context));
        Poll::Ready(Err(io::Error::new(
            io::ErrorKind::TimedOut,
            "the client does not read its answer",
        )))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Patient<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Patient<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.or_broken(context, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, parts);
        self.or_broken(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(context);
        self.or_broken(context, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    #[test]
    fn a_writer_gives_up_on_who_does_not_read_and_not_on_who_is_slow() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .expect("a runtime");
        runtime.block_on(async {
            let (ours, theirs) = tokio::io::duplex(4);
            let mut patient = Patient::new(ours, Duration::ZERO);
            let broken = patient.write_all(b"more than fits").await;
            assert_eq!(
                broken.expect_err("nobody reads").kind(),
                io::ErrorKind::TimedOut
            );
            drop(theirs);

            let (ours, mut theirs) = tokio::io::duplex(1);
            let mut patient = Patient::new(ours, Duration::from_secs(3_600));
            let reader = async {
                let mut read = [0; 6];
                theirs.read_exact(&mut read).await.map(|_| read)
            };
            let (written, read) = tokio::join!(patient.write_all(b"slowly"), reader);
            assert!(written.is_ok());
            assert_eq!(&read.expect("all of it"), b"slowly");
        });
    }

    #[test]
    fn one_too_many_has_a_spare_place_until_one_comes_free() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .expect("a runtime");
        runtime.block_on(async {
            let connections = Connections::new(2);
            let (first, kept) = connections.place().await.expect("a place");
            let (second, _kept) = connections.place().await.expect("a place");
            assert_eq!((first, second), (Place::Own, Place::Own));
            assert!(connections.are_scarce());
            let (third, _spare) = connections.place().await.expect("a place");
            assert_eq!(third, Place::Spare);
            assert_eq!(connections.load(), (3, 2));
            drop(kept);
            let (fourth, _kept) = connections.place().await.expect("a place");
            assert_eq!(fourth, Place::Own);
        });
    }
}
