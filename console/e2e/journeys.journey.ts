import { beforeAll, describe, expect, test } from "vitest";
import { executionPath, machinePath, withQuery } from "../src/model/arn";
import { expectAccessible, settled, workOf } from "./browser";
import { journeys } from "./journey";
import { charge, CHARGE_SOURCE, distributed, failingBranch, flow, loop } from "./machines";
import { Server } from "./server";

const server = new Server();
const visit = journeys(server);

test("from an empty server to a sample that runs to its end", async () => {
  const page = await visit("/");
  await page.getByText("No state machines yet").waitFor();
  await page.getByRole("button", { name: "Create a sample and start it" }).click();
  await page.waitForURL(/\/console\/executions\/arn:aws:states:/);
  await page.getByRole("status", { name: "Status" }).getByText("Succeeded").waitFor();
  // The graph shows what ran and what did not.
  await page.locator(".state.tone-good", { hasText: "Greet" }).waitFor();
  await page.locator(".state.is-unvisited", { hasText: "Nothing to do" }).waitFor();
  await page.getByRole("link", { name: "State machines" }).first().click();
  await page.getByRole("link", { name: "HelloStepwell" }).waitFor();
});

test("a first visit shows its page within a second", async () => {
  const page = await visit("/machines");
  await page.getByRole("heading", { name: /State machines/ }).waitFor();
  const spent = await workOf(page);
  const before = await spent();
  await page.reload({ waitUntil: "commit" });
  await page.getByRole("heading", { name: /State machines/ }).waitFor();
  const shown = Number(await page.evaluate("performance.now()"));
  const worked = (await spent()) - before;
  console.log(`a first visit shows its page after ${Math.round(shown)} ms, of which the page works ${Math.round(worked)}`);
  expect(worked).toBeLessThan(1_000);
});

test("an order is watched to its end, without a reload", async () => {
  const machine = await server.createMachine("Watched", flow);
  const execution = await server.start(machine, { items: [1, 2], seconds: 3 });
  const page = await visit(executionPath(execution));
  await page.getByText("Live", { exact: true }).waitFor();
  await page.getByRole("status", { name: "Status" }).getByText("Running").waitFor();
  await page.locator(".state.tone-busy", { hasText: "Short wait" }).waitFor();
  // No question is asked but those that a message causes.
  await page.getByRole("status", { name: "Status" }).getByText("Succeeded").waitFor();
  await page.locator(".state.tone-good", { hasText: "Done" }).waitFor();
  await page.locator(".state.tone-good", { hasText: "Price" }).getByText("×2").waitFor();
});

test("a list shows what begins and ends while it is looked at", async () => {
  const machine = await server.createMachine("Listed", flow);
  const page = await visit(machinePath(machine));
  await page.getByText("No executions yet").waitFor();
  await page.getByText("Live", { exact: true }).waitFor();
  await server.start(machine, { items: [], seconds: 0 }, "first-of-all");
  await page.getByRole("row", { name: /first-of-all/ }).getByText("Succeeded").waitFor();
});

describe("a failed execution", () => {
  let failed: string;
  beforeAll(async () => {
    const machine = await server.createMachine("Payments", charge(await server.createFunction("ChargeCard", CHARGE_SOURCE)));
    failed = await server.start(machine, { customer: "Grace", declined: true }, "declined");
    await server.ended(failed);
  });

  test("says first why it failed, where in the code, and after which attempts", async () => {
    const page = await visit(executionPath(failed));
    const why = page.getByRole("region", { name: "Why it ended" });
    await why.getByText("CardDeclined").waitFor();
    expect(await why.textContent()).toContain("the card of Grace was declined");
    expect(await why.textContent()).toMatch(/3 attempts: failed after/);
    expect(await why.getByLabel("Stack trace", { exact: true }).textContent()).toContain("at checkCard (index.mjs:5:29)");
    await why.getByRole("button", { name: "Charge" }).click();
    const state = page.getByRole("complementary", { name: "State Charge" });
    await state.getByText("Attempts", { exact: true }).waitFor();
    expect(page.url()).toContain("visit=0");
    // The link shows the same to somebody else.
    await page.reload();
    await state.getByText("Attempts", { exact: true }).waitFor();
  });

  test("shows its attempts and the waits between them over time", async () => {
    const page = await visit(withQuery(executionPath(failed), { view: "timeline" }));
    await page.locator(".span-failed-attempt").nth(2).waitFor();
    expect(await page.locator(".span-wait-for-retry").count()).toBe(2);
  });

  test("is found by its status, and redriven", async () => {
    const page = await visit("/executions?status=FAILED");
    await page.getByRole("link", { name: "declined" }).click();
    await page.getByRole("button", { name: "Redrive" }).click();
    await page.getByText("Redrives").waitFor();
    await server.ended(failed);
    await page.getByRole("status", { name: "Status" }).getByText("Failed").waitFor();
    await page.getByText(/6 attempts/).waitFor();
  });
});

test("an execution is started with an input, and stopped", async () => {
  const machine = await server.createMachine("Startable", flow);
  const page = await visit(machinePath(machine));
  await page.getByRole("button", { name: "Start execution" }).click();
  const input = page.getByLabel("Input");
  await input.fill("{ not json");
  await page.getByText(/Not JSON/).waitFor();
  expect(await page.getByRole("button", { name: "Start", exact: true }).isDisabled()).toBe(true);
  await input.fill('{"items": [], "seconds": 600}');
  await page.getByLabel(/Name/).fill("by-hand");
  await page.getByRole("button", { name: "Start", exact: true }).click();
  await page.getByRole("heading", { name: "by-hand" }).waitFor();
  await page.getByRole("button", { name: "Stop" }).click();
  await page.getByRole("button", { name: "Stop execution" }).click();
  await page.getByRole("status", { name: "Status" }).getByText("Aborted").waitFor();
  // Again, from the input that it had.
  await page.getByRole("button", { name: "New execution" }).click();
  expect(await page.getByLabel("Input").inputValue()).toContain('"seconds": 600');
});

test("graph and text of a definition choose the same state", async () => {
  const machine = await server.createMachine("Defined", flow);
  const page = await visit(withQuery(machinePath(machine), { view: "definition" }));
  await page.locator(".state", { hasText: "Notify" }).first().click();
  await page.locator(".code .chosen").first().waitFor();
  expect(await page.locator(".code .chosen").first().textContent()).toContain("Notify");
  await page.locator(".code .cm-line", { hasText: '"Tax"' }).last().click();
  await page.locator(".state.is-chosen", { hasText: "Tax" }).waitFor();
});

test("a map run shows its children, and leads to each and back", async () => {
  const machine = await server.createMachine("Spread", distributed);
  const execution = await server.start(machine, { items: Array.from({ length: 230 }, (_, index) => index) }, "spread");
  await server.ended(execution);
  const page = await visit(withQuery(executionPath(execution), { state: "Spread" }));
  await page.getByRole("link", { name: "Its map run, with every child" }).click();
  await page.getByRole("heading", { name: "Map run" }).waitFor();
  await page.getByRole("img", { name: "230 succeeded" }).waitFor();
  // The second page of the list comes as the first is scrolled through.
  await page.locator(".rows-body").evaluate((body) => (body.scrollTop = body.scrollHeight));
  await page.getByText(/^230 executions/).waitFor();
  await page.getByRole("link").filter({ hasText: /^[0-9a-f-]{36}$/ }).first().click();
  await page.getByRole("link", { name: "a map run" }).click();
  await page.getByRole("heading", { name: "Map run" }).waitFor();
});

test("a list is filtered by status, time and name, and its address says how", async () => {
  const [good, bad] = await Promise.all([server.createMachine("Sorted", flow), server.createMachine("Unsorted", failingBranch)]);
  await server.ended(await server.start(good, { items: [], seconds: 0 }, "sorted-one"));
  await server.ended(await server.start(bad, {}, "unsorted-one"));
  const page = await visit("/executions");
  await page.getByRole("link", { name: "unsorted-one" }).waitFor();
  await page.getByRole("button", { name: "Succeeded" }).click();
  await page.getByLabel("Search executions by name").fill("sorted");
  await page.getByLabel("Started within").selectOption("1h");
  await page.getByRole("link", { name: "unsorted-one" }).waitFor({ state: "detached" });
  await page.getByRole("link", { name: "sorted-one", exact: true }).waitFor();
  expect(page.url()).toMatch(/\?status=SUCCEEDED&q=sorted&within=1h$/);
  await page.reload();
  await page.getByRole("link", { name: "sorted-one", exact: true }).waitFor();
  expect(await page.getByRole("row").count()).toBe(2);
});

test("versions and aliases are shown with their weights", async () => {
  const machine = await server.createMachine("Published", flow);
  const { stateMachineVersionArn: first } = await server.states("PublishStateMachineVersion", { stateMachineArn: machine });
  await server.states("UpdateStateMachine", { stateMachineArn: machine, definition: JSON.stringify(failingBranch) });
  const { stateMachineVersionArn: second } = await server.states("PublishStateMachineVersion", { stateMachineArn: machine });
  await server.states("CreateStateMachineAlias", {
    name: "live",
    routingConfiguration: [
      { stateMachineVersionArn: first, weight: 90 },
      { stateMachineVersionArn: second, weight: 10 },
    ],
  });
  const page = await visit(withQuery(machinePath(machine), { view: "versions" }));
  await page.getByText("90 % to version 1").waitFor();
  await page.getByText("10 % to version 2").waitFor();
});

test("the data of a task is shown from its input to its output", async () => {
  const machine = await server.createMachine("Charged", charge(await server.createFunction("ChargeOnce", CHARGE_SOURCE)));
  const execution = await server.start(machine, { customer: "Ada", amount: 41 });
  await server.ended(execution);
  const page = await visit(withQuery(executionPath(execution), { state: "Charge" }));
  const state = page.getByRole("complementary", { name: "State Charge" });
  expect(await state.getByLabel("State input", { exact: true }).textContent()).toContain('"amount": 41');
  await state.getByText("Result", { exact: true }).click();
  expect(await state.getByLabel("Result", { exact: true }).textContent()).toContain('"charged": 41');
  expect(await state.getByLabel("State output", { exact: true }).textContent()).toContain('"charge"');
});

test("a function is invoked, and its log is shown", async () => {
  await server.createFunction("Greeter", `export const handler = async (event) => { console.log("hello", event.name); return { greeted: event.name }; };`);
  const page = await visit("/functions");
  await page.getByRole("link", { name: "Greeter" }).click();
  await page.getByLabel("Event", { exact: true }).fill('{"name": "Ada"}');
  await page.getByRole("button", { name: "Invoke" }).click();
  await page.getByText('"greeted"').waitFor();
  await page.getByText(/hello Ada/).waitFor();
});

test("everything is reached by keyboard alone", async () => {
  const machine = await server.createMachine("ByKeyboard", flow);
  const execution = await server.start(machine, { items: [], seconds: 0 }, "typed");
  await server.ended(execution);
  const page = await visit("/functions");
  await page.getByRole("heading", { name: /Functions/ }).waitFor();
  await page.keyboard.press("g");
  await page.keyboard.press("m");
  await page.getByRole("heading", { name: /State machines/ }).waitFor();
  await page.getByRole("link", { name: "ByKeyboard" }).waitFor();
  await page.keyboard.press("/");
  await page.keyboard.type("ByKey");
  await page.keyboard.press("Tab");
  await page.keyboard.press("j");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "ByKeyboard" }).waitFor();
  await page.getByRole("link", { name: "typed" }).waitFor();
  await page.keyboard.press("j");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "typed" }).waitFor();
  // The palette goes anywhere, by a few letters.
  await page.keyboard.press("Control+k");
  await page.keyboard.type("functions");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: /Functions/ }).waitFor();
  await page.keyboard.press("?");
  await page.getByRole("dialog", { name: "Keys" }).waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });
});

test("keys that come before the next frame are obeyed in turn", async () => {
  const machine = await server.createMachine("ByFastKeys", flow);
  const execution = await server.start(machine, { items: [], seconds: 0 }, "typed-fast");
  await server.ended(execution);
  const page = await visit(machinePath(machine));
  await page.getByRole("link", { name: "typed-fast" }).waitFor();
  await page.evaluate(() => {
    for (const key of ["j", "Enter"]) {
      (document.activeElement ?? document.body).dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
    }
  });
  await page.getByRole("heading", { name: "typed-fast" }).waitFor();
});

describe("dark", () => {
  const ground = `getComputedStyle(document.body).backgroundColor`;
  test("as the machine says, unless something else is chosen, which is kept", async () => {
    const page = await visit("/functions", { colorScheme: "dark" });
    await page.getByRole("heading", { name: /Functions/ }).waitFor();
    const dark = await page.evaluate(ground);
    await page.getByRole("button", { name: /^Theme/ }).click();
    const light = await page.evaluate(ground);
    expect(light).not.toBe(dark);
    await page.reload();
    await page.getByRole("button", { name: "Theme: light" }).waitFor();
    expect(await page.evaluate(ground)).toBe(light);
    await page.keyboard.press("t");
    expect(await page.evaluate(ground)).toBe(dark);
  });
});

describe("axe finds nothing serious", () => {
  let paths: [string, string][];
  beforeAll(async () => {
    const machine = await server.createMachine("Looked-at", failingBranch);
    const failed = await server.start(machine, { a: [1, "x", null] }, "looked-at");
    await server.ended(failed);
    paths = [
      ["State machines", "/machines"],
      ["Executions", "/executions"],
      ["looked-at", withQuery(executionPath(failed), { state: "Refuse" })],
      ["looked-at", withQuery(executionPath(failed), { view: "timeline" })],
      ["looked-at", withQuery(executionPath(failed), { view: "events", event: "5" })],
      ["looked-at", withQuery(executionPath(failed), { view: "data" })],
      ["Looked-at", withQuery(machinePath(machine), { view: "definition" })],
      ["Functions", "/functions"],
    ];
  });
  for (const colorScheme of ["light", "dark"] as const) {
    test(`in ${colorScheme}, on every page`, async () => {
      const page = await visit("/", { colorScheme });
      for (const [heading, path] of paths) {
        await page.goto(`${server.url}/console${path}`);
        await page.getByRole("heading", { level: 1, name: heading }).waitFor();
        await settled(page);
        await expectAccessible(page);
      }
      await page.keyboard.press("Control+k");
      await page.getByRole("dialog").waitFor();
      await expectAccessible(page);
    });
  }
});

test("nothing of a payload becomes HTML", async () => {
  const machine = await server.createMachine("Hostile", flow);
  const hostile = `<img src=x onerror="document.title='owned'"><script>document.title='owned'</script>`;
  const execution = await server.start(machine, { items: [], seconds: 0, [hostile]: hostile });
  await server.ended(execution);
  const page = await visit(withQuery(executionPath(execution), { view: "data" }));
  await page.getByText(/onerror/).first().waitFor();
  expect(await page.locator("main img, main script").count()).toBe(0);
  expect(await page.title()).not.toContain("owned");
});

test("nothing is wider than a phone", async () => {
  const machine = await server.createMachine("Narrow", flow);
  const execution = await server.start(machine, { items: [1], seconds: 0 }, "narrow-and-with-a-rather-long-name-that-wants-to-be-wider-than-390");
  await server.ended(execution);
  const page = await visit("/", { viewport: { width: 390, height: 844 } });
  for (const path of ["/machines", "/executions", machinePath(machine), executionPath(execution), withQuery(executionPath(execution), { view: "timeline" })]) {
    await page.goto(`${server.url}/console${path}`);
    await page.getByRole("heading", { level: 1 }).waitFor();
    await settled(page);
    expect(await page.evaluate("document.documentElement.scrollWidth"), path).toBeLessThanOrEqual(390);
  }
});

describe("a history of 25,000 events", () => {
  let long: string;
  beforeAll(async () => {
    const machine = await server.createMachine("Long", loop);
    long = await server.start(machine, { left: 6_245 }, "long");
    await server.ended(long);
  });

  test("opens, scrolls to its end, and is searched", async () => {
    const page = await visit(withQuery(executionPath(long), { view: "events" }));
    await page.getByRole("tab", { name: /Events 24,98\d/ }).waitFor();
    const took = await page.evaluate("performance.now()");
    console.log(`a history of 25,000 events is whole ${Math.round(took as number)} ms after the page was asked for`);
    // Only what is in sight is drawn.
    expect(await page.getByRole("row").count()).toBeLessThan(80);
    await page.locator(".rows-body").evaluate((body) => (body.scrollTop = body.scrollHeight));
    await page.getByText("ExecutionSucceeded").waitFor();
    await page.getByLabel("Search events").fill("ExecutionStarted");
    await page.getByText(/^1 of 24,98\d$/).waitFor();
  });

  test("has a timeline that scrolls too", async () => {
    const page = await visit(withQuery(executionPath(long), { view: "timeline" }));
    await page.getByRole("tab", { name: /Events 24,98\d/ }).waitFor();
    await page.locator(".timeline-body").evaluate((body) => (body.scrollTop = body.scrollHeight));
    await page.getByRole("button", { name: /^Done/ }).waitFor();
    expect(await page.locator(".bar-row").count()).toBeLessThan(100);
  });
});
