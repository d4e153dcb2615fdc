import { useInfiniteQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { Link, useLocation } from "wouter";
import { ApiError } from "../../api/call";
import type { XRay } from "../../api/generated";
import { traceSearchQuery } from "../../api/traces";
import { sampleAllLine, traceLine } from "../../model/commands";
import { durationText } from "../../model/time";
import { rangeText } from "../../model/timeRange";
import { summaryOutcome } from "../../model/trace";
import { Choice } from "../../ui/Choice";
import type { Option } from "../../ui/Choice";
import { FilterField } from "../../ui/FilterField";
import { CommandLine, Empty, ErrorNote, Time, useTitle, Waiting } from "../../ui/parts";
import { Rows } from "../../ui/Rows";
import type { Column } from "../../ui/Rows";
import { TimeRangePicker, useTimeRange } from "../../ui/TimeRange";
import type { ChosenTime } from "../../ui/TimeRange";
import { useQueryState } from "../../ui/useQueryState";
import { useReadOn } from "../../ui/useReadOn";
import { TracePill } from "./parts";

const QUICK: readonly Option<string>[] = [
  ["", "All"],
  ["fault = true", "Faults"],
  ["error = true", "Errors"],
  ["throttle = true", "Throttles"],
  ["duration > 1", "Over 1 s"],
];

/** Traces that are enough to begin with. */
const ENOUGH_TRACES = 40;

/** Traces of a range of time that a filter expression wants. */
export default function TracesPage() {
  useTitle("Traces");
  const [get, set] = useQueryState();
  const [, navigate] = useLocation();
  const time = useTimeRange();
  const filter = get("filter") ?? "";
  const choose = (next: string): void => set({ filter: next });
  const found = useInfiniteQuery(traceSearchQuery({ filter, from: time.from, to: time.to }));
  const pages = found.data?.pages;
  const traces = useMemo(() => pages?.flatMap((page) => page.items) ?? [], [pages]);
  const { isReadOn, onEnd } = useReadOn(found, traces.length, ENOUGH_TRACES);
  const isRead = pages !== undefined && !isReadOn;
  const isRefused = found.error instanceof ApiError && found.error.status === 400;
  return (
    <main className="page">
      <div className="page-head">
        <h1>Traces</h1>
        <TimeRangePicker time={time} isRefreshing={found.isFetching} />
      </div>
      <FilterField
        label="Filter expression"
        placeholder={'service("ChargeCard") { fault }   annotation.orderId = "o-1"   duration > 2'}
        filter={filter}
        error={isRefused ? (found.error?.message ?? "") : null}
        onChange={choose}
        before={<Choice label="Filters" options={QUICK} chosen={filter} onChoose={choose} />}
      />
      {found.error && !isRefused ? (
        <ErrorNote error={found.error} onRetry={() => void found.refetch()} />
      ) : isRefused ? null : traces.length > 0 ? (
        <>
          <TraceRows traces={traces} onOpen={(id) => navigate(`/traces/${id}`)} onEnd={onEnd} />
          <p className="foot quiet" role="status">
            {traces.length.toLocaleString("en")} {traces.length === 1 ? "trace" : "traces"}, newest first
            {found.hasNextPage ? "; older ones come as you scroll" : `: all of ${rangeText(time.range)}`}
          </p>
        </>
      ) : isRead ? (
        <NoTraces filter={filter} time={time} />
      ) : (
        <Waiting what="traces" />
      )}
    </main>
  );
}

function TraceRows({ traces, onOpen, onEnd }: { traces: readonly XRay.TraceSummary[]; onOpen: (id: string) => void; onEnd: (() => void) | undefined }) {
  const longest = useMemo(() => traces.reduce((most, trace) => Math.max(most, trace.Duration ?? 0), 0), [traces]);
  const columns = useMemo<Column<XRay.TraceSummary>[]>(
    () => [
      { id: "status", title: "Status", width: "112px", cell: (trace) => <TracePill outcome={summaryOutcome(trace)} /> },
      {
        id: "entry",
        title: "Begins with",
        width: "minmax(0, 1fr)",
        cell: (trace) => (
          <Link className="strong" href={`/traces/${trace.Id}`}>
            {trace.EntryPoint?.Name ?? trace.ServiceIds?.[0]?.Name ?? "unknown"}
          </Link>
        ),
      },
      { id: "id", title: "Trace id", width: "minmax(0, 1.3fr)", isMinor: true, cell: (trace) => <span className="mono">{trace.Id}</span> },
      { id: "services", title: "Services", width: "76px", isMinor: true, isNumber: true, cell: (trace) => trace.ServiceIds?.length ?? 0 },
      {
        id: "share",
        title: "",
        width: "minmax(40px, 0.5fr)",
        isMinor: true,
        cell: (trace) => (
          <span className="meter" aria-hidden="true">
            <i style={{ width: `${longest === 0 ? 0 : Math.max(1, ((trace.Duration ?? 0) / longest) * 100)}%` }} />
          </span>
        ),
      },
      { id: "duration", title: "Duration", width: "88px", isNumber: true, cell: (trace) => durationText((trace.Duration ?? 0) * 1_000) },
      { id: "at", title: "Began", width: "86px", cell: (trace) => <Time at={(trace.StartTime ?? 0) * 1_000} /> },
    ],
    [longest],
  );
  return <Rows label="Traces" rows={traces} columns={columns} keyOf={(trace) => trace.Id ?? ""} onOpen={(trace) => onOpen(trace.Id ?? "")} onEnd={onEnd} />;
}

function NoTraces({ filter, time }: { filter: string; time: ChosenTime }) {
  if (filter !== "") {
    return (
      <Empty title="No trace passes the filter" icon="search">
        <p>This is {rangeText(time.range)}.</p>
      </Empty>
    );
  }
  return (
    <Empty title={`No traces in ${rangeText(time.range)}`} icon="trace">
      <p>An execution is traced if its state machine says so (SAM: Tracing: Enabled: true) and it is sampled: one a second and 5 % of the others. To trace all of them:</p>
      <CommandLine line={sampleAllLine(window.location.origin)} />
      <p>Then start an execution, and see its trace here or in a terminal:</p>
      <CommandLine line={traceLine(window.location.origin, "MyStateMachine")} />
      {time.range.kind === "relative" && time.range.ms < 7 * 86_400_000 && (
        <button type="button" className="button" onClick={() => time.set({ kind: "relative", key: "7d", ms: 7 * 86_400_000 })}>
          Look at the last 7 days
        </button>
      )}
    </Empty>
  );
}
