//! What a state's data flow is made of, compiled once as when a definition is created.

use serde_json::{Value, json};
use stepwell_asl::Scope;
use stepwell_asl::choice::Test;
use stepwell_asl::jsonata::{JsonataTemplate, Outcome};
use stepwell_asl::path::ValuePath;
use stepwell_asl::payload_template::PayloadTemplate;

/// A path to one value.
pub fn path() -> ValuePath {
    ValuePath::parse("$.order.customer.address.country").expect("the path is one")
}

/// A path to one value of every item.
pub fn path_to_many() -> ValuePath {
    ValuePath::parse("$.items[*].sku").expect("the path is one")
}

/// A payload template of ten fields.
pub fn payload_template() -> PayloadTemplate {
    let template = json!({
        "id.$": "$.order.id", "total.$": "$.order.total", "name.$": "$.order.customer.name",
        "country.$": "$.order.customer.address.country", "first.$": "$.items[0].sku", "state.$": "$$.State.Name",
        "rate.$": "$rate", "text.$": "States.Format('{} for {}', $.order.id, $.order.customer.name)",
        "attempt.$": "States.MathAdd($.attempts, 1)", "channel": "web"
    });
    PayloadTemplate::compile(&template, "Parameters").expect("the template is one")
}

/// Ten rules of a Choice, of which only the last one matches.
pub fn rules() -> Vec<Test> {
    let missing = (0..9).map(|number| {
        json!({"And": [
            {"Variable": "$.order.customer.name", "StringEquals": format!("nobody {number}")},
            {"Variable": "$.order.total", "NumericGreaterThan": number}
        ]})
    });
    let rules = missing
        .chain([json!({"Variable": "$.placed", "TimestampLessThan": "2027-01-01T00:00:00Z"})]);
    rules
        .map(|rule| Test::compile(&rule, "").expect("the rule is one"))
        .collect()
}

/// The number of the rule that matches.
pub fn choose(rules: &[Test], scope: &Scope<'_>) -> Option<usize> {
    rules
        .iter()
        .position(|rule| rule.holds(scope).expect("every path is there"))
}

/// An object template of a JSONata state.
pub fn jsonata_template() -> JsonataTemplate {
    let template: Value = json!({
        "id": "{% $states.input.order.id %}",
        "gross": "{% $states.input.order.total * (1 + $rate) %}",
        "label": "{% $uppercase($states.input.order.customer.name) & ', ' & $states.context.State.Name %}",
        "isVip": "{% $states.input.order.customer.vip and $states.input.order.total > 100 %}",
        "channel": "web"
    });
    JsonataTemplate::compile(&template, "Output", Outcome::None).expect("the template is one")
}

/// An object template that reads every item.
pub fn jsonata_template_of_items() -> JsonataTemplate {
    let template = json!({
        "total": "{% $sum($states.input.items.(price * quantity)) %}",
        "missing": "{% $states.input.items[inStock = false].sku %}"
    });
    JsonataTemplate::compile(&template, "Output", Outcome::None).expect("the template is one")
}
