"""Filter patterns, metric filters, subscription filters and Live Tail of CloudWatch Logs through boto3."""

import base64
import gzip
import json
import threading
import time

import pytest
from botocore.exceptions import ClientError

from harness import wait_until

LINES = [
    '{"level": "ERROR", "ms": 120, "user": {"id": "u1"}, "tags": ["a", "b"]}',
    '{"level": "INFO", "ms": 10, "user": {"id": "u2"}, "done": true}',
    '127.0.0.1 - frank [10/Oct/2000:13:25:15 -0700] "GET /a.gif HTTP/1.0" 404 1534',
    "plain ERROR text",
]


@pytest.fixture
def logs(server):
    return server.client("logs")


@pytest.fixture
def group(logs, name):
    made = f"/test/{name('g')}"
    logs.create_log_group(logGroupName=made)
    logs.create_log_stream(logGroupName=made, logStreamName="s")
    return made


def put(logs, group, messages, stream="s"):
    now = int(time.time() * 1000)
    events = [{"timestamp": now, "message": message} for message in messages]
    return logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=events)


def refused(call, **parameters):
    with pytest.raises(ClientError) as caught:
        call(**parameters)
    error = caught.value.response["Error"]
    return f"{error['Code']}: {error['Message']}"


@pytest.mark.parametrize(
    "pattern, expected",
    [
        ('{ $.level = "ERROR" && $.ms > 100 }', [0]),
        ("{ $.user.id = u* && $.done IS TRUE }", [1]),
        ('{ $.tags[*] = "b" || $.ms < 11 }', [0, 1]),
        ("{ $.done NOT EXISTS }", [0]),
        ("[ip, ..., status = 4*, bytes > 1000]", [2]),
        ("%E.R[OU]R%", [0, 3]),
        ("?GET ?plain", [2, 3]),
        ("ERROR -plain", [0]),
    ],
)
def test_filter_log_events_takes_every_kind_of_pattern(logs, group, pattern, expected):
    put(logs, group, LINES)
    found = logs.filter_log_events(logGroupName=group, filterPattern=pattern)["events"]
    assert [event["message"] for event in found] == [LINES[at] for at in expected]


def test_patterns_that_are_none_are_refused_in_the_words_of_aws(logs, group):
    call = logs.filter_log_events
    assert refused(call, logGroupName=group, filterPattern="{ $.a = }") == (
        "InvalidParameterException: Invalid filter pattern"
    )
    assert refused(call, logGroupName=group, filterPattern="a:b") == (
        "InvalidParameterException: Invalid character(s) in term 'a:b'"
    )


def test_a_metric_filter_is_tried_out(logs):
    answer = logs.test_metric_filter(filterPattern="[level, ..., ms]", logEventMessages=["INFO took 12", "one"])
    assert answer["matches"] == [
        {"eventNumber": 1, "eventMessage": "INFO took 12", "extractedValues": {"$level": "INFO", "$ms": "12"}}
    ]


def statistic(server, namespace, metric, statistic, dimensions=()):
    """The statistic of everything in the last and the next hours."""
    now = time.time()
    answer = server.client("cloudwatch").get_metric_statistics(
        Namespace=namespace,
        MetricName=metric,
        Dimensions=[{"Name": key, "Value": value} for key, value in dimensions],
        StartTime=now - 7200,
        EndTime=now + 3600,
        Period=14400,
        Statistics=[statistic],
    )
    return sum(point[statistic] for point in answer["Datapoints"])


def test_metric_filters_count_and_take_values(server, logs, group, name):
    space = name("space")
    common = {"logGroupName": group}
    logs.put_metric_filter(
        **common,
        filterName="errors",
        filterPattern="ERROR",
        metricTransformations=[{"metricName": "Errors", "metricNamespace": space, "metricValue": "1"}],
    )
    logs.put_metric_filter(
        **common,
        filterName="slow",
        filterPattern="{ $.ms = * }",
        metricTransformations=[
            {
                "metricName": "Took",
                "metricNamespace": space,
                "metricValue": "$.ms",
                "unit": "Milliseconds",
                "dimensions": {"Level": "$.level"},
            }
        ],
    )
    described = logs.describe_metric_filters(logGroupName=group)["metricFilters"]
    assert [one["filterName"] for one in described] == ["errors", "slow"]
    assert logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"][0]["metricFilterCount"] == 2
    by_metric = logs.describe_metric_filters(metricName="Took", metricNamespace=space)["metricFilters"]
    assert [one["logGroupName"] for one in by_metric] == [group]
    put(logs, group, LINES)
    wait_until(lambda: statistic(server, space, "Errors", "Sum") == 2, "the errors")
    assert statistic(server, space, "Took", "Sum", [("Level", "ERROR")]) == 120
    assert statistic(server, space, "Took", "Maximum", [("Level", "INFO")]) == 10
    # A value that no metric takes is no value, and metrics go on.
    huge = '{"level": "ERROR", "ms": 1.7e308}'
    put(logs, group, [huge, huge, huge])
    wait_until(lambda: statistic(server, space, "Errors", "Sum") == 5, "the errors with huge values")
    put(logs, group, ['{"level": "ERROR", "ms": 1}'])
    wait_until(lambda: statistic(server, space, "Took", "Sum", [("Level", "ERROR")]) == 121, "the later value")
    logs.delete_metric_filter(logGroupName=group, filterName="errors")
    assert refused(logs.delete_metric_filter, logGroupName=group, filterName="errors").startswith(
        "ResourceNotFoundException"
    )
    text = refused(
        logs.put_metric_filter,
        **common,
        filterName="x",
        filterPattern="ERROR",
        metricTransformations=[
            {"metricName": "E", "metricNamespace": space, "metricValue": "1", "dimensions": {"a": "$.a"}}
        ],
    )
    assert text == "InvalidParameterException: The specified filter pattern does not support dimensions"


SINK = """
import { appendFileSync } from "node:fs";
export const handler = async (event) => appendFileSync(process.env.EFFECTS, JSON.stringify(event) + "\\n");
"""


def test_a_subscription_brings_what_matches_to_a_function(server, logs, group, name, tmp_path):
    effects = tmp_path / "effects"
    function = name("sink")
    server.create_function(function, SINK, Environment={"Variables": {"EFFECTS": str(effects)}})
    arn = server.functions.get_function(FunctionName=function)["Configuration"]["FunctionArn"]
    logs.put_subscription_filter(logGroupName=group, filterName="all", filterPattern="ERROR", destinationArn=arn)
    [described] = logs.describe_subscription_filters(logGroupName=group)["subscriptionFilters"]
    assert (described["destinationArn"], described["distribution"]) == (arn, "ByLogStream")
    put(logs, group, LINES)

    def received():
        lines = effects.read_text().splitlines() if effects.exists() else []
        payloads = [json.loads(gzip.decompress(base64.b64decode(json.loads(line)["awslogs"]["data"]))) for line in lines]
        events = [event for payload in payloads for event in payload["logEvents"]]
        return (payloads, events) if len(events) == 2 else None

    payloads, events = wait_until(received, "the payload")
    assert {key: payloads[0][key] for key in ("messageType", "owner", "logGroup", "logStream", "subscriptionFilters")} == {
        "messageType": "DATA_MESSAGE",
        "owner": "123456789012",
        "logGroup": group,
        "logStream": "s",
        "subscriptionFilters": ["all"],
    }
    found = logs.filter_log_events(logGroupName=group, filterPattern="ERROR")["events"]
    expected = [{"id": one["eventId"], "timestamp": one["timestamp"], "message": one["message"]} for one in found]
    assert events == expected
    logs.delete_subscription_filter(logGroupName=group, filterName="all")
    assert logs.describe_subscription_filters(logGroupName=group)["subscriptionFilters"] == []


def test_a_function_does_not_subscribe_to_its_own_log(server, logs, name):
    function = name("f")
    server.create_function(function, "export const handler = async () => 1;")
    own = f"/aws/lambda/{function}"
    logs.create_log_group(logGroupName=own)
    arn = server.functions.get_function(FunctionName=function)["Configuration"]["FunctionArn"]
    text = refused(
        logs.put_subscription_filter, logGroupName=own, filterName="f", filterPattern="", destinationArn=arn
    )
    assert text == (
        "InvalidParameterException: The log group provided is reserved for the function logs of the destination function."
    )
    text = refused(
        logs.put_subscription_filter,
        logGroupName=own,
        filterName="f",
        filterPattern="",
        destinationArn="arn:aws:kinesis:us-east-1:123456789012:stream/s",
    )
    assert text.startswith("NotImplemented: Stepwell does not implement subscription filters to arn:aws:kinesis")


def test_live_tail_shows_what_is_logged_from_now_on(logs, group):
    put(logs, group, ["before"])
    answer = logs.start_live_tail(logGroupIdentifiers=[group], logEventFilterPattern="?ERROR ?late")
    stream = iter(answer["responseStream"])
    start = next(stream)["sessionStart"]
    assert start["logGroupIdentifiers"] == [group]
    sender = threading.Thread(target=put, args=(logs, group, [*LINES, "late"]))
    sender.start()
    seen = []
    while len(seen) < 3:
        update = next(stream)["sessionUpdate"]
        assert update["sessionMetadata"]["sampled"] is False
        seen += update["sessionResults"]
    sender.join()
    answer["responseStream"].close()
    assert [event["message"] for event in seen] == [LINES[0], LINES[3], "late"]
    assert {event["logStreamName"] for event in seen} == {"s"}


def test_live_tail_refuses_what_it_cannot_show(logs, group):
    assert refused(logs.start_live_tail, logGroupIdentifiers=["nowhere"]).startswith("ResourceNotFoundException")
    text = refused(logs.start_live_tail, logGroupIdentifiers=[group], logEventFilterPattern='""')
    assert text == "InvalidParameterException: Invalid filter pattern: Invalid character(s) in term '\"\"'"


def test_the_log_of_a_function_is_tailed(server, logs, name):
    function = name("f")
    server.create_function(function, "export const handler = async (e) => { console.log('hello', e.n); };")
    server.invoke(function, {"n": 1})
    own = f"/aws/lambda/{function}"
    wait_until(lambda: logs.describe_log_groups(logGroupNamePrefix=own)["logGroups"], "the log group")
    answer = logs.start_live_tail(logGroupIdentifiers=[own], logEventFilterPattern="hello")
    stream = iter(answer["responseStream"])
    assert "sessionStart" in next(stream)
    server.invoke(function, {"n": 2})
    seen = []
    while not seen:
        seen += next(stream)["sessionUpdate"]["sessionResults"]
    answer["responseStream"].close()
    assert seen[0]["message"].rstrip().endswith("hello 2")


def test_groups_are_listed_by_a_part_of_their_name(logs, group):
    part = group.split("/")[-1][:20]
    assert [one["logGroupName"] for one in logs.list_log_groups(logGroupNamePattern=part)["logGroups"]] == [group]
    assert [one["logGroupName"] for one in logs.describe_log_groups(logGroupNamePattern=part.upper())["logGroups"]] == [
        group
    ]
    logs.tag_log_group(logGroupName=group, tags={"a": "1"})
    assert logs.list_tags_log_group(logGroupName=group)["tags"] == {"a": "1"}
    logs.untag_log_group(logGroupName=group, tags=["a"])
    assert logs.list_tags_log_group(logGroupName=group)["tags"] == {}
