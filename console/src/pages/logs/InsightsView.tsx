import { useMutation } from "@tanstack/react-query";
import { useEffect, useMemo, useRef, useState } from "react";
import { ApiError } from "../../api/call";
import { runInsights } from "../../api/logs";
import type { InsightsAnswer } from "../../api/logs";
import { queryLine } from "../../model/commands";
import { readAnswer } from "../../model/insights";
import type { InsightsRow } from "../../model/insights";
import { Dialog } from "../../ui/Dialog";
import { Icon } from "../../ui/Icon";
import { submitOnCtrlEnter } from "../../ui/keys";
import { CopyButton, Empty, ErrorNote, Pair } from "../../ui/parts";
import { Rows } from "../../ui/Rows";
import type { Column } from "../../ui/Rows";
import type { ChosenTime } from "../../ui/TimeRange";
import { useQueryState } from "../../ui/useQueryState";

const FIRST_QUERY = "fields @timestamp, @message\n| sort @timestamp desc\n| limit 200";

const EXAMPLES: readonly (readonly [name: string, query: string])[] = [
  ["The latest lines", FIRST_QUERY],
  ["Errors by minute", "filter @message like /ERROR/\n| stats count(*) as errors by bin(1m) as minute\n| sort minute"],
  ["Slowest invocations", 'filter @type = "REPORT"\n| fields @requestId, @duration, @maxMemoryUsed\n| sort @duration desc\n| limit 20'],
  ["Durations", 'filter @type = "REPORT"\n| stats count(*) as runs, avg(@duration) as mean, pct(@duration, 99) as p99, max(@duration) as longest'],
  ["Values of a JSON field", "stats count(*) as lines by level\n| sort lines desc"],
];

/** A query of Logs Insights, and what it gives as a table. */
export function InsightsView({ groups, time }: { groups: readonly string[]; time: ChosenTime }) {
  const [get, set] = useQueryState();
  const asked = get("query") ?? "";
  const [text, setText] = useState(asked || FIRST_QUERY);
  const [partial, setPartial] = useState<InsightsAnswer | null>(null);
  const abort = useRef<AbortController | null>(null);
  const run = useMutation({
    mutationFn: (query: string) => {
      abort.current?.abort();
      abort.current = new AbortController();
      setPartial(null);
      return runInsights({ query, groups, from: time.from, to: time.to }, setPartial, abort.current.signal);
    },
  });
  const begin = (): void => {
    set({ query: text });
    run.mutate(text);
  };
  // A link shows its result; a page that is left asks no more.
  const begun = useRef(false);
  const mutate = run.mutate;
  useEffect(() => {
    if (asked !== "" && !begun.current) mutate(asked);
    begun.current = true;
  }, [asked, mutate]);
  useEffect(() => () => abort.current?.abort(), []);
  const isStopped = run.error instanceof DOMException;
  const answer = run.data ?? (run.isPending ? partial : null);
  return (
    <div className="log-search">
      <form
        className="log-search"
        onSubmit={(event) => {
          event.preventDefault();
          begin();
        }}
      >
        <textarea
          className="query-field"
          aria-label="Query"
          spellCheck={false}
          rows={5}
          value={text}
          onChange={(event) => setText(event.target.value)}
          onKeyDown={submitOnCtrlEnter}
        />
        <div className="field-line">
          <button type="submit" className="button is-main" disabled={run.isPending} title="Ctrl Enter">
            <Icon name="play" size={13} /> Run query
          </button>
          {run.isPending && (
            <button type="button" className="button" onClick={() => abort.current?.abort()}>
              <Icon name="stop" size={13} /> Stop
            </button>
          )}
          <select aria-label="Example queries" value="" onChange={(event) => setText(EXAMPLES[Number(event.target.value)]?.[1] ?? text)}>
            <option value="">Examples</option>
            {EXAMPLES.map(([name], index) => (
              <option key={name} value={index}>
                {name}
              </option>
            ))}
          </select>
          <CopyButton text={queryLine(window.location.origin, text, groups, time.from, time.to)} label="Copy as a line for the terminal">
            CLI
          </CopyButton>
          {answer && (
            <span className="quiet" role="status">
              {run.isPending ? "Running" : answer.status}: {(answer.statistics.recordsMatched ?? 0).toLocaleString("en")} of{" "}
              {(answer.statistics.recordsScanned ?? 0).toLocaleString("en")} lines match
            </span>
          )}
        </div>
      </form>
      {run.error && !isStopped && <QueryError error={run.error} query={run.variables ?? ""} />}
      {isStopped && <p className="quiet">Stopped.</p>}
      {answer && !run.error && <Result answer={answer} isPending={run.isPending} />}
    </div>
  );
}

/** What is wrong with a query, and where in it. */
function QueryError({ error, query }: { error: Error; query: string }) {
  const place = error instanceof ApiError ? (error.body["queryCompileError"] as { location?: { startCharOffset?: number; endCharOffset?: number }; message?: string } | undefined) : undefined;
  const start = place?.location?.startCharOffset;
  if (start === undefined) return <ErrorNote error={error} />;
  const letters = [...query];
  const end = Math.max(start + 1, place?.location?.endCharOffset ?? start + 1);
  return (
    <div role="alert">
      <p className="field-error">{place?.message ?? error.message}</p>
      <pre className="query-place" aria-label="Where it is wrong">
        {letters.slice(0, start).join("")}
        <mark>{letters.slice(start, end).join("") || " "}</mark>
        {letters.slice(end).join("")}
      </pre>
    </div>
  );
}

function Result({ answer, isPending }: { answer: InsightsAnswer; isPending: boolean }) {
  const [opened, setOpened] = useState<InsightsRow | null>(null);
  const table = useMemo(() => readAnswer(answer.rows), [answer.rows]);
  const columns = useMemo<Column<InsightsRow>[]>(
    () =>
      table.fields.map((field, index) => ({
        id: field.name,
        title: field.name,
        width: field.name === "@message" ? "minmax(0, 4fr)" : field.name === "@timestamp" ? "176px" : "minmax(0, 1fr)",
        isNumber: field.isNumber,
        isMinor: index > 2,
        cell: (row) => <span className="mono">{row.values[index]}</span>,
      })),
    [table],
  );
  if (table.rows.length === 0) {
    if (isPending) return null;
    if (answer.status !== "Complete") return <ErrorNote error={new Error(`The query ended without a result: ${answer.status}`)} />;
    return (
      <Empty title="The query gives no rows" icon="search">
        <p>Nothing of these groups in this time passes it.</p>
      </Empty>
    );
  }
  return (
    <>
      <Rows label="Result" rows={table.rows} columns={columns} rowHeight={30} keyOf={(row) => row.id} onOpen={setOpened} />
      <p className="foot quiet">
        {table.rows.length.toLocaleString("en")} {table.rows.length === 1 ? "row" : "rows"}
        {table.hasInstants && "; instants are in UTC"}
      </p>
      {opened && (
        <Dialog title="Row" onClose={() => setOpened(null)}>
          <dl className="pairs">
            {table.fields.map((field, index) => (
              <Pair key={field.name} name={<code>{field.name}</code>}>
                <span className="mono">{opened.values[index]}</span>
              </Pair>
            ))}
          </dl>
        </Dialog>
      )}
    </>
  );
}
