//! A function's URL.

use serde_json::json;

use crate::call::{Backend, Call, HttpRequest, Outcome, Plan, Response, Target};
use crate::cors::Cors;
use crate::event::{RouteFacts, version_2};
use crate::media;
use crate::reply;

/// AWS: what a function's URL says of a reply without a type.
const CONTENT_TYPE: &str = "application/json";

/// Milliseconds that a function may take. AWS: as long as the function, at most 15 minutes.
const TIMEOUT_MS: u64 = 900_000;

/// What a function's URL is set to.
#[derive(Debug, Clone)]
pub struct FunctionUrl {
    /// ARN, with the alias where there is one.
    pub function: String,
    /// `AuthType` is `AWS_IAM`.
    pub is_signed: bool,
    /// `InvokeMode` is `RESPONSE_STREAM`.
    pub streams: bool,
    pub cors: Option<Cors>,
}

impl FunctionUrl {
    pub fn plan(&self, call: &Call, request: &HttpRequest) -> Plan {
        let preflight = self
            .cors
            .as_ref()
            .and_then(|cors| cors.preflight(request, 200));
        if let Some(response) = preflight {
            return Plan::Answer(response);
        }
        let signer = match self.is_signed.then(|| call.signer(request)).transpose() {
            Ok(signer) => signer,
            Err(refused) => {
                let message = refused.unwrap_or("Forbidden");
                let forbidden = Response::json(403, &json!({ "Message": message }));
                return Plan::Answer(self.with_cors(request, forbidden));
            }
        };
        let authorizer = signer.map(|signer| signer.authorizer());
        let facts = RouteFacts {
            key: "$default",
            parameters: &[],
            decodes_path: false,
            is_text: media::is_text(
                request.header("content-type"),
                request.header("content-encoding"),
            ),
            account: match self.is_signed {
                true => &call.account,
                false => "anonymous",
            },
            authorizer,
        };
        let payload = version_2(call, request, &facts).to_string();
        Plan::Invoke(Backend {
            route: 0,
            target: Target::Function {
                function: self.function.clone(),
                payload: payload.into_bytes(),
            },
            timeout_ms: TIMEOUT_MS,
        })
    }

    pub fn finish(&self, request: &HttpRequest, outcome: Outcome) -> Response {
        let response = match outcome {
            Outcome::Function {
                payload,
                failed: false,
            } => reply::version_2(&payload, CONTENT_TYPE),
            Outcome::Unavailable { throttled: true } => {
                let body = json!({ "Reason": "ConcurrentInvocationLimitExceeded", "Type": "User", "message": "Rate Exceeded." });
                Some(Response::json(429, &body))
            }
            Outcome::TimedOut => Some(failure(504, "Gateway Timeout")),
            _ => None,
        };
        self.with_cors(
            request,
            response.unwrap_or_else(|| failure(502, "Internal Server Error")),
        )
    }

    /// What CORS adds to a response that streams; `None` where nothing is configured.
    pub fn cors_headers(&self, request: &HttpRequest) -> Option<Vec<(String, String)>> {
        let mut nothing = failure(200, "");
        nothing.headers.clear();
        self.cors.as_ref()?.apply(request, &mut nothing);
        Some(nothing.headers)
    }

    fn with_cors(&self, request: &HttpRequest, mut response: Response) -> Response {
        if let Some(cors) = &self.cors {
            cors.apply(request, &mut response);
        }
        response
    }
}

fn failure(status: u16, text: &str) -> Response {
    Response {
        status,
        headers: vec![("content-type".to_owned(), CONTENT_TYPE.to_owned())],
        body: text.as_bytes().to_vec(),
    }
}
