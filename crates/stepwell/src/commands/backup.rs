//! `stepwell backup` and `stepwell restore`.

use std::{
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use serde_json::{Value, json};

use crate::{
    Verdict,
    arguments::{Backup, Restore},
    client::Client,
    embedded, terminal,
};

/// How often a running server is asked how far its backup is.
const ASK_EVERY: Duration = Duration::from_millis(100);

/// How often progress is told.
const TELL_EVERY: Duration = Duration::from_secs(1);

pub fn run(arguments: &Backup, is_json: bool) -> anyhow::Result<Verdict> {
    let manifest = match &arguments.data {
        Some(data) => {
            let mut progress = Progress::default();
            embedded::back_up(data, &arguments.to, arguments.rate, &mut |rows, bytes| {
                progress.tell(rows, bytes);
            })?
        }
        None => ask_server(arguments)?,
    };
    put(&manifest, "backed up", &arguments.to, is_json);
    Ok(Verdict::Well)
}

pub fn restore(arguments: &Restore, is_json: bool) -> anyhow::Result<Verdict> {
    let mut progress = Progress::default();
    let manifest = embedded::restore(&arguments.from, &arguments.to, &mut |rows, bytes| {
        progress.tell(rows, bytes);
    })?;
    put(&manifest, "restored", &arguments.to, is_json);
    if !is_json {
        eprintln!(
            "next: {} serve --data {}; run this server or the one that was backed up, not both",
            terminal::program(),
            arguments.to.display()
        );
    }
    Ok(Verdict::Well)
}

/// Has a running server make a backup, and waits for it.
fn ask_server(arguments: &Backup) -> anyhow::Result<Value> {
    let client = Client::new(&arguments.connection.endpoint())?;
    let to = absolute(&arguments.to)?;
    let to = to
        .to_str()
        .with_context(|| format!("the directory {} is not UTF-8", to.display()))?;
    client.backup(Some(&json!({ "to": to, "rate": arguments.rate })))?;
    let mut progress = Progress::default();
    loop {
        let shown = client.backup(None)?;
        if shown["to"] != to {
            bail!("the server makes another backup, to {}", shown["to"]);
        }
        match shown["status"].as_str() {
            Some("RUNNING") => {
                let count = |name: &str| shown[name].as_u64().unwrap_or_default();
                progress.tell(count("rows"), count("bytes"));
                thread::sleep(ASK_EVERY);
            }
            Some("SUCCEEDED") => return Ok(shown["manifest"].clone()),
            _ => bail!(
                "{}",
                shown["message"].as_str().unwrap_or("the backup failed")
            ),
        }
    }
}

/// The server makes the directory: it must not depend on where the server was started.
fn absolute(path: &Path) -> anyhow::Result<PathBuf> {
    std::path::absolute(path).with_context(|| format!("cannot tell where {} is", path.display()))
}

fn put(manifest: &Value, done: &str, to: &Path, is_json: bool) {
    if is_json {
        terminal::put_json(&json!({ "directory": to, "manifest": manifest }));
        return;
    }
    let stores = manifest["stores"].as_array().cloned().unwrap_or_default();
    let sum = |name: &str| -> u64 { stores.iter().filter_map(|store| store[name].as_u64()).sum() };
    terminal::put_line(&format!(
        "{done} {} rows, {} bytes: {}",
        sum("rows"),
        sum("bytes"),
        to.display()
    ));
}

/// Tells on standard error how far it is, once a second.
struct Progress {
    told: Instant,
}

impl Default for Progress {
    fn default() -> Self {
        Self {
            told: Instant::now(),
        }
    }
}

impl Progress {
    fn tell(&mut self, rows: u64, bytes: u64) {
        if self.told.elapsed() >= TELL_EVERY {
            self.told = Instant::now();
            eprintln!("{rows} rows, {} MiB so far", bytes >> 20);
        }
    }
}
