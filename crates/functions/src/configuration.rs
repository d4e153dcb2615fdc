use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Everything needed to run one version of a function.
///
/// Two configurations with the same `function_arn` and `revision` must be equal: warm environments are shared by
/// that pair alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Configuration {
    /// ARN without a qualifier: its versions share the reserved concurrency.
    pub function_arn: String,
    /// Name without path or qualifier.
    pub function_name: String,
    /// `$LATEST` or a published number.
    pub version: String,
    /// Identifier such as `nodejs22.x` or `provided.al2023`.
    pub runtime: String,
    /// `directory/file.export` for Node; free text for `provided`.
    pub handler: String,
    /// Longest time one invocation may take; AWS: 3 s by default, at most 900 s.
    pub timeout: Duration,
    /// Memory size in MiB, enforced on the resident set of the whole process.
    pub memory_mb: u32,
    /// The function's own environment variables.
    pub environment: BTreeMap<String, String>,
    /// The deployment package.
    pub package: PackageId,
    /// Layers, in the order in which they are unpacked; a later one replaces files of an earlier one.
    pub layers: Vec<PackageId>,
    /// Size of the temporary directory in MiB; AWS: 512 by default, at most 10,240.
    pub ephemeral_storage_mb: u32,
    /// Format and levels of the log.
    pub logging: Logging,
    /// Where the log goes; `None` means the group of the function's own name.
    pub log_group: Option<String>,
    /// Changes whenever code or configuration changes.
    pub revision: String,
    /// `AWS_REGION` of the handler.
    pub region: String,
    /// Account number, 12 digits.
    pub account: String,
    /// `AWS_ENDPOINT_URL` of the handler, so that its AWS SDK calls come back to us.
    pub endpoint_url: Option<String>,
    /// ARN of the role that the handler calls with, if it has one.
    pub role_arn: Option<String>,
    /// Most invocations of this function at one time; beyond it invocations are throttled at once.
    pub reserved_concurrency: Option<u32>,
    /// Environments of this revision that [`crate::Pool::provision`] keeps started; none when it is `None`.
    pub provisioned_concurrency: Option<u32>,
    /// Invocations that one environment may run at one time; at least 1. AWS: 1, more on Lambda Managed Instances.
    pub invocations_per_environment: u32,
}

/// What a handler signs its calls with.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// `AWS_ACCESS_KEY_ID`.
    pub access_key_id: String,
    /// `AWS_SECRET_ACCESS_KEY`.
    pub secret_access_key: String,
    /// `AWS_SESSION_TOKEN`.
    pub session_token: String,
}

/// The credentials of an environment of this configuration.
pub type CredentialSource = Arc<dyn Fn(&Configuration) -> Credentials + Send + Sync>;

impl Credentials {
    /// For a server that takes any: SDKs call nobody without some.
    pub fn placeholder() -> Credentials {
        Credentials {
            access_key_id: "test".to_owned(),
            secret_access_key: "test".to_owned(),
            session_token: "test".to_owned(),
        }
    }
}

impl Configuration {
    /// Invocations that one environment runs at one time: several with our own Node.js bootstrap only.
    pub(crate) fn concurrency(&self) -> u32 {
        match Runtime::parse(&self.runtime) {
            Some(Runtime::Node { .. }) => self.invocations_per_environment.max(1),
            _ => 1,
        }
    }
}

/// What `LoggingConfig` says, without the log group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Logging {
    /// `LogFormat`.
    pub format: LogFormat,
    /// `ApplicationLogLevel`: what the function logs below it is left out. AWS: with the format JSON only.
    pub application_level: LogLevel,
    /// `SystemLogLevel`: what the platform logs below it is left out. AWS: with the format JSON only.
    pub system_level: LogLevel,
}

/// How log events are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogFormat {
    /// Lines such as `START RequestId: ...`, and `console.*` with tabs between its fields.
    #[default]
    Text,
    /// One JSON object an event.
    Json,
}

/// A level of detail; the greater one says less.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum LogLevel {
    /// Application logs only.
    Trace,
    /// Details for finding faults.
    Debug,
    /// AWS's default.
    #[default]
    Info,
    /// What may go wrong later.
    Warn,
    /// Application logs only.
    Error,
    /// Application logs only.
    Fatal,
}

impl LogLevel {
    /// Parses AWS's word, such as `INFO`.
    pub fn parse(word: &str) -> Option<LogLevel> {
        LOG_LEVELS.into_iter().find(|level| level.as_str() == word)
    }

    /// AWS's word.
    pub fn as_str(self) -> &'static str {
        match self {
            LogLevel::Trace => "TRACE",
            LogLevel::Debug => "DEBUG",
            LogLevel::Info => "INFO",
            LogLevel::Warn => "WARN",
            LogLevel::Error => "ERROR",
            LogLevel::Fatal => "FATAL",
        }
    }
}

/// SHA-256 of a deployment package's zip bytes, as 64 lower-case hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PackageId(String);

impl PackageId {
    /// Parses 64 hexadecimal digits; `None` for anything else, so that an id is always safe as a directory name.
    pub fn parse(text: &str) -> Option<PackageId> {
        let is_id = text.len() == 64
            && text
                .bytes()
                .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        is_id.then(|| PackageId(text.to_owned()))
    }

    /// The 64 digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PackageId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// The kinds of runtime that can be run here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Runtime {
    /// `nodejsN.x`.
    Node { major: u32 },
    /// `python3.N`.
    Python { minor: u32 },
    /// `provided.*`: the package brings an executable `bootstrap`.
    Provided,
}

/// Whether functions of a runtime can run here, by its identifier such as `nodejs20.x`.
pub fn runs_here(runtime: &str) -> bool {
    Runtime::parse(runtime).is_some()
}

impl Runtime {
    pub(crate) fn parse(identifier: &str) -> Option<Runtime> {
        if identifier == "provided" || identifier.starts_with("provided.") {
            return Some(Runtime::Provided);
        }
        if let Some(minor) = identifier.strip_prefix("python3.") {
            return minor.parse().ok().map(|minor| Runtime::Python { minor });
        }
        let major = identifier
            .strip_prefix("nodejs")?
            .strip_suffix(".x")?
            .parse()
            .ok()?;
        Some(Runtime::Node { major })
    }
}

/// All levels, the most talkative one first.
const LOG_LEVELS: [LogLevel; 6] = [
    LogLevel::Trace,
    LogLevel::Debug,
    LogLevel::Info,
    LogLevel::Warn,
    LogLevel::Error,
    LogLevel::Fatal,
];
/// AWS: the size of `/tmp` of a function that does not say (Lambda quotas).
pub const EPHEMERAL_STORAGE_MB: u32 = 512;
