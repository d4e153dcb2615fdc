"""boto3 against the server."""

import json

import pytest
from botocore.exceptions import ClientError

ROLE = "arn:aws:iam::123456789012:role/states"
DEFINITION = json.dumps(
    {"StartAt": "Greet", "States": {"Greet": {"Type": "Pass", "Result": "hello", "End": True}}}
)


def test_a_created_machine_is_listed_and_gone_when_deleted(states):
    arn = states.create_state_machine(name="boto3-listed", definition=DEFINITION, roleArn=ROLE)[
        "stateMachineArn"
    ]
    assert arn.endswith(":stateMachine:boto3-listed")
    listed = [machine["stateMachineArn"] for machine in states.list_state_machines()["stateMachines"]]
    assert arn in listed
    states.delete_state_machine(stateMachineArn=arn)
    listed = [machine["stateMachineArn"] for machine in states.list_state_machines()["stateMachines"]]
    assert arn not in listed


def test_a_broken_constraint_is_answered_in_the_words_of_aws(server):
    states = server.client("stepfunctions", parameter_validation=False)
    with pytest.raises(ClientError) as caught:
        states.list_state_machines(maxResults=1001)
    error = caught.value.response
    assert error["Error"]["Code"] == "ValidationException"
    assert error["Error"]["Message"] == (
        "1 validation error detected: Value '1001' at 'maxResults' failed to satisfy constraint: "
        "Member must have value less than or equal to 1000"
    )
    assert error["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert error["ResponseMetadata"]["RequestId"]


def test_a_missing_function_is_named(functions):
    with pytest.raises(ClientError) as caught:
        functions.get_function(FunctionName="boto3-missing")
    error = caught.value.response
    assert error["Error"]["Code"] == "ResourceNotFoundException"
    assert "boto3-missing" in error["Error"]["Message"]
    assert error["ResponseMetadata"]["HTTPStatusCode"] == 404
