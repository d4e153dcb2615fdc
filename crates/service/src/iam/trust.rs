//! Where other services ask whether they may assume a role.

use stepwell_api::{lambda, states};
use stepwell_store::Error;

use super::{Principal, find_role_by_arn, trusts};
use crate::command::UnknownRole;
use crate::shard::{Done, Shard};

impl Shard {
    /// AWS: the role of a state machine trusts Step Functions, by its global or its regional name.
    pub(crate) fn check_states_role(&self, role_arn: &str) -> Done<()> {
        if self.may_assume("states.amazonaws.com", role_arn)? {
            return Ok(());
        }
        let text = "Neither the global service principal states.amazonaws.com, nor the regional one is authorized to assume the provided role.";
        Err(states::Error::access_denied_exception(text).into())
    }

    /// AWS: the role of a function trusts Lambda.
    pub(crate) fn check_function_role(&self, role_arn: &str) -> Done<()> {
        if self.may_assume("lambda.amazonaws.com", role_arn)? {
            return Ok(());
        }
        let text = "The role defined for the function cannot be assumed by Lambda.";
        Err(lambda::Error::invalid_parameter_value_exception(text).into())
    }

    /// A role that exists is held to its trust policy; one that does not is what the settings say.
    fn may_assume(&self, service: &str, role_arn: &str) -> Result<bool, Error> {
        let service = Principal::Service {
            name: service,
            region: &self.settings.region,
        };
        Ok(
            match find_role_by_arn(&self.staging, role_arn, &self.settings)? {
                Some(role) => trusts(&role.trust, service),
                None => self.settings.unknown_role == UnknownRole::Accepted,
            },
        )
    }
}
