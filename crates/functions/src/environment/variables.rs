//! The environment variables of a function's process: Lambda's, then the function's own, nothing of the server's.
//!
//! Source: docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::host::Place;
use super::runner::Runner;
use crate::configuration::{Configuration, Credentials, LogFormat};

/// The name of a function's log group. AWS: that of its own name until it is told otherwise.
pub(crate) fn log_group(configuration: &Configuration) -> String {
    match &configuration.log_group {
        Some(name) => name.clone(),
        None => format!("/aws/lambda/{}", configuration.function_name),
    }
}

/// Variables for one environment. The function may replace the first group (unreserved ones, and the credentials, so
/// that it can be given real ones), never the second.
pub(super) fn variables(
    place: &Place<'_>,
    runner: &Runner,
    general: &BTreeMap<String, String>,
    credentials: &Credentials,
) -> BTreeMap<String, String> {
    let configuration = place.configuration;
    let mut variables = BTreeMap::new();
    let mut set = |name: &str, value: &str| variables.insert(name.to_owned(), value.to_owned());
    set("LANG", "en_US.UTF-8");
    set("TZ", ":UTC");
    set("PATH", &path(&runner.program, place.code.opt()));
    if let Some(libraries) = libraries(place) {
        set("LD_LIBRARY_PATH", &libraries);
    }
    set("TMPDIR", &place.scratch.to_string_lossy());
    set("AWS_XRAY_CONTEXT_MISSING", "LOG_ERROR");
    // All of them or none: a key of the function's own has no session.
    let brings_key = |named: &BTreeMap<String, String>| named.contains_key("AWS_ACCESS_KEY_ID");
    if !brings_key(general) && !brings_key(&configuration.environment) {
        set("AWS_ACCESS_KEY_ID", &credentials.access_key_id);
        set("AWS_SECRET_ACCESS_KEY", &credentials.secret_access_key);
        set("AWS_SESSION_TOKEN", &credentials.session_token);
    }
    if let Some(url) = &configuration.endpoint_url {
        set("AWS_ENDPOINT_URL", url);
    }
    // Credentials come from these variables alone: no SDK asks the network for others.
    set("AWS_EC2_METADATA_DISABLED", "true");
    for (name, value) in general {
        set(name, value);
    }
    for (name, value) in &configuration.environment {
        if SEARCHED.contains(&name.as_str()) {
            // Written for Lambda, these name directories that are elsewhere here.
            set(name, &joined(value.split(':').map(|one| place.real(one))));
        } else {
            set(name, value);
        }
    }
    if let Some((name, directories)) = &runner.search {
        let own = configuration.environment.get(*name);
        let own = own.iter().flat_map(|own| own.split(':'));
        let all = own
            .map(|one| place.real(one))
            .chain(directories.iter().cloned());
        set(name, &joined(all));
    }
    if configuration.logging.format == LogFormat::Json {
        let level = configuration.logging.application_level;
        set("AWS_LAMBDA_LOG_FORMAT", "JSON");
        set("AWS_LAMBDA_LOG_LEVEL", level.as_str());
    }
    set("_HANDLER", &configuration.handler);
    set("AWS_REGION", &configuration.region);
    set("AWS_DEFAULT_REGION", &configuration.region);
    set(
        "AWS_EXECUTION_ENV",
        &format!("AWS_Lambda_{}", configuration.runtime),
    );
    set("AWS_LAMBDA_FUNCTION_NAME", &configuration.function_name);
    set(
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
        &configuration.memory_mb.to_string(),
    );
    set("AWS_LAMBDA_FUNCTION_VERSION", &configuration.version);
    set("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand");
    set("AWS_LAMBDA_LOG_GROUP_NAME", &log_group(configuration));
    set("AWS_LAMBDA_LOG_STREAM_NAME", place.log_stream);
    let concurrency = configuration.concurrency();
    if concurrency > 1 {
        // AWS: Lambda Managed Instances.
        set("AWS_LAMBDA_MAX_CONCURRENCY", &concurrency.to_string());
        set("AWS_LAMBDA_INITIALIZATION_TYPE", "lambda-managed-instances");
    }
    set(
        "LAMBDA_TASK_ROOT",
        &place.code.task_root().to_string_lossy(),
    );
    set(
        "LAMBDA_RUNTIME_DIR",
        &runner.runtime_directory.to_string_lossy(),
    );
    variables
}

/// The runtime's own directory, the system's, those of layers.
fn path(program: &Path, opt: Option<&Path>) -> String {
    let standard = ["/usr/local/bin", "/usr/bin", "/bin"].map(PathBuf::from);
    let own = program.parent().map(Path::to_owned);
    let own = own.filter(|own| !own.as_os_str().is_empty() && !standard.contains(own));
    let layers = opt.map(|opt| opt.join("bin"));
    joined(own.into_iter().chain(standard).chain(layers))
}

/// Where shared libraries are looked for; `None` if neither package nor layers bring any.
///
/// AWS sets it always. Here a function runs on the libraries of this machine, and only what it brings comes before.
fn libraries(place: &Place<'_>) -> Option<String> {
    let task_root = place.code.task_root();
    let opt = place.code.opt().map(|opt| opt.join("lib"));
    let directories = [Some(task_root.join("lib")), opt];
    let found: Vec<PathBuf> = directories
        .into_iter()
        .flatten()
        .filter(|directory| directory.is_dir())
        .collect();
    (!found.is_empty()).then(|| joined(found.into_iter()))
}

fn joined(directories: impl Iterator<Item = PathBuf>) -> String {
    directories
        .map(|directory| directory.to_string_lossy().into_owned())
        .collect::<Vec<_>>()
        .join(":")
}

/// Variables that are lists of directories.
const SEARCHED: [&str; 4] = ["PATH", "LD_LIBRARY_PATH", "NODE_PATH", "PYTHONPATH"];
