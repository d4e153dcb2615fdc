use serde_json::json;

use super::*;

/// An event as the pages of AWS use it, with more in its detail.
fn event() -> Value {
    json!({
        "version": "0", "id": "7bf73129-1428-4cd3-a780-95db273d1602",
        "detail-type": "EC2 Instance State-change Notification", "source": "aws.ec2",
        "account": "123456789012", "time": "2015-11-11T21:29:54Z", "region": "us-east-1",
        "resources": ["arn:aws:ec2:us-east-1:123456789012:instance/i-1", "arn:other"],
        "detail": {
            "state": "running", "empty": "", "nothing": null, "is-on": true, "count": 10, "ratio": 0.25, "big": 1.0e2,
            "file": "dir/lib/A.PNG", "star": "a*b", "source-ip": "10.1.2.3", "v6": "2001:db8::1",
            "none": [], "nested": [[1, 2], ["three"]], "object": {"inner": 1},
            "items": [{"sku": "a", "quantity": 1}, {"sku": "b", "quantity": 2}],
        },
    })
}

/// - `detail`: the pattern of the detail.
#[track_caller]
fn check(detail: Value, expected: bool) {
    let text = json!({ "detail": detail }).to_string();
    let pattern = Pattern::parse(&text).unwrap_or_else(|reason| panic!("{text}: {reason}"));
    assert_eq!(pattern.matches(&event()), expected, "{text}");
}

#[test]
fn values_are_compared_exactly() {
    check(json!({"state": ["stopped", "running"]}), true);
    check(json!({"state": ["stopped"]}), false);
    check(json!({"state": ["Running"]}), false);
    check(json!({"empty": [""]}), true);
    check(json!({"nothing": [null]}), true);
    check(json!({"empty": [null]}), false);
    check(json!({"is-on": [true]}), true);
    check(json!({"is-on": ["true"]}), false);
    check(json!({"count": [10.0]}), true);
    check(json!({"big": [100]}), true);
    check(json!({"count": ["10"]}), false);
    check(json!({"missing": ["x"]}), false);
    check(json!({"nested": [2]}), true);
    check(json!({"nested": ["three"]}), true);
    check(json!({"state": ["running"], "count": [11]}), false);
    let whole = Pattern::parse(r#"{"source": ["aws.ec2"], "resources": ["arn:other"]}"#);
    assert!(whole.expect("a pattern").matches(&event()));
}

#[test]
fn texts_are_compared_in_parts() {
    check(json!({"state": [{"prefix": "run"}]}), true);
    check(json!({"state": [{"prefix": "RUN"}]}), false);
    check(
        json!({"state": [{"prefix": {"equals-ignore-case": "RUN"}}]}),
        true,
    );
    check(json!({"file": [{"suffix": ".png"}]}), false);
    check(
        json!({"file": [{"suffix": {"equals-ignore-case": ".png"}}]}),
        true,
    );
    check(json!({"state": [{"equals-ignore-case": "RUNNING"}]}), true);
    check(json!({"count": [{"prefix": "1"}]}), false);
    check(json!({"file": [{"wildcard": "dir/*/*.PNG"}]}), true);
    check(json!({"file": [{"wildcard": "*lib*"}]}), true);
    check(json!({"file": [{"wildcard": "*.png"}]}), false);
    check(json!({"file": [{"wildcard": "dir*dir"}]}), false);
    check(json!({"star": [{"wildcard": "a\\*b"}]}), true);
    check(json!({"file": [{"wildcard": "dir\\*"}]}), false);
    check(json!({"state": [{"wildcard": "running"}]}), true);
    check(json!({"state": [{"wildcard": "runn*ning"}]}), false);
}

#[test]
fn numbers_are_compared_by_their_order() {
    check(json!({"count": [{"numeric": ["=", 10]}]}), true);
    check(json!({"count": [{"numeric": [">", 0, "<=", 10]}]}), true);
    check(json!({"count": [{"numeric": [">", 0, "<", 10]}]}), false);
    check(json!({"ratio": [{"numeric": [">=", 0.25]}]}), true);
    check(json!({"state": [{"numeric": [">", 0]}]}), false);
}

#[test]
fn anything_but_is_a_value_that_is_there() {
    check(json!({"state": [{"anything-but": "stopped"}]}), true);
    check(json!({"state": [{"anything-but": ["running"]}]}), false);
    check(json!({"count": [{"anything-but": [9, 10]}]}), false);
    check(json!({"count": [{"anything-but": [9]}]}), true);
    check(json!({"missing": [{"anything-but": "x"}]}), false);
    check(
        json!({"state": [{"anything-but": {"prefix": "run"}}]}),
        false,
    );
    check(
        json!({"state": [{"anything-but": {"suffix": ["x", "ing"]}}]}),
        false,
    );
    check(
        json!({"state": [{"anything-but": {"equals-ignore-case": ["RUNNING"]}}]}),
        false,
    );
    check(
        json!({"file": [{"anything-but": {"wildcard": "*/lib/*"}}]}),
        false,
    );
    check(
        json!({"file": [{"anything-but": {"wildcard": "*/bin/*"}}]}),
        true,
    );
    check(json!({"state": [{"anything-but": "x"}, "y"]}), true);
}

#[test]
fn only_values_exist() {
    check(json!({"state": [{"exists": true}]}), true);
    check(json!({"nothing": [{"exists": true}]}), true);
    check(json!({"missing": [{"exists": true}]}), false);
    check(json!({"missing": [{"exists": false}]}), true);
    check(json!({"state": [{"exists": false}]}), false);
    check(json!({"none": [{"exists": true}]}), false);
    check(json!({"object": [{"exists": true}]}), false);
    check(
        json!({"missing": {"deeper": {"still": [{"exists": false}]}}}),
        true,
    );
    check(json!({"missing": {"deeper": ["x"]}}), false);
    check(json!({"missing": [{"exists": false}, "x"]}), true);
}

#[test]
fn addresses_are_compared_by_their_network() {
    check(json!({"source-ip": [{"cidr": "10.0.0.0/8"}]}), true);
    check(json!({"source-ip": [{"cidr": "10.1.2.3/32"}]}), true);
    check(json!({"source-ip": [{"cidr": "10.1.3.0/24"}]}), false);
    check(json!({"source-ip": [{"cidr": "0.0.0.0/0"}]}), true);
    check(json!({"v6": [{"cidr": "2001:db8::/32"}]}), true);
    check(json!({"v6": [{"cidr": "0.0.0.0/0"}]}), false);
    check(json!({"state": [{"cidr": "10.0.0.0/8"}]}), false);
}

#[test]
fn one_alternative_must_match() {
    check(
        json!({"$or": [{"state": ["x"]}, {"count": [{"numeric": [">", 5]}]}]}),
        true,
    );
    check(json!({"$or": [{"state": ["x"]}, {"count": [1]}]}), false);
    check(
        json!({"state": ["running"], "$or": [{"count": [1]}, {"$or": [{"big": [1]}, {"big": [100]}]}]}),
        true,
    );
    check(
        json!({"state": ["x"], "$or": [{"count": [10]}, {"big": [100]}]}),
        false,
    );
    // One object makes no alternatives: `$or` is a field's name then.
    check(json!({"$or": ["x"]}), false);
}

#[test]
fn one_element_of_an_array_must_match_all_its_fields() {
    check(json!({"items": {"sku": ["a"], "quantity": [1]}}), true);
    check(json!({"items": {"sku": ["a"], "quantity": [2]}}), false);
}

#[track_caller]
fn refuse(pattern: &str, reason: &str) {
    assert_eq!(
        Pattern::parse(pattern),
        Err(reason.to_string()),
        "{pattern}"
    );
}

#[test]
fn what_is_no_pattern_says_why() {
    refuse("[]", "Filter is not an object");
    refuse("{}", "Empty objects are not allowed");
    refuse(r#"{"detail": {}}"#, "Empty objects are not allowed");
    refuse(
        r#"{"source": "aws.ec2"}"#,
        "\"source\" must be an object or an array",
    );
    refuse(r#"{"source": []}"#, "Empty arrays are not allowed");
    refuse(
        r#"{"source": [["a"]]}"#,
        "Match value must be String, number, true, false, or null",
    );
    refuse(
        r#"{"source": [{"before": "a"}]}"#,
        "Unrecognized match type before",
    );
    refuse(
        r#"{"source": [{"prefix": ["a"]}]}"#,
        "prefix match pattern must be a string",
    );
    refuse(
        r#"{"source": [{"suffix": 1}]}"#,
        "suffix match pattern must be a string",
    );
    refuse(
        r#"{"source": [{"prefix": "a", "suffix": "b"}]}"#,
        "Only one key allowed in match expression",
    );
    refuse(
        r#"{"source": [{"exists": "yes"}]}"#,
        "exists match pattern must be either true or false.",
    );
    refuse(
        r#"{"source": [{"anything-but": ["a", 1]}]}"#,
        "Inside anything but list, either all values are number or string, mixed type is not supported",
    );
    refuse(
        r#"{"source": [{"anything-but": {"numeric": ["=", 1]}}]}"#,
        "Unsupported anything-but pattern: numeric",
    );
    refuse(
        r#"{"n": [{"numeric": 1}]}"#,
        "Value of numeric must be an array.",
    );
    refuse(
        r#"{"n": [{"numeric": ["~", 1]}]}"#,
        "Unrecognized numeric range operator: ~",
    );
    refuse(
        r#"{"n": [{"numeric": [">", "x"]}]}"#,
        "Value of > must be numeric",
    );
    refuse(
        r#"{"n": [{"numeric": [">", 5, "<", 5]}]}"#,
        "Bottom must be less than top",
    );
    refuse(
        r#"{"n": [{"numeric": [">", 6000000000]}]}"#,
        "Value must be between -5000000000 and 5000000000, inclusive",
    );
    refuse(
        r#"{"ip": [{"cidr": "10.0.0.0"}]}"#,
        "Malformed CIDR, one '/' required",
    );
    refuse(
        r#"{"ip": [{"cidr": "10.0.0.0/33"}]}"#,
        "Malformed CIDR, mask bits must be 0 to 32: 10.0.0.0/33",
    );
    refuse(
        r#"{"f": [{"wildcard": "a**"}]}"#,
        "Consecutive wildcard characters at pos 1",
    );
    refuse(
        r#"{"f": [{"wildcard": "a\\b"}]}"#,
        "Invalid escape character at pos 1",
    );
}

#[test]
fn no_text_makes_the_reader_panic() {
    let whole = json!({
        "source": ["a", 1, null, true, {"prefix": "p"}, {"suffix": {"equals-ignore-case": "S"}}, {"exists": false}],
        "detail": {
            "n": [{"numeric": [">", 0, "<=", 5.5]}],
            "ip": [{"cidr": "2001:db8::/32"}, {"wildcard": "a*\\*é*"}],
            "x": [{"anything-but": {"wildcard": ["*a", "b*"]}}, {"anything-but": [1, 2]}],
        },
        "$or": [{"a": [1]}, {"b": ["😀"]}],
    })
    .to_string();
    assert!(Pattern::parse(&whole).is_ok());
    // Each text that one lost or changed character makes of it.
    let characters: Vec<char> = whole.chars().collect();
    for at in 0..characters.len() {
        for put in ["", "\"", "[", "{", "0", "*", "-", "e9"] {
            let mut text: String = characters[..at].iter().collect();
            text.push_str(put);
            text.extend(&characters[at + 1..]);
            if let Ok(pattern) = Pattern::parse(&text) {
                pattern.matches(&event());
            }
        }
    }
    let deep = format!("{}1{}", "{\"a\":".repeat(1_000), "}".repeat(1_000));
    assert!(Pattern::parse(&deep).is_err());
}

#[test]
fn a_hostile_wildcard_takes_no_longer_than_its_size_says() {
    let wildcard = format!("{{\"a\": [{{\"wildcard\": \"{}\"}}]}}", "*a".repeat(900));
    let pattern = Pattern::parse(&wildcard).expect("a pattern");
    let event = json!({ "a": format!("{}b", "a".repeat(100_000)) });
    assert!(!pattern.matches(&event));
}
