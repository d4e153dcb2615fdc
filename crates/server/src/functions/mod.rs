//! Lambda operations, and running a function.

mod code;
mod invoke;
mod operations;
mod prepared;
mod task;
mod tracing;
mod urls;

pub(crate) use invoke::unrun_error;
pub(crate) use task::Unanswered;
pub(crate) use tracing::FunctionSampler;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use stepwell_api::lambda;
use stepwell_functions::{
    Configuration, Invocation, InvokeError, InvokeReply, LogFormat, LogLevel, Logging, PackageId,
    PackageSource, Pool,
};
use stepwell_service::{Invocable, Refusal};
use stepwell_store::Error as StoreError;

use crate::access::Access;
use crate::observers::{Asynchronous, InvocationReport, Observers, Outcome};
use crate::shard::{Handle, entropy, now};
use prepared::Prepared;
pub(crate) use prepared::PreparedFunctions;

/// What running functions needs. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Functions {
    pub(crate) handle: Handle,
    pub(crate) pool: Pool,
    /// Where handlers reach this server.
    pub(crate) endpoint_url: String,
    pub(crate) access: Arc<Access>,
    pub(crate) prepared: Arc<PreparedFunctions>,
    pub(crate) observers: Observers,
    pub(crate) function_sampler: Arc<FunctionSampler>,
}

/// Packages as the store has them.
struct StoredPackages(Handle);

impl PackageSource for StoredPackages {
    fn zip(&self, id: &PackageId) -> Result<Bytes, std::io::Error> {
        self.0
            .reader()
            .package(id.as_str())
            .map(Bytes::from)
            .map_err(|error| std::io::Error::other(error.to_string()))
    }
}

/// Why a function could not be run.
#[derive(Debug)]
pub(crate) enum Unrun {
    Refused(lambda::Error),
    Pool(InvokeError),
    Store(StoreError),
}

impl Functions {
    /// Runs a function and waits for its reply.
    ///
    /// - `function`: name, partial ARN or ARN.
    pub(crate) async fn invoke(
        &self,
        function: &str,
        qualifier: Option<&str>,
        invocation: Invocation,
    ) -> Result<InvokeReply, Unrun> {
        self.invoke_unless(function, qualifier, invocation, std::future::pending())
            .await
    }

    /// As [`Functions::invoke`], but if `revoked` ends before the function has a place to run in, it never runs.
    pub(crate) async fn invoke_unless(
        &self,
        function: &str,
        qualifier: Option<&str>,
        invocation: Invocation,
        revoked: impl Future<Output = ()> + Send,
    ) -> Result<InvokeReply, Unrun> {
        let prepared = self.prepare(function, qualifier)?;
        self.run(&prepared, invocation, None, revoked).await
    }

    /// Runs a function with an event that was queued for it.
    pub(crate) async fn invoke_queued(
        &self,
        function: &str,
        invocation: Invocation,
        queued: Asynchronous,
    ) -> Result<InvokeReply, Unrun> {
        // The ARN has the qualifier in it.
        let prepared = self.prepare(function, None)?;
        let forever = std::future::pending();
        self.run(&prepared, invocation, Some(queued), forever).await
    }

    /// Runs a function and tells the observers how it went.
    async fn run(
        &self,
        prepared: &Prepared,
        mut invocation: Invocation,
        asynchronous: Option<Asynchronous>,
        revoked: impl Future<Output = ()> + Send,
    ) -> Result<InvokeReply, Unrun> {
        let asked = now();
        let request_id = invocation.request_id.clone();
        let attempt = asynchronous.map(|asynchronous| asynchronous.attempt);
        let trace = self.trace(prepared, invocation.trace_id.take(), &request_id, attempt);
        invocation.trace_id = trace.of_handler;
        invocation.has_segment = trace.has_segments;
        let trace_header = trace.of_caller;
        // What the caller named may be a name alone.
        invocation.function_arn = prepared.invoked_arn.clone();
        let packages = Arc::clone(&prepared.packages);
        let function = &prepared.configuration.function_name;
        let going_on = self.observers.concurrency().begin(function);
        let invoked = self
            .pool
            .invoke_unless(&prepared.configuration, packages, invocation, revoked)
            .await;
        if let Some(outcome) = Outcome::of(&invoked) {
            self.observers.invoked(InvocationReport {
                request_id,
                configuration: Arc::clone(&prepared.configuration),
                is_traced: prepared.is_traced,
                invoked_arn: prepared.invoked_arn.clone(),
                qualifier: prepared.qualifier.clone(),
                trace_header,
                asked,
                asynchronous,
                concurrency: going_on.at_begin(),
                outcome,
            });
        }
        invoked.map_err(Unrun::Pool)
    }

    /// Has the pool keep ready what is provisioned for a version; nothing if the version is gone.
    pub(crate) fn provision(&self, function: &str, version: &str) {
        let Ok(invocable) = self.invocable(function, Some(version)) else {
            return;
        };
        let configuration = Arc::new(self.configuration(invocable));
        let packages: Arc<dyn PackageSource> = Arc::new(StoredPackages(self.handle.clone()));
        self.pool.provision(&configuration, packages);
    }

    /// As [`Functions::provision`], for everything that was provisioned before this start.
    pub(crate) fn provision_all(&self) {
        // A store that cannot be read tells whoever invokes.
        if let Ok(Ok(versions)) = self.handle.reader().provisioned_versions() {
            for (function, version) in versions {
                self.provision(&function, &version);
            }
        }
    }

    /// What an invocation of a function, version or alias runs now.
    pub(crate) fn invocable(
        &self,
        function: &str,
        qualifier: Option<&str>,
    ) -> Result<Invocable, Unrun> {
        let reader = self.handle.reader();
        match reader.invocable(function, qualifier, draw()) {
            Ok(Ok(invocable)) => Ok(invocable),
            Ok(Err(Refusal::Lambda(error))) => Err(Unrun::Refused(error)),
            Ok(Err(_)) => unreachable!("looking a function up is Lambda's"),
            Err(error) => Err(Unrun::Store(error)),
        }
    }

    /// Names of functions, about `limit` at most.
    pub(crate) fn names(&self, limit: usize) -> Vec<String> {
        let reader = self.handle.reader();
        let mut names = Vec::new();
        let mut request = lambda::ListFunctionsRequest::default();
        // A store that cannot be read is told by whoever asks it for something.
        while let Ok(Ok(page)) = tokio::task::block_in_place(|| reader.list_functions(&request)) {
            let rows = page.functions.unwrap_or_default();
            names.extend(rows.into_iter().filter_map(|row| row.function_name));
            request.marker = page.next_marker;
            if request.marker.is_none() || names.len() >= limit {
                break;
            }
        }
        names
    }

    /// Starts an environment of a function that nobody invokes yet.
    pub(crate) fn start_for_debugger(&self, function: &str) {
        // A function that has just been deleted has nothing to debug.
        let Ok(invocable) = self.invocable(function, None) else {
            return;
        };
        let mut configuration = self.configuration(invocable);
        configuration.provisioned_concurrency = Some(1);
        let packages: Arc<dyn PackageSource> = Arc::new(StoredPackages(self.handle.clone()));
        self.pool.provision(&Arc::new(configuration), packages);
    }

    fn configuration(&self, invocable: Invocable) -> Configuration {
        let row = invocable.row;
        let invocations_per_environment = row.invocations_per_environment();
        let settings = self.handle.settings();
        let own_group = format!("/aws/lambda/{}", row.name);
        let named_group = row.logging.as_ref().and_then(|it| it.log_group.clone());
        let log_group = named_group.filter(|group| *group != own_group);
        Configuration {
            function_arn: row.arn,
            function_name: row.name,
            version: row.version,
            runtime: row.runtime.unwrap_or_default(),
            handler: row.handler.unwrap_or_default(),
            timeout: Duration::from_secs(u64::from(row.timeout_seconds.unsigned_abs())),
            memory_mb: u32::try_from(row.memory_mb).unwrap_or(u32::MAX),
            environment: row.environment,
            package: package_id(&row.package),
            revision: row.revision_id,
            region: settings.region.clone(),
            account: settings.account.clone(),
            endpoint_url: Some(self.endpoint_url.clone()),
            layers: row
                .layers
                .iter()
                .map(|layer| package_id(&layer.package))
                .collect(),
            ephemeral_storage_mb: u32::try_from(row.ephemeral_mb)
                .unwrap_or(stepwell_functions::EPHEMERAL_STORAGE_MB),
            log_group,
            logging: logging(row.logging.unwrap_or_default()),
            role_arn: (!row.role.is_empty()).then_some(row.role),
            reserved_concurrency: invocable.reserved_concurrency,
            provisioned_concurrency: invocable.provisioned_concurrency,
            invocations_per_environment,
        }
    }
}

fn logging(given: lambda::LoggingConfig) -> Logging {
    let level = |word: Option<String>| word.and_then(|word| LogLevel::parse(&word));
    Logging {
        format: match given.log_format.as_deref() {
            Some("JSON") => LogFormat::Json,
            _ => LogFormat::Text,
        },
        application_level: level(given.application_log_level).unwrap_or_default(),
        system_level: level(given.system_log_level).unwrap_or_default(),
    }
}

fn package_id(text: &str) -> PackageId {
    PackageId::parse(text).expect("a stored package is named by its SHA-256")
}

fn draw() -> u64 {
    let [a, b, c, d, e, f, g, h, ..] = entropy();
    u64::from_be_bytes([a, b, c, d, e, f, g, h])
}
