"""What AWS emits is emitted: AWS/States and AWS/Lambda metrics agree with what happened, and EMF becomes metrics."""

import datetime
import json
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from botocore.exceptions import ClientError

from harness import Server, types, wait_until

HOUR = datetime.timedelta(hours=1)


@pytest.fixture
def metrics(server):
    return Metrics(server)


class Metrics:
    """Reads of the hour around now."""

    def __init__(self, server):
        self.client = server.client("cloudwatch")

    def data(self, namespace, name, dimensions, statistic):
        """All values of a statistic within the hour, one minute each."""
        now = datetime.datetime.now(datetime.timezone.utc)
        answer = self.client.get_metric_data(
            StartTime=now - HOUR,
            EndTime=now + HOUR,
            MetricDataQueries=[
                {
                    "Id": "m",
                    "MetricStat": {
                        "Metric": {
                            "Namespace": namespace,
                            "MetricName": name,
                            "Dimensions": [{"Name": key, "Value": value} for key, value in dimensions.items()],
                        },
                        "Period": 60,
                        "Stat": statistic,
                    },
                }
            ],
        )
        return answer["MetricDataResults"][0]["Values"]

    def sum(self, namespace, name, **dimensions):
        return sum(self.data(namespace, name, dimensions, "Sum"))

    def count(self, namespace, name, **dimensions):
        return sum(self.data(namespace, name, dimensions, "SampleCount"))

    def maximum(self, namespace, name, **dimensions):
        return max(self.data(namespace, name, dimensions, "Maximum"), default=None)

    def states(self, name, **dimensions):
        return self.sum("AWS/States", name, **dimensions)

    def functions(self, name, **dimensions):
        return self.sum("AWS/Lambda", name, **dimensions)


def passing(kind="Pass", **more):
    return {"StartAt": "S", "States": {"S": {"Type": kind} | ({"End": True} if kind == "Pass" else {}) | more}}


def test_executions_count_by_how_they_end(server, name, metrics):
    succeeds = server.create_machine(name("succeeds"), passing())
    fails = server.create_machine(name("fails"), passing("Fail", Error="Boom"))
    times_out = server.create_machine(
        name("times-out"),
        {"TimeoutSeconds": 1, "StartAt": "S", "States": {"S": {"Type": "Wait", "Seconds": 60, "End": True}}},
    )
    waits = server.create_machine(name("waits"), passing("Wait", Seconds=600, End=True))
    for _ in range(3):
        server.end(server.start(succeeds))
    for _ in range(2):
        server.end(server.start(fails))
    server.end(server.start(times_out))
    aborted = server.start(waits)
    server.states.stop_execution(executionArn=aborted)
    server.end(aborted)
    still = server.start(waits)

    ends = ["ExecutionsSucceeded", "ExecutionsFailed", "ExecutionsTimedOut", "ExecutionsAborted"]
    counted = {
        arn: [metrics.states(end, StateMachineArn=arn) for end in ends] for arn in (succeeds, fails, times_out, waits)
    }
    # AWS: an execution that timed out is no failed one.
    assert counted == {succeeds: [3, 0, 0, 0], fails: [0, 2, 0, 0], times_out: [0, 0, 1, 0], waits: [0, 0, 0, 1]}
    # AWS: one sample of 1 at the start, one of 0 at the end.
    assert metrics.states("ExecutionsStarted", StateMachineArn=succeeds) == 3
    assert metrics.count("AWS/States", "ExecutionsStarted", StateMachineArn=succeeds) == 6
    assert metrics.states("ExecutionsStarted", StateMachineArn=waits) == 2
    assert metrics.count("AWS/States", "ExecutionsStarted", StateMachineArn=waits) == 3
    assert 1_000 <= metrics.maximum("AWS/States", "ExecutionTime", StateMachineArn=times_out) < 30_000
    server.states.stop_execution(executionArn=still)


def test_statistics_of_a_minute_agree_with_the_data(server, name, metrics):
    machine = server.create_machine(name("machine"), passing())
    for _ in range(4):
        server.end(server.start(machine))
    now = datetime.datetime.now(datetime.timezone.utc)
    answer = metrics.client.get_metric_statistics(
        Namespace="AWS/States",
        MetricName="ExecutionTime",
        Dimensions=[{"Name": "StateMachineArn", "Value": machine}],
        StartTime=now - HOUR,
        EndTime=now + HOUR,
        Period=3600,
        Statistics=["SampleCount", "Maximum"],
    )
    points = answer["Datapoints"]
    assert sum(point["SampleCount"] for point in points) == 4
    assert {point["Unit"] for point in points} == {"Milliseconds"}


def test_versions_and_aliases_report_under_their_own_arns(server, name, metrics):
    machine = server.create_machine(name("machine"), passing())
    version = server.states.publish_state_machine_version(stateMachineArn=machine)["stateMachineVersionArn"]
    alias = server.states.create_state_machine_alias(
        name="live", routingConfiguration=[{"stateMachineVersionArn": version, "weight": 100}]
    )["stateMachineAliasArn"]
    for arn in (machine, version, alias):
        server.end(server.start(arn))
    started = [metrics.states("ExecutionsStarted", StateMachineArn=arn) for arn in (machine, version, alias)]
    assert started == [3, 2, 1]


def test_redriven_executions_count_apart(server, name, metrics):
    function = name("flaky")
    server.create_function(function, "export const handler = async () => { throw new Error('no'); };")
    machine = server.create_machine(
        name("machine"), {"StartAt": "T", "States": {"T": {"Type": "Task", "Resource": arn_of(function), "End": True}}}
    )
    execution = server.start(machine)
    assert server.end(execution)["status"] == "FAILED"
    server.functions.update_function_code(FunctionName=function, ZipFile=package("export const handler = async () => 1;"))
    server.states.redrive_execution(executionArn=execution)
    assert server.end(execution)["status"] == "SUCCEEDED"
    names = ["ExecutionsRedriven", "RedrivenExecutionsSucceeded", "RedrivenExecutionsFailed", "ExecutionsFailed"]
    assert [metrics.states(each, StateMachineArn=machine) for each in names] == [1, 1, 0, 1]


def package(source):
    from harness import package as zipped

    return zipped({"index.mjs": source})


def arn_of(function):
    return f"arn:aws:lambda:us-east-1:123456789012:function:{function}"


def milliseconds(later, earlier):
    return (later["timestamp"] - earlier["timestamp"]) / datetime.timedelta(milliseconds=1)


def test_tasks_have_the_times_of_their_history(server, name, metrics):
    function = name("works")
    arn = server.create_function(
        function, "export const handler = async () => { await new Promise(done => setTimeout(done, 50)); return {}; };"
    )
    machine = server.create_machine(
        name("machine"),
        {
            "StartAt": "Direct",
            "States": {
                "Direct": {"Type": "Task", "Resource": arn, "Next": "Integrated"},
                "Integrated": {
                    "Type": "Task",
                    "Resource": "arn:aws:states:::lambda:invoke",
                    "Parameters": {"FunctionName": arn},
                    "End": True,
                },
            },
        },
    )
    before = {
        each: metrics.states(each, ServiceIntegrationResourceArn="arn:aws:states:::lambda:invoke")
        for each in ("ServiceIntegrationsScheduled", "ServiceIntegrationsStarted", "ServiceIntegrationsSucceeded")
    }
    description, history = server.run(machine)
    assert description["status"] == "SUCCEEDED"
    of = {kind: event for kind, event in zip(types(history), history)}
    direct = {"LambdaFunctionArn": arn}
    counts = ["LambdaFunctionsScheduled", "LambdaFunctionsStarted", "LambdaFunctionsSucceeded", "LambdaFunctionsFailed"]
    assert [metrics.states(each, **direct) for each in counts] == [1, 1, 1, 0]
    times = {
        "LambdaFunctionScheduleTime": ("LambdaFunctionScheduled", "LambdaFunctionStarted"),
        "LambdaFunctionRunTime": ("LambdaFunctionStarted", "LambdaFunctionSucceeded"),
        "LambdaFunctionTime": ("LambdaFunctionScheduled", "LambdaFunctionSucceeded"),
    }
    for metric, (earlier, later) in times.items():
        assert metrics.states(metric, **direct) == pytest.approx(milliseconds(of[later], of[earlier]), abs=0.01), metric
    integrated = {"ServiceIntegrationResourceArn": "arn:aws:states:::lambda:invoke"}
    # The function is not a direct task in the second state.
    assert {each: metrics.states(each, **integrated) - count for each, count in before.items()} == dict.fromkeys(before, 1)


def test_activities_count_with_their_heartbeats(server, name, metrics):
    activity = server.states.create_activity(name=name("activity"))["activityArn"]
    state = {"Type": "Task", "Resource": activity, "HeartbeatSeconds": 1, "TimeoutSeconds": 60, "End": True}
    machine = server.create_machine(name("machine"), {"StartAt": "T", "States": {"T": state}})
    done = server.start(machine)
    task = server.states.get_activity_task(activityArn=activity)
    server.states.send_task_success(taskToken=task["taskToken"], output="{}")
    assert server.end(done)["status"] == "SUCCEEDED"
    failed = server.start(machine)
    task = server.states.get_activity_task(activityArn=activity)
    server.states.send_task_failure(taskToken=task["taskToken"], error="No")
    assert server.end(failed)["status"] == "FAILED"
    silent = server.start(machine)
    server.states.get_activity_task(activityArn=activity)
    assert server.end(silent)["status"] == "FAILED"
    names = ["Scheduled", "Started", "Succeeded", "Failed", "TimedOut", "HeartbeatTimedOut"]
    counted = [metrics.states(f"Activities{each}", ActivityArn=activity) for each in names]
    assert counted == [3, 3, 1, 1, 0, 1]
    assert metrics.count("AWS/States", "ActivityTime", ActivityArn=activity) == 3


def test_express_executions_are_billed(server, name, metrics):
    machine = server.create_machine(name("express"), passing(), kind="EXPRESS")
    for _ in range(2):
        server.states.start_sync_execution(stateMachineArn=machine, input="{}")
    assert metrics.states("ExecutionsSucceeded", StateMachineArn=machine) == 2
    billed = metrics.data("AWS/States", "ExpressExecutionBilledDuration", {"StateMachineArn": machine}, "Minimum")
    assert all(value % 100 == 0 and value >= 100 for value in billed) and billed
    assert metrics.maximum("AWS/States", "ExpressExecutionBilledMemory", StateMachineArn=machine) == 64
    assert metrics.maximum("AWS/States", "ExpressExecutionMemory", StateMachineArn=machine) > 0


def test_children_of_a_map_run_report_under_the_labelled_arn(server, name, metrics):
    machine = server.create_machine(
        name("maps"),
        {
            "StartAt": "M",
            "States": {
                "M": {
                    "Type": "Map",
                    "Label": "Each",
                    "ItemProcessor": {
                        "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
                        "StartAt": "P",
                        "States": {"P": {"Type": "Pass", "End": True}},
                    },
                    "End": True,
                }
            },
        },
    )
    assert server.end(server.start(machine, [1, 2, 3]))["status"] == "SUCCEEDED"
    assert metrics.states("ExecutionsSucceeded", StateMachineArn=machine) == 1
    assert metrics.states("ExecutionsSucceeded", StateMachineArn=f"{machine}/Each") == 3


def test_invocations_errors_throttles_and_durations(server, name, metrics):
    function = name("invoked")
    server.create_function(
        function,
        """
        export const handler = async event => {
            await new Promise(done => setTimeout(done, event.ms ?? 0));
            if (event.fails) throw new Error('as asked');
            return {};
        };
        """,
    )
    before = metrics.sum("AWS/Lambda", "Invocations")
    server.invoke(function)
    server.invoke(function, {"fails": True})
    server.invoke(function, {"ms": 120})
    server.functions.put_function_concurrency(FunctionName=function, ReservedConcurrentExecutions=0)
    with pytest.raises(ClientError) as refused:
        server.invoke(function)
    assert refused.value.response["Error"]["Code"] == "TooManyRequestsException"
    names = ["Invocations", "Errors", "Throttles"]
    # AWS: what was throttled is neither an invocation nor an error.
    assert [metrics.functions(each, FunctionName=function) for each in names] == [3, 1, 1]
    assert metrics.count("AWS/Lambda", "Errors", FunctionName=function) == 3
    assert 120 <= metrics.maximum("AWS/Lambda", "Duration", FunctionName=function) < 5_000
    assert metrics.maximum("AWS/Lambda", "ConcurrentExecutions", FunctionName=function) == 1
    assert metrics.sum("AWS/Lambda", "Invocations") == before + 3


def test_a_cold_start_is_no_part_of_the_duration(server, name, metrics):
    function = name("cold")
    # Init takes longer than the handler ever does.
    server.create_function(function, "await new Promise(done => setTimeout(done, 1500)); export const handler = async () => 1;")
    reply = server.invoke(function, LogType="Tail")
    assert reply["StatusCode"] == 200
    assert metrics.maximum("AWS/Lambda", "Duration", FunctionName=function) < 1_400


def test_an_alias_reports_by_alias_and_by_the_version_that_ran(server, name, metrics):
    function = name("aliased")
    server.create_function(function, "export const handler = async () => 1;")
    version = server.functions.publish_version(FunctionName=function)["Version"]
    server.functions.create_alias(FunctionName=function, Name="live", FunctionVersion=version)
    server.invoke(function, Qualifier="live")
    server.invoke(function, Qualifier=version)
    by = [
        {"FunctionName": function},
        {"FunctionName": function, "Resource": f"{function}:live"},
        {"FunctionName": function, "Resource": f"{function}:{version}"},
        {"FunctionName": function, "Resource": f"{function}:live", "ExecutedVersion": version},
    ]
    assert [metrics.functions("Invocations", **dimensions) for dimensions in by] == [2, 1, 1, 1]


def test_events_of_a_function_are_received_have_an_age_and_may_be_dropped(server, name, metrics):
    function = name("events")
    server.create_function(function, "export const handler = async () => { throw new Error('never'); };")
    server.functions.put_function_event_invoke_config(FunctionName=function, MaximumRetryAttempts=0)
    server.functions.invoke(FunctionName=function, InvocationType="Event", Payload=b"{}")
    wait_until(lambda: metrics.functions("AsyncEventsDropped", FunctionName=function) == 1, "the event to be dropped")
    assert metrics.functions("AsyncEventsReceived", FunctionName=function) == 1
    assert metrics.count("AWS/Lambda", "AsyncEventAge", FunctionName=function) == 1
    assert metrics.functions("Errors", FunctionName=function) == 1


def test_embedded_metrics_of_a_handler_become_metrics(server, name, metrics):
    function, namespace = name("embeds"), name("Shop")
    server.create_function(
        function,
        f"""
        export const handler = async event => {{
            const directive = {{
                Namespace: '{namespace}', Dimensions: [['service'], ['service', 'kind']],
                Metrics: [{{ Name: 'Paid', Unit: 'Count' }}, {{ Name: 'Took', Unit: 'Milliseconds', StorageResolution: 1 }}],
            }};
            console.log(JSON.stringify({{
                _aws: {{ Timestamp: Date.now(), CloudWatchMetrics: [directive] }},
                service: 'payments', kind: event.kind, Paid: event.paid, Took: [10, 20, 30], order: 'o-1',
            }}));
            console.log('{{"_aws": {{"CloudWatchMetrics": [');
            return {{}};
        }};
        """,
    )
    server.invoke(function, {"kind": "card", "paid": 2})
    server.invoke(function, {"kind": "cash", "paid": 5})
    faults = {"LogGroupName": f"/aws/lambda/{function}"}
    wait_until(lambda: metrics.sum("AWS/Logs", "EMFParsingErrors", **faults) == 2, "the lines to be read")
    assert metrics.sum(namespace, "Paid", service="payments") == 7
    assert metrics.sum(namespace, "Paid", service="payments", kind="cash") == 5
    assert metrics.count(namespace, "Took", service="payments") == 6
    assert metrics.maximum(namespace, "Took", service="payments", kind="card") == 30
    listed = metrics.client.list_metrics(Namespace=namespace)["Metrics"]
    assert len(listed) == 6, "two metrics under the service, and under it with each kind"


def test_embedded_metrics_of_put_log_events_become_metrics(server, name, metrics):
    logs, group, namespace = server.client("logs"), name("group"), name("Put")
    logs.create_log_group(logGroupName=group)
    logs.create_log_stream(logGroupName=group, logStreamName="s")
    now = int(time.time() * 1000)
    directive = {"Namespace": namespace, "Dimensions": [[]], "Metrics": [{"Name": "Depth"}, {"Name": "Missing"}]}
    event = {"_aws": {"Timestamp": now, "CloudWatchMetrics": [directive]}, "Depth": 12.5}
    logs.put_log_events(
        logGroupName=group,
        logStreamName="s",
        logEvents=[{"timestamp": now, "message": json.dumps(event)}, {"timestamp": now, "message": "text"}],
    )
    assert metrics.maximum(namespace, "Depth") == 12.5
    assert metrics.sum("AWS/Logs", "EMFValidationErrors", LogGroupName=group) == 1


def test_counts_go_on_after_a_kill(tmp_path, name):
    with Server(tmp_path) as server:
        machine = server.create_machine(name("machine"), passing())
        activity = server.states.create_activity(name=name("activity"))["activityArn"]
        state = {"Type": "Task", "Resource": activity, "End": True}
        asks = server.create_machine(name("asks"), {"StartAt": "T", "States": {"T": state}})
        server.end(server.start(machine))
        waiting = server.start(asks)
        token = server.states.get_activity_task(activityArn=activity)["taskToken"]
        # A read has everything before it committed: what is lost is at most what comes after.
        assert Metrics(server).states("ExecutionsSucceeded", StateMachineArn=machine) == 1
        server.restart_after_kill()
        server.end(server.start(machine))
        server.states.send_task_success(taskToken=token, output="{}")
        assert server.end(waiting)["status"] == "SUCCEEDED"
        metrics = Metrics(server)
        assert metrics.states("ExecutionsSucceeded", StateMachineArn=machine) == 2
        # The attempt began in the killed process: its times are those of the history.
        history = server.history(waiting)
        of = {kind: event for kind, event in zip(types(history), history)}
        took = milliseconds(of["ActivitySucceeded"], of["ActivityScheduled"])
        assert metrics.states("ActivityTime", ActivityArn=activity) == pytest.approx(took, abs=0.01)
        assert metrics.states("ActivityRunTime", ActivityArn=activity) > 0


def test_open_map_runs_are_told_each_minute_and_at_the_start(tmp_path, name):
    with Server(tmp_path) as server:
        children = {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 600, "End": True}}}
        processor = {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}} | children
        state = {"Type": "Map", "Label": "Each", "ItemProcessor": processor, "End": True}
        machine = server.create_machine(name("maps"), {"StartAt": "M", "States": {"M": state}})
        executions = [server.start(machine, [1, 2, 3]) for _ in range(2)]
        runs = lambda: [run for each in executions for run in server.states.list_map_runs(executionArn=each)["mapRuns"]]
        begun = lambda run: server.states.describe_map_run(mapRunArn=run["mapRunArn"])["executionCounts"]["running"] == 3
        wait_until(lambda: len(runs()) == 2 and all(begun(run) for run in runs()), "both map runs")
        # The first values of a process are those of its start.
        server.restart_after_kill()
        metrics = Metrics(server)
        wait_until(lambda: metrics.maximum("AWS/States", "ApproximateOpenMapRunCount") == 2, "the map runs to be counted")
        # AWS: it has values only while map runs wait.
        assert metrics.count("AWS/States", "ApproximateMapRunBacklogSize") == 0


def test_what_rates_allow_and_throttle_is_told_by_operation(tmp_path, name):
    with Server(tmp_path, "--aws-quotas") as server:
        made = 0
        with pytest.raises(ClientError) as refused:
            # A hundred at once, and one a second.
            while made < 400:
                server.states.create_activity(name=f"a{made}")
                made += 1
        assert refused.value.response["Error"]["Code"] == "ThrottlingException"
        metrics = Metrics(server)
        assert metrics.states("ConsumedCapacity", APIName="CreateActivity") == made
        assert metrics.states("ThrottledEvents", APIName="CreateActivity") == 1
        provisioned = {each: metrics.data("AWS/States", each, {"APIName": "CreateActivity"}, "Minimum") for each in ("ProvisionedBucketSize", "ProvisionedRefillRate")}
        assert {each: set(values) for each, values in provisioned.items()} == {"ProvisionedBucketSize": {100}, "ProvisionedRefillRate": {1}}
        listed = metrics.client.list_metrics(Namespace="AWS/States", MetricName="ConsumedCapacity")["Metrics"]
        assert [metric["Dimensions"] for metric in listed] == [[{"Name": "APIName", "Value": "CreateActivity"}]]
        # State transitions have no rate here: AWS's names for theirs have no values.
        assert metrics.count("AWS/States", "ProvisionedBucketSize", ServiceMetric="StateTransition") == 0


def test_starts_have_a_bucket_for_each_kind_and_tasks_of_executions_take_from_none(tmp_path, name):
    with Server(tmp_path, "--aws-quotas") as server:
        standard = server.create_machine(name("standard"), passing())
        express = server.create_machine(name("express"), passing(), kind="EXPRESS")
        task = {"Type": "Task", "Resource": "arn:aws:states:::states:startExecution", "Parameters": {"StateMachineArn": standard}}
        starts = server.create_machine(name("starts"), {"StartAt": "T", "States": {"T": task | {"End": True}}})
        for _ in range(2):
            assert server.end(server.start(starts))["status"] == "SUCCEEDED"
        server.states.start_execution(stateMachineArn=express)
        server.states.start_sync_execution(stateMachineArn=express)
        metrics, start = Metrics(server), {"APIName": "StartExecution"}
        assert metrics.states("ConsumedCapacity", **start) == 3
        sizes = {stat: metrics.data("AWS/States", "ProvisionedBucketSize", start, stat) for stat in ("Minimum", "Maximum")}
        # AWS: the buckets of us-east-1 for Standard and for Express.
        assert (min(sizes["Minimum"]), max(sizes["Maximum"])) == (1_300, 6_000)
        assert metrics.count("AWS/States", "ConsumedCapacity", APIName="StartSyncExecution") == 0


def test_without_rates_only_what_was_throttled_is_told(tmp_path, name):
    settings = tmp_path / "stepwell.toml"
    settings.write_text("[limits]\nrequests_waiting = 1\n")
    with Server(tmp_path / "data", "--config", settings) as server:
        machine = server.create_machine(name("machine"), passing())

        def start(number):
            try:
                server.states.start_execution(stateMachineArn=machine, name=f"e{number}")
            except ClientError as error:
                return error.response["Error"]["Code"] == "ThrottlingException"
            return False

        with ThreadPoolExecutor(16) as pool:
            throttled = sum(pool.map(start, range(400)))
        assert throttled > 0, "the server was not overloaded"
        metrics = Metrics(server)
        assert metrics.states("ThrottledEvents", APIName="StartExecution") == throttled
        names = {metric["MetricName"] for metric in metrics.client.list_metrics(Namespace="AWS/States")["Metrics"]}
        assert not names & {"ConsumedCapacity", "ProvisionedBucketSize", "ProvisionedRefillRate", "ExecutionThrottled"}


def test_nothing_is_emitted_where_telemetry_is_off(tmp_path, name):
    with Server(tmp_path, "--telemetry", "off", "--aws-quotas") as server:
        machine = server.create_machine(name("machine"), passing())
        assert server.end(server.start(machine))["status"] == "SUCCEEDED"
        assert Metrics(server).count("AWS/States", "ExecutionsStarted", StateMachineArn=machine) == 0
        assert server.client("cloudwatch").list_metrics()["Metrics"] == []
