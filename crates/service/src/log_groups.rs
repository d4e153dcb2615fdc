//! Log groups: what CloudWatch Logs keeps beside the events themselves.

use std::collections::BTreeMap;

use stepwell_api::logs;
use stepwell_engine::Timestamp;
use stepwell_store::{Direction, Error};

use crate::command::{Answered, LogsRequest, Settings};
use crate::rows::log_group::{
    LogGroup, LogResourcePolicy, METRIC, SUBSCRIPTION, log_group_key, resource_policy_key,
};
use crate::rows::{after, decode_json, encode_json};
use crate::shard::{Done, Shard};
use crate::staging::Rows;

/// Tags on one log group. Source: TagResource of CloudWatch Logs.
const TAGS_MAX: usize = 50;

/// Resource policies of an account and region. Source: CloudWatch Logs quotas.
const RESOURCE_POLICIES_MAX: usize = 10;

/// Days that PutRetentionPolicy takes. Source: its documentation.
const RETENTION_DAYS: [i32; 22] = [
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922,
    3288, 3653,
];

impl Shard {
    /// Carries out a change of log groups.
    pub(crate) fn change_logs(
        &mut self,
        now: Timestamp,
        entropy: &[u8; 32],
        request: LogsRequest,
    ) -> Done<Answered> {
        match request {
            LogsRequest::CreateLogGroup(input) => self.create_log_group(now, entropy, input),
            LogsRequest::DeleteLogGroup(input) => {
                let group = self.log_group_named(&input.log_group_name)?;
                self.forget_log_filters(&group)?;
                self.staging.delete(log_group_key(&input.log_group_name));
                Ok(nothing())
            }
            LogsRequest::PutRetentionPolicy(input) => {
                check_retention(input.retention_in_days)?;
                self.retain(&input.log_group_name, Some(input.retention_in_days))
            }
            LogsRequest::DeleteRetentionPolicy(input) => self.retain(&input.log_group_name, None),
            LogsRequest::TagResource(input) => self.tag_log_group(&input.resource_arn, input.tags),
            LogsRequest::UntagResource(input) => {
                let mut group = self.log_group_tagged(&input.resource_arn)?;
                for key in &input.tag_keys {
                    group.tags.remove(key);
                }
                self.put_log_group(&group);
                Ok(nothing())
            }
            LogsRequest::PutMetricFilter(input) => self.put_metric_filter(now, input),
            LogsRequest::DeleteMetricFilter(input) => {
                self.delete_log_filter(&input.log_group_name, METRIC, &input.filter_name)
            }
            LogsRequest::PutSubscriptionFilter(input) => self.put_subscription_filter(now, input),
            LogsRequest::DeleteSubscriptionFilter(input) => {
                self.delete_log_filter(&input.log_group_name, SUBSCRIPTION, &input.filter_name)
            }
            LogsRequest::PutQueryDefinition(input) => {
                self.put_query_definition(now, entropy, input)
            }
            LogsRequest::DeleteQueryDefinition(input) => self.delete_query_definition(&input),
            LogsRequest::PutResourcePolicy(input) => self.put_resource_policy(now, input),
            LogsRequest::DeleteResourcePolicy(input) => self.delete_resource_policy(&input),
        }
    }

    fn create_log_group(
        &mut self,
        now: Timestamp,
        entropy: &[u8; 32],
        input: logs::CreateLogGroupRequest,
    ) -> Done<Answered> {
        let name = input.log_group_name;
        // AWS: names under `AWS/` are the service's own, whatever their case.
        if name.to_ascii_lowercase().starts_with("aws/") {
            let text = "Log groups starting with AWS/ are reserved for AWS.";
            return Err(logs::Error::invalid_parameter_exception(text).into());
        }
        if find(&self.staging, &name)?.is_some() {
            let text = "The specified log group already exists";
            return Err(logs::Error::resource_already_exists_exception(text).into());
        }
        let tags = input.tags.unwrap_or_default();
        check_tags(&tags)?;
        self.put_log_group(&LogGroup {
            name,
            id: stepwell_engine::entropy(entropy).draw_uuid(),
            created_ms: now.as_millis(),
            retention_days: None,
            class: input
                .log_group_class
                .unwrap_or_else(|| logs::log_group_class::STANDARD.to_string()),
            kms_key_id: input.kms_key_id,
            tags,
            metric_filters: 0,
            subscription_filters: 0,
            filters_revision: 0,
        });
        Ok(nothing())
    }

    fn retain(&mut self, name: &str, days: Option<i32>) -> Done<Answered> {
        let mut group = self.log_group_named(name)?;
        group.retention_days = days;
        self.put_log_group(&group);
        Ok(nothing())
    }

    fn tag_log_group(&mut self, arn: &str, tags: BTreeMap<String, String>) -> Done<Answered> {
        let mut group = self.log_group_tagged(arn)?;
        group.tags.extend(tags);
        check_tags(&group.tags)?;
        self.put_log_group(&group);
        Ok(nothing())
    }

    fn put_resource_policy(
        &mut self,
        now: Timestamp,
        input: logs::PutResourcePolicyRequest,
    ) -> Done<Answered> {
        let (Some(name), Some(document)) = (input.policy_name, input.policy_document) else {
            let text = "The policy name and the policy document must be specified";
            return Err(logs::Error::invalid_parameter_exception(text).into());
        };
        let key = resource_policy_key(&name);
        let all = resource_policies(&self.staging)?;
        if all.len() >= RESOURCE_POLICIES_MAX && self.staging.get(&key)?.is_none() {
            let text = format!("at most {RESOURCE_POLICIES_MAX} resource policies");
            return Err(logs::Error::limit_exceeded_exception(text).into());
        }
        let policy = LogResourcePolicy {
            name,
            document,
            updated_ms: now.as_millis(),
        };
        self.staging.put(key, encode_json(&policy));
        Ok(logs_body(&logs::PutResourcePolicyResponse {
            resource_policy: Some(shown_policy(policy)),
            ..Default::default()
        }))
    }

    fn delete_resource_policy(
        &mut self,
        input: &logs::DeleteResourcePolicyRequest,
    ) -> Done<Answered> {
        let name = input.policy_name.as_deref().unwrap_or_default();
        let key = resource_policy_key(name);
        if self.staging.get(&key)?.is_none() {
            let text = format!("Policy with name [{name}] does not exist");
            return Err(logs::Error::resource_not_found_exception(text).into());
        }
        self.staging.delete(key);
        Ok(nothing())
    }

    /// The log group that a logging configuration's `logGroupArn` names, if it exists.
    ///
    /// AWS: the ARN ends in `:*`.
    pub(crate) fn log_group_by_arn(&self, arn: &str) -> Result<Option<LogGroup>, Error> {
        match arn
            .strip_suffix(":*")
            .and_then(|arn| name_in(arn, &self.settings))
        {
            Some(name) => find(&self.staging, name),
            None => Ok(None),
        }
    }

    pub(crate) fn log_group_named(&self, name: &str) -> Done<LogGroup> {
        Ok(find(&self.staging, name)?.ok_or_else(missing_group)?)
    }

    fn log_group_tagged(&self, arn: &str) -> Done<LogGroup> {
        let name = name_in(arn, &self.settings).unwrap_or_default();
        self.log_group_named(name)
    }

    pub(crate) fn put_log_group(&mut self, group: &LogGroup) {
        self.staging
            .put(log_group_key(&group.name), encode_json(group));
    }
}

/// The log group with this name.
pub(crate) fn find(rows: &dyn Rows, name: &str) -> Result<Option<LogGroup>, Error> {
    let key = log_group_key(name);
    rows.get(&key)?
        .map(|value| decode_json(&key, &value))
        .transpose()
}

/// All resource policies, by name.
pub(crate) fn resource_policies(rows: &dyn Rows) -> Result<Vec<LogResourcePolicy>, Error> {
    let prefix = resource_policy_key("");
    let rows = rows.scan(
        &prefix,
        &after(&prefix),
        Direction::Ascending,
        RESOURCE_POLICIES_MAX,
    )?;
    rows.iter()
        .map(|(key, value)| decode_json(key, value))
        .collect()
}

pub(crate) fn shown_policy(policy: LogResourcePolicy) -> logs::ResourcePolicy {
    logs::ResourcePolicy {
        policy_name: Some(policy.name),
        policy_document: Some(policy.document),
        last_updated_time: Some(policy.updated_ms),
        ..Default::default()
    }
}

/// The ARN of a log group, without the `:*` that stands for its streams.
pub(crate) fn group_arn(name: &str, settings: &Settings) -> String {
    format!("{}{name}", arn_prefix(settings))
}

/// The name in a log group's ARN of this account and region, with or without `:*`.
pub(crate) fn name_in<'a>(arn: &'a str, settings: &Settings) -> Option<&'a str> {
    let name = arn.strip_prefix(&arn_prefix(settings))?;
    Some(name.strip_suffix(":*").unwrap_or(name)).filter(|name| !name.is_empty())
}

fn arn_prefix(settings: &Settings) -> String {
    format!(
        "arn:aws:logs:{}:{}:log-group:",
        settings.region, settings.account
    )
}

pub(crate) fn missing_group() -> logs::Error {
    logs::Error::resource_not_found_exception("The specified log group does not exist.")
}

fn check_retention(days: i32) -> Result<(), logs::Error> {
    if RETENTION_DAYS.contains(&days) {
        return Ok(());
    }
    let allowed: Vec<String> = RETENTION_DAYS.iter().map(ToString::to_string).collect();
    // AWS: the words are the platform's; the order of the values is not known.
    Err(logs::Error::invalid_parameter_exception(format!(
        "1 validation error detected: Value '{days}' at 'retentionInDays' failed to satisfy constraint: \
         Member must satisfy enum value set: [{}]",
        allowed.join(", ")
    )))
}

fn check_tags(tags: &BTreeMap<String, String>) -> Result<(), logs::Error> {
    if tags.len() <= TAGS_MAX {
        return Ok(());
    }
    Err(logs::Error::too_many_tags_exception(format!(
        "{} tags, at most {TAGS_MAX}",
        tags.len()
    )))
}

/// The answer of an operation that gives nothing: an empty body.
pub(crate) fn nothing() -> Answered {
    Answered::Logs(Vec::new())
}

pub(crate) fn logs_body(output: &impl serde::Serialize) -> Answered {
    Answered::Logs(serde_json::to_vec(output).expect("a generated shape has text keys only"))
}
