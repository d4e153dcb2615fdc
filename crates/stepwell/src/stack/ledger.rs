//! What belongs to a stack: by the tags of its resources, and by a ledger for kinds that have no tags.
//!
//! The ledger is the tags of log groups named `/stepwell/stacks/NAME/N`: it is on the server, seen by any client,
//! and there for whoever deploys next.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::{
    Kind, LOGICAL_ID_TAG, RETAIN_TAG, STACK_NAME_TAG, cloudwatch, events, gateway, iam, lambda,
    logs, states,
};
use crate::client::{Client, Error};

/// Entries of one log group. AWS: a resource has at most 50 tags.
const ENTRIES_MAX: usize = 40;
/// Log groups of one ledger: AWS allows 500 resources a stack, and SAM makes several of one.
const PAGES_MAX: usize = 64;

/// One resource that belongs to a stack.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Belonging {
    pub kind: Kind,
    pub logical_id: String,
    pub identity: String,
    pub is_retained: bool,
}

fn page_name(stack: &str, number: usize) -> String {
    format!("/stepwell/stacks/{stack}/{number}")
}

/// Everything that the server says belongs to the stack.
pub fn belonging(client: &Client, stack: &str) -> Result<Vec<Belonging>, Error> {
    let mut all = Vec::new();
    let mut add = |kind: Kind, identity: String, tags: &Value| {
        all.push(Belonging {
            kind,
            logical_id: tags[LOGICAL_ID_TAG].as_str().unwrap_or_default().to_owned(),
            identity,
            is_retained: tags[RETAIN_TAG] == "Retain",
        });
    };
    for (name, tags) in lambda::tagged_functions(client, stack)? {
        add(Kind::Function, name, &tags);
    }
    let machines = (
        "ListStateMachines",
        "stateMachines",
        "stateMachineArn",
        Kind::StateMachine,
    );
    let activities = (
        "ListActivities",
        "activities",
        "activityArn",
        Kind::Activity,
    );
    for (operation, list, member, kind) in [machines, activities] {
        for (arn, tags) in states::tagged(client, operation, list, member, stack)? {
            add(kind, arn, &tags);
        }
    }
    for (name, tags) in iam::tagged_roles(client, stack)? {
        add(Kind::Role, name, &tags);
    }
    for (arn, tags) in iam::tagged_policies(client, stack)? {
        add(Kind::ManagedPolicy, arn, &tags);
    }
    for (identity, tags, is_bus) in events::tagged(client, stack)? {
        add(
            if is_bus { Kind::EventBus } else { Kind::Rule },
            identity,
            &tags,
        );
    }
    for (name, tags, kind) in cloudwatch::tagged(client, stack)? {
        let kind = match kind {
            cloudwatch::AlarmKind::Metric => Kind::Alarm,
            cloudwatch::AlarmKind::Composite => Kind::CompositeAlarm,
        };
        add(kind, name, &tags);
    }
    for (name, tags) in events::tagged_groups(client, stack)? {
        add(Kind::ScheduleGroup, name, &tags);
    }
    for (id, tags, is_http) in gateway::tagged(client, stack)? {
        add(
            if is_http {
                Kind::HttpApi
            } else {
                Kind::RestApi
            },
            id,
            &tags,
        );
    }
    for group in logs::groups(client, "")? {
        let name = group["logGroupName"].as_str().unwrap_or_default();
        if name.starts_with("/stepwell/stacks/") {
            continue;
        }
        let tags = Value::Object(logs::tags(
            client,
            group["arn"].as_str().unwrap_or_default(),
        )?);
        if tags[STACK_NAME_TAG] == stack {
            add(Kind::LogGroup, name.to_owned(), &tags);
        }
    }
    all.extend(read(client, stack)?);
    Ok(all)
}

/// What the ledger says.
pub fn read(client: &Client, stack: &str) -> Result<Vec<Belonging>, Error> {
    let mut entries = Vec::new();
    for group in logs::groups(client, &format!("/stepwell/stacks/{stack}/"))? {
        let tags = logs::tags(client, group["arn"].as_str().unwrap_or_default())?;
        entries.extend(
            tags.iter()
                .filter_map(|(id, value)| entry(id, value.as_str()?)),
        );
    }
    entries.sort();
    Ok(entries)
}

/// `Type Policy Identity`; `$` is no letter of a tag.
fn entry(logical_id: &str, text: &str) -> Option<Belonging> {
    let mut parts = text.splitn(3, ' ');
    Some(Belonging {
        kind: Kind::of(parts.next()?)?,
        is_retained: parts.next()? == "Retain",
        identity: parts.next()?.replace('@', "$"),
        logical_id: logical_id.to_owned(),
    })
}

fn text(entry: &Belonging) -> String {
    let policy = if entry.is_retained {
        "Retain"
    } else {
        "Delete"
    };
    format!(
        "{} {policy} {}",
        entry.kind.cloudformation(),
        entry.identity.replace('$', "@")
    )
}

/// Makes the ledger say exactly this.
pub fn write(client: &Client, stack: &str, entries: &BTreeSet<Belonging>) -> Result<(), Error> {
    let entries: Vec<&Belonging> = entries.iter().collect();
    let pages: Vec<&[&Belonging]> = entries.chunks(ENTRIES_MAX).take(PAGES_MAX).collect();
    let existing = logs::groups(client, &format!("/stepwell/stacks/{stack}/"))?;
    for (number, page) in pages.iter().enumerate() {
        let name = page_name(stack, number);
        let wanted: BTreeMap<String, String> = page
            .iter()
            .map(|entry| (entry.logical_id.clone(), text(entry)))
            .collect();
        let group = existing.iter().find(|group| group["logGroupName"] == name);
        let Some(group) = group else {
            client.logs(
                "CreateLogGroup",
                &json!({ "logGroupName": name, "tags": wanted }),
            )?;
            continue;
        };
        let arn = group["arn"]
            .as_str()
            .unwrap_or_default()
            .trim_end_matches(":*");
        let before: Map<String, Value> =
            [("Tags".to_owned(), Value::Object(logs::tags(client, arn)?))]
                .into_iter()
                .collect();
        let (set, removed) = super::tag_changes(&before, &wanted);
        if !removed.is_empty() {
            client.logs(
                "UntagResource",
                &json!({ "resourceArn": arn, "tagKeys": removed }),
            )?;
        }
        if !set.is_empty() {
            client.logs("TagResource", &json!({ "resourceArn": arn, "tags": set }))?;
        }
    }
    for group in &existing {
        let name = group["logGroupName"].as_str().unwrap_or_default();
        if !(0..pages.len()).any(|number| page_name(stack, number) == name) {
            logs::delete(client, name)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_read_as_it_was_written() {
        let written = Belonging {
            kind: Kind::HttpStage,
            logical_id: "Stage".to_owned(),
            identity: "a1b2 $default".to_owned(),
            is_retained: true,
        };
        let text = text(&written);
        assert!(!text.contains('$'), "{text}");
        assert_eq!(entry("Stage", &text), Some(written));
        assert_eq!(entry("Stage", "AWS::No::Type Delete x"), None);
    }
}
