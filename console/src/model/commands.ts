/** The same in the terminal: what the page shows or does, as a line for a shell. */

/** A word as a POSIX shell takes it. */
export function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

const aws = (endpoint: string, words: readonly string[]): string =>
  ["aws", "--endpoint-url", endpoint, "stepfunctions", ...words].map(quoted).join(" ");

/** The AWS CLI starts an execution. */
export function startLine(endpoint: string, machineArn: string, input: string): string {
  return aws(endpoint, ["start-execution", "--state-machine-arn", machineArn, "--input", input]);
}

export function describeLine(endpoint: string, executionArn: string): string {
  return aws(endpoint, ["describe-execution", "--execution-arn", executionArn]);
}

/** The SDK for JavaScript starts an execution. */
export function sdkText(endpoint: string, machineArn: string, input: string): string {
  return [
    `import { SFNClient, StartExecutionCommand } from "@aws-sdk/client-sfn";`,
    ``,
    `const client = new SFNClient({ endpoint: ${JSON.stringify(endpoint)} });`,
    `await client.send(new StartExecutionCommand({`,
    `  stateMachineArn: ${JSON.stringify(machineArn)},`,
    `  input: ${JSON.stringify(input)},`,
    `}));`,
  ].join("\n");
}

/** All events of an execution, as a page of the history after the other. */
export function historyLine(endpoint: string, executionArn: string): string {
  return aws(endpoint, ["get-execution-history", "--execution-arn", executionArn]);
}

export function sendLine(endpoint: string, token: string, output: string): string {
  return aws(endpoint, ["send-task-success", "--task-token", token, "--task-output", output]);
}

/** A worker of an activity asks for work, and gets its token. */
export function activityLine(endpoint: string, activityArn: string): string {
  return aws(endpoint, ["get-activity-task", "--activity-arn", activityArn]);
}

/** The SDK for JavaScript describes an execution. */
export function describeSdkText(endpoint: string, executionArn: string): string {
  return [
    `import { DescribeExecutionCommand, SFNClient } from "@aws-sdk/client-sfn";`,
    ``,
    `const client = new SFNClient({ endpoint: ${JSON.stringify(endpoint)} });`,
    `const execution = await client.send(new DescribeExecutionCommand({`,
    `  executionArn: ${JSON.stringify(executionArn)},`,
    `}));`,
  ].join("\n");
}

interface TestOf {
  readonly endpoint: string;
  readonly machineArn: string;
  readonly name: string;
  /** JSON texts. */
  readonly input: string;
  readonly output: string | null;
  readonly status: string;
  readonly error: string | null;
}

/** A value as it stands in TypeScript; what is no JSON stays a text. */
function literal(json: string, indent: string): string {
  try {
    return JSON.stringify(JSON.parse(json), null, 2).replaceAll("\n", `\n${indent}`);
  } catch {
    return JSON.stringify(json);
  }
}

/** A test for Vitest (Jest has the same words) that starts with an input and expects how that ended. */
export function testText(of: TestOf): string {
  const lines = [
    `import { DescribeExecutionCommand, SFNClient, StartExecutionCommand } from "@aws-sdk/client-sfn";`,
    `import { expect, test } from "vitest";`,
    ``,
    `const client = new SFNClient({ endpoint: process.env.AWS_ENDPOINT_URL ?? ${JSON.stringify(of.endpoint)} });`,
    ``,
    `test(${JSON.stringify(`${of.name} ends ${of.status}`)}, async () => {`,
    `  const input = ${literal(of.input, "  ")};`,
    `  const { executionArn } = await client.send(`,
    `    new StartExecutionCommand({`,
    `      stateMachineArn: ${JSON.stringify(of.machineArn)},`,
    `      input: JSON.stringify(input),`,
    `    }),`,
    `  );`,
    `  const execution = await ended(executionArn!);`,
    `  expect(execution.status).toBe(${JSON.stringify(of.status)});`,
    ...(of.error === null ? [] : [`  expect(execution.error).toBe(${JSON.stringify(of.error)});`]),
    ...(of.output === null ? [] : [`  expect(JSON.parse(execution.output!)).toEqual(${literal(of.output, "  ")});`]),
    `}, 60_000);`,
    ``,
    `async function ended(executionArn: string) {`,
    `  for (;;) {`,
    `    const execution = await client.send(new DescribeExecutionCommand({ executionArn }));`,
    `    if (execution.status !== "RUNNING") return execution;`,
    `    await new Promise((resolve) => setTimeout(resolve, 100));`,
    `  }`,
    `}`,
  ];
  return lines.join("\n");
}

interface StateTestOf {
  readonly endpoint: string;
  readonly name: string;
  readonly definition: string;
  /** Of the whole definition; a state that is tested alone has to say it. */
  readonly language: "JSONPath" | "JSONata";
  readonly roleArn: string;
  readonly input: string;
  readonly output: string | null;
  readonly failure: { readonly error: string; readonly cause: string } | null;
  /** What the work of the state gave, so that the test does not do it. */
  readonly result: string | null;
  /** JSON of the variables before it. */
  readonly variables: string | null;
}

/** A test of one state by TestState, with its work mocked by what it gave. */
export function stateTestText(of: StateTestOf): string {
  const { failure } = of;
  const mock =
    failure !== null
      ? `{ errorOutput: { error: ${JSON.stringify(failure.error)}, cause: ${JSON.stringify(failure.cause)} } }`
      : of.result === null
        ? null
        : `{ result: JSON.stringify(${literal(of.result, "      ")}) }`;
  const isTold = of.language === "JSONPath" || of.definition.includes('"QueryLanguage"');
  const definition = isTold ? of.definition : `{"QueryLanguage":"JSONata",${of.definition.slice(1)}`;
  const fields = [
    `      definition: JSON.stringify(definition),`,
    `      roleArn: ${JSON.stringify(of.roleArn)},`,
    `      input: JSON.stringify(${literal(of.input, "      ")}),`,
    ...(of.variables === null ? [] : [`      variables: JSON.stringify(${literal(of.variables, "      ")}),`]),
    ...(mock === null ? [] : [`      mock: ${mock},`]),
  ];
  return [
    `import { SFNClient, TestStateCommand } from "@aws-sdk/client-sfn";`,
    `import { expect, test } from "vitest";`,
    ``,
    `const client = new SFNClient({ endpoint: process.env.AWS_ENDPOINT_URL ?? ${JSON.stringify(of.endpoint)}, disableHostPrefix: true });`,
    `const definition = ${literal(definition, "")};`,
    ``,
    `test(${JSON.stringify(of.name)}, async () => {`,
    `  const tested = await client.send(`,
    `    new TestStateCommand({`,
    ...fields,
    `    }),`,
    `  );`,
    failure === null ? `  expect(tested.status).toBe("SUCCEEDED");` : `  expect(tested.error).toBe(${JSON.stringify(failure.error)});`,
    ...(of.output === null ? [] : [`  expect(JSON.parse(tested.output!)).toEqual(${literal(of.output, "  ")});`]),
    `});`,
  ].join("\n");
}

/** The AWS CLI searches a log group. */
export function logsLine(endpoint: string, group: string, pattern: string, from: number, to: number): string {
  return [
    ...["aws", "--endpoint-url", endpoint, "logs", "filter-log-events", "--log-group-name", group],
    ...["--start-time", String(from), "--end-time", String(to)],
    ...(pattern ? ["--filter-pattern", pattern] : []),
  ]
    .map(quoted)
    .join(" ");
}

/** What has a state machine of SAM log everything that it does. */
export const SAM_LOGGING = "Logging: {Level: ALL, IncludeExecutionData: true, Destinations: [{CloudWatchLogsLogGroup: {LogGroupArn: !GetAtt Log.Arn}}]}";

/** From now on every request is traced, not one a second and 5 % of the others. */
export function sampleAllLine(endpoint: string): string {
  return ["aws", "--endpoint-url", endpoint, "xray", "update-sampling-rule", "--sampling-rule-update", "RuleName=Default,FixedRate=1,ReservoirSize=1"].map(quoted).join(" ");
}

/** Where `stepwell` looks for a server that nobody tells it. */
const USUAL_ENDPOINTS: readonly string[] = ["http://127.0.0.1:8333", "http://localhost:8333"];

/** Stepwell's own command, with the server where it would not find it. */
function stepwell(endpoint: string, words: readonly string[]): string {
  return ["stepwell", ...words, ...(USUAL_ENDPOINTS.includes(endpoint) ? [] : ["--endpoint", endpoint])].map(quoted).join(" ");
}

/** Follows the log of a function or a state machine. */
export const followLine = (endpoint: string, name: string): string => stepwell(endpoint, ["logs", name, "--follow"]);

/** Starts a state machine, and follows the execution. */
export const startAndFollowLine = (endpoint: string, name: string): string => stepwell(endpoint, ["start", name, "--input", "{}", "--follow"]);

/** Shows a trace, or that of the latest execution of a state machine. */
export const traceLine = (endpoint: string, of: string): string => stepwell(endpoint, ["trace", of]);

export const alarmsLine = (endpoint: string): string => stepwell(endpoint, ["alarms"]);

/** Runs a query of Logs Insights; its range ends now. */
export function queryLine(endpoint: string, query: string, groups: readonly string[], from: number, to: number): string {
  const minutes = Math.max(1, Math.ceil((to - from) / 60_000));
  return stepwell(endpoint, ["logs", "query", query.replace(/\s*\n\s*/g, " "), ...groups.flatMap((group) => ["--group", group]), "--since", `${minutes}m`]);
}
