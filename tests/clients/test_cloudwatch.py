"""CloudWatch through botocore in JSON 1.0 and RPC v2 CBOR, through an old boto3 (query), and by hand."""

import datetime
import gzip
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import botocore.session
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from harness import Server, stepwell

UTC = datetime.timezone.utc


@pytest.fixture(params=["json", "smithy-rpc-v2-cbor"])
def cloudwatch(request, server):
    """A client in each of the protocols that the newest botocore speaks to CloudWatch."""
    session = botocore.session.get_session()
    loader = session.get_component("data_loader")
    load = loader.load_service_model

    def in_protocol(service, kind, *arguments, **named):
        model = load(service, kind, *arguments, **named)
        if kind != "service-2":
            return model
        return {**model, "metadata": {**model["metadata"], "protocols": [request.param]}}

    loader.load_service_model = in_protocol
    client = session.create_client(
        "cloudwatch",
        region_name="us-east-1",
        endpoint_url=server.url,
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(retries={"total_max_attempts": 1}),
    )
    assert client.meta.service_model.resolved_protocol == request.param
    return client


def minute(minutes_ago=0):
    """The begin of a minute that has passed."""
    now = datetime.datetime.now(UTC).replace(second=0, microsecond=0)
    return now - datetime.timedelta(minutes=minutes_ago)


def query(namespace, name, stat, period=60, dimensions=(), id="m1", **more):
    metric = {"Namespace": namespace, "MetricName": name, "Dimensions": list(dimensions)}
    return {"Id": id, "MetricStat": {"Metric": metric, "Period": period, "Stat": stat}, **more}


def data(cloudwatch, queries, start, end, **more):
    """The values of each query by timestamp."""
    answer = cloudwatch.get_metric_data(MetricDataQueries=queries, StartTime=start, EndTime=end, **more)
    return {
        result["Id"]: dict(zip(result["Timestamps"], result["Values"])) for result in answer["MetricDataResults"]
    }


def refused(call, **arguments):
    """Code and message of an error."""
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def test_what_was_put_is_read_at_once(cloudwatch, name):
    namespace, dimensions = name("App"), [{"Name": "Shop", "Value": "a"}, {"Name": "Region", "Value": "b"}]
    at = minute(3)
    datum = {"MetricName": "Orders", "Dimensions": dimensions, "Unit": "Count"}
    cloudwatch.put_metric_data(
        Namespace=namespace,
        MetricData=[
            {**datum, "Timestamp": at, "Value": 3},
            {**datum, "Timestamp": at + datetime.timedelta(seconds=59), "Values": [1.5, 7], "Counts": [2, 1]},
            {
                **datum,
                "Timestamp": at + datetime.timedelta(minutes=1),
                "StatisticValues": {"SampleCount": 4, "Sum": 10, "Minimum": 1, "Maximum": 5},
            },
        ],
    )
    stats = ["Sum", "Average", "Minimum", "Maximum", "SampleCount", "p50", "TM(:90%)", "PR(:2)"]
    # Dimensions are a set: their order does not matter.
    queries = [
        query(namespace, "Orders", stat, dimensions=dimensions[::-1], id=f"m{number}")
        for number, stat in enumerate(stats)
    ]
    found = data(cloudwatch, queries, at, at + datetime.timedelta(minutes=5))
    later = at + datetime.timedelta(minutes=1)
    # A statistic set has no percentiles.
    assert found["m0"] == {at: 13.0, later: 10.0}
    assert found["m1"] == {at: 3.25, later: 2.5}
    assert found["m2"] == {at: 1.5, later: 1.0}
    assert found["m3"] == {at: 7.0, later: 5.0}
    assert found["m4"] == {at: 4.0, later: 4.0}
    assert found["m5"] == {at: 1.5}
    assert found["m6"][at] == pytest.approx((1.5 * 2 + 3 + 7 * 0.6) / 3.6)
    assert found["m7"] == {at: 50.0}


def test_statistics_and_their_limit(cloudwatch, name):
    namespace, at = name("App"), minute(10)
    for number, unit in enumerate(["Seconds", "Seconds", "Bytes"]):
        cloudwatch.put_metric_data(
            Namespace=namespace,
            MetricData=[{"MetricName": "Load", "Timestamp": at, "Value": number + 1, "Unit": unit}],
        )
    asked = {"Namespace": namespace, "MetricName": "Load", "StartTime": at, "EndTime": minute(), "Period": 60}
    answer = cloudwatch.get_metric_statistics(**asked, Statistics=["Sum", "Average", "SampleCount"], Unit="Seconds")
    assert answer["Label"] == "Load"
    assert answer["Datapoints"] == [
        {"Timestamp": at, "Sum": 3.0, "Average": 1.5, "SampleCount": 2.0, "Unit": "Seconds"}
    ]
    answer = cloudwatch.get_metric_statistics(**asked, ExtendedStatistics=["p100", "tm50"])
    assert sorted((point["Unit"], point["ExtendedStatistics"]["p100"]) for point in answer["Datapoints"]) == [
        ("Bytes", 3.0),
        ("Seconds", 2.0),
    ]
    far = {**asked, "StartTime": at - datetime.timedelta(days=2)}
    assert refused(cloudwatch.get_metric_statistics, **far, Statistics=["Sum"]) == (
        "InvalidParameterCombination",
        "You have requested up to 2890 datapoints, which exceeds the limit of 1440. You may reduce the datapoints "
        "requested by increasing Period, or decreasing the time range.",
    )
    same = {**asked, "EndTime": at}
    code, message = refused(cloudwatch.get_metric_statistics, **same, Statistics=["Sum"])
    assert (code, message) == ("InvalidParameterValue", "The parameter StartTime must not equal parameter EndTime.")


def test_high_resolution_is_kept_by_the_second(cloudwatch, name):
    namespace, at = name("App"), minute(2)
    seconds = [at + datetime.timedelta(seconds=second) for second in (0, 1, 5, 31)]
    datum = {"MetricName": "Ticks", "Value": 1, "StorageResolution": 1}
    cloudwatch.put_metric_data(
        Namespace=namespace, MetricData=[{**datum, "Timestamp": second} for second in seconds]
    )
    end = at + datetime.timedelta(minutes=1)
    [found] = data(cloudwatch, [query(namespace, "Ticks", "Sum", period=1)], at, end).values()
    assert sorted(found) == seconds
    [found] = data(cloudwatch, [query(namespace, "Ticks", "Sum", period=10)], at, end).values()
    assert found == {at: 3.0, at + datetime.timedelta(seconds=30): 1.0}
    [found] = data(cloudwatch, [query(namespace, "Ticks", "Sum")], at, end).values()
    assert found == {at: 4.0}


def test_metric_math(cloudwatch, name):
    namespace, at = name("App"), minute(5)
    times = [at + datetime.timedelta(minutes=number) for number in range(5)]
    series = {"Errors": [1, None, 2, 0, 4], "Requests": [10, 10, None, 0, 8]}
    cloudwatch.put_metric_data(
        Namespace=namespace,
        MetricData=[
            {"MetricName": metric, "Timestamp": when, "Value": value}
            for metric, values in series.items()
            for when, value in zip(times, values)
            if value is not None
        ],
    )
    inputs = [
        query(namespace, "Errors", "Sum", id="errors", ReturnData=False),
        query(namespace, "Requests", "Sum", id="requests", ReturnData=False),
    ]

    def value(expression):
        found = data(cloudwatch, [*inputs, {"Id": "e", "Expression": expression}], at, at + datetime.timedelta(minutes=5))
        return [found["e"].get(when) for when in times]

    none = None
    # 0 / 0 is no point, and neither is an operator with a side missing.
    assert value("100 * errors / requests") == [10, none, none, none, 50]
    assert value("SUM([errors, requests])") == [11, 10, 2, 0, 12]
    assert value("SUM(METRICS())") == [11, 10, 2, 0, 12]
    assert value('MAX(METRICS("err"))') == [1, none, 2, 0, 4]
    assert value("FILL(errors, 0)") == [1, 0, 2, 0, 4]
    assert value("FILL(errors, REPEAT)") == [1, 1, 2, 0, 4]
    assert value("FILL(errors, LINEAR)") == [1, 1.5, 2, 0, 4]
    assert value("IF(errors > 1, errors, -1)") == [-1, none, 2, -1, 4]
    assert value("errors > 1 AND requests > 1") == [0, none, none, 0, 1]
    assert value("DIFF(errors)") == [none, none, 1, -2, 4]
    assert value("DIFF_TIME(errors)") == [none, none, 120, 60, 60]
    assert value("RUNNING_SUM(errors)") == [1, none, 3, 3, 7]
    assert value("errors - AVG(errors)") == [-0.75, none, 0.25, -1.75, 2.25]
    assert value("-errors ^ 2") == [-1, none, -4, 0, -16]
    assert value("TIME_SERIES(PERIOD(errors))") == [60] * 5
    assert value("LAST(SORT(METRICS(), AVG, DESC))") == [1, none, 2, 0, 4]
    assert value("EPOCH(errors) - EPOCH(errors)") == [0, none, 0, 0, 0]
    search = f"SUM(SEARCH('{{{namespace}}} MetricName=\"Errors\" OR MetricName=\"Requests\"', 'Sum', 60))"
    assert value(search) == [11, 10, 2, 0, 12]

    def error(expression):
        queries = [*inputs, {"Id": "e", "Expression": expression}]
        return refused(cloudwatch.get_metric_data, MetricDataQueries=queries, StartTime=at, EndTime=minute())

    assert error("errors +") == ("ValidationError", "Error in expression 'e': unexpected end")
    assert error("e + 1") == ("ValidationError", "Error in expression 'e': the expression e needs itself")
    assert error("NOTHING(errors)") == ("ValidationError", "Error in expression 'e': there is no function NOTHING")
    assert error("ANOMALY_DETECTION_BAND(errors, 2)") == (
        "NotImplemented",
        "Stepwell does not implement the function ANOMALY_DETECTION_BAND of metric math yet",
    )


def test_pages_of_metric_data(cloudwatch, name):
    namespace, at = name("App"), minute(8)
    times = [at + datetime.timedelta(minutes=number) for number in range(5)]
    for metric in ("A", "B"):
        cloudwatch.put_metric_data(
            Namespace=namespace,
            MetricData=[{"MetricName": metric, "Timestamp": when, "Value": 1} for when in times],
        )
    queries = [query(namespace, "A", "Sum", id="a"), query(namespace, "B", "Sum", id="b")]
    asked = {"MetricDataQueries": queries, "StartTime": at, "EndTime": minute(), "MaxDatapoints": 3}
    found, statuses = [], []
    for page in cloudwatch.get_paginator("get_metric_data").paginate(**asked):
        for result in page["MetricDataResults"]:
            found += [(result["Id"], when) for when in result["Timestamps"]]
            statuses.append((result["Id"], result["StatusCode"], len(result["Values"])))
    assert found == [(id, when) for id in "ab" for when in reversed(times)]
    assert statuses[:3] == [("a", "PartialData", 3), ("a", "Complete", 2), ("b", "PartialData", 1)]
    [ascending] = data(cloudwatch, queries[:1], at, minute(), ScanBy="TimestampAscending").values()
    assert list(ascending) == times


@pytest.mark.parametrize(
    "datum, code, message",
    [
        ({"Value": float("nan")}, "InvalidParameterValue", "The value NaN for parameter MetricData.member.1.Value is invalid."),
        ({"Value": float("inf")}, "InvalidParameterValue", "The value Infinity for parameter MetricData.member.1.Value is invalid."),
        ({"Value": 1e200}, "InvalidParameterValue", "MetricData.member.1.Value is invalid."),
        (
            {"Value": 1, "StatisticValues": {"SampleCount": 1, "Sum": 1, "Minimum": 1, "Maximum": 1}},
            "InvalidParameterCombination",
            "The parameters MetricData.member.1.Value and MetricData.member.1.StatisticValues are mutually exclusive and "
            "you have specified both.",
        ),
        ({}, "MissingParameter", "At least one of the parameters must be specified"),
        (
            {"Value": 1, "Timestamp": datetime.datetime.now(UTC) - datetime.timedelta(days=15)},
            "InvalidParameterValue",
            "The parameter MetricData.member.1.Timestamp must specify a time within the past two weeks.",
        ),
        (
            {"Value": 1, "Timestamp": datetime.datetime.now(UTC) + datetime.timedelta(hours=3)},
            "InvalidParameterValue",
            "The parameter MetricData.member.1.Timestamp must specify a time no more than two hours in the future.",
        ),
        ({"Value": 1, "StorageResolution": 5}, "InvalidParameterValue", "The value 5 for parameter MetricData.member.1.StorageResolution"),
        ({"Values": [1] * 151}, "InvalidParameterValue", "The collection MetricData.member.1.Values must not have a size greater than 150."),
        ({"Values": [1, 2], "Counts": [1]}, "InvalidParameterValue", "must have the same size."),
        ({"Value": 1, "Dimensions": [{"Name": "a", "Value": " "}]}, "InvalidParameterValue", "Dimensions.member.1.Value is invalid."),
        ({"Value": 1, "Dimensions": [{"Name": str(n), "Value": "v"} for n in range(31)]}, "ValidationError", "less than or equal to 30"),
        ({"Value": 1, "Unit": "Parsecs"}, "ValidationError", "Member must satisfy enum value set"),
    ],
)
def test_what_cannot_be_put_is_refused(cloudwatch, name, datum, code, message):
    namespace = name("App")
    found = refused(cloudwatch.put_metric_data, Namespace=namespace, MetricData=[{"MetricName": "m", **datum}])
    assert found[0] == code and message in found[1], found
    assert cloudwatch.list_metrics(Namespace=namespace)["Metrics"] == []


def test_a_thousand_data_of_a_request_and_no_more(cloudwatch, name):
    namespace = name("App")
    data = [{"MetricName": f"m{number}", "Value": number} for number in range(1_001)]
    assert refused(cloudwatch.put_metric_data, Namespace=namespace, MetricData=data) == (
        "InvalidParameterValue",
        "The collection MetricData must not have a size greater than 1000.",
    )
    cloudwatch.put_metric_data(Namespace=namespace, MetricData=data[:1_000])
    pages = list(cloudwatch.get_paginator("list_metrics").paginate(Namespace=namespace))
    listed = [metric["MetricName"] for page in pages for metric in page["Metrics"]]
    assert sorted(listed) == sorted(f"m{number}" for number in range(1_000))
    assert [len(page["Metrics"]) for page in pages] == [500, 500]
    assert refused(cloudwatch.put_metric_data, Namespace="AWS/Lambda", MetricData=data[:1])[0] == "InvalidParameterValue"


def test_metrics_are_listed_by_their_dimensions(cloudwatch, name):
    namespace = name("App")
    for value in ("x", "y"):
        cloudwatch.put_metric_data(
            Namespace=namespace,
            MetricData=[{"MetricName": "m", "Dimensions": [{"Name": "d", "Value": value}], "Value": 1}],
        )
    cloudwatch.put_metric_data(Namespace=namespace, MetricData=[{"MetricName": "m", "Value": 1}])

    def listed(**filters):
        metrics = cloudwatch.list_metrics(Namespace=namespace, **filters)["Metrics"]
        return sorted(dimension["Value"] for metric in metrics for dimension in metric["Dimensions"]), len(metrics)

    assert listed() == (["x", "y"], 3)
    assert listed(MetricName="m", RecentlyActive="PT3H") == (["x", "y"], 3)
    assert listed(Dimensions=[{"Name": "d"}]) == (["x", "y"], 2)
    assert listed(Dimensions=[{"Name": "d", "Value": "y"}]) == (["y"], 1)
    assert listed(MetricName="other") == ([], 0)


def test_dashboards(cloudwatch, name):
    dashboard = name("d")
    properties = {"metrics": [["AWS/Lambda", "Errors"]], "region": "us-east-1"}
    widget = {"type": "metric", "x": 0, "y": 0, "width": 6, "height": 6, "properties": properties}
    body = json.dumps({"widgets": [widget]})
    assert cloudwatch.put_dashboard(DashboardName=dashboard, DashboardBody=body)["DashboardValidationMessages"] == []
    got = cloudwatch.get_dashboard(DashboardName=dashboard)
    assert got["DashboardBody"] == body
    assert got["DashboardArn"] == f"arn:aws:cloudwatch::123456789012:dashboard/{dashboard}"
    [entry] = cloudwatch.list_dashboards(DashboardNamePrefix=dashboard)["DashboardEntries"]
    assert (entry["DashboardName"], entry["Size"]) == (dashboard, len(body))
    assert entry["LastModified"] > minute(5)
    arn = got["DashboardArn"]
    cloudwatch.tag_resource(ResourceARN=arn, Tags=[{"Key": "team", "Value": "a"}, {"Key": "k", "Value": ""}])
    cloudwatch.untag_resource(ResourceARN=arn, TagKeys=["k"])
    assert cloudwatch.list_tags_for_resource(ResourceARN=arn)["Tags"] == [{"Key": "team", "Value": "a"}]
    cloudwatch.delete_dashboards(DashboardNames=[dashboard])
    assert refused(cloudwatch.get_dashboard, DashboardName=dashboard)[0] == "ResourceNotFound"
    assert refused(cloudwatch.delete_dashboards, DashboardNames=[dashboard])[0] == "ResourceNotFound"
    assert refused(cloudwatch.list_tags_for_resource, ResourceARN=arn)[0] == "ResourceNotFoundException"


def test_a_dashboard_that_is_wrong_is_refused_with_what_is_wrong(cloudwatch):
    put = cloudwatch.put_dashboard
    assert refused(put, DashboardName="a.b", DashboardBody="{}") == (
        "InvalidParameterInput",
        "The value a.b for field DashboardName contains invalid characters. It can only contain alphanumerics, dash (-) "
        "and underscore (_).",
    )
    assert refused(put, DashboardName="d", DashboardBody="[]")[1] == "The field DashboardBody must be a valid JSON object"
    body = json.dumps({"widgets": [{"type": "chart", "properties": {}}]})
    with pytest.raises(ClientError) as caught:
        put(DashboardName="d", DashboardBody=body)
    response = caught.value.response
    assert response["Error"]["Code"] == "InvalidParameterInput"
    assert "there are 1 validation errors" in response["Error"]["Message"]
    assert response["dashboardValidationMessages"][0]["DataPath"] == "/widgets/0/type"


def test_what_is_not_built_says_so_by_name(cloudwatch):
    code, message = refused(cloudwatch.describe_anomaly_detectors)
    assert (code, message) == ("NotImplemented", "Stepwell does not implement CloudWatch DescribeAnomalyDetectors yet")


JSON = {"content-type": "application/x-amz-json-1.0"}


def json_call(server, operation, body, **headers):
    target = {"x-amz-target": f"GraniteServiceVersion20100801.{operation}"}
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    status, answered, text = server.http("POST", "/", body, {**JSON, **target, **headers})
    return status, answered, json.loads(text)


def test_json_and_packed_bodies(server, name):
    namespace, now = name("App"), time.time()
    body = {"Namespace": namespace, "MetricData": [{"MetricName": "m", "Value": 2, "Timestamp": now}]}
    status, headers, answer = json_call(server, "PutMetricData", body)
    assert (status, answer) == (200, {})
    packed = gzip.compress(json.dumps(body).encode())
    status, _, _ = json_call(server, "PutMetricData", packed, **{"content-encoding": "gzip"})
    assert status == 200
    asked = {
        "MetricDataQueries": [query(namespace, "m", "Sum")],
        "StartTime": now - 3600,
        "EndTime": now + 60,
    }
    status, _, answer = json_call(server, "GetMetricData", asked)
    assert status == 200
    [result] = answer["MetricDataResults"]
    assert (result["Values"], result["StatusCode"]) == ([4.0], "Complete")
    assert result["Timestamps"] == [now // 60 * 60]
    body["MetricData"][0]["Value"] = "NaN"
    status, headers, answer = json_call(server, "PutMetricData", body)
    assert status == 400
    assert headers["x-amzn-query-error"] == "InvalidParameterValue;Sender"
    assert answer["__type"] == "com.amazonaws.cloudwatch#InvalidParameterValueException"
    status, _, answer = json_call(server, "PutMetricData", b"\x1f\x8b nothing", **{"content-encoding": "gzip"})
    assert (status, answer["__type"]) == (400, "SerializationException")
    bomb = gzip.compress(b" " * (64 << 20))
    status, _, answer = json_call(server, "PutMetricData", bomb, **{"content-encoding": "gzip"})
    assert status == 413


def test_cbor_that_is_none_is_refused(server):
    headers = {"smithy-protocol": "rpc-v2-cbor", "content-type": "application/cbor"}
    path = "/service/GraniteServiceVersion20100801/operation/PutMetricData"
    for body in [b"\xff", b"\x9b\xff\xff\xff\xff\xff\xff\xff\xff", b"\x81" * 1000, b"\xa1\x61a"]:
        status, answered, text = server.http("POST", path, body, headers)
        assert status == 400 and b"SerializationException" in text
        assert answered["smithy-protocol"] == "rpc-v2-cbor"
        assert answered["content-type"] == "application/cbor"
    status, answered, _ = server.http("POST", path.replace("PutMetricData", "Nothing"), b"\xa0", headers)
    assert (status, answered["x-amzn-query-error"]) == (400, "InvalidAction;Sender")


OLD_CLIENT = """
import datetime, json, sys
import botocore, boto3
from botocore.config import Config
from botocore.exceptions import ClientError
url, namespace = sys.argv[1:]
client = boto3.client("cloudwatch", endpoint_url=url, region_name="us-east-1", aws_access_key_id="a",
    aws_secret_access_key="b", config=Config(retries={"total_max_attempts": 1}))
at = datetime.datetime.now(datetime.timezone.utc).replace(second=0, microsecond=0) - datetime.timedelta(minutes=5)
dimensions = [{"Name": "a&b", "Value": "<é>".replace("é", "e")}]
client.put_metric_data(Namespace=namespace, MetricData=[
    {"MetricName": "m", "Timestamp": at, "Value": 1.5, "Unit": "Count", "Dimensions": dimensions},
    {"MetricName": "m", "Timestamp": at, "Values": [1, 2], "Counts": [3, 4], "Unit": "Count", "Dimensions": dimensions}])
metric = {"Namespace": namespace, "MetricName": "m", "Dimensions": dimensions}
answer = client.get_metric_data(StartTime=at, EndTime=at + datetime.timedelta(minutes=5), MetricDataQueries=[
    {"Id": "m", "MetricStat": {"Metric": metric, "Period": 60, "Stat": "Sum"}, "ReturnData": False},
    {"Id": "e", "Expression": "m * 2", "Label": "twice"}])
[result] = answer["MetricDataResults"]
statistics = client.get_metric_statistics(StartTime=at, EndTime=at + datetime.timedelta(minutes=5), Period=300,
    Statistics=["SampleCount", "Maximum"], **metric)["Datapoints"]
try:
    client.put_metric_data(Namespace=namespace, MetricData=[{"MetricName": "m", "Value": float("nan")}])
except ClientError as error:
    refused = error.response["Error"]
try:
    client.describe_anomaly_detectors()
except ClientError as error:
    not_built = error.response["Error"]["Code"], error.response["ResponseMetadata"]["HTTPStatusCode"]
print(json.dumps({
    "protocol": client.meta.service_model.protocol,
    "version": botocore.__version__,
    "result": [result["Id"], result["Label"], result["Values"], result["Timestamps"] == [at]],
    "statistics": [[p["SampleCount"], p["Maximum"], p["Unit"], p["Timestamp"] == at] for p in statistics],
    "listed": client.list_metrics(Namespace=namespace)["Metrics"] == [metric],
    "refused": [refused["Code"], refused["Message"]],
    "not_built": not_built,
}))
"""


def old_python():
    """The interpreter with a botocore that speaks the query protocol; made by `cargo xtask test`."""
    named = os.environ.get("STEPWELL_OLD_PYTHON")
    if named:
        return named
    # Beside a pytest that was started by hand: made once, below the build's directory.
    home = Path(__file__).parents[2] / "target" / "clients" / "venv-old"
    requirements = Path(__file__).with_name("requirements-old.txt")
    if not (home / "done").exists():
        subprocess.run([sys.executable, "-m", "venv", home], check=True)
        install = [home / "bin" / "python", "-m", "pip", "install", "--quiet", "-r", requirements]
        subprocess.run(install, check=True)
        (home / "done").touch()
    return str(home / "bin" / "python")


def test_an_old_boto3_speaks_the_query_protocol(server, name):
    namespace = name("Old")
    ran = subprocess.run(
        [old_python(), "-c", OLD_CLIENT, server.url, namespace], capture_output=True, text=True, timeout=120
    )
    assert ran.returncode == 0, ran.stderr
    said = json.loads(ran.stdout)
    assert said["protocol"] == "query"
    assert said["result"] == ["e", "twice", [25.0], True]
    assert said["statistics"] == [[8.0, 2.0, "Count", True]]
    assert said["listed"] is True
    assert said["refused"] == [
        "InvalidParameterValue",
        "The value NaN for parameter MetricData.member.1.Value is invalid.",
    ]
    assert said["not_built"] == ["NotImplemented", 501]


def test_metrics_survive_a_restart(tmp_path):
    at = minute(3)
    with Server(tmp_path) as server:
        client = server.client("cloudwatch")
        client.put_metric_data(Namespace="A", MetricData=[{"MetricName": "m", "Timestamp": at, "Value": 5}])
        client.put_dashboard(DashboardName="d", DashboardBody='{"widgets": []}')
    with Server(tmp_path) as server:
        client = server.client("cloudwatch")
        assert data(client, [query("A", "m", "Sum")], at, minute()) == {"m1": {at: 5.0}}
        client.put_metric_data(Namespace="A", MetricData=[{"MetricName": "m", "Timestamp": at, "Value": 2}])
        assert data(client, [query("A", "m", "Sum")], at, minute()) == {"m1": {at: 7.0}}
        assert client.get_dashboard(DashboardName="d")["DashboardBody"] == '{"widgets": []}'


def test_a_backup_has_metrics_and_dashboards(tmp_path):
    at = minute(3)
    with Server(tmp_path / "data") as server:
        client = server.client("cloudwatch")
        client.put_metric_data(Namespace="A", MetricData=[{"MetricName": "m", "Timestamp": at, "Value": 5}])
        client.put_dashboard(DashboardName="d", DashboardBody='{"widgets": []}')
        done = stepwell("backup", "--to", tmp_path / "backup", endpoint=server.url)
        assert done.returncode == 0, done.stderr
    checked = stepwell("fsck", tmp_path / "backup", "--json")
    assert checked.returncode == 0, checked.stdout
    done = stepwell("restore", "--from", tmp_path / "backup", "--to", tmp_path / "restored")
    assert done.returncode == 0, done.stderr
    with Server(tmp_path / "restored") as server:
        client = server.client("cloudwatch")
        assert data(client, [query("A", "m", "Sum")], at, minute()) == {"m1": {at: 5.0}}
        assert client.get_dashboard(DashboardName="d")["DashboardBody"] == '{"widgets": []}'
