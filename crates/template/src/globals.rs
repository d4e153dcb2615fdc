//! The `Globals` section of a SAM template.

use crate::node::{Entry, Node, Value};
use crate::problem::{Place, Problems};
use crate::schema;
use crate::suggest::suggestion;

/// AWS SAM: resource types that `Globals` knows.
const SECTIONS: [&str; 8] = [
    "Api",
    "CapacityProvider",
    "Function",
    "HttpApi",
    "LayerVersion",
    "SimpleTable",
    "StateMachine",
    "WebSocketApi",
];

/// AWS SAM: properties of `AWS::Serverless::Function` that cannot stand in `Globals`.
const FUNCTION_ONLY: [&str; 13] = [
    "AutoPublishCodeSha256",
    "CodeSigningConfigArn",
    "Events",
    "FunctionName",
    "FunctionUrlConfig",
    "ImageConfig",
    "ImageUri",
    "InlineCode",
    "PackageType",
    "Policies",
    "Role",
    "VersionDescription",
    "KmsKeyId",
];

/// Reports names that `Globals` does not have.
pub(crate) fn check(globals: &Entry, problems: &Problems) {
    let place = Place::section("Globals");
    for section in globals.node.entries().unwrap_or_default() {
        let name = section.key.as_str();
        if !SECTIONS.contains(&name) {
            let near = suggestion(name, &mut SECTIONS.iter().copied());
            let known = SECTIONS.join(", ");
            problems.error(
                section.at,
                &place,
                format!("Globals has no section {name}{near} (it has {known})"),
            );
            continue;
        }
        let place = place.join(name);
        for property in section.node.entries().unwrap_or_default() {
            match name {
                "Function" => check_function(property, &place, problems),
                "StateMachine" if property.key != "PropagateTags" => {
                    let message = format!(
                        "{} cannot stand in Globals, StateMachine has only PropagateTags",
                        property.key
                    );
                    problems.error(property.at, &place.join(&property.key), message);
                }
                _ => {}
            }
        }
    }
}

fn check_function(property: &Entry, place: &Place, problems: &Problems) {
    let (name, place) = (property.key.as_str(), place.join(&property.key));
    if FUNCTION_ONLY.contains(&name) {
        problems.error(
            property.at,
            &place,
            format!("{name} cannot stand in Globals, give it at each function"),
        );
    } else if !schema::SERVERLESS_FUNCTION
        .iter()
        .any(|(known, _)| *known == name)
    {
        let near = suggestion(
            name,
            &mut schema::SERVERLESS_FUNCTION.iter().map(|(known, _)| *known),
        );
        problems.warning(
            property.at,
            &place,
            format!("unknown property {name} has no effect{near}"),
        );
    }
}

/// The properties of a resource over those of `Globals`.
///
/// AWS SAM: maps are merged, lists are appended to the global list, anything else is replaced.
pub(crate) fn merge(global: &Node, local: Node) -> Node {
    if global.function().is_some() || local.function().is_some() {
        return local;
    }
    let at = local.at;
    match (&global.value, local.value) {
        (Value::Map(globals), Value::Map(locals)) => Node::map(at, merge_entries(globals, locals)),
        (Value::List(globals), Value::List(locals)) => {
            Node::list(at, globals.iter().cloned().chain(locals).collect())
        }
        (_, value) => Node { at, value },
    }
}

fn merge_entries(globals: &[Entry], locals: Vec<Entry>) -> Vec<Entry> {
    let mut merged: Vec<Entry> = Vec::with_capacity(globals.len() + locals.len());
    for global in globals {
        if !locals.iter().any(|local| local.key == global.key) {
            merged.push(global.clone());
        }
    }
    for local in locals {
        let node = match globals.iter().find(|global| global.key == local.key) {
            Some(global) => merge(&global.node, local.node),
            None => local.node,
        };
        merged.push(Entry { node, ..local });
    }
    merged
}
