/** Writes `src/model/fixtures`: definitions and what the real binary made of them. Run by hand, when they should change; ONLY names some. */

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, test } from "vitest";
import { approval, assigning, charge, CHARGE_SOURCE, distributed, failingBranch, flow, nested, parent, REQUEST_SOURCE, retriedParallel } from "./machines";
import { Server } from "./server";

const folder = join(import.meta.dirname, "../src/model/fixtures");
const server = new Server();

beforeAll(async () => {
  mkdirSync(folder, { recursive: true });
  await server.begin();
});
afterAll(() => server.stop());

async function keep(name: string, machine: string, definition: object, executionArn: string): Promise<void> {
  await server.ended(executionArn);
  await keepNow(name, machine, definition, executionArn);
}

async function keepNow(name: string, machine: string, definition: object, executionArn: string): Promise<void> {
  const { status } = await server.states("DescribeExecution", { executionArn });
  const only = process.env["ONLY"];
  if (only !== undefined && !only.split(",").includes(name)) return;
  const events = await server.history(executionArn);
  writeFileSync(join(folder, `${name}.json`), `${JSON.stringify({ machine, status, definition, events }, null, 1)}\n`);
}

test("fixtures", async () => {
  const run = async (name: string, definition: object, input: unknown): Promise<string> => {
    const machine = await server.createMachine(name, definition);
    const execution = await server.start(machine, input, name);
    await keep(name, machine, definition, execution);
    return execution;
  };
  await run("flow", flow, { items: [1, 2, 3], seconds: 1 });
  await run("failing-branch", failingBranch, {});
  await run("nested", nested, { items: [1, 2, -3, 4] });
  await run("retried-parallel", retriedParallel, {});
  await run("distributed", distributed, { items: [1, 2, 3] });
  await run("assigning", assigning, { prices: [1, 3] });
  const functionArn = await server.createFunction("charge", CHARGE_SOURCE);
  const charged = charge(functionArn);
  await run("charged", charged, { customer: "Ada", amount: 7 });
  await run("declined", charged, { customer: "Ada", declined: true });
  await run("caught", charged, { customer: "Ada", missing: true });
  const child = await server.createMachine("child", flow);
  await run("parent", parent(child), { items: [], seconds: 0 });
  // Waits for somebody: the history up to then.
  const asks = approval(await server.createFunction("request", REQUEST_SOURCE));
  const approving = await server.createMachine("approving", asks);
  const asked = await server.start(approving, { id: "order-1" }, "approving");
  await server.reached(asked, "TaskSubmitted");
  await keepNow("approving", approving, asks, asked);
  // Fails, is stopped being so, and goes on from there.
  const redriven = await run("redriven", failingBranch, {});
  await server.states("RedriveExecution", { executionArn: redriven });
  await keep("redriven", "", failingBranch, redriven);
  const declined = await server.createMachine("redriven-task", charged);
  const execution = await server.start(declined, { customer: "Ada", declined: true });
  await server.ended(execution);
  await server.states("RedriveExecution", { executionArn: execution });
  await keep("redriven-task", declined, charged, execution);
});
