/** A graph as an SVG that stands alone: made of where the states are, with no style sheet and nothing from elsewhere. */

import { getSmoothStepPath, Position } from "@xyflow/react";
import type { Graph } from "./definition";
import type { Box } from "./layout";
import { layOut } from "./layout";

/** Colours of a picture; `LIGHT` are those of the light theme. */
interface Colours {
  readonly ground: string;
  readonly surface: string;
  readonly raised: string;
  readonly ink: string;
  readonly quiet: string;
  readonly line: string;
  readonly edge: string;
}

const LIGHT: Colours = {
  ground: "#ffffff",
  surface: "#ffffff",
  raised: "#f0f2f4",
  ink: "#16202a",
  quiet: "#566472",
  line: "#b9c2cb",
  edge: "#93a0ac",
};

interface Picture {
  readonly svg: string;
  readonly width: number;
  readonly height: number;
}

const MARGIN = 24;
/** Of a letter of the size that names and types have, about. */
const NAME_LETTER = 6.9;
const SMALL_LETTER = 5.7;
const FONT = "ui-sans-serif, system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif";

export function pictureOf(graph: Graph, title: string, colours: Colours = LIGHT): Picture {
  const layout = layOut(graph);
  const places = placed(graph, layout.boxes);
  const width = Math.ceil(Math.max(1, ...[...places.values()].map((box) => box.x + box.width))) + 2 * MARGIN;
  const height = Math.ceil(Math.max(1, ...[...places.values()].map((box) => box.y + box.height))) + 2 * MARGIN;
  const containers = new Set(graph.states.map((state) => state.parent));
  const parts: string[] = [];
  for (const state of graph.states) {
    const box = places.get(state.name);
    if (box === undefined) continue;
    const isContainer = containers.has(state.name);
    const [x, y] = [box.x + 11, box.y];
    const cut = (text: string, letter: number): string => shortened(text, Math.floor((box.width - 22) / letter));
    parts.push(`<rect x="${box.x}" y="${box.y}" width="${box.width}" height="${box.height}" rx="8" fill="${isContainer ? colours.raised : colours.surface}" stroke="${colours.line}" stroke-width="1.5"/>`);
    const hasSubtitle = !isContainer && state.subtitle !== "";
    const top = isContainer ? y + 16 : y + (hasSubtitle ? 15 : 21);
    const type = state.isStart && state.parent === null ? `${state.type} · start` : state.type;
    parts.push(`<text x="${x}" y="${top}" font-size="10.5" fill="${colours.quiet}">${escaped(cut(type, SMALL_LETTER))}</text>`);
    parts.push(`<text x="${x}" y="${top + 16}" font-size="12.5" font-weight="600" fill="${colours.ink}">${escaped(cut(state.name, NAME_LETTER))}</text>`);
    if (hasSubtitle) parts.push(`<text x="${x}" y="${top + 30}" font-size="10.5" fill="${colours.quiet}">${escaped(cut(state.subtitle, SMALL_LETTER))}</text>`);
  }
  const labels: string[] = [];
  for (const edge of graph.edges) {
    const [from, to] = [places.get(edge.from), places.get(edge.to)];
    if (from === undefined || to === undefined) continue;
    const [path, labelX, labelY] = getSmoothStepPath({
      sourceX: from.x + from.width / 2,
      sourceY: from.y + from.height,
      sourcePosition: Position.Bottom,
      targetX: to.x + to.width / 2,
      targetY: to.y,
      targetPosition: Position.Top,
    });
    parts.push(`<path d="${path}" fill="none" stroke="${colours.edge}" stroke-width="1.4"${edge.kind === "catch" ? ' stroke-dasharray="5 4"' : ""} marker-end="url(#arrow)"/>`);
    if (edge.label === "") continue;
    const label = shortened(edge.label, 34);
    const wide = label.length * SMALL_LETTER + 8;
    labels.push(`<rect x="${labelX - wide / 2}" y="${labelY - 8}" width="${wide}" height="16" rx="3" fill="${colours.ground}"/>`);
    labels.push(`<text x="${labelX}" y="${labelY + 3.5}" font-size="10.5" text-anchor="middle" fill="${colours.quiet}">${escaped(label)}</text>`);
  }
  const svg = [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="${-MARGIN} ${-MARGIN} ${width} ${height}" font-family="${FONT}">`,
    `<title>${escaped(title)}</title>`,
    `<defs><marker id="arrow" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" orient="auto-start-reverse"><path d="M0 0 10 5 0 10Z" fill="${colours.edge}"/></marker></defs>`,
    `<rect x="${-MARGIN}" y="${-MARGIN}" width="${width}" height="${height}" fill="${colours.ground}"/>`,
    ...parts,
    ...labels,
    "</svg>",
    "",
  ].join("\n");
  return { svg, width, height };
}

/** Boxes with places in the whole, instead of in their parent. */
function placed(graph: Graph, boxes: readonly Box[]): Map<string, Box> {
  const own = new Map(boxes.map((box) => [box.name, box]));
  const parents = new Map(graph.states.map((state) => [state.name, state.parent]));
  return new Map(
    boxes.map((box) => {
      let [x, y] = [box.x, box.y];
      const seen = new Set<string>();
      for (let parent = parents.get(box.name) ?? null; parent !== null && !seen.has(parent); parent = parents.get(parent) ?? null) {
        seen.add(parent);
        x += own.get(parent)?.x ?? 0;
        y += own.get(parent)?.y ?? 0;
      }
      return [box.name, { ...box, x, y }];
    }),
  );
}

const shortened = (text: string, most: number): string => (text.length > most ? `${text.slice(0, Math.max(1, most - 1))}…` : text);

function escaped(text: string): string {
  const names: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&apos;" };
  // Control characters cannot stand in XML, not even as entities.
  return text.replace(/[\u0000-\u001f\ufffe\uffff]/g, " ").replace(/[&<>"']/g, (letter) => names[letter] ?? letter);
}
