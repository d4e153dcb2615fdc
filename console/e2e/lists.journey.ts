import { beforeAll, describe, expect, test } from "vitest";
import { machinePath, withQuery } from "../src/model/arn";
import { expectAccessible, settled } from "./browser";
import { journeys } from "./journey";
import { failingBranch, flow } from "./machines";
import { Server } from "./server";

const server = new Server();
const visit = journeys(server);

/** Fails with what its input says. */
const fails = {
  StartAt: "Look",
  States: {
    Look: { Type: "Choice", Choices: [{ Variable: "$.good", IsPresent: true, Next: "Fine" }, { Variable: "$.slow", IsPresent: true, Next: "Slow" }], Default: "Refuse" },
    Slow: { Type: "Wait", Seconds: 600, Next: "Fine" },
    Refuse: { Type: "Fail", ErrorPath: "$.error", CausePath: "$.cause" },
    Fine: { Type: "Succeed" },
  },
} as const;

describe("a list of executions", () => {
  let machine: string;
  beforeAll(async () => {
    machine = await server.createMachine("Filtered", fails);
    const ran = await Promise.all([
      server.start(machine, { good: true, customer: "Ada" }, "order-1"),
      server.start(machine, { good: true, customer: "Grace" }, "order-2"),
      server.start(machine, { error: "CardDeclined", cause: "card 17 was declined" }, "order-3"),
      server.start(machine, { error: "OutOfStock", cause: "no more of it" }, "order-4"),
    ]);
    await Promise.all(ran.map((one) => server.ended(one)));
  });

  test("is filtered by what the input, the error and the name say, and the address has it all", async () => {
    const page = await visit(machinePath(machine));
    await page.getByText("4 executions").waitFor();
    await page.getByLabel("Text within executions").fill("grace");
    await page.getByText("1 execution", { exact: false }).first().waitFor();
    await page.getByRole("link", { name: "order-2" }).waitFor();
    await page.getByRole("link", { name: "order-1" }).waitFor({ state: "detached" });
    await page.getByText("in input").waitFor();
    await page.getByLabel("Text within executions").fill("");
    await page.getByLabel("Error or its part").fill("declined");
    await page.getByRole("link", { name: "order-3" }).waitFor();
    await page.getByRole("link", { name: "order-2" }).waitFor({ state: "detached" });
    await page.getByRole("button", { name: "Failed" }).click();
    await page.getByRole("button", { name: "Aborted" }).click();
    await expect.poll(() => page.url()).toContain("error=declined&status=FAILED%2CABORTED");
    // Somebody else sees the same.
    await page.reload();
    await page.getByRole("link", { name: "order-3" }).waitFor();
    expect(await page.getByRole("row").count()).toBe(2);
    await page.getByLabel("Search executions by name").fill("nothing is called so");
    await page.getByText("No execution passes the filters").waitFor();
    await page.getByText(/were looked at/).waitFor();
  });

  test("is filtered by time, from and to", async () => {
    const page = await visit(withQuery(machinePath(machine), { after: "2020-01-01T00:00:00.000Z" }));
    await page.getByText("4 executions").waitFor();
    await page.getByLabel("Started before").fill("2021-01-01T00:00:00");
    await page.getByText("No execution passes the filters").waitFor();
    expect(page.url()).toMatch(/before=202[01]-/);
  });

  test("changes as executions begin, end and run again", async () => {
    const page = await visit(withQuery("/executions", { machine, status: "RUNNING" }));
    await page.getByText("Live", { exact: true }).waitFor();
    await page.getByText("No execution passes the filters").waitFor();
    const running = await server.start(machine, { slow: true }, "begins");
    await page.getByRole("link", { name: "begins" }).waitFor();
    await server.states("StopExecution", { executionArn: running });
    await page.getByRole("link", { name: "begins" }).waitFor({ state: "detached" });
    await server.states("RedriveExecution", { executionArn: running });
    await page.getByRole("link", { name: "begins" }).waitFor();
    await server.states("StopExecution", { executionArn: running });
  });
});

test("a long list goes on by itself as it is scrolled, and says how far it was looked", async () => {
  const machine = await server.createMachine("Long-list", flow);
  for (let from = 0; from < 300; from += 50) {
    await Promise.all(Array.from({ length: 50 }, (_, index) => server.start(machine, { items: [], seconds: 0 }, `many-${from + index}`)));
  }
  const page = await visit(machinePath(machine));
  await page.getByText(/^100 executions; 100 looked at down to /).waitFor();
  expect(await page.getByRole("row").count()).toBeLessThan(80);
  await page.locator(".rows-body").evaluate((body) => (body.scrollTop = body.scrollHeight));
  await page.getByText(/^200 executions; 200 looked at down to /).waitFor();
  await page.locator(".rows-body").evaluate((body) => (body.scrollTop = body.scrollHeight));
  await page.getByText(/^300 executions/).waitFor();
});

test("failures are put together by their cause, and lead to their executions", async () => {
  const machine = await server.createMachine("Grouped", fails);
  const begin = (error: string, cause: string) => server.start(machine, { error, cause });
  const ran = await Promise.all([
    ...[1, 22, 333].map((number) => begin("CardDeclined", `card ${number} was declined`)),
    begin("CardDeclined", "the bank does not answer"),
    begin("OutOfStock", "no more of it"),
  ]);
  await Promise.all(ran.map((one) => server.ended(one)));
  const page = await visit(withQuery(machinePath(machine), { view: "failures" }));
  await page.getByText(/^5 failures in 3 groups/).waitFor();
  const group = page.getByRole("row").filter({ hasText: "card # was declined" });
  await group.getByText("CardDeclined").waitFor();
  await group.getByText("Refuse", { exact: true }).waitFor();
  await expectAccessible(page);
  await group.getByRole("link", { name: "3", exact: true }).click();
  await page.getByRole("heading", { name: "Executions" }).waitFor();
  await page.getByText("3 executions").waitFor();
  await page.getByRole("group", { name: "Group of failures" }).getByText("card # was declined").waitFor();
  await page.getByRole("button", { name: "Leave the group of failures" }).click();
  await page.getByText("5 executions").waitFor();
  // The same of all state machines, by the keyboard.
  await page.getByRole("tab", { name: "List" }).press("ArrowRight");
  await page.getByText(/failures in \d+ groups/).waitFor();
});

describe("many at once", () => {
  test("those that are selected are stopped, after a dry run says which are not", async () => {
    const machine = await server.createMachine("Stopped", fails);
    const running = await Promise.all(["a", "b", "c"].map((name) => server.start(machine, { slow: true }, `runs-${name}`)));
    await server.ended(await server.start(machine, { good: true }, "is-done"));
    const page = await visit(machinePath(machine));
    await page.getByText("4 executions").waitFor();
    await page.getByLabel("Select runs-a").check();
    // By the keyboard: `x` selects the row that `j` has moved to.
    await page.getByRole("row").filter({ hasText: "runs-b" }).focus();
    await page.keyboard.press("x");
    await page.getByLabel("Select is-done").check();
    await page.getByRole("button", { name: "Stop 3 selected" }).click();
    const dialog = page.getByRole("dialog", { name: "Stop executions" });
    await dialog.getByText("2 of 3 executions would be stopped").waitFor();
    await dialog.getByRole("row").filter({ hasText: "has ended: succeeded" }).getByText("is-done").waitFor();
    await expectAccessible(page);
    await dialog.getByLabel(/^Error/).fill("Operator");
    await dialog.getByLabel(/^Cause/).fill("not wanted");
    await dialog.getByRole("button", { name: "Stop 2 executions" }).click();
    await dialog.getByText("2 stopped.").waitFor();
    await dialog.getByRole("button", { name: "Close" }).last().click();
    const stopped = await server.ended(running[0] ?? "");
    expect(stopped).toMatchObject({ status: "ABORTED", error: "Operator", cause: "not wanted" });
    // The third one was not selected.
    expect((await server.states("DescribeExecution", { executionArn: running[2] ?? "" })).status).toBe("RUNNING");
    await page.getByRole("row").filter({ hasText: "runs-a" }).getByText("Aborted").waitFor();
    await server.states("StopExecution", { executionArn: running[2] ?? "" });
  });

  test("all that match are redriven, with a result for each", async () => {
    const machine = await server.createMachine("Redriven", failingBranch);
    const failed = await Promise.all(Array.from({ length: 12 }, (_, index) => server.start(machine, {}, `failed-${index}`)));
    await Promise.all(failed.map((one) => server.ended(one)));
    const page = await visit(withQuery(machinePath(machine), { q: "failed-" }));
    await page.getByText("12 executions").waitFor();
    await page.getByRole("button", { name: "Redrive all that match" }).click();
    const dialog = page.getByRole("dialog", { name: "Redrive executions" });
    await dialog.getByText("12 of 12 executions would be redriven").waitFor();
    // One cannot be any more, which its result says.
    let isGone = false;
    await page.route(`${server.url}/`, async (route) => {
      const { headers, body } = { headers: route.request().headers(), body: route.request().postData() ?? "" };
      if (headers["x-amz-target"]?.endsWith("RedriveExecution") && body.includes("failed-7")) {
        isGone = true;
        return route.fulfill({ status: 400, contentType: "application/x-amz-json-1.0", body: JSON.stringify({ __type: "ExecutionNotRedrivable", message: "it is too old" }) });
      }
      return route.fallback();
    });
    await dialog.getByRole("button", { name: "Redrive 12 executions" }).click();
    await dialog.getByText("11 redriven").waitFor();
    await dialog.getByText("1 failed").waitFor();
    // What went wrong comes first.
    expect(await dialog.getByRole("row").nth(1).textContent()).toContain("failed-7ExecutionNotRedrivable: it is too old".replace("failed-7", ""));
    expect(isGone).toBe(true);
    await dialog.getByRole("button", { name: "Close" }).last().click();
    const { redriveCount } = await server.states("DescribeExecution", { executionArn: failed[0] ?? "" });
    expect(redriveCount).toBe(1);
  });
});

describe("lists and groups are fit for all eyes and for a phone", () => {
  let machine: string;
  beforeAll(async () => {
    machine = await server.createMachine("Seen", fails);
    await server.ended(await server.start(machine, { error: "CardDeclined", cause: "no" }, "seen-with-a-rather-long-name-that-wants-to-be-wider-than-a-phone"));
  });
  for (const colorScheme of ["light", "dark"] as const) {
    test(`in ${colorScheme}`, async () => {
      const page = await visit("/executions", { colorScheme, viewport: { width: 390, height: 844 } });
      for (const path of ["/executions?status=FAILED", "/executions?view=failures", "/functions", machinePath(machine)]) {
        await page.goto(`${server.url}/console${path}`);
        await page.getByRole("heading", { level: 1 }).waitFor();
        await settled(page);
        expect(await page.evaluate("document.documentElement.scrollWidth"), path).toBeLessThanOrEqual(390);
        await expectAccessible(page);
      }
    });
  }
});
