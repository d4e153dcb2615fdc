import { beforeAll, describe, expect, test } from "vitest";
import { executionPath, withQuery } from "../src/model/arn";
import { expectAccessible, settled } from "./browser";
import { journeys } from "./journey";
import { flow } from "./machines";
import { chargeLines, cloudwatch, createGroup, logs, orderDashboard, putAlarms, putLines, putOrders, putRefused, putTrace } from "./observed";
import { PATIENCE_MS, Server } from "./server";

const server = new Server();
const visit = journeys(server);

/** An alarm takes a while to see its metric: it is put before the journeys that do not need it. */
let alarmed: Promise<void> | undefined;
async function putAlarmed(): Promise<void> {
  const now = Date.now();
  await putAlarms(server);
  for (let index = 0; index < 4; index += 1) await putRefused(server, now - index * 5_000, 9);
}

const PATIENCE = { timeout: PATIENCE_MS };
const GROUP = "/aws/lambda/ChargeCard";
const OTHER = "/orders/audit";

test("pages that have nothing to show say what to do", async () => {
  const page = await visit("/logs");
  await page.getByText("No log groups yet").waitFor();
  await page.getByRole("navigation", { name: "Observe" }).getByRole("link", { name: "Traces" }).click();
  await page.getByText(/No traces in the last 1 hour/).waitFor();
  await page.keyboard.press("g");
  await page.keyboard.press("s");
  await page.getByRole("heading", { name: "Service map" }).waitFor();
  await page.getByText(/counted from traces/).waitFor();
  for (const [key, text] of [["a", "No alarms yet"], ["d", "No dashboards yet"]] as const) {
    await page.keyboard.press("g");
    await page.keyboard.press(key);
    await page.getByText(text).waitFor();
  }
});

describe("logs", () => {
  let trace: string;
  beforeAll(async () => {
    const now = Date.now();
    trace = await putTrace(server, now - 120_000);
    await (alarmed ??= putAlarmed());
    await createGroup(server, GROUP);
    await createGroup(server, OTHER);
    await putLines(server, GROUP, [
      ...Array.from({ length: 2_000 }, (_, index) => ({ at: now - 3_000_000 + index * 1_000, message: `INFO order ${index} is charged` })),
      ...chargeLines(now, trace),
    ]);
    await putLines(server, OTHER, [{ at: now - 100_000, message: "AUDIT order o-7 was refused" }]);
  });

  test("are searched with a filter pattern, and a line opens to where it leads", async () => {
    const page = await visit("/logs");
    await page.getByRole("button", { name: GROUP }).click();
    await page.getByText(/newest first/).waitFor();
    // Only what is in sight is drawn.
    expect(await page.getByRole("listitem").count()).toBeLessThan(90);
    await page.getByLabel("Filter pattern").fill('{ $.level = "ERROR" }');
    await page.keyboard.press("Enter");
    await page.getByText(/^1 line, newest first/).waitFor();
    const line = page.getByRole("button", { name: /ERROR.*not charged: CardDeclined/ });
    await line.click();
    await page.getByLabel("the line", { exact: true }).getByText('"items"').waitFor();
    await page.getByLabel("Filter pattern").fill('"the bank is slow"');
    await page.keyboard.press("Enter");
    await page.getByRole("button", { name: /WARN.*the bank is slow/ }).click();
    expect(page.url()).toContain("groups=%2Faws%2Flambda%2FChargeCard");
    await page.getByRole("link", { name: "The trace" }).click();
    await page.getByRole("heading", { name: "OrderProcessing" }).waitFor();
    expect(page.url()).toContain(trace);
  });

  test("of several groups come together, and a pattern that is none is refused where it stands", async () => {
    const page = await visit(withQuery("/logs", { groups: GROUP, q: "order" }));
    await page.locator("summary", { hasText: "Log groups" }).click();
    await page.getByRole("checkbox", { name: OTHER }).check();
    await page.getByRole("button", { name: /AUDIT order o-7/ }).waitFor();
    await page.keyboard.press("Escape");
    await page.getByLabel("Filter pattern").fill("{ $.level = ");
    await page.keyboard.press("Enter");
    await page.getByRole("alert").getByText(/must end with '}'/).waitFor();
    // A pattern with percent signs stays what it is.
    await page.getByLabel("Filter pattern").fill("%5A[0-9]Q%");
    await page.keyboard.press("Enter");
    await page.getByText("No line passes the pattern").waitFor();
    expect(await page.getByLabel("Filter pattern").inputValue()).toBe("%5A[0-9]Q%");
    await page.getByLabel("Filter pattern").fill("{ $.level = ");
    await page.keyboard.press("Enter");
    await page.getByRole("alert").getByText(/must end with '}'/).waitFor();
    expect(await page.getByLabel("Filter pattern").getAttribute("aria-invalid")).toBe("true");
  });

  test("are shown as they come, and not while nobody looks", async () => {
    const page = await visit(withQuery("/logs", { groups: GROUP, view: "tail", q: "TAILED" }));
    const state = page.getByRole("status", { name: "Live tail" });
    await state.getByText("Live").waitFor();
    const put = (message: string): Promise<void> => putLines(server, GROUP, [{ at: Date.now(), message }]);
    await put("ERROR TAILED one");
    await put("not this one");
    await page.getByRole("button", { name: /ERROR.*TAILED one/ }).waitFor();
    const hide = (isHidden: boolean): Promise<void> =>
      page.evaluate((hidden) => {
        Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
        document.dispatchEvent(new Event("visibilitychange"));
      }, isHidden);
    await hide(true);
    await state.getByText("Quiet").waitFor();
    await hide(false);
    await state.getByText("Live").waitFor();
    await put("INFO TAILED two");
    await page.getByRole("button", { name: /INFO.*TAILED two/ }).waitFor();
    await page.getByText(/while nobody listened/).waitFor();
    expect(await page.getByText("not this one").count()).toBe(0);
    await page.getByRole("button", { name: "Pause" }).click();
    await put("INFO TAILED three");
    await page.getByText(/1 more wait/).waitFor();
    await page.getByRole("button", { name: "Go on" }).click();
    await page.getByRole("button", { name: /TAILED three/ }).waitFor();
  });

  test("are asked with Logs Insights, and what is wrong in a query is marked", async () => {
    const page = await visit(withQuery("/logs", { groups: GROUP, view: "insights" }));
    const query = page.getByLabel("Query", { exact: true });
    await query.fill("filter level = 'ERROR' | stats count(*) as n by level");
    await page.keyboard.press("Control+Enter");
    await page.getByRole("columnheader", { name: "level" }).waitFor();
    await page.getByRole("row", { name: /ERROR 1/ }).waitFor();
    await query.fill("fields @message | sortt @timestamp");
    await page.getByRole("button", { name: "Run query" }).click();
    await page.locator(".query-place mark").waitFor();
    // The link shows the same to somebody else.
    await page.reload();
    await page.locator(".query-place mark").waitFor();
  });
});

describe("traces", () => {
  let failed: string;
  let execution: string;
  let large: string;
  beforeAll(async () => {
    const machine = await server.createMachine("Traced", flow);
    execution = await server.start(machine, { items: [], seconds: 0 }, "traced-one");
    await server.ended(execution);
    const now = Date.now();
    for (let index = 0; index < 6; index += 1) await putTrace(server, now - 60_000 * (index + 1));
    failed = await putTrace(server, now - 90_000, { fails: true, executionArn: execution });
    large = await putTrace(server, now - 600_000, { states: 1_300 });
  });

  test("are found by a filter expression, and one says what failed and where", async () => {
    const page = await visit("/traces");
    await page.getByRole("button", { name: "Faults" }).click();
    await page.getByRole("row", { name: /Fault OrderProcessing/ }).waitFor();
    await page.getByText(/^1 trace, newest first/).waitFor();
    await page.getByLabel("Filter expression").fill("nonsense ===");
    await page.keyboard.press("Enter");
    await page.getByRole("alert").waitFor();
    await page.getByLabel("Filter expression").fill('annotation.customer = "Grace" AND fault');
    await page.keyboard.press("Enter");
    await page.getByRole("link", { name: "OrderProcessing" }).click();
    await page.getByRole("heading", { name: "OrderProcessing" }).waitFor();
    expect(page.url()).toContain(failed);
    const why = page.getByRole("region", { name: "What failed" });
    await why.getByText("CardDeclined").waitFor();
    await why.getByRole("button", { name: "ChargeCard" }).click();
    const panel = page.getByRole("complementary", { name: "Segment ChargeCard" });
    await panel.getByText("src/charge.ts:41").waitFor();
    await panel.getByText("customer", { exact: true }).waitFor();
    await panel.getByRole("link", { name: "Its lines in the log" }).waitFor();
    await page.getByRole("link", { name: "The execution" }).first().click();
    await page.getByRole("heading", { name: "traced-one" }).waitFor();
    expect(decodeURIComponent(page.url())).toContain(decodeURIComponent(executionPath(execution)));
  });

  test("of 1,300 parts open at once, and are walked by keys", async () => {
    const page = await visit(`/traces/${large}`);
    await page.getByRole("list", { name: "Segments" }).waitFor();
    expect(await page.locator(".bar-row").count()).toBeLessThan(100);
    await page.locator(".timeline-body").evaluate((body) => (body.scrollTop = body.scrollHeight));
    await page.getByRole("button", { name: /^Step 1297/ }).click();
    await page.getByRole("complementary", { name: "Segment Step 1297" }).waitFor();
    await page.getByRole("button", { name: /^Step 1297/ }).press("ArrowUp");
    await page.keyboard.press("Enter");
    await page.getByRole("complementary", { name: "Segment Step 1296" }).waitFor();
  });

  test("are counted on a service map, as a picture and as a table", async () => {
    const page = await visit("/service-map");
    await page.locator(".service", { hasText: "ChargeCard" }).first().waitFor();
    const table = page.getByRole("group", { name: "Services as a table" });
    await table.getByRole("button", { name: "OrderProcessing" }).first().waitFor();
    await page.locator(".service.tone-bad", { hasText: "ChargeCard" }).first().click();
    await page.getByRole("region", { name: "Service ChargeCard" }).getByRole("link", { name: "Those with a fault" }).click();
    await page.getByRole("row", { name: /Fault OrderProcessing/ }).waitFor();
  });
});

describe("alarms and metrics", () => {
  beforeAll(async () => {
    await (alarmed ??= putAlarmed());
    await putOrders(server, Date.now(), 170);
  });

  test("are chosen, graphed with math, and put on a dashboard", async () => {
    const page = await visit("/metrics");
    await page.getByRole("navigation", { name: "Namespaces" }).getByRole("button", { name: /^Orders/ }).click();
    await page.getByRole("checkbox", { name: "Graph Taken Shop=north" }).check();
    await page.getByRole("checkbox", { name: "Graph Refused Shop=north" }).check();
    await page.getByRole("combobox", { name: "Statistic", exact: true }).selectOption("Sum");
    await page.getByLabel("Metric math").fill("100 * m2 / m1");
    await page.getByRole("button", { name: "Add math" }).click();
    await page.getByLabel("Label of e1").fill("refused, %");
    await page.keyboard.press("Enter");
    await expect.poll(() => page.locator(".plot polyline").count(), PATIENCE).toBe(3);
    // What is hidden is still there for the math.
    await page.getByRole("checkbox", { name: "Show north Taken Sum" }).uncheck();
    await expect.poll(() => page.locator(".plot polyline").count(), PATIENCE).toBe(2);
    await page.getByText("Values as a table").click();
    await page.getByRole("columnheader", { name: "refused, %" }).waitFor();
    // The link shows the same to somebody else.
    await page.reload();
    await expect.poll(() => page.locator(".plot polyline").count(), PATIENCE).toBe(2);
    await page.getByRole("group", { name: /arrow keys read values/ }).press("ArrowRight");
    await page.getByLabel("Metric math").fill("100 * nothing");
    await page.getByRole("button", { name: "Add math" }).click();
    await page.getByRole("alert").waitFor();
    await page.getByRole("button", { name: "Remove e2" }).click();
    await page.getByRole("alert").waitFor({ state: "detached" });
    await page.getByRole("button", { name: "Add to dashboard" }).click();
    await page.getByLabel("Dashboard", { exact: true }).fill("by-hand");
    await page.getByLabel("Title of the graph").fill("Refused orders");
    await page.getByRole("button", { name: "Add", exact: true }).click();
    await page.getByRole("heading", { level: 1, name: "by-hand" }).waitFor();
    await page.getByRole("region", { name: "Refused orders" }).locator("polyline").first().waitFor();
  });

  test("stand on a dashboard beside texts, alarms and logs, and what is not shown is named", async () => {
    await cloudwatch(server, "PutDashboard", { DashboardName: "orders", DashboardBody: orderDashboard(GROUP) });
    const page = await visit("/dashboards");
    await page.getByRole("link", { name: "orders" }).click();
    await page.getByRole("region", { name: "Taken and refused" }).locator("polyline").nth(1).waitFor();
    await page.getByRole("region", { name: "Now" }).getByText("north Taken Sum").waitFor();
    await page.getByRole("region", { name: "Alarms" }).getByRole("link", { name: "refused-orders" }).waitFor();
    await page.getByRole("region", { name: "By shop" }).getByText("Not shown here: metrics in the view pie.").waitFor();
    await page.getByRole("region", { name: "Lines by level" }).getByRole("cell", { name: "ERROR" }).waitFor();
    // A text is Markdown, and HTML in it a text.
    await page.getByRole("link", { name: "the runbook" }).waitFor();
    await page.getByText("<script>alert(1)</script>").waitFor();
    await page.getByRole("button", { name: "Edit source" }).click();
    const source = page.getByLabel("Body of the dashboard");
    await source.fill("{");
    await page.getByText(/^Not JSON/).waitFor();
    await source.fill('{"widgets": [{"type": "nonsense", "properties": {}}]}');
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByText("/widgets/0/type", { exact: true }).waitFor();
    await source.fill('{"widgets": [{"type": "text", "properties": {"markdown": "# Another one"}}]}');
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByRole("heading", { name: "Another one" }).waitFor();
    await page.getByRole("button", { name: "Delete" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
    await page.getByRole("heading", { level: 1, name: "Dashboards" }).waitFor();
  });

  test("an alarm says why, what it watches and what happened, and is set by hand", async () => {
    const page = await visit("/alarms");
    // What the metric is counted from.
    await createGroup(server, "/orders/refusals");
    await logs(server, "PutMetricFilter", {
      logGroupName: "/orders/refusals",
      filterName: "refused",
      filterPattern: '"refused"',
      metricTransformations: [{ metricNamespace: "Orders", metricName: "RefusedNow", metricValue: "1" }],
    });
    await page.getByRole("row", { name: /In alarm refused-orders/ }).waitFor();
    await page.getByRole("button", { name: /^In alarm/ }).click();
    await page.getByRole("link", { name: "refused-orders" }).click();
    await page.getByRole("status", { name: "State" }).getByText("In alarm").waitFor();
    expect(await page.getByRole("region", { name: "Why it is in this state" }).textContent()).toMatch(/Threshold Crossed/);
    await page.locator(".plot-threshold-text", { hasText: "> 5" }).waitFor();
    await page.getByRole("row", { name: /In alarm Alarm updated from/ }).waitFor();
    await page.getByRole("button", { name: "Set state" }).click();
    await page.getByText(/The next evaluation/).waitFor();
    await page.getByLabel("Reason").fill("the shop was closed");
    await page.getByRole("dialog").getByRole("button", { name: "Set state" }).click();
    await page.getByRole("region", { name: "Why it is in this state" }).getByText("the shop was closed").waitFor();
    await page.getByRole("button", { name: "Disable actions" }).click();
    await page.getByRole("button", { name: "Enable actions" }).waitFor();
    await page.getByRole("group", { name: "Kind of items" }).getByRole("button", { name: "Configuration" }).click();
    await page.getByRole("row", { name: /Configuration/ }).first().waitFor();
    await page.getByRole("link", { name: "shop-is-down" }).click();
    const rule = page.getByRole("region", { name: "Its rule" });
    await rule.getByText("All of these").waitFor();
    await rule.getByText("Any of these").waitFor();
    await rule.getByRole("link", { name: "bank-is-slow" }).first().click();
    await page.getByRole("heading", { level: 1, name: "bank-is-slow" }).waitFor();
    await page.goBack();
    await rule.getByRole("link", { name: "refused-orders" }).click();
    await page.getByRole("link", { name: "Lines of /orders/refusals that count" }).click();
    await page.getByLabel("Filter pattern").waitFor();
    expect(await page.getByLabel("Filter pattern").inputValue()).toBe('"refused"');
    // A name may have what an address writes otherwise.
    await cloudwatch(server, "PutCompositeAlarm", { AlarmName: "a/b: errors > 5%", AlarmRule: "FALSE" });
    await page.goto(`${server.url}/console/alarms`);
    await page.getByRole("link", { name: "a/b: errors > 5%" }).click();
    await page.getByRole("heading", { level: 1, name: "a/b: errors > 5%" }).waitFor();
    await page.getByRole("button", { name: "Configuration", exact: true }).click();
    await page.getByRole("row", { name: /Configuration/ }).first().waitFor();
    await page.reload();
    await page.getByRole("heading", { level: 1, name: "a/b: errors > 5%" }).waitFor();
    // The palette knows alarms, dashboards and log groups too, and who hears pages is told which one it is now.
    await page.keyboard.press("Control+k");
    await page.getByRole("combobox", { name: "Find or do something" }).fill("shop-is");
    await page.getByRole("option", { name: "shop-is-down Alarm" }).waitFor();
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { level: 1, name: "shop-is-down" }).waitFor();
    await page.locator("[aria-live=polite]").filter({ hasText: /^shop-is-down/ }).waitFor({ state: "attached" });
  });
});

describe("axe finds nothing serious on", () => {
  let trace: string;
  beforeAll(async () => {
    trace = await putTrace(server, Date.now() - 30_000, { fails: true });
    await cloudwatch(server, "PutDashboard", { DashboardName: "looked-at", DashboardBody: orderDashboard(GROUP) });
  });
  const pages: readonly (readonly [what: string, heading: string, path: () => string])[] = [
    ["log groups", "Logs", () => "/logs"],
    ["lines", "Logs", () => withQuery("/logs", { groups: `${GROUP},${OTHER}` })],
    ["a query", "Logs", () => withQuery("/logs", { groups: GROUP, view: "insights", query: "stats count(*) by bin(1m)" })],
    ["traces", "Traces", () => "/traces"],
    ["a trace", "OrderProcessing", () => `/traces/${trace}`],
    ["the service map", "Service map", () => "/service-map"],
    ["alarms", "Alarms", () => "/alarms"],
    ["an alarm", "refused-orders", () => "/alarms/refused-orders"],
    ["a composite alarm", "shop-is-down", () => "/alarms/shop-is-down"],
    ["a graph", "Metrics", () => withQuery("/metrics", { metrics: JSON.stringify([["Orders", "Taken", "Shop", "north"]]) })],
    ["dashboards", "Dashboards", () => "/dashboards"],
    ["a dashboard", "looked-at", () => "/dashboards/looked-at"],
  ];
  for (const colorScheme of ["light", "dark"] as const) {
    test.each(pages)(`%s, in ${colorScheme}`, async (_, heading, path) => {
      const page = await visit(path(), { colorScheme });
      await page.getByRole("heading", { level: 1, name: heading }).waitFor();
      await settled(page);
      await expectAccessible(page);
    });
  }
});

test("nothing that is observed is wider than a phone", async () => {
  const trace = await putTrace(server, Date.now() - 20_000, { fails: true });
  const page = await visit("/", { viewport: { width: 390, height: 844 } });
  for (const path of ["/logs", withQuery("/logs", { groups: GROUP }), "/traces", `/traces/${trace}`, "/service-map", "/alarms", "/alarms/refused-orders", "/metrics?namespace=Orders", "/dashboards/looked-at"]) {
    await page.goto(`${server.url}/console${path}`);
    await page.getByRole("heading", { level: 1 }).waitFor();
    await settled(page);
    expect(await page.evaluate("document.documentElement.scrollWidth"), path).toBeLessThanOrEqual(390);
  }
});
