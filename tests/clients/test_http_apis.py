"""REST APIs and HTTP APIs: documents imported with boto3, called over plain HTTP."""

import json
from http.client import HTTPConnection
from urllib.parse import urlsplit

import pytest
from botocore.exceptions import ClientError

from harness import ACCOUNT, PATIENCE_SECONDS, REGION, Server, stepwell, wait_until

ECHO = """
export const handler = async (event) => ({
    statusCode: 200,
    headers: {"content-type": "application/json"},
    body: JSON.stringify(event),
});
"""
PASS = {"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}}


class Answer:
    """What came back, read whole."""

    def __init__(self, response):
        self.status = response.status
        self.headers = response.headers
        self.body = response.read()

    @property
    def json(self):
        return json.loads(self.body)


def call(server, target, method="GET", body=None, headers=None, host=None):
    """One request: `target` is a path, or a URL as the server gave it."""
    path = target.removeprefix(server.url)
    address = urlsplit(server.url)
    connection = HTTPConnection(address.hostname, address.port, timeout=PATIENCE_SECONDS)
    try:
        headers = dict(headers or {}) | ({"Host": host} if host else {})
        connection.request(method, path, body=body, headers=headers)
        return Answer(connection.getresponse())
    finally:
        connection.close()


def function_uri(arn):
    return f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/{arn}/invocations"


def operation(**integration):
    return {"responses": {}, "x-amazon-apigateway-integration": integration}


def document(paths, **more):
    return {"openapi": "3.0.1", "info": {"title": "orders", "version": "1.0"}, "paths": paths} | more


@pytest.fixture
def rest(server):
    return server.client("apigateway")


@pytest.fixture
def http(server):
    return server.client("apigatewayv2")


@pytest.fixture
def deploy(rest):
    """Imports a REST API and deploys it to the stage `prod`; gives its id."""

    def deployed(text, **deployment):
        body = text if isinstance(text, str) else json.dumps(text)
        api = rest.import_rest_api(body=body, parameters={"endpointConfigurationTypes": "REGIONAL"})
        rest.create_deployment(restApiId=api["id"], stageName="prod", **deployment)
        return api["id"]

    return deployed


@pytest.fixture
def serve(http):
    """Imports an HTTP API with the stage `$default`; gives its description."""

    def served(text):
        api = http.import_api(Body=text if isinstance(text, str) else json.dumps(text))
        http.create_stage(ApiId=api["ApiId"], StageName="$default", AutoDeploy=True)
        return api

    return served


def test_a_rest_api_calls_a_function(server, deploy, name):
    arn = server.create_function(name("f"), ECHO)
    integration = operation(type="aws_proxy", httpMethod="POST", uri=function_uri(arn))
    api = deploy(document({"/orders/{id}": {"x-amazon-apigateway-any-method": integration}}), variables={"v": "1"})
    answer = call(server, f"/execute-api/{api}/prod/orders/a%20b?x=1&x=2", "POST", b'{"a": 1}', {"X-Mine": "m"})
    event = answer.json
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json"
    assert event["resource"] == "/orders/{id}" and event["pathParameters"] == {"id": "a b"}
    assert event["path"] == "/orders/a%20b" and event["requestContext"]["path"] == "/prod/orders/a%20b"
    assert event["multiValueQueryStringParameters"] == {"x": ["1", "2"]}
    assert event["headers"]["X-Mine"] == "m" and event["headers"]["X-Forwarded-For"] == "127.0.0.1"
    assert event["stageVariables"] == {"v": "1"} and event["body"] == '{"a": 1}'
    assert event["requestContext"]["accountId"] == ACCOUNT and event["requestContext"]["stage"] == "prod"
    assert event["requestContext"]["identity"]["sourceIp"] == "127.0.0.1"
    # The same by the host that API Gateway would have.
    for host in (f"{api}.execute-api.{REGION}.localhost:1", f"{api}.execute-api.{REGION}.amazonaws.com"):
        answer = call(server, "/prod/orders/1", host=host)
        assert answer.json["requestContext"]["domainName"] == host.removesuffix(":1")
        assert answer.json["httpMethod"] == "GET"


def test_errors_of_a_rest_api_are_those_of_aws(server, deploy, name):
    arn = server.create_function(name("f"), "export const handler = async () => 'no response';")
    integration = operation(type="aws_proxy", httpMethod="POST", uri=function_uri(arn))
    missing = operation(type="aws_proxy", httpMethod="POST", uri=function_uri(arn + "-none"))
    api = deploy(document({"/bad": {"get": integration}, "/missing": {"get": missing}}))
    for target, status, message in [
        (f"/execute-api/{api}/prod/none", 403, "Missing Authentication Token"),
        (f"/execute-api/{api}/dev/bad", 403, "Forbidden"),
        (f"/execute-api/{api}/prod/bad", 502, "Internal server error"),
        (f"/execute-api/{api}/prod/missing", 500, "Internal server error"),
        ("/execute-api/none/prod/bad", 404, "there is no API 'none'"),
    ]:
        answer = call(server, target)
        assert (answer.status, answer.json) == (status, {"message": message}), target


def test_a_route_that_takes_too_long_times_out(server, deploy, serve, name):
    arn = server.create_function(name("f"), "export const handler = () => new Promise((done) => setTimeout(done, 20000));")
    slow = {"type": "aws_proxy", "httpMethod": "POST", "uri": function_uri(arn), "timeoutInMillis": 300}
    api = deploy(document({"/slow": {"get": operation(**slow)}}))
    answer = call(server, f"/execute-api/{api}/prod/slow")
    assert (answer.status, answer.json) == (504, {"message": "Endpoint request timed out"})
    api = serve(document({"/slow": {"get": operation(payloadFormatVersion="2.0", **slow)}}))
    answer = call(server, api["ApiEndpoint"] + "/slow")
    assert (answer.status, answer.json) == (503, {"message": "Service Unavailable"})


REST_STATES = """
swagger: "2.0"
info: {title: executions, version: "1"}
paths:
  /start:
    post:
      x-amazon-apigateway-integration:
        type: aws
        httpMethod: POST
        credentials: arn:aws:iam::123456789012:role/api
        uri: arn:aws:apigateway:us-east-1:states:action/StartExecution
        requestTemplates:
          application/json: |-
            {"input": "$util.escapeJavaScript($input.json('$')).replaceAll("\\\\'","'")",
             "name": "$input.params('name')", "stateMachineArn": "MACHINE"}
        responses:
          "4\\\\d{2}": {statusCode: 422}
          default:
            statusCode: 202
            responseTemplates: {application/json: "{\\"arn\\": $input.json('$.executionArn')}"}
    options:
      x-amazon-apigateway-integration:
        type: mock
        requestTemplates: {application/json: "{\\"statusCode\\": 200}"}
        responses:
          default:
            statusCode: "200"
            responseParameters:
              method.response.header.Access-Control-Allow-Origin: "'*'"
              method.response.header.Access-Control-Allow-Methods: "'POST'"
            responseTemplates: {application/json: "{}"}
  /result:
    get:
      x-amazon-apigateway-integration:
        type: aws
        httpMethod: POST
        uri: arn:aws:apigateway:us-east-1:states:action/DescribeExecution
        requestTemplates: {application/json: "{\\"executionArn\\": \\"$input.params('arn')\\"}"}
        responses:
          default:
            statusCode: 200
            responseTemplates:
              application/json: |-
                #if($input.path('$.status') == "RUNNING")
                #set($context.responseOverride.status = 404)
                {"status": "RUNNING"}
                #else
                {"status": $input.json('$.status'), "output": $input.path('$.output')}
                #end
"""


def test_a_rest_api_starts_an_execution_and_gives_its_result(server, deploy, name):
    machine = server.create_machine(name("m"), PASS)
    api = deploy(REST_STATES.replace("MACHINE", machine))
    base = f"/execute-api/{api}/prod"
    value = {"it's": 'a "quoted" / text\n', "é": [1, None]}
    headers = {"Content-Type": "application/json"}
    started = call(server, f"{base}/start?name=one", "POST", json.dumps(value), headers)
    assert started.status == 202, started.body
    arn = started.json["arn"]
    assert json.loads(server.end(arn)["input"]) == value
    result = wait_until(lambda: (found := call(server, f"{base}/result?arn={arn}")).status == 200 and found, "the result")
    assert result.json == {"status": "SUCCEEDED", "output": value}
    # The name is taken by another input: what the service says is mapped.
    again = call(server, f"{base}/start?name=one", "POST", "{}", headers)
    assert (again.status, again.json["__type"].split("#")[-1]) == (422, "ExecutionAlreadyExists")
    broken = call(server, f"{base}/start", "POST", "no json", headers)
    assert broken.status == 400 and broken.json["message"].startswith("Could not parse request body into json")
    preflight = call(server, f"{base}/start", "OPTIONS", headers={"Origin": "https://page.example"})
    assert (preflight.status, preflight.headers["Access-Control-Allow-Origin"]) == (200, "*")


def test_a_deployment_stays_what_it_was(server, rest, deploy):
    def mock(text):
        responses = {"default": {"statusCode": "200", "responseTemplates": {"application/json": text}}}
        return operation(type="mock", requestTemplates={"application/json": '{"statusCode": 200}'}, responses=responses)

    api = deploy(document({"/a": {"get": mock("one")}}))
    target = f"/execute-api/{api}/prod/a"
    assert call(server, target).body == b"one"
    rest.put_rest_api(restApiId=api, mode="overwrite", body=json.dumps(document({"/a": {"get": mock("two")}})))
    assert call(server, target).body == b"one"
    rest.create_deployment(restApiId=api, stageName="prod")
    assert call(server, target).body == b"two"
    rest.put_rest_api(restApiId=api, mode="merge", body=json.dumps(document({"/b": {"get": mock("three")}})))
    rest.create_deployment(restApiId=api, stageName="prod")
    assert call(server, target).body == b"two" and call(server, f"/execute-api/{api}/prod/b").body == b"three"
    server.restart_after_kill()
    assert call(server, f"/execute-api/{api}/prod/b").body == b"three"


def test_what_a_rest_api_is_can_be_read(server, rest, deploy):
    mock = operation(type="mock", requestTemplates={"application/json": '{"statusCode": 200}'},
                     responses={"default": {"statusCode": "200"}})
    api = deploy(document({"/orders/{id}": {"get": mock}}))
    described = rest.get_rest_api(restApiId=api)
    assert described["name"] == "orders" and described["endpointConfiguration"]["types"] == ["REGIONAL"]
    assert api in [found["id"] for found in rest.get_rest_apis(limit=500)["items"]]
    resources = {found["path"]: found for found in rest.get_resources(restApiId=api, embed=["methods"])["items"]}
    assert set(resources) == {"/", "/orders", "/orders/{id}"}
    assert resources["/orders/{id}"]["parentId"] == resources["/orders"]["id"]
    assert resources["/"]["id"] == described["rootResourceId"]
    assert resources["/orders/{id}"]["resourceMethods"]["GET"]["methodIntegration"]["type"] == "MOCK"
    stage = rest.get_stage(restApiId=api, stageName="prod")
    assert [found["deploymentId"] for found in rest.get_stages(restApiId=api)["item"]] == [stage["deploymentId"]]
    exported = rest.get_export(restApiId=api, stageName="prod", exportType="oas30", parameters={"extensions": "apigateway"})
    assert "x-amazon-apigateway-integration" in json.loads(exported["body"].read())["paths"]["/orders/{id}"]["get"]
    plain = rest.get_export(restApiId=api, stageName="prod", exportType="oas30")["body"].read()
    assert b"x-amazon" not in plain
    arn = f"arn:aws:apigateway:{REGION}::/restapis/{api}"
    rest.tag_resource(resourceArn=arn, tags={"a": "1", "b": "2"})
    rest.untag_resource(resourceArn=arn, tagKeys=["a"])
    assert rest.get_tags(resourceArn=arn)["tags"] == {"b": "2"}
    assert rest.get_rest_api(restApiId=api)["tags"] == {"b": "2"}
    rest.update_stage(restApiId=api, stageName="prod", patchOperations=[
        {"op": "replace", "path": "/variables/v", "value": "1"}, {"op": "replace", "path": "/description", "value": "d"}])
    stage = rest.get_stage(restApiId=api, stageName="prod")
    assert (stage["variables"], stage["description"]) == ({"v": "1"}, "d")
    rest.delete_rest_api(restApiId=api)
    with pytest.raises(rest.exceptions.NotFoundException):
        rest.get_rest_api(restApiId=api)
    assert call(server, f"/execute-api/{api}/prod/orders/1").status == 404


def test_an_http_api_calls_a_function(server, http, serve, name):
    arn = server.create_function(name("f"), ECHO)
    integration = {"type": "aws_proxy", "httpMethod": "POST", "uri": function_uri(arn), "payloadFormatVersion": "2.0"}
    api = serve(document({"/orders/{id}": {"post": operation(**integration)},
                          "/$default": {"x-amazon-apigateway-any-method": operation(**integration)}}))
    # As it is printed.
    answer = call(server, api["ApiEndpoint"] + "/orders/a%20b?x=1&x=2", "POST", b"{}", {"Cookie": "a=1; b=2", "X-Mine": "m"})
    event = answer.json
    assert event["version"] == "2.0" and event["routeKey"] == "POST /orders/{id}"
    assert event["rawPath"] == "/orders/a b" and event["rawQueryString"] == "x=1&x=2"
    assert event["queryStringParameters"] == {"x": "1,2"} and event["pathParameters"] == {"id": "a b"}
    assert event["cookies"] == ["a=1", "b=2"] and event["headers"]["x-mine"] == "m"
    assert event["requestContext"]["stage"] == "$default" and event["requestContext"]["http"]["method"] == "POST"
    assert call(server, api["ApiEndpoint"]).json["routeKey"] == "$default"
    binary = call(server, api["ApiEndpoint"] + "/x", "PUT", bytes([0, 255]), {"Content-Type": "image/png"}).json
    assert (binary["body"], binary["isBase64Encoded"]) == ("AP8=", True)
    http.create_stage(ApiId=api["ApiId"], StageName="dev", AutoDeploy=True, StageVariables={"v": "1"})
    event = call(server, api["ApiEndpoint"] + "/dev/orders/1", "POST", b"{}").json
    assert event["rawPath"] == "/dev/orders/1" and event["stageVariables"] == {"v": "1"}


def test_an_http_api_takes_what_a_function_returns(server, serve, name):
    replies = """
    const replies = {
        object: {a: 1}, text: "hello", status: {statusCode: 204},
        bytes: {statusCode: 200, headers: {"content-type": "image/png"}, body: "AP8=", isBase64Encoded: true},
        cookies: {statusCode: 200, cookies: ["a=1", "b=2"], body: "x"}, bad: {statusCode: "x"},
    };
    export const handler = async (event) => {
        const which = event.pathParameters.which;
        if (which === "throw") throw new Error("no");
        return replies[which];
    };
    """
    arn = server.create_function(name("f"), replies)
    integration = {"type": "aws_proxy", "uri": arn, "payloadFormatVersion": "2.0"}
    base = serve(document({"/{which}": {"get": operation(**integration)}}))["ApiEndpoint"]
    assert call(server, f"{base}/object").json == {"a": 1}
    assert call(server, f"{base}/text").body == b"hello"
    assert call(server, f"{base}/status").status == 204
    assert call(server, f"{base}/bytes").body == bytes([0, 255])
    assert call(server, f"{base}/cookies").headers.get_all("set-cookie") == ["a=1", "b=2"]
    for which in ("bad", "throw"):
        answer = call(server, f"{base}/{which}")
        assert (answer.status, answer.json) == (500, {"message": "Internal Server Error"})
    answer = call(server, f"{base}/a/b")
    assert (answer.status, answer.json) == (404, {"message": "Not Found"})


def test_an_http_api_starts_and_awaits_executions(server, serve, name):
    standard = server.create_machine(name("m"), PASS)
    express = server.create_machine(name("x"), PASS, "EXPRESS")

    def states(subtype, **parameters):
        return operation(type="aws_proxy", integrationSubtype=f"StepFunctions-{subtype}", payloadFormatVersion="1.0",
                         credentials=f"arn:aws:iam::{ACCOUNT}:role/api", requestParameters=parameters)

    base = serve(document({
        "/start": {"post": states("StartExecution", StateMachineArn=standard, Input="$request.body", Name="$request.header.x-name")},
        "/sync": {"post": states("StartSyncExecution", StateMachineArn=express, Input="$request.body.order")},
        "/stop": {"post": states("StopExecution", ExecutionArn="$request.body.arn", Cause="asked")},
    }))["ApiEndpoint"]
    started = call(server, f"{base}/start", "POST", '{"a": "é"}'.encode(), {"X-Name": "mine"})
    assert started.status == 200 and started.json["executionArn"].endswith(":mine")
    assert json.loads(server.end(started.json["executionArn"])["output"]) == {"a": "é"}
    sync = call(server, f"{base}/sync", "POST", '{"order": {"id": 7}}').json
    assert (sync["status"], json.loads(sync["output"])) == ("SUCCEEDED", {"id": 7})
    refused = call(server, f"{base}/stop", "POST", '{"arn": "nonsense"}')
    assert (refused.status, refused.json["__type"].split("#")[-1]) == (400, "InvalidArn")


def test_cors_of_an_http_api_and_no_page_reaches_aws(server, serve, name):
    arn = server.create_function(name("f"), "export const handler = async () => ({a: 1});")
    cors = {"allowOrigins": ["https://app.example"], "allowMethods": ["GET"], "allowHeaders": ["x-a"], "maxAge": 5}
    integration = operation(type="aws_proxy", uri=arn, payloadFormatVersion="2.0")
    base = serve(document({"/a": {"get": integration}}, **{"x-amazon-apigateway-cors": cors}))["ApiEndpoint"]
    asks = {"Origin": "https://app.example", "Access-Control-Request-Method": "GET"}
    preflight = call(server, f"{base}/a", "OPTIONS", headers=asks)
    assert (preflight.status, preflight.headers["access-control-max-age"]) == (204, "5")
    assert preflight.headers["access-control-allow-origin"] == "https://app.example"
    answer = call(server, f"{base}/a", headers={"Origin": "https://app.example"})
    assert answer.headers["access-control-allow-origin"] == "https://app.example" and answer.json == {"a": 1}
    foreign = call(server, f"{base}/a", headers={"Origin": "https://evil.example"})
    assert foreign.headers["access-control-allow-origin"] is None
    # A page may call the API, and nothing beside it; a host that a page can have may not even that.
    for path in ("/2015-03-31/functions", "/v2/apis", "/restapis", "/packages/a.zip"):
        assert call(server, path, headers={"Origin": "https://app.example"}).status == 403, path
    for host in ("x.execute-api.evil.example", "evil.example"):
        assert call(server, base.removeprefix(server.url) + "/a", host=host).status == 403, host


def test_what_an_http_api_is_can_be_read(server, http, serve, name):
    arn = server.create_function(name("f"), ECHO)
    integration = operation(type="aws_proxy", uri=arn, payloadFormatVersion="2.0")
    api = serve(document({"/a": {"get": integration}}))["ApiId"]
    assert http.get_api(ApiId=api)["ProtocolType"] == "HTTP"
    assert api in [found["ApiId"] for found in http.get_apis()["Items"]]
    routes = http.get_routes(ApiId=api)["Items"]
    integrations = http.get_integrations(ApiId=api)["Items"]
    assert [route["RouteKey"] for route in routes] == ["GET /a"]
    assert [found["IntegrationUri"] for found in integrations] == [arn]
    assert routes[0]["Target"] == f"integrations/{integrations[0]['IntegrationId']}"
    http.reimport_api(ApiId=api, Body=json.dumps(document({"/b": {"get": integration}})))
    assert [route["RouteKey"] for route in http.get_routes(ApiId=api)["Items"]] == ["GET /b"]
    http.update_stage(ApiId=api, StageName="$default", Description="d")
    assert [stage["Description"] for stage in http.get_stages(ApiId=api)["Items"]] == ["d"]
    tagged = f"arn:aws:apigateway:{REGION}::/apis/{api}"
    http.tag_resource(ResourceArn=tagged, Tags={"a": "1"})
    assert http.get_tags(ResourceArn=tagged)["Tags"] == {"a": "1"}
    http.delete_stage(ApiId=api, StageName="$default")
    assert call(server, f"/execute-api/{api}/b").status == 404
    http.delete_api(ApiId=api)
    with pytest.raises(http.exceptions.NotFoundException):
        http.get_api(ApiId=api)


def test_what_is_not_built_is_refused_by_name(rest, http):
    def refused(importing, text):
        with pytest.raises(ClientError) as raised:
            importing(text)
        return raised.value.response["Error"]

    def importing_rest(text):
        rest.import_rest_api(body=text if isinstance(text, str) else json.dumps(text))

    def importing_http(text):
        http.import_api(Body=json.dumps(text))

    proxied = operation(type="http_proxy", httpMethod="GET", uri="https://x.example")
    keyed = operation(type="mock") | {"security": [{"key": []}]}
    schemes = {"components": {"securitySchemes": {"key": {"type": "apiKey", "name": "x-api-key", "in": "header"}}}}
    for importing, text, code, says in [
        (importing_rest, document({"/a": {"get": proxied}}), "NotImplemented", "'http_proxy' is not built"),
        (importing_http, document({"/a": {"get": proxied}}), "NotImplemented", "'http_proxy' is not built"),
        (importing_rest, document({"/a": {"get": keyed}}, **schemes), "NotImplemented", "API keys is not built"),
        (importing_rest, document({"/a": {"get": operation(type="mock", requestTemplates={"a/b": "$util.now()"})}}),
         "NotImplemented", "$util.now is not built"),
        (importing_rest, "{", "BadRequestException", "not valid JSON"),
        (importing_rest, document({"a": {}}), "BadRequestException", "does not begin with '/'"),
    ]:
        error = refused(importing, text)
        assert error["Code"] == code and says in error["Message"], error
    error = refused(lambda _: rest.create_rest_api(name="x"), None)
    assert error["Code"] == "NotImplemented" and "CreateRestApi" in error["Message"]


def test_bodies_over_the_limit_are_refused(server, serve, name):
    arn = server.create_function(name("f"), "export const handler = async () => ({});")
    base = serve(document({"/a": {"post": operation(type="aws_proxy", uri=arn, payloadFormatVersion="2.0")}}))["ApiEndpoint"]
    answer = call(server, f"{base}/a", "POST", b"", {"Content-Length": str((10 << 20) + 1)})
    assert (answer.status, answer.json) == (413, {"message": "Request Entity Too Large"})


def test_an_api_survives_a_kill(tmp_path):
    with Server(tmp_path) as server:
        http = server.client("apigatewayv2")
        arn = server.create_function("f", "export const handler = async () => 'here';")
        text = document({"/a": {"get": operation(type="aws_proxy", uri=arn, payloadFormatVersion="2.0")}})
        api = http.import_api(Body=json.dumps(text))["ApiId"]
        http.create_stage(ApiId=api, StageName="$default", AutoDeploy=True)
        server.restart_after_kill()
        assert call(server, f"/execute-api/{api}/a").body == b"here"


TEMPLATE = """
Transform: AWS::Serverless-2016-10-31
Resources:
  Hello:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: nodejs22.x
      Handler: index.handler
      InlineCode: |
        exports.handler = async (event) => ({statusCode: 200, body: event.version || "1.0"});
      Events:
        H: {Type: HttpApi, Properties: {Path: "/h/{id}", Method: get}}
        R: {Type: Api, Properties: {Path: "/r/{id}", Method: get}}
  Flow:
    Type: AWS::Serverless::StateMachine
    Properties:
      Definition: {StartAt: P, States: {P: {Type: Pass, End: true}}}
      Events:
        S: {Type: Api, Properties: {Path: /start, Method: post}}
"""


def test_the_apis_of_a_sam_template_answer(server, rest, http, tmp_path):
    (tmp_path / "template.yaml").write_text(TEMPLATE)
    deployed = stepwell("deploy", tmp_path, "--stack-name", "front", endpoint=server.url)
    assert deployed.returncode == 0, deployed.stderr
    (http_api,) = [api for api in http.get_apis()["Items"] if api["Name"] == "front"]
    (rest_api,) = [api for api in rest.get_rest_apis(limit=500)["items"] if api["name"] == "front"]
    assert call(server, http_api["ApiEndpoint"] + "/h/1").body == b"2.0"
    base = f"/execute-api/{rest_api['id']}/Prod"
    assert call(server, f"{base}/r/1").body == b"1.0"
    started = call(server, f"{base}/start", "POST", '{"a": 1}', {"Content-Type": "application/json"})
    assert json.loads(server.end(started.json["executionArn"])["output"]) == {"a": 1}
