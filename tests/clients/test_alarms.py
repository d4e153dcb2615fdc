"""Alarms of CloudWatch through boto3: evaluation, actions, composite alarms, history, kills."""

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

import pytest
from botocore.exceptions import ClientError

from harness import ACCOUNT, REGION, Server, stepwell, wait_until
from test_event_rules import PASS, inputs, keeper, rule_to


@pytest.fixture
def cloudwatch(server):
    return server.client("cloudwatch")


def code(caught):
    return caught.value.response["Error"]["Code"]


def alarm(name, **more):
    """An alarm on a metric that nobody publishes, which keeps the state that it is given."""
    return {
        "AlarmName": name,
        "Namespace": "Shop",
        "MetricName": name,
        "Statistic": "Sum",
        "Period": 10,
        "EvaluationPeriods": 1,
        "Threshold": 1,
        "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        "TreatMissingData": "ignore",
    } | more


def set_state(cloudwatch, name, value, reason="a test"):
    cloudwatch.set_alarm_state(AlarmName=name, StateValue=value, StateReason=reason)


def described(cloudwatch, name):
    answer = cloudwatch.describe_alarms(AlarmNames=[name], AlarmTypes=["MetricAlarm", "CompositeAlarm"])
    [found] = answer["MetricAlarms"] + answer["CompositeAlarms"]
    return found


def summaries(cloudwatch, name):
    """`HistorySummary` of each item, oldest first."""
    pages = cloudwatch.get_paginator("describe_alarm_history").paginate(AlarmName=name, ScanBy="TimestampAscending")
    return [item["HistorySummary"] for page in pages for item in page["AlarmHistoryItems"]]


class Listener:
    """An HTTP server that keeps what is posted to it."""

    def __init__(self):
        self.bodies = []
        listener = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                length = int(self.headers.get("Content-Length", 0))
                listener.bodies.append(self.rfile.read(length).decode())
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._server.shutdown()


def test_an_alarm_executes_its_actions_and_tells_rules(server, cloudwatch, name, tmp_path):
    function, kept = keeper(server, name("f"), tmp_path / "kept")
    machine, ruled = server.create_machine(name("m"), PASS), server.create_machine(name("r"), PASS)
    which = name("alarm")
    rule_to(server.client("events"), name("rule"), {"source": ["aws.cloudwatch"], "detail": {"alarmName": [which]}}, ruled)
    with Listener() as webhook:
        cloudwatch.put_metric_alarm(
            **alarm(which, AlarmDescription="a lot", AlarmActions=[function, machine, f"{webhook.url}/hook"])
        )
        assert described(cloudwatch, which)["StateValue"] == "INSUFFICIENT_DATA"
        assert described(cloudwatch, which)["StateReason"] == "Unchecked: Initial alarm creation"
        set_state(cloudwatch, which, "ALARM", "it burns")
        [event] = wait_until(lambda: inputs(server, machine), "the machine's execution")
        [sent] = wait_until(kept, "the function's event")
        [posted] = wait_until(lambda: webhook.bodies, "the webhook's request")
    arn = f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:{which}"
    assert event["source"] == "aws.cloudwatch" and event["detail-type"] == "CloudWatch Alarm State Change"
    assert event["resources"] == [arn] and event["account"] == ACCOUNT
    assert event["detail"]["state"]["value"] == "ALARM" and event["detail"]["state"]["reason"] == "it burns"
    assert event["detail"]["previousState"]["value"] == "INSUFFICIENT_DATA"
    assert event["detail"]["configuration"]["description"] == "a lot"
    assert json.loads(posted) == event
    assert wait_until(lambda: inputs(server, ruled), "the rule's execution") == [event]
    # AWS: what a function gets of an alarm has a form of its own.
    assert sent["alarmArn"] == arn and sent["accountId"] == ACCOUNT and sent["source"] == "aws.cloudwatch"
    assert sent["alarmData"]["alarmName"] == which and sent["alarmData"]["state"] == event["detail"]["state"]
    said = [
        f'Alarm "{which}" created',
        "Alarm updated from INSUFFICIENT_DATA to ALARM",
        f"Successfully executed action {function}",
        f"Successfully executed action {machine}",
        f"Successfully executed action {webhook.url}/hook",
    ]
    wait_until(lambda: summaries(cloudwatch, which) == said, "the history")
    # The same state again executes nothing.
    set_state(cloudwatch, which, "ALARM")
    set_state(cloudwatch, which, "OK")
    wait_until(lambda: len(inputs(server, ruled)) == 2, "the event of the way back")
    assert len(inputs(server, machine)) == 1


def test_data_points_decide(server, cloudwatch, name):
    which = name("alarm")
    machine = server.create_machine(name("m"), PASS)
    cloudwatch.put_metric_alarm(
        **alarm(which, TreatMissingData="notBreaching", AlarmActions=[machine], Dimensions=[{"Name": "Shop", "Value": "a"}])
    )
    wait_until(lambda: described(cloudwatch, which)["StateValue"] == "OK", "the first evaluation")
    reason = "Threshold Crossed: no datapoints were received for 1 period and 1 missing datapoint was treated as [NonBreaching]."
    assert described(cloudwatch, which)["StateReason"] == reason
    datum = {"MetricName": which, "Value": 3, "StorageResolution": 1, "Dimensions": [{"Name": "Shop", "Value": "a"}]}
    cloudwatch.put_metric_data(Namespace="Shop", MetricData=[datum])
    wait_until(lambda: described(cloudwatch, which)["StateValue"] == "ALARM", "ALARM")
    found = described(cloudwatch, which)
    assert found["StateReason"].startswith("Threshold Crossed: 1 datapoint [3.0 (")
    assert found["StateReason"].endswith(")] was greater than or equal to the threshold (1.0).")
    data = json.loads(found["StateReasonData"])
    assert data["recentDatapoints"] == [3.0] and data["period"] == 10 and data["statistic"] == "Sum"
    [event] = wait_until(lambda: inputs(server, machine), "the action")
    assert event["detail"]["configuration"]["metrics"][0]["metricStat"]["metric"]["dimensions"] == {"Shop": "a"}
    # Without another one it goes back: two periods after its own the point is out of the evaluation range.
    wait_until(lambda: described(cloudwatch, which)["StateValue"] == "OK", "OK again", 90)
    assert found["StateTransitionedTimestamp"] < described(cloudwatch, which)["StateTransitionedTimestamp"]


def test_math_on_metrics_decides(server, cloudwatch, name):
    which = name("alarm")
    stat = {"Metric": {"Namespace": "Shop", "MetricName": which}, "Period": 10, "Stat": "Sum"}
    cloudwatch.put_metric_alarm(
        AlarmName=which,
        EvaluationPeriods=1,
        Threshold=10,
        ComparisonOperator="GreaterThanThreshold",
        TreatMissingData="notBreaching",
        Metrics=[
            {"Id": "e", "Expression": "m * 4", "Label": "four times"},
            {"Id": "m", "MetricStat": stat, "ReturnData": False},
        ],
    )
    cloudwatch.put_metric_data(Namespace="Shop", MetricData=[{"MetricName": which, "Value": 3, "StorageResolution": 1}])
    wait_until(lambda: described(cloudwatch, which)["StateValue"] == "ALARM", "ALARM")
    assert "[12.0 (" in described(cloudwatch, which)["StateReason"]


def test_composite_alarms_follow_and_are_suppressed(server, cloudwatch, name):
    one, two, quiet, both = name("one"), name("two"), name("quiet"), name("both")
    machine = server.create_machine(name("m"), PASS)
    for which in (one, two, quiet):
        cloudwatch.put_metric_alarm(**alarm(which))
    cloudwatch.put_composite_alarm(
        AlarmName=both,
        AlarmRule=f"ALARM({one}) AND ALARM(\"{two}\")",
        AlarmActions=[machine],
        ActionsSuppressor=quiet,
        ActionsSuppressorWaitPeriod=2,
        ActionsSuppressorExtensionPeriod=2,
    )
    wait_until(lambda: described(cloudwatch, both)["StateValue"] == "OK", "the first evaluation")
    set_state(cloudwatch, one, "ALARM")
    assert described(cloudwatch, both)["StateValue"] == "OK"
    set_state(cloudwatch, two, "ALARM")
    found = described(cloudwatch, both)
    assert found["StateValue"] == "ALARM" and found["ActionsSuppressedBy"] == "WaitPeriod"
    assert f"alarm:{two} transitioned to ALARM at " in found["StateReason"]
    [event] = wait_until(lambda: inputs(server, machine), "the action after the wait")
    assert event["detail"]["configuration"]["alarmRule"] == f"ALARM({one}) AND ALARM(\"{two}\")"
    children = cloudwatch.describe_alarms(ChildrenOfAlarmName=both)["MetricAlarms"]
    assert {child["AlarmName"] for child in children} == {one, two}
    assert [parent["AlarmName"] for parent in cloudwatch.describe_alarms(ParentsOfAlarmName=one)["CompositeAlarms"]] == [both]
    with pytest.raises(ClientError) as caught:
        cloudwatch.delete_alarms(AlarmNames=[one])
    assert "composite alarm(s) depending on it" in str(caught.value)
    # While the suppressor is in ALARM nothing is executed.
    set_state(cloudwatch, quiet, "ALARM")
    set_state(cloudwatch, two, "OK")
    set_state(cloudwatch, two, "ALARM")
    time.sleep(3)
    assert len(inputs(server, machine)) == 1
    cloudwatch.delete_alarms(AlarmNames=[both])
    cloudwatch.delete_alarms(AlarmNames=[one, two, quiet])


def test_what_is_wrong_is_refused_in_words(cloudwatch, name):
    which = name("alarm")
    with pytest.raises(ClientError) as caught:
        cloudwatch.put_metric_alarm(**alarm(which, Period=15))
    assert "Period must be 10, 20, 30 or a multiple of 60" in str(caught.value)
    with pytest.raises(ClientError) as caught:
        cloudwatch.put_metric_alarm(**alarm(which, AlarmActions=["arn:aws:automate:us-east-1:ec2:stop"]))
    assert code(caught) == "NotImplemented"
    with pytest.raises(ClientError) as caught:
        cloudwatch.put_composite_alarm(AlarmName=which, AlarmRule="ALARM(nobody)")
    assert "alarms [nobody] in the alarm rule do not exist" in str(caught.value)
    with pytest.raises(cloudwatch.exceptions.ResourceNotFound):
        cloudwatch.set_alarm_state(AlarmName=which, StateValue="OK", StateReason="r")
    with pytest.raises(cloudwatch.exceptions.ResourceNotFound):
        cloudwatch.delete_alarms(AlarmNames=[which])
    cloudwatch.put_metric_alarm(**alarm(which))
    with pytest.raises(cloudwatch.exceptions.InvalidFormatFault):
        cloudwatch.set_alarm_state(AlarmName=which, StateValue="OK", StateReason="r", StateReasonData="{")
    with pytest.raises(cloudwatch.exceptions.InvalidNextToken):
        cloudwatch.describe_alarms(NextToken="of nobody")


def test_alarms_are_listed_tagged_and_paged(cloudwatch, name):
    prefix = name("p")
    for number in range(5):
        cloudwatch.put_metric_alarm(**alarm(f"{prefix}-{number}", Tags=[{"Key": "number", "Value": str(number)}]))
    pages = cloudwatch.get_paginator("describe_alarms").paginate(AlarmNamePrefix=prefix, PaginationConfig={"PageSize": 2})
    pages = [[one["AlarmName"] for one in page["MetricAlarms"]] for page in pages]
    assert [len(page) for page in pages] == [2, 2, 1]
    assert sum(pages, []) == [f"{prefix}-{number}" for number in range(5)]
    arn = described(cloudwatch, f"{prefix}-3")["AlarmArn"]
    cloudwatch.tag_resource(ResourceARN=arn, Tags=[{"Key": "team", "Value": "shop"}])
    cloudwatch.untag_resource(ResourceARN=arn, TagKeys=["number"])
    assert cloudwatch.list_tags_for_resource(ResourceARN=arn)["Tags"] == [{"Key": "team", "Value": "shop"}]
    cloudwatch.disable_alarm_actions(AlarmNames=[f"{prefix}-3"])
    assert described(cloudwatch, f"{prefix}-3")["ActionsEnabled"] is False
    cloudwatch.enable_alarm_actions(AlarmNames=[f"{prefix}-3"])
    found = cloudwatch.describe_alarms_for_metric(Namespace="Shop", MetricName=f"{prefix}-3")["MetricAlarms"]
    assert [one["AlarmName"] for one in found] == [f"{prefix}-3"]
    cloudwatch.delete_alarms(AlarmNames=[f"{prefix}-{number}" for number in range(5)])
    assert cloudwatch.describe_alarms(AlarmNamePrefix=prefix)["MetricAlarms"] == []


def test_an_alarm_in_alarm_survives_kills_and_its_action_starts_once(tmp_path):
    with Server(tmp_path / "data") as server:
        cloudwatch = server.client("cloudwatch")
        machine = server.create_machine("m", PASS)
        cloudwatch.put_metric_alarm(**alarm("kept", AlarmActions=[machine]))
        cloudwatch.put_metric_alarm(**alarm("silent", TreatMissingData="breaching", AlarmActions=[machine]))
        set_state(cloudwatch, "kept", "ALARM", "before the kill")
        # The answer says that it is durable; whether the shard has it is not known.
        server.restart_after_kill()
        cloudwatch = server.client("cloudwatch")
        found = described(cloudwatch, "kept")
        assert (found["StateValue"], found["StateReason"]) == ("ALARM", "before the kill")
        # Evaluation goes on, and what it finds has its action.
        wait_until(lambda: described(cloudwatch, "silent")["StateValue"] == "ALARM", "the evaluation")
        wait_until(lambda: len(inputs(server, machine)) == 2, "both actions")
        for _ in range(3):
            server.restart_after_kill()
        cloudwatch = server.client("cloudwatch")
        wait_until(
            lambda: summaries(cloudwatch, "kept")[-1] == f"Successfully executed action {machine}", "the action in the history"
        )
        assert sorted(event["detail"]["alarmName"] for event in inputs(server, machine)) == ["kept", "silent"]
        assert described(cloudwatch, "kept")["StateValue"] == "ALARM"


def test_kills_lose_no_action_and_double_none(tmp_path):
    with Server(tmp_path / "data") as server:
        machine = server.create_machine("m", PASS)
        server.client("cloudwatch").put_metric_alarm(**alarm("a", AlarmActions=[machine]))
        for number in range(12):
            cloudwatch = server.client("cloudwatch")
            set_state(cloudwatch, "a", "ALARM", f"number {number}")
            set_state(cloudwatch, "a", "OK")
            if number % 3 == 0:
                server.restart_after_kill()
        wait_until(lambda: len(inputs(server, machine)) >= 12, "all actions")
        reasons = [event["detail"]["state"]["reason"] for event in inputs(server, machine)]
        assert sorted(reasons) == sorted(f"number {number}" for number in range(12))


def test_a_topic_gets_its_message_at_the_configured_endpoint(tmp_path):
    topic = f"arn:aws:sns:{REGION}:{ACCOUNT}:told"
    with Listener() as sns:
        configuration = tmp_path / "stepwell.toml"
        configuration.write_text(f'[endpoints]\nsns = "{sns.url}"\n')
        with Server(tmp_path / "data", "--config", configuration) as server:
            cloudwatch = server.client("cloudwatch")
            cloudwatch.put_metric_alarm(**alarm("a", AlarmActions=[topic]))
            set_state(cloudwatch, "a", "ALARM", "tell them")
            [body] = wait_until(lambda: sns.bodies, "the message")
    sent = parse_qs(body)
    assert sent["TopicArn"] == [topic]
    message = json.loads(sent["Message"][0])
    assert (message["AlarmName"], message["NewStateValue"], message["OldStateValue"]) == ("a", "ALARM", "INSUFFICIENT_DATA")
    assert message["Trigger"]["MetricName"] == "a" and message["Trigger"]["Statistic"] == "SUM"


def test_an_action_that_cannot_be_executed_is_in_the_history(tmp_path):
    topic = f"arn:aws:sns:{REGION}:{ACCOUNT}:told"
    with Server(tmp_path / "data") as server:
        cloudwatch = server.client("cloudwatch")
        cloudwatch.put_metric_alarm(**alarm("a", AlarmActions=[topic]))
        set_state(cloudwatch, "a", "ALARM")
        failed = f"Failed to execute action {topic}. Reason: "
        wait_until(lambda: any(one.startswith(failed) for one in summaries(cloudwatch, "a")), "the failed action")


def test_the_command_line_lists_alarms_and_their_history(server, cloudwatch, name):
    which = name("alarm")
    cloudwatch.put_metric_alarm(**alarm(which))
    set_state(cloudwatch, which, "ALARM", "it burns")
    listed = stepwell("alarms", endpoint=server.url)
    assert listed.returncode == 0, listed.stderr
    lines = listed.stdout.splitlines()
    [at] = [at for at, line in enumerate(lines) if which in line]
    assert lines[at].startswith("ALARM") and lines[at + 1].strip() == "it burns"
    shown = stepwell("alarms", which, endpoint=server.url)
    assert "Alarm updated from INSUFFICIENT_DATA to ALARM" in shown.stdout
    documents = [json.loads(line) for line in stepwell("alarms", "--json", endpoint=server.url).stdout.splitlines()]
    assert [one["state"] for one in documents if one["name"] == which] == ["ALARM"]
    missing = stepwell("alarms", "nobody", endpoint=server.url)
    assert missing.returncode != 0 and "nobody" in missing.stderr
