//! What belongs to which stack, by the tags that CloudFormation sets and the ledger of what has no tags.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use stepwell_store::{Direction, Error};

use super::Reader;
use crate::rows::{Kind, after, decode_json, key};

/// AWS: the tags by which CloudFormation marks what belongs to a stack.
const STACK_TAG: &str = "aws:cloudformation:stack-name";
const LOGICAL_ID_TAG: &str = "aws:cloudformation:logical-id";

/// Log groups whose tags are the ledger of a stack: `LOGICAL_ID` is `TYPE POLICY IDENTITY`. A deployment writes it
/// (decision 0031).
const LEDGER: &str = "/stepwell/stacks/";

/// Rows of one kind that are looked at.
const ROWS_MAX: usize = 10_000;

/// Stacks that are told, and resources of each. AWS: a template has at most 500 resources.
const STACKS_MAX: usize = 100;
const RESOURCES_MAX: usize = 1_000;

/// Kinds whose rows have tags, and their types.
const KINDS: [(Kind, &str); 10] = [
    (Kind::Machine, "AWS::StepFunctions::StateMachine"),
    (Kind::Function, "AWS::Lambda::Function"),
    (Kind::Activity, "AWS::StepFunctions::Activity"),
    (Kind::Api, "AWS::ApiGateway::RestApi"),
    (Kind::EventRule, "AWS::Events::Rule"),
    (Kind::EventBus, "AWS::Events::EventBus"),
    (Kind::ScheduleGroup, "AWS::Scheduler::ScheduleGroup"),
    (Kind::Role, "AWS::IAM::Role"),
    (Kind::Policy, "AWS::IAM::ManagedPolicy"),
    (Kind::LogGroup, "AWS::Logs::LogGroup"),
];

/// A stack and what the server has of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Stack {
    pub name: String,
    /// By type, then by logical id.
    pub resources: Vec<StackResource>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StackResource {
    pub r#type: String,
    pub logical_id: String,
    pub name: String,
    pub arn: Option<String>,
}

/// What a row says that has tags.
#[derive(Deserialize)]
struct Tagged {
    #[serde(default)]
    name: String,
    #[serde(default)]
    id: String,
    #[serde(default)]
    arn: Option<String>,
    #[serde(default)]
    tags: BTreeMap<String, String>,
    /// Of an API.
    #[serde(default)]
    kind: Option<String>,
}

impl Reader {
    /// The stacks that there are, by name.
    ///
    /// - Alarms and dashboards are not among the rows of the shard: those without a ledger's entry are left out.
    pub fn stacks(&self) -> Result<Vec<Stack>, Error> {
        let mut stacks: BTreeMap<String, Vec<StackResource>> = BTreeMap::new();
        for (kind, r#type) in KINDS {
            let prefix = key(kind, &[]);
            let rows = self.snapshot.as_ref().scan(
                &prefix,
                &after(&prefix),
                Direction::Ascending,
                ROWS_MAX,
            )?;
            for (key, value) in rows {
                let row: Tagged = decode_json(&key, &value)?;
                if let Some(ledger) = row
                    .name
                    .strip_prefix(LEDGER)
                    .filter(|_| kind == Kind::LogGroup)
                {
                    let stack = ledger.rsplit_once('/').map_or(ledger, |(stack, _)| stack);
                    let entries = row.tags.iter();
                    let resources = entries.filter_map(|(id, text)| entry(id, text));
                    stacks
                        .entry(stack.to_string())
                        .or_default()
                        .extend(resources);
                    continue;
                }
                let Some(stack) = row.tags.get(STACK_TAG) else {
                    continue;
                };
                let resource = StackResource {
                    r#type: match row.kind.as_deref() {
                        Some("Http") => "AWS::ApiGatewayV2::Api".to_string(),
                        _ => r#type.to_string(),
                    },
                    logical_id: row.tags.get(LOGICAL_ID_TAG).cloned().unwrap_or_default(),
                    name: match row.name.is_empty() {
                        true => row.id,
                        false => row.name,
                    },
                    arn: row.arn,
                };
                stacks.entry(stack.clone()).or_default().push(resource);
            }
        }
        let stacks = stacks.into_iter().take(STACKS_MAX);
        Ok(stacks
            .map(|(name, mut resources)| {
                resources.sort();
                resources.truncate(RESOURCES_MAX);
                Stack { name, resources }
            })
            .collect())
    }
}

/// An entry of the ledger; `@` stands for `$`, which is no letter of a tag.
fn entry(logical_id: &str, text: &str) -> Option<StackResource> {
    let mut parts = text.splitn(3, ' ');
    let r#type = parts.next().filter(|kind| kind.starts_with("AWS::"))?;
    let name = parts.nth(1)?.replace('@', "$");
    Some(StackResource {
        r#type: r#type.to_string(),
        logical_id: logical_id.to_string(),
        arn: name.starts_with("arn:").then(|| name.clone()),
        name,
    })
}
