import { describe, expect, test } from "vitest";
import { readDashboard, SAMPLE_DASHBOARD, withGraph } from "./dashboard";
import { readMetrics } from "./metrics";

const body = (...widgets: object[]): string => JSON.stringify({ start: "-PT6H", widgets });
const only = (widget: object) => readDashboard(body(widget)).widgets[0];

describe("a widget is read", () => {
  test("of metrics, with its axes and annotations", () => {
    const widget = only({
      type: "metric",
      x: 12,
      y: 3,
      width: 12,
      height: 6,
      properties: {
        title: "Errors",
        metrics: [["A", "Errors", "F", "x"], [".", "Calls", ".", ".", { yAxis: "right" }], "wrong"],
        stat: "Sum",
        period: 60,
        stacked: true,
        yAxis: { left: { min: 0, max: 10 } },
        annotations: { horizontal: [{ value: 5, label: "too many" }, [{ value: 1 }, { value: 2 }]], vertical: [{ value: "2026-11-26T10:00:00Z", label: "deployed" }, { value: "never" }] },
      },
    });
    expect(widget).toMatchObject({ kind: "metric", view: "timeSeries", x: 12, title: "Errors", stat: "Sum", period: 60, isStacked: true, limits: { left: { min: 0, max: 10 } } });
    if (widget?.kind !== "metric") throw new Error("another kind");
    expect(widget.graphed.map((one) => [one.name, one.axis])).toEqual([["Errors", "left"], ["Calls", "right"]]);
    expect(widget.annotations.map((one) => one.label)).toEqual(["too many", "1", "2"]);
    expect(widget.verticals).toHaveLength(1);
    expect(widget.problems).toEqual(["metrics[2] is no array"]);
  });
  test("of a text", () => expect(only({ type: "text", properties: { markdown: "# x" } })).toMatchObject({ kind: "text", markdown: "# x", width: 6, height: 6 }));
  test("of alarms, also of one alarm's metric", () => {
    const arn = "arn:aws:cloudwatch:us-east-1:123456789012:alarm:errors: all";
    expect(only({ type: "alarm", properties: { alarms: [arn] } })).toMatchObject({ kind: "alarm", names: ["errors: all"] });
    expect(only({ type: "metric", properties: { annotations: { alarms: [arn] } } })).toMatchObject({ kind: "alarm", names: ["errors: all"] });
  });
  test("of a query of logs, with its sources", () => {
    const query = "SOURCE '/a' | SOURCE '/b', '/c' | fields @message | filter @message like /x|y/";
    expect(only({ type: "log", properties: { query } })).toMatchObject({ kind: "log", groups: ["/a", "/b", "/c"], query: "fields @message | filter @message like /x|y/" });
  });
  test.each([
    [{ type: "custom", properties: {} }, "a widget of the type custom"],
    [{ type: "metric", properties: { view: "pie", metrics: [] } }, "metrics in the view pie"],
    [{ type: "log", properties: { query: "fields @message" } }, "a query of logs that names no log group"],
    [{}, "a widget without a type"],
  ])("that is not shown is named: %j", (widget, what) => expect(only(widget)).toMatchObject({ kind: "unknown", what }));
});

test("widgets without a place stand below each other", () => {
  const { widgets, range } = readDashboard(body({ type: "text", height: 2, properties: {} }, { type: "text", properties: {} }, { type: "text", x: 30, width: 40, properties: {} }));
  expect(widgets.map(({ x, y, width }) => [x, y, width])).toEqual([[0, 0, 6], [0, 2, 6], [0, 8, 24]]);
  expect(range).toBe("6h");
});

test("what is no dashboard says why", () => {
  expect(readDashboard("{").problem).toMatch(/no JSON/);
  expect(readDashboard("{}").problem).toMatch(/no list/);
  expect(readDashboard('{"widgets":[]}')).toEqual({ widgets: [], range: null, problem: null });
  expect(readDashboard('{"widgets":[],"start":"2026-01-01T00:00:00Z"}').range).toBeNull();
});

test("a graph is put beside the last one, or below it", () => {
  const graph = { title: "t", graphed: readMetrics([["A", "b"]]).graphed, stat: "Sum", period: 60, isStacked: false };
  const one = withGraph('{"widgets":[],"start":"-PT1H"}', graph);
  const three = withGraph(withGraph(one, graph), graph);
  expect(readDashboard(three).widgets.map(({ x, y }) => [x, y])).toEqual([[0, 0], [12, 0], [0, 6]]);
  expect(readDashboard(three).range).toBe("1h");
  expect(readDashboard(three).widgets[0]).toMatchObject({ kind: "metric", stat: "Sum", period: 60 });
  expect(() => withGraph("{}", graph)).toThrow(/no list/);
});

test("the sample is a dashboard of which everything is shown", () => {
  const { widgets, problem } = readDashboard(SAMPLE_DASHBOARD);
  expect(problem).toBeNull();
  expect(widgets.map((widget) => widget.kind)).toEqual(["text", "metric", "metric", "metric", "metric"]);
});
