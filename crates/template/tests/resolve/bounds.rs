//! What is too big is refused by name, quickly.

use std::fmt::Write;

use expect_test::expect;

use crate::check;

#[test]
fn a_template_has_at_most_a_megabyte() {
    check(
        &format!("Resources: {{}}\n#{}", "x".repeat(1024 * 1024)),
        expect![[r#"
        error template.yaml:1:1: the template has 1048591 bytes, AWS allows 1048576
    "#]],
    );
}

#[test]
fn a_template_has_at_most_500_resources() {
    let mut text = "Resources:\n".to_owned();
    for i in 0..501 {
        writeln!(text, "  T{i}: {{Type: AWS::SNS::Topic}}").unwrap();
    }
    check(
        &text,
        expect![[r#"
        error template.yaml:1:1: Resources: 501 resources, AWS allows 500
    "#]],
    );
}

#[test]
fn a_template_has_at_most_200_parameters() {
    let mut text = "Resources: {}\nParameters:\n".to_owned();
    for i in 0..201 {
        writeln!(text, "  P{i}: {{Type: String, Default: x}}").unwrap();
    }
    check(
        &text,
        expect![[r#"
        error template.yaml:2:1: Parameters: 201 parameters, AWS allows 200
    "#]],
    );
}

#[test]
fn aliases_do_not_multiply_without_end() {
    let mut text = "Metadata:\n  - &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for i in 1..20 {
        let alias = format!("*a{},", i - 1).repeat(10);
        writeln!(text, "  - &a{i} [{}]", alias.trim_end_matches(',')).unwrap();
    }
    check(
        &text,
        expect![[r#"
        error template.yaml:6:5: more than 200000 values, aliases expanded
    "#]],
    );
}

#[test]
fn nesting_is_bounded_in_yaml_and_json() {
    let deep = |open: &str, close: &str| {
        format!(
            "{{\"Resources\": {}1{}}}",
            open.repeat(110),
            close.repeat(110)
        )
    };
    check(
        &deep("[", "]"),
        expect![[r#"
        error template.yaml:1:114: nested more than 100 levels deep
    "#]],
    );
    check(
        &deep("{\"a\":", "}"),
        expect![[r#"
        error template.yaml:1:510: nested more than 100 levels deep
    "#]],
    );
    check(
        &format!("Resources: {}", "[".repeat(100_000)),
        expect![[r#"
        error template.yaml:1:267: not valid YAML: recursion limit exceeded
    "#]],
    );
}

#[test]
fn a_chain_of_500_resources_resolves() {
    let mut text = "Resources:\n".to_owned();
    for i in 0..499 {
        writeln!(
            text,
            "  T{i}: {{Type: AWS::SQS::Queue, Properties: {{QueueName: !GetAtt T{}.QueueName}}}}",
            i + 1
        )
        .unwrap();
    }
    text.push_str("  T499: {Type: AWS::SQS::Queue, Properties: {QueueName: last}}\nOutputs: {O: {Value: !GetAtt T0.QueueName}}\n");
    let stack = crate::resolve_text(&text, &[], &[]).unwrap();
    assert_eq!(stack.outputs["O"], "last");
}

#[test]
fn functions_cannot_give_text_without_end() {
    let mut text = "Parameters: {P: {Type: String, Default: '".to_owned()
        + &"x".repeat(4096)
        + "'}}\nResources: {}\nOutputs:\n";
    for i in 0..100 {
        writeln!(text, "  O{i}: {{Value: !Sub '{}'}}", "${P}".repeat(100)).unwrap();
    }
    check(
        &text,
        expect![[r#"
        error template.yaml:1:1: Outputs.O40.Value: the functions of the template give more than 16777216 bytes
    "#]],
    );
}

#[test]
fn loops_cannot_give_values_without_end() {
    let list = format!(
        "[{}]",
        (0..100)
            .map(|i| format!("a{i}"))
            .collect::<Vec<_>>()
            .join(", ")
    );
    check(
        &format!(
            "Transform: AWS::LanguageExtensions\nResources:\n  Fn::ForEach::A: [A, {list}, {{'Fn::ForEach::B': [B, {list}, {{'Fn::ForEach::C': [C, {list}, {{'X${{A}}${{B}}${{C}}': {{Type: AWS::SNS::Topic}}}}]}}]}}]\n"
        ),
        expect![[r#"
            error template.yaml:2:1: Resources: 48874 resources, AWS allows 500
            error template.yaml:3:3: Resources.Fn::ForEach::A: loops give more than 200000 values
            error template.yaml:3:516: Resources.Fn::ForEach::A.Fn::ForEach::B: loops give more than 200000 values
            error template.yaml:3:1031: Resources.Fn::ForEach::A.Fn::ForEach::B.Fn::ForEach::C: loops give more than 200000 values
        "#]],
    );
}

#[test]
fn a_definition_has_at_most_a_megabyte() {
    let text = format!("{{\"a\": \"{}\"}}", "x".repeat(1024 * 1024));
    crate::check_files(
        "
Transform: AWS::Serverless-2016-10-31
Resources: {M: {Type: AWS::Serverless::StateMachine, Properties: {DefinitionUri: m.json}}}
",
        &[("m.json", &text)],
        expect![[r#"
            error m.json:1:1: resource M, property DefinitionUri: the definition has 1048585 bytes, AWS allows 1048576
        "#]],
    );
}

#[test]
fn problems_are_bounded() {
    let refs = (0..500)
        .map(|i| format!("!Ref N{i}"))
        .collect::<Vec<_>>()
        .join(", ");
    let text =
        format!("Resources: {{A: {{Type: AWS::SNS::Topic, Properties: {{X: [{refs}]}}}}}}\n");
    let problems = crate::resolve_text(&text, &[], &[]).unwrap_err();
    assert_eq!(problems.len(), 201);
    expect!["template.yaml:1:1: 300 more errors are not shown (at most 200 problems are kept)"]
        .assert_eq(&problems[200].to_string());
}
