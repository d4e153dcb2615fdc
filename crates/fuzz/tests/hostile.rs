//! The attacks that everybody thinks of, each by its name. All end in an answer; an abort would end the test.

use std::sync::mpsc;

use stepwell_asl::definition::{Definition, MachineKind};
use stepwell_asl::jsonata::{Expression, Outcome};
use stepwell_fuzz::{Target, worker};

#[global_allocator]
static ALLOCATOR: worker::Allocator = worker::Allocator::new(std::alloc::System, usize::MAX);

const LEVELS: usize = 10_000;

/// Reads `input` with the target called `name`, within a fuzzed input's memory and a server's stack.
fn read(name: &str, input: impl Into<Vec<u8>>) {
    let target = Target::named(name).expect("the tests name targets that exist");
    worker::read_one(target, input.into(), &ALLOCATOR).expect("the input is answered");
}

/// The descriptions of what is wrong with a definition.
fn findings(text: String) -> Vec<String> {
    let (send, receive) = mpsc::channel();
    let work = move || {
        let findings = Definition::diagnose(&text, MachineKind::Standard);
        let messages = findings
            .into_iter()
            .map(|finding| finding.message.to_string());
        send.send(messages.collect()).expect("the test waits");
    };
    let thread = std::thread::Builder::new().stack_size(stepwell_fuzz::bounds::STACK_BYTES);
    thread
        .spawn(work)
        .expect("a thread")
        .join()
        .expect("a definition is answered");
    receive.recv().expect("the thread has sent it")
}

fn nested(open: &str, inside: &str, close: &str) -> String {
    format!("{}{inside}{}", open.repeat(LEVELS), close.repeat(LEVELS))
}

#[test]
fn json_nested_ten_thousand_deep_is_refused_by_name() {
    for text in [
        nested("[", "", "]"),
        nested("{\"a\":", "1", "}"),
        "[".repeat(LEVELS),
        "{\"a\":".repeat(LEVELS),
    ] {
        let found = findings(text.clone());
        assert!(
            found[0].contains("levels deep") || found[0].contains("JSON"),
            "{found:?}"
        );
        read("api", format!("AWSStepFunctions.StartExecution\n{text}"));
        read(
            "api",
            format!("AWSStepFunctions.CreateStateMachine\n{{\"definition\": {text}}}"),
        );
    }
}

#[test]
fn states_nested_in_states_are_refused_by_name() {
    let open = r#"{"StartAt":"A","States":{"A":{"Type":"Parallel","End":true,"Branches":["#;
    let text = format!("{}1{}", open.repeat(1_000), "]}}}".repeat(1_000));
    let found = findings(text);
    assert!(found[0].contains("levels deep"), "{found:?}");
}

#[test]
fn a_definition_of_a_megabyte_is_read_and_a_longer_one_refused() {
    let state =
        |number: usize| format!(r#""S{number}":{{"Type":"Pass","Next":"S{}"}},"#, number + 1);
    let mut text = r#"{"StartAt":"S0","States":{"#.to_owned();
    for number in 0.. {
        if text.len() > (1 << 20) - 200 {
            text += &format!(r#""S{number}":{{"Type":"Succeed"}}}}}}"#);
            break;
        }
        text += &state(number);
    }
    assert_eq!(findings(text.clone()), Vec::<String>::new());
    text.insert_str(1, &" ".repeat(300));
    assert!(findings(text)[0].contains("1048576"));
}

#[test]
fn a_megabyte_of_anything_is_no_definition() {
    for piece in [
        "\"",
        "[",
        "{",
        "\\u0000",
        "a",
        "\u{10ffff}",
        "1",
        "-",
        ",",
        "{\"a\":1,",
    ] {
        let text = piece.repeat((1 << 20) / piece.len());
        assert!(!findings(text).is_empty(), "{piece}");
    }
}

#[test]
fn a_thousand_problems_are_reported_in_time() {
    let states: Vec<String> = (0..1_000)
        .map(|n| format!(r#""S{n}":{{"Type":"Task","Nope":1,"Next":"T{n}"}}"#))
        .collect();
    let found = findings(format!(
        r#"{{"StartAt":"X","States":{{{}}}}}"#,
        states.join(",")
    ));
    assert!(found.len() >= 1_000, "{}", found.len());
}

#[test]
fn paths_are_refused_at_their_bounds() {
    for text in [
        format!("${}", ".a".repeat(LEVELS)),
        format!("${}", "[0]".repeat(LEVELS)),
        format!("${}", "..a".repeat(200)),
        format!("${}", "..*".repeat(100)),
        nested("$[?(@.a", "", ")]"),
        nested("$[?(", "@", ")]"),
        format!("$[?({}@)]", "!".repeat(LEVELS)),
        format!("$[?({}@{})]", "(".repeat(LEVELS), ")".repeat(LEVELS)),
        format!("$[?(@{})]", " && @".repeat(LEVELS)),
        format!("$[{}]", "0,".repeat(LEVELS)),
        format!("$['{}']", "a".repeat(1 << 20)),
        "$[?(@.long =~ /(a+)+$/)]".to_owned(),
        "$text[?(@ =~ /((a|aa)+)+b/)]".to_owned(),
        "$.items[?(@.id =~ /(((x{1,99}){1,99}){1,99}){1,99}/)]".to_owned(),
        "$[99999999999999999999999]".to_owned(),
        "$[-9223372036854775808:9223372036854775807:9223372036854775807]".to_owned(),
    ] {
        read("path", text);
    }
}

#[test]
fn intrinsic_functions_are_refused_at_their_bounds() {
    for text in [
        nested("States.Array(", "1", ")"),
        "States.Array(".repeat(LEVELS),
        format!("States.Array({}1)", "1,".repeat(LEVELS)),
        format!("States.Format('{}', $.long)", "{}".repeat(LEVELS)),
        format!(
            "States.Format('{}'{})",
            "{}".repeat(900),
            ", $.long".repeat(900)
        ),
        format!("States.Format('{}')", "\\{".repeat(LEVELS)),
        "States.ArrayRange(1, 9223372036854775807, 1)".to_owned(),
        "States.ArrayRange(-9223372036854775808, 9223372036854775807, -1)".to_owned(),
        "States.ArrayPartition($.items, 9223372036854775807)".to_owned(),
        "States.ArrayGetItem($.items, -9223372036854775808)".to_owned(),
        "States.MathAdd(9223372036854775807, 9223372036854775807)".to_owned(),
        "States.MathAdd(1e308, 1e308)".to_owned(),
        "States.MathRandom(-9223372036854775808, 9223372036854775807)".to_owned(),
        format!("States.Base64Decode('{}')", "=".repeat(LEVELS)),
        format!("States.StringToJson('{}')", "[".repeat(LEVELS)),
        format!("States.StringSplit('{}', ',')", ",".repeat(1 << 20)),
    ] {
        read("intrinsic", text);
    }
}

#[test]
fn expressions_are_refused_at_their_bounds() {
    for text in [
        "$range(1, 1e12, 1)".to_owned(),
        "[1..1e12]".to_owned(),
        "$map([1..873000], function() { [1..873000] })".to_owned(),
        "[1..873000].[1..873000]".to_owned(),
        "$distinct($map([1..300000], function($v) { [$v, [$v]] }))".to_owned(),
        nested("(", "1", ")"),
        nested("[", "1", "]"),
        nested("{'a': ", "1", "}"),
        nested("$string(", "1", ")"),
        nested("function($x){", "1", "}"),
        format!("1{}", " + 1".repeat(LEVELS)),
        format!("$x{}", ".a".repeat(LEVELS)),
        format!("{}1", "true ? ".repeat(LEVELS)),
        format!("'{}'", "a".repeat(1 << 19)),
        "$contains($pad('', 1e5, 'a'), /(a+)+$/)".to_owned(),
        "$replace($text, /((a|aa)+)+b/, 'x')".to_owned(),
        "$match($text, /(((a{1,99}){1,99}){1,99}){1,99}/)".to_owned(),
        "$split($pad('', 1e6, ','), /,*,*,*,*,*$/)".to_owned(),
        "$formatNumber(1e308, '#,##0.00')".to_owned(),
        "$toMillis('99999999999999999999', '[Y]')".to_owned(),
        "$parse($pad('', 1e6, '['))".to_owned(),
        "$number('1e999999999')".to_owned(),
        "$power(1e308, 1e308)".to_owned(),
        "'\\ud800' & '\\udfff'".to_owned(),
    ] {
        read("jsonata", text);
    }
    let endless = "{% ($f := function($n) { $f($n + 1) }; $f(0)) %}";
    let endless = Expression::compile(endless, Outcome::None);
    assert!(
        endless.is_ok(),
        "that it never ends is only seen when it runs"
    );
}

#[test]
fn bodies_are_refused_whatever_is_in_them() {
    for body in [
        "{\"input\": \"\\ud800\"}".to_owned(),
        "{\"input\": \"\\udc00\\ud800\"}".to_owned(),
        "{\"name\": \"\u{0}\"}".to_owned(),
        format!("{{\"maxResults\": {}}}", "9".repeat(LEVELS)),
        "{\"maxResults\": 1e999}".to_owned(),
        "{\"maxResults\": -0}".to_owned(),
        format!("{{{}}}", "\"a\":1,".repeat(LEVELS)),
        format!(
            "{{\"stateMachineArn\": \"{}\"}}",
            "arn:aws:states:".repeat(LEVELS)
        ),
        format!("{{\"tags\": [{}]}}", "{},".repeat(LEVELS)),
        "\u{feff}{}".to_owned(),
    ] {
        for operation in [
            "StartExecution",
            "GetExecutionHistory",
            "CreateStateMachine",
            "TagResource",
        ] {
            read("api", format!("AWSStepFunctions.{operation}\n{body}"));
        }
        read("api", format!("POST /2015-03-31/functions\n{body}"));
    }
    read(
        "api",
        b"AWSStepFunctions.StartExecution\n{\"name\": \"\xff\xfe\"}".to_vec(),
    );
    read(
        "api",
        format!("GET /2015-03-31/functions/{}", "%41".repeat(LEVELS)),
    );
    read(
        "api",
        format!("GET /2015-03-31/functions/f{}", "?a&".repeat(LEVELS)),
    );
}
