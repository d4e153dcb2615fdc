"""The console's front: who may call from a page, and what a page of an application is told."""

import json


def get(server, path, **headers):
    return server.http("GET", path, b"", {name.replace("_", "-"): value for name, value in headers.items()})


def test_a_browser_finds_the_console_and_a_program_finds_aws(server):
    status, headers, _ = get(server, "/", Accept="text/html,*/*;q=0.8")
    assert (status, headers["location"]) == (302, "/console/")
    assert get(server, "/", Accept="*/*")[0] != 302
    status, headers, body = get(server, "/console/executions/arn:aws:states:us-east-1:1:execution:m:e")
    assert status == 200 and headers["content-type"] == "text/html; charset=utf-8" and b"<html" in body
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy and "script-src 'self';" in policy and "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff" and headers["x-frame-options"] == "DENY"
    assert get(server, "/console/", Host="evil.example")[0] == 403
    assert server.http("POST", "/console/", b"", {})[0] == 405


def test_the_console_may_call_aws_and_no_other_page(server):
    host = server.url.removeprefix("http://")
    body = json.dumps({}).encode()
    for origin, expected in [
        (f"http://{host}", 200),
        ("http://127.0.0.1:1", 403),
        ("https://page.example", 403),
        ("null", 403),
    ]:
        headers = {"X-Amz-Target": "AWSStepFunctions.ListStateMachines", "Origin": origin}
        assert server.http("POST", "/", body, headers)[0] == expected, origin
        assert get(server, "/2015-03-31/functions", Origin=origin)[0] == expected, origin
    # Neither of these is for a page, whatever its origin.
    for path in ("/drain", "/backup"):
        assert server.http("POST", path, body, {"Origin": f"http://{host}", "X-Stepwell-Drain": "1"})[0] == 403, path


def test_a_page_of_an_application_by_its_path_has_no_origin(server, functions, name):
    function = name("f")
    source = 'export const handler = async () => ({statusCode: 200, headers: {"content-type": "text/html"}, body: "<p>"});'
    server.create_function(function, source)
    url = functions.create_function_url_config(FunctionName=function, AuthType="NONE")["FunctionUrl"]
    path = url.removeprefix(server.url)
    assert path.startswith("/lambda-url/"), url
    status, headers, body = get(server, path)
    assert (status, body) == (200, b"<p>")
    policy = headers["content-security-policy"]
    assert policy.startswith("sandbox ") and "allow-same-origin" not in policy
    # By a host of its own it has an origin of its own, and needs no such thing.
    url_id = path.removeprefix("/lambda-url/").strip("/")
    status, headers, _ = get(server, "/", Host=f"{url_id}.lambda-url.us-east-1.localhost")
    assert status == 200 and "content-security-policy" not in headers
