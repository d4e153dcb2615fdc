//! Tags of state machines and activities.

use std::collections::BTreeMap;

use stepwell_api::arn::{ActivityArn, Qualifier, StateMachineArn};
use stepwell_api::states;

use crate::activities;
use crate::command::Answered;
use crate::retention;
use crate::rows::activity::Activity;
use crate::rows::machine::Machine;
use crate::shard::{Done, Shard, body};
use crate::staging::Rows;
use crate::target;

/// Tags on one resource. Source: Step Functions quotas.
const TAGS_MAX: usize = 50;

/// What can have tags.
pub(crate) enum Tagged {
    Machine(Machine),
    Activity(Activity),
}

impl Tagged {
    pub(crate) fn tags(&self) -> &BTreeMap<String, String> {
        match self {
            Tagged::Machine(machine) => &machine.tags,
            Tagged::Activity(activity) => &activity.tags,
        }
    }

    fn tags_mut(&mut self) -> &mut BTreeMap<String, String> {
        match self {
            Tagged::Machine(machine) => &mut machine.tags,
            Tagged::Activity(activity) => &mut activity.tags,
        }
    }
}

impl Shard {
    pub(crate) fn tag_resource(&mut self, input: states::TagResourceInput) -> Done<Answered> {
        let mut tagged = tagged(&self.staging, &input.resource_arn)?;
        add_tags(tagged.tags_mut(), input.tags, &input.resource_arn)?;
        self.put_tagged(&tagged);
        Ok(body(&states::TagResourceOutput {}))
    }

    pub(crate) fn untag_resource(&mut self, input: &states::UntagResourceInput) -> Done<Answered> {
        let mut tagged = tagged(&self.staging, &input.resource_arn)?;
        for key in &input.tag_keys {
            tagged.tags_mut().remove(key);
        }
        self.put_tagged(&tagged);
        Ok(body(&states::UntagResourceOutput {}))
    }

    fn put_tagged(&mut self, tagged: &Tagged) {
        match tagged {
            Tagged::Machine(machine) => self.put_machine(machine),
            Tagged::Activity(activity) => self.put_activity(activity),
        }
    }
}

/// The resource that a tag operation names.
///
/// AWS: versions and aliases have no tags; naming one is naming nothing.
pub(crate) fn tagged(rows: &dyn Rows, arn: &str) -> Done<Tagged> {
    let found = if arn.contains(":activity:") {
        activities::named(rows, &ActivityArn::parse(arn)?)?.map(Tagged::Activity)
    } else {
        let parsed = StateMachineArn::parse(arn)?;
        target::find_owner(rows, &parsed)?
            .filter(|_| *parsed.qualifier() == Qualifier::None)
            .map(Tagged::Machine)
    };
    Ok(found.ok_or_else(|| missing(arn))?)
}

fn missing(arn: &str) -> states::Error {
    states::Error::resource_not_found(format!("Resource not found: '{arn}'"))
        .with_resource_name(arn)
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

fn add_tags(
    map: &mut BTreeMap<String, String>,
    tags: Vec<states::Tag>,
    arn: &str,
) -> Result<(), states::Error> {
    let pair = |tag: states::Tag| (tag.key.unwrap_or_default(), tag.value.unwrap_or_default());
    map.extend(tags.into_iter().map(pair));
    if let Some(text) = map.get(retention::TAG)
        && let Err(rule) = retention::parse(text)
    {
        let text = format!("tag {}: {rule}", retention::TAG);
        return Err(states::Error::validation_exception(text));
    }
    if map.len() <= TAGS_MAX {
        return Ok(());
    }
    let text = format!("{} tags on {arn}, at most {TAGS_MAX}", map.len());
    Err(states::Error::too_many_tags(text).with_resource_name(arn))
}

/// Tags as the API lists them.
pub(crate) fn listed(tags: &BTreeMap<String, String>) -> Vec<states::Tag> {
    let tag = |(key, value): (&String, &String)| states::Tag {
        key: Some(key.clone()),
        value: Some(value.clone()),
    };
    tags.iter().map(tag).collect()
}
