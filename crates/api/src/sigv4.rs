//! Signature Version 4: how a request says who sends it; made for what is sent, read and checked for what comes.
//!
//! Source: IAM user guide, "AWS Signature Version 4 for API requests"; error names and texts as AWS's services give them.
//!
//! - A signature is read from `Authorization` or, for a presigned address, from the query.
//! - Region and service of a scope are the signer's: any are taken, and both go into the key.
//! - `x-amz-content-sha256: UNSIGNED-PAYLOAD` is refused, and so is every `x-amz-` header that is not signed: what is not
//!   signed can be changed on its way.
//! - A signature does not see `.`, `..` and empty segments of a path. Who routes by the path does, so the first two are
//!   refused; the third is signed by SDKs.

use std::borrow::Cow;
use std::fmt::Write as _;

use hmac::{Hmac, Mac as _};
use sha2::{Digest as _, Sha256};

use crate::query;
use crate::rest::percent_decoded;
use crate::tree::Tree;
use crate::{DateTime, Reply, cbor, hex, unhex};

const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// How far a signature's time may be from the server's. AWS: 5 minutes.
const SKEW_MS: i64 = 5 * 60_000;

/// Longest life of a presigned address. AWS: 7 days.
const EXPIRES_SECONDS_MAX: i64 = 604_800;

/// Most headers that a signature covers.
const SIGNED_HEADERS_MAX: usize = 64;

/// Headers that need no signature: a token says itself whose it is, a date is in what is signed, a hash is compared.
const CHECKED_HEADERS: [&str; 3] = ["x-amz-security-token", "x-amz-date", "x-amz-content-sha256"];

/// What a request is signed with.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// `AKIA…` of a user, `ASIA…` of a session.
    pub access_key_id: String,
    /// Never sent.
    pub secret_access_key: String,
    /// Of temporary credentials; sent along.
    pub session_token: Option<String>,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Credentials({})", self.access_key_id)
    }
}

/// Where and when a request is made.
#[derive(Debug, Clone, Copy)]
pub struct Scope<'a> {
    /// The region that is called.
    pub region: &'a str,
    /// The name of the service in signatures, such as `states`.
    pub service: &'a str,
    /// Milliseconds since 1970.
    pub now_ms: i64,
}

/// What of a request is signed.
#[derive(Debug, Clone, Copy)]
pub struct Outgoing<'a> {
    /// Upper case.
    pub method: &'a str,
    /// As it is sent; begins with `/`.
    pub path: &'a str,
    /// As it is sent, without `?`.
    pub query: &'a str,
    /// Names in lower case, with `host` among them; those of the signature are added.
    pub headers: &'a [(&'a str, &'a str)],
    /// As it is sent.
    pub body: &'a [u8],
}

/// The headers that sign a request: `x-amz-date`, `authorization`, and `x-amz-security-token` of a session.
pub fn sign(
    credentials: &Credentials,
    scope: &Scope<'_>,
    request: &Outgoing<'_>,
) -> Vec<(&'static str, String)> {
    // 2023-11-14T22:13:20Z without its punctuation.
    let date = compact(scope.now_ms);
    let mut added = vec![("x-amz-date", date.clone())];
    if let Some(token) = &credentials.session_token {
        added.push(("x-amz-security-token", token.clone()));
    }
    let mut headers: Vec<(&str, &str)> = request.headers.to_vec();
    headers.extend(added.iter().map(|(name, value)| (*name, value.as_str())));
    headers.sort_unstable();
    let names: Vec<&str> = headers.iter().map(|(name, _)| *name).collect();
    let names = names.join(";");
    let mut text = canonical_head(request.method, request.path, request.query);
    for (name, value) in &headers {
        push_header(&mut text, name, value);
    }
    let _ = write!(text, "\n{names}\n{}", sha256_hex(request.body));
    let place = format!(
        "{}/{}/{}/aws4_request",
        &date[..8],
        scope.region,
        scope.service
    );
    let signature = mac(&credentials.secret_access_key, &date, &place, &text)
        .finalize()
        .into_bytes();
    let authorization = format!(
        "{ALGORITHM} Credential={}/{place}, SignedHeaders={names}, Signature={}",
        credentials.access_key_id,
        hex(&signature)
    );
    added.push(("authorization", authorization));
    added
}

/// A request as its signature sees it.
#[derive(Debug, Clone, Copy)]
pub struct Incoming<'a> {
    /// Upper case.
    pub method: &'a str,
    /// As it was sent.
    pub path: &'a str,
    /// As it was sent, without `?`.
    pub query: &'a str,
    /// In order; names in lower case.
    pub headers: &'a [(&'a str, Cow<'a, str>)],
}

impl Incoming<'_> {
    /// The values of a header, joined by commas; `None` if it is not there.
    fn header(&self, wanted: &str) -> Option<String> {
        let values = self.headers.iter().filter(|(name, _)| *name == wanted);
        let values: Vec<&str> = values.map(|(_, value)| value.as_ref()).collect();
        (!values.is_empty()).then(|| values.join(","))
    }
}

/// Who a request says it comes from. Nothing of it is known to be true before [`Claim::check`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// Whose secret it says it was signed with.
    pub access_key_id: String,
    /// Of temporary credentials.
    pub session_token: Option<String>,
    date: String,
    signed_ms: i64,
    /// Of a presigned address, in milliseconds.
    life_ms: Option<i64>,
    scope: String,
    signature: Vec<u8>,
    /// The canonical request up to the hash of the body.
    canonical: String,
    /// `x-amz-content-sha256`.
    body_hash: Option<String>,
}

/// Why a request is not answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// It is not signed.
    Missing,
    /// Its signature cannot be read; the text says what is missing.
    Incomplete(String),
    /// Nobody has this access key, or its session token is not this server's.
    UnknownKey,
    /// The session is over.
    ExpiredToken,
    /// Signed with another secret, or changed on its way.
    Mismatch,
    /// Signed too long ago or in the future; the text says when.
    WrongTime(String),
}

/// How an answer is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wire {
    /// AWS JSON 1.0 and 1.1.
    Json,
    /// REST-JSON.
    Rest,
    /// Query, with XML back.
    Query,
    /// RPC v2 CBOR.
    Cbor,
}

impl Claim {
    /// What a request claims; `None` if it is not signed.
    ///
    /// - Errors: [`Refusal::Incomplete`] for what looks like a signature and is none.
    pub fn read(request: &Incoming<'_>) -> Result<Option<Claim>, Refusal> {
        if let Some(authorization) = request.header("authorization")
            && let Some(fields) = authorization.strip_prefix(ALGORITHM)
        {
            return Self::of_header(request, fields, &authorization).map(Some);
        }
        let mut presigned = Vec::new();
        for pair in request.query.split('&') {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            if name.starts_with("X-Amz-") {
                presigned.push((name, percent_decoded(value, false)));
            }
        }
        let field = |wanted: &str| {
            let found = presigned.iter().find(|(name, _)| *name == wanted);
            found.map(|(_, value)| value.as_str())
        };
        match field("X-Amz-Algorithm") {
            Some(ALGORITHM) => Self::of_query(request, &field).map(Some),
            Some(other) => Err(Refusal::Incomplete(format!(
                "X-Amz-Algorithm is {other}, and {ALGORITHM} is what is taken."
            ))),
            None => Ok(None),
        }
    }

    fn of_header(
        request: &Incoming<'_>,
        fields: &str,
        authorization: &str,
    ) -> Result<Claim, Refusal> {
        let field = |wanted: &str| {
            fields
                .split(',')
                .filter_map(|field| field.trim().split_once('='))
                .find(|(name, _)| *name == wanted)
                .map(|(_, value)| value.trim())
        };
        let mut missing = String::new();
        for name in ["Credential", "Signature", "SignedHeaders"] {
            if field(name).is_none_or(str::is_empty) {
                let _ = write!(
                    missing,
                    "Authorization header requires '{name}' parameter. "
                );
            }
        }
        let date = request.header("x-amz-date");
        if date.is_none() {
            missing.push_str("Authorization header requires existence of a 'X-Amz-Date' header. ");
        }
        let (Some(credential), Some(signature), Some(names), Some(date), true) = (
            field("Credential"),
            field("Signature"),
            field("SignedHeaders"),
            date,
            missing.is_empty(),
        ) else {
            // Whose it was may be told; the signature need not be.
            let shown = authorization
                .split("Signature=")
                .next()
                .unwrap_or_default()
                .trim_end_matches([' ', ',']);
            return Err(Refusal::Incomplete(format!(
                "{missing}Authorization={shown}"
            )));
        };
        let mut claim = Self::new(request, credential, signature, names, date)?;
        claim.session_token = request.header("x-amz-security-token");
        Ok(claim)
    }

    fn of_query<'q>(
        request: &Incoming<'_>,
        field: &dyn Fn(&str) -> Option<&'q str>,
    ) -> Result<Claim, Refusal> {
        let required = |name: &str| {
            field(name)
                .filter(|value| !value.is_empty())
                .ok_or_else(|| {
                    Refusal::Incomplete(format!(
                        "AWS query-string parameters must include '{name}'."
                    ))
                })
        };
        let seconds = required("X-Amz-Expires")?;
        let life = seconds.parse::<i64>().ok();
        let Some(life) = life.filter(|life| (1..=EXPIRES_SECONDS_MAX).contains(life)) else {
            return Err(Refusal::Incomplete(format!(
                "X-Amz-Expires is {seconds}, and from 1 to {EXPIRES_SECONDS_MAX} seconds are taken."
            )));
        };
        let mut claim = Self::new(
            request,
            required("X-Amz-Credential")?,
            required("X-Amz-Signature")?,
            required("X-Amz-SignedHeaders")?,
            required("X-Amz-Date")?.to_owned(),
        )?;
        claim.life_ms = Some(life * 1_000);
        claim.session_token = field("X-Amz-Security-Token").map(str::to_owned);
        Ok(claim)
    }

    fn new(
        request: &Incoming<'_>,
        credential: &str,
        signature: &str,
        names: &str,
        date: String,
    ) -> Result<Claim, Refusal> {
        let incomplete = |text: String| Err(Refusal::Incomplete(text));
        let parts: Vec<&str> = credential.split('/').collect();
        let [key_id, day, _region, _service, "aws4_request"] = parts.as_slice() else {
            return incomplete(format!(
                "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/aws4_request, got '{credential}'."
            ));
        };
        let Some(signed_ms) = compact_ms(&date) else {
            return incomplete(format!(
                "Date must be in ISO-8601 'basic format'. Got '{date}'."
            ));
        };
        if *day != &date[..8] {
            return incomplete(format!(
                "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '{day}' != '{}'.",
                &date[..8]
            ));
        }
        let Some(signature) = unhex(signature).filter(|bytes| bytes.len() == 32) else {
            return incomplete("Signature must be 64 hexadecimal digits.".to_owned());
        };
        let is_walked = |segment: &str| segment == "." || segment == "..";
        if request.path.split('/').any(is_walked) {
            return incomplete(
                "The path of a signed request has no '.' and '..' segments.".to_owned(),
            );
        }
        let signed: Vec<&str> = names.split(';').collect();
        if signed.len() > SIGNED_HEADERS_MAX {
            return incomplete(format!(
                "SignedHeaders names {} headers, at most {SIGNED_HEADERS_MAX} are taken.",
                signed.len()
            ));
        }
        // Every signer sorts them. So none is there twice, and what is signed is no longer than what was sent.
        let is_sorted = signed.windows(2).all(|two| two[0] < two[1]);
        if !is_sorted || names.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return incomplete(
                "SignedHeaders must be names in lower case, in order, each once.".to_owned(),
            );
        }
        // What decides where a request goes and what it does. The exceptions are checked in ways of their own.
        let unsigned = request
            .headers
            .iter()
            .map(|(name, _)| *name)
            .chain(["host"])
            .filter(|name| *name == "host" || name.starts_with("x-amz-"))
            .filter(|name| !CHECKED_HEADERS.contains(name))
            .find(|name| !signed.contains(name));
        if let Some(name) = unsigned {
            return incomplete(format!(
                "'{name}' must be a 'SignedHeader' in the AWS Authorization."
            ));
        }
        let mut canonical = canonical_head(request.method, request.path, request.query);
        for name in &signed {
            let value = request.header(name).unwrap_or_default();
            push_header(&mut canonical, name, &value);
        }
        let _ = write!(canonical, "\n{names}\n");
        Ok(Claim {
            access_key_id: (*key_id).to_owned(),
            session_token: None,
            signed_ms,
            life_ms: None,
            scope: parts[1..].join("/"),
            date,
            signature,
            canonical,
            body_hash: request.header("x-amz-content-sha256"),
        })
    }

    /// - Errors: [`Refusal::WrongTime`] where it was signed too long ago, or will be.
    pub fn check_time(&self, now_ms: i64) -> Result<(), Refusal> {
        let (earliest, allowed) = match self.life_ms {
            Some(life) => (now_ms - life, format!("{} s", life / 1_000)),
            None => (now_ms - SKEW_MS, "5 min".to_owned()),
        };
        let (date, now) = (&self.date, compact(now_ms));
        if self.signed_ms < earliest {
            let earliest = compact(earliest);
            return Err(Refusal::WrongTime(format!(
                "Signature expired: {date} is now earlier than {earliest} ({now} - {allowed}.)"
            )));
        }
        let latest = now_ms + SKEW_MS;
        if self.signed_ms > latest {
            let latest = compact(latest);
            return Err(Refusal::WrongTime(format!(
                "Signature not yet current: {date} is still later than {latest} ({now} + 5 min.)"
            )));
        }
        Ok(())
    }

    /// Whether it was signed with this secret, as it came.
    ///
    /// - `body`: as it was sent.
    /// - Errors: [`Refusal::Mismatch`].
    pub fn check(&self, secret_access_key: &str, body: &[u8]) -> Result<(), Refusal> {
        let hash = sha256_hex(body);
        if self.body_hash.as_ref().is_some_and(|sent| *sent != hash) {
            return Err(Refusal::Mismatch);
        }
        let text = format!("{}{hash}", self.canonical);
        mac(secret_access_key, &self.date, &self.scope, &text)
            .verify_slice(&self.signature)
            .map_err(|_| Refusal::Mismatch)
    }
}

impl Refusal {
    /// The error's name. AWS: the query protocol has names of its own.
    pub fn name(&self, wire: Wire) -> &'static str {
        let is_query = wire == Wire::Query;
        match self {
            Refusal::Missing if is_query => "MissingAuthenticationToken",
            Refusal::Missing => "MissingAuthenticationTokenException",
            Refusal::Incomplete(_) if is_query => "IncompleteSignature",
            Refusal::Incomplete(_) => "IncompleteSignatureException",
            Refusal::UnknownKey if is_query => "InvalidClientTokenId",
            Refusal::UnknownKey => "UnrecognizedClientException",
            Refusal::ExpiredToken if is_query => "ExpiredToken",
            Refusal::ExpiredToken => "ExpiredTokenException",
            Refusal::Mismatch | Refusal::WrongTime(_) if is_query => "SignatureDoesNotMatch",
            Refusal::Mismatch | Refusal::WrongTime(_) => "InvalidSignatureException",
        }
    }

    /// The text that clients see.
    pub fn message(&self) -> &str {
        match self {
            Refusal::Missing => "Missing Authentication Token",
            Refusal::Incomplete(text) | Refusal::WrongTime(text) => text,
            Refusal::UnknownKey => "The security token included in the request is invalid.",
            Refusal::ExpiredToken => "The security token included in the request is expired",
            Refusal::Mismatch => {
                "The request signature we calculated does not match the signature you provided. Check your AWS Secret \
                 Access Key and signing method. Consult the service documentation for details."
            }
        }
    }

    /// The error reply.
    pub fn reply(&self, wire: Wire, request_id: &str) -> Reply {
        let (name, message) = (self.name(wire), self.message());
        let typed = serde_json::json!({ "__type": name, "message": message });
        match wire {
            Wire::Json => {
                let body = typed.to_string().into_bytes();
                Reply::new(400, "application/x-amz-json-1.1", request_id, body)
            }
            Wire::Rest => {
                let body = serde_json::json!({ "message": message }).to_string();
                let mut reply = Reply::new(403, "application/json", request_id, body.into_bytes());
                reply.headers.push(("x-amzn-errortype", name.to_owned()));
                reply
            }
            Wire::Query => query::named_error_reply((name, 403, message), "", request_id),
            Wire::Cbor => {
                let body = cbor::write(&Tree::of(&typed));
                let mut reply = Reply::new(400, "application/cbor", request_id, body);
                let protocol = ("smithy-protocol", "rpc-v2-cbor".to_owned());
                reply.headers.push(protocol);
                reply
            }
        }
    }
}

/// Method, path and query, a line each.
fn canonical_head(method: &str, path: &str, query: &str) -> String {
    let mut pairs: Vec<(String, String)> = query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .filter(|(name, _)| *name != "X-Amz-Signature")
        .map(|(name, value)| (recoded(name), recoded(value)))
        .collect();
    pairs.sort_unstable();
    let pairs: Vec<String> = pairs
        .into_iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let mut line = String::with_capacity(method.len() + path.len() + query.len());
    line.push_str(method);
    line.push('\n');
    for byte in normal(path).bytes() {
        push_encoded(&mut line, byte, b"/");
    }
    let _ = write!(line, "\n{}\n", pairs.join("&"));
    line
}

/// A part of a query in its one form: what is encoded stays so unless it need not be, and what is not is.
///
/// - `+` is itself: readers take it for a space, and `%2B` for a plus.
fn recoded(part: &str) -> String {
    let bytes = part.as_bytes();
    let digit = |at: usize| {
        let digit = char::from(*bytes.get(at)?).to_digit(16)?;
        u8::try_from(digit).ok()
    };
    let mut out = String::with_capacity(part.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let pair = (*byte == b'%').then(|| Some((digit(at + 1)?, digit(at + 2)?)));
        match pair.flatten() {
            Some((high, low)) => {
                push_encoded(&mut out, high << 4 | low, b"");
                at += 3;
            }
            None => {
                push_encoded(&mut out, *byte, b"+");
                at += 1;
            }
        }
    }
    out
}

/// Without empty, `.` and `..` segments.
fn normal(path: &str) -> String {
    let mut segments: Vec<&str> = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => {
                segments.pop();
            }
            _ => segments.push(segment),
        }
    }
    let slash = if path.ends_with('/') && !segments.is_empty() {
        "/"
    } else {
        ""
    };
    format!("/{}{slash}", segments.join("/"))
}

/// A byte as it is, where RFC 3986 calls it unreserved or it is one of `kept`; else `%XX`.
fn push_encoded(out: &mut String, byte: u8, kept: &[u8]) {
    let is_plain = byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    if is_plain || kept.contains(&byte) {
        out.push(char::from(byte));
    } else {
        let _ = write!(out, "%{byte:02X}");
    }
}

/// A header's line: the value without spaces around it, and one between its words.
fn push_header(text: &mut String, name: &str, value: &str) {
    text.push_str(name);
    text.push(':');
    for (index, word) in value.split_ascii_whitespace().enumerate() {
        if index > 0 {
            text.push(' ');
        }
        text.push_str(word);
    }
    text.push('\n');
}

/// The signature's, over the text to be signed.
///
/// - `scope`: `DAY/REGION/SERVICE/aws4_request`; its parts make the key.
fn mac(secret: &str, date: &str, scope: &str, canonical: &str) -> Hmac<Sha256> {
    let key = scope
        .split('/')
        .fold(format!("AWS4{secret}").into_bytes(), |key, part| {
            let mut mac = keyed(&key);
            mac.update(part.as_bytes());
            mac.finalize().into_bytes().to_vec()
        });
    let mut mac = keyed(&key);
    mac.update(
        format!(
            "{ALGORITHM}\n{date}\n{scope}\n{}",
            sha256_hex(canonical.as_bytes())
        )
        .as_bytes(),
    );
    mac
}

fn keyed(key: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("a key may have any length")
}

fn sha256_hex(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// `20231114T221320Z`.
fn compact(ms: i64) -> String {
    let seconds = ms.div_euclid(1_000) * 1_000;
    DateTime::from_ms(seconds)
        .to_string()
        .replace(['-', ':'], "")
}

fn compact_ms(text: &str) -> Option<i64> {
    let is_compact = text.len() == 16
        && text.bytes().enumerate().all(|(index, byte)| match index {
            8 => byte == b'T',
            15 => byte == b'Z',
            _ => byte.is_ascii_digit(),
        });
    is_compact.then(|| DateTime::parse(text))?.map(DateTime::ms)
}
