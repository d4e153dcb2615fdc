//! Resources beside functions and state machines: what CloudFormation would create, with properties evaluated.

use serde::Serialize;

use crate::node::Node;
use crate::problem::Location;
use crate::properties::Properties;
use crate::resource::{self, Resource};
use crate::schema::{self, Companion as Known};
use crate::scope::Scope;
use crate::stack::Stack;

/// A resource that is neither a function nor a state machine, in the words of CloudFormation.
///
/// Texts may hold values that only the server gives; [`fill`](crate::fill) replaces them.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Companion {
    /// The resource's name in the template, or the one that SAM gives it.
    pub logical_id: String,
    /// The CloudFormation type, such as `AWS::Lambda::Alias`.
    pub kind: String,
    /// The physical name, where the type has one; else made up.
    pub name: String,
    /// `Properties` with functions evaluated.
    pub properties: serde_json::Value,
    /// Where the resource stands, or the one it is made for.
    pub location: Location,
}

/// Types that only AWS can make sense of, and that change nothing here.
const SILENT: [&str; 3] = [
    "AWS::CDK::Metadata",
    "AWS::CloudFormation::WaitConditionHandle",
    "AWS::ApiGateway::Account",
];

/// SAM's types that became others.
const EXPANDED: [&str; 3] = [
    "AWS::Serverless::Api",
    "AWS::Serverless::HttpApi",
    "AWS::Serverless::LayerVersion",
];

/// Reads a resource into the stack, or warns that its type is skipped.
pub(crate) fn resolve(resource: &Resource, scope: &Scope<'_>, stack: &mut Stack) {
    let (kind, place) = (resource.kind.as_str(), resource.place());
    if SILENT.contains(&kind) || EXPANDED.contains(&kind) && !resource.is_made {
        return;
    }
    let Some(known) = schema::companion(kind) else {
        let message = format!("resource type {kind} is not supported and is skipped");
        return scope.problems.warning(resource.kind_at, &place, message);
    };
    let node = evaluate(resource, known, scope);
    let properties = Properties::new(&node, resource.properties_at, place, scope.problems);
    for name in known.required {
        if !properties.has(name) {
            properties.missing(name);
        }
    }
    let named = scope
        .names
        .get(&resource.id)
        .expect("invariant: every resource has a name");
    let mut document = node.to_json();
    if kind == "AWS::Lambda::LayerVersion" && document["Content"].is_object() {
        let content = &document["Content"];
        let key = content["S3Key"].as_str().or(content["Key"].as_str());
        match key.and_then(|key| scope.assets.get(key)) {
            Some(path) => document["Content"] = path.as_str().into(),
            None => properties.fail(
                "Content",
                properties
                    .get("Content")
                    .map_or(properties.at, |node| node.at),
                "the content is in S3, which is not read: name a local directory or zip file",
            ),
        }
    }
    if let Some(name) = crate::names::name_property(kind)
        && document.get(name).is_none()
    {
        document[name] = named.name.clone().into();
    }
    stack.companions.push(Companion {
        logical_id: resource.id.clone(),
        kind: resource.kind.clone(),
        name: named.name.clone(),
        properties: document,
        location: scope.problems.location(resource.at),
    });
}

fn evaluate(resource: &Resource, known: &Known, scope: &Scope<'_>) -> Node {
    let mut values = Node::map(resource.properties.at, Vec::new());
    for entry in resource.properties.entries().unwrap_or_default() {
        let name = entry.key.as_str();
        let mut place = resource.place().join(name);
        if known.no_effect.contains(&name) {
            let message = format!("{name} is not supported and has no effect");
            scope.problems.warning(entry.at, &place, message);
            continue;
        }
        if !known.read.contains(&name) && !known.required.contains(&name) {
            let mut names = known.read.iter().chain(known.required).copied();
            let near = crate::suggest::suggestion(name, &mut names);
            let message = format!("unknown property {name} has no effect{near}");
            scope.problems.warning(entry.at, &place, message);
            continue;
        }
        if name != "Body" {
            resource::refuse_nulls(&entry.node, scope.problems, &mut place);
        }
        if let Some(value) = scope.evaluate(&entry.node, &mut place) {
            values.set(name, value);
        }
    }
    values
}
