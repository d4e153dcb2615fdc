//! From a template on disk to an application that can be deployed: resolve, bundle, package.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    fmt, fs,
    num::NonZero,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    thread,
};

use anyhow::{Context as _, bail};
use serde_json::{Map, Value, json};
use stepwell_template::{
    Code, DEFINITION_BYTES_MAX, Function, Kind, Options, Problem, Stack, TEMPLATE_BYTES_MAX,
    Tracing,
};

use crate::{
    arguments,
    embedded::Project,
    packaging::{self, Installation, Package, Stop},
    plan::{self, Application, Beside, Owner},
    report::Report,
    samples,
    watch::Changes,
};

/// The names under which a template is looked for in an application's directory.
const TEMPLATE_NAMES: [&str; 3] = ["template.yaml", "template.yml", "template.json"];
/// Builds that run at the same time.
const BUILDS_MAX: usize = 4;
const LAYER: &str = "AWS::Lambda::LayerVersion";
/// Largest `manifest.json` or `*.assets.json` of a `cdk.out`.
const MANIFEST_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Files beside the sources that change what a bundler makes of all of them.
const BUILD_SETTINGS: [&str; 3] = ["package.json", "package-lock.json", "tsconfig.json"];

/// A template with all it needs to be resolved.
pub struct Source {
    pub template: PathBuf,
    pub parameters: BTreeMap<String, String>,
    pub stack_name: String,
    pub region: String,
    pub account: String,
}

/// A resolved template.
pub struct Resolved {
    pub stack: Stack,
    /// The template and the definition files it names, absolute.
    pub files: BTreeSet<PathBuf>,
}

/// Why a template gives no stack.
pub enum Error {
    Unreadable(anyhow::Error),
    Problems(Vec<Problem>),
}

impl fmt::Display for Error {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(reason) => write!(out, "{reason:#}"),
            Self::Problems(problems) => {
                let lines: Vec<String> = problems.iter().map(Problem::to_string).collect();
                out.write_str(&lines.join("\n"))
            }
        }
    }
}

/// The template of an application's directory; of a `cdk.out`, the template of its only stack.
pub fn find_template(directory: &Path) -> anyhow::Result<PathBuf> {
    if !directory.is_dir() {
        bail!("{} is not a directory", directory.display());
    }
    if directory.join("manifest.json").is_file() {
        return synthesised(directory);
    }
    let found = TEMPLATE_NAMES
        .iter()
        .map(|name| directory.join(name))
        .find(|path| path.is_file());
    found.with_context(|| {
        format!(
            "{} has no {}\nnext: name the template with --template FILE",
            directory.display(),
            TEMPLATE_NAMES.join(", ")
        )
    })
}

/// The template that the manifest of a `cdk.out` names.
fn synthesised(directory: &Path) -> anyhow::Result<PathBuf> {
    let manifest = directory.join("manifest.json");
    let text = read_bounded(&manifest, MANIFEST_BYTES_MAX)
        .map_err(|reason| anyhow::anyhow!("{}: {reason}", manifest.display()))?;
    let manifest: Value =
        serde_json::from_str(&text).with_context(|| format!("{}", manifest.display()))?;
    let artifacts = manifest["artifacts"].as_object().into_iter().flatten();
    let templates: Vec<&str> = artifacts
        .filter(|(_, artifact)| artifact["type"] == "aws:cloudformation:stack")
        .filter_map(|(_, artifact)| artifact["properties"]["templateFile"].as_str())
        .collect();
    match templates.as_slice() {
        [only] => Ok(directory.join(only)),
        [] => bail!("{} has no stack in its manifest.json", directory.display()),
        several => bail!(
            "{} has {} stacks\nnext: name one of {}",
            directory.display(),
            several.len(),
            several.join(", ")
        ),
    }
}

/// What S3 keys stand for in the output of `cdk synth`: `NAME.assets.json` beside `NAME.template.json`.
fn assets(template: &Path) -> BTreeMap<String, String> {
    let name = template.file_name().unwrap_or_default().to_string_lossy();
    let Some(stem) = name.strip_suffix(".template.json") else {
        return BTreeMap::new();
    };
    let path = template.with_file_name(format!("{stem}.assets.json"));
    let document: Value = read_bounded(&path, MANIFEST_BYTES_MAX)
        .ok()
        .and_then(|text| serde_json::from_str(&text).ok())
        .unwrap_or_default();
    let mut assets = BTreeMap::new();
    for (_, file) in document["files"].as_object().into_iter().flatten() {
        let Some(path) = file["source"]["path"].as_str() else {
            continue;
        };
        let destinations = file["destinations"].as_object().into_iter().flatten();
        for (_, destination) in destinations {
            if let Some(key) = destination["objectKey"].as_str() {
                assets.insert(key.to_owned(), path.to_owned());
            }
        }
    }
    assets
}

impl Source {
    pub fn new(
        template: &Path,
        stack: &arguments::Stack,
        owner: &arguments::Owner,
    ) -> anyhow::Result<Self> {
        let found;
        let template = match template.is_dir() {
            true => {
                found = find_template(template)?;
                found.as_path()
            }
            false => template,
        };
        let template = template
            .canonicalize()
            .with_context(|| format!("cannot read the template {}", template.display()))?;
        let directory_name = template
            .parent()
            .and_then(Path::file_name)
            .map(|name| name.to_string_lossy().into_owned());
        Ok(Self {
            stack_name: stack.stack_name.clone().unwrap_or_else(|| {
                // CDK names the file after the stack, and the directory after itself.
                let file = template.file_name().unwrap_or_default().to_string_lossy();
                let synthesised = file.strip_suffix(".template.json").map(str::to_owned);
                stack_name_of(&synthesised.or(directory_name).unwrap_or_default())
            }),
            parameters: stack.parameters.iter().cloned().collect(),
            region: owner.region(),
            account: owner.account.clone(),
            template,
        })
    }

    /// The directory that paths of the template start from.
    pub fn directory(&self) -> &Path {
        self.template.parent().unwrap_or(Path::new("/"))
    }

    /// What the console's start page is told.
    pub fn project(&self, is_watching: bool) -> Project {
        Project {
            directory: self.directory().to_owned(),
            stack: self.stack_name.clone(),
            template: self.template.clone(),
            is_watching,
            samples: samples::of,
        }
    }

    pub fn resolve(&self) -> Result<Resolved, Error> {
        let text = read_bounded(&self.template, TEMPLATE_BYTES_MAX).map_err(|reason| {
            Error::Unreadable(anyhow::anyhow!("{}: {reason}", self.template.display()))
        })?;
        let files = RefCell::new(BTreeSet::from([self.template.clone()]));
        let read = |path: &str| {
            let path = self.directory().join(path);
            files
                .borrow_mut()
                .insert(path.canonicalize().unwrap_or_else(|_| path.clone()));
            read_bounded(&path, DEFINITION_BYTES_MAX)
        };
        let file_name = self
            .template
            .file_name()
            .unwrap_or_default()
            .to_string_lossy();
        let options = Options {
            file_name: &file_name,
            parameters: self.parameters.clone(),
            region: &self.region,
            account: &self.account,
            stack_name: &self.stack_name,
            assets: assets(&self.template),
        };
        let stack = stepwell_template::resolve(&text, &options, &read).map_err(Error::Problems)?;
        Ok(Resolved {
            stack,
            files: files.into_inner(),
        })
    }
}

/// Builds the functions of an application, and only those that a change concerns.
pub struct Builder {
    directory: PathBuf,
    stop: Stop,
    built: BTreeMap<String, Built>,
    layers: BTreeMap<String, Package>,
}

struct Built {
    function: Function,
    package: Result<Package, String>,
}

impl Builder {
    /// `directory`: where the template's paths start from. `stop` ends what is being built.
    pub fn new(directory: &Path, stop: Stop) -> Self {
        Self {
            directory: directory.to_path_buf(),
            stop,
            built: BTreeMap::new(),
            layers: BTreeMap::new(),
        }
    }

    /// Builds what is new, what changed in the template, what changed on disk and what failed the last time.
    ///
    /// Returns the logical ids of the functions that were built, in the order of the template.
    pub fn build(&mut self, functions: &[Function], changes: &Changes) -> Vec<String> {
        let due: Vec<&Function> = functions
            .iter()
            .filter(|function| self.is_due(function, changes))
            .collect();
        let packages = self.build_together(&due);
        let mut ids = Vec::new();
        for (function, package) in due.into_iter().zip(packages) {
            let function = function.clone();
            ids.push(function.logical_id.clone());
            self.built
                .insert(function.logical_id.clone(), Built { function, package });
        }
        self.built
            .retain(|id, _| functions.iter().any(|function| function.logical_id == *id));
        ids
    }

    /// One package for each function, in their order.
    fn build_together(&self, functions: &[&Function]) -> Vec<Result<Package, String>> {
        let queue = Mutex::new(functions.iter().enumerate());
        let installation = Installation::default();
        let done = Mutex::new(Vec::with_capacity(functions.len()));
        let threads = thread::available_parallelism()
            .map_or(1, NonZero::get)
            .min(BUILDS_MAX)
            .min(functions.len());
        thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| {
                    loop {
                        let next = queue
                            .lock()
                            .expect("invariant: taking the next never panics")
                            .next();
                        let Some((index, function)) = next else { break };
                        let package = package(&self.directory, function, &installation, &self.stop);
                        done.lock()
                            .expect("invariant: pushing never panics")
                            .push((index, package));
                    }
                });
            }
        });
        let mut done = done
            .into_inner()
            .expect("invariant: every thread has ended without a panic");
        done.sort_by_key(|(index, _)| *index);
        done.into_iter().map(|(_, package)| package).collect()
    }

    /// Tells what the builds of these functions warned of and why they failed; returns whether any did.
    ///
    /// Functions that failed for one reason, such as a bundler that is missing, are told together.
    pub fn tell(&self, logical_ids: &[String], report: Report) -> bool {
        let mut failures: Vec<(&str, Vec<&str>)> = Vec::new();
        for id in logical_ids {
            for warning in self.warnings(id) {
                report.warning(&format!("function {id}: {warning}"));
            }
            let Some(reason) = self.failure(id) else {
                continue;
            };
            match failures.iter_mut().find(|(known, _)| *known == reason) {
                Some((_, ids)) => ids.push(id),
                None => failures.push((reason, vec![id])),
            }
        }
        for (reason, ids) in &failures {
            let ids: Vec<String> = ids.iter().map(|id| self.located(id)).collect();
            let noun = if ids.len() == 1 {
                "function"
            } else {
                "functions"
            };
            report.failure(&format!("{noun} {}", ids.join(", ")), reason);
        }
        !failures.is_empty()
    }

    /// `Id (template.yaml:12)`.
    fn located(&self, logical_id: &str) -> String {
        match self.built.get(logical_id) {
            Some(built) => {
                let location = &built.function.location;
                format!("{logical_id} ({}:{})", location.file, location.line)
            }
            None => logical_id.to_owned(),
        }
    }

    /// Whether building was ended from outside.
    pub fn is_stopped(&self) -> bool {
        self.stop.is_stopped()
    }

    fn failure(&self, logical_id: &str) -> Option<&str> {
        self.built
            .get(logical_id)?
            .package
            .as_ref()
            .err()
            .map(String::as_str)
    }

    fn warnings(&self, logical_id: &str) -> &[String] {
        self.built
            .get(logical_id)
            .and_then(|built| built.package.as_ref().ok())
            .map(|package| package.warnings.as_slice())
            .unwrap_or_default()
    }

    /// The application as far as it could be built: functions that failed are left out.
    pub fn application(&self, source: &Source, stack: &Stack) -> Application {
        let functions = stack.functions.iter().filter_map(|function| {
            let package = self
                .built
                .get(&function.logical_id)?
                .package
                .as_ref()
                .ok()?;
            Some(deployable(function, package))
        });
        Application {
            functions: functions.collect(),
            state_machines: stack
                .state_machines
                .iter()
                .map(deployable_machine)
                .collect(),
            companions: stack
                .companions
                .iter()
                .filter_map(|companion| {
                    let package = self.layers.get(&companion.logical_id);
                    if companion.kind == LAYER && package.is_none() {
                        return None;
                    }
                    Some(Beside {
                        companion: companion.clone(),
                        package: package
                            .map(|package| (Arc::clone(&package.zip), package.code_sha256.clone())),
                    })
                })
                .collect(),
            order: stack.order.clone(),
            retained: stack.retained.clone(),
            owner: Owner {
                stack_name: source.stack_name.clone(),
                region: source.region.clone(),
                account: source.account.clone(),
            },
            outputs: stack
                .outputs
                .iter()
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect(),
        }
    }

    /// Packages the layers; tells why one cannot be, and returns whether any could not.
    pub fn build_layers(&mut self, stack: &Stack, report: Report) -> bool {
        self.layers.clear();
        let mut has_failed = false;
        for companion in stack.companions.iter().filter(|one| one.kind == LAYER) {
            let content = companion.properties["Content"].as_str().unwrap_or_default();
            let packaged = match companion.properties["Content"].as_str() {
                Some(_) => packaging::layer(&self.directory.join(content)),
                None => Err("its content is in S3: name a local directory or zip file".to_owned()),
            };
            match packaged {
                Ok(package) => {
                    self.layers.insert(companion.logical_id.clone(), package);
                }
                Err(reason) => {
                    has_failed = true;
                    let location = &companion.location;
                    let subject = format!(
                        "layer {} ({}:{})",
                        companion.logical_id, location.file, location.line
                    );
                    report.failure(&subject, &reason);
                }
            }
        }
        has_failed
    }

    /// Every file the packages were made from.
    pub fn inputs(&self) -> BTreeSet<PathBuf> {
        self.built
            .values()
            .filter_map(|built| built.package.as_ref().ok())
            .chain(self.layers.values())
            .flat_map(|package| package.inputs.iter().cloned())
            .collect()
    }

    /// Whether a saved file can change what is built.
    pub fn is_concerned(&self, changes: &Changes) -> bool {
        let is_layer =
            |package: &Package| changes.paths.iter().any(|path| package.is_made_of(path));
        changes.is_everything
            || self.layers.values().any(is_layer)
            || self
                .built
                .values()
                .any(|built| self.is_stale(built, changes))
    }

    fn is_due(&self, function: &Function, changes: &Changes) -> bool {
        let Some(built) = self.built.get(&function.logical_id) else {
            return true;
        };
        let is_other = (
            &built.function.code,
            &built.function.build,
            &built.function.handler,
        ) != (&function.code, &function.build, &function.handler);
        is_other || changes.is_everything || self.is_stale(built, changes)
    }

    fn is_stale(&self, built: &Built, changes: &Changes) -> bool {
        let has_settings_changed = || changes.paths.iter().any(|path| is_build_setting(path));
        match &built.package {
            // What would mend a failed build is not known, so any source is tried.
            Err(_) => changes.paths.iter().any(|path| is_source(path)) || has_settings_changed(),
            Ok(package) => {
                changes.paths.iter().any(|path| package.is_made_of(path)) || has_settings_changed()
            }
        }
    }
}

/// What of a stack a server refuses: what it is of, and why.
pub fn shortfalls(stack: &Stack) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for function in &stack.functions {
        if !stepwell_functions::runs_here(&function.runtime) {
            let reason = format!(
                "runtime {} cannot run here: nodejsN.x, python3.N and provided.* can",
                function.runtime
            );
            found.push((format!("function {}", function.logical_id), reason));
        }
    }
    found
}

/// A text in which what only the server gives is replaced by something of its form.
pub fn with_stand_ins(text: &str) -> String {
    let stand_in = |id: &str, attribute: &str| {
        Some(match attribute {
            "FunctionUrl" | "ApiEndpoint" => format!("https://{id}.example/"),
            "Version" => "1".to_owned(),
            "Ref" | "Arn" | "FunctionArn" | "AliasArn" | "LayerVersionArn" => {
                format!("arn:aws:lambda:us-east-1:123456789012:function:{id}:1")
            }
            _ => id.to_owned(),
        })
    };
    stepwell_template::fill(text, &stand_in)
}

fn package(
    directory: &Path,
    function: &Function,
    installation: &Installation,
    stop: &Stop,
) -> Result<Package, String> {
    match &function.code {
        Code::Directory(code) => packaging::directory(&packaging::Source {
            project: directory,
            directory: &directory.join(code),
            handler: &function.handler,
            build: function
                .build
                .as_ref()
                .map(|build| (build.method.as_str(), &build.properties)),
            installation,
            stop,
        }),
        Code::ZipFile(path) => packaging::archive(&directory.join(path)),
        Code::Inline(source) => packaging::inline(source, &function.runtime),
        Code::S3 { bucket, key, .. } => Err(format!(
            "code in S3 (s3://{bucket}/{key}) is not supported: name a local directory or zip file"
        )),
    }
}

fn deployable(function: &Function, package: &Package) -> plan::Function {
    let tracing = match function.tracing {
        Tracing::Active => "Active",
        Tracing::PassThrough => "PassThrough",
    };
    let mut configuration = Map::new();
    let mut set = |member: &str, value: Value| configuration.insert(member.to_owned(), value);
    set("Runtime", json!(function.runtime));
    set("Role", json!(function.role));
    set("Handler", json!(function.handler));
    set("Timeout", json!(function.timeout_seconds));
    set("MemorySize", json!(function.memory_mb));
    set("Environment", json!({ "Variables": function.environment }));
    set("TracingConfig", json!({ "Mode": tracing }));
    set("Architectures", json!(function.architectures));
    set(
        "Description",
        json!(function.description.clone().unwrap_or_default()),
    );
    if !function.tags.is_empty() {
        set("Tags", json!(function.tags));
    }
    if !function.layers.is_empty() {
        set("Layers", json!(function.layers));
    }
    if let Some(count) = function.reserved_concurrency {
        set("ReservedConcurrentExecutions", json!(count));
    }
    configuration.extend(function.more.clone());
    plan::Function {
        logical_id: function.logical_id.clone(),
        name: function.name.clone(),
        arn: function.arn.clone(),
        configuration,
        package: Arc::clone(&package.zip),
        code_sha256: package.code_sha256.clone(),
    }
}

fn deployable_machine(machine: &stepwell_template::StateMachine) -> plan::StateMachine {
    let kind = match machine.kind {
        Kind::Standard => "STANDARD",
        Kind::Express => "EXPRESS",
    };
    plan::StateMachine {
        logical_id: machine.logical_id.clone(),
        name: machine.name.clone(),
        arn: machine.arn.clone(),
        definition: machine.definition.clone(),
        kind: kind.to_owned(),
        role_arn: machine.role_arn.clone(),
        logging: machine.logging.clone(),
        tracing: machine.tracing_enabled.then(|| json!({ "enabled": true })),
        tags: machine.tags.clone(),
    }
}

fn is_source(path: &Path) -> bool {
    let extension = path.extension().unwrap_or_default().to_string_lossy();
    matches!(
        extension.as_ref(),
        "ts" | "tsx" | "mts" | "cts" | "js" | "jsx" | "mjs" | "cjs" | "json" | "zip"
    )
}

fn is_build_setting(path: &Path) -> bool {
    path.file_name()
        .is_some_and(|name| BUILD_SETTINGS.iter().any(|setting| name == *setting))
}

/// AWS: a stack name is letters, digits and hyphens, and starts with a letter.
fn stack_name_of(directory: &str) -> String {
    let name: String = directory
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .collect();
    let name = name.trim_matches('-');
    if name.starts_with(|c: char| c.is_ascii_alphabetic()) {
        name.chars().take(64).collect()
    } else {
        format!("stack-{name}").trim_end_matches('-').to_owned()
    }
}

fn read_bounded(path: &Path, bytes_max: usize) -> Result<String, String> {
    let length = fs::metadata(path)
        .map_err(|reason| reason.to_string())?
        .len();
    if length > bytes_max as u64 {
        return Err(format!("{length} bytes, at most {bytes_max} are allowed"));
    }
    fs::read_to_string(path).map_err(|reason| reason.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_name_becomes_a_stack_name() {
        for (directory, name) in [
            ("order-processing", "order-processing"),
            ("My App_2", "My-App-2"),
            ("2024", "stack-2024"),
            ("", "stack"),
            ("été", "t"),
        ] {
            assert_eq!(stack_name_of(directory), name, "{directory}");
        }
    }

    #[test]
    fn a_directory_without_a_template_says_what_is_looked_for() {
        let error = find_template(Path::new(env!("CARGO_MANIFEST_DIR")))
            .err()
            .map(|error| error.to_string())
            .unwrap_or_default();
        assert!(
            error.contains("has no template.yaml, template.yml, template.json"),
            "{error}"
        );
    }
}
