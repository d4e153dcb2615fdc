// EventBridge through the AWS SDK for JavaScript: a rule that tells a webhook what becomes of executions.

import assert from "node:assert/strict";
import { createServer } from "node:http";
import { after, before, test } from "node:test";

import {
  CreateApiDestinationCommand,
  CreateConnectionCommand,
  DescribeConnectionCommand,
  EventBridgeClient,
  ListApiDestinationsCommand,
  PutEventsCommand,
  PutRuleCommand,
  PutTargetsCommand,
  TestEventPatternCommand,
} from "@aws-sdk/client-eventbridge";
import { CreateStateMachineCommand, SFNClient, StartExecutionCommand } from "@aws-sdk/client-sfn";

import { eventually, startServer } from "./server.mjs";

const ROLE = "arn:aws:iam::123456789012:role/any";

let server;
let events;
let states;
let hook;
const calls = [];

before(async () => {
  server = await startServer();
  events = new EventBridgeClient(server.options);
  states = new SFNClient(server.options);
  hook = createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += chunk;
    calls.push({ method: request.method, url: request.url, headers: request.headers, body });
    response.end();
  });
  await new Promise((resolve) => hook.listen(0, "127.0.0.1", resolve));
});

after(async () => {
  events?.destroy();
  states?.destroy();
  hook?.close();
  await server?.stop();
});

async function destination(name, path) {
  const AuthParameters = { BasicAuthParameters: { Username: "ann", Password: "pw" } };
  const { ConnectionArn } = await events.send(
    new CreateConnectionCommand({ Name: name, AuthorizationType: "BASIC", AuthParameters }),
  );
  const InvocationEndpoint = `http://127.0.0.1:${hook.address().port}${path}`;
  const made = await events.send(
    new CreateApiDestinationCommand({ Name: name, ConnectionArn, InvocationEndpoint, HttpMethod: "PUT" }),
  );
  assert.equal(made.ApiDestinationState, "ACTIVE");
  return made.ApiDestinationArn;
}

test("a webhook gets the status changes of a machine", async () => {
  const Arn = await destination("status", "/machines/*");
  const { stateMachineArn } = await states.send(
    new CreateStateMachineCommand({
      name: "fails",
      roleArn: ROLE,
      definition: JSON.stringify({ StartAt: "F", States: { F: { Type: "Fail", Error: "Declined" } } }),
    }),
  );
  const pattern = { source: ["aws.states"], detail: { stateMachineArn: [stateMachineArn], status: ["FAILED"] } };
  await events.send(new PutRuleCommand({ Name: "failed", EventPattern: JSON.stringify(pattern) }));
  const target = {
    Id: "hook",
    Arn,
    RoleArn: ROLE,
    HttpParameters: { PathParameterValues: ["fails"], HeaderParameters: { "x-name": "$.detail.name" } },
    InputPath: "$.detail.error",
  };
  const put = await events.send(new PutTargetsCommand({ Rule: "failed", Targets: [target] }));
  assert.equal(put.FailedEntryCount, 0);
  await states.send(new StartExecutionCommand({ stateMachineArn, name: "order-1" }));
  const call = await eventually("a call of the webhook", async () => calls.at(0));
  assert.deepEqual([call.method, call.url, call.body], ["PUT", "/machines/fails", '"Declined"']);
  assert.equal(call.headers.authorization, `Basic ${Buffer.from("ann:pw").toString("base64")}`);
  assert.equal(call.headers["x-name"], "order-1");
});

test("an entry that fails is told beside those that do not", async () => {
  const entry = { Source: "shop", DetailType: "Order", Detail: "{}" };
  const answer = await events.send(new PutEventsCommand({ Entries: [entry, { ...entry, EventBusName: "none" }] }));
  assert.equal(answer.FailedEntryCount, 1);
  assert.ok(answer.Entries[0].EventId);
  assert.equal(answer.Entries[1].ErrorCode, "ResourceNotFoundException");
});

test("secrets are not shown, and destinations are listed", async () => {
  await destination("listed", "/");
  const shown = await events.send(new DescribeConnectionCommand({ Name: "listed" }));
  assert.deepEqual(shown.AuthParameters, { BasicAuthParameters: { Username: "ann" } });
  assert.ok(shown.CreationTime instanceof Date);
  const listed = await events.send(new ListApiDestinationsCommand({ NamePrefix: "list" }));
  assert.deepEqual(
    listed.ApiDestinations.map(({ Name }) => Name),
    ["listed"],
  );
});

test("a pattern is tried on an event", async () => {
  const event = { id: "1", account: "1", source: "shop", time: "2026-01-01T00:00:00Z", region: "r", resources: [], "detail-type": "Order" };
  const matches = async (EventPattern) =>
    (await events.send(new TestEventPatternCommand({ EventPattern, Event: JSON.stringify(event) }))).Result;
  assert.equal(await matches('{"source": ["shop"]}'), true);
  assert.equal(await matches('{"source": ["bank"]}'), false);
  await assert.rejects(matches("{"), { name: "InvalidEventPatternException" });
});
