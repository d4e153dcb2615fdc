"""OpenTelemetry: what a collector gets agrees with what AWS's operations say, and what handlers send is found there."""

import gzip
import json
import socket
import time
import urllib.parse
import uuid

import grpc
import pytest
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2, logs_service_pb2_grpc
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from collector import GrpcCollector, HttpCollector, attributes
from harness import REPOSITORY, ROLE, Server, package, wait_until

SPEAKS = "export const handler = async () => { console.log('a line'); console.error('a bad line'); return 1; };"


def told(collector, *more):
    """The settings of a server that exports to a collector."""
    lines = ["[telemetry.otlp]", f'endpoint = "{collector.endpoint}"', f'protocol = "{collector.protocol}"', *more]
    return "\n".join(lines) + "\n"


@pytest.fixture(scope="module", params=[HttpCollector, GrpcCollector], ids=["http", "grpc"])
def exporting(request, tmp_path_factory):
    """A server that exports, and the collector that it exports to."""
    folder = tmp_path_factory.mktemp("exporting")
    with request.param() as collector:
        (folder / "stepwell.toml").write_text(told(collector, 'headers = { x-key = "secret" }'))
        with Server(folder / "data", "--config", folder / "stepwell.toml") as running:
            yield running, collector


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def attribute(key, text):
    return KeyValue(key=key, value=AnyValue(string_value=text))


def test_log_lines_reach_the_collector_as_filter_log_events_has_them(exporting, name):
    server, collector = exporting
    function = name("speaks")
    server.create_function(function, SPEAKS)
    server.invoke(function)
    group = f"/aws/lambda/{function}"

    def found():
        return server.client("logs").filter_log_events(logGroupName=group)["events"]

    events = wait_until(lambda: [event for event in found() if "REPORT" in event["message"]] and found(), "the report")

    def exported():
        return [
            (record.time_unix_nano // 1_000_000, record.body.string_value)
            for resource, record in collector.logs()
            if resource["aws.log.group.names"] == [group]
        ]

    wait_until(lambda: len(exported()) >= len(events), "the lines at the collector")
    assert sorted(exported()) == sorted((event["timestamp"], event["message"].rstrip("\n")) for event in events)
    resource, bad = next(
        (resource, record) for resource, record in collector.logs() if record.body.string_value.endswith("a bad line")
    )
    assert (bad.severity_text, bad.severity_number) == ("ERROR", 17)
    assert resource["faas.name"] == resource["service.name"] == function
    assert resource["cloud.region"] == "us-east-1"
    sent = [headers for path, headers in collector.headers if path == "/v1/logs"]
    assert sent[0]["x-key"] == "secret"


def test_put_log_events_reach_the_collector(exporting, name):
    server, collector = exporting
    logs, group = server.client("logs"), name("/app")
    logs.create_log_group(logGroupName=group)
    logs.create_log_stream(logGroupName=group, logStreamName="s")
    now = int(time.time() * 1000)
    logs.put_log_events(logGroupName=group, logStreamName="s", logEvents=[{"timestamp": now, "message": "put"}])

    def exported():
        return [record for resource, record in collector.logs() if resource["aws.log.group.names"] == [group]]

    record = wait_until(exported, "the event at the collector")[0]
    assert (record.body.string_value, record.time_unix_nano) == ("put", now * 1_000_000)


def flat(document, parent=None):
    """A segment and its subsegments as (id, parent, name, start, end)."""
    parent = document.get("parent_id", parent)
    yield document["id"], parent, document["name"], document["start_time"], document["end_time"]
    for inside in document.get("subsegments", []):
        yield from flat(inside, document["id"])


def new_trace():
    return f"1-{int(time.time()):08x}-{uuid.uuid4().hex[:24]}"


def documents_of(server, trace):
    traces = server.client("xray").batch_get_traces(TraceIds=[trace])["Traces"]
    found = [json.loads(segment["Document"]) for found in traces for segment in found["Segments"]]
    return [document for document in found if not document.get("inferred")]


def test_segments_reach_the_collector_as_batch_get_traces_has_them(exporting):
    server, collector = exporting
    trace, now = new_trace(), time.time()
    segment = {
        "name": "shop", "id": uuid.uuid4().hex[:16], "trace_id": trace, "start_time": now - 2, "end_time": now - 1,
        "http": {"request": {"method": "GET", "url": "http://shop/a"}, "response": {"status": 503}}, "fault": True,
        "annotations": {"order": 7},
        "subsegments": [
            {"name": "DynamoDB", "id": uuid.uuid4().hex[:16], "start_time": now - 1.9, "end_time": now - 1.5, "namespace": "aws"}
        ],
    }
    answer = server.client("xray").put_trace_segments(TraceSegmentDocuments=[json.dumps(segment)])
    assert answer["UnprocessedTraceSegments"] == []
    expected = sorted(row for document in documents_of(server, trace) for row in flat(document))
    assert len(expected) == 2
    w3c = trace[2:].replace("-", "")

    def exported():
        return [(resource, span) for resource, span in collector.spans() if span.trace_id.hex() == w3c]

    wait_until(lambda: len(exported()) >= 2, "the spans at the collector")
    spans = exported()
    found = sorted(
        (
            span.span_id.hex(),
            span.parent_span_id.hex() or None,
            span.name,
            span.start_time_unix_nano / 1e9,
            span.end_time_unix_nano / 1e9,
        )
        for _, span in spans
    )
    assert [row[:3] for row in found] == [row[:3] for row in expected]
    # Segments have times in microseconds, as numbers of seconds that are rounded.
    assert [row[3:] for row in found] == [pytest.approx(row[3:], rel=0, abs=2e-6) for row in expected]
    resource, span = next((resource, span) for resource, span in spans if span.name == "shop")
    assert resource["service.name"] == "shop"
    assert attributes(span.attributes)["http.response.status_code"] == 503
    assert attributes(span.attributes)["order"] == 7
    assert span.status.code == 2


def kept(server, namespace, metric, dimensions):
    """What GetMetricData has of a metric: count, sum, minimum, maximum."""
    now = time.time()
    stat = {
        "Metric": {
            "Namespace": namespace,
            "MetricName": metric,
            "Dimensions": [{"Name": key, "Value": value} for key, value in dimensions.items()],
        },
        "Period": 60,
    }
    names = ["SampleCount", "Sum", "Minimum", "Maximum"]
    results = server.client("cloudwatch").get_metric_data(
        MetricDataQueries=[{"Id": name.lower(), "MetricStat": stat | {"Stat": name}} for name in names],
        StartTime=now - 900,
        EndTime=now + 120,
    )["MetricDataResults"]
    count, total, low, high = ([*result["Values"]] for result in results)
    return (sum(count), sum(total), min(low), max(high)) if count else None


def test_metrics_reach_the_collector_as_get_metric_data_has_them(exporting, name):
    server, collector = exporting
    machine = server.create_machine(name("counted"), {"StartAt": "A", "States": {"A": {"Type": "Pass", "End": True}}})
    for _ in range(3):
        server.run(machine)
    function = name("speaks")
    server.create_function(function, SPEAKS)
    server.invoke(function)
    shop = name("Shop")
    data = {"MetricName": "Paid", "Dimensions": [{"Name": "Place", "Value": "here"}], "Values": [1.5, 4.0], "Counts": [2.0, 1.0]}
    server.client("cloudwatch").put_metric_data(Namespace=shop, MetricData=[data])
    # What is known of each: values of 0 are counted too.
    wanted = [
        ("AWS/States", "ExecutionsStarted", {"StateMachineArn": machine}, "sum", 3),
        ("AWS/States", "ExecutionsSucceeded", {"StateMachineArn": machine}, "sum", 3),
        ("AWS/States", "ExecutionTime", {"StateMachineArn": machine}, "count", 3),
        ("AWS/Lambda", "Invocations", {"FunctionName": function}, "sum", 1),
        ("AWS/Lambda", "Duration", {"FunctionName": function}, "count", 1),
        (shop, "Paid", {"Place": "here"}, "sum", 7),
    ]

    def exported(namespace, metric, dimensions):
        points = [
            point
            for _, found in collector.metrics()
            if found.name == f"amazonaws.com/{namespace}/{metric}"
            for point in found.summary.data_points
            if attributes(point.attributes).get("Dimensions") == dimensions
        ]
        quantiles = [{at.quantile: at.value for at in point.quantile_values} for point in points]
        return points and (
            sum(point.count for point in points),
            sum(point.sum for point in points),
            min(at[0.0] for at in quantiles),
            max(at[1.0] for at in quantiles),
        )

    for *metric, of, value in wanted:

        def agrees():
            found, has = exported(*metric), kept(server, *metric)
            return found and has and found == pytest.approx(has) and found

        count, total, _, _ = wait_until(agrees, f"{metric} at the collector as it is here")
        assert {"count": count, "sum": total}[of] == value, metric


def test_a_collector_that_fails_gets_it_again_and_one_that_refuses_does_not(tmp_path, name):
    with HttpCollector() as collector:
        (tmp_path / "stepwell.toml").write_text(told(collector, "metrics = false", "traces = false"))
        with Server(tmp_path / "data", "--config", tmp_path / "stepwell.toml") as server:
            server.create_function("speaks", SPEAKS)
            collector.failures = [503, 503]
            server.invoke("speaks")
            wait_until(collector.logs, "the lines after two failures")
            assert collector.attempts >= 3
            collector.failures = [400]
            attempts = collector.attempts
            server.invoke("speaks")
            wait_until(lambda: collector.attempts > attempts, "the attempt that is refused")

            def dropped():
                _, _, body = server.http("GET", "/metrics")
                line = 'stepwell_otlp_export_dropped_total{signal="logs",reason="refused"} '
                return next(int(found[len(line) :]) for found in body.decode().splitlines() if found.startswith(line))

            assert wait_until(dropped, "the drop to be counted") >= 1
            count = len(collector.logs())
        # What waits leaves when the server stops; what was refused never comes.
        assert len(collector.logs()) >= count


def test_what_waits_is_exported_when_the_server_stops(tmp_path):
    with HttpCollector() as collector:
        environment = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.endpoint, "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"}
        with Server(tmp_path / "data", more_environment=environment) as server:
            server.create_function("speaks", SPEAKS)
            server.invoke("speaks")
            assert server.stop() == 0
        said = [record.body.string_value for _, record in collector.logs()]
        assert any(line.endswith("a line") for line in said), said


def test_a_collector_that_cannot_be_is_refused_at_the_start(tmp_path):
    server = Server(tmp_path / "data", more_environment={"OTEL_EXPORTER_OTLP_ENDPOINT": "https://otlp.example"})
    with pytest.raises(AssertionError, match="speaks no TLS"):
        server.start_process()


# What is received.


def log_request(**resource):
    request = logs_service_pb2.ExportLogsServiceRequest()
    group = request.resource_logs.add()
    group.resource.attributes.extend(attribute(key.replace("_", "."), text) for key, text in resource.items())
    record = group.scope_logs.add().log_records.add()
    record.time_unix_nano = int(time.time() * 1e9)
    record.body.string_value = "over OTLP"
    record.severity_text = "WARN"
    return request


def post(server, path, body, kind="application/x-protobuf", **headers):
    return server.http("POST", path, body, {"content-type": kind} | headers)


def test_a_log_record_is_an_event_of_its_group(server, name):
    function = name("otlp")
    request = log_request(faas_name=function)
    status, headers, body = post(server, "/v1/logs", request.SerializeToString())
    assert (status, headers["content-type"]) == (200, "application/x-protobuf")
    response = logs_service_pb2.ExportLogsServiceResponse.FromString(body)
    assert response.partial_success.rejected_log_records == 0
    events = server.client("logs").filter_log_events(logGroupName=f"/aws/lambda/{function}")["events"]
    said = json.loads(events[0]["message"])
    assert (said["body"], said["severity_text"]) == ("over OTLP", "WARN")


def test_json_and_gzip_are_taken_too(server, name):
    group = name("/packed")
    record = {"timeUnixNano": str(int(time.time() * 1e9)), "body": {"stringValue": "in JSON"}}
    names = {"key": "aws.log.group.names", "value": {"arrayValue": {"values": [{"stringValue": group}]}}}
    request = {"resourceLogs": [{"resource": {"attributes": [names]}, "scopeLogs": [{"logRecords": [record]}]}]}
    body = gzip.compress(json.dumps(request).encode())
    status, headers, body = post(server, "/v1/logs", body, "application/json", **{"content-encoding": "gzip"})
    assert (status, headers["content-type"], json.loads(body)) == (200, "application/json", {})
    events = server.client("logs").filter_log_events(logGroupName=group)["events"]
    assert [json.loads(event["message"])["body"] for event in events] == ["in JSON"]


def test_what_is_no_otlp_is_refused_with_a_status(server):
    # google.rpc.Status: code 3, and the message as field 2.
    status, headers, body = post(server, "/v1/logs", b"\x0a\xff")
    assert (status, headers["content-type"]) == (400, "application/x-protobuf")
    assert body.startswith(b"\x08\x03\x12") and b"no protobuf message" in body
    status, headers, body = post(server, "/v1/logs", b"{", "application/json")
    assert (status, json.loads(body)["code"]) == (400, 3)
    assert post(server, "/v1/logs", b"", "text/plain")[0] == 415
    assert post(server, "/v1/logs", b"", **{"content-encoding": "zstd"})[0] == 415
    bomb = gzip.compress(b"\0" * (64 << 20))
    status, _, body = post(server, "/v1/logs", bomb, **{"content-encoding": "gzip"})
    assert status == 413 and b"8388608 bytes" in body
    assert post(server, "/v1/logs", b"", Origin="https://evil.example")[0] == 403
    _, _, page = server.http("GET", "/metrics")
    assert 'stepwell_otlp_malformed_total{signal="logs"} 2\n' in page.decode()


def test_a_span_is_a_segment_of_its_trace(server):
    request = trace_service_pb2.ExportTraceServiceRequest()
    group = request.resource_spans.add()
    group.resource.attributes.append(attribute("service.name", "shop"))
    spans = group.scope_spans.add().spans
    trace, now = new_trace(), time.time_ns()
    ids = [uuid.uuid4().bytes[:8] for _ in range(2)]
    for at, (name, kind) in enumerate([("GET /orders", 2), ("query", 3)]):
        span = spans.add(name=name, kind=kind, trace_id=bytes.fromhex(trace[2:].replace("-", "")), span_id=ids[at])
        span.start_time_unix_nano, span.end_time_unix_nano = now - 2_000_000, now - 1_000_000
        if at > 0:
            span.parent_span_id = ids[0]
    bad = spans.add(name="no id", trace_id=b"\0" * 16, span_id=ids[0])
    bad.start_time_unix_nano = now
    status, _, body = post(server, "/v1/traces", request.SerializeToString())
    assert status == 200
    response = trace_service_pb2.ExportTraceServiceResponse.FromString(body)
    assert response.partial_success.rejected_spans == 1
    assert "no valid trace id" in response.partial_success.error_message
    found = sorted(row[:3] for document in documents_of(server, trace) for row in flat(document))
    assert found == sorted([(ids[0].hex(), None, "shop"), (ids[1].hex(), ids[0].hex(), "query")])


def test_points_are_values_of_cloudwatch(server, name):
    request = metrics_service_pb2.ExportMetricsServiceRequest()
    group, shop = request.resource_metrics.add(), name("shop")
    group.resource.attributes.append(attribute("service.name", shop))
    metrics, now = group.scope_metrics.add().metrics, time.time_ns()
    gauge = metrics.add(name="temperature").gauge.data_points.add(time_unix_nano=now, as_double=21.5)
    gauge.attributes.append(attribute("place", "here"))
    paid = metrics.add(name="paid")
    paid.sum.aggregation_temporality = 1
    paid.sum.is_monotonic = True
    paid.sum.data_points.add(time_unix_nano=now, start_time_unix_nano=now - 10**9, as_int=7)
    took = metrics.add(name="took")
    took.histogram.aggregation_temporality = 1
    point = took.histogram.data_points.add(time_unix_nano=now, start_time_unix_nano=now - 10**9, count=4, sum=10, min=1, max=4)
    point.explicit_bounds.extend([2.0])
    point.bucket_counts.extend([2, 2])
    status, _, body = post(server, "/v1/metrics", request.SerializeToString())
    assert status == 200
    response = metrics_service_pb2.ExportMetricsServiceResponse.FromString(body)
    assert (response.partial_success.rejected_data_points, response.partial_success.error_message) == (0, "")
    assert kept(server, shop, "temperature", {"place": "here"}) == (1, 21.5, 21.5, 21.5)
    assert kept(server, shop, "paid", {}) == (1, 7, 7, 7)
    assert kept(server, shop, "took", {}) == (4, 10, 1, 4)


def inside(documents, wanted):
    """The segment or subsegment with this id."""
    waiting = list(documents)
    while waiting:
        document = waiting.pop()
        if document["id"] == wanted:
            return document
        waiting += document.get("subsegments", [])
    raise AssertionError(f"{wanted} is not in {documents}")


PACKAGES = REPOSITORY / "tests" / "clients" / "handlers" / "node_modules"

# OpenTelemetry's SDK with its defaults: where to send is in the environment.
INSTRUMENTED = """
const { trace, context, propagation, ROOT_CONTEXT, SpanKind } = require("@opentelemetry/api");
const { NodeTracerProvider, SimpleSpanProcessor } = require("@opentelemetry/sdk-trace-node");
const { OTLPTraceExporter } = require("@opentelemetry/exporter-trace-otlp-proto");
const { AWSXRayPropagator } = require("@opentelemetry/propagator-aws-xray");

const provider = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(new OTLPTraceExporter())] });
provider.register({ propagator: new AWSXRayPropagator() });
const tracer = trace.getTracer("orders");

exports.handler = async (event) => {
  const carrier = { "x-amzn-trace-id": process.env._X_AMZN_TRACE_ID };
  const parent = propagation.extract(ROOT_CONTEXT, carrier);
  const told = await context.with(parent, () => tracer.startActiveSpan("handle", async (span) => {
    span.setAttribute("annotation.order", event.order);
    const inside = tracer.startSpan("charge", { kind: SpanKind.CLIENT });
    inside.recordException(new Error("no bank"));
    inside.setStatus({ code: 2, message: "no bank" });
    inside.end();
    span.end();
    return { trace: span.spanContext().traceId, handle: span.spanContext().spanId, charge: inside.spanContext().spanId };
  }));
  await provider.forceFlush();
  return told;
};
"""


def test_a_handler_with_the_sdk_of_opentelemetry_is_in_the_trace_of_its_invocation(server, name):
    assert PACKAGES.is_dir(), "the handlers' packages are missing: npm ci in tests/clients/handlers"
    function, trace = name("instrumented"), new_trace()
    source = f"module.paths.push({json.dumps(str(PACKAGES))});\n" + INSTRUMENTED
    server.functions.create_function(
        FunctionName=function,
        Runtime="nodejs20.x",
        Role=ROLE,
        Handler="index.handler",
        Timeout=30,
        Code={"ZipFile": package({"index.js": source})},
    )
    path = f"/2015-03-31/functions/{function}/invocations"
    header = f"Root={trace};Parent=1111111111111111;Sampled=1"
    _, _, body = server.http("POST", path, b'{"order": 7}', {"x-amzn-trace-id": header})
    told = json.loads(body)
    assert told["trace"] == trace[2:].replace("-", "")
    documents = documents_of(server, trace)
    handle, charge = (inside(documents, told[name]) for name in ("handle", "charge"))
    assert (handle["name"], charge["name"]) == ("handle", "charge")
    rows = {row[0]: row for document in documents for row in flat(document)}
    assert rows[told["charge"]][1] == told["handle"]
    # The span of the handler hangs on what the environment's trace header names.
    assert rows[told["handle"]][1] is not None
    assert charge["fault"] and charge["cause"]["exceptions"][0]["message"] == "no bank"
    assert handle["annotations"] == {"order": 7}


def test_grpc_is_taken_at_a_port_of_its_own(tmp_path):
    port = free_port()
    (tmp_path / "stepwell.toml").write_text(f'[telemetry.otlp]\ngrpc_listen = "127.0.0.1:{port}"\n')
    with Server(tmp_path / "data", "--config", tmp_path / "stepwell.toml") as server:
        with grpc.insecure_channel(f"127.0.0.1:{port}", compression=grpc.Compression.Gzip) as channel:
            stub = logs_service_pb2_grpc.LogsServiceStub(channel)
            response = stub.Export(log_request(service_name="remote"), timeout=20)
            assert response.partial_success.rejected_log_records == 0
            # Not what its bytes say it is.
            with pytest.raises(grpc.RpcError) as refused:
                channel.unary_unary("/opentelemetry.proto.collector.logs.v1.LogsService/Export")(b"\x0a\xff", timeout=20)
            assert refused.value.code() == grpc.StatusCode.INVALID_ARGUMENT
            with pytest.raises(grpc.RpcError) as refused:
                channel.unary_unary("/some.Service/Method")(b"", timeout=20)
            assert refused.value.code() == grpc.StatusCode.UNIMPLEMENTED
        events = server.client("logs").filter_log_events(logGroupName="/otlp/remote")["events"]
        assert len(events) == 1


def test_functions_are_told_where_to_send_and_may_say_otherwise(server, name):
    source = """export const handler = async () => [
        process.env.OTEL_EXPORTER_OTLP_ENDPOINT, process.env.OTEL_EXPORTER_OTLP_PROTOCOL];"""
    server.create_function(name("told"), source)
    told = server.functions.list_functions()["Functions"]
    function = next(found["FunctionName"] for found in told if "told" in found["FunctionName"])
    assert server.invoke(function)["Payload"] == [server.url, "http/protobuf"]
    own = {"Variables": {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"}}
    own_name = name("own")
    server.create_function(own_name, source, Environment=own)
    assert server.invoke(own_name)["Payload"][0] == "http://127.0.0.1:1"


def test_w3c_trace_context_becomes_the_header_of_x_ray(server, name):
    function = name("traced")
    server.create_function(function, "export const handler = async () => process.env._X_AMZN_TRACE_ID;")
    path = f"/2015-03-31/functions/{urllib.parse.quote(function)}/invocations"
    parent = "00-5f84c7a1e7d1852db8c4fd35d88bf49a-00f067aa0ba902b7-01"
    _, _, body = server.http("POST", path, b"{}", {"traceparent": parent})
    assert "Root=1-5f84c7a1-e7d1852db8c4fd35d88bf49a" in json.loads(body)
    # AWS's own header counts.
    own = "Root=1-11111111-222222222222222222222222;Parent=3333333333333333;Sampled=0"
    _, _, body = server.http("POST", path, b"{}", {"traceparent": parent, "x-amzn-trace-id": own})
    assert "Root=1-11111111-222222222222222222222222" in json.loads(body)
