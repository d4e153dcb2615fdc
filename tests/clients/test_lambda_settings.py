"""What stands beside a function's code, over boto3: permissions, concurrency, tags, and what AWS stores."""

import json
import re
import threading
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from harness import ACCOUNT, REGION, ROLE, RUNTIME, Server, package, wait_until

ECHO = "export const handler = async (event) => event;"
BEGINS = """
import { writeFileSync } from "node:fs";
writeFileSync(process.env.BEGUN, "");
export const handler = async () => "warm";
"""
WAITS = """
import { existsSync, writeFileSync } from "node:fs";
export const handler = async ({ begun, go }) => {
  writeFileSync(begun, "");
  while (!existsSync(go)) await new Promise((done) => setTimeout(done, 10));
  return "done";
};
"""


def created(server, name, source=ECHO, **more):
    function = name("f")
    return function, server.functions.create_function(
        FunctionName=function,
        Runtime=RUNTIME,
        Role=ROLE,
        Handler="index.handler",
        Code={"ZipFile": package({"index.mjs": source})},
        **more,
    )


def refused(call, **parameters):
    with pytest.raises(ClientError) as caught:
        call(**parameters)
    return caught.value.response


def code(call, **parameters):
    return refused(call, **parameters)["Error"]["Code"]


def test_permissions_make_the_policy_of_a_function(server, name):
    function, shown = created(server, name)
    lambdas = server.functions
    assert code(lambdas.get_policy, FunctionName=function) == "ResourceNotFoundException"
    permission = {
        "FunctionName": function,
        "StatementId": "bucket",
        "Action": "lambda:InvokeFunction",
        "Principal": "s3.amazonaws.com",
        "SourceArn": "arn:aws:s3:::bucket",
        "SourceAccount": ACCOUNT,
    }
    statement = json.loads(lambdas.add_permission(**permission)["Statement"])
    assert statement == {
        "Sid": "bucket",
        "Effect": "Allow",
        "Principal": {"Service": "s3.amazonaws.com"},
        "Action": "lambda:InvokeFunction",
        "Resource": shown["FunctionArn"],
        "Condition": {
            "StringEquals": {"AWS:SourceAccount": ACCOUNT},
            "ArnLike": {"AWS:SourceArn": "arn:aws:s3:::bucket"},
        },
    }
    assert code(lambdas.add_permission, **permission) == "ResourceConflictException"
    policy = lambdas.get_policy(FunctionName=function)
    assert json.loads(policy["Policy"]) == {"Version": "2012-10-17", "Id": "default", "Statement": [statement]}
    stale = permission | {"StatementId": "other", "RevisionId": "0" * 36}
    assert code(lambdas.add_permission, **stale) == "PreconditionFailedException"
    lambdas.remove_permission(FunctionName=function, StatementId="bucket", RevisionId=policy["RevisionId"])
    again = code(lambdas.remove_permission, FunctionName=function, StatementId="bucket")
    assert again == "ResourceNotFoundException"


def test_reserved_concurrency_throttles_what_goes_beyond_it(server, name, tmp_path):
    function, _ = created(server, name, WAITS, Timeout=60)
    lambdas = server.functions
    assert "ReservedConcurrentExecutions" not in lambdas.get_function_concurrency(FunctionName=function)
    lambdas.put_function_concurrency(FunctionName=function, ReservedConcurrentExecutions=1)
    begun, go = tmp_path / "begun", tmp_path / "go"
    event = json.dumps({"begun": str(begun), "go": str(go)})
    answers = []
    first = threading.Thread(
        target=lambda: answers.append(lambdas.invoke(FunctionName=function, Payload=event)["Payload"].read())
    )
    first.start()
    try:
        wait_until(begun.exists, "the first invocation")
        error = refused(lambdas.invoke, FunctionName=function, Payload=event)
        assert error["Error"]["Code"] == "TooManyRequestsException"
        assert error["ResponseMetadata"]["HTTPStatusCode"] == 429
        assert error["Reason"] == "ReservedFunctionConcurrentInvocationLimitExceeded"
    finally:
        go.touch()
        first.join()
    assert answers == [b'"done"']
    lambdas.put_function_concurrency(FunctionName=function, ReservedConcurrentExecutions=0)
    assert lambdas.get_function(FunctionName=function)["Concurrency"] == {"ReservedConcurrentExecutions": 0}
    assert code(lambdas.invoke, FunctionName=function, Payload=event) == "TooManyRequestsException"
    too_many = code(lambdas.put_function_concurrency, FunctionName=function, ReservedConcurrentExecutions=901)
    assert too_many == "InvalidParameterValueException"
    limits = lambdas.get_account_settings()["AccountLimit"]
    assert limits["ConcurrentExecutions"] == 1000
    lambdas.delete_function_concurrency(FunctionName=function)
    assert json.loads(lambdas.invoke(FunctionName=function, Payload=event)["Payload"].read()) == "done"


def test_provisioned_concurrency_starts_a_function_ahead_and_again_after_a_restart(tmp_path):
    begun = tmp_path / "begun"
    environment = {"Variables": {"BEGUN": str(begun)}}
    with Server(tmp_path / "data") as server:
        function, _ = created(server, lambda name: name, BEGINS, Publish=True, Environment=environment)
        check_provisioned(server, function, begun)
        begun.unlink()
        server.stop()
        server.start_process()
        wait_until(begun.exists, "an environment that the last server was told to keep")
        lambdas = server.functions
        begun.unlink()
        # $LATEST is another revision: what was provisioned for the version runs on.
        lambdas.update_function_configuration(FunctionName=function, Timeout=9)
        assert server.invoke(f"{function}:1")["Payload"] == "warm"
        assert not begun.exists()
        lambdas.delete_provisioned_concurrency_config(FunctionName=function, Qualifier="1")
        listed = lambdas.list_provisioned_concurrency_configs(FunctionName=function)
        assert listed["ProvisionedConcurrencyConfigs"] == []


def check_provisioned(server, function, begun):
    lambdas = server.functions
    missing = code(lambdas.get_provisioned_concurrency_config, FunctionName=function, Qualifier="1")
    assert missing == "ProvisionedConcurrencyConfigNotFoundException"
    put = lambdas.put_provisioned_concurrency_config(
        FunctionName=function, Qualifier="1", ProvisionedConcurrentExecutions=1
    )
    assert (put["ResponseMetadata"]["HTTPStatusCode"], put["Status"]) == (202, "READY")
    shown = lambdas.get_provisioned_concurrency_config(FunctionName=function, Qualifier="1")
    assert (shown["Status"], shown["AvailableProvisionedConcurrentExecutions"]) == ("READY", 1)
    listed = lambdas.list_provisioned_concurrency_configs(FunctionName=function)
    assert [item["FunctionArn"][-2:] for item in listed["ProvisionedConcurrencyConfigs"]] == [":1"]
    wait_until(begun.exists, "an environment without an invocation")
    latest = code(
        lambdas.put_provisioned_concurrency_config,
        FunctionName=function,
        Qualifier="$LATEST",
        ProvisionedConcurrentExecutions=1,
    )
    assert latest == "InvalidParameterValueException"


def test_tags_are_added_and_taken_away(server, name):
    function, shown = created(server, name, Tags={"team": "pay"})
    lambdas, arn = server.functions, shown["FunctionArn"]
    lambdas.tag_resource(Resource=arn, Tags={"stage": "test", "team": "ship"})
    assert lambdas.list_tags(Resource=arn)["Tags"] == {"stage": "test", "team": "ship"}
    lambdas.untag_resource(Resource=arn, TagKeys=["team"])
    assert lambdas.get_function(FunctionName=function)["Tags"] == {"stage": "test"}
    assert code(lambdas.list_tags, Resource=f"{arn}:1") == "InvalidParameterValueException"


def test_a_configuration_is_shown_as_it_was_given(server, name):
    given = {
        "DeadLetterConfig": {"TargetArn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:dead"},
        "KMSKeyArn": f"arn:aws:kms:{REGION}:{ACCOUNT}:key/00000000-0000-0000-0000-000000000000",
        "EphemeralStorage": {"Size": 1024},
        "TracingConfig": {"Mode": "Active"},
        "Architectures": ["arm64"],
        "Description": "kept",
    }
    function, shown = created(
        server,
        name,
        LoggingConfig={"LogFormat": "JSON", "ApplicationLogLevel": "WARN"},
        VpcConfig={"SubnetIds": ["subnet-1"], "SecurityGroupIds": ["sg-1"]},
        SnapStart={"ApplyOn": "PublishedVersions"},
        **given,
    )
    assert {key: shown[key] for key in given} == given
    assert shown["LoggingConfig"] == {
        "LogFormat": "JSON",
        "ApplicationLogLevel": "WARN",
        "SystemLogLevel": "INFO",
        "LogGroup": f"/aws/lambda/{function}",
    }
    assert (shown["VpcConfig"]["SubnetIds"], shown["VpcConfig"]["SecurityGroupIds"]) == (["subnet-1"], ["sg-1"])
    assert shown["SnapStart"] == {"ApplyOn": "PublishedVersions", "OptimizationStatus": "Off"}
    lambdas = server.functions
    lambdas.get_waiter("function_exists").wait(FunctionName=function, WaiterConfig={"Delay": 1, "MaxAttempts": 2})
    read = lambdas.get_function_configuration(FunctionName=function)
    del read["ResponseMetadata"], shown["ResponseMetadata"]
    assert read == shown
    lambdas.put_function_recursion_config(FunctionName=function, RecursiveLoop="Allow")
    assert lambdas.get_function_recursion_config(FunctionName=function)["RecursiveLoop"] == "Allow"
    lambdas.put_runtime_management_config(FunctionName=function, UpdateRuntimeOn="FunctionUpdate")
    assert lambdas.get_runtime_management_config(FunctionName=function)["UpdateRuntimeOn"] == "FunctionUpdate"
    signing = lambdas.get_function_code_signing_config(FunctionName=function)
    assert (signing["FunctionName"], signing.get("CodeSigningConfigArn", "")) == (function, "")


def test_a_function_logs_to_the_group_that_it_names(server, name):
    group = name("shared")
    source = 'export const handler = async () => { console.log("said aloud"); return process.env.AWS_LAMBDA_LOG_GROUP_NAME; };'
    function, shown = created(server, name, source, LoggingConfig={"LogGroup": group})
    assert shown["LoggingConfig"] == {"LogFormat": "Text", "LogGroup": group}
    assert server.invoke(function)["Payload"] == group
    logs = server.client("logs")
    events = logs.filter_log_events(logGroupName=group, filterPattern="aloud")["events"]
    assert len(events) == 1
    assert f"/{function}[$LATEST]" in events[0]["logStreamName"]
    own = logs.describe_log_groups(logGroupNamePrefix=f"/aws/lambda/{function}")["logGroups"]
    assert own == [], "nothing is in the group of its own name"


def test_code_from_s3_and_event_sources_are_refused_by_name(server, name):
    lambdas = server.functions
    from_s3 = refused(
        lambdas.create_function,
        FunctionName=name("f"),
        Runtime=RUNTIME,
        Role=ROLE,
        Handler="index.handler",
        Code={"S3Bucket": "bucket", "S3Key": "key"},
    )["Error"]
    assert (from_s3["Code"], "S3" in from_s3["Message"]) == ("NotImplemented", True)
    queue = f"arn:aws:sqs:{REGION}:{ACCOUNT}:queue"
    mapping = refused(lambdas.create_event_source_mapping, EventSourceArn=queue, FunctionName=name("f"))["Error"]
    assert (mapping["Code"], "CreateEventSourceMapping" in mapping["Message"]) == ("NotImplemented", True)


def test_every_operation_does_what_the_page_says(server):
    root = Path(__file__).parents[2]
    page = (root / "docs" / "lambda.md").read_text()
    said = dict(re.findall(r"^\| (\w+) \| (built|stored|not implemented) \|", page, re.MULTILINE))
    operations = json.loads((root / "model" / "lambda.json").read_text())["operations"]
    assert sorted(said) == sorted(operations)
    for operation, facts in operations.items():
        # Whatever is in the braces names nothing, so nothing is changed by what is built.
        path = re.sub(r"\{[^}]*\}", "nothing", facts["http"]["requestUri"])
        status, headers, body = server.http(facts["http"]["method"], path, b"{}")
        is_refused = status == 501 and headers["x-amzn-errortype"] == "NotImplemented"
        assert is_refused == (said[operation] == "not implemented"), (operation, status, body)
        if is_refused:
            assert operation in body.decode(), (operation, body)
