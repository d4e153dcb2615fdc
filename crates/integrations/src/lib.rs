//! Calls of AWS services that Stepwell does not serve itself, at the endpoints that it was given.
//!
//! Lives here: the messages that deliveries send (SQS, SNS, EventBridge), their wire forms, the HTTP
//! client, where each service is, and the calls of API destinations with their tokens.
//!
//! Never here: durable state, retries (the shard decides them), a default endpoint: what has none is never called.
//!
//! Read first: [`Integrations::send`].

mod client;
mod message;
mod webhook;

use std::collections::BTreeMap;

use client::Endpoint;
use stepwell_api::sigv4::{self, Credentials, Scope};

pub use webhook::{TokenRequest, Webhook};

/// Where services are, and who calls them.
pub struct Integrations {
    endpoints: BTreeMap<String, String>,
    region: String,
    credentials: Credentials,
    tokens: webhook::Tokens,
}

/// What a queue, a topic or an event bus gets.
#[derive(Debug, Clone, Default)]
pub struct Outgoing {
    /// The message; JSON for an event bus.
    pub body: String,
    /// Message attributes, all of type String.
    pub attributes: BTreeMap<String, String>,
    /// Message group of a FIFO queue or topic.
    pub group_id: Option<String>,
    /// Source of an event.
    pub source: String,
    /// Detail type of an event.
    pub detail_type: String,
    /// Resources of an event.
    pub resources: Vec<String>,
}

/// Why a call did not do what it should.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The service's error name, or ours.
    pub code: String,
    pub message: String,
    /// Whether the same call may go well later.
    pub is_retryable: bool,
}

impl Integrations {
    /// - `endpoints`: URL by service id, as in `AWS_ENDPOINT_URL_<ID>` but lower case: `sqs`, `sns`, `eventbridge`.
    pub fn new(
        endpoints: BTreeMap<String, String>,
        region: &str,
        credentials: Credentials,
    ) -> Integrations {
        Integrations {
            endpoints,
            region: region.to_string(),
            credentials,
            tokens: webhook::Tokens::default(),
        }
    }

    /// Sends a message to the queue, topic or event bus that an ARN names.
    ///
    /// - `now_ms`: milliseconds since 1970, for the signature.
    /// - Errors: a service without an endpoint is not called, and the failure says how to configure one.
    pub async fn send(&self, arn: &str, outgoing: &Outgoing, now_ms: i64) -> Result<(), Failure> {
        let service = arn.split(':').nth(2).unwrap_or_default();
        let id = match service {
            "events" => "eventbridge",
            other => other,
        };
        let Some(url) = self.endpoints.get(id) else {
            return Err(never(
                "EndpointNotConfigured",
                format!(
                    "nothing was sent to {arn}: Stepwell does not serve {service} and no endpoint of it is configured; \
                     add it to stepwell.toml, below [endpoints]: {id} = \"http://HOST:PORT\""
                ),
            ));
        };
        let Some(endpoint) = &Endpoint::parse(url) else {
            return Err(never(
                "EndpointNotSupported",
                format!(
                    "nothing was sent to {arn}: the endpoint of {id} is {url}, and Stepwell itself sends to http:// only"
                ),
            ));
        };
        let request = match service {
            "sqs" => message::to_queue(endpoint, arn, outgoing),
            "sns" => message::to_topic(arn, outgoing),
            "events" => message::to_event_bus(arn, outgoing),
            _ => None,
        };
        let Some(request) = request else {
            let message = format!("Stepwell cannot send a message to {arn}");
            return Err(never("UnsupportedTarget", message));
        };
        // Services that stand in for AWS read region and service out of it.
        let headers = sigv4::sign(
            &self.credentials,
            &Scope {
                region: &self.region,
                service,
                now_ms,
            },
            &sigv4::Outgoing {
                method: "POST",
                path: endpoint.path(),
                query: "",
                headers: &[
                    ("content-type", request.content_type),
                    ("host", endpoint.authority()),
                ],
                body: request.body.as_bytes(),
            },
        );
        let reply = client::post(endpoint, &request, &headers).await?;
        message::check(service, &reply)
    }
}

fn never(code: &str, message: String) -> Failure {
    Failure {
        code: code.to_string(),
        message,
        is_retryable: false,
    }
}
