"""CloudWatch Logs through boto3: log groups, streams and events; logs of functions and of executions."""

import json
import time

import pytest
from botocore.exceptions import ClientError

from harness import ROLE, Server, wait_until

FAIL = {"StartAt": "F", "States": {"F": {"Type": "Fail", "Error": "E", "Cause": "C"}}}
PASS = {"StartAt": "P", "States": {"P": {"Type": "Pass", "Result": {"a": 1}, "End": True}}}
VALIDATION_STREAM = "log_stream_created_by_aws_to_validate_log_delivery_subscriptions"


@pytest.fixture
def logs(server):
    return server.client("logs")


@pytest.fixture
def group(logs, name):
    """The name and the ARN of a log group."""
    made = f"/test/{name('g')}"
    logs.create_log_group(logGroupName=made)
    [described] = logs.describe_log_groups(logGroupNamePrefix=made)["logGroups"]
    return made, described["arn"]


def logging_machine(server, name, definition, group_arn, level="ALL", kind="STANDARD", includes_data=True):
    return server.states.create_state_machine(
        name=name,
        definition=json.dumps(definition),
        roleArn=ROLE,
        type=kind,
        loggingConfiguration={
            "level": level,
            "includeExecutionData": includes_data,
            "destinations": [{"cloudWatchLogsLogGroup": {"logGroupArn": group_arn}}],
        },
    )["stateMachineArn"]


def execution_events(logs, group_name):
    """The logged events of executions, in the order of the log."""
    streams = logs.describe_log_streams(logGroupName=group_name)["logStreams"]
    names = [stream["logStreamName"] for stream in streams if stream["logStreamName"] != VALIDATION_STREAM]
    events = []
    for stream in names:
        answer = logs.get_log_events(logGroupName=group_name, logStreamName=stream, startFromHead=True)
        events += [json.loads(event["message"]) for event in answer["events"]]
    return events


def code(caught):
    return caught.value.response["Error"]["Code"]


@pytest.mark.parametrize(
    "level, kinds",
    [
        ("ALL", ["ExecutionStarted", "FailStateEntered", "ExecutionFailed"]),
        ("ERROR", ["FailStateEntered", "ExecutionFailed"]),
        ("FATAL", ["ExecutionFailed"]),
    ],
)
def test_an_execution_is_logged_at_each_level(server, logs, group, name, level, kinds):
    arn = logging_machine(server, name("m"), FAIL, group[1], level)
    server.run(arn, {"x": 1})
    logged = execution_events(logs, group[0])
    assert [event["type"] for event in logged] == kinds
    failed = logged[-1]
    assert failed["details"] == {"error": "E", "cause": "C"}
    assert (failed["id"], failed["previous_event_id"], failed["redrive_count"]) == ("3", "2", "0")


def test_logging_that_is_off_logs_nothing(server, logs, group, name):
    server.run(logging_machine(server, name("m"), FAIL, group[1], "OFF"))
    assert logs.describe_log_streams(logGroupName=group[0])["logStreams"] == []


def test_payloads_are_logged_only_where_the_configuration_says_so(server, logs, group, name):
    server.run(logging_machine(server, name("m"), PASS, group[1]), {"x": 1})
    entered = next(event for event in execution_events(logs, group[0]) if event["type"] == "PassStateEntered")
    assert entered["details"] == {"name": "P", "input": '{"x": 1}', "inputDetails": {"truncated": False}}
    other = f"{group[0]}-other"
    logs.create_log_group(logGroupName=other)
    server.run(logging_machine(server, name("m"), PASS, group[1].replace(group[0], other), includes_data=False))
    logged = execution_events(logs, other)
    assert [event["details"] for event in logged] == [{"roleArn": ROLE}, {"name": "P"}, {"name": "P"}, {}]


@pytest.mark.parametrize("is_synchronous", [True, False])
def test_express_executions_are_logged_with_their_payloads(server, logs, group, name, is_synchronous):
    arn = logging_machine(server, name("m"), PASS, group[1], kind="EXPRESS")
    if is_synchronous:
        execution = server.states.start_sync_execution(stateMachineArn=arn, input='{"x":1}')["executionArn"]
    else:
        execution = server.states.start_execution(stateMachineArn=arn, input='{"x":1}')["executionArn"]
    logged = execution_events(logs, group[0])
    while not is_synchronous and len(logged) < 4:
        logged = execution_events(logs, group[0])
    kinds = ["ExecutionStarted", "PassStateEntered", "PassStateExited", "ExecutionSucceeded"]
    assert [event["type"] for event in logged] == kinds
    assert {event["execution_arn"] for event in logged} == {execution}
    assert json.loads(logged[1]["details"]["input"]) == {"x": 1}
    assert json.loads(logged[3]["details"]["output"]) == {"a": 1}


def test_an_execution_runs_on_when_its_log_group_is_gone(server, logs, group, name):
    arn = logging_machine(server, name("m"), PASS, group[1])
    logs.delete_log_group(logGroupName=group[0])
    assert server.run(arn)[0]["status"] == "SUCCEEDED"
    assert logs.describe_log_groups(logGroupNamePrefix=group[0])["logGroups"] == []


def test_a_state_machine_needs_a_log_group_that_exists(server, name):
    with pytest.raises(ClientError) as caught:
        missing = "arn:aws:logs:us-east-1:123456789012:log-group:nowhere:*"
        logging_machine(server, name("m"), PASS, missing)
    assert code(caught) == "InvalidLoggingConfiguration"
    assert caught.value.response["Error"]["Message"].endswith("Log Destination not found.")


def test_events_are_put_and_read_in_pages(logs, group):
    logs.create_log_stream(logGroupName=group[0], logStreamName="s")
    now = int(time.time() * 1000)
    events = [{"timestamp": now + index, "message": str(index)} for index in range(5)]
    logs.put_log_events(logGroupName=group[0], logStreamName="s", logEvents=events)
    seen, token = [], {}
    while True:
        page = logs.get_log_events(logGroupName=group[0], logStreamName="s", startFromHead=True, limit=2, **token)
        seen += [event["message"] for event in page["events"]]
        if page["nextForwardToken"] == token.get("nextToken"):
            break
        token = {"nextToken": page["nextForwardToken"]}
    assert seen == ["0", "1", "2", "3", "4"]
    newest = logs.get_log_events(logGroupName=group[0], logStreamName="s", limit=2)
    assert [event["message"] for event in newest["events"]] == ["3", "4"]


def test_the_paginators_of_boto3_see_everything(logs, name):
    prefix = f"/pages/{name('p')}"
    for index in range(3):
        logs.create_log_group(logGroupName=f"{prefix}/{index}")
        logs.create_log_stream(logGroupName=f"{prefix}/0", logStreamName=f"s{index}")
    groups = logs.get_paginator("describe_log_groups").paginate(
        logGroupNamePrefix=prefix, PaginationConfig={"PageSize": 2}
    )
    assert len(groups.build_full_result()["logGroups"]) == 3
    streams = logs.get_paginator("describe_log_streams").paginate(
        logGroupName=f"{prefix}/0", PaginationConfig={"PageSize": 2}
    )
    assert [stream["logStreamName"] for stream in streams.build_full_result()["logStreams"]] == ["s0", "s1", "s2"]


def test_retention_tags_and_resource_policies_are_kept(logs, group):
    logs.put_retention_policy(logGroupName=group[0], retentionInDays=7)
    arn = group[1].removesuffix(":*")
    logs.tag_resource(resourceArn=arn, tags={"team": "a"})
    assert logs.describe_log_groups(logGroupNamePrefix=group[0])["logGroups"][0]["retentionInDays"] == 7
    assert logs.list_tags_for_resource(resourceArn=arn)["tags"] == {"team": "a"}
    logs.untag_resource(resourceArn=arn, tagKeys=["team"])
    assert logs.list_tags_for_resource(resourceArn=arn)["tags"] == {}
    logs.put_resource_policy(policyName="p", policyDocument="{}")
    assert [policy["policyName"] for policy in logs.describe_resource_policies()["resourcePolicies"]] == ["p"]


def test_what_does_not_exist_is_named_and_what_exists_is_not_made_again(logs, group):
    with pytest.raises(logs.exceptions.ResourceAlreadyExistsException):
        logs.create_log_group(logGroupName=group[0])
    with pytest.raises(logs.exceptions.ResourceNotFoundException):
        logs.describe_log_streams(logGroupName="nowhere")
    with pytest.raises(logs.exceptions.ResourceNotFoundException):
        logs.get_log_events(logGroupName=group[0], logStreamName="nowhere")
    with pytest.raises(ClientError) as caught:
        logs.create_log_group(logGroupName="a b")
    assert code(caught) == "InvalidParameterException"
    with pytest.raises(ClientError) as caught:
        logs.create_export_task(logGroupName=group[0], fromTime=0, to=1, destination="d")
    assert code(caught) == "NotImplemented"


def test_the_log_of_a_function_is_a_log_group_and_outlives_the_server(tmp_path):
    with Server(tmp_path / "data") as server:
        server.create_function("f", "export const handler = async () => { console.log('hello from f'); };")
        server.invoke("f")
        logs = server.client("logs")
        wait_until(lambda: logs.describe_log_groups(logGroupNamePrefix="/aws/lambda/f")["logGroups"], "the log group")
        # A function's lines come through a pipe of their own, beside its answer.
        found = wait_until(
            lambda: logs.filter_log_events(logGroupName="/aws/lambda/f", filterPattern="hello")["events"], "the line"
        )
        assert len(found) == 1
        server.restart_after_kill()
        logs = server.client("logs")
        again = logs.filter_log_events(logGroupName="/aws/lambda/f", filterPattern="hello")["events"]
        assert again == found
