"""Status changes of executions as events for rules, through boto3."""

import json

import pytest

from harness import ACCOUNT, REGION, ROLE, Server, wait_until

PASS = {"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}}
FAIL = {"StartAt": "F", "States": {"F": {"Type": "Fail", "Error": "Declined", "Cause": "no money"}}}
DETAIL_TYPE = "Step Functions Execution Status Change"
# Appends each event that it is called with to a file.
KEEPER = """
import { appendFileSync } from 'node:fs';
export const handler = async (event) => appendFileSync(process.env.KEPT, JSON.stringify(event) + '\\n');
"""


def watch(server, rule, machine, target, statuses=None, **more):
    """A rule for the status changes of a machine."""
    detail = {"stateMachineArn": [machine]}
    if statuses:
        detail["status"] = statuses
    pattern = {"source": ["aws.states"], "detail-type": [DETAIL_TYPE], "detail": detail}
    events = server.client("events")
    events.put_rule(Name=rule, EventPattern=json.dumps(pattern))
    target = {"Id": "t", "Arn": target, **more}
    if ":stateMachine:" in target["Arn"]:
        target["RoleArn"] = ROLE
    assert events.put_targets(Rule=rule, Targets=[target])["FailedEntryCount"] == 0


def inputs(server, machine):
    pages = server.states.get_paginator("list_executions").paginate(stateMachineArn=machine)
    executions = [one for page in pages for one in page["executions"]]
    described = [server.states.describe_execution(executionArn=one["executionArn"]) for one in executions]
    return [json.loads(one["input"]) for one in described]


def test_a_function_gets_every_status(server, name, tmp_path):
    kept = tmp_path / "kept"
    function = server.create_function(name("f"), KEEPER, Environment={"Variables": {"KEPT": str(kept)}})
    machine = server.create_machine(name("m"), FAIL)
    watch(server, name("r"), machine, function)
    execution = server.start(machine, {"a": 1})
    lines = lambda: [json.loads(line) for line in kept.read_text().splitlines()] if kept.exists() else []
    events = wait_until(lambda: len(lines()) == 2 and lines(), "both events")
    by_status = {event["detail"]["status"]: event for event in events}
    described = server.states.describe_execution(executionArn=execution)
    started, stopped = (round(described[date].timestamp() * 1000) for date in ("startDate", "stopDate"))
    failed = by_status["FAILED"]
    assert failed["source"] == "aws.states"
    assert failed["detail-type"] == DETAIL_TYPE
    assert (failed["account"], failed["region"], failed["resources"]) == (ACCOUNT, REGION, [execution])
    assert failed["detail"] == {
        "executionArn": execution,
        "stateMachineArn": machine,
        "stateMachineVersionArn": None,
        "stateMachineAliasArn": None,
        "name": described["name"],
        "status": "FAILED",
        "startDate": started,
        "stopDate": stopped,
        "input": '{"a": 1}',
        "inputDetails": {"included": True},
        "output": None,
        "outputDetails": None,
        "error": "Declined",
        "cause": "no money",
        "redriveCount": 0,
        "redriveDate": None,
        "redriveStatus": "REDRIVABLE",
        "redriveStatusReason": None,
    }
    assert by_status["RUNNING"]["detail"]["stopDate"] is None


def test_a_state_machine_follows_the_failures_of_another(server, name):
    follower = server.create_machine(name("follow"), PASS)
    failing, passing = server.create_machine(name("fails"), FAIL), server.create_machine(name("passes"), PASS)
    transformer = {
        "InputPathsMap": {"execution": "$.detail.executionArn", "error": "$.detail.error"},
        "InputTemplate": '{"execution": <execution>, "text": "failed with <error>"}',
    }
    for rule, machine in ((name("a"), failing), (name("b"), passing)):
        watch(server, rule, machine, follower, ["FAILED"], InputTransformer=transformer)
    server.run(passing)
    execution = server.start(failing)
    got = wait_until(lambda: inputs(server, follower), "the follower")
    assert got == [{"execution": execution, "text": "failed with Declined"}]


@pytest.mark.parametrize("kind", ["version", "alias"])
def test_a_version_and_an_alias_are_named(server, name, kind):
    follower, machine = server.create_machine(name("follow"), PASS), server.create_machine(name("m"), PASS)
    version = server.states.publish_state_machine_version(stateMachineArn=machine)["stateMachineVersionArn"]
    alias = None
    if kind == "alias":
        routes = [{"stateMachineVersionArn": version, "weight": 100}]
        made = server.states.create_state_machine_alias(name="live", routingConfiguration=routes)
        alias = made["stateMachineAliasArn"]
    watch(server, name("r"), machine, follower, ["SUCCEEDED"], InputPath="$.detail")
    server.start(alias or version)
    [detail] = wait_until(lambda: inputs(server, follower), "the follower")
    assert (detail["stateMachineVersionArn"], detail["stateMachineAliasArn"]) == (version, alias)


def test_a_kill_loses_no_status_change(tmp_path):
    with Server(tmp_path) as server:
        follower, machine = server.create_machine("follow", PASS), server.create_machine("m", PASS)
        watch(server, "r", machine, follower, ["SUCCEEDED"], InputPath="$.detail.name")
        names = [f"e{number}" for number in range(100)]
        for one in names:
            server.states.start_execution(stateMachineArn=machine, name=one)
        server.restart_after_kill()
        wait_until(lambda: len(inputs(server, follower)) >= len(names), "the followers")
        # An execution is the effect of a delivery in its commit: exactly one each.
        assert sorted(inputs(server, follower)) == sorted(names)
        server.states.start_execution(stateMachineArn=machine, name="later")
        wait_until(lambda: "later" in inputs(server, follower), "one more")
