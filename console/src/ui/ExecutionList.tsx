import { useMemo } from "react";
import { Link, useLocation } from "wouter";
import { executionPath, machineOf, machinePath, nameOf } from "../model/arn";
import { filtered, WITHIN } from "../model/filters";
import type { Execution } from "../model/filters";
import { EXECUTION_STATUSES, statusLook } from "../model/status";
import { Choice } from "./Choice";
import type { Option } from "./Choice";
import { Icon } from "./Icon";
import { Empty, StatusPill, Time, Took, useNow } from "./parts";
import { Rows } from "./Rows";
import type { Column } from "./Rows";
import { SearchField } from "./SearchField";
import { useQueryState } from "./useQueryState";

const STATUSES: readonly Option<string | null>[] = [
  [null, "All"],
  ...EXECUTION_STATUSES.map((status): Option<string> => {
    const { sign, text } = statusLook(status);
    return [status, <><Icon name={sign} size={12} /> {text}</>];
  }),
];

/** Status, time and name. */
export function Filters() {
  const [get, set] = useQueryState();
  return (
    <div className="filters" role="search">
      <Choice<string | null> label="Status" options={STATUSES} chosen={get("status")} onChoose={(status) => set({ status })} />
      <select aria-label="Started within" value={get("within") ?? ""} onChange={(event) => set({ within: event.target.value })}>
        <option value="">Any time</option>
        {Object.entries(WITHIN).map(([key, { text }]) => (
          <option key={key} value={key}>
            Last {text}
          </option>
        ))}
      </select>
      <SearchField label="Search executions by name" placeholder="Search by name" />
    </div>
  );
}

/** What the filters leave of a list. */
export function Found(props: {
  executions: readonly Execution[];
  none: React.ReactNode;
  onEnd: (() => void) | undefined;
  isWhole: boolean;
  showsMachine: boolean;
}) {
  const { executions, none, onEnd, isWhole, showsMachine } = props;
  const [, navigate] = useLocation();
  const [get] = useQueryState();
  const now = useNow(get("within") ? 5_000 : null);
  const text = get("q") ?? "";
  const within = get("within");
  const rows = useMemo(() => filtered(executions, { text, within }, now), [executions, text, within, now]);
  const columns = useMemo<Column<Execution>[]>(
    () => [
      { id: "status", title: "Status", width: "118px", cell: (one) => <StatusPill status={one.status} /> },
      {
        id: "name",
        title: "Name",
        width: "minmax(0, 1.6fr)",
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
              width: "minmax(0, 1fr)",
              isMinor: true,
              cell: (one: Execution) => {
                const arn = one.stateMachineArn || machineOf(one.executionArn);
                return <Link href={machinePath(arn)}>{nameOf(arn)}</Link>;
              },
            },
          ]
        : []),
      { id: "started", title: "Started", width: "92px", cell: (one) => <Time at={one.startDate * 1000} /> },
      {
        id: "duration",
        title: "Duration",
        width: "104px",
        isMinor: true,
        isNumber: true,
        cell: (one) => <Took of={one} />,
      },
      {
        id: "redrives",
        title: "Redrives",
        width: "84px",
        isMinor: true,
        isNumber: true,
        cell: (one) => one.redriveCount || "",
      },
    ],
    [showsMachine],
  );
  if (executions.length === 0) return <>{none}</>;
  if (rows.length === 0 && isWhole) {
    return (
      <Empty title="No execution passes the filters" icon="search">
        <p>{executions.length.toLocaleString("en")} were looked at.</p>
      </Empty>
    );
  }
  return (
    <>
      <Rows
        label="Executions"
        rows={rows}
        columns={columns}
        keyOf={(one) => one.executionArn}
        onOpen={(one) => navigate(executionPath(one.executionArn))}
        onEnd={onEnd}
      />
      <p className="foot quiet" role="status">
        {rows.length.toLocaleString("en")} {rows.length === 1 ? "execution" : "executions"}
        {rows.length < executions.length ? ` of ${executions.length.toLocaleString("en")} loaded` : ""}
        {isWhole ? "" : "; more are loaded as you scroll"}
      </p>
      {!isWhole && rows.length < 20 && onEnd && (
        <button type="button" className="button" onClick={onEnd}>
          Look at more
        </button>
      )}
    </>
  );
}
