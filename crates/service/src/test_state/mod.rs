//! `TestState`: one state, run as in an execution, with everything that happened to its data.
//!
//! Nothing durable comes of it. What the state would call is mocked, or called by the shell.

mod answer;
mod context;
mod mock;
mod request;

use stepwell_api::states;
use stepwell_engine::{
    Call, Identity, Input, Mode, Payload, Progress, StateTest, StateUnderTest, Ticket, Timestamp,
};

use self::answer::Level;
use crate::command::{FunctionCall, Settings, TaskOutcome};
use crate::tasks;

/// How far a test has come.
#[derive(Debug)]
pub enum Tested {
    Ended(Box<states::TestStateOutput>),
    /// The shell must do something, or wait.
    Open(Box<OpenTest>),
}

/// A test that waits for its call, or for an instant.
#[derive(Debug)]
pub struct OpenTest {
    test: StateTest,
    level: Level,
    /// The attempt that [`OpenTest::call`] gave out.
    ticket: Option<Ticket>,
    call: Option<FunctionCall>,
}

/// Begins a test.
///
/// - Errors: what AWS answers, in AWS's order; an error of the state itself is in the output.
pub fn test_state(
    settings: &Settings,
    now: Timestamp,
    entropy: &[u8; 32],
    input: states::TestStateInput,
) -> Result<Tested, states::Error> {
    let level = Level::of(input.inspection_level.as_deref());
    let request = request::check(input)?;
    let identity = identity(settings, now, entropy, request.role_arn.as_deref());
    let mut test = StateTest::new(StateUnderTest {
        definition: request.definition,
        identity,
        map_item: request.is_in_map.then(|| context::map_item(&request.input)),
        input: request.input,
        variables: request.variables,
        context: request.context,
        retries: request.retries,
        mock: request.mock,
        failed_iterations: request.failed_iterations,
        items_read: request.items_read,
    });
    let progress = test.start(now);
    Ok(advanced(now, test, level, progress))
}

impl OpenTest {
    /// The function call that the test waits for; `None` if it waits for time alone, or was asked before.
    pub fn call(&mut self) -> Option<FunctionCall> {
        self.call.take()
    }

    /// The role that the call is made with.
    pub fn role_arn(&self) -> &str {
        self.test.role_arn()
    }

    /// When [`OpenTest::wake`] has something to do.
    pub fn deadline(&self) -> Option<Timestamp> {
        self.test.next_deadline()
    }

    /// The call has ended.
    pub fn complete(mut self, now: Timestamp, outcome: TaskOutcome) -> Tested {
        let Some(ticket) = self.ticket else {
            return Tested::Open(Box::new(self));
        };
        let input = match outcome {
            TaskOutcome::Succeeded(output) | TaskOutcome::Submitted(output) => {
                Input::Succeeded { ticket, output }
            }
            TaskOutcome::Failed { error, cause } => Input::Failed {
                ticket,
                error,
                cause,
            },
        };
        let progress = self.test.step(now, input);
        advanced(now, self.test, self.level, progress)
    }

    /// The deadline has come; harmless when it has not.
    pub fn wake(mut self, now: Timestamp) -> Tested {
        match self.test.step(now, Input::Due) {
            Progress::Waits => Tested::Open(Box::new(self)),
            progress => advanced(now, self.test, self.level, progress),
        }
    }
}

fn advanced(now: Timestamp, mut test: StateTest, level: Level, progress: Progress) -> Tested {
    let call = match progress {
        Progress::Ended(ending) => {
            return Tested::Ended(Box::new(answer::output(&test, level, ending)));
        }
        Progress::Waits => {
            return Tested::Open(Box::new(OpenTest {
                test,
                level,
                ticket: None,
                call: None,
            }));
        }
        Progress::Calls(call) => call,
    };
    let ticket = call.ticket;
    match function_call(*call) {
        Ok(call) => Tested::Open(Box::new(OpenTest {
            test,
            level,
            ticket: Some(ticket),
            call: Some(call),
        })),
        Err(refused) => {
            let failed = Input::Failed {
                ticket,
                error: Some(refused.error.to_string()),
                cause: Some(refused.cause),
            };
            let progress = test.step(now, failed);
            advanced(now, test, level, progress)
        }
    }
}

fn function_call(call: Call) -> Result<FunctionCall, tasks::Refused> {
    tasks::function_call(UNNUMBERED, call, None)
}

/// A test is not an execution of the shard.
const UNNUMBERED: u64 = 0;

/// AWS: a tested state is in a synchronous Express execution of a machine that does not exist (recorded:
/// the context object of a test).
fn identity(
    settings: &Settings,
    now: Timestamp,
    entropy: &[u8; 32],
    role_arn: Option<&str>,
) -> Identity {
    let drawn = stepwell_engine::entropy(entropy);
    let (machine, name) = (drawn.draw_uuid(), drawn.draw_uuid());
    let prefix = format!("arn:aws:states:{}:{}", settings.region, settings.account);
    Identity {
        number: UNNUMBERED,
        arn: format!("{prefix}:express:{machine}:{name}"),
        name,
        state_machine_arn: format!("{prefix}:stateMachine:{machine}"),
        state_machine_name: machine,
        role_arn: role_arn.unwrap_or_default().to_string(),
        mode: Mode::ExpressSynchronous,
        started_ms: now.as_millis(),
        seed: drawn.draw(),
    }
}

/// A JSON text of a request, or what is wrong with it.
fn json(text: String) -> Result<Payload, String> {
    Payload::parse(text).map_err(|error| error.to_string())
}
