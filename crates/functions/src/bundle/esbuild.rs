//! Finding esbuild, installing it once, and running tools with bounds.

use std::fs;
use std::io::{self, Read};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError, mpsc};
use std::time::Duration;

use super::{BundleError, Project, Stop};
use crate::environment::host::find_on_path;
use crate::environment::process::kill_group;

/// One attempt to install esbuild, shared by the builds that need it.
#[derive(Debug, Default)]
pub struct Installation {
    /// Why it failed; locked while it runs, so that others wait for it.
    failure: Mutex<Option<String>>,
}

/// The esbuild to use: the project's own, else ours, which is installed on first use.
pub(super) fn find(project: &Project<'_>, code_dir: &Path) -> Result<PathBuf, BundleError> {
    let package = package()?;
    let below = Path::new("node_modules").join(package).join("bin/esbuild");
    if let Some(own) = code_dir
        .ancestors()
        .map(|directory| directory.join(&below))
        .find(|path| path.is_file())
    {
        return Ok(own);
    }
    let home = project.cache_dir.join("esbuild").join(VERSION);
    let kept = home.join(&below);
    let mut failure = project
        .installation
        .failure
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    if !kept.is_file() {
        if let Some(reason) = failure.as_ref() {
            return Err(BundleError::Tool(reason.clone()));
        }
        install(package, &home, project.notice, project.stop)
            .inspect_err(|error| *failure = Some(error.to_string()))?;
    }
    drop(failure);
    // esbuild runs in another directory.
    Ok(kept.canonicalize()?)
}

/// Runs `npm ci`, or `npm install` without a lock file.
pub(super) fn install_dependencies(
    directory: &Path,
    notice: &dyn Fn(&str),
    stop: &Stop,
) -> Result<(), BundleError> {
    let verb = if directory.join("package-lock.json").is_file() {
        "ci"
    } else {
        "install"
    };
    notice(&format!(
        "installing npm dependencies: npm {verb} in {}",
        directory.display()
    ));
    let mut command = Command::new(npm("the function's dependencies")?);
    command
        .arg(verb)
        .args(["--no-audit", "--no-fund"])
        .current_dir(directory);
    let title = format!("npm {verb} in {}", directory.display());
    npm_run(command, &title, stop)
}

fn install(
    package: &str,
    home: &Path,
    notice: &dyn Fn(&str),
    stop: &Stop,
) -> Result<(), BundleError> {
    notice(&format!(
        "installing esbuild {VERSION} (once) with npm into {}",
        home.display()
    ));
    let unfinished = home.with_extension(format!("unfinished-{}", std::process::id()));
    fs::create_dir_all(&unfinished)?;
    let mut command = Command::new(npm("esbuild")?);
    // The platform's package holds just the binary: nothing else is fetched and no script runs.
    command
        .args([
            "install",
            "--no-save",
            "--no-audit",
            "--no-fund",
            "--ignore-scripts",
            "--no-package-lock",
            "--prefix",
        ])
        .arg(&unfinished)
        .arg(format!("{package}@{VERSION}"))
        .current_dir(&unfinished);
    let installed = npm_run(command, &format!("npm install {package}@{VERSION}"), stop);
    let placed = installed.and_then(|()| match fs::rename(&unfinished, home) {
        // Another server, or another thread, was faster.
        Err(_) if home.join("node_modules").is_dir() => Ok(()),
        renamed => Ok(renamed?),
    });
    if unfinished.exists() {
        let _ = fs::remove_dir_all(&unfinished);
    }
    placed
}

fn npm(purpose: &str) -> Result<PathBuf, BundleError> {
    find_on_path("npm").ok_or_else(|| {
        BundleError::Tool(format!(
            "npm is needed to install {purpose}, and there is no `npm` on PATH; install Node.js with npm, or add esbuild \
             to the project's devDependencies"
        ))
    })
}

fn npm_run(mut command: Command, title: &str, stop: &Stop) -> Result<(), BundleError> {
    command.arg("--loglevel=error");
    let finished = run(command, INSTALL_MAX, stop)
        .map_err(|error| BundleError::Tool(format!("{title}: {error}")))?;
    if finished.is_success {
        Ok(())
    } else {
        Err(BundleError::Tool(format!(
            "{title} failed:\n{}",
            finished.output.trim()
        )))
    }
}

/// What a tool left behind.
pub(super) struct Finished {
    pub(super) is_success: bool,
    /// The start of its standard error.
    pub(super) output: String,
}

/// Runs `command` in its own process group, for `limit` at most, keeping [`OUTPUT_BYTES_MAX`] of its messages.
pub(super) fn run(mut command: Command, limit: Duration, stop: &Stop) -> io::Result<Finished> {
    let stopped = || io::Error::new(io::ErrorKind::Interrupted, "stopped");
    if stop.is_stopped() {
        return Err(stopped());
    }
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()?;
    let group = i32::try_from(child.id()).map_err(io::Error::other)?;
    let watched = stop.watch(group);
    let mut stderr = child.stderr.take().expect("standard error is piped");
    let (sender, receiver) = mpsc::sync_channel(1);
    std::thread::Builder::new()
        .name("tool-output".to_owned())
        .spawn(move || {
            let mut kept = Vec::new();
            let read = stderr
                .by_ref()
                .take(OUTPUT_BYTES_MAX)
                .read_to_end(&mut kept);
            let read = read.and_then(|_| io::copy(&mut stderr, &mut io::sink()));
            // Nobody listens after a timeout.
            let _ = sender.send(read.map(|_| kept));
        })?;
    let read = receiver.recv_timeout(limit);
    drop(watched);
    let Ok(read) = read else {
        kill_group(group);
        child.wait()?;
        return Err(io::Error::new(
            io::ErrorKind::TimedOut,
            format!("not finished after {} s", limit.as_secs()),
        ));
    };
    let status = child.wait()?;
    if !status.success() && stop.is_stopped() {
        return Err(stopped());
    }
    Ok(Finished {
        is_success: status.success(),
        output: String::from_utf8_lossy(&read?).into_owned(),
    })
}

/// The npm package that holds esbuild's binary for this machine.
fn package() -> Result<&'static str, BundleError> {
    match (std::env::consts::OS, std::env::consts::ARCH) {
        ("linux", "x86_64") => Ok("@esbuild/linux-x64"),
        ("linux", "aarch64") => Ok("@esbuild/linux-arm64"),
        ("macos", "x86_64") => Ok("@esbuild/darwin-x64"),
        ("macos", "aarch64") => Ok("@esbuild/darwin-arm64"),
        (os, arch) => Err(BundleError::Tool(format!(
            "esbuild is not known to run on {os} {arch}"
        ))),
    }
}

/// The esbuild for projects that bring none.
const VERSION: &str = "0.25.12";
/// An installation over a slow network.
const INSTALL_MAX: Duration = Duration::from_secs(300);
/// Messages of a tool that are kept.
const OUTPUT_BYTES_MAX: u64 = 1 << 20;
