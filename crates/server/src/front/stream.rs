//! A function's URL that streams: the response goes out while the function writes it.

use hyper::Response;
use stepwell_gateway::{Backend, FunctionUrl, HttpRequest, Outcome, Target};

use super::call::{invocation, unavailable};
use super::{append, written};
use crate::http::Services;
use crate::streaming::ReplyBody;

/// Calls the function and gives its response as soon as that has begun.
pub(super) async fn answer(
    services: &Services,
    url: &FunctionUrl,
    backend: Backend,
    request: &HttpRequest,
    request_id: &str,
) -> Response<ReplyBody> {
    match begun(services, backend, request, request_id).await {
        Ok(mut response) => {
            if let Some(cors) = url.cors_headers(request) {
                let headers = response.headers_mut();
                let said: Vec<_> = headers
                    .keys()
                    .filter(|name| name.as_str().starts_with("access-control-"))
                    .cloned()
                    .collect();
                for name in said {
                    headers.remove(name);
                }
                for (name, value) in cors {
                    append(&mut response, &name, &value);
                }
            }
            append(&mut response, "x-amzn-requestid", request_id);
            response
        }
        Err(outcome) => written(url.finish(request, outcome), request_id),
    }
}

async fn begun(
    services: &Services,
    backend: Backend,
    request: &HttpRequest,
    request_id: &str,
) -> Result<Response<ReplyBody>, Outcome> {
    let Target::Function { function, payload } = backend.target else {
        return Err(Outcome::Unavailable { throttled: false });
    };
    let invocation = invocation(&function, payload, request, request_id);
    let functions = &services.functions;
    let streamed = functions
        .invoke_streaming(&function, None, invocation)
        .await;
    let streamed = streamed.map_err(|unrun| unavailable(&unrun))?;
    if streamed.content_type.is_some() {
        let response = streamed.into_http().await;
        return response.ok_or(Outcome::Unavailable { throttled: false });
    }
    // Over before its first byte.
    Err(match streamed.end.await {
        Ok(Ok(reply)) => Outcome::Function {
            failed: reply.function_error.is_some(),
            payload: reply.payload.to_vec(),
        },
        Ok(Err(unrun)) => unavailable(&unrun),
        Err(_) => Outcome::Unavailable { throttled: false },
    })
}
