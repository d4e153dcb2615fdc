//! What the ARN of a state machine names: the machine itself, a published version, or an alias.

use std::sync::Arc;

use sha2::{Digest, Sha256};
use stepwell_api::arn::{Qualifier, StateMachineArn};
use stepwell_api::states;
use stepwell_store::{Direction, Error};

use crate::rows::machine::{Machine, machine_key};
use crate::rows::version::{
    Alias, Numbering, Version, alias_key, aliases_of, numbering_key, version_key, versions_of,
};
use crate::rows::{after, decode_json};
use crate::shard::{Done, Shard};
use crate::staging::Rows;

/// Published versions of a state machine. Source: Step Functions quotas.
pub(crate) const VERSIONS_MAX: usize = 1_000;

/// Aliases of a state machine. Source: Step Functions quotas.
pub(crate) const ALIASES_MAX: usize = 100;

/// What executions are started from.
pub(crate) struct Target {
    /// As it is now, or as it was when the version was published.
    pub(crate) machine: Arc<Machine>,
    pub(crate) version_arn: Option<String>,
    pub(crate) alias_arn: Option<String>,
}

/// The machine that an unqualified ARN names.
///
/// AWS: where an operation takes the machine only, a version is a machine that does not exist (recorded:
/// an update of a version).
pub(crate) fn machine(rows: &dyn Rows, arn: &str) -> Done<Machine> {
    let parsed = StateMachineArn::parse(arn)?;
    match parsed.qualifier() {
        Qualifier::None => owner(rows, &parsed, arn),
        Qualifier::Label(_) => Err(labelled(arn).into()),
        Qualifier::Version(_) | Qualifier::Alias(_) => {
            Err(states::Error::state_machine_does_not_exist(arn).into())
        }
    }
}

/// The machine that an ARN belongs to, whatever its qualifier.
pub(crate) fn owner(rows: &dyn Rows, parsed: &StateMachineArn, arn: &str) -> Done<Machine> {
    let found = find_owner(rows, parsed)?;
    Ok(found.ok_or_else(|| states::Error::state_machine_does_not_exist(arn))?)
}

/// As [`owner`], `None` where it is not there. The account and the region are part of its name.
pub(crate) fn find_owner(
    rows: &dyn Rows,
    parsed: &StateMachineArn,
) -> Result<Option<Machine>, Error> {
    let key = machine_key(parsed.name());
    let Some(value) = rows.get(&key)? else {
        return Ok(None);
    };
    let machine: Machine = decode_json(&key, &value)?;
    Ok((machine.arn == parsed.unqualified().as_str()).then_some(machine))
}

/// What an ARN with or without a qualifier starts.
///
/// - `entropy`: of the command; it chooses the version of an alias.
/// - Errors: `StateMachineDoesNotExist` also for a version or an alias that is not there.
pub(crate) fn started(shard: &mut Shard, arn: &str, entropy: &[u8; 32]) -> Done<Target> {
    let parsed = StateMachineArn::parse(arn)?;
    if matches!(parsed.qualifier(), Qualifier::Label(_)) {
        return Err(labelled(arn).into());
    }
    let machine = shard
        .known_machine(parsed.name())?
        .filter(|machine| parsed.is_of(&machine.arn))
        .ok_or_else(|| states::Error::state_machine_does_not_exist(arn))?;
    let rows = &shard.staging;
    let missing = || states::Error::state_machine_does_not_exist(arn);
    let (number, alias_arn) = match parsed.qualifier() {
        Qualifier::Version(number) => (*number, None),
        Qualifier::Alias(name) => {
            let alias = alias(rows, &machine.name, name)?.ok_or_else(missing)?;
            (alias.choose(entropy), Some(arn.to_string()))
        }
        Qualifier::None | Qualifier::Label(_) => {
            return Ok(Target {
                machine,
                version_arn: None,
                alias_arn: None,
            });
        }
    };
    let version = version(rows, &machine.name, number)?.ok_or_else(missing)?;
    Ok(Target {
        machine: Arc::new(machine.as_ref().clone().at(&version)),
        version_arn: Some(parsed.with_version(number).into()),
        alias_arn,
    })
}

impl Alias {
    /// The version that this start goes to, by the weights.
    fn choose(&self, entropy: &[u8; 32]) -> u32 {
        // A stream of its own: the command's stream gives the execution its name and its seed.
        let drawn =
            stepwell_engine::entropy(&Sha256::digest([&entropy[..], b"alias"].concat()).into());
        let mut left = u32::try_from(drawn.draw_u64() % 100).expect("less than 100");
        for route in &self.routing {
            if left < route.weight {
                return route.version;
            }
            left -= route.weight;
        }
        unreachable!("invariant: the weights of an alias add up to 100")
    }
}

pub(crate) fn version(
    rows: &dyn Rows,
    machine: &str,
    number: u32,
) -> Result<Option<Version>, Error> {
    // The place of number 0 holds the numbering.
    if number == 0 {
        return Ok(None);
    }
    let key = version_key(machine, number);
    rows.get(&key)?
        .map(|value| decode_json(&key, &value))
        .transpose()
}

/// Every version of a machine, newest first; at most [`VERSIONS_MAX`].
pub(crate) fn versions(rows: &dyn Rows, machine: &str) -> Result<Vec<Version>, Error> {
    let to = numbering_key(machine);
    rows.scan(&versions_of(machine), &to, Direction::Ascending, usize::MAX)?
        .iter()
        .map(|(key, value)| decode_json(key, value))
        .collect()
}

pub(crate) fn alias(rows: &dyn Rows, machine: &str, name: &str) -> Result<Option<Alias>, Error> {
    let key = alias_key(machine, name);
    rows.get(&key)?
        .map(|value| decode_json(&key, &value))
        .transpose()
}

/// Every alias of a machine in the order of their creation; at most [`ALIASES_MAX`].
pub(crate) fn aliases(rows: &dyn Rows, machine: &str) -> Result<Vec<Alias>, Error> {
    let prefix = aliases_of(machine);
    let mut aliases: Vec<Alias> = rows
        .scan(&prefix, &after(&prefix), Direction::Ascending, usize::MAX)?
        .iter()
        .map(|(key, value)| decode_json(key, value))
        .collect::<Result<_, _>>()?;
    aliases.sort_by_key(|alias| alias.sequence);
    Ok(aliases)
}

pub(crate) fn numbering(rows: &dyn Rows, machine: &str) -> Result<Numbering, Error> {
    let key = numbering_key(machine);
    match rows.get(&key)? {
        None => Ok(Numbering::default()),
        Some(value) => decode_json(&key, &value),
    }
}

/// AWS: operations on state machines do not take the ARN of a Distributed Map's machine.
pub(crate) fn labelled(arn: &str) -> states::Error {
    states::Error::validation_exception(format!("This API does not support labeled ARNs: '{arn}'"))
        .with_reason("API_DOES_NOT_SUPPORT_LABELED_ARNS")
}

/// AWS: `Request references a resource that does not exist.` for aliases and the versions they name.
pub(crate) fn no_resource(arn: &str) -> states::Error {
    states::Error::resource_not_found("Request references a resource that does not exist.")
        .with_resource_name(arn)
}
