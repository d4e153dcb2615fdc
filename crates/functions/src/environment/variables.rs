//! The environment variables of a function's process: Lambda's, then the function's own, nothing of the server's.
//!
//! Source: docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html.

use std::collections::BTreeMap;
use std::path::Path;

use crate::configuration::Configuration;

/// The name of the log group AWS creates for a function.
pub(crate) fn log_group(function_name: &str) -> String {
    format!("/aws/lambda/{function_name}")
}

/// Variables for one environment. The function may replace the first group (unreserved ones, and the credentials, so
/// that it can be given real ones), never the second.
pub(crate) fn variables(
    configuration: &Configuration,
    task_root: &Path,
    runtime_directory: &Path,
    log_stream: &str,
    program: &Path,
    general: &BTreeMap<String, String>,
    scratch: &Path,
) -> BTreeMap<String, String> {
    let mut variables = BTreeMap::new();
    let mut set = |name: &str, value: &str| variables.insert(name.to_owned(), value.to_owned());
    set("LANG", "en_US.UTF-8");
    set("TZ", ":UTC");
    set("PATH", &path(program));
    set("TMPDIR", &scratch.to_string_lossy());
    set("AWS_XRAY_CONTEXT_MISSING", "LOG_ERROR");
    set("AWS_ACCESS_KEY_ID", "test");
    set("AWS_SECRET_ACCESS_KEY", "test");
    set("AWS_SESSION_TOKEN", "test");
    if let Some(url) = &configuration.endpoint_url {
        set("AWS_ENDPOINT_URL", url);
    }
    // Credentials come from these variables alone: no SDK asks the network for others.
    set("AWS_EC2_METADATA_DISABLED", "true");
    for (name, value) in general {
        set(name, value);
    }
    for (name, value) in &configuration.environment {
        set(name, value);
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
    set(
        "AWS_LAMBDA_LOG_GROUP_NAME",
        &log_group(&configuration.function_name),
    );
    set("AWS_LAMBDA_LOG_STREAM_NAME", log_stream);
    set("LAMBDA_TASK_ROOT", &task_root.to_string_lossy());
    set("LAMBDA_RUNTIME_DIR", &runtime_directory.to_string_lossy());
    variables
}

fn path(program: &Path) -> String {
    let own = program
        .parent()
        .map(|directory| directory.to_string_lossy().into_owned())
        .unwrap_or_default();
    let standard = ["/usr/local/bin", "/usr/bin", "/bin"];
    let own = if own.is_empty() || standard.contains(&own.as_str()) {
        None
    } else {
        Some(own.as_str())
    };
    own.into_iter()
        .chain(standard)
        .collect::<Vec<_>>()
        .join(":")
}
