"""Every operation of the Step Functions model is served."""

import pytest
from botocore.exceptions import ClientError
from botocore.session import get_session

from harness import ACCOUNT, REGION, ROLE

OPERATIONS = get_session().get_service_model("stepfunctions").operation_names

DEFINITION = '{"StartAt": "P", "States": {"P": {"Type": "Pass", "End": true}}}'


def arn(kind, resource):
    return f"arn:aws:states:{REGION}:{ACCOUNT}:{kind}:{resource}"


# What a member is given where the model requires it: well formed, and of nothing that exists.
VALUES = {
    "activityArn": arn("activity", "none"),
    "definition": DEFINITION,
    "executionArn": arn("execution", "none:none"),
    "mapRunArn": arn("mapRun", "none/none:00000000-0000-0000-0000-000000000000"),
    "name": "served",
    "output": "{}",
    "resourceArn": arn("stateMachine", "none"),
    "roleArn": ROLE,
    "routingConfiguration": [{"stateMachineVersionArn": arn("stateMachine", "none:1"), "weight": 100}],
    "stateMachineAliasArn": arn("stateMachine", "none:live"),
    "stateMachineArn": arn("stateMachine", "none"),
    "stateMachineVersionArn": arn("stateMachine", "none:1"),
    "tagKeys": ["key"],
    "tags": [{"key": "key", "value": "value"}],
    "taskToken": "no token",
}

# Members that an operation needs though its model does not say so.
MORE = {"ListExecutions": ["stateMachineArn"], "TestState": ["roleArn"]}


def test_the_model_has_the_operations_that_we_know_of():
    assert len(OPERATIONS) == 37


@pytest.mark.parametrize("operation", OPERATIONS)
def test_no_operation_of_the_model_is_left_out(server, operation):
    model = server.states.meta.service_model.operation_model(operation)
    members = model.input_shape.required_members + MORE.get(operation, [])
    method = next(name for name, api in server.states.meta.method_to_api_mapping.items() if api == operation)
    try:
        answer = getattr(server.states, method)(**{member: VALUES[member] for member in members})
    except ClientError as error:
        answer = error.response
        assert answer["Error"]["Code"] in {shape.name for shape in model.error_shapes} | {"ValidationException"}, answer
    assert answer["ResponseMetadata"]["HTTPStatusCode"] in (200, 400), answer
