//! Functions: configuration, revisions and packages.

use stepwell_api::lambda;
use stepwell_service::{Answer, Answered, Effect, FunctionCode, Request};

use crate::world::{World, answer_text};

/// Key kind of a package's chunks.
const CODE: u8 = 14;

/// Key kind of the marks on packages.
const PACKAGE_USE: u8 = 36;

fn code(zip: Vec<u8>) -> FunctionCode {
    // The shell names a package by its hash; any name that differs where the bytes differ will do here.
    let sum: u64 = zip.iter().fold(zip.len() as u64, |sum, byte| {
        sum.wrapping_mul(31).wrapping_add(u64::from(*byte))
    });
    FunctionCode {
        package: format!("{sum:064x}"),
        code_sha256: format!("sha-{sum}"),
        unzipped_bytes: zip.len() as u64,
        zip,
    }
}

fn create(world: &mut World, body: &str, zip: Vec<u8>) -> Answer {
    let input = serde_json::from_str(body).expect("an input");
    world
        .send(Request::CreateFunction(Box::new(input), code(zip)))
        .expect("an answer")
}

fn creation(name: &str) -> String {
    format!(
        r#"{{"FunctionName": "{name}", "Runtime": "nodejs22.x", "Role": "arn:aws:iam::123456789012:role/r", "Handler": "index.handler", "Code": {{}}}}"#
    )
}

fn update_code(world: &mut World, body: &str, zip: Vec<u8>) -> Answer {
    let input = serde_json::from_str(body).expect("an input");
    world
        .send(Request::UpdateFunctionCode(Box::new(input), code(zip)))
        .expect("an answer")
}

fn update(world: &mut World, body: &str) -> Answer {
    let input = serde_json::from_str(body).expect("an input");
    world
        .send(Request::UpdateFunctionConfiguration(Box::new(input)))
        .expect("an answer")
}

fn delete(world: &mut World, name: &str) -> String {
    let input: lambda::DeleteFunctionRequest =
        serde_json::from_str(&format!(r#"{{"FunctionName": "{name}"}}"#)).expect("an input");
    answer_text(
        world
            .send(Request::DeleteFunction(input))
            .expect("an answer"),
    )
}

fn configuration(answer: Answer) -> lambda::FunctionConfiguration {
    match answer {
        Ok(Answered::Function(configuration)) => *configuration,
        other => panic!("{other:?}"),
    }
}

fn chunks(world: &World) -> usize {
    world.kinds().get(&CODE).copied().unwrap_or(0)
}

#[test]
fn a_function_has_lambdas_defaults_until_it_is_told_otherwise() {
    let mut world = World::new();
    let created = configuration(create(&mut world, &creation("f"), b"zip".to_vec()));
    assert_eq!(
        created.function_arn.as_deref(),
        Some("arn:aws:lambda:us-east-1:123456789012:function:f")
    );
    assert_eq!(
        (created.timeout, created.memory_size, created.code_size),
        (Some(3), Some(128), Some(3))
    );
    assert_eq!(
        created.last_modified.as_deref(),
        Some("2023-11-14T22:13:20.000+0000")
    );
    assert_eq!(
        (created.state.as_deref(), created.version.as_deref()),
        (Some("Active"), Some("$LATEST"))
    );

    world.now_ms += 1_500;
    let body = r#"{"FunctionName": "123456789012:function:f", "Timeout": 9, "Environment": {"Variables": {"A": "1"}}}"#;
    let updated = configuration(update(&mut world, body));
    assert_eq!(
        (updated.timeout, updated.memory_size),
        (Some(9), Some(128)),
        "what is not named stays"
    );
    assert_eq!(
        updated.last_modified.as_deref(),
        Some("2023-11-14T22:13:21.500+0000")
    );
    assert_ne!(updated.revision_id, created.revision_id);

    world.crash();
    let row = world
        .reader()
        .function(
            "arn:aws:lambda:us-east-1:123456789012:function:f:$LATEST",
            None,
        )
        .expect("rows")
        .expect("found");
    assert_eq!(
        (row.timeout_seconds, row.environment["A"].as_str()),
        (9, "1")
    );
}

#[test]
fn what_is_not_right_is_refused_and_changes_nothing() {
    let mut world = World::new();
    assert!(create(&mut world, &creation("f"), b"zip".to_vec()).is_ok());
    let rows = world.rows();
    let mut refused = vec![
        answer_text(create(&mut world, &creation("f"), b"zip2".to_vec())),
        answer_text(create(&mut world, &creation("a b"), b"zip2".to_vec())),
        answer_text(create(
            &mut world,
            &creation("g").replace(r#""Code""#, r#""Timeout": 901, "Code""#),
            b"zip2".to_vec(),
        )),
        answer_text(create(
            &mut world,
            &creation("g").replace(r#""Runtime": "nodejs22.x","#, ""),
            b"zip2".to_vec(),
        )),
        answer_text(create(
            &mut world,
            &creation("g").replace(r#""Code""#, r#""PackageType": "Image", "Code""#),
            b"zip2".to_vec(),
        )),
        answer_text(update(&mut world, r#"{"FunctionName": "g"}"#)),
        answer_text(update(&mut world, r#"{"FunctionName": "f", "Timeout": 0}"#)),
        answer_text(update(
            &mut world,
            r#"{"FunctionName": "f", "RevisionId": "old"}"#,
        )),
        answer_text(update_code(
            &mut world,
            r#"{"FunctionName": "f", "RevisionId": "old"}"#,
            b"zip2".to_vec(),
        )),
        delete(&mut world, "g"),
    ];
    let long = format!(
        r#"{{"FunctionName": "f", "Environment": {{"Variables": {{"A": "{}"}}}}}}"#,
        "x".repeat(4_096)
    );
    refused.push(answer_text(update(&mut world, &long)));
    expect_test::expect![[r#"
        ! ResourceConflictException: Function already exist: f
        ! InvalidParameterValueException: 'a b' is not a function name, partial ARN or ARN
        ! InvalidParameterValueException: Timeout is 901 seconds but must be from 1 to 900
        ! InvalidParameterValueException: Runtime and Handler are mandatory parameters for functions created with deployment packages.
        ! NotImplemented: Stepwell does not implement PackageType Image yet
        ! ResourceNotFoundException: Function not found: arn:aws:lambda:us-east-1:123456789012:function:g
        ! InvalidParameterValueException: Timeout is 0 seconds but must be from 1 to 900
        ! PreconditionFailedException: The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to retrieve the latest Revision Id
        ! PreconditionFailedException: The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to retrieve the latest Revision Id
        ! ResourceNotFoundException: Function not found: arn:aws:lambda:us-east-1:123456789012:function:g
        ! InvalidParameterValueException: Lambda was unable to configure your environment variables because the environment variables you have provided exceeded the 4KB limit: 4097 bytes
    "#]].assert_eq(&(refused.join("\n") + "\n"));
    assert_eq!(world.rows(), rows);
}

#[test]
fn a_revision_id_that_matches_lets_the_update_through_once() {
    let mut world = World::new();
    let revision = configuration(create(&mut world, &creation("f"), b"zip".to_vec()))
        .revision_id
        .expect("a revision");
    let body = format!(r#"{{"FunctionName": "f", "RevisionId": "{revision}", "MemorySize": 256}}"#);
    assert_eq!(
        configuration(update(&mut world, &body)).memory_size,
        Some(256)
    );
    assert!(answer_text(update(&mut world, &body)).starts_with("! PreconditionFailedException"));
}

#[test]
fn a_package_of_several_megabytes_comes_back_as_it_was() {
    let mut world = World::new();
    let zip: Vec<u8> = (0..(5u32 << 19))
        .map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect();
    assert!(create(&mut world, &creation("f"), zip.clone()).is_ok());
    assert_eq!(chunks(&world), 3, "2.5 MiB are three rows");
    let largest = world.rows().iter().map(|(_, value)| value.len()).max();
    assert_eq!(largest, Some(1 << 20));
    world.crash();
    let row = world
        .reader()
        .function("f", None)
        .expect("rows")
        .expect("found");
    assert_eq!(row.code_bytes, zip.len() as u64);
    assert!(
        world.reader().package(&row.package).expect("a package") == zip,
        "the bytes differ"
    );
}

#[test]
fn a_package_goes_with_the_last_function_that_has_it() {
    let mut world = World::new();
    let (shared, other) = (vec![1; 3 << 20], vec![2; 10]);
    for name in ["f", "g"] {
        assert!(create(&mut world, &creation(name), shared.clone()).is_ok());
    }
    assert_eq!(chunks(&world), 3, "stored once");
    assert!(update_code(&mut world, r#"{"FunctionName": "f"}"#, other.clone()).is_ok());
    assert_eq!(chunks(&world), 4, "g still has it");
    assert!(update_code(&mut world, r#"{"FunctionName": "f"}"#, other).is_ok());
    assert_eq!(chunks(&world), 4, "the same code again is the same package");
    assert!(
        update_code(
            &mut world,
            r#"{"FunctionName": "g", "DryRun": true}"#,
            vec![3; 10]
        )
        .is_ok()
    );
    assert_eq!(chunks(&world), 4, "a dry run stores nothing");
    assert_eq!(delete(&mut world, "g"), "deleted");
    assert_eq!(chunks(&world), 1);
    assert_eq!(delete(&mut world, "f"), "deleted");
    let left = world.kinds();
    assert_eq!(
        left.into_iter().collect::<Vec<_>>(),
        [(PACKAGE_USE, 1)],
        "packages are marked"
    );
}

#[test]
fn every_change_of_a_function_retires_its_environments() {
    let mut world = World::new();
    let retired = |world: &mut World, request: Request| {
        world.apply(request);
        let effects = world.commit().effects;
        effects.iter().filter(|effect| matches!(effect, Effect::RetireFunction { function_arn, .. } if function_arn.ends_with(":f"))).count()
    };
    let input = |body: &str| serde_json::from_str(body).expect("an input");
    assert_eq!(
        retired(
            &mut world,
            Request::CreateFunction(Box::new(input(&creation("f"))), code(vec![1]))
        ),
        1
    );
    let configured =
        serde_json::from_str(r#"{"FunctionName": "f", "Timeout": 4}"#).expect("an input");
    assert_eq!(
        retired(
            &mut world,
            Request::UpdateFunctionConfiguration(Box::new(configured))
        ),
        1
    );
    let deleted = serde_json::from_str(r#"{"FunctionName": "f"}"#).expect("an input");
    assert_eq!(retired(&mut world, Request::DeleteFunction(deleted)), 1);
}

#[test]
fn functions_are_listed_by_name_a_page_at_a_time() {
    let mut world = World::new();
    for name in ["c", "a", "b"] {
        assert!(create(&mut world, &creation(name), b"zip".to_vec()).is_ok());
    }
    let page = |marker: Option<String>| {
        let input = lambda::ListFunctionsRequest {
            marker,
            max_items: Some(2),
            ..Default::default()
        };
        world.reader().list_functions(&input).expect("rows")
    };
    let first = page(None).expect("a page");
    let second = page(first.next_marker.clone()).expect("a page");
    let names = |page: &lambda::ListFunctionsResponse| -> Vec<String> {
        let functions = page.functions.iter().flatten();
        functions.flat_map(|it| it.function_name.clone()).collect()
    };
    assert_eq!(names(&first), ["a", "b"]);
    assert_eq!(
        (names(&second), second.next_marker),
        (vec!["c".to_string()], None)
    );
    assert!(page(Some("bad marker".to_string())).is_err());
    let missing = world
        .reader()
        .function("a", Some("7"))
        .expect("rows")
        .map(|row| row.name);
    assert!(missing.is_err(), "only $LATEST exists");
}
