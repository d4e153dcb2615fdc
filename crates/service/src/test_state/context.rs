//! The context object that a test gives to its state.

use serde_json::{Map, Value, json};
use stepwell_api::states;
use stepwell_engine::Payload;

/// A member of the context object and the JSON type that it must have.
struct Member {
    name: &'static str,
    kind: Kind,
}

#[derive(Clone, Copy)]
enum Kind {
    Text,
    Number,
    Any,
}

const fn member(name: &'static str, kind: Kind) -> Member {
    Member { name, kind }
}

/// Source: Step Functions Developer Guide, "Accessing execution data from the Context object".
const OBJECTS: [(&str, &[Member]); 4] = [
    (
        "Execution",
        &[
            member("Id", Kind::Text),
            member("Input", Kind::Any),
            member("Name", Kind::Text),
            member("RoleArn", Kind::Text),
            member("StartTime", Kind::Text),
            member("RedriveCount", Kind::Number),
            member("RedriveTime", Kind::Text),
        ],
    ),
    (
        "State",
        &[
            member("EnteredTime", Kind::Text),
            member("Name", Kind::Text),
            member("RetryCount", Kind::Number),
        ],
    ),
    (
        "StateMachine",
        &[member("Id", Kind::Text), member("Name", Kind::Text)],
    ),
    ("Task", &[member("Token", Kind::Text)]),
];

/// The context object in `text`; what is absent from it stays absent.
///
/// - Errors: `ValidationException` with AWS's words.
pub(super) fn read(text: &str) -> Result<Value, states::Error> {
    check(text).map_err(|problem| {
        states::Error::validation_exception(format!("Invalid Context object provided: {problem}"))
    })
}

fn check(text: &str) -> Result<Value, String> {
    let context: Value =
        serde_json::from_str(text).map_err(|_| "must be a valid JSON object".to_string())?;
    let Value::Object(objects) = &context else {
        return Err("must be a valid JSON object".to_string());
    };
    for (name, value) in objects {
        let Some((_, members)) = OBJECTS.iter().find(|(known, _)| known == name) else {
            return Err(format!(
                "'{name}' field is not supported when mocking a Context object"
            ));
        };
        let Value::Object(given) = value else {
            return Err(format!("{name} must be an object"));
        };
        check_members(name, members, given)?;
    }
    Ok(context)
}

fn check_members(
    object: &str,
    members: &[Member],
    given: &Map<String, Value>,
) -> Result<(), String> {
    for member in members {
        let Some(value) = given.get(member.name) else {
            continue;
        };
        let expected = match member.kind {
            Kind::Text if !value.is_string() => "a string",
            Kind::Number if !value.is_number() => "a number",
            _ => continue,
        };
        return Err(format!("{object}.{} must be {expected}", member.name));
    }
    Ok(())
}

/// `Map.Item` of a state inside a Map.
///
/// AWS: such a state is tested as if its input were the first item of the Map.
pub(super) fn map_item(input: &Payload) -> Value {
    json!({ "Index": 0, "Value": input.value() })
}
