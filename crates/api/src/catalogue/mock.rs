//! Mocked results of a state under test, held against the model of what the task calls.

use serde_json::{Map, Value};

use super::integration;
use super::name::{self, Naming};
use super::{Bounds, Member, Service, Shape, ShapeId};
use crate::states::mock_response_validation_mode as mode;

/// How a mocked result is held against the model: TestState's `fieldValidationMode`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FieldValidation {
    /// Required members must be there, and what is there must conform.
    #[default]
    Strict,
    /// What is there must conform.
    Present,
    /// Nothing is checked.
    None,
}

impl FieldValidation {
    /// The mode of a request; `STRICT` where it names none.
    pub fn of(mode: Option<&str>) -> Self {
        match mode {
            Some(mode::PRESENT) => Self::Present,
            Some(mode::NONE) => Self::None,
            _ => Self::Strict,
        }
    }
}

/// Holds the mocked result of a task against what the called action replies.
///
/// - `resource`: the task's `Resource`. A `.sync` task is held against the action that is polled.
///   Results that no model describes are fine whatever they are: those of functions, activities,
///   callbacks, HTTP and API Gateway calls, `eks:call`, `eks:runJob`.
/// - Members that the model does not know are ignored in every mode, also those in another case.
/// - Errors: AWS's text of the first violation, in the order of the model.
/// - Source: developer guide, "Testing state machines with TestState"; API reference, `MockInput`.
pub fn check_mock_result(
    resource: &str,
    result: &Value,
    mode: FieldValidation,
) -> Result<(), String> {
    if mode == FieldValidation::None {
        return Ok(());
    }
    let Some(integration) = integration::parse(resource) else {
        return Ok(());
    };
    let Some(source) = integration.result() else {
        return Ok(());
    };
    let Some(service) = Service::find(source.service) else {
        return Ok(());
    };
    let Some(output) = service
        .action(source.action)
        .and_then(|action| action.output)
    else {
        return Ok(());
    };
    let Value::Object(fields) = result else {
        return Err("Mocked result must be a JSON object.".to_owned());
    };
    let check = Check {
        service: &service,
        mode,
        naming: integration.naming,
    };
    let Shape::Structure { members } = service.shape(output) else {
        return Ok(());
    };
    check
        .members(members, fields, source.free)
        .map_err(|violation| format!("Mock result schema validation error: {violation}"))
}

struct Check<'a> {
    service: &'a Service,
    mode: FieldValidation,
    naming: Naming,
}

impl Check<'_> {
    fn members(
        &self,
        members: &[Member],
        fields: &Map<String, Value>,
        free: &[&str],
    ) -> Result<(), String> {
        let mut present = vec![None; members.len()];
        for (name, value) in fields {
            let is_named = |member: &Member| name::is_member(&member.name, name, self.naming);
            if let Some(index) = members.iter().position(is_named) {
                present[index] = Some((name.as_str(), value));
            }
        }
        for (member, field) in members.iter().zip(present) {
            match field {
                Some((name, _)) if free.contains(&name) => {}
                Some((name, value)) => self.value(name, value, member.shape)?,
                None if member.is_required && self.mode == FieldValidation::Strict => {
                    let name = name::member(&member.name, self.naming);
                    return Err(format!("Required field '{name}' is missing"));
                }
                None => {}
            }
        }
        Ok(())
    }

    /// `name` is that of the innermost member that holds the value.
    fn value(&self, name: &str, value: &Value, shape: ShapeId) -> Result<(), String> {
        match self.service.shape(shape) {
            Shape::Structure { members } => {
                let fields = value.as_object().ok_or_else(|| wrong(name, "an object"))?;
                self.members(members, fields, &[])
            }
            Shape::List { member, length } => {
                let items = value.as_array().ok_or_else(|| wrong(name, "an array"))?;
                check_length(name, items.len(), *length)?;
                let mut items = items.iter();
                items.try_for_each(|item| self.value(name, item, *member))
            }
            Shape::Map { value: shape } => {
                let entries = value.as_object().ok_or_else(|| wrong(name, "an object"))?;
                let mut entries = entries.iter();
                entries.try_for_each(|(key, value)| self.value(key, value, *shape))
            }
            Shape::Text { length } | Shape::Blob { length } => {
                let text = value.as_str().ok_or_else(|| wrong(name, "a string"))?;
                check_length(name, text.chars().count(), *length)
            }
            Shape::Enumeration { allowed } => {
                let text = value.as_str().ok_or_else(|| wrong(name, "a string"))?;
                if allowed.iter().any(|allowed| allowed == text) {
                    return Ok(());
                }
                Err(format!("Field '{name}' is not an expected value"))
            }
            Shape::Number { value: bounds } => {
                let number = value.as_f64().ok_or_else(|| wrong(name, "a number"))?;
                if bounds.min.is_some_and(|min| number < min) {
                    return Err(format!("Field '{name}' is less than the minimum value"));
                }
                if bounds.max.is_some_and(|max| number > max) {
                    return Err(format!("Field '{name}' is greater than the maximum value"));
                }
                Ok(())
            }
            Shape::Boolean if value.is_boolean() => Ok(()),
            Shape::Boolean => Err(wrong(name, "a boolean")),
            // AWS: a task sees an instant as text; its form is not checked.
            Shape::Timestamp if value.is_string() => Ok(()),
            Shape::Timestamp => Err(wrong(name, "a string")),
            Shape::Document => Ok(()),
        }
    }
}

fn wrong(name: &str, kind: &str) -> String {
    format!("Field '{name}' must be {kind}")
}

fn check_length(name: &str, length: usize, bounds: Bounds) -> Result<(), String> {
    let length = length as f64;
    if bounds.min.is_some_and(|min| length < min) {
        return Err(format!("Field '{name}' is smaller than the minimum length"));
    }
    if bounds.max.is_some_and(|max| length > max) {
        return Err(format!("Field '{name}' is larger than the maximum length"));
    }
    Ok(())
}
