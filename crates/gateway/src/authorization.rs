//! Who may call a route. What is not built here is refused: a route is never open by accident.

use serde_json::{Map, Value};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Authorization {
    Open,
    /// Signed requests, with whatever credentials the server takes.
    Iam,
}

impl Authorization {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Authorization::Open => "NONE",
            Authorization::Iam => "AWS_IAM",
        }
    }

    /// What an operation of a document asks for.
    pub(crate) fn of(document: &Value, operation: &Map<String, Value>) -> Result<Self, String> {
        if let Some(auth) = operation.get("x-amazon-apigateway-auth") {
            return match auth["type"]
                .as_str()
                .map(str::to_ascii_uppercase)
                .as_deref()
            {
                Some("NONE") => Ok(Authorization::Open),
                Some("AWS_IAM") => Ok(Authorization::Iam),
                _ => Err(format!("x-amazon-apigateway-auth {auth} is not built")),
            };
        }
        let security = operation.get("security").or(document.get("security"));
        let Some(security) = security else {
            return Ok(Authorization::Open);
        };
        let Value::Array(choices) = security else {
            return Err("security must be a list".to_owned());
        };
        let mut found = Authorization::Open;
        for choice in choices {
            let Value::Object(schemes) = choice else {
                return Err("security must be a list of objects".to_owned());
            };
            for name in schemes.keys() {
                scheme(document, name)?;
                found = Authorization::Iam;
            }
        }
        Ok(found)
    }
}

/// A scheme that is built: signatures of AWS.
fn scheme(document: &Value, name: &str) -> Result<(), String> {
    let schemes = [
        document.pointer("/components/securitySchemes"),
        document.get("securityDefinitions"),
    ];
    let scheme = schemes.into_iter().flatten().find_map(|all| all.get(name));
    let Some(scheme) = scheme else {
        return Err(format!("the security scheme '{name}' is not defined"));
    };
    let kind = scheme["x-amazon-apigateway-authtype"]
        .as_str()
        .unwrap_or_default();
    if kind.eq_ignore_ascii_case("awsSigv4") {
        return Ok(());
    }
    let authorizer = &scheme["x-amazon-apigateway-authorizer"];
    let what = match (authorizer["type"].as_str(), scheme["type"].as_str()) {
        (Some(kind), _) => format!("an authorizer of type {kind}"),
        (None, Some("apiKey")) => "API keys".to_owned(),
        (None, Some(kind)) => format!("a scheme of type {kind}"),
        (None, None) => "a scheme without a type".to_owned(),
    };
    Err(format!(
        "the security scheme '{name}': {what} is not built; AWS_IAM and NONE are"
    ))
}
