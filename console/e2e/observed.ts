/** What a server has to show of itself: log groups, traces, metrics, alarms, dashboards; put there as anybody would. */

import type { CloudWatch, Logs, XRay } from "../src/api/generated";
import { CLOUDWATCH_TARGET, LOGS_TARGET, XRAY_ROUTES } from "../src/api/generated";
import { withQuery } from "../src/model/arn";
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
  return [
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
