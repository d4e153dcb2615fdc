//! `stepwell serve`: the server, alone.

use std::{
    io,
    sync::mpsc::{self, RecvTimeoutError},
    time::Duration,
};

use anyhow::bail;
use serde_json::json;
use tracing_subscriber::EnvFilter;

use crate::{
    Verdict,
    arguments::{LostTask, Serve},
    embedded::{Embedded, Settings},
    interrupt, terminal,
};

/// How often the server is asked whether its store still works.
const HEALTH_CHECK: Duration = Duration::from_millis(500);

pub fn run(arguments: &Serve, is_json: bool) -> anyhow::Result<Verdict> {
    log_to_stderr();
    // Room for the one message that is ever sent.
    let (ask, asked) = mpsc::sync_channel(1);
    interrupt::on_interrupt(move || {
        let _ = ask.send(());
    })?;
    let server = Embedded::start(Settings {
        listen: arguments.listen,
        data: arguments.data.clone(),
        region: arguments.owner.region(),
        account: arguments.owner.account.clone(),
        retries_lost_tasks: arguments.on_lost_task == LostTask::Retry,
        stop_within: Duration::from_secs(arguments.stop_within),
    })?;
    if is_json {
        terminal::put_json(&json!({ "event": "listening", "endpoint": server.endpoint() }));
    } else {
        terminal::put_line(&format!("listening on {}", server.endpoint()));
    }
    // The sender lives in the signal thread; if that ever ended, stopping is right as well.
    while asked.recv_timeout(HEALTH_CHECK) == Err(RecvTimeoutError::Timeout) {
        if server.has_failed() {
            bail!(
                "the store in {} has failed; see the log above\nnext: start again, which recovers it",
                arguments.data.display()
            );
        }
    }
    eprintln!(
        "stopping: running tasks may finish, for at most {} s (again to stop at once)",
        arguments.stop_within
    );
    server.stop();
    Ok(Verdict::Well)
}

/// The server's own log, as much as `STEPWELL_LOG` asks for.
pub fn log_to_stderr() {
    let filter = EnvFilter::try_from_env("STEPWELL_LOG").unwrap_or_else(|_| EnvFilter::new("warn"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_target(false)
        .init();
}
