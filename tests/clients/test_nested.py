"""Tasks that call Step Functions itself."""

import json

from harness import check_history, details, types

PASS = {"StartAt": "P", "States": {"P": {"Type": "Pass", "Parameters": {"seen.$": "$"}, "End": True}}}


def task(resource, parameters, **more):
    state = {"Type": "Task", "Resource": f"arn:aws:states:::{resource}", "Parameters": parameters, "End": True}
    return {"StartAt": "T", "States": {"T": state | more}}


def test_a_parent_gets_the_output_of_its_child(server, name):
    child = server.create_machine(name("child"), PASS)
    parameters = {"StateMachineArn": child, "Input": {"a.$": "$.a", "AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID.$": "$$.Execution.Id"}}
    parent = server.create_machine(name("parent"), task("states:startExecution.sync:2", parameters))
    ended, history = server.run(parent, {"a": 1})
    assert ended["status"] == "SUCCEEDED"
    result = json.loads(ended["output"])
    assert result["Output"]["seen"]["a"] == 1
    assert result["Input"]["AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID"] == ended["executionArn"]
    check_history(history)
    assert types(history)[3:6] == ["TaskStarted", "TaskSubmitted", "TaskSucceeded"]
    submitted = json.loads(details(history[4])["output"])
    assert submitted["SdkHttpMetadata"]["HttpStatusCode"] == 200
    assert submitted["ExecutionArn"] == result["ExecutionArn"]


def test_a_synchronous_express_execution_and_a_read(server, name):
    express = server.create_machine(name("express"), PASS, kind="EXPRESS")
    sync = server.create_machine(name("sync"), task("aws-sdk:sfn:startSyncExecution", {"StateMachineArn": express, "Input": {"b": 2}}))
    ended, _ = server.run(sync)
    result = json.loads(ended["output"])
    assert (result["Status"], json.loads(result["Output"])) == ("SUCCEEDED", {"seen": {"b": 2}})
    assert result["StartDate"].endswith("Z")
    lists = server.create_machine(name("lists"), task("aws-sdk:sfn:listExecutions", {"StateMachineArn": sync, "MaxResults": 5}))
    ended, _ = server.run(lists)
    assert [execution["Status"] for execution in json.loads(ended["output"])["Executions"]] == ["SUCCEEDED"]


def test_an_error_of_the_service_can_be_caught_by_its_name(server, name):
    caught = {"Catch": [{"ErrorEquals": ["Sfn.ExecutionDoesNotExistException"], "Next": "C"}]}
    definition = task("aws-sdk:sfn:describeExecution", {"ExecutionArn.$": "States.Format('{}x', $$.Execution.Id)"}, **caught)
    definition["States"]["C"] = {"Type": "Pass", "End": True}
    ended, history = server.run(server.create_machine(name("catches"), definition))
    assert ended["status"] == "SUCCEEDED", ended
    assert "(Service: Sfn, Status Code: 400, Request ID: " in json.loads(ended["output"])["Cause"]
    check_history(history)


def test_the_sdk_integration_gives_what_lambda_replies(server, name):
    function = name("echo")
    server.create_function(function, "export const handler = async (event) => { if (event.bad) throw new Error('bad'); return event; };")
    machine = server.create_machine(
        name("invokes"), task("aws-sdk:lambda:invoke", {"FunctionName": function, "Payload": {"bad.$": "$.bad"}})
    )
    good, _ = server.run(machine, {"bad": False})
    assert json.loads(good["output"]) == {"ExecutedVersion": "$LATEST", "Payload": '{"bad":false}', "StatusCode": 200}
    bad, _ = server.run(machine, {"bad": True})
    assert json.loads(bad["output"])["FunctionError"] == "Unhandled", "the SDK does not fail when the function does"
    missing, _ = server.run(server.create_machine(name("misses"), task("aws-sdk:lambda:invoke", {"FunctionName": "nobody"})))
    assert missing["error"] == "Lambda.ResourceNotFoundException"
    assert "(Service: Lambda, Status Code: 404, Request ID: " in missing["cause"]


def test_a_task_may_be_the_worker_of_an_activity(server, name):
    activity = server.states.create_activity(name=name("activity"))["activityArn"]
    waits = {"StartAt": "A", "States": {"A": {"Type": "Task", "Resource": activity, "End": True}}}
    execution = server.start(server.create_machine(name("waits"), waits), {"c": 3})
    works = task("aws-sdk:sfn:getActivityTask", {"ActivityArn": activity}, Next="S")
    del works["States"]["T"]["End"]
    parameters = {"TaskToken.$": "$.TaskToken", "Output.$": "$.Input"}
    works["States"]["S"] = {"Type": "Task", "Resource": "arn:aws:states:::aws-sdk:sfn:sendTaskSuccess", "Parameters": parameters, "End": True}
    ended, _ = server.run(server.create_machine(name("works"), works))
    assert ended["status"] == "SUCCEEDED", ended
    assert json.loads(server.end(execution)["output"]) == {"c": 3}
