"""Versions, aliases and layers of functions over boto3."""

import json
import urllib.request

import pytest
from botocore.exceptions import ClientError

from harness import ACCOUNT, REGION, ROLE, RUNTIME, check_history, package

WHO = """
export const handler = async (event, context) => ({
  said: "SAID", version: context.functionVersion, arn: context.invokedFunctionArn,
});
"""


def zipped(said):
    return package({"index.mjs": WHO.replace("SAID", said)})


def created(server, name, code=None, **more):
    function = name("f")
    server.functions.create_function(
        FunctionName=function,
        Runtime=RUNTIME,
        Role=ROLE,
        Handler="index.handler",
        Code={"ZipFile": code or zipped("one")},
        **more,
    )
    return function


def arn(function):
    return f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{function}"


def answer(server, function, **more):
    reply = server.functions.invoke(FunctionName=function, Payload=b"{}", **more)
    assert "FunctionError" not in reply, reply["Payload"].read()
    return json.loads(reply["Payload"].read()) | {"executed": reply["ExecutedVersion"]}


def refused(call, **parameters):
    with pytest.raises(ClientError) as caught:
        call(**parameters)
    error = caught.value.response
    return error["Error"]["Code"], error["ResponseMetadata"]["HTTPStatusCode"]


def test_a_version_runs_what_was_published(server, name):
    one = zipped("one")
    function = created(server, name, one)
    lambdas = server.functions
    first = lambdas.publish_version(FunctionName=function, Description="first")
    assert (first["Version"], first["ResponseMetadata"]["HTTPStatusCode"]) == ("1", 201)
    lambdas.get_waiter("published_version_active").wait(
        FunctionName=function, Qualifier="1", WaiterConfig={"Delay": 1, "MaxAttempts": 3}
    )
    assert lambdas.publish_version(FunctionName=function)["Version"] == "1", "nothing has changed"
    lambdas.update_function_code(FunctionName=function, ZipFile=zipped("two"))
    lambdas.get_waiter("function_updated_v2").wait(
        FunctionName=function, WaiterConfig={"Delay": 1, "MaxAttempts": 3}
    )
    expected = {"said": "one", "version": "1", "arn": f"{arn(function)}:1", "executed": "1"}
    assert answer(server, function, Qualifier="1") == expected
    assert answer(server, f"{arn(function)}:1") == expected
    latest = {"said": "two", "version": "$LATEST", "arn": arn(function), "executed": "$LATEST"}
    assert answer(server, function) == latest
    second = lambdas.update_function_code(FunctionName=function, ZipFile=zipped("three"), Publish=True)
    assert (second["Version"], second["FunctionArn"]) == ("2", f"{arn(function)}:2")
    pages = lambdas.get_paginator("list_versions_by_function").paginate(
        FunctionName=function, PaginationConfig={"PageSize": 1}
    )
    versions = [version["Version"] for page in pages for version in page["Versions"]]
    assert versions == ["$LATEST", "1", "2"]
    every = lambdas.get_paginator("list_functions").paginate(
        FunctionVersion="ALL", PaginationConfig={"PageSize": 2}
    )
    arns = [item["FunctionArn"] for page in every for item in page["Functions"] if item["FunctionName"] == function]
    assert arns == [f"{arn(function)}:{version}" for version in versions]
    location = lambdas.get_function(FunctionName=function, Qualifier="1")["Code"]["Location"]
    with urllib.request.urlopen(location) as served:
        assert served.read() == one


def test_an_alias_points_at_versions_by_weight(server, name):
    function = created(server, name, Publish=True)
    lambdas = server.functions
    lambdas.update_function_code(FunctionName=function, ZipFile=zipped("two"), Publish=True)
    live = lambdas.create_alias(FunctionName=function, Name="live", FunctionVersion="1", Description="d")
    assert live["AliasArn"] == f"{arn(function)}:live"
    expected = {"said": "one", "version": "1", "arn": f"{arn(function)}:live", "executed": "1"}
    assert answer(server, function, Qualifier="live") == expected
    # A weight of 1 is every invocation, a weight of 0 is none: nothing is left to chance.
    for weight, version in ((1.0, "2"), (0.0, "1")):
        routing = {"AdditionalVersionWeights": {"2": weight}}
        shown = lambdas.update_alias(FunctionName=function, Name="live", RoutingConfig=routing)
        assert shown["RoutingConfig"] == routing
        assert {answer(server, f"{function}:live")["executed"] for _ in range(10)} == {version}
    moved = lambdas.update_alias(FunctionName=function, Name="live", FunctionVersion="2", RoutingConfig={})
    assert "RoutingConfig" not in moved
    assert answer(server, f"{arn(function)}:live")["said"] == "two"
    lambdas.create_alias(FunctionName=function, Name="dev", FunctionVersion="$LATEST")
    listed = lambdas.get_paginator("list_aliases").paginate(
        FunctionName=function, PaginationConfig={"PageSize": 1}
    )
    assert [alias["Name"] for page in listed for alias in page["Aliases"]] == ["dev", "live"]
    only = lambdas.list_aliases(FunctionName=function, FunctionVersion="2")["Aliases"]
    assert [alias["Name"] for alias in only] == ["live"]
    stale = refused(lambdas.update_alias, FunctionName=function, Name="live", RevisionId=live["RevisionId"])
    assert stale == ("PreconditionFailedException", 412)
    in_use = refused(lambdas.delete_function, FunctionName=function, Qualifier="2")
    assert in_use == ("ResourceConflictException", 409)
    lambdas.delete_alias(FunctionName=function, Name="live")
    assert refused(lambdas.get_alias, FunctionName=function, Name="live") == ("ResourceNotFoundException", 404)
    lambdas.delete_function(FunctionName=function, Qualifier="2")
    gone = refused(lambdas.invoke, FunctionName=function, Qualifier="2")
    assert gone == ("ResourceNotFoundException", 404)
    lambdas.delete_function(FunctionName=function)
    assert refused(lambdas.get_alias, FunctionName=function, Name="dev") == ("ResourceNotFoundException", 404)


def test_a_state_machine_names_a_version_and_an_alias(server, states, name):
    function = created(server, name, Publish=True)
    server.functions.update_function_code(FunctionName=function, ZipFile=zipped("two"), Publish=True)
    server.functions.create_alias(FunctionName=function, Name="live", FunctionVersion="1")
    definition = {
        "StartAt": "Both",
        "States": {
            "Both": {
                "Type": "Parallel",
                "End": True,
                "Branches": [
                    {"StartAt": "A", "States": {"A": {"Type": "Task", "Resource": f"{arn(function)}:live", "End": True}}},
                    {
                        "StartAt": "V",
                        "States": {
                            "V": {
                                "Type": "Task",
                                "Resource": "arn:aws:states:::lambda:invoke",
                                "Parameters": {"FunctionName": function, "Qualifier": "2"},
                                "OutputPath": "$.Payload",
                                "End": True,
                            }
                        },
                    },
                ],
            }
        },
    }
    machine = server.create_machine(name("m"), definition)
    execution, history = server.run(machine, {})
    check_history(history)
    assert json.loads(execution["output"]) == [
        {"said": "one", "version": "1", "arn": f"{arn(function)}:live"},
        {"said": "two", "version": "2", "arn": f"{arn(function)}:2"},
    ]


def test_a_function_reads_its_layers(server, name):
    lambdas = server.functions
    layer = name("layer")

    def publish(text):
        files = {"nodejs/node_modules/greeting/index.js": f"module.exports = '{text}';"}
        return lambdas.publish_layer_version(
            LayerName=layer,
            Content={"ZipFile": package(files)},
            Description=text,
            CompatibleRuntimes=[RUNTIME],
            LicenseInfo="MIT",
        )

    first, second = publish("hello"), publish("good day")
    assert (first["Version"], second["Version"]) == (1, 2)
    assert first["LayerArn"] == f"arn:aws:lambda:{REGION}:{ACCOUNT}:layer:{layer}"
    with urllib.request.urlopen(first["Content"]["Location"]) as served:
        assert len(served.read()) == first["Content"]["CodeSize"]
    source = "exports.handler = async () => require('greeting');"
    function = name("f")
    shown = lambdas.create_function(
        FunctionName=function,
        Runtime=RUNTIME,
        Role=ROLE,
        Handler="index.handler",
        Code={"ZipFile": package({"index.js": source})},
        Layers=[first["LayerVersionArn"]],
        Publish=True,
    )
    assert [item["Arn"] for item in shown["Layers"]] == [first["LayerVersionArn"]]
    assert server.invoke(function)["Payload"] == "hello"
    lambdas.update_function_configuration(FunctionName=function, Layers=[second["LayerVersionArn"]])
    assert server.invoke(function)["Payload"] == "good day"
    found = lambdas.get_layer_version_by_arn(Arn=first["LayerVersionArn"])
    assert (found["Version"], found["LicenseInfo"], found["CompatibleRuntimes"]) == (1, "MIT", [RUNTIME])
    lambdas.delete_layer_version(LayerName=layer, VersionNumber=1)
    by_arn = refused(lambdas.get_layer_version_by_arn, Arn=first["LayerVersionArn"])
    assert by_arn == ("ResourceNotFoundException", 404)
    assert server.invoke(f"{function}:1")["Payload"] == "hello", "a function keeps a layer that was deleted"
    versions = lambdas.list_layer_versions(LayerName=layer)["LayerVersions"]
    assert [(item["Version"], item["Description"]) for item in versions] == [(2, "good day")]
    layers = [item for page in lambdas.get_paginator("list_layers").paginate() for item in page["Layers"]]
    assert [item["LatestMatchingVersion"]["Version"] for item in layers if item["LayerName"] == layer] == [2]
    lambdas.add_layer_version_permission(
        LayerName=layer, VersionNumber=2, StatementId="all", Action="lambda:GetLayerVersion", Principal="*"
    )
    policy = json.loads(lambdas.get_layer_version_policy(LayerName=layer, VersionNumber=2)["Policy"])
    assert [statement["Sid"] for statement in policy["Statement"]] == ["all"]
    lambdas.remove_layer_version_permission(LayerName=layer, VersionNumber=2, StatementId="all")
    missing = refused(lambdas.update_function_configuration, FunctionName=function, Layers=[first["LayerVersionArn"]])
    assert missing == ("InvalidParameterValueException", 400)


def test_a_state_machine_shifts_an_alias_and_sees_what_lambda_says(server, name):
    function = created(server, name, Publish=True)
    server.functions.update_function_code(FunctionName=function, ZipFile=zipped("two"), Publish=True)
    server.functions.create_alias(FunctionName=function, Name="live", FunctionVersion="1")
    sdk = "arn:aws:states:::aws-sdk:lambda:"
    alias = {"FunctionName": function, "Name": "live"}
    definition = {
        "StartAt": "Shift",
        "States": {
            "Shift": {
                "Type": "Task",
                "Resource": f"{sdk}updateAlias",
                "Parameters": alias | {"FunctionVersion": "2"},
                "Next": "Missing",
            },
            "Missing": {
                "Type": "Task",
                "Resource": f"{sdk}getAlias",
                "Parameters": alias | {"Name": "gone"},
                "Catch": [{"ErrorEquals": ["Lambda.ResourceNotFoundException"], "ResultPath": "$.error", "Next": "Off"}],
                "End": True,
            },
            "Off": {
                "Type": "Task",
                "Resource": f"{sdk}putFunctionConcurrency",
                "Parameters": {"FunctionName": function, "ReservedConcurrentExecutions": 0},
                "ResultPath": "$.off",
                "End": True,
            },
        },
    }
    execution, history = server.run(server.create_machine(name("m"), definition))
    check_history(history)
    output = json.loads(execution["output"])
    assert (output["AliasArn"], output["FunctionVersion"]) == (f"{arn(function)}:live", "2")
    assert output["off"] == {"ReservedConcurrentExecutions": 0}
    cause = output["error"]["Cause"]
    assert cause.startswith(f"Cannot find alias arn: {arn(function)}:gone (Service: Lambda, Status Code: 404,"), cause
    assert server.functions.get_alias(**alias)["FunctionVersion"] == "2"
    assert server.functions.get_function_concurrency(FunctionName=function)["ReservedConcurrentExecutions"] == 0
