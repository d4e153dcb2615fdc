//! Templates in, stacks and problems out: everything goes through `resolve`.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod bounds;
mod functions;
mod intrinsics;
mod problems;
mod serverless;
mod state_machines;
mod syntax;
mod tutorial;

use std::collections::BTreeMap;
use std::fmt::Write;

use expect_test::Expect;
use stepwell_template::{Companion, Function, Options, Problem, Stack, StateMachine, resolve};

/// The files that `DefinitionUri` can name.
type Files<'a> = &'a [(&'a str, &'a str)];

fn options(parameters: &[(&str, &str)]) -> Options<'static> {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    Options {
        file_name: "template.yaml",
        parameters: parameters.iter().map(owned).collect::<BTreeMap<_, _>>(),
        region: "eu-central-1",
        account: "123456789012",
        stack_name: "shop",
        assets: BTreeMap::new(),
    }
}

/// Resolves a template; its first line is line 1 even if the literal starts with a newline.
fn resolve_text(
    template: &str,
    parameters: &[(&str, &str)],
    files: Files<'_>,
) -> Result<Stack, Vec<Problem>> {
    let template = template.strip_prefix('\n').unwrap_or(template);
    let read = |path: &str| {
        let found = files.iter().find(|(name, _)| *name == path);
        found
            .map(|(_, text)| (*text).to_owned())
            .ok_or_else(|| "no such file".to_owned())
    };
    resolve(template, &options(parameters), &read)
}

fn check(template: &str, expect: Expect) {
    check_with(template, &[], &[], expect);
}

fn check_files(template: &str, files: Files<'_>, expect: Expect) {
    check_with(template, &[], files, expect);
}

fn check_with(template: &str, parameters: &[(&str, &str)], files: Files<'_>, expect: Expect) {
    let text = match resolve_text(template, parameters, files) {
        Ok(stack) => render(&stack),
        Err(problems) => problems
            .iter()
            .fold(String::new(), |text, p| text + &format!("error {p}\n")),
    };
    expect.assert_eq(&text);
}

fn render(stack: &Stack) -> String {
    let mut text = String::new();
    stack
        .functions
        .iter()
        .for_each(|function| render_function(&mut text, function));
    stack
        .state_machines
        .iter()
        .for_each(|machine| render_state_machine(&mut text, machine));
    for companion in &stack.companions {
        let Companion {
            logical_id,
            kind,
            name,
            properties,
            ..
        } = companion;
        // The role that SAM makes of nothing but the basics says nothing new.
        if properties["Policies"] == serde_json::json!([])
            && properties["ManagedPolicyArns"]
                .as_array()
                .is_some_and(|arns| arns.len() < 2)
        {
            continue;
        }
        writeln!(text, "{kind} {logical_id} {name} {properties}").unwrap();
    }
    for (name, value) in &stack.outputs {
        writeln!(text, "output {name} = {value}").unwrap();
    }
    for problem in &stack.warnings {
        writeln!(text, "warning {problem}").unwrap();
    }
    text
}

/// Identity, then only what differs from the defaults.
fn render_function(text: &mut String, function: &Function) {
    let Function {
        logical_id,
        name,
        code,
        handler,
        runtime,
        ..
    } = function;
    writeln!(
        text,
        "function {logical_id} {name} {runtime} {handler} {code:?} line {}",
        function.location.line
    )
    .unwrap();
    if (function.timeout_seconds, function.memory_mb) != (3, 128) {
        writeln!(
            text,
            "  {} s, {} MB",
            function.timeout_seconds, function.memory_mb
        )
        .unwrap();
    }
    for (name, value) in &function.environment {
        writeln!(text, "  {name}={value}").unwrap();
    }
    for (name, value) in &function.tags {
        writeln!(text, "  tag {name}={value}").unwrap();
    }
    if let Some(build) = &function.build {
        writeln!(text, "  build {} {}", build.method, build.properties).unwrap();
    }
    if !function.layers.is_empty() {
        writeln!(text, "  layers {}", function.layers.join(" ")).unwrap();
    }
    if !function.more.is_empty() {
        let more = serde_json::Value::Object(function.more.clone());
        writeln!(text, "  {more}").unwrap();
    }
    if let Some(reserved) = function.reserved_concurrency {
        writeln!(text, "  reserved {reserved}").unwrap();
    }
}

fn render_state_machine(text: &mut String, machine: &StateMachine) {
    let StateMachine {
        logical_id,
        name,
        kind,
        ..
    } = machine;
    writeln!(
        text,
        "state machine {logical_id} {name} {kind:?} line {}",
        machine.location.line
    )
    .unwrap();
    let definition: serde_json::Value = serde_json::from_str(&machine.definition).unwrap();
    match &machine.definition_source {
        Some(source) => writeln!(text, "  from {source}: {definition}").unwrap(),
        None => writeln!(text, "  {definition}").unwrap(),
    }
    if let Some(logging) = &machine.logging {
        writeln!(text, "  logging {logging}").unwrap();
    }
    if machine.tracing_enabled {
        writeln!(text, "  tracing").unwrap();
    }
    for (name, value) in &machine.tags {
        writeln!(text, "  tag {name}={value}").unwrap();
    }
}
