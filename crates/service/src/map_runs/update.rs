//! UpdateMapRun.

use stepwell_api::arn::MapRunArn;
use stepwell_api::states::{self, validation_exception_reason};

use crate::command::Answered;
use crate::rows::map_run::{self, MapRunStatus};
use crate::shard::{Done, Shard, body};

impl Shard {
    /// Changes the limits of a run that goes on; they count from the next child on.
    pub(crate) fn update_map_run(&mut self, input: &states::UpdateMapRunInput) -> Done<Answered> {
        let arn = MapRunArn::parse(&input.map_run_arn)?;
        let Some(mut run) = map_run::map_run_named(&self.staging, arn.as_str())? else {
            return Err(missing_map_run(arn.as_str()).into());
        };
        let wanted = (
            input.max_concurrency,
            input.tolerated_failure_count,
            input.tolerated_failure_percentage,
        );
        if wanted == (None, None, None) {
            let text = "At least one of maxConcurrency, toleratedFailureCount or \
                        toleratedFailurePercentage must be specified";
            let reason = validation_exception_reason::MISSING_REQUIRED_PARAMETER;
            return Err(refused(text, reason).into());
        }
        if run.status != MapRunStatus::Running {
            let text = format!("Map Run is not running: '{}'", arn.as_str());
            let reason = validation_exception_reason::CANNOT_UPDATE_COMPLETED_MAP_RUN;
            return Err(refused(&text, reason).into());
        }
        if let Some(max_concurrency) = input.max_concurrency {
            run.max_concurrency = max_concurrency.unsigned_abs();
        }
        if let Some(count) = input.tolerated_failure_count {
            run.tolerated_failure_count = Some(count.unsigned_abs());
        }
        if let Some(percentage) = input.tolerated_failure_percentage {
            run.tolerated_failure_percentage = Some(f64::from(percentage));
        }
        self.put_map_run(&run);
        self.map_runs.ready.insert(run.key());
        Ok(body(&states::UpdateMapRunOutput {}))
    }
}

fn refused(text: &str, reason: &str) -> states::Error {
    let mut error = states::Error::validation_exception(text);
    error.members.push(("reason", reason.to_string()));
    error
}

pub(crate) fn missing_map_run(arn: &str) -> states::Error {
    let text = format!("Request references a resource that does not exist: '{arn}'");
    states::Error::resource_not_found(text)
}
