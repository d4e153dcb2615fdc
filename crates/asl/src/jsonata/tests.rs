#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod failures;

use serde_json::json;

use super::*;
use crate::Timestamp;
use crate::scope::{Entropy, Variables};

pub(super) fn with_scope<T>(work: impl FnOnce(&Scope<'_>) -> T) -> T {
    let input = json!({"total": 12, "items": [{"qty": 2, "price": 3.5}, {"qty": 1, "price": 5}], "one": [7]});
    let context = json!({"State": {"Name": "Pay"}});
    let variables = Variables::from([
        ("rate".to_owned(), json!(0.5)),
        ("big".to_owned(), json!([1, 2])),
    ]);
    let entropy = Entropy::derive(&[3; 32], 9);
    let error_output = json!({"Error": "E", "Cause": "c"});
    work(&Scope {
        input: &input,
        context: &context,
        variables: &variables,
        result: None,
        error_output: Some(&error_output),
        now: Timestamp::from_millis(1_700_000_000_123),
        entropy: &entropy,
    })
}

fn value(source: &str) -> String {
    outcome(source).unwrap_or_else(|failure| panic!("{source}: {failure:?}"))
}

fn cause(source: &str) -> String {
    let failure = outcome(source).unwrap_err();
    assert_eq!(failure.error, "States.QueryEvaluationError");
    assert_eq!(failure.location.as_deref(), Some("Output"));
    let prefix = format!("The JSONata expression '{source}' specified for the field 'Output' ");
    failure.cause.strip_prefix(&prefix).unwrap().to_owned()
}

fn outcome(source: &str) -> Result<String, Failure> {
    let state_outcome = if source.contains("errorOutput") {
        Outcome::Error
    } else {
        Outcome::Result
    };
    let expression = Expression::compile(&format!("{{% {source} %}}"), state_outcome).unwrap();
    with_scope(|scope| expression.evaluate(scope, "Output")).map(|value| value.to_string())
}

/// Each line: an expression, then the JSON it gives.
const VALUES: &[(&str, &str)] = &[
    ("$states.input.total", "12"),
    (
        r#"$encodeUrlComponent("a-b_c.d e/'(*)!~é")"#,
        r#""a-b_c.d%20e%2F'(*)!~%C3%A9""#,
    ),
    (
        "$encodeUrl('http://x/a b?c=d&e=é#%')",
        r##""http://x/a%20b?c=d&e=%C3%A9#%25""##,
    ),
    (
        "$decodeUrl('http://x/a%20b%2F%C3%A9')",
        r#""http://x/a b%2Fé""#,
    ),
    ("$decodeUrlComponent('%2f+%20')", r#""/+ ""#),
    ("['a b'].$encodeUrl()", r#""a%20b""#),
    ("'a b' ~> $encodeUrl()", r#""a%20b""#),
    ("'a b' ~> $encodeUrl", r#""a%20b""#),
    ("['a b'].{'x': $encodeUrlComponent()}.x", r#""a%20b""#),
    ("['a b', 'c'] ~> $map($encodeUrl)", r#"["a%20b","c"]"#),
    ("['2024'].$toMillis()", "1704067200000"),
    ("'2024' ~> $toMillis()", "1704067200000"),
    ("$exists($decodeUrl($none))", "false"),
    ("$states.input.total / 5", "2.4"),
    ("$states.context.State.Name", r#""Pay""#),
    ("$states.errorOutput", r#"{"Error":"E","Cause":"c"}"#),
    ("$sum($states.input.items.(qty * price))", "12"),
    ("$states.input.items[price > 4].qty", "1"),
    ("$states.input.one", "[7]"),
    ("$rate * 2", "1"),
    ("{'z': 1, 'a': $rate}", r#"{"z":1,"a":0.5}"#),
    ("null", "null"),
    // Numbers as JavaScript prints them.
    ("1.0", "1"),
    ("-0", "0"),
    ("0.1 + 0.2", "0.30000000000000004"),
    ("$power(2, 53)", "9007199254740992"),
    ("12345678901234567890", "12345678901234567000"),
    ("1e300", "1e+300"),
    ("1 / 0", r#""Infinity""#),
    // What AWS adds.
    ("$partition([1, 2, 3], 2)", "[[1,2],[3]]"),
    ("$range(1, 9, 9)", "1"),
    ("$range(3, 1, -1)", "[3,2,1]"),
    ("$range(1, 0, 1)", "[]"),
    (
        "$hash('a', 'SHA-1')",
        r#""86f7e437faa5a7fce15d1ddcb9eaeaea377667b8""#,
    ),
    ("$random(42)", "0.7275636800328681"),
    ("$parse('-0')", "0"),
    ("$parse('{\"a\": [1.50, null]}')", r#"{"a":[1.5,null]}"#),
    ("$length($uuid())", "36"),
    ("$random() < 1 and $random() >= 0", "true"),
    // The moment is the scope's.
    ("$now()", r#""2023-11-14T22:13:20.123Z""#),
    (
        "$now('[D01].[M01].[Y0001] [H01]:[m01]', '+0200')",
        r#""15.11.2023 00:13""#,
    ),
    ("$millis()", "1700000000123"),
    (
        "$fromMillis($toMillis('13:45', '[H]:[m]'))",
        r#""2023-11-14T13:45:00.000Z""#,
    ),
    (
        "$fromMillis($toMillis('03-01', '[M01]-[D01]'))",
        r#""2023-03-01T00:00:00.000Z""#,
    ),
    ("$toMillis('1970-01-01T00:00:01Z')", "1000"),
    // Guards let through what fits.
    ("($a := 'x'; $a & 1 & null & $gone & [1])", r#""x1null[1]""#),
    (
        "$map($big, function($n) { $string($n) & '!' })",
        r#"["1!","2!"]"#,
    ),
    ("($f := $join; $join(['a', 'b'], '-'))", r#""a-b""#),
    ("$replace('aXbX', 'X', '--')", r#""a--b--""#),
    (
        "$replace('ab', /b/, function($m) { $uppercase($m.match) })",
        r#""aB""#,
    ),
    ("$pad('a', -3, '.')", r#""..a""#),
    ("$states.input.total.$string()", r#""12""#),
    (
        "($string := function($x) { 'own' }; $string(1))",
        r#""own""#,
    ),
    ("[1..873782] ~> $count()", "873782"),
    // What is bounded goes on as it was within its bounds.
    ("($p := $pad; $p('x', 3))", r#""x  ""#),
    ("($p := $pad; $p('x', -3, '.'))", r#""..x""#),
    ("($j := $join; $j(['a', 'b'], '-'))", r#""a-b""#),
    ("($pad := function($x) { $x }; $pad(1))", "1"),
    (
        "$map(['I', 'II'], function($n) { $parseInteger($n, 'I') })",
        "[1,2]",
    ),
    ("$formatInteger(1999, 'I')", r#""MCMXCIX""#),
    (
        "$distinct([1, 1.0, '1', null, null, {'a': [1]}, {'a': [1]}, 0, -0])",
        r#"[1,"1",null,{"a":[1]},0]"#,
    ),
    ("$map([[1, 1], [2, 3]], $distinct)", "[[1],[2,3]]"),
    ("$count($distinct([1..100000]))", "100000"),
    ("($a := [1, 2]; [$a, [$a], 3, 4..5])", "[1,2,[1,2],3,4,5]"),
    (
        "($a := {'b': [1]}; [$a = {'b': [1]}, {'b': [1]} in [$a], $a != $a])",
        "[true,false,false]",
    ),
    ("($n := 3; [1..$n, $n..$n + 1])", "[1,2,3,3,4]"),
    ("$zip([1, 2, 3], ['a', 'b'])", r#"[[1,"a"],[2,"b"]]"#),
    ("$fromMillis(0, '[Y9,999,*]')", r#""1,970""#),
    ("$fromMillis(0, '[[,]] [Y]')", r#""[,] 1970""#),
    ("$match('ababab', /a(b)/, 1).groups", r#"["b"]"#),
];

#[test]
fn expressions_give_values() {
    for (source, expected) in VALUES {
        assert_eq!(value(source), *expected, "{source}");
    }
}

#[test]
fn what_aws_refuses_is_refused_when_compiled() {
    let refused = |source: &str| {
        let problem =
            Expression::compile(&format!("{{% {source} %}}"), Outcome::Result).unwrap_err();
        format!("{}: {}", problem.code(), problem.message())
    };
    for (source, name) in [
        ("phone", "phone"),
        ("$uppercase(a.b)", "a"),
        ("$", "$"),
        ("$$.x", "$$"),
        ("$x[$$.y]", "$$"),
        ("$map($x, function($v) { name })", "name"),
        ("{key: 1}", "key"),
        ("*", "*"),
    ] {
        let expected = format!(
            "UNSUPPORTED_JSONATA_EXPRESSION: Reference to '{name}' at the top level is not supported."
        );
        assert_eq!(refused(source), expected, "{source}");
    }
    for (source, message) in [
        ("(1 +", "Unexpected end of expression"),
        ("", "Unexpected end of expression"),
        ("(1", r#"Expected ")" before end of expression"#),
        ("[1)", r#"Expected "]", got ")""#),
        (")", r#"The symbol ")" cannot be used as a unary operator"#),
        ("1 2", "Syntax error: 2"),
        ("1 true", "Syntax error: true"),
        ("[1 null", r#"Expected "]", got null"#),
        ("@", r#"The symbol "@" cannot be used as a unary operator"#),
        (
            "a@b",
            r#"The right side of "@" must be a variable name (start with $)"#,
        ),
        ("a!b", r#"Unknown operator: "!""#),
        ("1 /* a", "Comment has no closing tag"),
        ("??", r#"The symbol "?" cannot be used as a unary operator"#),
        (
            "1 := 2",
            "The left side of := must be a variable name (start with $)",
        ),
        ("1..2", r#"Syntax error: "..""#),
        ("$x[0..1]", r#"Syntax error: "..""#),
        (r"'it\'s'", r#"Unsupported escape sequence: \"'""#),
        (
            "$x ?? 1",
            r#"The symbol "?" cannot be used as a unary operator"#,
        ),
        (
            "function($a) { [$a ?: 1] }($x)",
            r#"The symbol ":" cannot be used as a unary operator"#,
        ),
        (
            "'abc",
            "String literal must be terminated by a matching quote",
        ),
    ] {
        assert_eq!(
            refused(source),
            format!("INVALID_JSONATA_EXPRESSION: {message}"),
            "{source}"
        );
    }
    for source in [
        "$x.a",
        "$x[a = 1]",
        "$x^(a)",
        "$x{a: b}",
        "$x.*",
        "$x ~> |a|{'b': c}|",
        "$x.($.a)",
        "[1][$ = 1]",
        "$x[[0..1]]",
        "[1..3, (5)].($ * $)",
        "[$x..$y][]",
    ] {
        assert!(
            Expression::compile(&format!("{{% {source} %}}"), Outcome::Result).is_ok(),
            "{source}"
        );
    }
    for (outcome, source, name) in [
        (Outcome::None, "$states.result.a", "$states.result"),
        (Outcome::Error, "$states.result", "$states.result"),
        (
            Outcome::Result,
            "$x & $states.errorOutput.Error",
            "$states.errorOutput",
        ),
    ] {
        let problem = Expression::compile(&format!("{{% {source} %}}"), outcome).unwrap_err();
        assert_eq!(
            problem.message(),
            format!("Reference to '{name}' is not supported in this field."),
            "{source}"
        );
    }
    for text in ["$x", " {% 1 %}", "{% 1 %} ", "{%}"] {
        assert!(!Expression::is_expression(text), "{text}");
        assert!(matches!(
            Expression::compile(text, Outcome::None),
            Err(CompileProblem::Invalid { .. })
        ));
    }
}

#[test]
fn only_state_variables_are_listed() {
    let source = "{% ($y := $a; $f := function($p) { $p + $b }; $map($c.items, $f) ~> $sum & $map($c, $string) & $states.input.x & $y) %}";
    let expression = Expression::compile(source, Outcome::Result).unwrap();
    assert_eq!(Vec::from_iter(expression.variables()), ["a", "b", "c"]);
    assert!(expression.references.states.input);
    assert!(!expression.references.states.context);
    assert!(expression.source().starts_with("($y"));
}

fn template(value: Value) -> Result<String, Failure> {
    let template = JsonataTemplate::compile(&value, "Output", Outcome::Result).unwrap();
    with_scope(|scope| template.evaluate(scope)).map(|value| value.to_string())
}

#[test]
fn templates_keep_what_is_no_expression() {
    let value = template(
        json!({"a": "{% $rate %}", "b": ["x", "{%$states.input.one%}", "a {% 1 %} b", {"c": null}]}),
    );
    assert_eq!(
        value.unwrap(),
        r#"{"a":0.5,"b":["x",[7],"a {% 1 %} b",{"c":null}]}"#
    );
    let literal =
        JsonataTemplate::compile(&json!([1, {"a": "$x"}]), "Output", Outcome::Result).unwrap();
    assert!(literal.is_literal());
}

#[test]
fn failures_of_templates_are_located() {
    let failure = template(json!({"a": {"b": [[1, "{% $gone %}"]]}})).unwrap_err();
    assert_eq!(failure.location.as_deref(), Some("Output/a/b[0][1]"));
    assert_eq!(
        failure.cause,
        "The JSONata expression '$gone' specified for the field 'Output/a/b[0][1]' returned nothing (undefined)."
    );
    let problems = JsonataTemplate::compile(
        &json!({"a": ["{% ( %}"], "b": "{% x %}"}),
        "Assign",
        Outcome::None,
    )
    .unwrap_err();
    let shown: Vec<(&str, &str)> = problems
        .iter()
        .map(|p| (p.location.as_str(), p.pointer.as_str()))
        .collect();
    assert_eq!(shown, [("Assign/a[0]", "/a[0]"), ("Assign/b", "/b")]);
}

#[test]
fn a_value_of_another_type_is_shown() {
    let expression = Expression::compile("{% {'foo': 'bar'} %}", Outcome::None).unwrap();
    assert_eq!(
        expression
            .unexpected("Items", "array", &json!({"foo": "bar"}))
            .cause,
        "The JSONata expression '{'foo': 'bar'}' specified for the field 'Items' returned an unexpected result type. \
         Expected 'array', but was 'object' for value: {\"foo\":\"bar\"}"
    );
}

#[test]
fn the_same_scope_gives_the_same_chance() {
    for source in ["$random()", "$uuid()", "$shuffle([1..20])"] {
        assert_eq!(value(source), value(source), "{source}");
    }
    assert_eq!(value("$uuid() = $uuid()"), "false");
}

#[test]
fn definitions_can_be_shared_between_threads() {
    fn is_shareable<T: Send + Sync + std::fmt::Debug>() {}
    is_shareable::<Expression>();
    is_shareable::<JsonataTemplate>();
    is_shareable::<crate::payload_template::PayloadTemplate>();
    is_shareable::<crate::choice::Test>();
    is_shareable::<crate::path::ReferencePath>();
}

#[test]
fn expressions_nest_as_deep_as_on_aws() {
    let longest = |write: &dyn Fn(usize) -> String| {
        (1..150).take_while(|n| outcome(&write(*n)).is_ok()).count()
    };
    let nested = |open: &str, close: &str, n: usize| {
        format!("($q := 1; {}$q{})", open.repeat(n), close.repeat(n))
    };
    assert_eq!(longest(&|n| vec!["1"; n].join(" + ")), 100);
    assert_eq!(
        longest(&|n| format!("($q := 'x'; {})", vec!["$q"; n].join(" & "))),
        99
    );
    assert_eq!(longest(&|n| nested("[", "]", n)), 98);
    assert_eq!(longest(&|n| nested("$string(", ")", n)), 98);
}

#[test]
fn a_text_that_is_half_an_expression_is_refused() {
    for text in [" {% 1 %}", "{% 1 %} ", "{% 1", "1 %}", "{%}"] {
        let problems =
            JsonataTemplate::compile(&json!({"a": text}), "Output", Outcome::None).expect_err(text);
        assert_eq!(problems[0].location, "Output/a");
        assert_eq!(problems[0].problem.code(), "INVALID_JSONATA_EXPRESSION");
    }
    for text in ["{ % 1 % }", "100 %", "a {% b %} c", "%}{%"] {
        assert!(JsonataTemplate::compile(&json!(text), "Output", Outcome::None).is_ok());
    }
}

#[test]
fn functions_of_aws_round_their_whole_numbers_down() {
    for (source, expected) in [
        ("$partition([1, 2, 3], 2.9)", "[[1,2],[3]]"),
        ("$range(0.9, 4.5, 2.2)", "[0,2,4]"),
        ("$range(5, 1, -2)", "[5,3,1]"),
        ("$random(42.9)", "0.7275636800328681"),
    ] {
        assert_eq!(value(source), expected, "{source}");
    }
}

#[test]
fn an_expression_too_deep_to_parse_is_refused() {
    let n = 100_000;
    for source in [
        vec!["1"; n].join("+"),
        format!("{}1{}", "(".repeat(n), ")".repeat(n)),
        format!("{}1{}", "[".repeat(n), "]".repeat(n)),
        format!("{}1", "-".repeat(n)),
        format!("$x{}", ".a".repeat(n)),
        format!("$x{}", "[0]".repeat(n)),
    ] {
        let problem =
            Expression::compile(&format!("{{% {source} %}}"), Outcome::Result).unwrap_err();
        assert!(
            problem.message().contains("nesting depth"),
            "{}",
            &source[..9]
        );
    }
}

/// `$x`: a value of forty levels that share their parts, 2^40 of them when they are written out.
const SHARED: &str = r#"$f := function($o, $n) { $n = 0 ? $o : $f({"a": $o, "b": $o}, $n - 1) }; $x := $f({"v": 1}, 40);"#;

#[test]
fn values_that_share_their_parts_end_at_the_memory_limit() {
    for work in [
        "$count($x.**)",
        "$x[**.v = 1]",
        "$x ~> |v|{'z': 1}|",
        "($t := |v|{'z': 1}|; $t($x))",
        "($t := |v|{'z': 1}|; $x ~> $t)",
    ] {
        let source = format!("({SHARED} {work})");
        assert_eq!(
            cause(&source),
            "threw an error during evaluation: Expression evaluation memory limit exceeded: \
             Check for excessive memory usage",
            "{work}"
        );
    }
}

#[test]
fn guards_change_no_value() {
    for (source, expected) in [
        ("($x := {'a': {'b': [1, {'c': 2}]}}; $x.a.**.c)", "2"),
        (
            "($x := [{'a': 1}, {'a': {'b': 2}}]; $x.a.**)",
            r#"[1,{"b":2},2]"#,
        ),
        (
            "($x := [{'a': 1}, {'a': {'b': 2}}]; $x[**.b = 2])",
            r#"{"a":{"b":2}}"#,
        ),
        ("($x := [1, [2, [3]]]; $x.**)", "[1,2,3]"),
        ("($x := {'a': 1}; $y := {'a': 1}; $x = $y)", "true"),
        ("($t := |$|{'b': 2}|; {'a': 1} ~> $t)", r#"{"a":1,"b":2}"#),
        ("$distinct([1, 2, 1])", "[1,2]"),
        ("$match('abab', /b/).index", "[1,3]"),
    ] {
        assert_eq!(value(source), expected, "{source}");
    }
}

#[test]
fn work_that_grows_with_the_square_of_its_input_is_bounded() {
    for source in [
        "$count($match($pad('', 600000, 'a'), /a/))",
        "$count($reduce([1..1001], function($a, $b) {{'a': $a}}, 1).**)",
    ] {
        assert!(
            cause(source).ends_with("excessive memory usage"),
            "{source}"
        );
    }
}

#[test]
fn functions_that_hold_each_other_are_let_go() {
    for step in ["function() { $a }", "$lookup(?, $a)"] {
        let source =
            format!("{{% $type($reduce([1..100000], function($a, $b) {{ {step} }}, 1)) %}}");
        let expression = Expression::compile(&source, Outcome::None).unwrap();
        // Without a time limit: a busy machine must not hide a chain that is never made.
        let found = with_scope(|scope| {
            let bindings = Bindings::of(&expression.references, scope);
            let run = || {
                let options = EvaluatorOptions::default();
                expression.run(&bindings, &JValue::Undefined, scope, options)
            };
            expression
                .on_its_stack(run)
                .map(|value| value.as_str().map(str::to_owned))
        });
        assert_eq!(found.unwrap().as_deref(), Some("function"), "{step}");
    }
}

#[test]
fn a_panic_of_the_evaluator_fails_the_expression_alone() {
    let source = "$formatNumber(1, '0.' & $pad('', 70000, '0'))";
    assert_eq!(cause(source), "threw an internal error during evaluation.");
}
