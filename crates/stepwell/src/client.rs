//! One connection to a server that speaks the AWS API: AWS JSON for Step Functions and CloudWatch Logs,
//! REST-JSON for Lambda. Everything the command line knows about a server comes through here.

use std::{
    env, fmt,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use serde_json::{Value, json};
use stepwell_api::sigv4::{Credentials, Outgoing, Scope, sign};
use ureq::{Agent, Body, http};

use crate::{credentials, live_tail::LiveTail};

/// Longest wait for the answer of an ordinary operation.
const CALL_TIMEOUT: Duration = Duration::from_secs(60);
/// Longest wait for an answer that includes a run: a function may take 900 s, an Express execution 300 s.
const RUN_TIMEOUT: Duration = Duration::from_secs(960);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// A history page of [`HISTORY_PAGE_EVENTS`] events of 256 KiB each, doubled for JSON escapes.
const RESPONSE_BYTES_MAX: u64 = 128 * 1024 * 1024;
/// AWS: a history has at most 25,000 events; a page asks for this many.
pub const HISTORY_PAGE_EVENTS: u32 = 200;
/// Pages any listing reads before it stops.
pub const PAGES_MAX: usize = 200;

pub struct Client {
    agent: Agent,
    endpoint: String,
    /// What calls are signed with; `None`: they are not.
    credentials: Option<Credentials>,
}

/// How a function is invoked.
#[derive(Debug, Clone, Copy, Default)]
pub struct InvokeHow<'a> {
    /// A version or an alias.
    pub qualifier: Option<&'a str>,
    /// Whether the function runs later, and its result is nobody's.
    pub is_async: bool,
    /// Whether the end of the log comes with the answer.
    pub with_log: bool,
}

/// Why a call gave no answer. One variant a decision: fix the request, start the server, report a bug.
#[derive(Debug)]
pub enum Error {
    /// The service answered with an error of its own.
    Service {
        operation: String,
        code: String,
        message: String,
    },
    /// Nothing answered at the endpoint.
    Connection { endpoint: String, reason: String },
    /// Something answered that does not speak the AWS API.
    Protocol { operation: String, reason: String },
}

impl Error {
    /// Whether the service answered with this error code.
    pub fn is(&self, expected: &str) -> bool {
        matches!(self, Self::Service { code, .. } if code == expected)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Service {
                operation,
                code,
                message,
                ..
            } => {
                write!(out, "{operation}: {code}: {message}")?;
                match code.as_str() {
                    "MissingAuthenticationToken" | "MissingAuthenticationTokenException" => out.write_str(
                        "\nnext: this server wants signed requests: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or \
                         AWS_PROFILE",
                    ),
                    _ => Ok(()),
                }
            }
            Self::Connection { endpoint, reason } => write!(
                out,
                "no server answers at {endpoint}: {reason}\n\
                 next: start one with `stepwell dev` or `stepwell serve`, or name another with --endpoint or AWS_ENDPOINT_URL"
            ),
            Self::Protocol { operation, reason } => write!(
                out,
                "{operation}: the server's answer is not the AWS API: {reason}\nnext: check --endpoint or AWS_ENDPOINT_URL"
            ),
        }
    }
}

impl std::error::Error for Error {}

/// What a function invocation returned.
pub struct Invocation {
    pub payload: String,
    /// `Unhandled` or `Handled` when the function failed; the payload is then the error document.
    pub function_error: Option<String>,
    /// The last 4 KiB of the function's log, when asked for.
    pub log_tail: Option<String>,
}

struct Answer {
    headers: http::HeaderMap,
    body: Vec<u8>,
}

impl Client {
    /// A client of the server at `endpoint` (`http://HOST[:PORT]`). Nothing is sent yet.
    pub fn new(endpoint: &str) -> Result<Self, anyhow::Error> {
        let endpoint = endpoint.trim_end_matches('/');
        if endpoint.starts_with("https://") {
            anyhow::bail!(
                "endpoint {endpoint:?} is https, and stepwell speaks plain http to a Stepwell server: use http://HOST:PORT"
            );
        }
        if !endpoint.starts_with("http://") || endpoint.len() == "http://".len() {
            anyhow::bail!("endpoint {endpoint:?} is not a URL of the form http://HOST:PORT");
        }
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            // A proxy of the environment must never see calls meant for a server on this machine.
            .proxy(None)
            .timeout_connect(Some(CONNECT_TIMEOUT))
            .user_agent(concat!("stepwell/", env!("CARGO_PKG_VERSION")))
            .build()
            .new_agent();
        Ok(Self {
            agent,
            endpoint: endpoint.to_owned(),
            credentials: credentials::of_environment(),
        })
    }

    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// One Step Functions operation (AWS JSON 1.0).
    pub fn states(&self, operation: &str, input: &Value) -> Result<Value, Error> {
        let timeout = if operation == "StartSyncExecution" {
            RUN_TIMEOUT
        } else {
            CALL_TIMEOUT
        };
        self.json(
            operation,
            &format!("AWSStepFunctions.{operation}"),
            "application/x-amz-json-1.0",
            input,
            timeout,
        )
    }

    /// One CloudWatch Logs operation (AWS JSON 1.1).
    pub fn logs(&self, operation: &str, input: &Value) -> Result<Value, Error> {
        self.json(
            operation,
            &format!("Logs_20140328.{operation}"),
            "application/x-amz-json-1.1",
            input,
            CALL_TIMEOUT,
        )
    }

    /// What is logged from now on, for as long as it goes on (`StartLiveTail`).
    pub fn live_tail(&self, input: &Value) -> Result<LiveTail, Error> {
        let request =
            self.json_request("Logs_20140328.StartLiveTail", "application/x-amz-json-1.1");
        let body = input.to_string().into_bytes();
        let mut response = self.respond("StartLiveTail", request, body, None)?;
        if response.status().is_success() {
            return Ok(LiveTail::of(response.into_body().into_reader()));
        }
        Err(self.refusal("StartLiveTail", &mut response))
    }

    /// One EventBridge operation (AWS JSON 1.1).
    pub fn events(&self, operation: &str, input: &Value) -> Result<Value, Error> {
        self.json(
            operation,
            &format!("AWSEvents.{operation}"),
            "application/x-amz-json-1.1",
            input,
            CALL_TIMEOUT,
        )
    }

    /// One CloudWatch operation (AWS JSON 1.0).
    pub fn cloudwatch(&self, operation: &str, input: &Value) -> Result<Value, Error> {
        self.json(
            operation,
            &format!("GraniteServiceVersion20100801.{operation}"),
            "application/x-amz-json-1.0",
            input,
            CALL_TIMEOUT,
        )
    }

    /// One IAM operation (AWS query): the answer is XML.
    pub fn iam(&self, operation: &str, parameters: &[(&str, &str)]) -> Result<String, Error> {
        let mut body = format!("Action={operation}&Version=2010-05-08");
        for (name, value) in parameters {
            body.push_str(&format!("&{}={}", escaped(name), escaped(value)));
        }
        let request = http::Request::builder()
            .method(http::Method::POST)
            .uri(format!("{}/", self.endpoint))
            .header("Content-Type", "application/x-www-form-urlencoded");
        let answer = self.send(operation, request, body.into_bytes(), CALL_TIMEOUT)?;
        Ok(String::from_utf8_lossy(&answer.body).into_owned())
    }

    /// What is at an address that the server has given out, such as a function's package.
    pub fn download(&self, location: &str) -> Result<Vec<u8>, Error> {
        let path = location
            .find("/packages/")
            .map_or(location, |start| &location[start..]);
        let request = http::Request::builder()
            .method(http::Method::GET)
            .uri(format!("{}{path}", self.endpoint));
        let answer = self.send("GetPackage", request, Vec::new(), CALL_TIMEOUT)?;
        Ok(answer.body)
    }

    /// Every item of a paged Step Functions listing, up to `items_max` of them.
    pub fn list(
        &self,
        operation: &str,
        input: &Value,
        member: &str,
        items_max: usize,
    ) -> Result<Vec<Value>, Error> {
        let mut items = Vec::new();
        let mut input = input.clone();
        for _ in 0..PAGES_MAX {
            let mut page = self.states(operation, &input)?;
            if let Some(Value::Array(found)) = page.get_mut(member).map(Value::take) {
                items.extend(found);
            }
            let Some(token) = page.get("nextToken").and_then(Value::as_str) else {
                break;
            };
            if items.len() >= items_max {
                break;
            }
            input["nextToken"] = json!(token);
        }
        items.truncate(items_max);
        Ok(items)
    }

    /// Begins a backup, or tells how far the last one is (`None`).
    pub fn backup(&self, ask: Option<&Value>) -> Result<Value, Error> {
        let method = if ask.is_some() { "POST" } else { "GET" };
        self.rest("Backup", method, "/backup", ask)
    }

    pub fn create_function(&self, configuration: &Value, package: &[u8]) -> Result<Value, Error> {
        let mut body = configuration.clone();
        body["Code"] = json!({ "ZipFile": BASE64.encode(package) });
        self.rest(
            "CreateFunction",
            "POST",
            "/2015-03-31/functions",
            Some(&body),
        )
    }

    pub fn update_function_code(&self, name: &str, package: &[u8]) -> Result<Value, Error> {
        let body = json!({ "ZipFile": BASE64.encode(package) });
        let path = format!("/2015-03-31/functions/{}/code", escaped(name));
        self.rest("UpdateFunctionCode", "PUT", &path, Some(&body))
    }

    pub fn update_function_configuration(
        &self,
        name: &str,
        configuration: &Value,
    ) -> Result<Value, Error> {
        let path = format!("/2015-03-31/functions/{}/configuration", escaped(name));
        self.rest(
            "UpdateFunctionConfiguration",
            "PUT",
            &path,
            Some(configuration),
        )
    }

    pub fn get_function_configuration(&self, name: &str) -> Result<Value, Error> {
        let path = format!("/2015-03-31/functions/{}/configuration", escaped(name));
        self.rest("GetFunctionConfiguration", "GET", &path, None)
    }

    pub fn delete_function(&self, name: &str) -> Result<(), Error> {
        let path = format!("/2015-03-31/functions/{}", escaped(name));
        self.rest("DeleteFunction", "DELETE", &path, None)
            .map(|_| ())
    }

    pub fn list_functions(&self) -> Result<Vec<Value>, Error> {
        let mut functions = Vec::new();
        let mut path = "/2015-03-31/functions?MaxItems=50".to_owned();
        for _ in 0..PAGES_MAX {
            let mut page = self.rest("ListFunctions", "GET", &path, None)?;
            if let Some(Value::Array(found)) = page.get_mut("Functions").map(Value::take) {
                functions.extend(found);
            }
            let Some(marker) = page.get("NextMarker").and_then(Value::as_str) else {
                break;
            };
            path = format!(
                "/2015-03-31/functions?MaxItems=50&Marker={}",
                escaped(marker)
            );
        }
        Ok(functions)
    }

    /// Runs a function and waits for its answer; `payload` is JSON text.
    pub fn invoke(
        &self,
        name: &str,
        payload: &str,
        how: InvokeHow<'_>,
    ) -> Result<Invocation, Error> {
        let qualifier = how
            .qualifier
            .map(|qualifier| format!("?Qualifier={}", escaped(qualifier)))
            .unwrap_or_default();
        let path = format!(
            "/2015-03-31/functions/{}/invocations{qualifier}",
            escaped(name)
        );
        let mut request = http::Request::builder()
            .method(http::Method::POST)
            .uri(format!("{}{path}", self.endpoint))
            .header("Content-Type", "application/json");
        if how.is_async {
            request = request.header("X-Amz-Invocation-Type", "Event");
        } else if how.with_log {
            request = request.header("X-Amz-Log-Type", "Tail");
        }
        let answer = self.send("Invoke", request, payload.as_bytes().to_vec(), RUN_TIMEOUT)?;
        let header = |name: &str| {
            answer
                .headers
                .get(name)
                .and_then(|value| value.to_str().ok())
                .map(str::to_owned)
        };
        let log_tail = header("X-Amz-Log-Result")
            .and_then(|encoded| BASE64.decode(encoded).ok())
            .map(|tail| String::from_utf8_lossy(&tail).into_owned());
        Ok(Invocation {
            payload: String::from_utf8_lossy(&answer.body).into_owned(),
            function_error: header("X-Amz-Function-Error"),
            log_tail,
        })
    }

    fn json(
        &self,
        operation: &str,
        target: &str,
        content_type: &str,
        input: &Value,
        timeout: Duration,
    ) -> Result<Value, Error> {
        let request = self.json_request(target, content_type);
        let answer = self.send(operation, request, input.to_string().into_bytes(), timeout)?;
        parsed(operation, &answer.body)
    }

    fn json_request(&self, target: &str, content_type: &str) -> http::request::Builder {
        http::Request::builder()
            .method(http::Method::POST)
            .uri(format!("{}/", self.endpoint))
            .header("Content-Type", content_type)
            .header("X-Amz-Target", target)
    }

    /// One operation of a REST service.
    ///
    /// - `method`: such as `GET`.
    pub fn rest(
        &self,
        operation: &str,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Value, Error> {
        let request = http::Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.endpoint))
            .header("Content-Type", "application/json");
        let body = body
            .map(|body| body.to_string().into_bytes())
            .unwrap_or_default();
        let answer = self.send(operation, request, body, CALL_TIMEOUT)?;
        parsed(operation, &answer.body)
    }

    fn send(
        &self,
        operation: &str,
        request: http::request::Builder,
        body: Vec<u8>,
        timeout: Duration,
    ) -> Result<Answer, Error> {
        let mut response = self.respond(operation, request, body, Some(timeout))?;
        if !response.status().is_success() {
            return Err(self.refusal(operation, &mut response));
        }
        let body = self.body(&mut response)?;
        let headers = response.headers().clone();
        Ok(Answer { headers, body })
    }

    /// The head of an answer, whatever it says.
    ///
    /// - `timeout`: of the whole answer with its body; `None` if the body goes on.
    fn respond(
        &self,
        operation: &str,
        request: http::request::Builder,
        body: Vec<u8>,
        timeout: Option<Duration>,
    ) -> Result<http::Response<Body>, Error> {
        let unreadable = |reason: String| Error::Protocol {
            operation: operation.to_owned(),
            reason,
        };
        // GET and DELETE carry no body, and ureq refuses to send one with them, even an empty one.
        let has_body = request
            .method_ref()
            .is_some_and(|method| ["POST", "PUT", "PATCH"].contains(&method.as_str()));
        let request = match has_body {
            true => self.signed(request, &body),
            false => self.signed(request, &[]),
        };
        let response = if has_body {
            let request = request
                .body(body)
                .map_err(|reason| unreadable(reason.to_string()))?;
            let request = self
                .agent
                .configure_request(request)
                .timeout_global(timeout)
                .build();
            self.agent.run(request)
        } else {
            let request = request
                .body(())
                .map_err(|reason| unreadable(reason.to_string()))?;
            let request = self
                .agent
                .configure_request(request)
                .timeout_global(timeout)
                .build();
            self.agent.run(request)
        };
        response.map_err(|error| match error {
            ureq::Error::Protocol(reason) => unreadable(reason.to_string()),
            reason => self.unreachable(&reason),
        })
    }

    /// The request with its signature, if there is anything to sign with.
    fn signed(&self, mut request: http::request::Builder, body: &[u8]) -> http::request::Builder {
        let Some(credentials) = &self.credentials else {
            return request;
        };
        let (Some(method), Some(uri), Some(given)) = (
            request.method_ref().cloned(),
            request.uri_ref().cloned(),
            request.headers_ref().cloned(),
        ) else {
            return request;
        };
        let host = uri.authority().map_or("", |authority| authority.as_str());
        let mut headers: Vec<(&str, &str)> = given
            .iter()
            .filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)))
            .collect();
        headers.push(("host", host));
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now_ms = now.map_or(0, |now| now.as_millis());
        let region = env::var("AWS_REGION").or_else(|_| env::var("AWS_DEFAULT_REGION"));
        let scope = Scope {
            region: region.as_deref().unwrap_or("us-east-1"),
            service: signing_name(&given, uri.path()),
            now_ms: i64::try_from(now_ms).unwrap_or(i64::MAX),
        };
        let outgoing = Outgoing {
            method: method.as_str(),
            path: uri.path(),
            query: uri.query().unwrap_or_default(),
            headers: &headers,
            body,
        };
        for (name, value) in sign(credentials, &scope, &outgoing) {
            request = request.header(name, value);
        }
        request
    }

    fn body(&self, response: &mut http::Response<Body>) -> Result<Vec<u8>, Error> {
        response
            .body_mut()
            .with_config()
            .limit(RESPONSE_BYTES_MAX)
            .read_to_vec()
            .map_err(|reason| self.unreachable(&reason))
    }

    fn refusal(&self, operation: &str, response: &mut http::Response<Body>) -> Error {
        let body = match self.body(response) {
            Ok(body) => body,
            Err(error) => return error,
        };
        let status = response.status().as_u16();
        let header_code = response
            .headers()
            .get("x-amzn-errortype")
            .and_then(|value| value.to_str().ok());
        service_error(operation, status, header_code, &body)
    }

    fn unreachable(&self, reason: &ureq::Error) -> Error {
        Error::Connection {
            endpoint: self.endpoint.clone(),
            reason: reason.to_string(),
        }
    }
}

/// The name of a request's service in signatures.
fn signing_name(headers: &http::HeaderMap, path: &str) -> &'static str {
    let target = headers.get("x-amz-target").map(http::HeaderValue::as_bytes);
    let prefix = target.and_then(|target| target.split(|byte| *byte == b'.').next());
    match (prefix, path) {
        (Some(b"AWSStepFunctions"), _) => "states",
        (Some(b"Logs_20140328"), _) => "logs",
        (Some(b"AWSEvents"), _) => "events",
        (Some(_), _) => "monitoring",
        (None, "/") => "iam",
        (None, _) => "lambda",
    }
}

fn parsed(operation: &str, body: &[u8]) -> Result<Value, Error> {
    if body.is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_slice(body).map_err(|reason| Error::Protocol {
        operation: operation.to_owned(),
        reason: reason.to_string(),
    })
}

/// The code is in `__type` (AWS JSON) or in a header (REST-JSON), in both cases with decorations
/// that a client cuts off: `namespace#Code` and `Code:http://...`.
fn service_error(operation: &str, status: u16, header_code: Option<&str>, body: &[u8]) -> Error {
    let document: Option<Value> = serde_json::from_slice(body).ok();
    let member = |name: &str| {
        document
            .as_ref()
            .and_then(|document| document.get(name))
            .and_then(Value::as_str)
    };
    // AWS query: the error is XML.
    let text = String::from_utf8_lossy(body);
    let element = |name: &str| {
        let (_, rest) = text.split_once(&format!("<{name}>"))?;
        rest.split_once(&format!("</{name}>"))
            .map(|(found, _)| found)
    };
    let Some(code) = header_code
        .or_else(|| member("__type"))
        .or_else(|| member("code"))
        .or_else(|| element("Code"))
    else {
        let start: String = String::from_utf8_lossy(body).chars().take(200).collect();
        return Error::Protocol {
            operation: operation.to_owned(),
            reason: format!("HTTP {status}: {start}"),
        };
    };
    let code = code.rsplit('#').next().unwrap_or(code);
    let code = code.split(':').next().unwrap_or(code);
    Error::Service {
        operation: operation.to_owned(),
        code: code.to_owned(),
        message: member("message")
            .or_else(|| member("Message"))
            .or_else(|| element("Message"))
            .unwrap_or("(no message)")
            .to_owned(),
    }
}

/// Percent-encodes one segment of a path or one value of a query.
pub fn escaped(segment: &str) -> String {
    let mut out = String::with_capacity(segment.len());
    for byte in segment.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                out.push(byte as char)
            }
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_loses_its_namespace_and_its_url() {
        let error = service_error(
            "StartExecution",
            400,
            None,
            br#"{"__type":"com.amazonaws.swf.service.v2.model#InvalidName","message":"Invalid Name: 'a b'"}"#,
        );
        assert!(error.is("InvalidName"), "{error}");
        assert_eq!(
            error.to_string(),
            "StartExecution: InvalidName: Invalid Name: 'a b'"
        );

        let error = service_error(
            "GetFunction",
            404,
            Some("ResourceNotFoundException:http://internal/"),
            br#"{"Message":"Function not found"}"#,
        );
        assert!(error.is("ResourceNotFoundException"), "{error}");
        assert!(error.to_string().ends_with("Function not found"));
    }

    #[test]
    fn an_answer_of_something_else_is_not_taken_for_a_service_error() {
        let error = service_error("ListStateMachines", 404, None, b"<html>not here</html>");
        assert!(
            matches!(&error, Error::Protocol { reason, .. } if reason.contains("HTTP 404: <html>")),
            "{error}"
        );
    }

    #[test]
    fn a_path_segment_is_escaped() {
        assert_eq!(escaped("arn:aws:lambda:f/1"), "arn%3Aaws%3Alambda%3Af%2F1");
        assert_eq!(escaped("order-Validate_1.x~"), "order-Validate_1.x~");
    }

    #[test]
    fn only_plain_http_endpoints_are_accepted() {
        assert!(
            Client::new("http://127.0.0.1:8333/")
                .is_ok_and(|client| client.endpoint() == "http://127.0.0.1:8333")
        );
        for (endpoint, reason) in [
            ("https://states.us-east-1.amazonaws.com", "plain http"),
            ("127.0.0.1:8333", "http://HOST:PORT"),
            ("http://", "http://HOST:PORT"),
        ] {
            let error = Client::new(endpoint)
                .err()
                .map(|error| error.to_string())
                .unwrap_or_default();
            assert!(error.contains(reason), "{endpoint}: {error}");
        }
    }
}
