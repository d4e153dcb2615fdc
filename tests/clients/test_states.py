"""Step Functions over boto3."""

import json

import pytest
from botocore.exceptions import ClientError

from harness import ACCOUNT, REGION, ROLE, check_history, details, types

PASS = {"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}}
WAIT = {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 600, "End": True}}}
FAIL = {"StartAt": "F", "States": {"F": {"Type": "Fail", "Error": "Broken", "Cause": "on purpose"}}}

TOUR = {
    "StartAt": "Shape",
    "States": {
        "Shape": {"Type": "Pass", "Parameters": {"count.$": "$.count", "items": [1, 2, 3]}, "Next": "Large"},
        "Large": {
            "Type": "Choice",
            "Choices": [{"Variable": "$.count", "NumericGreaterThan": 10, "Next": "Pause"}],
            "Default": "Small",
        },
        "Pause": {"Type": "Wait", "Seconds": 1, "Next": "Both"},
        "Both": {
            "Type": "Parallel",
            "Branches": [
                {"StartAt": "Left", "States": {"Left": {"Type": "Pass", "Result": "left", "End": True}}},
                {"StartAt": "Right", "States": {"Right": {"Type": "Pass", "Result": "right", "End": True}}},
            ],
            "ResultPath": "$.sides",
            "Next": "Each",
        },
        "Each": {
            "Type": "Map",
            "ItemsPath": "$.items",
            "MaxConcurrency": 1,
            "ItemProcessor": {
                "ProcessorConfig": {"Mode": "INLINE"},
                "StartAt": "Item",
                "States": {"Item": {"Type": "Pass", "Parameters": {"item.$": "$"}, "End": True}},
            },
            "ResultPath": "$.mapped",
            "End": True,
        },
        "Small": {"Type": "Succeed"},
    },
}


@pytest.fixture(scope="module")
def tour(server):
    """An ended execution of a machine with every kind of flow."""
    machine = server.create_machine("tour", TOUR)
    execution = server.start(machine, {"count": 11})
    return server.end(execution)


def refused(call, code, **parameters):
    """The error of a call that must be refused with `code`."""
    with pytest.raises(ClientError) as caught:
        call(**parameters)
    error = caught.value.response
    assert error["Error"]["Code"] == code, error
    assert error["ResponseMetadata"]["HTTPStatusCode"] == 400, error
    return error["Error"]["Message"]


# State machines


def test_a_created_machine_is_described_as_it_was_sent_and_listed(server, name):
    text = json.dumps(TOUR, indent=1)
    arn = server.create_machine(name("m"), text)
    assert arn.startswith(f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:m-")
    described = server.states.describe_state_machine(stateMachineArn=arn)
    assert described["definition"] == text
    assert (described["status"], described["type"], described["roleArn"]) == ("ACTIVE", "STANDARD", ROLE)
    pages = server.states.get_paginator("list_state_machines").paginate(PaginationConfig={"PageSize": 2})
    listed = [machine for page in pages for machine in page["stateMachines"]]
    mine = [machine for machine in listed if machine["stateMachineArn"] == arn]
    assert len(mine) == 1
    assert mine[0]["creationDate"] == described["creationDate"]
    assert len({machine["stateMachineArn"] for machine in listed}) == len(listed)


def test_creating_the_same_machine_again_gives_the_same_machine(server, name):
    machine = name("m")
    arn = server.create_machine(machine, PASS)
    assert server.create_machine(machine, PASS) == arn
    message = refused(
        server.states.create_state_machine, "StateMachineAlreadyExists", name=machine, roleArn=ROLE, definition=json.dumps(FAIL)
    )
    assert message == f"State Machine Already Exists: '{arn}'"


def test_an_invalid_definition_is_refused_with_code_and_pointer(server, name):
    definition = {"StartAt": "A", "States": {"A": {"Type": "Pass", "End": True}, "B": {"Type": "Pass", "End": True}}}
    message = refused(
        server.states.create_state_machine, "InvalidDefinition", name=name("m"), roleArn=ROLE, definition=json.dumps(definition)
    )
    assert message.startswith("Invalid State Machine Definition: 'MISSING_TRANSITION_TARGET: ")
    assert message.endswith(" at /States/B'")


def test_a_definition_that_is_not_json_is_refused(server, name):
    message = refused(server.states.create_state_machine, "InvalidDefinition", name=name("m"), roleArn=ROLE, definition="{,}")
    assert message.startswith("Invalid State Machine Definition: 'INVALID_JSON_DESCRIPTION: ")


def test_an_update_changes_what_starts_next_and_not_what_runs(server, name):
    before = {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 2, "Next": "P"}, "P": PASS["States"]["P"] | {"Result": 1}}}
    after = {"StartAt": "P", "States": {"P": PASS["States"]["P"] | {"Result": 2}}}
    arn = server.create_machine(name("m"), before)
    running = server.start(arn)
    server.wait_for_event(running, "WaitStateEntered")
    updated = server.states.update_state_machine(stateMachineArn=arn, definition=json.dumps(after))
    assert updated["revisionId"]
    assert server.run(arn)[0]["output"] == "2"
    assert server.end(running)["output"] == "1"


def test_a_deleted_machine_is_gone_and_its_running_execution_is_not(server, name):
    arn = server.create_machine(
        name("m"), {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 1, "End": True}}}
    )
    execution = server.start(arn)
    server.states.delete_state_machine(stateMachineArn=arn)
    # AWS: a machine is DELETING while an execution of it runs, and then it does not exist.
    with pytest.raises(ClientError) as caught:
        server.start(arn)
    assert caught.value.response["Error"]["Code"] in ("StateMachineDeleting", "StateMachineDoesNotExist")
    assert server.end(execution)["status"] == "SUCCEEDED"
    pages = server.states.get_paginator("list_state_machines").paginate()
    assert arn not in [machine["stateMachineArn"] for page in pages for machine in page["stateMachines"]]
    # AWS: deleting what does not exist succeeds.
    server.states.delete_state_machine(stateMachineArn=arn)


def test_what_does_not_exist_is_named_in_the_error(server):
    machine = f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:absent"
    execution = f"arn:aws:states:{REGION}:{ACCOUNT}:execution:absent:x"
    message = f"State Machine Does Not Exist: '{machine}'"
    for call in (server.states.start_execution, server.states.describe_state_machine):
        assert refused(call, "StateMachineDoesNotExist", stateMachineArn=machine) == message
    message = f"Execution Does Not Exist: '{execution}'"
    for call in (server.states.describe_execution, server.states.stop_execution, server.states.get_execution_history):
        assert refused(call, "ExecutionDoesNotExist", executionArn=execution) == message
    message = refused(server.states.describe_execution, "InvalidArn", executionArn="execution")
    assert message == "Invalid Arn: 'Invalid ARN prefix: execution'"


# Executions


def test_every_flow_state_runs_to_the_expected_output(tour):
    assert tour["status"] == "SUCCEEDED"
    assert json.loads(tour["output"]) == {
        "count": 11,
        "items": [1, 2, 3],
        "sides": ["left", "right"],
        "mapped": [{"item": 1}, {"item": 2}, {"item": 3}],
    }
    assert (tour["stopDate"] - tour["startDate"]).total_seconds() >= 1, "the Wait state waits"


def test_the_whole_history_is_read_through_the_paginator(server, tour):
    pages = list(
        server.states.get_paginator("get_execution_history").paginate(
            executionArn=tour["executionArn"], PaginationConfig={"PageSize": 7}
        )
    )
    assert [len(page["events"]) for page in pages[:-1]] == [7] * (len(pages) - 1)
    history = [event for page in pages for event in page["events"]]
    check_history(history)
    assert history == server.history(tour["executionArn"])
    assert json.loads(details(history[0])["input"]) == {"count": 11}
    assert details(history[-1])["output"] == tour["output"]


def test_the_history_has_the_events_of_aws_in_its_order(server, tour):
    history = server.history(tour["executionArn"])
    branches = ["PassStateEntered", "PassStateExited"] * 2
    assert types(history)[:7] == [
        "ExecutionStarted", "PassStateEntered", "PassStateExited", "ChoiceStateEntered", "ChoiceStateExited",
        "WaitStateEntered", "WaitStateExited",
    ]  # fmt: skip
    assert types(history)[7:9] == ["ParallelStateEntered", "ParallelStateStarted"]
    assert sorted(types(history)[9:13]) == sorted(branches)
    iteration = ["MapIterationStarted", "PassStateEntered", "PassStateExited", "MapIterationSucceeded"]
    assert types(history)[13:] == [
        "ParallelStateSucceeded", "ParallelStateExited", "MapStateEntered", "MapStateStarted",
        *iteration * 3,
        "MapStateSucceeded", "MapStateExited", "ExecutionSucceeded",
    ]  # fmt: skip
    # AWS: Succeeded and Exited of a Parallel or a Map share their predecessor.
    by_type = {event["type"]: event for event in history}
    for kind in ("Parallel", "Map"):
        succeeded, exited = by_type[f"{kind}StateSucceeded"], by_type[f"{kind}StateExited"]
        assert succeeded["previousEventId"] == exited["previousEventId"]


def test_reverse_order_is_the_same_history_backwards(server, tour):
    forward = server.history(tour["executionArn"])
    assert server.history(tour["executionArn"], reverseOrder=True, maxResults=5) == forward[::-1]
    last = server.states.get_execution_history(executionArn=tour["executionArn"], reverseOrder=True, maxResults=1)
    assert [event["type"] for event in last["events"]] == ["ExecutionSucceeded"]
    assert last["nextToken"]


def test_a_history_without_execution_data_has_the_events_and_not_the_data(server, tour):
    with_data = server.history(tour["executionArn"])
    without = server.history(tour["executionArn"], includeExecutionData=False)
    assert types(without) == types(with_data)
    assert not any({"input", "output"} & details(event).keys() for event in without)


def test_a_page_token_of_nobody_is_refused(server, tour):
    refused(server.states.get_execution_history, "InvalidToken", executionArn=tour["executionArn"], nextToken="nonsense")


def test_the_executions_of_a_machine_are_listed_newest_first_and_by_status(server, name):
    arn = server.create_machine(name("m"), PASS)
    started = [server.start(arn, name=f"e-{number}") for number in range(5)]
    for execution in started:
        server.end(execution)
    pages = server.states.get_paginator("list_executions").paginate(stateMachineArn=arn, PaginationConfig={"PageSize": 2})
    listed = [execution for page in pages for execution in page["executions"]]
    assert sorted(execution["executionArn"] for execution in listed) == sorted(started)
    dates = [execution["startDate"] for execution in listed]
    assert dates == sorted(dates, reverse=True)
    assert not server.states.list_executions(stateMachineArn=arn, statusFilter="RUNNING")["executions"]
    assert len(server.states.list_executions(stateMachineArn=arn, statusFilter="SUCCEEDED")["executions"]) == 5


def test_starting_again_with_name_and_input_while_running_gives_the_same_execution(server, name):
    arn = server.create_machine(name("m"), WAIT)
    first = server.states.start_execution(stateMachineArn=arn, name="once", input='{"a":1}')
    again = server.states.start_execution(stateMachineArn=arn, name="once", input='{"a":1}')
    assert (again["executionArn"], again["startDate"]) == (first["executionArn"], first["startDate"])
    message = refused(server.states.start_execution, "ExecutionAlreadyExists", stateMachineArn=arn, name="once", input='{"a":2}')
    assert message == f"Execution Already Exists: '{first['executionArn']}'"
    server.states.stop_execution(executionArn=first["executionArn"])
    refused(server.states.start_execution, "ExecutionAlreadyExists", stateMachineArn=arn, name="once", input='{"a":1}')
    assert len(server.states.list_executions(stateMachineArn=arn)["executions"]) == 1


def test_an_input_that_is_not_json_is_refused(server, name):
    arn = server.create_machine(name("m"), PASS)
    refused(server.states.start_execution, "InvalidExecutionInput", stateMachineArn=arn, input="{")
    assert not server.states.list_executions(stateMachineArn=arn)["executions"]


def test_an_input_over_256_kib_is_refused(server, name):
    arn = server.create_machine(name("m"), PASS)
    largest = json.dumps("x" * (262_144 - 2))
    assert server.run(arn, "x" * (262_144 - 2))[0]["output"] == largest
    refused(server.states.start_execution, "ValidationException", stateMachineArn=arn, input=largest + " ")


def test_a_stopped_execution_is_aborted_with_its_error(server, name):
    arn = server.create_machine(name("m"), WAIT)
    execution = server.start(arn)
    server.wait_for_event(execution, "WaitStateEntered")
    stopped = server.states.stop_execution(executionArn=execution, error="Operator", cause="had enough")
    description = server.end(execution)
    assert (description["status"], description["error"], description["cause"]) == ("ABORTED", "Operator", "had enough")
    assert description["stopDate"] == stopped["stopDate"]
    history = server.history(execution)
    check_history(history)
    assert types(history) == ["ExecutionStarted", "WaitStateEntered", "ExecutionAborted"]
    assert history[-1]["previousEventId"] == 0
    assert details(history[-1]) == {"error": "Operator", "cause": "had enough"}


def test_a_machine_that_takes_too_long_is_timed_out(server, name):
    arn = server.create_machine(name("m"), WAIT | {"TimeoutSeconds": 1})
    description, history = server.run(arn)
    assert description["status"] == "TIMED_OUT"
    assert (description["stopDate"] - description["startDate"]).total_seconds() == 1
    check_history(history)
    assert details(history[-1])["error"] == "States.Timeout"


# Express


def test_a_synchronous_express_execution_answers_with_its_output_and_its_bill(server, name):
    arn = server.create_machine(name("x"), {"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}}, "EXPRESS")
    reply = server.states.start_sync_execution(stateMachineArn=arn, name="same", input='{"a":1}')
    assert (reply["status"], reply["output"], reply["input"]) == ("SUCCEEDED", '{"a":1}', '{"a":1}')
    assert reply["billingDetails"]["billedDurationInMilliseconds"] % 100 == 0
    assert reply["billingDetails"]["billedMemoryUsedInMB"] % 64 == 0
    assert reply["startDate"] <= reply["stopDate"]
    assert ":express:" in reply["executionArn"]
    again = server.states.start_sync_execution(stateMachineArn=arn, name="same", input='{"a":1}')
    assert again["executionArn"] != reply["executionArn"], "Express is not idempotent"


def test_a_failing_synchronous_execution_is_an_answer_not_an_http_error(server, name):
    arn = server.create_machine(name("x"), FAIL, "EXPRESS")
    reply = server.states.start_sync_execution(stateMachineArn=arn)
    assert reply["ResponseMetadata"]["HTTPStatusCode"] == 200
    assert (reply["status"], reply["error"], reply["cause"]) == ("FAILED", "Broken", "on purpose")
    assert "output" not in reply


def test_a_standard_machine_does_not_run_synchronously(server, name):
    arn = server.create_machine(name("m"), PASS)
    message = refused(server.states.start_sync_execution, "StateMachineTypeNotSupported", stateMachineArn=arn)
    assert message == "This operation is not supported by this type of state machine"


def test_the_sync_host_prefix_that_clients_prepend_is_accepted(server, name):
    arn = server.create_machine(name("x"), PASS, "EXPRESS")
    status, answer = server.call("StartSyncExecution", json.dumps({"stateMachineArn": arn}), {"Host": "sync-localhost"})
    assert (status, answer["status"]) == (200, "SUCCEEDED")


# Bad requests


def test_what_is_not_built_says_so_by_name(server):
    with pytest.raises(ClientError) as caught:
        server.functions.list_event_source_mappings(FunctionName="a")
    error = caught.value.response
    assert error["ResponseMetadata"]["HTTPStatusCode"] == 501
    assert error["Error"]["Code"] == "NotImplemented"
    assert "ListEventSourceMappings" in error["Error"]["Message"]


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"text"', b'{"name": 7}', b"\xff\xfe", b"[" * 100_000])
def test_a_body_that_is_not_the_request_is_refused(server, body):
    status, answer = server.call("CreateStateMachine", body)
    assert status == 400
    assert answer["__type"].split("#")[-1] in ("SerializationException", "ValidationException")
    assert "message" in answer or "Message" in answer


def test_a_missing_member_is_a_validation_error(server):
    status, answer = server.call("DescribeExecution", b"{}")
    assert status == 400
    assert answer["__type"] == "com.amazon.coral.validate#ValidationException"
    assert "executionArn" in answer["message"]


def test_a_target_that_nobody_has_is_an_unknown_operation(server):
    status, answer = server.call("Nothing", b"{}")
    assert status == 400
    assert answer["__type"].split("#")[-1] == "UnknownOperationException"


def test_a_target_of_no_service_is_an_unknown_operation(server):
    status, _, answer = server.http("POST", "/", b"{}", {"X-Amz-Target": "nonsense"})
    assert status == 400
    assert json.loads(answer)["__type"].split("#")[-1] == "UnknownOperationException"


def test_a_service_that_is_not_built_says_so(server):
    headers = {"X-Amz-Target": "DynamoDB_20120810.PutItem", "Content-Type": "application/x-amz-json-1.0"}
    status, _, answer = server.http("POST", "/", b"{}", headers)
    assert status == 400
    message = json.loads(answer)["message"]
    assert "PutItem" in message
    assert '[endpoints] dynamodb = ' in message


def test_an_oversize_body_is_refused_and_the_server_goes_on(server, name):
    body = json.dumps({"stateMachineArn": "x" * (9 << 20)}).encode()
    try:
        status, answer = server.call("StartExecution", body)
        assert (status, answer["__type"]) == (413, "RequestEntityTooLargeException")
    except (BrokenPipeError, ConnectionResetError):
        pass  # The server may hang up on a client that goes on sending.
    arn = server.create_machine(name("m"), PASS)
    assert server.run(arn)[0]["status"] == "SUCCEEDED"


def test_a_path_that_is_not_served_is_an_error(server):
    status, _, answer = server.http("GET", "/2015-03-31/nothing-of-the-kind")
    assert status == 404
    assert "/2015-03-31/nothing-of-the-kind" in json.loads(answer)["message"]


def test_the_form_of_the_arn_is_looked_at_before_the_constraints(server):
    _, answer = server.call("StartExecution", json.dumps({"stateMachineArn": "nobody", "name": "x" * 81}).encode())
    assert answer["message"] == "Invalid Arn: 'Invalid ARN prefix: nobody'"
    _, answer = server.call("StartExecution", json.dumps({"name": "x" * 81}).encode())
    assert answer["message"].startswith("2 validation errors detected: ")
