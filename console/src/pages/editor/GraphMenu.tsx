import type { Edge, Graph } from "../../model/definition";
import { addBranch, addState, connect, deleteStates, disconnect, duplicate, makeStart, moveAlong, targetsOf, wrap } from "../../model/edits";
import type { Change, Place, Refused } from "../../model/edits";
import { PALETTE } from "../../model/newStates";
import { retries } from "../../model/stateFields";
import { Menu } from "./Menu";
import type { MenuItem } from "./Menu";

interface At {
  readonly at: { readonly x: number; readonly y: number };
}

/** Which menu is open, where, for what. */
export type Opened = At &
  (
    | { readonly kind: "add"; readonly place: Place }
    | { readonly kind: "connect"; readonly name: string; readonly catches?: boolean }
    | { readonly kind: "state"; readonly names: readonly string[] }
    | { readonly kind: "edge"; readonly edge: Edge }
  );

interface GraphMenuProps {
  readonly opened: Opened;
  readonly definition: Readonly<Record<string, unknown>>;
  readonly graph: Graph;
  readonly onMake: (outcome: Change | Refused) => void;
  readonly onOpen: (opened: Opened) => void;
  readonly onRename: (name: string) => void;
  readonly onClose: () => void;
}

/** The menus of the graph. */
export function GraphMenu(props: GraphMenuProps) {
  const { opened, onClose } = props;
  const [label, items] = contentOf(props);
  return <Menu key={`${opened.kind}${opened.at.x}${opened.at.y}`} label={label} at={opened.at} items={items} onClose={onClose} />;
}

function contentOf({ opened, definition, graph, onMake, onOpen, onRename }: GraphMenuProps): [string, MenuItem[]] {
  switch (opened.kind) {
    case "add":
      return ["Add a state", PALETTE.map((item) => ({ label: item.title, hint: item.hint, group: item.group, act: () => onMake(addState(definition, item.id, opened.place)) }))];
    case "connect": {
      const { name, catches } = opened;
      return [
        `Where ${name} leads`,
        targetsOf(definition, name).map((target) => ({
          label: target,
          hint: graph.states.find((state) => state.name === target)?.type,
          act: () => onMake(connect(definition, name, target, catches ? { kind: "catch" } : undefined)),
        })),
      ];
    }
    case "edge": {
      const { edge, at } = opened;
      return [
        `From ${edge.from} to ${edge.to}`,
        [
          { label: "Add a state here…", act: () => onOpen({ kind: "add", at: again(at), place: { kind: "edge", from: edge.from, edge: edge.kind, index: edge.index } }) },
          { label: "Remove the connection", hint: "Delete", isDanger: true, act: () => onMake(disconnect(definition, edge.from, edge.kind, edge.index)) },
        ],
      ];
    }
    case "state":
      return [opened.names.length === 1 ? (opened.names[0] as string) : `${opened.names.length} states`, ofStates(opened.names, opened.at)];
  }

  function ofStates(names: readonly string[], at: At["at"]): MenuItem[] {
    const [name] = names;
    const state = graph.states.find((one) => one.name === name);
    const wraps: MenuItem[] = [
      { label: "Wrap in Parallel", act: () => onMake(wrap(definition, names, "Parallel")) },
      { label: "Wrap in Map", act: () => onMake(wrap(definition, names, "Map")) },
    ];
    const remove: MenuItem = { label: names.length === 1 ? "Delete" : `Delete ${names.length} states`, hint: "Delete", isDanger: true, act: () => onMake(deleteStates(definition, names)) };
    if (name === undefined || state === undefined) return [];
    if (names.length > 1) return [...wraps, remove];
    const isEnd = state.type === "Succeed" || state.type === "Fail";
    return [
      ...(isEnd ? [] : [{ label: "Add after…", hint: "a", act: () => onOpen({ kind: "add" as const, at: again(at), place: { kind: "after" as const, name } }) }]),
      { label: "Add before…", act: () => onOpen({ kind: "add", at: again(at), place: { kind: "before", name } }) },
      ...(isEnd ? [] : [{ label: "Connect to…", hint: "c", act: () => onOpen({ kind: "connect" as const, at: again(at), name }) }]),
      ...(retries(state.type) ? [{ label: "Catch errors, go to…", act: () => onOpen({ kind: "connect" as const, at: again(at), name, catches: true }) }] : []),
      ...(state.type === "Parallel" ? [{ label: "Add a branch", act: () => onMake(addBranch(definition, name)) }] : []),
      ...(state.type === "Map" ? [{ label: "Add inside…", act: () => onOpen({ kind: "add" as const, at: again(at), place: { kind: "inside" as const, owner: name, branch: 0 } }) }] : []),
      { label: "Rename…", hint: "F2", act: () => onRename(name) },
      { label: "Duplicate", hint: "d", act: () => onMake(duplicate(definition, name)) },
      { label: "Move one earlier", hint: "Alt ↑", act: () => onMake(moveAlong(definition, name, -1)) },
      { label: "Move one later", hint: "Alt ↓", act: () => onMake(moveAlong(definition, name, 1)) },
      ...(state.isStart ? [] : [{ label: "Make it the start", act: () => onMake(makeStart(definition, name)) }]),
      ...wraps,
      remove,
    ];
  }
}

/** A place beside the first one: the menu that follows is another menu. */
const again = ({ x, y }: At["at"]): At["at"] => ({ x: x + 1, y: y + 1 });
