//! Sampling rules, groups, and the events of an execution as they are stored.

use std::collections::BTreeMap;

use stepwell_api::xray;
use stepwell_engine::{Event, EventId};
use stepwell_store::Error;

use super::Reader;
use crate::rows::history::events_between;
use crate::rows::tracing::SamplingRuleRow;
use crate::tracing::{self, shown_group, shown_rule};

impl Reader {
    /// The sampling rules in the order in which they are asked; the default one is the last.
    pub fn sampling_rules(&self) -> Result<Vec<SamplingRuleRow>, Error> {
        tracing::rules(&self.snapshot)
    }

    /// The sampling rules as they are shown.
    pub fn sampling_rule_records(&self) -> Result<Vec<xray::SamplingRuleRecord>, Error> {
        let rules = self.sampling_rules()?;
        Ok(rules
            .iter()
            .map(|rule| shown_rule(rule, &self.settings))
            .collect())
    }

    /// The group of this name or ARN.
    pub fn trace_group(&self, identifier: &str) -> Result<Option<xray::Group>, Error> {
        let found = tracing::found_group(&self.snapshot, identifier)?;
        Ok(found.map(|row| shown_group(&row, &self.settings)))
    }

    /// All groups, by name.
    pub fn trace_groups(&self) -> Result<Vec<xray::Group>, Error> {
        let groups = tracing::groups(&self.snapshot)?;
        Ok(groups
            .iter()
            .map(|row| shown_group(row, &self.settings))
            .collect())
    }

    /// The tags of a rule or a group by its ARN; `None` if there is none.
    pub fn tracing_tags(&self, arn: &str) -> Result<Option<BTreeMap<String, String>>, Error> {
        let found = tracing::resource(&self.snapshot, arn)?;
        Ok(found.map(tracing::Resource::tags))
    }

    /// The events of a Standard execution from 1 to `last`, as they are stored.
    pub fn stored_events(&self, number: u64, last: EventId) -> Result<Vec<Event>, Error> {
        events_between(&self.snapshot, number, EventId(1), last)
    }
}
