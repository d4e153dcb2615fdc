//! The listener and the way of a request to its service.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{Either, Full};
use hyper::body::Incoming;
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Method, Request, Response, StatusCode};
use stepwell_api::cloudwatch::{self as cloudwatch_api, Call, Protocol};
use stepwell_api::{Form, Reply, apigateway, apigatewayv2, lambda, scheduler, xray};
use stepwell_telemetry::otlp::{trace_header_of_w3c, w3c_of_trace_header};
use tokio::net::TcpListener;

use crate::access::{Access, Sender, Unread};
use crate::backup::{self, Backups};
use crate::body::{Room, Share, Unreadable};
use crate::caller::Names;
use crate::cloudwatch::CloudWatchOperations;
use crate::commits::Commits;
use crate::connections::{Connections, Place};
use crate::console::live::{self, Live};
use crate::console::project::Project;
use crate::console::session;
use crate::console::surveys::{self, Question, Surveys};
use crate::console::{self, Asset};
use crate::front::{self, ReadApis};
use crate::functions::Functions;
use crate::in_flight::InFlight;
use crate::limits::{Limits, in_memory};
use crate::logs::LogOperations;
use crate::mask::Mask;
use crate::otlp::{self, Receiver};
use crate::prometheus::{self, Called as CalledOperation};
use crate::quotas::Rates;
use crate::rest::{self, RestService};
use crate::streaming::ReplyBody;
use crate::test_state::Tests;
use crate::unserved::{Endpoints, Unserved};
use crate::xray::XrayOperations;
use crate::{caller, events, gateway, iam, packages, probes, shard, states};

/// Largest body of a JSON or query request. AWS: an API request is at most 1 MB; JSON inside JSON text
/// takes up to twice its size and more.
pub(crate) const REQUEST_BYTES_MAX: usize = 8 << 20;

/// Largest body of a Lambda request: a 50 MB package in base64, and the fields around it.
const LAMBDA_REQUEST_BYTES_MAX: usize = 72 << 20;

/// A request waits at most this long for the end of the recovery. Source: half of what SDKs wait for an answer.
const RECOVERY_PATIENCE: Duration = Duration::from_secs(30);

/// Where the operations are whose replies come as a function writes them.
const STREAMED: &str = "/2021-11-15/functions/";

/// What SDKs ask the daemon of X-Ray for.
const DAEMON_PATHS: [&str; 2] = ["/GetSamplingRules", "/SamplingTargets"];

/// Operations that wait for functions.
const RUN_FUNCTIONS: [&str; 2] = [".StartSyncExecution", ".TestState"];

/// Everything a request may need.
pub(crate) struct Services {
    pub(crate) functions: Functions,
    pub(crate) logs: LogOperations,
    pub(crate) xray: XrayOperations,
    pub(crate) metrics: CloudWatchOperations,
    pub(crate) tests: Tests,
    pub(crate) room: Arc<Room>,
    pub(crate) apis: ReadApis,
    endpoints: Endpoints,
    /// Where the server listens.
    pub(crate) address: SocketAddr,
    /// What the server is called by.
    pub(crate) names: Names,
    pub(crate) commits: Arc<Commits>,
    pub(crate) limits: Limits,
    pub(crate) rates: Arc<Rates>,
    pub(crate) connections: Arc<Connections>,
    pub(crate) in_flight: Arc<InFlight>,
    pub(crate) backups: Backups,
    console: &'static [Asset],
    pub(crate) access: Arc<Access>,
    pub(crate) mask: Arc<Mask>,
    live: Arc<Live>,
    pub(crate) surveys: Surveys,
    pub(crate) receiver: Arc<Receiver>,
}

impl Services {
    #[expect(
        clippy::too_many_arguments,
        reason = "each is a part of the server that a request may need"
    )]
    pub(crate) fn new(
        functions: Functions,
        logs: LogOperations,
        xray: XrayOperations,
        metrics: CloudWatchOperations,
        endpoints: Endpoints,
        address: SocketAddr,
        names: Names,
        commits: Arc<Commits>,
        limits: Limits,
        rates: Arc<Rates>,
        in_flight: Arc<InFlight>,
        backups: Backups,
        console: &'static [Asset],
        project: Option<Project>,
        access: Arc<Access>,
        mask: Arc<Mask>,
        live: Arc<Live>,
        receiver: Arc<Receiver>,
    ) -> Services {
        Services {
            functions,
            logs,
            xray,
            metrics,
            tests: Tests::default(),
            room: Arc::clone(&receiver.room),
            apis: ReadApis::default(),
            endpoints,
            address,
            names,
            commits,
            rates,
            connections: Arc::new(Connections::new(in_memory(limits.connections))),
            limits,
            in_flight,
            backups,
            console,
            access,
            mask,
            live,
            surveys: Surveys::new(project),
            receiver,
        }
    }
}

/// Where the server really listens.
pub(crate) async fn bind(address: SocketAddr) -> std::io::Result<TcpListener> {
    TcpListener::bind(address).await
}

/// Answers one request.
///
/// - `place`: on a spare place, only probes are answered.
pub(crate) async fn answer(
    services: &Services,
    mut request: Request<Incoming>,
    peer: SocketAddr,
    place: Place,
) -> Response<ReplyBody> {
    let began = Instant::now();
    let request_id = shard::uuid();
    let called = front::called(&request, &services.names);
    let path = request.uri().path();
    if called.is_none() && probes::is_probe(path) {
        let reply = probes::answer(services, request, &request_id);
        return response(reply);
    }
    if called.is_none()
        && place == Place::Own
        && let Some(question) = Question::of(request.method(), path)
    {
        let mut reply = surveys::answer(services, question, request, &request_id).await;
        hide(services, &mut reply, false);
        return console::with_own_headers(response(reply));
    }
    if called.is_none()
        && place == Place::Own
        && console::asked(request.method(), path, request.headers()).is_some()
    {
        return console_response(services, request, &request_id).await;
    }
    if let Err(reply) = admit(services, place, &request_id).await {
        return response(reply);
    }
    let requests = &services.functions.handle.instruments().requests;
    let _in_flight = requests.begin();
    bridge_trace_context(request.headers_mut());
    if let Some(called) = called {
        return front::answer(services, called, request, peer, &request_id).await;
    }
    if let Some(signal) = otlp::signal_of(request.method(), request.uri().path()) {
        let reply = otlp::answer(services, signal, request, peer.ip(), &request_id).await;
        return response(reply);
    }
    if let Some(package) = packages::id_of(request.uri().path())
        && services
            .access
            .opens_package(request.uri().path(), request.uri().query())
    {
        let refused = caller::page_refusal(request.headers(), &services.names);
        return response(match refused {
            Some(message) => error(403, "AccessDeniedException", &message, &request_id),
            None => packages::reply(services, package, &request_id),
        });
    }
    let mut request = match services.access.admit(request, &request_id) {
        Ok(request) => request,
        Err(reply) => {
            // Under no name of the request's own: nobody stands for it.
            let error = prometheus::error_of(&reply);
            requests.answered(
                &CalledOperation::default(),
                error.as_deref(),
                began.elapsed(),
            );
            return response(reply);
        }
    };
    if request.uri().path().starts_with(STREAMED) {
        return match stream(services, request, &request_id).await {
            Ok(response) => response,
            Err(reply) => response(reply),
        };
    }
    if request.method() == Method::POST && is_live_tail(request.headers()) {
        return match live_tail(services, request, &request_id).await {
            Ok(response) => response,
            Err(reply) => response(reply),
        };
    }
    let target = request.uri().path_and_query();
    let target = target.map_or("/", |target| target.as_str());
    let called = CalledOperation::of_head(request.method(), target, request.headers());
    request.extensions_mut().insert(called.clone());
    let trace = header_text(request.headers(), "x-amzn-trace-id");
    let is_masked = services.mask.concerns(request.headers());
    let is_payload = request.uri().path().ends_with("/invocations");
    let mut reply = route(services, request, &request_id).await;
    if is_masked {
        hide(services, &mut reply, is_payload);
    }
    let error = prometheus::error_of(&reply);
    let took = began.elapsed();
    // Under no name of the request's own: its sender may have made it up.
    let called = match error.as_deref() {
        Some("InvalidSignatureException" | "SignatureDoesNotMatch") => CalledOperation::default(),
        _ => called,
    };
    requests.answered(&called, error.as_deref(), took);
    log_answer(
        &reply,
        &called,
        error.as_deref(),
        took,
        &request_id,
        trace.as_deref(),
    );
    response(reply)
}

/// What is below the console's root and no question.
async fn console_response(
    services: &Services,
    request: Request<Incoming>,
    request_id: &str,
) -> Response<ReplyBody> {
    if let Some(message) = caller::page_refusal(request.headers(), &services.names) {
        return response(error(403, "AccessDeniedException", &message, request_id));
    }
    let path = request.uri().path();
    if path == session::PATH {
        let reply = session::answer(services, request, request_id).await;
        return console::with_own_headers(response(reply));
    }
    if path == live::PATH && request.method() == Method::GET {
        let (parts, _) = request.into_parts();
        if let Some(reply) = services.access.refusal(&parts, request_id) {
            return console::with_own_headers(response(reply));
        }
        return live::answer(
            &services.live,
            &parts.headers,
            parts.uri.query(),
            services.access.is_required(),
        )
        .await;
    }
    let (method, headers) = (request.method(), request.headers());
    match console::asked(method, path, headers) {
        Some(asked) => console::answer(services.console, &asked, method, headers),
        None => console::text(StatusCode::NOT_FOUND, "the console has no such path"),
    }
}

/// Hides from a page what it must not show. Reads the whole answer: a large one takes longer than a task may.
fn hide(services: &Services, reply: &mut Reply, is_payload: bool) {
    if services.mask.is_on() {
        tokio::task::block_in_place(|| services.mask.reply(reply, is_payload));
    }
}

/// Answers what an SDK asks the daemon of X-Ray: sampling rules and targets, and nothing else.
pub(crate) async fn answer_daemon(
    services: &Services,
    request: Request<Incoming>,
    place: Place,
) -> Response<ReplyBody> {
    let request_id = shard::uuid();
    let path = request.uri().path();
    if !DAEMON_PATHS.contains(&path) {
        let text = format!("the daemon of X-Ray does not serve {path}");
        return response(error(404, "UnknownOperationException", &text, &request_id));
    }
    if let Err(reply) = admit(services, place, &request_id).await {
        return response(reply);
    }
    let reply = route(services, request.map(Unread::of_anybody), &request_id).await;
    response(reply)
}

/// Says in the server's log what was answered: faults of the server as `info`, everything else as `debug`.
fn log_answer(
    reply: &Reply,
    called: &CalledOperation,
    error: Option<&str>,
    took: Duration,
    request_id: &str,
    trace: Option<&str>,
) {
    let is_fault = reply.status >= 500 && reply.status != 501;
    let is_logged = match is_fault {
        true => tracing::enabled!(tracing::Level::INFO),
        false => tracing::enabled!(tracing::Level::DEBUG),
    };
    if !is_logged {
        return;
    }
    let (service, operation) = called.names();
    let (trace_id, span_id) = trace.and_then(w3c_of_trace_header).unwrap_or_default();
    macro_rules! say {
        ($level:ident) => {
            tracing::$level!(
                service,
                operation,
                status = reply.status,
                error,
                duration_ms = took.as_secs_f64() * 1e3,
                request_id,
                trace_id,
                span_id,
                "answered"
            )
        };
    }
    if is_fault { say!(info) } else { say!(debug) }
}

/// A request of a client that speaks W3C Trace Context gets the header of X-Ray that says the same.
///
/// - `X-Amzn-Trace-Id`, if there is one, counts: AWS's own SDKs send it.
fn bridge_trace_context(headers: &mut HeaderMap) {
    const XRAY: HeaderName = HeaderName::from_static("x-amzn-trace-id");
    if headers.contains_key(&XRAY) {
        return;
    }
    let header = header_text(headers, "traceparent")
        .and_then(|traceparent| trace_header_of_w3c(&traceparent))
        .and_then(|header| HeaderValue::from_str(&header).ok());
    if let Some(header) = header {
        headers.insert(XRAY, header);
    }
}

/// Whether a request is the operation of CloudWatch Logs whose reply goes on.
fn is_live_tail(headers: &HeaderMap) -> bool {
    headers
        .get("x-amz-target")
        .is_some_and(|target| target.as_bytes() == b"Logs_20140328.StartLiveTail")
}

/// StartLiveTail; an error is answered whole.
async fn live_tail(
    services: &Services,
    request: Request<Unread>,
    request_id: &str,
) -> Result<Response<ReplyBody>, Reply> {
    let (parts, incoming) = request.into_parts();
    if let Some(message) = caller::page_refusal(&parts.headers, &services.names) {
        return Err(error(403, "AccessDeniedException", &message, request_id));
    }
    let read = services.room.read(incoming, REQUEST_BYTES_MAX).await;
    let (body, _share) =
        read.map_err(|unreadable| unreadable_reply(unreadable, REQUEST_BYTES_MAX, request_id))?;
    let mask = services
        .mask
        .concerns(&parts.headers)
        .then(|| Arc::clone(&services.mask));
    let started = services.logs.start_live_tail(&body, request_id, mask).await;
    started.map_err(|error| error.reply(request_id))
}

/// Refuses what comes on a connection too many, and lets wait what comes before the recovery is done.
pub(crate) async fn admit(
    services: &Services,
    place: Place,
    request_id: &str,
) -> Result<(), Reply> {
    if place == Place::Spare {
        let (_, most) = services.connections.load();
        let text = format!("{most} connections are open, which is the most; send it again later");
        return Err(error(503, "ServiceUnavailable", &text, request_id));
    }
    let standing = services.functions.handle.standing();
    if standing.is_recovered() {
        return Ok(());
    }
    let recovered = standing.wait_until_recovered();
    tokio::time::timeout(RECOVERY_PATIENCE, recovered)
        .await
        .map_err(|_| {
            let text = "the server is recovering what it did before it was started again";
            error(503, "ServiceUnavailable", text, request_id)
        })
}

/// InvokeWithResponseStream; an error is answered whole.
async fn stream(
    services: &Services,
    request: Request<Unread>,
    request_id: &str,
) -> Result<Response<ReplyBody>, Reply> {
    let (parts, incoming) = request.into_parts();
    if let Some(message) = caller::page_refusal(&parts.headers, &services.names) {
        return Err(error(403, "AccessDeniedException", &message, request_id));
    }
    if services.mask.concerns(&parts.headers) {
        let text = "a stream cannot be masked, so pages do not get one while [console] mask is set";
        return Err(error(403, "AccessDeniedException", text, request_id));
    }
    let target = parts.uri.path_and_query();
    let target = target.map_or(parts.uri.path(), |target| target.as_str());
    let routed =
        lambda::route(parts.method.as_str(), target).map_err(|error| error.reply(request_id))?;
    if routed.operation != lambda::Operation::InvokeWithResponseStream {
        return Err(not_implemented(routed.operation.name(), request_id));
    }
    let limit = LAMBDA_REQUEST_BYTES_MAX;
    let read = services.room.read(incoming, limit).await;
    // What it waits for may call this server, and must find room.
    let (body, _) = read.map_err(|unreadable| unreadable_reply(unreadable, limit, request_id))?;
    let header = |name: &str| header_text(&parts.headers, name);
    let answered = async {
        let input = lambda::decode(&routed, &header, body)?;
        let trace_id = header("x-amzn-trace-id");
        let functions = &services.functions;
        functions
            .invoke_with_response_stream(input, trace_id, request_id)
            .await
    };
    let answered: Result<_, lambda::Error> = answered.await;
    answered.map_err(|error| error.reply(request_id))
}

async fn route(services: &Services, request: Request<Unread>, request_id: &str) -> Reply {
    let (parts, incoming) = request.into_parts();
    if let Some(message) = refused_caller(&parts, &services.names) {
        return error(403, "AccessDeniedException", &message, request_id);
    }
    if let Some(unserved) = Unserved::of(&parts) {
        // Read for what it calls, and because a client may send all of it before it reads.
        let read = services.room.read(incoming, REQUEST_BYTES_MAX).await;
        if let Err(Unreadable::Denied(refusal, wire)) = &read {
            return refusal.reply(*wire, request_id);
        }
        let body = read.map(|(body, _)| body).unwrap_or_default();
        return unserved
            .with_body(&body)
            .reply(&services.endpoints, request_id);
    }
    let target = parts
        .headers
        .get("x-amz-target")
        .and_then(|value| value.to_str().ok())
        .map(str::to_string);
    let path = parts.uri.path();
    if path == "/" && parts.method == Method::POST {
        let read = services.room.read(incoming, REQUEST_BYTES_MAX).await;
        let read = read.and_then(|read| unpacked(&services.room, &parts.headers, read));
        let (body, share) = match read {
            Ok(read) => read,
            Err(unreadable) => return unreadable_reply(unreadable, REQUEST_BYTES_MAX, request_id),
        };
        let runs_functions = target
            .as_deref()
            .is_some_and(|target| RUN_FUNCTIONS.iter().any(|name| target.ends_with(name)));
        let _share = held(share, runs_functions);
        if let Some(text) = services.mask.refusal(&parts.headers, &body) {
            return error(400, "ValidationException", &text, request_id);
        }
        return operation(services, &parts, target.as_deref(), &body, request_id).await;
    }
    if let Some(operation) = cloudwatch_operation(path)
        && parts.method == Method::POST
    {
        let read = services.room.read(incoming, REQUEST_BYTES_MAX).await;
        let sent = read.as_ref().map_or(0, |(sent, _)| sent.len());
        let read = read.and_then(|read| unpacked(&services.room, &parts.headers, read));
        let (body, _share) = match read {
            Ok(read) => read,
            Err(unreadable) => return unreadable_reply(unreadable, REQUEST_BYTES_MAX, request_id),
        };
        let call = Call::of_path(operation, &body);
        let metrics = &services.metrics;
        return metrics.answer(Protocol::Cbor, call, sent, request_id).await;
    }
    if path == "/backup" {
        return backup::answer(services, &parts.method, incoming, request_id).await;
    }
    if let Some(package) = packages::id_of(path) {
        return match services.room.read(incoming, REQUEST_BYTES_MAX).await {
            Ok(_) => packages::reply(services, package, request_id),
            Err(unreadable) => unreadable_reply(unreadable, REQUEST_BYTES_MAX, request_id),
        };
    }
    let target = parts
        .uri
        .path_and_query()
        .map_or(path, |target| target.as_str());
    let method = parts.method.as_str();
    let service = rest::service_of(path);
    if service != RestService::Lambda {
        return other_rest(services, service, &parts, target, incoming, request_id).await;
    }
    let routed = match lambda::route(method, target) {
        Ok(routed) => routed,
        Err(error) => return error.reply(request_id),
    };
    let read = services.room.read(incoming, LAMBDA_REQUEST_BYTES_MAX).await;
    let (body, share) = match read {
        Ok(read) => read,
        Err(unreadable) => {
            return unreadable_reply(unreadable, LAMBDA_REQUEST_BYTES_MAX, request_id);
        }
    };
    let _share = held(share, routed.operation == lambda::Operation::Invoke);
    if let Some(text) = services.mask.refusal(&parts.headers, &body) {
        return error(400, "ValidationException", &text, request_id);
    }
    let headers = parts.headers;
    services
        .functions
        .answer(
            &routed,
            &|name| header_text(&headers, name),
            body,
            request_id,
        )
        .await
}

/// Why a request is refused for where it comes from, or `None`. The console calls operations of AWS; a backup writes
/// to the machine's disk, which no page does.
fn refused_caller(parts: &Parts, names: &Names) -> Option<String> {
    match parts.uri.path() {
        "/backup" => caller::refusal(&parts.headers, names),
        _ => caller::page_refusal(&parts.headers, names),
    }
}

/// A service that is bound to paths and is not Lambda.
async fn other_rest(
    services: &Services,
    service: RestService,
    parts: &Parts,
    target: &str,
    incoming: Unread,
    request_id: &str,
) -> Reply {
    let method = parts.method.as_str();
    let handle = &services.functions.handle;
    let (body, _share) = match services.room.read(incoming, REQUEST_BYTES_MAX).await {
        Ok(read) => read,
        Err(unreadable) => return unreadable_reply(unreadable, REQUEST_BYTES_MAX, request_id),
    };
    let header = |name: &str| header_text(&parts.headers, name);
    match service {
        RestService::Scheduler => match scheduler::route(method, target) {
            Ok(routed) => crate::scheduler::answer(handle, &routed, body, request_id).await,
            Err(error) => error.reply(request_id),
        },
        RestService::RestApis => match apigateway::route(method, target) {
            Ok(routed) => gateway::answer_rest(handle, &routed, &header, body, request_id).await,
            Err(error) => error.reply(request_id),
        },
        RestService::HttpApis => match apigatewayv2::route(method, target) {
            Ok(routed) => {
                let endpoint = match header("host") {
                    Some(host) => format!("http://{host}"),
                    None => services.functions.endpoint_url.clone(),
                };
                gateway::answer_http(handle, &endpoint, &routed, &header, body, request_id).await
            }
            Err(error) => error.reply(request_id),
        },
        RestService::Xray => match xray::route(method, target) {
            Ok(routed) => services.xray.answer(&routed, body, request_id).await,
            Err(error) => error.reply(request_id),
        },
        RestService::Lambda => not_implemented("Lambda at this path", request_id),
    }
}

/// The share that a request keeps until it is answered.
///
/// One that runs functions keeps none: what it waits for may call this server, and must find room. Its input is
/// bounded by the number of executions and invocations.
fn held(share: Share, runs_functions: bool) -> Option<Share> {
    (!runs_functions).then_some(share)
}

/// One of the services that share `POST /`.
async fn operation(
    services: &Services,
    parts: &Parts,
    target: Option<&str>,
    body: &[u8],
    request_id: &str,
) -> Reply {
    let handle = &services.functions.handle;
    let Some(target) = target else {
        let form = Form::parse(body);
        if let (Some(called), Some(action)) =
            (parts.extensions.get::<CalledOperation>(), form.action())
        {
            called.say(prometheus::service_of_version(form.version()), action);
        }
        if let Some(call) = Call::of_form(&form) {
            let metrics = &services.metrics;
            return metrics
                .answer(Protocol::Query, call, body.len(), request_id)
                .await;
        }
        let access = &services.access;
        let sender = parts.extensions.get::<Sender>().cloned();
        let sender = sender.unwrap_or_else(|| access.anybody());
        if let Some(reply) = iam::answer(handle, access, &sender, &form, request_id).await {
            return reply;
        }
        return match form.action() {
            Some(action) => not_implemented(action, request_id),
            None => {
                states::answer(
                    &services.functions,
                    &services.tests,
                    &services.rates,
                    "",
                    body,
                    header_text(&parts.headers, "x-amzn-trace-id"),
                    request_id,
                )
                .await
            }
        };
    };
    match target.split_once('.') {
        Some(("AWSStepFunctions", _)) | None => {
            states::answer(
                &services.functions,
                &services.tests,
                &services.rates,
                target,
                body,
                header_text(&parts.headers, "x-amzn-trace-id"),
                request_id,
            )
            .await
        }
        Some(("AWSEvents", _)) => events::answer(handle, target, body, request_id).await,
        Some((cloudwatch_api::SERVICE, operation)) => {
            let metrics = &services.metrics;
            let call = Call::of_target(operation, body);
            metrics
                .answer(Protocol::Json, call, body.len(), request_id)
                .await
        }
        Some(("Logs_20140328", _)) => services.logs.answer(target, body, request_id).await,
        Some(_) => Unserved::of_any(parts).reply(&services.endpoints, request_id),
    }
}

/// The body without its packing. SDKs pack the larger requests of PutMetricData with gzip.
fn unpacked(
    room: &Room,
    headers: &HeaderMap,
    read: (Vec<u8>, Share),
) -> Result<(Vec<u8>, Share), Unreadable> {
    let is_packed = headers
        .get("content-encoding")
        .is_some_and(|encoding| encoding.as_bytes().eq_ignore_ascii_case(b"gzip"));
    match is_packed {
        true => room.unpack(read, REQUEST_BYTES_MAX),
        false => Ok(read),
    }
}

/// The operation of a path of RPC v2 CBOR: `/service/SERVICE/operation/NAME`.
fn cloudwatch_operation(path: &str) -> Option<&str> {
    let (service, operation) = path.strip_prefix("/service/")?.split_once("/operation/")?;
    (service == cloudwatch_api::SERVICE).then_some(operation)
}

pub(crate) fn unreadable_reply(unreadable: Unreadable, limit: usize, request_id: &str) -> Reply {
    let (status, kind, message) = match unreadable {
        Unreadable::Denied(refusal, wire) => return refusal.reply(wire, request_id),
        Unreadable::TooLarge => (
            413,
            "RequestEntityTooLargeException",
            format!("the request body is over the limit of {limit} bytes"),
        ),
        Unreadable::TooSlow => (
            408,
            "RequestTimeoutException",
            "the request body did not arrive in time".to_string(),
        ),
        Unreadable::NoRoom => (
            503,
            "ServiceUnavailable",
            "the room for all request bodies is in use; send it again later".to_string(),
        ),
        Unreadable::Broken(error) => (
            400,
            "SerializationException",
            format!("the request body broke off: {error}"),
        ),
    };
    error(status, kind, &message, request_id)
}

pub(crate) fn error(status: u16, kind: &str, message: &str, request_id: &str) -> Reply {
    let body = serde_json::json!({ "__type": kind, "message": message });
    json(status, &body, request_id)
}

/// What is not built answers 501 and says its name.
fn not_implemented(what: &str, request_id: &str) -> Reply {
    let message = format!("Stepwell does not implement {what} yet");
    let mut reply = json(
        501,
        &serde_json::json!({ "__type": "NotImplemented", "message": message }),
        request_id,
    );
    reply
        .headers
        .push(("x-amzn-errortype", "NotImplemented".to_string()));
    reply
}

pub(crate) fn json(status: u16, body: &serde_json::Value, request_id: &str) -> Reply {
    Reply {
        status,
        headers: vec![
            ("x-amzn-requestid", request_id.to_string()),
            ("content-type", "application/x-amz-json-1.0".to_string()),
        ],
        body: body.to_string().into_bytes(),
    }
}

fn header_text(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_string)
}

fn response(reply: Reply) -> Response<ReplyBody> {
    let mut response = Response::new(Either::Left(Full::new(Bytes::from(reply.body))));
    *response.status_mut() =
        StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in reply.headers {
        if let Ok(value) = HeaderValue::from_str(&value) {
            response
                .headers_mut()
                .insert(HeaderName::from_static(name), value);
        }
    }
    response
}
