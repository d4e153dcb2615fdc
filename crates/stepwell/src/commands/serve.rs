//! `stepwell serve`: the server, alone.

use std::{
    sync::mpsc::{self, Receiver, RecvTimeoutError},
    time::Duration,
};

use serde_json::json;

use crate::{
    Verdict,
    arguments::{LostTask, Roles, Sandbox, Serve, Telemetry},
    configuration::Configuration,
    credentials,
    embedded::{Embedded, HEALTH_CHECK, Settings},
    interrupt, otlp, server_log, terminal,
};

pub fn run(arguments: &Serve, is_json: bool) -> anyhow::Result<Verdict> {
    server_log::start(arguments.log_format, arguments.log.as_deref())?;
    let mut configuration = match &arguments.config {
        Some(path) => Configuration::read(path)?,
        None => Configuration::default(),
    };
    configuration.limits.aws_quotas |= arguments.aws_quotas;
    otlp::of_environment(&mut configuration.otlp, |name| std::env::var(name).ok())?;
    configuration.limits.is_observed = arguments.telemetry == Telemetry::On;
    let access_keys = match &arguments.access_keys {
        Some(path) => credentials::access_keys(path)?,
        None => Vec::new(),
    };
    let is_open = access_keys.is_empty();
    // Room for the one message that is ever sent.
    let (ask, asked) = mpsc::sync_channel(1);
    interrupt::on_interrupt(move || {
        let _ = ask.send(());
    })?;
    let mut server = Embedded::start(Settings {
        listen: arguments.listen,
        data: arguments.data.clone(),
        region: arguments.owner.region(),
        account: arguments.owner.account.clone(),
        retries_lost_tasks: arguments.on_lost_task == LostTask::Retry,
        checks_roles: arguments.roles == Roles::Checked,
        retention: arguments
            .retention
            .or(configuration.retention)
            .unwrap_or_default(),
        sandbox: arguments.sandbox == Sandbox::Namespaces,
        control_group: arguments.control_group.clone(),
        drain_for: Duration::from_secs(arguments.drain_seconds),
        stop_within: Duration::from_secs(arguments.stop_within),
        limits: configuration.limits,
        endpoints: configuration.endpoints,
        otlp: configuration.otlp,
        inspection: arguments.inspection.of_lines(is_json),
        project: None,
        mask: configuration.mask,
        access_keys,
        hosts: arguments.host.clone(),
        hidden_files: arguments.access_keys.iter().cloned().collect(),
        trace_port: arguments.xray_port,
    })?;
    if is_open && !arguments.listen.ip().is_loopback() {
        eprintln!(
            "warning: {} can be reached from other machines, and nothing is authenticated: whoever reaches it can run code here\n\
             next: --access-keys FILE takes signed requests only",
            arguments.listen
        );
    }
    if arguments.roles == Roles::Unchecked {
        eprintln!(
            "note: roles that do not exist are accepted; --roles checked refuses them as AWS does"
        );
    }
    if is_json {
        terminal::put_json(&json!({
            "event": "listening",
            "endpoint": server.endpoint(),
            "xrayDaemon": server.daemon(),
        }));
    } else {
        terminal::put_line(&format!("listening on {}", server.endpoint()));
    }
    server.inspect();
    wait(&server, &asked)?;
    if arguments.drain_seconds > 0 {
        eprintln!(
            "leaving: not ready any more, and still serving for {} s",
            arguments.drain_seconds
        );
    }
    eprintln!(
        "stopping: running tasks may finish, for at most {} s (again to stop at once)",
        arguments.stop_within
    );
    server.stop();
    Ok(Verdict::Well)
}

/// Returns when the user asks to stop; an error when the server has failed.
pub fn wait(server: &Embedded, asked: &Receiver<()>) -> anyhow::Result<()> {
    // The sender lives in the signal thread; if that ever ended, stopping is right as well.
    while asked.recv_timeout(HEALTH_CHECK) == Err(RecvTimeoutError::Timeout) {
        server.check()?;
    }
    Ok(())
}
