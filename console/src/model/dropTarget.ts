/** Where something goes that is dropped on a graph, and which state is beside which. Pure geometry. */

import type { Edge, Graph } from "./definition";
import type { Place } from "./edits";
import type { Layout } from "./layout";

interface Point {
  readonly x: number;
  readonly y: number;
}

/** A state where it is drawn, in the coordinates of the whole graph. */
export interface Area extends Point {
  readonly name: string;
  readonly width: number;
  readonly height: number;
  readonly parent: string | null;
  readonly branch: number;
  readonly isContainer: boolean;
}

export interface Target {
  readonly place: Place;
  /** The state or edge that is marked. */
  readonly node: string | null;
  readonly edge: string | null;
  /** What letting go will do. */
  readonly text: string;
}

/** How far beside an edge still is on it. */
const EDGE_REACH = 24;
/** Of a container: what its title takes. */
const TITLE_HEIGHT = 46;
/** The part of a state's height that is before it. */
const BEFORE = 0.3;

export function areasOf(graph: Graph, layout: Layout): Map<string, Area> {
  const states = new Map(graph.states.map((state) => [state.name, state]));
  const containers = new Set(graph.states.map((state) => state.parent));
  const areas = new Map<string, Area>();
  // Parents come before what is inside them.
  for (const box of layout.boxes) {
    const state = states.get(box.name);
    if (state === undefined) continue;
    const around = state.parent === null ? undefined : areas.get(state.parent);
    areas.set(box.name, {
      name: box.name,
      x: box.x + (around?.x ?? 0),
      y: box.y + (around?.y ?? 0),
      width: box.width,
      height: box.height,
      parent: state.parent,
      branch: state.branch,
      isContainer: containers.has(box.name),
    });
  }
  return areas;
}

const holds = (area: Area, { x, y }: Point): boolean => x >= area.x && x <= area.x + area.width && y >= area.y && y <= area.y + area.height;

/** What is at a point; `without` are states that are being dragged, which are not there. */
export function dropAt(graph: Graph, areas: ReadonlyMap<string, Area>, point: Point, without: ReadonlySet<string> = new Set()): Target {
  const there = [...areas.values()].filter((area) => !without.has(area.name) && holds(area, point));
  const leaf = there.find((area) => !area.isContainer);
  if (leaf !== undefined) return besides(graph, leaf, (point.y - leaf.y) / leaf.height < BEFORE);
  const edge = edgeAt(graph, areas, point, without);
  if (edge !== null) {
    return { place: { kind: "edge", from: edge.from, edge: edge.kind, index: edge.index }, node: null, edge: edge.id, text: `Between ${edge.from} and ${edge.to}` };
  }
  const container = there.toSorted((one, other) => one.width * one.height - other.width * other.height)[0];
  if (container === undefined) return { place: { kind: "alone" }, node: null, edge: null, text: "Alone: nothing leads to it yet" };
  if (point.y - container.y < TITLE_HEIGHT / 2) return besides(graph, container, true);
  const branch = branchAt(areas, container, point);
  return { place: { kind: "inside", owner: container.name, branch }, node: container.name, edge: null, text: `At the end of ${container.name}, branch ${branch + 1}` };
}

function besides(graph: Graph, area: Area, isBefore: boolean): Target {
  const type = graph.states.find((state) => state.name === area.name)?.type;
  const kind = isBefore || type === "Succeed" || type === "Fail" ? "before" : "after";
  return { place: { kind, name: area.name }, node: area.name, edge: null, text: `${kind === "before" ? "Before" : "After"} ${area.name}` };
}

function edgeAt(graph: Graph, areas: ReadonlyMap<string, Area>, point: Point, without: ReadonlySet<string>): Edge | null {
  let nearest: Edge | null = null;
  let reach = EDGE_REACH;
  for (const edge of graph.edges) {
    const [from, to] = [areas.get(edge.from), areas.get(edge.to)];
    if (from === undefined || to === undefined || without.has(edge.from) || without.has(edge.to)) continue;
    const distance = distanceTo(wayOf(from, to), point);
    if (distance < reach) [nearest, reach] = [edge, distance];
  }
  return nearest;
}

/** An edge as it is drawn: down, across halfway, down. */
function wayOf(from: Area, to: Area): Point[] {
  const start = { x: from.x + from.width / 2, y: from.y + from.height };
  const end = { x: to.x + to.width / 2, y: to.y };
  const middle = (start.y + end.y) / 2;
  return [start, { x: start.x, y: middle }, { x: end.x, y: middle }, end];
}

function distanceTo(way: readonly Point[], { x, y }: Point): number {
  let least = Infinity;
  for (let index = 1; index < way.length; index += 1) {
    const [one, other] = [way[index - 1] as Point, way[index] as Point];
    const nearX = Math.min(Math.max(x, Math.min(one.x, other.x)), Math.max(one.x, other.x));
    const nearY = Math.min(Math.max(y, Math.min(one.y, other.y)), Math.max(one.y, other.y));
    least = Math.min(least, Math.hypot(x - nearX, y - nearY));
  }
  return least;
}

/** The branch of a container that is nearest to a point. */
function branchAt(areas: ReadonlyMap<string, Area>, container: Area, point: Point): number {
  let branch = 0;
  let least = Infinity;
  for (const area of areas.values()) {
    if (area.parent !== container.name) continue;
    const distance = Math.max(area.x - point.x, point.x - area.x - area.width, 0);
    if (distance < least) [branch, least] = [area.branch, distance];
  }
  return branch;
}

export type Direction = "up" | "down" | "left" | "right";

/** The state beside a state: along its way up and down, across and into what it contains otherwise. */
export function beside(graph: Graph, areas: ReadonlyMap<string, Area>, name: string, direction: Direction): string | null {
  const area = areas.get(name);
  if (area === undefined) return null;
  if (direction === "down") return graph.edges.find((edge) => edge.from === name && edge.to !== name)?.to ?? null;
  if (direction === "up") {
    const before = graph.edges.find((edge) => edge.to === name && edge.from !== name && (areas.get(edge.from)?.y ?? 0) < area.y);
    return before?.from ?? area.parent;
  }
  const inner = [...areas.values()].filter((other) => other.parent === name).toSorted((one, other) => one.y - other.y || one.x - other.x)[0];
  if (direction === "right" && inner !== undefined) return inner.name;
  const sign = direction === "right" ? 1 : -1;
  const centre = (one: Area): Point => ({ x: one.x + one.width / 2, y: one.y + one.height / 2 });
  const own = centre(area);
  const others = [...areas.values()].filter((other) => other.parent === area.parent && (centre(other).x - own.x) * sign > 8);
  const nearest = others.toSorted((one, other) => far(centre(one), own) - far(centre(other), own))[0];
  return nearest?.name ?? (direction === "left" ? area.parent : null);
}

/** Across counts less than up and down. */
const far = (one: Point, other: Point): number => Math.abs(one.x - other.x) + 3 * Math.abs(one.y - other.y);

/** A state and everything inside of it. */
export function withInner(graph: Graph, name: string): Set<string> {
  const inner = new Set([name]);
  // Parents come before what is inside them.
  for (const state of graph.states) if (state.parent !== null && inner.has(state.parent)) inner.add(state.name);
  return inner;
}
