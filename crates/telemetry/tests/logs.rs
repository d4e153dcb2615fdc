//! Streams and events, through the operations of CloudWatch Logs.

use stepwell_api::logs::{
    CreateLogStreamRequest, DescribeLogStreamsRequest, FilterLogEventsRequest, GetLogEventsRequest,
    GetLogEventsResponse, InputLogEvent, PutLogEventsRequest,
};
use stepwell_store::{Batch, Direction, Disk, Store as _};
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

/// A budget of which 2,750 bytes are for rows.
const SMALL: Limits = Limits {
    disk_bytes_max: 10_000,
    group_streams_max: 10_000,
};

/// A text that cannot be packed.
fn noise(bytes: usize, seed: u64) -> String {
    let mut state = seed | 1;
    (0..bytes)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            char::from(b' ' + (state % 94) as u8)
        })
        .collect()
}

fn stored(disk: &Disk) -> usize {
    let snapshot = disk.open().snapshot();
    let rows = snapshot.scan(&[0], &[255], Direction::Ascending, usize::MAX);
    rows.expect("read")
        .iter()
        .map(|(_, value)| value.len())
        .sum()
}

#[test]
fn the_oldest_events_go_when_there_are_too_many() {
    let disk = Disk::new();
    let mut logs = open(&disk, SMALL);
    for round in 0..200 {
        let events = [LogEvent {
            timestamp_ms: NOW_MS + round,
            message: format!("{round} {}", noise(100, round as u64)),
        }];
        logs.append("g", "s", NOW_MS, events).expect("appended");
        logs.commit().expect("committed");
        assert!(logs.stored_bytes() <= 2_750, "{}", logs.stored_bytes());
    }
    let kept = get(&logs, from_head(1_000, None));
    let kept = messages(&kept);
    assert!((5..40).contains(&kept.len()), "{}", kept.len());
    assert!(kept[kept.len() - 1].starts_with("199 "));
    let before = logs.stored_bytes();
    drop(logs);
    assert!(stored(&disk) <= 2_750 + 500, "rows of groups and streams");
    let logs = Logs::open(Box::new(disk.crash()), SMALL, |_| true).expect("it opens");
    assert_eq!(
        logs.stored_bytes(),
        before,
        "what is counted is what is there"
    );
}

#[test]
fn the_group_with_the_oldest_event_gives_up_when_all_together_hold_too_much() {
    let mut logs = open(&Disk::new(), SMALL);
    append(&mut logs, "old", "s", &[&noise(1_500, 1)]);
    let events = (1..=3).map(|at| LogEvent {
        timestamp_ms: NOW_MS + at,
        message: noise(700, at as u64),
    });
    logs.append("g", "s", NOW_MS, events).expect("appended");
    logs.commit().expect("committed");
    assert_eq!(logs.reader().stored_bytes("old").expect("read"), 0);
    assert_eq!(messages(&get(&logs, from_head(10, None))).len(), 3);
}

#[test]
fn what_is_over_its_retention_is_removed() {
    let disk = Disk::new();
    let mut logs = open(&disk, Limits::default());
    let hour = 3_600_000;
    for at in 0..10 {
        let events = [LogEvent {
            timestamp_ms: NOW_MS + at * hour,
            message: at.to_string(),
        }];
        logs.append("g", "s", NOW_MS, events).expect("appended");
        logs.commit().expect("committed");
    }
    assert!(!logs.expire("g", NOW_MS + 4 * hour).expect("expired"));
    assert_eq!(
        messages(&get(&logs, from_head(100, None))),
        ["4", "5", "6", "7", "8", "9"]
    );
    assert_eq!(logs.reader().stored_bytes("g").expect("read"), 6 * 27);
    append(&mut logs, "g", "s", &["late"]);
    assert_eq!(messages(&get(&logs, from_head(1, None))), ["late"]);
}

#[test]
fn many_small_commits_become_blocks_and_events_stay_in_order() {
    let disk = Disk::new();
    let mut logs = open(&disk, Limits::default());
    let mut expected = Vec::new();
    for round in 0..1_000_i64 {
        // Every third comes late, and two streams take turns.
        let at = NOW_MS + round - (round % 3) * 5;
        let message = format!("{round} {}", "x".repeat((round % 7) as usize * 100));
        let event = LogEvent {
            timestamp_ms: at,
            message: message.clone(),
        };
        expected.push((at, round, message));
        let stream = ["s", "t"][(round % 2) as usize];
        logs.append("g", stream, NOW_MS, [event]).expect("appended");
        logs.commit().expect("committed");
        if round == 500 {
            drop(logs);
            logs = open(&disk, Limits::default());
        }
    }
    expected.sort();
    let expected: Vec<&str> = expected
        .iter()
        .map(|(_, _, message)| message.as_str())
        .collect();
    let snapshot = logs.reader().snapshot();
    let rows = snapshot.scan(&[4], &[5], Direction::Ascending, usize::MAX);
    assert!(rows.expect("read").len() < 300, "small blocks are joined");
    for limit in [7, 1_000] {
        let mut input = FilterLogEventsRequest {
            limit: Some(limit),
            ..Default::default()
        };
        let mut found = Vec::new();
        loop {
            let reader = logs.reader();
            let page = reader.filter_log_events(group("g"), &input);
            let page = page.expect("it can be read").expect("not refused");
            found.extend(
                page.events
                    .unwrap_or_default()
                    .into_iter()
                    .filter_map(|event| event.message),
            );
            input.next_token = page.next_token;
            if input.next_token.is_none() {
                break;
            }
        }
        assert_eq!(found, expected, "pages of {limit}");
    }
    // Backwards through one stream.
    let mut request = GetLogEventsRequest {
        start_from_head: None,
        ..from_head(9, None)
    };
    let mut backwards: Vec<String> = Vec::new();
    loop {
        let page = get(&logs, request.clone());
        let texts = messages(&page);
        if texts.is_empty() {
            break;
        }
        backwards.extend(texts.iter().rev().map(|text| (*text).to_owned()));
        request.next_token = page.next_backward_token;
    }
    backwards.reverse();
    let of_stream: Vec<&str> = expected
        .iter()
        .copied()
        .filter(|text| {
            let number = text
                .split(' ')
                .next()
                .and_then(|number| number.parse::<u32>().ok());
            number.is_some_and(|number| number % 2 == 0)
        })
        .collect();
    assert_eq!(backwards, of_stream);
}

/// Rows as version 0.1 wrote them: a group, a stream and three events.
fn old_rows() -> Batch {
    let event = |at: u8, number: u8, message: &str| {
        let mut key = b"\x03g\0".to_vec();
        key.extend([0x80, 0, 0, 0, 0, 0, 0, at, 0, 0, 0, 0, 0, 0, 0, number]);
        let mut value = vec![1, 1, b's', 20];
        value.push(message.len() as u8);
        value.extend(message.as_bytes());
        (key, value)
    };
    let stream_key = "04 3a 71 87 74 c5 72 bd 8a 25 ad be b1 bf cd 5c 02 56 ae 11 ce cf 9f 9c 3f 92 5d 0e 52 be af 89";
    let stream_key = [2, b'g', 0].into_iter().chain(
        stream_key
            .split(' ')
            .map(|byte| u8::from_str_radix(byte, 16).expect("hex")),
    );
    let mut batch = Batch::new();
    batch.put(b"\x01g\0".to_vec(), vec![1, 3, 87, 3, 1]);
    batch.put(
        stream_key.collect(),
        vec![1, 1, b's', 2, 1, 10, 1, 12, 1, 20],
    );
    for (key, value) in [event(5, 0, "one"), event(5, 1, "two"), event(6, 2, "red")] {
        batch.put(key, value);
    }
    batch
}

#[test]
fn events_of_an_older_version_move_into_blocks() {
    let disk = Disk::new();
    disk.open().commit(old_rows()).expect("committed");
    let mut logs = open(&disk, Limits::default());
    assert_eq!(
        messages(&get(&logs, from_head(10, None))),
        ["one", "two", "red"]
    );
    assert_eq!(logs.reader().stored_bytes("g").expect("read"), 87);
    let event = LogEvent {
        timestamp_ms: 6,
        message: "new".to_string(),
    };
    logs.append("g", "s", NOW_MS, [event]).expect("appended");
    logs.commit().expect("committed");
    assert_eq!(
        messages(&get(&logs, from_head(10, None))),
        ["one", "two", "red", "new"]
    );
    let rows = logs.reader().snapshot();
    let rows = rows.scan(&[3], &[4], Direction::Ascending, 10);
    assert!(rows.expect("read").is_empty());
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

/// Appends a message to each of two streams, as often as there are numbers, a commit each time.
fn append_to_both(logs: &mut Logs, numbers: std::ops::Range<i64>, bytes: usize) {
    for number in numbers {
        for stream in ["gone", "s"] {
            let event = LogEvent {
                timestamp_ms: NOW_MS + number,
                message: format!("{stream} {number} {}", noise(bytes, number as u64)),
            };
            logs.append("g", stream, NOW_MS, [event]).expect("appended");
        }
        logs.commit().expect("committed");
    }
}

/// Appends more than a block of messages to the stream that stays.
fn append_a_block(logs: &mut Logs, numbers: std::ops::Range<i64>) {
    for number in numbers {
        let event = LogEvent {
            timestamp_ms: NOW_MS + number,
            message: format!("s {number} {}", noise(10_000, number as u64)),
        };
        logs.append("g", "s", NOW_MS, [event]).expect("appended");
        logs.commit().expect("committed");
    }
}

/// The first two words of each event of the group; checks that what is counted is what is there.
#[track_caller]
fn all_events(logs: &Logs) -> Vec<String> {
    let mut input = FilterLogEventsRequest::default();
    let (mut found, mut bytes) = (Vec::new(), 0);
    loop {
        let page = logs.reader().filter_log_events(group("g"), &input);
        let page = page.expect("it can be read").expect("not refused");
        for message in page.events.into_iter().flatten().filter_map(|e| e.message) {
            bytes += message.len() as u64 + 26;
            let words: Vec<&str> = message.splitn(3, ' ').take(2).collect();
            found.push(words.join(" "));
        }
        input.next_token = page.next_token;
        if input.next_token.is_none() {
            break;
        }
    }
    assert_eq!(logs.reader().stored_bytes("g").expect("read"), bytes);
    let snapshot = logs.reader().snapshot();
    let blocks = snapshot.scan(&[4], &[5], Direction::Ascending, usize::MAX);
    let blocks = blocks.expect("read");
    let stored: usize = blocks.iter().map(|(_, value)| value.len()).sum();
    assert_eq!(logs.stored_bytes(), stored as u64);
    found
}

fn of_stream_s(numbers: std::ops::Range<i64>) -> Vec<String> {
    numbers.map(|number| format!("s {number}")).collect()
}

#[test]
fn what_a_deleted_stream_held_does_not_come_back_with_later_events() {
    let mut logs = logs();
    append_to_both(&mut logs, 0..20, 100);
    assert!(logs.delete_stream("g", "gone").expect("the store works"));
    assert_eq!(all_events(&logs), of_stream_s(0..20), "durable");
    append_a_block(&mut logs, 20..80);
    assert_eq!(all_events(&logs), of_stream_s(0..80));
}

#[test]
fn a_stream_that_fills_more_than_one_commit_goes_whole() {
    let disk = Disk::new();
    let mut logs = open(&disk, Limits::default());
    for part in 0..90 {
        append_to_both(&mut logs, part..part + 1, 120_000);
    }
    append_to_both(&mut logs, 90..100, 100);
    assert!(logs.delete_stream("g", "gone").expect("the store works"));
    append_a_block(&mut logs, 100..160);
    assert_eq!(all_events(&logs), of_stream_s(0..160));
}

#[test]
fn the_oldest_stream_of_a_full_group_does_not_come_back_with_later_events() {
    let limits = Limits {
        group_streams_max: 2,
        ..Limits::default()
    };
    let mut logs = open(&Disk::new(), limits);
    append_to_both(&mut logs, 0..20, 100);
    let event = LogEvent {
        timestamp_ms: NOW_MS + 20,
        message: "s 20 ".to_string(),
    };
    logs.append("g", "s", NOW_MS + 1, [event])
        .expect("appended");
    logs.commit().expect("committed");
    let event = LogEvent {
        timestamp_ms: NOW_MS + 21,
        message: "new 21 ".to_string(),
    };
    logs.append("g", "new", NOW_MS + 2, [event])
        .expect("appended");
    append_a_block(&mut logs, 22..80);
    let mut expected = of_stream_s(0..21);
    expected.push("new 21".to_string());
    expected.extend(of_stream_s(22..80));
    assert_eq!(all_events(&logs), expected);
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
        .put_log_events(group("g"), input, NOW_MS, &mut |_, _, _| {})
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
