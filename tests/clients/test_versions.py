"""Versions and aliases: publish, route, list."""

import pytest
from botocore.exceptions import ClientError

from harness import ROLE

FIRST = '{"StartAt": "P", "States": {"P": {"Type": "Pass", "Result": 1, "End": true}}}'
SECOND = '{"StartAt": "P", "States": {"P": {"Type": "Pass", "Result": 2, "End": true}}}'


@pytest.fixture
def published(server, name):
    """A machine with two versions: machine ARN and version ARNs."""
    created = server.states.create_state_machine(name=name("m"), definition=FIRST, roleArn=ROLE, publish=True)
    machine = created["stateMachineArn"]
    updated = server.states.update_state_machine(stateMachineArn=machine, definition=SECOND, publish=True)
    return machine, created["stateMachineVersionArn"], updated["stateMachineVersionArn"]


def test_an_execution_runs_the_version_it_was_started_from(server, published):
    machine, first, second = published
    for arn, output in [(first, "1"), (second, "2"), (machine, "2")]:
        described = server.end(server.start(arn))
        assert described["output"] == output
        assert described["stateMachineArn"] == machine
        assert described.get("stateMachineVersionArn") == (None if arn == machine else arn)
    assert [item["stateMachineVersionArn"] for item in server.states.list_state_machine_versions(stateMachineArn=machine)["stateMachineVersions"]] == [
        second,
        first,
    ]


def test_an_alias_moves_from_one_version_to_the_next(server, published):
    machine, first, second = published
    route = lambda arn: [{"stateMachineVersionArn": arn, "weight": 100}]
    alias = server.states.create_state_machine_alias(name="live", routingConfiguration=route(first))["stateMachineAliasArn"]
    assert alias == f"{machine}:live"
    before = server.start(alias)
    server.states.update_state_machine_alias(stateMachineAliasArn=alias, routingConfiguration=route(second))
    after = server.start(alias)
    for execution, version in [(before, first), (after, second)]:
        described = server.end(execution)
        assert (described["stateMachineAliasArn"], described["stateMachineVersionArn"]) == (alias, version)
        started = server.history(execution)[0]["executionStartedEventDetails"]
        assert (started["stateMachineAliasArn"], started["stateMachineVersionArn"]) == (alias, version)
    listed = server.states.list_executions(stateMachineArn=alias)["executions"]
    assert {item["executionArn"] for item in listed} == {before, after}
    with pytest.raises(ClientError) as caught:
        server.states.delete_state_machine_version(stateMachineVersionArn=second)
    assert caught.value.response["Error"]["Code"] == "ConflictException"


def test_versions_and_aliases_survive_a_kill(server, published):
    machine, first, _ = published
    routing = [{"stateMachineVersionArn": first, "weight": 100}]
    alias = server.states.create_state_machine_alias(name="kept", routingConfiguration=routing)["stateMachineAliasArn"]
    server.restart_after_kill()
    assert server.end(server.start(alias))["output"] == "1"
    server.states.delete_state_machine(stateMachineArn=machine)
    with pytest.raises(ClientError) as caught:
        server.states.describe_state_machine_alias(stateMachineAliasArn=alias)
    assert caught.value.response["Error"]["Code"] == "ResourceNotFound"
