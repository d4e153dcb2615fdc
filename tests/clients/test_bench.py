"""`stepwell bench`: every workload at a tiny size, for the shape of what it says. Speed is not a test's matter."""

import json
import re
import signal
from pathlib import Path

import pytest

from harness import Process, stepwell, wait_until

# What each workload promises, held against targets: patterns of rows that have one.
TARGETS = {
    "transitions": [r"durable state transitions, 4 clients, 10 Pass states", r"the same beside a log", r"bytes written a transition, 1024 bytes passed through"],
    "start": [r"p99"],
    "latency": [r"Standard start to SUCCEEDED, 1 client, one Pass state, p50"],
    "express": [r"Express StartSyncExecution, 4 clients, one Pass state", r"p99"],
    "tasks": [],
    "map": [r"inline Map of 20 Pass items", r"distributed Map of 200 STANDARD children", r"distributed Map of 200 EXPRESS children"],
    "sleepers": [r"resident memory with 200 executions asleep", r"disk each", r"processor over \d+ s idle", r"from a start after kill -9"],
    "history": [r"history of 25000 events, a page of 1000, p50"],
    "lists": [r"the slowest"],
    "recovery": [],
    "costs": [],
    "logs": [r"lines of 2 functions", r"lines by PutLogEvents, 1000 a call", r"FilterLogEvents over 0.02 GB: a word that is not there"],
}
# Rows that a machine's limit of the same run stands beside.
LIMITS = {
    "transitions": ["raw append log", "keys and values"],
    "start": ["raw append log", "synced 4 KB append"],
    "latency": ["synced 4 KB append", "HTTP echo"],
    "express": ["HTTP echo"],
    "tasks": ["bare Runtime API loop"],
    "map": [],
    "sleepers": ["keys and values"],
    "history": ["HTTP echo"],
    "lists": [],
    "recovery": ["the start with none"],
    "costs": ["the same beside none"],
    "logs": [],
}
MEMBERS = {"workload", "what", "value", "unit", "limit", "ratio", "target", "met"}


def measured(workload, directory, *options):
    done = stepwell("bench", workload, "--clients", "4", "--seconds", "1", "--count", "200", "--directory", directory, "--json", *options)
    assert done.returncode == 0, done.stdout + done.stderr
    assert list(directory.iterdir()) == [], "a benchmark removes what it made"
    return json.loads(done.stdout)


def check_row(row):
    assert set(row) == MEMBERS, row
    # A difference of two costs may be below zero when the machine is busy.
    assert isinstance(row["value"], (int, float)) and (row["value"] >= 0 or row["workload"] == "costs"), row
    assert (row["limit"] is None) == (row["ratio"] is None), row
    if row["limit"]:
        assert row["limit"]["value"] > 0, row
        assert row["ratio"] == pytest.approx(row["value"] / row["limit"]["value"]), row
    assert (row["target"] is None) == (row["met"] is None), row
    if row["target"]:
        # A verdict is what its words say.
        words = re.fullmatch(r"at (least|most) ([\d.]+)( of it)?", row["target"])
        assert words, row
        figure = row["ratio"] if words[3] else row["value"]
        # The words have three digits; a figure at the edge may go either way.
        if abs(figure - float(words[2])) > 0.01 * float(words[2]):
            assert row["met"] == (figure >= float(words[2]) if words[1] == "least" else figure <= float(words[2])), row


@pytest.mark.parametrize("workload", TARGETS)
def test_a_workload_says_its_figures_limits_and_verdicts(workload, tmp_path):
    table = measured(workload, tmp_path)
    rows = table["rows"]
    for row in rows:
        assert row["workload"] == workload
        check_row(row)
    with_target = [row["what"] for row in rows if row["target"]]
    for pattern in TARGETS[workload]:
        assert any(re.match(pattern, what) for what in with_target), (pattern, with_target)
    limits = [row["limit"]["what"] for row in rows if row["limit"]]
    for words in LIMITS[workload]:
        assert any(words in limit for limit in limits), (words, limits)
    assert table["missed"] == sum(row["met"] is False for row in rows)


def test_the_table_is_told_as_text_too(tmp_path):
    done = stepwell("bench", "latency", "--seconds", "1", "--directory", tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    first, second, *_ = done.stdout.splitlines()
    assert first == "latency"
    assert re.fullmatch(r"Standard start to SUCCEEDED.* ms  = [\d.]+ x a synced 4 KB append.*at most [\d.]+: (met|MISSED)", second), second


def test_all_names_every_workload():
    said = stepwell("bench", "--help").stdout
    for workload in [*TARGETS, "functions", "all"]:
        assert re.search(rf"^\s+- {workload}:", said, re.MULTILINE), (workload, said)


def test_an_interrupted_benchmark_leaves_no_server_and_no_directory(tmp_path):
    bench = Process("bench", "sleepers", "--count", "10000000", "--directory", tmp_path)
    try:
        server = wait_until(lambda: servers_below(tmp_path), "the server of the benchmark")
        wait_until(lambda: any(tmp_path.glob("*/sleepers/store")), "its store")
        bench.send(signal.SIGINT)
        assert bench.wait() == 130
        assert not servers_below(tmp_path), server
        assert list(tmp_path.iterdir()) == []
    finally:
        bench.kill()


def servers_below(directory):
    """Processes that serve a store below a directory."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes().split(b"\0")
            state = (process / "stat").read_text().rsplit(")", 1)[1].split()[0]
        except OSError:
            continue
        if b"serve" in words and any(word.startswith(str(directory).encode()) for word in words) and state != "Z":
            found.append(int(process.name))
    return found
