//! What an environment leaves behind: processes that left its group, its temporary directory, its control group.
//!
//! One thread of the pool clears up, so that no invocation waits for it.

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::cgroup::{Cgroup, Cgroups};
use super::process::{kill_group, signal_one};
use super::scratch::Scratch;
use super::tag::{Tag, Tags, processes_of};

/// What the environments of one pool stand on.
pub(crate) struct Ground {
    pub(crate) scratch: Scratch,
    /// `None` where there are no control groups.
    pub(crate) cgroups: Option<Cgroups>,
    pub(crate) tags: Tags,
}

/// Clears up behind environments. Clones share the thread; it ends with the last one.
#[derive(Clone)]
pub(crate) struct Cleaner {
    orders: mpsc::SyncSender<Order>,
}

enum Order {
    Clear(Left),
    Tell(oneshot::Sender<()>),
}

/// Everything one environment has beside its first process. Dropping it hands it to the cleaner.
pub(crate) struct Remains {
    left: Option<Left>,
    cleaner: Cleaner,
}

struct Left {
    /// Stays until the last environment on it is cleared up.
    _ground: Arc<Ground>,
    /// 0 for an environment whose process could not be started.
    group: i32,
    tag: Tag,
    scratch: PathBuf,
    cgroup: Option<Cgroup>,
}

impl Cleaner {
    /// - `environments_max`: environments that can exist at one time.
    pub(crate) fn start(environments_max: usize) -> io::Result<Cleaner> {
        let (orders, received) = mpsc::sync_channel::<Order>(2 * environments_max + 1);
        let run = move || {
            while let Ok(first) = received.recv() {
                // One look at the machine's processes serves all environments that have ended.
                let mut left = Vec::new();
                let mut told = Vec::new();
                for order in std::iter::once(first).chain(received.try_iter()) {
                    match order {
                        Order::Clear(one) => left.push(one),
                        Order::Tell(sender) => told.push(sender),
                    }
                }
                clear(left);
                for sender in told {
                    // Whoever asked may have stopped waiting.
                    let _ = sender.send(());
                }
            }
        };
        std::thread::Builder::new()
            .name("function-cleaner".to_owned())
            .spawn(run)?;
        Ok(Cleaner { orders })
    }

    /// Waits until everything is cleared up that was handed over before.
    pub(crate) async fn is_done(&self) {
        let (sender, told) = oneshot::channel();
        let mut order = Order::Tell(sender);
        let until = Instant::now() + CLEAR_MAX;
        while let Err(mpsc::TrySendError::Full(back)) = self.orders.try_send(order) {
            if Instant::now() >= until {
                return;
            }
            order = back;
            tokio::time::sleep(PAUSE).await;
        }
        let _ = tokio::time::timeout_at(until.into(), told).await;
    }
}

impl Remains {
    /// Makes the place for an environment of a function of `memory_mb`.
    pub(crate) fn prepare(
        ground: &Arc<Ground>,
        cleaner: &Cleaner,
        serial: u64,
        memory_mb: u32,
    ) -> io::Result<Remains> {
        let scratch = ground.scratch.make(serial)?;
        let groups = ground.cgroups.as_ref();
        let left = Left {
            _ground: Arc::clone(ground),
            group: 0,
            tag: ground.tags.next(),
            scratch,
            cgroup: groups.and_then(|groups| groups.make(serial, memory_mb).ok()),
        };
        Ok(Remains {
            left: Some(left),
            cleaner: cleaner.clone(),
        })
    }

    pub(crate) fn started(&mut self, group: i32) {
        if let Some(left) = &mut self.left {
            left.group = group;
        }
    }

    pub(crate) fn tag(&self) -> Tag {
        self.kept().tag
    }

    /// The environment's temporary directory.
    pub(crate) fn scratch(&self) -> &PathBuf {
        &self.kept().scratch
    }

    pub(crate) fn cgroup(&self) -> Option<&Cgroup> {
        self.kept().cgroup.as_ref()
    }

    fn kept(&self) -> &Left {
        self.left
            .as_ref()
            .expect("taken when dropped, never before")
    }
}

impl Drop for Remains {
    fn drop(&mut self) {
        let Some(left) = self.left.take() else {
            return;
        };
        if let Err(mpsc::TrySendError::Full(Order::Clear(left))) =
            self.cleaner.orders.try_send(Order::Clear(left))
        {
            clear(vec![left]);
        }
    }
}

/// Ends all processes, then removes directories.
fn clear(left: Vec<Left>) {
    if left.is_empty() {
        return;
    }
    let mut tags = Vec::new();
    for one in &left {
        if one.group > 1 {
            kill_group(one.group);
        }
        let is_killed = one.cgroup.as_ref().is_some_and(Cgroup::kill);
        if !is_killed {
            tags.push(one.tag);
        }
    }
    if !tags.is_empty() {
        end_tagged(&tags);
    }
    for one in left {
        if let Some(cgroup) = &one.cgroup {
            cgroup.remove();
        }
        remove(&one.scratch);
    }
}

/// Kills until a look finds nothing: processes may start others between the look and the signal.
fn end_tagged(tags: &[Tag]) {
    let until = Instant::now() + CLEAR_MAX;
    loop {
        let found = processes_of(tags);
        if found.is_empty() || Instant::now() >= until {
            return;
        }
        // What stands still starts no other: first all of them, then the end.
        for signal in [libc::SIGSTOP, libc::SIGKILL] {
            found
                .iter()
                .for_each(|process| signal_one(*process, signal));
        }
    }
}

fn remove(directory: &PathBuf) {
    // A killed process may end a moment later and still write; what stays goes with the pool's directory.
    for _ in 0..REMOVES_MAX {
        match std::fs::remove_dir_all(directory) {
            Ok(()) => return,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return,
            Err(_) => std::thread::sleep(PAUSE),
        }
    }
}

/// How long the processes of an environment may resist.
const CLEAR_MAX: Duration = Duration::from_secs(2);
const PAUSE: Duration = Duration::from_millis(2);
/// Tries to remove a directory.
const REMOVES_MAX: usize = 20;
