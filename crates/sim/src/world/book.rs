//! What callers know: what they asked for, what was acknowledged, and what nobody knows since a crash.

use std::collections::{BTreeMap, BTreeSet};

use stepwell_api::states;
use stepwell_service::ServiceCall;

use crate::check::Disturbance;
use crate::definitions::Sample;

/// A request that waits for its answer.
#[derive(Debug, Clone)]
pub enum Asked {
    CreateActivity(usize),
    CreateMachine(usize),
    /// To the sample of this number.
    Update {
        machine: usize,
        sample: usize,
    },
    Publish(usize),
    Alias {
        machine: usize,
        version: usize,
    },
    Start(usize),
    /// With the name of an execution that was acknowledged.
    StartAgain(usize),
    Stop(usize),
    Redrive {
        execution: usize,
        token: String,
    },
    Poll {
        activity: usize,
        worker: u32,
    },
    Token {
        token: usize,
        verb: super::agenda::Verb,
    },
    /// A task's call that is answered later than its commit.
    ForTask(Box<ServiceCall>),
}

/// Everything that callers know.
#[derive(Debug, Default)]
pub struct Book {
    pub machines: Vec<Machine>,
    pub activities: Vec<Activity>,
    pub executions: Vec<Execution>,
    pub tokens: Vec<Token>,
    pub by_arn: BTreeMap<String, usize>,
}

#[derive(Debug)]
pub struct Activity {
    pub name: String,
    pub is_there: bool,
}

/// A state machine.
#[derive(Debug)]
pub struct Machine {
    pub name: String,
    pub is_express: bool,
    /// What it was and will be, in the order of updates.
    pub samples: Vec<Sample>,
    /// Which of them it may be at the moment; one alone if the last change was acknowledged.
    pub possible: BTreeSet<usize>,
    pub is_there: bool,
    /// A change of it waits for its answer: there is no second one before.
    pub is_changing: bool,
    /// Published versions: number and what it may be.
    pub versions: Vec<(String, BTreeSet<usize>)>,
    /// Which version the alias routes to, by its place in `versions`; several while nobody knows.
    pub alias: Option<BTreeSet<usize>>,
}

/// How an execution stands, as its caller knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known {
    /// Not asked for yet.
    Planned,
    /// Asked for, without an answer.
    Perhaps,
    Acknowledged,
}

/// An execution.
#[derive(Debug)]
pub struct Execution {
    pub machine: usize,
    pub name: String,
    /// ARN that it is started by: of the machine, a version or an alias.
    pub target: String,
    pub is_synchronous: bool,
    pub known: Known,
    pub arn: Option<String>,
    pub start_ms: Option<i64>,
    /// Which samples of its machine it may run.
    pub possible: BTreeSet<usize>,
    pub input: String,
    /// A stop was acknowledged after the last redrive.
    pub is_stopped: bool,
    pub redrives_acknowledged: u32,
    /// A redrive waits for its answer: there is no second one before.
    pub is_redriving: bool,
    pub disturbance: Disturbance,
    /// What the last reads saw.
    pub seen: Option<states::DescribeExecutionOutput>,
    pub seen_events: Vec<states::HistoryEvent>,
}

/// A task token that somebody outside holds.
#[derive(Debug)]
pub struct Token {
    pub text: String,
    pub reply: crate::definitions::Reply,
    /// How often a completion by it was acknowledged.
    pub accepted: u32,
    /// A completion was asked for and never answered: it may have been taken.
    pub is_in_doubt: bool,
}
