"""Logs Insights through boto3: queries, their results and statistics, and what is refused."""

import json
import time

import pytest
from botocore.exceptions import ClientError

from harness import Server, stepwell, wait_until


@pytest.fixture
def logs(server):
    return server.client("logs")


@pytest.fixture
def group(logs, name):
    """A group with a hundred events of two streams."""
    made = f"/test/{name('g')}"
    logs.create_log_group(logGroupName=made)
    now = int(time.time() * 1000)
    for stream in ("a", "b"):
        logs.create_log_stream(logGroupName=made, logStreamName=stream)
        events = [
            {
                "timestamp": now - 50 + index,
                "message": json.dumps({"level": "ERROR" if index % 10 == 0 else "INFO", "ms": index, "of": stream}),
            }
            for index in range(50)
        ]
        logs.put_log_events(logGroupName=made, logStreamName=stream, logEvents=events)
    return made


def query(logs, group, text, **more):
    """The answer of a query that has ended."""
    now = int(time.time())
    started = logs.start_query(logGroupName=group, startTime=now - 3600, endTime=now + 60, queryString=text, **more)

    def ended():
        answer = logs.get_query_results(queryId=started["queryId"])
        return answer if answer["status"] not in ("Scheduled", "Running") else None

    return wait_until(ended, "the end of the query")


def rows(answer):
    return [{field["field"]: field["value"] for field in row if field["field"] != "@ptr"} for row in answer["results"]]


def test_a_query_filters_groups_and_sorts(logs, group):
    answer = query(logs, group, "filter level = 'ERROR' | stats count(*) as n, avg(ms) as mean by of | sort of")
    assert answer["status"] == "Complete"
    assert rows(answer) == [{"of": "a", "n": "5", "mean": "20"}, {"of": "b", "n": "5", "mean": "20"}]
    statistics = answer["statistics"]
    assert (statistics["recordsScanned"], statistics["recordsMatched"]) == (100, 10)
    assert statistics["bytesScanned"] > 100 * 26


def test_the_newest_come_first_and_can_be_looked_up(logs, group):
    answer = query(logs, group, "fields @timestamp, ms, @logStream | sort @timestamp desc, of | limit 2")
    assert [row["ms"] for row in rows(answer)] == ["49", "49"]
    pointer = next(field["value"] for field in answer["results"][0] if field["field"] == "@ptr")
    record = logs.get_log_record(logRecordPointer=pointer)["logRecord"]
    assert (record["ms"], record["level"], record["@logStream"]) == ("49", "INFO", "a")
    fields = {one["name"]: one["percent"] for one in logs.get_log_group_fields(logGroupName=group)["logGroupFields"]}
    assert fields["ms"] == fields["@message"] == 100


def test_messages_are_parsed_and_counted_in_bins(logs, group):
    answer = query(logs, group, 'parse @message \'"of": "*"\' as letter | stats count(*) as n by letter, bin(1h) | sort letter')
    assert [(row["letter"], row["n"]) for row in rows(answer)] == [("a", "50"), ("b", "50")]


def test_what_is_no_query_is_refused_with_its_place(logs, group):
    with pytest.raises(logs.exceptions.MalformedQueryException) as caught:
        query(logs, group, "fields @timestamp | count()")
    assert caught.value.response["Error"]["Message"] == "unexpected symbol found count at line 1 and position 20"
    location = caught.value.response["queryCompileError"]["location"]
    assert (location["startCharOffset"], location["endCharOffset"]) == (20, 25)
    with pytest.raises(logs.exceptions.MalformedQueryException) as caught:
        query(logs, group, "pattern @message")
    assert "does not implement the command pattern" in caught.value.response["Error"]["Message"]
    with pytest.raises(ClientError) as caught:
        query(logs, group, "select 1", queryLanguage="SQL")
    assert caught.value.response["Error"]["Code"] == "NotImplemented"


def test_queries_are_described_and_kept(logs, group):
    query(logs, group, "fields @message | limit 1")
    [described] = logs.describe_queries(logGroupName=group)["queries"]
    assert (described["status"], described["queryString"]) == ("Complete", "fields @message | limit 1")
    kept = logs.put_query_definition(name="mine", queryString="fields a", logGroupNames=[group])["queryDefinitionId"]
    [shown] = logs.describe_query_definitions(queryDefinitionNamePrefix="mi")["queryDefinitions"]
    assert (shown["queryDefinitionId"], shown["queryString"]) == (kept, "fields a")
    logs.put_query_definition(name="mine", queryString="fields b", queryDefinitionId=kept)
    assert logs.describe_query_definitions()["queryDefinitions"][0]["queryString"] == "fields b"
    assert logs.delete_query_definition(queryDefinitionId=kept)["success"] is True
    assert logs.describe_query_definitions()["queryDefinitions"] == []
    with pytest.raises(logs.exceptions.ResourceNotFoundException):
        logs.get_query_results(queryId="00000000-0000-0000-0000-000000000000")


def test_the_command_line_asks_a_query(server, logs, group):
    shown = stepwell(
        "logs", "query", "stats count(*) as n by level | sort level", "--group", group, "--since", "1h", "--json",
        endpoint=server.url,
    )
    assert shown.returncode == 0, shown.stderr
    assert [json.loads(line) for line in shown.stdout.splitlines()] == [
        {"level": "ERROR", "n": "10"},
        {"level": "INFO", "n": "90"},
    ]
    wrong = stepwell("logs", "query", "count()", "--group", group, endpoint=server.url)
    assert wrong.returncode != 0
    assert "unexpected symbol found count at line 1 and position 0" in wrong.stderr


def test_logs_outlive_a_kill(tmp_path):
    with Server(tmp_path / "data") as server:
        logs = server.client("logs")
        logs.create_log_group(logGroupName="/g")
        logs.create_log_stream(logGroupName="/g", logStreamName="s")
        now = int(time.time() * 1000)
        events = [{"timestamp": now + index, "message": f"line {index} " + "x" * 200} for index in range(5_000)]
        logs.put_log_events(logGroupName="/g", logStreamName="s", logEvents=events[:4_000])
        logs.put_log_events(logGroupName="/g", logStreamName="s", logEvents=events[4_000:])
        server.restart_after_kill()
        logs = server.client("logs")
        found = logs.get_paginator("filter_log_events").paginate(logGroupName="/g").build_full_result()["events"]
        assert [event["message"] for event in found] == [event["message"] for event in events]
        assert logs.describe_log_groups()["logGroups"][0]["storedBytes"] == sum(len(e["message"]) + 26 for e in events)
