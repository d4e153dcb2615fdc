//! `TestState`: performs what a tested state calls, and waits where it waits.

use std::time::Duration;

use stepwell_api::states;
use stepwell_service::{FunctionCall, OpenTest, Refusal, Tested, Timestamp};
use tokio::sync::Semaphore;

use crate::functions::Functions;
use crate::inbox::RATE_EXCEEDED;
use crate::performer::{self, Performed};
use crate::shard;

/// Tests that run at once; one more is throttled.
///
/// AWS: quota "TestState", a bucket of 50 that fills again at 10 a second.
const TESTS_MAX: usize = 50;

/// The tests that may run.
pub(crate) struct Tests(Semaphore);

impl Default for Tests {
    fn default() -> Tests {
        Tests(Semaphore::new(TESTS_MAX))
    }
}

/// Runs a test to its end.
pub(crate) async fn answer(
    tests: &Tests,
    functions: &Functions,
    input: states::TestStateInput,
) -> Result<states::TestStateOutput, states::Error> {
    let Ok(_place) = tests.0.try_acquire() else {
        return Err(states::Error::throttling_exception(RATE_EXCEEDED));
    };
    let settings = functions.handle.settings();
    let entropy = shard::entropy();
    let mut tested = tokio::task::block_in_place(|| {
        stepwell_service::test_state(settings, shard::now(), &entropy, input)
    })?;
    loop {
        tested = match tested {
            Tested::Ended(output) => return Ok(*output),
            Tested::Open(mut open) => match open.call() {
                None => woken(open).await,
                Some(call) => {
                    check_role(functions, open.role_arn())?;
                    called(functions, open, call).await?
                }
            },
        };
    }
}

/// AWS: a tested Task calls with the role of the request.
fn check_role(functions: &Functions, role_arn: &str) -> Result<(), states::Error> {
    let reader = functions.handle.reader();
    match reader.check_states_role(role_arn) {
        Ok(Ok(())) => Ok(()),
        Ok(Err(Refusal::States(error))) => Err(error),
        Ok(Err(_)) => unreachable!("a role of Step Functions is refused by it"),
        Err(error) => Err(states::Error::internal_failure(error.to_string())),
    }
}

/// The test after its deadline has come.
async fn woken(open: Box<OpenTest>) -> Tested {
    until(open.deadline()).await;
    tokio::task::block_in_place(|| open.wake(shard::now()))
}

/// The test after its call has ended, or after its time is over.
async fn called(
    functions: &Functions,
    mut open: Box<OpenTest>,
    call: FunctionCall,
) -> Result<Tested, states::Error> {
    let functions = functions.clone();
    // AWS: a function whose state timed out runs on. So the call outlives whoever waits for it.
    let mut performed = tokio::spawn(async move {
        performer::call_function(&functions, &call, std::future::pending()).await
    });
    loop {
        tokio::select! {
            performed = &mut performed => {
                let Ok(Performed::Ended(outcome)) = performed else {
                    return Err(states::Error::service_unavailable("the server is stopping"));
                };
                return Ok(tokio::task::block_in_place(|| open.complete(shard::now(), outcome)));
            }
            () = until(open.deadline()) => match open.wake(shard::now()) {
                Tested::Open(still_open) => open = still_open,
                ended => return Ok(ended),
            }
        }
    }
}

async fn until(deadline: Option<Timestamp>) {
    let Some(deadline) = deadline else {
        return std::future::pending().await;
    };
    tokio::time::sleep(deadline.since(shard::now()).max(SHORTEST_SLEEP)).await;
}

/// A deadline that lies in the past has been dealt with already, and must not be asked about without a pause.
const SHORTEST_SLEEP: Duration = Duration::from_millis(1);
