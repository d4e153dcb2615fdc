"""EventBridge through boto3: buses, rules, events that start executions and invoke functions."""

import json

import pytest
from botocore.exceptions import ClientError

from harness import ACCOUNT, REGION, ROLE, Server, wait_until

PASS = {"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}}
# Appends each event that it is called with to a file.
KEEPER = """
import { appendFileSync } from 'node:fs';
export const handler = async (event) => appendFileSync(process.env.KEPT, JSON.stringify(event) + '\\n');
"""


def keeper(server, name, path):
    """A function that keeps its events in a file, and what reads them."""
    function = server.create_function(name, KEEPER, Environment={"Variables": {"KEPT": str(path)}})
    return function, lambda: [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


@pytest.fixture
def events(server):
    return server.client("events")


def code(caught):
    return caught.value.response["Error"]["Code"]


def inputs(server, machine):
    """The inputs of all executions of a machine."""
    executions = server.states.list_executions(stateMachineArn=machine)["executions"]
    described = [server.states.describe_execution(executionArn=one["executionArn"]) for one in executions]
    return [json.loads(one["input"]) for one in described]


def order(source, detail, **more):
    return {"Source": source, "DetailType": "Order", "Detail": json.dumps(detail), **more}


def rule_to(events, name, pattern, target, **more):
    events.put_rule(Name=name, EventPattern=json.dumps(pattern))
    target = {"Id": "t", "Arn": target, **more}
    if ":stateMachine:" in target["Arn"]:
        target["RoleArn"] = ROLE
    put = events.put_targets(Rule=name, Targets=[target])
    assert put["FailedEntryCount"] == 0


def test_an_event_starts_an_execution_with_itself_as_input(server, events, name):
    machine = server.create_machine(name("m"), PASS)
    source = name("shop")
    rule_to(events, name("r"), {"source": [source], "detail": {"total": [{"numeric": [">", 100]}]}}, machine)
    entries = [order(source, {"total": 7}), order(source, {"total": 700}, Resources=["order:1"])]
    put = events.put_events(Entries=entries)
    assert put["FailedEntryCount"] == 0
    [event] = wait_until(lambda: inputs(server, machine), "an execution")
    assert event.pop("time").endswith("Z")
    assert event == {
        "version": "0",
        "id": put["Entries"][1]["EventId"],
        "detail-type": "Order",
        "source": source,
        "account": ACCOUNT,
        "region": REGION,
        "resources": ["order:1"],
        "detail": {"total": 700},
    }


def test_an_event_invokes_a_function_with_what_the_transformer_makes(server, events, name, tmp_path):
    function, kept = keeper(server, name("f"), tmp_path / "kept")
    source = name("shop")
    transformer = {
        "InputPathsMap": {"who": "$.detail.customer.name", "total": "$.detail.total"},
        "InputTemplate": '{"text": "<who> pays <total>", "total": <total>, "rule": <aws.events.rule-arn>}',
    }
    rule = name("r")
    rule_to(events, rule, {"source": [source]}, function, InputTransformer=transformer)
    events.put_events(Entries=[order(source, {"customer": {"name": 'Ann "A"'}, "total": 12.5})])
    assert wait_until(kept, "the event") == [
        {
            "text": 'Ann "A" pays 12.5',
            "total": 12.5,
            "rule": f"arn:aws:events:{REGION}:{ACCOUNT}:rule/{rule}",
        }
    ]


def test_an_acknowledged_event_survives_a_kill(tmp_path):
    with Server(tmp_path) as server:
        machine = server.create_machine("m", PASS)
        events = server.client("events")
        rule_to(events, "r", {"source": ["shop"]}, machine, InputPath="$.detail.n")
        acknowledged = []
        for first in range(0, 100, 10):
            entries = [order("shop", {"n": n}) for n in range(first, first + 10)]
            assert events.put_events(Entries=entries)["FailedEntryCount"] == 0
            acknowledged += range(first, first + 10)
        server.restart_after_kill()
        machine_list = lambda: server.states.get_paginator("list_executions").paginate(stateMachineArn=machine)
        started = lambda: sum(len(page["executions"]) for page in machine_list())
        wait_until(lambda: started() >= len(acknowledged), "the executions")
        assert sorted(inputs(server, machine)) == acknowledged
        # The rule is still there.
        server.client("events").put_events(Entries=[order("shop", {"n": 100})])
        wait_until(lambda: started() == 101, "one more")


def test_what_became_of_an_asynchronous_invocation_is_an_event(server, events, name):
    machine = server.create_machine(name("m"), PASS)
    function = server.create_function(name("f"), "export const handler = async ({ n }) => n + 1;")
    bus = f"arn:aws:events:{REGION}:{ACCOUNT}:event-bus/default"
    server.functions.put_function_event_invoke_config(
        FunctionName=function, DestinationConfig={"OnSuccess": {"Destination": bus}}
    )
    rule_to(events, name("r"), {"source": ["lambda"], "resources": [{"prefix": function}]}, machine)
    server.functions.invoke(FunctionName=function, InvocationType="Event", Payload=b'{"n": 1}')
    [event] = wait_until(lambda: inputs(server, machine), "an execution")
    assert event["detail-type"] == "Lambda Function Invocation Result - Success"
    assert event["detail"]["requestPayload"] == {"n": 1}
    assert event["detail"]["responsePayload"] == 2


def test_buses_are_apart_and_hand_on(server, events, name):
    bus, machine = name("bus"), server.create_machine(name("m"), PASS)
    bus_arn = events.create_event_bus(Name=bus)["EventBusArn"]
    assert bus_arn == f"arn:aws:events:{REGION}:{ACCOUNT}:event-bus/{bus}"
    with pytest.raises(ClientError) as again:
        events.create_event_bus(Name=bus)
    assert code(again) == "ResourceAlreadyExistsException"
    source = name("shop")
    rule_to(events, name("to-machine"), {"source": [source]}, machine)
    events.put_rule(Name="on", EventBusName=bus, EventPattern=json.dumps({"detail-type": ["Order"]}))
    default = f"arn:aws:events:{REGION}:{ACCOUNT}:event-bus/default"
    events.put_targets(Rule="on", EventBusName=bus, Targets=[{"Id": "default", "Arn": default}])
    events.put_events(Entries=[order(source, {"via": "bus"}, EventBusName=bus_arn)])
    [event] = wait_until(lambda: inputs(server, machine), "an execution")
    assert event["detail"] == {"via": "bus"}
    with pytest.raises(ClientError) as left:
        events.delete_event_bus(Name=bus)
    assert code(left) == "ValidationException"
    events.remove_targets(Rule="on", EventBusName=bus, Ids=["default"])
    events.delete_rule(Name="on", EventBusName=bus)
    events.delete_event_bus(Name=bus)
    assert bus not in [one["Name"] for one in events.list_event_buses()["EventBuses"]]


def test_rules_are_described_listed_and_tagged(server, events, name):
    bus = name("bus")
    events.create_event_bus(Name=bus, Tags=[{"Key": "a", "Value": "1"}])
    names = [f"rule-{at:02}" for at in range(25)]
    target = server.create_function(name("f"), KEEPER)
    for rule in names:
        events.put_rule(Name=rule, EventBusName=bus, EventPattern='{"source": ["x"]}', Description="d")
        events.put_targets(Rule=rule, EventBusName=bus, Targets=[{"Id": "t", "Arn": target}])
    # boto3 has a paginator for rules and targets.
    listed = events.get_paginator("list_rules").paginate(EventBusName=bus, PaginationConfig={"PageSize": 10})
    pages = [[rule["Name"] for rule in page["Rules"]] for page in listed]
    assert [len(page) for page in pages] == [10, 10, 5]
    assert sum(pages, []) == names
    by_target = events.list_rule_names_by_target(TargetArn=target, EventBusName=bus, Limit=20)
    rest = events.list_rule_names_by_target(TargetArn=target, EventBusName=bus, NextToken=by_target["NextToken"])
    assert by_target["RuleNames"] + rest["RuleNames"] == names
    described = events.describe_rule(Name="rule-07", EventBusName=bus)
    assert described["Arn"] == f"arn:aws:events:{REGION}:{ACCOUNT}:rule/{bus}/rule-07"
    assert (described["State"], described["EventPattern"]) == ("ENABLED", '{"source": ["x"]}')
    [found] = events.list_targets_by_rule(Rule="rule-07", EventBusName=bus)["Targets"]
    assert found == {"Id": "t", "Arn": target}
    events.tag_resource(ResourceARN=described["Arn"], Tags=[{"Key": "team", "Value": "blue"}])
    tags = events.list_tags_for_resource(ResourceARN=described["Arn"])["Tags"]
    assert tags == [{"Key": "team", "Value": "blue"}]
    events.untag_resource(ResourceARN=described["Arn"], TagKeys=["team"])
    assert events.list_tags_for_resource(ResourceARN=described["Arn"])["Tags"] == []
    events.disable_rule(Name="rule-07", EventBusName=bus)
    assert events.describe_rule(Name="rule-07", EventBusName=bus)["State"] == "DISABLED"


def test_the_policy_of_a_bus_is_kept(events, name):
    bus = name("bus")
    arn = events.create_event_bus(Name=bus)["EventBusArn"]
    for id, principal in (("id1", "111122223333"), ("id2", "*")):
        events.put_permission(EventBusName=bus, Action="events:PutEvents", Principal=principal, StatementId=id)
    policy = json.loads(events.describe_event_bus(Name=bus)["Policy"])
    assert [one["Sid"] for one in policy["Statement"]] == ["id1", "id2"]
    assert policy["Statement"][0] == {
        "Sid": "id1",
        "Effect": "Allow",
        "Principal": {"AWS": "arn:aws:iam::111122223333:root"},
        "Action": "events:PutEvents",
        "Resource": arn,
    }
    events.remove_permission(EventBusName=bus, StatementId="id1")
    with pytest.raises(ClientError) as gone:
        events.remove_permission(EventBusName=bus, StatementId="id1")
    assert code(gone) == "ResourceNotFoundException"
    events.remove_permission(EventBusName=bus, RemoveAllPermissions=True)
    assert "Policy" not in events.describe_event_bus(Name=bus)


def test_a_pattern_is_tried_and_a_wrong_one_refused(events):
    event = {
        "id": "1",
        "account": ACCOUNT,
        "source": "shop",
        "time": "2026-01-01T00:00:00Z",
        "region": REGION,
        "resources": [],
        "detail-type": "Order",
        "detail": {"file": "a/b.png"},
    }
    test = lambda pattern: events.test_event_pattern(EventPattern=json.dumps(pattern), Event=json.dumps(event))["Result"]
    assert test({"detail": {"file": [{"wildcard": "a/*.png"}]}})
    assert not test({"detail": {"file": [{"anything-but": {"suffix": ".png"}}]}})
    with pytest.raises(ClientError) as wrong:
        events.put_rule(Name="wrong", EventPattern=json.dumps({"source": [{"befor": "x"}]}))
    error = wrong.value.response["Error"]
    assert error["Code"] == "InvalidEventPatternException"
    assert error["Message"] == "Event pattern is not valid. Reason: Unrecognized match type befor"


def test_what_is_not_built_says_so_by_name(events, name):
    rule = name("r")
    events.put_rule(Name=rule, EventPattern='{"source": ["x"]}')
    with pytest.raises(ClientError) as target:
        events.put_targets(Rule=rule, Targets=[{"Id": "t", "Arn": f"arn:aws:ecs:{REGION}:{ACCOUNT}:cluster/c"}])
    assert code(target) == "NotImplemented"
    assert "arn:aws:ecs" in target.value.response["Error"]["Message"]
    with pytest.raises(ClientError) as archive:
        events.list_archives()
    assert code(archive) == "NotImplemented"
    assert "ListArchives" in archive.value.response["Error"]["Message"]
