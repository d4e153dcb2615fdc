"""kill -9, and what is left: nothing acknowledged is lost, and nothing runs twice without a Retry.

Functions count their side effects in files outside the server: one line an attempt, written before anything else.
"""

import os
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from harness import PATIENCE_SECONDS, Process, Server, check_history, details, is_gone, types, wait_until

# Sleeps only the first time, so that a second attempt can end.
COUNTS_THEN_SLEEPS = """
import { appendFileSync, readFileSync } from 'node:fs';
export const handler = async (event) => {
  appendFileSync(process.env.EFFECTS, `${process.pid}\\n`);
  const attempts = readFileSync(process.env.EFFECTS, 'utf8').trim().split('\\n').length;
  if (attempts === 1) await new Promise((resolve) => setTimeout(resolve, Number(process.env.SLEEP_MS)));
  return { attempts };
};
"""
COUNTS = """
import { appendFileSync } from 'node:fs';
export const handler = async ({ execution }) => { appendFileSync(process.env.EFFECTS, `${execution}\\n`); return 1; };
"""
RETRY = [{"ErrorEquals": ["Lambda.SdkClientException"], "IntervalSeconds": 1, "MaxAttempts": 3}]

STARTS = 200
THREADS = 8
KILL_AFTER = 80


@pytest.fixture
def server(tmp_path):
    """A server of one test's own: it is killed."""
    with Server(tmp_path / "data") as running:
        yield running


class Effects:
    """Lines that functions have written."""

    def __init__(self, path):
        self.path = path

    def lines(self):
        return self.path.read_text().splitlines() if self.path.exists() else []

    def wait_for_first(self):
        return wait_until(self.lines, "the function to run")


@pytest.fixture
def effects(tmp_path):
    return Effects(tmp_path / "effects")


def counting_machine(server, effects, source=COUNTS_THEN_SLEEPS, sleep_ms=20_000, **more):
    variables = {"EFFECTS": str(effects.path), "SLEEP_MS": str(sleep_ms)}
    function = server.create_function("counts", source, Timeout=60, Environment={"Variables": variables})
    parameters = {"execution.$": "$$.Execution.Name"}
    call = {"Type": "Task", "Resource": function, "Parameters": parameters, "Next": "After"} | more
    return server.create_machine(
        "calls", {"StartAt": "Call", "States": {"Call": call, "After": {"Type": "Pass", "End": True}}}
    )


def test_a_wait_goes_on_after_a_kill(server):
    definition = {
        "StartAt": "W",
        "States": {"W": {"Type": "Wait", "Seconds": 3, "Next": "P"}, "P": {"Type": "Pass", "End": True}},
    }
    execution = server.start(server.create_machine("waits", definition), {"a": 1})
    server.wait_for_event(execution, "WaitStateEntered")
    before = server.history(execution)
    server.restart_after_kill()
    description = server.end(execution)
    assert (description["status"], description["output"]) == ("SUCCEEDED", '{"a": 1}')
    history = server.history(execution)
    check_history(history)
    assert history[: len(before)] == before
    entered, exited = (next(e for e in history if e["type"] == f"WaitState{what}") for what in ("Entered", "Exited"))
    assert (exited["timestamp"] - entered["timestamp"]).total_seconds() >= 3, "no timer is early"


def test_a_wait_that_was_due_while_the_server_was_down_ends_at_once(server):
    definition = {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 1, "End": True}}}
    execution = server.start(server.create_machine("waits", definition))
    due = server.wait_for_event(execution, "WaitStateEntered")["timestamp"].timestamp() + 1
    server.process.kill()
    wait_until(lambda: time.time() > due, "the wait to be over")
    server.start_process()
    assert server.end(execution)["status"] == "SUCCEEDED"


def test_a_task_that_ran_during_a_kill_fails_and_is_not_run_again(server, effects):
    execution = server.start(counting_machine(server, effects))
    (pid,) = effects.wait_for_first()
    server.restart_after_kill()
    description = server.end(execution)
    assert (description["status"], description["error"]) == ("FAILED", "Lambda.SdkClientException")
    assert description["cause"], "the cause says why"
    history = server.history(execution)
    check_history(history)
    assert types(history)[2:] == [
        "LambdaFunctionScheduled", "LambdaFunctionStarted", "LambdaFunctionFailed", "ExecutionFailed",
    ]  # fmt: skip
    assert details(history[4])["error"] == "Lambda.SdkClientException"
    wait_until(lambda: is_gone(pid), "the function's process to end with its server")
    assert effects.lines() == [pid]


def test_a_retry_of_the_lost_task_runs_it_exactly_once_more(server, effects):
    execution = server.start(counting_machine(server, effects, Retry=RETRY))
    effects.wait_for_first()
    server.restart_after_kill()
    assert server.end(execution)["output"] == '{"attempts":2}'
    assert len(effects.lines()) == 2
    history = server.history(execution)
    check_history(history)
    attempt = ["LambdaFunctionScheduled", "LambdaFunctionStarted"]
    assert types(history)[2:7] == [*attempt, "LambdaFunctionFailed", *attempt]


def test_a_catch_sees_the_lost_task(server, effects):
    catch = [{"ErrorEquals": ["Lambda.SdkClientException"], "ResultPath": "$.lost", "Next": "After"}]
    execution = server.start(counting_machine(server, effects, Catch=catch))
    effects.wait_for_first()
    server.restart_after_kill()
    description = server.end(execution)
    assert description["status"] == "SUCCEEDED"
    assert '"Error":"Lambda.SdkClientException"' in description["output"]
    assert len(effects.lines()) == 1


def test_a_server_told_to_retry_lost_tasks_runs_them_again(tmp_path, effects):
    with Server(tmp_path / "data", "--on-lost-task", "retry") as server:
        execution = server.start(counting_machine(server, effects))
        effects.wait_for_first()
        server.restart_after_kill()
        assert server.end(execution)["output"] == '{"attempts":2}'
        assert len(effects.lines()) == 2


def test_no_acknowledged_start_of_a_burst_is_lost_in_a_kill(server, effects):
    machine = counting_machine(server, effects, source=COUNTS, Retry=RETRY)
    acknowledged, may_kill = [], threading.Event()

    def start(number):
        try:
            acknowledged.append(server.start(machine, name=f"burst-{number}"))
        except (BotoCoreError, ClientError, OSError):
            return  # The server is gone, and nothing was acknowledged.
        if len(acknowledged) >= KILL_AFTER:
            may_kill.set()

    with ThreadPoolExecutor(THREADS) as threads:
        starts = [threads.submit(start, number) for number in range(STARTS)]
        assert may_kill.wait(PATIENCE_SECONDS), f"only {len(acknowledged)} starts were acknowledged"
        server.process.kill()
        for done in starts:
            done.result()
    assert KILL_AFTER <= len(acknowledged) < STARTS, "the kill was in the middle"
    server.start_process()

    pages = server.states.get_paginator("list_executions").paginate(stateMachineArn=machine)
    listed = {execution["executionArn"] for page in pages for execution in page["executions"]}
    assert set(acknowledged) <= listed
    descriptions = [server.end(execution, patience=120) for execution in sorted(listed)]
    ran = Counter(effects.lines())
    for description in descriptions:
        assert description["status"] == "SUCCEEDED", description
        history = server.history(description["executionArn"])
        check_history(history)
        attempts = types(history).count("LambdaFunctionScheduled")
        assert 1 <= ran[description["name"]] <= attempts, (description["name"], types(history))
    assert ran.keys() == {description["name"] for description in descriptions}


def test_a_task_that_waits_for_its_token_survives_a_kill(server, tmp_path):
    source = """
    import { renameSync, writeFileSync } from 'node:fs';
    export const handler = async ({ token }) => {
      writeFileSync(`${process.env.FILE}.part`, token);
      renameSync(`${process.env.FILE}.part`, process.env.FILE);
    };
    """
    file = tmp_path / "token"
    server.create_function("keeps", source, Environment={"Variables": {"FILE": str(file)}})
    state = {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken",
        "Parameters": {"FunctionName": "keeps", "Payload": {"token.$": "$$.Task.Token"}},
        "End": True,
    }
    execution = server.start(server.create_machine("waits", {"StartAt": "T", "States": {"T": state}}))
    server.wait_for_event(execution, "TaskSubmitted")
    token = file.read_text()
    server.restart_after_kill()
    assert server.states.describe_execution(executionArn=execution)["status"] == "RUNNING"
    server.states.send_task_success(taskToken=token, output='"after the kill"')
    assert server.end(execution)["output"] == '"after the kill"'
    server.restart_after_kill()
    with pytest.raises(ClientError) as caught:
        server.states.send_task_success(taskToken=token, output="2")
    assert caught.value.response["Error"]["Code"] == "TaskTimedOut", "accepted once, also across a restart"


def test_machines_functions_and_ended_executions_are_there_after_a_kill(server):
    function = server.create_function("echo", "export const handler = async (event) => event;")
    machine = server.create_machine(
        "echoes", {"StartAt": "T", "States": {"T": {"Type": "Task", "Resource": function, "End": True}}}
    )
    description, history = server.run(machine, {"a": 1})
    server.restart_after_kill()
    assert server.history(description["executionArn"]) == history
    again = server.states.describe_execution(executionArn=description["executionArn"])
    assert {**again, "ResponseMetadata": None} == {**description, "ResponseMetadata": None}
    assert server.invoke("echo", {"b": 2})["Payload"] == {"b": 2}
    assert server.run(machine, {"c": 3})[0]["output"] == '{"c":3}'


def test_a_graceful_stop_waits_for_the_function_and_loses_no_task(server, effects):
    execution = server.start(counting_machine(server, effects, sleep_ms=2_000))
    effects.wait_for_first()
    assert server.stop() == 0, server.process.stderr
    server.start_process()
    description = server.end(execution)
    assert (description["status"], description["output"]) == ("SUCCEEDED", '{"attempts":1}')
    assert len(effects.lines()) == 1
    assert "LambdaFunctionFailed" not in types(server.history(execution))


def test_a_second_server_on_the_same_data_is_refused_with_the_reason(server):
    second = Process("serve", "--listen", "127.0.0.1:0", "--data", server.data)
    try:
        assert second.wait() == 2
    finally:
        second.kill()
    assert os.fspath(server.data) in second.stderr
    assert any(word in second.stderr for word in ("in use", "another", "locked")), second.stderr
    machine = server.create_machine("still", {"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}})
    assert server.run(machine)[0]["status"] == "SUCCEEDED"
