//! Values and expressions that suit every state of a sample.

use serde_json::{Map, Value, json};

use crate::draw::Draw;

/// Before the name of a function.
pub(super) const FUNCTION: &str = "arn:aws:lambda:us-east-1:123456789012:function:";
/// Before the name of an activity.
pub(super) const ACTIVITY: &str = "arn:aws:states:us-east-1:123456789012:activity:";
/// Before the name of a state machine.
pub(super) const MACHINE: &str = "arn:aws:states:us-east-1:123456789012:stateMachine:";

/// An instant shortly after the one at which worlds and service tests begin.
pub(super) const WHEN: &str = "2023-11-14T22:13:45Z";

/// Texts with what escapes are for.
const TEXTS: [&str; 6] = [
    "alpha",
    "b-eta",
    "gamma delta",
    "ö \"quoted\"",
    "x\\y",
    "{}",
];

/// What every state takes and gives.
pub(super) fn standard(draw: &mut Draw) -> Value {
    let items = draw.below(4);
    json!({
        "n": draw.below(1_000),
        "text": draw.one_of(&TEXTS),
        "flag": draw.percent(50),
        "items": (0..items).map(|_| draw.below(50)).collect::<Vec<_>>(),
        "seconds": draw.below(9),
        "limit": 120 + draw.below(300),
        "beat": 30 + draw.below(60),
        "width": draw.below(4),
        "when": WHEN,
        "box": { "n": draw.below(100), "text": draw.one_of(&TEXTS), "items": [1, draw.below(9)] },
    })
}

/// The members of [`standard`] with `n` replaced by an expression.
///
/// - `n`: name and value of the member, such as `n.$` and a path.
pub(super) fn standard_with(draw: &mut Draw, n: (&str, Value)) -> Map<String, Value> {
    let Value::Object(mut members) = standard(draw) else {
        unreachable!("it is an object");
    };
    members.shift_remove("n");
    members.insert(n.0.to_string(), n.1);
    members
}

/// A call of an intrinsic function on a standard input, the same whenever it is evaluated.
pub(super) fn intrinsic(draw: &mut Draw) -> String {
    let calls = [
        "States.Format('{} of {}', $.n, $.text)",
        "States.JsonToString($.box)",
        "States.StringToJson('{\"a\": [1, 2.5]}')",
        "States.Array($.n, $.text, 'x', true, null)",
        "States.ArrayPartition($.box.items, 1)",
        "States.ArrayContains($.items, 3)",
        "States.ArrayRange(1, 9, 2)",
        "States.ArrayGetItem($.box.items, 0)",
        "States.ArrayLength($.items)",
        "States.ArrayUnique($.box.items)",
        "States.Base64Encode($.text)",
        "States.Base64Decode('aGVsbG8=')",
        "States.Hash($.text, 'SHA-256')",
        "States.JsonMerge($.box, States.StringToJson('{\"m\": 1}'), false)",
        "States.MathAdd($.n, -3)",
        "States.StringSplit($.text, ' -')",
        "States.ArrayLength(States.Array(States.UUID(), States.MathRandom(1, 9)))",
        "$.box.items[0]",
        "$.items[*]",
        "$['box']['n']",
        "$.box.items[?(@ > 1)]",
        "$",
    ];
    (*draw.one_of(&calls)).to_string()
}

/// A JSONPath that names an integer of a standard input.
pub(super) fn integer_path(draw: &mut Draw, variables: &[String]) -> String {
    if !variables.is_empty() && draw.percent(40) {
        return format!("${}", draw.one_of(variables));
    }
    let calls = [
        "$.n",
        "States.MathAdd($.n, 1)",
        "$.box.n",
        "States.ArrayLength($.items)",
        "$.box.items[0]",
    ];
    (*draw.one_of(&calls)).to_string()
}

/// A JSONata expression, without its marks, that gives an integer of a standard input.
pub(super) fn integer_expression(draw: &mut Draw, variables: &[String]) -> String {
    if !variables.is_empty() && draw.percent(40) {
        return format!("${} + 1", draw.one_of(variables));
    }
    let calls = [
        "$states.input.n",
        "$states.input.n + 1",
        "$count($states.input.items)",
        "$length($states.input.text)",
        "$sum($states.input.box.items)",
        "$max([$states.input.n, 3])",
        "$length($uuid())",
        "$exists($now()) ? 4 : 5",
    ];
    (*draw.one_of(&calls)).to_string()
}

/// A JSONata expression, without its marks, that gives anything.
pub(super) fn expression(draw: &mut Draw) -> String {
    let calls = [
        "$uppercase($states.input.text)",
        "$map([1, 2, 3], function($v) { $v * $states.input.n })",
        "$string($states.input.box)",
        "$states.input.items[$ > 2]",
        "$partition($range(1, 6, 1), 2)",
        "$hash($states.input.text, 'SHA-256')",
        "$parse('{\"a\": 1}')",
        "$merge([$states.input.box, {'m': 1}])",
        "$sort($states.input.box.items)",
        "$join(['a', $states.input.text], '-')",
        "{'n': $states.input.n, 'list': [$states.input.items]}",
        "($x := $states.input.n; $x * $x)",
        "$random() < 2",
        "$states.input.flag ? 'yes' : 'no'",
        "$string($length($states.context.Execution.Name) > 0)",
    ];
    (*draw.one_of(&calls)).to_string()
}

/// An expression between its marks.
pub(super) fn marked(expression: &str) -> Value {
    Value::from(format!("{{% {expression} %}}"))
}
