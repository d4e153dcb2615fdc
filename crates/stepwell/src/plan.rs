//! A built application, and the resources of its stack. Pure.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use serde_json::{Map, Value, json};
use stepwell_template::Companion;

use crate::stack::{Kind, Resource, Stack, is_open, stack_tags};

/// A built application: everything a deployment sends, nothing it must still read.
#[derive(Debug, Clone, Default)]
pub struct Application {
    pub functions: Vec<Function>,
    pub state_machines: Vec<StateMachine>,
    /// Everything else, with the packages of layers.
    pub companions: Vec<Beside>,
    /// Logical ids, each after those that it needs.
    pub order: Vec<String>,
    pub retained: BTreeSet<String>,
    pub outputs: Vec<(String, String)>,
    pub owner: Owner,
}

/// Whose stack it is.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Owner {
    pub stack_name: String,
    pub region: String,
    pub account: String,
}

impl Owner {
    fn partition(&self) -> &'static str {
        match self.region.as_str() {
            region if region.starts_with("cn-") => "aws-cn",
            region if region.starts_with("us-gov-") => "aws-us-gov",
            _ => "aws",
        }
    }

    fn stack_id(&self) -> String {
        let (partition, region, account) = (self.partition(), &self.region, &self.account);
        format!(
            "arn:{partition}:cloudformation:{region}:{account}:stack/{}",
            self.stack_name
        )
    }
}

/// A function with its package.
#[derive(Debug, Clone, PartialEq)]
pub struct Function {
    pub logical_id: String,
    pub name: String,
    pub arn: String,
    /// The members of `CreateFunction` but `Code`, and `ReservedConcurrentExecutions`.
    pub configuration: Map<String, Value>,
    /// A zip archive.
    pub package: Arc<Vec<u8>>,
    /// Base64 of the package's SHA-256, as Lambda reports it.
    pub code_sha256: String,
}

impl Function {
    /// Whether it names something that only the server gives.
    pub fn is_open(&self) -> bool {
        self.configuration.values().any(is_open)
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct StateMachine {
    pub logical_id: String,
    pub name: String,
    pub arn: String,
    /// The text of the definition, substitutions done.
    pub definition: String,
    /// `STANDARD` or `EXPRESS`.
    pub kind: String,
    pub role_arn: String,
    pub logging: Option<Value>,
    pub tracing: Option<Value>,
    pub tags: BTreeMap<String, String>,
}

impl StateMachine {
    /// Whether it names something that only the server gives.
    pub fn is_open(&self) -> bool {
        stepwell_template::is_open(&self.definition)
    }
}

/// A resource beside functions and state machines.
#[derive(Debug, Clone, PartialEq)]
pub struct Beside {
    pub companion: Companion,
    /// The package of a layer, with its hash.
    pub package: Option<(Arc<Vec<u8>>, String)>,
}

impl Beside {
    /// Whether it follows another resource: a version, or an alias of one.
    pub fn is_published(&self) -> bool {
        matches!(
            Kind::of(&self.companion.kind),
            Some(
                Kind::FunctionVersion
                    | Kind::FunctionAlias
                    | Kind::MachineVersion
                    | Kind::MachineAlias
            )
        )
    }
}

/// Names that were deployed and are no longer asked for.
pub fn removed<'a>(before: impl Iterator<Item = &'a str>, after: &[&str]) -> Vec<&'a str> {
    before.filter(|name| !after.contains(name)).collect()
}

impl Application {
    /// The resources in the order in which they are brought.
    pub fn stack(&self) -> Stack {
        let mut resources: Vec<Resource> = Vec::new();
        resources.extend(
            self.functions
                .iter()
                .map(|function| self.function(function)),
        );
        resources.extend(
            self.state_machines
                .iter()
                .map(|machine| self.machine(machine)),
        );
        resources.extend(
            self.companions
                .iter()
                .filter_map(|beside| self.beside(beside)),
        );
        let place: BTreeMap<&str, usize> = self
            .order
            .iter()
            .enumerate()
            .map(|(place, id)| (id.as_str(), place))
            .collect();
        resources.sort_by_key(|resource| place.get(resource.logical_id.as_str()).copied());
        Stack {
            name: self.owner.stack_name.clone(),
            resources,
        }
    }

    fn resource(
        &self,
        logical_id: &str,
        kind: Kind,
        name: &str,
        mut properties: Map<String, Value>,
        tags: &BTreeMap<String, String>,
    ) -> Resource {
        let is_retained = self.retained.contains(logical_id);
        properties.remove("Tags");
        if kind.has_tags() {
            let (stack, id) = (&self.owner.stack_name, self.owner.stack_id());
            let tags = stack_tags(tags, stack, &id, logical_id, is_retained);
            properties.insert("Tags".to_owned(), tags);
        } else if kind.has_own_tags() {
            properties.insert("Tags".to_owned(), json!(tags));
        }
        Resource {
            logical_id: logical_id.to_owned(),
            kind,
            name: name.to_owned(),
            properties: Value::Object(properties),
            package: None,
            is_retained,
        }
    }

    fn function(&self, function: &Function) -> Resource {
        let mut properties = function.configuration.clone();
        let tags = text_map(&properties.remove("Tags").unwrap_or_default());
        properties.insert("FunctionName".to_owned(), json!(function.name));
        properties.insert("CodeSha256".to_owned(), json!(function.code_sha256));
        properties.insert("ExpectedArn".to_owned(), json!(function.arn));
        let id = &function.logical_id;
        let mut resource = self.resource(id, Kind::Function, &function.name, properties, &tags);
        resource.package = Some(Arc::clone(&function.package));
        resource
    }

    fn machine(&self, machine: &StateMachine) -> Resource {
        let mut properties = Map::new();
        let mut set = |member: &str, value: Value| properties.insert(member.to_owned(), value);
        set("stateMachineArn", json!(machine.arn));
        set("name", json!(machine.name));
        set("definition", json!(machine.definition));
        set("roleArn", json!(machine.role_arn));
        set("type", json!(machine.kind));
        set("ExpectedArn", json!(machine.arn));
        if let Some(logging) = &machine.logging {
            set("loggingConfiguration", logging.clone());
        }
        if let Some(tracing) = &machine.tracing {
            set("tracingConfiguration", tracing.clone());
        }
        let (id, name) = (&machine.logical_id, &machine.name);
        self.resource(id, Kind::StateMachine, name, properties, &machine.tags)
    }

    fn beside(&self, beside: &Beside) -> Option<Resource> {
        let companion = &beside.companion;
        let kind = Kind::of(&companion.kind)?;
        let mut properties = match &companion.properties {
            Value::Object(properties) => properties.clone(),
            _ => Map::new(),
        };
        let tags = text_map(&properties.remove("Tags").unwrap_or_default());
        self.complete(kind, companion, &mut properties);
        if let Some((_, sha)) = &beside.package {
            properties.insert("CodeSha256".to_owned(), json!(sha));
            properties.remove("Content");
        }
        let name = shown_name(kind, companion, &properties);
        let mut resource = self.resource(&companion.logical_id, kind, &name, properties, &tags);
        resource.package = beside
            .package
            .as_ref()
            .map(|(package, _)| Arc::clone(package));
        Some(resource)
    }

    /// Adds what other resources of the stack say about this one.
    fn complete(&self, kind: Kind, companion: &Companion, properties: &mut Map<String, Value>) {
        let owner = &self.owner;
        let (partition, account) = (owner.partition(), &owner.account);
        match kind {
            Kind::Role => {
                let name = properties.get("RoleName").cloned().unwrap_or_default();
                let inline = self.of_role("AWS::IAM::Policy", &name, |policy| {
                    policy["PolicyName"].clone()
                });
                let more = self.companions.iter().map(|beside| &beside.companion);
                let more = more
                    .filter(|other| {
                        other.kind == "AWS::IAM::RolePolicy" && other.properties["RoleName"] == name
                    })
                    .map(|other| other.properties["PolicyName"].clone());
                properties.insert(
                    "PoliciesBeside".to_owned(),
                    inline.into_iter().chain(more).collect(),
                );
                let managed = self.of_role("AWS::IAM::ManagedPolicy", &name, |policy| {
                    json!(self.policy_arn(policy))
                });
                properties.insert("ManagedBeside".to_owned(), managed.into());
            }
            Kind::InlinePolicy => {
                if let Some(role) = properties.remove("RoleName") {
                    properties.insert("Roles".to_owned(), json!([role]));
                }
            }
            Kind::ManagedPolicy => {
                let arn = self.policy_arn(&companion.properties);
                properties.insert("Arn".to_owned(), json!(arn));
                properties
                    .entry("Path".to_owned())
                    .or_insert_with(|| json!("/"));
            }
            Kind::Activity => {
                let name = properties
                    .get("Name")
                    .and_then(Value::as_str)
                    .unwrap_or_default();
                let arn = format!(
                    "arn:{partition}:states:{}:{account}:activity:{name}",
                    owner.region
                );
                properties.insert("Arn".to_owned(), json!(arn));
            }
            Kind::FunctionVersion => {
                properties.remove("CodeSha256");
                let name = properties
                    .get("FunctionName")
                    .and_then(Value::as_str)
                    .unwrap_or_default();
                let called = |function: &&Function| function.name == name || function.arn == name;
                if let Some(function) = self.functions.iter().find(called) {
                    let token = format!("{{{{stepwell:{}.CodeSha256}}}}", function.logical_id);
                    properties.insert("CodeSha256".to_owned(), json!(token));
                }
            }
            Kind::MachineVersion => {
                properties.remove("StateMachineRevisionId");
                let arn = properties
                    .get("StateMachineArn")
                    .and_then(Value::as_str)
                    .unwrap_or_default();
                let called = |machine: &&StateMachine| machine.arn == arn;
                if let Some(machine) = self.state_machines.iter().find(called) {
                    let token = format!("{{{{stepwell:{}.RevisionId}}}}", machine.logical_id);
                    properties.insert("RevisionId".to_owned(), json!(token));
                }
            }
            _ => {}
        }
    }

    fn policy_arn(&self, properties: &Value) -> String {
        let path = properties["Path"].as_str().unwrap_or("/");
        let name = properties["ManagedPolicyName"].as_str().unwrap_or_default();
        let (partition, account) = (self.owner.partition(), &self.owner.account);
        format!("arn:{partition}:iam::{account}:policy{path}{name}")
    }

    /// What resources of a type say of a role that they list.
    fn of_role(&self, kind: &str, role: &Value, of: impl Fn(&Value) -> Value) -> Vec<Value> {
        let lists = |properties: &Value| {
            properties["Roles"]
                .as_array()
                .is_some_and(|roles| roles.contains(role))
        };
        let companions = self.companions.iter().map(|beside| &beside.companion);
        companions
            .filter(|companion| companion.kind == kind && lists(&companion.properties))
            .map(|companion| of(&companion.properties))
            .collect()
    }
}

/// Tags as CloudFormation writes them: a list of `{Key, Value}`, or a map.
fn text_map(tags: &Value) -> BTreeMap<String, String> {
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    match tags {
        Value::Object(members) => members
            .iter()
            .map(|(key, value)| (key.clone(), text(value)))
            .collect(),
        Value::Array(items) => items
            .iter()
            .filter_map(|tag| Some((tag["Key"].as_str()?.to_owned(), text(&tag["Value"]))))
            .collect(),
        _ => BTreeMap::new(),
    }
}

/// A name that tells a reader which resource it is.
fn shown_name(kind: Kind, companion: &Companion, properties: &Map<String, Value>) -> String {
    let text = |member: &str| properties.get(member).and_then(Value::as_str);
    match kind {
        Kind::FunctionVersion
        | Kind::MachineVersion
        | Kind::Permission
        | Kind::EventInvoke
        | Kind::FunctionUrl
        | Kind::RestDeployment
        | Kind::RestStage
        | Kind::HttpStage => companion.logical_id.clone(),
        Kind::InlinePolicy => text("PolicyName").unwrap_or(&companion.name).to_owned(),
        Kind::FunctionAlias => {
            let (function, _) = crate::stack::qualified(text("FunctionName").unwrap_or_default());
            format!("{function}:{}", text("Name").unwrap_or_default())
        }
        _ => companion.name.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_left_the_template_is_removed() {
        assert_eq!(
            removed(["a", "b", "c"].into_iter(), &["a", "c", "d"]),
            ["b"]
        );
    }

    fn beside(logical_id: &str, kind: &str, properties: Value) -> Beside {
        Beside {
            companion: Companion {
                logical_id: logical_id.to_owned(),
                kind: kind.to_owned(),
                name: logical_id.to_owned(),
                properties,
                location: stepwell_template::Location {
                    file: "t".to_owned(),
                    line: 1,
                },
            },
            package: None,
        }
    }

    #[test]
    fn a_role_knows_the_policies_that_others_bring() {
        let application = Application {
            companions: vec![
                beside(
                    "P",
                    "AWS::IAM::Policy",
                    json!({"PolicyName": "p", "Roles": ["r"], "PolicyDocument": {}}),
                ),
                beside(
                    "M",
                    "AWS::IAM::ManagedPolicy",
                    json!({"ManagedPolicyName": "m", "Roles": ["r"]}),
                ),
                beside(
                    "R",
                    "AWS::IAM::Role",
                    json!({"RoleName": "r", "AssumeRolePolicyDocument": {}}),
                ),
            ],
            order: ["R", "P", "M"].map(str::to_owned).to_vec(),
            owner: Owner {
                stack_name: "shop".to_owned(),
                region: "eu-west-1".to_owned(),
                account: "123456789012".to_owned(),
            },
            ..Application::default()
        };
        let stack = application.stack();
        let ids: Vec<&str> = stack
            .resources
            .iter()
            .map(|resource| resource.logical_id.as_str())
            .collect();
        assert_eq!(ids, ["R", "P", "M"]);
        let role = &stack.resources[0].properties;
        assert_eq!(role["PoliciesBeside"], json!(["p"]));
        assert_eq!(
            role["ManagedBeside"],
            json!(["arn:aws:iam::123456789012:policy/m"])
        );
        assert_eq!(role["Tags"]["aws:cloudformation:stack-name"], "shop");
        assert_eq!(role["Tags"]["aws:cloudformation:logical-id"], "R");
    }
}
