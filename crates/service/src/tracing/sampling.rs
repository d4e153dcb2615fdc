//! Which requests are traced.
//!
//! AWS: the first rule that fits decides: so many requests a second, and then a part of the others
//! (docs.aws.amazon.com/xray/latest/devguide/xray-console-sampling.html).

use std::collections::BTreeMap;

use stepwell_engine::Timestamp;

use crate::rows::tracing::SamplingRuleRow;

/// The rule that is always there, and last.
pub const DEFAULT_RULE: &str = "Default";

/// AWS: the default rule has the last priority.
const DEFAULT_PRIORITY: i32 = 10_000;

/// A request that may be traced.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    pub resource_arn: &'a str,
    pub service_name: &'a str,
    /// Such as `AWS::Lambda::Function`.
    pub service_type: &'a str,
    pub host: &'a str,
    pub http_method: &'a str,
    pub url_path: &'a str,
}

/// One request a second and 5 % of the others.
pub fn default_rule() -> SamplingRuleRow {
    let any = || "*".to_owned();
    SamplingRuleRow {
        name: DEFAULT_RULE.to_owned(),
        resource_arn: any(),
        priority: DEFAULT_PRIORITY,
        fixed_rate: 0.05,
        reservoir_size: 1,
        service_name: any(),
        service_type: any(),
        host: any(),
        http_method: any(),
        url_path: any(),
        attributes: BTreeMap::new(),
        created_ms: 0,
        modified_ms: 0,
        tags: BTreeMap::new(),
    }
}

/// What was sampled in the second that runs.
#[derive(Debug, Default)]
pub struct Sampler {
    /// By rule: the second, and the requests that its reservoir has taken.
    taken: BTreeMap<String, (i64, i32)>,
}

impl Sampler {
    /// Whether a request is sampled.
    ///
    /// - `rules`: in the order in which they are asked; the default rule is among them.
    /// - `draw`: 64 random bits.
    pub fn samples(
        &mut self,
        rules: &[SamplingRuleRow],
        now: Timestamp,
        asked: &Asked<'_>,
        draw: u64,
    ) -> bool {
        let Some(rule) = rules.iter().find(|rule| fits(rule, asked)) else {
            return false;
        };
        let second = now.as_millis().div_euclid(1_000);
        if !self.taken.contains_key(&rule.name) {
            // INVARIANT: there are no more entries than rules have names at one time; a rule that went leaves one behind.
            self.taken
                .retain(|name, _| rules.iter().any(|rule| rule.name == *name));
            self.taken.insert(rule.name.clone(), (second, 0));
        }
        if let Some((of, taken)) = self.taken.get_mut(&rule.name) {
            if *of != second {
                (*of, *taken) = (second, 0);
            }
            if *taken < rule.reservoir_size {
                *taken += 1;
                return true;
            }
        }
        is_below(draw, rule.fixed_rate)
    }
}

/// Whether random bits fall into the part `rate` of all that there are.
#[expect(clippy::cast_precision_loss, reason = "53 bits are enough for a rate")]
fn is_below(draw: u64, rate: f64) -> bool {
    ((draw >> 11) as f64) < rate * (1_u64 << 53) as f64
}

fn fits(rule: &SamplingRuleRow, asked: &Asked<'_>) -> bool {
    // A request has no attributes before it is traced: a rule that asks for some fits none.
    rule.attributes.is_empty()
        && is_like(&rule.resource_arn, asked.resource_arn)
        && is_like(&rule.service_name, asked.service_name)
        && is_like(&rule.service_type, asked.service_type)
        && is_like(&rule.host, asked.host)
        && is_like(&rule.http_method, asked.http_method)
        && is_like(&rule.url_path, asked.url_path)
}

/// AWS: `*` stands for any text and `?` for one character; case does not count.
///
/// At most as many steps as the lengths multiplied, both of which the model bounds.
fn is_like(pattern: &str, text: &str) -> bool {
    if pattern == "*" {
        return true;
    }
    let pattern: Vec<char> = pattern.to_lowercase().chars().collect();
    let text: Vec<char> = text.to_lowercase().chars().collect();
    let (mut p, mut t) = (0, 0);
    let mut star = None;
    while t < text.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(wanted) if *wanted == '?' || *wanted == text[t] => {
                p += 1;
                t += 1;
            }
            _ => match star {
                Some((at, from)) => {
                    star = Some((at, from + 1));
                    (p, t) = (at + 1, from + 1);
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|rest| *rest == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(name: &str) -> Asked<'_> {
        Asked {
            resource_arn: "arn:aws:states:eu-west-1:123456789012:stateMachine:orders",
            service_name: name,
            service_type: "AWS::StepFunctions::StateMachine",
            host: "",
            http_method: "",
            url_path: "",
        }
    }

    fn rule(
        name: &str,
        service_name: &str,
        reservoir_size: i32,
        fixed_rate: f64,
    ) -> SamplingRuleRow {
        SamplingRuleRow {
            name: name.to_owned(),
            service_name: service_name.to_owned(),
            reservoir_size,
            fixed_rate,
            ..default_rule()
        }
    }

    fn count(
        sampler: &mut Sampler,
        rules: &[SamplingRuleRow],
        name: &str,
        ms: i64,
        times: u64,
    ) -> usize {
        let now = Timestamp::from_millis(ms);
        (0..times)
            .filter(|number| {
                // Spread evenly over all that may be drawn.
                sampler.samples(rules, now, &asked(name), number * (u64::MAX / times))
            })
            .count()
    }

    #[test]
    fn the_default_rule_takes_one_a_second_and_5_percent_of_the_others() {
        let mut sampler = Sampler::default();
        let rules = [default_rule()];
        let sampled = count(&mut sampler, &rules, "orders", 0, 10_000);
        assert!((500..=502).contains(&sampled), "{sampled}");
        let again = count(&mut sampler, &rules, "orders", 999, 10_000);
        assert!((499..=501).contains(&again), "the same second: {again}");
    }

    #[test]
    fn the_first_rule_that_fits_decides() {
        let mut sampler = Sampler::default();
        let rules = [
            rule("all", "ord*", 0, 1.0),
            rule("none", "?ay", 2, 0.0),
            default_rule(),
        ];
        assert_eq!(count(&mut sampler, &rules, "Orders", 0, 100), 100);
        assert_eq!(count(&mut sampler, &rules, "pay", 0, 100), 2);
        assert_eq!(
            count(&mut sampler, &rules, "pay", 1_000, 100),
            2,
            "another second"
        );
        let others = count(&mut sampler, &rules, "paying", 0, 100);
        assert!((5..=7).contains(&others), "{others}");
    }

    #[test]
    fn a_pattern_fits_what_it_says() {
        for (pattern, text, fits) in [
            ("*", "", true),
            ("", "", true),
            ("", "a", false),
            ("a*c", "abbc", true),
            ("a*c", "abbcd", false),
            ("*b*", "abc", true),
            ("a?c", "ABC", true),
            ("a?c", "ac", false),
            ("**", "anything", true),
        ] {
            assert_eq!(is_like(pattern, text), fits, "{pattern} {text}");
        }
    }
}
