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


def test_a_whole_scenario_with_the_command_line_of_aws(server, tmp_path):
    def states(command, *arguments):
        result = server.cli("stepfunctions", command, *arguments)
        assert result.returncode == 0, result.stderr
        return json.loads(result.stdout) if result.stdout.strip() else {}

    principal = {"Service": "states.amazonaws.com"}
    statement = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}
    trust = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    made = server.cli("iam", "create-role", "--role-name", "cli-role", "--assume-role-policy-document", trust)
    role = done(made)["Role"]["Arn"]
    activity = states("create-activity", "--name", "cli-work")["activityArn"]
    definition = tmp_path / "scenario.asl.json"
    definition.write_text(
        json.dumps(
            {
                "StartAt": "Work",
                "States": {
                    "Work": {"Type": "Task", "Resource": activity, "TimeoutSeconds": 120, "Next": "Each"},
                    "Each": {
                        "Type": "Map",
                        "ItemsPath": "$.items",
                        "ItemProcessor": {
                            "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
                            "StartAt": "One",
                            "States": {"One": {"Type": "Pass", "End": True}},
                        },
                        "End": True,
                    },
                },
            }
        )
    )
    created = states(
        "create-state-machine", "--name", "cli-scenario", "--definition", f"file://{definition}", "--role-arn", role,
        "--publish", "--tags", "key=team,value=orders",
    )  # fmt: skip
    machine, version = created["stateMachineArn"], created["stateMachineVersionArn"]
    routing = json.dumps([{"stateMachineVersionArn": version, "weight": 100}])
    alias = states("create-state-machine-alias", "--name", "live", "--routing-configuration", routing)["stateMachineAliasArn"]

    execution = states("start-execution", "--state-machine-arn", alias, "--name", "one", "--input", "{}")["executionArn"]
    task = states("get-activity-task", "--activity-arn", activity, "--worker-name", "cli")
    assert json.loads(task["input"]) == {}
    states("send-task-failure", "--task-token", task["taskToken"], "--error", "Broken", "--cause", "first try")
    assert server.end(execution)["error"] == "Broken"
    states("redrive-execution", "--execution-arn", execution)
    task = states("get-activity-task", "--activity-arn", activity)
    states("send-task-success", "--task-token", task["taskToken"], "--task-output", '{"items": [1, 2]}')
    assert server.end(execution)["output"] == "[1,2]"
    history = states("get-execution-history", "--execution-arn", execution, "--page-size", "3")["events"]
    assert [event["id"] for event in history] == list(range(1, len(history) + 1))
    assert history[-1]["type"] == "ExecutionSucceeded"
    [map_run] = states("list-map-runs", "--execution-arn", execution)["mapRuns"]
    assert states("describe-map-run", "--map-run-arn", map_run["mapRunArn"])["status"] == "SUCCEEDED"
    tested = states("test-state", "--definition", '{"Type": "Succeed"}', "--role-arn", role, "--input", "[1]")
    assert (tested["status"], tested["output"]) == ("SUCCEEDED", "[1]")

    states("delete-state-machine-alias", "--state-machine-alias-arn", alias)
    states("delete-state-machine-version", "--state-machine-version-arn", version)
    states("delete-state-machine", "--state-machine-arn", machine)
    states("delete-activity", "--activity-arn", activity)
    assert server.cli("iam", "delete-role", "--role-name", "cli-role").returncode == 0
