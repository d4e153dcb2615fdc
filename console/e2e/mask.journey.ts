/** Fields that `[console] mask` names: no page shows them, none starts with them, and nobody finds them by searching. */

import { expect, test } from "vitest";
import { executionPath } from "../src/model/arn";
import { journeys } from "./journey";
import { Server } from "./server";

const server = new Server({ settings: '[console]\nmask = ["$.card.number", "**.password"]\n' });
const visit = journeys(server);

test("a masked field comes to no page, and is no input to start again with", async () => {
  const machine = await server.createMachine("Secret", { StartAt: "P", States: { P: { Type: "Pass", End: true } } });
  const execution = await server.start(machine, { card: { number: "4242-1111" }, user: { password: "hunter2" }, item: "tea" }, "secret");
  await server.ended(execution);
  // A program is told everything.
  expect((await server.states("DescribeExecution", { executionArn: execution })).input).toContain("4242-1111");
  const page = await visit(executionPath(execution));
  const answers: Promise<string>[] = [];
  page.on("response", (response) => {
    if (/json/.test(response.headers()["content-type"] ?? "")) answers.push(response.text().catch(() => ""));
  });
  await page.reload();
  await page.getByRole("status", { name: "Status" }).getByText("Succeeded").waitFor();
  await page.getByRole("button", { name: "New execution" }).click();
  const input = page.getByLabel("Input");
  await expect.poll(() => input.inputValue(), { timeout: 40_000 }).toContain("tea");
  expect(await input.inputValue()).toContain("••••••");
  await page.getByRole("button", { name: "Start", exact: true }).click();
  await page.getByRole("alert").getByText(/\[console\] mask/).waitFor();
  await input.fill('{"card": {"number": "7"}, "item": "tea"}');
  await page.getByRole("button", { name: "Start", exact: true }).click();
  // The page of the new one, which has a name of its own.
  await page.waitForURL((url) => !url.href.includes("secret"));
  const told = (await Promise.all(answers)).join("\n");
  expect(told).toContain("tea");
  expect(told).not.toMatch(/4242-1111|hunter2/);
});
