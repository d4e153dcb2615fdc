//! The HTTP front of applications: REST APIs and HTTP APIs of API Gateway, and URLs of Lambda functions.
//!
//! Lives here: reading an OpenAPI document with API Gateway's extensions into a closed table of routes, choosing a
//! route, the event that a function gets and the response that becomes of its reply, mapping templates (the part of
//! VTL that is built), parameter mappings, CORS.
//!
//! Never here: sockets, calling a function or a service, durable state, clock, randomness.
//!
//! Read first: [`Api::parse`], then [`Api::plan`] and [`Api::finish`].
//!
//! What is not built is refused by name when a document is read; nothing that a document asks for is dropped in
//! silence, and least of all what would keep a caller out.

mod api;
mod authorization;
mod call;
mod cors;
mod document;
mod event;
mod function_url;
mod gateway_response;
mod http_api;
mod integration;
mod json_path;
mod media;
mod merge;
mod parameters;
mod reply;
mod rest_api;
mod route;
mod text;
pub mod vtl;

pub use api::{Api, Description, Protocol, RouteDescription};
pub use call::{
    Backend, Call, HEADERS_MAX, HttpRequest, Outcome, Plan, Response, SERVICE_OPERATIONS, Signer,
    Target,
};
pub use cors::Cors;
pub use document::{DOCUMENT_BYTES_MAX, parse_document};
pub use function_url::FunctionUrl;
pub use http_api::HttpApi;
pub use integration::TIMEOUT_MS_MAX;
pub use merge::{merged, without_extensions};
pub use rest_api::{RestApi, resource_id};
pub use route::ROUTES_MAX;
