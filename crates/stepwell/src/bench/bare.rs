//! The bare Runtime API loop: a function called without store, state machine or HTTP endpoint.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use stepwell_functions::{
    Configuration, Invocation, PackageId, PackageSource, Pool, PoolOptions, package,
};

/// Invocations that warm each environment before the clock runs.
const WARM_UP: usize = 20;

/// Invocations a second of the function in `zip`, from as many callers as there are clients.
pub fn rate(zip: &[u8], cache: &Path, clients: usize, time: Duration) -> anyhow::Result<f64> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let pool = Pool::new(PoolOptions::new(cache.to_path_buf(), Arc::new(drop)))?;
        let configuration = Arc::new(configuration(package::id(zip)));
        let source: Arc<dyn PackageSource> = Arc::new(OnePackage(zip.to_vec()));
        let calls = Arc::new(AtomicU64::new(0));
        run(&pool, &configuration, &source, clients, None, &calls).await?;
        calls.store(0, Ordering::Relaxed);
        let began = Instant::now();
        run(
            &pool,
            &configuration,
            &source,
            clients,
            Some((began, time)),
            &calls,
        )
        .await?;
        let rate = calls.load(Ordering::Relaxed) as f64 / began.elapsed().as_secs_f64();
        pool.shutdown().await;
        Ok(rate)
    })
}

async fn run(
    pool: &Pool,
    configuration: &Arc<Configuration>,
    source: &Arc<dyn PackageSource>,
    clients: usize,
    until: Option<(Instant, Duration)>,
    calls: &Arc<AtomicU64>,
) -> anyhow::Result<()> {
    let callers = (0..clients).map(|_| {
        let (pool, configuration, source, calls) = (
            pool.clone(),
            Arc::clone(configuration),
            Arc::clone(source),
            Arc::clone(calls),
        );
        tokio::spawn(async move {
            for number in 0u64.. {
                let is_over = match until {
                    Some((began, time)) => began.elapsed() >= time,
                    None => number >= WARM_UP as u64,
                };
                if is_over {
                    break;
                }
                let invocation = Invocation {
                    request_id: format!("00000000-0000-4000-8000-{number:012x}"),
                    function_arn: configuration.function_arn.clone(),
                    payload: "{}".into(),
                    trace_id: None,
                    has_segment: false,
                    client_context: None,
                    log_tail: false,
                    stream: None,
                };
                pool.invoke(&configuration, source.clone(), invocation)
                    .await?;
                calls.fetch_add(1, Ordering::Relaxed);
            }
            Ok::<(), stepwell_functions::InvokeError>(())
        })
    });
    for caller in callers.collect::<Vec<_>>() {
        caller.await??;
    }
    Ok(())
}

struct OnePackage(Vec<u8>);

impl PackageSource for OnePackage {
    fn zip(&self, _id: &PackageId) -> std::io::Result<bytes::Bytes> {
        Ok(bytes::Bytes::copy_from_slice(&self.0))
    }
}

fn configuration(package: PackageId) -> Configuration {
    Configuration {
        function_arn: "arn:aws:lambda:us-east-1:123456789012:function:bare".to_owned(),
        function_name: "bare".to_owned(),
        version: "$LATEST".to_owned(),
        runtime: "nodejs20.x".to_owned(),
        handler: "index.handler".to_owned(),
        timeout: Duration::from_secs(30),
        memory_mb: 128,
        environment: Default::default(),
        package,
        revision: "bench".to_owned(),
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
