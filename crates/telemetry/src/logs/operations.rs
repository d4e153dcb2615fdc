//! The operations of CloudWatch Logs on streams and events.

use stepwell_api::logs;
use stepwell_store::{Direction, Error};

use super::block::Event;
use super::reader::{Found, Wanted};
use super::rows::{Place, StreamRow};
use super::{Group, LogEvent, Logs, LogsReader, Scope};
use crate::filter_pattern::FilterPattern;

/// An answer, a refusal, or a failing store.
pub type Read<T> = Result<Result<T, logs::Error>, Error>;

/// Events on a page when the caller does not say, and at most. Source: GetLogEvents, FilterLogEvents.
const EVENTS_MAX: usize = 10_000;

/// Streams on a page when the caller does not say. Source: DescribeLogStreams.
const STREAMS_DEFAULT: usize = 50;

/// Bytes of one PutLogEvents, 26 for each event counted in. Source: PutLogEvents.
const PUT_BYTES_MAX: usize = 1_048_576;

/// Source: PutLogEvents: no event is more than 14 days old or 2 hours in the future, and a batch spans 24 hours.
const TOO_OLD_MS: i64 = 14 * 24 * 3_600_000;
const TOO_NEW_MS: i64 = 2 * 3_600_000;
const SPAN_MS_MAX: i64 = 24 * 3_600_000;

impl Logs {
    /// `CreateLogStream`.
    pub fn create_log_stream(
        &mut self,
        group: Group,
        input: &logs::CreateLogStreamRequest,
        now_ms: i64,
    ) -> Read<()> {
        if !self.create_stream(group.id, &input.log_stream_name, now_ms)? {
            let text = "The specified log stream already exists";
            return Ok(Err(logs::Error::resource_already_exists_exception(text)));
        }
        Ok(Ok(()))
    }

    /// `DeleteLogStream`.
    pub fn delete_log_stream(
        &mut self,
        group: Group,
        input: &logs::DeleteLogStreamRequest,
    ) -> Read<()> {
        let was_there = self.delete_stream(group.id, &input.log_stream_name)?;
        Ok(if was_there {
            Ok(())
        } else {
            Err(missing_stream())
        })
    }

    /// `PutLogEvents`.
    ///
    /// - Events that are too old or too new are left out, and the answer says which.
    /// - `accepted`: gets the others, and the number of the first of them, before they are appended.
    pub fn put_log_events(
        &mut self,
        group: Group,
        input: logs::PutLogEventsRequest,
        now_ms: i64,
        accepted: &mut dyn FnMut(u64, &str, &[LogEvent]),
    ) -> Read<logs::PutLogEventsResponse> {
        if !self.has_stream(group.id, &input.log_stream_name)? {
            return Ok(Err(missing_stream()));
        }
        let events = &input.log_events;
        if let Err(refused) = check_put(events) {
            return Ok(Err(refused));
        }
        let count = |is_out: &dyn Fn(i64) -> bool| {
            events
                .iter()
                .filter(|event| is_out(event.timestamp))
                .count()
        };
        let too_old = count(&|at| at < now_ms - TOO_OLD_MS);
        let expired = count(&|at| at < group.not_before_ms);
        let too_new = count(&|at| at > now_ms + TOO_NEW_MS);
        let index = |count: usize| i32::try_from(count).unwrap_or(i32::MAX);
        let rejected = logs::RejectedLogEventsInfo {
            too_old_log_event_end_index: (too_old > 0).then(|| index(too_old)),
            expired_log_event_end_index: (expired > 0).then(|| index(expired)),
            too_new_log_event_start_index: (too_new > 0).then(|| index(events.len() - too_new)),
        };
        let is_rejected = too_old + expired + too_new > 0;
        let kept = too_old.max(expired)..events.len() - too_new;
        let stream = input.log_stream_name;
        let events: Vec<LogEvent> = input
            .log_events
            .into_iter()
            .skip(kept.start)
            .take(kept.len())
            .map(|event| LogEvent {
                timestamp_ms: event.timestamp,
                message: event.message,
            })
            .collect();
        accepted(self.next_number(group.id), &stream, &events);
        self.append(group.id, &stream, now_ms, events)?;
        Ok(Ok(logs::PutLogEventsResponse {
            // AWS: still given, no longer asked for.
            next_sequence_token: Some(Place::at(now_ms).digits()),
            rejected_log_events_info: is_rejected.then_some(rejected),
            ..Default::default()
        }))
    }
}

fn check_put(events: &[logs::InputLogEvent]) -> Result<(), logs::Error> {
    let refused = logs::Error::invalid_parameter_exception;
    if !events.is_sorted_by_key(|event| event.timestamp) {
        let text = "Log events in a single PutLogEvents request must be in chronological order.";
        return Err(refused(text));
    }
    let bytes: usize = events
        .iter()
        .map(|event| event.message.len() + super::EVENT_BYTES as usize)
        .sum();
    if bytes > PUT_BYTES_MAX {
        let text = format!("Upload too large: {bytes} bytes exceeds limit of {PUT_BYTES_MAX}");
        return Err(logs::Error::invalid_parameter_exception(text));
    }
    if let (Some(first), Some(last)) = (events.first(), events.last())
        && last.timestamp - first.timestamp > SPAN_MS_MAX
    {
        let text = "The batch of log events in a single PutLogEvents request cannot span more than 24 hours.";
        return Err(refused(text));
    }
    Ok(())
}

impl LogsReader {
    /// `DescribeLogStreams`.
    pub fn describe_log_streams(
        &self,
        group: Group,
        input: &logs::DescribeLogStreamsRequest,
    ) -> Read<logs::DescribeLogStreamsResponse> {
        let by_time = input.order_by.as_deref() == Some(logs::order_by::LAST_EVENT_TIME);
        let prefix = input.log_stream_name_prefix.as_deref();
        if by_time && prefix.is_some() {
            let text = "Cannot order by LastEventTime with a logStreamNamePrefix.";
            return Ok(Err(logs::Error::invalid_parameter_exception(text)));
        }
        let mut streams = self.streams(group.id)?;
        streams.retain(|stream| prefix.is_none_or(|prefix| stream.name.starts_with(prefix)));
        if by_time {
            streams.sort_by(|a, b| (a.last_event_ms, &a.name).cmp(&(b.last_event_ms, &b.name)));
        } else {
            streams.sort_by(|a, b| a.name.cmp(&b.name));
        }
        if input.descending == Some(true) {
            streams.reverse();
        }
        let start = match input.next_token.as_deref().map(str::parse::<usize>) {
            None => 0,
            Some(Ok(start)) if start <= streams.len() => start,
            Some(_) => return Ok(Err(invalid_token())),
        };
        let limit = page_size(input.limit, STREAMS_DEFAULT);
        let next = (start + limit < streams.len()).then(|| (start + limit).to_string());
        let shown = streams.into_iter().skip(start).take(limit);
        Ok(Ok(logs::DescribeLogStreamsResponse {
            log_streams: Some(shown.map(|stream| shown_stream(stream, group)).collect()),
            next_token: next,
        }))
    }

    /// `GetLogEvents`.
    ///
    /// - Without a token the page is the newest, unless `startFromHead` says otherwise; its events ascend.
    /// - AWS: both tokens are always given; at an end of the stream the token that was passed comes back.
    pub fn get_log_events(
        &self,
        group: Group,
        input: &logs::GetLogEventsRequest,
    ) -> Read<logs::GetLogEventsResponse> {
        let name = &input.log_stream_name;
        let Some(stream) = self.stream(group.id, name)? else {
            return Ok(Err(missing_stream()));
        };
        let first = Place::at(
            input
                .start_time
                .unwrap_or(i64::MIN)
                .max(group.not_before_ms),
        );
        let end = Place::at(input.end_time.unwrap_or(i64::MAX));
        let (from, to, direction) = match input.next_token.as_deref().map(read_token) {
            None if input.start_from_head == Some(true) => (first, end, Direction::Ascending),
            None => (first, end, Direction::Descending),
            Some(Some(Token::After(place))) => (first.max(place.next()), end, Direction::Ascending),
            Some(Some(Token::Before(place))) => (first, end.min(place), Direction::Descending),
            Some(None) => return Ok(Err(invalid_token())),
        };
        let oldest = Place::at(stream.first_event_ms.unwrap_or(i64::MAX));
        let newest = Place::at(stream.last_event_ms.unwrap_or(i64::MIN).saturating_add(1));
        let found = self.find(
            group.id,
            &Wanted {
                from: from.max(oldest),
                to: to.min(newest),
                direction,
                limit: page_size(input.limit, EVENTS_MAX),
                scope: Scope::Names(std::slice::from_ref(name)),
                needle: None,
                accepts: &|_| true,
            },
        )?;
        let passed = input.next_token.as_deref().and_then(read_token);
        let (backward, forward) = tokens(&found, direction, passed, from);
        let mut events = found.events;
        if direction == Direction::Descending {
            events.reverse();
        }
        Ok(Ok(logs::GetLogEventsResponse {
            events: Some(events.into_iter().map(output_event).collect()),
            next_forward_token: Some(forward.text()),
            next_backward_token: Some(backward.text()),
        }))
    }

    /// `FilterLogEvents`.
    pub fn filter_log_events(
        &self,
        group: Group,
        input: &logs::FilterLogEventsRequest,
    ) -> Read<logs::FilterLogEventsResponse> {
        let names = input.log_stream_names.as_deref();
        let prefix = input.log_stream_name_prefix.as_ref();
        if names.is_some() && prefix.is_some() {
            let text = "Specifying both logStreamNames and logStreamNamePrefix is not allowed.";
            return Ok(Err(logs::Error::invalid_parameter_exception(text)));
        }
        let pattern = input.filter_pattern.as_deref().unwrap_or_default();
        let pattern = match FilterPattern::parse(pattern) {
            Ok(pattern) => pattern,
            Err(refused) => return Ok(Err(logs::Error::invalid_parameter_exception(refused.0))),
        };
        for name in names.unwrap_or_default() {
            if self.stream(group.id, name)?.is_none() {
                return Ok(Err(missing_stream()));
            }
        }
        let first = Place::at(
            input
                .start_time
                .unwrap_or(i64::MIN)
                .max(group.not_before_ms),
        );
        let from = match input.next_token.as_deref().map(Place::parse) {
            None => first,
            Some(Some(place)) => first.max(place),
            Some(None) => return Ok(Err(invalid_token())),
        };
        let needle = pattern.needle();
        let found = self.find(
            group.id,
            &Wanted {
                from,
                // AWS: an event at endTime is still given.
                to: Place::at(input.end_time.unwrap_or(i64::MAX).saturating_add(1)),
                direction: Direction::Ascending,
                limit: page_size(input.limit, EVENTS_MAX),
                scope: match (names, prefix) {
                    (Some(names), _) => Scope::Names(names),
                    (None, Some(prefix)) => Scope::Prefixes(std::slice::from_ref(prefix)),
                    (None, None) => Scope::All,
                },
                needle: needle.as_deref(),
                accepts: &|message| pattern.matches(message),
            },
        )?;
        Ok(Ok(logs::FilterLogEventsResponse {
            events: Some(found.events.into_iter().map(filtered_event).collect()),
            // AWS: always empty by now.
            searched_log_streams: Some(Vec::new()),
            next_token: found.next.map(Place::digits),
        }))
    }
}

/// The tokens of a page of GetLogEvents: backward, forward.
fn tokens(
    found: &Found,
    direction: Direction,
    passed: Option<Token>,
    from: Place,
) -> (Token, Token) {
    if let (Some(one), Some(other)) = (found.events.first(), found.events.last()) {
        let (first, last) = (one.place.min(other.place), one.place.max(other.place));
        return (Token::Before(first), Token::After(last));
    }
    match (found.next, direction, passed) {
        // A bound ended the search before it found anything.
        (Some(next), Direction::Ascending, _) => {
            let before = next.previous();
            (Token::Before(before), Token::After(before))
        }
        (Some(next), Direction::Descending, _) => (Token::Before(next.next()), Token::After(next)),
        (None, _, Some(Token::After(place) | Token::Before(place))) => {
            (Token::Before(place), Token::After(place))
        }
        // Nothing yet: what comes is after this.
        (None, _, None) => {
            let place = Place::at(from.timestamp_ms.max(0));
            (Token::Before(place), Token::After(place))
        }
    }
}

/// Where a page of GetLogEvents goes on.
#[derive(Debug, Clone, Copy)]
enum Token {
    After(Place),
    Before(Place),
}

impl Token {
    /// AWS: `f/` and `b/`, the digits of an event, `/s`.
    fn text(self) -> String {
        match self {
            Token::After(place) => format!("f/{}/s", place.digits()),
            Token::Before(place) => format!("b/{}/s", place.digits()),
        }
    }
}

fn read_token(text: &str) -> Option<Token> {
    let (direction, rest) = text.split_once('/')?;
    let place = Place::parse(rest.strip_suffix("/s")?)?;
    match direction {
        "f" => Some(Token::After(place)),
        "b" => Some(Token::Before(place)),
        _ => None,
    }
}

fn shown_stream(stream: StreamRow, group: Group) -> logs::LogStream {
    logs::LogStream {
        arn: Some(format!("{}:log-stream:{}", group.arn, stream.name)),
        log_stream_name: Some(stream.name),
        creation_time: Some(stream.created_ms),
        first_event_timestamp: stream.first_event_ms,
        last_event_timestamp: stream.last_event_ms,
        last_ingestion_time: stream.last_ingestion_ms,
        upload_sequence_token: Some(Place::at(stream.created_ms).digits()),
        // AWS: not counted for streams since 2019.
        stored_bytes: Some(0),
    }
}

fn output_event(event: Event) -> logs::OutputLogEvent {
    logs::OutputLogEvent {
        timestamp: Some(event.place.timestamp_ms),
        message: Some(event.message),
        ingestion_time: Some(event.ingestion_ms),
    }
}

fn filtered_event(event: Event) -> logs::FilteredLogEvent {
    logs::FilteredLogEvent {
        log_stream_name: Some(event.stream.to_string()),
        timestamp: Some(event.place.timestamp_ms),
        message: Some(event.message),
        ingestion_time: Some(event.ingestion_ms),
        event_id: Some(event.place.digits()),
    }
}

fn page_size(limit: Option<i32>, default: usize) -> usize {
    limit
        .and_then(|limit| usize::try_from(limit).ok())
        .unwrap_or(default)
        .clamp(1, EVENTS_MAX)
}

fn invalid_token() -> logs::Error {
    logs::Error::invalid_parameter_exception("The specified nextToken is invalid.")
}

fn missing_stream() -> logs::Error {
    logs::Error::resource_not_found_exception("The specified log stream does not exist.")
}
