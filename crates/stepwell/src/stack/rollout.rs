//! Deployment preferences: how the traffic of an alias goes from one version to the next.

use std::{thread, time::Duration};

use serde_json::{Value, json};

/// How long a minute of a deployment preference lasts.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    pub minute: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            minute: Duration::from_secs(60),
        }
    }
}

/// A gradual shift: the share of the new version after each wait, in percent, before it has everything.
#[derive(Debug, Clone, PartialEq)]
pub struct Rollout {
    pub shares: Vec<u32>,
    pub minutes: u64,
    pub alarms: Vec<String>,
}

/// AWS: steps of a linear shift at one percent each.
const SHARES_MAX: u32 = 100;

impl Rollout {
    /// Of a function's alias: `Canary10Percent5Minutes`, `Linear10PercentEvery1Minute`, `AllAtOnce`.
    pub fn of_function(preference: &Value) -> Result<Option<Rollout>, String> {
        if preference["Enabled"] == false || preference["Enabled"] == "false" {
            return Ok(None);
        }
        let Some(kind) = preference["Type"].as_str() else {
            return Ok(None);
        };
        let refused = || {
            format!(
                "DeploymentPreference {kind} is not known: it is AllAtOnce, CanaryXPercentYMinutes or LinearXPercentEveryYMinutes"
            )
        };
        if kind == "AllAtOnce" {
            return Ok(None);
        }
        let (is_linear, rest) = match (kind.strip_prefix("Canary"), kind.strip_prefix("Linear")) {
            (Some(rest), _) => (false, rest),
            (_, Some(rest)) => (true, rest),
            _ => return Err(refused()),
        };
        let (percent, rest) = rest.split_once("Percent").ok_or_else(refused)?;
        let rest = rest.strip_prefix("Every").unwrap_or(rest);
        let minutes = rest
            .trim_end_matches('s')
            .strip_suffix("Minute")
            .ok_or_else(refused)?;
        let (percent, minutes) = match (percent.parse(), minutes.parse()) {
            (Ok(percent), Ok(minutes)) => (percent, minutes),
            _ => return Err(refused()),
        };
        Ok(Some(Rollout {
            shares: shares(is_linear, percent),
            minutes,
            alarms: alarms(preference),
        }))
    }

    /// Of a state machine's alias: `CANARY` or `LINEAR` with `Percentage` and `Interval` in minutes.
    pub fn of_machine(preference: &Value) -> Option<Rollout> {
        let is_linear = match preference["Type"].as_str() {
            Some("LINEAR") => true,
            Some("CANARY") => false,
            _ => return None,
        };
        let number = |member: &str| match &preference[member] {
            Value::String(text) => text.parse().ok(),
            number => number.as_u64(),
        };
        let percent = number("Percentage").and_then(|percent| u32::try_from(percent).ok());
        Some(Rollout {
            shares: shares(is_linear, percent.unwrap_or(SHARES_MAX)),
            minutes: number("Interval").unwrap_or(1),
            alarms: alarms(preference),
        })
    }

    /// Waits for the next share.
    pub fn wait(&self, pace: Pace) {
        thread::sleep(
            pace.minute
                .saturating_mul(u32::try_from(self.minutes).unwrap_or(u32::MAX)),
        );
    }
}

fn shares(is_linear: bool, percent: u32) -> Vec<u32> {
    let percent = percent.clamp(1, SHARES_MAX);
    match is_linear {
        true => (1..)
            .map(|step| step * percent)
            .take_while(|share| *share < SHARES_MAX)
            .collect(),
        false => [percent]
            .into_iter()
            .filter(|share| *share < SHARES_MAX)
            .collect(),
    }
}

fn alarms(preference: &Value) -> Vec<String> {
    let alarms = preference["Alarms"].as_array().into_iter().flatten();
    alarms
        .filter_map(|alarm| alarm.as_str().map(str::to_owned))
        .collect()
}

/// The weights of a function's alias while `new` has this share.
pub fn function_weights(new: &str, share: u32) -> Value {
    json!({ "AdditionalVersionWeights": { new: f64::from(share) / 100.0 } })
}

/// The routes of a state machine's alias while `new` has this share.
pub fn machine_routes(old: &str, new: &str, share: u32) -> Value {
    json!([
        { "stateMachineVersionArn": old, "weight": SHARES_MAX - share },
        { "stateMachineVersionArn": new, "weight": share },
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_canary_has_one_step_and_a_linear_shift_many() {
        let shares = |kind: &str| {
            Rollout::of_function(&json!({ "Type": kind }))
                .map(|rollout| rollout.map(|rollout| (rollout.shares, rollout.minutes)))
        };
        assert_eq!(shares("AllAtOnce"), Ok(None));
        assert_eq!(shares("Canary10Percent5Minutes"), Ok(Some((vec![10], 5))));
        assert_eq!(
            shares("Linear10PercentEvery1Minute"),
            Ok(Some(((1..10).map(|step| step * 10).collect(), 1)))
        );
        assert!(shares("Sideways").is_err());
        let machine = json!({ "Type": "LINEAR", "Percentage": 40, "Interval": 2 });
        assert_eq!(
            Rollout::of_machine(&machine).map(|rollout| (rollout.shares, rollout.minutes)),
            Some((vec![40, 80], 2))
        );
        assert_eq!(Rollout::of_machine(&json!({ "Type": "ALL_AT_ONCE" })), None);
    }

    #[test]
    fn weights_add_up() {
        assert_eq!(
            function_weights("2", 10),
            json!({ "AdditionalVersionWeights": { "2": 0.1 } })
        );
        let routes = machine_routes("m:1", "m:2", 30);
        assert_eq!(routes[0]["weight"], 70);
        assert_eq!(routes[1]["weight"], 30);
    }
}
