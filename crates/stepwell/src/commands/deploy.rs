//! `stepwell deploy`: builds a template and brings a server to it.

use std::process;

use serde_json::json;

use crate::{
    Verdict,
    arguments::Deploy,
    assembly::{Builder, Error, Source, shortfalls},
    client::Client,
    deployment, interrupt,
    packaging::Stop,
    plan::Application,
    report::Report,
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
    let verdict = bring(&client, &application, report)?;
    report.document(&json!({ "event": "outputs", "outputs": application.outputs.iter().cloned().collect::<std::collections::BTreeMap<_, _>>() }));
    for (name, value) in &application.outputs {
        report.say(&format!("{}  {value}", report.style.bold(name)));
    }
    Ok(verdict)
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
    for warning in stack
        .warnings
        .iter()
        .map(ToString::to_string)
        .chain(shortfalls(stack))
    {
        report.warning(&warning);
    }
    let mut builder = Builder::new(source.directory(), stop);
    let built = builder.build(&stack.functions, &Changes::default());
    let has_failed = builder.tell(&built, report);
    Ok((!has_failed).then(|| builder.application(stack)))
}

/// Deploys and tells every change.
pub fn bring(
    client: &Client,
    application: &Application,
    report: Report,
) -> anyhow::Result<Verdict> {
    let mut verdict = Verdict::Well;
    deployment::deploy(client, application, |change| {
        if change.has_failed() {
            verdict = Verdict::Badly;
        }
        report.change(&change);
    })?;
    Ok(verdict)
}
