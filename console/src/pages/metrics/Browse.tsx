import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import type { ReactNode } from "react";
import type { CloudWatch } from "../../api/generated";
import { metricsQuery } from "../../api/metrics";
import { nameOf } from "../../model/arn";
import { browse, metricKey, metricOf, nextId } from "../../model/metrics";
import type { Graphed } from "../../model/metrics";
import { Choice } from "../../ui/Choice";
import type { Option } from "../../ui/Choice";
import { Loaded } from "../../ui/Loaded";
import { CommandLine, Empty } from "../../ui/parts";
import { Rows } from "../../ui/Rows";
import type { Column } from "../../ui/Rows";
import { SearchField } from "../../ui/SearchField";
import { useQueryState } from "../../ui/useQueryState";

interface Props {
  readonly graphed: readonly Graphed[];
  readonly isFull: boolean;
  readonly onChange: (next: readonly Graphed[]) => void;
  /** Stands where nothing has the name that is searched. */
  readonly empty: ReactNode;
}

/** Every metric that there is: by namespace, by its dimensions, by name. */
export function Browse(props: Props) {
  const found = useQuery(metricsQuery(null));
  return (
    <Loaded query={found} what="metrics">
      {({ metrics, isCut }) => (metrics.length === 0 ? <NoMetrics /> : <Found {...props} metrics={metrics} isCut={isCut} />)}
    </Loaded>
  );
}

function Found({ metrics, isCut, graphed, isFull, onChange, empty }: Props & { metrics: readonly CloudWatch.Metric[]; isCut: boolean }) {
  const [get, set] = useQueryState();
  const branches = useMemo(() => browse(metrics), [metrics]);
  const namespace = get("namespace");
  const group = get("by");
  const text = (get("q") ?? "").trim().toLowerCase();
  const branch = branches.find((one) => one.namespace === namespace);
  const shown = useMemo(() => {
    const of = branch === undefined ? metrics : branch.groups.filter((one) => group === null || one.dimensions === (group === "-" ? "" : group)).flatMap((one) => one.metrics);
    if (text === "") return of;
    return of.filter((metric) => wordsOf(metric).includes(text));
  }, [metrics, branch, group, text]);
  const chosen = useMemo(() => new Map(graphed.filter((one) => one.kind === "metric").map((one) => [metricKey(one), one.id])), [graphed]);
  const toggle = (metric: CloudWatch.Metric): void => {
    const one = metricOf(metric, nextId(graphed, "m"));
    const id = chosen.get(metricKey(one));
    if (id !== undefined) onChange(graphed.filter((other) => other.id !== id));
    else if (!isFull) onChange([...graphed, one]);
  };
  const columns: readonly Column<CloudWatch.Metric>[] = [
    {
      id: "chosen",
      title: "",
      width: "26px",
      cell: (metric) => {
        const isChosen = chosen.has(metricKey(metricOf(metric, "m1")));
        return <input type="checkbox" aria-label={`Graph ${titleOf(metric)}`} checked={isChosen} disabled={!isChosen && isFull} onChange={() => toggle(metric)} />;
      },
    },
    { id: "name", title: "Metric", width: "minmax(0, 1fr)", cell: (metric) => <span className="strong">{metric.MetricName}</span> },
    {
      id: "dimensions",
      title: "Dimensions",
      width: "minmax(0, 1.6fr)",
      cell: (metric) => (
        <span title={(metric.Dimensions ?? []).map(({ Name, Value }) => `${Name}=${Value}`).join("\n")}>
          {(metric.Dimensions ?? []).map(({ Name, Value }) => (
            <span key={Name} className="dimension">
              <span className="quiet">{Name}</span> {Value.startsWith("arn:") ? nameOf(Value) : Value}
            </span>
          ))}
        </span>
      ),
    },
    ...(branch === undefined ? [{ id: "namespace", title: "Namespace", width: "130px", isMinor: true, cell: (metric: CloudWatch.Metric) => metric.Namespace }] : []),
  ];
  return (
    <section className="browse" aria-label="All metrics">
      <nav className="namespaces" aria-label="Namespaces">
        <button type="button" aria-pressed={branch === undefined} onClick={() => set({ namespace: null, by: null })}>
          All <span className="count">{metrics.length.toLocaleString("en")}</span>
        </button>
        {branches.map((one) => (
          <button key={one.namespace} type="button" aria-pressed={one === branch} onClick={() => set({ namespace: one.namespace, by: null })}>
            {one.namespace} <span className="count">{one.count.toLocaleString("en")}</span>
          </button>
        ))}
      </nav>
      <div className="browse-found">
        <div className="filters">
          {branch && branch.groups.length > 1 && (
            <Choice<string | null>
              label="Dimensions"
              options={[[null, "All"], ...branch.groups.map(({ dimensions }): Option<string> => (dimensions ? [dimensions, `By ${dimensions}`] : ["-", "Without dimensions"]))]}
              chosen={group}
              onChoose={(by) => set({ by })}
            />
          )}
          <SearchField label="Search metrics" placeholder="Name or dimension" />
        </div>
        {shown.length === 0 ? (
          (empty ?? <Empty title="No metric has this name" icon="search" />)
        ) : (
          <Rows label="Metrics" rows={shown} columns={columns} rowHeight={32} keyOf={(metric) => `${metric.Namespace} ${titleOf(metric)}`} onOpen={toggle} />
        )}
        <p className="foot quiet" role="status">
          {shown.length.toLocaleString("en")} {shown.length === 1 ? "metric" : "metrics"}
          {isCut ? " of the first 10,000; there are more, which are not listed" : ""}
          {isFull ? "; no more can be graphed at one time" : ""}
        </p>
        <details className="plot-table">
          <summary>How a handler publishes a metric</summary>
          <p className="quiet">A line of its log in the embedded metric format, which costs no call; or PutMetricData of the SDK.</p>
          <CommandLine line={EMBEDDED} />
        </details>
      </div>
    </section>
  );
}

/** Source: CloudWatch user guide, "Specification: Embedded metric format". */
const EMBEDDED =
  'console.log(JSON.stringify({ _aws: { Timestamp: Date.now(), CloudWatchMetrics: [{ Namespace: "Orders", Dimensions: [["Shop"]], Metrics: [{ Name: "Taken", Unit: "Count" }] }] }, Shop: "north", Taken: 1 }))';

const titleOf = (metric: CloudWatch.Metric): string => `${metric.MetricName} ${(metric.Dimensions ?? []).map(({ Name, Value }) => `${Name}=${Value}`).join(" ")}`.trim();
const wordsOf = (metric: CloudWatch.Metric): string => `${metric.Namespace} ${titleOf(metric)}`.toLowerCase();

function NoMetrics() {
  return (
    <Empty title="No metrics yet" icon="metric">
      <p>
        Executions and functions make theirs (AWS/States, AWS/Lambda) with the first one. A handler publishes its own with PutMetricData, or by a line of its log in the
        embedded metric format; so does a terminal:
      </p>
      <CommandLine line={`aws --endpoint-url ${window.location.origin} cloudwatch put-metric-data --namespace Orders --metric-name Taken --value 1`} />
    </Empty>
  );
}
