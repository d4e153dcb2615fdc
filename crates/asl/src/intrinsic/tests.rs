#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use serde_json::json;

use super::{Intrinsic, JavaRandom};
use crate::scope::{Entropy, Variables};
use crate::{Scope, Timestamp};

fn called(call: &str) -> String {
    let input = json!({
        "name": "Ann", "empty": "", "n": 3, "half": 2.5, "minus": -1.5, "thing": {"Id": 1, "Name": "x", "List": [1, "a", null]},
        "list": [1, 2, 3, 4, 5], "same": [1, 1, "1", {"a": 1, "b": 2}, {"b": 2, "a": 1}, null, null, [1], [1]],
        "left": {"a": {"x": 1}, "b": 1}, "right": {"a": {"y": 2}}, "template": "{} of {}", "long": "x".repeat(10_001),
        "doubles": [1.0, 1e7, 0.0001, 123456.75]
    });
    let context = json!({"State": {"Name": "Pay-Now"}});
    let variables = Variables::from([("who".to_owned(), json!("Bo"))]);
    let entropy = Entropy::derive(&[5; 32], 2);
    let scope = Scope {
        input: &input,
        context: &context,
        variables: &variables,
        result: None,
        error_output: None,
        now: Timestamp::from_millis(0),
        entropy: &entropy,
    };
    match Intrinsic::parse(call) {
        Err(problem) => format!("refused: {problem}"),
        Ok(intrinsic) => match intrinsic.evaluate(&scope) {
            Ok(value) => value.to_string(),
            Err(failure) => {
                assert_eq!(failure.error, "States.Runtime");
                let prefix = format!("The function '{call}' had the following error: ");
                let cause = failure
                    .cause
                    .strip_prefix(&prefix)
                    .unwrap_or(&failure.cause);
                format!("failed: {cause}")
            }
        },
    }
}

/// Each line: a call, then what it gives.
const CASES: &[(&str, &str)] = &[
    ("States.Format('Hello, {}!', $.name)", r#""Hello, Ann!""#),
    ("States.Format('plain')", r#""plain""#),
    ("States.Format($.template, 1, $who)", r#""1 of Bo""#),
    (
        "States.Format('{}', $.thing)",
        r#""{Id=1, Name=x, List=[1, a, null]}""#,
    ),
    (
        "States.Format('{} {} {}', null, true, 1.5)",
        r#""null true 1.5""#,
    ),
    (
        "States.Format('{}', $.doubles)",
        r#""[1.0, 1.0E7, 1.0E-4, 123456.75]""#,
    ),
    (r"States.Format('it\'s \{{}\} \\', $.n)", r#""it's {3} \\""#),
    (
        "States.Format('{}')",
        "failed: Invalid arguments in States.Format: number of arguments do not match the occurrences of {}",
    ),
    (
        "States.Format('{', 1)",
        "failed: Invalid arguments in States.Format",
    ),
    (
        "States.Format($.n)",
        "failed: Invalid arguments in States.Format",
    ),
    (
        r#"States.StringToJson('{"a": [1, 2.50]}')"#,
        r#"{"a":[1,2.5]}"#,
    ),
    ("States.StringToJson($.empty)", "null"),
    (
        "States.StringToJson('{')",
        "failed: Invalid arguments in States.StringToJson",
    ),
    (
        "States.JsonToString($.thing)",
        r#""{\"Id\":1,\"Name\":\"x\",\"List\":[1,\"a\",null]}""#,
    ),
    ("States.Array()", "[]"),
    (
        "States.Array('a', 1, null, $.thing.Id, States.Array(true))",
        r#"["a",1,null,1,[true]]"#,
    ),
    ("States.ArrayPartition($.list, 2)", "[[1,2],[3,4],[5]]"),
    ("States.ArrayPartition($.list, 9)", "[[1,2,3,4,5]]"),
    ("States.ArrayPartition(States.Array(), 1)", "[]"),
    (
        "States.ArrayPartition($.list, 0)",
        "failed: Invalid arguments in States.ArrayPartition",
    ),
    ("States.ArrayContains($.same, $.left)", "false"),
    ("States.ArrayContains($.same, States.Array(1))", "true"),
    ("States.ArrayContains($.same, 2)", "false"),
    ("States.ArrayRange(1, 9, 2)", "[1,3,5,7,9]"),
    ("States.ArrayRange(3, 0, -2)", "[3,1]"),
    ("States.ArrayRange(1.5, 3.4, 1)", "[2,3]"),
    ("States.ArrayRange(5, 1, 1)", "[]"),
    (
        "States.ArrayRange(1, 3, 0)",
        "failed: Invalid arguments in States.ArrayRange",
    ),
    (
        "States.ArrayRange(1, 1001, 1)",
        "failed: Invalid arguments in States.ArrayRange",
    ),
    ("States.ArrayGetItem($.list, 1)", "2"),
    (
        "States.ArrayGetItem($.list, 5)",
        "failed: Invalid arguments in States.ArrayGetItem",
    ),
    (
        "States.ArrayGetItem($.list, -1)",
        "failed: Invalid arguments in States.ArrayGetItem",
    ),
    ("States.ArrayLength($.list)", "5"),
    (
        "States.ArrayLength($.name)",
        "failed: Invalid arguments in States.ArrayLength",
    ),
    (
        "States.ArrayUnique($.same)",
        r#"[1,"1",{"a":1,"b":2},null,[1]]"#,
    ),
    ("States.Base64Encode('Grüße')", r#""R3LDvMOfZQ==""#),
    ("States.Base64Decode('R3LDvMOfZQ==')", r#""Grüße""#),
    (
        "States.Base64Decode('*')",
        "failed: Invalid arguments in States.Base64Decode",
    ),
    (
        "States.Base64Encode($.long)",
        "failed: Invalid arguments in States.Base64Encode",
    ),
    (
        "States.Hash('a', 'MD5')",
        r#""0cc175b9c0f1b6a831c399e269772661""#,
    ),
    (
        "States.Hash('a', 'SHA-1')",
        r#""86f7e437faa5a7fce15d1ddcb9eaeaea377667b8""#,
    ),
    (
        "States.Hash('a', 'SHA-256')",
        r#""ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb""#,
    ),
    (
        "States.Hash('a', 'MD6')",
        "failed: Invalid arguments in States.Hash",
    ),
    (
        "States.JsonMerge($.left, $.right, false)",
        r#"{"a":{"y":2},"b":1}"#,
    ),
    (
        "States.JsonMerge($.left, $.right, true)",
        "failed: Invalid arguments in States.JsonMerge",
    ),
    ("States.MathAdd($.n, -1)", "2"),
    ("States.MathAdd(1.5, 1.51)", "4"),
    ("States.MathAdd(-1.5, -1.51)", "-3"),
    ("States.MathAdd($.minus, 0)", "-1"),
    ("States.MathAdd(-0.5, 0.5)", "1"),
    ("States.MathAdd(-2.5, 0)", "-2"),
    (
        "States.MathAdd('1', 0)",
        "failed: Invalid arguments in States.MathAdd",
    ),
    ("States.MathRandom(3, 4)", "3"),
    (
        "States.MathRandom(4, 4)",
        "failed: Invalid arguments in States.MathRandom",
    ),
    ("States.StringSplit('1,2;;3,', ',;')", r#"["1","2","3"]"#),
    ("States.StringSplit($.name, '')", r#"["Ann"]"#),
    (
        "States.ArrayGetItem(States.StringSplit($$.State.Name, '-'), 1)",
        r#""Now""#,
    ),
    (
        "States.Array($.gone)",
        "failed: The JsonPath argument for the field '$.gone' could not be found in the input",
    ),
    // What is no call.
    (
        "States.Nope()",
        "refused: 'States.Nope' is not the name of an intrinsic function",
    ),
    ("States.UUID", "refused: '(' is expected after States.UUID"),
    (
        "States.UUID(1)",
        "refused: States.UUID takes 0 arguments, not 1",
    ),
    (
        "States.MathRandom(1)",
        "refused: States.MathRandom takes 2 to 3 arguments, not 1",
    ),
    (
        "States.Array('a)",
        "refused: the text 'a) lacks its closing quote",
    ),
    (
        "States.Array(1 2)",
        "refused: unexpected '2' between arguments",
    ),
    (
        "States.Array(1",
        "refused: the call lacks its closing parenthesis",
    ),
    (
        r#"States.StringToJson('{"a": "\"b\""}')"#,
        r#"refused: the text '{"a": "' has an open escape"#,
    ),
    ("States.Array(x)", "refused: 'x' is not an argument"),
    (
        "States.Array() + 1",
        "refused: unexpected '+' after the call 'States.Array()'",
    ),
];

#[test]
fn calls_give_what_aws_gives() {
    for (call, expected) in CASES {
        let found = called(call);
        assert!(
            found == *expected || (expected.ends_with("the input") && found.starts_with(expected)),
            "{call}: {found} instead of {expected}"
        );
    }
}

#[test]
fn calls_nest_ten_levels() {
    let nested =
        |levels: usize| format!("{}{}", "States.Array(".repeat(levels), ")".repeat(levels));
    assert_eq!(
        called(&nested(10)),
        format!("{}{}", "[".repeat(10), "]".repeat(10))
    );
    assert_eq!(
        called(&nested(11)),
        "refused: intrinsic functions nest at most 10 levels"
    );
}

#[test]
fn chance_comes_from_the_scope() {
    let uuid = called("States.UUID()");
    assert_eq!(uuid, called("States.UUID()"));
    assert_eq!((uuid.len(), &uuid[15..16]), (38, "4"));
    let number: i64 = called("States.MathRandom(-5, 5)").parse().unwrap();
    assert!((-5..5).contains(&number));
    assert_eq!(called("States.MathRandom(0, 1000, 42)"), "727");
}

#[test]
fn the_generator_is_javas() {
    let mut random = JavaRandom::seeded(42);
    assert_eq!(random.next_double(), 0.7275636800328681);
}

#[test]
fn a_call_tells_its_name_and_variables() {
    let call = Intrinsic::parse("States.Format('{}{}', $who.name, States.MathAdd($n, 1))").unwrap();
    assert_eq!(call.name(), "States.Format");
    assert_eq!(Vec::from_iter(call.variables()), ["n", "who"]);
    assert_ne!(call, Intrinsic::parse("States.Array()").unwrap());
}
