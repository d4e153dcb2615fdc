import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { Fragment, useEffect, useMemo, useRef, useState } from "react";
import type { ReactNode } from "react";
import { Link } from "wouter";
import { runInsights } from "../../api/logs";
import { alarmsNamedQuery, seriesQuery } from "../../api/metrics";
import { alarmPath, withQuery } from "../../model/arn";
import { valueText } from "../../model/chart";
import type { MetricWidget, Widget } from "../../model/dashboard";
import { readAnswer } from "../../model/insights";
import { readMarkdown } from "../../model/markdown";
import type { Block, Inline } from "../../model/markdown";
import { queriesOf, writeMetrics } from "../../model/metrics";
import { rangeQuery } from "../../model/timeRange";
import { Icon } from "../../ui/Icon";
import { Key, MetricChart } from "../../ui/MetricChart";
import { ErrorNote, Time, Waiting } from "../../ui/parts";
import type { ChosenTime } from "../../ui/TimeRange";
import { AlarmPill } from "../alarms/parts";

/** Rows of a query that a widget draws. */
const ROWS_MAX = 100;

export function WidgetView({ widget, time }: { widget: Widget; time: ChosenTime }) {
  switch (widget.kind) {
    case "metric":
      return <Metrics widget={widget} time={time} />;
    case "text":
      return <Markdown text={widget.markdown} />;
    case "alarm":
      return <Alarms names={widget.names} />;
    case "log":
      return <LogQuery groups={widget.groups} query={widget.query} time={time} />;
    case "unknown":
      return <p className="quiet">Not shown here: {widget.what}.</p>;
  }
}

function Metrics({ widget, time }: { widget: MetricWidget; time: ChosenTime }) {
  const defaults = useMemo(() => ({ stat: widget.stat, period: widget.period }), [widget]);
  const queries = useMemo(() => queriesOf(widget.graphed, defaults), [widget, defaults]);
  const found = useQuery(seriesQuery({ queries, graphed: widget.graphed, defaults, from: time.from, to: time.to }));
  const body = useRef<HTMLDivElement>(null);
  const height = useHeight(body);
  const explorer = withQuery("/metrics", {
    ...rangeQuery(time.range, "3h"),
    metrics: JSON.stringify(writeMetrics(widget.graphed)),
    stat: widget.stat,
    period: String(widget.period),
    stacked: widget.isStacked ? "1" : null,
  });
  const series = found.data ?? [];
  return (
    <>
      <Link className="widget-link" href={explorer} title="Open in the metrics explorer">
        <Icon name="metric" size={13} />
        <span className="visually-hidden">Open {widget.title || "the graph"} in the metrics explorer</span>
      </Link>
      {widget.problems.length > 0 && <p className="quiet">Not shown: {widget.problems.join("; ")}</p>}
      {found.error && <ErrorNote error={found.error} onRetry={() => void found.refetch()} />}
      {widget.view === "singleValue" ? (
        <dl className="single-values">
          {series.map((one) => {
            const last = one.points.at(-1);
            return (
              <div key={one.id}>
                <dt>{one.label}</dt>
                <dd>{last ? valueText(last.value, one.unit) : <span className="quiet">no value</span>}</dd>
              </div>
            );
          })}
        </dl>
      ) : (
        <div className="widget-body" ref={body}>
          <MetricChart
            series={series}
            from={time.from}
            to={time.to}
            label={widget.title || "Metrics"}
            height={Math.max(110, height - 34)}
            annotations={widget.annotations}
            verticals={widget.verticals}
            limits={widget.limits}
            isStacked={widget.isStacked}
            hasLegend={false}
            hasTable={false}
            onRange={(from, to) => time.set({ kind: "absolute", from, to })}
          />
          <ul className="plot-legend">
            {series.map((one, index) => (
              <li key={one.id}>
                <Key index={index} /> {one.label}
              </li>
            ))}
          </ul>
        </div>
      )}
    </>
  );
}

/** How high the place of a chart is. */
function useHeight(place: React.RefObject<HTMLElement | null>): number {
  const [height, setHeight] = useState(200);
  useEffect(() => {
    const box = place.current;
    if (box === null) return;
    const observer = new ResizeObserver(([entry]) => entry && setHeight(Math.round(entry.contentRect.height)));
    observer.observe(box);
    return () => observer.disconnect();
  }, [place]);
  return height;
}

function Alarms({ names }: { names: readonly string[] }) {
  const found = useQuery(alarmsNamedQuery(names));
  const known = new Map((found.data ?? []).map((alarm) => [alarm.name, alarm]));
  if (found.error) return <ErrorNote error={found.error} onRetry={() => void found.refetch()} />;
  if (found.isPending && names.length > 0) return <Waiting what="alarms" />;
  return (
    <ul className="plain-list widget-scroll" tabIndex={0} aria-label="Alarms">
      {names.map((name) => {
        const alarm = known.get(name);
        return (
          <li key={name}>
            {alarm ? <AlarmPill state={alarm.state} /> : <span className="quiet">not there</span>} <Link href={alarmPath(name)}>{name}</Link>
            {alarm?.since ? (
              <span className="quiet">
                <Time at={alarm.since} />
              </span>
            ) : null}
          </li>
        );
      })}
    </ul>
  );
}

/** A query reads every line of its range: it runs once a minute, where graphs move on more often. */
const QUERIED_MS = 60_000;

function LogQuery({ groups, query, time }: { groups: readonly string[]; query: string; time: ChosenTime }) {
  const [from, to] = [Math.floor(time.from / QUERIED_MS) * QUERIED_MS, Math.ceil(time.to / QUERIED_MS) * QUERIED_MS];
  const found = useQuery({
    queryKey: ["insightsWidget", groups, query, from, to],
    queryFn: ({ signal }) => runInsights({ query, groups, from, to }, () => {}, signal),
    placeholderData: keepPreviousData,
    staleTime: Infinity,
    gcTime: 60_000,
    refetchOnWindowFocus: false,
  });
  const table = useMemo(() => readAnswer(found.data?.rows ?? []), [found.data]);
  const link = withQuery("/logs", { ...rangeQuery(time.range, "1h"), groups: groups.join(","), view: "insights", query });
  return (
    <>
      <Link className="widget-link" href={link} title="Open the query">
        <Icon name="log" size={13} />
        <span className="visually-hidden">Open the query in the logs</span>
      </Link>
      {found.error ? (
        <ErrorNote error={found.error} onRetry={() => void found.refetch()} />
      ) : found.isPending ? (
        <Waiting what="lines" />
      ) : table.rows.length === 0 ? (
        <p className="quiet">{found.data?.status === "Complete" ? "The query gives no rows in this time." : `The query ended without a result: ${found.data?.status}.`}</p>
      ) : (
        <div className="widget-scroll" tabIndex={0} role="group" aria-label="Result of the query">
          <table className="plain-table">
            <thead>
              <tr>
                {table.fields.map((field) => (
                  <th key={field.name} scope="col" className={field.isNumber ? "number" : ""}>
                    {field.name}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {table.rows.slice(0, ROWS_MAX).map((row) => (
                <tr key={row.id}>
                  {row.values.map((value, index) => (
                    <td key={index} className={table.fields[index]?.isNumber ? "number" : "mono"}>
                      {value}
                    </td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
          {table.rows.length > ROWS_MAX && <p className="quiet">{(table.rows.length - ROWS_MAX).toLocaleString("en")} more rows are in the query itself.</p>}
        </div>
      )}
    </>
  );
}

function Markdown({ text }: { text: string }) {
  const blocks = useMemo(() => readMarkdown(text), [text]);
  return (
    <div className="markdown widget-scroll" tabIndex={0}>
      {blocks.map((block, index) => (
        <BlockView key={index} block={block} />
      ))}
    </div>
  );
}

function BlockView({ block }: { block: Block }): ReactNode {
  switch (block.kind) {
    case "heading": {
      // The page has its heading: what a text calls one is below it.
      const Heading = block.level === 1 ? "h2" : block.level === 2 ? "h3" : "h4";
      return <Heading>{inlines(block.of)}</Heading>;
    }
    case "paragraph":
      return <p>{inlines(block.of)}</p>;
    case "code":
      return <pre>{block.text}</pre>;
    case "rule":
      return <hr />;
    case "list": {
      const List = block.isOrdered ? "ol" : "ul";
      return (
        <List>
          {block.items.map((item, index) => (
            <li key={index}>{inlines(item)}</li>
          ))}
        </List>
      );
    }
    case "table":
      return (
        <table className="plain-table">
          <thead>
            <tr>
              {block.head.map((cell, index) => (
                <th key={index} scope="col">
                  {inlines(cell)}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {block.rows.map((row, at) => (
              <tr key={at}>
                {row.map((cell, index) => (
                  <td key={index}>{inlines(cell)}</td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      );
  }
}

function inlines(parts: readonly Inline[]): ReactNode {
  return parts.map((part, index) => <Fragment key={index}>{inlineView(part)}</Fragment>);
}

function inlineView(part: Inline): ReactNode {
  switch (part.kind) {
    case "text":
      return part.text;
    case "code":
      return <code>{part.text}</code>;
    case "strong":
      return <strong>{inlines(part.of)}</strong>;
    case "emphasis":
      return <em>{inlines(part.of)}</em>;
    case "link":
      return part.href === null ? (
        inlines(part.of)
      ) : (
        <a href={part.href} target="_blank" rel="noreferrer">
          {inlines(part.of)}
        </a>
      );
  }
}
