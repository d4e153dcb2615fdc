"""RedriveExecution as boto3 sees it."""

import pytest
from botocore.exceptions import ClientError

from harness import check_history, types

# Fails until it finds the file it is told of.
WAITS_FOR_FILE = """
import { existsSync } from 'node:fs';
export const handler = async ({ file }) => {
  if (!existsSync(file)) throw new Error('not there');
  return 'there';
};
"""


def test_a_redrive_runs_only_what_failed(server, name, tmp_path):
    function, file = name("looks"), tmp_path / "file"
    arn = server.create_function(function, WAITS_FOR_FILE)

    def branch(state, kind):
        return {"StartAt": state, "States": {state: kind | {"End": True}}}

    definition = {
        "StartAt": "P",
        "States": {
            "P": {"Type": "Parallel", "End": True, "Branches": [branch("A", {"Type": "Pass"}), branch("B", {"Type": "Task", "Resource": arn})]}
        },
    }
    execution = server.start(server.create_machine(name("redriven"), definition), {"file": str(file)})
    failed = server.end(execution)
    assert (failed["status"], failed["redriveStatus"], failed["redriveCount"]) == ("FAILED", "REDRIVABLE", 0)
    file.touch()
    redriven = server.states.redrive_execution(executionArn=execution, clientToken="once")
    assert server.states.redrive_execution(executionArn=execution, clientToken="once")["redriveDate"] == redriven["redriveDate"]
    ended = server.end(execution)
    assert (ended["status"], ended["redriveCount"], ended["redriveDate"]) == ("SUCCEEDED", 1, redriven["redriveDate"])
    history = server.history(execution)
    check_history(history)
    assert types(history).count("PassStateEntered") == 1
    assert types(history).count("LambdaFunctionScheduled") == 2
    with pytest.raises(ClientError) as caught:
        server.states.redrive_execution(executionArn=execution)
    assert caught.value.response["Error"]["Code"] == "ExecutionNotRedrivable"
