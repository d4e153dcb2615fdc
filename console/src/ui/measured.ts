import { Position } from "@xyflow/react";
import type { NodeHandle } from "@xyflow/react";
import type { Box } from "../model/layout";

/** Larger graphs are drawn as far as they are seen. */
export const ALL_DRAWN_MAX = 80;

/** What the drawing library would measure of a state: told to it, it need not draw all of a large graph to learn it. */
export interface Measured {
  readonly measured: { readonly width: number; readonly height: number };
  readonly handles: NodeHandle[];
}

export function measuredOf(boxes: readonly Box[]): ReadonlyMap<string, Measured> {
  if (boxes.length <= ALL_DRAWN_MAX) return new Map();
  const size = { width: 1, height: 1 };
  return new Map(
    boxes.map(({ name, width, height }) => [
      name,
      {
        measured: { width, height },
        handles: [
          { type: "target", position: Position.Top, x: width / 2, y: 0, ...size },
          { type: "source", position: Position.Bottom, x: width / 2, y: height - 1, ...size },
          // The handles that an editor has by name.
          { id: "next", type: "source", position: Position.Bottom, x: width / 2, y: height - 1, ...size },
          { id: "catch", type: "source", position: Position.Right, x: width - 1, y: height / 2, ...size },
        ],
      },
    ]),
  );
}
