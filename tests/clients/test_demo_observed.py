"""The example, observed: a payment fails, its alarm fires and starts a state machine, and one trace shows the order."""

import json
import shutil
import subprocess

import pytest

from harness import REPOSITORY, Server, stepwell, wait_until

EXAMPLE = REPOSITORY / "examples" / "order-processing"
ALARM_SECONDS = 120


@pytest.fixture(scope="module")
def application(tmp_path_factory):
    """The example, deployed from a copy with its packages."""
    folder = tmp_path_factory.mktemp("observed")
    copy = folder / "order-processing"
    shutil.copytree(EXAMPLE, copy, ignore=shutil.ignore_patterns("node_modules"))
    install = ["npm", "ci", "--no-audit", "--no-fund", "--loglevel", "error"]
    subprocess.run(install, cwd=copy, check=True, timeout=300)
    with Server(folder / "data") as server:
        deployed = stepwell("deploy", copy, endpoint=server.url, patience=300)
        assert deployed.returncode == 0, deployed.stderr + deployed.stdout
        yield server


def machine(server, name):
    found = [one for one in server.states.list_state_machines()["stateMachines"] if one["name"] == name]
    assert found, f"no state machine {name}"
    return found[0]["stateMachineArn"]


def order(server, sample):
    event = json.loads((EXAMPLE / "events" / f"{sample}.json").read_text())
    execution = server.start(machine(server, "order-processing"), event)
    return server.end(execution)


def tree(server, execution_arn):
    """How many roots `stepwell trace` shows, and each node with the names on the way to it."""
    shown = stepwell("trace", execution_arn, "--json", endpoint=server.url)
    assert shown.stdout, shown.stderr
    nodes = []

    def walk(node, path):
        path = path + (node["name"],)
        nodes.append((path, node))
        for child in node["children"]:
            walk(child, path)

    roots = json.loads(shown.stdout)["segments"]
    for root in roots:
        walk(root, ())
    return len(roots), nodes


def test_a_failing_payment_fires_the_alarm_and_the_alarm_starts_its_machine(application):
    cloudwatch = application.client("cloudwatch")
    [alarm] = [
        one for one in cloudwatch.describe_alarms()["MetricAlarms"] if one.get("MetricName") == "PaymentFailures"
    ]
    # A rule on the alarm's state changes starts it.
    incident = machine(application, "payment-incident")
    order(application, "payment-declined")
    state = lambda: cloudwatch.describe_alarms(AlarmNames=[alarm["AlarmName"]])["MetricAlarms"][0]["StateValue"]
    wait_until(lambda: state() == "ALARM", "the alarm", ALARM_SECONDS)
    executions = lambda: application.states.list_executions(stateMachineArn=incident)["executions"]
    [started] = wait_until(executions, "the incident")
    event = application.end(started["executionArn"])
    assert event["status"] == "SUCCEEDED"
    assert alarm["AlarmName"] in event["input"]


def test_one_trace_of_the_failing_order_has_everything(application):
    ended = order(application, "payment-declined")

    def whole():
        count, nodes = tree(application, ended["executionArn"])
        names = {path[-1] for path, _ in nodes}
        return (count, nodes) if {"Payment gateway", "send mail"} <= names else None

    count, nodes = wait_until(whole, "the whole trace")
    assert count == 1, "one tree"
    # The execution, a state, its function, and what the X-Ray SDK has added, with the failure.
    [(path, gateway)] = [(path, node) for path, node in nodes if path[-1] == "Payment gateway"]
    assert path[0] == "order-processing" and "ReservePayment" in path
    assert any("ReservePaymentFunction" in name for name in path), path
    assert "failure" in gateway
    # Beside it, the span of OpenTelemetry.
    [mail] = [path for path, _ in nodes if path[-1] == "send mail"]
    assert mail[0] == "order-processing" and "NotifyPaymentRejected" in mail
    assert any("NotifyCustomerFunction" in name for name in mail), mail
