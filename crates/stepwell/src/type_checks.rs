//! The project's own type checker, beside what runs: esbuild drops types without a look at them.
//!
//! A check never holds a save up. It runs at low priority, one at a time, and the next save ends it.

use std::{
    collections::BTreeSet,
    io::{self, Read},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
};

use crate::report::Report;

/// What is read of a checker's output.
const OUTPUT_BYTES_MAX: u64 = 1 << 20;
/// Errors that are shown; the number of all is told.
const ERRORS_SHOWN_MAX: usize = 20;
/// Directories above a function that are looked through for settings.
const LEVELS_MAX: usize = 16;

/// Checks of the types of an application's functions.
pub struct TypeChecks {
    report: Report,
    /// Where the checker keeps what it knows between two runs.
    cache: PathBuf,
    running: Arc<Mutex<Running>>,
}

#[derive(Default)]
struct Running {
    /// Grows with each check; an older one says nothing any more.
    generation: u64,
    child: Option<Child>,
    /// Whether the last finished check found errors.
    had_errors: bool,
}

/// A TypeScript project.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Project {
    /// Its `tsconfig.json`.
    config: PathBuf,
    /// The compiler installed for it.
    compiler: PathBuf,
}

impl Project {
    /// The project of a function's directory, if it has one and its compiler is installed.
    pub fn of(directory: &Path) -> Option<Self> {
        let directory = directory.canonicalize().ok()?;
        let find = |name: &str| {
            directory
                .ancestors()
                .take(LEVELS_MAX)
                .map(|above| above.join(name))
                .find(|path| path.is_file())
        };
        Some(Self {
            config: find("tsconfig.json")?,
            compiler: find("node_modules/typescript/bin/tsc")?,
        })
    }

    fn command(&self, cache: &Path, number: usize) -> Command {
        // Last in line for the processor: what was saved is to run first.
        let mut command = Command::new("nice");
        command
            .args(["-n", "10", "node"])
            .arg(&self.compiler)
            .arg("--project")
            .arg(&self.config)
            .args(["--noEmit", "--incremental", "--pretty", "false"])
            .arg("--tsBuildInfoFile")
            .arg(cache.join(format!("types-{number}.tsbuildinfo")))
            .current_dir(self.config.parent().unwrap_or(Path::new("/")))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        command
    }
}

impl TypeChecks {
    /// `cache`: a directory that exists.
    pub fn new(report: Report, cache: PathBuf) -> Self {
        Self {
            report,
            cache,
            running: Arc::default(),
        }
    }

    /// Ends the check that runs, and checks these projects.
    pub fn restart(&self, projects: BTreeSet<Project>) {
        let generation = self.end();
        if projects.is_empty() {
            return;
        }
        let (report, cache, running) = (self.report, self.cache.clone(), Arc::clone(&self.running));
        thread::spawn(move || {
            let mut errors = Vec::new();
            for (number, project) in projects.iter().enumerate() {
                match check(project, &cache, number, &running, generation) {
                    Ok(Some(found)) => errors.extend(found),
                    Ok(None) => return,
                    Err(reason) => {
                        report.warning(&format!("types are not checked: {reason}"));
                        return;
                    }
                }
            }
            let mut running = locked(&running);
            if running.generation != generation {
                return;
            }
            let had_errors = std::mem::replace(&mut running.had_errors, !errors.is_empty());
            drop(running);
            if !errors.is_empty() || had_errors {
                let hidden = errors.len().saturating_sub(ERRORS_SHOWN_MAX);
                errors.truncate(ERRORS_SHOWN_MAX);
                report.types(&errors, hidden);
            }
        });
    }

    /// Ends the check that runs; returns the number of the next one.
    fn end(&self) -> u64 {
        let mut running = locked(&self.running);
        running.generation += 1;
        let generation = running.generation;
        let child = running.child.take();
        drop(running);
        if let Some(mut child) = child {
            // It may have ended by itself.
            let _ = child.kill();
            let _ = child.wait();
        }
        generation
    }
}

impl Drop for TypeChecks {
    fn drop(&mut self) {
        self.end();
    }
}

/// The errors of a project, or `None` if the check was ended.
fn check(
    project: &Project,
    cache: &Path,
    number: usize,
    running: &Mutex<Running>,
    generation: u64,
) -> io::Result<Option<Vec<String>>> {
    let mut locked_running = locked(running);
    if locked_running.generation != generation {
        return Ok(None);
    }
    let mut child = project.command(cache, number).spawn()?;
    let output = child.stdout.take();
    locked_running.child = Some(child);
    drop(locked_running);
    let mut text = Vec::new();
    if let Some(output) = output {
        output.take(OUTPUT_BYTES_MAX).read_to_end(&mut text)?;
    }
    let child = {
        let mut running = locked(running);
        if running.generation != generation {
            return Ok(None);
        }
        running.child.take()
    };
    if let Some(mut child) = child {
        // One that writes more than is read would wait for a reader.
        if text.len() as u64 >= OUTPUT_BYTES_MAX {
            child.kill()?;
        }
        child.wait()?;
    }
    let root = project.config.parent().unwrap_or(Path::new("/"));
    Ok(Some(errors(&String::from_utf8_lossy(&text), root)))
}

/// `file:line:column: error TS...: text` for each error of the compiler's plain output.
fn errors(output: &str, root: &Path) -> Vec<String> {
    output
        .lines()
        // What explains an error is indented below it.
        .filter(|line| !line.starts_with(' ') && line.contains("error TS"))
        .map(|line| placed(line, root).unwrap_or_else(|| line.to_owned()))
        .collect()
}

/// `src/a.ts(3,7): error TS2322: text` with the place as editors know it.
fn placed(line: &str, root: &Path) -> Option<String> {
    let (place, text) = line.split_once("): ")?;
    let (file, position) = place.rsplit_once('(')?;
    let (row, column) = position.split_once(',')?;
    let is_number = |text: &str| text.parse::<u32>().is_ok();
    (is_number(row) && is_number(column))
        .then(|| format!("{}:{row}:{column}: {text}", root.join(file).display()))
}

fn locked(running: &Mutex<Running>) -> MutexGuard<'_, Running> {
    running.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_told_with_its_place() {
        let output = "src/a.ts(3,7): error TS2322: Type 'string' is not assignable to type 'number'.\n  \
                      The expected type comes from property 'n'.\nerror TS5023: Unknown compiler option 'x'.\n";
        assert_eq!(
            errors(output, Path::new("/app")),
            [
                "/app/src/a.ts:3:7: error TS2322: Type 'string' is not assignable to type 'number'.",
                "error TS5023: Unknown compiler option 'x'.",
            ]
        );
        assert!(errors("", Path::new("/app")).is_empty());
    }
}
