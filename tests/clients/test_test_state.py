"""TestState over boto3: one state at a time, mocked and for real."""

import json

import pytest
from botocore.exceptions import ClientError

from harness import ROLE

MACHINE = {
    "QueryLanguage": "JSONata",
    "StartAt": "Approval required",
    "States": {
        "Approval required": {
            "Type": "Choice",
            "Choices": [{"Condition": "{% $states.input.cost < 10 %}", "Next": "Approved"}],
            "Default": "Ask",
        },
        "Ask": {
            "Type": "Task",
            "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken",
            "Arguments": {"FunctionName": "ask", "Payload": {"token": "{% $states.context.Task.Token %}"}},
            "Output": {"approval": "{% $states.result.approval %}"},
            "Retry": [{"ErrorEquals": ["Busy"], "IntervalSeconds": 5, "MaxAttempts": 1}],
            "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Refused"}],
            "Next": "Approved",
        },
        "Approved": {"Type": "Succeed"},
        "Refused": {"Type": "Fail"},
    },
}

ECHO = "export const handler = async (event) => ({ said: event });\n"


def outcome(states, definition, **parameters):
    """The answer to a test without its metadata."""
    answer = states.test_state(definition=json.dumps(definition), **parameters)
    del answer["ResponseMetadata"]
    return answer


def test_a_machine_is_walked_state_by_state_with_mocks(states):
    first = outcome(states, MACHINE, stateName="Approval required", input='{"cost": 12}')
    assert first == {"output": '{"cost": 12}', "nextState": "Ask", "status": "SUCCEEDED"}
    second = outcome(
        states,
        MACHINE,
        stateName=first["nextState"],
        input=first["output"],
        inspectionLevel="DEBUG",
        context=json.dumps({"Task": {"Token": "t"}}),
        mock={"result": '{"approval": true}', "fieldValidationMode": "NONE"},
    )
    assert second["status"] == "SUCCEEDED"
    assert second["nextState"] == "Approved"
    assert json.loads(second["output"]) == {"approval": True}
    arguments = json.loads(second["inspectionData"]["afterArguments"])
    assert arguments["Payload"] == {"token": "t"}


def test_a_mocked_error_meets_the_retriers_and_the_catchers_of_the_state(states):
    mock = {"errorOutput": {"error": "Busy", "cause": "too much to do"}}
    retried = outcome(states, MACHINE, stateName="Ask", mock=mock, inspectionLevel="DEBUG")
    assert retried["status"] == "RETRIABLE"
    assert retried["inspectionData"]["errorDetails"] == {"retryIndex": 0, "retryBackoffIntervalSeconds": 5}
    spent = {"retrierRetryCount": 1}
    caught = outcome(states, MACHINE, stateName="Ask", mock=mock, stateConfiguration=spent)
    assert caught["status"] == "CAUGHT_ERROR"
    assert caught["nextState"] == "Refused"
    assert json.loads(caught["output"]) == {"Error": "Busy", "Cause": "too much to do"}


def test_a_task_without_a_mock_calls_its_function(server, states, name):
    function = server.create_function(name("echo"), ECHO)
    task = {"Type": "Task", "Resource": function, "Parameters": {"a.$": "$.a"}, "Next": "Then"}
    answer = outcome(states, task, roleArn=ROLE, input='{"a": 1}', inspectionLevel="TRACE")
    assert answer["status"] == "SUCCEEDED"
    assert answer["nextState"] == "Then"
    assert json.loads(answer["output"]) == {"said": {"a": 1}}
    assert json.loads(answer["inspectionData"]["result"]) == {"said": {"a": 1}}


def test_a_role_that_does_not_trust_step_functions_calls_nothing(server, states, name):
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    role = server.client("iam").create_role(RoleName=name("role"), AssumeRolePolicyDocument=policy)["Role"]["Arn"]
    task = {"Type": "Task", "Resource": server.create_function(name("echo"), ECHO), "End": True}
    with pytest.raises(ClientError) as caught:
        outcome(states, task, roleArn=role)
    assert caught.value.response["Error"]["Code"] == "AccessDeniedException"


def test_a_function_that_takes_longer_than_its_state_times_out(server, states, name):
    slow = "export const handler = () => new Promise((resolve) => setTimeout(resolve, 30_000));\n"
    function = server.create_function(name("slow"), slow, Timeout=60)
    task = {"Type": "Task", "Resource": function, "TimeoutSeconds": 1, "End": True}
    answer = outcome(states, task, roleArn=ROLE)
    assert answer == {"error": "States.Timeout", "status": "FAILED"}


def test_a_wait_is_waited_for(states):
    answer = outcome(states, {"Type": "Wait", "Seconds": 1, "Next": "Then"}, input='{"a": 1}')
    assert answer == {"output": '{"a": 1}', "nextState": "Then", "status": "SUCCEEDED"}


def test_a_test_leaves_nothing_behind(states):
    outcome(states, {"Type": "Pass", "End": True})
    assert states.list_state_machines()["stateMachines"] == []


@pytest.mark.parametrize(
    ("definition", "parameters", "code"),
    [
        ({"Type": "Pass"}, {}, "InvalidDefinition"),
        ({"Type": "Pass", "End": True}, {"mock": {"result": "1"}}, "ValidationException"),
        ({"Type": "Pass", "End": True}, {"input": "{"}, "InvalidExecutionInput"),
        ({"Type": "Pass", "End": True}, {"roleArn": "nobody"}, "InvalidArn"),
    ],
)
def test_a_request_that_makes_no_sense_is_refused(states, definition, parameters, code):
    with pytest.raises(ClientError) as caught:
        outcome(states, definition, **parameters)
    assert caught.value.response["Error"]["Code"] == code
