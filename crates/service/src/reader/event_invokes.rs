//! How functions are invoked asynchronously.

use stepwell_api::arn::{FunctionArn, Scope};
use stepwell_api::lambda;

use super::{Read, Reader, settle};
use crate::deliveries::{config_of, configs_of, no_config};
use crate::functions::missing_function;
use crate::functions::named::Given;
use crate::shard::Done;

/// Configurations on a page. Source: ListFunctionEventInvokeConfigs.
const PAGE_MAX: usize = 50;

impl Reader {
    pub fn event_invoke_config(
        &self,
        input: &lambda::GetFunctionEventInvokeConfigRequest,
    ) -> Read<lambda::FunctionEventInvokeConfig> {
        settle(self.event_invoke(input))
    }

    fn event_invoke(
        &self,
        input: &lambda::GetFunctionEventInvokeConfigRequest,
    ) -> Done<lambda::FunctionEventInvokeConfig> {
        let arn = self.function_named(&input.function_name, input.qualifier.as_deref())?;
        let qualifier = arn.qualifier().unwrap_or("$LATEST");
        let qualified = arn.with_qualifier(qualifier);
        match config_of(&self.snapshot, arn.name(), qualifier)? {
            Some(row) => Ok(row.shown(qualified.to_string())),
            None => Err(no_config(qualified.as_str()).into()),
        }
    }

    /// By qualifier, a page at a time.
    pub fn list_event_invoke_configs(
        &self,
        input: &lambda::ListFunctionEventInvokeConfigsRequest,
    ) -> Read<lambda::ListFunctionEventInvokeConfigsResponse> {
        settle(self.event_invoke_list(input))
    }

    fn event_invoke_list(
        &self,
        input: &lambda::ListFunctionEventInvokeConfigsRequest,
    ) -> Done<lambda::ListFunctionEventInvokeConfigsResponse> {
        let arn = self
            .function_named(&input.function_name, None)?
            .unqualified();
        let limit = input
            .max_items
            .and_then(|max| usize::try_from(max).ok())
            .unwrap_or(PAGE_MAX)
            .clamp(1, PAGE_MAX);
        let from = input.marker.as_deref().unwrap_or_default();
        let mut found = configs_of(&self.snapshot, arn.name(), from, limit + 1)?;
        let next_marker = (found.len() > limit)
            .then(|| found.pop())
            .flatten()
            .map(|(qualifier, _)| qualifier);
        let shown = found
            .iter()
            .map(|(qualifier, row)| row.shown(arn.with_qualifier(qualifier).to_string()));
        Ok(lambda::ListFunctionEventInvokeConfigsResponse {
            function_event_invoke_configs: Some(shown.collect()),
            next_marker,
        })
    }

    /// The ARN of a function that exists, with the qualifier if one was given.
    fn function_named(&self, text: &str, qualifier: Option<&str>) -> Done<FunctionArn> {
        let scope = Scope::new(
            self.settings.region.as_str(),
            self.settings.account.as_str(),
        );
        let arn = FunctionArn::resolve(&scope, text)?;
        let arn = match qualifier {
            Some(qualifier) => arn.with_qualifier(qualifier),
            None => arn,
        };
        let found = Given::parse(arn.as_str(), None)?.find(&self.snapshot, None)?;
        match found.filter(|found| found.row.arn == arn.unqualified().as_str()) {
            Some(_) => Ok(arn),
            None => Err(missing_function(arn.as_str()).into()),
        }
    }
}
