import { expect, test } from "vitest";
import { readDefinition } from "./definition";
import type { Graph } from "./definition";
import { areasOf, beside, dropAt, withInner } from "./dropTarget";
import type { Area } from "./dropTarget";
import { fixture } from "./fixture";
import { layOut } from "./layout";

const graph = readDefinition(JSON.stringify(fixture("flow").definition)) as Graph;
const areas = areasOf(graph, layOut(graph));
const area = (name: string): Area => areas.get(name) as Area;
const at = (name: string, x: number, y: number): { x: number; y: number } => ({ x: area(name).x + area(name).width * x, y: area(name).y + area(name).height * y });

test("what is dropped on a state goes before or after it", () => {
  expect(dropAt(graph, areas, at("Short wait", 0.5, 0.8)).place).toEqual({ kind: "after", name: "Short wait" });
  expect(dropAt(graph, areas, at("Short wait", 0.5, 0.1)).place).toEqual({ kind: "before", name: "Short wait" });
  // Nothing comes after an end.
  expect(dropAt(graph, areas, at("Done", 0.5, 0.8)).place).toEqual({ kind: "before", name: "Done" });
  expect(dropAt(graph, areas, at("Tax", 0.5, 0.8)).place).toEqual({ kind: "after", name: "Tax" });
});

test("what is dropped on an edge goes between its states", () => {
  const [from, to] = [area("Read order"), area("Short wait")];
  const between = { x: from.x + from.width / 2 + 9, y: (from.y + from.height + to.y) / 2 };
  expect(dropAt(graph, areas, between)).toMatchObject({ place: { kind: "edge", from: "Read order", edge: "next", index: 0 }, text: "Between Read order and Short wait" });
  // An edge of a state that is being dragged is not there.
  expect(dropAt(graph, areas, between, new Set(["Short wait"])).place).toEqual({ kind: "alone" });
});

test("what is dropped in a container goes into the branch that is nearest", () => {
  const shop = area("Told");
  const place = dropAt(graph, areas, { x: shop.x + shop.width + 6, y: area("Notify").y + area("Notify").height - 4 }).place;
  expect(place).toEqual({ kind: "inside", owner: "Notify", branch: 1 });
  expect(dropAt(graph, areas, { x: -500, y: -500 }).place).toEqual({ kind: "alone" });
});

test("arrows follow the way, and go in and out", () => {
  expect(beside(graph, areas, "Read order", "down")).toBe("Short wait");
  expect(beside(graph, areas, "Short wait", "up")).toBe("Read order");
  expect(beside(graph, areas, "Read order", "up")).toBeNull();
  expect(beside(graph, areas, "Each item", "right")).toBe("Price");
  expect(beside(graph, areas, "Price", "left")).toBe("Each item");
  expect(beside(graph, areas, "Price", "up")).toBe("Each item");
  expect(beside(graph, areas, "Mail", "right")).toBe("Shop");
  expect([...withInner(graph, "Notify")]).toEqual(["Notify", "Mail", "Shop", "Told"]);
});
