//! The daemon of X-Ray: segments come over UDP, and SDKs ask for sampling rules over TCP, on one port.
//!
//! A datagram is a line that says its format, then a segment document. Nobody is answered, so what is malformed is
//! counted and said in the server's own log, and that not too often.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use stepwell_telemetry::datagram;

use crate::trace_writer::TraceQueue;

/// AWS: the daemon listens here.
pub(crate) const PORT: u16 = 2000;

/// AWS: a segment document is at most 64 KB, and so is a datagram.
const DATAGRAM_BYTES_MAX: usize = 64 * 1024;

/// Bytes of datagrams that may wait in the kernel; it may allow less (`net.core.rmem_max`).
const WAITING_BYTES: usize = 16 << 20;

/// Ports that are tried when 2000 is taken: each must be free for both protocols.
const PORTS_TRIED: u32 = 16;

/// How often the receiver looks whether it should end, and what the kernel has dropped.
const TICK: Duration = Duration::from_millis(500);

/// How long the receiver still takes what has come when it should end: senders that do not pause must not hold a stop up.
const LAST_FOR: Duration = Duration::from_millis(500);

/// Malformed datagrams are said at most this often.
const SAY_EVERY: Duration = Duration::from_secs(10);

/// Bytes of a malformed datagram that are said.
const SAID_BYTES: usize = 120;

/// The two sockets of the daemon.
pub(crate) struct TraceDaemon {
    udp: UdpSocket,
    tcp: TcpListener,
    address: SocketAddr,
}

impl TraceDaemon {
    /// Takes port 2000, or any other one if that is in use; on the loopback interface alone: only functions and programs
    /// of this machine send here.
    ///
    /// - `port`: this one and no other.
    pub(crate) fn bind(server: IpAddr, port: Option<u16>) -> std::io::Result<TraceDaemon> {
        let loopback = match server {
            IpAddr::V6(ip) if ip.is_loopback() => server,
            _ => IpAddr::V4(Ipv4Addr::LOCALHOST),
        };
        if let Some(port) = port {
            return TraceDaemon::at(loopback, port);
        }
        let mut bound = TraceDaemon::at(loopback, PORT);
        for _ in 0..PORTS_TRIED {
            if bound.is_ok() {
                break;
            }
            bound = TraceDaemon::at(loopback, 0);
        }
        bound
    }

    fn at(loopback: IpAddr, port: u16) -> std::io::Result<TraceDaemon> {
        let tcp = TcpListener::bind((loopback, port))?;
        let address = tcp.local_addr()?;
        let udp = UdpSocket::bind(address)?;
        tcp.set_nonblocking(true)?;
        udp.set_read_timeout(Some(TICK))?;
        use rustix::net::sockopt;
        // Who may, takes more than `net.core.rmem_max`.
        let asked = sockopt::set_socket_recv_buffer_size_force(&udp, WAITING_BYTES)
            .or_else(|_| sockopt::set_socket_recv_buffer_size(&udp, WAITING_BYTES));
        if let Err(error) = asked {
            tracing::debug!(%error, "the kernel gives no larger buffer for segments");
        }
        Ok(TraceDaemon { udp, tcp, address })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Begins to receive; gives the listener for those who ask over TCP.
    pub(crate) fn start(self, queue: Arc<TraceQueue>) -> std::io::Result<(Receiving, TcpListener)> {
        let is_stopping = Arc::new(AtomicBool::new(false));
        let mut receiver = Receiver {
            socket: self.udp,
            port: self.address.port(),
            queue,
            is_stopping: Arc::clone(&is_stopping),
            kernel_dropped: 0,
            looked_at: Instant::now(),
            said_at: None,
            unsaid: 0,
        };
        let thread = std::thread::Builder::new()
            .name("xray-daemon".to_string())
            .spawn(move || receiver.run())?;
        let receiving = Receiving {
            is_stopping,
            thread,
        };
        Ok((receiving, self.tcp))
    }
}

/// The thread that receives.
pub(crate) struct Receiving {
    is_stopping: Arc<AtomicBool>,
    thread: std::thread::JoinHandle<()>,
}

impl Receiving {
    /// Takes what has come until now, for [`LAST_FOR`] at most, and ends.
    pub(crate) fn stop(self) {
        self.is_stopping.store(true, Ordering::Relaxed);
        drop(self.thread.join());
    }
}

struct Receiver {
    socket: UdpSocket,
    port: u16,
    queue: Arc<TraceQueue>,
    is_stopping: Arc<AtomicBool>,
    /// Datagrams that the kernel had no room for, as far as they are counted.
    kernel_dropped: u64,
    looked_at: Instant,
    said_at: Option<Instant>,
    unsaid: u64,
}

impl Receiver {
    fn run(&mut self) {
        let mut bytes = vec![0; DATAGRAM_BYTES_MAX];
        loop {
            match self.socket.recv_from(&mut bytes) {
                Ok((length, _)) => self.take(&bytes[..length]),
                Err(error) if is_timeout(&error) => {}
                // One datagram that cannot be read says nothing of the next; without a pause an error that stays would spin.
                Err(_) => std::thread::sleep(TICK),
            }
            if self.looked_at.elapsed() >= TICK {
                self.looked_at = Instant::now();
                self.count_dropped();
            }
            // Each round, and not only when nothing comes: somebody may send all the time.
            if self.is_stopping.load(Ordering::Relaxed) {
                return self.take_the_last(&mut bytes);
            }
        }
    }

    /// Takes what waits in the kernel, as far as [`LAST_FOR`] allows.
    fn take_the_last(&mut self, bytes: &mut [u8]) {
        let until = Instant::now() + LAST_FOR;
        if self.socket.set_nonblocking(true).is_err() {
            return;
        }
        while Instant::now() < until
            && let Ok((length, _)) = self.socket.recv_from(bytes)
        {
            self.take(&bytes[..length]);
        }
        self.count_dropped();
    }

    fn take(&mut self, bytes: &[u8]) {
        let rejected = match datagram(bytes) {
            Ok(document) => match self.queue.segment(document.to_owned()) {
                Ok(()) => return,
                Err(rejected) => rejected.message,
            },
            Err(reason) => {
                self.queue.malformed();
                reason.to_owned()
            }
        };
        self.unsaid += 1;
        if self
            .said_at
            .is_none_or(|said_at| said_at.elapsed() >= SAY_EVERY)
        {
            let start = String::from_utf8_lossy(&bytes[..bytes.len().min(SAID_BYTES)]);
            tracing::warn!(
                count = self.unsaid,
                "malformed segments came over UDP; the last: {rejected}; it begins with {start:?}"
            );
            self.said_at = Some(Instant::now());
            self.unsaid = 0;
        }
    }

    /// The kernel counts what it drops because nobody reads fast enough.
    fn count_dropped(&mut self) {
        let Ok(table) = std::fs::read_to_string("/proc/self/net/udp") else {
            return;
        };
        let Some(dropped) = kernel_drops(&table, self.port) else {
            return;
        };
        if dropped > self.kernel_dropped {
            self.queue.lose(dropped - self.kernel_dropped);
            tracing::warn!(dropped, "segments came over UDP faster than they were read");
            self.kernel_dropped = dropped;
        }
    }
}

fn is_timeout(error: &std::io::Error) -> bool {
    matches!(
        error.kind(),
        std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut
    )
}

/// The last column of the line of this port on the loopback interface.
///
/// Source: proc(5), `/proc/net/udp`.
fn kernel_drops(table: &str, port: u16) -> Option<u64> {
    let address = format!("0100007F:{port:04X}");
    let line = table
        .lines()
        .find(|line| line.split_whitespace().nth(1) == Some(address.as_str()))?;
    line.split_whitespace().next_back()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_drops_of_a_port_are_read_from_the_table_of_the_kernel() {
        let table = "   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops\n\
            1: 00000000:07D0 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 1 2 0000000000000000 9\n\
            2: 0100007F:07D0 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 1 2 0000000000000000 42\n";
        assert_eq!(kernel_drops(table, 2000), Some(42));
        assert_eq!(kernel_drops(table, 2001), None);
    }

    fn started(queue: &Arc<TraceQueue>) -> (Receiving, SocketAddr, UdpSocket) {
        let loopback = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let daemon = TraceDaemon::bind(loopback, Some(0)).expect("a free port");
        let address = daemon.address();
        let (receiving, _) = daemon.start(Arc::clone(queue)).expect("a thread");
        let sender = UdpSocket::bind((loopback, 0)).expect("a socket");
        (receiving, address, sender)
    }

    #[test]
    fn a_receiver_ends_while_somebody_sends_all_the_time() {
        let queue = Arc::new(TraceQueue::default());
        let (receiving, address, sender) = started(&queue);
        let is_over = Arc::new(AtomicBool::new(false));
        let sends = {
            let is_over = Arc::clone(&is_over);
            std::thread::spawn(move || {
                while !is_over.load(Ordering::Relaxed) {
                    drop(sender.send_to(b"no segment", address));
                }
            })
        };
        while queue.counts().received == 0 {
            std::thread::yield_now();
        }
        let (ended, has_ended) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            receiving.stop();
            let _ = ended.send(());
        });
        let stopped = has_ended.recv_timeout(Duration::from_secs(20));
        is_over.store(true, Ordering::Relaxed);
        sends.join().expect("the sender ends");
        assert_eq!(stopped, Ok(()), "a stop ends");
    }

    #[test]
    fn what_has_come_before_a_stop_is_taken() {
        let queue = Arc::new(TraceQueue::default());
        let (receiving, address, sender) = started(&queue);
        for _ in 0..50 {
            sender.send_to(b"no segment", address).expect("it is sent");
        }
        receiving.stop();
        assert_eq!(queue.counts().received, 50);
    }
}
