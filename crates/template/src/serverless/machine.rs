//! What SAM makes beside a state machine: its role, version and alias.

use super::Expansion;
use super::function::alphanumeric;
use crate::node::Node;
use crate::resource::Resource;

impl Expansion<'_> {
    pub(super) fn machine(&mut self, resource: &Resource) {
        if resource.property("Role").is_none() {
            self.generated_role(resource, "states.amazonaws.com");
        } else if let Some(policies) = resource.property("Policies") {
            let message = "a state machine has either Role or Policies";
            self.error(policies.at, &resource.place().join("Policies"), message);
        }
        let alias = self.text(resource, "AutoPublishAlias");
        let alias = alias.map(|alias| self.publish_machine(resource, &alias));
        if alias.is_none() {
            for name in ["DeploymentPreference", "UseAliasAsEventTarget"] {
                let node = resource.property(name);
                if let Some(node) = node.filter(|node| node.scalar().as_deref() != Some("false")) {
                    let message = format!("{name} needs AutoPublishAlias");
                    self.error(node.at, &resource.place().join(name), message);
                }
            }
        }
        let uses_alias = self.text(resource, "UseAliasAsEventTarget").as_deref() == Some("true");
        let target = match alias {
            Some(alias) if uses_alias => alias,
            _ => resource.id.clone(),
        };
        self.machine_events(resource, &target);
    }

    /// Returns the alias's logical id.
    fn publish_machine(&mut self, resource: &Resource, name: &str) -> String {
        let at = resource.at;
        let (version, alias) = (
            format!("{}Version", resource.id),
            format!("{}Alias{}", resource.id, alphanumeric(name)),
        );
        let properties =
            Node::members(at, [("StateMachineArn", Node::reference(at, &resource.id))]);
        let mut made = resource.beside(
            version.clone(),
            "AWS::StepFunctions::StateMachineVersion",
            properties,
        );
        made.is_retained = true;
        self.made.push(made);
        let preference = resource.property("DeploymentPreference").cloned();
        let mut preference = preference.unwrap_or_else(|| Node::map(at, Vec::new()));
        if preference.get("Type").is_none() {
            preference.set("Type", Node::text(at, "ALL_AT_ONCE"));
        }
        preference.set("StateMachineVersionArn", Node::reference(at, &version));
        let properties = Node::members(
            at,
            [
                ("Name", Node::text(at, name)),
                ("DeploymentPreference", preference),
            ],
        );
        let kind = "AWS::StepFunctions::StateMachineAlias";
        self.make(resource, alias.clone(), kind, properties);
        alias
    }
}
