//! What SAM makes of its own resources: the CloudFormation resources beside functions and state machines.
//!
//! The logical ids are those of SAM ("Generated CloudFormation resources" in its documentation), but for the
//! hashes that SAM appends to versions and deployments: a stable id lets a deployment find what it made.

mod api;
mod events;
mod function;
mod machine;
mod policies;

use std::collections::BTreeMap;

use serde_json::json;

use crate::node::{Entry, Node};
use crate::problem::{Mark, Place};
use crate::resource::Resource;
use crate::scope::Scope;

/// One method of an API that an event asks for.
struct Route {
    path: String,
    /// In lower case, or `x-amazon-apigateway-any-method`.
    method: String,
    operation: Node,
    /// The function that the API must be allowed to call, and the start of the permission's logical id.
    allows: Option<(String, Node)>,
    at: Mark,
}

/// What expanding gathers.
struct Expansion<'a> {
    scope: &'a Scope<'a>,
    read_file: &'a dyn Fn(&str) -> Result<String, String>,
    globals: Option<&'a Node>,
    made: Vec<Resource>,
    /// Methods by the logical id of their API.
    routes: BTreeMap<String, Vec<Route>>,
    http_routes: BTreeMap<String, Vec<Route>>,
    /// Stages of REST APIs of the template, for permissions.
    published: Vec<(String, crate::names::Published)>,
}

/// What SAM's resources become beside themselves.
pub(crate) struct Expanded {
    pub resources: Vec<Resource>,
    pub published: Vec<(String, crate::names::Published)>,
}

/// The resources that SAM's resources imply; names are not known yet, so references stay as they are.
pub(crate) fn expand(
    resources: &[Resource],
    globals: Option<&Node>,
    scope: &Scope<'_>,
    read_file: &dyn Fn(&str) -> Result<String, String>,
) -> Expanded {
    let mut expansion = Expansion {
        scope,
        read_file,
        globals,
        made: Vec::new(),
        routes: BTreeMap::new(),
        http_routes: BTreeMap::new(),
        published: Vec::new(),
    };
    for resource in resources {
        match resource.kind.as_str() {
            "AWS::Serverless::Function" => expansion.function(resource),
            "AWS::Serverless::StateMachine" => expansion.machine(resource),
            "AWS::Serverless::LayerVersion" => expansion.layer(resource),
            _ => {}
        }
    }
    expansion.apis(resources);
    Expanded {
        resources: expansion.made,
        published: expansion.published,
    }
}

impl Expansion<'_> {
    fn make(&mut self, parent: &Resource, id: String, kind: &str, properties: Node) {
        self.made.push(parent.beside(id, kind, properties));
    }

    fn warn(&self, at: Mark, place: &Place, message: impl Into<String>) {
        self.scope.problems.warning(at, place, message);
    }

    fn error(&self, at: Mark, place: &Place, message: impl Into<String>) {
        self.scope.problems.error(at, place, message);
    }

    /// A property whose text must be known before anything exists.
    fn text(&self, resource: &Resource, name: &str) -> Option<String> {
        let node = resource.property(name)?;
        let mut place = resource.place().join(name);
        let value = self.scope.evaluate(node, &mut place)?;
        let text = value.scalar();
        if text.is_none() && !value.is_unresolved() {
            let message = format!("expected text, found {}", value.kind());
            self.error(node.at, &place, message);
        }
        text
    }

    /// `AWS::Serverless::LayerVersion`.
    fn layer(&mut self, resource: &Resource) {
        let at = resource.at;
        let policy = self.text(resource, "RetentionPolicy");
        let mut properties = Node::map(at, Vec::new());
        for (sam, native) in [
            ("LayerName", "LayerName"),
            ("Description", "Description"),
            ("CompatibleRuntimes", "CompatibleRuntimes"),
            ("CompatibleArchitectures", "CompatibleArchitectures"),
            ("LicenseInfo", "LicenseInfo"),
            ("ContentUri", "Content"),
        ] {
            properties.set_some(native, resource.property(sam).cloned());
        }
        if resource.property("ContentUri").is_none() {
            let place = resource.place().join("ContentUri");
            self.error(at, &place, "the required property ContentUri is missing");
        }
        let mut layer =
            resource.beside(resource.id.clone(), "AWS::Lambda::LayerVersion", properties);
        layer.metadata.clone_from(&resource.metadata);
        // AWS SAM: a layer version is kept unless the template says Delete.
        layer.is_retained = match policy.as_deref() {
            None | Some("Retain") => true,
            Some("Delete") => false,
            Some(other) => {
                let message = format!("expected one of Delete, Retain, found \"{other}\"");
                self.error(at, &resource.place().join("RetentionPolicy"), message);
                true
            }
        };
        self.made.push(layer);
    }

    /// A role that a service may take, with what it may do there.
    fn role_for(
        &mut self,
        parent: &Resource,
        id: &str,
        service: &str,
        policy_name: &str,
        action: &str,
        target: Node,
    ) {
        let at = parent.at;
        let statement = Node::members(
            at,
            [
                ("Effect", Node::text(at, "Allow")),
                ("Action", Node::text(at, action)),
                ("Resource", target),
            ],
        );
        let document = Node::members(
            at,
            [
                ("Version", Node::text(at, "2012-10-17")),
                ("Statement", Node::list(at, vec![statement])),
            ],
        );
        let policy = Node::members(
            at,
            [
                ("PolicyName", Node::text(at, policy_name)),
                ("PolicyDocument", document),
            ],
        );
        let properties = Node::members(
            at,
            [
                ("AssumeRolePolicyDocument", trust(at, service)),
                ("Policies", Node::list(at, vec![policy])),
            ],
        );
        self.make(parent, id.to_owned(), "AWS::IAM::Role", properties);
    }
}

/// A trust policy for one service.
fn trust(at: Mark, service: &str) -> Node {
    let document = json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow",
            "Principal": {"Service": [service]},
            "Action": ["sts:AssumeRole"],
        }],
    });
    Node::of_json(at, &document)
}

/// The members of a map that have these names, in this order.
fn picked(from: Option<&Node>, names: &[(&str, &str)], into: &mut Node) {
    for (name, as_name) in names {
        let node = from.and_then(|from| from.get(name));
        into.set_some(as_name, node.cloned());
    }
}

/// The entries of a map property.
fn entries<'r>(resource: &'r Resource, name: &str) -> &'r [Entry] {
    resource
        .property(name)
        .and_then(Node::entries)
        .unwrap_or_default()
}
