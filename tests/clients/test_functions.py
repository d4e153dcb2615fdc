"""Lambda over boto3, and functions as tasks."""

import base64
import json
import urllib.request

import pytest
from botocore.exceptions import ClientError

from harness import ACCOUNT, REGION, ROLE, RUNTIME, check_history, details, package, types

ECHO = "export const handler = async (event) => event;"
THROWS = """
class CardDeclined extends Error { constructor(message) { super(message); this.name = 'CardDeclined'; } }
export const handler = async () => { throw new CardDeclined('no funds'); };
"""
FAILS_TWICE = """
let calls = 0;
export const handler = async () => {
  calls += 1;
  if (calls < 3) { const error = new Error(`call ${calls}`); error.name = 'ServiceError'; throw error; }
  return { calls };
};
"""


def task(resource, **more):
    return {"StartAt": "T", "States": {"T": {"Type": "Task", "Resource": resource, "End": True} | more}}


def lambda_error(call, code, status, **parameters):
    with pytest.raises(ClientError) as caught:
        call(**parameters)
    error = caught.value.response
    assert (error["Error"]["Code"], error["ResponseMetadata"]["HTTPStatusCode"]) == (code, status), error
    return error["Error"]["Message"]


# The API


def test_a_created_function_becomes_active_and_is_invoked(server, name):
    function = name("f")
    created = server.functions.create_function(
        FunctionName=function,
        Runtime=RUNTIME,
        Role=ROLE,
        Handler="index.handler",
        Code={"ZipFile": package({"index.mjs": ECHO})},
    )
    assert created["ResponseMetadata"]["HTTPStatusCode"] == 201
    assert created["FunctionArn"] == f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{function}"
    assert (created["Timeout"], created["MemorySize"], created["Version"]) == (3, 128, "$LATEST")
    server.functions.get_waiter("function_active_v2").wait(FunctionName=function, WaiterConfig={"Delay": 1})
    reply = server.invoke(function, {"a": [1, "ü"]})
    assert (reply["StatusCode"], reply["ExecutedVersion"], reply["Payload"]) == (200, "$LATEST", {"a": [1, "ü"]})
    assert "FunctionError" not in reply
    assert server.invoke(created["FunctionArn"], {"by": "ARN"})["Payload"] == {"by": "ARN"}


def test_the_log_tail_has_start_lines_end_and_report(server, name):
    function = name("f")
    server.create_function(function, "export const handler = async (e) => { console.log('hello', e); console.error('oh'); };")
    reply = server.invoke(function, {"a": 1}, LogType="Tail")
    assert reply["Payload"] is None, "AWS: no return value is null"
    tail = base64.b64decode(reply["LogResult"]).decode()
    request_id = reply["ResponseMetadata"]["RequestId"]
    start, end = f"START RequestId: {request_id} Version: $LATEST", f"END RequestId: {request_id}"
    places = [tail.index(text) for text in (start, "hello { a: 1 }", "oh", end, f"REPORT RequestId: {request_id}")]
    assert places == sorted(places)
    assert "Memory Size: 128 MB" in tail
    assert "LogResult" not in server.invoke(function)


def test_a_thrown_error_is_an_unhandled_function_error_by_its_name(server, name):
    function = name("f")
    server.create_function(function, THROWS)
    reply = server.invoke(function)
    assert (reply["StatusCode"], reply["FunctionError"]) == (200, "Unhandled")
    assert (reply["Payload"]["errorType"], reply["Payload"]["errorMessage"]) == ("CardDeclined", "no funds")
    assert reply["Payload"]["trace"][0] == "CardDeclined: no funds"


def test_new_code_and_configuration_take_effect_on_the_next_invocation(server, name):
    function = name("f")
    source = "export const handler = async () => ({ version: %d, stage: process.env.STAGE ?? null });"
    server.create_function(function, source % 1)
    assert server.invoke(function)["Payload"] == {"version": 1, "stage": None}
    updated = server.functions.update_function_code(FunctionName=function, ZipFile=package({"index.mjs": source % 2}))
    assert server.invoke(function)["Payload"] == {"version": 2, "stage": None}
    configured = server.functions.update_function_configuration(
        FunctionName=function, Environment={"Variables": {"STAGE": "test"}}, Timeout=7
    )
    assert server.invoke(function)["Payload"] == {"version": 2, "stage": "test"}
    assert configured["RevisionId"] != updated["RevisionId"]
    assert (configured["Timeout"], configured["CodeSha256"]) == (7, updated["CodeSha256"])


def test_an_update_of_another_revision_is_refused(server, name):
    function = name("f")
    server.create_function(function, ECHO)
    lambda_error(
        server.functions.update_function_configuration,
        "PreconditionFailedException",
        412,
        FunctionName=function,
        Timeout=5,
        RevisionId="00000000-0000-0000-0000-000000000000",
    )
    assert server.functions.get_function_configuration(FunctionName=function)["Timeout"] == 30


def test_the_code_location_gives_the_package_back(server, name):
    function = name("f")
    server.create_function(function, ECHO, Tags={"team": "orders"})
    found = server.functions.get_function(FunctionName=function)
    assert found["Tags"] == {"team": "orders"}
    with urllib.request.urlopen(found["Code"]["Location"], timeout=30) as response:
        zipped = response.read()
    assert len(zipped) == found["Configuration"]["CodeSize"]
    again = server.functions.update_function_code(FunctionName=function, ZipFile=zipped)
    assert again["CodeSha256"] == found["Configuration"]["CodeSha256"]


def test_functions_are_listed_page_by_page_and_deleted(server, name):
    names = [name("listed") for _ in range(3)]
    for function in names:
        server.create_function(function, ECHO)
    pages = server.functions.get_paginator("list_functions").paginate(PaginationConfig={"PageSize": 2})
    listed = [function["FunctionName"] for page in pages for function in page["Functions"]]
    assert set(names) <= set(listed)
    assert len(set(listed)) == len(listed)
    server.functions.delete_function(FunctionName=names[0])
    message = lambda_error(
        server.functions.invoke, "ResourceNotFoundException", 404, FunctionName=names[0], Payload=b"{}"
    )
    # AWS: an invocation without a qualifier is one of $LATEST, and the message says so.
    assert message == f"Function not found: arn:aws:lambda:{REGION}:{ACCOUNT}:function:{names[0]}:$LATEST"
    lambda_error(server.functions.delete_function, "ResourceNotFoundException", 404, FunctionName=names[0])


def test_a_function_is_created_once(server, name):
    function = name("f")
    server.create_function(function, ECHO)
    with pytest.raises(ClientError) as caught:
        server.create_function(function, ECHO)
    assert caught.value.response["Error"]["Code"] == "ResourceConflictException"
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 409


def test_code_that_is_not_a_zip_is_refused(server, name):
    message = lambda_error(
        server.functions.create_function,
        "InvalidParameterValueException",
        400,
        FunctionName=name("f"),
        Runtime=RUNTIME,
        Role=ROLE,
        Handler="index.handler",
        Code={"ZipFile": b"not a zip"},
    )
    assert message.startswith("Could not unzip uploaded file.")


def test_an_event_that_is_not_json_is_refused(server, name):
    function = name("f")
    server.create_function(function, ECHO)
    lambda_error(server.functions.invoke, "InvalidRequestContentException", 400, FunctionName=function, Payload=b"{,")


@pytest.mark.parametrize(
    ("files", "handler", "error_type"),
    [
        ({"index.mjs": "export const other = 1;"}, "index.handler", "Runtime.HandlerNotFound"),
        ({"other.mjs": ECHO}, "index.handler", "Runtime.ImportModuleError"),
        ({"index.js": "exports.handler = ("}, "index.handler", "Runtime.UserCodeSyntaxError"),
        ({"index.mjs": ECHO}, "nodot", "Runtime.MalformedHandlerName"),
    ],
)
def test_a_handler_that_cannot_be_loaded_is_named(server, name, files, handler, error_type):
    function = name("f")
    server.functions.create_function(
        FunctionName=function, Runtime=RUNTIME, Role=ROLE, Handler=handler, Code={"ZipFile": package(files)}
    )
    reply = server.invoke(function)
    assert (reply["FunctionError"], reply["Payload"]["errorType"]) == ("Unhandled", error_type), reply


def test_a_handler_that_takes_too_long_is_timed_out(server, name):
    function = name("f")
    server.create_function(function, "export const handler = () => new Promise((r) => setTimeout(r, 60000));", Timeout=1)
    reply = server.invoke(function)
    assert (reply["FunctionError"], reply["Payload"]["errorType"]) == ("Unhandled", "Sandbox.Timedout")
    assert reply["Payload"]["errorMessage"].endswith("Task timed out after 1.00 seconds")


# Tasks


def test_a_task_by_function_arn_has_lambda_function_events(server, name):
    function = server.create_function(name("f"), "export const handler = async (e) => ({ doubled: e.n * 2 });")
    description, history = server.run(server.create_machine(name("m"), task(function)), {"n": 21})
    assert description["output"] == '{"doubled":42}'
    check_history(history)
    assert types(history) == [
        "ExecutionStarted", "TaskStateEntered", "LambdaFunctionScheduled", "LambdaFunctionStarted",
        "LambdaFunctionSucceeded", "TaskStateExited", "ExecutionSucceeded",
    ]  # fmt: skip
    assert details(history[2])["resource"] == function
    assert details(history[2])["input"] == description["input"], "AWS: the text as it was given"


def test_a_task_by_lambda_invoke_has_task_events_and_the_reply_around_the_payload(server, name):
    function = name("f")
    server.create_function(function, "export const handler = async (e) => ({ doubled: e.n * 2 });")
    definition = task(
        "arn:aws:states:::lambda:invoke", Parameters={"FunctionName": function, "Payload": {"n.$": "$.n"}}
    )
    description, history = server.run(server.create_machine(name("m"), definition), {"n": 4})
    output = json.loads(description["output"])
    assert (output["Payload"], output["StatusCode"], output["ExecutedVersion"]) == ({"doubled": 8}, 200, "$LATEST")
    assert types(history)[2:5] == ["TaskScheduled", "TaskStarted", "TaskSucceeded"]
    assert {key: details(history[2])[key] for key in ("resourceType", "resource", "region")} == {
        "resourceType": "lambda",
        "resource": "invoke",
        "region": REGION,
    }


def test_a_retry_backs_off_and_shows_every_attempt(server, name):
    function = server.create_function(name("f"), FAILS_TWICE)
    retry = [{"ErrorEquals": ["ServiceError"], "IntervalSeconds": 1, "MaxAttempts": 3, "BackoffRate": 1.5}]
    description, history = server.run(server.create_machine(name("m"), task(function, Retry=retry)))
    assert description["output"] == '{"calls":3}'
    check_history(history)
    attempt = ["LambdaFunctionScheduled", "LambdaFunctionStarted"]
    assert types(history)[2:-2] == [
        *attempt, "LambdaFunctionFailed", *attempt, "LambdaFunctionFailed", *attempt, "LambdaFunctionSucceeded",
    ]  # fmt: skip
    # AWS: the next attempt is Scheduled right after Failed; the delay is between the two.
    failed = [event for event in history if event["type"] == "LambdaFunctionFailed"]
    delays = [(history[event["id"]]["timestamp"] - event["timestamp"]).total_seconds() for event in failed]
    assert delays[0] >= 1
    assert delays[1] >= 1.5
    assert [details(event)["error"] for event in failed] == ["ServiceError"] * 2


def test_a_catch_matches_the_name_of_the_error_and_gets_its_cause(server, name):
    function = server.create_function(name("f"), THROWS)
    definition = task(function, Catch=[{"ErrorEquals": ["CardDeclined"], "ResultPath": "$.problem", "Next": "Told"}])
    definition["States"]["Told"] = {"Type": "Pass", "End": True}
    description, history = server.run(server.create_machine(name("m"), definition), {"order": 7})
    output = json.loads(description["output"])
    assert output["order"] == 7
    assert output["problem"]["Error"] == "CardDeclined"
    assert json.loads(output["problem"]["Cause"])["errorMessage"] == "no funds"
    assert types(history)[4:6] == ["LambdaFunctionFailed", "TaskStateExited"]


def test_an_error_that_nobody_catches_fails_the_execution_with_its_name(server, name):
    function = server.create_function(name("f"), THROWS)
    definition = task(function, Catch=[{"ErrorEquals": ["Other"], "Next": "Told"}])
    definition["States"]["Told"] = {"Type": "Pass", "End": True}
    description, history = server.run(server.create_machine(name("m"), definition))
    assert (description["status"], description["error"]) == ("FAILED", "CardDeclined")
    assert json.loads(description["cause"])["errorType"] == "CardDeclined"
    assert types(history)[-2:] == ["LambdaFunctionFailed", "ExecutionFailed"]


def test_a_task_of_a_missing_function_fails_with_lambdas_error(server, name):
    arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:absent"
    description, _ = server.run(server.create_machine(name("m"), task(arn)))
    assert (description["status"], description["error"]) == ("FAILED", "Lambda.ResourceNotFoundException")
    assert description["cause"].startswith(f"Function not found: {arn}:$LATEST (Service: AWSLambda; Status Code: 404;")


def test_a_task_timeout_fails_the_task_while_the_function_runs(server, name):
    function = server.create_function(name("f"), "export const handler = () => new Promise((r) => setTimeout(r, 20000));")
    description, history = server.run(server.create_machine(name("m"), task(function, TimeoutSeconds=1)))
    assert (description["status"], description["error"]) == ("FAILED", "States.Timeout")
    assert "cause" not in description
    assert types(history)[-2:] == ["LambdaFunctionTimedOut", "ExecutionFailed"]


def test_branches_call_functions_at_the_same_time(server, name):
    # Each waits for the other: one after the other they would never end.
    source = """
    import { existsSync, writeFileSync } from 'node:fs';
    export const handler = async ({ directory, mine, other }) => {
      writeFileSync(`${directory}/${mine}`, '');
      while (!existsSync(`${directory}/${other}`)) await new Promise((r) => setTimeout(r, 5));
      return mine;
    };
    """
    function = server.create_function(name("f"), source)

    def branch(mine, other):
        parameters = {"directory.$": "$.directory", "mine": mine, "other": other}
        state = {"Type": "Task", "Resource": function, "Parameters": parameters, "End": True}
        return {"StartAt": mine, "States": {mine: state}}

    definition = {
        "StartAt": "Both",
        "States": {"Both": {"Type": "Parallel", "Branches": [branch("a", "b"), branch("b", "a")], "End": True}},
    }
    directory = server.data / "meeting"
    directory.mkdir()
    description, _ = server.run(server.create_machine(name("m"), definition), {"directory": str(directory)})
    assert description["output"] == '["a","b"]'
