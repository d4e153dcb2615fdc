import { useQuery } from "@tanstack/react-query";
import { coldStartsQuery, functionMetricsQuery } from "../../api/functions";
import { mostOf, sumOf } from "../../model/metricSeries";
import { tenthsNumber } from "../../model/numbers";
import { durationText } from "../../model/time";
import { Chart } from "../../ui/Chart";
import { Loaded } from "../../ui/Loaded";

/** How a function did within the last hour: what CloudWatch has of it, and cold starts from its log. */
export function FunctionMetrics({ name, group, isJson }: { name: string; group: string; isJson: boolean }) {
  const metrics = useQuery(functionMetricsQuery(name));
  const cold = useQuery(coldStartsQuery(group, isJson));
  return (
    <>
      <Loaded query={cold} what="cold starts">
        {({ count, averageMs, slowestMs, isCut }) => (
          <p className="list-bar">
            <span>
              <strong>
                {count.toLocaleString("en")}
                {isCut ? "+" : ""}
              </strong>{" "}
              {count === 1 ? "cold start" : "cold starts"} in the last hour
              <span className="quiet">
                {averageMs === null || slowestMs === null ? "" : `, init ${durationText(averageMs)} on average, ${durationText(slowestMs)} at most`}; counted in the reports of{" "}
                <code>{group}</code>, as AWS has no metric of them
              </span>
            </span>
          </p>
        )}
      </Loaded>
      <Loaded query={metrics} what="metrics">
        {({ span, points }) => {
          const of = (id: string): readonly (number | null)[] => points[id] ?? [];
          return (
            <div className="charts">
              <Chart title="Invocations" note={tenthsNumber(sumOf(of("invocations")))} span={span} format={tenthsNumber} lines={[{ name: "Invocations", points: of("invocations"), tone: "busy", isCount: true }]} />
              <Chart
                title="Errors and throttles"
                note={`${tenthsNumber(sumOf(of("errors")))} errors, ${tenthsNumber(sumOf(of("throttles")))} throttles`}
                span={span}
                format={tenthsNumber}
                lines={[
                  { name: "Errors", points: of("errors"), tone: "bad", isCount: true },
                  { name: "Throttles", points: of("throttles"), tone: "warn", isCount: true },
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
              <Chart
                title="At one time"
                note={`up to ${tenthsNumber(mostOf(of("concurrent")))}`}
                span={span}
                format={tenthsNumber}
                lines={[{ name: "Concurrent executions", points: of("concurrent"), tone: "good", isCount: true }]}
              />
            </div>
          );
        }}
      </Loaded>
    </>
  );
}
