"""Activities: workers that poll, and what becomes of the tasks that they take."""

import json
import threading
import time
from http.client import HTTPConnection
from urllib.parse import urlsplit

import pytest
from botocore.exceptions import ClientError

from harness import check_history, details, types, wait_until


class Worker(threading.Thread):
    """One poll in a thread of its own."""

    def __init__(self, server, activity, name="worker"):
        super().__init__(daemon=True)
        self._poll = lambda: server.states.get_activity_task(activityArn=activity, workerName=name)
        self.answer = None
        self.start()

    def run(self):
        self.answer = self._poll()

    def task(self):
        self.join(timeout=30)
        assert self.answer is not None, "the worker still waits"
        return self.answer


@pytest.fixture
def activity(server, name):
    return server.states.create_activity(name=name("work"))["activityArn"]


def machine_of(server, name, activity, **more):
    state = {"Type": "Task", "Resource": activity, "End": True} | more
    return server.create_machine(name("asks"), {"StartAt": "T", "States": {"T": state}})


def test_a_worker_takes_a_task_beats_and_completes_it(server, name, activity):
    machine = machine_of(server, name, activity, TimeoutSeconds=60, HeartbeatSeconds=30)
    execution = server.start(machine, {"n": 1})
    task = server.states.get_activity_task(activityArn=activity, workerName="w-1")
    assert json.loads(task["input"]) == {"n": 1}
    server.states.send_task_heartbeat(taskToken=task["taskToken"])
    server.states.send_task_success(taskToken=task["taskToken"], output='{"n": 2}')
    assert server.end(execution)["output"] == '{"n": 2}'
    history = server.history(execution)
    check_history(history)
    assert types(history)[2:5] == ["ActivityScheduled", "ActivityStarted", "ActivitySucceeded"]
    assert details(history[2])["heartbeatInSeconds"] == 30
    assert details(history[3]) == {"workerName": "w-1"}


def test_a_waiting_worker_is_answered_at_once(server, name, activity):
    machine = machine_of(server, name, activity)
    worker = Worker(server, activity)
    # The worker is in line once a second one, which is served after it, is too.
    second = Worker(server, activity)
    first = server.start(machine, 1)
    began = time.monotonic()
    wait_until(lambda: worker.answer or second.answer, "a worker to be answered")
    assert time.monotonic() - began < 10
    server.start(machine, 2)
    tokens = {worker.task()["taskToken"], second.task()["taskToken"]}
    assert len(tokens) == 2
    server.states.send_task_failure(taskToken=(worker if worker.answer["input"] == "1" else second).answer["taskToken"], error="No")
    assert server.end(first)["error"] == "No"


def test_a_worker_that_hangs_up_swallows_no_task(server, name, activity):
    machine = machine_of(server, name, activity)
    address = urlsplit(server.url)
    gone = HTTPConnection(address.hostname, address.port, timeout=30)
    headers = {"X-Amz-Target": "AWSStepFunctions.GetActivityTask", "Content-Type": "application/x-amz-json-1.0"}
    gone.request("POST", "/", json.dumps({"activityArn": activity, "workerName": "gone"}), headers)
    # The server answers other requests meanwhile: by then it has read this one.
    server.states.describe_activity(activityArn=activity)
    gone.close()
    execution = server.start(machine, 1)
    task = server.states.get_activity_task(activityArn=activity, workerName="here")
    assert task["input"] == "1"
    assert details(server.history(execution)[3]) == {"workerName": "here"}


def test_a_scheduled_task_is_given_out_after_a_kill(server, name, activity):
    machine = machine_of(server, name, activity)
    execution = server.start(machine, {"kept": True})
    server.restart_after_kill()
    task = server.states.get_activity_task(activityArn=activity)
    server.restart_after_kill()
    server.states.send_task_success(taskToken=task["taskToken"], output=task["input"])
    assert server.end(execution)["output"] == '{"kept": true}'
    assert types(server.history(execution)).count("ActivityStarted") == 1


def test_a_deleted_activity_is_gone_for_workers_and_tasks(server, name, activity):
    machine = machine_of(server, name, activity)
    worker = pytest.raises(ClientError)
    server.states.delete_activity(activityArn=activity)
    server.states.delete_activity(activityArn=activity)
    with worker as caught:
        server.states.get_activity_task(activityArn=activity)
    assert caught.value.response["Error"]["Code"] == "ActivityDoesNotExist"
    description, history = server.run(machine)
    assert (description["status"], description["error"]) == ("FAILED", "States.Runtime")
    assert types(history) == ["ExecutionStarted", "TaskStateEntered", "ExecutionFailed"]


def test_activities_are_listed_in_pages(server, name):
    wanted = {server.states.create_activity(name=name("page"))["activityArn"] for _ in range(5)}
    pages = list(server.states.get_paginator("list_activities").paginate(PaginationConfig={"PageSize": 2}))
    assert all(len(page["activities"]) <= 2 for page in pages)
    assert wanted <= {item["activityArn"] for page in pages for item in page["activities"]}
