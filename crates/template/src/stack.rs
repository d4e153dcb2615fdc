//! What a template resolves to, and the order in which it is resolved.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::companion::Companion;
use crate::conditions;
use crate::foreach;
use crate::function::Function;
use crate::globals;
use crate::graph::References;
use crate::names::Names;
use crate::node::{Entry, Node};
use crate::parameters::{Parameter, Parameters};
use crate::parse::parse;
use crate::problem::{Mark, Place, Problem, Problems, Severity};
use crate::resource;
use crate::scope::{Pseudo, Scope};
use crate::state_machine::StateMachine;
use crate::suggest::suggestion;

/// AWS: bytes of a template (in S3; inline it is less).
pub const TEMPLATE_BYTES_MAX: usize = 1024 * 1024;

const SERVERLESS: &str = "AWS::Serverless-2016-10-31";
const LANGUAGE_EXTENSIONS: &str = "AWS::LanguageExtensions";

/// AWS: sections of a template; `Globals` is SAM's.
const SECTIONS: [&str; 11] = [
    "AWSTemplateFormatVersion",
    "Conditions",
    "Description",
    "Globals",
    "Mappings",
    "Metadata",
    "Outputs",
    "Parameters",
    "Resources",
    "Rules",
    "Transform",
];

/// What the template itself does not say.
#[derive(Clone, Debug)]
pub struct Options<'a> {
    /// Name of the template in problems and locations.
    pub file_name: &'a str,
    /// Values of parameters; they replace defaults.
    pub parameters: BTreeMap<String, String>,
    /// `AWS::Region`, such as `eu-central-1`.
    pub region: &'a str,
    /// `AWS::AccountId`, twelve digits.
    pub account: &'a str,
    /// `AWS::StackName`; made-up physical names start with it.
    pub stack_name: &'a str,
    /// Keys of S3 objects whose content is beside the template, as `cdk synth` leaves it, with its path.
    pub assets: BTreeMap<String, String>,
}

/// The resolved resources of a template, each kind in the order of the template.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Stack {
    /// Lambda functions.
    pub functions: Vec<Function>,
    /// State machines.
    pub state_machines: Vec<StateMachine>,
    /// Everything else that is created.
    pub companions: Vec<Companion>,
    /// Logical ids, each after those that it needs.
    pub order: Vec<String>,
    /// What a resource needs, by logical id.
    pub needs: BTreeMap<String, BTreeSet<String>>,
    /// Logical ids of what stays when it leaves the template.
    pub retained: BTreeSet<String>,
    /// Outputs whose condition holds, by name.
    pub outputs: BTreeMap<String, String>,
    /// Parameters with their values, by name.
    pub parameters: BTreeMap<String, Parameter>,
    /// What is skipped, ignored or made up, in the order of the template.
    pub warnings: Vec<Problem>,
}

/// The resources of a SAM or CloudFormation template.
///
/// - `text`: YAML or JSON, at most [`TEMPLATE_BYTES_MAX`] bytes.
/// - `read`: gives the text of a `DefinitionUri`, whose path is as the template has it.
/// - Errors: every problem that makes the template unusable, in the order of the text.
/// - Pure: the same arguments and files give the same stack.
///
/// ```
/// use stepwell_template::{Options, resolve};
///
/// let options = Options {
///     file_name: "template.yaml",
///     parameters: [("Stage".to_owned(), "dev".to_owned())].into(),
///     region: "eu-central-1",
///     account: "123456789012",
///     stack_name: "shop",
///     assets: Default::default(),
/// };
/// let template = "
/// Parameters: {Stage: {Type: String}}
/// Resources: {}
/// Outputs: {Name: {Value: !Sub '${AWS::StackName}-${Stage}'}}
/// ";
/// let stack = resolve(template, &options, &|path| Err(format!("there is no {path}"))).unwrap();
/// assert_eq!(stack.outputs["Name"], "shop-dev");
/// ```
pub fn resolve(
    text: &str,
    options: &Options<'_>,
    read: &dyn Fn(&str) -> Result<String, String>,
) -> Result<Stack, Vec<Problem>> {
    let problems = Problems::new(options.file_name);
    let stack =
        read_document(text, &problems).and_then(|root| read_stack(&root, options, read, &problems));
    match stack {
        Some(mut stack) if !problems.has_errors() => {
            stack.warnings = problems.take(Severity::Warning);
            Ok(stack)
        }
        _ => Err(problems.take(Severity::Error)),
    }
}

fn read_document(text: &str, problems: &Problems) -> Option<Node> {
    let place = Place::default();
    if text.len() > TEMPLATE_BYTES_MAX {
        let message = format!(
            "the template has {} bytes, AWS allows {TEMPLATE_BYTES_MAX}",
            text.len()
        );
        problems.error(Mark::START, &place, message);
        return None;
    }
    match parse(text) {
        Ok(root) if root.entries().is_some() => Some(root),
        Ok(root) => {
            problems.error(
                root.at,
                &place,
                format!("a template is a map, found {}", root.kind()),
            );
            None
        }
        Err(error) => {
            problems.error(error.at, &place, error.message);
            None
        }
    }
}

fn read_stack(
    root: &Node,
    options: &Options<'_>,
    read_file: &dyn Fn(&str) -> Result<String, String>,
    problems: &Problems,
) -> Option<Stack> {
    check_sections(root, problems);
    let transforms = transforms(root, problems);
    let has_serverless = transforms.iter().any(|name| name == SERVERLESS);
    let parameters = Parameters::read(root.entry("Parameters"), &options.parameters, problems);
    let mut scope = Scope {
        problems,
        pseudo: Pseudo::new(options),
        parameters: &parameters,
        mappings: root.get("Mappings"),
        conditions: BTreeMap::new(),
        names: Names::default(),
        sees_resources: false,
        has_language_extensions: transforms.iter().any(|name| name == LANGUAGE_EXTENSIONS),
        output_bytes: Cell::new(0),
        assets: &options.assets,
    };
    let conditions = root
        .entry("Conditions")
        .map(|section| expand(section, &scope));
    scope.conditions = conditions::decide(conditions.as_ref().map(|section| &section.node), &scope);

    let globals = root.entry("Globals");
    if let Some(globals) = globals {
        if !has_serverless {
            let message = format!("Globals needs Transform: {SERVERLESS} in the template");
            problems.error(globals.at, &Place::section("Globals"), message);
        }
        globals::check(globals, problems);
    }
    let section = expand(root.entry("Resources")?, &scope);
    let resources = resource::read_all(&section, globals.map(|globals| &globals.node), problems);
    let resources = resource::name_all(resources, &mut scope);
    let globals = globals.map(|globals| &globals.node);
    let resources = resource::expand(resources, globals, &mut scope, read_file);
    let linked = resource::link(&resources, &mut scope)?;
    let retained = resources.iter().filter(|resource| resource.is_retained);
    let mut stack = Stack {
        retained: retained.map(|resource| resource.id.clone()).collect(),
        order: linked.order,
        needs: linked.needs,
        ..Stack::default()
    };
    for resource in &resources {
        resource::resolve(resource, &scope, has_serverless, read_file, &mut stack);
    }
    if let Some(section) = root.entry("Outputs") {
        stack.outputs = outputs(&expand(section, &scope), &scope);
    }
    drop(scope);
    stack.parameters = parameters.into_public();
    Some(stack)
}

fn expand(section: &Entry, scope: &Scope<'_>) -> Entry {
    Entry {
        key: section.key.clone(),
        at: section.at,
        node: foreach::expand(&section.node, scope, &Place::section(&section.key)),
    }
}

fn check_sections(root: &Node, problems: &Problems) {
    for section in root.entries().unwrap_or_default() {
        let (name, place) = (section.key.as_str(), Place::section(&section.key));
        if !SECTIONS.contains(&name) {
            let near = suggestion(name, &mut SECTIONS.iter().copied());
            let message = format!("a template has no section {name}{near}");
            problems.error(section.at, &Place::default(), message);
            continue;
        }
        match name {
            "AWSTemplateFormatVersion"
                if section.node.scalar().as_deref() != Some("2010-09-09") =>
            {
                problems.error(section.node.at, &place, "the only version is 2010-09-09");
            }
            // CDK: its own rule asks about an account that was bootstrapped, which there is not here.
            "Rules" if is_bootstrap_rule(&section.node) => {}
            "Rules" => problems.warning(section.at, &place, "rules are not checked"),
            "Conditions" | "Globals" | "Mappings" | "Outputs" | "Parameters" | "Resources"
                if section.node.entries().is_none() =>
            {
                let message = format!("{name} is a map, found {}", section.node.kind());
                problems.error(section.node.at, &place, message);
            }
            _ => {}
        }
    }
    if root.entry("Resources").is_none() {
        problems.error(
            root.at,
            &Place::default(),
            "a template needs a Resources section",
        );
    }
}

fn is_bootstrap_rule(rules: &Node) -> bool {
    matches!(rules.entries(), Some([only]) if only.key == "CheckBootstrapVersion")
}

/// The names in `Transform`; macros that only AWS can run are errors.
fn transforms(root: &Node, problems: &Problems) -> Vec<String> {
    let place = Place::section("Transform");
    let Some(node) = root.get("Transform") else {
        return Vec::new();
    };
    let mut names = Vec::new();
    for item in node.items().unwrap_or(std::slice::from_ref(node)) {
        let name = item
            .as_text()
            .or_else(|| item.get("Name").and_then(Node::as_text));
        match name {
            Some(SERVERLESS | LANGUAGE_EXTENSIONS) => names.extend(name.map(str::to_owned)),
            Some(name) => {
                let near = suggestion(name, &mut [SERVERLESS, LANGUAGE_EXTENSIONS].into_iter());
                let message =
                    format!("transform {name} runs on AWS only and is not supported{near}");
                problems.error(item.at, &place, message);
            }
            None => problems.error(
                item.at,
                &place,
                format!("expected the name of a transform, found {}", item.kind()),
            ),
        }
    }
    names
}

fn outputs(section: &Entry, scope: &Scope<'_>) -> BTreeMap<String, String> {
    let mut outputs = BTreeMap::new();
    for output in section.node.entries().unwrap_or_default() {
        let mut place = Place::section("Outputs").join(&output.key);
        let condition = output.node.get("Condition").and_then(Node::as_text);
        if let Some(name) = condition {
            match scope.conditions.get(name) {
                Some(true) => {}
                Some(false) => continue,
                None => {
                    let near = suggestion(name, &mut scope.conditions.keys().map(String::as_str));
                    scope.problems.error(
                        output.at,
                        &place,
                        format!("there is no condition {name}{near}"),
                    );
                    continue;
                }
            }
        }
        let Some(value) = output.node.get("Value") else {
            scope
                .problems
                .error(output.at, &place, "an output needs a Value");
            continue;
        };
        place.push("Value");
        References::new(scope).walk(value, &mut place);
        match scope.evaluate(value, &mut place) {
            Some(node) if node.is_unresolved() => {}
            Some(node) => match node.scalar() {
                Some(text) => {
                    outputs.insert(output.key.clone(), text);
                }
                None => scope.problems.error(
                    value.at,
                    &place,
                    format!("an output is text, found {}", node.kind()),
                ),
            },
            None => {}
        }
    }
    outputs
}
