/** What a server has to show of itself: log groups, traces, metrics, alarms, dashboards; put there as anybody would. */

import type { CloudWatch, Logs, XRay } from "../src/api/generated";
import { CLOUDWATCH_TARGET, LOGS_TARGET, XRAY_ROUTES } from "../src/api/generated";
import { withQuery } from "../src/model/arn";
import { ROLE } from "./server";
import type { Server } from "./server";

async function json(server: Server, target: { prefix: string; contentType: string }, operation: string, input: unknown): Promise<unknown> {
  const response = await fetch(server.url, {
    method: "POST",
    headers: { "content-type": target.contentType, "x-amz-target": `${target.prefix}.${operation}` },
    body: JSON.stringify(input),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${operation}: ${text}`);
  return text ? JSON.parse(text) : {};
}

export async function logs<O extends keyof Logs.Operations>(server: Server, operation: O, input: Logs.Operations[O]["input"]): Promise<Logs.Operations[O]["output"]> {
  return (await json(server, LOGS_TARGET, operation, input)) as Logs.Operations[O]["output"];
}

export async function cloudwatch<O extends keyof CloudWatch.Operations>(
  server: Server,
  operation: O,
  input: CloudWatch.Operations[O]["input"],
): Promise<CloudWatch.Operations[O]["output"]> {
  return (await json(server, CLOUDWATCH_TARGET, operation, input)) as CloudWatch.Operations[O]["output"];
}

export async function xray<O extends keyof XRay.Operations>(server: Server, operation: O, input: XRay.Operations[O]["input"]): Promise<XRay.Operations[O]["output"]> {
  const response = await fetch(`${server.url}${XRAY_ROUTES[operation][1]}`, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(input) });
  const text = await response.text();
  if (!response.ok) throw new Error(`${operation}: ${text}`);
  return JSON.parse(text) as XRay.Operations[O]["output"];
}

export const REQUEST_ID = "7b3f0a52-93a1-4b8b-8f0e-0d9c3f8f2a11";

/** A group with one stream. */
export async function createGroup(server: Server, logGroupName: string): Promise<void> {
  await logs(server, "CreateLogGroup", { logGroupName });
  await logs(server, "CreateLogStream", { logGroupName, logStreamName: "2026/11/26/[$LATEST]one" });
}

/** An Express state machine that logs everything. */
export async function createLogged(server: Server, name: string): Promise<string> {
  const logGroupName = `/express/${name}`;
  await createGroup(server, logGroupName);
  const { stateMachineArn } = await server.states("CreateStateMachine", {
    name,
    type: "EXPRESS",
    roleArn: ROLE,
    definition: JSON.stringify({ StartAt: "Fine", States: { Fine: { Type: "Pass", End: true } } }),
    loggingConfiguration: {
      level: "ALL",
      includeExecutionData: true,
      destinations: [{ cloudWatchLogsLogGroup: { logGroupArn: `arn:aws:logs:us-east-1:123456789012:log-group:${logGroupName}:*` } }],
    },
  });
  return stateMachineArn;
}

export async function putLines(server: Server, logGroupName: string, lines: readonly { at: number; message: string }[]): Promise<void> {
  for (let from = 0; from < lines.length; from += 5_000) {
    const logEvents = lines.slice(from, from + 5_000).map(({ at, message }) => ({ timestamp: at, message }));
    await logs(server, "PutLogEvents", { logGroupName, logStreamName: "2026/11/26/[$LATEST]one", logEvents });
  }
}

/** What a function logs that charges cards: most of it well, one of it not. */
export function chargeLines(now: number, traceId: string): { at: number; message: string }[] {
  const at = (ms: number): number => now - 120_000 + ms;
  const line = (ms: number, level: string, text: string) => ({ at: at(ms), message: `${new Date(at(ms)).toISOString()}\t${REQUEST_ID}\t${level}\t${text}` });
  return [
    { at: at(0), message: `START RequestId: ${REQUEST_ID} Version: $LATEST` },
    line(12, "INFO", "charging the card of Grace"),
    { at: at(40), message: JSON.stringify({ level: "WARN", message: "the bank is slow", ms: 812, function_request_id: REQUEST_ID, xray_trace_id: traceId }) },
    { at: at(90), message: JSON.stringify({ level: "ERROR", message: "not charged", error: { name: "CardDeclined", message: "the card of Grace was declined" }, order: { id: "o-7", items: [1, 2, 3] } }) },
    line(95, "DEBUG", "waiting for the next one"),
    { at: at(100), message: `END RequestId: ${REQUEST_ID}` },
    { at: at(101), message: `REPORT RequestId: ${REQUEST_ID}\tDuration: 100.42 ms\tBilled Duration: 101 ms\tMemory Size: 128 MB\tMax Memory Used: 71 MB\tXRAY TraceId: ${traceId}\tSegmentId: 53995c3f42cd8ad8\tSampled: true\t` },
  ];
}

let traces = 0;
export function traceId(at: number): string {
  traces += 1;
  return `1-${Math.floor(at / 1_000).toString(16).padStart(8, "0")}-${traces.toString(16).padStart(24, "0")}`;
}

const hex = (() => {
  let last = 0x10_00_00_00;
  return (): string => (last += 1).toString(16).padStart(16, "0");
})();

/** The trace of an order: its execution, its states, two functions, and, if it fails, why. */
export async function putTrace(server: Server, at: number, options: { fails?: boolean; executionArn?: string; states?: number } = {}): Promise<string> {
  const id = traceId(at);
  const from = at / 1_000;
  const { fails = false, executionArn, states = 3 } = options;
  const call = hex();
  const execution = {
    id: hex(),
    trace_id: id,
    name: "OrderProcessing",
    origin: "AWS::StepFunctions::StateMachine",
    start_time: from,
    end_time: from + 1.9,
    ...(fails ? { fault: true } : {}),
    aws: { account_id: "123456789012", ...(executionArn ? { execution_arn: executionArn } : {}) },
    subsegments: [
      { id: hex(), name: "ValidatePayment", start_time: from + 0.02, end_time: from + 0.1, aws: { state_type: "Pass" } },
      {
        id: hex(),
        name: "ChargeCard",
        start_time: from + 0.1,
        end_time: from + 1.4,
        ...(fails ? { fault: true } : {}),
        aws: { state_type: "Task" },
        subsegments: [{ id: call, name: "Lambda", namespace: "aws", start_time: from + 0.12, end_time: from + 1.38, ...(fails ? { fault: true } : {}), aws: { operation: "Invoke", attempt: 1 } }],
      },
      ...Array.from({ length: Math.max(0, states - 2) }, (_, index) => ({
        id: hex(),
        name: index === 0 ? "NotifyCustomer" : `Step ${index}`,
        start_time: from + 1.4 + index * 0.0003,
        end_time: from + 1.41 + index * 0.0003,
        aws: { state_type: "Task" },
      })),
    ],
  };
  const run = {
    id: hex(),
    trace_id: id,
    parent_id: call,
    name: "ChargeCard",
    origin: "AWS::Lambda::Function",
    resource_arn: "arn:aws:lambda:us-east-1:123456789012:function:ChargeCard",
    start_time: from + 0.2,
    end_time: from + 1.36,
    annotations: { customer: "Grace", amount: 12.5, isNew: true },
    metadata: { default: { order: { id: "o-7", items: [1, 2, 3] } } },
    aws: { request_id: REQUEST_ID },
    ...(fails
      ? {
          fault: true,
          cause: {
            working_directory: "/var/task",
            exceptions: [
              {
                id: hex(),
                type: "CardDeclined",
                message: "the card of Grace was declined",
                stack: [
                  { path: "src/charge.ts", line: 41, label: "checkCard" },
                  { path: "src/charge.ts", line: 12, label: "handler" },
                ],
              },
            ],
          },
        }
      : {}),
    subsegments: [{ id: hex(), name: "bank.example", namespace: "remote", start_time: from + 0.3, end_time: from + 1.3, http: { request: { method: "POST", url: "https://bank.example/charges" }, response: { status: fails ? 402 : 200 } }, ...(fails ? { error: true } : {}) }],
  };
  // A document has at most 64 KiB: what is beyond is sent by itself.
  const [few, many] = [execution.subsegments.slice(0, 200), execution.subsegments.slice(200)];
  const documents: object[] = [{ ...execution, subsegments: few }, run, ...many.map((one) => ({ ...one, type: "subsegment", trace_id: id, parent_id: execution.id }))];
  for (let sent = 0; sent < documents.length; sent += 400) {
    const reply = await xray(server, "PutTraceSegments", { TraceSegmentDocuments: documents.slice(sent, sent + 400).map((document) => JSON.stringify(document)) });
    if (reply.UnprocessedTraceSegments?.length) throw new Error(JSON.stringify(reply.UnprocessedTraceSegments[0]));
  }
  return id;
}

/** What orders there were within the last hours: taken, failed, and how long each took; one value a minute. */
export async function putOrders(server: Server, now: number, minutes: number): Promise<void> {
  const minute = Math.floor(now / 60_000) * 60;
  const data = Array.from({ length: minutes }, (_, index) => {
    const Timestamp = minute - index * 60;
    const wave = Math.round(40 + 25 * Math.sin(index / 14) + ((index * 7) % 11));
    const Dimensions = [{ Name: "Shop", Value: "north" }];
    return [
      { MetricName: "Taken", Dimensions, Timestamp, Value: wave, Unit: "Count" as const },
      { MetricName: "Refused", Dimensions, Timestamp, Value: index % 17 === 4 ? 9 : index % 3, Unit: "Count" as const },
      { MetricName: "Duration", Dimensions, Timestamp, Value: 180 + ((index * 31) % 140), Unit: "Milliseconds" as const },
    ];
  }).flat();
  for (let from = 0; from < data.length; from += 600) await cloudwatch(server, "PutMetricData", { Namespace: "Orders", MetricData: data.slice(from, from + 600) });
}

/** An alarm that goes to ALARM within seconds, one that has no data, and a composite one over both. */
export async function putAlarms(server: Server): Promise<void> {
  await cloudwatch(server, "PutMetricAlarm", {
    AlarmName: "refused-orders",
    AlarmDescription: "More orders are refused than anybody likes",
    Namespace: "Orders",
    MetricName: "RefusedNow",
    Statistic: "Maximum",
    Period: 10,
    EvaluationPeriods: 1,
    Threshold: 5,
    ComparisonOperator: "GreaterThanThreshold",
    TreatMissingData: "ignore",
    AlarmActions: ["arn:aws:lambda:us-east-1:123456789012:function:ChargeCard"],
  });
  await cloudwatch(server, "PutMetricAlarm", {
    AlarmName: "bank-is-slow",
    Namespace: "Orders",
    MetricName: "BankLatency",
    ExtendedStatistic: "p99",
    Period: 60,
    EvaluationPeriods: 3,
    DatapointsToAlarm: 2,
    Threshold: 1_500,
    ComparisonOperator: "GreaterThanOrEqualToThreshold",
  });
  await cloudwatch(server, "PutCompositeAlarm", { AlarmName: "shop-is-down", AlarmRule: 'ALARM("refused-orders") AND NOT (OK("bank-is-slow") OR ALARM("bank-is-slow"))' });
}

export async function putRefused(server: Server, at: number, Value: number): Promise<void> {
  await cloudwatch(server, "PutMetricData", { Namespace: "Orders", MetricData: [{ MetricName: "RefusedNow", Timestamp: at / 1_000, Value, StorageResolution: 1 }] });
}

/** A dashboard of every kind of widget, and of some that are not shown. */
export function orderDashboard(group: string): string {
  const metric = (title: string, x: number, y: number, properties: object): object => ({ type: "metric", x, y, width: 12, height: 6, properties: { title, region: "us-east-1", period: 60, ...properties } });
  return JSON.stringify({
    start: "-PT3H",
    widgets: [
      { type: "text", x: 0, y: 0, width: 24, height: 2, properties: { markdown: "# Orders\nWhat the **shops** take, and what they `refuse`. See [the runbook](https://runbook.example/orders). <script>alert(1)</script>" } },
      metric("Taken and refused", 0, 2, { stat: "Sum", metrics: [["Orders", "Taken", "Shop", "north"], [".", "Refused", ".", "."]], annotations: { horizontal: [{ value: 60, label: "as planned" }] } }),
      metric("Share that is refused", 12, 2, { stat: "Sum", metrics: [["Orders", "Taken", "Shop", "north", { id: "m1", visible: false }], [".", "Refused", ".", ".", { id: "m2", visible: false }], [{ expression: "100 * m2 / m1", label: "refused, %", id: "e1" }]] }),
      { ...metric("Now", 0, 8, { view: "singleValue", metrics: [["Orders", "Taken", "Shop", "north", { stat: "Sum" }], [".", "Duration", ".", ".", { stat: "p95" }]] }), height: 3 },
      { type: "alarm", x: 12, y: 8, width: 6, height: 5, properties: { title: "Alarms", alarms: ["refused-orders", "bank-is-slow", "shop-is-down"].map((name) => `arn:aws:cloudwatch:us-east-1:123456789012:alarm:${name}`) } },
      { type: "metric", x: 18, y: 8, width: 6, height: 3, properties: { title: "By shop", view: "pie", metrics: [["Orders", "Taken"]], region: "us-east-1" } },
      { type: "log", x: 0, y: 11, width: 12, height: 5, properties: { title: "Lines by level", region: "us-east-1", view: "table", query: `SOURCE '${group}' | stats count(*) as lines by level | sort lines desc` } },
    ],
  });
}

/** Something of everything, and the pages that show it. */
export async function fillObserved(server: Server, empty: Server): Promise<[name: string, path: string, from?: Server][]> {
  const now = Date.now();
  const [charge, audit] = ["/aws/lambda/BookCourier", "/orders/audit"];
  for (let index = 0; index < 24; index += 1) await putTrace(server, now - index * 120_000 - 5_000, { fails: index % 7 === 3 });
  const failed = await putTrace(server, now - 60_000, { fails: true });
  const large = await putTrace(server, now - 90_000, { states: 1_300 });
  for (const group of [charge, audit]) await createGroup(server, group);
  const lines = Array.from({ length: 400 }, (_, index) => ({ at: now - 2_000_000 + index * 4_500, message: `INFO order ${1000 + index} is charged in ${(index * 37) % 400} ms` }));
  await putLines(server, charge, [...lines, ...chargeLines(now, failed)].toSorted((a, b) => a.at - b.at));
  await putLines(server, audit, [{ at: now - 119_950, message: "AUDIT order o-7 was refused" }]);
  await putOrders(server, now, 170);
  await putAlarms(server);
  const metricTransformations = [{ metricNamespace: "Orders", metricName: "RefusedNow", metricValue: "1" }];
  await logs(server, "PutMetricFilter", { logGroupName: audit, filterName: "refused", filterPattern: "refused", metricTransformations });
  for (let index = 0; index < 60; index += 1) await putRefused(server, now - index * 10_000, index < 12 ? 9 : (index * 5) % 4);
  await cloudwatch(server, "PutDashboard", { DashboardName: "orders", DashboardBody: orderDashboard(charge) });
  await cloudwatch(server, "SetAlarmState", { AlarmName: "refused-orders", StateValue: "ALARM", StateReason: "Threshold Crossed: 1 datapoint [9.0] was greater than the threshold (5.0)." });
  const graph = JSON.stringify([["Orders", "Taken", "Shop", "north", { stat: "Sum" }], [".", "Refused", ".", ".", { stat: "Sum" }], [".", "Duration", ".", ".", { stat: "p95", yAxis: "right" }], [{ expression: "RUNNING_SUM(m2)", label: "refused so far" }]]);
  return [
    ["observe-alarms-first", "/alarms", empty],
    ["observe-alarms", "/alarms"],
    ["observe-alarm", withQuery("/alarms/refused-orders", { range: "15m" })],
    ["observe-alarm-composite", "/alarms/shop-is-down"],
    ["observe-metrics-first", "/metrics", empty],
    ["observe-metrics", withQuery("/metrics", { metrics: graph, period: "60" })],
    ["observe-metrics-browse", "/metrics?namespace=Orders"],
    ["observe-dashboards-first", "/dashboards", empty],
    ["observe-dashboard", "/dashboards/orders"],
    ["observe-logs-first", "/logs", empty],
    ["observe-log-groups", "/logs"],
    ["observe-logs", withQuery("/logs", { groups: `${charge},${audit}` })],
    ["observe-logs-wrong", withQuery("/logs", { groups: charge, q: "{ $.level = " })],
    ["observe-insights", withQuery("/logs", { groups: charge, view: "insights", query: "parse @message 'in * ms' as ms\n| stats count(*) as n, avg(ms) as mean, max(ms) as longest by bin(5m)" })],
    ["observe-insights-wrong", withQuery("/logs", { groups: charge, view: "insights", query: "fields @message\n| sortt @timestamp desc" })],
    ["observe-tail", withQuery("/logs", { groups: charge, view: "tail" })],
    ["observe-traces-first", "/traces", empty],
    ["observe-traces", "/traces"],
    ["observe-trace", `/traces/${failed}`],
    ["observe-trace-large", `/traces/${large}`],
    ["observe-map", "/service-map"],
  ];
}
