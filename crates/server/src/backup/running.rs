//! A backup of the server that runs: on a thread of its own, one at a time.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Deserialize;
use serde_json::{Value, json};
use stepwell_service::Timestamp;

use super::{DEFAULT_RATE, Manifest, Source, absolute, back_up};

/// What a client asks for.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Ask {
    pub(crate) to: String,
    /// MiB a second at most.
    pub(crate) rate: Option<u32>,
}

/// The backup that was asked for last.
#[derive(Clone)]
pub(crate) struct Backups {
    data: PathBuf,
    last: Arc<Mutex<Last>>,
}

#[derive(Default)]
struct Last {
    to: String,
    rows: u64,
    bytes: u64,
    state: State,
}

#[derive(Default)]
enum State {
    #[default]
    None,
    Running,
    Made(Manifest),
    Failed(String),
}

impl Backups {
    pub(crate) fn new(data: &Path) -> Backups {
        Backups {
            data: data.to_owned(),
            last: Arc::default(),
        }
    }

    /// Takes the place of the one backup; an error text where it is taken, or the path is none.
    ///
    /// Claim it before its snapshots are taken: what was acknowledged before the claim is in them.
    pub(crate) fn claim(&self, ask: &Ask) -> Result<Claim, String> {
        let to = absolute(&ask.to)?;
        let mut last = lock(&self.last);
        if matches!(last.state, State::Running) {
            return Err(format!("a backup to {} is being made", last.to));
        }
        *last = Last {
            to: ask.to.clone(),
            state: State::Running,
            ..Last::default()
        };
        drop(last);
        Ok(Claim {
            backups: self.clone(),
            instant: crate::shard::now(),
            to,
            rate: ask.rate.unwrap_or(DEFAULT_RATE).max(1),
            is_over: false,
        })
    }

    /// How far the last one is.
    pub(crate) fn shown(&self) -> Value {
        let last = lock(&self.last);
        let progress = |status: &str| json!({ "status": status, "to": last.to, "rows": last.rows, "bytes": last.bytes });
        match &last.state {
            State::None => json!({ "status": "NONE" }),
            State::Running => progress("RUNNING"),
            State::Made(manifest) => {
                let mut shown = progress("SUCCEEDED");
                shown["manifest"] = json!(manifest);
                shown
            }
            State::Failed(reason) => {
                let mut shown = progress("FAILED");
                shown["message"] = json!(reason);
                shown
            }
        }
    }
}

/// The right to make the one backup. Dropped before it was made, the backup has failed.
pub(crate) struct Claim {
    backups: Backups,
    instant: Timestamp,
    to: PathBuf,
    rate: u32,
    is_over: bool,
}

impl Claim {
    /// Makes the backup on a thread of its own.
    ///
    /// - `sources`: the shard's store and those beside it that can be read.
    pub(crate) fn start(self, sources: Vec<Source>) {
        let spawned = std::thread::Builder::new()
            .name("backup".to_string())
            .spawn(move || self.run(sources));
        if let Err(error) = spawned {
            tracing::warn!(%error, "cannot start the thread of a backup");
        }
    }

    fn run(mut self, sources: Vec<Source>) {
        let last = Arc::clone(&self.backups.last);
        let mut told = |rows, bytes| {
            let mut last = lock(&last);
            (last.rows, last.bytes) = (rows, bytes);
        };
        let data = &self.backups.data;
        let (instant, rate) = (self.instant, self.rate);
        let made = back_up(&sources, instant, data, &self.to, rate, &mut told);
        // The rows of that instant are kept for nobody any more.
        drop(sources);
        self.end(match made {
            Ok(manifest) => State::Made(manifest),
            Err(error) => State::Failed(error.to_string()),
        });
    }

    fn end(&mut self, state: State) {
        self.is_over = true;
        if let State::Failed(reason) = &state {
            tracing::warn!(%reason, to = %self.to.display(), "a backup has failed");
        }
        lock(&self.backups.last).state = state;
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if !self.is_over {
            self.end(State::Failed(
                "the backup was not begun, or broke off".to_string(),
            ));
        }
    }
}

fn lock(last: &Mutex<Last>) -> MutexGuard<'_, Last> {
    last.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use stepwell_store::{Memory, Store as _};

    use super::*;

    #[test]
    fn a_backup_says_the_instant_of_its_claim_and_not_that_of_its_thread() {
        let directory = tempfile::tempdir().expect("a directory");
        let data = directory.path().join("data");
        std::fs::create_dir(&data).expect("a data directory");
        let backups = Backups::new(&data);
        let to = directory.path().join("backup").display().to_string();
        let mut claim = backups.claim(&Ask { to, rate: None }).expect("it is free");
        claim.instant = Timestamp::from_millis(7);
        claim.run(vec![("store", Memory::new().snapshot())]);
        let shown = backups.shown();
        assert_eq!(shown["status"], "SUCCEEDED", "{shown}");
        assert_eq!(shown["manifest"]["instantMs"], 7);
    }
}
