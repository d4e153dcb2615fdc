/** Executions that show what their pages can, for pictures. */

import { executionPath, mapRunPath, withQuery } from "../src/model/arn";
import { approval, assigning, charge, CHARGE_SOURCE, nested, parent, REQUEST_SOURCE, someFail } from "./machines";
import { ROLE } from "./server";
import type { Server } from "./server";

export async function executionPages(server: Server): Promise<[name: string, path: string][]> {
  const machine = await server.createMachine("Approval", approval(await server.createFunction("RequestApproval", REQUEST_SOURCE)));
  const waits = await server.start(machine, { id: "order-1006", customer: { name: "Fumiko Sato", city: "Nagoya" }, totalAmount: 2687 }, "order-1006");
  const numbers = await server.createMachine("Celled", nested);
  const items = await server.start(numbers, { items: Array.from({ length: 180 }, (_, index) => (index === 173 ? -1 : index)) }, "items");
  const variables = await server.start(await server.createMachine("Shares", assigning), { prices: [12, 40, 7] }, "shares");
  const { stateMachineArn } = await server.states("CreateStateMachine", {
    name: "TracedPayments",
    definition: JSON.stringify(charge(await server.createFunction("ChargeTraced", CHARGE_SOURCE))),
    roleArn: ROLE,
    tracingConfiguration: { enabled: true },
  });
  const root = `1-${Math.floor(Date.now() / 1000).toString(16)}-0123456789abcdef01234567`;
  const { executionArn: traced } = await server.states("StartExecution", {
    stateMachineArn,
    name: "traced",
    input: JSON.stringify({ customer: "Ada", declined: true }),
    traceHeader: `Root=${root};Sampled=1`,
  });
  const child = await server.start(await server.createMachine("Parent", parent(numbers)), { items: [1, 2] }, "parent");
  const many = await server.start(await server.createMachine("Orders", someFail), Array.from({ length: 6_000 }, (_, index) => (index % 97 === 7 ? 1 : 0)), "many");
  await server.reached(waits, "TaskSubmitted");
  await Promise.all([items, variables, traced, child, many].map((one) => server.ended(one)));
  const { mapRuns } = await server.states("ListMapRuns", { executionArn: many });
  return [
    ["execution-waits", withQuery(executionPath(waits), { state: "Request approval" })],
    ["execution-then", withQuery(executionPath(items), { at: "14" })],
    ["execution-then-timeline", withQuery(executionPath(items), { view: "timeline", at: "60" })],
    ["execution-items", withQuery(executionPath(items), { state: "Items" })],
    ["execution-data-flow", withQuery(executionPath(traced), { state: "Charge", wide: "1" })],
    ["execution-variables", withQuery(executionPath(variables), { state: "Tell" })],
    ["execution-logs", withQuery(executionPath(traced), { view: "logs" })],
    ["execution-trace", withQuery(executionPath(traced), { view: "trace" })],
    ["execution-parent", executionPath(child)],
    ["map-run-cells", withQuery(mapRunPath(mapRuns[0]?.mapRunArn ?? ""), { child: "7" })],
  ];
}
