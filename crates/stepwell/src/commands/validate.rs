//! `stepwell validate`: what is wrong with a template or a definition, without a server.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use anyhow::{Context as _, bail};
use serde_json::{Value, json};
use stepwell_template::{Kind, Problem, Severity, Stack};

use crate::{
    Verdict,
    arguments::{DEFAULT_ACCOUNT, DEFAULT_REGION, Validate},
    assembly::{self, Source, shortfalls},
    embedded::{self, Diagnostic},
    terminal::{self, Style},
};

/// A finding, of whichever kind of file.
struct Finding {
    is_error: bool,
    /// AWS's diagnostic code, for definitions.
    code: Option<String>,
    place: String,
    message: String,
}

pub fn run(arguments: &Validate, is_json: bool) -> anyhow::Result<Verdict> {
    let text = fs::read_to_string(&arguments.file)
        .with_context(|| format!("cannot read {}", arguments.file.display()))?;
    let findings = match kind_of(&text) {
        FileKind::Definition => of_definition(
            &text,
            arguments.express,
            &arguments.file.display().to_string(),
        ),
        FileKind::Template => of_template(arguments)?,
        FileKind::Neither => bail!(
            "{} is neither a template (it has no Resources) nor a definition (it has no States)",
            arguments.file.display()
        ),
    };
    let is_valid = !findings.iter().any(|finding| finding.is_error);
    if is_json {
        let documents: Vec<Value> = findings.iter().map(finding_json).collect();
        terminal::put_json(
            &json!({ "file": arguments.file, "valid": is_valid, "findings": documents }),
        );
    } else {
        put_text(&findings, is_valid, &arguments.file);
    }
    Ok(if is_valid {
        Verdict::Well
    } else {
        Verdict::Badly
    })
}

#[derive(Debug, PartialEq)]
enum FileKind {
    Template,
    Definition,
    Neither,
}

/// By the sections that AWS requires; of YAML only the names at the left edge are looked at.
fn kind_of(text: &str) -> FileKind {
    let has = |name: &str| match serde_json::from_str::<Value>(text) {
        Ok(document) => document.get(name).is_some(),
        Err(_) => {
            let quoted = format!("\"{name}\"");
            let is_json = text.trim_start().starts_with('{');
            is_json && text.contains(&quoted)
                || text.lines().any(|line| {
                    line.strip_prefix(name)
                        .is_some_and(|rest| rest.trim_start().starts_with(':'))
                })
        }
    };
    if has("Resources") {
        FileKind::Template
    } else if has("States") || has("StartAt") {
        FileKind::Definition
    } else {
        FileKind::Neither
    }
}

fn of_definition(text: &str, is_express: bool, file: &str) -> Vec<Finding> {
    // The language is JSON; a definition file in YAML is what SAM turns into it.
    let json = if text.trim_start().starts_with('{') {
        text.to_owned()
    } else {
        match definition_from_yaml(text, is_express, file) {
            Ok(json) => json,
            Err(problems) => return problems.into_iter().map(of_problem).collect(),
        }
    };
    let (json, stand_ins) = with_stand_ins(&json);
    let found = embedded::validate_definition(&json, is_express);
    let mut findings: Vec<Finding> = found
        .into_iter()
        .map(|diagnostic| of_diagnostic(diagnostic, file))
        .collect();
    if !stand_ins.is_empty() {
        let names = stand_ins.into_iter().collect::<Vec<_>>().join(", ");
        let message = format!(
            "checked with stand-ins for {names}: validate the template to check with its own values"
        );
        findings.push(Finding {
            is_error: false,
            code: None,
            place: file.to_owned(),
            message,
        });
    }
    findings
}

/// The definition with every `${Name}`, which only a template fills in, replaced by a value of its place's kind:
/// an ARN where it is a whole string, its name inside a string, a number elsewhere.
fn with_stand_ins(text: &str) -> (String, BTreeSet<String>) {
    let mut out = String::with_capacity(text.len());
    let mut names = BTreeSet::new();
    let (mut rest, mut is_in_string) = (text, false);
    while let Some(c) = rest.chars().next() {
        if let Some((name, after)) = rest
            .strip_prefix("${")
            .and_then(|inner| inner.split_once('}'))
            .filter(|(name, _)| is_name(name))
        {
            let is_whole = out.ends_with('"') && after.starts_with('"');
            match (is_in_string, is_whole) {
                (true, true) => out.push_str(&format!(
                    "arn:aws:lambda:{DEFAULT_REGION}:{DEFAULT_ACCOUNT}:function:{name}"
                )),
                (true, false) => out.push_str(name),
                (false, _) => out.push('1'),
            }
            names.insert(format!("${{{name}}}"));
            rest = after;
            continue;
        }
        let length = if c == '\\' {
            1 + rest[1..].chars().next().map_or(0, char::len_utf8)
        } else {
            c.len_utf8()
        };
        is_in_string ^= c == '"';
        out.push_str(&rest[..length]);
        rest = &rest[length..];
    }
    (out, names)
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// SAM's own way from a YAML definition to JSON: a template of one state machine.
fn definition_from_yaml(text: &str, is_express: bool, file: &str) -> Result<String, Vec<Problem>> {
    let kind = if is_express { "EXPRESS" } else { "STANDARD" };
    let template = json!({
        "Transform": "AWS::Serverless-2016-10-31",
        "Resources": { "StateMachine": { "Type": "AWS::Serverless::StateMachine", "Properties": { "DefinitionUri": file, "Type": kind } } },
    });
    let options = stepwell_template::Options {
        file_name: file,
        parameters: BTreeMap::new(),
        region: DEFAULT_REGION,
        account: DEFAULT_ACCOUNT,
        stack_name: "validate",
        assets: BTreeMap::new(),
    };
    let stack =
        stepwell_template::resolve(&template.to_string(), &options, &|_| Ok(text.to_owned()))?;
    Ok(stack
        .state_machines
        .into_iter()
        .next()
        .map(|machine| machine.definition)
        .unwrap_or_default())
}

fn of_template(arguments: &Validate) -> anyhow::Result<Vec<Finding>> {
    let source = Source::new(&arguments.file, &arguments.stack, &arguments.owner)?;
    match source.resolve() {
        Ok(resolved) => Ok(of_stack(resolved.stack)),
        Err(assembly::Error::Problems(problems)) => {
            Ok(problems.into_iter().map(of_problem).collect())
        }
        Err(assembly::Error::Unreadable(reason)) => Err(reason),
    }
}

fn of_stack(stack: Stack) -> Vec<Finding> {
    let shortfalls = shortfalls(&stack)
        .into_iter()
        .map(|(subject, reason)| Finding {
            is_error: true,
            code: None,
            place: String::new(),
            message: format!("{subject}: {reason}"),
        });
    let mut findings: Vec<Finding> = shortfalls.collect();
    for machine in &stack.state_machines {
        let place = match &machine.definition_source {
            Some(file) => format!("{file} ({})", machine.logical_id),
            None => format!(
                "{}:{} ({})",
                machine.location.file, machine.location.line, machine.logical_id
            ),
        };
        let definition = assembly::with_stand_ins(&machine.definition);
        let found = embedded::validate_definition(&definition, machine.kind == Kind::Express);
        findings.extend(
            found
                .into_iter()
                .map(|diagnostic| of_diagnostic(diagnostic, &place)),
        );
    }
    findings.extend(stack.warnings.into_iter().map(of_problem));
    findings
}

fn of_problem(problem: Problem) -> Finding {
    // The problem words its own place, so that it can be clicked on.
    Finding {
        is_error: problem.severity == Severity::Error,
        code: None,
        place: String::new(),
        message: problem.to_string(),
    }
}

fn of_diagnostic(found: Diagnostic, file: &str) -> Finding {
    let place = match &found.location {
        Some(location) => format!("{file} at {location}"),
        None => file.to_owned(),
    };
    Finding {
        is_error: found.severity == "ERROR",
        code: Some(found.code),
        place,
        message: found.message,
    }
}

fn finding_json(finding: &Finding) -> Value {
    let mut document = json!({ "severity": if finding.is_error { "ERROR" } else { "WARNING" }, "message": finding.message });
    if let Some(code) = &finding.code {
        document["code"] = json!(code);
    }
    if !finding.place.is_empty() {
        document["location"] = json!(finding.place);
    }
    document
}

fn put_text(findings: &[Finding], is_valid: bool, file: &Path) {
    let style = Style::of_stdout();
    for finding in findings {
        let severity = if finding.is_error {
            style.red("error:")
        } else {
            style.yellow("warning:")
        };
        let code = finding
            .code
            .as_ref()
            .map(|code| format!("{code}: "))
            .unwrap_or_default();
        let place = if finding.place.is_empty() {
            String::new()
        } else {
            format!("{}: ", finding.place)
        };
        terminal::put_line(&format!("{severity} {place}{code}{}", finding.message));
    }
    let verdict = if is_valid {
        style.green("valid")
    } else {
        style.red("not valid")
    };
    terminal::put_line(&format!("{}: {verdict}", file.display()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_told_by_its_sections() {
        assert_eq!(
            kind_of("AWSTemplateFormatVersion: '2010-09-09'\nResources:\n  A: {}\n"),
            FileKind::Template
        );
        assert_eq!(kind_of(r#"{"Resources": {}}"#), FileKind::Template);
        assert_eq!(
            kind_of(r#"{"StartAt": "A", "States": {}}"#),
            FileKind::Definition
        );
        assert_eq!(
            kind_of(r#"{"StartAt": "A", "States": {,}}"#),
            FileKind::Definition,
            "a broken one is still one"
        );
        assert_eq!(kind_of("StartAt: A\nStates: {}\n"), FileKind::Definition);
        assert_eq!(kind_of("name: x\n"), FileKind::Neither);
    }

    #[test]
    fn what_a_template_fills_in_gets_a_stand_in_of_its_kind() {
        let (text, names) = with_stand_ins(
            r#"{"A":"${Fn}","B":${Count},"C":"x-${Name}","D":"\"${Fn}","E":"${no name}é"}"#,
        );
        let arn = "arn:aws:lambda:us-east-1:123456789012:function:Fn";
        let expected = format!(
            r#"{{"A":"{arn}","B":1,"C":"x-Name","D":"\"{}","E":"${{no name}}é"}}"#,
            arn
        );
        assert_eq!(text, expected);
        assert_eq!(
            names.into_iter().collect::<Vec<_>>(),
            ["${Count}", "${Fn}", "${Name}"]
        );
    }
}
