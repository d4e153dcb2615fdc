import { useQuery } from "@tanstack/react-query";
import { useMemo, useState } from "react";
import { seriesQuery } from "../../api/metrics";
import { labelOf, metricLine, nextId, periodFor, PERIODS, queriesOf, readMetrics, STATISTICS, writeMetrics } from "../../model/metrics";
import type { Graphed } from "../../model/metrics";
import { periodText } from "../../model/alarms";
import { Icon } from "../../ui/Icon";
import { Key, MetricChart } from "../../ui/MetricChart";
import { CopyButton, Empty, ErrorNote, useTitle } from "../../ui/parts";
import { TimeRangePicker, useLiveRange, useTimeRange } from "../../ui/TimeRange";
import { useQueryState } from "../../ui/useQueryState";
import { AddToDashboard } from "./AddToDashboard";
import { Browse } from "./Browse";

/** AWS: a graph of the console has as many as 500; nobody tells more than some tens apart. */
const GRAPHED_MAX = 100;

/** Metrics to choose from, and those that were chosen as a graph; all of it is in the address. */
export default function MetricsPage() {
  useTitle("Metrics");
  const [get, set] = useQueryState();
  const time = useTimeRange("3h");
  const [isAdding, setAdding] = useState(false);
  const written = get("metrics");
  const { graphed, problems } = useMemo(() => readMetrics(parsed(written)), [written]);
  const stat = get("stat") ?? "Average";
  const chosenPeriod = Number(get("period"));
  const period = PERIODS.find((one) => one === chosenPeriod) ?? periodFor(time.from, time.to, Date.now());
  const defaults = useMemo(() => ({ stat, period }), [stat, period]);
  const queries = useMemo(() => queriesOf(graphed, defaults), [graphed, defaults]);
  const isStacked = get("stacked") === "1";
  const found = useQuery(seriesQuery({ queries, graphed, defaults, from: time.from, to: time.to }));
  useLiveRange(time.refresh, time.range.kind === "relative" && graphed.length > 0, Math.max(5_000, Math.min(60_000, period * 1_000)));
  const change = (next: readonly Graphed[]): void => set({ metrics: next.length === 0 ? null : JSON.stringify(writeMetrics(next.slice(0, GRAPHED_MAX))) });
  const series = found.data ?? [];
  const hasShown = graphed.some((one) => one.isVisible);
  return (
    <main className="page">
      <div className="page-head">
        <h1>Metrics</h1>
        <TimeRangePicker time={time} isRefreshing={found.isFetching} />
      </div>
      {graphed.length > 0 && (
        <section className="card" aria-label="Graph">
          <div className="field-line">
            <label className="field-name">
              Statistic
              <select value={stat} onChange={(event) => set({ stat: event.target.value === "Average" ? null : event.target.value })}>
                {[...new Set([stat, ...STATISTICS])].map((one) => (
                  <option key={one}>{one}</option>
                ))}
              </select>
            </label>
            <label className="field-name">
              Period
              <select value={get("period") ?? ""} onChange={(event) => set({ period: event.target.value })}>
                <option value="">Automatic ({periodText(periodFor(time.from, time.to, Date.now()))})</option>
                {PERIODS.map((one) => (
                  <option key={one} value={one}>
                    {periodText(one)}
                  </option>
                ))}
              </select>
            </label>
            <label className="field-check">
              <input type="checkbox" checked={isStacked} onChange={() => set({ stacked: isStacked ? null : "1" })} /> Stacked
            </label>
            <span className="space" />
            <button type="button" className="button" onClick={() => setAdding(true)}>
              <Icon name="plus" size={13} /> Add to dashboard
            </button>
            <CopyButton text={metricLine(window.location.origin, queries, time.from, time.to)} label="Copy as a line for the AWS CLI">
              CLI
            </CopyButton>
            <button type="button" className="button" onClick={() => set({ metrics: null })}>
              Clear
            </button>
          </div>
          {found.error && <ErrorNote error={found.error} onRetry={() => void found.refetch()} />}
          <MetricChart
            series={hasShown ? series : []}
            from={time.from}
            to={time.to}
            label="Chosen metrics"
            isStacked={isStacked}
            hasLegend={series.length > graphed.length}
            onRange={(from, to) => time.set({ kind: "absolute", from, to })}
          />
          {problems.length > 0 && <p className="field-error">Not shown: {problems.join("; ")}</p>}
          <GraphedTable graphed={graphed} shown={series.map((one) => one.id)} stat={stat} onChange={change} />
        </section>
      )}
      <Browse
        graphed={graphed}
        isFull={graphed.length >= GRAPHED_MAX}
        onChange={change}
        empty={graphed.length === 0 ? null : <Empty title="No metric has this name" icon="search" />}
      />
      {isAdding && <AddToDashboard graph={{ graphed, stat, period, isStacked }} onClose={() => setAdding(false)} />}
    </main>
  );
}

function parsed(text: string | null): unknown {
  try {
    return JSON.parse(text ?? "[]");
  } catch {
    return [];
  }
}

/** What is graphed: how each is shown, and metric math over them. */
function GraphedTable({ graphed, shown, stat, onChange }: { graphed: readonly Graphed[]; shown: readonly string[]; stat: string; onChange: (next: readonly Graphed[]) => void }) {
  const [expression, setExpression] = useState("");
  const edit = (id: string, changes: Partial<Graphed>): void => onChange(graphed.map((one) => (one.id === id ? { ...one, ...changes } : one)));
  const add = (): void => {
    const text = expression.trim();
    if (text === "") return;
    onChange([
      ...graphed,
      { id: nextId(graphed, "e"), kind: "expression", namespace: "", name: "", dimensions: [], expression: text, label: null, stat: null, period: null, axis: "left", isVisible: true },
    ]);
    setExpression("");
  };
  return (
    <>
      <div className="table-frame" tabIndex={0} role="group" aria-label="What is graphed">
        <table className="plain-table">
          <thead>
            <tr>
              <th scope="col">Shown</th>
              <th scope="col">Id</th>
              <th scope="col">What</th>
              <th scope="col">Label</th>
              <th scope="col">Statistic</th>
              <th scope="col">Axis</th>
              <th scope="col">
                <span className="visually-hidden">Remove</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {graphed.map((one) => {
              const name = labelOf(one, stat);
              return (
                <tr key={one.id}>
                  <td className="graphed-shown">
                    <input type="checkbox" aria-label={`Show ${name}`} checked={one.isVisible} onChange={() => edit(one.id, { isVisible: !one.isVisible })} />
                    {shown.includes(one.id) && one.isVisible && <Key index={shown.indexOf(one.id)} />}
                  </td>
                  <td className="graphed-shown">
                    <code>{one.id}</code>
                  </td>
                  <td>
                    {one.kind === "expression" ? (
                      <Editable label={`Expression ${one.id}`} value={one.expression} onChange={(text) => text && edit(one.id, { expression: text })} />
                    ) : (
                      <>
                        <span className="strong">{one.name}</span> <span className="quiet">{one.namespace}</span>
                        <br />
                        <span className="quiet graphed-about">{one.dimensions.map(([key, value]) => `${key}=${value}`).join(", ")}</span>
                      </>
                    )}
                  </td>
                  <td>
                    <Editable label={`Label of ${one.id}`} value={one.label ?? ""} placeholder={name} onChange={(text) => edit(one.id, { label: text || null })} />
                  </td>
                  <td>
                    {one.kind === "metric" && (
                      <select aria-label={`Statistic of ${one.id}`} value={one.stat ?? ""} onChange={(event) => edit(one.id, { stat: event.target.value || null })}>
                        <option value="">{stat}</option>
                        {[...new Set([...(one.stat ? [one.stat] : []), ...STATISTICS])].map((name) => (
                          <option key={name} value={name}>
                            {name}
                          </option>
                        ))}
                      </select>
                    )}
                  </td>
                  <td>
                    <button type="button" className="button" onClick={() => edit(one.id, { axis: one.axis === "left" ? "right" : "left" })} aria-label={`Axis of ${one.id}: ${one.axis}`}>
                      {one.axis}
                    </button>
                  </td>
                  <td>
                    <button type="button" className="icon-button" aria-label={`Remove ${one.id}`} onClick={() => onChange(graphed.filter((other) => other.id !== one.id))}>
                      <Icon name="cross" size={12} />
                    </button>
                  </td>
                </tr>
              );
            })}
          </tbody>
        </table>
      </div>
      <form
        className="field-line"
        onSubmit={(event) => {
          event.preventDefault();
          add();
        }}
      >
        <label className="wide-field">
          <Icon name="plus" size={13} />
          <input aria-label="Metric math" spellCheck={false} autoComplete="off" placeholder="Metric math: 100 * m2 / m1   RATE(m1)   SUM(METRICS())" value={expression} onChange={(event) => setExpression(event.target.value)} />
        </label>
        <button type="submit" className="button" disabled={expression.trim() === ""}>
          Add math
        </button>
      </form>
    </>
  );
}

/** A text that is taken with Enter or when the field is left. */
function Editable({ label, value, placeholder = "", onChange }: { label: string; value: string; placeholder?: string; onChange: (text: string) => void }) {
  const [text, setText] = useState<string | null>(null);
  const take = (): void => {
    if (text !== null && text.trim() !== value) onChange(text.trim());
    setText(null);
  };
  return (
    <input
      type="text"
      className="quiet-field"
      aria-label={label}
      placeholder={placeholder}
      value={text ?? value}
      onChange={(event) => setText(event.target.value)}
      onBlur={take}
      onKeyDown={(event) => event.key === "Enter" && take()}
    />
  );
}
