//! TypeScript (and JavaScript) bundling with esbuild, as SAM's `Metadata: BuildMethod: esbuild` asks for it.
//!
//! Source: docs.aws.amazon.com/serverless-application-model/latest/developerguide/serverless-sam-cli-using-build-typescript.html
//! and esbuild.github.io/api.

mod esbuild;
mod layout;
mod problem;
mod properties;
mod source_map;
mod stop;

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

pub use esbuild::Installation;
pub use problem::Problem;
pub use properties::BuildProperties;
pub use stop::Stop;

pub(crate) use layout::handler_module;

/// What is bundled, and what the build may use.
pub struct Project<'a> {
    /// Directory of the template: no `tsconfig.json` or `package.json` above it is watched.
    pub project_dir: &'a Path,
    /// The function's `CodeUri`; entry points are relative to it.
    pub code_dir: &'a Path,
    /// The function's handler string, so that its module lands where Lambda looks for it.
    pub handler: Option<&'a str>,
    /// Where esbuild is kept if the project has none.
    pub cache_dir: &'a Path,
    /// Whether missing npm dependencies are installed (`npm ci`) instead of reported.
    pub installs_dependencies: bool,
    /// Told, in one sentence, before something slow is done (an installation).
    pub notice: &'a (dyn Fn(&str) + Sync),
    /// Shared by builds that belong together, so that esbuild is installed, or fails to be, once for all of them.
    pub installation: &'a Installation,
    /// Ends the build from another thread.
    pub stop: &'a Stop,
}

/// A finished bundle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Built {
    /// The files below the output directory.
    pub files: Vec<PathBuf>,
    /// esbuild's warnings, and ours.
    pub warnings: Vec<Problem>,
    /// The project's own files the bundle was made of, without those in `node_modules`: what to watch.
    pub inputs: Vec<PathBuf>,
}

/// Why there is no bundle.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// The code does not build: correct it.
    #[error("{}", Problem::list(.0))]
    Problems(Vec<Problem>),
    /// Dependencies of `package.json` are not installed.
    #[error("{}\nnpm dependencies are missing: run `npm ci` (or `npm install`) in {}", Problem::list(.problems), .directory.display())]
    DependenciesMissing {
        /// Holds the `package.json`.
        directory: PathBuf,
        /// What esbuild could not resolve.
        problems: Vec<Problem>,
    },
    /// The build properties are wrong: correct the template.
    #[error("{0}")]
    Properties(String),
    /// esbuild or npm is missing or failed.
    #[error("{0}")]
    Tool(String),
    /// This machine's disk failed.
    #[error("{0}")]
    Io(#[from] io::Error),
}

/// Bundles a function's entry points into `out_dir`, which is emptied first.
///
/// - Always `--bundle --platform=node`; by default `--target=es2020 --format=cjs`, as SAM does.
/// - The files lie as esbuild lays them out: below the lowest shared directory of the entry points. One exception:
///   if that is not where the handler string looks and an entry point has the handler's file name, that entry point
///   goes where the handler looks (`src/app.handler` finds `src/app.ts` built alone, which esbuild puts at `app.js`).
/// - Source maps name the project's files by `file:` URLs, so that traces do, wherever the bundle runs.
/// - An ES module bundle gets a `package.json` with `"type": "module"`, so that `.js` files load.
/// - Blocks; the caller chooses the thread.
pub fn bundle(
    project: &Project<'_>,
    properties: &BuildProperties,
    out_dir: &Path,
) -> Result<Built, BundleError> {
    let code_dir = canonical(project.code_dir)?;
    let entries = layout::entries(&code_dir, properties, project.handler)?;
    let binary = esbuild::find(project, &code_dir)?;
    if out_dir.exists() {
        fs::remove_dir_all(out_dir)?;
    }
    fs::create_dir_all(out_dir)?;
    let out_dir = canonical(out_dir)?;
    let run = || {
        let arguments = &entries.arguments;
        run(
            &binary,
            &code_dir,
            properties,
            arguments,
            &out_dir,
            project.stop,
        )
    };
    let mut finished = run()?;
    if let Some(directory) = dependencies_missing(&finished.problems, &code_dir) {
        if !project.installs_dependencies {
            return Err(BundleError::DependenciesMissing {
                directory,
                problems: finished.problems,
            });
        }
        esbuild::install_dependencies(&directory, project.notice, project.stop)?;
        finished = run()?;
    }
    if !finished.is_success {
        return Err(BundleError::Problems(finished.problems));
    }
    let (files, inputs) = read_metafile(&finished.metafile, &code_dir)?;
    source_map::make_absolute(&files)?;
    let files = finish_files(files, properties, &out_dir)?;
    let inputs = with_manifests(inputs, &code_dir, project.project_dir);
    let warnings = finished
        .problems
        .into_iter()
        .chain(entries.warning)
        .collect();
    Ok(Built {
        files,
        warnings,
        inputs,
    })
}

struct Run {
    is_success: bool,
    problems: Vec<Problem>,
    metafile: Vec<u8>,
}

fn run(
    binary: &Path,
    code_dir: &Path,
    properties: &BuildProperties,
    entries: &[String],
    out_dir: &Path,
    stop: &Stop,
) -> Result<Run, BundleError> {
    let metafile = out_dir.join(METAFILE);
    let mut command = Command::new(binary);
    command
        .current_dir(code_dir)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .args([
            "--bundle",
            "--platform=node",
            "--log-level=warning",
            "--log-limit=0",
            "--color=false",
        ])
        .args(properties.flags())
        .arg(format!("--outdir={}", out_dir.display()))
        .arg(format!("--metafile={}", metafile.display()))
        .args(entries);
    let finished = esbuild::run(command, BUILD_MAX, stop).map_err(|error| {
        BundleError::Tool(format!(
            "cannot run esbuild at {}: {error}",
            binary.display()
        ))
    })?;
    let problems = problem::parse(&finished.output, code_dir);
    if !finished.is_success && !problems.iter().any(|problem| problem.is_error) {
        return Err(BundleError::Tool(format!(
            "esbuild failed: {}",
            finished.output.trim()
        )));
    }
    let read = if finished.is_success {
        fs::read(&metafile)?
    } else {
        Vec::new()
    };
    let _ = fs::remove_file(&metafile);
    Ok(Run {
        is_success: finished.is_success,
        problems,
        metafile: read,
    })
}

/// The directory to run `npm ci` in, if an unresolved package is why the build failed.
fn dependencies_missing(problems: &[Problem], code_dir: &Path) -> Option<PathBuf> {
    let package = problems.iter().find_map(|problem| {
        let path = problem
            .text
            .strip_prefix("Could not resolve \"")?
            .strip_suffix('"')?;
        (problem.is_error && !path.starts_with(['.', '/'])).then_some(path)
    })?;
    let manifest = code_dir
        .ancestors()
        .map(|directory| directory.join("package.json"))
        .find(|path| path.is_file())?;
    let text: Value = serde_json::from_slice(&fs::read(&manifest).ok()?).ok()?;
    let mut parts = package.split('/');
    let name = match parts.next()? {
        scope if scope.starts_with('@') => format!("{scope}/{}", parts.next()?),
        name => name.to_owned(),
    };
    let is_declared = |kind: &str| text[kind].get(&name).is_some();
    let kinds = [
        "dependencies",
        "devDependencies",
        "optionalDependencies",
        "peerDependencies",
    ];
    kinds
        .into_iter()
        .any(is_declared)
        .then(|| manifest.parent().map(Path::to_owned))?
}

/// Output files and project inputs out of esbuild's metafile.
fn read_metafile(
    metafile: &[u8],
    code_dir: &Path,
) -> Result<(Vec<PathBuf>, BTreeSet<PathBuf>), BundleError> {
    let meta: Value = serde_json::from_slice(metafile).map_err(|error| {
        BundleError::Tool(format!("esbuild wrote an unreadable metafile: {error}"))
    })?;
    let names = |key: &str| {
        meta[key]
            .as_object()
            .into_iter()
            .flat_map(|files| files.keys().cloned())
            .collect::<Vec<_>>()
    };
    let absolute = |name: String| code_dir.join(name).canonicalize().ok();
    let files = names("outputs").into_iter().filter_map(absolute).collect();
    let is_own = |path: &PathBuf| {
        !path
            .components()
            .any(|part| part.as_os_str() == "node_modules")
    };
    let inputs = names("inputs")
        .into_iter()
        .filter_map(absolute)
        .filter(is_own)
        .take(INPUTS_MAX)
        .collect();
    Ok((files, inputs))
}

fn finish_files(
    mut files: Vec<PathBuf>,
    properties: &BuildProperties,
    out_dir: &Path,
) -> Result<Vec<PathBuf>, BundleError> {
    let has_js = files
        .iter()
        .any(|file| file.extension().is_some_and(|extension| extension == "js"));
    if properties.is_esm() && has_js {
        let manifest = out_dir.join("package.json");
        fs::write(&manifest, "{\"type\":\"module\"}\n")?;
        files.push(manifest);
    }
    files.sort();
    Ok(files)
}

/// Adds the configuration files that change a build.
fn with_manifests(
    mut inputs: BTreeSet<PathBuf>,
    code_dir: &Path,
    project_dir: &Path,
) -> Vec<PathBuf> {
    let top = project_dir
        .canonicalize()
        .unwrap_or_else(|_| code_dir.to_owned());
    for directory in code_dir
        .ancestors()
        .take_while(|directory| directory.starts_with(&top))
    {
        let names = ["tsconfig.json", "package.json"];
        inputs.extend(
            names
                .iter()
                .map(|name| directory.join(name))
                .filter(|path| path.is_file()),
        );
    }
    inputs.into_iter().collect()
}

fn canonical(path: &Path) -> Result<PathBuf, BundleError> {
    path.canonicalize().map_err(|error| {
        io::Error::new(error.kind(), format!("{}: {error}", path.display())).into()
    })
}

const METAFILE: &str = ".metafile.json";
/// A build of one function; esbuild takes milliseconds, a slow disk more.
const BUILD_MAX: Duration = Duration::from_secs(60);
/// Inputs reported for watching.
const INPUTS_MAX: usize = 10_000;
