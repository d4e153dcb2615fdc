// @aws-sdk/client-xray against the server: a trace of an execution, found, read and drawn.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { CreateStateMachineCommand, SFNClient, StartExecutionCommand } from "@aws-sdk/client-sfn";
import {
  BatchGetTracesCommand,
  GetSamplingRulesCommand,
  GetServiceGraphCommand,
  PutTraceSegmentsCommand,
  XRayClient,
  XRayServiceException,
  paginateGetTraceSummaries,
} from "@aws-sdk/client-xray";

import { ended, startServer } from "./server.mjs";

let server;
before(async () => {
  server = await startServer();
});
after(() => server?.stop());

test("a traced execution is found, read and drawn beside what was put", async () => {
  const states = new SFNClient(server.options);
  const xray = new XRayClient(server.options);
  const rules = await xray.send(new GetSamplingRulesCommand({}));
  assert.deepEqual(
    rules.SamplingRuleRecords.map((record) => record.SamplingRule.RuleName),
    ["Default"],
  );
  const { stateMachineArn } = await states.send(
    new CreateStateMachineCommand({
      name: "traced",
      definition: JSON.stringify({ StartAt: "Done", States: { Done: { Type: "Succeed" } } }),
      roleArn: "arn:aws:iam::123456789012:role/states",
      tracingConfiguration: { enabled: true },
    }),
  );
  // The first start of a second is sampled by the rule's reservoir.
  const { executionArn } = await states.send(new StartExecutionCommand({ stateMachineArn }));
  const { traceHeader } = await ended(states, executionArn);
  const [, id] = /^Root=(1-[0-9a-f]{8}-[0-9a-f]{24});Sampled=1$/.exec(traceHeader);
  const now = Date.now() / 1000;
  const caller = {
    trace_id: id,
    id: "53995c3f42cd8ad8",
    name: "shop",
    start_time: now - 1,
    end_time: now,
    annotations: { orderId: "o-1" },
  };
  const put = await xray.send(
    new PutTraceSegmentsCommand({ TraceSegmentDocuments: [JSON.stringify(caller), "nonsense"] }),
  );
  assert.deepEqual(
    put.UnprocessedTraceSegments.map((segment) => segment.ErrorCode),
    ["ParseError"],
  );
  const { Traces } = await xray.send(new BatchGetTracesCommand({ TraceIds: [id] }));
  const names = Traces[0].Segments.map((segment) => JSON.parse(segment.Document).name);
  assert.deepEqual(names.sort(), ["shop", "traced"]);
  const range = { StartTime: new Date(Date.now() - 60_000), EndTime: new Date(Date.now() + 60_000) };
  const found = [];
  const wanted = { ...range, FilterExpression: 'annotation.orderId = "o-1" AND service("traced")' };
  for await (const page of paginateGetTraceSummaries({ client: xray }, wanted)) {
    found.push(...page.TraceSummaries.map((summary) => summary.Id));
  }
  assert.deepEqual(found, [id]);
  const graph = await xray.send(new GetServiceGraphCommand(range));
  assert.ok(graph.Services.some((service) => service.Type === "AWS::StepFunctions::StateMachine"));
  const refused = xray.send(new BatchGetTracesCommand({ TraceIds: ["1-2-3"] }));
  await assert.rejects(refused, (error) => {
    return error instanceof XRayServiceException && error.name === "InvalidRequestException";
  });
});
