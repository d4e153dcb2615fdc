import { Background, Controls, Handle, MarkerType, Position, ReactFlow, ReactFlowProvider, useReactFlow, useStore } from "@xyflow/react";
import type { Edge as FlowEdge, Node as FlowNode, NodeProps } from "@xyflow/react";
import "@xyflow/react/dist/base.css";
import { memo, useEffect, useMemo } from "react";
import { layOutMap, NODE_HEIGHT, NODE_WIDTH, rateText, shareText, typeText } from "../../model/serviceMap";
import type { CallNumbers, MapService, ServiceMap } from "../../model/serviceMap";
import { durationText } from "../../model/time";
import { Icon } from "../../ui/Icon";

interface ServiceData extends Record<string, unknown> {
  readonly service: MapService;
}

type Drawn = FlowNode<ServiceData, "service">;

/** The service map as a picture; `ServiceMapPage` has the same as tables. */
export default function MapView(props: { map: ServiceMap; chosen: number | null; onChoose: (id: number | null) => void }) {
  return (
    <ReactFlowProvider>
      <Picture {...props} />
    </ReactFlowProvider>
  );
}

const FIT = { padding: 0.1, maxZoom: 1.1 };
const NODE_TYPES = { service: memo(ServiceBox) };

function Picture({ map, chosen, onChoose }: Parameters<typeof MapView>[0]) {
  const boxes = useMemo(() => layOutMap(map), [map]);
  const services = useMemo(() => new Map(map.services.map((service) => [service.id, service])), [map]);
  const nodes = useMemo<Drawn[]>(
    () =>
      boxes.flatMap((box) => {
        const service = services.get(box.id);
        if (service === undefined) return [];
        return [
          {
            id: String(box.id),
            type: "service" as const,
            position: { x: box.x, y: box.y },
            width: NODE_WIDTH,
            height: NODE_HEIGHT,
            data: { service },
            selected: box.id === chosen,
            draggable: false,
            connectable: false,
            ariaLabel: `${typeText(service.type)} ${service.name}: ${numbersText(service.numbers)}`,
          },
        ];
      }),
    [boxes, services, chosen],
  );
  const edges = useMemo<FlowEdge[]>(
    () =>
      map.edges.map((edge) => {
        const isBad = edge.numbers.failedShare > 0;
        const isOfChosen = chosen !== null && (edge.from === chosen || edge.to === chosen);
        return {
          id: edge.id,
          source: String(edge.from),
          target: String(edge.to),
          label: numbersText(edge.numbers),
          labelShowBg: true,
          labelBgPadding: [4, 2] as [number, number],
          labelBgBorderRadius: 3,
          className: `edge${isBad ? " edge-catch" : ""}${isOfChosen ? " is-taken" : ""}`,
          markerEnd: { type: MarkerType.ArrowClosed, width: 14, height: 14, color: isOfChosen ? "var(--edge-taken)" : "var(--edge)" },
          focusable: false,
        };
      }),
    [map, chosen],
  );
  const flow = useReactFlow();
  const width = useStore((store) => store.width);
  useEffect(() => {
    const frame = requestAnimationFrame(() => void flow.fitView(FIT));
    return () => cancelAnimationFrame(frame);
  }, [flow, boxes, width]);
  return (
    <div className="graph" role="group" aria-label="Map of the services">
      <ReactFlow
        nodes={nodes}
        edges={edges}
        nodeTypes={NODE_TYPES}
        onNodeClick={(_, node) => onChoose(Number(node.id))}
        onPaneClick={() => onChoose(null)}
        onKeyDown={(event) => {
          const id = (event.target as HTMLElement).closest("[data-id]")?.getAttribute("data-id");
          if (id && (event.key === "Enter" || event.key === " ")) onChoose(Number(id));
        }}
        nodesDraggable={false}
        nodesConnectable={false}
        elementsSelectable
        nodesFocusable
        edgesFocusable={false}
        zoomOnDoubleClick={false}
        minZoom={0.05}
        maxZoom={2}
        onlyRenderVisibleElements={map.services.length > 80}
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

const numbersText = (numbers: CallNumbers): string => {
  const latency = numbers.latency === null ? "" : `, ${durationText(numbers.latency)}`;
  return `${rateText(numbers.perMinute)}${latency}${numbers.failedShare > 0 ? `, ${shareText(numbers.failedShare)} failed` : ""}`;
};

/** Of a service: above a twentieth of its calls failed, some did, none did. */
function toneOf(numbers: CallNumbers): { readonly tone: string; readonly icon: "cross" | "warning" | "check"; readonly text: string } {
  if (numbers.failedShare >= 0.05) return { tone: "bad", icon: "cross", text: "Many calls fail" };
  if (numbers.failedShare > 0) return { tone: "warn", icon: "warning", text: "Some calls fail" };
  return { tone: "good", icon: "check", text: "No call failed" };
}

function ServiceBox({ data, selected }: NodeProps<Drawn>) {
  const { service } = data;
  const look = toneOf(service.numbers);
  return (
    <div className={`service ${service.isClient ? "is-client" : `tone-${look.tone}`} ${selected ? "is-chosen" : ""}`}>
      <Handle type="target" position={Position.Top} isConnectable={false} />
      <div className="state-head">
        <span className="service-type">{typeText(service.type)}</span>
        {!service.isClient && (
          <span className="state-sign" title={look.text}>
            <Icon name={look.icon} size={13} />
            <span className="visually-hidden">{look.text}</span>
          </span>
        )}
      </div>
      <div className="service-name" title={service.name}>
        {service.name}
      </div>
      <div className="service-numbers">
        <span>{rateText(service.numbers.perMinute)}</span>
        {service.numbers.latency !== null && <span>{durationText(service.numbers.latency)}</span>}
        {service.numbers.failedShare > 0 && <span>{shareText(service.numbers.failedShare)} failed</span>}
      </div>
      <Handle type="source" position={Position.Bottom} isConnectable={false} />
    </div>
  );
}
