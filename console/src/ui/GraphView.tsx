import { Background, Controls, Handle, MarkerType, Position, ReactFlow, ReactFlowProvider, useReactFlow, useStore } from "@xyflow/react";
import type { Edge as FlowEdge, Node as FlowNode, NodeProps } from "@xyflow/react";
import "@xyflow/react/dist/base.css";
import { memo, useEffect, useMemo } from "react";
import type { Graph, StateNode } from "../model/definition";
import type { Standing } from "../model/history";
import type { Change } from "../model/definitionDiff";
import { layOut, shapeOf, STATE_HEIGHT, STATE_WIDTH, viewOf } from "../model/layout";
import { CHANGE_LOOKS, outcomeLook } from "../model/status";
import { Icon } from "./Icon";
import { ALL_DRAWN_MAX, measuredOf } from "./measured";
import { useSame } from "./useSame";

interface StateData extends Record<string, unknown> {
  readonly state: StateNode;
  readonly standing: Standing | undefined;
  readonly isContainer: boolean;
  readonly hasRun: boolean;
  readonly change: Change | undefined;
}

type Drawn = FlowNode<StateData, "state">;

/**
 * A definition as a picture.
 *
 * - `standings`: how each state stands in an execution; absent where none is shown.
 * - `taken`: ids of the edges that the execution went along.
 * - `changes`, `edgeChanges`: what became of states and edges between two definitions.
 */
export default function GraphView(props: {
  graph: Graph;
  standings?: ReadonlyMap<string, Standing> | undefined;
  taken?: ReadonlySet<string> | undefined;
  changes?: ReadonlyMap<string, Change> | undefined;
  edgeChanges?: ReadonlyMap<string, Change> | undefined;
  chosen: string | null;
  onChoose: (name: string | null) => void;
}) {
  return (
    <ReactFlowProvider>
      <Picture {...props} />
    </ReactFlowProvider>
  );
}

/** A handle that nobody sees. */
const HANDLE_DOT = 5;
const NODE_TYPES = { state: memo(StateBox) };

function Picture({ graph, standings, taken, changes, edgeChanges, chosen, onChoose }: Parameters<typeof GraphView>[0]) {
  const shape = useMemo(() => shapeOf(graph), [graph]);
  // The shape is all of the graph that a layout depends on.
  const layout = useMemo(() => layOut(graph), [shape]);
  const states = useMemo(() => new Map(graph.states.map((state) => [state.name, state])), [graph]);
  const measured = useMemo(() => new Map(layout.boxes.length > ALL_DRAWN_MAX ? layout.boxes.map((box) => [box.name, measuredOf(box, HANDLE_DOT)]) : []), [layout]);
  const containers = useMemo(() => new Set(graph.states.map((state) => state.parent)), [graph]);
  const drawn = useMemo<Drawn[]>(
    () =>
      layout.boxes.flatMap((box) => {
        const state = states.get(box.name);
        if (state === undefined) return [];
        const isContainer = containers.has(box.name);
        return [
          {
            id: box.name,
            type: "state" as const,
            position: { x: box.x, y: box.y },
            width: box.width,
            height: box.height,
            ...measured.get(box.name),
            data: { state, standing: standings?.get(box.name), isContainer, hasRun: standings !== undefined, change: changes?.get(box.name) },
            selected: box.name === chosen,
            draggable: false,
            connectable: false,
            ariaLabel: `${state.type} ${state.name}`,
            ...(state.parent === null ? {} : { parentId: state.parent }),
          },
        ];
      }),
    [layout, measured, states, containers, standings, changes, chosen],
  );
  const nodes = useSame(drawn);
  const drawnEdges = useMemo<FlowEdge[]>(
    () =>
      graph.edges.map((edge) => {
        const isTaken = taken?.has(edge.id) ?? false;
        return {
          id: edge.id,
          source: edge.from,
          target: edge.to,
          type: "smoothstep",
          label: edge.label.length > 34 ? `${edge.label.slice(0, 33)}…` : edge.label,
          className: `edge edge-${edge.kind}${isTaken ? " is-taken" : ""} is-${edgeChanges?.get(edge.id) ?? "same"}`,
          labelShowBg: true,
          labelBgPadding: [4, 2] as [number, number],
          labelBgBorderRadius: 3,
          markerEnd: { type: MarkerType.ArrowClosed, width: 14, height: 14, color: isTaken ? "var(--edge-taken)" : "var(--edge)" },
          focusable: false,
          zIndex: isTaken ? 2 : 1,
        };
      }),
    [graph, taken, edgeChanges],
  );
  const edges = useSame(drawnEdges);
  const flow = useReactFlow();
  const width = useStore((store) => store.width);
  const height = useStore((store) => store.height);
  const view = useMemo(() => viewOf(layout, width, height), [layout, width, height]);
  // A panel beside it makes it narrower: it is shown from its beginning again.
  useEffect(() => {
    if (width > 0 && height > 0) void flow.setViewport(view);
  }, [flow, view, width, height]);
  // What is chosen elsewhere is brought to where it is seen.
  useEffect(() => {
    const node = chosen === null || view.isWhole ? undefined : flow.getInternalNode(chosen);
    if (node === undefined) return;
    const { x, y } = node.internals.positionAbsolute;
    const { x: left, y: top, zoom } = flow.getViewport();
    const [at, above] = [x * zoom + left, y * zoom + top];
    if (at < 0 || above < 0 || at + 60 > width || above + 30 > height) void flow.setCenter(x + STATE_WIDTH / 2, y + STATE_HEIGHT / 2, { zoom });
  }, [chosen, flow, view, width, height]);
  return (
    <div className="graph" role="group" aria-label="Graph of the states">
      <ReactFlow
        nodes={nodes as Drawn[]}
        edges={edges as FlowEdge[]}
        nodeTypes={NODE_TYPES}
        onNodeClick={(_, node) => onChoose(node.id)}
        onPaneClick={() => onChoose(null)}
        onKeyDown={(event) => {
          const name = (event.target as HTMLElement).closest("[data-id]")?.getAttribute("data-id");
          if (name && (event.key === "Enter" || event.key === " ")) onChoose(name);
        }}
        nodesDraggable={false}
        nodesConnectable={false}
        elementsSelectable
        nodesFocusable
        edgesFocusable={false}
        zoomOnDoubleClick={false}
        minZoom={0.05}
        maxZoom={2}
        onlyRenderVisibleElements={graph.states.length > ALL_DRAWN_MAX}
        proOptions={{ hideAttribution: true }}
      >
        <Background gap={22} size={1} />
        <Controls showInteractive={false} />
      </ReactFlow>
    </div>
  );
}

function StateBox({ data, selected }: NodeProps<Drawn>) {
  const { state, standing, isContainer, hasRun, change } = data;
  const look = standing !== undefined ? outcomeLook(standing.outcome) : change === undefined || change === "same" ? null : CHANGE_LOOKS[change];
  const tone = look === null ? (hasRun ? "is-unvisited" : "") : `tone-${look.tone}`;
  return (
    <div className={`state ${isContainer ? "is-container" : ""} ${tone} ${selected ? "is-chosen" : ""} ${change === "removed" ? "is-removed" : ""}`} title={state.comment ?? undefined}>
      <Handle type="target" position={Position.Top} isConnectable={false} />
      <div className="state-head">
        <span className="state-type">{state.type}</span>
        {state.isStart && state.parent === null && <span className="state-type">· start</span>}
        {standing !== undefined && standing.visits > 1 && <span className="state-count">×{standing.visits}</span>}
        {standing !== undefined && standing.retries > 0 && (
          <span className="state-count" title={`${standing.retries} retries`}>
            ↻{standing.retries}
          </span>
        )}
        {look && (
          <span className="state-sign" title={look.text}>
            <Icon name={look.sign} size={13} />
            <span className={change === undefined ? "visually-hidden" : "state-change"}>{look.text}</span>
          </span>
        )}
      </div>
      <div className="state-name">{state.name}</div>
      {!isContainer && state.subtitle && <div className="state-subtitle">{state.subtitle}</div>}
      <Handle type="source" position={Position.Bottom} isConnectable={false} />
    </div>
  );
}
