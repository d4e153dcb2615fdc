//! What SDKs are told to sample: GetSamplingTargets.
//!
//! AWS: each client tells every ten seconds what it has sampled, and gets its part of each rule's reservoir
//! (docs.aws.amazon.com/xray/latest/devguide/xray-api-sampling.html).

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use stepwell_api::{EpochSeconds, xray};
use stepwell_service::{SamplingRuleRow, Timestamp};

/// Seconds after which a client tells again, and until which its quota holds.
const INTERVAL_SECONDS: i32 = 10;

/// A client that tells nothing for this long has gone.
const CLIENT_GONE_MS: i64 = 30_000;

/// Clients of one rule that are counted.
const CLIENTS_MAX: usize = 1_000;

/// Rules that clients may have told of; more than there can be.
const RULES_MAX: usize = 100;

/// What clients have told since the start.
#[derive(Default)]
pub(crate) struct SamplingTargets {
    told: Mutex<BTreeMap<String, Told>>,
}

#[derive(Default)]
struct Told {
    /// When each client told last.
    clients: BTreeMap<String, i64>,
    at_ms: i64,
    requests: i32,
    borrowed: i32,
    sampled: i32,
}

impl SamplingTargets {
    /// `GetSamplingTargets`.
    pub(crate) fn answer(
        &self,
        rules: &[SamplingRuleRow],
        input: &xray::GetSamplingTargetsRequest,
        now: Timestamp,
    ) -> xray::GetSamplingTargetsResult {
        let now_ms = now.as_millis();
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.retain(|name, _| rules.iter().any(|rule| rule.name == *name));
        let (mut targets, mut unprocessed) = (Vec::new(), Vec::new());
        for document in &input.sampling_statistics_documents {
            let name = &document.rule_name;
            let Some(rule) = rules.iter().find(|rule| rule.name == *name) else {
                unprocessed.push(xray::UnprocessedStatistics {
                    rule_name: Some(name.clone()),
                    error_code: Some("400".to_owned()),
                    message: Some("Unknown rule".to_owned()),
                });
                continue;
            };
            if told.len() >= RULES_MAX && !told.contains_key(name) {
                continue;
            }
            let of_rule = told.entry(name.clone()).or_default();
            of_rule
                .clients
                .retain(|_, at_ms| now_ms - *at_ms < CLIENT_GONE_MS);
            if of_rule.clients.len() < CLIENTS_MAX
                || of_rule.clients.contains_key(&document.client_id)
            {
                of_rule.clients.insert(document.client_id.clone(), now_ms);
            }
            of_rule.at_ms = now_ms;
            of_rule.requests = of_rule
                .requests
                .saturating_add(document.request_count.max(0));
            of_rule.sampled = of_rule
                .sampled
                .saturating_add(document.sampled_count.max(0));
            let borrowed = document.borrow_count.unwrap_or_default().max(0);
            of_rule.borrowed = of_rule.borrowed.saturating_add(borrowed);
            let clients = i32::try_from(of_rule.clients.len().max(1)).unwrap_or(i32::MAX);
            // At least one where there is a reservoir: a client with none samples by the rate alone.
            let quota = (rule.reservoir_size / clients).max(rule.reservoir_size.min(1));
            let until_ms = now_ms + i64::from(INTERVAL_SECONDS) * 1_000;
            targets.push(xray::SamplingTargetDocument {
                rule_name: Some(name.clone()),
                fixed_rate: Some(rule.fixed_rate),
                reservoir_quota: Some(quota),
                reservoir_quota_ttl: Some(EpochSeconds::from_ms(until_ms)),
                interval: Some(INTERVAL_SECONDS),
                ..Default::default()
            });
        }
        let modified_ms = rules.iter().map(|rule| rule.modified_ms).max();
        xray::GetSamplingTargetsResult {
            sampling_target_documents: Some(targets),
            last_rule_modification: Some(EpochSeconds::from_ms(modified_ms.unwrap_or_default())),
            unprocessed_statistics: Some(unprocessed),
            unprocessed_boost_statistics: None,
        }
    }

    /// `GetSamplingStatisticSummaries`: since the start of the server.
    pub(crate) fn summaries(&self) -> xray::GetSamplingStatisticSummariesResult {
        let told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let summaries = told
            .iter()
            .map(|(name, told)| xray::SamplingStatisticSummary {
                rule_name: Some(name.clone()),
                timestamp: Some(EpochSeconds::from_ms(told.at_ms)),
                request_count: Some(told.requests),
                borrow_count: Some(told.borrowed),
                sampled_count: Some(told.sampled),
            });
        xray::GetSamplingStatisticSummariesResult {
            sampling_statistic_summaries: Some(summaries.collect()),
            next_token: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use stepwell_service::default_rule;

    use super::*;

    fn told(rule: &str, client: &str) -> xray::SamplingStatisticsDocument {
        xray::SamplingStatisticsDocument {
            rule_name: rule.to_owned(),
            client_id: client.to_owned(),
            timestamp: EpochSeconds::from_ms(0),
            request_count: 10,
            sampled_count: 2,
            borrow_count: Some(1),
        }
    }

    #[test]
    fn clients_share_a_reservoir_and_one_that_has_gone_has_no_part() {
        let targets = SamplingTargets::default();
        let rules = [SamplingRuleRow {
            reservoir_size: 10,
            ..default_rule()
        }];
        let quota = |client: &str, ms: i64| {
            let input = xray::GetSamplingTargetsRequest {
                sampling_statistics_documents: vec![told("Default", client), told("gone", client)],
                ..Default::default()
            };
            let answer = targets.answer(&rules, &input, Timestamp::from_millis(ms));
            assert_eq!(
                answer.unprocessed_statistics.map(|list| list.len()),
                Some(1)
            );
            answer.sampling_target_documents.expect("a list")[0].reservoir_quota
        };
        assert_eq!(quota("a", 0), Some(10));
        assert_eq!(quota("b", 1_000), Some(5));
        assert_eq!(quota("b", 31_000), Some(10), "a has gone");
        let summaries = targets
            .summaries()
            .sampling_statistic_summaries
            .expect("a list");
        assert_eq!(summaries[0].request_count, Some(30));
    }
}
