//! The text of one service in the catalogue; its form is described where it is read, in
//! `crates/api/src/catalogue/parse.rs`.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Number;

use super::super::names::lower_first;
use super::service::{Model, Operation, Reference, Shape};

/// AWS: actions of the SDK that Step Functions does not call (developer guide, "Unsupported API
/// actions for supported services"), where they are not left out as streams.
const UNSUPPORTED: [(&str, &str); 10] = [
    ("comprehendmedical", "DetectEntities"),
    ("efs", "CreateTags"),
    ("emr", "DescribeJobFlows"),
    ("iotdeviceadvisor", "ListTestCases"),
    ("lambda", "InvokeAsync"),
    ("mediapackage", "RotateChannelCredentials"),
    ("rdsdata", "ExecuteSql"),
    ("s3", "SelectObjectContent"),
    ("s3control", "SelectObjectContent"),
    ("shield", "DeleteSubscription"),
];

/// The text of the service.
pub fn write(model: &Model) -> Result<String> {
    let service = model.integration_name();
    let mut writer = Writer {
        shapes: &model.shapes,
        numbers: BTreeMap::new(),
        text: String::new(),
    };
    for (name, operation) in &model.operations {
        if is_stream(model, operation) || UNSUPPORTED.contains(&(&service, name)) {
            continue;
        }
        writer.text += &lower_first(name);
        for shape in [&operation.output, &operation.input] {
            writer.text.push(' ');
            match shape {
                Some(shape) => writer
                    .shape(&shape.shape)
                    .with_context(|| format!("the operation {name}"))?,
                None => writer.text.push('-'),
            }
        }
        writer.text.push('\n');
    }
    Ok(writer.text)
}

/// The names of the actions in a service's text, with a blank between them.
pub fn action_names(text: &str) -> String {
    let names = text.lines().filter_map(|line| line.split(' ').next());
    names.collect::<Vec<_>>().join(" ")
}

/// Whether events flow instead of one request and one reply. A task has no use for that.
fn is_stream(model: &Model, operation: &Operation) -> bool {
    let shapes = [&operation.input, &operation.output];
    shapes.into_iter().flatten().any(|shape| {
        let members = model.shapes.get(&shape.shape).map(|shape| &shape.members);
        members
            .into_iter()
            .flat_map(|members| members.values())
            .filter_map(|member| model.shapes.get(member["shape"].as_str()?))
            .any(|member| member.eventstream)
    })
}

struct Writer<'a> {
    shapes: &'a BTreeMap<String, Shape>,
    numbers: BTreeMap<&'a str, usize>,
    text: String,
}

impl<'a> Writer<'a> {
    fn shape(&mut self, name: &str) -> Result<()> {
        let (name, shape) = self
            .shapes
            .get_key_value(name)
            .with_context(|| format!("there is no shape {name}"))?;
        let is_numbered = matches!(shape.kind.as_str(), "structure" | "list" | "map")
            || !shape.allowed.is_empty();
        if is_numbered && !shape.document {
            if let Some(number) = self.numbers.get(name.as_str()) {
                self.text += &format!("#{number}");
                return Ok(());
            }
            self.numbers.insert(name, self.numbers.len());
        }
        match shape.kind.as_str() {
            "structure" if shape.document => self.text.push('o'),
            "structure" => self.structure(shape)?,
            "list" => {
                self.text.push('[');
                self.reference(shape.member.as_ref())?;
                self.text.push(']');
                self.bounds(shape);
            }
            "map" => {
                self.text.push('(');
                self.reference(shape.key.as_ref())?;
                self.text.push(' ');
                self.reference(shape.value.as_ref())?;
                self.text.push(')');
            }
            "string" | "character" if !shape.allowed.is_empty() => self.allowed(shape)?,
            kind => {
                self.text.push(match kind {
                    "string" | "character" => 't',
                    "integer" | "long" | "float" | "double" => 'n',
                    "boolean" => 'b',
                    "blob" => 'B',
                    "timestamp" => 'd',
                    _ => bail!("{name} has the type {kind}"),
                });
                self.bounds(shape);
            }
        }
        Ok(())
    }

    fn structure(&mut self, shape: &'a Shape) -> Result<()> {
        self.text.push('{');
        for (index, (name, member)) in shape.members.iter().enumerate() {
            if index > 0 {
                self.text.push(' ');
            }
            self.text += name;
            if shape.required.contains(name) {
                self.text.push('!');
            }
            self.text.push('=');
            let target = member["shape"].as_str();
            self.shape(target.with_context(|| format!("{name} has no shape"))?)?;
        }
        self.text.push('}');
        Ok(())
    }

    fn reference(&mut self, reference: Option<&Reference>) -> Result<()> {
        self.shape(&reference.context("a collection has no member")?.shape)
    }

    fn allowed(&mut self, shape: &Shape) -> Result<()> {
        for value in &shape.allowed {
            ensure!(
                !value.contains(['|', '<', '>', '\n']),
                "{value} would end the list of allowed values"
            );
        }
        self.text += &format!("e<{}>", shape.allowed.join("|"));
        Ok(())
    }

    fn bounds(&mut self, shape: &Shape) {
        if shape.min.is_none() && shape.max.is_none() {
            return;
        }
        let bound = |number: &Option<Number>| number.as_ref().map(Number::to_string);
        let (min, max) = (bound(&shape.min), bound(&shape.max));
        write!(
            self.text,
            "{}:{}",
            min.unwrap_or_default(),
            max.unwrap_or_default()
        )
        .expect("writing to a text does not fail");
    }
}

#[cfg(test)]
mod tests {
    use super::{action_names, write};

    #[test]
    fn a_service_is_a_line_for_each_action() {
        let model = serde_json::from_str(
            r#"{
              "metadata": {"serviceId": "Queue", "endpointPrefix": "queue"},
              "operations": {
                "Send": {"input": {"shape": "In"}, "output": {"shape": "Out"}},
                "Drop": {"input": {"shape": "In"}},
                "Watch": {"output": {"shape": "Events"}}
              },
              "shapes": {
                "In": {"type": "structure", "required": ["Body"],
                  "members": {"Body": {"shape": "Body"}, "Next": {"shape": "In"}, "Kind": {"shape": "Kind"}}},
                "Out": {"type": "structure", "members": {"At": {"shape": "Time"}, "Tags": {"shape": "Tags"}}},
                "Body": {"type": "string", "min": 1, "max": 256},
                "Kind": {"type": "string", "enum": ["FIFO", "PLAIN"]},
                "Tags": {"type": "map", "key": {"shape": "Body"}, "value": {"shape": "Kinds"}},
                "Kinds": {"type": "list", "member": {"shape": "Kind"}, "max": 10},
                "Time": {"type": "timestamp"},
                "Events": {"type": "structure", "members": {"Stream": {"shape": "Stream"}}},
                "Stream": {"type": "structure", "eventstream": true}
              }
            }"#,
        )
        .expect("the model is JSON");
        let text = write(&model).expect("the model is whole");
        assert_eq!(
            text,
            "drop - {Body!=t1:256 Next=#0 Kind=e<FIFO|PLAIN>}\n\
             send {At=d Tags=(t1:256 [#1]:10)} #0\n"
        );
        assert_eq!(action_names(&text), "drop send");
    }
}
