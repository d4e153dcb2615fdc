//! Measures warm invocations of a no-op Node handler: `cargo run --release -p stepwell-functions --example warm_calls`.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use stepwell_functions::{
    Configuration, Invocation, PackageId, PackageSource, Pool, PoolOptions, package,
};

struct One(Bytes);

impl PackageSource for One {
    fn zip(&self, _id: &PackageId) -> io::Result<Bytes> {
        Ok(self.0.clone())
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let cache = std::env::temp_dir().join("stepwell-warm-calls");
    let pool = Pool::new(PoolOptions::new(cache, Arc::new(|_| {})))?;
    let source = Arc::new(One(package::zip_files(&[(
        "index.js",
        b"exports.handler = async (event) => event",
    )])?
    .into()));
    let configuration = Arc::new(Configuration {
        function_arn: "arn:aws:lambda:us-east-1:123456789012:function:echo".to_owned(),
        function_name: "echo".to_owned(),
        version: "$LATEST".to_owned(),
        runtime: "nodejs20.x".to_owned(),
        handler: "index.handler".to_owned(),
        timeout: Duration::from_secs(3),
        memory_mb: 256,
        environment: BTreeMap::new(),
        package: package::id(&source.0),
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
    });
    let payload = Bytes::from(format!("{{\"order\":\"{}\"}}", "x".repeat(216)));
    for concurrency in [1, 2, 8] {
        for (name, calls) in [("warm up", 500), ("measured", 20_000 / concurrency)] {
            let started = Instant::now();
            let mut tasks = Vec::new();
            for _ in 0..concurrency {
                let (pool, source, configuration, payload) = (
                    pool.clone(),
                    Arc::clone(&source),
                    Arc::clone(&configuration),
                    payload.clone(),
                );
                tasks.push(tokio::spawn(async move {
                    for _ in 0..calls {
                        let invocation = Invocation {
                            request_id: "8476a536-e9f4-11e8-9739-2dfe598c3fcd".to_owned(),
                            function_arn: configuration.function_arn.clone(),
                            payload: payload.clone(),
                            trace_id: None,
                            has_segment: false,
                            client_context: None,
                            log_tail: false,
                            stream: None,
                        };
                        let reply = pool
                            .invoke(&configuration, source.clone(), invocation)
                            .await;
                        assert!(
                            reply.is_ok_and(|reply| reply.function_error.is_none()),
                            "the echo failed"
                        );
                    }
                }));
            }
            for task in tasks {
                task.await?;
            }
            if name == "measured" {
                let rate = f64::from(calls * concurrency) / started.elapsed().as_secs_f64();
                println!("{concurrency} at a time: {rate:.0} invocations/s");
            }
        }
    }
    pool.shutdown().await;
    Ok(())
}
