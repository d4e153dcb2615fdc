//! APIs that a template writes as single resources, as `cdk synth` does: one OpenAPI document for each.

use serde_json::json;

use crate::names::hash;
use crate::node::Node;
use crate::problem::{Mark, Place};
use crate::resource::Resource;
use crate::scope::Scope;

/// AWS: levels of resources below an API's root.
const PATH_DEPTH_MAX: usize = 50;

/// Types that become a part of their API's document.
pub(crate) const PARTS: [&str; 4] = [
    "AWS::ApiGateway::Resource",
    "AWS::ApiGateway::Method",
    "AWS::ApiGatewayV2::Integration",
    "AWS::ApiGatewayV2::Route",
];

/// Moves resources, methods, integrations and routes into the documents of their APIs.
pub(crate) fn fold(resources: &mut Vec<Resource>, scope: &Scope<'_>) {
    let parts: Vec<Resource>;
    (parts, *resources) = std::mem::take(resources)
        .into_iter()
        .partition(|resource| PARTS.contains(&resource.kind.as_str()));
    let folder = Folder { parts, scope };
    let mut hashes: Vec<(String, String)> = Vec::new();
    for api in resources.iter_mut() {
        let paths = match api.kind.as_str() {
            "AWS::ApiGateway::RestApi" if api.property("Body").is_none() => folder.rest(&api.id),
            "AWS::ApiGatewayV2::Api" if api.property("Body").is_none() => folder.http(&api.id),
            _ => continue,
        };
        let at = api.at;
        let title = api.property("Name").cloned();
        let title = title.unwrap_or_else(|| Node::text(at, api.id.as_str()));
        let info = Node::members(at, [("version", Node::text(at, "1.0")), ("title", title)]);
        let mut body = Node::members(
            at,
            [
                ("openapi", Node::text(at, "3.0.1")),
                ("info", info),
                ("paths", paths),
            ],
        );
        let cors = api.property("CorsConfiguration").map(cors_of);
        body.set_some("x-amazon-apigateway-cors", cors);
        let binary = api.property("BinaryMediaTypes").cloned();
        body.set_some("x-amazon-apigateway-binary-media-types", binary);
        hashes.push((
            api.id.clone(),
            format!("{:016x}", hash(&body.to_json().to_string())),
        ));
        // What the document needs, the API needs.
        for part in folder.parts.iter().filter(|part| part.belongs_to(&api.id)) {
            api.depends_on.extend(
                part.depends_on
                    .iter()
                    .filter(|node| {
                        let is_part = |id: &str| folder.parts.iter().any(|part| part.id == id);
                        !node.as_text().is_some_and(is_part)
                    })
                    .cloned(),
            );
        }
        api.properties.set("Body", body);
        if folder.text(api, "ProtocolType").as_deref() == Some("WEBSOCKET") {
            let message = "a WEBSOCKET API is not supported, only HTTP";
            folder.error(at, &api.place().join("ProtocolType"), message);
        }
        // They are in the document now.
        for name in ["BinaryMediaTypes", "CorsConfiguration", "ProtocolType"] {
            api.properties.remove(name);
        }
    }
    for resource in resources.iter_mut() {
        let is_part = |node: &Node| {
            node.as_text()
                .is_some_and(|id| folder.parts.iter().any(|part| part.id == id))
        };
        resource.depends_on.retain(|node| !is_part(node));
        if resource.kind == "AWS::ApiGateway::Deployment" {
            let api = resource.property("RestApiId").and_then(referred);
            let found = hashes.iter().find(|(id, _)| Some(id.as_str()) == api);
            if let Some((_, hash)) = found {
                let text = format!("RestApi deployment id: {hash}");
                let at = resource.at;
                resource.properties.set("Description", Node::text(at, text));
            }
        }
    }
}

/// The logical id of `{"Ref": id}`.
fn referred(node: &Node) -> Option<&str> {
    match node.function() {
        Some(("Ref", argument)) => argument.as_text(),
        _ => None,
    }
}

impl Resource {
    fn belongs_to(&self, api: &str) -> bool {
        ["RestApiId", "ApiId"]
            .iter()
            .any(|name| self.property(name).and_then(referred) == Some(api))
    }
}

struct Folder<'a> {
    parts: Vec<Resource>,
    scope: &'a Scope<'a>,
}

impl Folder<'_> {
    fn of<'p>(&'p self, kind: &'p str, api: &'p str) -> impl Iterator<Item = &'p Resource> {
        self.parts
            .iter()
            .filter(move |part| part.kind == kind && part.belongs_to(api))
    }

    fn text(&self, part: &Resource, name: &str) -> Option<String> {
        let node = part.property(name)?;
        self.scope
            .evaluate(node, &mut part.place().join(name))?
            .scalar()
    }

    fn error(&self, at: Mark, place: &Place, message: impl Into<String>) {
        self.scope.problems.error(at, place, message);
    }

    /// The path of a resource, from its parents.
    fn path(&self, id: Option<&str>) -> Option<String> {
        let mut segments = Vec::new();
        let mut next = id.map(str::to_owned);
        for _ in 0..PATH_DEPTH_MAX {
            let Some(id) = next else {
                segments.reverse();
                return Some(format!("/{}", segments.join("/")));
            };
            let part = self.parts.iter().find(|part| part.id == id)?;
            segments.push(self.text(part, "PathPart")?);
            next = part
                .property("ParentId")
                .and_then(referred)
                .map(str::to_owned);
        }
        None
    }

    fn rest(&self, api: &str) -> Node {
        let mut paths = Node::map(Mark::START, Vec::new());
        for method in self.of("AWS::ApiGateway::Method", api) {
            let at = method.at;
            let resource = method.property("ResourceId").and_then(referred);
            let (Some(path), Some(verb)) = (self.path(resource), self.text(method, "HttpMethod"))
            else {
                let message = "the method's ResourceId leads to no path of this template";
                self.error(at, &method.place(), message);
                continue;
            };
            let verb = match verb.as_str() {
                "ANY" => "x-amazon-apigateway-any-method".to_owned(),
                verb => verb.to_lowercase(),
            };
            for (name, unneeded) in [("AuthorizationType", "NONE"), ("ApiKeyRequired", "false")] {
                if self
                    .text(method, name)
                    .is_some_and(|value| value != unneeded)
                {
                    let message = format!("{name} is not supported and has no effect");
                    self.scope
                        .problems
                        .warning(at, &method.place().join(name), message);
                }
            }
            let mut operation = Node::map(at, Vec::new());
            if let Some(integration) = method.property("Integration") {
                operation.set(
                    "x-amazon-apigateway-integration",
                    rest_integration(integration),
                );
            }
            operation.set(
                "responses",
                responses(method.property("MethodResponses"), at),
            );
            let mut item = paths
                .get(&path)
                .cloned()
                .unwrap_or_else(|| Node::map(at, Vec::new()));
            item.set(&verb, operation);
            paths.set(&path, item);
        }
        paths
    }

    fn http(&self, api: &str) -> Node {
        let mut paths = Node::map(Mark::START, Vec::new());
        for route in self.of("AWS::ApiGatewayV2::Route", api) {
            let (at, place) = (route.at, route.place());
            let Some(key) = self.text(route, "RouteKey") else {
                self.error(
                    at,
                    &place.join("RouteKey"),
                    "the required property RouteKey is missing",
                );
                continue;
            };
            let (path, verb) = match key.split_once(' ') {
                Some(("ANY", path)) => (path, "x-amazon-apigateway-any-method".to_owned()),
                Some((verb, path)) => (path, verb.to_lowercase()),
                None => ("/$default", "x-amazon-apigateway-any-method".to_owned()),
            };
            let target = route.property("Target").and_then(|target| {
                let text = target.to_json().to_string();
                self.of("AWS::ApiGatewayV2::Integration", api).find(|part| {
                    text.contains(&format!("\"{}\"", part.id))
                        || text.contains(&format!("${{{}}}", part.id))
                })
            });
            let Some(integration) = target else {
                let message = "the route's Target names no integration of this template";
                self.error(at, &place.join("Target"), message);
                continue;
            };
            let mut operation = Node::members(
                at,
                [
                    (
                        "x-amazon-apigateway-integration",
                        http_integration(integration),
                    ),
                    (
                        "responses",
                        Node::of_json(at, &json!({"default": {"description": ""}})),
                    ),
                ],
            );
            if path == "/$default" {
                operation.set("isDefaultRoute", Node::of_json(at, &json!(true)));
            }
            let mut item = paths
                .get(path)
                .cloned()
                .unwrap_or_else(|| Node::map(at, Vec::new()));
            item.set(&verb, operation);
            paths.set(path, item);
        }
        paths
    }
}

fn lower(node: &Node) -> Node {
    match node.as_text() {
        Some(text) => Node::text(node.at, text.to_lowercase()),
        None => node.clone(),
    }
}

fn rest_integration(from: &Node) -> Node {
    let at = from.at;
    let mut out = Node::map(at, Vec::new());
    out.set_some("type", from.get("Type").map(lower));
    out.set_some(
        "passthroughBehavior",
        from.get("PassthroughBehavior").map(lower),
    );
    for (cloudformation, document) in [
        ("IntegrationHttpMethod", "httpMethod"),
        ("Uri", "uri"),
        ("Credentials", "credentials"),
        ("RequestTemplates", "requestTemplates"),
        ("RequestParameters", "requestParameters"),
        ("TimeoutInMillis", "timeoutInMillis"),
        ("ContentHandling", "contentHandling"),
    ] {
        out.set_some(document, from.get(cloudformation).cloned());
    }
    let answers = from.get("IntegrationResponses").and_then(Node::items);
    if let Some(answers) = answers {
        let mut responses = Node::map(at, Vec::new());
        for answer in answers {
            let pattern = answer.get("SelectionPattern").and_then(Node::scalar);
            let mut response = Node::map(answer.at, Vec::new());
            for (cloudformation, document) in [
                ("StatusCode", "statusCode"),
                ("ResponseTemplates", "responseTemplates"),
                ("ResponseParameters", "responseParameters"),
                ("ContentHandling", "contentHandling"),
            ] {
                response.set_some(document, answer.get(cloudformation).cloned());
            }
            let pattern = pattern.filter(|pattern| !pattern.is_empty());
            responses.set(pattern.as_deref().unwrap_or("default"), response);
        }
        out.set("responses", responses);
    }
    out
}

fn responses(from: Option<&Node>, at: Mark) -> Node {
    let mut out = Node::map(at, Vec::new());
    for answer in from.and_then(Node::items).unwrap_or_default() {
        let Some(status) = answer.get("StatusCode").and_then(Node::scalar) else {
            continue;
        };
        let mut response = Node::of_json(at, &json!({"description": status}));
        let parameters = answer.get("ResponseParameters").and_then(Node::entries);
        if let Some(parameters) = parameters {
            let mut headers = Node::map(at, Vec::new());
            for parameter in parameters {
                let name = parameter.key.rsplit('.').next().unwrap_or_default();
                headers.set(
                    name,
                    Node::of_json(at, &json!({"schema": {"type": "string"}})),
                );
            }
            response.set("headers", headers);
        }
        out.set(&status, response);
    }
    out
}

fn http_integration(part: &Resource) -> Node {
    let at = part.at;
    let mut out = Node::map(at, Vec::new());
    out.set_some("type", part.property("IntegrationType").map(lower));
    for (cloudformation, document) in [
        ("IntegrationMethod", "httpMethod"),
        ("IntegrationUri", "uri"),
        ("IntegrationSubtype", "integrationSubtype"),
        ("PayloadFormatVersion", "payloadFormatVersion"),
        ("CredentialsArn", "credentials"),
        ("RequestParameters", "requestParameters"),
        ("TimeoutInMillis", "timeoutInMillis"),
        ("Description", "description"),
    ] {
        out.set_some(document, part.property(cloudformation).cloned());
    }
    if out.get("httpMethod").is_none() && out.get("integrationSubtype").is_none() {
        out.set("httpMethod", Node::text(at, "POST"));
    }
    out
}

fn cors_of(cors: &Node) -> Node {
    let mut out = Node::map(cors.at, Vec::new());
    for entry in cors.entries().unwrap_or_default() {
        let mut name = entry.key.clone();
        if let Some(first) = name.get_mut(..1) {
            first.make_ascii_lowercase();
        }
        out.set(&name, entry.node.clone());
    }
    out
}
