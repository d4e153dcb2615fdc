//! APIs and function URLs, on text: a document, a request, what is called, what is answered.

mod documents;

use std::collections::BTreeMap;

use documents::{HTTP, REST, URL_CORS};
use expect_test::{Expect, expect};
use serde_json::{Value, json};
use stepwell_gateway::{
    Api, Backend, Call, FunctionUrl, HttpRequest, Outcome, Plan, Protocol, Response, Signer,
    Target, parse_document,
};

fn call(stage: &str, path: &str) -> Call {
    Call {
        api_id: "abc123defg".to_owned(),
        account: "123456789012".to_owned(),
        region: "us-east-1".to_owned(),
        domain_name: "abc123defg.execute-api.us-east-1.localhost".to_owned(),
        stage: stage.to_owned(),
        full_path: path.to_owned(),
        stage_variables: BTreeMap::from([("alias".to_owned(), "live".to_owned())]),
        deployment_id: "dep1".to_owned(),
        request_id: "00000000-0000-4000-8000-000000000001".to_owned(),
        now_ms: 1_428_582_896_000,
        signer: Signer::Anybody,
    }
}

/// `GET /path?query`, then headers, then an empty line and the body.
fn request(text: &str) -> HttpRequest {
    let (head, body) = text.split_once("\n\n").unwrap_or((text, ""));
    let mut lines = head.lines();
    let (method, target) = lines
        .next()
        .and_then(|line| line.split_once(' '))
        .expect("a request");
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let headers = lines.map(|line| line.split_once(": ").expect("a header"));
    HttpRequest {
        method: method.to_owned(),
        path: path.to_owned(),
        query: query.to_owned(),
        headers: headers
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect(),
        body: body.as_bytes().to_vec(),
        source_ip: "127.0.0.1".to_owned(),
    }
}

fn api(protocol: Protocol, text: &str) -> Api {
    let document = parse_document(text.as_bytes()).expect("a document");
    Api::parse(protocol, &document).unwrap_or_else(|problems| panic!("{problems:?}"))
}

fn function(payload: Value) -> Outcome {
    Outcome::Function {
        payload: payload.to_string().into_bytes(),
        failed: false,
    }
}

fn service(status: u16, body: Value) -> Outcome {
    Outcome::Service {
        status,
        body: body.to_string().into_bytes(),
    }
}

fn shown(response: &Response) -> String {
    let headers = response.headers.iter();
    let headers: String = headers
        .map(|(name, value)| format!("{name}: {value}\n"))
        .collect();
    let body = String::from_utf8_lossy(&response.body);
    format!("{}\n{headers}\n{body}", response.status)
}

fn planned(backend: &Backend) -> String {
    let (what, body) = match &backend.target {
        Target::Function { function, payload } => (function.as_str(), payload),
        Target::Service { operation, body } => (*operation, body),
    };
    format!("{what} {}", String::from_utf8_lossy(body))
}

#[track_caller]
fn backend(api: &Api, stage: &str, text: &str) -> (Backend, Call, HttpRequest) {
    let request = request(text);
    let call = call(
        stage,
        &format!("/{stage}{}", request.path).replace("/$default", ""),
    );
    match api.plan(&call, &request) {
        Plan::Invoke(backend) => (backend, call, request),
        Plan::Answer(response) => panic!("{text}: {}", shown(&response)),
    }
}

#[track_caller]
fn check_plan(api: &Api, stage: &str, text: &str, expected: Expect) {
    let (backend, ..) = backend(api, stage, text);
    expected.assert_eq(&planned(&backend));
}

#[track_caller]
fn check_answer(api: &Api, text: &str, expected: Expect) {
    let request = request(text);
    match api.plan(&call("prod", &request.path), &request) {
        Plan::Answer(response) => expected.assert_eq(&shown(&response)),
        Plan::Invoke(backend) => panic!("{text}: {}", planned(&backend)),
    }
}

#[track_caller]
fn check_response(api: &Api, text: &str, outcome: Outcome, expected: Expect) {
    let (backend, call, request) = backend(api, "prod", text);
    let response = api.finish(backend.route, &call, &request, outcome);
    expected.assert_eq(&shown(&response));
}

#[test]
fn a_function_of_a_rest_api_gets_an_event_of_format_1() {
    let api = api(Protocol::Rest, REST);
    let text =
        "POST /orders/a%20b?x=1&x=2&y=%26\nhost: h\nx-a: 1\nx-a: 2\nuser-agent: ua\n\n{\"a\":1}";
    let (backend, ..) = backend(&api, "prod", text);
    let Target::Function { function, payload } = backend.target else {
        panic!("a function");
    };
    assert_eq!(
        function,
        "arn:aws:lambda:us-east-1:123456789012:function:orders:live"
    );
    assert_eq!(backend.timeout_ms, 29_000);
    let event: Value = serde_json::from_slice(&payload).expect("JSON");
    expect![[r#"
        {
          "resource": "/orders/{id}",
          "path": "/orders/a%20b",
          "httpMethod": "POST",
          "headers": {
            "Host": "h",
            "X-A": "2",
            "User-Agent": "ua"
          },
          "multiValueHeaders": {
            "Host": [
              "h"
            ],
            "X-A": [
              "1",
              "2"
            ],
            "User-Agent": [
              "ua"
            ]
          },
          "queryStringParameters": {
            "x": "2",
            "y": "&"
          },
          "multiValueQueryStringParameters": {
            "x": [
              "1",
              "2"
            ],
            "y": [
              "&"
            ]
          },
          "pathParameters": {
            "id": "a b"
          },
          "stageVariables": {
            "alias": "live"
          },
          "requestContext": {
            "resourceId": "j2ch4o1r5x",
            "resourcePath": "/orders/{id}",
            "httpMethod": "POST",
            "extendedRequestId": "00000000-0000-4000-8000-000000000001",
            "requestTime": "09/Apr/2015:12:34:56 +0000",
            "path": "/prod/orders/a%20b",
            "accountId": "123456789012",
            "protocol": "HTTP/1.1",
            "stage": "prod",
            "domainPrefix": "abc123defg",
            "requestTimeEpoch": 1428582896000,
            "requestId": "00000000-0000-4000-8000-000000000001",
            "identity": {
              "cognitoIdentityPoolId": null,
              "accountId": null,
              "cognitoIdentityId": null,
              "caller": null,
              "sourceIp": "127.0.0.1",
              "principalOrgId": null,
              "accessKey": null,
              "cognitoAuthenticationType": null,
              "cognitoAuthenticationProvider": null,
              "userArn": null,
              "userAgent": "ua",
              "user": null
            },
            "domainName": "abc123defg.execute-api.us-east-1.localhost",
            "deploymentId": "dep1",
            "apiId": "abc123defg"
          },
          "body": "{\"a\":1}",
          "isBase64Encoded": false
        }"#]]
    .assert_eq(&serde_json::to_string_pretty(&event).expect("JSON"));
    // Nothing is null, and what an API calls binary is base64.
    let (backend, ..) = self::backend(&api, "prod", "GET /orders/1\ncontent-type: image/png\n\nx");
    let text = planned(&backend);
    assert!(text.contains(r#""queryStringParameters":null"#), "{text}");
    assert!(
        text.contains(r#""body":"eA==","isBase64Encoded":true"#),
        "{text}"
    );
}

#[test]
fn a_function_of_an_http_api_gets_an_event_of_format_2() {
    let api = api(Protocol::Http, HTTP);
    let text = "POST /orders/a%20b?x=1&x=2&y=%26\ncookie: a=1; b=2\ncookie: c\nx-a: 1\nx-a: 2\nuser-agent: ua\n\n{\"a\":1}";
    let (backend, ..) = backend(&api, "dev", text);
    let Target::Function { payload, .. } = backend.target else {
        panic!("a function");
    };
    let event: Value = serde_json::from_slice(&payload).expect("JSON");
    expect![[r#"
        {
          "version": "2.0",
          "routeKey": "POST /orders/{id}",
          "rawPath": "/dev/orders/a b",
          "rawQueryString": "x=1&x=2&y=%26",
          "cookies": [
            "a=1",
            "b=2",
            "c"
          ],
          "headers": {
            "x-a": "1,2",
            "user-agent": "ua"
          },
          "queryStringParameters": {
            "x": "1,2",
            "y": "&"
          },
          "requestContext": {
            "accountId": "123456789012",
            "apiId": "abc123defg",
            "domainName": "abc123defg.execute-api.us-east-1.localhost",
            "domainPrefix": "abc123defg",
            "http": {
              "method": "POST",
              "path": "/dev/orders/a b",
              "protocol": "HTTP/1.1",
              "sourceIp": "127.0.0.1",
              "userAgent": "ua"
            },
            "requestId": "00000000-0000-4000-8000-000000000001",
            "routeKey": "POST /orders/{id}",
            "stage": "dev",
            "time": "09/Apr/2015:12:34:56 +0000",
            "timeEpoch": 1428582896000
          },
          "pathParameters": {
            "id": "a b"
          },
          "stageVariables": {
            "alias": "live"
          },
          "body": "{\"a\":1}",
          "isBase64Encoded": false
        }"#]]
    .assert_eq(&serde_json::to_string_pretty(&event).expect("JSON"));
    // A form is base64; what is absent is left out.
    let text = "PUT /\ncontent-type: application/x-www-form-urlencoded\n\na=b";
    let (backend, ..) = self::backend(&api, "$default", text);
    let text = planned(&backend);
    assert!(text.contains(r#""routeKey":"$default""#), "{text}");
    assert!(
        text.contains(r#""body":"YT1i","isBase64Encoded":true"#),
        "{text}"
    );
    for absent in ["cookies", "queryStringParameters", "pathParameters"] {
        assert!(!text.contains(absent), "{absent}: {text}");
    }
    // Format 1.0 where it is asked for.
    let (backend, ..) = self::backend(&api, "$default", "GET /old/x?a=b\nx-a: 1");
    let text = planned(&backend);
    assert!(
        text.contains(r#""version":"1.0""#) && text.contains(r#""x-a":["1"]"#),
        "{text}"
    );
}

#[test]
fn the_most_exact_route_is_taken() {
    let rest = api(Protocol::Rest, REST);
    for (text, resource) in [
        ("GET /orders/1", "/orders/{id}"),
        ("GET /orders/1/", "/orders/{id}"),
        ("GET /files/a/b", "/files/{proxy+}"),
        ("DELETE /files/static", "/files/static"),
    ] {
        let (backend, ..) = backend(&rest, "prod", text);
        let planned = planned(&backend);
        let expected = format!("\"resource\":\"{resource}\"");
        assert!(planned.contains(&expected), "{text}: {planned}");
    }
    // The path is chosen before the method: there is no GET on it.
    check_answer(
        &rest,
        "GET /files/static",
        expect![[r#"
            403
            content-type: application/json
            x-amzn-errortype: MissingAuthenticationTokenException
            Access-Control-Allow-Origin: *

            {"message":"Missing Authentication Token"}"#]],
    );
    let http = api(Protocol::Http, HTTP);
    for (text, key) in [
        ("POST /orders/1", "POST /orders/{id}"),
        ("GET /orders/1", "ANY /{proxy+}"),
        ("GET /orders/new", "ANY /{proxy+}"),
        ("GET /", "$default"),
    ] {
        let (backend, ..) = backend(&http, "$default", text);
        let planned = planned(&backend);
        assert!(
            planned.contains(&format!("\"routeKey\":\"{key}\"")),
            "{text}: {planned}"
        );
    }
    let none = api(
        Protocol::Http,
        r#"{"openapi": "3.0.1", "info": {"title": "t"}, "paths": {}}"#,
    );
    check_answer(
        &none,
        "GET /",
        expect![[r#"
            404
            content-type: application/json

            {"message":"Not Found"}"#]],
    );
}

#[test]
fn a_rest_api_starts_executions_and_shows_their_output() {
    let api = api(Protocol::Rest, REST);
    check_plan(
        &api,
        "prod",
        "POST /start\n\n{\"it's\": 1}",
        expect![[
            r#"StartExecution {"input": "{\"it's\":1}", "stateMachineArn": "arn:aws:states:us-east-1:123456789012:stateMachine:m"}"#
        ]],
    );
    let started = json!({"executionArn": "arn:x", "startDate": 1.5});
    check_response(
        &api,
        "POST /start\n\n{}",
        service(200, started),
        expect![[r#"
            202
            content-type: application/json
            X-Request: 00000000-0000-4000-8000-000000000001
            X-Arn: arn:x

            {"id": "arn:x"}"#]],
    );
    let refused = json!({"__type": "StateMachineDoesNotExist", "message": "no"});
    check_response(
        &api,
        "POST /start\n\n{}",
        service(400, refused),
        expect![[r#"
            422
            content-type: application/json

            {"__type":"StateMachineDoesNotExist","message":"no"}"#]],
    );
    check_response(
        &api,
        "POST /sync\n\n{}",
        service(200, json!({"status": "SUCCEEDED", "output": "{\"a\":1}"})),
        expect![[r#"
            200
            content-type: application/json

            {"a":1}
        "#]],
    );
    check_response(
        &api,
        "POST /sync\n\n{}",
        service(200, json!({"status": "FAILED", "error": "E", "cause": "C"})),
        expect![[r#"
            500
            content-type: application/json

            {"error": "E", "cause": "C"}
        "#]],
    );
    check_answer(
        &api,
        "POST /start\n\nno json",
        expect![[r#"
            400
            content-type: application/json
            x-amzn-errortype: BadRequestException
            Access-Control-Allow-Origin: *

            {"message":"Could not parse request body into json: expected ident at line 1 column 2"}"#]],
    );
    check_answer(
        &api,
        "POST /start\ncontent-type: text/plain\n\n{}",
        expect![[r#"
            415
            content-type: application/json
            x-amzn-errortype: UnsupportedMediaTypeException
            Access-Control-Allow-Origin: *

            {"message":"Unsupported Media Type"}"#]],
    );
}

#[test]
fn a_mock_answers_a_preflight() {
    check_answer(
        &api(Protocol::Rest, REST),
        "OPTIONS /start\norigin: http://a\naccess-control-request-method: POST",
        expect![[r#"
            200
            content-type: application/json
            Access-Control-Allow-Methods: POST,OPTIONS
            Access-Control-Allow-Origin: *

            {}"#]],
    );
}

#[test]
fn an_error_of_a_function_chooses_the_response() {
    let api = api(Protocol::Rest, REST);
    check_plan(
        &api,
        "prod",
        "GET /classic?name=x",
        expect![[r#"arn:aws:lambda:us-east-1:123456789012:function:classic {"name": "x"}"#]],
    );
    let failed = |message: &str| Outcome::Function {
        payload: json!({"errorMessage": message, "errorType": "Error"})
            .to_string()
            .into_bytes(),
        failed: true,
    };
    check_response(
        &api,
        "GET /classic",
        function(json!({"a": [1]})),
        expect![[r#"
            200
            content-type: application/json

            {"a":[1]}"#]],
    );
    check_response(
        &api,
        "GET /classic",
        failed("NotFound: order 7"),
        expect![[r#"
            404
            content-type: application/json

            {"error": "NotFound: order 7"}"#]],
    );
    check_response(
        &api,
        "GET /classic",
        failed("else"),
        expect![[r#"
            200
            content-type: application/json

            {"errorMessage":"else","errorType":"Error"}"#]],
    );
}

#[test]
fn replies_of_a_proxy_become_responses() {
    let api = api(Protocol::Rest, REST);
    let reply = json!({
        "statusCode": 201, "headers": {"X-A": 1, "content-length": "9", "X-B": "lost"},
        "multiValueHeaders": {"x-b": ["1", "2"]}, "body": "text",
    });
    check_response(
        &api,
        "GET /orders/1",
        function(reply),
        expect![[r#"
            201
            X-A: 1
            x-b: 1
            x-b: 2
            content-type: application/json

            text"#]],
    );
    let bytes = json!({"statusCode": "200", "body": "AAH/", "isBase64Encoded": true});
    let (backend, call, request) = backend(&api, "prod", "GET /orders/1\naccept: image/png, */*");
    let response = api.finish(backend.route, &call, &request, function(bytes.clone()));
    assert_eq!(response.body, [0, 1, 255]);
    // AWS: a client that does not ask for a binary type gets the base64.
    let (_, call, request) = self::backend(&api, "prod", "GET /orders/1\naccept: text/html");
    let response = api.finish(backend.route, &call, &request, function(bytes));
    assert_eq!(response.body, b"AAH/");
    for malformed in [
        json!("text"),
        json!({"body": "no status"}),
        json!({"statusCode": 200, "body": {"a": 1}}),
        json!({"statusCode": 99}),
        json!({"statusCode": 700}),
        json!({"statusCode": 200, "headers": []}),
        json!({"statusCode": 200, "headers": {"a": ["b"]}}),
        json!({"statusCode": 200, "extra": 1}),
        json!(null),
    ] {
        let (backend, call, request) = self::backend(&api, "prod", "GET /orders/1");
        let response = api.finish(backend.route, &call, &request, function(malformed.clone()));
        let expected = (502, br#"{"message":"Internal server error"}"#.to_vec());
        assert_eq!((response.status, response.body), expected, "{malformed}");
    }
    check_response(
        &api,
        "GET /orders/1",
        Outcome::TimedOut,
        expect![[r#"
            504
            content-type: application/json
            x-amzn-errortype: InternalServerErrorException

            {"message":"Endpoint request timed out"}"#]],
    );
}

#[test]
fn replies_of_format_2_are_inferred() {
    let api = api(Protocol::Http, HTTP);
    for (reply, expected) in [
        (json!("hello"), "200 application/json hello"),
        (json!({"a": 1}), "200 application/json {\"a\":1}"),
        (json!([1]), "200 application/json [1]"),
        (json!({"statusCode": 204}), "204 text/plain;charset=UTF-8 "),
        (
            json!({"statusCode": 200, "headers": {"Content-Type": "text/html"}, "body": "<p>"}),
            "200 text/html <p>",
        ),
        (
            json!({"statusCode": 200, "body": "aGk=", "isBase64Encoded": true}),
            "200 text/plain;charset=UTF-8 hi",
        ),
        (
            json!({"statusCode": 200, "body": 1}),
            "500 application/json {\"message\":\"Internal Server Error\"}",
        ),
    ] {
        let (backend, call, request) = backend(&api, "$default", "POST /orders/1");
        let response = api.finish(backend.route, &call, &request, function(reply));
        let kind = response.header("content-type").unwrap_or_default();
        let body = String::from_utf8_lossy(&response.body);
        assert_eq!(format!("{} {kind} {body}", response.status), expected);
    }
    let cookies = json!({"statusCode": 200, "cookies": ["a=1", "b=2"]});
    check_response(
        &api,
        "POST /orders/1",
        function(cookies),
        expect![[r#"
            200
            set-cookie: a=1
            set-cookie: b=2
            content-type: text/plain;charset=UTF-8

        "#]],
    );
    let failed = Outcome::Function {
        payload: b"{\"errorMessage\": \"x\"}".to_vec(),
        failed: true,
    };
    for (outcome, status, message) in [
        (failed, 500, "Internal Server Error"),
        (Outcome::TimedOut, 503, "Service Unavailable"),
        (
            Outcome::Unavailable { throttled: false },
            500,
            "Internal Server Error",
        ),
    ] {
        let (backend, call, request) = backend(&api, "$default", "POST /orders/1");
        let response = api.finish(backend.route, &call, &request, outcome);
        let expected = json!({ "message": message }).to_string();
        assert_eq!(response.status, status);
        assert_eq!(response.body, expected.as_bytes());
    }
}

#[test]
fn an_http_api_maps_parameters_for_step_functions() {
    let api = api(Protocol::Http, HTTP);
    check_plan(
        &api,
        "$default",
        "POST /start\nx-name: n1\n\n{\"a\": 1}",
        expect![[
            r#"StartExecution {"stateMachineArn":"arn:aws:states:us-east-1:123456789012:stateMachine:m","name":"n1","input":"{\"a\": 1}"}"#
        ]],
    );
    check_plan(
        &api,
        "$default",
        "POST /sync?who=w&who=v\n\n{\"o\": {\"p\": [1]}, \"t\": \"x\"}",
        expect![[
            r#"StartSyncExecution {"stateMachineArn":"arn:aws:states:us-east-1:123456789012:stateMachine:m","input":"{\"o\":{\"p\":[1]},\"t\":\"x\",\"who\":\"w,v\",\"key\":\"POST /sync\"}"}"#
        ]],
    );
    // What is not there is left out: the service says what is missing.
    check_plan(
        &api,
        "$default",
        "POST /stop\n\n{}",
        expect![[r#"StopExecution {"cause":"asked for"}"#]],
    );
    let (backend, call, request) = backend(&api, "$default", "POST /start\n\n{}");
    let refused = service(400, json!({"message": "no"}));
    let response = api.finish(backend.route, &call, &request, refused);
    assert_eq!(
        (response.status, response.body),
        (400, b"{\"message\":\"no\"}".to_vec())
    );
}

#[test]
fn cors_of_an_http_api_answers_preflights_and_replaces_headers() {
    let api = api(Protocol::Http, HTTP);
    check_answer(
        &api,
        "OPTIONS /any/where\norigin: https://app.example\naccess-control-request-method: POST",
        expect![[r#"
            204
            access-control-allow-origin: https://app.example
            vary: Origin
            access-control-allow-credentials: true
            access-control-expose-headers: x-a
            access-control-allow-methods: GET,POST
            access-control-allow-headers: content-type
            access-control-max-age: 300

        "#]],
    );
    check_answer(
        &api,
        "OPTIONS /x\norigin: https://evil.example\naccess-control-request-method: POST",
        expect![[r#"
            204

        "#]],
    );
    let reply = json!({"statusCode": 200, "headers": {"Access-Control-Allow-Origin": "*"}});
    let (backend, call, request) = backend(
        &api,
        "$default",
        "POST /orders/1\norigin: https://evil.example",
    );
    let response = api.finish(backend.route, &call, &request, function(reply));
    assert_eq!(response.header("access-control-allow-origin"), None);
}

#[test]
fn a_function_url_gets_an_event_of_format_2() {
    let mut url = FunctionUrl {
        function: "arn:aws:lambda:us-east-1:123456789012:function:f".to_owned(),
        is_signed: false,
        streams: false,
        cors: Some(serde_json::from_str(URL_CORS).expect("CORS")),
    };
    let call = Call {
        stage_variables: BTreeMap::new(),
        ..call("$default", "/a%20b/c")
    };
    let get = request("GET /a%20b/c?q\norigin: http://a");
    let Plan::Invoke(backend) = url.plan(&call, &get) else {
        panic!("a call");
    };
    let text = planned(&backend);
    for part in [
        r#""rawPath":"/a%20b/c","rawQueryString":"q""#,
        r#""accountId":"anonymous""#,
        r#""stage":"$default""#,
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let response = url.finish(&get, function(json!({"x": 1})));
    expect![[r#"
        200
        content-type: application/json
        access-control-allow-origin: *

        {"x":1}"#]]
    .assert_eq(&shown(&response));
    let failed = Outcome::Function {
        payload: b"{}".to_vec(),
        failed: true,
    };
    assert_eq!(url.finish(&get, failed).status, 502);
    let preflight = request("OPTIONS /\norigin: http://a\naccess-control-request-method: GET");
    let Plan::Answer(response) = url.plan(&call, &preflight) else {
        panic!("an answer");
    };
    assert_eq!(
        (response.status, response.header("access-control-max-age")),
        (200, Some("60"))
    );
    let cors = [("access-control-allow-origin".to_owned(), "*".to_owned())];
    assert_eq!(url.cors_headers(&get).as_deref(), Some(cors.as_slice()));
    url.is_signed = true;
    let Plan::Answer(response) = url.plan(&call, &get) else {
        panic!("an answer");
    };
    assert_eq!(
        (response.status, response.body),
        (403, br#"{"Message":"Forbidden"}"#.to_vec())
    );
    let signed = request(
        "GET /\nauthorization: AWS4-HMAC-SHA256 Credential=KEY/20260101/us-east-1/lambda/aws4_request, x",
    );
    let Plan::Invoke(backend) = url.plan(&call, &signed) else {
        panic!("a call");
    };
    assert!(planned(&backend).contains(r#""accessKey":"KEY""#));
    // Where signatures are checked, the front says whose this one is, or what is wrong with it.
    let known = Call {
        signer: Signer::Known {
            user_id: "AIDA1".to_owned(),
            arn: "arn:aws:iam::123456789012:user/alice".to_owned(),
        },
        ..call.clone()
    };
    let Plan::Invoke(backend) = url.plan(&known, &signed) else {
        panic!("a call");
    };
    let text = planned(&backend);
    for part in [
        r#""callerId":"AIDA1""#,
        r#""userArn":"arn:aws:iam::123456789012:user/alice""#,
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let refused = Call {
        signer: Signer::Refused("The signature is not right.".to_owned()),
        ..call.clone()
    };
    let Plan::Answer(response) = url.plan(&refused, &signed) else {
        panic!("an answer");
    };
    assert_eq!(
        (response.status, response.body),
        (
            403,
            br#"{"Message":"The signature is not right."}"#.to_vec()
        )
    );
    let Plan::Answer(response) = url.plan(&refused, &get) else {
        panic!("an answer");
    };
    assert_eq!(response.status, 403);
}

#[test]
fn a_rest_api_with_iam_takes_a_signature_that_counts() {
    let document = json!({
        "openapi": "3.0.1", "info": {"title": "t", "version": "1"},
        "paths": {"/a": {"get": {
            "x-amazon-apigateway-auth": {"type": "AWS_IAM"},
            "x-amazon-apigateway-integration": {
                "type": "aws_proxy", "httpMethod": "POST",
                "uri": "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/arn:aws:lambda:us-east-1:1:function:f/invocations",
            },
        }}},
    });
    let api = Api::parse(Protocol::Rest, &document).expect("it is right");
    let signed = request(
        "GET /a\nauthorization: AWS4-HMAC-SHA256 Credential=KEY/20260101/us-east-1/execute-api/aws4_request, x",
    );
    let with = |signer: Signer| Call {
        signer,
        ..call("prod", "/prod/a")
    };
    let told = |signer: Signer, request: &HttpRequest| match api.plan(&with(signer), request) {
        Plan::Answer(response) => shown(&response),
        Plan::Invoke(_) => "called".to_owned(),
    };
    let refused = Signer::Refused("The signature is not right.".to_owned());
    assert_eq!(told(Signer::Anybody, &signed), "called");
    let known = with(Signer::Known {
        user_id: "AIDA1".to_owned(),
        arn: "arn:aws:iam::123456789012:user/alice".to_owned(),
    });
    let Plan::Invoke(backend) = api.plan(&known, &signed) else {
        panic!("a call");
    };
    let Target::Function { payload, .. } = &backend.target else {
        panic!("a function");
    };
    let event: Value = serde_json::from_slice(payload).expect("an event");
    let identity = &event["requestContext"]["identity"];
    assert_eq!(
        [
            &identity["accessKey"],
            &identity["caller"],
            &identity["user"],
            &identity["userArn"]
        ],
        [
            "KEY",
            "AIDA1",
            "AIDA1",
            "arn:aws:iam::123456789012:user/alice"
        ]
    );
    assert!(told(refused.clone(), &signed).contains("The signature is not right."));
    assert!(told(refused, &request("GET /a")).contains("Missing Authentication Token"));
}

#[test]
fn what_is_not_built_is_refused_by_name() {
    let rest = |operation: Value, more: Value| {
        let mut document = json!({
            "openapi": "3.0.1", "info": {"title": "t", "version": "1"},
            "paths": {"/a": {"get": operation}},
        });
        for (name, value) in more.as_object().into_iter().flatten() {
            document[name] = value.clone();
        }
        Api::parse(Protocol::Rest, &document)
            .err()
            .unwrap_or_default()
            .join("; ")
    };
    let with = |integration: Value| json!({"x-amazon-apigateway-integration": integration});
    let lambda = "arn:aws:lambda:us-east-1:1:function:f";
    let action = |name: &str| format!("arn:aws:apigateway:us-east-1:{name}");
    let proxy = with(json!({"type": "aws_proxy", "uri": lambda}));
    let secured = |name: &str| {
        let mut operation = proxy.clone();
        operation["security"] = json!([{ name: [] }]);
        operation
    };
    let schemes = json!({"components": {"securitySchemes": {
        "key": {"type": "apiKey", "name": "x-api-key", "in": "header"},
        "lambda": {"type": "apiKey", "x-amazon-apigateway-authtype": "custom",
            "x-amazon-apigateway-authorizer": {"type": "token"}},
        "sigv4": {"type": "apiKey", "x-amazon-apigateway-authtype": "awsSigv4"},
    }}});
    assert_eq!(rest(proxy.clone(), json!({})), "");
    assert_eq!(rest(secured("sigv4"), schemes.clone()), "");
    for (problems, says) in [
        (
            rest(json!({}), json!({})),
            "no x-amazon-apigateway-integration",
        ),
        (
            rest(
                with(json!({"type": "http_proxy", "uri": "http://x"})),
                json!({}),
            ),
            "'http_proxy'",
        ),
        (
            rest(with(json!({"type": "http", "uri": "http://x"})), json!({})),
            "'http'",
        ),
        (
            rest(
                with(json!({"type": "aws", "uri": action("sqs:path/1/q")})),
                json!({}),
            ),
            "sqs:path/1/q",
        ),
        (
            rest(
                with(json!({"type": "aws", "uri": action("states:action/CreateActivity")})),
                json!({}),
            ),
            "CreateActivity",
        ),
        (
            rest(with(json!({"type": "aws_proxy", "uri": "x"})), json!({})),
            "names no function",
        ),
        (
            rest(
                with(json!({"type": "aws_proxy", "uri": lambda, "connectionType": "VPC_LINK"})),
                json!({}),
            ),
            "VPC_LINK",
        ),
        (
            rest(
                with(json!({"type": "aws_proxy", "uri": lambda, "tlsConfig": {}})),
                json!({}),
            ),
            "tlsConfig",
        ),
        (
            rest(
                with(json!({"type": "aws_proxy", "uri": lambda, "responseTransferMode": "STREAM"})),
                json!({}),
            ),
            "responseTransferMode",
        ),
        (
            rest(
                with(json!({"type": "aws_proxy", "uri": lambda, "timeoutInMillis": 30000})),
                json!({}),
            ),
            "between 50 and 29000",
        ),
        (
            rest(
                with(json!({"type": "aws", "uri": lambda, "contentHandling": "CONVERT_TO_BINARY"})),
                json!({}),
            ),
            "CONVERT_TO_BINARY",
        ),
        (
            rest(
                with(
                    json!({"type": "aws", "uri": lambda, "requestTemplates": {"application/json": "#parse('x')"}}),
                ),
                json!({}),
            ),
            "#parse",
        ),
        (
            rest(
                with(
                    json!({"type": "aws", "uri": lambda, "requestParameters": {"integration.request.header.X-Amz-Invocation-Type": "'Event'"}}),
                ),
                json!({}),
            ),
            "Invocation-Type",
        ),
        (
            rest(
                with(json!({"type": "mock", "responses": {"(?=x)": {"statusCode": "200"}}})),
                json!({}),
            ),
            "pattern is not built",
        ),
        (
            rest(
                with(json!({"type": "mock", "responses": {"default": {"statusCode": "20"}}})),
                json!({}),
            ),
            "statusCode",
        ),
        (rest(secured("key"), schemes.clone()), "API keys"),
        (
            rest(secured("lambda"), schemes.clone()),
            "authorizer of type token",
        ),
        (rest(secured("none"), schemes), "'none' is not defined"),
        (
            rest(proxy.clone(), json!({"x-amazon-apigateway-policy": {}})),
            "x-amazon-apigateway-policy",
        ),
        (
            rest(
                proxy.clone(),
                json!({"x-amazon-apigateway-request-validator": "all"}),
            ),
            "x-amazon-apigateway-request-validator",
        ),
        (
            rest(proxy.clone(), json!({"openapi": "3.1.0"})),
            "not openapi 3.0",
        ),
        (rest(proxy, json!({"info": {}})), "info.title"),
    ] {
        assert!(problems.contains(says), "{says}: {problems}");
    }
    let http = |integration: Value| {
        let document = json!({
            "openapi": "3.0.1", "info": {"title": "t"},
            "paths": {"/a": {"get": with(integration)}},
        });
        Api::parse(Protocol::Http, &document)
            .err()
            .unwrap_or_default()
            .join("; ")
    };
    for (problems, says) in [
        (
            http(json!({"type": "http_proxy", "uri": "http://x"})),
            "'http_proxy'",
        ),
        (
            http(json!({"type": "aws_proxy", "uri": lambda})),
            "payloadFormatVersion",
        ),
        (
            http(json!({"type": "aws_proxy", "integrationSubtype": "SQS-SendMessage"})),
            "SQS-SendMessage",
        ),
        (
            http(
                json!({"type": "aws_proxy", "integrationSubtype": "StepFunctions-StartExecution"}),
            ),
            "StateMachineArn",
        ),
        (
            http(
                json!({"type": "aws_proxy", "integrationSubtype": "StepFunctions-StartExecution",
            "requestParameters": {"StateMachineArn": "a", "Input": "$request.body[?(@.a)]"}}),
            ),
            "not built",
        ),
        (
            http(
                json!({"type": "aws_proxy", "integrationSubtype": "StepFunctions-StartExecution",
            "requestParameters": {"StateMachineArn": "$context.authorizer.x"}}),
            ),
            "$context.authorizer.x",
        ),
        (
            http(
                json!({"type": "aws_proxy", "uri": lambda, "payloadFormatVersion": "2.0",
            "responseParameters": {}}),
            ),
            "responseParameters",
        ),
    ] {
        assert!(problems.contains(says), "{says}: {problems}");
    }
}

#[test]
fn no_request_and_no_reply_panics() {
    let apis = [api(Protocol::Rest, REST), api(Protocol::Http, HTTP)];
    let nasty = "/orders/%E4%/a%2fb//..;?x=%&=&&%zz=\u{7f}&é=%C3";
    let headers = [
        "content-type",
        "accept",
        "cookie",
        "origin",
        "authorization",
        "x-name",
    ];
    let bodies: [&[u8]; 5] = [
        b"",
        b"\xff\xfe",
        b"{",
        b"[[[[",
        br#"{"o": null, "order": [1]}"#,
    ];
    let paths = [
        "/start", "/sync", "/stop", "/classic", "/files/x", "/old/x", "/", "",
    ];
    let cuts = nasty.char_indices().map(|(at, _)| &nasty[at..]);
    for target in paths.into_iter().chain(cuts) {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        for (method, body) in [
            ("GET", 0),
            ("POST", 1),
            ("POST", 2),
            ("PATCH", 3),
            ("\u{1F600}", 4),
            ("OPTIONS", 4),
        ] {
            let request = HttpRequest {
                method: method.to_owned(),
                path: path.to_owned(),
                query: query.to_owned(),
                headers: headers
                    .map(|name| (name.to_owned(), "\u{fffd};,=/".to_owned()))
                    .to_vec(),
                body: bodies[body].to_vec(),
                source_ip: String::new(),
            };
            for api in &apis {
                answered_whatever_comes_back(api, &call("prod", path), &request, &bodies);
            }
        }
    }
    let reply = r#"{"statusCode": 200, "headers": {"a": "b"}, "multiValueHeaders": {"c": ["d"]}, "cookies": ["e"], "body": "Zg==", "isBase64Encoded": true}"#;
    let (get, call) = (request("GET /orders/1"), call("prod", "/prod/orders/1"));
    for at in 0..reply.len() {
        for api in &apis {
            let outcome = Outcome::Function {
                payload: reply.as_bytes()[..at].to_vec(),
                failed: false,
            };
            let response = api.finish(0, &call, &get, outcome);
            assert!(response.status >= 500, "{}", &reply[..at]);
        }
    }
}

fn answered_whatever_comes_back(api: &Api, call: &Call, request: &HttpRequest, bodies: &[&[u8]]) {
    let Plan::Invoke(backend) = api.plan(call, request) else {
        return;
    };
    for payload in bodies {
        let outcomes = [
            Outcome::Function {
                payload: payload.to_vec(),
                failed: false,
            },
            Outcome::Function {
                payload: payload.to_vec(),
                failed: true,
            },
            Outcome::Service {
                status: 200,
                body: payload.to_vec(),
            },
            Outcome::TimedOut,
        ];
        for outcome in outcomes {
            let response = api.finish(backend.route, call, request, outcome);
            assert!((200..600).contains(&response.status));
        }
    }
    api.finish(usize::MAX, call, request, Outcome::TimedOut);
}
