//! The console: files of a single page that the program brings along, and the way to them.
//!
//! The files come with [`crate::Options`], compressed when they were built. The page is a client of the AWS API like
//! any other; what it may do is in its content security policy and in [`crate::caller`].

pub(crate) mod live;
pub(crate) mod project;
pub(crate) mod session;
pub(crate) mod surveys;

use bytes::Bytes;
use http_body_util::{Either, Full};
use hyper::header::{
    ACCEPT, ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, HeaderMap,
    HeaderName, HeaderValue, IF_NONE_MATCH, LOCATION, VARY,
};
use hyper::{Method, Response, StatusCode};

use crate::streaming::ReplyBody;

/// Where the console is.
pub(crate) const ROOT: &str = "/console/";

/// The page that every path of the console begins with; its script reads the rest of the path.
const PAGE: &str = "index.html";

/// Files whose names hold their hash: they never change.
const HASHED: &str = "assets/";

/// What a server without a console shows in its place.
const NOT_BUILT: &str = "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>Stepwell</title>\n\
    <h1>The console is not in this binary</h1>\n\
    <p>The server works. To have its console, build that first and then the server, in the directory of the \
    project:</p>\n<pre>npm --prefix console ci\nnpm --prefix console run build\ncargo build</pre>\n</html>\n";

/// The page runs its own scripts and nothing else, calls this server and nobody else, and nobody frames it.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
    font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const HEADERS: [(&str, &str); 7] = [
    ("content-security-policy", POLICY),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    (
        "permissions-policy",
        "camera=(), geolocation=(), microphone=()",
    ),
];

/// A file of the console, as it is and compressed.
#[derive(Debug, Clone, Copy)]
pub struct Asset {
    /// Below the console's root: `assets/index-B2x8.js`.
    pub path: &'static str,
    pub content_type: &'static str,
    /// With its quotation marks; another one for other bytes.
    pub etag: &'static str,
    pub plain: &'static [u8],
    pub gzip: &'static [u8],
    pub brotli: &'static [u8],
}

/// What a request for the console asks for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Asked<'a> {
    /// Another address is meant.
    Root,
    /// A file, by its path below the root.
    File(&'a str),
}

/// What a request asks of the console; `None` if it asks something else.
///
/// - `/` is AWS's, for a program. A browser that comes there says that it takes HTML, and is sent to the console.
pub(crate) fn asked<'a>(method: &Method, path: &'a str, headers: &HeaderMap) -> Option<Asked<'a>> {
    if path == "/" && *method == Method::GET {
        let accepted = headers.get(ACCEPT)?.to_str().ok()?;
        return accepted.contains("text/html").then_some(Asked::Root);
    }
    if path == ROOT.trim_end_matches('/') {
        return Some(Asked::Root);
    }
    path.strip_prefix(ROOT).map(Asked::File)
}

/// A file of the console, or its page where the path is one of the page's own.
pub(crate) fn answer(
    assets: &'static [Asset],
    asked: &Asked,
    method: &Method,
    headers: &HeaderMap,
) -> Response<ReplyBody> {
    if *method != Method::GET && *method != Method::HEAD {
        return text(StatusCode::METHOD_NOT_ALLOWED, "the console takes GET");
    }
    let path = match asked {
        Asked::Root => {
            let mut response = text(StatusCode::FOUND, "");
            let headers = response.headers_mut();
            headers.insert(LOCATION, HeaderValue::from_static(ROOT));
            headers.insert(VARY, HeaderValue::from_static("accept"));
            return response;
        }
        Asked::File(path) => *path,
    };
    let found = |path: &str| assets.iter().find(|asset| asset.path == path);
    if let Some(asset) = found(path) {
        return file(asset, headers);
    }
    if path.starts_with(HASHED) {
        return text(
            StatusCode::NOT_FOUND,
            "the console has no such file; load its page again",
        );
    }
    match found(PAGE) {
        Some(page) => file(page, headers),
        None => with_headers(
            StatusCode::OK,
            "text/html; charset=utf-8",
            Bytes::from_static(NOT_BUILT.as_bytes()),
        ),
    }
}

fn file(asset: &Asset, headers: &HeaderMap) -> Response<ReplyBody> {
    let cached = match asset.path.starts_with(HASHED) {
        true => "public, max-age=31536000, immutable",
        false => "no-cache",
    };
    let text_of = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let is_known = text_of(IF_NONE_MATCH).is_some_and(|known| known.contains(asset.etag));
    let (encoding, body) = encoded(asset, text_of(ACCEPT_ENCODING).unwrap_or_default());
    let (status, body) = match is_known {
        true => (StatusCode::NOT_MODIFIED, &[][..]),
        false => (StatusCode::OK, body),
    };
    let mut response = with_headers(status, asset.content_type, Bytes::from_static(body));
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(cached));
    headers.insert(ETAG, HeaderValue::from_static(asset.etag));
    headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
    if let Some(encoding) = encoding.filter(|_| !is_known) {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static(encoding));
    }
    response
}

/// The smallest form that the client takes. Browsers offer Brotli only where nobody in between can meddle.
fn encoded(asset: &Asset, accepted: &str) -> (Option<&'static str>, &'static [u8]) {
    let takes = |name: &str| {
        accepted.split(',').any(|offer| {
            let (coding, weight) = offer.split_once(';').unwrap_or((offer, ""));
            coding.trim().eq_ignore_ascii_case(name) && !matches!(weight.trim(), "q=0" | "q=0.0")
        })
    };
    let forms = [("br", asset.brotli), ("gzip", asset.gzip)];
    let taken = forms
        .into_iter()
        .find(|(name, bytes)| !bytes.is_empty() && takes(name));
    match taken {
        Some((name, bytes)) => (Some(name), bytes),
        None => (None, asset.plain),
    }
}

/// What the console's own endpoints answer: nobody else's page reads it, and nothing keeps it.
pub(crate) fn with_own_headers(mut response: Response<ReplyBody>) -> Response<ReplyBody> {
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    for (name, value) in HEADERS {
        headers.insert(
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        );
    }
    response
}

/// A few words in place of a file.
pub(crate) fn text(status: StatusCode, said: &'static str) -> Response<ReplyBody> {
    with_headers(
        status,
        "text/plain; charset=utf-8",
        Bytes::from_static(said.as_bytes()),
    )
}

fn with_headers(
    status: StatusCode,
    content_type: &'static str,
    body: Bytes,
) -> Response<ReplyBody> {
    let mut response = Response::new(Either::Left(Full::new(body)));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    for (name, value) in HEADERS {
        headers.insert(
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        );
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    const ASSETS: &[Asset] = &[
        Asset {
            path: "index.html",
            content_type: "text/html; charset=utf-8",
            etag: "\"1\"",
            plain: b"<page>",
            gzip: b"gz page",
            brotli: b"br page",
        },
        Asset {
            path: "assets/a-1.js",
            content_type: "text/javascript",
            etag: "\"2\"",
            plain: b"code",
            gzip: b"",
            brotli: b"",
        },
    ];

    fn headers(given: &[(&'static str, &'static str)]) -> HeaderMap {
        let pair = |(name, value): &(&'static str, &'static str)| {
            (
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            )
        };
        given.iter().map(pair).collect()
    }

    /// Status, type, encoding, caching.
    fn get(path: &str, given: &[(&'static str, &'static str)]) -> (u16, String, String, String) {
        let headers = headers(given);
        let asked = asked(&Method::GET, path, &headers).expect("it is the console's");
        let response = answer(ASSETS, &asked, &Method::GET, &headers);
        let said = |name: HeaderName| {
            let value = response.headers().get(name);
            value
                .map(|value| value.to_str().expect("text").to_string())
                .unwrap_or_default()
        };
        assert_eq!(
            said(HeaderName::from_static("content-security-policy")),
            POLICY,
            "every answer has the policy"
        );
        (
            response.status().as_u16(),
            said(CONTENT_TYPE),
            said(CONTENT_ENCODING),
            said(CACHE_CONTROL),
        )
    }

    #[test]
    fn a_file_comes_in_the_smallest_form_that_is_taken() {
        let page = |encoding: &str| {
            let text = "text/html; charset=utf-8".to_string();
            (200, text, encoding.to_string(), "no-cache".to_string())
        };
        let all = [("accept-encoding", "gzip, deflate, br")];
        assert_eq!(get("/console/", &all), page("br"));
        assert_eq!(
            get("/console/", &[("accept-encoding", "br;q=0, gzip")]),
            page("gzip")
        );
        assert_eq!(get("/console/", &[]), page(""));
        // A path of the page's own.
        assert_eq!(get("/console/executions/arn:aws:x", &all), page("br"));
        let (status, _, encoding, cached) = get("/console/assets/a-1.js", &all);
        assert_eq!((status, encoding.as_str()), (200, ""));
        assert!(cached.ends_with("immutable"));
    }

    #[test]
    fn what_is_known_is_not_sent_again_and_what_is_gone_is_not_the_page() {
        assert_eq!(get("/console/", &[("if-none-match", "\"1\"")]).0, 304);
        assert_eq!(get("/console/", &[("if-none-match", "\"0\"")]).0, 200);
        assert_eq!(get("/console/assets/a-0.js", &[]).0, 404);
    }

    #[test]
    fn a_browser_at_the_root_is_sent_to_the_console_and_a_program_is_not() {
        let root =
            |given: &[(&'static str, &'static str)], method| asked(&method, "/", &headers(given));
        let browser = [("accept", "text/html,application/xhtml+xml,*/*;q=0.8")];
        assert_eq!(root(&browser, Method::GET), Some(Asked::Root));
        assert_eq!(root(&[("accept", "*/*")], Method::GET), None);
        assert_eq!(root(&[], Method::GET), None);
        assert_eq!(root(&browser, Method::POST), None);
        assert_eq!(get("/console", &[]).0, 302);
    }

    #[test]
    fn a_server_without_a_console_says_how_to_build_one() {
        let response = answer(&[], &Asked::File(""), &Method::GET, &HeaderMap::default());
        assert_eq!(response.status(), 200);
        assert!(NOT_BUILT.contains("npm --prefix console run build"));
    }
}
