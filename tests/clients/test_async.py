"""Asynchronous invocation over boto3: durable before 202, records, dead letters, and tasks that do not wait."""

import json
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from botocore.exceptions import ClientError

from harness import ACCOUNT, REGION, ROLE, Server, wait_until

# One line a run: the id of the invocation and its event.
NOTES = """
import fs from 'node:fs';
export const handler = async (event, context) => {
  while (event.gate && !fs.existsSync(event.gate)) await new Promise((go) => setTimeout(go, 5));
  fs.appendFileSync(process.env.EFFECTS, JSON.stringify([context.awsRequestId, event]) + '\\n');
  if (event.fails) { const error = new Error('it fails'); error.name = 'Broken'; throw error; }
  return { done: true };
};
"""
EVENTS = 20


class Sink:
    """An endpoint that takes the messages of SQS."""

    def __init__(self):
        self.messages = []
        sink = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                sink.messages.append((self.headers["X-Amz-Target"], json.loads(body)))
                answer = b'{"MessageId":"1"}'
                self.send_response(200)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def sink():
    sink = Sink()
    yield sink
    sink.server.shutdown()


@pytest.fixture
def effects(tmp_path):
    return tmp_path / "effects"


@pytest.fixture
def server(tmp_path, sink):
    """A server of one test's own: it may be killed, and has an endpoint of SQS but none of SNS."""
    (tmp_path / "stepwell.toml").write_text(f'[endpoints]\nsqs = "{sink.url}"\n')
    with Server(tmp_path / "data", "--config", tmp_path / "stepwell.toml") as running:
        yield running


def noting(server, effects, name="notes", **more):
    return server.create_function(name, NOTES, Environment={"Variables": {"EFFECTS": str(effects)}}, **more)


def lines(effects):
    text = effects.read_text() if effects.exists() else ""
    return [json.loads(line) for line in text.splitlines()]


def send(server, event, function="notes"):
    """Takes 202 for an event; the id of the request."""
    reply = server.functions.invoke(FunctionName=function, InvocationType="Event", Payload=json.dumps(event))
    assert reply["StatusCode"] == 202 and reply["Payload"].read() == b"", reply
    return reply["ResponseMetadata"]["RequestId"]


def test_an_event_is_run_after_202_under_the_id_of_its_request(server, effects):
    noting(server, effects)
    request_id = send(server, {"n": 1})
    wait_until(lambda: lines(effects), "the run")
    assert lines(effects) == [[request_id, {"n": 1}]]
    with pytest.raises(ClientError) as caught:
        send(server, {}, "nobody")
    assert caught.value.response["Error"]["Code"] == "ResourceNotFoundException"
    with pytest.raises(ClientError) as caught:
        server.functions.invoke(FunctionName="notes", InvocationType="Event", Payload=b"{")
    assert caught.value.response["Error"]["Code"] == "InvalidRequestContentException"
    with pytest.raises(ClientError) as caught:
        server.functions.invoke(FunctionName="notes", InvocationType="Event", Payload=b'"' + b"x" * (1 << 20) + b'"')
    assert caught.value.response["Error"]["Code"] == "RequestTooLargeException"


def test_the_older_operation_takes_events_too(server, effects):
    noting(server, effects)
    reply = server.functions.invoke_async(FunctionName="notes", InvokeArgs=b'{"old":true}')
    assert reply["Status"] == 202
    wait_until(lambda: lines(effects), "the run")
    assert lines(effects)[0][1] == {"old": True}


def test_no_event_that_was_answered_202_is_lost_in_a_kill(server, effects, tmp_path):
    gate = tmp_path / "gate"
    noting(server, effects, Timeout=60)
    sent = {send(server, {"n": n, "gate": str(gate)}): n for n in range(EVENTS)}
    # Some run and wait at the gate, others wait in the queue.
    server.restart_after_kill()
    gate.touch()
    wait_until(lambda: {run[0] for run in lines(effects)} == set(sent), "all events to run")
    ran = Counter(event["n"] for _, event in lines(effects))
    assert set(ran) == set(range(EVENTS))
    # At least once; the kill may have cut one run of each off.
    assert max(ran.values()) <= 2, ran


def test_a_stop_leaves_events_that_wait_for_the_next_start(server, effects, tmp_path):
    gate = tmp_path / "gate"
    noting(server, effects, Timeout=60)
    sent = {send(server, {"n": n, "gate": str(gate)}) for n in range(3)}
    gate.touch()
    server.stop()
    server.start_process()
    wait_until(lambda: {run[0] for run in lines(effects)} == sent, "all events to run")


def test_records_and_dead_letters_go_where_the_configuration_says(server, effects, sink, tmp_path):
    queue = f"arn:aws:sqs:{REGION}:{ACCOUNT}:letters"
    after = tmp_path / "after"
    noting(server, after, "after")
    arn = noting(server, effects, DeadLetterConfig={"TargetArn": queue})
    put = server.functions.put_function_event_invoke_config(
        FunctionName="notes",
        MaximumRetryAttempts=0,
        MaximumEventAgeInSeconds=60,
        DestinationConfig={
            "OnSuccess": {"Destination": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:after"},
            "OnFailure": {"Destination": f"arn:aws:sqs:{REGION}:{ACCOUNT}:failures"},
        },
    )
    assert put["FunctionArn"] == f"{arn}:$LATEST" and put["MaximumRetryAttempts"] == 0
    request_id = send(server, {"fails": True})
    wait_until(lambda: len(sink.messages) == 2, "a record and a dead letter")
    assert {target for target, _ in sink.messages} == {"AmazonSQS.SendMessage"}
    sent = {message["QueueUrl"].rsplit("/", 1)[1]: message for _, message in sink.messages}
    record = json.loads(sent["failures"]["MessageBody"])
    assert record["requestContext"] == {
        "requestId": request_id,
        "functionArn": f"{arn}:$LATEST",
        "condition": "RetriesExhausted",
        "approximateInvokeCount": 1,
    }
    assert record["requestPayload"] == {"fails": True}
    assert record["responseContext"] == {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"}
    assert record["responsePayload"]["errorType"] == "Broken"
    letter = sent["letters"]
    assert json.loads(letter["MessageBody"]) == {"fails": True}
    attributes = {name: value["StringValue"] for name, value in letter["MessageAttributes"].items()}
    assert attributes == {"RequestID": request_id, "ErrorCode": "200", "ErrorMessage": "it fails"}

    request_id = send(server, {"n": 2})
    wait_until(lambda: lines(after), "the record of a success")
    record = lines(after)[0][1]
    assert record["requestContext"]["requestId"] == request_id
    assert (record["requestContext"]["condition"], record["responsePayload"]) == ("Success", {"done": True})


def test_a_destination_without_an_endpoint_fails_at_once_and_says_how_to_configure_one(server, effects):
    noting(server, effects)
    server.functions.put_function_event_invoke_config(
        FunctionName="notes",
        DestinationConfig={"OnSuccess": {"Destination": f"arn:aws:sns:{REGION}:{ACCOUNT}:told"}},
    )
    send(server, {})
    wait_until(lambda: 'below [endpoints]: sns = "http://HOST:PORT"' in server.process.stderr, "the warning")


def test_event_invoke_configurations_are_kept(server, effects):
    arn = noting(server, effects)
    lambdas = server.functions
    with pytest.raises(ClientError) as caught:
        lambdas.get_function_event_invoke_config(FunctionName="notes")
    assert caught.value.response["Error"]["Code"] == "ResourceNotFoundException"
    lambdas.put_function_event_invoke_config(FunctionName="notes", MaximumRetryAttempts=1)
    lambdas.update_function_event_invoke_config(FunctionName="notes", MaximumEventAgeInSeconds=120)
    server.restart_after_kill()
    lambdas = server.functions
    got = lambdas.get_function_event_invoke_config(FunctionName="notes")
    assert (got["FunctionArn"], got["MaximumRetryAttempts"], got["MaximumEventAgeInSeconds"]) == (f"{arn}:$LATEST", 1, 120)
    assert got["LastModified"].year > 2000
    listed = lambdas.list_function_event_invoke_configs(FunctionName="notes")["FunctionEventInvokeConfigs"]
    assert [config["FunctionArn"] for config in listed] == [f"{arn}:$LATEST"]
    deleted = lambdas.delete_function_event_invoke_config(FunctionName="notes")
    assert deleted["ResponseMetadata"]["HTTPStatusCode"] == 204
    assert lambdas.list_function_event_invoke_configs(FunctionName="notes")["FunctionEventInvokeConfigs"] == []
    with pytest.raises(ClientError) as caught:
        lambdas.put_function_event_invoke_config(FunctionName="notes", MaximumRetryAttempts=3)
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400


@pytest.mark.parametrize("resource", ["lambda:invoke", "aws-sdk:lambda:invoke"])
def test_a_task_goes_on_without_waiting_for_its_function(server, effects, resource):
    arn = noting(server, effects)

    def machine(kind):
        parameters = {"FunctionName": arn, "InvocationType": kind}
        if kind == "Event":
            parameters["Payload"] = {"n": 1} if resource == "lambda:invoke" else '{"n": 1}'
        state = {"Type": "Task", "Resource": f"arn:aws:states:::{resource}", "Parameters": parameters, "End": True}
        return server.create_machine(kind, {"StartAt": "T", "States": {"T": state}})

    ended, _ = server.run(machine("Event"))
    assert ended["status"] == "SUCCEEDED", ended
    output = json.loads(ended["output"])
    assert output["StatusCode"] == 202 and "Payload" not in output
    wait_until(lambda: lines(effects), "the run")
    assert lines(effects)[0][1] == {"n": 1}
    ended, _ = server.run(machine("DryRun"))
    assert json.loads(ended["output"])["StatusCode"] == 204
    assert len(lines(effects)) == 1


def test_a_test_of_a_state_really_sends_its_event(server, effects):
    arn = noting(server, effects)
    parameters = {"FunctionName": arn, "InvocationType": "Event", "Payload": {"n": 2}}
    state = {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Parameters": parameters, "End": True}
    tested = server.states.test_state(definition=json.dumps(state), roleArn=ROLE, input="{}")
    assert tested["status"] == "SUCCEEDED" and json.loads(tested["output"])["StatusCode"] == 202, tested
    wait_until(lambda: lines(effects), "the run")
    assert lines(effects)[0][1] == {"n": 2}
