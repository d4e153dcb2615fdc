#![expect(clippy::unwrap_used, reason = "tests")]

use super::{
    ActivityArn, ExecutionArn, ExecutionKind, FunctionArn, MapRunArn, Qualifier, Scope,
    StateMachineArn, check_name,
};

const STATES: &str = "arn:aws:states:us-east-1:123456789012";

fn scope() -> Scope {
    Scope::new("us-east-1", "123456789012")
}

#[test]
fn the_four_forms_of_a_state_machine_read_back() {
    let machine = StateMachineArn::new(&scope(), "orders");
    for (arn, qualifier, text) in [
        (machine.clone(), Qualifier::None, "orders"),
        (
            machine.with_version(12),
            Qualifier::Version(12),
            "orders:12",
        ),
        (
            machine.with_alias("v1"),
            Qualifier::Alias("v1".to_owned()),
            "orders:v1",
        ),
        (
            machine.with_label("Each"),
            Qualifier::Label("Each".to_owned()),
            "orders/Each",
        ),
    ] {
        assert_eq!(arn.as_str(), format!("{STATES}:stateMachine:{text}"));
        let read = StateMachineArn::parse(arn.as_str()).unwrap();
        assert_eq!(read, arn);
        assert_eq!((read.name(), read.qualifier()), ("orders", &qualifier));
        assert_eq!(read.unqualified(), machine);
        assert_eq!(read.scope(), scope());
    }
}

#[test]
fn a_text_that_is_no_arn_is_refused_in_the_words_of_aws() {
    let message = |text| StateMachineArn::parse(text).unwrap_err().message;
    assert_eq!(
        message("invalid_arn"),
        "Invalid Arn: 'Invalid ARN prefix: invalid_arn'"
    );
    assert_eq!(message(""), "Invalid Arn: 'Invalid ARN prefix: '");
    assert_eq!(
        message("arn:aws:s3:::bucket"),
        "Invalid Arn: 'Invalid ARN prefix: arn:aws:s3:::bucket'"
    );
}

#[test]
fn an_arn_of_another_kind_is_refused_by_kind() {
    let express = format!("{STATES}:express:orders:run:uuid");
    let error = ExecutionArn::parse_standard(&express).unwrap_err();
    assert_eq!(error.name(), "InvalidArn");
    assert_eq!(
        error.message,
        "Invalid Arn: 'Resource type not valid in this context: express'"
    );
    let error = ActivityArn::parse(&express).unwrap_err();
    assert_eq!(
        error.message,
        "Invalid Arn: 'Resource type not valid in this context: express'"
    );
}

#[test]
fn malformed_resources_are_refused() {
    for resource in [
        "",
        ":1",
        "a:",
        "a:1:2",
        "/l",
        "a/",
        "a/l:1",
        "a:99999999999",
    ] {
        let text = format!("{STATES}:stateMachine:{resource}");
        assert_eq!(
            StateMachineArn::parse(&text).unwrap_err().name(),
            "InvalidArn",
            "{text}"
        );
    }
    for resource in [
        "execution:a",
        "execution:a:",
        "execution:a:b:c",
        "express:a:b",
        "express:a:b:",
    ] {
        let text = format!("{STATES}:{resource}");
        assert_eq!(
            ExecutionArn::parse(&text).unwrap_err().name(),
            "InvalidArn",
            "{text}"
        );
    }
}

#[test]
fn executions_read_back() {
    let machine = StateMachineArn::new(&scope(), "orders");
    let standard = ExecutionArn::standard(&machine.with_alias("live"), "run-1");
    let express = ExecutionArn::express(&machine, "run-1", "u-1");
    let iteration = ExecutionArn::standard(&machine.with_label("Each"), "u-2");
    assert_eq!(
        standard.as_str(),
        format!("{STATES}:execution:orders:run-1")
    );
    assert_eq!(
        express.as_str(),
        format!("{STATES}:express:orders:run-1:u-1")
    );
    assert_eq!(
        iteration.as_str(),
        format!("{STATES}:execution:orders/Each:u-2")
    );
    for arn in [&standard, &express, &iteration] {
        assert_eq!(&ExecutionArn::parse(arn.as_str()).unwrap(), arn);
        assert_eq!(arn.state_machine_name(), "orders");
    }
    assert_eq!(
        (express.kind(), express.uuid()),
        (ExecutionKind::Express, Some("u-1"))
    );
    assert_eq!((iteration.label(), iteration.name()), (Some("Each"), "u-2"));
    assert_eq!(iteration.state_machine_arn(), machine.with_label("Each"));
}

#[test]
fn activities_and_map_runs_read_back() {
    let activity = ActivityArn::new(&scope(), "approve");
    assert_eq!(activity.as_str(), format!("{STATES}:activity:approve"));
    assert_eq!(
        ActivityArn::parse(activity.as_str()).unwrap().name(),
        "approve"
    );
    let run = MapRunArn::new(&scope(), "orders", "Each", "u-3");
    assert_eq!(run.as_str(), format!("{STATES}:mapRun:orders/Each:u-3"));
    let read = MapRunArn::parse(run.as_str()).unwrap();
    assert_eq!(
        (read.state_machine_name(), read.label(), read.uuid()),
        ("orders", "Each", "u-3")
    );
    assert!(MapRunArn::parse(&format!("{STATES}:mapRun:orders:u-3")).is_err());
}

#[test]
fn functions_are_found_by_name_partial_arn_and_arn() {
    let whole = "arn:aws:lambda:eu-west-1:999999999999:function:pay:7";
    for (text, expected) in [
        ("pay", "arn:aws:lambda:us-east-1:123456789012:function:pay"),
        (
            "pay:$LATEST",
            "arn:aws:lambda:us-east-1:123456789012:function:pay:$LATEST",
        ),
        (
            "function:pay",
            "arn:aws:lambda:us-east-1:123456789012:function:pay",
        ),
        (
            "999999999999:function:pay",
            "arn:aws:lambda:us-east-1:999999999999:function:pay",
        ),
        (
            "eu-west-1:999999999999:function:pay:7",
            "arn:aws:lambda:eu-west-1:999999999999:function:pay:7",
        ),
        (whole, whole),
    ] {
        assert_eq!(
            FunctionArn::resolve(&scope(), text).unwrap().as_str(),
            expected
        );
    }
    let arn = FunctionArn::parse(whole).unwrap();
    assert_eq!((arn.name(), arn.qualifier()), ("pay", Some("7")));
    assert_eq!(arn.unqualified().qualifier(), None);
    for text in [
        "",
        "a:b:c",
        "arn:aws:states:r:a:function:f",
        "arn:aws:lambda:r:a:layer:f",
    ] {
        assert!(FunctionArn::resolve(&scope(), text).is_err(), "{text}");
    }
}

#[test]
fn names_are_refused_by_character_and_named() {
    for mark in " \t\n<>{}[]?*\"#%\\^|~`$&,;:/\u{0}\u{1f}\u{7f}\u{9f}\u{ffff}".chars() {
        let name = format!("activity{mark}name");
        let error = check_name(&name).unwrap_err();
        assert_eq!(error.message, format!("Invalid Name: '{name}'"));
    }
    for name in ["a", "A-b_c.d!@()+='", "Größe", "名前"] {
        assert!(check_name(name).is_ok(), "{name}");
    }
}
