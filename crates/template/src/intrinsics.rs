//! CloudFormation's functions.

mod cidr;
mod reference;
mod text;

use crate::node::{Node, Value};
use crate::problem::{Mark, Place};
use crate::scope::{Fault, Outcome, Scope};
use crate::suggest::suggestion;

pub(crate) use reference::split_attribute;

/// AWS: the functions of a template body.
const FUNCTIONS: [&str; 15] = [
    "Fn::Base64",
    "Fn::Cidr",
    "Fn::FindInMap",
    "Fn::GetAZs",
    "Fn::GetAtt",
    "Fn::If",
    "Fn::ImportValue",
    "Fn::Join",
    "Fn::Length",
    "Fn::Select",
    "Fn::Split",
    "Fn::Sub",
    "Fn::ToJsonString",
    "Fn::Transform",
    "Ref",
];

/// Evaluates one function; its own path in `place` is that of the property it stands in.
pub(crate) fn call(
    scope: &Scope<'_>,
    name: &str,
    argument: &Node,
    at: Mark,
    place: &mut Place,
) -> Outcome {
    let call = Call { scope, name, at };
    match name {
        "Ref" => call.reference(argument, place),
        "Fn::GetAtt" => call.get_att(argument, place),
        "Fn::Sub" => call.sub(argument, place),
        "Fn::Join" => call.join(argument, place),
        "Fn::Split" => call.split(argument, place),
        "Fn::Select" => call.select(argument, place),
        "Fn::Base64" => call.base64(argument, place),
        "Fn::Length" => call.length(argument, place),
        "Fn::ToJsonString" => call.to_json_string(argument, place),
        "Fn::If" => call.if_condition(argument, place),
        "Fn::FindInMap" => call.find_in_map(argument, place),
        "Fn::GetAZs" => call.get_azs(argument, place),
        "Fn::Cidr" => call.cidr(argument, place),
        "Fn::ImportValue" => call.import_value(argument, place),
        "Fn::Transform" => call.transform(argument),
        "Fn::Equals" | "Fn::And" | "Fn::Or" | "Fn::Not" => Err(Fault::At(
            at,
            format!("{name} can only be used in Conditions"),
        )),
        "Fn::Contains"
        | "Fn::EachMemberEquals"
        | "Fn::EachMemberIn"
        | "Fn::RefAll"
        | "Fn::ValueOf"
        | "Fn::ValueOfAll" => Err(Fault::At(at, format!("{name} can only be used in Rules"))),
        _ => {
            let near = suggestion(name, &mut FUNCTIONS.iter().copied());
            Err(Fault::At(at, format!("unknown function {name}{near}")))
        }
    }
}

/// One use of a function.
struct Call<'a> {
    scope: &'a Scope<'a>,
    name: &'a str,
    at: Mark,
}

impl Call<'_> {
    fn fault<T>(&self, message: impl Into<String>) -> Result<T, Fault> {
        Err(Fault::At(self.at, message.into()))
    }

    fn value(&self, text: impl Into<String>) -> Outcome {
        Ok(Some(Node::text(self.at, text)))
    }

    /// An argument, evaluated; `AWS::NoValue` is not an argument.
    fn argument(&self, node: &Node, place: &mut Place) -> Result<Node, Fault> {
        match self.scope.evaluate(node, place) {
            Some(value) if value.is_unresolved() => Err(Fault::Reported),
            Some(value) => Ok(value),
            None => Err(Fault::At(
                node.at,
                format!("{} does not take AWS::NoValue", self.name),
            )),
        }
    }

    fn text(&self, node: &Node, place: &mut Place) -> Result<String, Fault> {
        let value = self.argument(node, place)?;
        value.scalar().ok_or_else(|| {
            let message = format!("{} takes text here, found {}", self.name, value.kind());
            Fault::At(node.at, message)
        })
    }

    /// The items of a list argument; those that are `AWS::NoValue` are gone.
    fn list(&self, node: &Node, place: &mut Place) -> Result<Vec<Node>, Fault> {
        let value = self.argument(node, place)?;
        match value.value {
            Value::List(items) if items.iter().any(Node::is_unresolved) => Err(Fault::Reported),
            Value::List(items) => Ok(items),
            _ => {
                let message = format!("{} takes a list here, found {}", self.name, value.kind());
                Err(Fault::At(node.at, message))
            }
        }
    }

    /// The arguments as they are written, when there are `N` of them.
    fn arguments<'n, const N: usize>(
        &self,
        node: &'n Node,
        shape: &str,
    ) -> Result<&'n [Node; N], Fault> {
        match node.items().map(<&[Node; N]>::try_from) {
            Some(Ok(arguments)) => Ok(arguments),
            _ => self.fault(format!("{} takes {shape}", self.name)),
        }
    }

    /// AWS: some functions exist only under the transform `AWS::LanguageExtensions`.
    fn needs_language_extensions(&self) -> Result<(), Fault> {
        if self.scope.has_language_extensions {
            return Ok(());
        }
        self.fault(format!(
            "{} needs Transform: AWS::LanguageExtensions",
            self.name
        ))
    }

    fn if_condition(&self, argument: &Node, place: &mut Place) -> Outcome {
        let [condition, yes, no] =
            self.arguments(argument, "[condition, value if true, value if false]")?;
        let Some(name) = condition.as_text() else {
            return Err(Fault::At(
                condition.at,
                format!(
                    "Fn::If takes the name of a condition first, found {}",
                    condition.kind()
                ),
            ));
        };
        let Some(holds) = self.scope.conditions.get(name) else {
            let mut known = self.scope.conditions.keys().map(String::as_str);
            let near = suggestion(name, &mut known);
            return Err(Fault::At(
                condition.at,
                format!("there is no condition {name}{near}"),
            ));
        };
        Ok(self.scope.evaluate(if *holds { yes } else { no }, place))
    }

    fn find_in_map(&self, argument: &Node, place: &mut Place) -> Outcome {
        let items = argument.items().unwrap_or_default();
        let (map, first, second, default) = match items {
            [map, first, second] => (map, first, second, None),
            [map, first, second, last] if last.entry("DefaultValue").is_some() => {
                self.needs_language_extensions()?;
                (map, first, second, last.get("DefaultValue"))
            }
            _ => return self.fault("Fn::FindInMap takes [map, top level key, second level key]"),
        };
        let path = [
            self.text(map, place)?,
            self.text(first, place)?,
            self.text(second, place)?,
        ];
        let mut found = self.scope.mappings;
        for (depth, key) in path.iter().enumerate() {
            let next = found.and_then(|node| node.get(key));
            if next.is_none() {
                if let Some(default) = default {
                    return Ok(self.scope.evaluate(default, place));
                }
                let keys = found.and_then(Node::entries).unwrap_or_default();
                let near = suggestion(key, &mut keys.iter().map(|entry| entry.key.as_str()));
                let message = match depth {
                    0 => format!("there is no mapping {key}{near}"),
                    _ => format!("mapping {} has no key {key}{near}", path[..depth].join(".")),
                };
                return Err(Fault::At(items[depth].at, message));
            }
            found = next;
        }
        Ok(found.cloned())
    }

    fn get_azs(&self, argument: &Node, place: &mut Place) -> Outcome {
        let named = self.text(argument, place)?;
        let region = if named.is_empty() {
            &self.scope.pseudo.region
        } else {
            &named
        };
        // Zones are made up: which ones an account sees is known to AWS only.
        let zones = ["a", "b", "c"].map(|zone| Node::text(self.at, format!("{region}{zone}")));
        Ok(Some(Node::list(self.at, zones.into())))
    }

    fn import_value(&self, argument: &Node, place: &mut Place) -> Outcome {
        let name = self.text(argument, place)?;
        self.fault(format!(
            "Fn::ImportValue of {name}: exports of other stacks are not available, use a parameter instead"
        ))
    }

    fn transform(&self, argument: &Node) -> Outcome {
        let name = argument
            .get("Name")
            .and_then(Node::as_text)
            .unwrap_or("without a name");
        self.fault(format!(
            "Fn::Transform {name}: macros run on AWS only and are not supported"
        ))
    }
}
