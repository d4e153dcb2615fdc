//! The session of the console, where the server asks for access keys: it begins with one, and a cookie carries it.
//!
//! - `GET`: whether one is needed, and who is signed in.
//! - `POST {"accessKeyId", "secretAccessKey"}`: signs in. `DELETE`: signs out.

use hyper::body::Incoming;
use hyper::{Method, Request};
use serde::Deserialize;
use serde_json::json;
use stepwell_api::Reply;

use crate::access::{Access, COOKIE_NAME, SECURE_COOKIE_NAME, SESSION_SECONDS, Unread};
use crate::http::{Services, error, json, unreadable_reply};

/// Where the session is.
pub(crate) const PATH: &str = "/console/session";

/// Bytes of an access key and its secret, and what is around them.
const BYTES_MAX: usize = 4 << 10;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SignIn {
    access_key_id: String,
    secret_access_key: String,
}

pub(crate) async fn answer(
    services: &Services,
    request: Request<Incoming>,
    request_id: &str,
) -> Reply {
    let (parts, incoming) = request.into_parts();
    let access = &services.access;
    // A proxy in front that speaks TLS says so.
    let is_secure = parts
        .headers
        .get("x-forwarded-proto")
        .is_some_and(|scheme| scheme == "https");
    match parts.method {
        Method::GET | Method::HEAD => {
            let user = access.signed_in(&parts.headers);
            let body = json!({ "isRequired": access.is_required(), "user": user });
            json(200, &body, request_id)
        }
        Method::POST => {
            let unread = Unread::of_anybody(incoming);
            match services.room.read(unread, BYTES_MAX).await {
                Ok((body, _share)) => sign_in(access, &body, is_secure, request_id),
                Err(unreadable) => unreadable_reply(unreadable, BYTES_MAX, request_id),
            }
        }
        Method::DELETE => with_cookie("", 0, is_secure, request_id),
        method => {
            let text = format!("{PATH} takes GET, POST and DELETE, not {method}");
            error(405, "MethodNotAllowed", &text, request_id)
        }
    }
}

fn sign_in(access: &Access, body: &[u8], is_secure: bool, request_id: &str) -> Reply {
    if !access.is_required() {
        let text = "this server takes anybody: it was started without --access-keys";
        return error(400, "ValidationException", text, request_id);
    }
    let asked: SignIn = match serde_json::from_slice(body) {
        Ok(asked) => asked,
        Err(reason) => {
            let text = format!("accessKeyId and secretAccessKey are needed, as JSON: {reason}");
            return error(400, "SerializationException", &text, request_id);
        }
    };
    match access.sign_in(asked.access_key_id.trim(), asked.secret_access_key.trim()) {
        Ok(token) => with_cookie(&token, SESSION_SECONDS, is_secure, request_id),
        Err(_) => {
            let text = "There is no such access key, or its secret is another one.";
            error(403, "UnrecognizedClientException", text, request_id)
        }
    }
}

/// No script reads it, and no page of another site sends it.
fn with_cookie(token: &str, seconds: i64, is_secure: bool, request_id: &str) -> Reply {
    let (name, secure) = match is_secure {
        true => (SECURE_COOKIE_NAME, "; Secure"),
        false => (COOKIE_NAME, ""),
    };
    let cookie =
        format!("{name}={token}; Path=/; HttpOnly; SameSite=Strict; Max-Age={seconds}{secure}");
    Reply {
        status: 204,
        headers: vec![
            ("x-amzn-requestid", request_id.to_string()),
            ("set-cookie", cookie),
        ],
        body: Vec::new(),
    }
}
