//! Debugging functions: every function has its port as soon as it is there.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

pub use stepwell_functions::Inspection as Ports;

use crate::functions::Functions;

/// How often it is looked for new functions. A person who wants to debug one takes longer.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// Functions that get a port; others run and cannot be debugged.
const FUNCTIONS_MAX: usize = 1_000;

/// How functions are debugged, and who is told.
#[derive(Debug, Clone, Copy)]
pub struct Inspection {
    pub ports: Ports,
    /// Told once a function: its port, or why it has none.
    pub told: fn(&str, Result<u16, &str>),
}

/// Opens the port of every function, tells it, and starts a function that a debugger wants; ends with the runtime.
pub(crate) async fn run(functions: Functions, inspection: Inspection) {
    let started = functions.clone();
    let runtime = tokio::runtime::Handle::current();
    functions.pool.on_attach(Arc::new(move |name| {
        let (functions, name) = (started.clone(), name.to_owned());
        // A look into the store is no work for the thread that asks.
        runtime.spawn_blocking(move || functions.start_for_debugger(&name));
    }));
    let mut told: BTreeMap<String, Result<u16, String>> = BTreeMap::new();
    loop {
        for name in functions.names(FUNCTIONS_MAX) {
            if told.get(&name).is_some_and(Result::is_ok) {
                continue;
            }
            let Some(opened) = functions.pool.open_inspector_port(&name).await else {
                return;
            };
            let opened = opened.map_err(|error| error.to_string());
            if told.get(&name) != Some(&opened) {
                (inspection.told)(&name, opened.as_ref().copied().map_err(String::as_str));
                told.insert(name, opened);
            }
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}
