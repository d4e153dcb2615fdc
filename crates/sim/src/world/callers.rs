//! What callers, workers and holders of tokens ask for.

use std::collections::BTreeSet;

use stepwell_api::states;
use stepwell_engine::MachineKind;
use stepwell_service::Request;

use super::agenda::{Act, Happening, Verb};
use super::book::{Activity, Asked, Execution, Known, Machine};
use super::{Go, World, arn};
use crate::check::Disturbance;
use crate::definitions::{Reply, Sample, children};

const ROLE: &str = "arn:aws:iam::123456789012:role/sim";
const ALIAS: &str = "live";

/// Milliseconds that creating takes a caller.
const CREATE_MS: i64 = 50;

/// Definitions that a machine has in its life, at most.
const SAMPLES_MAX: usize = 3;

/// Workers of an activity.
const WORKERS_MAX: usize = 2;

impl World<'_> {
    /// Draws what callers are going to do.
    pub(crate) fn plan(&mut self) {
        if self.options.features.nested {
            for (name, sample) in children() {
                self.plan_machine(name.to_string(), vec![sample]);
            }
        }
        for number in 0..self.options.machines {
            let first = Sample::draw(&mut self.draw.fork(), &self.options.features);
            let kind = first.kind;
            let mut samples = vec![first];
            while self.options.callers.update && samples.len() < SAMPLES_MAX {
                let next = Sample::draw(&mut self.draw.fork(), &self.options.features);
                if next.kind != kind {
                    break;
                }
                samples.push(next);
            }
            self.plan_machine(format!("m{number}"), samples);
        }
        for number in 0..self.book.activities.len() {
            let at_ms = self.within(CREATE_MS);
            self.agenda
                .add(at_ms, Happening::Act(Act::CreateActivity(number)));
            for worker in 0..1 + self.draw.below(WORKERS_MAX) {
                let (activity, worker) = (number, worker as u32);
                self.agenda
                    .add(self.time_ms, Happening::Poll { activity, worker });
            }
        }
        for number in 0..self.book.machines.len() {
            let at_ms = self.within(CREATE_MS);
            self.agenda
                .add(at_ms, Happening::Act(Act::CreateMachine(number)));
        }
        self.plan_acts();
    }

    fn plan_acts(&mut self) {
        let callers = self.options.callers.clone();
        let starts = self.options.starts;
        for _ in 0..starts {
            let number = self.book.executions.len();
            let is_synchronous = callers.synchronous && self.draw.percent(50);
            self.book
                .executions
                .push(Execution::planned(number, is_synchronous));
            let at_ms = self.within(self.options.span_ms);
            self.agenda.add(at_ms, Happening::Act(Act::Start(number)));
        }
        let planned = [
            (callers.start_again, Act::StartAgain),
            (callers.stop, Act::Stop),
            (callers.redrive, Act::Redrive),
            (callers.redrive, Act::Redrive),
            (callers.update, Act::Update),
            (callers.publish, Act::Publish),
            (callers.publish, Act::Alias),
            (callers.read, Act::Read),
            (callers.read, Act::Read),
        ];
        for (is_on, act) in planned {
            for _ in 0..if is_on {
                1 + self.draw.below(starts)
            } else {
                0
            } {
                let at_ms = self.within(self.options.span_ms + ACTS_AFTER_MS);
                self.agenda.add(at_ms, Happening::Act(act));
            }
        }
    }

    fn plan_machine(&mut self, name: String, samples: Vec<Sample>) {
        for activity in samples.iter().flat_map(|sample| &sample.activities) {
            if self
                .book
                .activities
                .iter()
                .all(|known| known.name != *activity)
            {
                self.book.activities.push(Activity {
                    name: activity.clone(),
                    is_there: false,
                });
            }
        }
        self.book.machines.push(Machine {
            is_express: samples[0].kind == MachineKind::Express,
            name,
            samples,
            possible: [0].into(),
            is_there: false,
            is_changing: false,
            versions: Vec::new(),
            alias: None,
        });
    }

    fn within(&mut self, ms: i64) -> i64 {
        self.time_ms + self.draw.between(0, ms)
    }

    pub(crate) fn act(&mut self, act: Act) -> Go {
        match act {
            Act::CreateActivity(activity) => self.begin(Asked::CreateActivity(activity)),
            Act::CreateMachine(machine) if self.activities_are_there(machine) => {
                self.begin(Asked::CreateMachine(machine))
            }
            Act::CreateMachine(_) => {
                self.act_later(act);
                Ok(())
            }
            Act::Start(execution) => self.start(execution),
            Act::StartAgain => match self.any_execution(|execution| {
                execution.known == Known::Acknowledged
                    && !execution.is_synchronous
                    && execution.arn.is_some()
            }) {
                Some(execution) if !self.is_express(execution) => {
                    self.begin(Asked::StartAgain(execution))
                }
                _ => Ok(()),
            },
            Act::Stop => match self.any_execution(|execution| execution.arn.is_some()) {
                Some(execution) if !self.is_express(execution) => {
                    self.begin(Asked::Stop(execution))
                }
                _ => Ok(()),
            },
            Act::Redrive => self.redrive(),
            Act::Update | Act::Publish | Act::Alias => self.change_machine(act),
            Act::Read => self.read(),
        }
    }

    fn activities_are_there(&self, machine: usize) -> bool {
        let needed = self.book.machines[machine]
            .samples
            .iter()
            .flat_map(|sample| &sample.activities);
        let there = |name: &String| {
            self.book
                .activities
                .iter()
                .any(|known| known.name == *name && known.is_there)
        };
        needed.into_iter().all(there)
    }

    pub(crate) fn is_express(&self, execution: usize) -> bool {
        self.book.machines[self.book.executions[execution].machine].is_express
    }

    pub(crate) fn any_execution(
        &mut self,
        is_wanted: impl Fn(&Execution) -> bool,
    ) -> Option<usize> {
        let executions = self.book.executions.iter().enumerate();
        let wanted: Vec<usize> = executions
            .filter(|(_, execution)| is_wanted(execution))
            .map(|(number, _)| number)
            .collect();
        (!wanted.is_empty()).then(|| *self.draw.one_of(&wanted))
    }

    fn start(&mut self, number: usize) -> Go {
        let machines: Vec<usize> = (0..self.book.machines.len())
            .filter(|machine| self.book.machines[*machine].is_there)
            .collect();
        if machines.len() < self.book.machines.len() {
            // What a definition starts must be there.
            self.act_later(Act::Start(number));
            return Ok(());
        }
        let place = *self.draw.one_of(&machines);
        let machine = &self.book.machines[place];
        let arn = arn("stateMachine", &machine.name);
        let (target, possible) = match (&machine.alias, self.draw.below(4)) {
            (Some(_), 0) => (format!("{arn}:{ALIAS}"), None),
            (_, 1) if !machine.versions.is_empty() => {
                let (version, possible) = self.draw.one_of(&machine.versions);
                (version.clone(), Some(possible.clone()))
            }
            _ => (arn, None),
        };
        let sample = match &possible {
            Some(possible) => possible.first(),
            None => machine.possible.first(),
        };
        let input = machine.samples[sample.copied().unwrap_or_default()]
            .input
            .clone();
        let is_synchronous = self.book.executions[number].is_synchronous && machine.is_express;
        let execution = &mut self.book.executions[number];
        execution.machine = place;
        execution.target = target;
        execution.input = input;
        execution.is_synchronous = is_synchronous;
        self.begin(Asked::Start(number))
    }

    /// What the target of a start may be at the moment.
    fn candidates(&self, number: usize) -> BTreeSet<usize> {
        let execution = &self.book.executions[number];
        let machine = &self.book.machines[execution.machine];
        let version = machine
            .versions
            .iter()
            .find(|(arn, _)| *arn == execution.target);
        if let Some((_, possible)) = version {
            return possible.clone();
        }
        if execution.target.ends_with(ALIAS) {
            let routed = machine.alias.iter().flatten();
            return routed
                .flat_map(|version| machine.versions[*version].1.clone())
                .collect();
        }
        machine.possible.clone()
    }

    fn redrive(&mut self) -> Go {
        let failed = |execution: &Execution| {
            execution.arn.is_some()
                && !execution.is_redriving
                && execution.redrives_acknowledged < REDRIVES_MAX
        };
        let Some(execution) = self.any_execution(failed) else {
            return Ok(());
        };
        if self.is_express(execution) {
            return Ok(());
        }
        let token = format!("redrive-{}", self.requests);
        self.begin(Asked::Redrive { execution, token })
    }

    fn change_machine(&mut self, act: Act) -> Go {
        let number = self.draw.below(self.book.machines.len());
        let machine = &self.book.machines[number];
        if !machine.is_there || machine.is_changing {
            return Ok(());
        }
        let asked = match act {
            Act::Update => Asked::Update {
                machine: number,
                sample: self.draw.below(machine.samples.len()),
            },
            Act::Publish => Asked::Publish(number),
            _ if machine.versions.is_empty() => return Ok(()),
            _ => Asked::Alias {
                machine: number,
                version: self.draw.below(machine.versions.len()),
            },
        };
        self.begin(asked)
    }

    /// Asks for something, and notes what is unknown until the answer comes.
    pub(crate) fn begin(&mut self, asked: Asked) -> Go {
        if self.is_draining {
            self.agenda.add(self.time_ms + 1, Happening::Again(asked));
            return Ok(());
        }
        match &asked {
            Asked::CreateMachine(machine) | Asked::Publish(machine) => {
                self.book.machines[*machine].is_changing = true;
            }
            Asked::Update { machine, sample } => {
                let machine = &mut self.book.machines[*machine];
                machine.is_changing = true;
                machine.possible.insert(*sample);
            }
            Asked::Alias { machine, version } => {
                let machine = &mut self.book.machines[*machine];
                machine.is_changing = true;
                if let Some(routed) = &mut machine.alias {
                    routed.insert(*version);
                }
            }
            Asked::Start(number) => {
                let candidates = self.candidates(*number);
                self.book.executions[*number].possible.extend(candidates);
            }
            Asked::Stop(number) => self.book.executions[*number].disturbance.was_stopped = true,
            Asked::Redrive { execution, .. } => {
                let execution = &mut self.book.executions[*execution];
                execution.is_redriving = true;
                execution.is_stopped = false;
                execution.disturbance.redrives += 1;
                execution.seen = None;
            }
            _ => {}
        }
        let request = self.request_of(&asked);
        self.ask(asked, request)
    }

    pub(crate) fn send_token(&mut self, token: usize, verb: Verb) -> Go {
        self.begin(Asked::Token { token, verb })
    }

    pub(crate) fn poll(&mut self, activity: usize, worker: u32) -> Go {
        if !self.book.activities[activity].is_there {
            self.agenda.add(
                self.time_ms + CREATE_MS,
                Happening::Poll { activity, worker },
            );
            return Ok(());
        }
        self.begin(Asked::Poll { activity, worker })
    }

    fn request_of(&mut self, asked: &Asked) -> Request {
        match asked {
            Asked::CreateActivity(activity) => {
                Request::CreateActivity(states::CreateActivityInput {
                    name: self.book.activities[*activity].name.clone(),
                    ..Default::default()
                })
            }
            Asked::CreateMachine(machine) => self.creation(*machine),
            Asked::Update { machine, sample } => {
                let machine = &self.book.machines[*machine];
                Request::UpdateStateMachine(Box::new(states::UpdateStateMachineInput {
                    state_machine_arn: arn("stateMachine", &machine.name),
                    definition: Some(machine.samples[*sample].definition.clone()),
                    ..Default::default()
                }))
            }
            Asked::Publish(machine) => {
                Request::PublishStateMachineVersion(states::PublishStateMachineVersionInput {
                    state_machine_arn: arn("stateMachine", &self.book.machines[*machine].name),
                    ..Default::default()
                })
            }
            Asked::Alias { machine, version } => self.routing(*machine, *version),
            Asked::Start(number) | Asked::StartAgain(number) => self.start_request(*number),
            Asked::Stop(number) => Request::StopExecution(states::StopExecutionInput {
                execution_arn: self.book.executions[*number]
                    .arn
                    .clone()
                    .unwrap_or_default(),
                error: Some("Enough".to_string()),
                cause: None,
            }),
            Asked::Redrive { execution, token } => {
                Request::RedriveExecution(states::RedriveExecutionInput {
                    execution_arn: self.book.executions[*execution]
                        .arn
                        .clone()
                        .unwrap_or_default(),
                    client_token: Some(token.clone()),
                })
            }
            Asked::Poll { activity, worker } => {
                Request::GetActivityTask(states::GetActivityTaskInput {
                    activity_arn: arn("activity", &self.book.activities[*activity].name),
                    worker_name: Some(format!("worker-{worker}")),
                })
            }
            Asked::Token { token, verb } => self.token_request(*token, *verb),
            Asked::ForTask(_) => {
                unreachable!("a task's call is asked for once, with its own request")
            }
        }
    }

    fn creation(&self, machine: usize) -> Request {
        let machine = &self.book.machines[machine];
        let kind = if machine.is_express {
            "EXPRESS"
        } else {
            "STANDARD"
        };
        Request::CreateStateMachine(Box::new(states::CreateStateMachineInput {
            name: machine.name.clone(),
            definition: machine.samples[0].definition.clone(),
            role_arn: ROLE.to_string(),
            r#type: Some(kind.to_string()),
            ..Default::default()
        }))
    }

    fn routing(&self, machine: usize, version: usize) -> Request {
        let machine = &self.book.machines[machine];
        let routing = vec![states::RoutingConfigurationListItem {
            state_machine_version_arn: machine.versions[version].0.clone(),
            weight: 100,
        }];
        // Whether it is there already, the one who created it without an answer does not know.
        if machine.alias.is_none() {
            return Request::CreateStateMachineAlias(states::CreateStateMachineAliasInput {
                name: ALIAS.to_string(),
                routing_configuration: routing,
                ..Default::default()
            });
        }
        Request::UpdateStateMachineAlias(states::UpdateStateMachineAliasInput {
            state_machine_alias_arn: format!("{}:{ALIAS}", arn("stateMachine", &machine.name)),
            routing_configuration: Some(routing),
            ..Default::default()
        })
    }

    fn start_request(&self, number: usize) -> Request {
        let execution = &self.book.executions[number];
        let (name, input) = (Some(execution.name.clone()), Some(execution.input.clone()));
        let trace_header = Some(format!("sim-{number}"));
        let state_machine_arn = execution.target.clone();
        if execution.is_synchronous {
            return Request::StartSyncExecution(states::StartSyncExecutionInput {
                state_machine_arn,
                name,
                input,
                trace_header,
                included_data: None,
            });
        }
        Request::StartExecution(states::StartExecutionInput {
            state_machine_arn,
            name,
            input,
            trace_header,
        })
    }

    fn token_request(&self, number: usize, verb: Verb) -> Request {
        let token = &self.book.tokens[number];
        let task_token = token.text.clone();
        match (verb, &token.reply) {
            (Verb::Beat, _) => {
                Request::SendTaskHeartbeat(states::SendTaskHeartbeatInput { task_token })
            }
            (Verb::Abuse, _) => {
                let output = super::tasks::poison().to_string();
                Request::SendTaskSuccess(states::SendTaskSuccessInput { task_token, output })
            }
            (Verb::Complete, Reply::Output(output)) => {
                let output = output.to_string();
                Request::SendTaskSuccess(states::SendTaskSuccessInput { task_token, output })
            }
            (Verb::Complete, Reply::Error { error, cause }) => {
                let (error, cause) = (Some(error.clone()), Some(cause.clone()));
                Request::SendTaskFailure(states::SendTaskFailureInput {
                    task_token,
                    error,
                    cause,
                })
            }
        }
    }
}

/// Milliseconds after the last start in which callers still do something.
const ACTS_AFTER_MS: i64 = 10_000;

/// Redrives of an execution that were acknowledged.
const REDRIVES_MAX: u32 = 3;

impl Execution {
    fn planned(number: usize, is_synchronous: bool) -> Execution {
        Execution {
            machine: 0,
            name: format!("e{number}"),
            target: String::new(),
            is_synchronous,
            known: Known::Planned,
            arn: None,
            start_ms: None,
            possible: BTreeSet::new(),
            input: String::new(),
            is_stopped: false,
            redrives_acknowledged: 0,
            is_redriving: false,
            disturbance: Disturbance::default(),
            seen: None,
            seen_events: Vec::new(),
        }
    }
}
