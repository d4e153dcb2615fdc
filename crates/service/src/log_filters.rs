//! Metric filters and subscription filters of log groups, and queries that are kept.

use stepwell_api::logs;
use stepwell_engine::Timestamp;
use stepwell_store::{Direction, Error};

use crate::command::Answered;
use crate::log_groups::{logs_body, nothing};
use crate::rows::log_group::{
    LogFilter, LogFilterAction, LogGroup, LogQueryDefinition, METRIC, SUBSCRIPTION, log_filter_key,
    log_filters_of, query_definition_key,
};
use crate::rows::{after, decode_json, encode_json};
use crate::shard::{Done, Shard};
use crate::staging::Rows;

/// Metric filters of a group. Source: CloudWatch Logs quotas.
const METRIC_FILTERS_MAX: u32 = 100;

/// Subscription filters of a group. Source: CloudWatch Logs quotas.
const SUBSCRIPTION_FILTERS_MAX: u32 = 2;

/// Queries that are kept. Source: CloudWatch Logs quotas.
const QUERY_DEFINITIONS_MAX: usize = 1_000;

/// Dimensions of a metric filter. Source: PutMetricFilter.
const DIMENSIONS_MAX: usize = 3;

/// AWS: what every limit of filters says.
const LIMIT_EXCEEDED: &str = "Resource limit exceeded.";

impl Shard {
    pub(crate) fn put_metric_filter(
        &mut self,
        now: Timestamp,
        input: logs::PutMetricFilterRequest,
    ) -> Done<Answered> {
        let refused = logs::Error::invalid_parameter_exception;
        let mut transformations = input.metric_transformations.into_iter();
        let (Some(transformation), None) = (transformations.next(), transformations.next()) else {
            return Err(refused("A metric filter has exactly one metric transformation.").into());
        };
        if let Some(dimensions) = &transformation.dimensions {
            if dimensions.len() > DIMENSIONS_MAX {
                let text = format!("A metric filter has at most {DIMENSIONS_MAX} dimensions.");
                return Err(refused(&text).into());
            }
            if !dimensions.is_empty() && transformation.default_value.is_some() {
                // AWS: a value for nothing would be one of each combination of dimensions.
                let text = "Invalid metric transformation: dimensions and default value are mutually exclusive properties.";
                return Err(refused(text).into());
            }
        }
        let metric = &transformation.metric_value;
        if !metric.starts_with('$') && metric.parse::<f64>().is_err() {
            let text = format!(
                "Invalid metric transformation: the metric value '{metric}' is neither a number nor a selector"
            );
            return Err(refused(&text).into());
        }
        let group = self.log_group_named(&input.log_group_name)?;
        self.put_log_filter(
            group,
            LogFilter {
                name: input.filter_name,
                group: String::new(),
                pattern: input.filter_pattern,
                created_ms: now.as_millis(),
                action: LogFilterAction::Metric(transformation),
            },
        )
    }

    pub(crate) fn put_subscription_filter(
        &mut self,
        now: Timestamp,
        input: logs::PutSubscriptionFilterRequest,
    ) -> Done<Answered> {
        let group = self.log_group_named(&input.log_group_name)?;
        self.put_log_filter(
            group,
            LogFilter {
                name: input.filter_name,
                group: String::new(),
                pattern: input.filter_pattern,
                created_ms: now.as_millis(),
                action: LogFilterAction::Subscription {
                    destination_arn: input.destination_arn,
                    role_arn: input.role_arn,
                    distribution: input.distribution,
                },
            },
        )
    }

    fn put_log_filter(&mut self, mut group: LogGroup, mut filter: LogFilter) -> Done<Answered> {
        filter.group.clone_from(&group.id);
        let key = log_filter_key(&group.id, filter.kind(), &filter.name);
        let before = self.staging.get(&key)?;
        let (count, most) = match filter.action {
            LogFilterAction::Metric(_) => (&mut group.metric_filters, METRIC_FILTERS_MAX),
            LogFilterAction::Subscription { .. } => {
                (&mut group.subscription_filters, SUBSCRIPTION_FILTERS_MAX)
            }
        };
        match before {
            Some(before) => {
                let before: LogFilter = decode_json(&key, &before)?;
                filter.created_ms = before.created_ms;
            }
            None if *count >= most => {
                return Err(logs::Error::limit_exceeded_exception(LIMIT_EXCEEDED).into());
            }
            None => *count += 1,
        }
        group.filters_revision += 1;
        self.staging.put(key, encode_json(&filter));
        self.put_log_group(&group);
        Ok(nothing())
    }

    pub(crate) fn delete_log_filter(
        &mut self,
        group: &str,
        kind: &str,
        name: &str,
    ) -> Done<Answered> {
        let mut group = self.log_group_named(group)?;
        let key = log_filter_key(&group.id, kind, name);
        if self.staging.get(&key)?.is_none() {
            let what = match kind {
                METRIC => "metric",
                _ => "subscription",
            };
            let text = format!("The specified {what} filter does not exist.");
            return Err(logs::Error::resource_not_found_exception(text).into());
        }
        self.staging.delete(key);
        let count = match kind {
            METRIC => &mut group.metric_filters,
            _ => &mut group.subscription_filters,
        };
        *count = count.saturating_sub(1);
        group.filters_revision += 1;
        self.put_log_group(&group);
        Ok(nothing())
    }

    /// The group goes, and its filters with it.
    pub(crate) fn forget_log_filters(&mut self, group: &LogGroup) -> Result<(), Error> {
        for filter in filters_of(&self.staging, &group.id)? {
            self.staging
                .delete(log_filter_key(&group.id, filter.kind(), &filter.name));
        }
        Ok(())
    }

    pub(crate) fn put_query_definition(
        &mut self,
        now: Timestamp,
        entropy: &[u8; 32],
        input: logs::PutQueryDefinitionRequest,
    ) -> Done<Answered> {
        let id = match input.query_definition_id {
            Some(id) => {
                if self.staging.get(&query_definition_key(&id))?.is_none() {
                    return Err(missing_definition(&id).into());
                }
                id
            }
            None => {
                if query_definitions(&self.staging)?.len() >= QUERY_DEFINITIONS_MAX {
                    return Err(logs::Error::limit_exceeded_exception(LIMIT_EXCEEDED).into());
                }
                stepwell_engine::entropy(entropy).draw_uuid()
            }
        };
        let definition = LogQueryDefinition {
            id: id.clone(),
            name: input.name,
            query: input.query_string,
            group_names: input.log_group_names.unwrap_or_default(),
            modified_ms: now.as_millis(),
        };
        self.staging
            .put(query_definition_key(&id), encode_json(&definition));
        Ok(logs_body(&logs::PutQueryDefinitionResponse {
            query_definition_id: Some(id),
        }))
    }

    pub(crate) fn delete_query_definition(
        &mut self,
        input: &logs::DeleteQueryDefinitionRequest,
    ) -> Done<Answered> {
        let key = query_definition_key(&input.query_definition_id);
        if self.staging.get(&key)?.is_none() {
            return Err(missing_definition(&input.query_definition_id).into());
        }
        self.staging.delete(key);
        Ok(logs_body(&logs::DeleteQueryDefinitionResponse {
            success: Some(true),
        }))
    }
}

/// All filters of a group, metric filters first, by name.
pub(crate) fn filters_of(rows: &dyn Rows, group: &str) -> Result<Vec<LogFilter>, Error> {
    let prefix = log_filters_of(group);
    let most = (METRIC_FILTERS_MAX + SUBSCRIPTION_FILTERS_MAX) as usize;
    let rows = rows.scan(&prefix, &after(&prefix), Direction::Ascending, most)?;
    rows.iter()
        .map(|(key, value)| decode_json(key, value))
        .collect()
}

/// All queries that are kept.
pub(crate) fn query_definitions(rows: &dyn Rows) -> Result<Vec<LogQueryDefinition>, Error> {
    let prefix = query_definition_key("");
    let rows = rows.scan(
        &prefix,
        &after(&prefix),
        Direction::Ascending,
        QUERY_DEFINITIONS_MAX,
    )?;
    rows.iter()
        .map(|(key, value)| decode_json(key, value))
        .collect()
}

fn missing_definition(id: &str) -> logs::Error {
    logs::Error::resource_not_found_exception(format!("Query definition {id} does not exist."))
}

/// Whether a filter is of this kind.
pub(crate) fn is_of(filter: &LogFilter, is_metric: bool) -> bool {
    filter.kind() == if is_metric { METRIC } else { SUBSCRIPTION }
}
