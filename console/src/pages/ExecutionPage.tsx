import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { lazy, Suspense, useEffect, useMemo, useState } from "react";
import type { ReactNode } from "react";
import { Link } from "wouter";
import { ApiError, states } from "../api/call";
import type { States } from "../api/generated";
import { definitionQuery, executionQuery, historyQuery } from "../api/queries";
import { readAgain } from "../live/again";
import { usePolling } from "../live/LiveProvider";
import { machineOf, machinePath, mapRunPath, nameOf, withQuery } from "../model/arn";
import { describeLine } from "../model/commands";
import { readDefinition, takenEdges } from "../model/definition";
import type { Graph } from "../model/definition";
import { culprit, readHistory, standings } from "../model/history";
import type { HistoryEvent, Run } from "../model/history";
import { isRedrivable } from "../model/status";
import { Icon } from "../ui/Icon";
import { Json } from "../ui/Json";
import { LoadedPage } from "../ui/Loaded";
import { Arn, CopyButton, Duration, ErrorNote, Fact, StatusPill, Tabs, Time, useTitle, Waiting } from "../ui/parts";
import { StartDialog } from "../ui/StartDialog";
import { useKey } from "../ui/useKey";
import { useQueryState } from "../ui/useQueryState";
import { ErrorFirst } from "./execution/ErrorFirst";
import { EventTable } from "./execution/EventTable";
import { StatePanel } from "./execution/StatePanel";
import { TimelineView } from "./execution/TimelineView";

const GraphView = lazy(() => import("../ui/GraphView"));

export function ExecutionPage({ arn }: { arn: string }) {
  const [get, set] = useQueryState();
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
  const view = get("view") ?? "graph";
  return (
    <LoadedPage query={execution} title={nameOf(arn)} what="the execution" missing={gone}>
      {(shown) => (
        <>
          <Head execution={shown} run={run} />
          {run.ending !== null && run.ending !== "SUCCEEDED" && (
            <ErrorFirst run={run} culprit={culprit(run)} onChoose={(visit) => set({ visit: String(visit.index), state: null })} />
          )}
          <Tabs
            label="Views of the execution"
            items={[
              { id: "graph", label: "Graph" },
              { id: "timeline", label: "Timeline" },
              { id: "events", label: "Events", count: events.length },
              { id: "data", label: "Input and output" },
            ]}
            chosen={view}
            onChoose={(next) => set({ view: next === "graph" ? null : next })}
          />
          <div id="tab-panel" role="tabpanel" aria-labelledby={`tab-${view}`}>
            {view === "data" ? (
              <div className="columns">
                <section>
                  <h2>Input</h2>
                  <Json text={shown.input ?? ""} label="the input" />
                </section>
                <section>
                  <h2>Output</h2>
                  {shown.output ? <Json text={shown.output} label="the output" /> : <p className="quiet">None{status === "RUNNING" ? " yet" : ""}.</p>}
                </section>
              </div>
            ) : (
              <Views view={view} run={run} events={events} graph={graph} isPending={history.isPending} error={history.error} />
            )}
          </div>
        </>
      )}
    </LoadedPage>
  );
}

const NO_EVENTS: readonly HistoryEvent[] = [];

/** Graph, timeline or events, and beside it the state that is chosen there. */
function Views(props: {
  view: string;
  run: Run;
  events: readonly HistoryEvent[];
  graph: Graph | null;
  isPending: boolean;
  error: Error | null;
}) {
  const { view, run, events, graph, isPending, error } = props;
  const [get, set] = useQueryState();
  const standing = useMemo(() => standings(run), [run]);
  const taken = useMemo(() => (graph ? takenEdges(graph, run.visits) : undefined), [graph, run]);
  const number = get("visit");
  const chosenName = get("state");
  const event = view === "events" && get("event") !== null ? events[Number(get("event")) - 1] : undefined;
  // An event shows the visit that it belongs to, a state that is named its latest one.
  const index = number !== null ? Number(number) : event === undefined ? undefined : run.visitOfEvent.get(event.id);
  const visit =
    index !== undefined ? run.visits[index] : chosenName === null ? undefined : run.visits.findLast((one) => one.name === chosenName);
  const state = graph?.states.find((one) => one.name === (visit?.name ?? chosenName));
  const choose = (name: string | null): void => set({ state: name, visit: null, event: null });
  const hasPanel = visit !== undefined || state !== undefined || event !== undefined;
  if (error && events.length === 0) return <ErrorNote error={error} />;
  if (isPending && events.length === 0) return <Waiting what="the history" />;
  return (
    <div className={hasPanel ? "with-panel" : ""}>
      <div className="view">
        {error && <ErrorNote error={error} />}
        {view === "graph" && graph && (
          <Suspense fallback={<Waiting what="the graph" />}>
            <GraphView graph={graph} standings={standing} taken={taken} chosen={visit?.name ?? chosenName} onChoose={choose} />
          </Suspense>
        )}
        {view === "graph" && !graph && <Waiting what="the definition" />}
        {view === "timeline" && (
          <TimelineView run={run} chosen={visit?.index ?? null} onChoose={(index) => set({ visit: String(index), state: null })} />
        )}
        {view === "events" && (
          <EventTable
            events={events}
            run={run}
            chosen={get("event") === null ? null : Number(get("event"))}
            onChoose={(event) => {
              const of = run.visitOfEvent.get(event.id);
              set({ event: String(event.id), visit: of === undefined ? null : String(of), state: null });
            }}
          />
        )}
      </div>
      {hasPanel && (
        <StatePanel
          key={visit?.index ?? state?.name}
          visit={visit}
          state={state}
          run={run}
          events={events}
          event={event}
          onChoose={(index) => set({ visit: String(index), state: null, event: null })}
          onClose={() => set({ visit: null, state: null, event: null })}
        />
      )}
    </div>
  );
}

/** What the execution is, how it stands, and what can be done with it. */
function Head({ execution, run }: { execution: States.DescribeExecutionOutput; run: Run }) {
  const client = useQueryClient();
  const [isStarting, setStarting] = useState(false);
  const arn = execution.executionArn;
  const again = (): void => {
    for (const key of ["execution", "history", "executions"]) readAgain(client, [key]);
  };
  const stop = useMutation({ mutationFn: () => states("StopExecution", { executionArn: arn }), onSuccess: again });
  const redrive = useMutation({ mutationFn: () => states("RedriveExecution", { executionArn: arn }), onSuccess: again });
  const { status } = execution;
  const machineArn = execution.stateMachineArn;
  const isChild = execution.mapRunArn !== undefined;
  useKey("n", () => setStarting(true), !isChild);
  return (
    <>
      <nav className="crumbs" aria-label="Where this is">
        <Link href="/machines">State machines</Link>
        <Icon name="right" size={12} />
        <Link href={machinePath(machineOf(arn))}>{nameOf(machineArn)}</Link>
        <Icon name="right" size={12} />
        <Link href={withQuery("/executions", { machine: machineOf(arn) })}>Executions</Link>
      </nav>
      <div className="page-head">
        <h1 className="with-status">
          <span className="mono">{execution.name ?? nameOf(arn)}</span>
          <span role="status" aria-label="Status">
            <StatusPill status={status} />
          </span>
        </h1>
        <div className="actions">
          {status === "RUNNING" && (
            <button type="button" className="button is-danger" onClick={() => stop.mutate()} disabled={stop.isPending}>
              <Icon name="stop" size={13} /> Stop
            </button>
          )}
          {isRedrivable(status) && !isChild && (
            <button
              type="button"
              className="button"
              onClick={() => redrive.mutate()}
              disabled={redrive.isPending || execution.redriveStatus === "NOT_REDRIVABLE"}
              title={execution.redriveStatusReason ?? "Go on from where it failed; what succeeded is not repeated"}
            >
              <Icon name="redo" size={13} /> Redrive
            </button>
          )}
          <CopyButton text={describeLine(window.location.origin, arn)} label="Copy as a line for the AWS CLI">
            CLI
          </CopyButton>
          {!isChild && (
            <button type="button" className="button is-main" onClick={() => setStarting(true)} title="Start another one from this input (n)">
              <Icon name="play" size={13} /> New execution
            </button>
          )}
        </div>
      </div>
      {(stop.error ?? redrive.error) && <ErrorNote error={stop.error ?? redrive.error} />}
      <dl className="facts">
        <Fact name="Started"><Time at={execution.startDate * 1000} /></Fact>
        <Fact name="Duration">
          <Duration from={execution.startDate * 1000} to={execution.stopDate === undefined ? null : execution.stopDate * 1000} />
        </Fact>
        <Fact name="States">{run.visits.length.toLocaleString("en")}</Fact>
        {(execution.redriveCount ?? 0) > 0 && <Fact name="Redrives">{execution.redriveCount}</Fact>}
        {execution.mapRunArn && (
          <Fact name="Child of">
            <Link href={mapRunPath(execution.mapRunArn)}>a map run</Link>
          </Fact>
        )}
        {execution.stateMachineVersionArn && <Fact name="Version">{execution.stateMachineVersionArn.split(":").pop()}</Fact>}
        {execution.stateMachineAliasArn && <Fact name="Alias">{execution.stateMachineAliasArn.split(":").pop()}</Fact>}
        <Fact name="ARN"><Arn arn={arn} /></Fact>
      </dl>
      {isStarting && <StartDialog machineArn={machineOf(arn)} isExpress={false} input={prettyInput(execution.input)} onClose={() => setStarting(false)} />}
    </>
  );
}

function prettyInput(input: string | undefined): string {
  try {
    return JSON.stringify(JSON.parse(input ?? "{}"), null, 2);
  } catch {
    return input ?? "{}";
  }
}

function gone(error: Error): ReactNode {
  const isGone = error instanceof ApiError && error.code === "ExecutionDoesNotExist";
  return isGone && <p className="quiet">Ended executions are kept for 90 days, or as long as their state machine says.</p>;
}
