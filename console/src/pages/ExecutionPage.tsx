import { useQuery, useQueryClient } from "@tanstack/react-query";
import { lazy, Suspense, useCallback, useDeferredValue, useEffect, useMemo, useRef, useState } from "react";
import type { ReactNode } from "react";
import { ApiError } from "../api/call";
import { definitionQuery, executionQuery, historyQuery } from "../api/queries";
import { readAgain } from "../live/again";
import { usePolling } from "../live/LiveProvider";
import { nameOf } from "../model/arn";
import { readDefinition, takenEdges } from "../model/definition";
import type { Graph } from "../model/definition";
import { culprit, instantOf, readHistory, standings } from "../model/history";
import type { HistoryEvent, Run } from "../model/history";
import { cursorOf, eventAt } from "../model/moment";
import { LoadedPage } from "../ui/Loaded";
import { ErrorNote, useTitle, Waiting } from "../ui/parts";
import { TabbedView } from "../ui/TabbedView";
import { useQueryState } from "../ui/useQueryState";
import { ErrorFirst } from "./execution/ErrorFirst";
import { EventTable } from "./execution/EventTable";
import { Head } from "./execution/Head";
import { MomentData } from "./execution/MomentData";
import { Scrubber } from "./execution/Scrubber";
import { StatePanel } from "./execution/StatePanel";
import { TimelineView } from "./execution/TimelineView";
import { WaitingBanner } from "./execution/WaitingBanner";

const GraphView = lazy(() => import("../ui/GraphView"));
const LogsTab = lazy(() => import("./execution/LogsTab"));
const TraceTab = lazy(() => import("./execution/TraceTab"));

export function ExecutionPage({ arn }: { arn: string }) {
  const [, set] = useQueryState();
  const client = useQueryClient();
  const asks = usePolling(true);
  const polling = (status: string | undefined): number | false => (status === undefined || status === "RUNNING" ? asks : false);
  const execution = useQuery({ ...executionQuery(arn), refetchInterval: (query) => polling(query.state.data?.status) });
  const status = execution.data?.status;
  const history = useQuery({ ...historyQuery(arn, client), refetchInterval: polling(status) });
  // The last events of an execution are there when its status says that it has ended.
  useEffect(() => {
    if (status !== undefined && status !== "RUNNING") readAgain(client, ["history", arn]);
  }, [status, arn, client]);
  const definition = useQuery(definitionQuery(arn));
  const events = history.data ?? NO_EVENTS;
  const run = useMemo(() => readHistory(events), [events]);
  const graph = useMemo(() => (definition.data ? readDefinition(definition.data.definition) : null), [definition.data]);
  const name = execution.data?.name ?? nameOf(arn);
  useTitle(status ? `${name} ${status.toLowerCase()}` : name);
  const { cursor, move } = useCursor(events.length);
  // The slider does not wait for what it changes.
  const seen = useDeferredValue(cursor);
  const past = useMemo(() => (seen === null ? null : events.slice(0, seen)), [events, seen]);
  const then = useMemo(() => (past === null ? run : readHistory(past)), [run, past]);
  const current = seen === null ? undefined : events[seen - 1];
  const instant = current === undefined ? null : instantOf(current);
  const moment: Moment = { run, events, then, past: past ?? events, cursor: seen, move };
  const stateViews = (view: View): ReactNode => (
    <Views
      view={view}
      moment={moment}
      graph={graph}
      executionArn={arn}
      roleArn={definition.data?.roleArn ?? ""}
      isPending={history.isPending}
      error={history.error ?? definition.error}
    />
  );
  return (
    <LoadedPage query={execution} title={nameOf(arn)} what="the execution" missing={gone}>
      {(shown) => (
        <>
          <Head execution={shown} run={run} />
          {run.ending !== null && run.ending !== "SUCCEEDED" && (
            <ErrorFirst run={run} culprit={culprit(run)} onChoose={(visit) => set({ visit: String(visit.index), state: null })} />
          )}
          {status === "RUNNING" && <WaitingBanner executionArn={arn} run={run} events={events} graph={graph} />}
          <TabbedView
            label="Views of the execution"
            above={<Scrubber events={events} run={run} cursor={cursor} onMove={move} />}
            tabs={[
              { id: "graph", label: "Graph", view: () => stateViews("graph") },
              { id: "timeline", label: "Timeline", view: () => stateViews("timeline") },
              { id: "events", label: "Events", count: events.length, view: () => stateViews("events") },
              { id: "data", label: "Input and output", view: () => <MomentData execution={shown} run={then} isNow={seen === null} /> },
              { id: "logs", label: "Logs", view: () => <LogsTab execution={shown} run={run} events={events} cursor={instant} /> },
              { id: "trace", label: "Trace", view: () => <TraceTab header={shown.traceHeader} cursor={instant} /> },
            ]}
          />
        </>
      )}
    </LoadedPage>
  );
}

/** How long the address may be behind the cursor. A browser takes 200 changes of it in ten seconds, and a slider makes more. */
const ADDRESS_MS = 200;

/** The event that the page is shown at, kept in its address. */
function useCursor(events: number): { cursor: number | null; move: (event: number | null) => void } {
  const [get, set] = useQueryState();
  // What is on its way to the address.
  const [held, setHeld] = useState<{ readonly event: number | null } | null>(null);
  const latest = useRef<number | null>(null);
  const timer = useRef<ReturnType<typeof setTimeout> | null>(null);
  const store = useRef(set);
  store.current = set;
  const move = useCallback((event: number | null) => {
    latest.current = event;
    setHeld({ event });
    timer.current ??= setTimeout(() => {
      timer.current = null;
      store.current({ at: latest.current === null ? null : String(latest.current), event: null });
      setHeld(null);
    }, ADDRESS_MS);
  }, []);
  useEffect(() => () => clearTimeout(timer.current ?? undefined), []);
  // Addresses of before had the event of the table alone.
  const named = cursorOf(get("at") ?? get("event"), events);
  return { cursor: held === null ? named : held.event, move };
}

const NO_EVENTS: readonly HistoryEvent[] = [];

/** A history, and how it stood at the cursor. */
interface Moment {
  readonly run: Run;
  readonly events: readonly HistoryEvent[];
  /** As of the cursor; the same as all of it where there is none. */
  readonly then: Run;
  readonly past: readonly HistoryEvent[];
  readonly cursor: number | null;
  readonly move: (event: number | null) => void;
}

type View = "graph" | "timeline" | "events";

/** Graph, timeline or events, and beside it the state that is chosen there. */
function Views(props: {
  view: View;
  moment: Moment;
  graph: Graph | null;
  executionArn: string;
  roleArn: string;
  isPending: boolean;
  error: Error | null;
}) {
  const { view, graph, isPending, error } = props;
  const { run, events, then, past, cursor, move } = props.moment;
  const [get, set] = useQueryState();
  const standing = useMemo(() => standings(then), [then]);
  const taken = useMemo(() => (graph ? takenEdges(graph, then.visits) : undefined), [graph, then]);
  const number = get("visit");
  const named = get("state");
  const current = cursor === null ? undefined : events[cursor - 1];
  const event = view === "events" && number === null && named === null ? current : undefined;
  // An event shows the visit that it belongs to, a state that is named its latest one.
  const index = number !== null ? Number(number) : event === undefined ? undefined : run.visitOfEvent.get(event.id);
  const name = index !== undefined ? run.visits[index]?.name : (named ?? undefined);
  const visit = index !== undefined ? then.visits[index] : name === undefined ? undefined : then.visits.findLast((one) => one.name === name);
  const state = graph?.states.find((one) => one.name === name);
  const here = current === undefined ? undefined : then.visits[then.visitOfEvent.get(current.id) ?? -1];
  const hasPanel = visit !== undefined || state !== undefined || event !== undefined;
  const isWide = hasPanel && get("wide") !== null;
  if (error && events.length === 0) return <ErrorNote error={error} />;
  if (isPending && events.length === 0) return <Waiting what="the history" />;
  return (
    <div className={hasPanel ? (isWide ? "with-panel is-wide-panel" : "with-panel") : ""}>
      <div className="view">
        {error && <ErrorNote error={error} />}
        {view === "graph" && graph && (
          <Suspense fallback={<Waiting what="the graph" />}>
            <GraphView
              graph={graph}
              standings={standing}
              taken={taken}
              chosen={name ?? here?.name ?? null}
              onChoose={(state) => set({ state, visit: null })}
            />
          </Suspense>
        )}
        {view === "graph" && !graph && <Waiting what="the definition" />}
        {view === "timeline" && (
          <TimelineView
            run={run}
            cursor={current === undefined ? null : instantOf(current)}
            chosen={index ?? visit?.index ?? null}
            onChoose={(index) => set({ visit: String(index), state: null })}
            onMove={(instant) => move(eventAt(events, instant))}
          />
        )}
        {view === "events" && (
          <EventTable
            events={events}
            run={run}
            chosen={cursor}
            onChoose={(event) => set({ at: String(event.id), event: null, visit: null, state: null })}
          />
        )}
      </div>
      {hasPanel && (
        <StatePanel
          key={index ?? state?.name}
          visit={visit}
          state={state}
          run={then}
          events={past}
          graph={graph}
          event={event}
          executionArn={props.executionArn}
          roleArn={props.roleArn}
          isNow={cursor === null}
          isWide={isWide}
          onWide={(wide) => set({ wide: wide ? "1" : null })}
          onChoose={(index) => set({ visit: String(index), state: null })}
          onClose={() => set({ visit: null, state: null, wide: null, ...(event === undefined ? {} : { at: null, event: null }) })}
        />
      )}
    </div>
  );
}

const gone = (error: Error): ReactNode =>
  error instanceof ApiError && error.code === "ExecutionDoesNotExist" ? (
    <p className="quiet">Ended executions are kept for 90 days, or as long as their state machine says.</p>
  ) : null;
