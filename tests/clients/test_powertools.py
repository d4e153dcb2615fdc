"""Telemetry libraries in handlers: what they write is found by boto3 in CloudWatch Logs, CloudWatch and X-Ray."""

import datetime
import json
import time
import uuid

import pytest

from harness import REPOSITORY, ROLE, package, wait_until

PACKAGES = REPOSITORY / "tests" / "clients" / "handlers" / "node_modules"

assert PACKAGES.is_dir(), "the handlers' packages are missing: npm ci in tests/clients/handlers"

POWERTOOLS = """
const { Logger } = require('@aws-lambda-powertools/logger');
const { Metrics, MetricUnit } = require('@aws-lambda-powertools/metrics');
const { Tracer } = require('@aws-lambda-powertools/tracer');

const logger = new Logger({ serviceName: 'payments' });
const metrics = new Metrics({ namespace: process.env.NAMESPACE, serviceName: 'payments' });
const tracer = new Tracer({ serviceName: 'payments' });

exports.handler = async (event, context) => {
  logger.addContext(context);
  const segment = tracer.getSegment();
  const subsegment = segment?.addNewSubsegment('## charge');
  if (subsegment) tracer.setSegment(subsegment);
  tracer.annotateColdStart();
  tracer.putAnnotation('orderId', event.orderId);
  logger.info('charged', { orderId: event.orderId });
  metrics.addDimension('country', 'CH');
  metrics.addMetric('charges', MetricUnit.Count, event.charges);
  metrics.publishStoredMetrics();
  subsegment?.close();
  if (segment) tracer.setSegment(segment);
  return { root: tracer.getRootXrayTraceId(), sampled: tracer.isTraceSampled() };
};
"""

OPEN_TELEMETRY = """
const { context, ROOT_CONTEXT, trace } = require('@opentelemetry/api');
const { OTLPTraceExporter } = require('@opentelemetry/exporter-trace-otlp-http');
const { BasicTracerProvider, SimpleSpanProcessor } = require('@opentelemetry/sdk-trace-base');

const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(new OTLPTraceExporter())] });

exports.handler = async (event) => {
  const [, date, rest] = /Root=1-([0-9a-f]{8})-([0-9a-f]{24})/.exec(process.env._X_AMZN_TRACE_ID);
  const spanId = /Parent=([0-9a-f]{16})/.exec(process.env._X_AMZN_TRACE_ID)[1];
  const parent = trace.setSpanContext(ROOT_CONTEXT, { traceId: date + rest, spanId, traceFlags: 1, isRemote: true });
  const span = provider.getTracer('t').startSpan('charge', { attributes: { 'order.id': event.orderId } }, parent);
  span.end();
  await provider.forceFlush();
  return { root: `1-${date}-${rest}` };
};
"""


def create(server, function, source, **variables):
    server.functions.create_function(
        FunctionName=function,
        Runtime="nodejs20.x",
        Role=ROLE,
        Handler="index.handler",
        Timeout=60,
        MemorySize=1024,
        TracingConfig={"Mode": "Active"},
        Environment={"Variables": {"NODE_PATH": str(PACKAGES)} | variables},
        Code={"ZipFile": package({"index.js": source})},
    )


def invoke_sampled(server, function, event):
    """Invokes with a trace header that says to sample: of calls without one, the default rule samples one a second."""
    client = server.client("lambda")
    root = f"1-{int(time.time()):08x}-{uuid.uuid4().hex[:24]}"

    def with_header(request, **_):
        request.headers["X-Amzn-Trace-Id"] = f"Root={root};Sampled=1"

    client.meta.events.register("before-send.lambda.Invoke", with_header)
    answer = client.invoke(FunctionName=function, Payload=json.dumps(event))
    payload = json.loads(answer["Payload"].read())
    assert "FunctionError" not in answer, payload
    assert payload["root"] == root
    return payload


def documents(server, root):
    """Every segment document of a trace."""
    traces = server.client("xray").batch_get_traces(TraceIds=[root])["Traces"]
    found = [json.loads(segment["Document"]) for trace in traces for segment in trace["Segments"]]
    return [document for document in found if not document.get("inferred")]


def parts(document):
    yield document
    for part in document.get("subsegments", []):
        yield from parts(part)


def named(server, root, name):
    return [part for document in documents(server, root) for part in parts(document) if part["name"] == name]


@pytest.fixture(scope="module")
def powertools(server):
    create(server, "payments", POWERTOOLS, NAMESPACE="Shop", POWERTOOLS_TRACE_ENABLED="true")
    return invoke_sampled(server, "payments", {"orderId": "o-1", "charges": 3})


def test_lines_of_the_logger_are_in_the_log_and_can_be_asked_for(server, powertools):
    logs = server.client("logs")
    pattern = '{ $.message = "charged" && $.orderId = "o-1" }'
    found = logs.filter_log_events(logGroupName="/aws/lambda/payments", filterPattern=pattern)["events"]
    line = json.loads(found[0]["message"])
    assert (line["level"], line["service"], line["function_name"]) == ("INFO", "payments", "payments")
    assert line["xray_trace_id"] == powertools["root"]


def test_metrics_are_in_cloudwatch(server, powertools):
    now = datetime.datetime.now(datetime.timezone.utc)
    query = {
        "Id": "m",
        "MetricStat": {
            "Metric": {
                "Namespace": "Shop",
                "MetricName": "charges",
                "Dimensions": [{"Name": "country", "Value": "CH"}, {"Name": "service", "Value": "payments"}],
            },
            "Period": 60,
            "Stat": "Sum",
        },
    }
    span = {"StartTime": now - datetime.timedelta(minutes=10), "EndTime": now + datetime.timedelta(minutes=2)}
    ask = lambda: server.client("cloudwatch").get_metric_data(MetricDataQueries=[query], **span)
    values = wait_until(lambda: ask()["MetricDataResults"][0]["Values"], "the metric")
    assert sum(values) == 3


def test_subsegments_of_the_tracer_are_in_the_trace(server, powertools):
    assert powertools["sampled"] is True
    [charge] = wait_until(lambda: named(server, powertools["root"], "## charge"), "the subsegment")
    assert charge["annotations"]["orderId"] == "o-1"
    assert charge["annotations"]["ColdStart"] is True


def test_spans_of_open_telemetry_are_in_the_same_trace(server):
    create(server, "spans", OPEN_TELEMETRY)
    root = invoke_sampled(server, "spans", {"orderId": "o-2"})["root"]

    def below():
        """Names of the parts of the function's segment."""
        functions = [one for one in documents(server, root) if one.get("origin") == "AWS::Lambda::Function"]
        return [part["name"] for one in functions for part in one.get("subsegments", [])]

    wait_until(lambda: "charge" in below(), "the span, as a part of the segment of its function")
