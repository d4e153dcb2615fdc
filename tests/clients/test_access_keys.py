"""A server that was given access keys: who signs with one is answered, in every protocol, and nobody else."""

import datetime
import http.cookies
import json
import urllib.parse

import boto3
import botocore.auth
import pytest
from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError
from harness import ACCOUNT, REGION, ROLE, Endpoint, Server, environment, stepwell

ALICE = ("AKIAALICE0000000TEST", "alice-secret-of-forty-characters-0000000", None)
BOB = ("AKIABOB000000000TEST", "bob-secret-of-forty-characters-000000000", None)
PASS = {"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}}
TRUST = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {}}]}


def keys_file(path, **users):
    sections = [f"[{user}]\naws_access_key_id = {key[0]}\naws_secret_access_key = {key[1]}\n" for user, key in users.items()]
    path.write_text("\n".join(sections))
    path.chmod(0o600)
    return path


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    directory = tmp_path_factory.mktemp("keys")
    running = Server(directory / "data", "--access-keys", keys_file(directory / "keys", alice=ALICE, bob=BOB))
    running.key = ALICE
    with running:
        yield running


def as_another(server, key):
    """The same server, called with another key."""
    other = Endpoint()
    other.url, other.key = server.url, key
    return other


# One call of each protocol and service, and the name of what an unknown key gets.
CALLS = {
    "states": lambda it: it.states.list_state_machines(),
    "lambda": lambda it: it.functions.list_functions(),
    "logs": lambda it: it.client("logs").describe_log_groups(),
    "events": lambda it: it.client("events").list_rules(),
    "cloudwatch": lambda it: it.client("cloudwatch").list_metrics(),
    "xray": lambda it: it.client("xray").get_sampling_rules(),
    "scheduler": lambda it: it.client("scheduler").list_schedules(),
    "apigateway": lambda it: it.client("apigateway").get_rest_apis(),
    "apigatewayv2": lambda it: it.client("apigatewayv2").get_apis(),
    "iam": lambda it: it.client("iam").list_roles(),
    "sts": lambda it: it.client("sts").get_caller_identity(),
}
QUERY = {"iam", "sts"}


@pytest.mark.parametrize("service", CALLS)
def test_every_service_takes_what_is_signed_and_nothing_else(server, service):
    call, is_query = CALLS[service], service in QUERY
    call(server)

    def code_with(key):
        with pytest.raises(ClientError) as refused:
            call(as_another(server, key))
        status = refused.value.response["ResponseMetadata"]["HTTPStatusCode"]
        assert status in (400, 403)
        return refused.value.response["Error"]["Code"]

    unknown = "InvalidClientTokenId" if is_query else "UnrecognizedClientException"
    assert code_with(("AKIANOBODY000000TEST", ALICE[1], None)) == unknown
    assert code_with((ALICE[0], ALICE[1], "a token that nobody gave")) == unknown
    assert code_with((ALICE[0], BOB[1], None)) == ("SignatureDoesNotMatch" if is_query else "InvalidSignatureException")


def test_cbor_is_answered_in_cbor(server):
    cloudwatch = boto3.client(
        "cloudwatch", endpoint_url=server.url, region_name=REGION, aws_access_key_id="AKIANOBODY000000TEST", aws_secret_access_key="x" * 20
    )
    request = AWSRequest("POST", f"{server.url}/service/GraniteServiceVersion20100801/operation/ListMetrics", data=b"\xa0")
    request.headers["smithy-protocol"] = "rpc-v2-cbor"
    SigV4Auth(Credentials("AKIANOBODY000000TEST", "x" * 20), "monitoring", REGION).add_auth(request)
    status, headers, body = server.http("POST", "/service/GraniteServiceVersion20100801/operation/ListMetrics", b"\xa0", dict(request.headers))
    assert (status, headers["smithy-protocol"]) == (400, "rpc-v2-cbor")
    assert b"UnrecognizedClientException" in body
    with pytest.raises(ClientError, match="The security token included in the request is invalid"):
        cloudwatch.list_metrics()


def test_what_is_not_signed_is_refused_and_does_nothing(server):
    body = json.dumps({"name": "unsigned", "definition": json.dumps(PASS), "roleArn": ROLE})
    status, answer = server.call("CreateStateMachine", body)
    assert (status, answer["__type"]) == (400, "MissingAuthenticationTokenException")
    status, headers, answer = server.http("GET", "/2015-03-31/functions")
    assert (status, headers["x-amzn-errortype"]) == (403, "MissingAuthenticationTokenException")
    assert json.loads(answer) == {"message": "Missing Authentication Token"}
    status, _, answer = server.http("POST", "/", "Action=ListRoles&Version=2010-05-08")
    assert (status, b"<Code>MissingAuthenticationToken</Code>" in answer) == (403, True)
    for method, path in [("GET", "/backup"), ("POST", "/backup"), ("GET", "/console/live"), ("POST", "/console/search")]:
        assert server.http(method, path, "{}" if method == "POST" else "")[0] == 403, path
    assert "unsigned" not in [machine["name"] for machine in server.states.list_state_machines()["stateMachines"]]
    # What machines ask of machines, and what shows the page to sign in.
    for path in ["/health", "/ready", "/metrics", "/console/"]:
        assert server.http("GET", path)[0] == 200, path


def signed(key, service, method, url, body=b"", **headers):
    request = AWSRequest(method, url, data=body, headers=headers)
    SigV4Auth(Credentials(*key), service, REGION).add_auth(request)
    return dict(request.headers)


def test_what_was_changed_on_its_way_or_is_old_is_refused(server, monkeypatch):
    headers = {"X-Amz-Target": "AWSStepFunctions.ListStateMachines", "Content-Type": "application/x-amz-json-1.0"}
    sent = signed(ALICE, "states", "POST", server.url + "/", b"{}", **headers)
    assert server.http("POST", "/", b"{}", sent)[0] == 200
    changed = [
        (b'{"maxResults":1}', sent),
        (b"{}", sent | {"X-Amz-Target": "AWSStepFunctions.ListActivities"}),
        (b"{}", sent | {"Host": "localhost:1"}),
    ]
    for body, headers_sent in changed:
        status, _, answer = server.http("POST", "/", body, headers_sent)
        assert (status, json.loads(answer)["__type"]) == (400, "InvalidSignatureException"), answer
    past = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(minutes=6)
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda *_, **__: past.replace(tzinfo=None))
    old = signed(ALICE, "states", "POST", server.url + "/", b"{}", **headers)
    status, _, answer = server.http("POST", "/", b"{}", old)
    said = json.loads(answer)
    assert (status, said["__type"]) == (400, "InvalidSignatureException")
    assert said["message"].startswith("Signature expired: ") and said["message"].endswith(" - 5 min.)")


def test_an_order_runs_and_everybody_is_who_they_are(server, name):
    machine = server.create_machine(name("m"), PASS)
    assert server.run(machine)[0]["status"] == "SUCCEEDED"
    sts = server.client("sts")
    assert sts.get_caller_identity()["Arn"] == f"arn:aws:iam::{ACCOUNT}:user/alice"
    bob = as_another(server, BOB).client("sts").get_caller_identity()
    assert (bob["Arn"], bob["Account"]) == (f"arn:aws:iam::{ACCOUNT}:user/bob", ACCOUNT)
    assert bob["UserId"].startswith("AIDA") and bob["UserId"] != sts.get_caller_identity()["UserId"]


def test_who_is_trusted_assumes_a_role_and_calls_with_its_session(server, name):
    role = name("role")
    trust = json.loads(json.dumps(TRUST))
    trust["Statement"][0]["Principal"] = {"AWS": f"arn:aws:iam::{ACCOUNT}:user/alice"}
    created = server.client("iam").create_role(RoleName=role, AssumeRolePolicyDocument=json.dumps(trust))
    arn = created["Role"]["Arn"]
    given = server.client("sts").assume_role(RoleArn=arn, RoleSessionName="shift")["Credentials"]
    key = (given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"])
    session = as_another(server, key)
    assert session.client("sts").get_caller_identity()["Arn"] == f"arn:aws:sts::{ACCOUNT}:assumed-role/{role}/shift"
    session.states.list_state_machines()
    with pytest.raises(ClientError, match=f"User: arn:aws:iam::{ACCOUNT}:user/bob is not authorized to perform: sts:AssumeRole"):
        as_another(server, BOB).client("sts").assume_role(RoleArn=arn, RoleSessionName="shift")
    for wrong in [(key[0], "x" * 40, key[2]), (key[0], key[1], None), ("ASIAOTHER0000000TEST", key[1], key[2])]:
        with pytest.raises(ClientError, match="UnrecognizedClientException|InvalidSignatureException"):
            as_another(server, wrong).states.list_state_machines()


def test_a_handler_gets_credentials_that_this_run_of_the_server_takes(tmp_path, name):
    keys = keys_file(tmp_path / "keys", alice=ALICE)
    server = Server(tmp_path / "data", "--access-keys", keys)
    server.key = ALICE
    with server:
        function = name("f")
        names = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"]
        source = f"export const handler = async () => {json.dumps(names)}.map((name) => process.env[name]);"
        server.create_function(function, source)
        key = tuple(server.invoke(function)["Payload"])
        arn = f"arn:aws:sts::{ACCOUNT}:assumed-role/any/{function}"
        handler = as_another(server, key)
        assert handler.client("sts").get_caller_identity()["Arn"] == arn
        handler.functions.list_functions()
        # What a handler assumes ends with it, and is as short as AWS has it.
        trust = json.loads(json.dumps(TRUST))
        trust["Statement"][0]["Principal"] = {"AWS": ROLE}
        role = server.client("iam").create_role(RoleName="chained", AssumeRolePolicyDocument=json.dumps(trust), MaxSessionDuration=7200)
        role = role["Role"]["Arn"]
        given = handler.client("sts").assume_role(RoleArn=role, RoleSessionName="shift")["Credentials"]
        chained = (given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"])
        as_another(server, chained).functions.list_functions()
        with pytest.raises(ClientError, match="1 hour session limit for roles assumed by role chaining"):
            handler.client("sts").assume_role(RoleArn=role, RoleSessionName="shift", DurationSeconds=7200)
        server.restart_after_kill()
        with pytest.raises(ClientError, match="UnrecognizedClientException"):
            as_another(server, chained).functions.list_functions()
        with pytest.raises(ClientError, match="UnrecognizedClientException"):
            as_another(server, key).functions.list_functions()
        assert tuple(server.invoke(function)["Payload"]) != key


def test_a_handler_with_a_key_of_its_own_has_no_session_of_ours(server, name):
    function = name("f")
    names = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"]
    source = f"export const handler = async () => {json.dumps(names)}.map((name) => process.env[name] ?? null);"
    own = {"AWS_ACCESS_KEY_ID": BOB[0], "AWS_SECRET_ACCESS_KEY": BOB[1]}
    server.create_function(function, source, Environment={"Variables": own})
    key = tuple(server.invoke(function)["Payload"])
    assert key == BOB
    assert as_another(server, key).client("sts").get_caller_identity()["Arn"].endswith(":user/bob")


def test_a_role_with_a_path_is_trusted_by_its_whole_name(server, name):
    role, function = name("role"), name("f")
    whole = f"arn:aws:iam::{ACCOUNT}:role/team/caller"
    names = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"]
    source = f"export const handler = async () => {json.dumps(names)}.map((name) => process.env[name]);"
    server.create_function(function, source, Role=whole)
    handler = as_another(server, tuple(server.invoke(function)["Payload"])).client("sts")
    for principal, is_trusted in [(whole, True), (f"arn:aws:iam::{ACCOUNT}:role/caller", False)]:
        trust = json.loads(json.dumps(TRUST))
        trust["Statement"][0]["Principal"] = {"AWS": principal}
        created = server.client("iam").create_role(RoleName=f"{role[:40]}-{is_trusted}", AssumeRolePolicyDocument=json.dumps(trust))
        if is_trusted:
            handler.assume_role(RoleArn=created["Role"]["Arn"], RoleSessionName="shift")
        else:
            with pytest.raises(ClientError, match="AccessDenied"):
                handler.assume_role(RoleArn=created["Role"]["Arn"], RoleSessionName="shift")


def test_signed_front_doors_know_the_caller_and_open_ones_take_what_the_application_takes(server, name):
    function = name("f")
    server.create_function(function, "export const handler = async (event) => ({ event });")
    created = server.functions.create_function_url_config(FunctionName=function, AuthType="AWS_IAM")
    path = urllib.parse.urlsplit(created["FunctionUrl"]).path

    def call(key, at=path):
        return server.http("GET", at, headers=signed(key, "lambda", "GET", server.url + at))

    status, _, body = call(ALICE)
    assert status == 200, body
    iam = json.loads(body)["event"]["requestContext"]["authorizer"]["iam"]
    assert (status, iam["accessKey"], iam["userArn"]) == (200, ALICE[0], f"arn:aws:iam::{ACCOUNT}:user/alice")
    status, _, body = call((ALICE[0], BOB[1], None))
    assert (status, json.loads(body)["Message"].startswith("The request signature we calculated")) == (403, True)
    assert server.http("GET", path)[0] == 403
    # The address may carry the signature, for as long as it says.
    request = AWSRequest("GET", server.url + path)
    SigV4QueryAuth(Credentials(*ALICE), "lambda", REGION, expires=60).add_auth(request)
    query = request.url.split("?")[1]
    assert server.http("GET", f"{path}?{query}")[0] == 200
    assert server.http("GET", f"{path}?{query.replace('Expires=60', 'Expires=61')}")[0] == 403
    server.functions.update_function_url_config(FunctionName=function, AuthType="NONE")
    headers = {"Authorization": "Bearer of-the-application", "Cookie": "theme=dark; stepwell_session=secret"}
    status, _, body = server.http("GET", path, headers=headers)
    event = json.loads(body)["event"]
    assert (status, event["headers"]["authorization"], event.get("cookies")) == (200, "Bearer of-the-application", ["theme=dark"])
    assert "stepwell_session" not in body.decode()


def test_apis_know_the_caller(server, name):
    function = name("f")
    arn = server.create_function(function, "export const handler = async (event) => ({ event });")
    uri = f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/{arn}/invocations"
    integration = {"type": "aws_proxy", "httpMethod": "POST", "uri": uri, "payloadFormatVersion": "2.0"}
    operation = {"responses": {}, "x-amazon-apigateway-auth": {"type": "AWS_IAM"}, "x-amazon-apigateway-integration": integration}
    document = {"openapi": "3.0.1", "info": {"title": name("api"), "version": "1"}, "paths": {"/admin/{proxy+}": {"get": operation}}}
    apis = server.client("apigatewayv2")
    api = apis.import_api(Body=json.dumps(document))["ApiId"]
    apis.create_stage(ApiId=api, StageName="$default", AutoDeploy=True)
    path = f"/execute-api/{api}/admin/x"

    def get(at, key=ALICE):
        return server.http("GET", at, headers=signed(key, "execute-api", "GET", server.url + path))

    status, _, body = get(path)
    assert status == 200, body
    assert json.loads(body)["event"]["requestContext"]["authorizer"]["iam"]["userArn"] == f"arn:aws:iam::{ACCOUNT}:user/alice"
    assert get(path, BOB)[0] == 200
    # What a signature does not see must not lead elsewhere.
    for walked in [f"/execute-api/{api}/admin/../admin/x", f"/execute-api/other/../{api}/admin/x"]:
        assert get(walked)[0] in (403, 404), walked


def test_what_decides_what_a_request_does_is_signed(server, name):
    function = name("f")
    server.create_function(function, "export const handler = async () => 1;")
    path = f"/2015-03-31/functions/{function}/invocations"
    headers = signed(ALICE, "lambda", "POST", server.url + path, b"{}")
    assert server.http("POST", path, b"{}", headers)[0] == 200
    status, answered, _ = server.http("POST", path, b"{}", headers | {"X-Amz-Invocation-Type": "Event"})
    assert (status, answered["x-amzn-errortype"]) == (403, "IncompleteSignatureException")


def test_the_location_of_a_package_opens_that_one_for_a_while(server, name):
    function = name("f")
    server.create_function(function, "export const handler = async () => 1;")
    location = urllib.parse.urlsplit(server.functions.get_function(FunctionName=function)["Code"]["Location"])
    status, headers, _ = server.http("GET", f"{location.path}?{location.query}")
    assert (status, headers["content-type"]) == (200, "application/zip")
    assert server.http("GET", location.path)[0] == 403
    assert server.http("GET", f"{location.path}?{location.query.replace('until=1', 'until=2')}")[0] == 403
    # A known id is not enough.
    wrong = signed((ALICE[0], BOB[1], None), "lambda", "GET", server.url + location.path)
    assert server.http("GET", location.path, headers=wrong)[0] == 403
    right = signed(ALICE, "lambda", "GET", server.url + location.path)
    assert server.http("GET", location.path, headers=right)[0] == 200


def test_a_proxy_on_this_machine_is_nobody(tmp_path):
    keys = keys_file(tmp_path / "keys", alice=ALICE)
    with Server(tmp_path / "data", "--access-keys", keys, "--host", "flows.example.com") as server:
        forwarded = {"X-Forwarded-For": "203.0.113.9", "Host": "flows.example.com"}
        assert server.http("GET", "/console/session", headers=forwarded)[0] == 200
        assert server.http("GET", "/console/session", headers={"Host": "other.example.com"})[0] == 403
        assert server.http("POST", "/drain", headers={"X-Stepwell-Drain": "true"} | forwarded)[0] == 403
        assert server.http("POST", "/drain", headers={"X-Stepwell-Drain": "true"})[0] == 403
        spans = {"Content-Type": "application/json"}
        assert server.http("POST", "/v1/traces", b"{}", spans | forwarded)[0] == 403
        assert server.http("POST", "/v1/traces", b"{}", spans)[0] == 200
        assert server.http("GET", "/ready")[0] == 200
        drain = {"X-Stepwell-Drain": "true"}
        assert server.http("POST", "/drain", headers=signed(ALICE, "states", "POST", server.url + "/drain", **drain))[0] == 200


def test_the_console_has_a_session(server):
    def session(method, body=None, **headers):
        status, answered, content = server.http(method, "/console/session", json.dumps(body) if body else "", headers)
        return status, answered, json.loads(content) if content else None

    assert session("GET")[2] == {"isRequired": True, "user": None}
    for key in [(ALICE[0], BOB[1]), ("AKIANOBODY000000TEST", ALICE[1]), ("", "")]:
        status, headers, said = session("POST", {"accessKeyId": key[0], "secretAccessKey": key[1]})
        assert (status, said["__type"], headers["set-cookie"]) == (403, "UnrecognizedClientException", None)
    assert session("POST", {"accessKeyId": ALICE[0]})[0] == 400
    wanted = {"accessKeyId": ALICE[0], "secretAccessKey": ALICE[1]}
    assert session("POST", wanted, Origin="http://evil.example")[0] == 403
    status, headers, _ = session("POST", wanted)
    cookie = headers["set-cookie"]
    assert (status, "HttpOnly" in cookie, "SameSite=Strict" in cookie, "Secure" in cookie) == (204, True, True, False)
    assert "Secure" in session("POST", wanted, **{"X-Forwarded-Proto": "https"})[1]["set-cookie"]
    morsel = http.cookies.SimpleCookie(cookie)["stepwell_session"]
    carried = {"Cookie": f"a=b; stepwell_session={morsel.value}"}
    user = session("GET", **carried)[2]["user"]
    assert (user["name"], user["arn"]) == ("alice", f"arn:aws:iam::{ACCOUNT}:user/alice")
    own = carried | {"Origin": server.url, "Sec-Fetch-Site": "same-origin"}
    assert server.call("ListStateMachines", "{}", own)[0] == 200
    assert server.http("GET", "/2015-03-31/functions", headers=carried)[0] == 200
    assert server.http("POST", "/console/search", '{"text": "x"}', own)[0] != 403
    # Another port of this machine has the cookie too.
    other = carried | {"Origin": "http://127.0.0.1:1", "Sec-Fetch-Site": "same-site"}
    assert server.call("ListStateMachines", "{}", other)[0] in (400, 403)
    assert server.http("GET", "/2015-03-31/functions", headers=carried | {"Sec-Fetch-Site": "same-site"})[0] == 403
    # A seal of another key, a changed text, and nothing.
    text, seal = morsel.value.split(".")
    for value in [f"{text}.{seal[:-2]}xx", f"{text[:-1]}.{seal}", text, ".", ""]:
        status, said = server.call("ListStateMachines", "{}", {"Cookie": f"stepwell_session={value}"})
        assert status == 400 and said["__type"] in ("UnrecognizedClientException", "MissingAuthenticationTokenException"), value
    status, headers, _ = session("DELETE", **carried)
    assert (status, "Max-Age=0" in headers["set-cookie"]) == (204, True)


def test_the_command_line_signs(server, tmp_path):
    def listed(**more):
        return stepwell("list", "--json", endpoint=server.url, more_environment=more)

    refused = listed()
    assert refused.returncode != 0 and "The security token included in the request is invalid" in refused.stderr
    nothing = listed(AWS_ACCESS_KEY_ID="", AWS_SECRET_ACCESS_KEY="")
    assert "next: this server wants signed requests: set AWS_ACCESS_KEY_ID" in nothing.stderr
    done = listed(AWS_ACCESS_KEY_ID=ALICE[0], AWS_SECRET_ACCESS_KEY=ALICE[1])
    assert done.returncode == 0, done.stderr
    profile = {
        "AWS_ACCESS_KEY_ID": "",
        "AWS_SECRET_ACCESS_KEY": "",
        "AWS_SHARED_CREDENTIALS_FILE": str(keys_file(tmp_path / "credentials", bob=BOB)),
        "AWS_PROFILE": "bob",
    }
    done = listed(**profile)
    assert done.returncode == 0, done.stderr
    backup = stepwell("backup", "--to", tmp_path / "copy", endpoint=server.url, more_environment=profile)
    assert backup.returncode == 0, backup.stderr


def test_the_aws_cli_is_answered(server):
    done = server.cli("stepfunctions", "list-state-machines")
    assert done.returncode != 0 and "UnrecognizedClientException" in done.stderr


def test_a_new_key_is_a_section_of_the_file(tmp_path):
    made = stepwell("access-key", "carol")
    assert made.returncode == 0 and made.stdout.startswith("[carol]\naws_access_key_id = AKIA")
    keys = tmp_path / "keys"
    keys.write_text(made.stdout)
    keys.chmod(0o600)
    server = Server(tmp_path / "data", "--access-keys", keys)
    lines = dict(line.split(" = ") for line in made.stdout.splitlines()[1:])
    server.key = (lines["aws_access_key_id"], lines["aws_secret_access_key"], None)
    with server:
        assert server.client("sts").get_caller_identity()["Arn"].endswith(":user/carol")
        assert "others may read" not in server.process.stderr
    assert "user name 'a b'" in stepwell("access-key", "a b").stderr


def test_a_file_that_cannot_be_used_starts_no_server(tmp_path):
    for text, said in [("", "has no access key"), ("[x]\naws_access_key_id = 1", ":1: [x] needs aws_access_key_id and")]:
        (tmp_path / "keys").write_text(text)
        done = stepwell("serve", "--listen", "127.0.0.1:0", "--data", tmp_path / "data", "--access-keys", tmp_path / "keys")
        assert done.returncode != 0 and said in done.stderr, done.stderr
    missing = stepwell("serve", "--listen", "127.0.0.1:0", "--data", tmp_path / "data", "--access-keys", tmp_path / "none")
    assert missing.returncode != 0 and "cannot read" in missing.stderr
    assert environment()["AWS_ACCESS_KEY_ID"] == "stepwell"
