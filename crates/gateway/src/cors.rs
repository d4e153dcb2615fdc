//! Cross-origin requests, as HTTP APIs and function URLs answer them.

use serde::Deserialize;

use crate::call::{HttpRequest, Response};

/// Who may read from where. Names as an HTTP API's document spells them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Cors {
    pub allow_origins: Vec<String>,
    pub allow_methods: Vec<String>,
    pub allow_headers: Vec<String>,
    pub expose_headers: Vec<String>,
    /// Seconds.
    pub max_age: Option<i32>,
    pub allow_credentials: bool,
}

impl Cors {
    /// What `Access-Control-Allow-Origin` says to this request; `None`: it is not allowed, or asks for nothing.
    fn allowed<'r>(&self, request: &'r HttpRequest) -> Option<&'r str> {
        let origin = request.header("origin")?;
        let is_allowed = |pattern: &String| match pattern.strip_suffix('*') {
            Some("") => true,
            // AWS: `https://*` and `http://*`.
            Some(prefix) => origin.starts_with(prefix),
            None => origin.eq_ignore_ascii_case(pattern),
        };
        if !self.allow_origins.iter().any(is_allowed) {
            return None;
        }
        let is_any = self.allow_origins.iter().any(|pattern| pattern == "*");
        Some(match is_any && !self.allow_credentials {
            true => "*",
            false => origin,
        })
    }

    /// The answer to a preflight; `None` where the request is none.
    ///
    /// - `status`: 204 for an HTTP API, 200 for a function URL.
    pub(crate) fn preflight(&self, request: &HttpRequest, status: u16) -> Option<Response> {
        let is_preflight = request.method == "OPTIONS"
            && request.header("origin").is_some()
            && request.header("access-control-request-method").is_some();
        if !is_preflight {
            return None;
        }
        let mut response = Response {
            status,
            headers: Vec::new(),
            body: Vec::new(),
        };
        if self.allowed(request).is_none() {
            return Some(response);
        }
        self.apply(request, &mut response);
        for (name, values) in [
            ("access-control-allow-methods", &self.allow_methods),
            ("access-control-allow-headers", &self.allow_headers),
        ] {
            if !values.is_empty() {
                response.set(name, values.join(","));
            }
        }
        if let Some(seconds) = self.max_age {
            response.set("access-control-max-age", seconds.to_string());
        }
        Some(response)
    }

    /// AWS: where CORS is configured, what a function says of it is replaced.
    pub(crate) fn apply(&self, request: &HttpRequest, response: &mut Response) {
        response
            .headers
            .retain(|(name, _)| !name.to_ascii_lowercase().starts_with("access-control-"));
        let Some(origin) = self.allowed(request) else {
            return;
        };
        response.set("access-control-allow-origin", origin);
        if origin != "*" {
            response.set("vary", "Origin");
        }
        if self.allow_credentials {
            response.set("access-control-allow-credentials", "true");
        }
        if !self.expose_headers.is_empty() {
            response.set(
                "access-control-expose-headers",
                self.expose_headers.join(","),
            );
        }
    }
}
