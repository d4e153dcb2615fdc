//! The query protocol, through the face of IAM.

use expect_test::{Expect, expect};
use stepwell_api::{DateTime, Form, iam, sts};

fn text(body: Vec<u8>) -> String {
    String::from_utf8(body).expect("replies are text")
}

#[track_caller]
fn refuses(form: &str, expected: Expect) {
    let form = Form::parse(form.as_bytes());
    let error = iam::decode::<iam::CreateRoleRequest>(&form).expect_err("refused");
    expected.assert_eq(&format!("{error}\n"));
}

#[test]
fn lists_and_structures_are_read_by_their_numbers() {
    let form = Form::parse(
        b"Action=CreateRole&Version=2010-05-08&RoleName=r&AssumeRolePolicyDocument=%7B%7D&MaxSessionDuration=7200\
          &Tags.member.2.Key=b&Tags.member.2.Value=two+words&Tags.member.1.Key=a&Tags.member.1.Value=1",
    );
    assert_eq!(
        iam::operation(&form).expect("an operation"),
        iam::Operation::CreateRole
    );
    let input: iam::CreateRoleRequest = iam::decode(&form).expect("a request");
    assert_eq!(input.max_session_duration, Some(7200));
    let tags: Vec<_> = input
        .tags
        .unwrap_or_default()
        .into_iter()
        .map(|tag| (tag.key, tag.value))
        .collect();
    assert_eq!(
        tags,
        [
            ("a".to_string(), "1".to_string()),
            ("b".to_string(), "two words".to_string())
        ]
    );
}

#[test]
fn broken_constraints_are_named_in_the_words_of_the_platform() {
    refuses(
        "RoleName=a%20b",
        expect![[r#"
            ValidationError: 2 validation errors detected: Value 'a b' at 'roleName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\w+=,.@-]+; Value null at 'assumeRolePolicyDocument' failed to satisfy constraint: Member must not be null
        "#]],
    );
    refuses(
        "RoleName=r&AssumeRolePolicyDocument=x&MaxSessionDuration=soon",
        expect![[r#"
            MalformedInput: STRING_VALUE can not be converted to an Integer
        "#]],
    );
}

#[test]
fn an_unknown_action_is_named() {
    let form = Form::parse(b"Action=Frobnicate&Version=2010-05-08");
    let error = iam::operation(&form).expect_err("refused");
    expect![[r#"
        <ErrorResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><Error><Type>Sender</Type><Code>InvalidAction</Code><Message>Could not find operation Frobnicate for version 2010-05-08</Message></Error><RequestId>id</RequestId></ErrorResponse>"#]]
    .assert_eq(&text(error.reply("id").body));
}

#[test]
fn replies_escape_what_xml_reserves() {
    let output = iam::GetRolePolicyResponse {
        role_name: "r".to_string(),
        policy_name: "a<b>&\u{1}".to_string(),
        policy_document: "%7B%7D".to_string(),
    };
    let output = serde_json::to_value(output).expect("a generated shape");
    let reply = iam::reply(iam::Operation::GetRolePolicy, "id", &output);
    expect![[r#"
        <GetRolePolicyResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><GetRolePolicyResult><RoleName>r</RoleName><PolicyName>a&lt;b&gt;&amp;�</PolicyName><PolicyDocument>%7B%7D</PolicyDocument></GetRolePolicyResult><ResponseMetadata><RequestId>id</RequestId></ResponseMetadata></GetRolePolicyResponse>"#]]
    .assert_eq(&text(reply.body));
}

#[test]
fn an_operation_without_output_answers_with_metadata_alone() {
    let reply = iam::reply(iam::Operation::DeleteRole, "id", &serde_json::Value::Null);
    expect![[r#"
        <DeleteRoleResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><ResponseMetadata><RequestId>id</RequestId></ResponseMetadata></DeleteRoleResponse>"#]]
    .assert_eq(&text(reply.body));
}

#[test]
fn instants_are_written_in_whole_seconds() {
    let output = sts::AssumeRoleResponse {
        credentials: Some(sts::Credentials {
            access_key_id: "ASIA".to_string(),
            secret_access_key: "s".to_string(),
            session_token: "t".to_string(),
            expiration: DateTime::from_ms(1_709_210_096_789),
        }),
        ..Default::default()
    };
    let output = serde_json::to_value(output).expect("a generated shape");
    let reply = text(sts::reply(sts::Operation::AssumeRole, "id", &output).body);
    assert!(
        reply.contains("<Expiration>2024-02-29T12:34:56Z</Expiration>"),
        "{reply}"
    );
}

#[test]
fn a_name_of_endless_steps_is_left_out() {
    let deep = format!(
        "RoleName=r&AssumeRolePolicyDocument=x&{}=1",
        "a.".repeat(100_000)
    );
    let form = Form::parse(deep.as_bytes());
    assert!(iam::decode::<iam::CreateRoleRequest>(&form).is_ok());
}
