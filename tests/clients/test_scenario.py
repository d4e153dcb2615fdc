"""One application from its first role to the last deletion, through boto3: clients, waiters, paginators."""

import json
import threading

import pytest

from harness import check_history, package, types, wait_until

TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": ["states.amazonaws.com", "lambda.amazonaws.com"]},
                "Action": "sts:AssumeRole",
            }
        ],
    }
)
GREET = "export const handler = async (event) => ({ greeting: `hello ${event.name}` });"


def definition(function, activity):
    """A function, an activity, a callback, child executions: every kind of work that needs no other service."""
    return json.dumps(
        {
            "StartAt": "Greet",
            "States": {
                "Greet": {
                    "Type": "Task",
                    "Resource": "arn:aws:states:::lambda:invoke",
                    "Parameters": {"FunctionName": function, "Payload": {"name.$": "$.name"}},
                    "ResultSelector": {"text.$": "$.Payload.greeting"},
                    "ResultPath": "$.greeting",
                    "Next": "Work",
                },
                "Work": {
                    "Type": "Task",
                    "Resource": activity,
                    "TimeoutSeconds": 120,
                    "ResultPath": "$.work",
                    "Next": "Ask",
                },
                "Ask": {
                    "Type": "Task",
                    "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken",
                    "Parameters": {"FunctionName": function, "Payload": {"name": "token", "token.$": "$$.Task.Token"}},
                    "TimeoutSeconds": 120,
                    "ResultPath": "$.answer",
                    "Next": "Each",
                },
                "Each": {
                    "Type": "Map",
                    "ItemsPath": "$.items",
                    "Label": "each",
                    "MaxConcurrency": 2,
                    "ItemProcessor": {
                        "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
                        "StartAt": "One",
                        "States": {"One": {"Type": "Pass", "Parameters": {"twice.$": "States.Array($, $)"}, "End": True}},
                    },
                    "ResultPath": "$.each",
                    "End": True,
                },
            },
        }
    )


class Worker:
    """Polls an activity once, in a thread of its own, and answers with `answer(client, token, input)`."""

    def __init__(self, server, activity, answer):
        def work():
            states = server.client("stepfunctions")
            task = states.get_activity_task(activityArn=activity, workerName="scenario")
            answer(states, task["taskToken"], json.loads(task["input"]))

        self._thread = threading.Thread(target=work, daemon=True)
        self._thread.start()

    def done(self):
        self._thread.join(timeout=90)
        assert not self._thread.is_alive(), "the worker has got its task"


def succeed(states, token, event):
    states.send_task_heartbeat(taskToken=token)
    states.send_task_success(taskToken=token, output=json.dumps({"for": event["name"]}))


def fail(states, token, _):
    states.send_task_failure(taskToken=token, error="Broken", cause="the worker gave up")


def answer_callback(server, execution):
    """Finds the token that was given away with the task's parameters, and sends the answer."""

    def token():
        events = server.history(execution)
        scheduled = [e["taskScheduledEventDetails"] for e in events if e["type"] == "TaskScheduled"]
        waiting = [d for d in scheduled if d["resource"] == "invoke.waitForTaskToken"]
        return waiting and json.loads(waiting[-1]["parameters"])["Payload"]["token"]

    server.states.send_task_success(taskToken=wait_until(token, "the task token"), output='"yes"')


@pytest.fixture(scope="module")
def role(server):
    iam = server.client("iam")
    arn = iam.create_role(RoleName="scenario", AssumeRolePolicyDocument=TRUST)["Role"]["Arn"]
    assert iam.get_role(RoleName="scenario")["Role"]["Arn"] == arn
    policy = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]})
    iam.put_role_policy(RoleName="scenario", PolicyName="all", PolicyDocument=policy)
    yield arn
    iam.delete_role_policy(RoleName="scenario", PolicyName="all")
    iam.delete_role(RoleName="scenario")


@pytest.fixture(scope="module")
def function(server, role):
    functions = server.functions
    functions.create_function(
        FunctionName="scenario-greet",
        Runtime="nodejs22.x",
        Role=role,
        Handler="index.handler",
        Code={"ZipFile": package({"index.mjs": GREET})},
        Timeout=30,
    )
    functions.get_waiter("function_active_v2").wait(FunctionName="scenario-greet")
    yield "scenario-greet"
    functions.delete_function(FunctionName="scenario-greet")


@pytest.fixture(scope="module")
def activity(states_of_module):
    arn = states_of_module.create_activity(name="scenario-work")["activityArn"]
    assert states_of_module.describe_activity(activityArn=arn)["name"] == "scenario-work"
    yield arn
    states_of_module.delete_activity(activityArn=arn)


@pytest.fixture(scope="module")
def states_of_module(server):
    return server.states


@pytest.fixture(scope="module")
def machine(states_of_module, role, function, activity):
    states = states_of_module
    created = states.create_state_machine(
        name="scenario",
        definition=definition(function, activity),
        roleArn=role,
        publish=True,
        versionDescription="first",
        tags=[{"key": "team", "value": "orders"}],
    )
    yield created
    states.delete_state_machine(stateMachineArn=created["stateMachineArn"])


@pytest.fixture(scope="module")
def alias(states_of_module, machine, function, activity):
    states = states_of_module
    arn = machine["stateMachineArn"]
    updated = states.update_state_machine(stateMachineArn=arn, definition=definition(function, activity) + "\n")
    second = states.publish_state_machine_version(stateMachineArn=arn, revisionId=updated["revisionId"])
    versions = [machine["stateMachineVersionArn"], second["stateMachineVersionArn"]]
    listed = states.list_state_machine_versions(stateMachineArn=arn)["stateMachineVersions"]
    assert [each["stateMachineVersionArn"] for each in listed] == versions[::-1]
    created = states.create_state_machine_alias(
        name="live", routingConfiguration=[{"stateMachineVersionArn": versions[0], "weight": 100}]
    )["stateMachineAliasArn"]
    states.update_state_machine_alias(
        stateMachineAliasArn=created, routingConfiguration=[{"stateMachineVersionArn": versions[1], "weight": 100}]
    )
    aliases = states.list_state_machine_aliases(stateMachineArn=arn)["stateMachineAliases"]
    assert [each["stateMachineAliasArn"] for each in aliases] == [created]
    yield created
    states.delete_state_machine_alias(stateMachineAliasArn=created)
    for version in versions:
        states.delete_state_machine_version(stateMachineVersionArn=version)


def test_an_execution_runs_through_function_activity_callback_and_map_run(server, states, alias, activity):
    worker = Worker(server, activity, succeed)
    event = {"name": "ada", "items": [1, 2, 3]}
    execution = server.start(alias, event, name="whole")
    answer_callback(server, execution)
    ended = server.end(execution)
    worker.done()
    assert ended["status"] == "SUCCEEDED", ended
    assert json.loads(ended["output"]) == event | {
        "greeting": {"text": "hello ada"},
        "work": {"for": "ada"},
        "answer": "yes",
        "each": [{"twice": [n, n]} for n in (1, 2, 3)],
    }
    assert ended["stateMachineAliasArn"] == alias
    assert ended["stateMachineVersionArn"] == alias.replace(":live", ":2")
    history = server.history(execution, PaginationConfig={"PageSize": 3})
    check_history(history)
    assert {"LambdaFunctionScheduled", "ActivityStarted", "TaskSubmitted", "MapRunSucceeded"} - set(types(history)) == {
        # An optimized integration has the family of Task events.
        "LambdaFunctionScheduled"
    }
    pages = states.get_paginator("list_map_runs").paginate(executionArn=execution)
    [map_run] = [run["mapRunArn"] for page in pages for run in page["mapRuns"]]
    described = states.describe_map_run(mapRunArn=map_run)
    assert (described["status"], described["itemCounts"]["succeeded"]) == ("SUCCEEDED", 3)
    pages = states.get_paginator("list_executions").paginate(mapRunArn=map_run, PaginationConfig={"PageSize": 2})
    children = [child for page in pages for child in page["executions"]]
    assert [child["status"] for child in children] == ["SUCCEEDED"] * 3
    started = states.describe_state_machine_for_execution(executionArn=execution)
    assert started["name"] == "scenario"


def test_a_failed_execution_is_redriven_to_its_end(server, states, machine, activity):
    worker = Worker(server, activity, fail)
    execution = server.start(machine["stateMachineArn"], {"name": "bob", "items": []}, name="redriven")
    ended = server.end(execution)
    worker.done()
    assert (ended["status"], ended["error"], ended["redriveStatus"]) == ("FAILED", "Broken", "REDRIVABLE")
    worker = Worker(server, activity, succeed)
    states.redrive_execution(executionArn=execution)
    answer_callback(server, execution)
    ended = server.end(execution)
    worker.done()
    assert (ended["status"], ended["redriveCount"]) == ("SUCCEEDED", 1), ended
    assert "ExecutionRedriven" in types(server.history(execution))


def test_a_stopped_execution_says_why(server, states, machine):
    execution = server.start(machine["stateMachineArn"], {"name": "eve", "items": []}, name="stopped")
    server.wait_for_event(execution, "ActivityScheduled")
    states.stop_execution(executionArn=execution, error="Enough", cause="no more")
    ended = server.end(execution)
    assert (ended["status"], ended["error"], ended["cause"]) == ("ABORTED", "Enough", "no more")
    pages = states.get_paginator("list_executions").paginate(
        stateMachineArn=machine["stateMachineArn"], statusFilter="ABORTED"
    )
    assert [each["name"] for page in pages for each in page["executions"]] == ["stopped"]


def test_a_state_is_tested_alone(states, role):
    state = json.dumps({"Type": "Pass", "Parameters": {"x.$": "$.a"}, "End": True})
    tested = states.test_state(definition=state, roleArn=role, input='{"a": 1}', inspectionLevel="DEBUG")
    assert (tested["status"], tested["output"]) == ("SUCCEEDED", '{"x":1}')
    assert tested["inspectionData"]["afterParameters"] == '{"x":1}'


def test_a_definition_is_validated(states):
    report = states.validate_state_machine_definition(definition='{"StartAt": "A", "States": {}}')
    assert report["result"] == "FAIL"
    assert report["diagnostics"][0]["severity"] == "ERROR"


def test_tags_are_kept_changed_and_taken_away(states, machine):
    arn = machine["stateMachineArn"]
    states.tag_resource(resourceArn=arn, tags=[{"key": "stage", "value": "test"}])
    states.untag_resource(resourceArn=arn, tagKeys=["team"])
    assert states.list_tags_for_resource(resourceArn=arn)["tags"] == [{"key": "stage", "value": "test"}]


def test_every_list_is_paged(states, machine, activity):
    names = [f"scenario-page-{number}" for number in range(5)]
    activities = [states.create_activity(name=name)["activityArn"] for name in names]
    pages = list(states.get_paginator("list_activities").paginate(PaginationConfig={"PageSize": 2}))
    assert all(len(page["activities"]) <= 2 for page in pages)
    listed = [each["activityArn"] for page in pages for each in page["activities"]]
    assert set(activities) | {activity} <= set(listed)
    assert len(listed) == len(set(listed))
    pages = states.get_paginator("list_state_machines").paginate(PaginationConfig={"PageSize": 1})
    assert machine["stateMachineArn"] in [each["stateMachineArn"] for page in pages for each in page["stateMachines"]]
    for each in activities:
        states.delete_activity(activityArn=each)


def test_an_express_execution_answers_in_the_call(server, states, role, function):
    arn = states.create_state_machine(
        name="scenario-express",
        type="EXPRESS",
        roleArn=role,
        definition=json.dumps(
            {
                "QueryLanguage": "JSONata",
                "StartAt": "Greet",
                "States": {
                    "Greet": {
                        "Type": "Task",
                        "Resource": "arn:aws:states:::lambda:invoke",
                        "Arguments": {"FunctionName": function, "Payload": {"name": "{% $states.input.name %}"}},
                        "Output": "{% $uppercase($states.result.Payload.greeting) %}",
                        "End": True,
                    }
                },
            }
        ),
    )["stateMachineArn"]
    ended = states.start_sync_execution(stateMachineArn=arn, input='{"name": "eve"}')
    assert (ended["status"], ended["output"]) == ("SUCCEEDED", '"HELLO EVE"')
    assert ended["billingDetails"]["billedDurationInMilliseconds"] >= 0
    states.delete_state_machine(stateMachineArn=arn)
