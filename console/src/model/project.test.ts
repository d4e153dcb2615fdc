import { expect, test } from "vitest";
import type { Sample, Stack } from "../api/start";
import { executionName, resourceGroups, resourcePath, runnable, stagePath, targetsOf } from "./project";

const machine = "arn:aws:states:us-east-1:123456789012:stateMachine:Orders";
const charge = "arn:aws:lambda:us-east-1:123456789012:function:Charge";
const stack: Stack = {
  name: "shop",
  resources: [
    { logicalId: "Role", type: "AWS::IAM::Role", name: "r", arn: null },
    { logicalId: "Charge", type: "AWS::Lambda::Function", name: "Charge", arn: charge },
    { logicalId: "Alarm", type: "AWS::CloudWatch::Alarm", name: "a", arn: null },
    { logicalId: "B", type: "AWS::IAM::Role", name: "b", arn: null },
    { logicalId: "Orders", type: "AWS::StepFunctions::StateMachine", name: "Orders", arn: machine },
    { logicalId: "Own", type: "Custom::Thing", name: "x", arn: null },
  ],
};

test("resources come in the order in which they matter", () => {
  const groups = resourceGroups(stack).map(({ title, resources }) => `${title}: ${resources.map((one) => one.logicalId).join(" ")}`);
  expect(groups).toEqual(["State machines: Orders", "Functions: Charge", "Observability: Alarm", "Roles and policies: B Role", "Others: Own"]);
  expect(runnable(stack).map((one) => one.arn)).toEqual([machine, charge]);
  expect(runnable(undefined)).toEqual([]);
});

test("a sample may go to what it fits, and then to all else that runs", () => {
  const sample = (fits: string[]): Sample => ({ name: "a.json", size: 2, content: "{}", fits });
  expect(targetsOf(sample([charge]), stack)).toEqual([charge, machine]);
  expect(targetsOf(sample([]), stack)).toEqual([machine, charge]);
  // What has left the stack since.
  expect(targetsOf(sample(["arn:gone"]), stack)).toEqual([machine, charge]);
});

test("an execution is named after its sample", () => {
  expect(executionName("paid.json", 1_700_000_000_000)).toBe("paid-s44we8");
  const long = executionName(`${"ä b".repeat(60)}.json`, 1_700_000_000_000);
  expect(long).toMatch(/^[0-9A-Za-z_-]{80}$/);
});

test("an API leads to where it is called, a URL to its function", () => {
  const resource = (type: string, name: string, arn: string | null = null): Stack["resources"][number] => ({ logicalId: "One", type, name, arn });
  expect(stagePath(resource("AWS::ApiGatewayV2::Stage", "abc $default"))).toBe("/execute-api/abc/");
  expect(stagePath(resource("AWS::ApiGateway::Stage", "abc Prod"))).toBe("/execute-api/abc/Prod/");
  expect(stagePath(resource("AWS::ApiGateway::RestApi", "abc"))).toBeNull();
  expect(stagePath(resource("AWS::ApiGateway::Stage", "abc"))).toBeNull();
  expect(resourcePath(resource("AWS::Lambda::Url", "Charge "))).toBe("/functions/Charge");
  expect(resourcePath(resource("AWS::Lambda::Function", "Charge", charge))).toBe("/functions/Charge");
  expect(resourcePath(resource("AWS::IAM::Role", "r"))).toBeNull();
});
