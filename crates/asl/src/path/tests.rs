#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use serde_json::{Value, json};

use super::{Path, ReferencePath, ValuePath};
use crate::scope::{Entropy, Variables};
use crate::{Scope, Timestamp};

fn shop() -> Value {
    json!({
        "orders": [
            {"id": 1, "total": 10, "tags": ["new", "gift"], "owner": {"name": "Ann"}},
            {"id": 2, "total": 25.5, "paid": true, "tags": [], "owner": {"name": "Bo"}},
            {"id": "3", "total": 7, "paid": false, "note": null}
        ],
        "key-dash": "dash", "a b": "blank", "it's": "quote", "ü": "umlaut", "a\\\"b": "both", "c\\": "end", "*": "star",
        "five": [1, 2, 3, 4, 5], "deep": {"id": 9, "list": [[1, 2], [3]]}, "nothing": null, "text": "abc"
    })
}

fn selected(path: &str) -> String {
    let root = shop();
    match Path::parse(path) {
        Err(problem) => format!("refused: {problem}"),
        Ok(path) => match path.select(&root) {
            Ok(value) => value.to_string(),
            Err(no_match) => format!("nothing: {no_match}"),
        },
    }
}

/// Each line: a path, then what it gives on [`shop`].
const CASES: &[(&str, &str)] = &[
    ("$.text", r#""abc""#),
    ("$['text']", r#""abc""#),
    ("$[\"text\"]", r#""abc""#),
    ("$.['text']", r#""abc""#),
    ("$.key-dash", r#""dash""#),
    ("$['a b']", r#""blank""#),
    ("$['it\\'s']", r#""quote""#),
    ("$.ü", r#""umlaut""#),
    ("$['a\\\"b']", r#""both""#),
    ("$['c\\\\']", r#""end""#),
    ("$['*']", r#""star""#),
    ("$.nothing", "null"),
    ("$.five[0]", "1"),
    ("$.five[-1]", "5"),
    ("$.five[ 1 ]", "2"),
    ("$.orders[1].owner.name", r#""Bo""#),
    // Definite paths that match nothing.
    ("$.gone", "nothing: No results for path: $['gone']"),
    (
        "$.deep.gone",
        "nothing: No results for path: $['deep']['gone']",
    ),
    ("$.gone.a.b", "nothing: Missing property in path $['gone']"),
    (
        "$.deep.gone.a",
        "nothing: Missing property in path $['deep']['gone']",
    ),
    ("$.five[9]", "nothing: No results for path: $['five'][9]"),
    (
        "$.orders[9].id",
        "nothing: No results for path: $['orders'][9]['id']",
    ),
    ("$.nothing[0]", "nothing: The path $['nothing'] is null"),
    (
        "$.text[0]",
        "nothing: Filter: [0] can only be applied to arrays. Current context is: abc",
    ),
    (
        "$.text.a",
        "nothing: Expected to find an object with property ['a'] in path $['text'] but found 'java.lang.String'. \
         This is not a json object according to the JsonProvider: 'com.jayway.jsonpath.spi.json.JacksonJsonProvider'.",
    ),
    // Indefinite paths give an array, whatever they match.
    ("$.orders[*].id", r#"[1,2,"3"]"#),
    ("$.orders.*.id", r#"[1,2,"3"]"#),
    ("$.orders[*].paid", "[true,false]"),
    ("$.gone[*]", "[]"),
    ("$.gone[:1].x", "[]"),
    ("$.text[*]", "[]"),
    ("$.deep.*", r#"[9,[[1,2],[3]]]"#),
    ("$..id", r#"[1,2,"3",9]"#),
    ("$..owner.name", r#"["Ann","Bo"]"#),
    ("$..list[0]", "[[1,2]]"),
    ("$.deep..[0]", "[[1,2],1,3]"),
    ("$.five[0,2]", "[1,3]"),
    ("$.five[9,0]", "[1]"),
    // Slices: a lone negative bound counts from the end, two do not; the step is ignored.
    ("$.five[1:3]", "[2,3]"),
    ("$.five[:2]", "[1,2]"),
    ("$.five[3:]", "[4,5]"),
    ("$.five[-2:]", "[4,5]"),
    ("$.five[:-2]", "[1,2,3]"),
    ("$.five[1:-1]", "[]"),
    ("$.five[-2:2]", "[4,5,1,2]"),
    ("$.five[0:5:2]", "[1,2,3,4,5]"),
    ("$.five[2:99]", "[3,4,5]"),
    // Names in a list make one object when they come last, and are tried one by one when not.
    ("$.orders[0]['id','total','gone']", r#"{"id":1,"total":10}"#),
    ("$['deep','orders'].id", "[9]"),
    // Filters.
    ("$.orders[?(@.paid == true)].id", "[2]"),
    ("$.orders[?(@.paid)].id", r#"[2,"3"]"#),
    ("$.orders[?(!@.paid)].id", "[1]"),
    ("$.orders[?(@.total > 9 && @.total < 20)].id", "[1]"),
    ("$.orders[?(@.total >= 25.5 || @.id == 1)].id", "[1,2]"),
    ("$.orders[?(@.owner.name == 'Bo')].id", "[2]"),
    ("$.orders[?('Bo' == @.owner.name)].id", "[2]"),
    ("$.orders[?(@['owner']['name'] != \"Bo\")].id", r#"[1,"3"]"#),
    ("$.orders[?(@.id == 3)].total", "[7]"),
    ("$.orders[?(@.id === 3)].total", "[]"),
    ("$.orders[?(@.note == null)].total", "[7]"),
    ("$.orders[?(@.id in [1, 2])].id", "[1,2]"),
    ("$.orders[?(@.id nin [1, 2])].id", r#"["3"]"#),
    ("$.orders[?(@.tags contains 'gift')].id", "[1]"),
    ("$.orders[?(@.tags empty true)].id", "[2]"),
    ("$.orders[?(@.tags size 2)].id", "[1]"),
    ("$.orders[?(@.tags == ['new','gift'])].id", "[1]"),
    ("$.orders[?((@.id == 1) && !(@.paid))].id", "[1]"),
    ("$.orders[?(@.tags[0] == 'new')].id", "[1]"),
    ("$.five[?(@ > 2)]", "[]"),
    ("$.deep[?(@.id == 9)].list[1]", "[[3]]"),
    ("$..[?(@.name == 'Ann')].name", r#"["Ann"]"#),
    // What is no path.
    ("text", "refused: the path 'text' does not start with '$'"),
    ("$.", "refused: the path must not end with a '.'"),
    ("$..", "refused: the path must not end with a '.'"),
    (
        "$.a b",
        "refused: a name with blanks needs brackets and quotes, at position 2",
    ),
    (
        "$.five.length()",
        "nothing: Expected to find an object with property ['length()'] in path $['five'] but found 'java.util.ArrayList'. This is not a json object according to the JsonProvider: 'com.jayway.jsonpath.spi.json.JacksonJsonProvider'.",
    ),
    ("$['a", "refused: the text 'a' lacks its closing '"),
    ("$[", "refused: the path ends inside '['"),
    (
        "$[a]",
        "refused: unexpected 'a' at position 1 after the root of the path",
    ),
    (
        "$.five[:]",
        "refused: the slice ':' has neither start nor end",
    ),
    (
        "$[?(@.a =~ /x/)]",
        "refused: regular expressions are not supported in a filter",
    ),
    (
        "$[?(@.a subsetof ['x'])]",
        "refused: the operator 'subsetof' is not supported in a filter",
    ),
    (
        "$[?(@.a == $.b)]",
        "refused: a filter refers to '@' only, not to the root of the input",
    ),
    ("$[?(1)]", "refused: the literal 1 is no claim in a filter"),
];

#[test]
fn paths_match_what_jayway_matches() {
    for (path, expected) in CASES {
        assert_eq!(selected(path), *expected, "{path}");
    }
    assert_eq!(selected("$"), shop().to_string());
}

#[test]
fn a_filter_does_not_nest_without_end() {
    let path = format!("$[?({}@.a)]", "!".repeat(10_000));
    assert!(selected(&path).starts_with("refused: a filter nests at most"));
    let path = format!("$[?({}@.a", "(".repeat(10_000));
    assert!(selected(&path).starts_with("refused: a filter nests at most"));
    let nested = "$[?(@".to_owned() + &"[?(@".repeat(3_000);
    assert!(selected(&nested).starts_with("refused: a filter nests at most"));
}

#[test]
fn a_path_does_not_visit_or_copy_without_end() {
    let mut deep = json!({"a": 1});
    for _ in 0..100 {
        deep = json!({"a": deep, "b": "x"});
    }
    let path = Path::parse("$..a..a..a..a..a..c").unwrap();
    assert!(
        path.select(&deep)
            .unwrap_err()
            .0
            .starts_with("Too many results for path: $..['a']")
    );
    let big = json!([["x".repeat(200_000)]]);
    let path = Path::parse(&format!("$[{0}][{0}]", vec!["0"; 200].join(","))).unwrap();
    assert!(
        path.select(&big)
            .unwrap_err()
            .0
            .starts_with("Too many results for path: $[0,0")
    );
}

#[test]
fn a_definite_path_borrows() {
    let root = shop();
    let found = Path::parse("$.orders").unwrap();
    assert!(matches!(
        found.select(&root),
        Ok(std::borrow::Cow::Borrowed(_))
    ));
}

#[test]
fn a_value_path_knows_its_source() {
    let input = json!({"a": 1});
    let context = json!({"State": {"Name": "Pay"}});
    let variables = Variables::from([("größe".to_owned(), json!({"x": [5]}))]);
    let entropy = Entropy::derive(&[0; 32], 0);
    let scope = Scope {
        input: &input,
        context: &context,
        variables: &variables,
        result: None,
        error_output: None,
        now: Timestamp::from_millis(0),
        entropy: &entropy,
    };
    let found = |text: &str| {
        ValuePath::parse(text)
            .unwrap()
            .lookup(&scope)
            .map(|value| value.to_string())
    };
    assert_eq!(found("$.a").as_deref(), Some("1"));
    assert_eq!(found("$$.State.Name").as_deref(), Some(r#""Pay""#));
    assert_eq!(found("$$").as_deref(), Some(r#"{"State":{"Name":"Pay"}}"#));
    assert_eq!(found("$größe.x[0]").as_deref(), Some("5"));
    assert_eq!(found("$none"), None);
    assert_eq!(
        ValuePath::parse("$größe.x[0]").unwrap().variable(),
        Some("größe")
    );
    assert!(ValuePath::parse("$$.State").unwrap().is_context());
    assert!(ValuePath::parse("$1x").is_err());

    let missing = ValuePath::parse("$.b.c").unwrap();
    assert_eq!(
        missing.evaluate(&scope, "ErrorPath").unwrap_err().cause,
        r#"The JSONPath '$.b.c' specified for the field 'ErrorPath' could not be found in the input '{"a":1}'"#
    );
    assert_eq!(
        missing.filter(&scope).unwrap_err().cause,
        "Invalid path '$.b.c' : Missing property in path $['b']"
    );
}

#[test]
fn a_reference_path_places_its_value() {
    let placed = |target: Value, path: &str| {
        let path = ReferencePath::parse(path).unwrap();
        path.place(target, json!(7))
            .map(|value| value.to_string())
            .map_err(|failure| failure.cause)
    };
    assert_eq!(placed(json!({"a": 1}), "$").unwrap(), "7");
    assert_eq!(placed(json!({"a": 1}), "$.b").unwrap(), r#"{"a":1,"b":7}"#);
    assert_eq!(placed(json!({"a": 1}), "$.a").unwrap(), r#"{"a":7}"#);
    assert_eq!(
        placed(json!({"a": 1}), "$.b.c['d e']").unwrap(),
        r#"{"a":1,"b":{"c":{"d e":7}}}"#
    );
    assert_eq!(
        placed(json!({"a": [1, 2]}), "$.a[1]").unwrap(),
        r#"{"a":[1,7]}"#
    );
    let refused = [
        (
            json!("x"),
            "$.a",
            r#"Unable to apply ReferencePath $.a to input "x""#,
        ),
        (
            json!({"a": 1}),
            "$.a.b",
            r#"Unable to apply ReferencePath $.a.b to input {"a":1}"#,
        ),
        (
            json!({"a": [1]}),
            "$.a[1]",
            r#"Unable to apply ReferencePath $.a[1] to input {"a":[1]}"#,
        ),
        (
            json!({}),
            "$.a[0]",
            "Unable to apply ReferencePath $.a[0] to input {}",
        ),
    ];
    for (target, path, cause) in refused {
        assert_eq!(placed(target, path).unwrap_err(), cause);
    }
    for path in [
        "$.a[*]",
        "$..a",
        "$.a[0,1]",
        "$.a[0:1]",
        "$.a[?(@.b)]",
        "$['a','b']",
        "$.a[-1]",
        "a",
        "$.a()",
    ] {
        assert!(ReferencePath::parse(path).is_err(), "{path}");
    }
    let path = ReferencePath::parse("$.a[0].b").unwrap();
    assert_eq!(path.get(&json!({"a": [{"b": 3}]})), Some(&json!(3)));
    assert_eq!(path.get(&json!({"a": []})), None);
}

#[test]
fn a_reference_path_finds_the_text_as_it_is_written() {
    let text_in = |path: &str, document: &'static str| {
        let path = ReferencePath::parse(path).expect("a reference path");
        path.text_in(document)
    };
    let document = r#" {"a": [1, {"b" : [ 2,3 ]}], "\u0063": "x"} "#;
    assert_eq!(text_in("$", document), Some(document.trim()));
    assert_eq!(text_in("$.a", document), Some(r#"[1, {"b" : [ 2,3 ]}]"#));
    assert_eq!(text_in("$.a[1].b", document), Some("[ 2,3 ]"));
    assert_eq!(text_in("$.c", document), Some(r#""x""#));
    assert_eq!(text_in("$.a[2]", document), None);
    assert_eq!(text_in("$.a.b", document), None);
    assert_eq!(text_in("$.a", "no JSON"), None);
}
