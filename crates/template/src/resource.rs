//! The `Resources` section: what every resource has, whatever its type.

use std::collections::BTreeSet;

use crate::companion;
use crate::definition::evaluate_as_text;
use crate::function;
use crate::gateway;
use crate::globals;
use crate::graph::{Needs, References, order};
use crate::names::{self, Named};
use crate::node::{Entry, Node, Value};
use crate::problem::{Mark, Place, Problems};
use crate::properties::Properties;
use crate::schema::{self, Schema, Use};
use crate::scope::Scope;
use crate::serverless;
use crate::stack::Stack;
use crate::state_machine;
use crate::suggest::suggestion;

/// AWS: resources of one template.
pub const RESOURCES_MAX: usize = 500;

/// AWS: attributes of a resource; `Connectors` and `IgnoreGlobals` are SAM's.
const ATTRIBUTES: [&str; 11] = [
    "Condition",
    "Connectors",
    "CreationPolicy",
    "DeletionPolicy",
    "DependsOn",
    "IgnoreGlobals",
    "Metadata",
    "Properties",
    "Type",
    "UpdatePolicy",
    "UpdateReplacePolicy",
];

/// One resource as written, `Globals` merged, functions not evaluated.
pub(crate) struct Resource {
    pub id: String,
    pub kind: String,
    pub at: Mark,
    pub kind_at: Mark,
    pub properties: Node,
    /// Where missing properties are reported: at `Properties`, else at the resource.
    pub properties_at: Mark,
    pub metadata: Option<Node>,
    pub depends_on: Vec<Node>,
    condition: Option<Node>,
    /// `DeletionPolicy` says that the resource outlives its place in the template.
    pub is_retained: bool,
    /// SAM makes it; the template does not write it.
    pub is_made: bool,
}

impl Resource {
    pub fn place(&self) -> Place {
        Place::resource(&self.id)
    }

    /// A property as written.
    pub fn property(&self, name: &str) -> Option<&Node> {
        self.properties.get(name)
    }

    /// Gives a property that is not written a value.
    pub fn set_default(&mut self, name: &str, node: Node) {
        if self.property(name).is_none() {
            self.properties.set(name, node);
        }
    }

    /// A resource that SAM makes of this one.
    pub fn beside(&self, id: String, kind: &str, properties: Node) -> Resource {
        Resource {
            id,
            kind: kind.to_owned(),
            at: self.at,
            kind_at: self.kind_at,
            properties,
            properties_at: self.properties_at,
            metadata: None,
            depends_on: Vec::new(),
            condition: None,
            is_retained: false,
            is_made: true,
        }
    }
}

/// Reads the resources as written.
pub(crate) fn read_all(
    section: &Entry,
    globals: Option<&Node>,
    problems: &Problems,
) -> Vec<Resource> {
    let entries = section.node.entries().unwrap_or_default();
    if entries.len() > RESOURCES_MAX {
        let message = format!("{} resources, AWS allows {RESOURCES_MAX}", entries.len());
        problems.error(section.at, &Place::section("Resources"), message);
        return Vec::new();
    }
    entries
        .iter()
        .filter_map(|entry| read(entry, globals, problems))
        .collect()
}

fn read(entry: &Entry, globals: Option<&Node>, problems: &Problems) -> Option<Resource> {
    let place = Place::resource(&entry.key);
    if !entry.key.chars().all(|c| c.is_ascii_alphanumeric()) || entry.key.is_empty() {
        let message = format!(
            "a logical id has only letters and digits, found {}",
            entry.key
        );
        problems.error(entry.at, &place, message);
    }
    let Some(attributes) = entry.node.entries() else {
        problems.error(
            entry.at,
            &place,
            format!("a resource is a map, found {}", entry.node.kind()),
        );
        return None;
    };
    for attribute in attributes {
        let mut known = ATTRIBUTES.iter().copied();
        if !known.clone().any(|name| name == attribute.key) {
            let near = suggestion(&attribute.key, &mut known);
            problems.error(
                attribute.at,
                &place,
                format!("a resource has no attribute {}{near}", attribute.key),
            );
        }
    }
    let Some(kind) = entry.node.get("Type").and_then(Node::as_text) else {
        problems.error(entry.at, &place, "a resource needs a Type");
        return None;
    };
    let written = entry.node.entry("Properties");
    let properties_at = written.map_or(entry.at, |properties| properties.at);
    let properties = match written.map(|properties| &properties.node) {
        Some(node) if node.entries().is_some() => node.clone(),
        Some(node) => {
            problems.error(
                node.at,
                &place,
                format!("Properties is a map, found {}", node.kind()),
            );
            return None;
        }
        None => Node::map(entry.at, Vec::new()),
    };
    let depends_on = match entry.node.get("DependsOn") {
        Some(Node {
            value: Value::List(items),
            ..
        }) => items.clone(),
        Some(node) => vec![node.clone()],
        None => Vec::new(),
    };
    Some(Resource {
        id: entry.key.clone(),
        kind: kind.to_owned(),
        at: entry.at,
        kind_at: entry.node.get("Type").map_or(entry.at, |node| node.at),
        properties: with_globals(kind, properties, globals, entry.node.get("IgnoreGlobals")),
        properties_at,
        metadata: entry.node.get("Metadata").cloned(),
        depends_on,
        condition: entry.node.get("Condition").cloned(),
        is_retained: is_retained(&entry.node, &place, problems),
        is_made: false,
    })
}

/// AWS: `DeletionPolicy` is `Delete`, `Retain`, `RetainExceptOnCreate` or, for some types, `Snapshot`.
fn is_retained(resource: &Node, place: &Place, problems: &Problems) -> bool {
    const POLICIES: [&str; 4] = ["Delete", "Retain", "RetainExceptOnCreate", "Snapshot"];
    let Some(node) = resource.get("DeletionPolicy") else {
        return false;
    };
    let policy = node.as_text().unwrap_or_default();
    if node.function().is_none() && !POLICIES.contains(&policy) {
        let near = suggestion(policy, &mut POLICIES.iter().copied());
        let message = format!(
            "expected one of {}, found \"{policy}\"{near}",
            POLICIES.join(", ")
        );
        problems.error(node.at, &place.join("DeletionPolicy"), message);
    }
    policy.starts_with("Retain")
}

/// AWS SAM: `IgnoreGlobals` is `"*"` or a list of property names.
fn with_globals(
    kind: &str,
    properties: Node,
    globals: Option<&Node>,
    ignore: Option<&Node>,
) -> Node {
    let section = match kind {
        "AWS::Serverless::Function" => "Function",
        "AWS::Serverless::StateMachine" => "StateMachine",
        "AWS::Serverless::Api" => "Api",
        "AWS::Serverless::HttpApi" => "HttpApi",
        "AWS::Serverless::LayerVersion" => "LayerVersion",
        _ => return properties,
    };
    let Some(entries) = globals.and_then(|globals| globals.get(section)?.entries()) else {
        return properties;
    };
    let ignored = |name: &str| {
        ignore.is_some_and(|ignore| match ignore.items() {
            Some(names) => names.iter().any(|ignored| ignored.as_text() == Some(name)),
            None => ignore.as_text() == Some("*"),
        })
    };
    let kept = entries
        .iter()
        .filter(|entry| !ignored(&entry.key))
        .cloned()
        .collect();
    globals::merge(&Node::map(properties.at, kept), properties)
}

/// Drops resources whose condition is false and gives every resource its made-up name.
pub(crate) fn name_all(resources: Vec<Resource>, scope: &mut Scope<'_>) -> Vec<Resource> {
    let mut existing = Vec::with_capacity(resources.len());
    for resource in resources {
        let mut named = Named::made_up(&resource.id, &resource.kind, &scope.pseudo);
        named.false_condition = false_condition(&resource, scope);
        let exists = named.false_condition.is_none();
        scope.names.insert(&resource.id, named);
        if exists {
            existing.push(resource);
        }
    }
    scope.sees_resources = true;
    existing
}

/// Adds what SAM makes of its resources, and joins the parts of APIs to documents.
pub(crate) fn expand(
    mut resources: Vec<Resource>,
    globals: Option<&Node>,
    scope: &mut Scope<'_>,
    read_file: &dyn Fn(&str) -> Result<String, String>,
) -> Vec<Resource> {
    let expanded = serverless::expand(&resources, globals, scope, read_file);
    gateway::fold(&mut resources, scope);
    for made in expanded.resources {
        let written = resources.iter().find(|resource| resource.id == made.id);
        match written {
            // AWS SAM: a resource of the template is not replaced, but for those that SAM rewrites.
            Some(written) if !written.kind.starts_with("AWS::Serverless::") => {
                let message = format!(
                    "{} makes a resource of this name, {}, which the template has too",
                    made.at.line, made.kind
                );
                let message = format!("the SAM resource in line {message}");
                scope.problems.error(written.at, &written.place(), message);
                continue;
            }
            Some(_) => {
                let mut named = Named::made_up(&made.id, &made.kind, &scope.pseudo);
                named.kind.clone_from(&made.kind);
                scope.names.insert(&made.id, named);
                resources.retain(|resource| resource.id != made.id);
            }
            None => {
                let named = Named::made_up(&made.id, &made.kind, &scope.pseudo);
                scope.names.insert(&made.id, named);
            }
        }
        resources.push(made);
    }
    let is_made_for = |resource: &Resource| {
        matches!(
            resource.kind.as_str(),
            "AWS::Serverless::Function" | "AWS::Serverless::StateMachine"
        )
    };
    for resource in resources.iter_mut().filter(|one| is_made_for(one)) {
        let role = Node::get_att(resource.at, &format!("{}Role", resource.id), "Arn");
        resource.set_default("Role", role);
    }
    for (id, published) in expanded.published {
        if let Some(named) = scope.names.get_mut(&id) {
            named.published = Some(published);
        }
    }
    resources
}

fn false_condition(resource: &Resource, scope: &Scope<'_>) -> Option<String> {
    let node = resource.condition.as_ref()?;
    let place = resource.place();
    let Some(name) = node.as_text() else {
        let message = format!(
            "Condition takes the name of a condition, found {}",
            node.kind()
        );
        scope.problems.error(node.at, &place, message);
        return None;
    };
    match scope.conditions.get(name) {
        Some(true) => None,
        Some(false) => Some(name.to_owned()),
        None => {
            let near = suggestion(name, &mut scope.conditions.keys().map(String::as_str));
            scope.problems.error(
                node.at,
                &place,
                format!("there is no condition {name}{near}"),
            );
            None
        }
    }
}

/// Checks every reference, and gives names that the template sets to the resources that have them.
///
/// Returns nothing when resources need each other in a cycle, which has been reported.
pub(crate) fn link(resources: &[Resource], scope: &mut Scope<'_>) -> Option<Linked> {
    let mut needs = Needs::new();
    for resource in resources {
        needs.insert(resource.id.clone(), references(resource, scope));
    }
    let sorted = match order(&needs) {
        Ok(sorted) => sorted,
        Err(cycle) => {
            let first = resources
                .iter()
                .find(|resource| Some(&resource.id) == cycle.first());
            let first = first.expect("invariant: a cycle consists of resources");
            let message = format!("resources depend on each other: {}", cycle.join(" -> "));
            scope.problems.error(first.at, &first.place(), message);
            return None;
        }
    };
    for id in &sorted {
        let resource = resources.iter().find(|resource| resource.id == *id);
        let resource = resource.expect("invariant: the order has only resources");
        path(resource, scope);
        let Some(property) = names::name_property(&resource.kind) else {
            continue;
        };
        let Some(node) = resource.properties.get(property) else {
            continue;
        };
        let name = scope.evaluate(node, &mut resource.place().join(property));
        if let Some(name) = name.as_ref().and_then(Node::scalar) {
            scope.names.rename(id, name);
        }
    }
    Some(Linked {
        order: sorted,
        needs,
    })
}

/// The path of a role or policy and the group of a schedule: they are a part of the ARN.
fn path(resource: &Resource, scope: &mut Scope<'_>) {
    let property = match resource.kind.as_str() {
        "AWS::IAM::Role" | "AWS::IAM::ManagedPolicy" => "Path",
        "AWS::Scheduler::Schedule" => "GroupName",
        _ => return,
    };
    let Some(node) = resource.property(property) else {
        return;
    };
    let value = scope.evaluate(node, &mut resource.place().join(property));
    if let (Some(text), Some(named)) = (
        value.and_then(|value| value.scalar()),
        scope.names.get_mut(&resource.id),
    ) {
        named.path = text;
    }
}

/// How resources hang together.
pub(crate) struct Linked {
    /// Every resource after what it needs.
    pub order: Vec<String>,
    pub needs: Needs,
}

/// The resources that one resource refers to.
fn references(resource: &Resource, scope: &Scope<'_>) -> BTreeSet<String> {
    let mut references = References::new(scope);
    if resource.properties.function().is_some() {
        references.walk(&resource.properties, &mut resource.place());
    }
    for entry in resource.properties.entries().unwrap_or_default() {
        let mut place = resource.place().join(&entry.key);
        if schema::is_expanded(&resource.kind, &entry.key) {
            // What SAM made of it has these needs; here they are only checked.
            References::new(scope).walk(&entry.node, &mut place);
        } else {
            references.walk(&entry.node, &mut place);
        }
    }
    for node in &resource.depends_on {
        let place = resource.place().join("DependsOn");
        match node.as_text() {
            // AWS: a dependency on a resource whose condition is false is dropped.
            Some(name)
                if scope
                    .names
                    .get(name)
                    .is_some_and(|named| named.false_condition.is_some()) => {}
            Some(name) if scope.parameters.get(name).is_none() => {
                references.add(name, node.at, &place)
            }
            Some(name) => {
                let message = format!("DependsOn takes a resource, {name} is a parameter");
                scope.problems.error(node.at, &place, message);
            }
            None => {
                let message = format!(
                    "DependsOn takes the name of a resource, found {}",
                    node.kind()
                );
                scope.problems.error(node.at, &place, message);
            }
        }
    }
    references.targets
}

/// Reads one resource into the stack, or warns that its type is skipped.
pub(crate) fn resolve(
    resource: &Resource,
    scope: &Scope<'_>,
    has_serverless: bool,
    read_file: &dyn Fn(&str) -> Result<String, String>,
    stack: &mut Stack,
) {
    let (kind, place) = (resource.kind.as_str(), resource.place());
    if kind.starts_with("AWS::Serverless::") && !has_serverless {
        let message = format!("{kind} needs Transform: AWS::Serverless-2016-10-31 in the template");
        scope.problems.error(resource.kind_at, &place, message);
    }
    let schema = match kind {
        "AWS::Serverless::Function" => schema::SERVERLESS_FUNCTION,
        "AWS::Lambda::Function" => schema::LAMBDA_FUNCTION,
        "AWS::Serverless::StateMachine" => schema::SERVERLESS_STATE_MACHINE,
        "AWS::StepFunctions::StateMachine" => schema::STEP_FUNCTIONS_STATE_MACHINE,
        _ => return companion::resolve(resource, scope, stack),
    };
    let node = evaluate(resource, schema, scope);
    let properties = Properties::new(&node, resource.properties_at, place, scope.problems);
    if kind.ends_with("::Function") {
        stack
            .functions
            .extend(function::read(resource, &properties, scope));
    } else {
        stack
            .state_machines
            .extend(state_machine::read(resource, &properties, scope, read_file));
    }
}

/// The properties that are read, evaluated; warnings for the others.
fn evaluate(resource: &Resource, schema: &Schema, scope: &Scope<'_>) -> Node {
    let mut values = Vec::new();
    for entry in resource.properties.entries().unwrap_or_default() {
        let name = entry.key.as_str();
        let mut place = resource.place().join(name);
        let warn = |message: String| scope.problems.warning(entry.at, &place, message);
        match schema.iter().find(|(known, _)| *known == name) {
            None => {
                let near = suggestion(name, &mut schema.iter().map(|(known, _)| *known));
                warn(format!("unknown property {name} has no effect{near}"));
                continue;
            }
            Some((_, Use::NoEffect)) => {
                warn(format!("{name} is not supported and has no effect"));
                continue;
            }
            // They became resources of their own.
            Some((_, Use::Expanded)) => continue,
            Some((_, Use::Read)) => {}
        }
        let value = if name == "Definition" && resource.kind == "AWS::Serverless::StateMachine" {
            evaluate_as_text(&entry.node, scope, &mut place)
        } else {
            if name != "Definition" {
                refuse_nulls(&entry.node, scope.problems, &mut place);
            }
            scope.evaluate(&entry.node, &mut place)
        };
        values.extend(value.map(|node| Entry {
            node,
            ..entry.clone()
        }));
    }
    Node::map(resource.properties.at, values)
}

/// AWS: null values are not allowed in templates. In a definition they mean something.
pub(crate) fn refuse_nulls(node: &Node, problems: &Problems, place: &mut Place) {
    match &node.value {
        Value::Null => problems.error(node.at, place, "null values are not allowed in templates"),
        Value::List(items) => items
            .iter()
            .for_each(|item| refuse_nulls(item, problems, place)),
        Value::Map(entries) => {
            for entry in entries {
                place.push(&entry.key);
                refuse_nulls(&entry.node, problems, place);
                place.pop();
            }
        }
        _ => {}
    }
}
