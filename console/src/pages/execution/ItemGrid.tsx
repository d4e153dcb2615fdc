import { useCallback, useMemo } from "react";
import type { Graph } from "../../model/definition";
import type { HistoryEvent, Outcome, Run, Visit } from "../../model/history";
import { branchesOf, heatBounds, heatOf, isShown, itemsOf } from "../../model/iterations";
import type { CellFilter, Item } from "../../model/iterations";
import { outcomeLook } from "../../model/status";
import { durationText } from "../../model/time";
import { CellGrid, CellLegend } from "../../ui/CellGrid";
import type { Cell } from "../../ui/CellGrid";
import { Choice } from "../../ui/Choice";
import type { Option } from "../../ui/Choice";
import { useQueryState } from "../../ui/useQueryState";

const FILTERS: readonly (readonly [CellFilter, string])[] = [
  ["all", "All"],
  ["failed", "Failed"],
  ["running", "Running"],
  ["aborted", "Aborted"],
  ["succeeded", "Succeeded"],
];

/** The items of a Map, or the branches of a Parallel, as cells: how each ended, and how long it took. */
export function ItemGrid({ visit, run, events, graph, now, chosen, onChoose }: {
  visit: Visit;
  run: Run;
  events: readonly HistoryEvent[];
  graph: Graph | null;
  now: number;
  /** The visit that is chosen, which may be inside of an item. */
  chosen: Visit | undefined;
  onChoose: (visit: number) => void;
}) {
  const [get, set] = useQueryState();
  const items = useMemo(() => (visit.type === "Map" ? itemsOf(run, events, visit) : graph === null ? [] : branchesOf(run, graph, visit)), [visit, run, events, graph]);
  const filter = (FILTERS.find(([id]) => id === get("items"))?.[0] ?? "all") satisfies CellFilter;
  const byIndex = useMemo(() => new Map(items.map((item) => [item.index, item])), [items]);
  const shown = useMemo(() => items.filter((item) => isShown(item.outcome, filter)).map((item) => item.index), [items, filter]);
  const bounds = useMemo(() => heatBounds(items.filter((item) => item.endedAt !== null).map(took(0)).sort((a, b) => a - b)), [items]);
  const cellAt = useCallback(
    (index: number): Cell => {
      const item = byIndex.get(index);
      if (item === undefined) return { outcome: "none", heat: null, title: `Item ${index}, not begun` };
      const duration = took(now)(item);
      return { outcome: item.outcome, heat: item.endedAt === null ? null : heatOf(duration, bounds), title: titleOf(item, duration) };
    },
    [byIndex, bounds, now],
  );
  if (items.length === 0) return null;
  const counts = new Map<Outcome, number>();
  for (const item of items) counts.set(item.outcome, (counts.get(item.outcome) ?? 0) + 1);
  const what = visit.type === "Map" ? "Items" : "Branches";
  return (
    <section aria-label={`${what} of ${visit.name}`}>
      <h3>
        {what} <span className="count">{items.length.toLocaleString("en")}</span>
      </h3>
      {counts.size > 1 && (
        <Choice
          label={`Which ${what.toLowerCase()}`}
          options={FILTERS.filter(([id]) => id === "all" || counts.has(id)).map(([id, text]): Option<CellFilter> => [
            id,
            <>
              {text} {id !== "all" && <span className="number">{counts.get(id)?.toLocaleString("en")}</span>}
            </>,
          ])}
          chosen={filter}
          onChoose={(id) => set({ items: id === "all" ? null : id })}
        />
      )}
      <CellGrid
        label={`${what} of ${visit.name}`}
        shown={shown}
        cellAt={cellAt}
        chosen={itemOf(run, visit, chosen, items)}
        onOpen={(index) => {
          const inside = byIndex.get(index)?.visit;
          if (inside !== null && inside !== undefined) onChoose(inside);
        }}
      />
      <CellLegend outcomes={[...counts.keys()]} bounds={bounds[0] === bounds.at(-1) ? [] : bounds.map(durationText)} />
    </section>
  );
}

const took = (now: number) => (item: Item): number => Math.max(0, (item.endedAt ?? now) - item.startedAt);

const titleOf = (item: Item, duration: number): string =>
  `${item.title}: ${outcomeLook(item.outcome).text.toLowerCase()}${item.error ? ` with ${item.error}` : ""}, ${durationText(duration)}`;

/** The item that a visit is in. */
function itemOf(run: Run, container: Visit, chosen: Visit | undefined, items: readonly Item[]): number | null {
  for (let at = chosen; at !== undefined; at = at.parent === null ? undefined : run.visits[at.parent]) {
    if (at.parent !== container.index) continue;
    if (container.type === "Map") return at.iteration;
    const name = at.index;
    return items.find((item) => item.visit === name)?.index ?? null;
  }
  return null;
}
