//! Finding esbuild, installing it once, and running tools with bounds.

use std::fs;
use std::io::{self, Read};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use super::BundleError;
use crate::environment::host::find_on_path;
use crate::environment::process::kill_group;

/// The esbuild to use: the project's own, else ours, which is installed on first use.
pub(super) fn find(
    code_dir: &Path,
    cache_dir: &Path,
    notice: &dyn Fn(&str),
) -> Result<PathBuf, BundleError> {
    let package = package()?;
    let below = Path::new("node_modules").join(package).join("bin/esbuild");
    if let Some(own) = code_dir
        .ancestors()
        .map(|directory| directory.join(&below))
        .find(|path| path.is_file())
    {
        return Ok(own);
    }
    let home = cache_dir.join("esbuild").join(VERSION);
    let kept = home.join(&below);
    if !kept.is_file() {
        install(package, &home, notice)?;
    }
    // esbuild runs in another directory.
    Ok(kept.canonicalize()?)
}

/// Runs `npm ci`, or `npm install` without a lock file.
pub(super) fn install_dependencies(
    directory: &Path,
    notice: &dyn Fn(&str),
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
    npm_run(command, &format!("npm {verb} in {}", directory.display()))
}

fn install(package: &str, home: &Path, notice: &dyn Fn(&str)) -> Result<(), BundleError> {
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
    let installed = npm_run(command, &format!("npm install {package}@{VERSION}"));
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

fn npm_run(command: Command, title: &str) -> Result<(), BundleError> {
    let finished = run(command, INSTALL_MAX)
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
pub(super) fn run(mut command: Command, limit: Duration) -> io::Result<Finished> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()?;
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
    let Ok(read) = receiver.recv_timeout(limit) else {
        kill_group(i32::try_from(child.id()).map_err(io::Error::other)?);
        child.wait()?;
        return Err(io::Error::new(
            io::ErrorKind::TimedOut,
            format!("not finished after {} s", limit.as_secs()),
        ));
    };
    let status = child.wait()?;
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
