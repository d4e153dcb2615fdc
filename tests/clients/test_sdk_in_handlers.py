"""AWS SDKs inside handlers: what is served answers, everything else fails at once or goes where it was configured."""

import http.server
import json
import sys
import threading
from pathlib import Path

import boto3
import pytest

from harness import REPOSITORY, ROLE, Server, package, wait_until

PACKAGES = REPOSITORY / "tests" / "clients" / "handlers" / "node_modules"
# A client that tries again takes longer, whatever its delays.
AT_ONCE_SECONDS = 3

assert PACKAGES.is_dir(), "the handlers' packages are missing: npm ci in tests/clients/handlers"


class Elsewhere:
    """A small HTTP server that stands for a service of AWS, and remembers what it was asked."""

    def __init__(self):
        seen = self.seen = []

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                headers = {name.lower(): value for name, value in self.headers.items()}
                seen.append((self.command, self.path, headers, body))
                answer = b'{"TableNames": ["elsewhere"]}' if self.command == "POST" else b""
                self.send_response(200)
                self.send_header("Content-Type", "application/x-amz-json-1.0")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            do_GET = do_PUT = do_POST = answer

            def log_message(self, *_):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture(scope="module")
def elsewhere():
    server = Elsewhere()
    yield server
    server.close()


@pytest.fixture(scope="module")
def configured(tmp_path_factory, elsewhere):
    """A server that has endpoints for DynamoDB and S3, and for nothing else."""
    directory = tmp_path_factory.mktemp("configured")
    config = directory / "stepwell.toml"
    config.write_text(f'[endpoints]\ndynamodb = "{elsewhere.url}"\ns3 = "{elsewhere.url}"\n')
    with Server(directory / "data", "--config", config) as server:
        yield server


@pytest.fixture
def run(server, name):
    """Runs the body of an async handler, in CommonJS, with the packages; returns what it returns."""

    def run(body, on=server, event=None, **configuration):
        function = name("sdk")
        variables = {"NODE_PATH": str(PACKAGES)} | configuration.pop("variables", {})
        on.functions.create_function(
            FunctionName=function,
            Runtime="nodejs20.x",
            Role=ROLE,
            Handler="index.handler",
            Timeout=60,
            MemorySize=1024,
            Environment={"Variables": variables},
            Code={"ZipFile": package({"index.js": f"exports.handler = async (event, context) => {{\n{body}\n}};"})},
        )
        answer = on.invoke(function, event or {}, **configuration)
        assert "FunctionError" not in answer, answer
        return answer["Payload"]

    return run


def failing(call):
    """A handler's body: makes the call, returns how it failed and how long it took."""
    return f"""
    const begun = Date.now();
    try {{
      {call}
      return {{ answered: true }};
    }} catch (error) {{
      return {{ name: error.name, code: error.code, message: error.message, ms: Date.now() - begun }};
    }}
    """


def assert_refused(failure, service):
    assert "NotImplemented" in (failure["name"], failure.get("code")), failure
    assert f"does not serve {service}" in failure["message"], failure
    assert f'[endpoints] {service} = "http://HOST:PORT"' in failure["message"], failure
    assert failure["ms"] < AT_ONCE_SECONDS * 1000, failure


def test_sdk_3_calls_of_what_is_served_come_to_this_server(run, server, name):
    machine = server.create_machine(name("m"), {"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}}, "EXPRESS")
    found = run(
        f"""
        const {{ SFNClient, ListStateMachinesCommand, StartSyncExecutionCommand }} = require('@aws-sdk/client-sfn');
        const {{ LambdaClient, GetFunctionCommand }} = require('@aws-sdk/client-lambda');
        const {{ CloudWatchLogsClient, DescribeLogGroupsCommand }} = require('@aws-sdk/client-cloudwatch-logs');
        const sfn = new SFNClient();
        const machines = await sfn.send(new ListStateMachinesCommand({{}}));
        const ran = await sfn.send(new StartSyncExecutionCommand({{ stateMachineArn: '{machine}', input: '7' }}));
        const me = await new LambdaClient().send(new GetFunctionCommand({{ FunctionName: context.functionName }}));
        const groups = await new CloudWatchLogsClient().send(new DescribeLogGroupsCommand({{}}));
        return {{
          machines: machines.stateMachines.map((machine) => machine.stateMachineArn),
          output: ran.output, me: me.Configuration.FunctionName === context.functionName, groups: groups.logGroups.length,
        }};
        """
    )
    assert machine in found["machines"]
    assert found["output"] == "7"
    assert found["me"] is True
    assert found["groups"] > 0


@pytest.mark.parametrize(
    ("service", "call"),
    [
        (
            "dynamodb",
            "const { DynamoDBClient, ListTablesCommand } = require('@aws-sdk/client-dynamodb');"
            "await new DynamoDBClient().send(new ListTablesCommand({}));",
        ),
        (
            "s3",
            "const { S3Client, GetObjectCommand } = require('@aws-sdk/client-s3');"
            "await new S3Client().send(new GetObjectCommand({ Bucket: 'my-bucket', Key: 'a/b.json' }));",
        ),
        (
            "s3",
            "const { S3Client, PutObjectCommand } = require('@aws-sdk/client-s3');"
            "await new S3Client().send(new PutObjectCommand({ Bucket: 'my-bucket', Key: 'a', Body: 'x'.repeat(1e6) }));",
        ),
        ("dynamodb", "const AWS = require('aws-sdk'); await new AWS.DynamoDB.DocumentClient().get({ TableName: 't', Key: { id: 1 } }).promise();"),
        ("sns", "const AWS = require('aws-sdk'); await new AWS.SNS().publish({ Message: 'm', TopicArn: 'a' }).promise();"),
        ("sqs", "const AWS = require('aws-sdk'); await new AWS.SQS().listQueues().promise();"),
        ("s3", "const AWS = require('aws-sdk'); await new AWS.S3().getObject({ Bucket: 'my-bucket', Key: 'a' }).promise();"),
        ("ec2", "const AWS = require('aws-sdk'); await new AWS.EC2().describeInstances().promise();"),
        ("cloudtrail", "const AWS = require('aws-sdk'); await new AWS.CloudTrail().describeTrails().promise();"),
    ],
    ids=lambda value: value if len(value) < 20 else ("v2" if "'aws-sdk'" in value else "v3"),
)
def test_a_service_that_is_not_served_fails_at_once_and_says_what_to_do(run, service, call):
    assert_refused(run(failing(call)), service)


def test_sdk_2_calls_of_what_is_served_come_to_this_server(run, name):
    found = run(
        """
        const AWS = require('aws-sdk');
        const machines = await new AWS.StepFunctions().listStateMachines().promise();
        const who = await new AWS.STS().getCallerIdentity().promise();
        const me = await new AWS.Lambda().getFunctionConfiguration({ FunctionName: context.functionName }).promise();
        return { machines: machines.stateMachines.length, account: who.Account, me: me.FunctionName === context.functionName };
        """
    )
    assert found["account"] == "123456789012"
    assert found["me"] is True


def test_calls_of_a_configured_service_go_to_its_endpoint(run, configured, elsewhere):
    elsewhere.seen.clear()
    tables = run(
        """
        const { DynamoDBClient, ListTablesCommand } = require('@aws-sdk/client-dynamodb');
        const three = await new DynamoDBClient().send(new ListTablesCommand({}));
        const AWS = require('aws-sdk');
        const two = await new AWS.DynamoDB().listTables().promise();
        return [three.TableNames, two.TableNames, process.env.AWS_ENDPOINT_URL_DYNAMODB];
        """,
        on=configured,
    )
    assert tables == [["elsewhere"], ["elsewhere"], elsewhere.url]
    assert [request[2]["x-amz-target"] for request in elsewhere.seen] == ["DynamoDB_20120810.ListTables"] * 2
    assert all(request[2]["host"] == elsewhere.url.removeprefix("http://") for request in elsewhere.seen)


def test_a_bucket_stays_in_the_path(run, configured, elsewhere):
    elsewhere.seen.clear()
    run(
        """
        const AWS = require('aws-sdk');
        await new AWS.S3().putObject({ Bucket: 'my-bucket', Key: 'a/b', Body: 'x' }).promise();
        return null;
        """,
        on=configured,
    )
    assert [(method, path) for method, path, _, _ in elsewhere.seen] == [("PUT", "/my-bucket/a/b")]


# Once an SDK is bundled into the handler's file, no module of its name is loaded: what follows is what it does then.
BUNDLED = """
const https = require('https');
const call = (host, target, headers) => new Promise((resolve, reject) => {
  const request = https.request({ host, port: 443, method: 'POST', path: '/', agent: new https.Agent(), headers: {
    Host: host, 'X-Amz-Target': target,
    Authorization: `AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/${host.split('.')[0]}/aws4_request, SignedHeaders=host, Signature=0`,
    ...headers,
  } }, (response) => {
    let text = '';
    response.on('data', (chunk) => (text += chunk)).on('end', () => resolve({ status: response.statusCode, body: JSON.parse(text) }));
  });
  request.on('error', reject);
  request.end('{}');
});
"""


def test_calls_to_aws_itself_come_here_however_they_are_made(run, configured, elsewhere):
    elsewhere.seen.clear()
    here, away = run(
        BUNDLED
        + """
        return [
          await call('states.us-east-1.amazonaws.com', 'AWSStepFunctions.ListStateMachines'),
          await call('dynamodb.us-east-1.amazonaws.com', 'DynamoDB_20120810.ListTables'),
        ];
        """,
        on=configured,
    )
    assert here == {"status": 200, "body": {"stateMachines": []}}
    assert away == {"status": 200, "body": {"TableNames": ["elsewhere"]}}
    assert len(elsewhere.seen) == 1


def test_what_is_not_seen_as_a_call_of_an_sdk_is_refused_when_it_connects(run):
    failures = run(
        """
        const failure = (promise) => promise.then(() => 'answered', (error) => (error.cause ?? error).message);
        const get = (url) => new Promise((resolve, reject) => require('https').get(url, resolve).on('error', reject));
        return [
          await failure(get('https://sts.amazonaws.com/')),
          await failure(fetch('https://dynamodb.eu-central-1.amazonaws.com/')),
          await failure(fetch('http://169.254.169.254/latest/meta-data/')),
        ];
        """
    )
    assert len(failures) == 3
    for failure, host in zip(failures, ["sts.amazonaws.com", "dynamodb.eu-central-1.amazonaws.com", "169.254.169.254"], strict=True):
        assert f"does not let a function call AWS itself ({host})" in failure


def test_a_variable_of_the_function_itself_wins(run, elsewhere):
    elsewhere.seen.clear()
    tables = run(
        """
        const { DynamoDBClient, ListTablesCommand } = require('@aws-sdk/client-dynamodb');
        return (await new DynamoDBClient().send(new ListTablesCommand({}))).TableNames;
        """,
        variables={"AWS_ENDPOINT_URL_DYNAMODB": elsewhere.url},
    )
    assert tables == ["elsewhere"]


def test_the_tutorials_tracing_and_its_metrics_work(run, server):
    done = run(
        """
        const AWSXRay = require('aws-xray-sdk');
        const aws = AWSXRay.captureAWS(require('aws-sdk'));
        """
        + failing(
            """
            const cloudwatch = new aws.CloudWatch();
            await cloudwatch.putMetricData({
              MetricData: [{ MetricName: 'Orders', Value: 1, Unit: 'Count' }], Namespace: 'OrderProcessing',
            }).promise();
            """
        )
    )
    assert done == {"answered": True}
    metrics = server.client("cloudwatch").list_metrics(Namespace="OrderProcessing")["Metrics"]
    assert [metric["MetricName"] for metric in metrics] == ["Orders"]


def test_segments_of_x_ray_are_taken_and_kept(server, run, name):
    function = name("traced")
    source = """
    const AWSXRay = require('aws-xray-sdk-core');
    const { SFNClient, ListStateMachinesCommand } = require('@aws-sdk/client-sfn');
    const sfn = AWSXRay.captureAWSv3Client(new SFNClient());
    exports.handler = async () => {
      const segment = AWSXRay.getSegment();
      const subsegment = segment.addNewSubsegment('work');
      subsegment.addAnnotation('orderId', '7');
      subsegment.addMetadata('detail', { a: 1 });
      await AWSXRay.captureAsyncFunc('inner', async (inner) => { inner.close(); });
      await sfn.send(new ListStateMachinesCommand({}));
      subsegment.close();
      return { trace: segment.trace_id, header: process.env._X_AMZN_TRACE_ID, daemon: process.env.AWS_XRAY_DAEMON_ADDRESS };
    };
    """
    server.functions.create_function(
        FunctionName=function,
        Runtime="nodejs20.x",
        Role=ROLE,
        Handler="index.handler",
        Timeout=60,
        MemorySize=512,
        Environment={"Variables": {"NODE_PATH": str(PACKAGES)}},
        Code={"ZipFile": package({"index.js": source})},
    )
    header = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"
    status, _, body = server.http(
        "POST", f"/2015-03-31/functions/{function}/invocations", b"{}", {"X-Amzn-Trace-Id": header, "X-Amz-Log-Type": "Tail"}
    )
    answer = json.loads(body)
    assert status == 200
    assert answer["header"] == header
    assert answer["trace"] == "1-5759e988-bd862e3fe1be46a994272793"
    assert answer["daemon"].startswith("127.0.0.1:")
    # Without a caller that traces, the SDK has all it needs too.
    untraced = server.invoke(function, {}, LogType="Tail")
    assert untraced["Payload"]["header"].endswith(";Sampled=0")
    assert "Missing AWS Lambda trace data" not in untraced.get("Log", "")
    xray = server.client("xray")

    def kept():
        traces = xray.batch_get_traces(TraceIds=["1-5759e988-bd862e3fe1be46a994272793"])["Traces"]
        segments = [json.loads(segment["Document"]) for trace in traces for segment in trace["Segments"]]
        names = {segment["name"] for segment in segments}
        # Tracing is off for the function: what its SDK sends is below the caller's segment, which nobody sends.
        return names if {"work", "SFN"} <= names else None

    wait_until(kept, "the subsegments of the handler")


def test_boto3_in_a_handler_calls_this_server_and_what_is_not_served_fails_at_once(server, name):
    source = f"""
import sys, time
sys.path.append({str(Path(boto3.__file__).parents[1])!r})
import boto3

def attempt(call):
    begun = time.monotonic()
    try:
        return {{"answered": call()}}
    except Exception as error:
        code = (getattr(error, "response", None) or {{}}).get("Error", {{}}).get("Code")
        return {{"name": code, "message": str(error), "ms": (time.monotonic() - begun) * 1000}}

def handler(event, context):
    away = boto3.client("sts", endpoint_url="https://sts.amazonaws.com")
    return {{
        "here": attempt(lambda: boto3.client("sts").get_caller_identity()["Account"]),
        "dynamodb": attempt(lambda: boto3.client("dynamodb").list_tables()),
        "sqs": attempt(lambda: boto3.client("sqs").list_queues()),
        "s3": attempt(lambda: boto3.client("s3").get_object(Bucket="my-bucket", Key="a")),
        "away": attempt(lambda: away.get_caller_identity()),
    }}
"""
    function = name("python")
    server.functions.create_function(
        FunctionName=function,
        Runtime=f"python3.{sys.version_info.minor}",
        Role=ROLE,
        Handler="app.handler",
        Timeout=60,
        MemorySize=512,
        Code={"ZipFile": package({"app.py": source})},
    )
    found = server.invoke(function)["Payload"]
    assert found.get("here") == {"answered": "123456789012"}, found
    for service in ("dynamodb", "sqs", "s3"):
        assert_refused(found[service], service)
    assert "does not let a function call AWS itself (sts.amazonaws.com)" in found["away"]["message"]
    assert found["away"]["ms"] < AT_ONCE_SECONDS * 1000
