/** Pictures of every page, in both themes, at three widths: `target/screenshots`, or SCREENSHOTS. */

import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, test } from "vitest";
import { editorPath, executionPath, machinePath, mapRunPath, withQuery } from "../src/model/arn";
import { launch, open, settled } from "./browser";
import { executionPages } from "./executionPages";
import { charge, CHARGE_SOURCE, distributed, failingBranch, flow, loop } from "./machines";
import { createLogged, fillObserved } from "./observed";
import { Server } from "./server";
import { Shop } from "./shop";

const folder = process.env["SCREENSHOTS"] ?? join(import.meta.dirname, "../../target/screenshots");
const WIDTHS = [
  { width: 390, height: 844 },
  { width: 1280, height: 800 },
  { width: 1920, height: 1080 },
];
/** Part of a name, one width, one theme: for who looks at one page. */
const only = process.env["ONLY"];
const [onlyWidth, onlyTheme] = [process.env["WIDTH"], process.env["THEME"]];

const [server, empty, shop] = [new Server(), new Server(), new Shop()];
/** One that asks for access keys. */
const guarded = new Server({ accessKeys: [{ user: "alice", id: "AKIAIOSFODNN7EXAMPLE", secret: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY" }] });
let browser: Browser;

beforeAll(async () => {
  mkdirSync(folder, { recursive: true });
  [browser] = await Promise.all([launch(), server.begin(), empty.begin(), shop.begin(), guarded.begin()]);
});
afterAll(async () => {
  await browser.close();
  await Promise.all([server.stop(), empty.stop(), shop.stop(), guarded.stop()]);
});

test("pictures of every page", async () => {
  const pages = only?.startsWith("observe") ? await fillObserved(server, empty) : [...(await fill()), ...(await fillObserved(server, empty))];
  for (const [name, path, from] of pages) {
    if (only && !only.split(",").some((part) => name.startsWith(part))) continue;
    for (const viewport of WIDTHS) {
      for (const colorScheme of ["light", "dark"] as const) {
        if ((onlyWidth && onlyWidth !== String(viewport.width)) || (onlyTheme && onlyTheme !== colorScheme)) continue;
        const { page, close } = await open(browser, (from ?? server).url, path, { viewport, colorScheme });
        await page.getByRole("heading").first().waitFor();
        await settled(page);
        // The live stream has told where it stands, and the graph has found its place. Nobody listens before there is a session.
        if (from !== guarded) await page.getByRole("status", { name: "Changes are shown as they are" }).waitFor({ state: "attached" });
        await page.waitForTimeout(250);
        await page.screenshot({ path: join(folder, `${name}-${viewport.width}-${colorScheme}.png`) });
        await close();
      }
    }
  }
  console.log(`pictures are in ${folder}`);
});

/** A server as after some work, and the pages that show it. */
async function fill(): Promise<[name: string, path: string, from?: { readonly url: string }][]> {
  const orders = await server.createMachine("OrderProcessing", flow);
  const loops = await server.createMachine("LongLoop", loop);
  const branches = await server.createMachine("Compliance", failingBranch);
  const payments = await server.createMachine("Payments", charge(await server.createFunction("ChargeCard", CHARGE_SOURCE)));
  for (let index = 0; index < 14; index += 1) await server.start(orders, { items: [index, 2, 3], seconds: 0 }, `order-${1000 + index}`);
  for (let index = 0; index < 4; index += 1) await server.start(branches, {}, `check-${index}`);
  for (let index = 0; index < 5; index += 1) await server.start(payments, { customer: "Ada", amount: 12 }, `payment-${index}`);
  for (let index = 0; index < 3; index += 1) await server.start(payments, { customer: `customer ${index}`, declined: true }, `payment-refused-${index}`);
  const failed = await server.start(payments, { customer: "Grace", declined: true }, "payment-declined");
  const running = await server.start(orders, { items: [1, 2], seconds: 600 }, "order-waiting");
  const done = await server.start(orders, { items: [1, 2, 3, 4], seconds: 1 }, "order-done");
  const long = await server.start(loops, { left: 400 }, "long");
  await Promise.all([failed, done, long].map((one) => server.ended(one)));
  const maps = await server.createMachine("Spread", distributed);
  const spread = await server.start(maps, { items: Array.from({ length: 40 }, (_, index) => index) }, "spread");
  await server.ended(spread);
  const { mapRuns } = await server.states("ListMapRuns", { executionArn: spread });
  const run = mapRuns[0]?.mapRunArn ?? "";
  const prices = await createLogged(server, "Prices");
  for (let index = 0; index < 5; index += 1) await server.states("StartExecution", { stateMachineArn: prices, input: JSON.stringify({ article: 4711 + index }) });
  await server.states("PublishStateMachineVersion", { stateMachineArn: payments, description: "as it began" });
  const { definition } = await server.states("DescribeStateMachine", { stateMachineArn: payments });
  const { States: charged, ...around } = JSON.parse(definition) as { StartAt: string; States: Record<string, Record<string, unknown>> };
  const next = { ...around, States: { ...charged, Charge: { ...charged["Charge"], TimeoutSeconds: 20, Next: "Tell" }, Tell: { Type: "Wait", Seconds: 1, Next: "Ship" } } };
  await server.states("UpdateStateMachine", { stateMachineArn: payments, definition: JSON.stringify(next) });
  return [
    ["start", "/start", shop],
    ["first-start", "/machines", empty],
    ["sign-in", "/machines", guarded],
    ["sign-in-ended", "/sign-in?next=/machines/new&reason=ended", guarded],
    ["machines", "/machines"],
    ["machine-executions", machinePath(orders)],
    ["machine-definition", withQuery(machinePath(orders), { view: "definition", state: "Each item" })],
    ["editor-graph", withQuery(editorPath(orders), { show: "graph", state: "Has items?" })],
    ["editor-form", withQuery(editorPath(payments), { state: "Charge" })],
    ["editor-test", withQuery(editorPath(payments), { show: "graph", state: "Charge", form: "test" })],
    ["editor-expression", withQuery(editorPath(orders), { state: "Each item", form: "expression" })],
    ["editor", editorPath(orders)],
    ["editor-state", withQuery(editorPath(orders), { state: "Has items?" })],
    ["editor-new", "/machines/new"],
    ["machine-compare", withQuery(machinePath(payments), { view: "compare", from: "1", to: "current" })],
    ["executions", "/executions"],
    ["executions-failed", "/executions?status=FAILED"],
    ["executions-found", "/executions?text=Grace&status=FAILED,SUCCEEDED"],
    ["failures", "/executions?view=failures"],
    ["machine-failures", withQuery(machinePath(payments), { view: "failures" })],
    ["machine-express", machinePath(prices)],
    ["machine-metrics", withQuery(machinePath(payments), { view: "metrics" })],
    ["execution-done", executionPath(done)],
    ["execution-running", executionPath(running)],
    ["execution-failed", withQuery(executionPath(failed), { state: "Charge" })],
    ["execution-timeline", withQuery(executionPath(failed), { view: "timeline" })],
    ["execution-timeline-map", withQuery(executionPath(done), { view: "timeline", visit: "5" })],
    ["execution-events", withQuery(executionPath(long), { view: "events", event: "8" })],
    ["map-run", mapRunPath(run)],
    ...(await executionPages(server)),
    ["execution-data", withQuery(executionPath(done), { view: "data" })],
    ["functions", "/functions"],
    ["function", "/functions/ChargeCard"],
    ["function-metrics", "/functions/ChargeCard?view=metrics"],
    ["function-configuration", "/functions/ChargeCard?view=configuration"],
    ["not-found", "/nowhere"],
  ];
}
