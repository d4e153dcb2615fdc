//! Log groups: look up, describe, list tags.

use stepwell_api::logs;
use stepwell_store::{Direction, Error};

use super::{Read, Reader, settle};
use crate::log_groups::{find, group_arn, missing_group, name_in, resource_policies, shown_policy};
use crate::rows::log_group::{LogGroup, log_group_key};
use crate::rows::{after, decode_json};
use crate::shard::Done;
use crate::staging::Rows;

/// Log groups on a page when the caller does not say. Source: DescribeLogGroups.
const PAGE_DEFAULT: usize = 50;

/// Log groups looked at for one page: a page may be short, its token goes on.
const SCAN_MAX: usize = 1_000;

impl Reader {
    /// The log group that a name or an ARN names, if it exists.
    pub fn log_group(&self, identifier: &str) -> Result<Option<LogGroup>, Error> {
        let name = name_in(identifier, &self.settings).unwrap_or(identifier);
        find(&self.snapshot, name)
    }

    /// Ids of all log groups.
    pub fn log_group_ids(&self) -> Result<Vec<String>, Error> {
        let groups = self.log_groups()?;
        Ok(groups.into_iter().map(|group| group.id).collect())
    }

    /// All log groups, by name.
    pub fn log_groups(&self) -> Result<Vec<LogGroup>, Error> {
        self.log_groups_from(&log_group_key(""), usize::MAX)
    }

    /// The log groups that have metric filters.
    pub(super) fn log_groups_with_filters(&self) -> Result<Vec<LogGroup>, Error> {
        let mut groups = self.log_groups()?;
        groups.retain(|group| group.metric_filters > 0);
        Ok(groups)
    }

    /// `ListLogGroups`: names, ARNs and classes.
    ///
    /// - AWS: `logGroupNamePattern` is part of the name; with `^` in front, its beginning.
    pub fn list_log_groups(
        &self,
        input: &logs::ListLogGroupsRequest,
    ) -> Read<logs::ListLogGroupsResponse> {
        settle(self.log_group_list(input))
    }

    fn log_group_list(
        &self,
        input: &logs::ListLogGroupsRequest,
    ) -> Done<logs::ListLogGroupsResponse> {
        let pattern = input.log_group_name_pattern.as_deref().unwrap_or_default();
        let is_wanted = |group: &LogGroup| {
            pattern.split('|').any(|one| match one.strip_prefix('^') {
                Some(prefix) => group.name.starts_with(prefix),
                None => group.name.contains(one),
            }) && input
                .log_group_class
                .as_deref()
                .is_none_or(|class| group.class == class)
        };
        let from = match &input.next_token {
            None => log_group_key(""),
            Some(token) => self.read_token(token).ok_or_else(invalid_token)?,
        };
        let limit = input
            .limit
            .and_then(|limit| usize::try_from(limit).ok())
            .unwrap_or(PAGE_DEFAULT);
        let mut groups = self.log_groups_from(&from, usize::MAX)?;
        groups.retain(is_wanted);
        let next = groups.get(limit).map(|group| log_group_key(&group.name));
        let shown = groups
            .into_iter()
            .take(limit)
            .map(|group| logs::LogGroupSummary {
                log_group_arn: Some(group_arn(&group.name, &self.settings)),
                log_group_name: Some(group.name),
                log_group_class: Some(group.class),
            });
        Ok(logs::ListLogGroupsResponse {
            log_groups: Some(shown.collect()),
            next_token: next.map(|key| self.token_of(&key)),
        })
    }

    /// - `stored_bytes`: how much a group's events take, by its id.
    pub fn describe_log_groups(
        &self,
        input: &logs::DescribeLogGroupsRequest,
        stored_bytes: &dyn Fn(&str) -> u64,
    ) -> Read<logs::DescribeLogGroupsResponse> {
        settle(self.log_group_page(input, stored_bytes))
    }

    fn log_group_page(
        &self,
        input: &logs::DescribeLogGroupsRequest,
        stored_bytes: &dyn Fn(&str) -> u64,
    ) -> Done<logs::DescribeLogGroupsResponse> {
        let prefix = input.log_group_name_prefix.as_deref();
        let pattern = input.log_group_name_pattern.as_deref();
        if prefix.is_some() && pattern.is_some() {
            let text = "Specifying both logGroupNamePrefix and logGroupNamePattern is not allowed";
            return Err(logs::Error::invalid_parameter_exception(text).into());
        }
        let limit = input
            .limit
            .and_then(|limit| usize::try_from(limit).ok())
            .unwrap_or(PAGE_DEFAULT);
        let start = log_group_key(prefix.unwrap_or_default());
        let from = match &input.next_token {
            None => start.clone(),
            Some(token) => self
                .read_token(token)
                .filter(|key| key.starts_with(&start))
                .ok_or_else(invalid_token)?,
        };
        let pattern = pattern.map(str::to_lowercase);
        // AWS: a pattern matches anywhere in the name, whatever the case.
        let is_wanted = |group: &LogGroup| {
            let name = pattern
                .as_deref()
                .is_none_or(|pattern| group.name.to_lowercase().contains(pattern));
            let class = input
                .log_group_class
                .as_deref()
                .is_none_or(|class| group.class == class);
            let identifier = input.log_group_identifiers.as_ref().is_none_or(|wanted| {
                let arn = group_arn(&group.name, &self.settings);
                wanted.iter().any(|one| *one == group.name || *one == arn)
            });
            name && class && identifier
        };
        let end = after(&start);
        let groups = self.log_groups_between(&from, &end, SCAN_MAX + 1)?;
        let mut next = (groups.len() > SCAN_MAX).then(|| log_group_key(&groups[SCAN_MAX].name));
        let mut page = Vec::new();
        for group in groups.into_iter().take(SCAN_MAX).filter(is_wanted) {
            if page.len() == limit {
                next = Some(log_group_key(&group.name));
                break;
            }
            page.push(group);
        }
        let shown = page
            .into_iter()
            .map(|group| self.shown_group(group, stored_bytes));
        Ok(logs::DescribeLogGroupsResponse {
            log_groups: Some(shown.collect()),
            next_token: next.map(|key| self.token_of(&key)),
        })
    }

    fn shown_group(&self, group: LogGroup, stored_bytes: &dyn Fn(&str) -> u64) -> logs::LogGroup {
        let arn = group_arn(&group.name, &self.settings);
        let bytes = stored_bytes(&group.id);
        logs::LogGroup {
            arn: Some(format!("{arn}:*")),
            log_group_arn: Some(arn),
            log_group_name: Some(group.name),
            creation_time: Some(group.created_ms),
            retention_in_days: group.retention_days,
            metric_filter_count: Some(i32::try_from(group.metric_filters).unwrap_or(i32::MAX)),
            stored_bytes: Some(i64::try_from(bytes).unwrap_or(i64::MAX)),
            kms_key_id: group.kms_key_id,
            log_group_class: Some(group.class),
            ..Default::default()
        }
    }

    /// Tags of the log group that a name or an ARN names.
    pub fn log_group_tags(
        &self,
        identifier: &str,
    ) -> Read<std::collections::BTreeMap<String, String>> {
        settle(self.tags_of_group(identifier))
    }

    fn tags_of_group(&self, identifier: &str) -> Done<std::collections::BTreeMap<String, String>> {
        Ok(self.log_group(identifier)?.ok_or_else(missing_group)?.tags)
    }

    pub fn describe_resource_policies(
        &self,
    ) -> Result<logs::DescribeResourcePoliciesResponse, Error> {
        let policies = resource_policies(&self.snapshot)?;
        Ok(logs::DescribeResourcePoliciesResponse {
            resource_policies: Some(policies.into_iter().map(shown_policy).collect()),
            next_token: None,
        })
    }

    fn log_groups_from(&self, from: &[u8], limit: usize) -> Result<Vec<LogGroup>, Error> {
        self.log_groups_between(from, &after(&log_group_key("")), limit)
    }

    fn log_groups_between(
        &self,
        from: &[u8],
        to: &[u8],
        limit: usize,
    ) -> Result<Vec<LogGroup>, Error> {
        let rows = Rows::scan(&self.snapshot, from, to, Direction::Ascending, limit)?;
        rows.iter()
            .map(|(key, value)| decode_json(key, value))
            .collect()
    }
}

fn invalid_token() -> logs::Error {
    logs::Error::invalid_parameter_exception("The specified nextToken is invalid.")
}
