//! REST-JSON through the public face: method, target, headers and body in, replies out.
#![expect(clippy::unwrap_used, reason = "tests")]

use stepwell_api::Input;
use stepwell_api::lambda::{
    self, CreateFunctionRequest, Error, ErrorCode, FunctionConfiguration, GetFunctionRequest,
    InvocationRequest, InvocationResponse, ListFunctionsRequest, Operation,
};

fn no_header(_: &str) -> Option<String> {
    None
}

fn decoded<T: Input>(method: &str, target: &str, body: &str) -> Result<T, Error> {
    let routed = lambda::route(method, target)?;
    lambda::decode(&routed, &no_header, body.as_bytes().to_vec())
}

#[test]
fn every_operation_has_a_name_and_a_route() {
    assert_eq!(Operation::ALL.len(), 91);
    for operation in Operation::ALL {
        assert_eq!(Operation::from_name(operation.name()), Some(operation));
    }
}

#[test]
fn method_and_path_name_the_operation() {
    for (method, target, operation) in [
        ("POST", "/2015-03-31/functions", Operation::CreateFunction),
        ("POST", "/2015-03-31/functions/", Operation::CreateFunction),
        (
            "GET",
            "/2015-03-31/functions?MaxItems=5",
            Operation::ListFunctions,
        ),
        ("GET", "/2015-03-31/functions/f", Operation::GetFunction),
        (
            "DELETE",
            "/2015-03-31/functions/f?Qualifier=1",
            Operation::DeleteFunction,
        ),
        (
            "PUT",
            "/2015-03-31/functions/f/code",
            Operation::UpdateFunctionCode,
        ),
        (
            "POST",
            "/2015-03-31/functions/f/invocations",
            Operation::Invoke,
        ),
        ("GET", "/2018-10-31/layers", Operation::ListLayers),
        (
            "GET",
            "/2018-10-31/layers?find=LayerVersion&Arn=x",
            Operation::GetLayerVersionByArn,
        ),
    ] {
        assert_eq!(
            lambda::route(method, target).unwrap().operation,
            operation,
            "{target}"
        );
    }
}

#[test]
fn an_unbound_path_is_named() {
    for (method, target) in [
        ("GET", "/"),
        ("PATCH", "/2015-03-31/functions"),
        ("GET", "/2015-03-31/functions/a/b/c"),
    ] {
        let error = lambda::route(method, target).unwrap_err();
        assert_eq!(error.code, ErrorCode::UnknownOperationException);
        assert!(
            error.message.contains(method) && error.message.contains(target),
            "{error}"
        );
        assert_eq!(error.status(), 404);
    }
}

#[test]
fn path_and_query_are_percent_decoded() {
    let target = "/2015-03-31/functions/arn%3Aaws%3Alambda%3Aus-east-1%3A123456789012%3Afunction%3Af?Qualifier=%24LATEST";
    let input = decoded::<GetFunctionRequest>("GET", target, "").unwrap();
    assert_eq!(
        input.function_name,
        "arn:aws:lambda:us-east-1:123456789012:function:f"
    );
    assert_eq!(input.qualifier.as_deref(), Some("$LATEST"));
    // A malformed escape stays as it is and is then refused as a name.
    let error = decoded::<GetFunctionRequest>("GET", "/2015-03-31/functions/a%zz", "").unwrap_err();
    assert!(
        error.message.contains("'a%zz' at 'functionName'"),
        "{error}"
    );
}

#[test]
fn numbers_in_the_query_are_checked() {
    let list = |query: &str| {
        decoded::<ListFunctionsRequest>("GET", &format!("/2015-03-31/functions?{query}"), "")
    };
    assert_eq!(list("MaxItems=50").unwrap().max_items, Some(50));
    assert_eq!(
        list("MaxItems=10001").unwrap_err().message,
        "1 validation error detected: Value '10001' at 'maxItems' failed to satisfy constraint: \
         Member must have value less than or equal to 10000"
    );
    assert_eq!(
        list("MaxItems=ten").unwrap_err().code,
        ErrorCode::SerializationException
    );
}

#[test]
fn a_created_function_carries_its_package() {
    let body = r#"{"FunctionName":"f","Role":"arn:aws:iam::123456789012:role/r","Runtime":"nodejs22.x",
        "Handler":"app.handler","Code":{"ZipFile":"UEsDBA=="},"Environment":{"Variables":{"MODE":"x"}}}"#;
    let input = decoded::<CreateFunctionRequest>("POST", "/2015-03-31/functions", body).unwrap();
    assert_eq!(input.code.zip_file.unwrap().0, b"PK\x03\x04");
    assert_eq!(input.environment.unwrap().variables.unwrap()["MODE"], "x");
}

#[test]
fn a_package_that_is_no_base64_is_a_serialization_error() {
    let body =
        r#"{"FunctionName":"f","Role":"arn:aws:iam::123456789012:role/r","Code":{"ZipFile":"?"}}"#;
    let error =
        decoded::<CreateFunctionRequest>("POST", "/2015-03-31/functions", body).unwrap_err();
    assert_eq!(error.code, ErrorCode::SerializationException);
    assert!(error.message.contains("not base64"), "{error}");
}

#[test]
fn a_broken_constraint_names_the_member_as_the_service_does() {
    let body = r#"{"FunctionName":"f","Role":"r","Code":{},"Environment":{"Variables":{"1":"x"}}}"#;
    let error =
        decoded::<CreateFunctionRequest>("POST", "/2015-03-31/functions", body).unwrap_err();
    assert_eq!(error.name(), "ValidationException");
    assert!(
        error
            .message
            .starts_with("2 validation errors detected: Value 'r' at 'role' failed")
    );
    assert!(
        error
            .message
            .contains("at 'environment.variables' failed to satisfy constraint: Map keys")
    );
}

#[test]
fn an_invocation_takes_body_and_headers_as_they_are() {
    let routed =
        lambda::route("POST", "/2015-03-31/functions/f/invocations?Qualifier=live").unwrap();
    let header = |name: &str| (name == "x-amz-log-type").then(|| "Tail".to_owned());
    let body = b"\xff not even JSON".to_vec();
    let input: InvocationRequest = lambda::decode(&routed, &header, body.clone()).unwrap();
    assert_eq!(input.payload, body);
    assert_eq!(input.log_type.as_deref(), Some("Tail"));
    assert_eq!(input.qualifier.as_deref(), Some("live"));
}

#[test]
fn a_body_cannot_overrule_the_path() {
    let routed = lambda::route("PUT", "/2015-03-31/functions/f/configuration").unwrap();
    let body = br#"{"FunctionName":"g","Timeout":5}"#.to_vec();
    let input: lambda::UpdateFunctionConfigurationRequest =
        lambda::decode(&routed, &no_header, body).unwrap();
    assert_eq!(
        (input.function_name.as_str(), input.timeout),
        ("f", Some(5))
    );
}

#[test]
fn an_invocation_answers_in_headers_and_body() {
    let output = InvocationResponse {
        function_error: Some("Unhandled".to_owned()),
        executed_version: Some("$LATEST".to_owned()),
        payload: b"{\"errorType\":\"Error\"}".to_vec(),
        ..InvocationResponse::default()
    };
    let reply = lambda::reply(Operation::Invoke, "r", &output);
    assert_eq!(reply.status, 200);
    assert_eq!(reply.header("x-amz-function-error"), Some("Unhandled"));
    assert_eq!(reply.header("x-amz-executed-version"), Some("$LATEST"));
    assert_eq!(reply.header("x-amz-log-result"), None);
    assert_eq!(reply.body, b"{\"errorType\":\"Error\"}");
    let accepted = InvocationResponse {
        status_code: Some(202),
        ..InvocationResponse::default()
    };
    assert_eq!(lambda::reply(Operation::Invoke, "r", &accepted).status, 202);
}

#[test]
fn the_status_of_success_is_the_operations() {
    let configuration = FunctionConfiguration {
        function_name: Some("f".to_owned()),
        ..FunctionConfiguration::default()
    };
    let reply = lambda::reply(Operation::CreateFunction, "r", &configuration);
    assert_eq!(
        (reply.status, reply.body.as_slice()),
        (201, &b"{\"FunctionName\":\"f\"}"[..])
    );
}

#[test]
fn an_error_is_named_in_a_header() {
    let reply = Error::resource_not_found_exception("Function not found: f").reply("r");
    assert_eq!(
        (reply.status, reply.header("x-amzn-errortype")),
        (404, Some("ResourceNotFoundException"))
    );
    assert_eq!(
        reply.body,
        br#"{"Type":"User","Message":"Function not found: f"}"#
    );
    let reply = Error::too_many_requests_exception("slow down")
        .with_reason(lambda::throttle_reason::CONCURRENT_INVOCATION_LIMIT_EXCEEDED)
        .with_retry_after_seconds("1")
        .reply("r");
    assert_eq!(
        (reply.status, reply.header("retry-after")),
        (429, Some("1"))
    );
    assert_eq!(
        String::from_utf8(reply.body).unwrap(),
        r#"{"Type":"User","message":"slow down","Reason":"ConcurrentInvocationLimitExceeded"}"#
    );
    let reply = Error::not_implemented("the operation AddPermission is not built yet").reply("r");
    assert_eq!(
        (reply.status, reply.header("x-amzn-errortype")),
        (501, Some("NotImplemented"))
    );
}
