//! `stepwell deploy`: builds a template, shows what would change, and brings a server to it.

use std::{collections::BTreeMap, process, time::Duration};

use serde_json::{Value, json};
use stepwell_template::{Kind, Stack};

use crate::{
    Verdict,
    arguments::Deploy,
    assembly::{self, Builder, Error, Source, shortfalls},
    client::Client,
    embedded, interrupt,
    packaging::Stop,
    plan::Application,
    report::Report,
    stack::{self, Action, Known, Pace, Plan},
    watch::Changes,
};

pub fn run(arguments: &Deploy, is_json: bool) -> anyhow::Result<Verdict> {
    let client = Client::new(&arguments.connection.endpoint())?;
    let source = Source::new(&arguments.template, &arguments.stack, &arguments.owner)?;
    let report = Report::new(is_json);
    let stop = Stop::default();
    let ended = stop.clone();
    interrupt::on_interrupt(move || {
        // Tools run in process groups of their own, which the terminal's Ctrl-C does not reach.
        ended.stop();
        process::exit(interrupt::EXIT_INTERRUPTED);
    })?;
    let Some(application) = build(&source, report, stop)? else {
        return Ok(Verdict::Badly);
    };
    if arguments.plan {
        let plan = stack::plan(&client, &application.stack())?;
        return Ok(show(&plan, report));
    }
    let pace = Pace {
        minute: Duration::from_secs_f64(arguments.rollout_minute),
    };
    bring(&client, &application, pace, report)
}

/// Brings the server to the application, or leaves it as it was; tells every change.
pub fn bring(
    client: &Client,
    application: &Application,
    pace: Pace,
    report: Report,
) -> anyhow::Result<Verdict> {
    let stack = application.stack();
    warn_of_preferences(&stack, pace, report);
    let plan = stack::plan(client, &stack)?;
    let (is_brought, known) = stack::apply(client, &stack, plan, pace, &mut |change| {
        report.change(&change);
    })?;
    if is_brought {
        put_outputs(application, &known, report);
        return Ok(Verdict::Well);
    }
    report.say(
        &report
            .style
            .red("not deployed as a whole: see what failed above"),
    );
    report.document(&json!({ "event": "notDeployed" }));
    Ok(Verdict::Badly)
}

fn put_outputs(application: &Application, known: &Known, report: Report) {
    let outputs: BTreeMap<&str, String> = application
        .outputs
        .iter()
        .map(|(name, value)| (name.as_str(), known.fill_text(value)))
        .collect();
    report.document(&json!({ "event": "outputs", "outputs": outputs }));
    for (name, value) in &outputs {
        report.say(&format!("{}  {value}", report.style.bold(name)));
    }
}

/// Says what a deployment preference does here, and what not.
fn warn_of_preferences(stack: &stack::Stack, pace: Pace, report: Report) {
    for resource in &stack.resources {
        let preference = &resource.properties["DeploymentPreference"];
        let kind = preference["Type"].as_str().unwrap_or("ALL_AT_ONCE");
        if !preference.is_object() || matches!(kind, "ALL_AT_ONCE" | "AllAtOnce") {
            continue;
        }
        let id = &resource.logical_id;
        let minute = pace.minute.as_secs_f64();
        report.warning(&format!(
            "{id}: {kind} is carried out by this command, which waits; if it is ended, the next deployment goes on (a minute lasts {minute} s)"
        ));
        if preference["Alarms"]
            .as_array()
            .is_some_and(|alarms| !alarms.is_empty())
        {
            report.warning(&format!(
                "{id}: the alarms of its deployment preference are not watched yet"
            ));
        }
        if preference["Hooks"].is_object() {
            report.warning(&format!(
                "{id}: the hooks of its deployment preference are not called"
            ));
        }
    }
}

/// Tells what a deployment would do.
fn show(plan: &Plan, report: Report) -> Verdict {
    let mut verdict = Verdict::Well;
    for step in &plan.steps {
        let (word, detail) = match &step.action {
            Action::Create => ("create", Value::Null),
            Action::Update(members) => ("update", json!(stack::shown(members))),
            Action::Nothing => ("unchanged", Value::Null),
            Action::Refuse(reason) => {
                verdict = Verdict::Badly;
                ("refuse", json!(reason))
            }
        };
        tell(
            report,
            word,
            step.resource.kind,
            (&step.resource.logical_id, &step.resource.name),
            &detail,
        );
    }
    for one in &plan.deletions {
        tell(
            report,
            "delete",
            one.kind,
            (&one.logical_id, &one.identity),
            &Value::Null,
        );
    }
    if plan.is_empty() {
        report.say(&report.style.dim("nothing would change"));
    }
    report.document(&json!({ "event": "planned", "changes": !plan.is_empty() }));
    verdict
}

fn tell(
    report: Report,
    word: &str,
    kind: stack::Kind,
    (logical_id, name): (&str, &str),
    detail: &Value,
) {
    let mut document = json!({ "event": "plan", "action": word, "resource": kind.label(), "type": kind.cloudformation(), "logicalId": logical_id, "name": name });
    let shown = match detail {
        Value::Array(members) => {
            document["changed"] = detail.clone();
            let members: Vec<&str> = members.iter().filter_map(Value::as_str).collect();
            members.join(", ")
        }
        Value::String(reason) => {
            document["message"] = detail.clone();
            reason.clone()
        }
        _ => String::new(),
    };
    report.document(&document);
    let shown = report.style.dim(&shown);
    let what = kind.label();
    report.say(format!("{word:<9}  {what:<14}  {name:<40}  {shown}").trim_end());
}

/// The built application, or `None` after its problems were told.
pub fn build(source: &Source, report: Report, stop: Stop) -> anyhow::Result<Option<Application>> {
    let resolved = match source.resolve() {
        Ok(resolved) => resolved,
        Err(Error::Unreadable(reason)) => return Err(reason),
        Err(problems @ Error::Problems(_)) => {
            report.failure(
                &source.template.display().to_string(),
                &problems.to_string(),
            );
            return Ok(None);
        }
    };
    let stack = &resolved.stack;
    for warning in &stack.warnings {
        report.warning(&warning.to_string());
    }
    let shortfalls = shortfalls(stack);
    for (subject, reason) in &shortfalls {
        report.failure(subject, reason);
    }
    let has_broken_definition = tell_definitions(stack, report);
    let is_refused = has_broken_definition || !shortfalls.is_empty();
    let mut builder = Builder::new(source.directory(), stop);
    let built = builder.build(&stack.functions, &Changes::default());
    let has_failed = builder.tell(&built, report);
    let has_failed = builder.build_layers(stack, report) || has_failed || is_refused;
    Ok((!has_failed).then(|| builder.application(source, stack)))
}

/// Tells what is wrong with definitions, before anything is changed; returns whether anything is.
fn tell_definitions(stack: &Stack, report: Report) -> bool {
    let mut is_broken = false;
    for machine in &stack.state_machines {
        let definition = assembly::with_stand_ins(&machine.definition);
        let found = embedded::validate_definition(&definition, machine.kind == Kind::Express);
        let errors: Vec<String> = found
            .into_iter()
            .filter(|finding| finding.severity == "ERROR")
            .map(|finding| match finding.location {
                Some(location) => format!("{}: {} at {location}", finding.code, finding.message),
                None => format!("{}: {}", finding.code, finding.message),
            })
            .collect();
        if errors.is_empty() {
            continue;
        }
        is_broken = true;
        let location = &machine.location;
        let file = machine
            .definition_source
            .as_ref()
            .map(|file| format!(", {file}"));
        let subject = format!(
            "state machine {} ({}:{}{})",
            machine.logical_id,
            location.file,
            location.line,
            file.unwrap_or_default()
        );
        report.failure(&subject, &errors.join("\n"));
    }
    is_broken
}
