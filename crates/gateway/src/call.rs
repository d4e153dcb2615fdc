//! What a front is asked, what it asks for, and what it answers.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// Headers of a response.
///
/// More are cut off: a function cannot make the server write without end.
pub const HEADERS_MAX: usize = 200;

/// Operations of Step Functions that an integration may name.
pub const SERVICE_OPERATIONS: [&str; 8] = [
    "StartExecution",
    "StartSyncExecution",
    "DescribeExecution",
    "StopExecution",
    "SendTaskSuccess",
    "SendTaskFailure",
    "SendTaskHeartbeat",
    "ListExecutions",
];

/// One HTTP request, read whole.
#[derive(Debug, Clone)]
pub struct HttpRequest {
    /// Upper case.
    pub method: String,
    /// As it was sent, without the part that names the API and its stage; begins with `/`.
    pub path: String,
    /// As it was sent, without `?`.
    pub query: String,
    /// In order; names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    pub source_ip: String,
}

impl HttpRequest {
    /// The last value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut found = self.headers.iter().rev();
        found
            .find(|(header, _)| header == name)
            .map(|(_, value)| value.as_str())
    }

    /// Whether it is signed as AWS requests are.
    pub(crate) fn is_signed(&self) -> bool {
        let in_header = self
            .header("authorization")
            .is_some_and(|value| value.starts_with("AWS4-HMAC-SHA256 "));
        in_header
            || self
                .query
                .split('&')
                .any(|pair| pair.starts_with("X-Amz-Signature="))
    }
}

/// What the front knows about the call beside the request.
#[derive(Debug, Clone)]
pub struct Call {
    pub api_id: String,
    pub account: String,
    pub region: String,
    /// Host that was called, without a port.
    pub domain_name: String,
    pub stage: String,
    /// Path of the request before the stage was taken off it.
    pub full_path: String,
    pub stage_variables: BTreeMap<String, String>,
    pub deployment_id: String,
    pub request_id: String,
    pub now_ms: i64,
    pub signer: Signer,
}

/// Who has signed a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Signer {
    /// Signatures are not checked: whoever signs is the account itself.
    Anybody,
    /// Nobody, or the signature is not right; the text says why.
    Refused(String),
    Known {
        user_id: String,
        arn: String,
    },
}

/// Who has signed a request, as events tell it.
#[derive(Debug)]
pub(crate) struct Identity {
    pub(crate) account: String,
    pub(crate) access_key: Option<String>,
    pub(crate) user_id: String,
    pub(crate) arn: String,
}

impl Identity {
    /// `requestContext.authorizer` of format 2.0.
    pub(crate) fn authorizer(&self) -> Value {
        json!({"iam": {
            "accessKey": self.access_key, "accountId": self.account, "callerId": self.user_id,
            "cognitoIdentity": null, "principalOrgId": null, "userArn": self.arn, "userId": self.user_id,
        }})
    }
}

/// Whose key a request says it is signed with.
fn access_key(request: &HttpRequest) -> Option<&str> {
    // In a presigned address its slashes are encoded.
    let from = request.header("authorization").unwrap_or(&request.query);
    let (_, after) = from.split_once("Credential=")?;
    after.split(['/', '%', '&']).next()
}

impl Call {
    /// The signer of a request that must be signed.
    ///
    /// - Errors: `None` where it is not signed at all, the reason where the signature does not count.
    pub(crate) fn signer(&self, request: &HttpRequest) -> Result<Identity, Option<&str>> {
        if !request.is_signed() {
            return Err(None);
        }
        let (user_id, arn) = match &self.signer {
            Signer::Anybody => {
                let arn = format!("arn:aws:iam::{}:root", self.account);
                (self.account.clone(), arn)
            }
            Signer::Refused(text) => return Err(Some(text)),
            Signer::Known { user_id, arn } => (user_id.clone(), arn.clone()),
        };
        Ok(Identity {
            account: self.account.clone(),
            access_key: access_key(request).map(str::to_owned),
            user_id,
            arn,
        })
    }

    pub(crate) fn domain_prefix(&self) -> &str {
        self.domain_name.split('.').next().unwrap_or_default()
    }
}

/// What is to be done for a request.
#[derive(Debug, PartialEq)]
pub enum Plan {
    /// Nothing but this answer.
    Answer(Response),
    /// Call this; then [`crate::Api::finish`].
    Invoke(Backend),
}

/// What a route calls.
#[derive(Debug, PartialEq)]
pub struct Backend {
    /// Which route; for [`crate::Api::finish`].
    pub route: usize,
    pub target: Target,
    /// Milliseconds after which nobody waits any more.
    pub timeout_ms: u64,
}

/// Whom a route calls.
#[derive(Debug, PartialEq)]
pub enum Target {
    /// - `function`: ARN with or without a qualifier, or a name.
    /// - `payload`: JSON text.
    Function { function: String, payload: Vec<u8> },
    /// An operation of Step Functions, one of [`SERVICE_OPERATIONS`], with its JSON body.
    Service {
        operation: &'static str,
        body: Vec<u8>,
    },
}

/// What became of a call.
#[derive(Debug)]
pub enum Outcome {
    /// The function answered; `failed` where it ended with an error.
    Function { payload: Vec<u8>, failed: bool },
    /// The service answered.
    Service { status: u16, body: Vec<u8> },
    /// Nothing came in time.
    TimedOut,
    /// The function could not be run: it is not there, it is throttled, the server stops.
    Unavailable { throttled: bool },
}

/// One HTTP response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    pub status: u16,
    /// In order; names as they were given.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Response {
    pub(crate) fn json(status: u16, body: &Value) -> Response {
        Response {
            status,
            headers: vec![("content-type".to_owned(), "application/json".to_owned())],
            body: body.to_string().into_bytes(),
        }
    }

    /// `{"message": ...}`, as API Gateway says most things.
    pub fn message(status: u16, message: &str) -> Response {
        Response::json(status, &serde_json::json!({ "message": message }))
    }

    /// The value of a header, whatever its case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        headers
            .find(|(header, _)| header.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// Replaces a header.
    pub(crate) fn set(&mut self, name: &str, value: impl Into<String>) {
        self.headers
            .retain(|(header, _)| !header.eq_ignore_ascii_case(name));
        self.headers.push((name.to_owned(), value.into()));
    }
}
