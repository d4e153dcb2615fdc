//! What every workload is run with.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;

use super::server::{Place, Server};

/// Below one directory, with one program as the server.
#[derive(Clone)]
pub struct Plan {
    /// The `stepwell` that serves.
    pub program: PathBuf,
    /// Where it runs.
    pub place: Place,
    /// Ours alone; on the disk that is measured.
    pub directory: PathBuf,
    pub clients: usize,
    /// How long a rate is measured.
    pub time: Duration,
    /// Executions, items or children, where a workload has a number of them.
    pub count: Option<u64>,
}

impl Plan {
    /// A server on an empty store of its own.
    pub fn serve(&self, name: &str) -> anyhow::Result<Server> {
        self.serve_with(name, &[])
    }

    /// The same with more arguments of `serve`.
    pub fn serve_with(&self, name: &str, arguments: &[&str]) -> anyhow::Result<Server> {
        let data = self.data(name);
        match fs::remove_dir_all(&data) {
            Err(cause) if cause.kind() != std::io::ErrorKind::NotFound => {
                return Err(cause).with_context(|| format!("cannot remove {}", data.display()));
            }
            _ => {}
        }
        Server::start(&self.place, &self.program, &data, arguments)
    }

    /// The same server again, on what it left.
    pub fn serve_again(&self, name: &str) -> anyhow::Result<Server> {
        Server::start(&self.place, &self.program, &self.data(name), &[])
    }

    /// Ends a server and removes its store.
    pub fn end(&self, server: Server, name: &str) -> anyhow::Result<()> {
        server.stop()?;
        let data = self.data(name);
        fs::remove_dir_all(&data).with_context(|| format!("cannot remove {}", data.display()))
    }

    /// Where a server keeps its store.
    pub fn data(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    pub fn directory(&self) -> &Path {
        &self.directory
    }

    pub fn count_or(&self, count: u64) -> u64 {
        self.count.unwrap_or(count)
    }
}
