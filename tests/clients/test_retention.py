"""Ended executions are kept as long as the server or their state machine says."""

import pytest
from botocore.exceptions import ClientError
from harness import ACCOUNT, REGION, ROLE, Server, wait_until

PASS = '{"StartAt": "P", "States": {"P": {"Type": "Pass", "End": true}}}'
MAP = """{"StartAt": "M", "States": {"M": {"Type": "Map", "Label": "l", "ItemsPath": "$.items", "End": true,
    "ItemProcessor": {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
    "StartAt": "P", "States": {"P": {"Type": "Pass", "End": true}}}}}}"""


def started(states, machine, name, text="{}"):
    arn = f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:{machine}"
    return states.start_execution(stateMachineArn=arn, name=name, input=text)["executionArn"]


def is_gone(states, execution):
    try:
        states.describe_execution(executionArn=execution)
    except ClientError as error:
        assert error.response["Error"]["Code"] == "ExecutionDoesNotExist"
        return True
    return False


def test_executions_go_after_their_time_and_their_names_are_free(tmp_path):
    with Server(tmp_path / "data", "--retention", "1h") as server:
        states = server.states
        for machine, definition, period in [("short", MAP, "2s"), ("long", PASS, None), ("never", PASS, "never")]:
            tags = [{"key": "stepwell:retention", "value": period}] if period else []
            states.create_state_machine(name=machine, definition=definition, roleArn=ROLE, tags=tags)
        short = started(states, "short", "e", '{"items": [1, 2, 3]}')
        run = wait_until(lambda: states.list_map_runs(executionArn=short)["mapRuns"], "a map run")[0]["mapRunArn"]
        kept = [started(states, machine, "e") for machine in ("long", "never")]
        wait_until(lambda: is_gone(states, short), "the end of its retention")
        with pytest.raises(ClientError, match="ResourceNotFound"):
            states.describe_map_run(mapRunArn=run)
        with pytest.raises(ClientError, match="ExecutionDoesNotExist"):
            states.get_execution_history(executionArn=short)
        listed = states.list_executions(stateMachineArn=f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:short")
        assert listed["executions"] == []
        # With another input, the name of an execution that is there would be refused.
        assert started(states, "short", "e", '{"items": [4]}') == short
        for execution in kept:
            assert not is_gone(states, execution)
        # A time that was no time is refused with the rule.
        with pytest.raises(ClientError, match="a whole number with its unit.*not 'soon'"):
            states.tag_resource(
                resourceArn=f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:long",
                tags=[{"key": "stepwell:retention", "value": "soon"}],
            )
        wait_until(lambda: is_gone(states, short), "the end of its retention")


def test_the_settings_say_how_long_executions_are_kept(tmp_path):
    settings = tmp_path / "stepwell.toml"
    settings.write_text('[retention]\nexecutions = "1s"\n')
    with Server(tmp_path / "data", "--config", settings) as server:
        states = server.states
        states.create_state_machine(name="m", definition=PASS, roleArn=ROLE)
        execution = started(states, "m", "e")
        wait_until(lambda: is_gone(states, execution), "the end of its retention")
