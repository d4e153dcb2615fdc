//! The thread that starts processes.
//!
//! A process asks to die with the thread that forked it (`PR_SET_PDEATHSIG`). Threads of an async runtime come and
//! go; this one lives as long as the pool, so environments end with the pool and never before.

use std::io;
use std::sync::mpsc;

use tokio::runtime::Handle;
use tokio::sync::oneshot;

use super::process::{Launch, Process};

#[derive(Clone)]
pub(crate) struct Spawner {
    orders: mpsc::SyncSender<Order>,
}

struct Order {
    launch: Launch,
    runtime: Handle,
    started: oneshot::Sender<io::Result<Process>>,
}

impl Spawner {
    /// `orders_max`: starts that can be asked for at one time.
    pub(crate) fn new(orders_max: usize) -> io::Result<Spawner> {
        let (orders, received) = mpsc::sync_channel::<Order>(orders_max);
        let run = move || {
            for Order {
                launch,
                runtime,
                started,
            } in received
            {
                let _context = runtime.enter();
                // Nobody waits any more: the process is dropped, which kills it.
                let _ = started.send(Process::start(launch));
            }
        };
        std::thread::Builder::new()
            .name("function-spawner".to_owned())
            .spawn(run)?;
        Ok(Spawner { orders })
    }

    pub(crate) async fn start(&self, launch: Launch) -> io::Result<Process> {
        let (started, result) = oneshot::channel();
        let order = Order {
            launch,
            runtime: Handle::current(),
            started,
        };
        self.orders
            .try_send(order)
            .map_err(|_| io::Error::other("too many processes are being started"))?;
        result
            .await
            .map_err(|_| io::Error::other("the thread that starts processes has ended"))?
    }
}
