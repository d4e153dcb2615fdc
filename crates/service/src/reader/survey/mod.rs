//! Surveys of many executions, for the console: search, groups of failures, the children of a map run.
//!
//! Each call looks at some of them and says how far it came; with what it gave as `next` the next call goes on. The
//! caller says when its time is over, because nothing here has a clock.

mod cause;
mod failures;
mod map_run;
mod needle;
mod search;
mod walk;

use serde::Serialize;
use stepwell_api::EpochSeconds;
use stepwell_api::states;

pub use failures::{Example, Failures, Group, Groups};
pub use map_run::{Children, ChildrenAsk, ListedChild, MapRunAsk, Statuses};
pub use search::{Failure, Found, FoundExecution, Search};

/// State machines that one survey walks over; of more, the first by name.
pub const MACHINES_MAX: usize = 2_000;

/// Characters of a text that is looked for.
pub const TEXT_CHARS_MAX: usize = 256;

/// Executions, or children, on one page.
pub const PAGE_MAX: usize = 100;

/// Characters of a cause in a list; the whole is in DescribeExecution.
const CAUSE_CHARS_MAX: usize = 1_000;

/// Rows of lists that are looked at before the clock is.
const LOOKED_AT_ONCE_MAX: usize = 4_096;

/// Whether the time that a call has is over.
pub type IsOver<'a> = &'a dyn Fn() -> bool;

/// How far a survey came.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Looked {
    /// In this call.
    pub executions: usize,
    /// The instant by which the last of them is listed.
    pub until: Option<EpochSeconds>,
    /// The instant by which the oldest of all is listed.
    pub oldest: Option<EpochSeconds>,
    pub machines: usize,
    /// Beyond [`MACHINES_MAX`].
    pub machines_left_out: usize,
}

/// What is shown of a text that was read.
pub type Shown<'s> = &'s dyn Fn(String) -> String;

fn invalid(text: impl Into<String>) -> states::Error {
    states::Error::validation_exception(text)
}

/// At most `most` characters.
fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => text[..end].to_string(),
        None => text.to_string(),
    }
}

/// A cause in a list: what is shown of the whole, cut. What is cut is no JSON any more, in which more is known.
fn listed_cause(cause: &str, shown: Shown) -> String {
    cut(&shown(cause.to_string()), CAUSE_CHARS_MAX)
}

/// Milliseconds since 1970 of an instant in seconds.
fn instant_ms(name: &str, seconds: Option<f64>) -> Result<Option<i64>, states::Error> {
    // The year 9999.
    const SECONDS_MAX: f64 = 253_402_300_799.0;
    match seconds {
        None => Ok(None),
        Some(seconds) if (0.0..=SECONDS_MAX).contains(&seconds) => {
            #[expect(clippy::cast_possible_truncation, reason = "it is bounded above")]
            let ms = (seconds * 1_000.0).round() as i64;
            Ok(Some(ms))
        }
        Some(seconds) => Err(invalid(format!(
            "{name} is {seconds}, and must be seconds since 1970, at most {SECONDS_MAX}"
        ))),
    }
}
