//! Text that is no JSON as a whole.

use super::*;

#[test]
fn text_that_is_no_json_is_looked_through() {
    let mask = mask(&["$.card.number", "**.password"]);
    for (text, expected) in [
        (
            "not found in the input '{\"card\":{\"number\":\"4242\"}}'",
            "not found in the input '{\"card\":{\"number\":\"••••••\"}}'",
        ),
        (
            "INFO {\"password\": 12, \"x\": 1}",
            "INFO {\"password\": \"••••••\", \"x\": 1}",
        ),
        (
            "{\\\"password\\\":\\\"a\\\\\\\"b\\\",\\\"x\\\":1}",
            "{\\\"password\\\":\\\"••••••\\\",\\\"x\\\":1}",
        ),
        // Cut off.
        (
            "{\"card\":{\"number\":\"42",
            "{\"card\":{\"number\":\"••••••",
        ),
        ("{\"password\":{\"a\":[1,{", "{\"password\":\"••••••\""),
        (
            "{\"password\":{\"a\":[1]},\"x\":",
            "{\"password\":\"••••••\",\"x\":",
        ),
        // As `console.log` writes an object, and as logfmt and forms write pairs.
        (
            "Order { card: { number: '42\\'42', x: 1 }, password: [ 'a' ] }",
            "Order { card: { number: '••••••', x: 1 }, password: •••••• }",
        ),
        (
            "at=info password=hunter2 x=1",
            "at=info password=•••••• x=1",
        ),
        ("a=1&password=hunter2&x=1", "a=1&password=••••••&x=1"),
        ("the password: hunter2", "the password: ••••••"),
        ("password: \"cut", "password: \"••••••"),
        // As Python prints a dictionary, and as files and databases write pairs.
        (
            "event: {'password': 'hunter2', 'x': 1}",
            "event: {'password': '••••••', 'x': 1}",
        ),
        (
            "{'password': \"it's\", 'card': {'number': Decimal('4242')}}",
            "{'password': \"••••••\", 'card': {'number': ••••••}}",
        ),
        (
            "{'password': b'hunter2', 'number': 4242}",
            "{'password': b'••••••', 'number': ••••••}",
        ),
        (
            "'{\\'password\\': \\'hunter2\\', \\'x\\': 1}'",
            "'{\\'password\\': \\'••••••\\', \\'x\\': 1}'",
        ),
        ("`password`: `hunter2`", "`password`: `••••••`"),
        ("\"password\": 'hunter2'", "\"password\": '••••••'"),
        (
            "set `password` = 'hunter2', x",
            "set `password` = '••••••', x",
        ),
        ("password = hunter2 x = 1", "password = ••••••"),
        ("password\t=\t'hunter2'", "password\t=\t'••••••'"),
        // At the beginning of a text in quotation marks.
        ("\"password=hunter2\" x", "\"password=••••••\" x"),
        ("'password: hunter2' x", "'password: ••••••' x"),
        ("my_password=1, passwords=2", "my_password=1, passwords=2"),
        (
            "my_password = 1, 'passwords': 2",
            "my_password = 1, 'passwords': 2",
        ),
        ("arn:aws:x:password:y", "arn:aws:x:password:y"),
        ("password", "password"),
        ("\"my password\": 1", "\"my password\": 1"),
        ("'my password': 1", "'my password': 1"),
    ] {
        assert_eq!(mask.text(text), expected);
        assert_eq!(
            mask.text(expected),
            expected,
            "what is masked stays as it is"
        );
    }
    let mask = self::mask(&["$['card-number']"]);
    assert_eq!(
        mask.text("{'card-number': '4242', 'x': 1}"),
        "{'card-number': '••••••', 'x': 1}"
    );
}

#[test]
fn brackets_in_strings_end_no_value() {
    let mask = mask(&["$.card"]);
    for (text, expected) in [
        (
            r#"INFO {"card":{"note":"}","number":"4242"},"x":1}"#,
            r#"INFO {"card":"••••••","x":1}"#,
        ),
        (
            r#"INFO {"card":["\\",{"a":"\"]}","b":"4242"}],"x":1}"#,
            r#"INFO {"card":"••••••","x":1}"#,
        ),
        (
            r#"{\"card\":{\"note\":\"}\\\"}\\\\\",\"number\":\"4242\"},\"x\":1}"#,
            r#"{\"card\":"••••••",\"x\":1}"#,
        ),
        (
            "Order { card: { note: '}\\'}', `a`: `}`, number: '4242' }, x: 1 }",
            "Order { card: ••••••, x: 1 }",
        ),
        (
            "{'card': {'note': \"it's }\", 'number': '4242'}, 'x': 1}",
            "{'card': ••••••, 'x': 1}",
        ),
        // The backslash is one of the text, not of its quotation mark.
        (
            r#"INFO {"card":"a\\","x":"y"}"#,
            r#"INFO {"card":"••••••","x":"y"}"#,
        ),
        // Without the end of a string nobody knows what is in it.
        (
            r#"{"card":{"note":"}, "number":4242},"x":1}"#,
            r#"{"card":"••••••""#,
        ),
    ] {
        assert_eq!(mask.text(text), expected);
    }
}

#[test]
fn objects_as_node_prints_them_are_masked_to_their_end() {
    let mask = mask(&["$.card", "**.password"]);
    for (text, expected) in [
        (
            "Map(1) { 'password' => 'hunter2' }",
            "Map(1) { 'password' => '••••••' }",
        ),
        ("if (password == 'hunter2')", "if (password == '••••••')"),
        ("if (password === 'hunter2')", "if (password === '••••••')"),
        ("password=>'hunter2' x", "password=>'••••••' x"),
        (
            "Order { card: Card { digits: '4242' }, x: 1 }",
            "Order { card: ••••••, x: 1 }",
        ),
        ("card=Card { digits: '4242' } x=1", "card=•••••• x=1"),
        (
            "{ card: [Object: null prototype] { digits: '4242' }, x: 1 }",
            "{ card: ••••••, x: 1 }",
        ),
        (
            "card=[Object: null prototype] { digits: '4242' } x=1",
            "card=•••••• x=1",
        ),
        (
            "{ card: Uint8Array(4) [ 52, 50, 52, 50 ], x: 1 }",
            "{ card: ••••••, x: 1 }",
        ),
        ("card=Set(1) { '4242' } x=1", "card=•••••• x=1"),
        (
            "{ card: <Buffer 34 32 34 32>, x: 1 }",
            "{ card: ••••••, x: 1 }",
        ),
        ("card=<Buffer 34 32 34 32> x=1", "card=•••••• x=1"),
        (
            "card=<ref *1> Card { digits: '4242', self: [Circular *1] } x=1",
            "card=•••••• x=1",
        ),
        (
            "{ card: Map(1) {\n  'digits' => '4242',\n  'x' => 1\n }, y: 2 }",
            "{ card: ••••••, y: 2 }",
        ),
        (
            "card=ArrayBuffer { [Uint8Contents]: <34 32>, byteLength: 2 } x=1",
            "card=•••••• x=1",
        ),
        (
            "{ card: <ref *1> Card { digits: '4242', self: [Circular *1] }, x: 1 }",
            "{ card: ••••••, x: 1 }",
        ),
        (
            "card=Card <[Object: null prototype] {}> { digits: '4242' } x=1",
            "card=•••••• x=1",
        ),
        // It opens nothing.
        ("{ card: { a: 1 < 2 }, x: 1 }", "{ card: ••••••, x: 1 }"),
        ("password=(a)bc x=1", "password=•••••• x=1"),
    ] {
        assert_eq!(mask.text(text), expected);
        assert_eq!(mask.text(expected), expected, "it stays as it is");
    }
}

#[test]
fn a_string_over_several_lines_is_masked_to_its_last() {
    let mask = mask(&["**.key"]);
    for (text, expected) in [
        // Node.js.
        (
            "{\n  key: 'BEGIN\\n' +\n    'MIIE\\n' +\n    \"it's\",\n  x: 1 }",
            "{\n  key: '••••••',\n  x: 1 }",
        ),
        (
            r#"ERROR {"m":"{ key: 'BEGIN\\n' +\n  'MIIE', x: 1 }","n"#,
            r#"ERROR {"m":"{ key: '••••••', x: 1 }","n"#,
        ),
        // Python's pprint.
        (
            "{'key': 'BEGIN '\n        'MIIE',\n 'x': 1}",
            "{'key': '••••••',\n 'x': 1}",
        ),
        ("{'key': 'BEGIN' + '", "{'key': '••••••"),
        // Another one.
        ("key='a' 'b'", "key='••••••' 'b'"),
        ("key='a' + b", "key='••••••' + b"),
    ] {
        assert_eq!(mask.text(text), expected);
        assert_eq!(mask.text(expected), expected, "it stays as it is");
    }
}

#[test]
fn a_name_after_an_escaped_line_end_is_one() {
    let mask = mask(&["**.password"]);
    for (text, expected) in [
        (
            r#"ERROR Invoke Error {"errorMessage":"bad config:\npassword=hunter2","x":1}"#,
            r#"ERROR Invoke Error {"errorMessage":"bad config:\npassword=••••••","x":1}"#,
        ),
        (
            r#"{"errorMessage":"a:\tpassword: hunter2\r"#,
            r#"{"errorMessage":"a:\tpassword: ••••••"#,
        ),
        // In a text in a text.
        (
            r#"{\"errorMessage\":\"a\\npassword=hunter2\",\"x\""#,
            r#"{\"errorMessage\":\"a\\npassword=••••••",\"x\""#,
        ),
        (
            r#"{"m":"a\u000apassword=hunter2","x"#,
            r#"{"m":"a\u000apassword=••••••","x"#,
        ),
    ] {
        assert_eq!(mask.text(text), expected);
        assert_eq!(mask.text(expected), expected, "it stays as it is");
    }
    for text in ["npassword=1", "u000apassword=1"] {
        assert_eq!(mask.text(text), text);
    }
}

#[test]
fn a_value_with_spaces_goes_on_to_the_end_of_its_line() {
    let mask = mask(&["**.authorization", "**.number", "**.name"]);
    for (text, expected) in [
        (
            "authorization: Bearer eyJhbGciOi.J9\nhost: x",
            "authorization: ••••••\nhost: x",
        ),
        ("number: 4242 4242 4242 4242", "number: ••••••"),
        ("name = Jane Doe\r\nx = 1", "name = ••••••\r\nx = 1"),
        ("{ name: Jane Doe, x: 1 }", "{ name: ••••••, x: 1 }"),
        ("{ name: Jane Doe }", "{ name: •••••• }"),
        ("(name: Jane Doe) x", "(name: ••••••) x"),
        ("name: Jane (JD, or J) Doe; x", "name: ••••••; x"),
        ("name: Jane \"JD, or J\" Doe, x", "name: ••••••, x"),
        ("name: Jane O'Brien Doe, x", "name: ••••••, x"),
        ("name: Jane & Joe, x", "name: ••••••, x"),
        ("\"name: Jane Doe\" x", "\"name: ••••••\" x"),
        (
            "{\"errorMessage\":\"number: 4242 4242\",\"x\"",
            "{\"errorMessage\":\"number: ••••••\",\"x\"",
        ),
        // Without a space before it, it is one of pairs.
        ("name=Jane x=1", "name=•••••• x=1"),
    ] {
        assert_eq!(mask.text(text), expected);
        assert_eq!(mask.text(expected), expected, "it stays as it is");
    }
}

#[test]
fn a_rule_without_a_name_leaves_no_loose_text_with_brackets() {
    for rule in ["$.*", "$[0]", "**.*", "$[*][1]"] {
        let mask = mask(&[rule, "**.password"]);
        for text in [
            "not found in the input '{\"number\":\"4242\"}'",
            "INFO [ '4242' ]",
            "[\"4242\",",
            "4242\"] is wrong: x",
        ] {
            assert_eq!(mask.text(text), MARK, "{rule} {text}");
        }
        for text in [
            "Task timed out after 3.00 seconds: x",
            "arn:aws:states:us-east-1:123456789012:stateMachine:pay",
            "2026/11/26/[$LATEST]0123456789abcdef0123456789abcdef",
            "2026/11/26/pay[12]0123456789abcdef0123456789abcdef",
        ] {
            assert_eq!(mask.text(text), text, "{rule}");
        }
        assert_eq!(mask.text("password=hunter2 x"), "password=•••••• x");
    }
    // A rule with a name is looked for by it.
    let mask = mask(&["$.card[0]", "$.card.*"]);
    assert_eq!(
        mask.text("INFO { card: [ 1 ], x: [ 2 ] }"),
        "INFO { card: ••••••, x: [ 2 ] }"
    );
}
