use super::FilterPattern;

#[track_caller]
fn check(pattern: &str, message: &str, expected: bool) {
    let parsed = FilterPattern::parse(pattern).expect(pattern);
    assert_eq!(parsed.matches(message), expected, "{pattern} of {message}");
    if let (true, Some(needle)) = (expected, parsed.needle()) {
        assert!(message.contains(&needle), "{needle}");
    }
}

#[track_caller]
fn refuse(pattern: &str, expected: &str) {
    let refused = FilterPattern::parse(pattern).expect_err(pattern);
    assert_eq!(refused.0, expected, "{pattern}");
}

#[test]
fn terms_are_wanted_all_one_or_none() {
    check("", "anything", true);
    check("ERROR", "an ERROR here", true);
    check("error", "an ERROR here", false);
    check("ERROR disk", "disk ERROR", true);
    check("ERROR disk", "net ERROR", false);
    check("?disk ?net", "net ERROR", true);
    check("?disk ?net", "ERROR", false);
    check("ERROR -net", "net ERROR", false);
    check("\"disk full\"", "the disk full", true);
    check("\"disk full\"", "full disk", false);
    check("-\"disk full\"", "full disk", true);
    check(r#""say \"yes\"""#, r#"they say "yes""#, true);
    // AWS: beside other terms a question mark has no effect.
    check("?disk ERROR", "net ERROR", true);
}

#[test]
fn regular_expressions_match_anywhere() {
    check("%AUTHORIZED%", "UNAUTHORIZED REQUEST", true);
    check(r"%\d{3}-[a-f]+%", "id 123-abc", true);
    check(r"%^ERROR%", "an ERROR", false);
    check(r"%\x28x\x29%", "f(x)", true);
    check(r#"{ $.ip = %^10\.0\.% }"#, r#"{"ip":"10.0.3.4"}"#, true);
    check(r#"[level=%ERR|WARN%, ...]"#, "WARN disk full", true);
    refuse("%(a)%", "Invalid character(s) in term '%(a)%'");
    refuse("%a% %b% %c%", "Invalid filter pattern");
    refuse("%a{3000}{3000}%", "Invalid filter pattern");
    refuse("%a", "Invalid filter pattern");
}

/// What opens and is not closed, or only at the end, is looked through once.
#[test]
fn a_long_message_of_brackets_is_split_in_one_pass() {
    let opened = "[aé ".repeat(9_999);
    let long = "x".repeat(1 << 20);
    check(
        "[first = *é, ..., last = x*]",
        &format!("{opened}{long}"),
        true,
    );
    check(
        "[first = *é, ..., last = x*]",
        &format!("{opened}{long}]x"),
        true,
    );
    check("[all]", &format!("{opened}{long}]"), true);
    check(
        "[...]",
        &format!("{}{long}", r#""a "#.repeat(10_001)),
        false,
    );
}

#[test]
fn columns_are_words_quotes_and_brackets() {
    let line = r#"127.0.0.1 - frank [10/Oct/2000:13:25:15 -0700] "GET /a.gif HTTP/1.0" 404 1534"#;
    check("[ip, id, user, at, request, status, bytes]", line, true);
    check("[ip, id, user, at, request]", line, false);
    check("[ip, ..., status = 4*, bytes]", line, true);
    check("[..., status = 4*, bytes > 1000]", line, true);
    check("[..., status = 4*, bytes > 2000]", line, false);
    check(
        "[ip, id, user, at, request = *gif*, status, bytes]",
        line,
        true,
    );
    check("[..., request=\"GET /a.gif *\", , ]", line, true);
    check("[ip != 127.*, ...]", line, false);
    check("[..., s=500 || s=404, b]", line, true);
    check("[..., s>=400 && s<500, b]", line, true);
    check("[..., s>=400 && s<404, b]", line, false);
    check("[a = *x, b = z]", r#""x z"#, true);
    check("[a = x*y, b = z*w, c = u]", "[x y] z]w [u]", true);
    check(
        "[a = *x, b = y*z, c = u, d = *w]",
        r#"[x y]z [u] "v"w"#,
        true,
    );
    check("[a, b]", r#"[] """#, true);
    refuse("[a, ..., b, ...]", "Invalid filter pattern");
    refuse("[a=, b]", "Invalid filter pattern");
    refuse("[a > x]", "Invalid filter pattern");
    refuse(
        "[a",
        "If a filter pattern starts with '[' it must end with ']'",
    );
    refuse("[a=?]", "Invalid character(s) in term '?'");
}

const EVENT: &str = r#"{
    "eventType": "UpdateTrail", "ip": "111.111.111.111", "n": 7, "e": 1.5e3, "yes": true, "no": false, "nothing": null,
    "list": ["x", "y"], "objects": [{"id": 1, "flag": "a"}, {"id": 2, "flag": "b"}], "a.b": "dotted",
    "deep": {"er": {"text": "found it"}}
}"#;

#[test]
fn json_is_compared_by_selectors() {
    for (pattern, expected) in [
        (r#"{ $.eventType = "UpdateTrail" }"#, true),
        (r#"{$.eventType="Update*"}"#, true),
        (r#"{ $.eventType != "Update*" }"#, false),
        (r#"{ $.missing != "x" }"#, false),
        (r#"{ $.ip = 111.111.* }"#, true),
        (r#"{ $.ip != 123.123.* }"#, true),
        (r#"{ $.n > 3 }"#, true),
        (r#"{ $.n <= 6 }"#, false),
        (r#"{ $.e = 1500 }"#, true),
        (r#"{ $.n = 7.0e0 }"#, true),
        (r#"{ $.list[0] = "x" }"#, true),
        (r#"{ $.list[*] = "y" }"#, true),
        (r#"{ $.list = "x" }"#, false),
        (r#"{ $.objects[1].flag = "b" }"#, true),
        (r#"{ $.objects[*].id > 1 }"#, true),
        (r#"{ $.objects[7].id > 1 }"#, false),
        (r#"{ $['a.b'] = "dotted" }"#, true),
        (r#"{ $.['a.b'] = "dotted" }"#, true),
        (r#"{ $.deep.er.text = "*it" }"#, true),
        (r#"{ $.yes IS TRUE && $.no IS FALSE }"#, true),
        (r#"{ $.yes is false }"#, false),
        (r#"{ $.nothing IS NULL }"#, true),
        (r#"{ $.missing IS NULL }"#, false),
        (r#"{ $.missing NOT EXISTS }"#, true),
        (r#"{ NOT EXISTS $.n }"#, false),
        (r#"{ $.n = 1 || $.n = 7 && $.ip = "x" }"#, false),
        (r#"{ ($.n = 1 || $.n = 7) && ($.ip = "*1") }"#, true),
        (r#"{ $.deep.er = "x" || $.deep.er != "x" }"#, false),
    ] {
        check(pattern, EVENT, expected);
    }
    check(r#"{ $.a = "x" }"#, "not JSON", false);
    // What a pattern does not name must be JSON all the same, and a name may be escaped.
    check(r#"{ $.a = "x" }"#, r#"{"b":[1,{"c":}],"a":"x"}"#, false);
    check(r#"{ $.a = "x" }"#, r#"{"a":"x"} and more"#, false);
    check(r#"{ $.a = "x" }"#, r#"{"b":{"a":"y"},"\u0061":"x"}"#, true);
    check(r#"{ $.a = "x" }"#, r#"{"a":"y","a":"x"}"#, true);
    check(r#"{ $.a NOT EXISTS }"#, r#"[{"a":"x"}]"#, true);
    check(r#"{ $[0].a = "x" }"#, r#"[{"a":"x"}]"#, true);
    check(r#"{ $.a = "x" }"#, r#"{"a":"x""#, false);
    for pattern in [
        "{ }",
        "{ $ = 1 }",
        "{ $.a }",
        "{ $.a = }",
        "{ $.a = 1 && }",
        "{ ($.a = 1 }",
        "{ $.a > \"x\" }",
        "{ $.a = 1 } or }",
        "{ $.a[x] = 1 }",
        "{ a = 1 }",
    ] {
        refuse(pattern, "Invalid filter pattern");
    }
    refuse(
        "{ $.a = 1",
        "If a filter pattern starts with '{' it must end with '}'",
    );
    let deep = format!("{{ {}$.a = 1{} }}", "(".repeat(60), ")".repeat(60));
    refuse(&deep, "Invalid filter pattern");
}

#[test]
fn what_needs_quotes_is_named() {
    refuse("a:b", "Invalid character(s) in term 'a:b'");
    refuse("\"\"", "Invalid character(s) in term '\"\"'");
    refuse("\"open", "Invalid filter pattern");
}

#[test]
fn values_are_extracted_and_selected() {
    let json = FilterPattern::parse("{ $.n > 3 && $.ip = * }").expect("a pattern");
    let values = json.extract(EVENT).expect("it matches");
    assert_eq!(
        format!("{values:?}"),
        r#"{"$.ip": "111.111.111.111", "$.n": "7"}"#
    );
    assert_eq!(json.select(EVENT, "$.objects[1].id").as_deref(), Some("2"));
    assert_eq!(json.select(EVENT, "$.missing"), None);
    let columns = FilterPattern::parse("[level, ..., ms]").expect("a pattern");
    assert_eq!(columns.select("INFO took 12", "$ms").as_deref(), Some("12"));
    let values = columns.extract("INFO took 12").expect("it matches");
    assert_eq!(format!("{values:?}"), r#"{"$level": "INFO", "$ms": "12"}"#);
}
