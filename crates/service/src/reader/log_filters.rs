//! Filters of log groups and queries that are kept: described a page at a time.

use stepwell_api::logs;
use stepwell_store::Error;

use super::{Read, Reader, settle};
use crate::log_filters::{filters_of, is_of, query_definitions};
use crate::log_groups::{find, missing_group};
use crate::rows::log_group::{LogFilter, LogFilterAction, LogGroup};
use crate::shard::Done;

/// Entries on a page when the caller does not say. Source: DescribeMetricFilters, DescribeSubscriptionFilters.
const PAGE_DEFAULT: usize = 50;

impl Reader {
    /// All filters of the group with this id.
    pub fn log_filters(&self, group_id: &str) -> Result<Vec<LogFilter>, Error> {
        filters_of(&self.snapshot, group_id)
    }

    pub fn describe_metric_filters(
        &self,
        input: &logs::DescribeMetricFiltersRequest,
    ) -> Read<logs::DescribeMetricFiltersResponse> {
        settle(self.metric_filter_page(input))
    }

    fn metric_filter_page(
        &self,
        input: &logs::DescribeMetricFiltersRequest,
    ) -> Done<logs::DescribeMetricFiltersResponse> {
        if input.metric_name.is_some() != input.metric_namespace.is_some() {
            let text = "Specify both metricName and metricNamespace, or neither.";
            return Err(logs::Error::invalid_parameter_exception(text).into());
        }
        let groups = match &input.log_group_name {
            Some(name) => vec![find(&self.snapshot, name)?.ok_or_else(missing_group)?],
            None => self.log_groups_with_filters()?,
        };
        let mut filters = Vec::new();
        for group in groups {
            for filter in filters_of(&self.snapshot, &group.id)? {
                let LogFilterAction::Metric(transformation) = &filter.action else {
                    continue;
                };
                let is_metric = input
                    .metric_name
                    .as_ref()
                    .is_none_or(|name| transformation.metric_name == *name)
                    && input
                        .metric_namespace
                        .as_ref()
                        .is_none_or(|namespace| transformation.metric_namespace == *namespace);
                let prefix = input.filter_name_prefix.as_deref().unwrap_or_default();
                if is_metric && filter.name.starts_with(prefix) {
                    filters.push(shown_metric_filter(&group, filter));
                }
            }
        }
        let (metric_filters, next_token) = page(filters, input.limit, input.next_token.as_deref())?;
        Ok(logs::DescribeMetricFiltersResponse {
            metric_filters: Some(metric_filters),
            next_token,
        })
    }

    pub fn describe_subscription_filters(
        &self,
        input: &logs::DescribeSubscriptionFiltersRequest,
    ) -> Read<logs::DescribeSubscriptionFiltersResponse> {
        settle(self.subscription_filter_page(input))
    }

    fn subscription_filter_page(
        &self,
        input: &logs::DescribeSubscriptionFiltersRequest,
    ) -> Done<logs::DescribeSubscriptionFiltersResponse> {
        let group = find(&self.snapshot, &input.log_group_name)?.ok_or_else(missing_group)?;
        let prefix = input.filter_name_prefix.as_deref().unwrap_or_default();
        let filters = filters_of(&self.snapshot, &group.id)?
            .into_iter()
            .filter(|filter| is_of(filter, false) && filter.name.starts_with(prefix))
            .map(|filter| shown_subscription_filter(&group, filter))
            .collect();
        let (subscription_filters, next_token) =
            page(filters, input.limit, input.next_token.as_deref())?;
        Ok(logs::DescribeSubscriptionFiltersResponse {
            subscription_filters: Some(subscription_filters),
            next_token,
        })
    }

    pub fn describe_query_definitions(
        &self,
        input: &logs::DescribeQueryDefinitionsRequest,
    ) -> Read<logs::DescribeQueryDefinitionsResponse> {
        settle(self.query_definition_page(input))
    }

    fn query_definition_page(
        &self,
        input: &logs::DescribeQueryDefinitionsRequest,
    ) -> Done<logs::DescribeQueryDefinitionsResponse> {
        let prefix = input.query_definition_name_prefix.as_deref();
        let mut all = query_definitions(&self.snapshot)?;
        all.retain(|definition| definition.name.starts_with(prefix.unwrap_or_default()));
        all.sort_by(|one, other| (&one.name, &one.id).cmp(&(&other.name, &other.id)));
        let shown = all
            .into_iter()
            .map(|definition| logs::QueryDefinition {
                query_language: Some("CWLI".to_string()),
                query_definition_id: Some(definition.id),
                name: Some(definition.name),
                query_string: Some(definition.query),
                last_modified: Some(definition.modified_ms),
                log_group_names: Some(definition.group_names),
                ..Default::default()
            })
            .collect();
        let (query_definitions, next_token) =
            page(shown, input.max_results, input.next_token.as_deref())?;
        Ok(logs::DescribeQueryDefinitionsResponse {
            query_definitions: Some(query_definitions),
            next_token,
        })
    }
}

/// Entries from the token on, and the token of the rest.
fn page<T>(all: Vec<T>, limit: Option<i32>, token: Option<&str>) -> Done<(Vec<T>, Option<String>)> {
    let start = match token.map(str::parse::<usize>) {
        None => 0,
        Some(Ok(start)) if start <= all.len() => start,
        Some(_) => {
            let text = "The specified nextToken is invalid.";
            return Err(logs::Error::invalid_parameter_exception(text).into());
        }
    };
    let limit = limit
        .and_then(|limit| usize::try_from(limit).ok())
        .unwrap_or(PAGE_DEFAULT);
    let end = start + limit;
    let next = (end < all.len()).then(|| end.to_string());
    Ok((all.into_iter().skip(start).take(limit).collect(), next))
}

fn shown_metric_filter(group: &LogGroup, filter: LogFilter) -> logs::MetricFilter {
    let transformations = match filter.action {
        LogFilterAction::Metric(transformation) => vec![transformation],
        LogFilterAction::Subscription { .. } => Vec::new(),
    };
    logs::MetricFilter {
        filter_name: Some(filter.name),
        filter_pattern: Some(filter.pattern),
        metric_transformations: Some(transformations),
        creation_time: Some(filter.created_ms),
        log_group_name: Some(group.name.clone()),
        ..Default::default()
    }
}

fn shown_subscription_filter(group: &LogGroup, filter: LogFilter) -> logs::SubscriptionFilter {
    let mut shown = logs::SubscriptionFilter {
        filter_name: Some(filter.name),
        filter_pattern: Some(filter.pattern),
        creation_time: Some(filter.created_ms),
        log_group_name: Some(group.name.clone()),
        ..Default::default()
    };
    if let LogFilterAction::Subscription {
        destination_arn,
        role_arn,
        distribution,
    } = filter.action
    {
        shown.destination_arn = Some(destination_arn);
        shown.role_arn = role_arn;
        // AWS: by log stream if it does not say.
        shown.distribution = Some(distribution.unwrap_or_else(|| "ByLogStream".to_string()));
    }
    shown
}
