import { Background, Controls, Handle, MarkerType, Position, ReactFlow, ReactFlowProvider, useReactFlow, useStore } from "@xyflow/react";
import type { Edge as FlowEdge, Node as FlowNode, NodeProps } from "@xyflow/react";
import "@xyflow/react/dist/base.css";
import { memo, useEffect, useMemo } from "react";
import type { Graph, StateNode } from "../model/definition";
import type { Standing } from "../model/history";
import type { Change } from "../model/definitionDiff";
import { layOut, shapeOf } from "../model/layout";
import { CHANGE_LOOKS, outcomeLook } from "../model/status";
import { Icon } from "./Icon";

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

const FIT = { padding: 0.08, maxZoom: 1.1 };
const NODE_TYPES = { state: memo(StateBox) };

function Picture({ graph, standings, taken, changes, edgeChanges, chosen, onChoose }: Parameters<typeof GraphView>[0]) {
  const shape = useMemo(() => shapeOf(graph), [graph]);
  // The shape is all of the graph that a layout depends on.
  const layout = useMemo(() => layOut(graph), [shape]);
  const states = useMemo(() => new Map(graph.states.map((state) => [state.name, state])), [graph]);
  const nodes = useMemo<Drawn[]>(
    () =>
      layout.boxes.flatMap((box) => {
        const state = states.get(box.name);
        if (state === undefined) return [];
        const isContainer = graph.states.some((inner) => inner.parent === box.name);
        return [
          {
            id: box.name,
            type: "state" as const,
            position: { x: box.x, y: box.y },
            width: box.width,
            height: box.height,
            data: { state, standing: standings?.get(box.name), isContainer, hasRun: standings !== undefined, change: changes?.get(box.name) },
            selected: box.name === chosen,
            draggable: false,
            connectable: false,
            ariaLabel: `${state.type} ${state.name}`,
            ...(state.parent === null ? {} : { parentId: state.parent }),
          },
        ];
      }),
    [layout, states, graph, standings, changes, chosen],
  );
  const edges = useMemo<FlowEdge[]>(
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
  const flow = useReactFlow();
  const width = useStore((store) => store.width);
  // A panel beside it makes it narrower: it is shown whole again.
  useEffect(() => {
    const frame = requestAnimationFrame(() => void flow.fitView(FIT));
    return () => cancelAnimationFrame(frame);
  }, [flow, layout, width]);
  return (
    <div className="graph" role="group" aria-label="Graph of the states">
      <ReactFlow
        nodes={nodes}
        edges={edges}
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
        onlyRenderVisibleElements={graph.states.length > 80}
        proOptions={{ hideAttribution: true }}
        fitView
        fitViewOptions={FIT}
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
