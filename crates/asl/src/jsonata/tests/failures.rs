//! What expressions that fail say.

use super::cause;

const MEMORY: &str = "threw an error during evaluation: Expression evaluation memory limit exceeded: \
                      Check for excessive memory usage";

/// Each line: an expression, then how its failure goes on after the field.
const FAILURES: &[(&str, &str)] = &[
    ("$doesNotExist", "returned nothing (undefined)."),
    ("$states.result.x", "returned nothing (undefined)."),
    ("$states.input.nope", "returned nothing (undefined)."),
    (
        "function($x) { $x }",
        "returned an unsupported result type.",
    ),
    ("{'f': $sum}", "returned an unsupported result type."),
    (
        "$randomSeeded(1)",
        "threw an error during evaluation. T1006: Attempted to invoke a non-function",
    ),
    (
        "$eval('1')",
        "threw an error during evaluation. T1006: Attempted to invoke a non-function",
    ),
    (
        "'a' + 1",
        r#"threw an error during evaluation. T2001: The left side of the "+" operator must evaluate to a number"#,
    ),
    (
        "$number('x')",
        r#"threw an error during evaluation. D3030: Unable to cast value to a number: "x""#,
    ),
    (
        "$uppercase(1)",
        r#"threw an error during evaluation. T0410: Argument 1 of function "uppercase" does not match function signature"#,
    ),
    (
        "$uppercase($sum([1]))",
        r#"threw an error during evaluation. T0410: Argument 1 of function "uppercase" does not match function signature"#,
    ),
    (
        "$length(1)",
        r#"threw an error during evaluation. T0410: Argument 1 of function "length" does not match function signature"#,
    ),
    (
        "$number([1])",
        r#"threw an error during evaluation. T0410: Argument 1 of function "number" does not match function signature"#,
    ),
    (
        "$match('a', 'a')",
        r#"threw an error during evaluation. T0410: Argument 2 of function "match" does not match function signature"#,
    ),
    (
        "$decodeUrl('a%2')",
        r#"threw an error during evaluation. D3140: Malformed URL passed to $decodeUrl(): "a%2""#,
    ),
    (
        "$decodeUrlComponent('%FF')",
        r#"threw an error during evaluation. D3140: Malformed URL passed to $decodeUrlComponent(): "%FF""#,
    ),
    (
        "$encodeUrl(1)",
        r#"threw an error during evaluation. T0410: Argument 1 of function "encodeUrl" does not match function signature"#,
    ),
    (
        "$map([1])",
        r#"threw an error during evaluation. T0410: Argument 2 of function "map" does not match function signature"#,
    ),
    (
        "$count([1], [2])",
        r#"threw an error during evaluation. T0410: Argument 2 of function "count" does not match function signature"#,
    ),
    (
        "$map([1, 2], function($v) { $v }) ~> $join",
        r#"threw an error during evaluation. T0412: Argument 1 of function "join" must be an array of "strings""#,
    ),
    (
        "{} < 1",
        r#"threw an error during evaluation. T2010: The expressions either side of operator "<" must evaluate to numeric or string values"#,
    ),
    (
        "$formatNumber(1, '#;#;#')",
        "threw an error during evaluation. D3080: The picture string must only contain a maximum of two sub-pictures",
    ),
    (
        "$fromMillis(0, '[Q]')",
        r#"threw an error during evaluation. D3132: Unknown component specifier "Q" in date/time picture string"#,
    ),
    (
        "$single([1, 2])",
        "threw an error during evaluation. D3138: The $single() function expected exactly 1 matching result.  \
         Instead it matched more.",
    ),
    (
        "$sum('a')",
        r#"threw an error during evaluation. T0412: Argument 1 of function "sum" must be an array of "numbers""#,
    ),
    (
        "$range(1, 2, 0)",
        r#"threw an error during evaluation. T0410: Argument 3 of function "range" does not match function signature"#,
    ),
    (
        "$hash('a', 'CRC')",
        r#"threw an error during evaluation. T0410: Argument 2 of function "hash" does not match function signature"#,
    ),
    (
        "$error('no stock')",
        "threw an error during evaluation. D3137: no stock",
    ),
    (
        "($f := function($n) { 1 + $f($n + 1) }; $f(0))",
        "threw an error during evaluation: Stack overflow error: Check for non-terminating recursive function. \
         Consider rewriting as tail-recursive.",
    ),
    (
        "($f := function($n) { $f($n + 1) }; $f(0))",
        "threw an error during evaluation: Expression evaluation timeout: Check for infinite loop",
    ),
    ("[1..873783] ~> $count()", MEMORY),
    ("$range(1, 1e9, 1)", MEMORY),
    ("$pad('x', 5e8)", MEMORY),
    (
        "$reduce([1..40], function($a, $n) { $a & $a }, 'xxxx')",
        MEMORY,
    ),
    ("($s := $pad('x', 4e6); $join([1..1000].($s), $s))", MEMORY),
    ("($s := $pad('x', 1e6); $replace($s, 'x', $s))", MEMORY),
    ("$range(1, 1e12, 1)", MEMORY),
    ("[-30000000000000000001..5]", MEMORY),
    (
        "$fromMillis(0, '[\u{e9}]')",
        "threw an error during evaluation. D3132: Unknown component specifier \"\u{e9}\" in date/time picture string",
    ),
    (
        "$fromMillis(0, '[ ,2]')",
        "threw an error during evaluation. D3132: Unknown component specifier \",\" in date/time picture string",
    ),
    ("($p := $pad; $p('x', 5e8))", MEMORY),
    (
        "($j := $join; $s := $pad('x', 4e6); $j([1..1000].($s), $s))",
        MEMORY,
    ),
    ("$match($pad('', 4e6, 'a'), /a/) ~> $count", MEMORY),
    ("$formatInteger(1e18, 'I')", MEMORY),
    ("$zip([1..800000], [1..800000], [1..800000])", MEMORY),
    (
        "$reduce([1..40], function($a, $n) { [$a, $a] }, ['x', 'y'])",
        MEMORY,
    ),
    (
        "($grow := function() { $reduce([1..60], function($a, $n) { {'a': $a, 'b': $a} }, 1) }; $grow() = $grow())",
        MEMORY,
    ),
    (
        "($a := $reduce([1..60], function($a, $n) { {'a': $a, 'b': $a} }, 1); $distinct([$a, 1]))",
        MEMORY,
    ),
    (
        "$fromMillis(23372036854775808000)",
        "threw an error during evaluation. Invalid time value",
    ),
    (
        "$fromMillis(0, '[Y,20-30]')",
        "threw an error during evaluation. a part of a date is at most 18 characters wide, unlike in '[Y,20-30]'",
    ),
];

#[test]
fn failures_speak_as_aws_does() {
    for (source, expected) in FAILURES {
        assert_eq!(cause(source), *expected, "{source}");
    }
}
