"""API destinations: webhooks of rules, and events of tasks, through boto3 and a small HTTP server."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from botocore.exceptions import ClientError

from harness import ROLE, Server, stepwell, wait_until

FAIL = {"StartAt": "F", "States": {"F": {"Type": "Fail", "Error": "Declined"}}}


class Hook:
    """Keeps what is sent to it; answers with the statuses it is given, then with 200."""

    def __init__(self):
        self.requests, self.statuses, self.tokens = [], [], 0
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self):
                length = int(self.headers.get("content-length") or 0)
                body = self.rfile.read(length).decode()
                if self.path.startswith("/token"):
                    hook.tokens += 1
                    status, answer = 200, {"access_token": f"token-{hook.tokens}", "expires_in": 3600}
                    if "client_secret=wrong" in body:
                        status, answer = 401, {}
                else:
                    hook.requests.append((self.command, self.path, dict(self.headers), body))
                    status, answer = hook.statuses.pop(0) if hook.statuses else 200, {}
                text = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("content-length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def hook():
    hook = Hook()
    yield hook
    hook.close()


@pytest.fixture
def events(server):
    return server.client("events")


def destination(events, name, kind, auth, url, **more):
    connection = events.create_connection(Name=name("c"), AuthorizationType=kind, AuthParameters=auth)
    more = {"HttpMethod": "POST", **more}
    made = events.create_api_destination(
        Name=name("d"), ConnectionArn=connection["ConnectionArn"], InvocationEndpoint=url, **more
    )
    return made["ApiDestinationArn"]


def rule_to(events, rule, source, target, **more):
    events.put_rule(Name=rule, EventPattern=json.dumps({"source": [source]}))
    target = {"Id": "t", "Arn": target, "RoleArn": ROLE, **more}
    assert events.put_targets(Rule=rule, Targets=[target])["FailedEntryCount"] == 0


def put(events, source, detail):
    entry = {"Source": source, "DetailType": "Order", "Detail": json.dumps(detail)}
    assert events.put_events(Entries=[entry])["FailedEntryCount"] == 0


def test_a_failed_execution_calls_a_webhook(server, events, name, hook):
    """What an owner builds first: a message to a chat when an order fails."""
    auth = {"ApiKeyAuthParameters": {"ApiKeyName": "X-Key", "ApiKeyValue": "s3cret"}}
    arn = destination(events, name, "API_KEY", auth, hook.url + "/machines/*/alerts")
    machine = server.create_machine(name("m"), FAIL)
    pattern = {"source": ["aws.states"], "detail": {"status": ["FAILED"], "stateMachineArn": [machine]}}
    rule = name("r")
    events.put_rule(Name=rule, EventPattern=json.dumps(pattern))
    target = {
        "Id": "t",
        "Arn": arn,
        "RoleArn": ROLE,
        "HttpParameters": {"PathParameterValues": ["orders"], "QueryStringParameters": {"name": "$.detail.name"}},
        "InputTransformer": {
            "InputPathsMap": {"name": "$.detail.name", "error": "$.detail.error"},
            "InputTemplate": '{"text": "<name> failed with <error>"}',
        },
    }
    events.put_targets(Rule=rule, Targets=[target])
    server.states.start_execution(stateMachineArn=machine, name="order-7")
    [(method, path, headers, body)] = wait_until(lambda: hook.requests, "the call")
    assert (method, path) == ("POST", "/machines/orders/alerts?name=order-7")
    assert json.loads(body) == {"text": "order-7 failed with Declined"}
    headers = {key.lower(): value for key, value in headers.items()}
    assert headers["x-key"] == "s3cret"
    assert headers["user-agent"] == "Amazon/EventBridge/ApiDestinations"


def test_oauth_gets_a_token_and_another_one_after_a_401(server, events, name, hook):
    auth = {
        "OAuthParameters": {
            "ClientParameters": {"ClientID": "id", "ClientSecret": "right"},
            "AuthorizationEndpoint": hook.url + "/token",
            "HttpMethod": "POST",
        }
    }
    arn = destination(events, name, "OAUTH_CLIENT_CREDENTIALS", auth, hook.url + "/hook")
    connection = events.list_connections()["Connections"][-1]["Name"]
    state = lambda: events.describe_connection(Name=connection)["ConnectionState"]
    wait_until(lambda: state() == "AUTHORIZED", "the token")
    source = name("shop")
    rule_to(events, name("r"), source, arn, InputPath="$.detail")
    hook.statuses.append(401)
    put(events, source, {"n": 1})
    wait_until(lambda: len(hook.requests) == 2, "the second attempt")
    bearers = [request[2]["authorization"] for request in hook.requests]
    assert bearers == ["Bearer token-1", "Bearer token-2"]
    assert [request[3] for request in hook.requests] == ['{"n":1}'] * 2
    shown = events.describe_connection(Name=connection)
    assert "ClientSecret" not in json.dumps(shown["AuthParameters"])
    wrong = {"OAuthParameters": {"ClientParameters": {"ClientSecret": "wrong"}}}
    events.update_connection(Name=connection, AuthParameters=wrong)
    wait_until(lambda: state() == "DEAUTHORIZED", "the refusal")
    assert "answered HTTP 401" in events.describe_connection(Name=connection)["StateReason"]


def test_a_call_that_was_acknowledged_survives_a_kill(tmp_path, hook):
    with Server(tmp_path) as server:
        events = server.client("events")
        names = lambda what: what
        auth = {"BasicAuthParameters": {"Username": "ann", "Password": "pw"}}
        arn = destination(events, names, "BASIC", auth, hook.url + "/hook")
        rule_to(events, "r", "shop", arn, InputPath="$.detail.n")
        for n in range(30):
            put(events, "shop", {"n": n})
        server.restart_after_kill()
        got = lambda: {int(request[3]) for request in hook.requests}
        wait_until(lambda: got() == set(range(30)), "all calls")
        shown = server.client("events").describe_api_destination(Name="d")
        assert (shown["ApiDestinationArn"], shown["ApiDestinationState"]) == (arn, "ACTIVE")
        assert hook.requests[0][2]["authorization"] == "Basic YW5uOnB3"


def test_what_speaks_tls_is_refused_by_name(server, events, name, hook):
    """Not called at all, and not tried again: the dead letter, here to nowhere, and the server's log say why."""
    auth = {"ApiKeyAuthParameters": {"ApiKeyName": "X-Key", "ApiKeyValue": "s3cret"}}
    arn = destination(events, name, "API_KEY", auth, "https://hooks.example.com/x")
    source = name("shop")
    rule_to(events, name("r"), source, arn)
    put(events, source, {})
    wait_until(lambda: "Stepwell itself sends to http:// only" in server.process.stderr, "the reason")


def test_destinations_are_listed_updated_and_deleted(server, events, name):
    auth = {"ApiKeyAuthParameters": {"ApiKeyName": "X-Key", "ApiKeyValue": "s3cret"}}
    destination(events, name, "API_KEY", auth, "http://127.0.0.1:9/a", InvocationRateLimitPerSecond=5)
    [listed] = [
        one for one in events.list_api_destinations()["ApiDestinations"] if one.get("InvocationRateLimitPerSecond") == 5
    ]
    events.update_api_destination(Name=listed["Name"], HttpMethod="PUT")
    shown = events.describe_api_destination(Name=listed["Name"])
    assert (shown["HttpMethod"], shown["InvocationEndpoint"]) == ("PUT", "http://127.0.0.1:9/a")
    connection = shown["ConnectionArn"].split("/")[1]
    assert events.deauthorize_connection(Name=connection)["ConnectionState"] == "DEAUTHORIZED"
    assert events.describe_api_destination(Name=listed["Name"])["ApiDestinationState"] == "INACTIVE"
    events.delete_api_destination(Name=listed["Name"])
    events.delete_connection(Name=connection)
    with pytest.raises(ClientError) as missing:
        events.describe_api_destination(Name=listed["Name"])
    assert missing.value.response["Error"]["Code"] == "ResourceNotFoundException"


def test_a_task_puts_events_on_a_local_bus(server, events, name):
    follower = server.create_machine(
        name("follow"), {"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}}
    )
    source = name("shop")
    rule_to(events, name("r"), source, follower, InputPath="$.detail")
    entry = {"Source": source, "DetailType": "Order", "Detail": {"total.$": "$.total"}}
    task = {
        "Type": "Task",
        "Resource": "arn:aws:states:::events:putEvents",
        "Parameters": {"Entries": [entry]},
        "End": True,
    }
    machine = server.create_machine(name("m"), {"StartAt": "T", "States": {"T": task}})
    assert server.end(server.start(machine, {"total": 7}))["status"] == "SUCCEEDED"
    executions = lambda: server.states.list_executions(stateMachineArn=follower)["executions"]
    [execution] = wait_until(executions, "the follower")
    described = server.states.describe_execution(executionArn=execution["executionArn"])
    assert json.loads(described["input"]) == {"total": 7}


TEMPLATE = """
Resources:
  Connection:
    Type: AWS::Events::Connection
    Properties:
      Name: alerts
      AuthorizationType: API_KEY
      AuthParameters: {ApiKeyAuthParameters: {ApiKeyName: X-Key, ApiKeyValue: SECRET-VALUE}}
  Alerts:
    Type: AWS::Events::ApiDestination
    Properties:
      Name: alerts
      ConnectionArn: !GetAtt Connection.Arn
      HttpMethod: POST
      InvocationEndpoint: URL
  Role:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument:
        Statement: [{Effect: Allow, Principal: {Service: events.amazonaws.com}, Action: 'sts:AssumeRole'}]
  Failed:
    Type: AWS::Events::Rule
    Properties:
      EventPattern: {source: [shop]}
      Targets: [{Id: alerts, Arn: !GetAtt Alerts.Arn, RoleArn: !GetAtt Role.Arn, InputPath: $.detail}]
"""


def test_a_template_has_connections_and_destinations(tmp_path, hook):
    template = tmp_path / "template.yaml"

    def deploy(server, key, text=TEMPLATE):
        template.write_text(text.replace("URL", hook.url + "/deployed").replace("SECRET-VALUE", key))
        deployed = stepwell("deploy", template, "--stack-name", "hooks", endpoint=server.url)
        assert deployed.returncode == 0, deployed.stderr + deployed.stdout

    with Server(tmp_path / "data") as server:
        events = server.client("events")
        for number, key in enumerate(["one", "two"], 1):
            deploy(server, key)
            put(events, "shop", {"n": number})
            wait_until(lambda: len(hook.requests) == number, "the call")
            headers = {name.lower(): value for name, value in hook.requests[-1][2].items()}
            assert headers["x-key"] == key
        deploy(server, "two", TEMPLATE[: TEMPLATE.index("  Connection:")] + TEMPLATE[TEMPLATE.index("  Role:") : TEMPLATE.index("  Failed:")])
        assert events.list_api_destinations()["ApiDestinations"] == []
        assert events.list_connections()["Connections"] == []
