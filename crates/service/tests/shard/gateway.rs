//! APIs and URLs of functions: what is kept, and what goes with what.

use std::collections::BTreeMap;

use stepwell_api::lambda;
use stepwell_service::{
    Answer, Answered, ApiDocument, ApiFacts, ApiKind, FunctionCode, GatewayAnswer, GatewayRefusal,
    GatewayRequest, NewStage, Refusal, Request, UrlRequest,
};

use crate::world::World;

fn document(text: &str) -> ApiDocument {
    ApiDocument {
        text: text.to_owned(),
        facts: ApiFacts::default(),
        tags: None,
    }
}

fn stage(name: &str) -> NewStage {
    NewStage {
        name: name.to_owned(),
        deployment_id: None,
        description: None,
        variables: BTreeMap::new(),
        tags: BTreeMap::new(),
    }
}

fn send(world: &mut World, request: GatewayRequest) -> Answer {
    let request = Request::Gateway(Box::new(request));
    world.send(request).expect("it is answered at once")
}

fn given(answer: Answer) -> GatewayAnswer {
    match answer {
        Ok(Answered::Gateway(answer)) => *answer,
        other => panic!("{other:?}"),
    }
}

fn refused(answer: Answer) -> GatewayRefusal {
    match answer {
        Err(Refusal::Gateway(refusal)) => refusal,
        other => panic!("{other:?}"),
    }
}

fn create(world: &mut World, kind: ApiKind, text: &str) -> String {
    match given(send(world, GatewayRequest::CreateApi(kind, document(text)))) {
        GatewayAnswer::Api(api) => api.id,
        other => panic!("{other:?}"),
    }
}

fn deploy(world: &mut World, api: &str, name: Option<&str>) -> String {
    let request = GatewayRequest::CreateDeployment {
        api: api.to_owned(),
        description: None,
        stage: name.map(stage),
    };
    match given(send(world, request)) {
        GatewayAnswer::Deployment(deployment) => deployment.id,
        other => panic!("{other:?}"),
    }
}

fn replace(world: &mut World, api: &str, text: &str, replaces: Option<&str>) -> Answer {
    let request = GatewayRequest::ReplaceDocument {
        kind: ApiKind::Rest,
        id: api.to_owned(),
        replaces: replaces.map(str::to_owned),
        document: document(text),
    };
    send(world, request)
}

/// Texts of documents that rows hold.
fn documents(world: &World) -> usize {
    let is_document = |key: &[u8]| key.windows(9).any(|part| part == b"document\0");
    let rows = world.rows();
    rows.iter().filter(|(key, _)| is_document(key)).count()
}

#[test]
fn a_deployment_keeps_the_document_that_it_was_made_of() {
    let mut world = World::new();
    let api = create(&mut world, ApiKind::Rest, "one");
    let first = deploy(&mut world, &api, Some("prod"));
    given(replace(&mut world, &api, "two", None));
    let reader = world.reader();
    let deployment = reader.api_deployment(&api, &first).expect("a store");
    let deployment = deployment.expect("a deployment");
    assert_eq!(
        reader
            .api_document(&api, &deployment.document)
            .expect("rows"),
        "one"
    );
    // The same text again is no further row, and what nothing refers to goes.
    assert_eq!(documents(&world), 2);
    let second = deploy(&mut world, &api, Some("prod"));
    assert_eq!(documents(&world), 2);
    let stages = world
        .reader()
        .api_stages(ApiKind::Rest, &api)
        .expect("a store");
    let stages = stages.expect("an API");
    assert_eq!(stages.len(), 1);
    assert_eq!(stages[0].deployment_id.as_deref(), Some(second.as_str()));
    let delete = |id: &str| GatewayRequest::DeleteDeployment {
        api: api.clone(),
        id: id.to_owned(),
    };
    assert!(matches!(
        refused(send(&mut world, delete(&second))),
        GatewayRefusal::BadRequest(_)
    ));
    given(send(&mut world, delete(&first)));
    assert_eq!(documents(&world), 1);
    given(send(
        &mut world,
        GatewayRequest::DeleteApi(ApiKind::Rest, api),
    ));
    let left = world.kinds();
    assert!(
        !left.contains_key(&45) && !left.contains_key(&46),
        "{left:?}"
    );
}

#[test]
fn a_change_of_another_document_is_a_conflict() {
    let mut world = World::new();
    let api = create(&mut world, ApiKind::Rest, "one");
    let hash = world.reader().api(ApiKind::Rest, &api).expect("a store");
    let hash = hash.expect("an API").document;
    given(replace(&mut world, &api, "two", Some(&hash)));
    let conflict = refused(replace(&mut world, &api, "three", Some(&hash)));
    assert!(
        matches!(conflict, GatewayRefusal::Conflict(_)),
        "{conflict:?}"
    );
}

#[test]
fn apis_stages_and_their_bounds_are_held() {
    let mut world = World::new();
    let api = create(&mut world, ApiKind::Http, "one");
    for number in 0..9 {
        let request =
            GatewayRequest::CreateStage(ApiKind::Http, api.clone(), stage(&format!("s{number}")));
        given(send(&mut world, request));
    }
    let create_stage =
        |kind, name: &str| GatewayRequest::CreateStage(kind, api.clone(), stage(name));
    given(send(&mut world, create_stage(ApiKind::Http, "$default")));
    for (request, expected) in [
        (create_stage(ApiKind::Http, "s1"), "Conflict"),
        (create_stage(ApiKind::Http, "more"), "Limit"),
        (create_stage(ApiKind::Http, "a/b"), "BadRequest"),
        (create_stage(ApiKind::Rest, "x"), "NotFound"),
        (
            GatewayRequest::DeleteApi(ApiKind::Rest, api.clone()),
            "NotFound",
        ),
        (
            GatewayRequest::DeleteStage {
                kind: ApiKind::Http,
                api: api.clone(),
                name: "none".to_owned(),
            },
            "NotFound",
        ),
    ] {
        let refusal = format!("{:?}", refused(send(&mut world, request)));
        assert!(refusal.starts_with(expected), "{refusal}");
    }
}

#[test]
fn the_urls_of_a_function_go_with_it() {
    let mut world = World::new();
    let code = FunctionCode {
        zip: vec![1],
        package: "a".repeat(64),
        code_sha256: "x".to_owned(),
        unzipped_bytes: 1,
    };
    let function = lambda::CreateFunctionRequest {
        function_name: "f".to_owned(),
        runtime: Some("nodejs22.x".to_owned()),
        handler: Some("index.handler".to_owned()),
        role: "arn:aws:iam::123456789012:role/r".to_owned(),
        ..Default::default()
    };
    let answer = world.send(Request::CreateFunction(Box::new(function), code));
    answer.expect("an answer").expect("a function");
    let url = || {
        Request::FunctionUrl(UrlRequest::Create(lambda::CreateFunctionUrlConfigRequest {
            function_name: "f".to_owned(),
            auth_type: "NONE".to_owned(),
            ..Default::default()
        }))
    };
    let Some(Ok(Answered::FunctionUrl(Some(created)))) = world.send(url()) else {
        panic!("a URL");
    };
    assert_eq!(created.id.len(), 32);
    let found = world.reader().url_called(&created.id).expect("a store");
    assert_eq!(found.as_ref(), Some(created.as_ref()));
    let Some(Err(Refusal::Lambda(conflict))) = world.send(url()) else {
        panic!("a refusal");
    };
    assert_eq!(conflict.name(), "ResourceConflictException");
    let delete = lambda::DeleteFunctionRequest {
        function_name: "f".to_owned(),
        ..Default::default()
    };
    let deleted = world.send(Request::DeleteFunction(delete));
    deleted.expect("an answer").expect("deleted");
    assert!(!world.kinds().contains_key(&47));
    assert_eq!(
        world.reader().url_called(&created.id).expect("a store"),
        None
    );
}
