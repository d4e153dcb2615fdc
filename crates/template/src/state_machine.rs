//! `AWS::Serverless::StateMachine` and `AWS::StepFunctions::StateMachine`.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::json;

use crate::definition;
use crate::node::Node;
use crate::problem::Location;
use crate::properties::Properties;
use crate::resource::Resource;
use crate::scope::Scope;

/// A state machine as the template describes it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StateMachine {
    /// The resource's name in the template.
    pub logical_id: String,
    /// `Name` or `StateMachineName`, else `stack-LogicalId`. AWS appends a random suffix; here there is none.
    pub name: String,
    /// The state machine's ARN.
    pub arn: String,
    /// JSON text in the Amazon States Language, substitutions done; not validated here.
    pub definition: String,
    /// The path of `DefinitionUri` as the template has it, if the definition is a file.
    pub definition_source: Option<String>,
    /// Default `STANDARD`.
    pub kind: Kind,
    /// ARN of the role; a made-up one where SAM would create it.
    pub role_arn: String,
    /// `loggingConfiguration` of CreateStateMachine.
    pub logging: Option<serde_json::Value>,
    /// Whether executions are traced.
    pub tracing_enabled: bool,
    /// Tags of the state machine.
    pub tags: BTreeMap<String, String>,
    /// Where the resource stands.
    pub location: Location,
}

/// The type of a state machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Kind {
    /// Durable, with history.
    Standard,
    /// Fast, at least once.
    Express,
}

/// Reads a state machine; `None` when a problem was reported that leaves no state machine.
///
/// `read_file` gives the text of a `DefinitionUri`.
pub(crate) fn read(
    resource: &Resource,
    properties: &Properties<'_>,
    scope: &Scope<'_>,
    read_file: &dyn Fn(&str) -> Result<String, String>,
) -> Option<StateMachine> {
    let is_sam = resource.kind == "AWS::Serverless::StateMachine";
    let (kind, logging, tracing, role) = if is_sam {
        ("Type", "Logging", "Tracing", "Role")
    } else {
        (
            "StateMachineType",
            "LoggingConfiguration",
            "TracingConfiguration",
            "RoleArn",
        )
    };
    if !is_sam && !properties.has("RoleArn") {
        properties.missing("RoleArn");
    }
    let definition = definition::read(resource, properties, scope, read_file);
    let named = scope
        .names
        .get(&resource.id)
        .expect("invariant: every resource has a name");
    let kind = match properties.word(kind, &["STANDARD", "EXPRESS"]) {
        Some("EXPRESS") => Kind::Express,
        _ => Kind::Standard,
    };
    let tracing_enabled = properties.child(tracing).and_then(|tracing| {
        tracing.warn_unknown(&["Enabled"]);
        tracing.boolean("Enabled")
    });
    let logging = properties
        .child(logging)
        .map(|logging| read_logging(&logging));
    let tags = if is_sam {
        properties.text_map("Tags")
    } else {
        properties.tag_list("Tags")
    };
    let role_arn = properties.text(role);
    let (definition, definition_source) = definition?;
    Some(StateMachine {
        logical_id: resource.id.clone(),
        name: named.name.clone(),
        arn: named.arn(&scope.pseudo),
        definition,
        definition_source,
        kind,
        role_arn: role_arn.unwrap_or_default(),
        logging,
        tracing_enabled: tracing_enabled.unwrap_or(false),
        tags,
        location: scope.problems.location(resource.at),
    })
}

/// CloudFormation's logging configuration in the shape of CreateStateMachine.
fn read_logging(logging: &Properties<'_>) -> serde_json::Value {
    logging.warn_unknown(&["Destinations", "IncludeExecutionData", "Level"]);
    let mut configuration = serde_json::Map::new();
    if let Some(level) = logging.word("Level", &["ALL", "ERROR", "FATAL", "OFF"]) {
        configuration.insert("level".to_owned(), level.into());
    }
    if let Some(include) = logging.boolean("IncludeExecutionData") {
        configuration.insert("includeExecutionData".to_owned(), include.into());
    }
    if let Some(destinations) = logging.get("Destinations") {
        let mut arns = Vec::new();
        for item in destinations.items().unwrap_or_default() {
            let group = item
                .get("CloudWatchLogsLogGroup")
                .and_then(|group| group.get("LogGroupArn"));
            match group.map(|arn| (arn.is_unresolved(), arn.scalar())) {
                Some((_, Some(arn))) => {
                    arns.push(json!({"cloudWatchLogsLogGroup": {"logGroupArn": arn}}))
                }
                Some((true, None)) => {}
                _ => logging.fail(
                    "Destinations",
                    item.at,
                    "a destination is {CloudWatchLogsLogGroup: {LogGroupArn: ..}}",
                ),
            }
        }
        if destinations.items().is_none() && !destinations.is_unresolved() {
            let message = format!("expected a list, found {}", Node::kind(destinations));
            logging.fail("Destinations", destinations.at, message);
        }
        configuration.insert("destinations".to_owned(), arns.into());
    }
    configuration.into()
}
