"""`stepwell dev`: a save is the next version; what runs keeps its own."""

import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from harness import PATIENCE_SECONDS, REPOSITORY, Dev, Process, wait_until

ORDER = REPOSITORY / "tests" / "tutorial-app" / "events" / "order.json"


@pytest.fixture
def application(tmp_path):
    ignored = shutil.ignore_patterns("node_modules", ".stepwell")
    return shutil.copytree(REPOSITORY / "tests" / "tutorial-app", tmp_path / "app", ignore=ignored)


@pytest.fixture
def dev(application):
    with Dev(application) as running:
        yield running


def edit(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_a_saved_handler_is_the_one_invoked_next(dev, application):
    function = next(name for name in dev.function_names if "FulfillOrder" in name)
    order = json.loads(ORDER.read_text())
    assert dev.invoke(function, order)["Payload"]["status"] == "FULFILLED"
    edit(application / "src" / "functions" / "fulfillOrder.ts", "OrderStatus.FULFILLED", "'EDITED' as OrderStatus")
    wait_until(lambda: dev.invoke(function, order)["Payload"]["status"] == "EDITED", "the saved handler")
    # A module that the handler imports is part of it.
    edit(application / "src" / "functions" / "fulfillOrder.ts", "'EDITED' as OrderStatus", "OrderStatus.FULFILLED")
    edit(application / "src" / "types" / "order.ts", "FULFILLED = 'FULFILLED'", "FULFILLED = 'SHIPPED'")
    wait_until(lambda: dev.invoke(function, order)["Payload"]["status"] == "SHIPPED", "the saved import")


def test_a_broken_save_is_told_and_the_old_version_stays(dev, application):
    function = next(name for name in dev.function_names if "FulfillOrder" in name)
    source = application / "src" / "functions" / "fulfillOrder.ts"
    good = source.read_text()
    source.write_text("export const handler = (")
    told = dev.wait_for("error")
    assert "fulfillOrder.ts:1:" in told["message"]
    order = json.loads(ORDER.read_text())
    assert dev.invoke(function, order)["Payload"]["status"] == "FULFILLED"
    source.write_text(good.replace("OrderStatus.FULFILLED", "'MENDED' as OrderStatus"))
    wait_until(lambda: dev.invoke(function, order)["Payload"]["status"] == "MENDED", "the mended handler")


def test_an_execution_in_a_wait_keeps_its_definition_when_it_changes(dev, application):
    (machine,) = dev.state_machines
    file = application / "statemachine" / "order-processing.asl.json"

    def write(result):
        definition = {
            "StartAt": "Pause",
            "States": {
                "Pause": {"Type": "Wait", "SecondsPath": "$.seconds", "Next": "Answer"},
                "Answer": {"Type": "Pass", "Result": result, "End": True},
            },
        }
        file.write_text(json.dumps(definition))

        def is_deployed():
            return json.loads(dev.states.describe_state_machine(stateMachineArn=machine)["definition"]) == definition

        wait_until(is_deployed, f"the definition that answers {result}")

    write("old")
    running = dev.start(machine, {"seconds": 5})
    dev.wait_for_event(running, "WaitStateEntered")
    write("new")
    assert dev.states.describe_execution(executionArn=running)["status"] == "RUNNING"
    assert dev.end(dev.start(machine, {"seconds": 0}))["output"] == '"new"'
    assert dev.end(running)["output"] == '"old"'


@pytest.mark.parametrize("client", ["aws", "boto3"])
def test_the_printed_exports_are_all_a_client_needs(application, tmp_path, client):
    dev = Process("dev", application, "--port", "0")
    try:
        line = dev.next_line(120).strip()
        while not line.startswith("export "):
            line = dev.next_line(120).strip()
        exports = dict(word.split("=", 1) for word in shlex.split(line)[1:])
        home = tmp_path / "home"
        home.mkdir()
        endpoint = exports["AWS_ENDPOINT_URL"]
        if client == "aws":
            command = [str(Path(sys.executable).with_name("aws")), "stepfunctions", "list-state-machines", "--endpoint-url", endpoint]
        else:
            ask = f"boto3.client('stepfunctions', endpoint_url={endpoint!r}).list_state_machines()['stateMachines']"
            command = ["-c", f"import boto3, json; print(json.dumps({{'stateMachines': [m['name'] for m in {ask}]}}))"]
        answer = subprocess.run(
            [sys.executable, *command],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            env={"PATH": os.environ["PATH"], "HOME": str(home), **exports},
            check=False,
        )
        assert answer.returncode == 0, answer.stderr
        assert len(json.loads(answer.stdout)["stateMachines"]) == 1
    finally:
        dev.kill()
