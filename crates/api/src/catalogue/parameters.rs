//! The parameters of a task, held against the model of the action that it calls.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use serde_json::{Map, Value};

use super::integration::{self, Integration, Target};
use super::name::{self, Naming};
use super::{Member, Service, Shape, ShapeId};

/// Ends the name of a field whose value a JSONPath state computes.
const COMPUTED: &str = ".$";

/// Problems told of one task; what comes after is dropped.
const PROBLEMS_MAX: usize = 1_000;

/// Members that the SDK for Java adds to requests: service, beginning of the action, name.
///
/// Source: `customization.config` of the services in the SDK for Java 2.
const ADDED: [(&str, &str, &str); 10] = [
    ("docdb", "", "SourceRegion"),
    ("neptune", "", "SourceRegion"),
    ("rds", "", "SourceRegion"),
    ("s3", "copyObject", "DestinationBucket"),
    ("s3", "copyObject", "DestinationKey"),
    ("s3", "copyObject", "Source"),
    ("s3", "uploadPart", "DestinationBucket"),
    ("s3", "uploadPart", "DestinationKey"),
    ("s3", "uploadPart", "SdkPartType"),
    ("s3", "uploadPart", "Source"),
];

/// What AWS has to say about the parameters of a task, each in AWS's words; nothing if they may be
/// sent.
///
/// - `resource`: the task's `Resource`. Nothing is said about functions, activities, actions that the
///   catalogue does not have, and integrations whose parameters no model describes.
/// - `parameters`: as the definition writes them, with fields `NAME.$` that are not computed yet, or as
///   the task gets them. Values are only looked at for the names inside.
/// - A name that the action does not have is refused at any depth, a required one that is missing at the top.
/// - AWS: at creation each text is a diagnostic at the field that holds the parameters; at run time they
///   stand in brackets behind "could not be used to start the Task". Seen in reports on the CDK for both
///   kinds of integration.
pub fn parameter_problems(resource: &str, parameters: &Value) -> Vec<String> {
    ParameterCheck::default().problems(resource, parameters)
}

/// [`parameter_problems`] for many tasks: unpacks a service once.
#[derive(Default)]
pub struct ParameterCheck {
    services: RefCell<BTreeMap<String, Option<Rc<Service>>>>,
}

impl ParameterCheck {
    /// As [`parameter_problems`].
    pub fn problems(&self, resource: &str, parameters: &Value) -> Vec<String> {
        let Some(integration) = integration::parse(resource) else {
            return Vec::new();
        };
        let (Some(target), Value::Object(fields)) = (integration.target(), parameters) else {
            return Vec::new();
        };
        let service = self.service(target.service);
        service.map_or_else(Vec::new, |service| {
            problems(&service, &integration, &target, fields)
        })
    }

    fn service(&self, name: &str) -> Option<Rc<Service>> {
        let mut services = self.services.borrow_mut();
        let service = services
            .entry(name.to_owned())
            .or_insert_with(|| Service::find(name).map(Rc::new));
        service.clone()
    }
}

fn problems(
    service: &Service,
    integration: &Integration<'_>,
    target: &Target<'_>,
    fields: &Map<String, Value>,
) -> Vec<String> {
    let input = service
        .action(target.action)
        .and_then(|action| action.input);
    let Some(Shape::Structure { members }) = input.map(|input| service.shape(input)) else {
        return Vec::new();
    };
    let mut check = Check {
        service,
        integration,
        target,
        depth: 0,
        problems: Vec::new(),
    };
    check.required(members, fields);
    check.members(members, fields);
    check.problems
}

struct Check<'a> {
    service: &'a Service,
    integration: &'a Integration<'a>,
    target: &'a Target<'a>,
    /// Structures around the one that is looked at.
    depth: usize,
    problems: Vec<String>,
}

impl Check<'_> {
    fn required(&mut self, members: &[Member], fields: &Map<String, Value>) {
        for member in members.iter().filter(|member| member.is_required) {
            let is_there = fields
                .keys()
                .any(|field| self.is_name(member, field.strip_suffix(COMPUTED).unwrap_or(field)));
            if !is_there {
                let name = name::member(&member.name, self.integration.naming);
                self.tell(format!("The field '{name}' is required but was missing"));
            }
        }
    }

    fn members(&mut self, members: &[Member], fields: &Map<String, Value>) {
        for (name, value) in fields {
            // AWS: the name of a computed field is checked when the task runs.
            if name.ends_with(COMPUTED) || self.is_added(name) {
                continue;
            }
            match members.iter().find(|member| self.is_name(member, name)) {
                Some(_) if self.target.free.contains(&name.as_str()) => {}
                Some(member) => self.value(value, member.shape),
                None => {
                    self.tell(format!(
                        "The field \"{name}\" is not supported by Step Functions"
                    ));
                }
            }
        }
    }

    fn tell(&mut self, problem: String) {
        if self.problems.len() < PROBLEMS_MAX {
            self.problems.push(problem);
        }
    }

    /// AWS does not say for each optimized integration how it writes acronyms and members of members
    /// (its own pages show `{"RetryStrategy": {"attempts": 5}}`), so what could be right is taken.
    fn is_name(&self, member: &Member, name: &str) -> bool {
        let is_named = |naming| name::is_member(&member.name, name, naming);
        match self.integration.naming {
            Naming::Sdk => is_named(Naming::Sdk),
            Naming::Optimized => {
                is_named(Naming::Optimized)
                    || is_named(Naming::Sdk)
                    || self.depth > 0 && member.name == name
            }
        }
    }

    fn is_added(&self, name: &str) -> bool {
        ADDED.iter().any(|(service, action, added)| {
            *service == self.target.service
                && self.target.action.starts_with(action)
                && name.starts_with(added)
        })
    }

    fn value(&mut self, value: &Value, shape: ShapeId) {
        let service = self.service;
        match (service.shape(shape), value) {
            (Shape::Structure { members }, Value::Object(fields)) => {
                self.depth += 1;
                self.members(members, fields);
                self.depth -= 1;
            }
            (Shape::List { member, .. }, Value::Array(items)) => {
                items.iter().for_each(|item| self.value(item, *member));
            }
            (Shape::Map { value }, Value::Object(entries)) => {
                entries.values().for_each(|entry| self.value(entry, *value));
            }
            _ => {}
        }
    }
}
