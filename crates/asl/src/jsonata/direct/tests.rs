#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use serde_json::{Value, json};

use crate::jsonata::tests::with_scope;
use crate::jsonata::{Expression, Outcome};

fn input() -> Value {
    json!({
        "n": 3, "m": 2.5, "big": 12345678901234567890_u64, "exact": 1e300, "zero": 0, "minus": -0.0, "one": 1.0,
        "s": "Text", "t": "text", "empty": "", "umlaut": "stra\u{df}e", "yes": true, "no": false, "none": null,
        "list": [7], "lists": [[1], []], "void": [], "nulls": [null],
        "o": {"p": {"q": "deep", "x": [1, 2.0]}, "2": "two", "1": "one"}, "items": [{"a": 1}, {"a": 2}]
    })
}

/// The value with and without the short way, and whether the short way gave one.
fn both(source: &str) -> (String, String, bool) {
    let mut expression = Expression::compile(&format!("{{% {source} %}}"), Outcome::None).unwrap();
    let input = input();
    with_scope(|scope| {
        let scope = scope.with_input(&input);
        let is_direct = expression
            .direct
            .as_ref()
            .is_some_and(|direct| direct.result(&scope).is_some());
        let short = format!("{:?}", expression.evaluate(&scope, "Output"));
        expression.direct = None;
        (
            short,
            format!("{:?}", expression.evaluate(&scope, "Output")),
            is_direct,
        )
    })
}

#[test]
fn the_short_way_gives_what_the_evaluator_gives() {
    let leaves = [
        "n", "m", "big", "exact", "zero", "minus", "one", "s", "t", "empty", "umlaut", "yes", "no",
        "none", "list", "lists", "void", "nulls", "o", "o.p", "o.p.q", "o.p.x", "items", "items.a",
        "gone", "gone.x", "s.x", "none.x", "o.gone",
    ];
    let leaves: Vec<String> = leaves
        .iter()
        .map(|leaf| format!("$states.input.{leaf}"))
        .collect();
    let literals = [
        "1", "2.5", "'text'", "''", "true", "false", "null", "0", "1e300", "$rate", "$rate.x",
    ]
    .map(str::to_owned);
    let operands: Vec<&String> = leaves.iter().chain(&literals).collect();
    for leaf in &operands {
        for written in [
            (*leaf).clone(),
            format!("({leaf})"),
            format!("{{'k': {leaf}, 'l': 1}}"),
            format!("$string({leaf})"),
            format!("$uppercase({leaf})"),
            format!("$lowercase({leaf})"),
            format!("$count({leaf})"),
            format!("{{'k': {leaf}, 'k': 2}}"),
        ] {
            let (short, long, _) = both(&written);
            assert_eq!(short, long, "{written}");
        }
    }
    for op in [
        "+", "-", "*", "=", "!=", "<", "<=", ">", ">=", "and", "or", "&",
    ] {
        for left in &operands {
            for right in operands.iter().step_by(3) {
                let written = format!("{left} {op} {right}");
                let (short, long, _) = both(&written);
                assert_eq!(short, long, "{written}");
            }
        }
    }
}

#[test]
fn numbers_are_printed_as_the_evaluator_prints_them() {
    for number in [
        "0",
        "-0",
        "1",
        "-1.5",
        "249.5",
        "0.1",
        "0.1 + 0.2",
        "1e-6",
        "1e-7",
        "0.000001234",
        "123456789012345",
        "1234567890123456",
        "999999999999999",
        "1e15",
        "1e20",
        "1e21",
        "0.123456789012345",
        "0.1234567890123456",
        "1/3",
        "100.5e3",
        "5e-324",
        "4503599627370497.5",
    ] {
        for written in [
            format!("$string({number})"),
            format!("$string({number} * 1)"),
            number.to_owned(),
        ] {
            let (short, long, _) = both(&written);
            assert_eq!(short, long, "{written}");
        }
    }
}

#[test]
fn what_is_simple_takes_the_short_way() {
    for source in [
        "$states.input.o.p.q",
        "$states.input.n > 2 and $states.input.yes",
        "$states.input.n * (1 + $rate)",
        "$uppercase($states.input.s) & ', ' & $string($states.input.n)",
        "{'a': $states.input.o.p, 'b': {'c': 1}}",
        "$states.context.State.Name = 'Pay'",
        "$states.input.no and $states.input.gone",
    ] {
        assert!(both(source).2, "{source}");
    }
    for source in [
        "$states.input.items.a",
        "$states.input.items[0]",
        "$states.input.gone",
        "$sum($states.input.list)",
        "$states.input",
        "$states",
        "($x := 1; $x)",
        "$states.input.n & 'x'",
        "$states.input.umlaut ~> $uppercase",
        "1 / 0",
        "$states.input.exact * 1e300",
    ] {
        assert!(!both(source).2 || source == "$states.input", "{source}");
    }
}
