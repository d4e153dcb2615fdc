/** What the graph of an editor shows: its nodes and edges, and which part of it is seen. */

import { MarkerType, useReactFlow, useStore, useStoreApi } from "@xyflow/react";
import type { Edge as FlowEdge } from "@xyflow/react";
import { useEffect, useMemo, useRef } from "react";
import type { RefObject } from "react";
import type { Graph, StateNode } from "../../model/definition";
import { areasOf } from "../../model/dropTarget";
import type { Area } from "../../model/dropTarget";
import { layOut, shapeOf, viewOf } from "../../model/layout";
import type { Layout } from "../../model/layout";
import { retries, troublesAt } from "../../model/stateFields";
import { measuredOf } from "../../ui/measured";
import type { Side } from "../../ui/measured";
import type { EditedNode } from "./EditedState";
import type { Finding } from "./validation";

/** How large the dots are that connections are dragged from. */
const HANDLE_DOT = 11;
/** Longer labels of edges are cut. */
const LABEL_MAX = 34;

/** Where everything is. Fields that are typed change nothing of it. */
export function useLayout(graph: Graph): { readonly layout: Layout; readonly areas: ReadonlyMap<string, Area> } {
  const shape = useMemo(() => shapeOf(graph), [graph]);
  // The shape stands for the graph.
  const layout = useMemo(() => layOut(graph), [shape]);
  const areas = useMemo(() => areasOf(graph, layout), [layout]);
  return { layout, areas };
}

/** The nodes where the layout has them; what looks as before stays the same object, which is not drawn again. */
export function useDrawn(graph: Graph, layout: Layout, areas: ReadonlyMap<string, Area>, diagnostics: readonly Finding[], chosen: ReadonlySet<string | null>, target: string | null): EditedNode[] {
  const kept = useRef<ReadonlyMap<string, EditedNode>>(new Map());
  return useMemo(() => {
    const states = new Map(graph.states.map((state) => [state.name, state]));
    const drawn = layout.boxes.flatMap((box): EditedNode[] => {
      const state = states.get(box.name);
      const area = areas.get(box.name);
      if (state === undefined || area === undefined) return [];
      const own = findingsOf(state, graph, diagnostics);
      const errors = own.filter((finding) => finding.severity === "error").length;
      const node: EditedNode = {
        id: box.name,
        type: "state",
        position: { x: box.x, y: box.y },
        width: box.width,
        height: box.height,
        ...measuredOf(box, HANDLE_DOT, sidesOf(state)),
        data: { state, isContainer: area.isContainer, errors, warnings: own.length - errors, isTarget: target === box.name },
        selected: chosen.has(box.name),
        ariaLabel: labelOf(state, graph, own.length),
        ...(state.parent === null ? {} : { parentId: state.parent }),
      };
      const before = kept.current.get(box.name);
      return [before !== undefined && isAlike(before, node) ? before : node];
    });
    kept.current = new Map(drawn.map((node) => [node.id, node]));
    return drawn;
  }, [layout, areas, graph, chosen, diagnostics, target]);
}

/** The handles that a state has, as `EditedState` draws them. */
function sidesOf({ type }: StateNode): Side[] {
  const isEnd = type === "Succeed" || type === "Fail";
  return [
    { type: "target", side: "top" },
    ...(isEnd ? [] : [{ id: "next", type: "source", side: "bottom" } as const]),
    ...(retries(type) ? [{ id: "catch", type: "source", side: "right" } as const] : []),
  ];
}

/** What is wrong with a state; what is wrong inside of a container is told by the states in it. */
function findingsOf(state: StateNode, graph: Graph, diagnostics: readonly Finding[]): Finding[] {
  const within = troublesAt(diagnostics, state.pointer);
  if (within.length === 0) return within;
  const inner = graph.states.filter((one) => one.parent === state.name);
  return within.filter(({ pointer }) => !inner.some((one) => pointer === one.pointer || pointer.startsWith(`${one.pointer}/`)));
}

function isAlike(one: EditedNode, other: EditedNode): boolean {
  const told = (node: EditedNode): readonly unknown[] => [
    ...Object.values(node.data), node.selected, node.ariaLabel, node.parentId, node.position.x, node.position.y, node.width, node.height,
  ];
  const [before, now] = [told(one), told(other)];
  return before.every((value, index) => value === now[index]);
}

/** A state in words: what it is, where it leads, and whether something is wrong with it. */
function labelOf(state: StateNode, graph: Graph, findings: number): string {
  const targets = [...new Set(graph.edges.filter((edge) => edge.from === state.name).map((edge) => edge.to))];
  const leads = targets.length > 0 ? `, leads to ${targets.join(", ")}` : "";
  return `${state.type} ${state.name}${state.isStart ? ", start" : ""}${leads}${findings > 0 ? `, ${findings} ${findings === 1 ? "finding" : "findings"}` : ""}`;
}

export function useDrawnEdges(graph: Graph, chosen: string | null, target: string | null): FlowEdge[] {
  return useMemo(
    () =>
      graph.edges.map((edge) => ({
        id: edge.id,
        source: edge.from,
        target: edge.to,
        sourceHandle: "next",
        type: "smoothstep",
        label: edge.label.length > LABEL_MAX ? `${edge.label.slice(0, LABEL_MAX - 1)}…` : edge.label,
        className: `edge edge-${edge.kind}${edge.id === chosen ? " is-chosen" : ""}${edge.id === target ? " is-target" : ""}`,
        labelShowBg: true,
        labelBgPadding: [4, 2] as [number, number],
        labelBgBorderRadius: 3,
        interactionWidth: 18,
        markerEnd: { type: MarkerType.ArrowClosed, width: 14, height: 14, color: edge.id === chosen ? "var(--focus)" : "var(--edge)" },
        focusable: false,
        zIndex: 1,
      })),
    [graph, chosen, target],
  );
}

/**
 * Shows the whole graph, or as much of it as can be read, until somebody moves it. Where not all is seen, it goes to
 * what is chosen elsewhere, by an arrow or in the text.
 *
 * Gives whether somebody has.
 */
export function useSight(chosen: string | null, layout: Layout, areas: ReadonlyMap<string, Area>): RefObject<boolean> {
  const flow = useReactFlow();
  const store = useStoreApi();
  const width = useStore((state) => state.width);
  const height = useStore((state) => state.height);
  const view = useMemo(() => viewOf(layout, width, height), [layout, width, height]);
  const isMoved = useRef(false);
  useEffect(() => {
    if (!isMoved.current && width > 0 && height > 0) void flow.setViewport(view);
  }, [flow, view, width, height]);
  useEffect(() => {
    const area = chosen === null ? undefined : areas.get(chosen);
    if (area === undefined || (!isMoved.current && view.isWhole)) return;
    const { x, y, zoom } = flow.getViewport();
    const seen = store.getState();
    const [left, top] = [area.x * zoom + x, area.y * zoom + y];
    const isSeen = left + 20 > 0 && top + 20 > 0 && left + 60 < seen.width && top + 30 < seen.height;
    if (!isSeen) void flow.setCenter(area.x + Math.min(area.width, 400) / 2, area.y + Math.min(area.height, 300) / 2, { zoom });
  }, [chosen, areas, flow, store, view]);
  return isMoved;
}
