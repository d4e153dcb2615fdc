// A function from its first version to its last deletion, through the AWS SDK for JavaScript: waiters and paginators too.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import {
  AddPermissionCommand,
  CreateAliasCommand,
  CreateFunctionCommand,
  DeleteFunctionCommand,
  DeleteFunctionConcurrencyCommand,
  GetFunctionCommand,
  GetPolicyCommand,
  InvokeCommand,
  LambdaClient,
  ListTagsCommand,
  PublishLayerVersionCommand,
  PublishVersionCommand,
  PutFunctionConcurrencyCommand,
  RemovePermissionCommand,
  TagResourceCommand,
  UpdateAliasCommand,
  UpdateFunctionCodeCommand,
  UpdateFunctionConfigurationCommand,
  paginateListAliases,
  paginateListFunctions,
  paginateListLayerVersions,
  paginateListLayers,
  paginateListVersionsByFunction,
  waitUntilFunctionActiveV2,
  waitUntilFunctionExists,
  waitUntilFunctionUpdatedV2,
  waitUntilPublishedVersionActive,
} from "@aws-sdk/client-lambda";

import { startServer, storedZip } from "./server.mjs";

const ROLE = "arn:aws:iam::123456789012:role/functions";
const ARN = "arn:aws:lambda:us-east-1:123456789012:function:whole";
// A paginator writes its marker into the input that it is given: it gets a copy.
const FUNCTION = { FunctionName: "whole" };

let server;
let lambda;
before(async () => {
  server = await startServer();
  lambda = new LambdaClient(server.options);
});
after(() => server?.stop());

const send = (command) => lambda.send(command);
const waiter = () => ({ client: lambda, maxWaitTime: 10, minDelay: 1, maxDelay: 1 });
const code = (said) =>
  storedZip("index.mjs", `export const handler = async (e, context) => ["${said}", context.invokedFunctionArn];`);

async function said(Qualifier) {
  const reply = await send(new InvokeCommand({ ...FUNCTION, Qualifier }));
  assert.equal(reply.FunctionError, undefined);
  return [...JSON.parse(reply.Payload.transformToString()), reply.ExecutedVersion];
}

async function all(pages, list, name) {
  const found = [];
  for await (const page of pages) for (const item of page[list]) found.push(item[name]);
  return found;
}

const refusedAs = (name, status) => (error) => error.name === name && error.$metadata.httpStatusCode === status;

test("a function is created, updated and published, and the waiters end", async () => {
  const created = await send(
    new CreateFunctionCommand({
      ...FUNCTION,
      Runtime: "nodejs22.x",
      Role: ROLE,
      Handler: "index.handler",
      Code: { ZipFile: code("one") },
      Publish: true,
    }),
  );
  assert.equal(created.Version, "1");
  await waitUntilFunctionExists(waiter(), FUNCTION);
  await waitUntilFunctionActiveV2(waiter(), FUNCTION);
  await waitUntilPublishedVersionActive(waiter(), { ...FUNCTION, Qualifier: "1" });
  await send(new UpdateFunctionCodeCommand({ ...FUNCTION, ZipFile: code("two") }));
  await waitUntilFunctionUpdatedV2(waiter(), FUNCTION);
  assert.equal((await send(new PublishVersionCommand(FUNCTION))).Version, "2");
  assert.deepEqual(await said(), ["two", ARN, "$LATEST"]);
  assert.deepEqual(await said("1"), ["one", `${ARN}:1`, "1"]);
  const pages = paginateListVersionsByFunction({ client: lambda, pageSize: 2 }, { ...FUNCTION });
  assert.deepEqual(await all(pages, "Versions", "Version"), ["$LATEST", "1", "2"]);
  const every = paginateListFunctions({ client: lambda, pageSize: 1 }, { FunctionVersion: "ALL" });
  assert.deepEqual(await all(every, "Functions", "FunctionArn"), [`${ARN}:$LATEST`, `${ARN}:1`, `${ARN}:2`]);
});

test("an alias shifts from one version to the other", async () => {
  await send(new CreateAliasCommand({ ...FUNCTION, Name: "live", FunctionVersion: "1" }));
  await send(new CreateAliasCommand({ ...FUNCTION, Name: "next", FunctionVersion: "2" }));
  for (const [weight, version] of [[1, "2"], [0, "1"]]) {
    const RoutingConfig = { AdditionalVersionWeights: { 2: weight } };
    const alias = await send(new UpdateAliasCommand({ ...FUNCTION, Name: "live", RoutingConfig }));
    assert.deepEqual(alias.RoutingConfig, RoutingConfig);
    assert.deepEqual(await said("live"), [version === "1" ? "one" : "two", `${ARN}:live`, version]);
  }
  const pages = paginateListAliases({ client: lambda, pageSize: 1 }, { ...FUNCTION });
  assert.deepEqual(await all(pages, "Aliases", "Name"), ["live", "next"]);
  await assert.rejects(
    send(new DeleteFunctionCommand({ ...FUNCTION, Qualifier: "2" })),
    refusedAs("ResourceConflictException", 409),
  );
  await assert.rejects(
    send(new UpdateAliasCommand({ ...FUNCTION, Name: "live", RevisionId: "old" })),
    refusedAs("PreconditionFailedException", 412),
  );
});

test("layers are published, listed and taken", async () => {
  const layer = (text) => ({
    LayerName: "text",
    Content: { ZipFile: storedZip("nodejs/node_modules/text/index.js", `module.exports = "${text}";`) },
  });
  const arns = [];
  for (const text of ["hello", "good day"]) {
    const published = await send(new PublishLayerVersionCommand(layer(text)));
    arns.push(published.LayerVersionArn);
  }
  const versions = paginateListLayerVersions({ client: lambda, pageSize: 1 }, { LayerName: "text" });
  assert.deepEqual(await all(versions, "LayerVersions", "Version"), [2, 1]);
  assert.deepEqual(await all(paginateListLayers({ client: lambda }, {}), "Layers", "LayerName"), ["text"]);
  await send(
    new UpdateFunctionCodeCommand({
      ...FUNCTION,
      ZipFile: storedZip("index.js", 'exports.handler = async () => [require("text"), "layer"];'),
    }),
  );
  await send(new UpdateFunctionConfigurationCommand({ ...FUNCTION, Layers: [arns[1]] }));
  await waitUntilFunctionUpdatedV2(waiter(), FUNCTION);
  assert.deepEqual(await said(), ["good day", "layer", "$LATEST"]);
});

test("permissions, concurrency and tags stand beside the function", async () => {
  const permission = { ...FUNCTION, StatementId: "topic", Action: "lambda:InvokeFunction", Principal: "sns.amazonaws.com" };
  await send(new AddPermissionCommand(permission));
  await assert.rejects(send(new AddPermissionCommand(permission)), refusedAs("ResourceConflictException", 409));
  const { Policy } = await send(new GetPolicyCommand(FUNCTION));
  assert.deepEqual(JSON.parse(Policy).Statement.map((statement) => statement.Sid), ["topic"]);
  await send(new RemovePermissionCommand({ ...FUNCTION, StatementId: "topic" }));
  await send(new PutFunctionConcurrencyCommand({ ...FUNCTION, ReservedConcurrentExecutions: 0 }));
  await assert.rejects(send(new InvokeCommand(FUNCTION)), (error) => {
    assert.equal(error.Reason, "ReservedFunctionConcurrentInvocationLimitExceeded");
    return refusedAs("TooManyRequestsException", 429)(error);
  });
  await send(new DeleteFunctionConcurrencyCommand(FUNCTION));
  await send(new TagResourceCommand({ Resource: ARN, Tags: { team: "pay" } }));
  assert.deepEqual((await send(new ListTagsCommand({ Resource: ARN }))).Tags, { team: "pay" });
});

test("a deleted function is gone with all its versions and aliases", async () => {
  await send(new DeleteFunctionCommand(FUNCTION));
  for (const Qualifier of [undefined, "1", "live"]) {
    await assert.rejects(
      send(new GetFunctionCommand({ ...FUNCTION, Qualifier })),
      refusedAs("ResourceNotFoundException", 404),
    );
  }
});
