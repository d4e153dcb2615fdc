import { Background, Controls, MarkerType, ReactFlow, ReactFlowProvider, applyNodeChanges, useReactFlow, useStore, useStoreApi } from "@xyflow/react";
import type { Edge as FlowEdge } from "@xyflow/react";
import "@xyflow/react/dist/base.css";
import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import type { Graph, StateNode } from "../../model/definition";
import type { Edit } from "../../model/document";
import { areasOf, beside, dropAt, withInner } from "../../model/dropTarget";
import type { Direction, Target } from "../../model/dropTarget";
import { addState, connect, deleteStates, disconnect, duplicate, isRefused, moveAlong, moveState } from "../../model/edits";
import type { Change, Place, Refused } from "../../model/edits";
import { layOut } from "../../model/layout";
import { paletteItem } from "../../model/newStates";
import { troublesAt } from "../../model/stateFields";
import "../../styles/graph-editor.css";
import { isTyping } from "../../ui/keys";
import { EditedState } from "./EditedState";
import type { EditedNode } from "./EditedState";
import { GraphMenu } from "./GraphMenu";
import type { Opened } from "./GraphMenu";
import { RenameDialog } from "./RenameDialog";
import { DRAGGED, StatePalette } from "./StatePalette";
import type { Finding } from "./validation";

export interface GraphEditorProps {
  /** The definition as it is parsed; the latest that was JSON. */
  readonly definition: Readonly<Record<string, unknown>>;
  readonly graph: Graph;
  readonly diagnostics: readonly Finding[];
  readonly chosen: string | null;
  readonly onChoose: (name: string | null) => void;
  /** Makes edits as one step of undoing; `false` while the text is no JSON. */
  readonly onEdit: (edits: readonly Edit[], label: string) => boolean;
  readonly onUndo: () => void;
  readonly onRedo: () => void;
}

/** The graph of what is edited: states are added, connected, moved and deleted in it, by pointer and by keys. */
export default function GraphEditor(props: GraphEditorProps) {
  return (
    <ReactFlowProvider>
      <Editor {...props} />
    </ReactFlowProvider>
  );
}

const FIT = { padding: 0.08, maxZoom: 1.1 };
/** Frames that a new state may take to be drawn. */
const FRAMES_MAX = 120;
const SEQUENCE_MS = 1_200;
const NODE_TYPES = { state: EditedState };
const ARROWS: Readonly<Record<string, Direction>> = { ArrowUp: "up", ArrowDown: "down", ArrowLeft: "left", ArrowRight: "right" };

interface Said {
  readonly lines: readonly string[];
  readonly isProblem: boolean;
}

function Editor({ definition, graph, diagnostics, chosen, onChoose, onEdit, onUndo }: GraphEditorProps) {
  // Fields that are typed change nothing of the picture.
  const shape = shapeOf(graph);
  const layout = useMemo(() => layOut(graph), [shape]);
  const areas = useMemo(() => areasOf(graph, layout), [layout]);
  const [more, setMore] = useState<readonly string[]>([]);
  const [chosenEdge, setChosenEdge] = useState<string | null>(null);
  const [drop, setDrop] = useState<Target | null>(null);
  const [menu, setMenu] = useState<Opened | null>(null);
  const [renaming, setRenaming] = useState<string | null>(null);
  const [said, setSaid] = useState<Said | null>(null);
  const host = useRef<HTMLDivElement>(null);
  const flow = useReactFlow();
  const store = useStoreApi();
  const edge = graph.edges.find((one) => one.id === chosenEdge);
  const known = (name: string | null): name is string => name !== null && areas.has(name);
  const chosenAll = [...new Set([...(known(chosen) ? [chosen] : []), ...more.filter(known)])];

  // A state that an edit has made is drawn some frames later; until then keys are its own already.
  const awaited = useRef<string | null>(null);
  const focus = useCallback((name: string) => {
    awaited.current = name;
    const attempt = (left: number): void => {
      if (awaited.current !== name) return;
      const node = nodeIn(host.current, name);
      if (node === null && left > 0) return void requestAnimationFrame(() => attempt(left - 1));
      node?.focus({ preventScroll: true });
      awaited.current = null;
    };
    requestAnimationFrame(() => attempt(FRAMES_MAX));
  }, []);
  const make = (outcome: Change | Refused): void => {
    setDrop(null);
    if (isRefused(outcome)) return setSaid({ lines: [outcome.problem], isProblem: true });
    if (outcome.edits.length > 0 && !onEdit(outcome.edits, outcome.label)) {
      return setSaid({ lines: ["The text is no JSON at the moment: mend it first."], isProblem: true });
    }
    setMore([]);
    setChosenEdge(null);
    onChoose(outcome.select);
    if (outcome.select !== null) focus(outcome.select);
    setSaid({ lines: outcome.notes.length > 0 ? outcome.notes : [`${outcome.label}: done.`], isProblem: false });
  };
  /** Where a state goes that is added without saying where. */
  const placeFor = (name: string | null): Place => {
    if (!known(name)) return { kind: "end" };
    const type = graph.states.find((state) => state.name === name)?.type;
    return { kind: type === "Succeed" || type === "Fail" ? "before" : "after", name };
  };
  const centreOf = (name: string | null): { x: number; y: number } => {
    const box = (name === null ? null : nodeIn(host.current, name))?.getBoundingClientRect() ?? host.current?.getBoundingClientRect();
    return box === undefined ? { x: 80, y: 120 } : { x: box.left + Math.min(box.width / 2, 120), y: box.top + Math.min(box.height / 2, 80) };
  };

  const kept = useRef<ReadonlyMap<string, EditedNode>>(new Map());
  const drawn = useMemo<EditedNode[]>(() => {
    const chosenNames = new Set([chosen, ...more]);
    const states = new Map(graph.states.map((state) => [state.name, state]));
    const next = layout.boxes.flatMap((box) => {
      const state = states.get(box.name);
      const area = areas.get(box.name);
      if (state === undefined || area === undefined) return [];
      // What is wrong inside of a container is told by the states in it.
      const inner = graph.states.filter((one) => one.parent === state.name);
      const own = troublesAt(diagnostics, state.pointer).filter((finding) => !inner.some((one) => finding.pointer === one.pointer || finding.pointer.startsWith(`${one.pointer}/`)));
      const errors = own.filter((finding) => finding.severity === "error").length;
      const node: EditedNode = {
        id: box.name,
        type: "state",
        position: { x: box.x, y: box.y },
        width: box.width,
        height: box.height,
        data: { state, isContainer: area.isContainer, errors, warnings: own.length - errors, isTarget: drop?.node === box.name },
        selected: chosenNames.has(box.name),
        ariaLabel: labelOf(state, graph, own.length),
        ...(state.parent === null ? {} : { parentId: state.parent }),
      };
      // What looks as before is not drawn again.
      const before = kept.current.get(box.name);
      return [before !== undefined && isAlike(before, node) ? before : node];
    });
    kept.current = new Map(next.map((node) => [node.id, node]));
    return next;
  }, [layout, areas, graph, chosen, more, diagnostics, drop?.node]);
  // While a state is dragged it is where the pointer is; otherwise it is where the layout has it.
  const [nodes, setNodes] = useState(drawn);
  const dragged = useRef<string | null>(null);
  useEffect(() => {
    setNodes((before) => {
      if (dragged.current === null) return drawn;
      const positions = new Map(before.map((node) => [node.id, node.position]));
      return drawn.map((node) => (node.id === dragged.current ? { ...node, position: positions.get(node.id) ?? node.position } : node));
    });
  }, [drawn]);
  const edges = useMemo<FlowEdge[]>(
    () =>
      graph.edges.map((one) => ({
        id: one.id,
        source: one.from,
        target: one.to,
        sourceHandle: "next",
        type: "smoothstep",
        label: one.label.length > 34 ? `${one.label.slice(0, 33)}…` : one.label,
        className: `edge edge-${one.kind}${one.id === chosenEdge ? " is-chosen" : ""}${one.id === drop?.edge ? " is-target" : ""}`,
        labelShowBg: true,
        labelBgPadding: [4, 2] as [number, number],
        labelBgBorderRadius: 3,
        interactionWidth: 18,
        markerEnd: { type: MarkerType.ArrowClosed, width: 14, height: 14, color: one.id === chosenEdge ? "var(--focus)" : "var(--edge)" },
        focusable: false,
        zIndex: 1,
      })),
    [graph, chosenEdge, drop?.edge],
  );

  const width = useStore((store) => store.width);
  // Who has moved the picture keeps it as it is.
  const isMoved = useRef(false);
  useEffect(() => {
    if (isMoved.current) return;
    const frame = requestAnimationFrame(() => void flow.fitView(FIT));
    return () => cancelAnimationFrame(frame);
  }, [flow, layout, width]);

  // Who looks at a part of the picture is taken to what is chosen elsewhere: by an arrow, in the text.
  useEffect(() => {
    const area = chosen === null ? undefined : areas.get(chosen);
    if (area === undefined || !isMoved.current || host.current === null) return;
    const { x, y, zoom } = flow.getViewport();
    const { width: seenWidth, height: seenHeight } = store.getState();
    const [left, top] = [area.x * zoom + x, area.y * zoom + y];
    const isSeen = left + 20 > 0 && top + 20 > 0 && left + 60 < seenWidth && top + 30 < seenHeight;
    if (!isSeen) void flow.setCenter(area.x + Math.min(area.width, 400) / 2, area.y + Math.min(area.height, 300) / 2, { zoom });
  }, [chosen, areas, flow, store]);

  const targetAt = (x: number, y: number, without?: ReadonlySet<string>): Target => dropAt(graph, areas, flow.screenToFlowPosition({ x, y }), without);
  const choose = (name: string): void => {
    setChosenEdge(null);
    setMore([]);
    onChoose(name);
  };
  const act = {
    add: (itemId: string, place: Place) => make(addState(definition, itemId, place)),
    remove: () => {
      if (edge !== undefined) make(disconnect(definition, edge.from, edge.kind, edge.index));
      else if (chosenAll.length > 0) make(deleteStates(definition, chosenAll));
    },
  };
  const open = (opened: Opened): void => setMenu(opened);

  const leader = useRef<number | null>(null);
  const onKeyDown = (event: React.KeyboardEvent): void => {
    if (event.ctrlKey || event.metaKey || isTyping(event.target)) return;
    const focused = awaited.current ?? (event.target as HTMLElement).closest<HTMLElement>(".react-flow__node")?.dataset["id"] ?? null;
    const name = known(focused) ? focused : known(chosen) ? chosen : null;
    const arrow = ARROWS[event.key];
    if (arrow !== undefined) {
      if ((event.target as HTMLElement).closest(".state-palette") !== null) return;
      if (event.altKey && name !== null && (arrow === "up" || arrow === "down")) make(moveAlong(definition, name, arrow === "up" ? -1 : 1));
      else if (!event.altKey) {
        const to = name === null ? (graph.starts.get("") ?? graph.states[0]?.name ?? null) : beside(graph, areas, name, arrow);
        if (known(to)) {
          choose(to);
          focus(to);
        }
      }
      event.preventDefault();
      return;
    }
    // `g` and a letter go to another page.
    const isSequence = leader.current !== null && event.timeStamp - leader.current < SEQUENCE_MS;
    leader.current = event.key === "g" ? event.timeStamp : null;
    if (event.altKey || isSequence) return;
    if ((event.key === "Enter" || event.key === " ") && focused !== null) choose(focused);
    else if (event.key === "a") open({ kind: "add", at: centreOf(name), place: placeFor(name) });
    else if (event.key === "c" && name !== null) open({ kind: "connect", at: centreOf(name), name });
    else if (event.key === "m" && name !== null) open({ kind: "state", at: centreOf(name), names: chosenAll.includes(name) ? chosenAll : [name] });
    else if (event.key === "d" && name !== null) make(duplicate(definition, name));
    else if ((event.key === "F2" || event.key === "r") && name !== null) setRenaming(name);
    else if ((event.key === "Delete" || event.key === "Backspace") && (edge !== undefined || name !== null)) {
      if (edge === undefined && name !== null && !chosenAll.includes(name)) make(deleteStates(definition, [name]));
      else act.remove();
    } else if (event.key === "Escape" && (chosenAll.length > 0 || edge !== undefined)) {
      setChosenEdge(null);
      setMore([]);
      onChoose(null);
    } else return;
    event.preventDefault();
    event.stopPropagation();
  };

  const one = chosenAll.length === 1 ? (chosenAll[0] as string) : null;
  return (
    // Keys are those of the nodes and buttons within; each has its own role.
    <div ref={host} onKeyDown={onKeyDown}>
      {/* What is fixed to the window lies outside of what is laid out by its own width. */}
      <div className="graph-editor"><div className="graph-editor-body">
        <div className="graph-tools" role="toolbar" aria-label="Edit the graph">
          <button type="button" className="button" title="Add a state after the one that is chosen (a)" onClick={() => open({ kind: "add", at: centreOf(one), place: placeFor(one) })}>
            Add <kbd>a</kbd>
          </button>
          <button type="button" className="button" disabled={one === null} onClick={() => one !== null && open({ kind: "connect", at: centreOf(one), name: one })} title="Lead the chosen state to another (c)">
            Connect <kbd>c</kbd>
          </button>
          <button type="button" className="button" disabled={chosenAll.length === 0} onClick={() => open({ kind: "state", at: centreOf(chosenAll[0] ?? null), names: chosenAll })} title="More to do with what is chosen (m)">
            More <kbd>m</kbd>
          </button>
          <button type="button" className="button" disabled={chosenAll.length === 0 && edge === undefined} onClick={act.remove} title="Delete what is chosen (Delete)">
            Delete
          </button>
          <span className="graph-keys quiet">arrows choose · Alt arrows move · F2 renames · Shift click chooses more</span>
        </div>
        <StatePalette onAdd={(itemId) => act.add(itemId, placeFor(one))} onDragEnd={() => setDrop(null)} />
        <div
          className="graph"
          role="group"
          aria-label="Graph of the states"
          onDragOver={(event) => {
            if (!event.dataTransfer.types.includes(DRAGGED)) return;
            event.preventDefault();
            event.dataTransfer.dropEffect = "copy";
            setDrop(targetAt(event.clientX, event.clientY));
          }}
          onDragLeave={(event) => {
            if (!event.currentTarget.contains(event.relatedTarget as Node | null)) setDrop(null);
          }}
          onDrop={(event) => {
            const itemId = event.dataTransfer.getData(DRAGGED);
            if (paletteItem(itemId) === undefined) return;
            event.preventDefault();
            act.add(itemId, targetAt(event.clientX, event.clientY).place);
          }}
        >
          <ReactFlow
            nodes={nodes}
            edges={edges}
            nodeTypes={NODE_TYPES}
            onNodesChange={(changes) => {
              const moves = changes.filter((change) => change.type === "position" || change.type === "dimensions");
              if (moves.length > 0) setNodes((before) => applyNodeChanges(moves, before));
            }}
            onNodeClick={(event, node) => {
              if (!event.shiftKey && !event.ctrlKey && !event.metaKey) return choose(node.id);
              setChosenEdge(null);
              if (!known(chosen)) return onChoose(node.id);
              setMore(more.includes(node.id) ? more.filter((name) => name !== node.id) : [...more, node.id]);
            }}
            onEdgeClick={(_, clicked) => {
              setMore([]);
              onChoose(null);
              setChosenEdge(clicked.id);
            }}
            onPaneClick={() => {
              setMore([]);
              setChosenEdge(null);
              onChoose(null);
            }}
            onNodeContextMenu={(event, node) => {
              event.preventDefault();
              if (!chosenAll.includes(node.id)) choose(node.id);
              open({ kind: "state", at: pointOf(event, centreOf(node.id)), names: chosenAll.includes(node.id) ? chosenAll : [node.id] });
            }}
            onEdgeContextMenu={(event, clicked) => {
              event.preventDefault();
              const found = graph.edges.find((other) => other.id === clicked.id);
              if (found === undefined) return;
              setChosenEdge(found.id);
              open({ kind: "edge", at: { x: event.clientX, y: event.clientY }, edge: found });
            }}
            onPaneContextMenu={(event) => {
              event.preventDefault();
              open({ kind: "add", at: { x: event.clientX, y: event.clientY }, place: targetAt(event.clientX, event.clientY).place });
            }}
            onNodeDragStart={(_, node) => {
              dragged.current = node.id;
            }}
            onNodeDrag={(event, node) => {
              const { x, y } = pointOf(event, { x: 0, y: 0 });
              const target = targetAt(x, y, withInner(graph, node.id));
              setDrop(target.place.kind === "alone" ? null : target);
            }}
            onNodeDragStop={(_, node) => {
              dragged.current = null;
              setNodes(drawn);
              if (drop !== null) make(moveState(definition, node.id, drop.place));
            }}
            onConnect={({ source, target, sourceHandle }) => make(connect(definition, source, target, sourceHandle === "catch" ? { kind: "catch" } : undefined))}
            onReconnect={(old, { source, target }) => {
              const before = graph.edges.find((other) => other.id === old.id);
              if (before === undefined) return;
              if (before.from === source) make(connect(definition, source, target, { kind: before.kind, index: before.index }));
              else setSaid({ lines: ["A connection keeps the state that it comes from; drag its end."], isProblem: true });
            }}
            onMoveStart={(event) => {
              if (event !== null) isMoved.current = true;
            }}
            nodesDraggable
            nodesConnectable
            edgesReconnectable
            nodesFocusable
            edgesFocusable={false}
            disableKeyboardA11y
            deleteKeyCode={null}
            selectionKeyCode={null}
            multiSelectionKeyCode={null}
            nodeDragThreshold={6}
            selectNodesOnDrag={false}
            zoomOnDoubleClick={false}
            connectionRadius={28}
            minZoom={0.05}
            maxZoom={2}
            onlyRenderVisibleElements={graph.states.length > 80}
            proOptions={{ hideAttribution: true }}
            fitView
            fitViewOptions={FIT}
          >
            <Background gap={22} size={1} />
            <Controls
              showInteractive={false}
              onFitView={() => {
                isMoved.current = false;
              }}
            />
          </ReactFlow>
          {graph.states.length === 0 && <p className="graph-empty">Drag a state here, or press <kbd>a</kbd>.</p>}
          {drop !== null && <p className="graph-drop">{drop.text}</p>}
        </div>
        <div className={`graph-said ${said?.isProblem ? "tone-warn" : ""}`} role="status">
          {said !== null && (
            <>
              <ul>
                {said.lines.slice(0, 6).map((line) => (
                  <li key={line}>{line}</li>
                ))}
                {said.lines.length > 6 && <li>and {said.lines.length - 6} more</li>}
              </ul>
              {!said.isProblem && (
                <button
                  type="button"
                  className="link"
                  onClick={() => {
                    onUndo();
                    setSaid(null);
                  }}
                >
                  Undo
                </button>
              )}
            </>
          )}
        </div>
      </div></div>
      {menu !== null && (
        <GraphMenu
          opened={menu}
          definition={definition}
          graph={graph}
          onMake={make}
          onOpen={open}
          onRename={setRenaming}
          onClose={() => setMenu(null)}
        />
      )}
      {renaming !== null && (
        <RenameDialog
          definition={definition}
          name={renaming}
          onMake={make}
          onClose={() => {
            setRenaming(null);
          }}
        />
      )}
    </div>
  );
}

/** What a layout depends on. */
function shapeOf(graph: Graph): string {
  return JSON.stringify([graph.states.map(({ name, parent, branch }) => [name, parent, branch]), graph.edges.map((edge) => edge.id)]);
}

function isAlike(one: EditedNode, other: EditedNode): boolean {
  const [a, b] = [one.data, other.data];
  return (
    a.state === b.state && a.errors === b.errors && a.warnings === b.warnings && a.isTarget === b.isTarget && a.isContainer === b.isContainer &&
    one.selected === other.selected && one.ariaLabel === other.ariaLabel && one.parentId === other.parentId &&
    one.position.x === other.position.x && one.position.y === other.position.y && one.width === other.width && one.height === other.height
  );
}

/** A state in words: what it is, where it leads, and whether something is wrong with it. */
function labelOf(state: StateNode, graph: Graph, findings: number): string {
  const targets = [...new Set(graph.edges.filter((edge) => edge.from === state.name).map((edge) => edge.to))];
  const leads = targets.length > 0 ? `, leads to ${targets.join(", ")}` : "";
  return `${state.type} ${state.name}${state.isStart ? ", start" : ""}${leads}${findings > 0 ? `, ${findings} ${findings === 1 ? "finding" : "findings"}` : ""}`;
}

function nodeIn(host: HTMLElement | null, name: string): HTMLElement | null {
  return host?.querySelector<HTMLElement>(`.react-flow__node[data-id="${CSS.escape(name)}"]`) ?? null;
}

/** Where a pointer is; a menu key has none. */
function pointOf(event: MouseEvent | TouchEvent | React.MouseEvent | React.TouchEvent, otherwise: { x: number; y: number }): { x: number; y: number } {
  if ("clientX" in event && (event.clientX !== 0 || event.clientY !== 0)) return { x: event.clientX, y: event.clientY };
  const touch = "changedTouches" in event ? event.changedTouches[0] : undefined;
  return touch === undefined ? otherwise : { x: touch.clientX, y: touch.clientY };
}
