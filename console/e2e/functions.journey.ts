import { expect, test } from "vitest";
import { machinePath, withQuery } from "../src/model/arn";
import { expectAccessible, settled } from "./browser";
import { journeys } from "./journey";
import { charge, CHARGE_SOURCE } from "./machines";
import { Server } from "./server";

const server = new Server();
const visit = journeys(server);

const invoke = (name: string, event: unknown): Promise<Response> =>
  fetch(`${server.url}/2015-03-31/functions/${name}/invocations`, { method: "POST", body: JSON.stringify(event) });

test("a function is invoked with an event that was saved, and its error is shown with the tail of its log", async () => {
  await server.createFunction("ChargeSaved", CHARGE_SOURCE);
  const page = await visit("/functions/ChargeSaved");
  const event = page.getByLabel("Event", { exact: true });
  await event.fill('{"customer": "Grace", "declined": true}');
  await page.getByLabel("Name of the event").fill("declined");
  await page.getByRole("button", { name: "Save" }).click();
  await event.fill("{ nothing");
  await page.getByText(/Not JSON/).waitFor();
  expect(await page.getByRole("button", { name: "Invoke" }).isDisabled()).toBe(true);
  // It is there after a reload, and for this function only.
  await page.reload();
  await page.getByLabel("Saved and sample events").selectOption("declined");
  expect(await event.inputValue()).toContain('"Grace"');
  await event.press("Control+Enter");
  const result = page.getByRole("region", { name: "Result" });
  await result.getByText("Failed: Unhandled").waitFor();
  await result.getByText("the card of Grace was declined").first().waitFor();
  await result.getByLabel("Log", { exact: true }).getByText(/charging Grace/).waitFor();
  // A version that is published is invoked as itself.
  await fetch(`${server.url}/2015-03-31/functions/ChargeSaved/versions`, { method: "POST", body: "{}" });
  await page.getByLabel("Version or alias").selectOption("1");
  await event.press("Control+Enter");
  await result.locator(".fact").filter({ hasText: /^Version1$/ }).waitFor();
  await page.getByRole("button", { name: "Remove" }).click();
  await page.getByLabel("Saved and sample events").getByText("No saved events").waitFor({ state: "attached" });
  // It has no URL, which is no error.
  expect(await page.locator("dt").filter({ hasText: /^URL$/ }).count()).toBe(0);
});

test("what a function is, and how it did within the last hour", async () => {
  const arn = await server.createFunction("Measured", CHARGE_SOURCE);
  await fetch(`${server.url}/2017-10-31/functions/Measured/concurrency`, { method: "PUT", body: JSON.stringify({ ReservedConcurrentExecutions: 7 }) });
  await fetch(`${server.url}/2021-10-31/functions/Measured/url`, { method: "POST", body: JSON.stringify({ AuthType: "NONE" }) });
  for (const event of [{ customer: "Ada" }, { customer: "Ada" }, { customer: "Ada", declined: true }]) await invoke("Measured", event);
  const page = await visit("/functions");
  const row = page.getByRole("row").filter({ hasText: "Measured" });
  await row.getByRole("img", { name: "3 invocations in the last hour" }).waitFor();
  await row.getByTitle("Errors").getByText("1 errors").waitFor();
  await row.getByRole("link", { name: "Measured" }).click();
  await page.getByText("7", { exact: true }).waitFor();
  await page.getByTitle(arn).waitFor();
  await page.getByRole("link", { name: /^http:.*lambda-url/ }).waitFor();
  await page.getByRole("tab", { name: "Metrics" }).click();
  await page.getByText(/1 cold start in the last hour/).waitFor();
  await page.getByRole("img", { name: "Invocations: 3" }).waitFor();
  await page.getByRole("img", { name: "Errors and throttles: 1 errors, 0 throttles" }).waitFor();
  await expectAccessible(page);
  await page.getByRole("tab", { name: "Configuration" }).click();
  await page.getByText("$LATEST").first().waitFor();
  await page.getByText("No variables.").waitFor();
  await settled(page);
  await expectAccessible(page);
});

test("how the executions of a state machine did, over time", async () => {
  const machine = await server.createMachine("Measured-too", charge(await server.createFunction("ChargeMeasured", CHARGE_SOURCE)));
  const ran = await Promise.all([server.start(machine, { customer: "Ada" }), server.start(machine, { customer: "Ada", missing: true })]);
  await Promise.all(ran.map((one) => server.ended(one)));
  const page = await visit(withQuery(machinePath(machine), { view: "metrics" }));
  await page.getByRole("img", { name: "Started and succeeded: 2 started, 2 succeeded" }).waitFor();
  await page.getByRole("img", { name: /^Duration: p99 up to/ }).waitFor();
  await page.getByLabel("The last").selectOption("1d");
  await page.getByRole("img", { name: "Started and succeeded: 2 started, 2 succeeded" }).waitFor();
  expect(page.url()).toContain("span=1d");
  await expectAccessible(page);
});

test("what a function logs is shown as it comes, and searched", async () => {
  await server.createFunction("Logging", `export const handler = async (event) => { console.log("hello", event.name); };`);
  const page = await visit(withQuery("/functions/Logging", { view: "logs" }));
  await page.getByText("It has logged nothing yet").waitFor();
  await invoke("Logging", { name: "Ada" });
  await page.getByText(/hello Ada/).first().waitFor();
  await page.getByRole("status", { name: "Log", exact: true }).getByText("Live").waitFor();
  await invoke("Logging", { name: "Grace" });
  await page.getByText(/hello Grace/).first().waitFor();
  await page.getByLabel("Text in the lines").fill("Ada");
  await page.getByText(/hello Grace/).waitFor({ state: "detached" });
  await page.getByText(/^1 line, newest first/).waitFor();
  await expectAccessible(page);
});
