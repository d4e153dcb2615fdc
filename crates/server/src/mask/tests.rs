use stepwell_functions::LOG_TAIL_BYTES_MAX;

use super::*;

mod loose;

fn mask(rules: &[&str]) -> Mask {
    let rules: Vec<String> = rules.iter().map(ToString::to_string).collect();
    Mask::parse(&rules).expect("rules")
}

fn masked(rules: &[&str], payload: Value) -> Value {
    let text = payload.to_string();
    serde_json::from_str(&mask(rules).text(&text)).expect("JSON")
}

#[test]
fn a_rule_masks_what_its_path_means() {
    for (rule, payload, expected) in [
        ("$.a", json!({"a": 1, "b": 2}), json!({"a": MARK, "b": 2})),
        ("$.a", json!({"b": {"a": 1}}), json!({"b": {"a": 1}})),
        (
            "$.a.b",
            json!({"a": {"b": {"c": 1}}}),
            json!({"a": {"b": MARK}}),
        ),
        // A name means the member of every element as well.
        (
            "$.a.b",
            json!({"a": [{"b": 1}, [{"b": 2}]]}),
            json!({"a": [{"b": MARK}, [{"b": MARK}]]}),
        ),
        ("$.a[*]", json!({"a": [1, 2]}), json!({"a": [MARK, MARK]})),
        ("$.a[1]", json!({"a": [1, 2]}), json!({"a": [1, MARK]})),
        (
            "$.*.b",
            json!({"x": {"b": 1}, "b": 2}),
            json!({"x": {"b": MARK}, "b": 2}),
        ),
        (
            "**.b",
            json!({"b": 1, "x": [{"b": 2}]}),
            json!({"b": MARK, "x": [{"b": MARK}]}),
        ),
        (
            "**.a.b",
            json!({"x": {"a": {"b": 1}}, "b": 2}),
            json!({"x": {"a": {"b": MARK}}, "b": 2}),
        ),
        (
            "$.a.**.b",
            json!({"a": {"b": 1, "c": {"b": 2}}, "b": 3}),
            json!({"a": {"b": MARK, "c": {"b": MARK}}, "b": 3}),
        ),
        ("$['a b']", json!({"a b": 1}), json!({"a b": MARK})),
        ("$.a", json!({"a": null}), json!({"a": MARK})),
        // JSON in a text in JSON.
        (
            "**.b",
            json!({"Body": "{\"b\":1,\"c\":2}"}),
            json!({"Body": format!("{{\"b\":\"{MARK}\",\"c\":2}}")}),
        ),
    ] {
        assert_eq!(
            masked(&[rule], payload.clone()),
            expected,
            "{rule} {payload}"
        );
    }
}

#[test]
fn an_answer_is_masked_in_its_payloads_and_nowhere_else() {
    let mask = mask(&["**.name", "$.secret"]);
    let answer = json!({
        "name": "execution",
        "input": "{\"name\":\"Ada\",\"secret\":1}",
        "definition": "{\"name\":\"kept\"}",
        "assignedVariables": {"secret": "\"x\"", "other": "{\"name\":2}"},
        "results": [[{"field": "user.name", "value": "Ada"}, {"field": "n", "value": "1"}]],
        "cause": "no {\"name\":\"Ada\"}",
    });
    let mut reply = Reply {
        status: 200,
        headers: vec![("x-amz-log-result", STANDARD.encode("L {\"name\":\"Ada\"}"))],
        body: answer.to_string().into_bytes(),
    };
    mask.reply(&mut reply, false);
    let body: Value = serde_json::from_slice(&reply.body).expect("JSON");
    assert_eq!(
        body,
        json!({
            "name": "execution",
            "input": format!("{{\"name\":\"{MARK}\",\"secret\":\"{MARK}\"}}"),
            "definition": "{\"name\":\"kept\"}",
            "assignedVariables": {"secret": MARK, "other": format!("{{\"name\":\"{MARK}\"}}")},
            "results": [[{"field": "user.name", "value": MARK}, {"field": "n", "value": "1"}]],
            "cause": format!("no {{\"name\":\"{MARK}\"}}"),
        })
    );
    assert_eq!(
        reply.headers[0].1,
        STANDARD.encode(format!("L {{\"name\":\"{MARK}\"}}"))
    );
    let mut payload = Reply {
        status: 200,
        headers: Vec::new(),
        body: br#"{"name":"Ada"}"#.to_vec(),
    };
    mask.reply(&mut payload, true);
    assert_eq!(
        payload.body,
        format!("{{\"name\":\"{MARK}\"}}").into_bytes()
    );
}

#[test]
fn fields_are_masked_by_the_names_that_queries_give_them() {
    let mask = mask(&[
        "$.card.number",
        "**.password",
        "$['a.b'].c",
        "$.x[0]",
        "$.y['p.q']",
    ]);
    let record = json!({
        "@message": "{\"card\":{\"number\":\"4242\",\"type\":\"v\"}}",
        "card.number": "4242",
        "card.type": "v",
        "password": "hunter2",
        "a.b.c": "1",
        "a.b": "{\"c\":1,\"d\":2}",
        "x.0": "1",
        "x.1": "2",
        "y.p.q.r": "1",
        "y.p": "2",
        "card": "{\"number\":\"4242\",\"type\":\"v\"}",
    });
    let expected = json!({
        "@message": format!("{{\"card\":{{\"number\":\"{MARK}\",\"type\":\"v\"}}}}"),
        "card.number": MARK,
        "card.type": "v",
        "password": MARK,
        "a.b.c": MARK,
        "a.b": format!("{{\"c\":\"{MARK}\",\"d\":2}}"),
        "x.0": MARK,
        "x.1": "2",
        "y.p.q.r": MARK,
        "y.p": "2",
        "card": format!("{{\"number\":\"{MARK}\",\"type\":\"v\"}}"),
    });
    let rows = |record: &Value| -> Value {
        let members = record.as_object().expect("a record").iter();
        members
            .map(|(name, value)| json!({ "field": name, "value": value }))
            .collect()
    };
    let annotations = |value: Value| {
        json!([{ "Annotations": {
            "password": [{ "AnnotationValue": value, "ServiceIds": [{ "Name": "pay" }] }],
            "kind": [{ "AnnotationValue": { "NumberValue": 7 } }],
        } }])
    };
    for (answer, expected) in [
        (
            json!({ "logRecord": record }),
            json!({ "logRecord": expected }),
        ),
        (
            json!({ "results": [rows(&record)] }),
            json!({ "results": [rows(&expected)] }),
        ),
        (
            json!({ "TraceSummaries": annotations(json!({ "StringValue": "hunter2" })) }),
            json!({ "TraceSummaries": annotations(json!({ "StringValue": MARK })) }),
        ),
    ] {
        let mut reply = Reply {
            status: 200,
            headers: Vec::new(),
            body: answer.to_string().into_bytes(),
        };
        mask.reply(&mut reply, false);
        let masked: Value = serde_json::from_slice(&reply.body).expect("JSON");
        assert_eq!(masked, expected);
    }
}

#[test]
fn what_is_deep_or_long_ends() {
    let few = mask(&["**.a.**.a.**.a", "$.b"]);
    let mut text = r#"{"b":1}"#.to_string();
    for _ in 0..12 {
        text = json!({ "t": text }).to_string();
        if text.len() > 100_000 {
            break;
        }
    }
    assert!(
        !few.text(&text).contains("\"b\\"),
        "what is too deep is masked whole"
    );
    let deep = format!("{}1{}", "{\"a\":".repeat(100), "}".repeat(100));
    assert!(few.text(&deep).contains(MARK));
    // As many ways to come to a value as there are ways to choose nine of its levels.
    let many = mask(&[&format!("{}.**.b", ["**.a"; 9].join("."))]);
    let deep = format!("{}1{}", "{\"a\":".repeat(120), "}".repeat(120));
    assert_eq!(many.text(&deep), deep);
    let broken = "{\"b\":".repeat(50_000);
    assert!(few.text(&broken).len() < 100);
}

#[test]
fn a_rule_that_means_nothing_is_refused_with_its_reason() {
    for (rule, says) in [
        ("password", "must begin with $ or with **"),
        ("$", "names no field"),
        ("**", "names no field"),
        ("$.**", "names no field"),
        ("$.", "has an empty name"),
        ("$.a..b", "has an empty name"),
        ("$['']", "has an empty name"),
        ("$.a[", "lacks a ]"),
        ("$.a[x]", "has [x]"),
        ("$.a b", "write it as ['a b']"),
        ("$a", "where . or [ is expected"),
    ] {
        let error = Mask::parse(&[rule.to_string()]).expect_err("it is refused");
        assert!(error.contains(says), "{rule}: {error}");
    }
    assert!(Mask::parse(&vec!["$.a".to_string(); 101]).is_err());
}

fn answered(mask: &Mask, answer: &Value) -> Value {
    let mut reply = Reply {
        status: 200,
        headers: Vec::new(),
        body: answer.to_string().into_bytes(),
    };
    mask.reply(&mut reply, false);
    serde_json::from_slice(&reply.body).expect("JSON")
}

#[test]
fn a_text_of_a_variable_is_looked_into_where_the_variable_is() {
    let mask = mask(&["$.card.number", "$.cards[1].pin"]);
    let variables = |number: &str, pin: &str| {
        json!({
            "card": json!({ "number": number, "type": "v" }).to_string(),
            "cards": json!([{ "pin": "1" }, { "pin": pin }]).to_string(),
            "number": "4242",
        })
    };
    let answer = |number: &str, pin: &str| {
        json!({
            "assignedVariables": variables(number, pin),
            "Environment": { "Variables": variables(number, pin) },
        })
    };
    assert_eq!(answered(&mask, &answer("4242", "2")), answer(MARK, MARK));
    // What a payload has as a text too: a member is where it is, whether it is written as text or not.
    assert_eq!(
        mask.text(r#"{"card":"{\"number\":\"4242\"}"}"#),
        format!(r#"{{"card":"{{\"number\":\"{MARK}\"}}"}}"#)
    );
}

#[test]
fn documents_of_traces_show_what_their_summaries_show() {
    let mask = mask(&["$.card_number", "$.card.number", "**.password"]);
    let segment = |secret: &dyn Fn(Value) -> Value| {
        let named = json!({
            "annotations": {
                "card_number": secret(json!(4242)),
                "card": json!({ "number": secret(json!("4242")) }).to_string(),
                "kind": "visa",
            },
            "metadata": { "default": {
                "card.number": secret(json!("4242")),
                "card": { "number": secret(json!(4242)), "type": "v" },
                "password": secret(json!(["a", "b"])),
                "my.password": secret(json!("hunter2")),
                "items": [{ "AnnotationValue": 1 }, 2],
            } },
        });
        let mut inner = named.clone();
        inner["id"] = json!("2");
        let mut middle = named.clone();
        middle["subsegments"] = json!([inner]);
        let mut outer = named;
        outer["id"] = json!("1");
        outer["subsegments"] = json!([{ "id": "3" }, middle]);
        json!({ "Traces": [{ "Segments": [{ "Id": "1", "Document": outer.to_string() }] }] })
    };
    let expected = segment(&|_| json!(MARK));
    assert_eq!(answered(&mask, &segment(&|value| value)), expected);
    let summary = |value: Value, text: Value| {
        json!({ "TraceSummaries": [{ "Annotations": {
            "card_number": [{ "AnnotationValue": value }],
            "card": [{ "AnnotationValue": { "StringValue": json!({ "number": text }).to_string() } }],
        } }] })
    };
    assert_eq!(
        answered(
            &mask,
            &summary(json!({ "NumberValue": 4242 }), json!("4242"))
        ),
        summary(json!({ "StringValue": MARK }), json!(MARK))
    );
}

#[test]
fn a_full_log_tail_does_not_begin_in_the_middle_of_a_value() {
    let mask = mask(&["$.card"]);
    let shown = |tail: &str| {
        let mut reply = Reply {
            status: 200,
            headers: vec![("x-amz-log-result", STANDARD.encode(tail))],
            body: Vec::new(),
        };
        mask.reply(&mut reply, true);
        let tail = STANDARD.decode(&reply.headers[0].1).expect("Base64");
        String::from_utf8(tail).expect("text")
    };
    let full = |begin: &str, end: &str| {
        let middle = LOG_TAIL_BYTES_MAX - begin.len() - end.len();
        format!("{begin}{}{end}", "x".repeat(middle))
    };
    assert_eq!(
        shown(&full("4242\",\"pin\":", "\nEND\nREPORT\n")),
        format!("{MARK}\nEND\nREPORT\n")
    );
    assert_eq!(shown(&full("4242", "")), MARK);
    assert_eq!(shown(&full("4242", "\n")), format!("{MARK}\n"));
    // All of it is there.
    let whole = "START\n4242\nEND\n";
    assert_eq!(shown(whole), whole);
    assert_eq!(
        shown(&full("a", "\n")[1..]),
        full("a", "\n")[1..],
        "it is not full"
    );
}
