//! Versions of state machines: publish, delete.

use stepwell_api::arn::{Qualifier, StateMachineArn};
use stepwell_api::{EpochSeconds, states};
use stepwell_engine::Timestamp;
use stepwell_store::Direction;

use crate::command::Answered;
use crate::machines::deleting;
use crate::rows::encode_json;
use crate::rows::machine::Machine;
use crate::rows::version::{Version, numbering_key, version_key, versions_of};
use crate::shard::{Done, Shard, body};
use crate::staging::Rows;
use crate::target::{self, VERSIONS_MAX};

/// AWS: what a revision is called before the first update.
const INITIAL: &str = "INITIAL";

impl Version {
    pub(crate) fn arn(&self, machine: &Machine) -> String {
        format!("{}:{}", machine.arn, self.number)
    }
}

impl Shard {
    pub(crate) fn publish_state_machine_version(
        &mut self,
        now: Timestamp,
        input: states::PublishStateMachineVersionInput,
    ) -> Done<Answered> {
        let machine = target::machine(&self.staging, &input.state_machine_arn)?;
        if machine.is_deleting {
            return Err(deleting(&input.state_machine_arn).into());
        }
        let current = machine.revision_id.as_deref().unwrap_or(INITIAL);
        if let Some(wanted) = input.revision_id.filter(|wanted| wanted != current) {
            let text = format!(
                "Failed to publish the State Machine version for revision {wanted}. The current State Machine revision is {current}."
            );
            return Err(states::Error::conflict_exception(text).into());
        }
        let version = self.publish(now, &machine, input.description)?;
        Ok(body(&states::PublishStateMachineVersionOutput {
            creation_date: EpochSeconds::from_ms(version.created_ms),
            state_machine_version_arn: version.arn(&machine),
        }))
    }

    /// The version of the machine's present revision, published now if there is none yet.
    ///
    /// AWS: publishing is idempotent by revision, whatever the description.
    pub(crate) fn publish(
        &mut self,
        now: Timestamp,
        machine: &Machine,
        description: Option<String>,
    ) -> Done<Version> {
        let mut numbering = target::numbering(&self.staging, &machine.name)?;
        // A revision never comes back, so only the newest version can be of the present one.
        let newest = target::version(&self.staging, &machine.name, numbering.versions)?;
        if let Some(newest) = newest.filter(|newest| newest.revision_id == machine.revision_id) {
            return Ok(newest);
        }
        let published = self.staging.scan(
            &versions_of(&machine.name),
            &numbering_key(&machine.name),
            Direction::Ascending,
            VERSIONS_MAX,
        )?;
        if published.len() >= VERSIONS_MAX {
            let text = format!(
                "{} has {VERSIONS_MAX} versions, the most it may",
                machine.arn
            );
            return Err(states::Error::service_quota_exceeded_exception(text).into());
        }
        numbering.versions += 1;
        let version = Version {
            number: numbering.versions,
            definition: machine.definition.clone(),
            role_arn: machine.role_arn.clone(),
            revision_id: machine.revision_id.clone(),
            created_ms: now.as_millis(),
            description,
            logging: machine.logging.clone(),
            tracing_enabled: machine.tracing_enabled,
            encryption: machine.encryption.clone(),
        };
        self.staging.put(
            version_key(&machine.name, version.number),
            encode_json(&version),
        );
        self.staging
            .put(numbering_key(&machine.name), encode_json(&numbering));
        Ok(version)
    }

    /// Executions in flight keep what they started with.
    pub(crate) fn delete_state_machine_version(
        &mut self,
        input: &states::DeleteStateMachineVersionInput,
    ) -> Done<Answered> {
        let arn = &input.state_machine_version_arn;
        let parsed = StateMachineArn::parse(arn)?;
        let Qualifier::Version(number) = *parsed.qualifier() else {
            let text = format!("Not the ARN of a state machine version: '{arn}'");
            return Err(states::Error::validation_exception(text).into());
        };
        let name = parsed.name();
        // As for machines and aliases, deleting what is not there succeeds.
        let is_ours = self
            .machine(name)?
            .is_some_and(|machine| machine.arn == parsed.unqualified().as_str());
        if !is_ours || target::version(&self.staging, name, number)?.is_none() {
            return Ok(body(&states::DeleteStateMachineVersionOutput {}));
        }
        let users: Vec<String> = target::aliases(&self.staging, name)?
            .into_iter()
            .filter(|alias| alias.routes_to(number))
            .map(|alias| alias.name)
            .collect();
        if !users.is_empty() {
            let text = format!(
                "Version to be deleted must not be referenced by an alias. Current list of aliases referencing this version: [{}]",
                users.join(", ")
            );
            return Err(states::Error::conflict_exception(text).into());
        }
        self.staging.delete(version_key(name, number));
        Ok(body(&states::DeleteStateMachineVersionOutput {}))
    }
}
