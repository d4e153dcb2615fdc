"""Tasks that wait for their token."""

import json

import pytest
from botocore.exceptions import ClientError

from harness import check_history, details, types, wait_until

# Hands its token over through a file, as a real function would through a queue or a mail.
KEEPS_TOKEN = """
import { renameSync, writeFileSync } from 'node:fs';
export const handler = async ({ token, file }) => {
  writeFileSync(`${file}.part`, token);
  renameSync(`${file}.part`, file);
  return 'kept';
};
"""


class Waiting:
    """An execution whose task waits for the token in `token`."""

    def __init__(self, server, name, directory, **more):
        function = name("keeper")
        server.create_function(function, KEEPS_TOKEN)
        state = {
            "Type": "Task",
            "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken",
            "Parameters": {"FunctionName": function, "Payload": {"token.$": "$$.Task.Token", "file.$": "$.file"}},
            "End": True,
        }
        states = {"T": state | more}
        if "Catch" in more:
            states["Late"] = {"Type": "Pass", "End": True}
        self.file = directory / "token"
        machine = server.create_machine(name("waits"), {"StartAt": "T", "States": states})
        self.execution = server.start(machine, {"file": str(self.file)})
        wait_until(self.file.exists, "the token to reach the handler")
        self.token = self.file.read_text()
        server.wait_for_event(self.execution, "TaskSubmitted")


@pytest.fixture
def waiting(server, name, tmp_path):
    return lambda **more: Waiting(server, name, tmp_path, **more)


def refused(call, code, **parameters):
    with pytest.raises(ClientError) as caught:
        call(**parameters)
    assert caught.value.response["Error"]["Code"] == code, caught.value.response


def test_success_gives_the_task_its_output(server, waiting):
    task = waiting()
    assert server.states.describe_execution(executionArn=task.execution)["status"] == "RUNNING"
    server.states.send_task_success(taskToken=task.token, output='{"approved":true}')
    assert server.end(task.execution)["output"] == '{"approved":true}', "the function's own reply is dropped"
    history = server.history(task.execution)
    check_history(history)
    assert types(history)[2:6] == ["TaskScheduled", "TaskStarted", "TaskSubmitted", "TaskSucceeded"]
    assert details(history[2])["resource"] == "invoke.waitForTaskToken"
    assert json.loads(details(history[4])["output"])["Payload"] == "kept"


def test_failure_fails_the_task_with_error_and_cause(server, waiting):
    task = waiting()
    server.states.send_task_failure(taskToken=task.token, error="Refused", cause="too dear")
    description = server.end(task.execution)
    assert (description["status"], description["error"], description["cause"]) == ("FAILED", "Refused", "too dear")
    assert types(server.history(task.execution))[-2:] == ["TaskFailed", "ExecutionFailed"]


def test_a_retried_failure_hands_out_another_token(server, waiting):
    task = waiting(Retry=[{"ErrorEquals": ["Again"], "IntervalSeconds": 1, "MaxAttempts": 1}])
    server.states.send_task_failure(taskToken=task.token, error="Again")
    second = wait_until(lambda: task.file.read_text() != task.token and task.file.read_text(), "a second token")
    refused(server.states.send_task_success, "TaskTimedOut", taskToken=task.token, output="1")
    server.states.send_task_success(taskToken=second, output="2")
    assert server.end(task.execution)["output"] == "2"


def test_a_token_is_accepted_once(server, waiting):
    task = waiting()
    server.states.send_task_success(taskToken=task.token, output="1")
    for call, parameters in (
        (server.states.send_task_success, {"output": "2"}),
        (server.states.send_task_failure, {"error": "E"}),
        (server.states.send_task_heartbeat, {}),
    ):
        refused(call, "TaskTimedOut", taskToken=task.token, **parameters)
    assert server.end(task.execution)["output"] == "1"


def test_a_token_of_nobody_is_invalid(server, waiting):
    task = waiting()
    forged = task.token[:-1] + ("0" if task.token[-1] != "0" else "1")
    for token in ("garbage", forged, task.token + "00", "é" * 33):
        refused(server.states.send_task_success, "InvalidToken", taskToken=token, output="1")
    server.states.send_task_success(taskToken=task.token, output="2")
    assert server.end(task.execution)["output"] == "2"


def test_an_output_that_is_not_json_is_refused_and_the_task_waits_on(server, waiting):
    task = waiting()
    refused(server.states.send_task_success, "InvalidOutput", taskToken=task.token, output="{,")
    server.states.send_task_success(taskToken=task.token, output="null")
    assert server.end(task.execution)["output"] == "null"


def test_a_task_without_heartbeats_times_out(server, waiting):
    task = waiting(HeartbeatSeconds=1)
    description = server.end(task.execution)
    assert (description["status"], description["error"]) == ("FAILED", "States.Timeout")
    history = server.history(task.execution)
    assert types(history)[-2:] == ["TaskTimedOut", "ExecutionFailed"]
    assert details(history[-2])["error"] == "States.Timeout"
    refused(server.states.send_task_heartbeat, "TaskTimedOut", taskToken=task.token)


def test_heartbeats_keep_a_task_alive_beyond_its_heartbeat_time(server, waiting):
    task = waiting(HeartbeatSeconds=2)
    submitted = server.wait_for_event(task.execution, "TaskSubmitted")["timestamp"]

    def is_older_than_a_heartbeat():
        answer = server.states.send_task_heartbeat(taskToken=task.token)["ResponseMetadata"]
        assert answer["HTTPStatusCode"] == 200
        return age(submitted) > 3

    wait_until(is_older_than_a_heartbeat, "the task to be older than its heartbeat time")
    server.states.send_task_success(taskToken=task.token, output="1")
    assert server.end(task.execution)["status"] == "SUCCEEDED"


def age(timestamp):
    return (type(timestamp).now(timestamp.tzinfo) - timestamp).total_seconds()


def test_a_heartbeat_timeout_is_caught_by_its_own_name(server, waiting):
    task = waiting(HeartbeatSeconds=1, Catch=[{"ErrorEquals": ["States.HeartbeatTimeout"], "Next": "Late"}])
    assert server.end(task.execution)["status"] == "SUCCEEDED"
    assert "PassStateEntered" in types(server.history(task.execution))
