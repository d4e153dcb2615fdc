use serde_json::json;
use stepwell_service::EventInvocation;

use super::*;

fn start(machine: &str, number: usize) -> Request {
    let request = json!({
        "stateMachineArn": format!("arn:aws:states:us-east-1:123456789012:stateMachine:{machine}"),
        "name": format!("{machine}{number}"),
        "input": "{}",
    });
    let body = request.to_string();
    Request::StartExecution(states::decode(body.as_bytes()).expect("a request"))
}

fn token(output: &str) -> Request {
    let request = json!({ "taskToken": "t", "output": output });
    let body = request.to_string();
    Request::SendTaskSuccess(states::decode(body.as_bytes()).expect("a request"))
}

fn outcome() -> Request {
    Request::ReturnTask {
        execution: 1,
        ticket: serde_json::from_str(r#"{"frame":0,"attempt":0}"#).expect("a ticket"),
    }
}

fn put(inbox: &Inbox, request: Request) -> Result<oneshot::Receiver<Answer>, Refused> {
    let (sender, receiver) = oneshot::channel();
    inbox.put_request(Message {
        request,
        answer_to: Some(sender),
    })?;
    Ok(receiver)
}

fn names(messages: &[Message]) -> Vec<String> {
    let name = |message: &Message| match &message.request {
        Request::StartExecution(input) => input.name.clone().unwrap_or_default(),
        Request::SendTaskSuccess(_) => "token".to_string(),
        _ => "outcome".to_string(),
    };
    messages.iter().map(name).collect()
}

#[test]
fn a_machine_with_thousands_of_starts_does_not_starve_another_one() {
    let inbox = Inbox::new(1_000, Arc::default());
    let mut hog: Vec<_> = (0..1_000)
        .map(|number| put(&inbox, start("hog", number)).expect("there is room"))
        .collect();
    assert_eq!(
        put(&inbox, start("hog", 1_000)).expect_err("it is full"),
        Refused::Full
    );
    let lone = put(&inbox, start("lone", 0)).expect("somebody else makes room");
    let last = hog.pop().expect("it put some in").blocking_recv();
    let throttled = last
        .expect("it is answered")
        .expect_err("it lost its place");
    assert!(
        matches!(&throttled, Refusal::States(error)
            if error.code == states::ErrorCode::ThrottlingException && error.message == "Rate exceeded"),
        "{throttled:?}"
    );
    let batch = names(&inbox.take(Duration::ZERO));
    assert!(batch[..8].contains(&"lone0".to_string()), "{batch:?}");
    assert_eq!(inbox.load().throttled, 2);
    drop(lone);
}

#[test]
fn nothing_is_done_for_a_client_that_has_gone() {
    let inbox = Inbox::new(10, Arc::default());
    let gone = put(&inbox, start("m", 0)).expect("there is room");
    let _waits = put(&inbox, start("m", 1)).expect("there is room");
    drop(gone);
    assert_eq!(names(&inbox.take(Duration::ZERO)), ["m1"]);
    assert_eq!(inbox.load().abandoned, 1);
}

#[test]
fn what_nobody_waits_for_from_the_start_is_done() {
    let inbox = Inbox::new(10, Arc::default());
    let message = Message {
        request: start("m", 0),
        answer_to: None,
    };
    inbox.put_request(message).expect("there is room");
    assert_eq!(names(&inbox.take(Duration::ZERO)), ["m0"]);
    assert_eq!(inbox.load().abandoned, 0);
}

#[test]
fn a_full_inbox_of_starts_still_takes_what_ends_executions() {
    let inbox = Inbox::new(2, Arc::default());
    let _starts = [0, 1].map(|number| put(&inbox, start("m", number)).expect("there is room"));
    assert!(put(&inbox, start("m", 2)).is_err());
    let _token = put(&inbox, token("{}")).expect("changes have room of their own");
    inbox.put_outcome(outcome());
    assert_eq!(
        names(&inbox.take(Duration::ZERO)),
        ["outcome", "token", "m0", "m1"]
    );
}

#[test]
fn bytes_that_wait_are_bounded_too() {
    let inbox = Inbox::new(10_000, Arc::default());
    let large = "x".repeat(200_000);
    let mut waiting = Vec::new();
    let refused = loop {
        match put(&inbox, token(&large)) {
            Ok(receiver) => waiting.push(receiver),
            Err(refused) => break refused,
        }
    };
    assert_eq!(refused, Refused::Full);
    assert_eq!(waiting.len(), WAITING_BYTES_MAX / 200_000);
}

#[test]
fn nothing_new_begins_while_too_many_calls_or_outcomes_wait_and_a_stop_lets_all_through() {
    let in_flight = Arc::new(InFlight::default());
    let inbox = Inbox::new(10_000, Arc::clone(&in_flight));
    let _start = put(&inbox, start("m", 0)).expect("there is room");
    for _ in 0..OUTCOMES_GOAL {
        inbox.put_outcome(outcome());
    }
    assert!(inbox.holds_back());
    let batch = names(&inbox.take(Duration::ZERO));
    assert_eq!(batch.len(), BATCH_MAX);
    assert!(batch.iter().all(|name| name == "outcome"));
    let batch = names(&inbox.take(Duration::ZERO));
    assert!(!inbox.holds_back() && batch.contains(&"m0".to_string()));

    let calls = 1 << 40;
    let ticket = serde_json::from_str(r#"{"frame":0,"attempt":0}"#).expect("a ticket");
    in_flight.list((1, ticket), calls);
    while !inbox.take(Duration::ZERO).is_empty() {}
    let _start = put(&inbox, start("m", 1)).expect("there is room");
    assert!(inbox.take(Duration::ZERO).is_empty());
    inbox.close();
    assert_eq!(names(&inbox.take(Duration::ZERO)), ["m1"]);
    let refused = put(&inbox, start("m", 2)).expect_err("it is closed");
    assert_eq!(refused, Refused::Unavailable(CLOSED));
}

#[test]
fn starts_that_wait_in_vain_lose_their_places_while_nothing_new_begins() {
    let in_flight = Arc::new(InFlight::default());
    let mut inbox = Inbox::new(10, Arc::clone(&in_flight));
    let ticket = serde_json::from_str(r#"{"frame":0,"attempt":0}"#).expect("a ticket");
    in_flight.list((1, ticket), 1 << 40);
    let gone = put(&inbox, start("m", 0)).expect("there is room");
    let late = put(&inbox, start("m", 1)).expect("there is room");
    let lone = put(&inbox, start("lone", 0)).expect("there is room");
    // That was long ago.
    inbox.opened -= START_PATIENCE + Duration::from_secs(1);
    let _waits = put(&inbox, start("m", 2)).expect("there is room");
    drop(gone);
    assert!(inbox.take(Duration::ZERO).is_empty());
    for mut late in [late, lone] {
        let answer = late.try_recv().expect("it is answered");
        assert!(
            matches!(answer, Err(Refusal::States(ref error)) if error.message == RATE_EXCEEDED),
            "{answer:?}"
        );
    }
    let load = inbox.load();
    assert_eq!((load.starts, load.throttled, load.abandoned), (1, 2, 1));
    in_flight.end((1, ticket));
    assert_eq!(names(&inbox.take(Duration::ZERO)), ["m2"]);
}

#[test]
fn what_is_owed_is_taken_while_the_server_stops_until_the_thread_ends() {
    let inbox = Inbox::new(10, Arc::default());
    inbox.close();
    let refused = put(&inbox, start("m", 0)).expect_err("it is closed");
    assert_eq!(refused, Refused::Unavailable(CLOSED));
    let owed = |request| Message {
        request,
        answer_to: None,
    };
    inbox.put_owed(owed(start("m", 1))).expect("it is owed");
    assert!(!inbox.end(), "something waits");
    assert_eq!(names(&inbox.take(Duration::ZERO)), ["m1"]);
    let event = |bytes: usize| {
        Request::TakeEvent(Box::new(EventInvocation {
            function: "f".to_string(),
            qualifier: None,
            request_id: "r".to_string(),
            payload: "x".repeat(bytes),
            trace_header: None,
            client_context: None,
            origin: "a test".to_string(),
        }))
    };
    let over = inbox.put_owed(owed(event(WAITING_BYTES_MAX + 1)));
    assert_eq!(over, Err(Refused::Full));
    assert!(inbox.end());
    assert_eq!(
        inbox.put_owed(owed(event(1))),
        Err(Refused::Unavailable(CLOSED))
    );
}
