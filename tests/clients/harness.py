"""The stepwell binary under test, and real clients for it.

Lives here: starting and ending the server as a process, boto3 clients, waiting by asking with a deadline.
Never here: what is expected of the server; that is in the tests.
"""

import io
import json
import os
import queue
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.parse
import zipfile
from functools import cached_property
from http.client import HTTPConnection
from pathlib import Path

import boto3
from botocore.config import Config

REPOSITORY = Path(__file__).resolve().parents[2]
REGION = "us-east-1"
ACCOUNT = "123456789012"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/any"
RUNTIME = "nodejs22.x"

# Generous: a deadline is for a broken server, not for a slow machine.
PATIENCE_SECONDS = 60
ASK_AGAIN_SECONDS = 0.02

TERMINAL = {"SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"}
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "stepwell",
    "AWS_SECRET_ACCESS_KEY": "stepwell",
    "AWS_REGION": REGION,
    "AWS_DEFAULT_REGION": REGION,
    "AWS_EC2_METADATA_DISABLED": "true",
    # Whoever runs the tests may have profiles of their own.
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
}

_session = boto3.Session(aws_access_key_id="stepwell", aws_secret_access_key="stepwell", region_name=REGION)
_session_lock = threading.Lock()


def binary():
    """The binary under test: $STEPWELL_BIN, else the debug build of this checkout."""
    given = os.environ.get("STEPWELL_BIN")
    path = Path(given) if given else REPOSITORY / "target" / "debug" / "stepwell"
    assert path.is_file(), f"no binary at {path}: build it, or set STEPWELL_BIN"
    return str(path.resolve())


def environment(**more):
    """This process's environment without anything of AWS or Stepwell, with credentials for the tests."""
    mine = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "STEPWELL_"))}
    return mine | CREDENTIALS | more


def wait_until(probe, what, patience=PATIENCE_SECONDS):
    """Asks until `probe()` gives something true, and gives it back."""
    deadline = time.monotonic() + patience
    while True:
        found = probe()
        if found:
            return found
        assert time.monotonic() < deadline, f"waited {patience} s for {what}; last seen: {found!r}"
        time.sleep(ASK_AGAIN_SECONDS)


class Process:
    """A stepwell process whose standard output is read line by line."""

    def __init__(self, *arguments, more_environment=None, cwd=None):
        self.lines = queue.Queue()
        self.stderr_lines = []
        self._child = subprocess.Popen(
            [binary(), *map(str, arguments)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=cwd,
            env=environment(**(more_environment or {})),
        )
        self._readers = [threading.Thread(target=reader, daemon=True) for reader in (self._read_stdout, self._read_stderr)]
        for reader in self._readers:
            reader.start()

    def _read_stdout(self):
        for line in self._child.stdout:
            self.lines.put(line.rstrip("\n"))
        self.lines.put(None)

    def _read_stderr(self):
        for line in self._child.stderr:
            self.stderr_lines.append(line.rstrip("\n"))

    @property
    def pid(self):
        return self._child.pid

    @property
    def stderr(self):
        return "\n".join(self.stderr_lines)

    def is_running(self):
        return self._child.poll() is None

    def next_line(self, patience=PATIENCE_SECONDS):
        """The next line of standard output; fails if there is none in time."""
        try:
            line = self.lines.get(timeout=patience)
        except queue.Empty:
            raise AssertionError(f"no line on stdout within {patience} s; stderr: {self.stderr}") from None
        assert line is not None, f"stdout ended; exit code {self.wait()}; stderr: {self.stderr}"
        return line

    def send(self, number):
        self._child.send_signal(number)

    def wait(self, patience=PATIENCE_SECONDS):
        """The exit code, once the process has ended and all it wrote is read."""
        code = self._child.wait(timeout=patience)
        for reader in self._readers:
            reader.join(timeout=patience)
        return code

    def kill(self):
        """kill -9, and waits until the process is gone."""
        if self.is_running():
            self._child.kill()
        self._child.wait(timeout=PATIENCE_SECONDS)


class Endpoint:
    """Clients of whatever answers at `url`."""

    url: str
    # Id, secret and session token of an access key; a server without keys takes any.
    key = ("stepwell", "stepwell", None)

    @cached_property
    def states(self):
        return self.client("stepfunctions")

    @cached_property
    def functions(self):
        return self.client("lambda")

    def client(self, service, **options):
        """A boto3 client; `options` are those of botocore's Config."""
        config = Config(
            # A retry by the client would hide what the server did.
            retries={"total_max_attempts": 1},
            max_pool_connections=64,
            read_timeout=120,
            # There is no host `sync-127.0.0.1`.
            inject_host_prefix=False,
            **options,
        )
        key_id, secret, token = self.key
        with _session_lock:
            return _session.client(
                service,
                endpoint_url=self.url,
                config=config,
                aws_access_key_id=key_id,
                aws_secret_access_key=secret,
                aws_session_token=token,
            )

    def cli(self, *arguments):
        """Runs the AWS CLI; its standard output is JSON or empty."""
        return aws(self.url, *arguments)

    def http(self, method, path, body=b"", headers=None):
        """One plain HTTP request: status, headers, body."""
        address = urllib.parse.urlsplit(self.url)
        connection = HTTPConnection(address.hostname, address.port, timeout=PATIENCE_SECONDS)
        try:
            connection.request(method, path, body=body, headers=headers or {})
            response = connection.getresponse()
            return response.status, response.headers, response.read()
        finally:
            connection.close()

    def call(self, operation, body, headers=None):
        """One Step Functions request with any body: status and the JSON answer."""
        headers = {
            "X-Amz-Target": f"AWSStepFunctions.{operation}",
            "Content-Type": "application/x-amz-json-1.0",
        } | (headers or {})
        status, _, answer = self.http("POST", "/", body, headers)
        return status, json.loads(answer)

    # What most tests need.

    def create_function(self, name, source, **configuration):
        """Creates a Node function from source text; returns its ARN."""
        created = self.functions.create_function(
            FunctionName=name,
            Code={"ZipFile": package({"index.mjs": source})},
            **({"Runtime": RUNTIME, "Role": ROLE, "Handler": "index.handler", "Timeout": 30} | configuration),
        )
        return created["FunctionArn"]

    def invoke(self, name, event=None, **parameters):
        """Invokes a function: the reply with its payload read and parsed."""
        reply = self.functions.invoke(FunctionName=name, Payload=json.dumps(event or {}), **parameters)
        return reply | {"Payload": json.loads(reply["Payload"].read())}

    def create_machine(self, name, definition, kind="STANDARD"):
        """Creates a state machine; returns its ARN."""
        text = definition if isinstance(definition, str) else json.dumps(definition)
        return self.states.create_state_machine(name=name, definition=text, roleArn=ROLE, type=kind)["stateMachineArn"]

    def start(self, machine_arn, event=None, **parameters):
        """Starts an execution; returns its ARN."""
        started = self.states.start_execution(stateMachineArn=machine_arn, input=json.dumps(event or {}), **parameters)
        return started["executionArn"]

    def end(self, execution_arn, patience=PATIENCE_SECONDS):
        """The description of an execution once it has ended."""

        def ended():
            description = self.states.describe_execution(executionArn=execution_arn)
            return description if description["status"] in TERMINAL else None

        return wait_until(ended, f"the end of {execution_arn}", patience)

    def run(self, machine_arn, event=None):
        """Starts an execution and waits for its end: description and history."""
        execution = self.start(machine_arn, event)
        return self.end(execution), self.history(execution)

    def history(self, execution_arn, **parameters):
        """Every event, through the paginator."""
        pages = self.states.get_paginator("get_execution_history").paginate(executionArn=execution_arn, **parameters)
        return [event for page in pages for event in page["events"]]

    def wait_for_event(self, execution_arn, kind, patience=PATIENCE_SECONDS):
        """The first event of a type, once it is in the history."""

        def found():
            return next((event for event in self.history(execution_arn) if event["type"] == kind), None)

        return wait_until(found, f"{kind} in the history of {execution_arn}", patience)


class Server(Endpoint):
    """`stepwell serve` on a data directory; it can be killed and started again."""

    def __init__(self, data, *arguments, more_environment=None):
        self.data = Path(data)
        self._arguments = arguments
        self._more_environment = more_environment
        self.process = None

    def start_process(self):
        self.process = Process(
            "serve", "--listen", "127.0.0.1:0", "--data", self.data, *self._arguments, more_environment=self._more_environment
        )
        line = self.process.next_line()
        announced = re.fullmatch(r"listening on (http://127\.0\.0\.1:\d+)", line)
        assert announced, f"the first line is {line!r}"
        self.url = announced.group(1)
        # The port is another one after every start.
        for client in ("states", "functions"):
            self.__dict__.pop(client, None)
        return self

    def restart_after_kill(self):
        self.process.kill()
        return self.start_process()

    def stop(self):
        """SIGTERM; returns the exit code."""
        self.process.send(signal.SIGTERM)
        return self.process.wait()

    def __enter__(self):
        return self.start_process()

    def __exit__(self, *_):
        self.process.kill()


class Dev(Endpoint):
    """`stepwell dev` on a directory."""

    def __init__(self, directory, *arguments):
        self.process = Process("dev", directory, "--port", "0", "--json", *arguments)
        ready = self.wait_for("ready", 120)
        self.url = ready["endpoint"]
        self.state_machines = ready["stateMachines"]
        self.function_names = ready["functions"]

    def wait_for(self, event, patience=PATIENCE_SECONDS):
        """The next report of this kind; others are passed over."""
        seen = []
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            document = json.loads(self.process.next_line(deadline - time.monotonic()))
            if document["event"] == event:
                return document
            seen.append(document)
        raise AssertionError(f"no {event!r} within {patience} s, but {seen}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()


def package(files):
    """A zip archive in memory."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as written:
        for name, content in files.items():
            written.writestr(name, content)
    return archive.getvalue()


def stepwell(*arguments, endpoint=None, patience=180, more_environment=None, **options):
    """Runs a stepwell command to its end."""
    more = ({"AWS_ENDPOINT_URL": endpoint} if endpoint else {}) | (more_environment or {})
    return subprocess.run(
        [binary(), *map(str, arguments)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=patience,
        env=environment(**more),
        check=False,
        **options,
    )


def aws(endpoint, *arguments):
    """Runs the AWS CLI of this Python; its output is JSON or nothing."""
    # There is no host `sync-127.0.0.1`.
    more = {"AWS_DISABLE_HOST_PREFIX_INJECTION": "true"}
    command = Path(sys.executable).with_name("aws")
    return subprocess.run(
        [sys.executable, str(command), "--endpoint-url", endpoint, "--output", "json", *map(str, arguments)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        env=environment(**more),
        check=False,
    )


def is_gone(pid):
    """Whether a process has ended; one that only waits to be reaped has."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] in "ZX"
    except FileNotFoundError:
        return True


def types(history):
    return [event["type"] for event in history]


def details(event):
    """The detail member of a history event, whatever its name."""
    return next((value for name, value in event.items() if name.endswith("EventDetails")), {})


def check_history(history):
    """What AWS promises of every finished history."""
    assert [event["id"] for event in history] == list(range(1, len(history) + 1))
    assert history[0]["type"] == "ExecutionStarted"
    for event in history:
        assert 0 <= event["previousEventId"] < event["id"], event
    # AWS: neither the start nor the first state has a predecessor.
    assert [event["previousEventId"] for event in history[:2]] == [0, 0]
    ends = [event for event in history if re.fullmatch(r"Execution(Succeeded|Failed|Aborted|TimedOut)", event["type"])]
    assert ends[-1:] == history[-1:], f"a history ends with its end: {types(history)}"
    redrives = types(history).count("ExecutionRedriven")
    assert len(ends) == 1 + redrives, f"a history ends once, and once more for every redrive: {types(history)}"
    assert [event["timestamp"] for event in history] == sorted(event["timestamp"] for event in history)
