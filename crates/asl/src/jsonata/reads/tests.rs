#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use serde_json::json;

use super::Read;
use crate::jsonata::tests::with_scope;
use crate::jsonata::{Expression, Outcome};

#[test]
fn only_what_is_read_is_converted() {
    fn shown(read: &Read) -> String {
        match read {
            Read::Whole => "*".to_owned(),
            Read::Members(members) => {
                let members = members
                    .iter()
                    .map(|(name, read)| format!("{name}:{}", shown(read)));
                format!("{{{}}}", members.collect::<Vec<_>>().join(" "))
            }
        }
    }
    let input = |source: &str| {
        let expression = Expression::compile(&format!("{{% {source} %}}"), Outcome::None).unwrap();
        let states = expression.references.reads.member("states");
        states
            .and_then(|read| read.member("input"))
            .map_or_else(String::new, shown)
    };
    for (source, read) in [
        ("$states.input.a.b", "{a:{b:*}}"),
        ("$states.input.a.b + $states.input.a.c", "{a:{b:* c:*}}"),
        ("$states.input.a & $states.input.a.b", "{a:*}"),
        (
            "$states.input.items[stock > 1 and kind = 'x'].sku",
            "{items:{kind:* sku:* stock:*}}",
        ),
        (
            "$sum($states.input.items.(price * $round(count)))",
            "{items:*}",
        ),
        (
            "$sum($states.input.items.(price * count))",
            "{items:{count:* price:*}}",
        ),
        (
            "$states.input.items.{'a': b, 'c': $string(d)}",
            "{items:{b:* d:*}}",
        ),
        ("$states.input.items[0].a[-1]", "{items:{a:*}}"),
        ("$states.input.items[$.a = 1].b", "{items:*}"),
        ("$states.input.items.$keys()", "{items:*}"),
        ("$states.input.items.(a ~> $string).b", "{items:*}"),
        ("$states.input.items.*.b", "{items:*}"),
        ("$states.input.items@$i.a", "*"),
        ("$states.input.a.b.%.c", "*"),
        (
            "$map($states.input.items, function($i) { $i.a })",
            "{items:*}",
        ),
        ("($s := $states; $s.input.a)", "*"),
        ("$states.context.a", ""),
    ] {
        assert_eq!(input(source), read, "{source}");
    }
}

#[test]
fn what_is_left_out_changes_no_result() {
    let input = json!({
        "a": {"b": [1, {"c": 2}], "d": null}, "n": 3, "list": [[{"x": 1, "y": 2}], {"x": [3, 4], "y": "5"}, 6],
        "items": [
            {"sku": "a", "price": 2, "count": 3, "tags": ["t", "u"], "in": {"stock": true}},
            {"sku": "b", "price": 4, "tags": [], "in": {"stock": false}},
            {"price": 1, "count": 7, "in": {"stock": true, "other": 1}}
        ]
    });
    for source in [
        "a",
        "a.b",
        "a.b.c",
        "a.d",
        "a.gone",
        "gone.b",
        "n.b",
        "list.x",
        "list.y",
        "list[0].x",
        "list.{'x': x, 'n': $count(y)}",
        "items.sku",
        "items[0].sku",
        "items[-1].price",
        "items[price > 1].sku",
        "items[price > 1 and in.stock].tags",
        "items[in.stock = true][0].sku",
        "items[[0..1]].sku",
        "items[]",
        "items[].sku",
        "items.sku[]",
        "items[$.price = 1].count",
        "items.(price * count)",
        "items.(price > 1 ? sku : count)",
        "items.{sku: price}",
        "items{$string(price): sku}",
        "items{sku: $sum(price)}",
        "items^(>price).sku",
        "items^(count).price",
        "items.tags[0]",
        "items.tags.($ & '!')",
        "items.$keys()",
        "items.*",
        "items.**.stock",
        "items@$i.{'s': $i.sku}",
        "items#$p.{'s': sku, 'p': $p}",
        "items.in.%.sku",
        "items.(sku ~> $uppercase)",
        "items.($uppercase(sku))",
        "items.($substring(sku, 0))",
        "items.($x := price; $x * 2)",
        "items.(function($v) { $v + price })(1)",
        "items.[sku, price]",
        "items.in.other",
        "items.(in.stock and price)",
        "items[count].sku",
        "items[$exists(count)].(in)",
        "items.sku.$length()",
        "items.($count(tags) + $count($))",
        "items.price ~> $sum",
    ] {
        let text = format!("{{% $states.input.{source} %}}");
        let mut expression = Expression::compile(&text, Outcome::None).unwrap();
        let evaluated = |expression: &Expression| {
            with_scope(|scope| expression.evaluate(&scope.with_input(&input), "Output"))
        };
        let of_parts = evaluated(&expression);
        expression.references.reads = Read::Whole;
        assert_eq!(of_parts, evaluated(&expression), "{source}");
    }
}
