//! Segment documents: what may be stored.
//!
//! Source: docs.aws.amazon.com/xray/latest/devguide/xray-api-segmentdocuments.html.

use serde_json::{Map, Value};

/// AWS: a segment document is at most 64 KB.
pub const DOCUMENT_BYTES_MAX: usize = 64 * 1024;

/// AWS: a name has at most 200 characters.
pub const NAME_CHARACTERS_MAX: usize = 200;

/// A segment of which the clock runs ahead by more than this is refused.
const AHEAD_MS_MAX: i64 = 10 * 60_000;

/// AWS: segments may be sent for traces of the last 30 days.
const BEHIND_MS_MAX: i64 = 30 * 24 * 3_600_000;

/// The id of a trace, `1-<8 hex>-<24 hex>` on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TraceId(pub(super) [u8; 16]);

impl TraceId {
    /// Reads `1-5759e988-bd862e3fe1be46a994272793`.
    pub fn parse(text: &str) -> Option<TraceId> {
        let rest = text.strip_prefix("1-")?;
        let (time, unique) = rest.split_once('-')?;
        if time.len() != 8 || unique.len() != 24 {
            return None;
        }
        let mut bytes = [0; 16];
        bytes[..4].copy_from_slice(&u32::from_str_radix(hex(time)?, 16).ok()?.to_be_bytes());
        let unique = u128::from_str_radix(hex(unique)?, 16).ok()?.to_be_bytes();
        bytes[4..].copy_from_slice(&unique[4..]);
        Some(TraceId(bytes))
    }

    /// The id of W3C, 16 bytes, as X-Ray takes it.
    pub fn of_w3c(bytes: [u8; 16]) -> TraceId {
        TraceId(bytes)
    }

    /// The seconds since 1970 that an id of X-Ray begins with. An id of W3C begins with any number.
    pub fn seconds(self) -> u32 {
        let (seconds, _) = self.0.split_first_chunk().expect("an id has sixteen bytes");
        u32::from_be_bytes(*seconds)
    }
}

impl std::fmt::Display for TraceId {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let number = u128::from_be_bytes(self.0);
        write!(
            formatter,
            "1-{:08x}-{:024x}",
            number >> 96,
            number & (u128::MAX >> 32)
        )
    }
}

/// The id of a segment or subsegment: 16 hex digits on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SegmentId(pub u64);

impl SegmentId {
    /// Reads sixteen hex digits.
    pub fn parse(text: &str) -> Option<SegmentId> {
        if text.len() != 16 {
            return None;
        }
        u64::from_str_radix(hex(text)?, 16).ok().map(SegmentId)
    }
}

impl std::fmt::Display for SegmentId {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{:016x}", self.0)
    }
}

/// Digits alone: `from_str_radix` takes a sign too.
fn hex(text: &str) -> Option<&str> {
    text.bytes()
        .all(|byte| byte.is_ascii_hexdigit())
        .then_some(text)
}

/// A document that may be stored.
#[derive(Debug, Clone, PartialEq)]
pub struct Segment {
    pub trace_id: TraceId,
    pub id: SegmentId,
    /// Whether it is a subsegment that was sent alone.
    pub is_subsegment: bool,
    pub is_in_progress: bool,
    pub start_ms: i64,
    /// Its end; its start while it is in progress.
    pub end_ms: i64,
    /// The document as it was sent.
    pub text: String,
}

/// Why a document is not stored. `code` and `message` go into `UnprocessedTraceSegments`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    /// The id that the document gives, if it can be read.
    pub id: Option<String>,
    pub code: &'static str,
    pub message: String,
}

impl Segment {
    /// Reads a document that comes from outside.
    ///
    /// - `now_ms`: a start more than 10 minutes after it, or more than 30 days before it, is refused.
    pub fn parse(text: String, now_ms: i64) -> Result<Segment, Rejected> {
        if text.len() > DOCUMENT_BYTES_MAX {
            let cause = format!(
                "{} bytes are over the limit of {DOCUMENT_BYTES_MAX}",
                text.len()
            );
            return Err(rejected(None, "segment", "SizeLimitExceeded", Some(&cause)));
        }
        let parsed: Value = serde_json::from_str(&text)
            .map_err(|error| rejected(None, "segment", "ParseError", Some(&error.to_string())))?;
        let Value::Object(members) = &parsed else {
            return Err(rejected(
                None,
                "segment",
                "ParseError",
                Some("not a JSON object"),
            ));
        };
        let checked = check_top(members, now_ms)?;
        Ok(Segment { text, ..checked })
    }
}

/// AWS: the texts are those that clients have seen, such as `Invalid subsegment. ErrorCode: InvalidName, Cause: null`.
fn rejected(id: Option<&str>, kind: &str, code: &'static str, cause: Option<&str>) -> Rejected {
    let cause = cause.map_or(String::new(), |cause| format!(", Cause: {cause}"));
    Rejected {
        id: id.map(str::to_owned),
        code,
        message: format!("Invalid {kind}. ErrorCode: {code}{cause}"),
    }
}

fn check_top(members: &Map<String, Value>, now_ms: i64) -> Result<Segment, Rejected> {
    let text = |name: &str| members.get(name).and_then(Value::as_str);
    let given_id = text("id");
    let is_subsegment = text("type") == Some("subsegment");
    let kind = if is_subsegment {
        "subsegment"
    } else {
        "segment"
    };
    let refuse = |code, cause: Option<&str>| rejected(given_id, kind, code, cause);
    let times = check_members(members, kind, given_id)?;
    let id = given_id
        .and_then(SegmentId::parse)
        .ok_or_else(|| refuse("InvalidId", None))?;
    if !members.contains_key("trace_id") {
        return Err(refuse("MissingTraceId", None));
    }
    let trace_id = text("trace_id")
        .and_then(TraceId::parse)
        .ok_or_else(|| refuse("InvalidTraceId", None))?;
    match members.get("parent_id") {
        None | Some(Value::Null) if is_subsegment => return Err(refuse("MissingParentId", None)),
        None | Some(Value::Null) => {}
        Some(parent) => {
            let parent = parent.as_str().and_then(SegmentId::parse);
            parent.ok_or_else(|| refuse("InvalidParentId", None))?;
        }
    }
    let Times {
        start_ms,
        end_ms,
        is_in_progress,
    } = times;
    if start_ms > now_ms.saturating_add(AHEAD_MS_MAX) {
        return Err(refuse("InvalidTime", Some("start_time is in the future")));
    }
    if start_ms < now_ms.saturating_sub(BEHIND_MS_MAX) {
        return Err(refuse(
            "InvalidTime",
            Some("start_time is more than 30 days ago"),
        ));
    }
    check_children(members)?;
    Ok(Segment {
        trace_id,
        id,
        is_subsegment,
        is_in_progress,
        start_ms,
        end_ms,
        text: String::new(),
    })
}

struct Times {
    start_ms: i64,
    end_ms: i64,
    is_in_progress: bool,
}

/// What segments and subsegments have in common.
fn check_members(
    members: &Map<String, Value>,
    kind: &str,
    id: Option<&str>,
) -> Result<Times, Rejected> {
    let refuse = |code, cause: Option<&str>| rejected(id, kind, code, cause);
    if !members.contains_key("id") {
        return Err(refuse("MissingId", None));
    }
    if id.and_then(SegmentId::parse).is_none() {
        return Err(refuse("InvalidId", None));
    }
    let Some(name) = members.get("name") else {
        return Err(refuse("MissingName", None));
    };
    if !name.as_str().is_some_and(is_name) {
        return Err(refuse("InvalidName", Some("null")));
    }
    let Some(start) = members.get("start_time") else {
        return Err(refuse("MissingStartTime", None));
    };
    let instant = |value: &Value| {
        value
            .as_f64()
            .filter(|seconds| (0.0..SECONDS_MAX).contains(seconds))
            .map(milliseconds)
    };
    let start_ms = instant(start).ok_or_else(|| refuse("InvalidTime", Some("start_time")))?;
    let is_in_progress = members.get("in_progress").and_then(Value::as_bool) == Some(true);
    let end_ms = match members.get("end_time") {
        Some(end) if !end.is_null() => {
            instant(end).ok_or_else(|| refuse("InvalidTime", Some("end_time")))?
        }
        _ if is_in_progress => start_ms,
        _ => return Err(refuse("MissingEndTime", None)),
    };
    if end_ms < start_ms {
        return Err(refuse("InvalidTime", Some("end_time is before start_time")));
    }
    Ok(Times {
        start_ms,
        end_ms,
        is_in_progress,
    })
}

/// The subsegments that are inside. The reader of JSON bounds their depth.
fn check_children(members: &Map<String, Value>) -> Result<(), Rejected> {
    let children = match members.get("subsegments") {
        None | Some(Value::Null) => return Ok(()),
        Some(Value::Array(children)) => children,
        Some(_) => {
            return Err(rejected(
                None,
                "segment",
                "ParseError",
                Some("subsegments is not an array"),
            ));
        }
    };
    for child in children {
        let Value::Object(members) = child else {
            return Err(rejected(
                None,
                "subsegment",
                "ParseError",
                Some("not a JSON object"),
            ));
        };
        let id = members.get("id").and_then(Value::as_str);
        check_members(members, "subsegment", id)?;
        check_children(members)?;
    }
    Ok(())
}

/// AWS: letters, digits, blanks and `_ . : / % & # = + \ - @`.
pub(super) fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name.chars().count() <= NAME_CHARACTERS_MAX
        && name.chars().all(is_name_character)
}

fn is_name_character(character: char) -> bool {
    character.is_alphanumeric() || character.is_whitespace() || r"_.:/%&#=+\-@,".contains(character)
}

/// A name made of any text, without what X-Ray does not take; as the SDKs do it.
pub fn name_of(text: &str) -> String {
    let name: String = text
        .chars()
        .filter(|character| is_name_character(*character))
        .take(NAME_CHARACTERS_MAX)
        .collect();
    if name.is_empty() {
        "unnamed".to_owned()
    } else {
        name
    }
}

/// Far beyond every instant, and small enough for a number of milliseconds.
const SECONDS_MAX: f64 = 1e11;

#[expect(
    clippy::cast_possible_truncation,
    reason = "the range is checked before"
)]
pub(super) fn milliseconds(seconds: f64) -> i64 {
    (seconds * 1000.0).round() as i64
}
