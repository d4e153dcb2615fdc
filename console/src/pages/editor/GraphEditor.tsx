import { applyNodeChanges, Background, Controls, ReactFlow, ReactFlowProvider, useReactFlow } from "@xyflow/react";
import type { ReactFlowProps } from "@xyflow/react";
import "@xyflow/react/dist/base.css";
import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import type { Edge, Graph } from "../../model/definition";
import type { Edit } from "../../model/document";
import { beside, dropAt, withInner } from "../../model/dropTarget";
import type { Target } from "../../model/dropTarget";
import { addState, connect, deleteStates, disconnect, duplicate, isRefused, moveAlong, moveState } from "../../model/edits";
import type { Change, Place, Refused } from "../../model/edits";
import { paletteItem } from "../../model/newStates";
import "../../styles/graph-editor.css";
import { EditedState } from "./EditedState";
import type { EditedNode } from "./EditedState";
import { useDrawn, useDrawnEdges, useLayout, useSight } from "./graphDrawing";
import { useGraphKeys } from "./graphKeys";
import { GraphMenu } from "./GraphMenu";
import type { Opened } from "./GraphMenu";
import { GraphSaid } from "./GraphSaid";
import type { Said } from "./GraphSaid";
import { GraphTools } from "./GraphTools";
import { RenameDialog } from "./RenameDialog";
import { DRAGGED, StatePalette } from "./StatePalette";
import type { Finding } from "./validation";

interface GraphEditorProps {
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

/** Frames that a new state may take to be drawn. */
const FRAMES_MAX = 120;
const NODE_TYPES = { state: EditedState };

/** How the picture behaves; keys are those of `useGraphKeys`. */
const BEHAVIOUR = {
  nodesDraggable: true,
  nodesConnectable: true,
  edgesReconnectable: true,
  nodesFocusable: true,
  edgesFocusable: false,
  disableKeyboardA11y: true,
  deleteKeyCode: null,
  selectionKeyCode: null,
  multiSelectionKeyCode: null,
  nodeDragThreshold: 6,
  selectNodesOnDrag: false,
  zoomOnDoubleClick: false,
  connectionRadius: 28,
  minZoom: 0.05,
  maxZoom: 2,
  proOptions: { hideAttribution: true },
} satisfies ReactFlowProps;

interface At {
  readonly x: number;
  readonly y: number;
}

function Editor({ definition, graph, diagnostics, chosen, onChoose, onEdit, onUndo }: GraphEditorProps) {
  const { layout, areas } = useLayout(graph);
  const [more, setMore] = useState<readonly string[]>([]);
  const [chosenEdge, setChosenEdge] = useState<string | null>(null);
  const [menu, setMenu] = useState<Opened | null>(null);
  const [renaming, setRenaming] = useState<string | null>(null);
  const host = useRef<HTMLDivElement>(null);
  const { awaited, focus } = useFocus(host);
  const edge = graph.edges.find((one) => one.id === chosenEdge);
  const known = (name: string | null): name is string => name !== null && areas.has(name);
  const chosenAll = [...new Set([chosen, ...more])].filter(known);
  const one = chosenAll.length === 1 ? (chosenAll[0] as string) : null;

  const choose = (name: string | null, others: readonly string[] = [], edgeId: string | null = null): void => {
    setMore(others);
    setChosenEdge(edgeId);
    if (name !== chosen) onChoose(name);
  };
  const { said, setSaid, make } = useEdits(definition, onEdit, (name) => {
    choose(name);
    if (name !== null) focus(name);
  });
  /** Where a state goes that is added without saying where. */
  const placeFor = (name: string | null): Place => {
    if (!known(name)) return { kind: "end" };
    const type = graph.states.find((state) => state.name === name)?.type;
    return { kind: type === "Succeed" || type === "Fail" ? "before" : "after", name };
  };
  const ofNode = (name: string | null): At => {
    const box = (name === null ? null : nodeIn(host.current, name))?.getBoundingClientRect() ?? host.current?.getBoundingClientRect();
    return box === undefined ? { x: 80, y: 120 } : { x: box.left + Math.min(box.width / 2, 120), y: box.top + Math.min(box.height / 2, 80) };
  };
  const open = {
    add: (name: string | null) => setMenu({ kind: "add", at: ofNode(name), place: placeFor(name) }),
    connect: (name: string) => setMenu({ kind: "connect", at: ofNode(name), name }),
    states: (names: readonly string[], at = ofNode(names[0] ?? null)) => setMenu({ kind: "state", at, names }),
  };
  const remove = (name: string | null): boolean => {
    if (edge !== undefined) make(disconnect(definition, edge.from, edge.kind, edge.index));
    else if (name !== null && !chosenAll.includes(name)) make(deleteStates(definition, [name]));
    else if (chosenAll.length > 0) make(deleteStates(definition, chosenAll));
    else return false;
    return true;
  };
  const onKeyDown = useGraphKeys({
    known,
    awaited: () => awaited.current,
    chosen,
    go: (name, direction) => {
      const to = name === null ? (graph.starts.get("") ?? graph.states[0]?.name ?? null) : beside(graph, areas, name, direction);
      if (!known(to)) return;
      choose(to);
      focus(to);
    },
    move: (name, by) => make(moveAlong(definition, name, by)),
    choose,
    add: open.add,
    connect: open.connect,
    more: (name) => open.states(chosenAll.includes(name) ? chosenAll : [name]),
    duplicate: (name) => make(duplicate(definition, name)),
    rename: setRenaming,
    remove,
    letGo: () => {
      if (chosenAll.length === 0 && edge === undefined) return false;
      choose(null);
      return true;
    },
  });
  return (
    // Keys are those of the nodes and buttons within; each has its own role.
    <div ref={host} onKeyDown={onKeyDown}>
      {/* What is fixed to the window lies outside of what is laid out by its own width. */}
      <div className="graph-editor">
        <div className="graph-editor-body">
          <GraphTools
            hasOne={one !== null}
            hasSome={chosenAll.length > 0}
            hasEdge={edge !== undefined}
            onAdd={() => open.add(one)}
            onConnect={() => one !== null && open.connect(one)}
            onMore={() => open.states(chosenAll)}
            onRemove={() => remove(null)}
          />
          <StatePalette onAdd={(itemId) => make(addState(definition, itemId, placeFor(one)))} />
          <Picture
            definition={definition}
            graph={graph}
            diagnostics={diagnostics}
            layout={layout}
            areas={areas}
            chosen={chosen}
            more={more}
            chosenEdge={chosenEdge}
            onChoose={choose}
            onMake={make}
            onSay={setSaid}
            onMenu={setMenu}
            onStates={(names, at) => open.states(names, at ?? ofNode(names[0] ?? null))}
          />
          <GraphSaid
            said={said}
            onUndo={() => {
              onUndo();
              setSaid(null);
            }}
          />
        </div>
      </div>
      {menu !== null && <GraphMenu opened={menu} definition={definition} graph={graph} onMake={make} onOpen={setMenu} onRename={setRenaming} onClose={() => setMenu(null)} />}
      {renaming !== null && <RenameDialog definition={definition} name={renaming} onMake={make} onClose={() => setRenaming(null)} />}
    </div>
  );
}

/** Makes edits, and says what came of the latest until something else changes the definition. */
function useEdits(definition: GraphEditorProps["definition"], onEdit: GraphEditorProps["onEdit"], onMade: (select: string | null) => void) {
  const [said, setSaid] = useState<Said | null>(null);
  const isOwn = useRef(false);
  useEffect(() => {
    if (!isOwn.current) setSaid(null);
    isOwn.current = false;
  }, [definition]);
  const make = (outcome: Change | Refused): void => {
    if (isRefused(outcome)) return setSaid({ lines: [outcome.problem], isProblem: true });
    if (outcome.edits.length > 0) {
      isOwn.current = true;
      if (!onEdit(outcome.edits, outcome.label)) {
        isOwn.current = false;
        return setSaid({ lines: ["The text is no JSON at the moment: mend it first."], isProblem: true });
      }
    }
    onMade(outcome.select);
    setSaid({ lines: outcome.notes.length > 0 ? outcome.notes : [`${outcome.label}: done.`], isProblem: false });
  };
  return { said, setSaid, make };
}

/** Gives a state the focus. One that an edit has made is drawn some frames later; until then keys are its own already. */
function useFocus(host: React.RefObject<HTMLDivElement | null>) {
  const awaited = useRef<string | null>(null);
  const focus = useCallback(
    (name: string) => {
      awaited.current = name;
      const attempt = (left: number): void => {
        if (awaited.current !== name) return;
        const node = nodeIn(host.current, name);
        if (node === null && left > 0) return void requestAnimationFrame(() => attempt(left - 1));
        node?.focus({ preventScroll: true });
        awaited.current = null;
      };
      requestAnimationFrame(() => attempt(FRAMES_MAX));
    },
    [host],
  );
  return { awaited, focus };
}

interface PictureProps extends Pick<GraphEditorProps, "definition" | "graph" | "diagnostics" | "chosen">, ReturnType<typeof useLayout> {
  readonly more: readonly string[];
  readonly chosenEdge: string | null;
  readonly onChoose: (name: string | null, others?: readonly string[], edge?: string | null) => void;
  readonly onMake: (outcome: Change | Refused) => void;
  readonly onSay: (said: Said) => void;
  readonly onMenu: (opened: Opened) => void;
  readonly onStates: (names: readonly string[], at: At | null) => void;
}

/** The states and their connections, to be dragged. */
function Picture(props: PictureProps) {
  const { definition, graph, diagnostics, layout, areas, chosen, more, chosenEdge, onChoose, onMake, onSay, onMenu, onStates } = props;
  const [drop, setDrop] = useState<Target | null>(null);
  const flow = useReactFlow();
  const isMoved = useSight(chosen, layout, areas);
  const chosenNames = useMemo(() => new Set([chosen, ...more]), [chosen, more]);
  const drawn = useDrawn(graph, layout, areas, diagnostics, chosenNames, drop?.node ?? null);
  const edges = useDrawnEdges(graph, chosenEdge, drop?.edge ?? null);
  // While a state is dragged it is where the pointer is; otherwise it is where the layout has it.
  const [nodes, setNodes] = useState(drawn);
  const dragged = useRef<string | null>(null);
  useEffect(() => setNodes((before) => (dragged.current === null ? drawn : withPosition(drawn, before, dragged.current))), [drawn]);
  const targetAt = ({ x, y }: At, without?: ReadonlySet<string>): Target => dropAt(graph, areas, flow.screenToFlowPosition({ x, y }), without);
  const edgeOf = (id: string): Edge | undefined => graph.edges.find((one) => one.id === id);
  const isChosen = (name: string): boolean => name === chosen || more.includes(name);
  return (
    <div
      className="graph"
      role="group"
      aria-label="Graph of the states"
      onDragOver={(event) => {
        if (!event.dataTransfer.types.includes(DRAGGED)) return;
        event.preventDefault();
        event.dataTransfer.dropEffect = "copy";
        setDrop(targetAt({ x: event.clientX, y: event.clientY }));
      }}
      onDragLeave={(event) => {
        if (!event.currentTarget.contains(event.relatedTarget as Node | null)) setDrop(null);
      }}
      onDrop={(event) => {
        const itemId = event.dataTransfer.getData(DRAGGED);
        setDrop(null);
        if (paletteItem(itemId) === undefined) return;
        event.preventDefault();
        onMake(addState(definition, itemId, targetAt({ x: event.clientX, y: event.clientY }).place));
      }}
    >
      <ReactFlow
        {...BEHAVIOUR}
        nodes={nodes}
        edges={edges}
        nodeTypes={NODE_TYPES}
        onlyRenderVisibleElements={graph.states.length > 80}
        onNodesChange={(changes) => {
          const moves = changes.filter((change) => change.type === "position" || change.type === "dimensions");
          if (moves.length > 0) setNodes((before) => applyNodeChanges(moves, before));
        }}
        onNodeClick={(event, { id }) => {
          const isMore = (event.shiftKey || event.ctrlKey || event.metaKey) && chosen !== null && id !== chosen;
          if (!isMore) onChoose(id);
          else onChoose(chosen, more.includes(id) ? more.filter((name) => name !== id) : [...more, id]);
        }}
        onEdgeClick={(_, { id }) => onChoose(null, [], id)}
        onPaneClick={() => onChoose(null)}
        onNodeContextMenu={(event, { id }) => {
          event.preventDefault();
          if (!isChosen(id)) onChoose(id);
          onStates(isChosen(id) ? [...chosenNames].filter((name) => name !== null) : [id], pointOf(event));
        }}
        onEdgeContextMenu={(event, { id }) => {
          event.preventDefault();
          const edge = edgeOf(id);
          if (edge === undefined) return;
          onChoose(null, [], id);
          onMenu({ kind: "edge", at: { x: event.clientX, y: event.clientY }, edge });
        }}
        onPaneContextMenu={(event) => {
          event.preventDefault();
          const at = { x: event.clientX, y: event.clientY };
          onMenu({ kind: "add", at, place: targetAt(at).place });
        }}
        onNodeDragStart={(_, { id }) => {
          dragged.current = id;
        }}
        onNodeDrag={(event, { id }) => {
          const target = targetAt(pointOf(event) ?? { x: 0, y: 0 }, withInner(graph, id));
          setDrop(target.place.kind === "alone" ? null : target);
        }}
        onNodeDragStop={(_, { id }) => {
          dragged.current = null;
          setNodes(drawn);
          setDrop(null);
          if (drop !== null) onMake(moveState(definition, id, drop.place));
        }}
        onConnect={({ source, target, sourceHandle }) => onMake(connect(definition, source, target, sourceHandle === "catch" ? { kind: "catch" } : undefined))}
        onReconnect={({ id }, { source, target }) => {
          const edge = edgeOf(id);
          if (edge === undefined) return;
          if (edge.from === source) onMake(connect(definition, source, target, { kind: edge.kind, index: edge.index }));
          else onSay({ lines: ["A connection keeps the state that it comes from; drag its end."], isProblem: true });
        }}
        onMoveStart={(event) => {
          if (event !== null) isMoved.current = true;
        }}
      >
        <Background gap={22} size={1} />
        <Controls
          showInteractive={false}
          onFitView={() => {
            isMoved.current = false;
          }}
        />
      </ReactFlow>
      {graph.states.length === 0 && (
        <p className="graph-empty">
          Drag a state here, or press <kbd>a</kbd>.
        </p>
      )}
      {drop !== null && <p className="graph-drop">{drop.text}</p>}
    </div>
  );
}

function withPosition(drawn: EditedNode[], before: readonly EditedNode[], name: string): EditedNode[] {
  const position = before.find((node) => node.id === name)?.position;
  return position === undefined ? drawn : drawn.map((node) => (node.id === name ? { ...node, position } : node));
}

function nodeIn(host: HTMLElement | null, name: string): HTMLElement | null {
  return host?.querySelector<HTMLElement>(`.react-flow__node[data-id="${CSS.escape(name)}"]`) ?? null;
}

/** Where a pointer is; a menu key has no place. */
function pointOf(event: MouseEvent | TouchEvent | React.MouseEvent | React.TouchEvent): At | null {
  if ("clientX" in event) return event.clientX === 0 && event.clientY === 0 ? null : { x: event.clientX, y: event.clientY };
  const touch = event.changedTouches[0];
  return touch === undefined ? null : { x: touch.clientX, y: touch.clientY };
}
