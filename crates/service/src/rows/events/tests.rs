use super::*;

fn event(id: u64, previous: u64, timestamp_ms: i64, details: Details) -> Event {
    Event {
        id: EventId(id),
        previous: EventId(previous),
        timestamp_ms,
        details,
    }
}

fn text(text: &str) -> Body {
    Body::Text(text.into())
}

/// One event of every packed form, and some that are written whole.
fn history() -> Vec<Event> {
    let mut details = vec![Details::ExecutionStarted {
        input: text(r#"{"a": 1}"#),
    }];
    for kind in STATE_KINDS {
        details.push(Details::StateEntered {
            kind,
            name: format!("State of {kind:?}").into(),
            input: Body::Same(EventId(10)),
        });
        details.push(Details::StateExited {
            kind,
            name: format!("State of {kind:?}").into(),
            output: text("[1, 2]"),
            assigned: Vec::new(),
        });
    }
    details.extend([
        Details::StateExited {
            kind: StateKind::Pass,
            name: "assigns".into(),
            output: text("0"),
            assigned: vec![("x".to_string(), "1".to_string())],
        },
        Details::MapStateStarted { length: 2 },
        Details::MapIterationStarted {
            name: "Each".into(),
            index: 0,
        },
        Details::MapIterationSucceeded {
            name: "Each".into(),
            index: 300,
        },
        Details::FunctionScheduled {
            resource: "arn:aws:lambda:us-east-1:123456789012:function:f".to_string(),
            input: Body::Same(EventId(10)),
            timeout_seconds: None,
            role_arn: None,
        },
        Details::FunctionScheduled {
            resource: "arn:aws:lambda:us-east-1:123456789012:function:f".to_string(),
            input: text("1"),
            timeout_seconds: Some(5),
            role_arn: None,
        },
        Details::FunctionStarted,
        Details::FunctionSucceeded { output: text("2") },
        Details::ExecutionFailed {
            error: Some("E".to_string()),
            cause: None,
        },
        Details::ExecutionSucceeded {
            output: Body::Same(EventId(10)),
        },
    ]);
    let mut events: Vec<Event> = (10..)
        .zip(details)
        .map(|(id, details)| event(id, id - 1, 1_700_000_000_000, details))
        .collect();
    // A branch, an end without a predecessor, and a clock that goes back.
    events[5].previous = EventId(12);
    events[7].previous = EventId(0);
    events[8].timestamp_ms += 250;
    events[9].timestamp_ms -= 1_000;
    events
}

/// Events have no equality of their own: what is written of them is compared.
fn shown(events: &[Event]) -> String {
    format!("{events:#?}")
}

#[test]
fn a_packed_row_is_read_back() {
    let events = history();
    let packed = pack(&events);
    assert_eq!(packed[0], VERSION_PACKED);
    let read = unpack(EventId(10), &packed[1..], &|_| true).expect("a row");
    assert_eq!(shown(&read), shown(&events));
    for wanted in &events {
        let read = unpack(EventId(10), &packed[1..], &|id| id == wanted.id).expect("a row");
        assert_eq!(shown(&read), shown(std::slice::from_ref(wanted)));
    }
}

#[test]
fn more_names_than_a_row_numbers_are_written_out() {
    let events: Vec<Event> = (1..=200)
        .map(|id| {
            let details = Details::StateEntered {
                kind: StateKind::Pass,
                name: format!("State{}", id % 100).into(),
                input: text("0"),
            };
            event(id, id - 1, 5, details)
        })
        .collect();
    let packed = pack(&events);
    let read = unpack(EventId(1), &packed[1..], &|_| true).expect("a row");
    assert_eq!(shown(&read), shown(&events));
}

#[test]
fn a_cut_row_is_no_row_and_nothing_panics() {
    let packed = pack(&history());
    let whole = unpack(EventId(10), &packed[1..], &|_| true).map(|events| events.len());
    for end in 1..packed.len() {
        // A cut between two events leaves fewer events: the reader of a history counts them.
        let read = unpack(EventId(10), &packed[1..end], &|_| true).map(|events| events.len());
        assert!(read.is_none() || read < whole, "{end}");
        let mut flipped = packed.clone();
        flipped[end] ^= 0x81;
        drop(unpack(EventId(10), &flipped[1..], &|_| true));
    }
}

#[test]
fn a_state_that_passes_its_input_on_takes_few_bytes() {
    let mut events = vec![event(
        1,
        0,
        5,
        Details::ExecutionStarted { input: text("0") },
    )];
    for state in 1..=10 {
        let name: Arc<str> = format!("State{state}").into();
        let input = Body::Same(EventId(1));
        let (kind, output) = (StateKind::Pass, input.clone());
        let entered = Details::StateEntered {
            kind,
            name: Arc::clone(&name),
            input,
        };
        let exited = Details::StateExited {
            kind,
            name,
            output,
            assigned: Vec::new(),
        };
        for details in [entered, exited] {
            let id = events.len() as u64 + 1;
            events.push(event(id, id - 1, 5, details));
        }
    }
    let bytes = pack(&events).len();
    assert!(bytes <= 150, "{bytes}");
}
