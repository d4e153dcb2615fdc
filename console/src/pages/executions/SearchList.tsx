import { lazy, Suspense, useMemo, useState } from "react";
import type { ReactNode } from "react";
import { Link, useLocation } from "wouter";
import { executionPath, machineOf, machinePath, nameOf } from "../../model/arn";
import type { Action, Target } from "../../model/bulk";
import { targetOf } from "../../model/bulk";
import { readCause } from "../../model/failure";
import { choiceOf, isNarrowed, progressOf } from "../../model/search";
import type { FoundExecution } from "../../model/search";
import { absoluteText } from "../../model/time";
import { Icon } from "../../ui/Icon";
import { Empty, ErrorNote, StatusPill, Time, Took, Waiting } from "../../ui/parts";
import { Rows } from "../../ui/Rows";
import type { Column } from "../../ui/Rows";
import { useQueryState } from "../../ui/useQueryState";
import { useSettled } from "../../ui/useSettled";
import { SearchFilters } from "./SearchFilters";
import { useExecutionSearch } from "./useExecutionSearch";
import type { ExecutionSearchView } from "./useExecutionSearch";

const BulkDialog = lazy(() => import("./BulkDialog"));

/** What somebody types is asked for when they pause so long. */
const SETTLED_MS = 150;

/** Executions of a state machine, or of all: any number of them, filtered by the server, selected to stop or redrive. */
export function SearchList({ machineArn, none }: { machineArn: string | null; none: ReactNode }) {
  const [get] = useQueryState();
  const chosen = JSON.stringify(choiceOf(get));
  const settled = useSettled(chosen, SETTLED_MS);
  return (
    <>
      <SearchFilters />
      <Found key={machineArn} machineArn={machineArn} choiceText={settled} none={none} />
    </>
  );
}

function Found({ machineArn, choiceText, none }: { machineArn: string | null; choiceText: string; none: ReactNode }) {
  const choice = useMemo(() => JSON.parse(choiceText) as ReturnType<typeof choiceOf>, [choiceText]);
  const found = useExecutionSearch(machineArn, choice);
  const { listing, error, isReading, isOld } = found;
  const { rows } = listing;
  // What is selected goes with what was looked for.
  const [selection, setSelection] = useState<{ of: string; targets: ReadonlyMap<string, Target> }>({ of: choiceText, targets: new Map() });
  const selected = selection.of === choiceText ? selection.targets : NONE;
  const select = (targets: ReadonlyMap<string, Target>): void => setSelection({ of: choiceText, targets });
  const [action, setAction] = useState<Action | null>(null);
  const isRead = listing.next !== undefined;
  if (!isRead && error === null) return <Waiting what="executions" />;
  const isWhole = listing.next === null;
  return (
    <div className={isOld ? "found is-old" : "found"}>
      {error && <ErrorNote error={error} onRetry={found.goOn} />}
      {isRead && (rows.length > 0 || !isWhole) && (
        <div className="list-bar">
          <LookedAt found={found} />
          <span className="space" />
          {selected.size > 0 && (
            <button type="button" className="button" onClick={() => select(new Map())}>
              Select none
            </button>
          )}
          {(["stop", "redrive"] as const).map((one) => (
            <button key={one} type="button" className="button" onClick={() => setAction(one)}>
              <Icon name={one === "stop" ? "stop" : "redo"} size={13} /> {one === "stop" ? "Stop" : "Redrive"}{" "}
              {selected.size > 0 ? `${selected.size.toLocaleString("en")} selected` : "all that match"} …
            </button>
          ))}
        </div>
      )}
      {rows.length > 0 ? (
        <Table rows={rows} showsMachine={machineArn === null} selected={selected} onSelect={select} onEnd={isWhole || isReading ? undefined : found.more} />
      ) : (
        isRead &&
        isWhole &&
        (isNarrowed(choice) ? (
          <Empty title="No execution passes the filters" icon="search">
            <p>{listing.looked.toLocaleString("en")} were looked at.</p>
          </Empty>
        ) : (
          none
        ))
      )}
      {action !== null && (
        <Suspense fallback={null}>
          <BulkDialog
            action={action}
            targets={selected.size > 0 ? current(selected, rows) : null}
            machineArn={machineArn}
            choice={choice}
            onClose={() => setAction(null)}
          />
        </Suspense>
      )}
    </div>
  );
}

/** What is selected, as it is now where that is known. */
function current(selected: ReadonlyMap<string, Target>, rows: readonly FoundExecution[]): Target[] {
  const known = new Map(rows.map((one) => [one.executionArn, one]));
  return [...selected].map(([arn, target]) => {
    const row = known.get(arn);
    return row === undefined ? target : targetOf(row);
  });
}

const NONE: ReadonlyMap<string, Target> = new Map();

/** How many there are, how far it was looked, and whether it goes on. */
function LookedAt({ found }: { found: ExecutionSearchView }) {
  const { listing, isReading, isStopped, error } = found;
  const { rows, next, looked, until } = listing;
  const part = progressOf(listing, Date.now());
  const count = `${rows.length.toLocaleString("en")} ${rows.length === 1 ? "execution" : "executions"}`;
  const seen = `${looked.toLocaleString("en")} looked at`;
  const machines = listing.machinesLeftOut > 0 ? `; ${listing.machinesLeftOut.toLocaleString("en")} state machines left out` : "";
  return (
    <>
      <span role="status">
        {count}
        <span className="quiet">
          {next === null ? (looked > rows.length ? ` of ${looked.toLocaleString("en")}` : "") : `; ${seen}${until === null ? "" : ` down to ${absoluteText(until * 1000).slice(0, 19)}`}`}
          {next !== null && part !== null && part > 0 && part < 1 ? ` (${Math.floor(part * 100)} % of the time)` : ""}
          {machines}
        </span>
      </span>
      {isReading && next !== null && (
        <>
          <Icon name="running" size={13} />
          <button type="button" className="button" onClick={found.stop}>
            Look no further
          </button>
        </>
      )}
      {!isReading && isStopped && error === null && next !== null && (
        <button type="button" className="button" onClick={found.goOn}>
          Look further
        </button>
      )}
    </>
  );
}

function Table(props: {
  rows: readonly FoundExecution[];
  showsMachine: boolean;
  selected: ReadonlyMap<string, Target>;
  onSelect: (selected: ReadonlyMap<string, Target>) => void;
  onEnd: (() => void) | undefined;
}) {
  const { rows, showsMachine, selected, onSelect, onEnd } = props;
  const [, navigate] = useLocation();
  const toggle = (one: FoundExecution): void => {
    const next = new Map(selected);
    if (!next.delete(one.executionArn)) next.set(one.executionArn, targetOf(one));
    onSelect(next);
  };
  const isAll = selected.size > 0 && rows.every((one) => selected.has(one.executionArn));
  const columns = useMemo<Column<FoundExecution>[]>(
    () => [
      {
        id: "select",
        title: "Selected",
        head: (
          <input
            type="checkbox"
            aria-label="Select all that are loaded"
            checked={isAll}
            onChange={() => onSelect(isAll ? new Map() : new Map(rows.map((one) => [one.executionArn, targetOf(one)])))}
          />
        ),
        width: "18px",
        cell: (one) => (
          <input type="checkbox" aria-label={`Select ${one.name}`} checked={selected.has(one.executionArn)} onChange={() => toggle(one)} />
        ),
      },
      { id: "status", title: "Status", width: "118px", cell: (one) => <StatusPill status={one.status} /> },
      {
        id: "name",
        title: "Name",
        width: "minmax(0, 1.4fr)",
        cell: (one) => (
          <Link className="strong mono" href={executionPath(one.executionArn)}>
            {one.name || nameOf(one.executionArn)}
          </Link>
        ),
      },
      ...(showsMachine
        ? [
            {
              id: "machine",
              title: "State machine",
              width: "minmax(0, 0.8fr)",
              isMinor: true,
              cell: (one: FoundExecution) => {
                const arn = machineOf(one.executionArn);
                return <Link href={machinePath(arn)}>{nameOf(arn)}</Link>;
              },
            },
          ]
        : []),
      { id: "why", title: "Error", width: "minmax(0, 1.4fr)", isMinor: true, cell: (one) => <Why of={one} /> },
      { id: "started", title: "Started", width: "84px", cell: (one) => <Time at={one.startDate * 1000} /> },
      {
        id: "duration",
        title: "Duration",
        width: "96px",
        isMinor: true,
        isNumber: true,
        cell: (one) => <Took of={one} />,
      },
      { id: "redrives", title: "Redrives", width: "64px", isMinor: true, isNumber: true, cell: (one) => one.redriveCount || "" },
    ],
    [showsMachine, selected, isAll, rows],
  );
  return (
    <Rows
      label="Executions"
      rows={rows}
      columns={columns}
      keyOf={(one) => one.executionArn}
      onOpen={(one) => navigate(executionPath(one.executionArn))}
      onMark={toggle}
      onEnd={onEnd}
    />
  );
}

/** Why it failed, in one line; or where the words were found that were looked for. */
function Why({ of: { error, cause, matched } }: { of: FoundExecution }) {
  return (
    <span title={cause}>
      {matched !== undefined && matched !== "name" && <span className="matched">in {matched}</span>}
      {error && <span className="tone-bad">{error}</span>} <span className="quiet">{cause && readCause(cause).message}</span>
    </span>
  );
}
