"""Whole applications: every template of tests/templates is deployed by the binary and run by real clients."""

import datetime
import json
import re
import shutil
import time
import urllib.parse
from threading import Thread

import pytest

from harness import REPOSITORY, Process, Server, stepwell, wait_until

TEMPLATES = REPOSITORY / "tests" / "templates"
BROKEN = sorted((TEMPLATES / "broken").glob("*.yaml"))
STACK_TAG = "aws:cloudformation:stack-name"


def documents(done):
    return [json.loads(line) for line in done.stdout.splitlines()]


def run(server, template, stack, *options):
    """The finished command, and what it printed."""
    done = stepwell("deploy", TEMPLATES / template, "--stack-name", stack, "--json", *options, endpoint=server.url)
    return done, documents(done)


def deploy(server, template, stack, *options):
    """Deploys and expects it to work: the stack's outputs, and the changes by logical id."""
    done, told = run(server, template, stack, *options)
    assert done.returncode == 0, done.stdout + done.stderr
    outputs = next(document["outputs"] for document in told if document["event"] == "outputs")
    assert "{{" not in json.dumps(outputs), outputs
    return outputs, {document["logicalId"]: document for document in told if "logicalId" in document}


def executed(server, machine, data=None):
    """Runs a Standard machine and gives its output."""
    arn = server.states.start_execution(stateMachineArn=machine, input=json.dumps(data or {}))["executionArn"]
    return outcome(server, arn)


def outcome(server, arn):
    ended = server.end(arn)
    assert ended["status"] == "SUCCEEDED", ended
    return json.loads(ended["output"])


def invoked(server, function, event=None):
    answer = server.functions.invoke(FunctionName=function, Payload=json.dumps(event or {}))
    payload = json.loads(answer["Payload"].read())
    assert "FunctionError" not in answer, payload
    return payload


def empty(server, stack, tmp_path):
    """Deploys a template without resources in a stack's place."""
    nothing = tmp_path / "empty.json"
    nothing.write_text('{"Resources": {}}')
    return deploy(server, nothing, stack)[1]


# One check for each template: what the deployed application does.


def functions(server, outputs):
    assert executed(server, outputs["MachineArn"], {"name": "ann"}) == "HELLO ANN ON MARS!!!"
    greet = server.functions.get_function_configuration(FunctionName=outputs["GreetName"])
    assert (greet["MemorySize"], greet["EphemeralStorage"]["Size"], greet["LoggingConfig"]["LogFormat"]) == (192, 1024, "JSON")
    assert greet["TracingConfig"]["Mode"] == "Active"
    tags = server.functions.list_tags(Resource=greet["FunctionArn"])["Tags"]
    assert (tags["team"], tags["aws:cloudformation:logical-id"]) == ("shop", "Greet")
    reserved = server.functions.get_function_concurrency(FunctionName=outputs["ShoutName"])
    assert reserved["ReservedConcurrentExecutions"] == 5
    iam = server.client("iam")
    policies = iam.list_role_policies(RoleName=outputs["RoleName"])["PolicyNames"]
    documents = [json.dumps(iam.get_role_policy(RoleName=outputs["RoleName"], PolicyName=name)["PolicyDocument"]) for name in policies]
    assert any("dynamodb:Scan" in document and "table/people" in document for document in documents), documents


def definition_uri(server, outputs):
    ended = server.states.start_sync_execution(stateMachineArn=outputs["MachineArn"])
    assert (ended["status"], json.loads(ended["output"])) == ("SUCCEEDED", {"colour": "blue"})
    logs = server.client("logs")
    group = logs.describe_log_groups(logGroupNamePrefix=outputs["LogGroup"])["logGroups"][0]
    assert group["retentionInDays"] == 7
    wait_until(lambda: logs.filter_log_events(logGroupName=outputs["LogGroup"])["events"], "the execution's log events")
    assert server.states.describe_state_machine(stateMachineArn=outputs["MachineArn"])["tracingConfiguration"]["enabled"]


def plain(server, outputs):
    assert executed(server, outputs["MachineArn"], {"numbers": [1, 2, 39]}) == 42
    assert outputs["FunctionRoleArn"].endswith(":role/app/plain-FunctionRole")
    iam = server.client("iam")
    role = outputs["MachineRoleName"]
    assert sorted(iam.list_role_policies(RoleName=role)["PolicyNames"]) == ["invoke", "logs"]
    attached = [policy["PolicyName"] for policy in iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]]
    assert attached == ["plain-read"]


def layer(server, outputs):
    assert executed(server, outputs["MachineArn"], {"name": "ann"}) == "welcome, ann"
    listed = server.functions.list_layer_versions(LayerName="layer-Shared")["LayerVersions"]
    assert [version["LayerVersionArn"] for version in listed] == [outputs["LayerArn"]]


def aliases(server, outputs):
    assert outputs["VersionArn"].endswith(":1")
    assert executed(server, outputs["MachineArn"]) == {"answer": "one", "version": "1"}
    alias = server.functions.get_alias(FunctionName=outputs["ReplyName"], Name="live")
    assert (alias["FunctionVersion"], alias["AliasArn"]) == ("1", outputs["AliasArn"])


def machine_alias(server, outputs):
    assert executed(server, outputs["AliasArn"]) == {"colour": "red"}
    routes = server.states.describe_state_machine_alias(stateMachineAliasArn=outputs["AliasArn"])["routingConfiguration"]
    assert routes == [{"stateMachineVersionArn": outputs["MachineArn"] + ":1", "weight": 100}]


def native_versions(server, outputs):
    assert outputs["MachineArn"].endswith(":stable")
    assert executed(server, outputs["MachineArn"]) == "first 1"
    policy = json.loads(server.functions.get_policy(FunctionName=outputs["FnName"], Qualifier="stable")["Policy"])
    assert policy["Statement"][0]["Sid"] == "native-versions-FnPermission"


def schedules(server, outputs):
    events, scheduler = server.client("events"), server.client("scheduler")
    rule = events.describe_rule(Name=outputs["RuleName"])
    assert (rule["ScheduleExpression"], rule["State"]) == ("rate(1 minute)", "ENABLED")
    [target] = events.list_targets_by_rule(Rule=outputs["RuleName"])["Targets"]
    assert (target["Arn"], target["Input"]) == (outputs["MachineArn"], '{"by": "rule"}')
    assert target["RoleArn"].endswith(":role/schedules-MachineSoonRole")
    schedule = scheduler.get_schedule(Name=outputs["ScheduleName"], GroupName=outputs["GroupName"])
    assert (schedule["ScheduleExpressionTimezone"], schedule["FlexibleTimeWindow"]["MaximumWindowInMinutes"]) == ("Europe/Zurich", 15)
    assert schedule["Target"]["RetryPolicy"]["MaximumRetryAttempts"] == 3
    assert events.describe_rule(Name="schedules-TickHourly")["State"] == "DISABLED"
    assert scheduler.get_schedule(Name="schedules-MachineOnce")["Target"]["Input"] == '{"by": "schedule"}'


def rules(server, outputs):
    events = server.client("events")
    for bus, kind in [(outputs["BusName"], "placed"), ("default", "cancelled")]:
        entry = {"Source": "shop", "DetailType": kind, "Detail": json.dumps({"order": kind + "-7"}), "EventBusName": bus}
        assert events.put_events(Entries=[entry])["FailedEntryCount"] == 0

    def started():
        listed = server.states.list_executions(stateMachineArn=outputs["MachineArn"], statusFilter="SUCCEEDED")["executions"]
        return [server.states.describe_execution(executionArn=execution["executionArn"])["input"] for execution in listed]

    wait_until(lambda: len(started()) == 2, "both rules to start the machine")
    assert sorted(json.dumps(json.loads(text)) for text in started()) == ['{"cancelled": "cancelled-7"}', '{"order": "placed-7"}']


def requested(server, api, path, method="GET", body=b"", headers=None):
    """A request of an API: its id is the first label of the host, as on AWS."""
    status, answered, text = server.http(method, path, body, {"Host": f"{api}.execute-api.us-east-1.amazonaws.com"} | (headers or {}))
    return status, answered, text


def implicit_apis(server, outputs):
    status, headers, body = requested(server, outputs["RestApiId"], "/Prod/orders/7")
    assert (status, json.loads(body), headers["x-by"]) == (200, {"path": "/orders/7", "id": "7"}, "orders")
    status, headers, _ = requested(server, outputs["RestApiId"], "/Prod/orders", "OPTIONS")
    assert (status, headers["Access-Control-Allow-Origin"]) == (200, "*")
    status, _, body = requested(server, outputs["RestApiId"], "/Prod/orders", "POST", b'{"item": "it\\"s"}', {"Content-Type": "application/json"})
    assert status == 200, body
    assert outcome(server, json.loads(body)["executionArn"]) == {"item": 'it"s'}
    status, _, body = requested(server, outputs["HttpApiId"], "/orders/8")
    assert (status, json.loads(body)) == (200, {"path": "/orders/8", "id": "8"})
    status, _, body = requested(server, outputs["HttpApiId"], "/other")
    assert (status, json.loads(body)["path"]) == (200, "/other")


def explicit_apis(server, outputs):
    assert requested(server, outputs["RestApiId"], "/v1/add", "PUT")[::2] == (201, b"PUT")
    status, headers, _ = requested(server, outputs["RestApiId"], "/v1/add", "OPTIONS")
    assert status in (200, 201)
    stage = server.client("apigateway").get_stage(restApiId=outputs["RestApiId"], stageName="v1")
    assert stage["variables"] == {"colour": "blue"}
    status, _, body = requested(server, outputs["HttpApiId"], "/quick", "POST", b'{"a": 1}', {"Content-Type": "application/json"})
    assert status == 200, body
    assert json.loads(json.loads(body)["output"]) == {"got": {"a": 1}}


def function_url(server, outputs):
    url = server.functions.get_function_url_config(FunctionName=outputs["WebName"])
    assert (url["FunctionUrl"], url["AuthType"]) == (outputs["Url"], "NONE")
    parts = urllib.parse.urlsplit(outputs["Url"])
    status, _, body = server.http("GET", parts.path.rstrip("/") + "/hello", headers={"Host": parts.netloc})
    assert (status, body) == (200, b"served /hello")
    config = server.functions.get_function_event_invoke_config(FunctionName=outputs["WorkName"])
    assert (config["MaximumRetryAttempts"], config["MaximumEventAgeInSeconds"]) == (0, 3600)
    for fails in (False, True):
        server.functions.invoke(FunctionName=outputs["WorkName"], InvocationType="Event", Payload=json.dumps({"fail": fails}))
    logs = server.client("logs")

    def noted():
        try:
            found = logs.filter_log_events(logGroupName="/aws/lambda/" + outputs["NoteName"], filterPattern="noted")["events"]
        except logs.exceptions.ResourceNotFoundException:
            return False
        return {line for event in found for line in re.findall(r"noted (\w+)", event["message"])} == {"Success", "RetriesExhausted"}

    wait_until(noted, "both destinations")


def foreach(server, outputs):
    assert executed(server, outputs["MachineArn"]) == {"colour": "green", "kg": "2"}
    assert executed(server, outputs["LastArn"]) == {"colour": "blue", "kg": "9"}
    assert invoked(server, outputs["FnName"]) == {"count": 3, "list": ["red", "green", "blue"]}
    groups = server.client("logs").describe_log_groups(logGroupNamePrefix="/foreach/")["logGroups"]
    assert {group["logGroupName"] for group in groups} == {f"/foreach/{stage}/{level}" for stage in ("dev", "prod") for level in ("low", "high")}


def conditions(server, outputs):
    assert invoked(server, outputs["FnName"]) == {"memory": "128", "audit": None}
    assert "AuditName" not in outputs


def activity(server, outputs):
    arn = server.states.start_execution(stateMachineArn=outputs["MachineArn"])["executionArn"]
    task = server.states.get_activity_task(activityArn=outputs["ActivityArn"])
    server.states.send_task_success(taskToken=task["taskToken"], output='{"by": "ann"}')
    assert outcome(server, arn) == {"approved": "ann"}


def python(server, outputs):
    assert invoked(server, outputs["FnName"], {"text": "three short words"}) == {"words": 3}


def cdk(server, outputs):
    assert executed(server, outputs["MachineArn"], {"items": 3}) == "dear"
    assert executed(server, outputs["MachineArn"], {"items": 2}) == "cheap"
    assert executed(server, outputs["FileArn"]) == "noted"
    assert requested(server, outputs["RestApiId"], "/prod/prices/tea")[::2] == (200, b"tea")


def alarms(server, outputs):
    cloudwatch = server.client("cloudwatch")
    [failures] = cloudwatch.describe_alarms(AlarmNames=[outputs["FailuresName"]])["MetricAlarms"]
    assert (failures["Period"], failures["Threshold"], failures["ActionsEnabled"]) == (10, 1.0, True)
    tags = cloudwatch.list_tags_for_resource(ResourceARN=failures["AlarmArn"])["Tags"]
    assert {"Key": "team", "Value": "shop"} in tags
    for which in (outputs["FailuresName"], outputs["RateName"]):
        cloudwatch.set_alarm_state(AlarmName=which, StateValue="ALARM", StateReason="a test")
    both = outputs["BothArn"].rsplit(":", 1)[1]
    described = cloudwatch.describe_alarms(AlarmNames=[both], AlarmTypes=["CompositeAlarm"])["CompositeAlarms"]
    assert [alarm["StateValue"] for alarm in described] == ["ALARM"]
    executions = lambda: server.states.list_executions(stateMachineArn=outputs["MachineArn"])["executions"]
    wait_until(executions, "what the rule starts")


def log_filters(server, outputs):
    logs, cloudwatch, group = server.client("logs"), server.client("cloudwatch"), outputs["GroupName"]
    described = logs.describe_metric_filters(logGroupName=group)["metricFilters"]
    filters = {one["filterName"]: one for one in described}
    assert set(filters) == {outputs["TookName"], outputs["CountedName"]}
    assert filters[outputs["CountedName"]]["filterPattern"] == "ERROR"
    [took] = filters[outputs["TookName"]]["metricTransformations"]
    assert (took["metricValue"], took["unit"], took["dimensions"]) == ("$.ms", "Milliseconds", {"Level": "$.level"})
    [watched] = logs.describe_subscription_filters(logGroupName=group)["subscriptionFilters"]
    assert (watched["filterName"], watched["destinationArn"]) == (outputs["WatchedName"], outputs["WatchArn"])
    assert watched["filterPattern"] == '{ $.level = "ERROR" }'
    [slowest] = logs.describe_query_definitions(queryDefinitionNamePrefix="log-filters-")["queryDefinitions"]
    assert (slowest["queryDefinitionId"], slowest["logGroupNames"]) == (outputs["SlowestId"], [group])
    board = cloudwatch.get_dashboard(DashboardName=outputs["OverviewName"])
    body = json.loads(board["DashboardBody"])
    assert cloudwatch.list_tags_for_resource(ResourceARN=board["DashboardArn"])["Tags"] == [{"Key": "level", "Value": "ERROR"}]
    assert [widget["type"] for widget in body["widgets"]] == ["metric", "log"]
    assert body["widgets"][1]["properties"]["query"] == f"SOURCE '{group}' | fields order"

    # What they do, not only that they are there.
    now = int(time.time() * 1000)
    lines = [{"order": "o-1", "level": "ERROR", "ms": 900}, {"order": "o-2", "level": "INFO", "ms": 20}, {"order": "o-3", "level": "INFO", "ms": 40}]
    logs.create_log_stream(logGroupName=group, logStreamName="s")
    events = [{"timestamp": now, "message": json.dumps(line)} for line in lines]
    logs.put_log_events(logGroupName=group, logStreamName="s", logEvents=events)

    def summed(metric, **dimensions):
        by = [{"Name": key, "Value": value} for key, value in dimensions.items()]
        stat = {"Metric": {"Namespace": "Shop", "MetricName": metric, "Dimensions": by}, "Period": 3600, "Stat": "Sum"}
        start = datetime.datetime.now(datetime.timezone.utc)
        hours = datetime.timedelta(hours=2)
        answer = cloudwatch.get_metric_data(StartTime=start - hours, EndTime=start + hours, MetricDataQueries=[{"Id": "m", "MetricStat": stat}])
        return sum(answer["MetricDataResults"][0]["Values"])

    wait_until(lambda: summed("Failures") == 1, "the metric filters")
    assert (summed("Took", Level="ERROR"), summed("Took", Level="INFO")) == (900, 60)

    def told():
        try:
            found = logs.filter_log_events(logGroupName="/aws/lambda/" + outputs["WatchName"], filterPattern="watched")["events"]
        except logs.exceptions.ResourceNotFoundException:
            return []
        return [line for event in found for line in re.findall(r"watched (\S+)", event["message"])]

    wait_until(lambda: told() == ["o-1"], "the subscribed function")
    query = logs.start_query(logGroupNames=[group], queryString=slowest["queryString"], startTime=now // 1000 - 60, endTime=now // 1000 + 60)
    wait_until(lambda: logs.get_query_results(queryId=query["queryId"])["status"] == "Complete", "the kept query")
    rows = logs.get_query_results(queryId=query["queryId"])["results"]
    assert [{cell["field"]: cell["value"] for cell in row}["order"] for row in rows] == ["o-1", "o-3"]


def tracing(server, outputs):
    xray = server.client("xray")
    records = [record["SamplingRule"] for record in xray.get_sampling_rules()["SamplingRuleRecords"]]
    rules = {rule["RuleARN"]: rule for rule in records}
    checkout, unnamed = rules[outputs["CheckoutArn"]], rules[outputs["UnnamedArn"]]
    assert (checkout["RuleName"], checkout["Priority"], checkout["FixedRate"]) == ("tracing-Checkout", 40, 0.25)
    assert (checkout["URLPath"], checkout["HTTPMethod"], checkout["Attributes"]) == ("/checkout/*", "POST", {"tier": "gold"})
    assert (unnamed["RuleName"], unnamed["ReservoirSize"], unnamed["URLPath"]) == ("tracing-Unnamed", 0, "/health")
    group = xray.get_group(GroupARN=outputs["SlowArn"])["Group"]
    assert (group["GroupName"], group["FilterExpression"]) == ("tracing-Slow", "responsetime > 5")
    for arn in (outputs["CheckoutArn"], outputs["SlowArn"]):
        assert xray.list_tags_for_resource(ResourceARN=arn)["Tags"] == [{"Key": "team", "Value": "shop"}]
    # A client of the X-Ray SDK is told of the rules, the most important one first.
    assert [rule["RuleName"] for rule in records if rule["RuleName"].startswith("tracing-")] == ["tracing-Checkout", "tracing-Unnamed"]


APPLICATIONS = {
    "alarms.yaml": alarms,
    "log-filters.yaml": log_filters,
    "tracing.yaml": tracing,
    "functions.yaml": functions,
    "definition-uri.yaml": definition_uri,
    "plain.json": plain,
    "layer/template.yaml": layer,
    "aliases.yaml": aliases,
    "machine-alias.yaml": machine_alias,
    "native-versions.yaml": native_versions,
    "schedules.yaml": schedules,
    "rules.yaml": rules,
    "implicit-apis.yaml": implicit_apis,
    "explicit-apis.yaml": explicit_apis,
    "function-url.yaml": function_url,
    "foreach.yaml": foreach,
    "conditions.yaml": conditions,
    "activity.yaml": activity,
    "python.yaml": python,
    "cdk/cdk.out": cdk,
}


def stack_name(template):
    return template.split("/")[0].split(".")[0]


@pytest.mark.parametrize("template", APPLICATIONS)
def test_an_application_is_deployed_runs_and_is_deployed_again_without_a_change(template, server):
    stack = stack_name(template)
    outputs, _ = deploy(server, template, stack)
    APPLICATIONS[template](server, outputs)
    again, changes = deploy(server, template, stack)
    assert {document["event"] for document in changes.values()} == {"unchanged"}, changes
    assert again == outputs
    done, told = run(server, template, stack, "--plan")
    assert done.returncode == 0
    assert told[-1] == {"event": "planned", "changes": False}


@pytest.mark.parametrize("template", APPLICATIONS)
def test_what_left_the_template_is_deleted(template, server, tmp_path):
    stack = stack_name(template)
    _, before = deploy(server, template, stack)
    changes = empty(server, stack, tmp_path)
    assert {document["event"] for document in changes.values()} <= {"deleted"}, changes
    kept = {"version", "machine vers.", "deployment", "stage"}
    expected = {name for name, document in before.items() if document["resource"] not in kept} - {"Kept"}
    assert expected <= set(changes), changes
    assert empty(server, stack, tmp_path) == {}
    left = [name for name in names_of_everything(server) if name.startswith((stack + "-", f"/{stack}/"))]
    assert left == (["/conditions/kept"] if stack == "conditions" else []), left


def names_of_everything(server):
    """Every name that a stack's resources could have left behind."""
    iam, logs, events = server.client("iam"), server.client("logs"), server.client("events")
    yield from (function["FunctionName"] for function in server.functions.list_functions()["Functions"])
    yield from (machine["name"] for machine in server.states.list_state_machines()["stateMachines"])
    yield from (activity["name"] for activity in server.states.list_activities()["activities"])
    yield from (role["RoleName"] for role in iam.list_roles()["Roles"])
    yield from (policy["PolicyName"] for policy in iam.list_policies(Scope="Local")["Policies"])
    yield from (group["logGroupName"] for group in logs.describe_log_groups()["logGroups"] if not group["logGroupName"].startswith("/aws/"))
    yield from (rule["Name"] for rule in events.list_rules()["Rules"])
    yield from (schedule["Name"] for schedule in server.client("scheduler").list_schedules()["Schedules"])
    yield from (layer["LayerName"] for layer in server.functions.list_layers()["Layers"])
    alarms = server.client("cloudwatch").describe_alarms(AlarmTypes=["MetricAlarm", "CompositeAlarm"])
    yield from (alarm["AlarmName"] for alarm in alarms["MetricAlarms"] + alarms["CompositeAlarms"])
    yield from (board["DashboardName"] for board in server.client("cloudwatch").list_dashboards()["DashboardEntries"])
    yield from (found["filterName"] for found in logs.describe_metric_filters()["metricFilters"])
    yield from (query["name"] for query in logs.describe_query_definitions()["queryDefinitions"])
    xray = server.client("xray")
    yield from (group["GroupName"] for group in xray.get_groups()["Groups"])
    yield from (record["SamplingRule"]["RuleName"] for record in xray.get_sampling_rules()["SamplingRuleRecords"])


# Templates that cannot be deployed.


def expectations(template):
    """`# LINE: text` at the top of a broken template: what must be said of it."""
    found = re.findall(r"^# (\d+): (.+)$", template.read_text(), re.MULTILINE)
    assert found, f"{template} says nothing of what is expected"
    return found


@pytest.mark.parametrize("template", BROKEN, ids=lambda path: path.stem)
def test_a_broken_template_is_refused_with_file_line_and_reason(template, server):
    before = sorted(names_of_everything(server))
    validated = stepwell("validate", template)
    deployed = stepwell("deploy", template, "--stack-name", "broken", endpoint=server.url)
    assert (validated.returncode, deployed.returncode) == (1, 1), validated.stdout + deployed.stdout
    for line, reason in expectations(template):
        for done in (validated, deployed):
            told = [said for said in done.stdout.splitlines() if f"{template.name}:{line}" in said or reason in said]
            assert any(reason in said for said in told), (line, reason, done.stdout)
            assert any(f"{template.name}:{line}" in said for said in told), (line, done.stdout)
    assert sorted(names_of_everything(server)) == before


def test_there_are_enough_templates():
    assert len(APPLICATIONS) >= 15
    assert len(BROKEN) >= 10


# A deployment as a plan and an apply.

TWO = """
Parameters: {Text: {Type: String, Default: one}, Role: {Type: String, Default: 'arn:aws:iam::123456789012:role/any'}}
Resources:
  First:
    Type: AWS::Lambda::Function
    Properties: {Runtime: nodejs22.x, Handler: index.handler, Role: !Ref Role, Timeout: 20, Description: !Ref Text, Code: {ZipFile: !Sub "exports.handler = async () => '${Text}';"}}
  Group:
    Type: AWS::Logs::LogGroup
    Properties: {LogGroupName: !Sub '/${AWS::StackName}/group', RetentionInDays: 7}
  Second:
    Type: AWS::StepFunctions::StateMachine
    DependsOn: [First, Group]
    Properties: {StateMachineName: !Sub '${AWS::StackName}-second', RoleArn: !Ref Role, Definition: {StartAt: Say, States: {Say: {Type: Pass, Result: !Ref Text, End: true}}}}
"""


def written(tmp_path, text, name="template.yaml"):
    (tmp_path / name).write_text(text)
    return tmp_path / name


def test_a_plan_shows_what_would_change_and_changes_nothing(server, tmp_path):
    template = written(tmp_path, TWO)
    before = sorted(names_of_everything(server))
    done, told = run(server, template, "planned", "--plan")
    assert done.returncode == 0
    assert {document["logicalId"]: document["action"] for document in told[:-1]} == {"First": "create", "Group": "create", "Second": "create"}
    assert sorted(names_of_everything(server)) == before
    deploy(server, template, "planned")
    written(tmp_path, TWO.replace("RetentionInDays: 7", "RetentionInDays: 14").replace("    DependsOn: [First, Group]\n", ""))
    _, told = run(server, template, "planned", "--plan", "--parameter", "Text=two")
    changes = {document["logicalId"]: (document["action"], document.get("changed")) for document in told[:-1]}
    assert changes["Group"] == ("update", ["RetentionInDays"])
    assert changes["Second"] == ("update", ["definition"])
    assert changes["First"][0] == "update" and set(changes["First"][1]) == {"Code", "Description"}
    text = stepwell("deploy", template, "--stack-name", "planned", "--plan", endpoint=server.url).stdout
    assert re.search(r"update +log group +/planned/group +RetentionInDays", text), text


def test_a_failure_in_the_middle_puts_everything_back(server, tmp_path):
    stack = "halfway"
    deploy(server, written(tmp_path, TWO), stack)
    machine = f"arn:aws:states:us-east-1:123456789012:stateMachine:{stack}-second"
    function = server.functions.get_function_configuration(FunctionName=f"{stack}-First")
    broken = TWO.replace("RetentionInDays: 7", "RetentionInDays: 30") + """
  New:
    Type: AWS::Logs::LogGroup
    DependsOn: [Second]
    Properties: {LogGroupName: !Sub '/${AWS::StackName}/new'}
  Bad:
    Type: AWS::Logs::LogGroup
    DependsOn: [New]
    Properties: {LogGroupName: !Sub '/${AWS::StackName}/bad', RetentionInDays: 8}
"""
    done, told = run(server, written(tmp_path, broken), stack, "--parameter", "Text=two")
    assert done.returncode == 1, done.stdout
    events = [(document["logicalId"], document["event"]) for document in told if "logicalId" in document]
    failed = events.index(("Bad", "failed"))
    assert dict(events[:failed]) == {"First": "updated", "Group": "updated", "Second": "updated", "New": "created"}
    assert dict(events[failed + 1 :]) | {"Bad": "rolledBack"} == dict.fromkeys(["Bad", "New", "Second", "Group", "First"], "rolledBack")
    assert invoked(server, f"{stack}-First") == "one"
    after = server.functions.get_function_configuration(FunctionName=f"{stack}-First")
    assert (after["CodeSha256"], after["Description"]) == (function["CodeSha256"], "one")
    assert executed(server, machine) == "one"
    groups = server.client("logs").describe_log_groups(logGroupNamePrefix=f"/{stack}/")["logGroups"]
    assert [(group["logGroupName"], group["retentionInDays"]) for group in groups] == [(f"/{stack}/group", 7)]
    _, changes = deploy(server, written(tmp_path, TWO), stack)
    assert {document["event"] for document in changes.values()} == {"unchanged"}


def test_a_first_deployment_that_fails_leaves_nothing(server, tmp_path):
    broken = TWO + "  Bad:\n    Type: AWS::Logs::LogGroup\n    DependsOn: [Second]\n    Properties: {RetentionInDays: 8}\n"
    done, _ = run(server, written(tmp_path, broken), "nothing")
    assert done.returncode == 1
    assert [name for name in names_of_everything(server) if "nothing" in name] == []


def test_a_deployment_that_is_killed_is_finished_by_the_next(server, tmp_path):
    """Killed between two steps of a shift: what was made is found again, and what left the template goes."""
    stack = "killed"
    outputs, _ = deploy(server, "machine-alias.yaml", stack)
    shift = Process("deploy", TEMPLATES / "machine-alias.yaml", "--stack-name", stack, "--parameter", "Colour=green", "--endpoint", server.url, "--rollout-minute", "3600")

    def routes():
        return len(server.states.describe_state_machine_alias(stateMachineAliasArn=outputs["AliasArn"])["routingConfiguration"])

    wait_until(lambda: routes() == 2, "the first share")
    shift.kill()
    deploy(server, "machine-alias.yaml", stack, "--parameter", "Colour=green", "--rollout-minute", "0")
    assert routes() == 1
    assert executed(server, outputs["AliasArn"]) == {"colour": "green"}
    assert "MachineAliaslive" in empty(server, stack, tmp_path)


def test_executions_in_flight_keep_their_definition_and_their_function(server, tmp_path):
    template = """
Transform: AWS::Serverless-2016-10-31
Parameters: {Text: {Type: String}}
Resources:
  Say:
    Type: AWS::Serverless::Function
    Properties: {Runtime: nodejs22.x, Handler: index.handler, Timeout: 20, AutoPublishAlias: live, InlineCode: !Sub "exports.handler = async () => '${Text}';"}
  Machine:
    Type: AWS::Serverless::StateMachine
    Properties:
      Definition:
        StartAt: Wait
        States:
          Wait: {Type: Task, Resource: 'arn:aws:states:::sqs:sendMessage.waitForTaskToken', End: true}
"""
    template = template.replace("'arn:aws:states:::sqs:sendMessage.waitForTaskToken', End: true", "!Sub 'arn:aws:states:${AWS::Region}:${AWS::AccountId}:activity:flight', Next: Say}\n          Say: {Type: Task, Resource: !Ref Say.Version, End: true")
    worker = server.states.create_activity(name="flight")["activityArn"]
    path = written(tmp_path, template + "Outputs: {MachineArn: {Value: !Ref Machine}}\n")
    outputs, _ = deploy(server, path, "flight", "--parameter", "Text=old")
    arn = server.states.start_execution(stateMachineArn=outputs["MachineArn"])["executionArn"]
    token = server.states.get_activity_task(activityArn=worker)["taskToken"]
    deploy(server, path, "flight", "--parameter", "Text=new")
    server.states.send_task_success(taskToken=token, output="{}")
    assert outcome(server, arn) == "old"


def test_a_retained_resource_outlives_its_template_and_another_stack_cannot_take_it(server, tmp_path):
    template = "Resources:\n  Kept:\n    Type: AWS::Logs::LogGroup\n    DeletionPolicy: Retain\n    Properties: {LogGroupName: /retained/group}\n"
    deploy(server, written(tmp_path, template), "retained")
    assert empty(server, "retained", tmp_path) == {}
    logs = server.client("logs")
    assert logs.describe_log_groups(logGroupNamePrefix="/retained/")["logGroups"]
    done, told = run(server, written(tmp_path, template), "taker")
    assert done.returncode == 1
    assert "belongs to stack retained" in told[0]["message"]


def test_a_function_alias_is_shifted_step_by_step(server, tmp_path):
    text = (TEMPLATES / "aliases.yaml").read_text().replace("Canary10Percent5Minutes", "Linear10PercentEvery1Minute")
    path = written(tmp_path, text)
    outputs, _ = deploy(server, path, "shifted")
    done, told = run(server, path, "shifted", "--parameter", "Answer=two", "--rollout-minute", "0.01")
    assert done.returncode == 0, done.stdout
    warnings = [document["message"] for document in told if document["event"] == "warning"]
    assert any("alarms of its deployment preference are not watched" in warning for warning in warnings)
    alias = server.functions.get_alias(FunctionName=outputs["ReplyName"], Name="live")
    assert (alias["FunctionVersion"], alias.get("RoutingConfig", {}).get("AdditionalVersionWeights", {})) == ("2", {})
    assert executed(server, outputs["MachineArn"]) == {"answer": "two", "version": "2"}


def test_a_machine_alias_is_shifted_and_the_old_version_serves_meanwhile(server):
    outputs, _ = deploy(server, "machine-alias.yaml", "shifting")
    # A minute of two seconds: 40 percent, then 80, then all.
    seen = []
    shift = Thread(target=lambda: seen.append(run(server, "machine-alias.yaml", "shifting", "--parameter", "Colour=green", "--rollout-minute", "2")))
    shift.start()

    def weights():
        alias = server.states.describe_state_machine_alias(stateMachineAliasArn=outputs["AliasArn"])
        return {route["stateMachineVersionArn"][-1]: route["weight"] for route in alias["routingConfiguration"]}

    wait_until(lambda: weights() == {"1": 60, "2": 40}, "the first share")
    wait_until(lambda: weights() == {"1": 20, "2": 80}, "the second share")
    shift.join()
    assert seen[0][0].returncode == 0, seen[0][0].stdout
    assert weights() == {"2": 100}
    assert executed(server, outputs["AliasArn"]) == {"colour": "green"}


@pytest.mark.parametrize(
    "template, parameter, changed",
    [
        ("log-filters.yaml", "Level=FATAL", {"Watched", "Counted", "Overview"}),
        ("tracing.yaml", "Share=0.5", {"Checkout"}),
        ("tracing.yaml", "Team=sales", {"Checkout", "Slow"}),
    ],
)
def test_what_telemetry_is_told_is_changed_in_its_place(template, parameter, changed, server):
    stack = "changing-" + parameter.split("=")[0].lower()
    before, _ = deploy(server, template, stack)
    after, changes = deploy(server, template, stack, "--parameter", parameter)
    assert {name for name, document in changes.items() if document["event"] == "updated"} == changed, changes
    assert {document["event"] for document in changes.values()} == {"updated", "unchanged"}, changes
    assert after == before, "what was changed was not made anew"
    again, changes = deploy(server, template, stack, "--parameter", parameter)
    assert {document["event"] for document in changes.values()} == {"unchanged"} and again == after


def test_roles_of_a_template_satisfy_a_server_that_checks_them(tmp_path):
    with Server(tmp_path / "data", "--roles", "checked") as server:
        outputs, changes = deploy(server, "functions.yaml", "functions")
        assert changes["GreetRole"]["event"] == "created"
        assert executed(server, outputs["MachineArn"], {"name": "ann"}) == "HELLO ANN ON MARS!!!"
        copied = shutil.copy(TEMPLATES / "plain.json", tmp_path / "plain.json")
        deploy(server, copied, "plain")


def test_a_stack_is_known_after_a_restart(tmp_path):
    with Server(tmp_path / "data") as server:
        deploy(server, "functions.yaml", "functions")
    with Server(tmp_path / "data") as server:
        _, changes = deploy(server, "functions.yaml", "functions")
        assert {document["event"] for document in changes.values()} == {"unchanged"}
        assert len(empty(server, "functions", tmp_path)) == len(changes)


def test_a_server_of_another_account_is_named_and_left_as_it_was(server, tmp_path):
    done, told = run(server, written(tmp_path, TWO), "foreign", "--account", "000000000000")
    assert done.returncode == 1
    assert any("deploy with --region us-east-1 --account 123456789012" in document.get("message", "") for document in told), told
    assert [name for name in names_of_everything(server) if "foreign" in name] == []
