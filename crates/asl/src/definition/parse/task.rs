//! Fields of a Task state.

use super::fields::Fields;
use super::{Parser, resource};
use crate::definition::{
    Pattern, Quantity, QuantitySource, QueryLanguage, Resource, Task, Template,
};

impl Parser<'_> {
    pub(super) fn task(&mut self, fields: Fields<'_>) -> Option<Task> {
        let resource = fields
            .require(&["Resource"], self.report)
            .then(|| self.resource(fields))
            .flatten();
        if let Some(resource) = &resource {
            self.call(fields, resource);
        }
        let timeout = self.seconds(fields, "TimeoutSeconds", "TimeoutSecondsPath", 1);
        let heartbeat = self.seconds(fields, "HeartbeatSeconds", "HeartbeatSecondsPath", 1);
        if let (Some(timeout), Some(heartbeat)) =
            (literal(timeout.as_ref()), literal(heartbeat.as_ref()))
            && heartbeat >= timeout
        {
            let message = format!(
                "HeartbeatSeconds {heartbeat} must be smaller than TimeoutSeconds {timeout}"
            );
            self.report.schema(&fields.at("HeartbeatSeconds"), message);
        }
        let credentials = self.credentials(fields);
        Some(Task {
            resource: resource?,
            timeout,
            heartbeat,
            credentials,
        })
    }

    fn resource(&mut self, fields: Fields<'_>) -> Option<Resource> {
        let text = fields.text("Resource", self.report)?;
        let pointer = fields.at("Resource");
        if !text.starts_with("arn:") {
            self.report
                .schema(&pointer, "Value is not a valid resource ARN");
            return None;
        }
        let Some(resource) = resource::parse(text, &mut self.actions) else {
            self.report.schema(
                &pointer,
                format!(
                    "The resource provided {text} is not recognized. The value is not a valid resource ARN, or the \
                     resource is not available in this region."
                ),
            );
            return None;
        };
        if self.is_express() {
            match &resource {
                Resource::Activity { .. } => {
                    self.report.schema(
                        &pointer,
                        "Express state machine does not support Activity ARN",
                    );
                }
                Resource::Integration { pattern, .. } if *pattern != Pattern::RequestResponse => {
                    // AWS: the blank at the end is the service's own.
                    let suffix = pattern.suffix();
                    let message = format!(
                        "Express state machine does not support '{suffix}' service integration "
                    );
                    self.report.schema(&pointer, message);
                }
                Resource::Integration { .. } | Resource::Function { .. } => {}
            }
        }
        Some(resource)
    }

    /// What an integration sends; only functions and activities take the state's input as it is.
    fn call(&mut self, fields: Fields<'_>, resource: &Resource) {
        let field = match fields.language {
            QueryLanguage::JsonPath => "Parameters",
            QueryLanguage::Jsonata => "Arguments",
        };
        let Resource::Integration { arn, .. } = resource else {
            return;
        };
        let Some(parameters) = fields.get(field) else {
            let message = format!("{field} field is required for resource ARN: {arn}");
            self.report.schema(fields.pointer, message);
            return;
        };
        for message in (self.check_call)(arn, parameters) {
            self.report.schema(&fields.at(field), message);
        }
    }

    /// `Credentials`: the role and nothing else.
    fn credentials(&mut self, fields: Fields<'_>) -> Option<Template> {
        let object = fields.object("Credentials", self.report)?;
        let pointer = fields.at("Credentials");
        let credentials = Fields {
            object,
            pointer: &pointer,
            language: fields.language,
        };
        let names: &[&str] = match fields.language {
            QueryLanguage::JsonPath => &["RoleArn", "RoleArn.$"],
            QueryLanguage::Jsonata => &["RoleArn"],
        };
        if !names.iter().any(|name| credentials.has(name)) {
            self.report
                .schema(&pointer, "The field 'RoleArn' is required but was missing");
            return None;
        }
        credentials.allow_only(names, self.report);
        credentials.text("RoleArn", self.report);
        self.template(fields, "Credentials")
    }
}

fn literal(quantity: Option<&Quantity>) -> Option<f64> {
    match quantity?.source {
        QuantitySource::Literal(number) => Some(number),
        QuantitySource::Path(_) | QuantitySource::Jsonata(_) => None,
    }
}
