// CloudWatch through the AWS SDK for JavaScript: version 3 speaks JSON 1.0 and RPC v2 CBOR, version 2 the query protocol.

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { after, before, test } from "node:test";

import {
  CloudWatchClient,
  DescribeAnomalyDetectorsCommand,
  GetDashboardCommand,
  GetMetricDataCommand,
  GetMetricStatisticsCommand,
  PutDashboardCommand,
  PutMetricDataCommand,
  paginateListMetrics,
} from "@aws-sdk/client-cloudwatch";

import { AwsJson1_0Protocol } from "@aws-sdk/core/protocols";
import { SmithyRpcV2CborProtocol } from "@smithy/core/cbor";

import { startServer } from "./server.mjs";

const MINUTE = 60_000;

let server;
before(async () => {
  server = await startServer();
});
after(() => server?.stop());

/** The begin of a minute that has passed. */
const minute = (ago) => new Date(Math.floor(Date.now() / MINUTE - ago) * MINUTE);

const sum = (namespace, name) => ({
  Id: "m",
  MetricStat: { Metric: { Namespace: namespace, MetricName: name }, Period: 60, Stat: "Sum" },
});

const PROTOCOLS = { "JSON 1.0": AwsJson1_0Protocol, "RPC v2 CBOR": SmithyRpcV2CborProtocol };

for (const [spoken, protocol] of Object.entries(PROTOCOLS)) test(`version 3 puts and gets values in ${spoken}`, async () => {
  const client = new CloudWatchClient({ ...server.options, protocol });
  const at = minute(5);
  const data = [
    { MetricName: "orders", Timestamp: at, Value: 2, Unit: "Count" },
    { MetricName: "orders", Timestamp: at, Values: [1.5, 3], Counts: [2, 1], Unit: "Count" },
  ];
  await client.send(new PutMetricDataCommand({ Namespace: spoken, MetricData: data }));
  const answer = await client.send(
    new GetMetricDataCommand({
      StartTime: at,
      EndTime: minute(0),
      MetricDataQueries: [
        { ...sum(spoken, "orders"), ReturnData: false },
        { Id: "e", Expression: "FILL(m, 0) * 2", Label: "twice" },
      ],
      ScanBy: "TimestampAscending",
    }),
  );
  const [result] = answer.MetricDataResults;
  assert.deepEqual([result.Id, result.Label, result.StatusCode], ["e", "twice", "Complete"]);
  assert.deepEqual(result.Values, [16, 0, 0, 0, 0]);
  assert.ok(result.Timestamps[0] instanceof Date);
  assert.equal(result.Timestamps[0].getTime(), at.getTime());
  const statistics = await client.send(
    new GetMetricStatisticsCommand({
      Namespace: spoken,
      MetricName: "orders",
      StartTime: at,
      EndTime: minute(0),
      Period: 300,
      ExtendedStatistics: ["p50", "p100"],
    }),
  );
  assert.deepEqual(statistics.Datapoints[0].ExtendedStatistics, { p50: 1.5, p100: 3 });
});

test("version 3 packs a large request and lists what came of it", async () => {
  const client = new CloudWatchClient(server.options);
  const data = Array.from({ length: 600 }, (_, number) => ({ MetricName: `m${number}`, Value: number }));
  await client.send(new PutMetricDataCommand({ Namespace: "V3/Large", MetricData: data }));
  let listed = 0;
  for await (const page of paginateListMetrics({ client }, { Namespace: "V3/Large" })) listed += page.Metrics.length;
  assert.equal(listed, 600);
});

test("version 3 gets typed errors", async () => {
  const client = new CloudWatchClient(server.options);
  const put = (datum) =>
    client.send(new PutMetricDataCommand({ Namespace: "V3", MetricData: [{ MetricName: "m", ...datum }] }));
  await assert.rejects(put({ Value: NaN }), {
    name: "InvalidParameterValueException",
    message: "The value NaN for parameter MetricData.member.1.Value is invalid.",
  });
  await assert.rejects(client.send(new DescribeAnomalyDetectorsCommand({})), (error) =>
    error.message.includes("CloudWatch DescribeAnomalyDetectors"),
  );
  const body = JSON.stringify({ widgets: [{ type: "chart", properties: {} }] });
  await assert.rejects(
    client.send(new PutDashboardCommand({ DashboardName: "d", DashboardBody: body })),
    (error) =>
      error.name === "DashboardInvalidInputError" &&
      error.dashboardValidationMessages[0].DataPath === "/widgets/0/type",
  );
  // The SDK names the error as the query protocol did.
  await assert.rejects(client.send(new GetDashboardCommand({ DashboardName: "d" })), {
    name: "ResourceNotFound",
    message: "Dashboard d does not exist",
  });
});

test("version 2 speaks the query protocol", async () => {
  process.env.AWS_SDK_JS_SUPPRESS_MAINTENANCE_MODE_MESSAGE = "1";
  const AWS = createRequire(import.meta.url)("aws-sdk");
  const client = new AWS.CloudWatch({
    endpoint: server.endpoint,
    region: "us-east-1",
    accessKeyId: "test",
    secretAccessKey: "test",
    maxRetries: 0,
  });
  assert.equal(client.api.protocol, "query");
  const at = minute(5);
  const dimensions = [{ Name: "shop", Value: "a & <b>" }];
  const datum = { MetricName: "m", Dimensions: dimensions, Timestamp: at, Value: 2.5 };
  await client.putMetricData({ Namespace: "V2", MetricData: [datum, datum] }).promise();
  const query = sum("V2", "m");
  query.MetricStat.Metric.Dimensions = dimensions;
  const answer = await client
    .getMetricData({ StartTime: at, EndTime: minute(0), MetricDataQueries: [query] })
    .promise();
  const [result] = answer.MetricDataResults;
  assert.deepEqual(result.Values, [5]);
  assert.equal(result.Timestamps[0].getTime(), at.getTime());
  const { Metrics: metrics } = await client.listMetrics({ Namespace: "V2" }).promise();
  assert.deepEqual(metrics, [{ Namespace: "V2", MetricName: "m", Dimensions: dimensions }]);
  await assert.rejects(client.putMetricData({ Namespace: "V2", MetricData: [{ MetricName: "m" }] }).promise(), {
    code: "MissingParameter",
  });
});
