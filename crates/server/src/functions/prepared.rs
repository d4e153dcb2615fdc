//! Functions ready to run: their rows are not read and decoded again for every invocation.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use stepwell_functions::{Configuration, PackageSource};

use super::{Functions, StoredPackages, Unrun};

/// Functions kept ready. One more, and all are read anew.
const PREPARED_MAX: usize = 1_024;

/// What one invocation of a name needs.
pub(crate) struct Prepared {
    pub(crate) configuration: Arc<Configuration>,
    /// The ARN as it is invoked.
    pub(crate) invoked_arn: String,
    /// The alias or version in it.
    pub(crate) qualifier: Option<String>,
    /// `TracingConfig` says `Active`.
    pub(crate) is_traced: bool,
    pub(crate) packages: Arc<dyn PackageSource>,
}

/// By name as it was given. Names with a qualifier are not kept: what an alias means may differ from call to call.
#[derive(Default)]
pub(crate) struct PreparedFunctions {
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    /// [`crate::shard::Handle::functions_changed`] before `functions` was read.
    changed: u64,
    functions: BTreeMap<String, Arc<Prepared>>,
}

impl Functions {
    /// What a function is now. Sees every acknowledged change.
    pub(super) fn prepare(
        &self,
        function: &str,
        qualifier: Option<&str>,
    ) -> Result<Arc<Prepared>, Unrun> {
        // INVARIANT: asked before the rows are read, so that what is kept is never older than its number says.
        let changed = self.handle.functions_changed();
        if let Some(prepared) = self.prepared.find(function, qualifier, changed) {
            return Ok(prepared);
        }
        let invocable = self.invocable(function, qualifier)?;
        let is_kept = qualifier.is_none() && invocable.alias.is_none();
        let prepared = Arc::new(Prepared {
            invoked_arn: invocable.invoked_arn.clone(),
            qualifier: invocable.invoked_arn.split(':').nth(7).map(str::to_owned),
            is_traced: invocable.row.tracing_mode == "Active",
            configuration: Arc::new(self.configuration(invocable)),
            packages: Arc::new(StoredPackages(self.handle.clone())),
        });
        if is_kept {
            self.prepared.keep(function, Arc::clone(&prepared), changed);
        }
        Ok(prepared)
    }
}

impl PreparedFunctions {
    fn find(&self, function: &str, qualifier: Option<&str>, changed: u64) -> Option<Arc<Prepared>> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        (qualifier.is_none() && kept.changed == changed)
            .then(|| kept.functions.get(function).cloned())
            .flatten()
    }

    fn keep(&self, function: &str, prepared: Arc<Prepared>, changed: u64) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        // Another reader may have seen a later change.
        if kept.changed > changed {
            return;
        }
        if kept.changed < changed || kept.functions.len() >= PREPARED_MAX {
            kept.changed = changed;
            kept.functions.clear();
        }
        kept.functions.insert(function.to_owned(), prepared);
    }
}
