//! The HTTP front of applications: which API or function URL a request calls, and the way there and back.

mod call;
mod host;
mod stream;

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http_body_util::{Either, Full};
use hyper::body::Incoming;
use hyper::header::{HeaderName, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Request, Response, StatusCode};
use stepwell_api::sigv4::Refusal;
use stepwell_gateway::{Api, Call, Cors, FunctionUrl, HttpRequest, Plan, Protocol, Signer};
use stepwell_service::Caller;
use stepwell_service::{ApiKind, ApiRow, FunctionUrlRow, StageRow};
use stepwell_store::Error as StoreError;

use crate::access::{self, Proof, Sender, Unread};
use crate::body::Unreadable;
use crate::http::Services;
use crate::shard;
use crate::streaming::ReplyBody;

pub(crate) use host::{Called, Kind, called};

/// Largest body of a call of an API. AWS: 10 MB.
const API_BODY_BYTES_MAX: usize = 10 << 20;

/// Largest body of a call of a function's URL. AWS: 6 MB.
const URL_BODY_BYTES_MAX: usize = 6 << 20;

/// APIs that are kept read.
const APIS_KEPT_MAX: usize = 64;

/// APIs that were read, by kind and hash of their document.
#[derive(Default)]
pub(crate) struct ReadApis(Mutex<BTreeMap<(bool, String), Arc<Api>>>);

impl ReadApis {
    /// Reads a stored document, or takes what was read before.
    ///
    /// - Returns `None` for one that this release no longer takes.
    fn get(
        &self,
        services: &Services,
        api: &ApiRow,
        hash: &str,
    ) -> Result<Option<Arc<Api>>, StoreError> {
        let key = (api.kind == ApiKind::Rest, hash.to_string());
        if let Some(api) = self.lock().get(&key) {
            return Ok(Some(Arc::clone(api)));
        }
        let reader = services.functions.handle.reader();
        let text = tokio::task::block_in_place(|| reader.api_document(&api.id, hash))?;
        let document = serde_json::from_str(&text).unwrap_or_default();
        let parsed = match Api::parse(protocol(api.kind), &document) {
            Ok(parsed) => Arc::new(parsed),
            Err(problems) => {
                tracing::error!(
                    api = api.id,
                    ?problems,
                    "a stored document is not taken by this release"
                );
                return Ok(None);
            }
        };
        let mut apis = self.lock();
        while apis.len() >= APIS_KEPT_MAX {
            apis.pop_first();
        }
        apis.insert(key, Arc::clone(&parsed));
        Ok(Some(parsed))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<(bool, String), Arc<Api>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(crate) fn protocol(kind: ApiKind) -> Protocol {
    match kind {
        ApiKind::Rest => Protocol::Rest,
        ApiKind::Http => Protocol::Http,
    }
}

/// What is called, found.
enum Front {
    Api { kind: ApiKind, api: Arc<Api> },
    Url(FunctionUrl),
}

/// Answers a call of an API or of a function's URL.
pub(crate) async fn answer(
    services: &Services,
    called: Called,
    request: Request<Incoming>,
    peer: SocketAddr,
    request_id: &str,
) -> Response<ReplyBody> {
    let is_by_path = called.is_by_path();
    let response = performed(services, called, request, peer, request_id).await;
    kept_apart(response, is_by_path)
}

async fn performed(
    services: &Services,
    called: Called,
    request: Request<Incoming>,
    peer: SocketAddr,
    request_id: &str,
) -> Response<ReplyBody> {
    let (parts, incoming) = request.into_parts();
    let found = match called.kind {
        Kind::Api => find_api(services, &called, request_id),
        Kind::Url => find_url(services, &called, request_id),
    };
    let (front, mut call, path) = match found {
        Ok(found) => found,
        Err(response) => return written(*response, request_id),
    };
    let limit = match front {
        Front::Api { .. } => API_BODY_BYTES_MAX,
        Front::Url(_) => URL_BODY_BYTES_MAX,
    };
    // The application's own credentials may be anything: only a route that asks for a signature looks at this one.
    let signed = services.access.signed(&parts);
    // Given back before a function runs: what it waits for may call this server, and must find room.
    let unread = Unread::of_anybody(incoming);
    let body = match services.room.read(unread, limit).await {
        Ok((body, _)) => body,
        Err(unreadable) => return written(refused(&front, &unreadable), request_id),
    };
    if services.access.is_required() {
        call.signer = tokio::task::block_in_place(|| signer(signed, &body));
    }
    let request = http_request(&parts, path, body, peer.ip(), services.address, request_id);
    let plan = match &front {
        Front::Api { api, .. } => tokio::task::block_in_place(|| api.plan(&call, &request)),
        Front::Url(url) => url.plan(&call, &request),
    };
    let response = match plan {
        Plan::Answer(response) => response,
        Plan::Invoke(backend) => {
            if let Front::Url(url) = &front
                && url.streams
            {
                return stream::answer(services, url, backend, &request, request_id).await;
            }
            let route = backend.route;
            let outcome = call::perform(services, backend, &request, request_id).await;
            match &front {
                Front::Api { api, .. } => {
                    tokio::task::block_in_place(|| api.finish(route, &call, &request, outcome))
                }
                Front::Url(url) => url.finish(&request, outcome),
            }
        }
    };
    written(response, request_id)
}

type Refused = Box<stepwell_gateway::Response>;

fn refusal(status: u16, message: &str) -> Refused {
    Box::new(stepwell_gateway::Response::message(status, message))
}

/// The API, its call, and the path without the stage.
fn find_api(
    services: &Services,
    called: &Called,
    request_id: &str,
) -> Result<(Front, Call, String), Refused> {
    let reader = services.functions.handle.reader();
    let broken = |error: StoreError| {
        tracing::error!(%error, "the store cannot be read");
        refusal(500, "Internal server error")
    };
    let missing = || refusal(404, &format!("there is no API '{}'", called.id));
    let api = reader
        .api_called(&called.id)
        .map_err(broken)?
        .ok_or_else(missing)?;
    let (stage, path) = stage_of(services, &api, called)?;
    let (document, deployment) = match (&stage.deployment_id, api.kind) {
        (Some(id), ApiKind::Rest) => match reader.api_deployment(&api.id, id).map_err(broken)? {
            Ok(deployment) => (deployment.document, deployment.id),
            Err(_) => return Err(refusal(403, "Forbidden")),
        },
        _ => (api.document.clone(), String::new()),
    };
    let read = services
        .apis
        .get(services, &api, &document)
        .map_err(broken)?;
    let Some(read) = read else {
        return Err(refusal(500, "Internal server error"));
    };
    let mut call = new_call(services, called, request_id);
    call.full_path = match stage.name.as_str() {
        "$default" => path.clone(),
        name => format!("/{name}{path}"),
    };
    call.stage = stage.name;
    call.stage_variables = stage.variables;
    call.deployment_id = deployment;
    let front = Front::Api {
        kind: api.kind,
        api: read,
    };
    Ok((front, call, path))
}

/// The stage that a path names, and the rest of the path.
fn stage_of(
    services: &Services,
    api: &ApiRow,
    called: &Called,
) -> Result<(StageRow, String), Refused> {
    let reader = services.functions.handle.reader();
    let find = |name: &str| {
        let found = reader.api_stage(api.kind, &api.id, name);
        found.ok().and_then(Result::ok)
    };
    let inner = called.path.trim_start_matches('/');
    let (first, rest) = match inner.split_once('/') {
        Some((first, rest)) => (first, format!("/{rest}")),
        None => (inner, "/".to_string()),
    };
    if first != "$default"
        && !first.is_empty()
        && let Some(stage) = find(first)
    {
        return Ok((stage, rest));
    }
    match api.kind {
        // AWS: what names no stage is forbidden.
        ApiKind::Rest => Err(refusal(403, "Forbidden")),
        ApiKind::Http => match find("$default") {
            Some(stage) => Ok((stage, called.path.clone())),
            None => Err(refusal(404, "Not Found")),
        },
    }
}

fn find_url(
    services: &Services,
    called: &Called,
    request_id: &str,
) -> Result<(Front, Call, String), Refused> {
    let reader = services.functions.handle.reader();
    let row = match reader.url_called(&called.id) {
        Ok(Some(row)) => row,
        // AWS: a URL that is not there is forbidden.
        Ok(None) => return Err(refusal(403, "Forbidden")),
        Err(error) => {
            tracing::error!(%error, "the store cannot be read");
            return Err(refusal(500, "Internal server error"));
        }
    };
    let mut call = new_call(services, called, request_id);
    call.full_path.clone_from(&called.path);
    Ok((Front::Url(function_url(row)), call, called.path.clone()))
}

fn function_url(row: FunctionUrlRow) -> FunctionUrl {
    let cors = row.cors.map(|cors| Cors {
        allow_origins: cors.allow_origins.unwrap_or_default(),
        allow_methods: cors.allow_methods.unwrap_or_default(),
        allow_headers: cors.allow_headers.unwrap_or_default(),
        expose_headers: cors.expose_headers.unwrap_or_default(),
        max_age: cors.max_age,
        allow_credentials: cors.allow_credentials.unwrap_or_default(),
    });
    FunctionUrl {
        function: row.arn,
        is_signed: row.auth_type == "AWS_IAM",
        streams: row.invoke_mode == "RESPONSE_STREAM",
        cors,
    }
}

fn signer(signed: Option<Result<(Sender, Proof), Refusal>>, body: &[u8]) -> Signer {
    let checked = signed.unwrap_or(Err(Refusal::Missing));
    let checked = checked.and_then(|(sender, proof)| proof.check(body).map(|()| sender.caller));
    match checked {
        Ok(Caller { user_id, arn, .. }) => Signer::Known { user_id, arn },
        Err(refusal) => Signer::Refused(refusal.message().to_string()),
    }
}

fn new_call(services: &Services, called: &Called, request_id: &str) -> Call {
    let settings = services.functions.handle.settings();
    Call {
        api_id: called.id.clone(),
        account: settings.account.clone(),
        region: settings.region.clone(),
        domain_name: called.domain(&settings.region),
        stage: "$default".to_string(),
        full_path: String::new(),
        stage_variables: BTreeMap::new(),
        deployment_id: String::new(),
        request_id: request_id.to_string(),
        now_ms: shard::now().as_millis(),
        signer: Signer::Anybody,
    }
}

fn refused(front: &Front, unreadable: &Unreadable) -> stepwell_gateway::Response {
    let (status, message) = match (unreadable, front) {
        (
            Unreadable::TooLarge,
            Front::Api {
                kind: ApiKind::Rest,
                ..
            },
        ) => (413, "Request Too Long"),
        (Unreadable::TooLarge, _) => (413, "Request Entity Too Large"),
        (Unreadable::TooSlow, _) => (408, "Request Timeout"),
        (Unreadable::NoRoom, _) => (503, "Service Unavailable"),
        (Unreadable::Broken(_), _) => (400, "Bad Request"),
        (Unreadable::Denied(..), _) => (403, "Forbidden"),
    };
    stepwell_gateway::Response::message(status, message)
}

/// The request as events show it: with what AWS's front adds.
fn http_request(
    parts: &Parts,
    path: String,
    body: Vec<u8>,
    peer: IpAddr,
    address: SocketAddr,
    request_id: &str,
) -> HttpRequest {
    let headers = parts.headers.iter();
    let mut headers: Vec<(String, String)> = headers
        .map(|(name, value)| {
            let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
            (name.as_str().to_string(), value)
        })
        .filter_map(|(name, value)| match name.as_str() {
            "cookie" => access::without_session(&value).map(|value| (name, value)),
            _ => Some((name, value)),
        })
        .collect();
    let mut add =
        |name: &str, value: String| match headers.iter_mut().find(|(header, _)| header == name) {
            Some((_, there)) if name == "x-forwarded-for" => *there = format!("{there}, {value}"),
            Some(_) => {}
            None => headers.push((name.to_string(), value)),
        };
    add("x-forwarded-for", peer.to_string());
    add("x-forwarded-port", address.port().to_string());
    add("x-forwarded-proto", "http".to_string());
    add("x-amzn-trace-id", trace_id(request_id));
    HttpRequest {
        method: parts.method.as_str().to_string(),
        path,
        query: parts.uri.query().unwrap_or_default().to_string(),
        headers,
        body,
        source_ip: peer.to_string(),
    }
}

/// `Root=1-` with the seconds and 24 digits. Source: X-Ray, "Tracing header".
fn trace_id(request_id: &str) -> String {
    let seconds = shard::now().as_millis() / 1_000;
    let digits: String = request_id
        .chars()
        .filter(char::is_ascii_hexdigit)
        .take(24)
        .collect();
    format!("Root=1-{seconds:08x}-{digits}")
}

/// What a response that was called by its path says to a browser: a page of it runs, but has no origin.
///
/// INVARIANT: by its path it would have the origin of the console, and with that could call all of AWS.
const PAGE_OF_ITS_OWN: &str = "sandbox allow-downloads allow-forms allow-modals allow-popups \
    allow-popups-to-escape-sandbox allow-scripts";

fn kept_apart(mut response: Response<ReplyBody>, is_by_path: bool) -> Response<ReplyBody> {
    if is_by_path {
        append(&mut response, "content-security-policy", PAGE_OF_ITS_OWN);
    }
    response
}

fn written(given: stepwell_gateway::Response, request_id: &str) -> Response<ReplyBody> {
    let mut response = Response::new(Either::Left(Full::new(Bytes::from(given.body))));
    *response.status_mut() =
        StatusCode::from_u16(given.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in &given.headers {
        append(&mut response, name, value);
    }
    append(&mut response, "x-amzn-requestid", request_id);
    response
}

/// A name or a value that HTTP does not allow is left out.
fn append(response: &mut Response<ReplyBody>, name: &str, value: &str) {
    if let (Ok(name), Ok(value)) = (
        HeaderName::from_bytes(name.as_bytes()),
        HeaderValue::from_bytes(value.as_bytes()),
    ) {
        response.headers_mut().append(name, value);
    }
}
