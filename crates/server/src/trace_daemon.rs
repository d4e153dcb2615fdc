//! Where functions send the segments of X-Ray. Traces are not built: segments are counted and dropped.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use tokio::net::UdpSocket;

/// AWS: a segment document is at most 64 KB, and so is a datagram.
const SEGMENT_BYTES_MAX: usize = 64 * 1024;

/// The socket that stands for the daemon of X-Ray.
pub(crate) struct TraceDaemon {
    socket: UdpSocket,
    address: SocketAddr,
}

impl TraceDaemon {
    /// Takes a free port, on the loopback interface alone: only functions of this machine send here.
    pub(crate) async fn bind(server: IpAddr) -> std::io::Result<TraceDaemon> {
        let loopback = match server {
            IpAddr::V6(ip) if ip.is_loopback() => server,
            _ => IpAddr::V4(Ipv4Addr::LOCALHOST),
        };
        let socket = UdpSocket::bind((loopback, 0)).await?;
        let address = socket.local_addr()?;
        Ok(TraceDaemon { socket, address })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Receives until the runtime ends. Says once that segments come and go nowhere; a burst is dropped by the kernel.
    pub(crate) async fn run(self) {
        let mut datagram = vec![0; SEGMENT_BYTES_MAX];
        let mut count: u64 = 0;
        loop {
            match self.socket.recv_from(&mut datagram).await {
                Ok(_) => {
                    count += 1;
                    if count == 1 {
                        tracing::warn!(
                            "a function sends segments to X-Ray: traces are not built, they are counted and dropped"
                        );
                    }
                    tracing::debug!(count, "segments of X-Ray dropped");
                }
                // One datagram that cannot be read says nothing of the next; without a pause an error that stays would spin.
                Err(_) => tokio::time::sleep(std::time::Duration::from_millis(100)).await,
            }
        }
    }
}
