//! Emits structures and the constants of enumerations.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use anyhow::{Result, bail};

use super::model::{Member, Model, Operation, Protocol, Shape};
use super::names::{field, screaming, snake};

/// What requests use, what replies and errors use.
#[derive(Default)]
pub struct Reached {
    /// Shapes below an input.
    pub inputs: BTreeSet<String>,
    /// Shapes below an output or an error.
    pub outputs: BTreeSet<String>,
}

impl Reached {
    pub fn of(model: &Model) -> Result<Self> {
        let mut reached = Self::below(model, model.served().map(|(_, operation)| operation))?;
        for shape in model.shapes.values().filter(|shape| shape.exception) {
            for (_, member) in shape.members()? {
                reach(model, &member.shape, &mut reached.outputs)?;
            }
        }
        Ok(reached)
    }

    /// What these operations reach, without errors.
    pub fn below<'a>(
        model: &Model,
        operations: impl Iterator<Item = &'a Operation>,
    ) -> Result<Self> {
        let mut reached = Self::default();
        for operation in operations {
            for (root, into) in [
                (&operation.input, &mut reached.inputs),
                (&operation.output, &mut reached.outputs),
            ] {
                if let Some(root) = root {
                    reach(model, root, into)?;
                }
            }
        }
        Ok(reached)
    }
}

fn reach(model: &Model, name: &str, into: &mut BTreeSet<String>) -> Result<()> {
    if !into.insert(name.to_owned()) {
        return Ok(());
    }
    let shape = model.shape(name)?;
    for target in [&shape.member, &shape.key, &shape.value]
        .into_iter()
        .flatten()
    {
        reach(model, target, into)?;
    }
    for (_, member) in shape.members()? {
        reach(model, &member.shape, into)?;
    }
    Ok(())
}

/// All structures and enumerations that inputs and outputs reach.
pub fn emit(out: &mut String, protocol: Protocol, model: &Model, reached: &Reached) -> Result<()> {
    for (name, shape) in &model.shapes {
        if !reached.inputs.contains(name) && !reached.outputs.contains(name) {
            continue;
        }
        if shape.kind == "structure" {
            structure(out, protocol, model, name, shape)?;
        } else if !shape.values.is_empty() {
            constants(out, name, shape)?;
        }
    }
    Ok(())
}

fn structure(
    out: &mut String,
    protocol: Protocol,
    model: &Model,
    name: &str,
    shape: &Shape,
) -> Result<()> {
    writeln!(out, "/// `{name}` of the service model.")?;
    writeln!(
        out,
        "#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]"
    )?;
    let members = shape.members()?;
    if members.is_empty() {
        writeln!(out, "pub struct {name} {{}}\n")?;
        return Ok(());
    }
    writeln!(out, "pub struct {name} {{")?;
    for (member_name, member) in &members {
        let required = shape
            .required
            .iter()
            .any(|required| required == member_name);
        let in_body = member.location.is_none();
        writeln!(
            out,
            "/// `{member_name}`{}.",
            facts(model, member, required)?
        )?;
        let mut attributes = Vec::new();
        let rust = field(member_name);
        if shape.payload.as_deref() == Some(*member_name) {
            attributes.push("skip".to_owned());
        } else {
            let wire_name = match &member.location_name {
                Some(name) if in_body => name,
                _ => *member_name,
            };
            if rust.trim_start_matches("r#") != wire_name {
                attributes.push(format!("rename = \"{wire_name}\""));
            }
            if !in_body {
                attributes.push("skip_serializing".to_owned());
            } else if !required {
                attributes.push("skip_serializing_if = \"Option::is_none\"".to_owned());
            }
        }
        if !attributes.is_empty() {
            writeln!(out, "#[serde({})]", attributes.join(", "))?;
        }
        let mut rust_type = rust_type(protocol, model, &member.shape)?;
        if shape.payload.as_deref() == Some(*member_name) {
            rust_type = "Vec<u8>".to_owned();
        } else if !required {
            rust_type = format!("Option<{rust_type}>");
        }
        writeln!(out, "pub {rust}: {rust_type},")?;
    }
    writeln!(out, "}}\n")?;
    Ok(())
}

fn facts(model: &Model, member: &Member, required: bool) -> Result<String> {
    let shape = model.shape(&member.shape)?;
    let mut facts = String::new();
    if required {
        facts.push_str(", required");
    }
    if !shape.values.is_empty() {
        write!(facts, "; see [`{}`]", snake(&member.shape))?;
    }
    let unit = match shape.kind.as_str() {
        "string" if counts_bytes(&member.shape) => "bytes",
        "string" => "characters",
        "list" => "elements",
        _ => "as value",
    };
    match (shape.min, shape.max) {
        (Some(min), Some(max)) => write!(facts, "; {min} to {max} {unit}")?,
        (None, Some(max)) => write!(facts, "; at most {max} {unit}")?,
        (Some(min), None) => write!(facts, "; at least {min} {unit}")?,
        (None, None) => {}
    }
    Ok(facts)
}

/// The Rust type of an instant, which each protocol writes in its own way.
///
/// - `name`: of the shape; API Gateway's says when it is written otherwise.
pub fn timestamp_type(protocol: Protocol, name: &str) -> &'static str {
    match protocol {
        Protocol::Rest if name.ends_with("Iso8601") => "DateTime",
        Protocol::Json | Protocol::Rest | Protocol::Rpc => "EpochSeconds",
        Protocol::Query => "DateTime",
    }
}

/// The Rust type of a shape.
pub fn rust_type(protocol: Protocol, model: &Model, name: &str) -> Result<String> {
    let shape = model.shape(name)?;
    Ok(
        match (shape.kind.as_str(), &shape.member, &shape.key, &shape.value) {
            ("string", ..) => "String".to_owned(),
            ("integer", ..) => "i32".to_owned(),
            ("long", ..) => "i64".to_owned(),
            ("float", ..) => "f32".to_owned(),
            ("double", ..) => "f64".to_owned(),
            ("boolean", ..) => "bool".to_owned(),
            ("timestamp", ..) => timestamp_type(protocol, name).to_owned(),
            ("blob", ..) => "Blob".to_owned(),
            ("structure", ..) => name.to_owned(),
            ("list", Some(member), ..) => format!("Vec<{}>", rust_type(protocol, model, member)?),
            ("map", _, Some(_), Some(value)) => {
                format!("BTreeMap<String, {}>", rust_type(protocol, model, value)?)
            }
            (kind, ..) => bail!("the shape {name} has the unknown type {kind}"),
        },
    )
}

/// AWS: payloads are measured in bytes of UTF-8, everything else in characters.
pub fn counts_bytes(name: &str) -> bool {
    matches!(name, "SensitiveData" | "SensitiveDataJobInput")
}

fn constants(out: &mut String, name: &str, shape: &Shape) -> Result<()> {
    writeln!(out, "/// Values of `{name}` in the service model.")?;
    writeln!(out, "pub mod {} {{", snake(name))?;
    for value in &shape.values {
        writeln!(out, "/// `{value}`.")?;
        writeln!(out, "pub const {}: &str = {value:?};", screaming(value))?;
    }
    writeln!(out, "}}\n")?;
    Ok(())
}
