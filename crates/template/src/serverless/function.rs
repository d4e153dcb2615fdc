//! What SAM makes beside a function: its role, version, alias, URL, configuration of asynchronous calls.

use serde_json::json;

use super::{Expansion, picked};
use crate::names::Published;
use crate::node::Node;
use crate::resource::Resource;

/// AWS: `AliasName` of CreateAlias.
fn is_alias_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 128
        && !name.chars().all(|c| c.is_ascii_digit())
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
}

impl Expansion<'_> {
    pub(super) fn function(&mut self, resource: &Resource) {
        if resource.property("Role").is_none() {
            self.generated_role(resource, "lambda.amazonaws.com");
        }
        let alias = self.text(resource, "AutoPublishAlias");
        let alias = alias.and_then(|alias| self.publish(resource, &alias));
        if alias.is_none() {
            for name in ["DeploymentPreference", "ProvisionedConcurrencyConfig"] {
                if let Some(node) = resource.property(name) {
                    let message = format!("{name} needs AutoPublishAlias");
                    self.error(node.at, &resource.place().join(name), message);
                }
            }
        }
        self.url(resource, alias.as_ref());
        self.event_invoke(resource, alias.as_ref());
        self.function_events(resource, alias.as_ref());
    }

    fn publish(&mut self, resource: &Resource, name: &str) -> Option<Published> {
        let at = resource.at;
        if !is_alias_name(name) {
            let message = format!(
                "\"{name}\" cannot be the name of an alias: letters, digits, - and _, not only digits, at most 128"
            );
            self.error(at, &resource.place().join("AutoPublishAlias"), message);
            return None;
        }
        let published = Published {
            version: format!("{}Version", resource.id),
            alias: format!("{}Alias{}", resource.id, alphanumeric(name)),
        };
        let mut version = Node::members(at, [("FunctionName", Node::reference(at, &resource.id))]);
        version.set_some(
            "Description",
            resource.property("VersionDescription").cloned(),
        );
        let mut made = resource.beside(published.version.clone(), "AWS::Lambda::Version", version);
        // AWS SAM: versions are kept, unless VersionDeletionPolicy says Delete.
        made.is_retained =
            self.text(resource, "VersionDeletionPolicy").as_deref() != Some("Delete");
        self.made.push(made);
        let mut alias = Node::members(
            at,
            [
                ("FunctionName", Node::reference(at, &resource.id)),
                (
                    "FunctionVersion",
                    Node::get_att(at, &published.version, "Version"),
                ),
                ("Name", Node::text(at, name)),
            ],
        );
        for property in ["ProvisionedConcurrencyConfig", "DeploymentPreference"] {
            alias.set_some(property, resource.property(property).cloned());
        }
        self.make(
            resource,
            published.alias.clone(),
            "AWS::Lambda::Alias",
            alias,
        );
        self.published
            .push((resource.id.clone(), published.clone()));
        Some(published)
    }

    fn url(&mut self, resource: &Resource, alias: Option<&Published>) {
        let Some(config) = resource.property("FunctionUrlConfig") else {
            return;
        };
        let at = config.at;
        let target = match alias {
            Some(published) => Node::reference(at, &published.alias),
            None => Node::reference(at, &resource.id),
        };
        let mut url = Node::members(at, [("TargetFunctionArn", target.clone())]);
        picked(
            Some(config),
            &[
                ("AuthType", "AuthType"),
                ("Cors", "Cors"),
                ("InvokeMode", "InvokeMode"),
            ],
            &mut url,
        );
        if config.get("AuthType").is_none() {
            let place = resource.place().join("FunctionUrlConfig").join("AuthType");
            return self.error(at, &place, "the required property AuthType is missing");
        }
        self.make(
            resource,
            format!("{}Url", resource.id),
            "AWS::Lambda::Url",
            url,
        );
        if config.get("AuthType").and_then(Node::as_text) == Some("NONE") {
            let mut permission = Node::of_json(
                at,
                &json!({"Action": "lambda:InvokeFunctionUrl", "Principal": "*", "FunctionUrlAuthType": "NONE"}),
            );
            permission.set("FunctionName", target.clone());
            let id = format!("{}UrlPublicPermissions", resource.id);
            self.make(resource, id, "AWS::Lambda::Permission", permission);
            // AWS: since 2025 a URL needs both.
            let mut permission = Node::of_json(
                at,
                &json!({"Action": "lambda:InvokeFunction", "Principal": "*", "InvokedViaFunctionUrl": true}),
            );
            permission.set("FunctionName", target);
            let id = format!("{}URLInvokeAllowPublicAccess", resource.id);
            self.make(resource, id, "AWS::Lambda::Permission", permission);
        }
    }

    fn event_invoke(&mut self, resource: &Resource, alias: Option<&Published>) {
        let Some(config) = resource.property("EventInvokeConfig") else {
            return;
        };
        let at = config.at;
        let mut properties =
            Node::members(at, [("FunctionName", Node::reference(at, &resource.id))]);
        let qualifier = match alias {
            Some(_) => resource.property("AutoPublishAlias").cloned(),
            None => None,
        };
        properties.set(
            "Qualifier",
            qualifier.unwrap_or_else(|| Node::text(at, "$LATEST")),
        );
        picked(
            Some(config),
            &[
                ("MaximumEventAgeInSeconds", "MaximumEventAgeInSeconds"),
                ("MaximumRetryAttempts", "MaximumRetryAttempts"),
            ],
            &mut properties,
        );
        let mut destinations = Node::map(at, Vec::new());
        for outcome in ["OnSuccess", "OnFailure"] {
            let given = config
                .get("DestinationConfig")
                .and_then(|destinations| destinations.get(outcome));
            let Some(given) = given else { continue };
            match given.get("Destination") {
                Some(target) => {
                    let target = Node::members(at, [("Destination", target.clone())]);
                    destinations.set(outcome, target);
                }
                None => {
                    let place = resource.place().join("EventInvokeConfig");
                    let message = format!(
                        "DestinationConfig.{outcome} names no Destination: SAM would make a queue or topic, which does not exist here"
                    );
                    self.warn(given.at, &place, message);
                }
            }
        }
        if destinations
            .entries()
            .is_some_and(|entries| !entries.is_empty())
        {
            properties.set("DestinationConfig", destinations);
        }
        let id = format!("{}EventInvokeConfig", resource.id);
        self.make(resource, id, "AWS::Lambda::EventInvokeConfig", properties);
    }
}

/// A name as a part of a logical id.
pub(super) fn alphanumeric(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).collect()
}
