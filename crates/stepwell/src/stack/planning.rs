//! What a deployment would do: every resource compared with what the server has. Changes nothing.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{
    Kind, Known, Resource, STACK_NAME_TAG, Stack, State, Wanted, cloudwatch,
    document::differences,
    events, gateway, iam, is_open, lambda,
    ledger::{self, Belonging},
    logs, states, xray,
};
use crate::client::{Client, Error};

/// What to do about one resource.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    Create,
    /// The members that differ, by their names in the API.
    Update(Vec<String>),
    Nothing,
    /// The difference cannot be applied to the existing resource.
    Refuse(String),
}

/// One resource, what there is of it, and what to do.
#[derive(Debug, Clone)]
pub struct Step {
    pub resource: Resource,
    pub from: Option<State>,
    pub action: Action,
    /// What finds the resource is known only when another one has been brought.
    pub is_hidden: bool,
}

/// All that a deployment would do, in its order.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    pub steps: Vec<Step>,
    /// What left the template.
    pub deletions: Vec<Belonging>,
    /// What the ledger says now.
    pub ledger: BTreeSet<Belonging>,
    /// What is known of the stack's resources already.
    pub known: Known,
}

impl Plan {
    /// Whether the server is what the template says.
    pub fn is_empty(&self) -> bool {
        self.deletions.is_empty() && self.steps.iter().all(|step| step.action == Action::Nothing)
    }
}

/// Compares a stack with what the server has.
pub fn plan(client: &Client, stack: &Stack) -> Result<Plan, Error> {
    let mut plan = Plan::default();
    for resource in &stack.resources {
        let step = step(client, stack, resource, &plan.known)?;
        learn(&step, &mut plan.known);
        plan.steps.push(step);
    }
    let belonging = ledger::belonging(client, &stack.name)?;
    let in_ledger = belonging.iter().filter(|one| one.kind.is_in_ledger());
    plan.ledger = in_ledger.cloned().collect();
    plan.deletions = deletions(&plan.steps, belonging);
    Ok(plan)
}

/// What belongs to the stack and is not in the template any more.
fn deletions(steps: &[Step], belonging: Vec<Belonging>) -> Vec<Belonging> {
    let is_kept = |one: &Belonging| {
        steps.iter().any(|step| {
            let resource = &step.resource;
            let is_here = resource.logical_id == one.logical_id && resource.kind == one.kind;
            // A name that changed is another resource.
            let is_found = step
                .from
                .as_ref()
                .is_some_and(|from| from.identity == one.identity);
            is_here && (is_found || step.is_hidden || resource.kind.is_versioned())
        }) || one.is_retained
    };
    let mut deletions: Vec<Belonging> = belonging.into_iter().filter(|one| !is_kept(one)).collect();
    deletions.sort();
    deletions.dedup();
    deletions
}

/// One resource compared.
pub fn step(
    client: &Client,
    stack: &Stack,
    resource: &Resource,
    known: &Known,
) -> Result<Step, Error> {
    let wanted = wanted(resource, &stack.name, known);
    let is_hidden = !is_findable(resource.kind, &wanted);
    let read = match is_hidden {
        true => Ok(None),
        false => resource.kind.read(client, &wanted),
    };
    let (from, action) = match read {
        Ok(from) => {
            let action = action(resource, &wanted, from.as_ref());
            (from, action)
        }
        // What the server has not built, or refuses to say: before anything is changed.
        Err(error @ Error::Service { .. }) => (None, Action::Refuse(error.to_string())),
        Err(error) => return Err(error),
    };
    Ok(Step {
        resource: resource.clone(),
        from,
        action,
        is_hidden,
    })
}

/// Whether what finds the resource is known: it is not while its API or function is still to be made.
fn is_findable(kind: Kind, wanted: &Wanted) -> bool {
    let members: &[&str] = match kind {
        Kind::RestStage | Kind::RestDeployment => &["RestApiId"],
        Kind::HttpStage => &["ApiId"],
        Kind::MachineAlias | Kind::ManagedPolicy => &["Arn"],
        Kind::MachineVersion => &["StateMachineArn"],
        Kind::FunctionAlias
        | Kind::FunctionVersion
        | Kind::Permission
        | Kind::FunctionUrl
        | Kind::EventInvoke => &["FunctionName", "Qualifier"],
        Kind::InlinePolicy => &["Roles"],
        Kind::MetricFilter | Kind::SubscriptionFilter => &["LogGroupName"],
        _ => &[],
    };
    !members
        .iter()
        .any(|member| wanted.document.get(*member).is_some_and(is_open))
}

/// The resource's document with everything replaced that is known.
pub fn wanted(resource: &Resource, stack_name: &str, known: &Known) -> Wanted {
    let properties = known.fill(&resource.properties);
    let mut document = match resource.kind {
        Kind::Role => {
            let mut document = iam::role_document(&properties, properties["Tags"].clone());
            for member in ["PoliciesBeside", "ManagedBeside"] {
                if let Some(beside) = properties.get(member) {
                    document.insert(member.to_owned(), beside.clone());
                }
            }
            document
        }
        Kind::Function => lambda::function::document(&properties),
        Kind::FunctionAlias => lambda::alias_document(&properties),
        Kind::FunctionVersion | Kind::EventInvoke => lambda::named_document(&properties),
        Kind::Permission => {
            let sid = format!("{stack_name}-{}", resource.logical_id);
            lambda::permission_document(&properties, &sid)
        }
        Kind::FunctionUrl => lambda::url_document(&properties),
        Kind::StateMachine => states::machine_document(&properties),
        Kind::MachineAlias => states::alias_document(&properties),
        Kind::Rule => events::rule_document(&properties),
        Kind::Alarm | Kind::CompositeAlarm => cloudwatch::alarm_document(&properties),
        Kind::Dashboard => cloudwatch::dashboard_document(&properties),
        Kind::MetricFilter => logs::metric_filter_document(&properties),
        Kind::SamplingRule => xray::rule_document(&properties),
        Kind::Schedule => events::schedule_document(&properties),
        Kind::RestApi | Kind::HttpApi => gateway::api_document(&properties),
        _ => iam::object(properties),
    };
    document.remove("ExpectedArn");
    Wanted {
        logical_id: resource.logical_id.clone(),
        stack_name: stack_name.to_owned(),
        document,
        package: resource.package.clone(),
    }
}

fn action(resource: &Resource, wanted: &Wanted, from: Option<&State>) -> Action {
    let Some(from) = from else {
        return Action::Create;
    };
    if let Some(owner) = from.tag(STACK_NAME_TAG)
        && owner != wanted.stack_name
    {
        return Action::Refuse(format!(
            "{} belongs to stack {owner}: give it another name, or deploy with --stack-name {owner}",
            resource.name
        ));
    }
    let changed = differences(&wanted.document, &from.document);
    if let Some(reason) = refusal(resource, &changed, from) {
        return Action::Refuse(reason);
    }
    match changed.is_empty() {
        true => Action::Nothing,
        false => Action::Update(changed),
    }
}

/// Members that a resource keeps for its life.
fn refusal(resource: &Resource, changed: &[String], from: &State) -> Option<String> {
    let fixed = match resource.kind {
        Kind::StateMachine => "type",
        Kind::Role | Kind::ManagedPolicy => "Path",
        _ => return None,
    };
    changed.iter().any(|member| member == fixed).then(|| {
        let existing = from
            .document
            .get(fixed)
            .and_then(Value::as_str)
            .unwrap_or_default();
        let wanted = resource
            .properties
            .get(fixed)
            .and_then(Value::as_str)
            .unwrap_or("/");
        format!(
            "{} is {existing} and cannot become {wanted}: delete it first, or give it another name",
            resource.name
        )
    })
}

/// What the others may know of a resource before it is brought.
fn learn(step: &Step, known: &mut Known) {
    let id = &step.resource.logical_id;
    if let Some(sha) = step
        .resource
        .properties
        .get("CodeSha256")
        .and_then(Value::as_str)
        && step.resource.kind == Kind::Function
    {
        known.learn(id, &[("CodeSha256".to_owned(), sha.to_owned())].into());
    }
    let Some(from) = &step.from else { return };
    let mut attributes = from.attributes.clone();
    match (&step.action, step.resource.kind) {
        (Action::Nothing, _) => {}
        (_, kind) if kind.is_versioned() => return,
        (_, Kind::Function) => drop(attributes.remove("CodeSha256")),
        (Action::Update(changed), Kind::StateMachine)
            if changed.iter().any(|member| member != "Tags") =>
        {
            attributes.remove("RevisionId");
            attributes.remove("StateMachineRevisionId");
        }
        _ => {}
    }
    known.learn(id, &attributes);
}
