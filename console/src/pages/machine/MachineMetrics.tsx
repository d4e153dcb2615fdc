import { useQuery } from "@tanstack/react-query";
import { machineMetricsQuery } from "../../api/functions";
import { mostOf, sumOf } from "../../model/metricSeries";
import { tenthsNumber } from "../../model/numbers";
import { durationText } from "../../model/time";
import { Chart } from "../../ui/Chart";
import { Loaded } from "../../ui/Loaded";
import { useQueryState } from "../../ui/useQueryState";

/** Spans that can be chosen, with periods that give some sixty points; AWS keeps minutes for 15 days. */
const SPANS: Readonly<Record<string, { text: string; seconds: number; period: number }>> = {
  "1h": { text: "hour", seconds: 3_600, period: 60 },
  "6h": { text: "6 hours", seconds: 21_600, period: 300 },
  "1d": { text: "day", seconds: 86_400, period: 1_800 },
  "7d": { text: "7 days", seconds: 604_800, period: 10_800 },
};

/** How the executions of a state machine did, from the metrics that AWS has of it. */
export default function MachineMetrics({ arn }: { arn: string }) {
  const [get, set] = useQueryState();
  const chosen = get("span") ?? "1h";
  const { seconds, period } = SPANS[chosen] ?? { seconds: 3_600, period: 60 };
  const metrics = useQuery(machineMetricsQuery(arn, seconds, period));
  return (
    <>
      <div className="filters">
        <label className="inline">
          The last{" "}
          <select value={chosen} onChange={(event) => set({ span: event.target.value === "1h" ? null : event.target.value })}>
            {Object.entries(SPANS).map(([key, { text }]) => (
              <option key={key} value={key}>
                {text}
              </option>
            ))}
          </select>
        </label>
        <span className="quiet">AWS/States, by StateMachineArn</span>
      </div>
      <Loaded query={metrics} what="metrics">
        {({ span, points }) => {
          const of = (id: string): readonly (number | null)[] => points[id] ?? [];
          const sum = (id: string): string => tenthsNumber(sumOf(of(id)));
          return (
            <div className="charts">
              <Chart
                title="Started and succeeded"
                note={`${sum("started")} started, ${sum("succeeded")} succeeded`}
                span={span}
                format={tenthsNumber}
                lines={[
                  { name: "Started", points: of("started"), tone: "busy", isCount: true },
                  { name: "Succeeded", points: of("succeeded"), tone: "good", isCount: true },
                ]}
              />
              <Chart
                title="Did not succeed"
                note={`${sum("failed")} failed, ${sum("timedOut")} timed out, ${sum("aborted")} aborted`}
                span={span}
                format={tenthsNumber}
                lines={[
                  { name: "Failed", points: of("failed"), tone: "bad", isCount: true },
                  { name: "Timed out", points: of("timedOut"), tone: "warn", isCount: true },
                  { name: "Aborted", points: of("aborted"), tone: "quiet", isCount: true },
                ]}
              />
              <Chart
                title="Duration"
                note={`p99 up to ${durationText(mostOf(of("p99")))}`}
                span={span}
                format={durationText}
                lines={[
                  { name: "p50", points: of("p50"), tone: "busy" },
                  { name: "p99", points: of("p99"), tone: "warn" },
                ]}
              />
            </div>
          );
        }}
      </Loaded>
    </>
  );
}
