//! Requests for services of AWS that are not served here: recognised, and refused so that no client tries again.
//!
//! An SDK in a handler sends every call here that has no endpoint of its own. What is not served must fail at once:
//! with 400, because many SDKs repeat whatever answers 5xx, and in the service's own protocol, so that the client
//! shows the message.

use std::collections::BTreeMap;

use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, USER_AGENT};
use hyper::http::request::Parts;
use stepwell_api::services::{self, Signs};
use stepwell_api::{Form, Reply};

/// Services with operations here; calls of theirs go on to the dispatch.
const SERVED: [&str; 11] = [
    "api_gateway",
    "apigatewayv2",
    "cloudwatch",
    "cloudwatch_logs",
    "eventbridge",
    "iam",
    "lambda",
    "scheduler",
    "sfn",
    "sts",
    "xray",
];
/// Longest signature that is looked at in a query.
const QUERY_BYTES_MAX: usize = 16 * 1024;

/// Endpoints of services that others serve, by service id.
pub(crate) type Endpoints = BTreeMap<String, String>;

/// A call of a service that is not served.
pub(crate) struct Unserved {
    /// As in `AWS_ENDPOINT_URL_<ID>`, lower case; `None` for a service that is not known.
    id: Option<&'static str>,
    /// What the request calls: an operation's name, else method and path.
    called: String,
    protocol: Protocol,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Protocol {
    Json,
    Cbor,
    Query,
    Ec2,
    S3,
}

impl Unserved {
    /// The service of this request, if its headers or its query say that it is one that is not served.
    pub(crate) fn of(parts: &Parts) -> Option<Unserved> {
        let unserved = Unserved::of_any(parts);
        unserved
            .id
            .is_some_and(|id| !SERVED.contains(&id))
            .then_some(unserved)
    }

    /// The service of this request, which nothing here answers.
    pub(crate) fn of_any(parts: &Parts) -> Unserved {
        let target = text(&parts.headers, "x-amz-target");
        let split = target.and_then(|target| target.rsplit_once('.'));
        let path = parts.uri.path();
        let scope = signing_name(parts);
        let cbor = cbor_operation(path).filter(|_| is_cbor(&parts.headers));
        let id = services::identify(Signs {
            signing_name: scope.as_deref(),
            target_prefix: split
                .map(|(prefix, _)| prefix)
                .or(cbor.map(|(service, _)| service)),
            api: api(&parts.headers),
        });
        let called = split
            .or(cbor)
            .map(|(_, operation)| operation.to_owned())
            .unwrap_or_else(|| format!("{} {path}", parts.method));
        Unserved {
            id,
            called,
            protocol: protocol(&parts.headers, id),
        }
    }

    /// Adds what only the body tells.
    pub(crate) fn with_body(mut self, body: &[u8]) -> Unserved {
        if matches!(self.protocol, Protocol::Query | Protocol::Ec2)
            && let Some(action) = Form::parse(body).action()
        {
            action.clone_into(&mut self.called);
        }
        self
    }

    pub(crate) fn reply(&self, endpoints: &Endpoints, request_id: &str) -> Reply {
        let message = self.message(endpoints);
        let (content_type, body) = match self.protocol {
            Protocol::Json => ("application/x-amz-json-1.0", json(&message)),
            Protocol::Cbor => ("application/cbor", cbor(&message)),
            Protocol::Query => ("text/xml", query_xml(&message, request_id)),
            Protocol::Ec2 => ("text/xml", ec2_xml(&message, request_id)),
            Protocol::S3 => ("application/xml", s3_xml(&message, request_id)),
        };
        let mut headers = vec![
            ("x-amzn-requestid", request_id.to_owned()),
            ("x-amzn-errortype", CODE.to_owned()),
            ("content-type", content_type.to_owned()),
        ];
        if self.protocol == Protocol::Cbor {
            headers.push(("smithy-protocol", "rpc-v2-cbor".to_owned()));
        }
        Reply {
            status: 400,
            headers,
            body,
        }
    }

    fn message(&self, endpoints: &Endpoints) -> String {
        let called = &self.called;
        let Some(id) = self.id else {
            return format!(
                "Stepwell does not serve the service of this call ({called}); a server that does is named in stepwell.toml: \
                 [endpoints] SERVICE = \"http://HOST:PORT\""
            );
        };
        match endpoints.get(id) {
            Some(url) => format!(
                "Stepwell does not serve {id} ({called}); stepwell.toml names {url} for it, but this client does not read \
                 AWS_ENDPOINT_URL_{}: give it that endpoint",
                id.to_uppercase()
            ),
            None => format!(
                "Stepwell does not serve {id} ({called}); to send its calls to a server that does, name that in stepwell.toml: \
                 [endpoints] {id} = \"http://HOST:PORT\""
            ),
        }
    }
}

/// The service in the scope of the signature: `Credential=KEY/DATE/REGION/SERVICE/aws4_request`.
fn signing_name(parts: &Parts) -> Option<String> {
    let in_header = text(&parts.headers, AUTHORIZATION.as_str())
        .and_then(|authorization| authorization.split_once("Credential="))
        .map(|(_, rest)| rest.to_owned());
    let in_query = || {
        let query = parts.uri.query()?;
        let query = query.get(..query.len().min(QUERY_BYTES_MAX))?;
        let (_, rest) = query.split_once("X-Amz-Credential=")?;
        Some(rest.replace("%2F", "/").replace("%2f", "/"))
    };
    let scope = in_header.or_else(in_query)?;
    let scope = scope.split([',', ' ', '&']).next()?;
    let mut from_end = scope.rsplit('/');
    let is_scope = from_end.next() == Some("aws4_request");
    from_end.next().filter(|_| is_scope).map(str::to_owned)
}

/// The service that an SDK names in its `User-Agent`, as in `api/dynamodb#3.0.0` or `api/dynamodb/1.0`.
fn api(headers: &HeaderMap) -> Option<&str> {
    let agent = text(headers, USER_AGENT.as_str())?;
    let word = agent
        .split(' ')
        .find_map(|word| word.strip_prefix("api/"))?;
    word.split(['#', '/']).next()
}

/// Service and operation of a path of the Smithy protocols.
fn cbor_operation(path: &str) -> Option<(&str, &str)> {
    path.strip_prefix("/service/")?.split_once("/operation/")
}

fn is_cbor(headers: &HeaderMap) -> bool {
    text(headers, "smithy-protocol") == Some("rpc-v2-cbor")
}

fn protocol(headers: &HeaderMap, id: Option<&str>) -> Protocol {
    if is_cbor(headers) {
        return Protocol::Cbor;
    }
    let is_form = text(headers, CONTENT_TYPE.as_str())
        .is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"));
    match id {
        Some("s3" | "s3_control") => Protocol::S3,
        Some("ec2") => Protocol::Ec2,
        Some("cloudfront" | "route_53") => Protocol::Query,
        _ if is_form => Protocol::Query,
        _ => Protocol::Json,
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

fn json(message: &str) -> Vec<u8> {
    serde_json::json!({ "__type": CODE, "message": message })
        .to_string()
        .into_bytes()
}

/// A map of two texts (RFC 8949).
fn cbor(message: &str) -> Vec<u8> {
    let mut out = vec![0xA2];
    for text in ["__type", CODE, "message", message] {
        out.push(0x79);
        let length = u16::try_from(text.len()).unwrap_or(u16::MAX);
        out.extend_from_slice(&length.to_be_bytes());
        out.extend_from_slice(&text.as_bytes()[..usize::from(length)]);
    }
    out
}

fn query_xml(message: &str, request_id: &str) -> Vec<u8> {
    format!(
        "<ErrorResponse><Error><Type>Sender</Type><Code>{CODE}</Code><Message>{}</Message></Error>\
         <RequestId>{request_id}</RequestId></ErrorResponse>",
        escaped(message)
    )
    .into_bytes()
}

fn ec2_xml(message: &str, request_id: &str) -> Vec<u8> {
    format!(
        "<Response><Errors><Error><Code>{CODE}</Code><Message>{}</Message></Error></Errors>\
         <RequestID>{request_id}</RequestID></Response>",
        escaped(message)
    )
    .into_bytes()
}

fn s3_xml(message: &str, request_id: &str) -> Vec<u8> {
    format!(
        "<Error><Code>{CODE}</Code><Message>{}</Message><RequestId>{request_id}</RequestId></Error>",
        escaped(message)
    )
    .into_bytes()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

const CODE: &str = "NotImplemented";

#[cfg(test)]
mod tests {
    use hyper::Request;

    use super::*;

    fn parts(method: &str, uri: &str, headers: &[(&str, &str)]) -> Parts {
        let mut request = Request::builder().method(method).uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).expect("a request").into_parts().0
    }

    fn signed(service: &str) -> String {
        format!(
            "AWS4-HMAC-SHA256 Credential=AKID/20260101/us-east-1/{service}/aws4_request, SignedHeaders=host, Signature=0"
        )
    }

    #[test]
    fn a_service_is_known_by_each_of_its_signs() {
        let signature = signed("s3");
        for (parts, id, called, protocol) in [
            (
                parts(
                    "POST",
                    "/",
                    &[("x-amz-target", "DynamoDB_20120810.PutItem")],
                ),
                "dynamodb",
                "PutItem",
                Protocol::Json,
            ),
            (
                parts("PUT", "/bucket/key", &[("authorization", &signature)]),
                "s3",
                "PUT /bucket/key",
                Protocol::S3,
            ),
            (
                parts(
                    "GET",
                    "/bucket/key?X-Amz-Credential=K%2F20260101%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=1",
                    &[],
                ),
                "s3",
                "GET /bucket/key",
                Protocol::S3,
            ),
            (
                parts(
                    "POST",
                    "/service/CodeBuild_20161006/operation/StartBuild",
                    &[("smithy-protocol", "rpc-v2-cbor")],
                ),
                "codebuild",
                "StartBuild",
                Protocol::Cbor,
            ),
        ] {
            let found = Unserved::of(&parts).expect("not served");
            assert_eq!(found.id, Some(id));
            assert_eq!(found.called, called);
            assert_eq!(found.protocol, protocol);
        }
    }

    #[test]
    fn what_is_served_goes_on() {
        for service in [
            "states",
            "lambda",
            "logs",
            "monitoring",
            "xray",
            "iam",
            "sts",
            "events",
        ] {
            let parts = parts("POST", "/", &[("authorization", &signed(service))]);
            assert!(Unserved::of(&parts).is_none(), "{service}");
        }
        let cbor = parts(
            "POST",
            "/service/GraniteServiceVersion20100801/operation/PutMetricData",
            &[("smithy-protocol", "rpc-v2-cbor")],
        );
        assert!(Unserved::of(&cbor).is_none());
        assert!(Unserved::of(&parts("GET", "/2015-03-31/functions", &[])).is_none());
    }

    #[test]
    fn the_message_says_how_an_endpoint_is_named() {
        let parts = parts(
            "POST",
            "/",
            &[
                ("authorization", &signed("sns")),
                ("content-type", "application/x-www-form-urlencoded"),
            ],
        );
        let found = Unserved::of(&parts)
            .expect("not served")
            .with_body(b"Action=Publish&Version=2010-03-31");
        let reply = found.reply(&Endpoints::new(), "id");
        let body = String::from_utf8_lossy(&reply.body).into_owned();
        assert_eq!(reply.status, 400);
        assert!(body.contains("does not serve sns (Publish)"), "{body}");
        assert!(
            body.contains("[endpoints] sns = \"http://HOST:PORT\""),
            "{body}"
        );
        let named = Endpoints::from([("sns".to_owned(), "http://127.0.0.1:4100".to_owned())]);
        let body = String::from_utf8_lossy(&found.reply(&named, "id").body).into_owned();
        assert!(
            body.contains("names http://127.0.0.1:4100 for it"),
            "{body}"
        );
    }
}
