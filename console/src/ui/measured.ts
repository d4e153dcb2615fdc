import { Position } from "@xyflow/react";
import type { NodeHandle } from "@xyflow/react";
import type { Box } from "../model/layout";

/** Larger graphs are drawn as far as they are seen. */
export const ALL_DRAWN_MAX = 80;

/** What the drawing library would measure of a state: told to it, it draws edges at once and no state to measure it. */
interface Measured {
  readonly measured: { readonly width: number; readonly height: number };
  readonly handles: NodeHandle[];
}

/** One of the sides that edges end and begin at. */
export interface Side {
  readonly id?: string;
  readonly type: "source" | "target";
  readonly side: "top" | "bottom" | "right";
}

const SIDES: readonly Side[] = [
  { type: "target", side: "top" },
  { type: "source", side: "bottom" },
];

/** `dot`: how large a handle is drawn; its middle is on the border of the state. */
export function measuredOf({ width, height }: Box, dot: number, sides: readonly Side[] = SIDES): Measured {
  const places = {
    top: { position: Position.Top, x: width / 2, y: 0 },
    bottom: { position: Position.Bottom, x: width / 2, y: height },
    right: { position: Position.Right, x: width, y: height / 2 },
  };
  return {
    measured: { width, height },
    handles: sides.map(({ id, type, side }) => {
      const { position, x, y } = places[side];
      return { ...(id === undefined ? {} : { id }), type, position, x: x - dot / 2, y: y - dot / 2, width: dot, height: dot };
    }),
  };
}
