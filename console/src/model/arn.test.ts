import { expect, test } from "vitest";
import { alarmPath, fromPath, pageOf } from "./arn";

const states = (rest: string): string => `arn:aws:states:us-east-1:123456789012:${rest}`;

test("what an ARN names has a page, or is said to have none", () => {
  const cases: Record<string, string | null> = {
    [states("stateMachine:Orders")]: `/machines/${states("stateMachine:Orders")}`,
    [states("stateMachine:Orders:3")]: `/machines/${states("stateMachine:Orders")}?view=versions`,
    [states("stateMachine:Orders:live")]: `/machines/${states("stateMachine:Orders")}?view=versions`,
    [states("execution:Orders:one")]: `/executions/${states("execution:Orders:one")}`,
    [states("execution:Orders/each:one")]: `/executions/${states("execution:Orders%2Feach:one")}`,
    [states("express:Fast:one:two")]: `/machines/${states("stateMachine:Fast")}`,
    [states("mapRun:Orders/each:one")]: `/map-runs/${states("mapRun:Orders%2Feach:one")}`,
    "arn:aws:lambda:us-east-1:123456789012:function:Charge": "/functions/Charge",
    "arn:aws:lambda:us-east-1:123456789012:function:Charge:live": "/functions/Charge",
    "arn:aws:cloudwatch:us-east-1:123456789012:alarm:orders: refused": "/alarms/orders:%20refused",
    "arn:aws:cloudwatch::123456789012:dashboard/orders": "/dashboards/orders",
    "arn:aws:logs:us-east-1:123456789012:log-group:/aws/lambda/Charge:*": "/logs?groups=%2Faws%2Flambda%2FCharge",
    "1-6553f100-0123456789abcdef01234567": "/traces/1-6553f100-0123456789abcdef01234567",
    [states("activity:Work")]: null,
    [states("execution:Orders")]: null,
    "arn:aws:sqs:us-east-1:123456789012:queue": null,
    "arn:": null,
    Orders: null,
  };
  for (const [arn, path] of Object.entries(cases)) expect(pageOf(arn)?.path ?? null, arn).toBe(path);
});

test("a name comes out of its path as it was", () => {
  for (const name of ["errors > 5%", "a/b: 50%41", "100%25", "ünï #?&+", "plain"]) expect(fromPath(decodeURI(alarmPath(name)).slice("/alarms/".length)), name).toBe(name);
  expect(fromPath("5%")).toBe("5%");
});
