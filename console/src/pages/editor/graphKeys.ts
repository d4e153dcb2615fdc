/** The keys of the graph: what each does is said by whoever has the graph. */

import { useRef } from "react";
import type { Direction } from "../../model/dropTarget";
import { isTyping } from "../../ui/keys";

/** What keys do; `name` is the state that has the focus, else the one that is chosen. */
interface KeyCommands {
  /** Of a name, whether it is a state's. */
  readonly known: (name: string | null) => name is string;
  /** A state that is about to have the focus. */
  readonly awaited: () => string | null;
  readonly chosen: string | null;
  readonly go: (name: string | null, direction: Direction) => void;
  readonly move: (name: string, by: -1 | 1) => void;
  readonly choose: (name: string) => void;
  readonly add: (name: string | null) => void;
  readonly connect: (name: string) => void;
  readonly more: (name: string) => void;
  readonly duplicate: (name: string) => void;
  readonly rename: (name: string) => void;
  /** `false` if there is nothing to delete, or to let go. */
  readonly remove: (name: string | null) => boolean;
  readonly letGo: () => boolean;
}

const ARROWS: Readonly<Record<string, Direction>> = { ArrowUp: "up", ArrowDown: "down", ArrowLeft: "left", ArrowRight: "right" };
/** Time for a letter after `g`, which goes to another page. */
const SEQUENCE_MS = 1_200;

export function useGraphKeys(commands: KeyCommands): (event: React.KeyboardEvent) => void {
  const leader = useRef<number | null>(null);
  return (event) => {
    if (event.ctrlKey || event.metaKey || isTyping(event.target)) return;
    const target = event.target as HTMLElement;
    const focused = commands.awaited() ?? target.closest<HTMLElement>(".react-flow__node")?.dataset["id"] ?? null;
    const name = [focused, commands.chosen].find(commands.known) ?? null;
    const arrow = ARROWS[event.key];
    const isSequence = leader.current !== null && event.timeStamp - leader.current < SEQUENCE_MS;
    leader.current = event.key === "g" ? event.timeStamp : null;
    if (arrow !== undefined) {
      // In the palette they scroll.
      if (target.closest(".state-palette") !== null) return;
      if (!event.altKey) commands.go(name, arrow);
      else if (name !== null && (arrow === "up" || arrow === "down")) commands.move(name, arrow === "up" ? -1 : 1);
    } else if (event.altKey || isSequence || !act(event.key, name, focused, commands)) return;
    event.preventDefault();
    event.stopPropagation();
  };
}

/** Whether the key did something. */
function act(key: string, name: string | null, focused: string | null, commands: KeyCommands): boolean {
  if (key === "a") commands.add(name);
  else if (key === "Delete" || key === "Backspace") return commands.remove(name);
  else if (key === "Escape") return commands.letGo();
  else if (key === "Enter" || key === " ") {
    if (focused === null) return false;
    commands.choose(focused);
  } else if (name === null) return false;
  else if (key === "c") commands.connect(name);
  else if (key === "m") commands.more(name);
  else if (key === "d") commands.duplicate(name);
  else if (key === "F2" || key === "r") commands.rename(name);
  else return false;
  return true;
}
