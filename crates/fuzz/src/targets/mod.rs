//! What reads, and what it is given.

pub mod api;
pub mod cbor;
pub mod definition;
pub mod front;
pub mod intrinsic;
pub mod jsonata;
pub mod logs;
pub mod otlp;
pub mod path;
pub mod segments;
pub mod signature;

use std::sync::LazyLock;

use serde_json::{Value, json};
use stepwell_asl::{Entropy, Scope, Timestamp, Variables};

/// What a scope can see, made once.
struct World {
    input: Value,
    context: Value,
    variables: Variables,
    result: Value,
}

static WORLD: LazyLock<World> = LazyLock::new(|| World {
    input: json!({
        "a": {"b": [1, 2.5, -3, {"c": "d", "e": null}], "f": true, "g": "text"},
        "items": [
            {"id": 1, "price": 10, "tags": ["x", "y"]}, {"id": 2, "price": 2.25, "tags": []},
            {"id": "3", "price": null}, [], "loose", 7
        ],
        "deep": nested(60),
        "long": "0123456789".repeat(100),
        "when": "2026-01-31T10:00:00.123Z",
        "": {"'": 1, "\"": 2, "a.b": 3, "é": "ß"},
    }),
    context: json!({
        "State": {"Name": "Pay"}, "Execution": {"Input": {"a": 1}}, "Map": {"Item": {"Index": 0}}
    }),
    variables: Variables::from([
        ("x".to_owned(), json!([3, 1, 2])),
        ("text".to_owned(), json!("aaaaaaaaaaaaaaaaaaaaaaaaaaaaab")),
        ("o".to_owned(), json!({"k": [{"v": 1}, {"v": 2}]})),
    ]),
    result: json!({"r": [1, "2", {"three": 3}]}),
});

/// Calls `use_scope` with a scope that has something of every kind behind the names that generators use.
fn with_scope<R>(use_scope: impl FnOnce(&Scope<'_>) -> R) -> R {
    let entropy = Entropy::derive(&[7; 32], 1);
    use_scope(&Scope {
        input: &WORLD.input,
        context: &WORLD.context,
        variables: &WORLD.variables,
        result: Some(&WORLD.result),
        error_output: None,
        now: Timestamp::from_millis(1_767_225_600_000),
        entropy: &entropy,
    })
}

fn nested(levels: usize) -> Value {
    (0..levels).fold(json!("end"), |inner, level| {
        if level % 2 == 0 {
            json!([inner, level])
        } else {
            json!({"n": inner})
        }
    })
}
