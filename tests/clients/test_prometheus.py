"""`/metrics`, scraped by Prometheus itself; its rules and its dashboard."""

import json
import os
import re
import shutil
import socket
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

import pytest

from harness import REPOSITORY, wait_until

DEPLOY = REPOSITORY / "deploy"
PASS = {"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}}
# Names of Prometheus's own, which no page has.
OWN = {"up"}


def debian(program):
    """A program of Debian's package `prometheus`: $STEPWELL_PROMETHEUS is the folder that it is in, else PATH."""
    folder = os.environ.get("STEPWELL_PROMETHEUS")
    found = shutil.which(program, path=folder) if folder else shutil.which(program)
    kept = REPOSITORY / "target" / "debian" / "prometheus" / "usr" / "bin" / program
    if not found and kept.is_file():
        found = str(kept)
    assert found, (
        f"{program} is missing: `cargo xtask test` unpacks Debian's package below target/; or install it "
        "(apt-get install prometheus), or say in STEPWELL_PROMETHEUS which folder it is in"
    )
    return found


def page(server, **headers):
    status, answered, body = server.http("GET", "/metrics", headers=headers)
    assert status == 200, body
    return answered, body.decode()


def samples(server):
    """Values by name and labels, as text."""
    _, text = page(server)
    lines = (line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    return {name: float(value) for name, value in lines}


def names(text):
    """The names of series that a page can have, those of its histograms spelled out."""
    known = set()
    for name, kind in re.findall(r"^# TYPE (\S+) (\S+)$", text, re.MULTILINE):
        known |= {f"{name}_bucket", f"{name}_sum", f"{name}_count"} if kind == "histogram" else {name}
    return known


def expressions():
    dashboard = json.loads((DEPLOY / "grafana" / "stepwell.json").read_text())
    for panel in dashboard["panels"]:
        for target in panel.get("targets", []):
            yield f"panel {panel['title']}", target["expr"]
    for variable in dashboard["templating"]["list"]:
        if variable["type"] == "query":
            yield f"variable {variable['name']}", variable["query"]["query"]
    for line in (DEPLOY / "prometheus" / "alerts.yaml").read_text().splitlines():
        if line.strip().startswith("expr: "):
            yield "alerts.yaml", line.split("expr: ", 1)[1]


def named(expression):
    """The names of series in an expression: what comes before braces and brackets, or stands alone."""
    bare = re.sub(r"\{[^}]*\}|\[[^]]*\]|\"[^\"]*\"", " ", expression)
    bare = re.sub(r"\b(by|on|ignoring|without)\s*\([^)]*\)", " ", bare)
    return set(re.findall(r"\b(?:stepwell|process|up)(?:_\w+)?\b", bare))


def test_every_name_of_the_dashboard_and_of_the_rules_is_on_the_page(server):
    known = names(page(server)[1]) | OWN
    used = [(where, name) for where, expression in expressions() for name in named(expression)]
    assert len(used) > 40
    assert [(where, name) for where, name in used if name not in known] == []


def test_promtool_takes_the_page_the_rules_and_the_scrape(server, tmp_path):
    _, text = page(server)
    checked = subprocess.run([debian("promtool"), "check", "metrics"], input=text, text=True, capture_output=True)
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, "")
    rules = subprocess.run(
        [debian("promtool"), "check", "rules", DEPLOY / "prometheus" / "alerts.yaml"], text=True, capture_output=True
    )
    assert rules.returncode == 0, rules.stdout + rules.stderr
    scrape = subprocess.run(
        [debian("promtool"), "check", "config", DEPLOY / "prometheus" / "scrape.yaml"], text=True, capture_output=True
    )
    assert scrape.returncode == 0, scrape.stdout + scrape.stderr


def test_the_page_is_open_metrics_if_that_is_asked_for(server):
    answered, text = page(server)
    assert answered["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert not text.endswith("# EOF\n")
    answered, text = page(server, Accept="application/openmetrics-text;version=1.0.0,text/plain;q=0.5")
    assert answered["content-type"] == "application/openmetrics-text; version=1.0.0; charset=utf-8"
    assert text.endswith("# EOF\n")
    assert "# TYPE stepwell_api_requests counter\n" in text


def test_requests_are_counted_by_operation_and_by_error(server, name):
    requests = 'stepwell_api_requests_total{service="states",operation="DescribeStateMachine"}'
    missing = 'stepwell_api_errors_total{service="states",operation="DescribeStateMachine",code="StateMachineDoesNotExist"}'
    before = samples(server)
    machine = server.create_machine(name("counted"), PASS)
    server.states.describe_state_machine(stateMachineArn=machine)
    with pytest.raises(server.states.exceptions.StateMachineDoesNotExist):
        server.states.describe_state_machine(stateMachineArn=machine + "-gone")
    after = samples(server)
    assert after[requests] - before.get(requests, 0) == 2
    assert after[missing] - before.get(missing, 0) == 1
    durations = requests.replace("requests_total", "request_duration_seconds_count")
    assert after[durations] == after[requests]


def test_executions_and_functions_move_the_numbers_of_shard_and_pool(server, name):
    before = samples(server)
    machine = server.create_machine(name("moved"), PASS)
    _, history = server.run(machine)
    server.create_function(name("cold"), "export const handler = async () => 1;")
    function = server.functions.list_functions()["Functions"][-1]["FunctionName"]
    server.invoke(function)
    after = samples(server)

    def grew(sample):
        return after[sample] - before[sample]

    assert grew("stepwell_shard_history_events_total") == len(history)
    assert grew("stepwell_shard_commits_total") >= 2
    assert grew("stepwell_shard_commit_duration_seconds_count") == grew("stepwell_shard_commits_total")
    assert grew("stepwell_function_cold_starts_total") == 1
    assert grew("stepwell_function_invocations_placed_total") == 1
    assert after['stepwell_function_environments{state="idle"}'] >= 1
    assert after["process_resident_memory_bytes"] > 10 << 20


def test_executions_and_invocations_are_counted_by_what_they_are_of(server, name):
    fails = {"StartAt": "F", "States": {"F": {"Type": "Fail", "Error": "E"}}}
    good, bad = server.create_machine(name("good"), PASS), server.create_machine(name("bad"), fails)
    for machine in (good, good, bad):
        server.run(machine)
    function = name("invoked")
    server.create_function(function, "export const handler = async () => 1;")
    server.invoke(function)
    of = {
        f'stepwell_executions_total{{state_machine="{good}",outcome="started"}}': 2,
        f'stepwell_executions_total{{state_machine="{good}",outcome="succeeded"}}': 2,
        f'stepwell_execution_duration_seconds_count{{state_machine="{good}"}}': 2,
        f'stepwell_executions_total{{state_machine="{bad}",outcome="failed"}}': 1,
        f'stepwell_function_invocations_total{{function="{function}",outcome="invoked"}}': 1,
        f'stepwell_function_duration_seconds_count{{function="{function}"}}': 1,
    }

    def shown():
        found = samples(server)
        return {line: found.get(line) for line in of}

    wait_until(lambda: all(shown().values()), "the values to be gathered")
    wait_until(lambda: shown() == of, f"{of}, shown are {shown()}")


def test_names_that_nobody_knows_become_no_series(server):
    for number in range(50):
        server.call(f"Garbage{number}", b"{}")
    unknown = [sample for sample in samples(server) if "Garbage" in sample]
    assert unknown == []


def test_no_web_page_reads_the_page(server):
    status, _, _ = server.http("GET", "/metrics", headers={"Origin": "https://evil.example"})
    assert status == 403


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def ask(port, path, **parameters):
    query = urllib.parse.urlencode(parameters)
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v1/{path}?{query}", timeout=10) as answer:
        return json.loads(answer.read())["data"]


def test_prometheus_scrapes_the_server_and_evaluates_the_rules(server, name, tmp_path):
    configuration = (DEPLOY / "prometheus" / "scrape.yaml").read_text()
    address = urllib.parse.urlsplit(server.url).netloc
    configuration = configuration.replace("127.0.0.1:8333", address).replace("15s", "1s")
    rules = DEPLOY / "prometheus" / "alerts.yaml"
    Path(tmp_path / "prometheus.yml").write_text(
        f"global:\n  evaluation_interval: 1s\nrule_files: [{rules}]\n{configuration}"
    )
    server.run(server.create_machine(name("scraped"), PASS))
    port = free_port()
    with subprocess.Popen(
        [
            debian("prometheus"),
            f"--config.file={tmp_path}/prometheus.yml",
            f"--storage.tsdb.path={tmp_path}/data",
            f"--web.listen-address=127.0.0.1:{port}",
        ],
        stdout=subprocess.DEVNULL,
        stderr=(tmp_path / "stderr").open("wb"),
    ) as prometheus:
        try:

            def value(expression):
                try:
                    found = ask(port, "query", query=expression)["result"]
                except (urllib.error.URLError, ConnectionError):
                    return None
                return float(found[0]["value"][1]) if found else None

            def seen():
                assert prometheus.poll() is None, (tmp_path / "stderr").read_text()
                return value('stepwell_api_requests_total{operation="StartExecution"}')

            counted = 'stepwell_api_requests_total{service="states",operation="StartExecution"}'
            assert wait_until(seen, "a scrape") == samples(server)[counted]
            assert value('up{job="stepwell"}') == 1
            assert value("stepwell_ready") == 1
            assert value("stepwell_shard_history_events_total") == samples(server)["stepwell_shard_history_events_total"]

            def evaluated():
                return [rule for group in ask(port, "rules")["groups"] for rule in group["rules"] if rule["health"] == "ok"]

            count = rules.read_text().count("- alert:")
            wait_until(lambda: len(evaluated()) == count, "every rule evaluated")
            firing = [rule["name"] for rule in evaluated() if rule["state"] != "inactive"]
            assert firing == []
        finally:
            prometheus.terminate()
            prometheus.wait()
