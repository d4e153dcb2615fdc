//! `Events` of a SAM function or state machine.

use serde_json::json;

use super::{Expansion, Route, entries, picked};
use crate::names::Published;
use crate::node::{Entry, Node};
use crate::problem::Place;
use crate::resource::Resource;

/// Members of an event that a target of a rule takes as they are.
const TARGET_MEMBERS: [(&str, &str); 5] = [
    ("Input", "Input"),
    ("InputPath", "InputPath"),
    ("InputTransformer", "InputTransformer"),
    ("DeadLetterConfig", "DeadLetterConfig"),
    ("RetryPolicy", "RetryPolicy"),
];

/// What an event calls.
struct Called<'a> {
    resource: &'a Resource,
    /// `Ref` or `Fn::GetAtt` of what is called.
    arn: Node,
    is_function: bool,
}

impl Expansion<'_> {
    pub(super) fn function_events(&mut self, resource: &Resource, alias: Option<&Published>) {
        let at = resource.at;
        let arn = match alias {
            Some(published) => Node::reference(at, &published.alias),
            None => Node::get_att(at, &resource.id, "Arn"),
        };
        let called = Called {
            resource,
            arn,
            is_function: true,
        };
        self.events(&called);
    }

    pub(super) fn machine_events(&mut self, resource: &Resource, target: &str) {
        let called = Called {
            resource,
            arn: Node::reference(resource.at, target),
            is_function: false,
        };
        self.events(&called);
    }

    fn events(&mut self, called: &Called<'_>) {
        for event in entries(called.resource, "Events") {
            let place = called.resource.place().join("Events").join(&event.key);
            let Some(kind) = event.node.get("Type").and_then(Node::as_text) else {
                self.error(event.at, &place, "an event needs a Type");
                continue;
            };
            let empty = Node::map(event.at, Vec::new());
            let properties = event.node.get("Properties").unwrap_or(&empty);
            match kind {
                "Schedule" => self.rule(called, event, properties, &place, "Schedule"),
                "EventBridgeRule" | "CloudWatchEvent" => {
                    self.rule(called, event, properties, &place, "Pattern");
                }
                "ScheduleV2" => self.schedule(called, event, properties, &place),
                "Api" => self.api_event(called, event, properties, &place),
                "HttpApi" if called.is_function => {
                    self.http_api_event(called, event, properties, &place);
                }
                _ => {
                    let message = format!(
                        "an event of type {kind} is not built yet: nothing calls {} for it",
                        called.resource.id
                    );
                    self.warn(event.node.at, &place, message);
                }
            }
        }
    }

    /// Whether a property is there; an error if not.
    fn requires(&self, event: &Entry, properties: &Node, place: &Place, name: &str) -> bool {
        let has = properties.get(name).is_some();
        if !has {
            let message = format!("the required property {name} is missing");
            self.error(event.at, &place.join(name), message);
        }
        has
    }

    /// A rule of EventBridge: on a schedule, or for a pattern.
    fn rule(
        &mut self,
        called: &Called<'_>,
        event: &Entry,
        properties: &Node,
        place: &Place,
        required: &str,
    ) {
        if !self.requires(event, properties, place, required) {
            return;
        }
        let (at, id) = (event.at, format!("{}{}", called.resource.id, event.key));
        let mut rule = Node::map(at, Vec::new());
        picked(
            Some(properties),
            &[
                ("Schedule", "ScheduleExpression"),
                ("Pattern", "EventPattern"),
                ("EventBusName", "EventBusName"),
                ("Name", "Name"),
                ("RuleName", "Name"),
                ("Description", "Description"),
            ],
            &mut rule,
        );
        rule.set_some("State", self.state(properties, place));
        let suffix = if called.is_function {
            "LambdaTarget"
        } else {
            "StepFunctionsTarget"
        };
        let named = properties.get("Target").and_then(|target| target.get("Id"));
        let mut target = Node::members(
            at,
            [
                ("Arn", called.arn.clone()),
                (
                    "Id",
                    named
                        .cloned()
                        .unwrap_or_else(|| Node::text(at, format!("{id}{suffix}"))),
                ),
            ],
        );
        picked(Some(properties), &TARGET_MEMBERS, &mut target);
        if called.is_function {
            let source = Node::get_att(at, &id, "Arn");
            self.permission(
                called,
                &format!("{id}Permission"),
                "events.amazonaws.com",
                Some(source),
            );
        } else {
            let role = self.starting_role(called, event, properties, "events.amazonaws.com");
            target.set("RoleArn", role);
        }
        rule.set("Targets", Node::list(at, vec![target]));
        self.make(called.resource, id, "AWS::Events::Rule", rule);
    }

    /// `State`, or the older `Enabled`.
    fn state(&self, properties: &Node, place: &Place) -> Option<Node> {
        if let Some(state) = properties.get("State") {
            return Some(state.clone());
        }
        let enabled = properties.get("Enabled")?;
        let value = self.scope.evaluate(enabled, &mut place.join("Enabled"))?;
        let state = match value.scalar().as_deref() {
            Some("true") => "ENABLED",
            Some("false") => "DISABLED",
            _ => {
                let message = format!("expected true or false, found {}", value.kind());
                self.error(enabled.at, &place.join("Enabled"), message);
                return None;
            }
        };
        Some(Node::text(enabled.at, state))
    }

    /// `RoleArn` of the event, else a role that may start or invoke what is called.
    fn starting_role(
        &mut self,
        called: &Called<'_>,
        event: &Entry,
        properties: &Node,
        service: &str,
    ) -> Node {
        if let Some(role) = properties.get("RoleArn").or_else(|| properties.get("Role")) {
            return role.clone();
        }
        let id = format!("{}{}Role", called.resource.id, event.key);
        let (policy, action) = if called.is_function {
            ("InvokePolicy", "lambda:InvokeFunction")
        } else {
            ("StartExecutionPolicy", "states:StartExecution")
        };
        let policy = format!("{}{}{policy}", called.resource.id, event.key);
        self.role_for(
            called.resource,
            &id,
            service,
            &policy,
            action,
            called.arn.clone(),
        );
        Node::get_att(event.at, &id, "Arn")
    }

    fn permission(&mut self, called: &Called<'_>, id: &str, principal: &str, source: Option<Node>) {
        let at = called.resource.at;
        let mut permission = Node::of_json(
            at,
            &json!({"Action": "lambda:InvokeFunction", "Principal": principal}),
        );
        permission.set("FunctionName", called.arn.clone());
        permission.set_some("SourceArn", source);
        self.make(
            called.resource,
            id.to_owned(),
            "AWS::Lambda::Permission",
            permission,
        );
    }

    /// A schedule of EventBridge Scheduler.
    fn schedule(&mut self, called: &Called<'_>, event: &Entry, properties: &Node, place: &Place) {
        if !self.requires(event, properties, place, "ScheduleExpression") {
            return;
        }
        let (at, id) = (event.at, format!("{}{}", called.resource.id, event.key));
        let mut schedule = Node::map(at, Vec::new());
        picked(
            Some(properties),
            &[
                ("ScheduleExpression", "ScheduleExpression"),
                ("ScheduleExpressionTimezone", "ScheduleExpressionTimezone"),
                ("FlexibleTimeWindow", "FlexibleTimeWindow"),
                ("StartDate", "StartDate"),
                ("EndDate", "EndDate"),
                ("GroupName", "GroupName"),
                ("KmsKeyArn", "KmsKeyArn"),
                ("State", "State"),
                ("Name", "Name"),
                ("Description", "Description"),
            ],
            &mut schedule,
        );
        if schedule.get("FlexibleTimeWindow").is_none() {
            schedule.set(
                "FlexibleTimeWindow",
                Node::of_json(at, &json!({"Mode": "OFF"})),
            );
        }
        let mut target = Node::members(at, [("Arn", called.arn.clone())]);
        let role = self.starting_role(called, event, properties, "scheduler.amazonaws.com");
        target.set("RoleArn", role);
        picked(
            Some(properties),
            &[
                ("Input", "Input"),
                ("DeadLetterConfig", "DeadLetterConfig"),
                ("RetryPolicy", "RetryPolicy"),
            ],
            &mut target,
        );
        schedule.set("Target", target);
        self.make(called.resource, id, "AWS::Scheduler::Schedule", schedule);
    }

    /// A text of an event that is known from the template alone.
    fn event_text(&self, properties: &Node, place: &Place, name: &str) -> Option<String> {
        let node = properties.get(name)?;
        self.scope.evaluate(node, &mut place.join(name))?.scalar()
    }

    fn path_and_method(
        &self,
        event: &Entry,
        properties: &Node,
        place: &Place,
    ) -> Option<(String, String)> {
        let has_path = self.requires(event, properties, place, "Path");
        if !(self.requires(event, properties, place, "Method") && has_path) {
            return None;
        }
        let path = self.event_text(properties, place, "Path")?;
        let method = self.event_text(properties, place, "Method")?;
        if !path.starts_with('/') {
            let message = format!("a path starts with /, found \"{path}\"");
            self.error(event.at, &place.join("Path"), message);
            return None;
        }
        let method = method.to_ascii_lowercase();
        let methods = [
            "get", "put", "post", "delete", "patch", "head", "options", "any",
        ];
        if !methods.contains(&method.as_str()) {
            let message = format!("expected one of {}, found \"{method}\"", methods.join(", "));
            self.error(event.at, &place.join("Method"), message);
            return None;
        }
        Some((path, any_method(method)))
    }

    fn api_event(&mut self, called: &Called<'_>, event: &Entry, properties: &Node, place: &Place) {
        let Some((path, method)) = self.path_and_method(event, properties, place) else {
            return;
        };
        for name in ["Auth", "RequestModel", "RequestParameters"] {
            if let Some(node) = properties.get(name) {
                let message = format!("{name} is not supported and has no effect");
                self.warn(node.at, &place.join(name), message);
            }
        }
        let at = event.at;
        let operation = if called.is_function {
            let uri = "arn:${AWS::Partition}:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${Called}/invocations";
            let integration = Node::members(
                at,
                [
                    ("httpMethod", Node::text(at, "POST")),
                    ("type", Node::text(at, "aws_proxy")),
                    ("uri", sub_called(uri, &called.arn)),
                ],
            );
            Node::members(
                at,
                [
                    ("x-amazon-apigateway-integration", integration),
                    ("responses", Node::map(at, Vec::new())),
                ],
            )
        } else {
            let role = self.starting_role(called, event, properties, "apigateway.amazonaws.com");
            let unescapes = self.event_text(properties, place, "UnescapeMappingTemplate");
            starting_operation(called, role, unescapes.as_deref() == Some("true"))
        };
        let api = self.api_id(properties, "RestApiId", "ServerlessRestApi");
        self.routes.entry(api).or_default().push(Route {
            path,
            method,
            operation,
            allows: called.is_function.then(|| {
                let id = format!("{}{}Permission", called.resource.id, event.key);
                (id, called.arn.clone())
            }),
            at,
        });
    }

    fn http_api_event(
        &mut self,
        called: &Called<'_>,
        event: &Entry,
        properties: &Node,
        place: &Place,
    ) {
        let at = event.at;
        // AWS SAM: without a path and a method it is the default route.
        let is_default = properties.get("Path").is_none() && properties.get("Method").is_none();
        let (path, method) = if is_default {
            ("/$default".to_owned(), any_method("any".to_owned()))
        } else {
            match self.path_and_method(event, properties, place) {
                Some(found) => found,
                None => return,
            }
        };
        if let Some(node) = properties.get("Auth") {
            let message = "Auth is not supported and has no effect";
            self.warn(node.at, &place.join("Auth"), message);
        }
        let uri = "arn:${AWS::Partition}:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${Called}/invocations";
        let version = properties.get("PayloadFormatVersion").cloned();
        let mut integration = Node::members(
            at,
            [
                ("type", Node::text(at, "aws_proxy")),
                ("httpMethod", Node::text(at, "POST")),
                ("uri", sub_called(uri, &called.arn)),
                (
                    "payloadFormatVersion",
                    version.unwrap_or_else(|| Node::text(at, "2.0")),
                ),
            ],
        );
        integration.set_some(
            "timeoutInMillis",
            properties.get("TimeoutInMillis").cloned(),
        );
        let mut operation = Node::members(
            at,
            [
                ("x-amazon-apigateway-integration", integration),
                ("responses", Node::map(at, Vec::new())),
            ],
        );
        if is_default {
            operation.set("isDefaultRoute", Node::of_json(at, &json!(true)));
        }
        let api = self.api_id(properties, "ApiId", "ServerlessHttpApi");
        self.http_routes.entry(api).or_default().push(Route {
            path,
            method,
            operation,
            allows: called.is_function.then(|| {
                let id = format!("{}{}Permission", called.resource.id, event.key);
                (id, called.arn.clone())
            }),
            at,
        });
    }

    /// The logical id of the API that an event names, else the implied one.
    fn api_id(&self, properties: &Node, name: &str, implied: &str) -> String {
        let Some(node) = properties.get(name) else {
            return implied.to_owned();
        };
        let referred = node
            .function()
            .and_then(|(function, argument)| argument.as_text().filter(|_| function == "Ref"));
        referred.or(node.as_text()).unwrap_or(implied).to_owned()
    }
}

fn any_method(method: String) -> String {
    match method.as_str() {
        "any" => "x-amazon-apigateway-any-method".to_owned(),
        _ => method,
    }
}

/// `Fn::Sub` with `${Called}` standing for what is called.
fn sub_called(text: &str, called: &Node) -> Node {
    let at = called.at;
    let variables = Node::members(at, [("Called", called.clone())]);
    let arguments = Node::list(at, vec![Node::text(at, text), variables]);
    Node::members(at, [("Fn::Sub", arguments)])
}

/// AWS SAM: a method that starts an execution with the request's body as its input.
fn starting_operation(called: &Called<'_>, role: Node, unescapes: bool) -> Node {
    let at = called.arn.at;
    let input = "$util.escapeJavaScript($input.json('$'))";
    // AWS SAM: escapeJavaScript escapes single quotes too, which JSON does not know. The template is not JSON.
    let input = match unescapes {
        true => format!("{input}.replaceAll(\"\\\\'\",\"'\")"),
        false => input.to_owned(),
    };
    let template = format!("{{\"input\": \"{input}\", \"stateMachineArn\": \"${{Called}}\"}}");
    let uri = "arn:${AWS::Partition}:apigateway:${AWS::Region}:states:action/StartExecution";
    let integration = Node::members(
        at,
        [
            ("type", Node::text(at, "aws")),
            ("httpMethod", Node::text(at, "POST")),
            ("uri", Node::sub(at, uri)),
            (
                "responses",
                Node::of_json(
                    at,
                    &json!({"200": {"statusCode": "200"}, "400": {"statusCode": "400"}}),
                ),
            ),
            ("credentials", role),
            (
                "requestTemplates",
                Node::members(
                    at,
                    [("application/json", sub_called(&template, &called.arn))],
                ),
            ),
        ],
    );
    let responses = json!({"200": {"description": "OK"}, "400": {"description": "Bad Request"}});
    Node::members(
        at,
        [
            ("x-amazon-apigateway-integration", integration),
            ("responses", Node::of_json(at, &responses)),
        ],
    )
}
