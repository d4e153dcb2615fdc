/** Where the states of a graph are drawn: layers from top to bottom, bodies of Parallel and Map inside their state. */

import dagre from "@dagrejs/dagre";
import type { Edge, Graph, StateNode } from "./definition";
import { bodyKey } from "./definition";

export interface Box {
  readonly name: string;
  /** Relative to the box of the parent. */
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

export interface Layout {
  /** Parents before what is inside them. */
  readonly boxes: readonly Box[];
  readonly width: number;
  readonly height: number;
}

export const STATE_WIDTH = 184;
export const STATE_HEIGHT = 52;
/** Room for a container's title above, and around what is inside it. */
const TITLE_HEIGHT = 46;
const PADDING = 18;
const BRANCH_GAP = 28;

/** Bodies with more states than this are laid out without the edges that pass many layers. */
const LARGE = 60;
const LAYERS_MAX = 4;

interface Body {
  readonly width: number;
  readonly height: number;
  readonly boxes: readonly Box[];
}

/** All of a graph that its layout depends on: who edits a field of a state does not wait for another layout. */
export function shapeOf(graph: Graph): string {
  return JSON.stringify([graph.states.map((state) => [state.name, state.parent, state.branch]), graph.edges.map((edge) => [edge.id, edge.kind])]);
}

/** What of a layout is seen at first: all of it, or its beginning where all of it would be too small to read. */
interface View {
  readonly x: number;
  readonly y: number;
  readonly zoom: number;
  readonly isWhole: boolean;
}

/** Names cannot be read below this. */
const LEGIBLE = 0.34;
const CLOSEST = 1.1;
const ROOM = 0.92;

export function viewOf(layout: Layout, width: number, height: number): View {
  const whole = Math.min(width / Math.max(1, layout.width), height / Math.max(1, layout.height)) * ROOM;
  if (whole >= LEGIBLE) {
    const zoom = Math.min(whole, CLOSEST);
    return { x: (width - layout.width * zoom) / 2, y: (height - layout.height * zoom) / 2, zoom, isWhole: true };
  }
  const zoom = Math.min(0.8, Math.max(LEGIBLE, (width / layout.width) * ROOM));
  const first = layout.boxes.reduce((top, box) => (box.y < top.y ? box : top), layout.boxes[0] ?? { x: 0, y: 0, width: 0 });
  const isNarrow = layout.width * zoom <= width;
  const x = isNarrow ? (width - layout.width * zoom) / 2 : width / 2 - (first.x + first.width / 2) * zoom;
  return { x, y: 20, zoom, isWhole: false };
}

/** Lays a graph out; each body by itself, from the innermost out, so that a container is one box of its size. */
export function layOut(graph: Graph): Layout {
  const inside = new Map<string, StateNode[]>();
  for (const state of graph.states) {
    const key = bodyKey(state.parent, state.branch);
    inside.set(key, [...(inside.get(key) ?? []), state]);
  }
  const boxes: Box[] = [];
  const whole = body(graph, inside, "", boxes);
  return { boxes: [...whole.boxes, ...boxes], width: whole.width, height: whole.height };
}

function body(graph: Graph, inside: ReadonlyMap<string, StateNode[]>, key: string, below: Box[]): Body {
  const states = inside.get(key) ?? [];
  if (states.length === 0) return { width: 0, height: 0, boxes: [] };
  const drawing = new dagre.graphlib.Graph({ multigraph: true });
  drawing.setGraph({ rankdir: "TB", nodesep: 32, ranksep: 44, marginx: 0, marginy: 0 });
  drawing.setDefaultEdgeLabel(() => ({}));
  for (const state of states) {
    const size = container(graph, inside, state, below);
    drawing.setNode(state.name, { ...size });
  }
  const inner = graph.edges.filter((edge) => drawing.hasNode(edge.from) && drawing.hasNode(edge.to));
  for (const edge of states.length > LARGE ? withoutLong(states, inner) : inner) {
    // What catches is drawn aside: the way without an error is straight.
    drawing.setEdge(edge.from, edge.to, { weight: edge.kind === "catch" ? 1 : 4, minlen: 1 }, edge.id);
  }
  dagre.layout(drawing);
  const { width = 0, height = 0 } = drawing.graph() as { width?: number; height?: number };
  const boxes = states.map((state) => {
    const node = drawing.node(state.name) as { x: number; y: number; width: number; height: number };
    return {
      name: state.name,
      x: node.x - node.width / 2,
      y: node.y - node.height / 2,
      width: node.width,
      height: node.height,
    };
  });
  return { width, height, boxes };
}

/**
 * The edges of a large body without those that pass many layers.
 *
 * Every layer that an edge passes costs a node of its own, and hundreds of states that all lead to one handler of errors
 * cost seconds. Each state keeps an edge from the layer right above it, so that the layers stay as they are.
 */
function withoutLong(states: readonly StateNode[], edges: readonly Edge[]): readonly Edge[] {
  const out = new Map<string, Edge[]>(states.map((state) => [state.name, []]));
  for (const edge of edges) out.get(edge.from)?.push(edge);
  // Depth first, without recursion: what leads back to a state that is being looked at closes a circle.
  const order: string[] = [];
  const standing = new Map<string, "open" | "done">();
  const back = new Set<Edge>();
  for (const { name } of states) {
    const stack = standing.has(name) ? [] : [{ name, next: 0 }];
    if (stack.length > 0) standing.set(name, "open");
    for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
      const edge = out.get(top.name)?.[top.next];
      top.next += 1;
      if (edge === undefined) {
        standing.set(top.name, "done");
        order.push(top.name);
        stack.pop();
      } else if (standing.get(edge.to) === "open") back.add(edge);
      else if (!standing.has(edge.to)) {
        standing.set(edge.to, "open");
        stack.push({ name: edge.to, next: 0 });
      }
    }
  }
  const rank = new Map<string, number>();
  for (const name of order.toReversed()) {
    const own = rank.get(name) ?? 0;
    rank.set(name, own);
    for (const edge of out.get(name) ?? []) if (!back.has(edge)) rank.set(edge.to, Math.max(rank.get(edge.to) ?? 0, own + 1));
  }
  return edges.filter((edge) => !back.has(edge) && (rank.get(edge.to) ?? 0) - (rank.get(edge.from) ?? 0) <= LAYERS_MAX);
}

/** The size of a state; what is inside it goes to `below`, moved to its place. */
function container(
  graph: Graph,
  inside: ReadonlyMap<string, StateNode[]>,
  state: StateNode,
  below: Box[],
): { width: number; height: number } {
  let left = PADDING;
  let tallest = 0;
  for (let branch = 0; inside.has(bodyKey(state.name, branch)); branch += 1) {
    const inner = body(graph, inside, bodyKey(state.name, branch), below);
    for (const box of inner.boxes) below.unshift({ ...box, x: box.x + left, y: box.y + TITLE_HEIGHT });
    left += inner.width + BRANCH_GAP;
    tallest = Math.max(tallest, inner.height);
  }
  if (tallest === 0) return { width: STATE_WIDTH, height: STATE_HEIGHT };
  return {
    width: Math.max(STATE_WIDTH, left - BRANCH_GAP + PADDING),
    height: TITLE_HEIGHT + tallest + PADDING,
  };
}
