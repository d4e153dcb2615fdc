//! What must be true of one execution: of its history, and of its end.

mod answers;
mod durable;
mod fold;
mod oracle;
mod reference;
mod structure;

use stepwell_api::states;

pub use durable::durable;

use crate::definitions::Sample;

/// A checker has spoken.
#[derive(Debug)]
pub struct Wrong {
    /// Which one.
    pub checker: &'static str,
    /// What is wrong, for people.
    pub text: String,
}

/// How an execution ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ending {
    /// AWS's word: `SUCCEEDED`, `FAILED`, ...
    pub status: String,
    pub output: Option<String>,
    pub error: Option<String>,
    pub cause: Option<String>,
}

/// What the faults of a world and its callers did to one execution.
///
/// What a Standard execution's history shows (tasks that were lost or timed out) is read there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Disturbance {
    /// Answers that the performer held back far beyond any time-out, or gave never.
    pub late_answers: u32,
    /// How often the clock jumped or the server was down while it was open.
    pub jumps: u32,
    /// Somebody asked to stop it, acknowledged or not.
    pub was_stopped: bool,
    /// Redrives that were acknowledged, or asked for without an answer.
    pub redrives: u32,
}

impl Disturbance {
    /// Whether its end must be that of a run without faults.
    pub fn is_none(&self) -> bool {
        *self == Disturbance::default()
    }
}

/// One execution that has ended, as the API shows it.
#[derive(Debug)]
pub struct History<'a> {
    pub arn: &'a str,
    /// `None` for a child of a map run.
    pub sample: Option<&'a Sample>,
    /// All pages, in the order of ids.
    pub events: &'a [states::HistoryEvent],
    pub ending: &'a Ending,
    pub disturbance: &'a Disturbance,
}

/// Checks the history of an execution that has ended, and its end against the oracle.
///
pub fn ended(history: &History<'_>) -> Result<(), Wrong> {
    if history.events.is_empty() {
        let text = format!("{} has no events", history.arn);
        return Err(Wrong {
            checker: "history",
            text,
        });
    }
    let definition = history.sample.map(|sample| &sample.definition);
    let definition = definition.and_then(|text| serde_json::from_str(text).ok());
    structure::structure(history.arn, history.events, definition.as_ref())?;
    answers::answers(history.arn, history.events)?;
    match history.sample {
        Some(sample) => oracle::compare(
            sample,
            Some(history.events),
            history.ending,
            history.disturbance,
        ),
        None => Ok(()),
    }
}

/// Checks an end alone: of a synchronous Express execution, which has no history.
pub fn ending(sample: &Sample, ending: &Ending, disturbance: &Disturbance) -> Result<(), Wrong> {
    oracle::compare(sample, None, ending, disturbance)
}
