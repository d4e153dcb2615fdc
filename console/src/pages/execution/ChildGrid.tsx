import { useQueries, useQuery } from "@tanstack/react-query";
import { useCallback, useMemo } from "react";
import type { ReactNode } from "react";
import { Link } from "wouter";
import { CELL_PAGES_MAX, CELLS_A_PAGE, cellsQuery, mapChildQuery } from "../../api/executions";
import { executionPath } from "../../model/arn";
import { cellsOf, cellTitle, countsOf, durationAt, indicesOf, outcomeAt, sortedDurations } from "../../model/childCells";
import type { Outcome } from "../../model/history";
import { heatBounds, heatOf } from "../../model/iterations";
import { durationText } from "../../model/time";
import { CellGrid, CellLegend } from "../../ui/CellGrid";
import type { Cell } from "../../ui/CellGrid";
import { Choice } from "../../ui/Choice";
import type { Option } from "../../ui/Choice";
import { CutNote, Duration, ErrorNote, Fact, StatusPill, Waiting } from "../../ui/parts";
import { useQueryState } from "../../ui/useQueryState";

/** How often the standing of children is read while their run goes on. */
const CELLS_MS = 1_500;

const FILTERS: readonly (readonly [Outcome | "none", string])[] = [
  ["failed", "Failed"],
  ["running", "Running"],
  ["aborted", "Aborted"],
  ["succeeded", "Succeeded"],
  ["none", "Not begun"],
];

/** Every child of a map run as a cell: how it stands, and how long it took. */
export default function ChildGrid({ mapRunArn, isRunning }: { mapRunArn: string; isRunning: boolean }) {
  const [get, set] = useQueryState();
  const refetchInterval = isRunning ? CELLS_MS : false;
  const first = useQuery({ ...cellsQuery(mapRunArn, 0), refetchInterval });
  const run = first.data?.at(-1);
  const children = run?.children ?? 0;
  const pages = Math.min(CELL_PAGES_MAX, Math.ceil(children / CELLS_A_PAGE));
  const rest = useQueries({
    queries: Array.from({ length: Math.max(0, pages - 1) }, (_, at) => ({ ...cellsQuery(mapRunArn, at + 1), refetchInterval })),
    combine: (found) => ({ pages: found.flatMap((one) => one.data ?? []), error: found.find((one) => one.error)?.error ?? null }),
  });
  const cells = useMemo(() => cellsOf([...(first.data ?? []), ...rest.pages]), [first.data, rest.pages]);
  const counts = useMemo(() => countsOf(cells), [cells]);
  const filter = FILTERS.find(([id]) => id === get("cells"))?.[0] ?? null;
  const shown = useMemo(() => indicesOf(cells, filter), [cells, filter]);
  const bounds = useMemo(() => heatBounds(sortedDurations(cells)), [cells]);
  const itemsPerChild = run?.itemsPerChild ?? null;
  const cellAt = useCallback(
    (index: number): Cell => {
      const duration = durationAt(cells, index);
      return { outcome: outcomeAt(cells, index), heat: duration === null ? null : heatOf(duration, bounds), title: cellTitle(cells, index, itemsPerChild) };
    },
    [cells, bounds, itemsPerChild],
  );
  const chosen = /^\d{1,9}$/.test(get("child") ?? "") ? Number(get("child")) : null;
  const error = first.error ?? rest.error;
  if (error && children === 0) return <ErrorNote error={error} onRetry={() => void first.refetch()} />;
  if (first.isPending) return <Waiting what="the children" />;
  const isOne = itemsPerChild === null || itemsPerChild === 1;
  return (
    <section aria-label="Children as cells" className="child-grid">
      {error && <ErrorNote error={error} />}
      <div className="filters">
        <Choice<Outcome | "none" | null>
          label="Which children"
          options={[
            [null, counted("All", cells.statuses.length)],
            ...FILTERS.flatMap(([id, text]): Option<Outcome | "none">[] => (counts.has(id) ? [[id, counted(text, counts.get(id) ?? 0)]] : [])),
          ]}
          chosen={filter}
          onChoose={(cells) => set({ cells })}
        />
        <form
          className="go-to"
          onSubmit={(event) => {
            event.preventDefault();
            const wanted = new FormData(event.currentTarget).get("index");
            if (typeof wanted === "string" && Number(wanted) < cells.statuses.length) set({ child: wanted, cells: null });
          }}
        >
          <label>
            {isOne ? "Item" : "Child"} <input name="index" type="number" min={0} max={Math.max(0, cells.statuses.length - 1)} required />
          </label>
          <button type="submit" className="button">
            Go
          </button>
        </form>
      </div>
      {shown.length === 0 ? (
        <p className="quiet">{cells.statuses.length === 0 ? "No child has begun yet." : "No child stands so."}</p>
      ) : (
        <CellGrid label="Children" shown={shown} cellAt={cellAt} chosen={chosen} onOpen={(index) => set({ child: String(index) })} />
      )}
      <CellLegend
        outcomes={[...counts.keys()].filter((outcome) => outcome !== "none")}
        bounds={bounds.length === 0 || bounds[0] === bounds.at(-1) ? [] : bounds.map(durationText)}
      />
      {children > CELL_PAGES_MAX * CELLS_A_PAGE && <CutNote count={CELL_PAGES_MAX * CELLS_A_PAGE} what="children" />}
      {chosen !== null && chosen < cells.statuses.length && <Child mapRunArn={mapRunArn} index={chosen} isOne={isOne} isRunning={isRunning} onClose={() => set({ child: null })} />}
    </section>
  );
}

const counted = (text: string, count: number): ReactNode => (
  <>
    {text} <span className="number">{count.toLocaleString("en")}</span>
  </>
);

/** The child that a cell stands for. */
function Child({ mapRunArn, index, isOne, isRunning, onClose }: { mapRunArn: string; index: number; isOne: boolean; isRunning: boolean; onClose: () => void }) {
  const found = useQuery({ ...mapChildQuery(mapRunArn, index), refetchInterval: (query) => (isRunning && query.state.data?.status === "RUNNING" ? CELLS_MS : false) });
  const child = found.data;
  return (
    <section className="child" aria-label={`${isOne ? "Item" : "Child"} ${index}`}>
      {found.error ? (
        <ErrorNote error={found.error} />
      ) : child === undefined ? (
        <Waiting what="the child" />
      ) : child === null ? (
        <p className="quiet">Nothing is kept of it.</p>
      ) : (
        <dl className="facts">
          <Fact name={isOne ? "Item" : "Child"}>{index.toLocaleString("en")}</Fact>
          {!isOne && (
            <Fact name="Items">
              {child.firstItem.toLocaleString("en")} to {(child.firstItem + child.items - 1).toLocaleString("en")}
            </Fact>
          )}
          <Fact name="Status">
            <StatusPill status={child.status} />
          </Fact>
          {child.startDate !== undefined && (
            <Fact name="Duration">
              <Duration from={child.startDate * 1000} to={child.stopDate === undefined ? null : child.stopDate * 1000} />
            </Fact>
          )}
          {child.error !== undefined && (
            <Fact name="Error">
              <strong>{child.error}</strong> {child.cause}
            </Fact>
          )}
          <Fact name="Execution">
            {child.executionArn === null ? (
              <span className="quiet">Express: nothing is kept of it</span>
            ) : (
              <Link href={executionPath(child.executionArn)}>{child.name ?? "open"}</Link>
            )}
          </Fact>
        </dl>
      )}
      <button type="button" className="button is-small" onClick={onClose}>
        Close
      </button>
    </section>
  );
}
