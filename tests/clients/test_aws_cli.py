"""The AWS CLI against the server."""

import json

from harness import ACCOUNT, ROLE


def test_machines_are_listed(server):
    listed = server.cli("stepfunctions", "list-state-machines")
    assert listed.returncode == 0, listed.stderr
    assert isinstance(json.loads(listed.stdout)["stateMachines"], list)


def test_an_unknown_machine_is_named(server):
    arn = "arn:aws:states:us-east-1:123456789012:stateMachine:cli-missing"
    described = server.cli("stepfunctions", "describe-state-machine", "--state-machine-arn", arn)
    assert described.returncode != 0
    assert f"State Machine Does Not Exist: '{arn}'" in described.stderr


def done(result):
    """The JSON a successful command has printed."""
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def test_a_machine_is_created_started_described_and_its_history_read(server, tmp_path):
    definition = tmp_path / "machine.asl.json"
    definition.write_text('{"StartAt": "P", "States": {"P": {"Type": "Pass", "Result": {"ok": true}, "End": true}}}')
    created = done(
        server.cli(
            "stepfunctions", "create-state-machine", "--name", "cli-pass", "--definition", f"file://{definition}",
            "--role-arn", ROLE,
        )
    )  # fmt: skip
    machine = created["stateMachineArn"]
    listed = done(server.cli("stepfunctions", "list-state-machines"))["stateMachines"]
    assert machine in [each["stateMachineArn"] for each in listed]
    started = done(
        server.cli("stepfunctions", "start-execution", "--state-machine-arn", machine, "--name", "one", "--input", '{"a": 1}')
    )
    execution = started["executionArn"]
    server.end(execution)
    described = done(server.cli("stepfunctions", "describe-execution", "--execution-arn", execution))
    assert (described["status"], described["output"], described["input"]) == ("SUCCEEDED", '{"ok":true}', '{"a": 1}')
    history = done(server.cli("stepfunctions", "get-execution-history", "--execution-arn", execution, "--page-size", "2"))
    assert [event["type"] for event in history["events"]] == [
        "ExecutionStarted", "PassStateEntered", "PassStateExited", "ExecutionSucceeded",
    ]  # fmt: skip


def test_a_function_is_invoked(server, tmp_path):
    server.create_function("cli-echo", "export const handler = async (event) => ({ got: event });")
    output = tmp_path / "reply.json"
    replied = done(server.cli("lambda", "invoke", "--function-name", "cli-echo", "--payload", '{"a": 1}', output))
    assert (replied["StatusCode"], replied["ExecutedVersion"]) == (200, "$LATEST")
    assert json.loads(output.read_text()) == {"got": {"a": 1}}


def test_the_caller_has_the_account_of_the_server(server):
    assert done(server.cli("sts", "get-caller-identity"))["Account"] == ACCOUNT


def test_a_role_is_created_and_its_documents_read_back(server):
    trust = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"states.amazonaws.com"},"Action":"sts:AssumeRole"}]}'
    created = done(server.cli("iam", "create-role", "--role-name", "cli", "--assume-role-policy-document", trust))
    assert created["Role"]["Arn"] == f"arn:aws:iam::{ACCOUNT}:role/cli"
    read = done(server.cli("iam", "get-role", "--role-name", "cli"))
    assert read["Role"]["AssumeRolePolicyDocument"] == json.loads(trust)
    missing = server.cli("iam", "get-role", "--role-name", "nobody")
    assert "(NoSuchEntity)" in missing.stderr
