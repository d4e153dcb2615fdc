import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { executionPath, withQuery } from "../src/model/arn";
import { expectAccessible, settled, workOf } from "./browser";
import { journeys } from "./journey";
import { approval, assigning, charge, CHARGE_SOURCE, flow, loop, nested, parent, REQUEST_SOURCE, someFail } from "./machines";
import { binary } from "./command";
import { PATIENCE_MS, ROLE, Server } from "./server";

const server = new Server();
const visit = journeys(server);

const status = (page: Page, text: string) => page.getByRole("status", { name: "Status" }).getByText(text).waitFor();

describe("an order that waits for approval", () => {
  let machine: string;
  beforeAll(async () => {
    machine = await server.createMachine("Approvals", approval(await server.createFunction("RequestApproval", REQUEST_SOURCE)));
  });

  test("is approved by hand", async () => {
    const order = await server.start(machine, { id: "order-1" }, "order-1");
    await server.reached(order, "TaskSubmitted");
    const page = await visit(executionPath(order));
    const banner = page.getByRole("region", { name: "Waits for an answer" });
    await banner.getByText("Request approval").waitFor();
    await banner.getByRole("button", { name: "Answer" }).click();
    const dialog = page.getByRole("dialog", { name: "Answer for Request approval" });
    // What the choice behind it asks for is there already.
    expect(JSON.parse(await dialog.getByLabel("Output").inputValue())).toEqual({ approved: true });
    expect(await dialog.textContent()).toContain("$.Payload.taskToken");
    await dialog.getByLabel("Output").fill("{ not json");
    expect(await dialog.getByRole("button", { name: "Send success" }).isDisabled()).toBe(true);
    await dialog.getByLabel("Output").fill('{"approved": true, "by": "Ada"}');
    await dialog.getByRole("button", { name: "Send success" }).click();
    await dialog.waitFor({ state: "detached" });
    await status(page, "Succeeded");
    await page.locator(".state.tone-good", { hasText: "Ship" }).waitFor();
    await banner.waitFor({ state: "detached" });
  });

  test("is refused by hand, with an error", async () => {
    const order = await server.start(machine, { id: "order-2" }, "order-2");
    await server.reached(order, "TaskSubmitted");
    const page = await visit(withQuery(executionPath(order), { state: "Request approval" }));
    await page.getByRole("complementary", { name: "State Request approval" }).getByRole("button", { name: "Answer by hand" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByRole("button", { name: "Failure", exact: true }).click();
    await dialog.getByLabel("Error").fill("NoBudget");
    await dialog.getByLabel("Cause").fill("not this year");
    await dialog.getByRole("button", { name: "Send failure" }).click();
    await page.getByRole("region", { name: "Why it ended" }).getByText("NoBudget").waitFor();
    await status(page, "Failed");
  });

  test("is stopped with an error and a cause", async () => {
    const order = await server.start(machine, { id: "order-3" }, "order-3");
    const page = await visit(executionPath(order));
    await page.getByRole("button", { name: "Stop" }).click();
    const dialog = page.getByRole("dialog", { name: "Stop the execution" });
    await dialog.getByLabel("Error").fill("Mistake");
    await dialog.getByLabel("Cause").fill("ordered twice");
    await dialog.getByRole("button", { name: "Stop execution" }).click();
    await status(page, "Aborted");
    await page.getByRole("region", { name: "Why it ended" }).getByText("ordered twice").waitFor();
  });
});

test("time is travelled in: graph, timeline, events and data follow one cursor", async () => {
  const machine = await server.createMachine("Travelled", flow);
  const execution = await server.start(machine, { items: [1, 2], seconds: 0 }, "travelled");
  await server.ended(execution);
  const page = await visit(executionPath(execution));
  await page.locator(".state.tone-good", { hasText: "Done" }).waitFor();
  const slider = page.getByRole("slider", { name: "Event that the page is shown at" });
  await slider.fill("4");
  await page.getByText(/^Event 4 of \d+/).waitFor();
  await page.waitForURL(/[?&]at=4/);
  await page.locator(".state.tone-busy", { hasText: "Short wait" }).waitFor();
  await page.locator(".state.is-unvisited", { hasText: "Done" }).waitFor();
  // What was not known then is not shown.
  await page.locator(".state", { hasText: "Short wait" }).click();
  const panel = page.getByRole("complementary", { name: "State Short wait" });
  await panel.getByText("Running").waitFor();
  await panel.getByText("not yet").first().waitFor();
  await page.keyboard.press(".");
  await page.getByText(/^Event 5 of/).waitFor();
  await panel.getByText("Succeeded").waitFor();
  await page.keyboard.press(",");
  await page.keyboard.press(",");
  await page.getByText(/^Event 3 of/).waitFor();
  await panel.getByText("This state was not entered yet at this event.").waitFor();
  await page.getByRole("tab", { name: "Timeline" }).click();
  await page.locator(".timeline-cursor i").waitFor();
  await page.getByRole("tab", { name: /Events/ }).click();
  await page.getByRole("row", { name: /^3 / }).and(page.locator("[aria-current=true]")).waitFor();
  // The link shows the same to somebody else.
  await page.waitForURL(/[?&]at=3/);
  await page.reload();
  await page.getByText(/^Event 3 of/).waitFor();
  // It plays to the end, and is at the end then.
  await page.getByRole("button", { name: "Close the panel" }).click();
  await slider.fill(String(Number(await slider.getAttribute("max")) - 3));
  await page.getByRole("button", { name: "Play" }).click();
  await page.getByText("As it ended").waitFor();
  await page.waitForURL((url) => !url.searchParams.has("at"));
});

test("what a state did to its data is shown step by step, as changes", async () => {
  const machine = await server.createMachine("Diffed", charge(await server.createFunction("ChargeDiffed", CHARGE_SOURCE)));
  const execution = await server.start(machine, { customer: "Ada", amount: 41 });
  await server.ended(execution);
  const page = await visit(withQuery(executionPath(execution), { state: "Charge" }));
  const state = page.getByRole("complementary", { name: "State Charge" });
  await state.getByText("After ResultSelector", { exact: true }).waitFor();
  await state.locator("summary", { hasText: "State output" }).getByText(/added|changed|removed/).waitFor();
  await state.getByRole("button", { name: "Changes to State input" }).click();
  const changes = state.getByRole("group", { name: /State output, what changed: 1 added/ });
  await changes.locator(".diff-added", { hasText: "charge" }).first().waitFor();
  await state.getByRole("button", { name: "As wide as the page" }).click();
  expect(page.url()).toContain("wide=1");
  await state.getByRole("button", { name: "As a test" }).click();
  expect(await page.getByRole("dialog").textContent()).toContain("TestStateCommand");
});

test("variables are shown before and after, and at the cursor", async () => {
  const machine = await server.createMachine("Assigned", assigning);
  const execution = await server.start(machine, { prices: [1, 3] });
  await server.ended(execution);
  const page = await visit(withQuery(executionPath(execution), { state: "Count" }));
  const state = page.getByRole("complementary", { name: "State Count" });
  await state.getByRole("group", { name: /^Variables before and after: 2 added/ }).getByText("currency").waitFor();
  await page.getByRole("tab", { name: "Input and output" }).click();
  await page.getByLabel("the variables", { exact: true }).getByText('"EUR"').waitFor();
  await page.getByRole("slider").fill("2");
  await page.getByLabel("the variables", { exact: true }).waitFor({ state: "detached" });
});

test("items of a map are cells, by keyboard too, and lead to the state that failed", async () => {
  const machine = await server.createMachine("Celled", nested);
  const execution = await server.start(machine, { items: [1, 2, -3, 4] });
  await server.ended(execution);
  const page = await visit(withQuery(executionPath(execution), { state: "Items" }));
  const grid = page.getByRole("grid", { name: "Items of Items" });
  await grid.getByRole("gridcell", { name: /^Item 0: succeeded/ }).waitFor();
  expect(await grid.getByRole("gridcell").count()).toBe(4);
  await page.getByRole("group", { name: "Which items" }).getByRole("button", { name: /Failed/ }).click();
  expect(page.url()).toContain("items=failed");
  await grid.getByRole("gridcell", { name: /^Item 2: failed/ }).waitFor();
  expect(await grid.getByRole("gridcell").count()).toBe(1);
  await page.getByRole("group", { name: "Which items" }).getByRole("button", { name: "All" }).click();
  await grid.getByRole("gridcell", { name: /^Item 0/ }).focus();
  await page.keyboard.press("ArrowRight");
  await page.keyboard.press("ArrowRight");
  await page.keyboard.press("Enter");
  const failed = page.getByRole("complementary", { name: "State Negative" });
  await failed.getByRole("navigation", { name: "Where the state is" }).getByText(/^Item 2:/).waitFor();
  await failed.getByRole("navigation").getByRole("button", { name: "Items", exact: true }).click();
  await grid.waitFor();
});

describe("a function that was written in TypeScript", () => {
  let folder: string;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "stepwell-orders-"));
    mkdirSync(join(folder, "src/functions"), { recursive: true });
    mkdirSync(join(folder, "src/services"), { recursive: true });
    writeFileSync(join(folder, "template.yaml"), TEMPLATE);
    writeFileSync(join(folder, "src/services/card.ts"), CARD);
    writeFileSync(join(folder, "src/functions/charge.ts"), CHARGE);
    await promisify(execFile)(binary(), ["deploy", join(folder, "template.yaml"), "--endpoint", server.url, "--stack-name", "typed"], { timeout: 3 * PATIENCE_MS });
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test("leads from the failed order to its line", async () => {
    const { stateMachines } = await server.states("ListStateMachines", {});
    const machine = stateMachines.find((one) => one.name === "typed-orders")?.stateMachineArn ?? "";
    const order = await server.start(machine, { id: "order-7", card: "4000-0000" }, "order-7");
    await server.ended(order);
    const page = await visit("/executions?status=FAILED");
    await page.getByRole("link", { name: "order-7" }).click();
    const why = page.getByRole("region", { name: "Why it ended" });
    await why.getByText("CardRefused").first().waitFor();
    await why.getByText("the card 4000-0000 was refused").first().waitFor();
    // The line that was written, not the one that was bundled.
    await why.getByText("src/services/card.ts:8:", { exact: false }).first().waitFor();
    expect(await why.locator(".code-place").textContent()).toContain("checkCard");
    expect(await why.getByLabel("Stack trace", { exact: true }).textContent()).toContain("charge.ts:5:");
    await why.getByText(/^2 attempts: failed after .+ later failed after/).waitFor();
    await why.getByRole("button", { name: "Copy the file and line" }).waitFor();
    await settled(page);
    await expectAccessible(page);
  });
});

const TEMPLATE = `
Transform: AWS::Serverless-2016-10-31
Resources:
  Charge:
    Type: AWS::Serverless::Function
    Properties: {CodeUri: ., Handler: src/functions/charge.handler, Runtime: nodejs20.x, Timeout: 20}
    Metadata:
      BuildMethod: esbuild
      BuildProperties: {EntryPoints: [src/functions/charge.ts], Minify: true, Sourcemap: true}
  Orders:
    Type: AWS::Serverless::StateMachine
    Properties:
      Name: typed-orders
      Definition:
        StartAt: Charge
        States:
          Charge:
            Type: Task
            Resource: !GetAtt Charge.Arn
            Retry: [{ErrorEquals: [CardRefused], IntervalSeconds: 1, MaxAttempts: 1}]
            End: true
`;

const CARD = `export interface Card {
  readonly number: string;
}

class CardRefused extends Error { override name = "CardRefused"; }

export function checkCard(card: Card): void {
  if (card.number.startsWith("4000")) throw new CardRefused(\`the card \${card.number} was refused\`);
}
`;

const CHARGE = `import { checkCard } from "../services/card";

export const handler = async (order: { id: string; card: string }): Promise<{ charged: string }> => {
  console.log("charging", order.id);
  checkCard({ number: order.card });
  return { charged: order.id };
};
`;

describe("logs and trace", () => {
  const GROUP = "/executions/traced";
  let execution: string;
  beforeAll(async () => {
    await fetch(server.url, {
      method: "POST",
      headers: { "content-type": "application/x-amz-json-1.1", "x-amz-target": "Logs_20140328.CreateLogGroup" },
      body: JSON.stringify({ logGroupName: GROUP }),
    });
    const { stateMachineArn } = await server.states("CreateStateMachine", {
      name: "Traced",
      definition: JSON.stringify(charge(await server.createFunction("ChargeTraced", CHARGE_SOURCE))),
      roleArn: ROLE,
      tracingConfiguration: { enabled: true },
      loggingConfiguration: { level: "ALL", destinations: [{ cloudWatchLogsLogGroup: { logGroupArn: `arn:aws:logs:us-east-1:123456789012:log-group:${GROUP}:*` } }] },
    });
    // Somebody else's call of the same function is not this execution's.
    await server.ended(await server.start(stateMachineArn, { customer: "Grace", amount: 1 }));
    const root = `1-${Math.floor(Date.now() / 1000).toString(16)}-0123456789abcdef01234567`;
    const started = await server.states("StartExecution", {
      stateMachineArn,
      name: "traced",
      input: JSON.stringify({ customer: "Ada", amount: 7 }),
      traceHeader: `Root=${root};Sampled=1`,
    });
    execution = started.executionArn;
    await server.ended(execution);
  });

  test("of the functions and of the execution are shown together, and of nobody else", async () => {
    const page = await visit(withQuery(executionPath(execution), { view: "logs" }));
    const lines = page.getByRole("list", { name: "Lines of the execution" });
    await lines.getByText("charging Ada").waitFor();
    await lines.getByText(/ExecutionSucceeded/).waitFor();
    expect(await lines.getByText("charging Grace").count()).toBe(0);
    await page.getByRole("combobox", { name: "Whose lines" }).selectOption("Of Charge");
    await lines.getByText(/ExecutionSucceeded/).waitFor({ state: "detached" });
    await lines.getByText("charging Ada").waitFor();
    // What was written after the cursor is told to be later.
    await page.getByRole("slider").fill("2");
    await lines.locator(".is-after", { hasText: "charging Ada" }).waitFor();
    await settled(page);
    await expectAccessible(page);
  });

  test("the trace is a tree over time, with the same cursor", async () => {
    const page = await visit(withQuery(executionPath(execution), { view: "trace", at: "4" }));
    const segments = page.getByRole("list", { name: "Segments" });
    await segments.getByRole("button", { name: /^Traced/ }).first().waitFor();
    await segments.getByText("Charge", { exact: true }).first().waitFor();
    await segments.locator(".bar-cursor").first().waitFor();
    await page.getByRole("link", { name: "All that is known of each part" }).click();
    await page.waitForURL(/\/console\/traces\/1-/);
  });

  test("that are not there say how to get them", async () => {
    const machine = await server.createMachine("Untraced", flow);
    const plain = await server.start(machine, { items: [], seconds: 0 });
    await server.ended(plain);
    const page = await visit(withQuery(executionPath(plain), { view: "trace" }));
    await page.getByText("The execution is not traced").waitFor();
    await page.getByRole("tab", { name: "Logs" }).click();
    await page.getByText("The execution called no function.", { exact: false }).waitFor();
  });
});

test("a parent leads to its child, and the child to its parent where it was told", async () => {
  const child = await server.createMachine("TheChild", flow);
  const machine = await server.createMachine("TheParent", parent(child));
  const execution = await server.start(machine, { items: [], seconds: 0, AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID: "x" });
  await server.ended(execution);
  const told = await server.start(machine, { items: [], seconds: 0, AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID: execution }, "told");
  await server.ended(told);
  const page = await visit(executionPath(told));
  await page.locator(".fact", { hasText: "Has started" }).getByRole("link").click();
  await page.getByRole("link", { name: "TheChild" }).waitFor();
  await page.locator(".fact", { hasText: "Started by" }).getByRole("link").click();
  await page.getByRole("link", { name: "TheParent" }).waitFor();
});

test("a failed order is redriven, and its history goes on", async () => {
  const machine = await server.createMachine("Redriven", charge(await server.createFunction("ChargeRedriven", CHARGE_SOURCE)));
  const order = await server.start(machine, { customer: "Ada", declined: true }, "redriven");
  await server.ended(order);
  const page = await visit(executionPath(order));
  await page.getByRole("region", { name: "Why it ended" }).getByText("CardDeclined").first().waitFor();
  await page.getByRole("button", { name: "Redrive" }).click();
  await page.getByText(/6 attempts/).first().waitFor();
  await page.locator(".fact", { hasText: "Redrives" }).getByText("1").waitFor();
  // The redrive is a mark of the time travel, and the first try is still to be seen.
  await page.locator(".scrubber-marks .mark-redrive").waitFor({ state: "attached" });
  await page.getByRole("slider").fill("6");
  await page.locator(".state.tone-busy", { hasText: "Charge" }).waitFor();
});

test("the page of an execution is accessible and fits a phone, in every view", async () => {
  const machine = await server.createMachine("Fits", nested);
  const execution = await server.start(machine, { items: [1, 2, -3, 4] });
  await server.ended(execution);
  for (const colorScheme of ["light", "dark"] as const) {
    const page = await visit("/", { colorScheme, viewport: { width: 390, height: 844 } });
    const queries = [{ at: "9", state: "Items" }, { visit: "3", wide: "1" }, { view: "timeline", at: "12" }];
    for (const query of colorScheme === "light" ? queries : queries.slice(0, 2)) {
      await page.goto(`${server.url}/console${withQuery(executionPath(execution), query)}`);
      await page.getByRole("slider").waitFor();
      await settled(page);
      expect(await page.evaluate("document.documentElement.scrollWidth"), JSON.stringify(query)).toBeLessThanOrEqual(390);
      await expectAccessible(page);
    }
  }
});

test("an execution is copied as a command, a call and a test", async () => {
  const machine = await server.createMachine("Copied", flow);
  const execution = await server.start(machine, { items: [], seconds: 0 });
  await server.ended(execution);
  const page = await visit(executionPath(execution));
  await page.getByRole("button", { name: "Copy as" }).click();
  const dialog = page.getByRole("dialog", { name: "Copy as" });
  const shown = async (title: string): Promise<string> => {
    await dialog.getByRole("button", { name: title, exact: true }).click();
    return (await dialog.locator("pre").textContent()) ?? "";
  };
  expect(await shown("CLI: start")).toMatch(/stepfunctions start-execution/);
  expect(await shown("CLI: history")).toMatch(/get-execution-history/);
  expect(await shown("SDK: start")).toMatch(/StartExecutionCommand/);
  expect(await shown("Test")).toMatch(/expect\(execution.status\).toBe\("SUCCEEDED"\)/);
});

test("25,000 events scroll within the time of a frame, and are travelled through", async () => {
  const machine = await server.createMachine("Longest", loop);
  const long = await server.start(machine, { left: 6_245 }, "longest");
  await server.ended(long);
  const page = await visit(withQuery(executionPath(long), { view: "events" }));
  await page.getByRole("tab", { name: /Events 24,98\d/ }).waitFor();
  const spent = await workOf(page);
  const before = await spent();
  await page.locator(".rows-body").evaluate(
    (body, frames) =>
      new Promise<void>((resolve) => {
        let drawn = 0;
        const step = (): void => {
          body.scrollTop += 400;
          if (++drawn < frames) requestAnimationFrame(step);
          else resolve();
        };
        requestAnimationFrame(step);
      }),
    FRAMES,
  );
  const frameMs = ((await spent()) - before) / FRAMES;
  console.log(`a frame of scrolling through 25,000 events takes ${frameMs.toFixed(1)} ms of the processor`);
  expect(frameMs).toBeLessThan(1_000 / 60);
  await page.getByRole("slider").fill("12000");
  await page.getByText("Event 12,000 of").waitFor();
  await page.getByRole("row", { name: /^12000 / }).and(page.locator("[aria-current=true]")).waitFor();
});
const FRAMES = 100;

describe("a Map of 100,000 items, of which every thousandth fails", () => {
  const ITEMS = 100_000;
  let large: string;
  beforeAll(async () => {
    const machine = await server.createMachine("Hundred-thousand", someFail);
    large = await server.start(machine, Array.from({ length: ITEMS }, (_, index) => (index % 1_000 === 7 ? 1 : 0)), "large");
    await server.ended(large);
  });

  test("shows each as a cell, of which those that failed lead to their executions", async () => {
    const page = await visit(withQuery(executionPath(large), { state: "Orders" }));
    await page.getByRole("complementary", { name: "State Orders" }).getByRole("button", { name: "Failed 100" }).waitFor();
    await page.getByRole("link", { name: "Its map run, with every child" }).click();
    const cells = page.getByRole("region", { name: "Children as cells" });
    const which = cells.getByRole("group", { name: "Which children" });
    await which.getByRole("button", { name: "All 100,000" }).waitFor();
    await which.getByRole("button", { name: "Succeeded 99,900" }).waitFor();
    // Only what is in sight is drawn.
    expect(await cells.getByRole("gridcell").count()).toBeLessThan(3_000);
    await which.getByRole("button", { name: "Failed 100" }).click();
    const grid = cells.getByRole("grid", { name: "Children" });
    await grid.getByRole("gridcell", { name: /^Item 7: failed/ }).focus();
    expect(await grid.getByRole("gridcell").count()).toBe(100);
    await page.keyboard.press("End");
    await page.keyboard.press("Enter");
    const child = cells.getByRole("region", { name: "Item 99007" });
    await child.getByText("Unpaid").waitFor();
    expect(page.url()).toContain("child=99007");
    await child.getByRole("link").click();
    await page.getByRole("region", { name: "Why it ended" }).getByText("Unpaid").first().waitFor();
    // Any item by its number; the link shows the same to somebody else.
    await page.goBack();
    await cells.getByLabel("Item", { exact: true }).fill("50000");
    await cells.getByRole("button", { name: "Go" }).click();
    await cells.getByRole("region", { name: "Item 50000" }).getByText("Succeeded").waitFor();
    await page.reload();
    await grid.getByRole("gridcell", { name: /^Item 50,000: succeeded/ }).and(page.locator("[aria-selected=true]")).waitFor();
    await settled(page);
    await expectAccessible(page);
  });
});
