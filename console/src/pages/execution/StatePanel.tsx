import { lazy, Suspense, useMemo, useState } from "react";
import { Link } from "wouter";
import { executionPath, mapRunPath } from "../../model/arn";
import { stateTestText } from "../../model/commands";
import { dataFlow } from "../../model/dataFlow";
import type { Graph, StateNode } from "../../model/definition";
import { retryStory } from "../../model/failure";
import { detailsOf } from "../../model/history";
import type { HistoryEvent, Run, Visit } from "../../model/history";
import { durationText } from "../../model/time";
import { variablesAround, variablesJson } from "../../model/variables";
import { suggestedOutput, waitingAt } from "../../model/waiting";
import { Icon } from "../../ui/Icon";
import { Json } from "../../ui/Json";
import { Duration, Fact, OutcomePill, Time, useNow, Waiting } from "../../ui/parts";
import { AnswerDialog, WaitingNote } from "./AnswerDialog";
import { CopyDialog } from "./CopyDialog";
import { CauseView } from "./ErrorFirst";

const DataFlow = lazy(() => import("./DataFlow").then((all) => ({ default: all.DataFlow })));
const VariablesAround = lazy(() => import("./DataFlow").then((all) => ({ default: all.VariablesAround })));
const ChildGrid = lazy(() => import("./ChildGrid"));
const ItemGrid = lazy(() => import("./ItemGrid").then((all) => ({ default: all.ItemGrid })));

/** Visits of one state that can be stepped through; a Map has more than anybody steps through. */
const STEPS_MAX = 10_000;

interface Shown {
  readonly run: Run;
  /** Up to the cursor. */
  readonly events: readonly HistoryEvent[];
  readonly graph: Graph | null;
  readonly executionArn: string;
  readonly roleArn: string;
  /** Whether the page shows the end, so that what waits may be answered. */
  readonly isNow: boolean;
  readonly onChoose: (visit: number) => void;
}

/** The state that is chosen: how it went, each attempt, and its data; all as of the cursor. */
export function StatePanel(props: Shown & {
  visit: Visit | undefined;
  state: StateNode | undefined;
  /** An event of the table that is chosen; it comes first. */
  event: HistoryEvent | undefined;
  isWide: boolean;
  onWide: (isWide: boolean) => void;
  onClose: () => void;
}) {
  const { visit, state, run, event, isWide, onWide, onChoose, onClose } = props;
  const name = visit?.name ?? state?.name ?? "";
  const same = useMemo(() => run.visits.filter((one) => one.name === name).slice(0, STEPS_MAX), [run, name]);
  const at = same.findIndex((one) => one.index === visit?.index);
  const isOfExecution = visit === undefined && state === undefined;
  return (
    <aside className="panel" aria-label={isOfExecution ? "Event" : `State ${name}`}>
      <header>
        <div>
          <span className="quiet">{isOfExecution ? "Execution" : (visit?.type ?? state?.type)}</span>
          <h2>{isOfExecution ? event?.type : name}</h2>
        </div>
        <div className="panel-buttons">
          <button type="button" className="icon-button is-wide-only" aria-pressed={isWide} onClick={() => onWide(!isWide)} aria-label="As wide as the page" title={isWide ? "Beside the view" : "As wide as the page"}>
            <Icon name="screen" size={15} />
          </button>
          <button type="button" className="icon-button" onClick={onClose} aria-label="Close the panel">
            <Icon name="cross" />
          </button>
        </div>
      </header>
      {event && (
        <section>
          <h3>
            Event {event.id}, {event.type}
          </h3>
          <Json text={JSON.stringify(detailsOf(event))} label="the details of the event" />
        </section>
      )}
      {visit !== undefined && visit.parent !== null && <Around run={run} visit={visit} onChoose={onChoose} />}
      {same.length > 1 && (
        <div className="steps" role="group" aria-label="Visits of this state">
          <button type="button" className="button" disabled={at <= 0} onClick={() => onChoose(same[at - 1]?.index ?? 0)} aria-label="Visit before">
            ‹
          </button>
          <span>
            {at + 1} of {same.length.toLocaleString("en")}
            {visit?.iteration !== null && visit !== undefined ? `, item ${visit.iteration}` : ""}
          </span>
          <button type="button" className="button" disabled={at >= same.length - 1} onClick={() => onChoose(same[at + 1]?.index ?? 0)} aria-label="Visit after">
            ›
          </button>
        </div>
      )}
      {isOfExecution ? null : visit === undefined ? (
        <>
          <p className="quiet">{props.isNow ? "This state was not entered." : "This state was not entered yet at this event."}</p>
          {state && <Json text={JSON.stringify(state.fields)} label="the definition of the state" />}
        </>
      ) : (
        <Visited {...props} visit={visit} />
      )}
    </aside>
  );
}

/** The states that a visit is inside of, outermost first, and what else ran for the same item. */
function Around({ run, visit, onChoose }: { run: Run; visit: Visit; onChoose: (visit: number) => void }) {
  const around: Visit[] = [];
  for (let at = visit.parent; at !== null; at = run.visits[at]?.parent ?? null) {
    const one = run.visits[at];
    if (one !== undefined) around.unshift(one);
  }
  const beside = useMemo(() => run.visits.filter((one) => one.parent === visit.parent && one.iteration === visit.iteration).slice(0, 50), [run, visit]);
  return (
    <nav className="around" aria-label="Where the state is">
      <p>
        {around.map((one, index) => (
          <span key={one.index}>
            <button type="button" className="link" onClick={() => onChoose(one.index)}>
              {one.name}
            </button>
            {itemText(around[index + 1] ?? visit)}
            <Icon name="right" size={11} />
          </span>
        ))}
        <span aria-current="true">{visit.name}</span>
      </p>
      {visit.iteration !== null && beside.length > 1 && (
        <p className="quiet">
          Item {visit.iteration}:{" "}
          {beside.map((one) => (
            <button key={one.index} type="button" className="link" aria-pressed={one.index === visit.index} onClick={() => onChoose(one.index)}>
              {one.name}
            </button>
          ))}
        </p>
      )}
    </nav>
  );
}

const itemText = (inside: Visit): string => (inside.iteration === null ? "" : ` item ${inside.iteration}`);

function Visited(props: Shown & { visit: Visit; state: StateNode | undefined; isWide: boolean }) {
  const { visit, state, run, events, graph, executionArn, roleArn, isNow, onChoose } = props;
  // The latest one until somebody chooses another: a retry is shown as it begins.
  const [number, setNumber] = useState<number | null>(null);
  const [shows, setShows] = useState<"answer" | "copy" | null>(null);
  const attempt = (number === null ? undefined : visit.attempts[number]) ?? visit.attempts.at(-1);
  const byId = useMemo(() => new Map(events.map((event) => [event.id, event])), [events]);
  const panes = useMemo(() => dataFlow(visit, byId, state?.fields ?? {}, attempt, graph?.queryLanguage), [visit, byId, state, attempt, graph]);
  const around = useMemo(() => variablesAround(run, visit, graph), [run, visit, graph]);
  const waiting = useMemo(() => (isNow ? waitingAt(visit, events, graph) : null), [isNow, visit, events, graph]);
  const failure = attempt?.failure ?? null;
  const story = retryStory(visit);
  const isContainer = visit.type === "Map" || visit.type === "Parallel";
  const now = useNow(isContainer && visit.endedAt === null && isNow ? 1_000 : null);
  return (
    <>
      <dl className="facts">
        <Fact name="Outcome"><OutcomePill outcome={visit.outcome} /></Fact>
        <Fact name="Entered"><Time at={visit.enteredAt} isExact /></Fact>
        <Fact name="Duration"><Duration from={visit.enteredAt} to={visit.endedAt ?? (isNow ? null : lastInstant(events))} /></Fact>
      </dl>
      {waiting?.kind === "token" && (
        <div className="note tone-busy">
          <Icon name="pause" />
          <div>
            <strong>Waits for an answer</strong>
            <p>Somebody with its task token ends it, or you do.</p>
          </div>
          <button type="button" className="button is-main" onClick={() => setShows("answer")}>
            Answer by hand
          </button>
        </div>
      )}
      {waiting !== null && waiting.kind !== "token" && <WaitingNote waiting={waiting} />}
      {visit.startedArn && (
        <p>
          <Icon name="link" size={13} />{" "}
          {visit.startedArn.includes(":execution:") ? <Link href={executionPath(visit.startedArn)}>The execution that it started</Link> : <Link href={mapRunPath(visit.startedArn)}>Its map run, with every child</Link>}
        </p>
      )}
      {isNow && visit.startedArn?.includes(":mapRun:") && (
        <Suspense fallback={<Waiting what="the children" />}>
          <ChildGrid mapRunArn={visit.startedArn} isRunning={visit.endedAt === null} />
        </Suspense>
      )}
      {isContainer && visit.startedArn === null && (
        <Suspense fallback={<Waiting what="the items" />}>
          <ItemGrid visit={visit} run={run} events={events} graph={graph} now={isNow ? now : lastInstant(events)} chosen={undefined} onChoose={onChoose} />
        </Suspense>
      )}
      {visit.attempts.length > 1 && (
        <section>
          <h3>Attempts</h3>
          <ol className="attempts">
            {visit.attempts.map((one, index) => (
              <li key={index}>
                <button type="button" aria-pressed={one === attempt} onClick={() => setNumber(index === visit.attempts.length - 1 ? null : index)}>
                  <Icon name={one.failure ? "cross" : one.endedAt === null ? "running" : "check"} size={12} />
                  <span>{index + 1}</span>
                  <span className="number">{durationText((one.endedAt ?? Date.now()) - one.startedAt)}</span>
                  <span className="quiet">{one.failure?.error ?? ""}</span>
                </button>
              </li>
            ))}
          </ol>
          {story && <p className="quiet">{story}.</p>}
        </section>
      )}
      {failure && (failure.error !== "" || failure.cause !== "") && (
        <div className="note tone-bad">
          <Icon name="cross" />
          <div>
            <strong>{failure.error}</strong>
            <CauseView cause={failure.cause} />
          </div>
        </div>
      )}
      <Suspense fallback={<Waiting what="its data" />}>
        <section>
          <div className="section-head">
            <h3>Data</h3>
            {state && visit.input !== null && (
              <button type="button" className="button is-small" onClick={() => setShows("copy")}>
                <Icon name="copy" size={12} /> As a test
              </button>
            )}
          </div>
          <DataFlow panes={panes} isOver={visit.endedAt !== null} isWide={props.isWide} />
        </section>
        <VariablesAround around={around} isOver={visit.endedAt !== null} />
      </Suspense>
      {shows === "answer" && waiting?.kind === "token" && (
        <AnswerDialog waiting={waiting} suggested={suggestedOutput(graph, visit.name)} executionArn={executionArn} onClose={() => setShows(null)} />
      )}
      {shows === "copy" && state && (
        <CopyDialog
          texts={[
            {
              id: "state",
              title: "A test of this state",
              text: stateTestText({
                endpoint: window.location.origin,
                name: visit.name,
                definition: JSON.stringify(state.fields),
                language: graph?.queryLanguage ?? "JSONPath",
                roleArn,
                input: visit.input ?? "{}",
                output: visit.outcome === "succeeded" ? visit.output : null,
                failure: visit.outcome === "succeeded" ? null : failure,
                result: visit.type === "Task" ? (panes.find((pane) => pane.name === "result")?.json ?? null) : null,
                variables: around.before.size === 0 ? null : variablesJson(around.before),
              }),
            },
          ]}
          onClose={() => setShows(null)}
        />
      )}
    </>
  );
}

function lastInstant(events: readonly HistoryEvent[]): number {
  return Math.round((events.at(-1)?.timestamp ?? 0) * 1000);
}
