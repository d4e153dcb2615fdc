//! What callers make of the answers they get.

use serde::de::DeserializeOwned;
use stepwell_api::states;
use stepwell_service::{Answer, Answered, Refusal, Request, RequestId, TakenTask};

use super::agenda::{Happening, Verb};
use super::book::{Asked, Known};
use super::{Act, Go, World, Wrong, refusal_of, shortened, wrong};
use crate::check;

/// Milliseconds after which a worker without a task asks again.
const POLL_AGAIN_MS: i64 = 500;

/// What came back.
enum Came {
    Body(Vec<u8>),
    Task(Vec<u8>, TakenTask),
    Refused(states::Error),
}

impl World<'_> {
    pub(crate) fn answered(&mut self, id: RequestId, answer: Answer) -> Go {
        let Some(asked) = self.asked.remove(&id) else {
            return Err(wrong(
                "answers",
                format!("an answer to request {}, which waits for none", id.0),
            ));
        };
        let came = match answer {
            Ok(Answered::States(body)) => Came::Body(body),
            Ok(Answered::Task(body, task)) => Came::Task(body, task),
            Err(Refusal::States(error)) => Came::Refused(error),
            other => {
                return Err(wrong(
                    "answers",
                    format!("{asked:?} is answered with {other:?}"),
                ));
            }
        };
        self.say(|| format!("  answer #{} {}", id.0, shown(&came)));
        match asked {
            Asked::CreateActivity(activity) => {
                self.body("CreateActivity", came)?;
                self.book.activities[activity].is_there = true;
                Ok(())
            }
            Asked::CreateMachine(machine) => {
                self.body("CreateStateMachine", came)?;
                self.book.machines[machine].is_there = true;
                self.book.machines[machine].is_changing = false;
                Ok(())
            }
            Asked::Update { machine, sample } => {
                self.body("UpdateStateMachine", came)?;
                let machine = &mut self.book.machines[machine];
                machine.is_changing = false;
                machine.possible = [sample].into();
                Ok(())
            }
            Asked::Publish(machine) => self.published(machine, came),
            Asked::Alias { machine, version } => {
                self.body("alias", came)?;
                let machine = &mut self.book.machines[machine];
                machine.is_changing = false;
                machine.alias = Some([version].into());
                Ok(())
            }
            Asked::Start(execution) => self.started(execution, came),
            Asked::StartAgain(execution) => self.started_again(execution, came),
            Asked::Stop(execution) => {
                self.body("StopExecution", came)?;
                if !self.book.executions[execution].is_redriving {
                    self.book.executions[execution].is_stopped = true;
                }
                Ok(())
            }
            Asked::Redrive { execution, .. } => {
                let known = &mut self.book.executions[execution];
                known.is_redriving = false;
                if let Came::Body(_) = came {
                    known.redrives_acknowledged += 1;
                }
                Ok(())
            }
            Asked::Poll { activity, worker } => self.polled(activity, worker, came),
            Asked::Token { token, verb } => self.token_taken(token, verb, came),
            Asked::ForTask(call) => {
                let answer = match came {
                    Came::Body(body) | Came::Task(body, _) => Ok(body),
                    Came::Refused(error) => Err(error),
                };
                let request = Box::new(Request::AnswerTask { call, answer });
                self.agenda.add(self.time_ms, Happening::Tell(request));
                Ok(())
            }
        }
    }

    fn body(&self, what: &str, came: Came) -> Result<Vec<u8>, Wrong> {
        match came {
            Came::Body(body) => Ok(body),
            came => Err(wrong(
                "answers",
                format!("{what} is answered with {}", shown(&came)),
            )),
        }
    }

    fn published(&mut self, machine: usize, came: Came) -> Go {
        let body = self.body("PublishStateMachineVersion", came)?;
        let output: states::PublishStateMachineVersionOutput = decode(&body)?;
        let machine = &mut self.book.machines[machine];
        machine.is_changing = false;
        let arn = output.state_machine_version_arn;
        if machine.versions.iter().all(|(known, _)| *known != arn) {
            machine.versions.push((arn, machine.possible.clone()));
        }
        Ok(())
    }

    fn started(&mut self, number: usize, came: Came) -> Go {
        let machine = self.book.executions[number].machine;
        let is_draining = self.is_draining;
        let execution = &mut self.book.executions[number];
        let was = execution.known;
        match came {
            Came::Body(body) if execution.is_synchronous => {
                execution.known = Known::Acknowledged;
                let output: states::StartSyncExecutionOutput = decode(&body)?;
                self.check_synchronous(number, &output)
            }
            Came::Body(body) => {
                execution.known = Known::Acknowledged;
                let output: states::StartExecutionOutput = decode(&body)?;
                let start_ms = output.start_date.ms();
                execution.arn = Some(output.execution_arn.clone());
                execution.start_ms = Some(start_ms);
                self.book.by_arn.insert(output.execution_arn, number);
                Ok(())
            }
            // A server that stops waits for no synchronous execution that has far to go.
            Came::Refused(error)
                if execution.is_synchronous
                    && is_draining
                    && error.name() == "ServiceUnavailable" =>
            {
                Ok(())
            }
            // It had ended when it was asked for again.
            Came::Refused(error)
                if error.name() == "ExecutionAlreadyExists"
                    && was == Known::Perhaps
                    && !self.book.machines[machine].is_express =>
            {
                execution.known = Known::Acknowledged;
                let name = format!("{}:{}", self.book.machines[machine].name, execution.name);
                let arn = super::arn("execution", &name);
                execution.arn = Some(arn.clone());
                self.book.by_arn.insert(arn, number);
                Ok(())
            }
            came => Err(wrong(
                "answers",
                format!("a start of {number} is answered with {}", shown(&came)),
            )),
        }
    }

    /// A start with the name of an acknowledged one.
    fn started_again(&mut self, number: usize, came: Came) -> Go {
        let execution = &self.book.executions[number];
        match came {
            Came::Body(body) => {
                let output: states::StartExecutionOutput = decode(&body)?;
                let is_same = execution.arn.as_ref() == Some(&output.execution_arn)
                    && execution
                        .start_ms
                        .is_none_or(|ms| ms == output.start_date.ms());
                if is_same {
                    return Ok(());
                }
                Err(wrong(
                    "names",
                    format!(
                        "{:?} is started again as {}",
                        execution.arn, output.execution_arn
                    ),
                ))
            }
            Came::Refused(error) if error.name() == "ExecutionAlreadyExists" => Ok(()),
            came => Err(wrong(
                "names",
                format!(
                    "a second start of {number} is answered with {}",
                    shown(&came)
                ),
            )),
        }
    }

    fn check_synchronous(
        &mut self,
        number: usize,
        output: &states::StartSyncExecutionOutput,
    ) -> Go {
        let ending = check::Ending {
            status: output.status.clone(),
            output: output.output.clone(),
            error: output.error.clone(),
            cause: output.cause.clone(),
        };
        self.report.executions += 1;
        self.check_express(number, &ending)
    }

    fn polled(&mut self, activity: usize, worker: u32, came: Came) -> Go {
        let mut again_ms = self.time_ms + POLL_AGAIN_MS;
        match came {
            Came::Task(_, task) if self.faulty(WORKERS_LEAVE) => self.give_back(task)?,
            Came::Task(body, task) => {
                self.work(task, &body)?;
                again_ms = self.soon();
            }
            // The time is up without a task.
            Came::Body(_) => {}
            Came::Refused(error) => {
                return Err(wrong(
                    "answers",
                    format!("a poll is answered with {}", refusal_of(&error)),
                ));
            }
        }
        self.agenda
            .add(again_ms, Happening::Poll { activity, worker });
        Ok(())
    }

    fn token_taken(&mut self, number: usize, verb: Verb, came: Came) -> Go {
        let token = &mut self.book.tokens[number];
        match (verb, came) {
            (Verb::Beat, Came::Body(_)) => Ok(()),
            (Verb::Complete, Came::Body(_)) => {
                token.accepted += 1;
                if self.draw.percent(ABUSED) {
                    let at_ms = self.soon();
                    self.agenda.add(
                        at_ms,
                        Happening::Token {
                            token: number,
                            verb: Verb::Abuse,
                        },
                    );
                }
                if self.book.tokens[number].accepted > 1 {
                    return Err(wrong(
                        "tokens",
                        format!("{} is accepted twice", self.book.tokens[number].text),
                    ));
                }
                Ok(())
            }
            (Verb::Abuse, Came::Body(_)) => Err(wrong(
                "tokens",
                format!("{} is accepted once more", token.text),
            )),
            (_, Came::Refused(error)) if error.name() == "TaskTimedOut" => Ok(()),
            (_, came) => Err(wrong(
                "tokens",
                format!(
                    "{verb:?} of {} is answered with {}",
                    token.text,
                    shown(&came)
                ),
            )),
        }
    }

    /// What a caller does who never gets an answer.
    pub(crate) fn unanswered(&mut self, asked: Asked) {
        let is_repeated = match &asked {
            Asked::ForTask(_) => return,
            Asked::Poll { activity, worker } => {
                let (activity, worker) = (*activity, *worker);
                let at_ms = self.soon();
                self.agenda.add(at_ms, Happening::Poll { activity, worker });
                return;
            }
            Asked::Start(number) => {
                let execution = &mut self.book.executions[*number];
                let is_first = execution.known != Known::Acknowledged;
                if is_first {
                    execution.known = Known::Perhaps;
                }
                is_first && self.draw.percent(REPEATED)
            }
            Asked::StartAgain(_) | Asked::Stop(_) => self.draw.percent(REPEATED),
            Asked::Token { token, verb } => {
                let is_completion = *verb == Verb::Complete;
                self.book.tokens[*token].is_in_doubt |= is_completion;
                // Nothing else would end the task.
                is_completion || self.draw.percent(REPEATED)
            }
            // Until these are answered nobody changes the same thing again.
            _ => true,
        };
        if is_repeated {
            let at_ms = self.soon();
            self.agenda.add(at_ms, Happening::Again(asked));
        }
    }

    pub(crate) fn act_later(&mut self, act: Act) {
        if !self.is_quiet {
            self.agenda
                .add(self.time_ms + LATER_MS, Happening::Act(act));
        }
    }
}

/// How often, in a hundred times, a worker is gone when its task comes.
const WORKERS_LEAVE: u32 = 5;

/// How often a token that was accepted is sent once more.
const ABUSED: u32 = 30;

/// How often a caller asks again for what it got no answer to.
const REPEATED: u32 = 70;

/// Milliseconds after which a caller looks again whether it can do what it wants to.
const LATER_MS: i64 = 300;

pub(crate) fn decode<T: DeserializeOwned>(body: &[u8]) -> Result<T, Wrong> {
    serde_json::from_slice(body).map_err(|error| {
        wrong(
            "answers",
            format!("{error}: {}", String::from_utf8_lossy(body)),
        )
    })
}

fn shown(came: &Came) -> String {
    match came {
        Came::Body(body) | Came::Task(body, _) => shortened(&String::from_utf8_lossy(body)),
        Came::Refused(error) => refusal_of(error),
    }
}
