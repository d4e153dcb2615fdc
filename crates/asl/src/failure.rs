//! A language error raised while evaluating a field. It is data: retry and catch read it.

use std::borrow::Cow;

/// What went wrong in one evaluation, in AWS's words.
///
/// - `error`: the error name (`States.Runtime`, `States.QueryEvaluationError`, ...).
/// - `cause`: AWS's sentence, without the prefix that names the state (the engine writes that).
/// - `location`: the field of a JSONata failure (`Output/a[0]`), as in `EvaluationFailed` events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    pub error: Cow<'static, str>,
    pub cause: String,
    pub location: Option<String>,
}

impl Failure {
    /// A `States.Runtime` failure: no retrier and no catcher sees it.
    pub fn runtime(cause: impl Into<String>) -> Failure {
        Failure {
            error: Cow::Borrowed("States.Runtime"),
            cause: cause.into(),
            location: None,
        }
    }

    /// A `States.QueryEvaluationError` at `location`.
    pub fn query(cause: impl Into<String>, location: Option<String>) -> Failure {
        Failure {
            error: Cow::Borrowed("States.QueryEvaluationError"),
            cause: cause.into(),
            location,
        }
    }
}
