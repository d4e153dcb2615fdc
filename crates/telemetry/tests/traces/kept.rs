//! What is kept of documents, and for how long.

use serde_json::{Value, json};
use stepwell_telemetry::{Added, Segment, TraceLimits, Traces, datagram};

use super::world::{NOW, NOW_MS, asked, segment, segment_id, trace_id, world, world_of};

const DAY_MS: i64 = 24 * 3_600_000;

#[test]
fn a_complete_segment_takes_the_place_of_the_one_in_progress_and_never_the_other_way_round() {
    let mut world = world();
    let mut open = segment(1, 1, "shop", json!({ "in_progress": true }));
    open.as_object_mut().expect("members").remove("end_time");
    world.put(&[open.clone()]);
    assert_eq!(world.documents(1)[0]["in_progress"], json!(true));
    world.put(&[segment(1, 1, "shop", json!({}))]);
    assert_eq!(world.documents(1)[0].get("in_progress"), None);
    assert_eq!(world.add(&open), Added::Late);
    world.commit();
    let documents = world.documents(1);
    assert_eq!(documents.len(), 1);
    assert_eq!(documents[0].get("in_progress"), None);
}

#[test]
fn subsegments_that_were_sent_alone_are_in_their_places() {
    let mut world = world();
    let alone = |id, parent, name| {
        let more = json!({ "type": "subsegment", "parent_id": segment_id(parent) });
        segment(1, id, name, more)
    };
    // Below one that is inside, below one that is alone, and one whose parent never comes.
    world.put(&[
        alone(4, 3, "query"),
        alone(5, 4, "socket"),
        alone(9, 8, "lost"),
        segment(
            1,
            1,
            "shop",
            json!({ "subsegments": [
                { "id": segment_id(3), "name": "db", "start_time": NOW, "end_time": NOW + 0.5 },
            ] }),
        ),
    ]);
    let documents = world.documents(1);
    let names: Vec<&Value> = documents.iter().map(|document| &document["name"]).collect();
    assert_eq!(names, ["shop", "lost"]);
    let query = &documents[0]["subsegments"][0]["subsegments"][0];
    assert_eq!(query["name"], "query");
    assert_eq!(query["subsegments"][0]["name"], "socket");
    assert_eq!(query.get("parent_id"), None);
}

#[test]
fn a_ring_and_a_long_chain_of_parents_are_given_whole() {
    let mut world = world();
    let alone = |id: u64, parent: u64| {
        let more = json!({ "type": "subsegment", "parent_id": segment_id(parent) });
        segment(1, id, "link", more)
    };
    let mut documents = vec![alone(1, 2), alone(2, 1)];
    documents.extend((10..1_010).map(|id| alone(id, id + 1)));
    documents.push(segment(1, 1_010, "top", json!({})));
    world.put(&documents);
    fn count(document: &Value) -> usize {
        let children = document["subsegments"].as_array();
        1 + children.into_iter().flatten().map(count).sum::<usize>()
    }
    let all: usize = world.documents(1).iter().map(count).sum();
    assert_eq!(all, documents.len());
}

#[test]
fn a_document_that_is_none_is_refused_with_a_code() {
    let base = segment(1, 1, "shop", json!({}));
    let without = |name: &str| {
        let mut document = base.clone();
        document.as_object_mut().expect("members").remove(name);
        document.to_string()
    };
    let with = |name: &str, value: Value| {
        let mut document = base.clone();
        document[name] = value;
        document.to_string()
    };
    for (text, code) in [
        ("".to_owned(), "ParseError"),
        ("[]".to_owned(), "ParseError"),
        ("{\"id\":".to_owned(), "ParseError"),
        (without("id"), "MissingId"),
        (without("name"), "MissingName"),
        (without("trace_id"), "MissingTraceId"),
        (without("start_time"), "MissingStartTime"),
        (without("end_time"), "MissingEndTime"),
        (with("id", json!("+00000000000000a")), "InvalidId"),
        (with("id", json!("abc")), "InvalidId"),
        (with("trace_id", json!("1-6553f100-1")), "InvalidTraceId"),
        (
            with("trace_id", json!("2-6553f100-000000000000000000000001")),
            "InvalidTraceId",
        ),
        (with("name", json!("")), "InvalidName"),
        (with("name", json!("a<b>")), "InvalidName"),
        (with("name", json!("a".repeat(201))), "InvalidName"),
        (with("type", json!("subsegment")), "MissingParentId"),
        (with("parent_id", json!("1")), "InvalidParentId"),
        (with("end_time", json!(NOW - 1.0)), "InvalidTime"),
        (with("start_time", json!("now")), "InvalidTime"),
        (with("start_time", json!(1e300)), "InvalidTime"),
        (
            with("start_time", json!(NOW - 31.0 * 86_400.0)),
            "InvalidTime",
        ),
        (with("subsegments", json!([{}])), "MissingId"),
        (with("subsegments", json!({})), "ParseError"),
        (
            with("metadata", json!("m".repeat(70_000))),
            "SizeLimitExceeded",
        ),
    ] {
        let rejected = Segment::parse(text.clone(), NOW_MS).expect_err(&text);
        assert_eq!(rejected.code, code, "{text:.100}");
        assert!(rejected.message.contains(code), "{}", rejected.message);
    }
    let ahead = json!({ "start_time": NOW + 1_000.0, "end_time": NOW + 1_001.0 });
    let ahead = segment(1, 1, "shop", ahead).to_string();
    assert_eq!(
        Segment::parse(ahead, NOW_MS).expect_err("ahead").code,
        "InvalidTime"
    );
    assert!(Segment::parse(base.to_string(), NOW_MS).is_ok());
}

#[test]
fn a_datagram_is_a_line_and_a_document() {
    let good = b"{\"format\": \"json\", \"version\": 1}\n{\"id\":1}";
    assert_eq!(datagram(good), Ok("{\"id\":1}"));
    for bad in [
        &b""[..],
        b"{\"id\":1}",
        b"{\"format\": \"json\", \"version\": 2}\n{}",
        b"{\"format\": \"xml\", \"version\": 1}\n{}",
        b"{\"format\": \"json\", \"version\": 1}\n",
        b"{\"format\": \"json\", \"version\": 1}\n\xff",
        b"nonsense\n{}",
    ] {
        assert!(datagram(bad).is_err(), "{bad:?}");
    }
}

#[test]
fn traces_hold_no_more_than_their_bounds_and_the_oldest_go_first() {
    let limits = TraceLimits {
        bytes_max: 40_000,
        traces_max: 50,
        ..TraceLimits::default()
    };
    let mut world = world_of(limits);
    for number in 0..200_u32 {
        let more = json!({ "metadata": "m".repeat(number as usize * 10) });
        world.add_at(
            &segment(number, 1, "shop", more),
            NOW_MS + i64::from(number),
        );
        if number % 7 == 0 {
            world.commit();
            let (traces, bytes) = world.traces.held();
            assert!(
                traces <= 50 && bytes <= 40_000,
                "{traces} traces, {bytes} bytes"
            );
        }
    }
    world.commit();
    assert_eq!(
        world.documents(0),
        Vec::<Value>::new(),
        "the oldest has gone"
    );
    assert_eq!(world.documents(199).len(), 1, "the newest is there");
    let held = world.traces.held();
    let again = Traces::open(Box::new(world.disk.open()), limits).expect("it opens");
    assert_eq!(again.held(), held, "what was counted is what is there");
}

#[test]
fn more_than_everything_at_once_is_bounded_too() {
    let limits = TraceLimits {
        bytes_max: 2_000,
        ..TraceLimits::default()
    };
    let mut world = world_of(limits);
    for number in 0..100 {
        world.add_at(
            &segment(number, 1, "shop", json!({})),
            NOW_MS + i64::from(number),
        );
    }
    world.commit();
    let (traces, bytes) = world.traces.held();
    assert!(
        traces > 0 && bytes <= 2_000,
        "{traces} traces, {bytes} bytes"
    );
}

#[test]
fn a_trace_goes_when_its_time_is_over() {
    let mut world = world();
    world.add_at(&segment(1, 1, "shop", json!({})), NOW_MS);
    world.traces.commit(NOW_MS).expect("committed");
    world
        .traces
        .commit(NOW_MS + 30 * DAY_MS)
        .expect("committed");
    assert_eq!(world.documents(1).len(), 1);
    world
        .traces
        .commit(NOW_MS + 30 * DAY_MS + 1)
        .expect("committed");
    assert_eq!(world.documents(1).len(), 0);
    assert_eq!(world.traces.held(), (0, 0));
}

#[test]
fn a_trace_that_is_full_says_so() {
    let limits = TraceLimits {
        trace_documents_max: 2,
        ..TraceLimits::default()
    };
    let mut world = world_of(limits);
    assert_eq!(world.add(&segment(1, 1, "a", json!({}))), Added::Stored);
    assert_eq!(world.add(&segment(1, 2, "b", json!({}))), Added::Stored);
    assert_eq!(world.add(&segment(1, 3, "c", json!({}))), Added::TraceFull);
    assert_eq!(
        world.add(&segment(1, 2, "b", json!({}))),
        Added::Stored,
        "it is there already"
    );
    world.commit();
    let traces = world.get(&[trace_id(1)]).traces.expect("a list");
    assert_eq!(traces[0].limit_exceeded, Some(true));
    assert_eq!(world.traces.held().0, 1);
}

#[test]
fn ids_are_at_most_five_and_what_is_not_there_is_said() {
    let mut world = world();
    world.put(&[segment(1, 1, "shop", json!({}))]);
    let result = world.get(&[trace_id(1), trace_id(2)]);
    assert_eq!(result.unprocessed_trace_ids, Some(vec![trace_id(2)]));
    let traces = result.traces.expect("a list");
    assert_eq!((traces.len(), traces[0].duration), (1, Some(1.0)));
    let many = stepwell_api::xray::BatchGetTracesRequest {
        trace_ids: (0..6).map(trace_id).collect(),
        next_token: None,
    };
    let refused = world
        .traces
        .reader()
        .batch_get_traces(&many)
        .expect("a store");
    assert_eq!(
        refused.expect_err("too many").message,
        "6 trace ids, at most 5 are allowed"
    );
}

#[test]
fn summaries_come_in_pages_without_a_gap() {
    let mut world = world();
    let documents: Vec<Value> = (0..250)
        .map(|number| segment(number, 1, "shop", json!({})))
        .collect();
    world.put(&documents);
    let mut input = asked("");
    let mut found = 0;
    let mut pages = 0;
    loop {
        let page = world.summaries(&input);
        found += page.trace_summaries.expect("a list").len();
        pages += 1;
        input.next_token = page.next_token;
        if input.next_token.is_none() {
            break;
        }
    }
    assert_eq!((found, pages), (250, 3));
}

/// The acceptance names a thousand segments; the time is shown by `stepwell bench telemetry`.
#[test]
fn a_trace_of_a_thousand_segments_is_read_as_one() {
    let mut world = world();
    let mut documents = vec![segment(1, 1, "top", json!({}))];
    documents.extend(
        (2..=1_000).map(|id| segment(1, id, "part", json!({ "parent_id": segment_id(1) }))),
    );
    world.put(&documents);
    assert_eq!(world.documents(1).len(), 1_000);
}
