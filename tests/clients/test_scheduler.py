"""EventBridge Scheduler through boto3: schedules that start executions and invoke functions."""

import datetime
import json
import time

import pytest
from botocore.exceptions import ClientError

from harness import ACCOUNT, REGION, ROLE, Server, wait_until

PASS = {"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}}
# Appends each event that it is called with to a file.
KEEPER = """
import { appendFileSync } from 'node:fs';
export const handler = async (event) => appendFileSync(process.env.KEPT, JSON.stringify(event) + '\\n');
"""
EXACT = {"Mode": "OFF"}


def keeper(server, name, path):
    """A function that keeps its events in a file, and what reads them."""
    function = server.create_function(name, KEEPER, Environment={"Variables": {"KEPT": str(path)}})
    return function, lambda: [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


@pytest.fixture
def scheduler(server):
    return server.client("scheduler")


def code(caught):
    return caught.value.response["Error"]["Code"]


def at(seconds, zone=datetime.timezone.utc):
    """An expression that is due in so many seconds."""
    due = datetime.datetime.now(zone) + datetime.timedelta(seconds=seconds)
    return f"at({due:%Y-%m-%dT%H:%M:%S})"


def started(server, machine):
    """The inputs of all executions of a machine."""
    executions = server.states.list_executions(stateMachineArn=machine)["executions"]
    described = [server.states.describe_execution(executionArn=one["executionArn"]) for one in executions]
    return [json.loads(one["input"]) for one in described]


def test_an_instant_starts_an_execution_and_the_schedule_goes(server, scheduler, name):
    machine, schedule = server.create_machine(name("m"), PASS), name("s")
    expression = at(2)
    created = scheduler.create_schedule(
        Name=schedule,
        ScheduleExpression=expression,
        FlexibleTimeWindow=EXACT,
        ActionAfterCompletion="DELETE",
        Target={
            "Arn": machine,
            "RoleArn": ROLE,
            "Input": json.dumps({"at": "<aws.scheduler.scheduled-time>", "by": "<aws.scheduler.schedule-arn>"}),
        },
    )
    arn = f"arn:aws:scheduler:{REGION}:{ACCOUNT}:schedule/default/{schedule}"
    assert created["ScheduleArn"] == arn
    [event] = wait_until(lambda: started(server, machine), "the execution")
    assert event == {"at": expression[3:-1] + "Z", "by": arn}
    with pytest.raises(ClientError) as gone:
        scheduler.get_schedule(Name=schedule)
    assert code(gone) == "ResourceNotFoundException"


def test_a_time_zone_is_kept(server, scheduler, name):
    machine = server.create_machine(name("m"), PASS)
    # Kathmandu is 5:45 ahead of UTC and knows no summer time.
    zone = datetime.timezone(datetime.timedelta(hours=5, minutes=45))
    scheduler.create_schedule(
        Name=name("s"),
        ScheduleExpression=at(1, zone),
        ScheduleExpressionTimezone="Asia/Kathmandu",
        FlexibleTimeWindow=EXACT,
        Target={"Arn": machine, "RoleArn": ROLE},
    )
    [event] = wait_until(lambda: started(server, machine), "the execution")
    assert (event["source"], event["detail-type"]) == ("aws.scheduler", "Scheduled Event")


def test_a_schedule_invokes_a_function(server, scheduler, name, tmp_path):
    function, kept = keeper(server, name("f"), tmp_path / "kept")
    universal = {
        "Arn": "arn:aws:scheduler:::aws-sdk:lambda:invoke",
        "RoleArn": ROLE,
        "Input": json.dumps({"FunctionName": function, "InvocationType": "Event", "Payload": '{"n": 2}'}),
    }
    templated = {"Arn": function, "RoleArn": ROLE, "Input": '{"n": 1}'}
    for target in (templated, universal):
        scheduler.create_schedule(
            Name=name("s"), ScheduleExpression="rate(1 day)", FlexibleTimeWindow=EXACT, Target=target
        )
    wait_until(lambda: {event["n"] for event in kept()} == {1, 2}, "both events")


def test_schedules_are_kept_changed_and_listed(scheduler, name):
    group = name("g")
    group_arn = scheduler.create_schedule_group(Name=group, Tags=[{"Key": "team", "Value": "blue"}])["ScheduleGroupArn"]
    target = {"Arn": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:f", "RoleArn": ROLE}
    given = dict(
        GroupName=group,
        ScheduleExpression="cron(30 8 ? * MON-FRI *)",
        ScheduleExpressionTimezone="Europe/Berlin",
        FlexibleTimeWindow={"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 15},
        Description="d",
        StartDate=datetime.datetime(2090, 1, 1, tzinfo=datetime.timezone.utc),
        EndDate=datetime.datetime(2090, 7, 1, 12, tzinfo=datetime.timezone.utc),
        State="DISABLED",
        Target=target,
    )
    names = [f"schedule-{number:02}" for number in range(12)]
    for schedule in names:
        scheduler.create_schedule(Name=schedule, **given)
    got = scheduler.get_schedule(Name=names[0], GroupName=group)
    for member in given.keys() - {"Target"}:
        assert got[member] == given[member], member
    assert got["Target"] == target | {"RetryPolicy": {"MaximumEventAgeInSeconds": 86400, "MaximumRetryAttempts": 185}}
    pages = scheduler.get_paginator("list_schedules").paginate(GroupName=group, PaginationConfig={"PageSize": 5})
    listed = [[one["Name"] for one in page["Schedules"]] for page in pages]
    assert [len(page) for page in listed] == [5, 5, 2]
    assert sum(listed, []) == names
    assert len(scheduler.list_schedules(GroupName=group, State="ENABLED")["Schedules"]) == 0
    scheduler.update_schedule(**(given | {"Name": names[0], "State": "ENABLED", "Description": "other"}))
    [enabled] = scheduler.list_schedules(GroupName=group, State="ENABLED")["Schedules"]
    assert enabled["Name"] == names[0]
    assert scheduler.get_schedule(Name=names[0], GroupName=group)["Description"] == "other"
    tags = scheduler.list_tags_for_resource(ResourceArn=group_arn)["Tags"]
    assert tags == [{"Key": "team", "Value": "blue"}]
    scheduler.tag_resource(ResourceArn=group_arn, Tags=[{"Key": "more", "Value": "x"}])
    scheduler.untag_resource(ResourceArn=group_arn, TagKeys=["team"])
    assert scheduler.list_tags_for_resource(ResourceArn=group_arn)["Tags"] == [{"Key": "more", "Value": "x"}]
    assert scheduler.get_schedule_group(Name=group)["State"] == "ACTIVE"
    groups = scheduler.get_paginator("list_schedule_groups").paginate()
    found = {one["Name"] for page in groups for one in page["ScheduleGroups"]}
    assert {group, "default"} <= found
    scheduler.delete_schedule_group(Name=group)
    with pytest.raises(ClientError) as gone:
        scheduler.list_schedules(GroupName=group)
    assert code(gone) == "ResourceNotFoundException"


def test_what_was_due_while_the_server_was_down_is_made_up_for_once(tmp_path):
    with Server(tmp_path) as server:
        machine = server.create_machine("m", PASS)
        server.client("scheduler").create_schedule(
            Name="s",
            ScheduleExpression=at(3),
            FlexibleTimeWindow=EXACT,
            Target={"Arn": machine, "RoleArn": ROLE},
        )
        server.process.kill()
        # It is down when the instant comes.
        time.sleep(4)
        server.start_process()
        wait_until(lambda: started(server, machine), "the execution")
        server.restart_after_kill()
        server.run(server.create_machine("other", PASS))
        assert len(started(server, machine)) == 1


def test_kills_lose_no_schedule_and_double_none(tmp_path):
    with Server(tmp_path) as server:
        machine = server.create_machine("m", PASS)
        count = 40
        for number in range(count):
            server.client("scheduler").create_schedule(
                Name=f"s{number}",
                ScheduleExpression=at(2 + number % 5),
                FlexibleTimeWindow=EXACT,
                Target={"Arn": machine, "RoleArn": ROLE, "Input": str(number)},
            )
        for _ in range(4):
            wait_until(lambda: started(server, machine), "the first executions")
            time.sleep(0.7)
            server.restart_after_kill()
        wait_until(lambda: len(started(server, machine)) >= count, "all executions")
        assert sorted(started(server, machine)) == list(range(count))


def test_what_is_not_valid_is_refused_in_words(scheduler, name):
    target = {"Arn": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:f", "RoleArn": ROLE}

    def refused(**more):
        given = dict(Name=name("s"), ScheduleExpression="rate(1 day)", FlexibleTimeWindow=EXACT, Target=target)
        with pytest.raises(ClientError) as caught:
            scheduler.create_schedule(**(given | more))
        error = caught.value.response["Error"]
        return error["Code"], error["Message"]

    assert refused(ScheduleExpression="rate(1 days)") == (
        "ValidationException",
        "Invalid Schedule Expression rate(1 days).",
    )
    assert refused(ScheduleExpression="at(2020-01-01T00:00:00)")[0] == "ValidationException"
    assert refused(ScheduleExpressionTimezone="Mars/Olympus")[0] == "ValidationException"
    kinesis = target | {"Arn": f"arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/s"}
    kind, message = refused(Target=kinesis)
    assert kind == "NotImplemented"
    assert kinesis["Arn"] in message
