//! Fields that pages do not get: the rules of `[console] mask`, and how they are applied to answers.
//!
//! A rule is a path in a payload: `$.card.number`, `$.items[*].secret`, `**.password`. Payloads are texts inside the
//! answers of AWS's operations; whatever holds JSON is looked into. Text that is no whole JSON (a cut cause, a log
//! line with JSON in it) is looked through for the last name of each rule. Rather too much is masked than too little.

mod loose;
mod rule;

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::header::{HeaderMap, ORIGIN, USER_AGENT};
use serde_json::{Map, Value, json};
use stepwell_api::Reply;
use stepwell_functions::LOG_TAIL_BYTES_MAX;

use loose::loosely;
use rule::{Place, Step, come_to, last_name, stepped, steps};

/// What stands in place of a value. A page that sends it back is refused: nothing starts with it by accident.
pub(crate) const MARK: &str = "••••••";

/// Rules of a server.
const RULES_MAX: usize = 100;

/// JSON in texts in JSON: an input in a cause in an event is three. What is deeper is masked whole.
const DEPTH_MAX: usize = 8;

/// Members of answers whose texts are no payloads: masking a definition would destroy what is saved again.
const NO_PAYLOADS: [&str; 4] = ["definition", "policy", "Policy", "PolicyDocument"];

/// What text that has lists or objects has, even if it is cut.
const BRACKETS: [char; 4] = ['{', '[', '}', ']'];

/// Members whose own members are those of a payload.
const PAYLOADS: [&str; 3] = ["assignedVariables", "variables", "Variables"];

/// The rules of a server.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mask {
    rules: Vec<Vec<Step>>,
}

impl Mask {
    /// - Errors: the rule, and what is wrong with it.
    pub fn parse(rules: &[String]) -> Result<Mask, String> {
        if rules.len() > RULES_MAX {
            return Err(format!(
                "{} rules, at most {RULES_MAX} are allowed",
                rules.len()
            ));
        }
        let parsed = rules
            .iter()
            .map(|rule| steps(rule).map_err(|reason| format!("the rule {rule:?} {reason}")));
        Ok(Mask {
            rules: parsed.collect::<Result<_, _>>()?,
        })
    }

    /// Whether there is anything to mask.
    pub(crate) fn is_on(&self) -> bool {
        !self.rules.is_empty()
    }

    /// Whether an answer to a request with these headers is masked: one that a browser sends.
    ///
    /// - Browsers send `Origin` with every POST of a page and `Sec-Fetch-Site` to this machine, and no script can take
    ///   them away. A GET over plain HTTP from another machine has the name of the browser only.
    pub(crate) fn concerns(&self, headers: &HeaderMap) -> bool {
        self.is_on()
            && (headers.contains_key(ORIGIN)
                || headers.contains_key("sec-fetch-site")
                || headers
                    .get(USER_AGENT)
                    .is_some_and(|agent| agent.as_bytes().starts_with(b"Mozilla/")))
    }

    /// Why what a page sends is refused, or `None`: it has marks that it was shown, which nobody wants as values.
    pub(crate) fn refusal(&self, headers: &HeaderMap, body: &[u8]) -> Option<String> {
        let mark = MARK.as_bytes();
        let is_sent = self.concerns(headers) && body.windows(mark.len()).any(|bytes| bytes == mark);
        is_sent.then(|| {
            format!(
                "a value is {MARK}, which stands for one that [console] mask hides; write the real one in its place"
            )
        })
    }

    /// Masks what an answer says, its log tail too.
    ///
    /// - `is_payload`: the body itself is a payload, as that of Invoke is.
    pub(crate) fn reply(&self, reply: &mut Reply, is_payload: bool) {
        if !self.is_on() {
            return;
        }
        for (name, value) in &mut reply.headers {
            if *name == "x-amz-log-result"
                && let Some(text) = STANDARD.decode(value.as_bytes()).ok()
            {
                let tail = log_tail(&text);
                *value = STANDARD.encode(self.text(&tail).as_bytes());
            }
        }
        let Ok(body) = std::str::from_utf8(&reply.body) else {
            return;
        };
        if is_payload {
            if let Cow::Owned(masked) = self.text(body) {
                reply.body = masked.into_bytes();
            }
            return;
        }
        let Ok(mut answer) = serde_json::from_str::<Value>(body) else {
            return;
        };
        if self.answer(&mut answer, 0) {
            reply.body = answer.to_string().into_bytes();
        }
    }

    /// Masks the texts of an answer; whether any was.
    fn answer(&self, value: &mut Value, depth: usize) -> bool {
        match value {
            Value::String(text) => self.string(text, depth),
            Value::Array(elements) => {
                let mut is_masked = false;
                for element in elements {
                    is_masked |= self.answer(element, depth);
                }
                is_masked
            }
            Value::Object(members) => {
                let mut is_masked = self.named_value(members, depth);
                for (name, value) in members.iter_mut() {
                    if NO_PAYLOADS.contains(&name.as_str()) {
                        continue;
                    }
                    if PAYLOADS.contains(&name.as_str()) && value.is_object() {
                        is_masked |= self.payload(value, depth);
                    }
                    match name.as_str() {
                        "logRecord" => {
                            for (name, value) in members_of(Some(value)) {
                                is_masked |= self.field(name, value, depth);
                            }
                        }
                        "Annotations" => {
                            for (name, values) in members_of(Some(value)) {
                                is_masked |= self.annotation(name, values, depth);
                            }
                        }
                        "Document" => is_masked |= self.document(value, depth),
                        _ => {}
                    }
                    is_masked |= self.answer(value, depth);
                }
                is_masked
            }
            _ => false,
        }
    }

    /// A row of a query of logs: `{"field": "card.number", "value": "4242"}`.
    fn named_value(&self, members: &mut Map<String, Value>, depth: usize) -> bool {
        let Some(field) = members.get("field").and_then(Value::as_str) else {
            return false;
        };
        let field = field.to_owned();
        let value = members.get_mut("value");
        value.is_some_and(|value| self.field(&field, value, depth))
    }

    /// Masks the value of a field, or what a rule means in it: `{"number": "4242"}` of the field `card`.
    fn field(&self, name: &str, value: &mut Value, depth: usize) -> bool {
        let come = self.rules.iter().map(|rule| come_to(rule, name));
        let come: Vec<Place> = come.filter_map(Place::on_its_way).collect();
        self.below(value, &come, depth)
    }

    /// Masks an annotation of GetTraceSummaries: the values that the parts of a trace have for it.
    fn annotation(&self, name: &str, values: &mut Value, depth: usize) -> bool {
        let values = values.as_array_mut().into_iter().flatten();
        let values = values.filter_map(|value| value.get_mut("AnnotationValue"));
        let mut is_masked = false;
        for value in values {
            for (_, inner) in value.as_object_mut().into_iter().flatten() {
                is_masked |= self.field(name, inner, depth);
            }
            // Of whatever kind it was, the mark is a text.
            if value
                .as_object()
                .is_some_and(|kinds| kinds.values().any(|value| value == MARK))
            {
                *value = json!({ "StringValue": MARK });
            }
        }
        is_masked
    }

    /// Masks a document of BatchGetTraces: a segment as a text.
    fn document(&self, value: &mut Value, depth: usize) -> bool {
        let text = value.as_str().unwrap_or_default();
        let Ok(mut segment) = serde_json::from_str(text) else {
            return false;
        };
        let is_masked = self.segment(&mut segment, depth + 1);
        if is_masked {
            *value = Value::String(segment.to_string());
        }
        is_masked
    }

    /// Masks what a part of a trace says of itself, and what the parts in it say.
    ///
    /// - X-Ray: `annotations` by their names, and `metadata` by theirs in each namespace.
    fn segment(&self, segment: &mut Value, depth: usize) -> bool {
        let mut is_masked = false;
        for (name, value) in members_of(segment.get_mut("annotations")) {
            is_masked |= self.field(name, value, depth);
        }
        for (_, namespace) in members_of(segment.get_mut("metadata")) {
            for (name, value) in members_of(Some(namespace)) {
                is_masked |= self.field(name, value, depth);
            }
        }
        let parts = segment.get_mut("subsegments").and_then(Value::as_array_mut);
        for part in parts.into_iter().flatten() {
            is_masked |= self.segment(part, depth);
        }
        is_masked
    }

    fn string(&self, text: &mut String, depth: usize) -> bool {
        replaced(text, |text| self.text_at(text, depth))
    }

    /// A text with its fields masked.
    pub(crate) fn text<'t>(&self, text: &'t str) -> Cow<'t, str> {
        self.text_at(text, 0)
    }

    fn text_at<'t>(&self, text: &'t str, depth: usize) -> Cow<'t, str> {
        match self.may_hold(text) {
            true => self.text_from(text, &self.begun(), depth),
            false => Cow::Borrowed(text),
        }
    }

    /// Whether a text may hold something that a rule means.
    fn may_hold(&self, text: &str) -> bool {
        self.is_on() && text.contains([':', '=', '[', ']', '{', '}'])
    }

    /// - `text`: one that may hold a payload.
    /// - `places`: where that payload is.
    fn text_from<'t>(&self, text: &'t str, places: &[Place], depth: usize) -> Cow<'t, str> {
        let is_json = text.trim_start().starts_with(['{', '[', '"']);
        let parsed = is_json
            .then(|| serde_json::from_str::<Value>(text).ok())
            .flatten();
        let Some(mut value) = parsed else {
            return self.loose(text);
        };
        if depth >= DEPTH_MAX {
            return Cow::Owned(Value::String(MARK.to_string()).to_string());
        }
        match self.below(&mut value, places, depth + 1) {
            true => Cow::Owned(value.to_string()),
            false => Cow::Borrowed(text),
        }
    }

    /// Where a payload is on the rules.
    fn begun(&self) -> Vec<Place<'_>> {
        self.rules.iter().map(|rule| Place::begun(rule)).collect()
    }

    /// Masks a payload, and what its texts hold; whether anything was.
    fn payload(&self, value: &mut Value, depth: usize) -> bool {
        self.below(value, &self.begun(), depth)
    }

    /// - `places`: how far the value has come on the rules that may mean something in it.
    fn below(&self, value: &mut Value, places: &[Place], depth: usize) -> bool {
        if places.iter().any(|place| place.is_at_end()) {
            let is_new = value != MARK;
            *value = Value::String(MARK.to_string());
            return is_new;
        }
        match value {
            Value::String(text) if !self.may_hold(text) => false,
            // A payload of its own, and a part of this one that is written as a text.
            Value::String(text) => {
                let places = [&self.begun(), places].concat();
                replaced(text, |text| self.text_from(text, &places, depth))
            }
            Value::Array(elements) => {
                let mut is_masked = false;
                for (index, element) in elements.iter_mut().enumerate() {
                    let takes = |step: &Step| match step {
                        Step::Index(wanted) => *wanted == index,
                        step => *step == Step::Any,
                    };
                    is_masked |= self.below(element, &stepped(places, &takes, true), depth);
                }
                is_masked
            }
            Value::Object(members) => {
                let mut is_masked = false;
                for (name, value) in members {
                    let takes = |step: &Step| match step {
                        Step::Name(wanted) => wanted == name,
                        step => *step == Step::Any,
                    };
                    is_masked |= self.below(value, &stepped(places, &takes, false), depth);
                }
                is_masked
            }
            _ => false,
        }
    }

    /// Masks what follows the last name of a rule in text that is no JSON as a whole.
    ///
    /// - A rule without a name may mean whatever is in brackets: the text is masked whole.
    fn loose<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let is_nameless = self.rules.iter().any(|rule| last_name(rule).is_none());
        if is_nameless && text.contains(BRACKETS) && !is_log_stream(text) {
            return Cow::Owned(MARK.to_string());
        }
        let mut masked = Cow::Borrowed(text);
        for name in self.rules.iter().filter_map(|rule| last_name(rule)) {
            if let Some(other) = loosely(&masked, name) {
                masked = Cow::Owned(other);
            }
        }
        masked
    }
}

/// Whether a text is the name of a log stream of a function, which has brackets and is no payload:
/// `2026/11/26/[$LATEST]0123456789abcdef`.
fn is_log_stream(text: &str) -> bool {
    let parts = text.split_once('[');
    let parts = parts.and_then(|(before, after)| Some((before, after.split_once(']')?)));
    parts.is_some_and(|(before, (version, id))| {
        let is_of_name = |letter: char| letter.is_ascii_alphanumeric() || "/-_".contains(letter);
        before.starts_with(|digit: char| digit.is_ascii_digit())
            && before.contains('/')
            && before.chars().all(is_of_name)
            && (version == "$LATEST" || version.chars().all(|digit| digit.is_ascii_digit()))
            && id.chars().all(|digit| digit.is_ascii_hexdigit())
    })
}

/// A log tail without what may be the end of a value whose name it does not have any more: what is before its first line
/// begins, where it is the end of a longer log.
fn log_tail(tail: &[u8]) -> String {
    let text = String::from_utf8_lossy(tail);
    if tail.len() < LOG_TAIL_BYTES_MAX {
        return text.into_owned();
    }
    let left = text.find('\n').map_or("", |end| &text[end..]);
    format!("{MARK}{left}")
}

/// The members of what is an object; of what is none, none.
fn members_of(value: Option<&mut Value>) -> impl Iterator<Item = (&String, &mut Value)> {
    let members = value.and_then(Value::as_object_mut);
    members.into_iter().flatten()
}

/// Puts a masked text in the place of a text; whether anything was masked.
fn replaced(text: &mut String, masked: impl FnOnce(&str) -> Cow<'_, str>) -> bool {
    let Cow::Owned(masked) = masked(text) else {
        return false;
    };
    *text = masked;
    true
}

#[cfg(test)]
mod tests;
