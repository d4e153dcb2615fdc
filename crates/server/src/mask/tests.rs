use serde_json::json;

use super::*;

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
fn text_that_is_no_json_is_looked_through() {
    let mask = mask(&["$.card.number", "**.password"]);
    for (text, expected) in [
        (
            "not found in the input '{\"card\":{\"number\":\"4242\"}}'",
            "not found in the input '{\"card\":{\"number\":\"••••••\"}}'",
        ),
        (
            "INFO {\"password\": 12, \"x\": 1}",
            "INFO {\"password\": \"••••••\", \"x\": 1}",
        ),
        (
            "{\\\"password\\\":\\\"a\\\\\\\"b\\\",\\\"x\\\":1}",
            "{\\\"password\\\":\\\"••••••\\\",\\\"x\\\":1}",
        ),
        // Cut off.
        (
            "{\"card\":{\"number\":\"42",
            "{\"card\":{\"number\":\"••••••",
        ),
        ("{\"password\":{\"a\":[1,{", "{\"password\":\"••••••\""),
        (
            "{\"password\":{\"a\":[1]},\"x\":",
            "{\"password\":\"••••••\",\"x\":",
        ),
        // As `console.log` writes an object, and as logfmt and forms write pairs.
        (
            "Order { card: { number: '42\\'42', x: 1 }, password: [ 'a' ] }",
            "Order { card: { number: '••••••', x: 1 }, password: •••••• }",
        ),
        (
            "at=info password=hunter2 x=1",
            "at=info password=•••••• x=1",
        ),
        ("a=1&password=hunter2&x=1", "a=1&password=••••••&x=1"),
        ("the password: hunter2", "the password: ••••••"),
        ("password: \"cut", "password: \"••••••"),
        ("my_password=1, passwords=2", "my_password=1, passwords=2"),
        ("arn:aws:x:password:y", "arn:aws:x:password:y"),
        ("password", "password"),
        ("\"my password\": 1", "\"my password\": 1"),
    ] {
        assert_eq!(mask.text(text), expected);
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
fn what_is_deep_or_long_ends() {
    let mask = mask(&["**.a.**.a.**.a", "$.b"]);
    let mut text = r#"{"b":1}"#.to_string();
    for _ in 0..12 {
        text = json!({ "t": text }).to_string();
        if text.len() > 100_000 {
            break;
        }
    }
    assert!(
        !mask.text(&text).contains("\"b\\"),
        "what is too deep is masked whole"
    );
    let deep = format!("{}1{}", "{\"a\":".repeat(100), "}".repeat(100));
    assert!(mask.text(&deep).contains(MARK));
    let broken = "{\"b\":".repeat(50_000);
    assert!(mask.text(&broken).len() < 100);
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
