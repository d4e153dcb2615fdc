//! `stepwell deploy`: builds a template and brings a server to it.

use serde_json::json;

use crate::{
    Verdict,
    arguments::Deploy,
    assembly::{Builder, Error, Source, shortfalls},
    client::Client,
    deployment,
    plan::Application,
    report::Report,
    watch::Changes,
};

pub fn run(arguments: &Deploy, is_json: bool) -> anyhow::Result<Verdict> {
    let client = Client::new(&arguments.connection.endpoint())?;
    let source = Source::new(&arguments.template, &arguments.stack, &arguments.owner)?;
    let report = Report::new(is_json);
    let Some(application) = build(&source, report)? else {
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
pub fn build(source: &Source, report: Report) -> anyhow::Result<Option<Application>> {
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
    let mut builder = Builder::new(source.directory());
    let mut is_built = true;
    for id in builder.build(&stack.functions, &Changes::default()) {
        for warning in builder.warnings(&id) {
            report.warning(&format!("function {id}: {warning}"));
        }
        if let Some(reason) = builder.failure(&id) {
            report.failure(&format!("function {id}"), reason);
            is_built = false;
        }
    }
    Ok(is_built.then(|| builder.application(stack)))
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
