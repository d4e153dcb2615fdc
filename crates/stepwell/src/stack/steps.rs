//! Doing what a plan says, and putting everything back when a part of it fails.

use std::{
    collections::{BTreeSet, VecDeque},
    time::Instant,
};

use serde_json::Value;

use super::{
    Kind, Known, Resource, Stack, State, Wanted, cloudwatch,
    document::{differences, shown},
    lambda,
    ledger::{self, Belonging},
    logs,
    planning::{self, Action, Plan, Step},
    rollout::{self, Pace, Rollout},
};
use crate::{
    client::{Client, Error},
    deployment::{Change, Outcome},
};

/// What was done, for undoing it.
struct Done {
    resource: Resource,
    from: Option<State>,
    wanted: Wanted,
}

/// Brings the server to the plan's end, or leaves it as it was.
///
/// Returns whether it was brought. What left the template is deleted after all else is in place; a deletion
/// that fails is told and undoes nothing, as with CloudFormation.
pub fn apply(
    client: &Client,
    stack: &Stack,
    plan: Plan,
    pace: Pace,
    report: &mut dyn FnMut(Change),
) -> Result<(bool, Known), Error> {
    let mut known = plan.known;
    let mut is_refused = false;
    for step in &plan.steps {
        if let Action::Refuse(reason) = &step.action {
            is_refused = true;
            let outcome = Outcome::Failed(reason.clone());
            report(change(&step.resource, outcome, Instant::now()));
        }
    }
    if is_refused {
        return Ok((false, known));
    }
    // What is made is in the ledger before it is made, so that it is found whatever happens.
    let wanted = ledger_of(stack, &plan.steps, &known);
    let both: BTreeSet<Belonging> = plan.ledger.union(&wanted).cloned().collect();
    if both != plan.ledger {
        ledger::write(client, &stack.name, &both)?;
    }
    let mut done: Vec<Done> = Vec::new();
    for step in plan.steps {
        let begun = Instant::now();
        let id = step.resource.logical_id.clone();
        let resource = step.resource.clone();
        match perform(client, stack, step, &mut known, pace, Some(&mut done)) {
            Ok(outcome) => report(change(&resource, outcome, begun)),
            Err(error @ Error::Service { .. }) => {
                report(change(&resource, Outcome::Failed(error.to_string()), begun));
                roll_back(client, done, &id, report);
                ledger::write(client, &stack.name, &plan.ledger)?;
                return Ok((false, known));
            }
            Err(error) => {
                roll_back(client, done, &id, report);
                return Err(error);
            }
        }
    }
    let is_clean = delete_all(client, &plan.deletions, report)?;
    let mut after = ledger_of(stack, &[], &known);
    if !is_clean {
        after = after.union(&both).cloned().collect();
    }
    if after != both {
        ledger::write(client, &stack.name, &after)?;
    }
    Ok((is_clean, known))
}

/// Every resource on its own, as `dev` does: one that fails does not stop the others.
pub fn bring_each(
    client: &Client,
    stack: &Stack,
    known: &mut Known,
    report: &mut dyn FnMut(Change),
) -> Result<(), Error> {
    let mut is_ledger_behind = false;
    for resource in &stack.resources {
        let begun = Instant::now();
        let brought = planning::step(client, stack, resource, known).and_then(|step| {
            if let Action::Refuse(reason) = step.action {
                return Ok(Outcome::Failed(reason));
            }
            perform(
                client,
                stack,
                step,
                known,
                Pace {
                    minute: std::time::Duration::ZERO,
                },
                None,
            )
        });
        let outcome = match brought {
            Ok(outcome) => outcome,
            Err(error @ Error::Service { .. }) => Outcome::Failed(error.to_string()),
            Err(error) => return Err(error),
        };
        is_ledger_behind |= resource.kind.is_in_ledger() && matches!(outcome, Outcome::Created);
        report(change(resource, outcome, begun));
    }
    if is_ledger_behind {
        let before = ledger::read(client, &stack.name)?.into_iter().collect();
        let after = ledger_of(stack, &[], known)
            .union(&before)
            .cloned()
            .collect();
        ledger::write(client, &stack.name, &after)?;
    }
    Ok(())
}

/// Deletes what belongs to the stack and is not in it any more; returns how many resources that are.
pub fn prune(
    client: &Client,
    stack: &Stack,
    report: &mut dyn FnMut(Change),
) -> Result<usize, Error> {
    let plan = planning::plan(client, stack)?;
    delete_all(client, &plan.deletions, report)?;
    let gone = |one: &Belonging| !plan.deletions.contains(one);
    let after: BTreeSet<Belonging> = plan
        .ledger
        .iter()
        .filter(|one| gone(one))
        .cloned()
        .collect();
    if after != plan.ledger {
        ledger::write(client, &stack.name, &after)?;
    }
    Ok(plan.deletions.len())
}

fn change(resource: &Resource, outcome: Outcome, begun: Instant) -> Change {
    Change {
        what: resource.kind.label(),
        logical_id: resource.logical_id.clone(),
        name: resource.name.clone(),
        outcome,
        took_ms: i64::try_from(begun.elapsed().as_millis()).unwrap_or(i64::MAX),
    }
}

/// The entries that the ledger must have for this stack.
fn ledger_of(stack: &Stack, steps: &[Step], known: &Known) -> BTreeSet<Belonging> {
    let resources = stack
        .resources
        .iter()
        .filter(|resource| resource.kind.is_in_ledger());
    resources
        .filter_map(|resource| {
            let step = steps
                .iter()
                .find(|step| step.resource.logical_id == resource.logical_id);
            let from = step.and_then(|step| step.from.as_ref());
            let identity = match from {
                Some(from) if !resource.kind.is_versioned() => from.identity.clone(),
                _ => identity(resource, &stack.name, known)?,
            };
            Some(Belonging {
                kind: resource.kind,
                logical_id: resource.logical_id.clone(),
                identity,
                is_retained: resource.is_retained,
            })
        })
        .collect()
}

/// What finds a resource that may not be there yet, where the template alone says it.
fn identity(resource: &Resource, stack_name: &str, known: &Known) -> Option<String> {
    let wanted = planning::wanted(resource, stack_name, known);
    let text = |member: &str| wanted.text(member);
    let identity = match resource.kind {
        Kind::FunctionAlias => format!("{} {}", text("FunctionName"), text("Name")),
        Kind::Permission => {
            format!(
                "{} {} {}",
                text("FunctionName"),
                text("Qualifier"),
                text("StatementId")
            )
        }
        Kind::FunctionUrl | Kind::EventInvoke => {
            format!("{} {}", text("FunctionName"), text("Qualifier"))
        }
        Kind::MachineAlias => text("Arn").to_owned(),
        Kind::Schedule => format!("{} {}", text("GroupName"), text("Name")),
        Kind::Connection | Kind::ApiDestination => text("Name").to_owned(),
        Kind::Dashboard => text("DashboardName").to_owned(),
        Kind::MetricFilter | Kind::SubscriptionFilter => logs::filter_identity(&wanted),
        Kind::QueryDefinition => text("Name").to_owned(),
        Kind::TraceGroup => text("GroupName").to_owned(),
        Kind::SamplingRule => text("RuleName").to_owned(),
        Kind::RestStage => format!("{} {}", text("RestApiId"), text("StageName")),
        Kind::HttpStage => format!("{} {}", text("ApiId"), text("StageName")),
        Kind::InlinePolicy => {
            let roles = wanted.document.get("Roles").and_then(Value::as_array)?;
            let roles: Vec<&str> = roles.iter().filter_map(Value::as_str).collect();
            format!("{} {}", text("PolicyName"), roles.join(" "))
        }
        Kind::Layer => {
            let arn = known.fill_text(&format!("{{{{stepwell:{}.Ref}}}}", resource.logical_id));
            if stepwell_template::is_open(&arn) {
                return None;
            }
            let (_, version) = arn.rsplit_once(':')?;
            format!("{} {version}", text("LayerName"))
        }
        _ => return None,
    };
    (!stepwell_template::is_open(&identity)).then_some(identity)
}

/// Brings one resource, and learns what it gives.
fn perform(
    client: &Client,
    stack: &Stack,
    step: Step,
    known: &mut Known,
    pace: Pace,
    done: Option<&mut Vec<Done>>,
) -> Result<Outcome, Error> {
    let Step {
        resource,
        mut from,
        action,
        ..
    } = step;
    let kind = resource.kind;
    let wanted = planning::wanted(&resource, &stack.name, known);
    // What was not known when planning may be there, and may be as it should be.
    if from.is_none() && action == Action::Create {
        from = kind.read(client, &wanted)?;
    }
    let changed = match &from {
        Some(from) => differences(&wanted.document, &from.document),
        None => Vec::new(),
    };
    if let Some(existing) = &from
        && changed.is_empty()
    {
        known.learn(&resource.logical_id, &existing.attributes);
        return Ok(Outcome::Unchanged);
    }
    // Only who may have to put it back needs the code of before.
    if kind == Kind::Function
        && done.is_some()
        && let Some(existing) = &mut from
        && changed.iter().any(|member| member == "CodeSha256")
    {
        existing.package = lambda::function::package(client, &existing.identity)?;
    }
    if let Some(done) = done {
        done.push(Done {
            resource: resource.clone(),
            from: from.clone(),
            wanted: wanted.clone(),
        });
    }
    match (kind, &from) {
        (Kind::FunctionAlias, Some(existing)) => {
            shift_function(client, &resource, existing, &wanted, &changed, pace)?;
        }
        (Kind::MachineAlias, Some(existing)) => {
            shift_machine(client, &resource, existing, &wanted, pace)?;
        }
        _ => {}
    }
    kind.bring(client, from.as_ref(), &wanted, &changed)?;
    let now = kind.read(client, &wanted)?.ok_or_else(|| Error::Service {
        operation: kind.cloudformation().to_owned(),
        code: "NotThere".to_owned(),
        message: format!(
            "{} is not on the server although it was made",
            resource.name
        ),
    })?;
    if let Some(reason) = foreign(kind, &resource, &now) {
        return Err(Error::Service {
            operation: kind.cloudformation().to_owned(),
            code: "OtherOwner".to_owned(),
            message: reason,
        });
    }
    known.learn(&resource.logical_id, &now.attributes);
    Ok(match from {
        None => Outcome::Created,
        Some(_) => Outcome::Updated(shown(&changed)),
    })
}

/// Definitions name functions by ARN: a server of another region or account would never find them.
fn foreign(kind: Kind, resource: &Resource, now: &State) -> Option<String> {
    if !matches!(
        kind,
        Kind::Function | Kind::StateMachine | Kind::Activity | Kind::Role
    ) {
        return None;
    }
    let expected = resource
        .properties
        .get("ExpectedArn")
        .and_then(Value::as_str)?;
    let given = now
        .attributes
        .get("Arn")
        .filter(|given| given.as_str() != expected)?;
    let part = |index: usize| given.split(':').nth(index).unwrap_or("?");
    Some(format!(
        "the server made it {given}, the application calls it {expected}: deploy with --region {} --account {}",
        part(3),
        part(4)
    ))
}

/// Shifts the traffic of a function's alias; the last step is the alias's own update.
fn shift_function(
    client: &Client,
    resource: &Resource,
    from: &State,
    wanted: &Wanted,
    changed: &[String],
    pace: Pace,
) -> Result<(), Error> {
    if !changed.iter().any(|member| member == "FunctionVersion") {
        return Ok(());
    }
    let preference = &resource.properties["DeploymentPreference"];
    let rollout = Rollout::of_function(preference).map_err(|message| Error::Service {
        operation: "UpdateAlias".to_owned(),
        code: "InvalidPreference".to_owned(),
        message,
    })?;
    let Some(rollout) = rollout else {
        return Ok(());
    };
    for share in &rollout.shares {
        let mut shifted = wanted.clone();
        shifted.document["FunctionVersion"] = from.document["FunctionVersion"].clone();
        let weights = rollout::function_weights(wanted.text("FunctionVersion"), *share);
        shifted.document.insert("RoutingConfig".to_owned(), weights);
        Kind::FunctionAlias.bring(client, Some(from), &shifted, &[])?;
        rollout.wait(pace);
    }
    Ok(())
}

fn shift_machine(
    client: &Client,
    resource: &Resource,
    from: &State,
    wanted: &Wanted,
    pace: Pace,
) -> Result<(), Error> {
    let Some(rollout) = Rollout::of_machine(&resource.properties["DeploymentPreference"]) else {
        return Ok(());
    };
    let route = |routes: &Value| {
        routes[0]["stateMachineVersionArn"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    let old = route(&from.document["RoutingConfiguration"]);
    let new = route(&wanted.document["RoutingConfiguration"]);
    if old == new {
        return Ok(());
    }
    for share in &rollout.shares {
        let mut shifted = wanted.clone();
        shifted.document["RoutingConfiguration"] = rollout::machine_routes(&old, &new, *share);
        Kind::MachineAlias.bring(client, Some(from), &shifted, &[])?;
        rollout.wait(pace);
    }
    Ok(())
}

/// Puts everything back, the last change first.
fn roll_back(client: &Client, done: Vec<Done>, failed: &str, report: &mut dyn FnMut(Change)) {
    for Done {
        resource,
        from,
        wanted,
    } in done.into_iter().rev()
    {
        let begun = Instant::now();
        let outcome = match restore(client, resource.kind, from.as_ref(), wanted) {
            Ok(false) => continue,
            Ok(true) => Outcome::RolledBack,
            // The step that failed may have made nothing.
            Err(_) if resource.logical_id == failed && from.is_none() => continue,
            Err(error) => Outcome::Failed(format!("could not be put back: {error}")),
        };
        report(change(&resource, outcome, begun));
    }
}

/// Brings a resource back to what it was; returns whether there was anything to do.
fn restore(
    client: &Client,
    kind: Kind,
    from: Option<&State>,
    wanted: Wanted,
) -> Result<bool, Error> {
    let before = match from {
        Some(from) => Wanted {
            document: from.document.clone(),
            package: from.package.clone(),
            ..wanted
        },
        None => wanted,
    };
    let Some(now) = kind.read(client, &before)? else {
        return Ok(false);
    };
    match from {
        None => {
            kind.delete(client, &now.identity)?;
            Ok(true)
        }
        // The version of before is still there: the one that was made goes.
        Some(from) if kind.is_versioned() => {
            if now.identity == from.identity {
                return Ok(false);
            }
            kind.delete(client, &now.identity)?;
            Ok(true)
        }
        Some(from) => {
            let changed = differences(&from.document, &now.document);
            if changed.is_empty() {
                return Ok(false);
            }
            kind.bring(client, Some(&now), &before, &changed)?;
            Ok(true)
        }
    }
}

/// Deletes what left the template; returns whether all of it is gone.
fn delete_all(
    client: &Client,
    deletions: &[Belonging],
    report: &mut dyn FnMut(Change),
) -> Result<bool, Error> {
    let mut is_clean = true;
    let mut waiting: VecDeque<&Belonging> = deletions.iter().collect();
    // Each time round an alarm that nothing watches any more goes.
    let mut rounds = deletions.len() * deletions.len();
    while let Some(one) = waiting.pop_front() {
        let begun = Instant::now();
        let outcome = match one.kind.delete(client, &one.identity) {
            Ok(()) => Outcome::Deleted,
            // One that watches it may be among those that go.
            Err(error)
                if matches!(one.kind, Kind::CompositeAlarm | Kind::Alarm)
                    && rounds > 0
                    && cloudwatch::is_depended_on(&error) =>
            {
                rounds -= 1;
                waiting.push_back(one);
                continue;
            }
            Err(error @ Error::Service { .. }) => {
                is_clean = false;
                Outcome::Failed(error.to_string())
            }
            Err(error) => return Err(error),
        };
        report(Change {
            what: one.kind.label(),
            logical_id: one.logical_id.clone(),
            name: crate::names::short(&one.identity).to_owned(),
            outcome,
            took_ms: i64::try_from(begun.elapsed().as_millis()).unwrap_or(i64::MAX),
        });
    }
    Ok(is_clean)
}
