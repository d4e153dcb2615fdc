//! What a task asks of a service, and what it gets: parameters become a request, a reply becomes a result.

use serde_json::{Map, Value};

use super::name::{self, Naming};
use super::{Member, Service, Shape, ShapeId};

/// How a result shows a timestamp, given in milliseconds since the epoch.
pub type ShownTimestamp<'a> = &'a dyn Fn(i64) -> Value;

impl Service {
    /// The JSON request that a task's `parameters` ask for, in the names of the service's model.
    ///
    /// - A member that is `null` is left out. Where the model has a text, an object or array is sent as its JSON
    ///   text, as AWS does.
    /// - Required members of optimized integrations are checked; all other constraints are the service's to check.
    /// - Errors: AWS's texts of everything that is wrong.
    /// - Panics: the action is not in the catalogue.
    pub fn request(
        &self,
        action: &str,
        naming: Naming,
        parameters: &Map<String, Value>,
    ) -> Result<Value, Vec<String>> {
        let mut call = Call {
            service: self,
            naming,
            wrong: Vec::new(),
        };
        let input = self
            .action(action)
            .expect("definitions name actions of the catalogue")
            .input;
        let members = input.map_or(&[][..], |input| self.members(input));
        if naming == Naming::Optimized {
            call.required(members, parameters);
        }
        let request = call.structure(members, parameters);
        if call.wrong.is_empty() {
            Ok(request)
        } else {
            Err(call.wrong)
        }
    }

    /// The result of a task whose action replied with `reply`.
    ///
    /// - Members are named as the integration names them, sorted, and those that the model does not have are left out.
    /// - Panics: the action is not in the catalogue.
    pub fn result(
        &self,
        action: &str,
        naming: Naming,
        reply: Value,
        timestamp: ShownTimestamp,
    ) -> Value {
        let output = self
            .action(action)
            .expect("definitions name actions of the catalogue")
            .output;
        match output {
            Some(output) => self.shown(output, naming, reply, timestamp),
            None => Value::Object(Map::new()),
        }
    }

    fn members(&self, shape: ShapeId) -> &[Member] {
        match self.shape(shape) {
            Shape::Structure { members } => members,
            _ => &[],
        }
    }

    fn shown(
        &self,
        shape: ShapeId,
        naming: Naming,
        value: Value,
        timestamp: ShownTimestamp,
    ) -> Value {
        match (self.shape(shape), value) {
            (Shape::Structure { members }, Value::Object(mut fields)) => {
                let mut shown: Vec<(String, Value)> = Vec::new();
                for member in members {
                    if let Some(value) = fields.remove(&member.name) {
                        let value = self.shown(member.shape, naming, value, timestamp);
                        shown.push((name::member(&member.name, naming), value));
                    }
                }
                // AWS: results are sorted by name (recorded in every history with one).
                shown.sort_by(|one, other| one.0.cmp(&other.0));
                Value::Object(shown.into_iter().collect())
            }
            (Shape::List { member, .. }, Value::Array(items)) => items
                .into_iter()
                .map(|item| self.shown(*member, naming, item, timestamp))
                .collect(),
            (Shape::Map { value }, Value::Object(entries)) => {
                let shown = |(key, entry)| (key, self.shown(*value, naming, entry, timestamp));
                Value::Object(entries.into_iter().map(shown).collect())
            }
            (Shape::Timestamp, Value::Number(seconds)) => {
                let ms = seconds.as_f64().unwrap_or_default() * 1_000.0;
                timestamp(ms.round() as i64)
            }
            (_, value) => value,
        }
    }
}

struct Call<'a> {
    service: &'a Service,
    naming: Naming,
    wrong: Vec<String>,
}

impl Call<'_> {
    fn structure(&mut self, members: &[Member], fields: &Map<String, Value>) -> Value {
        let mut request = Map::new();
        for (field, value) in fields {
            let named = |member: &&Member| name::member(&member.name, self.naming) == *field;
            let Some(member) = members.iter().find(named) else {
                self.wrong.push(format!(
                    "The field \"{field}\" is not supported by Step Functions"
                ));
                continue;
            };
            if !value.is_null() {
                let value = self.value(field, value, member.shape);
                request.insert(member.name.clone(), value);
            }
        }
        Value::Object(request)
    }

    fn required(&mut self, members: &[Member], fields: &Map<String, Value>) {
        for member in members.iter().filter(|member| member.is_required) {
            let field = name::member(&member.name, self.naming);
            if fields.get(&field).is_none_or(Value::is_null) {
                self.wrong
                    .push(format!("The field '{field}' is required but was missing"));
            }
        }
    }

    fn value(&mut self, field: &str, value: &Value, shape: ShapeId) -> Value {
        let service = self.service;
        let expected = match (service.shape(shape), value) {
            (Shape::Structure { members }, Value::Object(fields)) => {
                return self.structure(members, fields);
            }
            (Shape::List { member, .. }, Value::Array(items)) => {
                let items = items.iter().map(|item| self.value(field, item, *member));
                return items.collect();
            }
            (Shape::Map { value: shape }, Value::Object(entries)) => {
                let entry =
                    |(key, entry): (&String, &Value)| (key.clone(), self.value(key, entry, *shape));
                return Value::Object(entries.iter().map(entry).collect());
            }
            (
                Shape::Text { .. } | Shape::Enumeration { .. },
                Value::Object(_) | Value::Array(_),
            ) => return Value::String(value.to_string()),
            (
                Shape::Text { .. }
                | Shape::Enumeration { .. }
                | Shape::Blob { .. }
                | Shape::Timestamp,
                Value::String(_),
            )
            | (Shape::Number { .. }, Value::Number(_))
            | (Shape::Boolean, Value::Bool(_))
            | (Shape::Document, _) => return value.clone(),
            (Shape::Structure { .. } | Shape::Map { .. }, _) => "an OBJECT",
            (Shape::List { .. }, _) => "an ARRAY",
            (Shape::Number { .. }, _) => "a NUMBER",
            (Shape::Boolean, _) => "a BOOLEAN",
            (
                Shape::Text { .. }
                | Shape::Enumeration { .. }
                | Shape::Blob { .. }
                | Shape::Timestamp,
                _,
            ) => "a STRING",
        };
        self.wrong.push(format!(
            "The value for the field '{field}' must be {expected}"
        ));
        Value::Null
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::catalogue::{Naming, Service};

    fn request(action: &str, parameters: &Value) -> Result<Value, Vec<String>> {
        let service = Service::find("sfn").expect("it is known");
        let parameters = parameters.as_object().expect("an object");
        service.request(action, Naming::Sdk, parameters)
    }

    #[test]
    fn parameters_become_a_request_in_the_names_of_the_model() {
        let parameters = json!({
            "StateMachineArn": "arn", "Input": {"a": [1]}, "Name": null,
        });
        assert_eq!(
            request("startExecution", &parameters),
            Ok(json!({ "stateMachineArn": "arn", "input": "{\"a\":[1]}" }))
        );
        let parameters = json!({
            "ResourceArn": "arn", "Tags": [{"Key": "k", "Value": "v"}],
        });
        assert_eq!(
            request("tagResource", &parameters),
            Ok(json!({ "resourceArn": "arn", "tags": [{"key": "k", "value": "v"}] }))
        );
    }

    #[test]
    fn everything_that_is_wrong_with_parameters_is_said() {
        let service = Service::find("sfn").expect("it is known");
        let parameters = json!({ "input": "{}", "Name": 5 });
        let parameters = parameters.as_object().expect("an object");
        assert_eq!(
            service.request("startExecution", Naming::Optimized, parameters),
            Err(vec![
                "The field 'StateMachineArn' is required but was missing".to_owned(),
                "The field \"input\" is not supported by Step Functions".to_owned(),
                "The value for the field 'Name' must be a STRING".to_owned(),
            ])
        );
    }

    #[test]
    fn a_reply_becomes_a_result_sorted_and_with_its_instants_shown() {
        let service = Service::find("sfn").expect("it is known");
        let reply = json!({
            "startDate": 1.5, "executionArn": "arn", "inputDetails": {"included": true}, "other": 1,
        });
        let result = service.result("describeExecution", Naming::Sdk, reply, &|ms| json!(ms));
        assert_eq!(
            result.to_string(),
            r#"{"ExecutionArn":"arn","InputDetails":{"Included":true},"StartDate":1500}"#
        );
    }

    #[test]
    fn names_that_are_data_stay_as_they_are() {
        let service = Service::find("sfn").expect("it is known");
        let reply = json!({ "variableReferences": {"my state": ["x"]} });
        let result = service.result("describeStateMachine", Naming::Sdk, reply, &|ms| json!(ms));
        assert_eq!(result, json!({ "VariableReferences": {"my state": ["x"]} }));
    }
}
