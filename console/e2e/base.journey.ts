import { expect, test } from "vitest";
import { executionPath, machinePath, withQuery } from "../src/model/arn";
import { journeys } from "./journey";
import { distributed, flow, loop } from "./machines";
import { createLogged } from "./observed";
import { ROLE, Server } from "./server";

const server = new Server();
const visit = journeys(server);

test("an Express execution is started, and its result is shown where it was", async () => {
  const { stateMachineArn } = await server.states("CreateStateMachine", {
    name: "Fast",
    type: "EXPRESS",
    roleArn: ROLE,
    definition: JSON.stringify({
      StartAt: "Good?",
      States: {
        "Good?": { Type: "Choice", Choices: [{ Variable: "$.good", BooleanEquals: true, Next: "Fine" }], Default: "Bad" },
        Fine: { Type: "Pass", Result: { greeted: "Ada" }, End: true },
        Bad: { Type: "Fail", Error: "NotGood", Cause: "it was not good" },
      },
    }),
  });
  const page = await visit(machinePath(stateMachineArn));
  // The page has its name before it knows what the state machine is; what starts one is there once it does.
  await page.getByRole("button", { name: /^(Start|New) execution/ }).waitFor();
  await page.keyboard.press("n");
  await page.getByLabel("Input").fill('{"good": true}');
  await page.keyboard.press("Control+Enter");
  const result = page.getByRole("status", { name: "Result" });
  await result.getByText("Succeeded").waitFor();
  await result.getByText('"greeted"').waitFor();
  await page.getByLabel("Input").fill('{"good": false}');
  await page.getByRole("button", { name: "Start and wait" }).click();
  await result.getByText("NotGood").waitFor();
  await result.getByText("it was not good").waitFor();
  await page.getByRole("button", { name: "Start only" }).click();
  await page.getByRole("status", { name: "Started" }).getByText(/express:Fast:/).waitFor();
});

test("what Express executions do is shown as they log it", async () => {
  const stateMachineArn = await createLogged(server, "LoggedFast");
  const page = await visit(machinePath(stateMachineArn));
  await page.getByText(/what Express ones log, at level ALL/).waitFor();
  await server.states("StartExecution", { stateMachineArn, input: '{"order": 4711}' });
  await page.getByRole("button", { name: /ExecutionSucceeded/ }).first().click();
  await page.getByRole("link", { name: "Every line of this execution" }).click();
  await page.getByText(/^4 lines, newest first/).waitFor();
  await page.getByRole("button", { name: /ExecutionStarted/ }).click();
  await page.getByText(/4711/).first().waitFor();
  await page.goBack();
  await page.getByRole("link", { name: "ALL", exact: true }).click();
  await page.getByRole("heading", { name: "Logs" }).waitFor();
  await page.getByRole("button", { name: /ExecutionStarted/ }).first().waitFor();
});

test("the palette opens what an ARN names, of whatever kind", async () => {
  const machine = await server.createMachine("Spread", distributed);
  const execution = await server.start(machine, { items: [1, 2] }, "spread");
  await server.ended(execution);
  const { mapRuns } = await server.states("ListMapRuns", { executionArn: execution });
  const page = await visit("/functions");
  await page.getByRole("heading", { name: /Functions/ }).waitFor();
  const go = async (text: string): Promise<void> => {
    await page.keyboard.press("Control+k");
    await page.getByRole("combobox", { name: "Find or do something" }).fill(text);
  };
  await go(mapRuns[0]?.mapRunArn ?? "");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "Map run" }).waitFor();
  // A child of a map run is started by its parent only.
  await page.getByRole("link").filter({ hasText: /^[0-9a-f-]{36}$/ }).first().click();
  await page.getByRole("link", { name: "a map run" }).waitFor();
  await page.keyboard.press("n");
  await go(execution);
  expect(await page.getByRole("dialog").count()).toBe(1);
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "spread" }).waitFor();
  await page.keyboard.press("Alt+n");
  await go(machine);
  expect(await page.getByRole("dialog").count()).toBe(1);
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "Spread" }).waitFor();
  await go("arn:aws:sqs:us-east-1:123456789012:queue");
  await page.getByText("The console has no page for this ARN.").waitFor();
  await page.keyboard.press("Escape");
  // What has no name here may be somebody's order.
  await go("order-4711-of-nobody");
  await page.getByRole("option", { name: /in input or output/ }).waitFor();
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "Executions" }).waitFor();
  expect(await page.getByLabel("Text within executions").inputValue()).toBe("order-4711-of-nobody");
  await page.getByText("No execution passes the filters").waitFor();
});

test("tabs are walked by arrows, Home and End, and a view that is none is the first", async () => {
  const machine = await server.createMachine("Tabbed", flow);
  const page = await visit(withQuery(machinePath(machine), { view: "nowhere" }));
  const chosen = page.getByRole("tab", { selected: true });
  await chosen.filter({ hasText: "Executions" }).focus();
  await page.keyboard.press("End");
  await page.getByText("Nothing to compare yet").waitFor();
  await page.keyboard.press("ArrowRight");
  await chosen.filter({ hasText: "Executions" }).waitFor();
  await page.keyboard.press("ArrowLeft");
  await page.getByText("Nothing to compare yet").waitFor();
  await page.keyboard.press("Home");
  await page.getByText("No executions yet").waitFor();
  expect(await page.getByRole("tabpanel", { name: "Executions" }).count()).toBe(1);
  // One Tab leads out of them.
  await page.keyboard.press("Tab");
  expect(await page.evaluate("document.activeElement.getAttribute('role')")).not.toBe("tab");
});

test("numbers of a payload are shown, and started again with, as they are", async () => {
  const machine = await server.createMachine("Exact", flow);
  const input = '{"id":9007199254740993,"items":[],"seconds":0}';
  const { executionArn } = await server.states("StartExecution", { stateMachineArn: machine, input });
  await server.ended(executionArn);
  const page = await visit(withQuery(executionPath(executionArn), { view: "data" }));
  await page.getByLabel("the input").getByText("9007199254740993").waitFor();
  await page.getByRole("button", { name: "New execution" }).click();
  expect(await page.getByRole("textbox", { name: "Input" }).inputValue()).toContain('"id": 9007199254740993,');
});

test("an error of a later read stands above what is there", async () => {
  const machine = await server.createMachine("Kept", flow);
  const page = await visit(machinePath(machine));
  await page.getByRole("heading", { name: "Kept" }).waitFor();
  let isBroken = true;
  await page.route(`${server.url}/`, async (route) => {
    const asked = route.request().headers()["x-amz-target"] ?? "";
    if (!isBroken || !asked.endsWith("DescribeStateMachine")) return route.fallback();
    await route.fulfill({ status: 400, contentType: "application/x-amz-json-1.0", body: JSON.stringify({ __type: "StateMachineDeleting", message: "it goes" }) });
  });
  await page.getByRole("alert").getByText("StateMachineDeleting").waitFor();
  await page.getByRole("heading", { name: "Kept" }).waitFor();
  await page.getByRole("tab", { name: "Definition" }).waitFor();
  await page.getByRole("button", { name: "Try again" }).click();
  await page.getByRole("heading", { name: "Kept" }).waitFor();
  // It goes as soon as a read succeeds.
  isBroken = false;
  await page.getByRole("alert").waitFor({ state: "detached" });
});

test("what the stream does not name is asked for: a state machine and a function that come", async () => {
  const page = await visit("/machines");
  await page.getByRole("heading", { name: /State machines/ }).waitFor();
  await server.createMachine("Came-later", flow);
  await page.getByRole("link", { name: "Came-later" }).waitFor();
});

test("rows that come in above leave what is looked at where it is", async () => {
  const machine = await server.createMachine("Long-list", flow);
  await Promise.all(Array.from({ length: 90 }, (_, index) => server.start(machine, { items: [], seconds: 0 }, `old-${index}`)));
  const page = await visit(machinePath(machine));
  await page.getByText("Live", { exact: true }).waitFor();
  await page.getByText(/^90 executions/).waitFor();
  const body = page.locator(".rows-body");
  await body.evaluate((body) => (body.scrollTop = 1_200));
  const top = (): Promise<string> =>
    body.evaluate((body) => {
      const line = body.getBoundingClientRect().top + 40;
      const row = [...body.querySelectorAll("[role=row]")].find((row) => row.getBoundingClientRect().bottom > line);
      return row?.querySelector("a")?.textContent ?? "";
    });
  await expect.poll(top).toMatch(/^old-/);
  const before = await top();
  await Promise.all(Array.from({ length: 5 }, (_, index) => server.start(machine, { items: [], seconds: 0 }, `new-${index}`)));
  await page.getByText(/^95 executions/).waitFor();
  expect(await top()).toBe(before);
});

test("a long history that grows while it is read is read to its end", async () => {
  const machine = await server.createMachine("Growing", loop);
  const execution = await server.start(machine, { left: 3_000 }, "growing");
  const page = await visit(withQuery(executionPath(execution), { view: "events" }));
  await server.ended(execution);
  await page.getByRole("tab", { name: /Events 12,00\d/ }).waitFor();
});

test("a server without access keys asks nobody to sign in", async () => {
  const page = await visit("/sign-in?next=%2Fexecutions%3Fstatus%3DFAILED");
  await page.getByText("Nobody needs to sign in").waitFor();
  await page.getByRole("link", { name: "Go on" }).click();
  await page.getByRole("heading", { name: "Executions" }).waitFor();
  expect(new URL(page.url()).search).toBe("?status=FAILED");
  expect(await page.getByRole("button", { name: /Signed in/ }).count()).toBe(0);
});
