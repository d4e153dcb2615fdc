//! Documents put together, and without what is API Gateway's.

use serde_json::{Map, Value};

/// Levels that [`without_extensions`] goes down; a document has no more.
const DEPTH_MAX: usize = 200;

/// `PutRestApi` with mode `merge`: what the new document says replaces what the old one said, method by method.
pub fn merged(old: &Value, new: &Value) -> Value {
    let mut merged = old.clone();
    for (name, value) in new.as_object().into_iter().flatten() {
        match (name.as_str(), merged.get_mut(name)) {
            ("paths", Some(Value::Object(paths))) => merge_paths(paths, value),
            (
                "components" | "definitions" | "securityDefinitions",
                Some(Value::Object(members)),
            ) => merge_members(members, value, 1),
            _ => merged[name] = value.clone(),
        }
    }
    merged
}

fn merge_paths(paths: &mut Map<String, Value>, new: &Value) {
    for (path, methods) in new.as_object().into_iter().flatten() {
        match paths.get_mut(path) {
            Some(Value::Object(old)) => merge_members(old, methods, 0),
            _ => drop(paths.insert(path.clone(), methods.clone())),
        }
    }
}

/// - `levels`: how far down members are put together instead of replaced.
fn merge_members(old: &mut Map<String, Value>, new: &Value, levels: usize) {
    for (name, value) in new.as_object().into_iter().flatten() {
        match old.get_mut(name) {
            Some(Value::Object(inner)) if levels > 0 => merge_members(inner, value, levels - 1),
            _ => drop(old.insert(name.clone(), value.clone())),
        }
    }
}

/// The document that says nothing of how it is carried out.
pub fn without_extensions(document: &Value) -> Value {
    stripped(document, DEPTH_MAX)
}

fn stripped(value: &Value, levels: usize) -> Value {
    match value {
        Value::Object(members) if levels > 0 => {
            let kept = members
                .iter()
                .filter(|(name, _)| !name.starts_with("x-amazon-apigateway-"));
            kept.map(|(name, value)| (name.clone(), stripped(value, levels - 1)))
                .collect()
        }
        Value::Array(items) if levels > 0 => items
            .iter()
            .map(|item| stripped(item, levels - 1))
            .collect(),
        other => other.clone(),
    }
}
