//! Debugging: a stable port a function, behind which the inspector of whatever process runs it is found.
//!
//! Node's inspector belongs to a process, and processes come and go with every save. So the port is ours: a connection
//! to it is passed on to the process that runs the function, which is started if there is none.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::task::AbortHandle;

/// How the functions of a pool are debugged.
#[derive(Debug, Clone, Copy)]
pub struct Inspection {
    /// The port of the first function; others follow.
    pub first_port: u16,
    /// Whether a handler's module is loaded only once a debugger is attached.
    pub waits: bool,
}

/// Starts an environment of the function that it names, because a debugger wants to attach to one.
pub type StartFunction = Arc<dyn Fn(&str) + Send + Sync>;

/// The ports of a pool's functions.
pub(crate) struct Inspectors {
    inspection: Inspection,
    /// Remembers which function has which port.
    file: PathBuf,
    shared: Mutex<Shared>,
    start: Mutex<Option<StartFunction>>,
}

#[derive(Default)]
struct Shared {
    /// Offset from the first port, by name.
    offsets: BTreeMap<String, u16>,
    debuggers: BTreeMap<String, Arc<Debugger>>,
}

/// The debugger of one function.
pub(crate) struct Debugger {
    /// One invocation at a time: a person steps through one.
    turn: Semaphore,
    /// The revision whose environment has the port.
    revision: Mutex<String>,
    attached: AtomicUsize,
    /// Where the process that runs the function has its inspector.
    target: Mutex<Option<u16>>,
    waits: bool,
    accepting: Mutex<Option<AbortHandle>>,
}

impl Inspectors {
    pub(crate) fn open(cache_dir: &Path, inspection: Inspection) -> Arc<Inspectors> {
        let file = cache_dir.join("inspector-ports.json");
        // Without the file, or with one that is not whole, ports are given out anew.
        let offsets = fs::read(&file)
            .ok()
            .and_then(|text| serde_json::from_slice(&text).ok())
            .unwrap_or_default();
        Arc::new(Inspectors {
            inspection,
            file,
            shared: Mutex::new(Shared {
                offsets,
                debuggers: BTreeMap::new(),
            }),
            start: Mutex::new(None),
        })
    }

    pub(crate) fn on_attach(&self, start: StartFunction) {
        *locked(&self.start) = Some(start);
    }

    /// Opens the port of a function, once; returns it.
    ///
    /// Errors: another process has it. The next call tries again.
    pub(crate) async fn open_port(self: &Arc<Inspectors>, function: &str) -> io::Result<u16> {
        let offset = self.offset(function)?;
        let port = self
            .inspection
            .first_port
            .checked_add(offset)
            .ok_or_else(|| io::Error::other("there is no port left"))?;
        let debugger = self.debugger(function);
        if locked(&debugger.accepting).is_some() {
            return Ok(port);
        }
        let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await?;
        let accepting = tokio::spawn(accept(
            listener,
            Arc::downgrade(self),
            Arc::downgrade(&debugger),
            function.to_owned(),
        ));
        *locked(&debugger.accepting) = Some(accepting.abort_handle());
        Ok(port)
    }

    /// The debugger of a function; it may have no port yet.
    pub(crate) fn debugger(&self, function: &str) -> Arc<Debugger> {
        let mut shared = locked(&self.shared);
        let waits = self.inspection.waits;
        let known = shared
            .debuggers
            .entry(function.to_owned())
            .or_insert_with(|| Arc::new(Debugger::new(waits)));
        Arc::clone(known)
    }

    /// A function keeps its place in the order for good, so that the settings of an editor keep their meaning.
    fn offset(&self, function: &str) -> io::Result<u16> {
        let mut shared = locked(&self.shared);
        if let Some(offset) = shared.offsets.get(function) {
            return Ok(*offset);
        }
        let free = (0..FUNCTIONS_MAX)
            .find(|offset| !shared.offsets.values().any(|taken| taken == offset))
            .ok_or_else(|| io::Error::other("too many functions have a port"))?;
        shared.offsets.insert(function.to_owned(), free);
        fs::write(&self.file, serde_json::to_vec(&shared.offsets)?)?;
        Ok(free)
    }

    fn start(&self, function: &str) {
        let start = locked(&self.start).clone();
        if let Some(start) = start {
            start(function);
        }
    }
}

impl Debugger {
    fn new(waits: bool) -> Debugger {
        Debugger {
            turn: Semaphore::new(1),
            revision: Mutex::new(String::new()),
            attached: AtomicUsize::new(0),
            target: Mutex::new(None),
            waits,
            accepting: Mutex::new(None),
        }
    }

    /// Waits until no other invocation of the function runs.
    pub(crate) async fn turn(&self) -> SemaphorePermit<'_> {
        self.turn
            .acquire()
            .await
            .expect("the semaphore is never closed")
    }

    /// Whether an environment of another revision may still have the function's place; this one has it now.
    pub(crate) fn changes_revision(&self, revision: &str) -> bool {
        let mut known = locked(&self.revision);
        let is_other = !known.is_empty() && *known != revision;
        revision.clone_into(&mut known);
        is_other
    }

    /// Whether somebody looks: then the function's time stands still.
    pub(crate) fn is_attached(&self) -> bool {
        self.attached.load(Ordering::Relaxed) > 0
    }

    /// Whether a handler's module is loaded only once a debugger is attached.
    pub(crate) fn waits(&self) -> bool {
        self.waits
    }

    /// Chooses where the next process has its inspector.
    pub(crate) fn choose_target(&self) -> io::Result<u16> {
        // Free now; a moment later it may not be, and then Node says so in the function's log.
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let port = listener.local_addr()?.port();
        *locked(&self.target) = Some(port);
        Ok(port)
    }

    fn target(&self) -> Option<u16> {
        *locked(&self.target)
    }
}

impl Drop for Debugger {
    fn drop(&mut self) {
        if let Some(accepting) = locked(&self.accepting).take() {
            accepting.abort();
        }
    }
}

/// Passes the connections to a function's port on.
async fn accept(
    listener: TcpListener,
    inspectors: Weak<Inspectors>,
    debugger: Weak<Debugger>,
    function: String,
) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else {
            return;
        };
        let accepted = listener.accept().await;
        let (Some(inspectors), Some(debugger)) = (inspectors.upgrade(), debugger.upgrade()) else {
            return;
        };
        let Ok((client, _)) = accepted else {
            tokio::time::sleep(RETRY).await;
            continue;
        };
        let function = function.clone();
        tokio::spawn(async move {
            // A debugger that is gone, or a process that is: both end the connection, and that says it.
            let _ = pass(client, &inspectors, &debugger, &function).await;
            drop(place);
        });
    }
}

async fn pass(
    mut client: TcpStream,
    inspectors: &Inspectors,
    debugger: &Arc<Debugger>,
    function: &str,
) -> io::Result<()> {
    let mut process = match connect(debugger).await {
        Some(process) => process,
        None => started(inspectors, debugger, function)
            .await
            .ok_or(io::ErrorKind::TimedOut)?,
    };
    let head = head(&mut client).await?;
    process.write_all(&head).await?;
    let is_upgrade = String::from_utf8_lossy(&head)
        .to_ascii_lowercase()
        .contains("upgrade: websocket");
    let _attached = is_upgrade.then(|| Attached::new(debugger));
    copy_bidirectional(&mut client, &mut process).await?;
    Ok(())
}

async fn started(
    inspectors: &Inspectors,
    debugger: &Debugger,
    function: &str,
) -> Option<TcpStream> {
    inspectors.start(function);
    for _ in 0..STARTS_LOOKED_AT {
        tokio::time::sleep(RETRY).await;
        if let Some(process) = connect(debugger).await {
            return Some(process);
        }
    }
    None
}

async fn connect(debugger: &Debugger) -> Option<TcpStream> {
    let port = debugger.target()?;
    TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.ok()
}

/// The head of a debugger's first request.
async fn head(client: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    let mut read = [0; 4096];
    while !head.windows(4).any(|bytes| bytes == b"\r\n\r\n") {
        let length = tokio::time::timeout(HEAD_PATIENCE, client.read(&mut read)).await??;
        if length == 0 || head.len() + length > HEAD_BYTES_MAX {
            return Err(io::ErrorKind::InvalidData.into());
        }
        head.extend_from_slice(&read[..length]);
    }
    Ok(head)
}

/// Counts a debugger for as long as it is connected.
struct Attached {
    debugger: Arc<Debugger>,
}

impl Attached {
    fn new(debugger: &Arc<Debugger>) -> Attached {
        debugger.attached.fetch_add(1, Ordering::Relaxed);
        Attached {
            debugger: Arc::clone(debugger),
        }
    }
}

impl Drop for Attached {
    fn drop(&mut self) {
        self.debugger.attached.fetch_sub(1, Ordering::Relaxed);
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Functions that have ports.
const FUNCTIONS_MAX: u16 = 1_000;
/// Connections to one function's port at one time; an editor needs two.
const CONNECTIONS_MAX: usize = 16;
/// A debugger's first request is short.
const HEAD_BYTES_MAX: usize = 16 * 1024;
const HEAD_PATIENCE: Duration = Duration::from_secs(10);
/// How often it is looked whether a process that was started has its inspector, and how many times: 10 s.
const RETRY: Duration = Duration::from_millis(50);
const STARTS_LOOKED_AT: u32 = 200;
