"""URLs of functions: configured with boto3, called over plain HTTP."""

import json
import time
from http.client import HTTPConnection, IncompleteRead
from urllib.parse import urlsplit

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from harness import ACCOUNT, PATIENCE_SECONDS, REGION

ECHO = "export const handler = async (event, context) => ({event, arn: context.invokedFunctionArn});"


def call(url, path="", method="GET", body=None, headers=None):
    """One request to a URL as it was given: status, headers, body."""
    address = urlsplit(url)
    connection = HTTPConnection(address.hostname, address.port, timeout=PATIENCE_SECONDS)
    try:
        connection.request(method, address.path + path, body=body, headers=headers or {})
        response = connection.getresponse()
        return response.status, response.headers, response.read()
    finally:
        connection.close()


def test_a_url_calls_its_function(server, functions, name):
    function = name("f")
    arn = server.create_function(function, ECHO)
    created = functions.create_function_url_config(FunctionName=function, AuthType="NONE")
    assert created["FunctionArn"] == arn and created["InvokeMode"] == "BUFFERED"
    status, headers, body = call(created["FunctionUrl"], "a%20b?x=1&x=2", "POST", "text", {"Content-Type": "text/plain"})
    reply = json.loads(body)
    event = reply["event"]
    assert (status, headers["content-type"], reply["arn"]) == (200, "application/json", arn)
    assert event["version"] == "2.0" and event["routeKey"] == "$default"
    assert event["rawPath"] == "/a%20b" and event["rawQueryString"] == "x=1&x=2"
    assert event["queryStringParameters"] == {"x": "1,2"} and event["body"] == "text"
    assert event["requestContext"]["accountId"] == "anonymous" and event["requestContext"]["stage"] == "$default"
    # As AWS would name it.
    url_id = event["requestContext"]["apiId"]
    host = f"{url_id}.lambda-url.{REGION}.on.aws"
    root = f"{server.url}/"
    event = json.loads(call(root, "x", headers={"Host": host})[2])["event"]
    assert event["requestContext"]["domainName"] == host and event["rawPath"] == "/x"
    functions.delete_function_url_config(FunctionName=function)
    assert call(created["FunctionUrl"])[0] == 403


def test_a_url_of_an_alias_calls_the_alias(server, functions, name):
    function = name("f")
    arn = server.create_function(function, ECHO)
    functions.publish_version(FunctionName=function)
    functions.create_alias(FunctionName=function, Name="live", FunctionVersion="1")
    created = functions.create_function_url_config(FunctionName=function, Qualifier="live", AuthType="NONE")
    assert created["FunctionArn"] == f"{arn}:live"
    assert json.loads(call(created["FunctionUrl"])[2])["arn"] == f"{arn}:live"
    functions.create_function_url_config(FunctionName=function, AuthType="NONE")
    listed = functions.list_function_url_configs(FunctionName=function)["FunctionUrlConfigs"]
    assert sorted(config["FunctionArn"] for config in listed) == [arn, f"{arn}:live"]


def test_a_url_with_iam_takes_signed_requests_only(server, functions, name):
    function = name("f")
    server.create_function(function, ECHO)
    url = functions.create_function_url_config(FunctionName=function, AuthType="AWS_IAM")["FunctionUrl"]
    status, _, body = call(url)
    assert (status, json.loads(body)) == (403, {"Message": "Forbidden"})
    request = AWSRequest("GET", url)
    SigV4Auth(Credentials("stepwell", "stepwell"), "lambda", REGION).add_auth(request)
    status, _, body = call(url, headers=dict(request.headers))
    iam = json.loads(body)["event"]["requestContext"]["authorizer"]["iam"]
    assert (status, iam["accessKey"], iam["accountId"]) == (200, "stepwell", ACCOUNT)


def test_cors_of_a_url_and_errors(server, functions, name):
    function = name("f")
    server.create_function(function, "export const handler = async (e) => { if (e.rawPath === '/no') throw new Error('x'); return {}; };")
    cors = {"AllowOrigins": ["*"], "AllowMethods": ["GET"], "MaxAge": 60}
    url = functions.create_function_url_config(FunctionName=function, AuthType="NONE", Cors=cors)["FunctionUrl"]
    asks = {"Origin": "https://app.example", "Access-Control-Request-Method": "GET"}
    status, headers, _ = call(url, method="OPTIONS", headers=asks)
    assert (status, headers["access-control-allow-origin"], headers["access-control-max-age"]) == (200, "*", "60")
    assert call(url, headers={"Origin": "https://app.example"})[1]["access-control-allow-origin"] == "*"
    status, _, body = call(url, "no")
    assert (status, body) == (502, b"Internal Server Error")
    status, _, _ = call(url, "a", "POST", b"", {"Content-Length": str((6 << 20) + 1)})
    assert status == 413
    updated = functions.update_function_url_config(FunctionName=function, Cors={"AllowOrigins": ["https://b.example"]})
    assert updated["FunctionUrl"] == url and updated["Cors"]["AllowOrigins"] == ["https://b.example"]
    assert call(url, headers={"Origin": "https://app.example"})[1]["access-control-allow-origin"] is None
    assert functions.get_function_url_config(FunctionName=function)["AuthType"] == "NONE"


def test_bytes_and_cookies_go_through(server, functions, name):
    function = name("f")
    server.create_function(function, """
    export const handler = async (event) => ({
        statusCode: 201, headers: {"content-type": "image/png"}, cookies: ["a=1", "b=2"],
        body: event.body, isBase64Encoded: event.isBase64Encoded,
    });
    """)
    url = functions.create_function_url_config(FunctionName=function, AuthType="NONE")["FunctionUrl"]
    bytes_given = bytes(range(256))
    status, headers, body = call(url, method="PUT", body=bytes_given, headers={"Content-Type": "image/png"})
    assert (status, headers.get_all("set-cookie"), body) == (201, ["a=1", "b=2"], bytes_given)


STREAM = """
export const handler = awslambda.streamifyResponse(async (event, stream) => {
    if (event.rawPath === "/early") throw new Error("early");
    if (event.rawPath !== "/plain") {
        stream = awslambda.HttpResponseStream.from(stream, {
            statusCode: 203, headers: {"content-type": "text/plain", "x-a": "b"}, cookies: ["c=d"],
        });
    }
    stream.write("one\\n");
    await new Promise((done) => setTimeout(done, 300));
    if (event.rawPath === "/late") throw new Error("late");
    stream.write("two\\n");
    stream.end();
});
"""


def test_a_url_streams(server, functions, name):
    function = name("f")
    server.create_function(function, STREAM)
    created = functions.create_function_url_config(FunctionName=function, AuthType="NONE", InvokeMode="RESPONSE_STREAM")
    assert created["InvokeMode"] == "RESPONSE_STREAM"
    url = created["FunctionUrl"]
    address = urlsplit(url)
    connection = HTTPConnection(address.hostname, address.port, timeout=PATIENCE_SECONDS)
    connection.request("GET", address.path)
    response = connection.getresponse()
    assert (response.status, response.headers["x-a"], response.headers["set-cookie"]) == (203, "b", "c=d")
    # The beginning is here before the end is written.
    began = time.monotonic()
    assert response.readline() == b"one\n"
    assert response.read() == b"two\n"
    assert time.monotonic() - began > 0.1
    connection.close()
    assert call(url, "plain")[0::2] == (200, b"one\ntwo\n")
    assert call(url, "early")[0] == 502
    # A body that broke off does not look whole.
    with pytest.raises(IncompleteRead):
        call(url, "late")


def test_a_url_is_refused_where_aws_refuses_it(server, functions, name):
    function = name("f")
    server.create_function(function, ECHO)
    functions.create_function_url_config(FunctionName=function, AuthType="NONE")
    with pytest.raises(functions.exceptions.ResourceConflictException):
        functions.create_function_url_config(FunctionName=function, AuthType="NONE")
    for operation in (functions.get_function_url_config, functions.delete_function_url_config):
        with pytest.raises(functions.exceptions.ResourceNotFoundException):
            operation(FunctionName=name("none"))
    with pytest.raises(functions.exceptions.ResourceNotFoundException):
        functions.create_function_url_config(FunctionName=name("none"), AuthType="NONE")
    with pytest.raises(ClientError) as raised:
        functions.create_function_url_config(FunctionName=function, AuthType="OPEN")
    assert raised.value.response["Error"]["Code"] == "ValidationException"
    url = functions.get_function_url_config(FunctionName=function)["FunctionUrl"]
    functions.delete_function(FunctionName=function)
    assert call(url)[0] == 403
