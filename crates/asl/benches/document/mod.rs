//! The inputs that are measured: an order with as many items as it takes.

use serde_json::{Value, json};
use stepwell_asl::{Entropy, Scope, Timestamp, Variables};

/// Sizes of the inputs, in bytes of JSON: a small payload, and nearly the largest that AWS allows.
pub const SIZES: [usize; 2] = [1 << 10, 200 << 10];

/// An order of about `bytes` bytes.
pub fn order(bytes: usize) -> Value {
    let mut order = json!({
        "order": {
            "id": "8d1f3c", "total": 249.5, "currency": "EUR", "gift": false,
            "customer": {"name": "Ada Lovelace", "email": "ada@example.com", "vip": true, "address": {"country": "GB"}}
        },
        "items": [],
        "placed": "2026-01-31T10:00:00Z",
        "attempts": 2
    });
    let mut size = order.to_string().len();
    let mut items = Vec::new();
    while size < bytes {
        let number = items.len();
        let item = json!({
            "sku": format!("SKU-{number:06}"), "quantity": number % 7 + 1, "price": (number % 900) as f64 + 0.95,
            "inStock": number % 5 != 0, "tags": ["shelf", "fragile"]
        });
        size += item.to_string().len() + 1;
        items.push(item);
    }
    order["items"] = Value::Array(items);
    order
}

/// Calls `use_scope` with a scope whose input is `input`.
pub fn with_scope<R>(input: &Value, use_scope: impl FnOnce(&Scope<'_>) -> R) -> R {
    let context = json!({"State": {"Name": "Pay", "EnteredTime": "2026-01-31T10:00:00Z"}});
    let variables = Variables::from([("rate".to_owned(), json!(0.2))]);
    let entropy = Entropy::derive(&[7; 32], 1);
    use_scope(&Scope {
        input,
        context: &context,
        variables: &variables,
        result: None,
        error_output: None,
        now: Timestamp::from_millis(1_767_225_600_000),
        entropy: &entropy,
    })
}
