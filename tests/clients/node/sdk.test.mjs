// The AWS SDK for JavaScript against the server.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import {
  CreateFunctionCommand,
  GetFunctionCommand,
  InvokeCommand,
  LambdaClient,
  waitUntilFunctionActiveV2,
} from "@aws-sdk/client-lambda";
import {
  CreateStateMachineCommand,
  DescribeExecutionCommand,
  ListStateMachinesCommand,
  SFNClient,
  StartExecutionCommand,
  StartSyncExecutionCommand,
  paginateGetExecutionHistory,
} from "@aws-sdk/client-sfn";

import { ended, startServer, storedZip } from "./server.mjs";

let server;
before(async () => {
  server = await startServer();
});
after(() => server?.stop());

test("a created machine is listed", async () => {
  const states = new SFNClient(server.options);
  const definition = JSON.stringify({ StartAt: "Done", States: { Done: { Type: "Succeed" } } });
  const roleArn = "arn:aws:iam::123456789012:role/states";
  const created = await states.send(
    new CreateStateMachineCommand({ name: "sdk-listed", definition, roleArn }),
  );
  assert.ok(created.creationDate instanceof Date);
  const listed = await states.send(new ListStateMachinesCommand({}));
  const arns = listed.stateMachines.map((machine) => machine.stateMachineArn);
  assert.ok(arns.includes(created.stateMachineArn));
});

test("an unknown execution is a typed error", async () => {
  const states = new SFNClient(server.options);
  const executionArn = "arn:aws:states:us-east-1:123456789012:execution:sdk-missing:run";
  await assert.rejects(states.send(new DescribeExecutionCommand({ executionArn })), {
    name: "ExecutionDoesNotExist",
    message: `Execution Does Not Exist: '${executionArn}'`,
  });
});

test("a missing function is a typed error", async () => {
  const functions = new LambdaClient(server.options);
  await assert.rejects(
    functions.send(new GetFunctionCommand({ FunctionName: "sdk-missing" })),
    (error) => error.name === "ResourceNotFoundException" && error.$metadata.httpStatusCode === 404,
  );
});

test("an execution is started, polled to its end, and its history paged through", async () => {
  const states = new SFNClient(server.options);
  const definition = JSON.stringify({
    StartAt: "Pause",
    States: {
      Pause: { Type: "Wait", Seconds: 1, Next: "Each" },
      Each: {
        Type: "Map",
        ItemProcessor: { StartAt: "Item", States: { Item: { Type: "Pass", End: true } } },
        End: true,
      },
    },
  });
  const { stateMachineArn } = await states.send(
    new CreateStateMachineCommand({ name: "sdk-run", definition, roleArn: "arn:aws:iam::123456789012:role/states" }),
  );
  const { executionArn, startDate } = await states.send(
    new StartExecutionCommand({ stateMachineArn, input: JSON.stringify([1, 2, 3]) }),
  );
  assert.ok(startDate instanceof Date);
  const described = await ended(states, executionArn);
  assert.equal(described.status, "SUCCEEDED");
  assert.equal(described.output, "[1,2,3]");
  assert.ok(described.stopDate - described.startDate >= 1000);
  const events = [];
  for await (const page of paginateGetExecutionHistory({ client: states, pageSize: 4 }, { executionArn })) {
    assert.ok(page.events.length <= 4);
    events.push(...page.events);
  }
  assert.deepEqual(
    events.map((event) => event.id),
    events.map((_, index) => index + 1),
  );
  assert.equal(events.at(-1).type, "ExecutionSucceeded");
  assert.equal(events.filter((event) => event.type === "MapIterationSucceeded").length, 3);
});

test("an express execution answers in the call", async () => {
  const states = new SFNClient(server.options);
  const definition = JSON.stringify({ StartAt: "Done", States: { Done: { Type: "Succeed" } } });
  const { stateMachineArn } = await states.send(
    new CreateStateMachineCommand({
      name: "sdk-express",
      type: "EXPRESS",
      definition,
      roleArn: "arn:aws:iam::123456789012:role/states",
    }),
  );
  const reply = await states.send(new StartSyncExecutionCommand({ stateMachineArn, input: '{"a":1}' }));
  assert.equal(reply.status, "SUCCEEDED");
  assert.equal(reply.output, '{"a":1}');
});

test("a function is created and invoked", async () => {
  const functions = new LambdaClient(server.options);
  await functions.send(
    new CreateFunctionCommand({
      FunctionName: "sdk-echo",
      Runtime: "nodejs22.x",
      Role: "arn:aws:iam::123456789012:role/any",
      Handler: "index.handler",
      Code: { ZipFile: storedZip("index.mjs", "export const handler = async (event) => ({ got: event });") },
    }),
  );
  await waitUntilFunctionActiveV2({ client: functions, maxWaitTime: 60 }, { FunctionName: "sdk-echo" });
  const reply = await functions.send(new InvokeCommand({ FunctionName: "sdk-echo", Payload: '{"a":1}' }));
  assert.equal(reply.StatusCode, 200);
  assert.equal(reply.FunctionError, undefined);
  assert.deepEqual(JSON.parse(reply.Payload.transformToString()), { got: { a: 1 } });
});
