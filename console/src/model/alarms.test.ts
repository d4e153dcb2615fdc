import { describe, expect, test } from "vitest";
import type { CloudWatch } from "../api/generated";
import { alarmQueries, conditionText, holds, leadsOf, namesOf, readAlarms, readRule, sortedAlarms, stateChange } from "./alarms";
import type { AlarmState } from "./alarms";

const ERRORS: CloudWatch.MetricAlarm = {
  AlarmName: "errors",
  MetricName: "Errors",
  Namespace: "AWS/Lambda",
  Statistic: "Sum",
  Period: 60,
  EvaluationPeriods: 3,
  DatapointsToAlarm: 2,
  Threshold: 5_000,
  ComparisonOperator: "GreaterThanThreshold",
};

test("a condition reads as a sentence", () => {
  expect(conditionText(ERRORS)).toBe("Sum of Errors > 5,000 for 2 of 3 periods of 1 min");
  expect(conditionText({ ...ERRORS, EvaluationPeriods: 1, DatapointsToAlarm: 1, Period: 10, ComparisonOperator: "LessThanOrEqualToThreshold", Threshold: 0.5 })).toBe("Sum of Errors ≤ 0.5 for 10 s");
  const math = {
    Metrics: [
      { Id: "m1", ReturnData: false, MetricStat: { Metric: { Namespace: "A", MetricName: "x" }, Period: 300, Stat: "Sum" } },
      { Id: "e1", Expression: "m1 * 2" },
    ],
    EvaluationPeriods: 2,
    Threshold: 1,
    ComparisonOperator: "GreaterThanThreshold" as const,
  };
  expect(conditionText(math)).toBe("m1 * 2 > 1 for 2 periods of 5 min");
  expect(alarmQueries(math).map((query) => query.Id)).toEqual(["e1", "m1"]);
  expect(alarmQueries(ERRORS)[0]?.MetricStat).toMatchObject({ Period: 60, Stat: "Sum" });
});

test("an alarm leads to what tells more of what it watches", () => {
  const [alarm] = readAlarms({
    MetricAlarms: [
      {
        AlarmName: "share",
        StateTransitionedTimestamp: 1_700_000_000,
        Metrics: [
          { Id: "e1", Expression: "100 * m1 / m2" },
          ...["ExecutionsFailed", "ExecutionsStarted"].map((MetricName, index) => ({
            Id: `m${index + 1}`,
            ReturnData: false,
            MetricStat: { Metric: { Namespace: "AWS/States", MetricName, Dimensions: [{ Name: "StateMachineArn", Value: "arn:aws:states:us-east-1:123456789012:stateMachine:Orders" }] }, Period: 60, Stat: "Sum" },
          })),
        ],
      },
    ],
  });
  const paths = (of: typeof alarm, filters: Parameters<typeof leadsOf>[1] = []): string[] => (of === undefined ? [] : leadsOf(of, filters).map((lead) => lead.path));
  expect(paths(alarm)).toEqual(["/machines/arn:aws:states:us-east-1:123456789012:stateMachine:Orders?view=failures"]);
  const [errors] = readAlarms({ MetricAlarms: [{ ...ERRORS, Dimensions: [{ Name: "FunctionName", Value: "Charge" }] }] });
  expect(paths(errors)).toEqual(["/functions/Charge?view=logs"]);
  expect(paths(alarm, [{ logGroupName: "/shop", filterPattern: "ERROR" }])[1]).toBe("/logs?groups=%2Fshop&q=ERROR&from=2023-11-14T21%3A58%3A20.000Z&to=2023-11-14T22%3A28%3A20.000Z");
});

test("what is in alarm comes first", () => {
  const alarms = readAlarms({
    MetricAlarms: [{ ...ERRORS, StateValue: "OK" }, { ...ERRORS, AlarmName: "late", StateValue: "ALARM", StateTransitionedTimestamp: 5 }],
    CompositeAlarms: [{ AlarmName: "all", AlarmRule: "ALARM(errors)", StateValue: "INSUFFICIENT_DATA" }],
  });
  expect(sortedAlarms(alarms).map((alarm) => [alarm.name, alarm.state, alarm.since])).toEqual([
    ["late", "ALARM", 5_000],
    ["all", "INSUFFICIENT_DATA", null],
    ["errors", "OK", null],
  ]);
});

describe("a rule", () => {
  const states = new Map<string, AlarmState>([["a", "ALARM"], ["b b", "OK"], ["c", "INSUFFICIENT_DATA"]]);
  const value = (text: string): boolean | null | undefined => {
    const rule = readRule(text);
    return rule === null ? undefined : holds(rule, states);
  };
  const cases: readonly [string, boolean | null | undefined][] = [
    ["ALARM(a)", true],
    ['alarm("a") AND ok("b b")', true],
    ["ALARM(a) AND NOT INSUFFICIENT_DATA(c)", false],
    ['OK(a) OR (ALARM("b b") OR ALARM(a))', true],
    ["ALARM(arn:aws:cloudwatch:us-east-1:123456789012:alarm:a)", true],
    ["AT_LEAST(2, ALARM, (a, c))", false],
    ['AT_LEAST(50%, NOT OK, (a, "b b"))', true],
    ["ALARM(gone)", null],
    ["ALARM(gone) OR ALARM(a)", true],
    ["TRUE AND NOT FALSE", true],
    ["ALARM(a", undefined],
    ["ALARM(a) b", undefined],
    ["MAYBE(a)", undefined],
    ["", undefined],
  ];
  test.each(cases)("%s", (text, expected) => expect(value(text)).toBe(expected));
  test("names its alarms once", () => {
    const rule = readRule('ALARM(a) OR (OK(a) AND AT_LEAST(1, OK, ("b b", a)))');
    expect(rule && namesOf(rule)).toEqual(["a", "b b"]);
  });
});

test("a change of state is read out of the history", () => {
  const item = { HistoryItemType: "StateUpdate" as const, HistoryData: JSON.stringify({ oldState: { stateValue: "OK" }, newState: { stateValue: "ALARM" } }) };
  expect(stateChange(item)).toEqual({ from: "OK", to: "ALARM" });
  expect(stateChange({ ...item, HistoryData: "{" })).toEqual({ from: null, to: null });
  expect(stateChange({ HistoryItemType: "Action" })).toEqual({ from: null, to: null });
});
