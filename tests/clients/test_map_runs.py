"""Distributed Map and its map runs as boto3 sees them."""

import json

import pytest
from botocore.exceptions import ClientError

from harness import Server, check_history, types, wait_until

# Fails for a file that is not there.
WAITS_FOR_FILE = """
import { existsSync } from 'node:fs';
export const handler = async ({ file }) => {
  if (!existsSync(file)) throw new Error('not there');
  return file;
};
"""


def distributed(states, start, kind="STANDARD", **fields):
    """A machine of one Distributed Map."""
    config = {"Mode": "DISTRIBUTED", "ExecutionType": kind}
    processor = {"ProcessorConfig": config, "StartAt": start, "States": states}
    return {"StartAt": "M", "States": {"M": {"Type": "Map", "Label": "items", "ItemProcessor": processor, "End": True} | fields}}


def waiting(seconds=3600):
    return distributed({"W": {"Type": "Wait", "Seconds": seconds, "End": True}}, "W")


def only_run(server, execution):
    """The description of the newest map run of an execution."""

    def found():
        return server.states.list_map_runs(executionArn=execution)["mapRuns"]

    run = wait_until(found, f"a map run of {execution}")[-1]
    assert run["executionArn"] == execution
    return server.states.describe_map_run(mapRunArn=run["mapRunArn"])


def children(server, run, **filters):
    pages = server.states.get_paginator("list_executions").paginate(
        mapRunArn=run["mapRunArn"], PaginationConfig={"PageSize": 2}, **filters
    )
    return [child for page in pages for child in page["executions"]]


def test_children_are_executions_of_their_own(server, name):
    machine = server.create_machine(name("mapped"), distributed({"P": {"Type": "Pass", "End": True}}, "P"))
    ended, history = server.run(machine, [1, 2, 3, 4, 5])
    assert (ended["status"], json.loads(ended["output"])) == ("SUCCEEDED", [1, 2, 3, 4, 5])
    check_history(history)
    assert types(history)[1:] == [
        "MapStateEntered", "MapStateStarted", "MapRunStarted", "MapRunSucceeded", "MapStateSucceeded", "MapStateExited",
        "ExecutionSucceeded",
    ]  # fmt: skip
    run = only_run(server, ended["executionArn"])
    assert (run["status"], run["executionCounts"]["succeeded"], run["itemCounts"]["total"]) == ("SUCCEEDED", 5, 5)
    listed = children(server, run)
    assert len({child["executionArn"] for child in listed}) == 5
    child = server.states.describe_execution(executionArn=listed[0]["executionArn"])
    assert (child["input"], child["mapRunArn"]) == ("5", run["mapRunArn"])
    check_history(server.history(child["executionArn"]))
    described = server.states.describe_state_machine_for_execution(executionArn=child["executionArn"])
    assert (described["stateMachineArn"], described["label"]) == (machine, "items")


def test_a_run_survives_a_kill(tmp_path, name):
    with Server(tmp_path / "data") as server:
        machine = server.create_machine(name("killed"), waiting(2))
        execution = server.start(machine, list(range(20)))
        wait_until(lambda: only_run(server, execution)["executionCounts"]["running"] > 0, "a child")
        server.restart_after_kill()
        ended = server.end(execution)
        assert json.loads(ended["output"]) == list(range(20))
        assert only_run(server, execution)["executionCounts"]["total"] == 20


def test_a_stop_aborts_the_children(server, name):
    execution = server.start(server.create_machine(name("stopped"), waiting()), [1, 2, 3])
    wait_until(lambda: only_run(server, execution)["executionCounts"]["running"] == 3, "three children")
    server.states.stop_execution(executionArn=execution)
    wait_until(lambda: only_run(server, execution)["executionCounts"]["aborted"] == 3, "three aborted children")
    run = only_run(server, execution)
    assert run["status"] == "ABORTED"
    assert len(children(server, run, statusFilter="ABORTED")) == 3
    assert not children(server, run, statusFilter="RUNNING")


def test_a_running_run_is_updated_and_an_ended_one_is_not(server, name):
    execution = server.start(server.create_machine(name("updated"), waiting()), [1])
    run = only_run(server, execution)
    server.states.update_map_run(mapRunArn=run["mapRunArn"], maxConcurrency=7, toleratedFailurePercentage=12.5)
    run = only_run(server, execution)
    assert (run["maxConcurrency"], run["toleratedFailurePercentage"]) == (7, 12.5)
    server.states.stop_execution(executionArn=execution)
    with pytest.raises(ClientError) as caught:
        server.states.update_map_run(mapRunArn=run["mapRunArn"], maxConcurrency=1)
    assert caught.value.response["reason"] == "CANNOT_UPDATE_COMPLETED_MAP_RUN"
    with pytest.raises(ClientError) as caught:
        server.states.describe_map_run(mapRunArn=run["mapRunArn"][:-1])
    assert caught.value.response["Error"]["Code"] == "ResourceNotFound"


def test_a_redrive_runs_the_failed_children_again(server, name, tmp_path):
    function, late = name("looks"), tmp_path / "late"
    resource = server.create_function(function, WAITS_FOR_FILE)
    early = tmp_path / "early"
    early.touch()
    machine = server.create_machine(name("redriven"), distributed({"T": {"Type": "Task", "Resource": resource, "End": True}}, "T"))
    execution = server.start(machine, [{"file": str(early)}, {"file": str(late)}])
    failed = server.end(execution)
    assert failed["error"] == "States.ExceedToleratedFailureThreshold"
    late.touch()
    server.states.redrive_execution(executionArn=execution)
    assert json.loads(server.end(execution)["output"]) == [str(early), str(late)]
    history = server.history(execution)
    check_history(history)
    assert types(history).count("MapRunRedriven") == 1
    assert only_run(server, execution)["redriveCount"] == 1
