//! Tags of state machines.

use std::collections::BTreeMap;

use stepwell_api::arn::{Qualifier, StateMachineArn};
use stepwell_api::states;

use crate::command::Answered;
use crate::rows::machine::Machine;
use crate::shard::{Done, Shard, body};

/// Tags on one resource. Source: Step Functions quotas.
const TAGS_MAX: usize = 50;

impl Shard {
    pub(crate) fn tag_resource(&mut self, input: states::TagResourceInput) -> Done<Answered> {
        let mut machine = self.tagged_machine(&input.resource_arn)?;
        add_tags(&mut machine.tags, input.tags, &input.resource_arn)?;
        self.put_machine(&machine);
        Ok(body(&states::TagResourceOutput {}))
    }

    pub(crate) fn untag_resource(&mut self, input: &states::UntagResourceInput) -> Done<Answered> {
        let mut machine = self.tagged_machine(&input.resource_arn)?;
        for key in &input.tag_keys {
            machine.tags.remove(key);
        }
        self.put_machine(&machine);
        Ok(body(&states::UntagResourceOutput {}))
    }

    fn tagged_machine(&self, arn: &str) -> Done<Machine> {
        let name = tagged_name(arn)?;
        match self.machine(&name)? {
            Some(machine) if machine.arn == arn => Ok(machine),
            _ => Err(missing(arn).into()),
        }
    }
}

/// The name of the state machine that a tag operation names.
///
/// AWS: versions and aliases have no tags; naming one is naming nothing.
pub(crate) fn tagged_name(arn: &str) -> Result<String, states::Error> {
    if arn.contains(":activity:") {
        return Err(crate::machines::not_built("tags on activities"));
    }
    let parsed = StateMachineArn::parse(arn)?;
    if *parsed.qualifier() != Qualifier::None {
        return Err(missing(arn));
    }
    Ok(parsed.name().to_string())
}

pub(crate) fn missing(arn: &str) -> states::Error {
    states::Error::resource_not_found(format!("Resource not found: '{arn}'"))
        .with_resource_name(arn)
}

fn add_tags(
    map: &mut BTreeMap<String, String>,
    tags: Vec<states::Tag>,
    arn: &str,
) -> Result<(), states::Error> {
    let pair = |tag: states::Tag| (tag.key.unwrap_or_default(), tag.value.unwrap_or_default());
    map.extend(tags.into_iter().map(pair));
    if map.len() <= TAGS_MAX {
        return Ok(());
    }
    let text = format!("{} tags on {arn}, at most {TAGS_MAX}", map.len());
    Err(states::Error::too_many_tags(text).with_resource_name(arn))
}

/// Tags given at creation.
///
/// - Errors: `TooManyTags` over [`TAGS_MAX`] keys.
pub(crate) fn tag_map(
    tags: Vec<states::Tag>,
    arn: &str,
) -> Result<BTreeMap<String, String>, states::Error> {
    let mut map = BTreeMap::new();
    add_tags(&mut map, tags, arn)?;
    Ok(map)
}

/// A machine's tags as the API lists them.
pub(crate) fn listed(machine: &Machine) -> Vec<states::Tag> {
    let tag = |(key, value): (&String, &String)| states::Tag {
        key: Some(key.clone()),
        value: Some(value.clone()),
    };
    machine.tags.iter().map(tag).collect()
}
