// One application from its first resource to the last deletion, through the AWS SDK for JavaScript.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import {
  CreateFunctionCommand,
  DeleteFunctionCommand,
  InvokeCommand,
  LambdaClient,
  ListFunctionsCommand,
  paginateListFunctions,
  waitUntilFunctionActiveV2,
} from "@aws-sdk/client-lambda";
import {
  CreateActivityCommand,
  CreateStateMachineAliasCommand,
  CreateStateMachineCommand,
  DeleteActivityCommand,
  DeleteStateMachineAliasCommand,
  DeleteStateMachineCommand,
  DeleteStateMachineVersionCommand,
  DescribeExecutionCommand,
  DescribeMapRunCommand,
  GetActivityTaskCommand,
  ListStateMachineVersionsCommand,
  ListTagsForResourceCommand,
  PublishStateMachineVersionCommand,
  RedriveExecutionCommand,
  SFNClient,
  SendTaskFailureCommand,
  SendTaskHeartbeatCommand,
  SendTaskSuccessCommand,
  StartExecutionCommand,
  TagResourceCommand,
  TestStateCommand,
  UntagResourceCommand,
  UpdateStateMachineCommand,
  ValidateStateMachineDefinitionCommand,
  paginateGetExecutionHistory,
  paginateListActivities,
  paginateListExecutions,
  paginateListMapRuns,
  paginateListStateMachines,
} from "@aws-sdk/client-sfn";

import { ended, eventually, startServer, storedZip } from "./server.mjs";

const ROLE = "arn:aws:iam::123456789012:role/states";
const GREET = "export const handler = async (event) => ({ greeting: `hello ${event.name}` });";

let server;
let states;
let functions;
before(async () => {
  server = await startServer();
  states = new SFNClient(server.options);
  functions = new LambdaClient(server.options);
});
after(() => server?.stop());

test("function, activity, callback, map run, redrive: all of it in one execution", async () => {
  await functions.send(
    new CreateFunctionCommand({
      FunctionName: "greet",
      Runtime: "nodejs22.x",
      Role: ROLE,
      Handler: "index.handler",
      Timeout: 30,
      Code: { ZipFile: storedZip("index.mjs", GREET) },
    }),
  );
  await waitUntilFunctionActiveV2({ client: functions, maxWaitTime: 60 }, { FunctionName: "greet" });
  const { activityArn } = await states.send(new CreateActivityCommand({ name: "work" }));
  const created = await states.send(
    new CreateStateMachineCommand({
      name: "scenario",
      definition: definition(activityArn),
      roleArn: ROLE,
      publish: true,
      tags: [{ key: "team", value: "orders" }],
    }),
  );
  const { stateMachineArn } = created;
  const aliasArn = await alias(created, activityArn);
  await tags(stateMachineArn);

  const { executionArn } = await states.send(
    new StartExecutionCommand({ stateMachineArn: aliasArn, input: JSON.stringify({ name: "ada", items: [1, 2, 3] }) }),
  );
  const first = await states.send(new GetActivityTaskCommand({ activityArn, workerName: "scenario" }));
  await states.send(new SendTaskFailureCommand({ taskToken: first.taskToken, error: "Broken", cause: "first try" }));
  const failed = await ended(states, executionArn);
  assert.deepEqual([failed.status, failed.error, failed.redriveStatus], ["FAILED", "Broken", "REDRIVABLE"]);

  const { redriveDate } = await states.send(new RedriveExecutionCommand({ executionArn }));
  assert.ok(redriveDate instanceof Date);
  const second = await states.send(new GetActivityTaskCommand({ activityArn }));
  await states.send(new SendTaskHeartbeatCommand({ taskToken: second.taskToken }));
  await states.send(new SendTaskSuccessCommand({ taskToken: second.taskToken, output: '{"done":true}' }));
  const taskToken = await eventually("the task token", async () => callbackToken(await history(executionArn)));
  await states.send(new SendTaskSuccessCommand({ taskToken, output: '"yes"' }));
  const succeeded = await ended(states, executionArn);
  assert.equal(succeeded.status, "SUCCEEDED", JSON.stringify(succeeded));
  assert.equal(succeeded.redriveCount, 1);
  assert.equal(succeeded.stateMachineAliasArn, aliasArn);
  const output = JSON.parse(succeeded.output);
  assert.deepEqual([output.greeting, output.work, output.answer, output.each], ["hello ada", { done: true }, "yes", [2, 3, 4]]);
  const events = await history(executionArn);
  assert.deepEqual(
    events.map((event) => event.id),
    events.map((_, index) => index + 1),
  );
  await mapRun(executionArn);

  await states.send(new DeleteStateMachineAliasCommand({ stateMachineAliasArn: aliasArn }));
  for (const version of await versions(stateMachineArn))
    await states.send(new DeleteStateMachineVersionCommand({ stateMachineVersionArn: version }));
  await states.send(new DeleteStateMachineCommand({ stateMachineArn }));
  await states.send(new DeleteActivityCommand({ activityArn }));
  await functions.send(new DeleteFunctionCommand({ FunctionName: "greet" }));
  const left = await functions.send(new ListFunctionsCommand({}));
  assert.ok(left.Functions.every((each) => each.FunctionName !== "greet"));
});

/** Publishes a second version and gives the alias that routes to it. */
async function alias({ stateMachineArn, stateMachineVersionArn }, activityArn) {
  const { revisionId } = await states.send(
    new UpdateStateMachineCommand({ stateMachineArn, definition: `${definition(activityArn)}\n` }),
  );
  const second = await states.send(new PublishStateMachineVersionCommand({ stateMachineArn, revisionId }));
  assert.deepEqual(await versions(stateMachineArn), [second.stateMachineVersionArn, stateMachineVersionArn]);
  const routingConfiguration = [{ stateMachineVersionArn: second.stateMachineVersionArn, weight: 100 }];
  const created = await states.send(new CreateStateMachineAliasCommand({ name: "live", routingConfiguration }));
  return created.stateMachineAliasArn;
}

async function versions(stateMachineArn) {
  const listed = await states.send(new ListStateMachineVersionsCommand({ stateMachineArn }));
  return listed.stateMachineVersions.map((version) => version.stateMachineVersionArn);
}

async function tags(resourceArn) {
  await states.send(new TagResourceCommand({ resourceArn, tags: [{ key: "stage", value: "test" }] }));
  await states.send(new UntagResourceCommand({ resourceArn, tagKeys: ["team"] }));
  const listed = await states.send(new ListTagsForResourceCommand({ resourceArn }));
  assert.deepEqual(listed.tags, [{ key: "stage", value: "test" }]);
}

async function history(executionArn) {
  return all(paginateGetExecutionHistory({ client: states, pageSize: 5 }, { executionArn }), "events");
}

function callbackToken(events) {
  const waiting = events.filter((event) => event.taskScheduledEventDetails?.resource === "invoke.waitForTaskToken");
  const last = waiting.at(-1)?.taskScheduledEventDetails;
  return last && JSON.parse(last.parameters).Payload.token;
}

async function mapRun(executionArn) {
  const runs = await all(paginateListMapRuns({ client: states }, { executionArn }), "mapRuns");
  assert.equal(runs.length, 1);
  const { mapRunArn } = runs[0];
  const described = await states.send(new DescribeMapRunCommand({ mapRunArn }));
  assert.deepEqual([described.status, described.executionCounts.succeeded], ["SUCCEEDED", 3]);
  const children = await all(paginateListExecutions({ client: states, pageSize: 2 }, { mapRunArn }), "executions");
  assert.equal(children.length, 3);
  const child = await states.send(new DescribeExecutionCommand({ executionArn: children[0].executionArn }));
  assert.equal(child.mapRunArn, mapRunArn);
}

test("every list is paged", async () => {
  for (let number = 0; number < 3; number += 1) {
    await states.send(new CreateActivityCommand({ name: `page-${number}` }));
    await states.send(
      new CreateStateMachineCommand({ name: `page-${number}`, roleArn: ROLE, definition: '{"StartAt":"S","States":{"S":{"Type":"Succeed"}}}' }),
    );
  }
  const activities = await all(paginateListActivities({ client: states, pageSize: 2 }, {}), "activities");
  assert.equal(activities.filter(({ name }) => name.startsWith("page-")).length, 3);
  const machines = await all(paginateListStateMachines({ client: states, pageSize: 2 }, {}), "stateMachines");
  assert.equal(machines.filter(({ name }) => name.startsWith("page-")).length, 3);
  assert.ok(Array.isArray(await all(paginateListFunctions({ client: functions, pageSize: 1 }, {}), "Functions")));
});

test("a state is tested alone and a definition validated", async () => {
  const tested = await states.send(
    new TestStateCommand({ definition: '{"Type":"Pass","Result":{"a":1},"End":true}', roleArn: ROLE, inspectionLevel: "DEBUG" }),
  );
  assert.deepEqual([tested.status, tested.output], ["SUCCEEDED", '{"a":1}']);
  const report = await states.send(new ValidateStateMachineDefinitionCommand({ definition: "{}" }));
  assert.equal(report.result, "FAIL");
});

test("a function that fails says so in the reply", async () => {
  await functions.send(
    new CreateFunctionCommand({
      FunctionName: "broken",
      Runtime: "nodejs22.x",
      Role: ROLE,
      Handler: "index.handler",
      Code: { ZipFile: storedZip("index.mjs", "export const handler = async () => { throw new TypeError('no'); };") },
    }),
  );
  await waitUntilFunctionActiveV2({ client: functions, maxWaitTime: 60 }, { FunctionName: "broken" });
  const reply = await functions.send(new InvokeCommand({ FunctionName: "broken", LogType: "Tail" }));
  assert.equal(reply.FunctionError, "Unhandled");
  assert.equal(JSON.parse(reply.Payload.transformToString()).errorType, "TypeError");
  assert.match(Buffer.from(reply.LogResult, "base64").toString(), /REPORT RequestId/);
});

/** All elements of a member of all pages. */
async function all(pages, member) {
  const found = [];
  for await (const page of pages) found.push(...page[member]);
  return found;
}

/** A function, an activity, a callback and child executions: work that needs no other service. */
function definition(activityArn) {
  const item = { Type: "Pass", QueryLanguage: "JSONata", Output: "{% $states.input + 1 %}", End: true };
  return JSON.stringify({
    StartAt: "Greet",
    States: {
      Greet: {
        Type: "Task",
        Resource: "arn:aws:states:::lambda:invoke",
        Parameters: { FunctionName: "greet", "Payload.$": "$" },
        OutputPath: "$",
        ResultSelector: { "text.$": "$.Payload.greeting" },
        ResultPath: "$.greeted",
        Next: "Flatten",
      },
      Flatten: { Type: "Pass", InputPath: "$.greeted.text", ResultPath: "$.greeting", Next: "Work" },
      Work: { Type: "Task", Resource: activityArn, TimeoutSeconds: 120, ResultPath: "$.work", Next: "Ask" },
      Ask: {
        Type: "Task",
        Resource: "arn:aws:states:::lambda:invoke.waitForTaskToken",
        Parameters: { FunctionName: "greet", Payload: { name: "token", "token.$": "$$.Task.Token" } },
        TimeoutSeconds: 120,
        ResultPath: "$.answer",
        Next: "Each",
      },
      Each: {
        Type: "Map",
        ItemsPath: "$.items",
        ItemProcessor: {
          ProcessorConfig: { Mode: "DISTRIBUTED", ExecutionType: "STANDARD" },
          StartAt: "One",
          States: { One: item },
        },
        ResultPath: "$.each",
        End: true,
      },
    },
  });
}
