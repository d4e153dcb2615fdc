import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { Link } from "wouter";
import { executionLinesQuery } from "../../api/executions";
import type { States } from "../../api/generated";
import { machineOf, withQuery } from "../../model/arn";
import { SAM_LOGGING } from "../../model/commands";
import { callsOf, traceIdOf } from "../../model/calls";
import type { Line } from "../../model/calls";
import type { HistoryEvent, Run } from "../../model/history";
import { CommandLine, Empty, Waiting } from "../../ui/parts";
import { Loaded } from "../../ui/Loaded";
import { LogLines } from "../../ui/LogLines";
import { SearchField } from "../../ui/SearchField";
import { useQueryState } from "../../ui/useQueryState";

/** What the functions of an execution wrote while they worked for it, and what it logged itself. */
export default function LogsTab({ execution, run, events, cursor }: {
  execution: States.DescribeExecutionOutput;
  run: Run;
  events: readonly HistoryEvent[];
  /** The instant that the page is shown at. */
  cursor: number | null;
}) {
  const [get, set] = useQueryState();
  const calls = useMemo(() => callsOf(run, events), [run, events]);
  const startedAt = Math.round(execution.startDate * 1000);
  const endedAt = execution.stopDate === undefined ? null : Math.round(execution.stopDate * 1000);
  const found = useQuery({
    ...executionLinesQuery({
      executionArn: execution.executionArn,
      stateMachineArn: machineOf(execution.executionArn),
      startedAt,
      endedAt,
      calls,
      traceId: traceIdOf(execution.traceHeader),
    }),
    enabled: events.length > 0,
    // What the next step of the execution asks anew is shown until it is there.
    placeholderData: keepPreviousData,
  });
  const of = get("lines") ?? "";
  const wanted = (get("q") ?? "").toLowerCase();
  const data = found.data;
  const names = useMemo(() => [...new Set(data?.invocations.map((one) => one.call.state) ?? [])], [data]);
  const shown = useMemo(() => {
    if (data === undefined) return [];
    const lines: Line[] = of === "execution" ? [...data.own] : data.invocations.filter((one) => of === "" || one.call.state === of.slice(6)).flatMap((one) => one.lines);
    if (of === "") lines.push(...data.own);
    const passing = wanted === "" ? lines : lines.filter((line) => line.message.toLowerCase().includes(wanted));
    // Lines of one instant stay in the order in which they were written.
    return passing.sort((a, b) => a.at - b.at);
  }, [data, of, wanted]);
  if (events.length === 0) return <Waiting what="the history" />;
  return (
    <Loaded query={found} what="the logs">
      {(read) => {
        const guessed = read.invocations.filter((one) => one.by === "time").length;
        const isEmpty = read.invocations.length === 0 && read.own.length === 0;
        if (isEmpty) return <Nothing calls={calls.length} silent={read.silent} isRunning={endedAt === null} />;
        return (
          <>
            <div className="filters">
              <select aria-label="Whose lines" value={of} onChange={(changed) => set({ lines: changed.target.value || null })}>
                <option value="">All lines</option>
                {read.own.length > 0 && <option value="execution">Of the execution itself</option>}
                {names.map((name) => (
                  <option key={name} value={`state:${name}`}>
                    Of {name}
                  </option>
                ))}
              </select>
              <span className="quiet" role="status">
                {shown.length.toLocaleString("en")} lines
                {read.isCut ? ", the first of more" : ""}
              </span>
              {read.groups.length > 0 && (
                <Link
                  href={withQuery("/logs", {
                    groups: read.groups.slice(0, 10).join(","),
                    from: new Date(startedAt).toISOString(),
                    to: new Date(endedAt ?? Date.now()).toISOString(),
                  })}
                >
                  Everything of that time
                </Link>
              )}
              <SearchField label="Search lines" placeholder="Part of a line" />
            </div>
            <LogLines lines={shown} label="Lines of the execution" showsGroup={read.groups.length > 1} cursor={cursor} />
            {guessed > 0 && (
              <p className="foot quiet">
                The history has no request ids of {guessed === 1 ? "one of these invocations" : `${guessed.toLocaleString("en")} of these invocations`}: they are told by their time. Of another
                execution that called the same function at the same moment, lines may be among them.
              </p>
            )}
          </>
        );
      }}
    </Loaded>
  );
}

function Nothing({ calls, silent, isRunning }: { calls: number; silent: readonly string[]; isRunning: boolean }) {
  return (
    <Empty title={isRunning ? "No lines yet" : "No lines"} icon="list">
      {calls === 0 ? (
        <p>The execution called no function. What it does itself is logged where its state machine has a loggingConfiguration; in SAM:</p>
      ) : (
        <p>
          Its functions wrote nothing{silent.length > 0 ? `: ${silent.join(", ")} ${silent.length === 1 ? "has" : "have"} no log group` : " that is kept"}. What the execution does itself is logged
          where its state machine has a loggingConfiguration; in SAM:
        </p>
      )}
      <CommandLine line={SAM_LOGGING} />
    </Empty>
  );
}
