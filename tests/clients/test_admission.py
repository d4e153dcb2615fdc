"""What a server lets in: limits, quotas, fairness, a disk that gets full, and how it stops."""

import json
import signal
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import harness
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

PASS = {"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}}
WAIT = {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 100000, "End": True}}}
CALLBACK = {
    "StartAt": "T",
    "States": {
        "T": {
            "Type": "Task",
            "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken",
            "Parameters": {"FunctionName": "f", "Payload": {"token.$": "$$.Task.Token"}},
            "End": True,
        }
    },
}
DRAIN = {"x-stepwell-drain": "1"}
# Writes a file when it begins, and returns once there is another one, if it is to wait.
HELD = """
import { existsSync, writeFileSync } from 'node:fs';
export const handler = async ({ begun, until }) => {
  writeFileSync(begun, '');
  while (until && !existsSync(until)) await new Promise((resolve) => setTimeout(resolve, 10));
  return 7;
};
"""


@pytest.fixture
def serve(tmp_path):
    """Starts servers on one directory: `serve("[limits] ...", *arguments)`."""
    started = []

    def start(limits="", *arguments):
        settings = tmp_path / f"stepwell{len(started)}.toml"
        settings.write_text(limits)
        server = harness.Server(tmp_path / "data", "--config", settings, *arguments)
        started.append(server)
        server.start_process()
        return server

    yield start
    for server in started:
        server.process.kill()


def ready(server):
    status, _, body = server.http("GET", "/ready")
    return status, json.loads(body)


def begun(file):
    """Waits for the file that a handler writes when it begins."""
    harness.wait_until(file.exists, "the handler's begin")


def stop(server):
    """Sends SIGTERM, and waits until the server says that it stops."""
    server.process.send(signal.SIGTERM)
    harness.wait_until(lambda: "stopping: " in server.process.stderr, "the begin of the stop")


def refusal(call, **parameters):
    """Error code, HTTP status and message of a call that is refused."""
    with pytest.raises(ClientError) as refused:
        call(**parameters)
    response = refused.value.response
    return response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"], response["Error"]["Message"]


def patient(server):
    """A client that tries again as an application's does."""
    config = Config(
        retries={"mode": "standard", "total_max_attempts": 15}, max_pool_connections=64, inject_host_prefix=False
    )
    return harness._session.client("stepfunctions", endpoint_url=server.url, config=config)


def test_ready_says_what_is_in_use_and_a_drain_takes_no_more_until_the_next_start(serve):
    server = serve()
    machine = server.create_machine("m", PASS)
    execution = server.start(machine)
    server.end(execution)
    status, body = ready(server)
    assert (status, body["status"], body["reason"]) == (200, "ready", None)
    assert body["load"]["waiting"]["max"] == 10_000 and body["load"]["disk"]["freeBytes"] > 0

    # Nothing that a page can send drains: no GET, no form, nothing with an origin.
    assert server.http("GET", "/drain")[0] == 405
    assert server.http("POST", "/drain")[0] == 403
    assert server.http("POST", "/drain", headers=DRAIN | {"origin": "http://evil.example"})[0] == 403
    assert server.http("POST", "/drain", headers=DRAIN | {"host": "evil.example"})[0] == 403
    assert ready(server)[0] == 200

    status, _, answer = server.http("POST", "/drain", headers=DRAIN)
    assert (status, json.loads(answer)) == (200, {"status": "draining", "inFlight": 0})
    assert ready(server)[1]["status"] == "draining" and ready(server)[0] == 503
    assert server.http("GET", "/health")[0] == 200
    code, status, message = refusal(server.states.start_execution, stateMachineArn=machine)
    assert (code, status, message) == ("ServiceUnavailable", 503, "the server is stopping")
    assert server.states.describe_execution(executionArn=execution)["status"] == "SUCCEEDED"
    server.process.send(signal.SIGTERM)
    assert server.process.wait() == 0

    again = serve()
    again.end(again.start(machine))


def test_a_server_that_leaves_is_not_ready_and_serves_on(serve):
    server = serve("", "--drain-seconds", "3")
    machine = server.create_machine("m", PASS)
    server.process.send(signal.SIGTERM)
    harness.wait_until(lambda: ready(server)[0] == 503, "the server to say that it leaves")
    assert ready(server)[1]["status"] == "draining"
    started = server.start(machine)
    assert server.end(started)["status"] == "SUCCEEDED"
    assert server.process.wait() == 0
    again = serve()
    assert again.states.describe_execution(executionArn=started)["status"] == "SUCCEEDED"


def test_a_stop_lets_a_request_in_flight_end_and_a_second_signal_does_not(serve, tmp_path):
    server = serve()
    server.create_function("held", HELD)
    until = tmp_path / "until"
    with ThreadPoolExecutor() as pool:
        call = pool.submit(server.invoke, "held", {"begun": str(tmp_path / "first"), "until": str(until)})
        begun(tmp_path / "first")
        stop(server)
        until.touch()
        assert call.result()["Payload"] == 7
    assert server.process.wait() == 0

    server = serve("", "--stop-within", "60")
    with ThreadPoolExecutor() as pool:
        call = pool.submit(server.invoke, "held", {"begun": str(tmp_path / "second"), "until": str(tmp_path / "never")})
        begun(tmp_path / "second")
        stop(server)
        server.process.send(signal.SIGTERM)
        assert server.process.wait() == 130
        assert call.exception() is not None


def test_a_synchronous_execution_that_cannot_go_on_is_answered_at_once(serve, tmp_path):
    server = serve("", "--stop-within", "60")
    function = server.create_function("held", HELD)
    # It runs when the stop begins, and its second task comes up while the server drains.
    definition = {
        "StartAt": "B",
        "States": {
            "B": {"Type": "Task", "Resource": function, "ResultPath": None, "Next": "W"},
            "W": {"Type": "Wait", "Seconds": 2, "Next": "T"},
            "T": {"Type": "Task", "Resource": function, "End": True},
        },
    }
    machine = server.create_machine("x", definition, "EXPRESS")
    with ThreadPoolExecutor() as pool:
        event = json.dumps({"begun": str(tmp_path / "begun")})
        call = pool.submit(refusal, server.states.start_sync_execution, stateMachineArn=machine, input=event)
        begun(tmp_path / "begun")
        began = time.monotonic()
        server.process.send(signal.SIGTERM)
        code, status, _ = call.result()
        assert (code, status) == ("ServiceUnavailable", 503)
        assert server.process.wait() == 0
        assert time.monotonic() - began < 20


def test_below_the_floor_nothing_begins_and_what_runs_ends(serve):
    server = serve()
    server.create_function("f", "export const handler = async () => 1")
    machine = server.create_machine("m", CALLBACK)
    execution = server.start(machine)
    scheduled = server.wait_for_event(execution, "TaskSubmitted")
    assert scheduled
    parameters = next(e for e in server.history(execution) if e["type"] == "TaskScheduled")
    token = json.loads(parameters["taskScheduledEventDetails"]["parameters"])["Payload"]["token"]
    server.process.send(signal.SIGTERM)
    assert server.process.wait() == 0

    server = serve(f"[limits]\nfree_disk_bytes = {1 << 50}\n")
    status, body = ready(server)
    assert (status, body["status"]) == (503, "low on disk")
    assert "bytes are free, which is below the floor" in body["reason"]
    assert server.http("GET", "/health")[0] == 200
    code, status, message = refusal(server.states.start_execution, stateMachineArn=machine)
    assert (code, status) == ("ServiceUnavailable", 503)
    assert "the disk of the data is nearly full" in message
    server.states.send_task_success(taskToken=token, output="7")
    assert server.end(execution)["status"] == "SUCCEEDED"


def test_quotas_of_numbers_are_held_with_the_errors_of_aws(serve):
    server = serve("[limits]\nopen_executions = 3\nstate_machines = 2\nactivities = 1\n")
    machine = server.create_machine("a", WAIT)
    server.create_machine("b", PASS)
    server.create_machine("b", PASS)
    parameters = {"name": "c", "definition": json.dumps(PASS), "roleArn": harness.ROLE}
    assert refusal(server.states.create_state_machine, **parameters)[:2] == ("StateMachineLimitExceeded", 400)
    server.states.create_activity(name="one")
    server.states.create_activity(name="one")
    assert refusal(server.states.create_activity, name="two")[:2] == ("ActivityLimitExceeded", 400)
    executions = [server.start(machine, name=f"e{n}") for n in range(3)]
    server.start(machine, name="e0")
    code, status, _ = refusal(server.states.start_execution, stateMachineArn=machine)
    assert (code, status) == ("ExecutionLimitExceeded", 400)

    # It is the same after a kill, and one that ends makes room.
    server.process.kill()
    server = serve("[limits]\nopen_executions = 3\n")
    assert refusal(server.states.start_execution, stateMachineArn=machine)[0] == "ExecutionLimitExceeded"
    server.states.stop_execution(executionArn=executions[0])
    server.start(machine)
    assert refusal(server.states.start_execution, stateMachineArn=machine)[0] == "ExecutionLimitExceeded"


def test_the_rates_of_aws_hold_only_when_asked_for(serve):
    server = serve("", "--aws-quotas")
    made = 0
    with pytest.raises(ClientError) as refused:
        # A hundred at once, and one a second.
        while made < 400:
            server.create_machine(f"m{made}", PASS)
            made += 1
    response = refused.value.response
    assert (response["Error"]["Code"], response["Error"]["Message"]) == ("ThrottlingException", "Rate exceeded")
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert made >= 100
    # Buckets are apart, and an application that tries again gets through.
    server.end(server.start(f"arn:aws:states:{harness.REGION}:{harness.ACCOUNT}:stateMachine:m0"))
    patient(server).create_state_machine(name="late", definition=json.dumps(PASS), roleArn=harness.ROLE)


def test_an_overloaded_server_comes_out_right_for_clients_that_try_again(serve):
    server = serve("[limits]\nrequests_waiting = 2\n")
    machine = server.create_machine("m", PASS)
    client = patient(server)
    with ThreadPoolExecutor(32) as pool:
        started = list(
            pool.map(lambda n: client.start_execution(stateMachineArn=machine, name=f"e{n}")["executionArn"], range(400))
        )
    assert ready(server)[1]["load"]["throttled"] > 0, "the server was not overloaded"
    pages = server.states.get_paginator("list_executions").paginate(stateMachineArn=machine)
    listed = {execution["executionArn"] for page in pages for execution in page["executions"]}
    assert listed == set(started) and len(started) == 400


def test_a_machine_that_is_flooded_does_not_get_another_one_throttled(serve):
    server = serve("[limits]\nrequests_waiting = 4\n")
    hog, lone = server.create_machine("hog", PASS), server.create_machine("lone", PASS)
    over = threading.Event()
    throttled = []

    def flood():
        client = server.client("stepfunctions")
        while not over.is_set():
            try:
                client.start_execution(stateMachineArn=hog)
            except ClientError as error:
                throttled.append(error.response["Error"]["Code"])

    with ThreadPoolExecutor(24) as pool:
        floods = [pool.submit(flood) for _ in range(24)]
        try:
            harness.wait_until(lambda: len(throttled) > 20, "the flood to be throttled")
            # Not one of these is refused, and the client does not try again.
            executions = [server.start(lone) for _ in range(50)]
        finally:
            over.set()
        for done in floods:
            done.result()
    assert set(throttled) == {"ThrottlingException"}
    for execution in executions:
        assert server.end(execution)["status"] == "SUCCEEDED"


def test_overload_costs_refusals_and_neither_goodput_nor_what_was_acknowledged(serve):
    server = serve("[limits]\nrequests_waiting = 8\n")
    machine = server.create_machine("m", PASS)

    def load(clients, seconds):
        acknowledged, slowest = [], []
        until = time.monotonic() + seconds

        def run(at):
            client = server.client("stepfunctions")
            while time.monotonic() < until:
                began = time.monotonic()
                try:
                    acknowledged.append(client.start_execution(stateMachineArn=machine)["executionArn"])
                    slowest.append(time.monotonic() - began)
                except ClientError as error:
                    assert error.response["Error"]["Code"] == "ThrottlingException"

        with ThreadPoolExecutor(clients) as pool:
            for done in [pool.submit(run, at) for at in range(clients)]:
                done.result()
        return acknowledged, sorted(slowest)

    few, _ = load(4, 3)
    many, latencies = load(48, 6)
    goodput = (len(many) / 6) / (len(few) / 3)
    print(f"goodput under overload {goodput:.2f} of that of four clients, slowest {latencies[-1]:.2f} s")
    # How much is the business of a benchmark: this client shares the machine.
    assert goodput > 0
    for execution in [*few, *many][:: max(1, len(many) // 200)]:
        assert server.states.describe_execution(executionArn=execution)["status"] in ("RUNNING", "SUCCEEDED")


def test_one_connection_too_many_is_told_so_and_probes_still_get_through(serve):
    server = serve("[limits]\nconnections = 4\n")
    machine = server.create_machine("m", PASS)
    server.states.close()
    del server.states
    address = urlsplit(server.url)
    where = (address.hostname, address.port)
    wait = lambda count: harness.wait_until(  # noqa: E731
        lambda: ready(server)[1]["load"]["connections"]["open"] == count + 1, f"{count} connections"
    )
    wait(0)
    held = []

    def refused():
        """Whether all places are held; while one is not, one connection more is opened."""
        status, _, body = server.http("POST", "/", b"{}", {"X-Amz-Target": "AWSStepFunctions.ListStateMachines"})
        if status == 503:
            return body
        assert status == 200
        held.append(socket.create_connection(where))

    # A place of a connection that was closed is free a moment later: one that came meanwhile got a spare one, and
    # loses it.
    body = harness.wait_until(refused, "four connections to be held")
    assert len(held) >= 4 and b"4 connections are open" in body
    assert server.http("GET", "/health")[0] == 200
    # Who has a spare place and says nothing loses it.
    silent = socket.create_connection(where)
    silent.settimeout(harness.PATIENCE_SECONDS)
    began = time.monotonic()
    while silent.recv(1_000):
        pass
    assert time.monotonic() - began < 25
    for connection in held:
        connection.close()
    wait(0)
    server.end(server.start(machine))


def test_bodies_together_are_bounded(serve):
    server = serve("[limits]\nbody_bytes = 1000000\n")
    address = urlsplit(server.url)
    head = (
        "POST / HTTP/1.1\r\nhost: localhost\r\nx-amz-target: AWSStepFunctions.ListStateMachines\r\n"
        "content-length: 900000\r\n\r\n"
    ).encode()
    held = socket.create_connection((address.hostname, address.port))
    held.sendall(head + b"x" * 899_999)
    harness.wait_until(lambda: ready(server)[1]["load"]["bodies"]["bytes"] == 899_999, "the body to be held")
    status, _, body = server.http(
        "POST", "/", b"x" * 200_000, {"X-Amz-Target": "AWSStepFunctions.ListStateMachines"}
    )
    assert status == 503 and b"the room for all request bodies is in use" in body
    held.close()
    harness.wait_until(lambda: ready(server)[1]["load"]["bodies"]["bytes"] == 0, "the room to be given back")
    assert server.states.list_state_machines()["stateMachines"] == []
