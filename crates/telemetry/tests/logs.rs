//! Streams and events, through the operations of CloudWatch Logs.

use stepwell_api::logs::{
    CreateLogStreamRequest, DescribeLogStreamsRequest, FilterLogEventsRequest, GetLogEventsRequest,
    GetLogEventsResponse, InputLogEvent, PutLogEventsRequest,
};
use stepwell_store::Disk;
use stepwell_telemetry::{Group, Limits, LogEvent, Logs};

const NOW_MS: i64 = 1_700_000_000_000;

fn group(id: &str) -> Group<'_> {
    Group {
        id,
        arn: "arn:g",
        not_before_ms: i64::MIN,
    }
}

fn open(disk: &Disk, limits: Limits) -> Logs {
    Logs::open(Box::new(disk.open()), limits, |_| true).expect("it opens")
}

fn logs() -> Logs {
    open(&Disk::new(), Limits::default())
}

/// Appends messages that are one millisecond apart.
fn append(logs: &mut Logs, id: &str, stream: &str, messages: &[&str]) {
    let events = messages.iter().enumerate().map(|(at, message)| LogEvent {
        timestamp_ms: NOW_MS + at as i64,
        message: (*message).to_string(),
    });
    logs.append(id, stream, NOW_MS, events).expect("appended");
    logs.commit().expect("committed");
}

fn get(logs: &Logs, input: GetLogEventsRequest) -> GetLogEventsResponse {
    logs.reader()
        .get_log_events(group("g"), &input)
        .expect("it can be read")
        .expect("not refused")
}

fn from_head(limit: i32, token: Option<String>) -> GetLogEventsRequest {
    GetLogEventsRequest {
        log_stream_name: "s".to_string(),
        start_from_head: Some(true),
        limit: Some(limit),
        next_token: token,
        ..Default::default()
    }
}

fn messages(response: &GetLogEventsResponse) -> Vec<&str> {
    let events = response.events.as_deref().unwrap_or_default();
    events
        .iter()
        .filter_map(|event| event.message.as_deref())
        .collect()
}

fn filter(logs: &Logs, input: FilterLogEventsRequest) -> Vec<String> {
    let answer = logs
        .reader()
        .filter_log_events(group("g"), &input)
        .expect("it can be read")
        .expect("not refused");
    let events = answer.events.unwrap_or_default().into_iter();
    events.filter_map(|event| event.message).collect()
}

#[test]
fn forward_tokens_lead_through_a_stream_and_stay_at_its_end() {
    let mut logs = logs();
    append(&mut logs, "g", "s", &["a", "b", "c"]);
    let first = get(&logs, from_head(2, None));
    assert_eq!(messages(&first), ["a", "b"]);
    let second = get(&logs, from_head(2, first.next_forward_token.clone()));
    assert_eq!(messages(&second), ["c"]);
    let end = get(&logs, from_head(2, second.next_forward_token.clone()));
    assert!(messages(&end).is_empty());
    assert_eq!(end.next_forward_token, second.next_forward_token);
    append(&mut logs, "g", "s", &["d"]);
    let events = [LogEvent {
        timestamp_ms: NOW_MS + 9,
        message: "e".to_string(),
    }];
    logs.append("g", "s", NOW_MS, events).expect("appended");
    logs.commit().expect("committed");
    let more = get(&logs, from_head(2, end.next_forward_token));
    assert_eq!(messages(&more), ["e"], "what came later and is later");
}

#[test]
fn without_start_from_head_the_newest_come_first_and_backward_tokens_lead_to_the_oldest() {
    let mut logs = logs();
    append(&mut logs, "g", "s", &["a", "b", "c"]);
    let newest = get(
        &logs,
        GetLogEventsRequest {
            start_from_head: None,
            ..from_head(2, None)
        },
    );
    assert_eq!(messages(&newest), ["b", "c"]);
    let before = get(&logs, from_head(2, newest.next_backward_token));
    assert_eq!(messages(&before), ["a"]);
    let end = get(&logs, from_head(2, before.next_backward_token.clone()));
    assert!(messages(&end).is_empty());
    assert_eq!(end.next_backward_token, before.next_backward_token);
}

#[test]
fn a_page_ends_at_a_megabyte() {
    let mut logs = logs();
    let long = "x".repeat(600_000);
    append(&mut logs, "g", "s", &[&long, &long]);
    let first = get(&logs, from_head(10, None));
    assert_eq!(messages(&first).len(), 1);
    let second = get(&logs, from_head(10, first.next_forward_token));
    assert_eq!(messages(&second).len(), 1);
}

#[test]
fn a_filter_looks_through_all_streams_in_order_of_time() {
    let mut logs = logs();
    append(&mut logs, "g", "s", &["ERROR one", "fine"]);
    append(&mut logs, "g", "t", &["ERROR two"]);
    append(&mut logs, "other", "s", &["ERROR three"]);
    let by_pattern = FilterLogEventsRequest {
        filter_pattern: Some("ERROR".to_string()),
        ..Default::default()
    };
    assert_eq!(filter(&logs, by_pattern), ["ERROR one", "ERROR two"]);
    let by_stream = FilterLogEventsRequest {
        log_stream_names: Some(vec!["t".to_string()]),
        ..Default::default()
    };
    assert_eq!(filter(&logs, by_stream), ["ERROR two"]);
    let by_time = FilterLogEventsRequest {
        start_time: Some(NOW_MS + 1),
        end_time: Some(NOW_MS + 1),
        ..Default::default()
    };
    assert_eq!(filter(&logs, by_time), ["fine"]);
}

#[test]
fn events_over_their_retention_are_not_shown() {
    let mut logs = logs();
    append(&mut logs, "g", "s", &["old", "new"]);
    let answer = logs
        .reader()
        .get_log_events(
            Group {
                not_before_ms: NOW_MS + 1,
                ..group("g")
            },
            &from_head(10, None),
        )
        .expect("it can be read")
        .expect("not refused");
    assert_eq!(messages(&answer), ["new"]);
}

#[test]
fn the_oldest_events_go_when_a_group_has_too_many() {
    let limits = Limits {
        group_events_max: 10,
        ..Limits::default()
    };
    let mut logs = open(&Disk::new(), limits);
    for round in 0..30 {
        let events = [LogEvent {
            timestamp_ms: NOW_MS + round,
            message: round.to_string(),
        }];
        logs.append("g", "s", NOW_MS, events).expect("appended");
        logs.commit().expect("committed");
    }
    let kept = get(&logs, from_head(100, None));
    let kept = messages(&kept);
    assert!(kept.len() <= 10 && kept.len() >= 9, "{kept:?}");
    assert_eq!(kept.last(), Some(&"29"));
}

#[test]
fn the_group_with_the_oldest_event_gives_up_when_all_together_hold_too_much() {
    let limits = Limits {
        bytes_max: 1_000,
        ..Limits::default()
    };
    let mut logs = open(&Disk::new(), limits);
    append(&mut logs, "old", "s", &["x".repeat(400).as_str()]);
    let events = (1..=3).map(|at| LogEvent {
        timestamp_ms: NOW_MS + at,
        message: "y".repeat(200),
    });
    logs.append("g", "s", NOW_MS, events).expect("appended");
    logs.commit().expect("committed");
    assert_eq!(logs.reader().stored_bytes("old").expect("read"), 0);
    assert_eq!(messages(&get(&logs, from_head(10, None))).len(), 3);
}

#[test]
fn logs_outlive_a_crash_and_what_was_not_committed_does_not() {
    let disk = Disk::new();
    let mut logs = open(&disk, Limits::default());
    append(&mut logs, "g", "s", &["kept"]);
    let events = [LogEvent {
        timestamp_ms: NOW_MS + 5,
        message: "lost".to_string(),
    }];
    logs.append("g", "s", NOW_MS, events).expect("appended");
    drop(logs);
    let logs = Logs::open(Box::new(disk.crash()), Limits::default(), |_| true).expect("it opens");
    assert_eq!(messages(&get(&logs, from_head(10, None))), ["kept"]);
}

#[test]
fn what_belongs_to_a_group_that_is_gone_goes_when_the_logs_open() {
    let disk = Disk::new();
    let mut logs = open(&disk, Limits::default());
    append(&mut logs, "g", "s", &["a"]);
    append(&mut logs, "h", "s", &["b"]);
    drop(logs);
    let logs =
        Logs::open(Box::new(disk.crash()), Limits::default(), |id| id == "g").expect("it opens");
    assert_eq!(logs.reader().stored_bytes("h").expect("read"), 0);
    assert_eq!(messages(&get(&logs, from_head(10, None))), ["a"]);
}

#[test]
fn a_stream_is_made_once_and_deleted_with_its_events() {
    let mut logs = logs();
    let input = CreateLogStreamRequest {
        log_group_name: "group".to_string(),
        log_stream_name: "s".to_string(),
    };
    let create = |logs: &mut Logs| {
        logs.create_log_stream(group("g"), &input, NOW_MS)
            .expect("the store works")
    };
    create(&mut logs).expect("made");
    let refused = create(&mut logs).expect_err("refused");
    assert_eq!(
        refused.to_string(),
        "ResourceAlreadyExistsException: The specified log stream already exists"
    );
    append(&mut logs, "g", "s", &["a"]);
    append(&mut logs, "g", "t", &["b"]);
    assert!(logs.delete_stream("g", "s").expect("the store works"));
    logs.commit().expect("committed");
    assert_eq!(filter(&logs, Default::default()), ["b"]);
    let streams = logs
        .reader()
        .describe_log_streams(group("g"), &DescribeLogStreamsRequest::default())
        .expect("it can be read")
        .expect("not refused");
    let streams = streams.log_streams.unwrap_or_default();
    assert_eq!(streams.len(), 1);
    assert_eq!(streams[0].arn.as_deref(), Some("arn:g:log-stream:t"));
}

#[test]
fn streams_are_listed_by_name_or_by_their_last_event() {
    let mut logs = logs();
    append(&mut logs, "g", "a", &["1", "2"]);
    append(&mut logs, "g", "b", &["1"]);
    let names = |input: DescribeLogStreamsRequest| -> Vec<String> {
        let answer = logs
            .reader()
            .describe_log_streams(group("g"), &input)
            .expect("it can be read")
            .expect("not refused");
        let streams = answer.log_streams.unwrap_or_default().into_iter();
        streams
            .filter_map(|stream| stream.log_stream_name)
            .collect()
    };
    assert_eq!(names(Default::default()), ["a", "b"]);
    let by_time = DescribeLogStreamsRequest {
        order_by: Some("LastEventTime".to_string()),
        ..Default::default()
    };
    assert_eq!(names(by_time), ["b", "a"]);
    let first = DescribeLogStreamsRequest {
        limit: Some(1),
        descending: Some(true),
        ..Default::default()
    };
    assert_eq!(names(first), ["b"]);
}

fn put(logs: &mut Logs, events: &[(i64, &str)]) -> String {
    let input = PutLogEventsRequest {
        log_group_name: "group".to_string(),
        log_stream_name: "s".to_string(),
        log_events: events
            .iter()
            .map(|(timestamp, message)| InputLogEvent {
                timestamp: *timestamp,
                message: (*message).to_string(),
            })
            .collect(),
        ..Default::default()
    };
    let answer = logs
        .put_log_events(group("g"), input, NOW_MS)
        .expect("the store works");
    logs.commit().expect("committed");
    match answer {
        Ok(output) => serde_json::to_string(&output.rejected_log_events_info).expect("JSON"),
        Err(refused) => refused.to_string(),
    }
}

#[test]
fn put_log_events_wants_a_stream_and_order_and_leaves_out_what_is_too_old_or_too_new() {
    let mut logs = logs();
    assert_eq!(
        put(&mut logs, &[(NOW_MS, "a")]),
        "ResourceNotFoundException: The specified log stream does not exist."
    );
    logs.create_stream("g", "s", NOW_MS).expect("made");
    assert_eq!(put(&mut logs, &[(NOW_MS, "a"), (NOW_MS + 1, "b")]), "null");
    assert_eq!(
        put(&mut logs, &[(NOW_MS, "a"), (NOW_MS - 1, "b")]),
        "InvalidParameterException: Log events in a single PutLogEvents request must be in chronological order."
    );
    let hour = 3_600_000;
    assert_eq!(
        put(&mut logs, &[(NOW_MS + hour, "c"), (NOW_MS + 3 * hour, "d")]),
        r#"{"tooNewLogEventStartIndex":1}"#
    );
    assert_eq!(
        put(&mut logs, &[(NOW_MS - 15 * 24 * hour, "e")]),
        r#"{"tooOldLogEventEndIndex":1}"#
    );
    assert_eq!(messages(&get(&logs, from_head(10, None))), ["a", "b", "c"]);
}
