"""Backup under load, restore, and a check of both: nothing that was acknowledged before a backup is missing from it."""

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from harness import Server, check_history, stepwell, wait_until

PASS = {"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}}
WAIT = {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 3600, "End": True}}}
TASK = """export const handler = async ({ ms }) => { await new Promise((done) => setTimeout(done, ms)); return "ran"; };"""

THREADS = 8
STARTED_BEFORE = 300
# About 30 MiB, so that a backup of this rate takes seconds.
LARGE = 120
LARGE_BYTES = 250_000
RATE = 8


@pytest.fixture
def server(tmp_path):
    with Server(tmp_path / "data") as running:
        yield running


def fsck(directory):
    """The findings and the summary of a check."""
    done = stepwell("fsck", directory, "--json")
    documents = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode in (0, 1), done.stderr
    assert (done.returncode == 0) == (documents[-1]["findings"] == 0)
    return documents[:-1], documents[-1]


class Load:
    """Starts executions from several threads until it is told to stop."""

    def __init__(self, server, machine):
        self.acknowledged = []
        self._stop = threading.Event()
        self._pool = ThreadPoolExecutor(THREADS)
        self._runs = [self._pool.submit(self._run, server, machine) for _ in range(THREADS)]

    def _run(self, server, machine):
        while not self._stop.is_set():
            arn = server.start(machine, {"a": 1})
            self.acknowledged.append((time.monotonic(), arn))

    def count(self, since, until):
        return sum(since <= at < until for at, _ in list(self.acknowledged))

    def stop(self):
        self._stop.set()
        for run in self._runs:
            run.result()
        self._pool.shutdown()


def test_a_backup_under_load_has_everything_that_was_acknowledged_before_it(server, tmp_path):
    passes, waits = server.create_machine("passes", PASS), server.create_machine("waits", WAIT)
    function = server.create_function("f", TASK)
    task = server.create_machine("task", {"StartAt": "T", "States": {"T": {"Type": "Task", "Resource": function, "End": True}}})
    ended, _ = server.run(task, {"ms": 0})
    assert ended["status"] == "SUCCEEDED"
    sleeping = server.start(waits)
    text = "x" * LARGE_BYTES
    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(lambda _: server.start(passes, {"text": text}), range(LARGE)))
    load = Load(server, passes)
    while len(load.acknowledged) < STARTED_BEFORE:
        time.sleep(0.01)
    running = server.start(task, {"ms": 60_000})
    server.wait_for_event(running, "LambdaFunctionStarted")
    quiet_from = time.monotonic()
    time.sleep(2)
    before = time.monotonic()
    acknowledged = [arn for at, arn in list(load.acknowledged) if at < before]
    done = stepwell("backup", "--to", tmp_path / "backup", "--rate", RATE, "--json", endpoint=server.url)
    after = time.monotonic()
    load.stop()
    assert done.returncode == 0, done.stderr
    manifest = json.loads(done.stdout)["manifest"]
    assert [store["name"] for store in manifest["stores"]] == ["store", "telemetry", "traces", "metrics"]

    # Starts went on meanwhile; how many is the business of a benchmark.
    quiet = load.count(quiet_from, before) / (before - quiet_from)
    during = load.count(before, after) / (after - before)
    print(f"starts/s: {quiet:.0f} before, {during:.0f} during {after - before:.1f} s of backup: {during / quiet:.2f}")
    assert after - before > 2, "the backup took long enough to be felt"
    assert during > 0

    findings, summary = fsck(tmp_path / "backup")
    assert findings == [] and summary["backup"], findings
    server.process.kill()
    findings, summary = fsck(server.data)
    assert findings == [] and not summary["backup"], findings

    done = stepwell("restore", "--from", tmp_path / "backup", "--to", tmp_path / "restored")
    assert done.returncode == 0, done.stderr
    findings, _ = fsck(tmp_path / "restored")
    assert findings == []
    with Server(tmp_path / "restored") as restored:
        with ThreadPoolExecutor(THREADS) as pool:
            shown = list(pool.map(lambda arn: restored.states.describe_execution(executionArn=arn), acknowledged))
        assert {one["status"] for one in shown} == {"SUCCEEDED"}
        assert len(acknowledged) >= STARTED_BEFORE
        check_history(restored.history(acknowledged[-1]))
        assert restored.states.describe_execution(executionArn=sleeping)["status"] == "RUNNING"
        # What ran at that instant is in doubt, as after a crash.
        lost = restored.end(running)
        assert (lost["status"], lost["error"]) == ("FAILED", "Lambda.SdkClientException")
        # Functions came along with their packages, and logs with what was in them.
        assert restored.invoke("f", {"ms": 0})["Payload"] == "ran"
        groups = restored.client("logs").describe_log_groups()["logGroups"]
        assert "/aws/lambda/f" in [group["logGroupName"] for group in groups]
        new = restored.start(waits)
        assert new != sleeping


def test_a_data_directory_is_backed_up_without_a_server_and_only_then(server, tmp_path):
    execution = server.start(server.create_machine("passes", PASS))
    backup = ["backup", "--to", tmp_path / "backup", "--data", server.data]
    done = stepwell(*backup)
    assert (done.returncode, "open in another process" in done.stderr) == (2, True), done.stderr
    assert not (tmp_path / "backup").exists()
    assert server.stop() == 0
    done = stepwell(*backup)
    assert done.returncode == 0, done.stderr
    done = stepwell("restore", "--from", tmp_path / "backup", "--to", tmp_path / "restored")
    assert done.returncode == 0, done.stderr
    with Server(tmp_path / "restored") as restored:
        assert restored.states.describe_execution(executionArn=execution)["status"] == "SUCCEEDED"


def test_a_backup_goes_over_nothing(server, tmp_path):
    (tmp_path / "there").mkdir()
    refused = {
        tmp_path / "there": "exists already",
        server.data / "inside": "is in the data directory",
        tmp_path / "no" / "where": "cannot find what is above",
    }
    for directory, reason in refused.items():
        done = stepwell("backup", "--to", directory, endpoint=server.url)
        assert done.returncode == 2 and reason in done.stderr, done.stderr
    assert list((tmp_path / "there").iterdir()) == []
    status, _, body = server.http("POST", "/backup", json.dumps({"to": "relative"}))
    assert status == 400 and b"absolute" in body, body
    status, _, body = server.http("POST", "/backup", "{}", {"Origin": "https://evil.example"})
    assert status == 403, body
    assert json.loads(server.http("GET", "/backup")[2])["status"] == "FAILED"


def test_one_backup_is_made_at_a_time(server, tmp_path):
    machine = server.create_machine("passes", PASS)
    for _ in range(12):
        server.start(machine, {"text": "x" * LARGE_BYTES})
    ask = {"to": str(tmp_path / "one"), "rate": 1}
    assert server.http("POST", "/backup", json.dumps(ask))[0] == 202
    status, _, body = server.http("POST", "/backup", json.dumps(ask | {"to": str(tmp_path / "two")}))
    assert status == 400 and b"is being made" in body, body
    # One that a kill cuts off is known for what it is.
    wait_until(lambda: (tmp_path / "one" / "store.rows").exists(), "the first file of the backup")
    server.process.kill()
    for command in (["fsck", tmp_path / "one"], ["restore", "--from", tmp_path / "one", "--to", tmp_path / "restored"]):
        done = stepwell(*command)
        assert done.returncode == 2 and "it is half made" in done.stderr, done.stderr
    assert not (tmp_path / "restored").exists()


def test_a_restore_refuses_what_it_cannot_rely_on(server, tmp_path):
    server.start(server.create_machine("passes", PASS))
    backup = tmp_path / "backup"
    assert stepwell("backup", "--to", backup, endpoint=server.url).returncode == 0

    def refused(reason, to=tmp_path / "restored"):
        done = stepwell("restore", "--from", backup, "--to", to)
        assert done.returncode == 2 and reason in done.stderr, done.stderr

    refused("is not empty", server.data)
    rows = backup / "store.rows"
    sound = rows.read_bytes()
    rows.write_bytes(sound[:-1])
    refused("and its manifest says")
    rows.write_bytes(sound[:100] + bytes([sound[100] ^ 1]) + sound[101:])
    refused("does not match the checksum")
    assert stepwell("fsck", backup).returncode == 2
    rows.write_bytes(sound)
    manifest = backup / "manifest.json"
    written = manifest.read_text()
    manifest.write_text(json.dumps(json.loads(written) | {"format": 2}))
    refused("has backup format 2, this version reads up to 1")
    manifest.write_text(written)
    assert not (tmp_path / "restored").exists()
    # A restore that was cut off is no data directory.
    (tmp_path / "cut" / "restoring").mkdir(parents=True)
    done = stepwell("serve", "--listen", "127.0.0.1:0", "--data", tmp_path / "cut")
    assert done.returncode == 2 and "was cut off" in done.stderr, done.stderr


def test_a_check_names_what_it_cannot_do(server, tmp_path):
    done = stepwell("fsck", server.data)
    assert done.returncode == 2 and "open in another process" in done.stderr, done.stderr
    done = stepwell("fsck", tmp_path)
    assert done.returncode == 2 and "neither a data directory nor a backup" in done.stderr, done.stderr
    done = stepwell("fsck", server.data, "--repair")
    assert done.returncode == 2 and "NotImplemented: fsck --repair" in done.stderr, done.stderr
