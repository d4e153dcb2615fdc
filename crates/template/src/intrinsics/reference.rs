//! `Ref` and `Fn::GetAtt`: parameters, pseudo parameters and resources.

use super::Call;
use crate::names::{Attribute, Named};
use crate::node::Node;
use crate::problem::Place;
use crate::scope::{Fault, Outcome, PSEUDO_PARAMETERS, Scope};
use crate::suggest::suggestion;

/// What a name in `Ref`, `Fn::GetAtt` or `Fn::Sub` stands for.
pub(crate) enum Target<'a> {
    Pseudo,
    Parameter,
    Resource(&'a Named),
}

/// `Logical.Attribute.More` at its first dot.
pub(crate) fn split_attribute(text: &str) -> (&str, Option<&str>) {
    match text.split_once('.') {
        Some((id, attribute)) => (id, Some(attribute)),
        None => (text, None),
    }
}

impl Scope<'_> {
    /// Finds a name, or says why there is none, with the nearest known name.
    pub fn target(&self, name: &str) -> Result<Target<'_>, String> {
        if name.starts_with("AWS::") {
            if PSEUDO_PARAMETERS.contains(&name) {
                return Ok(Target::Pseudo);
            }
            let near = suggestion(name, &mut PSEUDO_PARAMETERS.iter().copied());
            return Err(format!("there is no pseudo parameter {name}{near}"));
        }
        if self.parameters.get(name).is_some() {
            return Ok(Target::Parameter);
        }
        let Some(resource) = self.names.get(name) else {
            if !self.sees_resources {
                let near = suggestion(name, &mut self.parameters.names());
                return Err(format!(
                    "only parameters can be referred to here, and {name} is none{near}"
                ));
            }
            let mut known = self.names.ids().chain(self.parameters.names());
            let near = suggestion(name, &mut known);
            return Err(format!("there is no resource or parameter {name}{near}"));
        };
        match &resource.false_condition {
            Some(condition) => Err(format!(
                "resource {name} does not exist because its condition {condition} is false"
            )),
            None => Ok(Target::Resource(resource)),
        }
    }
}

impl Call<'_> {
    pub(super) fn reference(&self, argument: &Node, place: &mut Place) -> Outcome {
        let name = match argument.as_text() {
            Some(name) => name.to_owned(),
            None if self.scope.has_language_extensions => self.text(argument, place)?,
            None => return self.fault(format!("Ref takes a name, found {}", argument.kind())),
        };
        let (id, suffix) = split_attribute(&name);
        // AWS SAM: `!Ref Function.Version` and `!Ref Function.Alias`.
        match suffix {
            Some("Version" | "Alias") => self.resolve_dotted(&name, place),
            Some(attribute) => self.fault(format!(
                "Ref takes no attribute, use Fn::GetAtt {id}.{attribute}"
            )),
            None => self.resolve_dotted(id, place),
        }
    }

    pub(super) fn get_att(&self, argument: &Node, place: &mut Place) -> Outcome {
        let shape = "Fn::GetAtt takes Resource.Attribute or [resource, attribute]";
        if let Some(text) = argument.as_text() {
            return match split_attribute(text) {
                (_, Some(_)) => self.resolve_dotted(text, place),
                _ => self.fault(shape),
            };
        }
        let Some([id, attributes @ ..]) = argument.items() else {
            return self.fault(shape);
        };
        let Some(id) = id.as_text().filter(|_| !attributes.is_empty()) else {
            return self.fault(shape);
        };
        let mut path = vec![id.to_owned()];
        for attribute in attributes {
            path.push(self.text(attribute, place)?);
        }
        self.resolve_dotted(&path.join("."), place)
    }

    /// `Name` as `Ref`, `Name.Attribute` as `Fn::GetAtt`.
    pub(super) fn resolve_dotted(&self, name: &str, place: &Place) -> Outcome {
        let (id, attribute) = split_attribute(name);
        let target = self
            .scope
            .target(id)
            .map_err(|message| Fault::At(self.at, message))?;
        let resource = match (target, attribute) {
            (Target::Resource(resource), _) => resource,
            (_, Some(attribute)) => {
                return self.fault(format!(
                    "{id} is a parameter and has no attribute {attribute}"
                ));
            }
            (Target::Pseudo, None) => {
                let value = self.scope.pseudo.get(id, self.at);
                return Ok(value.expect("invariant: the target is a pseudo parameter"));
            }
            (Target::Parameter, None) => {
                let parameter = self.scope.parameters.get(id);
                let parameter = parameter.expect("invariant: the target is a parameter");
                return match &parameter.node {
                    Some(node) => Ok(Some(Node {
                        at: self.at,
                        value: node.value.clone(),
                    })),
                    None => Err(Fault::Reported),
                };
            }
        };
        let Some(attribute) = attribute else {
            return self.value(resource.reference(&self.scope.pseudo));
        };
        match resource.attribute(attribute, &self.scope.pseudo) {
            Attribute::Known(text) => self.value(text),
            Attribute::MadeUp(text) => {
                let kind = &resource.kind;
                let message = format!(
                    "attribute {attribute} of {id} ({kind}) has the made-up value {text}, the resource is not created"
                );
                self.scope.problems.warning(self.at, place, message);
                self.value(text)
            }
            Attribute::Unpublished => self.fault(format!(
                "{id}.{attribute} needs AutoPublishAlias at {id}: without it no version is published"
            )),
            Attribute::Unknown(known) => {
                let near = suggestion(attribute, &mut known.iter().copied());
                self.fault(format!(
                    "{id} ({}) has no attribute {attribute}{near} (it has {})",
                    resource.kind,
                    known.join(", ")
                ))
            }
        }
    }
}
