//! The stronger sandbox: a function in user, mount, process and IPC namespaces of its own.
//!
//! The machine's files are read-only, but `/tmp`, which is the environment's temporary directory; package and layers
//! are where Lambda has them (`/var/task`, `/opt`); other processes are not there, and directories can be hidden. The
//! network is the machine's: a function reaches the server on 127.0.0.1.
//!
//! Between the server and the function stand two small processes: [`run`] in the program that was started as the helper
//! (it enters the namespaces and hands on how the function ended), and the first process of the new process namespace.

#[cfg(target_os = "linux")]
mod machine;

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What stands between functions and the machine, beside limits and an environment of their own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sandbox {
    /// A function sees the machine as the server's user does.
    None,
    /// Namespaces.
    Namespaces {
        /// A program that calls [`run`] when its first argument is [`FIRST_ARGUMENT`].
        helper: PathBuf,
        /// Directories that functions must not see: the server's own data.
        hidden: Vec<PathBuf>,
    },
}

/// The directories of an environment, and how the function knows them.
pub(crate) struct Mounts<'a> {
    pub(crate) task_root: &'a Path,
    pub(crate) opt: Option<&'a Path>,
    pub(crate) runtime: &'a Path,
    pub(crate) scratch: &'a Path,
}

impl Mounts<'_> {
    /// `text` with the function's names for directories.
    pub(crate) fn seen(&self, text: &str) -> String {
        let places = [
            (Some(self.task_root), "/var/task"),
            (self.opt, "/opt"),
            (Some(self.runtime), "/var/runtime"),
            (Some(self.scratch), "/tmp"),
        ];
        // Their real names end in digests and numbers, so none stands in a text by accident.
        places
            .into_iter()
            .fold(text.to_owned(), |text, (real, seen)| {
                real.map_or(text.clone(), |real| {
                    text.replace(&*real.to_string_lossy(), seen)
                })
            })
    }

    /// The helper's arguments before those of the function's program.
    pub(crate) fn arguments(&self, hidden: &[PathBuf]) -> Vec<String> {
        let text = |path: &Path| path.to_string_lossy().into_owned();
        let opt = self.opt.map(text).unwrap_or_default();
        let mut arguments = vec![
            FIRST_ARGUMENT.to_owned(),
            text(self.task_root),
            opt,
            text(self.runtime),
            text(self.scratch),
        ];
        arguments.extend(hidden.iter().map(|path| text(path)));
        arguments.push(END_OF_HIDDEN.to_owned());
        arguments
    }
}

/// Tries the sandbox with a program that does nothing.
///
/// Errors: this machine does not allow such namespaces; the text says what was refused.
pub(crate) fn check(helper: &Path, hidden: &[PathBuf], scratch: &Path) -> io::Result<()> {
    let mounts = Mounts {
        task_root: scratch,
        opt: None,
        runtime: scratch,
        scratch,
    };
    let mut command = Command::new(helper);
    command
        .args(mounts.arguments(hidden))
        .args(["/bin/sh", "-c", "exit 0"])
        .stdin(Stdio::null());
    let output = command.output()?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(io::Error::other(format!(
        "this machine has no sandbox of namespaces: {}",
        said.trim()
    )))
}

/// Sets the sandbox up and runs a program in it; does not return.
///
/// - `arguments`: those of the process after [`FIRST_ARGUMENT`].
/// - Must be called before the process has a second thread.
/// - Ends as the program ended, by its signal too; with 125 if the sandbox cannot be set up.
#[cfg(target_os = "linux")]
pub fn run(arguments: Vec<String>) -> ! {
    match machine::run(arguments) {
        Ok(never) => match never {},
        Err(error) => {
            eprintln!("sandbox: {error}");
            std::process::exit(COULD_NOT_SET_UP)
        }
    }
}

/// There are no namespaces here.
#[cfg(not(target_os = "linux"))]
pub fn run(_arguments: Vec<String>) -> ! {
    eprintln!("sandbox: namespaces are a thing of Linux");
    std::process::exit(COULD_NOT_SET_UP)
}

/// Tells a helper what it is.
pub const FIRST_ARGUMENT: &str = "run-in-sandbox";
const END_OF_HIDDEN: &str = "--";
const COULD_NOT_SET_UP: i32 = 125;
