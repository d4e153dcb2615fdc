"""X-Ray: segments in, traces out; what executions and functions emit; sampling, groups, the daemon."""

import json
import re
import socket
import time

import pytest
from botocore.exceptions import ClientError

from harness import REPOSITORY, ROLE, Server, package, stepwell, wait_until

PACKAGES = REPOSITORY / "tests" / "clients" / "handlers" / "node_modules"

PASS = {"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}}

# Everything is sampled: a test must not depend on a draw.
ALL = {
    "RuleName": "all",
    "ResourceARN": "*",
    "Priority": 1,
    "FixedRate": 1.0,
    "ReservoirSize": 0,
    "ServiceName": "*",
    "ServiceType": "*",
    "Host": "*",
    "HTTPMethod": "*",
    "URLPath": "*",
    "Version": 1,
}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with Server(tmp_path_factory.mktemp("data")) as running:
        running.client("xray").create_sampling_rule(SamplingRule=ALL)
        yield running


@pytest.fixture(scope="module")
def xray(server):
    return server.client("xray")


_ids = iter(range(1, 1 << 30))


def trace_id():
    return f"1-{int(time.time()):08x}-{next(_ids):024x}"


def segment(trace, number, name="shop", **more):
    now = time.time()
    document = {"trace_id": trace, "id": f"{number:016x}", "name": name, "start_time": now - 1, "end_time": now}
    return document | more


def put(xray, *documents):
    answer = xray.put_trace_segments(TraceSegmentDocuments=[json.dumps(document) for document in documents])
    return answer["UnprocessedTraceSegments"]


def documents(xray, trace):
    """The documents of the segments of a trace that were sent."""
    return [document for document in all_documents(xray, trace) if not document.get("inferred")]


def all_documents(xray, trace):
    """The documents of all segments of a trace."""
    traces = xray.batch_get_traces(TraceIds=[trace])["Traces"]
    return [json.loads(segment["Document"]) for found in traces for segment in found["Segments"]]


def traced_machine(server, name, definition, kind="STANDARD", traced=True):
    created = server.states.create_state_machine(
        name=name,
        definition=json.dumps(definition),
        roleArn=ROLE,
        type=kind,
        tracingConfiguration={"enabled": traced},
    )
    return created["stateMachineArn"]


def header_parts(header):
    return dict(part.split("=", 1) for part in header.split(";"))


def everything(document, found=None):
    """A segment and all its subsegments, by name."""
    found = {} if found is None else found
    found.setdefault(document["name"], []).append(document)
    for child in document.get("subsegments", []):
        everything(child, found)
    return found


def test_segments_are_kept_and_what_is_wrong_with_one_is_said(xray):
    trace = trace_id()
    good = segment(trace, 1, annotations={"account": "12345"})
    alone = segment(trace, 2, "query", type="subsegment", parent_id=good["id"])
    unprocessed = put(xray, good, alone, segment(trace, 3) | {"name": ""}, {"id": "nonsense"})
    assert [rejected["ErrorCode"] for rejected in unprocessed] == ["InvalidName", "InvalidId"]
    assert unprocessed[0]["Id"] == f"{3:016x}"
    answer = xray.batch_get_traces(TraceIds=[trace, trace_id()])
    assert len(answer["Traces"]) == 1 and len(answer["UnprocessedTraceIds"]) == 1
    (document,) = documents(xray, trace)
    assert [child["name"] for child in document["subsegments"]] == ["query"]
    pages = xray.get_paginator("get_trace_summaries").paginate(
        StartTime=time.time() - 60, EndTime=time.time() + 60, FilterExpression='annotation.account = "12345" AND ok'
    )
    summaries = [summary for page in pages for summary in page["TraceSummaries"]]
    assert [summary["Id"] for summary in summaries] == [trace]
    assert summaries[0]["EntryPoint"]["Name"] == "shop"
    graph = xray.get_trace_graph(TraceIds=[trace])["Services"]
    assert {service["Name"] for service in graph} == {"shop"}
    with pytest.raises(ClientError, match="unknown keyword 'responstime'"):
        xray.get_trace_summaries(StartTime=0, EndTime=1, FilterExpression="responstime > 1")
    with pytest.raises(ClientError, match="at most 5"):
        xray.batch_get_traces(TraceIds=[trace] * 6)


def test_a_service_that_sends_no_segment_has_an_inferred_one(xray):
    trace = trace_id()
    call = {"id": f"{2:016x}", "name": "SNS", "start_time": time.time() - 1, "end_time": time.time() - 0.5, "namespace": "aws"}
    assert put(xray, segment(trace, 1, subsegments=[call | {"aws": {"operation": "Publish"}}])) == []
    sent, inferred = all_documents(xray, trace)
    assert sent["subsegments"][0]["name"] == "SNS" and "inferred" not in sent
    assert inferred["inferred"] is True
    assert (inferred["origin"], inferred["parent_id"], inferred["trace_id"]) == ("AWS::SNS", call["id"], trace)
    assert inferred["aws"] == {"operation": "Publish"}
    assert put(xray, segment(trace, 3, parent_id=call["id"])) == []
    assert len(all_documents(xray, trace)) == 2, "the service's own segment takes its place"


def test_what_is_not_built_says_so_by_name(xray):
    for call, name, parameters in [
        (xray.get_insight_summaries, "GetInsightSummaries", {"StartTime": 0, "EndTime": 1}),
        (xray.start_trace_retrieval, "StartTraceRetrieval", {"TraceIds": [trace_id()], "StartTime": 0, "EndTime": 1}),
        (xray.put_encryption_config, "PutEncryptionConfig", {"Type": "NONE"}),
    ]:
        with pytest.raises(ClientError, match=f"NotImplemented.*{name}"):
            call(**parameters)


def test_rules_and_groups_are_kept_over_a_kill(tmp_path):
    with Server(tmp_path / "data") as server:
        xray = server.client("xray")
        (default,) = xray.get_sampling_rules()["SamplingRuleRecords"]
        rule = default["SamplingRule"]
        assert (rule["RuleName"], rule["ReservoirSize"], rule["FixedRate"]) == ("Default", 1, 0.05)
        xray.create_sampling_rule(SamplingRule=ALL | {"RuleName": "mine", "Priority": 7}, Tags=[{"Key": "a", "Value": "b"}])
        xray.update_sampling_rule(SamplingRuleUpdate={"RuleName": "mine", "FixedRate": 0.5})
        xray.update_sampling_rule(SamplingRuleUpdate={"RuleName": "Default", "ReservoirSize": 3})
        group = xray.create_group(GroupName="slow", FilterExpression="responsetime > 5")["Group"]
        assert re.fullmatch(r"arn:aws:xray:[a-z0-9-]+:\d{12}:group/slow/[0-9a-f]{32}", group["GroupARN"])
        server.restart_after_kill()
        xray = server.client("xray")
        records = xray.get_sampling_rules()["SamplingRuleRecords"]
        shown = [(r["SamplingRule"]["RuleName"], r["SamplingRule"]["FixedRate"], r["SamplingRule"]["ReservoirSize"]) for r in records]
        assert shown == [("mine", 0.5, 0), ("Default", 0.05, 3)]
        arn = records[0]["SamplingRule"]["RuleARN"]
        assert xray.list_tags_for_resource(ResourceARN=arn)["Tags"] == [{"Key": "a", "Value": "b"}]
        assert xray.get_group(GroupARN=group["GroupARN"])["Group"]["FilterExpression"] == "responsetime > 5"
        xray.update_group(GroupName="slow", FilterExpression="duration > 1")
        assert [g["FilterExpression"] for g in xray.get_groups()["Groups"]] == ["duration > 1"]
        with pytest.raises(ClientError, match="Invalid filter expression"):
            xray.create_group(GroupName="bad", FilterExpression="duration >")
        xray.delete_group(GroupName="slow")
        xray.delete_sampling_rule(RuleName="mine")
        with pytest.raises(ClientError, match="Default rule cannot be deleted"):
            xray.delete_sampling_rule(RuleName="Default")
        assert xray.get_groups()["Groups"] == []
        assert xray.get_encryption_config()["EncryptionConfig"]["Type"] == "NONE"


def test_traces_are_kept_over_a_kill(tmp_path):
    with Server(tmp_path / "data") as server:
        xray = server.client("xray")
        trace = trace_id()
        put(xray, segment(trace, 1))
        # A read commits what was taken before.
        assert len(documents(xray, trace)) == 1
        server.restart_after_kill()
        assert len(documents(server.client("xray"), trace)) == 1


def test_an_execution_is_traced_with_its_states_attempts_and_functions(server, xray, name, tmp_path):
    function = name("flaky")
    arn = server.create_function(
        function,
        # A handler keeps its module: the first call fails, the second one does not.
        "let calls = 0;\n"
        "export const handler = async () => { if (calls++ === 0) throw new Error('once'); return process.env._X_AMZN_TRACE_ID; };",
        TracingConfig={"Mode": "Active"},
    )
    machine = traced_machine(
        server,
        name("orders"),
        {
            "StartAt": "Prepare",
            "States": {
                "Prepare": {"Type": "Pass", "Next": "Pay"},
                "Pay": {
                    "Type": "Task",
                    "Resource": arn,
                    "Retry": [{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 1, "MaxAttempts": 2}],
                    "End": True,
                },
            },
        },
    )
    description, _ = server.run(machine)
    assert description["status"] == "SUCCEEDED"
    header = header_parts(description["traceHeader"])
    assert header["Sampled"] == "1"
    trace = header["Root"]
    found = {}
    for document in documents(xray, trace):
        everything(document, found)
    (execution,) = [d for all_of in found.values() for d in all_of if d.get("origin") == "AWS::StepFunctions::StateMachine"]
    assert [state["name"] for state in execution["subsegments"]] == ["Prepare", "Pay"]
    pay = execution["subsegments"][1]
    attempts = pay["subsegments"]
    assert [call["aws"]["attempt"] for call in attempts] == [1, 2]
    assert [call.get("fault", False) for call in attempts] == [True, False]
    assert all(call["namespace"] == "aws" and call["aws"]["operation"] == "Invoke" for call in attempts)
    services = [d for d in found[function] if d["origin"] == "AWS::Lambda"]
    functions = [d for d in found[function] if d["origin"] == "AWS::Lambda::Function"]
    # Each attempt has a segment of the service below its call, and one of the function below that.
    assert [d["parent_id"] for d in services] == [call["id"] for call in attempts]
    assert [d["parent_id"] for d in functions] == [d["id"] for d in services]
    assert functions[0]["fault"] and "fault" not in functions[1]
    assert functions[0]["subsegments"][0]["name"] == "Init"
    # What the handler saw names the function's own segment as its parent.
    seen = header_parts(json.loads(description["output"]))
    assert (seen["Root"], seen["Parent"], seen["Sampled"]) == (trace, functions[1]["id"], "1")
    graph = xray.get_service_graph(StartTime=time.time() - 600, EndTime=time.time() + 60)["Services"]
    assert {"AWS::StepFunctions::StateMachine", "AWS::Lambda", "AWS::Lambda::Function"} <= {s.get("Type") for s in graph}
    # The command line shows the same as one tree.
    shown = stepwell("trace", description["executionArn"], "--json", endpoint=server.url)
    (root,) = json.loads(shown.stdout)["segments"]
    (prepare, pay) = root["children"]
    assert (root["kind"], prepare["name"], pay["name"]) == ("execution", "Prepare", "Pay")
    assert [[grand["name"] for grand in call["children"]] for call in pay["children"]] == [[function], [function]]
    text = stepwell("trace", description["executionArn"], endpoint=server.url).stdout
    assert re.search(r"Lambda \(Invoke, attempt 2\)", text) and "█" in text


def test_the_report_of_a_traced_invocation_names_its_segment(server, xray, name):
    function = name("reported")
    server.create_function(function, "export const handler = async () => 1;", TracingConfig={"Mode": "Active"})
    reply = server.functions.invoke(FunctionName=function, Payload=b"{}", LogType="Tail")
    import base64

    log = base64.b64decode(reply["LogResult"]).decode()
    found = re.search(r"XRAY TraceId: (\S+)\tSegmentId: ([0-9a-f]{16})\tSampled: true", log)
    assert found, log
    segments = documents(xray, found[1])
    assert {d["origin"] for d in segments} == {"AWS::Lambda", "AWS::Lambda::Function"}
    assert found[2] in {d["id"] for d in segments}


def test_pass_through_only_hands_on(server, xray, name):
    function = name("through")
    server.create_function(function, "export const handler = async () => process.env._X_AMZN_TRACE_ID;")
    trace = trace_id()
    given = f"Root={trace};Parent=53995c3f42cd8ad8;Sampled=1"

    def with_header(request, **_):
        request.headers["X-Amzn-Trace-Id"] = given

    client = server.client("lambda")
    client.meta.events.register("before-send.lambda.Invoke", with_header)
    payload = json.loads(client.invoke(FunctionName=function, Payload=b"{}")["Payload"].read())
    assert payload.startswith(given)
    assert xray.batch_get_traces(TraceIds=[trace])["UnprocessedTraceIds"] == [trace]


def test_a_sampled_header_traces_what_is_not_configured_and_beats_the_body(server, xray, name):
    machine = traced_machine(server, name("plain"), PASS, traced=False)
    untraced = server.end(server.start(machine))
    assert "traceHeader" not in untraced
    of_body, of_header = trace_id(), trace_id()
    body = json.dumps({"stateMachineArn": machine, "traceHeader": f"Root={of_body};Sampled=1"})
    headers = {"X-Amzn-Trace-Id": f"Root={of_header};Parent=53995c3f42cd8ad8;Sampled=1"}
    _, started = server.call("StartExecution", body, headers)
    server.end(started["executionArn"])
    (document,) = documents(xray, of_header)
    assert document["parent_id"] == "53995c3f42cd8ad8"
    assert xray.batch_get_traces(TraceIds=[of_body])["Traces"] == []
    _, started = server.call("StartExecution", body)
    server.end(started["executionArn"])
    assert len(documents(xray, of_body)) == 1
    # A caller who has decided against it has decided.
    traced = traced_machine(server, name("traced"), PASS)
    against = trace_id()
    ended = server.end(server.start(traced, traceHeader=f"Root={against};Sampled=0"))
    assert ended["traceHeader"] == f"Root={against};Sampled=0"
    assert xray.batch_get_traces(TraceIds=[against])["Traces"] == []


def test_a_child_execution_and_an_express_one_are_in_the_same_trace(server, xray, name):
    child = traced_machine(server, name("child"), PASS, traced=False)
    parent = traced_machine(
        server,
        name("parent"),
        {
            "StartAt": "Child",
            "States": {
                "Child": {
                    "Type": "Task",
                    "Resource": "arn:aws:states:::states:startExecution.sync:2",
                    "Parameters": {"StateMachineArn": child, "Input": {}},
                    "End": True,
                }
            },
        },
    )
    description, _ = server.run(parent)
    root = header_parts(description["traceHeader"])["Root"]
    by_name = {document["name"]: document for document in documents(xray, root)}
    call = by_name[parent.split(":")[-1]]["subsegments"][0]["subsegments"][0]
    assert (call["name"], call["aws"]["operation"]) == ("Step Functions", "StartExecution")
    assert by_name[child.split(":")[-1]]["parent_id"] == call["id"]
    express = traced_machine(server, name("express"), PASS, kind="EXPRESS", traced=False)
    trace = trace_id()
    server.states.start_sync_execution(stateMachineArn=express, traceHeader=f"Root={trace};Sampled=1")
    (document,) = documents(xray, trace)
    assert [state["name"] for state in document["subsegments"]] == ["P"]


def test_an_execution_that_runs_is_shown_as_far_as_it_has_come_and_after_a_kill_to_its_end(tmp_path, name):
    definition = {
        "StartAt": "First",
        "States": {"First": {"Type": "Pass", "Next": "Long"}, "Long": {"Type": "Wait", "Seconds": 5, "End": True}},
    }
    with Server(tmp_path / "data") as server:
        xray = server.client("xray")
        machine = traced_machine(server, name("open"), definition, traced=False)
        trace = trace_id()
        execution = server.start(machine, traceHeader=f"Root={trace};Sampled=1")
        server.wait_for_event(execution, "WaitStateEntered")
        (document,) = documents(xray, trace)
        assert document["in_progress"]
        assert [(s["name"], s.get("in_progress", False)) for s in document["subsegments"]] == [("First", False), ("Long", True)]
        server.restart_after_kill()
        server.end(execution)
        (document,) = documents(server.client("xray"), trace)
        assert "in_progress" not in document
        assert [s["name"] for s in document["subsegments"]] == ["First", "Long"]


def test_the_default_rule_takes_one_a_second_and_few_of_the_others(tmp_path, name):
    with Server(tmp_path / "data") as server:
        machine = traced_machine(server, name("sampled"), PASS)
        arns = [server.start(machine) for _ in range(60)]
        headers = [server.end(arn)["traceHeader"] for arn in arns]
        sampled = sum(header.endswith("Sampled=1") for header in headers)
        assert 1 <= sampled <= 40, sampled
        assert len({header_parts(header)["Root"] for header in headers}) == 60
        server.client("xray").update_sampling_rule(
            SamplingRuleUpdate={"RuleName": "Default", "ReservoirSize": 0, "FixedRate": 0}
        )
        assert server.end(server.start(machine))["traceHeader"].endswith("Sampled=0")
        # What is not sampled says so, and how to change it.
        shown = stepwell("trace", machine, endpoint=server.url)
        assert shown.returncode == 2 and "was not sampled" in shown.stderr


def daemon_of(server, name):
    function = name("daemon")
    server.create_function(function, "export const handler = async () => process.env.AWS_XRAY_DAEMON_ADDRESS;")
    host, port = server.invoke(function)["Payload"].split(":")
    return host, int(port)


def test_the_daemon_takes_datagrams_and_counts_what_is_none(server, xray, name):
    host, port = daemon_of(server, name)
    trace = trace_id()
    header = b'{"format": "json", "version": 1}\n'
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        for bad in (b"", b"\xff\xfe", header, b"{}\n{}", header + b"{\"id\":", header + json.dumps({"name": "x"}).encode()):
            sender.sendto(bad, (host, port))
        for number in range(1, 101):
            sender.sendto(header + json.dumps(segment(trace, number)).encode(), (host, port))
    wait_until(lambda: len(documents(xray, trace)) == 100, "all segments that came over UDP")
    assert "malformed segments came over UDP" in server.process.stderr
    _, _, page = server.http("GET", "/metrics")
    counted = re.search(rb'stepwell_trace_segments_total\{result="rejected"\} (\d+)', page)
    assert int(counted[1]) >= 6, page


def test_sdks_ask_the_daemon_for_rules_and_targets(server, name):
    import http.client

    host, port = daemon_of(server, name)
    connection = http.client.HTTPConnection(host, port, timeout=10)

    def ask(path, body):
        connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
        response = connection.getresponse()
        return response.status, json.loads(response.read())

    status, rules = ask("/GetSamplingRules", {})
    names = [record["SamplingRule"]["RuleName"] for record in rules["SamplingRuleRecords"]]
    assert (status, names) == (200, ["all", "Default"])
    told = {
        "RuleName": "Default",
        "ClientID": "a" * 24,
        "Timestamp": time.time(),
        "RequestCount": 10,
        "SampledCount": 1,
        "BorrowCount": 1,
    }
    status, targets = ask("/SamplingTargets", {"SamplingStatisticsDocuments": [told]})
    (target,) = targets["SamplingTargetDocuments"]
    assert (status, target["FixedRate"], target["ReservoirQuota"], target["Interval"]) == (200, 0.05, 1, 10)
    status, refused = ask("/Traces", {"TraceIds": [trace_id()]})
    assert status == 404, refused
    connection.close()


def test_a_port_can_be_chosen_for_the_daemon(tmp_path, name):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with Server(tmp_path / "data", "--xray-port", str(port)) as server:
        assert daemon_of(server, name) == ("127.0.0.1", port)


def node_function(server, function, body, **configuration):
    server.functions.create_function(
        FunctionName=function,
        Code={"ZipFile": package({"index.js": body})},
        Runtime="nodejs22.x",
        Role=ROLE,
        Handler="index.handler",
        # Two SDKs are loaded, and the machine may be busy.
        Timeout=120,
        MemorySize=512,
        Environment={"Variables": {"NODE_PATH": str(PACKAGES)}},
        TracingConfig={"Mode": "Active"},
        **configuration,
    )
    return server.functions.get_function(FunctionName=function)["Configuration"]["FunctionArn"]


def test_the_x_ray_sdk_in_a_handler_as_the_tutorial_writes_it(server, xray, name):
    assert PACKAGES.is_dir(), "the handlers' packages are missing: npm ci in tests/clients/handlers"
    function = name("captured")
    arn = node_function(
        server,
        function,
        "const AWSXRay = require('aws-xray-sdk');\n"
        "const aws = AWSXRay.captureAWS(require('aws-sdk'));\n"
        "exports.handler = async (event) => {\n"
        "  const parent = AWSXRay.getSegment();\n"
        "  const sub = parent.addNewSubsegment('validate');\n"
        "  sub.addAnnotation('orderId', event.orderId);\n"
        "  sub.close();\n"
        "  await new aws.Lambda().listFunctions({}).promise();\n"
        "  return parent.id;\n"
        "};\n",
    )
    machine = traced_machine(
        server, name("tutorial"), {"StartAt": "Validate", "States": {"Validate": {"Type": "Task", "Resource": arn, "End": True}}}
    )
    description, _ = server.run(machine, {"orderId": "o-1"})
    assert description["status"] == "SUCCEEDED", description
    trace = header_parts(description["traceHeader"])["Root"]

    def hung():
        segments = documents(xray, trace)
        functions = [d for d in segments if d.get("origin") == "AWS::Lambda::Function"]
        names = [child["name"] for d in functions for child in d.get("subsegments", [])]
        return functions[0] if {"validate", "lambda"} <= set(names) else None

    document = wait_until(hung, "the subsegments of the SDK under the function's segment")
    assert document["id"] == json.loads(description["output"])
    by_name = {child["name"]: child for child in document["subsegments"]}
    assert by_name["validate"]["annotations"] == {"orderId": "o-1"}
    assert by_name["lambda"]["aws"]["operation"] == "ListFunctions"
    # One tree, from the execution to the call of the handler.
    shown = json.loads(stepwell("trace", description["executionArn"], "--json", endpoint=server.url).stdout)
    (root,) = shown["segments"]

    def paths(node, above=()):
        here = above + (node["name"],)
        yield here
        for child in node["children"]:
            yield from paths(child, here)

    machine_name = machine.split(":")[-1]
    assert (machine_name, "Validate", "Lambda", function, function, "validate") in set(paths(root))
    found = xray.get_trace_summaries(
        StartTime=time.time() - 600, EndTime=time.time() + 60, FilterExpression='annotation.orderId = "o-1"'
    )
    assert [summary["Id"] for summary in found["TraceSummaries"]] == [trace]


def test_the_x_ray_sdk_sends_nothing_for_what_is_not_sampled(server, xray, name):
    function = name("unsampled")
    node_function(
        server,
        function,
        "const AWSXRay = require('aws-xray-sdk');\n"
        "exports.handler = async () => { AWSXRay.getSegment().addNewSubsegment('never').close(); return process.env._X_AMZN_TRACE_ID; };\n",
    )
    trace = trace_id()

    def with_header(request, **_):
        request.headers["X-Amzn-Trace-Id"] = f"Root={trace};Sampled=0"

    client = server.client("lambda")
    client.meta.events.register("before-send.lambda.Invoke", with_header)
    seen = json.loads(client.invoke(FunctionName=function, Payload=b"{}")["Payload"].read())
    assert header_parts(seen)["Sampled"] == "0"
    assert xray.batch_get_traces(TraceIds=[trace])["UnprocessedTraceIds"] == [trace]
