//! Metric filters and subscription filters: what is checked before the shard keeps them.

use stepwell_api::arn::FunctionArn;
use stepwell_api::logs;
use stepwell_service::LogsRequest;
use stepwell_telemetry::metrics::Unit;
use stepwell_telemetry::{FilterPattern, Query};

use crate::log_queries::{check_language, malformed};
use crate::logs::{LogOperations, rendered};

impl LogOperations {
    pub(crate) async fn put_metric_filter(&self, body: &[u8]) -> Result<Vec<u8>, logs::Error> {
        let input: logs::PutMetricFilterRequest = logs::decode(body)?;
        let refused = logs::Error::invalid_parameter_exception;
        let pattern = parsed(&input.filter_pattern)?;
        if input.field_selection_criteria.is_some() || input.emit_system_field_dimensions.is_some()
        {
            let text = "Stepwell does not implement fieldSelectionCriteria of metric filters yet";
            return Err(logs::Error::not_implemented(text));
        }
        for transformation in &input.metric_transformations {
            let dimensions = transformation.dimensions.iter().flatten();
            let selectors: Vec<&String> = dimensions.map(|(_, selector)| selector).collect();
            if !selectors.is_empty() && !pattern.has_fields() {
                let text = "The specified filter pattern does not support dimensions";
                return Err(refused(text));
            }
            if let Some(selector) = selectors
                .into_iter()
                .find(|selector| !selector.starts_with('$'))
            {
                let text = format!(
                    "Invalid metric transformation: the dimension value '{selector}' is no selector"
                );
                return Err(refused(&text));
            }
            if transformation.metric_value.starts_with('$') && !pattern.has_fields() {
                let text =
                    "The specified filter pattern does not support metric values from fields";
                return Err(refused(text));
            }
            if let Some(unit) = transformation.unit.as_deref()
                && Unit::of_name(unit).is_none()
            {
                return Err(refused(&format!(
                    "Invalid metric transformation: unit '{unit}'"
                )));
            }
        }
        self.group(Some(&input.log_group_name), None)?;
        self.send(LogsRequest::PutMetricFilter(input)).await
    }

    pub(crate) async fn put_subscription_filter(
        &self,
        body: &[u8],
    ) -> Result<Vec<u8>, logs::Error> {
        let input: logs::PutSubscriptionFilterRequest = logs::decode(body)?;
        let refused = logs::Error::invalid_parameter_exception;
        parsed(&input.filter_pattern)?;
        if input.field_selection_criteria.is_some() || input.emit_system_fields.is_some() {
            let text =
                "Stepwell does not implement fieldSelectionCriteria of subscription filters yet";
            return Err(logs::Error::not_implemented(text));
        }
        self.group(Some(&input.log_group_name), None)?;
        let destination = &input.destination_arn;
        if FunctionArn::parse(destination).is_err() {
            let text = format!(
                "Stepwell does not implement subscription filters to {destination} yet: the destination is a function"
            );
            return Err(logs::Error::not_implemented(text));
        }
        // AWS: these words are told for a function that is not there, too.
        let missing = "Could not execute the lambda function. Make sure you have given CloudWatch Logs permission to execute your function.";
        let function = self
            .handle
            .reader()
            .function(destination, None)
            .map_err(|error| crate::logs::failed(&error))?
            .map_err(|_| refused(missing))?;
        let logging = function.logging.as_ref();
        let own_group = logging
            .and_then(|logging| logging.log_group.clone())
            .unwrap_or_else(|| format!("/aws/lambda/{}", function.name));
        if own_group == input.log_group_name {
            let text = "The log group provided is reserved for the function logs of the destination function.";
            return Err(refused(text));
        }
        self.send(LogsRequest::PutSubscriptionFilter(input)).await
    }

    /// `TestMetricFilter`: which of the messages match, and what of them is named.
    pub(crate) fn test_metric_filter(body: &[u8]) -> Result<Vec<u8>, logs::Error> {
        let input: logs::TestMetricFilterRequest = logs::decode(body)?;
        let pattern = parsed(&input.filter_pattern)?;
        let matches =
            input
                .log_event_messages
                .into_iter()
                .enumerate()
                .filter_map(|(at, message)| {
                    Some(logs::MetricFilterMatchRecord {
                        // AWS: counted from 1.
                        event_number: i64::try_from(at + 1).ok(),
                        extracted_values: Some(pattern.extract(&message)?),
                        event_message: Some(message),
                    })
                });
        rendered(logs::TestMetricFilterResponse {
            matches: Some(matches.collect()),
        })
    }

    pub(crate) async fn put_query_definition(&self, body: &[u8]) -> Result<Vec<u8>, logs::Error> {
        let input: logs::PutQueryDefinitionRequest = logs::decode(body)?;
        check_language(input.query_language.as_deref())?;
        Query::parse(&input.query_string).map_err(malformed)?;
        self.send(LogsRequest::PutQueryDefinition(input)).await
    }
}

fn parsed(pattern: &str) -> Result<FilterPattern, logs::Error> {
    FilterPattern::parse(pattern)
        .map_err(|refused| logs::Error::invalid_parameter_exception(refused.0))
}
