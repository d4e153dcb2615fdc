import { useMemo, useState } from "react";
import { Link } from "wouter";
import { executionPath, mapRunPath } from "../../model/arn";
import { dataFlow } from "../../model/dataFlow";
import type { Pane } from "../../model/dataFlow";
import type { StateNode } from "../../model/definition";
import { readCause } from "../../model/failure";
import { detailsOf } from "../../model/history";
import type { HistoryEvent, Run, Visit } from "../../model/history";
import { durationText } from "../../model/time";
import { Icon } from "../../ui/Icon";
import { Json } from "../../ui/Json";
import { Duration, Fact, OutcomePill, Time } from "../../ui/parts";

/** Visits of one state that can be stepped through; a Map has more than anybody steps through. */
const STEPS_MAX = 10_000;

/** The state that is chosen: how it went, each attempt, and its data. */
export function StatePanel(props: {
  visit: Visit | undefined;
  state: StateNode | undefined;
  run: Run;
  events: readonly HistoryEvent[];
  /** An event of the table that is chosen; it comes first. */
  event: HistoryEvent | undefined;
  onChoose: (visit: number) => void;
  onClose: () => void;
}) {
  const { visit, state, run, events, event, onChoose, onClose } = props;
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
        <button type="button" className="icon-button" onClick={onClose} aria-label="Close the panel">
          <Icon name="cross" />
        </button>
      </header>
      {event && (
        <section>
          <h3>
            Event {event.id}, {event.type}
          </h3>
          <Json text={JSON.stringify(detailsOf(event))} label="the details of the event" />
        </section>
      )}
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
          <p className="quiet">This state was not entered.</p>
          {state && <Json text={JSON.stringify(state.fields)} label="the definition of the state" />}
        </>
      ) : (
        <Visited visit={visit} state={state} events={events} />
      )}
    </aside>
  );
}

function Visited({ visit, state, events }: { visit: Visit; state: StateNode | undefined; events: readonly HistoryEvent[] }) {
  // The latest one until somebody chooses another: a retry is shown as it begins.
  const [number, setNumber] = useState<number | null>(null);
  const attempt = (number === null ? undefined : visit.attempts[number]) ?? visit.attempts.at(-1);
  const byId = useMemo(() => new Map(events.map((event) => [event.id, event])), [events]);
  const panes = useMemo(() => dataFlow(visit, byId, state?.fields ?? {}, attempt), [visit, byId, state, attempt]);
  const failure = attempt?.failure ?? null;
  const cause = failure === null ? null : readCause(failure.cause);
  return (
    <>
      <dl className="facts">
        <Fact name="Outcome"><OutcomePill outcome={visit.outcome} /></Fact>
        <Fact name="Entered"><Time at={visit.enteredAt} isExact /></Fact>
        <Fact name="Duration"><Duration from={visit.enteredAt} to={visit.endedAt} /></Fact>
      </dl>
      {visit.startedArn && (
        <p>
          <Icon name="link" size={13} />{" "}
          {visit.startedArn.includes(":execution:") ? <Link href={executionPath(visit.startedArn)}>The execution that it started</Link> : <Link href={mapRunPath(visit.startedArn)}>Its map run, with every child</Link>}
        </p>
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
        </section>
      )}
      {failure && cause && (
        <div className="note tone-bad">
          <Icon name="cross" />
          <div>
            <strong>{failure.error}</strong>
            <p className="cause">{cause.message}</p>
          </div>
        </div>
      )}
      <section>
        <h3>Data</h3>
        {panes.map((pane) => (
          <PaneView key={pane.name} pane={pane} isOpen={pane.name === "input" || pane.name === "output"} />
        ))}
        {visit.assigned && (
          <details className="pane">
            <summary>Variables that were assigned</summary>
            <Json text={JSON.stringify(Object.fromEntries(Object.entries(visit.assigned).map(([key, text]) => [key, parsed(text)])))} label="the variables" />
          </details>
        )}
      </section>
    </>
  );
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

const SOURCES = { recorded: "", derived: "follows from the definition", absent: "not yet", unrecorded: "not in the history" } as const;

function PaneView({ pane, isOpen }: { pane: Pane; isOpen: boolean }) {
  return (
    <details className="pane" open={isOpen && pane.json !== null}>
      <summary>
        {pane.title} <span className="quiet">{SOURCES[pane.source]}</span>
      </summary>
      {pane.field !== null && <code className="pane-field">{pane.field}</code>}
      {pane.json !== null && <Json text={pane.json} label={pane.title} />}
    </details>
  );
}
