//! Where other services ask whether they may assume a role.

use stepwell_api::{events, lambda, scheduler, states};
use stepwell_store::Error;

use super::{Principal, find_role_by_arn, trusts};
use crate::command::{Settings, UnknownRole};
use crate::shard::{Done, Shard};
use crate::staging::Rows;

impl Shard {
    /// AWS: the role of a state machine trusts Step Functions, by its global or its regional name.
    pub(crate) fn check_states_role(&self, role_arn: &str) -> Done<()> {
        Ok(states_role(&self.staging, role_arn, &self.settings)??)
    }

    /// AWS: the role of a function trusts Lambda.
    pub(crate) fn check_function_role(&self, role_arn: &str) -> Done<()> {
        if may_assume(
            &self.staging,
            "lambda.amazonaws.com",
            role_arn,
            &self.settings,
        )? {
            return Ok(());
        }
        let text = "The role defined for the function cannot be assumed by Lambda.";
        Err(lambda::Error::invalid_parameter_value_exception(text).into())
    }

    /// AWS: the role of a rule or of its target trusts EventBridge.
    pub(crate) fn check_events_role(&self, role_arn: &str) -> Done<()> {
        if may_assume(
            &self.staging,
            "events.amazonaws.com",
            role_arn,
            &self.settings,
        )? {
            return Ok(());
        }
        let text = format!(
            "Provided role '{role_arn}' cannot be assumed by principal 'events.amazonaws.com'."
        );
        Err(events::Error::constraint_violation(text).into())
    }

    /// AWS: the role of a schedule's target trusts the Scheduler.
    pub(crate) fn check_scheduler_role(&self, role_arn: &str) -> Done<()> {
        if may_assume(
            &self.staging,
            "scheduler.amazonaws.com",
            role_arn,
            &self.settings,
        )? {
            return Ok(());
        }
        let text = "The execution role you provide must allow AWS EventBridge Scheduler to assume the role.";
        Err(scheduler::Error::validation_exception(text).into())
    }
}

/// Whether Step Functions may assume the role; see [`Shard::check_states_role`].
pub(crate) fn states_role(
    rows: &dyn Rows,
    role_arn: &str,
    settings: &Settings,
) -> Result<Result<(), states::Error>, Error> {
    let text = "Neither the global service principal states.amazonaws.com, nor the regional one is authorized to assume the provided role.";
    let may = may_assume(rows, "states.amazonaws.com", role_arn, settings)?;
    Ok(may
        .then_some(())
        .ok_or_else(|| states::Error::access_denied_exception(text)))
}

/// A role that exists is held to its trust policy; one that does not is what the settings say.
fn may_assume(
    rows: &dyn Rows,
    service: &str,
    role_arn: &str,
    settings: &Settings,
) -> Result<bool, Error> {
    let service = Principal::Service {
        name: service,
        region: &settings.region,
    };
    Ok(match find_role_by_arn(rows, role_arn, settings)? {
        Some(role) => trusts(&role.trust, service),
        None => settings.unknown_role == UnknownRole::Accepted,
    })
}
