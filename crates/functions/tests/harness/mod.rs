//! A pool with packages made in the test, and everything its functions log.
#![allow(dead_code, reason = "each test program uses its own part")]

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;
use stepwell_functions::{
    Configuration, FunctionError, Invocation, InvokeError, InvokeReply, LogLine, PackageId,
    PackageSource, Pool, PoolOptions, package,
};

pub struct World {
    pub pool: Pool,
    pub packages: Arc<Packages>,
    pub logs: Arc<Mutex<Vec<LogLine>>>,
    pub cache: tempfile::TempDir,
}

#[derive(Default)]
pub struct Packages(pub Mutex<BTreeMap<PackageId, Bytes>>);

impl PackageSource for Packages {
    fn zip(&self, id: &PackageId) -> io::Result<Bytes> {
        self.0
            .lock()
            .unwrap()
            .get(id)
            .cloned()
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

impl World {
    pub fn new() -> World {
        World::with(|_| {})
    }

    pub fn with(change: impl FnOnce(&mut PoolOptions)) -> World {
        let cache = tempfile::tempdir().unwrap();
        let logs = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&logs);
        let sink = Arc::new(move |line: LogLine| {
            kept.lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(line)
        });
        let mut options = PoolOptions::new(cache.path().to_owned(), sink);
        change(&mut options);
        World {
            pool: Pool::new(options).unwrap(),
            packages: Arc::default(),
            logs,
            cache,
        }
    }

    /// A nodejs20.x function of these files; handler `index.handler`.
    pub fn function(&self, files: &[(&str, &str)]) -> Configuration {
        let files: Vec<_> = files
            .iter()
            .map(|(name, text)| (*name, text.as_bytes()))
            .collect();
        let zip = package::zip_files(&files).unwrap();
        self.function_of_zip(zip)
    }

    pub fn function_of_zip(&self, zip: Vec<u8>) -> Configuration {
        let id = package::id(&zip);
        self.packages
            .0
            .lock()
            .unwrap()
            .insert(id.clone(), zip.into());
        Configuration {
            function_arn: format!(
                "arn:aws:lambda:us-east-1:123456789012:function:f-{}",
                &id.as_str()[..8]
            ),
            function_name: format!("f-{}", &id.as_str()[..8]),
            version: "$LATEST".to_owned(),
            runtime: "nodejs20.x".to_owned(),
            handler: "index.handler".to_owned(),
            timeout: Duration::from_secs(30),
            memory_mb: 256,
            environment: BTreeMap::new(),
            package: id,
            revision: "1".to_owned(),
            region: "us-east-1".to_owned(),
            account: "123456789012".to_owned(),
            endpoint_url: None,
            layers: Vec::new(),
            ephemeral_storage_mb: stepwell_functions::EPHEMERAL_STORAGE_MB,
            logging: stepwell_functions::Logging::default(),
            log_group: None,
            role_arn: None,
            reserved_concurrency: None,
            provisioned_concurrency: None,
            invocations_per_environment: 1,
        }
    }

    /// A function of one CommonJS file.
    pub fn code(&self, text: &str) -> Configuration {
        self.function(&[("index.js", text)])
    }

    pub async fn invoke(
        &self,
        configuration: &Configuration,
        payload: &str,
    ) -> Result<InvokeReply, InvokeError> {
        self.invoke_as(configuration, payload, "r-1").await
    }

    pub async fn invoke_as(
        &self,
        configuration: &Configuration,
        payload: &str,
        request_id: &str,
    ) -> Result<InvokeReply, InvokeError> {
        let invocation = invocation(payload, request_id);
        self.pool
            .invoke(
                &Arc::new(configuration.clone()),
                self.packages.clone(),
                invocation,
            )
            .await
    }

    /// The payload of a success.
    pub async fn succeed(&self, configuration: &Configuration, payload: &str) -> Value {
        let reply = self.invoke(configuration, payload).await.unwrap();
        assert_eq!(reply.function_error, None, "{}", text(&reply));
        serde_json::from_slice(&reply.payload).unwrap()
    }

    /// The payload of a failure.
    pub async fn fail(&self, configuration: &Configuration, payload: &str) -> Value {
        let reply = self.invoke(configuration, payload).await.unwrap();
        assert_eq!(
            reply.function_error,
            Some(FunctionError::Unhandled),
            "{}",
            text(&reply)
        );
        serde_json::from_slice(&reply.payload).unwrap()
    }

    pub fn lines(&self) -> Vec<LogLine> {
        self.logs.lock().unwrap().clone()
    }

    pub fn log(&self) -> Vec<String> {
        self.logs
            .lock()
            .unwrap()
            .iter()
            .map(|line| line.text.clone())
            .collect()
    }
}

pub fn invocation(payload: &str, request_id: &str) -> Invocation {
    Invocation {
        request_id: request_id.to_owned(),
        function_arn: FUNCTION_ARN.to_owned(),
        payload: Bytes::from(payload.to_owned()),
        trace_id: None,
        has_segment: false,
        client_context: None,
        log_tail: true,
        stream: None,
    }
}

pub fn text(reply: &InvokeReply) -> String {
    String::from_utf8_lossy(&reply.payload).into_owned()
}

/// What the handlers of these tests see as the ARN that was called.
pub const FUNCTION_ARN: &str = "arn:aws:lambda:us-east-1:123456789012:function:f:live";
