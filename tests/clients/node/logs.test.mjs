// CloudWatch Logs through the AWS SDK for JavaScript: groups, events, patterns, queries and Live Tail.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import {
  CloudWatchLogsClient,
  CreateLogGroupCommand,
  CreateLogStreamCommand,
  FilterLogEventsCommand,
  GetQueryResultsCommand,
  PutLogEventsCommand,
  StartLiveTailCommand,
  StartQueryCommand,
  TestMetricFilterCommand,
} from "@aws-sdk/client-cloudwatch-logs";

import { eventually, startServer } from "./server.mjs";

const GROUP = "/node/logs";

let server;
let logs;

before(async () => {
  server = await startServer();
  logs = new CloudWatchLogsClient(server.options);
  await logs.send(new CreateLogGroupCommand({ logGroupName: GROUP }));
  await logs.send(new CreateLogStreamCommand({ logGroupName: GROUP, logStreamName: "s" }));
});

after(async () => {
  logs?.destroy();
  await server?.stop();
});

function put(...messages) {
  const logEvents = messages.map((message) => ({ timestamp: Date.now(), message }));
  return logs.send(new PutLogEventsCommand({ logGroupName: GROUP, logStreamName: "s", logEvents }));
}

test("what is put is found by a pattern", async () => {
  await put('{"level":"ERROR","ms":7}', '{"level":"INFO"}', "plain");
  const filterPattern = '{ $.level = "ERROR" && $.ms = 7 }';
  const { events } = await logs.send(new FilterLogEventsCommand({ logGroupName: GROUP, filterPattern }));
  assert.deepEqual(
    events.map((event) => event.message),
    ['{"level":"ERROR","ms":7}'],
  );
  const tried = await logs.send(new TestMetricFilterCommand({ filterPattern, logEventMessages: ["x"] }));
  assert.deepEqual(tried.matches, []);
  const wrong = logs.send(new FilterLogEventsCommand({ logGroupName: GROUP, filterPattern: "{ x" }));
  await assert.rejects(wrong, { name: "InvalidParameterException" });
});

test("a query of Logs Insights is asked and answered", async () => {
  await put("query me", "query me too");
  const now = Math.floor(Date.now() / 1000);
  const { queryId } = await logs.send(
    new StartQueryCommand({
      logGroupNames: [GROUP],
      startTime: now - 600,
      endTime: now + 60,
      queryString: "filter @message like /query me/ | stats count(*) as n",
    }),
  );
  const answer = await eventually("the results", async () => {
    const results = await logs.send(new GetQueryResultsCommand({ queryId }));
    return results.status === "Complete" ? results : undefined;
  });
  assert.deepEqual(answer.results, [[{ field: "n", value: "2" }]]);
  const wrong = logs.send(
    new StartQueryCommand({ logGroupNames: [GROUP], startTime: 0, endTime: now, queryString: "nothing" }),
  );
  await assert.rejects(wrong, (error) => {
    assert.equal(error.name, "MalformedQueryException");
    assert.equal(error.queryCompileError.location.endCharOffset, 7);
    return true;
  });
});

test("Live Tail shows what is logged from now on", async () => {
  const { responseStream } = await logs.send(
    new StartLiveTailCommand({ logGroupIdentifiers: [GROUP], logEventFilterPattern: "tailed" }),
  );
  let seen;
  for await (const event of responseStream) {
    if (event.sessionStart !== undefined) await put("not this", "tailed one");
    if (event.sessionUpdate?.sessionResults?.length) {
      seen = event.sessionUpdate.sessionResults;
      break;
    }
  }
  assert.deepEqual(
    seen.map((event) => event.message),
    ["tailed one"],
  );
});
