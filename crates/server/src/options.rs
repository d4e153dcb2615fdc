//! What a server is told when it starts, and whether that can be.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use stepwell_service::retention;

use crate::access::AccessKey;
use crate::console::Asset;
use crate::console::project::Project;
use crate::endpoints::{ENDPOINTS_MAX, check_endpoint};
use crate::inspection::Inspection;
use crate::limits::Limits;
use crate::mask::Mask;
use crate::otlp::OtlpOptions;
use crate::server::Error;

/// What a server is told when it starts.
#[derive(Debug, Clone)]
pub struct Options {
    /// Port 0 takes a free one.
    pub listen: SocketAddr,
    /// Everything durable and every cache is below this directory.
    pub data: PathBuf,
    pub region: String,
    /// Twelve digits.
    pub account: String,
    pub lost_task: LostTask,
    /// Whether a role that does not exist is refused where AWS refuses it.
    pub checks_roles: bool,
    /// How long executions are kept after their end, in milliseconds, where their state machine does not say; `None`: for good.
    pub retention_ms: retention::Period,
    /// Whether functions run in namespaces of their own; this program must call `stepwell_functions::sandbox::run`.
    pub sandbox: bool,
    /// A control group that is delegated to this process.
    pub control_group: Option<PathBuf>,
    /// How long [`Server::stop`] still serves everything, while it says that it is not ready.
    pub drain_for: Duration,
    /// How long [`Server::stop`] waits then for calls and requests in flight.
    pub stop_within: Duration,
    /// How much the server takes on.
    pub limits: Limits,
    /// Where services are that this server does not serve: service id, as in `AWS_ENDPOINT_URL_<ID>` but lower case, to URL.
    pub endpoints: BTreeMap<String, String>,
    /// Whether and where functions can be debugged.
    pub inspection: Option<Inspection>,
    /// How OpenTelemetry is sent on and taken.
    pub otlp: OtlpOptions,
    /// The files of the console; none where it was not built.
    pub console: &'static [Asset],
    /// The application that the server is started for, for the console's start page.
    pub project: Option<Project>,
    /// Names that the server is called by beside addresses and local names, such as that of a proxy in front.
    pub hosts: Vec<String>,
    /// Files that functions in a sandbox do not see, beside the data directory.
    pub hidden_files: Vec<PathBuf>,
    /// Whose requests are answered; none: anybody's.
    pub access_keys: Vec<AccessKey>,
    /// Fields that pages do not get.
    pub mask: Mask,
    /// Where segments of X-Ray are taken, on the loopback interface; `None`: 2000, or another one if that is in use.
    pub trace_port: Option<u16>,
}

/// What happens to a task whose outcome a crash has made unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LostTask {
    /// It fails with a retryable service error; the definition's Retry decides.
    Fail,
    /// It is called again.
    Retry,
}
/// Why a server cannot be what its options say.
pub(crate) fn check(options: &Options) -> Result<(), Error> {
    for host in &options.hosts {
        let is_name = !host.is_empty()
            && host.len() <= 253
            && host
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b".-".contains(&byte));
        if !is_name {
            let text = format!(
                "the host '{host}' is not a name without a port, such as flows.example.com"
            );
            return Err(Error::Setting(text));
        }
    }
    let mut ids = BTreeSet::new();
    for key in &options.access_keys {
        key.check().map_err(Error::Setting)?;
        if !ids.insert(&key.id) {
            let text = format!("the access key {} is there twice", key.id);
            return Err(Error::Setting(text));
        }
    }
    let is_account =
        options.account.len() == 12 && options.account.bytes().all(|byte| byte.is_ascii_digit());
    if !is_account {
        return Err(Error::Setting(format!(
            "the account '{}' is not twelve digits",
            options.account
        )));
    }
    if options.endpoints.len() > ENDPOINTS_MAX {
        return Err(Error::Setting(format!(
            "{} endpoints, at most {ENDPOINTS_MAX} are allowed",
            options.endpoints.len()
        )));
    }
    for (id, url) in &options.endpoints {
        check_endpoint(id, url).map_err(Error::Setting)?;
    }
    let is_region = !options.region.is_empty()
        && options
            .region
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if !is_region {
        return Err(Error::Setting(format!(
            "the region '{}' has characters other than letters, digits and '-'",
            options.region
        )));
    }
    Ok(())
}
