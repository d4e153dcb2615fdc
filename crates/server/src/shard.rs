//! The shard's thread: take what waits, apply it all, commit once, release everything.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, RwLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sha2::{Digest as _, Sha256};
use stepwell_service::{
    Answer, Command, Committed, Effect, Reader, Request, RequestId, Settings, Shard, Timestamp,
};
use stepwell_store::{Error, Snapshot};
use tokio::sync::{mpsc, oneshot};

use crate::inbox::{Inbox, Message, Refused};

/// Longest sleep of the shard's thread: a clock that jumps is noticed after this time.
const SLEEP_MAX: Duration = Duration::from_secs(1);

/// A handle to the shard: send requests, read snapshots. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Handle {
    inbox: Arc<Inbox>,
    snapshot: Arc<RwLock<Arc<dyn Snapshot>>>,
    settings: Settings,
    has_failed: Arc<AtomicBool>,
    is_draining: Arc<AtomicBool>,
}

impl Handle {
    /// Sends a request; its answer comes once it is durable.
    pub(crate) fn send(&self, request: Request) -> Result<oneshot::Receiver<Answer>, Refused> {
        let (sender, receiver) = oneshot::channel();
        self.inbox.put_request(Message {
            request,
            answer_to: Some(sender),
        })?;
        Ok(receiver)
    }

    /// Reports what became of a task.
    pub(crate) fn report(&self, request: Request) {
        self.inbox.put_outcome(request);
    }

    /// Reads that see every acknowledged write.
    pub(crate) fn reader(&self) -> Reader {
        let snapshot = Arc::clone(
            &self
                .snapshot
                .read()
                .unwrap_or_else(std::sync::PoisonError::into_inner),
        );
        Reader::new(snapshot, self.settings.clone())
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Whether the store has failed: the process must restart and recover.
    pub(crate) fn has_failed(&self) -> bool {
        self.has_failed.load(Ordering::Relaxed)
    }

    /// No more requests and no new calls; outcomes of tasks are still taken.
    pub(crate) fn drain(&self) {
        self.is_draining.store(true, Ordering::SeqCst);
        self.inbox.close();
    }

    /// Whether new calls are handed back instead of being performed.
    pub(crate) fn is_draining(&self) -> bool {
        self.is_draining.load(Ordering::SeqCst)
    }
}

/// Runs a shard on a thread of its own.
pub(crate) struct Thread {
    thread: std::thread::JoinHandle<()>,
    stop: Arc<AtomicBool>,
    inbox: Arc<Inbox>,
}

impl Thread {
    /// Recovers the shard and starts its thread; effects go to `effects`.
    pub(crate) fn start(
        mut shard: Shard,
        settings: Settings,
        effects: mpsc::UnboundedSender<Effect>,
        on_failure: impl FnOnce(Error) + Send + 'static,
    ) -> Result<(Thread, Handle), Error> {
        recover(&mut shard, &effects)?;
        let inbox = Arc::new(Inbox::default());
        let handle = Handle {
            inbox: Arc::clone(&inbox),
            snapshot: Arc::new(RwLock::new(shard.snapshot())),
            settings,
            has_failed: Arc::new(AtomicBool::new(false)),
            is_draining: Arc::new(AtomicBool::new(false)),
        };
        let stop = Arc::new(AtomicBool::new(false));
        let run = Run {
            shard,
            handle: handle.clone(),
            effects,
            stop: Arc::clone(&stop),
            waiting: BTreeMap::new(),
            next_id: 0,
            entropy: Entropy {
                seed: entropy(),
                drawn: 0,
            },
        };
        let has_failed = Arc::clone(&handle.has_failed);
        let body = move || {
            if let Err(error) = run.run() {
                has_failed.store(true, Ordering::Relaxed);
                on_failure(error);
            }
        };
        let thread = std::thread::Builder::new()
            .name("shard-0".to_string())
            .spawn(body)
            .map_err(|cause| Error::Io {
                action: "start the shard's thread",
                place: "this process".to_string(),
                cause,
            })?;
        Ok((
            Thread {
                thread,
                stop,
                inbox,
            },
            handle,
        ))
    }

    /// Takes what waits once more, commits it, and ends the thread.
    pub(crate) fn stop(self) {
        self.stop.store(true, Ordering::SeqCst);
        self.inbox.close();
        // A thread that panicked has said so on standard error; there is nothing to add here.
        drop(self.thread.join());
    }
}

fn recover(shard: &mut Shard, effects: &mpsc::UnboundedSender<Effect>) -> Result<(), Error> {
    let mut position = None;
    loop {
        position = shard.recover(now(), position)?;
        for effect in shard.commit()?.effects {
            // INVARIANT: the receiver lives as long as the server.
            drop(effects.send(effect));
        }
        if position.is_none() {
            return Ok(());
        }
    }
}

struct Run {
    shard: Shard,
    handle: Handle,
    effects: mpsc::UnboundedSender<Effect>,
    stop: Arc<AtomicBool>,
    waiting: BTreeMap<RequestId, oneshot::Sender<Answer>>,
    next_id: u64,
    entropy: Entropy,
}

/// Entropy for commands: drawn from the operating system once, then stretched by SHA-256.
struct Entropy {
    seed: [u8; 32],
    drawn: u64,
}

impl Entropy {
    fn draw(&mut self) -> [u8; 32] {
        self.drawn += 1;
        let mut hash = Sha256::new();
        hash.update(self.seed);
        hash.update(self.drawn.to_be_bytes());
        hash.finalize().into()
    }
}

impl Run {
    fn run(mut self) -> Result<(), Error> {
        loop {
            let is_last = self.stop.load(Ordering::SeqCst);
            let patience = if is_last {
                Duration::ZERO
            } else {
                self.patience()
            };
            let messages = self.handle.inbox.take(patience);
            if is_last && messages.is_empty() {
                return Ok(());
            }
            let now = now();
            for message in messages {
                self.apply(now, message);
                if self.shard.is_full() {
                    self.commit()?;
                }
            }
            self.shard.tick(now);
            self.commit()?;
        }
    }

    fn commit(&mut self) -> Result<(), Error> {
        let committed = self.shard.commit()?;
        self.release(committed);
        Ok(())
    }

    fn patience(&self) -> Duration {
        match self.shard.next_deadline() {
            None => SLEEP_MAX,
            Some(deadline) => deadline.since(now()).min(SLEEP_MAX),
        }
    }

    fn apply(&mut self, now: Timestamp, message: Message) {
        let id = message.answer_to.map(|sender| {
            let id = RequestId(self.next_id);
            self.next_id += 1;
            self.waiting.insert(id, sender);
            id
        });
        let command = Command {
            id,
            request: message.request,
        };
        self.shard.apply(now, self.entropy.draw(), command);
    }

    fn release(&mut self, committed: Committed) {
        if !committed.answers.is_empty()
            || !committed.effects.is_empty()
            || !committed.events.is_empty()
        {
            let snapshot = self.shard.snapshot();
            *self
                .handle
                .snapshot
                .write()
                .unwrap_or_else(std::sync::PoisonError::into_inner) = snapshot;
        }
        for (id, answer) in committed.answers {
            if let Some(sender) = self.waiting.remove(&id) {
                // A client that has gone does not want its answer.
                drop(sender.send(answer));
            }
        }
        for effect in committed.effects {
            match effect {
                Effect::InvokeFunction(call) if self.handle.is_draining() => {
                    self.handle.report(Request::ReturnTask {
                        execution: call.execution,
                        ticket: call.ticket,
                    })
                }
                effect => drop(self.effects.send(effect)),
            }
        }
    }
}

/// The wall clock.
pub(crate) fn now() -> Timestamp {
    let since_epoch = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Timestamp::from_millis(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
}

/// 32 bytes from the operating system.
pub(crate) fn entropy() -> [u8; 32] {
    let mut bytes = [0u8; 32];
    getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
    bytes
}

/// A random (version 4) UUID.
pub(crate) fn uuid() -> String {
    let bytes = entropy();
    let mut b: [u8; 16] = bytes[..16].try_into().expect("sixteen bytes of thirty-two");
    b[6] = (b[6] & 0x0f) | 0x40;
    b[8] = (b[8] & 0x3f) | 0x80;
    let hex: String = b.iter().map(|byte| format!("{byte:02x}")).collect();
    format!(
        "{}-{}-{}-{}-{}",
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..]
    )
}
