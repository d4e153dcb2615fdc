"""The commands of the binary against a server of their own."""

import contextlib
import json
import shutil
import socket
import subprocess
import threading
import time

import pytest

from harness import REPOSITORY, Process, check_history, details, stepwell, types, wait_until

TUTORIAL = REPOSITORY / "tests" / "tutorial-app"
ORDERS = REPOSITORY / "examples" / "order-processing"
TUTORIAL_ENDS = {
    "order": ("SUCCEEDED", None),
    "invalid": ("FAILED", None),
    "outage": ("FAILED", "ServiceError"),
    "declined": ("FAILED", "Error"),
}


def documents(done):
    """What a command with --json has printed."""
    return [json.loads(line) for line in done.stdout.splitlines()]


def deploy(server, template, *options):
    done = stepwell("deploy", template, "--json", *options, endpoint=server.url)
    assert done.returncode == 0, done.stdout + done.stderr
    return documents(done)


def started(server, machine, event_file):
    """Follows an execution to its end: the finished process, and its last document."""
    done = stepwell("start", machine, "--input", event_file, "--follow", "--json", endpoint=server.url)
    assert done.stdout, done.stderr
    last = documents(done)[-1]
    assert last["event"] == "ended", done.stdout
    assert done.returncode == (0 if last["status"] == "SUCCEEDED" else 1)
    return last


@pytest.fixture(scope="module")
def orders(server):
    if not (ORDERS / "node_modules").is_dir():
        subprocess.run(["npm", "ci", "--no-audit", "--no-fund", "--loglevel", "error"], cwd=ORDERS, check=True, timeout=300)
    return deploy(server, ORDERS / "template.yaml")


def test_the_example_is_deployed_whole_and_a_second_time_unchanged(server, orders):
    made = [document["resource"] for document in orders if document["event"] == "created"]
    assert made.count("state machine") == 2, "orders, and what the alarm starts"
    assert made.count("function") == 12
    again = [document for document in deploy(server, ORDERS / "template.yaml") if "resource" in document]
    assert [document["event"] for document in again] == ["unchanged"] * len(made)


@pytest.mark.parametrize("sample", ["paid", "invalid-payment", "transient-failure", "shipment-failure", "needs-approval"])
def test_a_sample_order_ends_as_it_says(server, orders, sample):
    expected = json.loads((ORDERS / "events" / "expected.json").read_text())[f"{sample}.json"]
    ended = started(server, "order-processing", ORDERS / "events" / f"{sample}.json")
    assert ended["status"] == expected["status"], ended
    if "output" in expected:
        assert includes(ended["output"], expected["output"])
    history = server.history(ended["executionArn"])
    check_history(history)
    entered = {details(event)["name"] for event in history if event["type"].endswith("StateEntered")}
    assert flat(expected["path"]) <= entered


def includes(whole, part):
    if isinstance(part, dict):
        return isinstance(whole, dict) and all(key in whole and includes(whole[key], part[key]) for key in part)
    return whole == part


def flat(path):
    return {name for entry in path for name in (entry if isinstance(entry, list) else [entry])}


@pytest.fixture(scope="module", params=["template.yaml", "template-plain.yaml"])
def tutorial(request, server):
    """The application of the tutorials, deployed as it is; gives its machine's name."""
    stack = "tutorial-" + request.param.split(".")[0].replace("template", "app")
    made = deploy(server, TUTORIAL / request.param, "--stack-name", stack)
    return next(document["name"] for document in made if document.get("resource") == "state machine")


@pytest.mark.parametrize("event", TUTORIAL_ENDS)
def test_the_tutorial_application_ends_as_its_readme_says(server, tutorial, event):
    status, error = TUTORIAL_ENDS[event]
    ended = started(server, tutorial, TUTORIAL / "events" / f"{event}.json")
    assert (ended["status"], ended.get("error")) == (status, error), ended
    history = server.history(ended["executionArn"])
    check_history(history)
    if event == "order":
        assert ended["output"]["status"] == "FULFILLED"
    if event == "invalid":
        assert ended["cause"] == "The order could not be processed"
    failed = [entry for entry in history if entry["type"] == "LambdaFunctionFailed"]
    assert len(failed) == {"order": 0, "invalid": 1, "outage": 3, "declined": 1}[event], types(history)
    if event == "outage":
        delays = [(history[entry["id"]]["timestamp"] - entry["timestamp"]).total_seconds() for entry in failed[:2]]
        assert delays[0] >= 1
        assert delays[1] >= 1.5


def test_a_stack_trace_names_the_typescript_source(server, tutorial):
    ended = started(server, tutorial, TUTORIAL / "events" / "declined.json")
    assert "processPayment.ts:" in " ".join(json.loads(ended["cause"])["trace"])


def test_history_logs_invoke_and_list_show_what_ran(server, orders):
    ended = started(server, "order-processing", ORDERS / "events" / "paid.json")
    history = stepwell("history", ended["executionArn"], "--json", endpoint=server.url)
    assert types(documents(history)) == types(server.history(ended["executionArn"]))
    logs = stepwell("logs", "ValidatePayment", endpoint=server.url)
    assert (logs.returncode, "START RequestId" in logs.stdout) == (0, True), logs.stdout + logs.stderr
    listed = documents(stepwell("list", "--json", endpoint=server.url))[0]
    assert "order-processing" in [machine["name"] for machine in listed["stateMachines"]]
    event = ORDERS / "events" / "paid.json"
    assert stepwell("invoke", "ValidatePayment", "--event", event, endpoint=server.url).returncode == 0
    bad = ORDERS / "events" / "invalid-payment.json"
    assert stepwell("invoke", "ValidatePayment", "--event", bad, endpoint=server.url).returncode == 1


def test_a_runtime_that_cannot_run_here_is_told_before_anything_is_changed(server, name, tmp_path):
    function, other = name("java"), name("node")
    resources = {
        logical: {
            "Type": "AWS::Serverless::Function",
            "Properties": {"FunctionName": named, "Runtime": runtime, "Handler": "index.handler", "InlineCode": "exports.handler = async () => 1"},
        }
        for logical, named, runtime in [("Old", function, "java21"), ("New", other, "nodejs22.x")]
    }
    template = tmp_path / "template.json"
    template.write_text(json.dumps({"Transform": "AWS::Serverless-2016-10-31", "Resources": resources}))
    for command in ["validate", "deploy"]:
        done = stepwell(command, template, endpoint=server.url)
        assert done.returncode != 0, done.stdout
        told = done.stdout + done.stderr
        assert "function Old" in told and "runtime java21 cannot run here: nodejsN.x, python3.N and provided.* can" in told
    listed = [found["FunctionName"] for found in server.functions.list_functions()["Functions"]]
    assert function not in listed and other not in listed


class Relay:
    """A server between clients and `url` that counts what passes, and may change a name on the way."""

    def __init__(self, url, swap=None):
        self.passed = b""
        self._swap = swap
        self._to = ("127.0.0.1", int(url.rsplit(":", 1)[1]))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            far = socket.create_connection(self._to)
            for one, other, is_request in [(near, far, True), (far, near, False)]:
                threading.Thread(target=self._pass, args=(one, other, is_request), daemon=True).start()

    def _pass(self, one, other, is_request):
        try:
            while data := one.recv(65_536):
                if is_request:
                    self.passed += data
                    if self._swap:
                        data = data.replace(*self._swap)
                other.sendall(data)
        except OSError:
            pass
        finally:
            with contextlib.suppress(OSError):
                other.shutdown(socket.SHUT_RDWR)

    def count(self, operation):
        return self.passed.count(f"Logs_20140328.{operation}".encode())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._listener.close()


@pytest.fixture
def log_group(server, name):
    """Writes lines into a group that is there from the first one on."""
    logs, group = server.client("logs"), "/" + name("group")

    def write(*messages):
        with contextlib.suppress(logs.exceptions.ResourceAlreadyExistsException):
            logs.create_log_group(logGroupName=group)
            logs.create_log_stream(logGroupName=group, logStreamName="s")
        now = int(time.time() * 1_000)
        events = [{"timestamp": now, "message": message} for message in messages]
        logs.put_log_events(logGroupName=group, logStreamName="s", logEvents=events)

    write.group = group
    return write


def test_logs_follow_is_told_by_live_tail_and_does_not_ask_meanwhile(server, log_group):
    log_group("before")
    with Relay(server.url) as relay:
        follower = Process("logs", log_group.group, "--follow", more_environment={"AWS_ENDPOINT_URL": relay.url})
        try:
            assert follower.next_line() == "before"
            log_group("begun")
            assert follower.next_line() == "begun"
            wait_until(lambda: relay.count("StartLiveTail"), "the session")
            settled = relay.count("FilterLogEvents")
            # Longer than seven polls would take: nobody asks while there is nothing.
            time.sleep(1.5)
            assert relay.count("FilterLogEvents") <= settled + 1
            asked = relay.count("FilterLogEvents")
            log_group("after")
            assert follower.next_line() == "after"
            assert asked < relay.count("FilterLogEvents") <= asked + 2
        finally:
            follower.kill()


@pytest.mark.parametrize("has_live_tail", [True, False])
def test_logs_follow_shows_each_line_once_and_in_order(server, log_group, has_live_tail):
    swap = None if has_live_tail else (b"StartLiveTail", b"StartDeadTail")
    with Relay(server.url, swap) as relay:
        follower = Process("logs", log_group.group, "--follow", more_environment={"AWS_ENDPOINT_URL": relay.url})
        try:
            # The group comes after the command, and lines come before, while and after the session begins.
            wait_until(lambda: relay.count("FilterLogEvents"), "the first look")
            expected = [f"line {number}" for number in range(600)]
            for first in range(0, 600, 20):
                log_group(*expected[first : first + 20])
            assert [follower.next_line() for _ in expected] == expected
            log_group("last")
            assert follower.next_line() == "last", "and no line twice"
        finally:
            follower.kill()


COMMANDS = ["demo", "dev", "serve", "deploy", "start", "history", "logs", "invoke", "validate", "list", "completions"]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command):
    done = stepwell(command, "--help")
    assert done.returncode == 0
    assert f"stepwell {command}" in done.stdout
    assert command in stepwell("--help").stdout
    assert stepwell(command, "--no-such-option").returncode == 2


def test_a_bad_template_is_told_by_file_and_line(tmp_path):
    template = tmp_path / "template.yaml"
    template.write_text(
        "Transform: AWS::Serverless-2016-10-31\n"
        "Resources:\n"
        "  Machine:\n"
        "    Type: AWS::Serverless::StateMachine\n"
        "    Properties:\n"
        "      Definition:\n"
        "        StartAt: A\n"
        "        States:\n"
        "          A: {Type: Task, Resource: !GetAtt Absent.Arn, End: true}\n"
    )
    done = stepwell("validate", template)
    assert done.returncode == 1, done.stdout
    assert "template.yaml:9" in done.stdout
    assert "Absent" in done.stdout


def test_a_cycle_in_a_template_is_told(tmp_path):
    template = tmp_path / "template.yaml"
    function = "    Type: AWS::Serverless::Function\n    Properties:\n      Runtime: nodejs22.x\n      Handler: a.b\n      InlineCode: x\n"
    template.write_text(
        "Transform: AWS::Serverless-2016-10-31\nResources:\n"
        f"  A:\n{function}      Environment: {{Variables: {{OTHER: !Ref B}}}}\n"
        f"  B:\n{function}      Environment: {{Variables: {{OTHER: !Ref A}}}}\n"
    )
    done = stepwell("validate", template)
    assert done.returncode == 1, done.stdout
    assert "template.yaml:" in done.stdout


def test_a_bad_definition_is_told_with_code_and_pointer(tmp_path):
    definition = tmp_path / "machine.asl.json"
    definition.write_text('{"StartAt": "A", "States": {"A": {"Type": "Pass", "Next": "Absent"}}}')
    done = stepwell("validate", definition, "--json")
    assert done.returncode == 1
    report = documents(done)[0]
    assert report["valid"] is False
    finding = report["findings"][0]
    assert finding["code"] == "MISSING_TRANSITION_TARGET"
    assert finding["location"].endswith("at /States/A/Next")


@pytest.mark.parametrize("template", [ORDERS / "template.yaml", TUTORIAL / "template.yaml", TUTORIAL / "template-plain.yaml"])
def test_a_good_template_is_valid(template):
    done = stepwell("validate", template)
    assert done.returncode == 0, done.stdout


def test_a_syntax_error_in_typescript_names_file_line_and_column(server, tmp_path):
    (tmp_path / "broken.ts").write_text("export const handler = async () => {\n  const = 1;\n};\n")
    (tmp_path / "template.yaml").write_text(
        "Transform: AWS::Serverless-2016-10-31\n"
        "Resources:\n"
        "  Broken:\n"
        "    Type: AWS::Serverless::Function\n"
        "    Properties: {CodeUri: ., Handler: broken.handler, Runtime: nodejs22.x}\n"
        "    Metadata: {BuildMethod: esbuild, BuildProperties: {EntryPoints: [broken.ts]}}\n"
    )
    done = stepwell("deploy", tmp_path / "template.yaml", endpoint=server.url)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "broken.ts:2:" in done.stdout


def test_missing_dependencies_are_told_with_the_command_that_installs_them(server, tmp_path):
    copy = shutil.copytree(ORDERS, tmp_path / "app", ignore=shutil.ignore_patterns("node_modules", ".stepwell"))
    done = stepwell("deploy", copy / "template.yaml", "--stack-name", "bare", endpoint=server.url)
    assert done.returncode == 1, done.stdout
    assert "npm ci" in done.stdout


def test_without_a_server_a_command_says_so_and_could_not_run():
    done = stepwell("list", endpoint="http://127.0.0.1:9")
    assert done.returncode == 2
    assert "127.0.0.1:9" in done.stderr


def test_an_unknown_machine_is_named_with_those_there_are(server, orders):
    done = stepwell("start", "no-such-machine", endpoint=server.url)
    assert done.returncode == 2
    assert "no-such-machine" in done.stderr
    assert "order-processing" in done.stderr
